//! A client's connection, as hyper sees it. Five things are done here that hyper does not do: a client that takes nothing
//! of an answer is given up; a large head is read only while there is memory for it; what hyper itself refuses is answered in the form that all errors have; when the server ends, a
//! connection ends only where no request has come; and closing is slow, for closing while a client still sends makes the system
//! reset the connection, and the client loses an answer that it has not read yet, such as the `413` to what it is sending.

use super::ending::Ending;
use super::exchange::Exchange;
use super::pace::Paces;
use super::places::Place;
use super::transport::Transport;
use app::Group;
use bytes::Bytes;
use http::StatusCode;
use metrics::counter;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// How long a client may go on sending what is not read, and how long it may pause.
const MAX_LINGER: Duration = Duration::from_secs(5);
const MAX_LINGER_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of what a client goes on sending that are read at once: what had come already of a small request, so that its end is seen.
const DRAINED_AT_ONCE: usize = 64 * 1024;
/// Those that one turn covers.
const DRAINED_IN_TURN: usize = 1024 * 1024;
/// Bytes that one read takes at most: hyper enlarges a connection's buffer when a read fills it, and keeps it so while the connection
/// is idle. It begins with one byte more.
const MAX_READ: usize = 8 * 1024 - 1;
/// A header that all answers of the service have, and hyper's own have not.
const OURS: &[u8] = b"\r\nx-request-id:";

/// What a client of HTTP/2 sends first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection and its place.
pub(super) struct ClientStream {
    /// Taken when dropped.
    open: Option<(Transport, Place)>,
    /// Bytes that were read to see which protocol they are of, and not by hyper yet.
    replay: Bytes,
    exchange: Arc<Exchange>,
    /// The client sends nothing more, or takes nothing more.
    ended: bool,
    /// Runs while the client takes nothing of what is to be written.
    stalled: Option<Pin<Box<Sleep>>>,
    /// What is written in place of hyper's own answer, and how much of it has been.
    refusal: Option<(Vec<u8>, usize)>,
    /// Taken when dropped, and kept until the connection is closed.
    ending: Option<Ending>,
}

impl ClientStream {
    pub(super) fn new(stream: Transport, place: Place, exchange: Arc<Exchange>, ending: Ending) -> Self {
        ClientStream {
            open: Some((stream, place)),
            replay: Bytes::new(),
            exchange,
            ended: false,
            stalled: None,
            refusal: None,
            ending: Some(ending),
        }
    }

    /// Whether the client begins with HTTP/2, as what TLS agreed on says or else its first bytes (RFC 9113, section 3.4).
    pub(super) async fn begins_with_http2(&mut self) -> io::Result<bool> {
        if let Some(agreed) = self.open.as_ref().and_then(|(transport, _)| transport.agreed()) {
            return Ok(agreed == b"h2");
        }
        let (mut first, mut length) = ([0; PREFACE.len()], 0);
        while length < first.len() && PREFACE.starts_with(&first[..length]) {
            match self.read(&mut first[length..]).await? {
                0 => break,
                read => length += read,
            }
        }
        self.replay = Bytes::copy_from_slice(&first[..length]);
        Ok(first[..length] == *PREFACE)
    }

