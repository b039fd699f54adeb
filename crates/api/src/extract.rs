//! What handlers ask of a request.

use crate::Shared;
use crate::frame::{PresentedKey, too_large};
use crate::problem::Problem;
use app::Actor;
use app::customers::IfMatch;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use domain::json::Json;
use domain::{CustomerId, Handling, Violation, Violations};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;

/// The caller, by the key that it showed.
pub(crate) struct Caller(pub(crate) Actor);

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let Some(PresentedKey(key)) = parts.extensions.get::<PresentedKey>() else {
            return Err(app::Error::Unauthorized.into());
        };
        Ok(Caller(shared.app.authenticate(key).await?))
    }
}

/// A JSON body. Ask for it last, so that a caller without a key learns nothing from it.
pub(crate) struct JsonBody(pub(crate) Json);

impl FromRequest<Shared> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let said = "the Content-Type must be application/json";
            return Err(Violations::from(Violation::new("", "unsupported_media_type", said)).into());
        }
        let body = tokio::time::timeout(shared.config.body_timeout, request.into_body().collect()).await;
        match body {
            Ok(Ok(body)) => Ok(JsonBody(Json::parse(&body.to_bytes())?)),
            Ok(Err(error)) if is_limit(&error) => Err(too_large()),
            Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body broke off before its end")),
            Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
        }
    }
}

/// `application/json` or any `+json` type (RFC 6839), whatever its parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn is_limit(error: &axum::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// A customer's id in the path. Anything that is no such number names nothing.
pub(crate) struct Id(pub(crate) CustomerId);

impl FromRequestParts<Shared> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let id = Path::<i64>::from_request_parts(parts, shared).await;
        id.map(|Path(id)| Id(CustomerId(id))).map_err(|_| app::Error::NotFound.into())
    }
}

/// `Prefer: handling=strict` (RFC 7240).
pub(crate) struct Preference(pub(crate) Handling);

impl FromRequestParts<Shared> for Preference {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Self::Rejection> {
        let strict = list(&parts.headers, header::HeaderName::from_static("prefer")).any(|preference| {
            let token = preference.split(';').next().unwrap_or_default();
            let token: String = token.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
            token.eq_ignore_ascii_case("handling=strict")
        });
        Ok(Preference(if strict { Handling::Strict } else { Handling::Lenient }))
    }
}

/// `If-Match` (RFC 9110, section 13.1.1).
pub(crate) struct Precondition(pub(crate) IfMatch);

impl FromRequestParts<Shared> for Precondition {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Self::Rejection> {
        if !parts.headers.contains_key(header::IF_MATCH) {
            return Ok(Precondition(IfMatch::Anything));
        }
        let tags: Vec<&str> = list(&parts.headers, header::IF_MATCH).collect();
        if tags.contains(&"*") {
            return Ok(Precondition(IfMatch::Anything));
        }
        Ok(Precondition(IfMatch::Versions(tags.into_iter().filter_map(version_of).collect())))
    }
}

/// The entity tag of a version. The id in it keeps tags of different customers apart.
pub(crate) fn etag(customer: &domain::Customer) -> String {
    format!("\"{}-{}\"", customer.id.0, customer.version)
}

fn version_of(tag: &str) -> Option<(CustomerId, i64)> {
    let (id, version) = tag.strip_prefix('"')?.strip_suffix('"')?.split_once('-')?;
    Some((CustomerId(id.parse().ok()?), version.parse().ok()?))
}

/// The members of a header that is a comma-separated list.
pub(crate) fn list(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
}

/// The query string's parameters, decoded, in their order.
pub(crate) struct Parameters(pub(crate) Vec<(String, String)>);

impl FromRequestParts<Shared> for Parameters {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Self::Rejection> {
        Ok(Parameters(
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        ))
    }
}
