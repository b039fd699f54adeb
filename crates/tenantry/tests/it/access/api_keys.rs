//! Several keys of a user: narrowed, expiring, rotated with an overlap, revoked.

use crate::support::{Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    every_rule,
    a_keys_life,
    a_key_is_narrowed_to_roles,
    a_key_is_narrowed_to_addresses,
    a_key_that_has_expired_says_so,
    a_rotated_key_lives_for_the_overlap,
    the_old_path_rotates_the_default_key,
    the_last_admin_key_stays,
    a_key_is_found_with_its_user_alone,
    a_key_is_created_once,
    twenty_keys_are_the_limit,
);

const EXPIRED: &str = "this API key expired at 2016-09-15T19:00:00Z: a new one is required";
const DEAD: &str = "a valid API key is required";

fn keys_of(user: i64) -> String {
    format!("/v2/users/{user}/api_keys")
}

/// A key that is created or rotated: its id, and a way in with it.
fn key(api: &Api, path: &str, body: &Value) -> (String, Api) {
    let answer = api.post(path, body);
    assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    let made = answer.json();
    let secret = made["api_key"].as_str().unwrap();
    assert_eq!(made["id"], secret[4..12], "the id is the part of the key that the log names");
    (made["id"].as_str().unwrap().to_owned(), api.with_key(secret))
}

fn refused(api: &Api, status: u16, message: &str, when: &str) {
    let answer = api.get("/v2/me");
    assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(message)), "{when}");
}

fn works(api: &Api) -> bool {
    api.get("/v2/me").status == 200
}

#[rustfmt::skip]
fn every_rule(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let customer_id = admin.create(&customer(&json!({"classification": "managed_with_access"})))["id"].as_i64().unwrap();
    let (user, _) = admin.user("/v2/users", &json!({"email": "u@example.com", "roles": ["operator", "auditor"]}));
    let (joe, _) = admin.user_of(customer_id);
    let (own, joes) = (keys_of(user), format!("/v2/customers/{customer_id}/users/{joe}/api_keys"));
    let (id, _) = key(&admin, &own, &json!({"name": "CI"}));
    let rotate = format!("{own}/{id}/rotate");
    let (own, joes, rotate) = (own.as_str(), joes.as_str(), rotate.as_str());
    let cases = [
        ("no name",               own,    json!({}),                                          "/name required"),
        ("a blank name",          own,    json!({"name": "\u{200b} "}),                       "/name required"),
        ("a name in two lines",   own,    json!({"name": "a\nb"}),                            "/name invalid"),
        ("a name of 101",         own,    json!({"name": "n".repeat(101)}),                   "/name too_long"),
        ("a role that it has not", own,   json!({"name": "k", "roles": ["admin"]}),           "/roles invalid"),
        ("one of two",            own,    json!({"name": "k", "roles": ["operator", "viewer"]}), "/roles invalid"),
        ("no such role",          own,    json!({"name": "k", "role": "root"}),               "/role invalid"),
        ("a customer's role",     own,    json!({"name": "k", "roles": ["customer"]}),        "/roles/0 invalid"),
        ("a partner's role",      joes,   json!({"name": "k", "roles": ["viewer"]}),          "/roles/0 invalid"),
        ("no range",              own,    json!({"name": "k", "allowed_addresses": ["10.0.0.0/8", "example.com"]}), "/allowed_addresses/1 invalid"),
        ("a list without ranges", own,    json!({"name": "k", "allowed_addresses": []}), "/allowed_addresses required"),
        ("no list of ranges",     own,    json!({"name": "k", "allowed_addresses": "10.0.0.0/8"}), "/allowed_addresses wrong_type"),
        ("another name of them",  own,    json!({"name": "k", "allowed_ips": ["10.0.0.0/8"]}), "/allowed_ips unknown"),
        ("an end that is now",    own,    json!({"name": "k", "expires_at": "2016-01-01"}),   "/expires_at not_future"),
        ("no object",             own,    json!([]),                                          " wrong_type"),
        ("eight days of overlap", rotate, json!({"overlap_seconds": 691_200}),                "/overlap_seconds invalid"),
        ("a text as overlap",     rotate, json!({"overlap_seconds": "1h"}),                   "/overlap_seconds wrong_type"),
        ("another name of it",    rotate, json!({"overlap": 60}),                             "/overlap unknown"),
    ];
    let state = || (admin.get(own).text(), admin.get(joes).text(), admin.trail("").len());
    let before = state();
    let mut failures = Failures::default();
    for (name, path, body, expected) in cases {
        let answer = admin.post(path, &body);
        let details = if answer.status == 422 { answer.details() } else { answer.text() };
        let good = answer.status == 422 && details == expected;
        failures.case(name, if good { Ok(()) } else { Err(format!("{}: {details}", answer.status)) });
    }
    failures.done(17);
    assert_eq!(state(), before, "a refused payload changed something, or is in the trail");
    // The controls.
    key(&admin, joes, &json!({"name": "k", "roles": ["customer"]}));
    key(&admin, rotate, &json!({"overlap_seconds": 604_800}));
}

