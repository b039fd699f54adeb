//! Statements of a run that succeeded are stated again: as final ones, or as the reversal of final ones.
//!
//! A published version never changes, so what is stated is the next version. It is made from the files of the version before
//! and the plan of its run, without the invoice: a final version has the same lines, a reversal the same with negated charges,
//! and the statements are rendered again from `statement.json`.

use super::Scratch;
use super::numbering::Numbers;
use super::plan::{Plan, parsed};
use super::publish::{CONCURRENT_PUBLICATIONS, focus_schemas};
use super::rendering::render_again;
use super::report::{BillRef, RunError, RunReport};
use super::request::Voiding;
use super::statements::prefix;
use super::watch::{Ended, Watch};
use crate::{App, Error};
use bill_storage::{BillPrefix, Bills, ManifestHead};
use domain::CustomerId;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::tz::TimeZone;
use rating::{Message, Wording};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use store::bill_runs::BillRun;
use store::statement_numbers::NumberFor;
use store::statements::{self, Filter, Issue, Statement};

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
    /// What its number is for, and the number: of the final statement, or of the reversal.
    pub(super) number: NumberFor,
    pub(super) issue: Issue,
}

/// Statements that were stated again, and the run's report with that.
pub(super) struct Restatements {
    pub(super) done: Vec<Restated>,
    /// The customers whose bills could not be written.
    pub(super) failed: Vec<i64>,
    pub(super) report: RunReport,
}

