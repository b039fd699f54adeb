//! Warnings of a run, and what accepting them does; list prices.

use super::{Scene, line, usage};
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    unknown_earned_credit_is_refused_until_it_is_accepted,
    files_of_another_month_are_refused_until_they_are_accepted,
    list_prices_come_from_the_price_sheet,
    a_month_is_not_made_final_over_a_warning_that_is_not_accepted,
);

fn said(run: &Value) -> String {
    run["errors"].as_array().unwrap().iter().map(|error| error["message"].as_str().unwrap()).collect()
}

fn codes(run: &Value) -> Vec<&str> {
    run["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

fn unknown_earned_credit_is_refused_until_it_is_accepted(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 15.0);
    // Cost 85 of a list price of 100, and no word of earned credit; then with it.
    let text = usage(&[line("acme", "a", "85")]).replace(",85,1,,85,", ",100,1,,85,");
    let basic = scene.write("basic.csv", text.replace(",0,,,,,", ",,,,,,").as_bytes());
    let full = scene.write("full.csv", text.replace(",0,,,,,", ",15,,,,,").as_bytes());
    let run = scene.run("2026-10", &[&basic], &json!({}));
    assert_eq!(run["state"], "failed", "{run}");
    assert!(said(&run).contains("costs 85 USD and does not say its partner earned credit"), "{run}");
    assert!(scene.statements("").is_empty());

    let run = scene.run("2026-10", &[&basic], &json!({"accept": ["earned_credit_unknown"]}));
    let warning = &run["warnings"][0];
    assert_eq!(
        [&run["state"], &warning["code"], &warning["blocks"], &warning["accepted"], &warning["lines"]],
        [&json!("succeeded"), &json!("earned_credit_unknown"), &json!("publish"), &json!(true), &json!(1)],
        "{run}"
    );
    let unknown = json!({"kept": "0", "passed_on": "0", "unknown_lines": 1, "unknown_cost": "85"});
    assert_eq!(
        (&run["customers"][0]["earned_credit"], &run["customers"][0]["charge"]),
        (&unknown, &json!("100"))
    );

    let run = scene.run("2026-10", &[&full], &json!({}));
    let kept = json!({"kept": "15", "passed_on": "0", "unknown_lines": 0, "unknown_cost": "0"});
    assert_eq!(
        (&run["customers"][0]["earned_credit"], &run["customers"][0]["charge"]),
        (&kept, &json!("117.65"))
    );
    assert_eq!(codes(&run), Vec::<&str>::new());

    // The command says the same, and takes the same codes.
    let command = |more: &[&str]| {
        let args = ["bill", "run", "--period", "2026-10", "--dry-run", "data/invoices/basic.csv"];
        let ran = scene.server.run(&[&args[..], more].concat());
        (ran.status.success(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let (fine, text) = command(&[]);
    assert!(!fine && text.contains("does not say its partner earned credit"), "{text}");
    let (fine, text) = command(&["--accept", "earned_credit_unknown"]);
    assert!(fine && text.contains("[earned_credit_unknown, accepted]"), "{text}");
    let (fine, text) = command(&["--accept", "everything"]);
    assert!(!fine && text.contains("the codes are empty_file, "), "{text}");
}

fn files_of_another_month_are_refused_until_they_are_accepted(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "1")]);
    let run = scene.run("2025-11", &[&source], &json!({}));
    let expected = "its only line is of no day or billing period in 2025-11: it is of 2026-10";
    assert!(run["state"] == "failed" && said(&run).contains(expected), "{run}");
    assert_eq!(run["errors"][0]["file"], source);
    let run = scene.run("2025-11", &[&source], &super::of_any_month());
    assert_eq!((&run["state"], codes(&run)), (&json!("succeeded"), vec!["lines_of_other_months"]), "{run}");
    let counted = json!({"lines": 1, "amounts": [{"currency": "USD", "amount": "1"}]});
    assert_eq!(run["checks"]["other_months"], counted);
}

fn list_prices_come_from_the_price_sheet(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 20.0);
    let lines = "CustomerId,InvoiceNumber,ProductId,SkuId,ChargeType,ChargeStartDate,ChargeEndDate,UnitPrice,Quantity,\
                 BillableQuantity,EffectiveUnitPrice,Subtotal,TaxTotal,Total,Currency\n\
                 acme,G1,CFQ7,0001,new,10/1/2026,10/31/2026,10.08,100,100,10.08,1008,0,1008,USD\n";
    let source = scene.write("seats.csv", lines.as_bytes());
    let sheet = scene
        .write("sheet.csv", b"ProductId,SkuId,Currency,UnitPrice,ERP Price\nCFQ7,0001,USD,10.08,12.60\n");
    let rule = json!({"name": "list less 5 %", "kind": "discount", "percentage": 5});
    let made = scene.api.post("/v1/price_rules", &rule);
    assert_eq!(made.status, 201, "{}", made.text());
    let run = scene.run("2026-10", &[&source], &json!({}));
    assert_eq!(
        (&run["customers"][0]["charge"], codes(&run)),
        (&json!("1260"), vec!["price_rule_without_list_price"]),
        "the margin: {run}"
    );
    assert_eq!(run["warnings"][0]["price_rule_id"], made.json()["id"]);
    let run = scene.run("2026-10", &[&source], &json!({"price_sheets": [sheet]}));
    assert_eq!((&run["customers"][0]["charge"], codes(&run)), (&json!("1197"), vec![]), "{run}");
    let files: Vec<_> = run["files"].as_array().unwrap().iter().map(|file| file["file"].clone()).collect();
    assert_eq!(files, [json!(source), json!(sheet)]);

    let place = made.header("location");
    let change = json!({"kind": "list_price"});
    assert_eq!(scene.api.put(place, &change).json()["kind"], "list_price");
    let run = scene.run("2026-10", &[&source], &json!({"price_sheets": [sheet]}));
    assert_eq!(run["customers"][0]["charge"], "1260", "{run}");
    let refused = scene.api.put(place, &json!({"kind": "list_price", "percentage": 5}));
    assert_eq!(refused.status, 422, "{}", refused.text());
}

