//! What a GET of a channel asks for.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;
use crate::http::{Start, Subscribe, Transport, channel_names, subscribe};
use crate::limits::CHANNELS_PER_REQUEST_MAX;

/// Subscribes by a request with this query and these lines, and looks at what it asks for.
fn asks<T>(query: &str, lines: &[&str], look: impl Fn(Subscribe<'_>) -> T) -> Result<T, Reason> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!("GET /channels/a{query} HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    with(head.as_bytes(), |request| {
        subscribe(&request.expect("a good head")).map(look)
    })
}

fn transport(query: &str, lines: &[&str]) -> Result<Transport, Reason> {
    asks(query, lines, |asked| asked.transport)
}

fn start(query: &str, lines: &[&str]) -> Result<Start, Reason> {
    asks(query, lines, |asked| asked.start)
}

const POLL: Transport = Transport::Poll {
    wait: true,
    several: false,
};

#[test]
fn the_first_transport_that_the_headers_name_is_taken() {
    let socket = "Upgrade: WebSocket";
    let events = "Accept: text/html, Text/Event-Stream;q=0.9";
    let chunks = "TE: trailers, Chunked";
    let parts = "Accept: multipart/mixed";
    for (lines, wanted) in [
        (&[][..], POLL),
        (&["Accept: */*"], POLL),
        (&["Accept: application/json, text/plain, */*"], POLL),
        (&["Upgrade: h2c"], POLL),
        (&["TE: trailers"], POLL),
        (&[parts], Transport::Mixed),
        (&[parts, chunks], Transport::Chunked),
        (&[parts, chunks, events], Transport::EventSource),
        (&[parts, chunks, events, socket], Transport::WebSocket),
        (&["Sec-WebSocket-Key: x", events], Transport::WebSocket),
    ] {
        assert_eq!(transport("", lines), Ok(wanted), "{lines:?}");
        assert_eq!(transport("?wait=1&token=x", lines), Ok(wanted), "{lines:?}");
    }
}

#[test]
fn a_transport_that_is_named_wins_over_headers() {
    let all = ["Upgrade: websocket", "Accept: text/event-stream"];
    for (name, wanted) in [
        ("websocket", Transport::WebSocket),
        ("eventsource", Transport::EventSource),
        ("chunked", Transport::Chunked),
        ("mixed", Transport::Mixed),
        ("iframe", Transport::Iframe),
        ("poll", POLL),
    ] {
        let query = format!("?a=b&transport={name}&transport=x");
        assert_eq!(transport(&query, &all), Ok(wanted), "{name}");
        assert_eq!(transport(&query, &[]), Ok(wanted), "{name}");
    }
    for name in [
        "",
        "WebSocket",
        "polling",
        "longpoll",
        "sse",
        "eventsource%20",
    ] {
        let query = format!("?transport={name}");
        assert_eq!(transport(&query, &all), Err(Reason::BadQuery), "{name}");
    }
}

#[test]
fn a_poll_waits_and_takes_one_message_unless_it_says_otherwise() {
    for (query, wait, several) in [
        ("", true, false),
        ("?wait", true, false),
        ("?wait=true", true, false),
        ("?wait=0", false, false),
        ("?wait=false&wait=1", false, false),
        ("?multipart=true", true, true),
        ("?multipart=1&wait=off&transport=poll", false, true),
        ("?multipart=0", true, false),
    ] {
        let poll = Transport::Poll { wait, several };
        assert_eq!(transport(query, &[]), Ok(poll), "{query}");
    }
}

#[test]
fn http_1_0_is_sent_chunks_only_when_it_names_them() {
    let at = |head: &str| {
        with(head.as_bytes(), |r| {
            subscribe(&r.unwrap()).unwrap().transport
        })
    };
    assert_eq!(at("GET /channels/a HTTP/1.0\r\nTE: chunked\r\n\r\n"), POLL);
    let named = "GET /channels/a?transport=chunked HTTP/1.0\r\n\r\n";
    assert_eq!(at(named), Transport::Chunked);
}

