//! Against a server behind TLS: a thread for each connection, every message back to its sender.

mod common;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use common::{Ran, run};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server with a certificate for these names, and the file that vouches for it.
struct Secure {
    port: u16,
    ca: PathBuf,
}

impl Secure {
    fn start(listen: &str, names: &[&str]) -> Secure {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let listener = TcpListener::bind(listen).unwrap();
        let port = listener.local_addr().unwrap().port();
        let ca = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ca-{port}.pem"));
        std::fs::write(&ca, made.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .unwrap();
        let config = Arc::new(config);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, config) = (stream.unwrap(), config.clone());
                std::thread::spawn(move || echo(stream, config));
            }
        });
        Secure { port, ca }
    }

    fn ca(&self) -> String {
        format!("--ca {}", self.ca.display())
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ca);
    }
}

fn echo(stream: TcpStream, config: Arc<ServerConfig>) {
    let session = ServerConnection::new(config).unwrap();
    let Ok(mut socket) = tungstenite::accept(StreamOwned::new(session, stream)) else {
        return;
    };
    while let Ok(message) = socket.read() {
        if message.is_binary() && socket.send(message).is_err() {
            break;
        }
    }
    socket.get_mut().conn.send_close_notify();
    let _ = socket.get_mut().flush();
}

fn echoes(url: &str, more: &str) -> Ran {
    run(&format!(
        "echo --url {url} --connections 8 --allow-saturated --late 60s --warmup 100ms --duration 400ms {more}"
    ))
}

#[test]
fn messages_of_all_sizes_come_back_through_tls() {
    let server = Secure::start("127.0.0.1:0", &["127.0.0.1"]);
    let url = format!("wss://127.0.0.1:{}/", server.port);
    for more in [
        "--window 4",
        "--size 16KiB --window 8 --batch 8",
        "--size 3MiB",
    ] {
        let ran = echoes(&url, &format!("{more} {}", server.ca()));
        assert_eq!((ran.code, ran.faults()), (0, [0; 6]), "{:#}", ran.report);
        assert!(ran.number("/verdict/delivered") >= 8.0);
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_or_that_is_for_another_name() {
    let server = Secure::start("127.0.0.1:0", &["elsewhere.example"]);
    let url = format!("wss://127.0.0.1:{}/", server.port);
    for (trust, why) in [
        (String::new(), "invalid peer certificate"),
        (server.ca(), "not valid for name"),
        ("--ca Cargo.toml".to_owned(), "no certificate in it"),
        ("--ca nowhere.pem".to_owned(), "--ca nowhere.pem"),
    ] {
        let ran = echoes(&url, &trust);
        assert_eq!(ran.code, 2, "{trust}");
        let told = ran.stderr.contains(why) || ran.stderr.contains("the system trusts nobody");
        assert!(told, "{trust}: {}", ran.stderr);
    }
    let ran = echoes(&url, "--insecure");
    assert_eq!((ran.code, ran.faults()), (0, [0; 6]), "{}", ran.stderr);
}

#[test]
fn names_and_addresses_with_tls_and_without() {
    for (listen, host) in [("127.0.0.1:0", "localhost"), ("[::1]:0", "[::1]")] {
        if TcpListener::bind(listen).is_err() {
            eprintln!("this machine has no {listen}: not tried");
            continue;
        }
        let server = Secure::start(listen, &[host.trim_matches(['[', ']'])]);
        let ran = echoes(&format!("wss://{host}:{}/", server.port), &server.ca());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.faults(), [0; 6]);
        let ran = echoes(&format!("ws://{host}:{}/", server.port), "");
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("handshake failed"), "{}", ran.stderr);
    }
}
