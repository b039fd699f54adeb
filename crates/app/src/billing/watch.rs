//! How far a run is, and why it can end without bills.

use super::lease::{Leased, Stop};
use super::report::{Progress, RunError, text};
use crate::Error;
use rating::{Failure, Message, Wording};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store::bill_runs;
use store::leases::LeasedTable;

/// How far a run is, and whether it is to stop.
#[derive(Debug, Default)]
pub struct Watch {
    bytes_read: AtomicU64,
    bytes_total: AtomicU64,
    pub(super) lines: AtomicU64,
    customers: AtomicU64,
    stop: Stop,
}

impl Watch {
    /// Of a run on a server that may close.
    pub(super) fn until(closing: &Arc<AtomicBool>) -> Self {
        Watch { stop: Stop::until(closing), ..Watch::default() }
    }

    /// Bytes read, bytes in all, lines, customers.
    pub fn numbers(&self) -> [u64; 4] {
        [&self.bytes_read, &self.bytes_total, &self.lines, &self.customers].map(|n| n.load(Ordering::Relaxed))
    }

    /// Have the run stop, unless its bills are being published already.
    pub fn cancel(&self) {
        self.stop.cancel();
    }

    /// What the work before has come to, where only what follows it is left to be done.
    pub(super) fn go_on_from(&self, before: Progress) {
        let Progress { bytes_read, bytes_total, lines, customers } = before;
        rating::Progress::at(self, bytes_read, bytes_total, lines, customers);
    }

    pub(super) fn progress(&self) -> Progress {
        let [bytes_read, bytes_total, lines, customers] = self.numbers();
        Progress { bytes_read, bytes_total, lines, customers }
    }

    /// Whether another worker has the run, or will have it.
    pub(super) fn is_given_up(&self) -> bool {
        self.stop.is_given_up()
    }
}

impl Leased for Watch {
    const WHAT: &'static str = "a bill run";
    const TABLE: LeasedTable = bill_runs::LEASES;

    fn stop(&self) -> &Stop {
        &self.stop
    }

    fn progress_text(&self) -> Result<String, Error> {
        text(&self.progress())
    }
}

impl rating::Progress for Watch {
    fn at(&self, bytes_read: u64, bytes_total: u64, lines: u64, customers: u64) {
        self.bytes_read.store(bytes_read, Ordering::Relaxed);
        self.bytes_total.store(bytes_total, Ordering::Relaxed);
        self.lines.store(lines, Ordering::Relaxed);
        self.customers.store(customers, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.stop.is_requested()
    }
}

/// Why there are no bills.
pub(super) enum Ended {
    /// What is wrong with the input, or with where bills go.
    Failed(Vec<RunError>),
    Cancelled,
    /// Somebody else goes on.
    GivenUp,
    Error(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Ended::Error(error)
    }
}

impl From<bill_storage::Error> for Ended {
    fn from(error: bill_storage::Error) -> Self {
        match error {
            bill_storage::Error::Cancelled => Ended::Cancelled,
            other => Ended::Failed(vec![RunError::new(of_store(&other))]),
        }
    }
}

/// What a store says, which is in English.
fn of_store(error: &bill_storage::Error) -> Message {
    use bill_storage::Error as E;
    let id = match error {
        E::NotFound(_) => "report-store-not-found",
        E::Denied(_) => "report-store-denied",
        E::Contended(_) => "report-store-contended",
        E::Corrupt(_) => "report-store-corrupt",
        E::TooLarge(_) => "report-store-too-large",
        E::Unavailable(_) => "report-store-unavailable",
        E::Invalid(_) | E::Cancelled => "report-store-unusable",
    };
    let text = error.to_string();
    let wording = Wording::new(id, [("why", text.as_str().into())]);
    Message::worded(text, wording)
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Faults(faults) => Ended::Failed(faults.into_iter().map(RunError::from).collect()),
            Failure::Cancelled => Ended::Cancelled,
            Failure::Io(..) => {
                let text = failure.to_string();
                let wording = Wording::new("report-disk", [("why", text.as_str().into())]);
                Ended::Failed(vec![RunError::new(Message::worded(text, wording))])
            }
        }
    }
}
