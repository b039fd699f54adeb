//! Home: what needs attention, worst first, the months that were billed, the largest customers, and what was changed last.

use crate::chart::{self, Chart};
use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::pages::comparison::money;
use crate::pages::directory_connection::Cause;
use crate::pages::{bill_run, billing};
use crate::routes::Routes;
use app::billing::{Amount, Currency, Profit, ProfitReport, ProfitSearch, RunState, RunView, Stage};
use app::customers::{BillingProblem, CustomerView, Order, Search};
use app::{Permission, Query};
use askama::Template;
use axum::response::Response;
use domain::Handling;
use jiff::SignedDuration;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Trials that end within this time are shown.
const ENDING_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The number of entries of a short list.
const SHORT: i64 = 5;
/// The number of customers that are charged most.
const MAX_LARGEST: usize = 10;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("/console", show)
}

/// Something that needs attention.
pub(crate) struct Alert {
    /// Whether it stops work, rather than being about to.
    pub(crate) is_urgent: bool,
    pub(crate) title: String,
    pub(crate) detail: String,
    /// Since when, or until when.
    pub(crate) at: Option<Time>,
    /// The page that mends it, and what the link says.
    pub(crate) link: Option<(String, String)>,
}

/// A customer in a short list.
pub(crate) struct Recent {
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) changed: Time,
}

/// A month that was billed.
pub(crate) struct Month {
    pub(crate) href: String,
    pub(crate) name: String,
    /// Cost, charge and profit of each currency.
    pub(crate) sums: Vec<[String; 3]>,
}

#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage {
    pub(crate) l: Layout,
    pub(crate) alerts: Vec<Alert>,
    /// The newest month first; empty for readers that may not see costs.
    pub(crate) months: Vec<Month>,
    /// What the newest months are charged, in the currency of the last one.
    pub(crate) chart: Option<Chart>,
    /// The newest month, and the customers that are charged most in it: link, name, charge and profit.
    pub(crate) largest: Option<(String, Vec<[String; 4]>)>,
    pub(crate) total: i64,
    pub(crate) recent: Vec<Recent>,
    pub(crate) may_change: bool,
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    if cx.call().customer().is_some() {
        return Ok(html::see_other("/console/portal"));
    }
    let now = cx.app.now();
    let mut alerts: Vec<Alert> = directory_alert(&cx).await?.into_iter().collect();
    let runs = if cx.may(Permission::SeeCosts) { billing::newest(&cx, 1).await?.1 } else { Vec::new() };
    let last = last_of_each_month(runs.iter());
    // A run that failed takes no bills back.
    let billed = last_of_each_month(runs.iter().filter(|run| !run.totals.is_empty()));
    alerts.extend(last.iter().flat_map(|run| run_alerts(&cx, run)));
    // What stops work comes first.
    alerts.sort_by_key(|alert| !alert.is_urgent);
    alerts.extend(trial_alert(&cx).await?);
    alerts.extend(billing_alert(&cx).await?);
    let corrected = match billed.is_empty() {
        true => BTreeSet::new(),
        false => cx.app.months_with_corrections(cx.call()).await?,
    };
    let mut months = Vec::new();
    for run in billed.iter().take(chart::MONTHS) {
        months.push(BilledMonth::of(&cx, run, &runs, &corrected).await?);
    }
    let chart = drawn(&cx, &months);
    let largest = match months.first() {
        Some(month) => Some(largest(&cx, month).await?),
        None => None,
    };
    let months = months.iter().map(|billed| month(&cx, billed)).collect();
    let mut search = Search::parse(&Query::default(), now)?;
    search.paging.per_page = SHORT;
    search.order = Order::Changed;
    let page = cx.app.customers(cx.call(), search).await?;
    let recent = page.customers.iter().map(|customer| recent(&cx, customer)).collect();
    let may_change = cx.may(Permission::ChangeCustomers);
    let l = cx.layout("home-title", Section::Home);
    Ok(html::ok(&HomePage { l, alerts, months, chart, largest, total: page.total, recent, may_change }))
}

