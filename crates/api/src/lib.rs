//! The HTTP adapter in front of the use cases. Routes are in `router`, one file per resource; rules are not here.

mod access;
mod accounts;
mod api_keys;
mod azure_tenants;
mod base_url;
mod bill_runs;
mod billing_automation;
mod billing_settings;
mod branding;
mod budget;
mod client_address;
mod content_encoding;
mod created;
mod credentials;
mod customers;
mod docs;
mod download;
mod extract;
mod frame;
mod ignored;
mod invoices;
mod large_answer;
mod limits;
mod metrics;
mod occasional;
mod openapi;
mod operations;
mod paging;
mod price_rules;
mod price_sheets;
mod problem;
mod profit;
mod refusal;
mod request_body;
mod request_log;
mod router;
mod sandbox;
mod schema;
mod sign_in_providers;
mod sign_ins;
mod statements;
mod traces;
mod unknown_path;
mod users;
mod visitor;

pub use base_url::PublicUrl;
pub use budget::{Budget, Exhausted, Share};
pub use client_address::{ClientAddress, TrustedProxies, network_of};
pub use frame::{Frame, REQUEST_ID};
pub use occasional::Occasional;
pub use openapi::document;
pub use refusal::NoRequest;
pub use router::{operations_service, service};
pub use schema::{
    ApiKey, BillRun, BillRunList, BillingSettings, InvoiceFetch, PriceRule, PriceRuleList, PriceSheet,
    PriceSheetList, ProfitReport, User, body,
};
pub use traces::Traces;
pub use visitor::Visitor;

use app::App;
use http::HeaderValue;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The configuration of the HTTP adapter.
#[derive(Clone, Debug)]
pub struct Config {
    /// Origins whose pages may call the API from a browser (CORS).
    pub cors_origins: Vec<HeaderValue>,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// Proxies whose word on the client's address counts.
    pub trusted_proxies: TrustedProxies,
    /// Memory for what clients send, heads and bodies of requests that are under way, in bytes.
    pub max_request_memory: usize,
    /// Of one address, or one IPv6 network (/64).
    pub max_request_memory_per_address: usize,
    /// Where links lead to; by default where the request says that it came to.
    pub public_url: Option<PublicUrl>,
    /// Set when the server is about to stop; `/readyz` says so.
    pub stopping: Arc<AtomicBool>,
    /// Whether clients come over TLS, so that links start with `https`.
    pub tls: bool,
    /// Whether `/metrics` and `/readyz` are served by [`operations_service`] alone.
    pub operations_apart: bool,
    /// What `/metrics` tells.
    pub metrics: PrometheusHandle,
    /// Where requests are traced, if they are.
    pub traces: Option<Arc<dyn Traces>>,
}

/// The largest body that is read, in bytes (contract, section 2).
pub const BODY_LIMIT: usize = 1024 * 1024;
/// The largest head of a request, in bytes.
pub const HEAD_LIMIT: usize = 32 * 1024;
/// The longest URI that is taken, in characters (contract, section 2).
pub const URI_LIMIT: usize = 4000;

#[derive(Clone)]
struct Shared {
    app: Arc<App>,
    config: Arc<Config>,
}
