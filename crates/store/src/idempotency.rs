//! The first answers to requests that may be repeated (`Idempotency-Key`).

use crate::engine::value::args;
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// A first answer, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Of the request that it answers.
    pub fingerprint: String,
    /// The answer, sealed.
    pub answer: String,
}

/// The answer under this key that was given after `since`.
///
/// # Errors
/// [`Error`] of the store.
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

/// Keep an answer under a key. An older one than [`find`] would show gives way.
///
/// # Errors
/// [`Error`] of the store; [`Error::Retry`] if another transaction has just kept one.
pub async fn keep(
    tx: &mut Tx,
    partner: PartnerId,
    key: &str,
    stored: &Stored,
    now: Timestamp,
    since: Timestamp,
) -> Result<(), Error> {
    let sql = "INSERT INTO idempotency_keys (partner_id, key, fingerprint, answer, created_at)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (partner_id, key) DO UPDATE
               SET fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = excluded.created_at
               WHERE idempotency_keys.created_at <= $6";
    let row = args![partner.0, key, &stored.fingerprint, &stored.answer, now.as_second(), since.as_second()];
    if tx.execute(sql, row).await? == 0 { Err(tx.overtaken()) } else { Ok(()) }
}

/// Forget answers that [`find`] would not show any more.
///
/// # Errors
/// [`Error`] of the store.
pub async fn forget(tx: &mut Tx, since: Timestamp) -> Result<u64, Error> {
    tx.execute("DELETE FROM idempotency_keys WHERE created_at <= $1", args![since.as_second()]).await
}
