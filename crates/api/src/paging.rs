//! The headers of a list.

use app::{Paging, Query};
use http::{HeaderMap, HeaderValue, header};

/// `Link` (RFC 8288), `X-Total` and `X-Per-Page`. What else was asked for goes along in the links; the caller's key is
/// no longer among it. `next` is the cursor of the next page, if there is one.
pub(crate) fn headers(
    url: &str,
    parameters: &Query,
    paging: Paging,
    total: i64,
    more: bool,
    next: Option<String>,
) -> HeaderMap {
    let last = ((total + paging.per_page - 1) / paging.per_page).max(1);
    let link = |relation: &str, page: i64, cursor: Option<String>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let kept =
            parameters.iter().filter(|(name, _)| !["page", "per_page", "cursor"].contains(&name.as_str()));
        query.extend_pairs(kept).append_pair("page", &page.to_string());
        query.append_pair("per_page", &paging.per_page.to_string());
        if let Some(cursor) = cursor {
            query.append_pair("cursor", &cursor);
        }
        format!("<{url}?{}>; rel=\"{relation}\"", query.finish())
    };
    let mut links = vec![link("first", 1, None)];
    if paging.page > 1 {
        links.push(link("prev", (paging.page - 1).min(last), None));
    }
    if more {
        links.push(link("next", paging.page + 1, next));
    }
    links.push(link("last", last, None));
    let mut headers = HeaderMap::new();
    if let Ok(link) = HeaderValue::from_str(&links.join(", ")) {
        headers.insert(header::LINK, link);
    }
    headers.insert("x-total", total.into());
    headers.insert("x-per-page", paging.per_page.into());
    headers
}
