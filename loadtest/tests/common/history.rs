//! A server with a history: POSTs publish, event streams and long-polls listen. It does one thing
//! wrong, once, to the connection that came first.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Drop,
    Twice,
    /// A message comes after the next one.
    Swap,
    Corrupt,
    Cut,
    /// So many are left out, and it says that so many are.
    Gap(usize, Option<u64>),
    /// Who comes back gets nothing of what was missed.
    Forget,
    /// The same, and it says how much that is.
    ForgetAndSay,
}

/// Messages before the fault.
const BEFORE: usize = 10;
/// How long a poll is held.
const HOLD: Duration = Duration::from_millis(30);
const TIME: &str = "Thu, 01 Jan 1970 00:00:01 GMT";

#[derive(Default)]
struct Hub {
    messages: Mutex<Vec<Vec<u8>>>,
    more: Condvar,
}

/// One delivery: how many it says were left out before it, which message, whether it is harmed.
struct Delivery {
    gap: Option<Option<u64>>,
    message: usize,
    harmed: bool,
}

/// What one listener gets.
struct Feed {
    next: usize,
    /// Given out of turn.
    first: VecDeque<usize>,
    /// How much is missing from the beginning.
    forgot: Option<u64>,
    fault: Fault,
    /// Deliveries before the fault.
    countdown: usize,
}

impl Feed {
    /// From now on, or from where the client says it is.
    fn new(hub: &Hub, fault: Fault, place: Option<usize>) -> Feed {
        let newest = hub.messages.lock().unwrap().len();
        let forgets = matches!(fault, Fault::Forget | Fault::ForgetAndSay);
        Feed {
            next: place.filter(|_| !forgets).unwrap_or(newest),
            first: VecDeque::new(),
            forgot: place
                .filter(|_| fault == Fault::ForgetAndSay)
                .map(|place| (newest - place) as u64),
            fault,
            countdown: BEFORE,
        }
    }

    /// How many messages there have to be for the next delivery.
    fn needs(&self) -> usize {
        let more = match (self.countdown, self.fault) {
            (0, Fault::Swap | Fault::Drop) => 2,
            (0, Fault::Gap(left_out, _)) => left_out + 1,
            _ => 1,
        };
        if self.first.is_empty() {
            self.next + more
        } else {
            0
        }
    }

    /// The next delivery; `None`: the connection is to end.
    fn take(&mut self) -> Option<Delivery> {
        let mut delivery = Delivery {
            gap: None,
            message: self.next,
            harmed: false,
        };
        if let Some(message) = self.first.pop_front() {
            return Some(Delivery {
                message,
                ..delivery
            });
        }
        let due = self.countdown == 0;
        self.countdown = self.countdown.saturating_sub(1);
        let fault = match due {
            true => std::mem::replace(&mut self.fault, Fault::None),
            false => Fault::None,
        };
        self.next += 1;
        match fault {
            Fault::None | Fault::Forget | Fault::ForgetAndSay => {}
            Fault::Drop => return self.take(),
            Fault::Cut => return None,
            Fault::Corrupt => delivery.harmed = true,
            Fault::Twice => self.first.push_back(delivery.message),
            Fault::Swap => {
                self.first.push_back(delivery.message);
                delivery.message += 1;
                self.next += 1;
            }
            Fault::Gap(left_out, said) => {
                delivery.gap = Some(said);
                delivery.message += left_out;
                self.next += left_out;
            }
        }
        Some(delivery)
    }
}

/// Serves on threads that end with their connections; returns the address.
pub fn serve(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let hub = Arc::new(Hub::default());
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (stream, hub) = (stream.unwrap(), hub.clone());
            stream.set_nodelay(true).unwrap();
            let to_all = matches!(fault, Fault::Forget | Fault::ForgetAndSay);
            let fault = if number == 0 || to_all {
                fault
            } else {
                Fault::None
            };
            std::thread::spawn(move || one(number, stream, &hub, fault));
        }
    });
    address
}

