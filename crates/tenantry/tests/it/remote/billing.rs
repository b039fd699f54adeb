//! What a partner's billing team asks a server for: invoices, the automation, profit, lines, and what a dry run shows.

use super::Desk;
use crate::billing::{Scene, Usage, fetch, line};
use crate::support::{Engine, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    invoices_are_fetched_and_listed,
    the_automation_is_set_field_by_field,
    lines_and_profit_of_a_month,
    files_of_corrections_are_downloaded,
    days_of_terms_and_tenants,
    dry_runs_change_nothing,
);

fn invoices_are_fetched_and_listed(engine: Engine) {
    let scene = fetch::Scene::new(engine);
    scene.behave(&json!({}));
    let desk = Desk::of(&scene.api);
    let fetch = ["invoices", "fetch", "--period", "2026-10"];
    let would = desk.ok(&[&fetch[..], &["--invoice-id", "G1", "--dry-run"]].concat());
    assert!(
        would.contains("would ask for this fetch:") && would.contains("\"invoice_id\": \"G1\""),
        "{would}"
    );
    assert_eq!(desk.json(&["invoices", "fetches"]), json!([]), "a dry run asks for nothing");

    let done = desk.json(&[&fetch[..], &["--watch"]].concat());
    assert_eq!((&done["state"], &done["error"]), (&json!("succeeded"), &Value::Null), "{done}");
    let id = done["id"].to_string();
    assert_eq!(desk.json(&["invoices", "fetches", &id]), done);
    assert_eq!(desk.json(&["invoices", "watch", &id]), done);
    let listed = desk.ok(&["invoices", "fetches"]);
    assert!(listed.starts_with("ID  MONTH") && listed.contains("succeeded"), "{listed}");
    let invoices =
        desk.ok(&["invoices", "list", "--period", "2026-10", "--format", "{billing_period} {fetched_kinds}"]);
    assert!(!invoices.is_empty(), "October has an invoice");
    assert!(invoices.lines().all(|line| line == "2026-10 reconciliation, usage"), "{invoices}");
    let table = desk.ok(&["invoices", "list"]);
    assert!(table.contains("FETCHED") && table.contains("reconciliation, usage"), "{table}");
    assert_eq!(desk.json(&["invoices", "list"]), scene.api.get("/v1/invoices").json()["invoices"]);
    assert_eq!(desk.run(&["invoices", "list", "--period", "2020-01"]).stderr, "There are no invoices.\n");

    // What is wrong is said, and is the exit status.
    let none = desk.run(&["invoices", "fetch", "--period", "2020-01", "--watch"]);
    assert!(none.code == Some(1) && none.stderr.starts_with("tenantry: "), "{none:?}");
    desk.run(&["invoices", "fetch", "--period", "October"]).fails(3, "must be a month such as");
    desk.run(&["invoices", "fetches", "999"]).fails(5, "there is no such object");
    let (_, viewer) = scene.api.colleague("viewer");
    Desk::of(&viewer).run(&fetch).fails(4, "this is not allowed");
}

fn the_automation_is_set_field_by_field(engine: Engine) {
    let scene = Scene::new(engine);
    let desk = Desk::of(&scene.api);
    let set = ["billing-automation", "set", "--invoices", "fetch", "--days", "5"];
    let before = desk.json(&["billing-automation", "get"]);
    let would = desk.ok(&[&set[..], &["--dry-run"]].concat());
    assert!(would.contains("\"days\": 5") && would.contains("\"estimates\": \"off\""), "{would}");
    assert_eq!(desk.json(&["billing-automation", "get"]), before);
    let now = desk.json(&set);
    assert_eq!(
        (&now["invoices"], &now["days"], &now["estimates"]),
        (&json!("fetch"), &json!(5), &json!("off"))
    );
    let now = desk.json(&["billing-automation", "set", "--estimates", "daily", "--max-unassigned", "10.50"]);
    assert_eq!(
        (&now["invoices"], &now["days"], &now["estimates"], &now["max_unassigned"]),
        (&json!("fetch"), &json!(5), &json!("daily"), &json!("10.5"))
    );
    let shown = desk.ok(&["billing-automation", "get"]);
    assert!(shown.contains("invoices") && shown.contains("state.next_night"), "{shown}");
    desk.run(&["billing-automation", "set", "--days", "1000000"]).fails(3, "days");
    assert_eq!(desk.run(&["billing-automation", "set", "--estimates", "hourly"]).code, Some(2));
}

fn lines_and_profit_of_a_month(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 20.0).to_string();
    let source = scene.invoice("october.csv", &[line("acme", "a", "8"), line("acme", "b", "4")]);
    let run = scene.run("2026-10", &[&source], &json!({}))["id"].to_string();
    let desk = Desk::of(&scene.api);
    let csv = desk.ok(&["bill-runs", "lines", &run, &acme]);
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(!csv.contains("explanation"), "{csv}");
    let explained = desk.ok(&["bill-runs", "lines", &run, &acme, "--explain"]);
    assert!(explained.lines().next().unwrap().contains(",explanation.cost,"), "{explained}");
    assert_eq!(explained.lines().count(), 3, "{explained}");
    let json = desk.ok(&["bill-runs", "lines", &run, &acme, "--explain", "--json"]);
    let charges: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["explanation"]["charge"].clone())
        .collect();
    assert_eq!(charges.len(), 2, "{charges:?}");
    desk.run(&["bill-runs", "lines", &run, "999"]).fails(5, "there is no such object");

    let table = desk.ok(&["profit", "--period", "2026-10"]);
    assert!(
        table.contains("Acme") && table.contains("USD: cost 12.00, charged 15.00, profit 3.00 (20 %)"),
        "{table}"
    );
    let csv = desk.ok(&["profit", "--period", "2026-10", "--by", "product", "--csv"]);
    let path = "/v1/profit?billing_period=2026-10&by=product&format=csv";
    assert_eq!(csv, scene.api.get(path).text());
    let json = desk.json(&["profit", "--period", "2026-10"]);
    assert_eq!(json["totals"][0]["profit"], "3");
    desk.run(&["profit", "--period", "2026-13"]).fails(3, "billing_period");
}

