//! A month's bill run: progress, what is not assigned, and the customers with their bills.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::form::query_string;
use crate::format;
use crate::html;
use crate::i18n::Lang;
use crate::layout::{Layout, Section};
use crate::list::{Pager, page_number};
use crate::pages::billing::{Badge, badge, newest_of_month};
use crate::pages::comparison::{is_large, money, previous, signed};
use crate::routes::{Routes, only_partners};
use app::billing::{
    Amount, CustomerBill, MonthCharge, Place, RunError, RunState, RunView, RunWarning, Stage,
};
use app::{Error, Permission};
use askama::Template;
use axum::response::Response;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

const PER_PAGE: usize = 100;
/// The most rows of tables that are not the page's own list.
const MAX_ROWS: usize = 100;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("/console/billing/runs/{id}", show)
}

/// The sums of a currency.
pub(crate) struct Sums {
    pub(crate) cost: String,
    pub(crate) unassigned: String,
    pub(crate) charge: String,
    pub(crate) profit: String,
    pub(crate) held: Option<String>,
    pub(crate) tax: String,
}

/// A tenant whose lines are on no bill.
pub(crate) struct Unassigned {
    pub(crate) tenant: String,
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) lines: String,
    pub(crate) cost: String,
    /// Where the tenant is given to a customer, for those who may; `None` where it has one.
    pub(crate) assign: Option<String>,
}

/// A customer's bill.
pub(crate) struct Row {
    /// The customer's id.
    pub(crate) id: i64,
    pub(crate) name: String,
    /// The page of the bill.
    pub(crate) href: String,
    pub(crate) lines: String,
    pub(crate) cost: String,
    pub(crate) charge: String,
    pub(crate) profit: String,
    /// Whether it was reversed, or a later run has taken its place.
    pub(crate) is_gone: bool,
    pub(crate) is_loss: bool,
    /// The difference to last month; `None` where there was no bill.
    pub(crate) change: Option<String>,
    /// What is remarkable about the change: the id of a message; empty if nothing is.
    pub(crate) mark: &'static str,
    pub(crate) held_back: Vec<String>,
}

/// Something to look at.
pub(crate) struct Warning {
    pub(crate) code: &'static str,
    /// What it is about; empty for a code that has no words of its own.
    pub(crate) title: String,
    pub(crate) message: String,
    /// The id of a message that says what it blocks; empty if nothing.
    pub(crate) blocks: &'static str,
    pub(crate) is_accepted: bool,
}

impl Warning {
    /// Whether the bills can only be published if it is accepted.
    pub(crate) fn stops_publishing(&self) -> bool {
        self.blocks == "warning-blocks-publishing" && !self.is_accepted
    }
}

/// How far a run is.
pub(crate) struct Progress {
    pub(crate) percent: u64,
    pub(crate) text: String,
}

/// An order of the customers: name in the URL, label, link, and whether it is this one.
pub(crate) struct Order {
    pub(crate) label: String,
    pub(crate) href: String,
    pub(crate) is_current: bool,
}

#[derive(Template)]
#[template(path = "bill_run.html")]
pub(crate) struct BillRunPage {
    pub(crate) l: Layout,
    pub(crate) path: String,
    pub(crate) id: i64,
    pub(crate) month: String,
    /// The month as `2026-10`, and the one invoice that the run was told; empty for none.
    pub(crate) period: String,
    pub(crate) only_invoice: String,
    pub(crate) state: Badge,
    /// The last run of the month, if this one is not it, so that it can no longer be published or made final.
    pub(crate) later: Option<String>,
    /// What has become of its bills, in words, for a run that has bills.
    pub(crate) stage: Option<String>,
    pub(crate) progress: Option<Progress>,
    pub(crate) is_failed: bool,
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) invoice: String,
    pub(crate) sources: Vec<String>,
    /// Whether the bills and the rest add up to the invoice.
    pub(crate) ties: Option<bool>,
    pub(crate) sums: Vec<Sums>,
    pub(crate) unassigned: Vec<Unassigned>,
    pub(crate) unassigned_total: i64,
    pub(crate) held: Vec<Row>,
    pub(crate) rows: Vec<Row>,
    pub(crate) orders: Vec<Order>,
    pub(crate) pager: Pager,
    /// Customers with a bill last month and none now.
    pub(crate) gone: Vec<(String, String)>,
    pub(crate) may_manage: bool,
    /// Whether the same files can be billed again, such as after tenants were given to customers.
    pub(crate) may_repeat: bool,
    pub(crate) may_publish: bool,
    /// Whether customers see its bills, so that one that is released is shown at once.
    pub(crate) is_published: bool,
    pub(crate) may_finalize: bool,
}

