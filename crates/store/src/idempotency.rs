//! The first answers to requests that may be repeated (`Idempotency-Key`).

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// A first answer, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Of the request that it answers.
    pub fingerprint: String,
    /// The answer, in whatever form the caller keeps it.
    pub answer: String,
}

/// What there is of a request that may be a repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its first answer.
    Answered(Stored),
    /// Another transaction, which is making it.
    Running,
    /// Nothing: this transaction is to make it, and holds its key until it ends.
    Nothing,
}

/// Take this key for this transaction, or find the answer that was given under it after `since`. An older one is
/// forgotten.
pub async fn enter(tx: &mut Tx, partner: PartnerId, key: &str, since: Timestamp) -> Result<Found, Error> {
    // PostgreSQL looks at the table as it was before the hold. An answer that was kept in between makes `keep` fail, and
    // this transaction start again.
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

/// The answer under this key that was given after `since`.
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

/// To be asked before a refusal under a key that this transaction has taken with [`enter`]: where another one has made it
/// meanwhile, the refusal rests on that, and this transaction starts again.
///
/// # Errors
/// [`Error::Retry`] then; else [`Error`] of the store.
pub async fn reconsider(tx: &mut Tx, partner: PartnerId, key: &str, since: Timestamp) -> Result<(), Error> {
    match find(tx, partner, key, since).await? {
        Some(_) => Err(tx.serialization_conflict()),
        None => Ok(()),
    }
}

/// Keep an answer under a key that this transaction has taken with [`enter`]. Another one there makes it start again.
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

/// As many answers are forgotten in one transaction.
pub const FORGOTTEN_AT_ONCE: u64 = 1_000;

/// Forget the oldest answers that [`find`] would not show any more, up to [`FORGOTTEN_AT_ONCE`]; how many.
pub async fn forget(tx: &mut Tx, since: Timestamp) -> Result<u64, Error> {
    let sql = "DELETE FROM idempotency_keys WHERE (partner_id, key) IN
               (SELECT partner_id, key FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2)";
    tx.execute(sql, args![since.as_second(), FORGOTTEN_AT_ONCE as i64]).await
}

/// When the newest answer of all partners was given.
pub async fn newest(tx: &mut Tx) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT MAX(created_at) FROM idempotency_keys";
    let second = tx.first(sql, &[], |row| row.next::<Option<i64>>()).await?.flatten();
    second.map(Timestamp::from_second).transpose().map_err(Error::defect)
}
