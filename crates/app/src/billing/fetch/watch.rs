//! How far a fetch is, and why it can end early.

use crate::Error;
use crate::billing::lease::{Leased, Stop};
use crate::billing::report::text;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store::invoice_fetches;
use store::leases::LeasedTable;

/// How often a waiting fetch looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(200);

/// How far a fetch is, as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchProgress {
    /// Exports that are done.
    pub exports_done: u64,
    /// All exports.
    pub exports_total: u64,
    /// Files that are done.
    pub blobs_done: u64,
    /// The files of all exports that have begun.
    pub blobs_total: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
}

/// How far a fetch is, and whether it is to stop.
#[derive(Debug, Default)]
pub struct FetchWatch {
    pub(super) exports_done: AtomicU64,
    pub(super) exports_total: AtomicU64,
    pub(super) blobs_done: AtomicU64,
    pub(super) blobs_total: AtomicU64,
    pub(super) bytes_read: AtomicU64,
    stop: Stop,
}

impl FetchWatch {
    /// Of a fetch on a server that may close.
    pub(super) fn until(closing: &Arc<AtomicBool>) -> Self {
        FetchWatch { stop: Stop::until(closing), ..FetchWatch::default() }
    }

    /// Exports that are done and all exports, files that are done and all files, bytes.
    pub fn numbers(&self) -> [u64; 5] {
        [&self.exports_done, &self.exports_total, &self.blobs_done, &self.blobs_total, &self.bytes_read]
            .map(|number| number.load(Ordering::Relaxed))
    }

    /// How far it is now.
    pub(super) fn progress(&self) -> FetchProgress {
        let [exports_done, exports_total, blobs_done, blobs_total, bytes_read] = self.numbers();
        FetchProgress { exports_done, exports_total, blobs_done, blobs_total, bytes_read }
    }

    /// Has the fetch stop; what is there stays.
    pub fn cancel(&self) {
        self.stop.cancel();
    }

    pub(super) fn stops(&self) -> bool {
        self.stop.is_requested()
    }

    /// Waits, unless the fetch is to stop; `false` if it is.
    pub(super) async fn wait(&self, time: Duration) -> bool {
        let end = tokio::time::Instant::now() + time;
        while !self.stops() {
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return true;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
        false
    }
}

impl Leased for FetchWatch {
    const WHAT: &'static str = "an invoice fetch";
    const TABLE: LeasedTable = invoice_fetches::LEASES;

    fn stop(&self) -> &Stop {
        &self.stop
    }

    fn progress_text(&self) -> Result<String, Error> {
        text(&self.progress())
    }
}
