//! What the platform may connect to, where an operator or a partner says the address.
//!
//! Names are resolved here, every address is looked at, and the connection goes to the very address that was looked
//! at: a name that means something else a moment later changes nothing. Addresses written as numbers, in whatever
//! form the system's resolver takes, go the same way.

use futures_util::future::BoxFuture;
use ipnet::IpNet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpStream;

/// Where operators name what is allowed; it is handed to [`Egress::parse`].
const SETTING: &str = "TENANTRY_ALLOW_EGRESS";
/// The longest a connection to one address may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The most addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Ranges that are nobody's on the Internet (IANA's special-purpose registries), and Azure's own host agent, which
/// has a public address inside every Azure network.
static REFUSED: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let ranges = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 \
        192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 \
        224.0.0.0/4 240.0.0.0/4 2001::/23 2001:db8::/32 2002::/16 3fff::/20";
    ranges.split_whitespace().map(|range| range.parse().expect("a range of the table")).collect()
});
/// All of IPv6 that is anybody's on the Internet.
static GLOBAL_V6: LazyLock<IpNet> = LazyLock::new(|| "2000::/3".parse().expect("a range"));
/// IPv4 behind a translator (RFC 6052).
static NAT64: LazyLock<IpNet> = LazyLock::new(|| "64:ff9b::/96".parse().expect("a range"));

type Resolve = dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// The guard: public addresses over TLS, and what is allowed by name.
#[derive(Clone)]
pub struct Egress {
    allowed: Arc<[IpNet]>,
    resolve: Arc<Resolve>,
}

