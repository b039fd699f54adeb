//! Bill runs: each processes the invoices of one billing period, under a lease that one worker holds at a time.

use crate::engine::IdSequence;
use crate::engine::value::{Row, args};
use crate::leases::{Lease, LeasedTable};
use crate::query::Query;
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// State of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting for a worker.
    Queued,
    /// Held by a worker, or by one that stopped without finishing it.
    Running,
    /// Bills are published.
    Succeeded,
    /// Ended with an error; changed nothing.
    Failed,
    /// Stopped before it changed anything, or withdrawn afterwards.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [State; 5] =
        [State::Queued, State::Running, State::Succeeded, State::Failed, State::Cancelled];

    /// Name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// The state of this name.
    pub fn parse(name: &str) -> Option<Self> {
        State::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the run is queued or running, which excludes other runs of the period.
    pub fn is_under_way(self) -> bool {
        matches!(self, State::Queued | State::Running)
    }
}

/// Stored bill run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillRun {
    /// Partner that owns the run.
    pub partner: PartnerId,
    /// Run id, ascending and never reused.
    pub id: i64,
    /// Month, such as `2026-10`.
    pub billing_period: String,
    /// State.
    pub state: State,
    /// Request, as JSON.
    pub request: String,
    /// Whether a command works on it; servers then do not.
    pub by_command: bool,
    /// Ids of the customers whose bills may exceed the limits, as JSON.
    pub released: String,
    /// Progress, as JSON.
    pub progress: Option<String>,
    /// Report, as JSON. In a list, without the customers.
    pub report: Option<String>,
    /// Whether cancellation was requested.
    pub cancelling: bool,
    /// Attempt number: the number of times a worker has taken it, from 0.
    pub attempt: i64,
    /// Expiry of the worker's lease.
    pub leased_until: Timestamp,
    /// Time of the request, which is printed on the bills.
    pub created_at: Timestamp,
    /// Time of the last change of state.
    pub updated_at: Timestamp,
}

/// Filter of a list of runs.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Billing period.
    pub billing_period: Option<String>,
    /// State.
    pub state: Option<State>,
}

/// The leases of runs.
pub const LEASES: LeasedTable = LeasedTable { name: "bill_runs", cancelling: "cancelling" };

const COLUMNS: &str =
    "partner_id, id, billing_period, state, request, by_command, released, progress, cancelling,
    attempt, leased_until, created_at, updated_at";

/// Inserts a queued run. The caller must have checked that no run of the period is [`under_way`].
///
/// # Errors
/// [`Error::Retry`] if another run of the period was inserted concurrently.
pub async fn insert(
    tx: &mut Tx,
    partner: PartnerId,
    billing_period: &str,
    request: &str,
    by_command: bool,
    now: Timestamp,
) -> Result<i64, Error> {
    let id = tx.next_id(partner, IdSequence::BillRun).await?;
    let sql = "INSERT INTO bill_runs (partner_id, id, billing_period, state, request, by_command, released,
            cancelling, attempt, leased_until, created_at, updated_at)
        VALUES ($1, $2, $3, 'queued', $4, $5, '[]', FALSE, 0, 0, $6, $6) ON CONFLICT DO NOTHING";
    let row = args![partner.0, id, billing_period, request, by_command, now.as_second()];
    if tx.execute(sql, row).await? == 0 { Err(tx.serialization_conflict()) } else { Ok(id) }
}

/// The run of a period that is queued or running.
pub async fn under_way(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<Option<BillRun>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, report FROM bill_runs
         WHERE partner_id = $1 AND billing_period = $2 AND state IN ('queued', 'running')"
    );
    tx.first(&sql, args![partner.0, period], read).await
}

