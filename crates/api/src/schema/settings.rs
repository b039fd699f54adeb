//! The billing settings, and price sheets.

use super::{Address, StoredAddress, time};
use app::billing;
use serde::Serialize;
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
#[derive(ToSchema, Serialize)]
pub struct BillingSettings {
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
#[derive(ToSchema, Serialize)]
pub(crate) struct PriceSheetFile {
    /// What reports of runs call it.
    file: String,
    /// The number of its rows with a list price.
    #[schema(minimum = 1)]
    rows: u64,
}

/// The price sheet of a month.
#[derive(ToSchema, Serialize)]
pub struct PriceSheet {
    #[schema(example = "2026-10")]
    billing_period: String,
    files: Vec<PriceSheetFile>,
    #[schema(format = "date-time")]
    imported_at: String,
}

/// All price sheets.
#[derive(ToSchema, Serialize)]
pub struct PriceSheetList {
    price_sheets: Vec<PriceSheet>,
}

impl From<billing::BillingSettings> for BillingSettings {
    fn from(settings: billing::BillingSettings) -> Self {
        let billing::BillingSettings { statement_number_prefix, due_days, display_name, address } = settings;
        let address = address.map(StoredAddress::from);
        BillingSettings { statement_number_prefix, due_days, display_name, address }
    }
}

impl From<billing::PriceSheetView> for PriceSheet {
    fn from(sheet: billing::PriceSheetView) -> Self {
        let billing::PriceSheetView { billing_period, files, imported_at } = sheet;
        let file = |billing::PriceSheetFile { file, rows }| PriceSheetFile { file, rows };
        let files = files.into_iter().map(file).collect();
        PriceSheet { billing_period, files, imported_at: time(imported_at) }
    }
}

/// The price sheets of a partner, the newest month first.
impl From<Vec<billing::PriceSheetView>> for PriceSheetList {
    fn from(sheets: Vec<billing::PriceSheetView>) -> Self {
        PriceSheetList { price_sheets: sheets.into_iter().map(PriceSheet::from).collect() }
    }
}
