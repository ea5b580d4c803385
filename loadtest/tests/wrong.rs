//! Against a server that does one thing wrong, once: each must be reported, and nothing else.

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use common::{Ran, run};
use tungstenite::Message;

/// What goes wrong, for the first connection only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Drop,
    Twice,
    /// A message comes after the next one of the same publisher.
    SwapSame,
    /// A message comes after the next one of another publisher.
    SwapAcross,
    Corrupt,
    Cut,
    /// As text rather than binary.
    Text,
    Masked,
    CloseFrame,
    Reserved,
}

/// Everybody, and what is being done to the first.
struct Hub {
    peers: Vec<TcpStream>,
    fault: Fault,
    /// Messages before the fault.
    countdown: u32,
    /// A message that the first connection gets later: publisher and frame.
    held: Option<(u8, Vec<u8>)>,
}

impl Hub {
    fn message(&mut self, from: usize, payload: &[u8]) {
        for to in (0..self.peers.len()).filter(|&to| to != from) {
            if to == 0 {
                self.first_gets(payload);
            } else {
                write(&self.peers[to], &frame(0x82, payload));
            }
        }
    }

    fn first_gets(&mut self, payload: &[u8]) {
        if self.countdown > 0 {
            self.countdown -= 1;
            return write(&self.peers[0], &frame(0x82, payload));
        }
        let publisher = payload[8];
        match (self.fault, self.held.take()) {
            (Fault::SwapSame | Fault::SwapAcross, None) => {
                self.held = Some((publisher, frame(0x82, payload)));
            }
            (Fault::SwapSame, Some((p, held))) if p != publisher => {
                write(&self.peers[0], &frame(0x82, payload));
                self.held = Some((p, held));
            }
            (Fault::SwapAcross, Some((p, held))) if p == publisher => {
                write(&self.peers[0], &held);
                self.held = Some((p, frame(0x82, payload)));
            }
            (fault, held) => {
                self.fault = Fault::None;
                self.once(fault, payload);
                held.iter()
                    .for_each(|(_, frame)| write(&self.peers[0], frame));
            }
        }
    }

    fn once(&mut self, fault: Fault, payload: &[u8]) {
        let good = frame(0x82, payload);
        let bytes = match fault {
            Fault::None | Fault::SwapSame | Fault::SwapAcross => good,
            Fault::Drop => Vec::new(),
            Fault::Twice => [good.clone(), good].concat(),
            Fault::Corrupt => frame(
                0x82,
                &[&payload[..30], &[!payload[30]], &payload[31..]].concat(),
            ),
            Fault::Text => frame(0x81, &payload.iter().map(|b| b & 0x7f).collect::<Vec<u8>>()),
            Fault::Masked => [&[0x82, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat(),
            Fault::CloseFrame => frame(0x88, b"\x03\xf5lagged"),
            Fault::Reserved => frame(0xc2, payload),
            Fault::Cut => {
                let _ = self.peers[0].shutdown(Shutdown::Both);
                Vec::new()
            }
        };
        write(&self.peers[0], &bytes);
        if fault == Fault::CloseFrame {
            // Anything behind it would be one more fault.
            let _ = self.peers[0].shutdown(Shutdown::Write);
        }
    }
}

fn write(mut to: &TcpStream, bytes: &[u8]) {
    let _ = to.write_all(bytes);
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, payload.len() as u8], payload].concat()
}

/// Serves on threads that end with their connections; returns the address.
fn serve(fault: Fault, countdown: u32, to_self: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let hub = Arc::new(Mutex::new(Hub {
        peers: Vec::new(),
        fault,
        countdown,
        held: None,
    }));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, hub) = (stream.unwrap(), hub.clone());
            stream.set_nodelay(true).unwrap();
            // Nobody publishes before all are open, so a place may be taken before the handshake.
            let me = {
                let mut hub = hub.lock().unwrap();
                hub.peers.push(stream.try_clone().unwrap());
                hub.peers.len() - 1
            };
            std::thread::spawn(move || one(me, stream, &hub, to_self));
        }
    });
    address
}

fn one(me: usize, stream: TcpStream, hub: &Mutex<Hub>, to_self: bool) {
    let mut socket = tungstenite::accept(stream).unwrap();
    while let Ok(message) = socket.read() {
        if let Message::Binary(payload) = message {
            let mut hub = hub.lock().unwrap();
            if to_self && me == 0 {
                hub.first_gets(&payload);
            } else if to_self {
                write(&hub.peers[me], &frame(0x82, &payload));
            } else {
                hub.message(me, &payload);
            }
        }
    }
}

/// One connection at a time, so that the first is the first.
const COMMON: &str = "--in-flight 1 --grace 500ms";
const SENDING: &str = "--size 64 --allow-saturated --late 60s --warmup 100ms --duration 400ms";

fn fanout(fault: Fault) -> Ran {
    let address = serve(fault, 20, false);
    run(&format!(
        "fanout --url ws://{address}/a --subscribers 4 --publishers 2 --rate 200 {COMMON} {SENDING}"
    ))
}

#[test]
fn the_same_server_without_a_fault_is_right() {
    let ran = fanout(Fault::None);
    assert_eq!((ran.code, ran.faults()), (0, [0; 6]), "{:#}", ran.report);
    assert_eq!(ran.number("/verdict/delivered"), 500.0);
}

