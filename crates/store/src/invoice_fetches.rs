//! Fetches of Microsoft's invoices: each under a lease that one worker holds at a time.

use crate::engine::IdSequence;
use crate::engine::value::{Row, args};
use crate::leases::{Lease, LeasedTable};
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// State of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting for a worker.
    Queued,
    /// Held by a worker, or by one that stopped without finishing it.
    Running,
    /// Everything is in the partner's sources.
    Succeeded,
    /// Ended with an error. What was fetched to its end stays.
    Failed,
}

impl State {
    /// Name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [State::Queued, State::Running, State::Succeeded, State::Failed]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// Whether the fetch is queued or running.
    pub fn is_under_way(self) -> bool {
        matches!(self, State::Queued | State::Running)
    }
}

/// Stored fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Partner that owns the fetch.
    pub partner: PartnerId,
    /// Id, ascending and never reused.
    pub id: i64,
    /// Month, such as `2026-10`.
    pub billing_period: String,
    /// State.
    pub state: State,
    /// Request, as JSON.
    pub request: String,
    /// Whether a command works on it; servers then do not.
    pub by_command: bool,
    /// Progress, as JSON.
    pub progress: Option<String>,
    /// Sources of what was fetched, as a JSON array.
    pub sources: Option<String>,
    /// Error code and message, if it failed.
    pub error: Option<(String, String)>,
    /// Attempt number.
    pub attempt: i64,
    /// Expiry of the worker's lease.
    pub leased_until: Timestamp,
    /// Time of the request.
    pub created_at: Timestamp,
    /// Time of the last change of state.
    pub updated_at: Timestamp,
}

/// End of a fetch.
#[derive(Clone, Debug)]
pub struct End {
    /// `Succeeded` or `Failed`.
    pub state: State,
    /// Progress, as JSON.
    pub progress: String,
    /// Sources, as a JSON array.
    pub sources: String,
    /// Error code and message.
    pub error: Option<(String, String)>,
}

/// The leases of fetches, which cannot be cancelled from elsewhere.
pub const LEASES: LeasedTable = LeasedTable { name: "invoice_fetches", cancelling: "FALSE" };

const COLUMNS: &str =
    "partner_id, id, billing_period, state, request, by_command, progress, sources, error_code, error,
    attempt, leased_until, created_at, updated_at";

/// Inserts a queued fetch. The caller must have checked that none of the period is [`under_way`].
///
/// # Errors
/// [`Error::Retry`] if another one of the period was inserted concurrently.
pub async fn insert(
    tx: &mut Tx,
    partner: PartnerId,
    billing_period: &str,
    request: &str,
    by_command: bool,
    now: Timestamp,
) -> Result<i64, Error> {
    let id = tx.next_id(partner, IdSequence::InvoiceFetch).await?;
    let sql =
        "INSERT INTO invoice_fetches (partner_id, id, billing_period, state, request, by_command, attempt,
            leased_until, created_at, updated_at)
        VALUES ($1, $2, $3, 'queued', $4, $5, 0, 0, $6, $6) ON CONFLICT DO NOTHING";
    let row = args![partner.0, id, billing_period, request, by_command, now.as_second()];
    if tx.execute(sql, row).await? == 0 { Err(tx.serialization_conflict()) } else { Ok(id) }
}

/// The fetch of a period that is queued or running.
pub async fn under_way(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<Option<Fetch>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM invoice_fetches
         WHERE partner_id = $1 AND billing_period = $2 AND state IN ('queued', 'running')"
    );
    tx.first(&sql, args![partner.0, period], read).await
}

/// One fetch.
pub async fn get(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<Option<Fetch>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM invoice_fetches WHERE partner_id = $1 AND id = $2");
    tx.first(&sql, args![partner.0, id], read).await
}

