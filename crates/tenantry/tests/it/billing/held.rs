//! Bills beyond the bounds: held back, told of, and released by name.

use super::{Scene, Usage, line};
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_bill_beyond_the_bounds_is_held_back_and_released,
    what_is_released_is_what_was_held_back,
    a_release_goes_by_what_held_it_back,
    a_leap_against_last_month_is_held_back,
    what_is_nothing_new_or_gone_is_a_change_too,
);

fn a_bill_beyond_the_bounds_is_held_back_and_released(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-lines", "2", "--bill-max-amount", "100"]);
    let (small, long) = (scene.billed("Small", "small", 0.0), scene.billed("Long", "long", 0.0));
    let dear = scene.billed("Dear", "dear", 0.0);
    let lines = [
        line("small", "a", "1"),
        line("long", "a", "1"),
        line("long", "b", "2"),
        line("long", "c", "3"),
        line("dear", "a", "100.01"),
    ];
    let source = scene.invoice("october.csv", &lines);
    let run = scene.run("2026-10", &[&source], &json!({}));
    assert_eq!(run["state"], "succeeded", "{run}");
    let held = |id: i64| {
        let bills = run["customers"].as_array().unwrap();
        let bill = bills.iter().find(|bill| bill["customer_id"] == id).unwrap();
        (bill["held_back"].as_array().unwrap().len(), bill["prefix"].is_null())
    };
    assert_eq!([small, long, dear].map(held), [(0, false), (1, true), (1, true)]);
    let billed =
        || scene.statements("").iter().map(|s| s["customer_id"].as_i64().unwrap()).collect::<Vec<_>>();
    assert_eq!(billed(), [small]);
    let health =
        |id: i64| scene.api.get(&format!("/v1/customers/{id}")).json()["billing_configuration"].clone();
    assert_eq!(health(small)["status"], "Healthy");
    assert!(
        health(long)["reason"].as_str().unwrap().starts_with("its bill of 2026-10 was held back (run "),
        "{}",
        health(long)
    );

    let release = format!("/v1/bill_runs/{}/release", run["id"]);
    for (body, expected) in [
        (json!({}), "/customer_ids required"),
        (json!({"customer_ids": "all"}), "/customer_ids wrong_type"),
        (
            json!({"customer_ids": [long, small, "x", 999]}),
            "/customer_ids/1 invalid, /customer_ids/2 invalid, /customer_ids/3 invalid",
        ),
    ] {
        assert_eq!(scene.api.post(&release, &body).details(), expected, "{body}");
    }
    let released = scene.api.post(&release, &json!({"customer_ids": [long]}));
    assert_eq!(released.status, 202, "{}", released.text());
    let again = scene.end_of(released.header("location"));
    assert_eq!((&again["id"], &again["state"]), (&run["id"], &json!("succeeded")), "{again}");
    assert_eq!(billed(), [small, long]);
    assert_eq!([health(long)["status"].clone(), health(dear)["status"].clone()], ["Healthy", "Not Healthy"]);

    // A release whose files are gone changes nothing: the run still has its bills.
    std::fs::rename(scene.invoices().join("october.csv"), scene.invoices().join("away.csv")).unwrap();
    let failed = scene.api.post(&release, &json!({"customer_ids": [dear]}));
    let failed = scene.end_of(failed.header("location"));
    assert_eq!(
        (&failed["state"], &failed["customers"]),
        (&json!("succeeded"), &again["customers"]),
        "{failed}"
    );
    assert!(failed["errors"][0]["message"].as_str().unwrap().contains("there is no such file"), "{failed}");
    assert_eq!(billed(), [small, long]);
    std::fs::rename(scene.invoices().join("away.csv"), scene.invoices().join("october.csv")).unwrap();

    // What was released stays so when the next one is.
    let released = scene.api.post(&release, &json!({"customer_ids": [dear]}));
    scene.end_of(released.header("location"));
    assert_eq!(billed(), [small, long, dear]);
    assert_eq!(scene.api.post(&release, &json!({"customer_ids": [dear]})).status, 422);
    let told = scene.api.trail("action=bill_run.release");
    assert_eq!(told[2]["after"], json!({"released": [long, dear]}));
}

fn what_is_released_is_what_was_held_back(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "100"]);
    let [small, dear] = ["small", "dear"].map(|name| scene.billed(name, name, 0.0));
    let held = [line("small", "a", "1"), line("dear", "a", "200")];
    let source = scene.invoice("october.csv", &held);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let release = format!("/v1/bill_runs/{}/release", run["id"]);
    let again = |customer: i64| {
        let released = scene.api.post(&release, &json!({"customer_ids": [customer]}));
        scene.end_of(released.header("location"))
    };
    let billed = || {
        let of = |s: &serde_json::Value| (s["customer_id"].as_i64().unwrap(), super::total(s));
        scene.statements("").iter().map(of).collect::<Vec<_>>()
    };
    let published = super::tree(&scene.bills());

    // Somebody has put another invoice in its place.
    scene.invoice("october.csv", &[line("small", "a", "9"), line("dear", "a", "900")]);
    let failed = again(dear);
    let said = "is not what it was when this run was made: to bill what it is now, ask for a new run";
    assert_eq!(failed["errors"], json!([{"file": source, "message": said}]), "{failed}");
    assert_eq!(
        (failed["customers"].clone(), billed()),
        (run["customers"].clone(), vec![(small, "1.00".into())])
    );
    assert_eq!(super::tree(&scene.bills()), published);

    // The same again, though at another time.
    scene.invoice("october.csv", &held);
    assert_eq!(again(dear)["errors"], json!([]));
    assert_eq!(billed(), [(small, "1.00".into()), (dear, "200.00".into())]);
}

