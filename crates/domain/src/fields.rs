//! A reader for the fields of a JSON object that collects violations.

use crate::json::Json;
use crate::text::{required, wrong_type};
use crate::violation::{Violation, Violations, segment};

/// The fields of one JSON object, and their violations so far, with pointers relative to that object.
pub struct Fields<'a> {
    fields: &'a [(String, Json)],
    /// The violations so far.
    pub violations: Violations,
}

impl<'a> Fields<'a> {
    /// A reader of a JSON object. Another type is the violation "must be `expected`, not …".
    pub fn of(json: &'a Json, expected: &str) -> Result<Self, Violation> {
        match json {
            Json::Object(fields) => Ok(Fields { fields, violations: Violations::default() }),
            _ => Err(wrong_type(expected, json)),
        }
    }

    /// The field's value, blank or not.
    pub fn raw(&self, key: &str) -> Option<&'a Json> {
        self.fields.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The field's value; `None` if it is absent or blank.
    pub fn given(&self, key: &str) -> Option<&'a Json> {
        self.raw(key).filter(|value| !value.is_blank())
    }

    /// Whether the field is given as `null`.
    pub fn is_null(&self, key: &str) -> bool {
        matches!(self.raw(key), Some(Json::Null))
    }

    /// Adds violations of a field.
    pub fn refuse(&mut self, key: &str, violations: impl Into<Violations>) {
        self.violations.extend(violations.into().under(&segment(key)));
    }

    /// Reads a field; `None` if it is absent, or invalid, which adds its violations.
    pub fn optional<T, E: Into<Violations>>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Json) -> Result<T, E>,
    ) -> Option<T> {
        read(self.given(key)?).map_err(|wrong| self.refuse(key, wrong)).ok()
    }

    /// Reads a field like [`Fields::optional`]; absence is a violation.
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
}
