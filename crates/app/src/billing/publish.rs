//! Staged bills on their way into the object store.

use super::plan::Plan;
use super::report::{BillRef, RunError};
use super::request::RunRequest;
use super::restate::store_issue;
use super::settle::Published;
use super::watch::{Ended, Watch};
use crate::{App, Error};
use bill_storage::{BillPrefix, ManifestHead, Schema};
use domain::CustomerId;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use rating::report::CustomerBill;
use rating::{FocusDataset, Message, RunReport, Wording};
use std::collections::{BTreeMap, BTreeSet};
use store::bill_runs::BillRun;
use store::statements;

/// How many bills are published at a time.
pub(super) const CONCURRENT_PUBLICATIONS: usize = 8;

/// The schemas of the FOCUS datasets of bills.
pub(super) fn focus_schemas() -> Vec<Schema> {
    let schema = |dataset: FocusDataset| Schema {
        dataset: dataset.id(),
        file: dataset.file(),
        id: dataset.schema_id(),
    };
    FocusDataset::ALL.map(schema).into()
}

impl App {
    /// Publish what is staged. A bill that cannot be is left out, and told of; the others are published.
    pub(super) async fn publish(
        &self,
        run: &BillRun,
        request: &RunRequest,
        report: &RunReport,
        plan: &Plan,
        watch: &Watch,
    ) -> Result<(Vec<Published>, Vec<(i64, Message)>), Ended> {
        if rating::Progress::cancelled(watch) {
            return Err(Ended::Cancelled);
        }
        let mut staged: BTreeMap<i64, Vec<&CustomerBill>> = BTreeMap::new();
        for bill in report.customers.iter().filter(|bill| bill.staged.is_some()) {
            staged.entry(bill.customer_id).or_default().push(bill);
        }
        let folders: BTreeMap<i64, &str> = plan.customers.iter().map(|c| (c.id, c.folder.as_str())).collect();
        let head = ManifestHead {
            generated_at: run.created_at.as_second(),
            corrects: None,
            is_final: request.finalize,
            schemas: focus_schemas(),
        };
        let finals: BTreeMap<CustomerId, i64> = self
            .db
            .unchecked()
            .read(run.partner, (run.partner, run.billing_period.clone()), |(partner, period), tx| {
                Box::pin(
                    async move { Ok::<_, Error>(statements::final_versions(tx, *partner, period).await?) },
                )
            })
            .await?;
        let mut publications = Vec::with_capacity(staged.len());
        for (customer, bills) in staged {
            let folder = folders.get(&customer).copied().unwrap_or_default();
            let corrects = finals.get(&CustomerId(customer)).and_then(|version| u32::try_from(*version).ok());
            let head =
                ManifestHead { corrects, is_final: head.is_final || corrects.is_some(), ..head.clone() };
            let publication = async move {
                if watch.is_given_up() {
                    return Err(Ended::GivenUp);
                }
                // A correction is shown with the statement that it is on, which may be a draft or not be there yet.
                let is_draft = corrects.is_some() || !(request.publish || request.finalize);
                match self.publish_one(run, &head, is_draft, folder, customer, &bills).await {
                    Ok(published) => Ok(Ok(published)),
                    // One customer's folder is no reason to keep the others waiting.
                    Err(error) => {
                        let wording =
                            Wording::new("report-bill-unwritable", [("why", error.to_string().into())]);
                        let text = format!("its bill cannot be written: {error}");
                        Ok(Err((customer, Message::worded(text, wording))))
                    }
                }
            };
            publications.push(publication.boxed());
        }
        let published: Vec<Result<Vec<Published>, (i64, Message)>> =
            stream::iter(publications).buffer_unordered(CONCURRENT_PUBLICATIONS).try_collect().await?;
        let (mut done, mut faults) = (Vec::new(), Vec::new());
        for outcome in published {
            match outcome {
                Ok(bills) => done.extend(bills),
                Err(fault) => faults.push(fault),
            }
        }
        if done.is_empty() && !faults.is_empty() {
            let error = |(customer, why): &(i64, Message)| RunError::of_customer(*customer, why);
            return Err(Ended::Failed(faults.iter().map(error).collect()));
        }
        done.sort_by(|a, b| (a.customer.0, &a.currency).cmp(&(b.customer.0, &b.currency)));
        faults.sort();
        Ok((done, faults))
    }

