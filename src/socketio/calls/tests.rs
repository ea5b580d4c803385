//! Events as messages, and back through the form that all transports know.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event;

fn message(data: &str, attachments: &[Vec<u8>]) -> String {
    let mut out = Vec::new();
    append_message(data, attachments, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn values_are_copied_as_they_are_written() {
    let cases = [
        (r#"["msg",12,5]"#, r#"{"name":"msg","data":[12,5]}"#),
        (r#"["msg"]"#, r#"{"name":"msg","data":[]}"#),
        (
            " [ \"msg\" , 1.0e+400 , [ 2 ] ]\n",
            r#"{"name":"msg","data":[1.0e+400 , [ 2 ]]}"#,
        ),
        (
            r#"["a]\",[",{"]":"}"}]"#,
            r#"{"name":"a]\",[","data":[{"]":"}"}]}"#,
        ),
        (r#"["\\","\\"]"#, r#"{"name":"\\","data":["\\"]}"#),
        (r#"[5,6]"#, r#"{"name":"5","data":[6]}"#),
        (r#"[-1.5e3]"#, r#"{"name":"-1.5e3","data":[]}"#),
        (r#"["",null]"#, r#"{"name":"","data":[null]}"#),
    ];
    for (data, expected) in cases {
        assert_eq!(message(data, &[]), expected, "{data}");
    }
}

#[test]
fn attachments_are_base64() {
    let data = r#"["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    let args = r#"{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}"#;
    assert_eq!(
        message(data, &[vec![1, 2], vec![]]),
        format!(r#"{{"name":"a","data":[{args}],"attachments":["AQI=",""]}}"#)
    );
}

#[test]
fn names_are_told_decoded_and_arguments_as_they_are() {
    let cases = [
        (r#"["msg",12,5]"#, "msg", "12,5"),
        (r#"["msg"]"#, "msg", ""),
        (r#"[ "msg" ]"#, "msg", ""),
        (r#"["m\u0073g\n", {"a":1} ]"#, "msg\n", r#"{"a":1}"#),
        (r#"[7,8]"#, "7", "8"),
        (r#"["\ud800",8]"#, r#""\ud800""#, "8"),
    ];
    for (data, name, args) in cases {
        assert_eq!(name_and_args(data), (Cow::Borrowed(name), args), "{data}");
    }
}

/// Values of JSON, up to three levels deep.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_message_holds_the_event(
        name: String, args in proptest::collection::vec(values(), 0..4), pretty: bool,
        attachments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..4),
    ) {
        let all: Vec<Value> = std::iter::once(json!(name)).chain(args.clone()).collect();
        let data = match pretty {
            true => serde_json::to_string_pretty(&all).unwrap(),
            false => serde_json::to_string(&all).unwrap(),
        };
        let text = message(&data, &attachments);
        let event = event::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(&*event.name, &name);
        prop_assert_eq!(serde_json::from_slice::<Vec<Value>>(event.data).unwrap(), args.clone());
        prop_assert_eq!(event.attachments.is_some(), !attachments.is_empty());
        let (found, inner) = name_and_args(&data);
        prop_assert_eq!(&*found, &name);
        prop_assert_eq!(serde_json::from_str::<Vec<Value>>(&format!("[{inner}]")).unwrap(), args);
    }
}
