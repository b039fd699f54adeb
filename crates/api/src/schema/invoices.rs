//! Microsoft's invoices, and their fetches.

use super::time;
use app::billing;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// A fetch to be made.
#[derive(ToSchema)]
pub(crate) struct NewInvoiceFetch {
    /// The month.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-10")]
    billing_period: String,
    /// One invoice of the month; by default all of them.
    #[schema(max_length = 64, nullable, example = "G012345678")]
    invoice_id: Option<String>,
    /// What Microsoft has on no invoice yet, of the current month or the one before, instead of invoices.
    #[schema(nullable)]
    unbilled: Option<bool>,
}

/// How a fetch stands.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FetchState {
    Queued,
    Running,
    Succeeded,
    Failed,
}

/// How far a fetch is.
#[derive(ToSchema, Serialize)]
pub(crate) struct FetchProgress {
    exports_done: u64,
    exports_total: u64,
    blobs_done: u64,
    /// Of the exports that have begun.
    blobs_total: u64,
    bytes_read: u64,
}

/// Why a fetch failed.
#[derive(ToSchema, Serialize)]
pub(crate) struct FetchError {
    /// `not_connected`, `no_invoice`, `no_data`, `refused`, `mfa_required`, `unreachable`, `throttled`, `invalid`,
    /// `export_failed`, `export_timed_out`, `damaged`, `disk`, `store`, `sources_shared`, `cancelled` or `abandoned`.
    #[schema(example = "mfa_required")]
    code: String,
    /// What happened, and what to do.
    message: String,
}

/// A fetch of a month's invoices.
#[derive(ToSchema, Serialize)]
pub struct InvoiceFetch {
    id: i64,
    #[schema(example = "2026-10")]
    billing_period: String,
    invoice_id: Option<String>,
    unbilled: bool,
    state: FetchState,
    progress: FetchProgress,
    /// Where everything is, as a bill run takes it.
    #[schema(example = json!(["file:2026-10/G012345678/8DD0/reconciliation", "file:2026-10/G012345678/8DD1/usage"]))]
    sources: Vec<String>,
    error: Option<FetchError>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A page of fetches.
#[derive(ToSchema, Serialize)]
pub(crate) struct InvoiceFetchList {
    invoice_fetches: Vec<InvoiceFetch>,
}

/// What an export has of an invoice.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportKind {
    /// All lines, usage in sums.
    Reconciliation,
    /// Azure by the day.
    Usage,
}

/// A version of an invoice's lines that was fetched.
#[derive(ToSchema, Serialize)]
pub(crate) struct FetchedExport {
    #[schema(value_type = ExportKind)]
    kind: String,
    /// Microsoft's name for the version of the data.
    etag: String,
    /// Where it is, as a bill run takes it.
    source: String,
    blobs: i64,
    bytes: i64,
    #[schema(format = "date-time")]
    fetched_at: String,
}

/// An invoice of Microsoft to the partner.
#[derive(ToSchema, Serialize)]
pub(crate) struct MicrosoftInvoice {
    #[schema(example = "G012345678")]
    id: String,
    #[schema(format = "date")]
    invoice_date: Option<String>,
    #[schema(format = "date")]
    period_start: Option<String>,
    #[schema(format = "date")]
    period_end: Option<String>,
    /// The month that it charges.
    billing_period: String,
    /// With tax, in exact decimal digits.
    #[schema(example = "1234.56")]
    total_charges: String,
    #[schema(example = "USD")]
    currency: String,
    document_type: String,
    invoice_type: String,
    /// All versions, the newest of each kind last.
    fetched: Vec<FetchedExport>,
    /// The last fetch of its month.
    last_fetch: Option<InvoiceFetch>,
    /// The last run that has billed it.
    bill_run_id: Option<i64>,
    /// Whether it is on final bills.
    #[serde(rename = "final")]
    is_final: bool,
    /// Cost and tax of the lines that were read for it; unknown of a run over several invoices.
    billed_total: Option<String>,
    /// Whether that is what Microsoft charges.
    ties: Option<bool>,
}

impl From<billing::FetchState> for FetchState {
    fn from(state: billing::FetchState) -> Self {
        match state {
            billing::FetchState::Queued => FetchState::Queued,
            billing::FetchState::Running => FetchState::Running,
            billing::FetchState::Succeeded => FetchState::Succeeded,
            billing::FetchState::Failed => FetchState::Failed,
        }
    }
}

impl From<billing::FetchFailure> for FetchError {
    fn from(failure: billing::FetchFailure) -> Self {
        let billing::FetchFailure { code, message } = failure;
        FetchError { code, message }
    }
}

impl From<billing::FetchProgress> for FetchProgress {
    fn from(progress: billing::FetchProgress) -> Self {
        let billing::FetchProgress { exports_done, exports_total, blobs_done, blobs_total, bytes_read } =
            progress;
        FetchProgress { exports_done, exports_total, blobs_done, blobs_total, bytes_read }
    }
}

impl From<billing::FetchView> for InvoiceFetch {
    fn from(fetch: billing::FetchView) -> Self {
        InvoiceFetch {
            id: fetch.id,
            billing_period: fetch.billing_period,
            invoice_id: fetch.invoice_id,
            unbilled: fetch.unbilled,
            state: fetch.state.into(),
            progress: fetch.progress.into(),
            sources: fetch.sources,
            error: fetch.error.map(FetchError::from),
            created_at: time(fetch.created_at),
            updated_at: time(fetch.updated_at),
        }
    }
}

impl InvoiceFetchList {
    pub(crate) fn of(fetches: Vec<billing::FetchView>) -> Self {
        InvoiceFetchList { invoice_fetches: fetches.into_iter().map(InvoiceFetch::from).collect() }
    }
}

impl From<billing::InvoiceExport> for FetchedExport {
    fn from(export: billing::InvoiceExport) -> Self {
        let billing::InvoiceExport { kind, etag, source, blobs, bytes, fetched_at } = export;
        FetchedExport { kind, etag, source, blobs, bytes, fetched_at: time(fetched_at) }
    }
}

impl From<billing::InvoiceView> for MicrosoftInvoice {
    fn from(invoice: billing::InvoiceView) -> Self {
        MicrosoftInvoice {
            id: invoice.id,
            invoice_date: invoice.invoice_date,
            period_start: invoice.period_start,
            period_end: invoice.period_end,
            billing_period: invoice.billing_period,
            total_charges: invoice.total_charges,
            currency: invoice.currency,
            document_type: invoice.document_type,
            invoice_type: invoice.invoice_type,
            fetched: invoice.fetched.into_iter().map(FetchedExport::from).collect(),
            last_fetch: invoice.last_fetch.map(InvoiceFetch::from),
            bill_run_id: invoice.bill_run_id,
            is_final: invoice.is_final,
            billed_total: invoice.billed_total.map(|total| total.to_string()),
            ties: invoice.ties,
        }
    }
}

impl MicrosoftInvoiceList {
    pub(crate) fn of(invoices: Vec<billing::InvoiceView>) -> Self {
        MicrosoftInvoiceList { invoices: invoices.into_iter().map(MicrosoftInvoice::from).collect() }
    }
}

/// Microsoft's invoices.
#[derive(ToSchema, Serialize)]
pub(crate) struct MicrosoftInvoiceList {
    invoices: Vec<MicrosoftInvoice>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InvoiceFetchId {
    /// The fetch's id.
    id: i64,
}
