//! Log lines through `tracing`: human or JSON, to standard error, never to standard output.
//!
//! A thread of its own writes them: where nobody reads standard error, lines wait up to a bound and
//! are then lost and counted, and the loop goes on.

use std::io::{IsTerminal, Write};

use tracing::Dispatch;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::values::Bad;
use crate::limits::LOG_LINES_MAX;
use crate::settings::Lost;

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines to read, coloured on a terminal unless `NO_COLOR` is set.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// Reads `human` or `json`.
    pub fn parse(text: &str) -> Result<LogFormat, Bad> {
        match text {
            "human" => Ok(LogFormat::Human),
            "json" => Ok(LogFormat::Json),
            _ => Err(Bad::new(text, "is not a log format", "human or json")),
        }
    }

    /// The word that [`LogFormat::parse`] reads.
    pub fn word(self) -> &'static str {
        match self {
            LogFormat::Human => "human",
            LogFormat::Json => "json",
        }
    }
}

/// Checks a log filter. A word alone must be a level: the library would take a misspelt one
/// (`inof`) for the name of a target.
pub fn check_filter(text: &str) -> Result<(), Bad> {
    let level = |word: &str| {
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        levels.iter().any(|l| l.eq_ignore_ascii_case(word))
    };
    let known = |part: &str| part.contains(['=', '[', ']', '{', '}']) || level(part);
    let bad = || {
        let allowed = "off, error, warn, info, debug or trace, or TARGET=LEVEL with commas between";
        Bad::new(text, "is not a log level", allowed)
    };
    if !text.split(',').all(known) {
        return Err(bad());
    }
    EnvFilter::builder()
        .parse(text)
        .map(drop)
        .map_err(|_| bad())
}

/// Logging under way. Lines that wait are written when this is dropped, for a second at most.
#[derive(Debug)]
pub struct Logging {
    lost: ErrorCounter,
    _writer: WorkerGuard,
}

impl Logging {
    /// Counts the lines that were lost.
    pub fn lost(&self) -> Lost {
        let lost = self.lost.clone();
        Lost::counted_by(move || lost.dropped_lines() as u64)
    }
}

/// Starts logging for the whole process. Fails if the filter is bad or logging was started
/// before.
pub fn init(format: LogFormat, filter: &str) -> Result<Logging, String> {
    let (to, logging) = writer(std::io::stderr(), LOG_LINES_MAX);
    let dispatch = dispatch(format, filter, to, colours())?;
    tracing::dispatcher::set_global_default(dispatch)
        .map_err(|e| format!("logging cannot be started: {e}"))?;
    Ok(logging)
}

/// Writes on a thread of its own; `lines` wait for it at most.
fn writer(to: impl Write + Send + 'static, lines: usize) -> (NonBlocking, Logging) {
    let builder = NonBlockingBuilder::default().buffered_lines_limit(lines);
    let (writer, guard) = builder.lossy(true).thread_name("log").finish(to);
    let lost = writer.error_counter();
    let logging = Logging {
        lost,
        _writer: guard,
    };
    (writer, logging)
}

fn dispatch<W>(format: LogFormat, filter: &str, to: W, ansi: bool) -> Result<Dispatch, String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|e| format!("log filter {filter:?}: {e}"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(to);
    Ok(match format {
        LogFormat::Human => lines.with_ansi(ansi).into(),
        LogFormat::Json => lines.json().flatten_event(true).into(),
    })
}

fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn levels_and_directives() {
        for text in [
            "info",
            "WARN",
            "off",
            "info,longwave::server=debug",
            "a=trace,b=off",
        ] {
            assert_eq!(check_filter(text), Ok(()), "{text}");
        }
        for text in [
            "",
            "inof",
            "info,",
            "longwave",
            "longwave=loud",
            "info;debug",
            "a=trace, b=off",
        ] {
            assert!(check_filter(text).is_err(), "{text}");
        }
    }

    /// What is written when an info and a debug event happen.
    fn written(format: LogFormat, filter: &str) -> String {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let to = Writer(bytes.clone());
        let dispatch = dispatch(format, filter, move || to.clone(), false).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!(port = 8080, "a \"line\"\nof text");
            tracing::debug!("not by default");
        });
        String::from_utf8(bytes.lock().unwrap().clone()).unwrap()
    }

    #[derive(Clone)]
    struct Writer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn json_is_one_object_per_line() {
        let text = written(LogFormat::Json, "info");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with('{') && text.ends_with("}\n"), "{text}");
        for part in [
            "\"level\":\"INFO\"",
            "\"port\":8080",
            r#""message":"a \"line\"\nof text""#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn human_lines_are_plain_and_filtered() {
        let text = written(LogFormat::Human, "info");
        assert!(
            text.contains(" INFO ") && text.contains("port=8080"),
            "{text}"
        );
        assert!(
            !text.contains("not by default") && !text.contains('\u{1b}'),
            "{text}"
        );
        let text = written(LogFormat::Human, "off,longwave=debug");
        assert!(text.contains("not by default"), "{text}");
        assert_eq!(written(LogFormat::Human, "off"), "");
    }

    /// Takes nothing until it may.
    struct Stuck(std::sync::mpsc::Receiver<()>, Writer);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_reads_wait_then_are_lost_and_counted_and_hold_nobody_up() {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (go_on, wait) = std::sync::mpsc::channel();
        let (to, logging) = writer(Stuck(wait, Writer(bytes.clone())), 3);
        let dispatch = dispatch(LogFormat::Human, "info", to, false).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            (0..10).for_each(|n| tracing::info!(n, "a line"));
        });
        // Three wait, and one may be on its way out.
        let lost = logging.lost().count();
        assert!((6..=7).contains(&lost), "{lost}");
        drop(go_on);
        drop(logging);
        let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count() as u64, 10 - lost, "{text}");
    }

    #[test]
    fn formats_read_back() {
        for format in [LogFormat::Human, LogFormat::Json] {
            assert_eq!(LogFormat::parse(format.word()), Ok(format));
        }
        assert!(LogFormat::parse("JSON").is_err());
    }
}