pub(crate) fn run_id(cx: &Cx) -> Result<i64, Failure> {
    only_partners(cx)?;
    cx.parameter("id").ok_or(Failure::App(Error::NotFound))
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = run_id(&cx)?;
    let run = cx.app.bill_run(cx.call(), id).await?;
    let before = previous(&cx, &run).await?;
    let standing = match run.stage {
        Some(Stage::Final | Stage::Void) => cx.app.charges_of_month(cx.call(), &run.billing_period).await?,
        _ => Vec::new(),
    };
    let later = newest_of_month(&cx, &run.billing_period).await?.filter(|newest| *newest > id);
    let mut page = page(&cx, &run, before.as_deref(), &standing, later);
    page.pager = page.pager.within_list()?;
    Ok(html::ok(&page))
}

fn page(
    cx: &Cx,
    run: &RunView,
    before: Option<&[MonthCharge]>,
    standing: &[MonthCharge],
    later: Option<i64>,
) -> BillRunPage {
    let path = format!("/console/billing/runs/{}", run.id);
    let bills = run.customers.as_deref().unwrap_or_default();
    let earlier = before.unwrap_or_default();
    let charges: Charges =
        earlier.iter().map(|bill| ((bill.customer_id, bill.currency.code()), bill.charge)).collect();
    let standing: HashMap<(i64, &str), i64> =
        standing.iter().map(|bill| ((bill.customer_id, bill.currency.code()), bill.run)).collect();
    let was_final = matches!(run.stage, Some(Stage::Final | Stage::Void));
    // What corrects a month that an earlier run made final is on that run's statement.
    let is_gone = |bill: &CustomerBill| {
        let by = standing.get(&(bill.customer_id, bill.currency.code()));
        was_final && bill.prefix.is_some() && by.is_none_or(|by| *by > run.id)
    };
    let row = |bill: &CustomerBill| Row {
        is_gone: is_gone(bill),
        ..row(cx, &path, bill, &charges, before.is_some())
    };
    let (number, order) = (page_number(&cx.query) as usize, cx.query.get("sort"));
    let mut sorted: Vec<&CustomerBill> = bills.iter().collect();
    match order {
        "name" => sorted.sort_by_key(|bill| bill.name.to_lowercase()),
        "profit" => sorted.sort_by_key(|bill| bill.charge - bill.cost),
        "change" => sorted.sort_by_key(|bill| {
            let was = charges.get(&(bill.customer_id, bill.currency.code())).copied();
            Reverse((bill.charge - was.unwrap_or_default()).abs())
        }),
        _ => sorted.sort_by_key(|bill| Reverse(bill.charge)),
    }
    let rows: Vec<Row> =
        sorted.iter().skip((number - 1) * PER_PAGE).take(PER_PAGE).map(|bill| row(bill)).collect();
    let (shown, total) = (rows.len() as i64, bills.len() as i64);
    let now: HashSet<i64> = bills.iter().map(|bill| bill.customer_id).collect();
    let gone = earlier
        .iter()
        .filter(|bill| !now.contains(&bill.customer_id))
        .take(MAX_ROWS)
        .map(|bill| (format!("/console/customers/{}", bill.customer_id), bill.name.clone()));
    let is_under_way = run.state.is_under_way();
    let may_manage = cx.may(Permission::ManageBilling);
    let is_open = matches!(run.stage, Some(Stage::Draft | Stage::Published));
    let later = later.filter(|_| is_open);
    let unassigned = run.unassigned.as_deref().unwrap_or_default();
    BillRunPage {
        l: cx.layout_with(format::month(cx.lang, &run.billing_period), Section::Billing),
        id: run.id,
        month: format::month(cx.lang, &run.billing_period),
        state: badge(cx, run.state),
        stage: run.stage.map(|stage| {
            let id = match stage {
                _ if later.is_some() => "stage-superseded",
                Stage::Draft => "stage-draft",
                Stage::Published => "stage-published",
                Stage::Final if bills.iter().any(is_gone) => "stage-final-in-part",
                Stage::Final => "stage-final",
                Stage::Void => "stage-void",
            };
            cx.lang.text(id, None)
        }),
        later: later.map(|id| format!("/console/billing/runs/{id}")),
        progress: is_under_way.then(|| how_far(cx, run)),
        is_failed: matches!(run.state, RunState::Failed),
        errors: run.errors.iter().map(|error| said(cx.lang, error)).collect(),
        warnings: run.warnings.iter().map(|one| warning(cx.lang, one)).collect(),
        invoice: run.invoice_id.clone().unwrap_or_else(|| run.invoice_ids.join(", ")),
        sources: run.sources.clone(),
        ties: run.checks.as_ref().map(|checks| checks.ties),
        sums: sums(cx, run),
        unassigned: unassigned
            .iter()
            .take(MAX_ROWS)
            .map(|line| Unassigned {
                tenant: line.azure_customer_id.clone(),
                name: line.name.clone(),
                reason: cx.lang.text(
                    match line.reason.name() {
                        "no customer" => "unassigned-no-customer",
                        "billing off" => "unassigned-billing-off",
                        _ => "unassigned-billed-before",
                    },
                    None,
                ),
                lines: format::number(cx.lang, line.lines.try_into().unwrap_or(i64::MAX)),
                cost: money(cx.lang, line.cost, line.currency),
                assign: (line.reason.name() == "no customer" && cx.may(Permission::ChangeCustomers)).then(
                    || {
                        let query = query_string([("tenant", line.azure_customer_id.as_str())]);
                        format!("/console/directory/assign{query}")
                    },
                ),
            })
            .collect(),
        unassigned_total: unassigned.len() as i64,
        held: bills.iter().filter(|bill| !bill.held_back.is_empty()).take(MAX_ROWS).map(row).collect(),
        rows,
        orders: orders(cx, &path, order),
        pager: Pager::new(cx.lang, &path, &cx.query, number as i64, PER_PAGE as i64, shown, total),
        gone: gone.collect(),
        may_manage,
        may_repeat: may_manage && !is_under_way && !run.sources.is_empty(),
        period: run.billing_period.clone(),
        // A run that was told one invoice of several tells of the others.
        only_invoice: run.invoice_id.clone().filter(|_| !run.other_invoices.is_empty()).unwrap_or_default(),
        may_publish: may_manage && later.is_none() && matches!(run.stage, Some(Stage::Draft)),
        is_published: matches!(run.stage, Some(Stage::Published)),
        may_finalize: may_manage && later.is_none() && is_open,
        path,
    }
}

