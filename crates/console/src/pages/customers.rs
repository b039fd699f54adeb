//! The list of customers: search, filters, order and page, all of them in the URL.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::form::query_string;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::list::{Choice, Pager, choices};
use crate::routes::{Routes, only_partners};
use app::customers::{CustomerView, Order, Search};
use app::{Error, Permission, Query};
use askama::Template;
use axum::response::Response;
use domain::{Classification, Handling};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const PATH: &str = "/console/customers";
const PER_PAGE: i64 = 50;
/// Trials that end within this time count as ending.
const ENDING_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The orders of the list, as the URL names them.
const ORDERS: [(&str, &str, Order); 4] = [
    ("", "order-newest", Order::Newest),
    ("name", "order-name", Order::Name),
    ("changed", "order-changed", Order::Changed),
    ("oldest", "order-oldest", Order::Oldest),
];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, list)
}

/// The state of a trial, as a row shows it.
pub(crate) struct Trial {
    pub(crate) has_ended: bool,
    pub(crate) end: Time,
}

/// A customer in the list.
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) has_access: bool,
    pub(crate) trial: Option<Trial>,
    /// Why bills cannot be written; empty if they can.
    pub(crate) billing_problem: String,
    pub(crate) is_billed: bool,
    /// Tags as `key: value`, with the link to their filter.
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) changed: Time,
}

/// What was asked for, for the fields of the search.
#[derive(Default)]
pub(crate) struct Filters {
    pub(crate) q: String,
    pub(crate) tag: String,
    pub(crate) classification: Vec<Choice>,
    pub(crate) trial: Vec<Choice>,
    pub(crate) billing: Vec<Choice>,
    pub(crate) order: Vec<Choice>,
    /// Whether anything but the order narrows the list.
    pub(crate) is_narrowed: bool,
}

#[derive(Template)]
#[template(path = "customers.html")]
pub(crate) struct CustomersPage {
    pub(crate) l: Layout,
    pub(crate) filters: Filters,
    pub(crate) rows: Vec<Row>,
    pub(crate) total: i64,
    pub(crate) pager: Pager,
    /// What is wrong with the filters.
    pub(crate) errors: Vec<String>,
    pub(crate) may_change: bool,
}

