//! Controls of the sandbox: its clock and the next ids, so that documented examples can be replayed exactly.

use crate::boxed;
use crate::{App, Error};
use domain::ExternalId;
use jiff::Timestamp;

impl App {
    /// The current time, to the second.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sets the sandbox's clock, forwards or back.
    ///
    /// # Errors
    /// [`Error::NotFound`] on a server that is not a sandbox.
    pub fn set_clock(&self, now: Timestamp) -> Result<(), Error> {
        if self.clock.set(now) { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Sets the id and the external id of the next customer.
    ///
    /// # Errors
    /// [`Error::NotFound`] on a server that is not a sandbox.
    #[boxed]
    pub async fn set_next(&self, id: Option<i64>, external_id: Option<ExternalId>) -> Result<(), Error> {
        if !self.is_sandbox() {
            return Err(Error::NotFound);
        }
        if let Some(id) = id {
            self.db
                .unchecked()
                .write(store::Scope::System, id, |id, tx| Box::pin(tx.continue_customer_ids(*id)))
                .await
                .map_err(Error::from)?;
        }
        if let Some(external_id) = external_id {
            self.random.set_next_external_id(external_id);
        }
        Ok(())
    }
}
