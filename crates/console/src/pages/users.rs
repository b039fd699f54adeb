//! The users of the partner, and those of a customer, with their keys. A key is shown once.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format::{self, Time};
use crate::html;
use crate::i18n::Lang;
use crate::inputs::Inputs;
use crate::layout::{Layout, Section, role_name};
use crate::pages::customer_form::repeatable;
use crate::pages::user_keys::{self, Key, KeyLine, state};
use crate::routes::{Routes, only_partners};
use app::{Created, Error, IssuedKey, Paging, Tenant, UserWithKey};
use askama::Template;
use axum::response::Response;
use domain::{CustomerId, Handling, Json, Role, User, UserId};
use serde_json::json;
use std::sync::Arc;

const NAMES: [&str; 5] = ["email", "name", "api_key_expires_at", "key_name", "roles"];
/// The fields of a new user that are texts.
const TEXTS: [&str; 3] = ["email", "name", "api_key_expires_at"];
const PER_PAGE: i64 = 100;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .get("/console/users", list)
        .post("/console/users", create)
        .get("/console/users/{user_id}", show)
        .post("/console/users/{user_id}", update)
        .post("/console/users/{user_id}/rotate", rotate)
        .post("/console/users/{user_id}/revoke", revoke)
        .post("/console/users/{user_id}/keys", create_key)
        .post("/console/users/{user_id}/keys/revoke", revoke_named)
        .post("/console/users/{user_id}/delete", delete)
        .post("/console/users/{user_id}/unlink", unlink)
        .get("/console/customers/{id}/users", list)
        .post("/console/customers/{id}/users", create)
        .get("/console/customers/{id}/users/{user_id}", show)
        .post("/console/customers/{id}/users/{user_id}", update)
        .post("/console/customers/{id}/users/{user_id}/rotate", rotate)
        .post("/console/customers/{id}/users/{user_id}/revoke", revoke)
        .post("/console/customers/{id}/users/{user_id}/keys", create_key)
        .post("/console/customers/{id}/users/{user_id}/keys/revoke", revoke_named)
        .post("/console/customers/{id}/users/{user_id}/delete", delete)
        .post("/console/customers/{id}/users/{user_id}/unlink", unlink)
}

/// A user in the list.
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) roles: String,
    pub(crate) key: Key,
    pub(crate) last_used: Option<Time>,
}

/// A role to choose: its name in forms, in words, and whether the user has it.
pub(crate) struct RoleChoice {
    pub(crate) value: &'static str,
    pub(crate) label: String,
    pub(crate) hint: String,
    pub(crate) is_chosen: bool,
}

#[derive(Template)]
#[template(path = "users.html")]
pub(crate) struct UsersPage {
    pub(crate) l: Layout,
    /// The path of the list, without a slash at its end.
    pub(crate) path: String,
    /// The customer whose users they are: path and name.
    pub(crate) customer: Option<(String, String)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) total: i64,
    pub(crate) f: Inputs,
    pub(crate) roles: Vec<RoleChoice>,
}

#[derive(Template)]
#[template(path = "user.html")]
pub(crate) struct UserPage {
    pub(crate) l: Layout,
    /// The path of the user.
    pub(crate) path: String,
    /// The path of the list.
    pub(crate) back: String,
    pub(crate) email: String,
    pub(crate) keys: Vec<KeyLine>,
    /// The accounts of providers that the user is linked to: subject and issuer.
    pub(crate) accounts: Vec<(String, String)>,
    pub(crate) f: Inputs,
    pub(crate) roles: Vec<RoleChoice>,
    /// The user is a customer's, who has one role.
    pub(crate) is_customers: bool,
    /// The user is the one who looks at the page.
    pub(crate) is_own: bool,
    /// What comes of changing one's own roles; empty for others'.
    pub(crate) own_roles: String,
}

#[derive(Template)]
#[template(path = "user_key.html")]
pub(crate) struct UserKeyPage {
    pub(crate) l: Layout,
    pub(crate) email: String,
    pub(crate) key: String,
    pub(crate) back: String,
}

impl UsersPage {
    /// Whether there are more users than are shown.
    fn has_more(&self) -> bool {
        self.total > self.rows.len() as i64
    }
}

/// Whose users the path is about.
pub(super) fn tenant(cx: &Cx) -> Result<Tenant, Failure> {
    only_partners(cx)?;
    if !cx.path.starts_with("/console/customers/") {
        return Ok(None);
    }
    cx.parameter("id").map(|id| Some(CustomerId(id))).ok_or(Failure::App(Error::NotFound))
}

