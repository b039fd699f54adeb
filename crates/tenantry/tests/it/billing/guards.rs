//! What a month is not made final over: totals that are not as expected, money that nobody pays, bills that are held back,
//! lines of another month.

use super::{Scene, Usage, line, statements, usage};
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    totals_are_compared_with_what_was_expected,
    unassigned_money_has_to_be_accepted,
    a_bill_that_is_held_back_has_to_be_accepted_by_name,
    a_final_month_takes_new_lines_only_when_told_to,
    an_estimate_whose_tenant_moved_is_withdrawn_though_the_new_bill_is_held_back,
    a_correction_says_what_it_is_and_is_owed_once,
    lines_that_are_final_in_another_month_are_held_back,
    commands_ask_before_something_is_final,
);

fn codes(run: &Value) -> Vec<&str> {
    run["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

fn finalize(scene: &Scene, run: &Value, body: &Value) -> (u16, String) {
    let answer = scene.api.post(&format!("/v1/bill_runs/{}/finalize", run["id"]), body);
    if answer.status == 202 {
        scene.end_of(answer.header("location"));
    }
    (answer.status, answer.text())
}

fn totals_are_compared_with_what_was_expected(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let lines = [line("acme", "a", "10.005"), Usage { currency: "EUR", ..line("acme", "b", "3") }];
    let source = scene.invoice("october.csv", &lines);
    let run = |expected: Value| scene.run("2026-10", &[&source], &json!({ "expected_totals": expected }));
    let money = |currency: &str, amount: Value| json!({"currency": currency, "amount": amount});
    let compared = |currency: &str, expected: Value, cost: &str, matches: bool| json!({"currency": currency, "expected": expected, "cost": cost, "matches": matches});
    let euros = compared("EUR", json!("3"), "3", true);
    for (expected, checks) in [
        (json!([]), json!([])),
        (
            json!([money("USD", json!("10.0050")), money("EUR", json!(3))]),
            json!([euros, compared("USD", json!("10.005"), "10.005", true)]),
        ),
        (
            json!([money("USD", json!("10.0051")), money("EUR", json!("3"))]),
            json!([euros, compared("USD", json!("10.0051"), "10.005", false)]),
        ),
        (json!([money("eur", json!("3"))]), json!([euros, compared("USD", Value::Null, "10.005", false)])),
        (
            json!([money("USD", json!("10.005")), money("EUR", json!("3")), money("GBP", json!("-1"))]),
            json!([
                euros,
                compared("GBP", json!("-1"), "0", false),
                compared("USD", json!("10.005"), "10.005", true)
            ]),
        ),
    ] {
        let run = run(expected.clone());
        assert_eq!(run["checks"]["expected_totals"], checks, "{expected}");
        let differs = checks.as_array().unwrap().iter().any(|total| total["matches"] == false);
        let wanted: &[&str] = if differs { &["expected_total_mismatch"] } else { &[] };
        assert_eq!(codes(&run), wanted, "{run}");
    }
    let wrong = run(json!([money("USD", json!("12345.67")), money("EUR", json!("3"))]));
    let (status, said) = finalize(&scene, &wrong, &json!({}));
    let expected = "the files come to 10.005 USD where 12345.67 was expected";
    assert!(
        status == 409 && said.contains(expected) && said.contains("accept expected_total_mismatch"),
        "{said}"
    );
    assert_eq!(finalize(&scene, &wrong, &json!({"accept": ["expected_total_mismatch"]})).0, 202);
    assert!(scene.statements("").iter().all(|statement| statement["status"] == "Final"));

    for (expected, details) in [
        (json!({"USD": "1"}), "/expected_totals wrong_type"),
        (json!([{"currency": "USD"}]), "/expected_totals/0/amount required"),
        (json!([money("USD", json!("a lot"))]), "/expected_totals/0/amount invalid"),
        (json!([money("XXX", json!("1"))]), "/expected_totals/0/currency invalid"),
        (json!([money("USD", json!(1)), money("usd", json!(2))]), "/expected_totals/1/currency duplicate"),
        (json!([{"currency": "USD", "amount": 1, "tax": 2}]), "/expected_totals/0/tax unknown"),
    ] {
        let body = json!({"billing_period": "2026-10", "sources": [source], "expected_totals": expected});
        assert_eq!(scene.api.post("/v1/bill_runs", &body).details(), details, "{expected}");
    }
    // The command says the same.
    let command = |more: &[&str]| {
        let args = ["bill", "run", "--period", "2026-10", "--dry-run", "data/invoices/october.csv"];
        let ran = scene.server.run(&[&args[..], more].concat());
        let [out, err] = [ran.stdout, ran.stderr].map(|text| String::from_utf8(text).unwrap());
        (ran.status.success(), out, err)
    };
    let (_, out, err) = command(&["--expect", "USD=10.005", "--expect", "EUR=4"]);
    assert!(out.contains("USD: cost 10.005, expected 10.005: as expected"), "{out}{err}");
    assert!(out.contains("EUR: cost 3, expected 4: NOT as expected"), "{out}{err}");
    assert!(err.contains("[expected_total_mismatch]"), "{err}");
    assert!(command(&["--expect", "10"]).2.contains("--expect must be CURRENCY=AMOUNT"));
}

fn unassigned_money_has_to_be_accepted(engine: Engine) {
    for (args, cost, is_warned) in [
        (&["--bill-max-unassigned", "0"], "0.01", true),
        (&["--bill-max-unassigned", "0"], "-5", true),
        (&["--bill-max-unassigned", "5"], "5", false),
        (&["--bill-max-unassigned", "5"], "-5.01", true),
    ] {
        let scene = Scene::with(engine, args);
        scene.billed("Acme", "acme", 0.0);
        let off = json!({"name": "Off", "azure_customer_id": "off", "address": crate::support::ABSENT});
        scene.api.create(&crate::support::customer(&off));
        let lines = [line("acme", "a", "10"), line("nobody", "a", cost), line("off", "a", "0")];
        let run = scene.run("2026-10", &[&scene.invoice("october.csv", &lines)], &json!({}));
        let wanted: &[&str] = if is_warned { &["unassigned"] } else { &[] };
        assert_eq!(codes(&run), wanted, "{args:?} {cost}: {run}");
        if is_warned {
            let amounts = json!([{"currency": "USD", "amount": cost}]);
            let warning = &run["warnings"][0];
            assert_eq!((&warning["lines"], &warning["amounts"]), (&json!(2), &amounts), "{run}");
            let (status, said) = finalize(&scene, &run, &json!({}));
            assert!(
                status == 409 && said.contains("on no bill (no customer: 1 tenant, billing off: 1 tenant)"),
                "{said}"
            );
        }
        assert_eq!(finalize(&scene, &run, &json!({"accept": ["unassigned"]})).0, 202);
        assert_eq!(scene.statements("")[0]["status"], "Final");
    }
}

fn a_bill_that_is_held_back_has_to_be_accepted_by_name(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "100"]);
    scene.billed("Acme", "acme", 0.0);
    let dear = scene.billed("Dear", "dear", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "1"), line("dear", "a", "200")]);
    let at_once = scene.run("2026-10", &[&source], &json!({"finalize": true}));
    let said = at_once["errors"][0]["message"].as_str().unwrap();
    let expected = format!("the bill of Dear ({dear}) is held back");
    assert!(at_once["state"] == "failed" && said.contains(&expected), "{at_once}");
    assert!(scene.statements("").is_empty());
    let run = scene.run("2026-10", &[&source], &json!({}));
    assert_eq!(codes(&run), ["held_back"], "{run}");
    let (status, said) = finalize(&scene, &run, &json!({}));
    assert!(status == 409 && said.contains(&expected) && said.contains("accept held_back"), "{said}");
    assert_eq!(finalize(&scene, &run, &json!({"accept": ["held_back"]})).0, 202);
    // The answer still names who is left.
    let run = scene.end_of(&format!("/v1/bill_runs/{}", run["id"]));
    assert!(run["warnings"][0]["message"].as_str().unwrap().contains(&expected), "{run}");
    assert_eq!(scene.statements("").len(), 1);
    // Released, nothing is held back any more.
    let released =
        scene.api.post(&format!("/v1/bill_runs/{}/release", run["id"]), &json!({"customer_ids": [dear]}));
    let run = scene.end_of(released.header("location"));
    assert_eq!((codes(&run), finalize(&scene, &run, &json!({})).0), (vec![], 202), "{run}");
    assert!(scene.statements("").iter().all(|statement| statement["status"] == "Final"));
}

