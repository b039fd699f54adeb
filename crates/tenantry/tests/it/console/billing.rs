//! The clerk's month: a run, what it found, releasing, making it final, and the customer's bill.

use super::Browser;
use crate::billing::{Scene, line};
use crate::support::browser::TOKEN;
use crate::support::{Answer, Engine, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_month_is_billed_and_made_final,
    months_are_what_their_bills_are,
    a_failed_run_says_why,
    held_back_bills_are_released,
    what_is_in_the_way_of_bills_is_named,
    a_month_is_billed_again_with_what_was_assigned,
    refusals_are_said_in_german,
    what_has_changed_is_accepted_by_ticking_a_box,
    reports_are_said_in_german,
    the_automation_is_set_and_shown,
);

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
        ["Tenant nobody nobody The tenant belongs to no customer Assign to a customer 1 7.00 USD"]
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
    assert_eq!(
        table(&home, "largest"),
        ["Acme &#60;b&#62; 250.00 USD 50.00 USD", "Beta 50.00 USD 0.00 USD"],
        "{home}"
    );
    let viewer = Browser::signed_in(&scene.api.colleague("viewer").1).get("/console").text();
    assert!(
        !viewer.contains("id=\"months\"") && !viewer.contains("id=\"largest\"") && !viewer.contains("7.00"),
        "{viewer}"
    );

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

