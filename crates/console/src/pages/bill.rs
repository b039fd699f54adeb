//! A bill as the partner sees it: what it is made of by service, subscription or day, beside the month before, and each of its
//! lines with the reason of its price.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::form::query_string;
use crate::format;
use crate::html;
use crate::layout::{Layout, Section};
use crate::pages::bill_lines::{self, LinesView, written};
use crate::pages::comparison::{is_large, money, signed};
use crate::pages::statement::{self, File};
use crate::reasons::FilterError;
use crate::routes::{Routes, only_partners};
use app::Error;
use app::billing::{Amount, BillView, Breakdown, Currency, LineSum, Subtotal};
use askama::Template;
use axum::response::Response;
use domain::CustomerId;
use http::StatusCode;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The most services, subscriptions or days that are listed.
const MAX_PARTS: usize = 50;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("/console/billing/runs/{id}/customers/{customer_id}", show)
}

/// What a bill is listed by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Service,
    Subscription,
    Day,
}

impl By {
    /// The names in the URL, and their labels.
    const ALL: [(&'static str, &'static str, By); 3] = [
        ("service", "portal-services", By::Service),
        ("subscription", "portal-subscriptions", By::Subscription),
        ("day", "bill-by-day", By::Day),
    ];

    fn of(name: &str) -> Self {
        By::ALL.iter().find(|(known, ..)| *known == name).map_or(By::Service, |(.., by)| *by)
    }
}

/// A link, and whether it is this page.
pub(crate) struct Tab {
    pub(crate) label: String,
    pub(crate) href: String,
    pub(crate) is_current: bool,
}

/// A part of the bill.
pub(crate) struct Part {
    /// The page with the lines of this part alone.
    pub(crate) href: Option<String>,
    pub(crate) name: String,
    /// The id of a subscription, beside its name.
    pub(crate) id: String,
    pub(crate) lines: String,
    /// In each currency.
    pub(crate) costs: Vec<String>,
    pub(crate) charge: String,
    pub(crate) profit: Option<String>,
    pub(crate) is_loss: bool,
    /// The difference to the month before.
    pub(crate) change: Option<String>,
    /// The id of a message about the change; empty if there is none.
    pub(crate) mark: &'static str,
}

/// What the bill was the month before.
pub(crate) struct Previous {
    pub(crate) charge: String,
    pub(crate) change: String,
    pub(crate) is_large: bool,
}

#[derive(Template)]
#[template(path = "bill.html")]
pub(crate) struct BillPage {
    pub(crate) l: Layout,
    pub(crate) path: String,
    pub(crate) run: String,
    pub(crate) month: String,
    /// The customer: link and name.
    pub(crate) customer: (String, String),
    pub(crate) cost: String,
    pub(crate) charge: String,
    pub(crate) profit: String,
    pub(crate) is_loss: bool,
    pub(crate) margin: Option<String>,
    pub(crate) previous: Option<Previous>,
    /// Why it is held back.
    pub(crate) held_back: Vec<String>,
    /// The customer's bills in other currencies, this one too; empty if there is one.
    pub(crate) currencies: Vec<Tab>,
    pub(crate) tabs: Vec<Tab>,
    /// The heading of the parts' column.
    pub(crate) by: String,
    pub(crate) rows: Vec<Part>,
    /// The number of parts that are not listed.
    pub(crate) more: i64,
    /// Whether the parts are compared with those of the month before.
    pub(crate) is_compared: bool,
    /// What the bill of the month before had and this one has not: name and charge.
    pub(crate) gone: Vec<(String, String)>,
    pub(crate) lines: Option<LinesView>,
    /// Whether its files cannot be read just now.
    pub(crate) is_unreadable: bool,
    /// The page that the customer sees.
    pub(crate) statement: Option<String>,
    pub(crate) files: Vec<File>,
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let missing = || Failure::App(Error::NotFound);
    let run: i64 = cx.parameter("id").ok_or_else(missing)?;
    let customer = cx.parameter("customer_id").map(CustomerId).ok_or_else(missing)?;
    let (search, errors) = bill_lines::search(&cx)?;
    let page = search.paging.page;
    let bill = cx.app.bill(cx.call(), run, customer, search).await?;
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok(html::page(status, &bill_page(&cx, &bill, page, errors)))
}

