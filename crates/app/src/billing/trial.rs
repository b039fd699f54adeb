//! A price rule that is tried on a month before it is stored: which bills it would change, and by how much. The same engine
//! rates the same files twice, without the rule and with it; nothing is stored.

use super::plan::Plan;
use super::report::{RunError, stored};
use super::request::RunRequest;
use super::rules::{self, check_customer};
use super::scratch::Scratch;
use super::stage::{rated, unchanged};
use super::watch::{Ended, Watch};
use crate::access::Call;
use crate::boxed;
use crate::permissions::Permission;
use crate::{App, Error, Refusal};
use domain::PartnerId;
use domain::json::Json;
use domain::version::Nonce;
use rating::{Amount, Currency, Message, NewPriceRule, PriceRule, WarningCode};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::bill_runs::{self, BillRun};
use store::price_rules;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest time that a trial takes.
const MAX_TIME: Duration = Duration::from_secs(30);
/// The longest time that a trial waits for those of other partners.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// The maximum number of trials at a time on a server; one for each partner.
const MAX_TRIALS: usize = 2;
/// Id of a rule that is not stored yet. It comes after the rules with the same position, as a new rule does.
const NEW_RULE: i64 = i64::MAX;
/// Later than every month.
const NO_MONTH: &str = "9999-99";

/// What a price rule would change of a month that was billed.
#[derive(Clone, Debug)]
pub struct RuleTrial {
    /// Id of the run that the month was billed by: its files, its customers and their margins are tried.
    pub run: i64,
    /// The month, such as `2026-10`.
    pub billing_period: String,
    /// The bills that would change, the largest difference first.
    pub changes: Vec<BillChange>,
    /// The number of bills that would stay as they are.
    pub unchanged: u64,
    /// The sums of all bills, by currency.
    pub totals: Vec<TrialTotal>,
    /// Whether no line of the month gets its price from the rule.
    pub is_unused: bool,
    /// What the engine warns of the rule otherwise, such as lines without a list price.
    pub warnings: Vec<Message>,
}

/// What came of trying a rule.
#[derive(Clone, Debug)]
pub enum TriedRule {
    /// What it would change.
    Tried(RuleTrial),
    /// No month was billed yet.
    NoMonth,
    /// The files of the month cannot be rated any more.
    Failed(Vec<RunError>),
}

/// A bill that a rule would change.
#[derive(Clone, Debug)]
pub struct BillChange {
    /// Customer id.
    pub customer_id: i64,
    /// Display name of the customer.
    pub name: String,
    /// Currency of the amounts.
    pub currency: Currency,
    /// The bill's total by the stored rules.
    pub before: Amount,
    /// The bill's total with the rule.
    pub after: Amount,
    /// By how much it would change.
    pub difference: Amount,
}

/// The sum of all bills in a currency.
#[derive(Clone, Debug)]
pub struct TrialTotal {
    /// Currency of the amounts.
    pub currency: Currency,
    /// By the stored rules.
    pub before: Amount,
    /// With the rule.
    pub after: Amount,
    /// By how much it would change.
    pub difference: Amount,
}

/// The trials that are under way on this server.
pub(super) struct Trials {
    permits: Arc<Semaphore>,
    partners: Arc<Mutex<HashSet<PartnerId>>>,
}

impl Default for Trials {
    fn default() -> Self {
        Trials { permits: Arc::new(Semaphore::new(MAX_TRIALS)), partners: Arc::default() }
    }
}

/// A trial that is under way, until it is dropped.
struct TrialGuard {
    partner: PartnerId,
    partners: Arc<Mutex<HashSet<PartnerId>>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for TrialGuard {
    fn drop(&mut self) {
        self.permit.take();
        self.partners.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.partner);
    }
}

impl Trials {
    async fn enter(&self, partner: PartnerId) -> Result<TrialGuard, Error> {
        if !self.partners.lock().unwrap_or_else(PoisonError::into_inner).insert(partner) {
            let message = "another price rule is being tried; wait until that has ended, then try again";
            return Err(Error::Conflict(Refusal::new(message).named("trial-under-way", &[])));
        }
        let mut guard = TrialGuard { partner, partners: Arc::clone(&self.partners), permit: None };
        let permit = tokio::time::timeout(MAX_WAIT, Arc::clone(&self.permits).acquire_owned()).await;
        let busy = || {
            let message = "this server is trying the rules of others; try again later";
            Error::Conflict(Refusal::new(message).named("trials-of-others", &[]))
        };
        guard.permit = Some(permit.map_err(|_| busy())?.map_err(|_| busy())?);
        Ok(guard)
    }
}