fn a_keys_life(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let (user, first) = admin.colleague("operator");
    let path = keys_of(user);
    let body = json!({"name": " Nightly import ", "roles": ["operator"], "expires_at": "2016-12-01",
                      "allowed_addresses": ["127.0.0.1/8", "2001:db8::/32"]});
    let answer = admin.post(&path, &body);
    let mut made = answer.json();
    let secret = made.as_object_mut().unwrap().shift_remove("api_key").unwrap();
    let nightly = admin.with_key(secret.as_str().unwrap());
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!((answer.status, answer.header("location")), (201, one.as_str()));
    let expected = json!({
        "id": made["id"], "name": "Nightly import", "roles": ["operator"],
        "allowed_addresses": ["127.0.0.0/8", "2001:db8::/32"], "is_default": false,
        "expires_at": "2016-12-01T00:00:00Z", "created_at": NOW,
    });
    assert_eq!(made, expected);
    assert_eq!(admin.get(&one).json(), made, "the key is shown once");
    let default = json!({"id": first.key[4..12], "name": "default", "is_default": true, "created_at": NOW});
    assert_eq!(admin.get(&path).json(), json!({"api_keys": [default, made]}));
    // What is done with it is in the trail under its own id.
    nightly.create(&customer(&json!({})));
    assert_eq!(nightly.get("/v2/me").json()["access_until"], "2016-12-01T00:00:00Z");
    let trail = admin.trail("action=customer.create");
    assert_eq!((&trail[0]["key_id"], &trail[0]["user_id"]), (&made["id"], &json!(user)));
    // Its last use is its own, and the user's is that of any.
    server.signal("TERM");
    server.wait();
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let used: Vec<Value> = admin.get(&path).json()["api_keys"].as_array().unwrap().clone();
    assert_eq!((used[0].get("last_used_at"), &used[1]["last_used_at"]), (None, &json!(NOW)));
    assert_eq!(admin.get(&format!("/v2/users/{user}")).json()["last_used_at"], NOW);
    // Revoked, it is dead, and the other is not.
    let (first, nightly) = (first.on(server.address), nightly.on(server.address));
    assert!(works(&nightly) && works(&first));
    assert_eq!(admin.delete(&one).status, 204);
    refused(&nightly, 401, DEAD, "revoked");
    assert!(works(&first));
    for (method, path) in [("GET", &one), ("DELETE", &one), ("POST", &format!("{one}/rotate"))] {
        assert_eq!(admin.call(method, path).send().status, 404, "{method} {path}");
    }
    let events = admin.trail("action=api_key.");
    let told: Vec<&Value> = events.iter().map(|event| &event["action"]).collect();
    assert_eq!(told, ["api_key.create", "api_key.revoke"]);
    let object = format!("users/{user}/api_keys/{}", made["id"].as_str().unwrap());
    assert!(events.iter().all(|event| event["object"] == object.as_str()), "{events:?}");
    assert_eq!((&events[0]["after"], &events[1]["before"]["name"]), (&made, &json!("Nightly import")));
    let whole = json!(admin.trail("")).to_string();
    assert!(!whole.contains("tnt_") && !whole.contains("hash"), "{whole}");
}

