//! Latencies: histograms, and when the first, the median and the last subscriber got each message.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{
    Deserializer as HistogramReader, Serializer as _, V2DeflateSerializer,
};
use serde::{Deserialize, Serialize};

/// The largest latency told apart: an hour.
const MAX_NS: u64 = 3_600_000_000_000;

/// A histogram of nanoseconds, three digits exact.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

/// What people read of it, in microseconds, and the histogram itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Summary {
    pub count: u64,
    pub mean_us: f64,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p99_9_us: f64,
    pub p99_99_us: f64,
    pub max_us: f64,
    /// The histogram, nanoseconds, as HdrHistogram tools exchange it: its V2 compressed encoding in base64.
    pub histogram: String,
}

impl Default for Latency {
    fn default() -> Latency {
        Latency(Histogram::new_with_bounds(1, MAX_NS, 3).expect("bounds are valid"))
    }
}

impl Latency {
    /// Notes one.
    pub fn note(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// Adds all of another's.
    pub fn add(&mut self, other: &Latency) {
        self.0.add(&other.0).expect("the bounds are the same");
    }

    /// What people read.
    pub fn summary(&self) -> Summary {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        Summary {
            count: self.0.len(),
            mean_us: self.0.mean() / 1e3,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p99_9_us: at(0.999),
            p99_99_us: at(0.9999),
            max_us: self.0.max() as f64 / 1e3,
            histogram: self.encode(),
        }
    }

    fn encode(&self) -> String {
        let mut bytes = Vec::new();
        let written = V2DeflateSerializer::new().serialize(&self.0, &mut bytes);
        written.expect("a vector takes everything");
        BASE64.encode(bytes)
    }

    /// The histogram of a summary; `None` when its text is no such thing.
    pub fn decode(summary: &Summary) -> Option<Latency> {
        let bytes = BASE64.decode(&summary.histogram).ok()?;
        let histogram = HistogramReader::new().deserialize(&mut &bytes[..]).ok()?;
        Some(Latency(histogram))
    }

    /// How many were noted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency in microseconds that this part of all (0 to 1) does not pass.
    pub fn at_us(&self, part: f64) -> f64 {
        self.0.value_at_quantile(part) as f64 / 1e3
    }
}

/// The messages of one publisher that not everybody has got yet.
#[derive(Debug, Clone, Default)]
struct Under {
    /// Sequence of the front of `left`.
    base: u32,
    /// For each message how many deliveries are still to come.
    left: VecDeque<u32>,
    /// Messages that everybody got.
    done: u32,
}

/// When the first, the median and the last subscriber got each message.
#[derive(Debug)]
pub struct Spread {
    publishers: Vec<Under>,
    audience: Vec<u32>,
    /// Of each measured message, its first subscriber's latency.
    pub first: Latency,
    /// The latency by which half of its subscribers had it.
    pub median: Latency,
    /// Its last subscriber's.
    pub last: Latency,
}

impl Spread {
    /// `audience[p]`: how many get publisher `p`'s messages.
    pub fn new(audience: Vec<u32>) -> Spread {
        Spread {
            publishers: vec![Under::default(); audience.len()],
            audience,
            first: Latency::default(),
            median: Latency::default(),
            last: Latency::default(),
        }
    }

    /// Begins the figures anew; what is under way stays so.
    pub fn begin(&mut self) {
        for figure in [&mut self.first, &mut self.median, &mut self.last] {
            figure.clear();
        }
    }

    /// Notes that a publisher sends its next message.
    pub fn publish(&mut self, publisher: u32) {
        let audience = self.audience[publisher as usize];
        self.publishers[publisher as usize].left.push_back(audience);
    }

    /// Notes a first-time delivery; `latency_ns` is `None` while nothing is measured. Whether now
    /// everybody has that message.
    pub fn deliver(&mut self, publisher: u32, sequence: u32, latency_ns: Option<u64>) -> bool {
        let audience = self.audience[publisher as usize];
        let under = &mut self.publishers[publisher as usize];
        let index = sequence.wrapping_sub(under.base) as usize;
        let Some(left) = under.left.get_mut(index).filter(|left| **left > 0) else {
            return false;
        };
        *left -= 1;
        let got = audience - *left;
        if got == audience {
            under.done += 1;
            while under.left.front() == Some(&0) {
                under.left.pop_front();
                under.base += 1;
            }
        }
        let whole = got == audience;
        let Some(ns) = latency_ns else { return whole };
        if got == 1 {
            self.first.note(ns);
        }
        if got == audience.div_ceil(2) {
            self.median.note(ns);
        }
        if whole {
            self.last.note(ns);
        }
        whole
    }

    /// Messages of this publisher that everybody got.
    pub fn done(&self, publisher: u32) -> u32 {
        self.publishers[publisher as usize].done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_median_and_last_of_each_message() {
        let mut spread = Spread::new(vec![4]);
        spread.publish(0);
        spread.publish(0);
        for ns in [100, 200, 300] {
            spread.deliver(0, 0, Some(ns));
            spread.deliver(0, 1, Some(ns * 10));
        }
        assert_eq!(spread.done(0), 0);
        spread.deliver(0, 1, Some(9000));
        assert_eq!(spread.done(0), 1);
        spread.deliver(0, 0, Some(400));
        assert_eq!(spread.done(0), 2);
        assert!(spread.publishers[0].left.is_empty());
        let ends = |l: &Latency| (l.0.min(), l.0.max(), l.0.len());
        assert_eq!(ends(&spread.first), (100, 1000, 2));
        assert_eq!(ends(&spread.median), (200, 2000, 2));
        let (min, max, n) = ends(&spread.last);
        assert_eq!((min, n, max / 100), (400, 2, 90));
    }

    #[test]
    fn what_is_not_measured_still_counts_as_done() {
        let mut spread = Spread::new(vec![1]);
        spread.publish(0);
        spread.deliver(0, 0, None);
        spread.deliver(0, 0, None);
        assert_eq!((spread.done(0), spread.last.summary().count), (1, 0));
    }

    #[test]
    fn a_summary_is_in_microseconds() {
        let mut latency = Latency::default();
        (1..=1000).for_each(|us| latency.note(us * 1000));
        let s = latency.summary();
        let near = |a: f64, b: f64| (a - b).abs() / b < 0.002;
        let again = Latency::decode(&s).unwrap();
        assert!(near(again.at_us(0.25), 250.0));
        assert_eq!(again.summary().histogram, s.histogram);
        let harmed = Summary {
            histogram: "AAAA".to_owned(),
            ..s.clone()
        };
        assert!(Latency::decode(&harmed).is_none());
        assert!(near(s.p50_us, 500.0) && near(s.p99_us, 990.0) && near(s.max_us, 1000.0));
    }
}
