//! How a customer's billing stands, as its partner sees it.

use super::{Scene, line};
use crate::support::{ABSENT, Engine, customer, on_both_engines};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

on_both_engines!(customers_tell_how_their_billing_stands, what_was_left_out_is_told_until_it_is_billed);

fn customers_tell_how_their_billing_stands(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let folder = |name: &str| json!({"enabled": true, "folder": name});
    let without_tenant = json!({"name": "Without", "partner_billing_configuration": folder("a")});
    let without_tenant = scene.api.create(&customer(&without_tenant))["id"].as_i64().unwrap();
    let made = |name: &str, billing: Value| {
        let change = json!({"name": name, "address": ABSENT, "azure_customer_id": name, "partner_billing_configuration": billing});
        scene.api.create(&customer(&change))["id"].as_i64().unwrap()
    };
    let (blocked, off) = (made("blocked", folder("blocked")), made("off", json!({"enabled": false})));
    let idle = made("idle", folder("blocked"));
    let told =
        |id: i64| scene.api.get(&format!("/v2/customers/{id}")).json()["billing_configuration"].clone();
    assert_eq!(told(acme), Value::Null, "there are no bills yet");

    // A file where the folder would be.
    std::fs::create_dir_all(scene.bills().join("p1")).unwrap();
    std::fs::write(scene.bills().join("p1/blocked"), "").unwrap();
    std::fs::set_permissions(scene.bills().join("p1/blocked"), std::fs::Permissions::from_mode(0o400))
        .unwrap();
    let lines = [line("acme", "a", "1"), line("blocked", "a", "2"), line("off", "a", "3")];
    let source = scene.invoice("october.csv", &lines);
    let run = scene.run("2026-10", &[&source], &json!({}));
    assert_eq!(run["state"], "succeeded", "one customer's folder keeps no other waiting: {run}");
    // The run tells what the store said; the customers only that it is so.
    let about = |list: &str| run[list].as_array().unwrap().iter().map(|e| e["customer_id"].clone()).collect();
    let [errors, warnings]: [Vec<Value>; 2] = ["errors", "warnings"].map(about);
    assert_eq!((errors, warnings), (vec![json!(blocked)], vec![json!(idle)]), "{run}");
    assert_eq!(scene.statements("").len(), 1);

    let healthy = json!({"status": "Healthy", "reason": ""});
    assert_eq!([told(acme), told(off)], [healthy.clone(), healthy.clone()]);
    for (id, why) in [
        (blocked, "its bill of 2026-10 could not be written (run 1)"),
        (idle, "its folder cannot be written"),
        (without_tenant, "no Azure tenant is assigned"),
    ] {
        let told = told(id);
        assert_eq!(told["status"], "Not Healthy", "{told}");
        assert!(told["reason"].as_str().unwrap().contains(why), "{told}");
    }
    // In its place, in lists and changes too; and what is sent back is ignored.
    let mut read = scene.api.get(&format!("/v2/customers/{acme}")).json();
    let names: Vec<_> = read.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names[names.len() - 3..], ["tags", "billing_configuration", "_links"]);
    assert_eq!(scene.api.get("/v2/customers").json()["customers"][0]["billing_configuration"], healthy);
    read["billing_configuration"]["status"] = json!("Not Healthy");
    assert_eq!(
        scene.api.put(&format!("/v2/customers/{acme}"), &read).json()["billing_configuration"],
        healthy
    );

    // Also while the only run that has succeeded is worked on once more.
    let worked_on = |state: &str, until: i64| {
        scene.database.execute(&format!("UPDATE bill_runs SET state = '{state}', leased_until = {until}"));
    };
    worked_on("running", 4_000_000_000);
    assert_eq!(told(acme), healthy);
    worked_on("succeeded", 0);

    // What is mended is told by the next run.
    std::fs::remove_file(scene.bills().join("p1/blocked")).unwrap();
    scene.run("2026-10", &[&source], &json!({}));
    assert_eq!([told(blocked), told(idle)], [healthy.clone(), healthy]);
    assert_eq!(scene.statements("").len(), 2);
}

