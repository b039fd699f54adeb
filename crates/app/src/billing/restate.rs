//! Statements of a run that succeeded are stated again: as final ones, or as the reversal of final ones.
//!
//! A published version never changes, so what is stated is the next version. It is made from the files of the version before
//! and the plan of its run, without the invoice: a final version has the same lines, a reversal the same with negated charges,
//! and the statements are rendered again from `statement.json`.

use super::Scratch;
use super::plan::{Plan, parsed};
use super::publish::CONCURRENT_PUBLICATIONS;
use super::report::{BillRef, RunError, RunReport};
use super::request::Voiding;
use super::statements::prefix;
use super::watch::{Ended, Watch};
use crate::{App, Error};
use bill_storage::ManifestHead;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::bill_runs::BillRun;
use store::statements::{self, Filter, Statement};

/// What statements become.
#[derive(Clone, Copy)]
pub(super) enum Restatement<'a> {
    /// Final, since then in Unix seconds.
    Final(i64),
    /// The reversal of final ones.
    Reversal(&'a Voiding),
}

/// A statement whose next version is in the object store.
#[derive(Clone)]
pub(super) struct Restated {
    /// The statement as it was before.
    pub(super) statement: Statement,
    pub(super) place: BillRef,
    pub(super) files: Vec<String>,
}

/// Statements that were stated again, and the run's report with that.
pub(super) struct Restatements {
    pub(super) done: Vec<Restated>,
    /// The customers whose bills could not be written.
    pub(super) failed: Vec<i64>,
    pub(super) report: RunReport,
}

/// A customer's statements, stated again; or why they are not.
type Done = Result<Vec<Restated>, (i64, String)>;

