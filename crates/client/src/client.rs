//! Requests, and their repetition.

use crate::body::{Download, whole};
use crate::error::{Problem, chain};
use crate::proxy::Proxies;
use crate::retry::{Gate, Patience, asked, wait};
use crate::transport::{Network, network};
use crate::{BaseUrl, Error, Pages};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the head of an answer may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How a client is set up.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How long requests are repeated.
    pub patience: Patience,
    /// A PEM file of further certificate authorities that are trusted.
    pub authorities: Option<PathBuf>,
    /// The `User-Agent`; empty for none.
    pub user_agent: String,
    /// Proxies that are used.
    pub proxies: Proxies,
}

/// A client of one server, with one key. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    base: BaseUrl,
    headers: HeaderMap,
    network: Network,
    /// The URL of the proxy in front of the server.
    proxy: Option<String>,
    patience: Patience,
    gate: Gate,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.inner.base)
    }
}

/// A request that may be repeated.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    /// A request without a body. `path` is a path of the API, with its query.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Request { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A request with a JSON body.
    pub fn json(method: Method, path: impl Into<String>, body: &Value) -> Self {
        let mut request = Request::new(method, path);
        request.body = body.to_string().into();
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    /// A request with these bytes as its body.
    pub fn bytes(method: Method, path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let mut request = Request { body: body.into(), ..Request::new(method, path) };
        let media_type = HeaderValue::from_static("application/octet-stream");
        request.headers.insert(header::CONTENT_TYPE, media_type);
        request
    }

    /// With an `Idempotency-Key`, without which a `POST` is not repeated after a connection broke.
    #[must_use]
    pub fn idempotent(self, key: &str) -> Self {
        self.header(IDEMPOTENCY_KEY, key)
    }

    /// With another header. A value that no header can have is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Whether sending it twice does what sending it once does (RFC 9110, section 9.2.2).
    fn is_idempotent(&self) -> bool {
        self.method != Method::POST || self.headers.contains_key(IDEMPOTENCY_KEY)
    }
}

/// An answer that is no refusal.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status, below 400.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    url: String,
}

impl Response {
    /// The body as JSON; `null` if it is empty.
    ///
    /// # Errors
    /// [`Error::Unexpected`].
    pub fn json(&self) -> Result<Value, Error> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|_| {
            let kind = self.header(header::CONTENT_TYPE).unwrap_or("of no type");
            Error::Unexpected { url: self.url.clone(), message: format!("its answer is {kind}, not JSON") }
        })
    }

    /// A header's value, if it is text.
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether this is the stored answer of an earlier, equal request.
    pub fn is_replayed(&self) -> bool {
        self.headers.contains_key(IDEMPOTENCY_REPLAYED)
    }
}

/// What came of one attempt.
enum Outcome {
    Answered(http::Response<Incoming>),
    /// The connection broke, or there was none.
    Broken(String),
}