/// A customer's statements, stated again; or why they are not.
type Done = Result<Vec<Restated>, (i64, Message)>;

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
        let of_all = customers.values().flatten();
        let wanted = of_all.map(|statement| restatement.number_for(statement)).collect();
        let numbers = &self.reserve_numbers(run, restatement.at(), wanted).await?;
        let plans = &plans;
        let work = customers.into_iter().map(|(customer, statements)| {
            let folder = scratch.path().join("out").join(customer.to_string());
            async move {
                if watch.is_given_up() {
                    return Err(Ended::GivenUp);
                }
                let done = self.restate_bill(run, plans, numbers, statements, restatement, &folder).await;
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

    /// Makes the bills final that a run has staged: their statements say so, with their numbers, which are returned.
    pub(super) async fn make_staged_final(
        &self,
        run: &BillRun,
        report: &rating::RunReport,
        plan: &Plan,
    ) -> Result<Numbers, Ended> {
        let staged: Vec<(NumberFor, &Path)> = report
            .customers
            .iter()
            .filter(|bill| !bill.is_correction)
            .filter_map(|bill| {
                let (customer, currency) = (CustomerId(bill.customer_id), bill.currency.to_string());
                Some((NumberFor { customer, currency, is_reversal: false }, bill.staged.as_deref()?))
            })
            .collect();
        let since = run.created_at.as_second();
        let wanted = staged.iter().map(|(number, _)| number.clone()).collect();
        let numbers = self.reserve_numbers(run, since, wanted).await?;
        let mut work = Vec::with_capacity(staged.len());
        for (number, folder) in staged {
            let no_number = || Error::Internal("a staged bill has no number".into());
            let issue = numbers.get(&number).ok_or_else(no_number)?;
            let heading = plan.heading(number.customer.0, &number.currency)?;
            let issue = rating::Issue { number: &issue.number, due_date: issue.due_date.as_deref() };
            work.push(
                async move {
                    let restatement = rating::Restatement::Final { since, issue };
                    render_again(folder, &number.currency, &heading, &restatement).await
                }
                .boxed(),
            );
        }
        let done: Result<Vec<()>, bill_storage::Error> =
            stream::iter(work).buffer_unordered(CONCURRENT_PUBLICATIONS).try_collect().await;
        done.map_err(|error| Error::Billing(error.to_string()))?;
        Ok(numbers)
    }

    /// Publishes the next version of one customer's bills of a month: they are in one folder.
    async fn restate_bill(
        &self,
        run: &BillRun,
        plans: &BTreeMap<i64, Plan>,
        numbers: &Numbers,
        statements: Vec<Statement>,
        restatement: Restatement<'_>,
        folder: &Path,
    ) -> Result<Vec<Restated>, bill_storage::Error> {
        let defect = |error: Error| bill_storage::Error::Invalid(error.to_string());
        let failed = |error: std::io::Error| {
            bill_storage::Error::Unavailable(format!("{}: {error}", folder.display()))
        };
        let Some(Statement { bill, generated_at, .. }) = statements.first() else {
            return Ok(Vec::new());
        };
        let store = &self.billing().map_err(defect)?.bills;
        let prefix = prefix(run.partner, bill).map_err(defect)?;
        tokio::fs::create_dir(folder).await.map_err(failed)?;
        let version = bill.version as u32;
        store.fetch(&prefix, version, folder).await?;
        let mut issues = Vec::with_capacity(statements.len());
        for statement in &statements {
            let bill = &statement.bill;
            let internal = |what: &str| defect(Error::Internal(format!("a statement's run has no {what}")));
            let plan = plans.get(&bill.run).ok_or_else(|| internal("plan"))?;
            let heading = plan.heading(bill.customer.0, &bill.currency).map_err(defect)?;
            let number = restatement.number_for(statement);
            let issue = numbers.get(&number).ok_or_else(|| internal("number"))?.clone();
            let restatement = restatement.of_version(version, &issue);
            render_again(folder, &bill.currency, &heading, &restatement).await?;
            issues.push((number, issue));
        }
        let (generated_at, corrects) = match restatement {
            Restatement::Final(_) => (generated_at.as_second(), None),
            Restatement::Reversal(voiding) => (voiding.since, Some(version)),
        };
        let head = ManifestHead { generated_at, corrects, is_final: true, schemas: focus_schemas() };
        let published = store.publish(&prefix, folder, &head).await?;
        if !published.written {
            // An attempt that was interrupted wrote it: the files say since when.
            for ((_, issue), statement) in issues.iter_mut().zip(&statements) {
                *issue = store_issue(store, &prefix, published.version, &statement.bill.currency).await?;
            }
        }
        // One customer's copy at a time, not those of all.
        tokio::fs::remove_dir_all(folder).await.map_err(failed)?;
        let files: Vec<String> = published.manifest.files.into_iter().map(|file| file.name).collect();
        let place = BillRef { bill: prefix, version: published.version };
        let restated = |(statement, (number, issue))| Restated {
            statement,
            place: place.clone(),
            files: files.clone(),
            number,
            issue,
        };
        Ok(statements.into_iter().zip(issues).map(restated).collect())
    }
}

impl Restatement<'_> {
    fn of_version<'a>(&'a self, version: u32, issue: &'a Issue) -> rating::Restatement<'a> {
        let issue = rating::Issue { number: &issue.number, due_date: issue.due_date.as_deref() };
        match self {
            Restatement::Final(since) => rating::Restatement::Final { since: *since, issue },
            Restatement::Reversal(voiding) => {
                let (at, reason) = (voiding.since, voiding.reason.as_str());
                rating::Restatement::Reversal { at, version, issue, reason }
            }
        }
    }

    /// When the statement became that, in Unix seconds.
    fn at(&self) -> i64 {
        match self {
            Restatement::Final(since) => *since,
            Restatement::Reversal(voiding) => voiding.since,
        }
    }

    /// What the number of a statement that becomes this is for.
    fn number_for(&self, statement: &Statement) -> NumberFor {
        NumberFor {
            customer: statement.bill.customer,
            currency: statement.bill.currency.clone(),
            is_reversal: matches!(self, Restatement::Reversal(_)),
        }
    }

    fn failure(self, error: &bill_storage::Error) -> Message {
        let why = [("why", error.to_string().into())];
        match self {
            Restatement::Final(_) => Message::worded(
                format!("its final bill cannot be written: {error}"),
                Wording::new("report-final-unwritable", why),
            ),
            Restatement::Reversal(_) => Message::worded(
                format!("its reversal cannot be written: {error}"),
                Wording::new("report-reversal-unwritable", why),
            ),
        }
    }
}

/// What a version of a bill says of its issue.
pub(super) async fn store_issue(
    store: &Bills,
    prefix: &BillPrefix,
    version: u32,
    currency: &str,
) -> Result<Issue, bill_storage::Error> {
    #[derive(Deserialize)]
    struct Issued {
        statement_number: String,
        issued_at: String,
        due_date: Option<String>,
    }
    let manifest = store.manifest(prefix, version).await?;
    let of_currency = format!("statement.{currency}.json");
    let name = if manifest.file(&of_currency).is_some() { &of_currency } else { "statement.json" };
    let opened = store.open_file(prefix, version, name).await?;
    let bytes: Vec<bytes::Bytes> = opened.stream.try_collect().await?;
    let wrong = |error: &dyn std::fmt::Display| bill_storage::Error::Invalid(format!("{name}: {error}"));
    let issued: Issued = serde_json::from_slice(&bytes.concat()).map_err(|error| wrong(&error))?;
    let at = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", &issued.issued_at);
    let at = at.and_then(|at| at.to_zoned(TimeZone::UTC)).map_err(|error| wrong(&error))?;
    Ok(Issue { number: issued.statement_number, issued_at: at.timestamp(), due_date: issued.due_date })
}

/// The negated total of a statement.
pub(super) fn negated(total: &str) -> Result<String, Error> {
    let total: rating::Amount = parsed(total)?;
    Ok((-total).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_negated() {
        assert_eq!((negated("12.5").unwrap(), negated("-1").unwrap()), ("-12.5".into(), "1".into()));
    }
}
