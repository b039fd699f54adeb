//! The end of the server, as a connection of HTTP/1 meets it. An answer can say that it is the last, a connection that waits for a
//! request cannot: closing it at once would lose the request that is on its way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long an idle connection is kept for a request that may be on its way. The answer to it says that it is the last.
const DRAIN: Duration = Duration::from_secs(1);

/// A connection's wait for the end. The server ends after the last of these.
pub(super) struct Ending {
    server: watch::Receiver<()>,
    drained: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_over: bool,
}

impl Ending {
    pub(super) fn new(server: watch::Receiver<()>) -> Self {
        Ending { server, drained: None, is_over: false }
    }

    /// Until a connection may be closed that is idle. Its time begins when it is first idle after the server was told to end.
    pub(super) fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_over {
            let server = &self.server;
            let drained = self.drained.get_or_insert_with(|| {
                let mut server = server.clone();
                Box::pin(async move {
                    let _ = server.changed().await;
                    sleep(DRAIN).await;
                })
            });
            ready!(drained.as_mut().poll(cx));
            self.is_over = true;
        }
        Poll::Ready(())
    }
}
