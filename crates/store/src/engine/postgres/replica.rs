//! Read replica: a standby of the same cluster that answers lists while it is not far behind.

use super::connect::Cluster;
use super::{Connections, LIST_CONNECTIONS, lock};
use crate::Error;
use crate::engine::lists::MAX_WAIT;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::PgLsn;

/// Maximum time that lists may be behind what was committed.
const MAX_LAG: Duration = Duration::from_secs(5);
/// Time between two comparisons of the replica with the primary.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Identifies the database, and says whether the server follows another one and how far it has followed.
const REPLICA_STATE: &str = "SELECT (SELECT database_id FROM secret_check WHERE id = 1), pg_is_in_recovery(),
                                    pg_last_wal_replay_lsn()";
/// Identifies the database, and says how far it has written.
const PRIMARY_STATE: &str =
    "SELECT (SELECT database_id FROM secret_check WHERE id = 1), pg_current_wal_lsn()";

/// Read replica. Dropping it ends its probe.
pub(super) struct Replica {
    pub(super) connections: Connections,
    state: Arc<State>,
    probe: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Whether lists may be read from it.
    is_current: AtomicBool,
    /// Why it was last not used; for the log, which says each reason once.
    reason: Mutex<Option<String>>,
}

impl State {
    fn set(&self, found: Result<(), String>) {
        let was_current = self.is_current.swap(found.is_ok(), Ordering::Relaxed);
        metrics::gauge!("tenantry_read_replica_current").set(if found.is_ok() { 1.0 } else { 0.0 });
        let mut reason = lock(&self.reason);
        match found {
            Ok(()) if !was_current => {
                *reason = None;
                tracing::info!("lists are read from the read replica");
            }
            Err(why) if was_current || reason.is_none() => {
                tracing::warn!(why, "the read replica is not used: lists are read from the primary");
                *reason = Some(why);
            }
            _ => {}
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.probe.abort();
    }
}

impl Replica {
    /// Opens the pool, and begins to compare the replica with the primary. It is used from the first successful comparison on.
    pub(super) fn open(url: &str, allow_unsafe: bool, primary: &Connections) -> Result<Self, Error> {
        let cluster = Cluster::parse(url, allow_unsafe)?.with_read_only();
        let connections = Connections::new(cluster, LIST_CONNECTIONS, MAX_WAIT)?;
        let state = Arc::new(State::default());
        let probe = tokio::spawn(probe(primary.clone(), connections.clone(), Arc::clone(&state)));
        Ok(Replica { connections, state, probe })
    }

    pub(super) fn is_current(&self) -> bool {
        self.state.is_current.load(Ordering::Relaxed)
    }

    /// Stops using the replica until the next successful comparison.
    pub(super) fn note_failure(&self, error: &Error) {
        self.state.set(Err(error.to_string()));
        self.connections.pool.retain(|_, _| false);
    }
}

/// Positions of the primary's write-ahead log, and when each was read.
#[derive(Default)]
struct Positions(VecDeque<(Instant, PgLsn)>);

impl Positions {
    fn add(&mut self, at: Instant, position: PgLsn) {
        self.0.push_back((at, position));
    }

    /// How far a replica that has replayed this position is behind; `None` if it is further behind than is known.
    fn lag(&mut self, replayed: PgLsn, now: Instant) -> Option<Duration> {
        while self.0.len() > 1 && self.0[1].1 <= replayed {
            self.0.pop_front();
        }
        // Bounded, if the replica stands still.
        while self.0.len() > 1 && now.duration_since(self.0[1].0) > MAX_LAG * 2 {
            self.0.pop_front();
        }
        let (at, position) = self.0.front()?;
        (*position <= replayed).then(|| now.duration_since(*at))
    }
}

async fn probe(primary: Connections, replica: Connections, state: Arc<State>) {
    let mut positions = Positions::default();
    let mut ticks = tokio::time::interval(PROBE_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        state.set(compare(&primary, &replica, &mut positions).await);
    }
}

/// Compares the replica with the primary once; an error says why the replica cannot be used.
async fn compare(
    primary: &Connections,
    replica: &Connections,
    positions: &mut Positions,
) -> Result<(), String> {
    let asked_at = Instant::now();
    let [own_id, written] =
        state_of(primary, PRIMARY_STATE).await.map_err(|error| format!("the primary: {error}"))?;
    if let Ok(position) = written.parse() {
        positions.add(asked_at, position);
    }
    let [id, follows, replayed] =
        state_of(replica, REPLICA_STATE).await.map_err(|error| error.to_string())?;
    if id != own_id {
        return Err("it holds another database".into());
    }
    if follows != "t" {
        return Err("it is no standby: it follows no other server".into());
    }
    let replayed = replayed.parse().map_err(|_| "it has not replayed anything yet".to_owned())?;
    match positions.lag(replayed, Instant::now()) {
        Some(lag) => {
            metrics::gauge!("tenantry_read_replica_lag_seconds").set(lag.as_secs_f64());
            if lag <= MAX_LAG { Ok(()) } else { Err(format!("it is {} s behind", lag.as_secs())) }
        }
        None => Err(format!("it is more than {} s behind", MAX_LAG.as_secs())),
    }
}

async fn state_of<const N: usize>(connections: &Connections, sql: &str) -> Result<[String; N], Error> {
    let connection = connections.pool.get().await?;
    let asked = connection.client.simple_query(sql);
    let late = |_| Error::Unavailable("PostgreSQL did not answer in time".into());
    let answer = tokio::time::timeout(super::connect::ADDRESS_TIMEOUT, asked).await.map_err(late)??;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.ok_or_else(|| Error::Unavailable("PostgreSQL did not report its state".into()))?;
    Ok(std::array::from_fn(|column| row.get(column).unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_the_age_of_the_newest_position_that_was_replayed() {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut positions = Positions::default();
        assert_eq!(positions.lag(PgLsn::from(100), at(0)), None, "nothing is known of the primary");
        // (second, written by the primary, replayed by the replica, lag in seconds)
        for (second, written, replayed, expected) in [
            (0, 100, 90, None),
            (1, 100, 100, Some(0)),
            (2, 200, 100, Some(1)),
            (3, 300, 199, Some(2)),
            (4, 400, 300, Some(1)),
            (5, 400, 400, Some(0)),
            (6, 500, 400, Some(1)),
            (7, 600, 400, Some(2)),
            (14, 700, 400, Some(9)),
            // So far behind that it is not kept when that was.
            (20, 700, 400, None),
            (22, 800, 800, Some(0)),
            (23, 800, 800, Some(0)),
        ] {
            positions.add(at(second), PgLsn::from(written));
            let lag = positions.lag(PgLsn::from(replayed), at(second));
            assert_eq!(lag, expected.map(Duration::from_secs), "second {second}");
        }
    }
}