/// Of a month that was corrected or taken back the last run tells a part.
fn months_are_what_their_bills_are(engine: Engine) {
    let scene = Scene::new(engine);
    let [_, beta] = ["Acme", "Beta"].map(|name| scene.billed(name, &name.to_lowercase(), 0.0));
    let browser = Browser::signed_in(&scene.api);
    let home = || {
        let page = browser.get("/console").text();
        (table(&page, "months"), table(&page, "largest"))
    };
    let shown = |month: &str, largest: &[&str]| {
        (vec![month.to_owned()], largest.iter().map(|&row| row.to_owned()).collect::<Vec<_>>())
    };
    let october = [line("acme", "a", "10"), line("beta", "a", "7")];
    let first = scene.invoice("october.csv", &october);
    let first_run = scene.run("2026-10", &[&first], &json!({"finalize": true}));
    let rows = ["Acme 10.00 USD 0.00 USD", "Beta 7.00 USD 0.00 USD"];
    assert_eq!(home(), shown("October 2026 17.00 USD 17.00 USD 0.00 USD", &rows), "{first_run}");

    let late = scene.invoice("late.csv", &[&october[..], &[line("acme", "b", "1.50")]].concat());
    let run = scene.run("2026-10", &[&late], &json!({}));
    let rows = ["Acme 11.50 USD 0.00 USD", "Beta 7.00 USD 0.00 USD"];
    assert_eq!(home(), shown("October 2026 18.50 USD 18.50 USD 0.00 USD", &rows), "{run}");

    // The next month is compared with the bills of the one before, whatever run made them.
    let lines = [("acme", "20"), ("beta", "7")]
        .map(|(tenant, total)| crate::billing::Usage { day: "2026-11-03", ..line(tenant, "a", total) });
    let run = scene.run("2026-11", &[&scene.invoice("november.csv", &lines)], &json!({"publish": false}));
    let page = browser.get(&format!("/console/billing/runs/{}", run["id"])).text();
    let rows = [
        "Acme 1 20.00 USD 21.50 USD 1.50 USD +11.50 USD Over 20 %",
        "Beta 1 7.00 USD 7.00 USD 0.00 USD 0.00 USD",
    ];
    assert_eq!(table(&page, "bills"), rows);

    for list in ["/console/billing".to_owned(), format!("/console/billing/runs/{}", run["id"])] {
        for number in ["2", "4294967296", "9223372036854775807"] {
            let behind = browser.get(&format!("{list}?page={number}"));
            assert_eq!((behind.status, behind.header("location")), (303, list.as_str()), "{number}");
        }
    }
    assert_eq!(browser.get("/console/billing/invoices?page=9223372036854775807").status, 200);
    // Its bills carry October's correction, which is October's.
    let rows = ["Acme 20.00 USD 0.00 USD", "Beta 7.00 USD 0.00 USD"];
    let (months, largest) = home();
    assert_eq!(months[0], "November 2026 27.00 USD 27.00 USD 0.00 USD");
    assert_eq!(
        (months[1].as_str(), largest),
        ("October 2026 18.50 USD 18.50 USD 0.00 USD", rows.map(str::to_owned).to_vec())
    );
    // A run in whose place there is another one leads there, and nothing can be done with it.
    let path = format!("/console/billing/runs/{}", run["id"]);
    let live = |page: &str| ["/publish\"", "/finalize\"", "/withdraw\""].map(|action| page.contains(action));
    assert_eq!(live(&page), [true; 3], "{page}");
    let later = scene.run("2026-11", &["file:november.csv"], &json!({"publish": false}));
    let page = browser.get(&path).text();
    assert_eq!(live(&page), [false; 3], "{page}");
    assert!(page.contains("A later run has billed this month"), "{page}");
    assert!(page.contains(&format!("href=\"/console/billing/runs/{}\"", later["id"])), "{page}");

    let newest = scene.api.get("/v1/bill_runs?billing_period=2026-10&per_page=100").json();
    let newest = newest["bill_runs"].as_array().unwrap().last().unwrap()["id"].clone();
    let body = json!({"customer_ids": [beta], "reason": "a mistake"});
    let void = scene.api.post(&format!("/v1/bill_runs/{newest}/void"), &body);
    assert_eq!(void.status, 202, "{}", void.text());
    scene.end_of(void.header("location"));
    assert_eq!(home().0[1], "October 2026 11.50 USD 11.50 USD 0.00 USD");
    // The run that made the bills says which of them are no more.
    let page = browser.get(&format!("/console/billing/runs/{}", first_run["id"])).text();
    assert!(page.contains("what is owed, but for those that were reversed"), "{page}");
    assert_eq!(
        table(&page, "bills"),
        ["Acme 1 10.00 USD 10.00 USD 0.00 USD", "Beta Reversed 1 7.00 USD 7.00 USD 0.00 USD"]
    );
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

fn what_is_in_the_way_of_bills_is_named(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Fine", "fine", 0.0);
    let wrong = scene.billed("Wrong <b>", "wrong", 0.0);
    let change = json!({"name": "Without a tenant", "partner_billing_configuration": {"enabled": true, "folder": "x"}});
    scene.api.create(&customer(&change));
    scene.api.create(&customer(&json!({"name": "Not billed"})));
    let browser = Browser::signed_in(&scene.api);
    let names = |query: &str| {
        let page = browser.get(&format!("/console/customers?sort=name&{query}"));
        assert_eq!(page.status, 200, "{}", page.text());
        let text = page.text();
        let rows = text.split("<th scope=\"row\">").skip(1);
        rows.map(|row| row.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(names("partner_billing=true"), "Fine, Without a tenant, Wrong &#60;b&#62;", "the control");
    assert_eq!(names("partner_billing=problem"), "Without a tenant");
    assert!(!browser.get("/console").text().contains("had something against"));
    let fault = "INSERT INTO billing_faults (partner_id, customer_id, reason) SELECT partner_id, id, 'why' FROM customers WHERE id = ";
    scene.database.execute(&format!("{fault}{wrong}"));
    assert_eq!(names("partner_billing=problem"), "Without a tenant, Wrong &#60;b&#62;");
    assert_eq!(names("partner_billing=problem&q=wrong"), "Wrong &#60;b&#62;");
    let home = browser.get("/console").text();
    assert!(home.contains("The last run had something against a bill"), "{home}");
    assert!(home.contains("href=\"/console/customers?partner_billing=problem\""), "{home}");
    let csv = browser.get("/console/customers.csv?partner_billing=problem").text();
    assert_eq!(csv.lines().count(), 3, "the file has what is shown: {csv}");
}

fn a_month_is_billed_again_with_what_was_assigned(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 20.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "200"), line("acme-two", "b", "50")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let browser = Browser::signed_in(&scene.api);
    let path = format!("/console/billing/runs/{}", run["id"]);
    let page = browser.get(&path).text();
    let assign = "/console/directory/assign?tenant=acme-two";
    assert!(page.contains(&format!("href=\"{assign}\"")), "{page}");
    // Who may not change customers has no link, and who may not run bills no button.
    let auditor = Browser::signed_in(&scene.api.colleague("auditor").1).get(&path).text();
    assert!(!auditor.contains("directory/assign") && !auditor.contains("Bill this month again"), "{auditor}");
    let assigned = browser.submit(
        assign,
        "/console/directory/assign",
        &[("tenant", "acme-two"), ("customer", &acme.to_string())],
    );
    assert_eq!(assigned.status, 303, "{}", assigned.text());
    // The button's form, with what it holds.
    let form = page.split("name=\"billing_period\" value=\"").nth(1).unwrap();
    let sources = form.split("name=\"sources\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields =
        [("billing_period", form.split('"').next().unwrap()), ("sources", &sources.replace("&#10;", "\n"))];
    let again = browser.submit(&path, "/console/billing", &fields);
    assert_eq!(again.status, 303, "{}", again.text());
    let path = again.header("location").split('?').next().unwrap().to_owned();
    let ended = scene.end_of(&path.replace("/console/billing/runs", "/v1/bill_runs"));
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let page = browser.get(&path).text();
    assert!(!page.contains("id=\"unassigned\""), "{page}");
    assert_eq!(table(&page, "bills")[0], "Acme 2 250.00 USD 312.50 USD 62.50 USD", "{page}");
}

fn refusals_are_said_in_german(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 20.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "200")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let last = scene.run("2026-10", &[&source], &json!({}));
    let browser = Browser::signed_in(&scene.api);
    let (path, last) = (format!("/console/billing/runs/{}", run["id"]), last["id"].to_string());
    let publish = |language: &str| {
        let headers = [("Origin", browser.origin()), ("Accept-Language", language.to_owned())];
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post_with(&format!("{path}/publish"), &headers, &[(TOKEN, &browser.token(&path))])
    };
    let english = publish("en");
    assert_eq!(english.status, 409);
    let said = format!("this run is not the last of 2026-10: that is /v1/bill_runs/{last}");
    assert!(english.text().contains(&said), "the control: {}", english.text());
    let german = publish("de").text();
    let said = format!("Dieser Lauf ist nicht der letzte für Oktober 2026: Das ist Lauf {last}");
    assert!(german.contains(&said) && !german.contains("this run"), "{german}");
    // Who may not, and whose trial has ended.
    let viewer = Browser::signed_in(&scene.api.colleague("viewer").1);
    let german = [("Accept-Language", "de")];
    let refused = viewer.get_with("/console/billing", &german);
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("Mit Ihren Rollen (Lesen) sind Kosten, Margen und Preise nicht zu sehen")
    );
    let reader = Browser::signed_in(&scene.api.user_of(acme).1);
    let trial = json!({"trial_expiration_date": "2026-11-02T10:00:00Z"});
    assert_eq!(scene.api.put(&format!("/v2/customers/{acme}"), &trial).status, 200);
    scene.api.set_clock("2026-11-02T10:00:00Z");
    let ended = reader.get_with("/console/portal", &german);
    assert_eq!(ended.status, 403);
    assert!(
        ended.text().contains("Die Testphase dieses Kunden ist beendet: 02.11.2026, 10:00 UTC"),
        "{}",
        ended.text()
    );
}

/// Posts a form of the page at `path` as a browser in this language does.
pub(super) fn post_in(
    browser: &Browser,
    language: &str,
    path: &str,
    action: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let (token, origin) = (browser.token(path), browser.origin());
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain([(TOKEN, token.as_str())]).collect();
    browser.post_with(action, &[("Origin", &origin), ("Accept-Language", language)], &fields)
}

fn what_has_changed_is_accepted_by_ticking_a_box(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "100"]);
    let [acme, beta] = [scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0)];
    let source = scene.invoice("october.csv", &[line("acme", "a", "10"), line("beta", "b", "500")]);
    let draft = scene.draft("2026-10", &[&source]);
    let browser = Browser::signed_in(&scene.api);
    let path = format!("/console/billing/runs/{}", draft["id"]);
    let boxes = |path: &str| {
        let page = browser.get(path).text();
        let found =
            ["publish-", "release-"].map(|form| page.contains(&format!("id=\"{form}facts_changed\"")));
        (found, page)
    };
    assert_eq!(boxes(&path).0, [false, false], "the control");
    let change = json!({"margin_percentage": 50, "effective_from": "2026-10-05"});
    assert_eq!(scene.api.put(&format!("/v2/customers/{acme}"), &change).status, 200);
    // A bill of a draft is not shown when it is released.
    let (found, page) = boxes(&path);
    assert_eq!(found, [true, false], "{page}");

    let accept = ("accept", "facts_changed");
    let statuses = |language: &str, action: &str, fields: &[(&str, &str)]| {
        let without = post_in(&browser, language, &path, &format!("{path}/{action}"), fields);
        let german = without.text();
        assert!(
            german.contains("Seit die Rechnungen gemacht wurden, hat sich etwas geändert (facts_changed"),
            "{action}: {german}"
        );
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([accept]).collect();
        let with = post_in(&browser, language, &path, &format!("{path}/{action}"), &fields);
        assert!(without.status == 409 && with.status == 303, "{action}: {} {}", without.status, with.text());
    };
    statuses("de", "publish", &[]);
    assert_eq!(boxes(&path).0, [false, true]);
    statuses("de", "release", &[("customer", &beta.to_string())]);
    let ended = scene.end_of(&format!("/v1/bill_runs/{}", draft["id"]));
    assert_eq!((&ended["stage"], &ended["errors"]), (&json!("published"), &json!([])), "{ended}");

    // Making the month final asks in the same way.
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let draft = scene.draft("2026-10", &[&scene.invoice("october.csv", &[line("acme", "a", "10")])]);
    let browser = Browser::signed_in(&scene.api);
    let path = format!("/console/billing/runs/{}", draft["id"]);
    let finalize = format!("{path}/finalize");
    let is_asked = || browser.get(&finalize).text().contains("name=\"accept\" value=\"facts_changed\"");
    assert!(!is_asked(), "the control");
    assert_eq!(scene.api.put(&format!("/v2/customers/{acme}"), &change).status, 200);
    assert!(is_asked());
    let refused = post_in(&browser, "de", &finalize, &finalize, &[]);
    let said = "Seit die Rechnungen gemacht wurden, hat sich etwas geändert (facts_changed";
    assert!(refused.status == 409 && refused.text().contains(said), "{}", refused.text());
    assert_eq!(post_in(&browser, "de", &finalize, &finalize, &[accept]).status, 303);
    let ended = scene.end_of(&format!("/v1/bill_runs/{}", draft["id"]));
    assert_eq!((&ended["stage"], &ended["errors"]), (&json!("final"), &json!([])), "{ended}");
}

