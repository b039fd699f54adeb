//! The price rules in the order in which they are tried: moved, and deleted.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format;
use crate::html;
use crate::i18n::Lang;
use crate::layout::{Layout, Section};
use crate::list::{Pager, page_number};
use crate::pages::customer_form::if_match;
use crate::routes::{Routes, only_partners};
use app::billing::{RuleKind, RuleMove, RuleView};
use app::customers::CustomerView;
use app::{Error, Paging, Permission};
use askama::Template;
use axum::response::Response;
use domain::CustomerId;
use jiff::civil::Date;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) const PATH: &str = "/console/price-rules";
const PER_PAGE: i64 = 100;
/// The number of rules among which those of one customer are looked for.
const MAX_OF_CUSTOMER: i64 = 1000;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get(PATH, list)
        .post("/console/price-rules/{rule_id}/move", move_rule)
        .get("/console/price-rules/{rule_id}/delete", show_delete)
        .post("/console/price-rules/{rule_id}/delete", delete)
}

/// What a line must have for a rule to match it: label and value.
type Condition = (String, String);

/// A rule.
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) position: String,
    /// How it makes a price, in words.
    pub(crate) price: String,
    /// Who has the earned credit, where the rule says so.
    pub(crate) credit: Option<String>,
    /// The customer that it is for: link, which deleted ones do not have, and name.
    pub(crate) customer: Option<(Option<String>, String)>,
    pub(crate) conditions: Vec<Condition>,
    /// The days that it holds for, where these are not all.
    pub(crate) days: String,
    pub(crate) is_first: bool,
    pub(crate) is_last: bool,
}

#[derive(Template)]
#[template(path = "price_rules.html")]
pub(crate) struct PriceRulesPage {
    pub(crate) l: Layout,
    pub(crate) rows: Vec<Row>,
    pub(crate) page: i64,
    pub(crate) pager: Pager,
    pub(crate) may_change: bool,
}

#[derive(Template)]
#[template(path = "price_rule_delete.html")]
pub(crate) struct PriceRuleDeletePage {
    pub(crate) l: Layout,
    pub(crate) row: Row,
    pub(crate) version: String,
}

/// The id of a rule in the path.
pub(crate) fn rule_id(cx: &Cx) -> Result<i64, Failure> {
    only_partners(cx)?;
    cx.parameter("rule_id").ok_or(Failure::App(Error::NotFound))
}

async fn list(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    let page = page_number(&cx.query);
    let (rules, total) = cx.app.price_rules(cx.call(), Paging { page, per_page: PER_PAGE }).await?;
    let customers = customers(&cx, &rules).await?;
    let mut rows: Vec<Row> = rules.iter().map(|rule| row(cx.lang, rule, &customers)).collect();
    let shown = rows.len() as i64;
    if let (Some(row), 1) = (rows.first_mut(), page) {
        row.is_first = true;
    }
    if let (Some(row), true) = (rows.last_mut(), (page - 1) * PER_PAGE + shown >= total) {
        row.is_last = true;
    }
    Ok(html::ok(&PriceRulesPage {
        l: cx.layout("price-rules-title", Section::Billing),
        rows,
        page,
        pager: Pager::new(cx.lang, PATH, &cx.query, page, PER_PAGE, shown, total).within_list()?,
        may_change: cx.may(Permission::ManageBilling),
    }))
}

/// The rules that can match lines of a customer, in their order: its own, and those for all. As many as a page of rules has.
pub(crate) async fn of_customer(cx: &Cx, customer: &CustomerView) -> Result<Vec<Row>, Failure> {
    let (rules, _) = cx.app.price_rules(cx.call(), Paging { page: 1, per_page: MAX_OF_CUSTOMER }).await?;
    let is_its =
        |rule: &&RuleView| rule.rule().details.customer_id.is_none_or(|only| only == customer.id().0);
    let names = HashMap::from([(customer.id().0, customer.name().to_owned())]);
    Ok(rules.iter().filter(is_its).take(PER_PAGE as usize).map(|rule| row(cx.lang, rule, &names)).collect())
}

