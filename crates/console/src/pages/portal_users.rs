//! The users of a customer, for its owners: inviting them, changing their role, removing them.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section};
use crate::list::{Pager, page_number};
use crate::pages::invitation;
use crate::pages::users::{RoleChoice, role_choice, roles_text, user_id};
use crate::routes::Routes;
use app::{Error, Paging};
use askama::Template;
use axum::response::Response;
use domain::{CustomerId, Handling, Json, Role, User};
use std::sync::Arc;

const PATH: &str = "/console/portal/users";
const NAMES: [&str; 3] = ["email", "name", "role"];
const PER_PAGE: i64 = 100;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get(PATH, list)
        .post(PATH, invite_new)
        .get("/console/portal/users/{user_id}", show)
        .post("/console/portal/users/{user_id}", update)
        .post("/console/portal/users/{user_id}/invite", invite)
        .post("/console/portal/users/{user_id}/remove", remove)
}

/// A user in the list.
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) roles: String,
    /// The end of an invitation that was not used yet.
    pub(crate) invited_until: Option<Time>,
    /// The user is the one who looks at the page.
    pub(crate) is_own: bool,
}

#[derive(Template)]
#[template(path = "portal_users.html")]
pub(crate) struct PortalUsersPage {
    pub(crate) l: Layout,
    pub(crate) rows: Vec<Row>,
    pub(crate) pager: Pager,
    pub(crate) f: Inputs,
    pub(crate) roles: Vec<RoleChoice>,
}

#[derive(Template)]
#[template(path = "portal_user.html")]
pub(crate) struct PortalUserPage {
    pub(crate) l: Layout,
    /// The path of the user.
    pub(crate) path: String,
    pub(crate) f: Inputs,
    pub(crate) roles: Vec<RoleChoice>,
    /// The user is the one who looks at the page.
    pub(crate) is_own: bool,
}

/// The customer whose user asks. For the partner these pages are not there.
fn own(cx: &Cx) -> Result<CustomerId, Failure> {
    cx.call().customer().ok_or(Failure::App(Error::NotFound))
}

fn is_own(cx: &Cx, user: &User) -> bool {
    cx.call().actor.as_ref().is_some_and(|actor| actor.user == user.id)
}

fn choices(cx: &Cx, is_chosen: impl Fn(Role) -> bool) -> Vec<RoleChoice> {
    Role::OF_CUSTOMERS.iter().rev().map(|role| role_choice(cx.lang, *role, is_chosen(*role))).collect()
}

async fn list(cx: Arc<Cx>) -> Result<Response, Failure> {
    let f = Inputs::new(&NAMES, |_| String::new());
    Ok(html::ok(&users_page(&cx, f, Role::Customer.as_str()).await?))
}

async fn users_page(cx: &Cx, f: Inputs, chosen: &str) -> Result<PortalUsersPage, Failure> {
    let customer = own(cx)?;
    let page = page_number(&cx.query);
    let paging = Paging { page, per_page: PER_PAGE };
    let (users, total) = cx.app.users(cx.call(), Some(customer), paging).await?;
    let invited = cx.app.invited_users(cx.call(), customer).await?;
    let row = |user: &User| Row {
        href: format!("{PATH}/{}", user.id),
        email: user.email.as_str().to_owned(),
        name: user.name.clone(),
        roles: roles_text(cx, user),
        invited_until: invited.get(&user.id).map(|end| format::time(cx.lang, *end)),
        is_own: is_own(cx, user),
    };
    Ok(PortalUsersPage {
        l: cx.layout("users-title", Section::Users),
        rows: users.iter().map(row).collect(),
        pager: Pager::new(cx.lang, PATH, &cx.query, page, PER_PAGE, users.len() as i64, total)
            .within_list()?,
        f,
        roles: choices(cx, |role| role.as_str() == chosen),
    })
}

fn field(pointer: &str) -> (&'static str, &'static str) {
    match pointer.split('/').nth(1).unwrap_or_default() {
        "email" => ("email", "field-email"),
        "name" => ("name", "field-person"),
        "role" => ("role", "field-role"),
        _ => ("", ""),
    }
}

/// The fields of what was typed that are not blank; `always` even if they are.
fn payload(cx: &Cx, f: &Inputs, always: &[&str]) -> Json {
    let typed = ["email", "name"]
        .map(|name| (name, f.value(name)))
        .into_iter()
        .chain([("role", cx.form.get("role"))]);
    let given = typed.filter(|(name, value)| !value.is_empty() || always.contains(name));
    Json::Object(given.map(|(name, value)| (name.to_owned(), Json::String(value.to_owned()))).collect())
}

