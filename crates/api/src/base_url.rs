//! The URL that clients reach this server under, for absolute links.

use crate::Shared;
use crate::client_address::{ClientAddress, parameter};
use axum::extract::{FromRequestParts, OriginalUri};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri, header};
use std::str::FromStr;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const MAX_PREFIX_LENGTH: usize = 255;

/// Scheme, host and path prefix that the operator has configured, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "such as https://tenantry.example.com or https://example.com/tenantry";
        let uri: Uri = text.parse().map_err(|_| format!("must be a URL {example}"))?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
        let (Some(scheme), Some(authority)) = (scheme, uri.authority()) else {
            return Err(format!("must start with https:// or http:// and name a host, {example}"));
        };
        if uri.query().is_some() || text.contains('#') || authority.as_str().contains('@') {
            return Err(format!("must have no user, query or fragment, {example}"));
        }
        let prefix = uri.path().trim_end_matches('/');
        if !is_prefix(prefix) {
            return Err(format!("must have a plain path, {example}"));
        }
        Ok(PublicUrl(format!("{scheme}://{authority}{prefix}")))
    }
}

/// The absolute URL of the list that a request asks for, without its query. Without a public URL it starts as the client
/// sees it: what a trusted proxy says, else `Host`. A request without either gets the path alone.
pub(crate) struct ListUrl(pub(crate) String);

impl FromRequestParts<Shared> for ListUrl {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Self::Rejection> {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let client = parts.extensions.get::<ClientAddress>();
        Ok(ListUrl(base(&parts.headers, client, shared.config.public_url.as_ref()) + uri.path()))
    }
}

/// Scheme, host and path prefix that a client reaches this server under; empty if the request does not tell.
pub(crate) fn base(
    headers: &HeaderMap,
    client: Option<&ClientAddress>,
    public_url: Option<&PublicUrl>,
) -> String {
    match public_url {
        Some(PublicUrl(url)) => url.clone(),
        None => {
            let proxied = client.is_some_and(|client| client.through_trusted_proxy);
            base_of(headers, proxied, client.is_some_and(|client| client.over_tls))
        }
    }
}

fn base_of(headers: &HeaderMap, proxied: bool, tls: bool) -> String {
    let forwarded = |header: &HeaderName, name: &str| {
        let first = |name: &HeaderName| {
            let value = headers.get(name).filter(|_| proxied)?.to_str().ok()?;
            value.split(',').next().map(str::trim)
        };
        first(header).or_else(|| parameter(first(&header::FORWARDED)?, name))
    };
    let host = |text: &str| text.parse::<Authority>().ok().filter(|host| !host.as_str().contains('@'));
    let own = || headers.get(header::HOST).and_then(|value| host(value.to_str().ok()?));
    let Some(host) = forwarded(&X_FORWARDED_HOST, "host").and_then(host).or_else(own) else {
        return String::new();
    };
    let forwarded = forwarded(&X_FORWARDED_PROTO, "proto");
    let https = forwarded.map_or(tls, |proto| proto.eq_ignore_ascii_case("https"));
    let prefix = headers.get(X_FORWARDED_PREFIX).filter(|_| proxied).and_then(|value| value.to_str().ok());
    let prefix = prefix.map(|prefix| prefix.trim().trim_end_matches('/')).filter(|prefix| is_prefix(prefix));
    format!("{}://{host}{}", if https { "https" } else { "http" }, prefix.unwrap_or_default())
}

/// An absolute path that cannot be taken for anything else: nothing to escape it, no second slash, no quotes or brackets.
fn is_prefix(prefix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte);
    prefix.is_empty()
        || prefix.len() <= MAX_PREFIX_LENGTH
            && prefix.starts_with('/')
            && !prefix.contains("//")
            && prefix.bytes().all(plain)
            && !prefix.split('/').any(|segment| [".", ".."].contains(&segment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn links_start_where_the_client_reaches_the_server() {
        const HOST: (&str, &str) = ("host", "tenantry.internal:8080");
        for (proxied, headers, expected) in [
            (false, &[HOST][..], "http://tenantry.internal:8080"),
            (false, &[("host", "[2001:db8::1]:8080")], "http://[2001:db8::1]:8080"),
            (false, &[("host", "[::1]")], "http://[::1]"),
            (false, &[("host", "203.0.113.9")], "http://203.0.113.9"),
            (false, &[], ""),
            (false, &[("host", "a>b")], ""),
            (false, &[("host", "user@example.com")], ""),
            (false, &[HOST, ("x-forwarded-proto", "https")], "http://tenantry.internal:8080"),
            (false, &[HOST, ("x-forwarded-host", "evil.example.com")], "http://tenantry.internal:8080"),
            (false, &[HOST, ("x-forwarded-prefix", "/evil")], "http://tenantry.internal:8080"),
            (false, &[HOST, ("forwarded", "host=evil.example.com")], "http://tenantry.internal:8080"),
            (true, &[HOST], "http://tenantry.internal:8080"),
            (true, &[HOST, ("x-forwarded-proto", "https")], "https://tenantry.internal:8080"),
            (true, &[HOST, ("x-forwarded-proto", "HTTPS, http")], "https://tenantry.internal:8080"),
            (true, &[HOST, ("x-forwarded-proto", "gopher")], "http://tenantry.internal:8080"),
            (true, &[HOST, ("x-forwarded-host", "api.example.com")], "http://api.example.com"),
            (true, &[HOST, ("x-forwarded-host", "[2001:db8::1]")], "http://[2001:db8::1]"),
            (true, &[HOST, ("x-forwarded-host", "a b")], "http://tenantry.internal:8080"),
            (true, &[HOST, ("x-forwarded-host", "api.example.com, b")], "http://api.example.com"),
            (true, &[HOST, ("x-forwarded-prefix", "/tenantry/")], "http://tenantry.internal:8080/tenantry"),
            (true, &[HOST, ("x-forwarded-prefix", "/")], "http://tenantry.internal:8080"),
            (true, &[HOST, ("x-forwarded-prefix", "//evil.example.com")], "http://tenantry.internal:8080"),
            (true, &[HOST, ("x-forwarded-prefix", "/a>; rel=\"x\"")], "http://tenantry.internal:8080"),
            (true, &[HOST, ("x-forwarded-prefix", "/a/../b")], "http://tenantry.internal:8080"),
            (
                true,
                &[
                    HOST,
                    ("forwarded", "for=203.0.113.9;proto=https;host=\"api.example.com:8443\", for=10.0.0.2"),
                ],
                "https://api.example.com:8443",
            ),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(base_of(&map, proxied, false), expected, "{headers:?}");
        }
    }

    #[test]
    fn public_urls_are_checked() {
        for (text, expected) in [
            ("https://tenantry.example.com", Some("https://tenantry.example.com")),
            ("https://tenantry.example.com/", Some("https://tenantry.example.com")),
            ("http://[2001:db8::1]:8080/a/b/", Some("http://[2001:db8::1]:8080/a/b")),
            ("tenantry.example.com", None),
            ("/tenantry", None),
            ("ftp://example.com", None),
            ("https://", None),
            ("https://user:secret@example.com", None),
            ("https://example.com/?a=b", None),
            ("https://example.com/#a", None),
            ("https://example.com/a//b", None),
            ("", None),
        ] {
            let parsed = text.parse::<PublicUrl>().ok();
            assert_eq!(parsed, expected.map(|url| PublicUrl(url.into())), "{text}");
        }
    }
}
