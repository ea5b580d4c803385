//! The bodies of the fuzz targets, over the corpus that is committed with them.

use std::fs;
use std::path::Path;

use longwave_sim::fuzz;

fn each(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(&corpus)
        .expect("a corpus")
        .map(|f| f.expect("a file").path())
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{target} has hardly any corpus");
    for file in files {
        let data = fs::read(&file).expect("readable");
        body(&data);
        // Cut short it is an input too.
        body(&data[..data.len() / 2]);
    }
}

#[test]
fn frames() {
    each("ws_decoder", fuzz::fuzz_decoder);
}

#[test]
fn compressed_messages() {
    each("ws_deflate", fuzz::fuzz_deflate);
}

#[test]
fn handshakes() {
    each("ws_handshake", fuzz::fuzz_handshake);
}

#[test]
fn requests() {
    each("http_request", fuzz::fuzz_request);
}

#[test]
fn bodies() {
    each("http_body", fuzz::fuzz_body);
}

#[test]
fn forms() {
    each("http_form", fuzz::fuzz_form);
}

#[test]
fn socketio_packets() {
    each("socketio", fuzz::fuzz_socketio);
}

#[test]
fn worlds() {
    each("server_ops", fuzz::server_ops);
}
