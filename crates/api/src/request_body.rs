//! Bodies of requests: bounded in size, each and all together, and read to their end also where no handler wanted them.

use crate::BODY_LIMIT;
use crate::budget::{Budget, Exhausted, Share};
use crate::client_address::ClientAddress;
use crate::problem::Problem;
use axum::BoxError;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Bytes of each body that are not counted, so that ordinary requests pass while large bodies have to wait. The number of
/// connections bounds them.
const UNCOUNTED: usize = 16 * 1024;
/// A body that was not asked for is read to its end if no more than this is left of it, so that the connection can go on.
const MAX_DRAINED: u64 = 64 * 1024;
/// How long that may take.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);
/// When a client is to try again that was refused for want of memory, in seconds.
pub(crate) const RETRY_AFTER: u64 = 1;

/// What one request has of the memory for requests, until it has been answered.
pub(crate) struct Reservation(Mutex<Held>);

struct Held {
    bytes: usize,
    share: Share,
}

impl Reservation {
    pub(crate) fn new(memory: &Arc<Budget>, client: Option<ClientAddress>) -> Self {
        let share = memory.share(client.map(|client| client.network()));
        Reservation(Mutex::new(Held { bytes: 0, share }))
    }

    /// Hold so many bytes more.
    pub(crate) fn add(&self, bytes: usize) -> Result<(), BodyError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = held.bytes + bytes;
        held.share.grow_to(bytes.saturating_sub(UNCOUNTED))?;
        held.bytes = bytes;
        Ok(())
    }
}

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {BODY_LIMIT} bytes")]
    TooLarge,
    #[error("the server holds as many large request bodies as it can just now; repeat the request")]
    NoMemory,
    #[error("your address is sending too many large request bodies at the same time; repeat the request")]
    NoMemoryForAddress,
}

impl From<Exhausted> for BodyError {
    fn from(exhausted: Exhausted) -> Self {
        match exhausted {
            Exhausted::All => BodyError::NoMemory,
            Exhausted::Address => BodyError::NoMemoryForAddress,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let status = match error {
            BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::NoMemory => StatusCode::SERVICE_UNAVAILABLE,
            BodyError::NoMemoryForAddress => StatusCode::TOO_MANY_REQUESTS,
        };
        let retry_after = (error != BodyError::TooLarge).then_some(RETRY_AFTER);
        if retry_after.is_some() {
            metrics::counter!("tenantry_request_bodies_refused_total").increment(1);
        }
        Problem::new(status, error.to_string()).retry_after(retry_after)
    }
}

/// Where a body goes that was dropped before its end.
pub(crate) struct Unread<B>(Arc<Mutex<Option<B>>>);

/// A request's body.
pub(crate) struct RequestBody<B> {
    body: Option<B>,
    read: usize,
    reservation: Arc<Reservation>,
    unread: Arc<Mutex<Option<B>>>,
}

impl<B: Body<Data = Bytes> + Unpin> RequestBody<B> {
    pub(crate) fn new(body: B, reservation: Arc<Reservation>) -> (Self, Unread<B>) {
        let unread = Arc::default();
        (RequestBody { body: Some(body), read: 0, reservation, unread: Arc::clone(&unread) }, Unread(unread))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Unread<B> {
    /// Read what is left, if it is little; whether the connection can go on after it. A client that waits for
    /// `100 Continue` has sent nothing, and is not told to.
    pub(crate) async fn drain(self, expects_continue: bool) -> bool {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = body else { return true };
        if body.is_end_stream() {
            return true;
        }
        if expects_continue || body.size_hint().lower() > MAX_DRAINED {
            return false;
        }
        let drained = async {
            let mut read = 0;
            while let Some(frame) = body.frame().await {
                read += frame.ok()?.data_ref().map_or(0, |data| data.len() as u64);
                if read > MAX_DRAINED {
                    return None;
                }
            }
            Some(())
        };
        tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_ok_and(|drained| drained.is_some())
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let frame = match ready!(Pin::new(body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            None => {
                this.body = None;
                return Poll::Ready(None);
            }
            other => return Poll::Ready(other.map(|frame| frame.map_err(Into::into))),
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        this.read += bytes;
        let held =
            if this.read > BODY_LIMIT { Err(BodyError::TooLarge) } else { this.reservation.add(bytes) };
        Poll::Ready(Some(held.map(|()| frame).map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}
