//! A Socket.IO client of few words, over a WebSocket; and a program that does what the test says.

use std::sync::mpsc::{Receiver, Sender, channel};

use longwave::app::{App, Cx, Data, Event, Failed, Reason, Refused, Socket, Then};
use longwave::{Config, Server};

use crate::support::{BINARY, End, PATIENCE, Peer, Relay, TEXT};

/// One session, and the socket's id in the namespace that it joined last.
pub struct Client {
    pub peer: Peer,
    pub id: String,
}

impl Client {
    /// A session that is in no namespace.
    pub fn open(relay: &Relay) -> Client {
        let mut peer = relay.ws("/socket.io/?EIO=4&transport=websocket");
        let open = peer.message();
        assert!(open.starts_with(b"0{"), "{}", text(&open));
        let id = String::new();
        Client { peer, id }
    }

    /// In this namespace.
    pub fn join(relay: &Relay, namespace: &str) -> Client {
        let mut client = Client::open(relay);
        client.enter(namespace, "");
        client
    }

    /// Goes into a further namespace.
    pub fn enter(&mut self, namespace: &str, auth: &str) {
        let head = match namespace {
            "/" => "40".to_owned(),
            other => format!("40{other},"),
        };
        self.say(&format!("{head}{auth}"));
        let answer = self.hear();
        let id = answer.strip_prefix(&format!("{head}{{\"sid\":\""));
        let id = id.and_then(|rest| rest.strip_suffix("\"}"));
        id.unwrap_or_else(|| panic!("{answer}"))
            .clone_into(&mut self.id);
    }

    pub fn say(&mut self, text: &str) {
        self.peer.send(TEXT, text.as_bytes());
    }

    pub fn say_bytes(&mut self, bytes: &[u8]) {
        self.peer.send(BINARY, bytes);
    }

    /// The next packet of text; pings are answered.
    pub fn hear(&mut self) -> String {
        loop {
            match text(&self.peer.message()) {
                "2" => self.say("3"),
                packet => return packet.to_owned(),
            }
        }
    }

    /// The next attachment.
    pub fn hear_bytes(&mut self) -> Vec<u8> {
        let frame = self.peer.frame().expect("an attachment");
        assert_eq!(frame.first, BINARY);
        frame.payload
    }

    /// How the connection ends; what comes before is not looked at.
    pub fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.peer.try_message() {
                return end;
            }
        }
    }
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// What a program does with an event.
pub type Do = fn(&mut Cx, &Socket<'_>, &Event<'_>) -> Result<Then, Failed>;

/// Tells the test what it is told, and does what the test says.
pub struct Told {
    tell: Sender<String>,
    event: Do,
}

impl Told {
    fn tell(&self, what: String) {
        // A test that is over does not listen.
        let _ = self.tell.send(what);
    }
}

impl App for Told {
    fn connect(&mut self, cx: &mut Cx, socket: &Socket<'_>, auth: &str) -> Result<(), Refused> {
        self.tell(format!(
            "connect {} {} {auth}",
            socket.namespace, socket.channel
        ));
        match socket.namespace {
            "/refused" => Err(Refused {
                message: "not today".to_owned(),
                data: Some("{\"until\":[1]}".to_owned()),
            }),
            "/panic" => panic!("on purpose"),
            "/greeted" => {
                let to = longwave::app::To::One(socket.id);
                cx.emit(to, "hello", &format!("[{auth}]"))?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn event(
        &mut self,
        cx: &mut Cx,
        socket: &Socket<'_>,
        event: &Event<'_>,
    ) -> Result<Then, Failed> {
        self.tell(format!("event {} {}", event.name, event.args.json));
        (self.event)(cx, socket, event)
    }

    fn disconnect(
        &mut self,
        _: &mut Cx,
        socket: &Socket<'_>,
        reason: Reason,
    ) -> Result<(), Failed> {
        self.tell(format!("disconnect {} {}", socket.id, reason.word()));
        Ok(())
    }

    fn message(&mut self, cx: &mut Cx, session: &str, data: Data<'_>) -> Result<(), Failed> {
        self.tell(session.to_owned());
        cx.send(session, data)?;
        Ok(())
    }
}

/// What a program was told, one after the other.
pub struct Ear(Receiver<String>);

impl From<Receiver<String>> for Ear {
    fn from(told: Receiver<String>) -> Ear {
        Ear(told)
    }
}

impl Ear {
    pub fn hears(&self, what: &str) {
        assert_eq!(self.next(), what);
    }

    pub fn next(&self) -> String {
        self.0
            .recv_timeout(PATIENCE)
            .expect("the program is called")
    }
}

/// A relay with a program that does this with events.
pub fn relay(event: Do) -> (Relay, Ear) {
    let (tell, ear) = channel();
    (relay_of(Box::new(Told { tell, event })), Ear(ear))
}

/// A relay with this program, and without history.
pub fn relay_of(app: Box<dyn App>) -> Relay {
    start(app, |config| {
        config.settings.limits.history_messages_max = 0
    })
}

/// A relay with a program that does this with events, to which clients can come back.
pub fn open_with_recovery(event: Do) -> Relay {
    let (tell, _) = channel();
    start(Box::new(Told { tell, event }), |config| {
        config.settings.socketio.recovery = true;
    })
}

fn start(app: Box<dyn App>, change: impl FnOnce(&mut Config)) -> Relay {
    let mut config = Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        ..Config::default()
    };
    config.settings.socketio.engine_path = "/bare/".to_owned();
    change(&mut config);
    Relay::run(Server::bind_with(&config, app).unwrap_or_else(|e| panic!("{e}")))
}
