//! Microsoft's price sheets, by month.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// Stored price sheet of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceSheetRow {
    /// The month, such as `2026-10`.
    pub billing_period: String,
    /// Its files, as JSON.
    pub files: String,
    /// Time of the import.
    pub imported_at: Timestamp,
}

/// Puts the price sheet of a month, in the place of the one before.
pub async fn put(tx: &mut Tx, partner: PartnerId, sheet: &PriceSheetRow) -> Result<(), Error> {
    let sql =
        "INSERT INTO price_sheets (partner_id, billing_period, files, imported_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (partner_id, billing_period)
               DO UPDATE SET files = excluded.files, imported_at = excluded.imported_at";
    let row = args![partner.0, &sheet.billing_period, &sheet.files, sheet.imported_at.as_second()];
    tx.execute(sql, row).await.map(drop)
}

/// The price sheet of a month.
pub async fn get(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<Option<PriceSheetRow>, Error> {
    let sql = "SELECT billing_period, files, imported_at FROM price_sheets
               WHERE partner_id = $1 AND billing_period = $2";
    tx.first(sql, args![partner.0, period], read).await
}

/// All price sheets, the newest month first.
pub async fn list(tx: &mut Tx, partner: PartnerId) -> Result<Vec<PriceSheetRow>, Error> {
    let sql = "SELECT billing_period, files, imported_at FROM price_sheets WHERE partner_id = $1
               ORDER BY billing_period DESC";
    tx.all(sql, args![partner.0], read).await
}

fn read(row: &mut Row<'_>) -> Result<PriceSheetRow, Error> {
    Ok(PriceSheetRow { billing_period: row.next()?, files: row.next()?, imported_at: row.time()? })
}
