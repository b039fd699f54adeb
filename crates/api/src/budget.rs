//! What is bounded in all and for one address, such as memory for what clients send: as many units as there are, shared out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// So many units, such as bytes: in all, and for one address.
pub struct Budget {
    max: usize,
    max_per_address: usize,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Whose share there is no more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// All of it is in use.
    All,
    /// The address has as much as one may have.
    Address,
}

impl Budget {
    /// As many units in all, and as many of them for one address.
    pub fn new(max: usize, max_per_address: usize) -> Arc<Self> {
        Arc::new(Budget { max, max_per_address, used: Mutex::default() })
    }

    /// An empty share of this address, as [`network_of`](crate::network_of) gives it; without one, only what is in use in all bounds it.
    pub fn share(self: &Arc<Self>, address: Option<IpAddr>) -> Share {
        Share { budget: Arc::clone(self), address, units: 0 }
    }
}

/// What one has of a [`Budget`], until it is dropped.
pub struct Share {
    budget: Arc<Budget>,
    address: Option<IpAddr>,
    units: usize,
}

impl Share {
    /// Have at least so many units.
    ///
    /// # Errors
    /// [`Exhausted`], where there are not as many; the share is what it was.
    pub fn grow_to(&mut self, units: usize) -> Result<(), Exhausted> {
        let more = units.saturating_sub(self.units);
        if more == 0 {
            return Ok(());
        }
        let Budget { max, max_per_address, used } = &*self.budget;
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.all + more > *max {
            return Err(Exhausted::All);
        }
        if let Some(address) = self.address {
            let of_address = used.by_address.get(&address).copied().unwrap_or_default();
            if of_address + more > *max_per_address {
                return Err(Exhausted::Address);
            }
            used.by_address.insert(address, of_address + more);
        }
        used.all += more;
        self.units = units;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.units == 0 {
            return;
        }
        let mut used = self.budget.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.all -= self.units;
        let Some(address) = self.address else { return };
        if let Some(of_address) = used.by_address.get_mut(&address) {
            *of_address -= self.units;
            if *of_address == 0 {
                used.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_bounded_in_all_and_by_address_and_returned() {
        let (one, other) = (Some(IpAddr::from([192, 0, 2, 1])), Some(IpAddr::from([192, 0, 2, 2])));
        let budget = Budget::new(10, 6);
        let mut first = budget.share(one);
        assert_eq!(first.grow_to(4), Ok(()));
        assert_eq!(first.grow_to(2), Ok(()), "a share does not shrink");
        assert_eq!(budget.share(one).grow_to(3), Err(Exhausted::Address));
        assert_eq!(first.grow_to(7), Err(Exhausted::Address));
        assert_eq!(first.grow_to(6), Ok(()));
        let mut second = budget.share(other);
        assert_eq!(second.grow_to(5), Err(Exhausted::All));
        assert_eq!(second.grow_to(4), Ok(()));
        drop(first);
        // Without an address only the whole bounds it.
        assert_eq!(budget.share(None).grow_to(7), Err(Exhausted::All));
        assert_eq!(budget.share(None).grow_to(6), Ok(()));
        drop(second);
        let used = budget.used.lock().unwrap();
        assert_eq!((used.all, used.by_address.len()), (0, 0));
    }
}
