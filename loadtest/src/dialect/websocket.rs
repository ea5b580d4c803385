//! A session over a WebSocket: the upgrade, then frames, and in them one of the speeches.

use std::rc::Rc;

use super::{Endpoint, Hear, Heard, Speech, Wire, handshake, socketio};
use crate::codec::{self, Decoder, Event, Opcode};
use crate::payload::{Form, text};
use crate::reactor::Ended;

#[derive(Debug)]
enum State {
    /// The request is under way: its key, and the answer so far.
    Asked(String, Vec<u8>),
    /// A WebSocket; the speech has not said yet that we are in.
    Joining,
    Open,
}

/// The session.
#[derive(Debug)]
pub struct WebSocket {
    endpoint: Rc<Endpoint>,
    state: State,
    decoder: Decoder,
    /// Socket.IO: the next binary message belongs to an event.
    attachment: bool,
}

/// Everything of a session but its decoder.
struct Listener<'a> {
    endpoint: &'a Endpoint,
    state: &'a mut State,
    attachment: &'a mut bool,
}

impl WebSocket {
    pub fn new(endpoint: Rc<Endpoint>) -> WebSocket {
        WebSocket {
            decoder: Decoder::new(endpoint.deflate),
            endpoint,
            state: State::Asked(String::new(), Vec::new()),
            attachment: false,
        }
    }

    /// Asks for the upgrade.
    pub fn begin(&mut self, wire: &mut Wire<'_>) {
        let key = handshake::key([wire.random.next_u64(), wire.random.next_u64()]);
        let request = handshake::request(&self.endpoint.url, &key, self.endpoint.deflate);
        wire.out.extend_from_slice(request.as_bytes());
        self.state = State::Asked(key, Vec::new());
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    pub fn take(
        &mut self,
        bytes: &[u8],
        wire: &mut Wire<'_>,
        hear: &mut impl Hear,
    ) -> Result<(), Ended> {
        let State::Asked(key, answer) = &mut self.state else {
            return self.frames(bytes, wire, hear);
        };
        answer.extend_from_slice(bytes);
        let Some(head) =
            handshake::answer(answer, key, self.endpoint.deflate).map_err(Ended::Refused)?
        else {
            return Ok(());
        };
        let rest = answer.split_off(head);
        self.join(wire);
        self.frames(&rest, wire, hear)
    }

    /// The upgrade is done: says what the speech begins with.
    fn join(&mut self, wire: &mut Wire<'_>) {
        self.state = match &self.endpoint.speech {
            Speech::Raw => State::Open,
            Speech::SocketIo { .. } => State::Joining,
            Speech::Wrapped {
                subscribe,
                subscribed,
                ..
            } => {
                if let Some(subscribe) = subscribe {
                    text_frame(subscribe, wire);
                }
                match subscribed {
                    Some(_) => State::Joining,
                    None => State::Open,
                }
            }
        };
    }

    fn frames(
        &mut self,
        bytes: &[u8],
        wire: &mut Wire<'_>,
        hear: &mut impl Hear,
    ) -> Result<(), Ended> {
        let mut listener = Listener {
            endpoint: &self.endpoint,
            state: &mut self.state,
            attachment: &mut self.attachment,
        };
        let mut ended = None;
        let fed = self.decoder.feed(bytes, &mut |event| match event {
            Event::Message { text, payload } => {
                if let Err(why) = listener.message(text, payload, wire, hear) {
                    ended.get_or_insert(why);
                }
            }
            Event::Ping(payload) => {
                codec::encode(wire.out, Opcode::Pong, payload, wire.random.key());
            }
            Event::Pong(_) => {}
            Event::Close(code, reason) => ended = Some(Ended::Closed(code, reason.to_owned())),
        });
        fed.map_err(Ended::Violation)?;
        ended.map_or(Ok(()), Err)
    }

    pub fn publish(&mut self, payload: &[u8], wire: &mut Wire<'_>) {
        let text = match self.endpoint.form {
            Form::Binary => Opcode::Binary,
            Form::Text | Form::Json => Opcode::Text,
        };
        match &self.endpoint.speech {
            Speech::Wrapped {
                template: Some((before, after)),
                ..
            } => {
                let whole = [before.as_bytes(), payload, after.as_bytes()].concat();
                codec::encode(wire.out, Opcode::Text, &whole, wire.random.key());
            }
            Speech::Raw | Speech::Wrapped { .. } => {
                codec::encode(wire.out, text, payload, wire.random.key());
            }
            Speech::SocketIo {
                namespace, event, ..
            } => {
                let packet = socketio::event(namespace, event, self.endpoint.form, payload);
                codec::encode(wire.out, Opcode::Text, &packet, wire.random.key());
                if self.endpoint.form == Form::Binary {
                    codec::encode(wire.out, Opcode::Binary, payload, wire.random.key());
                }
            }
        }
    }

    /// Gives back its buffers.
    pub fn forget(&mut self) {
        self.decoder = Decoder::new(self.endpoint.deflate);
    }

    /// Sends a close frame, without a code when that is 0; whether there is a WebSocket to close.
    pub fn close(&mut self, code: u16, wire: &mut Wire<'_>) -> bool {
        if matches!(self.state, State::Asked(..)) {
            return false;
        }
        let code_bytes = code.to_be_bytes();
        let payload: &[u8] = if code == 0 { &[] } else { &code_bytes };
        codec::encode(wire.out, Opcode::Close, payload, wire.random.key());
        true
    }
}

impl Listener<'_> {
    fn message(
        &mut self,
        is_text: bool,
        message: &[u8],
        wire: &mut Wire<'_>,
        hear: &mut impl Hear,
    ) -> Result<(), Ended> {
        let (form, listens) = (self.endpoint.form, self.endpoint.listens);
        let wrong_kind = is_text != (form != Form::Binary);
        match &self.endpoint.speech {
            Speech::Raw if listens => hear(payload(wrong_kind, message)),
            Speech::Raw => {}
            Speech::Wrapped { subscribed, .. } => {
                if let (State::Joining, Some(word)) = (&self.state, subscribed) {
                    if memchr::memmem::find(message, word.as_bytes()).is_some() {
                        *self.state = State::Open;
                    }
                } else if listens
                    && !wrong_kind
                    && let Some(found) = text::find(form, message)
                {
                    hear(payload(false, &found));
                }
            }
            Speech::SocketIo { .. } => return self.socket_io(is_text, message, wire, hear),
        }
        Ok(())
    }

