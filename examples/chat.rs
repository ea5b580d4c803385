//! A chat in rooms on the embedding interface: who comes gives a name, a room is a namespace.
//!
//! ```text
//! cargo run --example chat -- 127.0.0.1:8080
//! ```
//!
//! and then, for each who wants to talk, with npm `socket.io-client`:
//!
//! ```js
//! const room = io("http://127.0.0.1:8080/lobby", { auth: { name: "Ada" } });
//! room.on("said", (name, text) => console.log(`${name}: ${text}`));
//! room.on("joined", (name) => console.log(`${name} is here`));
//! room.on("left", (name) => console.log(`${name} has gone`));
//! room.emit("say", "hello", () => console.log("it is on its way"));
//! room.emit("who", (names) => console.log(names));
//! room.emit("count", "a long text of many words", (words) => console.log(words));
//! ```
//!
//! A room is also a channel: `curl -N -H 'Accept: text/event-stream' 127.0.0.1:8080/channels/lobby` reads along.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use longwave::app::{Ack, App, Cx, Event, Failed, Reason, Refused, Socket, Then, To};
use longwave::{Config, Handle, Server};
use serde_json::{from_str, json};

/// Something that takes time, and who waits for it.
type Job = (Ack, String);

struct Chat {
    /// Who is there: room and name of each socket.
    people: HashMap<String, (String, String)>,
    jobs: Sender<Job>,
}

#[derive(serde::Deserialize)]
struct Auth {
    name: String,
}

impl Chat {
    fn names(&self, room: &str) -> Vec<&str> {
        let there = self.people.values().filter(|(r, _)| r == room);
        let mut names: Vec<&str> = there.map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

impl App for Chat {
    fn connect(&mut self, cx: &mut Cx, socket: &Socket<'_>, auth: &str) -> Result<(), Refused> {
        let auth: Auth = from_str(auth).map_err(|_| Refused::new("give your name"))?;
        if self.names(socket.namespace).contains(&&*auth.name) {
            return Err(Refused {
                message: "the name is taken".to_owned(),
                data: Some(json!({ "name": auth.name }).to_string()),
            });
        }
        let arguments = json!([auth.name]).to_string();
        cx.emit(To::AllBut(socket.id), "joined", &arguments)?;
        let person = (socket.namespace.to_owned(), auth.name);
        self.people.insert(socket.id.to_owned(), person);
        Ok(())
    }

    fn event(
        &mut self,
        cx: &mut Cx,
        socket: &Socket<'_>,
        event: &Event<'_>,
    ) -> Result<Then, Failed> {
        let (room, name) = self.people.get(socket.id).ok_or("nobody we know")?;
        match (event.name, &event.ack) {
            ("say", ack) => {
                // What is not one text is an error: nobody hears it.
                let (text,): (String,) = from_str(event.args.json)?;
                let arguments = json!([name, text]).to_string();
                cx.emit(To::AllBut(socket.id), "said", &arguments)?;
                if let Some(ack) = ack {
                    cx.ack(ack, "[]")?;
                }
            }
            ("who", Some(ack)) => cx.ack(ack, &json!([self.names(room)]).to_string())?,
            ("count", Some(ack)) => {
                let (text,): (String,) = from_str(event.args.json)?;
                // This thread serves everybody: whatever takes long goes elsewhere.
                self.jobs.send((ack.clone(), text))?;
            }
            _ => {}
        }
        Ok(Then::Done)
    }

    fn disconnect(&mut self, cx: &mut Cx, socket: &Socket<'_>, _: Reason) -> Result<(), Failed> {
        // It has gone already, so this is for all who are left.
        if let Some((_, name)) = self.people.remove(socket.id) {
            cx.emit(
                To::Channel(socket.channel),
                "left",
                &json!([name]).to_string(),
            )?;
        }
        Ok(())
    }
}

/// Does what takes time, and answers.
fn work(jobs: &Receiver<Job>, handle: &Handle) {
    for (ack, text) in jobs {
        thread::sleep(Duration::from_millis(500));
        let words = text.split_whitespace().count();
        if handle.ack(&ack, &json!([words]).to_string()).is_err() {
            return;
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let config = Config {
        listen: vec![address.as_deref().unwrap_or("127.0.0.1:0").parse()?],
        ..Config::default()
    };
    let (jobs, to_do) = channel();
    let people = HashMap::new();
    let mut server = Server::bind_with(&config, Box::new(Chat { people, jobs }))?;
    println!("http://{}", server.addresses()[0]);
    let handle = server.handle();
    thread::spawn(move || work(&to_do, &handle));
    server.run();
    Ok(())
}
