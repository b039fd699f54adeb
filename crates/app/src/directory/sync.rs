//! The walk through every partner's directory in the background: a page at a time, resumed where it stopped, by one
//! server at a time.

use super::sighting;
use crate::{App, Error};
use ::directory::{Cursor, Directory, Tenant};
use domain::PartnerId;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::sync::Arc;
use store::directories::{self, DirectoryRow};
use store::{azure_tenants, customers};

/// How often the list is walked from its beginning.
const WALK_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How old an address may be before it is asked for again.
const ADDRESS_AGE: SignedDuration = SignedDuration::from_hours(24);
/// How many addresses are asked for in a step: with a step every few seconds, well within what Partner Center allows.
const ADDRESSES: i64 = 50;
/// How long one server has a directory for itself.
const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// How the walks through the directories stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DirectoryHealth {
    /// How many partners have a directory.
    pub connected: usize,
    /// How many of them have been walked to the end.
    pub synced: usize,
    /// How many of them failed at the last step.
    pub failing: usize,
}

impl App {
    /// Go one step further through every directory. A failure is noted and logged; the next step tries again.
    pub async fn sync_directories(&self) {
        let rows = match self.directory_rows().await {
            Ok(rows) => rows,
            Err(error) => return tracing::warn!(%error, "the directories could not be read"),
        };
        for row in rows {
            if let Err(error) = self.sync(&row).await {
                tracing::warn!(partner = row.partner.0, %error, "a directory could not be synced");
            }
        }
    }

    /// How the walks stand.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn directory_health(&self) -> Result<DirectoryHealth, Error> {
        let rows = self.directory_rows().await?;
        Ok(DirectoryHealth {
            connected: rows.len(),
            synced: rows.iter().filter(|row| row.synced_at.is_some()).count(),
            failing: rows.iter().filter(|row| row.failed.is_some()).count(),
        })
    }

    async fn directory_rows(&self) -> Result<Vec<DirectoryRow>, Error> {
        self.db
            .read(store::Scope::System, (), |(), tx| Box::pin(async move { Ok(directories::all(tx).await?) }))
            .await
    }

    async fn sync(&self, row: &DirectoryRow) -> Result<(), Error> {
        let (partner, now) = (row.partner, self.clock.now());
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let ours: bool = self
            .db
            .write(partner, (partner, now, until), |(partner, now, until), tx| {
                Box::pin(async move { Ok::<_, Error>(directories::lease(tx, *partner, *now, *until).await?) })
            })
            .await?;
        if !ours {
            return Ok(());
        }
        let (directory, _) = self.directory_of(row)?;
        let walked = self.walk(row, &directory, now).await;
        let (cursor, synced_at, failed) = match walked {
            Ok(Walked::To(cursor)) => (Some(cursor), None, None),
            Ok(Walked::ToTheEnd) => (None, Some(now), None),
            Ok(Walked::NotDue) => {
                let failed = self.refresh_addresses(partner, &directory, now).await.err();
                (None, None, failed.map(|error| error.to_string()))
            }
            Err(Failed::StartOver(why)) => (None, None, Some(why)),
            Err(Failed::Other(why)) => (row.cursor.clone(), None, Some(why)),
        };
        let input = (partner, cursor, synced_at, failed);
        self.db
            .write(partner, input, |(partner, cursor, synced_at, failed), tx| {
                Box::pin(async move {
                    let (cursor, failed) = (cursor.as_deref(), failed.as_deref());
                    Ok(directories::progress(tx, *partner, cursor, *synced_at, failed).await?)
                })
            })
            .await
    }

    /// One page of the list, if the walk is under way or due.
    async fn walk(
        &self,
        row: &DirectoryRow,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Walked, Failed> {
        let due = row.synced_at.is_none_or(|at| at.saturating_add(WALK_EVERY).is_ok_and(|next| next <= now));
        if row.cursor.is_none() && !due {
            return Ok(Walked::NotDue);
        }
        let cursor = row.cursor.clone().map(Cursor::from_stored);
        let page = directory.page(cursor.as_ref()).await?;
        for skipped in &page.skipped {
            tracing::warn!(
                partner = row.partner.0,
                skipped,
                "the directory lists something that is no tenant"
            );
        }
        self.note(row.partner, page.tenants, now).await.map_err(|error| Failed::Other(error.to_string()))?;
        Ok(page.next.map_or(Walked::ToTheEnd, |next| Walked::To(next.as_str().to_owned())))
    }

    /// The addresses that were asked for longest ago; the list has none.
    async fn refresh_addresses(
        &self,
        partner: PartnerId,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<(), Error> {
        let before = now.saturating_sub(ADDRESS_AGE).unwrap_or(Timestamp::MIN);
        let stale: Vec<_> = self
            .db
            .read(partner, (partner, before), |(partner, before), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(azure_tenants::stale(tx, *partner, *before, ADDRESSES).await?)
                })
            })
            .await?;
        for azure in stale {
            match directory.find(&azure).await {
                Ok(Some(tenant)) => self.note(partner, vec![tenant], now).await?,
                Ok(None) => {
                    tracing::warn!(
                        partner = partner.0,
                        tenant = azure.as_str(),
                        "not found in the directory"
                    );
                    self.asked(partner, azure, now).await?;
                }
                Err(error) => return Err(super::said(error)),
            }
        }
        Ok(())
    }

    /// Keep what the directory says, and give customers the addresses that they have from it.
    async fn note(&self, partner: PartnerId, tenants: Vec<Tenant>, now: Timestamp) -> Result<(), Error> {
        let seen: Arc<Vec<_>> = Arc::new(tenants.iter().map(sighting).collect());
        self.db
            .write(partner, (partner, seen, now), |(partner, seen, now), tx| {
                Box::pin(async move {
                    for seen in seen.iter() {
                        azure_tenants::note(tx, *partner, seen, *now).await?;
                        if let Some(Some(address)) = &seen.address {
                            let azure = &seen.azure_customer_id;
                            customers::refresh_address(tx, *partner, azure, address, *now).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn asked(
        &self,
        partner: PartnerId,
        azure: domain::AzureCustomerId,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.db
            .write(partner, (partner, azure, now), |(partner, azure, now), tx| {
                Box::pin(async move { Ok(azure_tenants::asked(tx, *partner, azure, *now).await?) })
            })
            .await
    }
}

enum Walked {
    To(String),
    ToTheEnd,
    NotDue,
}

enum Failed {
    StartOver(String),
    Other(String),
}

impl From<::directory::Error> for Failed {
    fn from(error: ::directory::Error) -> Self {
        match error {
            ::directory::Error::StartOver(_) => Failed::StartOver(error.to_string()),
            other => Failed::Other(other.to_string()),
        }
    }
}
