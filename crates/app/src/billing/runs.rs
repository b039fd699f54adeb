//! Runs: requested, listed, cancelled, withdrawn.

use super::actions::{of_month, undo_repetition};
use super::plan;
use super::record::RunRecord;
use super::report::{self, RunReport, RunWarning};
use super::request::RunRequest;
use super::view::{RunView, Stage};
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::{Created, Done, WriteBody};
use crate::paging::{self, Paging, Query};
use crate::permissions::Permission;
use crate::{App, Error, Refusal};
use domain::json::Json;
use domain::{PartnerId, Violation};
use jiff::Timestamp;
use rating::{BillingPeriod, WarningCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::bill_runs::{self, BillRun, Filter, State};
use store::statements::Status;
use store::{Tx, billing, corrections, statements};

/// What customers read on statements that were withdrawn with their month.
const WITHDRAWN: &str = "withdrawn: this estimate was a mistake, and nothing is owed for it";

/// A list of runs that was asked for.
#[derive(Clone, Debug, Default)]
pub struct RunSearch {
    /// Which page.
    pub paging: Paging,
    filter: Filter,
}

impl RunSearch {
    /// Read a query string's parameters; blank ones count as not given.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every parameter that will not do, as `/name`.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let mut search = RunSearch::default();
        paging::read(query, &["billing_period", "state"], |name, value| match name {
            _ if search.paging.take(name, value)? => Ok(()),
            "billing_period" => {
                search.filter.billing_period = Some(period(value)?);
                Ok(())
            }
            "state" => {
                let choices = State::ALL.map(|state| (state.as_str(), state));
                search.filter.state = Some(paging::one_of(value, &choices)?);
                Ok(())
            }
            _ => Ok(()),
        })?;
        Ok(search)
    }
}

/// A month, as a parameter.
pub(super) fn period(text: &str) -> Result<String, Violation> {
    let wrong = |_| domain::text::invalid("must be a month such as 2026-10").because("month", &[]);
    Ok(text.parse::<BillingPeriod>().map_err(wrong)?.to_string())
}

