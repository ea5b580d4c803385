//! Fuzz bodies: plain functions over arbitrary bytes, run by tests over a corpus and by a fuzzer
//! in search. Each states a property that holds for every input and panics where it does not.

use crate::close::Reason;

use super::decoder::{DecodeLimits, Decoder, Event, TAIL_MAX};
use super::handshake;
use super::header::Kind;
use super::mask::unmask;

/// What came out of a decoder, with parts put together and payloads unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A complete data message.
    Message(Kind, Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame.
    Close(Option<u16>, String),
}

/// A decoder with a caller around it that keeps the tail and gathers messages.
#[derive(Debug, Default)]
pub struct Feed {
    decoder: Decoder,
    tail: Vec<u8>,
    frame_left: u64,
    /// What was complete.
    pub outputs: Vec<Output>,
    /// The data message that is not complete yet.
    pub open: Option<(Kind, Vec<u8>)>,
    /// The violation that ended it.
    pub error: Option<Reason>,
}

impl Feed {
    /// Feeds everything with a cut behind each of `sizes`, cyclically; the rest at once without any.
    pub fn run(stream: &[u8], sizes: &[usize], hold: bool, limits: &DecodeLimits) -> Feed {
        let mut feed = Feed::default();
        let mut rest = stream;
        let mut turns = sizes.iter().cycle();
        while !rest.is_empty() {
            let n = turns.next().map_or(rest.len(), |&n| n.clamp(1, rest.len()));
            feed.push(&rest[..n], hold, limits);
            rest = &rest[n..];
        }
        feed.push(&[], false, limits);
        feed
    }

    /// Shows the decoder these bytes behind those it has left, until it needs more.
    pub fn push(&mut self, bytes: &[u8], hold: bool, limits: &DecodeLimits) {
        let mut input = std::mem::take(&mut self.tail);
        input.extend_from_slice(bytes);
        let mut at = 0;
        while self.error.is_none() {
            match self.decoder_step(&mut input[at..], hold, limits) {
                Ok(0) => break,
                Ok(n) => at += n,
                Err(reason) => self.error = Some(reason),
            }
        }
        self.tail = input.split_off(at);
        assert!(hold || self.error.is_some() || self.tail.len() <= TAIL_MAX);
        assert!(self.error.is_some() || self.decoder.in_message() == self.open.is_some());
    }

    /// Decodes one event and takes it in; returns the bytes consumed.
    fn decoder_step(
        &mut self,
        input: &mut [u8],
        hold: bool,
        limits: &DecodeLimits,
    ) -> Result<usize, Reason> {
        let mut decoder = std::mem::take(&mut self.decoder);
        let (n, event) = decoder.decode(input, hold, limits)?;
        assert_eq!(
            n == 0,
            event.is_none(),
            "an event consumes, and nothing else does"
        );
        if let Some(event) = event {
            self.take(event, limits);
        }
        self.decoder = decoder;
        Ok(n)
    }

    fn take(&mut self, event: Event<'_>, limits: &DecodeLimits) {
        match event {
            Event::Message { kind, key, payload } => {
                assert!(self.open.is_none(), "a whole message inside another");
                self.gather(kind, key, payload, limits);
                self.finish();
            }
            Event::Part {
                kind,
                first,
                last,
                key,
                payload,
                frame_left,
            } => {
                assert_eq!(first, self.open.is_none(), "`first` begins a message");
                let inside = self.frame_left > 0;
                assert!(!inside || self.frame_left == frame_left + payload.len() as u64);
                assert!(
                    !inside || !payload.is_empty(),
                    "an empty part only for an empty read"
                );
                self.frame_left = frame_left;
                self.gather(kind, key, payload, limits);
                if last {
                    assert_eq!(frame_left, 0);
                    self.finish();
                }
            }
            Event::Ping(payload) => self.control(Output::Ping(payload.to_vec())),
            Event::Pong(payload) => self.control(Output::Pong(payload.to_vec())),
            Event::Close { code, reason } => self.control(Output::Close(code, reason.to_owned())),
        }
    }

    fn gather(&mut self, kind: Kind, key: [u8; 4], payload: &[u8], limits: &DecodeLimits) {
        let (open_kind, text) = self.open.get_or_insert((kind, Vec::new()));
        assert_eq!(*open_kind, kind, "a message keeps its kind");
        let at = text.len();
        text.extend_from_slice(payload);
        unmask(&mut text[at..], key);
        assert!(text.len() as u64 <= limits.message_bytes_max);
    }

