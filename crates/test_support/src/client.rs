//! The client. What it receives for a documented operation has to be what the OpenAPI document says.

use crate::conformance;
use http::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// No answer takes as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A way to a server: its address, and the key that is shown.
#[derive(Clone)]
pub struct Api {
    pub address: SocketAddr,
    pub key: String,
    agent: ureq::Agent,
}

/// A request that is being put together.
pub struct Call {
    api: Api,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    authorization: Option<String>,
    body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Api {
    pub fn new(address: SocketAddr, key: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .proxy(None)
            .allow_non_standard_methods(true)
            .timeout_global(Some(PATIENCE))
            .build();
        Api { address, key: key.to_owned(), agent: config.into() }
    }

    /// On the same server, with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Api { key: key.to_owned(), ..self.clone() }
    }

    /// With the same key, on another server.
    pub fn on(&self, address: SocketAddr) -> Self {
        Api { address, ..self.clone() }
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        Call {
            api: self.clone(),
            method: method.parse().unwrap(),
            path: path.to_owned(),
            headers: Vec::new(),
            authorization: Some(format!("Bearer {}", self.key)),
            body: None,
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path).send()
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path).send()
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path).json(body).send()
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path).json(body).send()
    }

    /// A customer, created.
    pub fn create(&self, body: &Value) -> Value {
        let answer = self.post("/v2/customers", body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// A user, made where `path` says: its id, and a way in with its key.
    pub fn user(&self, path: &str, body: &Value) -> (i64, Self) {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let user = answer.json();
        (user["id"].as_i64().unwrap(), self.with_key(user["api_key"].as_str().unwrap()))
    }

    /// A partner's own user with this role, and an e-mail address that nobody else has.
    pub fn colleague(&self, role: &str) -> (i64, Self) {
        self.user("/v2/users", &json!({"email": some_email(), "role": role}))
    }

    /// A user of this customer.
    pub fn user_of(&self, customer: i64) -> (i64, Self) {
        self.user(&format!("/v2/customers/{customer}/users"), &json!({"email": some_email()}))
    }

    /// A user of this customer with this role.
    pub fn user_as(&self, customer: i64, role: &str) -> (i64, Self) {
        let body = json!({"email": some_email(), "role": role});
        self.user(&format!("/v2/customers/{customer}/users"), &body)
    }

    /// The partner's audit trail, page by page, without what only tells of new shards.
    pub fn trail(&self, query: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut path = format!("/v2/audit_events?{query}");
        loop {
            let page = self.get(&path);
            assert_eq!(page.status, 200, "{}", page.text());
            events.extend(page.json()["audit_events"].as_array().unwrap().iter().cloned());
            match page.header("link").strip_prefix('<').and_then(|link| link.split_once('>')) {
                Some((next, "; rel=\"next\"")) => {
                    path = next.strip_prefix(&format!("http://{}", self.address)).unwrap().to_owned();
                }
                Some(other) => panic!("{other:?}"),
                None => break,
            }
        }
        events.retain(|event| event["action"] != "audit.shard");
        events
    }

    /// Move the sandbox's clock.
    pub fn set_clock(&self, now: &str) {
        let answer = self.put("/sandbox/clock", &json!({"now": now}));
        assert_eq!((answer.status, &answer.json()["now"]), (200, &json!(now)));
    }

    /// These bytes on a connection of their own, and all that comes back until the server closes it.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        drop(stream.write_all(bytes)); // the server may have answered and closed before the end
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Call {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another `Authorization`, or none.
    pub fn authorization(mut self, value: Option<&str>) -> Self {
        self.authorization = value.map(str::to_owned);
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub fn send(self) -> Answer {
        self.try_send().unwrap()
    }

    /// The answer, or none where the connection broke.
    pub fn try_send(self) -> Result<Answer, ureq::Error> {
        let mut request =
            Request::builder().method(&self.method).uri(format!("http://{}{}", self.api.address, self.path));
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(value) = self.authorization {
            request = request.header("Authorization", value);
        }
        let mut response = match self.body {
            Some(body) => self.api.agent.run(request.body(body).unwrap())?,
            None => self.api.agent.run(request.body(()).unwrap())?,
        };
        let body = response.body_mut().read_to_vec()?;
        let answer = Answer { status: response.status().as_u16(), headers: response.headers().clone(), body };
        conformance::check(&self.method, &self.path, &answer);
        Ok(answer)
    }
}

fn some_email() -> String {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    format!("user-{}@example.com", GIVEN.fetch_add(1, Ordering::Relaxed))
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value; `""` where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What is wrong, where and in which order: `"/name required, /tags too_many"`; parameters as `?page`.
    pub fn details(&self) -> String {
        let body = self.json();
        let details = body["details"].as_array().map_or(&[][..], Vec::as_slice);
        let shown = details.iter().map(|detail| {
            let place = match (detail["pointer"].as_str(), detail["parameter"].as_str()) {
                (Some(pointer), None) => pointer.to_owned(),
                (None, Some(parameter)) => format!("?{parameter}"),
                _ => panic!("neither a pointer nor a parameter alone: {detail}"),
            };
            format!("{place} {}", detail["code"].as_str().unwrap())
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}