/// The last run of each month, the newest month first. Cancelled runs count only where a month has no other.
fn last_of_each_month<'r>(runs: impl Iterator<Item = &'r RunView>) -> Vec<&'r RunView> {
    let mut last: Vec<&RunView> = Vec::new();
    for run in runs.filter(|run| !matches!(run.state, RunState::Cancelled)) {
        if !last.iter().any(|other| other.billing_period == run.billing_period) {
            last.push(run);
        }
    }
    last.sort_by(|one, other| other.billing_period.cmp(&one.billing_period));
    last
}

/// What was billed of a month.
struct BilledMonth<'r> {
    /// Its last run.
    run: &'r RunView,
    /// Cost and charge of each currency.
    sums: Vec<(Currency, Amount, Amount)>,
    /// The bills, where they are not the last run's alone.
    bills: Option<ProfitReport>,
}

impl<'r> BilledMonth<'r> {
    /// The sums of a month's last run, if its bills are all that there are; or else those of all bills that stand, with each
    /// correction in the month that it is of.
    async fn of(
        cx: &Cx,
        run: &'r RunView,
        runs: &[RunView],
        corrected: &BTreeSet<String>,
    ) -> Result<Self, Failure> {
        let counts = |other: &&RunView| matches!(other.stage, Some(Stage::Final | Stage::Void));
        let mut of_month = runs.iter().filter(|other| other.billing_period == run.billing_period);
        let is_of_several =
            of_month.any(|other| counts(&other) && (other.id != run.id || other.stage == Some(Stage::Void)));
        if !is_of_several && !corrected.contains(&run.billing_period) {
            let sums = run.totals.iter().map(|total| (total.currency, total.charged_cost, total.charge));
            return Ok(BilledMonth { run, sums: sums.collect(), bills: None });
        }
        let bills = profit_of(cx, &run.billing_period).await?;
        let mut sums = Vec::new();
        for row in &bills.totals {
            sums.extend(parsed(&row.currency, &row.profit));
        }
        if sums.is_empty() {
            sums.extend(run.totals.first().map(|total| (total.currency, Amount::ZERO, Amount::ZERO)));
        }
        Ok(BilledMonth { run, sums, bills: Some(bills) })
    }
}

async fn profit_of(cx: &Cx, period: &str) -> Result<ProfitReport, Failure> {
    let parameters =
        vec![("billing_period".to_owned(), period.to_owned()), ("by".to_owned(), "customer".to_owned())];
    let search = ProfitSearch::parse(&Query::new(parameters, Handling::Lenient))?;
    Ok(cx.app.profit(cx.call(), search).await?)
}

/// Cost and charge as numbers.
fn parsed(currency: &str, profit: &Profit) -> Option<(Currency, Amount, Amount)> {
    Some((currency.parse().ok()?, profit.cost.parse().ok()?, profit.charge.parse().ok()?))
}

fn month(cx: &Cx, billed: &BilledMonth<'_>) -> Month {
    let sums = billed.sums.iter();
    let sums = sums.map(|(currency, cost, charge)| {
        [*cost, *charge, *charge - *cost].map(|amount| money(cx.lang, amount, *currency))
    });
    Month {
        href: format!("/console/billing/runs/{}", billed.run.id),
        name: format::month(cx.lang, &billed.run.billing_period),
        sums: sums.collect(),
    }
}

