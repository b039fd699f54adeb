//! Moves a store of bills to the layout that has the partner in every path.

use crate::boxed;
use crate::{App, Error};
use bill_storage::{Bills, Owners, Relocated};
use store::bill_runs;

impl App {
    /// Moves the files of a store that version 0.1 has written; `None` if it has the current layout. The database's own paths
    /// are moved by its migration. Can be killed at any moment and repeated; no server may run meanwhile.
    ///
    /// # Errors
    /// [`Error::Billing`] with what the store answered; [`Error`] of the store.
    #[boxed]
    pub async fn move_bill_store(
        &self,
        bills: &Bills,
        progress: &(dyn Fn(usize, usize) + Send + Sync),
    ) -> Result<Option<Relocated>, Error> {
        let mut owners = Owners::default();
        for partner in self.partners().await? {
            let (runs, customers) = self
                .db
                .unchecked()
                .read(partner.id, partner.id, |partner, tx| {
                    Box::pin(async move { Ok::<_, Error>(bill_runs::owned(tx, *partner).await?) })
                })
                .await?;
            for id in runs {
                owners.runs.entry(id).or_default().insert(partner.id.0);
            }
            for id in customers {
                owners.customers.entry(id).or_default().insert(partner.id.0);
            }
        }
        let moved = bills.relocate(&owners, progress).await;
        moved.map_err(|error| Error::Billing(error.to_string()))
    }

    /// Checks that the store of bills has the current layout.
    ///
    /// # Errors
    /// [`Error::Billing`] with the command that moves it. A store that cannot be reached is logged, not an error: runs check
    /// again.
    #[boxed]
    pub async fn check_bill_store(&self) -> Result<(), Error> {
        match self.billing()?.bills.check_layout().await {
            Ok(()) => Ok(()),
            Err(error @ bill_storage::Error::Invalid(_)) => Err(Error::Billing(error.to_string())),
            Err(error) => {
                tracing::warn!(%error, "failed to read the store of bills");
                Ok(())
            }
        }
    }
}
