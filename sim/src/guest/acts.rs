//! What guests do: they emit, leave, come again, and do what they must not.

use super::engine;
use super::errand::Errand;
use super::line::{Duty, Line};
use super::session::{ASKED_TWICE, Out, Room, SILENT, Session, State};
use super::spoken;
use super::{Around, Guest};
use crate::client::Milestone;
use crate::crowd::{content, content_size};

/// Something that a guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It emits.
    Emit,
    /// It emits many times.
    Burst,
    /// It leaves a namespace, or joins one.
    Move,
    /// It says that it goes.
    Goodbye,
    /// It lets go of one of its connections.
    Cut,
    /// It ends a request half-way.
    HalfPost,
    /// It asks for packets twice at once.
    DoubleGet,
    /// It brings packets twice at once.
    DoublePost,
    /// It comes with a second WebSocket.
    DoubleSocket,
    /// It joins where it is.
    ConnectAgain,
    /// It asks for what cannot be joined.
    ConnectNowhere,
    /// It sends what is no packet.
    Nonsense,
    /// It answers no more pings.
    Deaf,
    /// It does not read or ask for a while.
    Stall,
    /// It asks what is wrong, beside its session.
    Errand,
}

/// Each with its weight and its name in reports.
pub const ACTS: &[(Act, u64, &str)] = &[
    (Act::Emit, 300, "guest_emits"),
    (Act::Burst, 15, "guest_emits_much"),
    (Act::Move, 15, "guest_moves"),
    (Act::Goodbye, 6, "guest_says_goodbye"),
    (Act::Cut, 12, "guest_is_cut"),
    (Act::HalfPost, 5, "guest_posts_half"),
    (Act::DoubleGet, 6, "guest_asks_twice"),
    (Act::DoublePost, 6, "guest_brings_twice"),
    (Act::DoubleSocket, 6, "guest_comes_twice"),
    (Act::ConnectAgain, 4, "guest_connects_again"),
    (Act::ConnectNowhere, 4, "guest_connects_nowhere"),
    (Act::Nonsense, 8, "guest_sends_nonsense"),
    (Act::Deaf, 3, "guest_is_deaf"),
    (Act::Stall, 12, "guest_stalls"),
    (Act::Errand, 12, "guest_asks_wrong"),
];

/// What no server takes for a packet, over either transport.
const NONSENSE: &[&str] = &[
    "9",
    "x",
    "",
    "49",
    "4",
    "42",
    "42{}",
    "42[]",
    "42[1",
    "42[\"connect\"]",
    "44{}",
    "4x",
    "451-[\"a\",{\"_placeholder\":true,\"num\":1}]",
    "45[\"a\"]",
    "2",
];

impl Guest {
    /// Does it, if it can.
    pub fn act(&mut self, act: Act, around: &mut Around<'_>) -> bool {
        let now = around.start_ms();
        if act == Act::Errand {
            let free = self.errand.is_none();
            if free {
                let which = around.rng.below(100) as usize;
                self.errand = Some(Errand::wrong(which, now));
            }
            return free;
        }
        let Some(session) = self.session.as_mut().filter(|s| s.is_open()) else {
            return false;
        };
        around.tell(|| format!("{} does {act:?} at {now}", session.publisher));
        match act {
            Act::Emit => return emit(session, &mut self.numbered, around),
            Act::Burst => {
                let many = around.rng.between(3, 15);
                return (0..many).all(|_| emit(session, &mut self.numbered, around));
            }
            Act::Move => self.change_rooms(around),
            Act::Goodbye => {
                session.leaving = true;
                if session.state != State::WebSocket {
                    session.queue.push_back(Out::text("1"));
                }
            }
            Act::Cut => return cut(session, around),
            Act::HalfPost => return half_post(session, around),
            Act::DoubleGet => return double_get(session, around),
            Act::DoublePost => return double_post(session, around),
            Act::DoubleSocket => return double_socket(session, around),
            Act::ConnectAgain => return connect_again(session, around),
            Act::ConnectNowhere => session.queue.push_back(Out::text("40/.,")),
            Act::Nonsense => return nonsense(session, around),
            Act::Deaf => {
                session.deaf = true;
                session.must = Some(("it answers no ping", now + around.terms.patience_ms()));
            }
            Act::Stall => stall(session, around),
            Act::Errand => {}
        }
        true
    }

