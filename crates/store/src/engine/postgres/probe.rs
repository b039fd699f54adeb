//! Whether the cluster takes commits just now.

use super::Postgres;
use crate::Error;
use crate::engine::job::Pending;
use crate::engine::{Scope, migrate};
use std::time::{Duration, Instant};

/// How long the result of a successful check is used again, so that checks cost the database nothing however many ask.
const FRESH: Duration = Duration::from_secs(1);

impl Postgres {
    /// Commits a transaction that has an id, which a read-only server refuses and a full disk of the write-ahead log fails.
    /// Fails too if a newer version has upgraded the schema to one that this one does not work with, so that a proxy sends this one nothing more.
    pub(in crate::engine) async fn check(&self) -> Result<(), Error> {
        let mut checked = self.checked.lock().await;
        if checked.is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(());
        }
        *checked = None;
        let probe = Pending::new((), |(), tx| {
            Box::pin(async move {
                tx.execute("SELECT pg_current_xact_id()", &[]).await?;
                if !migrate::is_compatible(tx).await? {
                    return Err(Error::Unavailable(
                        "a newer version of Tenantry has upgraded the database; this server is too old for it".into(),
                    ));
                }
                Ok(())
            })
        });
        let ended = self.write(Scope::System, probe.clone()).await;
        probe.outcome(ended)?;
        *checked = Some(Instant::now());
        Ok(())
    }
}
