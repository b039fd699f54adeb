//! What is around every request: both versions of a path, paths and methods that are not there, the request's id, and
//! pages of other origins.

use crate::support::{Answer, Api, Database, Engine, Failures, Server, customer, on_both_engines};
use serde_json::json;
use std::collections::{BTreeSet, HashSet};

on_both_engines!(
    the_versions_are_one,
    slashes_too_many_change_nothing,
    what_is_not_there,
    every_request_has_an_id,
    every_line_of_the_log_has_it,
    pages_of_configured_origins_may_call,
    by_default_no_page_may_call,
);

const ID: &str = "the-same-for-all";

fn the_versions_are_one(engine: Engine) {
    let api = Server::shared(engine).partner();
    for (made_under, name) in [("v1", "One"), ("v2", "Other")] {
        let made = api.post(&format!("/{made_under}/customers"), &customer(&json!({"name": name})));
        let id = made.json()["id"].clone();
        assert_eq!((made.status, made.header("location")), (201, format!("/v1/customers/{id}").as_str()));
        assert_eq!(made.json()["_links"]["self"]["href"], format!("/v1/customers/{id}"));
        let read = both(&api, "GET", &format!("customers/{id}"), None);
        assert_eq!(read.text(), made.text());
        both(&api, "PUT", &format!("customers/{id}"), Some("{\"margin_percentage\": 100}"));
        both(&api, "PUT", &format!("customers/{id}"), Some("{\"margin_percentage\": 50}"));
    }
    both(&api, "POST", "customers", Some("{\"name\": \"one\",}"));
    both(&api, "POST", "customers", Some("{\"name\": \"one\"}"));
    both(&api, "GET", "customers/0", None);
    both(&api, "DELETE", "customers/0", None);
    both(&api, "PATCH", "customers/0", None);
    both(&api, "GET", "customers?page=x", None);
    // Lists are equal too, but for their links, which stay where they are.
    let lists = ["v1", "v2"].map(|version| api.get(&format!("/{version}/customers?q=o&per_page=1")));
    assert_eq!(lists[0].text(), lists[1].text());
    assert_eq!(lists[0].header("link").replace("/v1/", "/v2/"), lists[1].header("link"));
    assert!(lists[0].header("link").contains("/v1/customers?"), "{}", lists[0].header("link"));
}

/// Asked under either version, with the same answer to the byte.
fn both(api: &Api, method: &str, path: &str, body: Option<&str>) -> Answer {
    let ask = |version: &str| {
        let call = api.call(method, &format!("/{version}/{path}")).header("X-Request-Id", ID);
        match body {
            Some(body) => call.header("Content-Type", "application/json").body(body).send(),
            None => call.send(),
        }
    };
    let (one, mut other) = (ask("v1"), ask("v2"));
    other.headers.insert("date", one.headers["date"].clone());
    assert_eq!((one.status, one.text()), (other.status, other.text()), "{method} {path}");
    assert_eq!(one.headers, other.headers, "{method} {path}");
    one
}

fn slashes_too_many_change_nothing(engine: Engine) {
    let api = Server::shared(engine).partner();
    let made = api.post("/v2/customers/", &customer(&json!({})));
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/v2/customers/{}", made.json()["id"]);
    assert_eq!(api.get(&format!("{path}/")).text(), made.text());
    assert_eq!(api.get("/v1/customers/?q=acme").header("x-total"), "1");
    assert_eq!(api.get("/v1/customers/?q=nobody").header("x-total"), "0");
    assert_eq!(api.put(&format!("{path}/"), &json!({"name": "Other"})).json()["name"], "Other");
    assert_eq!(api.delete(&format!("{path}/")).status, 204);
    assert_eq!(api.get(&path).status, 404);
    assert_eq!(api.get("/healthz/").status, 200);
    for path in ["//v1/customers", "/v2//customers", "///v2///customers///", "//v2/customers?q=//"] {
        let answer = api.get(path);
        assert_eq!((answer.status, answer.header("x-total")), (200, "0"), "{path}: {}", answer.text());
    }
}

