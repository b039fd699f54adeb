//! Price rules over HTTP and on the command line. What a payload may say is tested where it is read.

use super::{Scene, line};
use crate::support::{Engine, Failures, Server, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_rule_is_made_read_changed_and_removed,
    everything_wrong_is_answered_at_once,
    rules_are_listed_in_the_order_in_which_they_are_tried,
    changes_are_conditional_repeatable_and_audited,
    a_rule_is_tried_before_it_is_made,
    rules_on_the_command_line,
);

fn margin(name: &str) -> Value {
    json!({"name": name, "kind": "margin", "percentage": "15"})
}

fn a_rule_is_made_read_changed_and_removed(engine: Engine) {
    let api = Server::shared(engine).partner();
    let body = json!({
        "name": "Storage", "kind": "fixed", "price": "0.000123456789", "currency": "usd",
        "meter_category": "Storage", "effective_from": "2026-10-01", "earned_credit": "passed_on",
    });
    let made = api.post("/v1/price_rules", &body);
    assert_eq!(made.status, 201, "{}", made.text());
    let rule = made.json();
    let place = made.header("location");
    assert_eq!(place, format!("/v1/price_rules/{}", rule["id"]));
    for (field, expected) in [
        ("position", json!(10)),
        ("price", json!("0.000123456789")),
        ("currency", json!("USD")),
        ("meter_category", json!("Storage")),
        ("effective_from", json!("2026-10-01")),
        ("earned_credit", json!("passed_on")),
        ("created_at", json!(crate::support::NOW)),
    ] {
        assert_eq!(rule[field], expected, "{field}");
    }
    let read = api.get(place);
    assert_eq!((read.json(), read.header("etag")), (rule.clone(), made.header("etag")));

    let changed = api.put(place, &json!({"kind": "margin", "percentage": 12.5, "meter_category": null}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    let now = changed.json();
    assert_eq!(
        (&now["percentage"], now.get("price"), now.get("meter_category")),
        (&json!("12.5"), None, None)
    );
    assert_eq!(now["effective_from"], "2026-10-01");
    assert_ne!(changed.header("etag"), made.header("etag"));
    assert_eq!(api.get(place).json(), now);

    assert_eq!(api.delete(place).status, 204);
    for gone in [api.get(place), api.put(place, &margin("x")), api.delete(place)] {
        assert_eq!(gone.status, 404);
    }
}

fn everything_wrong_is_answered_at_once(engine: Engine) {
    let api = Server::shared(engine).partner();
    let mut failures = Failures::default();
    for (body, expected) in [
        (json!({}), "/name required, /kind required"),
        (
            json!({"name": "a", "kind": "margin", "percentage": 100, "position": -1}),
            "/position invalid, /percentage invalid",
        ),
        (
            json!({"name": "a", "kind": "margin", "percentage": 1, "customer_id": 999_999_999}),
            "/customer_id invalid",
        ),
        (json!({"name": "a", "kind": "fixed", "price": 1}), "/currency required"),
    ] {
        let refused = api.post("/v1/price_rules", &body);
        let said = (refused.status, refused.details());
        let outcome = if said == (422, expected.to_owned()) { Ok(()) } else { Err(format!("{said:?}")) };
        failures.case(&body.to_string(), outcome);
    }
    failures.done(4);
    let strict = api.call("POST", "/v1/price_rules").header("Prefer", "handling=strict");
    let mut body = margin("a");
    body["sku"] = json!("x");
    let refused = strict.json(&body).send();
    assert_eq!((refused.status, refused.details().as_str()), (422, "/sku unknown"));
    assert!(refused.text().contains("did you mean sku_id?"), "{}", refused.text());
    assert_eq!(api.get("/v1/price_rules").header("x-total"), "0");
}

fn rules_are_listed_in_the_order_in_which_they_are_tried(engine: Engine) {
    let api = Server::shared(engine).partner();
    for (name, position) in
        [("c", json!(null)), ("d", json!(null)), ("a", json!(5)), ("b", json!(5)), ("e", json!(null))]
    {
        let mut body = margin(name);
        body["position"] = position;
        assert_eq!(api.post("/v1/price_rules", &body).status, 201);
    }
    let names = |query: &str| {
        let page = api.get(&format!("/v1/price_rules?{query}"));
        assert_eq!(page.header("x-total"), "5");
        let rules = page.json()["price_rules"].as_array().unwrap().clone();
        rules.iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect::<String>()
    };
    for (query, expected) in [("", "abcde"), ("per_page=2", "ab"), ("per_page=2&page=3", "e"), ("page=9", "")]
    {
        assert_eq!(names(query), expected, "{query}");
    }
    let page = api.get("/v1/price_rules?per_page=2&page=2");
    assert!(page.header("link").contains("page=3&per_page=2>; rel=\"next\""), "{}", page.header("link"));
    assert_eq!(api.get("/v1/price_rules?page=x").details(), "?page invalid");
}

fn changes_are_conditional_repeatable_and_audited(engine: Engine) {
    let api = Server::shared(engine).partner();
    let post =
        || api.call("POST", "/v1/price_rules").header("Idempotency-Key", "once").json(&margin("a")).send();
    let (first, again) = (post(), post());
    assert_eq!((first.status, again.status, again.header("idempotency-replayed")), (201, 201, "true"));
    assert_eq!(first.text(), again.text());
    let place = first.header("location");

    let put = |tag: &str, name: &str| {
        api.call("PUT", place).header("If-Match", tag).json(&json!({"name": name})).send().status
    };
    let tag = first.header("etag");
    assert_eq!((put(tag, "b"), put(tag, "c"), put("*", "b")), (200, 412, 200));
    assert_eq!(api.call("DELETE", place).header("If-Match", tag).send().status, 412);
    assert_eq!(api.delete(place).status, 204);

    // The change to the same is none.
    let trail = api.trail("action=price_rule.");
    let told: Vec<_> = trail.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["price_rule.create", "price_rule.update", "price_rule.delete"]);
    assert_eq!((&trail[1]["before"]["name"], &trail[1]["after"]["name"]), (&json!("a"), &json!("b")));
}

fn a_rule_is_tried_before_it_is_made(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 20.0);
    scene.billed("Beta", "beta", 0.0);
    let rule = json!({"name": "Storage", "kind": "markup", "percentage": "50", "meter_category": "Storage"});
    assert_eq!(scene.api.post("/v1/price_rules/try", &rule).status, 409, "no month was billed yet");
    let lines =
        [line("acme", "Storage", "100.01"), line("acme", "Bandwidth", "60"), line("beta", "Bandwidth", "50")];
    let source = scene.invoice("october.csv", &lines);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let tried = scene.api.post("/v1/price_rules/try", &rule);
    assert_eq!(tried.status, 200, "{}", tried.text());
    assert_eq!(
        tried.json(),
        json!({
            "run_id": run["id"], "billing_period": "2026-10", "unchanged": 1, "unused": false, "warnings": [],
            "changes": [{"customer_id": acme, "name": "Acme", "currency": "USD", "charge": "200.01",
                         "charge_with_rule": "225.02", "difference": "25.01"}],
            "totals": [{"currency": "USD", "charge": "250.01", "charge_with_rule": "275.02",
                        "difference": "25.01"}],
        })
    );
    assert_eq!(scene.api.get("/v1/price_rules").header("x-total"), "0");
    // A stored rule is tried with what changes of it, and stays as it is.
    let made = scene.api.post("/v1/price_rules", &rule);
    let place = made.header("location");
    let tried = scene.api.post(&format!("{place}/try"), &json!({"percentage": "0"})).json();
    let change = &tried["changes"][0];
    assert_eq!(
        (&change["charge"], &change["charge_with_rule"]),
        (&json!("225.02"), &json!("175.01")),
        "{tried}"
    );
    assert_eq!(scene.api.get(place).json(), made.json());
    for (path, body, expected) in [
        ("/v1/price_rules/try", json!({"kind": "margin"}), (422, "/name required, /percentage required")),
        (
            "/v1/price_rules/try",
            json!({"name": "a", "kind": "margin", "percentage": 1, "customer_id": 999_999}),
            (422, "/customer_id invalid"),
        ),
        (&*format!("{place}/try"), json!({"percentage": "x"}), (422, "/percentage invalid")),
        ("/v1/price_rules/999999/try", json!({}), (404, "")),
    ] {
        let refused = scene.api.post(path, &body);
        assert_eq!(refused.status, expected.0, "{path} {body}: {}", refused.text());
        if expected.0 == 422 {
            assert_eq!(refused.details(), expected.1, "{path} {body}");
        }
    }
}

