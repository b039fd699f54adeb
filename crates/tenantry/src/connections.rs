//! The connection loop: connections are bounded in number, in all and for one address; in the time that a request's head
//! may take to arrive and the bytes that it may have; in the time that a client may take nothing of an answer; and in patience at the end.

mod ending;
mod exchange;
mod pace;
mod places;
mod stream;
mod streams;
mod transport;

use crate::listen::{self, Connection, Listener};
use api::Frame;
use axum::Router;
use ending::Ending;
use exchange::{Exchange, Exchanging};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics::{counter, gauge};
use pace::Paces;
use places::{Place, Places};
use rustls::ServerConfig;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use stream::ClientStream;
use streams::{Streaming, Streams};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{sleep, timeout};
use transport::Transport;

/// File descriptors that are not connections: the database's, the log's, a margin.
const OTHER_FILES: u64 = 128;
const MAX_CONNECTIONS: u64 = 16_384;
const MIN_CONNECTIONS: u64 = 16;
/// Connections of the operators' own listener. They are beside all others, so that it answers when those are in use.
const OPERATIONS_CONNECTIONS: usize = 64;
/// How long to wait after `accept` failed, which it does while there are no file descriptors to be had.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of an answer that the system takes beyond those on their way. As few as this, what it takes shows that the client
/// reads; by default it takes megabytes, and a client that reads slowly would look like one that does not read.
const MAX_UNSENT: u32 = 64 * 1024;
/// Requests that one connection of HTTP/2 may have under way.
const MAX_STREAMS: u32 = 128;
/// Streams that a client may reset before the server has looked at them; beyond it the connection ends (CVE-2023-44487).
const MAX_EARLY_RESETS: usize = 32;
/// Bytes that a stream, and a connection, may send before the server has read them.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// At the end, how long handshakes that have begun may take until their connection can be accepted: a round trip of a slow network.
/// Less than the second after which clients repeat what the listener does not take any more.
const HANDSHAKE: Duration = Duration::from_millis(250);

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

/// What is served on listeners.
pub(crate) struct Service {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) frame: Frame<Router>,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// The operators' own, which stays reachable when all connections are in use.
    pub(crate) is_operations: bool,
}

/// What every connection of a listener has.
struct Shared {
    frame: Frame<Router>,
    tls: Option<Arc<ServerConfig>>,
    places: Arc<Places>,
    paces: Arc<Paces>,
    limits: Limits,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    /// Says that the server ends, which waits until all copies are gone.
    ending: watch::Receiver<()>,
}

/// Serve until `stop`; then let no new connection begin and finish what is under way, for `grace` at the longest.
pub(crate) async fn serve(
    services: Vec<Service>,
    limits: Limits,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let files = rlimit::increase_nofile_limit(MAX_CONNECTIONS + OTHER_FILES).unwrap_or(1024);
    let by_files = files.saturating_sub(OTHER_FILES).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS) as usize;
    let max = limits.connections.map_or(by_files, |wanted| wanted.min(by_files));
    gauge!("tenantry_connections_max").set(max as f64);
    // Each listener waits with a place in its hand.
    let waiting =
        services.iter().filter(|service| !service.is_operations).map(|service| service.listeners.len());
    let more = waiting.sum::<usize>().saturating_sub(1);
    let per_address = limits.per_address.unwrap_or(max.div_ceil(2));
    let places = Arc::new(Places::new(max + more, per_address, limits.trusted_proxies.clone()));
    let paces = Arc::new(Paces::default());
    let (end, ending) = watch::channel(());
    let mut accepting = tokio::task::JoinSet::new();
    for Service { listeners, frame, tls, is_operations } in services {
        let places = if is_operations {
            let max = OPERATIONS_CONNECTIONS;
            Arc::new(Places::new(max, max, limits.trusted_proxies.clone()))
        } else {
            Arc::clone(&places)
        };
        let shared = Arc::new(Shared::new(frame, tls, places, &paces, limits.clone(), ending.clone()));
        for listener in listeners {
            accepting.spawn(accept(listener, Arc::clone(&shared)));
        }
    }
    drop(ending);
    stop.await;
    let _ = end.send(());
    let ended = async {
        while accepting.join_next().await.is_some() {}
        end.closed().await;
    };
    if timeout(grace, ended).await.is_err() {
        tracing::warn!("some requests were still under way when the time to stop was over");
    }
}

/// Accept connections until the server ends, and then those that had begun.
async fn accept(mut listener: Listener, shared: Arc<Shared>) {
    let mut ending = shared.ending.clone();
    loop {
        let next = async {
            let place = shared.places.any().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            (place, accepted) = next => shared.begin(place, accepted).await,
            _ = ending.changed() => break,
        }
    }
    if !listener.refuse_new() {
        return;
    }
    let mut handshakes = pin!(sleep(HANDSHAKE));
    loop {
        // As before, and connections of clients that are idle end soon.
        let place = shared.places.any().await;
        tokio::select! {
            biased;
            accepted = listener.accept() => shared.begin(place, accepted).await,
            () = &mut handshakes => return,
        }
    }
}

