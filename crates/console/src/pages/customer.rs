//! A customer: overview and tenants.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::form::query_string;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::pages::customers::{Trial, tag_label};
use crate::pages::{price_rules, statement};
use crate::routes::{Routes, only_partners};
use app::assignments::TenantSearch;
use app::customers::CustomerView;
use app::{Error, Permission};
use askama::Template;
use axum::response::Response;
use domain::{Address, Classification, CustomerId};
use jiff::Timestamp;
use std::sync::Arc;

/// The most tenants that the page shows.
const MAX_TENANTS: i64 = 100;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("/console/customers/{id}", show)
}

/// A tenant of the customer.
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) assigned: Option<Time>,
    /// Since when the directory does not have it.
    pub(crate) missing_since: Option<Time>,
}

#[derive(Template)]
#[template(path = "customer.html")]
pub(crate) struct CustomerPage {
    pub(crate) l: Layout,
    pub(crate) id: CustomerId,
    pub(crate) name: String,
    pub(crate) external_id: String,
    pub(crate) has_access: bool,
    pub(crate) trial: Option<Trial>,
    /// Lines of the address.
    pub(crate) address: Vec<String>,
    pub(crate) billing_contact: Option<String>,
    /// The margin in percent; `None` for readers that may not see it.
    pub(crate) margin: Option<String>,
    pub(crate) is_billed: bool,
    pub(crate) folder: String,
    pub(crate) billing_problem: String,
    pub(crate) tags: Vec<String>,
    pub(crate) created: Time,
    pub(crate) changed: Time,
    /// The newest statements.
    pub(crate) statements: Vec<statement::Row>,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) tenants_total: i64,
    /// The price rules that can match its lines, in their order; `None` for readers that may not see prices.
    pub(crate) rules: Option<Vec<price_rules::Row>>,
    /// Its events in the audit trail, for those who may read that.
    pub(crate) history: Option<String>,
    pub(crate) may_change: bool,
}

impl CustomerPage {
    /// Whether the customer has more tenants than are shown.
    fn tenants_more(&self) -> bool {
        self.tenants_total > self.tenants.len() as i64
    }
}

/// The id of the customer in the path.
pub(crate) fn customer_id(cx: &Cx) -> Result<CustomerId, Failure> {
    only_partners(cx)?;
    cx.parameter("id").map(CustomerId).ok_or(Failure::App(Error::NotFound))
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = customer_id(&cx)?;
    let customer = cx.app.customer(cx.call(), id).await?;
    let mut search = TenantSearch::default().of_customer(Some(id));
    search.paging.per_page = MAX_TENANTS;
    let (tenants, tenants_total) = cx.app.azure_tenants(cx.call(), search).await?;
    let time = |at: Timestamp| format::time(cx.lang, at);
    let tenants = tenants.into_iter().map(|tenant| Tenant {
        id: tenant.azure_customer_id.as_str().to_owned(),
        name: tenant.name,
        domain: tenant.domain,
        assigned: tenant.assigned_at.map(time),
        missing_since: tenant.missing_since.map(time),
    });
    let page = page(&cx, &customer, tenants.collect(), tenants_total);
    let statements = statement::of_customer(&cx, id).await?;
    let rules = match cx.may(Permission::SeeCosts) {
        true => Some(price_rules::of_customer(&cx, &customer).await?),
        false => None,
    };
    Ok(html::ok(&CustomerPage { statements, rules, ..page }))
}

fn page(cx: &Cx, customer: &CustomerView, tenants: Vec<Tenant>, tenants_total: i64) -> CustomerPage {
    let now = cx.app.now();
    let trial = customer.trial_expiration_date().and_then(|end| {
        let at = Timestamp::from_second(end.as_second()).ok()?;
        Some(Trial { has_ended: end.reached(now), end: format::time(cx.lang, at) })
    });
    let [created, changed] = customer.times().map(|at| format::time(cx.lang, at));
    CustomerPage {
        l: cx.layout_with(customer.name().to_owned(), Section::Customers),
        id: customer.id(),
        name: customer.name().to_owned(),
        external_id: customer.external_id().to_owned(),
        has_access: customer.classification() == Classification::ManagedWithAccess,
        trial,
        address: customer.address().map_or_else(Vec::new, Address::lines),
        billing_contact: customer.billing_contact().map(str::to_owned),
        margin: customer.margin().map(|margin| percent(cx, margin.ten_thousandths())),
        is_billed: customer.partner_billing().enabled,
        folder: customer.partner_billing().folder.clone(),
        billing_problem: cx.lang.billing_problem(customer),
        tags: customer.tags().iter().map(tag_label).collect(),
        created,
        changed,
        statements: Vec::new(),
        tenants,
        tenants_total,
        rules: None,
        history: cx.may(Permission::ReadAudit).then(|| {
            let object = format!("customers/{}", customer.id());
            format!("/console/audit{}", query_string([("object", object.as_str())]))
        }),
        may_change: cx.may(Permission::ChangeCustomers),
    }
}

/// Ten-thousandths as percent, without zeros at the end.
fn percent(cx: &Cx, ten_thousandths: i64) -> String {
    let (whole, rest) = (ten_thousandths / 10_000, ten_thousandths % 10_000);
    let fraction = format!("{rest:04}");
    let fraction = fraction.trim_end_matches('0');
    let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
    format!("{} %", format::decimal(cx.lang, &text))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<CustomerPage> {
    use crate::layout::samples::{partner, time};
    let page = || CustomerPage {
        l: partner("customers-title", Section::Customers),
        id: CustomerId(7),
        name: "Acme <b>Corp</b>".into(),
        external_id: "a1b2c3".into(),
        has_access: false,
        trial: None,
        address: vec![],
        billing_contact: None,
        margin: None,
        is_billed: false,
        folder: String::new(),
        billing_problem: String::new(),
        tags: vec![],
        created: time(),
        changed: time(),
        statements: vec![],
        tenants: vec![],
        tenants_total: 0,
        rules: None,
        history: None,
        may_change: false,
    };
    vec![
        page(),
        CustomerPage { rules: Some(vec![]), ..page() },
        CustomerPage {
            has_access: true,
            trial: Some(Trial { has_ended: true, end: time() }),
            address: vec!["1 Main St".into(), "Springfield, IL 62701".into(), "United States".into()],
            billing_contact: Some("billing@example.com".into()),
            margin: Some("12.5 %".into()),
            is_billed: true,
            folder: "acme/\"><script>".into(),
            billing_problem: "no Azure tenant is assigned to this customer".into(),
            statements: vec![statement::row_sample()],
            tags: vec!["env: prod".into(), "=cmd|' /C calc'!A0".into()],
            tenants: vec![Tenant {
                id: "tenant-1".into(),
                name: "Acme <i>".into(),
                domain: "acme.example.com".into(),
                assigned: Some(time()),
                missing_since: Some(time()),
            }],
            tenants_total: 120,
            rules: Some(price_rules::row_samples()),
            history: Some("/console/audit?object=customers%2F7".into()),
            may_change: true,
            ..page()
        },
    ]
}
