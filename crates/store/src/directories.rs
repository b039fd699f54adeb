//! Directories of partners, and the progress of their syncs.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// Stored directory of a partner.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryRow {
    /// Partner that owns the directory.
    pub partner: PartnerId,
    /// Type: `file` or `partner-center`.
    pub kind: String,
    /// Settings without secrets, as JSON.
    pub settings: String,
    /// Encrypted credentials.
    pub sealed: Option<String>,
    /// Version, different after each change, also if the directory was removed in between.
    pub version: i64,
    /// Position at which the sync continues.
    pub cursor: Option<String>,
    /// Time when the last sync completed.
    pub synced_at: Option<Timestamp>,
    /// Error of the last step of the sync, if it failed.
    pub failure: Option<Failure>,
    /// Reason why the last sync could not read the whole list, if so.
    pub list_cut_off: Option<String>,
    /// Walk through the list that is under way.
    pub walk: Option<Walk>,
    /// Last walk that came to the end of the list.
    pub walked: Option<Walked>,
    /// Time of the last test of the connection, and its report as JSON.
    pub tested: Option<(Timestamp, String)>,
}

/// Walk through the list of a directory that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Time of its start.
    pub began_at: Timestamp,
    /// Number of entries of the list so far.
    pub tenants: i64,
}

/// Walk that came to the end of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Time of its start.
    pub from: Timestamp,
    /// Time of its end.
    pub until: Timestamp,
    /// Number of entries of the list.
    pub tenants: i64,
}

/// Error of the last step of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Error code for programs, such as `mfa_required`.
    pub code: String,
    /// Message for the operator: what happened and what to do.
    pub message: String,
    /// Time of the first of the consecutive failed steps.
    pub since: Timestamp,
}

/// Outcome of a step of a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepResult {
    /// Position at which the sync continues; `None` after its end.
    pub cursor: Option<String>,
    /// Time when the sync completed, if this was its last step.
    pub synced_at: Option<Timestamp>,
    /// Error of the step. Its `since` is used only if the step before did not fail.
    pub failure: Option<Failure>,
    /// Reason why the sync could not read the whole list.
    pub list_cut_off: Option<String>,
    /// Walk that goes on with the next step.
    pub walk: Option<Walk>,
    /// Walk that this step has ended.
    pub walked: Option<Walked>,
}

/// A directory that is being connected.
#[derive(Clone, Debug)]
pub struct NewDirectory {
    /// Partner that owns the directory.
    pub partner: PartnerId,
    /// Type: `file` or `partner-center`.
    pub kind: &'static str,
    /// Settings without secrets, as JSON.
    pub settings: String,
    /// Encrypted credentials.
    pub sealed: Option<String>,
    /// Version, different after each change, also if the directory was removed in between.
    pub version: i64,
}

const COLUMNS: &str =
    "partner_id, kind, settings, sealed, version, cursor, synced_at, failed, failed_code, failed_since,
    list_cut_off, walk_began_at, walk_tenants, walked_from, walked_until, walked_tenants, tested_at, tested";

/// Sets the directory of a partner, and forgets what was known of the one before.
pub async fn set(tx: &mut Tx, new: &NewDirectory) -> Result<(), Error> {
    let NewDirectory { partner, kind, settings, sealed, version } = new;
    let sql = "INSERT INTO directories (partner_id, kind, settings, sealed, version, leased_until)
               VALUES ($1, $2, $3, $4, $5, 0)
               ON CONFLICT (partner_id) DO UPDATE
               SET kind = excluded.kind, settings = excluded.settings, sealed = excluded.sealed,
                   version = excluded.version, cursor = NULL, synced_at = NULL, failed = NULL, failed_code = NULL,
                   failed_since = NULL, list_cut_off = NULL, leased_until = 0, walk_began_at = NULL,
                   walk_tenants = NULL, walked_from = NULL, walked_until = NULL, walked_tenants = NULL,
                   tested_at = NULL, tested = NULL";
    tx.execute(sql, args![partner.0, *kind, settings, sealed.as_deref(), *version]).await.map(drop)
}

/// Replaces the credentials of this version by other ones, under another version, so that every server reads them again. The
/// error of the last step goes with them. `false` if the directory was replaced or removed meanwhile.
pub async fn replace_credentials(
    tx: &mut Tx,
    partner: PartnerId,
    version: i64,
    next_version: i64,
    sealed: &str,
) -> Result<bool, Error> {
    let sql =
        "UPDATE directories SET sealed = $4, version = $3, cursor = NULL, failed = NULL, failed_code = NULL,
                   failed_since = NULL, walk_began_at = NULL, walk_tenants = NULL, leased_until = 0
               WHERE partner_id = $1 AND version = $2";
    Ok(tx.execute(sql, args![partner.0, version, next_version, sealed]).await? > 0)
}

/// Records a test of this version's connection.
pub async fn set_tested(
    tx: &mut Tx,
    partner: PartnerId,
    version: i64,
    at: Timestamp,
    report: &str,
) -> Result<(), Error> {
    let sql = "UPDATE directories SET tested_at = $3, tested = $4 WHERE partner_id = $1 AND version = $2";
    tx.execute(sql, args![partner.0, version, at.as_second(), report]).await.map(drop)
}

