//! Responses: pages with their headers, and redirects.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// What a page may load: its own style sheet, script and icons. No inline code, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    let body = match template.render() {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "failed to render a page");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
        // With `no-referrer` browsers would send `Origin: null` with forms.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let opener = [("cross-origin-opener-policy", "same-origin")];
    (status, headers, opener, body).into_response()
}

/// A page that was found.
pub(crate) fn ok(template: &impl Template) -> Response {
    page(StatusCode::OK, template)
}

/// `303 See Other`: the page that follows a form.
pub(crate) fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/console"));
    let headers =
        [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// A path of this console that a link or a form named as the next page; the home page for anything else, which could lead
/// to another site.
pub(crate) fn own_path(path: Option<&str>) -> String {
    let path = path.unwrap_or_default();
    let is_own = (path == "/console" || path.starts_with("/console/") || path.starts_with("/console?"))
        && path.len() <= 2000
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !path.contains("//");
    if is_own { path.to_owned() } else { "/console".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_one_of_this_console() {
        for (path, expected) in [
            (Some("/console"), "/console"),
            (Some("/console/customers?q=a%20b"), "/console/customers?q=a%20b"),
            (Some("/console?a=b"), "/console?a=b"),
            (None, "/console"),
            (Some(""), "/console"),
            (Some("//evil.example.com"), "/console"),
            (Some("/console//evil.example.com"), "/console"),
            (Some("/\\evil.example.com"), "/console"),
            (Some("/console\\evil"), "/console"),
            (Some("https://evil.example.com"), "/console"),
            (Some("/v2/me"), "/console"),
            (Some("/consolex"), "/console"),
            (Some("/console/\r\nSet-Cookie: a=b"), "/console"),
            (Some("/console/ü"), "/console"),
        ] {
            assert_eq!(own_path(path), expected, "{path:?}");
        }
    }
}
