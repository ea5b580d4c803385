//! Bodies of fuzz targets: plain functions over bytes, run over a corpus by the tests and over
//! anything by a fuzzer. They panic when the code is wrong, never for what the bytes are.

use memchr::memchr;

use super::{Body, BodyKind, EMPTY_HEADER, LEADING_LINES_MAX, head_end, parse};
use super::{Part, Parts, Transport, channel_names, form_boundary, lines, subscribe};
use super::{is_text_byte, is_token_byte, query_flag, query_value};
use crate::close::Reason;
use crate::limits::{
    CHANNEL_NAME_BYTES_MAX, CHANNELS_PER_REQUEST_MAX, FORM_PARTS_MAX, HEADERS_MAX,
};

/// Inputs are cut at every byte up to this length, and at so many places spread evenly beyond.
const CUTS_MAX: usize = 512;

/// A head: its end is the same however it comes, and as the naive reading has it; what is parsed
/// holds what its type promises.
pub fn fuzz_request(data: &[u8]) {
    let whole = head_end(data, &mut 0);
    assert_eq!(whole, naive_head_end(data));
    let fed = |mut ends: &mut dyn Iterator<Item = usize>| {
        let mut scanned = 0;
        (&mut ends).find_map(|n| head_end(&data[..n], &mut scanned))
    };
    assert_eq!(fed(&mut (1..=data.len())), whole, "byte by byte");
    for cut in cuts(data.len()) {
        let mut ends = [cut, data.len()].into_iter();
        assert_eq!(fed(&mut ends), whole, "cut at {cut}");
    }
    let Some(end) = whole else { return };
    let mut slots = [EMPTY_HEADER; HEADERS_MAX];
    let Ok(request) = parse(&data[..end], &mut slots) else {
        return;
    };
    assert!(request.path.starts_with('/') || request.path == "*");
    assert!(!request.path.contains(['?', ' ', '#']));
    assert!(request.method.bytes().all(is_token_byte) && !request.method.is_empty());
    for h in request.headers {
        assert!(h.name.bytes().all(is_token_byte) && h.value.iter().copied().all(is_text_byte));
    }
    assert_ne!(request.body, BodyKind::Length(0));
    assert!(!(request.expect_continue && request.body == BodyKind::None));
    fuzz_target(request.path, request.query);
    if let Ok(asked) = subscribe(&request) {
        assert!(request.body == BodyKind::None || asked.transport == Transport::WebSocket);
        assert!(!asked.gzip || asked.transport == Transport::EventSource);
    }
}

fn fuzz_target(path: &str, query: Option<&str>) {
    for segment in path.split('/') {
        if let Ok(name) = super::channel_name(segment) {
            assert!((1..=CHANNEL_NAME_BYTES_MAX).contains(&name.len()));
            assert!(!name.chars().any(char::is_control));
        }
        if let Ok(names) = channel_names(segment) {
            assert!((1..=CHANNELS_PER_REQUEST_MAX).contains(&names.len()));
            assert!((1..names.len()).all(|i| !names[..i].contains(&names[i])));
        }
    }
    let _ = query_flag(query, "echo");
    let _ = query_value(query, "last_event_id");
}

/// A body; the first byte chooses its framing: 0 chunked, else so many bytes.
pub fn fuzz_body(data: &[u8]) {
    let Some((&first, input)) = data.split_first() else {
        return;
    };
    let kind = match first {
        0 => BodyKind::Chunked,
        n => BodyKind::Length(n.into()),
    };
    let whole = collect(kind, [input]);
    assert_eq!(collect(kind, input.chunks(1)), whole);
    for cut in cuts(input.len()) {
        let (a, b) = input.split_at(cut);
        assert_eq!(collect(kind, [a, b]), whole, "cut at {cut}");
    }
}

/// A body of several messages; its first line is the media type. What is taken apart is divided as
/// the naive reading has it.
pub fn fuzz_form(data: &[u8]) {
    let (content_type, body) = match memchr(b'\n', data) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    if let Ok(lines) = lines(body) {
        let naive = body
            .split(|&b| b == b'\n')
            .filter(|l| !matches!(l, [] | [b'\r']));
        assert_eq!(lines.count(), naive.count());
    }
    let Ok(Some(boundary)) = form_boundary(content_type) else {
        return;
    };
    let Ok(parts) = Parts::new(&boundary, body) else {
        return;
    };
    let mut parts: Vec<_> = parts.take(FORM_PARTS_MAX + 2).collect();
    assert!(parts.len() <= FORM_PARTS_MAX + 1);
    let whole = parts.pop_if(|last| last.is_err()).is_none();
    let parts: Vec<Part<'_>> = parts
        .into_iter()
        .map(|p| p.expect("the last fails"))
        .collect();
    let body = body.strip_prefix(b"\r\n").unwrap_or(body);
    let pieces = naive_pieces(
        &[b"\r\n", body].concat(),
        format!("\r\n--{boundary}").as_bytes(),
    );
    assert!(!whole || pieces.len() == parts.len() + 2);
    for (part, piece) in parts.iter().zip(&pieces[1..]) {
        assert!(piece.ends_with(&[b"\r\n\r\n", part.body].concat()));
        let kept = part
            .name
            .bytes()
            .chain(part.filename.iter().flat_map(|f| f.bytes()));
        let typed = part.content_type.unwrap_or_default().bytes();
        assert!(kept.chain(typed).all(is_text_byte));
    }
}

/// What lies between delimiters, looked for at every byte.
fn naive_pieces(mut data: &[u8], delimiter: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    while let Some((&first, rest)) = data.split_first() {
        if let Some(behind) = data.strip_prefix(delimiter) {
            pieces.push(Vec::new());
            data = behind;
        } else {
            pieces.last_mut().expect("one at least").push(first);
            data = rest;
        }
    }
    pieces
}

/// Data, bytes consumed (0 when refused) and how it ended: `None` when more is needed.
pub type Collected = (Vec<u8>, usize, Option<Result<(), Reason>>);

/// Decodes parts of a body one after the other.
pub fn collect<'a>(kind: BodyKind, parts: impl IntoIterator<Item = &'a [u8]>) -> Collected {
    let mut body = Body::new(kind);
    let (mut data, mut consumed) = (Vec::new(), 0);
    for mut rest in parts {
        while !rest.is_empty() && !body.is_done() {
            let Ok(piece) = body.decode(rest) else {
                assert_eq!(body.decode(rest), Err(Reason::BadChunk), "refused for good");
                return (data, 0, Some(Err(Reason::BadChunk)));
            };
            assert!(piece.consumed > 0 && piece.data.is_none_or(|d| !d.is_empty()));
            assert_eq!(piece.done, body.is_done());
            data.extend_from_slice(piece.data.unwrap_or_default());
            consumed += piece.consumed;
            rest = &rest[piece.consumed..];
        }
    }
    (data, consumed, body.is_done().then_some(Ok(())))
}

fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (0..=len).step_by(len / CUTS_MAX + 1)
}

/// The end of a head by reading line by line from the start.
fn naive_head_end(data: &[u8]) -> Option<usize> {
    let (mut at, mut empty, mut begun) = (0, 0, false);
    while let Some(lf) = data[at..].iter().position(|&b| b == b'\n') {
        let line = &data[at..at + lf];
        at += lf + 1;
        if !matches!(line, [] | [b'\r']) {
            begun = true;
        } else if begun || empty == LEADING_LINES_MAX {
            return Some(at);
        } else {
            empty += 1;
        }
    }
    None
}
