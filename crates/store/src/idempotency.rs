//! Stored responses of idempotent requests (`Idempotency-Key`).

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// Stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Fingerprint of the request.
    pub fingerprint: String,
    /// Response, in the caller's encoding.
    pub answer: String,
}

/// State of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The request was answered; its stored response.
    Answered(Stored),
    /// Another transaction is processing the request.
    Running,
    /// The key is free; this transaction has locked it until it ends.
    Nothing,
}

/// Locks the key for this transaction, or returns the response that was stored under it after `since`. An older response is
/// deleted.
pub async fn enter(tx: &mut Tx, partner: PartnerId, key: &str, since: Timestamp) -> Result<Found, Error> {
    // PostgreSQL reads the table as it was before the lock was acquired. If a response was stored in between, `keep` violates
    // the unique key and the transaction restarts.
    let hold = tx.hold();
    let sql = format!(
        "SELECT hold.taken, kept.created_at, kept.fingerprint, kept.answer FROM (SELECT {hold} AS taken) hold
         LEFT JOIN idempotency_keys kept ON kept.partner_id = $2 AND kept.key = $3"
    );
    let name = format!("idempotency {partner} {key}");
    if !tx.claim(&name) {
        return Ok(Found::Running);
    }
    let read = |row: &mut Row<'_>| Ok((row.next()?, row.next::<Option<i64>>()?, row.next()?, row.next()?));
    match tx.first(&sql, args![&name, partner.0, key], read).await? {
        Some((false, ..)) => Ok(Found::Running),
        Some((true, Some(at), Some(fingerprint), Some(answer))) if at > since.as_second() => {
            Ok(Found::Answered(Stored { fingerprint, answer }))
        }
        Some((true, Some(_), ..)) => {
            let sql = "DELETE FROM idempotency_keys WHERE partner_id = $1 AND key = $2";
            tx.enqueue(sql, args![partner.0, key]).await?;
            Ok(Found::Nothing)
        }
        _ => Ok(Found::Nothing),
    }
}

/// Response that was stored under the key after `since`.
pub async fn find(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
    since: Timestamp,
) -> Result<Option<Stored>, Error> {
    let sql = "SELECT fingerprint, answer FROM idempotency_keys
               WHERE partner_id = $1 AND key = $2 AND created_at > $3";
    tx.first(sql, args![partner.0, key, since.as_second()], |row| {
        Ok(Stored { fingerprint: row.next()?, answer: row.next()? })
    })
    .await
}

/// Checks, before a refusal under a key that [`enter`] has locked, that no other transaction has stored a response meanwhile:
/// the refusal could be a consequence of that one, so this transaction must restart.
///
/// # Errors
/// [`Error::Retry`] if a response was stored.
pub async fn reconsider(tx: &mut Tx, partner: PartnerId, key: &str, since: Timestamp) -> Result<(), Error> {
    match find(tx, partner, key, since).await? {
        Some(_) => Err(tx.serialization_conflict()),
        None => Ok(()),
    }
}

/// Stores a response under a key that [`enter`] has locked. If the key has one already, the transaction restarts.
pub async fn keep(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
    stored: &Stored,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "INSERT INTO idempotency_keys (partner_id, key, fingerprint, answer, created_at)
               VALUES ($1, $2, $3, $4, $5)";
    tx.enqueue(sql, args![partner.0, key, &stored.fingerprint, &stored.answer, now.as_second()]).await
}

/// Maximum number of responses that [`forget`] deletes in one transaction.
pub const FORGOTTEN_AT_ONCE: u64 = 1_000;

/// Deletes the oldest responses stored at or before `since`, at most [`FORGOTTEN_AT_ONCE`], and returns their number.
pub async fn forget(tx: &mut Tx, since: Timestamp) -> Result<u64, Error> {
    let sql = "DELETE FROM idempotency_keys WHERE (partner_id, key) IN
               (SELECT partner_id, key FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2)";
    tx.execute(sql, args![since.as_second(), FORGOTTEN_AT_ONCE as i64]).await
}

/// Time of the newest response of all partners.
pub async fn newest(tx: &mut Tx) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT MAX(created_at) FROM idempotency_keys";
    let second = tx.first(sql, &[], |row| row.next::<Option<i64>>()).await?.flatten();
    second.map(Timestamp::from_second).transpose().map_err(Error::defect)
}