    fn finish(&mut self) {
        if let Some((kind, text)) = self.open.take() {
            self.outputs.push(Output::Message(kind, text));
        }
    }

    fn control(&mut self, output: Output) {
        assert_eq!(self.frame_left, 0, "a control frame inside a frame");
        self.outputs.push(output);
    }

    /// Two ways of cutting one stream that must not differ.
    fn assert_same(&self, other: &Feed) {
        assert_eq!(self.outputs, other.outputs);
        assert_eq!(self.error, other.error);
        // An incomplete frame may be held back only while holding; at the end nothing is.
        assert!(self.error.is_some() || self.open == other.open);
    }
}

/// How the input was cut does not show. `data`: flags, the number of cuts, their distances, then
/// the stream as the peer sends it.
pub fn fuzz_decoder(data: &[u8]) {
    let [flags, cuts, rest @ ..] = data else {
        return;
    };
    let cuts = usize::from(cuts % 16).min(rest.len());
    let (sizes, stream) = rest.split_at(cuts);
    let sizes: Vec<usize> = sizes.iter().map(|&n| usize::from(n)).collect();
    let limits = DecodeLimits {
        message_bytes_max: if flags & 1 == 0 { 64 } else { 1 << 20 },
        fragments_max: if flags & 2 == 0 { 4 } else { 1 << 10 },
    };
    let whole = Feed::run(stream, &[], false, &limits);
    for hold in [false, true] {
        whole.assert_same(&Feed::run(stream, &sizes, hold, &limits));
        whole.assert_same(&Feed::run(stream, &[1], hold, &limits));
    }
}

/// A handshake never panics, its answer is one well-formed 101 that promises nothing that was not
/// asked, and a list means the same on one line as spread over several.
pub fn fuzz_handshake(data: &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    if !matches!(request.parse(data), Ok(httparse::Status::Complete(_))) {
        return;
    }
    let (Some(method), Some(minor)) = (request.method, request.version) else {
        return;
    };
    for known in [&[][..], &["chat".to_owned(), "ws+meta.nchan".to_owned()]] {
        let one = handshake::check(method, minor, request.headers, known);
        let spread = spread_lists(request.headers);
        assert_eq!(one, handshake::check(method, minor, &spread, known));
        assert_eq!(
            handshake::is_upgrade(request.headers),
            handshake::is_upgrade(&spread)
        );
        if let Ok(accepted) = one {
            assert!(handshake::is_upgrade(request.headers));
            assert_answer(&accepted, known);
        }
    }
}

/// The same headers with every comma of a list made a new line of that header.
fn spread_lists<'a>(headers: &[httparse::Header<'a>]) -> Vec<httparse::Header<'a>> {
    let lists = [
        "upgrade",
        "connection",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
    ];
    let mut spread = Vec::new();
    for h in headers {
        let list = lists.iter().any(|l| l.eq_ignore_ascii_case(h.name));
        let values = h.value.split(|&b| list && b == b',');
        spread.extend(values.map(|value| httparse::Header {
            name: h.name,
            value,
        }));
    }
    spread
}

/// The 101 parses, and names the accept value and the subprotocol once each, and no extension.
fn assert_answer(accepted: &handshake::Accepted<'_>, known: &[String]) {
    let mut out = Vec::new();
    handshake::append_answer(&mut out, accepted);
    let mut headers = [httparse::EMPTY_HEADER; 8];
    let mut answer = httparse::Response::new(&mut headers);
    assert_eq!(
        answer.parse(&out),
        Ok(httparse::Status::Complete(out.len()))
    );
    assert_eq!((answer.version, answer.code), (Some(1), Some(101)));
    let named = |name: &str| -> Vec<&[u8]> {
        let hits = answer
            .headers
            .iter()
            .filter(|h| h.name.eq_ignore_ascii_case(name));
        hits.map(|h| h.value).collect()
    };
    assert_eq!(named("sec-websocket-accept"), [&accepted.accept[..]]);
    assert_eq!(named("upgrade"), [b"websocket"]);
    assert_eq!(named("connection"), [b"Upgrade"]);
    assert!(named("sec-websocket-extensions").is_empty());
    let chosen: Vec<&[u8]> = accepted.subprotocol.iter().map(|s| s.as_bytes()).collect();
    assert_eq!(named("sec-websocket-protocol"), chosen);
    let allowed = |s: &str| known.is_empty() || known.iter().any(|k| k == s);
    assert!(accepted.subprotocol.is_none_or(allowed));
}

#[cfg(test)]
mod tests;
