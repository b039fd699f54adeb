//! What a run does before the store learns of it: sources read, lines priced, bills staged and published.

use super::actions::{of_month, released};
use super::numbering::Numbers;
use super::plan::{self, Plan, rates};
use super::price_sheets::SheetFile;
use super::report::{Place, RunError, RunReport, Written};
use super::request::RunRequest;
use super::settle::{Outcome, Settlement};
use super::watch::{Ended, Watch};
use super::{Scratch, invoices};
use crate::{App, Error};
use domain::PartnerId;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use metrics::{counter, gauge};
use rating::report::FileRead;
use rating::{
    BilledInvoice, BillingPeriod, Blocks, FinalBill, FinalMonth, Input, Job, Message, Wording, count_of,
    form_for,
};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::bill_runs::{BillRun, State};
use store::corrections;
use store::statements::{self, Filter, Statement, Status};

/// How many ledgers are fetched at the same time.
const FETCHED_AT_ONCE: usize = 8;
/// How many months before a run's are looked through for lines that are final under another invoice number.
const EARLIER_MONTHS: usize = 3;

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
        let numbers = match request.finalize {
            true => self.make_staged_final(run, &report, &plan).await?,
            false => Numbers::new(),
        };
        if request.publish || request.finalize {
            let staged = RunReport::of_bills(&report, &plan, Written::default());
            let bills = || report.customers.iter();
            let is_final = request.finalize || bills().any(|bill| bill.is_correction);
            let held_back = bills().filter(|bill| !bill.held_back.is_empty()).map(|bill| bill.customer_id);
            self.check_before_showing(run, request, staged, is_final, held_back.collect()).await?;
        }
        let (published, unwritten) = self.publish(run, request, &report, &plan, watch).await?;
        drop(scratch);
        let had_one = published.iter().map(|bill| bill.customer.0).chain(unwritten.iter().map(|(id, _)| *id));
        let unwritable = self.unwritable(run, &plan, &had_one.collect()).await?;
        // On the customers there is no more than the run's number: what the store said is in its report.
        let held_back = report.customers.iter().filter(|bill| !bill.held_back.is_empty());
        let held_back = held_back.map(|bill| (bill.customer_id, "was held back", "report-bill-held-back"));
        let unwritten_too =
            unwritten.iter().map(|(id, _)| (*id, "could not be written", "report-bill-unwritten"));
        let of_bill = |(customer, what, id)| {
            let (month, run) = (&run.billing_period, run.id);
            let wording = Wording::new(id, [("month", month.into()), ("run", run.to_string().into())]);
            (customer, Message::worded(format!("its bill of {month} {what} (run {run})"), wording))
        };
        let of_folder = |(id, _): &(i64, Message)| {
            (*id, Message::fixed("its folder cannot be written", "report-folder-of-customer"))
        };
        let faults = unwritten_too.chain(held_back).map(of_bill);
        let faults: Vec<(i64, Message)> = faults.chain(unwritable.iter().map(of_folder)).collect();
        let held: BTreeSet<i64> = faults.iter().map(|(customer, _)| *customer).collect();
        let moved = self.moved(run, &plan, &held).await?;
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
                moved,
                carried: carried.collect(),
                acknowledged: report.acknowledged,
                numbers,
            }),
            ..Outcome::default()
        })
    }

    /// Of these customers, those whose estimates of the month have a tenant that is not theirs in this plan.
    async fn moved(&self, run: &BillRun, plan: &Plan, of: &BTreeSet<i64>) -> Result<BTreeSet<i64>, Error> {
        if of.is_empty() {
            return Ok(BTreeSet::new());
        }
        let estimates = Filter { status: Some(Status::Estimated), ..of_month(run) };
        let estimates: Vec<Statement> = self
            .db
            .unchecked()
            .read(run.partner, (run.partner, estimates), |(partner, filter), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(statements::list(tx, *partner, filter, 0, i64::MAX).await?.0)
                })
            })
            .await?;
        let month = plan::parsed(&run.billing_period)?;
        let (mut moved, mut plans) = (BTreeSet::new(), BTreeMap::new());
        for Statement { bill, .. } in estimates.iter().filter(|one| of.contains(&one.bill.customer.0)) {
            if let Entry::Vacant(unread) = plans.entry(bill.run) {
                unread.insert(self.stored_plan(run.partner, bill.run).await?);
            }
            if plans[&bill.run].has_lost_a_tenant(bill.customer.0, plan, month) {
                moved.insert(bill.customer.0);
            }
        }
        Ok(moved)
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
        let scratch = Scratch::of_run(&self.billing()?.setup.work, run)?;
        let inputs = self.inputs(run, request, plan, scratch.path(), watch).await?;
        let before = self.before(run, &scratch.path().join("final")).await?;
        let mut job = Job {
            final_bills: before.bills,
            acknowledged: before.acknowledged,
            billed_invoices: before.invoices,
            finalize: request.finalize,
            dry_run,
            ..self.job(run, request, plan, inputs, scratch.path())?
        };
        let mut report = rated(&job, watch).await?;
        if report.checks.other_months.lines > 0 {
            // They may be final there, under another invoice number. That is seldom, so the engine reads the files again.
            job.other_months = self.other_months(run, job.period, scratch.path()).await?;
            if !job.other_months.is_empty() {
                job.out = scratch.path().join("compared");
                std::fs::create_dir(&job.out)
                    .map_err(|e| Error::Billing(format!("{}: {e}", job.out.display())))?;
                report = rated(&job, watch).await?;
            }
        }
        if !report.checks.ties {
            return Err(Error::Internal("a run's sums do not tie".into()).into());
        }
        unchanged(run, &report)?;
        if !request.accept_corrections {
            no_corrections(&request.billing_period, &report)?;
            self.own_invoices(run, &report).await?;
        }
        if request.finalize {
            let blocking: Vec<RunError> = report
                .warnings
                .iter()
                .filter(|warning| warning.blocks != Blocks::Nothing && !warning.accepted)
                .map(|warning| {
                    let code = warning.code.name();
                    let message = &warning.message;
                    let text = format!("nothing was made final: {message} (accept {code}, if that is meant)");
                    // The warning itself is in the report as well.
                    RunError::new(Message::worded(
                        text,
                        Wording::new(
                            "report-not-final",
                            [("code", code.into()), ("message", message.into())],
                        ),
                    ))
                })
                .collect();
            if !blocking.is_empty() {
                return Err(Ended::Failed(blocking));
            }
        }
        Ok((report, scratch))
    }

    /// The sources and price sheets of a run, those that are not files here fetched to the folder `scratch`.
    pub(super) async fn inputs(
        &self,
        run: &BillRun,
        request: &RunRequest,
        plan: &Plan,
        scratch: &Path,
        watch: &Arc<Watch>,
    ) -> Result<Inputs, Ended> {
        let billing = self.billing()?;
        let allowed = billing.allowed((!run.by_command).then_some(run.partner));
        let (mut lines, mut before) = (Vec::with_capacity(request.sources.len()), 0);
        for (i, source) in request.sources.iter().chain(&request.price_sheets).enumerate() {
            let to = scratch.join("in").join(i.to_string());
            let watching = Arc::clone(watch);
            let go_on = move |here, all| {
                rating::Progress::at(&*watching, before + here, before + all, 0, 0);
                !rating::Progress::cancelled(&*watching)
            };
            let spooled = bill_storage::spool(source, &allowed, &to, &go_on).await?;
            before += spooled.bytes;
            lines.push(Input { name: spooled.name, path: spooled.path });
        }
        let mut price_sheets = lines.split_off(request.sources.len());
        for (i, SheetFile { file, key, .. }) in plan.price_sheet.iter().enumerate() {
            let path = scratch.join("in").join(format!("price-sheet-{i}"));
            billing.bills.fetch_private(key, &path).await?;
            price_sheets.push(Input { name: file.clone(), path });
        }
        Ok(Inputs { lines, price_sheets })
    }

    /// A dry run of these inputs by the plan of a run, as if no bill of the month were final.
    pub(super) fn job(
        &self,
        run: &BillRun,
        request: &RunRequest,
        plan: &Plan,
        inputs: Inputs,
        scratch: &Path,
    ) -> Result<Job, Error> {
        let setup = &self.billing()?.setup;
        Ok(Job {
            period: plan::parsed(&request.billing_period)?,
            invoice_id: request.invoice_id.clone(),
            issuer: plan.issuer.clone(),
            issuer_address: plan.issuer_address.clone(),
            generated_at: run.created_at.as_second(),
            finalize: false,
            inputs: inputs.lines,
            customers: plan.billed_customers(&released(run)?)?,
            final_bills: Vec::new(),
            other_months: Vec::new(),
            acknowledged: Vec::new(),
            billed_invoices: Vec::new(),
            rules: plan.price_rules()?,
            price_sheets: inputs.price_sheets,
            currency_rates: rates(request)?,
            earned_credit: plan.options.earned_credit(),
            bounds: plan.options.bounds()?,
            accept: request.accept.clone(),
            expected_totals: request.expected_totals.clone(),
            parquet: plan.options.parquet,
            focus_datasets: plan.options.focus_datasets,
            threads: setup.threads,
            max_source_bytes: setup.max_source_bytes,
            out: scratch.join("out"),
            dry_run: true,
        })
    }

    /// The final bills of the months around a run's, their ledgers fetched.
    async fn other_months(
        &self,
        run: &BillRun,
        period: BillingPeriod,
        scratch: &Path,
    ) -> Result<Vec<FinalMonth>, Ended> {
        let (mut months, mut earlier) = (vec![period.next()], period);
        for _ in 0..EARLIER_MONTHS {
            earlier = earlier.previous();
            months.push(earlier);
        }
        let mut found = Vec::new();
        for period in months {
            let (keys, _, _) = self.finals_of(run.partner, period.to_string()).await?;
            if !keys.is_empty() {
                let to = scratch.join(format!("final-{period}"));
                std::fs::create_dir(&to).map_err(|e| Error::Billing(format!("{}: {e}", to.display())))?;
                found.push(FinalMonth { period, bills: self.fetch_ledgers(keys, &to).await? });
            }
        }
        Ok(found)
    }

    /// Refuses invoices that a final month has not had.
    async fn own_invoices(&self, run: &BillRun, report: &rating::RunReport) -> Result<(), Ended> {
        let known: Option<BTreeSet<String>> = self
            .db
            .unchecked()
            .read(run.partner, (run.partner, run.billing_period.clone()), |(partner, period), tx| {
                Box::pin(invoices::of_final_month(tx, *partner, period))
            })
            .await?;
        let Some(known) = known.filter(|known| !known.is_empty()) else { return Ok(()) };
        let is_new = |id: &&String| !known.contains(&id.to_ascii_lowercase());
        let new = report.invoice_ids.iter().chain(&report.invoice_id).filter(is_new);
        let period = &run.billing_period;
        let errors = new.map(|id| {
            let text = format!(
                "{period} is final, and was not billed from the invoice {id}: is it another month's? If its lines are \
                 corrections of {period}, accept them (accept_corrections, or --accept-corrections)"
            );
            let values = [("month", period.into()), ("invoice", id.into())];
            RunError::new(Message::worded(text, Wording::new("report-other-invoice", values)))
        });
        let errors: Vec<RunError> = errors.collect();
        if errors.is_empty() { Ok(()) } else { Err(Ended::Failed(errors)) }
    }

    /// What is final already, in this month its ledgers fetched: their lines are billed.
    async fn before(&self, run: &BillRun, to: &Path) -> Result<Before, Ended> {
        let (keys, acknowledged, invoices) = self.finals_of(run.partner, run.billing_period.clone()).await?;
        let bills = self.fetch_ledgers(keys, to).await?;
        Ok(Before { bills, acknowledged: lines(&acknowledged)?, invoices })
    }

    /// The final bills of a month: the customers and keys of their ledgers, the acknowledged lines, and the invoices of other
    /// months.
    async fn finals_of(&self, partner: PartnerId, period: String) -> Result<Finals, Error> {
        self.db
            .unchecked()
            .read(partner, (partner, period), |(partner, period), tx| {
                Box::pin(async move {
                    let finals = Filter {
                        status: Some(statements::Status::Final),
                        billing_period: Some(period.clone()),
                        ..Filter::default()
                    };
                    let finals = statements::list(tx, *partner, &finals, 0, i64::MAX).await?.0;
                    let corrections = corrections::list(tx, *partner, Some(period)).await?;
                    let bills =
                        finals.into_iter().map(|s| s.bill).chain(corrections.into_iter().map(|c| c.bill));
                    let keys = bills.map(|bill| (bill.customer.0, bill.ledger)).collect();
                    let acknowledged = statements::acknowledged(tx, *partner, period).await?;
                    let invoices = invoices::of_other_months(tx, *partner, period).await?;
                    Ok::<_, Error>((keys, acknowledged, invoices))
                })
            })
            .await
    }

    async fn fetch_ledgers(&self, keys: Vec<(i64, String)>, to: &Path) -> Result<Vec<FinalBill>, Ended> {
        let bills = &self.billing()?.bills;
        let fetched = keys.into_iter().enumerate().map(|(i, (customer_id, key))| {
            let ledger = to.join(format!("{i}.csv"));
            async move {
                bills.fetch_private(&key, &ledger).await?;
                Ok::<_, Ended>(FinalBill { customer_id, ledger })
            }
            .boxed()
        });
        stream::iter(fetched).buffered(FETCHED_AT_ONCE).try_collect().await
    }
}

