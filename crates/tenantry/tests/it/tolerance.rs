//! What a request may have that does not count, what is ignored and named, and what was probably meant otherwise.

use crate::support::{Answer, Api, Engine, Failures, Server, customer, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    near_misses_everywhere,
    what_is_ignored_is_named,
    bodies_that_are_left_out,
    content_types_that_are_left_out
);

const STRICT: (&str, &str) = ("Prefer", "handling=strict");

fn outcome(answer: &Answer, status: u16, details: &str, said: &str) -> Result<(), String> {
    let given = if answer.status == 422 { answer.details() } else { String::new() };
    if answer.status == status && given == details && answer.text().contains(said) {
        return Ok(());
    }
    Err(format!("{} {given}: {}", answer.status, answer.text()))
}

#[rustfmt::skip]
fn near_misses_everywhere(engine: Engine) {
    let api = Server::shared(engine).partner();
    let id = api.create(&customer(&json!({})))["id"].clone();
    let (user, _) = api.colleague("viewer");
    let rule = api.post("/v1/price_rules", &json!({"name": "r", "kind": "margin", "percentage": "1"}));
    let (customers, one) = ("/v2/customers".to_owned(), format!("/v2/customers/{id}"));
    let (users, his, rules) = ("/v2/users".to_owned(), format!("/v2/users/{user}"), "/v1/price_rules".to_owned());
    let (this_rule, runs) = (rule.header("location").to_owned(), "/v1/bill_runs".to_owned());
    let (add, rotate) = (format!("/v1/azure_partner_customer_accounts/add/{id}"), format!("/v2/users/{user}/api_key"));
    let rule = |more: Value| { let mut rule = json!({"name": "n", "kind": "margin", "percentage": 1}); crate::support::patched(&mut rule, &more); rule };
    let run = |more: Value| { let mut run = json!({"billing_period": "2026-10", "sources": ["file:x.csv"]}); crate::support::patched(&mut run, &more); run };
    let mut failures = Failures::default();
    for (name, method, path, body, details, said) in [
        ("a customer's change", "PUT", &one, json!({"Margin_Percentage": 5}), "/Margin_Percentage unknown", "did you mean margin_percentage?"),
        ("a customer's change, inside", "PUT", &one, json!({"partner_billing_configuration": {"foldr": "x", "enabled": true}}), "/partner_billing_configuration/foldr unknown", "did you mean folder?"),
        ("a user", "POST", &users, json!({"email": "near@example.com", "role": "viewer", "expires_at": "2030-01-01"}), "/expires_at unknown", "did you mean api_key_expires_at?"),
        ("a user's change", "PUT", &his, json!({"Role": "admin"}), "/Role unknown", "did you mean role?"),
        ("a key's rotation", "POST", &rotate, json!({"apiKeyExpiresAt": "2030-01-01"}), "/apiKeyExpiresAt unknown", "did you mean api_key_expires_at?"),
        ("an assignment", "PUT", &add, json!({"azure_customer_id": ["34fdg"]}), "/azure_customer_id unknown", "did you mean azure_customer_ids?"),
        // Where money is decided nothing unknown is ignored, near or not.
        ("a price rule", "POST", &rules, rule(json!({"customer_ids": [3]})), "/customer_ids unknown", "did you mean customer_id?"),
        ("a price rule, far", "POST", &rules, rule(json!({"colour": "red"})), "/colour unknown", "colour is unknown"),
        ("a price rule's change", "PUT", &this_rule, json!({"sku": "1"}), "/sku unknown", "did you mean sku_id?"),
        ("a run", "POST", &runs, run(json!({"invoice": "G1"})), "/invoice unknown", "did you mean invoice_id?"),
        ("a run, far", "POST", &runs, run(json!({"dry_run": true})), "/dry_run unknown", ""),
        ("a rate of a run", "POST", &runs, run(json!({"currency_rates": [{"from": "EUR", "to": "USD", "rate": 1, "day": "x"}]})), "/currency_rates/0/day unknown", ""),
        ("a finalisation", "POST", &format!("{runs}/1/finalize"), json!({"customer_ids": [3]}), "/customer_ids unknown", ""),
    ] {
        let answer = api.call(method, path).json(&body).send();
        failures.case(name, outcome(&answer, 422, details, said));
    }
    for (path, query, strict, details, said) in [
        (&customers, "tags=x", false, "?tags unknown", "did you mean tag?"),
        (&users, "perpage=1", false, "?perpage unknown", "did you mean per_page?"),
        (&users, "zzz=1", true, "?zzz unknown", ""),
        (&format!("{one}/users"), "pages=1", false, "?pages unknown", "did you mean page?"),
        (&rules, "Page=2", false, "?Page unknown", "did you mean page?"),
        (&runs, "billingPeriod=2026-10", false, "?billingPeriod unknown", "did you mean billing_period?"),
        (&runs, "state=Succeeded", false, "?state invalid", "did you mean succeeded?"),
        (&runs, "zzz=1", true, "?zzz unknown", ""),
        (&"/v1/customer_statements".into(), "client_api=3", false, "?client_api unknown", "did you mean client_api_id?"),
        (&"/v1/customer_statements".into(), "status=Finale", false, "?status invalid", "did you mean Final?"),
        (&"/v1/azure_partner_customers".into(), "assinged=true", false, "?assinged unknown", "did you mean assigned?"),
        (&"/v1/azure_partner_customers".into(), "assigned=yes", false, "?assigned invalid", "must be one of true, false"),
        (&"/v1/azure_partner_customer_accounts/list".into(), "zzz=1", true, "?zzz unknown", ""),
        (&"/v2/audit_events".into(), "actions=x", false, "?actions unknown", "did you mean action?"),
        (&"/v2/audit_events".into(), "zzz=1", true, "?zzz unknown", ""),
        (&"/v2/audit_events".into(), "page=2", false, "?page invalid", "must be left out: the next page is behind the Link header"),
        (&"/v2/me".into(), "zzz=1", true, "?zzz unknown", "there are none here"),
        (&format!("/v2/customers/{id}/history"), "zzz=1&at=x", true, "?zzz unknown, ?at unknown", ""),
    ] {
        let mut call = api.call("GET", &format!("{path}?{query}"));
        if strict {
            call = call.header(STRICT.0, STRICT.1);
        }
        failures.case(&format!("{path}?{query}"), outcome(&call.send(), 422, details, said));
    }
    // What is blank, and what is written in another way, is taken.
    for path in [
        "/v1/customer_statements?client_api_id=None&status=null",
        "/v1/customer_statements?status=final",
        "/v1/azure_partner_customers?assigned=True",
        "/v2/audit_events?since=2016-01-01T00:00:00+02:00&user_id=None",
        "/v1/bill_runs?state=None&billing_period=",
    ] {
        failures.case(path, outcome(&api.call("GET", path).header(STRICT.0, STRICT.1).send(), 200, "", ""));
    }
    failures.done(36);
}

