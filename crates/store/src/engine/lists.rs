//! Limits for lists: concurrent lists per partner, and the duration of each.

use super::Scope;
use crate::Error;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of running and waiting lists of one partner; more are refused at once.
const MAX_WAITING: usize = 128;
/// Time that a list waits for other lists of its partner, or for a connection.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(2);

/// Limits for lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    /// Maximum number of concurrent lists of one partner; by default half of the processors. On PostgreSQL at least one: it
    /// may run on the same processors, and takes no priorities. On SQLite at least two, which run at a low priority.
    pub per_partner: Option<usize>,
    /// Timeout of one list.
    pub timeout: Duration,
}

impl Default for ListLimits {
    /// As many concurrent lists as the engine allows by default; five seconds each.
    fn default() -> Self {
        ListLimits { per_partner: None, timeout: Duration::from_secs(5) }
    }
}

/// Running and waiting lists, by scope.
pub(super) struct Lists {
    per_partner: usize,
    timeout: Duration,
    shares: Mutex<HashMap<Scope, Share>>,
}

/// Running and waiting lists of one scope.
struct Share {
    running: Arc<Semaphore>,
    /// Number of running and waiting lists.
    members: usize,
}

/// Permit of a running list, released on drop.
pub(super) struct Ticket {
    _running: OwnedSemaphorePermit,
    _member: Member,
}

/// Membership of a running or waiting list. The scope's entry is removed with its last member.
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
    /// `at_least`: how many lists of one partner run at the same time, however few processors there are, unless the limits say.
    pub(super) fn new(limits: ListLimits, at_least: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let per_partner = limits.per_partner.unwrap_or((processors / 2).max(at_least));
        Lists { per_partner, timeout: limits.timeout, shares: Mutex::default() }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Waits for a permit of the scope.
    pub(super) async fn enter(self: &Arc<Self>, scope: Scope) -> Result<Ticket, Error> {
        let (running, member) = self.join(scope)?;
        let running = tokio::time::timeout(MAX_WAIT, running.acquire_owned()).await;
        let running = running.map_err(|_| self.exceeded())?.map_err(Error::defect)?;
        Ok(Ticket { _running: running, _member: member })
    }

    fn exceeded(&self) -> Error {
        Error::ShareExceeded { per_partner: self.per_partner }
    }

    fn join(self: &Arc<Self>, scope: Scope) -> Result<(Arc<Semaphore>, Member), Error> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares
            .entry(scope)
            .or_insert_with(|| Share { running: Arc::new(Semaphore::new(self.per_partner)), members: 0 });
        if share.members >= MAX_WAITING {
            return Err(self.exceeded());
        }
        share.members += 1;
        Ok((Arc::clone(&share.running), Member { lists: Arc::clone(self), scope }))
    }
}

#[cfg(test)]
mod tests;
