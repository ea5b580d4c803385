//! Every number of a report by its path: what `compare` compares and `gate` bounds.

use indexmap::IndexMap;
use serde_json::Value;

use super::Report;

/// Parts of a report that are no figures.
const NO_FIGURES: [&str; 4] = ["schema", "environment", "curves", "timeline"];

/// Every number by its path, such as `latency.all.p99_us`; `None` for one that was not measured.
pub fn numbers(report: &Report) -> IndexMap<String, Option<f64>> {
    let value = serde_json::to_value(report).expect("a report is plain data");
    let mut all = IndexMap::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        if !NO_FIGURES.contains(&name.as_str()) {
            gather(name, value, &mut all);
        }
    }
    all
}

fn gather(path: &str, value: &Value, all: &mut IndexMap<String, Option<f64>>) {
    match value {
        Value::Number(n) => {
            all.insert(path.to_owned(), n.as_f64());
        }
        Value::Null => {
            all.insert(path.to_owned(), None);
        }
        // A figure: its number stands for it.
        Value::Object(map) if path.starts_with("figures.") && map.contains_key("value") => {
            all.insert(path.to_owned(), map["value"].as_f64());
        }
        Value::Object(map) => map
            .iter()
            .for_each(|(name, value)| gather(&format!("{path}.{name}"), value, all)),
        _ => {}
    }
}

/// One number. `latency.p99_us` is short for `latency.all.p99_us`.
///
/// # Errors
/// A sentence: there is no such figure, or it was not measured.
pub fn number(all: &IndexMap<String, Option<f64>>, name: &str) -> Result<f64, String> {
    let whole = || {
        let rest = name.strip_prefix("latency.")?;
        all.get(&format!("latency.all.{rest}"))
    };
    match all.get(name).or_else(whole) {
        Some(Some(value)) => Ok(*value),
        Some(None) => Err(format!("{name} was not measured in this run")),
        None => Err(unknown(all, name)),
    }
}

fn unknown(all: &IndexMap<String, Option<f64>>, name: &str) -> String {
    if name.starts_with("server.") && all.contains_key("server") {
        return format!("{name} was not measured: the run was made without --pid or --spawn");
    }
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let alike: Vec<&str> = all
        .keys()
        .filter(|path| last(path) == last(name))
        .map(String::as_str)
        .collect();
    match alike.is_empty() {
        true => format!("there is no figure {name}"),
        false => format!("there is no figure {name}; there is {}", alike.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::full;

    #[test]
    fn a_figure_is_found_by_its_path() {
        let all = numbers(&full());
        assert_eq!(number(&all, "measured.deliveries"), Ok(5e6));
        assert_eq!(number(&all, "verdict.lost"), Ok(0.0));
        assert_eq!(number(&all, "figures.slope_bytes"), Ok(172.0));
        assert_eq!(number(&all, "options.size"), Ok(128.0));
        let p99 = number(&all, "latency.all.p99_us").unwrap();
        assert_eq!(number(&all, "latency.p99_us"), Ok(p99));
    }

    #[test]
    fn what_is_not_there_is_told_from_what_was_not_measured() {
        let mut report = full();
        let error = |report: &Report, name| number(&numbers(report), name).unwrap_err();
        assert!(error(&report, "figures.nothing_us").contains("was not measured"));
        let text = error(&report, "latency.any.p99_us");
        assert!(
            text.contains("no figure latency.any.p99_us; there is latency.all.p99_us"),
            "{text}"
        );
        assert_eq!(error(&report, "x"), "there is no figure x");
        report.server = None;
        assert!(error(&report, "server.cpu_per_delivery_us").contains("without --pid"));
    }
}
