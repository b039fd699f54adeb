//! The customer's portal: what its own users see of it. Its overview, and the list of its bills.

use crate::chart::{self, Chart};
use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::list::page_number;
use crate::pages::statement::{self, Part};
use crate::routes::Routes;
use app::Error;
use app::billing::{StatementSearch, StatementStatus, StatementView};
use askama::Template;
use axum::response::Response;
use domain::Address;
use jiff::Timestamp;
use std::sync::Arc;

const BILLS: &str = "/console/portal/bills";
/// Enough for the months of the chart in several currencies; the most that a page can have.
const PER_PAGE: i64 = 100;
/// The services that the overview shows.
const MAX_SERVICES: usize = 10;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("/console/portal", show).get(BILLS, bills)
}

/// The statements of a month.
pub(crate) struct Card {
    pub(crate) month: String,
    /// Link and total of each currency.
    pub(crate) totals: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "portal.html")]
pub(crate) struct PortalPage {
    pub(crate) l: Layout,
    pub(crate) name: String,
    /// The partner as it issues bills: its name, and the lines of its address.
    pub(crate) partner: String,
    pub(crate) partner_address: Vec<String>,
    /// The end of the trial.
    pub(crate) trial: Option<Time>,
    pub(crate) address: Vec<String>,
    pub(crate) billing_contact: Option<String>,
    /// The newest month, while it may still change.
    pub(crate) estimate: Option<Card>,
    /// The newest month that is final.
    pub(crate) last: Option<Card>,
    pub(crate) chart: Option<Chart>,
    /// What the chart shows, in words.
    pub(crate) months: Vec<statement::Row>,
    /// What the newest month is made of, and its name.
    pub(crate) services: Option<(String, Vec<Part>)>,
}

#[derive(Template)]
#[template(path = "portal_bills.html")]
pub(crate) struct PortalBillsPage {
    pub(crate) l: Layout,
    pub(crate) rows: Vec<statement::Row>,
    /// The pages of older and of newer bills.
    pub(crate) older: Option<String>,
    pub(crate) newer: Option<String>,
}

/// A page of the customer's statements, the newest first, and how many there are in all.
async fn statements(cx: &Cx, page: i64) -> Result<(Vec<StatementView>, i64), Failure> {
    let mut search = StatementSearch::default();
    (search.paging.page, search.paging.per_page) = (page, PER_PAGE);
    let (mut found, total) = cx.app.statements(cx.call(), search).await?;
    found.sort_by(|a, b| {
        b.billing_period().cmp(a.billing_period()).then_with(|| a.currency().cmp(b.currency()))
    });
    Ok((found, total))
}

/// The last page of a list of this length, whose pages begin with the oldest statement.
fn last_page(total: i64) -> i64 {
    (total + PER_PAGE - 1) / PER_PAGE
}

/// The newest statements: more than half a page of them, if there are as many.
async fn newest_statements(cx: &Cx) -> Result<Vec<StatementView>, Failure> {
    let (mut found, total) = statements(cx, 1).await?;
    let last = last_page(total);
    if last > 1 {
        (found, _) = statements(cx, last).await?;
        found.extend(statements(cx, last - 1).await?.0);
    }
    Ok(found)
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = cx.call().customer().ok_or(Error::NotFound)?;
    let customer = cx.app.customer(cx.call(), id).await?;
    let trial = customer.trial_expiration_date().and_then(|end| Timestamp::from_second(end.as_second()).ok());
    let found = newest_statements(&cx).await?;
    // Those that were withdrawn, made void or reversed are in the table alone.
    let is_owed = |statement: &&StatementView| {
        matches!(statement.status(), StatementStatus::Estimated | StatementStatus::Final)
    };
    let owed: Vec<&StatementView> = found.iter().filter(is_owed).collect();
    let newest = |is_final: bool| {
        let first =
            owed.iter().find(|statement| (statement.status() == StatementStatus::Final) == is_final)?;
        let of_month = found.iter().filter(|other| {
            other.billing_period() == first.billing_period() && other.status() == first.status()
        });
        let total = |statement: &StatementView| {
            (format!("/console/bills/{}", statement.id()), statement::total(&cx, statement))
        };
        let month = format::month(cx.lang, first.billing_period());
        Some(Card { month, totals: of_month.map(total).collect() })
    };
    // An estimate that is older than the last bill is no longer "so far".
    let is_open = owed.first().is_some_and(|statement| statement.status() != StatementStatus::Final);
    let services = match owed.first() {
        Some(statement) => statement::parts(&cx, statement).await?.map(|(mut services, _)| {
            services.truncate(MAX_SERVICES);
            (format::month(cx.lang, statement.billing_period()), services)
        }),
        None => None,
    };
    let chart = drawn(&cx, &owed);
    let (issuer, issuer_address) = cx.app.issuer(cx.call()).await?;
    Ok(html::ok(&PortalPage {
        l: cx.layout_with(customer.name().to_owned(), Section::Home),
        name: customer.name().to_owned(),
        partner: issuer.unwrap_or_else(|| cx.signed_in.partner_name.clone()),
        partner_address: issuer_address.as_ref().map_or_else(Vec::new, Address::lines),
        trial: trial.map(|at| format::time(cx.lang, at)),
        address: customer.address().map_or_else(Vec::new, Address::lines),
        billing_contact: customer.billing_contact().map(str::to_owned),
        estimate: if is_open { newest(false) } else { None },
        last: newest(true),
        chart,
        months: found.iter().take(chart::MONTHS).map(|statement| statement::row(&cx, statement)).collect(),
        services,
    }))
}