fn a_key_is_narrowed_to_roles(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let body = json!({"email": "both@example.com", "roles": ["operator", "auditor"]});
    let (user, whole) = admin.user("/v2/users", &body);
    let (_, reads) = key(&admin, &keys_of(user), &json!({"name": "reads", "role": "auditor"}));
    assert_eq!(whole.get("/v2/me").json()["roles"], json!(["operator", "auditor"]));
    let me = reads.get("/v2/me").json();
    assert_eq!((&me["role"], &me["roles"]), (&json!("auditor"), &json!(["auditor"])));
    assert_eq!(reads.get("/v2/audit_events").status, 200);
    let answer = reads.post("/v2/customers", &customer(&json!({})));
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("the role auditor may not change customers"), "{}", answer.text());
    whole.create(&customer(&json!({})));
    // A role that the user gets later is not the key's; one that it loses is not either.
    let put = |roles: Value| {
        assert_eq!(admin.put(&format!("/v2/users/{user}"), &json!({ "roles": roles })).status, 200);
    };
    put(json!(["admin", "auditor"]));
    assert_eq!((reads.get("/v2/users").status, whole.get("/v2/users").status), (403, 200));
    put(json!(["billing"]));
    let lost = "the user of this API key no longer has the roles that the key is narrowed to";
    refused(&reads, 403, lost, "lost");
    assert!(works(&whole));
    put(json!(["auditor"]));
    assert_eq!(reads.get("/v2/audit_events").status, 200);
}

fn a_key_is_narrowed_to_addresses(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--trusted-proxies", "127.0.0.1"]);
    let admin = server.admin();
    let (user, _) = admin.colleague("viewer");
    let body = json!({"name": "office", "allowed_addresses": ["203.0.113.0/24", "2001:db8::/32"]});
    let (_, office) = key(&admin, &keys_of(user), &body);
    let mut failures = Failures::default();
    for (from, status) in [
        ("203.0.113.9", 200),
        ("203.0.113.255:51008", 200),
        ("[2001:db8::9]:51008", 200),
        ("::ffff:203.0.113.9", 200),
        ("203.0.114.9", 403),
        ("2001:db9::9", 403),
        ("203.0.113.9, 198.51.100.7", 403),
        ("rubbish", 403),
        ("", 403),
    ] {
        let call = office.call("GET", "/v2/me");
        let answer = if from.is_empty() { call.send() } else { call.header("X-Forwarded-For", from).send() };
        let said = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        let expected = if status == 200 { "" } else { "this API key may not be used from this address" };
        let good = answer.status == status && said == expected;
        failures.case(from, if good { Ok(()) } else { Err(format!("{}: {said}", answer.status)) });
    }
    failures.done(9);
    // Refusals name the address that was tried, and the answer none that would do.
    let events = admin.trail("action=access.refused");
    assert!(events.iter().any(|event| event["origin"] == "203.0.114.9"), "{events:?}");
}

fn a_key_that_has_expired_says_so(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let (user, _) = admin.colleague("viewer");
    let path = keys_of(user);
    let ends = json!({"name": "ends", "expires_at": "2016-09-15T19:00:00Z"});
    let (id, ending) = key(&admin, &path, &ends);
    let rotate = format!("{path}/{id}/rotate");
    admin.set_clock("2016-09-15T18:59:59Z");
    assert!(works(&ending));
    admin.set_clock("2016-09-15T19:00:00Z");
    refused(&ending, 401, EXPIRED, "at the instant itself");
    // One who has not the key itself is told nothing.
    let forged = admin.with_key(&format!("{}{}", &ending.key[..12], "0".repeat(50)));
    refused(&forged, 401, DEAD, "another secret");
    // It stays in the list, and is rotated only with another end.
    assert_eq!(admin.get(&path).json()["api_keys"][1]["id"], json!(id));
    assert_eq!(admin.post(&rotate, &json!({})).details(), "/expires_at required");
    let again = json!({"expires_at": "2016-12-01", "overlap_seconds": 3600});
    let (_, new) = key(&admin, &rotate, &again);
    assert!(works(&new));
    refused(&ending, 401, DEAD, "an overlap gives it no new life");
    assert_eq!(admin.get(&path).json()["api_keys"].as_array().unwrap().len(), 2);
}