    /// Whether this becomes a connection of HTTP/2. It does not if there are too many; what is said last tells the client so.
    pub(super) fn begin_http2(&mut self) -> bool {
        let may_begin = self.open.as_mut().is_some_and(|(_, place)| place.begin_http2());
        self.exchange.begin_http2(may_begin);
        may_begin
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Transport>> {
        let open = self.open.as_mut().map(|(stream, _)| Pin::new(stream));
        open.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Until the server ends and the client, as far as the system knows, has sent nothing that is not answered and has taken
    /// everything that is. Only between two requests of HTTP/1.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(ending) = self.ending.as_mut().filter(|_| self.exchange.is_idle()) else {
            return Poll::Pending;
        };
        ready!(ending.poll_drained(cx));
        let is_unfinished = self.stalled.is_some() || self.refusal.is_some();
        // The runtime wakes the reader for what has come, and `poll_some` for what is taken.
        if is_unfinished || self.open.as_ref().is_some_and(|(transport, _)| transport.has_unread()) {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Write, for as long as the client takes something.
    fn poll_some(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut Transport>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let written = write(self.stream()?, cx);
        if written.is_ready() {
            if self.stalled.take().is_some() {
                cx.waker().wake_by_ref(); // `poll_end` may have waited for this
            }
            return written;
        }
        let limit = self.exchange.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        self.ended = true;
        if let Some((stream, _)) = &self.open {
            stream.forget_unsent();
        }
        counter!("tenantry_connections_stalled_total").increment(1);
        tracing::debug!("a client took nothing of its answer in time");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Where hyper's own answer begins in what it writes, and its status. hyper writes it after all else, and only between
    /// two requests.
    fn own_answer(&self, bytes: &[u8]) -> Option<(usize, StatusCode)> {
        if self.exchange.is_http2() || self.exchange.is_answering() || !bytes.ends_with(b"\r\n\r\n") {
            return None;
        }
        let before = bytes[..bytes.len() - 4].windows(4).rposition(|four| four == b"\r\n\r\n");
        let begin = before.map_or(0, |at| at + 4);
        let status = bytes[begin..].strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
        let status = StatusCode::from_bytes(status).ok().filter(StatusCode::is_client_error)?;
        let is_ours = bytes[begin..].windows(OURS.len()).any(|part| part.eq_ignore_ascii_case(OURS));
        (!is_ours).then_some((begin, status))
    }

    /// Write what hyper has said, or what is said in place of it.
    fn write_answer(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.own_answer(bytes) {
            None => self.poll_some(cx, |stream, cx| stream.poll_write(cx, bytes)),
            Some((0, status)) => {
                self.refusal = Some((self.exchange.refusal(status), 0));
                Poll::Ready(Ok(bytes.len()))
            }
            Some((begin, _)) => self.poll_some(cx, |stream, cx| stream.poll_write(cx, &bytes[..begin])),
        }
    }

    fn write_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((refusal, from)) = self.refusal.take() {
            if from == refusal.len() {
                break;
            }
            let written = self.poll_some(cx, |stream, cx| stream.poll_write(cx, &refusal[from..]));
            let more = if let Poll::Ready(Ok(more)) = written { more } else { 0 };
            self.refusal = Some((refusal, from + more));
            ready!(written)?;
        }
        Poll::Ready(Ok(()))
    }
}

/// How a connection ends.
pub(super) struct Farewell {
    /// What is said last.
    pub(super) last: Vec<u8>,
    /// Whom what the client still sends is counted against.
    pub(super) group: Group,
    /// When the last answer was given, if it was a refusal for too much.
    pub(super) refused_at: Option<Instant>,
}

/// Say this last thing, listen to the client's, and leave it to the caller to close.
pub(super) async fn linger<S>(stream: &mut S, farewell: Farewell, paces: &Paces) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Farewell { last, group, refused_at } = farewell;
    let farewell = async {
        if last.is_empty() {
            stream.shutdown().await?;
        }
        if let Some(at) = refused_at {
            paces.resume(group, at).await;
        }
        // One that refuses for too much comes behind the pause: clients that come again at once would cost as much again.
        if !last.is_empty() {
            stream.write_all(&last).await?;
            stream.shutdown().await?;
        }
        // Most send nothing more.
        if timeout(MAX_LINGER_PAUSE, stream.read(&mut [0; 1])).await?? == 0 {
            return Ok(());
        }
        let mut allowed = DRAINED_AT_ONCE;
        loop {
            // Those that wait for their turn have none: they may be many.
            let mut unread = vec![0; allowed / 32];
            let mut drained = 0;
            while drained < allowed {
                match timeout(MAX_LINGER_PAUSE, stream.read(&mut unread)).await?? {
                    0 => return Ok(()),
                    read => drained += read,
                }
            }
            drop(unread);
            paces.drain(group).await;
            allowed = DRAINED_IN_TURN;
        }
    };
    timeout(MAX_LINGER, farewell).await?
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        let Some((mut stream, place)) = self.open.take() else { return };
        // Outside of a runtime, at the very end, there is no time left for it.
        if self.ended || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let last = if self.refusal.is_none() { self.exchange.last_refusal() } else { None };
        let refusal = self.exchange.refusal_before();
        let farewell = Farewell {
            last: last.unwrap_or_default(),
            group: refusal.map_or(self.exchange.network, |(group, _)| group),
            refused_at: refusal.map(|(_, at)| at),
        };
        let paces = Arc::clone(&self.exchange.paces);
        let ending = self.ending.take();
        tokio::spawn(async move {
            drop(linger(&mut stream, farewell, &paces).await); // it was only a courtesy
            drop((stream, place, ending));
        });
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.replay.is_empty() {
            let length = self.replay.len().min(buffer.remaining());
            buffer.put_slice(&self.replay.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let space = buffer.remaining().min(MAX_READ);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(space));
        match self.stream()?.poll_read(cx, &mut part) {
            Poll::Pending => return self.poll_end(cx).map(Ok), // as if the client had ended
            Poll::Ready(read) => read?,
        }
        let came = part.filled();
        self.ended |= came.is_empty() && space > 0;
        // Where there is no memory for it, hyper sees the end, and what is said last says why.
        if self.exchange.bytes_came(came) {
            let length = came.len();
            buffer.advance(length);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write_answer(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bytes {
            [bytes] => self.write_answer(cx, bytes),
            _ => self.poll_some(cx, |stream, cx| stream.poll_write_vectored(cx, bytes)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_refusal(cx))?;
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_refusal(cx))?;
        self.stream()?.poll_shutdown(cx)
    }
}
