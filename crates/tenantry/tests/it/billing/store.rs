//! The store of bills as a whole: moved from the layout of version 0.1, restored from a backup, examined by doctor.

use super::{Scene, line, tree};
use crate::support::{Engine, Server, command, on_both_engines};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

on_both_engines!(
    a_store_of_the_old_layout_is_moved_before_a_server_starts,
    a_restored_backup_is_verified_by_one_command,
    a_partner_cannot_reach_another_ones_bills,
);

fn text(ran: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
}

/// Puts bills and ledgers where version 0.1 has put them.
fn to_the_old_layout(bills: &Path) {
    for (name, _) in tree(bills) {
        let from = bills.join(&name);
        let to = match name.strip_prefix("_runs/p1/").map(|rest| format!("_runs/{rest}")) {
            Some(to) => to,
            None if name.starts_with("p1/") => name["p1/".len()..].to_owned(),
            None => {
                std::fs::remove_file(from).unwrap();
                continue;
            }
        };
        std::fs::create_dir_all(bills.join(&to).parent().unwrap()).unwrap();
        std::fs::rename(from, bills.join(to)).unwrap();
    }
    std::fs::remove_dir_all(bills.join("p1")).unwrap();
    std::fs::remove_dir_all(bills.join("_runs/p1")).unwrap();
}

fn a_store_of_the_old_layout_is_moved_before_a_server_starts(engine: Engine) {
    let mut scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    scene.billed("Beta", "beta", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "1"), line("beta", "b", "2")]);
    let run = scene.run("2026-10", &[&source], &json!({"finalize": true}));
    assert_eq!(run["state"], "succeeded", "{run}");
    let before = tree(&scene.bills());
    scene.server.kill();
    to_the_old_layout(&scene.bills());
    assert!(scene.bills().join(format!("bills/acme/2026-10/{acme}/v1/bill.csv")).is_file());

    let with_database = |args: &[&str]| {
        let mut command = command(scene.database.folder(), args);
        command.args(["--database", &scene.database.url]).output().unwrap()
    };
    let says = "run `tenantry admin bill move-store`";
    let started = with_database(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!started.status.success() && text(&started).contains(says), "{}", text(&started));
    let examined = with_database(&["doctor"]);
    assert!(!examined.status.success() && text(&examined).contains(says), "{}", text(&examined));
    let ran = with_database(&["bill", "run", "--period", "2026-11", "data/invoices/october.csv"]);
    assert!(!ran.status.success(), "{}", text(&ran));

    let moved = with_database(&["bill", "move-store"]);
    assert!(
        moved.status.success() && text(&moved).contains("files moved in file:data/bills"),
        "{}",
        text(&moved)
    );
    assert_eq!(tree(&scene.bills()), before);
    let again = with_database(&["bill", "move-store"]);
    assert!(again.status.success() && text(&again).contains("nothing was moved"), "{}", text(&again));
    assert!(with_database(&["bill", "verify", "--complete"]).status.success());

    let server = Server::start(&scene.database, &["--sandbox", "--at", super::NOW]);
    let api = scene.api.on(server.address);
    let statement = super::statements(&api, &format!("client_api_id={acme}"))[0]["id"].clone();
    assert_eq!(api.get(&format!("/v1/customer_statements/{statement}/files/bill.csv")).status, 200);
    let explained = format!("/v1/bill_runs/{}/customers/{acme}/lines?explain=true", run["id"]);
    assert_eq!(api.get(&explained).status, 200);
}

