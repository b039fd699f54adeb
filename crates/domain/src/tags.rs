//! Key-value pairs that are attached to a customer.

use crate::customer::Handling;
use crate::fields::Fields;
use crate::json::Json;
use crate::text::{filled_line, line, required, string, wrong_type};
use crate::violation::{Violation, Violations, code, segment, shortened};
use serde::Serialize;
use std::collections::HashSet;

/// A tag. A customer has at most [`Tag::MOST`], no two with the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// 1–128 characters after trimming, no control characters. Compared exactly.
    pub key: String,
    /// 0–256 characters after trimming, no control characters.
    pub value: String,
}

impl Tag {
    /// How many tags a customer has at most.
    pub const MOST: usize = 20;
    /// The longest key, in characters.
    pub const LONGEST_KEY: usize = 128;
    /// The longest value, in characters.
    pub const LONGEST_VALUE: usize = 256;

    const FIELDS: [&str; 2] = ["key", "value"];

    /// Reads the array.
    pub(crate) fn read_all(json: &Json, handling: Handling) -> Result<Vec<Tag>, Violations> {
        let Json::Array(elements) = json else {
            return Err(wrong_type("an array of objects with key and value", json).into());
        };
        let mut violations = Violations::default();
        if elements.len() > Self::MOST {
            let message = format!("has {} entries, at most {} are allowed", elements.len(), Self::MOST);
            violations.push(Violation::new("", code::TOO_MANY, message));
        }
        let (mut tags, mut keys) = (Vec::new(), HashSet::new());
        for (i, element) in elements.iter().enumerate() {
            if violations.is_full() {
                break;
            }
            match Tag::read(element, handling) {
                Ok(tag) if !keys.insert(tag.key.clone()) => {
                    let message = format!("repeats {:?}; each key may be given once", shortened(&tag.key));
                    violations.push(Violation::new(format!("/{i}/key"), code::DUPLICATE, message));
                }
                Ok(tag) => tags.push(tag),
                Err(wrong) => violations.extend(wrong.under(&segment(&i.to_string()))),
            }
        }
        if violations.is_empty() { Ok(tags) } else { Err(violations) }
    }

    fn read(json: &Json, handling: Handling) -> Result<Tag, Violations> {
        let mut fields = Fields::of(json, "an object with key and value")?;
        let key =
            fields.required("key", |key| filled_line(string(key)?, Self::LONGEST_KEY).map(str::to_owned));
        // A value alone may be empty, so blank is not absent here.
        let value = match fields.raw("value") {
            None | Some(Json::Null) => Err(required()),
            Some(value) => string(value).and_then(|value| line(value, Self::LONGEST_VALUE)),
        };
        let value = value.map_err(|wrong| fields.refuse("value", wrong)).ok();
        if handling == Handling::Strict {
            fields.refuse_unknown(&Self::FIELDS, &[]);
        }
        match (key, value) {
            (Some(key), Some(value)) if fields.violations.is_empty() => {
                Ok(Tag { key, value: value.to_owned() })
            }
            _ => Err(fields.violations),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<(String, String)>, String> {
        Tag::read_all(&Json::parse(json.as_bytes()).unwrap(), Handling::Strict)
            .map(|tags| tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
            .map_err(|violations| violations.under("/tags").to_string())
    }

    #[test]
    fn legal() {
        for (json, expected) in [
            ("[]", vec![]),
            (r#"[{"key": " a ", "value": " 1 "}]"#, vec![("a", "1")]),
            (r#"[{"key": "a", "value": ""}, {"key": "A", "value": "  "}]"#, vec![("a", ""), ("A", "")]),
        ] {
            let expected = expected.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            assert_eq!(read(json), Ok(expected), "{json}");
        }
    }

    #[test]
    fn illegal() {
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
            (r#"[{"key": "a", "value": "", "valu": 1}]"#, "tags[0].valu is unknown; did you mean value?"),
        ] {
            assert_eq!(read(json), Err(message.to_owned()), "{json}");
        }
    }

    #[test]
    fn limits() {
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
