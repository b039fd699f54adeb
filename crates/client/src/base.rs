//! The URL that a server is reached under.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use std::fmt;
use std::str::FromStr;

/// The URL of a server: `https://tenantry.example.com`, or with a path in front of the API's own,
/// `https://example.com/tenantry`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at its end: `""` or `/tenantry`.
    prefix: String,
}

impl BaseUrl {
    /// Whether requests, and the key in them, cross a network unencrypted.
    pub fn is_in_clear(&self) -> bool {
        !self.is_encrypted() && !self.is_loopback()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Whether the server is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The URI of a path of the API: `/v2/me`, with or without a query.
    pub(crate) fn join(&self, path: &str) -> Result<Uri, http::Error> {
        let path: PathAndQuery = format!("{}{path}", self.prefix).parse()?;
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }

    /// The path of the API that a link of this server names, whatever host the link is for: a server behind a proxy may know
    /// itself under another name, and the key goes to no other host than it was given for.
    pub(crate) fn path_of(&self, link: &str) -> Option<String> {
        let uri: Uri = link.parse().ok()?;
        let path = uri.path_and_query()?.as_str();
        Some(path.strip_prefix(&self.prefix).filter(|rest| rest.starts_with('/')).unwrap_or(path).to_owned())
    }

    /// The `Host` of requests.
    pub(crate) fn host(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(self.authority.as_str()).ok()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = |why: &str| format!("{why}, such as https://tenantry.example.com");
        let uri: Uri = text.parse().map_err(|_| wrong("must be a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
        let (Some(scheme), Some(authority)) = (scheme, parts.authority) else {
            return Err(wrong("must start with https:// or http://"));
        };
        if authority.as_str().contains('@') {
            return Err(wrong("must have no user or password in it; the key is asked for"));
        }
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::as_str);
        if path.contains('?') || text.contains('#') {
            return Err(wrong("must end with its host or a path"));
        }
        Ok(BaseUrl { scheme, authority, prefix: path.trim_end_matches('/').to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_joined() {
        for (text, shown, joined) in [
            ("https://t.example.com", "https://t.example.com", "https://t.example.com/v2/me?a=1"),
            (" http://127.0.0.1:8080/ ", "http://127.0.0.1:8080", "http://127.0.0.1:8080/v2/me?a=1"),
            ("https://example.com/api/", "https://example.com/api", "https://example.com/api/v2/me?a=1"),
        ] {
            let base: BaseUrl = text.parse().expect(text);
            assert_eq!(base.to_string(), shown);
            assert_eq!(base.join("/v2/me?a=1").expect(text).to_string(), joined);
        }
        for text in [
            "",
            "t.example.com",
            "ftp://t.example.com",
            "https://a:b@t.example.com",
            "https://t.example.com/?api_key=1",
            "https://t.example.com/#a",
            "http://",
        ] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn links_lead_to_the_same_server() {
        let base: BaseUrl = "https://example.com/api".parse().expect("a URL");
        for (link, path) in [
            ("https://example.com/api/v2/customers?page=2", Some("/v2/customers?page=2")),
            ("http://10.0.0.1:8080/v2/customers?page=2", Some("/v2/customers?page=2")),
            ("https://elsewhere.example/apiary", Some("/apiary")),
            ("/v2/customers?page=2", Some("/v2/customers?page=2")),
            ("not a link", None),
        ] {
            assert_eq!(base.path_of(link).as_deref(), path, "{link}");
        }
    }

    #[test]
    fn only_plain_http_to_another_machine_is_in_clear() {
        for (url, in_clear) in [
            ("https://t.example.com", false),
            ("http://t.example.com", true),
            ("http://localhost:8080", false),
            ("http://127.0.0.1:8080", false),
            ("http://[::1]:8080", false),
            ("http://10.0.0.1", true),
        ] {
            assert_eq!(url.parse::<BaseUrl>().expect(url).is_in_clear(), in_clear, "{url}");
        }
    }
}
