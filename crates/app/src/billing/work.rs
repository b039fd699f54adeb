//! The work of a run: taken under a lease, so that one server or command does it, and given up to another by one that dies.
//!
//! Everything up to the publishing of bills leaves nothing behind; publishing is repeatable, because the same bytes are
//! published once; and what the store learns of it, it learns in one transaction at the end.

use super::actions::{RunAction, estimates, of_month};
use super::plan::{Options, Plan};
use super::record::RunRecord;
use super::report::{RunError, RunReport, Written, text};
use super::request::RunRequest;
use super::restate::{Restatement, Restatements};
use super::runs::begin;
use super::scratch::Scratch;
use super::settle::Outcome;
use super::view::{RunView, progress_of};
use super::watch::{Ended, Watch};
use crate::access::Call;
use crate::boxed;
use crate::{App, Error};
use domain::PartnerId;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rating::{Message, Wording};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::bill_runs::{self, BillRun, State};
use store::leases::Lease;
use store::statements::{Filter, Status};

/// What a run says that a command began and nobody can end.
const LEFT_BEHIND: &str = "the command that worked on this run ended before it was done; run it again";

impl App {
    /// Work on the runs that wait, one after the other, until there is none or this server closes.
    pub fn work_on_bill_runs(self: &Arc<Self>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Ok(billing) = self.billing() else { return };
            if let Err(error) = self.end_what_was_left_behind().await {
                tracing::warn!(%error, "failed to end the bill runs of commands that died");
            }
            if let Err(error) = self.update_changed_indexes().await {
                tracing::warn!(%error, "failed to update the indexes of bills");
            }
            let read: Result<Vec<(PartnerId, i64)>, Error> = self
                .db
                .unchecked()
                .read(store::Scope::System, self.clock.now(), |now, tx| {
                    Box::pin(async move { Ok(bill_runs::LEASES.waiting(tx, *now).await?) })
                })
                .await;
            let waiting = match read {
                Ok(waiting) => waiting,
                Err(error) => return tracing::warn!(%error, "failed to read the waiting bill runs"),
            };
            for (partner, id) in waiting {
                if billing.closing.load(Ordering::Relaxed) {
                    return;
                }
                let watch = Watch::until(&billing.closing);
                if let Err(error) = self.work_on(partner, id, false, &Arc::new(watch)).await {
                    tracing::error!(partner = partner.0, run = id, %error, "failed to work on a bill run");
                }
            }
        })
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
            .unchecked()
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
    #[boxed]
    pub async fn bill_run_counts(&self) -> Result<Vec<(&'static str, i64)>, Error> {
        let counted: Vec<(State, i64)> = self
            .db
            .unchecked()
            .read(store::Scope::System, (), |(), tx| {
                Box::pin(async move { Ok::<_, Error>(bill_runs::count(tx).await?) })
            })
            .await?;
        let of = |state| counted.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
        Ok(State::ALL.map(|state| (state.as_str(), of(state))).to_vec())
    }

    /// Until there may be a run to be worked on.
    #[boxed]
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
    #[boxed]
    pub async fn run_bills<'a>(
        self: &'a Arc<Self>,
        partner: PartnerId,
        request: RunRequest,
        watch: &'a Arc<Watch>,
    ) -> Result<RunView, Error> {
        let call = Call::of_operator(partner, "bill run");
        self.end_what_was_left_behind().await?;
        let run = self
            .unchecked(&call)
            .change((partner, request, self.clock.now()), |(partner, request, now), tx| {
                Box::pin(async move {
                    let run = begin(tx, *partner, request, true, *now).await?;
                    let entry = crate::audit::Entry::new("bill_run.create", super::runs::object(run.id));
                    let entry = entry.after(&RunRecord::from(&RunView::of(&run)?));
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
    /// Those of [`App::act_on_bill_run`].
    #[boxed]
    pub async fn run_bills_again<'a>(
        self: &'a Arc<Self>,
        partner: PartnerId,
        id: i64,
        action: RunAction,
        watch: &'a Arc<Watch>,
    ) -> Result<RunView, Error> {
        let call = Call::of_operator(partner, "bill run");
        self.end_what_was_left_behind().await?;
        let begun = self
            .unchecked(&call)
            .change((partner, id, action, self.clock.now()), |(partner, id, action, now), tx| {
                Box::pin(async move {
                    let (_, entry) = action.begin(tx, *partner, *id, true, *now).await?;
                    Ok(crate::change::Done { value: (), entry: Some(entry) })
                })
            })
            .await;
        let has_worked = begun.is_ok() && self.work_on(partner, id, true, watch).await?;
        if !has_worked {
            // A command that was killed may have done it all but for the indexes.
            let folders = self.folders_of_run(partner, id).await?;
            self.update_indexes(partner, folders).await;
        }
        begun?;
        self.bill_run(&call, id).await
    }

    /// What a run would do: its report. Nothing is kept.
    ///
    /// # Errors
    /// [`Error::Billing`] with all that is wrong; [`Error`] of the store.
    #[boxed]
    pub async fn dry_run_bills<'a>(
        self: &'a Arc<Self>,
        partner: PartnerId,
        request: RunRequest,
        watch: &'a Arc<Watch>,
    ) -> Result<RunView, Error> {
        let now = self.clock.now();
        let options = Options::of(&self.billing()?.setup);
        let plan = self
            .db
            .unchecked()
            .read(partner, (partner, request.clone(), options), |(partner, request, options), tx| {
                Box::pin(Plan::make(tx, *partner, request, options))
            })
            .await?;
        let run = BillRun {
            partner,
            id: 0,
            billing_period: request.billing_period.clone(),
            state: State::Running,
            request: text(&request)?,
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
            Ok((report, _scratch)) => RunReport::of_bills(&report, &plan, Written::default()),
            Err(Ended::Failed(errors)) => RunReport::of_errors(errors),
            Err(Ended::Cancelled | Ended::GivenUp) => return Err(Error::Conflict("cancelled".into())),
            Err(Ended::Error(error)) => return Err(error),
        };
        let state = if made.errors.is_empty() { State::Succeeded } else { State::Failed };
        let progress = Some(text(&watch.progress())?);
        RunView::of(&BillRun { state, progress, report: Some(text(&made)?), ..run })
    }

    /// Claims a run that no worker has, and works on it until it ends. Returns whether it claimed the run.
    async fn work_on(
        self: &Arc<Self>,
        partner: PartnerId,
        id: i64,
        by_command: bool,
        watch: &Arc<Watch>,
    ) -> Result<bool, Error> {
        let now = self.clock.now();
        let until = self.lease_end()?;
        let run: Option<BillRun> = self
            .db
            .unchecked()
            .write(partner, (partner, id, now, until), |(partner, id, now, until), tx| {
                Box::pin(
                    async move { Ok::<_, Error>(bill_runs::take(tx, *partner, *id, *now, *until).await?) },
                )
            })
            .await?;
        let Some(run) = run else { return Ok(false) };
        tracing::info!(partner = partner.0, run = id, attempt = run.attempt, "bill run started");
        let lease = Lease { partner, id, attempt: run.attempt };
        let request = RunRequest::of_run(&run)?;
        if request.finalizing.is_some() || request.voiding.is_some() {
            watch.go_on_from(progress_of(&run)?);
        }
        let work = async {
            match () {
                () if run.cancelling => Err(Ended::Cancelled),
                () if run.by_command && !by_command => {
                    let wording = Wording::new("report-left-behind", []);
                    Err(Ended::Failed(vec![RunError::new(Message::worded(LEFT_BEHIND, wording))]))
                }
                () if request.finalizing.is_some() || request.voiding.is_some() => {
                    self.act_on_statements(&run, &request, watch).await
                }
                () => self.produce(&run, &request, watch).await,
            }
        };
        let outcome = match self.under_lease(lease, watch, work).await {
            Ok(outcome) => outcome,
            Err(Ended::Failed(errors)) => without_bills(&run, State::Failed, errors)?,
            Err(Ended::Cancelled) if !watch.is_given_up() => {
                without_bills(&run, State::Cancelled, Vec::new())?
            }
            Err(Ended::Cancelled | Ended::GivenUp) => {
                return self.give_back::<Watch>(lease).await.map(|()| true);
            }
            Err(Ended::Error(Error::Internal(why) | Error::Billing(why))) => broken(&run, &why)?,
            // The lease ends by itself, and then somebody tries again.
            Err(Ended::Error(error)) => return Err(error),
        };
        let folders = self.folders_of_month(partner, &run.billing_period).await?;
        let settled = self.settle(lease, request.clone(), run.clone(), watch.progress(), outcome).await;
        match settled {
            // It would go wrong each time.
            Err(Error::Internal(why)) => {
                let outcome = broken(&run, &why)?;
                self.settle(lease, request, run, watch.progress(), outcome).await?;
            }
            settled => settled?,
        }
        self.update_indexes(partner, folders).await;
        Ok(true)
    }

    /// Makes the statements of a run final, or reverses final ones of its month.
    async fn act_on_statements(
        self: &Arc<Self>,
        run: &BillRun,
        request: &RunRequest,
        watch: &Watch,
    ) -> Result<Outcome, Ended> {
        let made = match (&request.voiding, request.finalizing) {
            (Some(voiding), _) => {
                let finals = Filter { status: Some(Status::Final), ..of_month(run) };
                self.restate(run, finals, Restatement::Reversal(voiding), watch).await?
            }
            (None, since) => {
                let since = since.unwrap_or_default();
                self.restate(run, estimates(run), Restatement::Final(since), watch).await?
            }
        };
        let Restatements { done, failed, report } = made;
        let state = Some(State::Succeeded);
        Ok(Outcome { state, report, restated: done, unfinalized: failed, ..Outcome::default() })
    }
}

/// A run that has met a defect.
fn broken(run: &BillRun, why: &str) -> Result<Outcome, Error> {
    tracing::error!(partner = run.partner.0, run = run.id, why, "bill run failed with an internal error");
    let message = "internal error; the server's log says more";
    let error = RunError::new(Message::worded(message, Wording::new("report-internal", [])));
    without_bills(run, State::Failed, vec![error])
}

/// A run that changes nothing. One that has succeeded before still has its bills, whatever came of its repetition.
pub(super) fn without_bills(run: &BillRun, state: State, errors: Vec<RunError>) -> Result<Outcome, Error> {
    let outcome = |state, report| Outcome { state: Some(state), report, ..Outcome::default() };
    Ok(match RunReport::of_run(run)? {
        None => outcome(state, RunReport::of_errors(errors)),
        Some(report) if errors.is_empty() => outcome(State::Succeeded, report),
        Some(report) => outcome(State::Succeeded, RunReport { errors, ..report }),
    })
}