fn a_release_goes_by_what_held_it_back(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "100", "--earned-credit", "passed_on"]);
    let [dear, dearer] = ["dear", "dearer"].map(|name| scene.billed(name, name, 0.0));
    let text = super::usage(&[line("dear", "a", "170"), line("dearer", "a", "340")]);
    // All of these lines have an earned credit of 15 %.
    let text = text.replace(",0,,,,,", ",15,,,,,");
    let source = scene.write("october.csv", text.as_bytes());
    let run = scene.run("2026-10", &[&source], &json!({}));
    let charge = |run: &serde_json::Value, i: usize| run["customers"][i]["charge"].clone();
    assert_eq!([charge(&run, 0), charge(&run, 1)], ["170", "340"], "{run}");
    drop(scene.server);

    // Another server has no bounds, and keeps the credit: 200 and 400.
    let server = crate::support::Server::start(&scene.database, &["--sandbox", "--at", super::NOW]);
    let api = server.admin();
    let release = format!("/v1/bill_runs/{}/release", run["id"]);
    let released = api.post(&release, &json!({"customer_ids": [dearer]}));
    let again = super::end_of(&api, released.header("location"));
    assert_eq!([charge(&again, 0), charge(&again, 1)], ["170", "340"], "{again}");
    let billed = super::statements(&api, "");
    assert_eq!(
        billed.iter().map(|s| s["customer_id"].clone()).collect::<Vec<_>>(),
        [json!(dearer)],
        "not {dear}"
    );
    // The control: a run of its own goes by its options.
    let mut body = json!({"billing_period": "2026-09", "sources": [source]});
    crate::support::patched(&mut body, &super::of_any_month());
    let asked = api.post("/v1/bill_runs", &body);
    let new = super::end_of(&api, asked.header("location"));
    assert_eq!([charge(&new, 0), charge(&new, 1)], ["200", "400"], "{new}");
}

fn a_leap_against_last_month_is_held_back(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-change", "50"]);
    let (acme, new) = (scene.billed("Acme", "acme", 0.0), scene.billed("New", "new", 0.0));
    let september = scene.invoice("september.csv", &[line("acme", "a", "100")]);
    let draft = json!({"accept": ["lines_of_other_months"], "publish": false});
    scene.run("2026-09", &[&september], &draft);
    for (total, held) in [("149.99", vec![]), ("50.01", vec![]), ("151", vec![acme]), ("49", vec![acme])] {
        let source = scene.invoice("october.csv", &[line("acme", "a", total), line("new", "a", "5000")]);
        let run = scene.run("2026-10", &[&source], &json!({}));
        let bills = run["customers"].as_array().unwrap().iter();
        let back =
            bills.filter(|bill| bill["prefix"].is_null()).map(|bill| bill["customer_id"].as_i64().unwrap());
        assert_eq!(back.collect::<Vec<_>>(), held, "{total}: {run}");
    }
    // The estimate of before stays until somebody has looked; who is new has nothing to be compared with.
    let shown = scene.statements("billing_period=2026-10");
    let shown: Vec<_> = shown.iter().map(|s| (s["customer_id"].clone(), s["total_amount"].clone())).collect();
    assert_eq!(shown, [(json!(acme), json!(50.01)), (json!(new), json!(5000.0))]);
}

fn what_is_nothing_new_or_gone_is_a_change_too(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-change", "50", "--bill-max-new", "100"]);
    let [zero, held, gone, new] = ["zero", "held", "gone", "new"].map(|name| scene.billed(name, name, 0.0));
    let month = |name: &str, day: &'static str, amounts: [&'static str; 4]| {
        let tenants = ["zero", "held", "gone", "new"];
        let lines = tenants.into_iter().zip(amounts).filter(|(_, amount)| !amount.is_empty());
        let lines: Vec<_> =
            lines.map(|(tenant, amount)| Usage { day, ..line(tenant, "a", amount) }).collect();
        scene.invoice(name, &lines)
    };
    let back = |run: &Value| -> Vec<i64> {
        let bills = run["customers"].as_array().unwrap().iter();
        bills
            .filter(|bill| bill["prefix"].is_null())
            .map(|bill| bill["customer_id"].as_i64().unwrap())
            .collect()
    };
    // A first bill beyond the bound waits, so it is the one to compare with, though nobody has seen it.
    let run = scene.run("2026-09", &[&month("9.csv", "2026-09-05", ["0", "150", "40", ""])], &json!({}));
    assert_eq!(back(&run), [held], "{run}");
    for (october, expected) in [
        // From nothing to something; like the one that was held back; still there; new, within the bound.
        (["1", "151", "41", "100"], vec![zero]),
        (["0", "300", "41", "101"], vec![held, new]),
        (["0", "151", "41", ""], vec![]),
    ] {
        let run = scene.run("2026-10", &[&month("10.csv", "2026-10-05", october)], &json!({}));
        assert_eq!(back(&run), expected, "{october:?}: {run}");
        assert!(!run["warnings"].to_string().contains("bill_gone"), "{run}");
    }
    // From something to nothing: the month cannot be made final unasked.
    let run = scene.run("2026-10", &[&month("10.csv", "2026-10-05", ["0", "151", "", ""])], &json!({}));
    let warning = run["warnings"].as_array().unwrap().iter().find(|warning| warning["code"] == "bill_gone");
    let warning = warning.unwrap_or_else(|| panic!("{run}"));
    assert_eq!((&warning["customer_id"], &warning["blocks"]), (&json!(gone), &json!("finalize")));
    let finalize = |accept: Value| {
        scene.api.post(&format!("/v1/bill_runs/{}/finalize", run["id"]), &json!({"accept": accept})).status
    };
    assert_eq!([finalize(json!(["held_back"])), finalize(json!(["bill_gone"]))], [409, 202]);
}
