//! The work of a run: taken under a lease, so that one server or command does it, and given up to another by one that dies.
//!
//! Everything up to the publishing of bills leaves nothing behind; publishing is repeatable, because the same bytes are
//! published once; and what the store learns of it, it learns in one transaction at the end.

use super::plan::{Options, Plan, rates};
use super::request::RunRequest;
use super::runs::{Again, begin, internal, released, report, view, without_customers};
use super::settle::{Outcome, Published, Settlement};
use super::{Scratch, invoices, plan};
use crate::access::Call;
use crate::{App, Error};
use ::billing::{BilledInvoice, Failure, FinalBill, Input, Job, RunReport};
use domain::PartnerId;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use metrics::{counter, gauge};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store::bill_runs::{self, BillRun, State, Taken};
use store::statements::{self, Filter};
use tokio::sync::oneshot;

/// How often a lease is renewed, and progress noted.
const BEAT: Duration = Duration::from_secs(1);
/// What a run says that a command began and nobody can end.
const LEFT_BEHIND: &str = "the command that worked on this run ended before it was done; run it again";

/// How many ledgers are fetched at the same time.
const FETCHED_AT_ONCE: usize = 8;

/// How far a run is, and whether it is to stop.
#[derive(Debug, Default)]
pub struct Watch {
    bytes_read: AtomicU64,
    bytes_total: AtomicU64,
    lines: AtomicU64,
    customers: AtomicU64,
    /// Somebody has cancelled it.
    cancelled: AtomicBool,
    /// It is somebody else's by now.
    lost: AtomicBool,
    closing: Arc<AtomicBool>,
}

impl Watch {
    /// Bytes read, bytes in all, lines, customers.
    pub fn numbers(&self) -> [u64; 4] {
        [&self.bytes_read, &self.bytes_total, &self.lines, &self.customers].map(|n| n.load(Ordering::Relaxed))
    }

    /// Have the run stop, unless its bills are being published already.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// What the work before has come to, where only what follows it is left to be done.
    fn go_on_from(&self, run: &BillRun) {
        let progress = run.progress.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let number = |name| progress.as_ref().and_then(|progress| progress[name].as_u64()).unwrap_or(0);
        let [read, total, lines, customers] = ["bytes_read", "bytes_total", "lines", "customers"].map(number);
        ::billing::Progress::at(self, read, total, lines, customers);
    }

    fn json(&self) -> Value {
        let [bytes_read, bytes_total, lines, customers] = self.numbers();
        json!({"bytes_read": bytes_read, "bytes_total": bytes_total, "lines": lines, "customers": customers})
    }

    /// Whether somebody else has to go on, or nobody.
    pub(super) fn is_given_up(&self) -> bool {
        self.lost.load(Ordering::Relaxed) || self.closing.load(Ordering::Relaxed)
    }
}

impl ::billing::Progress for Watch {
    fn at(&self, bytes_read: u64, bytes_total: u64, lines: u64, customers: u64) {
        self.bytes_read.store(bytes_read, Ordering::Relaxed);
        self.bytes_total.store(bytes_total, Ordering::Relaxed);
        self.lines.store(lines, Ordering::Relaxed);
        self.customers.store(customers, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.is_given_up()
    }
}

/// Why there are no bills.
pub(super) enum Ended {
    /// What is wrong with the input, or with where bills go.
    Failed(Vec<Value>),
    Cancelled,
    /// Somebody else goes on.
    GivenUp,
    Error(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Ended::Error(error)
    }
}

impl From<bills::Error> for Ended {
    fn from(error: bills::Error) -> Self {
        match error {
            bills::Error::Cancelled => Ended::Cancelled,
            other => Ended::Failed(vec![json!({"message": other.to_string()})]),
        }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Faults(faults) => {
                let fault = |fault: &::billing::Fault| serde_json::to_value(fault).unwrap_or_default();
                Ended::Failed(faults.iter().map(fault).collect())
            }
            Failure::Cancelled => Ended::Cancelled,
            Failure::Io(..) => Ended::Failed(vec![json!({"message": failure.to_string()})]),
        }
    }
}

