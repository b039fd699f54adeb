//! `Idempotency-Key`: a request that is repeated is answered as it was the first time, and done once.

use crate::support::{Answer, Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::sync::Barrier;

on_both_engines!(
    the_first_answer_again,
    the_same_json_written_differently_is_the_same_request,
    another_request_under_the_same_key_is_refused,
    a_key_is_the_partners_own,
    a_failed_validation_is_not_stored,
    keys_that_are_none,
    two_at_the_same_instant_make_one,
    a_key_is_free_again_after_a_day,
    a_key_is_free_again_after_a_refusal,
    an_answer_outlives_a_crash_and_its_own_validity,
    a_shown_key_is_shown_again_and_kept_nowhere,
);

fn post(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    api.call("POST", path).header("Idempotency-Key", key).json(body).send()
}

fn total(api: &Api) -> String {
    api.get("/v2/customers").header("x-total").to_owned()
}

/// The same answer, but for what says that it is a repetition.
fn is_repetition(first: &Answer, again: &Answer) -> Result<(), String> {
    let described = |answer: &Answer| {
        let headers =
            ["location", "etag", "content-type", "content-length"].map(|name| answer.header(name).to_owned());
        (answer.status, headers, answer.text())
    };
    if described(first) != described(again) {
        return Err(format!("{first:?} and {again:?}"));
    }
    match (first.header("idempotency-replayed"), again.header("idempotency-replayed")) {
        ("", "true") => Ok(()),
        (first, again) => Err(format!("Idempotency-Replayed: {first:?}, then {again:?}")),
    }
}

#[track_caller]
fn assert_repetition(first: &Answer, again: &Answer) {
    assert_eq!(first.status, 201, "{}", first.text());
    is_repetition(first, again).unwrap();
}

fn the_first_answer_again(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let body = customer(&json!({}));
    let first = post(&admin, "/v2/customers", "a key, \"quoted\"", &body);
    assert_ne!((first.header("location"), first.header("etag")), ("", ""));
    for _ in 0..3 {
        assert_repetition(&first, &post(&admin, "/v2/customers", "a key, \"quoted\"", &body));
    }
    // However the caller shows its key, and whoever of the partner repeats it.
    let query = format!("/v2/customers?api_key={}", admin.key);
    let call = admin.call("POST", &query).authorization(None).header("Idempotency-Key", "a key, \"quoted\"");
    assert_repetition(&first, &call.json(&body).send());
    // An operator without `billing` would not see the margin in it.
    let roles = json!({"email": "both@example.com", "roles": ["operator", "billing"]});
    let (_, operator) = admin.user("/v2/users", &roles);
    assert_repetition(&first, &post(&operator, "/v2/customers", "a key, \"quoted\"", &body));
    let (_, viewer) = admin.colleague("viewer");
    assert_eq!(post(&viewer, "/v2/customers", "a key, \"quoted\"", &body).status, 403);
    // A command on the same database, whose clock is ten years ahead, forgets nothing.
    assert!(Server::shared(engine).run(&["partner", "list"]).status.success());
    assert_repetition(&first, &post(&admin, "/v2/customers", "a key, \"quoted\"", &body));
    // Also after what it made has changed, and is gone.
    let path = first.header("location").to_owned();
    assert_eq!(admin.put(&path, &json!({"name": "Renamed"})).status, 200);
    assert_repetition(&first, &post(&admin, "/v2/customers", "a key, \"quoted\"", &body));
    assert_eq!(total(&admin), "1");
    assert_eq!(admin.delete(&path).status, 204);
    assert_repetition(&first, &post(&admin, "/v2/customers", "a key, \"quoted\"", &body));
    assert_eq!(total(&admin), "0");
    assert_eq!(admin.trail("action=customer.create").len(), 1);
    // Without a key, or with another, it is another request.
    assert_eq!(admin.post("/v2/customers", &body).status, 201);
    assert_eq!(post(&admin, "/v2/customers", "another", &body).details(), "/name taken");
}

/// Perl and PowerShell order the members of a hash differently in every process.
fn the_same_json_written_differently_is_the_same_request(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let mut failures = Failures::default();
    let body = r#"{"name": "Acme é", "azure_customer_id": "34fdg", "margin_percentage": 12.50,
                   "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]}"#;
    let send = |body: &str| {
        let call = admin.call("POST", "/v2/customers").header("Idempotency-Key", "k");
        call.header("Content-Type", "application/json").body(body).send()
    };
    let first = send(body);
    assert_eq!(first.status, 201, "{}", first.text());
    let compact = r#"{"tags":[{"value":"1","key":"a"},{"key":"b","value":"2"}],"azure_customer_id":"34fdg","#;
    for (name, again) in [
        ("the same bytes", body.to_owned()),
        ("other white space", body.replace('\n', "\r\n\t")),
        ("another order", format!(r#"{compact}"margin_percentage":12.5,"name":"Acme é"}}"#)),
        ("a number in another spelling", body.replace("12.50", "1.25E+1")),
        ("an escape", body.replace('é', "\\u00e9")),
        ("a byte order mark", format!("\u{feff}{body}")),
    ] {
        failures.case(name, is_repetition(&first, &send(&again)));
    }
    for (name, other) in [
        ("another value", body.replace("12.50", "12.51")),
        (
            "another order of tags",
            body.replace(r#""key": "a", "value": "1"}, {"#, "")
                .replace("]", r#", {"key": "a", "value": "1"}]"#),
        ),
        ("a member more", body.replace("\"name\"", "\"address\": null, \"name\"")),
    ] {
        let answer = send(&other);
        let good = answer.status == 422 && answer.text().contains("was used for another request");
        failures.case(name, if good { Ok(()) } else { Err(format!("{}: {}", answer.status, answer.text())) });
    }
    failures.done(9);
    assert_eq!(total(&admin), "1");
}

fn another_request_under_the_same_key_is_refused(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let made = |name: &str| admin.create(&customer(&json!({"name": name})))["id"].clone();
    let (one, two) = (made("One"), made("Two"));
    let body = json!({"email": "jane@example.com"});
    let first = format!("/v2/customers/{one}/users");
    assert_eq!(post(&admin, &first, "k", &body).status, 201);
    let user = admin.get(&first).json()["users"][0]["id"].clone();
    let cases = [
        ("another payload", first.clone(), json!({"email": "joe@example.com"})),
        ("more in it", first.clone(), json!({"email": "jane@example.com", "name": "Jane"})),
        ("a payload that is wrong", first.clone(), json!({"email": "nobody"})),
        ("another customer", format!("/v2/customers/{two}/users"), body.clone()),
        ("no such customer", "/v2/customers/999999999/users".into(), body.clone()),
        ("another tenant", "/v2/users".into(), body.clone()),
        ("another resource", "/v2/customers".into(), body.clone()),
        ("a key's rotation", format!("{first}/{user}/api_key"), json!({})),
        ("another query", format!("{first}?page=2"), body.clone()),
    ];
    let mut failures = Failures::default();
    for (name, path, body) in cases {
        let answer = post(&admin, &path, "k", &body);
        let said = answer.text();
        let good = answer.status == 422 && said.contains("this Idempotency-Key was used for another request");
        failures.case(name, if good { Ok(()) } else { Err(format!("{}: {said}", answer.status)) });
    }
    failures.done(9);
    for (tenant, expected) in [(&one, "1"), (&two, "0")] {
        assert_eq!(admin.get(&format!("/v2/customers/{tenant}/users")).header("x-total"), expected);
    }
}

fn a_key_is_the_partners_own(engine: Engine) {
    let server = Server::shared(engine);
    let (one, two) = (server.partner(), server.partner());
    let body = customer(&json!({}));
    let first = post(&one, "/v2/customers", "shared", &body);
    let second = post(&two, "/v2/customers", "shared", &body);
    assert_eq!((first.status, second.status, second.header("idempotency-replayed")), (201, 201, ""));
    let external_id = |answer: &Answer| answer.json()["generated_external_id"].clone();
    assert_ne!(external_id(&first), external_id(&second));
    assert_repetition(&first, &post(&one, "/v2/customers", "shared", &body));
    assert_repetition(&second, &post(&two, "/v2/customers", "shared", &body));
}

fn a_failed_validation_is_not_stored(engine: Engine) {
    let admin = Server::shared(engine).partner();
    admin.create(&customer(&json!({"name": "Taken"})));
    let wrong = [
        json!({}),
        customer(&json!({"name": " "})),
        customer(&json!({"name": "Taken"})),
        customer(&json!({"trial_expiration_date": "2015-01-01"})),
    ];
    for body in wrong {
        assert_eq!(post(&admin, "/v2/customers", "k", &body).status, 422, "{body}");
    }
    let malformed = admin.call("POST", "/v2/customers").header("Idempotency-Key", "k");
    assert_eq!(malformed.header("Content-Type", "application/json").body("{,}").send().status, 422);
    assert_eq!(
        post(&admin, "/v2/customers/999999999/users", "k", &json!({"email": "a@b.example"})).status,
        404
    );
    let (_, viewer) = admin.colleague("viewer");
    assert_eq!(post(&viewer, "/v2/customers", "k", &customer(&json!({}))).status, 403);
    let mended = post(&admin, "/v2/customers", "k", &customer(&json!({})));
    assert_eq!((mended.status, mended.header("idempotency-replayed")), (201, ""));
    assert_eq!(total(&admin), "2");
}

fn keys_that_are_none(engine: Engine) {
    let admin = Server::shared(engine).partner();
    for (name, key) in
        [("empty", ""), ("blank", "   "), ("256 characters", &"k".repeat(256)), ("no ASCII", "schlüssel")]
    {
        let answer = post(&admin, "/v2/customers", key, &customer(&json!({"name": name})));
        let said = "the Idempotency-Key must have 1 to 255 visible ASCII characters";
        assert_eq!((answer.status, &answer.json()["error"]), (422, &json!(said)), "{name}");
    }
    assert_eq!(total(&admin), "0");
    let (key, body) = ("k".repeat(255), customer(&json!({})));
    assert_repetition(
        &post(&admin, "/v2/customers", &key, &body),
        &post(&admin, "/v2/customers", &format!(" {key} "), &body),
    );
}

/// Fifty pairs at once: one makes it, the other waits its turn (409) or is told the same. On PostgreSQL each of a pair
/// asks another server.
fn two_at_the_same_instant_make_one(engine: Engine) {
    let database = Database::new(engine);
    let servers: Vec<Server> = (0..if engine == Engine::Postgres { 2 } else { 1 })
        .map(|_| Server::start(&database, &["--sandbox", "--at", NOW]))
        .collect();
    let admin = servers[0].admin();
    let pair = [admin.clone(), admin.on(servers.last().unwrap().address)];
    let (mut told, mut waited) = (0, 0);
    for round in 0..50 {
        let body = customer(&json!({"name": format!("Customer {round}")}));
        let (key, start) = (format!("round {round}"), Barrier::new(2));
        let ask = |api: &Api| {
            start.wait();
            post(api, "/v2/customers", &key, &body)
        };
        let [one, two] = std::thread::scope(|threads| {
            let asked = pair.each_ref().map(|api| threads.spawn(|| ask(api)));
            asked.map(|thread| thread.join().unwrap())
        });
        let (first, second) = if one.header("idempotency-replayed").is_empty() && one.status == 201 {
            (one, two)
        } else {
            (two, one)
        };
        assert_eq!(first.status, 201, "round {round}: {} and {}", first.text(), second.text());
        match second.status {
            201 => {
                assert_repetition(&first, &second);
                told += 1;
            }
            409 => {
                assert_eq!(second.header("retry-after"), "1");
                waited += 1;
            }
            _ => panic!("round {round}: {}", second.text()),
        }
        for api in &pair {
            assert_repetition(&first, &post(api, "/v2/customers", &key, &body));
        }
    }
    assert_eq!((total(&admin), told + waited), ("50".into(), 50));
    assert_eq!(admin.trail("action=customer.create&per_page=100").len(), 50);
}

/// As soon as its client knows of the refusal, on whichever connection the next request comes.
fn a_key_is_free_again_after_a_refusal(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &[]);
    let admin = server.admin();
    admin.create(&customer(&json!({"name": "Taken"})));
    for round in 0..300 {
        let (key, name) = (format!("round {round}"), format!("Customer {round}"));
        let refused = post(&admin, "/v2/customers", &key, &customer(&json!({"name": "Taken"})));
        assert_eq!(refused.status, 422, "{round}: {}", refused.text());
        let mended = post(&admin, "/v2/customers", &key, &customer(&json!({"name": name})));
        assert_eq!(mended.status, 201, "{round}: {}", mended.text());
    }
}

fn a_key_is_free_again_after_a_day(engine: Engine) {
    let database = Database::new(engine);
    let servers: Vec<Server> = (0..if engine == Engine::Postgres { 2 } else { 1 })
        .map(|_| Server::start(&database, &["--sandbox", "--at", NOW]))
        .collect();
    let on = |server: usize| servers[server % servers.len()].admin();
    let set_clocks = |now: &str| servers.iter().for_each(|server| server.admin().set_clock(now));
    let (body, other) = (customer(&json!({})), customer(&json!({"name": "Other"})));
    let first = post(&on(0), "/v2/customers", "k", &body);
    assert_repetition(&first, &post(&on(1), "/v2/customers", "k", &body));
    set_clocks("2016-09-16T18:17:03Z");
    assert_repetition(&first, &post(&on(1), "/v2/customers", "k", &body));
    assert_eq!(post(&on(1), "/v2/customers", "k", &other).status, 422);
    set_clocks("2016-09-16T18:17:04Z");
    let second = post(&on(1), "/v2/customers", "k", &other);
    assert_eq!((second.status, second.header("idempotency-replayed")), (201, ""));
    // From now on it is that one's.
    assert_repetition(&second, &post(&on(0), "/v2/customers", "k", &other));
    assert_eq!(post(&on(0), "/v2/customers", "k", &body).status, 422);
    assert_eq!(total(&on(0)), "2");
    assert_eq!(database.value("SELECT COUNT(*) FROM idempotency_keys"), "1");
}

fn an_answer_outlives_a_crash_and_its_own_validity(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let body = customer(&json!({"trial_expiration_date": "2016-09-15T20:00:00Z"}));
    let user =
        json!({"email": "a@b.example", "role": "viewer", "api_key_expires_at": "2016-09-15T20:00:00Z"});
    let first = post(&server.admin(), "/v2/customers", "trial", &body);
    let first_user = post(&server.admin(), "/v2/users", "user", &user);
    let rotate = format!("/v2/users/{}/api_key", first_user.json()["id"]);
    let until = json!({"api_key_expires_at": "2016-09-15T20:00:00Z"});
    let first_key = post(&server.admin(), &rotate, "rotation", &until);
    server.kill();
    let server = Server::start(&database, &["--sandbox", "--at", "2016-09-15T21:00:00Z"]);
    let admin = server.admin();
    // The control: as new requests they would be refused.
    assert_eq!(
        admin.post("/v2/customers", &body).details(),
        "/name taken, /trial_expiration_date not_future"
    );
    assert_eq!(admin.post("/v2/users", &user).details(), "/api_key_expires_at not_future");
    assert_eq!(admin.post(&rotate, &until).details(), "/api_key_expires_at not_future");
    assert_repetition(&first, &post(&admin, "/v2/customers", "trial", &body));
    assert_repetition(&first_user, &post(&admin, "/v2/users", "user", &user));
    assert_repetition(&first_key, &post(&admin, &rotate, "rotation", &until));
    assert_eq!(total(&admin), "1");
}

fn a_shown_key_is_shown_again_and_kept_nowhere(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let body = json!({"email": "night-script@example.com", "role": "operator"});
    let first = post(&admin, "/v2/users", "user", &body);
    assert_repetition(&first, &post(&admin, "/v2/users", "user", &body));
    let rotate = format!("/v2/users/{}/api_key", first.json()["id"]);
    let rotated = admin.call("POST", &rotate).header("Idempotency-Key", "rotation").send();
    let again = admin.call("POST", &rotate).header("Idempotency-Key", "rotation").send();
    assert_repetition(&rotated, &again);
    let keys = [&first, &rotated].map(|answer| answer.json()["api_key"].as_str().unwrap().to_owned());
    assert_ne!(keys[0], keys[1]);
    assert_eq!(
        keys.each_ref().map(|key| admin.with_key(key).get("/v2/me").status),
        [401, 200],
        "replays rotate nothing"
    );
    let kept = database.contents();
    let holds = |text: &str| kept.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds("night-script@example.com"), "the control");
    assert!(holds(&keys[1][4..12]), "the id finds the key");
    for key in keys {
        assert!(!holds(&key) && !holds(&key[12..]) && !holds(&key[12..34]));
    }
}
