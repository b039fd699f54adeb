//! How a key is shown, which open nothing, and when one was last used.

use crate::support::{Api, Database, Engine, Failures, NOW, Server, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    ways_to_show_a_key,
    a_rotated_key_is_dead_and_the_new_one_lives,
    when_a_key_was_used_is_written_down_at_the_end,
);

#[rustfmt::skip]
fn ways_to_show_a_key(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let (id, revoked) = admin.colleague("viewer");
    assert_eq!(admin.delete(&format!("/v2/users/{id}/api_key")).status, 204);
    let (id, deleted) = admin.colleague("viewer");
    assert_eq!(admin.delete(&format!("/v2/users/{id}")).status, 204);
    let (good, dead, gone) = (admin.key.as_str(), revoked.key.as_str(), deleted.key.as_str());
    // The same id, so that it is found, and another secret.
    let forged = format!("{}{}", &good[..12], "0".repeat(50));
    let shortened = &good[..good.len() - 1];
    let longer = format!("{good}0");
    let cases = [
        ("Bearer",                       Some(format!("Bearer {good}")),   String::new(),               200),
        ("bearer",                       Some(format!("bearer {good}")),   String::new(),               200),
        ("BEARER and spaces",            Some(format!("BEARER   {good} ")), String::new(),              200),
        ("the key alone",                Some(good.to_owned()),            String::new(),               200),
        ("in the query string",          None,                             format!("?api_key={good}"),  200),
        ("... among others",             None,                             format!("?page=1&api_key={good}&per_page=2"), 200),
        ("the header wins",              Some(format!("Bearer {good}")),   format!("?api_key={dead}"),  200),
        ("the header wins, too",         Some(format!("Bearer {dead}")),   format!("?api_key={good}"),  401),
        ("none",                         None,                             String::new(),               401),
        ("empty",                        Some(String::new()),              String::new(),               401),
        ("Bearer and nothing",           Some("Bearer ".into()),           String::new(),               401),
        ("Basic",                        Some(format!("Basic {good}")),    String::new(),               401),
        ("empty in the query string",    None,                             "?api_key=".into(),          401),
        ("another secret",               Some(forged),                     String::new(),               401),
        ("without its last character",   Some(shortened.to_owned()),       String::new(),               401),
        ("with one more",                Some(longer),                     String::new(),               401),
        ("in other case",                Some(good.to_uppercase()),        String::new(),               401),
        ("revoked",                      Some(dead.to_owned()),            String::new(),               401),
        ("of a user that is gone",       Some(gone.to_owned()),            String::new(),               401),
        ("no UTF-8 boundary in its id",  None,                             "?api_key=tnt_aaaaaaa%C3%A9".into(), 401),
        ("very long",                    Some("k".repeat(4000)),           String::new(),               401),
    ];
    let mut failures = Failures::default();
    let mut unauthorized = Vec::new();
    for (name, header, query, expected) in cases {
        let call = admin.call("GET", &format!("/v2/users{query}")).header("X-Request-Id", "same");
        let answer = call.authorization(header.as_deref()).send();
        failures.case(name, if answer.status == expected { Ok(()) } else { Err(answer.status.to_string()) });
        if answer.status == 401 {
            assert_ne!(answer.header("www-authenticate"), "", "{name}");
            // What is wrong with the form is said.
            let malformed = ["none", "empty", "Bearer and nothing", "Basic", "no UTF-8 boundary in its id"];
            if !malformed.contains(&name) && name != "empty in the query string" {
                unauthorized.push(answer.text());
            }
        }
        assert!(!answer.header("link").contains("api_key"), "{name}");
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
    }
    failures.done(21);
    unauthorized.dedup();
    assert_eq!(unauthorized.len(), 1, "{unauthorized:?}");
}