fn what_is_not_there(engine: Engine) {
    let api = Server::shared(engine).partner();
    let mut failures = Failures::default();
    for path in [
        "/nowhere",
        "/consoles",
        "/v2",
        "/v2/",
        "/v3/customers",
        "/v2/customer",
        "/V2/customers",
        "/v2/Customers",
        "/v2/customers/x",
        "/v2/customers/1/x",
        "/v2/customers/0",
        "/v2/customers/-1",
        "/v2/customers/1.0",
        "/v2/customers/1e0",
        "/v2/customers/0x1",
        "/v2/customers/%20",
        "/v2/customers/9223372036854775807",
        "/v2/customers/9223372036854775808",
        "/v2/customers/-9223372036854775809",
        "/v2/customers/99999999999999999999999999999999999999",
        "/v2/customers/..%2fusers",
        "/v2/customers/%00",
        "/v2/customers/%ff",
        "/v2/customers/%zz",
    ] {
        let answer = api.get(path);
        let said = answer.json();
        let good = answer.status == 404
            && said["error"].is_string()
            && said["request_id"] == answer.header("x-request-id")
            && said.as_object().unwrap().len() == 2;
        failures.case(path, if good { Ok(()) } else { Err(format!("{} {said}", answer.status)) });
    }
    for (method, path, allowed) in [
        ("PUT", "/v2/customers", "GET HEAD POST"),
        ("DELETE", "/v1/customers", "GET HEAD POST"),
        ("PATCH", "/v2/customers/", "GET HEAD POST"),
        ("OPTIONS", "/v2/customers", "GET HEAD POST"),
        ("TRACE", "/v2/customers", "GET HEAD POST"),
        ("QUERY", "/v2/customers", "GET HEAD POST"),
        ("POST", "/v2/customers/1", "DELETE GET HEAD PUT"),
        ("PATCH", "/v1/customers/x", "DELETE GET HEAD PUT"),
        ("OPTIONS", "/v1/customers/1", "DELETE GET HEAD PUT"),
        ("POST", "/healthz", "GET HEAD"),
        ("DELETE", "/openapi.json", "GET HEAD"),
    ] {
        let answer = api.call(method, path).send();
        let allow: BTreeSet<&str> = answer.header("allow").split(',').map(str::trim).collect();
        let allow = allow.into_iter().collect::<Vec<_>>().join(" ");
        let good = answer.status == 405 && allow == allowed && answer.json()["error"].is_string();
        let said = format!("{} {} Allow: {}", answer.status, answer.text(), answer.header("allow"));
        failures.case(&format!("{method} {path}"), if good { Ok(()) } else { Err(said) });
    }
    failures.done(35);
    // A HEAD is a GET without its body.
    let (get, head) = (api.get("/v2/customers"), api.call("HEAD", "/v2/customers").send());
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(get.header("x-total"), head.header("x-total"));
}

fn every_request_has_an_id(engine: Engine) {
    let api = Server::shared(engine).partner();
    let longest = "x".repeat(128);
    let too_long = "x".repeat(129);
    let mut made = HashSet::new();
    let mut asked = 0;
    for (given, taken) in [
        ("abc-123", true),
        ("0b7a1c52-51f6-4b11-9d44-3b7f8a0f1f00", true),
        ("a/b:c{}=\"'<>", true),
        (longest.as_str(), true),
        (too_long.as_str(), false),
        ("", false),
        ("two words", false),
        ("tab\tbed", false),
        ("ünïcødé", false),
    ] {
        for (method, path, status) in [
            ("GET", "/v2/customers", 200),
            ("GET", "/nowhere", 404),
            ("GET", "/v2/customers/0", 404),
            ("PATCH", "/v2/customers", 405),
            ("POST", "/v2/customers", 422),
            ("GET", "/healthz", 200),
        ] {
            let answer = api.call(method, path).header("X-Request-Id", given).send();
            let id = answer.header("x-request-id").to_owned();
            assert_eq!(answer.status, status, "{}", answer.text());
            if status >= 400 {
                assert_eq!(answer.json()["request_id"], id.as_str(), "{given}");
            }
            assert_eq!(id == given, taken, "{given:?} became {id:?}");
            if !taken {
                asked += 1;
                assert!(
                    id.len() >= 16 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
                    "{id:?}"
                );
                made.insert(id);
            }
        }
    }
    assert_eq!((made.len(), asked), (30, 30), "one was made twice: {made:?}");
}

fn every_line_of_the_log_has_it(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &[]);
    let api = server.admin();
    let mut asked = Vec::new();
    for i in 0..20 {
        let (method, path) = [
            ("GET", "/v2/customers"),
            ("GET", "/nowhere"),
            ("PATCH", "/v2/customers"),
            ("DELETE", "/v2/customers/0"),
            ("GET", "/v2/customers?q=%00"),
        ][i % 5];
        let id = format!("request-number-{i}-");
        let answer = api.call(method, path).header("X-Request-Id", &id).send();
        asked.push((id, method, path.split('?').next().unwrap(), answer.status));
    }
    let own = api.get("/v2/customers");
    asked.push((own.header("x-request-id").to_owned(), "GET", "/v2/customers", 200));
    server.signal("TERM");
    server.wait();
    let log = server.log();
    for (id, method, path, status) in &asked {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(id)).collect();
        let [line] = lines[..] else { panic!("{id} is in {} lines:\n{log}", lines.len()) };
        for said in [format!("method={method}"), format!("path=\"{path}\""), format!("status={status}")] {
            assert!(line.contains(&said), "{said} is missing: {line}");
        }
    }
    let answered = log.lines().filter(|line| line.contains("request completed")).count();
    assert_eq!(answered, asked.len(), "{log}");
}

