//! What is done with a run that has succeeded: its statements are made final, bills that it held back are released, final
//! statements of its month are reversed.

use super::invoices;
use super::plan::{Shown, refusal_of_changes};
use super::record::RunRecord;
use super::report::{self, RunReport, RunWarning, stored};
use super::request::{RunRequest, read_codes};
use super::runs::{answered, last_of_its_period, object};
use super::view::RunView;
use super::voiding;
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::{Created, WriteBody};
use crate::permissions::Permission;
use crate::{App, Error};
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::violation::code;
use domain::{Handling, PartnerId, Violation, Violations};
use jiff::Timestamp;
use rating::WarningCode;
use serde_json::json;
use std::collections::BTreeSet;
use store::bill_runs::{self, BillRun};
use store::{Tx, statements};

impl App {
    /// Makes a run's statements final.
    ///
    /// # Errors
    /// Those of [`App::act_on_bill_run`]; [`Error::Invalid`].
    #[boxed]
    pub async fn finalize_bill_run(
        &self,
        call: &Call,
        id: i64,
        body: &Json,
        write: WriteBody<RunView>,
    ) -> Result<Created, Error> {
        self.require(call, Permission::ManageBilling).await?;
        let mut violations = FINALIZATION.unknown(body, Handling::Strict);
        let accept = accepted_codes(body, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        self.act_on_bill_run(call, id, RunAction::Finalize { accept }, write).await
    }

    /// Have a run that has succeeded worked on once more.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::Invalid`] with every customer whose bill was not held back;
    /// [`Error::Conflict`] if the run has not succeeded, or is not the period's last, or would make bills final of an
    /// invoice that is final in another month; [`Error::KeyReused`], [`Error::StillRunning`]; [`Error`] of the store.
    #[boxed]
    pub async fn act_on_bill_run(
        &self,
        call: &Call,
        id: i64,
        action: RunAction,
        write: WriteBody<RunView>,
    ) -> Result<Created, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let _entered = self.enter(call)?;
        let now = self.clock.now();
        let created = grant
            .make(ActionInput { partner: call.partner(), id, action, now, write }, |input, tx| {
                let ActionInput { partner, id, action, now, write } = input;
                Box::pin(async move {
                    let (run, entry) = action.begin(tx, *partner, *id, false, *now).await?;
                    answered(RunView::of(&run)?, *write, entry)
                })
            })
            .await?;
        self.billing()?.wake.notify_one();
        Ok(created)
    }
}

/// What the transaction of an action needs.
struct ActionInput {
    partner: PartnerId,
    id: i64,
    action: RunAction,
    now: Timestamp,
    write: WriteBody<RunView>,
}

/// What is done with a run that has succeeded.
#[derive(Clone, Debug)]
pub enum RunAction {
    /// Its statements become final: they are what is owed. Each is published as a further version. Repeating it changes
    /// nothing. A warning that blocks this has to be accepted by its code, by the run or here.
    Finalize {
        /// Codes of the warnings that are accepted.
        accept: Vec<WarningCode>,
    },
    /// The bills that it held back of these customers (`{"customer_ids": […]}`) are published: its work is done once more,
    /// with their bounds lifted.
    Release(Json),
    /// Final statements of its month are reversed: of these customers (`{"customer_ids": […], "reason": "…"}`), or of all.
    Void(Json),
}

impl RunAction {
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
            RunAction::Finalize { accept } => {
                let entry = |run: &BillRun| {
                    Ok::<_, Error>(
                        Entry::new("bill_run.finalize", object(id))
                            .after(&RunRecord::from(&RunView::of(run)?)),
                    )
                };
                if statements::list(tx, partner, &estimates(&run), 0, 1).await?.1 == 0 {
                    let entry = entry(&run)?;
                    return Ok((run, entry));
                }
                let report = RunReport::of_run(&run)?.unwrap_or_default();
                let mut refusals = invoices::refusals(tx, partner, &run.billing_period, &report).await?;
                refusals
                    .extend(invoices::published_elsewhere(tx, partner, &run.billing_period, &report).await?);
                refusals.extend(report.blocking(accept).map(RunWarning::refusal));
                let mut request = RunRequest::of_run(&run)?;
                let accepted = [accept.as_slice(), &request.accept];
                refusals.extend(refusal_of_changes(tx, &run, &report, &accepted, &Shown::Stored).await?);
                if !refusals.is_empty() {
                    return Err(Error::Conflict(refusals.into_iter().collect()));
                }
                accept_changes(&mut request, accept);
                let request =
                    RunRequest { publish: true, finalizing: Some(now.as_second()), voiding: None, ..request };
                let run = once_more(tx, &run, request, &run.released, by_command, now).await?;
                let entry = entry(&run)?;
                Ok((run, entry))
            }
            RunAction::Release(body) => {
                let mut released = released(&run)?;
                let (customers, accept) = to_release(&run, body)?;
                released.extend(customers);
                let ids = report::text(&released)?;
                let mut request = RunRequest::of_run(&run)?;
                let report = RunReport::of_run(&run)?.unwrap_or_default();
                let accepted = [accept.as_slice(), &request.accept];
                // They are shown at once where the run is.
                if request.publish
                    && let Some(refusal) =
                        refusal_of_changes(tx, &run, &report, &accepted, &Shown::New(BTreeSet::new())).await?
                {
                    return Err(Error::Conflict(refusal));
                }
                accept_changes(&mut request, &accept);
                let request = RunRequest { finalizing: None, voiding: None, ..request };
                let run = once_more(tx, &run, request, &ids, by_command, now).await?;
                let entry =
                    Entry::new("bill_run.release", object(id)).after(&json!({ "released": released }));
                Ok((run, entry))
            }
            RunAction::Void(body) => {
                let voiding = voiding::of_payload(tx, &run, body, now).await?;
                let entry = Entry::new("bill_run.void", object(id)).after(&voiding);
                let request =
                    RunRequest { finalizing: None, voiding: Some(voiding), ..RunRequest::of_run(&run)? };
                let run = once_more(tx, &run, request, &run.released, by_command, now).await?;
                Ok((run, entry))
            }
        }
    }
}

