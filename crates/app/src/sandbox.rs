//! What only a sandbox can do: move the clock, and say which ids come next, so that a documented example can be
//! replayed to the letter.

use crate::{App, Error};
use domain::ExternalId;
use jiff::Timestamp;

impl App {
    /// What the clock shows, to the second.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Move the sandbox's clock, forwards or back.
    ///
    /// # Errors
    /// [`Error::NotFound`] where this is no sandbox.
    pub fn set_clock(&self, now: Timestamp) -> Result<(), Error> {
        if self.clock.set(now) { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Give the next customer this id and this external id.
    ///
    /// # Errors
    /// [`Error::NotFound`] where this is no sandbox; [`Error`] of the store.
    pub async fn set_next(&self, id: Option<i64>, external_id: Option<ExternalId>) -> Result<(), Error> {
        if !self.is_sandbox() {
            return Err(Error::NotFound);
        }
        if let Some(id) = id {
            self.db
                .write(store::Scope::System, id, |id, tx| Box::pin(tx.continue_customer_ids(*id)))
                .await
                .map_err(Error::from)?;
        }
        if let Some(external_id) = external_id {
            self.random.tell_external_id(external_id);
        }
        Ok(())
    }
}
