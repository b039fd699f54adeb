//! Traces of requests, as a collector receives them from the real binary that was built with the feature `otlp`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::needless_pass_by_value, reason = "a case's values are written on the spot")]

mod collector;

use collector::{Collector, Received};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::json;
use std::net::TcpListener;
use test_support::{Api, Database, Engine, Failures, Server, customer};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_SPAN: &str = "00f067aa0ba902b7";

/// The variables of a server that sends its traces there.
fn to(url: &str) -> Vec<(&'static str, String)> {
    vec![("OTEL_EXPORTER_OTLP_ENDPOINT", url.to_owned())]
}

/// The log of a server that was asked this and then stopped; so all traces are sent.
fn traced(environment: &[(&str, String)], ask: impl FnOnce(&Api)) -> String {
    let database = Database::new(Engine::Sqlite);
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut server = Server::start_in(&database, &[], &environment);
    ask(&server.admin());
    server.signal("TERM");
    let (status, _) = server.wait();
    let log = server.log();
    assert!(status.success(), "{status}\n{log}");
    log
}

#[test]
fn each_request_is_a_span() {
    let collector = Collector::start();
    let unknown_key = "tnt_00000000000000000000000000000000";
    let log = traced(&to(&collector.url), |api| {
        let made = api.create(&customer(&json!({"name": "Fabrikam"})));
        let id = made["id"].as_i64().unwrap();
        api.call("GET", &format!("/v2/customers/{id}")).header("traceparent", PARENT).send();
        api.get("/v2/customers/0");
        api.get("/no/such/path");
        api.with_key(unknown_key).get("/v2/customers");
    });
    let received = collector.received();
    let mut failures = Failures::default();
    for (name, status, partner) in [
        ("POST /v2/customers", 201, true),
        ("GET /v2/customers/{id}", 200, true),
        ("GET /v2/customers/{id}", 404, true),
        ("GET", 404, false),
        ("GET /v2/customers", 401, false),
    ] {
        let found = received.spans.iter().find(|span| {
            span.name == name
                && Received::attribute(span, "http.response.status_code") == Some(status.to_string())
        });
        let good = found.is_some_and(|span| {
            span.kind == SpanKind::Server as i32
                && span.end_time_unix_nano > span.start_time_unix_nano
                && Received::attribute(span, "tenantry.partner").is_some() == partner
                && Received::attribute(span, "client.address").as_deref() == Some("127.0.0.1")
                && Received::attribute(span, "url.path").is_some()
                && span.status.as_ref().is_none_or(|status| status.code == StatusCode::Unset as i32)
        });
        failures.case(
            name,
            if good { Ok(()) } else { Err(format!("{status}: {found:?} of {:?}", received.names())) },
        );
    }
    failures.done(5);
    // The one that came with a trace goes on with it, and its log line says which it is.
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let within: Vec<_> = received.spans.iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
    assert_eq!(within.len(), 1, "{:?}", received.names());
    assert_eq!(hex(&within[0].parent_span_id), PARENT_SPAN);
    let line = log.lines().find(|line| line.contains(TRACE)).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("request completed") && line.contains("/v2/customers/"), "{line}");
    assert_eq!(received.service.as_deref(), Some("tenantry"));
}

#[test]
fn keys_are_in_no_trace() {
    let collector = Collector::start();
    let mut shown = String::new();
    traced(&to(&collector.url), |api| {
        let made = api.post("/v2/users", &json!({"email": "v@example.com", "role": "viewer"})).json();
        shown = made["api_key"].as_str().unwrap().to_owned();
        let user = api.with_key(&shown);
        user.get("/v2/customers");
        user.get(&format!("/v2/customers?api_key={shown}"));
        // Somebody pastes it where it does not belong.
        user.get(&format!("/v2/customers/{shown}"));
        user.get(&format!("/{shown}"));
    });
    let received = collector.received();
    let paths: Vec<_> =
        received.spans.iter().filter_map(|span| Received::attribute(span, "url.path")).collect();
    assert!(paths.iter().any(|path| path.starts_with("/v2/customers/")), "{paths:?}");
    assert!(!received.contains(&shown), "{paths:?}");
    // The same look finds what is there.
    assert!(received.contains("/v2/customers/"));
}

#[test]
fn nothing_is_sent_unless_a_collector_is_named() {
    let collector = Collector::start();
    // The log's level is none of the traces' business.
    let quiet = [to(&collector.url), vec![("TENANTRY_LOG", "error".to_owned())]].concat();
    for (environment, sent) in [(vec![], false), (to(""), false), (quiet, true)] {
        traced(&environment, |api| {
            api.get("/v2/customers");
        });
        assert_eq!(!collector.received().spans.is_empty(), sent, "{environment:?}");
    }
}

/// Requests are answered, and the server stops.
#[test]
fn a_collector_that_is_gone_or_says_nothing_stops_nobody() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [closed, silent.local_addr().unwrap()] {
        traced(&to(&format!("http://{address}")), |api| {
            for _ in 0..50 {
                assert_eq!(api.get("/v2/customers").status, 200);
            }
        });
    }
}
