//! Deleting a customer, after its name was typed.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::html;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::pages::customer::customer_id;
use crate::pages::customer_form::if_match;
use crate::routes::Routes;
use app::{Error, Permission};
use askama::Template;
use axum::response::Response;
use domain::CustomerId;
use http::StatusCode;
use std::sync::Arc;

const NAMES: [&str; 3] = ["name", "version", "force"];

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.get("/console/customers/{id}/delete", show).post("/console/customers/{id}/delete", delete)
}

#[derive(Template)]
#[template(path = "customer_delete.html")]
pub(crate) struct CustomerDeletePage {
    pub(crate) l: Layout,
    pub(crate) id: CustomerId,
    pub(crate) name: String,
    pub(crate) f: Inputs,
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = customer_id(&cx)?;
    cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
    let customer = cx.app.customer(cx.call(), id).await?;
    let f = Inputs::new(&NAMES, |name| if name == "version" { customer.version() } else { String::new() });
    Ok(html::ok(&page(&cx, id, customer.name(), f)))
}

fn page(cx: &Cx, id: CustomerId, name: &str, f: Inputs) -> CustomerDeletePage {
    let title = cx.lang.text_with("customer-delete-title", &[("name", name)]);
    CustomerDeletePage { l: cx.layout_with(title, Section::Customers), id, name: name.to_owned(), f }
}

async fn delete(cx: Arc<Cx>) -> Result<Response, Failure> {
    let id = customer_id(&cx)?;
    cx.app.require(cx.call(), Permission::ChangeCustomers).await?;
    let customer = cx.app.customer(cx.call(), id).await?;
    let mut f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    if f.value("name") != customer.name().trim() {
        f.refuse("name", cx.lang.text("customer-delete-wrong", None));
        return Ok(html::page(StatusCode::UNPROCESSABLE_ENTITY, &page(&cx, id, customer.name(), f)));
    }
    let force = !f.value("force").is_empty();
    match cx.app.delete_customer(cx.call(), id, if_match(f.value("version")), force).await {
        Ok(()) => {}
        Err(Error::Conflict(_)) => {
            f.refuse("force", cx.lang.text("customer-delete-billed", None));
            return Ok(html::page(StatusCode::CONFLICT, &page(&cx, id, customer.name(), f)));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(html::see_other("/console/customers?done=customer-deleted"))
}

#[cfg(test)]
pub(super) fn samples() -> Vec<CustomerDeletePage> {
    use crate::layout::samples::partner;
    let page = |f| CustomerDeletePage {
        l: partner("customers-title", Section::Customers),
        id: CustomerId(7),
        name: "Acme <b>".into(),
        f,
    };
    let mut wrong = Inputs::new(&NAMES, |_| "\"><script>".to_owned());
    wrong.refuse("name", "Type the name <b>".into());
    wrong.refuse("force", "It has statements <b>".into());
    vec![page(Inputs::new(&NAMES, |_| String::new())), page(wrong)]
}
