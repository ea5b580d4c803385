//! A report goes out as JSON and comes back the same; it is judged; its table fits 80 columns.

use super::*;
use crate::latency::Latency;
use crate::pace::Lateness;
use crate::proof::Faults;
use crate::reactor::Ended;

/// A report with everything in it.
pub fn full() -> Report {
    let mut latency = Latency::default();
    (1..=2000).for_each(|i| latency.note(i * 977));
    let measured = Measured {
        connections: 1001,
        connect_s: 0.25,
        seconds: 10.0,
        messages: 5000,
        deliveries: 5_000_000,
        deliveries_per_s: 500_000.0,
        payload_bytes_per_s: Some(64e6),
    };
    let lateness = Lateness {
        threshold_ns: 1,
        sends: 100,
        late: 1,
        max_ns: 5000,
    };
    let client = Client::new(0.5, &lateness, 3);
    let verdict = Verdict::new(5_000_000, 5_000_000, Faults::default(), 2, &[]);
    let mut report = Report::new("fanout", measured, client, verdict);
    let names = ["all", "first", "median", "last"];
    report.latency = names
        .map(|name| (name.to_owned(), latency.summary()))
        .into();
    let sample = |user_ns, rss_bytes| crate::target::Sample {
        cpu_ns: user_ns,
        user_ns,
        rss_bytes,
        ..Default::default()
    };
    let samples = [
        sample(0, 4_000_000),
        sample(0, 5_000_000),
        sample(0, 5_000_000),
        sample(9_000_000_000, 6_000_000),
    ];
    report.server = Some(Cost::new(samples, 1001, 5_000_000));
    report.figures.add(
        "slope_bytes",
        172.0,
        "memory of one connection, the slope over all steps of the opening",
    );
    report
        .figures
        .add("nothing_us", None, "why it could not be measured");
    report.curves.push(curve());
    report.timeline = Some(timeline());
    let options = [
        ("url", "ws://127.0.0.1:1/<b>&\"".into()),
        ("size", 128.into()),
        ("rate", 500.into()),
    ];
    let more = [
        ("window", 1.into()),
        ("batch", 1.into()),
        ("seed", 7.into()),
    ];
    let options = options
        .into_iter()
        .chain(more)
        .map(|(k, v)| (k.to_owned(), v));
    report.seal(Environment::gather(), options.collect());
    report
}

fn curve() -> Curve {
    Curve {
        name: "memory".to_owned(),
        x: "connections".to_owned(),
        y: "rss_bytes".to_owned(),
        points: (0..30)
            .map(|i| (f64::from(i) * 1000.0, 5e6 + f64::from(i) * 172e3))
            .collect(),
    }
}

fn timeline() -> Timeline {
    Timeline {
        slice_s: 0.5,
        slices: (0..20u32)
            .map(|i| Slice {
                at_s: f64::from(i) / 2.0,
                messages: 250,
                deliveries: 250_000 + u64::from(i % 7 * 1000),
                p50_us: Some(400.0),
                p99_us: Some(1500.0 + f64::from(i * 50)),
                max_us: (i != 3).then_some(4000.0),
                server_cpu_share: Some(0.9),
                server_rss_bytes: Some(5_000_000),
            })
            .collect(),
    }
}

#[test]
fn json_out_and_in_is_the_same() {
    let report = full();
    let text = to_json(&report);
    let again = json::parse(&text).unwrap();
    assert!(to_json(&again) == text, "{text}");
    assert_eq!((again.outcome, again.exit_code()), (Outcome::Ok, 0));
    // A time line is a line per slice, not per number.
    let slices = text.lines().filter(|line| {
        let line = line.trim_start();
        line.starts_with("{\"at_s\":") && line.contains("\"server_rss_bytes\":")
    });
    assert_eq!(slices.count(), 20, "{text}");
}

#[test]
fn what_is_no_report_of_this_schema_is_refused() {
    let text = to_json(&full());
    let refused = |text: &str| json::parse(text).unwrap_err();
    assert!(refused("{").contains("not JSON"));
    assert!(refused("{}").contains("no \"schema\""));
    assert!(refused("[1]").contains("no \"schema\""));
    assert!(refused("{\"rounds\": 31, \"boards\": []}").contains("of `versus`"));
    let newer = text.replacen("\"schema\": 1", "\"schema\": 2", 1);
    assert!(refused(&newer).contains("schema 2; this version reads 1"));
    let less = text.replacen("\"verdict\"", "\"other\"", 1);
    assert!(refused(&less).contains("verdict"));
}

#[test]
fn a_report_is_judged_by_its_verdict_first() {
    let seal = |report: &mut Report, allow: bool| {
        let options = [("allow-saturated".to_owned(), allow.into())];
        report.seal(Environment::default(), options.into());
        (report.outcome, report.exit_code(), report.reasons.len())
    };
    let mut report = full();
    assert_eq!(seal(&mut report, false), (Outcome::Ok, 0, 0));
    report.client.invalid.push("slow".to_owned());
    assert_eq!(seal(&mut report, false), (Outcome::Invalid, 3, 1));
    assert_eq!(seal(&mut report, true), (Outcome::Invalid, 0, 1));
    report.verdict.broken.push("memory grows".to_owned());
    assert_eq!(seal(&mut report, true), (Outcome::Wrong, 1, 2));
    report.verdict.broken.clear();
    report.verdict.faults.order_differs = 2;
    assert_eq!(seal(&mut report, false), (Outcome::Wrong, 1, 2));
}

#[test]
fn the_table_fits_80_columns_and_says_what_is_wrong() {
    let mut report = full();
    let fits = |report: &Report| {
        let text = report.to_string();
        let wide = text.lines().find(|l| l.chars().count() > 80);
        assert_eq!(wide, None, "{text}");
        text
    };
    let text = fits(&report);
    for part in [
        "  OK ",
        "5,000,000 of 5,000,000",
        "not available",
        "open loop, 500 messages/s",
        "172 B",
        "held back",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let ended =
        Ended::Cut("end of stream and of a rather long story of why it came to be so".to_owned());
    let faults = Faults {
        lost: 123_456,
        corrupted: 1,
        ..Faults::default()
    };
    report.verdict = Verdict::new(5_000_000, 1, faults, 0, &[(0, ended)]);
    report
        .client
        .invalid
        .push("the client used 99 % of a core".to_owned());
    let text = fits(&report);
    for part in [
        "  WRONG ",
        "123456 lost",
        "1 × cut without a close frame",
        "  INVALID ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