fn orders(cx: &Cx, path: &str, chosen: &str) -> Vec<Order> {
    let orders = [
        ("", "order-charge"),
        ("name", "order-name"),
        ("profit", "order-profit"),
        ("change", "order-change"),
    ];
    let order = |(name, label): (&str, &str)| Order {
        label: cx.lang.text(label, None),
        href: format!("{path}{}#bills", query_string([("sort", name)])),
        is_current: name == chosen,
    };
    orders.map(order).into()
}

pub(crate) fn how_far(cx: &Cx, run: &RunView) -> Progress {
    let done = &run.progress;
    let percent = (done.bytes_read * 100).checked_div(done.bytes_total).unwrap_or(0).min(100);
    let lines = format::number(cx.lang, done.lines.try_into().unwrap_or(i64::MAX));
    let values = [("percent", percent.to_string()), ("lines", lines)];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let id = if done.bytes_total == 0 { "run-waiting" } else { "run-reading" };
    Progress { percent, text: cx.lang.text_with(id, &values) }
}

/// An error with the file, line and column that it is about.
pub(crate) fn said(lang: Lang, error: &RunError) -> String {
    let RunError { place: at, customer_id, message, wording } = error;
    let message = lang.message(message, wording.as_ref());
    let customer = customer_id.map(|id| lang.text_with("place-customer", &[("id", &id.to_string())]));
    place(lang, at, customer, &message)
}

