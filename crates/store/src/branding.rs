//! How partners appear to their customers.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// Stored branding of a partner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrandingRow {
    /// The name; empty for the partner's display name.
    pub name: String,
    /// The colour, as six hex digits; empty for none.
    pub colour: String,
    /// The host of the portal, in lower case.
    pub portal_host: Option<String>,
}

/// A partner's branding.
pub async fn get(tx: &mut Tx, partner: PartnerId) -> Result<Option<BrandingRow>, Error> {
    let sql = "SELECT name, colour, portal_host FROM branding WHERE partner_id = $1";
    tx.first(sql, args![partner.0], read).await
}

/// The partner that has this host for its portal.
pub async fn partner_of_host(tx: &mut Tx, host: &str) -> Result<Option<PartnerId>, Error> {
    let sql = "SELECT partner_id FROM branding WHERE portal_host = $1";
    tx.first(sql, args![host], |row| Ok(PartnerId(row.next()?))).await
}

/// Sets a partner's branding. `false` if another partner has the host.
pub async fn set(tx: &mut Tx, partner: PartnerId, row: &BrandingRow, now: Timestamp) -> Result<bool, Error> {
    tx.execute("DELETE FROM branding WHERE partner_id = $1", args![partner.0]).await?;
    let sql = "INSERT INTO branding (partner_id, name, colour, portal_host, updated_at)
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let BrandingRow { name, colour, portal_host } = row;
    let row = args![partner.0, name, colour, portal_host.as_deref(), now.as_second()];
    Ok(tx.execute(sql, row).await? > 0)
}

fn read(row: &mut Row<'_>) -> Result<BrandingRow, Error> {
    Ok(BrandingRow { name: row.next()?, colour: row.next()?, portal_host: row.next()? })
}
