//! SQLite: one writer that commits many waiting jobs at once, and readers that never wait for it.

mod checkpointer;
mod durability;
mod files;

pub(crate) use durability::Durability;

use super::fair::FairQueue;
use super::lists::{MAX_WAIT, Ticket};
use super::value::{Arg, Row, is_kept};
use super::{Conn, DeferredWrites, Options, Purpose, Scope, Tx, migrate};
use crate::Error;
use checkpointer::{Checkpointer, spawn};
use files::Files;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// As many waiting jobs go into one commit. More gains little: at this number the fsync is a small part already.
const MAX_JOBS_PER_COMMIT: usize = 64;
/// As many commits give every job a savepoint once a job had to be undone: others like it may follow.
const SAVEPOINT_COMMITS: u32 = 16;
/// Waiting jobs beyond this make their callers wait to be queued.
const QUEUE: usize = 1024;
/// Connections for look-ups, for lists, and for the server's own work. Each kind has its own, so that none waits for another.
const LOOK_UP_READERS: usize = 8;
const LIST_READERS: usize = 4;
const WORK_READERS: usize = 2;
/// How many steps of SQLite's virtual machine a list takes between two looks at the time: some tens of microseconds.
const STEPS_BETWEEN_CHECKS: i32 = 1000;
/// As many pages in the log are brought into the database file in the background. The longer that waits, the more of them
/// are the same page again, which is then written once.
pub(super) const CHECKPOINT: i64 = 3000;
/// A log of as many pages (48 MB) is to begin anew. Only the writer can see to that: between two of its commits all of the
/// log has to be in the file.
pub(super) const LONG: i64 = 12_000;
/// `application_id` of backups: "TNTY".
pub(crate) const BACKUP: u32 = 0x544e_5459;
/// Versions before it can lose commits when two connections write and checkpoint at once.
const OLDEST_SAFE: i32 = 3_051_003;

#[derive(Clone)]
pub(super) struct Sqlite {
    writer: mpsc::Sender<Message>,
    readers: Option<AllReaders>,
    /// Not of a database in memory, nor of one that nobody else sees yet.
    files: Option<Arc<Files>>,
}

/// The reading connections, by what they are for.
#[derive(Clone)]
struct AllReaders {
    look_ups: Arc<Readers>,
    lists: Arc<Readers>,
    work: Arc<Readers>,
}

enum Message {
    Change(Scope, Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

struct Readers {
    idle: Mutex<Vec<Tx>>,
    permits: Arc<Semaphore>,
    count: u32,
}

/// A reading connection on loan. It goes home when this is dropped, also where that is because a caller went away.
struct Reader {
    tx: Option<Tx>,
    home: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    fn open(path: &str, count: usize) -> Result<Arc<Self>, Error> {
        let idle = (0..count)
            .map(|_| Ok(Tx::new(Conn::Sqlite(connect(path, Access::Look)?))))
            .collect::<Result<_, Error>>()?;
        let permits = Arc::new(Semaphore::new(count));
        Ok(Arc::new(Readers { idle: Mutex::new(idle), permits, count: count as u32 }))
    }

    /// Wait until all connections are back, and close them.
    async fn close(&self) {
        drop(self.permits.acquire_many(self.count).await);
        self.permits.close();
        lock(&self.idle).clear();
    }

    async fn lend(self: &Arc<Self>) -> Result<Reader, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let tx = lock(&self.idle).pop().ok_or_else(|| Error::defect("a permit without a reader"))?;
        Ok(Reader { tx: Some(tx), home: Arc::clone(self), _permit: permit })
    }
}

impl Reader {
    /// Run a job on a snapshot. At the deadline, where there is one, it is stopped with [`Error::TimedOut`].
    fn snapshot<I, T, E, F>(mut self, deadline: Option<Instant>, input: &I, job: &F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
        E: From<Error>,
    {
        let tx = self.tx.as_mut().ok_or_else(|| Error::defect("a reader was used after its return"))?;
        run(tx, "BEGIN")?;
        stop_at(tx, deadline)?;
        let outcome = catch_unwind(AssertUnwindSafe(|| finish(job(input, tx))))
            .unwrap_or_else(|_| Err(Error::defect("a reading job panicked").into()));
        stop_at(tx, None)?; // the ROLLBACK must not be stopped
        *tx.deferred() = DeferredWrites::default(); // the next snapshot is another one
        run(tx, "ROLLBACK")?;
        outcome
    }
}

/// Have SQLite stop whatever runs at this time.
fn stop_at(tx: &mut Tx, deadline: Option<Instant>) -> Result<(), Error> {
    let is_over = deadline.map(|deadline| move || Instant::now() >= deadline);
    Ok(sqlite_of(tx)?.progress_handler(STEPS_BETWEEN_CHECKS, is_over)?)
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Before the permit, which is a field and so dropped after this.
        lock(&self.home.idle).extend(self.tx.take());
    }
}

/// A change that waits for its turn. It is run as if in a savepoint, perhaps twice, and answered after the commit.
trait Job: Send {
    /// Run; whether what it did is to be kept.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Answer, with the commit's outcome.
    fn answer(self: Box<Self>, committed: Result<(), &Error>);
}

struct Pending<I, T, E, F> {
    input: I,
    job: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<I, T, E, F> Job for Pending<I, T, E, F>
where
    F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send,
    I: Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let ran = catch_unwind(AssertUnwindSafe(|| finish((self.job)(&self.input, tx))));
        let outcome = ran.unwrap_or_else(|_| Err(Error::defect("a store job panicked").into()));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), &Error>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(Error::defect("a job was answered before it ran").into()),
            // A refusal may rest on a neighbour's row that is gone now, so it falls with the commit too.
            (Err(Error::Unknown(why)), _) => Err(Error::Unknown(why.clone()).into()),
            (Err(error), _) => Err(Error::Unavailable(error.to_string()).into()),
        };
        drop(self.reply.send(outcome)); // nobody may be waiting any more
    }
}

