//! Assignments, margins and the billing switch have days from which they hold, and a line is its day's.

use super::{Scene, Usage, line};
use crate::support::{Answer, Api, Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_line_is_its_days_owners_at_its_days_margin,
    a_repeated_run_goes_on_with_the_days_of_its_beginning,
    a_day_of_a_final_month_is_refused,
    today_in_a_final_month_is_as_no_day,
    what_is_entered_without_a_day_holds_from_today,
    what_is_to_come_holds_from_its_day,
    history_and_days_of_customers_and_assignments,
    invalid_days_are_refused,
);

const ACCOUNTS: &str = "/v1/azure_partner_customer_accounts";

fn change(api: &Api, what: &str, customer: i64, tenant: &str, from: Option<&str>) -> Answer {
    let mut body = json!({"azure_customer_ids": [tenant]});
    if let Some(from) = from {
        body["effective_from"] = json!(from);
    }
    api.put(&format!("{ACCOUNTS}/{what}/{customer}"), &body)
}

/// Moves a tenant from a day on.
fn moved(api: &Api, tenant: &str, from: i64, to: i64, day: Option<&str>) {
    for (what, customer) in [("remove", from), ("add", to)] {
        let answer = change(api, what, customer, tenant, day);
        let text = answer.text();
        assert!(answer.status == 207 && !text.contains("\"http_status\":422"), "{what}: {text}");
    }
}

fn put(api: &Api, customer: i64, body: &Value) -> Value {
    let answer = api.put(&format!("/v2/customers/{customer}"), body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Customers with their charges, and what is on no bill.
fn outcome(run: &Value) -> String {
    let list = |name: &str| run[name].as_array().unwrap_or_else(|| panic!("{run}")).iter();
    let bills = list("customers")
        .map(|bill| format!("{} {}", bill["name"].as_str().unwrap(), bill["charge"].as_str().unwrap()));
    let left = list("unassigned")
        .map(|left| format!("{} {}", left["reason"].as_str().unwrap(), left["cost"].as_str().unwrap()));
    bills.chain(left).collect::<Vec<_>>().join(", ")
}

fn on<'a>(day: &'a str, tenant: &'a str, meter: &'a str, total: &'a str) -> Usage<'a> {
    Usage { day, ..line(tenant, meter, total) }
}

fn a_line_is_its_days_owners_at_its_days_margin(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 20.0), scene.billed("Beta", "beta", 50.0));
    let gamma = scene.billed("Gamma", "gamma", 0.0);
    // October's invoice comes on the 8th of November; by then much has changed.
    scene.api.set_clock("2026-11-08T09:00:00Z");
    moved(&scene.api, "acme", acme, beta, Some("2026-11-03"));
    put(&scene.api, acme, &json!({"margin_percentage": 36, "effective_from": "2026-11-01"}));
    assert_eq!(scene.api.delete(&format!("/v2/customers/{gamma}")).status, 204);
    let october = [line("acme", "a", "8"), line("beta", "b", "1"), line("gamma", "c", "3")];
    let run = scene.run("2026-10", &[&scene.invoice("october.csv", &october)], &json!({}));
    assert_eq!(outcome(&run), "Acme 10, Beta 2, Gamma 3");
    let november = [
        on("2026-11-02", "acme", "a", "8"),
        on("2026-11-03", "acme", "a", "8"),
        on("2026-11-07", "gamma", "a", "4"),
        on("2026-11-08", "gamma", "a", "5"),
    ];
    let run = scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &json!({}));
    assert_eq!(outcome(&run), "Acme 12.5, Beta 16, Gamma 4, no customer 5");
    let explained = |customer: i64| {
        let path = format!("/v1/bill_runs/{}/customers/{customer}/lines?explain=true", run["id"]);
        scene.api.get(&path).json()["lines"][0]["explanation"].clone()
    };
    let of_acme = explained(acme);
    assert_eq!(of_acme["rule"], "margin of the customer: 36 % since 2026-11-01", "{of_acme}");
    assert_eq!(of_acme["tenant"], "until 2026-11-03");
    assert_eq!(explained(beta)["tenant"], "since 2026-11-03");

    // Made final, all of it is known again, and nobody else's.
    let finalized = scene.finalize(&run);
    assert_eq!(finalized["errors"], json!([]), "{finalized}");
    let again = scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &json!({}));
    assert_eq!(outcome(&again), "Acme 0, Beta 0, Gamma 0, no customer 5");
    assert_eq!(again["checks"]["final_lines_missing"], 0);
}

