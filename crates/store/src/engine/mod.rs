//! One interface for both engines: a database ([`Db`]) and a transaction that runs statements ([`Tx`]).

mod deferred;
mod fair;
pub(crate) mod ids;
mod job;
mod lists;
pub(crate) mod migrate;
mod names;
pub(crate) mod postgres;
pub(crate) mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod value;

pub(crate) use deferred::{Deferred, DeferredWrites};
pub(crate) use ids::IdSequence;

use crate::Error;
use domain::PartnerId;
pub use fair::FairQueue;
use futures_util::future::BoxFuture;
use job::{Job, Pending};
pub use lists::ListLimits;
use lists::Lists;
use metrics::{counter, histogram};
use postgres::JobKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::OwnedMutexGuard;
use value::{Arg, Row};

/// Handle on a database. Clones are cheap and share its connections.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
    lists: Arc<Lists>,
}

#[derive(Clone)]
enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Engine {
    /// How many lists of one partner may run at the same time on any machine.
    fn lists_at_least(&self) -> usize {
        match self {
            Engine::Sqlite(_) => 2,
            Engine::Postgres(_) => 1,
        }
    }
}

/// Options for opening a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Accept a database that would lose acknowledged changes in a crash, such as PostgreSQL with `fsync=off`. For
    /// disposable test databases only.
    pub allow_unsafe: bool,
}

/// Purpose for which a database is opened; decides its schema version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Serving: the newest schema, and no unfinished copy or restore.
    Serve,
    /// Target of a copy or restore, with the schema version of the source.
    Fill(usize),
    /// Backup file under construction, with the schema version of the source. No other process opens it before it is
    /// complete and synced.
    Build(usize),
}

/// Engine and address that a database URL names.
pub(crate) enum Target<'u> {
    Sqlite(&'u str),
    Postgres(&'u str),
}

impl<'u> Target<'u> {
    pub(crate) fn of(url: &'u str) -> Result<Self, Error> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let what = "the database URL names no file: write sqlite:PATH";
            return if path.is_empty() { Err(Error::Unfit(what.into())) } else { Ok(Target::Sqlite(path)) };
        }
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Ok(Target::Postgres(url));
        }
        Err(Error::Unfit("the database URL must start with sqlite: or postgres://".into()))
    }

    /// Name of the database without credentials, for messages and comparisons.
    pub(crate) fn identity(&self) -> Result<String, Error> {
        match self {
            Target::Sqlite(":memory:") => {
                Err(Error::Unfit("a database in memory is gone when this command ends".into()))
            }
            Target::Sqlite(path) => {
                let there = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
                there
                    .map(|path| format!("sqlite:{}", path.display()))
                    .map_err(|e| Error::Unfit(e.to_string()))
            }
            Target::Postgres(url) => postgres::identity(url),
        }
    }
}

/// Open transaction. The methods of [`Db`] begin and end it; jobs only run statements in it.
pub struct Tx {
    pub(crate) conn: Conn,
    /// Shared by all jobs of a batched transaction.
    deferred: Arc<Mutex<DeferredWrites>>,
}

pub(crate) enum Conn {
    Sqlite(rusqlite::Connection),
    Postgres(Box<postgres::Client>),
}

/// Rows that a transaction may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Rows of one partner. On PostgreSQL, row-level security hides all others.
    Partner(PartnerId),
    /// All rows, for work of the server itself: authenticating a key, creating a partner.
    System,
}

/// In whose turn a look-up comes, where several wait: those of one do not hold up those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub(crate) scope: Scope,
    caller: u64,
}

impl Turn {
    /// Of this caller, before it is known which partner it is of; any number that no other caller has.
    pub fn of_caller(caller: u64) -> Self {
        Turn { scope: Scope::System, caller }
    }
}

impl<S: Into<Scope>> From<S> for Turn {
    fn from(scope: S) -> Self {
        Turn { scope: scope.into(), caller: 0 }
    }
}

impl From<PartnerId> for Scope {
    fn from(partner: PartnerId) -> Self {
        Scope::Partner(partner)
    }
}