pub(super) fn user_id(cx: &Cx) -> Result<UserId, Failure> {
    cx.parameter("user_id").map(UserId).ok_or(Failure::App(Error::NotFound))
}

pub(super) fn list_path(tenant: Tenant) -> String {
    tenant.map_or("/console/users".into(), |id| format!("/console/customers/{id}/users"))
}

pub(super) fn section(tenant: Tenant) -> Section {
    if tenant.is_some() { Section::Customers } else { Section::Users }
}

fn role_choices(cx: &Cx, tenant: Tenant, is_chosen: impl Fn(Role) -> bool) -> Vec<RoleChoice> {
    let roles: &[Role] = if tenant.is_some() { &Role::OF_CUSTOMERS } else { &Role::OF_PARTNERS };
    roles.iter().map(|role| role_choice(cx.lang, *role, is_chosen(*role))).collect()
}

pub(super) fn role_choice(lang: Lang, role: Role, is_chosen: bool) -> RoleChoice {
    let hint = lang.text(&format!("role-hint-{}", role.as_str()), None);
    RoleChoice { value: role.as_str(), label: role_name(lang, role), hint, is_chosen }
}

pub(super) fn roles_text(cx: &Cx, user: &User) -> String {
    user.roles.iter().map(|role| role_name(cx.lang, role)).collect::<Vec<_>>().join(", ")
}

async fn list(cx: Arc<Cx>) -> Result<Response, Failure> {
    let tenant = tenant(&cx)?;
    let f = Inputs::new(&NAMES, |_| String::new());
    Ok(html::ok(&users_page(&cx, tenant, f, &[Role::Customer.as_str()]).await?))
}

async fn users_page(cx: &Cx, tenant: Tenant, f: Inputs, chosen: &[&str]) -> Result<UsersPage, Failure> {
    let (users, total) = cx.app.users(cx.call(), tenant, Paging { page: 1, per_page: PER_PAGE }).await?;
    let path = list_path(tenant);
    let customer = match tenant {
        Some(id) => {
            let customer = cx.app.customer(cx.call(), id).await?;
            Some((format!("/console/customers/{id}"), customer.name().to_owned()))
        }
        None => None,
    };
    let row = |user: &User| Row {
        href: format!("{path}/{}", user.id),
        email: user.email.as_str().to_owned(),
        name: user.name.clone(),
        roles: roles_text(cx, user),
        key: state(cx, user.has_key, user.key_expires_at),
        last_used: user.last_used_at.map(|at| format::time(cx.lang, at)),
    };
    Ok(UsersPage {
        l: cx.layout("users-title", section(tenant)),
        rows: users.iter().map(row).collect(),
        total,
        customer,
        f,
        roles: role_choices(cx, tenant, |role| chosen.contains(&role.as_str())),
        path,
    })
}

/// What was typed as a payload: only what is not blank.
fn payload(cx: &Cx, f: &Inputs, names: &[&str], has_roles: bool) -> Json {
    let mut fields: Vec<(String, Json)> = Vec::new();
    for name in names {
        let value = f.value(name);
        if !value.is_empty() {
            let is_time = *name == "api_key_expires_at";
            let seconds = if is_time && value.matches(':').count() == 1 { ":00" } else { "" };
            let value = if is_time { format!("{value}{seconds}Z") } else { value.to_owned() };
            fields.push(((*name).to_owned(), Json::String(value)));
        }
    }
    if has_roles {
        let roles = cx.form.all("roles").map(|role| Json::String(role.to_owned())).collect();
        fields.push(("roles".to_owned(), Json::Array(roles)));
    }
    Json::Object(fields)
}

/// Whether roles belong to the payload: a customer's user has one if none is chosen.
fn has_roles(cx: &Cx, tenant: Tenant) -> bool {
    tenant.is_none() || cx.form.all("roles").next().is_some()
}

fn field(pointer: &str) -> (&'static str, &'static str) {
    match pointer.split('/').nth(1).unwrap_or_default() {
        "email" => ("email", "field-email"),
        "name" => ("name", "field-person"),
        "api_key_expires_at" => ("api_key_expires_at", "field-key-expires"),
        "role" | "roles" => ("roles", "field-roles"),
        _ => ("", ""),
    }
}

async fn create(cx: Arc<Cx>) -> Result<Response, Failure> {
    let tenant = tenant(&cx)?;
    let mut f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    let body = payload(&cx, &f, &TEXTS, has_roles(&cx, tenant));
    let call = repeatable(&cx, &body);
    match cx.app.create_user(&call, tenant, &body, Handling::Strict, key_of_user).await {
        Ok(created) => key_page(&cx, tenant, &created),
        Err(error) => {
            let Some(status) = f.refuse_error(cx.lang, &error, "", field) else { return Err(error.into()) };
            let chosen: Vec<&str> = cx.form.all("roles").collect();
            Ok(html::page(status, &users_page(&cx, tenant, f, &chosen).await?))
        }
    }
}

