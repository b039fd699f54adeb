//! The end of a run: what the store learns of it, in one transaction.

use super::actions::undo_repetition;
use super::numbering::Numbers;
use super::plan::{PlannedCorrection, Shown, refusal_of_changes};
use super::report::{BillRef, Progress, RunError, RunReport, text};
use super::request::RunRequest;
use super::restate::{Restated, negated};
use super::runs::object;
use super::watch::Ended;
use super::work::without_bills;
use super::{health, invoices, profit, voiding};
use crate::access::Call;
use crate::audit::{self, Entry, Trail};
use crate::{App, Error, Refusal};
use domain::{CustomerId, PartnerId};
use jiff::Timestamp;
use rating::report::LineSums;
use rating::{Message, Wording};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::bill_runs::{self, BillRun, State};
use store::leases::Lease;
use store::profits::{self, BillKey};
use store::statement_numbers::{self, NumberFor};
use store::statements::{self, Bill, Filter, Issue, Status};
use store::{Tx, billing, corrections};

/// What came of a run.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) state: Option<State>,
    pub(super) report: RunReport,
    /// Microsoft's invoice.
    pub(super) invoice_id: Option<String>,
    /// `None` if the run changes nothing.
    pub(super) settlement: Option<Settlement>,
    /// The statements whose next version, as the request says it, is in the object store: final, or the reversal of a final one.
    pub(super) restated: Vec<Restated>,
    /// The customers whose bills could not be made final.
    pub(super) unfinalized: Vec<i64>,
}

/// What a run that succeeded changes.
#[derive(Default)]
pub(super) struct Settlement {
    pub(super) published: Vec<Published>,
    /// What there is against customers' bills.
    pub(super) faults: Vec<(i64, Message)>,
    /// Customers among those whose earlier estimates have a tenant that is not theirs any more.
    pub(super) moved: BTreeSet<i64>,
    /// The corrections that this month has taken.
    pub(super) carried: Vec<(i64, PlannedCorrection)>,
    /// Final lines that are missing, by whose bills were released without them.
    pub(super) acknowledged: BTreeMap<i64, Vec<u64>>,
    /// The numbers of the statements, if these are final at once.
    pub(super) numbers: Numbers,
}

/// A bill that is in the object store.
#[derive(Clone)]
pub(super) struct Published {
    pub(super) customer: CustomerId,
    pub(super) currency: String,
    pub(super) total: String,
    pub(super) place: BillRef,
    pub(super) files: Vec<String>,
    pub(super) ledger: String,
    pub(super) is_correction: bool,
    /// What the files of a final bill say that were there already.
    pub(super) issue: Option<Issue>,
    /// What its lines cost and are charged.
    pub(super) sums: Vec<LineSums>,
}

/// What the transaction that ends a run needs.
struct End {
    trail: Arc<Trail>,
    lease: Lease,
    request: RunRequest,
    run: BillRun,
    /// As it is stored.
    progress: String,
    outcome: Outcome,
    now: Timestamp,
}

