//! A bill as its customer may see it: its total, what that is made of, its lines and its files.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::form::query_string;
use crate::format;
use crate::html;
use crate::layout::{Layout, Section};
use crate::pages::bill_lines::{self, LinesView, written};
use crate::routes::Routes;
use app::billing::{
    BillLines, CorrectionView, Currency, LineSum, StatementSearch, StatementStatus, StatementView, Subtotal,
};
use app::{Error, Paging, Permission};
use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use domain::CustomerId;
use http::{StatusCode, header};
use std::sync::Arc;

/// The most services and subscriptions that a bill's page shows.
const MAX_PARTS: usize = 50;
/// The number of statements that a customer's page shows.
const MAX_SHOWN: i64 = 24;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("/console/bills/{id}", show).get("/console/bills/{id}/files/{name}", download)
}

/// A statement in a list.
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) month: String,
    pub(crate) status: String,
    pub(crate) is_final: bool,
    pub(crate) total: String,
}

/// A file of a bill: its link, its name, and what it is.
pub(crate) struct File {
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) about: String,
}

/// A part of a bill's total: a service, a subscription or a day.
pub(crate) struct Part {
    /// Its name; empty if it has none.
    pub(crate) name: String,
    /// The id of a subscription; empty for services and days.
    pub(crate) id: String,
    pub(crate) lines: String,
    pub(crate) charge: String,
}

#[derive(Template)]
#[template(path = "statement.html")]
pub(crate) struct StatementPage {
    pub(crate) l: Layout,
    pub(crate) month: String,
    /// The customer: link, which its own users do not have, and name.
    pub(crate) customer: (Option<String>, String),
    pub(crate) status: String,
    pub(crate) is_final: bool,
    /// Whether it may still change.
    pub(crate) is_estimate: bool,
    pub(crate) total: String,
    /// Microsoft's invoice; to the partner alone.
    pub(crate) invoice: Option<String>,
    /// The partner's number of it, when it was issued, and when it is to be paid.
    pub(crate) number: Option<String>,
    pub(crate) issued: Option<String>,
    pub(crate) due: Option<String>,
    /// Corrections of earlier months: the month and the amount.
    pub(crate) corrections: Vec<(String, String)>,
    pub(crate) services: Vec<Part>,
    pub(crate) subscriptions: Vec<Part>,
    pub(crate) days: Vec<Part>,
    pub(crate) path: String,
    /// The lines; `None` where there are none, or where their file cannot be read just now.
    pub(crate) lines: Option<LinesView>,
    /// The partner's own page of this bill, with costs.
    pub(crate) costs: Option<String>,
    pub(crate) files: Vec<File>,
}

/// The newest statements of a customer.
pub(crate) async fn of_customer(cx: &Cx, id: CustomerId) -> Result<Vec<Row>, Failure> {
    let search = StatementSearch::newest_of(id, Paging { page: 1, per_page: MAX_SHOWN });
    let (statements, _) = cx.app.statements(cx.call(), search).await?;
    Ok(statements.iter().map(|statement| row(cx, statement)).collect())
}

pub(crate) fn row(cx: &Cx, statement: &StatementView) -> Row {
    Row {
        href: format!("/console/bills/{}", statement.id()),
        month: format::month(cx.lang, statement.billing_period()),
        status: status(cx, statement),
        is_final: statement.status() == StatementStatus::Final,
        total: total(cx, statement),
    }
}

/// The status in the reader's language.
fn status(cx: &Cx, statement: &StatementView) -> String {
    let status = own_status(cx, statement);
    match statement.is_imported() {
        true => cx.lang.text_with("status-imported", &[("status", &status)]),
        false => status,
    }
}

fn own_status(cx: &Cx, statement: &StatementView) -> String {
    match statement.status() {
        StatementStatus::Final => cx.lang.text("status-final", None),
        StatementStatus::Estimated => cx.lang.text("status-estimated", None),
        StatementStatus::Void => cx.lang.text("status-void", None),
        StatementStatus::Reversal => cx.lang.text("status-reversal", None),
        StatementStatus::Withdrawn => cx.lang.text("status-withdrawn", None),
    }
}

