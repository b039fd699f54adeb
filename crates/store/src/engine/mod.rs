//! Two engines behind one interface: a database to read from and write to, and a transaction to run statements in.

mod fair;
pub(crate) mod ids;
mod lists;
pub(crate) mod migrate;
mod names;
pub(crate) mod postgres;
pub(crate) mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod value;

pub(crate) use ids::Kind;

use crate::audit::{Head, Sign};
use crate::{Error, audit, customers};
use domain::PartnerId;
use futures_util::future::BoxFuture;
pub use lists::ListLimits;
use lists::Lists;
use postgres::Together;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;
use value::{Arg, Row};

/// A database. Cheap to clone; all clones are one.
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

/// How strict to be with a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Work with one that would lose acknowledged changes in a crash (PostgreSQL with `fsync=off`, say). For throw-away
    /// test clusters only.
    pub allow_unsafe: bool,
}

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve: with the newest schema, and complete.
    Serve,
    /// To be filled by a tool: with the schema that the data's origin has.
    Fill(usize),
    /// The same, in a file that nobody else sees before it is whole and synced.
    Build(usize),
}

/// Which engine a URL names.
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

    /// Which database it is, without how to get in.
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

/// A transaction under way. Only [`Db::read`] and [`Db::write`] make one, and only they end it.
pub struct Tx {
    pub(crate) conn: Conn,
    /// Shared by the jobs that share the transaction.
    notes: Arc<Mutex<Notes>>,
}

/// What a transaction keeps in mind and writes at its end, once for all its jobs: the rows that each of them would change.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    /// Where the chains of audit events end, by partner and lane.
    pub(crate) heads: BTreeMap<(PartnerId, i64), Place>,
    /// How many customers more or less, by partner and block.
    pub(crate) blocks: BTreeMap<(PartnerId, i64), i64>,
    /// Whether a run of bills has ended. As it was when first asked: one that ends beside this job comes after it.
    pub(crate) billed: BTreeMap<PartnerId, bool>,
    /// The last id by partner and kind, and whether it was given here. On SQLite, where there is one writer.
    pub(crate) ids: BTreeMap<(i64, &'static str), (i64, bool)>,
}

/// The end of a chain of audit events.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) head: Head,
    /// Ids for the next events.
    pub(crate) ids: VecDeque<i64>,
    /// Who signs it, where it has moved since it was read or signed.
    pub(crate) moved: Option<Sign>,
}

pub(crate) enum Conn {
    Sqlite(rusqlite::Connection),
    Postgres(Box<postgres::Client>),
}

/// Whose rows a transaction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One partner's; the second wall on PostgreSQL (row level security) hides all others.
    Partner(PartnerId),
    /// The server's own business: finding the owner of a key, making a partner.
    System,
}

impl From<PartnerId> for Scope {
    fn from(partner: PartnerId) -> Self {
        Scope::Partner(partner)
    }
}

/// Whether a URL leads to a database that holds Tenantry's schema already. Nothing is made or changed.
///
/// # Errors
/// [`Error::Unfit`] for a URL that will not do; [`Error::Unavailable`] if the database cannot be reached.
pub async fn exists(url: &str) -> Result<bool, Error> {
    match Target::of(url)? {
        Target::Sqlite(":memory:") => Ok(false),
        // An empty file is what SQLite makes before it writes into it.
        Target::Sqlite(path) => Ok(std::fs::metadata(path).is_ok_and(|about| about.len() > 0)),
        Target::Postgres(_) => Tx::snapshot(url).await?.has_table("schema_migrations").await,
    }
}

/// Which database a URL names, without the credentials in it.
///
/// # Errors
/// [`Error::Unfit`] for a URL that will not do.
pub fn name_of(url: &str) -> Result<String, Error> {
    Target::of(url)?.identity()
}