impl App {
    /// Ask for a run, or answer again what was answered when it was asked for.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Invalid`]; [`Error::Conflict`] while another run of the period is under way;
    /// [`Error::KeyReused`], [`Error::StillRunning`]; [`Error`] of the store.
    #[boxed]
    pub async fn create_bill_run(
        &self,
        call: &Call,
        body: &Json,
        write: WriteBody<RunView>,
    ) -> Result<Created, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let _entered = self.enter(call)?;
        let request = RunRequest::parse(body)?;
        let others = self.partners().await?.len() > 1;
        let fields = [("sources", &request.sources), ("price_sheets", &request.price_sheets)];
        self.billing()?.check_sources(call.partner(), &fields, others).await?;
        let created = grant
            .make((call.partner(), request, self.clock.now(), write), |(partner, request, now, write), tx| {
                Box::pin(async move {
                    let run = begin(tx, *partner, request, false, *now).await?;
                    let run = RunView::of(&run)?;
                    let entry = Entry::new("bill_run.create", object(run.id)).after(&RunRecord::from(&run));
                    answered(run, *write, entry)
                })
            })
            .await?;
        self.billing()?.wake.notify_one();
        Ok(created)
    }

    /// Read a run.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error`] of the store.
    #[boxed]
    pub async fn bill_run(&self, call: &Call, id: i64) -> Result<RunView, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let found: Option<BillRun> = grant
            .list((call.partner(), id), |(partner, id), tx| {
                Box::pin(async move { Ok::<_, Error>(bill_runs::get(tx, *partner, *id).await?) })
            })
            .await?;
        let run = found.ok_or(Error::NotFound)?;
        let mut view = RunView::of(&run)?;
        if matches!(view.stage, Some(Stage::Draft | Stage::Published)) {
            view.warnings.extend(self.changed_facts(run).await?);
        }
        Ok(view)
    }

    /// What has changed since the bills of a month's last run were made, which stands in the way of publishing them.
    async fn changed_facts(&self, run: BillRun) -> Result<Option<RunWarning>, Error> {
        self.db
            .unchecked()
            .read(run.partner, run, |run, tx| {
                Box::pin(async move {
                    let newest = bill_runs::newest(tx, run.partner, &run.billing_period).await?;
                    if newest != Some(run.id) {
                        return Ok(None);
                    }
                    let report = RunReport::of_run(run)?.unwrap_or_default();
                    let accepts = RunRequest::of_run(run)?.accept.contains(&WarningCode::FactsChanged);
                    let changed = plan::changed_facts(tx, run, &report, &plan::Shown::Stored).await?;
                    Ok(changed.map(|warning| RunWarning { accepted: accepts, ..warning }))
                })
            })
            .await
    }

    /// List runs, without their customers, and how many there are in all.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error`] of the store.
    #[boxed]
    pub async fn bill_runs(&self, call: &Call, search: RunSearch) -> Result<(Vec<RunView>, i64), Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        grant
            .list((call.partner(), search), |(partner, search), tx| {
                Box::pin(async move {
                    let (skip, limit) = (search.paging.skip(), search.paging.per_page);
                    let (runs, total) = bill_runs::list(tx, *partner, &search.filter, skip, limit).await?;
                    let short = |run: &BillRun| Ok::<_, Error>(RunView::of(run)?.short());
                    Ok((runs.iter().map(short).collect::<Result<_, _>>()?, total))
                })
            })
            .await
    }

    /// Stops a run that has not ended: it changes no bill any more. Those of a month that have failed count no more, if one of them is
    /// named: nobody waits for that month.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::Conflict`] if it has succeeded, or was cancelled before; [`Error`]
    /// of the store.
    #[boxed]
    pub async fn cancel_bill_run(&self, call: &Call, id: i64) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        grant
            .change((call.partner(), id, self.clock.now()), |(partner, id, now), tx| {
                Box::pin(async move {
                    let run = bill_runs::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    match run.state {
                        State::Queued | State::Running => {
                            bill_runs::cancel(tx, *partner, *id, *now).await?;
                            // A worker that has it stops, and sees to this.
                            if run.leased_until <= *now {
                                undo_repetition(tx, &run, &RunRequest::of_run(&run)?, *now).await?;
                            }
                        }
                        State::Failed => bill_runs::void(tx, &run, State::Failed, *now).await?,
                        State::Succeeded | State::Cancelled => {
                            let state = run.state.as_str();
                            let said = format!("this run has ended already: it is {state}");
                            let why = Refusal::new(said).named("run-has-ended", &[("state", &state)]);
                            return Err(Error::Conflict(why));
                        }
                    }
                    Ok(Done { value: (), entry: Some(Entry::new("bill_run.cancel", object(*id))) })
                })
            })
            .await
    }

    /// Takes back all statements of a month that is not final, of which this is the last run: the month was a mistake. The
    /// corrections on them can be on others. Of a month that is final, the corrections that this run made are taken back, as
    /// long as they are on no statement.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::Conflict`] if the month is final and there is no such correction, or
    /// if this run has not succeeded or is not the last of it; [`Error`] of the store.
    #[boxed]
    pub async fn withdraw_bill_run(&self, call: &Call, id: i64) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let work = grant.change((call.partner(), id, self.clock.now()), |(partner, id, now), tx| {
            Box::pin(async move {
                let run = last_of_its_period(tx, *partner, *id).await?;
                let was_newest = bill_runs::newest_of_all(tx, *partner).await? == Some(*id);
                let mut found = statements::list(tx, *partner, &of_month(&run), 0, i64::MAX).await?.0;
                let is_final = found.iter().any(|statement| statement.status == Status::Final);
                // First, so that nobody else works on it from here on.
                match is_final {
                    true => bill_runs::void_one(tx, &run, *now).await?,
                    false => bill_runs::void(tx, &run, State::Succeeded, *now).await?,
                }
                found.retain(|one| one.status == Status::Estimated && (!is_final || one.bill.run == *id));
                let corrections = match is_final {
                    true => withdraw_corrections(tx, &run, found.is_empty()).await?,
                    false => Vec::new(),
                };
                let (mut withdrawn, mut folders) = (Vec::new(), BTreeSet::new());
                for statement in found {
                    statements::withdraw(tx, *partner, statement.id, WITHDRAWN, *now).await?;
                    let statements::Bill { customer, currency, total, folder, .. } = statement.bill;
                    folders.insert(folder);
                    withdrawn.push(json!({"customer_id": customer, "currency": currency, "total": total}));
                }
                corrections::let_go(tx, *partner, &run.billing_period).await?;
                statements::publish(tx, *partner, &run.billing_period, None, *now).await?;
                if was_newest {
                    billing::replace_faults(tx, *partner, &[]).await?;
                }
                let entry = Entry::new("bill_run.withdraw", object(*id));
                let entry = entry.after(&json!({ "withdrawn": withdrawn, "corrections": corrections }));
                Ok(Done { value: folders, entry: Some(entry) })
            })
        });
        let folders = work.await?;
        // A command without a store of bills leaves it to a server.
        if self.billing.is_some() {
            self.update_indexes(call.partner(), folders).await;
        }
        Ok(())
    }
}

