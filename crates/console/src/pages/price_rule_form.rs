//! Adding and changing a price rule, and trying it on the last month before it is saved. What was typed stays in the form.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::html;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::pages::bill_run;
use crate::pages::customer_form::{if_match, no_body, repeatable};
use crate::pages::price_rule_trial::{self, Trial};
use crate::pages::price_rules::{PATH, rule_id};
use crate::routes::{Routes, only_partners};
use app::billing::{NewPriceRule, RuleKind, RuleView, TriedRule};
use app::customers::{Order, Search};
use app::{Error, Permission, Query};
use askama::Template;
use axum::response::Response;
use domain::{CustomerId, Handling, Json};
use http::StatusCode;
use std::sync::Arc;

const NEW: &str = "/console/price-rules/new";
const TRY_NEW: &str = "/console/price-rules/try";
/// The most customers that are offered to choose from.
const MAX_OFFERED: i64 = 100;

const NAMES: [&str; 16] = [
    "name",
    "kind",
    "percentage",
    "price",
    "currency",
    "position",
    "effective_from",
    "effective_until",
    "customer",
    "publisher",
    "product_id",
    "sku_id",
    "charge_type",
    "meter_category",
    "earned_credit",
    "version",
];

/// The field of each pointer of a payload, and its label.
const FIELDS: [(&str, &str, &str); 15] = [
    ("/name", "name", "field-name"),
    ("/kind", "kind", "rule-price"),
    ("/percentage", "percentage", "rule-percentage"),
    ("/price", "price", "rule-unit-price"),
    ("/currency", "currency", "rule-currency"),
    ("/position", "position", "rule-position"),
    ("/effective_from", "effective_from", "rule-effective-from"),
    ("/effective_until", "effective_until", "rule-effective-until"),
    ("/customer_id", "customer", "column-customer"),
    ("/publisher", "publisher", "rule-publisher"),
    ("/product_id", "product_id", "rule-product"),
    ("/sku_id", "sku_id", "rule-sku"),
    ("/charge_type", "charge_type", "rule-charge-type"),
    ("/meter_category", "meter_category", "rule-meter-category"),
    ("/earned_credit", "earned_credit", "rule-credit"),
];

/// The fields that may be left empty; in a change, an empty one is cleared.
const OPTIONAL: [&str; 8] = [
    "effective_from",
    "effective_until",
    "publisher",
    "product_id",
    "sku_id",
    "charge_type",
    "meter_category",
    "earned_credit",
];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get(NEW, show_new)
        .post(NEW, create)
        .post(TRY_NEW, try_new)
        .get("/console/price-rules/{rule_id}/edit", show_edit)
        .post("/console/price-rules/{rule_id}/edit", edit)
        .post("/console/price-rules/{rule_id}/try", try_edit)
}

#[derive(Template)]
#[template(path = "price_rule_form.html")]
pub(crate) struct PriceRuleFormPage {
    pub(crate) l: Layout,
    /// The stored rule that is changed; `None` for a new one.
    pub(crate) id: Option<i64>,
    pub(crate) action: String,
    /// Where the trial is sent.
    pub(crate) try_action: String,
    pub(crate) f: Inputs,
    /// The names of customers.
    pub(crate) offers: Vec<String>,
    pub(crate) trial: Option<Trial>,
}

/// The stored rule that a form is for.
struct Stored {
    id: i64,
    version: String,
}

async fn page(
    cx: &Cx,
    id: Option<i64>,
    f: Inputs,
    trial: Option<Trial>,
) -> Result<PriceRuleFormPage, Failure> {
    let mut search = Search::parse(&Query::default(), cx.app.now())?;
    search.paging.per_page = MAX_OFFERED;
    search.order = Order::Name;
    let offered = cx.app.customers(cx.call(), search).await?.customers;
    let title = if id.is_some() { "rule-edit-title" } else { "rule-new" };
    Ok(PriceRuleFormPage {
        l: cx.layout(title, Section::Billing),
        id,
        action: id.map_or(NEW.to_owned(), |id| format!("{PATH}/{id}/edit")),
        try_action: id.map_or(TRY_NEW.to_owned(), |id| format!("{PATH}/{id}/try")),
        f,
        offers: offered.iter().map(|customer| customer.name().to_owned()).collect(),
        trial,
    })
}

