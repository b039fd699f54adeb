//! Runs as a partner asks for them, follows them, stops them, and says that they are final.

use super::invoices;
use super::request::{RunRequest, read_codes};
use crate::access::Call;
use crate::audit::Entry;
use crate::change::{Created, Done};
use crate::paging::{self, Paging, Query};
use crate::permissions::Permission;
use crate::{App, Error};
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::violation::code;
use domain::{Handling, PartnerId, Violation, Violations};
use jiff::Timestamp;
use rating::{BillingPeriod, WarningCode};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use store::bill_runs::{self, BillRun, Filter, State};
use store::{Tx, billing, statements};

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
pub(super) fn period(text: &str) -> Result<String, String> {
    let period = text.parse::<BillingPeriod>();
    period.map(|period| period.to_string()).map_err(|_| "must be a month such as 2026-10".into())
}

impl App {
    /// Ask for a run, or answer again what was answered when it was asked for.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Invalid`]; [`Error::Conflict`] while another run of the period is under way;
    /// [`Error::KeyReused`], [`Error::StillRunning`]; [`Error`] of the store.
    pub async fn create_bill_run(&self, call: &Call, body: &Json) -> Result<Created, Error> {
        self.allow(call, Permission::ManageBilling).await?;
        let _entered = self.enter(call)?;
        let request = RunRequest::parse(body)?;
        let others = self.partners().await?.len() > 1;
        self.billing()?.check_sources(call.partner(), &request, others).await?;
        let created = self
            .make(call, (call.partner(), request, self.clock.now()), |(partner, request, now), tx| {
                Box::pin(async move {
                    let run = begin(tx, *partner, request, false, *now).await?;
                    let entry = Entry::new("bill_run.create", object(run.id)).after(&short_view(&run));
                    answered(&run, entry)
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
    pub async fn bill_run(&self, call: &Call, id: i64) -> Result<Value, Error> {
        self.allow(call, Permission::SeeCosts).await?;
        let found: Option<BillRun> = self
            .db
            .list(call.partner(), (call.partner(), id), |(partner, id), tx| {
                Box::pin(async move { Ok::<_, Error>(bill_runs::get(tx, *partner, *id).await?) })
            })
            .await?;
        found.map(|run| view(&run)).ok_or(Error::NotFound)
    }

    /// List runs, without their customers, and how many there are in all.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error`] of the store.
    pub async fn bill_runs(&self, call: &Call, search: RunSearch) -> Result<(Vec<Value>, i64), Error> {
        self.allow(call, Permission::SeeCosts).await?;
        self.db
            .list(call.partner(), (call.partner(), search), |(partner, search), tx| {
                Box::pin(async move {
                    let (skip, limit) = (search.paging.skip(), search.paging.per_page);
                    let (runs, total) = bill_runs::list(tx, *partner, &search.filter, skip, limit).await?;
                    Ok((runs.iter().map(short_view).collect(), total))
                })
            })
            .await
    }

    /// Stop a run, if its bills are not being published yet. Those of a month that have failed count no more, if one of them is
    /// named: nobody waits for that month.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::Conflict`] if it has succeeded, or was cancelled before; [`Error`]
    /// of the store.
    pub async fn cancel_bill_run(&self, call: &Call, id: i64) -> Result<(), Error> {
        self.allow(call, Permission::ManageBilling).await?;
        self.change(call, (call.partner(), id, self.clock.now()), |(partner, id, now), tx| {
            Box::pin(async move {
                let run = bill_runs::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                match run.state {
                    State::Queued | State::Running => bill_runs::cancel(tx, *partner, *id, *now).await?,
                    State::Failed => bill_runs::void(tx, &run, State::Failed, *now).await?,
                    State::Succeeded | State::Cancelled => {
                        let said = format!("this run has ended already: it is {}", run.state.as_str());
                        return Err(Error::Conflict(said));
                    }
                }
                Ok(Done { value: (), entry: Some(Entry::new("bill_run.cancel", object(*id))) })
            })
        })
        .await
    }

    /// Take back all statements of a month that is not final, of which this is the last run: the month was a mistake. The
    /// corrections on them can be on others.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::Conflict`] if the month is final, or if this run has not succeeded
    /// or is not the last of it; [`Error`] of the store.
    pub async fn withdraw_bill_run(&self, call: &Call, id: i64) -> Result<(), Error> {
        self.allow(call, Permission::ManageBilling).await?;
        let work = self.change(call, (call.partner(), id, self.clock.now()), |(partner, id, now), tx| {
            Box::pin(async move {
                let run = last_of_its_period(tx, *partner, *id).await?;
                let was_newest = bill_runs::newest_of_all(tx, *partner).await? == Some(*id);
                // First, so that nobody else works on it from here on.
                bill_runs::void(tx, &run, State::Succeeded, *now).await?;
                let (mut withdrawn, mut folders) = (Vec::new(), BTreeSet::new());
                for statement in statements::list(tx, *partner, &of_month(&run), 0, i64::MAX).await?.0 {
                    if statement.status == statements::Status::Final {
                        let said = format!("{} is final: its statements stay", run.billing_period);
                        return Err(Error::Conflict(said));
                    }
                    statements::withdraw(tx, *partner, statement.id).await?;
                    let statements::Bill { customer, currency, total, folder, .. } = statement.bill;
                    folders.insert(folder);
                    withdrawn.push(json!({"customer_id": customer, "currency": currency, "total": total}));
                }
                statements::let_go(tx, *partner, &run.billing_period).await?;
                if was_newest {
                    billing::replace_faults(tx, *partner, &[]).await?;
                }
                let entry = Entry::new("bill_run.withdraw", object(*id));
                let entry = entry.after(&json!({ "withdrawn": withdrawn }));
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

    /// Make a run's statements final. The payload has nothing to say: what it says would not be heeded, so it is refused.
    ///
    /// # Errors
    /// Those of [`App::bill_run_again`]; [`Error::Invalid`].
    pub async fn finalize_bill_run(&self, call: &Call, id: i64, body: &Json) -> Result<Created, Error> {
        self.allow(call, Permission::ManageBilling).await?;
        let mut violations = FINALIZATION.unknown(body, Handling::Strict);
        let accept = match body.get("accept") {
            None | Some(Json::Null) => Vec::new(),
            Some(codes) => read_codes(codes).unwrap_or_else(|wrong| {
                let under =
                    |wrong: Violation| Violation { pointer: format!("/accept{}", wrong.pointer), ..wrong };
                violations.extend(wrong.into_iter().map(under));
                Vec::new()
            }),
        };
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        self.bill_run_again(call, id, Again::Finalize { accept }).await
    }

    /// Have a run that has succeeded worked on once more.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::Invalid`] with every customer whose bill was not held back;
    /// [`Error::Conflict`] if the run has not succeeded, or is not the period's last, or would make bills final of an
    /// invoice that is final in another month; [`Error::KeyReused`], [`Error::StillRunning`]; [`Error`] of the store.
    pub async fn bill_run_again(&self, call: &Call, id: i64, again: Again) -> Result<Created, Error> {
        self.allow(call, Permission::ManageBilling).await?;
        let _entered = self.enter(call)?;
        let created = self
            .make(call, (call.partner(), id, again, self.clock.now()), |(partner, id, again, now), tx| {
                Box::pin(async move {
                    let (run, entry) = again.begin(tx, *partner, *id, false, *now).await?;
                    answered(&run, entry)
                })
            })
            .await?;
        self.billing()?.wake.notify_one();
        Ok(created)
    }
}

/// What is done with a run that has succeeded.
#[derive(Clone, Debug)]
pub enum Again {
    /// Its statements become final: they are what is owed. Each is published as a further version. Repeating it changes
    /// nothing. A warning that blocks this has to be accepted by its code, by the run or here.
    Finalize {
        /// Codes of the warnings that are accepted.
        accept: Vec<String>,
    },
    /// The bills that it held back of these customers (`{"customer_ids": […]}`) are published: its work is done once more,
    /// with their bounds lifted.
    Release(Json),
}

impl Again {
    /// The run as it waits to be worked on, if there is anything to do, and what the trail says.
    pub(super) async fn begin(
        &self,
        tx: &mut Tx,
        partner: PartnerId,
        id: i64,
        by_command: bool,
        now: Timestamp,
    ) -> Result<(BillRun, Entry), Error> {
        let run = last_of_its_period(tx, partner, id).await?;
        match self {
            Again::Finalize { accept } => {
                let entry =
                    |run: &BillRun| Entry::new("bill_run.finalize", object(id)).after(&short_view(run));
                if statements::list(tx, partner, &estimates(&run), 0, 1).await?.1 == 0 {
                    let entry = entry(&run);
                    return Ok((run, entry));
                }
                let report = report(&run);
                let mut refusals = invoices::refusals(tx, partner, &run.billing_period, &report).await?;
                refusals.extend(blocking_warnings(&report, accept));
                if !refusals.is_empty() {
                    return Err(Error::Conflict(refusals.join("; ")));
                }
                let finalizing = Some(now.as_second());
                let run = once_more(tx, &run, finalizing, &run.released, by_command, now).await?;
                let entry = entry(&run);
                Ok((run, entry))
            }
            Again::Release(body) => {
                let mut released = released(&run);
                released.extend(customers_to_release(&run, body)?);
                let ids = serde_json::to_string(&released).map_err(internal)?;
                let run = once_more(tx, &run, None, &ids, by_command, now).await?;
                let entry =
                    Entry::new("bill_run.release", object(id)).after(&json!({ "released": released }));
                Ok((run, entry))
            }
        }
    }
}

/// The report's warnings that block making statements final and that are not accepted, as sentences.
fn blocking_warnings(report: &Value, accept: &[String]) -> Vec<String> {
    let warnings = report["warnings"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let blocking = warnings.filter(|warning| !warning["blocks"].is_null() && warning["accepted"] != true);
    blocking
        .filter_map(|warning| {
            Some((warning["code"].as_str()?, warning["message"].as_str().unwrap_or_default()))
        })
        .filter(|(code, _)| !accept.iter().any(|accepted| accepted == code))
        .map(|(code, message)| {
            let acceptable = WarningCode::of(code).is_none_or(WarningCode::is_acceptable);
            let cure = if acceptable { format!("accept {code}, if that is meant") } else { code.to_owned() };
            format!("{message} ({cure})")
        })
        .collect()
}

/// The statements that a run made, as long as they are not final.
pub(super) fn estimates(run: &BillRun) -> statements::Filter {
    statements::Filter {
        status: Some(statements::Status::Estimated),
        billing_period: Some(run.billing_period.clone()),
        run: Some(run.id),
        ..statements::Filter::default()
    }
}

/// A run that has succeeded, to be worked on once more: all of it, or to make its statements final since then.
async fn once_more(
    tx: &mut Tx,
    run: &BillRun,
    finalizing: Option<i64>,
    released: &str,
    by_command: bool,
    now: Timestamp,
) -> Result<BillRun, Error> {
    let request: RunRequest = serde_json::from_str(&run.request).map_err(internal)?;
    let request = serde_json::to_string(&RunRequest { finalizing, ..request }).map_err(internal)?;
    bill_runs::repeat(tx, run.partner, run.id, &request, released, by_command, now).await?;
    bill_runs::get(tx, run.partner, run.id).await?.ok_or(Error::NotFound)
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
            return Err(Error::Conflict(said));
        }
        bill_runs::cancel(tx, partner, other.id, now).await?;
    }
    let text = serde_json::to_string(request).map_err(internal)?;
    let id = bill_runs::insert(tx, partner, period, &text, by_command, now).await?;
    bill_runs::get(tx, partner, id).await?.ok_or(Error::NotFound)
}

async fn last_of_its_period(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<BillRun, Error> {
    let run = bill_runs::get(tx, partner, id).await?.ok_or(Error::NotFound)?;
    if run.state.is_under_way() {
        return Err(Error::Conflict(format!("this run is under way: it is {}", run.state.as_str())));
    }
    if run.state != State::Succeeded {
        let said = format!("this run has no bills: it is {}", run.state.as_str());
        return Err(Error::Conflict(said));
    }
    let newest = bill_runs::newest(tx, partner, &run.billing_period).await?;
    let under_way = bill_runs::under_way(tx, partner, &run.billing_period).await?.map(|run| run.id);
    match under_way.or(newest.filter(|newest| *newest != id)) {
        Some(other) => Err(Error::Conflict(format!(
            "this run is not the last of {}: that is /v1/bill_runs/{other}",
            run.billing_period
        ))),
        None => Ok(run),
    }
}

/// All statements of its month.
fn of_month(run: &BillRun) -> statements::Filter {
    statements::Filter { billing_period: Some(run.billing_period.clone()), ..statements::Filter::default() }
}

/// What the payload of a release consists of.
static RELEASE: Payload = Payload { members: &[Member::plain("customer_ids")], read_only: &[] };

/// What the payload of a finalisation consists of. It is of the whole run.
static FINALIZATION: Payload = Payload { members: &[Member::plain("accept")], read_only: &[] };

/// `{"customer_ids": […]}`, each of a customer whose bill the run held back.
fn customers_to_release(run: &BillRun, body: &Json) -> Result<Vec<i64>, Error> {
    const POINTER: &str = "/customer_ids";
    let mut fields = Fields::of(body, r#"a JSON object such as {"customer_ids": [3947]}"#)
        .map_err(|wrong| Error::Invalid(wrong.into()))?;
    fields.violations.extend(RELEASE.unknown(body, Handling::Strict));
    if !fields.violations.is_empty() {
        return Err(Error::Invalid(fields.violations));
    }
    let one = |code, said: &str| Err(Error::Invalid(Violation::new(POINTER, code, said).into()));
    let named = match body.get("customer_ids") {
        Some(Json::Array(named)) if !named.is_empty() => named,
        Some(Json::Array(_) | Json::Null) | None => {
            return one(code::REQUIRED, "is required: the customers whose bills are released");
        }
        Some(_) => return one(code::WRONG_TYPE, "must be an array of customers' ids"),
    };
    let report = report(run);
    let customers = report["customers"].as_array().map_or(&[][..], Vec::as_slice);
    let (released, errors) = (released(run), report["errors"].as_array().map_or(&[][..], Vec::as_slice));
    let is_held_back = |id: i64| {
        let held = |bill: &Value| bill["held_back"].as_array().is_some_and(|why| !why.is_empty());
        customers.iter().any(|bill| bill["customer_id"] == id && held(bill))
            // Released before, and then it could not be written.
            || released.contains(&id) && errors.iter().any(|error| error["customer_id"] == id)
    };
    let (mut ids, mut violations) = (Vec::new(), Violations::default());
    for (i, id) in named.iter().enumerate() {
        match id {
            Json::Number(id) if id.as_i64().is_some_and(is_held_back) => ids.extend(id.as_i64()),
            _ => violations.push(Violation::new(
                format!("{POINTER}/{i}"),
                code::INVALID,
                "must be the id of a customer whose bill this run has held back",
            )),
        }
    }
    if violations.is_empty() { Ok(ids) } else { Err(Error::Invalid(violations)) }
}

/// The customers whose bills may exceed the bounds.
pub(super) fn released(run: &BillRun) -> BTreeSet<i64> {
    serde_json::from_str(&run.released).unwrap_or_default()
}

fn answered(run: &BillRun, entry: Entry) -> Result<Done<Created>, Error> {
    let json = serde_json::to_string(&view(run)).map_err(internal)?;
    let href = Some(format!("/v1/{}", object(run.id)));
    Ok(Done { value: Created { json, href, version: None, replayed: false }, entry: Some(entry) })
}

pub(super) fn object(id: i64) -> String {
    format!("bill_runs/{id}")
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
pub(super) fn internal(error: serde_json::Error) -> Error {
    Error::Internal(error.to_string())
}

pub(super) fn report(run: &BillRun) -> Value {
    run.report.as_deref().and_then(|report| serde_json::from_str(report).ok()).unwrap_or_default()
}

fn part(report: &Value, name: &str, default: Value) -> Value {
    report.get(name).cloned().unwrap_or(default)
}

/// A run as it is answered.
pub(crate) fn view(run: &BillRun) -> Value {
    let report = report(run);
    let request: Value = serde_json::from_str(&run.request).unwrap_or_default();
    let progress: Option<Value> = run.progress.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let nothing = json!({"bytes_read": 0, "bytes_total": 0, "lines": 0, "customers": 0});
    json!({
        "id": run.id,
        "billing_period": run.billing_period,
        "invoice_id": part(&report, "invoice_id", request["invoice_id"].clone()),
        "invoice_ids": part(&report, "invoice_ids", json!([])),
        "state": run.state.as_str(),
        "progress": progress.unwrap_or(nothing),
        "totals": part(&report, "totals", json!([])),
        "customers": part(&report, "customers", json!([])),
        "unassigned": part(&report, "unassigned", json!([])),
        "pending_corrections": part(&report, "pending_corrections", json!([])),
        "checks": part(&report, "checks", Value::Null),
        "errors": part(&report, "errors", json!([])),
        "files": part(&report, "files", json!([])),
        "warnings": part(&report, "warnings", json!([])),
        "other_invoices": part(&report, "other_invoices", json!([])),
        "sources": request["sources"],
        "finalize": request["finalize"],
        "created_at": format!("{:.0}", run.created_at),
        "updated_at": format!("{:.0}", run.updated_at),
    })
}

/// A run as it is answered in a list.
fn short_view(run: &BillRun) -> Value {
    let mut view = view(run);
    if let Some(view) = view.as_object_mut() {
        without_customers(view);
    }
    view
}

/// A report has thousands of them.
pub(super) fn without_customers(report: &mut Map<String, Value>) {
    for name in ["customers", "unassigned", "pending_corrections", "files"] {
        report.shift_remove(name);
    }
}