impl Db {
    /// Open `sqlite:PATH`, `sqlite::memory:` or `postgres://…`, bring its schema up to date, and refuse what would
    /// lose data.
    ///
    /// # Errors
    /// [`Error::Unfit`] for a URL, version, setting or schema that will not do; [`Error::Unavailable`] if it cannot be
    /// reached.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(url, Options::default()).await
    }

    /// As [`Db::open`], with options.
    ///
    /// # Errors
    /// As [`Db::open`].
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
        Ok(Db { engine, lists: Arc::default() })
    }

    /// The same database, with these limits for lists.
    #[must_use]
    pub fn with_list_limits(self, limits: ListLimits) -> Self {
        Db { lists: Arc::new(Lists::new(limits)), ..self }
    }

    /// Change data: run `job` in a transaction and answer once it is committed, durably.
    ///
    /// An error of the job undoes what the job did, and nothing else. The job runs to its end even if the caller goes
    /// away, with an `input` of its own; it may be run again from the start where another transaction got in between.
    ///
    /// # Errors
    /// The job's own, or a store [`Error`] turned into one.
    pub async fn write<I, T, E, F>(&self, scope: impl Into<Scope>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(db) => db.write(scope.into(), input, job).await,
            Engine::Postgres(db) => db.write(scope.into(), input, job).await,
        }
    }

    /// As [`Db::write`], for a short change that may be one of several in a transaction. On PostgreSQL their statements
    /// take turns, so that each has to be right whatever a neighbour does between two of its own; those of a job that
    /// has changed something and then failed, and of its neighbours, are undone and run again one by one.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_together<I, T, E, F>(&self, scope: impl Into<Scope>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(db) => db.write(scope.into(), input, job).await, // where all do
            Engine::Postgres(db) => db.together(Together::Change, scope.into(), input, job).await,
        }
    }

    /// Read data for the server's own work: run `job` on one consistent snapshot, for as long as it takes.
    ///
    /// # Errors
    /// The job's own, or a store [`Error`] turned into one.
    pub async fn read<I, T, E, F>(&self, scope: impl Into<Scope>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(db) => db.read(scope.into(), input, job).await,
            Engine::Postgres(db) => db.read(scope.into(), input, job).await,
        }
    }

    /// Read what grows with the data, for a caller who waits: run `job` on one consistent snapshot, within the
    /// [`ListLimits`] and on connections of their own, so that look-ups never wait behind lists.
    ///
    /// # Errors
    /// The job's own, or a store [`Error`] turned into one: [`Error::ShareExceeded`] where too many of the scope's lists
    /// are under way, [`Error::TimedOut`] where this one takes too long.
    pub async fn list<I, T, E, F>(&self, scope: impl Into<Scope>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let scope = scope.into();
        let ticket = self.lists.enter(scope).await?;
        let timeout = self.lists.timeout();
        match &self.engine {
            Engine::Sqlite(db) => db.list(ticket, timeout, scope, input, job).await,
            Engine::Postgres(db) => db.list(ticket, timeout, scope, input, job).await,
        }
    }

    /// Read a few rows by their keys, on one consistent snapshot. On SQLite this happens on the caller's thread, for it
    /// takes less time than handing it to another one: nothing that grows with the data belongs here.
    ///
    /// # Errors
    /// The job's own, or a store [`Error`] turned into one.
    pub async fn look_up<I, T, E, F>(&self, scope: impl Into<Scope>, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        I: Send + Sync + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(db) => db.look_up(scope.into(), input, job).await,
            Engine::Postgres(db) => db.together(Together::LookUp, scope.into(), input, job).await,
        }
    }

    /// Wait for the changes under way, then let the database go. Later calls fail with [`Error::Unavailable`].
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(db) => db.close().await,
            Engine::Postgres(db) => db.close().await,
        }
    }

    /// Can the database be read from and written to just now?
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn check(&self) -> Result<(), Error> {
        match &self.engine {
            Engine::Sqlite(db) => db.check().await,
            Engine::Postgres(db) => {
                db.write(Scope::System, (), |(), tx| {
                    Box::pin(async move { tx.execute("SELECT 1", &[]).await.map(drop) })
                })
                .await
            }
        }
    }
}

