//! The twin: what is published, kept, promised and owed.

use super::*;
use crate::buf::Log;

impl World {
    pub(super) fn new() -> World {
        let limits = HubLimits {
            channels_max: 6,
            history_memory_max: MEMORY_MAX,
            deflate: DeflateSettings {
                bytes_min: 100,
                level: 2,
            },
            ..LIMITS
        };
        let mut settings = Settings {
            slow: Slow::Skip,
            ..Settings::default()
        };
        settings.limits.history_messages_max = MESSAGES_MAX;
        settings.limits.history_bytes_max = BYTES_MAX as usize;
        settings.limits.history_age_ms = AGE_MS;
        settings.limits.lag_timeout_ms = 0;
        let mut hub = Hub::new(limits, Policies::new(&settings));
        hub.start_ids(7_000_000_123);
        let mut tools = Tools::new(Deflater::new(limits.deflate));
        tools.modified = hub.modified().to_owned();
        World {
            hub,
            kernel: Kernel::default(),
            now: 1_000,
            records: BTreeMap::new(),
            kept: BTreeMap::new(),
            listeners: BTreeMap::new(),
            queued: BTreeSet::new(),
            blocked: BTreeSet::new(),
            forgotten: false,
            next_slot: 0,
            tools,
        }
    }

    /// A message in a form.
    pub(super) fn encoded(&mut self, form: Form, number: u64) -> Vec<u8> {
        let record = &self.records[&number];
        let content = form::Content {
            id: Id { epoch: 7, number },
            kind: record.kind,
            content_type: record.content_type,
            event: record.event,
            payload: &record.payload,
        };
        let (mut log, mut pool) = (Log::default(), Pool::default());
        form::encode(form, "a", content, 0, &mut log, &mut pool, &mut self.tools);
        log.run_from(0).unwrap_or_default().to_vec()
    }

    /// What a member has got is a beginning of what it is to get; tells how many messages are whole.
    pub(super) fn check(&mut self, slot: u32) -> usize {
        let (form, owed) = (self.listeners[&slot].form, &self.listeners[&slot].owed);
        let owed = owed.clone();
        let got = self.kernel.got.get(&slot).cloned().unwrap_or_default();
        let (mut at, mut whole) = (0, 0);
        for &number in &owed {
            let bytes = self.encoded(form, number);
            let rest = &got[at..];
            let part = rest.len().min(bytes.len());
            assert_eq!(
                rest[..part],
                bytes[..part],
                "slot {slot} {form:?} {number} of {owed:?}"
            );
            at += part;
            if part < bytes.len() {
                break;
            }
            whole += 1;
        }
        assert_eq!(at, got.len(), "slot {slot} {form:?} got more than {owed:?}");
        whole
    }

    /// All that is kept of these channels, in order.
    pub(super) fn kept_of(&self, names: &[&'static str]) -> Vec<u64> {
        let kept = names.iter().filter_map(|name| self.kept.get(name));
        let numbers: BTreeSet<u64> = kept.flatten().copied().collect();
        numbers.into_iter().collect()
    }

    /// The channels whose oldest message is the oldest of all loses it; false: there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let oldest = self.kept.values_mut().filter(|kept| !kept.is_empty());
        let oldest = oldest.min_by_key(|kept| kept[0]);
        oldest.is_some_and(|kept| kept.pop_front().is_some())
    }