    /// One customer's bills, one for each currency, in one folder.
    async fn publish_one(
        &self,
        run: &BillRun,
        head: &ManifestHead,
        is_draft: bool,
        folder: &str,
        customer: i64,
        staged: &[&CustomerBill],
    ) -> Result<Vec<Published>, bill_storage::Error> {
        let no_billing = |error: Error| bill_storage::Error::Invalid(error.to_string());
        let store = &self.billing().map_err(no_billing)?.bills;
        domain::check_folder(folder).map_err(|why| {
            bill_storage::Error::Invalid(format!(
                "the folder {folder:?} {why}; give the customer another one"
            ))
        })?;
        let prefix = BillPrefix::new(run.partner.0, folder, &run.billing_period, customer)?;
        let Some(place) = staged.iter().find_map(|bill| bill.staged.as_deref()) else {
            return Ok(Vec::new());
        };
        let publication = match is_draft {
            true => {
                // Publishing copies it to the folder: an error of that is reported now.
                store.writable(run.partner.0, folder).await?;
                store.publish_draft(&prefix, place, head).await?
            }
            false => store.publish(&prefix, place, head).await?,
        };
        let version = publication.version;
        let mut published = Vec::with_capacity(staged.len());
        for bill in staged {
            let currency = bill.currency.to_string();
            let mut key = ledger_key(run, customer, &currency, i64::from(version));
            if let Some(ledger) = &bill.ledger {
                key = store.put_private(&key, ledger).await?;
            }
            // An attempt that was interrupted may have written a final version: its files say since when.
            let issue = match head.is_final && head.corrects.is_none() && !publication.written {
                true => Some(store_issue(store, &prefix, version, &currency).await?),
                false => None,
            };
            published.push(Published {
                issue,
                customer: CustomerId(customer),
                currency,
                total: bill.charge.to_string(),
                place: BillRef { bill: prefix.clone(), version },
                files: publication.manifest.files.iter().map(|file| file.name.clone()).collect(),
                ledger: key,
                is_correction: bill.is_correction,
                sums: bill.sums.clone(),
            });
        }
        Ok(published)
    }

    /// Of the customers that had no bill to be written, those whose folder could not take one, and why.
    pub(super) async fn unwritable(
        &self,
        run: &BillRun,
        plan: &Plan,
        had_one: &BTreeSet<i64>,
    ) -> Result<Vec<(i64, Message)>, Error> {
        let mut folders: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for customer in
            plan.customers.iter().filter(|planned| planned.billed && !had_one.contains(&planned.id))
        {
            folders.entry(&customer.folder).or_default().push(customer.id);
        }
        let bills = &self.billing()?.bills;
        let mut trials = Vec::with_capacity(folders.len());
        for (folder, customers) in folders {
            trials.push(async move { (customers, bills.writable(run.partner.0, folder).await) }.boxed());
        }
        let tried: Vec<(Vec<i64>, Result<(), bill_storage::Error>)> =
            stream::iter(trials).buffer_unordered(CONCURRENT_PUBLICATIONS).collect().await;
        let faults = tried.into_iter().filter_map(|(customers, tried)| Some((customers, tried.err()?)));
        let said = |why: &bill_storage::Error| {
            let wording = Wording::new("report-folder-unwritable", [("why", why.to_string().into())]);
            Message::worded(format!("its folder cannot be written: {why}"), wording)
        };
        Ok(faults.flat_map(|(ids, why)| ids.into_iter().map(move |id| (id, said(&why)))).collect())
    }
}

/// The private key of a bill's ledger. It has the version, so that a repeated run overwrites no other.
pub(super) fn ledger_key(run: &BillRun, customer: i64, currency: &str, version: i64) -> String {
    let partner = bill_storage::partner_segment(run.partner.0);
    format!("{partner}/{}/ledgers/{customer}-{currency}-v{version}.csv", run.id)
}