const DATE: &str = "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT";
const AT_DATE: u64 = 784_111_777;

#[test]
fn an_id_is_read_from_wherever_it_may_stand() {
    let id = |line: &str| start("", &[line]);
    for value in ["7:42", "\"7:42\"", "W/\"7:42\"", "  7:42\t"] {
        let tag = format!("If-None-Match: {value}");
        assert_eq!(id(&tag), Ok(Start::After(7, 42)), "{value}");
        let own = format!("Etag: {value}");
        assert_eq!(id(&own), Ok(Start::After(7, 42)), "{value}");
    }
    assert_eq!(id("Last-Event-ID: 7:42"), Ok(Start::After(7, 42)));
    for query in [
        "?last_event_id=7:42",
        "?x=1&last_event_id=7%3A42&last_event_id=1:1",
    ] {
        assert_eq!(start(query, &[]), Ok(Start::After(7, 42)), "{query}");
    }
    for tag in ["42", "\"42\"", "W/\"42\""] {
        let tag = format!("If-None-Match: {tag}");
        assert_eq!(
            start("", &[&tag, DATE]),
            Ok(Start::After(AT_DATE, 42)),
            "{tag}"
        );
    }
    let most = "Last-Event-ID: 18446744073709551615:0";
    assert_eq!(id(most), Ok(Start::After(u64::MAX, 0)));
}

#[test]
fn words_and_counts_stand_wherever_a_whole_id_may() {
    for (word, wanted) in [
        ("oldest", Start::Oldest),
        ("newest", Start::Newest),
        ("-1", Start::Last(1)),
        ("-0", Start::Last(0)),
        ("-18446744073709551615", Start::Last(u64::MAX)),
    ] {
        for name in ["If-None-Match", "Etag", "Last-Event-ID"] {
            let line = format!("{name}: {word}");
            assert_eq!(start("", &[&line]), Ok(wanted), "{line}");
        }
        let query = format!("?last_event_id={word}");
        assert_eq!(start(&query, &[]), Ok(wanted), "{word}");
    }
}

#[test]
fn the_first_place_that_holds_one_wins_and_hides_those_behind_it() {
    let bad = "?last_event_id=bad";
    let tag = "If-None-Match: 5";
    let whole = "If-None-Match: 1:5";
    let etag = "Etag: 2:5";
    let last = "Last-Event-ID: 3:5";
    for (query, lines, wanted) in [
        (
            bad,
            &[DATE, tag, "Etag: x", last][..],
            Start::After(AT_DATE, 5),
        ),
        (bad, &["Last-Event-ID: x", etag, whole], Start::After(1, 5)),
        (bad, &["Last-Event-ID: x", etag], Start::After(2, 5)),
        (bad, &[last], Start::After(3, 5)),
        ("?last_event_id=4:5", &[DATE], Start::After(4, 5)),
        ("", &[DATE], Start::Configured),
        ("", &[], Start::Configured),
    ] {
        assert_eq!(start(query, lines), Ok(wanted), "{query} {lines:?}");
    }
}

#[test]
fn what_is_empty_is_not_there() {
    let empty = ["If-None-Match:", "Etag: ", "Last-Event-ID:"];
    assert_eq!(start("?last_event_id=", &empty), Ok(Start::Configured));
    assert_eq!(start("?last_event_id=7:1", &empty), Ok(Start::After(7, 1)));
    let whole = ["If-Modified-Since:", "If-None-Match: 7:1"];
    assert_eq!(start("", &whole), Ok(Start::After(7, 1)));
}