/// Whether the database of a URL exists and has Tenantry's schema. Nothing is created or changed.
///
/// # Errors
/// [`Error::Unfit`] for an unsupported URL; [`Error::Unavailable`] if the database cannot be reached.
pub async fn exists(url: &str) -> Result<bool, Error> {
    match Target::of(url)? {
        Target::Sqlite(":memory:") => Ok(false),
        // SQLite creates an empty file before it writes the schema.
        Target::Sqlite(path) => Ok(std::fs::metadata(path).is_ok_and(|about| about.len() > 0)),
        Target::Postgres(_) => Tx::snapshot(url).await?.has_table("schema_migrations").await,
    }
}

/// Schema version of the database of a URL; `None` if it is not a database of Tenantry. Nothing is created or changed.
///
/// # Errors
/// [`Error::Unfit`] for an unsupported URL, or a schema that a server of this program does not work with;
/// [`Error::Unavailable`] if the database cannot be reached.
pub async fn schema_version_of(url: &str) -> Result<Option<usize>, Error> {
    migrate::version_to_serve(&mut Tx::snapshot(url).await?).await
}

/// Name of the database that a URL refers to, without credentials.
///
/// # Errors
/// [`Error::Unfit`] for an unsupported URL.
pub fn name_of(url: &str) -> Result<String, Error> {
    Target::of(url)?.identity()
}

/// Whether a database can be where this URL says, and a read replica of it where that one says. Nothing is connected to.
///
/// # Errors
/// [`Error::Unfit`] says what is wrong.
pub fn check_urls(url: &str, replica: Option<&str>) -> Result<(), Error> {
    let of_postgres = |target: &Target<'_>| match target {
        Target::Sqlite(_) => Ok(false),
        Target::Postgres(url) => postgres::identity(url).map(|_| true),
    };
    let is_postgres = of_postgres(&Target::of(url)?)?;
    match replica.map(|url| of_postgres(&Target::of(url)?)).transpose()? {
        Some(of_replica) if !(is_postgres && of_replica) => Err(Error::Unfit(NO_REPLICA.into())),
        _ => Ok(()),
    }
}

const NO_REPLICA: &str = "a read replica is a standby of a database on PostgreSQL";

/// How a job runs: see the methods of [`Db`] with these names.
#[derive(Clone, Copy)]
enum Mode {
    Write,
    WriteBatched,
    Read,
    List,
    LookUp,
}

/// Counts a transaction of changes, and how long it took from its start to the answer to its commit.
fn count_commit(is_committed: bool, jobs: usize, began: Instant) {
    let outcome = if is_committed { "committed" } else { "failed" };
    counter!("tenantry_commits_total", "outcome" => outcome).increment(1);
    if is_committed {
        counter!("tenantry_committed_jobs_total").increment(jobs as u64);
    }
    histogram!("tenantry_commit_duration_seconds").record(began.elapsed());
}

