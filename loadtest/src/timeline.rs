//! The run over time, in slices of equal length: taken while it goes on, bounded in number.

use std::time::Duration;

use crate::latency::Latency;
use crate::report::{Curve, Slice, Timeline};
use crate::target::Sample;

/// Slice lengths to choose from, milliseconds.
const LENGTHS_MS: [u64; 10] = [
    100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000,
];
/// A run as long as planned has at most so many slices.
const SLICES_PLANNED: u64 = 300;
/// The server is not looked at more often: reading `/proc` takes the client some hundred
/// microseconds, in which no message is read.
const LOOKS_APART_MIN_NS: u64 = 500_000_000;
/// What comes behind so many is not kept.
const SLICES_MAX: usize = 1200;

/// The server at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// CPU and memory, when its process is known.
    pub server: Option<Sample>,
    /// What the machine's TCP sockets hold, bytes.
    pub tcp_bytes: Option<u64>,
}

/// Fills a timeline while the run goes on.
#[derive(Debug)]
pub struct Recorder {
    slice_ns: u64,
    /// When the measured time begins.
    zero_ns: u64,
    slices: Vec<Slice>,
    open: Slice,
    latency: Latency,
    /// Slices before this have the server's figures.
    looked: usize,
    next_look_ns: u64,
    last: Option<(u64, Sample)>,
    rss: Vec<(f64, f64)>,
    tcp: Vec<(f64, f64)>,
}

impl Recorder {
    /// For a run of this length, of which the first part is not measured.
    pub fn new(warmup: Duration, whole: Duration) -> Recorder {
        let fits = |ms: &u64| whole.as_millis() as u64 / ms <= SLICES_PLANNED;
        let ms = LENGTHS_MS.into_iter().find(fits);
        Recorder {
            slice_ns: ms.unwrap_or(LENGTHS_MS[LENGTHS_MS.len() - 1]) * 1_000_000,
            zero_ns: warmup.as_nanos() as u64,
            slices: Vec::new(),
            open: Slice::default(),
            latency: Latency::default(),
            looked: 0,
            next_look_ns: 0,
            last: None,
            rss: Vec::new(),
            tcp: Vec::new(),
        }
    }

    /// Notes messages sent at this time.
    pub fn sent(&mut self, messages: u64, now_ns: u64) {
        self.roll(now_ns);
        self.open.messages += messages;
    }

    /// Notes a delivery at this time.
    pub fn delivered(&mut self, latency_ns: u64, now_ns: u64) {
        self.roll(now_ns);
        self.open.deliveries += 1;
        self.latency.note(latency_ns);
    }

    /// Whether it is time to look at the server again.
    pub fn wants_look(&self, now_ns: u64) -> bool {
        now_ns >= self.next_look_ns
    }

    /// Notes what the server has used by this time.
    pub fn look(&mut self, look: Look, now_ns: u64) {
        self.roll(now_ns);
        let at_s = self.seconds(now_ns);
        if let Some(bytes) = look.tcp_bytes
            && self.tcp.len() < SLICES_MAX
        {
            self.tcp.push((at_s, bytes as f64));
        }
        if let Some(sample) = look.server {
            self.server(sample, now_ns);
            if self.rss.len() < SLICES_MAX {
                self.rss.push((at_s, sample.rss_bytes as f64));
            }
        }
        self.looked = self.slices.len();
        let apart = self.slice_ns.max(LOOKS_APART_MIN_NS);
        self.next_look_ns = (now_ns / apart + 1) * apart;
    }

    fn server(&mut self, sample: Sample, now_ns: u64) {
        if let Some((before_ns, before)) = self.last {
            let (user, system) = sample.cpu_since(&before);
            let share = (user + system) as f64 / (now_ns - before_ns).max(1) as f64;
            let from = self.looked.min(self.slices.len());
            for slice in &mut self.slices[from..] {
                slice.server_cpu_share = Some(share);
                slice.server_rss_bytes = Some(sample.rss_bytes);
            }
        }
        self.last = Some((now_ns, sample));
    }

    /// The most server memory and TCP memory that was seen.
    pub fn peaks(&self) -> (Option<u64>, Option<u64>) {
        let most = |points: &[(f64, f64)]| points.iter().map(|p| p.1 as u64).max();
        (most(&self.rss), most(&self.tcp))
    }