fn a_repeated_run_goes_on_with_the_days_of_its_beginning(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "15"]);
    let (acme, beta) = (scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0));
    moved(&scene.api, "acme", acme, beta, Some("2026-10-10"));
    put(&scene.api, acme, &json!({"margin_percentage": 50, "effective_from": "2026-10-05"}));
    let lines = [
        on("2026-10-04", "acme", "a", "2"),
        on("2026-10-05", "acme", "b", "9"),
        on("2026-10-10", "acme", "c", "4"),
    ];
    let run = scene.run("2026-10", &[&scene.invoice("october.csv", &lines)], &json!({}));
    assert_eq!(outcome(&run), "Acme 20, Beta 4");
    assert!(!run["customers"][0]["held_back"].as_array().unwrap().is_empty(), "{run}");
    moved(&scene.api, "acme", beta, acme, Some("2026-10-10"));
    put(&scene.api, acme, &json!({"margin_percentage": 0, "effective_from": "2026-10-05"}));
    let path = format!("/v1/bill_runs/{}", run["id"]);
    let release = |accept: Value| {
        scene.api.post(&format!("{path}/release"), &json!({"customer_ids": [acme], "accept": accept})).status
    };
    assert_eq!([release(json!([])), release(json!(["facts_changed"]))], [409, 202]);
    assert_eq!(outcome(&scene.end_of(&path)), "Acme 20, Beta 4");
    // The control: a new run has what is now.
    let run = scene.run("2026-10", &[&scene.invoice("october.csv", &lines)], &json!({}));
    assert_eq!(outcome(&run), "Acme 15");
}

fn a_day_of_a_final_month_is_refused(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0));
    let source = scene.invoice("october.csv", &[line("acme", "a", "1")]);
    scene.run("2026-10", &[&source], &json!({"finalize": true}));
    for (day, legal) in
        [("2026-09-30", false), ("2026-10-01", false), ("2026-10-31", false), ("2026-11-01", true)]
    {
        for answer in [
            scene.api.put(
                &format!("/v2/customers/{acme}"),
                &json!({"margin_percentage": 10, "effective_from": day}),
            ),
            scene.api.post(
                "/v2/customers",
                &crate::support::customer(
                    &json!({"name": day, "margin_percentage": 1, "effective_from": day}),
                ),
            ),
            change(&scene.api, "remove", acme, "acme", Some(day)),
            change(&scene.api, "add", beta, "acme", Some(day)),
        ] {
            let text = answer.text();
            if legal {
                assert!(
                    (200..300).contains(&answer.status) && !text.contains("\"http_status\":422"),
                    "{day}: {text}"
                );
            } else {
                assert_eq!(answer.status, 422, "{day}: {text}");
                let detail = &answer.json()["details"][0];
                assert_eq!(detail["pointer"], "/effective_from", "{text}");
                assert!(text.contains("must be a day after the month 2026-10, which is final"), "{text}");
            }
        }
    }
}

/// November is final while it lasts, and so is a later month. What holds from today on changes nothing that is final; what comes in
/// late is billed by it.
fn today_in_a_final_month_is_as_no_day(engine: Engine) {
    for day in [None, Some("2026-11-02")] {
        let scene = Scene::new(engine);
        let (acme, beta) = (scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0));
        let first = [on("2026-11-01", "acme", "a", "1"), on("2026-11-03", "acme", "a", "2")];
        let source = scene.invoice("november.csv", &first);
        scene.run("2026-11", &[&source], &json!({"finalize": true}));
        let far = scene.invoice("far.csv", &[on("2028-01-01", "beta", "a", "3")]);
        scene.run("2028-01", &[&far], &json!({"finalize": true}));
        let shown = || -> Vec<Value> {
            let fields = ["customer_id", "billing_period", "status", "total_amount"];
            let one = |statement: &Value| json!(fields.map(|field| statement[field].clone()));
            scene.statements("per_page=100").iter().map(one).collect()
        };
        let frozen = shown();
        let mut terms = json!({"margin_percentage": 50});
        if let Some(day) = day {
            terms["effective_from"] = json!(day);
        }
        put(&scene.api, acme, &terms);
        put(&scene.api, beta, &terms);
        moved(&scene.api, "acme", acme, beta, day);
        assert_eq!(shown(), frozen);
        let again = scene.run("2026-11", &[&source], &json!({}));
        assert_eq!(outcome(&again), "Acme 0, Beta 0", "{day:?}: {again}");
        assert_eq!(shown(), frozen);
        // Of the day before, and of that day.
        let late =
            [&first[..], &[on("2026-11-01", "acme", "b", "4"), on("2026-11-03", "acme", "b", "8")]].concat();
        let late = scene.run("2026-11", &[&scene.invoice("late.csv", &late)], &json!({}));
        assert_eq!(outcome(&late), "Acme 4, Beta 16", "{day:?}");
        let now = shown();
        assert_eq!(now[..frozen.len()], frozen[..], "{day:?}");
        assert_eq!(now[frozen.len()..], [json!([beta, "2026-11", "Estimated", 16.00])], "{day:?}");
        // The control: other days of it are refused.
        for day in ["2026-11-01", "2026-11-03"] {
            let other = json!({"margin_percentage": 20, "effective_from": day});
            let refused = scene.api.put(&format!("/v2/customers/{acme}"), &other);
            assert_eq!(refused.status, 422, "{day}");
            assert!(refused.text().contains("which is final, or today"), "{}", refused.text());
        }
    }
}