/// All statements of its month.
pub(super) fn of_month(run: &BillRun) -> statements::Filter {
    statements::Filter { billing_period: Some(run.billing_period.clone()), ..statements::Filter::default() }
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

/// A run that has succeeded, to be worked on once more as this request says.
async fn once_more(
    tx: &mut Tx,
    run: &BillRun,
    request: RunRequest,
    released: &str,
    by_command: bool,
    now: Timestamp,
) -> Result<BillRun, Error> {
    let before = RunRequest { before: None, ..RunRequest::of_run(run)? };
    let request = report::text(&RunRequest { before: Some(Box::new(before)), ..request })?;
    bill_runs::repeat(tx, run.partner, run.id, &request, released, by_command, now).await?;
    bill_runs::get(tx, run.partner, run.id).await?.ok_or(Error::NotFound)
}

/// Restores the request that a run had before it was repeated, because the repetition changed no bill.
pub(super) async fn undo_repetition(
    tx: &mut Tx,
    run: &BillRun,
    request: &RunRequest,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(before) = &request.before else { return Ok(()) };
    Ok(bill_runs::set_request(tx, run.partner, run.id, &report::text(before)?, now).await?)
}

/// Has the work on a run go on though facts have changed since it began, if that is accepted.
fn accept_changes(request: &mut RunRequest, accept: &[WarningCode]) {
    let code = WarningCode::FactsChanged;
    if accept.contains(&code) && !request.accept.contains(&code) {
        request.accept.push(code);
    }
}

/// The warnings that a payload accepts; what is wrong with them goes to the violations.
pub(super) fn accepted_codes(body: &Json, violations: &mut Violations) -> Vec<WarningCode> {
    match body.get("accept") {
        None | Some(Json::Null) => Vec::new(),
        Some(codes) => read_codes(codes).unwrap_or_else(|wrong| {
            let under =
                |wrong: Violation| Violation { pointer: format!("/accept{}", wrong.pointer), ..wrong };
            violations.extend(wrong.into_iter().map(under));
            Vec::new()
        }),
    }
}

/// What the payload of a release consists of.
static RELEASE: Payload =
    Payload { members: &[Member::plain("customer_ids"), Member::plain("accept")], read_only: &[] };

/// What the payload of a finalisation consists of. It is of the whole run.
static FINALIZATION: Payload = Payload { members: &[Member::plain("accept")], read_only: &[] };

/// `{"customer_ids": […], "accept": […]}`, each of a customer whose bill the run held back, and the warnings that are accepted.
fn to_release(run: &BillRun, body: &Json) -> Result<(Vec<i64>, Vec<WarningCode>), Error> {
    const POINTER: &str = "/customer_ids";
    let mut fields = Fields::of(body, r#"a JSON object such as {"customer_ids": [3947]}"#)
        .map_err(|wrong| Error::Invalid(wrong.into()))?;
    fields.violations.extend(RELEASE.unknown(body, Handling::Strict));
    let accept = accepted_codes(body, &mut fields.violations);
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
    let (report, released) = (RunReport::of_run(run)?.unwrap_or_default(), released(run)?);
    let is_held_back = |id: i64| {
        report.customers.iter().any(|bill| bill.customer_id == id && !bill.held_back.is_empty())
            // Released before, and then it could not be written.
            || released.contains(&id) && report.errors.iter().any(|error| error.customer_id == Some(id))
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
    if violations.is_empty() { Ok((ids, accept)) } else { Err(Error::Invalid(violations)) }
}

/// The customers whose bills may exceed the bounds.
pub(super) fn released(run: &BillRun) -> Result<BTreeSet<i64>, Error> {
    stored("the released customers of a bill run", &run.released)
}
