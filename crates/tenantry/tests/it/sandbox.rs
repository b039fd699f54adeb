//! The sandbox: a clock that only moves when it is told to, and a sign on every answer.

use crate::support::{Database, Engine, NOW, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(
    its_clock_decides_what_is_the_future,
    it_shows_itself_on_every_answer,
    it_exists_only_when_asked_for,
    it_is_changed_with_a_key_only,
);

fn its_clock_decides_what_is_the_future(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let api = server.admin();
    assert_eq!(api.get("/sandbox/clock").json(), json!({"now": NOW}));
    let trial =
        |name: &str| customer(&json!({"name": name, "trial_expiration_date": "2016-09-22T00:00:00Z"}));
    let moved = |now: &str| {
        let answer = api.put("/sandbox/clock", &json!({"now": now}));
        assert_eq!((answer.status, &answer.json()["now"]), (200, &json!(now)));
    };

    let id = api.create(&trial("first"))["id"].clone();
    moved("2016-09-21T23:59:59Z");
    assert_eq!(api.create(&trial("second"))["created_at"], "2016-09-21T23:59:59Z");
    assert_eq!(api.get("/v2/customers?trial=active").header("x-total"), "2");
    moved("2016-09-22T00:00:00Z");
    assert_eq!(api.post("/v2/customers", &trial("third")).details(), "/trial_expiration_date not_future");
    assert_eq!(api.get("/v2/customers?trial=active").header("x-total"), "0");
    assert_eq!(api.get("/v2/customers?trial=expired").header("x-total"), "2");

    // A trial that has ended meanwhile may be sent back, and a change says when it was made.
    let changed = api.put(&format!("/v2/customers/{id}"), &trial("renamed"));
    assert_eq!((changed.status, &changed.json()["updated_at"]), (200, &json!("2016-09-22T00:00:00Z")));
    assert_eq!(changed.json()["created_at"], NOW);
    // And back.
    moved(NOW);
    api.create(&trial("third"));
}

fn it_shows_itself_on_every_answer(engine: Engine) {
    let server = Server::shared(engine);
    let api = server.partner();
    for path in [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/v2/customers",
        "/v2/customers/0",
        "/nowhere",
        "/sandbox/clock",
    ] {
        for authorization in [None, Some(api.key.as_str())] {
            let answer = api.call("GET", path).authorization(authorization).send();
            assert_eq!(answer.header("x-tenantry-sandbox"), "true", "{path} {}", answer.status);
        }
    }
    assert_eq!(api.post("/v2/customers", &json!([])).header("x-tenantry-sandbox"), "true");
    let malformed = api.raw(b"GET /v2/customers?q=%zz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    assert!(malformed.to_ascii_lowercase().contains("x-tenantry-sandbox: true"), "{malformed}");
}

fn it_exists_only_when_asked_for(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let api = server.admin();
    for (method, path) in [("GET", "/sandbox/clock"), ("PUT", "/sandbox/clock"), ("PUT", "/sandbox/next")] {
        let answer = api.call(method, path).json(&json!({"now": NOW, "id": 7})).send();
        assert_eq!(answer.status, 404, "{method} {path}");
        assert_eq!(answer.header("x-tenantry-sandbox"), "");
    }
    assert_eq!(api.create(&customer(&json!({})))["id"], 1);
}

fn it_is_changed_with_a_key_only(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let api = server.admin();
    for (path, body) in
        [("/sandbox/clock", json!({"now": "2026-01-01T00:00:00Z"})), ("/sandbox/next", json!({"id": 7}))]
    {
        for authorization in [None, Some("tnt_wrong")] {
            let answer = api.call("PUT", path).authorization(authorization).json(&body).send();
            assert_eq!(answer.status, 401, "{path}: {}", answer.text());
        }
    }
    assert_eq!(api.get("/sandbox/clock").json(), json!({"now": NOW}));
    for id in [json!(0), json!(-1), json!(1.5), json!(9_007_199_254_740_992_i64), json!(i64::MAX), json!("7")]
    {
        let answer = api.put("/sandbox/next", &json!({"id": id}));
        assert_eq!((answer.status, answer.details().as_str()), (422, "/id invalid"), "{id}");
    }
    assert_eq!(api.create(&customer(&json!({})))["id"], 1);
}
