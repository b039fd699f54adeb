//! Statements of a CloudHealth partner account, kept as history.

use super::ForeignCustomer;
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::Done;
use crate::{App, Error, Permission};
use domain::{CustomerId, PartnerId, UtcSecond};
use jiff::Timestamp;
use rating::{Amount, BillingPeriod, Currency};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::Tx;
use store::imported_statements::{self, ImportedStatement, Put};
use store::{customers, statements};

/// The most significant digits that a JSON number is certain to keep when it is read as a double.
const MAX_DIGITS: usize = 15;

/// A statement as CloudHealth's API answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignStatement(ImportedStatement);

/// What became of a customer's foreign statements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MigratedStatements {
    /// They are here now.
    pub created: usize,
    /// They were here, and are now as they are there: an estimate that has become final.
    pub updated: usize,
    /// They were here, equal in every field.
    pub unchanged: usize,
    /// The customer with their customer's id is not here, or is another one; they are left out.
    pub refused: usize,
}

impl ForeignStatement {
    /// Reads an answer of which [`super::without_quirks`] was taken. `source` is the URL that it came from.
    ///
    /// # Errors
    /// Why it cannot be brought over.
    pub fn read(answer: &Value, customer: CustomerId, source: &str) -> Result<Self, String> {
        let text = |field: &str| answer[field].as_str().map(str::trim).filter(|text| !text.is_empty());
        if answer["customer_id"].as_i64().is_some_and(|id| id != customer.0) {
            return Err(format!("it is of customer {}, which was not asked for", answer["customer_id"]));
        }
        if answer["customer_id"].is_null() && answer["id"].is_null() {
            return Err("it says neither its id nor its customer".to_owned());
        }
        // `2025-11`, or the month's first day.
        let period = text("billing_period").unwrap_or_default();
        let month = period.get(..7).filter(|_| [7, 10].contains(&period.len())).unwrap_or_default();
        let month: BillingPeriod =
            month.parse().map_err(|_| format!("billing_period is no month: {}", answer["billing_period"]))?;
        let name = answer["currency"]["name"].as_str().unwrap_or_default();
        let currency: Currency =
            name.parse().map_err(|_| format!("currency.name is no currency: {name:?}"))?;
        let status = text("status").unwrap_or_default();
        let status =
            statements::Status::parse(status).ok_or_else(|| format!("status is not known: {status:?}"))?;
        let time = |field: &str| text(field).and_then(time);
        let stated = time("statement_generation_time").or_else(|| time("statement_summary_generation_time"));
        let generated = time("detailed_billing_records_generation_time").or(stated);
        let (Some(stated_at), Some(generated_at)) = (stated.or(generated), generated) else {
            return Err("it has no statement_generation_time".to_owned());
        };
        let source_id = match &answer["id"] {
            Value::Number(id) => Some(id.to_string()),
            Value::String(id) => Some(id.clone()),
            _ => None,
        };
        let invoice_id = text("invoice_id").map(str::to_owned);
        let cloud = text("cloud").unwrap_or("Azure").to_owned();
        let source_key = source_id.clone().unwrap_or_else(|| {
            format!("{cloud}/{month}/{currency}/{}", invoice_id.as_deref().unwrap_or_default())
        });
        let day = generated_at.strftime("%Y-%m-%d").to_string();
        Ok(ForeignStatement(ImportedStatement {
            customer,
            source_key,
            source: source.to_owned(),
            source_id,
            cloud,
            billing_period: month.to_string(),
            currency: currency.to_string(),
            total: total(&answer["total_amount"])?,
            status,
            generated_at,
            stated_at,
            invoice_id,
            invoice_date: text("invoice_date").and_then(|date| date.get(..10)).map_or(day, str::to_owned),
        }))
    }

    /// What tells it from the customer's others.
    pub fn key(&self) -> &str {
        &self.0.source_key
    }
}

/// `2025-12-03 10:11:12`, `2025-12-03T10:11:12Z` or the day alone, in UTC.
fn time(text: &str) -> Option<Timestamp> {
    let text = match text.get(..19) {
        Some(time) if text.as_bytes().get(10) == Some(&b' ') => format!("{}T{}Z", &time[..10], &time[11..]),
        _ => text.to_owned(),
    };
    let second = UtcSecond::parse(&text).ok()?;
    Timestamp::from_second(second.as_second()).ok()
}

/// The exact digits of an amount.
fn total(amount: &Value) -> Result<String, String> {
    let text = match amount {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        other => return Err(format!("total_amount is no number: {other}")),
    };
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if amount.is_f64() && digits > MAX_DIGITS {
        return Err(format!("total_amount has more digits than can be brought over exactly: {text}"));
    }
    let exact: Amount = text.parse().map_err(|wrong| format!("total_amount {wrong}: {text}"))?;
    Ok(exact.to_string())
}

