//! Answers to what never becomes a request: heads that hyper refuses or that do not arrive in time, and connections beyond
//! a limit.

use crate::budget::Exhausted;
use crate::problem::Problem;
use crate::request_body::RETRY_AFTER;
use crate::{HEAD_LIMIT, URI_LIMIT};
use http::{HeaderMap, StatusCode, header};

/// Why what a client sent never became a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRequest {
    /// `400`: what came is no HTTP.
    Malformed,
    /// `408`
    HeadTimedOut,
    /// `414`
    UriTooLong,
    /// `431`: more bytes or headers than a head may have.
    HeadTooLarge,
    /// `503`, and `429` where its address alone has what there is: no memory for a large head.
    NoMemory(Exhausted),
    /// `503`: its address has as many connections as one may have.
    TooManyConnections,
}

pub(crate) fn problem(cause: NoRequest) -> (StatusCode, Problem) {
    let (status, message) = match cause {
        NoRequest::Malformed => (
            StatusCode::BAD_REQUEST,
            "this is not an HTTP/1.1 request: its first line, a header or its framing is malformed".into(),
        ),
        NoRequest::HeadTimedOut => {
            (StatusCode::REQUEST_TIMEOUT, "the request's head did not arrive in time".into())
        }
        NoRequest::UriTooLong => {
            (StatusCode::URI_TOO_LONG, format!("the URI is longer than {URI_LIMIT} characters"))
        }
        NoRequest::HeadTooLarge => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("the request's head is larger than {HEAD_LIMIT} bytes, or has more than 100 headers"),
        ),
        NoRequest::NoMemory(Exhausted::All) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the server holds as many large request heads as it can just now; repeat the request".into(),
        ),
        NoRequest::NoMemory(Exhausted::Address) => (
            StatusCode::TOO_MANY_REQUESTS,
            "your address is sending too many large request heads at the same time; repeat the request"
                .into(),
        ),
        NoRequest::TooManyConnections => (
            StatusCode::SERVICE_UNAVAILABLE,
            "your address has too many open connections; use fewer, or close those that are idle".into(),
        ),
    };
    let retry_after = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    (status, Problem::new(status, message).retry_after(retry_after.then_some(RETRY_AFTER)))
}

/// The bytes of an answer after which the connection ends.
pub(crate) fn write(status: StatusCode, mut headers: HeaderMap, date: &str, body: &[u8]) -> Vec<u8> {
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    let reason = status.canonical_reason().unwrap_or_default();
    let mut answer = format!("HTTP/1.1 {} {reason}\r\ndate: {date}\r\n", status.as_u16()).into_bytes();
    for (name, value) in &headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            answer.extend_from_slice(part);
        }
    }
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(body);
    answer
}
