//! Roots and settings that cannot be used, and TLS.

use crate::common::{SMALL, Staged, head, kind, october};
use crate::s3::{BUCKET, Server};
use std::sync::Arc;
use tenantry_bill_storage::{BillPrefix, Bills, Settings};
use tokio::io::AsyncWriteExt;

fn settings(variables: &[(&str, &str)]) -> Settings {
    variables.iter().copied().collect()
}

#[test]
fn roots_are_checked() {
    let keys =
        [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AZURE_STORAGE_ACCOUNT_NAME", "me")];
    for root in ["file:data/bills", "s3://bucket", "s3://bucket/", "s3://a.b-c/x/y/", "az://container/x"] {
        Bills::open(root, &settings(&keys)).unwrap_or_else(|e| panic!("{root}: {e}"));
    }
    for (root, says) in [
        (
            "data/bills",
            r#""data/bills"… cannot be a root for bills: it must be file:PATH, s3://bucket/prefix or az://"#,
        ),
        ("gs://bucket/x", r#""gs"… cannot be a root for bills"#),
        ("https://me:secret@s3.example.com/x", r#""https"… cannot be a root for bills"#),
        ("", r#"""… cannot be a root for bills"#),
        ("file:", "file: must be followed by a path"),
        ("s3://", "the bucket in s3://BUCKET/prefix must have 3 to 63"),
        ("s3://B", "the bucket in s3://BUCKET/prefix must have 3 to 63"),
        ("s3://key:secret@bucket/x", "the bucket in s3://BUCKET/prefix must have 3 to 63"),
        ("s3://a..b/x", "the bucket in s3://BUCKET/prefix must have 3 to 63"),
        ("s3://bucket?x=y/x", "the bucket in s3://BUCKET/prefix must have 3 to 63"),
        ("s3://bucket/a//b", "no segment may be empty"),
        ("s3://bucket/../b", "no segment may be empty, . or .."),
        ("az://container/a\\b", "has a control character or a backslash"),
        (&format!("s3://bucket/{}", "p".repeat(401)), "has 401 bytes: at most 400 leave room for the keys"),
    ] {
        let error = Bills::open(root, &settings(&keys)).unwrap_err();
        assert_eq!(kind(&error), "Invalid", "{root}");
        assert!(
            error.to_string().contains(says) && !format!("{error:?}").contains("secret"),
            "{root}: {error}"
        );
    }
}

#[test]
fn invalid_settings_are_refused() {
    let key = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "hidden")];
    for (root, more, says) in [
        (
            "s3://bucket",
            &[("AWS_SECRET_ACCESS_KEY", " ")][..],
            "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not",
        ),
        (
            "s3://bucket",
            &[("AWS_ACCESS_KEY_ID", "")],
            "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not",
        ),
        ("s3://bucket", &[("AWS_ENDPOINT_URL", "http://10.0.0.1:9000")], "AWS_ENDPOINT_URL is without TLS"),
        ("s3://bucket", &[("AWS_ENDPOINT_URL_S3", "http://s3")], "set AWS_ALLOW_HTTP=true"),
        (
            "s3://bucket",
            &[("AWS_ENDPOINT_URL", "s3.example.com")],
            "AWS_ENDPOINT_URL must be a URL such as https://",
        ),
        ("s3://bucket", &[("AWS_CA_BUNDLE", "/none.pem")], "AWS_CA_BUNDLE /none.pem: "),
        ("s3://bucket", &[("AWS_TIMEOUT", "soon")], "AWS_… cannot be used"),
        ("az://container", &[], "AZURE_… cannot be used"),
        (
            "az://container",
            &[("AZURE_STORAGE_ACCOUNT_NAME", "me"), ("AZURE_STORAGE_ACCOUNT_KEY", "hidden, not base64")],
            "AZURE_… cannot be used",
        ),
        (
            "az://container",
            &[("AZURE_STORAGE_ACCOUNT_NAME", "me"), ("AZURE_STORAGE_SAS_KEY", "sig=hidden&%zz")],
            "AZURE_… cannot be used",
        ),
        ("az://container", &[("AZURE_STORAGE_ENDPOINT", "http://x")], "set AZURE_ALLOW_HTTP=true"),
    ] {
        let settings = more.iter().fold(settings(&key), |settings, (name, value)| settings.with(name, value));
        let error = Bills::open(root, &settings).unwrap_err();
        assert_eq!(kind(&error), "Invalid", "{root} {more:?}");
        let shown = format!("{error} {error:?} {settings:?}");
        assert!(shown.contains(says) && !shown.contains("hidden"), "{shown}");
    }
}

#[test]
fn bills_have_keys_below_their_folder() {
    let long = "x".repeat(1024);
    for (folder, period, customer, place) in [
        ("acme", "2026-10", 3947, Some("p1/acme/2026-10/3947/v1/")),
        ("a/b c", "0001-12", 1, Some("p1/a/b c/0001-12/1/v1/")),
        ("", "2026-10", 1, Some("p1/2026-10/1/v1/")),
        ("/acme", "2026-10", 1, None),
        ("acme/", "2026-10", 1, None),
        ("a/../b", "2026-10", 1, None),
        ("a//b", "2026-10", 1, None),
        (".", "2026-10", 1, None),
        ("a\nb", "2026-10", 1, None),
        ("a\\b", "2026-10", 1, None),
        ("acme", "2026-13", 1, None),
        ("acme", "2026-00", 1, None),
        ("acme", "2026-1", 1, None),
        ("acme", "+026-10", 1, None),
        ("acme", "2026-10/..", 1, None),
        ("acme", "2026-10", 0, None),
        ("acme", "2026-10", -1, None),
    ] {
        let bill = BillPrefix::new(1, folder, period, customer);
        assert_eq!(
            bill.ok().map(|bill| bill.of_version(1)).as_deref(),
            place,
            "{folder:?} {period:?} {customer}"
        );
    }
    // S3 lets a key have 1,024 bytes.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bills = Bills::open("s3://bucket/bills", &settings(&[])).unwrap();
    let error =
        runtime.block_on(bills.latest(&BillPrefix::new(1, &long, "2026-10", 1).unwrap())).unwrap_err();
    assert_eq!(kind(&error), "Invalid");
}

/// A store whose certificate an authority of its own has signed is believed if `AWS_CA_BUNDLE` names that one.
#[tokio::test]
async fn private_certificate_authorities() {
    let server = Server::start().await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = server.address.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut outside) = acceptor.accept(stream).await else { return };
                let mut inside = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                let _ = outside.shutdown().await;
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, made.cert.pem()).unwrap();
    let settings = server.settings("10s").with("AWS_ENDPOINT_URL", &format!("https://localhost:{port}"));
    let root = format!("s3://{BUCKET}/bills");
    let believing =
        Bills::open(&root, &settings.clone().with("AWS_CA_BUNDLE", bundle.to_str().unwrap())).unwrap();
    believing.publish(&october(), Staged::new(SMALL).path(), &head()).await.unwrap();
    let doubting = Bills::open(&root, &settings).unwrap();
    let bill = october();
    let doubts = tokio::time::timeout(std::time::Duration::from_secs(60), doubting.latest(&bill));
    let error = doubts.await.expect("an end").unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

/// Without keys the machine is asked for some; where there are none, it is said what is missing.
#[tokio::test]
async fn missing_credentials_are_named() {
    let server = Server::start().await;
    let settings = settings(&[
        ("AWS_ENDPOINT_URL", &*format!("http://{}", server.address)),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1"),
    ]);
    let bills = Bills::open(&format!("s3://{BUCKET}"), &settings).unwrap();
    let error = bills.writable(1, "").await.unwrap_err().to_string();
    assert!(error.contains("no key is set in the environment, and this machine has none"), "{error}");
}
