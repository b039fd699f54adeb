//! One change to the customers that were chosen in the list, and what came of it for each.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::html;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::routes::{Routes, only_partners};
use app::customers::{ChangeOutcome, CommonChange, MAX_CUSTOMERS};
use app::{Error, Permission};
use askama::Template;
use axum::response::Response;
use domain::{Classification, CustomerId, Tag};
use http::StatusCode;
use std::collections::BTreeMap;
use std::sync::Arc;

const PATH: &str = "/console/customers/change";
const LIST: &str = "/console/customers";
const NAMES: [&str; 3] = ["change", "tag", "key"];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, choose).post(PATH, change)
}

/// What came of the change for a customer.
pub(crate) enum Outcome {
    Changed,
    Unchanged,
    /// Why the customer was not changed.
    Refused(String),
}

#[derive(Template)]
#[template(path = "customers_change.html")]
pub(crate) struct CustomersChangePage {
    pub(crate) l: Layout,
    pub(crate) chosen: Vec<(CustomerId, String)>,
    pub(crate) f: Inputs,
    /// The list from which they were chosen.
    pub(crate) back: String,
}

#[derive(Template)]
#[template(path = "customers_changed.html")]
pub(crate) struct CustomersChangedPage {
    pub(crate) l: Layout,
    /// How many were changed, in words.
    pub(crate) count: String,
    pub(crate) outcomes: Vec<(CustomerId, String, Outcome)>,
    pub(crate) back: String,
}

/// The list from which the customers were chosen; without its page if another page named it.
fn back(path: &str) -> String {
    let back = html::own_path(Some(path));
    if back == LIST || back.starts_with(&format!("{LIST}?")) { back } else { LIST.to_owned() }
}

/// The customers that were chosen, as far as they exist.
async fn chosen<'a>(
    cx: &Cx,
    values: impl Iterator<Item = &'a str>,
) -> Result<Vec<(CustomerId, String)>, Error> {
    let ids: Vec<CustomerId> =
        values.filter_map(|id| id.parse().ok().map(CustomerId)).take(MAX_CUSTOMERS).collect();
    let mut names = cx.app.customer_names(cx.call(), ids.clone()).await?;
    Ok(ids.into_iter().filter_map(|id| names.remove(&id).map(|name| (id, name))).collect())
}

async fn choose(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
    let back = back(cx.query.get("back"));
    let chosen = chosen(&cx, cx.query.all("customer")).await?;
    if chosen.is_empty() {
        return Ok(html::see_other(&back));
    }
    Ok(html::ok(&page(&cx, chosen, Inputs::new(&NAMES, |_| String::new()), back)))
}

fn page(cx: &Cx, chosen: Vec<(CustomerId, String)>, f: Inputs, back: String) -> CustomersChangePage {
    CustomersChangePage { l: cx.layout("customers-change-title", Section::Customers), chosen, f, back }
}

/// The change that was chosen; what is missing is said at its field.
fn read(cx: &Cx, f: &mut Inputs) -> Option<CommonChange> {
    let missing = |f: &mut Inputs, name: &str, id: &str| f.refuse(name, cx.lang.text(id, None));
    match f.value("change") {
        "access-with" => Some(CommonChange::Classification(Classification::ManagedWithAccess)),
        "access-without" => Some(CommonChange::Classification(Classification::ManagedWithoutAccess)),
        "billing-on" => Some(CommonChange::PartnerBilling(true)),
        "billing-off" => Some(CommonChange::PartnerBilling(false)),
        "tag" => {
            let text = f.value("tag");
            let (key, value) = text.split_once('=').or_else(|| text.split_once(':')).unwrap_or((text, ""));
            let tag = Tag { key: key.trim().to_owned(), value: value.trim().to_owned() };
            if tag.key.is_empty() {
                missing(f, "tag", "customers-change-tag-missing");
                return None;
            }
            Some(CommonChange::SetTag(tag))
        }
        "untag" => {
            let key = f.value("key").to_owned();
            if key.is_empty() {
                missing(f, "key", "customers-change-key-missing");
                return None;
            }
            Some(CommonChange::RemoveTag(key))
        }
        _ => {
            missing(f, "change", "customers-change-missing");
            None
        }
    }
}

