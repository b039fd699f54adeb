//! What a month's end makes of files that are published already.

use super::{NOW, Scene, Usage, end_of, line, statements, tree};
use crate::support::{Engine, Server, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    what_a_customer_downloads_says_final,
    a_final_run_of_lines_that_were_estimated_says_final,
    what_cannot_be_written_stays_an_estimate,
    finalising_is_taken_up_by_another_server,
    a_file_that_was_changed_is_noticed,
    a_large_file_that_was_changed_breaks_off,
);

const LATER: &str = "2026-11-05T10:00:00Z";

/// A file of a statement, as a user sees it.
fn file(api: &crate::support::Api, statement: &Value, name: &str) -> String {
    let answer = api.get(&format!("/v1/customer_statements/{}/files/{name}", statement["id"]));
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    answer.text()
}

fn verify(scene: &Scene) -> (bool, String) {
    let ran = scene.server.run_without_database(&["bill", "verify"]);
    (ran.status.success(), String::from_utf8(ran.stdout).unwrap())
}

fn what_a_customer_downloads_says_final(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 30.0);
    scene.billed("Beta", "beta", 0.0);
    let lines = [
        line("acme", "a", "10.005"),
        Usage { currency: "EUR", ..line("acme", "b", "7") },
        line("beta", "b", "2"),
    ];
    let source = scene.invoice("october.csv", &lines);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let (_, user) = scene.api.user_of(acme);
    let estimates = statements(&user, "");
    assert_eq!(estimates.len(), 2);
    let names = ["bill", "bill.focus", "statement"];
    let of = |statement: &Value| -> Vec<(String, String)> {
        let code = if statement["currency"]["symbol"] == "$" { "USD" } else { "EUR" };
        let names =
            names.iter().zip(["csv", "csv", "json"]).map(|(name, kind)| format!("{name}.{code}.{kind}"));
        names
            .chain([format!("statement.{code}.html")])
            .map(|name| (name.clone(), file(&user, statement, &name)))
            .collect()
    };
    let before: Vec<_> = estimates.iter().map(of).collect();
    let published = tree(&scene.bills());
    let explained = format!("/v1/bill_runs/{}/customers/{acme}/lines?explain=true&currency=USD", run["id"]);
    let explained_before = scene.api.get(&explained).text();

    scene.api.set_clock(LATER);
    let finalized = scene.finalize(&run);
    for same in
        ["id", "state", "progress", "totals", "unassigned", "checks", "errors", "created_at", "finalize"]
    {
        assert_eq!(finalized[same], run[same], "{same}");
    }
    let bill = &finalized["customers"][0];
    assert_eq!(
        bill["final_prefix"],
        json!(bill["prefix"].as_str().unwrap().replace("/v1/", "/v2/")),
        "{bill}"
    );
    let finals = statements(&user, "");
    for ((estimate, last), before) in estimates.iter().zip(&finals).zip(&before) {
        assert_eq!((&last["status"], &last["id"]), (&json!("Final"), &estimate["id"]));
        assert_eq!((&last["total_amount"], &last["files"]), (&estimate["total_amount"], &estimate["files"]));
        for ((name, before), (_, after)) in before.iter().zip(of(last)) {
            match name.rsplit('.').next().unwrap() {
                "csv" if name.contains("focus") => {
                    let number = format!(",{},", last["statement_number"].as_str().unwrap());
                    let as_final = after.replace(&number, ",,");
                    assert!(after.contains(&number) && *before == as_final, "{name}: {after}");
                }
                "csv" => assert!(*before == after, "{name}: the same lines, byte for byte"),
                "html" => {
                    let facts = format!(
                        "<div><dt>Number</dt><dd>{}</dd></div><div><dt>Issued</dt><dd>2026-11-05</dd></div>",
                        last["statement_number"].as_str().unwrap()
                    );
                    let as_final = after.replace(">Final<", ">Estimated<").replace(&facts, "");
                    // An estimate says up to which day.
                    let (start, rest) = before.split_once("<p>An estimate: ").unwrap();
                    let before = format!("{start}{}", rest.split_once("</p>\n").unwrap().1);
                    assert!(after.contains(&facts) && before == as_final, "{name}: {after}");
                }
                _ => {
                    let [mut before, after]: [Value; 2] =
                        [before, &after].map(|text| serde_json::from_str(text).unwrap());
                    assert_eq!(before["status"], "Estimated");
                    for field in ["status", "statement_generation_time", "statement_summary_generation_time"]
                    {
                        assert_eq!(after[field], last[field], "{field}: as the API has it");
                        before[field] = last[field].clone();
                    }
                    for field in ["statement_number", "issued_at"] {
                        assert_eq!(after[field], last[field], "{field}: as the API has it");
                        before[field] = last[field].clone();
                    }
                    before["invoice_id"] = last["statement_number"].clone();
                    assert_eq!(
                        before.as_object_mut().unwrap().remove("usage_through"),
                        Some(json!("2026-10-07"))
                    );
                    assert_eq!(before, after);
                }
            }
        }
    }
    assert_eq!(finals[0]["statement_generation_time"], "2026-11-05 10:00:00");
    let now = tree(&scene.bills());
    assert!(published.iter().all(|(name, bytes)| now.get(name) == Some(bytes)), "what was published stays");
    assert_eq!(now.keys().filter(|name| name.contains("/v2/manifest.json")).count(), 2);
    let (good, said) = verify(&scene);
    assert!(good && said.contains("4 bills"), "{said}");
    assert_eq!(scene.api.get(&explained).text(), explained_before);
    let told: Vec<_> = scene.api.trail("action=bill_run.").iter().map(|e| e["action"].clone()).collect();
    assert_eq!(told, ["bill_run.create", "bill_run.succeed", "bill_run.finalize", "bill_run.succeed"]);
}

