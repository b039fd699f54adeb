//! A JSON text, read with the order of its fields, its duplicate keys and its syntax errors.

use crate::json_diagnostics;
use crate::violation::{Violation, Violations, code, segment};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use std::collections::{BTreeSet, HashSet};
use std::fmt;

/// A JSON value (RFC 8259). Unlike [`serde_json::Value`] it keeps the order of fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number
    Number(Number),
    /// A string
    String(String),
    /// An array
    Array(Vec<Json>),
    /// An object, in the order given
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a body: UTF-8, a byte order mark at its beginning ignored (RFC 8259, section 8.1), nested at most 127
    /// deep.
    ///
    /// # Errors
    /// One violation of code `malformed` per syntax error that can be found: pointer `""`, line and column in characters
    /// from 1, and in the message what belongs there. One violation of code `duplicate` per key that an object has more
    /// than once.
    pub fn parse(body: &[u8]) -> Result<Json, Violations> {
        let text =
            std::str::from_utf8(body).map_err(|e| json_diagnostics::not_utf8(body, e.valid_up_to()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let json = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(first) => return Err(json_diagnostics::diagnose(text, first)),
        };
        let duplicates = duplicates(&json);
        if duplicates.is_empty() { Ok(json) } else { Err(duplicates) }
    }

    /// Converts it to a [`serde_json::Value`]; of a duplicate key, the last value is kept.
    pub fn to_value(&self) -> Value {
        match self {
            Json::Null => Value::Null,
            Json::Bool(bool) => Value::Bool(*bool),
            Json::Number(number) => Value::Number(number.clone()),
            Json::String(text) => Value::String(text.clone()),
            Json::Array(elements) => elements.iter().map(Json::to_value).collect(),
            Json::Object(fields) => {
                fields.iter().map(|(key, value)| (key.clone(), value.to_value())).collect()
            }
        }
    }

    /// The canonical text, equal for all JSON texts of the same value: no white space, members sorted by name, numbers by
    /// value (`1.0` and `1` are equal).
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        self.write_canonical(&mut text);
        text
    }

    fn write_canonical(&self, text: &mut String) {
        let quoted = |name: &str| Value::from(name).to_string();
        match self {
            Json::Null => text.push_str("null"),
            Json::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
            Json::Number(number) => text.push_str(&canonical_number(number)),
            Json::String(string) => text.push_str(&quoted(string)),
            Json::Array(elements) => {
                text.push('[');
                for (i, element) in elements.iter().enumerate() {
                    text.push_str(if i == 0 { "" } else { "," });
                    element.write_canonical(text);
                }
                text.push(']');
            }
            Json::Object(members) => {
                let mut members: Vec<&(String, Json)> = members.iter().collect();
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                text.push('{');
                for (i, (name, value)) in members.into_iter().enumerate() {
                    text.push_str(if i == 0 { "" } else { "," });
                    text.push_str(&quoted(name));
                    text.push(':');
                    value.write_canonical(text);
                }
                text.push('}');
            }
        }
    }

    /// Whether it counts as absent: `null`, a string that is empty or only white space, or an object whose fields are all
    /// blank.
    pub fn is_blank(&self) -> bool {
        match self {
            Json::Null => true,
            Json::String(text) => text.trim().is_empty(),
            Json::Object(fields) => fields.iter().all(|(_, value)| value.is_blank()),
            Json::Bool(_) | Json::Number(_) | Json::Array(_) => false,
        }
    }

    /// An object's field; `None` if the object does not have it or the value is not an object.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(fields) => fields.iter().find(|(known, _)| known == key).map(|(_, value)| value),
            _ => None,
        }
    }

    fn is_container(&self) -> bool {
        matches!(self, Json::Array(_) | Json::Object(_))
    }

    /// The JSON type as messages name it: "a string".
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

