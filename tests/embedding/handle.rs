//! From other threads: what a handle emits, and what it refuses to.

use longwave::HandleError;
use longwave::app::{Args, BadEvent, Data, To};

use crate::support::Relay;

#[test]
fn an_event_reaches_whoever_listens_to_its_channel() {
    let relay = Relay::plain();
    let mut raw = relay.ws("/channels/news");
    let bytes = [vec![1, 2, 3]];
    let binary = Args {
        json: r#"[{"_placeholder":true,"num":0}]"#,
        attachments: &bytes,
    };
    relay
        .handle
        .emit(To::Channel("news"), "a\"b", " [1.50, {}] ")
        .unwrap();
    relay.handle.emit(To::Channel("news"), "c", binary).unwrap();
    relay.handle.publish_text("news", "plain").unwrap();
    assert_eq!(raw.message(), br#"{"name":"a\"b","data":[1.50, {}]}"#);
    assert_eq!(
        raw.message(),
        br#"{"name":"c","data":[{"_placeholder":true,"num":0}],"attachments":["AQID"]}"#
    );
    assert_eq!(raw.message(), b"plain");
}

#[test]
fn what_no_client_could_take_is_refused_at_once() {
    let relay = Relay::plain();
    let emit = |to, name, json: &str| relay.handle.emit(to, name, json);
    let bad = |bad| Err(HandleError::BadEvent(bad));
    assert_eq!(emit(To::One("x"), "connect", "[]"), bad(BadEvent::Name));
    assert_eq!(emit(To::One("x"), "a", "{}"), bad(BadEvent::Arguments));
    assert_eq!(
        emit(To::Channel(""), "a", "[]"),
        Err(HandleError::BadChannel)
    );
    let long = format!("[\"{}\"]", "x".repeat(1_500_000));
    assert_eq!(emit(To::Channel("a"), "a", &long), Err(HandleError::TooBig));
    // Who has gone, or was never there, is nobody's fault.
    assert_eq!(emit(To::One("x"), "a", "[]"), Ok(()));
    assert_eq!(emit(To::AllBut("x"), "a", "[]"), Ok(()));
    assert_eq!(relay.handle.disconnect("x"), Ok(()));
    assert_eq!(relay.handle.send("x", Data::Text("a")), Ok(()));
    relay.recovers();
}
