//! Creating and changing a customer. What was typed stays in the form until it is right.

use crate::address_fields::{AddressFields, label};
use crate::cx::Cx;
use crate::failure::Failure;
use crate::html;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::pages::customer::customer_id;
use crate::places;
use crate::routes::{Routes, TOKEN, only_partners};
use app::assignments::TenantSearch;
use app::customers::CustomerView;
use app::{Call, Error, Idempotency, IfMatch, Permission, Query};
use askama::Template;
use axum::response::Response;
use domain::{Classification, Country, CustomerId, Handling, Json};
use http::StatusCode;
use jiff::Timestamp;
use std::sync::Arc;

const NEW: &str = "/console/customers/new";
/// The most tenants that are offered to choose from.
const MAX_TENANTS: i64 = 100;

const NAMES: [&str; 17] = [
    "name",
    "variant",
    "azure_customer_id",
    "street1",
    "street2",
    "city",
    "state",
    "zipcode",
    "country",
    "classification",
    "trial",
    "billing_contact",
    "margin_percentage",
    "enabled",
    "folder",
    "tags",
    "version",
];

/// The field of each pointer of a payload, and its label where it does not depend on the country.
const FIELDS: [(&str, &str, &str); 14] = [
    ("/name", "name", "field-name"),
    ("/azure_customer_id", "azure_customer_id", "field-tenant"),
    ("/address/street1", "street1", "field-street1"),
    ("/address/street2", "street2", "field-street2"),
    ("/address/city", "city", "field-city"),
    ("/address/state", "state", "field-state"),
    ("/address/zipcode", "zipcode", "field-zipcode"),
    ("/address/country", "country", "field-country"),
    ("/address", "street1", "customer-address"),
    ("/classification", "classification", "column-access"),
    ("/trial_expiration_date", "trial", "field-trial"),
    ("/billing_contact", "billing_contact", "customer-contact"),
    ("/margin_percentage", "margin_percentage", "customer-margin"),
    ("/partner_billing_configuration", "folder", "customer-folder"),
];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get(NEW, show_new)
        .post(NEW, create)
        .get("/console/customers/{id}/edit", show_edit)
        .post("/console/customers/{id}/edit", edit)
}

/// A tenant to choose.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) id: String,
    pub(crate) label: String,
}

#[derive(Template)]
#[template(path = "customer_form.html")]
pub(crate) struct CustomerFormPage {
    pub(crate) l: Layout,
    pub(crate) action: String,
    /// Where "Cancel" leads to.
    pub(crate) back: String,
    pub(crate) is_new: bool,
    pub(crate) f: Inputs,
    pub(crate) offers: Vec<Offer>,
    /// Code and name.
    pub(crate) countries: Vec<(&'static str, &'static str)>,
    pub(crate) address: AddressFields,
    pub(crate) may_see_margin: bool,
}

async fn page(cx: &Cx, id: Option<CustomerId>, f: Inputs) -> Result<CustomerFormPage, Failure> {
    let unassigned = Query::new(vec![("assigned".into(), "false".into())], Handling::Lenient);
    let mut search = TenantSearch::parse(&unassigned)?;
    search.paging.per_page = MAX_TENANTS;
    let (tenants, _) = cx.app.azure_tenants(cx.call(), search).await?;
    let offers = tenants.into_iter().map(|tenant| {
        let city = tenant.address.as_ref().map_or("", |address| address.city.as_str());
        let parts = [tenant.name.as_str(), tenant.domain.as_str(), city];
        let label: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Offer { id: tenant.azure_customer_id.as_str().to_owned(), label: label.join(" · ") }
    });
    let back = id.map_or("/console/customers".to_owned(), |id| format!("/console/customers/{id}"));
    let title = if id.is_some() { "customer-edit-title" } else { "customer-new-title" };
    Ok(CustomerFormPage {
        l: cx.layout(title, Section::Customers),
        action: id.map_or(NEW.to_owned(), |_| format!("{back}/edit")),
        back,
        is_new: id.is_none(),
        address: AddressFields::of(cx.lang, country_of(&f)),
        f,
        offers: offers.collect(),
        countries: places::countries(cx.lang),
        may_see_margin: cx.may(Permission::SeeCosts),
    })
}

