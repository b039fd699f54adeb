//! What audit events hold of billing: runs, price rules, fetches and price sheets. As in `audit/record.rs`, these types are the
//! trail's alone.

use super::fetch::{FetchFailure, FetchProgress, FetchView};
use super::price_sheets::PriceSheetView;
use super::report::{Progress, RunError, RunWarning};
use super::rules::RuleView;
use super::view::{RunView, Stage};
use jiff::Timestamp;
use rating::PriceRule;
use rating::report::{Checks, OtherInvoice, Reconciled, Total};
use serde::Serialize;

/// RFC 3339, UTC, to the second.
fn time(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// A run, without what there are thousands of.
#[derive(Serialize)]
pub(super) struct RunRecord<'a> {
    id: i64,
    billing_period: &'a str,
    invoice_id: Option<&'a str>,
    invoice_ids: &'a [String],
    state: &'static str,
    stage: Option<&'static str>,
    progress: Progress,
    totals: &'a [Total],
    checks: Option<&'a Checks>,
    errors: &'a [RunError],
    warnings: &'a [RunWarning],
    #[serde(skip_serializing_if = "Option::is_none")]
    reconciled: Option<&'a Reconciled>,
    other_invoices: &'a [OtherInvoice],
    sources: &'a [String],
    finalize: bool,
    created_at: String,
    updated_at: String,
}

impl<'a> From<&'a RunView> for RunRecord<'a> {
    fn from(run: &'a RunView) -> Self {
        RunRecord {
            id: run.id,
            billing_period: &run.billing_period,
            invoice_id: run.invoice_id.as_deref(),
            invoice_ids: &run.invoice_ids,
            state: run.state.as_str(),
            stage: run.stage.map(Stage::name),
            progress: run.progress,
            totals: &run.totals,
            checks: run.checks.as_ref(),
            errors: &run.errors,
            warnings: &run.warnings,
            reconciled: run.reconciled.as_ref(),
            other_invoices: &run.other_invoices,
            sources: &run.sources,
            finalize: run.finalize,
            created_at: time(run.created_at),
            updated_at: time(run.updated_at),
        }
    }
}

/// A price rule.
#[derive(Serialize)]
pub(super) struct RuleRecord<'a> {
    #[serde(flatten)]
    rule: &'a PriceRule,
    created_at: String,
    updated_at: String,
}

impl<'a> From<&'a RuleView> for RuleRecord<'a> {
    fn from(view: &'a RuleView) -> Self {
        let [created_at, updated_at] = view.times().map(time);
        RuleRecord { rule: view.rule(), created_at, updated_at }
    }
}

/// A fetch of invoices.
#[derive(Serialize)]
pub(super) struct FetchRecord<'a> {
    id: i64,
    billing_period: &'a str,
    invoice_id: Option<&'a str>,
    unbilled: bool,
    state: &'static str,
    progress: FetchProgress,
    sources: &'a [String],
    error: Option<&'a FetchFailure>,
    created_at: String,
    updated_at: String,
}

impl<'a> From<&'a FetchView> for FetchRecord<'a> {
    fn from(fetch: &'a FetchView) -> Self {
        FetchRecord {
            id: fetch.id,
            billing_period: &fetch.billing_period,
            invoice_id: fetch.invoice_id.as_deref(),
            unbilled: fetch.unbilled,
            state: fetch.state.as_str(),
            progress: fetch.progress,
            sources: &fetch.sources,
            error: fetch.error.as_ref(),
            created_at: time(fetch.created_at),
            updated_at: time(fetch.updated_at),
        }
    }
}

/// The price sheet of a month.
#[derive(Serialize)]
pub(super) struct PriceSheetRecord<'a> {
    billing_period: &'a str,
    files: Vec<PriceSheetFileRecord<'a>>,
    imported_at: String,
}

#[derive(Serialize)]
struct PriceSheetFileRecord<'a> {
    file: &'a str,
    rows: u64,
}

impl<'a> From<&'a PriceSheetView> for PriceSheetRecord<'a> {
    fn from(sheet: &'a PriceSheetView) -> Self {
        let files = sheet.files.iter().map(|file| PriceSheetFileRecord { file: &file.file, rows: file.rows });
        PriceSheetRecord {
            billing_period: &sheet.billing_period,
            files: files.collect(),
            imported_at: time(sheet.imported_at),
        }
    }
}
