//! Walks over JSON, beside `serde_json`'s own values.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn tokens_are_what_stands_between_blanks_and_colons() {
    use Token::*;
    let json = "{ \"a\\\"]\" : [-1.5e3,true] ,\n\"\":null}";
    let found: Vec<_> = tokens(json).collect();
    let expected = [
        (0, Open(b'{')),
        (2, Word("\"a\\\"]\"")),
        (11, Open(b'[')),
        (12, Word("-1.5e3")),
        (18, Comma),
        (19, Word("true")),
        (23, Close),
        (25, Comma),
        (27, Word("\"\"")),
        (30, Word("null")),
        (34, Close),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_walk_over_anything_ends() {
    for text in [
        "", "\"", "\"\\", "\"é\\", "é", "a:b", "\u{1e}", "}{", "]]", "\"a\\\"", ",",
    ] {
        assert!(tokens(text).count() <= text.len(), "{text}");
        let _ = (
            shape(text.as_bytes()),
            placeholders_fit(text, 1, Judge::Official),
            unquoted(text),
        );
    }
}

#[test]
fn the_last_of_equal_keys_counts_and_what_a_placeholder_holds_does_not() {
    let fits = [
        r#"{"_placeholder":true,"num":0}"#,
        r#"{"num":0,"_placeholder":true}"#,
        r#"{"_placeholder":true,"num":9,"num":-0}"#,
        r#"{"_placeholder":true,"num":9,"_placeholder":1}"#,
        r#"{"_placeholder":"true","num":9}"#,
        r#"{"_placeholder":[true],"num":9}"#,
        r#"{"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":9}}"#,
        r#"["_placeholder",true,"num",9]"#,
        r#"{"x":"_placeholder","num":9}"#,
        r#"{"\ud800":1,"a":"\ud800"}"#,
        "7",
    ];
    let not = [
        r#"{"_placeholder":true,"num":1}"#,
        r#"{"_placeholder":true,"num":0,"num":{}}"#,
        r#"{"_placeholder":true,"num":{"_placeholder":true,"num":0}}"#,
        r#"{"num":{"_placeholder":true,"num":9}}"#,
        r#"{"a":[],"b":{},"_placeholder":true,"n\u0075m":1}"#,
    ];
    for json in fits {
        assert!(
            is_json(json) && placeholders_fit(json, 1, Judge::Official),
            "{json}"
        );
    }
    for json in not {
        assert!(
            is_json(json) && !placeholders_fit(json, 1, Judge::Official),
            "{json}"
        );
    }
}

#[test]
fn depth_and_elements_are_counted() {
    let cases = [
        ("1", (0, 1)),
        ("[]", (1, 1)),
        ("[1,[2,3],4]", (2, 3)),
        (r#"{"a":"[[,","b":[[]]}"#, (3, 2)),
    ];
    for (json, expected) in cases {
        assert_eq!(shape(json.as_bytes()), expected, "{json}");
    }
}

/// What Python's client makes of placeholders, over values: `false` where it raises an exception.
fn snake(value: &Value, count: usize) -> bool {
    let is_true = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
    };
    match value {
        Value::Object(members) => match members.get("num") {
            Some(num) if members.get("_placeholder").is_some_and(is_true) => {
                num.as_u64().is_some_and(|num| num < count as u64)
            }
            _ => members.values().all(|value| snake(value, count)),
        },
        Value::Array(elements) => elements.iter().all(|value| snake(value, count)),
        _ => true,
    }
}

/// What the official parser makes of placeholders, over values: `false` where it throws.
fn twin(value: &Value, count: usize) -> bool {
    match value {
        Value::Object(members) if members.get("_placeholder") == Some(&Value::Bool(true)) => {
            let num = members.get("num").and_then(Value::as_f64);
            num.is_some_and(|num| num >= 0.0 && num < count as f64 && num.fract() == 0.0)
        }
        Value::Object(members) => members.values().all(|value| twin(value, count)),
        Value::Array(elements) => elements.iter().all(|value| twin(value, count)),
        _ => true,
    }
}

/// Values in which much stands for attachments, or nearly.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Bool(true)),
        (0..3).prop_map(Value::from),
        Just(Value::from("num")),
        Just(Value::from(0.5)),
    ];
    let key = proptest::sample::select(vec!["_placeholder", "num", "a"]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let members = proptest::collection::vec((key.clone(), inner.clone()), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|pairs| Value::Object(
                pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

fn depth(value: &Value) -> usize {
    let below = |depths: &mut dyn Iterator<Item = usize>| 1 + depths.max().unwrap_or(0);
    match value {
        Value::Object(members) => below(&mut members.values().map(depth)),
        Value::Array(elements) => below(&mut elements.iter().map(depth)),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn placeholders_fit_where_values_say_so(value in values(), count in 0..3usize, pretty: bool) {
        let json = match pretty {
            true => serde_json::to_string_pretty(&value).unwrap(),
            false => value.to_string(),
        };
        let judged = |judge| placeholders_fit(&json, count, judge);
        prop_assert_eq!(judged(Judge::Official), twin(&value, count), "{}", json);
        let all = judged(Judge::Everyone);
        prop_assert!(!all || twin(&value, count) && snake(&value, count), "{}", json);
        let elements = match &value {
            Value::Object(members) => members.len().max(1),
            Value::Array(elements) => elements.len().max(1),
            _ => 1,
        };
        prop_assert_eq!(shape(json.as_bytes()), (depth(&value), elements));
    }
}
