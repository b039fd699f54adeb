//! SQLite engine: one writer thread with batched commits, and reading connections that never wait for it.

mod checkpointer;
mod durability;
mod files;
mod low_priority;
mod readers;

pub(crate) use durability::Durability;

use super::fair::FairQueue;
use super::job::{Job, Pending, run_unwinding};
use super::lists::{MAX_WAIT, Ticket};
use super::value::{Arg, Row, is_kept};
use super::{Conn, DeferredWrites, Options, Purpose, Scope, Tx, count_commit, migrate};
use crate::Error;
use checkpointer::{Checkpointer, spawn};
use files::Files;
pub(crate) use files::check_writable;
use futures_util::FutureExt;
use low_priority::LowPriority;
use metrics::gauge;
use readers::Readers;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Maximum number of jobs per commit. More would gain little: fsync is a small part of the time of 64 jobs.
const MAX_JOBS_PER_COMMIT: usize = 64;
/// Number of commits that give every job a savepoint after a job was rolled back, because more often follow.
const SAVEPOINT_COMMITS: u32 = 16;
/// Capacity of the job queue; callers wait for a slot when it is full.
const QUEUE: usize = 1024;
/// Connections for look-ups, for lists and for background work. Each kind has its own, so that none waits for another.
const LOOK_UP_READERS: usize = 8;
const LIST_READERS: usize = 4;
const WORK_READERS: usize = 2;
/// WAL size, in pages, at which the background checkpoint starts. A longer WAL contains more versions of the same page, of
/// which only the last is written to the database file.
pub(super) const CHECKPOINT: i64 = 3000;
/// WAL size, in pages (48 MB), at which the writer restarts the WAL. Only the writer can: between two of its commits the
/// whole WAL must be checkpointed.
pub(super) const LONG: i64 = 12_000;
/// `application_id` of backups: "TNTY".
pub(crate) const BACKUP: u32 = 0x544e_5459;
/// Oldest safe version of SQLite: earlier ones can lose commits when two connections write and checkpoint concurrently.
const OLDEST_SAFE: i32 = 3_051_003;

#[derive(Clone)]
pub(super) struct Sqlite {
    writer: mpsc::Sender<Message>,
    readers: Option<AllReaders>,
    /// `None` for a database in memory and for a backup file under construction.
    files: Option<Arc<Files>>,
}

/// Reading connections, by purpose.
#[derive(Clone)]
struct AllReaders {
    look_ups: Arc<Readers>,
    lists: Arc<Readers>,
    list_threads: LowPriority,
    work: Arc<Readers>,
}

enum Message {
    Change(Scope, QueuedChange),
    Close(oneshot::Sender<()>),
}

/// Queued change. It runs as if in a savepoint, possibly twice; its caller is answered after the commit.
struct QueuedChange {
    job: Arc<dyn Job>,
    /// Whether it has succeeded, when it ran.
    ran: Result<bool, Error>,
    reply: oneshot::Sender<Result<(), Error>>,
}

impl QueuedChange {
    /// Runs the job; `false` means that its changes must be rolled back.
    fn run(&mut self, tx: &mut Tx) -> bool {
        self.ran = run_at_once(&*self.job, tx);
        matches!(self.ran, Ok(true))
    }

    /// Tells the caller that the job's outcome holds, or why not.
    fn answer(self, committed: Result<(), &Error>) {
        let ended = match committed {
            Ok(()) => self.ran.map(drop),
            // A refusal may depend on a row that another job of the batch wrote, so it is void without the commit too.
            Err(Error::Unknown(why)) => Err(Error::Unknown(why.clone())),
            Err(error) => Err(Error::Unavailable(error.to_string())),
        };
        drop(self.reply.send(ended)); // the caller may be gone
    }
}

/// Runs a job in one poll. A panic, and waiting for anything but the store, is an error of this job alone.
fn run_at_once(job: &dyn Job, tx: &mut Tx) -> Result<bool, Error> {
    let ran = run_unwinding(job, tx).now_or_never();
    ran.unwrap_or_else(|| Err(Error::defect("a store job awaited something that is not the store")))
}

