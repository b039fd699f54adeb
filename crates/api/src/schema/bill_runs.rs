//! Bill runs: what is asked of one, and how it stands.

use super::run_checks::{OtherInvoice, Reconciled, RunChecks, RunWarning};
use super::run_totals::{RunCustomer, RunFile, RunTotal, RunUnassigned};
use super::{Decimal, Error, time};
use app::billing;
use rating::report;
use serde::Serialize;
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// Who has the benefit of the partner earned credit.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EarnedCredit {
    Kept,
    PassedOn,
}

/// One unit of a currency in another.
#[derive(ToSchema)]
pub(crate) struct CurrencyRate {
    #[schema(example = "EUR")]
    from: String,
    #[schema(example = "USD")]
    to: String,
    rate: Decimal,
}

/// A run to be made.
#[derive(ToSchema)]
pub(crate) struct NewBillRun {
    /// The month.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-10")]
    billing_period: String,
    /// All files of the month's invoice: `s3://bucket/key`, `az://container/key`, or `file:PATH` below the folder that
    /// the server is told; CSV, plain, `.gz` or `.zip`, or the folder of a Graph export.
    #[schema(min_items = 1, max_items = 1000)]
    sources: Vec<String>,
    /// Microsoft's price sheet of the month, likewise: CSV, plain, `.gz` or `.zip`. List prices of licences are from it.
    #[schema(max_items = 1000, nullable)]
    price_sheets: Option<Vec<String>>,
    /// Microsoft's invoice. Given, only its lines count.
    #[schema(max_length = 64, nullable, example = "G012345678")]
    invoice_id: Option<String>,
    /// Given, the lines of all bills are in the currency that these lead to; corrections of final months stay in theirs.
    #[schema(max_items = 200, nullable)]
    currency_rates: Option<Vec<CurrencyRate>>,
    /// Whether customers see the bills at once; else they are drafts until the run is published.
    #[schema(nullable)]
    publish: Option<bool>,
    /// Whether the bills are final at once, and so published.
    #[schema(nullable)]
    finalize: Option<bool>,
    /// The codes of warnings that are accepted: they block nothing, and what they would refuse or hold back goes on.
    #[schema(nullable, example = json!(["below_cost"]))]
    accept: Option<Vec<String>>,
    /// Whether lines and invoices that a final month has not had become corrections of it; else they are refused.
    #[schema(nullable)]
    accept_corrections: Option<bool>,
    /// What the files are expected to cost, tax not included, once for each currency. A difference to the last digit is a
    /// warning that blocks finalizing.
    #[schema(max_items = 200, nullable)]
    expected_totals: Option<Vec<ExpectedMoney>>,
}

/// A sum in a currency, as it is expected.
#[derive(ToSchema)]
pub(crate) struct ExpectedMoney {
    #[schema(example = "USD")]
    currency: String,
    amount: Decimal,
}

/// How a run stands.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// What has become of a run's bills: drafts that the partner alone sees, published estimates, final; or final statements of its
/// month were voided.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunStage {
    Draft,
    Published,
    Final,
    Void,
}

/// How far a run is.
#[derive(ToSchema, Serialize)]
pub(crate) struct Progress {
    bytes_read: u64,
    bytes_total: u64,
    lines: u64,
    customers: u64,
}

/// What came in for a final month, and can be put on no bill.
#[derive(ToSchema, Serialize)]
pub(crate) struct PendingCorrection {
    customer_id: i64,
    /// The month that was final.
    billing_period: String,
    /// The version of that month's bill that lists its lines.
    version: i64,
    currency: String,
    amount: String,
    /// `no customer`, `billing off`, or `another run or a final statement has it`.
    reason: String,
}

/// What is wrong, and where.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunError {
    /// The source, and a file in it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// The name of the column.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    /// The customer whose bill could not be written.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<i64>,
    message: String,
}

