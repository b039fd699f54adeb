//! What a run does before the store learns of it: sources read, lines priced, bills staged and published.

use super::actions::released;
use super::plan::{self, Plan, rates};
use super::report::{RunError, RunReport, Written};
use super::request::RunRequest;
use super::settle::{Outcome, Settlement};
use super::watch::{Ended, Watch};
use super::{Scratch, invoices};
use crate::{App, Error};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use metrics::{counter, gauge};
use rating::report::FileRead;
use rating::{BilledInvoice, Blocks, FinalBill, Input, Job};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::bill_runs::{BillRun, State};
use store::statements::{self, Filter};

/// How many ledgers are fetched at the same time.
const FETCHED_AT_ONCE: usize = 8;

impl App {
    /// All of a run but what the store learns of it.
    pub(super) async fn produce(
        self: &Arc<Self>,
        run: &BillRun,
        request: &RunRequest,
        watch: &Arc<Watch>,
    ) -> Result<Outcome, Ended> {
        let began = tokio::time::Instant::now();
        let made = self.stage_and_publish(run, request, watch).await;
        gauge!("tenantry_bill_run_last_seconds").set(began.elapsed());
        counter!("tenantry_bill_run_lines_total").increment(watch.lines.load(Ordering::Relaxed));
        made
    }

    async fn stage_and_publish(
        self: &Arc<Self>,
        run: &BillRun,
        request: &RunRequest,
        watch: &Arc<Watch>,
    ) -> Result<Outcome, Ended> {
        let plan = self.plan_of(run.partner, run.id, request).await?;
        let (report, scratch) = self.stage(run, request, &plan, watch, false).await?;
        let (published, unwritten) = self.publish(run, request, &report, &plan, watch).await?;
        drop(scratch);
        let had_one = published.iter().map(|bill| bill.customer.0).chain(unwritten.iter().map(|(id, _)| *id));
        let unwritable = self.unwritable(run, &plan, &had_one.collect()).await?;
        // On the customers there is no more than the run's number: what the store said is in its report.
        let held_back = report.customers.iter().filter(|bill| !bill.held_back.is_empty());
        let held_back = held_back.map(|bill| (bill.customer_id, "was held back"));
        let unwritten_too = unwritten.iter().map(|(id, _)| (*id, "could not be written"));
        let of_bill =
            |(id, what)| (id, format!("its bill of {} {what} (run {})", run.billing_period, run.id));
        let of_folder = |(id, _): &(i64, String)| (*id, "its folder cannot be written".to_owned());
        let faults = unwritten_too.chain(held_back).map(of_bill);
        let faults = faults.chain(unwritable.iter().map(of_folder)).collect();
        let written = Written { published: &published, unwritten: &unwritten, unwritable: &unwritable };
        let stored = RunReport::of_bills(&report, &plan, written);
        let carried = plan.customers.into_iter().flat_map(|planned| {
            let customer = planned.id;
            planned.corrections.into_iter().map(move |correction| (customer, correction))
        });
        Ok(Outcome {
            state: Some(State::Succeeded),
            report: stored,
            invoice_id: report.invoice_id.clone(),
            settlement: Some(Settlement {
                published,
                faults,
                carried: carried.collect(),
                acknowledged: report.acknowledged,
            }),
            ..Outcome::default()
        })
    }

    /// Read the files, price their lines, and stage the bills in a folder that is gone with the answer.
    pub(super) async fn stage(
        self: &Arc<Self>,
        run: &BillRun,
        request: &RunRequest,
        plan: &Plan,
        watch: &Arc<Watch>,
        dry_run: bool,
    ) -> Result<(rating::RunReport, Scratch), Ended> {
        let billing = self.billing()?;
        let scratch = Scratch::of_run(&billing.setup.work, run)?;
        let allowed = billing.allowed((!run.by_command).then_some(run.partner));
        let (mut inputs, mut before) = (Vec::with_capacity(request.sources.len()), 0);
        for (i, source) in request.sources.iter().chain(&request.price_sheets).enumerate() {
            let to = scratch.path().join("in").join(i.to_string());
            let watching = Arc::clone(watch);
            let go_on = move |here, all| {
                rating::Progress::at(&*watching, before + here, before + all, 0, 0);
                !rating::Progress::cancelled(&*watching)
            };
            let spooled = bill_storage::spool(source, &allowed, &to, &go_on).await?;
            before += spooled.bytes;
            inputs.push(Input { name: spooled.name, path: spooled.path });
        }
        let price_sheets = inputs.split_off(request.sources.len());
        let before = self.before(run, &scratch.path().join("final")).await?;
        let job = Job {
            period: plan::parsed(&request.billing_period)?,
            invoice_id: request.invoice_id.clone(),
            issuer: plan.issuer.clone(),
            generated_at: run.created_at.as_second(),
            finalize: request.finalize,
            inputs,
            customers: plan.billed_customers(&released(run)?)?,
            final_bills: before.bills,
            acknowledged: before.acknowledged,
            billed_invoices: before.invoices,
            rules: plan.price_rules()?,
            price_sheets,
            currency_rates: rates(request)?,
            earned_credit: plan.options.earned_credit(),
            bounds: plan.options.bounds()?,
            accept: request.accept.clone(),
            parquet: plan.options.parquet,
            threads: billing.setup.threads,
            max_source_bytes: billing.setup.max_source_bytes,
            out: scratch.path().join("out"),
            dry_run,
        };
        // The engine has threads of its own; those that answer requests go on.
        let watching = Arc::clone(watch);
        let ran = tokio::task::spawn_blocking(move || rating::run(&job, &*watching)).await;
        let report = ran.map_err(|e| Error::Internal(format!("the engine stopped: {e}")))??;
        if !report.checks.ties {
            return Err(Error::Internal("a run's sums do not tie".into()).into());
        }
        unchanged(run, &report)?;
        if request.finalize {
            let blocking: Vec<RunError> = report
                .warnings
                .iter()
                .filter(|warning| warning.blocks != Blocks::Nothing && !warning.accepted)
                .map(|warning| {
                    let code = warning.code.name();
                    let message = &warning.message;
                    RunError::new(format!(
                        "nothing was made final: {message} (accept {code}, if that is meant)"
                    ))
                })
                .collect();
            if !blocking.is_empty() {
                return Err(Ended::Failed(blocking));
            }
        }
        Ok((report, scratch))
    }