async fn invite_new(cx: Arc<Cx>) -> Result<Response, Failure> {
    let customer = own(&cx)?;
    let mut f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    let body = payload(&cx, &f, &[]);
    match cx.app.invite_new_user(cx.call(), customer, &body, Handling::Strict).await {
        Ok(made) => Ok(html::ok(&invitation::link(&cx, made, Section::Users, PATH.to_owned()))),
        Err(error) => {
            let Some(status) = f.refuse_error(cx.lang, &error, "", field) else { return Err(error.into()) };
            Ok(html::page(status, &users_page(&cx, f, cx.form.get("role")).await?))
        }
    }
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    let user = cx.app.user(cx.call(), Some(own(&cx)?), user_id(&cx)?).await?;
    Ok(html::ok(&user_page(&cx, &user, inputs(&user.name))))
}

fn user_page(cx: &Cx, user: &User, f: Inputs) -> PortalUserPage {
    PortalUserPage {
        l: cx.layout_with(user.email.as_str().to_owned(), Section::Users),
        path: format!("{PATH}/{}", user.id),
        f,
        roles: choices(cx, |role| user.roles.first() == role),
        is_own: is_own(cx, user),
    }
}

/// The user's page again, with the reason why something cannot be done; any other error is a page of its own.
async fn again(cx: &Cx, name: Option<&str>, error: Error) -> Result<Response, Failure> {
    let user = cx.app.user(cx.call(), Some(own(cx)?), user_id(cx)?).await?;
    let mut f = inputs(name.unwrap_or(&user.name));
    let Some(status) = f.refuse_error(cx.lang, &error, "", field) else { return Err(error.into()) };
    Ok(html::page(status, &user_page(cx, &user, f)))
}

/// The fields of the page about a user.
fn inputs(name: &str) -> Inputs {
    Inputs::new(&NAMES, |field| if field == "name" { name.to_owned() } else { String::new() })
}

async fn update(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (customer, id) = (own(&cx)?, user_id(&cx)?);
    let body = payload(&cx, &inputs(cx.form.get("name")), &["name"]);
    match cx.app.update_user(cx.call(), Some(customer), id, body, Handling::Strict).await {
        Ok(_) => Ok(html::see_other(&format!("{PATH}?done=user-changed"))),
        Err(error) => again(&cx, Some(cx.form.get("name")), error).await,
    }
}

async fn invite(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (customer, id) = (own(&cx)?, user_id(&cx)?);
    let made = cx.app.invite(cx.call(), Some(customer), id).await?;
    Ok(html::ok(&invitation::link(&cx, made, Section::Users, format!("{PATH}/{id}"))))
}

async fn remove(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (customer, id) = (own(&cx)?, user_id(&cx)?);
    match cx.app.delete_user(cx.call(), Some(customer), id).await {
        Ok(()) => Ok(html::see_other(&format!("{PATH}?done=user-removed"))),
        Err(error) => again(&cx, None, error).await,
    }
}

#[cfg(test)]
fn role_samples() -> Vec<RoleChoice> {
    use crate::i18n::Lang;
    Role::OF_CUSTOMERS.map(|role| role_choice(Lang::En, role, role == Role::Customer)).into()
}

#[cfg(test)]
fn wrong() -> Inputs {
    let mut f = Inputs::new(&NAMES, |_| "\"><script>".to_owned());
    for name in NAMES {
        f.refuse(name, format!("{name} must not be <b>"));
    }
    f.refuse("", "The last owner".into());
    f
}

#[cfg(test)]
pub(super) fn samples() -> Vec<PortalUsersPage> {
    use crate::layout::samples::{partner, time};
    let row = |is_own: bool| Row {
        href: format!("{PATH}/1"),
        email: "jane@example.com".into(),
        name: "Jane <b>".into(),
        roles: "Owner".into(),
        invited_until: (!is_own).then(time),
        is_own,
    };
    let page = |rows, f, more: bool| PortalUsersPage {
        l: partner("users-title", Section::Users),
        rows,
        pager: Pager {
            range: "1\u{2013}2 of 2".into(),
            previous: more.then(|| PATH.to_owned()),
            next: more.then(|| format!("{PATH}?page=3")),
            ..Pager::default()
        },
        f,
        roles: role_samples(),
    };
    vec![
        page(vec![row(true)], Inputs::new(&NAMES, |_| String::new()), false),
        page(vec![row(true), row(false)], wrong(), true),
    ]
}

#[cfg(test)]
pub(super) fn user_samples() -> Vec<PortalUserPage> {
    use crate::layout::samples::partner;
    let page = |f, is_own| PortalUserPage {
        l: partner("users-title", Section::Users),
        path: format!("{PATH}/1"),
        f,
        roles: role_samples(),
        is_own,
    };
    vec![page(Inputs::new(&NAMES, |_| String::new()), false), page(wrong(), true)]
}
