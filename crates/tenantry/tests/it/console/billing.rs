//! The clerk's month: a run, what it found, releasing, making it final, and the customer's bill.

use super::Browser;
use crate::billing::{Scene, line};
use crate::support::{Engine, on_both_engines};
use serde_json::json;

on_both_engines!(a_month_is_billed_and_made_final, a_failed_run_says_why, held_back_bills_are_released);

/// The rows of the table below this heading, as texts without markup.
pub(super) fn table(page: &str, heading: &str) -> Vec<String> {
    let section = page.split(&format!("id=\"{heading}\"")).nth(1).unwrap_or_default();
    let body = section.split("<tbody>").nth(1).unwrap_or_default().split("</tbody>").next().unwrap();
    let text = |row: &str| {
        let mut text = String::new();
        for part in row.split('<') {
            let (_, rest) = part.split_once('>').unwrap_or(("", part));
            text.push_str(rest);
            text.push(' ');
        }
        text.replace('\u{a0}', " ").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    body.split("<tr>").skip(1).map(text).collect()
}

fn a_month_is_billed_and_made_final(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, _) = (scene.billed("Acme <b>", "acme", 20.0), scene.billed("Beta", "beta", 0.0));
    scene
        .invoice("september.csv", &[crate::billing::Usage { day: "2026-09-07", ..line("acme", "a", "100") }]);
    let source = scene.invoice(
        "october.csv",
        &[line("acme", "a", "200"), line("beta", "b", "50"), line("nobody", "c", "7")],
    );
    // A month is compared with the last run of the month before.
    let first =
        scene.invoice("first.csv", &[crate::billing::Usage { day: "2026-09-07", ..line("acme", "a", "9") }]);
    scene.run("2026-09", &[&first], &json!({}));
    scene.run("2026-09", &["file:september.csv"], &json!({}));
    let browser = Browser::signed_in(&scene.api);
    assert!(browser.get("/console/billing").text().contains("September 2026"));

    // A wrong form says so, and keeps what was typed.
    let wrong = browser.submit(
        "/console/billing",
        "/console/billing",
        &[("billing_period", "October"), ("sources", &source)],
    );
    assert_eq!(wrong.status, 422);
    let page = wrong.text();
    assert!(page.contains("Month: must be") && page.contains("file:october.csv</textarea>"), "{page}");

    let fields = [("billing_period", "2026-10"), ("sources", source.as_str())];
    let started = browser.submit("/console/billing", "/console/billing", &fields);
    assert_eq!(started.status, 303, "{}", started.text());
    let path = started.header("location").split('?').next().unwrap().to_owned();
    let id = path.rsplit('/').next().unwrap();
    let ended = scene.end_of(&format!("/v1/bill_runs/{id}"));
    assert_eq!(ended["state"], "succeeded", "{ended}");
    // How far it is comes as events, also of a run that has ended.
    let events = browser.get(&format!("{path}/progress"));
    assert_eq!(events.header("content-type"), "text/event-stream");
    assert_eq!(events.text(), "event: done\ndata: succeeded\n\n");

    let page = browser.get(&path);
    assert_eq!(page.status, 200);
    let page = page.text();
    assert_eq!(
        table(&page, "unassigned"),
        ["Tenant nobody nobody The tenant belongs to no customer 1 7.00 USD"]
    );
    assert_eq!(
        table(&page, "bills"),
        [
            "Acme &#60;b&#62; 1 200.00 USD 250.00 USD 50.00 USD +125.00 USD Over 20 %",
            "Beta 1 50.00 USD 50.00 USD 0.00 USD New",
        ]
    );
    assert!(page.contains("add up to Microsoft’s files, to the last digit"), "{page}");
    // The home page names what is to be done, worst first, and the months.
    let home = browser.get("/console").text();
    assert!(home.contains("Money of October 2026 is on no bill") && home.contains("7.00\u{a0}USD"), "{home}");
    let months = table(&home, "months");
    assert_eq!(months[0], "October 2026 250.00 USD 300.00 USD 50.00 USD");
    assert_eq!(months.len(), 2);
    let viewer = Browser::signed_in(&scene.api.colleague("viewer").1).get("/console").text();
    assert!(!viewer.contains("id=\"months\"") && !viewer.contains("7.00"), "{viewer}");

    let by_name = browser.get(&format!("{path}?sort=profit")).text();
    assert!(table(&by_name, "bills")[0].starts_with("Beta"), "{by_name}");

    // Customers see nothing of it before it is published.
    let own = Browser::signed_in(&scene.api.user_of(acme).1);
    let october = || {
        let statements = scene.statements(&format!("client_api_id={acme}&billing_period=2026-10"));
        own.get(&format!("/console/bills/{}", statements[0]["id"])).status
    };
    assert!(page.contains("customers do not see these bills yet"), "{page}");
    assert_eq!(october(), 404);
    let published = browser.submit(&path, &format!("{path}/publish"), &[]);
    assert_eq!(published.header("location"), format!("{path}?done=run-published"), "{}", published.text());
    assert_eq!(october(), 200);
    let page = browser.get(&path).text();
    assert!(
        page.contains("customers see these bills as estimates") && !page.contains("/publish\""),
        "{page}"
    );

    // What will be frozen is said before it is.
    let finalize = format!("{path}/finalize");
    let summary = browser.get(&finalize).text();
    assert!(
        summary.contains("2 bills become what is owed") && summary.contains("300.00\u{a0}USD"),
        "{summary}"
    );
    assert!(summary.contains("The money of one tenant is on no bill."), "{summary}");
    let asked = browser.submit(&finalize, &finalize, &[]);
    assert_eq!(
        (asked.status, asked.header("location")),
        (303, format!("{path}?done=run-finalizing").as_str())
    );
    scene.end_of(&format!("/v1/bill_runs/{id}"));

    // The customer's side: its bill and its files, and nothing of cost or other customers.
    let statement = &scene.statements(&format!("client_api_id={acme}&billing_period=2026-10"))[0];
    assert_eq!(statement["status"], "Final");
    let bill = format!("/console/bills/{}", statement["id"]);
    for browser in [&browser, &own] {
        let page = browser.get(&bill).text();
        assert!(page.contains("250.00\u{a0}USD") && page.contains("Final"), "{page}");
        let file = browser.get(&format!("{bill}/files/bill.csv"));
        assert!(file.status == 200 && file.header("content-disposition").starts_with("attachment;"));
        assert!(file.text().contains(",250,USD"), "{}", file.text());
    }
    let page = own.get(&bill).text();
    for hidden in ["Beta", "200.00", "/console/customers"] {
        assert!(!page.contains(hidden), "a customer sees {hidden}: {page}");
    }
    let other = &scene
        .statements("billing_period=2026-10")
        .into_iter()
        .find(|s| s["customer_id"] != acme)
        .unwrap()["id"];
    assert_eq!(own.get(&format!("/console/bills/{other}")).status, 404);
    assert_eq!(own.get(&format!("/console/bills/{other}/files/bill.csv")).status, 404);
    // The customer's page names its bills.
    let page = browser.get(&format!("/console/customers/{acme}")).text();
    assert_eq!(table(&page, "statements")[0], "October 2026 Final 250.00 USD");
}

