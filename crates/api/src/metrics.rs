//! What is counted of requests, and how it is told to Prometheus. Nothing here names a partner, a customer or a key:
//! readers of the metrics learn how the server fares, and nothing about its users.

use crate::Shared;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};
use metrics::{counter, gauge, histogram};
use std::time::Duration;

/// Prometheus's text format, version 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The time from a request's head to its answer.
const REQUEST_DURATION: &str = "http_request_duration_seconds";

/// The route that answered, as the router has it: `/v2/customers/{id}`.
#[derive(Clone)]
struct Route(MatchedPath);

/// Lets the frame know which route answered.
pub(crate) async fn name_route(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    route.map(|route| response.extensions_mut().insert(Route(route)));
    response
}

/// Count an answer; the route that gave it. What the caller chose freely, its path and its method, is no label unless the router knows it.
pub(crate) fn answered(method: &Method, response: &mut Response, elapsed: Duration) -> String {
    let route = response.extensions_mut().remove::<Route>();
    let route = route.as_ref().map_or("none", |Route(route)| route.as_str()).to_owned();
    let method = match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let status = response.status().as_u16().to_string();
    histogram!(REQUEST_DURATION, "method" => method, "route" => route.clone(), "status" => status)
        .record(elapsed);
    route
}

/// Kinds of failure of a directory.
const DIRECTORY_FAILURES: [&str; 7] =
    ["unreachable", "throttled", "refused", "mfa_required", "invalid", "start_over", "internal"];

/// Count what was refused before it was a request.
pub(crate) fn refused(status: StatusCode) {
    counter!("http_requests_refused_total", "status" => status.as_u16().to_string()).increment(1);
}

/// How does the server fare?
///
/// For Prometheus: requests, directories, and the process itself.
#[utoipa::path(get, path = "/metrics", tag = "operations", security(()),
    responses((status = 200, description = "Prometheus's text format", body = String, content_type = TEXT),
              crate::schema::UriRefusal))]
pub(crate) async fn metrics(State(shared): State<Shared>) -> Response {
    // A database out of reach is something to be told, not a reason to tell nothing.
    let directories = shared.app.directory_health().await;
    gauge!("tenantry_database_up").set(if directories.is_ok() { 1 } else { 0 });
    if let Ok(directories) = directories {
        gauge!("tenantry_directories_connected").set(directories.connected as u32);
        gauge!("tenantry_directories_synced").set(directories.synced as u32);
        gauge!("tenantry_directories_failing").set(directories.failing as u32);
        for code in DIRECTORY_FAILURES {
            let count = directories.failures.get(code).copied().unwrap_or(0);
            gauge!("tenantry_directory_failures", "code" => code).set(count as u32);
        }
    }
    if let Ok(broken) = shared.app.broken_audit_chains().await {
        gauge!("tenantry_audit_broken_chains").set(broken as f64);
    }
    if let Ok(rollbacks) = shared.app.rollbacks().await {
        gauge!("tenantry_audit_rollbacks").set(rollbacks as f64);
    }
    if let Ok((under_way, failing)) = shared.app.invoice_fetch_health().await {
        gauge!("tenantry_invoice_fetches_under_way").set(under_way as f64);
        gauge!("tenantry_invoice_fetches_failing").set(failing as f64);
    }
    if let Ok(automations) = shared.app.billing_automation_health().await {
        gauge!("tenantry_billing_automations").set(automations.working);
        gauge!("tenantry_billing_automations_waiting").set(automations.waiting);
        gauge!("tenantry_billing_automations_failing").set(automations.failing);
    }
    for (state, count) in shared.app.bill_run_counts().await.unwrap_or_default() {
        gauge!("tenantry_bill_runs", "state" => state).set(count as f64);
    }
    shared.app.record_metrics();
    metrics_process::Collector::default().collect();
    ([(header::CONTENT_TYPE, TEXT)], shared.config.metrics.render()).into_response()
}