    /// What is final already, in this month its ledgers fetched: their lines are billed.
    async fn before(&self, run: &BillRun, to: &Path) -> Result<Before, Ended> {
        let period = run.billing_period.clone();
        let (keys, acknowledged, invoices): (Vec<(i64, String)>, Vec<String>, _) = self
            .db
            .read(run.partner, (run.partner, period), |(partner, period), tx| {
                Box::pin(async move {
                    let finals = Filter {
                        status: Some(statements::Status::Final),
                        billing_period: Some(period.clone()),
                        ..Filter::default()
                    };
                    let finals = statements::list(tx, *partner, &finals, 0, i64::MAX).await?.0;
                    let corrections = statements::corrections(tx, *partner, Some(period)).await?;
                    let bills =
                        finals.into_iter().map(|s| s.bill).chain(corrections.into_iter().map(|c| c.bill));
                    let keys = bills.map(|bill| (bill.customer.0, bill.ledger)).collect();
                    let acknowledged = statements::acknowledged(tx, *partner, period).await?;
                    let invoices = invoices::of_other_months(tx, *partner, period).await?;
                    Ok::<_, Error>((keys, acknowledged, invoices))
                })
            })
            .await?;
        let bills = &self.billing()?.bills;
        let fetched = keys.into_iter().enumerate().map(|(i, (customer_id, key))| {
            let ledger = to.join(format!("{i}.csv"));
            async move {
                bills.fetch_private(&key, &ledger).await?;
                Ok::<_, Ended>(FinalBill { customer_id, ledger })
            }
            .boxed()
        });
        let bills = stream::iter(fetched).buffered(FETCHED_AT_ONCE).try_collect().await?;
        Ok(Before { bills, acknowledged: lines(&acknowledged)?, invoices })
    }
}

/// What is final when a run begins.
struct Before {
    bills: Vec<FinalBill>,
    acknowledged: Vec<u64>,
    invoices: Vec<BilledInvoice>,
}

/// The lines of notes that have 16 hexadecimal digits for each.
fn lines(notes: &[String]) -> Result<Vec<u64>, Error> {
    let digits = notes.iter().flat_map(|note| note.as_bytes().chunks(16));
    let line = |digits| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let lines: Option<_> = digits.map(line).collect();
    lines.ok_or_else(|| Error::Internal("missing lines are noted that are none".into()))
}

/// Whether a run that is done once more has read what it read before: who releases a bill has seen that one.
fn unchanged(run: &BillRun, now: &rating::RunReport) -> Result<(), Ended> {
    let Some(before) = RunReport::of_run(run)?.filter(|report| report.checks.is_some()) else {
        return Ok(());
    };
    let other = |a: &[FileRead], b: &[FileRead]| -> Vec<String> {
        a.iter().filter(|file| !b.contains(file)).map(|file| file.file.clone()).collect()
    };
    let (mut changed, gone) = (other(&now.files, &before.files), other(&before.files, &now.files));
    changed.extend(gone.into_iter().filter(|file| !changed.contains(file)).collect::<Vec<_>>());
    let said = "is not what it was when this run was made: to bill what it is now, ask for a new run";
    let error = |file| RunError { file: Some(file), ..RunError::new(said) };
    let errors: Vec<RunError> = changed.into_iter().map(error).collect();
    if errors.is_empty() { Ok(()) } else { Err(Ended::Failed(errors)) }
}
