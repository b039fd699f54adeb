//! Where a connection stands between its requests: what the stream has to know of what hyper and the service do.

use super::pace::{PAUSE, Paces};
use api::{Frame, network_of};
use app::Group;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::{Frame as BodyFrame, Incoming, SizeHint};
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;
use tower::Service;

/// Shared by a connection's stream and its service.
pub(super) struct Exchange {
    pub(super) write_timeout: Duration,
    pub(super) paces: Arc<Paces>,
    /// The connection's peer, as limits count it.
    pub(super) network: Group,
    service: Frame<Router>,
    /// A request has come to the service, and its answer has not been handed over to its end.
    answering: AtomicBool,
    /// Bytes have come since the last answer.
    head_begun: AtomicBool,
    /// And a line has ended among them.
    line_ended: AtomicBool,
    head_timed_out: AtomicBool,
    /// Whether the client is one of many behind a trusted proxy, which must not wait for each other.
    is_proxied: bool,
    /// Whom the last refusal for too much is counted against, and when it was.
    refused: Mutex<Option<(Group, Instant)>>,
    /// The next request meets it.
    has_refused: AtomicBool,
    /// Nothing of HTTP/1 is said on this connection.
    http2: AtomicBool,
}

impl Exchange {
    pub(super) fn new(
        write_timeout: Duration,
        service: Frame<Router>,
        peer: IpAddr,
        is_proxied: bool,
        paces: Arc<Paces>,
    ) -> Self {
        let no = || AtomicBool::new(false);
        Exchange {
            write_timeout,
            paces,
            network: Group::Network(network_of(peer)),
            service,
            answering: no(),
            head_begun: no(),
            line_ended: no(),
            head_timed_out: no(),
            is_proxied,
            has_refused: no(),
            refused: Mutex::default(),
            http2: no(),
        }
    }

    pub(super) fn begin_http2(&self) {
        self.http2.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed)
    }

    /// Whether the connection is one of HTTP/1 and waits for the next request.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_http2() && !self.is_answering() && !self.head_begun.load(Ordering::Relaxed)
    }

    pub(super) fn bytes_came(&self, bytes: &[u8]) {
        self.head_begun.store(true, Ordering::Relaxed);
        if !self.line_ended.load(Ordering::Relaxed) && bytes.contains(&b'\n') {
            self.line_ended.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn head_timed_out(&self) {
        self.head_timed_out.store(true, Ordering::Relaxed);
    }

    /// Whether the connection ends because a head that had begun was not there in time.
    pub(super) fn is_half_a_head(&self) -> bool {
        !self.is_http2()
            && self.head_timed_out.load(Ordering::Relaxed)
            && self.head_begun.load(Ordering::Relaxed)
    }

    /// The whole answer to something that is no request.
    pub(super) fn refusal(&self, status: StatusCode) -> Vec<u8> {
        // Of a head that is too large and still in its first line it is the URI.
        let in_first_line = !self.line_ended.load(Ordering::Relaxed);
        if status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE && in_first_line {
            return self.service.refusal(StatusCode::URI_TOO_LONG);
        }
        self.service.refusal(status)
    }

    /// The refusal for too much that the next request meets.
    pub(super) fn refusal_before(&self) -> Option<(Group, Instant)> {
        if !self.has_refused.load(Ordering::Relaxed) {
            return None;
        }
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next request waits for before it is looked at: nothing, unless the one before it was refused.
    fn pause(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let (group, at) = self.refusal_before()?;
        let waited = at.elapsed();
        // The streams of HTTP/2 come side by side: one that has waited does not speak for those behind it.
        if !self.is_http2() || waited >= 2 * PAUSE {
            self.has_refused.store(false, Ordering::Relaxed);
        }
        (waited < PAUSE || !self.paces.is_welcome()).then(|| self.paces.resume(group, at))
    }

    /// Has the service answer, behind the pause.
    pub(super) fn answer(
        &self,
        service: &mut Frame<Router>,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>> {
        match self.pause() {
            None => service.call(request),
            Some(pause) => {
                let mut service = service.clone();
                Box::pin(async move {
                    pause.await;
                    service.call(request).await
                })
            }
        }
    }

    pub(super) fn note(&self, response: &Response) {
        if response.status() == StatusCode::TOO_MANY_REQUESTS && !self.is_proxied {
            let group = response.extensions().get::<Group>().copied().unwrap_or(self.network);
            let refused = Some((group, Instant::now()));
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
            self.has_refused.store(true, Ordering::Relaxed);
        }
    }

    fn answered(&self) {
        self.head_begun.store(false, Ordering::Relaxed);
        self.line_ended.store(false, Ordering::Relaxed);
        self.answering.store(false, Ordering::Relaxed);
    }
}

/// A connection's service.
#[derive(Clone)]
pub(super) struct Exchanging {
    service: Frame<Router>,
    exchange: Arc<Exchange>,
}

impl Exchanging {
    pub(super) fn new(service: Frame<Router>, exchange: Arc<Exchange>) -> Self {
        Exchanging { service, exchange }
    }
}

impl Service<Request<Incoming>> for Exchanging {
    type Response = http::Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Answering {
        self.exchange.answering.store(true, Ordering::Relaxed);
        let exchange = Arc::clone(&self.exchange);
        Answering { response: exchange.answer(&mut self.service, request), exchange }
    }
}

/// An answer that is being made.
pub(super) struct Answering {
    response: Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>,
    exchange: Arc<Exchange>,
}

impl Future for Answering {
    type Output = Result<http::Response<AnswerBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match ready!(self.response.as_mut().poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let exchange = Arc::clone(&self.exchange);
        exchange.note(&response);
        Poll::Ready(Ok(response.map(|body| AnswerBody { body, exchange })))
    }
}

/// An answer's body. hyper drops it when it has taken all of it.
pub(super) struct AnswerBody {
    body: Body,
    exchange: Arc<Exchange>,
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.exchange.answered();
    }
}
