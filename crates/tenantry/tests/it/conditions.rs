//! Versions: reading only what is new, changing only what is known, and what is gone for good.

use crate::support::{ABSENT, Answer, Api, Database, Engine, Failures, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::thread;

on_both_engines!(
    a_read_that_knows_the_version_gets_no_body,
    a_change_that_names_another_version_is_refused,
    a_deletion_that_names_another_version_is_refused,
    of_two_changes_to_one_version_one_is_made,
    of_two_deletions_one_is_made,
    a_deleted_customer_is_gone,
    its_name_and_its_tenant_are_free_again,
    no_id_is_used_twice,
);

fn named(api: &Api, name: &str) -> (String, String) {
    let created = api.post("/v2/customers", &customer(&json!({"name": name})));
    assert_eq!(created.status, 201, "{}", created.text());
    (format!("/v2/customers/{}", created.json()["id"]), created.header("etag").to_owned())
}

/// Its path, the tags of an old version and of the present one, and that of another customer.
fn changed_once(api: &Api, name: &str) -> (String, [String; 3]) {
    let (path, old) = named(api, name);
    let changed = api.put(&path, &json!({"billing_contact": "new@example.com"}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    let now = changed.header("etag").to_owned();
    let (_, others) = named(api, &format!("Other than {name}"));
    assert!(old != now && old != others && now != others, "{old} {now} {others}");
    (path, [old, now, others])
}

/// What a header says, once for each line, with the tags in the place of `OLD`, `NOW` and `OTHER`.
fn with_lines(
    api: &Api,
    method: &str,
    path: &str,
    header: &str,
    lines: &[&str],
    tags: &[String; 3],
) -> Answer {
    let mut call = api.call(method, path);
    for line in lines {
        let value = line.replace("OLD", &tags[0]).replace("NOW", &tags[1]).replace("OTHER", &tags[2]);
        call = call.header(header, &value);
    }
    match method {
        "PUT" => call.json(&json!({"margin_percentage": 50})).send(),
        _ => call.send(),
    }
}

fn a_read_that_knows_the_version_gets_no_body(engine: Engine) {
    let api = Server::shared(engine).partner();
    let (path, tags) = changed_once(&api, "Acme Corp");
    let whole = api.get(&path);
    assert_eq!(whole.header("etag"), tags[1]);
    let mut failures = Failures::default();
    for (lines, known) in [
        (&["NOW"][..], true),
        (&["W/NOW"], true),
        (&["*"], true),
        (&["OLD, NOW"], true),
        (&["OLD,OTHER,W/NOW"], true),
        (&["OLD", "NOW"], true),
        (&["OLD"], false),
        (&["W/OLD"], false),
        (&["OTHER"], false),
        (&["OLD, OTHER"], false),
        (&["\"*\""], false),
        (&["\"\""], false),
        (&["x"], false),
        (&[""], false),
        (&[], false),
    ] {
        let answer = with_lines(&api, "GET", &path, "If-None-Match", lines, &tags);
        let expected = if known { (304, String::new()) } else { (200, whole.text()) };
        let good = (answer.status, answer.text()) == expected && answer.header("etag") == tags[1];
        let name = lines.join(" and ");
        failures.case(&name, if good { Ok(()) } else { Err(format!("{} {}", answer.status, answer.text())) });
    }
    failures.done(15);
    // Of what is not there, no version is known.
    assert_eq!(api.call("GET", "/v2/customers/0").header("If-None-Match", "*").send().status, 404);
}

/// The lines of `If-Match`, and whether they let a change of the present version pass. Weak tags never do (RFC 9110,
/// section 13.1.1).
const PRECONDITIONS: [(&[&str], bool); 14] = [
    (&["NOW"], true),
    (&["*"], true),
    (&["OLD, NOW"], true),
    (&["OTHER ,NOW,OLD"], true),
    (&["OLD", "NOW"], true),
    (&["OLD"], false),
    (&["OTHER"], false),
    (&["OLD, OTHER"], false),
    (&["W/NOW"], false),
    (&["W/NOW, W/OLD"], false),
    (&["\"*\""], false),
    (&["\"\""], false),
    (&["x"], false),
    (&[""], false),
];

fn each_precondition(engine: Engine, method: &str, done: u16) {
    let api = Server::shared(engine).partner();
    let mut failures = Failures::default();
    for (i, (lines, passes)) in PRECONDITIONS.into_iter().enumerate() {
        let (path, tags) = changed_once(&api, &format!("{method} {i}"));
        let before = api.get(&path).text();
        let answer = with_lines(&api, method, &path, "If-Match", lines, &tags);
        let after = api.get(&path).text();
        let good = if passes {
            answer.status == done && after != before
        } else {
            answer.status == 412 && after == before
        };
        let said = format!("{} {}; then {after}", answer.status, answer.text());
        failures.case(&lines.join(" and "), if good { Ok(()) } else { Err(said) });
    }
    failures.done(14);
    let (path, tags) = changed_once(&api, "Gone");
    assert_eq!(api.delete(&path).status, 204);
    for line in ["NOW", "OLD", "*"] {
        assert_eq!(with_lines(&api, method, &path, "If-Match", &[line], &tags).status, 404, "{line}");
    }
}

fn a_change_that_names_another_version_is_refused(engine: Engine) {
    each_precondition(engine, "PUT", 200);
}

fn a_deletion_that_names_another_version_is_refused(engine: Engine) {
    each_precondition(engine, "DELETE", 204);
}

/// The statuses of two at the same instant, the smaller one first.
fn at_once(one: impl FnOnce() -> u16 + Send, other: impl FnOnce() -> u16) -> [u16; 2] {
    let start = Barrier::new(2);
    let mut statuses = thread::scope(|scope| {
        let one = scope.spawn(|| {
            start.wait();
            one()
        });
        start.wait();
        [other(), one.join().unwrap()]
    });
    statuses.sort_unstable();
    statuses
}

fn of_two_changes_to_one_version_one_is_made(engine: Engine) {
    let api = Server::shared(engine).partner();
    let (path, _) = named(&api, "Acme Corp");
    for round in 0..30 {
        let tag = api.get(&path).header("etag").to_owned();
        let put = |name: String| {
            let (api, path, tag) = (&api, &path, &tag);
            move || api.call("PUT", path).header("If-Match", tag).json(&json!({"name": name})).send().status
        };
        let statuses = at_once(put(format!("One {round}")), put(format!("Other {round}")));
        assert_eq!(statuses, [200, 412], "in round {round}");
    }
}

fn of_two_deletions_one_is_made(engine: Engine) {
    let api = Server::shared(engine).partner();
    for round in 0..30 {
        let (path, _) = named(&api, "Acme Corp");
        let delete = || api.delete(&path).status;
        assert_eq!(at_once(delete, delete), [204, 404], "in round {round}");
    }
}

fn a_deleted_customer_is_gone(engine: Engine) {
    let api = Server::shared(engine).partner();
    let (path, _) = named(&api, "Acme Corp");
    let (other, _) = named(&api, "Other Corp");
    let deleted = api.delete(&path);
    assert_eq!((deleted.status, deleted.text()), (204, String::new()));

    for version in ["v1", "v2"] {
        let path = path.replace("v2", version);
        for answer in [api.get(&path), api.put(&path, &json!({"name": "Back"})), api.delete(&path)] {
            assert_eq!(answer.status, 404, "{}", answer.text());
        }
    }
    let list = api.get("/v2/customers");
    assert_eq!(list.header("x-total"), "1");
    assert_eq!(list.json()["customers"], json!([api.get(&other).json()]));
    assert_eq!(api.get("/v2/customers?q=acme").header("x-total"), "0");
}

fn its_name_and_its_tenant_are_free_again(engine: Engine) {
    let api = Server::shared(engine).partner();
    let body = customer(&json!({
        "name": "Acme Corp", "address": ABSENT, "azure_customer_id": "34fdg", "tags": [{"key": "k", "value": "v"}],
    }));
    let mut seen: Vec<Value> = Vec::new();
    for _ in 0..3 {
        let created = api.create(&body);
        let again = api.post("/v2/customers", &body);
        assert_eq!(again.details(), "/name taken, /azure_customer_id taken");
        let path = format!("/v2/customers/{}", created["id"]);
        assert_eq!(api.delete(&path).status, 204);
        assert!(!seen.contains(&created["generated_external_id"]), "{created} after {seen:?}");
        seen.push(created["generated_external_id"].clone());
    }
    // Free for a change as well.
    let (path, _) = named(&api, "Other Corp");
    let changed = api.put(&path, &json!({"name": "ACME corp", "azure_customer_id": "34FDG"}));
    assert_eq!(changed.status, 200, "{}", changed.text());
}

fn no_id_is_used_twice(engine: Engine) {
    let database = Database::new(engine);
    let mut last = 0;
    for _ in 0..3 {
        let mut server = Server::start(&database, &[]);
        let api = server.admin();
        for _ in 0..3 {
            // The greatest one, and the only one.
            let id = api.create(&customer(&json!({})))["id"].as_i64().unwrap();
            assert!(id > last, "{id} after {last}");
            assert_eq!(api.delete(&format!("/v2/customers/{id}")).status, 204);
            last = id;
        }
        server.signal("TERM");
        assert_eq!(server.wait().0.code(), Some(0));
    }
}