impl App {
    /// Write down the end of a run. Nothing, if it is somebody else's by now.
    pub(super) async fn settle(
        &self,
        lease: Lease,
        request: RunRequest,
        run: BillRun,
        progress: Progress,
        outcome: Outcome,
    ) -> Result<(), Error> {
        let (trail, progress, now) = (Arc::clone(&self.trail), text(&progress)?, self.clock.now());
        let input = End { trail, lease, request, run, progress, outcome, now };
        self.db
            .unchecked()
            .write(lease.partner, input, |input, tx| {
                let End { trail, lease, request, run, progress, outcome, now } = input;
                Box::pin(async move {
                    let refused = refused(tx, request, run, outcome).await?;
                    let outcome = refused.as_ref().unwrap_or(outcome);
                    let state = outcome.state.unwrap_or(State::Failed);
                    let (report, short) = (text(&outcome.report)?, text(&outcome.report.summary())?);
                    if !bill_runs::end(tx, *lease, state, progress, &report, &short, *now).await? {
                        tracing::warn!(
                            partner = lease.partner.0,
                            run = lease.id,
                            "bill run lost its lease to another server"
                        );
                        return Ok(());
                    }
                    if let Some(settlement) = &outcome.settlement {
                        let invoice = outcome.invoice_id.as_deref();
                        succeed(tx, lease.partner, request, run, invoice, settlement, *now).await?;
                    }
                    for restated in &outcome.restated {
                        restate(tx, lease.partner, request, run, restated).await?;
                    }
                    if !outcome.restated.is_empty() {
                        corrections::let_go(tx, lease.partner, &run.billing_period).await?;
                        // A reversal shows no drafts of others.
                        let estimates = request.voiding.is_none().then_some(run.id);
                        statements::publish(tx, lease.partner, &run.billing_period, estimates, *now).await?;
                    }
                    if request.finalizing.is_some() && refused.is_none() {
                        let month = &run.billing_period;
                        let text = format!("its final bill of {month} could not be written");
                        let wording = Wording::new("report-final-unwritten", [("month", month.into())]);
                        let why = Message::worded(text, wording);
                        let faults = outcome.unfinalized.iter().map(|id| health::stored(*id, &why));
                        let faults = faults.collect::<Result<Vec<_>, Error>>()?;
                        billing::replace_unfinalized(tx, lease.partner, lease.id, &faults).await?;
                    }
                    statement_numbers::give_back(tx, lease.partner, lease.id).await?;
                    let has_changed = outcome.settlement.is_some() || !outcome.restated.is_empty();
                    if !has_changed {
                        undo_repetition(tx, run, request, *now).await?;
                    }
                    let entry = Entry {
                        after: Some(short),
                        ..Entry::new(action(state, has_changed), object(lease.id))
                    };
                    audit::append(tx, trail, &Call::of_billing(lease.partner), entry, *now).await?;
                    tracing::info!(
                        partner = lease.partner.0,
                        run = lease.id,
                        state = state.as_str(),
                        "bill run ended"
                    );
                    Ok(())
                })
            })
            .await
    }
}

/// Stores a statement that is final, or reversed, by now.
async fn restate(
    tx: &mut Tx,
    partner: PartnerId,
    request: &RunRequest,
    run: &BillRun,
    restated: &Restated,
) -> Result<(), Error> {
    let Restated { statement, place, files, number, issue } = restated;
    let (version, files) = (i64::from(place.version), text(files)?);
    let mut numbered = None;
    if request.finalizing.is_some() {
        let id = statement.id;
        numbered = statements::freeze(tx, partner, id, version, &files, issue).await?.then_some(id);
    } else if let Some(voiding) = &request.voiding {
        let total = negated(&statement.bill.total)?;
        let reversal = Bill { total, run: run.id, version, files, ..statement.bill.clone() };
        numbered = statements::reverse(tx, partner, statement, &reversal, &voiding.reason, issue).await?;
    }
    match numbered {
        Some(id) => issue_number(tx, run, number, id).await,
        None => Ok(()),
    }
}

/// Issues the number that a run has reserved for a statement.
async fn issue_number(tx: &mut Tx, run: &BillRun, number: &NumberFor, statement: i64) -> Result<(), Error> {
    match statement_numbers::issue(tx, run, number, statement).await? {
        true => Ok(()),
        false => Err(Error::Internal(format!("statement {statement} has no number reserved"))),
    }
}

impl App {
    /// An error if the bills that a run has staged could not be shown or final: they would lie in their customers' folders in vain.
    /// Settling looks again. `held_back`: the customers whose bills stay as they are.
    pub(super) async fn check_before_showing(
        &self,
        run: &BillRun,
        request: &RunRequest,
        report: RunReport,
        is_final: bool,
        held_back: BTreeSet<i64>,
    ) -> Result<(), Ended> {
        let input = (run.clone(), request.clone(), report, is_final, Shown::New(held_back));
        let reasons: Vec<Refusal> = self
            .db
            .unchecked()
            .read(run.partner, input, |(run, request, report, is_final, shown), tx| {
                Box::pin(reasons(tx, request, run, report, *is_final, shown))
            })
            .await?;
        match reasons.is_empty() {
            true => Ok(()),
            false => Err(Ended::Failed(reasons.iter().map(RunError::from).collect())),
        }
    }
}

