//! A month becomes final: what was published as an estimate is published once more, as what is owed.
//!
//! A published version never changes, so the final one is the next, of the same lines. Its `bill` files are those of the
//! estimate, and its statements are rendered again from the estimate's `statement.json` and the run's plan, without the
//! invoice: nothing but their status and times can differ.

use super::Scratch;
use super::actions::estimates;
use super::plan::Plan;
use super::publish::CONCURRENT_PUBLICATIONS;
use super::report::{BillRef, RunError, RunReport};
use super::settle::{Finalized, Outcome};
use super::statements::prefix;
use super::watch::{Ended, Watch};
use crate::{App, Error};
use bill_storage::ManifestHead;
use domain::PartnerId;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use store::bill_runs::{BillRun, State};
use store::statements::{self, Statement};

/// A customer's statements that are final, and where their bill is; or why they are not.
type Done = Result<(Vec<Finalized>, Option<BillRef>), (i64, String)>;

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
        let mut report = RunReport::of_run(run)?.unwrap_or_default();
        // What was said of these customers, and of the work as a whole when it was not done, is void.
        report.errors.retain(|error| error.customer_id.is_some_and(|id| !customers.contains_key(&id)));
        let plan = &self.stored_plan(run.partner, run.id).await?;
        let work = customers.into_iter().map(|(customer, statements)| {
            let folder = scratch.path().join("out").join(customer.to_string());
            async move {
                if watch.is_given_up() {
                    return Err(Ended::GivenUp);
                }
                let done = self.finalize_one(run.partner, plan, &statements, since, &folder).await;
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
                Ok((statements, place)) => {
                    let customer = statements.first().map(|statement| statement.customer);
                    for bill in &mut report.customers {
                        if Some(bill.customer_id) == customer && bill.prefix.is_some() {
                            bill.final_prefix.clone_from(&place);
                        }
                    }
                    finalized.extend(statements);
                }
                Err(fault) => drop(faults.insert(fault)),
            }
        }
        let unfinalized = faults.iter().map(|(id, _)| *id).collect();
        report.errors.extend(faults.iter().map(|(id, why)| RunError::of_customer(*id, why)));
        Ok(Outcome { state: Some(State::Succeeded), report, finalized, unfinalized, ..Outcome::default() })
    }

    /// Publish one customer's bills of a month as final ones: they are in one folder.
    async fn finalize_one(
        &self,
        partner: PartnerId,
        plan: &Plan,
        statements: &[Statement],
        since: i64,
        folder: &Path,
    ) -> Result<(Vec<Finalized>, Option<BillRef>), bill_storage::Error> {
        let defect = |error: Error| bill_storage::Error::Invalid(error.to_string());
        let failed = |error: std::io::Error| {
            bill_storage::Error::Unavailable(format!("{}: {error}", folder.display()))
        };
        let Some(Statement { bill, generated_at, invoice_id, .. }) = statements.first() else {
            return Ok((Vec::new(), None));
        };
        let store = &self.billing().map_err(defect)?.bills;
        let prefix = prefix(partner, bill).map_err(defect)?;
        tokio::fs::create_dir(folder).await.map_err(failed)?;
        let estimate = store.fetch(&prefix, bill.version as u32, folder).await?;
        for Statement { bill, .. } in statements {
            // A bill has files for each currency, if there are several.
            let code = &bill.currency;
            let names = [
                ["json", "html"].map(|kind| format!("statement.{code}.{kind}")),
                ["json", "html"].map(|kind| format!("statement.{kind}")),
            ];
            let [json, html] =
                names.into_iter().find(|[json, _]| estimate.file(json).is_some()).ok_or_else(|| {
                    bill_storage::Error::Invalid(format!("the bill has no statement in {code}"))
                })?;
            let heading = plan.heading(bill.customer.0, code).map_err(defect)?;
            let bytes = tokio::fs::read(folder.join(&json)).await.map_err(failed)?;
            let rendered = rating::finalized(&bytes, &heading, since)
                .map_err(|error| bill_storage::Error::Invalid(format!("{json}: {error}")))?;
            tokio::fs::write(folder.join(json), rendered.json).await.map_err(failed)?;
            tokio::fs::write(folder.join(html), rendered.html).await.map_err(failed)?;
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
        let place = BillRef { bill: prefix, version: published.version };
        Ok((finalized.collect(), Some(place)))
    }
}
