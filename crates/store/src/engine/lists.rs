//! The share of lists: how many one partner may have under way, and how long each may take.

use super::Scope;
use crate::Error;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many lists of one partner are under way or wait; those beyond it are refused at once.
const MAX_WAITING: usize = 128;
/// How long a list waits for its partner's other lists, or for a connection.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(2);

/// What lists may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    /// How many lists of one partner are read at a time.
    pub per_partner: usize,
    /// How long one list may take.
    pub timeout: Duration,
}

impl Default for ListLimits {
    /// Two at a time for a partner, or half of the processors where that is more; five seconds.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        ListLimits { per_partner: (processors / 2).max(2), timeout: Duration::from_secs(5) }
    }
}

/// The lists under way, by scope.
#[derive(Default)]
pub(super) struct Lists {
    limits: ListLimits,
    shares: Mutex<HashMap<Scope, Share>>,
}

/// One scope's lists.
struct Share {
    running: Arc<Semaphore>,
    /// How many run or wait.
    members: usize,
}

/// A list's permission to run, until it is dropped.
pub(super) struct Ticket {
    _running: OwnedSemaphorePermit,
    _member: Member,
}

/// A list that runs or waits. The share goes with its last member.
struct Member {
    lists: Arc<Lists>,
    scope: Scope,
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut shares = self.lists.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get_mut(&self.scope) {
            share.members -= 1;
            if share.members == 0 {
                shares.remove(&self.scope);
            }
        }
    }
}

impl Lists {
    pub(super) fn new(limits: ListLimits) -> Self {
        Lists { limits, shares: Mutex::default() }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.limits.timeout
    }

    /// Wait for a place among the scope's lists.
    pub(super) async fn enter(self: &Arc<Self>, scope: Scope) -> Result<Ticket, Error> {
        let (running, member) = self.join(scope)?;
        let running = tokio::time::timeout(MAX_WAIT, running.acquire_owned()).await;
        let running = running.map_err(|_| self.exceeded())?.map_err(Error::defect)?;
        Ok(Ticket { _running: running, _member: member })
    }

    fn exceeded(&self) -> Error {
        Error::ShareExceeded { per_partner: self.limits.per_partner }
    }

    fn join(self: &Arc<Self>, scope: Scope) -> Result<(Arc<Semaphore>, Member), Error> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares.entry(scope).or_insert_with(|| Share {
            running: Arc::new(Semaphore::new(self.limits.per_partner)),
            members: 0,
        });
        if share.members >= MAX_WAITING {
            return Err(self.exceeded());
        }
        share.members += 1;
        Ok((Arc::clone(&share.running), Member { lists: Arc::clone(self), scope }))
    }
}

#[cfg(test)]
mod tests;
