//! The audit trail: every change and every refusal is in it, and whoever tampers with it is found out. That the latter
//! holds for any tampering is shown ten thousand times in `app`; here it goes through the command line.

use crate::metrics::sample;
use crate::support::{ABSENT, Api, Database, Engine, Failures, NOW, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::collections::HashSet;

on_both_engines!(
    every_change_is_there_in_order,
    a_new_customer_is_recorded_as_it_was_answered,
    refusals_to_live_keys_are_there,
    what_fails_leaves_no_event,
    pages_and_filters,
    concurrent_changes_leave_a_trail_that_verifies,
    tampering_is_found,
    a_broken_chain_stays_marked,
);

fn text<'v>(event: &'v Value, field: &str) -> &'v str {
    event[field].as_str().unwrap_or_else(|| panic!("{field}: {event}"))
}

/// Every kind of change once; what the trail says of each.
fn every_change_is_there_in_order(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let me = admin.get("/v2/me").json()["id"].clone();
    let ask = |method: &str, path: &str, body: &Value| {
        let id = format!("asked/{method}{path}");
        let answer = admin.call(method, path).header("X-Request-Id", &id).json(body).send();
        assert!(answer.status < 300, "{method} {path}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    };
    // The user, and what is recorded of it: the id of its new key instead of the key.
    let without_key = |mut user: Value| {
        let key = user.as_object_mut().unwrap().shift_remove("api_key").unwrap();
        let mut recorded = user.clone();
        recorded["api_key_id"] = json!(key.as_str().unwrap()[4..12]);
        (user, recorded)
    };
    let made = ask("POST", "/v2/customers", &customer(&json!({"margin_percentage": 7.5})));
    let path = format!("/v2/customers/{}", made["id"]);
    let object = format!("customers/{}", made["id"]);
    let changed = ask("PUT", &path, &json!({"name": "Renamed"}));
    let (user, recorded_user) =
        without_key(ask("POST", &format!("{path}/users"), &json!({"email": "jane@acme.example"})));
    let users_path = format!("{path}/users/{}", user["id"]);
    let users_object = format!("{object}/users/{}", user["id"]);
    let named = ask("PUT", &users_path, &json!({"name": "Jane"}));
    let (rotated, recorded_rotation) = without_key(ask(
        "POST",
        &format!("{users_path}/api_key"),
        &json!({"api_key_expires_at": "2016-12-01"}),
    ));
    ask("DELETE", &format!("{users_path}/api_key"), &json!({}));
    let revoked = admin.get(&users_path).json();
    ask("DELETE", &users_path, &json!({}));
    let assigned = format!("/v1/azure_partner_customer_accounts/add/{}", made["id"]);
    ask("PUT", &assigned, &json!({"azure_customer_ids": ["abc-1"]}));
    ask("PUT", &assigned.replace("/add/", "/remove/"), &json!({"azure_customer_ids": ["abc-1"]}));
    ask("DELETE", &path, &json!({}));
    // What changes nothing is not there.
    ask("PUT", &format!("/v2/users/{me}"), &json!({"role": "admin"}));

    let (none, tenants) = (Value::Null, json!({"azure_customer_ids": ["abc-1"]}));
    let add = "/v1/azure_partner_customer_accounts/add";
    let expected = [
        ("customer.create", &object, "POST/v2/customers".to_string(), &none, &made),
        ("customer.update", &object, format!("PUT{path}"), &made, &changed),
        ("user.create", &users_object, format!("POST{path}/users"), &none, &recorded_user),
        ("user.update", &users_object, format!("PUT{users_path}"), &user, &named),
        ("user.rotate_key", &users_object, format!("POST{users_path}/api_key"), &named, &recorded_rotation),
        ("user.revoke_key", &users_object, format!("DELETE{users_path}/api_key"), &rotated, &none),
        ("user.delete", &users_object, format!("DELETE{users_path}"), &revoked, &none),
        ("assignment.add", &object, format!("PUT{add}/{}", made["id"]), &none, &tenants),
        (
            "assignment.remove",
            &object,
            format!("PUT{}/{}", add.replace("add", "remove"), made["id"]),
            &none,
            &tenants,
        ),
        ("customer.delete", &object, format!("DELETE{path}"), &changed, &none),
    ];
    let trail = admin.trail(&format!("user_id={me}"));
    let found: Vec<&str> = trail.iter().map(|event| text(event, "action")).collect();
    assert_eq!(found, expected.each_ref().map(|event| event.0));
    for (event, (action, object, request, before, after)) in trail.iter().zip(&expected) {
        assert_eq!(text(event, "object"), *object, "{action}");
        assert_eq!(event.get("before").unwrap_or(&Value::Null), *before, "{action}");
        assert_eq!(event.get("after").unwrap_or(&Value::Null), *after, "{action}");
        assert_eq!(text(event, "request_id"), format!("asked/{request}"), "{action}");
        assert_eq!((text(event, "at"), text(event, "origin")), (NOW, "127.0.0.1"), "{action}");
        assert_eq!((text(event, "key_id"), &event["user_id"]), (&admin.key[4..12], &me), "{action}");
        assert_eq!(event.get("reason"), None, "{action}");
    }
    // What the command line did is there too; its clock is not the sandbox's.
    let all = admin.trail("");
    let by_hand: Vec<&str> = all
        .iter()
        .filter(|e| text(e, "origin").starts_with("command line"))
        .map(|e| text(e, "action"))
        .collect();
    assert_eq!(by_hand, ["partner.create", "user.create"]);
    let whole = json!(all).to_string();
    assert!(!whole.contains("tnt_") && !whole.contains("hash"), "{whole}");
}

/// The record and the answer are written by two types, so that the API may change while events stay as they are: until it
/// does, they agree in every field.
fn a_new_customer_is_recorded_as_it_was_answered(engine: Engine) {
    let api = Server::shared(engine).partner();
    let full = json!({
        "address": ABSENT, // the tenant has one
        "azure_customer_id": "abc-2",
        "classification": "managed_with_access",
        "trial_expiration_date": "2016-10-01",
        "billing_contact": "jane@acme.example",
        "margin_percentage": 12.25,
        "partner_billing_configuration": {"enabled": true, "folder": "acme"},
        "tags": [{"key": "Team", "value": "\u{e4} \\ \" < \u{1f980}"}, {"key": "Empty", "value": ""}],
    });
    let mut from_a_day = full.clone();
    from_a_day["azure_customer_id"] = json!("abc-3");
    from_a_day["effective_from"] = json!("2016-09-01");
    let mut failures = Failures::default();
    for (case, change, recorded_alone) in [
        ("the least", json!({}), &[][..]),
        ("an address", json!({"address": {"street2": "Floor 2"}}), &[]),
        ("every field", full, &[]),
        ("terms from a day on", from_a_day, &["effective_from", "terms"]),
    ] {
        let mut body = customer(&change);
        body["name"] = json!(case);
        let mut answered = api.create(&body);
        let object = format!("customers/{}", answered["id"]);
        let trail = api.trail("action=customer.create");
        let event = trail.iter().find(|event| event["object"] == object).unwrap();
        let mut recorded = event["after"].clone();
        let (answer, record) = (answered.as_object_mut().unwrap(), recorded.as_object_mut().unwrap());
        for field in recorded_alone {
            let found = record.shift_remove(*field).is_some() && !answer.contains_key(*field);
            failures.case(&format!("{case}, {field}"), found.then_some(()).ok_or(event.to_string()));
        }
        for field in answer.keys().chain(record.keys().filter(|field| !answer.contains_key(*field))) {
            let (one, other) = (answer.get(field), record.get(field));
            let agree = (one == other).then_some(());
            failures.case(
                &format!("{case}, {field}"),
                agree.ok_or_else(|| format!("answered {one:?}, recorded {other:?}")),
            );
        }
    }
    failures.done(45);
}

fn refusals_to_live_keys_are_there(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let access = |name: &str, classification: &str| {
        let change = json!({"name": name, "classification": classification});
        let id = admin.create(&customer(&change))["id"].as_i64().unwrap();
        admin.user_of(id)
    };
    let ((viewer, viewer_too), operator) =
        ((admin.colleague("viewer"), admin.colleague("viewer")), admin.colleague("operator"));
    let (operator_too, operator_three) = (admin.colleague("operator"), admin.colleague("operator"));
    let (inside, outside) = (access("A", "managed_with_access"), access("B", "managed_without_access"));
    let outside_too = access("C", "managed_without_access");
    let without = "this customer is managed without access: its users cannot use the platform";
    #[rustfmt::skip]
    let cases = [
        (&viewer,   "POST",   "/v2/customers",           "the role viewer may not change customers, assignments and customers' users"),
        (&viewer_too, "DELETE", "/v1/customers/1",         "the role viewer may not change customers, assignments and customers' users"),
        (&viewer,   "GET",    "/v2/audit_events",        "the role viewer may not read the audit trail"),
        (&operator, "POST",   "/v2/users",               "the role operator may not manage the partner's users and their keys, sign-in, branding and the directory's connection"),
        (&operator_too, "DELETE", "/v2/users/1/api_key",     "the role operator may not manage the partner's users and their keys, sign-in, branding and the directory's connection"),
        (&operator_three, "GET",    "/v2/audit_events",        "the role operator may not read the audit trail"),
        (&inside,   "GET",    "/v2/customers",           "the role customer may not read customers, tags, tenants, assignments, directory status, statements and their files"),
        (&inside,   "PUT",    "/v2/customers/1",         "the role customer may not change customers, assignments and customers' users"),
        (&outside,  "GET",    "/v2/me",                  without),
        (&outside_too,  "GET",    "/v2/customers/1/",        without),
    ];
    for ((_, api), method, path, why) in cases {
        let id = format!("{method}{path}");
        let call = api.call(method, &format!("{path}?api_key=nothing")).header("X-Request-Id", &id);
        let answer = if method == "GET" { call.send() } else { call.json(&json!({})).send() };
        assert_eq!((answer.status, &answer.json()["error"]), (403, &json!(why)), "{id}");
    }
    // Nobody's key is nobody's refusal.
    assert_eq!(admin.with_key("nobody").get("/v2/customers").status, 401);
    let trail = admin.trail("action=access.");
    assert_eq!(trail.len(), cases.len());
    for (event, ((user, api), method, path, why)) in trail.iter().zip(cases) {
        assert_eq!((text(event, "action"), text(event, "reason")), ("access.refused", why));
        assert_eq!(text(event, "object"), format!("{method} {}", path.trim_end_matches('/')));
        assert_eq!(text(event, "request_id"), format!("{method}{path}"));
        assert_eq!((&event["user_id"], text(event, "key_id")), (&json!(user), &api.key[4..12]));
        assert_eq!((event.get("before"), event.get("after")), (None, None));
    }
}

fn what_fails_leaves_no_event(engine: Engine) {
    let admin = Server::shared(engine).partner();
    let made = admin.create(&customer(&json!({})));
    let own = format!("/v2/customers/{}", made["id"]);
    let me = format!("/v2/users/{}", admin.get("/v2/me").json()["id"]);
    let trail = admin.trail("");
    #[rustfmt::skip]
    let cases = [
        ("POST",   "/v2/customers",         json!({}),                                     422),
        ("POST",   "/v2/customers",         customer(&json!({})),                          422),
        ("PUT",    &own,                    json!({"name": "\u{0}"}),                      422),
        ("PUT",    &own,                    json!({"name": "Acme Corp"}),                  200),
        ("PUT",    "/v2/customers/0",       json!({"name": "X"}),                          404),
        ("DELETE", "/v2/customers/0",       json!({}),                                     404),
        ("POST",   "/v2/users",             json!({"email": "A@example.com", "role": "viewer"}), 422),
        ("POST",   "/v2/customers/0/users", json!({"email": "b@example.com"}),             404),
        ("DELETE", &me,                     json!({}),                                     422),
        ("POST",   "/v2/users/0/api_key",   json!({}),                                     404),
    ];
    for (method, path, body, expected) in cases {
        let answer = admin.call(method, path).json(&body).send();
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text());
        assert_eq!(admin.trail(""), trail, "{method} {path}");
    }
    let stale = admin.call("DELETE", &own).header("If-Match", "\"0-0\"").send();
    assert_eq!((stale.status, admin.trail("")), (412, trail));
}

fn pages_and_filters(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let (viewer_id, viewer) = admin.colleague("viewer");
    for minute in 20..32 {
        admin.set_clock(&format!("2016-09-15T18:{minute}:00Z"));
        let made = admin.create(&customer(&json!({"name": format!("Customer {minute}")})));
        admin.put(&format!("/v2/customers/{}", made["id"]), &json!({"name": format!("Renamed {minute}")}));
        assert_eq!(viewer.post("/v2/customers", &json!({})).status, 403);
    }
    let all = admin.trail("per_page=100");
    assert_eq!(all.len(), 3 + 3 * 12, "what made the partner, the viewer, and what it did");
    let times: Vec<&str> = all.iter().map(|event| text(event, "at")).collect();
    assert!(times.is_sorted(), "{times:?}");
    let ids: HashSet<&str> = all.iter().map(|event| text(event, "id")).collect();
    assert_eq!(ids.len(), all.len());
    for per_page in ["1", "7", "13", "39", "40", "1000"] {
        assert_eq!(admin.trail(&format!("per_page={per_page}")), all, "{per_page}");
    }
    // A page is full while there are more, and the walk goes on behind what came meanwhile.
    let page = admin.get("/v2/audit_events?per_page=7&action=customer.");
    assert_eq!(page.json()["audit_events"].as_array().unwrap().len(), 7);
    assert!(page.header("link").contains("action=customer.") && !page.header("link").contains("api_key"));

    let object = text(&all[3], "object").to_owned();
    #[rustfmt::skip]
    let cases = [
        ("action=customer.create",                                 12),
        ("action=customer.",                                       24),
        ("action=customer",                                         0),
        ("action=CUSTOMER.",                                        0),
        ("action=%25.",                                             0),
        ("action=c_stomer.",                                        0),
        ("action=access.refused",                                  12),
        ("action=user.",                                            2),
        (&format!("object={object}"),                               2),
        (&format!("object={object}&action=customer.update"),        1),
        (&format!("user_id={viewer_id}"),                          12),
        ("user_id=0",                                               0),
        ("since=2016-09-15T18:30:00Z",                              6),
        ("since=2016-09-15T20:30:00%2B02:00",                       6),
        ("until=2016-09-15T18:20:00Z",                              3),
        ("since=2016-09-15T18:21:00Z&until=2016-09-15T18:23:00Z",   6),
        ("since=2017-01-01",                                        0),
        ("action=&object=&user_id=&since=&until=&cursor=",         39),
    ];
    for (query, expected) in cases {
        for per_page in [5, 100] {
            assert_eq!(admin.trail(&format!("{query}&per_page={per_page}")).len(), expected, "{query}");
        }
    }
    for (query, details) in [
        ("user_id=me", "?user_id invalid"),
        ("since=yesterday&until=tomorrow", "?since invalid, ?until invalid"),
        ("cursor=abc", "?cursor invalid"),
        ("cursor=1.2", "?cursor invalid"),
        ("per_page=-1", "?per_page invalid"),
    ] {
        assert_eq!(admin.get(&format!("/v2/audit_events?{query}")).details(), details, "{query}");
    }
}

/// `tenantry admin audit verify` of everything: whether it was content, and what it printed.
fn verify(server: &Server) -> (bool, Value) {
    let output = server.run(&["audit", "verify", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    assert_eq!(output.status.success(), !said.contains("the audit trail has been tampered with"), "{said}");
    (output.status.success(), printed)
}

fn concurrent_changes_leave_a_trail_that_verifies(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let start = std::sync::Barrier::new(64);
    std::thread::scope(|threads| {
        for number in 0..64 {
            let (admin, start) = (admin.clone(), &start);
            threads.spawn(move || {
                start.wait();
                let made = admin.create(&customer(&json!({"name": format!("Customer {number}")})));
                let change = json!({"name": format!("Renamed {number}")});
                assert_eq!(admin.put(&format!("/v2/customers/{}", made["id"]), &change).status, 200);
            });
        }
    });
    let (good, printed) = verify(&server);
    assert!(good, "{printed:#}");
    let events = admin.trail("action=customer.&per_page=50");
    assert_eq!(events.len(), 128);
    let objects: HashSet<&str> = events.iter().map(|event| text(event, "object")).collect();
    assert_eq!(objects.len(), 64);
    // Every customer was made before it was renamed, and the trail says so.
    for object in objects {
        let told: Vec<&str> =
            events.iter().filter(|e| e["object"] == object).map(|e| text(e, "action")).collect();
        assert_eq!(told, ["customer.create", "customer.update"], "{object}");
    }
}

/// Direct SQL, each undone before the next.
fn tampering_is_found(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (name, other) = server.named_partner();
    let some_changes = |api: &Api| {
        for number in 0..3 {
            api.create(&customer(&json!({"name": format!("Customer {number}")})));
        }
    };
    some_changes(&server.admin());
    some_changes(&other);
    // A running server looks at the ends of the chains each minute, and records what it finds.
    server.signal("TERM");
    assert!(server.wait().0.success());
    database.execute(
        "CREATE TABLE kept_events AS SELECT * FROM audit_events; CREATE TABLE kept_heads AS SELECT * FROM audit_heads",
    );
    let undo = "DELETE FROM audit_events; INSERT INTO audit_events SELECT * FROM kept_events;
                DELETE FROM audit_heads; INSERT INTO audit_heads SELECT * FROM kept_heads";
    // With what tells of shards, on PostgreSQL.
    let events: usize =
        database.value("SELECT COUNT(*) FROM audit_events WHERE partner_id = 2").parse().unwrap();
    assert!(events >= 5, "{events}");
    let content = |when: &str| {
        let (good, printed) = verify(&server);
        assert!(good, "{when}: {printed:#}");
        assert_eq!(
            printed["audit"][1],
            json!({"partner": name, "events": events, "erased": 0, "problems": []}),
            "{when}"
        );
    };
    content("the control");
    let output = server.run(&["audit", "verify", "--partner", &name]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{name}: {events} events, as they were written\n")
    );

    // The partner's events are all in the shard of its one writer; on PostgreSQL there may be more shards.
    let mine = "partner_id = 2 AND shard = (SELECT MAX(shard) FROM audit_heads WHERE partner_id = 2)";
    let columns =
        "shard, seq, at, user_id, key_id, action, object, before, after, reason, origin, request_id, mac";
    let last = format!("{mine} AND seq = (SELECT MAX(seq) FROM kept_events WHERE {mine})");
    #[rustfmt::skip]
    let cases = [
        ("somebody else did it",  format!("UPDATE audit_events SET user_id = 7 WHERE {last}")),
        ("another time",          format!("UPDATE audit_events SET at = at + 1 WHERE {last}")),
        ("another text",          format!("UPDATE audit_events SET after = REPLACE(after, 'Acme', 'Akme'), origin = '10.0.0.1' WHERE {last}")),
        ("a blank for a null",    format!("UPDATE audit_events SET reason = '' WHERE {last}")),
        ("one is missing",        format!("DELETE FROM audit_events WHERE {mine} AND seq = 1")),
        ("the last is cut off",   format!("DELETE FROM audit_events WHERE {last}")),
        ("... and its head moved", format!("DELETE FROM audit_events WHERE {last}; UPDATE audit_heads SET seq = seq - 1 WHERE {mine}")),
        ("the head is gone",      format!("DELETE FROM audit_heads WHERE {mine}")),
        ("a shard is gone",        format!("DELETE FROM audit_events WHERE {mine}; DELETE FROM audit_heads WHERE {mine}")),
        ("all is gone",           "DELETE FROM audit_events; DELETE FROM audit_heads".to_owned()),
        ("one was put in",        format!("INSERT INTO audit_events (partner_id, {columns}) SELECT 2, shard, seq + 1, {} FROM kept_events WHERE {last}", &columns[11..])),
        ("... in front of all",   format!("INSERT INTO audit_events (partner_id, {columns}) SELECT 2, -7, 1, {} FROM kept_events WHERE {last}", &columns[11..])),
        ("... of another's",      "UPDATE audit_events SET partner_id = 1, shard = shard + 100 WHERE partner_id = 2".to_owned()),
        ("two are swapped",       format!("UPDATE audit_events SET seq = -1 WHERE {mine} AND seq = 1; UPDATE audit_events SET seq = 1 WHERE {mine} AND seq = 2; UPDATE audit_events SET seq = 2 WHERE {mine} AND seq = -1")),
    ];
    for (name, sql) in cases {
        database.execute(&sql);
        let (good, printed) = verify(&server);
        assert!(!good, "{name}: {printed:#}");
        database.execute(undo);
        content(&format!("{name}, undone"));
    }
    database.execute(&format!("UPDATE audit_events SET object = 'customers/1' WHERE {last}"));
    let output = server.run(&["audit", "verify"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        printed.contains("default: ")
            && printed.contains(&format!("{name}: {events} events, TAMPERED WITH:\n  shard "))
    );
}

/// The tail is cut off, the head moved there with a made-up MAC, and the server goes on writing: it says so for good.
fn a_broken_chain_stays_marked(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let rename = |admin: &Api, name: &str| {
        let listed = admin.get("/v2/customers").json();
        let path = format!("/v2/customers/{}", listed["customers"][0]["id"]);
        assert_eq!(admin.put(&path, &json!({"name": name})).status, 200);
    };
    admin.create(&customer(&json!({})));
    ["B", "C", "D"].iter().for_each(|name| rename(&admin, name));
    let broken = |api: &Api| {
        (
            sample(api, "tenantry_audit_broken_chains"),
            api.get("/readyz").json()["audit"]["broken_chains"].clone(),
        )
    };
    assert!(verify(&server).0, "the control");
    assert_eq!(broken(&admin), (0.0, json!(0)), "the control");

    // The last two events of the longest chain, which on PostgreSQL may be in any shard.
    let chain = "partner_id = 1 AND shard = (SELECT shard FROM audit_heads WHERE partner_id = 1 ORDER BY seq DESC, shard LIMIT 1)";
    let end = database.value(&format!("SELECT seq - 2 FROM audit_heads WHERE {chain}"));
    database.execute(&format!(
        "DELETE FROM audit_events WHERE {chain} AND seq > {end};
         UPDATE audit_heads SET seq = {end}, mac = 'ab' || SUBSTR(mac, 3), last_mac =
           (SELECT e.mac FROM audit_events e WHERE (e.partner_id, e.shard, e.seq) = (audit_heads.partner_id, audit_heads.shard, {end}))
         WHERE {chain}"
    ));
    ["E", "F", "G"].iter().for_each(|name| rename(&admin, name));
    for round in ["before a restart", "after one", "after two"] {
        let admin = server.admin();
        let (good, printed) = verify(&server);
        assert!(!good, "{round}: {printed:#}");
        if engine == Engine::Postgres && round == "before a restart" {
            // No change may have met this shard yet.
            server.signal("TERM");
            server.wait();
            server = Server::start(&database, &["--sandbox", "--at", NOW]);
            continue;
        }
        let problems = printed["audit"][0]["problems"].to_string();
        assert!(problems.contains("the server found the chain broken here"), "{round}: {printed:#}");
        let event = &admin.trail("action=audit.broken")[0];
        let why = "its head is not as it was signed";
        assert_eq!((text(event, "origin"), text(event, "reason")), ("server", why), "{round}");
        let seq = &event["after"]["head"]["seq"];
        assert_eq!(seq.to_string(), end, "{round}: {event}");
        assert_eq!(admin.trail("action=audit.broken").len(), 1, "{round}: it is said once");
        assert_eq!(broken(&admin), (1.0, json!(1)), "{round}");
        assert_eq!(admin.get("/readyz").status, 200, "{round}");
        rename(&admin, round);
        server.signal("TERM");
        server.wait();
        assert!(server.log().contains("the audit trail was tampered with"), "{round}");
        server = Server::start(&database, &["--sandbox", "--at", NOW]);
    }
}
