//! Users and their keys, which are shown once.

use super::Browser;
use crate::support::{Engine, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(a_key_is_shown_once, the_last_admin_stays);

fn key_of(page: &str) -> String {
    page.split("class=\"secret\"><code>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

fn a_key_is_shown_once(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let browser = Browser::signed_in(&admin);
    let id = admin.create(&customer(&json!({"name": "Acme", "classification": "managed_with_access"})))["id"]
        .clone();
    for (list, fields) in [
        (
            "/console/users".to_owned(),
            vec![("email", "jane@example.com"), ("roles", "viewer"), ("roles", "auditor")],
        ),
        (format!("/console/customers/{id}/users"), vec![("email", "joe@example.com"), ("name", "Joe <b>")]),
    ] {
        let made = browser.submit(&list, &list, &fields);
        assert_eq!((made.status, made.header("cache-control")), (200, "no-store"), "{}", made.text());
        let key = key_of(&made.text());
        let user = admin.with_key(&key);
        assert_eq!(user.get("/v2/me").status, 200);
        assert!(!browser.get(&list).text().contains(&key), "the key is shown again");
        let page = format!("{list}/{}", user.get("/v2/me").json()["id"]);
        let rotated = browser.submit(&page, &format!("{page}/rotate"), &[]);
        let new = key_of(&rotated.text());
        assert_ne!(new, key);
        assert_eq!((user.get("/v2/me").status, admin.with_key(&new).get("/v2/me").status), (401, 200));
        let named = browser.submit(&page, &format!("{page}/keys"), &[("key_name", "Night <b>")]);
        let night = key_of(&named.text());
        assert_eq!(admin.with_key(&night).get("/v2/me").status, 200);
        let shown = browser.get(&page).text();
        assert!(shown.contains("Night &#60;b&#62;") && !shown.contains(&night), "{shown}");
        let fields = [("key", &night[4..12])];
        let revoked = browser.submit(&page, &format!("{page}/keys/revoke"), &fields);
        assert_eq!(revoked.header("location"), format!("{list}?done=key-revoked"));
        assert_eq!(admin.with_key(&night).get("/v2/me").status, 401);
        assert_eq!(admin.with_key(&new).get("/v2/me").status, 200);
        let unnamed = browser.submit(&page, &format!("{page}/keys"), &[]);
        assert!(
            unnamed.status == 422 && unnamed.text().contains("Name of the key: is required"),
            "{}",
            unnamed.text()
        );
        let revoked = browser.submit(&page, &format!("{page}/revoke"), &[]);
        assert_eq!(revoked.header("location"), format!("{list}?done=key-revoked"));
        assert_eq!(admin.with_key(&new).get("/v2/me").status, 401);
        let deleted = browser.submit(&page, &format!("{page}/delete"), &[]);
        assert_eq!(deleted.header("location"), format!("{list}?done=user-deleted"));
        assert_eq!(browser.get(&page).status, 404);
    }
    let wrong = browser.submit(
        "/console/users",
        "/console/users",
        &[("email", "abc"), ("api_key_expires_at", "2010-01-01T00:00")],
    );
    let page = wrong.text();
    assert_eq!(wrong.status, 422);
    for message in ["E-mail address: must be", "Roles: ", "must be in the future", "value=\"abc\""] {
        assert!(page.contains(message), "{message}: {page}");
    }
}

fn the_last_admin_stays(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let browser = Browser::signed_in(&admin);
    let page = format!("/console/users/{}", admin.get("/v2/me").json()["id"]);
    for action in ["revoke", "delete"] {
        let answer = browser.submit(&page, &format!("{page}/{action}"), &[]);
        assert_eq!(answer.status, 422);
        assert!(answer.text().contains("last admin"), "{}", answer.text());
    }
    let answer = browser.submit(&page, &page, &[("roles", "viewer")]);
    assert!(answer.status == 422 && answer.text().contains("last administrator"), "{}", answer.text());
    assert_eq!(browser.get("/console").status, 200);
}
