//! What the OpenAPI document says of Microsoft's invoices.
#![expect(dead_code, reason = "these types describe; the domain's types are what is read and written")]

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
#[derive(ToSchema)]
pub(crate) struct FetchProgress {
    exports_done: u64,
    exports_total: u64,
    blobs_done: u64,
    /// Of the exports that have begun.
    blobs_total: u64,
    bytes_read: u64,
}

/// Why a fetch failed.
#[derive(ToSchema)]
pub(crate) struct FetchError {
    /// `not_connected`, `no_invoice`, `no_data`, `refused`, `mfa_required`, `unreachable`, `throttled`, `invalid`,
    /// `export_failed`, `export_timed_out`, `damaged`, `disk`, `store`, `sources_shared`, `cancelled` or `abandoned`.
    #[schema(example = "mfa_required")]
    code: String,
    /// What happened, and what to do.
    message: String,
}

/// A fetch of a month's invoices.
#[derive(ToSchema)]
pub(crate) struct InvoiceFetch {
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
#[derive(ToSchema)]
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
#[derive(ToSchema)]
pub(crate) struct FetchedExport {
    kind: ExportKind,
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
#[derive(ToSchema)]
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
    r#final: bool,
    /// Cost and tax of the lines that were read for it; unknown of a run over several invoices.
    billed_total: Option<String>,
    /// Whether that is what Microsoft charges.
    ties: Option<bool>,
}

/// Microsoft's invoices.
#[derive(ToSchema)]
pub(crate) struct MicrosoftInvoiceList {
    invoices: Vec<MicrosoftInvoice>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InvoiceFetchId {
    /// The fetch's id.
    id: i64,
}
