//! Forms taken apart.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::http::fuzz::fuzz_form;
use crate::http::{Part, Parts, form_boundary};
use crate::limits::{FORM_PARTS_MAX, PART_HEAD_BYTES_MAX};

fn all<'a>(boundary: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, Reason> {
    Parts::new(boundary, body)?.collect()
}

/// A body with boundary `b` and these parts, each from its first header line on.
fn form(parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|p| format!("--b\r\n{p}\r\n")).collect();
    format!("{parts}--b--\r\n")
}

const FIELD: &str = "Content-Disposition: form-data; name=\"a\"\r\n";

/// A part with this head and an `x`.
fn headed(lines: &str) -> Result<(), Reason> {
    let form = form(&[&format!("{lines}\r\nx")]);
    all("b", form.as_bytes()).map(drop)
}

#[test]
fn a_form_as_browsers_send_it() {
    let boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhello\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a %22b%22 \u{e4}.png\"\r\n\
         Content-Type: image/png\r\n\r\n\u{89}PNG\r\n\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"none\"; filename=\"\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n\r\n--{boundary}--\r\n"
    );
    let part = |name, filename, content_type, body| Part {
        name: Cow::Borrowed(name),
        filename,
        content_type,
        body,
    };
    let file = Some("a \"b\" \u{e4}.png".into());
    assert_eq!(
        all(boundary, body.as_bytes()).unwrap(),
        [
            part("text", None, None, &b"hello"[..]),
            part(
                "picture",
                file,
                Some("image/png"),
                "\u{89}PNG\r\n".as_bytes()
            ),
            part(
                "none",
                Some("".into()),
                Some("application/octet-stream"),
                b""
            ),
        ]
    );
}

#[test]
fn bodies_are_what_stands_between_the_lines() {
    for body in [
        "", "\r\n", "\r\n\r\n", "\n--b\n", "\r--b", "\r\n--", "\r\n-b", "\r\n--B", "x--b--",
        "\0\u{e4}",
    ] {
        let form = form(&[&format!("{FIELD}\r\n{body}"), &format!("{FIELD}\r\n{body}")]);
        let parts = all("b", form.as_bytes()).unwrap();
        assert_eq!(parts.len(), 2, "{body:?}");
        for part in parts {
            assert_eq!(part.body, body.as_bytes());
        }
    }
}

#[test]
fn white_space_around_boundaries_is_padding() {
    let part = format!("{FIELD}\r\nx");
    for form in [
        format!("\r\n--b\r\n{part}\r\n--b--"),
        format!("--b \t \r\n{part}\r\n--b-- \r\n\r\n"),
        format!("--b\r\n{part}\r\n--b\t\r\n{part}\r\n--b--\r\n"),
    ] {
        assert!(all("b", form.as_bytes()).is_ok(), "{form:?}");
    }
    assert_eq!(all("b", b"--b--\r\n").unwrap(), []);
}

#[test]
fn a_body_that_its_boundary_does_not_divide_is_refused() {
    let part = format!("{FIELD}\r\nx");
    for form in [
        String::new(),
        part.clone(),
        "--b".to_owned(),
        "--b-".to_owned(),
        "--b\r\n".to_owned(),
        "--c--\r\n".to_owned(),
        format!("--b\r\n{part}"),
        format!("--b\r\n{part}\r\n"),
        format!("--b\r\n{part}\r\n--b"),
        format!("--b\r\n{part}\r\n--b-"),
        format!("--b\r\n{part}\r\n--b\r\n"),
        format!("--b\r\n{part}--b--\r\n"),
        format!("--b\r\n{part}\n--b--\r\n"),
        format!("--b\r\n{part}\r\n--bc\r\n--b--\r\n"),
        format!("--b\r\n{part}\r\n--b --\r\n"),
        format!("--b\n{part}\r\n--b--\r\n"),
        format!("--bc\r\n{part}\r\n--bc--\r\n"),
        format!("before\r\n--b\r\n{part}\r\n--b--\r\n"),
        format!("\r\n\r\n--b\r\n{part}\r\n--b--\r\n"),
        format!("--b\r\n{part}\r\n--b--\r\nbehind"),
        format!("--b\r\n{part}\r\n--b--\r\n--b\r\n{part}\r\n--b--\r\n"),
    ] {
        assert_eq!(all("b", form.as_bytes()), Err(Reason::BadForm), "{form:?}");
    }
}

