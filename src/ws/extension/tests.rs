//! Offers and what they are answered with, as tables.

use super::*;

const BOTH: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The answer to an offer; empty: declined.
fn answer(line: &str) -> String {
    let mut out = Vec::new();
    if let Some(deflate) = choose(line.as_bytes()) {
        deflate.append_answer(&mut out);
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn offers_that_are_taken_as_they_stand() {
    for offer in [
        "permessage-deflate",
        " permessage-deflate\t",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=8",
        "permessage-deflate; client_max_window_bits=\"15\"",
        "permessage-deflate ;server_no_context_takeover",
        "permessage-deflate;client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=10",
        "permessage-deflate; client_max_window_bits = 9",
    ] {
        assert_eq!(answer(offer), BOTH, "{offer}");
    }
}

#[test]
fn a_server_window_is_granted_as_asked_and_named() {
    for bits in 8..=15 {
        let want = format!("{BOTH}; server_max_window_bits={bits}");
        for value in [
            format!("{bits}"),
            format!("\"{bits}\""),
            format!("\"\\{bits}\""),
        ] {
            let offer = format!(
                "permessage-deflate; server_max_window_bits={value}; client_max_window_bits"
            );
            assert_eq!(answer(&offer), want, "{offer}");
            let deflate = choose(offer.as_bytes()).unwrap();
            assert_eq!(deflate.window_bits(), (bits > 8).then_some(bits));
        }
    }
    assert_eq!(Deflate::default().window_bits(), Some(15));
}

#[test]
fn what_is_not_to_the_letter_is_declined() {
    for parameters in [
        "unknown",
        "unknown=1",
        "",
        " ",
        ";server_no_context_takeover",
        "server_no_context_takeover;",
        "server_no_context_takeover=1",
        "server_no_context_takeover=",
        "server_no_context_takeover=\"\"",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "client_max_window_bits; client_max_window_bits",
        "client_max_window_bits; client_max_window_bits=15",
        "server_max_window_bits=10; server_max_window_bits=10",
        "server_max_window_bits",
        "server_max_window_bits=",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=010",
        "server_max_window_bits=+10",
        "server_max_window_bits=1 0",
        "server_max_window_bits=100",
        "server_max_window_bits=10=10",
        "server_max_window_bits='10'",
        "server_max_window_bits=\"10",
        "server_max_window_bits=\"10\"0",
        "server_max_window_bits=\" 10\"",
        "server_max_window_bits=0xA",
        "server_max_window_bits=1\u{663}",
        "client_max_window_bits=",
        "client_max_window_bits=0",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=09",
        "client_max_window_bits=\"\"",
        "Server_No_Context_Takeover",
        "=8",
        "server_max_window_bits 10",
    ] {
        let offer = format!("permessage-deflate; {parameters}");
        assert_eq!(answer(&offer), "", "{offer}");
        // The rest of the list is looked at all the same, unless a quoted string took it.
        if parameters != "server_max_window_bits=\"10" {
            assert_eq!(
                answer(&format!("{offer}, permessage-deflate")),
                BOTH,
                "{offer}"
            );
        }
    }
}

#[test]
fn the_first_offer_that_can_be_kept_wins() {
    let nine = format!("{BOTH}; server_max_window_bits=9");
    for (line, want) in [
        (
            "permessage-deflate, permessage-deflate; server_max_window_bits=9",
            BOTH,
        ),
        (
            "permessage-deflate; server_max_window_bits=9, permessage-deflate",
            &nine,
        ),
        (
            "permessage-deflate; x, permessage-deflate; server_max_window_bits=9",
            &nine,
        ),
        ("permessage-bzip2, ,, permessage-deflate", BOTH),
        ("x-webkit-deflate-frame, permessage-deflate-2", ""),
        (
            "x; a=\"permessage-deflate, \\\"permessage-deflate\", permessage-deflate",
            BOTH,
        ),
        ("x; a=\", permessage-deflate", ""),
        ("permessage-deflate permessage-deflate", ""),
        ("\"permessage-deflate\"", ""),
        ("", ""),
        (",;=\"", ""),
    ] {
        assert_eq!(answer(line), want, "{line}");
    }
}
