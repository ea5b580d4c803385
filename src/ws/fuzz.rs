//! Fuzz bodies: plain functions over arbitrary bytes, run by tests over a corpus and by a fuzzer
//! in search. Each states a property that holds for every input and panics where it does not.

use crate::close::Reason;

use super::decoder::{DecodeLimits, Decoder, Event, TAIL_MAX};
use super::deflate::{DeflateSettings, Deflater};
use super::handshake::{self, Terms};
use super::header::Kind;
use super::inflate::Inflater;
use super::list;
use super::mask::unmask;

/// What came out of a decoder, with parts put together and payloads unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A complete data message.
    Message(Kind, Vec<u8>),
    /// A complete data message, compressed.
    Compressed(Kind, Vec<u8>),
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
    /// The data message that is not complete yet, and whether it is compressed.
    pub open: Option<(Kind, bool, Vec<u8>)>,
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
            Event::Message {
                kind,
                compressed,
                key,
                payload,
            } => {
                assert!(self.open.is_none(), "a whole message inside another");
                self.gather((kind, compressed), key, payload, limits);
                self.finish();
            }
            Event::Part {
                kind,
                compressed,
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
                self.gather((kind, compressed), key, payload, limits);
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

    fn gather(
        &mut self,
        (kind, compressed): (Kind, bool),
        key: [u8; 4],
        payload: &[u8],
        limits: &DecodeLimits,
    ) {
        let (open_kind, open_compressed, text) =
            self.open.get_or_insert((kind, compressed, Vec::new()));
        let same = (*open_kind, *open_compressed) == (kind, compressed);
        assert!(same, "a message keeps its kind");
        let at = text.len();
        text.extend_from_slice(payload);
        unmask(&mut text[at..], key);
        let most = match limits.compressed_bytes_max {
            Some(most) if compressed => most,
            None if compressed => panic!("compressed, although that was not agreed upon"),
            _ => limits.message_bytes_max,
        };
        assert!(text.len() as u64 <= most);
    }

    fn finish(&mut self) {
        if let Some((kind, compressed, text)) = self.open.take() {
            let output = match compressed {
                true => Output::Compressed(kind, text),
                false => Output::Message(kind, text),
            };
            self.outputs.push(output);
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
        compressed_bytes_max: (flags & 4 != 0).then_some(80),
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
        let terms = Terms {
            subprotocols: known,
            deflate: known.is_empty(),
        };
        let one = handshake::check(method, minor, request.headers, terms);
        let spread = spread_lists(request.headers);
        assert_eq!(one, handshake::check(method, minor, &spread, terms));
        assert_eq!(
            handshake::is_upgrade(request.headers),
            handshake::is_upgrade(&spread)
        );
        if let Ok(accepted) = one {
            assert!(handshake::is_upgrade(request.headers));
            assert_answer(&accepted, terms);
        }
    }
}

/// The same headers with every comma of a list that is not quoted made a new line of that header.
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
        let separator = if list { b',' } else { b'\n' };
        let values = list::split(h.value, separator);
        spread.extend(values.map(|value| httparse::Header {
            name: h.name,
            value,
        }));
    }
    spread
}

/// The 101 parses, and names the accept value, the subprotocol and the extension once each.
fn assert_answer(accepted: &handshake::Accepted<'_>, terms: Terms<'_>) {
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
    let extensions = named("sec-websocket-extensions");
    assert_eq!(extensions.len(), usize::from(accepted.deflate.is_some()));
    assert!(terms.deflate || extensions.is_empty());
    let both = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert!(extensions.iter().all(|value| value.starts_with(both)));
    let chosen: Vec<&[u8]> = accepted.subprotocol.iter().map(|s| s.as_bytes()).collect();
    assert_eq!(named("sec-websocket-protocol"), chosen);
    let known = terms.subprotocols;
    let allowed = |s: &str| known.is_empty() || known.iter().any(|k| k == s);
    assert!(accepted.subprotocol.is_none_or(allowed));
}

/// Any bytes inflate to the limit and no further, and the same way each time; what was compressed
/// inflates to what it was. `data`: bits of a window, a limit, then the bytes.
pub fn fuzz_deflate(data: &[u8]) {
    let [bits, most, bytes @ ..] = data else {
        return;
    };
    let (bits, most) = (9 + bits % 7, usize::from(*most) * 16);
    let mut inflater = Inflater::default();
    let whole = inflater.inflate(bytes, 1 << 20).map(<[u8]>::to_vec);
    match &whole {
        Ok(text) => {
            assert_eq!(inflater.inflate(bytes, text.len()), Ok(&text[..]));
            if let Some(less) = text.len().checked_sub(1) {
                assert_eq!(inflater.inflate(bytes, less), Err(Reason::MessageTooBig));
            }
        }
        Err(_) => {
            let least = inflater.inflate(bytes, most).map(<[u8]>::len);
            assert!(least.is_err(), "a smaller limit lets nothing more through");
        }
    }
    assert!(inflater.memory() <= bytes.len() + (1 << 20) + 1);
    let level = 1 + u32::from(bits) % 3;
    let mut deflater = Deflater::new(DeflateSettings {
        bytes_min: most / 64,
        level,
    });
    let first = deflater.deflate(bytes, bits).map(<[u8]>::to_vec);
    if let Some(compressed) = &first {
        assert!(compressed.len() < bytes.len());
        assert_eq!(inflater.inflate(compressed, bytes.len()), Ok(bytes));
    }
    let again = deflater.deflate(bytes, bits).map(<[u8]>::to_vec);
    assert_eq!(first, again, "nothing is kept from one message to the next");
}

#[cfg(test)]
mod tests;
