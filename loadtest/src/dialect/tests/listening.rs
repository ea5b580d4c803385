//! Listening by HTTP: event streams and long-polls, cut at every byte.

use super::*;

/// A session with its request sent, and that request.
fn begin(words: &str, after: Option<Position>) -> (Talk, String) {
    let endpoint = at(words).listen;
    let mut talk = Talk::after(&endpoint, after);
    let mut wire = Wire {
        out: &mut talk.out,
        random: &mut talk.random,
    };
    talk.session.begin(&mut wire);
    let request = talk.asked();
    (talk, request)
}

fn at(words: &str) -> Endpoints {
    let url = Url::parse_http("http://127.0.0.1:9/a").unwrap();
    options(words).endpoints(url).unwrap()
}

impl Talk {
    /// What was asked since.
    fn asked(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.out)).unwrap()
    }
}

const SSE: &str = "--dialect sse";
const POLL: &str = "--dialect poll";

fn payloads() -> [Vec<u8>; 2] {
    [4, 5].map(|sequence| {
        Maker::of(Form::Text, 1, 150, 2)
            .make(3, sequence, 5)
            .to_vec()
    })
}

/// An event stream: a comment, a message, a gap, a message, one of another name.
fn stream() -> Vec<u8> {
    let [a, b] = payloads();
    [
        b": hi\n\nretry: 500\nid: 7:1\ndata: ",
        &a[..],
        b"\n\nevent: gap\ndata: {\"after\":\"7:1\",\"next\":\"7:5\",\"missed\":3}\n\nid: 7:5\ndata: ",
        &b,
        b"\n\nevent: other\nid: 7:6\ndata: x\n\n",
    ]
    .concat()
}

/// The same as chunks of this many bytes.
fn chunked(bytes: &[u8], size: usize) -> Vec<u8> {
    let chunk =
        |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    bytes.chunks(size).flat_map(chunk).collect()
}

#[test]
fn an_event_stream_in_any_framing_cut_anywhere() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n";
    let to_the_end = [head, &b"Connection: close\r\n\r\n"[..], &stream()].concat();
    let in_chunks = |size| {
        let coding = b"Transfer-Encoding: chunked\r\n\r\n";
        [head, &coding[..], &chunked(&stream(), size)].concat()
    };
    let [a, b] = payloads();
    for answer in [to_the_end, in_chunks(1000), in_chunks(17), in_chunks(1)] {
        for at in 0..answer.len() {
            let (mut talk, request) = begin(SSE, None);
            assert!(request.starts_with("GET /a HTTP/1.1\r\nHost: 127.0.0.1:9\r\n"));
            assert!(request.contains("\r\nAccept: text/event-stream\r\n"));
            assert!(request.ends_with("\r\n\r\n") && !request.contains("Last-Event-ID"));
            assert!(!talk.session.is_open() && talk.session.position().is_none());
            talk.bytes(&answer[..at]).unwrap();
            talk.bytes(&answer[at..]).unwrap();
            assert!(talk.session.is_open());
            let heard = [
                (false, a.clone()),
                (false, b.clone()),
                (true, b"x".to_vec()),
            ];
            assert_eq!(talk.heard(), heard, "cut at {at}");
            assert_eq!(talk.gaps, [Some(3)]);
            let (_, again) = begin(SSE, talk.session.position());
            assert!(again.ends_with("\r\nLast-Event-ID: 7:6\r\n\r\n"), "{again}");
        }
    }
}

#[test]
fn an_event_stream_that_is_none_or_that_ends() {
    for (answer, why) in [
        ("HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n", "503 Full"),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
            "no text/event-stream",
        ),
        ("nonsense\r\n\r\n", "not HTTP"),
    ] {
        let (mut talk, _) = begin(SSE, None);
        let Err(Ended::Refused(said)) = talk.bytes(answer.as_bytes()) else {
            panic!("{answer} is no stream");
        };
        assert!(said.contains(why), "{said}");
    }
    let (mut talk, _) = begin(SSE, None);
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    talk.bytes(head).unwrap();
    let end = talk.bytes(b"4\r\n:hi\n\r\n0\r\n\r\n");
    assert_eq!(end, Err(Ended::Cut("the event stream ended".to_owned())));
    let (mut talk, _) = begin(SSE, None);
    talk.bytes(head).unwrap();
    assert!(matches!(talk.bytes(b"x\r\n"), Err(Ended::Http(_))));
}

