//! Which directory a partner has, and how far its list has been walked.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// A partner's directory as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryRow {
    /// Whose.
    pub partner: PartnerId,
    /// `file` or `partner-center`.
    pub kind: String,
    /// JSON, without secrets.
    pub settings: String,
    /// The credentials, sealed.
    pub sealed: Option<String>,
    /// Another one after each change, also if the directory was taken away in between.
    pub version: i64,
    /// Where the walk through its list goes on.
    pub cursor: Option<String>,
    /// When the walk last came to its end.
    pub synced_at: Option<Timestamp>,
    /// Why the last step of the walk failed, if it did.
    pub failed: Option<String>,
}

const COLUMNS: &str = "partner_id, kind, settings, sealed, version, cursor, synced_at, failed";

/// Give a partner this directory.
///
/// # Errors
/// [`Error`] of the store.
pub async fn set(
    tx: &mut Tx,
    partner: PartnerId,
    kind: &str,
    settings: &str,
    sealed: Option<&str>,
    version: i64,
) -> Result<(), Error> {
    let sql = "INSERT INTO directories (partner_id, kind, settings, sealed, version, leased_until)
               VALUES ($1, $2, $3, $4, $5, 0)
               ON CONFLICT (partner_id) DO UPDATE
               SET kind = excluded.kind, settings = excluded.settings, sealed = excluded.sealed,
                   version = excluded.version, cursor = NULL, synced_at = NULL, failed = NULL, leased_until = 0";
    tx.execute(sql, args![partner.0, kind, settings, sealed, version]).await.map(drop)
}

/// Put newer credentials in the place of those of this version.
///
/// # Errors
/// [`Error`] of the store.
pub async fn reseal(tx: &mut Tx, partner: PartnerId, version: i64, sealed: &str) -> Result<(), Error> {
    let sql = "UPDATE directories SET sealed = $3 WHERE partner_id = $1 AND version = $2";
    tx.execute(sql, args![partner.0, version, sealed]).await.map(drop)
}

/// Take a partner's directory away.
///
/// # Errors
/// [`Error`] of the store.
pub async fn remove(tx: &mut Tx, partner: PartnerId) -> Result<(), Error> {
    tx.execute("DELETE FROM directories WHERE partner_id = $1", args![partner.0]).await.map(drop)
}

/// A partner's directory.
///
/// # Errors
/// [`Error`] of the store.
pub async fn get(tx: &mut Tx, partner: PartnerId) -> Result<Option<DirectoryRow>, Error> {
    tx.first(&format!("SELECT {COLUMNS} FROM directories WHERE partner_id = $1"), args![partner.0], read)
        .await
}

/// All directories.
///
/// # Errors
/// [`Error`] of the store.
pub async fn all(tx: &mut Tx) -> Result<Vec<DirectoryRow>, Error> {
    tx.all(&format!("SELECT {COLUMNS} FROM directories ORDER BY partner_id"), &[], read).await
}

/// Be the one server that walks this directory until then: the directory as it is now. None if another one is, or if
/// the partner has none any more.
///
/// # Errors
/// [`Error`] of the store.
pub async fn lease(
    tx: &mut Tx,
    partner: PartnerId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<DirectoryRow>, Error> {
    let sql = "UPDATE directories SET leased_until = $3 WHERE partner_id = $1 AND leased_until <= $2";
    match tx.execute(sql, args![partner.0, now.as_second(), until.as_second()]).await? {
        0 => Ok(None),
        _ => get(tx, partner).await,
    }
}

/// Note how far the walk has come, and give the lease back. Nothing, if the lease has gone to another server or the
/// directory is another one meanwhile.
///
/// # Errors
/// [`Error`] of the store.
pub async fn progress(
    tx: &mut Tx,
    leased: &DirectoryRow,
    until: Timestamp,
    cursor: Option<&str>,
    synced_at: Option<Timestamp>,
    failed: Option<&str>,
) -> Result<(), Error> {
    let sql = "UPDATE directories SET cursor = $4, synced_at = COALESCE($5, synced_at), failed = $6, leased_until = 0
               WHERE partner_id = $1 AND version = $2 AND leased_until = $3";
    let synced_at = synced_at.map(Timestamp::as_second);
    let row = args![leased.partner.0, leased.version, until.as_second(), cursor, synced_at, failed];
    tx.execute(sql, row).await.map(drop)
}

fn read(row: &mut Row<'_>) -> Result<DirectoryRow, Error> {
    Ok(DirectoryRow {
        partner: PartnerId(row.next()?),
        kind: row.next()?,
        settings: row.next()?,
        sealed: row.next()?,
        version: row.next()?,
        cursor: row.next()?,
        synced_at: row
            .next::<Option<i64>>()?
            .map(Timestamp::from_second)
            .transpose()
            .map_err(Error::defect)?,
        failed: row.next()?,
    })
}