async fn show_new(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.require(cx.call(), Permission::ManageBilling).await?;
    let f = Inputs::new(&NAMES, |name| if name == "kind" { "margin".into() } else { String::new() });
    Ok(html::ok(&page(&cx, None, f, None).await?))
}

async fn show_edit(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = rule_id(&cx)?;
    cx.app.require(cx.call(), Permission::ManageBilling).await?;
    let rule = cx.app.price_rule(cx.call(), id).await?;
    let customer = match rule.rule().details.customer_id {
        None => String::new(),
        Some(id) => match cx.app.customer(cx.call(), CustomerId(id)).await {
            Ok(customer) => customer.name().to_owned(),
            // The rule matches nothing, and its number says why.
            Err(Error::NotFound) => id.to_string(),
            Err(error) => return Err(error.into()),
        },
    };
    Ok(html::ok(&page(&cx, Some(id), inputs_of(&rule, &customer), None).await?))
}

/// The form of a rule as it is.
fn inputs_of(view: &RuleView, customer: &str) -> Inputs {
    let rule = &view.rule().details;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let day = |day: Option<jiff::civil::Date>| day.map_or(String::new(), |day| day.to_string());
    Inputs::new(&NAMES, |name| match name {
        "name" => rule.name.clone(),
        "kind" => rule.kind.name().into(),
        "percentage" if !matches!(rule.kind, RuleKind::Fixed(..)) => rule.kind.value(),
        "price" if matches!(rule.kind, RuleKind::Fixed(..)) => rule.kind.value(),
        "currency" => rule.kind.currency().map_or(String::new(), |currency| currency.code().to_owned()),
        "position" => rule.position.to_string(),
        "effective_from" => day(rule.effective_from),
        "effective_until" => day(rule.effective_until),
        "customer" => customer.to_owned(),
        "publisher" => text(&rule.publisher),
        "product_id" => text(&rule.product_id),
        "sku_id" => text(&rule.sku_id),
        "charge_type" => text(&rule.charge_type),
        "meter_category" => text(&rule.meter_category),
        "earned_credit" => rule.earned_credit.map_or(String::new(), |credit| credit.name().to_owned()),
        "version" => view.version(),
        _ => String::new(),
    })
}

/// What was typed.
fn typed(cx: &Cx) -> Inputs {
    Inputs::new(&NAMES, |name| cx.form.get(name).to_owned())
}

/// The payload of a new rule as it was typed; of values, only those that go with the kind.
fn payload(f: &Inputs, customer: Option<i64>) -> Vec<(String, Json)> {
    let mut fields = Vec::new();
    let mut add = |name: &str, value: Json| fields.push((name.to_owned(), value));
    let string = |name: &str| Json::String(f.value(name).to_owned());
    let has = |name: &str| !f.value(name).is_empty();
    let values: &[&str] = match f.value("kind") {
        "list_price" => &[],
        "fixed" => &["price", "currency"],
        _ => &["percentage"],
    };
    for name in ["name", "kind"].iter().chain(values).chain(&OPTIONAL).filter(|name| has(name)) {
        add(name, string(name));
    }
    if has("position") {
        let number = f.value("position").parse::<i64>();
        add("position", number.map_or_else(|_| string("position"), |number| Json::Number(number.into())));
    }
    if let Some(customer) = customer {
        add("customer_id", Json::Number(customer.into()));
    }
    fields
}

/// The payload of a change: what was left empty is cleared.
fn change(f: &Inputs, mut fields: Vec<(String, Json)>) -> Json {
    let optional = OPTIONAL.iter().filter(|name| f.value(name).is_empty());
    fields.extend(optional.map(|name| ((*name).to_owned(), Json::Null)));
    if f.value("customer").is_empty() {
        fields.push(("customer_id".to_owned(), Json::Null));
    }
    Json::Object(fields)
}

