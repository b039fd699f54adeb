//! PostgreSQL engine: connection pools, and transactions that complete even if their caller is dropped.

mod batch;
mod client;
mod connect;
mod probe;
mod replica;
mod session;
mod tls;

pub(super) use batch::JobKind;
pub(super) use client::{all, execute};

use super::job::Job;
use super::lists::{MAX_WAIT, Ticket};
use super::{Conn, Options, Purpose, Scope, Tx, migrate};
use crate::Error;
use client::{PooledTransaction, QueuedStatement, client_of, open};
use connect::{BOUND_ROLE, Cluster};
use deadpool::Runtime;
use deadpool::managed::{Pool, PoolError, TimeoutType};
use futures_util::{FutureExt, TryFutureExt};
use replica::Replica;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::error::{DbError, Severity};
use tokio_util::task::TaskTracker;

pub(crate) use client::Client;
pub(crate) use connect::Facts;

/// Time during which a transaction that certainly was not committed is retried.
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for COMMIT. PostgreSQL itself does not limit the wait for a synchronous standby.
const COMMIT_DEADLINE: Duration = Duration::from_secs(10);
/// Extra time for a whole list beyond the timeout of a single statement.
const LIST_MARGIN: Duration = Duration::from_secs(1);
/// Timeout for all other statements. Longer than `statement_timeout`, so it is reached only if the server hangs.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(35);
/// Maximum number of connections that one server opens.
pub(crate) const MAX_CONNECTIONS: usize = MAIN_CONNECTIONS + LIST_CONNECTIONS;
/// Connections for changes, look-ups and background work.
const MAIN_CONNECTIONS: usize = 32;
/// Connections for lists, so that nothing else waits for a list.
const LIST_CONNECTIONS: usize = 8;
/// Maximum number of concurrent changes. Less than [`MAIN_CONNECTIONS`], so that reads continue while commits wait for a
/// standby that is down.
const MAX_CHANGES: usize = 24;

/// Start of a transaction that changes data. Statements that find rows by key use a generic plan, because PostgreSQL would
/// plan some of them for each execution, which costs twice as much as the execution itself. Lists ([`READ`]) are planned
/// for the values they filter by.
const CHANGE: &str = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan";
const LOOK_UP: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan";
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

#[derive(Clone)]
pub(super) struct Postgres {
    main: Connections,
    lists: Connections,
    replica: Option<Arc<Replica>>,
    change_permits: Arc<Semaphore>,
    changes: TaskTracker,
    /// Queues of batched changes and of batched look-ups.
    queues: Arc<(Mutex<batch::JobQueue>, Mutex<batch::JobQueue>)>,
    /// Run as the role that signed in, without time limits: for tools.
    as_owner: bool,
    /// When a check of the database last succeeded. Held by the caller that checks, while others wait for its result.
    checked: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

/// Pool of connections for one kind of work.
#[derive(Clone)]
struct Connections {
    pool: Pool<Cluster>,
    shards: Shards,
}

impl Connections {
    fn new(cluster: Cluster, count: usize, max_wait: Duration) -> Result<Self, Error> {
        let create_timeout = cluster.max_connect_time();
        let pool = Pool::builder(cluster)
            .max_size(count)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(max_wait))
            .create_timeout(Some(create_timeout))
            .build()
            .map_err(Error::defect)?;
        Ok(Connections { pool, shards: Arc::new(Mutex::new((0..count as i64).collect())) })
    }
}

