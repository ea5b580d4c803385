//! Who lags, in bytes and in time; gaps and what is told of them.

use super::*;

/// A hub whose subscribers are moved on, with one channel; nobody has read anything.
struct Slowpokes {
    hub: Hub,
    kernel: Kernel,
    channel: u32,
    reports: Vec<Report>,
}

impl Slowpokes {
    fn new(set: impl Fn(&mut Settings)) -> Slowpokes {
        let mut hub = hub_with(|settings| {
            settings.slow = Slow::Skip;
            set(settings);
        });
        hub.start_ids(7_000_000_000);
        let channel = hub.open("news", 0).unwrap();
        Slowpokes {
            hub,
            kernel: Kernel::default(),
            channel,
            reports: Vec::new(),
        }
    }

    fn join(&mut self, slot: u32, form: Form, room: usize) -> Place {
        self.kernel.room.insert(slot, room);
        self.hub.join(self.channel, form, token(slot))
    }

    fn publish(&mut self, payload: &str, sender: Option<Place>) -> Id {
        let message = Message {
            kind: Kind::Text,
            content_type: None,
            event: None,
            body: Body::Plain(payload.as_bytes()),
        };
        let sender = sender.map(Sender);
        self.hub
            .submit(self.channel, message, sender, 0)
            .unwrap()
            .id
    }

    fn sweep(&mut self, now: u64) {
        let mut counters = Counters::default();
        let Slowpokes {
            hub,
            kernel,
            reports,
            ..
        } = self;
        while hub.sweep(99, kernel, &mut counters, reports, now).is_some() {}
    }

    fn lagged(&mut self) -> Vec<(u32, Lag)> {
        let lagged = |report| match report {
            Report::Lagged(slot, lag) => Some((slot, lag)),
            _ => None,
        };
        self.reports.drain(..).filter_map(lagged).collect()
    }

    fn looked(&mut self, now: u64) -> Vec<(u32, Lag)> {
        self.hub.look(now, &mut self.reports);
        self.lagged()
    }

    /// What a gap says, if there is one.
    fn gap(&mut self, place: Place) -> Option<String> {
        let frame = self.hub.take_gap(place)?;
        let text = String::from_utf8(frame)
            .unwrap_or_else(|e| String::from_utf8_lossy(&e.into_bytes()).into_owned());
        Some(text[text.find("id: ").unwrap()..].to_owned())
    }
}

#[test]
fn who_is_moved_on_is_told_what_it_missed_and_what_comes_next() {
    let mut s = Slowpokes::new(|_| {});
    let place = s.join(0, Form::Meta, 0);
    s.join(1, Form::Meta, 1 << 20);
    assert!(!s.hub.may_skip(place), "it has everything");
    s.publish("one", None);
    s.publish("two", None);
    s.sweep(0);
    assert!(s.hub.may_skip(place));
    let skipped = s.hub.skip(place);
    assert_eq!((skipped.missed, skipped.begins), (2, true));
    s.publish("three", None);
    s.sweep(0);
    let skipped = s.hub.skip(place);
    assert_eq!(
        (skipped.missed, skipped.begins),
        (1, false),
        "one gap, longer"
    );
    s.publish("four", None);
    s.sweep(0);
    let told = "id: 7:0\ncontent-type: application/vnd.longwave.gap+json\n\n\
                {\"after\":\"7:0\",\"next\":\"7:4\",\"missed\":3}";
    assert_eq!(s.gap(place).as_deref(), Some(told));
    assert_eq!(s.gap(place), None, "told once");
    *s.kernel.room.get_mut(&0).unwrap() = 1 << 20;
    s.hub
        .push(place, false, &mut s.kernel, &mut Counters::default());
    let got = String::from_utf8_lossy(&s.kernel.got[&0]).into_owned();
    assert!(
        got.ends_with("id: 7:4\n\nfour") && !got.contains("three"),
        "{got}"
    );
}

#[test]
fn a_gap_begins_behind_what_was_got_and_may_have_no_next_yet() {
    let mut s = Slowpokes::new(|_| {});
    let place = s.join(0, Form::Meta, 25);
    s.publish("first", None);
    let second = s.publish("second", None);
    s.publish("third", None);
    s.sweep(0);
    assert!(s.hub.mid_message(place) && s.hub.rest_len(place) > 0);
    let rest = String::from_utf8(s.hub.rest_of_message(place)).unwrap();
    assert!(rest.ends_with("second"), "{rest}");
    assert_eq!(s.hub.skip(place).missed, 1, "the message under way is got");
    let told = format!("{{\"after\":\"{second}\",\"next\":null,\"missed\":1}}");
    assert!(s.gap(place).unwrap().ends_with(&told));
    s.sweep(0);
    assert_eq!(s.hub.log_bytes().0, 0, "nobody else holds the log");
}

#[test]
fn messages_of_its_own_are_not_missed() {
    let mut s = Slowpokes::new(|_| {});
    let place = s.join(0, Form::Meta, 0);
    s.publish("theirs", None);
    s.publish("mine", Some(place));
    s.publish("mine too", Some(place));
    s.publish("theirs", None);
    s.publish("mine", Some(place));
    s.sweep(0);
    assert_eq!(s.hub.skip(place).missed, 2);
    let next = s.publish("theirs", None);
    let told = s.gap(place).unwrap();
    assert!(told.contains(&format!("\"next\":\"{next}\"")), "{told}");
    s.hub.skip(place);
    s.publish("mine", Some(place));
    assert!(!s.hub.caught_up(place), "it has not been told yet");
    s.gap(place).unwrap();
    assert!(s.hub.caught_up(place));
}

