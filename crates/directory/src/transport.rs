//! How a request gets to the other side: over the network, through the guard; in tests straight into a simulator.

use crate::egress::{Egress, Refused};
use crate::error::Error;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(60);

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, SendError>;

/// Sends one request and gives its answer, whatever that is: no redirect is followed, nothing is repeated.
pub trait Transport: Send + Sync {
    /// Sends it.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, SendError>>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The guard does not let it through; trying again changes nothing.
    #[error("{0}")]
    Refused(String),
    /// The network or the other side failed.
    #[error("{0}")]
    Failed(String),
}

impl SendError {
    /// With all its causes, for the outermost says too little: "client error".
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut texts = Vec::new();
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refused) = error.downcast_ref::<Refused>() {
                return SendError::Refused(refused.to_string());
            }
            // An I/O error that wraps another one does not give it as its source.
            let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            texts.push(error.to_string());
            next = inner.map_or_else(|| error.source(), |inner| Some(inner));
        }
        texts.dedup();
        SendError::Failed(texts.join(": "))
    }
}

struct Network<C>(Client<C, Full<Bytes>>);

impl<C: Connect + Clone + Send + Sync + 'static> Transport for Network<C> {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, SendError>> {
        let answer = self.0.request(request.map(Full::new));
        Box::pin(async move {
            let answer = answer.await.map_err(|error| SendError::of(&error))?;
            Ok(answer.map(|body| body.map_err(|error| SendError::of(&error)).boxed_unsync()))
        })
    }
}

/// The network: HTTP/1.1, TLS with the roots that are built in, every connection through the guard. Connections are
/// kept and used again.
///
/// # Errors
/// If TLS is not to be had.
pub fn network(egress: Egress) -> Result<Arc<dyn Transport>, Error> {
    let guarded = tower::service_fn(move |uri: Uri| {
        let egress = egress.clone();
        async move {
            let tls = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
            let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
            egress.connect(uri.host().unwrap_or_default(), port, tls).await.map(TokioIo::new)
        }
    });
    let connector: HttpsConnector<_> = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| Error::Refused(format!("TLS is not available: {error}")))?
        .https_or_http()
        .enable_http1()
        .wrap_connector(guarded);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector);
    Ok(Arc::new(Network(client)))
}