/// Completes what only runs statements in one poll: on SQLite no statement waits.
fn finish<T>(job: impl Future<Output = T>) -> T {
    job.now_or_never().expect("a statement on SQLite does not wait")
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
            None // a database in memory exists in one connection only; readers would lock a file under construction
        } else {
            Some(AllReaders {
                look_ups: Readers::open(path, LOOK_UP_READERS)?,
                lists: Readers::open(path, LIST_READERS)?,
                list_threads: LowPriority::start(LIST_READERS)?,
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

    pub(super) async fn write(&self, scope: Scope, job: Arc<dyn Job>) -> Result<(), Error> {
        self.files_were_there()?;
        let (reply, answer) = oneshot::channel();
        let change = QueuedChange { job, ran: Ok(false), reply };
        self.writer.send(Message::Change(scope, change)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    pub(super) async fn read(&self, scope: Scope, job: Arc<dyn Job>) -> Result<(), Error> {
        let Some(readers) = &self.readers else { return self.write(scope, job).await };
        self.files_were_there()?;
        let reader = readers.work.lend().await?;
        // The reader is returned even if the caller is gone.
        let reading = tokio::task::spawn_blocking(move || reader.snapshot(None, &*job));
        reading.await.map_err(|e| Error::defect(format!("a reading job panicked: {e}")))?
    }

    /// Runs a list for at most `timeout`. Its ticket is released when the list ends, even if the caller is gone earlier.
    pub(super) async fn list(
        &self,
        ticket: Ticket,
        timeout: Duration,
        scope: Scope,
        job: Arc<dyn Job>,
    ) -> Result<(), Error> {
        let Some(readers) = &self.readers else { return self.write(scope, job).await };
        self.files_were_there()?;
        let reader = tokio::time::timeout(MAX_WAIT, readers.lists.lend()).await;
        let reader = reader.map_err(|_| Error::Busy("all connections for lists are taken".into()))??;
        let reading = readers.list_threads.spawn(move || {
            let ended = reader.snapshot(Some(Instant::now() + timeout), &*job);
            drop(ticket);
            ended
        })?;
        reading.await.map_err(|e| Error::defect(format!("a reading job panicked: {e}")))?
    }

    /// Runs a short job on the caller's thread, which is faster than a thread switch.
    pub(super) async fn look_up(&self, scope: Scope, job: Arc<dyn Job>) -> Result<(), Error> {
        let Some(readers) = &self.readers else { return self.write(scope, job).await };
        self.files_were_there()?;
        readers.look_ups.lend().await?.snapshot(None, &*job)
    }

    fn files_were_there(&self) -> Result<(), Error> {
        self.files.as_ref().map_or(Ok(()), |files| files.were_there())
    }

    /// Checks that reads and writes succeed now. Writes only if the last commit failed.
    pub(super) async fn check(&self) -> Result<(), Error> {
        let probe = "PRAGMA user_version = 0"; // the smallest change that is sure to write
        let Some(files) = &self.files else {
            return self.statement("SELECT 1").await;
        };
        files.look()?;
        files.has_space()?;
        if self.writer.is_closed() {
            return Err(closed());
        }
        let Some(_probing) = files.commits_need_probe()? else { return Ok(()) };
        self.statement(probe).await
    }

    /// Runs a statement on the writer.
    async fn statement(&self, sql: &'static str) -> Result<(), Error> {
        let job =
            Pending::new((), move |(), tx| Box::pin(async move { tx.execute(sql, &[]).await.map(drop) }));
        let ended = self.write(Scope::System, job.clone()).await;
        job.outcome(ended)
    }

    /// Closes the readers, then the writer: the last connection checkpoints the WAL and removes it.
    pub(super) async fn close(&self) {
        if let Some(AllReaders { look_ups, lists, work, .. }) = &self.readers {
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

/// Purpose of a connection.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Change data; creates the file if it is missing.
    Change(Options),
    /// Write a backup file under construction, on any disk. It is synced when it is complete.
    Build,
    /// Read an existing file without migrating it.
    Look,
    /// Checkpoint the WAL.
    Checkpoint,
    /// Read an immutable file, without its WAL.
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
    // Without QPSG, this build of SQLite (STAT4) plans a statement again whenever a bound value changes: a sixth of the
    // time of a create.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    match conn.query_row("PRAGMA schema_version", [], |_| Ok(())) {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(Error::Unfit(format!(
                "{path} is not an SQLite database: name another file with --database"
            )));
        }
        _ => {}
    }
    conn.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;",
    )?;
    match access {
        // Every commit of the writer invalidates a reader's cache, so a small one is enough.
        Access::Look | Access::Sealed => {
            conn.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4000")?;
        }
        Access::Checkpoint => conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -500")?,
        Access::Build => conn.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")?,
        Access::Change(options) => {
            // WAL mode would change the header of a backup, and with it the checksum.
            if conn.query_row("PRAGMA application_id", [], |row| row.get::<_, u32>(0))? == BACKUP {
                return Err(Error::Unfit(format!(
                    "{path} is a backup: put it into a new database with `tenantry admin restore`"
                )));
            }
            conn.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;",
            )?;
            // In pages of the WAL (60 MB): if the checkpointer does not keep up, the writer checkpoints itself. The cache stays
            // at 16 MB, because SQLite scans all of it at each commit that has split pages.
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

/// Read-only transaction on a consistent snapshot, without migrating the schema.
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
        gauge!("tenantry_commit_queue").set(waiting.len() as f64);
        files.inspect(|files| files.commit_begins());
        let began = Instant::now();
        let committed = commit_batch(&mut tx, &mut batch, &mut savepoint_commits, files);
        files.inspect(|files| files.commit_ended(committed.is_ok()));
        count_commit(committed.is_ok(), batch.len(), began);
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = batch.len(), "commit failed");
            *tx.deferred() = DeferredWrites::default();
            drop(run(&mut tx, "ROLLBACK")); // SQLite may have rolled back already
            if let (Error::Unknown(_), Err(error)) = (error, overwrite_failed_commit(&mut tx)) {
                tracing::error!(%error, "cannot overwrite the failed commit: until the next one, a crash may bring it back");
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

/// Runs the jobs in one transaction, as if each had its own savepoint. A savepoint makes SQLite copy every page that the job
/// changes, a quarter of its work. So savepoints are used only to repeat a batch in which a job must be rolled back, and for
/// the next [`SAVEPOINT_COMMITS`] batches.
fn commit_batch(
    tx: &mut Tx,
    batch: &mut [QueuedChange],
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
            // A full disk can end the whole transaction; then this statement fails, and with it the batch.
            run(tx, "ROLLBACK TO job")?;
        }
        run(tx, "RELEASE job")?;
    }
    commit(tx, files)
}

