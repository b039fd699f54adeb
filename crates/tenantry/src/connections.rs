//! The connection loop: connections are bounded in number, in all and for one address; in the time that a request's head
//! may take to arrive and the bytes that it may have; in the time that a client may take nothing of an answer; and in patience at the end.

mod exchange;
mod places;
mod stream;

use api::Frame;
use axum::Router;
use exchange::{Exchange, Exchanging};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use places::Places;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use stream::ClientStream;
use tokio::net::TcpListener;

/// File descriptors that are not connections: the database's, the log's, a margin.
const OTHER_FILES: u64 = 128;
const MAX_CONNECTIONS: u64 = 16_384;
const MIN_CONNECTIONS: u64 = 16;
/// How long to wait after `accept` failed, which it does while there are no file descriptors to be had.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of an answer that the system takes beyond those on their way. As few as this, what it takes shows that the client
/// reads; by default it takes megabytes, and a client that reads slowly would look like one that does not read.
const MAX_UNSENT: u32 = 64 * 1024;

/// What connections are bounded by.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Open connections; by default as many as the process may have files.
    pub(crate) connections: Option<usize>,
    /// Open connections of one address, or one IPv6 network (/64); by default half of all.
    pub(crate) per_address: Option<usize>,
    /// How long a request's head may take, and how long a connection may be idle between two requests.
    pub(crate) head_timeout: Duration,
    /// How long a client may take nothing of what it is being sent.
    pub(crate) write_timeout: Duration,
    /// Addresses that the bound per address does not hold for.
    pub(crate) trusted_proxies: api::TrustedProxies,
}

/// Serve until `stop`; then accept nothing more and finish what is under way, for `grace` at the longest.
pub(crate) async fn serve(
    listener: TcpListener,
    service: Frame<Router>,
    limits: Limits,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let files = rlimit::increase_nofile_limit(MAX_CONNECTIONS + OTHER_FILES).unwrap_or(1024);
    let by_files = files.saturating_sub(OTHER_FILES).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS) as usize;
    let max = limits.connections.map_or(by_files, |wanted| wanted.min(by_files));
    let places =
        Places::new(max, limits.per_address.unwrap_or(max.div_ceil(2)), limits.trusted_proxies.clone());
    let open = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout);
    http.max_buf_size(api::HEAD_LIMIT).max_header_size(api::HEAD_LIMIT);
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            let place = places.any().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! { accepted = accepted => accepted, () = &mut stop => break };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = match places.of_address(place, peer.ip()) {
            Ok(place) => place,
            Err(refused) => {
                refused.answer(stream, &service);
                continue;
            }
        };
        configure(&stream);
        let service = service.for_peer(peer);
        let is_proxied = limits.trusted_proxies.contains(peer.ip());
        let exchange = Arc::new(Exchange::new(limits.write_timeout, service.clone(), is_proxied));
        let stream = TokioIo::new(ClientStream::new(stream, place, Arc::clone(&exchange)));
        let service = TowerToHyperService::new(Exchanging::new(service, Arc::clone(&exchange)));
        let connection = open.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            if let Err(error) = connection.as_mut().await {
                if error.is_timeout() {
                    exchange.head_timed_out();
                }
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, open.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way when the time to stop was over");
    }
}

fn configure(stream: &tokio::net::TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn Nagle's algorithm off");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(MAX_UNSENT) {
        tracing::debug!(%error, "cannot bound unsent bytes");
    }
}
