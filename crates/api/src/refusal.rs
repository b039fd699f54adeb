//! Answers to what never becomes a request: heads that hyper refuses or that do not arrive in time, and connections beyond
//! a limit.

use crate::problem::Problem;
use crate::{HEAD_LIMIT, URI_LIMIT};
use http::{HeaderMap, StatusCode, header};

pub(crate) fn problem(status: StatusCode) -> Problem {
    let message = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            format!("the request's head is larger than {HEAD_LIMIT} bytes, or has more than 100 headers")
        }
        StatusCode::URI_TOO_LONG => format!("the URI is longer than {URI_LIMIT} characters"),
        StatusCode::REQUEST_TIMEOUT => "the request's head did not arrive in time".into(),
        StatusCode::SERVICE_UNAVAILABLE => {
            "your address has too many open connections; use fewer, or close those that are idle".into()
        }
        _ => "this is not an HTTP/1.1 request: its first line, a header or its framing is malformed".into(),
    };
    Problem::new(status, message)
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
