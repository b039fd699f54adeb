//! Traces: a span for each request, sent to a collector over OTLP (HTTP, protobuf). OpenTelemetry's own variables configure it
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>): nothing is traced unless they name an endpoint.

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, TracerProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::registry::LookupSpan;

/// Most bytes of a collector's answer that are read.
const MAX_ANSWER: usize = 64 * 1024;
/// How long a collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";
const STATUS: &str = "http.response.status_code";

static IS_TRACING: OnceLock<()> = OnceLock::new();

/// Sends what is left, when it is dropped; for five seconds at most.
pub(super) struct Guard(SdkTracerProvider);

impl Drop for Guard {
    fn drop(&mut self) {
        // A collector that is gone is no reason not to stop.
        let _ = self.0.shutdown();
    }
}

/// Takes the spans of requests, whatever the log's level.
///
/// # Errors
/// If what OpenTelemetry's variables say cannot be. Call it within the runtime.
pub(super) fn layer<S>() -> anyhow::Result<(impl Layer<S>, Guard)>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Http::new()?)
        .build()
        .with_context(|| format!("{} cannot be sent traces", super::log::ENDPOINTS.join(" or ")))?;
    let resource = Resource::builder();
    // `OTEL_SERVICE_NAME` goes first.
    let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
        None => resource.with_service_name("tenantry"),
        Some(_) => resource,
    };
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.with_attribute(version).build())
        .with_batch_exporter(Requests(exporter))
        .build();
    let ours = Targets::new().with_target("tenantry", LevelFilter::INFO);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("tenantry"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        // Log lines stay in the log.
        .with_filter(ours.and(filter_fn(|metadata| metadata.is_span())));
    let _ = IS_TRACING.set(());
    Ok((layer, Guard(provider)))
}

/// What follows requests, if anything is traced.
pub(super) fn of_requests() -> Option<std::sync::Arc<dyn api::Traces>> {
    IS_TRACING.get().map(|()| std::sync::Arc::new(OfRequests) as _)
}

#[derive(Debug)]
struct OfRequests;

/// Headers, as the library wants to read them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

impl api::Traces for OfRequests {
    fn begin(&self, span: &Span, headers: &HeaderMap) {
        // Fails only for a span that is not traced.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(headers)));
        let context = span.context();
        let context = context.span().span_context().clone();
        if context.is_valid() {
            span.record("trace_id", tracing::field::display(context.trace_id()));
        }
    }

    fn end(&self, span: &Span, route: &str, status: StatusCode) {
        span.set_attribute(ROUTE, route.to_owned());
        span.set_attribute(STATUS, i64::from(status.as_u16()));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
    }
}

/// Sends spans as OpenTelemetry's conventions want those of HTTP servers, without API keys.
#[derive(Debug)]
struct Requests(SpanExporter);

impl opentelemetry_sdk::trace::SpanExporter for Requests {
    async fn export(&self, mut spans: Vec<SpanData>) -> OTelSdkResult {
        spans.iter_mut().for_each(conventional);
        self.0.export(spans).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// `GET /v2/customers`, of the kind `server`, with the conventions' names for what the log calls otherwise.
fn conventional(span: &mut SpanData) {
    span.span_kind = SpanKind::Server;
    for attribute in &mut span.attributes {
        let name = match attribute.key.as_str() {
            "client" => Some("client.address"),
            "method" => Some(METHOD),
            "path" => Some("url.path"),
            "id" => Some("tenantry.request_id"),
            "partner" => Some("tenantry.partner"),
            "user" => Some("tenantry.user"),
            "key" => Some("tenantry.key"),
            _ => None,
        };
        if let Some(name) = name {
            attribute.key = name.into();
        }
        if let Value::String(text) = &attribute.value {
            attribute.value = app::redact_keys(text.as_str()).into_owned().into();
        }
    }
    span.attributes.retain(|attribute| attribute.key.as_str() != "trace_id");
    let said = |name: &str| {
        let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
        found.map(|attribute| attribute.value.as_str().into_owned())
    };
    span.name = match (said(METHOD), said(ROUTE)) {
        (Some(method), Some(route)) if route != "none" => format!("{method} {route}").into(),
        (Some(method), _) => method.into(),
        (None, _) => return,
    };
}

/// The HTTP client of the exporter, which calls it on a thread of its own.
#[derive(Debug)]
struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

impl Http {
    fn new() -> anyhow::Result<Self> {
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .context("TLS is not available")?;
        let connector = tls.https_or_http().enable_http1().build();
        Ok(Http {
            client: Client::builder(TokioExecutor::new()).build(connector),
            runtime: Handle::current(),
        })
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.request(request.map(Full::new));
        let whole = async move {
            let (head, body) = answer.await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        // The timer is the runtime's too.
        self.runtime.spawn(async move { tokio::time::timeout(PATIENCE, whole).await }).await??
    }
}
