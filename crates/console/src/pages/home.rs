//! Home: what needs attention, worst first, and what was changed last.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::pages::billing;
use crate::routes::Routes;
use app::billing::{Amount, RunState, RunView};
use app::customers::{CustomerView, Order, Search};
use app::{Permission, Query};
use askama::Template;
use axum::response::Response;
use jiff::SignedDuration;
use std::sync::Arc;

/// Trials that end within this time are shown.
const ENDING_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The number of entries of a short list.
const SHORT: i64 = 5;
/// The number of months of the chart and its table.
const MAX_MONTHS: usize = 12;
/// The chart's height, and the distance from one bar to the next, in its own units.
const CHART_HEIGHT: i64 = 120;
const BAR_WIDTH: usize = 40;

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
    /// The charge of its first currency in whole units.
    pub(crate) charge: i64,
}

/// A bar of the chart: its place, its height, and what it shows.
pub(crate) struct Bar {
    pub(crate) x: usize,
    pub(crate) y: i64,
    pub(crate) height: i64,
    pub(crate) label: String,
}

#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage {
    pub(crate) l: Layout,
    pub(crate) alerts: Vec<Alert>,
    /// The newest month first; empty for readers that may not see costs.
    pub(crate) months: Vec<Month>,
    pub(crate) total: i64,
    pub(crate) recent: Vec<Recent>,
    pub(crate) may_change: bool,
}

impl HomePage {
    /// The bars of the chart, the oldest month first.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        let highest = self.months.iter().map(|month| month.charge).max().unwrap_or(0).max(1);
        let bar = |(place, month): (usize, &Month)| {
            let height = (month.charge.max(0).saturating_mul(CHART_HEIGHT) / highest).max(1);
            let charge = month.sums.first().map_or("", |[_, charge, _]| charge.as_str());
            let label = format!("{}: {charge}", month.name);
            Bar { x: place * BAR_WIDTH, y: CHART_HEIGHT - height, height, label }
        };
        self.months.iter().rev().enumerate().map(bar).collect()
    }
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    if cx.call().customer().is_some() {
        return Ok(html::see_other("/console/portal"));
    }
    let now = cx.app.now();
    let mut alerts: Vec<Alert> = directory_alert(&cx).await?.into_iter().collect();
    let runs = if cx.may(Permission::SeeCosts) { billing::newest(&cx, 1).await?.1 } else { Vec::new() };
    let last = last_of_each_month(&runs);
    alerts.extend(last.iter().flat_map(|run| run_alerts(&cx, run)));
    // What stops work comes first.
    alerts.sort_by_key(|alert| !alert.is_urgent);
    alerts.extend(trial_alert(&cx).await?);
    let months = last.iter().filter(|run| !run.totals.is_empty()).take(MAX_MONTHS).map(|run| month(&cx, run));
    let months = months.collect();
    let mut search = Search::parse(&Query::default(), now)?;
    search.paging.per_page = SHORT;
    search.order = Order::Changed;
    let page = cx.app.customers(cx.call(), search).await?;
    let recent = page.customers.iter().map(|customer| recent(&cx, customer)).collect();
    let may_change = cx.may(Permission::ChangeCustomers);
    let l = cx.layout("home-title", Section::Home);
    Ok(html::ok(&HomePage { l, alerts, months, total: page.total, recent, may_change }))
}

/// The last run of each month, the newest month first. Cancelled runs count only where a month has no other.
fn last_of_each_month(runs: &[RunView]) -> Vec<&RunView> {
    let mut last: Vec<&RunView> = Vec::new();
    for run in runs.iter().filter(|run| !matches!(run.state, RunState::Cancelled)) {
        if !last.iter().any(|other| other.billing_period == run.billing_period) {
            last.push(run);
        }
    }
    last.sort_by(|one, other| other.billing_period.cmp(&one.billing_period));
    last
}

fn month(cx: &Cx, run: &RunView) -> Month {
    let whole = run.totals.first().map(|total| total.charge.rounded(0).to_string());
    Month {
        href: format!("/console/billing/runs/{}", run.id),
        name: format::month(cx.lang, &run.billing_period),
        sums: billing::sums(cx, run),
        charge: whole.and_then(|whole| whole.parse().ok()).unwrap_or(0),
    }
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
        let why = run.errors.first().map_or(String::new(), |error| error.message.clone());
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
    Ok(status.and_then(|status| status.failure).map(|failure| Alert {
        is_urgent: true,
        title: cx.lang.text("home-directory-failing", None),
        detail: failure.message,
        at: Some(format::time(cx.lang, failure.since)),
        link: None,
    }))
}

async fn trial_alert(cx: &Cx) -> Result<Option<Alert>, Failure> {
    let now = cx.app.now();
    let soon = now.saturating_add(ENDING_SOON).unwrap_or(now);
    let mut search = Search::parse(&Query::default(), now)?.trial_ending(now, soon);
    search.paging.per_page = SHORT;
    let page = cx.app.customers(cx.call(), search).await?;
    let names: Vec<&str> = page.customers.iter().map(CustomerView::name).collect();
    let more = if page.more { "\u{2026}" } else { "" };
    let link = ("/console/customers?trial=ending".to_owned(), cx.lang.text("home-show-customers", None));
    Ok((page.total > 0).then(|| Alert {
        is_urgent: false,
        title: cx.lang.count("home-trials-ending", page.total),
        detail: format!("{}{more}", names.join(", ")),
        at: None,
        link: Some(link),
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
    let month = |charge| Month {
        href: "/console/billing/runs/1".into(),
        name: "October 2026".into(),
        sums: vec![["1.00 USD".into(), "2.00 <b>".into(), "1.00 USD".into()]],
        charge,
    };
    let l = || partner("home-title", Section::Home);
    vec![
        HomePage { l: l(), alerts: vec![], months: vec![], total: 0, recent: vec![], may_change: true },
        HomePage { l: l(), alerts: vec![], months: vec![], total: 0, recent: vec![], may_change: false },
        HomePage {
            l: l(),
            alerts: vec![alert(true), alert(false)],
            months: vec![month(200), month(0), month(-5)],
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
