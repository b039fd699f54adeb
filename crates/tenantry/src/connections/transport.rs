//! What carries a connection's bytes: TCP, TLS over it, or a unix socket.

use crate::listen::Connection;
use rustls::ServerConfig;
use socket2::SockRef;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(super) enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl From<Connection> for Transport {
    fn from(connection: Connection) -> Self {
        match connection {
            Connection::Tcp(stream) => Transport::Tcp(stream),
            Connection::Unix(stream) => Transport::Unix(stream),
        }
    }
}

impl Transport {
    /// Shake hands, where there is to be TLS.
    pub(super) async fn open(connection: Connection, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        match (connection, tls) {
            (Connection::Tcp(stream), Some(config)) => {
                let stream = TlsAcceptor::from(config).accept(stream).await?;
                Ok(Transport::Tls(Box::new(stream)))
            }
            (connection, _) => Ok(connection.into()),
        }
    }

    /// The protocol that was agreed on with TLS.
    pub(super) fn agreed(&self) -> Option<&[u8]> {
        match self {
            Transport::Tls(stream) => stream.get_ref().1.alpn_protocol(),
            Transport::Tcp(_) | Transport::Unix(_) => None,
        }
    }

    /// Whether bytes have come that were not read, as the system says now: the runtime only knows what it saw when it looked last.
    pub(super) fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let peeked = match self {
            Transport::Tcp(stream) => SockRef::from(stream).peek(&mut byte),
            Transport::Tls(stream) => SockRef::from(stream.get_ref().0).peek(&mut byte),
            Transport::Unix(stream) => SockRef::from(stream).peek(&mut byte),
        };
        matches!(peeked, Ok(1..))
    }

    /// Forget what the client does not take, when this is closed.
    pub(super) fn forget_unsent(&self) {
        match self {
            Transport::Tcp(stream) => drop(stream.set_zero_linger()),
            Transport::Tls(stream) => drop(stream.get_ref().0.set_zero_linger()),
            Transport::Unix(_) => {}
        }
    }
}

macro_rules! on_stream {
    ($self:expr, $stream:ident => $result:expr) => {
        match $self.get_mut() {
            Transport::Tcp($stream) => $result,
            Transport::Tls($stream) => $result,
            Transport::Unix($stream) => $result,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => Pin::new(stream).poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Transport::Tcp(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
            Transport::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