/// The charges of the last months, the newest first, in the first currency that the newest charges something in.
fn drawn(cx: &Cx, billed: &[BilledMonth<'_>]) -> Option<Chart> {
    let newest = billed.first()?;
    let charged = newest.sums.iter().find(|(_, _, charge)| !charge.is_zero());
    let (currency, ..) = *charged.or(newest.sums.first())?;
    chart::year(cx.lang, &newest.run.billing_period, |period| {
        let month = billed.iter().find(|month| month.run.billing_period == period)?;
        let (_, _, charge) = month.sums.iter().find(|(of, ..)| *of == currency)?;
        // Whole units are enough for a bar.
        let whole = charge.rounded(0).to_string().parse().unwrap_or_default();
        let is_final = matches!(month.run.stage, Some(Stage::Final));
        Some((whole, money(cx.lang, *charge, currency), !is_final))
    })
}

/// What a month's last run asks for: that it failed, bills that were held back, and money on no bill.
fn run_alerts(cx: &Cx, run: &RunView) -> Vec<Alert> {
    let name = format::month(cx.lang, &run.billing_period);
    let href = format!("/console/billing/runs/{}", run.id);
    let money = |amount: Amount, currency: &str, places: u8| {
        format::money(cx.lang, &amount.rounded(places).to_string(), places.into(), currency)
    };
    let alert = |is_urgent, id: &str, detail: String, anchor: &str| Alert {
        is_urgent,
        title: cx.lang.text_with(id, &[("month", &name)]),
        detail,
        at: None,
        link: Some((format!("{href}{anchor}"), cx.lang.text("home-show-run", None))),
    };
    let sum = |amount: fn(&RunView) -> Vec<(Amount, &'static str, u8)>| {
        let sums = amount(run).into_iter().filter(|(amount, ..)| !amount.is_zero());
        sums.map(|(amount, currency, places)| money(amount, currency, places)).collect::<Vec<_>>().join(", ")
    };
    let mut alerts = Vec::new();
    if matches!(run.state, RunState::Failed) {
        let why = run.errors.first().map_or(String::new(), |error| bill_run::said(cx.lang, error));
        alerts.push(alert(true, "home-run-failed", why, ""));
    }
    let held = sum(|run| {
        let of = run.totals.iter();
        of.map(|total| (total.held_charge, total.currency.code(), total.currency.minor_unit())).collect()
    });
    if !held.is_empty() {
        alerts.push(alert(true, "home-held-back", held, "#held"));
    }
    let unassigned = sum(|run| {
        let of = run.totals.iter();
        of.map(|total| (total.unassigned_cost, total.currency.code(), total.currency.minor_unit())).collect()
    });
    if !unassigned.is_empty() {
        alerts.push(alert(false, "home-unassigned", unassigned, "#unassigned"));
    }
    alerts
}

/// The customers that are charged most in a month: link, name, charge and profit.
async fn largest(cx: &Cx, month: &BilledMonth<'_>) -> Result<(String, Vec<[String; 4]>), Failure> {
    let run = month.run;
    let mut bills: Vec<(String, String, Currency, Amount, Amount)> = Vec::new();
    match &month.bills {
        Some(report) => {
            for row in &report.rows {
                let href = format!("/console/customers/{}", row.customer_id.unwrap_or_default());
                let sums = parsed(&row.currency, &row.profit).filter(|(_, cost, charge)| {
                    // The month before had it alone.
                    !(cost.is_zero() && charge.is_zero())
                });
                bills.extend(
                    sums.map(|(currency, cost, charge)| (href, row.name.clone(), currency, cost, charge)),
                );
            }
        }
        None => {
            let whole = cx.app.bill_run(cx.call(), run.id).await?;
            bills.extend(whole.customers.into_iter().flatten().map(|bill| {
                let href = format!("/console/billing/runs/{}/customers/{}", run.id, bill.customer_id);
                (href, bill.name, bill.currency, bill.cost, bill.charge)
            }));
        }
    }
    // Sums of different currencies cannot be compared: those of the first one come first.
    let first = month.sums.iter().find(|(_, _, charge)| !charge.is_zero()).map(|(currency, ..)| *currency);
    bills.sort_by_key(|(_, _, currency, _, charge)| (Some(*currency) != first, Reverse(*charge)));
    let row = |(href, name, currency, cost, charge): (String, String, Currency, Amount, Amount)| {
        [href, name, money(cx.lang, charge, currency), money(cx.lang, charge - cost, currency)]
    };
    Ok((format::month(cx.lang, &run.billing_period), bills.into_iter().take(MAX_LARGEST).map(row).collect()))
}

fn recent(cx: &Cx, customer: &CustomerView) -> Recent {
    let [_, changed] = customer.times();
    Recent {
        href: format!("/console/customers/{}", customer.id()),
        name: customer.name().to_owned(),
        changed: format::time(cx.lang, changed),
    }
}

async fn directory_alert(cx: &Cx) -> Result<Option<Alert>, Failure> {
    let status = cx.app.own_directory_status(cx.call()).await?;
    Ok(status.and_then(|status| status.failure).map(|failure| {
        let Cause { title, advice, since, .. } = Cause::of(cx.lang, failure);
        Alert {
            is_urgent: true,
            title: cx.lang.text("home-directory-failing", None),
            detail: format!("{title}. {advice}"),
            at: Some(since),
            link: Some(("/console/directory".to_owned(), cx.lang.text("home-show-directory", None))),
        }
    }))
}

async fn trial_alert(cx: &Cx) -> Result<Option<Alert>, Failure> {
    let now = cx.app.now();
    let soon = now.saturating_add(ENDING_SOON).unwrap_or(now);
    let search = Search::parse(&Query::default(), now)?.trial_ending(now, soon);
    customers_alert(cx, search, "home-trials-ending", "/console/customers?trial=ending").await
}

/// Customers whose bills the last run had something against.
async fn billing_alert(cx: &Cx) -> Result<Option<Alert>, Failure> {
    let search = Search::parse(&Query::default(), cx.app.now())?;
    let search = search.with_billing_problem(BillingProblem::InLastRun);
    customers_alert(cx, search, "home-billing-problems", "/console/customers?partner_billing=problem").await
}

/// The customers of this search, if there are any.
async fn customers_alert(
    cx: &Cx,
    mut search: Search,
    title: &str,
    href: &str,
) -> Result<Option<Alert>, Failure> {
    search.paging.per_page = SHORT;
    let page = cx.app.customers(cx.call(), search).await?;
    let names: Vec<&str> = page.customers.iter().map(CustomerView::name).collect();
    let more = if page.more { "\u{2026}" } else { "" };
    Ok((page.total > 0).then(|| Alert {
        is_urgent: false,
        title: cx.lang.count(title, page.total),
        detail: format!("{}{more}", names.join(", ")),
        at: None,
        link: Some((href.to_owned(), cx.lang.text("home-show-customers", None))),
    }))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<HomePage> {
    use crate::layout::samples::{partner, time};
    let alert = |is_urgent| Alert {
        is_urgent,
        title: "Trials end soon".into(),
        detail: "Acme <script>alert(1)</script>, Globex".into(),
        at: is_urgent.then(time),
        link: Some(("/console/customers?trial=ending".into(), "Show".into())),
    };
    let month = || Month {
        href: "/console/billing/runs/1".into(),
        name: "October 2026".into(),
        sums: vec![["1.00 USD".into(), "2.00 <b>".into(), "1.00 USD".into()]],
    };
    let drawn = |period: &str| (period != "2026-09").then(|| (200, "2.00 <b>".to_owned(), true));
    let l = || partner("home-title", Section::Home);
    let empty = |may_change| HomePage {
        l: l(),
        alerts: vec![],
        months: vec![],
        chart: None,
        largest: None,
        total: 0,
        recent: vec![],
        may_change,
    };
    vec![
        empty(true),
        empty(false),
        HomePage {
            l: l(),
            alerts: vec![alert(true), alert(false)],
            months: vec![month(), month()],
            chart: chart::year(crate::i18n::Lang::En, "2026-10", drawn),
            largest: Some((
                "October 2026".into(),
                vec![
                    ["/console/billing/runs/1/customers/7", "Acme <b>", "2.00 USD", "1.00 USD"]
                        .map(str::to_owned),
                ],
            )),
            total: 1_000_000,
            recent: vec![Recent {
                href: "/console/customers/1".into(),
                name: "=1+1".into(),
                changed: time(),
            }],
            may_change: true,
        },
    ]
}