impl App {
    /// States again the statements of a filter, or those of these ids among them. What fails for a customer is in the report,
    /// and can be requested again.
    pub(super) async fn restate(
        self: &Arc<Self>,
        run: &BillRun,
        filter: Filter,
        restatement: Restatement<'_>,
        watch: &Watch,
    ) -> Result<Restatements, Ended> {
        if rating::Progress::cancelled(watch) {
            return Err(Ended::Cancelled);
        }
        let found: Vec<Statement> = self
            .db
            .unchecked()
            .read(run.partner, (run.partner, filter), |(partner, filter), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(statements::list(tx, *partner, filter, 0, i64::MAX).await?.0)
                })
            })
            .await?;
        let (mut customers, mut plans) = (BTreeMap::<i64, Vec<Statement>>::new(), BTreeMap::new());
        for statement in found {
            if matches!(restatement, Restatement::Reversal(of) if !of.statements.contains(&statement.id)) {
                continue;
            }
            let made_by = statement.bill.run;
            if let std::collections::btree_map::Entry::Vacant(unread) = plans.entry(made_by) {
                unread.insert(self.stored_plan(run.partner, made_by).await?);
            }
            customers.entry(statement.bill.customer.0).or_default().push(statement);
        }
        let scratch = Scratch::of_run(&self.billing()?.setup.work, run)?;
        let mut report = RunReport::of_run(run)?.unwrap_or_default();
        // What was said of these customers, and of the work as a whole when it was not done, is void.
        report.errors.retain(|error| error.customer_id.is_some_and(|id| !customers.contains_key(&id)));
        let plans = &plans;
        let work = customers.into_iter().map(|(customer, statements)| {
            let folder = scratch.path().join("out").join(customer.to_string());
            async move {
                if watch.is_given_up() {
                    return Err(Ended::GivenUp);
                }
                let done = self.restate_bill(run, plans, statements, restatement, &folder).await;
                Ok(done.map_err(|error| (customer, restatement.failure(&error))))
            }
            .boxed()
        });
        let work: Vec<_> = work.collect();
        let done: Vec<Done> =
            stream::iter(work).buffer_unordered(CONCURRENT_PUBLICATIONS).try_collect().await?;
        let (mut restated, mut faults) = (Vec::new(), BTreeSet::new());
        for done in done {
            match done {
                Ok(statements) => restated.extend(statements),
                Err(fault) => drop(faults.insert(fault)),
            }
        }
        restated.sort_by_key(|restated: &Restated| restated.statement.id);
        for bill in &mut report.customers {
            let its = restated.iter().find(|done| done.statement.bill.customer.0 == bill.customer_id);
            let (Some(done), true) = (its, bill.prefix.is_some()) else { continue };
            match restatement {
                Restatement::Final(_) => bill.final_prefix = Some(done.place.clone()),
                Restatement::Reversal(_) => bill.reversal_prefix = Some(done.place.clone()),
            }
        }
        report.errors.extend(faults.iter().map(|(id, why)| RunError::of_customer(*id, why)));
        let failed = faults.into_iter().map(|(id, _)| id).collect();
        Ok(Restatements { done: restated, failed, report })
    }

    /// Publishes the next version of one customer's bills of a month: they are in one folder.
    async fn restate_bill(
        &self,
        run: &BillRun,
        plans: &BTreeMap<i64, Plan>,
        statements: Vec<Statement>,
        restatement: Restatement<'_>,
        folder: &Path,
    ) -> Result<Vec<Restated>, bill_storage::Error> {
        let defect = |error: Error| bill_storage::Error::Invalid(error.to_string());
        let failed = |error: std::io::Error| {
            bill_storage::Error::Unavailable(format!("{}: {error}", folder.display()))
        };
        let Some(Statement { bill, generated_at, invoice_id, .. }) = statements.first() else {
            return Ok(Vec::new());
        };
        let store = &self.billing().map_err(defect)?.bills;
        let prefix = prefix(run.partner, bill).map_err(defect)?;
        tokio::fs::create_dir(folder).await.map_err(failed)?;
        let version = bill.version as u32;
        let before = store.fetch(&prefix, version, folder).await?;
        for Statement { bill, .. } in &statements {
            // A bill has files for each currency, if there are several.
            let code = &bill.currency;
            let name = |kind: &str| {
                let names = [format!("statement.{code}.{kind}"), format!("statement.{kind}")];
                names.into_iter().find(|name| before.file(name).is_some()).ok_or_else(|| {
                    bill_storage::Error::Invalid(format!("the bill has no statement.{kind} in {code}"))
                })
            };
            let (json, html) = (name("json")?, name("html")?);
            let plan = plans.get(&bill.run);
            let plan = plan.ok_or_else(|| defect(Error::Internal("a statement's run has no plan".into())))?;
            let heading = plan.heading(bill.customer.0, code).map_err(defect)?;
            let bytes = tokio::fs::read(folder.join(&json)).await.map_err(failed)?;
            let rendered = rating::restated(&bytes, &heading, &restatement.of_version(version))
                .map_err(|error| bill_storage::Error::Invalid(format!("{json}: {error}")))?;
            tokio::fs::write(folder.join(json), rendered.json).await.map_err(failed)?;
            tokio::fs::write(folder.join(html), rendered.html).await.map_err(failed)?;
        }
        let head = match restatement {
            Restatement::Final(_) => ManifestHead {
                generated_at: generated_at.as_second(),
                invoice_id: invoice_id.clone(),
                corrects: None,
                is_final: true,
            },
            Restatement::Reversal(voiding) => {
                for name in before.files.iter().map(|file| &file.name) {
                    let path = folder.join(name);
                    if name.ends_with(".csv") {
                        let reversed = tokio::task::spawn_blocking(move || reverse_lines(&path)).await;
                        reversed
                            .map_err(|error| bill_storage::Error::Invalid(error.to_string()))?
                            .map_err(|error| bill_storage::Error::Invalid(format!("{name}: {error}")))?;
                    } else if name.ends_with(".parquet") {
                        tokio::fs::remove_file(&path).await.map_err(failed)?;
                    }
                }
                ManifestHead {
                    generated_at: voiding.since,
                    invoice_id: invoice_id.clone(),
                    corrects: Some(version),
                    is_final: true,
                }
            }
        };
        let published = store.publish(&prefix, folder, &head).await?;
        // One customer's copy at a time, not those of all.
        tokio::fs::remove_dir_all(folder).await.map_err(failed)?;
        let files: Vec<String> = published.manifest.files.into_iter().map(|file| file.name).collect();
        let place = BillRef { bill: prefix, version: published.version };
        let restated = |statement| Restated { statement, place: place.clone(), files: files.clone() };
        Ok(statements.into_iter().map(restated).collect())
    }
}