#[test]
fn a_part_says_once_what_it_is() {
    for good in [
        "content-disposition:FORM-DATA;NAME=a\r\n",
        "Content-Disposition: form-data ; ; name=a ;\r\n",
        "Content-Disposition: form-data; filename*=UTF-8''x; name=\"a\"; x=y\r\n",
        "X: \u{e4}\r\nContent-Disposition: form-data; name=\"\"\r\nY:\r\n",
        &format!("{FIELD}Content-Transfer-Encoding: Binary\r\n"),
    ] {
        assert_eq!(headed(good), Ok(()), "{good:?}");
    }
    for bad in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Disposition: form-data\r\n",
        "Content-Disposition: form-data; filename=\"a\"\r\n",
        "Content-Disposition: form-data; name*=UTF-8''a\r\n",
        "Content-Disposition: attachment; name=\"a\"\r\n",
        "Content-Disposition: form-data name=\"a\"\r\n",
        "Content-Disposition: form-data; name\r\n",
        "Content-Disposition: form-data; name=\r\n",
        "Content-Disposition: form-data; name =a\r\n",
        "Content-Disposition: form-data; name= a\r\n",
        "Content-Disposition: form-data; name=a b\r\n",
        "Content-Disposition: form-data; name=a\"b\"\r\n",
        "Content-Disposition: form-data; name=\"a\r\n",
        "Content-Disposition: form-data; name=\"a\\\"\r\n",
        "Content-Disposition: form-data; name=\"a\"b\r\n",
        "Content-Disposition: form-data; name=\"a\"; name=\"a\"\r\n",
        "Content-Disposition: form-data; name=a; filename=a; FILENAME=b\r\n",
        &FIELD.repeat(2),
        &format!("{FIELD}Content-Type: a/b\r\ncontent-type: a/b\r\n"),
        &format!("{FIELD}Content-Transfer-Encoding: base64\r\n"),
        &format!("{FIELD}Content-Transfer-Encoding:\r\n"),
    ] {
        assert_eq!(headed(bad), Err(Reason::BadPart), "{bad:?}");
    }
}

#[test]
fn nothing_in_a_head_can_become_a_line_elsewhere() {
    for line in [
        "X: a\rb\r\n",
        "X: a\nb\r\n",
        "X: a\0b\r\n",
        "X: a\x7fb\r\n",
        "X: a\r\n b\r\n",
        "X : a\r\n",
        " X: a\r\n",
        ": a\r\n",
        "X\r\n",
        "X\u{e4}: a\r\n",
        "\n",
    ] {
        let bad = format!("{FIELD}{line}");
        assert_eq!(headed(&bad), Err(Reason::BadPart), "{line:?}");
    }
    let latin_1 = b"--b\r\nContent-Disposition: form-data; name=\"\xe4\"\r\n\r\nx\r\n--b--\r\n";
    assert_eq!(all("b", latin_1), Err(Reason::BadPart));
    let cut = format!("--b\r\n{FIELD}\r\n--b--\r\n");
    assert_eq!(
        all("b", cut.as_bytes()),
        Err(Reason::BadPart),
        "no empty line"
    );
    assert_eq!(
        all("b", b"--b\r\n--b--\r\n"),
        Err(Reason::BadPart),
        "no head"
    );
}

#[test]
fn names_are_read_as_browsers_and_others_write_them() {
    for (written, name) in [
        ("\"a b\"", "a b"),
        ("\"a;b=c\"", "a;b=c"),
        ("\"a\\\"b\\\\c\"", "a\"b\\c"),
        ("\"\\\"\"", "\""),
        ("\"C:\\dir\\file\"", "C:\\dir\\file"),
        ("\"%22a%22\"", "\"a\""),
        ("\"%0D%0Aa%41%\"", "%0D%0Aa%41%"),
        ("a%22", "a\""),
        ("\"\u{e4}\u{1f600}\"", "\u{e4}\u{1f600}"),
        ("\u{e4}", "\u{e4}"),
        ("\"\"", ""),
    ] {
        let part =
            format!("Content-Disposition: form-data; name={written}; filename={written}\r\n\r\n");
        let form = form(&[&part]);
        let parts = all("b", form.as_bytes()).unwrap();
        assert_eq!(parts[0].name, name, "{written}");
        assert_eq!(parts[0].filename.as_deref(), Some(name), "{written}");
    }
}

#[test]
fn parts_and_their_heads_are_bounded() {
    let part = format!("{FIELD}\r\nx");
    let most = form(&vec![&*part; FORM_PARTS_MAX]);
    assert_eq!(all("b", most.as_bytes()).unwrap().len(), FORM_PARTS_MAX);
    let over = form(&vec![&*part; FORM_PARTS_MAX + 1]);
    assert_eq!(all("b", over.as_bytes()), Err(Reason::TooManyParts));
    let told = format!("{FORM_PARTS_MAX} at most");
    assert!(Reason::TooManyParts.text().ends_with(&told));

    let filled = |bytes: usize| {
        let rest = bytes - FIELD.len() - "X:\r\n\r\n".len();
        headed(&format!("{FIELD}X:{}\r\n", "x".repeat(rest)))
    };
    assert_eq!(filled(PART_HEAD_BYTES_MAX), Ok(()));
    for more in 1..5 {
        assert_eq!(filled(PART_HEAD_BYTES_MAX + more), Err(Reason::BadPart));
    }
    assert!(Reason::BadPart.text().contains("at most 8 KiB"));
}