/// Free shards of the audit chain. An open transaction holds one.
type Shards = Arc<Mutex<Vec<i64>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Postgres {
    pub(super) async fn open(url: &str, options: Options, purpose: Purpose) -> Result<Self, Error> {
        let db = Self::connect(url, options, purpose != Purpose::Serve)?;
        db.check_sessions().await?;
        let mut tx = db.begin_as_owner("BEGIN").await?;
        migrate::postgres(&mut tx, purpose).await?;
        commit(tx).await?;
        let mut ids_are_missing = purpose == Purpose::Serve;
        while ids_are_missing {
            let mut tx = db.begin_as_owner("BEGIN").await?;
            ids_are_missing = migrate::start_missing_ids(&mut tx).await?;
            commit(tx).await?;
        }
        // This connection was opened before the migration created the role that transactions switch to.
        db.main.pool.retain(|_, _| false);
        Ok(db)
    }

    /// Reads lists from a standby while it is not far behind.
    pub(super) fn with_read_replica(self, url: &str, options: Options) -> Result<Self, Error> {
        let replica = Replica::open(url, options.allow_unsafe, &self.main)?;
        Ok(Postgres { replica: Some(Arc::new(replica)), ..self })
    }

    /// Sets the gauges of all pools.
    pub(super) fn record_metrics(&self) {
        let replica = self.replica.iter().map(|replica| ("replica", &replica.connections));
        for (pool, connections) in [("main", &self.main), ("lists", &self.lists)].into_iter().chain(replica) {
            let status = connections.pool.status();
            let set = |state: &'static str, count: usize| {
                metrics::gauge!("tenantry_postgres_connections", "pool" => pool, "state" => state)
                    .set(count as f64);
            };
            set("idle", status.available);
            set("used", status.size.saturating_sub(status.available));
            set("waited_for", status.waiting);
        }
    }

    /// Refuses a connection pooler that mixes sessions. Skipped if no second connection is available.
    async fn check_sessions(&self) -> Result<(), Error> {
        let one = self.main.pool.get().await?;
        match self.main.pool.get().await.map_err(Error::from) {
            Ok(other) => session::check_separate(&one, &other).await,
            Err(unfit @ Error::Unfit(_)) => Err(unfit),
            Err(_) => Ok(()),
        }
    }

    /// Read-only transaction on a consistent snapshot, without migrating the schema.
    pub(super) async fn snapshot(url: &str) -> Result<Tx, Error> {
        let anything = Options { allow_unsafe: true };
        let db = Self::connect(url, anything, true)?;
        db.begin_as_owner("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    fn connect(url: &str, options: Options, as_owner: bool) -> Result<Self, Error> {
        let cluster = || Cluster::parse(url, options.allow_unsafe);
        let main = Connections::new(cluster()?, MAIN_CONNECTIONS, RETRY_TIMEOUT)?;
        let lists = Connections::new(cluster()?, LIST_CONNECTIONS, MAX_WAIT)?;
        let change_permits = Arc::new(Semaphore::new(MAX_CHANGES));
        let queues = Arc::default();
        Ok(Postgres {
            main,
            lists,
            replica: None,
            change_permits,
            changes: TaskTracker::new(),
            queues,
            as_owner,
            checked: Arc::default(),
        })
    }

    async fn client(
        &self,
        connections: &Connections,
        permit: Option<OwnedSemaphorePermit>,
        jobs: usize,
    ) -> Result<Client, Error> {
        let object = connections.pool.get().await?;
        let shard = lock(&connections.shards).pop();
        let shard = shard.ok_or_else(|| Error::defect("more connections than audit shards"))?;
        let transaction = PooledTransaction {
            object: Some(object),
            in_transaction: AtomicBool::new(true),
            shard,
            shards: Arc::clone(&connections.shards),
            jobs,
            held: Mutex::default(),
            job_lock: Arc::default(),
            _permit: permit,
        };
        Ok(Client {
            transaction: Arc::new(transaction),
            begin: None,
            queued: Vec::new(),
            deadline: STATEMENT_DEADLINE,
            first_error: None,
            changed: false,
        })
    }

    async fn begin(
        &self,
        begin: &str,
        scope: Scope,
        permit: Option<OwnedSemaphorePermit>,
        jobs: usize,
    ) -> Result<Tx, Error> {
        if self.as_owner {
            return self.begin_as_owner(begin).await;
        }
        let client = self.client(&self.main, permit, jobs).await?;
        Self::begin_on(client, begin, scope)
    }

    /// Opens a transaction with this scope, together with the first statement that the client sends.
    fn begin_on(mut client: Client, begin: &str, scope: Scope) -> Result<Tx, Error> {
        let partner = match scope {
            Scope::Partner(partner) => partner.0.to_string(),
            Scope::System => "system".into(),
        };
        let mut first = format!("{begin}; SET LOCAL tenantry.partner = '{partner}'");
        if client.get()?.steps_down {
            first = format!("{first}; SET LOCAL ROLE {BOUND_ROLE}");
        }
        client.begin = Some(first);
        Ok(Tx::new(Conn::Postgres(Box::new(client))))
    }

    /// Opens a transaction for migrations and tools: all rows, the rights of the role that signed in, and no time limits.
    pub(super) async fn begin_as_owner(&self, begin: &str) -> Result<Tx, Error> {
        let mut client = self.client(&self.main, None, 1).await?;
        let unhurried = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'; \
                         SET LOCAL idle_in_transaction_session_timeout = 0";
        client.batch(&format!("{begin}; SET LOCAL tenantry.partner = 'system'; {unhurried}")).await?;
        client.deadline = Duration::from_secs(24 * 3600);
        Ok(Tx::new(Conn::Postgres(Box::new(client))))
    }

    pub(super) async fn write(&self, scope: Scope, job: Arc<dyn Job>) -> Result<(), Error> {
        // Spawned, because a dropped caller must not leave an open transaction behind.
        let db = self.clone();
        let change = async move { db.write_with_retries(scope, &*job).await };
        self.changes
            .spawn(change)
            .await
            .unwrap_or_else(|e| Err(Error::defect(format!("a store job panicked: {e}"))))
    }

    /// Runs a change and retries it for [`RETRY_TIMEOUT`] as long as the error is retryable.
    async fn write_with_retries(&self, scope: Scope, job: &dyn Job) -> Result<(), Error> {
        let mut retries = Retries::new();
        loop {
            match self.write_once(scope, job).await {
                Ok(()) => return Ok(()),
                Err(error) => retries.wait(self, error).await?,
            }
        }
    }

    pub(super) async fn read(&self, scope: Scope, job: Arc<dyn Job>) -> Result<(), Error> {
        self.read_with_retries(READ, scope, &*job).await
    }

    /// Runs a list on the read replica, or else on the connections for lists; `timeout` limits each statement and the whole.
    /// The list completes, and keeps its ticket, even if its caller is dropped, because PostgreSQL does not stop the query
    /// either.
    pub(super) async fn list(
        &self,
        ticket: Ticket,
        timeout: Duration,
        scope: Scope,
        job: Arc<dyn Job>,
    ) -> Result<(), Error> {
        let db = self.clone();
        let reading = async move {
            let mut retries = Retries::new();
            loop {
                let listed = tokio::time::timeout(timeout + LIST_MARGIN, db.list_once(timeout, scope, &*job));
                let late = |_| Err(Error::TimedOut("the statements of a list exceeded its timeout".into()));
                match listed.await.unwrap_or_else(late) {
                    Ok(()) => {
                        drop(ticket);
                        return Ok(());
                    }
                    Err(error) => retries.wait(&db, error).await?,
                }
            }
        };
        let read = self.changes.spawn(reading).await;
        read.unwrap_or_else(|e| Err(Error::defect(format!("a store job panicked: {e}"))))
    }

    async fn list_once(&self, timeout: Duration, scope: Scope, job: &dyn Job) -> Result<(), Error> {
        if let Some(replica) = self.replica.as_deref().filter(|replica| replica.is_current()) {
            match self.list_on(&replica.connections, timeout, scope, job).await {
                Err(error @ (Error::Unavailable(_) | Error::Unfit(_) | Error::Busy(_))) => {
                    replica.note_failure(&error);
                }
                listed => return listed,
            }
        }
        self.list_on(&self.lists, timeout, scope, job).await
    }

    async fn list_on(
        &self,
        connections: &Connections,
        timeout: Duration,
        scope: Scope,
        job: &dyn Job,
    ) -> Result<(), Error> {
        let client = self.client(connections, None, 1).await?;
        let begin = format!("{READ}; SET LOCAL statement_timeout = {}", timeout.as_millis());
        let mut tx = Self::begin_on(client, &begin, scope)?;
        run(&mut tx, job).await?;
        rollback(tx)
    }

    async fn read_with_retries(&self, begin: &str, scope: Scope, job: &dyn Job) -> Result<(), Error> {
        let mut retries = Retries::new();
        loop {
            match self.read_once(begin, scope, job).await {
                Ok(()) => return Ok(()),
                Err(error) => retries.wait(self, error).await?,
            }
        }
    }

    async fn read_once(&self, begin: &str, scope: Scope, job: &dyn Job) -> Result<(), Error> {
        let mut tx = self.begin(begin, scope, None, 1).await?;
        run(&mut tx, job).await?;
        rollback(tx)
    }

    async fn write_once(&self, scope: Scope, job: &dyn Job) -> Result<(), Error> {
        let mut tx = self.begin_change(scope, 1).await?;
        match run(&mut tx, job).await? {
            true => commit(tx).await,
            false => release(tx).await,
        }
    }

    async fn begin_change(&self, scope: Scope, jobs: usize) -> Result<Tx, Error> {
        let permit =
            tokio::time::timeout(RETRY_TIMEOUT, Arc::clone(&self.change_permits).acquire_owned()).await;
        let permit = permit.map_err(|_| Error::Busy("too many changes wait for their commit".into()))?;
        self.begin(CHANGE, scope, permit.ok(), jobs).await
    }

    pub(super) async fn close(&self) {
        self.changes.close();
        self.changes.wait().await;
        self.main.pool.close();
        self.lists.pool.close();
        if let Some(replica) = &self.replica {
            replica.connections.pool.close();
        }
    }
}