#[test]
fn fanout_reports_each_fault_and_nothing_else() {
    for (fault, expected) in [
        (Fault::Drop, [1, 0, 0, 0, 0, 0]),
        (Fault::Twice, [0, 1, 0, 0, 0, 0]),
        (Fault::SwapSame, [0, 0, 1, 0, 0, 0]),
        (Fault::SwapAcross, [0, 0, 0, 0, 0, 1]),
        (Fault::Corrupt, [1, 0, 0, 1, 0, 0]),
    ] {
        let ran = fanout(fault);
        assert_eq!(
            (ran.code, ran.faults()),
            (1, expected),
            "{fault:?} {:#}",
            ran.report
        );
    }
}

#[test]
fn fanout_reports_connections_that_end_and_why() {
    for (fault, why) in [
        (Fault::Cut, "cut without a close frame: end of stream"),
        (Fault::CloseFrame, "closed by the server: 1013 lagged"),
        (Fault::Masked, "protocol violation: server frame is masked"),
        (Fault::Reserved, "protocol violation: reserved bit set"),
    ] {
        let ran = fanout(fault);
        assert_eq!(ran.code, 1, "{fault:?} {:#}", ran.report);
        assert_eq!(ran.report["verdict"]["ended"][why], 1, "{:#}", ran.report);
        // 100 messages, of which the first connection got 20.
        assert_eq!(ran.faults(), [80, 0, 0, 0, 0, 0], "{fault:?}");
    }
}

#[test]
fn fanout_reports_text_that_was_sent_as_binary() {
    let ran = fanout(Fault::Text);
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [1, 0, 0, 1, 0, 0]),
        "{:#}",
        ran.report
    );
}

#[test]
fn fanout_in_a_closed_loop_ends_on_a_loss() {
    let address = serve(Fault::Drop, 20, false);
    let ran = run(&format!(
        "fanout --url ws://{address}/a --subscribers 4 {COMMON} {SENDING}"
    ));
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [1, 0, 0, 0, 0, 0]),
        "{:#}",
        ran.report
    );
    assert_eq!(ran.number("/verdict/expected"), 21.0 * 4.0);
}

#[test]
fn a_server_that_returns_ones_own_is_wrong_unless_that_is_asked_for() {
    let address = serve(Fault::None, 0, true);
    let ran = run(&format!(
        "fanout --url ws://{address}/a --subscribers 1 --rate 100 {COMMON} {SENDING}"
    ));
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [50, 0, 0, 0, 50, 0]),
        "{:#}",
        ran.report
    );
    let ran = run(&format!(
        "fanout --url ws://{address}/a --own --subscribers 1 --rate 100 {COMMON} {SENDING}"
    ));
    assert_eq!(
        (ran.code, ran.faults()),
        (1, [50, 0, 0, 0, 0, 0]),
        "{:#}",
        ran.report
    );
}

#[test]
fn a_server_that_stops_reading_is_not_taken_for_a_slow_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let open = |stream: std::io::Result<_>| tungstenite::accept(stream.unwrap()).unwrap();
        let _kept: Vec<_> = listener.incoming().map(open).collect();
    });
    let ran = run(&format!(
        "fanout --url ws://{address}/a --subscribers 1 --rate 1000 {COMMON} --allow-saturated \
         --late 60s --size 256KiB --warmup 0s --duration 500ms"
    ));
    let [lost, others @ ..] = ran.faults();
    assert_eq!((ran.code, others), (1, [0; 5]), "{:#}", ran.report);
    let unsent = ran.number("/client/unsent");
    assert!(
        unsent > 0.0 && lost as f64 + unsent == 500.0,
        "{lost} lost, {unsent} unsent"
    );
}

#[test]
fn echo_reports_each_fault() {
    for (fault, expected) in [
        (Fault::None, [0, 0, 0, 0, 0, 0]),
        (Fault::Drop, [1, 0, 0, 0, 0, 0]),
        (Fault::Twice, [0, 1, 0, 0, 0, 0]),
        (Fault::SwapSame, [0, 0, 1, 0, 0, 0]),
        (Fault::Corrupt, [1, 0, 0, 1, 0, 0]),
    ] {
        let address = serve(fault, 20, true);
        let ran = run(&format!(
            "echo --url ws://{address}/a --connections 3 --rate 300 {COMMON} {SENDING}"
        ));
        let code = i32::from(fault != Fault::None);
        assert_eq!(
            (ran.code, ran.faults()),
            (code, expected),
            "{fault:?} {:#}",
            ran.report
        );
    }
}

#[test]
fn idle_reports_the_one_that_did_not_get_it_and_the_one_that_got_it_twice() {
    for (fault, expected) in [
        (Fault::None, [0, 0, 0, 0, 0, 0]),
        (Fault::Drop, [1, 0, 0, 0, 0, 0]),
        (Fault::Twice, [0, 1, 0, 0, 0, 0]),
    ] {
        let address = serve(fault, 0, false);
        let ran = run(&format!(
            "idle --url ws://{address}/a --connections 20 --step 10 --hold 50ms {COMMON}"
        ));
        let code = i32::from(fault != Fault::None);
        assert_eq!(
            (ran.code, ran.faults()),
            (code, expected),
            "{fault:?} {:#}",
            ran.report
        );
    }
}
