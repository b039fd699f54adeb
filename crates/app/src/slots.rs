//! Slots: how many requests of one partner, or of one address without a valid key, are processed at the same time.
//!
//! The concurrency limits bound what may be under way; slots bound what competes for the processors. Without them a
//! request waits at each step behind every request of a partner that sends hundreds at the same time.

use crate::{Error, Exceeded};
use domain::PartnerId;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests of one address without a valid key that are processed or wait; more are refused. Those of partners are bounded
/// by the concurrency limits.
const MAX_MEMBERS_PER_NETWORK: usize = 512;

/// What requests are grouped by, so that groups do not slow each other down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Requests with a valid key of this partner.
    Partner(PartnerId),
    /// Requests without one, from this IPv4 address, or this /64 of IPv6.
    Network(IpAddr),
}

/// The slots of all groups.
#[derive(Debug)]
pub(crate) struct Slots {
    /// Slots of each group; 0 is no limit.
    per_group: usize,
    groups: Mutex<HashMap<Group, Members>>,
}

#[derive(Debug)]
struct Members {
    free: Arc<Semaphore>,
    /// Requests with a slot, and those that wait for one.
    count: usize,
}

/// A request's slot, released on drop.
#[derive(Debug)]
pub struct Slot {
    _permit: Option<OwnedSemaphorePermit>,
    _member: Option<Member>,
}

/// A request with a slot, or one that waits. The last one removes its group.
#[derive(Debug)]
struct Member {
    slots: Arc<Slots>,
    group: Group,
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut groups = self.slots.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(members) = groups.get_mut(&self.group) {
            members.count -= 1;
            if members.count == 0 {
                groups.remove(&self.group);
            }
        }
    }
}

impl Slots {
    pub(crate) fn new(per_group: usize) -> Arc<Self> {
        Arc::new(Slots { per_group, groups: Mutex::default() })
    }

    /// Waits for a slot of the group; the first comes first.
    pub(crate) async fn enter(self: Arc<Self>, group: Group) -> Result<Slot, Error> {
        if self.per_group == 0 {
            return Ok(Slot { _permit: None, _member: None });
        }
        let (free, member) = self.join(group)?;
        let permit = match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => free.acquire_owned().await.ok(), // never closed
        };
        Ok(Slot { _permit: permit, _member: Some(member) })
    }

    fn join(self: Arc<Self>, group: Group) -> Result<(Arc<Semaphore>, Member), Error> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let members = groups
            .entry(group)
            .or_insert_with(|| Members { free: Arc::new(Semaphore::new(self.per_group)), count: 0 });
        if let Group::Network(network) = group
            && members.count >= MAX_MEMBERS_PER_NETWORK
        {
            return Err(Error::LimitExceeded(Box::new(Exceeded {
                message: format!(
                    "too many requests without a valid API key from this address at the same time: \
                     {MAX_MEMBERS_PER_NETWORK} are under way; repeat this one later"
                ),
                policy: "address-concurrency",
                who: network.to_string(),
                quota: MAX_MEMBERS_PER_NETWORK as u32,
                window: None,
                retry_after: Duration::from_secs(1),
            })));
        }
        members.count += 1;
        let free = Arc::clone(&members.free);
        drop(groups);
        Ok((free, Member { slots: self, group }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn enter(slots: &Arc<Slots>, group: Group) -> Option<Slot> {
        match poll(pin!(Arc::clone(slots).enter(group))) {
            Poll::Ready(slot) => Some(slot.unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_group_waits_for_its_own_slots_only() {
        let (first, second) = (Group::Partner(PartnerId(1)), Group::Partner(PartnerId(2)));
        let slots = Slots::new(2);
        let mut held = vec![enter(&slots, first).unwrap(), enter(&slots, first).unwrap()];
        assert!(enter(&slots, first).is_none());
        assert!(enter(&slots, second).is_some());
        // The first that waits gets the slot that is released.
        let mut waiting = pin!(Arc::clone(&slots).enter(first));
        assert!(poll(waiting.as_mut()).is_pending());
        held.pop();
        assert!(enter(&slots, first).is_none(), "it belongs to the one that waits");
        assert!(poll(waiting.as_mut()).is_ready());
        // Control: 0 is no limit.
        let unlimited = Slots::new(0);
        assert_eq!((0..9).filter_map(|_| enter(&unlimited, first)).collect::<Vec<_>>().len(), 9);
    }

    #[test]
    fn requests_of_an_address_that_wait_are_bounded_and_forgotten() {
        let slots = Slots::new(1);
        let (network, partner) = (Group::Network([192, 0, 2, 1].into()), Group::Partner(PartnerId(1)));
        for group in [network, partner] {
            let _held = enter(&slots, group).unwrap();
            let mut waiting: Vec<_> = (0..600).map(|_| Box::pin(Arc::clone(&slots).enter(group))).collect();
            let mut refused = 0;
            for request in &mut waiting {
                refused += usize::from(matches!(poll(request.as_mut()), Poll::Ready(Err(_))));
            }
            let expected = if group == network { 601 - MAX_MEMBERS_PER_NETWORK } else { 0 };
            assert_eq!(refused, expected, "{group:?}");
        }
        assert!(slots.groups.lock().unwrap().is_empty());
    }
}