impl Db {
    /// Opens `sqlite:PATH`, `sqlite::memory:` or `postgres://…`, migrates its schema to the newest version, and refuses a
    /// database that could lose data.
    ///
    /// # Errors
    /// [`Error::Unfit`] for an unsupported URL, version, setting or schema; [`Error::Unavailable`] if the database cannot
    /// be reached.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(url, Options::default()).await
    }

    /// Opens a database like [`Db::open`], with options.
    ///
    /// # Errors
    /// See [`Db::open`].
    pub async fn open_with(url: &str, options: Options) -> Result<Self, Error> {
        if options.allow_unsafe {
            tracing::warn!(
                "unsafe databases are allowed: a crash may lose acknowledged changes. For tests only"
            );
        }
        Self::open_for(url, options, Purpose::Serve).await
    }

    pub(crate) async fn open_for(url: &str, options: Options, purpose: Purpose) -> Result<Self, Error> {
        let engine = match Target::of(url)? {
            Target::Sqlite(path) => Engine::Sqlite(sqlite::Sqlite::open(path, options, purpose)?),
            Target::Postgres(url) => Engine::Postgres(postgres::Postgres::open(url, options, purpose).await?),
        };
        let lists = Arc::new(Lists::new(ListLimits::default(), engine.lists_at_least()));
        Ok(Db { engine, lists })
    }

    /// Replaces the limits for lists.
    #[must_use]
    pub fn with_list_limits(self, limits: ListLimits) -> Self {
        Db { lists: Arc::new(Lists::new(limits, self.engine.lists_at_least())), ..self }
    }

    /// Reads lists from a PostgreSQL standby of the same database, as long as it is not far behind: what was committed some
    /// seconds ago may be missing in them. Where the standby fails, they are read from the primary.
    ///
    /// # Errors
    /// [`Error::Unfit`] for a malformed URL, or if this database is not on PostgreSQL.
    pub fn with_read_replica(self, url: &str, options: Options) -> Result<Self, Error> {
        match (self.engine, Target::of(url)?) {
            (Engine::Postgres(db), Target::Postgres(url)) => {
                Ok(Db { engine: Engine::Postgres(db.with_read_replica(url, options)?), ..self })
            }
            _ => Err(Error::Unfit(NO_REPLICA.into())),
        }
    }

    /// Changes data: runs `job` in a transaction and returns after its durable commit.
    ///
    /// An error of the job rolls back that job alone. The job owns its `input` and completes even if the caller's future
    /// is dropped; it is restarted after a serialization conflict, so it must have no effects outside the transaction.
    ///
    /// # Errors
    /// The job's error, or the store's [`Error`] converted to that type.
    pub async fn write<I, T, E, F>(&self, scope: impl Into<Scope>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let job = Pending::new(input, job);
        let ended = self.run(Mode::Write, Turn::from(scope), job.clone()).await;
        job.outcome(ended)
    }

    /// Changes data like [`Db::write`], with a short job that may share a transaction with other jobs (batched commit). On
    /// PostgreSQL the statements of batched jobs interleave, so a job must be correct whatever another one changes between
    /// two of its statements. If a job fails after it has changed something, the batch is rolled back and each of its jobs
    /// runs again in its own transaction.
    ///
    /// # Errors
    /// See [`Db::write`].
    pub async fn write_batched<I, T, E, F>(&self, scope: impl Into<Scope>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let job = Pending::new(input, job);
        let ended = self.run(Mode::WriteBatched, Turn::from(scope), job.clone()).await;
        job.outcome(ended)
    }

    /// Reads data for background work: runs `job` on one consistent snapshot, without a time limit.
    ///
    /// # Errors
    /// The job's error, or the store's [`Error`] converted to that type.
    pub async fn read<I, T, E, F>(&self, scope: impl Into<Scope>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let job = Pending::new(input, job);
        let ended = self.run(Mode::Read, Turn::from(scope), job.clone()).await;
        job.outcome(ended)
    }

    /// Reads a list for a request: runs `job` on one consistent snapshot, within the [`ListLimits`]. Lists have their own
    /// connections, so that look-ups never wait for them.
    ///
    /// # Errors
    /// The job's error, or the store's [`Error`] converted to that type: [`Error::ShareExceeded`] if too many lists of the
    /// scope are running, [`Error::TimedOut`] if this one exceeds its timeout.
    pub async fn list<I, T, E, F>(&self, scope: impl Into<Scope>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let job = Pending::new(input, job);
        let ended = self.run(Mode::List, Turn::from(scope), job.clone()).await;
        job.outcome(ended)
    }

    /// Reads a few rows by their keys, on one consistent snapshot. On SQLite the job runs on the caller's thread, because
    /// that is faster than a thread switch; use [`Db::list`] for anything that grows with the data.
    ///
    /// # Errors
    /// The job's error, or the store's [`Error`] converted to that type.
    pub async fn look_up<I, T, E, F>(&self, turn: impl Into<Turn>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let job = Pending::new(input, job);
        let ended = self.run(Mode::LookUp, turn.into(), job.clone()).await;
        job.outcome(ended)
    }

    /// Runs a job in a transaction, which has ended then: committed, or rolled back because the job has failed.
    fn run(&self, mode: Mode, turn: Turn, job: Arc<dyn Job>) -> BoxFuture<'_, Result<(), Error>> {
        let scope = turn.scope;
        Box::pin(async move {
            match (&self.engine, mode) {
                // Its writer batches all writes.
                (Engine::Sqlite(db), Mode::Write | Mode::WriteBatched) => db.write(scope, job).await,
                (Engine::Sqlite(db), Mode::Read) => db.read(scope, job).await,
                (Engine::Sqlite(db), Mode::LookUp) => db.look_up(scope, job).await,
                (Engine::Postgres(db), Mode::Write) => db.write(scope, job).await,
                (Engine::Postgres(db), Mode::WriteBatched) => db.batched(JobKind::Change, turn, job).await,
                (Engine::Postgres(db), Mode::Read) => db.read(scope, job).await,
                (Engine::Postgres(db), Mode::LookUp) => db.batched(JobKind::LookUp, turn, job).await,
                (engine, Mode::List) => {
                    let ticket = self.lists.enter(scope).await?;
                    let timeout = self.lists.timeout();
                    match engine {
                        Engine::Sqlite(db) => db.list(ticket, timeout, scope, job).await,
                        Engine::Postgres(db) => db.list(ticket, timeout, scope, job).await,
                    }
                }
            }
        })
    }

    /// Sets the metrics that are states: connections in use and waited for.
    pub fn record_metrics(&self) {
        if let Engine::Postgres(db) = &self.engine {
            db.record_metrics();
        }
    }

    /// Waits for running changes, then closes all connections. Later calls fail with [`Error::Unavailable`].
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(db) => db.close().await,
            Engine::Postgres(db) => db.close().await,
        }
    }

    /// Checks that the database accepts reads and writes now.
    ///
    /// # Errors
    /// The reason why it does not.
    pub async fn check(&self) -> Result<(), Error> {
        match &self.engine {
            Engine::Sqlite(db) => db.check().await,
            Engine::Postgres(db) => db.check().await,
        }
    }
}

