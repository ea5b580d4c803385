//! Sizes, times and counts as people write them.
//!
//! Rules: a size is plain bytes or has a unit (`16MiB`, `64KiB`; `16MB` is 16,000,000); a time
//! always has one (`250ms`, `10s`, `2m`, `1h`), only `0` and microseconds (`250us`, `250`) may go
//! without. No fractions, signs or
//! spaces. What [`Unit::show`] writes, [`Unit::parse`] reads back as the same number.

/// What a bound is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// How many of something.
    Count,
}

/// Each unit of a size with its bytes, the one to write first.
const SIZES: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Units of a size that [`Unit::show`] uses: the powers of two.
const SIZES_SHOWN: usize = 4;

/// Each unit of a time with its milliseconds, the one to write first.
const TIMES: &[(&str, u64)] = &[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Each unit of a short time with its microseconds, the one to write first.
const SHORT_TIMES: &[(&str, u64)] = &[("ms", 1_000), ("us", 1)];

impl Unit {
    /// Reads a number with its unit; an error says what the text is not.
    pub fn parse(self, text: &str) -> Result<u64, &'static str> {
        let end = text.find(|c: char| !c.is_ascii_digit());
        let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
        if digits.is_empty() {
            return Err(self.is_not());
        }
        let scale = self.scale(digits, unit)?;
        let number: u64 = digits.parse().map_err(|_| "is too large")?;
        number.checked_mul(scale).ok_or("is too large")
    }

    /// How many bytes, milliseconds or pieces one of this unit is.
    fn scale(self, digits: &str, unit: &str) -> Result<u64, &'static str> {
        match (self, unit) {
            (Unit::Bytes | Unit::Count | Unit::Micros, "") => Ok(1),
            (Unit::Millis, "") if digits.bytes().all(|b| b == b'0') => Ok(1),
            (Unit::Millis, "") => Err("is a time without a unit"),
            (Unit::Bytes, _) => SIZES
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(unit))
                .map(|&(_, scale)| scale)
                .ok_or(self.is_not()),
            (Unit::Millis, _) => TIMES
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|&(_, scale)| scale)
                .ok_or(self.is_not()),
            (Unit::Micros, _) => SHORT_TIMES
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|&(_, scale)| scale)
                .ok_or(self.is_not()),
            (Unit::Count, _) => Err(self.is_not()),
        }
    }

    /// Writes a number in the largest unit that holds it exactly.
    pub fn show(self, number: u64) -> String {
        let units = match self {
            Unit::Bytes => &SIZES[..SIZES_SHOWN],
            Unit::Millis => TIMES,
            Unit::Micros => SHORT_TIMES,
            Unit::Count => &[],
        };
        units
            .iter()
            .find(|(_, scale)| number != 0 && number.is_multiple_of(*scale))
            .map(|(name, scale)| format!("{}{name}", number / scale))
            .unwrap_or_else(|| number.to_string())
    }

    /// How to write one, for an error message.
    pub fn examples(self) -> &'static str {
        match self {
            Unit::Bytes => ", in bytes or such as 64KiB, 16MiB or 1GiB",
            Unit::Millis => ", such as 250ms, 10s, 2m or 1h",
            Unit::Micros => ", in microseconds or such as 250us or 2ms",
            Unit::Count => "",
        }
    }

    fn is_not(self) -> &'static str {
        match self {
            Unit::Bytes => "is not a size",
            Unit::Millis | Unit::Micros => "is not a time",
            Unit::Count => "is not a whole number",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read() {
        let cases = [
            ("0", 0),
            ("1048576", 1 << 20),
            ("64KiB", 64 << 10),
            ("16MiB", 16 << 20),
            ("1GiB", 1 << 30),
            ("2TiB", 2 << 40),
            ("16MB", 16_000_000),
            ("3kB", 3_000),
            ("3KB", 3_000),
            ("1gib", 1 << 30),
            ("7B", 7),
        ];
        for (text, bytes) in cases {
            assert_eq!(Unit::Bytes.parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn short_times_are_read_and_shown() {
        for (text, us) in [("0", 0), ("250", 250), ("250us", 250), ("2ms", 2_000)] {
            assert_eq!(Unit::Micros.parse(text), Ok(us), "{text}");
        }
        for text in ["1s", "us", "-1", "1.5ms"] {
            assert_eq!(Unit::Micros.parse(text), Err("is not a time"), "{text}");
        }
        let show = |us| Unit::Micros.show(us);
        assert_eq!([0, 250, 2_000].map(show), ["0", "250us", "2ms"]);
    }

    #[test]
    fn times_are_read() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("250ms", 250),
            ("10s", 10_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ];
        for (text, ms) in cases {
            assert_eq!(Unit::Millis.parse(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused_for_what_it_is() {
        for text in [
            "", "MiB", "-1", "+1", "1.5MiB", "1 MiB", "16M", "1MiBs", "١",
        ] {
            assert_eq!(Unit::Bytes.parse(text), Err("is not a size"), "{text}");
        }
        for text in ["", "s", "-1s", "1.5s", "10 s", "10S", "1m30s", "10sec"] {
            assert_eq!(Unit::Millis.parse(text), Err("is not a time"), "{text}");
        }
        for text in ["", "-1", "1k", "1.0"] {
            assert_eq!(
                Unit::Count.parse(text),
                Err("is not a whole number"),
                "{text}"
            );
        }
        assert_eq!(Unit::Millis.parse("25"), Err("is a time without a unit"));
        for text in ["18446744073709551616", "99999999999TiB"] {
            assert_eq!(Unit::Bytes.parse(text), Err("is too large"), "{text}");
        }
    }

    #[test]
    fn the_largest_exact_unit_is_shown() {
        assert_eq!(Unit::Bytes.show(1 << 20), "1MiB");
        assert_eq!(Unit::Bytes.show((1 << 20) + 1), "1048577");
        assert_eq!(Unit::Bytes.show(16_000_000), "15625KiB");
        assert_eq!(Unit::Millis.show(90_000), "90s");
        assert_eq!(Unit::Millis.show(120_000), "2m");
        assert_eq!(Unit::Millis.show(0), "0");
        assert_eq!(Unit::Count.show(4096), "4096");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(n: u64, shift in 0u32..50) {
            for number in [n, n >> shift, (n >> 50) << (shift % 14)] {
                for unit in [Unit::Bytes, Unit::Millis, Unit::Micros, Unit::Count] {
                    prop_assert_eq!(unit.parse(&unit.show(number)), Ok(number));
                }
            }
        }

        #[test]
        fn a_unit_multiplies_exactly_or_is_too_large(n: u64, i in 0..SIZES.len(), t in 0..TIMES.len()) {
            let (name, scale) = SIZES[i];
            let want = u64::try_from(u128::from(n) * u128::from(scale)).map_err(|_| "is too large");
            prop_assert_eq!(Unit::Bytes.parse(&format!("{n}{name}")), want);
            let (name, scale) = TIMES[t];
            let want = u64::try_from(u128::from(n) * u128::from(scale)).map_err(|_| "is too large");
            prop_assert_eq!(Unit::Millis.parse(&format!("{n}{name}")), want);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,12}") {
            for unit in [Unit::Bytes, Unit::Millis, Unit::Micros, Unit::Count] {
                if unit.parse(&text).is_ok() {
                    prop_assert!(text.as_bytes()[0].is_ascii_digit());
                }
            }
        }
    }
}
