//! The handshake against the letter of RFC 6455 4.2.

use super::*;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const GOOD: &[(&str, &str)] = &[
    ("Host", "server.example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

type Lines<'a> = Vec<(&'a str, &'a str)>;

/// The good handshake with a header's lines replaced; none given: the header is left out.
fn with<'a>(name: &'a str, values: &[&'a str]) -> Lines<'a> {
    let others = GOOD
        .iter()
        .copied()
        .filter(|(n, _)| !n.eq_ignore_ascii_case(name));
    others.chain(values.iter().map(|v| (name, *v))).collect()
}

fn run<'a>(
    method: &str,
    minor: u8,
    lines: &[(&'a str, &'a str)],
    known: &[&str],
) -> Result<Accepted<'a>, Reason> {
    let headers: Vec<_> = lines
        .iter()
        .map(|&(name, v)| Header {
            name,
            value: v.as_bytes(),
        })
        .collect();
    let known: Vec<String> = known.iter().map(|s| s.to_string()).collect();
    let terms = Terms {
        subprotocols: &known,
        deflate: true,
    };
    check(method, minor, &headers, terms)
}

fn get(lines: &[(&str, &str)]) -> Result<(), Reason> {
    run("GET", 1, lines, &[]).map(|_| ())
}

#[test]
fn the_sample_of_the_rfc() {
    let accepted = run("GET", 1, GOOD, &[]).unwrap();
    assert_eq!(&accepted.accept, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let mut out = b"before".to_vec();
    append_answer(&mut out, &accepted);
    let want = "beforeHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), want);
}

#[test]
fn the_request_line_is_get_and_http_1_1() {
    for method in ["POST", "HEAD", "get", ""] {
        assert_eq!(
            run(method, 1, GOOD, &[]),
            Err(Reason::BadMethod),
            "{method}"
        );
    }
    assert_eq!(run("GET", 0, GOOD, &[]), Err(Reason::UpgradeRequired));
}

#[test]
fn tokens_are_found_in_any_case_and_in_lists_over_lines() {
    for value in [
        "WEBSOCKET",
        "h2c, WebSocket",
        ",, websocket\t,",
        " websocket ",
    ] {
        assert_eq!(get(&with("uPGRADE", &[value])), Ok(()), "{value}");
    }
    for values in [
        &["keep-alive, Upgrade"][..],
        &["close", "UPGRADE"],
        &["a,b", "", "c ,\tupgrade"],
    ] {
        assert_eq!(get(&with("connection", values)), Ok(()), "{values:?}");
    }
}

#[test]
fn what_is_no_upgrade_is_told_so() {
    for value in [
        "",
        "h2c",
        "websockets",
        "web socket",
        "websocket/13",
        "\"websocket\"",
    ] {
        assert_eq!(
            get(&with("Upgrade", &[value])),
            Err(Reason::UpgradeRequired),
            "{value}"
        );
        assert_eq!(
            get(&with("Connection", &[value])),
            Err(Reason::UpgradeRequired),
            "{value}"
        );
    }
    assert_eq!(get(&with("Upgrade", &[])), Err(Reason::UpgradeRequired));
    assert_eq!(get(&with("Connection", &[])), Err(Reason::UpgradeRequired));
    assert_eq!(get(&[]), Err(Reason::UpgradeRequired));
}

#[test]
fn the_version_is_13_exactly_once() {
    for values in [
        &[][..],
        &["8"],
        &["13, 8"],
        &["013"],
        &["13", "13"],
        &["13", "8"],
        &[""],
    ] {
        let got = get(&with("Sec-WebSocket-Version", values));
        assert_eq!(got, Err(Reason::WebSocketVersion), "{values:?}");
    }
    assert_eq!(get(&with("sec-websocket-VERSION", &[" 13\t"])), Ok(()));
}

#[test]
fn the_key_is_16_bytes_of_canonical_base64_exactly_once() {
    let bad: [&[&str]; 11] = [
        &[],
        &[""],
        &[KEY, KEY],
        &["dGhlIHNhbXBsZSBub25jZQ"],
        &["dGhlIHNhbXBsZSBub25jZQ="],
        &["dGhlIHNhbXBsZSBub25jZR=="],
        &["dGhlIHNhbXBsZSBub25jZSE="],
        &["dGhlIHNhbXBsZSBub25jZSEh"],
        &["dGhlIHNhbXBsZSBub25j"],
        &["dGhlIHNhbXBsZSBub25j ZQ=="],
        &["dGhlIHNhbXBsZSBub2-_ZQ=="],
    ];
    for values in bad {
        assert_eq!(
            get(&with("Sec-WebSocket-Key", values)),
            Err(Reason::BadKey),
            "{values:?}"
        );
    }
    assert_eq!(
        get(&with(
            "Sec-WebSocket-Key",
            &["  dGhlIHNhbXBsZSBub25jZQ==\t"]
        )),
        Ok(())
    );
}

#[test]
fn a_body_or_not_one_host_is_contradictory() {
    let body = [
        ("Content-Length", "1"),
        ("content-length", "0, 0"),
        ("Content-Length", ""),
        ("Transfer-Encoding", "chunked"),
        ("transfer-encoding", "identity"),
    ];
    for line in body {
        let lines = [GOOD, &[line]].concat();
        assert_eq!(get(&lines), Err(Reason::BadUpgrade), "{line:?}");
    }
    assert_eq!(get(&[GOOD, &[("Content-Length", "0")]].concat()), Ok(()));
    assert_eq!(get(&with("Host", &[])), Err(Reason::BadUpgrade));
    assert_eq!(get(&with("Host", &["a", "a"])), Err(Reason::BadUpgrade));
}

/// The subprotocol that is chosen when these lines offer.
fn chosen<'a>(offers: &[&'a str], known: &[&str]) -> Result<Option<&'a str>, Reason> {
    let offers: Vec<_> = offers
        .iter()
        .map(|o| ("Sec-WebSocket-Protocol", *o))
        .collect();
    run("GET", 1, &[GOOD, &offers].concat(), known).map(|a| a.subprotocol)
}