impl Restatement<'_> {
    fn of_version(&self, version: u32) -> rating::Restatement<'_> {
        match self {
            Restatement::Final(since) => rating::Restatement::Final { since: *since },
            Restatement::Reversal(voiding) => {
                rating::Restatement::Reversal { at: voiding.since, version, reason: &voiding.reason }
            }
        }
    }

    fn failure(self, error: &bill_storage::Error) -> String {
        match self {
            Restatement::Final(_) => format!("its final bill cannot be written: {error}"),
            Restatement::Reversal(_) => format!("its reversal cannot be written: {error}"),
        }
    }
}

/// Columns of `bill.csv` and `bill.focus.csv` whose values a reversal negates.
const NEGATED: [&str; 7] = [
    "Charge",
    "BilledCost",
    "EffectiveCost",
    "ListCost",
    "ContractedCost",
    "PricingQuantity",
    "ConsumedQuantity",
];

/// Negates the charges of a bill's lines in place; FOCUS rows become corrections.
fn reverse_lines(path: &PathBuf) -> Result<(), csv::Error> {
    let mut reader = csv::Reader::from_path(path)?;
    let headers = reader.byte_headers()?.clone();
    let column = |name: &[u8]| headers.iter().position(|header| header == name);
    let negated: Vec<usize> = NEGATED.iter().filter_map(|name| column(name.as_bytes())).collect();
    let class = column(b"ChargeClass");
    let to = path.with_extension("reversed");
    let mut writer = csv::Writer::from_path(&to)?;
    writer.write_byte_record(&headers)?;
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let cells = record.iter().enumerate().map(|(i, cell)| match cell {
            cell if negated.contains(&i) => negative(cell),
            _ if class == Some(i) => b"Correction".to_vec(),
            cell => cell.to_vec(),
        });
        writer.write_byte_record(&cells.collect())?;
    }
    writer.flush()?;
    drop(writer);
    std::fs::rename(&to, path)?;
    Ok(())
}

/// The digits of a number with the other sign; zero and what is empty as they are.
fn negative(digits: &[u8]) -> Vec<u8> {
    match digits.strip_prefix(b"-") {
        Some(positive) => positive.to_vec(),
        None if digits.iter().all(|digit| b"0.".contains(digit)) => digits.to_vec(),
        None => [b"-", digits].concat(),
    }
}

/// The negated total of a statement.
pub(super) fn negated(total: &str) -> Result<String, Error> {
    let total: rating::Amount = parsed(total)?;
    Ok((-total).to_string())
}

/// When a restatement was requested.
pub(super) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_are_negated_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bill.csv");
        let text =
            "Name,Quantity,Charge,ChargeClass\n\"a, b\",3,10.50,\nc,-1,-2,\nd,0,0,Correction\ne,1,0.00,\n";
        std::fs::write(&path, text).unwrap();
        reverse_lines(&path).unwrap();
        let expected = "Name,Quantity,Charge,ChargeClass\n\"a, b\",3,-10.50,Correction\nc,-1,2,Correction\nd,0,0,Correction\n\
             e,1,0.00,Correction\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
        assert_eq!((negated("12.5").unwrap(), negated("-1").unwrap()), ("-12.5".into(), "1".into()));
    }
}