fn a_failed_run_says_why(engine: Engine) {
    let scene = Scene::new(engine);
    scene.write("broken.csv", b"PartnerId,CustomerId\n1\n");
    let run = scene.run("2026-10", &["file:broken.csv"], &json!({}));
    assert_eq!(run["state"], "failed", "{run}");
    let browser = Browser::signed_in(&scene.api);
    let path = format!("/console/billing/runs/{}", run["id"]);
    let page = browser.get(&path).text();
    assert!(
        page.contains("The run has failed, and no bills were written") && page.contains("broken.csv"),
        "{page}"
    );
    let finalize = browser.submit(&path, &format!("{path}/finalize"), &[]);
    assert_eq!(finalize.status, 409, "{}", finalize.text());
    let cancelled = browser.submit(&path, &format!("{path}/cancel"), &[]);
    assert_eq!(cancelled.header("location"), format!("{path}?done=run-cancelled"));
    assert!(browser.get(&path).text().contains("Cancelled"));
}

fn held_back_bills_are_released(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "100"]);
    let dear = scene.billed("Dear", "dear", 0.0);
    let source = scene.invoice("october.csv", &[line("dear", "a", "100.01")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let browser = Browser::signed_in(&scene.api);
    let path = format!("/console/billing/runs/{}", run["id"]);
    let page = browser.get(&path).text();
    assert!(table(&page, "held")[0].starts_with("Dear "), "{page}");
    let home = browser.get("/console").text();
    assert!(home.contains("Bills of October 2026 were held back"), "{home}");
    let release = format!("{path}/release");
    assert_eq!(browser.submit(&path, &release, &[]).status, 422, "nothing was chosen");
    let released = browser.submit(&path, &release, &[("customer", &dear.to_string())]);
    assert_eq!(released.header("location"), format!("{path}?done=run-released"));
    let again = scene.end_of(&format!("/v1/bill_runs/{}", run["id"]));
    assert_eq!(again["state"], "succeeded", "{again}");
    assert!(!browser.get(&path).text().contains("id=\"held\""));
}
