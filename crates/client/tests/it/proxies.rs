//! Proxies between the client and a server.

use crate::scripted::response;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_client::{Client, Error, Options, Patience, Proxies};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that knows one server, whatever name it is asked for, and remembers the heads of requests.
struct Proxy {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// `status`: what a `CONNECT` is answered with.
    async fn start(server: std::net::SocketAddr, status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let remembered = Arc::clone(&heads);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.unwrap() > 0 {}
                remembered.lock().unwrap().push(head.clone());
                if head.starts_with("CONNECT ") {
                    stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.unwrap();
                    if status.starts_with("200") {
                        let mut server = TcpStream::connect(server).await.unwrap();
                        drop(copy_bidirectional(&mut stream, &mut server).await);
                    }
                } else {
                    stream.write_all(response("200 OK", &[], r#"{"id": 7}"#).as_bytes()).await.unwrap();
                }
                drop(stream.shutdown().await);
            }
        });
        Proxy { port, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().iter().map(|head| head.to_ascii_lowercase()).collect()
    }

    fn client(&self, url: &str, no_proxy: &str, authorities: Option<std::path::PathBuf>) -> Client {
        let proxies = Proxies::all(&format!("http://user:pass@127.0.0.1:{}", self.port), no_proxy);
        assert!(!format!("{proxies:?}").contains("pass"));
        client(url, proxies, authorities).unwrap()
    }
}

fn client(url: &str, proxies: Proxies, authorities: Option<std::path::PathBuf>) -> Result<Client, Error> {
    let patience = Patience { busy: Duration::ZERO, unreachable: Duration::ZERO };
    let options = Options { patience, authorities, proxies, ..Options::default() };
    Client::new(url.parse().unwrap(), &"a-key".to_owned().into(), &options)
}

#[tokio::test]
async fn https_passes_through_a_proxy_that_does_not_see_the_key() {
    let (server, authority) = crate::tls::server("tenantry.test").await;
    let proxy = Proxy::start(server, "200 OK").await;
    let client = proxy.client("https://tenantry.test", "", Some(authority.path().to_owned()));
    assert_eq!(client.get("/v2/me").await.unwrap().json().unwrap()["id"], 1);
    let head = &proxy.heads()[0];
    assert!(head.starts_with("connect tenantry.test:443 http/1.1\r\n"), "{head}");
    assert!(head.contains("proxy-authorization: basic ") && !head.contains("a-key"), "{head}");

    let refusing = Proxy::start(server, "407 Proxy Authentication Required").await;
    let client = refusing.client("https://tenantry.test", "", Some(authority.path().to_owned()));
    let refused = client.get("/v2/me").await.unwrap_err().to_string();
    assert!(
        refused.contains("authorization required")
            && refused.contains(&format!("(through the proxy http://127.0.0.1:{}/)", refusing.port))
            && !refused.contains("pass"),
        "{refused}"
    );
}

#[tokio::test]
async fn http_is_forwarded_and_no_proxy_goes_past() {
    let server = crate::scripted::Server::start(&[&response("200 OK", &[], r#"{"id": 1}"#)]).await;
    let proxy = Proxy::start(server.address, "200 OK").await;
    let client = proxy.client("http://tenantry.test:8080/api", "elsewhere.test", None);
    assert_eq!(client.get("/v2/me").await.unwrap().json().unwrap()["id"], 7);
    let head = &proxy.heads()[0];
    assert!(head.starts_with("get http://tenantry.test:8080/api/v2/me http/1.1\r\n"), "{head}");
    assert!(
        head.contains("proxy-authorization: basic ") && head.contains("host: tenantry.test:8080"),
        "{head}"
    );

    // Past the proxy: names of NO_PROXY, of which there is no such server, and this machine.
    let past = proxy.client("http://tenantry.invalid", ".invalid", None);
    assert!(matches!(past.get("/v2/me").await.unwrap_err(), Error::Unreachable { .. }));
    let here = proxy.client(&format!("http://{}", server.address), "", None);
    assert_eq!(here.get("/v2/me").await.unwrap().json().unwrap()["id"], 1);
    assert_eq!(proxy.heads().len(), 1);
}

#[tokio::test]
async fn other_kinds_of_proxies_are_refused() {
    for proxy in ["socks5://127.0.0.1:1080", "https://127.0.0.1:3128"] {
        let refused = client("https://tenantry.test", Proxies::all(proxy, ""), None).unwrap_err().to_string();
        assert!(refused.contains("must start with http://"), "{refused}");
    }
}
