//! Randomness, passed in.

use crate::Error;
use domain::ExternalId;
use std::sync::{Mutex, PoisonError};

/// The operating system's cryptographic randomness; a sandbox can say which external id comes next.
#[derive(Debug, Default)]
pub struct Random {
    next_external_id: Mutex<Option<ExternalId>>,
}

impl Random {
    /// As many random bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] if the operating system has none to give.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
        getrandom::fill(&mut bytes).map_err(|e| Error::Internal(format!("no randomness: {e}")))?;
        Ok(bytes)
    }

    /// A new external id: 48 random bits, or the one a sandbox was told.
    ///
    /// # Errors
    /// As [`Random::bytes`].
    pub fn external_id(&self) -> Result<ExternalId, Error> {
        let told = self.next_external_id.lock().unwrap_or_else(PoisonError::into_inner).take();
        match told {
            Some(id) => Ok(id),
            None => Ok(ExternalId::from_bytes(self.bytes()?)),
        }
    }

    pub(crate) fn tell_external_id(&self, id: ExternalId) {
        *self.next_external_id.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
    }
}
