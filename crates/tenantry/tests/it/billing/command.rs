//! `tenantry admin bill run`, and what it leaves to whoever comes after it.

use super::{Scene, Usage, line, tree};
use crate::support::{Engine, command, on_both_engines};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

on_both_engines!(
    a_command_says_what_is_wrong,
    a_command_releases_and_finalises,
    a_command_that_was_killed_leaves_no_work_to_people,
    a_command_misses_what_was_removed_whole,
    a_command_that_was_killed_in_finalising_is_repeated,
);

fn said(ran: &Output) -> (Option<i32>, String) {
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

fn a_command_says_what_is_wrong(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let blocked = scene.billed("Blocked", "blocked", 0.0);
    scene.invoice("october.csv", &[line("acme", "a", "1"), line("blocked", "a", "2")]);
    scene.invoice("nothing.csv", &[]);
    scene.write("again.csv", &std::fs::read(scene.invoices().join("october.csv")).unwrap());
    scene.write("broken.csv", b"Name,Age\n");
    let run = |files: &[&str], more: &[&str]| {
        let files: Vec<String> = files.iter().map(|file| format!("data/invoices/{file}")).collect();
        let mut args = vec!["bill", "run", "--period", "2026-10"];
        args.extend(files.iter().map(String::as_str));
        args.extend(more);
        said(&scene.server.run(&args))
    };
    for (files, more, expected) in [
        (vec!["october.csv", "october.csv"], vec![], "data/invoices/october.csv is given more than once"),
        (vec!["october.csv", "again.csv"], vec![], "/again.csv: has the same lines as file:"),
        (vec!["nothing.csv"], vec![], "/nothing.csv: has a header and no lines"),
        (vec!["broken.csv"], vec![], "/broken.csv, line 1: is neither"),
        (
            vec!["october.csv"],
            vec!["--rate", "EUR/USD=1", "--rate", "EUR/USD=2"],
            "currency_rates[1].from must be given once",
        ),
        (
            vec!["october.csv"],
            vec!["--rate", "EUR/USD=1", "--rate", "GBP/CHF=2"],
            "currency_rates[1].to must be USD, for all rates lead to one currency",
        ),
        (
            vec!["october.csv"],
            vec!["--rate", "EUR/USD=0.1234567890123"],
            "currency_rates[0].rate must be more than 0",
        ),
    ] {
        let (code, said) = run(&files, &more);
        assert!(code == Some(1) && said.contains(expected), "{files:?}: {code:?} {said}");
        let bare = said.lines().any(|line| line.starts_with(':') || line.contains("sources["));
        assert!(!bare, "{said}");
    }
    // A file without lines beside one that has some is told of.
    std::fs::create_dir_all(scene.bills().join("p1/bills")).unwrap();
    let (code, warned) = run(&["october.csv", "nothing.csv"], &[]);
    assert!(
        code == Some(0) && warned.contains("warning: file:") && warned.contains("has a header and no lines"),
        "{warned}"
    );

    // One bill of two that cannot be written.
    scene.invoice("october.csv", &[line("acme", "a", "3"), line("blocked", "a", "4")]);
    let folder = scene.bills().join("p1/bills/blocked");
    std::fs::write(&folder, "").unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o400)).unwrap();
    let (code, said) = run(&["october.csv"], &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("not every bill could be written: customer {blocked}: its bill cannot")),
        "{said}"
    );
    assert!(!said.lines().any(|line| line.starts_with(':')), "{said}");
    assert_eq!(super::total(&scene.statements("client_api_id=1")[0]), "3.00", "the other one is");
}