    fn change_rooms(&mut self, around: &mut Around<'_>) {
        let channel = around.rng.below(3) as usize;
        let Some(session) = &mut self.session else {
            return;
        };
        match session.rooms[channel] {
            Room::In(stay) => {
                let text = format!("41{}", around.terms.prefix(channel));
                session.queue.push_back(Out::text(text));
                session.rooms[channel] = Room::Left(stay);
                // Nobody waits for an answer from where it is not.
                session.asks.retain(|_, (asked, _)| *asked != channel);
                session.forgotten = session.asked;
            }
            Room::Left(_) | Room::Out => self.join(channel, around),
            Room::Asked { .. } => {}
        }
    }

    /// Goes for good, in any way.
    pub fn leave(&mut self, around: &mut Around<'_>) {
        self.gone = true;
        let Some(session) = self.session.as_mut().filter(|s| s.over.is_none()) else {
            return;
        };
        match around.rng.below(3) {
            0 if session.is_open() => drop(self.act(Act::Goodbye, around)),
            // It waits no longer for its end than anybody.
            _ => session.drop_all("it leaves".into(), around),
        }
    }
}

fn emit(session: &mut Session, numbered: &mut u32, around: &mut Around<'_>) -> bool {
    let channel = around.rng.below(3) as usize;
    if !session.may_emit(channel) || session.queue.len() > 50 {
        return false;
    }
    *numbered += 1;
    let most = around.terms.message_bytes_max / 8;
    let name = *around.rng.pick(&spoken::NAMES);
    let len = content_size(most, around.rng);
    let text = content(session.publisher, *numbered, len, true, around.rng);
    let text = String::from_utf8(text).expect("text");
    let (mut arguments, mut attachments) = (format!("\"{text}\""), Vec::new());
    if around.rng.chance(300) {
        arguments.push_str(",12345678901234567890,{\"a\":[1,\"]\"]},null");
    }
    if around.rng.chance(300) {
        for num in 0..around.rng.between(1, 3) {
            let len = content_size(most / 2, around.rng);
            attachments.push(content(
                session.publisher,
                *numbered,
                len,
                false,
                around.rng,
            ));
            arguments.push_str(&format!(",[{{\"_placeholder\":true,\"num\":{num}}}]"));
        }
    }
    let form = spoken::form(name, &arguments, &attachments);
    let id = around
        .ledger
        .add(channel, session.publisher, true, form.as_bytes());
    let kind = match attachments.len() {
        0 => "2".to_owned(),
        n => format!("5{n}-"),
    };
    let ack = match around.rng.chance(400) {
        true => {
            session.asked += 1;
            session.asks.insert(session.asked, (channel, id));
            session.asked.to_string()
        }
        false => String::new(),
    };
    session.queue.push_back(Out {
        text: format!(
            "4{kind}{}{ack}[\"{name}\",{arguments}]",
            around.terms.prefix(channel)
        ),
        attachments,
        milestone: Some(Milestone::Message(id)),
    });
    true
}

/// Lets go of a connection that its session does not survive.
fn cut(session: &mut Session, around: &mut Around<'_>) -> bool {
    let now = around.start_ms();
    let reset = around.rng.chance(700);
    let duty = match session.state {
        State::WebSocket => Duty::Socket,
        _ => Duty::Get,
    };
    let Some(line) = session.line(duty).filter(|l| l.asked > 0 || l.upgraded) else {
        return false;
    };
    line.drop_it(around.kernel, reset);
    session.must = Some(("it was cut", now));
    session.drop_all("it was cut".into(), around);
    true
}

