//! An object that is being read: hands out its fields, collects what is wrong with them.

use crate::json::Json;
use crate::text::{closest, required, wrong_type};
use crate::violation::{Violation, Violations, code, segment};

/// The fields of one JSON object, and the violations found in them so far, with pointers from that object.
pub struct Fields<'a> {
    fields: &'a [(String, Json)],
    /// What is wrong so far.
    pub violations: Violations,
}

impl<'a> Fields<'a> {
    /// Opens an object; anything else is a violation: "must be `expected`, not …".
    pub fn of(json: &'a Json, expected: &str) -> Result<Self, Violation> {
        match json {
            Json::Object(fields) => Ok(Fields { fields, violations: Violations::default() }),
            _ => Err(wrong_type(expected, json)),
        }
    }

    /// The field as it stands, blank or not.
    pub fn raw(&self, key: &str) -> Option<&'a Json> {
        self.fields.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The field, unless it is blank: blank is absent.
    pub fn given(&self, key: &str) -> Option<&'a Json> {
        self.raw(key).filter(|value| !value.is_blank())
    }

    /// Whether the field is an explicit `null`.
    pub fn is_null(&self, key: &str) -> bool {
        matches!(self.raw(key), Some(Json::Null))
    }

    /// Notes a violation of a field.
    pub fn refuse(&mut self, key: &str, violations: impl Into<Violations>) {
        self.violations.extend(violations.into().under(&segment(key)));
    }

    /// Reads a field: `None` where it is absent, or wrong, which is noted.
    pub fn optional<T, E: Into<Violations>>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Json) -> Result<T, E>,
    ) -> Option<T> {
        read(self.given(key)?).map_err(|wrong| self.refuse(key, wrong)).ok()
    }

    /// Like [`Fields::optional`], and absence is noted too.
    pub fn required<T, E: Into<Violations>>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Json) -> Result<T, E>,
    ) -> Option<T> {
        if self.given(key).is_none() {
            self.refuse(key, required());
        }
        self.optional(key, read)
    }

    /// Notes every field that is neither in `known` nor in `ignored`, and names the closest known one.
    pub fn refuse_unknown(&mut self, known: &[&str], ignored: &[&str]) {
        for (key, _) in self.fields {
            if self.violations.is_full() {
                break;
            }
            if !known.contains(&key.as_str()) && !ignored.contains(&key.as_str()) {
                let near = closest(key, known.iter().map(|field| (*field, *field)), 1).concat();
                let message = format!("is unknown; did you mean {near}?");
                self.refuse(key, Violation::new("", code::UNKNOWN, message));
            }
        }
    }
}