/// Retry state of one transaction.
struct Retries {
    started: Instant,
    pause: Duration,
}

impl Retries {
    fn new() -> Self {
        Retries { started: Instant::now(), pause: Duration::from_millis(5) }
    }

    /// Waits before the next attempt. Returns the error instead if it is not retryable or the time is up.
    async fn wait(&mut self, db: &Postgres, failed: Error) -> Result<(), Error> {
        // A running server treats an unfit database like one that cannot be reached; only at the start is it a
        // configuration error.
        let failed = if let Error::Unfit(why) = failed { Error::Unavailable(why) } else { failed };
        if matches!(failed, Error::Unavailable(_)) {
            // A host that is down or read-only is so for every pooled connection to it.
            db.main.pool.retain(|_, _| false);
            db.lists.pool.retain(|_, _| false);
        }
        let may_succeed = matches!(failed, Error::Retry(_) | Error::Unavailable(_));
        if !may_succeed || self.started.elapsed() > RETRY_TIMEOUT {
            return Err(failed);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Duration::from_millis(500));
        Ok(())
    }
}

/// Runs a job: `Err` if the store failed, otherwise whether the job succeeded.
async fn run(tx: &mut Tx, job: &dyn Job) -> Result<bool, Error> {
    let has_succeeded = job.run(tx).await;
    match client_of(tx)?.first_error.take() {
        Some(error) => Err(error),
        None => Ok(has_succeeded),
    }
}