#[test]
fn malformed_ids_are_refused_wherever_they_stand() {
    assert_eq!(Reason::BadMessageId.text(), "Message ID invalid");
    for id in [
        "7",
        ":",
        "7:",
        ":7",
        "7:1:1",
        "7:1,1",
        "7.1",
        "+7:1",
        "7:+1",
        "7:-1",
        "-7:1",
        "07:1",
        "7:01",
        "7: 1",
        "7:1a",
        "0x7:1",
        "18446744073709551616:1",
        "-",
        "--1",
        "-+1",
        "-01",
        "Oldest",
        "*",
        "null",
        "undefined",
        "\u{667}:\u{661}",
    ] {
        for name in ["If-None-Match", "Etag", "Last-Event-ID"] {
            let line = format!("{name}: {id}");
            assert_eq!(start("", &[&line]), Err(Reason::BadMessageId), "{line}");
        }
        let query = format!(
            "?last_event_id={}",
            utf8_percent_encode(id, NON_ALPHANUMERIC)
        );
        assert_eq!(start(&query, &[]), Err(Reason::BadMessageId), "{query}");
    }
}

#[test]
fn malformed_tags_and_dates_and_ids_given_twice_are_refused() {
    for tag in [
        "\"7:1",
        "7:1\"",
        "W/7:1",
        "w/\"7:1\"",
        "\"7:1\", \"7:2\"",
        "\"\"",
        "\"",
    ] {
        let line = format!("If-None-Match: {tag}");
        assert_eq!(start("", &[&line]), Err(Reason::BadMessageId), "{line}");
    }
    for tag in ["\"\"", "7:42", "x", "-1", "oldest", "W/42"] {
        let line = format!("If-None-Match: {tag}");
        assert_eq!(
            start("", &[DATE, &line]),
            Err(Reason::BadMessageId),
            "{line}"
        );
    }
    let no_date = ["If-Modified-Since: 784111777", "If-None-Match: 42"];
    assert_eq!(start("", &no_date), Err(Reason::BadMessageId));
    let twice = ["Last-Event-ID: 7:1", "Last-Event-ID: 7:1"];
    assert_eq!(start("", &twice), Err(Reason::BadMessageId));
    let quoted = ["Last-Event-ID: \"7:1\""];
    assert_eq!(
        start("", &quoted),
        Err(Reason::BadMessageId),
        "not an entity tag"
    );
}

#[test]
fn an_id_that_is_not_utf_8_is_refused() {
    let head = b"GET /channels/a HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 7:\xff\r\n\r\n";
    let refused = with(head, |r| subscribe(&r.unwrap()).map(|s| s.start));
    assert_eq!(refused, Err(Reason::BadMessageId));
}

#[test]
fn options_have_defaults_and_are_read_from_the_query() {
    let options = |query: &str| {
        asks(query, &[], |s| {
            let callback = s.callback.map(|name| name.into_owned());
            (s.events, s.base64, s.accept_gap, s.echo, callback)
        })
    };
    let name = Some("parent.on(1)".to_owned());
    for (query, wanted) in [
        ("", (true, false, false, false, None)),
        ("?token=1&echo=false", (true, false, false, false, None)),
        ("?events=off", (false, false, false, false, None)),
        ("?events=0&base64=true", (false, true, false, false, None)),
        (
            "?events=on&gap=accept&echo",
            (true, false, true, true, None),
        ),
        (
            "?callback=parent.on%281%29",
            (true, false, false, false, name),
        ),
    ] {
        assert_eq!(options(query), Ok(wanted), "{query}");
    }
    for query in [
        "?events=no",
        "?base64=yes",
        "?gap=",
        "?gap=true",
        "?echo=2",
        "?wait=flush",
        "?wait=10",
        "?multipart=mixed",
    ] {
        assert_eq!(options(query), Err(Reason::BadQuery), "{query}");
    }
}

#[test]
fn gzip_is_for_event_streams_whose_reader_names_it() {
    let gzip = |query: &str, accepted: &str| {
        let line = format!("Accept-Encoding: {accepted}");
        asks(query, &[&line], |s| s.gzip)
    };
    for (accepted, wanted) in [
        ("gzip, deflate, br, zstd", true),
        ("br;q=1.0 , GZIP;q=0.5", true),
        ("x-gzip", true),
        ("gzip; q=0.001", true),
        ("gzip;q=0", false),
        ("gzip ; Q=0.000", false),
        ("gzip2", false),
        ("deflate", false),
        ("identity", false),
        ("*", false),
        ("", false),
    ] {
        assert_eq!(
            gzip("?transport=eventsource", accepted),
            Ok(wanted),
            "{accepted}"
        );
        assert_eq!(gzip("", accepted), Ok(false), "{accepted}");
    }
}