impl Client {
    /// A client. No connection is made yet.
    ///
    /// # Errors
    /// [`Error::Setup`].
    pub fn new(base: BaseUrl, key: &SecretString, options: &Options) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        let is_visible = key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
        let bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()));
        let mut bearer = bearer.ok().filter(|_| is_visible).ok_or_else(|| {
            Error::Setup("the API key has characters that no key has; was it copied whole?".to_owned())
        })?;
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.extend(base.host().map(|host| (header::HOST, host)));
        if let Ok(agent) = HeaderValue::from_str(&options.user_agent) {
            headers.insert(header::USER_AGENT, agent);
        }
        let proxy = options.proxies.to(&base)?;
        let authorization = proxy.as_ref().and_then(|proxy| proxy.authorization.clone());
        // In a tunnel only the proxy itself is told its password.
        if let Some(authorization) = authorization.filter(|_| !base.is_encrypted()) {
            headers.insert(header::PROXY_AUTHORIZATION, authorization);
        }
        let network = network(options.authorities.as_deref(), proxy.as_ref(), base.is_encrypted())?;
        let proxy = proxy.map(|proxy| proxy.uri.to_string());
        let (patience, gate) = (options.patience, Gate::default());
        Ok(Client { inner: Arc::new(Inner { base, headers, network, proxy, patience, gate }) })
    }

    /// The server's URL.
    pub fn base(&self) -> &BaseUrl {
        &self.inner.base
    }

    /// Reads what is at a path of the API.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn get(&self, path: &str) -> Result<Response, Error> {
        self.send(&Request::new(Method::GET, path)).await
    }

    /// The pages of a list, whose entries are in the answers' field `list`.
    pub fn pages(&self, path: &str, list: &'static str) -> Pages {
        Pages::new(self.clone(), path, list)
    }

    /// Sends a request, again and again while the server is busy or cannot be reached, within the client's [`Patience`].
    ///
    /// # Errors
    /// [`Error::Refused`] for a status of 400 or more, [`Error::Unreachable`], [`Error::Unexpected`].
    pub async fn send(&self, request: &Request) -> Result<Response, Error> {
        let url = self.inner.base.to_string();
        let started = Instant::now();
        let (mut attempt, mut was_broken) = (0, false);
        loop {
            self.inner.gate.pass().await;
            let (outcome, busy) = match self.once(request).await? {
                Outcome::Answered(response) => {
                    let (parts, body) = response.into_parts();
                    match whole(body).await {
                        Err(message) => (Err(message), None),
                        Ok(body) => {
                            let may_repeat =
                                request.is_idempotent() || parts.status == StatusCode::TOO_MANY_REQUESTS;
                            let busy = (may_repeat && is_busy(parts.status, &parts.headers))
                                .then(|| asked(&parts.headers));
                            (Ok((parts, body)), busy)
                        }
                    }
                }
                Outcome::Broken(message) => (Err(message), None),
            };
            let pause = wait(attempt, busy.flatten());
            let elapsed = started.elapsed();
            match outcome {
                Ok(_) if busy.is_some() && elapsed + pause <= self.inner.patience.busy => {
                    self.inner.gate.hold(Instant::now() + pause);
                }
                Ok((parts, body)) if parts.status.is_client_error() || parts.status.is_server_error() => {
                    // The attempt whose connection broke has deleted it.
                    if was_broken && request.method == Method::DELETE && parts.status == StatusCode::NOT_FOUND
                    {
                        let (status, headers, body) = (StatusCode::NO_CONTENT, parts.headers, Bytes::new());
                        return Ok(Response { status, headers, body, url });
                    }
                    return Err(Error::Refused(Box::new(Problem::read(parts.status, &body))));
                }
                Ok((parts, _))
                    if parts.status.is_redirection() && parts.status != StatusCode::NOT_MODIFIED =>
                {
                    return Err(redirected(url, &parts.headers));
                }
                Ok((parts, body)) => {
                    return Ok(Response { status: parts.status, headers: parts.headers, body, url });
                }
                Err(_) if request.is_idempotent() && elapsed + pause <= self.inner.patience.unreachable => {
                    was_broken = true;
                    tokio::time::sleep(pause).await;
                }
                Err(message) => return Err(Error::Unreachable { url, message }),
            }
            attempt += 1;
        }
    }

    /// Starts to read a body that may be large. Only its beginning is repeated.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn download(&self, path: &str) -> Result<Download, Error> {
        let url = self.inner.base.to_string();
        let request = Request::new(Method::GET, path).header(header::ACCEPT, "*/*");
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            self.inner.gate.pass().await;
            let response = match self.once(&request).await? {
                Outcome::Answered(response) => response,
                Outcome::Broken(message) => return Err(Error::Unreachable { url, message }),
            };
            let (parts, body) = response.into_parts();
            if parts.status.is_success() {
                return Ok(Download { headers: parts.headers, body, url });
            }
            if parts.status.is_redirection() {
                return Err(redirected(url, &parts.headers));
            }
            let pause = wait(attempt, asked(&parts.headers));
            let is_busy = is_busy(parts.status, &parts.headers);
            if !is_busy || started.elapsed() + pause > self.inner.patience.busy {
                let body = whole(body).await.unwrap_or_default();
                return Err(Error::Refused(Box::new(Problem::read(parts.status, &body))));
            }
            self.inner.gate.hold(Instant::now() + pause);
            attempt += 1;
        }
    }

    async fn once(&self, request: &Request) -> Result<Outcome, Error> {
        let inner = &self.inner;
        let uri =
            inner.base.join(&request.path).map_err(|e| Error::Setup(format!("{}: {e}", request.path)))?;
        let mut sent = http::Request::new(request.body.clone().into());
        *sent.method_mut() = request.method.clone();
        *sent.uri_mut() = uri;
        *sent.headers_mut() = inner.headers.clone();
        sent.headers_mut().extend(request.headers.clone());
        Ok(match tokio::time::timeout(RESPONSE_TIMEOUT, inner.network.request(sent)).await {
            Ok(Ok(response)) => Outcome::Answered(response),
            Ok(Err(error)) => Outcome::Broken(inner.through_proxy(chain(&error))),
            Err(_) => {
                let message = format!("no answer within {} s", RESPONSE_TIMEOUT.as_secs());
                Outcome::Broken(inner.through_proxy(message))
            }
        })
    }
}

impl Inner {
    fn through_proxy(&self, message: String) -> String {
        match &self.proxy {
            Some(proxy) => format!("{message} (through the proxy {proxy})"),
            None => message,
        }
    }
}

/// Whether the same request may succeed a little later. A `409` is meant so only if it says when.
fn is_busy(status: StatusCode, headers: &HeaderMap) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => true,
        StatusCode::CONFLICT => headers.contains_key(header::RETRY_AFTER),
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => true,
        _ => false,
    }
}

fn redirected(url: String, headers: &HeaderMap) -> Error {
    let target = headers.get(header::LOCATION).and_then(|target| target.to_str().ok()).unwrap_or("elsewhere");
    let message = format!("it redirects to {target}; name the URL that it is really under");
    Error::Unexpected { url, message }
}
