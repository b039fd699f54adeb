//! Where the server listens: addresses and names, unix sockets, and sockets that systemd hands over.

use anyhow::Context;
#[cfg(target_os = "linux")]
use socket2::SockFilter;
use socket2::SockRef;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream, lookup_host};

/// Sockets that systemd has handed over (`LISTEN_FDS`), until a server takes them.
static HANDED_OVER: Mutex<Vec<Handed>> = Mutex::new(Vec::new());
/// Who may connect to a unix socket: its user and its group, such as that of a proxy.
const UNIX_MODE: u32 = 0o660;
/// Connections that the system keeps until they are accepted; it takes no more than its own bound (`net.core.somaxconn`). A
/// client whose connection finds no place there tries again only after a second.
const BACKLOG: u32 = 4096;
/// Address that a connection over a unix socket counts as: it comes from this machine.
const THIS_MACHINE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A filter of packets (classic BPF) that drops a SYN which is no answer, the beginning of a connection (RFC 9293, section 3.5),
/// and takes everything else. The client repeats it after a second, and meets the next server or is refused.
#[cfg(target_os = "linux")]
const WITHOUT_SYN: [SockFilter; 5] = {
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    [
        SockFilter::new(0x30, 0, 0, FLAGS_OFFSET), // load this byte of TCP's header
        SockFilter::new(0x54, 0, 0, SYN | ACK),    // keep these bits
        SockFilter::new(0x15, 0, 1, SYN),          // unless it is SYN alone, skip one instruction
        SockFilter::new(0x06, 0, 0, 0),            // drop the packet
        SockFilter::new(0x06, 0, 0, u32::MAX),     // take all of it
    ]
};

enum Handed {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// Take over what systemd has opened. Called before there are threads, because it clears variables of the environment.
pub(crate) fn take_handed_over() {
    let mut sockets = listenfd::ListenFd::from_env();
    let mut handed = HANDED_OVER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for at in 0..sockets.len() {
        if let Ok(Some(listener)) = sockets.take_tcp_listener(at) {
            handed.push(Handed::Tcp(listener));
        } else if let Ok(Some(listener)) = sockets.take_unix_listener(at) {
            handed.push(Handed::Unix(listener));
        }
    }
}

/// Something to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// A host, empty for every address, and a port.
    Tcp { host: String, port: u16 },
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("must name the path of the socket, such as unix:/run/tenantry/api.sock".to_owned()),
                path => Ok(Listen::Unix(path.into())),
            };
        }
        let example =
            "such as 127.0.0.1:8080, localhost:8080, [::1]:8080, :8080 or unix:/run/tenantry/api.sock";
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("must be HOST:PORT, {example}"))?;
        let port = port.parse().map_err(|_| format!("must end with a port from 0 to 65535, {example}"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.is_none() && host.contains([':', '[', ']']) {
            return Err(format!("must have an IPv6 address in brackets, {example}"));
        }
        Ok(Listen::Tcp { host: bare.unwrap_or(host).to_owned(), port })
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Listen::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Listen::Tcp { host, port } => write!(f, "{host}:{port}"),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What is listened on.
pub(crate) enum Listener {
    Tcp {
        listener: TcpListener,
        /// Whether systemd holds it too, and gives it to the next server.
        is_handed_over: bool,
    },
    Unix {
        listener: UnixListener,
        /// Removed in the end, unless systemd made it.
        path: Option<PathBuf>,
    },
}

/// A client's connection.
pub(crate) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Everything that is listened on: what systemd handed over, and what is named. What is named and was handed over is one
/// socket. Where systemd hands something over, `fallback` does not count.
pub(crate) async fn bind(named: &[Listen], fallback: &Listen) -> anyhow::Result<Vec<Listener>> {
    let handed = std::mem::take(&mut *HANDED_OVER.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let mut listeners: Vec<Listener> =
        handed.into_iter().map(adopt).collect::<io::Result<_>>().context("cannot use a socket of systemd")?;
    if named.is_empty() && listeners.is_empty() {
        listeners.push(fallback.bind().await?);
    }
    for listen in named {
        if !listeners.iter().any(|listener| listener.is_at(listen)) {
            listeners.push(listen.bind().await?);
        }
    }
    Ok(listeners)
}

fn adopt(handed: Handed) -> io::Result<Listener> {
    match handed {
        Handed::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            Ok(Listener::Tcp { listener: TcpListener::from_std(listener)?, is_handed_over: true })
        }
        Handed::Unix(listener) => {
            listener.set_nonblocking(true)?;
            Ok(Listener::Unix { listener: UnixListener::from_std(listener)?, path: None })
        }
    }
}

impl Listen {
    /// Listen there.
    pub(crate) async fn bind(&self) -> anyhow::Result<Listener> {
        let bound = match self {
            Listen::Tcp { host, port } => {
                bind_tcp(host, *port).await.map(|listener| Listener::Tcp { listener, is_handed_over: false })
            }
            Listen::Unix(path) => bind_unix(path).await,
        };
        let why = |error: &io::Error| {
            match (error.kind(), self) {
            (io::ErrorKind::AddrInUse, _) => {
                "another program listens there; stop it, or choose another address with --listen".to_owned()
            }
            (io::ErrorKind::PermissionDenied, Listen::Tcp { port, .. }) if *port < 1024 => {
                "ports below 1024 need the capability CAP_NET_BIND_SERVICE; have systemd open it (tenantry.socket), or \
                 choose another address with --listen"
                    .to_owned()
            }
            _ => "choose another address with --listen".to_owned(),
        }
        };
        bound.map_err(|error| {
            if let (Listen::Unix(path), true) = (self, error.kind() != io::ErrorKind::AddrInUse) {
                return anyhow::anyhow!(store::describe_path_error("cannot make the socket", path, &error));
            }
            let why = why(&error);
            anyhow::Error::from(error).context(format!("cannot listen on {self} ({why})"))
        })
    }
}

/// The first of the host's addresses that can be listened on.
async fn bind_tcp(host: &str, port: u16) -> io::Result<TcpListener> {
    if host.is_empty() {
        // IPv6's unspecified address takes IPv4 too, where there is IPv6.
        return match listen_at((Ipv6Addr::UNSPECIFIED, port).into()) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                listen_at((Ipv4Addr::UNSPECIFIED, port).into())
            }
            bound => bound,
        };
    }
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?; // as the library does: a restart takes the port over at once
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A socket that a killed server left behind is replaced; one that answers is not.
async fn bind_unix(path: &Path) -> io::Result<Listener> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket());
    if is_socket {
        if UnixStream::connect(path).await.is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(UNIX_MODE))?;
    Ok(Listener::Unix { listener, path: Some(path.to_owned()) })
}