#[test]
fn without_a_list_the_first_subprotocol_offered_is_chosen() {
    assert_eq!(chosen(&[], &[]), Ok(None));
    assert_eq!(chosen(&["", " , "], &[]), Ok(None));
    assert_eq!(chosen(&["chat, superchat"], &[]), Ok(Some("chat")));
    assert_eq!(chosen(&[",", "x-1", "chat"], &[]), Ok(Some("x-1")));
}

#[test]
fn the_subprotocol_of_ids_is_told_apart_and_chosen_by_the_resource() {
    let offer = |offers: &[&str], known: &[&str]| {
        let lines = with("Sec-WebSocket-Protocol", offers);
        let accepted = run("GET", 1, &lines, known).unwrap();
        (accepted.meta, accepted.subprotocol.map(str::to_owned))
    };
    let chat = Some("chat".to_owned());
    assert_eq!(offer(&["ws+meta.nchan"], &[]), (true, None));
    assert_eq!(offer(&["chat", "ws+meta.nchan"], &[]), (true, chat.clone()));
    assert_eq!(offer(&["ws+meta.nchan, chat"], &["chat"]), (true, chat));
    assert_eq!(offer(&["WS+META.NCHAN"], &["chat"]), (false, None));
}

#[test]
fn with_a_list_the_first_of_the_clients_that_is_in_it() {
    assert_eq!(chosen(&["a,b", "c"], &["c", "b"]), Ok(Some("b")));
    assert_eq!(chosen(&["a", "c"], &["c", "b"]), Ok(Some("c")));
    assert_eq!(
        chosen(&["CHAT, x"], &["chat"]),
        Ok(None),
        "compared byte for byte"
    );
    let accepted = run("GET", 1, &with("Sec-WebSocket-Protocol", &["x"]), &["chat"]).unwrap();
    let mut out = Vec::new();
    append_answer(&mut out, &accepted);
    assert!(
        !String::from_utf8(out)
            .unwrap()
            .contains("Sec-WebSocket-Protocol")
    );
}

#[test]
fn an_offer_that_is_no_token_is_refused_wherever_it_stands() {
    for bad in ["a b", "a/b", "\"a\"", "ok, a;b", "é", "ok,\u{7f}"] {
        assert_eq!(chosen(&[bad], &[]), Err(Reason::BadUpgrade), "{bad}");
        assert_eq!(
            chosen(&["chat", bad], &["chat"]),
            Err(Reason::BadUpgrade),
            "{bad}"
        );
    }
    assert_eq!(
        chosen(&["!#$%&'*+-.^_`|~09azAZ"], &[]),
        Ok(Some("!#$%&'*+-.^_`|~09azAZ"))
    );
}

#[test]
fn extensions_are_declined_by_not_being_mentioned() {
    for offer in [
        "permessage-deflate; x",
        "constructor, __proto__",
        ";;=\"",
        "",
    ] {
        let lines = [GOOD, &[("Sec-WebSocket-Extensions", offer)]].concat();
        let mut out = Vec::new();
        append_answer(&mut out, &run("GET", 1, &lines, &[]).unwrap());
        assert!(
            !String::from_utf8(out).unwrap().contains("Extensions"),
            "{offer}"
        );
    }
}

#[test]
fn the_first_offer_over_all_lines_is_taken_unless_compression_is_off() {
    let offers = [
        "x-webkit-deflate-frame, permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate",
    ];
    let lines = with("sec-websocket-extensions", &offers);
    let mut out = Vec::new();
    append_answer(&mut out, &run("GET", 1, &lines, &[]).unwrap());
    let want = "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                client_no_context_takeover; server_max_window_bits=10\r\n\r\n";
    assert!(String::from_utf8(out).unwrap().ends_with(want));

    let headers: Vec<_> = lines
        .iter()
        .map(|&(name, v)| Header {
            name,
            value: v.as_bytes(),
        })
        .collect();
    let off = check("GET", 1, &headers, Terms::default()).unwrap();
    assert_eq!(off.deflate, None);
}

#[test]
fn an_attempt_is_told_from_a_plain_request() {
    let attempt = |lines: &[(&str, &str)]| {
        let headers: Vec<_> = lines
            .iter()
            .map(|&(name, v)| Header {
                name,
                value: v.as_bytes(),
            })
            .collect();
        is_upgrade(&headers)
    };
    assert!(attempt(GOOD));
    assert!(attempt(&[("UPGRADE", "h2c , WebSocket")]));
    assert!(attempt(&[("sec-websocket-key", "")]));
    assert!(!attempt(&[
        ("Upgrade", "h2c"),
        ("Connection", "Upgrade, HTTP2-Settings")
    ]));
    assert!(!attempt(&[
        ("X-Upgrade", "websocket"),
        ("Connection", "websocket")
    ]));
    assert!(!attempt(&[]));
}

#[test]
fn a_long_list_is_read_once() {
    let commas = ",".repeat(1 << 20);
    let blanks = format!("{}a{}", " ".repeat(1 << 20), "\t".repeat(1 << 20));
    assert_eq!(
        get(&with("Upgrade", &[&commas])),
        Err(Reason::UpgradeRequired)
    );
    assert_eq!(chosen(&[&commas], &[]), Ok(None));
    assert_eq!(chosen(&[&blanks], &[]), Ok(Some("a")));
}