/// On SQLite no statement ever waits, so a job is done after one poll.
fn finish<T>(job: BoxFuture<'_, T>) -> T {
    job.now_or_never().expect("a store job awaited something that is not the store")
}

impl Sqlite {
    pub(super) fn open(path: &str, options: Options, purpose: Purpose) -> Result<Self, Error> {
        if !is_safe_version() && !options.allow_unsafe {
            return Err(Error::Unfit(format!(
                "SQLite {} can lose commits; 3.51.3 is needed",
                rusqlite::version()
            )));
        }
        let in_memory = path == ":memory:";
        let building = matches!(purpose, Purpose::Build(_));
        if !in_memory {
            files::make_private(Path::new(path))?;
        }
        if !in_memory && !building && !options.allow_unsafe {
            files::check_is_local(Path::new(path))?;
        }
        let access = if building { Access::Build } else { Access::Change(options) };
        let writer = connect(path, access)?;
        let mut tx = Tx::new(Conn::Sqlite(writer));
        migrate::sqlite(&mut tx, purpose)?;

        let readers = if in_memory || building {
            None // the first lives in its one connection, and the second would lock others out
        } else {
            Some(AllReaders {
                look_ups: Readers::open(path, LOOK_UP_READERS)?,
                lists: Readers::open(path, LIST_READERS)?,
                work: Readers::open(path, WORK_READERS)?,
            })
        };
        let files = if readers.is_some() { Some(Arc::new(Files::of(path)?)) } else { None };
        let checkpointer = match &files {
            Some(files) => Some(Checkpointer::start(path, Arc::clone(files))?),
            None => None,
        };
        let (sender, queue) = mpsc::channel(QUEUE);
        let theirs = files.clone();
        spawn("sqlite-writer", move || write_loop(tx, queue, theirs.as_deref(), checkpointer))?;
        Ok(Sqlite { writer: sender, readers, files })
    }

