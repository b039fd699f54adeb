//! The list of customers: search, filters, order, columns and page, all of them in the URL.

mod columns;
mod csv;

use crate::cx::Cx;
use crate::failure::Failure;
use crate::form::query_string;
use crate::html;
use crate::layout::{Layout, Section};
use crate::list::{Choice, Pager, choices};
use crate::reasons::FilterError;
use crate::routes::{Routes, only_partners};
use app::customers::{BillingProblem, CustomerView, Order, Search};
use app::{Error, Permission, Query};
use askama::Template;
use axum::response::Response;
pub(crate) use columns::Trial;
use columns::{Cell, Column, Offer};
use domain::{Classification, Handling};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// The filters with the ids of their labels.
const FIELDS: [(&str, &str); 6] = [
    ("q", "filter-name"),
    ("classification", "filter-access"),
    ("trial", "filter-trial"),
    ("partner_billing", "filter-billing"),
    ("tag", "filter-tag"),
    ("sort", "filter-order"),
];
const PATH: &str = "/console/customers";
const CSV_PATH: &str = "/console/customers.csv";
const PER_PAGE: i64 = 50;
/// Parameters that do not narrow the list.
const NOT_FILTERS: [&str; 4] = ["sort", "page", "done", columns::PARAMETER];
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
    routes.get(PATH, list).get(CSV_PATH, csv::download)
}

/// A customer in the list.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) cells: Vec<Cell>,
}

/// The choice of columns.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) titles: Vec<String>,
    pub(crate) offers: Vec<Offer>,
    /// The parameters of the URL that stay when others are chosen.
    pub(crate) kept: Vec<(String, String)>,
    /// The columns that the URL names, which stay when something else is searched.
    pub(crate) named: Vec<String>,
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
    pub(crate) columns: Columns,
    /// How many customers there are, in words.
    pub(crate) count: String,
    pub(crate) pager: Pager,
    /// The same list as a file, and the words of the link.
    pub(crate) csv: (String, String),
    /// The list without its filters.
    pub(crate) clear: String,
    /// What is wrong with the filters.
    pub(crate) errors: Vec<FilterError>,
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
        Err(Error::Parameters(violations)) => (None, cx.lang.filter_errors(&violations, &FIELDS)),
        Err(error) => return Err(error.into()),
    };
    let chosen = columns::chosen(&cx);
    let (rows, total, is_estimate, pager) = match &page {
        Some((page, number, per_page)) => {
            let rows: Vec<Row> =
                page.customers.iter().map(|customer| row(&cx, customer, &chosen, now)).collect();
            let shown = rows.len() as i64;
            let pager = if page.is_estimate { Pager::about } else { Pager::new };
            let pager =
                pager(cx.lang, PATH, &cx.query, *number, *per_page, shown, page.total).within_list()?;
            (rows, page.total, page.is_estimate, pager)
        }
        None => (Vec::new(), 0, false, Pager::default()),
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = CustomersPage {
        l: cx.layout("customers-title", Section::Customers),
        filters: filters(&cx),
        rows,
        columns: columns_of(&cx, &chosen),
        count: cx.lang.count(if is_estimate { "customers-about" } else { "customers-count" }, total),
        pager,
        csv: csv_link(&cx, total),
        clear: format!("{PATH}{}", query_string(named_columns(&cx))),
        errors,
        may_change: cx.may(Permission::ChangeCustomers),
    };
    Ok(html::page(status, &page))
}

/// The columns that the URL names.
fn named_columns(cx: &Cx) -> impl Iterator<Item = (&str, &str)> {
    cx.query.all(columns::PARAMETER).map(|column| (columns::PARAMETER, column))
}

fn columns_of(cx: &Cx, chosen: &[Column]) -> Columns {
    let is_kept = |name: &str| !["page", "done", columns::PARAMETER].contains(&name);
    let kept = cx.query.iter().filter(|(name, value)| is_kept(name) && !value.trim().is_empty());
    Columns {
        titles: columns::titles(cx, chosen),
        offers: columns::offers(cx, chosen),
        kept: kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        named: named_columns(cx).map(|(_, column)| column.to_owned()).collect(),
    }
}

