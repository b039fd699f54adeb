//! A month becomes final: what was published as an estimate is published once more, as what is owed.
//!
//! A published version never changes, so the final one is the next, of the same lines. Its files are made from those of the
//! estimate, not from the invoice, and so nothing but their status can differ.

use super::Scratch;
use super::publish::CONCURRENT_PUBLICATIONS;
use super::runs::{estimates, report};
use super::settle::{Finalized, Outcome};
use super::statements::prefix;
use super::watch::{Ended, Watch};
use crate::{App, Error};
use bill_storage::ManifestHead;
use domain::PartnerId;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use store::bill_runs::{BillRun, State};
use store::statements::{self, Statement};

/// A customer's statements that are final, and where their bill is; or why they are not.
type Done = Result<(Vec<Finalized>, String), (i64, String)>;

impl App {
    /// Make the statements of a run final. Those of customers whose bills cannot be written stay estimates, and can be made
    /// final once more.
    pub(super) async fn finalize_statements(
        self: &Arc<Self>,
        run: &BillRun,
        since: i64,
        watch: &Watch,
    ) -> Result<Outcome, Ended> {
        if rating::Progress::cancelled(watch) {
            return Err(Ended::Cancelled);
        }
        let found: Vec<Statement> = self
            .db
            .read(run.partner, (run.partner, estimates(run)), |(partner, estimates), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(statements::list(tx, *partner, estimates, 0, i64::MAX).await?.0)
                })
            })
            .await?;
        let mut customers: BTreeMap<i64, Vec<Statement>> = BTreeMap::new();
        for statement in found {
            customers.entry(statement.bill.customer.0).or_default().push(statement);
        }
        let scratch = Scratch::of_run(&self.billing()?.setup.work, run)?;
        let mut report = report(run);
        if let Some(errors) = report["errors"].as_array_mut() {
            // What was said of these customers, and of the work as a whole when it was not done, is void.
            let is_anothers =
                |error: &Value| error["customer_id"].as_i64().is_some_and(|id| !customers.contains_key(&id));
            errors.retain(is_anothers);
        }
        let work = customers.into_iter().map(|(customer, statements)| {
            let folder = scratch.path().join("out").join(customer.to_string());
            async move {
                if watch.is_given_up() {
                    return Err(Ended::GivenUp);
                }
                let done = self.finalize_one(run.partner, &statements, since, &folder).await;
                Ok(done.map_err(|error| (customer, format!("its final bill cannot be written: {error}"))))
            }
            .boxed()
        });
        let work: Vec<_> = work.collect();
        let done: Vec<Done> =
            stream::iter(work).buffer_unordered(CONCURRENT_PUBLICATIONS).try_collect().await?;
        let (mut finalized, mut faults) = (Vec::new(), BTreeSet::new());
        for done in done {
            match done {
                Ok((statements, prefix)) => {
                    let customer = statements.first().map(|statement| statement.customer);
                    for bill in report["customers"].as_array_mut().into_iter().flatten() {
                        if bill["customer_id"].as_i64() == customer && bill["prefix"].is_string() {
                            bill["final_prefix"] = json!(prefix);
                        }
                    }
                    finalized.extend(statements);
                }
                Err(fault) => drop(faults.insert(fault)),
            }
        }
        let unfinalized = faults.iter().map(|(id, _)| *id).collect();
        let faults = faults.into_iter().map(|(id, why)| json!({"customer_id": id, "message": why}));
        match report["errors"].as_array_mut() {
            Some(errors) => errors.extend(faults),
            None => report["errors"] = faults.collect(),
        }
        Ok(Outcome { state: Some(State::Succeeded), report, finalized, unfinalized, ..Outcome::default() })
    }

    /// Publish one customer's bills of a month as final ones: they are in one folder.
    async fn finalize_one(
        &self,
        partner: PartnerId,
        statements: &[Statement],
        since: i64,
        folder: &Path,
    ) -> Result<(Vec<Finalized>, String), bill_storage::Error> {
        let defect = |error: Error| bill_storage::Error::Invalid(error.to_string());
        let failed = |error: std::io::Error| {
            bill_storage::Error::Unavailable(format!("{}: {error}", folder.display()))
        };
        let Some(Statement { bill, generated_at, invoice_id, .. }) = statements.first() else {
            return Ok((Vec::new(), String::new()));
        };
        let store = &self.billing().map_err(defect)?.bills;
        let prefix = prefix(partner, bill).map_err(defect)?;
        tokio::fs::create_dir(folder).await.map_err(failed)?;
        let estimate = store.fetch(&prefix, bill.version as u32, folder).await?;
        for file in &estimate.files {
            let path = folder.join(&file.name);
            if file.name.starts_with("statement.") {
                let bytes = tokio::fs::read(&path).await.map_err(failed)?;
                if let Some(bytes) = rating::finalized(&file.name, &bytes, since) {
                    tokio::fs::write(&path, bytes).await.map_err(failed)?;
                }
            }
        }
        let head = ManifestHead {
            generated_at: generated_at.as_second(),
            invoice_id: invoice_id.clone(),
            corrects: None,
            is_final: true,
        };
        let published = store.publish(&prefix, folder, &head).await?;
        // One customer's copy at a time, not those of all.
        tokio::fs::remove_dir_all(folder).await.map_err(failed)?;
        let files: Vec<String> = published.manifest.files.into_iter().map(|file| file.name).collect();
        let finalized = statements.iter().map(|statement| Finalized {
            statement: statement.id,
            customer: statement.bill.customer.0,
            version: i64::from(published.version),
            files: files.clone(),
            since: Timestamp::from_second(since).unwrap_or_default(),
        });
        Ok((finalized.collect(), published.prefix))
    }
}