/// What a statement is made of, by service and by subscription; `None` where its files cannot tell just now.
pub(crate) async fn parts(
    cx: &Cx,
    statement: &StatementView,
) -> Result<Option<(Vec<Part>, Vec<Part>)>, Failure> {
    let made = match cx.app.statement_breakdown(cx.call(), statement).await {
        Ok(Some(made)) => made,
        // The total is in the database, and stays of use without them.
        Ok(None) | Err(Error::BillsUnavailable(_) | Error::BillDamaged(_) | Error::NotFound) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let places = statement.total_amount().split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let part = |part: &Subtotal| {
        let charge = part.charge.rounded(u8::try_from(places).unwrap_or_default()).to_string();
        Part {
            name: part.name.clone(),
            id: part.id.clone().unwrap_or_default(),
            lines: format::decimal(cx.lang, &part.lines.to_string()),
            charge: format::money(cx.lang, &charge, places, statement.currency()),
        }
    };
    let shown = |parts: &[Subtotal]| parts.iter().take(MAX_PARTS).map(part).collect();
    Ok(Some((shown(&made.services), shown(&made.subscriptions))))
}

/// The total, with its currency.
pub(crate) fn total(cx: &Cx, statement: &StatementView) -> String {
    format::money(cx.lang, statement.total_amount(), 0, statement.currency())
}

fn statement_id(cx: &Cx) -> Result<i64, Failure> {
    cx.parameter("id").ok_or(Failure::App(Error::NotFound))
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = statement_id(&cx)?;
    let statement = cx.app.statement(cx.call(), id).await?;
    let name = match cx.app.customer(cx.call(), statement.customer()).await {
        Ok(customer) => customer.name().to_owned(),
        // Its bills outlive it.
        Err(Error::NotFound) => cx.lang.text("customer-deleted", None),
        Err(error) => return Err(error.into()),
    };
    let is_partner = cx.call().customer().is_none();
    let month = format::month(cx.lang, statement.billing_period());
    let amount = |amount: &str| format::money(cx.lang, amount, 0, statement.currency());
    let correction = |correction: &CorrectionView| {
        (format::month(cx.lang, &correction.billing_period), amount(&correction.amount))
    };
    let (services, subscriptions) = parts(&cx, &statement).await?.unwrap_or_default();
    let section = if is_partner { Section::Billing } else { Section::Bills };
    let (search, errors) = bill_lines::search(&cx)?;
    let code = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = search.paging.page;
    let made = match cx.app.statement_lines(cx.call(), &statement, search).await {
        Ok(made) => made,
        // The total is in the database, and stays of use without them.
        Err(Error::BillsUnavailable(_) | Error::BillDamaged(_) | Error::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let path = format!("/console/bills/{id}");
    let lines =
        made.as_ref().map(|made| bill_lines::view(&cx, &path, made, statement.currency(), page, errors));
    let customer = statement.customer();
    let costs = statement.run().filter(|_| is_partner && cx.may(Permission::SeeCosts)).map(|run| {
        let query = query_string([("currency", statement.currency())]);
        format!("/console/billing/runs/{run}/customers/{customer}{query}")
    });
    let template = StatementPage {
        l: cx.layout_with(format!("{name}, {month}"), section),
        customer: (is_partner.then(|| format!("/console/customers/{customer}")), name),
        status: status(&cx, &statement),
        is_final: statement.status() == StatementStatus::Final,
        is_estimate: statement.status() == StatementStatus::Estimated,
        number: statement.statement_number().map(str::to_owned),
        issued: statement.issued_at().map(|at| at.strftime("%Y-%m-%d").to_string()),
        due: statement.due_date().map(str::to_owned),
        total: total(&cx, &statement),
        invoice: statement.invoice_id().filter(|_| is_partner).map(str::to_owned),
        corrections: statement.corrections().iter().map(correction).collect(),
        services,
        subscriptions,
        days: made.as_ref().map_or_else(Vec::new, |made| days(&cx, &statement, made)),
        path,
        lines,
        costs,
        files: statement.files().iter().map(|name| file(&cx, id, name)).collect(),
        month,
    };
    Ok(html::page(code, &template))
}

/// A file of a statement.
pub(crate) fn file(cx: &Cx, statement: i64, name: &str) -> File {
    File {
        href: format!("/console/bills/{statement}/files/{name}"),
        name: name.to_owned(),
        about: about(cx, name),
    }
}

/// The charge of each day.
fn days(cx: &Cx, statement: &StatementView, made: &BillLines) -> Vec<Part> {
    let currency = statement.currency();
    let places = currency.parse::<Currency>().map_or(2, |currency| currency.minor_unit());
    let part = |sum: &LineSum| {
        // What rounding comes to would be rounded away.
        let charge = if sum.is_adjustment { sum.charge } else { sum.charge.rounded(places) };
        Part {
            name: if sum.is_adjustment {
                cx.lang.text("part-adjustments", None)
            } else if sum.key.is_empty() {
                cx.lang.text("part-other", None)
            } else {
                written(cx.lang, &sum.key)
            },
            id: String::new(),
            lines: format::number(cx.lang, i64::try_from(sum.lines).unwrap_or(i64::MAX)),
            charge: format::money(cx.lang, &charge.to_string(), places.into(), currency),
        }
    };
    made.days.iter().map(part).collect()
}

/// What a file is, in words; empty for a file that is not known.
fn about(cx: &Cx, name: &str) -> String {
    let id = match name {
        "bill.csv" => "file-bill",
        "bill.focus.csv" => "file-focus",
        "statement.json" => "file-json",
        "statement.html" => "file-html",
        _ => return String::new(),
    };
    cx.lang.text(id, None)
}

async fn download(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = statement_id(&cx)?;
    let name: String = cx.parameter("name").unwrap_or_default();
    let opened = cx.app.statement_file(cx.call(), id, None, &name, &|_, _| None).await?;
    let headers = [
        (header::CONTENT_TYPE, opened.media_type.to_owned()),
        (header::CONTENT_LENGTH, opened.file.size.to_string()),
        // Never a page of this origin.
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", opened.name)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(opened.file.stream)).into_response())
}

#[cfg(test)]
pub(super) fn row_sample() -> Row {
    Row {
        href: "/console/bills/1".into(),
        month: "October 2026".into(),
        status: "Final".into(),
        is_final: true,
        total: "12.00 USD".into(),
    }
}

#[cfg(test)]
pub(super) fn file_sample() -> File {
    File { href: "/console/bills/1/files/bill.csv".into(), name: "<b>.csv".into(), about: "Lines".into() }
}

#[cfg(test)]
pub(super) fn part_sample() -> Part {
    Part { name: "Storage <b>".into(), id: String::new(), lines: "1,204".into(), charge: "12.00 USD".into() }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<StatementPage> {
    use crate::layout::samples::partner;
    let page = || StatementPage {
        l: partner("billing-title", Section::Billing),
        month: "October 2026".into(),
        customer: (None, "Acme <b>".into()),
        status: "Estimate".into(),
        is_final: false,
        is_estimate: true,
        total: "12.00 USD".into(),
        invoice: None,
        number: None,
        issued: None,
        due: None,
        corrections: vec![],
        services: vec![],
        subscriptions: vec![],
        days: vec![],
        path: "/console/bills/1".into(),
        lines: None,
        costs: None,
        files: vec![],
    };
    vec![
        page(),
        StatementPage {
            customer: (Some("/console/customers/1".into()), "Acme".into()),
            is_final: true,
            is_estimate: false,
            invoice: Some("G001 <b>".into()),
            number: Some("CON-2026-0001".into()),
            issued: Some("2026-11-05".into()),
            due: Some("2026-12-05".into()),
            corrections: vec![("September 2026".into(), "1.00 USD".into())],
            services: vec![part_sample()],
            subscriptions: vec![
                part_sample(),
                Part { name: String::new(), id: "sub-1".into(), ..part_sample() },
            ],
            days: vec![part_sample()],
            lines: Some(bill_lines::sample(false)),
            costs: Some("/console/billing/runs/1/customers/7".into()),
            files: vec![file_sample()],
            ..page()
        },
    ]
}
