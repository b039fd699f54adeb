//! A collector: what comes over OTLP is kept.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// It listens until this process ends.
pub(crate) struct Collector {
    pub(crate) url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        std::thread::spawn({
            let bodies = Arc::clone(&bodies);
            move || {
                for stream in listener.incoming() {
                    let bodies = Arc::clone(&bodies);
                    std::thread::spawn(move || while take(stream.as_ref().unwrap(), &bodies).is_some() {});
                }
            }
        });
        Collector { url, bodies }
    }

    /// All that has come.
    pub(crate) fn received(&self) -> Received {
        let bodies = self.bodies.lock().unwrap().clone();
        let mut received = Received { bodies, spans: Vec::new(), service: None };
        for body in &received.bodies {
            for of_resource in ExportTraceServiceRequest::decode(body.as_slice()).unwrap().resource_spans {
                let attributes = of_resource.resource.unwrap_or_default().attributes;
                let service = attributes.iter().find(|attribute| attribute.key == "service.name");
                received.service = service.and_then(|service| text(service.value.as_ref()?.value.as_ref()?));
                received.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        received
    }
}

/// One request of a connection. `None` when it has ended.
fn take(stream: &TcpStream, bodies: &Mutex<Vec<Vec<u8>>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(said) = line.strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    assert!(first.starts_with("POST /v1/traces "), "{first}");
    bodies.lock().unwrap().push(body);
    let mut answer = stream;
    answer
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")
        .ok()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What has come.
pub(crate) struct Received {
    bodies: Vec<Vec<u8>>,
    pub(crate) spans: Vec<Span>,
    /// The name of the service that the last spans are of.
    pub(crate) service: Option<String>,
}

impl Received {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.spans.iter().map(|span| span.name.as_str()).collect()
    }

    /// A text or a number.
    pub(crate) fn attribute(span: &Span, key: &str) -> Option<String> {
        let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
        text(found.value.as_ref()?.value.as_ref()?)
    }

    /// Whether these bytes are anywhere in what came.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.bodies.iter().any(|body| body.windows(text.len()).any(|bytes| bytes == text.as_bytes()))
    }
}
