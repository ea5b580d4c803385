//! One bound as text: `FIGURE OP NUMBER`, or `FIGURE ratio to FILE OP NUMBER`.

use std::fmt;
use std::str::FromStr;

/// What a figure is held against.
#[derive(Debug, Clone, PartialEq)]
pub enum Against {
    /// The number as it is.
    Itself,
    /// Its ratio to the same figure of another report.
    Ratio(String),
}

/// One bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// The figure's path in the report.
    pub figure: String,
    /// What is held against the limit.
    pub against: Against,
    op: &'static str,
    limit: f64,
}

const OPS: [&str; 6] = ["<=", "<", ">=", ">", "==", "!="];
const EXPECTED: &str = "expected such as \"latency.p99_us <= 5000\" or \"server.cpu_per_delivery_us ratio to base.json <= 1.1\"";

impl Bound {
    /// Whether this value is within it.
    pub fn holds(&self, value: f64) -> bool {
        match self.op {
            "<=" => value <= self.limit,
            "<" => value < self.limit,
            ">=" => value >= self.limit,
            ">" => value > self.limit,
            "==" => value == self.limit,
            _ => value != self.limit,
        }
    }

    /// A value with six digits that matter, or as many as show on which side of the limit it is.
    pub fn show(&self, value: f64) -> f64 {
        let rounded = |digits: usize| -> f64 {
            let text = format!("{value:.digits$e}");
            text.parse().unwrap_or(value)
        };
        let honest = |rounded: &f64| self.holds(*rounded) == self.holds(value);
        (5..16).map(rounded).find(honest).unwrap_or(value)
    }
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Bound, String> {
        let odd = || format!("{text:?}: {EXPECTED}");
        let words: Vec<&str> = text.split_whitespace().collect();
        let (figure, against, op, limit) = match words[..] {
            [figure, op, limit] => (figure, Against::Itself, op, limit),
            [figure, "ratio", "to", file, op, limit] => {
                (figure, Against::Ratio(file.to_owned()), op, limit)
            }
            _ => return Err(odd()),
        };
        let op = OPS.into_iter().find(|known| *known == op).ok_or_else(odd)?;
        let limit: f64 = limit.replace('_', "").parse().map_err(|_| odd())?;
        if !limit.is_finite() {
            return Err(odd());
        }
        Ok(Bound {
            figure: figure.to_owned(),
            against,
            op,
            limit,
        })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.figure)?;
        if let Against::Ratio(file) = &self.against {
            write!(f, " ratio to {file}")?;
        }
        write!(f, " {} {}", self.op, self.limit)
    }
}