    fn socket_io(
        &mut self,
        is_text: bool,
        message: &[u8],
        wire: &mut Wire<'_>,
        hear: &mut impl Hear,
    ) -> Result<(), Ended> {
        let Speech::SocketIo {
            namespace,
            event,
            subscribe,
        } = &self.endpoint.speech
        else {
            return Ok(());
        };
        let (form, listens) = (self.endpoint.form, self.endpoint.listens);
        if !is_text {
            if std::mem::take(self.attachment) && listens {
                hear(payload(form != Form::Binary, message));
            }
            return Ok(());
        }
        match socketio::packet(message, namespace, event) {
            socketio::Packet::Open => text_frame(&socketio::connect(namespace), wire),
            socketio::Packet::Ping => text_frame(socketio::PONG, wire),
            socketio::Packet::Connected => {
                if let Some(subscribe) = subscribe {
                    text_frame(subscribe, wire);
                }
                *self.state = State::Open;
            }
            socketio::Packet::Refused(why) => return Err(Ended::Refused(why)),
            socketio::Packet::Disconnected => {
                return Err(Ended::Cut("Socket.IO disconnect".to_owned()));
            }
            socketio::Packet::Attached => *self.attachment = true,
            socketio::Packet::Event(argument) if listens => match text::find(form, argument) {
                Some(found) if form != Form::Binary => hear(payload(false, &found)),
                _ => hear(payload(form == Form::Binary, argument)),
            },
            socketio::Packet::Event(_) | socketio::Packet::Other => {}
        }
        Ok(())
    }
}

fn payload(odd: bool, bytes: &[u8]) -> Heard<'_> {
    Heard::Payload { odd, bytes }
}

fn text_frame(text: &str, wire: &mut Wire<'_>) {
    codec::encode(wire.out, Opcode::Text, text.as_bytes(), wire.random.key());
}