    pub(super) async fn write<I, T, E, F>(&self, scope: Scope, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        I: Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.files_were_there()?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { input, job, outcome: None, reply });
        self.writer.send(Message::Change(scope, job)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    pub(super) async fn read<I, T, E, F>(&self, scope: Scope, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        I: Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let Some(readers) = &self.readers else { return self.write(scope, input, job).await };
        self.files_were_there()?;
        let reader = readers.work.lend().await?;
        // The reader goes back whether or not the caller still waits.
        let reading = tokio::task::spawn_blocking(move || reader.snapshot(None, &input, &job));
        reading.await.map_err(|e| Error::defect(format!("a reading job panicked: {e}")))?
    }

    /// As [`Sqlite::read`], for at most as long as `timeout`. The ticket is given back when the list has ended, not when its
    /// caller has gone.
    pub(super) async fn list<I, T, E, F>(
        &self,
        ticket: Ticket,
        timeout: Duration,
        scope: Scope,
        input: I,
        job: F,
    ) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        I: Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let Some(readers) = &self.readers else { return self.write(scope, input, job).await };
        self.files_were_there()?;
        let reader = tokio::time::timeout(MAX_WAIT, readers.lists.lend()).await;
        let reader = reader.map_err(|_| Error::Busy("all connections for lists are taken".into()))??;
        let reading = tokio::task::spawn_blocking(move || {
            let outcome = reader.snapshot(Some(Instant::now() + timeout), &input, &job);
            drop(ticket);
            outcome
        });
        reading.await.map_err(|e| Error::defect(format!("a reading job panicked: {e}")))?
    }

    /// For what is over sooner than another thread would have begun it.
    pub(super) async fn look_up<I, T, E, F>(&self, scope: Scope, input: I, job: F) -> Result<T, E>
    where
        F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        I: Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let Some(readers) = &self.readers else { return self.write(scope, input, job).await };
        self.files_were_there()?;
        readers.look_ups.lend().await?.snapshot(None, &input, &job)
    }

    fn files_were_there(&self) -> Result<(), Error> {
        self.files.as_ref().map_or(Ok(()), |files| files.were_there())
    }

    /// Can it be read from and written to just now? Costs the writer nothing, unless its last commit failed.
    pub(super) async fn check(&self) -> Result<(), Error> {
        let probe = "PRAGMA user_version = 0"; // the smallest change that is sure to write
        let Some(files) = &self.files else {
            return self
                .write(Scope::System, (), |(), tx| {
                    Box::pin(async { tx.execute("SELECT 1", &[]).await.map(drop) })
                })
                .await;
        };
        files.look()?;
        files.has_space()?;
        if self.writer.is_closed() {
            return Err(closed());
        }
        let Some(_probing) = files.commits_need_probe()? else { return Ok(()) };
        self.write(Scope::System, (), move |(), tx| {
            Box::pin(async move { tx.execute(probe, &[]).await.map(drop) })
        })
        .await
    }

    /// Readers first, the writer last: who closes last takes the WAL into the database file and removes it.
    pub(super) async fn close(&self) {
        if let Some(AllReaders { look_ups, lists, work }) = &self.readers {
            for readers in [look_ups, lists, work] {
                readers.close().await;
            }
        }
        let (done, closed) = oneshot::channel();
        if self.writer.send(Message::Close(done)).await.is_ok() {
            drop(closed.await);
        }
    }
}

fn closed() -> Error {
    Error::Unavailable("the server is shutting down".into())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn is_safe_version() -> bool {
    rusqlite::version_number() >= OLDEST_SAFE
}

/// What a connection is for.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Change data; the file is made if it is not there.
    Change(Options),
    /// Write a file that nobody else sees yet, on whatever disk. It is synced when it is done.
    Build,
    /// Read data, of a file that is there, as it is.
    Look,
    /// Bring its log into its file.
    Checkpoint,
    /// Read a file that nobody writes, without looking for anything beside it.
    Sealed,
}

pub(crate) fn connect(path: &str, access: Access) -> Result<Connection, Error> {
    let (flags, name) = match access {
        Access::Change(_) | Access::Build => {
            (OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, path.to_owned())
        }
        Access::Look | Access::Checkpoint => (OpenFlags::SQLITE_OPEN_READ_WRITE, path.to_owned()),
        Access::Sealed => {
            let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            (flags, format!("file:{escaped}?immutable=1"))
        }
    };
    let conn = Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|e| Error::Unfit(format!("cannot open the database {path}: {e}")))?;
    conn.set_prepared_statement_cache_capacity(256);
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    // Otherwise this build of SQLite (STAT4) plans a statement again whenever another value is bound to it: a sixth of all
    // the time that a create takes.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;",
    )?;
    match access {
        // A reader's cache is void after every commit of the writer, so it need not be large.
        Access::Look | Access::Sealed => {
            conn.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4000")?;
        }
        Access::Checkpoint => conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -500")?,
        Access::Build => conn.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")?,
        Access::Change(options) => {
            // Turning its journal on would change it, and a backup of which a byte has changed is none.
            if conn.query_row("PRAGMA application_id", [], |row| row.get::<_, u32>(0))? == BACKUP {
                return Err(Error::Unfit(format!(
                    "{path} is a backup: put it into a new database with `tenantry restore`"
                )));
            }
            conn.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;",
            )?;
            // In pages of the log: where the checkpointer does not keep up, the writer itself brings 60 MB into the file. The
            // cache stays at 16 MB: at each commit that has split pages SQLite goes through all of it (it gives a page the
            // number of the locking page for a moment, and then looks for pages beyond the end).
            conn.execute_batch("PRAGMA wal_autocheckpoint = 15000")?;
            let durability = Durability::of(&conn)?;
            if !durability.is_safe() && !options.allow_unsafe {
                return Err(Error::Unfit(format!(
                    "the database {path} cannot be kept safely: {durability}, wal and 2 are needed. Put it on a local \
                     disk, or, if this is a throw-away test, pass --allow-unsafe-database"
                )));
            }
        }
    }
    Ok(conn)
}

