//! A program that fails in every way takes nothing with it.

use super::*;
use crate::relay::app::To;

/// Collects something first, and then does what the event's name says.
struct Clumsy {
    calls: usize,
}

impl Clumsy {
    fn stumble(&mut self, cx: &mut Cx, how: &str) -> Result<Then, Failed> {
        self.calls += 1;
        cx.disconnect("somebody");
        match how {
            "panic" => panic!("on purpose"),
            "error" => Err("on purpose")?,
            "bad" => cx.emit(To::One("x"), "a", "no array")?,
            _ => {}
        }
        Ok(Then::Done)
    }
}

impl App for Clumsy {
    fn connect(&mut self, cx: &mut Cx, _: &Socket<'_>, auth: &str) -> Result<(), Refused> {
        let stumbled = self.stumble(cx, auth);
        stumbled.map(|_| ()).map_err(|_| Refused::new("no"))
    }

    fn event(&mut self, cx: &mut Cx, _: &Socket<'_>, event: &Event<'_>) -> Result<Then, Failed> {
        self.stumble(cx, event.name)
    }

    fn disconnect(&mut self, cx: &mut Cx, at: &Socket<'_>, _: Reason) -> Result<(), Failed> {
        self.stumble(cx, at.id).map(|_| ())
    }

    fn message(&mut self, cx: &mut Cx, session: &str, _: Data<'_>) -> Result<(), Failed> {
        self.stumble(cx, session).map(|_| ())
    }
}

fn socket(id: &str) -> Socket<'_> {
    Socket {
        id,
        namespace: "/",
        channel: "socket.io",
        recovered: false,
    }
}

fn event(name: &str) -> Event<'_> {
    Event {
        name,
        args: "[]".into(),
        ack: None,
    }
}

fn one() -> Vec<Command> {
    vec![Command::Disconnect("somebody".to_owned())]
}

#[test]
fn what_a_call_that_failed_had_collected_is_dropped() {
    let mut program = Program::new(Some(Box::new(Clumsy { calls: 0 })), 100);
    let called = |commands, broke| Called {
        then: Then::Done,
        commands,
        broke,
    };
    for (how, broke) in [("error", false), ("bad", false), ("panic", true)] {
        assert_eq!(
            program.event(&socket("a"), &event(how)),
            called(vec![], broke)
        );
        assert_eq!(program.message(how, Data::Text("")), called(vec![], broke));
        assert_eq!(program.disconnect(&socket(how), Reason::Gone), []);
    }
    assert_eq!(program.failures(), 9);
    assert_eq!(
        program.event(&socket("a"), &event("fine")),
        called(one(), false)
    );
    assert_eq!(
        program.message("fine", Data::Text("")),
        called(one(), false)
    );
    assert_eq!(program.disconnect(&socket("fine"), Reason::Gone), one());
    assert_eq!(program.failures(), 9);
}

#[test]
fn who_is_refused_or_meets_a_panic_does_not_connect() {
    let mut program = Program::new(Some(Box::new(Clumsy { calls: 0 })), 100);
    let connected = program.connect(&socket("a"), "panic");
    assert_eq!(connected, Err(Refused::new("internal error")));
    assert_eq!(program.failures(), 1);
    let connected = program.connect(&socket("a"), "error");
    assert_eq!(connected, Err(Refused::new("no")));
    // To refuse somebody is no failure.
    assert_eq!(program.failures(), 1);
    assert_eq!(program.connect(&socket("a"), "{}"), Ok(one()));
}

#[test]
fn without_a_program_everything_goes_its_way() {
    let mut program = Program::new(None, 100);
    assert_eq!(program.connect(&socket("a"), "{}"), Ok(vec![]));
    let called = program.event(&socket("a"), &event("x"));
    assert_eq!((called.then, called.broke), (Then::Relay, false));
    assert_eq!(program.disconnect(&socket("a"), Reason::Gone), []);
}