impl Tx {
    pub(crate) fn new(conn: Conn) -> Self {
        Tx { conn, deferred: Arc::default() }
    }

    pub(crate) fn deferred(&self) -> MutexGuard<'_, DeferredWrites> {
        self.deferred.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the deferred rows. Called before the commit, and before a job reads their tables.
    pub(crate) async fn flush_deferred(&mut self) -> Result<(), Error> {
        let flushes = self.deferred().flushes();
        for flush in flushes {
            flush(self).await?;
        }
        self.flush_ids().await
    }

    /// Second handle on this transaction, for another job of the batch.
    pub(crate) fn fork(&self) -> Result<Self, Error> {
        match &self.conn {
            Conn::Sqlite(_) => Err(Error::defect("a transaction on SQLite cannot be forked")),
            Conn::Postgres(client) => {
                Ok(Tx { conn: Conn::Postgres(Box::new(client.fork())), deferred: Arc::clone(&self.deferred) })
            }
        }
    }

    /// Excludes the other jobs of the batch until the guard is dropped.
    pub async fn lock(&mut self) -> Option<OwnedMutexGuard<()>> {
        match &self.conn {
            Conn::Sqlite(_) => None, // jobs run sequentially
            Conn::Postgres(client) => Some(client.job_lock().lock_owned().await),
        }
    }

    /// Number of jobs that share the transaction, from 1.
    pub(crate) fn jobs(&self) -> usize {
        match &self.conn {
            Conn::Sqlite(_) => 1, // an id costs no round trip, so none is reserved ahead
            Conn::Postgres(client) => client.jobs(),
        }
    }

    /// Claims a name among the jobs of the batch; `false` if another one has claimed it. The lock of [`Tx::hold`] belongs
    /// to the transaction, so it does not exclude them.
    pub(crate) fn claim(&self, name: &str) -> bool {
        match &self.conn {
            Conn::Sqlite(_) => true,
            Conn::Postgres(client) => client.claim(name),
        }
    }

