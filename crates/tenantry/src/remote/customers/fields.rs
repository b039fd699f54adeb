//! The fields of a customer, as options.

use crate::remote::exit::wrong_input;
use crate::remote::input;
use clap::{Args, ValueEnum};
use domain::{Handling, Json, NewCustomer};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What is known of a customer.
#[derive(Args, Clone)]
#[command(next_help_heading = "Fields")]
pub(crate) struct Fields {
    /// The name, unique among the partner's customers.
    #[arg(long)]
    name: Option<String>,
    /// The Azure tenant, whose address is looked up in the directory.
    #[arg(long, value_name = "TENANT")]
    azure_customer_id: Option<String>,
    /// The first line of the address.
    #[arg(long)]
    street1: Option<String>,
    /// The second line of the address.
    #[arg(long)]
    street2: Option<String>,
    /// The city.
    #[arg(long)]
    city: Option<String>,
    /// The state: MA in the US, the full name elsewhere; not every country has any.
    #[arg(long)]
    state: Option<String>,
    /// The ZIP or postal code.
    #[arg(long)]
    zipcode: Option<String>,
    /// The country: a code such as US, or a name.
    #[arg(long)]
    country: Option<String>,
    /// managed_without_access or managed_with_access: whether the customer's users get in.
    #[arg(long, value_name = "NAME")]
    classification: Option<String>,
    /// When the trial ends (ISO 8601).
    #[arg(long, value_name = "TIME")]
    trial_expiration_date: Option<String>,
    /// The e-mail address for questions about bills.
    #[arg(long, value_name = "EMAIL")]
    billing_contact: Option<String>,
    /// The partner's margin in percent: price = cost / (1 - margin).
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    margin_percentage: Option<String>,
    /// The day from which margin and bills are so, such as 2026-12-01; by default today, and of a new customer always.
    #[arg(long, value_name = "DAY")]
    effective_from: Option<String>,
    /// Whether bills are written.
    #[arg(long, value_name = "true|false")]
    billing_enabled: Option<bool>,
    /// The folder that bills are written to.
    #[arg(long, value_name = "FOLDER")]
    billing_folder: Option<String>,
    /// A tag; repeat it for others. A change replaces all tags: `tenantry tags` changes single ones.
    #[arg(long, value_name = "KEY[=VALUE]")]
    tag: Vec<String>,
    /// Read the fields from a JSON file; - is standard input. Options come before what it says.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What can be taken away.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Clear {
    TrialExpirationDate,
    BillingContact,
    #[value(name = "address.street2")]
    Street2,
    Tags,
}

impl Fields {
    pub(crate) fn body(&self) -> anyhow::Result<Value> {
        let mut body = match &self.file {
            Some(path) => input::object(path)?,
            None => json!({}),
        };
        let given = [
            ("name", &self.name),
            ("azure_customer_id", &self.azure_customer_id),
            ("address.street1", &self.street1),
            ("address.street2", &self.street2),
            ("address.city", &self.city),
            ("address.state", &self.state),
            ("address.zipcode", &self.zipcode),
            ("address.country", &self.country),
            ("classification", &self.classification),
            ("trial_expiration_date", &self.trial_expiration_date),
            ("billing_contact", &self.billing_contact),
            ("partner_billing_configuration.folder", &self.billing_folder),
            ("effective_from", &self.effective_from),
        ];
        for (path, value) in given {
            if let Some(text) = value {
                set(&mut body, path, text.as_str().into());
            }
        }
        if let Some(margin) = &self.margin_percentage {
            let margin: Value =
                serde_json::from_str(margin).ok().filter(Value::is_number).ok_or_else(|| {
                    wrong_input(format!(
                        "--margin-percentage must be a number such as 12.5, and {margin:?} is none"
                    ))
                })?;
            set(&mut body, "margin_percentage", margin);
        }
        if let Some(enabled) = self.billing_enabled {
            set(&mut body, "partner_billing_configuration.enabled", enabled.into());
        }
        if !self.tag.is_empty() {
            set(&mut body, "tags", self.tag.iter().map(|tag| super::tag(tag)).collect());
        }
        Ok(body)
    }
}

/// Sets the value at a path of one or two field names.
pub(crate) fn set(body: &mut Value, path: &str, value: Value) {
    let mut place = body;
    for field in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[field];
    }
    *place = value;
}

