//! Runs: asked for, followed, refused, stopped; and what comes of them.

use super::{Files, Scene, end_of, line, tree};
use crate::support::{Api, Engine, Failures, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_run_makes_a_bill_for_every_customer_that_is_billed,
    everything_wrong_with_a_request_is_answered_at_once,
    a_partner_reads_its_own_sources_alone,
    a_later_run_replaces_estimates,
    a_broken_file_changes_nothing,
    one_run_of_a_month_at_a_time,
    a_run_that_nobody_works_on_is_cancelled,
    a_run_at_work_is_cancelled,
    lines_are_explained,
    pages_of_lines_end_with_corrections_and_rounding,
    a_customer_without_lines_has_an_empty_list_of_them,
    a_month_on_the_command_line,
);

/// Strings, by their names in an object.
fn picked(object: &Value, names: &[&str]) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    names.iter().map(|name| text(&object[*name])).collect()
}

fn a_run_makes_a_bill_for_every_customer_that_is_billed(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 50.0), scene.billed("Beta", "beta", 0.0));
    let off = json!({"name": "Off", "azure_customer_id": "off", "address": crate::support::ABSENT});
    scene.api.create(&customer(&off));
    let source = scene.invoice(
        "october.csv",
        &[
            line("acme", "Storage", "10.005"),
            line("beta", "Compute", "0.0000000001"),
            line("acme", "Compute", "-0.001"),
            line("OFF", "Compute", "3"),
            line("nobody", "Compute", "4.5"),
        ],
    );
    let asked = scene.api.post("/v1/bill_runs", &json!({"billing_period": "2026-10", "sources": [source]}));
    assert_eq!((asked.status, &asked.json()["state"]), (202, &json!("queued")), "{}", asked.text());
    let place = asked.header("location").to_owned();
    assert_eq!(place, format!("/v1/bill_runs/{}", asked.json()["id"]));
    let run = scene.end_of(&place);
    assert_eq!((&run["state"], &run["errors"]), (&json!("succeeded"), &json!([])), "{run}");
    let names = ["ties", "formula_mismatches", "total_mismatches", "final_lines_missing"];
    assert_eq!(picked(&run["checks"], &names), ["true", "0", "0", "0"]);
    for counted in ["below_cost", "far_above_cost", "other_months", "without_invoice"] {
        assert_eq!(run["checks"][counted], json!({"lines": 0, "amounts": []}), "{counted}");
    }
    assert_eq!((&run["warnings"], &run["invoice_ids"]), (&json!([]), &json!([])));
    assert_eq!((&run["progress"]["lines"], &run["invoice_id"]), (&json!(5), &json!("G012345678")));
    assert_eq!(run["progress"]["bytes_read"], run["progress"]["bytes_total"]);

    let total = &run["totals"][0];
    let names = ["currency", "cost", "billed_cost", "unassigned_cost", "charge"];
    assert_eq!(picked(total, &names), ["USD", "17.5040000001", "10.0040000001", "7.5", "20.01"]);
    let bills: Vec<_> = run["customers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| picked(b, &["name", "charge", "prefix"]))
        .collect();
    let place_of = |tenant: &str, id: i64| format!("p1/bills/{tenant}/2026-10/{id}/v1/");
    let expected = [["Acme", "20.01", &place_of("acme", acme)], ["Beta", "0", &place_of("beta", beta)]];
    assert_eq!(
        bills.iter().map(|bill| bill.iter().map(String::as_str).collect::<Vec<_>>()).collect::<Vec<_>>(),
        expected
    );
    let left: Vec<_> = run["unassigned"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| picked(l, &["azure_customer_id", "reason", "cost"]))
        .collect();
    assert_eq!(left, [["nobody", "no customer", "4.5"], ["off", "billing off", "3"]]);

    let statements = scene.statements("");
    let names =
        ["customer_id", "cloud", "billing_period", "total_amount", "status", "currency", "invoice_id"];
    assert_eq!(
        picked(&statements[0], &names),
        [
            &acme.to_string(),
            "Azure",
            "2026-10",
            "20.01",
            "Estimated",
            r#"{"name":"USD","long_name":"United States dollar","symbol":"$"}"#,
            "G012345678"
        ]
    );
    assert_eq!(statements[0]["detailed_billing_records_generation_time"], "2026-11-02 08:00:00");
    assert_eq!((statements.len(), &statements[0]["invoice_date"]), (2, &json!("2026-11-02")));
    assert!(
        scene.api.get("/v1/customer_statements").text().contains(r#""total_amount":0.00,"#),
        "with all its digits"
    );

    // What is in the object store is what can be downloaded, and what `bill verify` finds right.
    let files = tree(&scene.drafts().join(place_of("acme", acme)));
    for name in statements[0]["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
        let file = scene.api.get(&format!("/v1/customer_statements/{}/files/{name}", statements[0]["id"]));
        assert_eq!((file.status, &file.body), (200, &files[name]), "{name}");
        assert!(file.header("content-disposition").contains("-2026-10"), "{name}");
    }
    let verified = scene.server.run_without_database(&["bill", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let bill = scene.drafts().join(place_of("acme", acme)).join("bill.csv");
    std::fs::write(&bill, std::fs::read_to_string(&bill).unwrap().replace("20.0", "20.1")).unwrap();
    assert!(!scene.server.run_without_database(&["bill", "verify"]).status.success());

    // In a list runs are without their customers.
    let list = scene.api.get("/v1/bill_runs?billing_period=2026-10&state=succeeded");
    assert_eq!(list.header("x-total"), "1");
    let listed = &list.json()["bill_runs"][0];
    assert_eq!((&listed["totals"], listed.get("customers")), (&run["totals"], None));
    assert_eq!(scene.api.get("/v1/bill_runs?state=failed").header("x-total"), "0");
    assert_eq!(
        scene.api.get("/v1/bill_runs?state=x&billing_period=y").details(),
        "?state invalid, ?billing_period invalid"
    );

    let told: Vec<_> = scene.api.trail("action=bill_run.").iter().map(|e| e["action"].clone()).collect();
    assert_eq!(told, ["bill_run.create", "bill_run.succeed"]);
}

fn everything_wrong_with_a_request_is_answered_at_once(engine: Engine) {
    let scene = Scene::new(engine);
    scene.invoice("october.csv", &[]);
    std::fs::write(scene.database.folder().join("secret.csv"), "x").unwrap();
    let good = json!({"billing_period": "2026-10", "sources": ["file:october.csv"]});
    let mut failures = Failures::default();
    for (change, expected) in [
        (
            json!({"billing_period": crate::support::ABSENT, "sources": []}),
            "/billing_period required, /sources required",
        ),
        (
            json!({"billing_period": "2026-13", "sources": "file:a"}),
            "/billing_period invalid, /sources wrong_type",
        ),
        (
            json!({"billing_period": 202610, "sources": [1, "http://x/a.csv", ""]}),
            "/billing_period wrong_type, /sources/0 wrong_type, /sources/1 invalid, /sources/2 required",
        ),
        (json!({"sources": ["file:october.csv", "file:october.csv"]}), "/sources/1 duplicate"),
        (json!({"sources": ["file:nowhere.csv"]}), "/sources/0 invalid"),
        (
            json!({"sources": ["file:../secret.csv", "file:/etc/passwd", "file:a/../../secret.csv"]}),
            "/sources/0 invalid, /sources/1 invalid, /sources/2 invalid",
        ),
        (
            json!({"invoice_id": 7, "finalize": "yes", "currency_rates": {"a": 1}}),
            "/invoice_id wrong_type, /currency_rates wrong_type, /finalize wrong_type",
        ),
        (
            json!({"price_sheets": ["file:nowhere.csv", "x.csv"], "accept": ["below_cost", "all", 5]}),
            "/price_sheets/1 invalid, /accept/1 invalid, /accept/2 wrong_type",
        ),
        (json!({"price_sheets": ["file:nowhere.csv"], "accept": "below_cost"}), "/accept wrong_type"),
        (json!({"price_sheets": ["file:nowhere.csv"]}), "/price_sheets/0 invalid"),
        (json!({"accept": ["lines_without_invoice"]}), "/accept/0 invalid"),
        (
            json!({"currency_rates": [{"from": "EUR", "to": "EUR", "rate": 0}, {"from": "XAU"}, 5]}),
            "/currency_rates/0/rate invalid, /currency_rates/0/from conflict, /currency_rates/1/from invalid, \
          /currency_rates/1/to required, /currency_rates/1/rate required, /currency_rates/2 wrong_type",
        ),
        (
            json!({"currency_rates": [
                {"from": "EUR", "to": "USD", "rate": "1.1"}, {"from": "EUR", "to": "USD", "rate": "1.2"},
                {"from": "JPY", "to": "CHF", "rate": "0.1234567890123"}, {"from": "GBP", "to": "USD", "rate": 1e9},
            ]}),
            "/currency_rates/1/from conflict, /currency_rates/2/rate invalid, /currency_rates/2/to conflict, \
          /currency_rates/3/rate invalid",
        ),
    ] {
        let mut body = good.clone();
        crate::support::patched(&mut body, &change);
        let refused = scene.api.post("/v1/bill_runs", &body);
        let said = (refused.status, refused.details());
        failures.case(
            &body.to_string(),
            if said == (422, expected.to_owned()) { Ok(()) } else { Err(format!("{said:?}")) },
        );
    }
    failures.done(9);
    let mut unknown = good;
    unknown["source"] = json!([]);
    let strict =
        scene.api.call("POST", "/v1/bill_runs").header("Prefer", "handling=strict").json(&unknown).send();
    assert_eq!(strict.details(), "/source unknown");
    assert_eq!(scene.api.get("/v1/bill_runs").header("x-total"), "0");
}

fn a_partner_reads_its_own_sources_alone(engine: Engine) {
    let args =
        ["--bill-sources", "data/invoices/{partner}", "--bill-remote-sources", "s3://invoices/{partner}"];
    let scene = Scene::with(engine, &args);
    let other = scene.server.partner();
    for partner in [1, 2] {
        std::fs::create_dir_all(scene.invoices().join(partner.to_string())).unwrap();
        scene.invoice(&format!("{partner}/own-{partner}.csv"), &[]);
    }
    let mut failures = Failures::default();
    for (api, source, status) in [
        (&scene.api, "file:own-1.csv", 202),
        (&other, "file:own-2.csv", 202),
        (&scene.api, "file:own-2.csv", 422),
        (&scene.api, "file:../2/own-2.csv", 422),
        (&other, "file:own-1.csv", 422),
        (&scene.api, "s3://invoices/2/a.csv", 422),
        (&scene.api, "s3://invoices/10/a.csv", 422),
        (&scene.api, "s3://others/1/a.csv", 422),
        (&scene.api, "az://invoices/1/a.csv", 422),
    ] {
        let asked = api.post("/v1/bill_runs", &json!({"billing_period": "2026-10", "sources": [source]}));
        failures.case(source, if asked.status == status { Ok(()) } else { Err(asked.text()) });
        if asked.status == 202 {
            end_of(api, asked.header("location"));
        }
    }
    failures.done(9);

    // Where nothing tells the partners apart, one alone may run bills.
    let scene = Scene::new(engine);
    let source = scene.invoice("own.csv", &[]);
    let ask =
        |api: &Api| api.post("/v1/bill_runs", &json!({"billing_period": "2026-10", "sources": [&source]}));
    let first = ask(&scene.api);
    assert_eq!(first.status, 202, "{}", first.text());
    end_of(&scene.api, first.header("location"));
    let other = scene.server.partner();
    for api in [&scene.api, &other] {
        let refused = ask(api);
        assert_eq!((refused.status, &refused.json()["details"][0]["pointer"]), (422, &json!("/sources/0")));
        assert!(refused.text().contains("{partner}"), "{}", refused.text());
    }
}

fn a_later_run_replaces_estimates(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0));
    let shown = |scene: &Scene| -> Vec<String> {
        let shown = |s: &Value| format!("{} {}", s["customer_id"], super::total(s));
        scene.statements("status=Estimated").iter().map(shown).collect()
    };
    let first = scene.invoice("1.csv", &[line("acme", "a", "1"), line("beta", "b", "2")]);
    scene.run("2026-10", &[&first], &json!({}));
    assert_eq!(shown(&scene), [format!("{acme} 1.00"), format!("{beta} 2.00")]);
    let before = tree(&scene.bills());

    // The same lines are the same version; nothing is written beside the new run's ledgers.
    let again = scene.run("2026-10", &[&first], &json!({}));
    assert!(again["customers"][0]["prefix"].as_str().unwrap().ends_with("/v1/"), "{again}");
    let public = |files: &Files| {
        let mut files = files.clone();
        files.retain(|name, _| !name.starts_with("_runs/"));
        files
    };
    assert_eq!(public(&tree(&scene.bills())), public(&before));

    // Other lines are another version. Who has none any more owes nothing.
    let second = scene.invoice("2.csv", &[line("acme", "a", "1"), line("acme", "c", "5")]);
    let run = scene.run("2026-10", &[&second], &json!({}));
    assert!(run["customers"][0]["prefix"].as_str().unwrap().ends_with("/v2/"), "{run}");
    assert_eq!(shown(&scene), [format!("{acme} 6.00")]);
    let after = tree(&scene.bills());
    assert!(
        public(&before).iter().all(|(name, bytes)| after.get(name) == Some(bytes)),
        "what was published stays"
    );
}

fn a_broken_file_changes_nothing(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let good = scene.invoice("good.csv", &[line("acme", "a", "1")]);
    scene.run("2026-10", &[&good], &json!({}));
    let (files, statements) = (tree(&scene.bills()), scene.statements(""));
    let broken = scene
        .invoice("broken.csv", &[line("acme", "a", "1"), line("acme", "b", "1,5"), line("acme", "c", "x")]);
    let run = scene.run("2026-10", &[&good, &broken], &json!({}));
    assert_eq!((&run["state"], &run["customers"]), (&json!("failed"), &json!([])));
    let errors = run["errors"].as_array().unwrap();
    let at = |line: u64| errors.iter().find(|e| e["line"] == line).unwrap_or_else(|| panic!("{errors:?}"));
    assert_eq!((&at(4)["file"], &at(4)["column"]), (&json!("file:broken.csv"), &json!("BillingPreTaxTotal")));
    assert_eq!((tree(&scene.bills()), scene.statements("")), (files, statements));
    assert!(tree(&scene.database.folder().join("data/work")).is_empty(), "nothing is left of its work");
    // And the month is free for the next one.
    assert_eq!(scene.run("2026-10", &[&good], &json!({}))["state"], "succeeded");
}

fn one_run_of_a_month_at_a_time(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "1")]);
    let second = (engine == Engine::Postgres)
        .then(|| Server::start(&scene.database, &["--sandbox", "--at", super::NOW]));
    let there = second.as_ref().map_or(scene.api.clone(), |server| scene.api.on(server.address));
    let mut made = 0;
    for round in 0..10 {
        let mut body = json!({"billing_period": format!("2025-{:02}", round + 1), "sources": [source]});
        crate::support::patched(&mut body, &super::of_any_month());
        let answers = std::thread::scope(|scope| {
            let asked = [&scene.api, &there].map(|api| scope.spawn(|| api.post("/v1/bill_runs", &body)));
            asked.map(|asked| asked.join().unwrap())
        });
        for answer in &answers {
            match answer.status {
                202 => made += 1,
                409 => assert!(answer.text().contains("is under way: /v1/bill_runs/"), "{}", answer.text()),
                _ => panic!("{}", answer.text()),
            }
        }
        let first = answers.iter().find(|answer| answer.status == 202).unwrap();
        let run = end_of(&scene.api, first.header("location"));
        assert_eq!(run["state"], "succeeded", "{run}");
    }
    // A run may have ended before the other one was asked for; but no two were ever under way, and each was made once.
    let total: usize = scene.api.get("/v1/bill_runs").header("x-total").parse().unwrap();
    assert_eq!(made, total);
    assert_eq!(scene.database.value("SELECT MAX(attempt) FROM bill_runs"), "1");
    assert_eq!(scene.statements("per_page=100").len(), 10);

    // The same with a run that is held under way.
    scene.database.execute(&super::a_run_by_command("2026-10", "queued", "leased_until", 4_000_000_000));
    let refused = there.post("/v1/bill_runs", &json!({"billing_period": "2026-10", "sources": [source]}));
    assert_eq!(refused.status, 409, "{}", refused.text());
    // Idempotency: the same request is answered as the first time, also by another server.
    let ask = |api: &crate::support::Api| {
        let body = json!({"billing_period": "2026-09", "sources": [source]});
        api.call("POST", "/v1/bill_runs").header("Idempotency-Key", "september").json(&body).send()
    };
    let (first, again) = (ask(&scene.api), ask(&there));
    assert_eq!((first.status, again.header("idempotency-replayed")), (202, "true"), "{}", again.text());
    assert_eq!(first.text(), again.text());
    end_of(&scene.api, first.header("location"));
}