fn what_is_entered_without_a_day_holds_from_today(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0));
    let run = |tenant: &str| {
        let lines = [on("2026-11-01", tenant, "a", "1"), on("2026-11-02", tenant, "b", "10")];
        let run = scene.run("2026-11", &[&scene.invoice("november.csv", &lines)], &json!({}));
        outcome(&run)
    };
    put(&scene.api, acme, &json!({"margin_percentage": 50}));
    assert_eq!(run("acme"), "Acme 21");
    put(&scene.api, acme, &json!({"partner_billing_configuration": {"enabled": false}}));
    assert_eq!(run("acme"), "Acme 1, billing off 10");
    moved(&scene.api, "acme", acme, beta, None);
    assert_eq!(run("acme"), "Acme 1, Beta 10");
    // What nobody had, and a customer that was never billed, are so from the beginning.
    let fresh = json!({"name": "Fresh"});
    let fresh = scene.api.create(&crate::support::customer(&fresh))["id"].as_i64().unwrap();
    assert_eq!(change(&scene.api, "add", fresh, "fresh", None).status, 207);
    assert_eq!(run("fresh"), "billing off 11");
    let billing = json!({"enabled": true, "folder": "bills/fresh"});
    put(&scene.api, fresh, &json!({"margin_percentage": 50, "partner_billing_configuration": billing}));
    assert_eq!(run("fresh"), "Fresh 22");
}

fn what_is_to_come_holds_from_its_day(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 10.0), scene.billed("Beta", "beta", 0.0));
    let day = "2026-12-01";
    moved(&scene.api, "acme", acme, beta, Some(day));
    let billing = json!({"enabled": false});
    let body =
        json!({"margin_percentage": 30, "partner_billing_configuration": billing, "effective_from": day});
    let now = put(&scene.api, acme, &body);
    assert_eq!((&now["margin_percentage"], &now["azure_customer_id"]), (&json!(10.0), &json!("acme")));
    let held = |query: &str| -> Vec<Value> {
        let list = scene.api.get(&format!("{ACCOUNTS}/list/{beta}?{query}")).json();
        let accounts = list["azure_partner_customer_accounts"].as_array().unwrap().clone();
        accounts.iter().map(|a| a["azure_partner_customer_account"]["azure_customer_id"].clone()).collect()
    };
    assert_eq!(held(""), ["beta"]);
    assert_eq!(held("at=2026-12-01"), ["acme", "beta"]);
    scene.api.set_clock("2026-12-01T00:00:00Z");
    assert_eq!(held(""), ["acme", "beta"]);
    let then = scene.api.get(&format!("/v2/customers/{acme}")).json();
    assert_eq!(then["margin_percentage"], 30.0, "{then}");
    assert_eq!(then["partner_billing_configuration"], json!({"enabled": false, "folder": "bills/acme"}));
    assert_eq!(then["azure_customer_id"], Value::Null, "it is another's");
    let told: Vec<Value> =
        scene.api.trail("action=assignment.").iter().map(|e| e["action"].clone()).collect();
    assert_eq!(told, ["assignment.remove", "assignment.add", "assignment.remove", "assignment.add"]);
    // A customer that is deleted meanwhile gets nothing.
    moved(&scene.api, "acme", beta, acme, Some("2026-12-24"));
    assert_eq!(scene.api.delete(&format!("/v2/customers/{acme}")).status, 204);
    scene.api.set_clock("2026-12-24T00:00:00Z");
    assert_eq!(held(""), ["beta"]);
}