fn rules_on_the_command_line(engine: Engine) {
    let scene = Scene::new(engine);
    let add = [
        "price-rule",
        "add",
        "--name",
        "Azure",
        "--kind",
        "margin",
        "--percentage",
        "15",
        "--publisher",
        "Microsoft",
    ];
    let added = scene.server.run(&add);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let rule: Value = serde_json::from_slice(&added.stdout).unwrap();
    assert_eq!(scene.api.get(&format!("/v1/price_rules/{}", rule["id"])).json(), rule);

    let refused =
        scene.server.run(&["price-rule", "add", "--name", "x", "--kind", "discount", "--percentage", "101"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("percentage must be at most 100 for a discount"),
        "{said}"
    );

    let listed = scene.server.run(&["price-rule", "list"]);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.starts_with("POSITION    RULE  PRICE                     NAME\n"), "{text}");
    assert!(text.contains("margin 15 %") && text.contains("publisher=Microsoft"), "{text}");
    let id = rule["id"].to_string();
    assert!(scene.server.run(&["price-rule", "remove", &id]).status.success());
    assert!(!scene.server.run(&["price-rule", "remove", &id]).status.success());
    let none: Value =
        serde_json::from_slice(&scene.server.run(&["price-rule", "list", "--json"]).stdout).unwrap();
    assert_eq!(none, json!({"price_rules": []}));
}
