//! What every request walks through before the router and every answer after it: its id, its log line, the client's
//! address, the limits on URI and body, the key out of the query string, compression, and errors put into words.

use crate::budget::Budget;
use crate::client_address::ClientAddress;
use crate::credentials::Credentials;
use crate::extract::list;
use crate::ignored::name_parameters;
use crate::metrics;
use crate::problem::Problem;
use crate::refusal::{self, NoRequest};
use crate::request_body::{BodyError, RequestBody, Reservation, Unread};
use crate::request_log::Unlogged;
use crate::sign_ins::FailedSignIns;
use crate::{BODY_LIMIT, Config, URI_LIMIT};
use app::App;
use axum::body::Body;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;
use tower::{Service, ServiceExt};
use tower_http::compression::Compression;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tracing::field::Empty;
use tracing::{Instrument, Span};

/// The header that carries a request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SANDBOX: HeaderName = HeaderName::from_static("x-tenantry-sandbox");
const LONGEST_REQUEST_ID: usize = 128;
/// Answers below this size, in bytes, are not compressed: it would save no packet.
const MIN_COMPRESSED: u64 = 1024;

/// The request's id.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Wraps the router.
#[derive(Clone)]
pub struct Frame<S> {
    inner: S,
    app: Arc<App>,
    config: Arc<Config>,
    memory: Arc<Budget>,
    failed_sign_ins: Arc<FailedSignIns>,
    peer: Option<SocketAddr>,
}

impl<S> Frame<S> {
    pub(crate) fn new(inner: S, app: Arc<App>, config: Arc<Config>) -> Self {
        let memory = Budget::new(config.max_request_memory, config.max_request_memory_per_address);
        Frame { inner, app, config, memory, failed_sign_ins: Arc::default(), peer: None }
    }
}

impl<S: Clone> Frame<S> {
    /// For one connection, whose other end is `peer`.
    #[must_use]
    pub fn for_peer(&self, peer: SocketAddr) -> Self {
        Frame { peer: Some(peer), ..self.clone() }
    }
}

impl<S> Frame<S> {
    /// Memory for what clients send, in bytes.
    pub fn request_memory(&self) -> &Arc<Budget> {
        &self.memory
    }

    /// The whole answer to what never became a request, after which the connection ends.
    pub fn refusal(&self, cause: NoRequest) -> Vec<u8> {
        let id = self.app.request_id();
        let client = self.peer.map(|peer| self.config.trusted_proxies.client(peer, &HeaderMap::new()).ip);
        let client = client.map(tracing::field::display);
        let (status, problem) = refusal::problem(cause);
        tracing::info!(id, client, status = status.as_u16(), "request refused");
        metrics::refused(status);
        let body = problem.body(&id);
        let mut response = problem.into_response();
        finish(&mut response, &id, self.app.is_sandbox());
        let date = self.app.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        refusal::write(status, response.into_parts().0.headers, &date, &body)
    }
}

impl<S, B> Service<Request<B>> for Frame<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = bytes::Bytes> + Unpin + Send + 'static,
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
        let client = self.peer.map(|peer| {
            let client = self.config.trusted_proxies.client(peer, request.headers());
            ClientAddress { over_tls: self.config.tls, ..client }
        });
        let span = tracing::info_span!(
            "request",
            id,
            client = client.map(|client| tracing::field::display(client.ip)),
            method = %request.method(),
            path = request.uri().path(),
            // Recorded where it is known whose key it is.
            partner = Empty,
            user = Empty,
            key = Empty,
            trace_id = Empty,
        );
        if let Some(traces) = &self.config.traces {
            traces.begin(&span, request.headers());
        }
        let method = request.method().clone();
        let is_http1 = request.version() < Version::HTTP_2;
        let config = Arc::clone(&self.config);
        let (inner, sandbox) = (self.inner.clone(), self.app.is_sandbox());
        let reservation = Arc::new(Reservation::new(&self.memory, client));
        let failed_sign_ins = Arc::clone(&self.failed_sign_ins);
        let answer = async move {
            let unlogged = Unlogged::new(started);
            let expects_continue = request.headers().contains_key(header::EXPECT);
            let compressed = method == Method::GET && request.headers().contains_key(header::ACCEPT_ENCODING);
            let (mut request, unread) = admit(request, &reservation);
            if compressed {
                let acceptable = acceptable_encodings(request.headers());
                request.headers_mut().insert(header::ACCEPT_ENCODING, acceptable);
            }
            request.extensions_mut().insert(RequestId(id.clone()));
            client.map(|client| request.extensions_mut().insert(client));
            request.extensions_mut().insert(Arc::clone(&reservation));
            let response = if compressed {
                // Events would wait in the compressor.
                let predicate = SizeAbove::new(MIN_COMPRESSED).and(NotForContentType::SSE);
                let inner = Compression::new(inner).compress_when(predicate);
                inner.oneshot(request).await.map(|response| response.map(Body::new))
            } else {
                inner.oneshot(request).await
            };
            let mut response = match response {
                Ok(response) => response,
                Err(never) => match never {},
            };
            finish(&mut response, &id, sandbox);
            // In HTTP/2 a stream ends by itself, and the header must not be there.
            if is_http1
                && !response.headers().contains_key(header::CONNECTION)
                && (!unread.drain(expects_continue).await || config.stopping.load(Ordering::Relaxed))
            {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            drop(reservation);
            let elapsed = started.elapsed();
            let route = metrics::answered(&method, &mut response, elapsed);
            if let Some(traces) = &config.traces {
                traces.end(&Span::current(), &route, response.status());
            }
            if response.status() == StatusCode::UNAUTHORIZED {
                failed_sign_ins.count(client);
            }
            Ok(unlogged.answered(route, elapsed.as_micros() as u64, response))
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
fn admit<B>(request: Request<B>, reservation: &Arc<Reservation>) -> (Request<Body>, Unread<B>)
where
    B: http_body::Body<Data = bytes::Bytes> + Unpin + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let (parts, body) = request.into_parts();
    let (body, unread) = RequestBody::new(body, Arc::clone(reservation));
    (admit_parts(parts, Body::new(body)), unread)
}

/// `Accept-Encoding` without what refuses the plain answer, which is better than none (RFC 9110, section 12.5.3).
fn acceptable_encodings(headers: &HeaderMap) -> HeaderValue {
    let refuses = |coding: &&str| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().trim_start_matches(['q', 'Q']).trim_start().strip_prefix('=');
        let is_none = weight.is_some_and(|weight| weight.trim().parse() == Ok(0.0_f32));
        is_none && ["identity", "*"].contains(&name.trim())
    };
    let kept: Vec<&str> = list(headers, header::ACCEPT_ENCODING).filter(|coding| !refuses(coding)).collect();
    HeaderValue::from_str(&kept.join(", ")).unwrap_or(HeaderValue::from_static("identity"))
}

