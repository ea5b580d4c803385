//! Resuming, one rule a test: what it costs, what is told, and that nothing grows or stays.

use super::*;
use crate::limits::{AGE_LOOK_MS, FILL_BYTES_PER_TURN, RESUME_LINGER_MS};

pub(super) const SSE: Form = Form::Sse(Sse {
    events: true,
    base64: false,
    gzip: false,
});

/// A hub that keeps so many messages of a channel, and channel `a` of it.
pub(super) fn keeping(messages: usize, set: impl Fn(&mut Settings)) -> (Hub, u32) {
    let mut hub = hub_with(|settings| {
        settings.limits.history_messages_max = messages;
        set(settings);
    });
    hub.start_ids(7_000_000_000);
    let channel = hub.open("a", 0).unwrap();
    (hub, channel)
}

pub(super) fn publish(hub: &mut Hub, channel: u32, payload: &[u8], now: u64) -> Id {
    let message = Message {
        kind: Kind::Text,
        content_type: None,
        event: None,
        body: Body::Plain(payload),
    };
    hub.submit(channel, message, None, now).unwrap().id
}

/// Joins as the relay does: behind what has to go out first.
pub(super) fn resume(
    hub: &mut Hub,
    channel: u32,
    form: Form,
    start: Start,
    slot: u32,
    now: u64,
) -> Place {
    let reach = hub.reach(channel, start, now);
    let place = hub.join_from(channel, form, reach.from, token(slot), now);
    if let Some(missed) = reach.missed.filter(|_| form.tells_gaps()) {
        hub.owe_gap(place, missed);
    }
    hub.hold(place, false, now);
    place
}

/// What a kernel without bounds was given, counted.
#[derive(Default)]
pub(super) struct Scale {
    bytes: u64,
}

impl Wire for Scale {
    fn send(&mut self, _: u32, bytes: &[u8]) -> Sent {
        self.bytes += bytes.len() as u64;
        Sent::All
    }

