//! What every request walks through before the router and every answer after it: its id, its log line, the limits on
//! URI and body, the key out of the query string, and errors put into words.

use crate::credentials::Credentials;
use crate::metrics;
use crate::problem::Problem;
use crate::{BODY_LIMIT, Config, URI_LIMIT};
use app::App;
use axum::body::Body;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Limited;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tower::{Service, ServiceExt};
use tracing::Instrument;

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SANDBOX: HeaderName = HeaderName::from_static("x-tenantry-sandbox");
const LONGEST_REQUEST_ID: usize = 128;

/// The request's id.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Wraps the router.
#[derive(Clone)]
pub struct Frame<S> {
    inner: S,
    app: Arc<App>,
    config: Arc<Config>,
    peer: Option<SocketAddr>,
}

impl<S> Frame<S> {
    pub(crate) fn new(inner: S, app: Arc<App>, config: Arc<Config>) -> Self {
        Frame { inner, app, config, peer: None }
    }
}

impl<S: Clone> Frame<S> {
    /// For one connection, whose other end is `peer`.
    #[must_use]
    pub fn for_peer(&self, peer: SocketAddr) -> Self {
        Frame { peer: Some(peer), ..self.clone() }
    }
}

impl<S, B> Service<Request<B>> for Frame<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body_util::BodyExt<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let started = Instant::now();
        let id = request_id(request.headers()).unwrap_or_else(|| self.app.request_id());
        let span =
            tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
        let method = request.method().clone();
        let (inner, sandbox) = (self.inner.clone(), self.app.is_sandbox());
        let client = self.peer.map(|peer| self.config.trusted_proxies.client(peer, request.headers()));
        let answer = async move {
            let mut request = admit(request);
            request.extensions_mut().insert(RequestId(id.clone()));
            client.map(|client| request.extensions_mut().insert(client));
            let mut response = match inner.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            finish(&mut response, &id, sandbox);
            let elapsed = started.elapsed();
            metrics::answered(&method, &mut response, elapsed);
            let status = response.status().as_u16();
            tracing::info!(status, micros = elapsed.as_micros() as u64, "answered");
            Ok(response)
        };
        Box::pin(answer.instrument(span))
    }
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?.trim();
    let good = !id.is_empty() && id.len() <= LONGEST_REQUEST_ID && id.bytes().all(|b| b.is_ascii_graphic());
    good.then(|| id.to_owned())
}

/// Check the limits, and take the key out of the URI before anything can log it. What is beyond them goes on as a
/// request for [`refuse`], so that a page of another origin may read that answer too.
fn admit<B>(request: Request<B>) -> Request<Body>
where
    B: http_body_util::BodyExt<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let (mut parts, body) = request.into_parts();
    if parts.uri.path_and_query().is_some_and(|uri| uri.as_str().len() > URI_LIMIT) {
        let said = format!("the URI is longer than {URI_LIMIT} characters");
        return refused(parts, Problem::new(StatusCode::URI_TOO_LONG, said));
    }
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT as u64) {
        return refused(parts, too_large());
    }
    let (uri, in_query) = without_key(&parts.uri);
    parts.uri = uri;
    let in_header = parts.headers.remove(header::AUTHORIZATION).map(|value| Credentials::of_header(&value));
    if let Some(credentials) = in_header.or_else(|| in_query.map(|key| Credentials::of_text(key.trim()))) {
        parts.extensions.insert(credentials);
    }
    Request::from_parts(parts, Body::new(Limited::new(body, BODY_LIMIT)))
}

fn refused(mut parts: Parts, problem: Problem) -> Request<Body> {
    parts.uri = Uri::from_static("/");
    parts.extensions.insert(problem);
    Request::from_parts(parts, Body::empty())
}

/// Answers what [`admit`] did not let in.
pub(crate) async fn refuse(request: Request<Body>, next: Next) -> Response {
    match request.extensions().get::<Problem>() {
        Some(problem) => problem.clone().into_response(),
        None => next.run(request).await,
    }
}

pub(crate) fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {BODY_LIMIT} bytes"))
}

/// The URI without `api_key` and without a slash at the end of its path, and the key.
fn without_key(uri: &Uri) -> (Uri, Option<String>) {
    let path = uri.path().trim_end_matches('/');
    let path = if path.is_empty() { "/" } else { path };
    let mut key = None;
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name == "api_key" {
            key = key.or_else(|| Some(value.into_owned()));
        } else {
            kept.append_pair(&name, &value);
        }
    }
    let query = kept.finish();
    let rebuilt = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let uri = PathAndQuery::try_from(rebuilt).map_or_else(|_| Uri::from_static("/"), Uri::from);
    (uri, key)
}

/// Put an error into words, and add what every answer has.
fn finish(response: &mut Response, id: &str, sandbox: bool) {
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = problem {
        let body = problem.body(id);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = Body::from(body);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    if sandbox {
        headers.insert(SANDBOX, HeaderValue::from_static("true"));
    }
    if !headers.contains_key(header::CACHE_CONTROL) && status != StatusCode::NOT_MODIFIED {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
