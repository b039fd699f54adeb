//! The address of the client: the peer of the connection or, behind proxies that the operator trusts, what those say.

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The part of an IPv6 address that names a network; one customer of a provider has all addresses in it.
const IPV6_NETWORK_BITS: u32 = 64;

/// The address of the client, in every request's extensions. The audit trail, the log and the limits use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// An IPv4 address is never written as an IPv6 one.
    pub ip: IpAddr,
    /// Whether the connection's peer is a trusted proxy, so that its other headers count too.
    pub through_trusted_proxy: bool,
    /// Whether the connection itself has TLS.
    pub over_tls: bool,
}

impl ClientAddress {
    /// What limits count by: an IPv4 address, or the /64 network of an IPv6 address.
    pub fn network(&self) -> IpAddr {
        network_of(self.ip)
    }
}

/// What limits count an address by: an IPv4 address itself, the /64 network of an IPv6 address.
pub fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let mask = u128::MAX << (128 - IPV6_NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    }
}

/// Ranges of addresses whose `X-Forwarded-…` and `Forwarded` headers are believed; by default none.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Addresses and ranges (CIDR), separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let ranges = text.split(',').map(str::trim).filter(|range| !range.is_empty());
        let ranges = ranges.map(|range| {
            let network = range.parse().or_else(|_| range.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                format!("{range:?} is neither an address nor a range such as 10.0.0.0/8 or fd00::/8")
            })
        });
        ranges.collect::<Result<_, _>>().map(TrustedProxies)
    }
}

impl TrustedProxies {
    /// Whether this address belongs to a trusted proxy.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|range| range.contains(&ip))
    }

    /// The client of a request from `peer`: the right-most address in the headers that no trusted proxy has. Each proxy
    /// adds the address that it was called from at the right, so what stands left of an untrusted or unreadable entry is
    /// whatever a client chose to send. `Forwarded` counts only without `X-Forwarded-For`.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientAddress {
        let mut client = ClientAddress {
            ip: peer.ip().to_canonical(),
            through_trusted_proxy: self.contains(peer.ip()),
            over_tls: false,
        };
        if !client.through_trusted_proxy {
            return client;
        }
        let entries = match values(headers, &X_FORWARDED_FOR) {
            entries if entries.is_empty() => values(headers, &header::FORWARDED),
            entries => entries,
        };
        let is_forwarded = !headers.contains_key(X_FORWARDED_FOR);
        for entry in entries.into_iter().rev() {
            let node = if is_forwarded { parameter(entry, "for") } else { Some(entry) };
            let Some(ip) = node.and_then(parse_node) else { break };
            client.ip = ip;
            if !self.contains(ip) {
                break;
            }
        }
        client
    }
}

/// The members of all headers of this name, in their order. A header that is no text is one member that says nothing.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .collect()
}

/// A parameter of an element of `Forwarded` (RFC 7239), without its quotes. Elements are split at every comma, quoted or
/// not: a quote that a client leaves open cannot swallow what the proxy adds behind it.
pub(crate) fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (this, value) = pair.split_once('=')?;
        this.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// `203.0.113.9`, `203.0.113.9:51008`, `2001:db8::9`, `[2001:db8::9]`, `[2001:db8::9]:51008`; `None` for anything else,
