//! What the OpenAPI document says of the billing settings and of price sheets.
#![expect(dead_code, reason = "these types describe; the domain's types are what is read and written")]

use super::{Address, StoredAddress};
use utoipa::ToSchema;

/// What a partner's statements are to say.
#[derive(ToSchema)]
pub(crate) struct NewBillingSettings {
    /// What the numbers of statements begin with, before year and number: `CON-` for `CON-2026-0001`. At most 20 letters, digits and
    /// `-_./`, a letter or digit first. Nothing if it is left out.
    #[schema(nullable, example = "CON-")]
    statement_number_prefix: Option<String>,
    /// Days after its issue by which a statement is to be paid. Statements have no due date if it is left out.
    #[schema(nullable, minimum = 0, maximum = 365)]
    due_days: Option<i64>,
    /// The partner's name on statements; its own if it is left out.
    #[schema(nullable, example = "Contoso Ltd")]
    display_name: Option<String>,
    /// The partner's address on statements.
    #[schema(nullable)]
    address: Option<Address>,
}

/// What a partner's statements say.
#[derive(ToSchema)]
pub(crate) struct BillingSettings {
    #[schema(example = "CON-")]
    statement_number_prefix: String,
    due_days: Option<i64>,
    #[schema(example = "Contoso Ltd")]
    display_name: Option<String>,
    address: Option<StoredAddress>,
}

/// A price sheet that is imported.
#[derive(ToSchema)]
pub(crate) struct NewPriceSheet {
    /// The month that it is of.
    #[schema(example = "2026-10")]
    billing_period: String,
    /// Its files: `s3://bucket/key`, `az://container/key`, or `file:PATH` below the server's folder for sources.
    #[schema(min_items = 1, max_items = 50)]
    sources: Vec<String>,
}

/// A file of a price sheet.
#[derive(ToSchema)]
pub(crate) struct PriceSheetFile {
    /// What reports of runs call it.
    file: String,
    /// The number of its rows with a list price.
    #[schema(minimum = 1)]
    rows: u64,
}

/// The price sheet of a month.
#[derive(ToSchema)]
pub(crate) struct PriceSheet {
    #[schema(example = "2026-10")]
    billing_period: String,
    files: Vec<PriceSheetFile>,
    #[schema(format = "date-time")]
    imported_at: String,
}

/// All price sheets.
#[derive(ToSchema)]
pub(crate) struct PriceSheetList {
    price_sheets: Vec<PriceSheet>,
}