fn place(lang: Lang, at: &Place, customer: Option<String>, message: &str) -> String {
    let parts = [
        at.file.clone().filter(|file| !file.is_empty()),
        at.line.map(|line| {
            let line = format::number(lang, line.try_into().unwrap_or(i64::MAX));
            lang.text_with("place-line", &[("line", &line)])
        }),
        at.column.as_deref().map(|column| match column.strip_prefix("character ") {
            Some(number) => lang.text_with("place-character", &[("number", number)]),
            None => lang.text_with("place-column", &[("column", column)]),
        }),
        customer,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    // A sentence by itself begins with a capital; a file's name stays as it is.
    let mut letters = message.chars();
    match (parts.is_empty(), letters.next()) {
        (true, Some(first)) => format!("{}{}", first.to_uppercase(), letters.as_str()),
        _ => format!("{}: {message}", parts.join(", ")),
    }
}

pub(crate) fn warning(lang: Lang, warning: &RunWarning) -> Warning {
    let title = format!("warning-title-{}", warning.code.name());
    Warning {
        code: warning.code.name(),
        title: if lang.has(&title) { lang.text(&title, None) } else { String::new() },
        message: {
            let message = lang.message(&warning.message, warning.wording.as_ref());
            place(lang, &warning.place, None, &message)
        },
        blocks: match warning.blocks.name() {
            Some("publish") => "warning-blocks-publishing",
            Some(_) => "warning-blocks-finalizing",
            None => "",
        },
        is_accepted: warning.accepted,
    }
}

pub(crate) fn sums(cx: &Cx, run: &RunView) -> Vec<Sums> {
    let sums = run.totals.iter().map(|total| {
        let [cost, unassigned, charge, profit, held, tax] = [
            total.cost,
            total.unassigned_cost,
            total.charge,
            total.charge - total.charged_cost,
            total.held_charge,
            total.tax,
        ]
        .map(|amount| money(cx.lang, amount, total.currency));
        let held = (!total.held_charge.is_zero()).then_some(held);
        Sums { cost, unassigned, charge, profit, held, tax }
    });
    sums.collect()
}

/// The charges of a month, by customer and currency.
type Charges = HashMap<(i64, &'static str), Amount>;

/// A row of the customers' table. `charges` are those of the month before, if `has_before`.
fn row(cx: &Cx, path: &str, bill: &CustomerBill, charges: &Charges, has_before: bool) -> Row {
    let currency = bill.currency;
    let profit = bill.charge - bill.cost;
    let was = charges.get(&(bill.customer_id, currency.code())).copied();
    let mark = match was {
        _ if !has_before => "",
        None => "change-new",
        Some(was) if is_large(was, bill.charge) => "change-large",
        Some(_) => "",
    };
    Row {
        id: bill.customer_id,
        name: bill.name.clone(),
        href: format!(
            "{path}/customers/{}{}",
            bill.customer_id,
            query_string([("currency", currency.code())])
        ),
        lines: format::number(cx.lang, bill.lines.try_into().unwrap_or(i64::MAX)),
        cost: money(cx.lang, bill.cost, currency),
        charge: money(cx.lang, bill.charge, currency),
        profit: money(cx.lang, profit, currency),
        is_gone: false,
        is_loss: profit.rounded(currency.minor_unit()).is_negative(),
        change: was.map(|was| signed(cx.lang, bill.charge - was, currency)),
        mark,
        held_back: cx.lang.messages(&bill.held_back),
    }
}

/// The page after something was done with a run; what stands against it is said.
pub(crate) fn done(id: i64, notice: &str) -> Response {
    html::see_other(&format!("/console/billing/runs/{id}?done={notice}"))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<BillRunPage> {
    use crate::layout::samples::partner;
    let page = || BillRunPage {
        l: partner("billing-title", Section::Billing),
        path: "/console/billing/runs/1".into(),
        id: 1,
        later: None,
        month: "October 2026".into(),
        period: "2026-10".into(),
        only_invoice: String::new(),
        state: Badge { class: "warn", label: "Running".into() },
        stage: None,
        progress: None,
        is_failed: false,
        errors: vec![],
        warnings: vec![],
        invoice: String::new(),
        sources: vec![],
        ties: None,
        sums: vec![],
        unassigned: vec![],
        unassigned_total: 0,
        held: vec![],
        rows: vec![],
        orders: vec![],
        pager: Pager::default(),
        gone: vec![],
        may_manage: false,
        may_repeat: false,
        may_publish: false,
        is_published: false,
        may_finalize: false,
    };
    let row = |held: bool| Row {
        id: 7,
        name: "Acme <b>".into(),
        href: "/console/billing/runs/1/customers/7".into(),
        lines: "1,000".into(),
        cost: "1.00 USD".into(),
        charge: "2.00 USD".into(),
        profit: "1.00 USD".into(),
        is_gone: held,
        is_loss: held,
        change: held.then(|| "1.00 USD".into()),
        mark: if held { "change-large" } else { "change-new" },
        held_back: if held { vec!["more lines than <b>".into()] } else { vec![] },
    };
    let warning = |blocks, is_accepted| Warning {
        code: "below_cost",
        title: "Below <b> cost".into(),
        message: "lines below <b> cost".into(),
        blocks,
        is_accepted,
    };
    vec![
        page(),
        BillRunPage {
            progress: Some(Progress { percent: 42, text: "42 % of the files".into() }),
            may_manage: true,
            ..page()
        },
        BillRunPage {
            is_failed: true,
            errors: vec!["october.csv, 3: <b>".into()],
            may_manage: true,
            ..page()
        },
        BillRunPage {
            warnings: vec![warning("", false), warning("warning-blocks-finalizing", true)],
            invoice: "G001 <b>".into(),
            sources: vec!["file:<b>.csv".into()],
            ties: Some(true),
            sums: vec![sums_sample()],
            unassigned: vec![Unassigned {
                tenant: "t-1".into(),
                name: "<i>".into(),
                reason: "no customer".into(),
                lines: "3".into(),
                cost: "5.00 USD".into(),
                assign: Some("/console/directory/assign?tenant=t-1".into()),
            }],
            unassigned_total: 200,
            held: vec![row(true)],
            rows: vec![row(true), row(false)],
            orders: vec![Order { label: "Charge".into(), href: "?sort=".into(), is_current: true }],
            gone: vec![("/console/customers/9".into(), "Gone <b>".into())],
            stage: Some("A draft <b>".into()),
            may_manage: true,
            may_repeat: true,
            may_publish: true,
            is_published: true,
            may_finalize: true,
            ..page()
        },
    ]
}

#[cfg(test)]
pub(super) fn sums_sample() -> Sums {
    Sums {
        cost: "10.00 USD".into(),
        unassigned: "5.00 USD".into(),
        charge: "7.00 USD".into(),
        profit: "2.00 USD".into(),
        held: Some("1.00 USD".into()),
        tax: "0.00 USD".into(),
    }
}