/// Stops the engine when the request is given up.
struct CancelOnDrop(Arc<Watch>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What is rated.
struct Trial {
    run: BillRun,
    plan: Plan,
    before: Vec<PriceRule>,
    after: Vec<PriceRule>,
    nonce: Nonce,
}

/// What is read of the database for a trial: the rules without and with the one that is tried, its id, and the run with its
/// plan.
type Found = (Vec<PriceRule>, Vec<PriceRule>, i64, Option<(BillRun, String)>);

impl App {
    /// Tries a price rule on the last month that was billed and is over, else on the last one: a new rule, or the change of the
    /// stored rule `id`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with every violation; [`Error::Conflict`] while another rule of the partner is
    /// tried, and where it takes too long.
    #[boxed]
    pub async fn try_price_rule<'a>(
        self: &'a Arc<Self>,
        call: &'a Call,
        id: Option<i64>,
        body: &Json,
    ) -> Result<TriedRule, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let this_month = self.clock.now().strftime("%Y-%m").to_string();
        let input = (call.partner(), this_month, id, body.clone());
        let (before, after, tried, run): Found = grant
            .read(input, |(partner, this_month, id, body), tx| {
                Box::pin(async move {
                    let rows = price_rules::list(tx, *partner, 0, i64::MAX).await?.0;
                    let before = rows.iter().map(rules::read).collect::<Result<Vec<_>, Error>>()?;
                    let tried = with_rule(&before, *id, body)?;
                    check_customer(tx, *partner, &tried.details).await?;
                    let tried_id = tried.id;
                    let others = before.iter().filter(|rule| rule.id != tried_id).cloned();
                    let after = others.chain([tried]).collect();
                    let mut run = bill_runs::newest_before(tx, *partner, this_month).await?;
                    if run.is_none() {
                        run = bill_runs::newest_before(tx, *partner, NO_MONTH).await?;
                    }
                    let Some(run) = run else { return Ok((before, after, tried_id, None)) };
                    let plan = bill_runs::plan(tx, *partner, run).await?;
                    let run = bill_runs::get(tx, *partner, run).await?;
                    Ok::<_, Error>((before, after, tried_id, run.zip(plan)))
                })
            })
            .await?;
        let Some((run, plan)) = run else { return Ok(TriedRule::NoMonth) };
        let billing = self.billing()?;
        let guard = billing.trials.enter(call.partner()).await?;
        let plan = stored("the plan of a bill run", &plan)?;
        let trial = Trial { run, plan, before, after, nonce: self.random.nonce()? };
        let watch = Arc::new(Watch::until(&billing.closing));
        let _cancel = CancelOnDrop(Arc::clone(&watch));
        // A task of its own, so that the work folder outlives the engine where the request is given up.
        let work = tokio::spawn({
            let app = Arc::clone(self);
            async move {
                let _guard = guard;
                app.rate_trial(&trial, &watch).await.map(|reports| (trial.run, reports))
            }
        });
        let too_long = || {
            let seconds = MAX_TIME.as_secs();
            let message = format!(
                "the month is too large to try a rule on: that took longer than {seconds} seconds. A dry run shows what saved \
                 rules charge (tenantry admin bill run --dry-run)"
            );
            Error::Conflict(Refusal::new(message).named("month-too-large", &[("seconds", &seconds)]))
        };
        let ended = tokio::time::timeout(MAX_TIME, work).await.map_err(|_| too_long())?;
        let (run, [before, after]) = match ended.map_err(|e| Error::Internal(e.to_string()))? {
            Ok(rated) => rated,
            Err(Ended::Error(error)) => return Err(error),
            Err(Ended::Cancelled | Ended::GivenUp) => {
                let why = Refusal::new("the trial was stopped: this server is closing");
                return Err(Error::Conflict(why.named("trial-stopped", &[])));
            }
            Err(Ended::Failed(errors)) => return Ok(TriedRule::Failed(errors)),
        };
        Ok(TriedRule::Tried(compared(&run, &before, &after, tried)))
    }

    /// Rates the files of a run without the rule and with it.
    async fn rate_trial(&self, trial: &Trial, watch: &Arc<Watch>) -> Result<[rating::RunReport; 2], Ended> {
        let Trial { run, plan, before, after, nonce } = trial;
        let request = RunRequest::of_run(run)?;
        let scratch = Scratch::of_trial(&self.billing()?.setup.work, run.partner, *nonce)?;
        let inputs = self.inputs(run, &request, plan, scratch.path(), watch).await?;
        let mut job = self.job(run, &request, plan, inputs, scratch.path())?;
        // Runs and requests go on beside it.
        job.threads = (job.threads / 2).max(1);
        job.rules.clone_from(before);
        let without = rated(&job, watch).await?;
        unchanged(run, &without)?;
        job.rules.clone_from(after);
        job.out = scratch.path().join("with");
        std::fs::create_dir(&job.out).map_err(|e| Error::Billing(format!("{}: {e}", job.out.display())))?;
        let with = rated(&job, watch).await?;
        Ok([without, with])
    }
}