fn a_rotated_key_is_dead_and_the_new_one_lives(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let (id, first) = admin.colleague("operator");
    let path = format!("/v2/users/{id}/api_key");
    let mut keys = vec![first];
    for body in [None, Some(json!({})), Some(json!({"api_key_expires_at": "2016-12-01"}))] {
        let call = admin.call("POST", &path);
        let answer = match &body {
            Some(body) => call.json(body).send(),
            None => call.send(),
        };
        assert_eq!(answer.status, 201, "{}", answer.text());
        let expires = body.is_some_and(|body| body["api_key_expires_at"].is_string());
        let expected = if expires { json!("2016-12-01T00:00:00Z") } else { Value::Null };
        assert_eq!(answer.json().get("api_key_expires_at").unwrap_or(&Value::Null), &expected);
        keys.push(admin.with_key(answer.json()["api_key"].as_str().unwrap()));
        let statuses: Vec<u16> = keys.iter().map(|api| api.get("/v2/me").status).collect();
        let (last, dead) = statuses.split_last().unwrap();
        assert!(*last == 200 && dead.iter().all(|status| *status == 401), "{statuses:?}");
    }
    // Revoked, it has none; rotated, it has one again.
    assert_eq!(admin.delete(&path).status, 204);
    assert_eq!(admin.delete(&path).status, 204, "taking away what is not there is no mistake");
    assert_eq!(keys[3].get("/v2/me").status, 401);
    assert_eq!(admin.get(&format!("/v2/users/{id}")).json()["has_api_key"], false);
    let back = admin.call("POST", &path).send().json();
    assert_eq!(admin.with_key(back["api_key"].as_str().unwrap()).get("/v2/me").status, 200);

    // An admin who rotates its own key goes on with the new one.
    let own = admin.get("/v2/me").json()["id"].clone();
    let rotated = admin.call("POST", &format!("/v2/users/{own}/api_key")).send().json();
    assert_eq!(admin.get("/v2/me").status, 401);
    assert_eq!(admin.with_key(rotated["api_key"].as_str().unwrap()).get("/v2/users").status, 200);
}

fn when_a_key_was_used_is_written_down_at_the_end(engine: Engine) {
    let database = Database::new(engine);
    let used = |email: &str| {
        database.value(&format!(
            "SELECT k.last_used_at FROM api_keys k JOIN users u ON u.partner_id = k.partner_id AND u.id = k.user_id
             WHERE u.email = '{email}'"
        ))
    };
    let mut server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let user = |email: &str| admin.user("/v2/users", &json!({"email": email, "role": "viewer"})).1;
    let (busy, idle): (Api, Api) = (user("busy@example.com"), user("idle@example.com"));
    let watch = (engine == Engine::Sqlite).then(|| {
        let file = database.url.strip_prefix("sqlite:").unwrap();
        rusqlite::Connection::open(file).unwrap()
    });
    let version = || {
        let ask = |conn: &rusqlite::Connection| conn.query_row("PRAGMA data_version", [], |row| row.get(0));
        watch.as_ref().map_or(0, |conn| ask(conn).unwrap())
    };
    let before: i64 = version();
    for second in 5..10 {
        admin.set_clock(&format!("2016-09-15T18:17:0{second}Z"));
        (0..10).for_each(|_| assert_eq!(busy.get("/v2/me").status, 200));
    }
    assert_eq!(version(), before, "reading wrote something");
    assert_eq!((used("busy@example.com"), used("idle@example.com")), (String::new(), String::new()));
    // The control: a change is seen.
    drop(admin.colleague("viewer"));
    assert!(watch.is_none() || version() != before);

    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
    let last = "2016-09-15T18:17:09Z".parse::<jiff::Timestamp>().unwrap().as_second().to_string();
    assert_eq!((used("busy@example.com"), used("idle@example.com")), (last, String::new()));
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let users = server.admin().get("/v2/users").json();
    let users = users["users"].as_array().unwrap();
    let of = |email: &str| users.iter().find(|user| user["email"] == email).unwrap().get("last_used_at");
    assert_eq!(of("busy@example.com"), Some(&json!("2016-09-15T18:17:09Z")));
    assert_eq!(of("idle@example.com"), None);
    drop(idle);
}