    /// The server's memory and the machine's TCP memory over time, as far as they were seen.
    pub fn curves(&self) -> Vec<Curve> {
        let curve = |name: &str, y: &str, points| Curve {
            name: name.to_owned(),
            x: "at_s".to_owned(),
            y: y.to_owned(),
            points,
        };
        let mut curves = vec![
            curve("server memory", "server_rss_bytes", self.rss.clone()),
            curve(
                "TCP memory of the machine",
                "tcp_memory_bytes",
                self.tcp.clone(),
            ),
        ];
        curves.retain(|c| !c.points.is_empty());
        curves
    }

    /// The timeline.
    pub fn finish(mut self) -> Timeline {
        if self.open.messages + self.open.deliveries > 0 {
            self.close();
        }
        Timeline {
            slice_s: self.slice_ns as f64 / 1e9,
            slices: self.slices,
        }
    }

    fn seconds(&self, ns: u64) -> f64 {
        (ns as f64 - self.zero_ns as f64) / 1e9
    }

    /// Closes every slice that is over.
    fn roll(&mut self, now_ns: u64) {
        while (self.slices.len() as u64 + 1) * self.slice_ns <= now_ns
            && self.slices.len() < SLICES_MAX
        {
            self.close();
        }
    }

    fn close(&mut self) {
        let at_s = self.seconds(self.slices.len() as u64 * self.slice_ns);
        let open = std::mem::take(&mut self.open);
        let seen = (open.deliveries > 0).then(|| {
            let us = [0.5, 0.99, 1.0].map(|part| self.latency.at_us(part));
            self.latency.clear();
            us
        });
        self.slices.push(Slice {
            at_s,
            p50_us: seen.map(|us| us[0]),
            p99_us: seen.map(|us| us[1]),
            max_us: seen.map(|us| us[2]),
            ..open
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn sample(cpu_ms: u64, rss_bytes: u64) -> Look {
        Look {
            server: Some(Sample {
                cpu_ns: cpu_ms * MS,
                rss_bytes,
                ..Sample::default()
            }),
            tcp_bytes: Some(4096),
        }
    }

    #[test]
    fn slices_are_without_a_hole_and_hold_what_came_in_them() {
        let mut recorder = Recorder::new(Duration::from_millis(100), Duration::from_secs(1));
        assert!(recorder.wants_look(0));
        recorder.look(sample(0, 1), 0);
        assert!(!recorder.wants_look(499 * MS));
        recorder.sent(2, 0);
        for us in 1..=100 {
            recorder.delivered(us * 1000, 50 * MS);
        }
        // Nothing in those between; a late look covers them.
        recorder.delivered(7000, 320 * MS);
        assert!(recorder.wants_look(510 * MS));
        recorder.look(sample(255, 2), 510 * MS);
        assert!(!recorder.wants_look(999 * MS));
        recorder.delivered(9000, 620 * MS);
        recorder.look(sample(365, 3), 620 * MS);
        let curves = recorder.curves();
        let timeline = recorder.finish();
        assert_eq!(timeline.slice_s, 0.1);
        let [first, second, _, fourth, fifth, sixth, seventh] = &timeline.slices[..] else {
            panic!("{timeline:?}");
        };
        assert_eq!(
            (first.at_s, first.messages, first.deliveries),
            (-0.1, 2, 100)
        );
        let near = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < b / 100.0;
        assert!(near(first.p50_us, 50.0) && near(first.p99_us, 99.0) && near(first.max_us, 100.0));
        assert!(near(first.server_cpu_share, 0.5) && near(fifth.server_cpu_share, 0.5));
        assert_eq!((second.deliveries, second.p50_us), (0, None));
        assert!(near(fourth.max_us, 7.0) && fourth.deliveries == 1);
        assert!(near(sixth.server_cpu_share, 1.0));
        assert_eq!(sixth.server_rss_bytes, Some(3));
        assert_eq!((seventh.deliveries, seventh.server_cpu_share), (1, None));
        assert_eq!(curves.len(), 2);
        assert_eq!(curves[0].points.len(), 3);
    }

    #[test]
    fn the_number_of_slices_is_bounded() {
        let mut recorder = Recorder::new(Duration::ZERO, Duration::from_secs(3600));
        recorder.delivered(1, 3_600_000 * MS);
        assert!(recorder.slices.len() <= SLICES_PLANNED as usize);
        for s in 0..100_000 {
            recorder.delivered(1, s * 10_000 * MS);
            recorder.look(sample(s, 1), s * 10_000 * MS);
        }
        let curves = recorder.curves();
        let timeline = recorder.finish();
        assert!(timeline.slices.len() <= SLICES_MAX + 1);
        assert!(curves.iter().all(|c| c.points.len() <= SLICES_MAX));
    }
}