async fn change(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
    let back = back(cx.form.get("back"));
    let mut f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    let ids: Vec<CustomerId> =
        cx.form.all("customer").filter_map(|id| id.parse().ok().map(CustomerId)).collect();
    let chosen = chosen(&cx, cx.form.all("customer")).await?;
    let change = read(&cx, &mut f);
    if ids.is_empty() {
        f.refuse("", cx.lang.text("customers-change-nobody", None));
    }
    let change = match change {
        Some(change) if !f.is_wrong() => change,
        _ => return Ok(html::page(StatusCode::UNPROCESSABLE_ENTITY, &page(&cx, chosen, f, back))),
    };
    let outcomes = match cx.app.change_customers(cx.call(), &ids, &change).await {
        Ok(outcomes) => outcomes,
        Err(Error::Invalid(violations)) => {
            cx.lang.sentences(&violations).into_iter().for_each(|sentence| f.refuse("", sentence));
            return Ok(html::page(StatusCode::UNPROCESSABLE_ENTITY, &page(&cx, chosen, f, back)));
        }
        Err(error) => return Err(error.into()),
    };
    let names: BTreeMap<CustomerId, String> = chosen.into_iter().collect();
    let changed = outcomes.iter().filter(|(_, outcome)| matches!(outcome, ChangeOutcome::Changed)).count();
    let outcome = |(id, outcome): (CustomerId, ChangeOutcome)| {
        let name = names.get(&id).cloned().unwrap_or_else(|| id.to_string());
        (id, name, shown(&cx, outcome))
    };
    Ok(html::ok(&CustomersChangedPage {
        l: cx.layout("customers-changed-title", Section::Customers),
        count: cx.lang.count("customers-changed-count", changed as i64),
        outcomes: outcomes.into_iter().map(outcome).collect(),
        back,
    }))
}

fn shown(cx: &Cx, outcome: ChangeOutcome) -> Outcome {
    match outcome {
        ChangeOutcome::Changed => Outcome::Changed,
        ChangeOutcome::Unchanged => Outcome::Unchanged,
        ChangeOutcome::Refused(Error::NotFound) => {
            Outcome::Refused(cx.lang.text("customers-changed-gone", None))
        }
        ChangeOutcome::Refused(Error::PreconditionFailed) => {
            Outcome::Refused(cx.lang.text("customers-changed-meanwhile", None))
        }
        ChangeOutcome::Refused(Error::Invalid(violations)) => {
            Outcome::Refused(cx.lang.sentences(&violations).join("; "))
        }
        ChangeOutcome::Refused(error) => {
            tracing::warn!(%error, "failed to change one of several customers");
            Outcome::Refused(cx.lang.text("error-unavailable-advice", None))
        }
    }
}

#[cfg(test)]
pub(super) fn samples() -> Vec<CustomersChangePage> {
    use crate::layout::samples::partner;
    let page = |f: Inputs| CustomersChangePage {
        l: partner("customers-change-title", Section::Customers),
        chosen: vec![(CustomerId(1), "Acme <b>".into()), (CustomerId(2), "\"><script>".into())],
        f,
        back: "/console/customers?q=a".into(),
    };
    let mut wrong = Inputs::new(&NAMES, |_| "\"><script>alert(1)</script>".to_owned());
    for name in NAMES {
        wrong.refuse(name, format!("{name} must not be <b>"));
    }
    wrong.refuse("", "No customer is chosen".into());
    let chosen = Inputs::new(&NAMES, |name| if name == "change" { "tag".into() } else { String::new() });
    vec![page(Inputs::new(&NAMES, |_| String::new())), page(chosen), page(wrong)]
}

#[cfg(test)]
pub(super) fn samples_of_outcomes() -> Vec<CustomersChangedPage> {
    use crate::layout::samples::partner;
    let outcome = |id, outcome| (CustomerId(id), "Acme <b>".to_owned(), outcome);
    vec![CustomersChangedPage {
        l: partner("customers-changed-title", Section::Customers),
        count: "One customer was changed".into(),
        outcomes: vec![
            outcome(1, Outcome::Changed),
            outcome(2, Outcome::Unchanged),
            outcome(3, Outcome::Refused("tags has <i>21</i> entries".into())),
        ],
        back: "/console/customers?q=a".into(),
    }]
}
