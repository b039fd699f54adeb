//! What stands before the answers: the pace, the faults, the tokens.

use super::behaviour::{Asked, Fault};
use super::customers::mixed;
use super::{Sandbox, State};
use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How many requests are remembered.
const REMEMBERED: usize = 1000;

/// A time in which requests are counted.
pub(super) struct Window {
    end: Instant,
    requests: u32,
}

/// A token that was given out.
pub(super) struct Issued {
    end: Instant,
    calls_left: Option<u32>,
}

impl State {
    /// Seconds until the window ends, if this request is one too many.
    fn throttled(&mut self) -> Option<u64> {
        let most = self.behaviour.throttle_after?;
        let length = Duration::from_secs(self.behaviour.window_seconds);
        let now = Instant::now();
        let window = match self.window.take_if(|window| window.end > now) {
            Some(window) => window,
            None => Window { end: now + length, requests: 0 },
        };
        let over = window.requests >= most;
        let left = window.end - now;
        self.window = Some(Window { requests: window.requests + u32::from(!over), ..window });
        over.then(|| u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
    }

    fn is_known(&mut self, headers: &HeaderMap) -> bool {
        let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let Some(issued) = token.and_then(|token| self.tokens.get_mut(token)) else { return false };
        match &mut issued.calls_left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                issued.end > Instant::now()
            }
            None => issued.end > Instant::now(),
        }
    }

    /// A new token, as long as real ones are.
    pub(super) fn issue(&mut self, seed: u64) -> String {
        let now = Instant::now();
        self.tokens.retain(|_, issued| issued.end > now);
        let first = mixed(seed ^ mixed(self.counts.sign_ins));
        let token: String = (0..64)
            .scan(first, |last, _| {
                *last = mixed(*last);
                Some(format!("{last:016x}"))
            })
            .collect();
        let issued = Issued {
            end: now + Duration::from_secs(self.behaviour.token_seconds),
            calls_left: self.behaviour.token_calls,
        };
        self.tokens.insert(token.clone(), issued);
        token
    }
}

impl Sandbox {
    /// Every request to the API comes by here.
    pub(super) async fn gate(Extract(sandbox): Extract<Sandbox>, request: Request, next: Next) -> Response {
        let headers = request.headers().clone();
        let stopped = sandbox.stop(&request);
        let mut answer = match stopped {
            Some(Stopped::With(answer)) => answer,
            Some(Stopped::By(fault)) => match fault.happen(&headers, &Bytes::new()).await {
                Some(answer) => answer,
                None => next.run(request).await,
            },
            None => next.run(request).await,
        };
        if headers.get("validatemfa").is_some_and(|value| value == "true") {
            let compliant = if sandbox.state().behaviour.mfa_compliant { "true" } else { "false" };
            answer.headers_mut().insert("ismfacompliant", HeaderValue::from_static(compliant));
        }
        for id in ["ms-correlationid", "ms-requestid"] {
            if let (Some(value), Ok(name)) = (headers.get(id), http::HeaderName::from_bytes(id.as_bytes())) {
                answer.headers_mut().insert(name, value.clone());
            }
        }
        answer
    }

    fn stop(&self, request: &Request) -> Option<Stopped> {
        let mut state = self.state();
        let header = |name: &str| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let asked = Asked {
            path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            correlation_id: header("ms-correlationid"),
            request_id: header("ms-requestid"),
        };
        state.counts.requests += 1;
        if state.asked.len() == REMEMBERED {
            state.asked.pop_front();
        }
        state.asked.push_back(asked);
        if let Some(seconds) = state.throttled() {
            state.counts.throttled += 1;
            let message = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
            let body = json!({"statusCode": 429, "message": message}).to_string();
            let headers = [(RETRY_AFTER, seconds.to_string()), (CONTENT_TYPE, "application/json".to_owned())];
            return Some(Stopped::With((StatusCode::TOO_MANY_REQUESTS, headers, body).into_response()));
        }
        if let Some(fault) = state.behaviour.next.pop_front() {
            state.counts.throttled += u64::from(matches!(fault, Fault::Status { status: 429, .. }));
            return Some(Stopped::By(fault));
        }
        if !state.is_known(request.headers()) {
            state.counts.unauthorized += 1;
            drop(state);
            return Some(Stopped::With(self.error(StatusCode::UNAUTHORIZED, 1002, "Authorization Failed")));
        }
        if state.behaviour.mfa_required {
            state.counts.unauthorized += 1;
            drop(state);
            return Some(Stopped::With(self.error(StatusCode::UNAUTHORIZED, 900_421, "MFA is required.")));
        }
        if state.behaviour.no_role {
            drop(state);
            // It says no more than that.
            return Some(Stopped::With((StatusCode::FORBIDDEN, "null").into_response()));
        }
        None
    }

