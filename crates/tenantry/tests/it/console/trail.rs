//! The audit trail as a page.

use super::Browser;
use crate::support::{Engine, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(changes_show_what_was_before_and_after);

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
