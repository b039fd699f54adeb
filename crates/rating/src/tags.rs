//! Microsoft's tags as FOCUS has them.

use crate::render::push_text;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// Tags as a JSON object of plain values (FOCUS 1.2, "Key-value format"); Microsoft leaves the braces out now and then. What
/// cannot be read is left out.
pub(crate) fn push_tags(cell: &[u8], object: &mut Vec<u8>, out: &mut Vec<u8>) {
    match are_texts(cell) {
        true => out.extend_from_slice(cell),
        false => push_parsed(cell, object, out),
    }
}

/// The same, by a JSON parser. `object`: scratch.
fn push_parsed(cell: &[u8], object: &mut Vec<u8>, out: &mut Vec<u8>) {
    object.clear();
    let mut inner = match cell {
        [b'"', inner @ .., b'"'] => inner,
        plain => plain,
    };
    let bare = !inner.trim_ascii_start().starts_with(b"{");
    if bare {
        object.push(b'{');
    }
    // A quote within a cell is doubled.
    while let Some(at) = double_quote(inner) {
        object.extend_from_slice(&inner[..=at]);
        inner = &inner[at + 2..];
    }
    object.extend_from_slice(inner);
    if bare {
        object.push(b'}');
    }
    if !serde_json::from_slice(object).is_ok_and(|Tags(some)| some) {
        return;
    }
    if bare {
        push_text(&String::from_utf8_lossy(object), out);
    } else {
        out.extend_from_slice(cell);
    }
}

/// Whether a cell is an object of texts alone, without an escape: as nearly all are. Such a one needs no JSON parser.
fn are_texts(cell: &[u8]) -> bool {
    let Some(mut rest) = cell.strip_prefix(b"\"{") else { return false };
    loop {
        let value = after_text(rest).and_then(|rest| rest.strip_prefix(b":")).and_then(after_text);
        match value {
            Some([b',', more @ ..]) => rest = more,
            Some(b"}\"") => return true,
            _ => return false,
        }
    }
}

/// What stands behind the text at the beginning, whose quotes are doubled.
fn after_text(cell: &[u8]) -> Option<&[u8]> {
    let text = cell.strip_prefix(b"\"\"")?;
    let (text, rest) = text.split_at_checked(memchr::memchr(b'"', text)?)?;
    let is_plain = text.iter().all(|byte| *byte >= b' ' && *byte != b'\\');
    rest.strip_prefix(b"\"\"").filter(|_| is_plain)
}

fn double_quote(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr(b'"', &text[from..])?;
        if text.get(at + 1) == Some(&b'"') {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Whether an object has any fields. One with objects or arrays in it cannot be read as this.
struct Tags(bool);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of plain values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags, A::Error> {
                let mut some = false;
                while map.next_entry::<IgnoredAny, Plain>()?.is_some() {
                    some = true;
                }
                Ok(Tags(some))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

/// A value that is neither an object nor an array.
struct Plain;

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl Visitor<'_> for Any {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a plain value")
            }

            fn visit_str<E>(self, _: &str) -> Result<Plain, E> {
                Ok(Plain)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Plain, E> {
                Ok(Plain)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Plain, E> {
                Ok(Plain)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Plain, E> {
                Ok(Plain)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Plain, E> {
                Ok(Plain)
            }

            fn visit_unit<E>(self) -> Result<Plain, E> {
                Ok(Plain)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(cell: &[u8]) -> [String; 2] {
        let (mut quick, mut parsed) = (Vec::new(), Vec::new());
        push_tags(cell, &mut Vec::new(), &mut quick);
        push_parsed(cell, &mut Vec::new(), &mut parsed);
        [quick, parsed].map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn as_cell(text: &str) -> String {
        format!("\"{}\"", text.replace('"', "\"\""))
    }

    #[test]
    fn objects_of_texts_are_known_without_a_parser() {
        for (text, are) in [
            (r#"{"env":"prod"}"#, true),
            (r#"{"env":"prod","":"","Ä b":"c,d: {e}"}"#, true),
            (r#"{"env":"prod","#, false),
            (r#"{"env":"prod"},"#, false),
            (r#"{"env":"prod"} "#, false),
            (r#"{"env":}"#, false),
            (r#"{"a":"b" "c":"d"}"#, false),
            (r#"{"a":"b"c"}"#, false),
            ("{\"a\":\"b\tc\"}", false),
            // Those of a parser.
            (r#"{"a": "b"}"#, false),
            (r#"{"a":"b\"c"}"#, false),
            (r#"{"a":1,"b":null}"#, false),
            (r#""env":"prod""#, false),
            ("{}", false),
            ("", false),
        ] {
            assert_eq!(are_texts(as_cell(text).as_bytes()), are, "{text}");
            let [quick, parsed] = both(as_cell(text).as_bytes());
            assert_eq!(quick, parsed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn tags_are_what_a_parser_makes_of_them(
            texts in prop::collection::vec(r#"[a-c":{},\\ \u{1}ä]{0,4}"#, 0..7),
            between in prop::sample::select(vec![r#"":""#, r#"","#, r#"":"","#, r#"": ""#]),
        ) {
            let text = format!("{{\"{}\"}}", texts.join(between));
            let [quick, parsed] = both(as_cell(&text).as_bytes());
            prop_assert_eq!(quick, parsed);
            let pairs = texts.chunks_exact(2).map(|pair| format!("\"{}\":\"{}\"", pair[0], pair[1]));
            let text = format!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
            let [quick, parsed] = both(as_cell(&text).as_bytes());
            prop_assert_eq!(quick, parsed);
        }
    }
}