impl App {
    /// Work on the runs that wait, one after the other, until there is none or this server closes.
    pub async fn work_on_bill_runs(self: &Arc<Self>) {
        let Ok(billing) = self.billing() else { return };
        if let Err(error) = self.end_what_was_left_behind().await {
            tracing::warn!(%error, "what commands have left behind could not be ended");
        }
        let read: Result<Vec<(PartnerId, i64)>, Error> = self
            .db
            .read(store::Scope::System, self.clock.now(), |now, tx| {
                Box::pin(async move { Ok(bill_runs::waiting(tx, *now).await?) })
            })
            .await;
        let waiting = match read {
            Ok(waiting) => waiting,
            Err(error) => return tracing::warn!(%error, "the waiting bill runs could not be read"),
        };
        for (partner, id) in waiting {
            if billing.closing.load(Ordering::Relaxed) {
                return;
            }
            let watch = Watch { closing: Arc::clone(&billing.closing), ..Watch::default() };
            if let Err(error) = self.work_on(partner, id, false, &Arc::new(watch)).await {
                tracing::error!(partner = partner.0, run = id, %error, "a bill run could not be worked on");
            }
        }
    }

    /// End the runs of commands that have died, and remove what they left in the work folder. Their files may be on
    /// another machine, so nobody goes on with them.
    async fn end_what_was_left_behind(self: &Arc<Self>) -> Result<(), Error> {
        let billing = self.billing()?;
        let work = billing.setup.work.clone();
        let swept = tokio::task::spawn_blocking(move || Scratch::sweep(&work)).await;
        swept.map_err(|e| Error::Internal(e.to_string()))?;
        let now = self.clock.now();
        let before = now.saturating_sub(billing.setup.lease).unwrap_or(Timestamp::MIN);
        let left: Vec<(PartnerId, i64)> = self
            .db
            .read(store::Scope::System, (now, before), |(now, before), tx| {
                Box::pin(async move { Ok::<_, Error>(bill_runs::left_behind(tx, *now, *before).await?) })
            })
            .await?;
        for (partner, id) in left {
            self.work_on(partner, id, false, &Arc::default()).await?;
        }
        Ok(())
    }