/// Half a request, and then the end of its connection.
fn half_post(session: &mut Session, around: &mut Around<'_>) -> bool {
    let Some(at) = half_request(session, around) else {
        return false;
    };
    let now = around.start_ms();
    session.lines[at].outbox.milestone(Milestone::Fin);
    session.must = Some(("a request was cut", now + around.terms.patience_ms()));
    true
}

fn half_request(session: &mut Session, around: &mut Around<'_>) -> Option<usize> {
    if session.state != State::Polling {
        return None;
    }
    let at = session
        .lines
        .iter()
        .position(|l| l.duty == Duty::Post && l.is_idle())?;
    let target = around.terms.target(Duty::Post, &session.sid);
    let body = [&b"42[\"never\",\""[..], &[b'x'; 200], b"\"]"].concat();
    let rest = around.rng.between(1, body.len());
    session.lines[at].post_part(&target, &body, body.len() - rest);
    Some(at)
}

fn double_get(session: &mut Session, around: &mut Around<'_>) -> bool {
    let asks = session
        .line(Duty::Get)
        .is_some_and(|l| l.asked > 0 && l.outbox.is_empty());
    if session.state != State::Polling || !asks {
        return false;
    }
    let Some(mut line) = Line::connect(Duty::Double, around.kernel, around.rng) else {
        return false;
    };
    line.get(&around.terms.target(Duty::Get, &session.sid));
    let now = around.start_ms();
    session.lines.push(line);
    session.must = Some((ASKED_TWICE, now + around.terms.patience_ms()));
    true
}

fn double_post(session: &mut Session, around: &mut Around<'_>) -> bool {
    if half_request(session, around).is_none() {
        return false;
    }
    let now = around.start_ms();
    session.must = Some(("it brought twice", now + around.terms.patience_ms()));
    if let Some(mut line) = Line::connect(Duty::Double, around.kernel, around.rng) {
        line.post(&around.terms.target(Duty::Post, &session.sid), b"3");
        session.lines.push(line);
    }
    true
}

/// A second WebSocket, which the first does not notice.
fn double_socket(session: &mut Session, around: &mut Around<'_>) -> bool {
    if session.state != State::WebSocket || session.line(Duty::Double).is_some() {
        return false;
    }
    let Some(mut line) = Line::connect(Duty::Double, around.kernel, around.rng) else {
        return false;
    };
    line.upgrade(&around.terms.target(Duty::Socket, &session.sid), around.rng);
    session.lines.push(line);
    true
}

fn connect_again(session: &mut Session, around: &mut Around<'_>) -> bool {
    let channel = around.rng.below(3) as usize;
    if !session.may_emit(channel) {
        return false;
    }
    let text = format!("40{}", around.terms.prefix(channel));
    session.queue.push_back(Out::text(text));
    let now = around.start_ms();
    session.must = Some(("it connected twice", now + around.terms.patience_ms()));
    true
}

fn nonsense(session: &mut Session, around: &mut Around<'_>) -> bool {
    let now = around.start_ms();
    let what = *around.rng.pick(NONSENSE);
    let mut out = Out::text(what);
    if what.is_empty() {
        // Bytes that no event announced.
        out = Out {
            attachments: vec![b"bytes".to_vec()],
            ..Out::text("3")
        };
    }
    session.queue.push_back(out);
    session.must = Some((what, now + around.terms.patience_ms()));
    true
}

fn stall(session: &mut Session, around: &mut Around<'_>) {
    let now = around.start_ms();
    let long = around.rng.chance(100);
    let ms = match long {
        true => 2 * around.terms.patience_ms(),
        false => around.rng.below(around.terms.ping_timeout_ms / 2),
    };
    session.stalled_until_ms = now + ms;
    session.lazy = true;
    if long {
        session.must = Some((SILENT, now + 3 * around.terms.patience_ms()));
    }
}

impl Line {
    /// Begins a request whose body does not come whole.
    pub fn post_part(&mut self, target: &str, body: &[u8], part: usize) {
        let mut whole = Vec::new();
        engine::append(&mut whole, Ok(str::from_utf8(body).expect("text")));
        self.post_head(target, whole.len());
        self.outbox.push(&whole[..part.min(whole.len())]);
    }
}
