//! The page to try the relay with: one file, no outside resources, and told where Socket.IO is.
//!
//! Rules: the page offers Socket.IO only where it is spoken and the client that its authors publish
//! is among the files that are served; ours is none. What the page is told is JSON inside a script
//! element, which no text in it can end.

use std::borrow::Cow;

use serde::Serialize;

use crate::settings::Settings;

/// The page as it is for everybody.
const PAGE: &str = include_str!("../page/index.html");

/// Where in it stands what it is told.
const TOLD: &str = "<script type=\"application/json\" id=\"relay\">{}</script>";

/// Where the client for browsers is looked for: at the top, and below the usual path.
const CLIENTS: [&str; 2] = ["socket.io.min.js", "socket.io/socket.io.min.js"];

/// What the page is told of Socket.IO.
#[derive(Serialize)]
struct Told<'a> {
    client: &'a str,
    path: &'a str,
    channel: &'a str,
    recovery: bool,
    payload_max: usize,
}

/// The page as it is served with these settings.
pub(super) fn page(settings: &Settings) -> Cow<'static, [u8]> {
    let socketio = &settings.socketio;
    let there = |name: &&&str| settings.files.find(name).is_some();
    let client = CLIENTS
        .iter()
        .find(there)
        .filter(|_| !socketio.path.is_empty());
    let Some(client) = client else {
        return Cow::Borrowed(PAGE.as_bytes());
    };
    let told = Told {
        client,
        path: &socketio.path,
        channel: &socketio.channel,
        recovery: socketio.recovery,
        payload_max: settings.limits.payload_bytes_max,
    };
    let json = serde_json::to_string(&told).unwrap_or_default();
    let json = json.replace('<', "\\u003c");
    Cow::Owned(PAGE.replace(TOLD, &TOLD.replace("{}", &json)).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{File, Files};

    fn settings(file: &str) -> Settings {
        let body = File {
            content_type: "text/javascript",
            etag: "\"1\"".into(),
            body: [].into(),
        };
        Settings {
            files: Files::new([(file.to_owned(), body)]),
            ..Settings::default()
        }
    }

    #[test]
    fn the_page_is_told_of_socket_io_where_its_client_is_served() {
        let mut there = settings("socket.io/socket.io.min.js");
        there.socketio.channel = "a\"</script>".into();
        there.socketio.recovery = true;
        let page = String::from_utf8(page(&there).into_owned()).unwrap();
        let told = "id=\"relay\">{\"client\":\"socket.io/socket.io.min.js\",\"path\":\"/socket.io/\",\
                    \"channel\":\"a\\\"\\u003c/script>\",\"recovery\":true,\"payload_max\":1500000}</script>";
        assert_eq!(page.matches(told).count(), 1);
        assert_eq!(
            page.len(),
            PAGE.len() + told.len() - "id=\"relay\">{}</script>".len()
        );
    }

    #[test]
    fn everybody_else_gets_the_page_as_it_is() {
        assert_eq!(PAGE.matches(TOLD).count(), 1);
        let mut off = settings("socket.io.min.js");
        off.socketio.path.clear();
        for settings in [Settings::default(), settings("other.js"), off] {
            assert_eq!(*page(&settings), *PAGE.as_bytes());
        }
    }
}
