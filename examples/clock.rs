//! Embeds the relay: tells the time since start to the channel `clock`, once a second.
//!
//! Run it, then open the address it prints with `#clock` behind it. It stops after a minute.

use std::thread;
use std::time::{Duration, Instant};

use longwave::{Config, Server};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config {
        listen: vec!["127.0.0.1:0".parse()?],
        ..Config::default()
    };
    let mut server = Server::bind(&config)?;
    println!("http://{}/#clock", server.addresses()[0]);

    let handle = server.handle();
    let serving = thread::spawn(move || server.run());

    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let seconds = begun.elapsed().as_secs();
        handle.publish_text("clock", &format!("{seconds} s"))?;
        println!(
            "{seconds} s told to {} subscribers",
            handle.subscribers("clock")?
        );
        thread::sleep(Duration::from_secs(1));
    }

    handle.stop();
    serving.join().map_err(|_| "the server panicked")?;
    Ok(())
}
