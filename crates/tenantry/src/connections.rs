//! The connection loop: bounded in number, in time to send a request's head, and in patience at the end.

use crate::lingering::Lingering;
use api::Frame;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Files that are not connections: the database's, the log, a margin.
const OTHER_FILES: u64 = 128;
const MOST_CONNECTIONS: u64 = 16_384;
/// What a connection buffers: heads up to it are read, and none of twice its size, however its bytes arrive.
const MOST_HEAD: usize = 128 * 1024;
/// How long to wait after `accept` failed, which it does while there are no file descriptors to be had.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serve until `stop`; then accept nothing more and finish what is under way, for `grace` at the longest.
pub(crate) async fn serve(
    listener: TcpListener,
    service: Frame<Router>,
    head_timeout: Duration,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let files = rlimit::increase_nofile_limit(MOST_CONNECTIONS + OTHER_FILES).unwrap_or(1024);
    let most = files.saturating_sub(OTHER_FILES).clamp(16, MOST_CONNECTIONS) as usize;
    let places = Arc::new(Semaphore::new(most));
    let open = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(MOST_HEAD);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
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
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn Nagle's algorithm off");
        }
        let stream = TokioIo::new(Lingering::new(stream, place.ok()));
        let connection = http.serve_connection(stream, TowerToHyperService::new(service.for_peer(peer)));
        let connection = open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, open.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way when the time to stop was over");
    }
}
