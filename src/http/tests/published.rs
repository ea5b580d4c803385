//! What publishers are told.

use super::*;
use crate::http::{PUBLISHED_BYTES_MAX, Published, Told};

fn text(published: &Published, told: Told) -> String {
    let mut out = Vec::new();
    published.write(told, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_channel_is_told_in_lines_as_nchan_does_or_in_json() {
    let published = Published {
        published: None,
        messages: 5,
        requested: Some(18),
        subscribers: 0,
        last_message_id: Some((1450755280, 7)),
    };
    assert_eq!(
        text(&published, Told::Plain),
        "queued messages: 5\r\nlast requested: 18 sec. ago\r\nactive subscribers: 0\r\nlast message id: 1450755280:7"
    );
    assert_eq!(
        text(&published, Told::Json),
        r#"{"messages": 5, "requested": 18, "subscribers": 0, "last_message_id": "1450755280:7"}"#
    );
}

#[test]
fn how_many_were_published_comes_first_where_it_could_be_several() {
    let several = Published {
        published: Some(3),
        ..Published::default()
    };
    let plain = text(&several, Told::Plain);
    assert!(plain.starts_with("published messages: 3\r\nqueued messages: 0\r\n"));
    let json = text(&several, Told::Json);
    assert!(json.starts_with(r#"{"published": 3, "messages": 0, "#));
}

#[test]
fn what_has_not_been_is_said_in_a_word() {
    let none = Published::default();
    assert_eq!(
        text(&none, Told::Plain),
        "queued messages: 0\r\nlast requested: never\r\nactive subscribers: 0\r\nlast message id: none"
    );
    assert_eq!(
        text(&none, Told::Json),
        r#"{"messages": 0, "requested": null, "subscribers": 0, "last_message_id": null}"#
    );
}

#[test]
fn the_largest_numbers_fit_the_room_that_is_promised_and_json_is_json() {
    let most = Published {
        published: Some(u64::MAX),
        messages: u64::MAX,
        requested: Some(u64::MAX),
        subscribers: u64::MAX,
        last_message_id: Some((u64::MAX, u64::MAX)),
    };
    for told in [Told::Plain, Told::Json] {
        let mut room = [0; PUBLISHED_BYTES_MAX];
        most.write(told, &mut &mut room[..]).unwrap();
    }
    let json: serde_json::Value = serde_json::from_str(&text(&most, Told::Json)).unwrap();
    assert_eq!(json["requested"], u64::MAX);
    assert_eq!(json["last_message_id"], format!("{0}:{0}", u64::MAX));
}

#[test]
fn the_first_form_that_is_accepted_is_taken() {
    for (lines, wanted) in [
        (&[][..], Told::Plain),
        (&["Accept: */*"], Told::Plain),
        (&["Accept:"], Told::Plain),
        (&["Accept: text/html"], Told::Plain),
        (&["Accept: Application/JSON"], Told::Json),
        (&["Accept: text/json; charset=utf-8"], Told::Json),
        (&["Accept: application/json, text/plain, */*"], Told::Json),
        (
            &["Accept: text/html", "Accept: application/json ;q=0.9"],
            Told::Json,
        ),
        (&["Accept: text/plain, application/json"], Told::Plain),
        (&["Accept: */*, application/json"], Told::Plain),
        (&["Accept: application/jsonx"], Told::Plain),
    ] {
        let told = with(post(lines).as_bytes(), |r| Told::of(&r.unwrap()));
        assert_eq!(told, wanted, "{lines:?}");
    }
    assert_eq!(Told::Json.content_type(), "application/json");
    assert_eq!(Told::Plain.content_type(), "text/plain");
}
