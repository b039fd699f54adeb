//! Brings the write-ahead log into the database file in the background, and looks after both files.

use super::files::Files;
use super::{Access, CHECKPOINT, LONG, connect, run};
use crate::Error;
use crate::engine::Tx;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Interval at which the files are checked while nothing is written.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Background checkpointer: copies the WAL into the database file without blocking the writer.
pub(super) struct Checkpointer {
    /// Holds one word: that something was written.
    news: SyncSender<()>,
    /// Little of a long log is not in the file.
    nearly_done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    pub(super) fn start(path: &str, files: Arc<Files>) -> Result<Self, Error> {
        let conn = connect(path, Access::Checkpoint)?;
        let (news, heard) = sync_channel(1);
        let nearly_done = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&nearly_done);
        let thread = spawn("sqlite-checkpointer", move || {
            let mut log_was_saved = false;
            while heard.recv_timeout(LOOK_INTERVAL) != Err(RecvTimeoutError::Disconnected) {
                if files.look().is_err() {
                    if !log_was_saved && files.only_log_is_missing() {
                        log_was_saved = true;
                        save_log(&conn);
                    }
                    continue;
                }
                if tell.load(Ordering::Relaxed) {
                    continue; // the writer is next, and two cannot do it at once
                }
                match checkpoint(&conn) {
                    Ok(is_nearly_done) => tell.store(is_nearly_done, Ordering::Relaxed),
                    Err(error) => warn_of(&error),
                }
            }
        })?;
        Ok(Checkpointer { news, nearly_done, thread })
    }

    /// Called by the writer after each commit: restarts a long WAL, and wakes the checkpointer.
    pub(super) fn committed(&self, writer: &mut Tx) {
        if self.nearly_done.load(Ordering::Relaxed) {
            run(writer, PASSIVE).unwrap_or_else(|error| warn_of(&error));
            self.nearly_done.store(false, Ordering::Relaxed);
        } else {
            let _ = self.news.try_send(()); // a full channel says it already
        }
    }

    pub(super) fn stop(self) {
        drop(self.news);
        let _ = self.thread.join();
    }
}

fn warn_of(error: &dyn std::fmt::Display) {
    tracing::warn!(%error, "checkpoint failed; the next one makes up for it");
}

/// Checkpoints as much of the WAL as its readers allow (PASSIVE), without waiting for them.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Bring a log that was removed, which exists only as long as this process runs, into the file.
fn save_log(conn: &Connection) {
    let saved = conn.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    match saved {
        Ok((0, logged, done)) if logged == done => tracing::warn!(
            pages = done,
            "what the removed log held was brought into the database file: nothing acknowledged is lost. Restart the server"
        ),
        Ok(_) => tracing::error!("what the removed log held could not all be brought into the database file"),
        Err(error) => {
            tracing::error!(%error, "what the removed log held could not be brought into the database file");
        }
    }
}

/// Bring the log into the file, if there is enough of it; whether it is long, and the rest is for the writer to do.
fn checkpoint(conn: &Connection) -> rusqlite::Result<bool> {
    let pages = |sql| {
        let mut statement = conn.prepare_cached(sql)?;
        statement.query_row([], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
    };
    let look = || pages("PRAGMA wal_checkpoint(NOOP)");
    let (logged, done) = look()?;
    metrics::gauge!("tenantry_sqlite_wal_pages").set(logged.max(0) as f64);
    if logged - done < CHECKPOINT && logged < LONG {
        return Ok(false);
    }
    pages(PASSIVE)?;
    let (logged, _) = look()?;
    if logged >= LONG {
        // The writer went on meanwhile, and SQLite syncs the file only if nothing has come after what it brought there. So
        // again, with less each time, until that is likely: the writer is not to wait for it.
        for _ in 0..4 {
            pages(PASSIVE)?;
        }
    }
    Ok(logged >= LONG)
}

/// A thread of the engine's own.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(work);
    thread.map_err(|e| Error::Unavailable(e.to_string()))
}