/// One consistent view of all data, in a database that is left as it is.
pub(super) fn open_snapshot(path: &str) -> Result<Tx, Error> {
    let mut tx = Tx::new(Conn::Sqlite(connect(path, Access::Look)?));
    run(&mut tx, "BEGIN")?;
    Ok(tx)
}

fn write_loop(
    mut tx: Tx,
    mut queue: mpsc::Receiver<Message>,
    files: Option<&Files>,
    checkpointer: Option<Checkpointer>,
) {
    let mut batch = Vec::with_capacity(MAX_JOBS_PER_COMMIT);
    let (mut closing, mut savepoint_commits) = (None, 0);
    let mut waiting = FairQueue::default();
    while closing.is_none() || !waiting.is_empty() {
        if waiting.is_empty() {
            match queue.blocking_recv() {
                Some(Message::Change(scope, job)) => waiting.push(scope, job),
                Some(Message::Close(done)) => closing = Some(done),
                None => break,
            }
        }
        while closing.is_none() && waiting.len() < QUEUE {
            match queue.try_recv() {
                Ok(Message::Change(scope, job)) => waiting.push(scope, job),
                Ok(Message::Close(done)) => closing = Some(done),
                Err(_) => break,
            }
        }
        batch.extend(std::iter::from_fn(|| waiting.pop()).take(MAX_JOBS_PER_COMMIT));
        files.inspect(|files| files.commit_begins());
        let committed = commit_batch(&mut tx, &mut batch, &mut savepoint_commits, files);
        files.inspect(|files| files.commit_ended(committed.is_ok()));
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = batch.len(), "a commit failed");
            *tx.deferred() = DeferredWrites::default();
            drop(run(&mut tx, "ROLLBACK")); // may have been rolled back already
            if let (Error::Unknown(_), Err(error)) = (error, overwrite_failed_commit(&mut tx)) {
                tracing::error!(%error, "until the next commit, a crash may bring the failed one back");
            }
        }
        for job in batch.drain(..) {
            job.answer(committed.as_ref().copied());
        }
        if let (Ok(()), Some(checkpointer)) = (&committed, &checkpointer) {
            checkpointer.committed(&mut tx);
        }
    }
    if let Some(checkpointer) = checkpointer {
        checkpointer.stop();
    }
    drop((tx, queue));
    if let Some(done) = closing {
        let _ = done.send(());
    }
}

/// Run the jobs in one transaction, as if each had a savepoint of its own. Those make SQLite copy every page that a job
/// changes, a quarter of its work; so they are made only where a job has left something to undo, and in some batches after
/// that one.
fn commit_batch(
    tx: &mut Tx,
    batch: &mut [Box<dyn Job>],
    savepoint_commits: &mut u32,
    files: Option<&Files>,
) -> Result<(), Error> {
    run(tx, "BEGIN IMMEDIATE")?;
    if *savepoint_commits == 0 {
        if leave_nothing_to_undo(tx, batch)? {
            return commit(tx, files);
        }
        *tx.deferred() = DeferredWrites::default();
        run(tx, "ROLLBACK")?;
        run(tx, "BEGIN IMMEDIATE")?;
        *savepoint_commits = SAVEPOINT_COMMITS;
    }
    *savepoint_commits -= 1;
    for job in batch {
        run(tx, "SAVEPOINT job")?;
        let before = tx.deferred().clone();
        if !job.run(tx) {
            *tx.deferred() = before;
            // A full disk can end the whole transaction; then this fails, and with it the batch.
            run(tx, "ROLLBACK TO job")?;
        }
        run(tx, "RELEASE job")?;
    }
    commit(tx, files)
}

