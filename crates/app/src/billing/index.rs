//! `index.json` in the customers' folders: the current version of each bill, for those who read the store and not the API.
//!
//! An index names what is published, and no drafts. A draft that has been published is copied to its customer's folder before the
//! index names it. Both are derived from the statements in the database and follow after these have changed. An index is only
//! replaced if it still is the one that was read before the database was, so that an older state never overwrites a newer one,
//! however many servers and commands are at work. What was not copied or put, because its process was killed, is by the next
//! server that looks: versions that an index does not name yet are the ones to copy.

use super::publish::CONCURRENT_PUBLICATIONS;
use super::scratch::Scratch;
use super::settings::BillingSettings;
use super::statements::prefix;
use crate::{App, Error};
use bill_storage::{BillPrefix, IndexedBill, IndexedVersion, ObjectVersion};
use domain::PartnerId;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use rating::FocusDataset;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use store::bill_runs::{self, EndedRuns};
use store::corrections::{self, Correction};
use store::partners;
use store::statements::{self, Edition, Filter, Statement, Status};

/// How often an index that another process has replaced meanwhile is derived again.
const ATTEMPTS: usize = 20;

/// The indexes that are to be brought up to date.
#[derive(Debug, Default)]
pub(super) struct Indexing {
    /// The ended runs of each partner when its indexes were derived.
    seen: BTreeMap<PartnerId, EndedRuns>,
}

/// The bills of each folder.
type Indexes = BTreeMap<String, Vec<IndexedBill>>;