/// Replaces the credentials of this version.
pub async fn reseal(tx: &mut Tx, partner: PartnerId, version: i64, sealed: &str) -> Result<(), Error> {
    let sql = "UPDATE directories SET sealed = $3 WHERE partner_id = $1 AND version = $2";
    tx.execute(sql, args![partner.0, version, sealed]).await.map(drop)
}

/// Deletes the directory of a partner. `false` if it has none.
pub async fn remove(tx: &mut Tx, partner: PartnerId) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM directories WHERE partner_id = $1", args![partner.0]).await? > 0)
}

/// A partner's directory.
pub async fn get(tx: &mut Tx, partner: PartnerId) -> Result<Option<DirectoryRow>, Error> {
    tx.first(&format!("SELECT {COLUMNS} FROM directories WHERE partner_id = $1"), args![partner.0], read)
        .await
}

/// All directories.
pub async fn all(tx: &mut Tx) -> Result<Vec<DirectoryRow>, Error> {
    tx.all(&format!("SELECT {COLUMNS} FROM directories ORDER BY partner_id"), &[], read).await
}

/// Takes the lease for syncing a directory, and returns the directory. `None` if another server has the lease, or if the
/// directory was removed.
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

/// Records the outcome of a step and releases the lease. Changes nothing if the lease is lost or the directory was replaced.
pub async fn progress(
    tx: &mut Tx,
    leased: &DirectoryRow,
    until: Timestamp,
    result: &StepResult,
) -> Result<(), Error> {
    let sql = "UPDATE directories SET cursor = $4, synced_at = COALESCE($5, synced_at), failed = $6, failed_code = $7,
                   failed_since = CASE WHEN CAST($6 AS TEXT) IS NULL THEN NULL ELSE COALESCE(failed_since, $8) END,
                   list_cut_off = $9, walk_began_at = $10, walk_tenants = $11, walked_from = COALESCE($12, walked_from),
                   walked_until = COALESCE($13, walked_until), walked_tenants = COALESCE($14, walked_tenants),
                   leased_until = 0
               WHERE partner_id = $1 AND version = $2 AND leased_until = $3";
    let failure = result.failure.as_ref();
    let row = args![
        leased.partner.0,
        leased.version,
        until.as_second(),
        result.cursor.as_deref(),
        result.synced_at.map(Timestamp::as_second),
        failure.map(|failure| failure.message.as_str()),
        failure.map(|failure| failure.code.as_str()),
        failure.map(|failure| failure.since.as_second()),
        result.list_cut_off.as_deref(),
        result.walk.map(|walk| walk.began_at.as_second()),
        result.walk.map(|walk| walk.tenants),
        result.walked.map(|walked| walked.from.as_second()),
        result.walked.map(|walked| walked.until.as_second()),
        result.walked.map(|walked| walked.tenants)
    ];
    tx.execute(sql, row).await.map(drop)
}

/// Restarts the sync from its beginning at the next step. `false` if the partner has no directory.
pub async fn request_walk(tx: &mut Tx, partner: PartnerId) -> Result<bool, Error> {
    let sql =
        "UPDATE directories SET cursor = NULL, synced_at = NULL, walk_began_at = NULL, walk_tenants = NULL
               WHERE partner_id = $1";
    Ok(tx.execute(sql, args![partner.0]).await? > 0)
}

fn read(row: &mut Row<'_>) -> Result<DirectoryRow, Error> {
    let time = |second| Timestamp::from_second(second).map_err(Error::defect);
    Ok(DirectoryRow {
        partner: PartnerId(row.next()?),
        kind: row.next()?,
        settings: row.next()?,
        sealed: row.next()?,
        version: row.next()?,
        cursor: row.next()?,
        synced_at: row.next::<Option<i64>>()?.map(time).transpose()?,
        failure: {
            let message = row.next::<Option<String>>()?;
            let code = row.next::<Option<String>>()?.unwrap_or_else(|| "unknown".to_owned());
            let since = row.next::<Option<i64>>()?.map(time).transpose()?.unwrap_or(Timestamp::UNIX_EPOCH);
            message.map(|message| Failure { code, message, since })
        },
        list_cut_off: row.next()?,
        walk: {
            let began_at = row.next::<Option<i64>>()?.map(time).transpose()?;
            let tenants = row.next::<Option<i64>>()?;
            began_at.zip(tenants).map(|(began_at, tenants)| Walk { began_at, tenants })
        },
        walked: {
            let from = row.next::<Option<i64>>()?.map(time).transpose()?;
            let until = row.next::<Option<i64>>()?.map(time).transpose()?;
            let tenants = row.next::<Option<i64>>()?;
            from.zip(until).zip(tenants).map(|((from, until), tenants)| Walked { from, until, tenants })
        },
        tested: {
            let at = row.next::<Option<i64>>()?.map(time).transpose()?;
            let report = row.next::<Option<String>>()?;
            at.zip(report)
        },
    })
}
