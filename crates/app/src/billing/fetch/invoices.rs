//! Microsoft's invoices as a partner sees them: what is fetched, billed and final, and whether it is the sum that Microsoft charges.

use super::view;
use crate::access::Call;
use crate::billing::report::RunReport;
use crate::permissions::Permission;
use crate::{App, Error};
use rating::Amount;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::bill_runs::{self, State};
use store::invoice_fetches::{self, Fetch};
use store::microsoft_invoices::{self, FetchedExport, MicrosoftInvoice};

/// A run that has billed an invoice.
struct Billed {
    run: i64,
    is_final: bool,
    /// Cost and tax of its lines, by currency.
    totals: BTreeMap<String, Amount>,
}

impl App {
    /// Microsoft's invoices as Partner Center last listed them, newest first.
    pub async fn microsoft_invoices(&self, call: &Call) -> Result<Vec<Value>, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        grant
            .list(call.partner(), |partner, tx| {
                Box::pin(async move {
                    let invoices = microsoft_invoices::list(tx, *partner).await?;
                    let exports = microsoft_invoices::exports(tx, *partner).await?;
                    let fetches = invoice_fetches::newest(tx, *partner).await?;
                    let filter = bill_runs::Filter { state: Some(State::Succeeded), ..Default::default() };
                    let runs = bill_runs::list(tx, *partner, &filter, 0, i64::MAX).await?.0;
                    let finals = bill_runs::with_final_bills(tx, *partner).await?;
                    let finals = finals
                        .into_iter()
                        .map(|(month, summary)| Ok::<_, Error>((month, RunReport::read(&summary)?)))
                        .collect::<Result<Vec<_>, _>>()?;
                    let mut billed = BTreeMap::new();
                    for run in runs {
                        let Some(report) = RunReport::of_run(&run)? else { continue };
                        for invoice in report.invoices() {
                            let is_final = finals.iter().any(|(month, report)| {
                                *month == run.billing_period
                                    && report.invoices().any(|other| other.eq_ignore_ascii_case(invoice))
                            });
                            let alone = report.invoices().count() == 1;
                            let totals = if alone { totals(&report) } else { BTreeMap::new() };
                            let billed_now = Billed { run: run.id, is_final, totals };
                            billed.insert(invoice.to_ascii_lowercase(), billed_now);
                        }
                    }
                    Ok(invoices.iter().map(|invoice| shown(invoice, &exports, &fetches, &billed)).collect())
                })
            })
            .await
    }
}

/// Cost and tax by currency.
fn totals(report: &RunReport) -> BTreeMap<String, Amount> {
    report.totals.iter().map(|total| (total.currency.code().to_owned(), total.cost + total.tax)).collect()
}

fn shown(
    invoice: &MicrosoftInvoice,
    exports: &[FetchedExport],
    fetches: &[Fetch],
    billed: &BTreeMap<String, Billed>,
) -> Value {
    let fetched: Vec<Value> = exports
        .iter()
        .filter(|export| export.invoice_id == invoice.id)
        .map(|export| {
            json!({
                "kind": export.kind, "etag": export.etag, "source": export.source, "blobs": export.blobs,
                "bytes": export.bytes, "fetched_at": format!("{:.0}", export.fetched_at),
            })
        })
        .collect();
    let fetch = fetches.iter().find(|fetch| fetch.billing_period == invoice.billing_period);
    let billed = billed.get(&invoice.id.to_ascii_lowercase());
    let total = billed.and_then(|billed| billed.totals.get(&invoice.currency));
    let charged = invoice.total_charges.parse::<Amount>().ok();
    let day = |day: &str| (!day.is_empty()).then(|| day.to_owned());
    json!({
        "id": invoice.id,
        "invoice_date": day(&invoice.date),
        "period_start": day(&invoice.period_start),
        "period_end": day(&invoice.period_end),
        "billing_period": invoice.billing_period,
        "total_charges": charged.map_or_else(|| invoice.total_charges.clone(), |charged| charged.to_string()),
        "currency": invoice.currency,
        "document_type": invoice.document_type,
        "invoice_type": invoice.invoice_type,
        "fetched": fetched,
        "last_fetch": fetch.map(view),
        "bill_run_id": billed.map(|billed| billed.run),
        "final": billed.is_some_and(|billed| billed.is_final),
        "billed_total": total.map(ToString::to_string),
        "ties": total.zip(charged).map(|(total, charged)| *total == charged),
    })
}