    /// How many bill runs are in each state.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn bill_run_counts(&self) -> Result<Vec<(&'static str, i64)>, Error> {
        let counted: Vec<(State, i64)> = self
            .db
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok::<_, Error>(bill_runs::count(tx).await?) })
            })
            .await?;
        let of = |state| counted.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
        Ok(State::ALL.map(|state| (state.as_str(), of(state))).to_vec())
    }

    /// Until there may be a run to be worked on.
    pub async fn bill_run_asked_for(&self) {
        match self.billing() {
            Ok(billing) => billing.wake.notified().await,
            Err(_) => std::future::pending().await,
        }
    }

    /// Make a run and work on it here and now, as a command does; the run as it is then.
    ///
    /// # Errors
    /// [`Error::Conflict`] while another run of the period is under way; [`Error`] of the store.
    pub async fn run_bills(
        self: &Arc<Self>,
        partner: PartnerId,
        request: RunRequest,
        watch: &Arc<Watch>,
    ) -> Result<Value, Error> {
        let call = Call::of_operator(partner, "bill run");
        self.end_what_was_left_behind().await?;
        let run = self
            .change(&call, (partner, request, self.clock.now()), |(partner, request, now), tx| {
                Box::pin(async move {
                    let run = begin(tx, *partner, request, true, *now).await?;
                    let entry = crate::audit::Entry::new("bill_run.create", super::runs::object(run.id));
                    let entry = entry.after(&view(&run));
                    Ok(crate::change::Done { value: run, entry: Some(entry) })
                })
            })
            .await?;
        self.work_on(partner, run.id, true, watch).await?;
        self.bill_run(&call, run.id).await
    }

    /// Work once more, here and now, on a run that has succeeded; the run as it is then.
    ///
    /// # Errors
    /// Those of [`App::bill_run_again`].
    pub async fn run_bills_again(
        self: &Arc<Self>,
        partner: PartnerId,
        id: i64,
        again: Again,
        watch: &Arc<Watch>,
    ) -> Result<Value, Error> {
        let call = Call::of_operator(partner, "bill run");
        self.end_what_was_left_behind().await?;
        self.change(&call, (partner, id, again, self.clock.now()), |(partner, id, again, now), tx| {
            Box::pin(async move {
                let (_, entry) = again.begin(tx, *partner, *id, true, *now).await?;
                Ok(crate::change::Done { value: (), entry: Some(entry) })
            })
        })
        .await?;
        self.work_on(partner, id, true, watch).await?;
        self.bill_run(&call, id).await
    }

    /// What a run would do: its report. Nothing is kept.
    ///
    /// # Errors
    /// [`Error::Billing`] with all that is wrong; [`Error`] of the store.
    pub async fn dry_run_bills(
        self: &Arc<Self>,
        partner: PartnerId,
        request: RunRequest,
        watch: &Arc<Watch>,
    ) -> Result<Value, Error> {
        let now = self.clock.now();
        let options = Options::of(&self.billing()?.setup);
        let plan = self
            .db
            .read(partner, (partner, request.clone(), options), |(partner, request, options), tx| {
                Box::pin(Plan::make(tx, *partner, request, options))
            })
            .await?;
        let run = BillRun {
            partner,
            id: 0,
            billing_period: request.billing_period.clone(),
            state: State::Running,
            request: serde_json::to_string(&request).map_err(internal)?,
            by_command: true,
            released: "[]".into(),
            progress: None,
            report: None,
            cancelling: false,
            attempt: i64::from(std::process::id()),
            leased_until: now,
            created_at: now,
            updated_at: now,
        };
        let made = match self.stage(&run, &request, &plan, watch, true).await {
            Ok((report, _scratch)) => {
                Outcome { report: report_json(&report, &plan, &[], &[], &[]), ..Outcome::default() }
            }
            Err(Ended::Failed(errors)) => {
                Outcome { report: json!({ "errors": errors }), ..Outcome::default() }
            }
            Err(Ended::Cancelled | Ended::GivenUp) => return Err(Error::Conflict("cancelled".into())),
            Err(Ended::Error(error)) => return Err(error),
        };
        let failed = made.report["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        let state = if failed { State::Failed } else { State::Succeeded };
        let progress = Some(watch.json().to_string());
        Ok(view(&BillRun { state, progress, report: Some(made.report.to_string()), ..run }))
    }

    /// Take a run, if nobody has it, and work on it until it ends.
    async fn work_on(
        self: &Arc<Self>,
        partner: PartnerId,
        id: i64,
        by_command: bool,
        watch: &Arc<Watch>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let until = now.saturating_add(self.billing()?.setup.lease).unwrap_or(Timestamp::MAX);
        let run: Option<BillRun> = self
            .db
            .write(partner, (partner, id, now, until), |(partner, id, now, until), tx| {
                Box::pin(
                    async move { Ok::<_, Error>(bill_runs::take(tx, *partner, *id, *now, *until).await?) },
                )
            })
            .await?;
        let Some(run) = run else { return Ok(()) };
        tracing::info!(partner = partner.0, run = id, attempt = run.attempt, "a bill run begins");
        let taken = Taken { partner, id, attempt: run.attempt };
        if run.cancelling {
            watch.cancelled.store(true, Ordering::Relaxed);
        }
        let request: RunRequest = serde_json::from_str(&run.request).map_err(internal)?;
        if request.finalizing.is_some() {
            watch.go_on_from(&run);
        }
        let (done, is_done) = oneshot::channel::<()>();
        let keeping = tokio::spawn({
            let (app, watch) = (Arc::clone(self), Arc::clone(watch));
            async move { app.keep(taken, &watch, is_done).await }
        });
        let made = match request.finalizing {
            _ if run.by_command && !by_command => Err(Ended::Failed(vec![json!({"message": LEFT_BEHIND})])),
            Some(since) => self.finalize_statements(&run, since, watch).await,
            None => self.produce(&run, &request, watch).await,
        };
        // Waited for, so that no lease is renewed after it is given back.
        drop(done);
        drop(keeping.await);
        let outcome = match made {
            Ok(outcome) => outcome,
            Err(Ended::Failed(errors)) => without_bills(&run, State::Failed, errors),
            Err(Ended::Cancelled) if !watch.is_given_up() => {
                without_bills(&run, State::Cancelled, Vec::new())
            }
            Err(Ended::Cancelled | Ended::GivenUp) => return self.give_back(taken).await,
            Err(Ended::Error(Error::Internal(why) | Error::Billing(why))) => {
                tracing::error!(partner = partner.0, run = id, why, "a bill run failed");
                let said = json!({"message": "internal error; the server's log says more"});
                without_bills(&run, State::Failed, vec![said])
            }
            // The lease ends by itself, and then somebody tries again.
            Err(Ended::Error(error)) => return Err(error),
        };
        self.settle(taken, request, run, watch.json(), outcome).await
    }

    /// Renew the lease again and again, note how far the run is, and hear whether it is to stop.
    async fn keep(&self, taken: Taken, watch: &Watch, mut is_done: oneshot::Receiver<()>) {
        let Ok(billing) = self.billing() else { return };
        let mut last = self.clock.now();
        let mut beat = tokio::time::interval(BEAT.min(billing.setup.lease.unsigned_abs() / 4));
        loop {
            tokio::select! {
                _ = &mut is_done => return,
                _ = beat.tick() => {}
            }
            let now = self.clock.now();
            let until = now.saturating_add(billing.setup.lease).unwrap_or(Timestamp::MAX);
            let input = (taken, watch.json().to_string(), until);
            let kept: Result<Option<bool>, Error> = self
                .db
                .write(taken.partner, input, |(taken, progress, until), tx| {
                    Box::pin(async move { Ok(bill_runs::keep(tx, *taken, progress, *until).await?) })
                })
                .await;
            match kept {
                Ok(Some(cancelling)) => {
                    last = now;
                    watch.cancelled.fetch_or(cancelling, Ordering::Relaxed);
                }
                Ok(None) => watch.lost.store(true, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(%error, "a bill run's lease could not be renewed");
                    let ended = last.saturating_add(billing.setup.lease).is_ok_and(|end| end <= now);
                    watch.lost.fetch_or(ended, Ordering::Relaxed);
                }
            }
        }
    }

    /// Let another server go on at once.
    async fn give_back(&self, taken: Taken) -> Result<(), Error> {
        self.db
            .write(taken.partner, taken, |taken, tx| {
                Box::pin(async move { Ok(bill_runs::give_back(tx, *taken).await?) })
            })
            .await
    }

    /// All of a run but what the store learns of it.
    async fn produce(
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
        let unwritable = self.unwritable(&plan, &had_one.collect()).await?;
        // The customers' own users read what is noted of them: no more of the run than its number. The report has the rest.
        let held_back = report.customers.iter().filter(|bill| !bill.held_back.is_empty());
        let held_back = held_back.map(|bill| (bill.customer_id, "was held back"));
        let unwritten_too = unwritten.iter().map(|(id, _)| (*id, "could not be written"));
        let of_bill =
            |(id, what)| (id, format!("its bill of {} {what} (run {})", run.billing_period, run.id));
        let of_folder = |(id, _): &(i64, String)| (*id, "its folder cannot be written".to_owned());
        let faults = unwritten_too.chain(held_back).map(of_bill);
        let faults = faults.chain(unwritable.iter().map(of_folder)).collect();
        let json = report_json(&report, &plan, &published, &unwritten, &unwritable);
        let carried = plan.customers.into_iter().flat_map(|planned| {
            let customer = planned.id;
            planned.corrections.into_iter().map(move |correction| (customer, correction))
        });
        Ok(Outcome {
            state: Some(State::Succeeded),
            report: json,
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
    async fn stage(
        self: &Arc<Self>,
        run: &BillRun,
        request: &RunRequest,
        plan: &Plan,
        watch: &Arc<Watch>,
        dry_run: bool,
    ) -> Result<(RunReport, Scratch), Ended> {
        let billing = self.billing()?;
        let scratch = Scratch::of_run(&billing.setup.work, run)?;
        let allowed = billing.allowed((!run.by_command).then_some(run.partner));
        let (mut inputs, mut before) = (Vec::with_capacity(request.sources.len()), 0);
        for (i, source) in request.sources.iter().enumerate() {
            let to = scratch.path().join("in").join(i.to_string());
            let watching = Arc::clone(watch);
            let go_on = move |here, all| {
                ::billing::Progress::at(&*watching, before + here, before + all, 0, 0);
                !::billing::Progress::cancelled(&*watching)
            };
            let spooled = bills::spool(source, &allowed, &to, &go_on).await?;
            before += spooled.bytes;
            inputs.push(Input { name: spooled.name, path: spooled.path });
        }
        let before = self.before(run, &scratch.path().join("final")).await?;
        let job = Job {
            period: plan::parsed(&request.billing_period)?,
            invoice_id: request.invoice_id.clone(),
            issuer: plan.issuer.clone(),
            generated_at: run.created_at.as_second(),
            finalize: request.finalize,
            inputs,
            customers: plan.billed_customers(&released(run))?,
            final_bills: before.bills,
            acknowledged: before.acknowledged,
            billed_invoices: before.invoices,
            rules: plan.price_rules()?,
            currency_rates: rates(request)?,
            earned_credit: plan.options.earned_credit(),
            bounds: plan.options.bounds()?,
            parquet: plan.options.parquet,
            threads: billing.setup.threads,
            out: scratch.path().join("out"),
            dry_run,
        };
        // The engine has threads of its own; those that answer requests go on.
        let watching = Arc::clone(watch);
        let ran = tokio::task::spawn_blocking(move || ::billing::run(&job, &*watching)).await;
        let report = ran.map_err(|e| Error::Internal(format!("the engine stopped: {e}")))??;
        if !report.checks.ties {
            return Err(Error::Internal("a run's sums do not tie".into()).into());
        }
        unchanged(run, &report)?;
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
fn unchanged(run: &BillRun, now: &RunReport) -> Result<(), Ended> {
    let before = self::report(run);
    let Some(before) = before["files"].as_array() else { return Ok(()) };
    let now: Vec<Value> = now.files.iter().map(|file| json!(file)).collect();
    let other = |a: &[Value], b: &[Value]| -> Vec<Value> {
        a.iter().filter(|file| !b.contains(file)).map(|file| file["file"].clone()).collect()
    };
    let (mut changed, gone) = (other(&now, before), other(before, &now));
    changed.extend(gone.into_iter().filter(|file| !changed.contains(file)).collect::<Vec<_>>());
    let said = "is not what it was when this run was made: to bill what it is now, ask for a new run";
    let errors: Vec<Value> = changed.iter().map(|file| json!({"file": file, "message": said})).collect();
    if errors.is_empty() { Ok(()) } else { Err(Ended::Failed(errors)) }
}

/// A run that changes nothing. One that has succeeded before still has its bills, whatever came of its repetition.
pub(super) fn without_bills(run: &BillRun, state: State, errors: Vec<Value>) -> Outcome {
    let mut report = report(run);
    let state = if report.is_null() { state } else { State::Succeeded };
    if report.is_null() || !errors.is_empty() {
        report["errors"] = errors.into();
    }
    Outcome { state: Some(state), report, ..Outcome::default() }
}

/// The engine's report, with where each bill and its ledger are; the corrections that are on none; whose bills could not be
/// written and why, and of those that had none, whose could not be either.
fn report_json(
    report: &RunReport,
    plan: &Plan,
    published: &[Published],
    unwritten: &[(i64, String)],
    unwritable: &[(i64, String)],
) -> Value {
    let mut json = serde_json::to_value(report).unwrap_or_default();
    for (bill, shown) in report.customers.iter().zip(json["customers"].as_array_mut().into_iter().flatten()) {
        let is_it = |published: &&Published| {
            published.customer.0 == bill.customer_id && published.currency == bill.currency.code()
        };
        let place = published.iter().find(is_it).filter(|_| bill.staged.is_some());
        shown["prefix"] = json!(place.map(|published| &published.prefix));
        shown["ledger"] = json!(place.map(|published| format!("{}/{}", bills::PRIVATE, published.ledger)));
    }
    json["pending_corrections"] = json!(plan.pending);
    let told = |(customer, why): &(i64, String)| json!({"customer_id": customer, "message": why});
    json["errors"] = unwritten.iter().map(told).collect();
    let warnings = report.warnings.iter().map(|warning| json!(warning));
    json["warnings"] = warnings.chain(unwritable.iter().map(told)).collect();
    json
}

/// The report as it is kept for lists.
pub(super) fn summary(report: &Value) -> String {
    let mut summary = report.clone();
    if let Some(fields) = summary.as_object_mut() {
        without_customers(fields);
    }
    summary.to_string()
}