/// What becomes of a run whose bills would be published or final, or reversed, if something has come in between since it began:
/// it was cancelled, an invoice of theirs is final or published in another month, a correction is on a statement, or what they
/// were made by has changed.
async fn refused(
    tx: &mut Tx,
    request: &RunRequest,
    run: &BillRun,
    outcome: &Outcome,
) -> Result<Option<Outcome>, Error> {
    let mut published = outcome.settlement.iter().flat_map(|settlement| &settlement.published);
    let is_restated = !outcome.restated.is_empty();
    let is_final = is_restated || published.any(|bill| bill.is_correction || request.finalize);
    let is_shown = is_restated || (outcome.settlement.is_some() && (request.publish || request.finalize));
    let (partner, period) = (run.partner, &run.billing_period);
    let mut said = Vec::new();
    if is_final || is_shown {
        bill_runs::one_after_the_other(tx, partner).await?;
    }
    // Who cancelled it in its last moments was told that it stops.
    if (is_restated || outcome.settlement.is_some()) && bill_runs::is_cancelling(tx, partner, run.id).await? {
        return without_bills(run, State::Cancelled, Vec::new()).map(Some);
    }
    if request.voiding.is_some() && is_restated {
        let customers = outcome.restated.iter().map(|one| one.statement.bill.customer).collect();
        let refusals = voiding::refusals(tx, partner, period, &customers).await?;
        said.extend(refusals.iter().map(RunError::from));
    } else if is_shown {
        let shown = match &outcome.settlement {
            Some(settlement) => Shown::New(settlement.faults.iter().map(|(id, _)| *id).collect()),
            None => Shown::Stored,
        };
        let refusals = reasons(tx, request, run, &outcome.report, is_final, &shown).await?;
        said.extend(refusals.iter().map(RunError::from));
    } else if is_final {
        let refusals = invoices::refusals(tx, partner, period, &outcome.report).await?;
        said.extend(refusals.iter().map(RunError::from));
    }
    if said.is_empty() {
        return Ok(None);
    }
    without_bills(run, State::Failed, said).map(Some)
}

/// Why the bills of a run cannot be shown; with `is_final`, why they cannot be final either.
async fn reasons(
    tx: &mut Tx,
    request: &RunRequest,
    run: &BillRun,
    report: &RunReport,
    is_final: bool,
    shown: &Shown,
) -> Result<Vec<Refusal>, Error> {
    let (partner, period) = (run.partner, &run.billing_period);
    let mut refusals = match is_final {
        true => invoices::refusals(tx, partner, period, report).await?,
        false => Vec::new(),
    };
    refusals.extend(invoices::published_elsewhere(tx, partner, period, report).await?);
    if refusals.is_empty() {
        refusals.extend(refusal_of_changes(tx, run, report, &[&request.accept], shown).await?);
    }
    Ok(refusals)
}

fn action(state: State, has_changed_anything: bool) -> &'static str {
    match state {
        _ if has_changed_anything => "bill_run.succeed",
        State::Cancelled => "bill_run.stop",
        _ => "bill_run.fail",
    }
}

