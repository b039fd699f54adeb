//! The source of randomness.

use crate::Error;
use domain::ExternalId;
use std::sync::{Mutex, PoisonError};

/// The number of bytes requested from the operating system at a time.
const POOL: usize = 1024;

/// Cryptographic randomness of the operating system, buffered. A sandbox can set the next external id.
#[derive(Default)]
pub struct Random {
    /// Unused random bytes.
    pool: Mutex<Vec<u8>>,
    next_external_id: Mutex<Option<ExternalId>>,
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random(…)")
    }
}

impl Random {
    /// `N` random bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] if the operating system provides none.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < N {
            let mut fresh = vec![0; POOL.max(N)];
            #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
            getrandom::fill(&mut fresh).map_err(|e| Error::Internal(format!("no randomness: {e}")))?;
            *pool = fresh;
        }
        let mut bytes = [0; N];
        let rest = pool.len() - N;
        bytes.copy_from_slice(&pool[rest..]);
        pool[rest..].fill(0);
        pool.truncate(rest);
        Ok(bytes)
    }

    /// An id of 128 random bits, lower-case hex.
    ///
    /// # Errors
    /// As [`Random::bytes`].
    pub fn long_id(&self) -> Result<String, Error> {
        Ok(format!("{:032x}", u128::from_le_bytes(self.bytes()?)))
    }

    /// The random part of a version ([`domain::version`]).
    ///
    /// # Errors
    /// As [`Random::bytes`].
    pub fn nonce(&self) -> Result<domain::version::Nonce, Error> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    /// A new external id: 48 random bits, or the one that a sandbox has set.
    ///
    /// # Errors
    /// As [`Random::bytes`].
    pub fn external_id(&self) -> Result<ExternalId, Error> {
        let set = self.next_external_id.lock().unwrap_or_else(PoisonError::into_inner).take();
        match set {
            Some(id) => Ok(id),
            None => Ok(ExternalId::from_bytes(self.bytes()?)),
        }
    }

    pub(crate) fn set_next_external_id(&self, id: ExternalId) {
        *self.next_external_id.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_are_not_reused() {
        let random = Random::default();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            assert!(seen.insert(random.bytes::<12>().unwrap()));
        }
        assert_eq!(random.bytes::<{ POOL + 1 }>().unwrap().len(), POOL + 1);
        assert!(!format!("{random:?}").contains(char::is_numeric));
    }
}
