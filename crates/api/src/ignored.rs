//! `X-Tenantry-Ignored`: the fields and parameters of a request that did not count.

use crate::extract::{ReadParameters, query};
use crate::problem::Problem;
use axum::body::Body;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::json::Json;
use domain::payload::Payload;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use std::sync::Arc;

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

/// Names the parameters that did not count in the answer to a `GET`, and refuses under strict handling those of a request whose
/// handler reads none.
pub(crate) async fn name_parameters(mut request: Request<Body>, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_api = ["/v1/", "/v2/"].iter().any(|version| request.uri().path().starts_with(version));
    if !is_read || !is_api || request.uri().query().is_none() {
        return next.run(request).await;
    }
    let given = query(request.uri(), request.headers());
    let read = ReadParameters::default();
    request.extensions_mut().insert(read.clone());
    let mut response = next.run(request).await;
    if !response.status().is_success() {
        return response;
    }
    let ignored = match read.0.get() {
        Some(ignored) => Arc::clone(ignored),
        None => match given.expect_none() {
            Ok(()) => given.ignored(),
            Err(error) => return Problem::from(error).into_response(),
        },
    };
    if let Some(names) = ignored.get() {
        insert(response.headers_mut(), names);
    }
    response
}

/// The response, naming the members of the body that did not count.
pub(crate) fn naming_ignored(payload: &Payload, body: &Json, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    insert(response.headers_mut(), &payload.ignored(body));
    response
}