fn reports_are_said_in_german(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-lines", "1", "--bill-max-unassigned", "5"]);
    scene.billed("Acme", "acme", 0.0);
    let lines = [line("acme", "a", "1200.5"), line("acme", "b", "34"), line("stray", "s", "7")];
    let source = scene.invoice("october.csv", &lines);
    let run = scene.run("2026-10", &[&source], &json!({}));
    scene.api.post("/v1/price_rules", &json!({"name": "Unused", "kind": "margin", "percentage": "1"}));
    let browser = Browser::signed_in(&scene.api);
    let path = format!("/console/billing/runs/{}", run["id"]);
    let german = browser.get_with(&path, &[("Accept-Language", "de")]).text();
    let expected = [
        "2 Posten, wo höchstens 1 durchgehen",
        "Ein Posten, der 7,00\u{a0}USD kostet, steht auf keiner Rechnung (Tenants ohne Kunden: 1; Tenants von Kunden",
        "Die Rechnung von Acme",
    ];
    for part in expected {
        assert!(german.contains(part), "without {part}: {german}");
    }
    for english in ["where at most", "on no bill (", "is held back"] {
        assert!(!german.contains(english), "{english}: {german}");
    }
    let english = browser.get(&path).text();
    assert!(english.contains("2 lines, where at most 1 pass"), "the control: {english}");

    // What stands in the way of a run, with its place.
    scene.write("broken.csv", b"PartnerId,CustomerId\n1\n");
    let header = scene.run("2026-10", &["file:broken.csv"], &json!({}));
    let copy = scene.invoice("copy.csv", &lines[..2]);
    let twice = scene.run("2026-10", &[&source, &copy], &json!({}));
    assert_eq!((&header["state"], &twice["state"]), (&json!("failed"), &json!("failed")), "{twice}");
    let said = |run: &Value, language: &str| {
        let path = format!("/console/billing/runs/{}", run["id"]);
        browser.get_with(&path, &[("Accept-Language", language)]).text()
    };
    let german = said(&twice, "de");
    assert!(german.contains("2 Posten, die zählen, stehen auch in "), "{german}");
    assert!(said(&twice, "en").contains("all its 2 lines that count are in "), "the control");

    // What version 0.2 has stored has no wording, and is said in English.
    let stored = scene.database.query(&format!("SELECT report FROM bill_runs WHERE id = {}", run["id"]));
    let mut report: Value = serde_json::from_str(&stored[0][0]).unwrap();
    for warning in report["warnings"].as_array_mut().unwrap() {
        assert!(warning.as_object_mut().unwrap().remove("wording").is_some(), "{warning}");
    }
    for bill in report["customers"].as_array_mut().unwrap() {
        for why in bill["held_back"].as_array_mut().unwrap() {
            *why = why["text"].take();
        }
    }
    let report = report.to_string().replace('\'', "''");
    scene.database.execute(&format!("UPDATE bill_runs SET report = '{report}' WHERE id = {}", run["id"]));
    let old = said(&run, "de");
    assert!(old.contains("2 lines, where at most 1 pass") && old.contains("is held back"), "{old}");
}