fn bill_page(cx: &Cx, view: &BillView, page: i64, errors: Vec<FilterError>) -> BillPage {
    let (lang, bill) = (cx.lang, &view.bill);
    let currency = bill.currency;
    let month = format::month(lang, &view.billing_period);
    let path = format!("/console/billing/runs/{}/customers/{}", view.run, bill.customer_id);
    let by = By::of(cx.query.get("by"));
    let profit = bill.charge - bill.cost;
    let code = cx.query.get("currency");
    let tabs = By::ALL.iter().map(|(name, label, this)| Tab {
        label: lang.text(label, None),
        href: format!("{path}{}#parts", query_string([("by", *name), ("currency", code)])),
        is_current: *this == by,
    });
    let currencies = view.currencies.iter().filter(|_| view.currencies.len() > 1).map(|other| Tab {
        label: other.code().to_owned(),
        href: format!("{path}{}", query_string([("currency", other.code())])),
        is_current: *other == currency,
    });
    let sums: &[LineSum] = match (&view.lines, by) {
        (None, _) => &[],
        (Some(lines), By::Service) => &lines.services,
        (Some(lines), By::Subscription) => &lines.subscriptions,
        (Some(lines), By::Day) => &lines.days,
    };
    let made_of = view.previous.as_ref().and_then(|previous| previous.made_of.as_ref());
    let before = made_of.filter(|_| !sums.is_empty()).and_then(|made_of| parts_before(made_of, by));
    let part = |sum: &LineSum| part(cx, &path, by, sum, currency, before.as_ref());
    let previous = view.previous.as_ref().map(|previous| Previous {
        charge: money(lang, previous.charge, currency),
        change: signed(lang, bill.charge - previous.charge, currency),
        is_large: is_large(previous.charge, bill.charge),
    });
    let statement = view.statement.as_ref();
    let files = statement.into_iter().flat_map(|(id, names)| names.iter().map(move |name| (*id, name)));
    BillPage {
        l: cx.layout_with(format!("{}, {month}", bill.name), Section::Billing),
        run: format!("/console/billing/runs/{}", view.run),
        month,
        customer: (format!("/console/customers/{}", bill.customer_id), bill.name.clone()),
        cost: money(lang, bill.cost, currency),
        charge: money(lang, bill.charge, currency),
        profit: money(lang, profit, currency),
        is_loss: profit.rounded(currency.minor_unit()).is_negative(),
        margin: profit
            .percent_of(bill.charge)
            .filter(|_| bill.charge > Amount::ZERO)
            .map(|percent| format!("{}\u{a0}%", format::decimal(lang, &percent.rounded(2).to_string()))),
        previous,
        held_back: cx.lang.messages(&bill.held_back),
        currencies: currencies.collect(),
        tabs: tabs.collect(),
        by: lang.text(
            match by {
                By::Service => "column-service",
                By::Subscription => "column-subscription",
                By::Day => "column-day",
            },
            None,
        ),
        rows: sums.iter().take(MAX_PARTS).map(part).collect(),
        more: sums.len().saturating_sub(MAX_PARTS) as i64,
        is_compared: before.is_some(),
        gone: before.as_ref().map_or_else(Vec::new, |before| gone(cx, before, sums, currency)),
        lines: view
            .lines
            .as_ref()
            .map(|lines| bill_lines::view(cx, &path, lines, currency.code(), page, errors)),
        is_unreadable: view.is_unreadable,
        statement: statement.map(|(id, _)| format!("/console/bills/{id}")),
        files: files.map(|(id, name)| statement::file(cx, id, name)).collect(),
        path,
    }
}

/// The parts of the bill of the month before by their key, with name and charge; days are not compared.
fn parts_before(made_of: &Breakdown, by: By) -> Option<HashMap<String, (String, Amount)>> {
    let by_key = |parts: &[Subtotal], key: fn(&Subtotal) -> String| {
        parts.iter().map(|part| (key(part), (part.name.clone(), part.charge))).collect()
    };
    match by {
        By::Service => Some(by_key(&made_of.services, |part| part.name.clone())),
        By::Subscription => Some(by_key(&made_of.subscriptions, |part| part.id.clone().unwrap_or_default())),
        By::Day => None,
    }
}

