//! Several wire forms on one channel: each its own log, one order, nothing for a form nobody wants.

use super::*;

#[test]
fn a_form_costs_nothing_without_members_and_its_stream_goes_with_the_last() {
    let mut hub = hub();
    let channel = hub.open("a", 0).unwrap();
    let plain = hub.join(channel, Form::Plain, token(0));
    let other = hub.join(channel, Form::Deflated(15), token(1));
    assert_eq!((hub.streams.len(), hub.subscribers("a")), (2, 2));
    hub.leave(other, 0);
    assert_eq!((hub.streams.len(), hub.subscribers("a")), (1, 1));
    let message = Message {
        kind: Kind::Text,
        content_type: None,
        event: None,
        body: Body::Plain(b"x"),
    };
    hub.submit(channel, message, None, 0).unwrap();
    assert!(hub.is_dirty());
    hub.leave(plain, 0);
    assert_eq!(hub.streams.len(), 1, "its log is still to be swept");
    while hub
        .sweep(
            9,
            &mut Kernel::default(),
            &mut Counters::default(),
            &mut vec![],
            0,
        )
        .is_some()
    {}
    assert_eq!((hub.streams.len(), hub.log_bytes().0), (0, 0));
    hub.expire(LIMITS.linger_ms, &mut vec![]);
    assert_eq!(hub.channels(), 0);
}

#[test]
fn bad_text_is_in_no_log_whichever_forms_there_are() {
    let forms = [
        &[Form::Plain][..],
        &[Form::Plain, Form::Deflated(15)],
        &[Form::Deflated(15)],
        &[Form::Deflated(15), Form::Plain],
    ];
    for forms in forms {
        let mut hub = hub();
        let channel = hub.open("a", 0).unwrap();
        let slots = 0..forms.len() as u32;
        let places: Vec<Place> = slots
            .map(|slot| hub.join(channel, forms[slot as usize], token(slot)))
            .collect();
        let message = |payload| Message {
            kind: Kind::Text,
            content_type: None,
            event: None,
            body: Body::Masked {
                payload,
                key: [0; 4],
            },
        };
        let bad = hub.submit(channel, message(b"caf\xe9"), Some(Sender(places[0])), 0);
        assert_eq!(bad, Err(Reason::BadUtf8), "{forms:?}");
        assert_eq!((hub.log_bytes().0, hub.is_dirty()), (0, false), "{forms:?}");
        let good = hub.submit(
            channel,
            message("café".as_bytes()),
            Some(Sender(places[0])),
            0,
        );
        let others = forms.len() - 1;
        let expected = Submitted {
            id: Id {
                epoch: 0,
                number: 1,
            },
            subscribers: others,
        };
        assert_eq!(good, Ok(expected), "{forms:?}");
        let mut kernel = Kernel::default();
        kernel
            .room
            .extend((0..forms.len() as u32).map(|slot| (slot, 100)));
        while hub
            .sweep(9, &mut kernel, &mut Counters::default(), &mut vec![], 0)
            .is_some()
        {}
        let frame = [b"\x81\x05", "café".as_bytes()].concat();
        let got: Vec<&Vec<u8>> = kernel.got.values().collect();
        assert_eq!(got, vec![&frame; others], "{forms:?}");
    }
}

#[test]
fn a_channel_is_paused_by_its_worst_stream_until_all_have_offered_enough() {
    let mut hub = hub();
    let channel = hub.open("a", 0).unwrap();
    let place = hub.join(channel, Form::Plain, token(0));
    hub.join(channel, Form::Deflated(15), token(1));
    // What waits for the rest of private output is not offered.
    hub.hold(place, false, 0);
    let payload = vec![0; LIMITS.unflushed_bytes_max as usize];
    let message = Message {
        kind: Kind::Binary,
        content_type: None,
        event: None,
        body: Body::Plain(&payload),
    };
    hub.submit(channel, message, None, 0).unwrap();
    assert!(hub.paused(channel));
    let mut kernel = Kernel::default();
    kernel.room.extend([(0, 1 << 20), (1, 1 << 20)]);
    let mut counters = Counters::default();
    let mut sweep = |hub: &mut Hub, kernel: &mut Kernel| {
        while hub
            .sweep(9, kernel, &mut counters, &mut vec![], 0)
            .is_some()
        {}
    };
    sweep(&mut hub, &mut kernel);
    assert!(hub.paused(channel), "one form has its part, the other not");
    hub.push(place, false, &mut kernel, &mut Counters::default());
    hub.release(place);
    sweep(&mut hub, &mut kernel);
    assert!(!hub.paused(channel));
}
