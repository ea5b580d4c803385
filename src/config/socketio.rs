//! Where Socket.IO is spoken: its path and its channel, read and checked.
//!
//! Rules: a path is compared byte for byte, so it holds nothing that clients or proxies write in
//! more than one way, and no other path of the relay's own lies in it or above it.

use super::values::Bad;
use crate::files::OWN;
use crate::http::path::is_channel_name;
use crate::limits::CHANNEL_NAME_BYTES_MAX;
use crate::settings::SocketIo;

/// Checks the path of sessions; the empty one turns them off.
pub fn path(text: &str) -> Result<(), Bad> {
    match problem(text) {
        None => Ok(()),
        Some(problem) => Err(Bad::new(
            text,
            problem,
            "a path such as /socket.io/ or /app/io/, or nothing: no Socket.IO",
        )),
    }
}

fn problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return None;
    }
    let inner = text.strip_prefix('/').and_then(|t| t.strip_suffix('/'));
    let Some(inner) = inner else {
        return Some(match text {
            "/" => "is the path of everything",
            _ => "does not begin and end with /",
        });
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&b);
    if !inner.bytes().all(plain) {
        return Some("has a character that paths have only as %.., or not at all");
    }
    if inner
        .split('/')
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        return Some("has a segment that is empty, . or ..");
    }
    let first = inner.split('/').next();
    first
        .is_some_and(|first| OWN.contains(&first))
        .then_some("is below a path of the relay's own")
}

/// Checks the name of the channel that is the namespace `/`.
pub fn channel(text: &str) -> Result<(), Bad> {
    if is_channel_name(text) {
        return Ok(());
    }
    Err(Bad::new(
        text,
        "is not a channel name",
        format!("1 to {CHANNEL_NAME_BYTES_MAX} bytes without control characters, not . or .."),
    ))
}

/// Refuses what did not come through the options, and two paths that are one.
pub fn check(socketio: &SocketIo) -> Result<(), String> {
    let refuse = |key: &str, bad: Bad| {
        let Bad {
            value,
            problem,
            allowed,
        } = bad;
        format!("{key} {value:?} {problem}; allowed: {allowed}")
    };
    path(&socketio.path).map_err(|bad| refuse("socketio_path", bad))?;
    channel(&socketio.channel).map_err(|bad| refuse("socketio_channel", bad))?;
    path(&socketio.engine_path).map_err(|bad| refuse("engine_path", bad))?;
    if !socketio.path.is_empty() && socketio.path == socketio.engine_path {
        return Err(format!(
            "socketio_path and engine_path are both {:?}",
            socketio.path
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_clients_can_be_given() {
        for text in [
            "",
            "/socket.io/",
            "/app/io/",
            "/a/",
            "/channels2/",
            "/io/channels/",
            "/.ws/",
        ] {
            assert_eq!(path(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn paths_that_could_not_be_told_from_others_are_refused() {
        for (text, word) in [
            ("/", "everything"),
            ("socket.io/", "begin and end"),
            ("/socket.io", "begin and end"),
            ("//", "empty"),
            ("/a//b/", "empty"),
            ("/./", "empty, . or .."),
            ("/a/../", "empty, . or .."),
            ("/a b/", "character"),
            ("/a%20b/", "character"),
            ("/a?b/", "character"),
            ("/ä/", "character"),
            ("/a\\/", "character"),
            ("/channels/", "relay's own"),
            ("/channels/io/", "relay's own"),
            ("/echo/", "relay's own"),
            ("/metrics/x/", "relay's own"),
        ] {
            let bad = path(text).unwrap_err();
            assert!(bad.problem.contains(word), "{text}: {}", bad.problem);
        }
    }

    #[test]
    fn what_was_set_by_hand_is_checked_too() {
        let with = |path: &str, channel: &str, engine: &str| {
            check(&SocketIo {
                path: path.into(),
                channel: channel.into(),
                engine_path: engine.into(),
                ..SocketIo::default()
            })
        };
        assert_eq!(check(&SocketIo::default()), Ok(()));
        assert_eq!(with("", "chat room", "/engine.io/"), Ok(()));
        assert_eq!(with("", "a", ""), Ok(()));
        for (refused, start) in [
            (with("/a", "a", ""), "socketio_path \"/a\" does not begin"),
            (
                with("/a/", "", ""),
                "socketio_channel \"\" is not a channel name",
            ),
            (with("/a/", "a\n", ""), "socketio_channel \"a\\n\" is not"),
            (with("/a/", "a", "/"), "engine_path \"/\" is the path of"),
            (
                with("/a/", "a", "/a/"),
                "socketio_path and engine_path are both",
            ),
        ] {
            let error = refused.unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }
}
