//! Where a connection stands between its requests: what the stream has to know of what hyper and the service do.

use super::pace::{PAUSE, Paces};
use api::{Exhausted, Frame, NoRequest, Share, network_of};
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
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;
use tower::Service;

/// Bytes of a head that are not counted: hyper's buffer has them from the beginning. The number of connections bounds them.
const UNCOUNTED: usize = 8 * 1024;

/// No settings, and a GOAWAY frame that ends the connection before its first stream with the error ENHANCE_YOUR_CALM (RFC 9113,
/// sections 6.5, 6.8 and 7).
const ENHANCE_YOUR_CALM: [u8; 26] =
    [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];

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
    /// Bytes that have come of it.
    head_bytes: AtomicUsize,
    /// The memory of the connection's largest head. hyper's buffer does not shrink.
    memory: Mutex<Share>,
    no_memory: OnceLock<Exhausted>,
    /// There are too many connections of HTTP/2 for this one.
    too_many_http2: AtomicBool,
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
        let network = network_of(peer);
        let memory = service.request_memory().share((!is_proxied).then_some(network));
        Exchange {
            write_timeout,
            paces,
            network: Group::Network(network),
            service,
            answering: no(),
            head_begun: no(),
            line_ended: no(),
            head_timed_out: no(),
            head_bytes: AtomicUsize::new(0),
            memory: Mutex::new(memory),
            no_memory: OnceLock::new(),
            too_many_http2: no(),
            is_proxied,
            has_refused: no(),
            refused: Mutex::default(),
            http2: no(),
        }
    }

    pub(super) fn begin_http2(&self, may_begin: bool) {
        self.http2.store(true, Ordering::Relaxed);
        if !may_begin {
            self.too_many_http2.store(true, Ordering::Relaxed);
            self.note_refusal(self.network);
        }
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

    /// Takes note of what came; whether there is memory for it. What comes while a request is answered is its body, and counted there.
    pub(super) fn bytes_came(&self, bytes: &[u8]) -> bool {
        if self.is_http2() {
            return true;
        }
        self.head_begun.store(true, Ordering::Relaxed);
        if !self.line_ended.load(Ordering::Relaxed) && bytes.contains(&b'\n') {
            self.line_ended.store(true, Ordering::Relaxed);
        }
        if self.is_answering() {
            return true;
        }
        let head = self.head_bytes.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        if head <= UNCOUNTED {
            return true;
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(exhausted) = memory.grow_to(head - UNCOUNTED) else { return true };
        let _ = self.no_memory.set(exhausted); // the first one is said
        self.note_refusal(self.network);
        false
    }

    pub(super) fn head_timed_out(&self) {
        self.head_timed_out.store(true, Ordering::Relaxed);
    }

    /// What is said last where the connection ends before its first request, or in the midst of a head.
    pub(super) fn last_refusal(&self) -> Option<Vec<u8>> {
        if self.too_many_http2.load(Ordering::Relaxed) {
            return Some(ENHANCE_YOUR_CALM.to_vec());
        }
        let timed_out = || self.head_timed_out.load(Ordering::Relaxed);
        let half = !self.is_http2() && self.head_begun.load(Ordering::Relaxed) && timed_out();
        let no_memory = self.no_memory.get().map(|exhausted| NoRequest::NoMemory(*exhausted));
        let cause = no_memory.or_else(|| half.then_some(NoRequest::HeadTimedOut))?;
        Some(self.service.refusal(cause))
    }

    /// The whole answer in place of hyper's own, which has this status.
    pub(super) fn refusal(&self, status: StatusCode) -> Vec<u8> {
        self.service.refusal(match status {
            // Of a head that is too large and still in its first line it is the URI.
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if self.line_ended.load(Ordering::Relaxed) => {
                NoRequest::HeadTooLarge
            }
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => NoRequest::UriTooLong,
            _ => NoRequest::Malformed,
        })
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
            self.note_refusal(group);
        }
    }

    fn note_refusal(&self, group: Group) {
        let refused = Some((group, Instant::now()));
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        self.has_refused.store(true, Ordering::Relaxed);
    }

    fn answered(&self) {
        self.head_begun.store(false, Ordering::Relaxed);
        self.line_ended.store(false, Ordering::Relaxed);
        self.head_bytes.store(0, Ordering::Relaxed);
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