fn a_rotated_key_lives_for_the_overlap(engine: Engine) {
    let database = Database::new(engine);
    let sandbox = |now: &str| Server::start(&database, &["--sandbox", "--at", now]);
    let mut server = sandbox(NOW);
    let admin = server.admin();
    let (user, default) = admin.colleague("viewer");
    let path = keys_of(user);
    let body = json!({"name": "CI", "role": "viewer", "allowed_addresses": ["127.0.0.0/8"],
                      "expires_at": "2016-09-16"});
    let (first_id, first) = key(&admin, &path, &body);
    let rotate = |id: &str, body: Value| key(&admin, &format!("{path}/{id}/rotate"), &body);
    let listed = |api: &Api| -> Vec<Value> { api.get(&path).json()["api_keys"].as_array().unwrap().clone() };
    let (second_id, second) = rotate(&first_id, json!({"overlap_seconds": 60}));
    assert!(works(&first) && works(&second) && works(&default));
    // The new key is narrowed as the old one is, and ends when that would have.
    let keys = listed(&admin);
    let shown = |id: &str| keys.iter().find(|key| key["id"] == id).unwrap().clone();
    let (old, new) = (shown(&first_id), shown(&second_id));
    for field in ["name", "roles", "allowed_addresses"] {
        assert_eq!(old[field], new[field], "{field}");
    }
    assert_eq!(
        (&old["replaced_by"], &old["expires_at"]),
        (&json!(second_id), &json!("2016-09-15T18:18:04Z"))
    );
    assert_eq!((new.get("replaced_by"), &new["expires_at"]), (None, &json!("2016-09-16T00:00:00Z")));
    let event = admin.trail("action=api_key.rotate").pop().unwrap();
    assert_eq!((&event["before"]["id"], &event["after"]), (&json!(first_id), &new));
    // A key that was rotated is not rotated again.
    let again = admin.post(&format!("{path}/{first_id}/rotate"), &json!({}));
    assert_eq!(again.status, 409);
    assert!(again.text().contains(&format!("{second_id} has come in its place")), "{}", again.text());
    admin.set_clock("2016-09-15T18:18:03Z");
    assert!(works(&first));
    admin.set_clock("2016-09-15T18:18:04Z");
    assert_eq!(first.get("/v2/me").status, 401);
    assert!(works(&second));
    // An overlap does not outlive the old key's own end, and ends with the next rotation and with a revocation.
    let (third_id, third) =
        rotate(&second_id, json!({"overlap_seconds": 604_800, "expires_at": "2017-01-01"}));
    let end = |id: &str| listed(&admin).iter().find(|key| key["id"] == id).unwrap()["expires_at"].clone();
    assert_eq!(
        (end(&second_id), end(&third_id)),
        (json!("2016-09-16T00:00:00Z"), json!("2017-01-01T00:00:00Z"))
    );
    let (fourth_id, fourth) = rotate(&third_id, json!({"overlap_seconds": 60}));
    refused(&second, 401, DEAD, "two rotations ago");
    assert!(works(&third) && works(&fourth));
    let (fifth_id, fifth) = rotate(&fourth_id, json!({"overlap_seconds": 60}));
    assert_eq!(admin.delete(&format!("{path}/{fifth_id}")).status, 204);
    for (api, when) in [(&fourth, "replaced by one that is revoked"), (&fifth, "revoked")] {
        refused(api, 401, DEAD, when);
    }
    assert_eq!(listed(&admin).len(), 1);
    assert!(works(&default));
    // Without an overlap the old one is dead at once.
    let (sixth_id, sixth) = key(&admin, &path, &json!({"name": "six"}));
    let (seventh_id, seventh) = rotate(&sixth_id, json!({}));
    refused(&sixth, 401, DEAD, "no overlap");
    rotate(&seventh_id, json!({"overlap_seconds": 1}));
    assert!(works(&seventh));
    assert_eq!(listed(&admin).len(), 3);
    // What was replaced goes once its overlap is over.
    server.signal("TERM");
    server.wait();
    let server = sandbox("2016-09-15T18:30:00Z");
    assert_eq!(listed(&server.admin()).len(), 2);
    assert_eq!(database.value("SELECT COUNT(*) FROM api_keys WHERE replaced_by IS NOT NULL"), "0");
}

