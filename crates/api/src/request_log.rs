//! The log line of a request, with the size of its answer.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tracing::Span;

/// A request that has no log line yet. If it is dropped, the line says that its client closed the connection.
pub(crate) struct Unlogged {
    started: Instant,
    is_logged: bool,
}

impl Unlogged {
    pub(crate) fn new(started: Instant) -> Self {
        Unlogged { started, is_logged: false }
    }

    /// Writes the line of an answer whose size is known. The line of any other is written at the end of its body.
    pub(crate) fn answered(mut self, route: String, duration_us: u64, response: Response) -> Response {
        self.is_logged = true;
        let status = response.status().as_u16();
        let length = response.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let span = Span::current();
        let mut line = Line { span, route, status, duration_us, length, bytes: 0, is_complete: false };
        if let Some(bytes) = response.body().size_hint().exact() {
            (line.bytes, line.is_complete) = (bytes, true);
            return response;
        }
        response.map(|body| Body::new(LoggedBody { body, line }))
    }
}

impl Drop for Unlogged {
    fn drop(&mut self) {
        if !self.is_logged {
            let duration_us = self.started.elapsed().as_micros() as u64;
            tracing::info!(duration_us, "request abandoned: its client closed the connection");
        }
    }
}

/// A line, which is written when it is dropped.
struct Line {
    span: Span,
    route: String,
    status: u16,
    /// Time until the head of the answer.
    duration_us: u64,
    /// Size of the body, if its header says it. A body is not asked for its end once that many bytes were taken.
    length: Option<u64>,
    /// Size of the body, as it was sent: compressed, where it was.
    bytes: u64,
    is_complete: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        let Line { route, status, duration_us, bytes, length, is_complete, .. } = &*self;
        self.span.in_scope(|| {
            if *is_complete || *length == Some(*bytes) {
                tracing::info!(route, status, duration_us, bytes, "request completed");
            } else {
                tracing::info!(
                    route,
                    status,
                    duration_us,
                    bytes,
                    "request abandoned: its client closed the connection"
                );
            }
        });
    }
}

struct LoggedBody {
    body: Body,
    line: Line,
}

impl HttpBody for LoggedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.line.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                self.line.is_complete = self.body.is_end_stream();
            }
            Poll::Ready(None) => self.line.is_complete = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