fn admit_parts(mut parts: Parts, body: Body) -> Request<Body> {
    if parts.method == Method::HEAD {
        parts.headers.remove(header::RANGE); // defined for GET alone (RFC 9110, section 14.2)
    }
    if parts.version == Version::HTTP_2
        && !parts.headers.contains_key(header::HOST)
        && let Some(host) = parts.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
    {
        parts.headers.insert(header::HOST, host); // `:authority` says it (RFC 9113, section 8.3.1)
    }
    if let Some(problem) = wrong_framing(&parts) {
        return refused(parts, problem);
    }
    if parts.uri.path_and_query().is_some_and(|uri| uri.as_str().len() > URI_LIMIT) {
        let said = format!("the URI is longer than {URI_LIMIT} characters");
        return refused(parts, Problem::new(StatusCode::URI_TOO_LONG, said));
    }
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT as u64) {
        return refused(parts, BodyError::TooLarge.into());
    }
    let (uri, in_query) = without_key(&parts.uri);
    parts.uri = uri;
    let in_header = parts.headers.remove(header::AUTHORIZATION).map(|value| Credentials::of_header(&value));
    if let Some(credentials) = in_header.or_else(|| in_query.map(|key| Credentials::of_text(key.trim()))) {
        parts.extensions.insert(credentials);
    }
    Request::from_parts(parts, body)
}

/// What is wrong with the headers that say where a request goes to (RFC 9112, section 3.2) and how its body is sent (6.1).
fn wrong_framing(parts: &Parts) -> Option<Problem> {
    let hosts = parts.headers.get_all(header::HOST);
    let host = match (hosts.iter().count(), parts.version) {
        (0, Version::HTTP_11) => Some("a request of HTTP/1.1 must have a Host header"),
        (0 | 1, _) => None,
        _ => Some("a request must have only one Host header"),
    };
    let is_host = |host: &HeaderValue| {
        host.is_empty()
            || host.to_str().is_ok_and(|host| !host.contains('@') && host.parse::<Authority>().is_ok())
    };
    let host = host.or_else(|| {
        (!hosts.iter().all(is_host))
            .then_some("the Host header must be a host name or an address, with or without a port")
    });
    if let Some(message) = host {
        return Some(Problem::new(StatusCode::BAD_REQUEST, message));
    }
    let mut encodings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
    let only_chunked = match (encodings.next(), encodings.next()) {
        (None, _) => true,
        (Some(one), None) => one.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    let message = "the only Transfer-Encoding that is understood is chunked; a body may be compressed with \
                   Content-Encoding: gzip";
    (!only_chunked).then(|| Problem::new(StatusCode::NOT_IMPLEMENTED, message))
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
        None => name_parameters(request, next).await,
    }
}

/// The URI without `api_key`, with one slash where its path has several and none at its end, and the key.
fn without_key(uri: &Uri) -> (Uri, Option<String>) {
    let mut path = String::with_capacity(uri.path().len());
    for segment in uri.path().split('/').filter(|segment| !segment.is_empty()) {
        path.push('/');
        path.push_str(segment);
    }
    if path.is_empty() {
        path.push('/');
    }
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
    let rebuilt = if query.is_empty() { path } else { format!("{path}?{query}") };
    let uri = PathAndQuery::try_from(rebuilt).map_or_else(|_| Uri::from_static("/"), Uri::from);
    (uri, key)
}

/// Put an error into words, and add what every answer has.
fn finish(response: &mut Response, id: &str, sandbox: bool) {
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
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !headers.contains_key(header::REFERRER_POLICY) {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