fn the_old_path_rotates_the_default_key(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let (user, first) = admin.colleague("viewer");
    let (_, other) = key(&admin, &keys_of(user), &json!({"name": "other"}));
    let old_path = format!("/v2/users/{user}/api_key");
    let rotate = |body: Value| admin.user(&old_path, &body).1;
    let second = rotate(json!({}));
    refused(&first, 401, DEAD, "rotated");
    let third = rotate(json!({"overlap_seconds": 60, "api_key_expires_at": "2016-12-01"}));
    assert!(works(&second) && works(&third) && works(&other));
    let keys = admin.get(&keys_of(user)).json()["api_keys"].as_array().unwrap().clone();
    let names: Vec<_> =
        keys.iter().map(|key| (key["name"].as_str().unwrap(), key["is_default"] == true)).collect();
    assert_eq!(names[0], ("default", true));
    assert_eq!(names.iter().filter(|(_, is_default)| *is_default).count(), 1, "{names:?}");
    let shown = admin.get(&format!("/v2/users/{user}")).json();
    assert_eq!(shown["api_key_expires_at"], "2016-12-01T00:00:00Z");
    admin.set_clock("2016-09-15T18:18:04Z");
    refused(&second, 401, "this API key expired at 2016-09-15T18:18:04Z: a new one is required", "overlap");
    // The default key may be rotated by its id too, and stays the default.
    let by_id = format!("{}/{}/rotate", keys_of(user), &third.key[4..12]);
    let (_, fourth) = key(&admin, &by_id, &json!({}));
    let fifth = rotate(json!({}));
    refused(&fourth, 401, DEAD, "rotated by the old path");
    // Revoked by the old path, the user has no key at all; rotated, it has a default key again.
    assert_eq!(admin.delete(&old_path).status, 204);
    for api in [&fifth, &other] {
        refused(api, 401, DEAD, "all are revoked");
    }
    assert_eq!(admin.get(&keys_of(user)).json(), json!({"api_keys": []}));
    assert_eq!(admin.get(&format!("/v2/users/{user}")).json()["has_api_key"], false);
    assert!(works(&rotate(json!({}))));
}

fn the_last_admin_key_stays(engine: Engine) {
    const LAST: &str = "this is the partner's last admin with a key; make another admin first";
    let admin = Server::shared(engine).partner();
    let own = admin.get("/v2/me").json()["id"].as_i64().unwrap();
    let path = keys_of(own);
    let one = format!("{path}/{}", &admin.key[4..12]);
    let refused = |when: &str| {
        let answer = admin.delete(&one);
        assert_eq!((answer.status, &answer.json()["error"]), (422, &json!(LAST)), "{when}");
    };
    refused("alone");
    admin.put(&format!("/v2/users/{own}"), &json!({"roles": ["admin", "auditor"]}));
    let (narrow, _) = key(&admin, &path, &json!({"name": "reads", "role": "auditor"}));
    refused("with a key that is narrowed");
    assert_eq!(admin.delete(&format!("{path}/{narrow}")).status, 204);
    let (spare_id, spare) = key(&admin, &path, &json!({"name": "spare", "role": "admin"}));
    let (_, spare) = (spare_id.clone(), spare);
    assert_eq!(admin.delete(&one).status, 204, "with another key that opens everything");
    assert_eq!(spare.delete(&format!("{path}/{spare_id}")).status, 422);
    let (_, colleague) = spare.colleague("admin");
    assert_eq!(spare.delete(&format!("{path}/{spare_id}")).status, 204, "with another admin");
    assert_eq!(colleague.get("/v2/users").status, 200);
}

