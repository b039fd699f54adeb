//! Which month an invoice belongs to: the one in which it is billed and final. Known from the reports of the runs that have
//! final bills: a run that was told an invoice has billed that one alone.

use super::plan::parsed;
use super::report::RunReport;
use crate::{Error, Refusal};
use domain::PartnerId;
use rating::BilledInvoice;
use std::collections::{BTreeMap, BTreeSet};
use store::{Tx, bill_runs};

/// The invoices that final bills of other months are made of, and none of this one.
pub(super) async fn of_other_months(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
) -> Result<Vec<BilledInvoice>, Error> {
    let mut found: BTreeMap<String, BilledInvoice> = BTreeMap::new();
    let mut ours = Vec::new();
    for (month, summary) in bill_runs::with_final_bills(tx, partner).await? {
        for number in RunReport::read(&summary)?.invoices() {
            if month == period {
                ours.push(number.to_ascii_lowercase());
            } else {
                let invoice = BilledInvoice { number: number.to_owned(), period: parsed(&month)? };
                found.insert(number.to_ascii_lowercase(), invoice);
            }
        }
    }
    found.retain(|number, _| !ours.contains(number));
    Ok(found.into_values().collect())
}

/// The invoices, in lower case, of the final bills of a month; `None` if the month is not final.
pub(super) async fn of_final_month(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
) -> Result<Option<BTreeSet<String>>, Error> {
    let mut found: Option<BTreeSet<String>> = None;
    for (_, summary) in
        bill_runs::with_final_bills(tx, partner).await?.into_iter().filter(|(month, _)| month == period)
    {
        let report = RunReport::read(&summary)?;
        found.get_or_insert_default().extend(report.invoices().map(str::to_ascii_lowercase));
    }
    Ok(found)
}

/// What speaks against making bills of this report final in this month.
pub(super) async fn refusals(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
    report: &RunReport,
) -> Result<Vec<Refusal>, Error> {
    let others = of_other_months(tx, partner, period).await?;
    let is_its =
        |invoice: &&BilledInvoice| report.invoices().any(|id| id.eq_ignore_ascii_case(&invoice.number));
    let refusal = |other: &BilledInvoice| {
        let BilledInvoice { number, period } = other;
        Refusal::new(other.refusal()).named("invoice-is-final", &[("invoice", number), ("month", period)])
    };
    Ok(others.iter().filter(is_its).map(refusal).collect())
}

/// Why the bills of this report cannot be shown to customers: they see an invoice of it on the statements of another month.
pub(super) async fn published_elsewhere(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
    report: &RunReport,
) -> Result<Vec<Refusal>, Error> {
    let mut found = BTreeSet::new();
    for (month, summary) in bill_runs::with_published_bills(tx, partner, period).await? {
        let other = RunReport::read(&summary)?;
        let is_theirs = |id: &&str| other.invoices().any(|theirs| theirs.eq_ignore_ascii_case(id));
        found.extend(report.invoices().filter(is_theirs).map(|id| (id.to_owned(), month.clone())));
    }
    let refusal = |(id, month): &(String, String)| {
        let said =
            format!("the invoice {id} is on published statements of {month}: withdraw or void those first");
        Refusal::new(said).named("invoice-is-published", &[("invoice", id), ("month", month)])
    };
    Ok(found.iter().map(refusal).collect())
}