fn what_is_ignored_is_named(engine: Engine) {
    let api = Server::shared(engine).partner();
    let ignored = |answer: &Answer| answer.header("x-tenantry-ignored").to_owned();
    let body = customer(&json!({"colour": "blue", "address": {"planet": "Earth"}, "größe, x": 1, "id": 7}));
    let created = api.post("/v2/customers", &body);
    assert_eq!(
        (created.status, ignored(&created).as_str()),
        (201, "address.planet, colour, gr%C3%B6%C3%9Fe%2C%20x, id")
    );
    let path = created.header("location").to_owned();
    let before = created.json();
    let mut failures = Failures::default();
    for (name, body, expected) in [
        ("nothing named", json!({}), ""),
        ("only unknown fields", json!({"colour": "red", "tagged": {"a": 1}}), "colour, tagged"),
        ("as it was answered", before.clone(), "id, created_at, updated_at, generated_external_id, _links"),
        ("only known ones", json!({"name": "Acme Corp"}), ""),
    ] {
        let answer = api.put(&path, &body);
        let named = ignored(&answer);
        let good = answer.status == 200 && named == expected && answer.json() == before;
        failures.case(name, if good { Ok(()) } else { Err(format!("{named:?} {}", answer.text())) });
    }
    // Tags as an object have no members that are unknown.
    let tagged = api.put(&path, &json!({"tags": {"Key": "a", "colour": "b"}}));
    assert_eq!((tagged.status, ignored(&tagged).as_str()), (200, ""), "{}", tagged.text());
    let long: serde_json::Map<String, Value> =
        (0..500).map(|i| (format!("unknown-{i:04}"), json!(1))).collect();
    let answer = api.put(&path, &long.into());
    assert!(answer.status == 200 && (500..1001).contains(&ignored(&answer).len()), "{}", ignored(&answer));
    for path in ["/v2/customers", "/v2/users", "/v1/price_rules", "/v1/bill_runs", "/v2/audit_events"] {
        let answer = api.get(&format!("{path}?colour=red&sort=x&per_page=5"));
        failures.case(
            path,
            match ignored(&answer).as_str() {
                "colour, sort" if answer.status == 200 => Ok(()),
                other => Err(format!("{other:?} {}", answer.text())),
            },
        );
    }
    // Also where there are no parameters.
    let run = "/v1/profit?billing_period=2026-10&";
    for path in [
        "/v2/me?",
        "/v1/billing_settings?",
        "/v1/billing_automation?",
        "/v2/branding?",
        &format!("{path}?"),
        &format!("{path}/history?"),
        run,
    ] {
        let answer = api.get(&format!("{path}colour=red&size=x"));
        let is_named = (answer.status, ignored(&answer).as_str()) == (200, "colour, size");
        failures.case(
            path,
            if is_named { Ok(()) } else { Err(format!("{:?} {}", ignored(&answer), answer.text())) },
        );
    }
    failures.done(16);
}

