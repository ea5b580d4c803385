//! Named messages, beside `serde_json`'s own values.

use proptest::prelude::*;
use serde::de::MapAccess;
use serde_json::Value;

use super::*;

fn read(payload: &str) -> Option<(String, String)> {
    let event = parse(payload.as_bytes())?;
    let data = std::str::from_utf8(event.data).unwrap();
    Some((event.name.into_owned(), data.to_owned()))
}

#[test]
fn the_form_is_found_and_its_data_left_as_it_is() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let cases = [
        (r#"{"name":"a","data":1}"#, "a", "1"),
        (r#"{"data":1,"name":"a"}"#, "a", "1"),
        (
            " {\t\"name\" :\r\n\"a\" , \"data\" : [ 1 , 2 ]  }\n",
            "a",
            "[ 1 , 2 ]",
        ),
        (r#"{"name":"a","data":1.0e+400}"#, "a", "1.0e+400"),
        (
            r#"{"name":"a","data":{"z":1,"a":1,"z":2}}"#,
            "a",
            r#"{"z":1,"a":1,"z":2}"#,
        ),
        (r#"{"name":"","data":null}"#, "", "null"),
        (
            r#"{"name":"A\u00e9\n\ud83d\ude00","data":""}"#,
            "Aé\n😀",
            r#""""#,
        ),
        (
            r#"{"n\u0061me":"a","\u0064ata":"\ud800"}"#,
            "a",
            r#""\ud800""#,
        ),
        (r#"{"\u0064ata":1,"\u006eame":"a"}"#, "a", "1"),
        (r#"{"name":"ü","data":"ü"}"#, "ü", r#""ü""#),
    ];
    for (payload, name, data) in cases {
        assert_eq!(read(payload), Some((name.into(), data.into())), "{payload}");
    }
    let payload = format!(r#"{{"name":"a","data":{deep}}}"#);
    assert_eq!(read(&payload).unwrap().1, deep);
}

#[test]
fn what_is_nearly_of_the_form_is_not() {
    let cases = [
        "",
        "{",
        "{}",
        "null",
        "[]",
        r#"["a",1]"#,
        r#""name""#,
        "{\"",
        r#"{"name":"a"}"#,
        r#"{"data":1}"#,
        r#"{"name":"a","data":1,"more":1}"#,
        r#"{"name":"a","data":1,"data":1}"#,
        r#"{"name":"a","name":"a","data":1}"#,
        r#"{"Name":"a","data":1}"#,
        r#"{"name":1,"data":1}"#,
        r#"{"name":null,"data":1}"#,
        r#"{"name":["a"],"data":1}"#,
        r#"{"name":"a","data":}"#,
        r#"{"name":"a","data":1,}"#,
        r#"{"name":"a","data":01}"#,
        r#"{"name":"a","data":.5}"#,
        r#"{"name":"a","data":+1}"#,
        r#"{"name":"a","data":NaN}"#,
        r#"{"name":"a","data":'b'}"#,
        r#"{"name":"a","data":"\x"}"#,
        "{\"name\":\"a\",\"data\":\"\t\"}",
        "{\"name\":\"a\nb\",\"data\":1}",
        r#"{"name":"\ud800","data":1}"#,
        r#"{"name":"\udc00\ud800","data":1}"#,
        r#"{"name":"a","data":[1}"#,
        r#"{"name":"a","data":[}]}"#,
        r#"{"name":"a","data":{1:1}}"#,
        r#"{"name":"a","data":1}x"#,
        r#"{"name":"a","data":1}{}"#,
        r#"{"name":"a" "data":1}"#,
        r#"{name:"a","data":1}"#,
        "\u{feff}{\"name\":\"a\",\"data\":1}",
        "\u{a0}{\"name\":\"a\",\"data\":1}",
        "{\"name\":\"a\",\"data\":1}\0",
        "\u{c}{\"name\":\"a\",\"data\":1}",
    ];
    for payload in cases {
        assert_eq!(read(payload), None, "{payload}");
    }
    for bytes in [
        &b"{\"name\":\"\xff\",\"data\":1}"[..],
        b"{\"name\":\"a\",\"data\":\"\xc3\"}",
    ] {
        assert_eq!(parse(bytes), None);
    }
}

#[test]
fn attachments_are_an_array_beside_the_data() {
    let attached = |payload: &str| {
        let event = parse(payload.as_bytes())?;
        let json = event
            .attachments
            .map(|json| String::from_utf8_lossy(json).into_owned());
        Some((event.name.into_owned(), json))
    };
    let with = |json: &str| Some(("a".to_owned(), Some(json.to_owned())));
    let cases = [
        (
            r#"{"name":"a","data":1,"attachments":["AQI="]}"#,
            with(r#"["AQI="]"#),
        ),
        (
            r#"{ "attachments" : [ 5 ] , "data":1,"name":"a"}"#,
            with("[ 5 ]"),
        ),
        (r#"{"attachments":[],"name":"a","data":1}"#, with("[]")),
        (r#"{"\u0061ttachments":[],"name":"a","data":1}"#, with("[]")),
        (r#"{"name":"a","data":1}"#, Some(("a".to_owned(), None))),
        (r#"{"name":"a","data":1,"attachments":null}"#, None),
        (r#"{"name":"a","data":1,"attachments":"AQI="}"#, None),
        (r#"{"name":"a","data":1,"attachments":{}}"#, None),
        (
            r#"{"name":"a","data":1,"attachments":[],"attachments":[]}"#,
            None,
        ),
        (r#"{"name":"a","attachments":[]}"#, None),
        (r#"{"data":1,"attachments":[]}"#, None),
    ];
    for (payload, expected) in cases {
        assert_eq!(attached(payload), expected, "{payload}");
    }
}

#[test]
fn the_arguments_of_a_listener_are_counted() {
    let cases = [
        ("[]", Some(0)),
        ("[ ]", Some(0)),
        ("[1]", Some(1)),
        (r#"[1,[2,3],{"a":[4,5]},",",null]"#, Some(5)),
        ("[[[[]]]]", Some(1)),
        ("1", None),
        (r#"{"a":1}"#, None),
        (r#""[1,2]""#, None),
        ("null", None),
    ];
    for (data, count) in cases {
        let payload = format!(r#"{{"name":"a","data":{data}}}"#);
        assert_eq!(
            parse(payload.as_bytes()).unwrap().arguments(),
            count,
            "{data}"
        );
    }
    let deep = format!(
        r#"{{"name":"a","data":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    assert_eq!(parse(deep.as_bytes()).unwrap().arguments(), Some(1));
}

/// All members of an object, repeated keys too.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Pairs, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Read)
    }
}

/// The twin: reads everything into values first.
fn by_values(payload: &str) -> Option<(String, Value)> {
    let Pairs(mut pairs) = serde_json::from_str(payload).ok()?;
    pairs.sort_by(|a, b| b.0.cmp(&a.0));
    match <[_; 2]>::try_from(pairs).ok()? {
        [(name, Value::String(text)), (data, value)] if name == "name" && data == "data" => {
            Some((text, value))
        }
        _ => None,
    }
}

/// Objects whose members are often, but not always, the two; at times with a character changed.
fn objects() -> impl Strategy<Value = String> {
    let key = proptest::sample::select(vec![
        r#""name""#,
        r#""data""#,
        r#""n\u0061me""#,
        r#""more""#,
    ]);
    let value = proptest::sample::select(vec![
        r#""a""#,
        r#""\u00e9\"""#,
        "1",
        "-0.5e3",
        "[1, 2]",
        r#"{"name":"b","data":2}"#,
        "null",
        "true",
    ]);
    let blank = proptest::sample::select(vec!["", " ", "\n\t"]);
    let member = (key, value, blank)
        .prop_map(|(key, value, blank)| format!("{key}{blank}:{blank}{value}{blank}"));
    let two = (any::<bool>(), "\"[a-z]{0,3}\"", 0..5usize).prop_map(|(turned, name, n)| {
        let mut members = [format!("\"name\":{name}"), format!("\"data\":{n}")];
        if turned {
            members.reverse();
        }
        members.to_vec()
    });
    let members = prop_oneof![proptest::collection::vec(member, 0..4), two];
    let change = proptest::option::of((
        any::<proptest::sample::Index>(),
        proptest::sample::select(b"{}[],:\"\\ 1ax".to_vec()),
    ));
    (members, change).prop_map(|(members, change)| {
        let mut object = format!("{{{}}}", members.join(",")).into_bytes();
        if let Some((at, byte)) = change {
            let at = at.index(object.len());
            object[at] = byte;
        }
        String::from_utf8(object).unwrap()
    })
}

proptest! {
    #[test]
    fn the_form_is_what_values_say(payload in objects()) {
        let found = read(&payload).map(|(name, data)| (name, serde_json::from_str(&data).unwrap()));
        prop_assert_eq!(found, by_values(&payload));
    }

    #[test]
    fn any_name_comes_back(name in any::<String>(), data in any::<String>(), turned: bool) {
        let (n, d) = (serde_json::json!(name), serde_json::json!(data).to_string());
        let payload = match turned {
            true => format!(r#"{{"data":{d},"name":{n}}}"#),
            false => format!(r#"{{"name":{n},"data":{d}}}"#),
        };
        prop_assert_eq!(read(&payload), Some((name, d)));
    }

    #[test]
    fn data_is_one_value_of_json(data in proptest::collection::vec(
        proptest::sample::select(br#"{}[],:"\ 019.-+eatrulsn"#.to_vec()), 0..6,
    )) {
        let payload = [b"{\"name\":\"a\",\"data\":", &data[..], b"}"].concat();
        let value = serde_json::from_slice::<&RawValue>(&data).ok();
        let found = parse(&payload).map(|event| event.data);
        prop_assert_eq!(found, value.map(|value| value.get().as_bytes()));
    }
}
