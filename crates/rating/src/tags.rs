//! Microsoft's tags as FOCUS has them.

use crate::render::push_text;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// Tags as a JSON object of plain values (FOCUS 1.2, "Key-value format"); Microsoft leaves the braces out now and then. What
/// cannot be read is left out.
pub(crate) fn push_tags(cell: &[u8], object: &mut Vec<u8>, out: &mut Vec<u8>) {
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