    pub(super) fn weight<'a>(&self, numbers: impl Iterator<Item = &'a u64>) -> u64 {
        let mut last = None;
        let mut weigh = |record: &Record| {
            // Those in a row share their labels.
            let labels = (record.content_type, record.event);
            let new = (last.replace(labels) != Some(labels)).then(|| record.labels_weight());
            record.weight() + new.unwrap_or(0)
        };
        numbers.map(|number| weigh(&self.records[number])).sum()
    }

    pub(super) fn weight_of_all(&self) -> u64 {
        let each = self.kept.values().map(|kept| self.weight(kept.iter()));
        each.sum()
    }

    pub(super) fn publish(
        &mut self,
        (name, sender): (&'static str, Option<u32>),
        mut record: Record,
    ) {
        let Ok(channel) = self.hub.open(name, self.now) else {
            return;
        };
        self.sync();
        if self.hub.paused(channel) {
            return;
        }
        let publishes = |l: &Listener| l.names == [name] && l.form.word().starts_with("web");
        let sender = sender.filter(|slot| publishes(&self.listeners[slot]));
        let message = Message {
            kind: record.kind,
            content_type: record.content_type,
            event: record.event,
            body: Body::Plain(&record.payload),
        };
        let place = sender.map(|slot| Sender(self.listeners[&slot].place));
        let submitted = self.hub.submit(channel, message, place, self.now).unwrap();
        let number = submitted.id.number;
        (record.number, record.name, record.ms) = (number, name, self.now);
        self.records.insert(number, record);
        let mut heard = 0;
        for (slot, listener) in &mut self.listeners {
            if listener.names.contains(&name) && Some(*slot) != sender {
                heard += 1;
                if listener.end.is_none() {
                    listener.owed.push(number);
                }
            }
        }
        assert_eq!(submitted.subscribers, heard);
        self.kept.entry(name).or_default().push_back(number);
        while self.kept[name].len() > MESSAGES_MAX
            || self.weight(self.kept[name].iter()) > BYTES_MAX
        {
            self.kept.get_mut(name).unwrap().pop_front();
        }
        while self.weight_of_all() > MEMORY_MAX && self.drop_oldest() {}
    }

    /// What the hub has let go for its age, and channels that it has forgotten, go here too.
    pub(super) fn sync(&mut self) {
        for (name, kept) in &mut self.kept {
            let channel = self.hub.find(name);
            let first = channel.and_then(|id| {
                let entries = &self.hub.channels[id as usize].history.entries;
                entries.front().map(|e| e.number)
            });
            while kept.front().is_some_and(|&number| Some(number) != first) {
                let old = self.records[&kept[0]].ms + AGE_MS <= self.now;
                assert!(old || channel.is_none(), "{name}: {} went early", kept[0]);
                self.forgotten |= channel.is_none();
                kept.pop_front();
            }
            let overdue = |number: &u64| self.records[number].ms + AGE_MS + AGE_LOOK_MS < self.now;
            assert!(!kept.front().is_some_and(overdue), "{name}: kept too long");
            self.forgotten |= channel.is_none();
        }
    }

    pub(super) fn start(&self, pick: u8, n: u64) -> Start {
        let newest = self.hub.newest();
        let id = |number| Id { epoch: 7, number };
        match pick % 8 {
            0 => Start::Newest,
            1 => Start::Oldest,
            2 => Start::Last(n % 8),
            3..=5 => Start::After(id(newest.number.saturating_sub(n % 12))),
            6 => Start::After(id(newest.number + 1 + n)),
            _ => Start::After(Id { epoch: 6, ..newest }),
        }
    }

    /// Where a member begins: behind which number, and what it has to be told.
    pub(super) fn reach(&mut self, channel: u32, names: &[&'static str], start: Start) -> Reach {
        let newest = self.hub.newest();
        let reach = self.hub.reach(channel, start, self.now);
        self.sync();
        let kept = self.kept_of(names);
        let had: Vec<u64> = kept.iter().copied().filter(|n| *n > reach.from).collect();
        match start {
            Start::Newest => assert!(had.is_empty()),
            Start::Oldest => assert_eq!(had, kept),
            Start::Last(n) => {
                let first = kept.len().saturating_sub(n as usize);
                assert_eq!(had, kept[first..]);
            }
            Start::After(id) => {
                let known = id.epoch == newest.epoch && id.number <= newest.number;
                let after = if known { id.number } else { 0 };
                let above: Vec<u64> = kept.iter().copied().filter(|n| *n > after).collect();
                assert_eq!(had, above);
                let lost = |r: &Record| {
                    r.number > after && names.contains(&r.name) && !kept.contains(&r.number)
                };
                let lost = !known || self.records.values().any(lost);
                assert!(reach.missed.is_some() || !lost, "a hidden gap");
                assert!(
                    reach.missed.is_none() || lost || self.forgotten || id.number < 123,
                    "a needless gap"
                );
            }
        }
        if let Some(missed) = reach.missed {
            assert_eq!(Start::After(missed.after), start);
            assert_eq!(missed.next.map(|id| id.number), had.first().copied());
        }
        reach
    }

    pub(super) fn join(
        &mut self,
        names: Vec<&'static str>,
        form: Form,
        start: (u8, u64),
        room: usize,
    ) {
        let Ok(channel) = self.hub.open_set(&names, self.now) else {
            return;
        };
        let start = self.start(start.0, start.1);
        let reach = self.reach(channel, &names, start);
        let slot = self.next_slot;
        self.next_slot += 1;
        let (hub, now) = (&mut self.hub, self.now);
        let place = hub.join_from(channel, form, reach.from, token(slot), now);
        let told = reach.missed.filter(|_| form.tells_gaps());
        if let Some(missed) = told {
            hub.owe_gap(place, missed);
        }
        hub.hold(place, false, now);
        let mut owed: BTreeSet<u64> = self.kept_of(&names).into_iter().collect();
        if names.len() > 1 {
            // Its log may hold more than the channels keep, which cannot be left out.
            let numbers = self.records.keys();
            let lost = self.hub.lost_by_all(channel);
            owed.extend(numbers.filter(|n| **n > lost && is_held(&self.hub, place, **n)));
        }
        let listener = Listener {
            place,
            names,
            form,
            owed: owed.into_iter().filter(|n| *n > reach.from).collect(),
            gap: told.map(|missed| (missed.after, None)),
            end: None,
        };
        self.listeners.insert(slot, listener);
        self.queued.insert(slot);
        self.kernel.room.insert(slot, room);
    }

    pub(super) fn leave(&mut self, slot: u32) {
        if self.listeners[&slot].end.is_none() {
            self.check(slot);
        }
        let listener = self.listeners.remove(&slot).unwrap();
        for (moved, member) in self
            .hub
            .leave(listener.place, self.now)
            .into_iter()
            .flatten()
        {
            self.listeners
                .get_mut(&moved)
                .expect("a moved member")
                .place
                .member = member;
        }
        self.kernel.got.remove(&slot);
        self.queued.remove(&slot);
        self.blocked.remove(&slot);
    }

    /// Who hears a channel goes, and then all of it, whatever is under way.
    pub(super) fn delete(&mut self, name: &'static str) {
        let Some(channel) = self.hub.find(name) else {
            return;
        };
        let mut hearers = self.hub.hearers(channel);
        hearers.sort_unstable();
        let hears = self
            .listeners
            .iter()
            .filter(|(_, l)| l.names.contains(&name));
        assert_eq!(hearers, hears.map(|(&slot, _)| slot).collect::<Vec<_>>());
        hearers.into_iter().for_each(|slot| self.leave(slot));
        let (mut reports, others) = (Vec::new(), self.hub.names.len() - 1);
        self.hub.delete(channel, &mut reports, self.now);
        self.act(reports);
        self.sync();
        assert_eq!((self.hub.find(name), self.hub.names.len()), (None, others));
    }

    pub(super) fn tick(&mut self, ms: u64) {
        self.now += ms;
        let mut reports = Vec::new();
        self.hub.expire(self.now, &mut reports);
        self.act(reports);
        self.sync();
    }

    pub(super) fn give_up(&mut self, bytes: u64) {
        let before = self.weight_of_all();
        let given = self.hub.give_up_history(bytes);
        while before - self.weight_of_all() < bytes && self.drop_oldest() {}
        assert_eq!(given, before - self.weight_of_all());
    }
}
