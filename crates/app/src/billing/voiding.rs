//! Voiding: final statements are reversed by statements that say so, and their lines can be billed again.

use super::actions::of_month;
use super::request::Voiding;
use crate::{Error, Refusal};
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::text::{filled_line, invalid, string, wrong_type};
use domain::violation::code;
use domain::{CustomerId, Handling, PartnerId, Violation, Violations};
use jiff::Timestamp;
use std::collections::BTreeSet;
use store::Tx;
use store::bill_runs::BillRun;
use store::corrections;
use store::statements::{self, Statement, Status};

/// Maximum number of characters of the reason.
const MAX_REASON_CHARS: usize = 255;

/// The payload that voids final statements of a month.
static VOIDING: Payload =
    Payload { members: &[Member::plain("customer_ids"), Member::plain("reason")], read_only: &[] };

/// What a payload asks for: `{"customer_ids": […], "reason": "…"}`; without customers, all final statements of the run's month.
///
/// # Errors
/// [`Error::Invalid`] with every violation; [`Error::Conflict`] if the month has no final statement, or a correction of it is
/// on a statement.
pub(super) async fn of_payload(
    tx: &mut Tx,
    run: &BillRun,
    body: &Json,
    now: Timestamp,
) -> Result<Voiding, Error> {
    let mut fields = Fields::of(body, r#"a JSON object such as {"reason": "billed for the wrong month"}"#)
        .map_err(|wrong| Error::Invalid(wrong.into()))?;
    let reason =
        fields.required("reason", |reason| filled_line(string(reason)?, MAX_REASON_CHARS).map(str::to_owned));
    fields.violations.extend(VOIDING.unknown(body, Handling::Strict));
    let finals = statements::Filter { status: Some(Status::Final), ..of_month(run) };
    let mut finals = statements::list(tx, run.partner, &finals, 0, i64::MAX).await?.0;
    let customers = fields.optional("customer_ids", |customers| read_customers(customers, &finals));
    let (Some(reason), true) = (reason, fields.violations.is_empty()) else {
        return Err(Error::Invalid(fields.violations));
    };
    if let Some(customers) = customers {
        finals.retain(|statement| customers.contains(&statement.bill.customer.0));
    }
    if finals.is_empty() {
        return Err(Error::Conflict(format!("{} has no final statements", run.billing_period).into()));
    }
    let customers = finals.iter().map(|statement| statement.bill.customer).collect();
    let refusals = refusals(tx, run.partner, &run.billing_period, &customers).await?;
    if !refusals.is_empty() {
        return Err(Error::Conflict(refusals.into_iter().collect()));
    }
    let statements = finals.iter().map(|statement| statement.id).collect();
    Ok(Voiding { since: now.as_second(), statements, reason })
}

/// The ids of customers, each with a final statement.
fn read_customers(json: &Json, finals: &[Statement]) -> Result<BTreeSet<i64>, Violations> {
    let Json::Array(given) = json else {
        return Err(wrong_type("an array of customers' ids", json).into());
    };
    let (mut ids, mut violations) = (BTreeSet::new(), Violations::default());
    let has_final = |id: i64| finals.iter().any(|statement| statement.bill.customer.0 == id);
    for (i, id) in given.iter().enumerate() {
        let wrong = match id {
            Json::Number(id) if id.as_i64().is_some_and(has_final) => {
                ids.extend(id.as_i64());
                continue;
            }
            Json::Number(_) => invalid("must be the id of a customer with a final statement of the month"),
            other => wrong_type("the id of a customer, a number", other),
        };
        violations.push(Violation { pointer: format!("/{i}"), ..wrong });
    }
    if given.is_empty() {
        violations.push(Violation::new("", code::REQUIRED, "must name a customer, or be left out for all"));
    }
    if violations.is_empty() { Ok(ids) } else { Err(violations) }
}

/// Why statements of these customers cannot be reversed: corrections of the month are on other statements, which would keep
/// lines of a month that can be billed again.
pub(super) async fn refusals(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
    customers: &BTreeSet<CustomerId>,
) -> Result<Vec<Refusal>, Error> {
    let corrections = corrections::list(tx, partner, Some(period)).await?;
    let refusal = |correction: corrections::Correction| {
        let carrier = correction.carried_by.filter(|_| customers.contains(&correction.bill.customer))?;
        let (customer, version) = (correction.bill.customer, correction.bill.version);
        let text = format!(
            "the correction of {period} (version {version}) of customer {customer} is on the statement of {carrier}: withdraw \
             or void that one first"
        );
        Some(Refusal::new(text).named(
            "correction-elsewhere",
            &[("month", &period), ("version", &version), ("id", &customer), ("from", &carrier)],
        ))
    };
    Ok(corrections.into_iter().filter_map(refusal).collect())
}