fn a_final_month_takes_new_lines_only_when_told_to(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    scene.billed("Beta", "beta", 0.0);
    let october = [line("acme", "a", "10")];
    let source = scene.invoice("october.csv", &october);
    scene.run("2026-10", &[&source], &json!({"finalize": true}));
    let before = (scene.statements(""), super::tree(&scene.bills()));
    let late = scene.invoice("late.csv", &[&october[..], &[line("acme", "late", "3")]].concat());
    // A new customer's lines, of another invoice.
    let other = usage(&[october[0], line("beta", "a", "5")]).replacen("G012345678", "G9", 2);
    let other = other.replacen("G9", "G012345678", 1);
    let other = scene.write("other.csv", other.as_bytes());
    let run = |source: &str, accepted: bool| {
        scene.run("2026-10", &[source], &json!({"accept_corrections": accepted, "publish": false}))
    };
    let said = |run: &Value| run["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
    for (source, expected) in [
        (&late, "2026-10 is final, and 1 line is new in it: Acme (1): 3 USD"),
        (&other, "2026-10 is final, and was not billed from the invoice G9: is it another month's?"),
    ] {
        let refused = run(source, false);
        assert!(refused["state"] == "failed" && said(&refused).contains(expected), "{refused}");
        assert_eq!((scene.statements(""), super::tree(&scene.bills())), before);
    }
    assert_eq!(said(&run(&source, false)), "", "the same lines again are nothing new");
    // The control: told to, both are taken.
    let corrected = run(&late, true);
    assert_eq!(
        (said(&corrected), &corrected["customers"][0]["charge"]),
        (String::new(), &json!("3")),
        "{corrected}"
    );
    assert_eq!(said(&run(&other, true)), "");
    let command = |more: &[&str]| {
        let args = ["bill", "run", "--period", "2026-10", "--dry-run", "data/invoices/later.csv"];
        String::from_utf8(scene.server.run(&[&args[..], more].concat()).stderr).unwrap()
    };
    scene.invoice("later.csv", &[october[0], line("acme", "later", "4")]);
    assert!(command(&[]).contains("(accept_corrections, or --accept-corrections)"), "{}", command(&[]));
    assert!(!command(&["--accept-corrections"]).contains("accept_corrections"));
}

fn an_estimate_whose_tenant_moved_is_withdrawn_though_the_new_bill_is_held_back(engine: Engine) {
    for is_moved in [true, false] {
        let scene = Scene::with(engine, &["--bill-max-amount", "100"]);
        let [acme, beta] = ["acme", "beta"].map(|name| scene.billed(name, name, 0.0));
        let own = json!({"azure_customer_ids": ["second"], "effective_from": "2026-10-01"});
        let assign = |action: &str, to: i64| {
            let put = scene.api.put(&format!("/v1/azure_partner_customer_accounts/{action}/{to}"), &own);
            assert_eq!(put.status, 207, "{}", put.text());
        };
        assign("add", acme);
        let month = |cost: &'static str| {
            scene.invoice(
                "october.csv",
                &[line("acme", "a", cost), line("second", "b", "5"), line("beta", "c", "1")],
            )
        };
        scene.run("2026-10", &[&month("10")], &json!({}));
        let (_, user) = scene.api.user_of(acme);
        assert_eq!(super::total(&statements(&user, "")[0]), "15.00");
        if is_moved {
            assign("remove", acme);
            assign("add", beta);
        }
        let run = scene.run("2026-10", &[&month("200")], &json!({}));
        assert!(codes(&run).contains(&"held_back"), "{run}");
        let seen = &statements(&user, "")[0];
        let beta_total = super::total(&scene.statements(&format!("client_api_id={beta}"))[0]);
        let (status, total) = if is_moved { ("Withdrawn", "6.00") } else { ("Estimated", "1.00") };
        assert_eq!((seen["status"].as_str().unwrap(), beta_total.as_str()), (status, total), "{seen}");
        assert_eq!(
            seen["notice"].as_str().is_some_and(|notice| notice.contains("a tenant on it has moved")),
            is_moved
        );
    }
}

