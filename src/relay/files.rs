//! Files at `/`, for those who host their page beside the relay.
//!
//! Rules: a file is asked about each time (`no-cache`) and answered 304 when it is the same. Ranges
//! are not offered (RFC 9110 14.2 lets a server ignore them): the whole file comes. The body of a
//! large one is shared, so that a thousand slow readers of it cost a thousand numbers.

use super::Relay;
use super::requests::check_get;
use crate::close::Reason;
use crate::files::{File, Found};
use crate::http::{self, Answer, Request};
use crate::limits::OUT_BYTES_LEAST;

impl Relay {
    /// Answers a request for a file.
    pub(super) fn file(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        origin: Option<&str>,
        now: u64,
    ) -> Result<(), Reason> {
        let found = http::file_path(request.path).and_then(|path| self.settings.files.find(&path));
        let found = found.ok_or(Reason::NotFound)?;
        check_get(request)?;
        match found {
            Found::File(file) => self.send_file(slot, request, &file, origin, now),
            Found::Directory => self.add_slash(slot, request, origin, now),
        }
        Ok(())
    }

    fn send_file(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
        file: &File,
        origin: Option<&str>,
        now: u64,
    ) {
        let headers = [
            ("ETag", &*file.etag),
            ("Cache-Control", "no-cache"),
            ("X-Content-Type-Options", "nosniff"),
        ];
        let mut answer = Answer {
            status: 200,
            content_type: file.content_type,
            body: &file.body,
            headers: &headers,
            reply: request.reply(),
            ..Answer::default()
        };
        if http::has_already(request.headers, &file.etag) {
            (answer.status, answer.content_type) = (304, "");
        }
        let has_body = answer.status == 200 && !answer.reply.head_only;
        let shared = (has_body && file.body.len() > OUT_BYTES_LEAST).then(|| file.body.clone());
        self.answer_sharing(slot, answer, shared, origin, now);
    }

    /// Sends the client to the directory, where links are relative to it. The reference is relative
    /// to the last segment, so that it is right behind a proxy's prefix too, and begins with `./`,
    /// so that it never names a scheme or a host.
    fn add_slash(&mut self, slot: u32, request: &Request<'_, '_>, origin: Option<&str>, now: u64) {
        let (_, name) = request.path.rsplit_once('/').unwrap_or_default();
        let query = request.query.map(|query| format!("?{query}"));
        let location = format!("./{name}/{}", query.unwrap_or_default());
        let headers = [("Location", &*location), ("Cache-Control", "no-cache")];
        let answer = Answer {
            status: 301,
            content_type: "text/plain; charset=utf-8",
            body: b"this is a directory: its path ends with a slash\n",
            headers: &headers,
            reply: request.reply(),
            ..Answer::default()
        };
        self.answer(slot, answer, origin, now);
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::files::Files;
    use crate::limits::SEND_BYTES_PER_TURN;
    use crate::settings::Settings;
    use crate::wire::{Role, Sent, Wire};

    /// Takes everything.
    #[derive(Default)]
    struct Kernel(Vec<u8>);

    impl Wire for Kernel {
        fn send(&mut self, _slot: u32, bytes: &[u8]) -> Sent {
            self.0.extend_from_slice(bytes);
            Sent::All
        }

        fn send_vectored(&mut self, _slot: u32, slices: &[IoSlice<'_>]) -> Sent {
            slices.iter().for_each(|s| self.0.extend_from_slice(s));
            Sent::All
        }
    }

    #[test]
    fn a_large_file_is_sent_over_several_turns_and_held_by_nobody() {
        let body: Vec<u8> = (0..3 * SEND_BYTES_PER_TURN).map(|i| i as u8).collect();
        let file = File {
            content_type: "text/plain",
            etag: "\"1\"".into(),
            body: body.clone().into(),
        };
        let settings = Settings {
            files: Files::new([("a.txt".to_owned(), file)]),
            ..Settings::default()
        };
        let (mut relay, mut kernel) = (Relay::new(settings), Kernel::default());
        relay.accepted(Role::Public, IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let mut request = b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
        relay.input(0, &mut request, false, 0);
        let mut turns = 0;
        while relay.peer(0).out_len() > 0 {
            let before = kernel.0.len();
            relay.flush(&mut kernel, 0);
            let sent = kernel.0.len() - before;
            assert!(sent <= SEND_BYTES_PER_TURN + 1024, "{sent}");
            let held = relay.memory_bytes();
            assert!(held < 8192, "{held}");
            turns += 1;
            assert!(turns <= 3);
        }
        assert!(kernel.0.ends_with(&body) && turns == 3);
    }
}
