//! How a customer's billing stands, as its partner sees it.

use super::{Scene, line};
use crate::support::{ABSENT, Engine, customer, on_both_engines};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

on_both_engines!(customers_tell_how_their_billing_stands);

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
    std::fs::create_dir_all(scene.bills()).unwrap();
    std::fs::write(scene.bills().join("blocked"), "").unwrap();
    std::fs::set_permissions(scene.bills().join("blocked"), std::fs::Permissions::from_mode(0o400)).unwrap();
    let lines = [line("acme", "a", "1"), line("blocked", "a", "2"), line("off", "a", "3")];
    let source = scene.invoice("october.csv", &lines);
    let run = scene.run("2026-10", &[&source], &json!({}));
    assert_eq!(run["state"], "succeeded", "one customer's folder keeps no other waiting: {run}");
    assert_eq!(run["errors"][0]["customer_id"], json!(blocked));
    assert_eq!(scene.statements("").len(), 1);

    let healthy = json!({"status": "Healthy", "reason": ""});
    assert_eq!([told(acme), told(off)], [healthy.clone(), healthy.clone()]);
    for (id, why) in [
        (blocked, "its bill cannot be written"),
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
    std::fs::remove_file(scene.bills().join("blocked")).unwrap();
    scene.run("2026-10", &[&source], &json!({}));
    assert_eq!([told(blocked), told(idle)], [healthy.clone(), healthy]);
    assert_eq!(scene.statements("").len(), 2);
}