    /// Table expression with `$3` rows; always one row on SQLite.
    pub(crate) fn times(&self) -> &'static str {
        match &self.conn {
            Conn::Sqlite(_) => "(SELECT $3)",
            Conn::Postgres(_) => "generate_series(1::bigint, $3)",
        }
    }

    /// Read-only transaction on a consistent snapshot of a whole database, whose schema is not migrated. Dropping it ends it.
    pub(crate) async fn snapshot(url: &str) -> Result<Self, Error> {
        match Target::of(url)? {
            Target::Sqlite(path) => sqlite::open_snapshot(path),
            Target::Postgres(url) => postgres::Postgres::snapshot(url).await,
        }
    }

    /// Whether the table exists.
    pub(crate) async fn has_table(&mut self, name: &str) -> Result<bool, Error> {
        let sql = match &self.conn {
            Conn::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = $1",
            Conn::Postgres(_) => {
                "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1"
            }
        };
        Ok(self.first(sql, value::args![name], |row| row.next::<String>()).await?.is_some())
    }

    /// Runs a statement and returns the number of rows it changed.
    pub(crate) async fn execute(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64, Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => sqlite::execute(conn, sql, args),
            Conn::Postgres(client) => postgres::execute(client, sql, args).await,
        }
    }

    /// Enqueues a statement whose row count is not needed. PostgreSQL receives it with the next statement or with the
    /// commit, which then returns its error; SQLite runs it at once.
    pub(crate) async fn enqueue(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => sqlite::execute(conn, sql, args).map(drop),
            Conn::Postgres(client) => {
                client.enqueue(sql, args);
                Ok(())
            }
        }
    }

    /// Has the transaction's later joins read each table once. PostgreSQL expects no rows of a partner who has got them since
    /// the last `ANALYZE`, and would read those of the one table again for each of the other. On SQLite, joins use indexes
    /// whatever it expects.
    pub(crate) async fn rule_out_nested_loops(&mut self) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(client) => {
                client.enqueue("SET LOCAL enable_nestloop = off", &[]);
                Ok(())
            }
        }
    }

    /// Runs a query and maps its rows with `read`.
    pub(crate) async fn all<T>(
        &mut self,
        sql: &str,
        args: &[Arg<'_>],
        read: impl Fn(&mut Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => sqlite::all(conn, sql, args, read),
            Conn::Postgres(client) => postgres::all(client, sql, args, read).await,
        }
    }

    /// Runs a query and maps its first row, if any, with `read`.
    pub(crate) async fn first<T>(
        &mut self,
        sql: &str,
        args: &[Arg<'_>],
        read: impl Fn(&mut Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.all(sql, args, read).await?.into_iter().next())
    }

    /// Error for a conflict with another transaction. On PostgreSQL it restarts this one from the beginning; on SQLite,
    /// where writes are serial, the caller receives it.
    pub(crate) fn serialization_conflict(&mut self) -> Error {
        let error = Error::Retry("another change was committed first".into());
        if let Conn::Postgres(client) = &mut self.conn {
            client.first_error = Some(error.clone());
        }
        error
    }

    /// Shard of the audit chain that this transaction appends to: no two transactions that are open on this server at the
    /// same time share one.
    pub fn shard(&self) -> i64 {
        match &self.conn {
            Conn::Sqlite(_) => 0, // there is one writer
            Conn::Postgres(client) => client.shard(),
        }
    }

    /// SQL expression that locks the name `$1` until the transaction ends; false if another transaction has locked it.
    pub(crate) fn hold(&self) -> &'static str {
        match &self.conn {
            Conn::Sqlite(_) => "$1 IS NOT NULL", // there is one writer
            Conn::Postgres(_) => "pg_try_advisory_xact_lock(hashtextextended($1, 0))",
        }
    }

    /// Suffix of a `SELECT` that locks the rows it reads against concurrent changes.
    pub(crate) fn for_update(&self) -> &'static str {
        match &self.conn {
            Conn::Sqlite(_) => "", // there is one writer
            Conn::Postgres(_) => " FOR UPDATE",
        }
    }
}
