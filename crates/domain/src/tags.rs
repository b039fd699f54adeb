//! Tags: key-value pairs of a customer.

use crate::fields::Fields;
use crate::json::Json;
use crate::text::{filled_line, line, required, string, wrong_type};
use crate::violation::{Violation, Violations, code, segment, shortened};
use serde::Serialize;
use std::collections::HashSet;

/// A tag. A customer has at most [`Tag::MAX_COUNT`], no two with the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// 1–128 characters after trimming, no control characters. Compared exactly.
    pub key: String,
    /// 0–256 characters after trimming, no control characters.
    pub value: String,
}

impl Tag {
    /// The maximum number of tags of a customer.
    pub const MAX_COUNT: usize = 20;
    /// The maximum length of a key in characters.
    pub const MAX_KEY_LENGTH: usize = 128;
    /// The maximum length of a value in characters.
    pub const MAX_VALUE_LENGTH: usize = 256;

    /// Reads an array of tags, or an object whose members are the tags.
    pub(crate) fn read_all(json: &Json) -> Result<Vec<Tag>, Violations> {
        let members: Vec<Json>;
        let given: &[(String, Json)];
        let elements = match json {
            Json::Array(elements) => {
                given = &[];
                elements
            }
            Json::Object(fields) => {
                not_wrapped(fields)?;
                let tag = |(key, value): &(String, Json)| {
                    let key = ("key".to_owned(), Json::String(key.clone()));
                    Json::Object(vec![key, ("value".to_owned(), value.clone())])
                };
                members = fields.iter().map(tag).collect();
                given = fields;
                &members
            }
            _ => return Err(wrong_type("an array of objects with key and value", json).into()),
        };
        // The pointer of a part of a tag; in an object, key and value of a tag are one member.
        let place = |i: usize, part: &str| match given.get(i) {
            Some((key, _)) => segment(key),
            None => format!("/{i}{part}"),
        };
        let mut violations = Violations::default();
        if elements.len() > Self::MAX_COUNT {
            let message = format!("has {} entries, at most {} are allowed", elements.len(), Self::MAX_COUNT);
            let values: [(_, &dyn std::fmt::Display); 2] =
                [("has", &elements.len()), ("max", &Self::MAX_COUNT)];
            violations.push(Violation::new("", code::TOO_MANY, message).because("too-many", &values));
        }
        let (mut tags, mut keys) = (Vec::new(), HashSet::new());
        for (i, element) in elements.iter().enumerate() {
            if violations.is_full() {
                break;
            }
            match Tag::read(element) {
                Ok(tag) if !keys.insert(tag.key.clone()) => {
                    let key = shortened(&tag.key);
                    let message = format!("repeats {key:?}; each key may be given once");
                    let violation = Violation::new(place(i, "/key"), code::DUPLICATE, message);
                    violations.push(violation.because("tag-repeated", &[("key", &key)]));
                }
                Ok(tag) => tags.push(tag),
                Err(wrong) => violations
                    .extend(wrong.into_iter().map(|v| Violation { pointer: place(i, &v.pointer), ..v })),
            }
        }
        if violations.is_empty() { Ok(tags) } else { Err(violations) }
    }

    fn read(json: &Json) -> Result<Tag, Violations> {
        let mut fields = Fields::of(json, "an object with key and value")?;
        let key =
            fields.required("key", |key| filled_line(string(key)?, Self::MAX_KEY_LENGTH).map(str::to_owned));
        // A blank value counts as given, because the value of a tag may be empty.
        let value = match fields.raw("value") {
            None | Some(Json::Null) => Err(required()),
            Some(Json::Number(number)) => Ok(number.to_string()),
            Some(value) => {
                string(value).and_then(|value| line(value, Self::MAX_VALUE_LENGTH)).map(str::to_owned)
            }
        };
        let value = value.map_err(|wrong| fields.refuse("value", wrong)).ok();
        match (key, value) {
            (Some(key), Some(value)) if fields.violations.is_empty() => Ok(Tag { key, value }),
            _ => Err(fields.violations),
        }
    }
}

