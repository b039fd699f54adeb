//! What handlers ask of a request.

use crate::Shared;
use crate::client_address::ClientAddress;
use crate::content_encoding::{ContentEncoding, decode};
use crate::credentials::{Credentials, MISSING};
use crate::frame::RequestId;
use crate::problem::Problem;
use crate::request_body::{BodyError, Reservation};
use app::{Call, Idempotency, IfMatch, Origin, Permits, Query};
use axum::extract::{FromRequest, FromRequestParts, OriginalUri, Path, Request};
use bytes::Bytes;
use domain::json::Json;
use domain::{Handling, Violation, Violations, code};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use std::sync::{Arc, OnceLock};

/// What pictures are sent as.
const PICTURES: [&str; 3] = ["image/png", "image/webp", "application/octet-stream"];
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const LONGEST_IDEMPOTENCY_KEY: usize = 255;

/// The caller, by the key that it showed.
pub(crate) struct Caller(pub(crate) Call);

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let permits = parts.extensions.remove::<Permits>();
        let key = match parts.extensions.get::<Credentials>() {
            Some(Credentials::Key(key)) => key,
            Some(Credentials::Malformed(said)) => return Err(Problem::new(StatusCode::UNAUTHORIZED, *said)),
            None => return Err(Problem::new(StatusCode::UNAUTHORIZED, MISSING)),
        };
        let origin = Origin {
            address: parts
                .extensions
                .get::<ClientAddress>()
                .map_or(String::new(), |client| client.ip.to_string()),
            request_id: parts
                .extensions
                .get::<RequestId>()
                .map_or(String::new(), |id| app::redact_keys(&id.0).into_owned()),
            operation: format!("{} {}", parts.method, app::redact_keys(asked_for(parts).path())),
            permits,
        };
        Ok(Caller(shared.app.authenticate(key, origin).await?))
    }
}

/// The whole URI, without the key. A nested router sees only what is behind its own prefix.
fn asked_for(parts: &Parts) -> &Uri {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0)
}

/// A JSON body, which has to be given. Ask for it last, so that a caller without a key learns nothing from it.
pub(crate) struct JsonBody(pub(crate) Json);

impl FromRequest<Shared> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Problem> {
        match read_body(request, shared).await? {
            (_, bytes) if bytes.is_empty() => {
                let message =
                    r#"is required: a JSON object that says what to change, such as {"name": "Acme Corp"}"#;
                Err(Violations::from(Violation::new("", code::REQUIRED, message)).into())
            }
            (body, _) => Ok(JsonBody(body)),
        }
    }
}

/// A `POST`: the caller and the body, and what makes a repetition recognisable (`Idempotency-Key`).
pub(crate) struct Posted(pub(crate) Call, pub(crate) Json);

impl FromRequest<Shared> for Posted {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Caller(mut call) = Caller::from_request_parts(&mut parts, shared).await?;
        let key = idempotency_key(&parts.headers)?;
        let method_and_uri = format!("{} {}", parts.method, asked_for(&parts));
        let (body, bytes) = read_body(Request::from_parts(parts, body), shared).await?;
        call.idempotency = key.map(|key| Idempotency::new(key, &method_and_uri, &body, &bytes));
        Ok(Posted(call, body))
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > LONGEST_IDEMPOTENCY_KEY {
        let said =
            format!("the Idempotency-Key must have 1 to {LONGEST_IDEMPOTENCY_KEY} visible ASCII characters");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, said));
    }
    Ok(Some(key.to_owned()))
}

/// The body, parsed and as it came. None at all says nothing: `{}`. Without a `Content-Type` it is JSON where the caller
/// accepts JSON by name (RFC 9110, section 8.3, leaves that to the recipient), as the PyPI client of CloudHealth does.
async fn read_body(request: Request, shared: &Shared) -> Result<(Json, Bytes), Problem> {
    let is_json = is_json(request.headers())
        || !request.headers().contains_key(header::CONTENT_TYPE)
            && list(request.headers(), header::ACCEPT).any(|accepted| accepted == "application/json");
    let announced = request.headers().contains_key(header::CONTENT_TYPE);
    let bytes = read_bytes(request, shared).await?;
    if bytes.is_empty() && (is_json || !announced) {
        return Ok((Json::Object(Vec::new()), bytes));
    }
    if !is_json {
        return Err(wrong_media_type("must be sent with Content-Type: application/json"));
    }
    Ok((Json::parse(&bytes)?, bytes))
}