/// The customers and ledgers' keys of final bills, acknowledged lines, and invoices of other months.
type Finals = (Vec<(i64, String)>, Vec<String>, Vec<BilledInvoice>);

/// Files that the engine reads.
pub(super) struct Inputs {
    /// Of line items.
    lines: Vec<Input>,
    /// Of list prices.
    price_sheets: Vec<Input>,
}

/// Runs the engine. It has threads of its own; those that answer requests go on.
pub(super) async fn rated(job: &Job, watch: &Arc<Watch>) -> Result<rating::RunReport, Ended> {
    let (job, watching) = (job.clone(), Arc::clone(watch));
    let ran = tokio::task::spawn_blocking(move || rating::run(&job, &*watching)).await;
    Ok(ran.map_err(|e| Error::Internal(format!("the engine stopped: {e}")))??)
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

/// Refuses lines that a final month has not had.
fn no_corrections(period: &str, report: &rating::RunReport) -> Result<(), Ended> {
    let bills: Vec<_> = report.customers.iter().filter(|bill| bill.is_correction && bill.lines > 0).collect();
    if bills.is_empty() {
        return Ok(());
    }
    let lines: u64 = bills.iter().map(|bill| bill.lines).sum();
    let customers = bills
        .iter()
        .map(|bill| format!("{} ({}): {} {}", bill.name, bill.customer_id, bill.charge, bill.currency));
    let customers: Vec<String> = customers.collect();
    let text = format!(
        "{period} is final, and {} {} new in it: {}. If that corrects it, accept corrections (accept_corrections, or \
         --accept-corrections)",
        count_of(lines, "line"),
        form_for(lines, "is", "are"),
        customers.join(", ")
    );
    let values =
        [("month", period.into()), ("lines", lines.into()), ("customers", customers.join(", ").into())];
    Err(Ended::Failed(vec![RunError::new(Message::worded(text, Wording::new("report-new-lines", values)))]))
}

/// Whether a run that is done once more has read what it read before: who releases a bill has seen that one.
pub(super) fn unchanged(run: &BillRun, now: &rating::RunReport) -> Result<(), Ended> {
    let Some(before) = RunReport::of_run(run)?.filter(|report| report.checks.is_some()) else {
        return Ok(());
    };
    let other = |a: &[FileRead], b: &[FileRead]| -> Vec<String> {
        a.iter().filter(|file| !b.contains(file)).map(|file| file.file.clone()).collect()
    };
    let (mut changed, gone) = (other(&now.files, &before.files), other(&before.files, &now.files));
    changed.extend(gone.into_iter().filter(|file| !changed.contains(file)).collect::<Vec<_>>());
    let said = "is not what it was when this run was made: to bill what it is now, ask for a new run";
    let error = |file| {
        let message = Message::fixed(said, "report-file-changed");
        RunError { place: Place::of_file(file), ..RunError::new(message) }
    };
    let errors: Vec<RunError> = changed.into_iter().map(error).collect();
    if errors.is_empty() { Ok(()) } else { Err(Ended::Failed(errors)) }
}