fn csv_link(cx: &Cx, total: i64) -> (String, String) {
    let others = cx.query.iter().filter(|(name, _)| !["page", "per_page", "done"].contains(name));
    let words = if total > csv::MAX_CUSTOMERS {
        let most = crate::format::number(cx.lang, csv::MAX_CUSTOMERS);
        cx.lang.text_with("customers-csv-first", &[("count", &most)])
    } else {
        cx.lang.text("customers-csv", None)
    };
    (format!("{CSV_PATH}{}", query_string(others)), words)
}

/// The search of the query string, in which the console has parameters of its own: the order, trials that end soon, and
/// bills that something is in the way of.
fn search(cx: &Cx, now: Timestamp) -> Result<Search, Error> {
    let is_ending = cx.query.get("trial") == "ending";
    let has_problem = cx.query.get("partner_billing") == "problem";
    let is_own = |name: &str, value: &str| {
        ["sort", "done", columns::PARAMETER].contains(&name)
            || [("trial", "ending"), ("partner_billing", "problem")].contains(&(name, value))
    };
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
    search.may_estimate = true;
    let soon = now.saturating_add(ENDING_SOON).unwrap_or(now);
    let search = if is_ending { search.trial_ending(now, soon) } else { search };
    Ok(if has_problem { search.with_billing_problem(BillingProblem::Any) } else { search })
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
            &[
                ("", "filter-any"),
                ("true", "billing-on"),
                ("false", "billing-off"),
                ("problem", "billing-problem"),
            ],
        ),
        order: choices(cx.lang, get("sort"), &order),
        is_narrowed: cx.query.iter().any(|(name, value)| !NOT_FILTERS.contains(&name) && !value.is_empty()),
    }
}

fn row(cx: &Cx, customer: &CustomerView, columns: &[Column], now: Timestamp) -> Row {
    Row {
        id: customer.id().to_string(),
        href: format!("{PATH}/{}", customer.id()),
        name: customer.name().to_owned(),
        cells: columns.iter().map(|column| columns::cell(cx, customer, *column, now)).collect(),
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
        id: "1".into(),
        href: "/console/customers/1".into(),
        name: name.into(),
        cells: vec![
            Cell::Text("<b>1</b>".into()),
            Cell::Access(trial.is_some()),
            Cell::Trial(trial.map(|has_ended| Trial { has_ended, end: time() })),
            Cell::Billing(problem.into(), trial.is_some()),
            Cell::Tags(vec![("env: <prod>".into(), "/console/customers?tag=env".into())]),
            Cell::Code(if problem.is_empty() { "tenant-1\"><script>".into() } else { String::new() }),
            Cell::Day(time()),
        ],
    };
    let columns = || Columns {
        titles: ["ID", "Access", "Trial", "Billing", "Tags", "Tenant ID", "Changed"]
            .map(str::to_owned)
            .into(),
        offers: vec![
            Offer { name: "id", label: "ID".into(), is_chosen: true },
            Offer { name: "country", label: "Country".into(), is_chosen: false },
        ],
        kept: vec![("q".into(), "\"><script>alert(1)</script>".into())],
        named: vec!["id".into()],
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
        columns: Columns::default(),
        count: "No customers".into(),
        pager: Pager::default(),
        csv: (CSV_PATH.into(), "Download as CSV".into()),
        clear: PATH.into(),
        errors: vec![],
        may_change: true,
    };
    let full = |may_change| CustomersPage {
        rows: vec![
            row("Acme", None, ""),
            row("<b>Globex</b>", Some(true), "no tenant"),
            row("=cmd()", Some(false), ""),
        ],
        columns: columns(),
        count: "3 customers".into(),
        filters: filters(),
        pager: Pager {
            range: "1–3 of 3".into(),
            previous: Some("/console/customers".into()),
            next: Some("/console/customers?page=2".into()),
            ..Pager::default()
        },
        may_change,
        ..page()
    };
    vec![
        page(),
        CustomersPage { filters: filters(), ..page() },
        CustomersPage {
            errors: vec![FilterError { field: "trial", message: "must be one of active, <expired>".into() }],
            ..page()
        },
        full(true),
        full(false),
    ]
}
