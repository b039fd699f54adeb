//! The streams of a connection of HTTP/2: what is under way on it, and how long nothing has happened.

use super::exchange::Exchange;
use api::Frame;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use hyper::body::{Frame as BodyFrame, Incoming, SizeHint};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tower::Service;

/// Shared by a connection and its streams.
#[derive(Default)]
pub(super) struct Streams {
    /// Requests that wait for their answer.
    answering: AtomicUsize,
    /// Answers that are being sent.
    sending: AtomicUsize,
    /// When something happened last, in milliseconds since the connection began.
    progress_ms: AtomicU64,
    began: OnceLock<Instant>,
}

impl Streams {
    fn now_ms(&self) -> u64 {
        self.began.get_or_init(Instant::now).elapsed().as_millis() as u64
    }

    fn progress(&self) {
        self.progress_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Until nothing has been under way for `idle`, or nothing was taken of an answer for `stalled`.
    pub(super) async fn quiet(&self, idle: Duration, stalled: Duration) {
        loop {
            let since = self.now_ms().saturating_sub(self.progress_ms.load(Ordering::Relaxed));
            let limit = if self.sending.load(Ordering::Relaxed) > 0 { stalled } else { idle };
            let left = limit.saturating_sub(Duration::from_millis(since));
            if self.answering.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(idle).await;
            } else if left.is_zero() {
                return;
            } else {
                tokio::time::sleep(left).await;
            }
        }
    }
}

/// Counts something while it is under way.
struct Counted(Arc<Streams>, fn(&Streams) -> &AtomicUsize);

impl Counted {
    fn new(streams: &Arc<Streams>, count: fn(&Streams) -> &AtomicUsize) -> Self {
        count(streams).fetch_add(1, Ordering::Relaxed);
        streams.progress();
        Counted(Arc::clone(streams), count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
        self.0.progress();
    }
}

/// A connection's service.
#[derive(Clone)]
pub(super) struct Streaming {
    service: Frame<Router>,
    streams: Arc<Streams>,
    exchange: Arc<Exchange>,
}

impl Streaming {
    pub(super) fn new(service: Frame<Router>, streams: Arc<Streams>, exchange: Arc<Exchange>) -> Self {
        Streaming { service, streams, exchange }
    }
}

impl Service<Request<Incoming>> for Streaming {
    type Response = http::Response<StreamBody>;
    type Error = Infallible;
    type Future = StreamAnswer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> StreamAnswer {
        let answering = Counted::new(&self.streams, |streams| &streams.answering);
        let exchange = Arc::clone(&self.exchange);
        let response = exchange.answer(&mut self.service, request);
        StreamAnswer { response, answering: Some(answering), exchange }
    }
}

/// An answer that is being made.
pub(super) struct StreamAnswer {
    response: Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>,
    answering: Option<Counted>,
    exchange: Arc<Exchange>,
}

impl Future for StreamAnswer {
    type Output = Result<http::Response<StreamBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match ready!(self.response.as_mut().poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        self.exchange.note(&response);
        let sending =
            self.answering.take().map(|counted| Counted::new(&counted.0, |streams| &streams.sending));
        Poll::Ready(Ok(response.map(|body| StreamBody { body, sending })))
    }
}

/// An answer's body. It is dropped when all of it has been taken, or its stream was reset.
pub(super) struct StreamBody {
    body: Body,
    sending: Option<Counted>,
}

impl hyper::body::Body for StreamBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, axum::Error>>> {
        if let Some(Counted(streams, _)) = &self.sending {
            streams.progress();
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
