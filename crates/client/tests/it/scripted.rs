//! A server that gives prepared answers, one for each request, and remembers the requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_client::{Client, Options, Patience};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// An answer that closes the connection without a word.
pub(crate) const BREAK: &str = "";

pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut answers: std::collections::VecDeque<String> =
            answers.iter().map(|answer| (*answer).to_owned()).collect();
        tokio::spawn({
            let requests = Arc::clone(&requests);
            async move {
                while let Some(answer) = answers.pop_front() {
                    let (stream, _) = listener.accept().await.unwrap();
                    let request = serve(stream, &answer).await;
                    requests.lock().unwrap().push(request);
                }
            }
        });
        Server { address, requests }
    }

    /// The requests so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn client(&self) -> Client {
        let patience = Patience { busy: Duration::from_secs(5), unreachable: Duration::from_secs(5) };
        let options = Options { patience, ..Options::default() };
        Client::new(format!("http://{}", self.address).parse().unwrap(), &"a-key".to_owned().into(), &options)
            .unwrap()
    }
}

/// Reads a request, answers it, and closes the connection.
pub(crate) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut stream = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    request.push_str(&String::from_utf8(body).unwrap());
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    request
}

/// A response with these further headers.
pub(crate) fn response(status: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}
