//! The customer's overview: what its own users see first.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::layout::{Layout, Section};
use crate::pages::customer::address_lines;
use crate::routes::Routes;
use app::Error;
use askama::Template;
use axum::response::Response;
use jiff::Timestamp;
use std::sync::Arc;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("/console/portal", show)
}

#[derive(Template)]
#[template(path = "portal.html")]
pub(crate) struct PortalPage {
    pub(crate) l: Layout,
    pub(crate) name: String,
    /// The partner's display name.
    pub(crate) partner: String,
    /// The end of the trial.
    pub(crate) trial: Option<Time>,
    pub(crate) address: Vec<String>,
    pub(crate) billing_contact: Option<String>,
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = cx.call().customer().ok_or(Error::NotFound)?;
    let customer = cx.app.customer(cx.call(), id).await?;
    let trial = customer.trial_expiration_date().and_then(|end| Timestamp::from_second(end.as_second()).ok());
    Ok(html::ok(&PortalPage {
        l: cx.layout_with(customer.name().to_owned(), Section::Home),
        name: customer.name().to_owned(),
        partner: cx.signed_in.partner_name.clone(),
        trial: trial.map(|at| format::time(cx.lang, at)),
        address: customer.address().map_or_else(Vec::new, address_lines),
        billing_contact: customer.billing_contact().map(str::to_owned),
    }))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<PortalPage> {
    use crate::layout::samples::{partner, time};
    let page = || PortalPage {
        l: partner("home-title", Section::Home),
        name: "Acme <b>".into(),
        partner: "Partner & Sons".into(),
        trial: None,
        address: vec![],
        billing_contact: None,
    };
    vec![
        page(),
        PortalPage {
            trial: Some(time()),
            address: vec!["1 Main St".into()],
            billing_contact: Some("a@example.com".into()),
            ..page()
        },
    ]
}