/// Why the guard let nobody through; found in the sources of the error of a request.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Egress {
    /// A guard that allows these ranges beside what is public. Only to them is a connection without TLS made.
    pub fn new(allowed: impl Into<Arc<[IpNet]>>) -> Self {
        let resolve = |host: String, port| -> BoxFuture<'static, _> {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
        };
        Egress { allowed: allowed.into(), resolve: Arc::new(resolve) }
    }

    /// Reads the list of allowed ranges: `127.0.0.0/8, 10.1.2.3, fd00::/8`.
    ///
    /// # Errors
    /// Says what is no range.
    pub fn parse(list: &str) -> Result<Self, String> {
        let ranges = list.split([',', ' ']).map(str::trim).filter(|range| !range.is_empty());
        let allowed: Result<Vec<IpNet>, String> = ranges
            .map(|range| {
                let address = range.parse::<IpAddr>().map(IpNet::from);
                address.or_else(|_| range.parse()).map_err(|_| {
                    format!("{range:?} is neither an address nor a range of addresses such as 10.0.0.0/8")
                })
            })
            .collect();
        Ok(Egress::new(allowed?))
    }

    /// Whether this address may be connected to.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.names(address) {
            return true;
        }
        match address {
            IpAddr::V6(v6) if NAT64.contains(&address) => {
                let [.., a, b, c, d] = v6.octets();
                self.permits(IpAddr::from([a, b, c, d]))
            }
            IpAddr::V6(_) if !GLOBAL_V6.contains(&address) => false,
            _ => !REFUSED.iter().any(|range| range.contains(&address)),
        }
    }

    /// Whether this address is allowed by name.
    fn names(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|range| range.contains(&address.to_canonical()))
    }

    /// Connects to a host, a name or an address, whose every address is looked at first. Without `tls` only to what
    /// is allowed by name.
    ///
    /// # Errors
    /// [`Refused`], as the inner error, or why no address answered.
    pub async fn connect(&self, host: &str, port: u16, tls: bool) -> io::Result<TcpStream> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found = (self.resolve)(host.to_owned(), port).await?;
        let Some(first) = found.first() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")));
        };
        let may =
            |address: &&SocketAddr| if tls { self.permits(address.ip()) } else { self.names(address.ip()) };
        let mut last = if found.iter().any(|address| self.permits(address.ip())) && !tls {
            refused(format!(
                "{host} would be reached without TLS: use https, or allow {} by name",
                first.ip()
            ))
        } else {
            let ip = first.ip();
            // A host that is an address needs no "127.0.0.1 is 127.0.0.1".
            let which = if host.trim_matches(['[', ']']).parse() == Ok(ip) {
                String::new()
            } else {
                format!("{ip}, which is ")
            };
            refused(format!(
                "{host} is {which}not on the public Internet; if that is meant, allow it by name ({SETTING})"
            ))
        };
        for address in found.iter().filter(may).take(MOST_ADDRESSES) {
            last = match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Ok(Err(error)) => io::Error::new(error.kind(), format!("{address}: {error}")),
                Err(_) => io::Error::new(io::ErrorKind::TimedOut, format!("{address} does not answer")),
            };
        }
        Err(last)
    }
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, Refused(why))
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn public_addresses_and_no_others() {
        let egress = Egress::parse("").unwrap();
        for (permitted, addresses) in [
            (
                true,
                "20.190.128.1 8.8.8.8 1.1.1.1 172.15.0.1 172.32.0.1 2603:1030:b::1 2a00:1450::1 64:ff9b::808:808",
            ),
            (
                false,
                "127.0.0.1 127.255.255.254 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1",
            ),
            (
                false,
                "169.254.169.254 168.63.129.16 192.0.0.1 198.18.0.1 224.0.0.1 255.255.255.255 203.0.113.9",
            ),
            (
                false,
                ":: ::1 fe80::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 2001::1 2002:7f00:1:: 100::1 fec0::1",
            ),
            (
                false,
                "::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:a00:1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe ::7f00:1",
            ),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(egress.permits(address.parse().unwrap()), permitted, "{address}");
            }
        }
    }

    #[test]
    fn allowed_by_name() {
        let egress = Egress::parse("127.0.0.0/8, 10.1.2.3,fd00::/8").unwrap();
        for (address, permitted) in [
            ("127.9.9.9", true),
            ("::ffff:127.0.0.1", true),
            ("64:ff9b::7f00:1", true),
            ("10.1.2.3", true),
            ("10.1.2.4", false),
            ("fd00::1", true),
            ("::1", false),
        ] {
            assert_eq!(egress.permits(address.parse().unwrap()), permitted, "{address}");
        }
        for list in ["10.0.0.0/33", "localhost", "10.0.0.0/8;127.0.0.1"] {
            assert!(Egress::parse(list).unwrap_err().contains("neither an address nor a range"), "{list}");
        }
    }

    async fn refusal(egress: &Egress, host: &str, tls: bool) -> String {
        let error = egress.connect(host, 443, tls).await.unwrap_err();
        let refused = error.get_ref().and_then(|inner| inner.downcast_ref::<Refused>());
        refused.unwrap_or_else(|| panic!("{host}: {error}")).to_string()
    }

    #[tokio::test]
    async fn addresses_written_as_numbers_are_looked_at_too() {
        let egress = Egress::parse("").unwrap();
        for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "localhost"] {
            assert!(refusal(&egress, host, true).await.contains("not on the public Internet"), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_that_changes_its_meaning_gains_nothing() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let allowed = listener.local_addr().unwrap();
        let inside = "127.0.0.2:1".parse().unwrap();
        let mut egress = Egress::parse("127.0.0.1").unwrap();
        let asked = AtomicUsize::new(0);
        egress.resolve = Arc::new(move |_, _| {
            let meanings = [vec![inside, allowed], vec![inside]];
            let now = meanings[asked.fetch_add(1, Ordering::SeqCst).min(1)].clone();
            Box::pin(async move { Ok(now) })
        });
        // Of several addresses only those are tried that may be.
        let stream = egress.connect("rebound.example", 443, true).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), allowed);
        assert!(refusal(&egress, "rebound.example", true).await.contains("127.0.0.2"));
    }

    #[tokio::test]
    async fn without_tls_only_to_what_is_allowed_by_name() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inside = listener.local_addr().unwrap();
        assert!(Egress::parse("127.0.0.1").unwrap().connect("127.0.0.1", inside.port(), false).await.is_ok());
        let public = refusal(&Egress::parse("127.0.0.1").unwrap(), "8.8.8.8", false).await;
        assert!(public.contains("without TLS"), "{public}");
    }

    #[tokio::test]
    async fn a_host_without_an_address() {
        let mut egress = Egress::parse("").unwrap();
        egress.resolve = Arc::new(|_, _| Box::pin(async { Ok(Vec::new()) }));
        assert!(
            egress
                .connect("nowhere.example", 443, true)
                .await
                .unwrap_err()
                .to_string()
                .contains("no address")
        );
    }
}