/// The chart of the last months, in the currency of the newest statement.
fn drawn(cx: &Cx, found: &[&StatementView]) -> Option<Chart> {
    let newest = found.first()?;
    chart::year(cx.lang, newest.billing_period(), |period| {
        let is_it = |statement: &&&StatementView| {
            statement.billing_period() == period && statement.currency() == newest.currency()
        };
        let statement = found.iter().find(is_it)?;
        let amount = chart::coins(statement.total_amount());
        Some((amount, statement::total(cx, statement), statement.status() != StatementStatus::Final))
    })
}

async fn bills(cx: Arc<Cx>) -> Result<Response, Failure> {
    cx.call().customer().ok_or(Error::NotFound)?;
    let number = page_number(&cx.query);
    // The first page of this list is the last one of the statements.
    let (_, total) = statements(&cx, 1).await?;
    let page = last_page(total) + 1 - number;
    let found = if page < 1 { Vec::new() } else { statements(&cx, page).await?.0 };
    Ok(html::ok(&PortalBillsPage {
        l: cx.layout("statements-title", Section::Bills),
        rows: found.iter().map(|statement| statement::row(&cx, statement)).collect(),
        older: (page > 1).then(|| format!("{BILLS}?page={}", number + 1)),
        newer: (number > 1).then(|| format!("{BILLS}?page={}", number - 1)),
    }))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<PortalPage> {
    use crate::layout::samples::{partner, time};
    let page = || PortalPage {
        l: partner("home-title", Section::Home),
        name: "Acme <b>".into(),
        partner: "Partner & Sons".into(),
        partner_address: vec![],
        trial: None,
        address: vec![],
        billing_contact: None,
        estimate: None,
        last: None,
        chart: None,
        months: vec![],
        services: None,
    };
    let month = |amount: i128| chart::Month {
        label: "Oct".into(),
        title: "October <b>".into(),
        amount,
        shown: "12.00 USD".into(),
        is_estimate: amount > 1,
    };
    let card = || Card {
        month: "October 2026".into(),
        totals: vec![
            ("/console/bills/1".into(), "12.00 USD".into()),
            ("/console/bills/2".into(), "1 EUR".into()),
        ],
    };
    vec![
        page(),
        PortalPage {
            trial: Some(time()),
            partner_address: vec!["2 Main St <b>".into()],
            address: vec!["1 Main St".into()],
            billing_contact: Some("a@example.com".into()),
            estimate: Some(card()),
            last: Some(card()),
            chart: chart::bars(&[month(1), month(2)]),
            months: vec![statement::row_sample()],
            services: Some(("October 2026".into(), vec![statement::part_sample()])),
            ..page()
        },
    ]
}

#[cfg(test)]
pub(super) fn bills_samples() -> Vec<PortalBillsPage> {
    use crate::layout::samples::partner;
    let page = |rows| PortalBillsPage {
        l: partner("statements-title", Section::Bills),
        rows,
        older: Some(format!("{BILLS}?page=3")),
        newer: Some(BILLS.to_owned()),
    };
    vec![page(vec![]), page(vec![statement::row_sample()])]
}