/// The canonical text of a number: without a fraction if it is a whole number that a double holds exactly.
fn canonical_number(number: &Number) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    match number.as_f64() {
        Some(double) if number.is_f64() && double.fract() == 0.0 && double.abs() <= EXACT => {
            (double as i64).to_string()
        }
        _ => number.to_string(),
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Json::Null,
            Value::Bool(bool) => Json::Bool(*bool),
            Value::Number(number) => Json::Number(number.clone()),
            Value::String(text) => Json::String(text.clone()),
            Value::Array(elements) => Json::Array(elements.iter().map(Json::from).collect()),
            Value::Object(fields) => {
                Json::Object(fields.iter().map(|(key, value)| (key.clone(), value.into())).collect())
            }
        }
    }
}

/// A violation for each key that an object gives more than once.
pub(crate) fn duplicates(json: &Json) -> Violations {
    let mut violations = Violations::default();
    note_duplicates(json, &mut String::new(), &mut violations);
    violations
}

/// Collects duplicate keys. The pointer is one buffer that grows and shrinks with the depth, because a copy for each value
/// under a long key would cost the product of their lengths.
fn note_duplicates(json: &Json, pointer: &mut String, violations: &mut Violations) {
    let length = pointer.len();
    match json {
        _ if violations.is_full() => {}
        Json::Array(elements) => {
            for (i, element) in elements.iter().enumerate().filter(|(_, element)| element.is_container()) {
                pointer.push_str(&format!("/{i}"));
                note_duplicates(element, pointer, violations);
                pointer.truncate(length);
            }
        }
        Json::Object(fields) => {
            for key in given_twice(fields) {
                let pointer = format!("{pointer}{}", segment(key));
                violations.push(Violation::new(pointer, code::DUPLICATE, "is given more than once"));
            }
            for (key, value) in fields.iter().filter(|(_, value)| value.is_container()) {
                pointer.push_str(&segment(key));
                note_duplicates(value, pointer, violations);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

fn given_twice(fields: &[(String, Json)]) -> BTreeSet<&str> {
    if fields.len() <= 16 {
        // Comparing so few keys pairwise is faster than hashing them.
        let again =
            fields.iter().enumerate().filter(|(i, (key, _))| fields[..*i].iter().any(|(k, _)| k == key));
        return again.map(|(_, (key, _))| key.as_str()).collect();
    }
    let mut seen = HashSet::new();
    fields.iter().map(|(key, _)| key.as_str()).filter(|key| !seen.insert(*key)).collect()
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Json, E> {
        Ok(Json::Bool(bool))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        // JSON has no numbers that are none; the parser has refused what is out of range.
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn blank_values_are_recognized() {
        for (json, blank) in [
            (json!(null), true),
            (json!(""), true),
            (json!(" \t\u{a0}\u{3000}"), true),
            (json!({}), true),
            (json!({"a": null, "b": {"c": " "}}), true),
            (json!({"a": false}), false),
            (json!({"a": []}), false),
            (json!([]), false),
            (json!(0), false),
            (json!("\u{200b}"), false),
        ] {
            assert_eq!(Json::from(&json).is_blank(), blank, "{json}");
        }
    }

    #[test]
    fn the_order_of_fields_is_kept() {
        let Ok(Json::Object(fields)) = Json::parse(br#"{"b": 1, "a": 2}"#) else { panic!() };
        assert_eq!(fields.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn equal_values_have_equal_canonical_texts() {
        let canonical = |text: &str| Json::parse(text.as_bytes()).unwrap().canonical();
        for (one, other) in [
            (r#"{"a": 1, "b": {"d": [1, 2], "c": null}}"#, "{\"b\":{\"c\":null,\"d\":[1,2]},\r\n\"a\":1}"),
            (r#"{"a": 1}"#, r#"{"a": 1.0}"#),
            (r#"[1e3, -0.0, 12.50, 0]"#, r#"[1000, 0, 1.25E1, -0]"#),
            (r#"["\u00e9\/"]"#, r#"["é/"]"#),
            ("{}", " { } "),
        ] {
            assert_eq!(canonical(one), canonical(other), "{one}");
        }
        for (one, other) in [
            ("[1, 2]", "[2, 1]"),
            (r#"{"a": "1"}"#, r#"{"a": 1}"#),
            (r#"{"a": null}"#, "{}"),
            ("[9007199254740993]", "[9007199254740992]"),
            (r#"["a,b"]"#, r#"["a", "b"]"#),
            ("[1.5]", "[1.25]"),
        ] {
            assert_ne!(canonical(one), canonical(other), "{one}");
        }
    }

    fn many(fields: usize) -> String {
        (0..fields).map(|number| format!("\"{number}\": 0, ")).collect()
    }

    #[test]
    fn duplicate_keys_are_violations() {
        for (body, pointers) in [
            (r#"{"a": 1, "b": 2, "a": 1}"#, vec!["/a"]),
            (r#"{"a": 1, "a": 1, "a": 1, "": 0, "": 0}"#, vec!["/", "/a"]),
            (r#"[{"x/y": {"m~n": 0, "m~n": 0}}, {"z": 0, "z": 1}]"#, vec!["/0/x~1y/m~0n", "/1/z"]),
            (r#"{"a": 1, "\u0061": 1}"#, vec!["/a"]),
            (&format!("{{{}\"b\": 0, \"17\": 0}}", many(30)), vec!["/17"]),
        ] {
            let violations = Json::parse(body.as_bytes()).unwrap_err();
            assert_eq!(violations.iter().map(|v| v.pointer.as_str()).collect::<Vec<_>>(), pointers, "{body}");
            assert!(violations.iter().all(|v| v.code == code::DUPLICATE));
        }
        assert!(Json::parse(br#"[{"a": 1}, {"a": 1, "A": {"a": 1}}]"#).is_ok());
    }

    #[test]
    fn invalid_utf_8_is_located_and_a_byte_order_mark_ignored() {
        for (body, line, column) in [
            (&b"{\"a\": \"\xff\"}"[..], 1, 8),
            (b"{\n\"\xc3\xa9\xc3\xa9\": \"\xe9\"}", 2, 8),
            (b"\xff\xfe{\0}\0", 1, 1),
        ] {
            let violations = Json::parse(body).unwrap_err();
            let places: Vec<_> = violations.iter().map(|v| (v.line, v.column)).collect();
            assert_eq!(places, [(Some(line), Some(column))]);
        }
        assert_eq!(Json::parse(b"\xef\xbb\xbf{}"), Ok(Json::Object(vec![])));
    }

    /// The seed's first request sample, to the byte.
    const SEED: &str = r#"{
 "name":"abc company",
 "azure_customer_id":"34fdg",
 "classification":"managed_with_access",
 "trial_expiration_date":"date",

 "billing_contact":"abc",
 "partner_billing_configuration":{
  "enabled":true,
  "folder":"",
 }
 "tags": [{
         "key": "customer_id", "value": "973532"
         },
        {
    "key": "service_package", "value": "basic_managed"
     }]
}"#;

    #[test]
    fn the_first_sample_of_the_seed_is_corrected_by_one_answer() {
        let violations = Json::parse(SEED.as_bytes()).unwrap_err();
        assert_eq!(
            violations.to_string(),
            "line 10, column 14: remove this comma: only } follows; \
             line 11, column 3: put a comma here, before \"tags\""
        );
        assert!(violations.iter().all(|v| v.code == code::MALFORMED && v.pointer.is_empty()));

        let mut lines: Vec<String> = SEED.lines().map(str::to_owned).collect();
        assert_eq!(lines[9].remove(14 - 1), ',');
        lines[10].insert(3 - 1, ',');
        let body = Json::parse(lines.join("\n").as_bytes()).unwrap();

        let now = "2016-09-15T18:17:04Z".parse().unwrap();
        let refused = crate::NewCustomer::parse(&body, now, crate::Handling::Strict).unwrap_err();
        let pointers: Vec<_> = refused.violations.iter().map(|v| (v.pointer.as_str(), v.code)).collect();
        assert_eq!(
            pointers,
            [("/trial_expiration_date", code::INVALID), ("/billing_contact", code::INVALID)]
        );
        assert_eq!(refused.azure_customer_id.unwrap().as_str(), "34fdg");
    }

    #[test]
    fn deep_nesting_is_rejected() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let body = |depth| format!("{}0{}", open.repeat(depth), close.repeat(depth));
            assert!(Json::parse(body(127).as_bytes()).is_ok());
            for depth in [128, 5_000, 100_000] {
                let violations = Json::parse(body(depth).as_bytes()).unwrap_err();
                assert!(violations.to_string().contains("nested too deeply"), "{violations}");
            }
            let unclosed = Json::parse(open.repeat(5_000).as_bytes()).unwrap_err();
            assert!(unclosed.to_string().contains("nested too deeply"), "{unclosed}");
        }
    }

    #[test]
    fn large_hostile_bodies_get_small_responses() {
        let (mib, half) = (1 << 20, 1 << 19);
        let key = "k".repeat(half);
        for body in [
            "[1,,".repeat(mib / 4),
            "[1,".repeat(mib / 3),
            format!("[{}", "1,".repeat(half)),
            "'a',".repeat(mib / 4),
            format!("\"{}", "\n".repeat(mib)),
            format!("[{}]", r#""\q","#.repeat(mib / 5)),
            format!("{{{}}}", r#""a":0,"a":0,"#.repeat(mib / 12)),
            format!(r#"{{"{key}": [{{"a":0,"a":0}}{}]}}"#, r#",{"a":0,"a":0}"#.repeat(half / 14)),
            format!(r#"{{"{key}": 0, "{key}": 0}}"#),
            format!("{{{key}"),
            format!("'{key}"),
            key.clone(),
        ] {
            let violations = Json::parse(body.as_bytes()).unwrap_err();
            assert!(!violations.is_empty());
            assert!(violations.iter().all(|v| v.message.len() < 400), "{violations:?}");
            assert!(violations.iter().map(|v| v.pointer.len()).sum::<usize>() <= 65_536 + half);
        }
    }

    /// Texts that are nearly JSON: pieces of it in any order.
    fn nearly_json() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"é\"",
            "'",
            "“",
            "\\",
            "\\u",
            "\\ud800",
            "\n",
            " ",
            "\t",
            "/",
            "//",
            "/*",
            "*/",
            "1",
            "0",
            "01",
            "-",
            ".",
            "1e400",
            "e",
            "true",
            "tru",
            "True",
            "null",
            "abc",
            "é",
            "=",
            ";",
            "😀",
            "\"a\":",
            "\"b\": {\"c\": [1, 2]}",
        ]);
        prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
    }

    fn agrees_with_serde_json(body: &[u8]) -> Result<(), TestCaseError> {
        let judge = serde_json::from_slice::<Value>(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
        match (Json::parse(body), judge) {
            (Ok(json), Ok(value)) => {
                prop_assert_eq!(json.to_value(), value.clone());
                prop_assert_eq!(Json::from(&value).to_value(), value);
            }
            (Err(violations), Ok(_)) => prop_assert!(violations.iter().all(|v| v.code == code::DUPLICATE)),
            (Err(violations), Err(_)) => {
                prop_assert!(violations.iter().any(|v| v.code == code::MALFORMED));
                let lines = body.iter().filter(|b| **b == b'\n').count() + 1;
                for error in violations.iter().filter(|v| v.code == code::MALFORMED) {
                    let (line, column) = (error.line.unwrap(), error.column.unwrap());
                    prop_assert!((1..=lines).contains(&line) && (1..=body.len() + 1).contains(&column));
                }
            }
            (Ok(json), Err(e)) => prop_assert!(false, "{:?} in spite of {}", json, e),
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..64)) {
            agrees_with_serde_json(&body)?;
        }

        #[test]
        fn any_text(body in "\\PC{0,40}") {
            agrees_with_serde_json(body.as_bytes())?;
        }

        #[test]
        fn anything_like_json(body in nearly_json()) {
            agrees_with_serde_json(body.as_bytes())?;
        }

        #[test]
        fn the_seed_cut_or_with_a_piece_put_in(at in 0..SEED.len(), piece in nearly_json()) {
            agrees_with_serde_json(&SEED.as_bytes()[..at])?;
            agrees_with_serde_json(format!("{}{piece}{}", &SEED[..at], &SEED[at..]).as_bytes())?;
        }
    }
}