/// A request's head, its lines in small letters, and its body.
fn request(input: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = field(&head, "content-length").and_then(|n| n.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    input.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn one(number: usize, stream: TcpStream, hub: &Hub, fault: Fault) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let mut feed = None;
    while let Some((head, body)) = request(&mut input) {
        let answered = if head.starts_with("post ") {
            hub.messages.lock().unwrap().push(body);
            hub.more.notify_all();
            write(
                &stream,
                b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
            )
        } else if field(&head, "accept") == Some("text/event-stream") {
            let place = field(&head, "last-event-id").map(|id| id.parse().unwrap());
            events(number, &stream, hub, Feed::new(hub, fault, place))
        } else {
            poll(
                &stream,
                hub,
                &head,
                feed.get_or_insert_with(|| Feed::new(hub, fault, asked(&head))),
            )
        };
        if answered.is_none() {
            return;
        }
    }
}

/// The message that the next request of a poll is to follow.
fn asked(head: &str) -> Option<usize> {
    let place = field(head, "if-none-match")?.parse().unwrap();
    assert_eq!(
        field(head, "if-modified-since"),
        Some(&*TIME.to_ascii_lowercase())
    );
    Some(place)
}

/// Writes in two pieces, so that what is read is cut somewhere; `None` when the client is gone.
fn write(mut stream: &TcpStream, bytes: &[u8]) -> Option<()> {
    let (one, two) = bytes.split_at(bytes.len() * 5 / 7);
    stream.write_all(one).ok()?;
    stream.write_all(two).ok()
}

fn payload(messages: &MutexGuard<'_, Vec<Vec<u8>>>, delivery: &Delivery) -> Vec<u8> {
    let mut payload = messages[delivery.message].clone();
    if delivery.harmed {
        payload[50] = if payload[50] == b'x' { b'y' } else { b'x' };
    }
    payload
}

fn gap(missed: Option<u64>) -> String {
    let missed = missed.map_or("null".to_owned(), |n| n.to_string());
    format!("{{\"after\":\"1:0\",\"next\":\"1:0\",\"missed\":{missed}}}")
}

/// An event stream, in chunks or to the end of the connection by turns.
fn events(number: usize, stream: &TcpStream, hub: &Hub, mut feed: Feed) -> Option<()> {
    let coding = ["Connection: close", "Transfer-Encoding: chunked"][number % 2];
    let say = |text: &[u8]| match number % 2 {
        0 => write(stream, text),
        _ => {
            let size = format!("{:x}\r\n", text.len());
            write(stream, &[size.as_bytes(), text, b"\r\n"].concat())
        }
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{coding}\r\n\r\n");
    write(stream, head.as_bytes())?;
    say(b": hello\n\n")?;
    if let Some(forgot) = feed.forgot.take() {
        say(format!("event: gap\ndata: {}\n\n", gap(Some(forgot))).as_bytes())?;
    }
    loop {
        let mut messages = hub.messages.lock().unwrap();
        while messages.len() < feed.needs() {
            messages = hub.more.wait(messages).unwrap();
        }
        let delivery = feed.take()?;
        let mut event = Vec::new();
        if let Some(missed) = delivery.gap {
            write!(event, "event: gap\ndata: {}\n\n", gap(missed)).unwrap();
        }
        write!(event, "id: {}\ndata: ", feed.next).unwrap();
        event.extend(payload(&messages, &delivery));
        event.extend(b"\n\n");
        drop(messages);
        say(&event)?;
    }
}

/// One poll of a connection: a message, or word that there was none.
fn poll(stream: &TcpStream, hub: &Hub, head: &str, feed: &mut Feed) -> Option<()> {
    // Only the first one of a connection may leave it open where it stands.
    assert!(asked(head).is_none_or(|place| place <= feed.next));
    let messages = hub.messages.lock().unwrap();
    let holds =
        |messages: &mut Vec<Vec<u8>>| messages.len() < feed.needs() && feed.forgot.is_none();
    let (messages, timeout) = hub.more.wait_timeout_while(messages, HOLD, holds).unwrap();
    let (status, body, gap) = match (timeout.timed_out(), feed.forgot.take()) {
        (false, None) => {
            let delivery = feed.take()?;
            let body = payload(&messages, &delivery);
            ("200 OK", body, delivery.gap.map(gap))
        }
        (_, forgot) => {
            let gap = forgot.map(|n| gap(Some(n)));
            ("408 Request Timeout", b"none".to_vec(), gap)
        }
    };
    drop(messages);
    let gap = gap.map_or(String::new(), |gap| format!("Longwave-Gap: {gap}\r\n"));
    let answer = format!(
        "HTTP/1.1 {status}\r\nLast-Modified: {TIME}\r\nEtag: {}\r\n{gap}Content-Length: {}\r\n\r\n",
        feed.next,
        body.len()
    );
    write(stream, &[answer.as_bytes(), &body].concat())
}