/// An answer with this body, and where it stands.
fn answer(status: &str, place: u32, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: {place}\r\n{more}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn asks_after(place: u32) -> String {
    format!(
        "GET /a HTTP/1.1\r\nHost: 127.0.0.1:9\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nIf-None-Match: {place}\r\n\r\n"
    )
}

#[test]
fn polls_one_after_the_other_cut_anywhere() {
    let [a, b] = payloads();
    let gap = "Longwave-Gap: {\"after\":\"7:1\",\"next\":\"7:5\",\"missed\":null}\r\n";
    let answers = [
        answer("200 OK", 1, "", &a),
        answer("408 Request Timeout", 2, "", b"nothing new"),
        answer("200 OK", 5, gap, &b),
    ];
    for cut in 0..answers[0].len() {
        let (mut talk, request) = begin(POLL, None);
        assert_eq!(request, "GET /a HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n");
        assert!(talk.session.is_open());
        for (answer, place) in answers.iter().zip([1, 2, 5]) {
            let before = talk.session.position();
            let (one, two) = answer.split_at(cut.min(answer.len() - 1));
            talk.bytes(one).unwrap();
            assert!(talk.asked().is_empty(), "one request at a time");
            assert_eq!(talk.session.position(), before, "it has not got it");
            assert!(talk.gaps.is_empty(), "who asks again is told again");
            talk.bytes(two).unwrap();
            assert_eq!(talk.asked(), asks_after(place));
        }
        assert_eq!(talk.heard(), [(false, a.clone()), (false, b.clone())]);
        assert_eq!(talk.gaps, [None]);
        let (_, again) = begin(POLL, talk.session.position());
        assert_eq!(again, asks_after(5));
    }
}

#[test]
fn polls_that_go_wrong() {
    let two = [answer("200 OK", 1, "", b"a"), answer("200 OK", 2, "", b"b")].concat();
    for (answer, why) in [
        (
            answer("410 Gone", 1, "", b""),
            "a poll was answered 410 Gone",
        ),
        (answer("204 No Content", 1, "", b""), "204"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "without Last-Modified and Etag",
        ),
        (two, "nobody asked"),
    ] {
        let (mut talk, _) = begin(POLL, None);
        let Err(Ended::Http(said)) = talk.bytes(&answer) else {
            panic!("that is no answer to a poll");
        };
        assert!(said.contains(why), "{said}");
    }
    let (mut talk, _) = begin(POLL, None);
    let last = answer("200 OK", 1, "Connection: close\r\n", b"a");
    assert!(matches!(talk.bytes(&last), Err(Ended::Cut(_))));
    assert_eq!(talk.heard(), [(false, b"a".to_vec())]);
}

#[test]
fn who_listens_by_http_publishes_elsewhere() {
    for words in [SSE, POLL] {
        assert!(!options(words).talk().publishers_listen);
        assert_eq!(options(words).form(), Form::Text);
        let publish = at(words).publish.unwrap();
        assert_eq!((publish.via, publish.url.path.as_str()), (Via::Post, "/a"));
        let other = format!("{words} --publish-url ws://127.0.0.1:0/b");
        let publish = at(&other).publish.unwrap();
        assert_eq!(
            (publish.via, publish.url.address.port()),
            (Via::WebSocket, 9)
        );
    }
    let error = options(SSE).parse("ws://127.0.0.1:9/").unwrap_err();
    assert!(error.contains("expected http://"), "{error}");
}

#[test]
fn how_many_are_missing_is_read_from_any_form_of_announcement() {
    for (text, expected) in [
        ("{\"after\":\"1:2\",\"next\":\"1:9\",\"missed\":6}", Some(6)),
        ("{\"missed\": 12 }", Some(12)),
        ("after=1:2; missed=3", Some(3)),
        ("{\"missed\":null}", None),
        ("{\"after\":\"1:2\"}", None),
    ] {
        assert_eq!(missed(text.as_bytes()), expected, "{text}");
    }
}
