//! Threads of low priority, for lists: the processors are for changes and look-ups first.

use crate::Error;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// What Linux's scheduler is told (`nice`): about a tenth of the share of a thread that is told nothing.
const NICE: i32 = 10;

/// The threads. They are a pool of their own, because a thread's priority cannot be raised again without privileges.
#[derive(Clone)]
pub(super) struct LowPriority {
    /// `None` once closed. Only its threads for blocking work are used; nothing is ever polled on it.
    runtime: Arc<Pool>,
}

struct Pool(Option<Runtime>);

impl LowPriority {
    /// At most `threads` jobs run at a time.
    pub(super) fn start(threads: usize) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(threads)
            .thread_name("sqlite-list")
            .on_thread_start(|| {
                // On Linux this is of the calling thread alone. Where it fails, lists run as fast as everything else.
                #[cfg(target_os = "linux")]
                if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                    tracing::debug!(%error, "cannot lower the priority of a thread");
                }
            })
            .build()
            .map_err(Error::defect)?;
        Ok(LowPriority { runtime: Arc::new(Pool(Some(runtime))) })
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, Error> {
        let runtime = self.runtime.0.as_ref().ok_or_else(super::closed)?;
        Ok(runtime.spawn_blocking(job))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Waiting for threads is not allowed on a thread of the server's own runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