/// A run and its report.
#[derive(ToSchema, Serialize)]
pub struct BillRun {
    id: i64,
    billing_period: String,
    /// `null` where the lines are of several, and on their statements too.
    invoice_id: Option<String>,
    /// All of them, where there are several.
    invoice_ids: Vec<String>,
    state: RunState,
    /// `null` of a run that has not succeeded.
    #[schema(inline)]
    stage: Option<RunStage>,
    progress: Progress,
    totals: Vec<RunTotal>,
    /// Not in a list.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    customers: Option<Vec<RunCustomer>>,
    /// Not in a list.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    unassigned: Option<Vec<RunUnassigned>>,
    /// Not in a list.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_corrections: Option<Vec<PendingCorrection>>,
    /// `null` until there is a report.
    checks: Option<RunChecks>,
    errors: Vec<RunError>,
    /// Not in a list.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<RunFile>>,
    /// What is to be looked at, though there are bills.
    warnings: Vec<RunWarning>,
    /// How reconciliation and daily usage of an invoice were made one; missing where no invoice of the run has both.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reconciled: Option<Reconciled>,
    /// Lines of other invoices, which count in nothing above.
    other_invoices: Vec<OtherInvoice>,
    sources: Vec<String>,
    finalize: bool,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A page of runs.
#[derive(ToSchema, Serialize)]
pub struct BillRunList {
    bill_runs: Vec<BillRun>,
}

impl From<rating::EarnedCredit> for EarnedCredit {
    fn from(credit: rating::EarnedCredit) -> Self {
        match credit {
            rating::EarnedCredit::Kept => EarnedCredit::Kept,
            rating::EarnedCredit::PassedOn => EarnedCredit::PassedOn,
        }
    }
}

impl From<billing::RunState> for RunState {
    fn from(state: billing::RunState) -> Self {
        match state {
            billing::RunState::Queued => RunState::Queued,
            billing::RunState::Running => RunState::Running,
            billing::RunState::Succeeded => RunState::Succeeded,
            billing::RunState::Failed => RunState::Failed,
            billing::RunState::Cancelled => RunState::Cancelled,
        }
    }
}

impl From<billing::Stage> for RunStage {
    fn from(stage: billing::Stage) -> Self {
        match stage {
            billing::Stage::Draft => RunStage::Draft,
            billing::Stage::Published => RunStage::Published,
            billing::Stage::Final => RunStage::Final,
            billing::Stage::Void => RunStage::Void,
        }
    }
}

impl From<report::Done> for Progress {
    fn from(done: report::Done) -> Self {
        let report::Done { bytes_read, bytes_total, lines, customers } = done;
        Progress { bytes_read, bytes_total, lines, customers }
    }
}

impl From<billing::PendingCorrection> for PendingCorrection {
    fn from(pending: billing::PendingCorrection) -> Self {
        let billing::PendingCorrection { customer_id, billing_period, version, currency, amount, reason } =
            pending;
        PendingCorrection { customer_id, billing_period, version, currency, amount, reason }
    }
}

impl From<billing::RunError> for RunError {
    fn from(error: billing::RunError) -> Self {
        let billing::RunError { place, customer_id, message, .. } = error;
        let billing::Place { file, line, column } = place;
        RunError { file, line, column, customer_id, message }
    }
}

pub(super) fn all<T, W: From<T>>(values: Vec<T>) -> Vec<W> {
    values.into_iter().map(W::from).collect()
}

impl From<billing::RunView> for BillRun {
    fn from(run: billing::RunView) -> Self {
        let billing::RunView {
            id,
            billing_period,
            invoice_id,
            invoice_ids,
            state,
            stage,
            progress,
            totals,
            customers,
            unassigned,
            pending_corrections,
            checks,
            errors,
            files,
            warnings,
            reconciled,
            other_invoices,
            sources,
            finalize,
            created_at,
            updated_at,
        } = run;
        BillRun {
            id,
            billing_period,
            invoice_id,
            invoice_ids,
            state: state.into(),
            stage: stage.map(RunStage::from),
            progress: progress.into(),
            totals: all(totals),
            customers: customers.map(all),
            unassigned: unassigned.map(all),
            pending_corrections: pending_corrections.map(all),
            checks: checks.map(RunChecks::from),
            errors: all(errors),
            files: files.map(all),
            warnings: all(warnings),
            reconciled: reconciled.map(Reconciled::from),
            other_invoices: all(other_invoices),
            sources,
            finalize,
            created_at: time(created_at),
            updated_at: time(updated_at),
        }
    }
}

impl From<Vec<billing::RunView>> for BillRunList {
    fn from(runs: Vec<billing::RunView>) -> Self {
        BillRunList { bill_runs: all(runs) }
    }
}

/// What is accepted when statements become final. The body may be left out.
#[derive(ToSchema)]
pub(crate) struct Finalization {
    /// Codes of warnings that would keep the statements from becoming final.
    #[schema(required = false, example = json!(["below_cost"]))]
    accept: Vec<String>,
}

/// What is accepted when statements are published. The body may be left out.
#[derive(ToSchema)]
pub(crate) struct Publication {
    /// Codes of warnings that would keep the statements from being published.
    #[schema(required = false, example = json!(["facts_changed"]))]
    accept: Vec<String>,
}

/// Final statements that are reversed.
#[derive(ToSchema)]
pub(crate) struct VoidRequest {
    /// Of these customers; by default of all that have one.
    #[schema(min_items = 1, nullable)]
    customer_ids: Option<Vec<i64>>,
    /// Why. The customers read it.
    #[schema(min_length = 1, max_length = 255, example = "billed for the wrong month")]
    reason: String,
}

/// Customers whose bills are released.
#[derive(ToSchema)]
pub(crate) struct Release {
    #[schema(min_items = 1)]
    customer_ids: Vec<i64>,
    /// Codes of warnings that would keep them from being published, where the run is.
    #[schema(required = false, example = json!(["facts_changed"]))]
    accept: Vec<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct BillRunId {
    /// The run's id.
    id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RunCustomerId {
    /// The customer's id.
    customer_id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunParameters {
    /// The month.
    billing_period: Option<String>,
    /// How it stands.
    state: Option<RunState>,
}

/// What operations on runs may answer beside.
#[derive(IntoResponses)]
pub(crate) enum RunRefusals {
    /// A run of the month is under way, or this one is not as it has to be for that; or the first request with this
    /// `Idempotency-Key` is still under way.
    #[response(status = 409)]
    Conflict(Error),
}