fn a_command_releases_and_finalises(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, dear, dearer] = ["acme", "dear", "dearer"].map(|name| scene.billed(name, name, 0.0));
    // A folder that the server may read nothing from.
    let place = scene.database.folder().join("own/october.csv");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    let lines = [line("acme", "a", "1"), line("dear", "a", "200"), line("dearer", "a", "300")];
    std::fs::write(&place, super::usage(&lines)).unwrap();
    let run = |args: &[&str]| said(&scene.server.run(args));
    let (code, text) =
        run(&["bill", "run", "--period", "2026-10", "--bill-max-amount", "100", "own/october.csv"]);
    assert!(code == Some(1) && text.contains(&format!("customer {dear} is held back")), "{text}");
    let shown = || -> Vec<_> {
        let of = |s: &Value| (s["customer_id"].as_i64().unwrap(), s["status"].as_str().unwrap().to_owned());
        scene.statements("").iter().map(of).collect()
    };
    let [estimated, as_final] = ["Estimated", "Final"].map(|status| move |id: i64| (id, status.to_owned()));
    assert_eq!(shown(), [estimated(acme)]);

    // The server would have to read the command's file: it says that it may not, and changes nothing.
    let asked = scene.api.post("/v1/bill_runs/1/release", &json!({"customer_ids": [dear]}));
    let failed = scene.end_of(asked.header("location"));
    assert!(failed["errors"][0]["message"].as_str().unwrap().contains("october.csv"), "{failed}");
    assert_eq!((failed["state"].as_str(), shown()), (Some("succeeded"), vec![estimated(acme)]));

    let [dear_id, acme_id] = [dear, acme].map(|id| id.to_string());
    for (args, expected) in [
        (vec!["release", "1"], "--customer"),
        (
            vec!["release", "1", "--customer", &acme_id],
            "--customer 1 must be the id of a customer whose bill",
        ),
        (vec!["release", "9", "--customer", &dear_id], "the partner default has no bill run 9"),
        (vec!["finalize", "9"], "the partner default has no bill run 9"),
        (vec!["cancel", "9"], "the partner default has no bill run 9"),
        (vec!["withdraw", "9"], "the partner default has no bill run 9"),
        (vec!["cancel", "1"], "this run has ended already: it is succeeded"),
    ] {
        let (code, text) = run(&[&["bill"], &args[..]].concat());
        assert!(code != Some(0) && text.to_lowercase().contains(expected), "{args:?}: {text}");
    }
    // One bill that cannot be written, and one that can.
    let folder = scene.bills().join("p1/bills/dear");
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    std::fs::write(&folder, "").unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o400)).unwrap();
    let (code, text) = run(&["bill", "release", "1", "--customer", &dear_id]);
    assert!(code == Some(1) && text.contains("its bill cannot be written"), "{text}");
    std::fs::remove_file(&folder).unwrap();
    let (code, text) = run(&["bill", "release", "1", "--customer", &dear_id]);
    assert_eq!((code, shown()), (Some(0), vec![estimated(acme), estimated(dear)]), "{text}");
    let (code, text) = run(&["bill", "finalize", "1", "--yes", "--accept", "held_back"]);
    assert_eq!((code, shown()), (Some(0), vec![as_final(acme), as_final(dear)]), "{text}");
    let (code, text) = run(&["bill", "finalize", "1", "--yes", "--accept", "held_back"]);
    assert_eq!(code, Some(0), "once more changes nothing: {text}");
    let told: Vec<_> = scene.api.trail("action=bill_run.").iter().map(|e| e["action"].clone()).collect();
    assert!(
        told.contains(&json!("bill_run.release")) && told.contains(&json!("bill_run.finalize")),
        "{told:?}"
    );

    // What has changed meanwhile is not released.
    std::fs::write(&place, super::usage(&lines[..2])).unwrap();
    let (code, text) = run(&["bill", "release", "1", "--customer", &dearer.to_string()]);
    assert!(code == Some(1) && text.contains("is not what it was when this run was made"), "{text}");
}

fn a_command_misses_what_was_removed_whole(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta] = ["acme", "beta"].map(|name| scene.billed(name, name, 0.0));
    let lines = [line("acme", "a", "1"), line("beta", "a", "2")];
    let run = scene.run("2026-10", &[&scene.invoice("october.csv", &lines)], &json!({"finalize": true}));
    let verify = |more: &[&str]| {
        let ran = scene.server.run(&[&["bill", "verify"], more].concat());
        (ran.status.success(), String::from_utf8(ran.stdout).unwrap())
    };
    assert!(verify(&["--complete"]).0);
    let bill = |customer: i64, name: &str| format!("p1/bills/{name}/2026-10/{customer}/v1");
    let ledger = run["customers"][0]["ledger"].as_str().unwrap();
    std::fs::remove_file(scene.bills().join(ledger)).unwrap();
    std::fs::remove_dir_all(scene.bills().join(bill(beta, "beta"))).unwrap();
    assert!(verify(&[]).0, "without the database nobody knows of them");
    let missing = |name: &str| format!("{name}  is not there, and the database knows of it");
    let (good, said) = verify(&["--complete"]);
    for name in [ledger, &format!("{}/manifest.json", bill(beta, "beta"))] {
        assert!(!good && said.contains(&missing(name)), "{said}");
    }
    assert_eq!(said.matches("is not there").count(), 2, "{said}");
    let (good, said) = verify(&["--complete", "--json", "p1/bills/beta"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (good, &report["missing"]),
        (false, &json!([format!("{}/manifest.json", bill(beta, "beta"))]))
    );
    let (good, said) = verify(&["--complete", &bill(acme, "acme")]);
    assert!(good && said.contains("1 bills\nno ledgers: these lie in _runs"), "{said}");
    let (good, said) = verify(&["_runs"]);
    assert!(good && said.contains("0 bills\n1 ledgers"), "{said}");
    // A database that knows nothing is the wrong one.
    let other = ["bill", "verify", "--complete", "--database", "sqlite:nowhere.db"];
    let (code, text) = self::said(&scene.server.run_without_database(&other));
    assert!(code == Some(1) && text.contains("there is no database of Tenantry at"), "{text}");
    assert!(!scene.database.folder().join("nowhere.db").exists());
}

