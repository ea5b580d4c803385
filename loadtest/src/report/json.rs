//! JSON, out and in: what fits on a line stays on a line.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{Report, SCHEMA};

/// Longer than this, a value is broken into lines,
const LINE_MAX: usize = 110;
/// but not deeper than this: a slice of time, a curve's points are one line each.
const DEPTH_MAX: usize = 3;

/// A report, or anything else of plain data, as JSON, for programs first, but people can read it too.
pub fn to_json(report: &impl Serialize) -> String {
    let value = serde_json::to_value(report).expect("a report is plain data");
    let mut out = String::new();
    put(&mut out, &value, 0);
    out.push('\n');
    out
}

fn put(out: &mut String, value: &Value, depth: usize) {
    let line = value.to_string();
    let breaks = depth == 0 || (line.len() > LINE_MAX && depth < DEPTH_MAX);
    let (open, close) = match value {
        Value::Object(_) if breaks => ('{', '}'),
        Value::Array(_) if breaks => ('[', ']'),
        _ => return out.push_str(&line),
    };
    out.push(open);
    let mut comma = "";
    let mut next = |out: &mut String, key: Option<&String>, value: &Value| {
        let _ = write!(out, "{comma}\n{:1$}", "", 2 * (depth + 1));
        comma = ",";
        if let Some(key) = key {
            let _ = write!(out, "{}: ", Value::from(key.as_str()));
        }
        put(out, value, depth + 1);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| next(out, Some(k), v)),
        Value::Array(list) => list.iter().for_each(|v| next(out, None, v)),
        _ => {}
    }
    let _ = write!(out, "\n{:1$}{close}", "", 2 * depth);
}

/// Reads a report that was written as JSON.
///
/// # Errors
/// A sentence: the file cannot be read, is no report, or is one of another schema.
pub fn read(path: &Path) -> Result<Report, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {name}: {e}"))?;
    parse(&text).map_err(|why| format!("{name}: {why}"))
}

/// Takes JSON apart.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str) -> Result<Report, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
    match value.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => {}
        Some(schema) => {
            return Err(format!(
                "a report of schema {schema}; this version reads {SCHEMA}"
            ));
        }
        None if value.get("boards").is_some() => {
            return Err(
                "of `versus`, which tells of many runs: a report of one run is expected".to_owned(),
            );
        }
        None => return Err("not a report: it has no \"schema\"".to_owned()),
    }
    serde_json::from_value(value).map_err(|e| format!("not a whole report: {e}"))
}
