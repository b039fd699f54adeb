//! Jobs as the engines see them: what a job takes and gives is behind [`Job`], so that transactions, batches and retries are
//! compiled once, and not again for each job.

use super::Tx;
use crate::Error;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

/// A function that runs statements in a transaction. It runs again if the transaction is repeated.
pub(crate) trait Job: Send + Sync {
    /// Runs the job and keeps its outcome, in the place of an earlier one. Whether it succeeded: else its changes are to be
    /// rolled back.
    fn run<'t>(&'t self, tx: &'t mut Tx) -> BoxFuture<'t, bool>;
}

/// A job with its input, and with its outcome once it has run.
pub(crate) struct Pending<I, T, E, F> {
    input: I,
    job: F,
    outcome: Mutex<Option<Result<T, E>>>,
}

impl<I, T, E, F> Pending<I, T, E, F>
where
    F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
    E: From<Error>,
{
    pub(crate) fn new(input: I, job: F) -> Arc<Self> {
        Arc::new(Pending { input, job, outcome: Mutex::new(None) })
    }

    /// The outcome of the job, or why its transaction failed.
    pub(crate) fn outcome(&self, ended: Result<(), Error>) -> Result<T, E> {
        ended?;
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.unwrap_or_else(|| Err(Error::defect("a job was answered before it ran").into()))
    }
}

impl<I, T, E, F> Job for Pending<I, T, E, F>
where
    F: for<'t> Fn(&'t I, &'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + Sync,
    I: Send + Sync,
    T: Send,
    E: Send,
{
    fn run<'t>(&'t self, tx: &'t mut Tx) -> BoxFuture<'t, bool> {
        let running = (self.job)(&self.input, tx);
        Box::pin(running.map(|outcome| {
            let has_succeeded = outcome.is_ok();
            *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            has_succeeded
        }))
    }
}

/// Runs a job; a panic of it is an error.
pub(super) async fn run_unwinding(job: &dyn Job, tx: &mut Tx) -> Result<bool, Error> {
    let ran = AssertUnwindSafe(async { job.run(tx).await }).catch_unwind().await;
    ran.map_err(|_| Error::defect("a store job panicked"))
}