fn part(
    cx: &Cx,
    path: &str,
    by: By,
    sum: &LineSum,
    currency: Currency,
    before: Option<&HashMap<String, (String, Amount)>>,
) -> Part {
    let lang = cx.lang;
    let (filter, name) = match by {
        By::Service => ("service", bill_lines::name(lang, sum)),
        By::Subscription => ("subscription", bill_lines::name(lang, sum)),
        By::Day if sum.is_adjustment => ("day", bill_lines::name(lang, sum)),
        By::Day => ("day", written(lang, &sum.key)),
    };
    let kept = ["by", "currency"].map(|name| (name, cx.query.get(name)));
    let has_filter = !sum.key.is_empty() && !sum.is_adjustment;
    let href = || {
        let fields = kept.into_iter().chain([(filter, sum.key.as_str())]);
        format!("{path}{}#lines", query_string(fields))
    };
    // Costs in another currency are not at the run's rate here.
    let cost = match sum.costs.iter().next() {
        Some((code, cost)) if sum.costs.len() == 1 && code == currency.code() => Some(*cost),
        _ => None,
    };
    let profit = cost.map(|cost| sum.charge - cost);
    let costs = sum.costs.iter().filter_map(|(code, cost)| Some(money(lang, *cost, code.parse().ok()?)));
    let was = before.filter(|_| !sum.is_adjustment).map(|before| before.get(&sum.key));
    let mark = match was {
        Some(None) => "change-new",
        Some(Some((_, was))) if is_large(*was, sum.charge) => "change-large",
        _ => "",
    };
    let places = currency.minor_unit();
    Part {
        href: has_filter.then(href),
        id: if by == By::Subscription && !name.is_empty() { sum.key.clone() } else { String::new() },
        name: match name.as_str() {
            "" if sum.key.is_empty() => lang.text("part-other", None),
            "" => sum.key.clone(),
            _ => name,
        },
        lines: format::number(lang, i64::try_from(sum.lines).unwrap_or(i64::MAX)),
        costs: costs.collect(),
        // What rounding comes to would be rounded away.
        charge: match sum.is_adjustment {
            true => format::money(lang, &sum.charge.to_string(), places.into(), currency.code()),
            false => money(lang, sum.charge, currency),
        },
        is_loss: profit.is_some_and(|profit| profit.rounded(places).is_negative()),
        profit: profit.map(|profit| money(lang, profit, currency)),
        change: was.flatten().map(|(_, was)| signed(lang, sum.charge - *was, currency)),
        mark,
    }
}

/// What the bill of the month before had and this one has not, the largest charge first.
fn gone(
    cx: &Cx,
    before: &HashMap<String, (String, Amount)>,
    sums: &[LineSum],
    currency: Currency,
) -> Vec<(String, String)> {
    let now: HashSet<&str> = sums.iter().map(|sum| sum.key.as_str()).collect();
    let mut gone: Vec<_> = before.iter().filter(|(key, _)| !now.contains(key.as_str())).collect();
    gone.sort_by(|(a, (_, was)), (b, (_, other))| other.cmp(was).then_with(|| a.cmp(b)));
    let shown = |(key, (name, was)): (&String, &(String, Amount))| {
        let name = [name, key].into_iter().find(|text| !text.is_empty());
        let name = name.map_or_else(|| cx.lang.text("part-other", None), Clone::clone);
        (name, money(cx.lang, *was, currency))
    };
    gone.into_iter().take(MAX_PARTS).map(shown).collect()
}

#[cfg(test)]
pub(super) fn samples() -> Vec<BillPage> {
    use crate::layout::samples::partner;
    let tab = |is_current| Tab { label: "By service".into(), href: "?by=service#parts".into(), is_current };
    let page = || BillPage {
        l: partner("billing-title", Section::Billing),
        path: "/console/billing/runs/1/customers/7".into(),
        run: "/console/billing/runs/1".into(),
        month: "October 2026".into(),
        customer: ("/console/customers/7".into(), "Acme <b>".into()),
        cost: "8.00 USD".into(),
        charge: "10.00 USD".into(),
        profit: "2.00 USD".into(),
        is_loss: false,
        margin: None,
        previous: None,
        held_back: vec!["more than <b>".into()],
        currencies: vec![],
        tabs: vec![tab(true)],
        by: "Service".into(),
        rows: vec![],
        more: 0,
        is_compared: false,
        gone: vec![],
        lines: None,
        is_unreadable: false,
        statement: None,
        files: vec![],
    };
    let part = |change: Option<String>, mark| Part {
        href: change.as_ref().map(|_| "?service=a#lines".into()),
        name: "Storage <b>".into(),
        id: "sub <b>".into(),
        lines: "12".into(),
        costs: vec!["8.00 USD".into(), "1.00 EUR".into()],
        charge: "10.00 USD".into(),
        profit: change.clone(),
        is_loss: change.is_some(),
        change,
        mark,
    };
    vec![
        page(),
        BillPage { is_unreadable: true, ..page() },
        BillPage {
            is_loss: true,
            margin: Some("20 %".into()),
            previous: Some(Previous {
                charge: "8.00 USD".into(),
                change: "+2.00 USD".into(),
                is_large: true,
            }),
            held_back: vec![],
            currencies: vec![tab(true), tab(false)],
            tabs: vec![tab(true), tab(false)],
            rows: vec![
                part(Some("+1.00 USD".into()), "change-large"),
                part(None, "change-new"),
                part(None, ""),
            ],
            more: 3,
            is_compared: true,
            gone: vec![("Backup <b>".into(), "3.00 USD".into())],
            lines: Some(bill_lines::sample(true)),
            statement: Some("/console/bills/1".into()),
            files: vec![statement::file_sample()],
            ..page()
        },
    ]
}
