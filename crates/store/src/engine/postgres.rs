//! PostgreSQL: a pool of connections, and transactions that run to their end whoever goes away.

use super::value::{Arg, Row};
use super::{Conn, Scope, Tx, migrate};
use crate::Error;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::types::ToSql;
use tokio_util::task::TaskTracker;

/// How long a transaction that was certainly not committed is tried again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the answer to COMMIT is waited for. With synchronous replication nothing of PostgreSQL's own bounds this.
const COMMIT_DEADLINE: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 32;
const CONNECTION_LIFE: Duration = Duration::from_secs(30 * 60);

#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
    changes: TaskTracker,
    lanes: Lanes,
}

/// Numbers that transactions hold while they are open, no two the same.
type Lanes = Arc<Mutex<Vec<i64>>>;

/// A connection of the pool. One whose transaction was not ended properly is closed, not given back.
pub(super) struct Client {
    object: Option<Object>,
    in_transaction: bool,
    /// The first statement that failed. The job has it too, but wrapped in an error of its own kind.
    pub(super) failure: Option<Error>,
    lane: i64,
    lanes: Lanes,
}

impl Client {
    fn get(&self) -> Result<&Object, Error> {
        self.object.as_ref().ok_or_else(|| Error::defect("a connection was used after its end"))
    }

    pub(super) async fn batch(&self, sql: &str) -> Result<(), Error> {
        Ok(self.get()?.batch_execute(sql).await?)
    }
}

impl Client {
    pub(super) fn lane(&self) -> i64 {
        self.lane
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).push(self.lane);
        if let Some(object) = self.object.take()
            && self.in_transaction
        {
            drop(Object::take(object));
        }
    }
}

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self, Error> {
        let mut config: tokio_postgres::Config = url
            .parse()
            .map_err(|e| Error::Unfit(format!("the database URL is not one of PostgreSQL's: {e}")))?;
        config
            .application_name("tenantry")
            .connect_timeout(Duration::from_secs(3))
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10))
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        let limits =
            "-c idle_in_transaction_session_timeout=30s -c lock_timeout=10s -c statement_timeout=60s";
        let options = config.get_options().map_or_else(|| limits.to_owned(), |own| format!("{own} {limits}"));
        config.options(options);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tokio_postgres::NoTls, recycling))
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .pre_recycle(Hook::sync_fn(|_, metrics| {
                if metrics.age() > CONNECTION_LIFE { Err(HookError::message("old enough")) } else { Ok(()) }
            }))
            .build()
            .map_err(|e| Error::Unfit(e.to_string()))?;
        let lanes = Arc::new(Mutex::new((0..CONNECTIONS as i64).collect()));
        let db = Postgres { pool, changes: TaskTracker::new(), lanes };
        let mut tx = db.begin("BEGIN", Scope::System).await?;
        migrate::postgres(&mut tx).await?;
        commit(tx).await?;
        Ok(db)
    }

    async fn begin(&self, begin: &str, scope: Scope) -> Result<Tx, Error> {
        let object = self.pool.get().await?;
        let lane = self.lanes.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let lane = lane.ok_or_else(|| Error::defect("more connections than lanes"))?;
        let lanes = Arc::clone(&self.lanes);
        let client = Client { object: Some(object), in_transaction: true, failure: None, lane, lanes };
        let partner = match scope {
            Scope::Partner(partner) => partner.0.to_string(),
            Scope::System => "system".into(),
        };
        client.batch(&format!("{begin}; SET LOCAL tenantry.partner = '{partner}'")).await?;
        Ok(Tx(Conn::Postgres(client)))
    }

    pub(super) async fn write<I, T, E, F>(&self, scope: Scope, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        // Spawned, because a caller that goes away must not leave half a transaction behind.
        let db = self.clone();
        let change = self.changes.spawn(async move {
            let started = Instant::now();
            let mut pause = Duration::from_millis(5);
            loop {
                let failed = match db.attempt(scope, &input, &job).await {
                    Ok(outcome) => return outcome,
                    Err(error) => error,
                };
                let again = matches!(failed, Error::Retry(_) | Error::Unavailable(_));
                if !again || started.elapsed() > PATIENCE {
                    return Err(failed.into());
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(500));
            }
        });
        change.await.unwrap_or_else(|e| Err(Error::defect(format!("a store job panicked: {e}")).into()))
    }

    /// `Err` where the store failed and nothing was committed, or nobody knows; `Ok` with the job's own outcome otherwise.
    async fn attempt<I, T, E, F>(&self, scope: Scope, input: &I, job: &F) -> Result<Result<T, E>, Error>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
        E: From<Error>,
    {
        let mut tx = self.begin("BEGIN", scope).await?;
        let outcome = job(input, &mut tx).await;
        if let Conn::Postgres(client) = &mut tx.0
            && let Some(error) = client.failure.take()
        {
            return Err(error);
        }
        match outcome {
            Ok(value) => commit(tx).await.map(|()| Ok(value)),
            Err(refusal) => rollback(tx).await.map(|()| Err(refusal)),
        }
    }

    pub(super) async fn read<I, T, E, F>(&self, scope: Scope, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
        E: From<Error>,
    {
        let mut tx = self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", scope).await?;
        let outcome = job(&input, &mut tx).await?;
        rollback(tx).await?;
        Ok(outcome)
    }

    pub(super) async fn close(&self) {
        self.changes.close();
        self.changes.wait().await;
        self.pool.close();
    }
}