async fn list(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let now = cx.app.now();
    let parsed = search(&cx, now);
    let (page, errors) = match parsed {
        Ok(search) => {
            let (number, per_page) = (search.paging.page, search.paging.per_page);
            let page = cx.app.customers(cx.call(), search).await?;
            (Some((page, number, per_page)), Vec::new())
        }
        Err(Error::Parameters(violations)) => {
            (None, violations.iter().map(domain::Violation::sentence).collect())
        }
        Err(error) => return Err(error.into()),
    };
    let (rows, total, pager) = match &page {
        Some((page, number, per_page)) => {
            let rows: Vec<Row> = page.customers.iter().map(|customer| row(&cx, customer, now)).collect();
            let shown = rows.len() as i64;
            (rows, page.total, Pager::new(cx.lang, PATH, &cx.query, *number, *per_page, shown, page.total))
        }
        None => (Vec::new(), 0, Pager::default()),
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let l = cx.layout("customers-title", Section::Customers);
    let page = CustomersPage {
        l,
        filters: filters(&cx),
        rows,
        total,
        pager,
        errors,
        may_change: cx.may(Permission::ChangeCustomers),
    };
    Ok(html::page(status, &page))
}

/// The search of the query string, in which the console has parameters of its own: the order, and trials that end soon.
fn search(cx: &Cx, now: Timestamp) -> Result<Search, Error> {
    let is_ending = cx.query.get("trial") == "ending";
    let is_own =
        |name: &str, value: &str| ["sort", "done"].contains(&name) || name == "trial" && value == "ending";
    let others = cx.query.iter().filter(|(name, value)| !is_own(name, value));
    let parameters = others.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let mut search = Search::parse(&Query::new(parameters, Handling::Lenient), now)?;
    if cx.query.get("per_page").is_empty() {
        search.paging.per_page = PER_PAGE;
    }
    let order = ORDERS.iter().find(|(name, ..)| *name == cx.query.get("sort"));
    search.order = order.map_or(Order::Newest, |(.., order)| *order);
    // A cursor is the API's, whose lists have one order.
    search.after = None;
    let soon = now.saturating_add(ENDING_SOON).unwrap_or(now);
    Ok(if is_ending { search.trial_ending(now, soon) } else { search })
}

fn filters(cx: &Cx) -> Filters {
    let get = |name: &str| cx.query.get(name);
    let order: Vec<(&'static str, &str)> = ORDERS.iter().map(|(name, label, _)| (*name, *label)).collect();
    Filters {
        q: get("q").to_owned(),
        tag: get("tag").to_owned(),
        classification: choices(
            cx.lang,
            get("classification"),
            &[
                ("", "filter-any"),
                (Classification::ManagedWithAccess.as_str(), "access-with"),
                (Classification::ManagedWithoutAccess.as_str(), "access-without"),
            ],
        ),
        trial: choices(
            cx.lang,
            get("trial"),
            &[
                ("", "filter-any"),
                ("active", "trial-active"),
                ("ending", "trial-ending"),
                ("expired", "trial-ended"),
                ("none", "trial-none"),
            ],
        ),
        billing: choices(
            cx.lang,
            get("partner_billing"),
            &[("", "filter-any"), ("true", "billing-on"), ("false", "billing-off")],
        ),
        order: choices(cx.lang, get("sort"), &order),
        is_narrowed: cx
            .query
            .iter()
            .any(|(name, value)| !["sort", "page", "done"].contains(&name) && !value.is_empty()),
    }
}

fn row(cx: &Cx, customer: &CustomerView, now: Timestamp) -> Row {
    let trial = customer.trial_expiration_date().and_then(|end| {
        let at = Timestamp::from_second(end.as_second()).ok()?;
        Some(Trial { has_ended: end.reached(now), end: format::day(cx.lang, at) })
    });
    let tag = |tag: &domain::Tag| {
        let filter =
            if tag.value.is_empty() { tag.key.clone() } else { format!("{}:{}", tag.key, tag.value) };
        (tag_label(tag), format!("{PATH}{}", query_string([("tag", filter.as_str())])))
    };
    let [_, changed] = customer.times();
    Row {
        href: format!("{PATH}/{}", customer.id()),
        name: customer.name().to_owned(),
        has_access: customer.classification() == Classification::ManagedWithAccess,
        trial,
        billing_problem: customer.billing_status().map_or(String::new(), |status| status.reason().to_owned()),
        is_billed: customer.partner_billing().enabled,
        tags: customer.tags().iter().map(tag).collect(),
        changed: format::day(cx.lang, changed),
    }
}

/// A tag as text: `key: value`, or the key alone.
pub(crate) fn tag_label(tag: &domain::Tag) -> String {
    if tag.value.is_empty() { tag.key.clone() } else { format!("{}: {}", tag.key, tag.value) }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<CustomersPage> {
    use crate::i18n::Lang;
    use crate::layout::samples::{partner, time};
    let row = |name: &str, trial: Option<bool>, problem: &str| Row {
        href: "/console/customers/1".into(),
        name: name.into(),
        has_access: trial.is_some(),
        trial: trial.map(|has_ended| Trial { has_ended, end: time() }),
        billing_problem: problem.into(),
        is_billed: trial.is_some(),
        tags: vec![("env: <prod>".into(), "/console/customers?tag=env".into())],
        changed: time(),
    };
    let filters = || Filters {
        q: "\"><script>alert(1)</script>".into(),
        classification: choices(Lang::En, "", &[("", "filter-any")]),
        is_narrowed: true,
        ..Filters::default()
    };
    let page = || CustomersPage {
        l: partner("customers-title", Section::Customers),
        filters: Filters::default(),
        rows: vec![],
        total: 0,
        pager: Pager::default(),
        errors: vec![],
        may_change: true,
    };
    vec![
        page(),
        CustomersPage { filters: filters(), ..page() },
        CustomersPage { errors: vec!["trial must be one of active, <expired>".into()], ..page() },
        CustomersPage {
            rows: vec![
                row("Acme", None, ""),
                row("<b>Globex</b>", Some(true), "no tenant"),
                row("=cmd()", Some(false), ""),
            ],
            total: 3,
            filters: filters(),
            pager: Pager {
                range: "1–3 of 3".into(),
                previous: Some("/console/customers".into()),
                next: Some("/console/customers?page=2".into()),
            },
            ..page()
        },
    ]
}
