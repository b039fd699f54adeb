//! The HTTP client of stores: HTTP/1.1, no redirects, no proxies, and a time-out for every wait.
//!
//! Addresses do not pass the egress guard of directories. Only the operator sets them: they come from the same environment
//! that would allow them, or are AWS's and Azure's own; callers of the API name a bucket and a key, which stand in the path.
//! The services that hand out credentials have link-local addresses besides.

use crate::{Error, Settings};
use futures_util::TryFutureExt;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector as Tcp};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest,
    HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::error::Error as StdError;
use std::time::Duration;
use tower_http::timeout::TimeoutBody;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Builds the clients of one root.
#[derive(Debug)]
pub(crate) struct Connector(ClientConfig);

impl Connector {
    /// Trusts the built-in certificate authorities, the system's, and those of `AWS_CA_BUNDLE`.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(bundle) = settings.get("AWS_CA_BUNDLE") {
            let bad = |e: &dyn std::fmt::Display| Error::Invalid(format!("AWS_CA_BUNDLE {bundle}: {e}"));
            for certificate in CertificateDer::pem_file_iter(bundle).map_err(|e| bad(&e))? {
                roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
            }
        }
        let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::Invalid(format!("TLS is not available: {e}")))?;
        Ok(Connector(config.with_root_certificates(roots).with_no_client_auth()))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let limit = |key, otherwise| -> object_store::Result<Duration> {
            let Some(text) = options.get_config_value(&key) else { return Ok(otherwise) };
            let span = text.parse::<jiff::SignedDuration>().ok().and_then(|span| span.try_into().ok());
            span.ok_or_else(|| object_store::Error::Generic {
                store: "HTTP",
                source: format!("{} must be a time such as 30s, not {text:?}", key.as_ref()).into(),
            })
        };
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limit(ClientConfigKey::ConnectTimeout, Duration::from_secs(5))?));
        let tls = HttpsConnectorBuilder::new().with_tls_config(self.0.clone());
        let in_clear = options.get_config_value(&ClientConfigKey::AllowHttp).as_deref() == Some("true");
        let tls = if in_clear { tls.https_or_http() } else { tls.https_only() };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(tls.enable_http1().wrap_connector(tcp));
        Ok(HttpClient::new(Network {
            client,
            response_timeout: limit(ClientConfigKey::Timeout, Duration::from_secs(60))?,
            read_timeout: limit(ClientConfigKey::ReadTimeout, Duration::from_secs(30))?,
        }))
    }
}

#[derive(Debug)]
struct Network {
    client: Client<HttpsConnector<Tcp>, HttpRequestBody>,
    /// Maximum time from a request's first byte to the head of its response.
    response_timeout: Duration,
    /// Maximum time between two pieces of a response's body.
    read_timeout: Duration,
}

#[async_trait::async_trait]
impl HttpService for Network {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let headers = request.headers_mut();
        headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static("tenantry"));
        // Every upload must not replace an object. object_store says so for uploads in one request, but cannot for the
        // completion of one in parts; S3 does not require this header to be signed.
        if request.method() == Method::POST && request.uri().query().is_some_and(|q| q.contains("uploadId="))
        {
            request.headers_mut().insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        let response = self.client.request(request).map_err(failed);
        let response = tokio::time::timeout(self.response_timeout, response).await;
        let mut response = response.map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))??;
        // object_store retries every 5xx, but a store that does not know a request will not learn it.
        if response.status() == StatusCode::NOT_IMPLEMENTED {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        Ok(response.map(|body| {
            let body = TimeoutBody::new(self.read_timeout, body);
            HttpResponseBody::new(body.map_err(|error| HttpError::new_boxed(kind(&*error), error)))
        }))
    }
}

fn failed(error: hyper_util::client::legacy::Error) -> HttpError {
    let kind = if error.is_connect() { HttpErrorKind::Connect } else { kind(&error) };
    HttpError::new(kind, error)
}

/// The kind of an error. *Interrupted* means that the store may have done what it was asked to.
fn kind(error: &(dyn StdError + 'static)) -> HttpErrorKind {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<tower_http::timeout::TimeoutError>() {
            return HttpErrorKind::Timeout;
        }
        if error.is::<hyper::Error>() || error.is::<std::io::Error>() {
            return HttpErrorKind::Interrupted;
        }
        next = error.source();
    }
    HttpErrorKind::Unknown
}
