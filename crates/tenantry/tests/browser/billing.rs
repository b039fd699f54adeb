//! Price rules and bills: a rule tried, saved and moved by keyboard; a bill by service, and why a line has its price.

use crate::accessibility::{axe, violations};
use crate::customers::tab_to;
use crate::page::{ENTER, ESCAPE};
use crate::support::{ABSENT, Api, Database, Engine, Server, Usage, customer, end_of, line, usage};
use crate::{Look, Page};
use serde_json::json;

/// The clock: the month after those that are billed.
const NOW: &str = "2026-11-02T08:00:00Z";

/// A partner with two customers that were billed for two months, and the path of the last run.
fn billed(server: &Server, database: &Database) -> (Api, String) {
    let admin = server.admin();
    for (name, tenant, margin) in [("Acme", "acme", 20.0), ("Beta", "beta", 0.0)] {
        let change = json!({
            "name": name, "azure_customer_id": tenant, "address": ABSENT, "margin_percentage": margin,
            "partner_billing_configuration": {"enabled": true, "folder": tenant},
        });
        admin.create(&customer(&change));
    }
    let invoices = database.folder().join("data/invoices");
    std::fs::create_dir_all(&invoices).unwrap();
    let mut path = String::new();
    for (period, storage) in [("2026-09", "100"), ("2026-10", "160")] {
        let day = format!("{period}-07");
        let on = |tenant, meter, total| Usage { day: &day, ..line(tenant, meter, total) };
        let lines =
            [on("acme", "Storage", storage), on("acme", "Bandwidth", "40"), on("beta", "Bandwidth", "50")];
        std::fs::write(invoices.join(format!("{period}.csv")), usage(&lines)).unwrap();
        let body =
            json!({"billing_period": period, "sources": [format!("file:{period}.csv")], "publish": true});
        let asked = admin.post("/v1/bill_runs", &body);
        assert_eq!(asked.status, 202, "{}", asked.text());
        path = asked.header("location").replace("/v1/bill_runs", "/console/billing/runs");
        assert_eq!(end_of(&admin, asked.header("location"))["state"], "succeeded");
    }
    (admin, path)
}

fn assert_accessible(page: &Page, axe: &str) {
    for is_dark in [false, true] {
        page.set_dark(is_dark);
        assert_eq!(violations(page, axe), Vec::<String>::new(), "{}, dark: {is_dark}", page.path());
    }
}

/// The names of the rules on the page, in their order.
fn order(page: &Page) -> String {
    page.run("return [...document.querySelectorAll('tbody th')].map(th => th.textContent).join(' ')")
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_rule_is_tried_saved_and_moved_by_keyboard() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (admin, _) = billed(&server, &database);
    let Some(page) = Page::signed_in(&admin, Look::default()) else { return };
    let axe = axe();
    page.go("/console/billing");
    page.press("Price rules");
    page.press("Add a price rule");
    // Only the fields of the chosen kind are there.
    assert_eq!(page.count("[data-variant]:not([hidden])"), 1);
    page.field("Name").type_text("Storage");
    page.find("#kind-fixed").click();
    assert_eq!(page.count("#currency"), 1);
    page.press("Try on the last month");
    page.sees("There is a problem");
    assert_accessible(&page, &axe);
    page.find("#kind-markup").click();
    page.field("Percentage").type_text("50");
    page.field("Azure service").type_text("Storage");
    page.press("Try on the last month");
    page.sees("Tried on October 2026");
    assert_eq!(
        page.find("#trial tbody tr").text().replace('\u{a0}', " "),
        "Acme 250.00 USD 290.00 USD +40.00 USD"
    );
    assert_eq!(page.field("Percentage").property("value"), "50", "what was typed is kept");
    assert_accessible(&page, &axe);
    page.press("Add the rule");
    page.sees("The rule was added.");

    for name in ["Second", "Third"] {
        let body = json!({"name": name, "kind": "margin", "percentage": "15"});
        assert_eq!(admin.post("/v1/price_rules", &body).status, 201);
    }
    page.go("/console/price-rules");
    assert_eq!(order(&page), "Storage Second Third");
    let rules = admin.get("/v1/price_rules").json();
    let up = format!("up-{}", rules["price_rules"][2]["id"]);
    tab_to(&page, &up);
    page.keys(ENTER);
    page.sees("The order was changed.");
    assert_eq!(order(&page), "Storage Third Second");
    // The button has the focus again, so that the rule moves on without another tab.
    assert_eq!(page.focused().property("id"), up);
    page.keys(ENTER);
    page.find(&format!("#{up}:disabled"));
    assert_eq!(order(&page), "Third Storage Second");
    page.press("Third");
    page.press("Delete");
    page.find("//h1[.='Delete Third?']");
    page.press("Delete this rule");
    page.sees("The rule was deleted.");
    assert_eq!(order(&page), "Storage Second");
    page.end();
}