    /// An answer in JSON.
    pub(super) fn json(&self, status: StatusCode, body: &Value) -> Response {
        let mark = if self.state().behaviour.byte_order_mark { "\u{feff}" } else { "" };
        (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], format!("{mark}{body}")).into_response()
    }

    /// An error in Partner Center's form.
    pub(super) fn error(&self, status: StatusCode, code: u32, description: &str) -> Response {
        let source = "PartnerFD";
        self.json(status, &json!({"code": code, "description": description, "data": [], "source": source}))
    }
}

enum Stopped {
    With(Response),
    By(Fault),
}

impl Fault {
    /// Its answer, if it has one: [`Fault::None`] has not, and [`Fault::Hang`] never.
    pub(super) async fn happen(self, headers: &HeaderMap, body: &Bytes) -> Option<Response> {
        let code = |status: u16| StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let beginning = || stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"items\": ["))]);
        let ok = |body: Body| (StatusCode::OK, [(CONTENT_TYPE, "application/json")], body).into_response();
        Some(match self {
            Fault::None => return None,
            Fault::Status { status, retry_after } => {
                let body = json!({"code": status, "description": "A fault that was asked for.", "source": "sandbox"});
                let mut answer = (code(status), body.to_string()).into_response();
                if let Some(seconds) = retry_after {
                    answer.headers_mut().insert(RETRY_AFTER, seconds.into());
                }
                answer
            }
            Fault::Error { status, code: number, description, retry_after } => {
                let body =
                    json!({"code": number, "description": description, "data": [], "source": "sandbox"});
                let mut answer = (code(status), body.to_string()).into_response();
                if let Some(value) = retry_after.and_then(|value| value.parse().ok()) {
                    answer.headers_mut().insert(RETRY_AFTER, value);
                }
                answer
            }
            Fault::Page { status } => (code(status), "<html><title>Gateway</title></html>").into_response(),
            Fault::Hang => std::future::pending().await,
            Fault::Stall => ok(Body::from_stream(beginning().chain(stream::pending()))),
            Fault::Break => {
                let broken = stream::iter([Err(std::io::Error::other("broken off"))]);
                ok(Body::from_stream(beginning().chain(broken)))
            }
            Fault::Malformed => ok(Body::from(r#"{"items": [{"id": "#)),
            Fault::Another => ok(Body::from(r#"["not", "it"]"#)),
            Fault::Stranger => ok(Body::from(r#"{"id": "00000000-0000-4000-8000-000000000000"}"#)),
            Fault::Endless => ok(Body::from_stream(stream::repeat_with(|| {
                Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65_536]))
            }))),
            Fault::Redirect { to } => (StatusCode::FOUND, [(LOCATION, to)]).into_response(),
            Fault::Echo => {
                let token = headers.get(AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
                let encoded = String::from_utf8_lossy(body).replace(['&', '='], " ");
                let form: Vec<_> = form_urlencoded::parse(body).map(|(_, value)| value).collect();
                let said = format!("You said {} {encoded} {}", token.unwrap_or_default(), form.join(" "));
                let body = json!({"code": 2000, "description": said});
                (StatusCode::BAD_REQUEST, body.to_string()).into_response()
            }
        })
    }
}