fn wrong_media_type(message: &str) -> Problem {
    Violations::from(Violation::new("", "unsupported_media_type", message)).into()
}

/// The whole body, decompressed.
async fn read_bytes(request: Request, shared: &Shared) -> Result<Bytes, Problem> {
    let encoding = ContentEncoding::of(request.headers())?;
    let reservation = request.extensions().get::<Arc<Reservation>>().cloned();
    let body = tokio::time::timeout(shared.config.body_timeout, request.into_body().collect()).await;
    let bytes = match body {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => {
            let broken = || Problem::new(StatusCode::BAD_REQUEST, "the body broke off before its end");
            return Err(body_error(&error).map_or_else(broken, Problem::from));
        }
        Err(_) => return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    };
    decode(encoding, bytes, reservation.as_deref())
}

/// A body that is a picture. Ask for it last, so that a caller without a key learns nothing from it.
pub(crate) struct Picture(pub(crate) Bytes);

impl FromRequest<Shared> for Picture {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Problem> {
        let is_picture = media_type(request.headers()).is_some_and(|of| PICTURES.contains(&&*of));
        let bytes = read_bytes(request, shared).await?;
        if !is_picture {
            return Err(wrong_media_type(
                "must be sent with Content-Type: image/png, image/webp or application/octet-stream",
            ));
        }
        Ok(Picture(bytes))
    }
}

/// The type of the body in lower case, without its parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// `application/json` or any `+json` type (RFC 6839), whatever its parameters.
fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|of| {
        of == "application/json" || (of.starts_with("application/") && of.ends_with("+json"))
    })
}

fn body_error(error: &axum::Error) -> Option<BodyError> {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<BodyError>() {
            return Some(*error);
        }
        source = error.source();
    }
    None
}

/// Numbers in the path. Anything that is no such number names nothing.
pub(crate) struct Ids<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let ids = Path::<T>::from_request_parts(parts, shared).await;
        ids.map(|Path(ids)| Ids(ids)).map_err(|_| app::Error::NotFound.into())
    }
}

/// `Prefer: handling=strict` (RFC 7240).
pub(crate) struct Preference(pub(crate) Handling);

impl FromRequestParts<Shared> for Preference {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Self::Rejection> {
        Ok(Preference(handling(&parts.headers)))
    }
}

fn handling(headers: &HeaderMap) -> Handling {
    let strict = list(headers, header::HeaderName::from_static("prefer")).any(|preference| {
        let token = preference.split(';').next().unwrap_or_default();
        let token: String = token.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
        token.eq_ignore_ascii_case("handling=strict")
    });
    if strict { Handling::Strict } else { Handling::Lenient }
}

/// `If-Match` and `If-None-Match: *` (RFC 9110, sections 13.1.1 and 13.1.2).
pub(crate) struct Precondition(pub(crate) IfMatch);

impl FromRequestParts<Shared> for Precondition {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Self::Rejection> {
        // What is there cannot be changed on condition that nothing is.
        if list(&parts.headers, header::IF_NONE_MATCH).any(|tag| tag == "*") {
            return Ok(Precondition(IfMatch::Versions(Vec::new())));
        }
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

/// Whether `If-None-Match` names this entity tag (RFC 9110, section 13.1.2).
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    list(headers, header::IF_NONE_MATCH).any(|seen| seen == "*" || seen.trim_start_matches("W/") == tag)
}

fn version_of(tag: &str) -> Option<(i64, i64)> {
    let (id, version) = tag.strip_prefix('"')?.strip_suffix('"')?.split_once('-')?;
    Some((id.parse().ok()?, version.parse().ok()?))
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

/// The query string's parameters, and how unknown ones are handled.
pub(crate) struct Parameters(pub(crate) Query);

impl FromRequestParts<Shared> for Parameters {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Self::Rejection> {
        let query = query(&parts.uri, &parts.headers);
        if let Some(read) = parts.extensions.get::<ReadParameters>() {
            read.0.get_or_init(|| query.ignored());
        }
        Ok(Parameters(query))
    }
}

/// The parameters that the handler of a request has ignored, if it has read any.
#[derive(Clone, Default)]
pub(crate) struct ReadParameters(pub(crate) Arc<OnceLock<Arc<OnceLock<Vec<String>>>>>);

pub(crate) fn query(uri: &Uri, headers: &HeaderMap) -> Query {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    Query::new(query.into_owned().collect(), handling(headers))
}
