//! Large answers are sent in pieces, and keep the slot of their request while they are sent: hundreds of clients that fetch
//! large documents would keep the processors busy with copying.

use app::Slot;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::oneshot;

/// Bytes of a piece, and of an answer that is not large.
const PIECE: usize = 64 * 1024;

/// Keep the slot until all of a large answer was taken by the connection, for `limit` at the longest. Others release it.
pub(crate) fn keep_slot(response: Response, slot: Slot, limit: Duration) -> Response {
    if response.body().size_hint().exact().is_none_or(|size| size <= PIECE as u64) {
        return response;
    }
    let (sent, is_sent) = oneshot::channel::<Infallible>();
    tokio::spawn(async move {
        let _ = tokio::time::timeout(limit, is_sent).await; // the sender is dropped, or time is up
        drop(slot);
    });
    response.map(|body| Body::new(InPieces { body, rest: Bytes::new(), _sent: sent }))
}

struct InPieces {
    body: Body,
    /// What has been read of the body, and not handed on.
    rest: Bytes,
    _sent: oneshot::Sender<Infallible>,
}

impl http_body::Body for InPieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut all = SizeHint::new();
        all.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            all.set_upper(upper + rest);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn an_answer_in_pieces_is_the_same() {
        let text: Vec<u8> = (0..200_000_u32).map(|i| i as u8).collect();
        let (sent, mut is_sent) = oneshot::channel();
        let mut body = InPieces { body: Body::from(text.clone()), rest: Bytes::new(), _sent: sent };
        let (mut read, mut pieces) = (Vec::new(), 0);
        loop {
            assert_eq!(body.size_hint().exact(), Some((text.len() - read.len()) as u64));
            assert!(is_sent.try_recv() == Err(oneshot::error::TryRecvError::Empty));
            let Some(frame) = body.frame().await else { break };
            read.extend(frame.unwrap().into_data().unwrap());
            pieces += 1;
        }
        assert_eq!((read, pieces), (text, 4));
        assert!(body.is_end_stream());
        drop(body);
        assert!(is_sent.try_recv() == Err(oneshot::error::TryRecvError::Closed));
    }
}