async fn show_new(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
    let f = Inputs::new(&NAMES, |name| match name {
        "variant" => "tenant".into(),
        "classification" => Classification::default().as_str().into(),
        _ => String::new(),
    });
    Ok(html::ok(&page(&cx, None, f).await?))
}

async fn show_edit(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = customer_id(&cx)?;
    cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
    let customer = cx.app.customer(cx.call(), id).await?;
    Ok(html::ok(&page(&cx, Some(id), inputs_of(&customer)).await?))
}

/// The form of a customer as it is.
fn inputs_of(customer: &CustomerView) -> Inputs {
    let address = customer.address();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Inputs::new(&NAMES, |name| match name {
        "name" => customer.name().to_owned(),
        "variant" => if customer.azure_customer_id().is_some() { "tenant" } else { "address" }.into(),
        "azure_customer_id" => text(customer.azure_customer_id()),
        "street1" => text(address.map(|address| address.street1.as_str())),
        "street2" => text(address.and_then(|address| address.street2.as_deref())),
        "city" => text(address.map(|address| address.city.as_str())),
        "state" => text(address.and_then(|address| address.state.as_deref())),
        "zipcode" => text(address.and_then(|address| address.zipcode.as_deref())),
        "country" => text(address.map(|address| address.country.as_str())),
        "classification" => customer.classification().as_str().into(),
        "trial" => customer
            .trial_expiration_date()
            .and_then(|end| Timestamp::from_second(end.as_second()).ok())
            .map_or(String::new(), |at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
        "billing_contact" => text(customer.billing_contact()),
        "margin_percentage" => customer.margin().map_or(String::new(), |margin| margin.to_string()),
        "enabled" => if customer.partner_billing().enabled { "true" } else { "" }.into(),
        "folder" => customer.partner_billing().folder.clone(),
        "tags" => tags_text(customer.tags()),
        "version" => customer.version(),
        _ => String::new(),
    })
}

/// Tags, one in a line.
fn tags_text(tags: &[domain::Tag]) -> String {
    let line = |tag: &domain::Tag| format!("{}={}", tag.key, tag.value);
    tags.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The country that was chosen.
fn country_of(f: &Inputs) -> Option<Country> {
    Country::with_code(f.value("country"))
}

/// Whether the form asks for the fields of the chosen country, and nothing is to be saved.
fn follows(cx: &Cx) -> bool {
    !cx.form.get("follow").is_empty()
}

/// The form with the fields of the chosen country, and what was typed.
async fn following(cx: &Cx, id: Option<CustomerId>) -> Result<Response, Failure> {
    let mut f = typed(cx);
    // What the former country calls one thing, the chosen one may call another: the United States have MA.
    if let Some(state) = country_of(&f).and_then(|country| country.state_meant(f.value("state"))) {
        f.set("state", state);
    }
    Ok(html::ok(&page(cx, id, f).await?))
}

/// What was typed.
fn typed(cx: &Cx) -> Inputs {
    Inputs::new(&NAMES, |name| cx.form.get(name).to_owned())
}

/// The payload of what was typed. In a change a blank field that may be cleared is cleared.
fn payload(f: &Inputs, is_new: bool) -> Json {
    let string = |name: &str| Json::String(f.value(name).to_owned());
    let mut fields = vec![("name".to_owned(), string("name"))];
    let mut add = |name: &str, value: Json| fields.push((name.to_owned(), value));
    let is_blank = |name: &str| f.value(name).is_empty();
    if f.value("variant") == "tenant" || !is_new {
        add("azure_customer_id", string("azure_customer_id"));
    }
    if f.value("variant") == "address" || !is_new {
        let parts = ["street1", "street2", "city", "state", "zipcode", "country"];
        // A country alone is the form's first choice, not an address.
        if !is_new || parts[..5].iter().any(|part| !is_blank(part)) {
            let parts = parts.iter().filter(|part| !is_blank(part));
            add("address", Json::Object(parts.map(|part| ((*part).to_owned(), string(part))).collect()));
        }
    }
    add("classification", string("classification"));
    let trial = f.value("trial");
    if !trial.is_empty() {
        let seconds = if trial.matches(':').count() == 1 { ":00" } else { "" };
        add("trial_expiration_date", Json::String(format!("{trial}{seconds}Z")));
    } else if !is_new {
        add("trial_expiration_date", Json::Null);
    }
    add("billing_contact", if is_blank("billing_contact") { Json::Null } else { string("billing_contact") });
    if !is_blank("margin_percentage") {
        add("margin_percentage", string("margin_percentage"));
    }
    let mut billing = vec![("enabled".to_owned(), Json::Bool(!is_blank("enabled")))];
    if !is_new || !is_blank("folder") {
        billing.push(("folder".to_owned(), string("folder")));
    }
    add("partner_billing_configuration", Json::Object(billing));
    add("tags", tags(f.value("tags")));
    Json::Object(fields)
}

/// Tags of lines such as `env=prod` or `env: prod`.
fn tags(text: &str) -> Json {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tag = |line: &str| {
        let (key, value) = line.split_once('=').or_else(|| line.split_once(':')).unwrap_or((line, ""));
        let member = |name: &str, text: &str| (name.to_owned(), Json::String(text.trim().to_owned()));
        Json::Object(vec![member("key", key), member("value", value)])
    };
    Json::Array(lines.map(tag).collect())
}

fn field(pointer: &str, country: Option<Country>) -> (&'static str, &'static str) {
    let exact = FIELDS.iter().find(|(known, ..)| *known == pointer);
    let below = || FIELDS.iter().find(|(known, ..)| pointer.starts_with(&format!("{known}/")));
    match exact.or_else(below) {
        Some((_, name @ ("city" | "state" | "zipcode"), _)) => (name, label(name, country)),
        Some((_, name, label)) => (name, label),
        None if pointer.starts_with("/tags") => ("tags", ""),
        None => ("", ""),
    }
}

/// The form again, with what is wrong; any other error is a page of its own.
async fn again(cx: &Cx, id: Option<CustomerId>, mut f: Inputs, error: Error) -> Result<Response, Failure> {
    let country = country_of(&f);
    let said =
        f.refuse_error(cx.lang, &error, "customer-changed-meanwhile", |pointer| field(pointer, country));
    let Some(status) = said else { return Err(error.into()) };
    Ok(html::page(status, &page(cx, id, f).await?))
}

async fn create(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    if follows(&cx) {
        cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
        return following(&cx, None).await;
    }
    let f = typed(&cx);
    let body = payload(&f, true);
    let call = repeatable(&cx, &body);
    match cx.app.create_customer(&call, &body, Handling::Strict, no_body).await {
        Ok(created) => {
            let id = created.href.as_deref().and_then(|href| href.rsplit('/').next()).unwrap_or_default();
            Ok(html::see_other(&format!("/console/customers/{id}?done=customer-created")))
        }
        Err(error) => again(&cx, None, f, error).await,
    }
}

/// The call of a form that must not be done twice when it is sent twice: by its token and what was typed.
pub(crate) fn repeatable(cx: &Cx, body: &Json) -> Call {
    let text = body.canonical();
    let key = format!("form-{}-{:08x}", cx.form.get(TOKEN), fingerprint(text.as_bytes()));
    let mut call = cx.call().clone();
    call.idempotency = Some(Idempotency::new(key, &format!("POST {}", cx.path), body, text.as_bytes()));
    call
}

/// The body of what a form makes: none is needed, because the page leads to the new object.
pub(crate) fn no_body<T>(_: T) -> serde_json::Result<String> {
    Ok("{}".to_owned())
}

/// FNV-1a, 64 bits: tells what was typed from what was typed before.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

async fn edit(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = customer_id(&cx)?;
    cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
    cx.app.customer(cx.call(), id).await?;
    if follows(&cx) {
        return following(&cx, Some(id)).await;
    }
    let mut f = typed(&cx);
    if f.value("name").is_empty() {
        f.refuse("name", cx.lang.text("customer-name-missing", None));
        return Ok(html::page(StatusCode::UNPROCESSABLE_ENTITY, &page(&cx, Some(id), f).await?));
    }
    let seen = if_match(f.value("version"));
    match cx.app.update_customer(cx.call(), id, payload(&f, false), Handling::Strict, seen).await {
        Ok(_) => Ok(html::see_other(&format!("/console/customers/{id}?done=customer-changed"))),
        Err(error) => again(&cx, Some(id), f, error).await,
    }
}

/// The version that a form was made from, such as `3947-1`; a text that is none matches nothing.
pub(crate) fn if_match(version: &str) -> IfMatch {
    let seen =
        version.split_once('-').and_then(|(id, version)| Some((id.parse().ok()?, version.parse().ok()?)));
    IfMatch::Versions(seen.into_iter().collect())
}

#[cfg(test)]
pub(super) fn samples() -> Vec<CustomerFormPage> {
    use crate::i18n::Lang;
    use crate::layout::samples::partner;
    let hostile = "\"><script>alert(1)</script>";
    let page = |is_new: bool, f: Inputs| CustomerFormPage {
        l: partner("customer-new-title", Section::Customers),
        action: NEW.into(),
        back: "/console/customers".into(),
        is_new,
        f,
        offers: vec![Offer { id: "tenant-1".into(), label: "Acme <b>".into() }],
        countries: vec![("DE", "Germany"), ("US", "United States")],
        address: AddressFields::of(Lang::En, is_new.then(|| Country::with_code("US")).flatten()),
        may_see_margin: is_new,
    };
    let mut wrong = Inputs::new(&NAMES, |_| hostile.to_owned());
    for name in NAMES {
        wrong.refuse(name, format!("{name} must not be <b>"));
    }
    wrong.refuse("", "Somebody has changed it".into());
    let stale = Inputs::new(&NAMES, |name| if name == "state" { hostile } else { "" }.to_owned());
    vec![page(true, Inputs::new(&NAMES, |_| String::new())), page(true, stale), page(false, wrong)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(typed: &[(&str, &str)]) -> Inputs {
        Inputs::new(&NAMES, |name| {
            typed.iter().find(|(this, _)| *this == name).map_or(String::new(), |(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn a_payload_has_what_was_typed() {
        let typed = form(&[
            ("name", "Acme"),
            ("variant", "tenant"),
            ("azure_customer_id", "t1"),
            ("street1", "left over from the other variant"),
            ("country", "DE"),
            ("classification", "managed_with_access"),
            ("trial", "2026-12-01T10:00"),
            ("tags", "env=prod\n\n owner : Jane \nalone"),
        ]);
        assert_eq!(
            payload(&typed, true).to_value(),
            serde_json::json!({
                "name": "Acme",
                "azure_customer_id": "t1",
                "classification": "managed_with_access",
                "trial_expiration_date": "2026-12-01T10:00:00Z",
                "billing_contact": null,
                "partner_billing_configuration": {"enabled": false},
                "tags": [{"key": "env", "value": "prod"}, {"key": "owner", "value": "Jane"}, {"key": "alone", "value": ""}],
            })
        );
        let changed = payload(&typed, false).to_value();
        assert_eq!(changed["address"]["street1"], "left over from the other variant");
        assert_eq!(payload(&form(&[]), false).to_value()["trial_expiration_date"], serde_json::Value::Null);
    }

    #[test]
    fn every_pointer_has_a_field() {
        for (pointer, expected) in [
            ("/name", "name"),
            ("/address/zipcode", "zipcode"),
            ("/address", "street1"),
            ("/address/unknown", "street1"),
            ("/tags/3/key", "tags"),
            ("/partner_billing_configuration/folder", "folder"),
            ("/partner_billing_configuration/enabled", "folder"),
            ("/nothing", ""),
            ("", ""),
        ] {
            assert_eq!(field(pointer, None).0, expected, "{pointer}");
        }
        let us = Country::with_code("US");
        assert_eq!(field("/address/zipcode", us), ("zipcode", "address-code-zip"));
        assert_eq!(field("/address/state", None), ("state", "field-state"));
    }
}