fn history_and_days_of_customers_and_assignments(engine: Engine) {
    let scene = Scene::new(engine);
    let (acme, beta) = (scene.billed("Acme", "acme", 10.0), scene.billed("Beta", "beta", 0.0));
    moved(&scene.api, "acme", acme, beta, Some("2026-11-01"));
    put(&scene.api, acme, &json!({"margin_percentage": 12.5, "effective_from": "2026-10-15"}));
    // Before a day with a change, it holds until that.
    let now = put(&scene.api, acme, &json!({"margin_percentage": 11, "effective_from": "2026-10-10"}));
    assert_eq!(now["margin_percentage"], 12.5);
    put(
        &scene.api,
        acme,
        &json!({"partner_billing_configuration": {"enabled": false}, "effective_from": "2026-10-15"}),
    );
    let path = format!("/v2/customers/{acme}");
    let history = scene.api.get(&format!("{path}/history"));
    assert_eq!(history.status, 200, "{}", history.text());
    let on = json!({"enabled": true, "folder": "bills/acme"});
    let off = json!({"enabled": false, "folder": "bills/acme"});
    let span = |from: Value, until: Value, margin: f64, billing: &Value| {
        json!({"effective_from": from, "effective_until": until, "margin_percentage": margin,
               "partner_billing_configuration": billing})
    };
    let (first, second) = (json!("2026-10-10"), json!("2026-10-15"));
    let mut expected = json!({
        "customer_id": acme,
        "terms": [
            span(Value::Null, first.clone(), 10.0, &on),
            span(first, second.clone(), 11.0, &on),
            span(second, Value::Null, 12.5, &off),
        ],
        "assignments": [
            {"azure_customer_id": "acme", "effective_from": null, "effective_until": "2026-11-01"},
        ],
    });
    let as_floats = |mut history: Value| {
        for span in history["terms"].as_array_mut().unwrap() {
            if let Some(margin) = span["margin_percentage"].as_f64() {
                span["margin_percentage"] = json!(margin);
            }
        }
        history
    };
    assert_eq!(as_floats(history.json()), expected);
    for (at, margin, enabled) in [
        ("2026-10-09", 10.0, true),
        ("2026-10-14", 11.0, true),
        ("2026-10-15", 12.5, false),
        ("2100-01-01", 12.5, false),
    ] {
        let then = scene.api.get(&format!("{path}?at={at}")).json();
        let found = (then["margin_percentage"].as_f64(), &then["partner_billing_configuration"]["enabled"]);
        assert_eq!(found, (Some(margin), &json!(enabled)), "{at}");
    }
    let names = |query: &str| -> Vec<Value> {
        let list = scene.api.get(&format!("{ACCOUNTS}/list?{query}")).json();
        let accounts = list["azure_partner_customer_accounts"].as_array().unwrap().clone();
        accounts.iter().map(|account| account["customer_tenant_name"].clone()).collect()
    };
    assert_eq!(names("at=2026-10-31"), ["Acme", "Beta"]);
    assert_eq!(names(""), ["Beta", "Beta"]);

    // Those who see no costs see no margin, and a customer's own users no history.
    let seen = scene.api.colleague("viewer").1.get(&format!("{path}/history"));
    for span in expected["terms"].as_array_mut().unwrap() {
        span.as_object_mut().unwrap().remove("margin_percentage");
    }
    assert_eq!(seen.json(), expected);
    assert_eq!(scene.api.user_of(acme).1.get(&format!("{path}/history")).status, 403);
    // Every change says its day.
    let told: Vec<Value> = scene
        .api
        .trail("action=customer.update")
        .iter()
        .map(|e| e["after"]["effective_from"].clone())
        .collect();
    assert_eq!(told, ["2026-10-15", "2026-10-10", "2026-10-15"]);
}

fn invalid_days_are_refused(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 10.0);
    let path = format!("/v2/customers/{acme}");
    let version = scene.api.get(&path).header("etag").to_owned();
    for day in
        [json!("2026-02-29"), json!("1999-12-31"), json!("2026-11"), json!("tomorrow"), json!(20261101)]
    {
        for answer in [
            scene.api.put(&path, &json!({"margin_percentage": 1, "effective_from": day})),
            scene.api.put(
                &format!("{ACCOUNTS}/add/{acme}"),
                &json!({"azure_customer_ids": ["new"], "effective_from": day}),
            ),
        ] {
            assert_eq!(answer.status, 422, "{day}: {}", answer.text());
            assert_eq!(answer.json()["details"][0]["pointer"], "/effective_from", "{}", answer.text());
        }
    }
    let alone = scene.api.put(&path, &json!({"name": "Acme 2", "effective_from": "2026-11-01"}));
    assert_eq!((alone.status, &alone.json()["details"][0]["pointer"]), (422, &json!("/effective_from")));
    assert_eq!(scene.api.get(&path).header("etag"), version);
    assert_eq!(scene.api.get(&format!("{path}?at=yesterday")).status, 422);
    assert_eq!(scene.api.get(&format!("{ACCOUNTS}/list?at=2026-13-01")).status, 422);
}