/// What the page of a new key shows, as it is kept (sealed) for a form that is sent twice.
fn key_of_user(issued: UserWithKey) -> serde_json::Result<String> {
    let UserWithKey { user, api_key } = issued;
    serde_json::to_string(&json!({ "email": user.email, "api_key": api_key.reveal() }))
}

fn key(issued: IssuedKey) -> serde_json::Result<String> {
    let IssuedKey { key: _, secret } = issued;
    serde_json::to_string(&json!({ "api_key": secret.reveal() }))
}

/// The page with the key of a user that was created, or given a new default key.
fn key_page(cx: &Cx, tenant: Tenant, created: &Created) -> Result<Response, Failure> {
    new_key(cx, tenant, created, None)
}

/// The page with a new key, which only the answer to the form has. The user's e-mail address is in `created` where it is not
/// given.
fn new_key(cx: &Cx, tenant: Tenant, created: &Created, email: Option<&str>) -> Result<Response, Failure> {
    let made: serde_json::Value =
        serde_json::from_str(&created.json).map_err(|error| Error::Internal(error.to_string()))?;
    let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
    let l = cx.layout("user-key-title", section(tenant));
    let email = email.map_or_else(|| text("email"), str::to_owned);
    let page = UserKeyPage { l, email, key: text("api_key"), back: list_path(tenant) };
    Ok(html::ok(&page))
}

async fn show(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (tenant, id) = (tenant(&cx)?, user_id(&cx)?);
    let user = cx.app.user(cx.call(), tenant, id).await?;
    Ok(html::ok(&user_page(&cx, tenant, &user, inputs(&cx, &user)).await?))
}

/// The fields of the page about a user.
fn inputs(cx: &Cx, user: &User) -> Inputs {
    Inputs::new(
        &NAMES,
        |field| if field == "name" { user.name.clone() } else { cx.form.get(field).to_owned() },
    )
}

async fn user_page(cx: &Cx, tenant: Tenant, user: &User, f: Inputs) -> Result<UserPage, Failure> {
    let keys = cx.app.api_keys(cx.call(), tenant, user.id).await?;
    let accounts = cx.app.linked_accounts(cx.call(), tenant, user.id).await?;
    let back = list_path(tenant);
    let is_own = cx.call().actor.as_ref().is_some_and(|actor| actor.user == user.id);
    Ok(UserPage {
        l: cx.layout_with(user.email.as_str().to_owned(), section(tenant)),
        path: format!("{back}/{}", user.id),
        back,
        email: user.email.as_str().to_owned(),
        keys: keys.iter().map(|key| user_keys::line(cx, key)).collect(),
        accounts: accounts.into_iter().map(|account| (account.subject, account.issuer)).collect(),
        f,
        roles: role_choices(cx, tenant, |role| match tenant {
            Some(_) => user.roles.first() == role,
            None => user.roles.has(role),
        }),
        is_customers: tenant.is_some(),
        is_own,
        own_roles: if is_own { cx.lang.text("user-own-roles", None) } else { String::new() },
    })
}

async fn update(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (tenant, id) = (tenant(&cx)?, user_id(&cx)?);
    let f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    let name = ("name".to_owned(), Json::String(f.value("name").to_owned()));
    let body = match payload(&cx, &f, &[], has_roles(&cx, tenant)) {
        Json::Object(mut fields) => {
            fields.push(name);
            Json::Object(fields)
        }
        other => other,
    };
    match cx.app.update_user(cx.call(), tenant, id, body, Handling::Strict).await {
        Ok(_) => Ok(html::see_other(&format!("{}?done=user-changed", list_path(tenant)))),
        Err(error) => again(&cx, tenant, id, f, error, field).await,
    }
}

async fn rotate(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (tenant, id) = (tenant(&cx)?, user_id(&cx)?);
    let f = Inputs::new(&NAMES, |name| cx.form.get(name).to_owned());
    let body = payload(&cx, &f, &["api_key_expires_at"], false);
    let call = repeatable(&cx, &body);
    match cx.app.rotate_key(&call, tenant, id, &body, Handling::Strict, key_of_user).await {
        Ok(created) => key_page(&cx, tenant, &created),
        Err(error) => again(&cx, tenant, id, f, error, field).await,
    }
}

