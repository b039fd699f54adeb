//! HTTP/2: by prior knowledge, with TLS' agreement (see `listeners`), and its abuse.

use crate::support::{Database, Engine, Server, customer};
use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Error, Reason};
use http::Request;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const KEY: &str = "the-key-that-the-tests-have-chosen-0123456789";
const PATIENCE: Duration = Duration::from_secs(30);

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("in time") })
}

/// A connection; its end says why it ended.
async fn connect(to: SocketAddr) -> (SendRequest<Bytes>, JoinHandle<Result<(), Error>>) {
    let stream = TcpStream::connect(to).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

fn request(method: &str, path: &str) -> Request<()> {
    Request::builder()
        .method(method)
        .uri(format!("http://api.example{path}"))
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json")
        .body(())
        .unwrap()
}

/// The status, a header and the body.
async fn ask(
    client: &SendRequest<Bytes>,
    method: &str,
    path: &str,
    body: Option<String>,
) -> Result<(u16, String, Vec<u8>), Error> {
    let mut client = client.clone().ready().await?;
    let (response, mut stream) = client.send_request(request(method, path), body.is_none())?;
    if let Some(body) = body {
        stream.send_data(body.into(), true)?;
    }
    let response = response.await?;
    let link = response.headers().get("link").map_or("", |link| link.to_str().unwrap()).to_owned();
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((status, link, bytes))
}

#[test]
fn requests_of_one_connection_are_answered_side_by_side() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &[]);
    run(async {
        let (client, _connection) = connect(server.address).await;
        let body = customer(&json!({})).to_string();
        let (status, _, created) = ask(&client, "POST", "/v2/customers", Some(body)).await.unwrap();
        let created: Value = serde_json::from_slice(&created).unwrap();
        assert_eq!((status, &created["name"]), (201, &json!("Acme Corp")));
        let (status, link, _) = ask(&client, "GET", "/v2/customers", None).await.unwrap();
        // `:authority` is what `Host` is in HTTP/1.1.
        assert!(status == 200 && link.starts_with("<http://api.example/v2/customers?"), "{status} {link}");
        let all = (0..500).map(|_| ask(&client, "GET", "/v2/me", None));
        for answer in futures_util::future::join_all(all).await {
            assert_eq!(answer.unwrap().0, 200);
        }
        // What is refused is refused in words, and its body does not end the connection.
        let large = "x".repeat(2 << 20);
        assert_eq!(ask(&client, "GET", "/nowhere", None).await.unwrap().0, 404);
        let refused = ask(&client, "POST", "/v2/customers", Some(large)).await;
        assert!(refused.map_or_else(|error| error.is_reset(), |(status, ..)| status == 413));
        assert_eq!(ask(&client, "GET", "/v2/me", None).await.unwrap().0, 200);
    });
}

/// CVE-2023-44487: streams that are reset as soon as they are opened.
#[test]
fn a_rapid_reset_ends_the_connection_and_harms_no_other() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &[]);
    run(async {
        let (mut client, connection) = connect(server.address).await;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE / 2 {
            let Ok(ready) = client.ready().await else { break };
            client = ready;
            let Ok((_, mut stream)) = client.send_request(request("GET", "/v2/customers"), true) else {
                break;
            };
            stream.send_reset(Reason::CANCEL);
        }
        let ended = connection.await.unwrap().expect_err("it goes on");
        assert_eq!(ended.reason(), Some(Reason::ENHANCE_YOUR_CALM), "{ended}");
        let (other, _connection) = connect(server.address).await;
        assert_eq!(ask(&other, "GET", "/v2/me", None).await.unwrap().0, 200);
        // The control: one that is reset now and then is no abuse.
        for _ in 0..200 {
            let mut ready = other.clone().ready().await.unwrap();
            let (_, mut stream) = ready.send_request(request("GET", "/v2/me"), true).unwrap();
            stream.send_reset(Reason::CANCEL);
            assert_eq!(ask(&other, "GET", "/v2/me", None).await.unwrap().0, 200);
        }
    });
}

/// As requests of HTTP/1 do, see `rates`.
#[test]
fn streams_behind_a_refusal_wait() {
    let second = Duration::from_millis(950);
    let own: &[&str] = &["--key-rate", "1"];
    // The control: behind a proxy they do not.
    let proxied: &[&str] = &["--key-rate", "1", "--trusted-proxies", "127.0.0.1"];
    for (args, wait) in [(own, true), (proxied, false)] {
        let database = Database::new(Engine::Sqlite);
        let server = Server::start(&database, args);
        let waited = run(async {
            let (client, _connection) = connect(server.address).await;
            loop {
                let began = Instant::now(); // before the refusal
                if ask(&client, "GET", "/v2/me", None).await.unwrap().0 == 429 {
                    let streams = (0..8).map(|_| async {
                        ask(&client, "GET", "/v2/me", None).await.unwrap();
                        began.elapsed()
                    });
                    return futures_util::future::join_all(streams).await;
                }
            }
        });
        assert!(waited.iter().all(|waited| (*waited >= second) == wait), "{args:?}: {waited:?}");
    }
}

#[test]
fn a_connection_that_is_idle_ends() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--request-timeout", "1"]);
    run(async {
        let (client, connection) = connect(server.address).await;
        assert_eq!(ask(&client, "GET", "/v2/me", None).await.unwrap().0, 200);
        connection.await.unwrap().unwrap();
    });
}

#[test]
fn a_stop_finishes_what_is_under_way() {
    let database = Database::new(Engine::Sqlite);
    let mut server = Server::start(&database, &[]);
    run(async {
        let (client, connection) = connect(server.address).await;
        let mut ready = client.clone().ready().await.unwrap();
        let (response, mut stream) = ready.send_request(request("POST", "/v2/customers"), false).unwrap();
        let body = customer(&json!({})).to_string();
        let (first, rest) = body.split_at(body.len() / 2);
        stream.send_data(first.to_owned().into(), false).unwrap();
        // Answered behind it, so that the server has begun with it.
        assert_eq!(ask(&client, "GET", "/v2/me", None).await.unwrap().0, 200);
        server.signal("TERM");
        while TcpStream::connect(server.address).await.is_ok() {}
        stream.send_data(rest.to_owned().into(), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 201);
        drop((client, ready));
        connection.await.unwrap().unwrap();
    });
    assert_eq!(server.wait().0.code(), Some(0), "{}", server.log());
}