impl Tx {
    pub(crate) fn new(conn: Conn) -> Self {
        Tx { conn, notes: Arc::default() }
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Write down what was kept in mind. Before the commit, and before anything reads these tables in a transaction.
    pub(crate) async fn settle(&mut self) -> Result<(), Error> {
        audit::settle(self).await?;
        customers::settle(self).await?;
        self.flush_ids().await
    }

    /// The same transaction for another job.
    pub(crate) fn beside(&self) -> Result<Self, Error> {
        match &self.conn {
            Conn::Sqlite(_) => Err(Error::defect("jobs on SQLite share a connection one after the other")),
            Conn::Postgres(client) => {
                Ok(Tx { conn: Conn::Postgres(Box::new(client.beside())), notes: Arc::clone(&self.notes) })
            }
        }
    }

    /// Keep those out that share the transaction, until the guard is dropped.
    pub async fn turn(&mut self) -> Option<OwnedMutexGuard<()>> {
        match &self.conn {
            Conn::Sqlite(_) => None, // where one runs after the other
            Conn::Postgres(client) => Some(client.turn().lock_owned().await),
        }
    }

    /// How many jobs may share the transaction.
    pub(crate) fn jobs(&self) -> usize {
        match &self.conn {
            Conn::Sqlite(_) => 1, // ids cost no round trip
            Conn::Postgres(client) => client.jobs(),
        }
    }

    /// Whether this name was not taken before by one that shares the transaction, as nobody can be kept out by
    /// [`Tx::hold`] who does.
    pub(crate) fn take(&self, name: &str) -> bool {
        match &self.conn {
            Conn::Sqlite(_) => true,
            Conn::Postgres(client) => client.take(name),
        }
    }

    /// A table that has as many rows as `$3` says. On SQLite that is one.
    pub(crate) fn times(&self) -> &'static str {
        match &self.conn {
            Conn::Sqlite(_) => "(SELECT $3)",
            Conn::Postgres(_) => "generate_series(1::bigint, $3)",
        }
    }

    /// One consistent view of all that a database holds, without changing anything in it. Ended by dropping it.
    pub(crate) async fn snapshot(url: &str) -> Result<Self, Error> {
        match Target::of(url)? {
            Target::Sqlite(path) => sqlite::open_snapshot(path),
            Target::Postgres(url) => postgres::Postgres::snapshot(url).await,
        }
    }

    /// Is there such a table?
    pub(crate) async fn has_table(&mut self, name: &str) -> Result<bool, Error> {
        let sql = match &self.conn {
            Conn::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = $1",
            Conn::Postgres(_) => {
                "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1"
            }
        };
        Ok(self.first(sql, value::args![name], |row| row.next::<String>()).await?.is_some())
    }

    /// Run a statement; how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64, Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => sqlite::execute(conn, sql, args),
            Conn::Postgres(client) => postgres::execute(client, sql, args).await,
        }
    }

    /// Run a statement whose count nobody asks for. PostgreSQL gets it together with the next one, or with the commit,
    /// and where it fails that one does.
    pub(crate) async fn later(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<(), Error> {
        match &mut self.conn {
            Conn::Sqlite(conn) => sqlite::execute(conn, sql, args).map(drop),
            Conn::Postgres(client) => {
                client.later(sql, args);
                Ok(())
            }
        }
    }

    /// Run a query; its rows, each through `read`.
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

    /// Run a query; its first row, if there is one.
    pub(crate) async fn first<T>(
        &mut self,
        sql: &str,
        args: &[Arg<'_>],
        read: impl Fn(&mut Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.all(sql, args, read).await?.into_iter().next())
    }

    /// Another transaction came first: have this one repeated from its start, where the engine can.
    pub(crate) fn overtaken(&mut self) -> Error {
        let error = Error::Retry("another change came first".into());
        if let Conn::Postgres(client) = &mut self.conn {
            client.failure = Some(error.clone());
        }
        error
    }

    /// Which audit chain this transaction writes to; none that is open at the same time on this server has the same.
    pub fn lane(&self) -> i64 {
        match &self.conn {
            Conn::Sqlite(_) => 0, // there is one writer
            Conn::Postgres(client) => client.lane(),
        }
    }

    /// An expression that holds the name `$1` until this transaction ends, and is false if another transaction holds it.
    pub(crate) fn hold(&self) -> &'static str {
        match &self.conn {
            Conn::Sqlite(_) => "$1 IS NOT NULL", // there is one writer
            Conn::Postgres(_) => "pg_try_advisory_xact_lock(hashtextextended($1, 0))",
        }
    }

    /// What a `SELECT` of rows that this transaction will change ends with, so that nobody else changes them before.
    pub(crate) fn for_update(&self) -> &'static str {
        match &self.conn {
            Conn::Sqlite(_) => "", // there is one writer
            Conn::Postgres(_) => " FOR UPDATE",
        }
    }
}
