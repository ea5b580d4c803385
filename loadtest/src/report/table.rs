//! A report as people read it.

use std::fmt;

use super::{Latencies, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = &self.measured;
        writeln!(f, "{} {}", self.scenario, self.url)?;
        let pace = match self.rate {
            0.0 => format!("closed loop, window {}", self.window),
            rate => format!("open loop, {rate} messages/s"),
        };
        writeln!(
            f,
            "  load            {pace}, batch {}, {} bytes, seed {}",
            self.batch, self.size, self.seed
        )?;
        writeln!(
            f,
            "  connections     {} in {:.2} s",
            m.connections, m.connect_s
        )?;
        writeln!(
            f,
            "  measured        {} messages, {} deliveries in {:.2} s: {:.0} deliveries/s, {:.1} MB/s",
            m.messages,
            m.deliveries,
            m.seconds,
            self.deliveries_per_s,
            self.deliveries_per_s * self.size as f64 / 1e6
        )?;
        latency_table(f, &self.latency)?;
        if let Some(cost) = &m.server {
            write!(f, "{cost}")?;
        }
        let c = &self.client;
        let late = c.late_share * 100.0;
        writeln!(
            f,
            "  client          {:.0} % of a core, {late:.2} % of {} sends late, latest by {:.0} µs",
            c.cpu_share * 100.0,
            c.sends,
            c.late_max_us
        )?;
        if c.unsent > 0 {
            writeln!(
                f,
                "  held back       {} messages were due and not sent: the server took no more",
                c.unsent
            )?;
        }
        write!(f, "{}", self.verdict)?;
        for why in &c.invalid {
            writeln!(
                f,
                "  INVALID         {why}: these figures are not the server's alone"
            )?;
        }
        Ok(())
    }
}

fn latency_table(f: &mut fmt::Formatter<'_>, Latencies(rows): &Latencies) -> fmt::Result {
    let heads = ["p50", "p90", "p99", "p99.9", "max"];
    write!(f, "  latency, µs    ")?;
    heads.iter().try_for_each(|head| write!(f, "{head:>11}"))?;
    writeln!(f)?;
    for (name, s) in rows {
        write!(f, "    {name:<13}")?;
        let values = [s.p50_us, s.p90_us, s.p99_us, s.p99_9_us, s.max_us];
        values.iter().try_for_each(|v| write!(f, "{v:>11.1}"))?;
        writeln!(f)?;
    }
    Ok(())
}
