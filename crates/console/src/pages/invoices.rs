//! Microsoft's invoices: whether each is fetched, billed, tied and final.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format;
use crate::html;
use crate::layout::{Layout, Section};
use crate::list::{Pager, page_number};
use crate::pages::automation::fetch_failure;
use crate::routes::{Routes, only_partners};
use app::billing::InvoiceView;
use askama::Template;
use axum::response::Response;
use std::sync::Arc;

const PATH: &str = "/console/billing/invoices";
const PER_PAGE: usize = 50;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, list)
}

/// An invoice.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) month: String,
    pub(crate) date: String,
    pub(crate) total: String,
    pub(crate) is_fetched: bool,
    /// Why the last fetch of its month has failed.
    pub(crate) failure: Option<String>,
    /// The run that has billed it, and what that comes to with tax, where it billed nothing else.
    pub(crate) run: Option<(String, Option<String>)>,
    /// Whether the bills come to its total; `None` where that cannot be told.
    pub(crate) ties: Option<bool>,
    pub(crate) is_final: bool,
}

#[derive(Template)]
#[template(path = "invoices.html")]
pub(crate) struct InvoicesPage {
    pub(crate) l: Layout,
    pub(crate) rows: Vec<Row>,
    pub(crate) pager: Pager,
}

async fn list(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let invoices = cx.app.microsoft_invoices(cx.call()).await?;
    let page = page_number(&cx.query) as usize;
    let shown = invoices.iter().skip((page - 1).saturating_mul(PER_PAGE)).take(PER_PAGE);
    let rows: Vec<Row> = shown.map(|invoice| row(&cx, invoice)).collect();
    let counts = [page, PER_PAGE, rows.len(), invoices.len()].map(|count| count as i64);
    let [number, per_page, shown, total] = counts;
    Ok(html::ok(&InvoicesPage {
        l: cx.layout("invoices-title", Section::Billing),
        rows,
        pager: Pager::new(cx.lang, PATH, &cx.query, number, per_page, shown, total).within_list()?,
    }))
}

fn row(cx: &Cx, invoice: &InvoiceView) -> Row {
    let money = |amount: &str| format::money(cx.lang, amount, 2, &invoice.currency);
    let date = invoice.invoice_date.as_deref().and_then(|day| day.parse().ok());
    let billed = invoice.billed_total.map(|total| money(&total.to_string()));
    let error = invoice.last_fetch.as_ref().and_then(|fetch| fetch.error.as_ref());
    Row {
        id: invoice.id.clone(),
        month: format::month(cx.lang, &invoice.billing_period),
        date: date.map_or(String::new(), |day| format::date(cx.lang, day)),
        total: money(&invoice.total_charges),
        is_fetched: !invoice.fetched.is_empty(),
        failure: error.map(|error| fetch_failure(cx.lang, error)),
        run: invoice.bill_run_id.map(|run| (format!("/console/billing/runs/{run}"), billed)),
        ties: invoice.ties,
        is_final: invoice.is_final,
    }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<InvoicesPage> {
    use crate::layout::samples::partner;
    let row = |ties: Option<bool>| Row {
        id: "G001 <b>".into(),
        month: "October 2026".into(),
        date: "8 Nov 2026".into(),
        total: "1.00 USD".into(),
        is_fetched: ties.is_some(),
        failure: ties.is_none().then(|| "refused <b>".into()),
        run: ties.map(|ties| ("/console/billing/runs/1".into(), ties.then(|| "1.00 USD".into()))),
        ties,
        is_final: ties == Some(true),
    };
    let page =
        |rows| InvoicesPage { l: partner("invoices-title", Section::Billing), rows, pager: Pager::default() };
    vec![page(vec![]), page(vec![row(None), row(Some(false)), row(Some(true))])]
}
