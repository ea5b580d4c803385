//! Whether runs may be compared: the same scenario with the same load.

use serde_json::Value;

use crate::report::Report;

/// Options that name the server, the output, or how patient one is: they do not change the load.
const NO_LOAD: [&str; 25] = [
    "url",
    "publish-url",
    "dialect",
    "subscribe",
    "subscribed",
    "publish-template",
    "event",
    "namespace",
    "ca",
    "insecure",
    "pid",
    "spawn",
    "spawn-patience",
    "target-cores",
    "json",
    "html",
    "timeout",
    "grace",
    "seed",
    "metrics",
    "metrics-histogram",
    "metrics-only",
    "in-flight",
    "allow-saturated",
    "late",
];

/// What differs between the first run and the others that would make a ratio meaningless: sentences.
pub fn differences(reports: &[Report]) -> Vec<String> {
    let Some((first, others)) = reports.split_first() else {
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::new();
    for other in others {
        if other.scenario != first.scenario {
            found.push(format!("scenario: {}, {}", first.scenario, other.scenario));
            continue;
        }
        let names = first.options.keys().chain(other.options.keys());
        // How many are under way at once is the load where connecting is what is measured.
        let storm = |name: &str| name == "in-flight" && first.scenario == "connect";
        for name in names.filter(|name| storm(name) || !NO_LOAD.contains(&name.as_str())) {
            let (a, b) = (first.options.get(name), other.options.get(name));
            if a != b {
                found.push(format!("--{name}: {}, {}", text(a), text(b)));
            }
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|sentence| seen.insert(sentence.clone()));
    found
}

fn text(value: Option<&Value>) -> String {
    match value {
        None => "not given".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