#[test]
fn a_body_and_other_methods_are_refused() {
    let body = ["Content-Length: 2"];
    assert_eq!(transport("", &body), Err(Reason::BadRequest));
    let chunked = ["Accept: text/event-stream", "Transfer-Encoding: chunked"];
    assert_eq!(transport("", &chunked), Err(Reason::BadRequest));
    let none = ["Content-Length: 0"];
    assert_eq!(transport("", &none), Ok(POLL));
    // The check of the handshake has a refusal of its own.
    let upgrade = ["Upgrade: websocket", "Content-Length: 2"];
    assert_eq!(transport("", &upgrade), Ok(Transport::WebSocket));
    for (method, wanted) in [
        ("HEAD", Ok(POLL)),
        ("DELETE", Err(Reason::BadMethod)),
        ("get", Err(Reason::BadMethod)),
    ] {
        let head = format!("{method} /channels/a HTTP/1.1\r\nHost: h\r\n\r\n");
        let found = with(head.as_bytes(), |r| {
            subscribe(&r.unwrap()).map(|s| s.transport)
        });
        assert_eq!(found, wanted, "{method}");
    }
}

#[test]
fn channels_are_separated_by_commas_and_count_once() {
    for (segment, names) in [
        ("a", &["a"][..]),
        ("b,a", &["b", "a"]),
        ("a,b,a,%61,c,b", &["a", "b", "c"]),
        ("a%2Cb,a", &["a,b", "a"]),
        ("a%2Fb,caf%C3%A9", &["a/b", "caf\u{e9}"]),
    ] {
        assert_eq!(channel_names(segment).unwrap(), names, "{segment}");
    }
    for segment in ["", ",", "a,", ",a", "a,,b", "a,..", "a,b/c", "a,%00", "a,%"] {
        assert_eq!(channel_names(segment), Err(Reason::BadChannel), "{segment}");
    }
}

#[test]
fn so_many_channels_and_no_more() {
    let names: Vec<_> = (0..CHANNELS_PER_REQUEST_MAX)
        .map(|n| n.to_string())
        .collect();
    let most = names.join(",");
    assert_eq!(channel_names(&most).unwrap(), names);
    for more in ["x", "0"] {
        let over = format!("{most},{more}");
        assert_eq!(channel_names(&over), Err(Reason::TooManyNames), "{more}");
    }
    let told = format!("{CHANNELS_PER_REQUEST_MAX} at most");
    assert!(Reason::TooManyNames.text().ends_with(&told));
}

proptest! {
    #[test]
    fn every_id_comes_back_from_each_of_its_places(epoch: u64, n: u64) {
        let id = format!("{epoch}:{n}");
        let wanted = Ok(Start::After(epoch, n));
        for line in [format!("If-None-Match: \"{id}\""), format!("Etag: {id}"), format!("Last-Event-ID: {id}")] {
            prop_assert_eq!(start("", &[&line]), wanted);
        }
        prop_assert_eq!(start(&format!("?last_event_id={id}"), &[]), wanted);
        let epoch = epoch % 253_402_300_800;
        let date = format!("If-Modified-Since: {}", http_date(epoch));
        let tag = format!("If-None-Match: {n}");
        prop_assert_eq!(start("", &[&date, &tag]), Ok(Start::After(epoch, n)));
    }

    #[test]
    fn an_id_that_is_read_is_written_the_same(text in "[0-9:+-]{1,8}") {
        if let Ok(Start::After(epoch, n)) = start("", &[&format!("Etag: {text}")]) {
            prop_assert_eq!(format!("{epoch}:{n}"), text);
        }
    }
}
