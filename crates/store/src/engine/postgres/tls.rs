//! TLS to PostgreSQL, with the semantics of libpq's `sslmode` and `sslrootcert`.

use crate::Error;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// TLS options of a database URL.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) sslmode: Option<String>,
    pub(super) sslrootcert: Option<String>,
}

impl Wanted {
    /// Mode for tokio-postgres, and the TLS connector.
    pub(super) fn connector(&self) -> Result<(SslMode, MakeRustlsConnect), Error> {
        let (mode, verified) = match self.sslmode.as_deref() {
            Some("disable") => (SslMode::Disable, false),
            None | Some("prefer") => (SslMode::Prefer, false),
            Some("require") => (SslMode::Require, false),
            Some("verify-full") => (SslMode::Require, true),
            Some(_) => {
                let known = "disable, prefer, require and verify-full";
                return Err(Error::Unfit(format!("sslmode in the database URL must be one of {known}")));
            }
        };
        if self.sslrootcert.is_some() && !verified {
            let advice = "sslrootcert in the database URL has an effect only with sslmode=verify-full";
            return Err(Error::Unfit(advice.into()));
        }
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(Error::defect)?;
        let config = if verified {
            config.with_root_certificates(self.roots()?).with_no_client_auth()
        } else {
            config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate(provider)))
                .with_no_client_auth()
        };
        Ok((mode, MakeRustlsConnect::new(config)))
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.sslrootcert {
            let unfit = |e: &dyn std::fmt::Display| Error::Unfit(format!("sslrootcert {path}: {e}"));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unfit(&e))? {
                let added = roots.add(certificate.map_err(|e| unfit(&e))?);
                added.map_err(|e| unfit(&e))?;
            }
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() {
            let advice =
                "no certificate authority is known; name one with sslrootcert=FILE in the database URL";
            return Err(Error::Unfit(advice.into()));
        }
        Ok(roots)
    }
}

/// Accepts every certificate, as libpq does for `prefer` and `require`: they protect against eavesdropping, not against
/// impersonation.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
