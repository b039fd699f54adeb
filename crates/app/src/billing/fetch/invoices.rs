//! Microsoft's invoices as a partner sees them: what is fetched, billed and final, and whether it is the sum that Microsoft charges.

use super::FetchView;
use crate::access::Call;
use crate::billing::report::RunReport;
use crate::boxed;
use crate::permissions::Permission;
use crate::{App, Error};
use jiff::Timestamp;
use rating::Amount;
use std::collections::BTreeMap;
use store::bill_runs::{self, State};
use store::invoice_fetches::{self, Fetch};
use store::microsoft_invoices::{self, FetchedExport, MicrosoftInvoice};

/// An invoice of Microsoft to the partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceView {
    /// Its number.
    pub id: String,
    /// Its day; `None` where Microsoft does not say.
    pub invoice_date: Option<String>,
    /// The first day that it charges.
    pub period_start: Option<String>,
    /// The last day that it charges.
    pub period_end: Option<String>,
    /// The month that it charges, such as `2026-10`.
    pub billing_period: String,
    /// Its total with tax, in exact decimal digits.
    pub total_charges: String,
    /// ISO 4217.
    pub currency: String,
    /// As Microsoft writes it.
    pub document_type: String,
    /// As Microsoft writes it.
    pub invoice_type: String,
    /// All versions of its exports that were fetched, the newest of each kind last.
    pub fetched: Vec<InvoiceExport>,
    /// The last fetch of its month.
    pub last_fetch: Option<FetchView>,
    /// The last run that has billed it.
    pub bill_run_id: Option<i64>,
    /// Whether it is on final bills.
    pub is_final: bool,
    /// Cost and tax of the lines that were read for it; `None` for a run over several invoices.
    pub billed_total: Option<Amount>,
    /// Whether that is what Microsoft charges.
    pub ties: Option<bool>,
}

/// A version of an invoice's lines that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceExport {
    /// `reconciliation` or `usage`.
    pub kind: String,
    /// Microsoft's name for the version of the data.
    pub etag: String,
    /// Where it is, as a bill run takes it.
    pub source: String,
    /// The number of files.
    pub blobs: i64,
    /// Their length in bytes.
    pub bytes: i64,
    /// The time of the fetch.
    pub fetched_at: Timestamp,
}

/// A run that has billed an invoice.
struct Billed {
    run: i64,
    is_final: bool,
    /// Cost and tax of its lines, by currency.
    totals: BTreeMap<String, Amount>,
}

impl App {
    /// Microsoft's invoices as Partner Center last listed them, newest first.
    #[boxed]
    pub async fn microsoft_invoices(&self, call: &Call) -> Result<Vec<InvoiceView>, Error> {
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
                    invoices.iter().map(|invoice| shown(invoice, &exports, &fetches, &billed)).collect()
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
) -> Result<InvoiceView, Error> {
    let fetched = exports.iter().filter(|export| export.invoice_id == invoice.id).cloned();
    let fetched = fetched.map(|export| {
        let FetchedExport { kind, etag, source, blobs, bytes, fetched_at, .. } = export;
        InvoiceExport { kind, etag, source, blobs, bytes, fetched_at }
    });
    let fetch = fetches.iter().find(|fetch| fetch.billing_period == invoice.billing_period);
    let billed = billed.get(&invoice.id.to_ascii_lowercase());
    let total = billed.and_then(|billed| billed.totals.get(&invoice.currency)).copied();
    let charged = invoice.total_charges.parse::<Amount>().ok();
    let day = |day: &str| (!day.is_empty()).then(|| day.to_owned());
    Ok(InvoiceView {
        id: invoice.id.clone(),
        invoice_date: day(&invoice.date),
        period_start: day(&invoice.period_start),
        period_end: day(&invoice.period_end),
        billing_period: invoice.billing_period.clone(),
        total_charges: charged.map_or_else(|| invoice.total_charges.clone(), |charged| charged.to_string()),
        currency: invoice.currency.clone(),
        document_type: invoice.document_type.clone(),
        invoice_type: invoice.invoice_type.clone(),
        fetched: fetched.collect(),
        last_fetch: fetch.map(FetchView::of).transpose()?,
        bill_run_id: billed.map(|billed| billed.run),
        is_final: billed.is_some_and(|billed| billed.is_final),
        billed_total: total,
        ties: total.zip(charged).map(|(total, charged)| total == charged),
    })
}
