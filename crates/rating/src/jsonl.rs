//! JSON Lines of a Graph export, turned into the CSV that everything behind works with.

use crate::columns::Kind;
use crate::layout::column_named;
use crate::wording::{Message, Wording};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An object's fields, their values as they are written: numbers to the last digit.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(64);
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

/// A line that cannot be read: the character, and what is wrong with it.
pub(crate) type Wrong = (Option<usize>, Message);

fn read(line: &[u8]) -> Result<Fields<'_>, Wrong> {
    let text = std::str::from_utf8(line)
        .map_err(|_| (None, Message::fixed("is not UTF-8: save the file as UTF-8", "report-not-utf-8")))?;
    serde_json::from_str(text).map_err(|e| {
        let what = e.to_string();
        let what = what.split(" at line ").next().unwrap_or_default().to_owned();
        let message = format!("no JSON object on a line of its own: {what}");
        let wording = Wording::new("report-no-json", [("why", what.into())]);
        (Some(e.column()), Message::worded(message, wording))
    })
}

/// The names of a line's fields, which say what kind of file it is.
pub(crate) fn names(line: &[u8]) -> Result<Vec<String>, Wrong> {
    Ok(read(line)?.0.into_iter().map(|(name, _)| name.into_owned()).collect())
}

/// Which column a field's name is, remembered from line to line: fields keep their order.
#[derive(Default)]
pub(crate) struct Names(Vec<(String, Option<usize>)>);

impl Names {
    fn column(&mut self, kind: Kind, place: usize, name: &str) -> Option<usize> {
        match self.0.get(place) {
            Some((known, column)) if known == name => *column,
            known => {
                let is_new = known.is_none();
                let column = column_named(kind, name);
                match is_new {
                    true if place == self.0.len() => self.0.push((name.to_owned(), column)),
                    _ => {}
                }
                column
            }
        }
    }
}

/// Appends a line as a CSV record with all columns of its kind in their order, and a line feed.
pub(crate) fn to_csv(line: &[u8], kind: Kind, names: &mut Names, out: &mut Vec<u8>) -> Result<(), Wrong> {
    let fields = read(line)?;
    let mut cells: Vec<Option<&RawValue>> = vec![None; kind.columns().len()];
    for (place, (name, value)) in fields.0.iter().enumerate() {
        if let Some(column) = names.column(kind, place, name)
            && cells[column].replace(value).is_some()
        {
            let wording = Wording::new("report-attribute-twice", [("attribute", name.as_ref().into())]);
            return Err((None, Message::worded(format!("the attribute {name:?} is given twice"), wording)));
        }
    }
    for (i, cell) in cells.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        match cell.map(RawValue::get) {
            None | Some("null") => {}
            Some(text) if text.starts_with('"') => {
                let text: Cow<'_, str> = serde_json::from_str(text).map_err(|e| {
                    let wording = Wording::new("report-no-json-string", [("why", e.to_string().into())]);
                    (None, Message::worded(format!("no JSON string: {e}"), wording))
                })?;
                push_cell(&text, out);
            }
            Some(text) => push_cell(text, out),
        }
    }
    out.push(b'\n');
    Ok(())
}

fn push_cell(text: &str, out: &mut Vec<u8>) {
    if text.contains(['"', ',', '\n', '\r']) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}