fn a_correction_says_what_it_is_and_is_owed_once(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-parquet"]);
    let acme = scene.billed("Acme", "acme", 0.0);
    let october = [line("acme", "a", "10")];
    scene.run("2026-10", &[&scene.invoice("october.csv", &october)], &json!({"finalize": true}));
    let late = [&october[..], &[line("acme", "late", "3")]].concat();
    scene.run("2026-10", &[&scene.invoice("late.csv", &late)], &json!({}));
    let november = [Usage { day: "2026-11-02", ..line("acme", "n", "7") }];
    let source = scene.invoice("november.csv", &november);
    scene.run("2026-11", &[&source], &json!({"finalize": true}));
    let place = scene.drafts().join(format!("p1/bills/acme/2026-10/{acme}/v2"));
    let read = |name: &str| std::fs::read_to_string(place.join(name)).unwrap();
    let json: Value = serde_json::from_str(&read("statement.json")).unwrap();
    assert_eq!(
        (&json["correction_of"], &json["payable_with"]),
        (&json!("2026-10"), &json!("2026-11")),
        "{json}"
    );
    let page = read("statement.html");
    assert!(
        page.contains("Correction of October 2026, payable with November 2026\u{2019}s statement"),
        "{page}"
    );
    assert!(!page.contains("Statement for"), "{page}");
    // Of all FOCUS rows of the customer, one is the correction.
    let rows: Vec<String> = super::tree(&scene.bills().join("p1/bills/acme"))
        .into_iter()
        .filter(|(name, _)| name.ends_with("bill.focus.csv"))
        .flat_map(|(_, bytes)| {
            String::from_utf8(bytes).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(rows.len(), 3, "October's line, November's, and the correction on it: {rows:?}");
    assert_eq!(rows.iter().filter(|row| row.contains("Correction of 2026-10")).count(), 1, "{rows:?}");
    assert!(!place.join("bill.focus.parquet").exists());
    let verified = scene.server.run_without_database(&["bill", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));

    // The next one is payable with the first month that is not final.
    let later = [&late[..], &[line("acme", "later", "4")]].concat();
    scene.run("2026-10", &[&scene.invoice("later.csv", &later)], &json!({}));
    let place = scene.drafts().join(format!("p1/bills/acme/2026-10/{acme}/v3/statement.json"));
    let json: Value = serde_json::from_slice(&std::fs::read(place).unwrap()).unwrap();
    assert_eq!(json["payable_with"], "2026-12");
    let statement: Value = {
        let id = scene.statements("billing_period=2026-11")[0]["id"].clone();
        scene.api.get(&format!("/v1/customer_statements/{id}/files/statement.json")).json()
    };
    assert!(
        statement.get("correction_of").is_none()
            && statement["corrections"][0]["billing_period"] == "2026-10"
    );
}

fn lines_that_are_final_in_another_month_are_held_back(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let october = line("acme", "a", "10");
    scene.run("2026-10", &[&scene.invoice("october.csv", &[october])], &json!({"finalize": true}));
    let november = Usage { day: "2026-11-02", ..line("acme", "n", "7") };
    // November's invoice has October's line too, as if it were issued again.
    let both = usage(&[november, october]).replace("G012345678", "G02026-11");
    let both = scene.write("november.csv", both.as_bytes());
    let run = scene.run("2026-11", &[&both], &json!({}));
    assert_eq!(codes(&run), ["reissued_invoice", "held_back"], "{run}");
    let expected = "1 of its lines, which costs 10 USD, is final in 2026-10 under another invoice number (G02026-11 here, G012345678 there)";
    assert!(run["customers"][0]["held_back"][0].as_str().unwrap().starts_with(expected), "{run}");
    assert!(scene.statements("billing_period=2026-11").is_empty());
    // The controls: another line of October's is none of those, and released it is billed.
    let released =
        scene.api.post(&format!("/v1/bill_runs/{}/release", run["id"]), &json!({"customer_ids": [acme]}));
    assert_eq!(scene.end_of(released.header("location"))["customers"][0]["charge"], "17");
    let other = usage(&[november, Usage { total: "11", ..october }]).replace("G012345678", "G02026-11");
    let run = scene.run("2026-11", &[&scene.write("november.csv", other.as_bytes())], &json!({}));
    assert_eq!((codes(&run), &run["customers"][0]["charge"]), (vec![], &json!("18")), "{run}");
}

fn commands_ask_before_something_is_final(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    scene.invoice("october.csv", &[line("acme", "a", "10")]);
    let command = |args: &[&str]| {
        let ran = scene.server.run(args);
        let [out, err] = [ran.stdout, ran.stderr].map(|text| String::from_utf8(text).unwrap());
        (ran.status.success(), out, err)
    };
    let run = ["bill", "run", "--period", "2026-10", "data/invoices/october.csv"];
    let (fine, _, err) = command(&[&run[..], &["--finalize"]].concat());
    assert!(
        !fine
            && err.contains(
                "Make the bills of 2026-10 final at once? There is no terminal to ask on: say --yes"
            ),
        "{err}"
    );
    assert_eq!(scene.api.get("/v1/bill_runs").header("x-total"), "0");

    // A clerk's month.
    let (fine, out, err) = command(&run);
    assert!(fine && out.contains("bill run 1 of 2026-10: succeeded, draft"), "{out}{err}");
    assert!(out.contains("\n    ID  CUSTOMER") && out.contains("CHARGE\n"), "{out}");
    assert!(err.contains("next: to show the drafts to customers: tenantry admin bill publish 1"), "{err}");
    let (fine, out, err) = command(&["bill", "publish", "1"]);
    assert!(fine && out.contains("bill run 1 of 2026-10: succeeded, published"), "{out}{err}");
    assert!(err.contains("next: when the month is complete: tenantry admin bill finalize 1"), "{err}");
    let (fine, _, err) = command(&["bill", "finalize", "1"]);
    assert!(
        !fine && err.contains("Make the statements of bill run 1 of 2026-10 final: 10.00 USD charged?"),
        "{err}"
    );
    assert_eq!(scene.statements("")[0]["status"], "Estimated");
    let (fine, out, err) = command(&["bill", "finalize", "1", "--yes"]);
    assert!(
        fine && out.contains("succeeded, final") && out.contains("/v2/") && !out.contains("/v1/"),
        "{out}{err}"
    );
    let (fine, out, _) = command(&["bill", "list"]);
    let row = out.lines().nth(1).unwrap();
    assert!(
        fine && out.starts_with("   RUN  MONTH")
            && row.contains("succeeded, final")
            && row.ends_with("  10.00 USD"),
        "{out}"
    );
    for (args, count) in
        [(vec!["--state", "failed"], 0), (vec!["--period", "2026-10"], 2), (vec!["--period", "2026-11"], 0)]
    {
        let (fine, out, err) = command(&[&["bill", "list"], &args[..]].concat());
        assert!(fine && out.lines().count() == count, "{args:?}: {out}");
        assert_eq!(err.contains("There are no bill runs."), count == 0, "{args:?}: {err}");
    }
    let (fine, _, err) = command(&["bill", "list", "--state", "done"]);
    assert!(!fine && err.contains("state"), "{err}");
    let (fine, out, _) = command(&["bill", "show", "1", "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert!(fine && shown == scene.api.get("/v1/bill_runs/1").json(), "{out}");
    let (fine, _, err) = command(&["bill", "void", "1", "--reason", "a mistake"]);
    assert!(!fine && err.contains("say --yes"), "{err}");
    let (fine, out, err) = command(&["bill", "void", "1", "--reason", "a mistake", "--yes"]);
    assert!(fine && out.contains("succeeded, void") && out.contains("/v3/"), "{out}{err}");
    assert_eq!(scene.statements("status=Reversal").len(), 1);
    for args in [["bill", "show", "9"], ["bill", "publish", "9"]] {
        let (fine, _, err) = command(&args);
        assert!(!fine && err.contains("the partner default has no bill run 9"), "{args:?}: {err}");
    }

    // Rules are changed; the partner comes from the environment too.
    let (fine, out, err) = command(&[
        "price-rule",
        "add",
        "--name",
        "A",
        "--kind",
        "markup",
        "--percentage",
        "3",
        "--publisher",
        "x",
    ]);
    assert!(fine, "{out}{err}");
    let id = serde_json::from_str::<Value>(&out).unwrap()["id"].to_string();
    let (fine, out, err) = command(&["price-rule", "edit", &id, "--percentage", "4", "--clear", "publisher"]);
    let rule: Value = serde_json::from_str(&out).unwrap_or_default();
    assert!(
        fine && rule["percentage"] == "4" && rule.get("publisher").is_none() && rule["name"] == "A",
        "{out}{err}"
    );
    for (args, says) in [
        (vec!["99", "--percentage", "4"], "there is no price rule 99"),
        (vec![&id, "--percentage", "much"], "percentage"),
        (vec![&id, "--clear", "colour"], "colour"),
    ] {
        let (fine, _, err) = command(&[&["price-rule", "edit"], &args[..]].concat());
        assert!(!fine && err.contains(says), "{args:?}: {err}");
    }
    let mut list = crate::support::command(
        scene.database.folder(),
        &["bill", "list", "--database", &scene.database.url],
    );
    let ran = list.env("TENANTRY_PARTNER", "nobody").output().unwrap();
    assert!(
        String::from_utf8_lossy(&ran.stderr).contains("nobody"),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