/// such as `unknown`.
fn parse_node(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    let ip = node
        .parse::<IpAddr>()
        .or_else(|_| node.parse::<SocketAddr>().map(|address| address.ip()))
        .or_else(|error| match node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(ip) => ip.parse::<Ipv6Addr>().map(IpAddr::V6),
            None => Err(error),
        });
    ip.ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client(trusted: &str, peer: &str, headers: &[(&'static str, &[u8])]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).expect("a legal header"));
        }
        let trusted: TrustedProxies = trusted.parse().expect("legal ranges");
        trusted.client(SocketAddr::new(peer.parse().expect("an address"), 4711), &map).ip.to_string()
    }

    #[test]
    fn the_right_most_untrusted_address_is_the_client() {
        const PROXIES: &str = "10.0.0.0/8, 192.0.2.7,fd00::/8";
        const XFF: &str = "x-forwarded-for";
        const FWD: &str = "forwarded";
        for (peer, headers, expected) in [
            // A peer that is not trusted says nothing about others.
            ("198.51.100.1", &[(XFF, &b"203.0.113.9"[..])][..], "198.51.100.1"),
            ("198.51.100.1", &[(FWD, b"for=203.0.113.9")], "198.51.100.1"),
            ("192.0.2.8", &[(XFF, b"203.0.113.9")], "192.0.2.8"),
            // A trusted one does.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, b"203.0.113.9")], "203.0.113.9"),
            ("192.0.2.7", &[(XFF, b"203.0.113.9")], "203.0.113.9"),
            ("::ffff:10.0.0.1", &[(XFF, b"203.0.113.9")], "203.0.113.9"),
            ("fd00::1", &[(XFF, b"2001:db8::9")], "2001:db8::9"),
            ("10.0.0.1", &[(XFF, b"203.0.113.9:51008")], "203.0.113.9"),
            ("10.0.0.1", &[(XFF, b"[2001:db8::9]:51008")], "2001:db8::9"),
            ("10.0.0.1", &[(XFF, b"[2001:db8::9]")], "2001:db8::9"),
            ("10.0.0.1", &[(XFF, b"::ffff:203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[(XFF, b"\"203.0.113.9\"")], "203.0.113.9"),
            // What a client writes stands at the left.
            ("10.0.0.1", &[(XFF, b"1.1.1.1, 203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[(XFF, b"1.1.1.1, 203.0.113.9 ,10.0.0.2,  10.0.0.3")], "203.0.113.9"),
            ("10.0.0.1", &[(XFF, b"1.1.1.1"), (XFF, b"203.0.113.9"), (XFF, b"10.0.0.2")], "203.0.113.9"),
            ("10.0.0.1", &[(XFF, b"10.0.0.9, 10.0.0.2")], "10.0.0.9"),
            // Behind what cannot be read nothing is believed.
            ("10.0.0.1", &[(XFF, b"unknown")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, b"203.0.113.9, unknown")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, b"203.0.113.9, , 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", &[(XFF, b"")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, b"203.0.113.9, \xff\xfe")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, b"203.0.113.999")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, b"203.0.113.9:99999")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, b"'; DROP TABLE users")], "10.0.0.1"),
            // Forwarded says the same, if it is alone.
            ("10.0.0.1", &[(FWD, b"for=203.0.113.9;proto=https;by=10.0.0.1")], "203.0.113.9"),
            ("10.0.0.1", &[(FWD, b"proto=https; For=\"203.0.113.9:51008\"")], "203.0.113.9"),
            ("10.0.0.1", &[(FWD, b"for=\"[2001:db8::9]:51008\"")], "2001:db8::9"),
            ("10.0.0.1", &[(FWD, b"for=1.1.1.1, for=203.0.113.9, for=10.0.0.2")], "203.0.113.9"),
            ("10.0.0.1", &[(FWD, b"for=1.1.1.1"), (FWD, b"for=203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[(FWD, b"for=\"1.1.1.1, for=203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[(FWD, b"for=\"\\\", for=\"203.0.113.9\"")], "203.0.113.9"),
            ("10.0.0.1", &[(FWD, b"for=203.0.113.9, for=_hidden")], "10.0.0.1"),
            ("10.0.0.1", &[(FWD, b"proto=https")], "10.0.0.1"),
            ("10.0.0.1", &[(FWD, b"for=1.1.1.1"), (XFF, b"203.0.113.9")], "203.0.113.9"),
        ] {
            assert_eq!(client(PROXIES, peer, headers), expected, "{peer} {headers:?}");
        }
        assert_eq!(client("", "10.0.0.1", &[(XFF, b"203.0.113.9")]), "10.0.0.1");
        assert_eq!(client("0.0.0.0/0,::/0", "10.0.0.1", &[(XFF, b"203.0.113.9")]), "203.0.113.9");
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        for text in ["10.0.0.0/33", "10.0.0", "proxy.example.com", "10.0.0.1:80", "fd00::/129", "*"] {
            let refused = text.parse::<TrustedProxies>().expect_err(text);
            assert!(refused.contains(text), "{refused}");
        }
        assert!("10.0.0.1, ,".parse::<TrustedProxies>().is_ok());
    }

    #[test]
    fn ipv6_addresses_are_counted_by_network() {
        for (ip, network) in [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            let ip = ip.parse().expect("an address");
            assert_eq!(
                ClientAddress { ip, through_trusted_proxy: false, over_tls: false }.network().to_string(),
                network
            );
        }
    }
}
