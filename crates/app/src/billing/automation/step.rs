//! One step of an automation: looks at what there is, decides what is missing, and asks for it. Nothing is remembered of a step
//! but what it did, so that any server can make the next, and nights that were missed are made up for once.

use super::{AutomationSettings as Settings, Estimates, Finalize, Invoices, State, Waiting};
use crate::access::Call;
use crate::audit::Entry;
use crate::billing::actions::{RunAction, estimates};
use crate::billing::fetch::{self, FetchErrorCode, FetchRequest, FetchView, Stopped};
use crate::billing::record::{FetchRecord, RunRecord};
use crate::billing::report::{RunReport, message_of};
use crate::billing::request::RunRequest;
use crate::billing::runs::{self, internal};
use crate::billing::view::RunView;
use crate::boxed;
use crate::change::Done;
use crate::{App, Error};
use domain::PartnerId;
use domain::json::Json;
use futures_util::future::BoxFuture;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use metrics::counter;
use rating::wording::Value;
use rating::{Amount, Currency, Message, WarningCode, Wording, count_of, form_for};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::bill_runs::{self, BillRun};
use store::billing_automations::{self, AutomationRow};
use store::invoice_fetches::{self, Fetch, State as FetchState};
use store::microsoft_invoices::{self, FetchedExport, MicrosoftInvoice};
use store::{Tx, statements};

/// How long a step may take: the list of invoices alone may wait for minutes.
const LEASE: SignedDuration = SignedDuration::from_mins(10);
/// The time before Partner Center is asked again for a list that it refused.
const LIST_AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// Number of actions that are shown.
const MAX_ACTIONS: usize = 20;
/// The first day of a month that has usage of the month: data is a day behind.
const FIRST_ESTIMATE: i8 = 2;

/// What there is.
struct Facts {
    invoices: Vec<MicrosoftInvoice>,
    exports: Vec<FetchedExport>,
    /// The last fetch of each month.
    fetches: Vec<Fetch>,
    /// The runs of the months concerned, the newest last, without customers.
    runs: Vec<BillRun>,
    /// The last successful run of a month, with its whole report.
    reports: BTreeMap<String, (i64, RunReport)>,
    /// Months with final statements.
    finals: BTreeSet<String>,
    /// Months whose last successful run has statements that can become final.
    estimated: BTreeSet<String>,
}

/// Something that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Fetch(FetchRequest),
    Run { month: String, sources: Vec<String> },
    Finalize { run: i64 },
}

/// What is missing, and what is waited for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decision {
    actions: Vec<Action>,
    waits: Vec<Waiting>,
}

