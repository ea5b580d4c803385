//! A relay on tokio-tungstenite: a path is a channel, a message goes to everyone else on it.
//!
//! usage: relay-tokio-tungstenite PORT
//!
//! One thread, as every server it is compared with has. Each connection is a task that waits for its
//! peer and for its channel; messages that wait together are written together (`feed`, then one
//! `flush`), their payloads shared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Messages that a subscriber may be behind before it is cut off.
const BEHIND_MAX: usize = 1024;

/// A message and who sent it.
type Letter = (u64, Message);
type Channels = Arc<Mutex<HashMap<String, broadcast::Sender<Letter>>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("usage: PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let channels = Channels::default();
    let mut id = 0;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        id += 1;
        let channels = channels.clone();
        tokio::spawn(async move {
            // How a connection ends is of no interest here.
            let _ = serve(stream, id, channels).await;
        });
    }
}

async fn serve(stream: TcpStream, id: u64, channels: Channels) -> Result<(), Error> {
    let mut path = String::new();
    let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        path = request.uri().path().to_owned();
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, note).await?;
    let (mut out, mut input) = socket.split();
    let sender = join(&channels, path);
    let mut news = sender.subscribe();
    loop {
        tokio::select! {
            message = input.next() => match message {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    let _ = sender.send((id, message));
                }
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(e),
                None => return Ok(()),
            },
            letter = news.recv() => {
                let mut next = match letter {
                    Ok(letter) => Ok(letter),
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return Ok(()),
                };
                loop {
                    match next {
                        Ok((from, message)) if from != id => out.feed(message).await?,
                        Ok(_) => {}
                        Err(TryRecvError::Empty) => break,
                        Err(_) => return Ok(()),
                    }
                    next = news.try_recv();
                }
                out.flush().await?;
            }
        }
    }
}

fn join(channels: &Channels, path: String) -> broadcast::Sender<Letter> {
    let mut channels = channels.lock().expect("one thread");
    let new = || broadcast::channel(BEHIND_MAX).0;
    channels.entry(path).or_insert_with(new).clone()
}
