//! The words that tables of cases are written in.

use serde_json::{Value, json};

/// In a change: without this field.
pub const ABSENT: &str = "\u{0}absent";

/// A good payload, changed.
pub fn customer(change: &Value) -> Value {
    let mut body = json!({
        "name": "Acme Corp",
        "address": {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"},
    });
    patched(&mut body, change);
    body
}

/// Change the fields that are named, objects field by field, and take those away that are [`ABSENT`].
pub fn patched(body: &mut Value, change: &Value) {
    let (Value::Object(fields), Value::Object(changes)) = (&mut *body, change) else {
        *body = change.clone();
        return;
    };
    for (key, value) in changes {
        if value == ABSENT {
            fields.remove(key);
        } else if value.as_object().is_some_and(|changes| !changes.is_empty()) {
            patched(fields.entry(key).or_insert_with(|| json!({})), value);
        } else {
            fields.insert(key.clone(), value.clone());
        }
    }
}

/// Collects what is wrong with the cases of a table, so that one run shows all of it.
#[derive(Default)]
pub struct Failures {
    cases: usize,
    wrong: Vec<String>,
}

impl Failures {
    pub fn case(&mut self, name: &str, outcome: Result<(), String>) {
        self.cases += 1;
        if let Err(why) = outcome {
            self.wrong.push(format!("{name}: {why}"));
        }
    }

    /// The end of a table that has at least so many cases.
    pub fn done(self, at_least: usize) {
        let Failures { cases, wrong } = self;
        assert!(wrong.is_empty(), "{} of {cases} cases failed:\n  {}", wrong.len(), wrong.join("\n  "));
        assert!(cases >= at_least, "only {cases} cases ran, not {at_least}");
    }
}