impl App {
    /// The folders with statements of a month, which may have none after a change.
    pub(super) async fn folders_of_month(
        &self,
        partner: PartnerId,
        period: &str,
    ) -> Result<BTreeSet<String>, Error> {
        let filter = Filter { billing_period: Some(period.to_owned()), ..Filter::default() };
        let found: Vec<Statement> = self
            .db
            .unchecked()
            .read(partner, (partner, filter), |(partner, filter), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(statements::list(tx, *partner, filter, 0, i64::MAX).await?.0)
                })
            })
            .await?;
        Ok(found.into_iter().map(|statement| statement.bill.folder).collect())
    }

    /// Brings the indexes of a partner up to date, those of these folders too if they have no bill any more. An error is
    /// logged: the bills themselves are published.
    pub(super) async fn update_indexes(&self, partner: PartnerId, folders: BTreeSet<String>) {
        if let Err(error) = self.try_update_indexes(partner, folders).await {
            tracing::warn!(partner = partner.0, %error, "failed to update the indexes of bills; the next start updates them");
        }
    }

    /// Brings the indexes of all partners up to date whose runs have ended since this server looked: those of commands and of
    /// servers that were killed.
    pub(super) async fn update_changed_indexes(&self) -> Result<(), Error> {
        let ended: Vec<(PartnerId, EndedRuns)> = self
            .db
            .unchecked()
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok::<_, Error>(bill_runs::ended(tx).await?) })
            })
            .await?;
        let mut indexing = self.billing()?.indexing.lock().await;
        let mut failed = None;
        for (partner, state) in ended {
            if indexing.seen.get(&partner) != Some(&state) {
                // Where the last bill was withdrawn, the customer's folder is that of the index.
                let folders: Vec<String> = self
                    .db
                    .unchecked()
                    .read(partner, partner, |partner, tx| {
                        Box::pin(async move { Ok::<_, Error>(bill_runs::folders(tx, *partner).await?) })
                    })
                    .await?;
                let folders = folders.iter().map(|folder| folder.trim_end_matches('/').to_owned());
                match self.try_update_indexes(partner, folders.collect()).await {
                    Ok(()) => drop(indexing.seen.insert(partner, state)),
                    // One partner's store is no reason to keep the others waiting.
                    Err(error) => failed = Some(error),
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn try_update_indexes(&self, partner: PartnerId, folders: BTreeSet<String>) -> Result<(), Error> {
        let store = &self.billing()?.bills;
        let failed = |e: bill_storage::Error| Error::BillsUnavailable(e.to_string());
        let metadata = self.focus_metadata(partner).await?;
        let mut waiting: BTreeSet<String> = self.indexes(partner).await?.into_keys().chain(folders).collect();
        let mut failed_folders: BTreeMap<String, bill_storage::Error> = BTreeMap::new();
        for _ in 0..ATTEMPTS {
            let reads = waiting.iter().map(|folder| {
                async move { Ok((folder.clone(), store.read_index(partner.0, folder).await?)) }.boxed()
            });
            let reads: Vec<_> = reads.collect();
            let read: Vec<(String, ObjectVersion)> = stream::iter(reads)
                .buffer_unordered(CONCURRENT_PUBLICATIONS)
                .try_collect()
                .await
                .map_err(failed)?;
            // After the indexes: whatever they were derived from is in this.
            let mut indexes = self.indexes(partner).await?;
            let (mut changed, mut unseen) = (Vec::new(), Vec::new());
            for (folder, read) in read {
                let bills = indexes.remove(&folder).unwrap_or_default();
                let bytes = bill_storage::index_bytes(&bills, &metadata);
                let is_current = match read.bytes() {
                    Some(current) => current == bytes,
                    None => bills.is_empty(),
                };
                if !is_current {
                    let versions = not_named_by(read.bytes(), &bills).into_iter();
                    unseen.extend(versions.map(|version| (folder.clone(), version)));
                    changed.push((folder, read, bytes));
                }
            }
            // One customer's folder is no reason to keep the others waiting.
            failed_folders.extend(self.show_drafts(partner, unseen).await?);
            let writes = changed.into_iter().filter(|(folder, ..)| !failed_folders.contains_key(folder));
            let writes = writes.map(|(folder, read, bytes)| {
                async move {
                    let replaced = store.replace_index(partner.0, &folder, &read, bytes).await;
                    (folder, replaced)
                }
                .boxed()
            });
            let writes: Vec<_> = writes.collect();
            let written: Vec<(String, Result<bool, bill_storage::Error>)> =
                stream::iter(writes).buffer_unordered(CONCURRENT_PUBLICATIONS).collect().await;
            waiting.clear();
            for (folder, replaced) in written {
                match replaced {
                    Ok(true) => {}
                    Ok(false) => drop(waiting.insert(folder)),
                    Err(error) => drop(failed_folders.insert(folder, error)),
                }
            }
            if waiting.is_empty() {
                return failed_folders.into_values().next().map_or(Ok(()), |error| Err(failed(error)));
            }
        }
        Err(Error::BillsUnavailable(format!("{} indexes are replaced by others all the time", waiting.len())))
    }

    /// Copies published drafts to the customers' folders. Returns the folders for which that failed.
    async fn show_drafts(
        &self,
        partner: PartnerId,
        versions: Vec<(String, Unseen)>,
    ) -> Result<Vec<(String, bill_storage::Error)>, Error> {
        let billing = self.billing()?;
        let mut scratch = None;
        if !versions.is_empty() && !billing.bills.is_on_disk() {
            scratch = Some(Scratch::of_copies(&billing.setup.work, partner, self.random.nonce()?)?);
        }
        let scratch = scratch.as_ref().map_or(Path::new(""), Scratch::path);
        let copies = versions.into_iter().map(|(folder, of)| {
            async move {
                let shown = match BillPrefix::new(partner.0, &folder, &of.billing_period, of.customer_id) {
                    Ok(bill) => billing.bills.show(&bill, of.version, scratch).await,
                    Err(error) => Err(error),
                };
                Some((folder, shown.err()?))
            }
            .boxed()
        });
        let copies: Vec<_> = copies.collect();
        let failed = stream::iter(copies).buffer_unordered(CONCURRENT_PUBLICATIONS);
        Ok(failed.filter_map(futures_util::future::ready).collect().await)
    }

    /// What FOCUS calls the metadata of a partner's datasets.
    async fn focus_metadata(&self, partner: PartnerId) -> Result<serde_json::Value, Error> {
        let issuer: String = self
            .db
            .unchecked()
            .read(partner, partner, |partner, tx| {
                Box::pin(async move {
                    let name = partners::get(tx, *partner).await?.ok_or(Error::NotFound)?.name;
                    let settings = BillingSettings::load(tx, *partner).await?;
                    Ok::<_, Error>(settings.display_name.unwrap_or(name))
                })
            })
            .await?;
        let datasets: &[FocusDataset] = match self.billing()?.setup.focus_datasets {
            true => &FocusDataset::ALL,
            false => &[FocusDataset::CostAndUsage],
        };
        Ok(rating::focus_metadata(&issuer, datasets))
    }

    async fn indexes(&self, partner: PartnerId) -> Result<Indexes, Error> {
        let (statements, corrections): (Vec<Statement>, Vec<Correction>) = self
            .db
            .unchecked()
            .read(partner, partner, |partner, tx| {
                Box::pin(async move {
                    let published = Filter { edition: Edition::Published, ..Filter::default() };
                    let statements = statements::list(tx, *partner, &published, 0, i64::MAX).await?.0;
                    let corrections = corrections::carried(tx, *partner, Edition::Published, None).await?;
                    Ok::<_, Error>((statements, corrections))
                })
            })
            .await?;
        let mut found = BTreeMap::<(String, String, i64), IndexedBill>::new();
        let counts = |statement: &Statement| !matches!(statement.status, Status::Withdrawn | Status::Void);
        let statements = statements.into_iter().filter(counts);
        let statements = statements.map(|s| (s.bill, Some(s.status), s.issue.map(|issue| issue.number)));
        let corrections = corrections.into_iter().map(|c| (c.bill, None, None));
        for (bill, status, number) in statements.chain(corrections) {
            let version = u32::try_from(bill.version).unwrap_or_default();
            let whole = prefix(partner, &bill)?.of_version(version);
            // A folder may be handed on as a whole: its index names nothing above it.
            let above = format!("{}/{}/", bill_storage::partner_segment(partner.0), bill.folder);
            let above = above.replace("//", "/");
            let path = whole.strip_prefix(&above).unwrap_or(&whole).to_owned();
            let key = (bill.folder, bill.billing_period.clone(), bill.customer.0);
            let entry = found.entry(key).or_insert_with(|| IndexedBill {
                billing_period: bill.billing_period,
                customer_id: bill.customer.0,
                ..IndexedBill::default()
            });
            // A bill of several currencies is one version with several statements.
            let indexed = IndexedVersion { version, path };
            match status {
                Some(status) if entry.current.as_ref().is_none_or(|current| current.version <= version) => {
                    entry.status = Some(status.as_str());
                    if entry.current.as_ref() != Some(&indexed) {
                        entry.statement_numbers.clear();
                    }
                    entry.statement_numbers.extend(number);
                    entry.current = Some(indexed);
                }
                Some(_) => {}
                None if entry.corrections.contains(&indexed) => {}
                None => entry.corrections.push(indexed),
            }
        }
        let mut indexes = Indexes::new();
        for ((folder, ..), bill) in found {
            indexes.entry(folder).or_default().push(bill);
        }
        Ok(indexes)
    }
}

/// A published version that its customer's folder may lack.
#[derive(Debug, PartialEq, Eq)]
struct Unseen {
    billing_period: String,
    customer_id: i64,
    version: u32,
}

/// The versions of these bills that an index does not name. Objects are there before their index names them.
fn not_named_by(index: Option<&[u8]>, bills: &[IndexedBill]) -> Vec<Unseen> {
    #[derive(Default, Deserialize)]
    struct Index {
        bills: Vec<Bill>,
    }
    #[derive(Deserialize)]
    struct Bill {
        current: Option<Version>,
        #[serde(default)]
        corrections: Vec<Version>,
    }
    #[derive(Deserialize)]
    struct Version {
        path: String,
    }
    // An index that cannot be read is taken for an empty one: looking at a version that is there does no harm.
    let index: Index = index.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
    let named = index.bills.into_iter().flat_map(|bill| bill.current.into_iter().chain(bill.corrections));
    let named: BTreeSet<String> = named.map(|version| version.path).collect();
    let versions = bills
        .iter()
        .flat_map(|bill| bill.current.iter().chain(&bill.corrections).map(move |version| (bill, version)));
    versions
        .filter(|(_, version)| !named.contains(&version.path))
        .map(|(bill, version)| Unseen {
            billing_period: bill.billing_period.clone(),
            customer_id: bill.customer_id,
            version: version.version,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_copied_that_the_index_does_not_name() {
        let version = |version: u32| IndexedVersion { version, path: format!("2026-10/7/v{version}/") };
        let bill = |current: Option<u32>, corrections: &[u32]| IndexedBill {
            billing_period: "2026-10".into(),
            customer_id: 7,
            current: current.map(version),
            corrections: corrections.iter().copied().map(version).collect(),
            ..IndexedBill::default()
        };
        let bytes = |bills: &[IndexedBill]| bill_storage::index_bytes(bills, &serde_json::Value::Null);
        let after = [bill(Some(2), &[3, 4])];
        for (before, expected) in [
            (None, vec![2, 3, 4]),
            (Some(b"{".to_vec()), vec![2, 3, 4]),
            (Some(bytes(&[])), vec![2, 3, 4]),
            (Some(bytes(&[bill(Some(1), &[])])), vec![2, 3, 4]),
            (Some(bytes(&[bill(Some(2), &[])])), vec![3, 4]),
            (Some(bytes(&[bill(None, &[3])])), vec![2, 4]),
            (Some(bytes(&after)), vec![]),
        ] {
            let found: Vec<u32> =
                not_named_by(before.as_deref(), &after).iter().map(|unseen| unseen.version).collect();
            assert_eq!(found, expected, "{:?}", before.map(|bytes| String::from_utf8(bytes).unwrap()));
        }
    }
}
