//! TLS of the listeners: certificates out of files, read again when these change.

use crate::platform::exposed;
use anyhow::{Context, bail};
use clap::Args;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// How often it is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(1);

/// TLS.
#[derive(Args, Clone)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// The file with the server's certificate and those that lead from it to an authority (PEM). With it, every address of
    /// --listen speaks TLS. It is read again when it changes.
    #[arg(long, env = "TENANTRY_TLS_CERTIFICATE", value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// The file with the certificate's private key (PEM), which only its owner may read.
    #[arg(long, env = "TENANTRY_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

impl TlsArgs {
    pub(crate) fn is_on(&self) -> bool {
        self.tls_certificate.is_some()
    }

    /// What is wrong with the options.
    pub(crate) fn problem(&self) -> Option<String> {
        match (&self.tls_certificate, &self.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => load(certificate, key).err().map(|error| format!("{error:#}")),
            (Some(_), None) => Some("--tls-certificate needs --tls-key".to_owned()),
            (None, Some(_)) => Some("--tls-key needs --tls-certificate".to_owned()),
        }
    }

    /// The certificates, where there is to be TLS.
    pub(crate) fn certificates(&self) -> anyhow::Result<Option<Arc<Certificates>>> {
        let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) else { return Ok(None) };
        let seen = stamps(certificate, key);
        let current = load(certificate, key)?;
        Ok(Some(Arc::new(Certificates {
            certificate: certificate.clone(),
            key: key.clone(),
            current: RwLock::new(current),
            seen: Mutex::new(seen),
        })))
    }
}

/// A certificate that is shown to clients, and the files that it is from.
#[derive(Debug)]
pub(crate) struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Stamps>,
}

/// What tells a file from a later one at its place.
type Stamps = [Option<(u64, i64, i64, u64)>; 2];

fn stamps(certificate: &Path, key: &Path) -> Stamps {
    [certificate, key].map(|path| {
        let about = std::fs::metadata(path).ok()?;
        Some((about.ino(), about.mtime(), about.mtime_nsec(), about.len()))
    })
}

impl Certificates {
    /// What listeners need to know: HTTP/2 and HTTP/1.1 are offered.
    pub(crate) fn config(self: &Arc<Self>) -> anyhow::Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Read the files again if they have changed. One that is wrong leaves the certificate as it is.
    pub(crate) fn look(&self) {
        let now = stamps(&self.certificate, &self.key);
        if std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), now) == now {
            return;
        }
        let path = self.certificate.display();
        match load(&self.certificate, &self.key) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
                tracing::info!(%path, "TLS certificate reloaded");
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(%path, error, "TLS certificate not reloaded: the one before stays in use");
            }
        }
    }

    /// Look, again and again.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            ticks.tick().await;
            self.look();
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn load(certificate: &Path, key: &Path) -> anyhow::Result<Arc<CertifiedKey>> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read the certificate {}", certificate.display()))?;
    if chain.is_empty() {
        bail!("there is no certificate in {}", certificate.display());
    }
    let unreadable = || format!("cannot read the private key {}", key.display());
    if let Some(exposed) = exposed(key).with_context(unreadable)? {
        bail!("the private key {exposed}");
    }
    let private = PrivateKeyDer::from_pem_file(key).with_context(unreadable)?;
    let pair = CertifiedKey::from_der(chain, private, &rustls::crypto::ring::default_provider());
    let pair = pair.with_context(|| {
        format!("the private key {} is not that of the certificate {}", key.display(), certificate.display())
    })?;
    Ok(Arc::new(pair))
}
