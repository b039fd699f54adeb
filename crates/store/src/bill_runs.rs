//! Bill runs: one processing of an invoice each, worked on by whoever holds its lease.

use crate::engine::IdSequence;
use crate::engine::value::{Row, args};
use crate::query::Query;
use crate::{Error, Tx};
use domain::PartnerId;
use jiff::Timestamp;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody works on it yet.
    Queued,
    /// Somebody does, or did when they died.
    Running,
    /// Its bills are published.
    Succeeded,
    /// It changed nothing.
    Failed,
    /// Somebody stopped it before it changed anything, or took back what it had changed.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [State; 5] =
        [State::Queued, State::Running, State::Succeeded, State::Failed, State::Cancelled];

    /// As it is kept and answered.
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

    /// Whether no other run of the period may begin.
    pub fn is_under_way(self) -> bool {
        matches!(self, State::Queued | State::Running)
    }
}

/// A run as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillRun {
    /// Whose.
    pub partner: PartnerId,
    /// Rising, and never used twice.
    pub id: i64,
    /// Such as `2026-10`.
    pub billing_period: String,
    /// How it stands.
    pub state: State,
    /// What was asked for: JSON.
    pub request: String,
    /// Whether a command works on it, and no server may.
    pub by_command: bool,
    /// Customers whose bills may exceed the bounds: JSON.
    pub released: String,
    /// How far it is: JSON.
    pub progress: Option<String>,
    /// What came of it: JSON. In a list without customers.
    pub report: Option<String>,
    /// Whether it is to stop.
    pub cancelling: bool,
    /// How often it was taken.
    pub attempt: i64,
    /// Until when whoever took it has it for itself.
    pub leased_until: Timestamp,
    /// When it was asked for; the time on its bills.
    pub created_at: Timestamp,
    /// When it last changed its state.
    pub updated_at: Timestamp,
}

/// A run that somebody has taken. What is written under it is written only while nobody else has taken it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whose.
    pub partner: PartnerId,
    /// Which.
    pub id: i64,
    /// Which time.
    pub attempt: i64,
}

/// What runs of a list have in common.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Their period.
    pub billing_period: Option<String>,
    /// Their state.
    pub state: Option<State>,
}

const COLUMNS: &str =
    "partner_id, id, billing_period, state, request, by_command, released, progress, cancelling,
    attempt, leased_until, created_at, updated_at";

/// Ask for a run. It must have been looked up that none of the period is [`under_way`].
///
/// # Errors
/// [`Error`] of the store; [`Error::Retry`] if another one of the period came first.
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

/// Runs in the order of their ids, and how many there are in all.
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

/// The last run of all periods that succeeded.
pub async fn newest_of_all(tx: &mut Tx, partner: PartnerId) -> Result<Option<i64>, Error> {
    let sql = "SELECT MAX(id) FROM bill_runs WHERE partner_id = $1 AND state = 'succeeded'";
    Ok(tx.first(sql, args![partner.0], |row| row.next::<Option<i64>>()).await?.flatten())
}

