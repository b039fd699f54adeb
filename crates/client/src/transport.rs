//! Connections: HTTP/1.1, TLS with the built-in and the system's certificate authorities, no redirects.

use crate::Error;
use crate::proxy::{Connector, Proxy};
use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::time::Duration;

/// How long an unused connection is kept: less than servers keep one.
const IDLE: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) type Network = Client<HttpsConnector<Connector>, Full<Bytes>>;

/// `authorities`: a PEM file of further certificate authorities that are trusted.
pub(crate) fn network(
    authorities: Option<&Path>,
    proxy: Option<&Proxy>,
    is_encrypted: bool,
) -> Result<Network, Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = authorities {
        let bad = |e: &dyn std::fmt::Display| {
            Error::Setup(format!("the certificate authorities in {}: {e}", file.display()))
        };
        let before = roots.len();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|e| bad(&e))? {
            roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
        }
        if roots.len() == before {
            return Err(bad(&"there is no certificate in PEM form"));
        }
    }
    let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Setup(format!("TLS is not available: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(Connector::new(tcp, proxy, is_encrypted));
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector))
}