fn files_of_corrections_are_downloaded(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "8")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    assert_eq!(scene.finalize(&run)["stage"], "final");
    let late = scene.invoice("late.csv", &[line("acme", "a", "8"), line("acme", "late", "4")]);
    assert_eq!(scene.run("2026-10", &[&late], &json!({}))["state"], "succeeded");
    let november = [Usage { day: "2026-11-01", ..line("acme", "b", "1") }];
    scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &json!({}));
    let desk = Desk::of(&scene.api);
    let id = desk.ok(&["statements", "list", "--period", "2026-11", "--format", "{id}"]);
    let id = id.trim();
    let statement = desk.json(&["statements", "get", id]);
    let correction = &statement["corrections"][0];
    let name = format!("2026-10/{}", correction["version"]);
    desk.run(&["statements", "download", id, "--correction", "2026-09/1"])
        .fails(5, &format!("has no correction \"2026-09/1\"; it has {name}"));
    let printed = desk.ok(&[
        "statements",
        "download",
        id,
        "--correction",
        &name,
        "--file",
        "bill.csv",
        "--folder",
        "-",
    ]);
    let path = format!("/v1/customer_statements/{id}/corrections/{name}/files/bill.csv");
    assert_eq!(printed, scene.api.get(&path).text());
    assert_eq!(printed.lines().count(), 2, "the late line: {printed}");
}

fn days_of_terms_and_tenants(engine: Engine) {
    let api = Server::shared(engine).partner();
    let desk = Desk::of(&api);
    let id = api.create(&customer(&json!({"margin_percentage": 10})))["id"].to_string();
    desk.json(&["customers", "update", &id, "--margin-percentage", "15", "--effective-from", "2016-10-01"]);
    let margin =
        |day: &str| desk.ok(&["customers", "get", &id, "--at", day, "--format", "{margin_percentage}"]);
    assert_eq!((margin("2016-09-30"), margin("2016-10-01")), ("10.0\n".into(), "15.0\n".into()));
    let would = desk.ok(&["tenants", "assign", &id, "t-1", "--from", "2016-10-01", "--dry-run"]);
    assert_eq!(would, format!("would assign t-1 to customer {id} from 2016-10-01 on\n"));
    desk.ok(&["tenants", "assign", &id, "t-1", "--from", "2016-10-01"]);
    let count =
        |day: &str| desk.json(&["tenants", "assignments", &id, "--at", day]).as_array().unwrap().len();
    assert_eq!((count("2016-09-30"), count("2016-10-01")), (0, 1));
    let history = desk.ok(&["customers", "history", &id]);
    assert!(history.contains("MARGIN") && history.contains("15.0") && history.contains("t-1"), "{history}");
    assert_eq!(
        desk.json(&["customers", "history", &id]),
        api.get(&format!("/v2/customers/{id}/history")).json()
    );
    let directory = desk.json(&["tenants", "directory"]);
    assert_eq!(directory, api.get("/v1/directory").json());
}

fn dry_runs_change_nothing(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0));
    let source = scene.invoice("october.csv", &[line("acme", "a", "8"), line("beta", "b", "4")]);
    let run = scene.draft("2026-10", &[&source]);
    let id = run["id"].to_string();
    let desk = Desk::of(&scene.api);
    let all = || {
        (scene.statements("per_page=100"), scene.api.get("/v1/bill_runs").json(), scene.api.trail("").len())
    };
    let before = all();
    assert_eq!(
        desk.ok(&["bill-runs", "publish", &id, "--dry-run"]),
        format!("would show its customers the statements of bill run {id} of 2026-10, which is succeeded\n")
    );
    let void = ["bill-runs", "void", &id, "--reason", "r", "--dry-run"];
    desk.run(&void).fails(3, "2026-10 has no such final statements");
    let (user, _) = scene.api.colleague("viewer");
    let before = (before.0, before.1, scene.api.trail("").len());
    let told = desk.ok(&["users", "rotate-key", &user.to_string(), "--dry-run"]);
    assert!(told.starts_with(&format!("would give user {user} (")), "{told}");
    assert_eq!(all(), before);

    scene.finalize(&run);
    let before = all();
    let told = desk.ok(&void);
    assert!(
        told.lines().count() == 2 && told.contains(&format!("of customer {acme}: 8.00 USD"))
            || told.contains(&format!("of customer {acme}: 8.0 USD")),
        "{told}"
    );
    let told = desk.ok(&[&void[..], &["--customer", &beta.to_string()]].concat());
    assert!(told.lines().count() == 1 && told.contains(&format!("of customer {beta}")), "{told}");
    assert_eq!(all(), before);
}
