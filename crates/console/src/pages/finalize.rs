//! Making a month final, after a summary of what will be frozen.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format;
use crate::html;
use crate::layout::{Layout, Section};
use crate::pages::bill_run::{Sums, Warning, done, run_id, sums, warning};
use crate::pages::customer_form::no_body;
use crate::routes::Routes;
use app::billing::RunView;
use app::{Error, Permission};
use askama::Template;
use axum::response::Response;
use domain::Json;
use http::StatusCode;
use std::sync::Arc;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get("/console/billing/runs/{id}/finalize", show)
        .post("/console/billing/runs/{id}/finalize", finalize)
}

#[derive(Template)]
#[template(path = "finalize.html")]
pub(crate) struct FinalizePage {
    pub(crate) l: Layout,
    pub(crate) path: String,
    pub(crate) month: String,
    pub(crate) bills: i64,
    pub(crate) held: i64,
    pub(crate) unassigned: i64,
    pub(crate) sums: Vec<Sums>,
    /// What blocks it until it is accepted.
    pub(crate) blocking: Vec<Warning>,
    pub(crate) error: Option<String>,
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = run_id(&cx)?;
    cx.app.require(cx.call(), Permission::ManageBilling).await?;
    let run = cx.app.bill_run(cx.call(), id).await?;
    Ok(html::ok(&page(&cx, &run, None)))
}

fn page(cx: &Cx, run: &RunView, error: Option<String>) -> FinalizePage {
    let bills = run.customers.as_deref().unwrap_or_default();
    let held = bills.iter().filter(|bill| !bill.held_back.is_empty()).count();
    let blocking = run.warnings.iter().map(|one| warning(cx.lang, one));
    let blocking = blocking.filter(|warning| !warning.blocks.is_empty());
    let month = format::month(cx.lang, &run.billing_period);
    FinalizePage {
        l: cx.layout_with(cx.lang.text_with("finalize-title", &[("month", &month)]), Section::Billing),
        path: format!("/console/billing/runs/{}", run.id),
        month,
        bills: (bills.len() - held) as i64,
        held: held as i64,
        unassigned: run.unassigned.as_ref().map_or(0, Vec::len) as i64,
        sums: sums(cx, run),
        blocking: blocking.filter(|warning| !warning.is_accepted).collect(),
        error,
    }
}

async fn finalize(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = run_id(&cx)?;
    let accept = cx.form.all("accept").map(|code| Json::String(code.to_owned())).collect();
    let body = Json::Object(vec![("accept".to_owned(), Json::Array(accept))]);
    match cx.app.finalize_bill_run(cx.call(), id, &body, no_body).await {
        Ok(_) => Ok(done(id, "run-finalizing")),
        Err(Error::Conflict(why)) => {
            let run = cx.app.bill_run(cx.call(), id).await?;
            Ok(html::page(StatusCode::CONFLICT, &page(&cx, &run, Some(cx.lang.refusal(&why)))))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<FinalizePage> {
    use crate::layout::samples::partner;
    use crate::pages::bill_run;
    let page = || FinalizePage {
        l: partner("billing-title", Section::Billing),
        path: "/console/billing/runs/1".into(),
        month: "October 2026".into(),
        bills: 12,
        held: 0,
        unassigned: 0,
        sums: vec![bill_run::sums_sample()],
        blocking: vec![],
        error: None,
    };
    let blocking = Warning {
        title: "Below <b> cost".into(),
        code: "below_cost",
        message: "lines below <b> cost".into(),
        blocks: "warning-blocks-finalizing",
        is_accepted: false,
    };
    vec![
        page(),
        FinalizePage {
            held: 1,
            unassigned: 3,
            blocking: vec![blocking],
            error: Some("invoice G001 is final in <b>".into()),
            ..page()
        },
    ]
}
