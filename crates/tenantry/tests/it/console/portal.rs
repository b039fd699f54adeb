//! The portal: what a customer's own users see of it, and what they do not.

use super::Browser;
use crate::billing::{Scene, Usage, line, statements};
use crate::support::{Engine, on_both_engines};
use serde_json::json;

on_both_engines!(a_customers_user_sees_what_it_owes, the_portal_works_while_bills_cannot_be_read);

fn billed(engine: Engine) -> (Scene, Browser, i64) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme <b>", "acme", 20.0), scene.billed("Beta's own", "beta", 0.0));
    let (_, user) = scene.api.user_of(acme);
    let browser = Browser::signed_in(&user);
    let empty = browser.get("/console/portal").text();
    assert!(empty.contains("There are no bills yet.") && !empty.contains("<svg"), "{empty}");
    let september = Usage { day: "2026-09-07", ..line("acme", "Storage", "100") };
    let september = scene.invoice("september.csv", &[september]);
    scene.run("2026-09", &[&september], &json!({"finalize": true}));
    let lines = [line("acme", "Storage", "150"), line("acme", "<i>Bandwidth", "50"), line("beta", "b", "7")];
    let october = scene.invoice("october.csv", &lines);
    scene.run("2026-10", &[&october], &json!({}));
    (scene, browser, beta)
}

fn a_customers_user_sees_what_it_owes(engine: Engine) {
    let (scene, browser, beta) = billed(engine);
    let issuer = json!({"display_name": "Contoso <b> Cloud", "address": {
        "street1": "7 Partner Row", "city": "Springfield", "state": "MA", "zipcode": "01101", "country": "US"}});
    assert_eq!(scene.api.put("/v1/billing_settings", &issuer).status, 200);
    let portal = browser.get("/console/portal").text();
    for shown in [
        "Contoso &#60;b&#62; Cloud<br>7 Partner Row<br>",
        "October 2026 <span class=\"badge warn\">Estimate</span>",
        "250.00\u{a0}USD</a>",
        "Last bill: September 2026",
        "125.00\u{a0}USD</a>",
        "<title>October 2026: 250.00\u{a0}USD</title>",
        "<title>November 2025: None</title>",
        "By service, October 2026",
        "187.50\u{a0}USD",
        "&#60;i&#62;Bandwidth",
        "62.50\u{a0}USD",
    ] {
        assert!(portal.contains(shown), "{shown}: {portal}");
    }
    assert_eq!(portal.matches("<rect class=\"bar").count(), 12, "{portal}");
    let bills = browser.get("/console/portal/bills").text();
    let links: Vec<&str> = bills.split('"').filter(|text| text.starts_with("/console/bills/")).collect();
    assert_eq!(links.len(), 2, "{bills}");
    let bill = browser.get(links[0]).text();
    assert!(bill.contains("By subscription") && bill.contains("sub-acme"), "{bill}");
    let file = browser.get(&format!("{}/files/bill.csv", links[0]));
    assert_eq!(file.status, 200);
    assert!(file.header("content-disposition").starts_with("attachment"), "{:?}", file.headers);
    // Nothing of costs, margins and other customers.
    for (path, page) in [("portal", &portal), ("bills", &bills), ("a bill", &bill)] {
        for hidden in ["200.00", "150.00", "100.00", "20 %", "Beta", "G012345678", "Margin", "Profit"] {
            assert!(!page.contains(hidden), "{path} shows {hidden}: {page}");
        }
    }
    let other = &statements(&scene.api, &format!("client_api_id={beta}"))[0]["id"];
    for path in [format!("/console/bills/{other}"), format!("/console/bills/{other}/files/bill.csv")] {
        assert_eq!(browser.get(&path).status, 404, "{path}");
    }
    // The control: the partner sees that bill.
    let partner = Browser::signed_in(&scene.api);
    assert!(partner.get(&format!("/console/bills/{other}")).text().contains("Beta&#39;s own"));
    let german = browser.get_with("/console/portal", &[("Accept-Language", "de")]).text();
    assert!(german.contains("250,00\u{a0}USD") && german.contains("Oktober 2026"), "{german}");
}

fn the_portal_works_while_bills_cannot_be_read(engine: Engine) {
    let (scene, browser, _) = billed(engine);
    std::fs::rename(scene.bills(), scene.database.folder().join("elsewhere")).unwrap();
    let portal = browser.get("/console/portal");
    let text = portal.text();
    assert_eq!(portal.status, 200, "{text}");
    assert!(text.contains("250.00\u{a0}USD") && !text.contains("By service"), "{text}");
}
