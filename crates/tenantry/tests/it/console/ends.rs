//! What ends a session, or shuts its user out, with the page open.

use super::Browser;
use crate::support::{Api, Database, Engine, NOW, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(sessions_end_with_a_reason, a_trial_ends_with_the_page_open, times_end_sessions);

fn expect_end(browser: &Browser, reason: &str, words: &str) {
    let answer = browser.get("/console/sessions");
    let expected = format!("/console/sign-in?ended={reason}&next=%2Fconsole%2Fsessions");
    assert_eq!((answer.status, answer.header("location")), (303, expected.as_str()), "{reason}");
    let page = browser.get(answer.header("location")).text();
    assert!(page.contains(words), "{reason}: {page}");
    assert_eq!(browser.cookie("tenantry-session"), None, "{reason}");
}

fn sessions_end_with_a_reason(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    type Change = fn(&Api, i64);
    let cases: [(&str, &str, Change); 4] = [
        ("key", "rotated or revoked", |admin, id| {
            assert_eq!(admin.post(&format!("/v2/users/{id}/api_key"), &json!({})).status, 201);
        }),
        ("key", "rotated or revoked", |admin, id| {
            assert_eq!(admin.delete(&format!("/v2/users/{id}/api_key")).status, 204);
        }),
        ("user", "was deleted", |admin, id| {
            assert_eq!(admin.delete(&format!("/v2/users/{id}")).status, 204);
        }),
        ("roles", "roles have changed", |admin, id| {
            assert_eq!(admin.put(&format!("/v2/users/{id}"), &json!({"role": "operator"})).status, 200);
        }),
    ];
    for (reason, words, change) in cases {
        let (id, user) = admin.colleague("viewer");
        let browser = Browser::signed_in(&user);
        assert_eq!(browser.get("/console").status, 200);
        change(&admin, id);
        expect_end(&browser, reason, words);
    }
    // A key among several: its own sessions end, and those of others do not.
    let (id, user) = admin.colleague("viewer");
    let keys = format!("/v2/users/{id}/api_keys");
    let made = admin.post(&keys, &json!({"name": "second"})).json();
    let second = Browser::signed_in(&admin.with_key(made["api_key"].as_str().unwrap()));
    let first = Browser::signed_in(&user);
    assert_eq!(first.get("/console/sessions").text().matches("name=\"session\"").count(), 2);
    assert_eq!(admin.delete(&format!("{keys}/{}", made["id"].as_str().unwrap())).status, 204);
    expect_end(&second, "key", "rotated or revoked");
    assert_eq!(first.get("/console/sessions").text().matches("name=\"session\"").count(), 1);
    // The control: a change of something else.
    let (id, user) = admin.colleague("viewer");
    let browser = Browser::signed_in(&user);
    assert_eq!(admin.put(&format!("/v2/users/{id}"), &json!({"name": "Jane <b>"})).status, 200);
    let page = browser.get("/console");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Jane &#60;b&#62;"), "{}", page.text());

    // A partner that is suspended keeps its sessions, and gets in again with them.
    let (name, suspended) = server.named_partner();
    let browser = Browser::signed_in(&suspended);
    assert!(server.run(&["partner", "suspend", &name]).status.success());
    let page = browser.get("/console");
    assert_eq!(page.status, 403);
    assert!(page.text().contains("this partner is suspended"), "{}", page.text());
    assert!(server.run(&["partner", "suspend", &name, "--resume"]).status.success());
    assert_eq!(browser.get("/console").status, 200);
}

fn a_trial_ends_with_the_page_open(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let change = json!({
        "classification": "managed_with_access", "trial_expiration_date": "2016-09-15T20:00:00Z",
    });
    let id = admin.create(&customer(&change))["id"].as_i64().unwrap();
    let (_, user) = admin.user_of(id);
    let browser = Browser::signed_in(&user);
    assert_eq!(browser.get("/console").header("location"), "/console/portal");
    assert_eq!(browser.get("/console/portal").status, 200);
    admin.set_clock("2016-09-15T19:59:59Z");
    assert_eq!(browser.get("/console/portal").status, 200);
    admin.set_clock("2016-09-15T20:00:00Z");
    for path in ["/console/portal", "/console", "/console/sessions"] {
        let page = browser.get(path);
        assert_eq!(page.status, 403, "{path}");
        let said = "this customer&#39;s trial expired at 2016-09-15T20:00:00Z";
        assert!(page.text().contains(said), "{path}: {}", page.text());
        assert!(page.text().contains("href=\"/console/sign-in\""), "says where to go next");
    }
    let put = |change| assert_eq!(admin.put(&format!("/v2/customers/{id}"), &change).status, 200);
    put(json!({"trial_expiration_date": "2016-09-15T21:00:00Z"}));
    assert_eq!(browser.get("/console/portal").status, 200, "a change that restores access works at once");
    put(json!({"classification": "managed_without_access"}));
    let page = browser.get("/console/portal");
    assert!(page.status == 403 && page.text().contains("managed without access"), "{}", page.text());
    assert_eq!(admin.delete(&format!("/v2/customers/{id}")).status, 204);
    expect_end(&browser, "user", "was deleted");
}

fn times_end_sessions(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let (idle, used) = (Browser::signed_in(&admin), Browser::signed_in(&admin));
    let expires = json!({
        "email": "e@example.com", "role": "viewer", "api_key_expires_at": "2016-09-15T19:00:00Z",
    });
    let (id, expiring) = admin.user("/v2/users", &expires);
    let expiring = Browser::signed_in(&expiring);
    let rotate = |body| admin.user(&format!("/v2/users/{id}/api_key"), &body).1;
    let overlapping = Browser::signed_in(&rotate(json!({"overlap_seconds": 60})));
    rotate(json!({"overlap_seconds": 60}));
    expect_end(&expiring, "key", "has expired");
    admin.set_clock("2016-09-15T18:18:03Z");
    assert_eq!(overlapping.get("/console").status, 200);
    admin.set_clock("2016-09-15T18:18:04Z");
    expect_end(&overlapping, "key", "has expired");
    let (_, expiring) = admin
        .user(&format!("/v2/users/{id}/api_key"), &json!({"api_key_expires_at": "2016-09-15T19:00:00Z"}));
    let expiring = Browser::signed_in(&expiring);
    admin.set_clock("2016-09-15T19:00:00Z");
    expect_end(&expiring, "key", "has expired");
    // 12 hours after the sign-in at 18:17:04, and every 11 hours.
    admin.set_clock("2016-09-16T05:17:04Z");
    assert_eq!(used.get("/console").status, 200);
    admin.set_clock("2016-09-16T06:17:03Z");
    assert_eq!(used.get("/console/sessions").text().matches("name=\"session\"").count(), 2);
    admin.set_clock("2016-09-16T06:17:04Z");
    let listed = used.get("/console/sessions").text();
    assert_eq!(listed.matches("name=\"session\"").count(), 1, "{listed}");
    expect_end(&idle, "idle", "not used for 12 hours");
    for day in 16..22 {
        for hour in ["06:18:00", "17:18:00"] {
            admin.set_clock(&format!("2016-09-{day}T{hour}Z"));
            assert_eq!(used.get("/console").status, 200, "{day} {hour}");
        }
        admin.set_clock(&format!("2016-09-{}T04:18:00Z", day + 1));
        assert_eq!(used.get("/console").status, 200, "{day}");
    }
    admin.set_clock("2016-09-22T15:17:04Z");
    assert_eq!(used.get("/console").status, 200);
    admin.set_clock("2016-09-22T18:17:04Z");
    expect_end(&used, "age", "7 days ago");
}
