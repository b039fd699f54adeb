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

/// A partner's logo without its picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoRow {
    /// The start of the SHA-256 of the picture, in lower-case hex.
    pub digest: String,
    /// In pixels.
    pub width: i64,
    /// In pixels.
    pub height: i64,
}

/// A partner as visitors of its portal see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// The partner.
    pub partner: PartnerId,
    /// Its name as its customers see it.
    pub name: String,
    /// The colour, as six hex digits; empty for none.
    pub colour: String,
    /// The logo.
    pub logo: Option<LogoRow>,
}

/// A partner's branding.
pub async fn get(tx: &mut Tx, partner: PartnerId) -> Result<Option<BrandingRow>, Error> {
    let sql = "SELECT name, colour, portal_host FROM branding WHERE partner_id = $1";
    tx.first(sql, args![partner.0], read).await
}

/// The partner that has this host for its portal.
pub async fn portal(tx: &mut Tx, host: &str) -> Result<Option<Portal>, Error> {
    let sql = "SELECT b.partner_id, CASE WHEN b.name = '' THEN p.name ELSE b.name END, b.colour,
                      g.digest, g.width, g.height
               FROM branding b JOIN partners p ON p.id = b.partner_id
               LEFT JOIN branding_logos g ON g.partner_id = b.partner_id
               WHERE b.portal_host = $1";
    tx.first(sql, args![host], |row| {
        let (partner, name, colour) = (PartnerId(row.next()?), row.next()?, row.next()?);
        Ok(Portal { partner, name, colour, logo: read_logo(row)? })
    })
    .await
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

/// A partner's logo.
pub async fn logo(tx: &mut Tx, partner: PartnerId) -> Result<Option<LogoRow>, Error> {
    let sql = "SELECT digest, width, height FROM branding_logos WHERE partner_id = $1";
    tx.first(sql, args![partner.0], |row| {
        Ok(LogoRow { digest: row.next()?, width: row.next()?, height: row.next()? })
    })
    .await
}

/// The picture with this digest, a PNG in base64, whosever it is.
pub async fn picture(tx: &mut Tx, digest: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT png FROM branding_logos WHERE digest = $1 LIMIT 1";
    tx.first(sql, args![digest], |row| row.next()).await
}

/// Sets a partner's logo. `png` is the picture in base64.
pub async fn set_logo(
    tx: &mut Tx,
    partner: PartnerId,
    logo: &LogoRow,
    png: &str,
    now: Timestamp,
) -> Result<(), Error> {
    remove_logo(tx, partner).await?;
    let sql = "INSERT INTO branding_logos (partner_id, digest, width, height, png, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6)";
    let LogoRow { digest, width, height } = logo;
    tx.execute(sql, args![partner.0, digest, *width, *height, png, now.as_second()]).await.map(drop)
}

/// Removes a partner's logo. `false` if it has none.
pub async fn remove_logo(tx: &mut Tx, partner: PartnerId) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM branding_logos WHERE partner_id = $1", args![partner.0]).await? > 0)
}

/// Digest, width and height of a logo that may be absent.
pub(crate) fn read_logo(row: &mut Row<'_>) -> Result<Option<LogoRow>, Error> {
    let (digest, width, height): (Option<String>, Option<i64>, Option<i64>) =
        (row.next()?, row.next()?, row.next()?);
    Ok(match (digest, width, height) {
        (Some(digest), Some(width), Some(height)) => Some(LogoRow { digest, width, height }),
        _ => None,
    })
}

fn read(row: &mut Row<'_>) -> Result<BrandingRow, Error> {
    Ok(BrandingRow { name: row.next()?, colour: row.next()?, portal_host: row.next()? })
}
