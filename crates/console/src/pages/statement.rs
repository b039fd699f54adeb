//! A bill: its total, its corrections and its files. The customer's own users see it too.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format;
use crate::html;
use crate::layout::{Layout, Section};
use crate::routes::Routes;
use app::billing::{StatementSearch, StatementView};
use app::{Error, Query};
use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use domain::{CustomerId, Handling};
use http::header;
use std::sync::Arc;

/// The number of statements that a customer's page shows, and of those that they are chosen from: lists have the oldest first.
const MAX_SHOWN: usize = 24;
const MAX_READ: &str = "100";

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

#[derive(Template)]
#[template(path = "statement.html")]
pub(crate) struct StatementPage {
    pub(crate) l: Layout,
    pub(crate) month: String,
    /// The customer: link, which its own users do not have, and name.
    pub(crate) customer: (Option<String>, String),
    pub(crate) status: String,
    pub(crate) is_final: bool,
    pub(crate) total: String,
    pub(crate) invoice: Option<String>,
    /// Corrections of earlier months: the month and the amount.
    pub(crate) corrections: Vec<(String, String)>,
    pub(crate) files: Vec<File>,
}

/// The newest statements of a customer.
pub(crate) async fn of_customer(cx: &Cx, id: CustomerId) -> Result<Vec<Row>, Failure> {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let parameters = vec![pair("client_api_id", id.to_string()), pair("per_page", MAX_READ.to_owned())];
    let search = StatementSearch::parse(&Query::new(parameters, Handling::Lenient))?;
    let (statements, _) = cx.app.statements(cx.call(), search).await?;
    Ok(statements.iter().rev().take(MAX_SHOWN).map(|statement| row(cx, statement)).collect())
}

fn row(cx: &Cx, statement: &StatementView) -> Row {
    Row {
        href: format!("/console/bills/{}", statement.id()),
        month: format::month(cx.lang, statement.billing_period()),
        status: status(cx, statement),
        is_final: statement.status() == "Final",
        total: total(cx, statement),
    }
}

/// The status in the reader's language.
fn status(cx: &Cx, statement: &StatementView) -> String {
    match statement.status() {
        "Final" => cx.lang.text("status-final", None),
        "Estimated" => cx.lang.text("status-estimated", None),
        other => other.to_owned(),
    }
}

fn total(cx: &Cx, statement: &StatementView) -> String {
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
    let file = |name: &String| File {
        href: format!("/console/bills/{id}/files/{name}"),
        name: name.clone(),
        about: about(&cx, name),
    };
    let amount = |amount: &str| format::money(cx.lang, amount, 0, statement.currency());
    let corrections = statement.corrections();
    Ok(html::ok(&StatementPage {
        l: cx.layout_with(format!("{name}, {month}"), Section::Billing),
        customer: (is_partner.then(|| format!("/console/customers/{}", statement.customer())), name),
        status: status(&cx, &statement),
        is_final: statement.status() == "Final",
        total: total(&cx, &statement),
        invoice: statement.invoice_id().filter(|_| is_partner).map(str::to_owned),
        corrections: corrections.map(|(period, sum)| (format::month(cx.lang, period), amount(sum))).collect(),
        files: statement.files().iter().map(file).collect(),
        month,
    }))
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
pub(super) fn samples() -> Vec<StatementPage> {
    use crate::layout::samples::partner;
    let page = || StatementPage {
        l: partner("billing-title", Section::Billing),
        month: "October 2026".into(),
        customer: (None, "Acme <b>".into()),
        status: "Estimate".into(),
        is_final: false,
        total: "12.00 USD".into(),
        invoice: None,
        corrections: vec![],
        files: vec![],
    };
    let file = File {
        href: "/console/bills/1/files/bill.csv".into(),
        name: "<b>.csv".into(),
        about: "Lines".into(),
    };
    vec![
        page(),
        StatementPage {
            customer: (Some("/console/customers/1".into()), "Acme".into()),
            is_final: true,
            invoice: Some("G001 <b>".into()),
            corrections: vec![("September 2026".into(), "1.00 USD".into())],
            files: vec![file],
            ..page()
        },
    ]
}