fn what_was_left_out_is_told_until_it_is_billed(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta] = ["acme", "beta"].map(|name| scene.billed(name, name, 0.0));
    let off = scene.api.create(&customer(&json!({"name": "off"})))["id"].as_i64().unwrap();
    let reasons = || {
        [acme, beta, off].map(|id| {
            let told = scene.api.get(&format!("/v2/customers/{id}")).json()["billing_configuration"].clone();
            assert_eq!(told["status"] == "Healthy", told["reason"] == "", "{told}");
            told["reason"].as_str().unwrap_or("none").to_owned()
        })
    };
    let all_well = ["", "", ""].map(str::to_owned);
    let failed = |period: &str, run: &Value| {
        let why = format!("the last run of {period} failed (run {})", run["id"]);
        [why.clone(), why, String::new()]
    };
    assert_eq!(reasons(), ["none", "none", "none"]);

    // A file that is none, in the first month there is, and in the next; until a run of that month succeeds.
    let broken = scene.write("broken.csv", b"Name,Age\n");
    let good = scene.invoice("october.csv", &[line("acme", "a", "1"), line("beta", "a", "2")]);
    let october = scene.run("2026-10", &[&broken], &json!({}));
    assert_eq!(reasons(), failed("2026-10", &october));
    let november = scene.run("2026-11", &[&broken], &json!({}));
    assert_eq!(reasons(), failed("2026-11", &november));
    let billed = scene.run("2026-10", &[&good], &json!({}));
    assert_eq!(reasons(), failed("2026-11", &november));
    let draft = json!({"accept": ["lines_of_other_months"], "publish": false});
    scene.run("2026-11", &[&good], &draft);
    assert_eq!(reasons(), all_well);
    let again = scene.run("2026-10", &[&broken], &json!({}));
    assert_eq!(reasons(), failed("2026-10", &again));
    let billed_again = scene.run("2026-10", &[&good], &json!({}));
    assert_eq!((reasons(), &billed_again["totals"]), (all_well.clone(), &billed["totals"]));

    // A month that nobody wants: its failed run is cancelled, over HTTP or by the command.
    for period in ["2026-01", "2062-10"] {
        let mistaken = scene.run(period, &[&broken], &json!({}));
        assert_eq!(reasons(), failed(period, &mistaken));
        let id = mistaken["id"].to_string();
        if period == "2026-01" {
            assert_eq!(scene.api.call("DELETE", &format!("/v1/bill_runs/{id}")).send().status, 204);
        } else {
            assert!(scene.server.run(&["bill", "cancel", &id]).status.success());
        }
        assert_eq!(reasons(), all_well);
        let run = scene.api.get(&format!("/v1/bill_runs/{id}")).json();
        assert_eq!((&run["state"], &run["errors"]), (&json!("cancelled"), &mistaken["errors"]));
        assert!(run["errors"][0]["message"].is_string(), "{run}");
    }

    // Two that cannot be made final, one of them, and none.
    let path = |name: &str, id: i64| scene.bills().join(format!("p1/bills/{name}/2026-10/{id}/v1/bill.csv"));
    let files = [path("acme", acme), path("beta", beta)];
    let contents = files.each_ref().map(|file| std::fs::read(file).unwrap());
    files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let unwritten = "its final bill of 2026-10 could not be written";
    for (left, stage, expected) in
        [(0, "published", [unwritten, unwritten, ""]), (1, "final", ["", unwritten, ""])]
    {
        for (file, bytes) in files.iter().zip(&contents).take(left) {
            std::fs::write(file, bytes).unwrap();
        }
        let run = scene.finalize(&billed_again);
        assert_eq!((&run["stage"], reasons()), (&json!(stage), expected.map(str::to_owned)), "{run}");
    }
    let (_, user) = scene.api.user_of(beta);
    assert!(!user.get(&format!("/v2/customers/{beta}")).text().contains("/v1/bill.csv"));
    std::fs::write(&files[1], &contents[1]).unwrap();
    scene.finalize(&billed_again);
    assert_eq!(reasons(), all_well);
}
