//! Price rules: added, tried on the last month, changed, moved and deleted.

use super::Browser;
use super::billing::{post_in, table};
use crate::billing::{Scene, Usage, line};
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    rules_are_added_changed_moved_and_deleted,
    a_rule_is_tried_on_the_last_month_before_it_is_saved,
    a_trial_says_why_it_cannot_be_made,
);

const PATH: &str = "/console/price-rules";
const NEW: &str = "/console/price-rules/new";
const TRY: &str = "/console/price-rules/try";

/// The names of the rules on the page, in their order.
fn names(browser: &Browser) -> String {
    let page = browser.get(PATH).text();
    let rows = page.split("<tr id=\"rule-").skip(1);
    let name = |row: &str| row.split("/edit\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    rows.map(name).collect::<Vec<_>>().join(" ")
}

fn rules_are_added_changed_moved_and_deleted(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme <b>", "acme", 20.0);
    let browser = Browser::signed_in(&scene.api);
    assert!(browser.get(PATH).text().contains("There are no price rules."));

    // All that is wrong is said at once, above the form and at the fields, and what was typed is kept.
    let wrong = [
        ("kind", "fixed"),
        ("price", "-1"),
        ("currency", "XXX"),
        ("position", "first"),
        ("effective_from", "2026-10-02"),
        ("effective_until", "2026-10-01"),
        ("customer", "Nobody \"here\""),
    ];
    for path in [NEW, TRY] {
        let refused = browser.submit(NEW, path, &wrong);
        let page = refused.text();
        assert_eq!(refused.status, 422, "{page}");
        for field in ["name", "price", "currency", "position", "effective_until", "customer"] {
            assert!(page.contains(&format!("<a href=\"#{field}\">")), "{field} in the summary: {page}");
            assert!(page.contains(&format!("id=\"{field}-error-1\"")), "{field}: {page}");
        }
        assert!(page.contains("value=\"Nobody &#34;here&#34;\"") && page.contains("value=\"-1\""), "{page}");
    }
    assert_eq!(scene.api.get("/v1/price_rules").header("x-total"), "0");

    // A customer is found by its name, in any case.
    let typed = [
        ("name", "first"),
        ("kind", "margin"),
        ("percentage", "15"),
        ("price", "left over from another kind"),
        ("customer", "ACME <b>"),
        ("product_id", "CFQ7TTC0LF8R"),
        ("effective_from", "2026-10-01"),
    ];
    let added = browser.submit(NEW, NEW, &typed);
    assert_eq!((added.status, added.header("location")), (303, "/console/price-rules?done=rule-created"));
    let rule = scene.api.get("/v1/price_rules").json()["price_rules"][0].clone();
    for (field, expected) in [
        ("kind", json!("margin")),
        ("percentage", json!("15")),
        ("customer_id", json!(acme)),
        ("product_id", json!("CFQ7TTC0LF8R")),
        ("effective_from", json!("2026-10-01")),
        ("position", json!(10)),
    ] {
        assert_eq!(rule[field], expected, "{field}");
    }
    let page = browser.get(PATH).text();
    for shown in ["Margin of 15 %", "Acme &#60;b&#62;</a>", "Product ID: CFQ7TTC0LF8R", "From 1 Oct 2026"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let german = browser.get_with(PATH, &[("Accept-Language", "de")]).text();
    assert!(german.contains("Marge von 15 %") && german.contains("Ab 01.10.2026"), "{german}");

    // Changing: the form has the rule as it is, what is emptied is cleared, and a form from before is refused.
    let edit = format!("{PATH}/{}/edit", rule["id"]);
    let form = browser.get(&edit).text();
    assert!(form.contains("value=\"Acme &#60;b&#62;\"") && form.contains("value=\"2026-10-01\""), "{form}");
    let version = form.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let change = |version: &str, percentage: &str| {
        let fields =
            [("name", "first"), ("kind", "markup"), ("percentage", percentage), ("version", version)];
        browser.submit(&edit, &edit, &fields)
    };
    let emptied = change(version, "");
    assert_eq!(emptied.status, 422);
    assert!(emptied.text().contains("Percentage: is required"), "{}", emptied.text());
    assert_eq!(change(version, "2.5").header("location"), "/console/price-rules?done=rule-changed");
    let changed = scene.api.get(&format!("/v1/price_rules/{}", rule["id"])).json();
    assert_eq!((&changed["kind"], &changed["percentage"]), (&json!("markup"), &json!("2.5")));
    assert_eq!((changed.get("customer_id"), changed.get("effective_from")), (None, None));
    let late = change(version, "3");
    assert_eq!(late.status, 409);
    assert!(
        late.text().contains("Somebody else has changed this rule") && late.text().contains("value=\"3\"")
    );

    // Moving, at the ends too.
    for (name, position) in [("second", json!(null)), ("third", json!(null)), ("fourth", json!(30))] {
        let body = json!({"name": name, "kind": "list_price", "position": position});
        assert_eq!(scene.api.post("/v1/price_rules", &body).status, 201);
    }
    assert_eq!(names(&browser), "first second third fourth");
    let id = |name: &str| {
        let rules = scene.api.get("/v1/price_rules").json();
        let rules = rules["price_rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["name"] == name).unwrap()["id"].to_string()
    };
    for (name, direction, order) in [
        ("second", "up", "second first third fourth"),
        ("second", "up", "second first third fourth"),
        ("first", "down", "second third first fourth"),
        // Both of these have the same position.
        ("fourth", "up", "second third fourth first"),
        ("first", "down", "second third fourth first"),
        ("second", "down", "third second fourth first"),
    ] {
        let id = id(name);
        let moved = browser.submit(PATH, &format!("{PATH}/{id}/move"), &[("direction", direction)]);
        let expected = format!("{PATH}?page=1&done=rule-moved#{direction}-{id}");
        assert_eq!(moved.header("location"), expected);
        assert_eq!(names(&browser), order, "{name} {direction}");
    }
    let trail = scene.api.trail("action=price_rule.move");
    assert_eq!(trail.len(), 4, "a rule that cannot move changes nothing: {trail:?}");
    assert_eq!(trail[0]["after"]["positions"][0]["id"].to_string(), id("second"), "{}", trail[0]);

    // To another place, as dragging does it.
    for (name, direction, other, order) in [
        ("third", "behind", "first", "second fourth first third"),
        ("third", "before", "second", "third second fourth first"),
        ("first", "behind", "third", "third first second fourth"),
        ("first", "behind", "fourth", "third second fourth first"),
    ] {
        let (id, other) = (id(name), id(other));
        let fields = [("direction", direction), ("other", other.as_str())];
        let moved = browser.submit(PATH, &format!("{PATH}/{id}/move"), &fields);
        assert_eq!(moved.header("location"), format!("{PATH}?page=1&done=rule-moved#rule-{id}"));
        assert_eq!(names(&browser), order, "{name} {direction}");
    }
    for other in ["", "999999", "first"] {
        let fields = [("direction", "behind"), ("other", other)];
        assert_eq!(
            browser.submit(PATH, &format!("{PATH}/{}/move", id("third")), &fields).status,
            404,
            "{other}"
        );
    }
    assert_eq!(names(&browser), "third second fourth first");

    // The customer's page has those that can match its lines.
    let page = browser.get(&format!("/console/customers/{acme}")).text();
    assert_eq!(table(&page, "rules").len(), 4, "{page}");
    assert!(page.contains(&format!("/console/audit?object=customers%2F{acme}")), "{page}");
    let only = json!({"customer_id": scene.billed("Beta", "beta", 0.0)});
    assert_eq!(scene.api.put(&format!("/v1/price_rules/{}", id("second")), &only).status, 200);
    let page = browser.get(&format!("/console/customers/{acme}")).text();
    assert_eq!(table(&page, "rules").len(), 3, "another customer's rule is not there: {page}");

    // Deleting is asked first, and shows the rule.
    let delete = format!("{PATH}/{}/delete", rule["id"]);
    let page = browser.get(&delete).text();
    assert!(page.contains("Delete first?") && page.contains("Markup of 2.5 %"), "{page}");
    let version = page.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let deleted = browser.submit(&delete, &delete, &[("version", version)]);
    assert_eq!(deleted.header("location"), "/console/price-rules?done=rule-deleted");
    assert_eq!(names(&browser), "third second fourth");
    assert_eq!(browser.get(&delete).status, 404);
    // An auditor reads, and has no button.
    let auditor = Browser::signed_in(&scene.api.colleague("auditor").1).get(PATH).text();
    assert!(
        auditor.contains("List price") && !auditor.contains("/move") && !auditor.contains("/edit"),
        "{auditor}"
    );
}

/// The totals below the table of a trial, as texts without markup.
fn totals(page: &str) -> String {
    let foot = page.split("<tfoot>").nth(1).unwrap().split("</tfoot>").next().unwrap();
    table(&format!("id=\"x\"<tbody>{foot}</tbody>"), "x").join("; ")
}

fn charge(run: &Value, customer: i64) -> String {
    let bills = run["customers"].as_array().unwrap();
    bills.iter().find(|bill| bill["customer_id"] == customer).unwrap()["charge"].as_str().unwrap().to_owned()
}

fn a_rule_is_tried_on_the_last_month_before_it_is_saved(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme <b>", "acme", 20.0);
    scene.billed("Beta", "beta", 0.0);
    let browser = Browser::signed_in(&scene.api);
    let fields =
        [("name", "Storage"), ("kind", "markup"), ("percentage", "50"), ("meter_category", "Storage")];
    let none = browser.submit(NEW, TRY, &fields);
    assert_eq!(none.status, 409);
    assert!(none.text().contains("none was billed yet") && none.text().contains("value=\"50\""));

    let september =
        scene.invoice("september.csv", &[Usage { day: "2026-09-07", ..line("acme", "Storage", "1000") }]);
    let lines =
        [line("acme", "Storage", "100"), line("acme", "Bandwidth", "60"), line("beta", "Bandwidth", "50")];
    let october = scene.invoice("october.csv", &lines);
    let run = scene.run("2026-10", &[&october], &json!({}));
    scene.run("2026-09", &[&september], &json!({}));
    // The month that is not over is not the last one.
    let november =
        scene.invoice("november.csv", &[Usage { day: "2026-11-01", ..line("acme", "Storage", "7") }]);
    scene.run("2026-11", &[&november], &json!({}));

    let expect = |path: &str, fields: &[(&str, &str)], rows: &[&str], sums: &str| {
        let form = if path == TRY { NEW.to_owned() } else { path.replace("/try", "/edit") };
        let tried = browser.submit(&form, path, fields);
        let page = tried.text();
        assert_eq!(tried.status, 200, "{page}");
        assert!(page.contains("Tried on October 2026") && page.contains("Nothing is saved yet."), "{page}");
        assert_eq!(table(&page, "trial-title"), rows, "{page}");
        assert_eq!(totals(&page), sums);
    };
    let rows = ["Acme &#60;b&#62; 200.00 USD 225.00 USD +25.00 USD"];
    expect(TRY, &fields, &rows, "All bills 250.00 USD 275.00 USD +25.00 USD");
    assert_eq!(scene.api.get("/v1/price_rules").header("x-total"), "0", "nothing is saved");
    assert_eq!(scene.api.get(&format!("/v1/bill_runs/{}", run["id"])).json(), run, "nor is the run changed");
    let work = scene.database.folder().join("data/work");
    let left = || std::fs::read_dir(&work).into_iter().flatten().count();
    assert_eq!(left(), 0, "nor is anything left in the work folder");

    // The control: a run with the rule charges what the trial has said.
    assert_eq!(browser.submit(NEW, NEW, &fields).status, 303);
    let real = scene.run("2026-10", &[&october], &json!({}));
    assert_eq!((charge(&run, acme), charge(&real, acme)), ("200".into(), "225".into()));

    // A stored rule is tried against itself, also on a month that is final; a rule before it takes its lines.
    scene.finalize(&real);
    let id = scene.api.get("/v1/price_rules").json()["price_rules"][0]["id"].to_string();
    let edit = format!("{PATH}/{id}/try");
    let cheaper =
        [("name", "Storage"), ("kind", "markup"), ("percentage", "0"), ("meter_category", "Storage")];
    let rows = ["Acme &#60;b&#62; 225.00 USD 175.00 USD \u{2212}50.00 USD"];
    expect(&edit, &cheaper, &rows, "All bills 275.00 USD 225.00 USD \u{2212}50.00 USD");
    let first = [
        ("name", "All of Beta"),
        ("kind", "markup"),
        ("percentage", "10"),
        ("position", "1"),
        ("customer", "Beta"),
    ];
    expect(TRY, &first, &["Beta 50.00 USD 55.00 USD +5.00 USD"], "All bills 275.00 USD 280.00 USD +5.00 USD");

    // A rule behind one that takes all its lines, and one for lines that are not there.
    for (category, said) in
        [("Storage", "No bill changes."), ("Nothing", "No line of that month gets its price from this rule")]
    {
        let fields = [("name", "x"), ("kind", "list_price"), ("meter_category", category)];
        let page = browser.submit(NEW, TRY, &fields).text();
        assert!(page.contains(said) && !page.contains("<tfoot>"), "{category}: {page}");
    }
    let german = browser.token(NEW);
    let fields = [("name", "x"), ("kind", "list_price"), ("form_token", german.as_str())];
    let headers = [("Origin", &*browser.origin()), ("Accept-Language", "de")];
    let german = browser.post_with(TRY, &headers, &fields).text();
    assert!(german.contains("Ausprobiert: Oktober 2026"), "{german}");
}

fn a_trial_says_why_it_cannot_be_made(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 20.0);
    let source = scene.invoice("october.csv", &[line("acme", "Storage", "100")]);
    scene.run("2026-10", &[&source], &json!({}));
    let browser = Browser::signed_in(&scene.api);
    let fields = [("name", "kept \"name\""), ("kind", "margin"), ("percentage", "5")];
    // The control: it can be tried.
    assert_eq!(browser.submit(NEW, TRY, &fields).status, 200);
    // Files that are others now would compare a month with another.
    scene.invoice("october.csv", &[line("acme", "Storage", "101")]);
    let changed = browser.submit(NEW, TRY, &fields);
    assert_eq!(changed.status, 409);
    assert!(changed.text().contains("is not what it was when this run was made"), "{}", changed.text());
    let german = post_in(&browser, "de", NEW, TRY, &fields);
    assert!(german.text().contains("hat sich geändert, seit dieser Lauf gemacht wurde"), "{}", german.text());
    std::fs::remove_file(scene.invoices().join("october.csv")).unwrap();
    let gone = browser.submit(NEW, TRY, &fields);
    assert_eq!(gone.status, 409);
    let page = gone.text();
    assert!(page.contains("october.csv") && page.contains("value=\"kept &#34;name&#34;\""), "{page}");
}
