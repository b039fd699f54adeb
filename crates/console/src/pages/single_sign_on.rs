//! Sign-in with a partner's provider or with Microsoft: to the provider, and back from it.

use crate::cx::Asked;
use crate::failure::Failure;
use crate::form::query_string;
use crate::pages::sign_in::{self, OfferLink};
use crate::routes::Routes;
use crate::{cookies, html};
use app::single_sign_on::{Audience, Offer, Returned, SignInError};
use axum::response::Response;
use domain::PartnerId;
use http::{StatusCode, header};

const START: &str = "/console/single-sign-on/start";
const RETURN: &str = "/console/single-sign-on/return";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.open_get(START, start).open_get(RETURN, finish)
}

/// Where providers send browsers back to.
pub(super) fn redirect_uri(asked: &Asked) -> String {
    format!("{}{RETURN}", asked.visit.origin)
}

/// The ways to sign in without a key: at the partner whose portal it is, that the link
/// names, of the last time, or that is the only one.
pub(super) async fn offers(asked: &Asked, next: &str) -> Vec<OfferLink> {
    if !asked.visit.may_sign_in() {
        return Vec::new();
    }
    let named = asked.query.get("partner").parse().ok();
    let remembered = || cookies::read(&asked.headers, &asked.visit, cookies::PARTNER)?.parse().ok();
    // The host of a portal has its partner, whatever else is said.
    let partner = match asked.app.portal_of_host(asked.visit.host()).await {
        Ok(Some(portal)) => Some(portal.partner),
        _ => named.or_else(remembered).map(PartnerId),
    };
    let offers = asked.app.sign_in_offers(partner).await;
    let offers = offers.unwrap_or_else(|error| {
        tracing::error!(%error, "failed to read the providers for the sign-in page");
        Vec::new()
    });
    offers.into_iter().map(|offer| link(asked, &offer, next)).collect()
}

fn link(asked: &Asked, offer: &Offer, next: &str) -> OfferLink {
    let partner = offer.partner.to_string();
    let name = [("partner", offer.partner_name.as_str())];
    let (label, hint) = match offer.audience {
        Audience::Partner => (asked.lang.text_with("sso-partner", &name), String::new()),
        Audience::Customers => {
            (asked.lang.text("sso-customers", None), asked.lang.text_with("sso-customers-hint", &name))
        }
    };
    let next = if next == "/console" { "" } else { next };
    let query =
        query_string([("partner", partner.as_str()), ("for", offer.audience.as_str()), ("next", next)]);
    OfferLink { href: format!("{START}{query}"), label, hint }
}

async fn start(asked: Asked) -> Response {
    if !asked.visit.may_sign_in() {
        return sign_in::refused(&asked, StatusCode::FORBIDDEN, "sign-in-insecure").await;
    }
    let partner = asked.query.get("partner").parse().ok().map(PartnerId);
    let (Some(partner), Some(audience)) = (partner, Audience::parse(asked.query.get("for"))) else {
        return refusal(&asked, SignInError::NotConfigured).await;
    };
    let next = html::own_path(Some(asked.query.get("next")));
    match asked.app.begin_single_sign_on(partner, audience, &redirect_uri(&asked), &next).await {
        Ok(begun) => {
            let mut response = html::see_other(&begun.url);
            let cookie = cookies::set(&asked.visit, cookies::SIGN_IN, &begun.sealed, cookies::QUARTER);
            cookie.map(|cookie| response.headers_mut().append(header::SET_COOKIE, cookie));
            response
        }
        Err(error) => refusal(&asked, error).await,
    }
}

async fn finish(asked: Asked) -> Response {
    let mut response = match finished(&asked).await {
        Ok(response) => response,
        Err(error) => refusal(&asked, error).await,
    };
    // What the browser brought back is good once.
    let removed = cookies::set(&asked.visit, cookies::SIGN_IN, "", 0);
    removed.map(|cookie| response.headers_mut().append(header::SET_COOKIE, cookie));
    response
}

async fn finished(asked: &Asked) -> Result<Response, SignInError> {
    let sealed = cookies::read(&asked.headers, &asked.visit, cookies::SIGN_IN).ok_or(SignInError::Stale)?;
    let returned = Returned {
        state: asked.query.get("state"),
        code: asked.query.get("code"),
        issuer: asked.query.get("iss"),
        error: asked.query.get("error"),
    };
    let operation = "GET /console/single-sign-on/return";
    let origin = sign_in::origin(asked, operation);
    let agent = asked.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let opened = asked
        .app
        .finish_single_sign_on(sealed, &redirect_uri(asked), returned, origin, agent.unwrap_or_default())
        .await?;
    let next = html::own_path(Some(&opened.next));
    let mut response = sign_in::open(asked, operation, &opened.token, &next).await;
    let partner = cookies::set(&asked.visit, cookies::PARTNER, &opened.partner.to_string(), cookies::YEAR);
    partner.map(|cookie| response.headers_mut().append(header::SET_COOKIE, cookie));
    Ok(response)
}

/// The sign-in page, with the reason and what to do.
async fn refusal(asked: &Asked, error: SignInError) -> Response {
    let (status, message) = match error {
        SignInError::Failed(error) => return Failure::App(error).open_page(asked),
        SignInError::Stale => (StatusCode::BAD_REQUEST, "sso-stale"),
        SignInError::Declined(_) => (StatusCode::FORBIDDEN, "sso-declined"),
        SignInError::NotConfigured => (StatusCode::NOT_FOUND, "sso-not-configured"),
        SignInError::Provider(_) => (StatusCode::BAD_GATEWAY, "sso-provider"),
        SignInError::EmailNotVerified => (StatusCode::FORBIDDEN, "sso-email"),
        SignInError::DomainNotAllowed => (StatusCode::FORBIDDEN, "sso-domain"),
        SignInError::ForeignTenant => (StatusCode::FORBIDDEN, "sso-tenant"),
        SignInError::UnknownUser => (StatusCode::FORBIDDEN, "sso-unknown"),
        SignInError::LinkedToAnother => (StatusCode::FORBIDDEN, "sso-linked"),
    };
    sign_in::refused(asked, status, message).await
}
