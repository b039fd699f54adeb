//! What the frame knows of a request, for pages that are served beside the API.

use crate::base_url::{PublicUrl, base};
use crate::client_address::ClientAddress;
use crate::frame::RequestId;
use http::{Extensions, HeaderMap};

/// Who asks, from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The client's address; empty if unknown.
    pub address: String,
    /// The request's id.
    pub request_id: String,
    /// Scheme and host that the client reaches this server under, such as `https://tenantry.example.com`; empty if unknown.
    pub origin: String,
}

impl Visitor {
    /// The visitor of a request that has passed the frame.
    pub fn of(headers: &HeaderMap, extensions: &Extensions, public_url: Option<&PublicUrl>) -> Self {
        let client = extensions.get::<ClientAddress>();
        let base = base(headers, client, public_url);
        // An origin has no path.
        let path = base.find("://").and_then(|at| base[at + 3..].find('/').map(|path| at + 3 + path));
        Visitor {
            address: client.map_or(String::new(), |client| client.ip.to_string()),
            request_id: extensions.get::<RequestId>().map_or(String::new(), |id| id.0.clone()),
            origin: base[..path.unwrap_or(base.len())].to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    #[test]
    fn the_origin_has_no_path() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("t.example.com:8080"));
        for (public_url, expected) in [
            (None, "http://t.example.com:8080"),
            (Some("https://example.com/tenantry"), "https://example.com"),
            (Some("https://example.com"), "https://example.com"),
        ] {
            let public_url = public_url.map(|url| url.parse::<PublicUrl>().unwrap());
            let visitor = Visitor::of(&headers, &Extensions::new(), public_url.as_ref());
            assert_eq!(visitor.origin, expected);
        }
        assert_eq!(Visitor::of(&HeaderMap::new(), &Extensions::new(), None).origin, "");
    }
}