/// The rule that is tried: a new one, or a stored one with what `body` changes of it.
fn with_rule(stored: &[PriceRule], id: Option<i64>, body: &Json) -> Result<PriceRule, Error> {
    let Some(id) = id else {
        let details = NewPriceRule::parse(body).map_err(Error::Invalid)?;
        let is_placed = body.get("position").is_some_and(|position| !position.is_blank());
        let last = stored.last().map_or(0, |rule| rule.details.position);
        let position = if is_placed { details.position } else { last };
        return Ok(PriceRule { id: NEW_RULE, details: NewPriceRule { position, ..details } });
    };
    let rule = stored.iter().find(|rule| rule.id == id).ok_or(Error::NotFound)?;
    Ok(PriceRule { id, details: rule.patched(body).map_err(Error::Invalid)? })
}

/// What the rule `tried` changes.
fn compared(run: &BillRun, before: &rating::RunReport, after: &rating::RunReport, tried: i64) -> RuleTrial {
    let with: BTreeMap<(i64, Currency), Amount> =
        after.customers.iter().map(|bill| ((bill.customer_id, bill.currency), bill.charge)).collect();
    let (mut changes, mut unchanged) = (Vec::new(), 0);
    let mut totals: BTreeMap<Currency, TrialTotal> = BTreeMap::new();
    for bill in &before.customers {
        let (currency, before) = (bill.currency, bill.charge);
        // A rule changes charges, and neither which bills there are nor their currencies.
        let after = with.get(&(bill.customer_id, currency)).copied().unwrap_or_default();
        let zero = Amount::ZERO;
        let none = TrialTotal { currency, before: zero, after: zero, difference: zero };
        let total = totals.entry(currency).or_insert(none);
        let difference = after - before;
        total.before += before;
        total.after += after;
        total.difference += difference;
        if before == after {
            unchanged += 1;
        } else {
            let name = bill.name.clone();
            changes.push(BillChange {
                customer_id: bill.customer_id,
                name,
                currency,
                before,
                after,
                difference,
            });
        }
    }
    changes.sort_by_key(|change| (Reverse(change.difference.abs()), change.customer_id));
    let (unused, warnings): (Vec<_>, Vec<_>) = after
        .warnings
        .iter()
        .filter(|warning| warning.price_rule_id == Some(tried))
        .partition(|warning| warning.code == WarningCode::PriceRuleUnused);
    RuleTrial {
        run: run.id,
        billing_period: run.billing_period.clone(),
        changes,
        unchanged,
        totals: totals.into_values().collect(),
        is_unused: !unused.is_empty(),
        warnings: warnings
            .into_iter()
            .map(|warning| Message { text: warning.message.clone(), wording: warning.wording.clone() })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_partner_tries_one_rule_at_a_time() {
        let trials = Trials::default();
        let (first, second) = (PartnerId(1), PartnerId(2));
        let under_way = trials.enter(first).await.unwrap();
        assert!(matches!(trials.enter(first).await, Err(Error::Conflict(_))));
        // The control: another partner's goes on beside it, and the partner's own next one after it.
        drop(trials.enter(second).await.unwrap());
        drop(under_way);
        drop(trials.enter(first).await.unwrap());
        // A trial that is refused does not count as one that runs.
        assert_eq!(trials.permits.available_permits(), MAX_TRIALS);
        assert!(trials.partners.lock().unwrap().is_empty());
    }
}
