//! What `tenantry serve` is told about its network: where to listen, what stands in front of it, and how much one client
//! may have of it.

use crate::listen::Listen;
use api::{PublicUrl, TrustedProxies};
use clap::Args;
use http::HeaderValue;
use std::str::FromStr;

/// The network.
#[derive(Args, Clone)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Where to listen: HOST:PORT, such as `127.0.0.1:8080`, `localhost:8080` or `[::1]:8080`, `:8080` for every address, or
    /// `unix:PATH`. Repeat it, or separate several by commas. Port 0 takes a free one [default: the sockets that systemd
    /// hands over, else 127.0.0.1:8080]
    #[arg(long, env = "TENANTRY_LISTEN", value_name = "HOST:PORT", value_delimiter = ',')]
    pub(crate) listen: Vec<Listen>,
    /// Where `/metrics`, `/readyz` and `/healthz` are, likewise, without TLS. By default they are beside the API; with this,
    /// of the three only `/healthz` still is.
    #[arg(long, env = "TENANTRY_LISTEN_OPERATIONS", value_name = "HOST:PORT", value_delimiter = ',')]
    pub(crate) listen_operations: Vec<Listen>,
    /// Addresses and ranges of the proxies in front of the server, such as `10.0.0.0/8,fd00::/8`. Requests from them
    /// come from the client that their X-Forwarded-For or Forwarded header names. By default no such header counts.
    #[arg(
        long,
        env = "TENANTRY_TRUSTED_PROXIES",
        value_name = "RANGES",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) trusted_proxies: TrustedProxies,
    /// The URL that clients reach this server under, such as `https://tenantry.example.com`; links in answers start with
    /// it. By default they start with what a trusted proxy says, else with the request's Host.
    #[arg(long, env = "TENANTRY_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
    /// An origin whose pages may call the API from a browser, such as `https://console.example.com`; repeat it, or separate
    /// several by commas.
    #[arg(long, env = "TENANTRY_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) cors_origin: Vec<Origin>,
    /// How many seconds a request's head, and then its body, may take to arrive, and a connection may be idle.
    #[arg(long, env = "TENANTRY_REQUEST_TIMEOUT", value_name = "SECONDS", default_value = "15",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) request_timeout: u64,
    /// How many seconds a client may take nothing of an answer before its connection is closed.
    #[arg(long, env = "TENANTRY_WRITE_TIMEOUT", value_name = "SECONDS", default_value = "30",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) write_timeout: u64,
    /// How many connections may be open [default: as many as the process may have files, at most 16384].
    #[arg(long, env = "TENANTRY_MAX_CONNECTIONS", value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: Option<u32>,
    /// How many connections may be open from one address, or one IPv6 network (/64); trusted proxies may have all
    /// [default: half of --max-connections].
    #[arg(long, env = "TENANTRY_MAX_CONNECTIONS_PER_ADDRESS", value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_address: Option<u32>,
    /// How many MiB of memory the bodies of requests that are under way may take, and large heads. The first 16 KiB of a body and the
    /// first 8 KiB of a head are not counted.
    #[arg(long, env = "TENANTRY_MAX_REQUEST_MEMORY", value_name = "MIB", default_value = "64",
          value_parser = clap::value_parser!(u32).range(2..=65536))]
    pub(crate) max_request_memory: u32,
    /// How many MiB of it the clients of one address, or one IPv6 network (/64), may take.
    #[arg(long, env = "TENANTRY_MAX_REQUEST_MEMORY_PER_ADDRESS", value_name = "MIB", default_value = "16",
          value_parser = clap::value_parser!(u32).range(2..=65536))]
    pub(crate) max_request_memory_per_address: u32,
    /// How many seconds the server goes on after SIGTERM while `/readyz` answers 503, so that load balancers send no more
    /// requests before it closes its port.
    #[arg(long, env = "TENANTRY_SHUTDOWN_DELAY", value_name = "SECONDS", default_value = "0",
          value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub(crate) shutdown_delay: u64,
}

/// The origin of a page, as browsers write it (RFC 6454, section 6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(pub(crate) HeaderValue);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "an origin is a scheme and a host, such as https://console.example.com";
        match text.trim() {
            "*" => {
                return Err(format!(
                    "'*' would let every page on the web call the API; name each one: {example}"
                ));
            }
            "null" => {
                return Err(format!("'null' is the origin of any local file and sandboxed page: {example}"));
            }
            _ => {}
        }
        let uri: http::Uri = text.trim().parse().map_err(|_| example.to_owned())?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
        let (Some(scheme), Some(authority)) = (scheme, uri.authority()) else { return Err(example.into()) };
        if authority.as_str().contains(['@', '*']) || authority.host().is_empty() {
            return Err(example.into());
        }
        let port = authority
            .port_u16()
            .filter(|port| (scheme, *port) != ("http", 80) && (scheme, *port) != ("https", 443));
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let origin = format!("{scheme}://{}{port}", authority.host().to_ascii_lowercase());
        if origin != text.trim() {
            return Err(format!("browsers never send that; {example}: did you mean {origin}?"));
        }
        HeaderValue::from_str(&origin).map(Origin).map_err(|_| example.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_those_that_browsers_send() {
        for origin in [
            "https://console.example.com",
            "http://localhost:3000",
            "http://[::1]:8080",
            "https://xn--bcher-kva.example",
        ] {
            assert_eq!(origin.parse(), Ok(Origin(HeaderValue::from_static(origin))));
        }
        for (origin, part) in [
            ("*", "name each one"),
            ("null", "sandboxed"),
            ("not an origin", "such as"),
            ("", "such as"),
            ("console.example.com", "such as"),
            ("https://", "such as"),
            ("ftp://example.com", "such as"),
            ("file:///tmp/a", "such as"),
            ("https://user@example.com", "such as"),
            ("https://*.example.com", ""),
            ("https://example.com/", "did you mean https://example.com?"),
            ("https://example.com/console", "did you mean https://example.com?"),
            ("https://Example.COM", "did you mean https://example.com?"),
            ("https://example.com:443", "did you mean https://example.com?"),
            ("http://example.com:80", "did you mean http://example.com?"),
        ] {
            let refused = origin.parse::<Origin>().expect_err(origin);
            assert!(refused.contains(part), "{origin}: {refused}");
        }
    }
}
