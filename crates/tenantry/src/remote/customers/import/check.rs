//! Whether a file can be imported: every row, before anything is sent.

use super::UpdateBy;
use super::columns::Columns;
use super::rows::{Row, Rows};
use domain::{AzureCustomerId, DisplayName, Handling, Json, NewCustomer, code};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The largest body that servers take, in bytes.
const MAX_BODY: usize = 1 << 20;

/// What must not be in two rows, and the line that has it first. By digests, so that memory does not grow with long names.
#[derive(Default)]
pub(super) struct Seen {
    names: Lines,
    tenants: Lines,
    ids: Lines,
}

type Lines = HashMap<[u8; 16], u64>;

/// What a check has found.
pub(super) struct Checked {
    /// The rows that something is to be done about.
    pub(super) rows: u64,
    /// The rows that an import before has done.
    pub(super) done: u64,
    /// What is wrong, in the order of the file: `line 7, column 5 (state): …`.
    pub(super) wrong: Vec<String>,
}

/// How rows are checked.
pub(super) struct Rules {
    /// The server's clock.
    pub(super) now: Timestamp,
    pub(super) update_by: Option<UpdateBy>,
}

impl Rules {
    /// Checks a whole file.
    pub(super) fn check(&self, rows: Rows) -> Checked {
        let columns = rows.columns.clone();
        let (mut checked, mut seen) = (Checked { rows: 0, done: 0, wrong: Vec::new() }, Seen::default());
        for row in rows {
            let row = match row {
                Ok(row) => row,
                Err(message) => {
                    checked.wrong.push(message);
                    break;
                }
            };
            if row.is_done() {
                checked.done += 1;
                continue;
            }
            checked.rows += 1;
            for (column, message) in self.wrong(&row, columns.as_deref(), &mut seen) {
                checked.wrong.push(told(row.line, column, columns.as_deref(), &message));
            }
        }
        checked
    }

    /// What is wrong with a row: columns, and what would be right.
    fn wrong(&self, row: &Row, columns: Option<&Columns>, seen: &mut Seen) -> Vec<(Option<usize>, String)> {
        let mut wrong: Vec<(Option<usize>, String)> = Vec::new();
        wrong.extend(row.wrong.iter().map(|(column, message)| (*column, message.clone())));
        if wrong.iter().any(|(column, _)| column.is_none()) {
            // Nothing of the row was read.
            return wrong;
        }
        let unread: Vec<usize> = wrong.iter().filter_map(|(column, _)| *column).collect();
        let bytes = row.payload.to_string().len();
        if bytes > MAX_BODY {
            return vec![(None, format!("has {bytes} bytes, and servers take at most {MAX_BODY}"))];
        }
        let updates = match self.update_by {
            None => false,
            Some(UpdateBy::Id) => row.id.is_some(),
            Some(UpdateBy::ExternalId) => row.external_id.is_some(),
            // It may be there or not; that shows later.
            Some(UpdateBy::Name) => true,
        };
        for violation in violations(&row.payload, self.now, updates) {
            let column = columns.and_then(|columns| columns.of_pointer(&violation.pointer));
            // A cell that was not read is not missing.
            if column.is_some_and(|column| unread.contains(&column)) {
                continue;
            }
            // A column that is named already needs not be named again.
            let message = if column.is_some() { violation.message } else { violation.sentence() };
            wrong.push((column, message));
        }
        let column = |pointer| columns.and_then(|columns| columns.of_pointer(pointer));
        let text = |field: &str| row.payload[field].as_str();
        let name = text("name").and_then(|name| DisplayName::parse(name).ok()).map(|name| name.key());
        let tenant =
            text("azure_customer_id").and_then(|id| AzureCustomerId::parse(id).ok()).map(|id| id.key());
        let id = match self.update_by {
            Some(UpdateBy::Id) => row.id.map(|id| id.to_string()),
            Some(UpdateBy::ExternalId) => row.external_id.clone(),
            _ => None,
        };
        let unique = [
            (&mut seen.names, name, column("/name"), "name"),
            (&mut seen.tenants, tenant, column("/azure_customer_id"), "azure_customer_id"),
            (&mut seen.ids, id, None, "id"),
        ];
        for (lines, value, column, what) in unique {
            let Some(value) = value else { continue };
            let mut digest = [0; 16];
            digest.copy_from_slice(&Sha256::digest(value)[..16]);
            if let Some(first) = lines.get(&digest) {
                let what = if column.is_some() { "it" } else { what };
                wrong.push((
                    column,
                    format!("{what} is also in line {first}; a customer may be in one row only"),
                ));
            } else {
                lines.insert(digest, row.line);
            }
        }
        wrong
    }
}

/// `line 7, column 5 (state): must be the full name: use New South Wales`
pub(super) fn told(line: u64, column: Option<usize>, columns: Option<&Columns>, message: &str) -> String {
    match (column, columns) {
        (Some(i), Some(columns)) => {
            let title = columns.titles.get(i).map_or("", String::as_str);
            format!("line {line}, column {} ({title}): {message}", i + 1)
        }
        (..) => format!("line {line}: {message}"),
    }
}

/// The violations of a row by the rules that need no server. A row that changes a customer need not say all of it.
fn violations(payload: &Value, now: Timestamp, updates: bool) -> Vec<domain::Violation> {
    let mut checked = payload.clone();
    let has = |field: &str| payload.get(field).is_some_and(|value| !value.is_null());
    if has("azure_customer_id") && has("address") {
        // Exports have both: the tenant, and the address that was looked up or set by hand. They are sent one after the
        // other.
        let mut without = payload.clone();
        if let Some(fields) = without.as_object_mut() {
            fields.remove("azure_customer_id");
        }
        let tenant = json!({"name": "A", "azure_customer_id": payload["azure_customer_id"]});
        let mut violations = violations(&without, now, updates);
        violations.extend(parsed(&tenant, now));
        return violations;
    }
    if updates {
        let fields = checked.as_object_mut();
        if let Some(fields) = fields {
            fields.entry("name").or_insert_with(|| json!("A"));
            if !has("address") && !has("azure_customer_id") {
                fields.insert("azure_customer_id".to_owned(), json!("a"));
            }
        }
    }
    let violations = parsed(&checked, now);
    violations
        .into_iter()
        .filter(|violation| {
            // A trial that is over may be sent back as it is; the parts of an address that are not named stay.
            let is_allowed = violation.code == code::NOT_FUTURE
                || violation.code == code::REQUIRED && violation.pointer.starts_with("/address/");
            !(updates && is_allowed)
        })
        .collect()
}

fn parsed(payload: &Value, now: Timestamp) -> Vec<domain::Violation> {
    match NewCustomer::parse(&Json::from(payload), now, Handling::Strict) {
        Ok(_) => Vec::new(),
        Err(refused) => refused.violations.into_iter().collect(),
    }
}
