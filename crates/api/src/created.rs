//! The answer to a `POST` that made something, the first time and when it is repeated.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(crate) struct Created(pub(crate) StatusCode, pub(crate) app::Created);

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        let Created(status, created) = self;
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/json")], created.json).into_response();
        let mut set = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        };
        if let Some(href) = created.href {
            set(header::LOCATION, href);
        }
        if let Some(version) = created.version {
            set(header::ETAG, format!("\"{version}\""));
        }
        if created.replayed {
            set(REPLAYED, "true".into());
        }
        response
    }
}
