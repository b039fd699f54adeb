//! A run as callers see it.

use super::report::{CustomerBill, PendingCorrection, Progress, RunError, RunReport, RunWarning, stored};
use super::request::RunRequest;
use crate::Error;
use jiff::Timestamp;
use rating::report::{Checks, FileRead, OtherInvoice, Reconciled, Total, Unassigned};
use store::bill_runs::{BillRun, State};

/// A run and its report. What only a whole report has is `None` in a list.
#[derive(Clone, Debug)]
pub struct RunView {
    /// Run id; 0 of a dry run.
    pub id: i64,
    /// The month.
    pub billing_period: String,
    /// Microsoft's invoice, if there is only one.
    pub invoice_id: Option<String>,
    /// All invoices, where there are several.
    pub invoice_ids: Vec<String>,
    /// The state.
    pub state: State,
    /// What has become of its bills; `None` of a run that has not succeeded.
    pub stage: Option<Stage>,
    /// How far the run is.
    pub progress: Progress,
    /// The sums of each currency.
    pub totals: Vec<Total>,
    /// The bills.
    pub customers: Option<Vec<CustomerBill>>,
    /// Lines that no customer is billed for.
    pub unassigned: Option<Vec<Unassigned>>,
    /// Corrections that are on no bill.
    pub pending_corrections: Option<Vec<PendingCorrection>>,
    /// What was checked; `None` until there are bills.
    pub checks: Option<Checks>,
    /// Why there are no bills, or which could not be written.
    pub errors: Vec<RunError>,
    /// The files that were read.
    pub files: Option<Vec<FileRead>>,
    /// What is to be looked at, though there are bills.
    pub warnings: Vec<RunWarning>,
    /// How reconciliation and daily usage of an invoice were made one; in a list without the differences.
    pub reconciled: Option<Reconciled>,
    /// Lines of other invoices than the one that the run was given.
    pub other_invoices: Vec<OtherInvoice>,
    /// The files of line items that the run was given.
    pub sources: Vec<String>,
    /// Whether the run was told to make its bills final at once.
    pub finalize: bool,
    /// The time of the request.
    pub created_at: Timestamp,
    /// The time of the last change of state.
    pub updated_at: Timestamp,
}

/// What has become of a run's bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The partner alone sees them.
    Draft,
    /// Customers see them as estimates.
    Published,
    /// They are what is owed.
    Final,
    /// Final statements of the month were reversed.
    Void,
}

impl Stage {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Draft => "draft",
            Stage::Published => "published",
            Stage::Final => "final",
            Stage::Void => "void",
        }
    }

    fn of(run: &BillRun, request: &RunRequest) -> Option<Self> {
        (run.state == State::Succeeded).then_some(match request {
            RunRequest { voiding: Some(_), .. } => Stage::Void,
            RunRequest { finalizing: Some(_), .. } | RunRequest { finalize: true, .. } => Stage::Final,
            RunRequest { publish: true, .. } => Stage::Published,
            _ => Stage::Draft,
        })
    }
}

impl RunView {
    /// The whole of a run.
    ///
    /// # Errors
    /// [`Error::Internal`] if what is stored cannot be read.
    pub(super) fn of(run: &BillRun) -> Result<Self, Error> {
        let report = RunReport::of_run(run)?.unwrap_or_default();
        let request = RunRequest::of_run(run)?;
        let stage = Stage::of(run, &request);
        Ok(RunView {
            id: run.id,
            billing_period: run.billing_period.clone(),
            invoice_id: report.invoice_id.or(request.invoice_id),
            invoice_ids: report.invoice_ids,
            state: run.state,
            stage,
            progress: progress_of(run)?,
            totals: report.totals,
            customers: Some(report.customers),
            unassigned: Some(report.unassigned),
            pending_corrections: Some(report.pending_corrections),
            checks: report.checks,
            errors: report.errors,
            files: Some(report.files),
            warnings: report.warnings,
            reconciled: report.reconciled,
            other_invoices: report.other_invoices,
            sources: request.sources,
            finalize: request.finalize,
            created_at: run.created_at,
            updated_at: run.updated_at,
        })
    }

    /// The run as lists have it.
    pub(super) fn short(self) -> Self {
        RunView { customers: None, unassigned: None, pending_corrections: None, files: None, ..self }
    }
}

/// How far a run is, as it is stored.
pub(super) fn progress_of(run: &BillRun) -> Result<Progress, Error> {
    let text = run.progress.as_deref();
    Ok(text.map(|text| stored("the progress of a bill run", text)).transpose()?.unwrap_or_default())
}
