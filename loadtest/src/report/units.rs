//! Numbers as people read them: three digits that matter, and a unit.

/// A whole number in groups of three.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of them: `1 round`, `2 rounds`.
pub fn some(n: u64, one: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {one}{s}", count(n))
}

/// A number with three digits that matter, whole from 100 on.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 99.95 => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}{}", count(size.round() as u64))
        }
        _ if value == value.trunc() => format!("{value:.0}"),
        _ if size >= 9.995 => format!("{value:.1}"),
        _ if size >= 0.9995 => format!("{value:.2}"),
        _ if size >= 0.0005 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}

/// A time given in microseconds.
pub fn microseconds(us: f64) -> String {
    let scaled = match us.abs() {
        size if size < 999.5 => return format!("{} µs", number(us)),
        size if size < 999_500.0 => (us / 1e3, "ms"),
        _ => (us / 1e6, "s"),
    };
    format!("{} {}", number(scaled.0), scaled.1)
}

/// An amount of memory.
pub fn bytes(n: f64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units
        .iter()
        .find(|(bits, _)| n.abs() >= f64::from(1 << bits));
    match unit {
        Some((bits, unit)) => format!("{} {unit}", number(n / f64::from(1 << bits))),
        None => format!("{} B", number(n)),
    }
}

/// A figure, in the unit that the end of its name tells.
pub fn named(name: &str, value: f64) -> String {
    if let Some(each) = name.strip_suffix("_per_s") {
        return format!("{}/s", named(each, value));
    }
    match name.rsplit('_').next() {
        Some("us") => microseconds(value),
        Some("s") => microseconds(value * 1e6),
        Some("bytes") => bytes(value),
        Some("share") => format!("{} %", number(value * 100.0)),
        _ => number(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_that_matter() {
        let cases = [
            (0.0, "0"),
            (0.123_45, "0.123"),
            (0.000_003_23, "3.2e-6"),
            (1.0, "1"),
            (1.234_5, "1.23"),
            (12.345, "12.3"),
            (99.96, "100"),
            (123.45, "123"),
            (1_234_567.0, "1,234,567"),
            (-1234.5, "-1,235"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            [0, 999, 1000, 12_345_678].map(count),
            ["0", "999", "1,000", "12,345,678"]
        );
    }

    #[test]
    fn one_and_several() {
        let each = [0, 1, 2, 1000].map(|n| some(n, "round"));
        assert_eq!(each, ["0 rounds", "1 round", "2 rounds", "1,000 rounds"]);
    }

    #[test]
    fn a_name_ends_in_its_unit() {
        let cases = [
            ("p99_us", 999.4, "999 µs"),
            ("p99_us", 1_500.0, "1.50 ms"),
            ("p99_us", 2_000_000.0, "2 s"),
            ("connect_s", 0.25, "250 ms"),
            ("rss_bytes", 2_621_440.0, "2.50 MiB"),
            ("slope_bytes", 172.4, "172 B"),
            ("cpu_share", 0.031, "3.10 %"),
            ("messages", 5.0, "5"),
            ("messages_per_s", 5000.0, "5,000/s"),
            ("payload_bytes_per_s", 5120.0, "5 KiB/s"),
        ];
        for (name, value, text) in cases {
            assert_eq!(named(name, value), text, "{name}");
        }
    }
}