/// A new run, if no other one of the period is under way.
pub(super) async fn begin(
    tx: &mut Tx,
    partner: PartnerId,
    request: &RunRequest,
    by_command: bool,
    now: Timestamp,
) -> Result<BillRun, Error> {
    let period = &request.billing_period;
    if let Some(other) = bill_runs::under_way(tx, partner, period).await? {
        // Nobody goes on with what a command has left behind.
        if !other.by_command || other.leased_until > now {
            let left = other.leased_until.as_second() - now.as_second();
            let more = match other.by_command {
                true => format!("; should its command have died, another can begin in {left} seconds"),
                false => String::new(),
            };
            let said = format!("a run of {period} is under way: /v1/bill_runs/{}{more}", other.id);
            return Err(Error::Conflict(Refusal::new(said).named("month-under-way", &[("month", period)])));
        }
        bill_runs::cancel(tx, partner, other.id, now).await?;
        undo_repetition(tx, &other, &RunRequest::of_run(&other)?, now).await?;
    }
    let text = report::text(request)?;
    let id = bill_runs::insert(tx, partner, period, &text, by_command, now).await?;
    bill_runs::get(tx, partner, id).await?.ok_or(Error::NotFound)
}

/// The corrections that a run made for a final month, deleted; they must be on no statement.
async fn withdraw_corrections(tx: &mut Tx, run: &BillRun, is_all: bool) -> Result<Vec<Value>, Error> {
    let period = &run.billing_period;
    let corrections = corrections::list(tx, run.partner, Some(period)).await?;
    let corrections: Vec<_> = corrections.into_iter().filter(|one| one.bill.run == run.id).collect();
    if corrections.is_empty() && is_all {
        let said = format!("{period} is final: its statements stay, unless they are voided");
        return Err(Error::Conflict(Refusal::new(said).named("month-is-final", &[("month", period)])));
    }
    if !corrections::delete(tx, run.partner, period, run.id).await? {
        let months = corrections.iter().filter_map(|one| one.carried_by.as_deref());
        let months: BTreeSet<&str> = months.collect();
        let months = months.into_iter().collect::<Vec<_>>().join(", ");
        let message =
            format!("a correction of this run is on a statement of {months}: withdraw or void that first");
        return Err(Error::Conflict(
            Refusal::new(message).named("correction-carried", &[("months", &months)]),
        ));
    }
    let shown = |one: corrections::Correction| {
        json!({"customer_id": one.bill.customer, "version": one.bill.version, "currency": one.bill.currency,
               "amount": one.bill.total})
    };
    Ok(corrections.into_iter().map(shown).collect())
}

pub(super) async fn last_of_its_period(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<BillRun, Error> {
    let run = bill_runs::get(tx, partner, id).await?.ok_or(Error::NotFound)?;
    if run.state.is_under_way() {
        let state = run.state.as_str();
        let why = Refusal::new(format!("this run is under way: it is {state}"));
        return Err(Error::Conflict(why.named("run-under-way", &[("state", &state)])));
    }
    if run.state != State::Succeeded {
        let state = run.state.as_str();
        let why = Refusal::new(format!("this run has no bills: it is {state}"));
        return Err(Error::Conflict(why.named("run-without-bills", &[("state", &state)])));
    }
    let newest = bill_runs::newest(tx, partner, &run.billing_period).await?;
    let under_way = bill_runs::under_way(tx, partner, &run.billing_period).await?.map(|run| run.id);
    match under_way.or(newest.filter(|newest| *newest != id)) {
        Some(other) => {
            let period = &run.billing_period;
            let why =
                Refusal::new(format!("this run is not the last of {period}: that is /v1/bill_runs/{other}"));
            Err(Error::Conflict(why.named("run-not-last", &[("month", period), ("run", &other)])))
        }
        None => Ok(run),
    }
}

/// A run as the answer to a request that made it or has it worked on.
pub(super) fn answered(
    run: RunView,
    write: WriteBody<RunView>,
    entry: Entry,
) -> Result<Done<Created>, Error> {
    let href = Some(format!("/v1/{}", object(run.id)));
    Ok(Done { value: Created::new(run, write, href)?, entry: Some(entry) })
}

/// A run in audit events.
pub(super) fn object(id: i64) -> String {
    format!("bill_runs/{id}")
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
pub(super) fn internal(error: serde_json::Error) -> Error {
    Error::Internal(error.to_string())
}