#[test]
fn rules_are_dragged_to_another_place() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let admin = server.admin();
    let rule = |name: &str| {
        let body = json!({"name": name, "kind": "margin", "percentage": "15"});
        admin.post("/v1/price_rules", &body).json()["id"].to_string()
    };
    let [first, second, third, fourth] = ["First", "Second", "Third", "Fourth"].map(rule);
    for width in [1280, 360] {
        let Some(page) = Page::signed_in(&admin, Look { width, ..Look::default() }) else { return };
        let row = |id: &str| format!("#rule-{id}");
        let handle = |id: &str| format!("#rule-{id} .handle");
        page.go("/console/price-rules");
        assert_eq!(order(&page), "First Second Third Fourth");
        // Down, to behind the third.
        page.drag(&handle(&first), &row(&third), 0.9, || {
            assert_eq!(order(&page), "Second Third First Fourth", "it is shown there before it is dropped");
        });
        page.sees("The order was changed.");
        assert_eq!(order(&page), "Second Third First Fourth");
        // To the top and back, on the server too.
        page.drag(&handle(&fourth), &row(&second), 0.1, || ());
        page.find(&format!("tbody tr:first-child#rule-{fourth}"));
        page.sees("The order was changed.");
        assert_eq!(order(&page), "Fourth Second Third First");
        let rules = admin.get("/v1/price_rules").json()["price_rules"].clone();
        let names: Vec<&str> =
            rules.as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Fourth", "Second", "Third", "First"]);
        // Escape puts it back, and dropping it where it was sends nothing.
        page.go("/console/price-rules");
        page.drag(&handle(&second), &row(&first), 0.9, || {
            assert_eq!(order(&page), "Fourth Third First Second");
            page.keys(ESCAPE);
        });
        page.drag(&handle(&third), &row(&third), 0.5, || ());
        assert_eq!(order(&page), "Fourth Second Third First");
        assert_eq!(page.path(), "/console/price-rules");
        for (at, id) in [&first, &second, &third, &fourth].into_iter().enumerate() {
            let change = json!({"position": (at + 1) * 10});
            assert_eq!(admin.put(&format!("/v1/price_rules/{id}"), &change).status, 200);
        }
        page.end();
    }
    // Without JavaScript there is no handle, and the buttons do it.
    let page = Page::signed_in(&admin, Look { has_script: false, ..Look::default() }).unwrap();
    page.go("/console/price-rules");
    assert_eq!(page.find(".handle").css("display"), "none");
    page.find(&format!("#down-{first}")).click();
    page.sees("The order was changed.");
    page.end();
}

#[test]
fn a_bill_is_looked_at_by_service_and_a_price_is_explained() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (admin, run) = billed(&server, &database);
    let Some(page) = Page::signed_in(&admin, Look::default()) else { return };
    let axe = axe();
    page.go(&run);
    page.press("Acme");
    page.find("//h1[.='Acme, October 2026']");
    let first = page.find("#parts tbody tr").text().replace('\u{a0}', " ");
    assert_eq!(first, "Storage 1 160.00 USD 200.00 USD 40.00 USD +75.00 USD Over 20 %");
    page.press("By day");
    page.sees("7 Oct 2026");
    page.press("By service");
    page.press("Bandwidth");
    page.sees("One line");
    page.find("details.why summary").click();
    page.sees("The customer’s margin");
    assert_accessible(&page, &axe);
    page.press("Clear filters");
    page.sees("2 lines");
    page.press("As the customer sees it");
    page.find("//h2[.='By day']");
    assert_eq!(page.count("details.why"), 0, "a customer sees no reason of a price");
    page.end();
}

#[test]
fn rules_and_bills_are_there_in_german_on_a_phone_and_without_javascript() {
    let database = Database::new(Engine::Sqlite);
    let server = Server::start(&database, &["--sandbox", "--at", NOW]);
    let (admin, run) = billed(&server, &database);
    let body =
        json!({"name": "Speicher", "kind": "margin", "percentage": "12.5", "meter_category": "Storage"});
    let rule = admin.post("/v1/price_rules", &body).json()["id"].to_string();
    let customer = admin.get("/v2/customers?q=acme").json()["customers"][0]["id"].to_string();
    let look = Look { language: "de", width: 360, ..Look::default() };
    let Some(page) = Page::signed_in(&admin, look) else { return };
    let (edit, bill) = (format!("/console/price-rules/{rule}/edit"), format!("{run}/customers/{customer}"));
    for (path, words) in [
        ("/console/price-rules", "Marge von 12,5 %"),
        (edit.as_str(), "Am letzten Monat ausprobieren"),
        (bill.as_str(), "Warum dieser Preis 1"),
    ] {
        page.go(path);
        page.sees(words);
        assert_eq!(page.run("return document.documentElement.scrollWidth"), json!(360), "{path}");
    }
    page.end();
    let without = Look { has_script: false, ..Look::default() };
    let page = Page::signed_in(&admin, without).unwrap();
    page.go(&edit);
    assert_eq!(page.count("[data-variant]:not([hidden])"), 2, "the control: nothing is hidden");
    page.press("Try on the last month");
    page.sees("Tried on October 2026");
    page.press("Save changes");
    page.sees("The changes were saved.");
    page.go(&bill);
    page.find("details.why summary").click();
    page.sees("The customer’s margin");
    page.end();
}
