//! Connections that do not take back what was answered. Closing while the client still sends makes the system reset the
//! connection, and the client loses an answer that it has not read yet, such as the `413` to what it is sending.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How long a client may go on sending what nobody reads, and how long it may pause.
const LONGEST: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A connection, and its place among all. When dropped it says its goodbye, listens to the client's, and only then closes.
pub(crate) struct Lingering {
    /// Taken when dropped.
    open: Option<(TcpStream, Option<OwnedSemaphorePermit>)>,
    /// The client has nothing more to say.
    ended: bool,
}

impl Lingering {
    pub(crate) fn new(stream: TcpStream, place: Option<OwnedSemaphorePermit>) -> Self {
        Lingering { open: Some((stream, place)), ended: false }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let open = self.open.as_mut().map(|(stream, _)| Pin::new(stream));
        open.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some((mut stream, place)) = self.open.take() else { return };
        // Outside of a runtime, at the very end, there is no time left for it.
        if self.ended || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        tokio::spawn(async move {
            let farewell = async {
                stream.shutdown().await?;
                let mut unread = [0; 16 * 1024];
                while timeout(LONGEST_PAUSE, stream.read(&mut unread)).await?? > 0 {}
                io::Result::Ok(())
            };
            drop(timeout(LONGEST, farewell).await); // it was only a courtesy
            drop((stream, place));
        });
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let read = self.stream()?.poll_read(cx, buffer);
        if matches!(&read, Poll::Ready(Ok(())) if room > 0 && buffer.filled().len() == before) {
            self.ended = true;
        }
        read
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}
