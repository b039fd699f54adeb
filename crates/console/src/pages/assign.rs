//! The customer for tenants that were chosen in the directory.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::html;
use crate::layout::{Layout, Section};
use crate::routes::{Routes, only_partners};
use app::assignments::{Change, Outcome};
use app::customers::{CustomerView, Order, Search};
use app::{Error, Permission, Query};
use askama::Template;
use axum::response::Response;
use domain::{CustomerId, Handling, Json};
use http::StatusCode;
use std::sync::Arc;

const PATH: &str = "/console/directory/assign";
/// The most customers that are offered; a longer list is searched.
const MAX_OFFERED: i64 = 20;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get(PATH, choose).post(PATH, assign)
}

/// A customer to choose.
pub(crate) struct Offered {
    pub(crate) id: CustomerId,
    pub(crate) name: String,
    pub(crate) is_chosen: bool,
}

#[derive(Template)]
#[template(path = "assign.html")]
pub(crate) struct AssignPage {
    pub(crate) l: Layout,
    pub(crate) tenants: Vec<String>,
    /// The part of the name that customers are searched by.
    pub(crate) q: String,
    pub(crate) offered: Vec<Offered>,
    /// Whether more customers match than are offered.
    pub(crate) has_more: bool,
    pub(crate) errors: Vec<String>,
}

async fn choose(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
    let tenants = all(cx.query.iter(), "tenant");
    if tenants.is_empty() {
        return Ok(html::see_other("/console/directory?assigned=false"));
    }
    let q = cx.query.get("q").to_owned();
    page(&cx, StatusCode::OK, tenants, q, None, Vec::new()).await
}

async fn assign(cx: Arc<Cx>) -> Result<Response, Failure> {
    only_partners(&cx)?;
    cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
    let tenants = all(cx.form.iter(), "tenant");
    let q = cx.form.get("q").to_owned();
    let Some(customer) = cx.form.get("customer").parse().ok().map(CustomerId) else {
        let missing = cx.lang.text("assign-customer-missing", None);
        return page(&cx, StatusCode::UNPROCESSABLE_ENTITY, tenants, q, None, vec![missing]).await;
    };
    let ids = tenants.iter().cloned().map(Json::String).collect();
    let body = Json::Object(vec![("azure_customer_ids".to_owned(), Json::Array(ids))]);
    let changed = cx.app.change_assignments(cx.call(), customer, Change::Add, &body, Handling::Lenient).await;
    let errors: Vec<String> = match changed {
        Ok(outcomes) => {
            let refused = outcomes.into_iter().filter_map(|outcome| match outcome {
                Outcome::Refused { error, azure_customer_id } => {
                    Some(format!("{azure_customer_id}: {error}"))
                }
                Outcome::Done(_) => None,
            });
            refused.collect()
        }
        Err(Error::Invalid(violations)) => cx.lang.sentences(&violations),
        Err(error) => return Err(error.into()),
    };
    if errors.is_empty() {
        return Ok(html::see_other(&format!("/console/customers/{customer}?done=tenants-assigned")));
    }
    page(&cx, StatusCode::UNPROCESSABLE_ENTITY, tenants, q, Some(customer), errors).await
}

/// All values with this name.
fn all<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>, name: &str) -> Vec<String> {
    let values = fields.filter(|(this, value)| *this == name && !value.trim().is_empty());
    values.map(|(_, value)| value.trim().to_owned()).collect()
}

async fn page(
    cx: &Cx,
    status: StatusCode,
    tenants: Vec<String>,
    q: String,
    chosen: Option<CustomerId>,
    mut errors: Vec<String>,
) -> Result<Response, Failure> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let parameters = Query::new(vec![pair("q", &q)], Handling::Lenient);
    let found = match Search::parse(&parameters, cx.app.now()) {
        Ok(mut search) => {
            search.paging.per_page = MAX_OFFERED;
            search.order = Order::Name;
            Some(cx.app.customers(cx.call(), search).await?)
        }
        Err(Error::Parameters(violations)) => {
            errors.extend(cx.lang.sentences(&violations));
            None
        }
        Err(error) => return Err(error.into()),
    };
    let offer = |customer: &CustomerView| Offered {
        id: customer.id(),
        name: customer.name().to_owned(),
        is_chosen: chosen == Some(customer.id()),
    };
    let page = AssignPage {
        l: cx.layout("assign-title", Section::Directory),
        tenants,
        q,
        has_more: found.as_ref().is_some_and(|page| page.more),
        offered: found.iter().flat_map(|page| page.customers.iter()).map(offer).collect(),
        errors,
    };
    Ok(html::page(status, &page))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<AssignPage> {
    use crate::layout::samples::partner;
    let page = || AssignPage {
        l: partner("assign-title", Section::Directory),
        tenants: vec!["tenant-1\"><script>".into()],
        q: String::new(),
        offered: vec![],
        has_more: false,
        errors: vec![],
    };
    let offered = |id, is_chosen| Offered { id: CustomerId(id), name: "Acme <b>".into(), is_chosen };
    vec![
        page(),
        AssignPage {
            q: "<b>".into(),
            offered: vec![offered(1, false), offered(2, true)],
            has_more: true,
            errors: vec!["tenant-1: already <i>taken".into()],
            ..page()
        },
    ]
}
