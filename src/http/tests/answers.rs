//! Answers, byte for byte.

use super::*;
use crate::http::response::is_field;

fn text(answer: Answer<'_>) -> String {
    let mut out = b"before".to_vec();
    answer.append(&mut out);
    let text = String::from_utf8(out).unwrap();
    text.strip_prefix("before").unwrap().to_owned()
}

const KEEP: Reply = Reply {
    minor: 1,
    keep_alive: true,
    head_only: false,
    told: Told::Plain,
};

#[test]
fn an_answer_says_its_length_and_whether_the_connection_stays() {
    let answer = Answer {
        status: 200,
        content_type: "text/plain",
        body: b"hi",
        headers: &[("X-A", "1"), ("X-B", "2")],
        cors: Cors::Own,
        reply: KEEP,
    };
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nX-A: 1\r\nX-B: 2\r\n";
    assert_eq!(text(answer), format!("{head}\r\nhi"));
    let reply = |minor, keep_alive, head_only| Reply {
        minor,
        keep_alive,
        head_only,
        told: Told::Plain,
    };
    for (reply, rest) in [
        (reply(1, true, true), "\r\n"),
        (reply(1, false, false), "Connection: close\r\n\r\nhi"),
        (reply(0, true, false), "Connection: keep-alive\r\n\r\nhi"),
        (reply(0, false, true), "Connection: close\r\n\r\n"),
    ] {
        assert_eq!(text(Answer { reply, ..answer }), format!("{head}{rest}"));
    }
}

#[test]
fn a_refusal_is_json_where_that_is_asked_for() {
    let told = |told| {
        let mut out = Vec::new();
        refusal(
            Reason::NotFound,
            Reply { told, ..KEEP },
            &[],
            Cors::Own,
            &mut out,
        );
        String::from_utf8(out).unwrap()
    };
    assert!(told(Told::Plain).ends_with("\r\n\r\nnot found\n"));
    let json = told(Told::Json);
    assert!(json.contains("\r\nContent-Type: application/json\r\n"));
    let body = "{\"error\":\"not_found\",\"message\":\"not found\"}\n";
    assert!(json.ends_with(body), "{json}");
    for reason in Reason::ALL {
        assert!(!reason.text().contains(['"', '\\']), "{reason:?}");
    }
}

#[test]
fn an_empty_body_has_a_length_but_some_statuses_have_no_body() {
    let answer = |status| Answer {
        status,
        reply: KEEP,
        ..Answer::default()
    };
    assert_eq!(
        text(answer(201)),
        "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
    );
    for status in [204, 304] {
        let answer = Answer {
            body: b"never sent",
            ..answer(status)
        };
        assert!(text(answer).ends_with("\r\n\r\n"));
        assert!(!text(answer).contains("Content-Length"));
    }
    assert_eq!(
        text(answer(299)),
        "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn switching_protocols_brings_its_own_connection_header() {
    for reply in [KEEP, Reply::default()] {
        let answer = Answer {
            status: 101,
            headers: &[("Upgrade", "websocket"), ("Connection", "Upgrade")],
            reply,
            ..Answer::default()
        };
        assert_eq!(
            text(answer),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        );
    }
}

/// The refusal as text, and whether the connection stays.
fn refuse(reason: Reason, reply: Reply) -> (String, bool) {
    let mut out = Vec::new();
    let also: &[_] = if reason == Reason::BadMethod {
        &[("Allow", "GET, POST")]
    } else {
        &[]
    };
    let stays = refusal(reason, reply, also, Cors::Own, &mut out);
    (String::from_utf8(out).unwrap(), stays)
}

#[test]
fn refusals_carry_what_their_status_asks_for() {
    for (reason, lines) in [
        (Reason::BadMethod, "Allow: GET, POST\r\n"),
        (Reason::Unauthorized, "WWW-Authenticate: Bearer\r\n"),
        (Reason::Busy, "Retry-After: 1\r\n"),
        (Reason::FullChannels, "Retry-After: 1\r\n"),
        (
            Reason::WebSocketVersion,
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n",
        ),
        (Reason::NotFound, ""),
    ] {
        let (answer, stays) = refuse(reason, KEEP);
        assert!(
            answer.ends_with(&format!("\r\n{lines}\r\n{}\n", reason.text())),
            "{answer}"
        );
        assert!(stays, "{reason:?}");
    }
    assert_eq!(
        refuse(Reason::FullAddress, KEEP).0,
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 39\r\nRetry-After: 1\r\nConnection: close\r\n\r\n\
         too many connections from this address\n"
    );
    let old = Reply { minor: 0, ..KEEP };
    let (answer, _) = refuse(Reason::UpgradeRequired, old);
    assert!(answer.contains("\r\nConnection: keep-alive, Upgrade\r\n"));
    let (answer, stays) = refuse(Reason::UpgradeRequired, Reply::default());
    assert!(answer.contains("\r\nConnection: close, Upgrade\r\n") && !stays);
}

#[test]
fn every_reason_with_a_status_gives_a_whole_answer_that_another_parser_reads() {
    for &reason in Reason::ALL {
        let (answer, stays) = refuse(reason, KEEP);
        if reason.status() == 0 {
            assert!(answer.is_empty() && !stays, "{reason:?}");
            continue;
        }
        let mut slots = [EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut slots);
        let end = response.parse(answer.as_bytes()).unwrap().unwrap();
        assert_eq!(response.code, Some(reason.status()));
        assert_ne!(response.reason, Some(""), "{reason:?} has no phrase");
        let length = header(response.headers, "content-length").unwrap();
        assert_eq!(length, (answer.len() - end).to_string().as_bytes());
        assert_eq!(has_token(response.headers, "connection", "close"), !stays);
        let head_only = Reply {
            head_only: true,
            ..KEEP
        };
        assert_eq!(refuse(reason, head_only).0, answer[..end]);
    }
}

#[test]
fn the_interim_answer_is_one() {
    let mut slots = [EMPTY_HEADER; 1];
    let mut response = httparse::Response::new(&mut slots);
    let status = response.parse(CONTINUE).unwrap();
    assert_eq!(status.unwrap(), CONTINUE.len());
    assert_eq!(response.code, Some(100));
}

#[test]
fn what_is_not_one_header_line_is_told() {
    assert!(is_field("X-A", "caf\u{e9}\t b") && is_field("X", ""));
    for (name, value) in [
        ("", "v"),
        ("X Y", "v"),
        ("X:", "v"),
        ("X\r\n", "v"),
        ("X", "a\r\nSet-Cookie: b"),
        ("X", "a\n"),
        ("X", "a\r"),
        ("X", "\0"),
        ("X", "\u{7f}"),
    ] {
        assert!(!is_field(name, value), "{name:?}: {value:?}");
    }
}

const INJECTION: Answer<'_> = Answer {
    cors: Cors::Own,
    status: 200,
    content_type: "",
    body: b"",
    headers: &[("X", "a\r\nSet-Cookie: b"), ("Y", "c")],
    reply: KEEP,
};

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "not a header line")]
fn an_injected_header_is_noticed_in_development() {
    text(INJECTION);
}

#[test]
#[cfg(not(debug_assertions))]
fn an_injected_header_is_dropped() {
    assert_eq!(
        text(INJECTION),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nY: c\r\n\r\n"
    );
}