/// Fetches ordered by id, and the total number.
pub async fn list(
    tx: &mut Tx,
    partner: PartnerId,
    skip: i64,
    limit: i64,
) -> Result<(Vec<Fetch>, i64), Error> {
    let count = "SELECT COUNT(*) FROM invoice_fetches WHERE partner_id = $1";
    let total = tx.first(count, args![partner.0], |row| row.next()).await?.unwrap_or(0);
    let sql =
        format!("SELECT {COLUMNS} FROM invoice_fetches WHERE partner_id = $1 ORDER BY id LIMIT $2 OFFSET $3");
    Ok((tx.all(&sql, args![partner.0, limit, skip], read).await?, total))
}

/// The last fetch of each period that a partner has asked for.
pub async fn newest(tx: &mut Tx, partner: PartnerId) -> Result<Vec<Fetch>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM invoice_fetches WHERE partner_id = $1 AND id IN (
             SELECT MAX(id) FROM invoice_fetches WHERE partner_id = $1 GROUP BY billing_period)
         ORDER BY billing_period"
    );
    tx.all(&sql, args![partner.0], read).await
}

/// Takes the lease of a fetch that is not leased, and returns the fetch with its new attempt number.
pub async fn take(
    tx: &mut Tx,
    partner: PartnerId,
    id: i64,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Fetch>, Error> {
    match LEASES.take(tx, partner, id, now, until).await? {
        true => get(tx, partner, id).await,
        false => Ok(None),
    }
}

/// Ends a fetch; `false`, and nothing written, if the lease is lost.
pub async fn end(tx: &mut Tx, lease: Lease, end: &End, now: Timestamp) -> Result<bool, Error> {
    let sql =
        "UPDATE invoice_fetches SET state = $4, progress = $5, sources = $6, error_code = $7, error = $8,
            leased_until = 0, updated_at = $9
        WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running'";
    let (code, message) = match &end.error {
        Some((code, message)) => (Some(code.as_str()), Some(message.as_str())),
        None => (None, None),
    };
    let row = args![
        lease.partner.0,
        lease.id,
        lease.attempt,
        end.state.as_str(),
        end.progress.as_str(),
        end.sources.as_str(),
        code,
        message,
        now.as_second()
    ];
    Ok(tx.execute(sql, row).await? == 1)
}

/// Ends a fetch whose command has died.
pub async fn abandon(
    tx: &mut Tx,
    partner: PartnerId,
    id: i64,
    why: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let sql =
        "UPDATE invoice_fetches SET state = 'failed', error_code = 'abandoned', error = $3, leased_until = 0,
            updated_at = $4
        WHERE partner_id = $1 AND id = $2 AND state IN ('queued', 'running') AND leased_until <= $4";
    tx.execute(sql, args![partner.0, id, why, now.as_second()]).await.map(drop)
}

/// Number of partners' months whose fetch is under way, and of those whose last one failed.
pub async fn health(tx: &mut Tx) -> Result<(i64, i64), Error> {
    let sql = "SELECT COUNT(CASE WHEN f.state IN ('queued', 'running') THEN 1 END), COUNT(CASE WHEN f.state = 'failed' THEN 1 END)
               FROM invoice_fetches f
               WHERE f.id = (SELECT MAX(id) FROM invoice_fetches g
                   WHERE g.partner_id = f.partner_id AND g.billing_period = f.billing_period)";
    Ok(tx.first(sql, args![], |row| Ok((row.next()?, row.next()?))).await?.unwrap_or((0, 0)))
}

fn read(row: &mut Row<'_>) -> Result<Fetch, Error> {
    Ok(Fetch {
        partner: PartnerId(row.next()?),
        id: row.next()?,
        billing_period: row.next()?,
        state: State::parse(&row.next::<String>()?)
            .ok_or_else(|| Error::defect("an invoice fetch's state in the database is not one"))?,
        request: row.next()?,
        by_command: row.next()?,
        progress: row.next()?,
        sources: row.next()?,
        error: {
            let (code, message) = (row.next::<Option<String>>()?, row.next::<Option<String>>()?);
            code.map(|code| (code, message.unwrap_or_default()))
        },
        attempt: row.next()?,
        leased_until: row.time()?,
        created_at: row.time()?,
        updated_at: row.time()?,
    })
}
