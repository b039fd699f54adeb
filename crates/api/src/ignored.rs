//! `X-Tenantry-Ignored`: the fields and parameters of a request that did not count.

use axum::response::{IntoResponse, Response};
use domain::json::Json;
use domain::payload::Payload;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const IGNORED: HeaderName = HeaderName::from_static("x-tenantry-ignored");

/// The longest value of the header, in bytes.
const MAX_BYTES: usize = 1000;

/// Names them, separated by commas; what is not visible ASCII in a name is percent-encoded.
pub(crate) fn insert(headers: &mut HeaderMap, names: &[String]) {
    let mut value = String::new();
    for name in names {
        let encoded: String = name
            .bytes()
            .map(|b| {
                if b.is_ascii_graphic() && b != b',' {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect();
        if value.len() + encoded.len() > MAX_BYTES {
            break;
        }
        value.push_str(if value.is_empty() { "" } else { ", " });
        value.push_str(&encoded);
    }
    if let Ok(value) = HeaderValue::from_str(&value)
        && !value.is_empty()
    {
        headers.insert(IGNORED, value);
    }
}

/// The response, naming the members of the body that did not count.
pub(crate) fn naming_ignored(payload: &Payload, body: &Json, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    insert(response.headers_mut(), &payload.ignored(body));
    response
}