impl Shared {
    fn new(
        frame: Frame<Router>,
        tls: Option<Arc<ServerConfig>>,
        places: Arc<Places>,
        paces: &Arc<Paces>,
        limits: Limits,
        ending: watch::Receiver<()>,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout);
        http1.max_buf_size(api::HEAD_LIMIT).max_header_size(api::HEAD_LIMIT);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2.timer(TokioTimer::new()).max_header_list_size(api::HEAD_LIMIT as u32);
        http2.max_concurrent_streams(MAX_STREAMS).max_pending_accept_reset_streams(MAX_EARLY_RESETS);
        http2.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
        http2.keep_alive_interval(limits.head_timeout).keep_alive_timeout(limits.head_timeout);
        let paces = Arc::clone(paces);
        Shared { frame, tls, places, paces, limits, http1, http2, ending }
    }

    /// Converse over what was accepted, if something was.
    async fn begin(
        self: &Arc<Self>,
        place: Option<OwnedSemaphorePermit>,
        accepted: io::Result<(Connection, SocketAddr)>,
    ) {
        let (connection, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                return sleep(ACCEPT_PAUSE).await;
            }
        };
        let place = match self.places.of_address(place, peer.ip()) {
            Ok(place) => place,
            Err(refused) => {
                // Before its handshake a client of TLS understands nothing.
                if self.tls.is_none() {
                    refused.answer(connection, &self.frame, Arc::clone(&self.paces));
                }
                return;
            }
        };
        if let Connection::Tcp(stream) = &connection {
            listen::configure(stream, MAX_UNSENT);
        }
        let shared = Arc::clone(self);
        tokio::spawn(async move { shared.converse(connection, peer, place).await });
    }

    /// A connection from its beginning to its end.
    async fn converse(&self, connection: Connection, peer: SocketAddr, place: Place) {
        let patience = self.limits.head_timeout;
        let mut ending = Ending::new(self.ending.clone());
        let opened = tokio::select! {
            biased;
            opened = timeout(patience, Transport::open(connection, self.tls.clone())) => opened,
            () = poll_fn(|cx| ending.poll_drained(cx)) => return,
        };
        let transport = match opened {
            Ok(Ok(transport)) => transport,
            Ok(Err(error)) => {
                counter!("tenantry_tls_handshakes_failed_total").increment(1);
                tracing::debug!(client = %peer.ip(), %error, "TLS handshake failed");
                return;
            }
            Err(_) => {
                counter!("tenantry_tls_handshakes_failed_total").increment(1);
                return;
            }
        };
        let frame = self.frame.for_peer(peer);
        let is_proxied = self.limits.trusted_proxies.contains(peer.ip());
        let exchange = Arc::new(Exchange::new(
            self.limits.write_timeout,
            frame.clone(),
            peer.ip(),
            is_proxied,
            Arc::clone(&self.paces),
        ));
        let mut stream = ClientStream::new(transport, place, Arc::clone(&exchange), ending);
        match timeout(patience, stream.begins_with_http2()).await {
            Ok(Ok(true)) => {
                if stream.begin_http2() {
                    // In a box, so that connections of HTTP/1 are smaller.
                    Box::pin(self.converse_in_http2(stream, frame, &exchange)).await;
                }
            }
            Ok(Ok(false)) => self.converse_in_http1(stream, frame, &exchange).await,
            Ok(Err(error)) => tracing::debug!(%error, "a connection ended early"),
            Err(_) => exchange.head_timed_out(),
        }
    }

    /// At the end of the server the stream ends between two requests, see [`Ending`].
    async fn converse_in_http1(&self, stream: ClientStream, frame: Frame<Router>, exchange: &Arc<Exchange>) {
        let service = TowerToHyperService::new(Exchanging::new(frame, Arc::clone(exchange)));
        // Its stream looks for what has been noted here when it is dropped.
        let mut connection = pin!(self.http1.serve_connection(TokioIo::new(stream), service));
        if let Err(error) = connection.as_mut().await {
            if error.is_timeout() {
                exchange.head_timed_out();
            }
            tracing::debug!(%error, "a connection ended early");
        }
    }

    /// A connection on which nothing happens for long is asked to end, and then ended. So is every one when the server ends: what
    /// the client sends before it knows is still answered (RFC 9113, section 6.8).
    async fn converse_in_http2(&self, stream: ClientStream, frame: Frame<Router>, exchange: &Arc<Exchange>) {
        let mut ending = self.ending.clone();
        let Limits { head_timeout, write_timeout, .. } = self.limits;
        let streams = Arc::new(Streams::default());
        let service =
            TowerToHyperService::new(Streaming::new(frame, Arc::clone(&streams), Arc::clone(exchange)));
        let mut connection = pin!(self.http2.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            _ = ending.changed() => {
                connection.as_mut().graceful_shutdown();
                Some(connection.as_mut().await)
            }
            () = streams.quiet(head_timeout, write_timeout) => {
                connection.as_mut().graceful_shutdown();
                timeout(write_timeout, connection.as_mut()).await.ok()
            }
        };
        if let Some(Err(error)) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}