impl Listener {
    /// The next connection, and the address that it counts as.
    pub(crate) async fn accept(&self) -> io::Result<(Connection, SocketAddr)> {
        match self {
            Listener::Tcp { listener, .. } => {
                let (stream, peer) = listener.accept().await?;
                Ok((Connection::Tcp(stream), peer))
            }
            Listener::Unix { listener, .. } => {
                Ok((Connection::Unix(listener.accept().await?.0), THIS_MACHINE))
            }
        }
    }

    fn is_at(&self, listen: &Listen) -> bool {
        match (self, listen) {
            (Listener::Tcp { listener, .. }, Listen::Tcp { host, port }) => {
                listener.local_addr().is_ok_and(|at| {
                    let is_host = match host.parse::<IpAddr>() {
                        Ok(ip) => ip == at.ip(),
                        Err(_) => host.is_empty() && at.ip().is_unspecified(),
                    };
                    is_host && at.port() == *port
                })
            }
            (Listener::Unix { listener, .. }, Listen::Unix(path)) => {
                listener.local_addr().is_ok_and(|at| at.as_pathname() == Some(path))
            }
            _ => false,
        }
    }

    /// Whether its connections come over a network, so that they can have TLS.
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self, Listener::Tcp { .. })
    }

    /// Let no new connection begin, so that the queue of those that have begun can be emptied: the system resets what is in it
    /// when the listener is closed. `false` where the queue is left to the next server, for systemd holds the socket.
    pub(crate) fn refuse_new(&mut self) -> bool {
        match self {
            Listener::Tcp { is_handed_over: true, .. } | Listener::Unix { path: None, .. } => false,
            Listener::Tcp { listener, .. } => {
                #[cfg(target_os = "linux")]
                if let Err(error) = SockRef::from(&*listener).attach_filter(&WITHOUT_SYN) {
                    tracing::debug!(%error, "new connections cannot be kept from beginning");
                }
                true
            }
            Listener::Unix { path, .. } => {
                if let Some(path) = path.take() {
                    let _ = std::fs::remove_file(path); // it may have been removed by hand
                }
                true
            }
        }
    }

    /// Where it is, as a URL without its scheme says it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Listener::Tcp { listener, .. } => listener.local_addr().map_or("?".into(), |at| at.to_string()),
            Listener::Unix { listener, .. } => {
                let at = listener.local_addr().ok();
                let path = at.as_ref().and_then(|at| at.as_pathname());
                path.map_or("unix:?".into(), |path| format!("unix:{}", path.display()))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix { path: Some(path), .. } = self {
            let _ = std::fs::remove_file(path); // another server may have replaced it
        }
    }
}

/// Bound what the system takes of an answer beyond what is on its way.
pub(crate) fn configure(stream: &TcpStream, max_unsent: u32) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn Nagle's algorithm off");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(max_unsent) {
        tracing::debug!(%error, "cannot bound unsent bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_listen_are_read() {
        for (text, host, port) in [
            ("127.0.0.1:8080", "127.0.0.1", 8080),
            ("localhost:8080", "localhost", 8080),
            (":8080", "", 8080),
            ("[::1]:0", "::1", 0),
            ("[::]:8080", "::", 8080),
        ] {
            let listen: Listen = text.parse().expect(text);
            assert_eq!(listen, Listen::Tcp { host: host.into(), port });
            assert_eq!(listen.to_string(), text);
        }
        let unix = "unix:/run/tenantry/api.sock";
        assert_eq!(unix.parse::<Listen>().map(|listen| listen.to_string()), Ok(unix.to_owned()));
        for text in [
            "here",
            "localhost",
            "8080",
            "localhost:",
            "localhost:http",
            "localhost:65536",
            "::1:8080",
            "[::1:80",
            "unix:",
        ] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