/// Sends ROLLBACK without waiting for the answer: PostgreSQL processes it before the next user's statements.
fn rollback(mut tx: Tx) -> Result<(), Error> {
    let client = client_of(&mut tx)?;
    if client.begin.is_none()
        && let Some(Err(error)) = client.get()?.client.batch_execute("ROLLBACK").now_or_never()
    {
        return Err(error.into());
    }
    ended(&mut tx)
}

/// Rolls back a change. One that holds a name waits for the answer: its caller may use the name again as soon as it knows of
/// the refusal, on another connection.
async fn release(mut tx: Tx) -> Result<(), Error> {
    let client = client_of(&mut tx)?;
    if client.begin.is_some() || !client.claims() {
        return rollback(tx);
    }
    client.batch("ROLLBACK").await?;
    ended(&mut tx)
}

/// Marks the connection as reusable.
fn ended(tx: &mut Tx) -> Result<(), Error> {
    client_of(tx)?.transaction.in_transaction.store(false, Ordering::SeqCst);
    Ok(())
}

async fn commit(tx: Tx) -> Result<(), Error> {
    let (jobs, began) = (tx.jobs(), std::time::Instant::now());
    let mut answer = Box::pin(confirm(tx));
    if let Ok(answer) = tokio::time::timeout(COMMIT_DEADLINE, &mut answer).await {
        super::count_commit(answer.is_ok(), jobs, began);
        return answer;
    }
    super::count_commit(false, jobs, began);
    // Keep the connection until COMMIT is answered: closing it would not end the wait in the server, and new connections
    // would pile up behind the same standby.
    tokio::spawn(async move {
        match answer.await {
            Ok(()) => tracing::warn!("a commit reported as unknown has succeeded"),
            Err(error) => tracing::error!(%error, "a commit reported as unknown has failed"),
        }
    });
    Err(Error::Unknown("PostgreSQL did not confirm it in time".into()))
}

async fn confirm(mut tx: Tx) -> Result<(), Error> {
    tx.flush_deferred().await?;
    let client = client_of(&mut tx)?;
    client.get()?.warned.store(false, Ordering::SeqCst);
    // Queued statements are sent with COMMIT. If one of them fails, PostgreSQL rolls back instead.
    let mut unanswered = false;
    let commit = client.send("COMMIT", |client, commit| {
        let answer = async move { client.execute(&commit, &[]).await };
        // An ERROR means that the transaction was rolled back; a lost connection leaves its outcome unknown.
        answer.inspect_err(|error| {
            unanswered = error.as_db_error().and_then(DbError::parsed_severity) != Some(Severity::Error);
        })
    });
    match commit.await {
        // The warning precedes the answer on the connection, and is recorded before the answer is delivered.
        Ok(_) if client.get()?.warned.load(Ordering::SeqCst) => {
            Err(Error::Unknown("the wait for the standby was cancelled; it may not have the change".into()))
        }
        Ok(_) => {
            client.transaction.in_transaction.store(false, Ordering::SeqCst);
            Ok(())
        }
        Err(error) if unanswered => Err(Error::Unknown(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Name of the database that a URL refers to, without credentials.
pub(super) fn identity(url: &str) -> Result<String, Error> {
    Ok(Cluster::parse(url, true)?.identity())
}

/// PostgreSQL's variant of a migration text.
pub(super) fn dialect(schema: &str) -> String {
    migrate::lines_for("postgres", schema)
}

impl From<PoolError<Error>> for Error {
    fn from(error: PoolError<Error>) -> Self {
        match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(TimeoutType::Wait) => Error::Busy("all connections are taken".into()),
            other => Error::Unavailable(other.to_string()),
        }
    }
}
