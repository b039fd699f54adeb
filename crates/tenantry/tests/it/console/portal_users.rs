//! The portal's page of users: what an owner does there, and what it does not reach.

use super::Browser;
use crate::support::{Answer, Api, Database, Engine, NOW, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(an_owner_invites_changes_and_removes, an_owner_remains, others_see_nothing_of_it);

const PATH: &str = "/console/portal/users";

/// A customer with an owner: its id, the owner's, and the owner's browser.
fn owned(admin: &Api, name: &str) -> (i64, i64, Browser) {
    let change = json!({"name": name, "classification": "managed_with_access"});
    let id = admin.create(&customer(&change))["id"].as_i64().unwrap();
    let (user, owner) = admin.user_as(id, "owner");
    (id, user, Browser::signed_in(&owner))
}

/// The path and query of the invitation that a page shows.
fn link(browser: &Browser, page: &Answer) -> String {
    let text = page.text();
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"), "{text}");
    let link = text.split("class=\"secret\"><code>").nth(1).unwrap().split('<').next().unwrap();
    link.strip_prefix(&browser.origin()).unwrap().to_owned()
}

fn accept(server: &Server, link: &str) -> (Browser, Answer) {
    let visitor = Browser::new(server.address);
    let token = link.split_once("token=").unwrap().1;
    if visitor.get(link).status != 200 {
        let answer = visitor.get(link);
        return (visitor, answer);
    }
    let answer = visitor.submit(link, "/console/invitation", &[("token", token)]);
    (visitor, answer)
}

fn an_owner_invites_changes_and_removes(engine: Engine) {
    let database = Database::new(engine);
    let server = &Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let (customer, _, owner) = owned(&admin, "Acme <b>");
    assert!(owner.get("/console/portal").text().contains(&format!("href=\"{PATH}\"")), "the navigation");
    let list = owner.get(PATH).text();
    assert!(list.contains("Owner") && list.contains(">You<"), "{list}");

    let fields = [("email", "joe@example.com"), ("name", "Joe <b>"), ("role", "customer")];
    let first = link(&owner, &owner.submit(PATH, PATH, &fields));
    let list = owner.get(PATH).text();
    for shown in ["joe@example.com", "Joe &#60;b&#62;", "Member", "Valid until"] {
        assert!(list.contains(shown), "{shown}: {list}");
    }
    assert!(!list.contains(first.split_once("token=").unwrap().1), "the link is shown again");
    let users = admin.get(&format!("/v2/customers/{customer}/users")).json();
    let joe = &users["users"][1];
    assert_eq!((&joe["email"], &joe["has_api_key"]), (&json!("joe@example.com"), &json!(false)));
    let page = format!("{PATH}/{}", joe["id"]);

    // A second invitation takes the place of the first. It works once.
    let second = link(&owner, &owner.submit(&page, &format!("{page}/invite"), &[]));
    assert_eq!(accept(server, &first).1.status, 404);
    let (member, answer) = accept(server, &second);
    assert_eq!((answer.status, answer.header("location")), (303, "/console"), "{}", answer.text());
    assert_eq!(accept(server, &second).1.status, 410);
    assert_eq!(member.get("/console/portal").status, 200);
    assert!(!owner.get(PATH).text().contains("Valid until"), "it was used");
    assert_eq!(member.get(PATH).status, 403, "a member does not see the users");
    assert!(!member.get("/console/portal").text().contains(PATH));

    // A new role ends the sessions of the old one.
    let changed = owner.submit(&page, &page, &[("name", "Joe"), ("role", "owner")]);
    assert_eq!(changed.header("location"), format!("{PATH}?done=user-changed"), "{}", changed.text());
    assert_eq!(member.get("/console").header("location"), "/console/sign-in?ended=roles");
    let (member, _) = accept(server, &link(&owner, &owner.submit(&page, &format!("{page}/invite"), &[])));
    assert_eq!(member.get(PATH).status, 200);

    let removed = owner.submit(&page, &format!("{page}/remove"), &[]);
    assert_eq!(removed.header("location"), format!("{PATH}?done=user-removed"));
    assert_eq!(member.get("/console").header("location"), "/console/sign-in?ended=user");
    assert_eq!(owner.get(&page).status, 404);

    // What is wrong, in its place, and what was typed.
    let wrong = owner.submit(PATH, PATH, &[("email", "joe <b>"), ("name", "Joe"), ("role", "owner")]);
    let text = wrong.text();
    assert_eq!(wrong.status, 422, "{text}");
    for shown in ["E-mail address: must be", "value=\"joe &#60;b&#62;\"", "value=\"owner\" checked"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let taken = owner.submit(PATH, PATH, &[("email", users["users"][0]["email"].as_str().unwrap())]);
    assert!(taken.status == 422 && taken.text().contains("has already been taken"), "{}", taken.text());
    assert_eq!(owner.submit(PATH, PATH, &[("email", "a@b.example"), ("role", "admin")]).status, 422);
    let trail = admin.trail("action=user.invite");
    assert_eq!(trail.len(), 1, "{trail:?}");
    assert_eq!(trail[0]["object"], json!(format!("customers/{customer}/users/{}", joe["id"])));
    let german = owner.get_with(PATH, &[("Accept-Language", "de")]).text();
    assert!(german.contains("Benutzer einladen") && german.contains("Inhaber"), "{german}");
    let output = server.run(&["audit", "verify"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn an_owner_remains(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let (customer, id, owner) = owned(&admin, "Acme");
    let page = format!("{PATH}/{id}");
    for (action, fields) in [(page.clone(), vec![("role", "customer")]), (format!("{page}/remove"), vec![])] {
        let answer = owner.submit(&page, &action, &fields);
        assert_eq!(answer.status, 422);
        assert!(answer.text().contains("This is the last owner."), "{}", answer.text());
    }
    assert_eq!(owner.get(PATH).status, 200);
    // With another one it may go.
    admin.user_as(customer, "owner");
    assert_eq!(owner.submit(&page, &format!("{page}/remove"), &[]).status, 303);
    assert_eq!(owner.get("/console").header("location"), "/console/sign-in?ended=user");
}

fn others_see_nothing_of_it(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let (acme, _, owner) = owned(&admin, "Acme");
    let (_, theirs, _) = owned(&admin, "Beta");
    let (colleague, _) = admin.colleague("viewer");
    let text = owner.get(PATH).text();
    assert_eq!(text.matches("@example.com</a>").count(), 1, "{text}");
    let token = owner.token(PATH);
    for id in [theirs, colleague, 999_999] {
        assert_eq!(owner.get(&format!("{PATH}/{id}")).status, 404, "{id}");
        for action in ["", "/invite", "/remove"] {
            let fields = [("form_token", token.as_str()), ("role", "customer")];
            assert_eq!(owner.post(&format!("{PATH}/{id}{action}"), &fields).status, 404, "{id}{action}");
        }
    }
    for path in [format!("/console/customers/{acme}/users"), "/console/users".into()] {
        assert_eq!(owner.get(&path).status, 404, "{path}");
    }
    // The partner makes owners on its own pages.
    let partner = Browser::signed_in(&admin);
    let users = format!("/console/customers/{acme}/users");
    assert!(partner.get(&users).text().contains("Sees the bills, and invites and removes users"));
    let made = partner.submit(&users, &users, &[("email", "o@example.com"), ("roles", "owner")]);
    assert_eq!(made.status, 200, "{}", made.text());
    let listed = admin.get(&format!("/v2/customers/{acme}/users")).json();
    assert_eq!(listed["users"][1]["role"], "owner", "{listed}");
}