/// The WAL may hold the whole of a commit that failed: SQLite writes the frame that commits before it syncs. Nobody sees
/// it now, but who recovers the WAL after a crash does. A full disk is found out earlier, in writing.
fn commit(tx: &mut Tx, files: Option<&Files>) -> Result<(), Error> {
    use rusqlite::ErrorCode::{DatabaseCorrupt, OutOfMemory, SystemIoFailure};
    finish(Box::pin(tx.flush_deferred()))?;
    *tx.deferred() = DeferredWrites::default();
    files.map_or(Ok(()), Files::look)?;
    let mut statement = sqlite_of(tx)?.prepare_cached("COMMIT")?;
    statement.execute([]).map_err(|error| match error.sqlite_error_code() {
        Some(SystemIoFailure | OutOfMemory | DatabaseCorrupt) => Error::Unknown(error.to_string()),
        _ => error.into(),
    })?;
    // Looked at again, so that nothing is acknowledged that went into a file which is not there any more.
    files.map_or(Ok(()), Files::look).map_err(|error| Error::Unknown(error.to_string()))
}

/// A commit goes where the failed one was, and what follows it in the WAL no longer fits its check sums: what readers see
/// is what a restart finds. This is the smallest commit that is sure to write.
fn overwrite_failed_commit(tx: &mut Tx) -> Result<(), Error> {
    Ok(sqlite_of(tx)?.execute_batch("PRAGMA user_version = 0")?)
}

/// Run the jobs, until one fails that has changed something.
fn leave_nothing_to_undo(tx: &mut Tx, batch: &mut [Box<dyn Job>]) -> Result<bool, Error> {
    for job in batch {
        let before = sqlite_of(tx)?.total_changes();
        let keep = job.run(tx);
        let conn = sqlite_of(tx)?;
        if conn.is_autocommit() {
            return Err(Error::Unavailable("the transaction was ended, by a full disk as a rule".into()));
        }
        if !keep && conn.total_changes() != before {
            return Ok(false);
        }
    }
    Ok(true)
}

fn sqlite_of(tx: &mut Tx) -> Result<&mut Connection, Error> {
    match &mut tx.conn {
        Conn::Sqlite(conn) => Ok(conn),
        Conn::Postgres(_) => Err(Error::defect("not a SQLite transaction")),
    }
}

fn run(tx: &mut Tx, sql: &str) -> Result<(), Error> {
    execute(sqlite_of(tx)?, sql, &[]).map(drop)
}

/// SQLite reads `$1` as a name and `?1` as a number.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

pub(super) fn execute(conn: &mut Connection, sql: &str, args: &[Arg<'_>]) -> Result<u64, Error> {
    let mut statement = conn.prepare_cached(&numbered(sql))?;
    if statement.column_count() > 0 {
        let mut rows = statement.query(rusqlite::params_from_iter(args))?;
        let mut count = 0;
        while rows.next()?.is_some() {
            count += 1;
        }
        return Ok(count);
    }
    Ok(statement.execute(rusqlite::params_from_iter(args))? as u64)
}

pub(super) fn all<T>(
    conn: &mut Connection,
    sql: &str,
    args: &[Arg<'_>],
    read: impl Fn(&mut Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let sql = numbered(sql);
    let (mut kept, mut passing);
    let statement: &mut rusqlite::Statement<'_> = if is_kept(&sql) {
        kept = conn.prepare_cached(&sql)?;
        &mut kept
    } else {
        passing = conn.prepare(&sql)?;
        &mut passing
    };
    let mut rows = statement.query(rusqlite::params_from_iter(args))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&mut Row::sqlite(row))?);
    }
    Ok(found)
}

/// The schema's text as SQLite takes it: two storage types, and tables that insist on them.
pub(super) fn dialect(schema: &str) -> String {
    migrate::lines_for("sqlite", schema)
        .replace("BIGINT", "INTEGER")
        .replace("BOOLEAN", "INTEGER")
        .replace("\n);", "\n) STRICT;")
}