#[rustfmt::skip]
fn bodies_that_are_left_out(engine: Engine) {
    let api = Server::shared(engine).partner();
    let customer = api.create(&customer(&json!({"address": {"street2": "Floor 2"}})));
    let path = format!("/v2/customers/{}", customer["id"]);
    let (user, _) = api.colleague("viewer");
    let rule = api.post("/v1/price_rules", &json!({"name": "r", "kind": "margin", "percentage": "1"}));
    let (add, user) = (format!("/v1/azure_partner_customer_accounts/add/{}", customer["id"]), format!("/v2/users/{user}"));
    let mut failures = Failures::default();
    for path in [&path, &user, rule.header("location"), &add] {
        for media_type in [None, Some("application/json")] {
            let mut call = api.call("PUT", path);
            if let Some(media_type) = media_type {
                call = call.header("Content-Type", media_type).body("");
            }
            failures.case(path, outcome(&call.send(), 422, " required", "the body is required: a JSON object"));
        }
    }
    for (name, method, path, body, said) in [
        ("a customer", "POST", "/v2/customers", json!(["t1"]), "the body must be a JSON object such as {\\\"name\\\""),
        ("a customer's change", "PUT", path.as_str(), json!([{}]), "the body must be a JSON object such as"),
        ("an assignment", "PUT", add.as_str(), json!(["t1"]), "the body must be a JSON object such as {\\\"azure_customer_ids\\\": [\\\"34fdg\\\"]}, not an array"),
        ("a user", "POST", "/v2/users", json!(7), "the body must be a JSON object such as"),
        ("a price rule", "POST", "/v1/price_rules", json!("x"), "the body must be a JSON object such as"),
        ("a run", "POST", "/v1/bill_runs", json!(null), "the body must be a JSON object such as"),
    ] {
        failures.case(name, outcome(&api.call(method, path).json(&body).send(), 422, " wrong_type", said));
    }
    // A key's rotation has nothing to say.
    let rotated = api.call("POST", &format!("{user}/api_key")).send();
    failures.case("a rotation", outcome(&rotated, 201, "", ""));
    // `null` alone clears the second line of an address.
    let street2 = |body: Value| {
        let answer = api.put(&path, &body);
        (answer.status, answer.json()["address"]["street2"].clone(), answer.json()["address"]["city"].clone())
    };
    for (body, expected) in [
        (json!({"address": {}}), json!("Floor 2")),
        (json!({"address": {"street2": ""}}), json!("Floor 2")),
        (json!({"address": {"street2": null}}), json!(null)),
        (json!({"address": {"street2": null}}), json!(null)),
    ] {
        let found = street2(body.clone());
        let good = found == (200, expected, json!("Springfield"));
        failures.case(&body.to_string(), if good { Ok(()) } else { Err(format!("{found:?}")) });
    }
    failures.done(19);
}

/// The PyPI client of CloudHealth sends JSON without a `Content-Type`, and says only what it accepts.
fn content_types_that_are_left_out(engine: Engine) {
    let api: Api = Server::shared(engine).partner();
    let body = customer(&json!({})).to_string();
    let send = |accept: &str, body: &str| {
        api.call("POST", "/v1/customers").header("Accept", accept).body(body).send()
    };
    for accept in ["*/*", "text/html", "application/json;q=0.5"] {
        assert_eq!(send(accept, &body).details(), " unsupported_media_type", "{accept}");
    }
    assert_eq!(send("application/json", "{,}").details(), " malformed");
    assert_eq!(send("text/html, application/json", &body).status, 201);
}
