//! HTTP proxies between this client and a server.

use crate::{BaseUrl, Error};
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower::Service;

/// Which servers are reached through which proxy. The default is none.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Matcher>>);

/// Without passwords of proxies.
impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Proxies(some)" } else { "Proxies(none)" })
    }
}

impl Proxies {
    /// Those of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, which may be written in lower case.
    pub fn of_environment() -> Self {
        Proxies(Some(Arc::new(Matcher::from_env())))
    }

    /// One proxy for all servers but those of `no_proxy`, which is written as `NO_PROXY` is.
    pub fn all(proxy: &str, no_proxy: &str) -> Self {
        Proxies(Some(Arc::new(Matcher::builder().all(proxy.to_owned()).no(no_proxy.to_owned()).build())))
    }

    /// The proxy to this server. This machine itself is always reached directly.
    ///
    /// # Errors
    /// [`Error::Setup`] for a proxy that does not speak plain HTTP to this client.
    pub(crate) fn to(&self, base: &BaseUrl) -> Result<Option<Proxy>, Error> {
        let Some(matcher) = self.0.as_ref().filter(|_| !base.is_loopback()) else { return Ok(None) };
        let target = base.join("/").map_err(|e| Error::Setup(format!("{base}: {e}")))?;
        let Some(found) = matcher.intercept(&target) else { return Ok(None) };
        let uri = found.uri().clone();
        if uri.scheme_str() != Some("http") {
            return Err(Error::Setup(format!(
                "the proxy {uri} must start with http:// (HTTPS_PROXY and HTTP_PROXY name it; NO_PROXY goes past it)"
            )));
        }
        Ok(Some(Proxy { uri, authorization: found.basic_auth().cloned() }))
    }
}

/// Proxy to one server.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// Without its user and password.
    pub(crate) uri: Uri,
    pub(crate) authorization: Option<HeaderValue>,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Connects to a server, or to the proxy in front of it.
#[derive(Clone)]
pub(crate) enum Connector {
    Direct(HttpConnector),
    /// `https`: bytes pass through the proxy, which cannot read them (RFC 9110, section 9.3.6).
    Tunnel(Tunnel<HttpConnector>),
    /// `http`: the proxy repeats requests (RFC 9112, section 3.2.2).
    Forward(HttpConnector, Uri),
}

impl Connector {
    pub(crate) fn new(tcp: HttpConnector, proxy: Option<&Proxy>, is_encrypted: bool) -> Self {
        match proxy {
            None => Connector::Direct(tcp),
            Some(proxy) if !is_encrypted => Connector::Forward(tcp, proxy.uri.clone()),
            Some(proxy) => {
                let tunnel = Tunnel::new(proxy.uri.clone(), tcp);
                Connector::Tunnel(match &proxy.authorization {
                    Some(authorization) => tunnel.with_auth(authorization.clone()),
                    None => tunnel,
                })
            }
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Connector::Direct(tcp) | Connector::Forward(tcp, _) => tcp.poll_ready(cx).map_err(Into::into),
            Connector::Tunnel(tunnel) => tunnel.poll_ready(cx).map_err(Into::into),
        }
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        match self {
            Connector::Direct(tcp) => {
                let connecting = tcp.call(server);
                Box::pin(async move { Ok(Stream { io: connecting.await?, is_forwarded: false }) })
            }
            Connector::Tunnel(tunnel) => {
                let connecting = tunnel.call(server);
                Box::pin(async move { Ok(Stream { io: connecting.await?, is_forwarded: false }) })
            }
            Connector::Forward(tcp, proxy) => {
                let connecting = tcp.call(proxy.clone());
                Box::pin(async move { Ok(Stream { io: connecting.await?, is_forwarded: true }) })
            }
        }
    }
}

/// A connection to a server or a proxy.
pub(crate) struct Stream {
    io: TokioIo<TcpStream>,
    /// Whether requests name the server that they are for.
    is_forwarded: bool,
}

impl Stream {
    fn io(self: Pin<&mut Self>) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.get_mut().io)
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.is_forwarded)
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.io().poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write_vectored(cx, pieces)
    }
}