pub(crate) fn clear(body: &mut Value, clear: &[Clear]) {
    for field in clear {
        match field {
            Clear::TrialExpirationDate => set(body, "trial_expiration_date", Value::Null),
            Clear::BillingContact => set(body, "billing_contact", Value::Null),
            Clear::Street2 => set(body, "address.street2", Value::Null),
            Clear::Tags => set(body, "tags", json!([])),
        }
    }
}

const ADDRESS: [&str; 5] = ["street1", "city", "state", "zipcode", "country"];

/// Whether an address is given of which parts are missing.
pub(crate) fn is_part_of_an_address(body: &Value) -> bool {
    body["address"].as_object().is_some_and(|address| !ADDRESS.iter().all(|part| address.contains_key(*part)))
}

/// Fills the parts of the address that are not given with the current ones.
pub(crate) fn complete_address(body: &mut Value, current: &Value) {
    let current = current["address"].as_object().into_iter().flatten();
    if let Some(address) = body["address"].as_object_mut() {
        for (part, value) in current {
            address.entry(part).or_insert_with(|| value.clone());
        }
    }
}

/// The fields that a change would change: path, before, after. What the server writes in another form than it is given is
/// among them.
pub(crate) fn changes(current: &Value, body: &Value) -> Vec<(String, Value, Value)> {
    let mut changes = Vec::new();
    for (field, after) in body.as_object().into_iter().flatten() {
        let before = &current[field];
        match (before, after) {
            (_, Value::Object(parts)) => {
                for (part, after) in parts.iter().filter(|(part, after)| !equal(&before[*part], after)) {
                    changes.push((format!("{field}.{part}"), before[part].clone(), after.clone()));
                }
            }
            _ if !equal(before, after) => changes.push((field.clone(), before.clone(), after.clone())),
            _ => {}
        }
    }
    changes
}

/// Whether two values are the same to the server: `null` and `""` are absent, `12` is `12.0`, and a spreadsheet's `TRUE` is `true`.
fn equal(before: &Value, after: &Value) -> bool {
    let is_blank = |value: &Value| value.is_null() || value == "";
    let is_truth = |value: bool, text: &str| text.eq_ignore_ascii_case(if value { "true" } else { "false" });
    before == after
        || before.as_bool().is_some_and(|value| after.as_str().is_some_and(|text| is_truth(value, text)))
        || is_blank(before) && is_blank(after)
        || before.as_f64().is_some_and(|number| after.as_f64() == Some(number))
}

/// Checks a new customer by the rules that need no server. Whether a trial is over, the server's clock says.
pub(crate) fn check(body: &Value) -> anyhow::Result<()> {
    match NewCustomer::parse(&Json::from(body), Timestamp::UNIX_EPOCH, Handling::Lenient) {
        Ok(_) => Ok(()),
        Err(refused) => Err(wrong_input(
            refused.violations.iter().map(domain::Violation::sentence).collect::<Vec<_>>().join("\n  "),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_field_by_field() {
        let current = json!({"name": "A", "margin_percentage": 10.0, "address": {"city": "B", "state": "MA"}, "tags": [],
            "partner_billing_configuration": {"enabled": true}});
        for (body, expected) in [
            (json!({"name": "A", "margin_percentage": 10}), vec![]),
            (json!({"name": "B"}), vec!["name"]),
            (json!({"address": {"city": "C", "state": "MA"}}), vec!["address.city"]),
            (json!({"billing_contact": null}), vec![]),
            (json!({"partner_billing_configuration": {"enabled": "TRUE"}}), vec![]),
            (
                json!({"partner_billing_configuration": {"enabled": "false"}}),
                vec!["partner_billing_configuration.enabled"],
            ),
            (json!({"tags": [{"key": "a", "value": ""}]}), vec!["tags"]),
        ] {
            let changes = changes(&current, &body);
            let fields: Vec<&str> = changes.iter().map(|(field, ..)| field.as_str()).collect();
            assert_eq!(fields, expected, "{body}");
        }
    }

    #[test]
    fn a_part_of_an_address_is_completed_by_the_current_one() {
        let mut body = json!({"address": {"city": "Boston"}});
        assert!(is_part_of_an_address(&body));
        complete_address(
            &mut body,
            &json!({"address": {"street1": "1 Main St", "city": "Springfield", "state": "MA"}}),
        );
        assert_eq!(body, json!({"address": {"city": "Boston", "street1": "1 Main St", "state": "MA"}}));
        assert!(!is_part_of_an_address(&json!({"name": "A"})));
    }
}