const ORIGINS: [&str; 2] = ["https://console.example.com", "http://localhost:3000"];

fn pages_of_configured_origins_may_call(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--cors-origin", ORIGINS[0], "--cors-origin", ORIGINS[1]]);
    let api = server.admin();
    let id = api.create(&customer(&json!({})))["id"].clone();
    let one = format!("/v2/customers/{id}");
    let lists = |answer: &Answer, header: &str| -> Vec<String> {
        answer.header(header).to_ascii_lowercase().split(',').map(|part| part.trim().to_owned()).collect()
    };
    let strangers = [
        "https://evil.example.com",
        "http://console.example.com",
        "https://console.example.com:8443",
        "https://console.example.com.evil.com",
        "https://CONSOLE.example.co",
        "null",
    ];
    for (origin, known) in ORIGINS.map(|o| (o, true)).into_iter().chain(strangers.map(|o| (o, false))) {
        for (method, path) in
            [("POST", "/v2/customers"), ("PUT", one.as_str()), ("DELETE", &one), ("GET", "/v1/customers")]
        {
            let asked = api
                .call("OPTIONS", path)
                .authorization(None)
                .header("Origin", origin)
                .header("Access-Control-Request-Method", method)
                .header(
                    "Access-Control-Request-Headers",
                    "authorization,content-type,idempotency-key,if-match",
                );
            let answer = asked.send();
            assert_eq!(
                answer.header("access-control-allow-origin"),
                if known { origin } else { "" },
                "{origin}"
            );
            assert!(lists(&answer, "vary").contains(&"origin".into()), "{origin}: {:?}", answer.headers);
            if known {
                assert!(
                    answer.status == 200 && answer.body.is_empty(),
                    "{} {}",
                    answer.status,
                    answer.text()
                );
                assert!(
                    lists(&answer, "access-control-allow-methods").contains(&method.to_ascii_lowercase())
                );
                let headers = lists(&answer, "access-control-allow-headers");
                for header in [
                    "authorization",
                    "content-type",
                    "idempotency-key",
                    "if-match",
                    "if-none-match",
                    "prefer",
                    "x-request-id",
                ] {
                    assert!(headers.contains(&header.to_owned()), "{header} is not in {headers:?}");
                }
            }
        }
        // And then, whatever comes of it.
        let long = format!("/v2/customers?q={}", "x".repeat(5000));
        for (path, key, status) in [
            (one.as_str(), true, 200),
            ("/v2/customers", true, 200),
            ("/v2/customers", false, 401),
            ("/v2/customers/0", true, 404),
            ("/v2/customers?page=x", true, 422),
            (long.as_str(), true, 414),
        ] {
            let call = api.call("GET", path).header("Origin", origin);
            let answer = if key { call.send() } else { call.authorization(None).send() };
            assert_eq!(answer.status, status);
            assert_eq!(
                answer.header("access-control-allow-origin"),
                if known { origin } else { "" },
                "{origin} {status}"
            );
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            if known {
                let exposed = lists(&answer, "access-control-expose-headers");
                for header in [
                    "etag",
                    "link",
                    "location",
                    "retry-after",
                    "x-total",
                    "x-per-page",
                    "x-request-id",
                    "idempotency-replayed",
                ] {
                    assert!(exposed.contains(&header.to_owned()), "{header} is not in {exposed:?}");
                }
            }
        }
    }
    // Without an origin, nothing is different.
    assert_eq!(api.get(&one).header("access-control-allow-origin"), "");
}

fn by_default_no_page_may_call(engine: Engine) {
    let api = Server::shared(engine).partner();
    let preflight = api
        .call("OPTIONS", "/v2/customers")
        .authorization(None)
        .header("Origin", ORIGINS[0])
        .header("Access-Control-Request-Method", "POST")
        .send();
    assert_eq!(preflight.status, 405);
    let simple = api.call("GET", "/v2/customers").header("Origin", ORIGINS[0]).send();
    assert_eq!(simple.status, 200);
    for answer in [preflight, simple] {
        let shown = answer.headers.keys().find(|name| name.as_str().starts_with("access-control"));
        assert_eq!(shown, None);
    }
}