fn a_final_run_of_lines_that_were_estimated_says_final(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "10")]);
    scene.run("2026-10", &[&source], &json!({}));
    let run = scene.run("2026-10", &[&source], &json!({"finalize": true}));
    assert!(run["customers"][0]["prefix"].as_str().unwrap().ends_with("/v2/"), "{run}");
    let statement = &scene.statements("")[0];
    assert_eq!(statement["status"], "Final");
    assert!(file(&scene.api, statement, "statement.json").contains("\"status\": \"Final\""));
    assert!(file(&scene.api, statement, "statement.html").contains(">Final<"));
}

fn what_cannot_be_written_stays_an_estimate(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let beta = scene.billed("Beta", "beta", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "1"), line("beta", "b", "2")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let path = scene.bills().join(format!("p1/bills/beta/2026-10/{beta}/v1/bill.csv"));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let shown = || -> Vec<Value> { scene.statements("").iter().map(|s| s["status"].clone()).collect() };
    let finalized = scene.finalize(&run);
    assert_eq!(finalized["state"], "succeeded");
    assert_eq!(finalized["errors"][0]["customer_id"], beta, "{finalized}");
    assert_eq!(shown(), ["Final", "Estimated"]);
    // Once that is mended, the same request does the rest.
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(scene.finalize(&run)["errors"], json!([]));
    assert_eq!(shown(), ["Final", "Final"]);
    assert!(verify(&scene).0);
}

fn finalising_is_taken_up_by_another_server(engine: Engine) {
    let mut scene = Scene::new(engine);
    for i in 0..8 {
        scene.billed(&format!("Customer {i}"), &format!("t-{i}"), 0.0);
    }
    let tenants: Vec<_> = (0..8).map(|i| format!("t-{i}")).collect();
    let source =
        scene.invoice("october.csv", &tenants.iter().map(|t| line(t, "a", "1.5")).collect::<Vec<_>>());
    let run = scene.run("2026-10", &[&source], &json!({}));
    // The files of the invoice are not needed for it any more.
    std::fs::remove_file(scene.invoices().join("october.csv")).unwrap();
    let place = format!("/v1/bill_runs/{}", run["id"]);
    assert_eq!(scene.api.call("POST", &format!("{place}/finalize")).send().status, 202);
    scene.server.kill();
    let again = Server::start(&scene.database, &["--sandbox", "--at", LATER]);
    let api = scene.api.on(again.address);
    let ended = end_of(&api, &place);
    assert_eq!((&ended["state"], &ended["errors"]), (&json!("succeeded"), &json!([])), "{ended}");
    for statement in statements(&api, "per_page=100") {
        assert_eq!((&statement["status"], super::total(&statement)), (&json!("Final"), "1.50".to_owned()));
        // Since it was asked for, whoever did it.
        assert_eq!(statement["statement_generation_time"], NOW.replace('T', " ").trim_end_matches('Z'));
        assert!(file(&api, &statement, "statement.json").contains("\"status\": \"Final\""));
    }
    assert!(tree(&scene.bills()).keys().all(|name| !name.contains("/v3/")), "one copy");
}

fn a_file_that_was_changed_is_noticed(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "1")]);
    scene.run("2026-10", &[&source], &json!({}));
    let statement = scene.statements("")[0].clone();
    let path = scene.bills().join(format!("p1/bills/acme/2026-10/{acme}/v1/statement.json"));
    let whole = std::fs::read(&path).unwrap();
    let download =
        || scene.api.get(&format!("/v1/customer_statements/{}/files/statement.json", statement["id"])).status;
    for bytes in [
        String::from_utf8_lossy(&whole)
            .replace("\"total_amount\": 1.00", "\"total_amount\": 2.00")
            .into_bytes(),
        whole[..10].to_vec(),
    ] {
        assert_ne!(bytes, whole);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(download(), 500);
        let run = scene.run("2026-10", &[&source], &json!({}));
        assert_eq!(run["state"], "failed", "{run}");
        assert!(
            run["errors"][0]["message"].as_str().unwrap().contains("is not what its manifest says"),
            "{run}"
        );
        assert!(!verify(&scene).0);
    }
    std::fs::write(&path, whole).unwrap();
    assert_eq!(
        (download(), scene.run("2026-10", &[&source], &json!({}))["state"].clone()),
        (200, json!("succeeded"))
    );
}

fn a_large_file_that_was_changed_breaks_off(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let source = scene.invoice("october.csv", &vec![line("acme", "a", "1"); 9_000]);
    scene.run("2026-10", &[&source], &json!({}));
    let id = scene.statements("")[0]["id"].clone();
    let path = scene.bills().join(format!("p1/bills/acme/2026-10/{acme}/v1/bill.csv"));
    // The bytes that were promised, and those that came.
    let download = || {
        let head = format!(
            "GET /v1/customer_statements/{id}/files/bill.csv HTTP/1.1\r\nHost: t\r\nConnection: close\r\n"
        );
        let answer = scene.api.raw(format!("{head}Authorization: {}\r\n\r\n", scene.api.key).as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        (length.parse::<usize>().unwrap(), body.len())
    };
    let (promised, came) = download();
    assert!(promised == came && promised > 1 << 20, "the control: {came} of {promised}");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let (promised, came) = download();
    assert!(came < promised, "a download that looks whole: {came} of {promised}");
}