impl App {
    /// Brings a customer's statements over, in one transaction. Those that are here already are brought up to date.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn migrate_statements(
        &self,
        call: &Call,
        customer: &ForeignCustomer,
        statements: Vec<ForeignStatement>,
    ) -> Result<MigratedStatements, Error> {
        let grant = self.require(call, Permission::ChangeCustomers).await?;
        let input = (call.partner(), customer.clone(), statements);
        grant.change(input, |(partner, customer, statements), tx| {
            Box::pin(async move {
                let mut done = MigratedStatements::default();
                if !is_here(tx, *partner, customer).await? {
                    done.refused = statements.len();
                    return Ok(Done { value: done, entry: None });
                }
                for ForeignStatement(statement) in statements {
                    match imported_statements::put(tx, *partner, statement).await? {
                        Put::Inserted => done.created += 1,
                        Put::Replaced => done.updated += 1,
                        Put::Unchanged => done.unchanged += 1,
                    }
                }
                let has_changed = done.created + done.updated > 0;
                let entry = has_changed.then(|| {
                    let periods: BTreeSet<&str> =
                        statements.iter().map(|statement| statement.0.billing_period.as_str()).collect();
                    Entry::new("statement.migrate", format!("customers/{}", customer.id)).after(
                        &json!({"created": done.created, "updated": done.updated, "billing_periods": periods}),
                    )
                });
                Ok(Done { value: done, entry })
            })
        })
        .await
    }

    /// What [`App::migrate_statements`] would do; after it, whether it has done so.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn compare_statements(
        &self,
        call: &Call,
        customer: &ForeignCustomer,
        statements: Vec<ForeignStatement>,
    ) -> Result<MigratedStatements, Error> {
        let input = (call.partner(), customer.clone(), statements);
        self.require(call, Permission::ReadCustomers)
            .await?
            .read(input, |(partner, customer, statements), tx| {
                Box::pin(async move {
                    let mut told = MigratedStatements::default();
                    let is_another = customers::get(tx, *partner, customer.id).await?.is_some()
                        && !is_here(tx, *partner, customer).await?;
                    if is_another {
                        told.refused = statements.len();
                        return Ok(told);
                    }
                    for ForeignStatement(statement) in statements {
                        let found =
                            imported_statements::find(tx, *partner, customer.id, &statement.source_key)
                                .await?;
                        *match found {
                            None => &mut told.created,
                            Some(found) if found == *statement => &mut told.unchanged,
                            Some(_) => &mut told.updated,
                        } += 1;
                    }
                    Ok(told)
                })
            })
            .await
    }
}

/// Whether the customer with this id here is this one. Another one's users must not see its statements.
async fn is_here(tx: &mut Tx, partner: PartnerId, customer: &ForeignCustomer) -> Result<bool, Error> {
    let here = customers::get(tx, partner, customer.id).await?;
    Ok(here.is_some_and(|here| match &customer.external_id {
        Some(id) => *id == here.generated_external_id,
        None => customer.created_at == here.created_at,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::without_quirks;
    use super::*;

    fn read(change: &Value) -> Result<ImportedStatement, String> {
        let mut answer = json!({
            "Id": 77, "cloud": "AWS", "billing_period": "2025-11-01", "total_amount": 1234.5, "Status": "Final",
            "statement_generation_time": "2025-12-03", "currency": {"Name": "USD", "symbol": "$"}, "invoice_id": "G1",
            "invoice_date": "2025-12-03", "azure_invoice": "No Azure Invoice", "detailed_billing_records_generation_time": null,
        });
        for (field, value) in change.as_object().unwrap() {
            answer[field] = value.clone();
        }
        let read = ForeignStatement::read(&without_quirks(answer), CustomerId(7), "https://there.example");
        read.map(|statement| statement.0)
    }

    #[test]
    fn answers_are_read_with_their_quirks() {
        let statement = read(&json!({})).unwrap();
        assert_eq!(
            (statement.billing_period.as_str(), statement.total.as_str(), statement.source_key.as_str()),
            ("2025-11", "1234.5", "77")
        );
        assert_eq!(statement.generated_at.to_string(), "2025-12-03T00:00:00Z");
        for (change, key, total, at) in [
            (json!({"Id": null, "customer_id": 7}), "AWS/2025-11/USD/G1", "1234.5", "2025-12-03T00:00:00Z"),
            (
                json!({"Id": null, "customer_id": 7, "invoice_id": null}),
                "AWS/2025-11/USD/",
                "1234.5",
                "2025-12-03T00:00:00Z",
            ),
            (json!({"total_amount": "0.10"}), "77", "0.1", "2025-12-03T00:00:00Z"),
            (json!({"total_amount": -3}), "77", "-3", "2025-12-03T00:00:00Z"),
            (json!({"billing_period": "2025-11"}), "77", "1234.5", "2025-12-03T00:00:00Z"),
            (
                json!({"detailed_billing_records_generation_time": "2025-12-02 10:11:12"}),
                "77",
                "1234.5",
                "2025-12-02T10:11:12Z",
            ),
        ] {
            let statement = read(&change).unwrap();
            assert_eq!(
                (statement.source_key.as_str(), statement.total.as_str(), statement.generated_at.to_string()),
                (key, total, at.to_owned()),
                "{change}"
            );
        }
    }

    #[test]
    fn what_is_no_statement_of_this_customer_is_told() {
        for (change, why) in [
            (json!({"customer_id": 8}), "it is of customer 8"),
            (json!({"Id": null}), "it says neither its id nor its customer"),
            (json!({"billing_period": "November"}), "billing_period is no month"),
            (json!({"billing_period": "2025-13-01"}), "billing_period is no month"),
            (json!({"currency": {"name": "Dollar"}}), "currency.name is no currency"),
            (json!({"Status": "Draft"}), "status is not known: \"Draft\""),
            (json!({"total_amount": null}), "total_amount is no number"),
            (json!({"total_amount": "a lot"}), "total_amount is not a number"),
            (json!({"total_amount": 1_234_567_890_123.456_7}), "more digits than can be brought over"),
            (json!({"statement_generation_time": "yesterday"}), "it has no statement_generation_time"),
        ] {
            let refused = read(&change).unwrap_err();
            assert!(refused.contains(why), "{change}: {refused}");
        }
    }
}
