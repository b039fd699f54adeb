//! The audit trail as a page.

use super::Browser;
use crate::support::{Database, Engine, NOW, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(changes_show_what_was_before_and_after, a_trail_is_verified);

fn changes_show_what_was_before_and_after(engine: Engine) {
    let server = Server::shared(engine);
    let admin = server.partner();
    let id = admin.create(&customer(&json!({"name": "Old <b>name"})))["id"].to_string();
    assert_eq!(admin.put(&format!("/v2/customers/{id}"), &json!({"name": "New <i>name"})).status, 200);
    let browser = Browser::signed_in(&admin);
    let page = browser.get("/console/audit?action=customer.update").text();
    let rows = |page: &str| page.matches("<th scope=\"row\">").count();
    assert_eq!(rows(&page), 1, "{page}");
    let (before, after) =
        (page.find("Old &#60;b&#62;name").unwrap(), page.find("New &#60;i&#62;name").unwrap());
    assert!(before < after && page.contains("<del>") && page.contains("<ins>"), "{page}");
    assert!(!page.contains("Springfield"), "what did not change is not shown: {page}");
    for (query, expected) in [
        ("action=customer.create", 1),
        ("action=customer.delete", 0),
        (&*format!("object=customers%2F{id}"), 2),
        (&*format!("object=customers%2F{id}&since=2016-09-15T18:17:04Z"), 2),
        (&*format!("object=customers%2F{id}&until=2016-09-15T18:17:04Z"), 0),
        (&*format!("object=customers%2F{id}&since=2016-09-16T00:00:00Z"), 0),
    ] {
        let page = browser.get(&format!("/console/audit?{query}"));
        assert_eq!((page.status, rows(&page.text())), (200, expected), "{query}");
    }
    let wrong = browser.get("/console/audit?since=yesterday");
    assert!(wrong.status == 422 && wrong.text().contains("role=\"alert\""), "{}", wrong.text());
    let wrong = browser.get("/console/audit?user_id=me").text();
    assert!(wrong.contains("<a href=\"#user_id\">User number: must be a whole number"), "{wrong}");
    // More than a page.
    for number in 0..51 {
        let change = json!({"name": format!("Name {number}")});
        assert_eq!(admin.put(&format!("/v2/customers/{id}"), &change).status, 200);
    }
    let page = browser.get("/console/audit?action=customer.update").text();
    assert_eq!(rows(&page), 50);
    let next = page.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let next = next.replace("&#38;", "&");
    assert!(next.contains("action=customer.update"), "the filter is kept: {next}");
    let last = browser.get(&next).text();
    assert!(rows(&last) == 2 && last.contains("Name 50"), "{last}");
    // Of another partner's nothing is seen.
    let other = Browser::signed_in(&server.partner());
    assert_eq!(rows(&other.get(&format!("/console/audit?object=customers%2F{id}")).text()), 0);
}

fn a_trail_is_verified(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (admin, other) = (server.partner(), server.partner());
    let id = admin.create(&customer(&json!({"name": "Acme"})))["id"].to_string();
    let [browser, control] = [&admin, &other].map(Browser::signed_in);
    let verify = "/console/audit/verify";
    let german = |query: &str| {
        let page = browser.get_with(&format!("{verify}{query}"), &[("Accept-Language", "de")]);
        assert_eq!(page.status, 200, "{}", page.text());
        page.text()
    };
    assert!(browser.get("/console/audit").text().contains(&format!("action=\"{verify}\"")));

    let sound = browser.get(verify).text();
    for part in ["Nothing was changed, added or removed", "All ", " events were checked, up to 0-", "Agrees"]
    {
        assert!(sound.contains(part), "without {part}: {sound}");
    }
    assert!(!sound.contains("role=\"alert\""), "{sound}");
    let page = german("");
    for part in ["Nichts wurde geändert", "Einträge wurden geprüft, bis 0-", "Stimmt überein"] {
        assert!(page.contains(part), "without {part}: {page}");
    }
    let api = |query: &str| admin.get(&format!("/v2/audit_verification{query}")).json();
    let found = api("");
    assert_eq!((&found["verified"], &found["users_compared"]), (&json!(true), &json!(true)), "{found}");
    assert_eq!(
        (&found["events"], &found["anchors"][0]["state"]),
        (&found["total"], &json!("agrees")),
        "{found}"
    );
    let part = api("?after=0-1");
    assert_eq!((&part["before"], &part["users_compared"]), (&json!(1), &json!(false)), "{part}");
    assert_eq!(admin.get("/v2/audit_verification?after=1").status, 422);
    // A part, as of a trail that is longer than what is looked at in one go.
    assert!(german("?after=0-1").contains("Die Einträge 2 bis "), "{page}");
    let wrong = browser.get(&format!("{verify}?after=elsewhere"));
    assert!(
        wrong.status == 422 && wrong.text().contains("after must be the id of an event"),
        "{}",
        wrong.text()
    );

    let event = &admin.get(&format!("/v2/audit_events?object=customers/{id}")).json()["audit_events"][0];
    let place = event["id"].as_str().unwrap();
    let (shard, seq) = place.split_once('-').unwrap();
    let partner =
        database.value(&format!("SELECT partner_id FROM customers WHERE id = {id} AND name = 'Acme'"));
    database.execute(&format!(
        "UPDATE audit_events SET origin = 'elsewhere' WHERE partner_id = {partner} AND shard = {shard} AND seq = {seq}"
    ));
    let broken = browser.get(verify).text();
    for part in
        ["One thing is wrong", "role=\"alert\"", &format!("Event {place}"), "Is not what was written there"]
    {
        assert!(broken.contains(part), "without {part}: {broken}");
    }
    assert!(!broken.contains("Nothing was changed"), "{broken}");
    let found = api("");
    assert_eq!(found["verified"], false, "{found}");
    assert_eq!(found["problems"][0]["event_id"], place, "{found}");
    let page = german("");
    for part in ["Etwas stimmt nicht", &format!("Eintrag {place}"), "Ist nicht, was dort geschrieben wurde"] {
        assert!(page.contains(part), "without {part}: {page}");
    }
    assert!(
        control.get(verify).text().contains("Nothing was changed"),
        "the control: another partner's is as it was"
    );
}