fn the_automation_is_set_and_shown(engine: Engine) {
    let scene = Scene::new(engine);
    let browser = Browser::signed_in(&scene.api);
    const PATH: &str = "/console/billing/automation";
    assert!(browser.get(PATH).text().contains("Nothing yet."));
    let fields = |days: &'static str, money: &'static str, invoices: &'static str| {
        [
            ("estimates", "daily"),
            ("invoices", invoices),
            ("finalize", "after_days"),
            ("days", days),
            ("max_unassigned", money),
            ("publish", "true"),
        ]
    };
    let wrong = browser.submit(PATH, PATH, &fields("many", "-1", "fetch_and_bill"));
    let page = wrong.text();
    assert_eq!(wrong.status, 422, "{page}");
    for field in ["days", "max_unassigned"] {
        assert!(page.contains(&format!("<a href=\"#{field}\">")), "{field}: {page}");
    }
    assert!(
        page.contains("value=\"many\"") && page.contains("value=\"-1\""),
        "what was typed is kept: {page}"
    );
    let estimate = browser.submit(PATH, PATH, &fields("5", "10.00", "fetch"));
    assert!(estimate.status == 422 && estimate.text().contains("an estimate never becomes final"));
    assert_eq!(scene.api.get("/v1/billing_automation").json()["estimates"], "off", "nothing was saved");
    let saved = browser.submit(PATH, PATH, &fields("5", "10.00", "fetch_and_bill"));
    assert_eq!(saved.header("location"), format!("{PATH}?done=automation-saved"), "{}", saved.text());
    let set = scene.api.get("/v1/billing_automation").json();
    let expected = json!({"estimates": "daily", "invoices": "fetch_and_bill", "finalize": "after_days", "days": 5,
                          "max_unassigned": "10", "publish": true});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(set[name], *value, "{name}");
    }
    let page = browser.get(PATH).text();
    assert!(page.contains("id=\"estimates-daily\" name=\"estimates\" value=\"daily\" checked"), "{page}");
    assert!(page.contains("It looks next at"), "{page}");
    let auditor = Browser::signed_in(&scene.api.colleague("auditor").1);
    let page = auditor.get(PATH).text();
    assert!(page.contains("disabled") && !page.contains("Save changes"), "{page}");
}