fn a_month_is_not_made_final_over_a_warning_that_is_not_accepted(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "100")]);
    let rule = json!({"name": "Half", "kind": "discount", "percentage": 50});
    assert_eq!(scene.api.post("/v1/price_rules", &rule).status, 201);

    // At once: nothing is published.
    let run = scene.run("2026-10", &[&source], &json!({"finalize": true}));
    assert!(run["state"] == "failed" && said(&run).contains("nothing was made final"), "{run}");
    assert!(scene.statements("").is_empty());

    // Later: the statements stay estimates.
    let run = scene.run("2026-10", &[&source], &json!({}));
    assert_eq!((&run["state"], codes(&run)), (&json!("succeeded"), vec!["below_cost"]), "{run}");
    let finalize = |body: &Value| scene.api.post(&format!("/v1/bill_runs/{}/finalize", run["id"]), body);
    for (body, status, says) in [
        (json!({}), 409, "accept below_cost, if that is meant"),
        (json!({"accept": ["far_above_cost"]}), 409, "accept below_cost"),
        (json!({"accept": ["everything"]}), 422, "accept[0] must be one of"),
        (json!({"accept": "below_cost"}), 422, "must be an array of warning codes"),
    ] {
        let answer = finalize(&body);
        assert!(answer.status == status && answer.text().contains(says), "{body}: {}", answer.text());
        assert_eq!(scene.statements("")[0]["status"], "Estimated", "{body}");
    }
    let command = |more: &[&str]| {
        let id = run["id"].to_string();
        let ran = scene.server.run(&[&["bill", "finalize", &id, "--yes"][..], more].concat());
        (ran.status.success(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    assert!(command(&[]).1.contains("accept below_cost"), "{}", command(&[]).1);
    assert!(command(&["--accept", "everything"]).1.contains("there is no such warning"));

    // The control: accepted, it is final.
    let asked = finalize(&json!({"accept": ["below_cost"]}));
    assert_eq!(asked.status, 202, "{}", asked.text());
    assert_eq!(scene.end_of(asked.header("location"))["state"], "succeeded");
    assert_eq!(scene.statements("")[0]["status"], "Final");
}