impl App {
    /// Makes a step for every partner that has one to make.
    pub fn automate_billing(self: &Arc<Self>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Ok(billing) = self.billing() else { return };
            let partners: Result<Vec<PartnerId>, Error> = self
                .db
                .unchecked()
                .read(store::Scope::System, (), |(), tx| {
                    Box::pin(async move { Ok(billing_automations::partners(tx).await?) })
                })
                .await;
            let partners = match partners {
                Ok(partners) => partners,
                Err(error) => return tracing::warn!(%error, "failed to read the billing automations"),
            };
            for partner in partners {
                if billing.closing.load(Ordering::Relaxed) {
                    return;
                }
                if let Err(error) = self.automate_partner(partner).await {
                    tracing::warn!(partner = partner.0, %error, "failed to make a step of a billing automation");
                }
            }
        })
    }

    /// Returns when an automation was changed.
    #[boxed]
    pub async fn automation_changed(&self) {
        match self.billing() {
            Ok(billing) => billing.wake_automation.notified().await,
            Err(_) => std::future::pending().await,
        }
    }

    async fn automate_partner(&self, partner: PartnerId) -> Result<(), Error> {
        let now = self.clock.now();
        // Mostly there is nothing to do, and then nothing is written.
        let row: Option<AutomationRow> = self
            .db
            .unchecked()
            .read(partner, partner, |partner, tx| {
                Box::pin(async move { Ok::<_, Error>(billing_automations::get(tx, *partner).await?) })
            })
            .await?;
        let Some(row) = row else { return Ok(()) };
        let (settings, state) = parsed(&row)?;
        let decision = self.automatic_decision(partner, &row.since, &settings, now).await?;
        if !is_listing_due(&settings, &state, now)
            && decision.actions.is_empty()
            && decision.waits == state.waits
        {
            return Ok(());
        }
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let leased: Option<AutomationRow> = self
            .db
            .unchecked()
            .write(partner, (partner, now, until), |(partner, now, until), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(billing_automations::lease(tx, *partner, *now, *until).await?)
                })
            })
            .await?;
        let Some(row) = leased else { return Ok(()) };
        let (settings, mut state) = parsed(&row)?;
        let done = self.automation_step(partner, &row.since, &settings, &mut state, now).await;
        // The lease is released whatever came of it; what was done stays done.
        let text = serde_json::to_string(&state).map_err(internal)?;
        self.db
            .unchecked()
            .write(partner, (partner, until, text), |(partner, until, text), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(billing_automations::settle(tx, *partner, *until, text).await?)
                })
            })
            .await?;
        done
    }

    async fn automation_step(
        &self,
        partner: PartnerId,
        since: &str,
        settings: &Settings,
        state: &mut State,
        now: Timestamp,
    ) -> Result<(), Error> {
        if is_listing_due(settings, state, now) {
            state.listing_tried_at = Some(now.as_second());
            match self.list_for_automation(partner).await {
                Ok(()) => {
                    state.listed_on = Some(today(now).to_string());
                    state.error = None;
                }
                Err(Stopped::Failed(error)) => {
                    tracing::warn!(
                        partner = partner.0,
                        code = error.code.name(),
                        message = error.message,
                        "billing automation failed to list the invoices"
                    );
                    state.error = Some((error.code.name().to_owned(), error.message));
                }
                Err(Stopped::Cancelled) => {}
                Err(Stopped::Error(error)) => return Err(error),
            }
        }
        let decision = self.automatic_decision(partner, since, settings, now).await?;
        state.waits = decision.waits;
        for action in decision.actions {
            match self.automatic_action(partner, &action, settings.publish, now).await {
                Ok((what, object)) => {
                    counter!("tenantry_billing_automation_actions_total", "action" => what).increment(1);
                    tracing::info!(partner = partner.0, action = what, object, "billing automation");
                    state.actions.push((now.as_second(), what.to_owned(), object));
                }
                // Somebody else was quicker, or something speaks against it.
                Err(Error::Conflict(why)) => state.waits.push(message_of(&why).into()),
                Err(error) => return Err(error),
            }
        }
        let more = state.actions.len().saturating_sub(MAX_ACTIONS);
        state.actions.drain(..more);
        Ok(())
    }

    async fn list_for_automation(&self, partner: PartnerId) -> Result<(), Stopped> {
        let client = self.billing_client(partner).await?;
        self.list_invoices(partner, &client).await.map(drop)
    }

    async fn automatic_decision(
        &self,
        partner: PartnerId,
        since: &str,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Decision, Error> {
        let input = (partner, since.to_owned(), today(now).strftime("%Y-%m").to_string());
        let facts: Facts = self
            .db
            .unchecked()
            .read(partner, input, |(partner, since, this), tx| Box::pin(facts(tx, *partner, since, this)))
            .await?;
        decide(&facts, since, settings, now)
    }

    /// Asks for what is missing; what it is called, and the object.
    async fn automatic_action(
        &self,
        partner: PartnerId,
        action: &Action,
        publish: bool,
        now: Timestamp,
    ) -> Result<(&'static str, String), Error> {
        let call = Call::of_billing(partner);
        let done: (&'static str, String) = self
            .unchecked(&call)
            .change((partner, action.clone(), publish, now), |(partner, action, publish, now), tx| {
                Box::pin(async move {
                    let (what, object, entry) = match action {
                        Action::Fetch(request) => {
                            let fetch = fetch::begin(tx, *partner, request, false, *now).await?;
                            let object = fetch::object(fetch.id);
                            let entry = Entry::new("invoice_fetch.create", object.clone());
                            ("fetch", object, entry.after(&FetchRecord::from(&FetchView::of(&fetch)?)))
                        }
                        Action::Run { month, sources } => {
                            let body =
                                json!({"billing_period": month, "sources": sources, "publish": publish});
                            let request = RunRequest::parse(&Json::from(&body))?;
                            let run = runs::begin(tx, *partner, &request, false, *now).await?;
                            let object = runs::object(run.id);
                            let entry = Entry::new("bill_run.create", object.clone());
                            ("bill", object, entry.after(&RunRecord::from(&RunView::of(&run)?)))
                        }
                        Action::Finalize { run } => {
                            // The automation's own bound has been checked.
                            let finalize = RunAction::Finalize { accept: vec![WarningCode::Unassigned] };
                            let (run, entry) = finalize.begin(tx, *partner, *run, false, *now).await?;
                            ("finalize", runs::object(run.id), entry)
                        }
                    };
                    Ok(Done { value: (what, object), entry: Some(entry) })
                })
            })
            .await?;
        let billing = self.billing()?;
        match action {
            Action::Fetch(_) => billing.wake_fetching.notify_one(),
            Action::Run { .. } | Action::Finalize { .. } => billing.wake.notify_one(),
        }
        Ok(done)
    }
}

fn parsed(row: &AutomationRow) -> Result<(Settings, State), Error> {
    Ok((
        serde_json::from_str(&row.settings).map_err(internal)?,
        serde_json::from_str(&row.state).map_err(internal)?,
    ))
}

fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

fn is_listing_due(settings: &Settings, state: &State, now: Timestamp) -> bool {
    let works = settings.invoices != Invoices::Off || settings.estimates != Estimates::Off;
    let today = today(now).to_string();
    let tried_lately = state.listing_tried_at.is_some_and(|second| {
        let again = Timestamp::from_second(second).ok().and_then(|at| at.saturating_add(LIST_AGAIN).ok());
        again.is_some_and(|again| now < again)
    });
    works && state.listed_on.as_ref() != Some(&today) && !tried_lately
}

async fn facts(tx: &mut Tx, partner: PartnerId, since: &str, this: &str) -> Result<Facts, Error> {
    let invoices = microsoft_invoices::list(tx, partner).await?;
    let fetches = invoice_fetches::newest(tx, partner).await?;
    let of_invoices = invoices.iter().map(|invoice| invoice.billing_period.clone());
    let of_fetches = fetches.iter().map(|fetch| fetch.billing_period.clone());
    let mut months: BTreeSet<String> = of_invoices.chain(of_fetches).collect();
    months.insert(this.to_owned());
    months.retain(|month| month.as_str() >= since);
    let (mut runs, mut reports) = (Vec::new(), BTreeMap::new());
    let (mut finals, mut estimated) = (BTreeSet::new(), BTreeSet::new());
    for month in months {
        let filter = bill_runs::Filter { billing_period: Some(month.clone()), state: None };
        runs.extend(bill_runs::list(tx, partner, &filter, 0, i64::MAX).await?.0);
        if let Some(id) = bill_runs::newest(tx, partner, &month).await?
            && let Some(run) = bill_runs::get(tx, partner, id).await?
            && let Some(report) = RunReport::of_run(&run)?
        {
            reports.insert(month.clone(), (id, report));
            if statements::list(tx, partner, &estimates(&run), 0, 1).await?.1 > 0 {
                estimated.insert(month.clone());
            }
        }
        let filter = statements::Filter {
            status: Some(statements::Status::Final),
            billing_period: Some(month.clone()),
            ..statements::Filter::default()
        };
        if statements::list(tx, partner, &filter, 0, 1).await?.1 > 0 {
            finals.insert(month);
        }
    }
    let exports = microsoft_invoices::exports(tx, partner).await?;
    Ok(Facts { invoices, exports, fetches, runs, reports, finals, estimated })
}

impl Facts {
    /// The month's last fetch, if it is of this kind.
    fn fetch(&self, month: &str, unbilled: bool) -> Option<&Fetch> {
        self.fetches.iter().find(|fetch| fetch.billing_period == month).filter(|fetch| {
            serde_json::from_str::<FetchRequest>(&fetch.request)
                .is_ok_and(|request| request.unbilled == unbilled && request.invoice_id.is_none())
        })
    }

    fn is_fetching(&self, month: &str) -> bool {
        self.fetches.iter().any(|fetch| fetch.billing_period == month && fetch.state.is_under_way())
    }

    fn is_billing(&self, month: &str) -> bool {
        self.runs.iter().any(|run| run.billing_period == month && run.state.is_under_way())
    }

    /// The last run over these sources.
    fn run_of(&self, month: &str, sources: &[String]) -> Option<&BillRun> {
        let wanted: BTreeSet<&String> = sources.iter().collect();
        self.runs.iter().rev().find(|run| {
            run.billing_period == month
                && RunRequest::of_run(run)
                    .is_ok_and(|request| request.sources.iter().collect::<BTreeSet<_>>() == wanted)
        })
    }

    fn invoices_of(&self, month: &str) -> Vec<&MicrosoftInvoice> {
        self.invoices.iter().filter(|invoice| invoice.billing_period == month).collect()
    }
}

/// What is missing, by what there is.
fn decide(facts: &Facts, since: &str, settings: &Settings, now: Timestamp) -> Result<Decision, Error> {
    let mut decision = Decision::default();
    let today = today(now);
    let this = today.strftime("%Y-%m").to_string();
    if settings.estimates == Estimates::Daily {
        let last = today.first_of_month().yesterday().map(|day| day.strftime("%Y-%m").to_string());
        let last = last.ok().filter(|last| last.as_str() >= since);
        let this = (today.day() >= FIRST_ESTIMATE).then_some(this.clone());
        for month in last.into_iter().chain(this) {
            if facts.invoices_of(&month).is_empty() && !facts.finals.contains(&month) {
                estimate(facts, &month, today, &mut decision);
            }
        }
    }
    if settings.invoices != Invoices::Off {
        let months: BTreeSet<&str> = facts
            .invoices
            .iter()
            .map(|invoice| invoice.billing_period.as_str())
            .filter(|month| *month >= since && *month < this.as_str())
            .collect();
        for month in months {
            invoice(facts, month, settings, now, &mut decision)?;
        }
    }
    Ok(decision)
}

/// Whether a fetch was begun on a day, so that there is one a night.
fn is_of(fetch: &Fetch, day: Date) -> bool {
    today(fetch.created_at) == day
}

fn failed(fetch: &Fetch) -> Option<Waiting> {
    let (code, message) = fetch.error.as_ref().filter(|_| fetch.state == FetchState::Failed)?;
    let month = &fetch.billing_period;
    let id = FetchErrorCode::of_name(code).map(FetchErrorCode::wording);
    Some(Waiting {
        text: format!("{month}: {message}"),
        wording: Some(Wording::new("report-wait-fetch", [("month", month.into())])),
        reasons: vec![Message { text: message.clone(), wording: id.map(|id| Wording::new(&id, [])) }],
    })
}

/// The sources of a fetch that has brought all that it was asked for.
fn sources_of(fetch: &Fetch) -> Option<Vec<String>> {
    let sources: Vec<String> = serde_json::from_str(fetch.sources.as_deref()?).ok()?;
    (fetch.state == FetchState::Succeeded && !sources.is_empty()).then_some(sources)
}

/// What an estimate of a month lacks.
fn estimate(facts: &Facts, month: &str, today: Date, decision: &mut Decision) {
    if facts.is_fetching(month) {
        return;
    }
    let Some(fetch) = facts.fetch(month, true).filter(|fetch| is_of(fetch, today)) else {
        let request = FetchRequest { billing_period: month.to_owned(), invoice_id: None, unbilled: true };
        return decision.actions.push(Action::Fetch(request));
    };
    decision.waits.extend(failed(fetch));
    if let Some(sources) = sources_of(fetch)
        && !facts.is_billing(month)
        && facts.run_of(month, &sources).is_none()
    {
        decision.actions.push(Action::Run { month: month.to_owned(), sources });
    }
}

/// What the bill of a month from its invoices lacks.
fn invoice(
    facts: &Facts,
    month: &str,
    settings: &Settings,
    now: Timestamp,
    decision: &mut Decision,
) -> Result<(), Error> {
    let invoices = facts.invoices_of(month);
    if facts.is_fetching(month) {
        return Ok(());
    }
    // What a fetch that failed has brought may be half of an invoice.
    let fetch = facts.fetch(month, false);
    let sources = fetch.and_then(sources_of).unwrap_or_default();
    let is_fetched = |invoice: &&MicrosoftInvoice| {
        facts.exports.iter().any(|export| {
            export.invoice_id == invoice.id
                && export.kind == "reconciliation"
                && sources.contains(&export.source)
        })
    };
    if !invoices.iter().all(is_fetched) {
        match fetch.filter(|fetch| is_of(fetch, today(now))) {
            Some(fetch) => decision.waits.extend(failed(fetch)),
            None => decision.actions.push(Action::Fetch(FetchRequest {
                billing_period: month.to_owned(),
                invoice_id: None,
                unbilled: false,
            })),
        }
        return Ok(());
    }
    if settings.invoices != Invoices::FetchAndBill || facts.finals.contains(month) {
        return Ok(());
    }
    let mut currencies = BTreeSet::new();
    if let Some(second) = invoices.iter().find(|invoice| !currencies.insert(invoice.currency.as_str())) {
        let text = format!(
            "{month}: Microsoft has several invoices in {}, {} among them; whether one takes the place of another has to be \
             decided by hand: run the bills of the month with those that count",
            second.currency, second.id
        );
        let values = [
            ("month", month.into()),
            ("currency", (&second.currency).into()),
            ("invoice", (&second.id).into()),
        ];
        let wording = Wording::new("report-wait-several-invoices", values);
        decision.waits.push(Message::worded(text, wording).into());
        return Ok(());
    }
    let Some(run) = facts.run_of(month, &sources) else {
        if !facts.is_billing(month) {
            decision.actions.push(Action::Run { month: month.to_owned(), sources });
        }
        return Ok(());
    };
    if run.state.is_under_way() {
        return Ok(());
    }
    let Some((_, report)) = facts.reports.get(month).filter(|(id, _)| *id == run.id) else {
        let text = format!("{month}: its last bills are not those of run {}: bill it by hand", run.id);
        let values = [("month", month.into()), ("run", run.id.to_string().into())];
        let wording = Wording::new("report-wait-other-run", values);
        decision.waits.push(Message::worded(text, wording).into());
        return Ok(());
    };
    if settings.finalize == Finalize::AfterDays {
        let days = SignedDuration::from_hours(24 * settings.days);
        let due = run.created_at.saturating_add(days).unwrap_or(Timestamp::MAX);
        let against = against_finalizing(report, &invoices, settings)?;
        if !against.is_empty() {
            let texts: Vec<&str> = against.iter().map(|reason| reason.text.as_str()).collect();
            decision.waits.push(Waiting {
                text: format!("{month} is not made final: {}", texts.join("; ")),
                wording: Some(Wording::new("report-wait-not-final", [("month", month.into())])),
                reasons: against,
            });
        } else if now >= due && facts.estimated.contains(month) {
            decision.actions.push(Action::Finalize { run: run.id });
        }
    }
    Ok(())
}

/// What speaks against making the statements of a run final without anybody looking at them.
fn against_finalizing(
    report: &RunReport,
    invoices: &[&MicrosoftInvoice],
    settings: &Settings,
) -> Result<Vec<Message>, Error> {
    let unreadable = |what: &str| Error::Internal(format!("{what} is not an amount"));
    let bound: Amount = settings.max_unassigned.parse().map_err(|_| unreadable("max_unassigned"))?;
    let mut against = Vec::new();
    if !report.checks.as_ref().is_some_and(|checks| checks.ties) {
        against.push(Message::worded("its sums do not tie", Wording::new("report-against-ties", [])));
    }
    for invoice in invoices {
        let charged: Option<Amount> = invoice.total_charges.parse().ok();
        let total = report.totals.iter().find(|total| total.currency.code() == invoice.currency);
        let billed = total.map_or(Amount::ZERO, |total| total.cost + total.tax);
        if charged != Some(billed) {
            let text = format!(
                "the lines of the invoice {} come to {billed} {}, and Microsoft charges {}",
                invoice.id, invoice.currency, invoice.total_charges
            );
            let money =
                |amount: Option<Amount>, text: &str| match (amount, invoice.currency.parse::<Currency>()) {
                    (Some(amount), Ok(currency)) => Value::from((amount, currency)),
                    _ => text.into(),
                };
            let values = [
                ("invoice", (&invoice.id).into()),
                ("billed", money(Some(billed), &billed.to_string())),
                ("charged", money(charged, &invoice.total_charges)),
            ];
            against.push(Message::worded(text, Wording::new("report-against-invoice", values)));
        }
    }
    for total in report.totals.iter().filter(|total| total.unassigned_cost.abs() > bound) {
        let text = format!("{} {} belong to no customer", total.unassigned_cost, total.currency);
        let values = [("cost", (total.unassigned_cost, total.currency).into())];
        against.push(Message::worded(text, Wording::new("report-against-unassigned", values)));
    }
    let held = report.customers.iter().filter(|bill| !bill.held_back.is_empty()).count();
    if held > 0 {
        let are = form_for(held as u64, "is", "are");
        let text = format!("{} {are} held back", count_of(held as u64, "bill"));
        let wording = Wording::new("report-against-held", [("count", held.into())]);
        against.push(Message::worded(text, wording));
    }
    if !report.errors.is_empty() {
        let text = format!("{} could not be written", count_of(report.errors.len() as u64, "bill"));
        let wording = Wording::new("report-against-errors", [("count", report.errors.len().into())]);
        against.push(Message::worded(text, wording));
    }
    // These two were said above, by the automation's own bound.
    let said = [WarningCode::Unassigned, WarningCode::HeldBack];
    let blocking = report.blocking(&said);
    against.extend(
        blocking.map(|warning| Message { text: warning.to_string(), wording: warning.wording.clone() }),
    );
    Ok(against)
}