/// One run.
pub async fn get(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<Option<BillRun>, Error> {
    let sql = format!("SELECT {COLUMNS}, report FROM bill_runs WHERE partner_id = $1 AND id = $2");
    tx.first(&sql, args![partner.0, id], read).await
}

/// Runs ordered by id, and the total number.
pub async fn list(
    tx: &mut Tx,
    partner: PartnerId,
    filter: &Filter,
    skip: i64,
    limit: i64,
) -> Result<(Vec<BillRun>, i64), Error> {
    let narrow = |query: &mut Query| {
        if let Some(period) = &filter.billing_period {
            query.and("billing_period = ", period.as_str());
        }
        if let Some(state) = filter.state {
            query.and("state = ", state.as_str());
        }
    };
    let mut count = Query::new("SELECT COUNT(*) FROM bill_runs WHERE partner_id = $1".into(), partner);
    narrow(&mut count);
    let total = tx.first(&count.sql, &count.args(), |row| row.next()).await?.unwrap_or(0);
    let sql = format!("SELECT {COLUMNS}, summary FROM bill_runs WHERE partner_id = $1");
    let mut query = Query::new(sql, partner);
    narrow(&mut query);
    query.push(" ORDER BY id LIMIT ", limit);
    query.push(" OFFSET ", skip);
    Ok((tx.all(&query.sql, &query.args(), read).await?, total))
}

/// Id of the last successful run of all periods.
pub async fn newest_of_all(tx: &mut Tx, partner: PartnerId) -> Result<Option<i64>, Error> {
    let sql = "SELECT MAX(id) FROM bill_runs WHERE partner_id = $1 AND state = 'succeeded'";
    Ok(tx.first(sql, args![partner.0], |row| row.next::<Option<i64>>()).await?.flatten())
}

/// Id of the last successful run of a period.
pub async fn newest(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<Option<i64>, Error> {
    let sql = "SELECT MAX(id) FROM bill_runs
               WHERE partner_id = $1 AND billing_period = $2 AND state = 'succeeded'";
    let newest = tx.first(sql, args![partner.0, period], |row| row.next::<Option<i64>>()).await?;
    Ok(newest.flatten())
}

/// Id of the last successful run of the newest period before this one, such as `2026-11`.
pub async fn newest_before(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<Option<i64>, Error> {
    let sql = "SELECT id FROM bill_runs
               WHERE partner_id = $1 AND billing_period < $2 AND state = 'succeeded'
               ORDER BY billing_period DESC, id DESC LIMIT 1";
    tx.first(sql, args![partner.0, period], |row| row.next()).await
}

/// The months and reports, without customers, of the runs that have final bills.
pub async fn with_final_bills(tx: &mut Tx, partner: PartnerId) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT r.billing_period, r.summary FROM bill_runs r
               WHERE r.partner_id = $1 AND r.summary IS NOT NULL AND (
                   r.id IN (SELECT run_id FROM corrections WHERE partner_id = $1)
                   OR EXISTS (SELECT 1 FROM statements s WHERE s.partner_id = r.partner_id
                       AND s.billing_period = r.billing_period AND s.run_id = r.id AND s.status = 'Final'))
               ORDER BY r.id";
    tx.all(sql, args![partner.0], |row| Ok((row.next()?, row.next()?))).await
}

/// Locks the end of runs: no other run of the partner can end before this transaction.
pub async fn one_after_the_other(tx: &mut Tx, partner: PartnerId) -> Result<(), Error> {
    // The row of the first run is the lock.
    let sql = "UPDATE bill_runs SET cancelling = cancelling
               WHERE partner_id = $1 AND id = (SELECT MIN(id) FROM bill_runs WHERE partner_id = $1)";
    tx.execute(sql, args![partner.0]).await.map(drop)
}

/// Runs of all partners that a command has abandoned: their leases have expired, and their state last changed at or before
/// `before`, so that a run that was only just requested is not among them.
pub async fn left_behind(
    tx: &mut Tx,
    now: Timestamp,
    before: Timestamp,
) -> Result<Vec<(PartnerId, i64)>, Error> {
    let sql = "SELECT partner_id, id FROM bill_runs
               WHERE state IN ('queued', 'running') AND by_command AND leased_until <= $1 AND updated_at <= $2
               ORDER BY id";
    let at = args![now.as_second(), before.as_second()];
    tx.all(sql, at, |row| Ok((PartnerId(row.next()?), row.next()?))).await
}

/// Number of runs of all partners by state; states without runs are omitted.
pub async fn count(tx: &mut Tx) -> Result<Vec<(State, i64)>, Error> {
    let sql = "SELECT state, COUNT(*) FROM bill_runs GROUP BY state";
    let counted = tx.all(sql, args![], |row| Ok((row.next::<String>()?, row.next()?))).await?;
    Ok(counted.into_iter().filter_map(|(state, count)| Some((State::parse(&state)?, count))).collect())
}

/// Takes the lease of a run that is not leased, and returns the run with its new attempt number.
pub async fn take(
    tx: &mut Tx,
    partner: PartnerId,
    id: i64,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<BillRun>, Error> {
    match LEASES.take(tx, partner, id, now, until).await? {
        true => get(tx, partner, id).await,
        false => Ok(None),
    }
}

/// Plan of a run, as stored when its work began.
pub async fn plan(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<Option<String>, Error> {
    let sql = "SELECT plan FROM bill_runs WHERE partner_id = $1 AND id = $2";
    Ok(tx.first(sql, args![partner.0, id], |row| row.next::<Option<String>>()).await?.flatten())
}

/// Stores the plan of a run.
pub async fn set_plan(tx: &mut Tx, partner: PartnerId, id: i64, plan: &str) -> Result<(), Error> {
    let sql = "UPDATE bill_runs SET plan = $3 WHERE partner_id = $1 AND id = $2";
    tx.execute(sql, args![partner.0, id, plan]).await.map(drop)
}

/// Ends a run with its state and report; `false`, and nothing written, if the lease is lost.
pub async fn end(
    tx: &mut Tx,
    lease: Lease,
    state: State,
    progress: &str,
    report: &str,
    summary: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let sql = "UPDATE bill_runs SET state = $4, progress = $5, report = $6, summary = $7, leased_until = 0,
            cancelling = FALSE, updated_at = $8
        WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running'";
    let now = now.as_second();
    let row = args![lease.partner.0, lease.id, lease.attempt, state.as_str(), progress, report, summary, now];
    Ok(tx.execute(sql, row).await? == 1)
}

/// Cancels a run: immediately if it has no worker, otherwise when the worker next renews its lease, or ends. A run that had
/// succeeded before it was repeated becomes `succeeded` again.
///
/// # Errors
/// [`Error::Retry`] if the run has ended concurrently.
pub async fn cancel(tx: &mut Tx, partner: PartnerId, id: i64, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE bill_runs
        SET cancelling = TRUE, updated_at = $3, state = CASE WHEN leased_until > $3 THEN state
            WHEN summary IS NULL THEN 'cancelled' ELSE 'succeeded' END
        WHERE partner_id = $1 AND id = $2 AND state IN ('queued', 'running')";
    if tx.execute(sql, args![partner.0, id, now.as_second()]).await? == 0 {
        Err(tx.serialization_conflict())
    } else {
        Ok(())
    }
}

/// Whether a run is to be cancelled. Until the transaction ends, nothing asks for that.
///
/// # Errors
/// [`Error`] of the database.
pub async fn is_cancelling(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<bool, Error> {
    let for_update = tx.for_update();
    let sql = format!("SELECT cancelling FROM bill_runs WHERE partner_id = $1 AND id = $2{for_update}");
    Ok(tx.first(&sql, args![partner.0, id], |row| row.next::<bool>()).await?.unwrap_or_default())
}

/// Marks this run, and all runs of its period that ended in the same state or failed, as cancelled.
///
/// # Errors
/// [`Error::Retry`] if the run's state has changed concurrently.
pub async fn void(tx: &mut Tx, run: &BillRun, state: State, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE bill_runs SET state = 'cancelled', updated_at = $5
               WHERE partner_id = $1 AND billing_period = $2 AND state = $4 AND id = $3";
    let row = args![run.partner.0, &run.billing_period, run.id, state.as_str(), now.as_second()];
    if tx.execute(sql, row).await? == 0 {
        return Err(tx.serialization_conflict());
    }
    let sql = "UPDATE bill_runs SET state = 'cancelled', updated_at = $4
               WHERE partner_id = $1 AND billing_period = $2 AND state IN ($3, 'failed')";
    let row = args![run.partner.0, &run.billing_period, state.as_str(), now.as_second()];
    tx.execute(sql, row).await.map(drop)
}

/// Marks a run as cancelled whose corrections are withdrawn; other runs of its period keep theirs.
///
/// # Errors
/// [`Error::Retry`] if the run's state has changed concurrently.
pub async fn void_one(tx: &mut Tx, run: &BillRun, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE bill_runs SET state = 'cancelled', updated_at = $3
               WHERE partner_id = $1 AND id = $2 AND state = 'succeeded'";
    let row = args![run.partner.0, run.id, now.as_second()];
    if tx.execute(sql, row).await? == 0 { Err(tx.serialization_conflict()) } else { Ok(()) }
}

/// Replaces the request of a run.
pub async fn set_request(
    tx: &mut Tx,
    partner: PartnerId,
    id: i64,
    request: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE bill_runs SET request = $3, updated_at = $4 WHERE partner_id = $1 AND id = $2";
    tx.execute(sql, args![partner.0, id, request, now.as_second()]).await.map(drop)
}

/// The months and reports, without customers, of the runs whose statements customers of other months than this one see.
pub async fn with_published_bills(
    tx: &mut Tx,
    partner: PartnerId,
    period: &str,
) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT r.billing_period, r.summary FROM bill_runs r
               WHERE r.partner_id = $1 AND r.billing_period <> $2 AND r.summary IS NOT NULL
               AND EXISTS (SELECT 1 FROM publications p WHERE p.partner_id = r.partner_id
                   AND p.billing_period = r.billing_period AND p.run_id = r.id AND p.status IN ('Estimated', 'Final'))
               ORDER BY r.id";
    tx.all(sql, args![partner.0, period], |row| Ok((row.next()?, row.next()?))).await
}

/// Queues a successful run again, with this request and without limits for the released customers. The caller must have
/// checked that no run of the period is [`under_way`].
///
/// # Errors
/// [`Error::Retry`] if the run has been withdrawn concurrently.
pub async fn repeat(
    tx: &mut Tx,
    partner: PartnerId,
    id: i64,
    request: &str,
    released: &str,
    by_command: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "UPDATE bill_runs SET state = 'queued', released = $3, by_command = $4, cancelling = FALSE,
            leased_until = 0, updated_at = $5, request = $6
        WHERE partner_id = $1 AND id = $2 AND state = 'succeeded'";
    let row = args![partner.0, id, released, by_command, now.as_second(), request];
    if tx.execute(sql, row).await? == 0 { Err(tx.serialization_conflict()) } else { Ok(()) }
}

fn read(row: &mut Row<'_>) -> Result<BillRun, Error> {
    Ok(BillRun {
        partner: PartnerId(row.next()?),
        id: row.next()?,
        billing_period: row.next()?,
        state: State::parse(&row.next::<String>()?)
            .ok_or_else(|| Error::defect("a bill run's state in the database is not one"))?,
        request: row.next()?,
        by_command: row.next()?,
        released: row.next()?,
        progress: row.next()?,
        cancelling: row.next()?,
        attempt: row.next()?,
        leased_until: row.time()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        report: row.next()?,
    })
}

/// Ids of a partner's runs and of its customers, including deleted customers that have statements or corrections.
pub async fn owned(tx: &mut Tx, partner: PartnerId) -> Result<(Vec<i64>, Vec<i64>), Error> {
    let sql = "SELECT id FROM bill_runs WHERE partner_id = $1";
    let runs = tx.all(sql, args![partner.0], |row| row.next()).await?;
    let sql = "SELECT id FROM customers WHERE partner_id = $1
               UNION SELECT customer_id FROM statements WHERE partner_id = $1
               UNION SELECT customer_id FROM corrections WHERE partner_id = $1";
    Ok((runs, tx.all(sql, args![partner.0], |row| row.next()).await?))
}

/// Number of a partner's ended runs, number of cancelled ones, and the end of the last one in Unix seconds: changes whenever
/// statements change.
pub type EndedRuns = (i64, i64, i64);

/// Ended runs by partner.
pub async fn ended(tx: &mut Tx) -> Result<Vec<(PartnerId, EndedRuns)>, Error> {
    let sql = "SELECT partner_id, COUNT(*), COUNT(CASE WHEN state = 'cancelled' THEN 1 END), MAX(updated_at) FROM bill_runs
               WHERE state NOT IN ('queued', 'running') GROUP BY partner_id ORDER BY partner_id";
    tx.all(sql, args![], |row| Ok((PartnerId(row.next()?), (row.next()?, row.next()?, row.next()?)))).await
}

/// Billing folders that a partner's customers are configured with.
pub async fn folders(tx: &mut Tx, partner: PartnerId) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT billing_folder FROM customers WHERE partner_id = $1 AND billing_enabled";
    tx.all(sql, args![partner.0], |row| row.next()).await
}
