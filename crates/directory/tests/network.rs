//! The client over a real network, as far as loopback is one: the guard, the wire, and driving a sandbox by HTTP.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

use domain::AzureCustomerId;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tenantry_directory::partner_center::Settings;
use tenantry_directory::partner_center::sandbox::{Behaviour, Fault, Sandbox, made_up_id};
use tenantry_directory::{Directory, Egress, Error, PartnerCenter, network};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SEED: u64 = 7;

/// A sandbox on a port of its own, and its address.
async fn served(customers: usize, behaviour: Behaviour) -> (Sandbox, String) {
    let sandbox = Sandbox::new(customers, SEED, behaviour);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = sandbox.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (sandbox, url)
}

/// A client that tries once, and may connect to what is allowed.
fn client(url: &str, allowed: &str) -> PartnerCenter {
    let settings = Settings { attempts: 1, ..Sandbox::settings(url) };
    let network = network(Egress::parse(allowed).unwrap()).unwrap();
    PartnerCenter::new(settings, network, Arc::new(|| 0), Arc::new(|_| ())).unwrap()
}

#[tokio::test]
async fn over_the_wire() {
    let (sandbox, url) = served(600, Behaviour::default()).await;
    let directory = Directory::PartnerCenter(client(&url, "127.0.0.1"));
    let page = directory.page(None).await.unwrap();
    assert_eq!(page.tenants.len(), 500);
    assert_eq!(directory.page(page.next.as_ref()).await.unwrap().tenants.len(), 100);
    let id = AzureCustomerId::parse(&made_up_id(SEED, 0)).unwrap();
    assert!(directory.find(&id).await.unwrap().unwrap().address.usable().is_ok());
    assert!(directory.check().await.works());

    // Neither is a redirect followed, nor more read than there is to read.
    let to = format!("{url}/v1/customers");
    for fault in [Fault::Redirect { to }, Fault::Endless] {
        sandbox.behave(Behaviour { next: [fault].into(), ..Behaviour::default() });
        let before = sandbox.status().counts.requests;
        assert!(matches!(directory.page(None).await, Err(Error::Invalid(_))));
        assert_eq!(sandbox.status().counts.requests, before + 1);
    }
}

#[tokio::test]
async fn what_is_not_allowed_is_not_connected_to() {
    let (sandbox, url) = served(1, Behaviour::default()).await;
    let port = url.rsplit(':').next().unwrap();
    let hosts = ["http://127.0.0.1", "http://localhost", "http://[::ffff:127.0.0.1]", "http://2130706433"];
    for url in hosts.into_iter().chain(["https://127.0.0.1", "https://localhost", "https://[::1]"]) {
        let error = client(&format!("{url}:{port}"), "10.0.0.0/8").page(None).await.unwrap_err();
        assert!(matches!(&error, Error::Refused(why) if why.contains("allow it by name")), "{url}: {error}");
    }
    assert_eq!(sandbox.status().counts.sign_ins, 0);
    // The control.
    assert!(client(&url, "127.0.0.0/8").page(None).await.is_ok());
}

#[tokio::test]
async fn tls_is_spoken_where_it_is_asked_for() {
    let (_, url) = served(1, Behaviour::default()).await;
    let error = client(&url.replace("http:", "https:"), "127.0.0.1").page(None).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { reason, .. } if reason.contains("corrupt message")),
        "{error}"
    );
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let error = client(&format!("https://localhost:{port}"), "127.0.0.1").page(None).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { reason, .. } if reason.contains("UnknownIssuer")),
        "{error}"
    );
}

#[tokio::test]
async fn nobody_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url, "127.0.0.1").page(None).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { reason, .. } if reason.contains("refused")), "{error}");
}

/// One request, by hand.
async fn http(url: &str, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let length = body.len();
    let head =
        format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_sandbox_is_driven_by_requests() {
    let (_, url) = served(1, Behaviour::default()).await;
    let client = client(&url, "127.0.0.1");
    client.page(None).await.unwrap();
    let answer = http(&url, "PUT /sandbox", r#"{"no_role": true, "next": [{"fault": "malformed"}]}"#).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""requests":1"#), "{answer}");
    assert!(matches!(client.page(None).await, Err(Error::Invalid(_))));
    assert!(matches!(client.page(None).await, Err(Error::Refused(_))));
    let answer = http(&url, "GET /sandbox", "").await;
    assert!(answer.contains(r#""requests":3"#) && answer.contains("/v1/customers?size=500"), "{answer}");
    for wrong in [r#"{"thrott": 1}"#, r#"{"next": [{"fault": "fire"}]}"#, "x"] {
        assert!(http(&url, "PUT /sandbox", wrong).await.starts_with("HTTP/1.1 422"), "{wrong}");
    }
}
