//! The bill runs of all months, and the form that starts one.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::list::{Pager, page_number};
use crate::pages::customer_form::{no_body, repeatable};
use crate::routes::{Routes, only_partners};
use app::billing::{RunSearch, RunState, RunView};
use app::{Permission, Query};
use askama::Template;
use axum::response::Response;
use domain::{Handling, Json};
use std::sync::Arc;

const PATH: &str = "/console/billing";
const PER_PAGE: i64 = 50;
const NAMES: [&str; 3] = ["billing_period", "sources", "invoice_id"];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, list).post(PATH, start)
}

/// The state of a run as a badge.
pub(crate) struct Badge {
    pub(crate) class: &'static str,
    pub(crate) label: String,
}

/// The badge of a state.
pub(crate) fn badge(cx: &Cx, state: RunState) -> Badge {
    let (class, label) = match state {
        RunState::Queued => ("", "run-queued"),
        RunState::Running => ("warn", "run-running"),
        RunState::Succeeded => ("good", "run-succeeded"),
        RunState::Failed => ("bad", "run-failed"),
        RunState::Cancelled => ("", "run-cancelled"),
    };
    Badge { class, label: cx.lang.text(label, None) }
}

/// A run in the list.
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) month: String,
    pub(crate) state: Badge,
    pub(crate) invoice: String,
    /// Cost, charge and profit of each currency.
    pub(crate) sums: Vec<[String; 3]>,
    pub(crate) created: Time,
}

#[derive(Template)]
#[template(path = "billing.html")]
pub(crate) struct BillingPage {
    pub(crate) l: Layout,
    pub(crate) rows: Vec<Row>,
    pub(crate) pager: Pager,
    pub(crate) f: Inputs,
    pub(crate) may_run: bool,
}

async fn list(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    Ok(html::ok(&page(&cx, Inputs::new(&NAMES, |_| String::new())).await?))
}

async fn page(cx: &Cx, f: Inputs) -> Result<BillingPage, Failure> {
    let number = page_number(&cx.query);
    let (first, runs, total) = newest(cx, number).await?;
    let shown = runs.len() as i64;
    Ok(BillingPage {
        l: cx.layout("billing-title", Section::Billing),
        rows: runs.iter().map(|run| row(cx, run)).collect(),
        pager: Pager::from(cx.lang, PATH, &cx.query, [number, PER_PAGE], first, shown, total)
            .within_list()?,
        f,
        may_run: cx.may(Permission::ManageBilling),
    })
}

/// A page of the runs, the newest first; the place of its first run, and how many runs there are in all.
pub(crate) async fn newest(cx: &Cx, number: i64) -> Result<(i64, Vec<RunView>, i64), Failure> {
    // Lists have the oldest run first, so pages are counted from the end.
    let mut search = RunSearch::default();
    search.paging.per_page = PER_PAGE;
    let (_, total) = cx.app.bill_runs(cx.call(), search.clone()).await?;
    let from_start = ((total + PER_PAGE - 1) / PER_PAGE).max(1) - number + 1;
    if from_start <= 0 {
        return Ok((total + 1, Vec::new(), total));
    }
    search.paging.page = from_start;
    let (mut runs, _) = cx.app.bill_runs(cx.call(), search).await?;
    runs.reverse();
    Ok((total - (from_start * PER_PAGE).min(total) + 1, runs, total))
}

/// The last run of a month that has succeeded.
pub(crate) async fn newest_of_month(cx: &Cx, period: &str) -> Result<Option<i64>, Failure> {
    let page = |page: i64| {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let parameters = vec![pair("billing_period", period), pair("state", "succeeded")];
        let mut search = RunSearch::parse(&Query::new(parameters, Handling::Lenient))?;
        (search.paging.page, search.paging.per_page) = (page, 1);
        Ok::<_, Failure>(search)
    };
    // Lists have the oldest run first.
    let (first, total) = cx.app.bill_runs(cx.call(), page(1)?).await?;
    let last = if total > 1 { cx.app.bill_runs(cx.call(), page(total)?).await?.0 } else { first };
    Ok(last.first().map(|run| run.id))
}

/// Cost, charge and profit of each currency.
pub(crate) fn sums(cx: &Cx, run: &RunView) -> Vec<[String; 3]> {
    let sums = run.totals.iter().map(|total| {
        let places = total.currency.minor_unit();
        [total.charged_cost, total.charge, total.charge - total.charged_cost].map(|amount| {
            let amount = amount.rounded(places).to_string();
            format::money(cx.lang, &amount, places.into(), total.currency.code())
        })
    });
    sums.collect()
}

fn row(cx: &Cx, run: &RunView) -> Row {
    Row {
        href: format!("{PATH}/runs/{}", run.id),
        month: format::month(cx.lang, &run.billing_period),
        state: badge(cx, run.state),
        invoice: run.invoice_id.clone().unwrap_or_else(|| run.invoice_ids.join(", ")),
        sums: sums(cx, run),
        created: format::time(cx.lang, run.created_at),
    }
}

/// The payload of what was typed: one source in a line.
fn payload(f: &Inputs) -> Json {
    let string = |text: &str| Json::String(text.to_owned());
    let sources = f.value("sources").lines().map(str::trim).filter(|line| !line.is_empty());
    let mut fields = vec![
        ("billing_period".to_owned(), string(f.value("billing_period"))),
        ("sources".to_owned(), Json::Array(sources.map(string).collect())),
    ];
    if !f.value("invoice_id").is_empty() {
        fields.push(("invoice_id".to_owned(), string(f.value("invoice_id"))));
    }
    Json::Object(fields)
}

fn field(pointer: &str) -> (&'static str, &'static str) {
    match pointer.split('/').nth(1).unwrap_or_default() {
        "billing_period" => ("billing_period", "column-month"),
        "sources" => ("sources", "field-sources"),
        "invoice_id" => ("invoice_id", "column-invoice"),
        _ => ("", ""),
    }
}

async fn start(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let mut f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    let body = payload(&f);
    let status = match cx.app.create_bill_run(&repeatable(&cx, &body), &body, no_body).await {
        Ok(created) => {
            let id = created.href.as_deref().and_then(|href| href.rsplit('/').next()).unwrap_or_default();
            return Ok(html::see_other(&format!("{PATH}/runs/{id}?done=run-started")));
        }
        Err(error) => {
            let Some(status) = f.refuse_error(cx.lang, &error, "", field) else { return Err(error.into()) };
            status
        }
    };
    Ok(html::page(status, &page(&cx, f).await?))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<BillingPage> {
    use crate::layout::samples::{partner, time};
    let page = |rows, f, may_run| BillingPage {
        l: partner("billing-title", Section::Billing),
        rows,
        pager: Pager::default(),
        f,
        may_run,
    };
    let row = Row {
        href: "/console/billing/runs/1".into(),
        month: "October 2026".into(),
        state: Badge { class: "good", label: "Done".into() },
        invoice: "G001 <b>".into(),
        sums: vec![["1.00 USD".into(), "2.00 USD".into(), "1.00 USD".into()]],
        created: time(),
    };
    let mut wrong = Inputs::new(&NAMES, |_| "\"><script>".to_owned());
    for name in NAMES {
        wrong.refuse(name, "must not be <b>".into());
    }
    let empty = || Inputs::new(&NAMES, |_| String::new());
    vec![page(vec![], empty(), false), page(vec![row], empty(), true), page(vec![], wrong, true)]
}
