//! Statements whose conditions depend on what was asked for.

use crate::engine::value::Arg;
use domain::PartnerId;
use std::fmt::Write;

/// A statement under construction, and the values of its `$1`, `$2`, …
pub(crate) struct Query {
    pub(crate) sql: String,
    values: Vec<Value>,
}

pub(crate) enum Value {
    Text(String),
    Int(i64),
    Bool(bool),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}
impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl Query {
    /// `sql` goes up to `partner_id = $1`.
    pub(crate) fn new(sql: String, partner: PartnerId) -> Self {
        Query { sql, values: vec![Value::Int(partner.0)] }
    }

    /// Add text, and behind it a value.
    pub(crate) fn push(&mut self, sql: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let _ = write!(self.sql, "{sql}${}", self.values.len());
    }

    /// Add a condition that ends with a value.
    pub(crate) fn and(&mut self, sql: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.push(sql, value);
    }

    /// Add the condition that a column is one of these numbers. They become part of the text, so they must not be a caller's.
    pub(crate) fn and_in(&mut self, column: &str, numbers: impl IntoIterator<Item = i64>) {
        let _ = write!(self.sql, " AND {column} IN (");
        let mut separator = "";
        for number in numbers {
            let _ = write!(self.sql, "{separator}{number}");
            separator = ", ";
        }
        self.sql.push_str(if separator.is_empty() { "NULL)" } else { ")" });
    }

    /// Add the condition that a column is one of these numbers, of which there is at least one.
    pub(crate) fn and_any(&mut self, column: &str, numbers: impl IntoIterator<Item = i64>) {
        let _ = write!(self.sql, " AND {column} IN (");
        let mut separator = "";
        for number in numbers {
            self.push(separator, number);
            separator = ", ";
        }
        self.sql.push(')');
    }

    /// Add the condition that a column of folded names contains `part`.
    pub(crate) fn and_contains(&mut self, column: &str, part: &str) {
        let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        self.and(&format!("{column} LIKE "), format!("%{escaped}%"));
        self.sql.push_str(" ESCAPE '\\'");
    }

    pub(crate) fn args(&self) -> Vec<Arg<'_>> {
        self.values
            .iter()
            .map(|value| match value {
                Value::Text(text) => Arg::from(text),
                Value::Int(number) => Arg::from(*number),
                Value::Bool(truth) => Arg::from(*truth),
            })
            .collect()
    }
}