#[test]
fn an_error_is_the_last_that_comes() {
    let body = format!("--b\r\n{FIELD}\r\nx\r\n--b\r\n\r\ny\r\n--b\r\n{FIELD}\r\nz\r\n--b--");
    let mut parts = Parts::new("b", body.as_bytes()).unwrap();
    assert!(parts.next().unwrap().is_ok());
    assert_eq!(parts.next(), Some(Err(Reason::BadPart)));
    assert_eq!(parts.next(), None);
}

/// A search that began anew behind each of these would take hours.
#[test]
fn what_looks_like_a_boundary_over_and_over_is_none() {
    let boundary = "-".repeat(69) + "b";
    for unit in ["-", "\r\n-", "\r\n------", "\r\n--\r\n", "\r", "\n"] {
        let rest = unit.repeat(1024 * 1024 / unit.len());
        let begun = format!("--{boundary}\r\n{FIELD}\r\n{rest}");
        assert_eq!(all(&boundary, begun.as_bytes()), Err(Reason::BadForm));
        let whole = format!("{begun}\r\n--{boundary}--");
        let parts = all(&boundary, whole.as_bytes()).unwrap();
        assert_eq!(parts[0].body, rest.as_bytes());
    }
}

#[test]
fn the_boundary_is_in_the_content_type() {
    let long = "x".repeat(70);
    for (content_type, boundary) in [
        ("multipart/form-data; boundary=abc", "abc"),
        ("Multipart/Form-Data;BOUNDARY=\"a b\"", "a b"),
        (
            "multipart/form-data; charset=utf-8; boundary=a=b:c ; x=y",
            "a=b:c",
        ),
        ("multipart/form-data; boundary=\"a\\bc\"; ", ""),
        (&format!("multipart/form-data; boundary={long}"), &long),
    ] {
        let found = form_boundary(content_type.as_bytes());
        let wanted = match boundary {
            "" => Err(Reason::BadBoundary),
            given => Ok(Some(given.into())),
        };
        assert_eq!(found, wanted, "{content_type}");
    }
    for bad in [
        "",
        ";",
        "; boundary",
        "; boundary=",
        "; boundary=\"\"",
        "; boundary=\"a",
        "; boundary=\"a\"b",
        "; boundary=\"a \"",
        "; boundary=a b",
        "; boundary=a; boundary=a",
        "; boundary=a@b",
        "; boundary=\u{e4}",
        "; boundary=a; =",
        &format!("; boundary={long}x"),
    ] {
        let content_type = format!("multipart/form-data{bad}");
        let found = form_boundary(content_type.as_bytes());
        assert_eq!(found, Err(Reason::BadBoundary), "{content_type}");
    }
    for other in [
        "",
        "multipart/mixed; boundary=a",
        "text/plain; multipart/form-data",
        "multipart/form-data2",
    ] {
        assert_eq!(form_boundary(other.as_bytes()), Ok(None), "{other}");
    }
    assert_eq!(
        form_boundary(b"multipart/form-data; boundary=\xff"),
        Ok(None)
    );
}

proptest! {
    #[test]
    fn parts_come_back_from_a_form_of_them(
        parts in prop::collection::vec(
            ("\\PC{0,9}", prop::option::of("\\PC{0,9}"), prop::collection::vec(any::<u8>(), 0..40)), 0..6),
    ) {
        let escaped = |name: &str| name.replace('\\', "\\\\").replace('"', "\\\"");
        let mut body = Vec::new();
        for (name, filename, data) in &parts {
            let file = filename.as_deref().map(|f| format!("; filename=\"{}\"", escaped(f)));
            let file = file.unwrap_or_default();
            body.extend_from_slice(format!("--bound\r\nContent-Disposition: form-data; name=\"{}\"{file}\r\n\r\n", escaped(name)).as_bytes());
            body.extend_from_slice(data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--bound--\r\n");
        let found = all("bound", &body).unwrap();
        prop_assert_eq!(found.len(), parts.len());
        for (found, (name, filename, data)) in found.iter().zip(&parts) {
            prop_assert_eq!(&found.name, &name.replace("%22", "\""));
            let filename = filename.as_ref().map(|name| name.replace("%22", "\""));
            prop_assert_eq!(found.filename.as_deref(), filename.as_deref());
            prop_assert_eq!(found.body, data);
        }
    }

    #[test]
    fn any_mixture_is_divided_as_the_naive_reader_does(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("--b"), Just("--"), Just("\r\n"), Just("\r\n--b\r\n"), Just("\r\n--b--"), Just(FIELD),
                Just("X: y\r\n"), Just("\r\n\r\n"), Just("x"), Just(" "), Just("-"), Just("\n"),
            ],
            0..24,
        )
    ) {
        let head = "multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=a\r\n\r\n";
        fuzz_form(format!("{head}{}", pieces.concat()).as_bytes());
        fuzz_form(format!("multipart/form-data; boundary=b\n{}", pieces.concat()).as_bytes());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_form(&data);
        fuzz_form(&[b"multipart/form-data; boundary=b\n--b\r\n", &data[..], b"\r\n--b--"].concat());
        fuzz_form(&[b"application/x-ndjson\n", &data[..]].concat());
    }
}
