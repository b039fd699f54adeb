//! What a partner says of its statements.

use crate::engine::value::args;
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// The settings, as JSON; `None` if the partner has set none.
pub async fn get(tx: &mut Tx, partner: PartnerId) -> Result<Option<String>, Error> {
    let sql = "SELECT settings FROM billing_settings WHERE partner_id = $1";
    tx.first(sql, args![partner.0], |row| row.next()).await
}

/// Replaces the settings.
pub async fn set(tx: &mut Tx, partner: PartnerId, settings: &str, now: Timestamp) -> Result<(), Error> {
    let sql = "INSERT INTO billing_settings (partner_id, settings, updated_at) VALUES ($1, $2, $3)
               ON CONFLICT (partner_id) DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at";
    tx.execute(sql, args![partner.0, settings, now.as_second()]).await.map(drop)
}