/// Keys of others, asked for in every way: none is found, and none is touched.
fn a_key_is_found_with_its_user_alone(engine: Engine) {
    let server = Server::shared(engine);
    let (admin, other) = (server.partner(), server.partner());
    let (user, _) = admin.colleague("viewer");
    let (colleague, colleagues) = admin.colleague("viewer");
    let customer_id =
        admin.create(&customer(&json!({"classification": "managed_with_access"})))["id"].clone();
    let (joe, joes) = admin.user_of(customer_id.as_i64().unwrap());
    let (_, strangers) = other.colleague("viewer");
    let id_of = |api: &Api| api.key[4..12].to_owned();
    let (own, of_customer) = (keys_of(user), format!("/v2/customers/{customer_id}/users"));
    let mut failures = Failures::default();
    for (name, path) in [
        ("a colleague's", format!("{own}/{}", id_of(&colleagues))),
        ("another partner's", format!("{own}/{}", id_of(&strangers))),
        ("a customer's user's", format!("{}/{}", keys_of(joe), id_of(&joes))),
        (
            "a colleague's as a customer's user's",
            format!("{of_customer}/{colleague}/api_keys/{}", id_of(&colleagues)),
        ),
        ("none", format!("{own}/00000000")),
        ("no id", format!("{own}/%C3%A9%20'--")),
        ("a user's id", format!("{own}/{user}")),
    ] {
        for (method, path) in [("GET", &path), ("DELETE", &path), ("POST", &format!("{path}/rotate"))] {
            let answer = admin.call(method, path).send();
            let good = answer.status == 404 && answer.json()["error"] == "not found";
            failures.case(&format!("{name}, {method}"), if good { Ok(()) } else { Err(answer.text()) });
        }
    }
    failures.done(21);
    for api in [&colleagues, &joes, &strangers] {
        assert!(works(api));
    }
    // The control.
    assert_eq!(admin.get(&format!("{of_customer}/{joe}/api_keys/{}", id_of(&joes))).status, 200);
}

fn a_key_is_created_once(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let (user, _) = admin.colleague("viewer");
    let path = keys_of(user);
    let post = |path: &str, body: &Value| {
        let answer = admin.call("POST", path).header("Idempotency-Key", path).json(body).send();
        (answer.status, answer.text(), answer.header("idempotency-replayed").to_owned())
    };
    let body = json!({"name": "CI"});
    let first = post(&path, &body);
    assert_eq!((first.0, first.2.as_str()), (201, ""));
    assert_eq!(post(&path, &body), (201, first.1.clone(), "true".into()));
    let made: Value = serde_json::from_str(&first.1).unwrap();
    let rotate = format!("{path}/{}/rotate", made["id"].as_str().unwrap());
    let rotated = post(&rotate, &json!({"overlap_seconds": 60}));
    assert_eq!(rotated.0, 201, "{}", rotated.1);
    assert_eq!(post(&rotate, &json!({"overlap_seconds": 60})), (201, rotated.1, "true".into()));
    assert_eq!(admin.get(&path).json()["api_keys"].as_array().unwrap().len(), 3);
    assert_eq!(admin.trail("action=api_key.").len(), 2);
}

fn twenty_keys_are_the_limit(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let (user, _) = admin.colleague("viewer");
    let path = keys_of(user);
    let mut last = String::new();
    for number in 2..=20 {
        last = key(&admin, &path, &json!({"name": format!("key {number}")})).0;
    }
    let one_more = || admin.post(&path, &json!({"name": "one more"}));
    let answer = one_more();
    assert_eq!(answer.status, 409);
    assert!(answer.text().contains("at most 20 API keys: revoke one"), "{}", answer.text());
    // One that lives on beside its successor does not count.
    key(&admin, &format!("{path}/{last}/rotate"), &json!({"overlap_seconds": 60}));
    assert_eq!(one_more().status, 409);
    let id = admin.get(&path).json()["api_keys"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(admin.delete(&format!("{path}/{id}")).status, 204);
    assert_eq!(one_more().status, 201);
}
