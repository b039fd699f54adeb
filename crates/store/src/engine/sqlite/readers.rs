//! Reading connections that are lent, and what runs on one: a snapshot, with a deadline.

use super::{Access, closed, connect, lock, run, run_at_once, sqlite_of};
use crate::Error;
use crate::engine::job::Job;
use crate::engine::{Conn, DeferredWrites, Tx};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Virtual-machine instructions that SQLite runs between two checks of a list's deadline: some tens of microseconds.
const STEPS_BETWEEN_CHECKS: i32 = 1000;

/// Connections for one purpose.
pub(super) struct Readers {
    idle: Mutex<Vec<Tx>>,
    permits: Arc<Semaphore>,
    count: u32,
}

/// Borrowed reading connection, returned on drop, also when its caller is cancelled.
pub(super) struct Reader {
    tx: Option<Tx>,
    home: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    pub(super) fn open(path: &str, count: usize) -> Result<Arc<Self>, Error> {
        let idle = (0..count)
            .map(|_| Ok(Tx::new(Conn::Sqlite(connect(path, Access::Look)?))))
            .collect::<Result<_, Error>>()?;
        let permits = Arc::new(Semaphore::new(count));
        Ok(Arc::new(Readers { idle: Mutex::new(idle), permits, count: count as u32 }))
    }

    /// Waits until all connections are returned, and closes them.
    pub(super) async fn close(&self) {
        drop(self.permits.acquire_many(self.count).await);
        self.permits.close();
        lock(&self.idle).clear();
    }

    pub(super) async fn lend(self: &Arc<Self>) -> Result<Reader, Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let tx = lock(&self.idle).pop().ok_or_else(|| Error::defect("a permit without a reader"))?;
        Ok(Reader { tx: Some(tx), home: Arc::clone(self), _permit: permit })
    }
}

impl Reader {
    /// Runs a job on a snapshot. A deadline interrupts it with [`Error::TimedOut`].
    pub(super) fn snapshot(mut self, deadline: Option<Instant>, job: &dyn Job) -> Result<(), Error> {
        let tx = self.tx.as_mut().ok_or_else(|| Error::defect("a reader was used after its return"))?;
        run(tx, "BEGIN")?;
        stop_at(tx, deadline)?;
        let ran = run_at_once(job, tx);
        stop_at(tx, None)?; // ROLLBACK must not be interrupted
        *tx.deferred() = DeferredWrites::default(); // cached for this snapshot only
        run(tx, "ROLLBACK")?;
        ran.map(drop)
    }
}

/// Sets the time at which SQLite interrupts a running statement.
fn stop_at(tx: &mut Tx, deadline: Option<Instant>) -> Result<(), Error> {
    let is_over = deadline.map(|deadline| move || Instant::now() >= deadline);
    Ok(sqlite_of(tx)?.progress_handler(STEPS_BETWEEN_CHECKS, is_over)?)
}

impl Drop for Reader {
    fn drop(&mut self) {
        // The permit is a field, so it is released after this.
        lock(&self.home.idle).extend(self.tx.take());
    }
}