#[test]
fn who_was_moved_on_holds_no_log_and_is_not_the_one_to_go_for_memory() {
    let mut s = Slowpokes::new(|_| {});
    let moved = s.join(0, Form::Meta, 0);
    s.join(1, Form::Meta, 0);
    s.publish("one", None);
    s.sweep(0);
    assert_eq!(s.hub.most_lagging(), [0, 1]);
    s.hub.skip(moved);
    assert_eq!(s.hub.most_lagging(), [1]);
    s.hub.leave(Place { member: 1, ..moved }, 0);
    assert_eq!(s.hub.most_lagging(), [0; 0]);
}

#[test]
fn only_forms_that_can_tell_are_moved_on_and_only_where_the_channel_says_so() {
    for (slow, form, skips) in [
        (Slow::Skip, Form::Meta, true),
        (Slow::Skip, Form::Plain, false),
        (Slow::Skip, Form::Deflated(15), false),
        (Slow::Close, Form::Meta, false),
    ] {
        let mut s = Slowpokes::new(|settings| settings.slow = slow);
        let place = s.join(0, form, 0);
        s.publish("x", None);
        s.sweep(0);
        assert_eq!(s.hub.may_skip(place), skips, "{slow:?} {form:?}");
    }
}

#[test]
fn whoever_leaves_what_it_was_offered_for_too_long_is_found_without_another_message() {
    let mut s = Slowpokes::new(|settings| settings.limits.lag_timeout_ms = 1000);
    s.join(0, Form::Plain, 0);
    s.join(1, Form::Plain, 1 << 20);
    s.publish("x", None);
    s.sweep(50);
    assert_eq!(s.hub.next_look(), Some(1051));
    assert_eq!(s.looked(1050), []);
    assert_eq!(s.looked(1051), [(0, Lag::Time)]);
    let again = 1051 + crate::limits::LAG_LOOK_MS;
    assert_eq!(s.hub.next_look(), Some(again), "until it is gone");
    s.hub.leave(
        Place {
            stream: 0,
            member: 0,
        },
        1100,
    );
    s.sweep(1100);
    assert_eq!((s.looked(again), s.hub.next_look()), (vec![], None));
}

#[test]
fn no_time_passes_while_the_loop_stands_still() {
    let mut s = Slowpokes::new(|settings| settings.limits.lag_timeout_ms = 1000);
    s.join(0, Form::Plain, 0);
    s.publish("x", None);
    s.sweep(0);
    s.hub.stalled(60_000);
    assert_eq!(s.looked(60_000), []);
    assert_eq!(s.hub.most_behind(9, 60_300)[0].ms, 300);
    assert_eq!(s.looked(61_000), []);
    assert_eq!(s.looked(61_001), [(0, Lag::Time)]);
}

#[test]
fn what_one_member_alone_was_not_offered_has_a_time_too() {
    let mut s = Slowpokes::new(|settings| settings.limits.lag_timeout_ms = 1000);
    let place = s.join(0, Form::Plain, 0);
    // Private output goes first: the sweep leaves it out.
    s.hub.hold(place, false, 0);
    s.publish("x", None);
    s.sweep(0);
    assert_eq!(s.looked(5000), [], "it is we who have not offered it");
    s.hub.hold(place, true, 5000);
    s.sweep(5000);
    assert_eq!(s.looked(6000), []);
    assert_eq!(s.looked(6001), [(0, Lag::Time)]);
}

#[test]
fn the_worst_are_listed_and_all_are_counted() {
    let mut s = Slowpokes::new(|settings| settings.limits.lag_timeout_ms = 0);
    let deflated = s.join(0, Form::Deflated(15), 0);
    s.join(1, Form::Plain, 500);
    s.publish(&"a".repeat(996), None);
    s.sweep(100);
    s.join(2, Form::Plain, 0);
    s.join(3, Form::Plain, 1 << 20);
    s.publish(&"b".repeat(1996), None);
    s.sweep(400);
    let found = s.hub.most_behind(2, 1000);
    let first = Behind {
        slot: 0,
        channel: "news",
        form: Form::Deflated(15),
        bytes: 3000,
        ms: 900,
        blocked: true,
    };
    assert_eq!(found[0], first);
    assert_eq!((found[1].slot, found[1].bytes, found[1].ms), (1, 2500, 900));
    assert_eq!(found.len(), 2);
    assert_eq!(
        s.hub.most_behind(9, 1000).len(),
        3,
        "who has everything is not behind"
    );
    assert_eq!(s.hub.most_behind(0, 1000), []);
    let lags = s.hub.lags(1000);
    assert_eq!(lags.bytes, [0, 3, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(lags.ms, [0, 0, 0, 3, 0, 0, 0, 0, 0]);
    assert_eq!(s.hub.lags(600).ms, [0, 1, 2, 0, 0, 0, 0, 0, 0]);
    s.hub.stalled(960);
    assert_eq!(s.hub.lags(1000).ms[0], 3);
    s.hub.leave(deflated, 0);
    assert_eq!(s.hub.lags(1000).bytes[1], 2);
}
