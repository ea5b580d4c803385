//! Requests inside requests: nothing behind a request with odd framing is read.

use crate::support::*;

const HIDDEN: &str = "POST /channels/a HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nsmuggled";

/// Framing headers that two readers may understand differently (RFC 9112 6.1, 6.3, 7.1).
const ODD: &[(&str, &str, u16)] = &[
    (
        "both",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "both, lengths last",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "two lengths",
        "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        400,
    ),
    (
        "two equal lengths",
        "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        400,
    ),
    ("a list of lengths", "Content-Length: 4, 4\r\n\r\nabcd", 400),
    ("a signed length", "Content-Length: +4\r\n\r\nabcd", 400),
    ("a negative length", "Content-Length: -1\r\n\r\n", 400),
    (
        "a hexadecimal length",
        "Content-Length: 0x4\r\n\r\nabcd",
        400,
    ),
    ("an empty length", "Content-Length: \r\n\r\n", 400),
    (
        "a length over 64 bits",
        "Content-Length: 18446744073709551620\r\n\r\nabcd",
        400,
    ),
    (
        "an unknown coding",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    (
        "a coding before chunked",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    (
        "chunked not last",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "chunked twice",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a blank before the colon",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a folded line",
        "X: a\r\n Content-Length: 4\r\n\r\nabcd",
        400,
    ),
    ("a bare CR", "X: a\rContent-Length: 4\r\n\r\nabcd", 400),
    (
        "a chunk size with a sign",
        "Transfer-Encoding: chunked\r\n\r\n+4\r\nabcd\r\n0\r\n\r\n",
        400,
    ),
    (
        "a chunk size with 0x",
        "Transfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n",
        400,
    ),
    (
        "a chunk size that wraps",
        "Transfer-Encoding: chunked\r\n\r\n10000000000000004\r\nabcd\r\n0\r\n\r\n",
        400,
    ),
    (
        "a chunk without its end",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nabcdXX0\r\n\r\n",
        400,
    ),
    (
        "a chunk line that ends in LF",
        "Transfer-Encoding: chunked\r\n\r\n4\nabcd\r\n0\r\n\r\n",
        400,
    ),
];

/// Each is answered once, the connection is closed, and the request behind it never happens.
#[test]
fn nothing_is_read_behind_odd_framing() {
    let relay = Relay::plain();
    let mut listener = relay.ws("/channels/a");
    for (what, rest, status) in ODD {
        let mut peer = relay.connect();
        peer.write(format!(
            "POST /channels/b HTTP/1.1\r\nHost: x\r\n{rest}{HIDDEN}"
        ));
        let answer = peer.answer();
        assert_eq!(answer.status, *status, "{what}");
        assert_eq!(answer.header("connection"), Some("close"), "{what}");
        assert_eq!(peer.rest(), End::Eof, "{what}");
        assert!(peer.input.is_empty(), "{what}: answered twice");
    }
    assert_eq!(relay.metric("messages_in_total"), 0);
    relay.handle.publish_text("a", "not smuggled").unwrap();
    assert_eq!(listener.message(), b"not smuggled");
    drop(listener);
    relay.recovers();
}

/// The body of a request that is refused is not the next request.
#[test]
fn the_body_of_a_refused_request_is_not_read_as_a_request() {
    let relay = Relay::start(|c| c.settings.publish_key = Some("k".into()));
    let len = HIDDEN.len();
    let heads = [
        "POST /channels/a",
        "POST /nowhere",
        "POST /healthz",
        "GET /healthz",
        "DELETE /channels/a",
    ];
    for head in heads {
        let mut peer = relay.connect();
        peer.write(format!(
            "{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n{HIDDEN}"
        ));
        let answer = peer.answer();
        assert!((400..500).contains(&answer.status), "{head}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{head}");
        assert_eq!(peer.rest(), End::Eof, "{head}");
        assert!(peer.input.is_empty(), "{head}: answered twice");
    }
    assert_eq!(relay.refused("unauthorized"), 2);
    relay.recovers();
}

/// And good framing, pipelined, is read to the byte.
#[test]
fn what_follows_good_framing_is_the_next_request() {
    let relay = Relay::plain();
    let bodies = [
        "Content-Length: 4\r\n\r\nabcd",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    ];
    for body in bodies {
        let mut peer = relay.connect();
        peer.write(format!(
            "POST /channels/b HTTP/1.1\r\nHost: x\r\n{body}{HIDDEN}"
        ));
        assert_eq!((peer.answer().status, peer.answer().status), (202, 202));
    }
    assert_eq!(relay.metric("messages_in_total"), 4);
    relay.recovers();
}