/// The user's page again, with the reason why something cannot be done; any other error is a page of its own.
async fn again(
    cx: &Cx,
    tenant: Tenant,
    id: UserId,
    mut f: Inputs,
    error: Error,
    field: impl Fn(&str) -> (&'static str, &'static str),
) -> Result<Response, Failure> {
    let Some(status) = f.refuse_error(cx.lang, &error, "", field) else { return Err(error.into()) };
    let user = cx.app.user(cx.call(), tenant, id).await?;
    Ok(html::page(status, &user_page(cx, tenant, &user, f).await?))
}

async fn revoke(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (tenant, id) = (tenant(&cx)?, user_id(&cx)?);
    cx.app.revoke_key(cx.call(), tenant, id).await?;
    Ok(html::see_other(&format!("{}?done=key-revoked", list_path(tenant))))
}

fn key_field(pointer: &str) -> (&'static str, &'static str) {
    if pointer == "/name" { ("key_name", "field-key-name") } else { ("", "") }
}

async fn create_key(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (tenant, id) = (tenant(&cx)?, user_id(&cx)?);
    let name = cx.form.get("key_name").to_owned();
    let body = Json::Object(vec![("name".to_owned(), Json::String(name))]);
    let call = repeatable(&cx, &body);
    let created = cx.app.create_api_key(&call, tenant, id, &body, Handling::Strict, key).await;
    let user = cx.app.user(cx.call(), tenant, id).await?;
    match created {
        Ok(created) => new_key(&cx, tenant, &created, Some(user.email.as_str())),
        Err(error) => again(&cx, tenant, id, inputs(&cx, &user), error, key_field).await,
    }
}

async fn revoke_named(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (tenant, id) = (tenant(&cx)?, user_id(&cx)?);
    cx.app.revoke_api_key(cx.call(), tenant, id, cx.form.get("key")).await?;
    Ok(html::see_other(&format!("{}?done=key-revoked", list_path(tenant))))
}

async fn unlink(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (tenant, id) = (tenant(&cx)?, user_id(&cx)?);
    cx.app.unlink_accounts(cx.call(), tenant, id).await?;
    Ok(html::see_other(&format!("{}/{id}?done=user-unlinked", list_path(tenant))))
}

async fn delete(cx: Arc<Cx>) -> Result<Response, Failure> {
    let (tenant, id) = (tenant(&cx)?, user_id(&cx)?);
    cx.app.delete_user(cx.call(), tenant, id).await?;
    Ok(html::see_other(&format!("{}?done=user-deleted", list_path(tenant))))
}

#[cfg(test)]
pub(super) fn samples() -> (Vec<UsersPage>, Vec<UserPage>, Vec<UserKeyPage>) {
    use crate::layout::samples::{partner, time};
    let l = || partner("users-title", Section::Users);
    let roles = || {
        vec![RoleChoice { value: "admin", label: "Admin".into(), hint: "Everything".into(), is_chosen: true }]
    };
    let mut wrong = Inputs::new(&NAMES, |_| "\"><script>".to_owned());
    for name in NAMES {
        wrong.refuse(name, format!("{name} must not be <b>"));
    }
    let row = |key| Row {
        href: "/console/users/1".into(),
        email: "jane@example.com".into(),
        name: "Jane <b>".into(),
        roles: "Admin".into(),
        key,
        last_used: Some(time()),
    };
    let users = |rows, customer, f, roles| UsersPage {
        l: l(),
        path: "/console/users".into(),
        customer,
        total: 120,
        rows,
        f,
        roles,
    };
    let user = |keys, f, is_customers, is_own| UserPage {
        l: l(),
        path: "/console/users/1".into(),
        back: "/console/users".into(),
        email: "jane@example.com".into(),
        keys,
        accounts: if is_own {
            vec![("subject <b>".into(), "https://login.example.com".into())]
        } else {
            vec![]
        },
        f,
        roles: roles(),
        is_customers,
        is_own,
        own_roles: if is_own { "Your own".into() } else { String::new() },
    };
    let empty = || Inputs::new(&NAMES, |_| String::new());
    (
        vec![
            users(vec![], Some(("/console/customers/1".into(), "Acme <b>".into())), empty(), roles()),
            users(
                vec![
                    row(Key::None),
                    row(Key::Live(None)),
                    row(Key::Live(Some(time()))),
                    row(Key::Expired(time())),
                ],
                None,
                wrong.clone(),
                roles(),
            ),
        ],
        vec![user(vec![], empty(), true, false), user(user_keys::samples(), wrong, false, true)],
        vec![UserKeyPage {
            l: l(),
            email: "<b>".into(),
            key: "tnt_abc".into(),
            back: "/console/users".into(),
        }],
    )
}