/// The customer of a name, in any case, or of a number; `None` if there is none.
async fn find_customer(cx: &Cx, typed: &str) -> Result<Option<i64>, Failure> {
    let parameters = vec![("q".to_owned(), typed.to_owned())];
    if let Ok(mut search) = Search::parse(&Query::new(parameters, Handling::Lenient), cx.app.now()) {
        search.paging.per_page = MAX_OFFERED;
        search.order = Order::Name;
        let found = cx.app.customers(cx.call(), search).await?.customers;
        let is_it = |name: &str| name.to_lowercase() == typed.to_lowercase();
        if let Some(customer) = found.iter().find(|customer| is_it(customer.name())) {
            return Ok(Some(customer.id().0));
        }
    }
    let Ok(id) = typed.parse::<i64>() else { return Ok(None) };
    match cx.app.customer(cx.call(), CustomerId(id)).await {
        Ok(customer) => Ok(Some(customer.id().0)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A payload to send, or the form with everything that is wrong with it.
async fn read(
    cx: &Cx,
    stored: Option<&Stored>,
    mut f: Inputs,
) -> Result<Result<(Inputs, Json), Inputs>, Failure> {
    let typed = f.value("customer").to_owned();
    let customer = match typed.as_str() {
        "" => None,
        typed => find_customer(cx, typed).await?,
    };
    let fields = payload(&f, customer);
    // A change keeps what is not named, so what it lacks is found here.
    if let Err(violations) = NewPriceRule::parse(&Json::Object(fields.clone())) {
        f.refuse_all(cx.lang, &violations, field);
    }
    if customer.is_none() && !typed.is_empty() {
        f.refuse("customer", cx.lang.text("rule-customer-unknown", None));
    }
    if f.is_wrong() {
        return Ok(Err(f));
    }
    let body = if stored.is_some() { change(&f, fields) } else { Json::Object(fields) };
    Ok(Ok((f, body)))
}

fn field(pointer: &str) -> (&'static str, &'static str) {
    FIELDS.iter().find(|(known, ..)| *known == pointer).map_or(("", ""), |(_, name, label)| (name, label))
}

/// The form again, with what is wrong; any other error is a page of its own.
async fn again(cx: &Cx, id: Option<i64>, mut f: Inputs, error: Error) -> Result<Response, Failure> {
    let said = f.refuse_error(cx.lang, &error, "rule-changed-meanwhile", field);
    let Some(status) = said else { return Err(error.into()) };
    Ok(html::page(status, &page(cx, id, f, None).await?))
}

/// The form with the violations that [`read`] found.
async fn refused(cx: &Cx, id: Option<i64>, f: Inputs) -> Result<Response, Failure> {
    Ok(html::page(StatusCode::UNPROCESSABLE_ENTITY, &page(cx, id, f, None).await?))
}

/// The rule of the path, which must be there before anything is said of the form.
async fn stored(cx: &Cx) -> Result<Stored, Failure> {
    let id = rule_id(cx)?;
    cx.app.require(cx.call(), Permission::ManageBilling).await?;
    cx.app.price_rule(cx.call(), id).await?;
    Ok(Stored { id, version: cx.form.get("version").to_owned() })
}

async fn create(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.require(cx.call(), Permission::ManageBilling).await?;
    let (f, body) = match read(&cx, None, typed(&cx)).await? {
        Ok(read) => read,
        Err(f) => return refused(&cx, None, f).await,
    };
    match cx.app.create_price_rule(&repeatable(&cx, &body), &body, no_body).await {
        Ok(_) => Ok(html::see_other(&format!("{PATH}?done=rule-created"))),
        Err(error) => again(&cx, None, f, error).await,
    }
}

async fn edit(cx: Arc<Cx>) -> Result<Response, Failure> {
    let rule = stored(&cx).await?;
    let (f, body) = match read(&cx, Some(&rule), typed(&cx)).await? {
        Ok(read) => read,
        Err(f) => return refused(&cx, Some(rule.id), f).await,
    };
    match cx.app.update_price_rule(cx.call(), rule.id, body, if_match(&rule.version)).await {
        Ok(_) => Ok(html::see_other(&format!("{PATH}?done=rule-changed"))),
        Err(error) => again(&cx, Some(rule.id), f, error).await,
    }
}

async fn try_new(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.require(cx.call(), Permission::ManageBilling).await?;
    try_rule(&cx, None).await
}

async fn try_edit(cx: Arc<Cx>) -> Result<Response, Failure> {
    let rule = stored(&cx).await?;
    try_rule(&cx, Some(&rule)).await
}

async fn try_rule(cx: &Cx, rule: Option<&Stored>) -> Result<Response, Failure> {
    let id = rule.map(|rule| rule.id);
    let (mut f, body) = match read(cx, rule, typed(cx)).await? {
        Ok(read) => read,
        Err(f) => return refused(cx, id, f).await,
    };
    match cx.app.try_price_rule(cx.call(), id, &body).await {
        Ok(TriedRule::Tried(tried)) => {
            let trial = price_rule_trial::shown(cx.lang, &tried);
            Ok(html::ok(&page(cx, id, f, Some(trial)).await?))
        }
        Ok(refused) => {
            match refused {
                TriedRule::Failed(errors) => {
                    errors.iter().for_each(|error| f.refuse("", bill_run::said(cx.lang, error)));
                }
                _ => f.refuse("", cx.lang.text("rule-try-no-month", None)),
            }
            Ok(html::page(StatusCode::CONFLICT, &page(cx, id, f, None).await?))
        }
        Err(error) => again(cx, id, f, error).await,
    }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<PriceRuleFormPage> {
    use crate::layout::samples::partner;
    let page = |id: Option<i64>, f: Inputs, trial: Option<Trial>| PriceRuleFormPage {
        l: partner("rule-new", Section::Billing),
        id,
        action: NEW.into(),
        try_action: TRY_NEW.into(),
        f,
        offers: vec!["Acme <b>".into()],
        trial,
    };
    let mut wrong = Inputs::new(&NAMES, |_| "\"><script>alert(1)</script>".to_owned());
    for name in NAMES {
        wrong.refuse(name, format!("{name} must not be <b>"));
    }
    wrong.refuse("", "Somebody has changed it <b>".into());
    let blank = || Inputs::new(&NAMES, |_| String::new());
    vec![
        page(None, blank(), None),
        page(Some(7), wrong, None),
        page(None, blank(), Some(price_rule_trial::sample(false))),
        page(Some(7), blank(), Some(price_rule_trial::sample(true))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(typed: &[(&str, &str)]) -> Inputs {
        Inputs::new(&NAMES, |name| {
            typed.iter().find(|(this, _)| *this == name).map_or(String::new(), |(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn a_payload_has_what_goes_with_the_kind() {
        let typed = [
            ("name", "Storage"),
            ("percentage", "15"),
            ("price", "2"),
            ("currency", "USD"),
            ("position", "5"),
            ("publisher", "Microsoft"),
        ];
        for (kind, expected) in [
            ("margin", json!({"kind": "margin", "percentage": "15"})),
            ("list_price", json!({"kind": "list_price"})),
            ("fixed", json!({"kind": "fixed", "price": "2", "currency": "USD"})),
        ] {
            let typed: Vec<(&str, &str)> = typed.iter().copied().chain([("kind", kind)]).collect();
            let mut expected = expected;
            expected["name"] = json!("Storage");
            expected["publisher"] = json!("Microsoft");
            expected["position"] = json!(5);
            expected["customer_id"] = json!(7);
            assert_eq!(Json::Object(payload(&form(&typed), Some(7))).to_value(), expected, "{kind}");
        }
        let odd = form(&[("position", "first")]);
        assert_eq!(Json::Object(payload(&odd, None)).to_value(), json!({"position": "first"}));
    }

    #[test]
    fn a_change_clears_what_was_left_empty() {
        let f = form(&[("name", "Storage"), ("kind", "list_price"), ("sku_id", "0001")]);
        assert_eq!(
            change(&f, payload(&f, None)).to_value(),
            json!({
                "name": "Storage", "kind": "list_price", "sku_id": "0001", "effective_from": null,
                "effective_until": null, "publisher": null, "product_id": null, "charge_type": null,
                "meter_category": null, "earned_credit": null, "customer_id": null,
            })
        );
    }
}