async fn succeed(
    tx: &mut Tx,
    partner: PartnerId,
    request: &RunRequest,
    run: &BillRun,
    invoice_id: Option<&str>,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<(), Error> {
    let Settlement { published, faults, carried, acknowledged, .. } = settlement;
    let period = &run.billing_period;
    for bill in published {
        let kept = Bill {
            customer: bill.customer,
            billing_period: period.clone(),
            currency: bill.currency.clone(),
            total: bill.total.clone(),
            run: run.id,
            folder: bill.place.bill.folder().to_owned(),
            version: i64::from(bill.place.version),
            files: text(&bill.files)?,
            ledger: bill.ledger.clone(),
        };
        if bill.is_correction {
            corrections::insert(tx, partner, &kept).await?;
        } else if !statements::put(tx, partner, &kept, invoice_id, run.created_at, now).await? {
            // It is final, and the engine was told so: that month can only be corrected.
            return Err(Error::Internal(format!("customer {} has a final bill of {period}", bill.customer)));
        } else if request.finalize {
            finalize(tx, run, &kept, bill.issue.as_ref(), &settlement.numbers).await?;
        }
        let key = BillKey {
            customer: bill.customer,
            billing_period: period,
            currency: &bill.currency,
            correction: if bill.is_correction { kept.version } else { 0 },
        };
        profits::put(tx, partner, key, &profit::stored(&bill.sums)?).await?;
    }
    withdraw_others(tx, partner, run, settlement, now).await?;
    let are_published: BTreeSet<i64> = published.iter().map(|bill| bill.customer.0).collect();
    for (customer, lines) in acknowledged.iter().filter(|(customer, _)| are_published.contains(customer)) {
        let lines: String = lines.iter().map(|line| format!("{line:016x}")).collect();
        statements::acknowledge(tx, partner, period, CustomerId(*customer), &lines).await?;
    }
    let billed: BTreeSet<i64> = published.iter().filter(|b| !b.is_correction).map(|b| b.customer.0).collect();
    for (customer, correction) in carried.iter().filter(|(customer, _)| billed.contains(customer)) {
        corrections::carry(tx, partner, correction.key(*customer), period).await?;
    }
    corrections::let_go(tx, partner, period).await?;
    if request.finalize || request.publish {
        statements::publish(tx, partner, period, Some(run.id), now).await?;
    }
    let faults =
        faults.iter().map(|(id, why)| health::stored(*id, why)).collect::<Result<Vec<_>, Error>>()?;
    Ok(billing::replace_faults(tx, partner, &faults).await?)
}

/// Makes the statement of a bill final whose files say so.
async fn finalize(
    tx: &mut Tx,
    run: &BillRun,
    bill: &Bill,
    issued: Option<&Issue>,
    numbers: &Numbers,
) -> Result<(), Error> {
    let number = NumberFor { customer: bill.customer, currency: bill.currency.clone(), is_reversal: false };
    let no_number = || Error::Internal(format!("the bill of customer {} has no number", bill.customer));
    let issue = issued.or_else(|| numbers.get(&number)).ok_or_else(no_number)?;
    let (partner, period) = (run.partner, &bill.billing_period);
    let id = statements::estimate_of(tx, partner, bill.customer, period, &bill.currency).await?;
    let id = id.ok_or_else(|| Error::Internal(format!("the bill of customer {} is gone", bill.customer)))?;
    statements::freeze(tx, partner, id, bill.version, &bill.files, issue).await?;
    issue_number(tx, run, &number, id).await
}

/// Withdraws estimates of this month for whom there are no lines any more. Those of bills that were held back, or could not be
/// written, stay until somebody has looked, unless they have the lines of a tenant that has moved: these are on another
/// statement by now.
async fn withdraw_others(
    tx: &mut Tx,
    partner: PartnerId,
    run: &BillRun,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<(), Error> {
    let Settlement { published, faults, moved, .. } = settlement;
    let estimates = Filter {
        status: Some(Status::Estimated),
        billing_period: Some(run.billing_period.clone()),
        ..Filter::default()
    };
    let billed: BTreeSet<(i64, &str)> =
        published.iter().map(|b| (b.customer.0, b.currency.as_str())).collect();
    let faulty: BTreeSet<i64> = faults.iter().map(|(id, _)| *id).collect();
    for statement in statements::list(tx, partner, &estimates, 0, i64::MAX).await?.0 {
        let (customer, currency) = (statement.bill.customer.0, statement.bill.currency.as_str());
        let stays = faulty.contains(&customer) && !moved.contains(&customer);
        if !billed.contains(&(customer, currency)) && !stays {
            let period = &run.billing_period;
            let reason = match faulty.contains(&customer) {
                true => {
                    format!("withdrawn: a tenant on it has moved, and the new bill of {period} is not ready")
                }
                false => format!("withdrawn: no lines of {period} are billed to this customer any more"),
            };
            statements::withdraw(tx, partner, statement.id, &reason, now).await?;
        }
    }
    Ok(())
}
