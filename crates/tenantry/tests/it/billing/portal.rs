//! What a customer's user gets to see of billing: its own statements and bills, and nothing that gives away the partner.

use super::{Scene, Usage, line, statements, tree, usage};
use crate::support::{Answer, Api, Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_customers_user_sees_its_own_alone,
    nothing_gives_the_partner_away,
    statements_outlive_their_customer
);

fn a_customers_user_sees_its_own_alone(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0));
    let source = scene.invoice("october.csv", &[line("acme", "a", "1"), line("beta", "b", "2")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let (_, user) = scene.api.user_of(acme);
    let seen = statements(&user, "");
    assert_eq!((seen.len(), &seen[0]["customer_id"]), (1, &json!(acme)));
    for (query, count) in [
        (format!("client_api_id={acme}"), 1),
        (format!("client_api_id={beta}"), 0),
        ("billing_period=2026-10&status=Estimated".to_owned(), 1),
        ("billing_period=2026-09".to_owned(), 0),
        ("status=final".to_owned(), 0),
        ("page=2".to_owned(), 0),
    ] {
        assert_eq!(statements(&user, &query).len(), count, "{query}");
    }
    assert_eq!(user.get("/v1/customer_statements?status=paid").details(), "?status invalid");
    let of = |customer: i64| scene.statements(&format!("client_api_id={customer}"))[0]["id"].clone();
    let file = |api: &Api, statement: &Value, name: &str| {
        api.get(&format!("/v1/customer_statements/{statement}/files/{name}")).status
    };
    for name in ["bill.csv", "bill.focus.csv", "statement.json", "statement.html", "manifest.json"] {
        assert_eq!((file(&user, &of(acme), name), file(&user, &of(beta), name)), (200, 404), "{name}");
    }
    for name in ["ledger.csv", "..%2Fv1%2Fbill.csv", "..%2F..%2F..%2F_runs", "none"] {
        assert_eq!((file(&user, &of(acme), name), file(&scene.api, &of(acme), name)), (404, 404), "{name}");
    }
    for path in [
        format!("/v1/bill_runs/{}", run["id"]),
        "/v1/bill_runs".into(),
        "/v1/price_rules".into(),
        format!("/v1/bill_runs/{}/customers/{acme}/lines?explain=true", run["id"]),
    ] {
        assert_eq!(user.get(&path).status, 403, "{path}");
    }
    // As long as it has access.
    let change = json!({"classification": "managed_without_access"});
    assert_eq!(scene.api.put(&format!("/v2/customers/{acme}"), &change).status, 200);
    assert_eq!(user.get("/v1/customer_statements").status, 403);
    assert_eq!(file(&user, &of(acme), "bill.csv"), 403);
}

/// Values that stand for the partner's cost, margin and earned credit, in every way they could be written.
const PLANTED: [&str; 4] = ["7123.4561", "7123.45", "31.4159", "0.158761"];

fn nothing_gives_the_partner_away(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 31.4159), scene.billed("Beta", "beta", 10.0));
    let rule =
        json!({"name": "Rule 7123.4561", "kind": "margin", "percentage": "31.4159", "customer_id": acme});
    assert_eq!(scene.api.post("/v1/price_rules", &rule).status, 201);
    let lines = [
        line("acme", "a", "7123.4561"),
        Usage { currency: "EUR", ..line("acme", "b", "7123.4561") },
        line("beta", "Beta's own", "555.123"),
    ];
    let text = usage(&lines).replace(",0,,,,,\n", ",15.8761,15.8761,,,,\n");
    assert!(text.contains("15.8761"), "{text}");
    let source = scene.write("october.csv", text.as_bytes());
    let run = scene.run("2026-10", &[&source], &json!({"finalize": true}));
    assert_eq!(run["state"], "succeeded", "{run}");
    let (_, user) = scene.api.user_of(acme);

    let mut answers: Vec<(String, Answer)> = Vec::new();
    let mut ask = |path: String| answers.push((path.clone(), user.get(&path)));
    for statement in statements(&user, "") {
        for name in statement["files"].as_array().unwrap().iter().chain([&json!("manifest.json")]) {
            ask(format!("/v1/customer_statements/{}/files/{}", statement["id"], name.as_str().unwrap()));
        }
    }
    ask("/v1/customer_statements".into());
    ask(format!("/v2/customers/{acme}"));
    ask("/v2/me".into());
    ask(format!("/v1/bill_runs/{}", run["id"]));
    ask(format!("/v1/bill_runs/{}/customers/{acme}/lines?explain=true", run["id"]));
    ask("/v1/price_rules".into());
    assert!(answers.len() > 10, "{}", answers.len());
    let others = ["555.123", "Beta's own", "beta", "15.8761", "0.158761"];
    for (path, answer) in &answers {
        let text = answer.text();
        for planted in PLANTED.iter().chain(&others) {
            assert!(!text.contains(planted), "{path} shows {planted}: {text}");
        }
    }
    for (name, bytes) in tree(&scene.bills()) {
        let text = String::from_utf8_lossy(&bytes);
        if name.starts_with(&format!("p1/bills/acme/2026-10/{acme}/")) {
            assert!(PLANTED.iter().chain(&others).all(|planted| !text.contains(planted)), "{name}: {text}");
        }
    }
    // The control: the same search finds them where the partner may see them.
    let seen = scene.api.get(&format!("/v1/bill_runs/{}", run["id"])).text();
    let lines =
        scene.api.get(&format!("/v1/bill_runs/{}/customers/{acme}/lines?explain=true", run["id"])).text();
    assert!(
        seen.contains("7123.4561") && lines.contains("7123.4561") && seen.contains(&beta.to_string()),
        "{lines}"
    );
    let ledgers = tree(&scene.bills().join("_runs"));
    assert!(
        ledgers.values().any(|ledger| String::from_utf8_lossy(ledger).contains("7123.4561")),
        "{:?}",
        ledgers.keys()
    );
}

fn statements_outlive_their_customer(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "1")]);
    scene.run("2026-10", &[&source], &json!({"finalize": true}));
    let refused = |query: &str, status: u16, message: &str| {
        let answer = scene.api.delete(&format!("/v2/customers/{acme}{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
        assert!(answer.text().contains(message), "{query}: {}", answer.text());
    };
    refused("", 409, "this customer has statements, the last of 2026-10. Its bills stay");
    refused("?force=false", 409, "send ?force=true");
    refused("?force=yes", 422, "force");
    // A correction that is on no statement says so too.
    let late = [line("acme", "a", "1"), line("acme", "late", "5")];
    scene.run("2026-10", &[&scene.invoice("late.csv", &late)], &json!({}));
    refused("", 409, "the last of 2026-10, and has a correction that is on no statement yet");
    let (before, files) = (scene.statements(""), tree(&scene.bills()));
    assert_eq!(scene.api.delete(&format!("/v2/customers/{acme}?force=true")).status, 204);
    assert_eq!((scene.statements(""), tree(&scene.bills())), (before.clone(), files));
    let file = scene.api.get(&format!("/v1/customer_statements/{}/files/bill.csv", before[0]["id"]));
    assert_eq!(file.status, 200);
}