fn a_run_that_nobody_works_on_is_cancelled(engine: Engine) {
    let scene = Scene::new(engine);
    scene.database.execute(&super::a_run_by_command("2026-10", "queued", "leased_until", 0));
    let place = "/v1/bill_runs/1000";
    assert_eq!(scene.api.delete(place).status, 204);
    assert_eq!(scene.api.get(place).json()["state"], "cancelled");
    let again = scene.api.delete(place);
    assert_eq!(again.status, 409);
    assert!(again.text().contains("has ended already: it is cancelled"), "{}", again.text());
    assert_eq!(scene.api.delete("/v1/bill_runs/999").status, 404);
    assert_eq!(scene.api.post(&format!("{place}/finalize"), &json!({})).status, 409);
    // One that a command has left behind keeps nobody from the month.
    scene.database.execute("UPDATE bill_runs SET state = 'running', cancelling = FALSE WHERE id = 1000");
    let source = scene.invoice("october.csv", &[]);
    let asked = scene.api.post("/v1/bill_runs", &json!({"billing_period": "2026-10", "sources": [source]}));
    assert_eq!(asked.status, 202, "{}", asked.text());
    scene.end_of(asked.header("location"));
    assert_eq!(scene.api.get(place).json()["state"], "cancelled");
}

fn a_run_at_work_is_cancelled(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    // Long enough to be reached by a request in the middle of it.
    let source = scene.invoice("october.csv", &vec![line("acme", "a", "1"); 60_000]);
    let asked = scene.api.post("/v1/bill_runs", &json!({"billing_period": "2026-10", "sources": [source]}));
    let place = asked.header("location");
    while scene.api.get(place).json()["state"] == "queued" {}
    assert_eq!(scene.api.delete(place).status, 204);
    let run = scene.end_of(place);
    assert_eq!((&run["state"], &run["customers"]), (&json!("cancelled"), &json!([])), "{run}");
    // Where it was cancelled at its end, it has written files that nothing names.
    let shown = scene.bills().join("p1");
    assert!(scene.statements("").is_empty() && !shown.exists());
    let told = scene.api.trail("action=bill_run.").iter().map(|e| e["action"].clone()).collect::<Vec<_>>();
    assert_eq!(told, ["bill_run.create", "bill_run.cancel", "bill_run.stop"]);

    // They are in no other run's way.
    let source = scene.invoice("again.csv", &[line("acme", "a", "2")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    assert_eq!((&run["totals"][0]["cost"], scene.statements("").len()), (&json!("2"), 1), "{run}");
    assert!(scene.server.run(&["bill", "verify", "--complete"]).status.success());
}

fn lines_are_explained(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 50.0);
    let rule =
        json!({"name": "Storage as it is", "kind": "markup", "percentage": 0, "meter_category": "Storage"});
    let rule = scene.api.post("/v1/price_rules", &rule).json();
    let lines: Vec<_> =
        (0..7).map(|i| line("acme", if i % 2 == 0 { "Storage" } else { "Compute" }, "1.5")).collect();
    let source = scene.invoice("october.csv", &lines);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let place = format!("/v1/bill_runs/{}/customers/{acme}/lines", run["id"]);
    let page = scene.api.get(&format!("{place}?explain=true&per_page=100"));
    assert_eq!((page.status, page.header("x-total")), (200, "7"), "{}", page.text());
    let explained = page.json()["lines"].as_array().unwrap().clone();
    for line in &explained {
        let by_rule = line["MeterCategory"] == "Storage";
        let (charge, why) =
            if by_rule { ("1.5", &rule["name"]) } else { ("3", &json!("margin of the customer")) };
        assert_eq!((&line["Charge"], &line["explanation"]["rule"]), (&json!(charge), why), "{line}");
        assert_eq!(line["explanation"]["cost"], "1.5");
    }
    assert_eq!(explained.len(), 7);
    let bare = scene.api.get(&format!("{place}?per_page=3&page=2")).json();
    assert_eq!(bare["lines"].as_array().unwrap().len(), 3);
    assert_eq!(bare["lines"][0].get("explanation"), None);
    for (path, status) in [
        (format!("/v1/bill_runs/{}/customers/999/lines", run["id"]), 404),
        (format!("/v1/bill_runs/999/customers/{acme}/lines"), 404),
        (format!("{place}?explain=perhaps"), 422),
    ] {
        assert_eq!(scene.api.get(&path).status, status, "{path}");
    }
}

/// Behind Microsoft's lines a bill has corrections of months before, and the rounding.
fn pages_of_lines_end_with_corrections_and_rounding(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let october = scene.invoice("october.csv", &[line("acme", "a", "10")]);
    let run = scene.run("2026-10", &[&october], &json!({"finalize": true}));
    assert_eq!(run["state"], "succeeded", "{run}");
    let late = scene.invoice("late.csv", &[line("acme", "a", "10"), line("acme", "b", "1.001")]);
    scene.run("2026-10", &[&late], &json!({}));
    let days = ["2026-11-03", "2026-11-04", "2026-11-05"];
    let lines: Vec<_> = days.iter().map(|day| super::Usage { day, ..line("acme", "c", "2.001") }).collect();
    let november = scene.invoice("november.csv", &lines);
    let run = scene.run("2026-11", &[&november], &json!({}));
    let total = super::total(&scene.statements("billing_period=2026-11")[0]);
    assert_eq!(total, "7.00", "three lines of 2.001, a correction of 1.00, less 0.003");
    for (per_page, pages) in [(1, 5), (2, 3), (3, 2), (4, 2), (5, 1), (100, 1)] {
        let path = |page: usize| {
            format!(
                "/v1/bill_runs/{}/customers/{acme}/lines?explain=true&per_page={per_page}&page={page}",
                run["id"]
            )
        };
        let (mut read, mut charges, mut next) = (0, Vec::new(), Some(path(1)));
        while let Some(page) = next {
            let answer = scene.api.get(&page);
            assert_eq!((answer.status, answer.header("x-total")), (200, "5"), "{page}: {}", answer.text());
            let links = crate::lists::links(&answer);
            let ends = |link: &str| link.ends_with(&format!("page={pages}&per_page={per_page}"));
            assert!(ends(&links["last"]), "{page}: {links:?}");
            for line in answer.json()["lines"].as_array().unwrap() {
                charges.push(line["Charge"].as_str().unwrap().to_owned());
            }
            (read, next) = (read + 1, links.get("next").cloned());
        }
        charges.sort();
        assert_eq!((read, charges.join(" ")), (pages, "-0.003 1 2.001 2.001 2.001".to_owned()), "{per_page}");
        let behind = scene.api.get(&path(pages + 1));
        assert_eq!((behind.json(), behind.header("x-total")), (json!({"lines": []}), "5"));
    }
}

fn a_customer_without_lines_has_an_empty_list_of_them(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "15"]);
    let [acme, none, gone, held] =
        ["acme", "none", "gone", "held"].map(|name| scene.billed(name, name, 0.0).to_string());
    assert_eq!(scene.api.delete(&format!("/v2/customers/{gone}")).status, 204);
    let source = scene.invoice("october.csv", &[line("acme", "a", "10"), line("held", "a", "100")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let broken = scene.run("2026-10", &[&scene.write("broken.csv", b"Name,Age\n")], &json!({}));
    assert_eq!((&run["state"], &broken["state"]), (&json!("succeeded"), &json!("failed")));
    for (run, customer, query, expected) in [
        (&run, acme.as_str(), "", Some("1")),
        (&run, &acme, "currency=EUR", Some("0")),
        (&run, &acme, "currency=EUR&explain=true", Some("0")),
        (&run, &none, "", Some("0")),
        (&run, &gone, "", Some("0")),
        // Its lines are on no bill yet.
        (&run, &held, "", None),
        (&run, "999", "", None),
        // What a failed run would have had is not known.
        (&broken, &acme, "", None),
        (&broken, &none, "", None),
    ] {
        let path = format!("/v1/bill_runs/{}/customers/{customer}/lines?{query}", run["id"]);
        let answer = scene.api.get(&path);
        match expected {
            Some(lines) => {
                assert_eq!(
                    (answer.status, answer.header("x-total")),
                    (200, lines),
                    "{path}: {}",
                    answer.text()
                );
                assert_eq!(answer.json()["lines"].as_array().unwrap().len().to_string(), lines, "{path}");
            }
            None => assert_eq!(answer.status, 404, "{path}: {}", answer.text()),
        }
    }
}

fn a_month_on_the_command_line(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 50.0);
    scene.invoice("october.csv", &[line("acme", "a", "1.25"), line("nobody", "a", "3")]);
    let bill = |more: &[&str]| {
        let ran = scene
            .server
            .run(&[&["bill", "run", "--period", "2026-10", "data/invoices/october.csv"], more].concat());
        (ran.status.success(), String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap())
    };
    let (done, dry, said) = bill(&["--dry-run", "--json"]);
    assert!(done, "{said}");
    let dry: Value = serde_json::from_str(&dry).unwrap();
    assert_eq!((&dry["totals"][0]["charge"], &dry["customers"][0]["prefix"]), (&json!("2.5"), &Value::Null));
    assert!(tree(&scene.bills()).is_empty() && scene.statements("").is_empty(), "a dry run keeps nothing");
    assert_eq!(scene.api.get("/v1/bill_runs").header("x-total"), "0");

    let (done, text, said) = bill(&[]);
    assert!(done, "{said}");
    for part in ["2.50 USD", "Acme", "Tenant nobody", "not billed, no customer: nobody"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(scene.statements("")[0]["total_amount"], json!(2.5));
    let (_, run, _) = bill(&["--json"]);
    let run: Value = serde_json::from_str(&run).unwrap();
    assert_eq!(scene.api.get(&format!("/v1/bill_runs/{}", run["id"])).json(), run);

    scene.invoice("october.csv", &[line("acme", "a", "x")]);
    let (done, _, said) = bill(&[]);
    assert!(!done && said.contains("line 2, column BillingPreTaxTotal"), "{said}");
    let (done, _, said) = bill(&["--rate", "EUR=1"]);
    assert!(!done && said.contains("--rate must be FROM/TO=RATE"), "{said}");
}