fn a_command_that_was_killed_in_finalising_is_repeated(engine: Engine) {
    let scene = Scene::new(engine);
    let names: Vec<String> = (0..24).map(|i| format!("tenant-{i}")).collect();
    let places = names.iter().map(|name| {
        let id = scene.billed(name, name, 0.0);
        scene.bills().join(format!("p1/bills/{name}/2026-10/{id}/v2"))
    });
    let places: Vec<_> = places.collect();
    let lines: Vec<_> = names.iter().map(|name| line(name, "a", "1")).collect();
    let run = scene.run("2026-10", &[&scene.invoice("october.csv", &lines)], &json!({}));
    let id = run["id"].to_string();
    let mut command = command(scene.database.folder(), &["bill", "finalize", &id, "--yes"]);
    command.args(["--database", &scene.database.url]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    while !places.iter().any(|place| place.exists()) {
        assert!(child.try_wait().unwrap().is_none(), "it has ended before it could be killed");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    scene.database.execute("UPDATE bill_runs SET leased_until = 0, updated_at = 0 WHERE state = 'running'");
    // The next one says what has become of it, and then nothing is left to be said.
    let small = scene.invoice("september.csv", &[Usage { day: "2026-09-01", ..line("tenant-0", "a", "1") }]);
    scene.run("2026-09", &[&small], &json!({}));
    let shown = || scene.api.get(&format!("/v1/bill_runs/{id}")).json();
    assert!(
        shown()["errors"][0]["message"].as_str().unwrap().contains("ended before it was done"),
        "{}",
        shown()
    );
    let (code, text) = said(&scene.server.run(&["bill", "finalize", &id, "--yes"]));
    assert_eq!((code, &shown()["errors"]), (Some(0), &json!([])), "{text}");
    let finals = scene.statements("billing_period=2026-10&status=Final&per_page=100");
    assert_eq!(finals.len(), names.len());
}

fn a_command_that_was_killed_leaves_no_work_to_people(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    scene.invoice("october.csv", &vec![line("acme", "a", "1"); 120_000]);
    let small = scene.invoice("small.csv", &[line("acme", "a", "1")]);
    let work = scene.database.folder().join("data/work");
    let files = || tree(&work);
    let killed = || {
        let args =
            ["bill", "run", "--period", "2026-10", "--bill-lease", "3600", "data/invoices/october.csv"];
        let mut command = command(scene.database.folder(), &args);
        command.args(["--database", &scene.database.url]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        while !files().keys().any(|name| name.contains("/out/")) {
            assert!(child.try_wait().unwrap().is_none(), "it has ended before it could be killed");
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    };
    let last = || {
        let runs = scene.api.get("/v1/bill_runs").json();
        let id = runs["bill_runs"].as_array().unwrap().last().unwrap()["id"].clone();
        scene.api.get(&format!("/v1/bill_runs/{id}")).json()
    };
    killed();
    assert!(!files().is_empty());
    // As long as its lease lasts nobody touches the run; what it has left on the disk, whoever runs next removes.
    scene.run("2026-09", &[&small], &json!({}));
    assert_eq!(files().len(), 0, "{:?}", files().keys());
    let mut run = Value::Null;
    let find = |run: &mut Value| {
        let runs = scene.api.get("/v1/bill_runs?billing_period=2026-10").json();
        *run = runs["bill_runs"][0].clone();
    };
    find(&mut run);
    assert_eq!(run["state"], "running", "{run}");
    let early = scene.server.run(&["bill", "run", "--period", "2026-10", "data/invoices/small.csv"]);
    assert!(
        said(&early).1.contains("should its command have died, another can begin in "),
        "{}",
        said(&early).1
    );
    // After that the next one says what has become of it.
    scene.database.execute("UPDATE bill_runs SET leased_until = 0, updated_at = 0 WHERE state = 'running'");
    scene.run("2026-08", &[&small], &json!({}));
    find(&mut run);
    assert_eq!(run["state"], "failed", "{run}");
    assert!(run["errors"][0]["message"].as_str().unwrap().contains("ended before it was done"), "{run}");

    // One that somebody has cancelled meanwhile has not failed.
    killed();
    let cancelled = scene.api.get("/v1/bill_runs?state=running").json()["bill_runs"][0]["id"].clone();
    let ran = scene.server.run(&["bill", "cancel", &cancelled.to_string()]);
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        ran.status.success() && told.contains("it stops as soon as whoever works on it hears of it"),
        "{told}"
    );
    scene.database.execute("UPDATE bill_runs SET leased_until = 0, updated_at = 0 WHERE state = 'running'");
    scene.run("2026-07", &[&small], &json!({}));
    assert_eq!(scene.api.get(&format!("/v1/bill_runs/{cancelled}")).json()["state"], "cancelled");

    // A command does the same for one that came before it.
    killed();
    scene.database.execute("UPDATE bill_runs SET leased_until = 0, updated_at = 0 WHERE state = 'running'");
    let ran = scene.server.run(&["bill", "run", "--period", "2026-10", "data/invoices/small.csv"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(files().len(), 0);
    assert_eq!(scene.api.get("/v1/bill_runs?state=running").header("x-total"), "0");
    assert_eq!(last()["state"], "succeeded");
}
