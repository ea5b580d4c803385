//! A reader's connection over HTTP: what is judged when it comes, and how it may end.

use super::{Client, Ended, Rules};
use crate::kernel::Kernel;
use crate::ledger::Ledger;
use crate::reader::Kind;
use crate::reader::answer::Next;

impl Client {
    /// Whether a reader listens here, and not over a WebSocket.
    pub(super) fn reads_http(&self) -> bool {
        self.reader
            .as_ref()
            .is_some_and(|r| !r.kind.is_web_socket())
    }

    pub(super) fn judge_reader(
        &mut self,
        input: &[u8],
        ledger: &mut Ledger,
        rules: Rules,
    ) -> Result<Option<usize>, String> {
        let late = self.excuses.late;
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        if self.last_answer || reader.asks_at_ms.is_some() {
            return Err("an answer to nothing asked".into());
        }
        let (n, next) = reader.judge(input, late, ledger, rules)?;
        match next {
            Next::More => {}
            Next::Answered => reader.asks_at_ms = Some(0),
            Next::Last => self.last_answer = true,
        }
        Ok(Some(n))
    }

    /// The server ended a reader's connection: it has a reason, and stopped at a border.
    pub(super) fn judge_reader_end(
        &mut self,
        kernel: &mut Kernel,
        rules: Rules,
        reset: bool,
    ) -> Result<(), String> {
        let blocked = kernel.socket(self.socket).was_blocked;
        let excused = blocked || rules.frugal || rules.tight || rules.draining;
        let excuses = self.excuses.silent || self.excuses.late || self.last_answer;
        let Some(reader) = &mut self.reader else {
            return Ok(());
        };
        // An event stream or page that there is no room for is a short one, so that browsers come
        // back; several channels together take the place of one more.
        let full = reader.is_several() && matches!(reader.kind, Kind::Sse { .. } | Kind::Iframe);
        reader.refused |= full;
        let inside = reader.ended();
        if !reset {
            inside?;
        }
        if !excused && !excuses && !full {
            return Err(format!(
                "{:?} ended without a reason, reset {reset}",
                reader.kind
            ));
        }
        kernel.client_close(self.socket);
        self.end(Ended::Closed);
        Ok(())
    }
}
