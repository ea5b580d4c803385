//! What the relay does for the hub: it acts on reports, pushes who is behind, tells gaps, answers polls.

use super::*;

impl World {
    pub(super) fn act(&mut self, reports: Vec<Report>) {
        for report in reports {
            match report {
                Report::Stuck(slot, Progress::More) => drop(self.queued.insert(slot)),
                Report::Stuck(slot, Progress::Blocked) => drop(self.blocked.insert(slot)),
                Report::Missed(slot, told) => self.missed(slot, told),
                Report::Resume(_) => {}
                report => panic!("{report:?}"),
            }
        }
    }

    /// Something was promised to a member and is gone: it really is, and the member is told or ended.
    pub(super) fn missed(&mut self, slot: u32, told: bool) {
        let listener = &self.listeners[&slot];
        let kept = self.kept_of(&listener.names);
        let held = |number: &u64| is_held(&self.hub, listener.place, *number);
        let form = listener.form;
        // These have no place for an empty message.
        let leaves_out = |number: &u64| {
            matches!(form, Form::Chunked | Form::Raw) && self.records[number].payload.is_empty()
        };
        let owed = listener.owed.iter().copied();
        let gone: Vec<u64> = owed.filter(|n| !held(n) && !leaves_out(n)).collect();
        assert!(gone.iter().all(|number| !kept.contains(number)));
        assert!(!gone.is_empty() || matches!(form, Form::Chunked | Form::Raw));
        assert_eq!(told, form.tells_gaps() || form.is_poll());
        let after = self.hub.position(listener.place);
        if !told {
            return self.leave(slot);
        }
        let listener = self.listeners.get_mut(&slot).unwrap();
        listener.owed.retain(|number| !gone.contains(number));
        let behind = |&number: &u64| number > after.number;
        assert!(listener.gap.is_some() || gone.iter().all(behind));
        listener.gap.get_or_insert((after, None));
    }

    pub(super) fn sweep(&mut self, visits: usize) -> bool {
        let (mut reports, mut counters) = (Vec::new(), Counters::default());
        let World { hub, kernel, .. } = self;
        let used = hub.sweep(visits, kernel, &mut counters, &mut reports, self.now);
        self.act(reports);
        used.is_some()
    }

    pub(super) fn fill(&mut self, bytes: usize) {
        let mut reports = Vec::new();
        self.hub.fill_some(bytes, &mut reports);
        self.act(reports);
    }

    /// What is told of a gap is what it is.
    pub(super) fn check_gap(&mut self, slot: u32, told: &str) {
        let whole = self.check(slot);
        let listener = self.listeners.get_mut(&slot).unwrap();
        let (after, missed) = listener.gap.take().expect("a gap that was none");
        let next = listener.owed.get(whole).map(|n| format!("\"7:{n}\""));
        let missed = missed.map(|n| n.to_string());
        let [next, missed] = [next, missed].map(|text| text.unwrap_or("null".to_owned()));
        let json = format!("{{\"after\":\"{after}\",\"next\":{next},\"missed\":{missed}}}");
        assert!(
            told.contains(&json) || listener.form == sse(true) || listener.form == Form::Iframe,
            "{told} is not {json}"
        );
    }

    /// What waits for a member is sent.
    pub(super) fn push(&mut self, slot: u32) {
        let Some(listener) = self.listeners.get(&slot) else {
            return;
        };
        let (place, form) = (listener.place, listener.form);
        if form.is_poll() {
            return self.push_poll(slot);
        }
        if let Some(gap) = self.hub.take_gap(place) {
            self.check_gap(slot, &String::from_utf8_lossy(&gap));
        }
        if self.hub.is_waiting(place) {
            return;
        }
        let mut counters = Counters::default();
        let progress = self.hub.push(place, false, &mut self.kernel, &mut counters);
        self.pushed(slot, progress);
    }

    pub(super) fn pushed(&mut self, slot: u32, progress: Progress) {
        let place = self.listeners[&slot].place;
        match progress {
            Progress::All => self.hub.release(place),
            Progress::More => {
                self.queued.insert(slot);
                self.hub.hold(place, false, self.now);
            }
            Progress::Blocked => {
                self.blocked.insert(slot);
                self.hub.hold(place, true, self.now);
            }
            progress => panic!("slot {slot}: {progress:?}"),
        }
    }

    /// A poll is answered, and leaves when it has its answer.
    pub(super) fn push_poll(&mut self, slot: u32) {
        let (place, form) = (self.listeners[&slot].place, self.listeners[&slot].form);
        if self.listeners[&slot].end.is_none() {
            let Some(piece) = self.hub.answer(place, form == Form::Polls) else {
                if !self.hub.is_waiting(place) {
                    self.hub.release(place);
                }
                return;
            };
            if let Some(gap) = self.hub.take_gap_json(place) {
                self.check_gap(slot, &gap);
            }
            let owed = self.listeners[&slot].owed.clone();
            let count = if form == Form::Polls { owed.len() } else { 1 };
            let body: usize = owed[..count]
                .iter()
                .map(|&n| self.encoded(form, n).len())
                .sum();
            assert_eq!((piece.last, piece.bytes), (owed[count - 1], body));
            let listener = self.listeners.get_mut(&slot).unwrap();
            (listener.end, listener.owed) = (Some(piece.end), owed[..count].to_vec());
        }
        let end = self.listeners[&slot].end.unwrap_or_default();
        let mut counters = Counters::default();
        let (_, progress) = self
            .hub
            .push_behind(place, &[], end, &mut self.kernel, &mut counters);
        if progress != Progress::All {
            return self.pushed(slot, progress);
        }
        let whole = self.check(slot);
        assert_eq!(whole, self.listeners[&slot].owed.len(), "the whole answer");
        self.leave(slot);
    }

    /// A member that is behind is moved on.
    pub(super) fn skip(&mut self, slot: u32) {
        let (place, form) = (self.listeners[&slot].place, self.listeners[&slot].form);
        if self.hub.is_waiting(place) {
            // The head of its answer may be more than the kernel takes.
            self.hub.hold(place, true, self.now);
            self.blocked.insert(slot);
        }
        if form.is_poll() || !self.blocked.contains(&slot) || !self.hub.may_skip(place) {
            return;
        }
        let rest = self.hub.rest_of_message(place);
        self.kernel.got.entry(slot).or_default().extend(rest);
        let whole = self.check(slot);
        let (waits, after) = (self.hub.is_waiting(place), self.hub.position(place));
        let skipped = self.hub.skip(place);
        let listener = self.listeners.get_mut(&slot).unwrap();
        let lost = listener.owed.split_off(whole);
        if !waits {
            assert_eq!(skipped.missed, lost.len() as u64);
        }
        if waits || !lost.is_empty() {
            assert_eq!(skipped.begins, listener.gap.is_none());
            assert!(listener.gap.is_some() || lost.iter().all(|&number| number > after.number));
            let gap = listener.gap.get_or_insert((after, (!waits).then_some(0)));
            gap.1 = gap.1.map(|n| n + skipped.missed);
        }
    }

    /// The kernel takes more of a member.
    pub(super) fn make_room(&mut self, slot: u32, bytes: usize) {
        *self.kernel.room.entry(slot).or_default() += bytes;
        if self.blocked.remove(&slot) {
            self.push(slot);
        }
    }

    pub(super) fn push_queued(&mut self) {
        for slot in std::mem::take(&mut self.queued) {
            if !self.blocked.contains(&slot) {
                self.push(slot);
            }
        }
    }
}