    fn send_vectored(&mut self, _: u32, slices: &[IoSlice<'_>]) -> Sent {
        self.bytes += slices.iter().map(|s| s.len() as u64).sum::<u64>();
        Sent::All
    }
}

pub(super) fn sweep<W: Wire>(hub: &mut Hub, wire: &mut W, now: u64) -> Vec<Report> {
    let (mut reports, mut counters) = (Vec::new(), Counters::default());
    while hub
        .sweep(1000, wire, &mut counters, &mut reports, now)
        .is_some()
    {}
    reports
}

/// Fills all logs; how many calls that took, and the reports.
pub(super) fn fill(hub: &mut Hub) -> (usize, Vec<Report>) {
    let (mut calls, mut reports) = (0, Vec::new());
    while hub.is_filling() {
        hub.fill(&mut reports);
        calls += 1;
    }
    (calls, reports)
}

#[test]
fn ten_thousand_who_missed_a_megabyte_share_it() {
    const MEMBERS: u32 = 10_000;
    let (mut hub, channel) = keeping(256, |settings| {
        settings.limits.history_bytes_max = 2 << 20;
    });
    let before = hub.newest();
    for i in 0..256u32 {
        publish(&mut hub, channel, &vec![b'a' + (i % 26) as u8; 4096], 0);
    }
    sweep(&mut hub, &mut Scale::default(), 0);
    let plain = hub.log_bytes().0;
    let places: Vec<Place> = (0..MEMBERS)
        .map(|slot| resume(&mut hub, channel, SSE, Start::After(before), slot, 0))
        .collect();
    let (calls, reports) = fill(&mut hub);
    assert_eq!(reports.len(), MEMBERS as usize);
    let window = 256 * 4096;
    let pieces = window / FILL_BYTES_PER_TURN.max(4096);
    assert!(
        (pieces..2 * pieces).contains(&calls),
        "a bounded part a turn: {calls}"
    );
    let filled = hub.log_bytes().0 - plain;
    assert!((window..window * 3 / 2).contains(&filled), "{filled}");
    let mut scale = Scale::default();
    let mut most = 0;
    for &place in &places {
        let mut counters = Counters::default();
        while hub.push(place, false, &mut scale, &mut counters) == Progress::More {}
        assert!(hub.caught_up(place));
        hub.release(place);
        most = most.max(hub.log_bytes().0);
    }
    assert!(most <= plain + filled);
    let each = scale.bytes / u64::from(MEMBERS);
    assert!(
        (window as u64..window as u64 * 21 / 20).contains(&each),
        "{each}"
    );
    assert!(hub.resumed.is_empty() && hub.waiting.is_empty());
    // The next one has it at once; a while later it goes.
    let next = resume(&mut hub, channel, SSE, Start::After(before), MEMBERS, 9);
    assert!(!hub.is_waiting(next) && !hub.is_filling());
    hub.push(next, false, &mut scale, &mut Counters::default());
    hub.leave(next, 9);
    hub.expire(9 + RESUME_LINGER_MS, &mut vec![]);
    sweep(&mut hub, &mut scale, 9 + RESUME_LINGER_MS);
    assert_eq!(hub.log_bytes().0, plain);
}

#[test]
fn over_all_channels_the_oldest_message_goes_first() {
    let (mut hub, a) = keeping(100, |_| {});
    hub.limits.history_memory_max = 3 * (4 + 200 + 48);
    let b = hub.open("b", 0).unwrap();
    let kept = |hub: &Hub| {
        [a, b].map(|channel| {
            let entries = hub.channels[channel as usize].history.entries.iter();
            entries.map(|e| e.number).collect::<Vec<_>>()
        })
    };
    for channel in [a, b, b, a] {
        publish(&mut hub, channel, &[b'x'; 200], 0);
    }
    assert_eq!(kept(&hub), [vec![4], vec![2, 3]]);
    publish(&mut hub, a, &[b'x'; 200], 0);
    assert_eq!(kept(&hub), [vec![4, 5], vec![3]]);
    assert_eq!(hub.history_counts(), (3 * 252, 2));
    assert_eq!(hub.give_up_history(300), 2 * 252);
    assert_eq!(kept(&hub), [vec![5], vec![]]);
    // A message that alone is too much leaves nothing, and is no reason to go on.
    publish(&mut hub, b, &[b'x'; 2_000], 0);
    assert_eq!(kept(&hub), [vec![0_u64; 0], vec![]]);
    assert_eq!(hub.history_counts().0, 0);
}

#[test]
fn what_is_too_old_goes_without_any_traffic() {
    let (mut hub, channel) = keeping(100, |s| s.limits.history_age_ms = 5_000);
    hub.limits.linger_ms = 60_000;
    for ms in [0, 10, 4_000] {
        publish(&mut hub, channel, b"x", ms);
        sweep(&mut hub, &mut Scale::default(), ms);
    }
    assert_eq!(hub.next_age(), Some(5_000));
    let mut left = Vec::new();
    while let Some(due) = hub.next_age() {
        hub.expire(due, &mut vec![]);
        sweep(&mut hub, &mut Scale::default(), due);
        left.push((due, hub.channels[channel as usize].history.entries.len()));
    }
    assert_eq!(left, [(5_000, 2), (5_000 + AGE_LOOK_MS, 1), (9_000, 0)]);
    assert_eq!((hub.log_bytes().0, hub.streams.len()), (0, 0));
}

#[test]
fn an_answer_is_whole_wherever_the_kernel_stops() {
    let (mut hub, channel) = keeping(9, |_| {});
    let before = hub.newest();
    for payload in ["one", "two", "three"] {
        publish(&mut hub, channel, payload.as_bytes(), 0);
    }
    for form in [Form::Poll, Form::Polls] {
        let (mut cut, mut whole) = (0, None::<Vec<u8>>);
        while whole.as_ref().is_none_or(|all| cut <= all.len()) {
            let place = resume(&mut hub, channel, form, Start::After(before), 0, 0);
            fill(&mut hub);
            let piece = hub.answer(place, form == Form::Polls).unwrap();
            let last = if form == Form::Polls { 3 } else { 1 };
            assert_eq!(piece.last, last);
            let mut kernel = Kernel::default();
            kernel
                .room
                .insert(0, if whole.is_some() { cut } else { 1 << 20 });
            let (mut front, mut progress) = (&b"private lines"[..], Progress::Blocked);
            let mut counters = Counters::default();
            while progress == Progress::Blocked {
                let sent;
                (sent, progress) =
                    hub.push_behind(place, front, piece.end, &mut kernel, &mut counters);
                front = &front[sent..];
                *kernel.room.get_mut(&0).unwrap() += 7;
            }
            assert_eq!((front.len(), progress), (0, Progress::All));
            assert_eq!(counters.deliveries, last);
            let got = kernel.got.remove(&0).unwrap();
            assert_eq!(got.len(), 13 + piece.bytes);
            assert_eq!(whole.get_or_insert(got.clone()), &got, "cut at {cut}");
            cut += usize::from(whole.is_some());
            hub.leave(place, 0);
        }
    }
}

#[test]
fn a_paused_set_pauses_publishers_of_its_parts_until_it_has_offered_enough() {
    let (mut hub, a) = keeping(0, |_| {});
    let set = hub.open_set(&["a", "b"], 0).unwrap();
    let (b, other) = (hub.find("b").unwrap(), hub.open("c", 0).unwrap());
    let place = resume(&mut hub, set, SSE, Start::Newest, 0, 0);
    publish(&mut hub, a, &vec![b'x'; 9_000], 0);
    assert!(hub.paused(a) && hub.paused(b) && !hub.paused(other));
    hub.await_resume(b, token(7));
    let reports = sweep(&mut hub, &mut Scale::default(), 0);
    assert_eq!((reports, hub.paused(b)), (vec![], true), "it is held");
    hub.push(
        place,
        false,
        &mut Scale::default(),
        &mut Counters::default(),
    );
    hub.release(place);
    let reports = sweep(&mut hub, &mut Scale::default(), 0);
    assert_eq!(reports, [Report::Resume(token(7))]);
    assert!(!hub.paused(a) && !hub.paused(b));
}

#[test]
fn who_leaves_a_paused_channel_that_keeps_its_log_lets_publishers_go_on() {
    let (mut hub, channel) = keeping(9, |_| {});
    let place = resume(&mut hub, channel, Form::Plain, Start::Newest, 0, 0);
    publish(&mut hub, channel, &[b'x'; 9_000], 0);
    hub.await_resume(channel, token(7));
    assert_eq!(sweep(&mut hub, &mut Scale::default(), 0), []);
    hub.leave(place, 0);
    let reports = sweep(&mut hub, &mut Scale::default(), 0);
    assert_eq!(reports, [Report::Resume(token(7))]);
}

#[test]
fn a_log_that_nobody_reads_for_a_moment_has_no_hole() {
    let (mut hub, channel) = keeping(9, |_| {});
    let first = resume(&mut hub, channel, SSE, Start::Newest, 0, 0);
    hub.release(first);
    let one = publish(&mut hub, channel, b"one", 0);
    hub.leave(first, 0);
    publish(&mut hub, channel, b"two", 0);
    let mut kernel = Kernel::default();
    kernel.room.insert(1, 1_000);
    let place = resume(&mut hub, channel, SSE, Start::After(one), 1, 0);
    fill(&mut hub);
    hub.push(place, false, &mut kernel, &mut Counters::default());
    assert_eq!(kernel.got[&1], b"id: 7:2\ndata: two\n\n");
}

/// Two messages of which the first goes before a log can be filled with it.
fn broken_promise(form: Form) -> (Hub, Place, Vec<Report>) {
    let (mut hub, channel) = keeping(2, |_| {});
    let before = hub.newest();
    for _ in 0..2 {
        publish(&mut hub, channel, b"old", 0);
    }
    let place = resume(&mut hub, channel, form, Start::After(before), 0, 0);
    assert!(hub.is_waiting(place) && hub.take_gap(place).is_none());
    publish(&mut hub, channel, b"new", 0);
    let (_, reports) = fill(&mut hub);
    (hub, place, reports)
}

#[test]
fn what_goes_before_it_could_be_had_is_a_gap_that_is_told() {
    let told = r#"{"after":"7:0","next":"7:2","missed":null}"#;
    let placed = [Report::Missed(0, true), Report::Stuck(0, Progress::More)];
    let (mut hub, place, reports) = broken_promise(SSE);
    assert_eq!(reports, placed);
    let gap = String::from_utf8(hub.take_gap(place).unwrap()).unwrap();
    assert_eq!(gap, format!("event: gap\nid: 7:0\ndata: {told}\n\n"));
    let (mut hub, place, reports) = broken_promise(Form::Poll);
    assert_eq!(reports, placed);
    assert_eq!(hub.take_gap_json(place).as_deref(), Some(told));
    // These cannot be told: whoever ends them says from where on to come again.
    for form in [Form::Deflated(15), Form::Chunked, Form::Raw] {
        let (hub, place, reports) = broken_promise(form);
        assert_eq!(reports, [Report::Missed(0, false)]);
        assert!(hub.is_waiting(place));
        assert_eq!(hub.position(place).to_string(), "7:0");
    }
}

#[test]
fn the_position_told_with_a_gap_is_not_lost_itself() {
    let (mut hub, channel) = keeping(2, |_| {});
    let first = publish(&mut hub, channel, b"x", 0);
    for _ in 0..4 {
        publish(&mut hub, channel, b"x", 0);
    }
    let of_another_run = Id {
        epoch: first.epoch - 1,
        ..first
    };
    for kept in [2, 0] {
        let entries = &hub.channels[channel as usize].history.entries;
        assert_eq!(entries.len(), kept);
        for id in [first, of_another_run] {
            let reach = hub.reach(channel, Start::After(id), 1);
            assert_eq!(reach.missed.map(|missed| missed.after), Some(id));
            let position = Id {
                number: reach.from,
                ..first
            };
            let again = hub.reach(channel, Start::After(position), 1);
            assert_eq!((again.from, again.missed), (position.number, None));
        }
        hub.give_up_history(u64::MAX);
    }
}

#[test]
fn a_gap_that_is_not_told_yet_is_where_its_subscriber_stands() {
    let (mut hub, channel) = keeping(1, |_| {});
    let before = hub.newest();
    for _ in 0..3 {
        publish(&mut hub, channel, b"x", 0);
    }
    let place = resume(&mut hub, channel, Form::Meta, Start::After(before), 0, 0);
    fill(&mut hub);
    assert_eq!(hub.position(place), before);
    hub.take_gap(place).unwrap();
    assert_eq!(hub.position(place).to_string(), "7:2");
}

#[test]
fn who_resumes_in_a_quiet_channel_and_takes_nothing_is_found() {
    for form in [Form::Plain, SSE] {
        let (mut hub, channel) = keeping(9, |s| s.limits.lag_timeout_ms = 1_000);
        let before = hub.newest();
        publish(&mut hub, channel, b"x", 0);
        sweep(&mut hub, &mut Scale::default(), 0);
        let place = resume(&mut hub, channel, form, Start::After(before), 0, 5_000);
        fill(&mut hub);
        hub.hold(place, true, 5_000);
        sweep(&mut hub, &mut Scale::default(), 5_000);
        let due = hub.next_look().expect("a look at it");
        let mut reports = Vec::new();
        hub.look(due, &mut reports);
        assert_eq!((due, reports), (6_001, vec![Report::Lagged(0, Lag::Time)]));
    }
}

#[test]
fn lists_do_not_grow_with_what_has_gone() {
    let (mut hub, channel) = keeping(9, |s| s.limits.history_bytes_max = 500);
    hub.limits.linger_ms = 0;
    let before = hub.newest();
    for i in 0..1_000 {
        // One that is too large to be kept, and a poll that finds the one before it.
        publish(&mut hub, channel, &[b'x'; 600], i);
        publish(&mut hub, channel, b"x", i);
        let place = resume(&mut hub, channel, Form::Poll, Start::After(before), 0, i);
        fill(&mut hub);
        hub.leave(place, i);
        hub.expire(i, &mut vec![]);
        sweep(&mut hub, &mut Scale::default(), i);
    }
    assert!(hub.oldest.len() <= 2 && hub.kept.len() <= 2);
    for i in 0..1_000 {
        // The longest idle of four goes for each.
        let channel = hub.open(&format!("c{i}"), 1_000 + i).unwrap();
        publish(&mut hub, channel, b"x", 1_000 + i);
        sweep(&mut hub, &mut Scale::default(), 1_000 + i);
    }
    assert!(hub.oldest.len() < 100, "{}", hub.oldest.len());
    assert!(hub.ages.len() < 100, "{}", hub.ages.len());
}

#[test]
fn parts_of_a_set_do_not_go_for_each_other() {
    let (mut hub, _) = keeping(9, |_| {});
    let kept = hub.open("b", 1).unwrap();
    publish(&mut hub, kept, b"x", 1);
    sweep(&mut hub, &mut Scale::default(), 1);
    for (i, name) in ["x", "y"].iter().enumerate() {
        hub.open(name, 2 + i as u64).unwrap();
    }
    // Four are there; two are wanted, `a` and `b` have been idle for longest.
    let set = hub.open_set(&["n", "b", "a"], 9);
    assert_eq!((hub.find("b"), hub.find("x")), (Some(kept), None));
    assert_eq!((hub.find("y"), set.is_ok()), (None, true));
    assert_eq!(hub.channels[kept as usize].history.entries.len(), 1);
    let refused = hub.open_set(&["a", "b", "n", "m"], 9);
    assert_eq!(refused, Err(Reason::FullChannels));
}

#[test]
fn a_channel_that_only_sets_hear_is_not_looked_at_all_the_time() {
    let (mut hub, _) = keeping(0, |_| {});
    let set = hub.open_set(&["a", "b"], 0).unwrap();
    let place = resume(&mut hub, set, SSE, Start::Newest, 0, 0);
    hub.expire(LIMITS.linger_ms, &mut vec![]);
    assert_eq!((hub.next_linger(), hub.channels()), (None, 3));
    // Nor is it in the way of those that may go to make room.
    hub.open("idle", 20).unwrap();
    assert!(hub.open("new", 21).is_ok());
    hub.leave(place, 30);
    assert_eq!(hub.next_linger().map(|due| due >= 30), Some(true));
    hub.expire(30 + LIMITS.linger_ms, &mut vec![]);
    assert_eq!(hub.channels(), 0);
}

#[test]
fn a_set_keeps_no_more_than_its_parts_do() {
    let (mut hub, a) = keeping(2, |_| {});
    let before = hub.newest();
    publish(&mut hub, a, b"first", 0);
    let set = hub.open_set(&["a", "b"], 0).unwrap();
    let place = resume(&mut hub, set, SSE, Start::After(before), 0, 0);
    fill(&mut hub);
    let mut scale = Scale::default();
    for _ in 0..1_000 {
        publish(&mut hub, a, &[b'x'; 1_000], 1);
        hub.push(place, false, &mut scale, &mut Counters::default());
        hub.release(place);
        sweep(&mut hub, &mut scale, 1);
        assert!(hub.log_bytes().0 < 40_000, "{}", hub.log_bytes().0);
    }
}
