//! The counters in the text form that Prometheus reads (OpenMetrics 1.0).

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::Relay;
use super::sessions::Counts;
use crate::close::Reason;
use crate::counters::{Counters, FANOUT_BUCKETS_US, SIZE_CLASSES, TURN_BUCKETS_US};
use crate::hub::{LAG_BUCKETS_BYTES, LAG_BUCKETS_MS, Lags};
use crate::limits::Limits;
use crate::ws::DeflateCounts;

/// What a scrape sees.
#[derive(Debug)]
struct Snapshot {
    counters: Counters,
    pauses: u64,
    history_dropped: u64,
    app_failures: u64,
    log_lines_lost: u64,
    deflate: DeflateCounts,
    sessions: Counts,
    limits: Vec<(&'static str, u64)>,
    gauges: Vec<(&'static str, &'static str, u64)>,
    lags: Lags,
}

impl Relay {
    /// All metrics, as one text.
    pub(super) fn metrics(&self, now: u64) -> String {
        let (used, free) = self.hub.log_bytes();
        let gauges = vec![
            (
                "connections",
                "Open connections, those by an admin address left out",
                (self.peers.len() - self.admins) as u64,
            ),
            (
                "admin_connections",
                "Open connections by an admin address",
                self.admins as u64,
            ),
            (
                "connections_max",
                "Connections that may be open",
                self.settings.limits.connections_max as u64,
            ),
            ("channels", "Channels", self.hub.channels() as u64),
            (
                "subscribers",
                "Members of channels",
                self.hub.members() as u64,
            ),
            (
                "sockets",
                "Sockets of Socket.IO: places that sessions have in namespaces",
                self.sessions.sockets() as u64,
            ),
            ("log_bytes", "Memory of frame logs", used as u64),
            (
                "pool_bytes",
                "Memory kept for reuse: free log segments and buffers of messages",
                (free + self.spares.free_bytes()) as u64,
            ),
            (
                "history_held_bytes",
                "Messages kept for those who come back, each counted with 48 bytes more",
                self.hub.history_counts().0,
            ),
            (
                "memory_bytes",
                "Memory that counts against memory_bytes_max",
                self.memory_bytes() as u64,
            ),
        ];
        let mut registry = Registry::with_prefix("longwave");
        registry.register_collector(Box::new(Snapshot {
            counters: self.counters.clone(),
            pauses: self.hub.pauses(),
            history_dropped: self.hub.history_counts().1,
            app_failures: self.program.failures(),
            log_lines_lost: self.settings.log_lines_lost.count(),
            deflate: self.hub.deflate_counts(),
            sessions: self.sessions.counts,
            limits: bounds(&self.settings.limits),
            gauges,
            lags: self.hub.lags(now),
        }));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for &(name, help, value) in &self.gauges {
            let gauge = ConstGauge::new(value as i64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let compression = compression(&self.counters, self.deflate);
        let lost = (
            "log_lines_lost",
            "Log lines lost because standard error took no more",
            self.log_lines_lost,
        );
        let dropped = (
            "history_dropped",
            "Messages no longer kept because history took too much memory over all channels",
            self.history_dropped,
        );
        let failures = (
            "app_failures",
            "Calls of the embedding program that returned an error or panicked",
            self.app_failures,
        );
        let totals = totals(&self.counters, self.pauses)
            .into_iter()
            .chain([lost, dropped, failures]);
        let sessions = self.sessions.totals();
        for (name, help, value) in totals.into_iter().chain(compression).chain(sessions) {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        let kind = MetricType::Gauge;
        let mut family = encoder.encode_descriptor("bound", "Configured bounds", None, kind)?;
        for &(name, value) in &self.limits {
            let gauge = ConstGauge::new(value as i64);
            gauge.encode(family.encode_family(&[("name", name)])?)?;
        }
        by_transport(&mut encoder, &self.sessions)?;
        self.reasons(&mut encoder)?;
        let bytes = LAG_BUCKETS_BYTES.map(|most| most as f64);
        let seconds = LAG_BUCKETS_MS.map(|most| most as f64 / 1e3);
        let help = "Subscribers that are behind, by at most so many bytes";
        spread(&mut encoder, "behind_bytes", help, &bytes, &self.lags.bytes)?;
        let help = "Subscribers that are behind, for at most so many seconds";
        spread(
            &mut encoder,
            "behind_seconds",
            help,
            &seconds,
            &self.lags.ms,
        )?;
        turns(&mut encoder, &self.counters)?;
        fanout(&mut encoder, &self.counters)
    }
}

impl Snapshot {
    /// What ended or was refused, by why.
    fn reasons(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let c = &self.counters;
        for (name, help, counts) in [
            ("closed", "Connections closed", &c.closed),
            (
                "sessions_closed",
                "Sessions of Engine.IO that ended",
                &c.sessions_closed,
            ),
            ("refused", "Requests and messages refused", &c.refused),
        ] {
            by_reason(encoder, name, help, counts)?;
        }
        Ok(())
    }
}

/// The bounds that something is counted against.
fn bounds(l: &Limits) -> Vec<(&'static str, u64)> {
    let bounds = [
        ("head_bytes_max", l.head_bytes_max),
        ("message_bytes_max", l.message_bytes_max),
        ("connections_max", l.connections_max),
        ("connections_per_address_max", l.connections_per_address_max),
        ("channels_max", l.channels_max),
        ("lag_bytes_max", l.lag_bytes_max),
        ("unflushed_bytes_max", l.unflushed_bytes_max),
        ("send_buffer", l.send_buffer_bytes),
        ("memory_bytes_max", l.memory_bytes_max),
        ("mailbox_messages_max", l.mailbox_messages_max),
        ("mailbox_bytes_max", l.mailbox_bytes_max),
        ("static_bytes_max", l.static_bytes_max),
        ("history_messages", l.history_messages_max),
        ("history_bytes", l.history_bytes_max),
        ("history_memory", l.history_memory_max),
        ("sessions_max", l.sessions_max),
        ("socketio_payload_max", l.payload_bytes_max),
    ];
    bounds.map(|(name, value)| (name, value as u64)).to_vec()
}

/// What was compressed and inflated.
fn compression(c: &Counters, d: DeflateCounts) -> [(&'static str, &'static str, u64); 8] {
    [
        (
            "inflate_messages",
            "Compressed messages that came",
            c.inflate_messages,
        ),
        (
            "inflate_bytes_before",
            "Their bytes as they came",
            c.inflate_bytes_before,
        ),
        (
            "inflate_bytes_after",
            "Their bytes inflated",
            c.inflate_bytes_after,
        ),
        (
            "inflate_bombs",
            "Compressed messages refused for what they would inflate to",
            c.inflate_bombs,
        ),
        (
            "deflate_messages",
            "Messages compressed, once for each window in use",
            d.messages,
        ),
        (
            "deflate_bytes_before",
            "Their bytes as published",
            d.bytes_before,
        ),
        (
            "deflate_bytes_after",
            "Their bytes compressed",
            d.bytes_after,
        ),
        (
            "deflate_in_vain",
            "Messages that did not shrink and went plain",
            d.in_vain,
        ),
    ]
}

/// Sessions there are now, by what carries them.
fn by_transport(encoder: &mut DescriptorEncoder<'_>, c: &Counts) -> std::fmt::Result {
    let help = "Sessions of Engine.IO";
    let mut family = encoder.encode_descriptor("sessions", help, None, MetricType::Gauge)?;
    for (transport, count) in c.by_transport() {
        let gauge = ConstGauge::new(count as i64);
        gauge.encode(family.encode_family(&[("transport", transport)])?)?;
    }
    Ok(())
}

fn totals(c: &Counters, pauses: u64) -> [(&'static str, &'static str, u64); 16] {
    let lagged = c.closed[Reason::Lagged as usize] + c.closed[Reason::LaggedLong as usize];
    [
        ("accepted", "Connections accepted", c.accepted),
        (
            "accept_exhausted",
            "Accepts that failed for want of descriptors",
            c.accept_exhausted,
        ),
        ("messages_in", "Messages published", c.messages_in),
        (
            "message_bytes_in",
            "Payload bytes published",
            c.message_bytes_in,
        ),
        (
            "deliveries",
            "Messages handed to the kernel, per subscriber",
            c.deliveries,
        ),
        ("bytes_in", "Bytes read", c.bytes_in),
        ("bytes_out", "Bytes written", c.bytes_out),
        ("pings", "Pings sent to silent peers", c.pings),
        (
            "publisher_pauses",
            "Times a channel's publishers were paused",
            pauses,
        ),
        (
            "read_budget_spent",
            "Turns in which a connection had more to read than its part",
            c.read_budget_spent,
        ),
        (
            "write_budget_spent",
            "Turns in which more subscribers waited than one turn writes to",
            c.write_budget_spent,
        ),
        (
            "accept_budget_spent",
            "Turns in which more connections waited than one turn accepts",
            c.accept_budget_spent,
        ),
        (
            "mailbox_full",
            "Messages refused by a full mailbox",
            c.mailbox_full,
        ),
        (
            "lag_closes",
            "Subscribers closed because they lagged",
            lagged,
        ),
        (
            "gaps",
            "Times a subscriber missed messages: it lagged, or came back too late",
            c.gaps,
        ),
        (
            "skipped_messages",
            "Messages that subscribers were moved past",
            c.skipped,
        ),
    ]
}

fn by_reason(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counts: &[u64; Reason::COUNT],
) -> std::fmt::Result {
    let kind = MetricType::Counter;
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for reason in Reason::ALL {
        let count = ConstCounter::new(counts[*reason as usize]);
        count.encode(family.encode_family(&[("reason", reason.word())])?)?;
    }
    Ok(())
}

/// How many there are now up to each bound, and in all: gauges, for they fall as well as rise.
fn spread(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    bounds: &[f64],
    counts: &[u64],
) -> std::fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    let bounds = bounds.iter().chain([&f64::INFINITY]);
    let mut sum = 0;
    for (bound, count) in bounds.zip(counts) {
        sum += count;
        let le = if bound.is_finite() {
            bound.to_string()
        } else {
            "+Inf".to_owned()
        };
        let gauge = ConstGauge::new(sum as i64);
        gauge.encode(family.encode_family(&[("le", le)])?)?;
    }
    Ok(())
}

/// The turn durations as a histogram in seconds.
fn turns(encoder: &mut DescriptorEncoder<'_>, c: &Counters) -> std::fmt::Result {
    let kind = MetricType::Histogram;
    let unit = Unit::Seconds;
    let help = "Duration of a turn of the loop, waiting excluded";
    let mut histogram = encoder.encode_descriptor("turn_duration", help, Some(&unit), kind)?;
    let buckets = buckets(&TURN_BUCKETS_US, &c.turns);
    let count = c.turns.iter().sum();
    histogram.encode_histogram::<NoLabelSet>(c.turn_us as f64 / 1e6, count, &buckets, None)
}

/// The times of fan-out as a histogram in seconds, by the size of the channel.
fn fanout(encoder: &mut DescriptorEncoder<'_>, c: &Counters) -> std::fmt::Result {
    let (kind, unit) = (MetricType::Histogram, Unit::Seconds);
    let help = "From the turn that read a message to the last send to a subscriber that is not behind, by subscribers of the channel";
    let mut family = encoder.encode_descriptor("fanout", help, Some(&unit), kind)?;
    for (fanout, (_, class)) in c.fanout.iter().zip(SIZE_CLASSES) {
        let label = [("subscribers", class)];
        let mut histogram = family.encode_family(&label)?;
        let buckets = buckets(&FANOUT_BUCKETS_US, &fanout.buckets);
        let count = fanout.buckets.iter().sum();
        let seconds = fanout.us as f64 / 1e6;
        histogram.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)?;
    }
    Ok(())
}

/// Counts beside the upper bounds of their buckets in seconds, the last of which has none.
fn buckets(bounds_us: &[u64], counts: &[u64]) -> Vec<(f64, u64)> {
    let bounds = bounds_us.iter().map(|&us| us as f64 / 1e6);
    let bounds = bounds.chain([f64::INFINITY]);
    bounds.zip(counts.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_ends_without_bound_and_counts_every_turn() {
        let mut relay = Relay::new(crate::settings::Settings::default());
        for us in [1, 100, 5_000_000] {
            relay.counters_mut().turn(us);
        }
        relay.counters_mut().fanned_out(10, 2, 160);
        let text = relay.metrics(0);
        for line in [
            "longwave_turn_duration_seconds_bucket{le=\"+Inf\"} 3",
            "longwave_turn_duration_seconds_count 3",
            "longwave_turn_duration_seconds_bucket{le=\"0.0001\"} 2",
            "longwave_fanout_seconds_bucket{le=\"0.0002\",subscribers=\"1-10\"} 2",
            "longwave_fanout_seconds_count{subscribers=\"1-10\"} 2",
            "longwave_bound{name=\"message_bytes_max\"} 1048576",
            "longwave_closed_total{reason=\"lagged\"} 0",
            "longwave_behind_bytes{le=\"+Inf\"} 0",
            "longwave_behind_seconds{le=\"0.05\"} 0",
            "longwave_sessions{transport=\"polling\"} 0",
            "longwave_sessions_closed_total{reason=\"silent\"} 0",
            "longwave_session_upgrades_failed_total 0",
            "longwave_bound{name=\"sessions_max\"} 100000",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line}\n{text}");
        }
    }
}