/// The last run of a period that succeeded.
pub async fn newest(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<Option<i64>, Error> {
    let sql = "SELECT MAX(id) FROM bill_runs
               WHERE partner_id = $1 AND billing_period = $2 AND state = 'succeeded'";
    let newest = tx.first(sql, args![partner.0, period], |row| row.next::<Option<i64>>()).await?;
    Ok(newest.flatten())
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

/// Have no other run of the partner end before this transaction has.
pub async fn one_after_the_other(tx: &mut Tx, partner: PartnerId) -> Result<(), Error> {
    // The row of the first run is the lock.
    let sql = "UPDATE bill_runs SET cancelling = cancelling
               WHERE partner_id = $1 AND id = (SELECT MIN(id) FROM bill_runs WHERE partner_id = $1)";
    tx.execute(sql, args![partner.0]).await.map(drop)
}

/// The runs of all partners that a server may take now, the oldest first.
pub async fn waiting(tx: &mut Tx, now: Timestamp) -> Result<Vec<(PartnerId, i64)>, Error> {
    let sql = "SELECT partner_id, id FROM bill_runs
               WHERE state IN ('queued', 'running') AND NOT by_command AND leased_until <= $1 ORDER BY id";
    tx.all(sql, args![now.as_second()], |row| Ok((PartnerId(row.next()?), row.next()?))).await
}

/// The runs of all partners that a command has left behind: their leases have ended, and they were not just asked for
/// either, but `before` that.
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

/// How many runs of all partners are in each state, of those that there are some in.
pub async fn count(tx: &mut Tx) -> Result<Vec<(State, i64)>, Error> {
    let sql = "SELECT state, COUNT(*) FROM bill_runs GROUP BY state";
    let counted = tx.all(sql, args![], |row| Ok((row.next::<String>()?, row.next()?))).await?;
    Ok(counted.into_iter().filter_map(|(state, count)| Some((State::parse(&state)?, count))).collect())
}

/// Take a run, if nobody has it: the run as it is now.
pub async fn take(
    tx: &mut Tx,
    partner: PartnerId,
    id: i64,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<BillRun>, Error> {
    let sql =
        "UPDATE bill_runs SET state = 'running', attempt = attempt + 1, leased_until = $4, updated_at = $3
               WHERE partner_id = $1 AND id = $2 AND leased_until <= $3 AND state IN ('queued', 'running')";
    match tx.execute(sql, args![partner.0, id, now.as_second(), until.as_second()]).await? {
        0 => Ok(None),
        _ => get(tx, partner, id).await,
    }
}

/// Go on having a run, and note how far it is. Whether it is to stop; `None` if it is somebody else's by now.
pub async fn keep(
    tx: &mut Tx,
    taken: Taken,
    progress: &str,
    until: Timestamp,
) -> Result<Option<bool>, Error> {
    let sql = "UPDATE bill_runs SET progress = $4, leased_until = $5
               WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running' RETURNING cancelling";
    let row = args![taken.partner.0, taken.id, taken.attempt, progress, until.as_second()];
    tx.first(sql, row, |row| row.next()).await
}

/// What a run works with, as it was noted when its work began.
pub async fn plan(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<Option<String>, Error> {
    let sql = "SELECT plan FROM bill_runs WHERE partner_id = $1 AND id = $2";
    Ok(tx.first(sql, args![partner.0, id], |row| row.next::<Option<String>>()).await?.flatten())
}

/// Note what a run works with.
pub async fn set_plan(tx: &mut Tx, partner: PartnerId, id: i64, plan: &str) -> Result<(), Error> {
    let sql = "UPDATE bill_runs SET plan = $3 WHERE partner_id = $1 AND id = $2";
    tx.execute(sql, args![partner.0, id, plan]).await.map(drop)
}

/// The end of a run's work; `false` if it is somebody else's by now, and nothing was written.
pub async fn end(
    tx: &mut Tx,
    taken: Taken,
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
    let row = args![taken.partner.0, taken.id, taken.attempt, state.as_str(), progress, report, summary, now];
    Ok(tx.execute(sql, row).await? == 1)
}

/// Have a run no longer, so that somebody else can take it at once.
pub async fn give_back(tx: &mut Tx, taken: Taken) -> Result<(), Error> {
    let sql = "UPDATE bill_runs SET leased_until = 0
               WHERE partner_id = $1 AND id = $2 AND attempt = $3 AND state = 'running'";
    tx.execute(sql, args![taken.partner.0, taken.id, taken.attempt]).await.map(drop)
}

/// Stop a run: at once if nobody works on it, else as soon as whoever does hears of it. One that is under way once more
/// has still succeeded.
///
/// # Errors
/// [`Error`] of the store; [`Error::Retry`] if it has just ended.
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

/// Have a month's runs that ended in this state count no more, this one among them.
///
/// # Errors
/// [`Error`] of the store; [`Error::Retry`] if this one is in another state by now.
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

/// Have a run that succeeded worked on once more: on this request, with these customers' bounds lifted. It must have
/// been looked up that none of the period is [`under_way`].
///
/// # Errors
/// [`Error`] of the store; [`Error::Retry`] if it has just been withdrawn.
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

/// The ids of a partner's runs, and of its customers, deleted ones that have statements or corrections included.
pub async fn owned(tx: &mut Tx, partner: PartnerId) -> Result<(Vec<i64>, Vec<i64>), Error> {
    let sql = "SELECT id FROM bill_runs WHERE partner_id = $1";
    let runs = tx.all(sql, args![partner.0], |row| row.next()).await?;
    let sql = "SELECT id FROM customers WHERE partner_id = $1
               UNION SELECT customer_id FROM statements WHERE partner_id = $1
               UNION SELECT customer_id FROM corrections WHERE partner_id = $1";
    Ok((runs, tx.all(sql, args![partner.0], |row| row.next()).await?))
}

/// How many of a partner's runs have ended, how many of them were cancelled, and when the last one ended, in Unix seconds: it
/// differs whenever statements have changed.
pub type EndedRuns = (i64, i64, i64);

/// The ended runs of each partner.
pub async fn ended(tx: &mut Tx) -> Result<Vec<(PartnerId, EndedRuns)>, Error> {
    let sql = "SELECT partner_id, COUNT(*), COUNT(CASE WHEN state = 'cancelled' THEN 1 END), MAX(updated_at) FROM bill_runs
               WHERE state NOT IN ('queued', 'running') GROUP BY partner_id ORDER BY partner_id";
    tx.all(sql, args![], |row| Ok((PartnerId(row.next()?), (row.next()?, row.next()?, row.next()?)))).await
}

/// The folders that a partner's customers are configured with.
pub async fn folders(tx: &mut Tx, partner: PartnerId) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT billing_folder FROM customers WHERE partner_id = $1 AND billing_enabled";
    tx.all(sql, args![partner.0], |row| row.next()).await
}
