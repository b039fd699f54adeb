//! TLS: who is trusted.

use crate::scripted::{response, serve};
use rcgen::{CertificateParams, KeyPair};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tenantry_client::{Client, Error, Options, Patience};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A server under this name, which answers every request, and a file with its certificate.
pub(crate) async fn server(name: &str) -> (std::net::SocketAddr, tempfile::NamedTempFile) {
    server_with(CertificateParams::new([name.to_owned()]).unwrap()).await
}

async fn server_with(certificate: CertificateParams) -> (std::net::SocketAddr, tempfile::NamedTempFile) {
    let key = KeyPair::generate().unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust this server ends the handshake.
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, &response("200 OK", &[], r#"{"id": 1}"#)).await;
            }
        }
    });
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(certificate.pem().as_bytes()).unwrap();
    (address, file)
}

#[tokio::test]
async fn a_server_is_trusted_if_its_authority_is() {
    let (address, file) = server("localhost").await;
    let url = format!("https://localhost:{}", address.port());
    let patience = Patience { busy: Duration::ZERO, unreachable: Duration::ZERO };
    let client = |authorities| {
        let options = Options { patience, authorities, ..Options::default() };
        Client::new(url.parse().unwrap(), &"a-key".to_owned().into(), &options)
    };
    let refused = client(None).unwrap().get("/v2/me").await.unwrap_err();
    assert!(
        matches!(&refused, Error::Unreachable { message, .. } if message.contains("certificate")),
        "{refused}"
    );
    let trusting = client(Some(file.path().to_owned())).unwrap();
    assert_eq!(trusting.get("/v2/me").await.unwrap().json().unwrap()["id"], 1);

    let mut empty = tempfile::NamedTempFile::new().unwrap();
    empty.write_all(b"no certificate").unwrap();
    let refused = client(Some(empty.path().to_owned())).unwrap_err();
    assert!(refused.to_string().contains("no certificate in PEM form"), "{refused}");
}

#[tokio::test]
async fn errors_of_tls_say_what_to_do() {
    let authority = |certificate: &mut CertificateParams| {
        certificate.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    let expired =
        |certificate: &mut CertificateParams| certificate.not_after = rcgen::date_time_ymd(2020, 1, 2);
    let future =
        |certificate: &mut CertificateParams| certificate.not_before = rcgen::date_time_ymd(4000, 1, 1);
    let nothing = |_: &mut CertificateParams| {};
    type Change<'a> = &'a dyn Fn(&mut CertificateParams);
    let cases: [(&str, &str, bool, Change<'_>, &str); 6] = [
        ("https", "localhost", false, &nothing, "name a file with it, --ca-file"),
        ("https", "localhost", true, &authority, "`openssl req -x509` makes it"),
        ("https", "localhost", true, &expired, "has expired"),
        ("https", "localhost", true, &future, "are the clocks right?"),
        ("https", "other.example", true, &nothing, "not for this host's name"),
        ("http", "localhost", false, &nothing, "its URL begins with https:"),
    ];
    for (scheme, name, is_trusted, change, said) in cases {
        let mut certificate = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut certificate);
        let (address, file) = server_with(certificate).await;
        let url = format!("{scheme}://localhost:{}", address.port());
        let patience = Patience { busy: Duration::ZERO, unreachable: Duration::ZERO };
        let authorities = is_trusted.then(|| file.path().to_owned());
        let options = Options { patience, authorities, ..Options::default() };
        let client = Client::new(url.parse().unwrap(), &"a-key".to_owned().into(), &options).unwrap();
        let refused = client.get("/v2/me").await.unwrap_err().to_string();
        assert!(refused.contains(said), "{said}: {refused}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_said_to_be_one() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer =
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            drop(answer);
        }
    });
    let patience = Patience { busy: Duration::ZERO, unreachable: Duration::ZERO };
    let options = Options { patience, ..Options::default() };
    let client = Client::new(url.parse().unwrap(), &"a-key".to_owned().into(), &options).unwrap();
    let refused = client.get("/v2/me").await.unwrap_err().to_string();
    assert!(refused.contains("its URL begins with http:"), "{refused}");
}