/// The names of the customers that rules are for; deleted ones are not among them.
async fn customers(cx: &Cx, rules: &[RuleView]) -> Result<HashMap<i64, String>, Failure> {
    let mut names = HashMap::new();
    for id in rules.iter().filter_map(|rule| rule.rule().details.customer_id) {
        if names.contains_key(&id) {
            continue;
        }
        match cx.app.customer(cx.call(), CustomerId(id)).await {
            Ok(customer) => names.insert(id, customer.name().to_owned()),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(names)
}

fn row(lang: Lang, view: &RuleView, customers: &HashMap<i64, String>) -> Row {
    let rule = view.rule();
    let details = &rule.details;
    let condition = |label: &str, value: &Option<String>| {
        value.as_ref().map(|value| (lang.text(label, None), value.clone()))
    };
    let conditions = [
        condition("rule-publisher", &details.publisher),
        condition("rule-product", &details.product_id),
        condition("rule-sku", &details.sku_id),
        condition("rule-charge-type", &details.charge_type),
        condition("rule-meter-category", &details.meter_category),
    ];
    let customer = details.customer_id.map(|id| match customers.get(&id) {
        Some(name) => (Some(format!("/console/customers/{id}")), name.clone()),
        None => (None, lang.text("customer-deleted", None)),
    });
    Row {
        id: rule.id,
        name: details.name.clone(),
        position: details.position.to_string(),
        price: price(lang, details.kind),
        credit: details
            .earned_credit
            .map(|credit| lang.text(&format!("rule-credit-{}", credit.name().replace('_', "-")), None)),
        customer,
        conditions: conditions.into_iter().flatten().collect(),
        days: days(lang, details.effective_from, details.effective_until),
        is_first: false,
        is_last: false,
    }
}

/// How a rule makes a price, in words.
fn price(lang: Lang, kind: RuleKind) -> String {
    let value = format::decimal(lang, &kind.value());
    let percent = |id: &str| lang.text_with(id, &[("percent", &value)]);
    match kind {
        RuleKind::Margin(_) => percent("rule-price-margin"),
        RuleKind::Markup(_) => percent("rule-price-markup"),
        RuleKind::Discount(_) => percent("rule-price-discount"),
        RuleKind::ListPrice => lang.text("rule-price-list", None),
        RuleKind::Fixed(price, currency) => {
            let places = usize::from(currency.minor_unit());
            let price = format::money(lang, &price.to_string(), places, currency.code());
            lang.text_with("rule-price-fixed", &[("price", &price)])
        }
    }
}

/// The days that a rule holds for; empty for all.
fn days(lang: Lang, from: Option<Date>, until: Option<Date>) -> String {
    let [from, until] = [from, until].map(|day| day.map(|day| format::date(lang, day)));
    match (from, until) {
        (None, None) => String::new(),
        (Some(from), None) => lang.text_with("rule-from", &[("from", &from)]),
        (None, Some(until)) => lang.text_with("rule-until", &[("until", &until)]),
        (Some(from), Some(until)) => lang.text_with("rule-from-until", &[("from", &from), ("until", &until)]),
    }
}

async fn move_rule(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = rule_id(&cx)?;
    let other = || cx.form.get("other").parse().map_err(|_| Failure::App(Error::NotFound));
    // The button that was pressed has the focus again, so that the rule can be moved on; of one that was dragged, the row is shown.
    let (to, focused) = match cx.form.get("direction") {
        "before" => (RuleMove::Before(other()?), "rule"),
        "behind" => (RuleMove::Behind(other()?), "rule"),
        "down" => (RuleMove::Down, "down"),
        _ => (RuleMove::Up, "up"),
    };
    cx.app.move_price_rule(cx.call(), id, to).await?;
    let page = page_number(&cx.form);
    Ok(html::see_other(&format!("{PATH}?page={page}&done=rule-moved#{focused}-{id}")))
}

async fn show_delete(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = rule_id(&cx)?;
    cx.app.require(cx.call(), Permission::ManageBilling).await?;
    let rule = cx.app.price_rule(cx.call(), id).await?;
    let customers = customers(&cx, std::slice::from_ref(&rule)).await?;
    let title = cx.lang.text_with("rule-delete-title", &[("name", &rule.rule().details.name)]);
    Ok(html::ok(&PriceRuleDeletePage {
        l: cx.layout_with(title, Section::Billing),
        row: row(cx.lang, &rule, &customers),
        version: rule.version(),
    }))
}

async fn delete(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = rule_id(&cx)?;
    cx.app.delete_price_rule(cx.call(), id, if_match(cx.form.get("version"))).await?;
    Ok(html::see_other(&format!("{PATH}?done=rule-deleted")))
}

#[cfg(test)]
fn row_sample(id: i64) -> Row {
    Row {
        id,
        name: "Azure <b>".into(),
        position: "10".into(),
        price: "Margin of 15 %".into(),
        credit: None,
        customer: None,
        conditions: vec![],
        days: String::new(),
        is_first: true,
        is_last: false,
    }
}

#[cfg(test)]
pub(super) fn row_samples() -> Vec<Row> {
    vec![row_sample(7)]
}

#[cfg(test)]
pub(super) fn samples() -> (Vec<PriceRulesPage>, Vec<PriceRuleDeletePage>) {
    use crate::layout::samples::partner;
    let narrow = || Row {
        credit: Some("Customer <b>".into()),
        customer: Some((Some("/console/customers/7".into()), "Acme <b>".into())),
        conditions: vec![("Product".into(), "<i>CFQ".into())],
        days: "From 1 Oct 2026".into(),
        is_first: false,
        is_last: true,
        ..row_sample(8)
    };
    let gone = || Row { customer: Some((None, "Deleted".into())), ..row_sample(9) };
    let page = |rows, may_change| PriceRulesPage {
        l: partner("price-rules-title", Section::Billing),
        rows,
        page: 1,
        pager: Pager::default(),
        may_change,
    };
    let delete = |row| PriceRuleDeletePage {
        l: partner("price-rules-title", Section::Billing),
        row,
        version: "8-1".into(),
    };
    (
        vec![
            page(vec![], true),
            page(vec![row_sample(7), narrow(), gone()], true),
            page(vec![narrow()], false),
        ],
        vec![delete(row_sample(7)), delete(narrow())],
    )
}