/// Rejects an object in place of the array: a single tag, or the object that `ConvertTo-Json` of PowerShell 5.1 writes for
/// an array with a property.
fn not_wrapped(fields: &[(String, Json)]) -> Result<(), Violation> {
    let has = |name: &str| fields.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let array = |name: &str| {
        fields.iter().any(|(key, value)| key.eq_ignore_ascii_case(name) && matches!(value, Json::Array(_)))
    };
    let message = if has("Count") && array("value") {
        "must be an array, but is what PowerShell makes of one, an object with value and Count: send the array that is \
         its value, such as by @($tags | ForEach-Object { $_ })"
    } else if has("key")
        && fields.iter().all(|(key, _)| ["key", "value"].contains(&key.to_lowercase().as_str()))
    {
        "must be an array, but is one tag: wrap it in [ ]"
    } else {
        return Ok(());
    };
    Err(Violation::new("", code::WRONG_TYPE, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<(String, String)>, String> {
        Tag::read_all(&Json::parse(json.as_bytes()).unwrap())
            .map(|tags| tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
            .map_err(|violations| violations.under("/tags").to_string())
    }

    #[test]
    fn valid_tags_are_read() {
        for (json, expected) in [
            ("[]", vec![]),
            (r#"[{"key": " a ", "value": " 1 "}]"#, vec![("a", "1")]),
            (r#"[{"key": "a", "value": ""}, {"key": "A", "value": "  "}]"#, vec![("a", ""), ("A", "")]),
            (
                r#"[{"key": "a", "value": 973532}, {"key": "b", "value": 1.5}]"#,
                vec![("a", "973532"), ("b", "1.5")],
            ),
            (r#"{"a": "b", "c": 1, "d": ""}"#, vec![("a", "b"), ("c", "1"), ("d", "")]),
        ] {
            let expected = expected.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            assert_eq!(read(json), Ok(expected), "{json}");
        }
    }

    #[test]
    fn invalid_tags_are_rejected() {
        for (json, message) in [
            (r#""a""#, "tags must be an array of objects with key and value, not a string"),
            ("[null]", "tags[0] must be an object with key and value, not null"),
            ("[{}]", "tags[0].key is required; tags[0].value is required"),
            (r#"[{"key": "a"}]"#, "tags[0].value is required"),
            (r#"[{"key": "a", "value": null}]"#, "tags[0].value is required"),
            (r#"[{"key": "  ", "value": "x"}]"#, "tags[0].key is required"),
            (
                r#"[{"key": 1, "value": true}]"#,
                "tags[0].key must be a string, not a number; tags[0].value must be a string, not a boolean",
            ),
            (
                r#"[{"key": "a", "value": ""}, {"key": " a", "value": ""}]"#,
                "tags[1].key repeats \"a\"; each key may be given once",
            ),
            (r#"{"key": "a", "value": "b"}"#, "tags must be an array, but is one tag: wrap it in [ ]"),
            (r#"{"Key": "a", "Value": "b"}"#, "tags must be an array, but is one tag: wrap it in [ ]"),
            (
                r#"{"value": [{"key": "a", "value": "b"}], "Count": 1}"#,
                "tags must be an array, but is what PowerShell makes of one, an object with value and Count: send the \
                 array that is its value, such as by @($tags | ForEach-Object { $_ })",
            ),
            (
                r#"{"a": {"b": "c"}, " ": "x", "k": "", " k": ""}"#,
                "tags.a must be a string, not an object; tags.  is required; \
                 tags. k repeats \"k\"; each key may be given once",
            ),
        ] {
            assert_eq!(read(json), Err(message.to_owned()), "{json}");
        }
    }

    #[test]
    fn number_and_length_of_tags_are_limited() {
        let tags = |n: usize| {
            let tags: Vec<_> = (0..n).map(|i| format!(r#"{{"key": "{i}", "value": "x"}}"#)).collect();
            read(&format!("[{}]", tags.join(","))).map(|tags| tags.len())
        };
        assert_eq!(tags(20), Ok(20));
        assert_eq!(tags(21), Err("tags has 21 entries, at most 20 are allowed".to_owned()));

        let sized = |key: usize, value: usize| {
            read(&format!(r#"[{{"key": "{}", "value": "{}"}}]"#, "é".repeat(key), "é".repeat(value)))
                .map(|_| ())
        };
        assert_eq!(sized(128, 256), Ok(()));
        assert_eq!(
            sized(129, 257),
            Err("tags[0].key has 129 characters, at most 128 are allowed; \
                 tags[0].value has 257 characters, at most 256 are allowed"
                .to_owned())
        );
    }
}
