//! Partners: the root tenants.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::{DisplayName, PartnerId};
use jiff::Timestamp;

/// A Microsoft CSP partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// Its number on this server.
    pub id: PartnerId,
    /// Its display name, unique on this server.
    pub name: String,
    /// A suspended partner's keys are refused.
    pub suspended: bool,
}

/// Add a partner; `None` if one has this name (compared as customers' names are).
pub async fn insert(tx: &mut Tx, name: &DisplayName, now: Timestamp) -> Result<Option<Partner>, Error> {
    let id = tx.next_partner_id().await?;
    let sql = "INSERT INTO partners (id, name, name_key, suspended, created_at) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING";
    if tx.execute(sql, args![id.0, name.as_str(), &name.key(), false, now.as_second()]).await? == 0 {
        return Ok(None);
    }
    tx.start_ids(id).await?;
    Ok(Some(Partner { id, name: name.as_str().to_owned(), suspended: false }))
}

/// Have a row for the server's own chain of audit events: partner 0, which is no partner. Its name is one that no partner can
/// have.
pub async fn ensure_system(tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
    let sql = "INSERT INTO partners (id, name, name_key, suspended, created_at) VALUES (0, '', '', $1, $2)
               ON CONFLICT DO NOTHING";
    tx.execute(sql, args![true, now.as_second()]).await.map(drop)
}

/// Is there any partner yet?
pub async fn any(tx: &mut Tx) -> Result<bool, Error> {
    Ok(tx
        .first("SELECT id FROM partners WHERE id > 0 LIMIT 1", &[], |row| row.next::<i64>())
        .await?
        .is_some())
}

/// All partners, in the order of their ids.
pub async fn list(tx: &mut Tx) -> Result<Vec<Partner>, Error> {
    tx.all("SELECT id, name, suspended FROM partners WHERE id > 0 ORDER BY id", &[], read).await
}

fn read(row: &mut Row<'_>) -> Result<Partner, Error> {
    Ok(Partner { id: PartnerId(row.next()?), name: row.next()?, suspended: row.next()? })
}

/// Suspend a partner, or let it in again.
pub async fn set_suspended(tx: &mut Tx, id: PartnerId, suspended: bool) -> Result<(), Error> {
    tx.execute("UPDATE partners SET suspended = $2 WHERE id = $1", args![id.0, suspended]).await.map(drop)
}

/// The partner, if there is exactly one.
pub async fn only(tx: &mut Tx) -> Result<Option<Partner>, Error> {
    let found = tx
        .all("SELECT id, name, suspended FROM partners WHERE id > 0 ORDER BY id LIMIT 2", &[], read)
        .await?;
    let mut found = found.into_iter();
    Ok(found.next().filter(|_| found.next().is_none()))
}

/// One partner.
pub async fn get(tx: &mut Tx, id: PartnerId) -> Result<Option<Partner>, Error> {
    tx.first("SELECT id, name, suspended FROM partners WHERE id = $1", args![id.0], read).await
}
