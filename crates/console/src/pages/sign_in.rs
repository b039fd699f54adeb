//! Signing in with an API key, and signing out. `single_sign_on.rs` has the sign-in without one.

use crate::cx::Asked;
use crate::failure::Failure;
use crate::html;
use crate::layout::Layout;
use crate::pages::single_sign_on;
use crate::routes::{Routes, remove_session};
use crate::{cookies, form};
use app::{Error, Origin};
use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .open_get("/console/sign-in", show)
        .open_post("/console/sign-in", sign_in)
        .open_post("/console/sign-out", sign_out)
}

/// A link that begins a sign-in without a key.
pub(crate) struct OfferLink {
    pub(crate) href: String,
    pub(crate) label: String,
    pub(crate) hint: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignInPage {
    pub(crate) l: Layout,
    /// Why there is no session any more.
    pub(crate) ended: Option<String>,
    /// A form was sent that was not taken.
    pub(crate) is_unsent: bool,
    /// What is wrong with the key.
    pub(crate) error: Option<String>,
    /// Why a sign-in without a key failed, and what to do.
    pub(crate) refused: Option<String>,
    /// The ways to sign in without a key.
    pub(crate) offers: Vec<OfferLink>,
    /// The page to go to.
    pub(crate) next: String,
    /// Whether the connection is safe enough for a key.
    pub(crate) may_sign_in: bool,
}

/// The ids of the messages that say why a session has ended.
fn ended(name: &str) -> Option<&'static str> {
    Some(match name {
        "idle" => "ended-idle",
        "age" => "ended-age",
        "key" => "ended-key",
        "user" => "ended-user",
        "roles" => "ended-roles",
        "elsewhere" => "ended-elsewhere",
        "signed-out" => "ended-signed-out",
        "everywhere" => "ended-everywhere",
        _ => return None,
    })
}

async fn page(asked: &Asked, error: Option<String>, next: &str) -> SignInPage {
    SignInPage {
        l: asked.front_layout("sign-in-title").await,
        ended: ended(asked.query.get("ended")).map(|id| asked.lang.text(id, None)),
        is_unsent: !asked.query.get("unsent").is_empty(),
        error,
        refused: None,
        offers: single_sign_on::offers(asked, next).await,
        next: next.to_owned(),
        may_sign_in: asked.visit.may_sign_in(),
    }
}

/// The sign-in page with the reason why a sign-in without a key failed.
pub(super) async fn refused(asked: &Asked, status: StatusCode, message: &str) -> Response {
    let next = html::own_path(Some(asked.query.get("next")));
    let page = SignInPage { refused: Some(asked.lang.text(message, None)), ..page(asked, None, &next).await };
    html::page(status, &page)
}

/// Hands the session to the browser. A browser has one session: the one that it had before ends.
pub(super) async fn open(asked: &Asked, operation: &str, token: &str, next: &str) -> Response {
    if let Some(before) = asked.session_token()
        && let Err(error) = asked.app.sign_out(before, origin(asked, operation)).await
    {
        tracing::warn!(%error, "failed to end the browser's earlier session");
    }
    let mut response = html::see_other(next);
    if let Some(cookie) = cookies::set(&asked.visit, cookies::SESSION, token, cookies::WEEK) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

pub(super) fn origin(asked: &Asked, operation: &str) -> Origin {
    Origin {
        address: asked.visit.address.clone(),
        request_id: app::redact_keys(&asked.visit.request_id).into_owned(),
        operation: operation.to_owned(),
        permits: None,
    }
}

async fn show(asked: Asked) -> Response {
    if let Some(token) = asked.session_token()
        && asked.query.get("ended").is_empty()
        && asked.app.session(token, origin(&asked, "GET /console/sign-in")).await.is_ok()
    {
        return html::see_other(&html::own_path(Some(asked.query.get("next"))));
    }
    let next = html::own_path(Some(asked.query.get("next")));
    html::ok(&page(&asked, None, &next).await)
}

async fn sign_in(asked: Asked) -> Response {
    let next = html::own_path(Some(asked.form.get("next")));
    let refused = async |status: StatusCode, id: &str| {
        html::page(status, &page(&asked, Some(asked.lang.text(id, None)), &next).await)
    };
    if !asked.visit.may_sign_in() {
        return refused(StatusCode::FORBIDDEN, "sign-in-insecure").await;
    }
    let key = asked.form.get("key");
    if key.is_empty() {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, "sign-in-key-missing").await;
    }
    let agent = asked.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let operation = "POST /console/sign-in";
    match asked.app.sign_in(key, origin(&asked, operation), agent.unwrap_or_default()).await {
        Ok(token) => open(&asked, operation, &token, &next).await,
        Err(error @ (Error::Unauthorized | Error::KeyExpired(_))) => {
            let message = if matches!(error, Error::KeyExpired(_)) {
                "sign-in-key-expired"
            } else {
                "sign-in-key-wrong"
            };
            let mut response = refused(StatusCode::UNAUTHORIZED, message).await;
            let scheme = HeaderValue::from_static("Bearer realm=\"tenantry\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        }
        Err(error) => Failure::App(error).open_page(&asked),
    }
}

async fn sign_out(asked: Asked) -> Response {
    if let Some(token) = asked.session_token()
        && let Err(error) = asked.app.sign_out(token, origin(&asked, "POST /console/sign-out")).await
    {
        return Failure::App(error).open_page(&asked);
    }
    let query = form::query_string([("ended", "signed-out")]);
    let mut response = html::see_other(&format!("/console/sign-in{query}"));
    remove_session(&asked, response.headers_mut());
    response
}

#[cfg(test)]
pub(super) fn samples() -> Vec<SignInPage> {
    use crate::layout::samples::open;
    let page = || SignInPage {
        l: open("sign-in-title"),
        ended: None,
        is_unsent: false,
        error: None,
        refused: None,
        offers: Vec::new(),
        next: "/console".into(),
        may_sign_in: true,
    };
    vec![
        page(),
        SignInPage { ended: Some("The session has ended <b>".into()), ..page() },
        SignInPage { error: Some("That is no key".into()), next: "/console/\"><script>".into(), ..page() },
        SignInPage { may_sign_in: false, ..page() },
        SignInPage {
            refused: Some("The provider <b> did not answer".into()),
            offers: vec![OfferLink {
                href: "/console/single-sign-on/start?partner=1".into(),
                label: "Sign in at Contoso <b>".into(),
                hint: "For customers of Contoso <b>".into(),
            }],
            ..page()
        },
    ]
}
