//! Where requests are traced, besides the log.

use http::{HeaderMap, StatusCode};
use std::fmt::Debug;
use tracing::Span;

/// Something that traces requests.
pub trait Traces: Debug + Send + Sync {
    /// A request has come, with these headers; `traceparent` says which trace it belongs to (W3C Trace Context). The span is the
    /// one of its log lines. Its field `trace_id` may be recorded.
    fn begin(&self, span: &Span, headers: &HeaderMap);

    /// The head of the answer is known. `route` is the template that the path matched, or `none`.
    fn end(&self, span: &Span, route: &str, status: StatusCode);
}