/// Commits. After a failed sync the outcome is unknown: SQLite writes the commit frame before it syncs, so the WAL may hold
/// the whole commit, which readers do not see but a recovery after a crash restores. A full disk fails earlier, in a write.
fn commit(tx: &mut Tx, files: Option<&Files>) -> Result<(), Error> {
    use rusqlite::ErrorCode::{DatabaseCorrupt, OutOfMemory, SystemIoFailure};
    finish(tx.flush_deferred())?;
    *tx.deferred() = DeferredWrites::default();
    files.map_or(Ok(()), Files::look)?;
    let mut statement = sqlite_of(tx)?.prepare_cached("COMMIT")?;
    statement.execute([]).map_err(|error| match error.sqlite_error_code() {
        Some(SystemIoFailure | OutOfMemory | DatabaseCorrupt) => Error::Unknown(error.to_string()),
        _ => error.into(),
    })?;
    // Check the files again, so that no commit is acknowledged that went into a removed file.
    files.map_or(Ok(()), Files::look).map_err(|error| Error::Unknown(error.to_string()))
}

/// Overwrites the failed commit in the WAL with the smallest commit that certainly writes. The frames after it no longer
/// match their checksums, so a restart recovers exactly what readers see.
fn overwrite_failed_commit(tx: &mut Tx) -> Result<(), Error> {
    Ok(sqlite_of(tx)?.execute_batch("PRAGMA user_version = 0")?)
}

/// Runs the jobs without savepoints; `false` as soon as one fails after it has changed something.
fn leave_nothing_to_undo(tx: &mut Tx, batch: &mut [QueuedChange]) -> Result<bool, Error> {
    for job in batch {
        let before = sqlite_of(tx)?.total_changes();
        let keep = job.run(tx);
        let conn = sqlite_of(tx)?;
        if conn.is_autocommit() {
            return Err(Error::Unavailable(
                "SQLite ended the transaction, usually because the disk is full".into(),
            ));
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

/// Replaces `$1` with `?1`: SQLite treats `$1` as a name.
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
    let mut found = Vec::new();
    each(conn, sql, args, &mut |row| {
        found.push(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Not generic, so that it is compiled once.
fn each(
    conn: &mut Connection,
    sql: &str,
    args: &[Arg<'_>],
    take: &mut dyn FnMut(&mut Row<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
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
    while let Some(row) = rows.next()? {
        take(&mut Row::sqlite(row))?;
    }
    Ok(())
}

/// SQLite's variant of a migration text: two storage types, and STRICT tables.
pub(super) fn dialect(schema: &str) -> String {
    migrate::lines_for("sqlite", schema)
        .replace("BIGINT", "INTEGER")
        .replace("BOOLEAN", "INTEGER")
        .replace("\n);", "\n) STRICT;")
}