async fn commit(mut tx: Tx) -> Result<(), Error> {
    let client = client_of(&mut tx)?;
    let answer = tokio::time::timeout(COMMIT_DEADLINE, client.get()?.batch_execute("COMMIT")).await;
    match answer {
        Ok(Ok(())) => {
            client.in_transaction = false;
            Ok(())
        }
        Ok(Err(error)) if error.as_db_error().is_some() => Err(error.into()),
        Ok(Err(error)) => Err(Error::Unknown(error.to_string())),
        Err(_) => Err(Error::Unknown("the commit was not confirmed in time".into())),
    }
}

async fn rollback(mut tx: Tx) -> Result<(), Error> {
    let client = client_of(&mut tx)?;
    client.batch("ROLLBACK").await?;
    client.in_transaction = false;
    Ok(())
}

fn client_of(tx: &mut Tx) -> Result<&mut Client, Error> {
    match &mut tx.0 {
        Conn::Postgres(client) => Ok(client),
        Conn::Sqlite(_) => Err(Error::defect("not a PostgreSQL transaction")),
    }
}

async fn rows(client: &mut Client, sql: &str, args: &[Arg<'_>]) -> Result<Vec<tokio_postgres::Row>, Error> {
    let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
    let object = client.get()?;
    let ran = async { object.query(&object.prepare_cached(sql).await?, &args).await };
    let ran = ran.await.map_err(Error::from);
    ran.inspect_err(|error| client.failure = client.failure.take().or_else(|| Some(error.clone())))
}

pub(super) async fn execute(client: &mut Client, sql: &str, args: &[Arg<'_>]) -> Result<u64, Error> {
    let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|arg| arg as _).collect();
    let object = client.get()?;
    let ran = async { object.execute(&object.prepare_cached(sql).await?, &args).await };
    let ran = ran.await.map_err(Error::from);
    ran.inspect_err(|error| client.failure = client.failure.take().or_else(|| Some(error.clone())))
}

pub(super) async fn all<T>(
    client: &mut Client,
    sql: &str,
    args: &[Arg<'_>],
    read: impl Fn(&mut Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    rows(client, sql, args).await?.iter().map(|row| read(&mut Row::postgres(row))).collect()
}

/// The schema's text as PostgreSQL takes it.
pub(super) fn dialect(schema: &str) -> String {
    migrate::lines_for("postgres", schema)
}
