//! Invitations: they work once, for 72 hours.

use super::Browser;
use crate::support::{Answer, Api, Database, Engine, NOW, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(an_invitation_works_once, an_invitation_ends, planted_invitations_open_nothing);

fn server(engine: Engine) -> (Database, Server, Api) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    (database, server, admin)
}

/// The path and query of the link that the page shows.
fn invited(browser: &Browser, user: &str) -> String {
    let page = browser.submit(user, &format!("{user}/invite"), &[]);
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"), "{}", page.text());
    let text = page.text();
    let link = text.split("class=\"secret\"><code>").nth(1).unwrap().split('<').next().unwrap();
    link.strip_prefix(&browser.origin()).unwrap().to_owned()
}

fn accept(browser: &Browser, link: &str) -> Answer {
    let token = link.split_once("token=").unwrap().1;
    browser.submit(link, "/console/invitation", &[("token", token)])
}

fn expect(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(words), "{words}: {}", answer.text());
}

fn an_invitation_works_once(engine: Engine) {
    let (database, server, admin) = server(engine);
    let browser = Browser::signed_in(&admin);
    let made = admin.create(&customer(&json!({"name": "Acme", "classification": "managed_with_access"})));
    let own = format!("/console/users/{}", admin.colleague("viewer").0);
    let id = made["id"].as_i64().unwrap();
    let theirs = format!("/console/customers/{id}/users/{}", admin.user_of(id).0);
    for (user, home) in [(own, "/console/customers"), (theirs, "/console/portal")] {
        let earlier = invited(&browser, &user);
        let link = invited(&browser, &user);
        assert_ne!(earlier, link);
        let secret = link.split_once("token=").unwrap().1;
        expect(&Browser::new(server.address).get(&earlier), 404, "replaced by a newer one");
        let visitor = Browser::new(server.address);
        // Looking at the link uses up nothing.
        for _ in 0..2 {
            expect(&visitor.get(&link), 200, "default has invited you");
        }
        let answer = accept(&visitor, &link);
        assert_eq!((answer.status, answer.header("location")), (303, "/console"), "{}", answer.text());
        assert_eq!(visitor.get(home).status, 200);
        let other = Browser::new(server.address);
        expect(&other.get(&link), 410, "Ask admin@");
        let token = other.token("/console/sign-in");
        let again = other.post("/console/invitation", &[("token", secret), ("form_token", &token)]);
        expect(&again, 410, "This server sends no e-mail");
        assert_eq!(other.get("/console").status, 303);
        assert_eq!(visitor.get("/console/sessions").status, 200, "the session goes on");
        assert!(!server.log().contains(secret), "the token is in the log");
        let kept = String::from_utf8_lossy(&database.contents()).into_owned();
        assert!(!kept.contains(secret), "the token is in the database");
    }
    for wrong in ["", "?token=", "?token=0", "?token=%3Cscript%3E", &format!("?token={}", "0".repeat(64))] {
        let answer = Browser::new(server.address).get(&format!("/console/invitation{wrong}"));
        expect(&answer, 404, "not valid");
    }
    // Of another partner's users nobody is invited.
    let stranger = Browser::signed_in(&server.partner());
    let own = format!("/console/users/{}", admin.colleague("viewer").0);
    let token = stranger.token("/console/sessions");
    let answer = stranger.post(&format!("{own}/invite"), &[("form_token", &token)]);
    assert_eq!(answer.status, 404);
    let actions: Vec<String> = admin
        .trail("action=invitation.create")
        .iter()
        .map(|event| event["object"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(actions.len(), 4, "{actions:?}");
}

fn an_invitation_ends(engine: Engine) {
    let (_database, server, admin) = server(engine);
    let browser = Browser::signed_in(&admin);
    let invite = || {
        let (id, key) = admin.colleague("viewer");
        (id, key, invited(&browser, &format!("/console/users/{id}")))
    };
    let fresh = || Browser::new(server.address);
    // A deleted user, other roles, a partner that is suspended.
    let (id, _, link) = invite();
    assert_eq!(admin.delete(&format!("/v2/users/{id}")).status, 204);
    expect(&fresh().get(&link), 404, "not valid");
    let (id, _, link) = invite();
    assert_eq!(admin.put(&format!("/v2/users/{id}"), &json!({"role": "operator"})).status, 200);
    let visitor = fresh();
    assert_eq!(accept(&visitor, &link).status, 303, "what it opens is what the user may do now");
    assert_eq!(admin.put(&format!("/v2/users/{id}"), &json!({"role": "viewer"})).status, 200);
    assert_eq!(visitor.get("/console").header("location"), "/console/sign-in?ended=roles");
    // A customer without access.
    let made = admin.create(&customer(&json!({"name": "Beta"})));
    let id = made["id"].as_i64().unwrap();
    let link = invited(&browser, &format!("/console/customers/{id}/users/{}", admin.user_of(id).0));
    expect(&accept(&fresh(), &link), 403, "managed without access");
    let change = json!({"classification": "managed_with_access"});
    assert_eq!(admin.put(&format!("/v2/customers/{id}"), &change).status, 200);
    assert_eq!(accept(&fresh(), &link).status, 303, "a refusal uses up nothing");
    // By the clock.
    let (_, _, link) = invite();
    let (_, _, used) = invite();
    admin.set_clock("2016-09-18T18:17:03Z");
    assert_eq!(accept(&fresh(), &used).status, 303, "a second before the end");
    admin.set_clock("2016-09-18T18:17:04Z");
    let visitor = fresh();
    expect(&visitor.get(&link), 410, "works for 72 hours");
    let token = visitor.token("/console/sign-in");
    let secret = link.split_once("token=").unwrap().1;
    let late = visitor.post("/console/invitation", &[("token", secret), ("form_token", &token)]);
    expect(&late, 410, "works for 72 hours");
}

fn planted_invitations_open_nothing(engine: Engine) {
    let (database, server, admin) = server(engine);
    let browser = Browser::signed_in(&admin);
    let (id, _) = admin.colleague("viewer");
    let link = invited(&browser, &format!("/console/users/{id}"));
    let of_admin = "(SELECT u.id FROM users u WHERE u.role = 'admin')";
    for (what, change, undo) in [
        (
            "for another user",
            format!("UPDATE invitations SET user_id = {of_admin}"),
            format!("UPDATE invitations SET user_id = {id}"),
        ),
        (
            "for a longer time",
            "UPDATE invitations SET expires_at = expires_at + 1".to_owned(),
            "UPDATE invitations SET expires_at = expires_at - 1".to_owned(),
        ),
        (
            "for a user that was promoted",
            format!("UPDATE users SET role = 'admin' WHERE id = {id}"),
            format!("UPDATE users SET role = 'viewer' WHERE id = {id}"),
        ),
    ] {
        database.execute(&change);
        let answer = Browser::new(server.address).get(&link);
        assert_eq!(answer.status, 404, "{what}: {}", answer.text());
        database.execute(&undo);
    }
    assert_eq!(accept(&Browser::new(server.address), &link).status, 303, "the control");
}
