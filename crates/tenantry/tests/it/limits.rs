//! What one caller may take: filters, lists, documents; and paths that there are not.

use crate::support::{Answer, Api, Engine, Failures, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(
    a_list_has_at_most_twenty_filters,
    nul_is_refused_wherever_text_is_taken,
    the_openapi_document_is_cached,
    unknown_paths_are_told_from_missing_objects,
);

fn a_list_has_at_most_twenty_filters(engine: Engine) {
    let api = Server::shared(engine).partner();
    let tags: Vec<_> = (0..20).map(|i| json!({"key": format!("k{i}"), "value": "v"})).collect();
    api.create(&customer(&json!({"tags": tags})));
    api.create(&customer(&json!({"name": "Other", "tags": tags[1..]})));
    let filters = |count: usize| (0..count).map(|i| format!("tag=k{i}:v")).collect::<Vec<_>>().join("&");
    let mut failures = Failures::default();
    for (name, query, expected) in [
        ("twenty", filters(20), Ok("1")),
        ("nineteen of the other's", filters(20).replace("tag=k0:v&", ""), Ok("2")),
        ("twenty, and a page", format!("{}&page=1&per_page=7&cursor=", filters(20)), Ok("1")),
        ("twenty-one", filters(21), Err("?tag too_many")),
        ("four hundred", vec!["tag=k0"; 400].join("&"), Ok("1")),
        (
            "four hundred that differ",
            (0..400).map(|i| format!("tag=k{i}")).collect::<Vec<_>>().join("&"),
            Err("?tag too_many"),
        ),
        (
            "twenty-one unknown ones",
            (0..21).map(|i| format!("utm_{i}=1")).collect::<Vec<_>>().join("&"),
            Ok("2"),
        ),
    ] {
        let answer = api.get(&format!("/v2/customers?{query}"));
        let good = match expected {
            Ok(total) => answer.status == 200 && answer.header("x-total") == total,
            Err(details) => answer.status == 422 && answer.details() == details,
        };
        let said = format!("{} {} {}", answer.status, answer.header("x-total"), answer.text());
        failures.case(name, if good { Ok(()) } else { Err(said) });
    }
    failures.done(7);
}

/// PostgreSQL stores no NUL: what has one is refused before it is asked, the same on both engines.
fn nul_is_refused_wherever_text_is_taken(engine: Engine) {
    let api = Server::shared(engine).partner();
    let id = api.create(&customer(&json!({})))["id"].clone();
    let mut failures = Failures::default();
    let mut is_refused = |name: &str, answer: &Answer| {
        let good = [404, 422].contains(&answer.status);
        let said = format!("{} {}", answer.status, answer.text());
        failures.case(name, if good { Ok(()) } else { Err(said) });
    };
    for path in [
        "/v2/customers?tag=%00",
        "/v2/customers?tag=a:%00",
        "/v2/customers?q=%00",
        "/v2/customers?azure_customer_id=%00",
        "/v2/customers?cursor=%00",
        "/v2/audit_events?object=%00",
        "/v2/audit_events?action=%00",
        "/v2/audit_events?action=a%00.",
        "/v1/azure_partner_customers?q=%00",
        "/v1/azure_partner_customers/%00",
        "/v1/azure_partner_customer_accounts/list?q=%00",
        "/v1/customer_statements?billing_period=%00",
        "/v1/bill_runs?state=%00",
        "/v1/bill_runs?billing_period=2026-10%00",
        "/v1/price_rules?page=%00",
        "/v2/users?page=%00",
        "/v2/customers/%00",
    ] {
        is_refused(path, &api.get(path));
    }
    let nul = "a\0b";
    let address = json!({"street1": nul, "city": nul, "state": "MA", "zipcode": "01234", "country": "US"});
    for (name, change) in [
        ("name", json!({"name": nul})),
        ("address", json!({"address": address})),
        ("azure_customer_id", json!({"azure_customer_id": nul, "address": null})),
        ("billing_contact", json!({"billing_contact": "a\0b@example.com"})),
        ("tag key", json!({"tags": [{"key": nul, "value": "v"}]})),
        ("tag value", json!({"tags": [{"key": "k", "value": nul}]})),
        ("folder", json!({"partner_billing_configuration": {"enabled": true, "folder": nul}})),
    ] {
        is_refused(name, &api.post("/v2/customers", &customer(&change)));
        is_refused(&format!("change of {name}"), &api.put(&format!("/v2/customers/{id}"), &change));
    }
    for (name, path, body) in [
        ("user's name", "/v2/users", json!({"email": "a@b.example", "role": "viewer", "name": nul})),
        ("user's e-mail", "/v2/users", json!({"email": "a\0@b.example", "role": "viewer"})),
        (
            "price rule's name",
            "/v1/price_rules",
            json!({"name": nul, "kind": "percent_discount", "percent": "5"}),
        ),
        (
            "price rule's conditions",
            "/v1/price_rules",
            json!({"name": "r", "kind": "percent_discount", "percent": "5", "product": nul}),
        ),
        (
            "bill run's period",
            "/v1/bill_runs",
            json!({"billing_period": nul, "sources": [{"path": "a.csv"}]}),
        ),
        (
            "bill run's source",
            "/v1/bill_runs",
            json!({"billing_period": "2026-10", "sources": [{"path": nul}]}),
        ),
    ] {
        is_refused(name, &api.post(path, &body));
    }
    failures.done(37);
    // The control: without NUL the same filters are taken.
    for path in ["/v2/customers?tag=a", "/v2/audit_events?object=a&action=b", "/v2/customers?q=a"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
}

fn the_openapi_document_is_cached(engine: Engine) {
    let api = Server::shared(engine).partner();
    let ask = |known: &str| {
        let call = api.call("GET", "/openapi.json").authorization(None);
        if known.is_empty() { call.send() } else { call.header("If-None-Match", known).send() }
    };
    let first = ask("");
    let tag = first.header("etag").to_owned();
    assert_eq!((first.status, first.header("content-type")), (200, "application/json"));
    assert_eq!(first.json(), serde_json::to_value(api::document()).unwrap());
    assert!(first.header("cache-control").contains("max-age"), "{:?}", first.headers);
    for (known, status) in [
        (tag.as_str(), 304),
        (&format!("W/{tag}"), 304),
        (&format!("\"other\", {tag}"), 304),
        ("*", 304),
        ("\"other\"", 200),
    ] {
        let answer = ask(known);
        assert_eq!((answer.status, answer.header("etag")), (status, tag.as_str()), "{known}");
        assert_eq!(answer.header("cache-control"), first.header("cache-control"), "{known}");
        assert_eq!(answer.body.is_empty(), status == 304, "{known}");
    }
}

fn unknown_paths_are_told_from_missing_objects(engine: Engine) {
    let api = Server::shared(engine).partner();
    let error = |api: &Api, method: &str, path: &str| {
        let answer = api.call(method, path).send();
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        answer.json()["error"].as_str().unwrap().to_owned()
    };
    for (path, suggested) in [
        ("/v2/customer", "did you mean /v2/customers?"),
        ("/v1/users", "did you mean /v2/users?"),
        ("/v2/customer/7", "did you mean /v2/customers/{id}?"),
        ("/customers?page=2", "did you mean /v2/customers?"),
        ("/nowhere", "there is no path /nowhere; see /openapi.json"),
    ] {
        let said = error(&api, "GET", path);
        assert!(said.starts_with("there is no path /") && said.contains(suggested), "{path}: {said}");
        assert_eq!(error(&api.with_key("wrong"), "POST", path), said, "the same without a key");
    }
    for path in ["/v2/customers/7000000", "/v2/customers/abc", "/v2/users/7000000", "/v1/bill_runs/7000000"] {
        assert_eq!(error(&api, "GET", path), "not found", "{path}");
    }
    // What may be a key is not repeated.
    assert!(!error(&api, "GET", &format!("/v2/mee/{}", api.key)).contains("tnt_"));
}