fn a_restored_backup_is_verified_by_one_command(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let october = [line("acme", "a", "1")];
    let source = scene.invoice("october.csv", &october);
    let run = scene.run("2026-10", &[&source], &json!({"finalize": true}));
    // The drill of docs/databases.md: the database, the secret key, and then the bills.
    let folder = scene.database.folder();
    let made = scene.server.run(&["backup", "tenantry.backup"]);
    assert!(made.status.success(), "{}", text(&made));
    let key = if engine == Engine::Sqlite { "secret.key" } else { "data/secret.key" };
    std::fs::create_dir_all(folder.join("new/bills")).unwrap();
    std::fs::copy(folder.join(key), folder.join("new/secret.key")).unwrap();
    let copy = ["-a", "data/bills/.", "new/bills"];
    let copied = std::process::Command::new("cp").args(copy).current_dir(folder).status();
    assert!(copied.unwrap().success());
    let restored =
        command(folder, &["restore", "tenantry.backup", "--database", "sqlite:new/tenantry.db"]).output();
    assert!(restored.as_ref().unwrap().status.success(), "{}", text(&restored.unwrap()));
    let doctor = |bills: &str, key: &str| {
        let args = ["doctor", "--all", "--json", "--database", "sqlite:new/tenantry.db", "--bills", bills];
        let ran = command(folder, &args).args(["--secret-key-file", key]).output().unwrap();
        let report: Value =
            serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&ran)));
        let problem = |check: &&Value| check["verdict"] == "problem";
        let checks = report["checks"].as_array().unwrap();
        let problems: Vec<String> = checks.iter().filter(problem).map(Value::to_string).collect();
        assert_eq!(ran.status.success(), problems.is_empty());
        assert_eq!(checks.iter().any(|check| check["check"] == "bills and ledgers"), key == "new/secret.key");
        problems.join("\n")
    };
    assert_eq!(doctor("file:new/bills", "new/secret.key"), "");
    // Each part that could be forgotten.
    let lost = doctor("file:new/none", "new/secret.key");
    assert!(lost.contains("2 of 2 that the database knows are missing"), "{lost}");
    let lost = doctor("file:new/bills", "new/none.key");
    assert!(lost.contains("there is no secret key file"), "{lost}");
    assert!(!folder.join("new/none.key").exists(), "doctor changes nothing");
    let ledger = folder.join("new/bills").join(run["customers"][0]["ledger"].as_str().unwrap());
    let whole = std::fs::read(&ledger).unwrap();
    std::fs::remove_file(&ledger).unwrap();
    let lost = doctor("file:new/bills", "new/secret.key");
    assert!(lost.contains("1 of 2 that the database knows are missing"), "{lost}");
    std::fs::write(&ledger, &whole[1..]).unwrap();
    let lost = doctor("file:new/bills", "new/secret.key");
    assert!(
        lost.contains("0 and 1 of them damaged") && lost.contains("other users of this machine"),
        "{lost}"
    );
    std::fs::write(&ledger, &whole).unwrap();
    std::fs::set_permissions(&ledger, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(doctor("file:new/bills", "new/secret.key"), "");

    // And it goes on: the final month takes a correction.
    std::fs::create_dir_all(folder.join("new/data")).unwrap();
    std::fs::write(folder.join("later.csv"), super::usage(&[october[0], line("acme", "late", "5")])).unwrap();
    let args = ["bill", "run", "--period", "2026-10", "--json", "--database", "sqlite:new/tenantry.db"];
    let ran = command(folder, &args)
        .args(["--secret-key-file", "new/secret.key", "--bills", "file:new/bills", "--accept-corrections"])
        .arg("later.csv")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&ran)));
    assert_eq!(
        (&report["state"], &report["customers"][0]["charge"]),
        (&json!("succeeded"), &json!("5")),
        "{acme}"
    );
}

/// What one partner names its customer's folder cannot touch another partner's bills.
fn a_partner_cannot_reach_another_ones_bills(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-sources", "data/invoices/{partner}"]);
    let (_, other) = scene.server.named_partner();
    for partner in ["1", "2"] {
        std::fs::create_dir_all(scene.invoices().join(partner)).unwrap();
        let tenant = if partner == "1" { "acme" } else { "mallory" };
        let bytes = super::usage(&[line(tenant, "a", partner)]);
        std::fs::write(scene.invoices().join(partner).join("october.csv"), bytes).unwrap();
    }
    let acme = scene.billed("Acme", "acme", 0.0);
    let mallory = |folder: &str| {
        json!({
            "name": "Mallory", "azure_customer_id": "mallory", "address": crate::support::ABSENT,
            "partner_billing_configuration": {"enabled": true, "folder": folder},
        })
    };
    let run = |api: &crate::support::Api| {
        let body = json!({"billing_period": "2026-10", "sources": ["file:october.csv"], "finalize": true});
        let asked = api.post("/v1/bill_runs", &body);
        assert_eq!(asked.status, 202, "{}", asked.text());
        super::end_of(api, asked.header("location"))
    };
    let first = run(&scene.api);
    let prefix = first["customers"][0]["prefix"].as_str().unwrap().to_owned();
    assert_eq!(prefix, format!("p1/bills/acme/2026-10/{acme}/v1/"));
    let before = tree(&scene.bills().join("p1"));
    for folder in [
        format!("bills/acme/2026-10/{acme}/v2"),
        format!("bills/acme/2026-10/{acme}/v1/manifest.json"),
        format!("p1/bills/acme/2026-10/{acme}"),
        "p1".to_owned(),
        "_runs/p1".to_owned(),
    ] {
        let refused = other.post("/v2/customers", &crate::support::customer(&mallory(&folder)));
        assert_eq!(refused.details(), "/partner_billing_configuration/folder invalid", "{folder}");
        assert!(refused.text().contains("would look like"), "{}", refused.text());
    }
    // One that an earlier version has accepted writes nothing any more, and says so.
    let id = other.create(&crate::support::customer(&mallory("mallory")))["id"].clone();
    let imitated = format!("bills/acme/2026-10/{acme}/v2");
    scene.database.execute(&format!(
        "UPDATE customers SET billing_folder = '{imitated}' WHERE partner_id = 2 AND id = {id}"
    ));
    let failed = run(&other);
    assert!(failed["errors"].to_string().contains("would look like a billing period"), "{failed}");
    assert_eq!(tree(&scene.bills().join("p1")), before);
    // The same folder as the other partner's customer is another place.
    scene.database.execute(&format!(
        "UPDATE customers SET billing_folder = 'bills/acme/' WHERE partner_id = 2 AND id = {id}"
    ));
    let published = run(&other);
    let expected = json!(format!("p2/bills/acme/2026-10/{id}/v1/"));
    assert_eq!(published["customers"][0]["prefix"], expected, "{published}");
    assert_eq!(run(&scene.api)["state"], "succeeded");
    assert_eq!(tree(&scene.bills().join("p1")), before);
}
