//! Statements of CloudHealth's: history here, and nothing that a bill run touches.

use super::{Account, Quirky, migrate, said};
use crate::billing::{Scene, Usage, line, statements};
use crate::support::{Engine, Server, on_both_engines};
use serde_json::{Map, Value, json};

on_both_engines!(
    statements_come_over_as_history,
    bill_runs_leave_history_alone,
    statements_of_unknown_owners_are_refused,
);

/// A statement as CloudHealth answers it, changed.
pub(super) fn foreign(id: i64, change: &Value) -> Value {
    let mut answer = json!({
        "Id": id, "cloud": "AWS", "billing_period": "2026-09-01", "total_amount": 1234.5, "Status": "Final",
        "statement_generation_time": "2026-10-03", "currency": {"Name": "USD", "symbol": "$"}, "invoice_id": "A-77",
        "invoice_date": "2026-10-02", "azure_invoice": "No Azure Invoice", "detailed_billing_records_generation_time": null,
    });
    let fields: &mut Map<String, Value> = answer.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    answer
}

fn account(statements: Value) -> Account {
    let customer = |id| super::foreign(id, &json!({"Classification": "managed_with_access"}));
    Account { statements, ..Account::of(vec![customer(7), customer(8)]) }
}

fn statements_come_over_as_history(engine: Engine) {
    let estimate = json!({"Status": "Estimated", "billing_period": "2026-10", "total_amount": "0.10", "invoice_id": null});
    let history = |estimate: &Value| {
        let older: Vec<Value> = (1..=4)
            .map(|n| foreign(70 + n, &json!({"billing_period": format!("2026-0{n}-01"), "cloud": "Azure"})))
            .collect();
        let mut of_seven = older;
        of_seven.push(foreign(77, estimate));
        account(json!({"7": of_seven, "8": [foreign(81, &json!({"total_amount": -3}))]}))
    };
    let source = Quirky::start(history(&estimate));
    let database = crate::support::Database::new(engine);
    let server = Server::start(&database, &[]);
    let api = server.admin();
    let dry = migrate(&server, source.address, "a-key", &["--dry-run"]);
    assert!(
        dry.status.success()
            && said(&dry).contains("6 statements: 6 would be brought over, 0 would be brought up to date, 0 here already, 0 refused"),
        "{}",
        said(&dry)
    );
    assert_eq!(statements(&api, ""), Vec::<Value>::new());
    let done = migrate(&server, source.address, "a-key", &[]);
    assert!(
        done.status.success()
            && said(&done).contains("6 statements: 6 brought over")
            && said(&done).contains("verified: 6 statements are equal in every field"),
        "{}",
        said(&done)
    );
    let url = format!("http://{}", source.address);
    let listed = statements(&api, "client_api_id=7&per_page=100");
    assert_eq!(listed.len(), 5);
    let last = &listed[4];
    for (field, value) in [
        ("customer_id", json!(7)),
        ("cloud", json!("AWS")),
        ("billing_period", json!("2026-10")),
        ("total_amount", json!(0.1)),
        ("status", json!("Estimated")),
        ("statement_generation_time", json!("2026-10-03 00:00:00")),
        ("detailed_billing_records_generation_time", json!("2026-10-03 00:00:00")),
        ("invoice_date", json!("2026-10-02")),
        ("invoice_id", Value::Null),
        ("files", json!([])),
        ("imported", json!({"source": url, "id": "77"})),
    ] {
        assert_eq!(last[field], value, "{field}");
    }
    assert_eq!(last["currency"]["name"], "USD");
    assert_eq!(api.get(&format!("/v1/customer_statements/{}", last["id"])).json(), *last);
    for (query, count) in [
        ("", 6),
        ("status=Final", 5),
        ("billing_period=2026-09", 1),
        ("client_api_id=8&status=Estimated", 0),
        ("per_page=4&page=2", 2),
    ] {
        assert_eq!(statements(&api, query).len(), count, "{query}");
    }
    assert_eq!(api.get("/v1/customer_statements?per_page=4").header("x-total"), "6");
    // A customer's user sees its own, and no file of any.
    let (_, user) = api.user_of(7);
    assert_eq!(statements(&user, "").len(), 5);
    let of_other = statements(&api, "client_api_id=8")[0]["id"].clone();
    assert_eq!(user.get(&format!("/v1/customer_statements/{of_other}")).status, 404);
    for name in ["bill.csv", "manifest.json"] {
        let path = format!("/v1/customer_statements/{}/files/{name}", last["id"]);
        assert_eq!((api.get(&path).status, user.get(&path).status), (404, 404), "{name}");
    }
    let event = &api.trail("action=statement.migrate&object=customers/7")[0];
    assert!(event["after"]["created"] == 5, "{event}");

    // A repeat brings up to date what has become final there, under the same id.
    let again = migrate(&server, source.address, "a-key", &[]);
    assert!(
        again.status.success()
            && said(&again).contains("0 brought over, 0 brought up to date, 6 here already"),
        "{}",
        said(&again)
    );
    let finished = Quirky::start(history(&json!({"billing_period": "2026-10", "total_amount": 12.34})));
    let again = migrate(&server, finished.address, "a-key", &[]);
    assert!(
        again.status.success() && said(&again).contains("0 brought over, 6 brought up to date"),
        "{}",
        said(&again)
    );
    let now = &statements(&api, "client_api_id=7&billing_period=2026-10")[0];
    assert_eq!(
        (&now["id"], &now["status"], &now["total_amount"]),
        (&last["id"], &json!("Final"), &json!(12.34))
    );

    // They outlive their customer, as others do.
    assert_eq!(api.delete("/v2/customers/8").status, 204);
    assert_eq!(statements(&api, "client_api_id=8").len(), 1);
}

/// History of the very months that are billed here changes nothing of what runs do.
fn bill_runs_leave_history_alone(engine: Engine) {
    let final_here = json!({"billing_period": "2026-10", "cloud": "Azure"});
    let estimate =
        json!({"billing_period": "2026-10", "cloud": "Azure", "Status": "Estimated", "total_amount": 5});
    let history =
        json!({"7": [foreign(70, &json!({})), foreign(71, &final_here)], "8": [foreign(81, &estimate)]});
    let source = Quirky::start(account(history));
    let scene = Scene::new(engine);
    assert!(migrate(&scene.server, source.address, "a-key", &[]).status.success());
    for id in [7, 8] {
        let change = json!({
            "azure_customer_id": format!("t-{id}"), "margin_percentage": 0,
            "partner_billing_configuration": {"enabled": true, "folder": format!("bills/{id}")},
        });
        assert_eq!(scene.api.put(&format!("/v2/customers/{id}"), &change).status, 200);
    }
    let history = || -> Vec<Value> {
        scene.statements("per_page=100").into_iter().filter(|one| one.get("imported").is_some()).collect()
    };
    let before = history();
    assert_eq!(before.len(), 3);
    let own = |query: &str| -> Vec<Value> {
        scene.statements(query).into_iter().filter(|one| one.get("imported").is_none()).collect()
    };

    let october = scene.invoice("october.csv", &[line("t-7", "a", "1"), line("t-8", "b", "2")]);
    let run = scene.run("2026-10", &[&october], &json!({}));
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(own("status=Estimated").len(), 2, "the month is billed here as if nothing had come over");
    assert_eq!(scene.finalize(&run)["stage"], "final");
    assert_eq!(own("status=Final").len(), 2);
    assert_eq!(history(), before, "finalizing leaves the estimate of another platform as it is");
    let void = |run: &Value, body: &Value| scene.api.post(&format!("/v1/bill_runs/{}/void", run["id"]), body);
    let voided = void(&run, &json!({"reason": "billed for the wrong month", "customer_ids": [8]}));
    assert_eq!(voided.status, 202, "{}", voided.text());
    let voided = scene.end_of(voided.header("location"));
    assert_eq!(voided["state"], "succeeded", "{voided}");
    assert_eq!(own("client_api_id=8&status=Reversal").len(), 1);
    assert_eq!(history(), before, "only what was made here is reversed");
    // The final statement of September is history alone: there is nothing to reverse.
    let september = [Usage { day: "2026-09-05", ..line("t-7", "a", "1") }];
    let september =
        scene.run("2026-09", &[&scene.invoice("september.csv", &september)], &json!({"publish": false}));
    assert_eq!(september["state"], "succeeded", "{september}");
    let refused = void(&september, &json!({"reason": "r"}));
    assert_eq!(
        (refused.status, refused.text().contains("2026-09 has no final statements")),
        (409, true),
        "{}",
        refused.text()
    );
    assert_eq!(history(), before);
}

fn statements_of_unknown_owners_are_refused(engine: Engine) {
    let database = crate::support::Database::new(engine);
    let server = Server::start(&database, &[]);
    let api = server.admin();
    // One statement of two customers: a server that ignores whose are asked for.
    let both = json!({"7": [foreign(71, &json!({}))], "8": [foreign(71, &json!({}))]});
    let done = migrate(&server, Quirky::start(account(both)).address, "a-key", &[]);
    assert!(
        !done.status.success()
            && said(&done).contains("whose it is, is unknown. --without-statements leaves them out"),
        "{}",
        said(&done)
    );
    assert_eq!(api.get("/v2/customers").header("x-total"), "2", "the customers are here");
    assert_eq!(statements(&api, "client_api_id=8").len(), 0);

    let wrong = json!({
        "7": [foreign(72, &json!({"customer_id": 8})), foreign(73, &json!({"currency": {"name": "?"}}))],
        "8": [foreign(82, &json!({"Id": null, "customer_id": 8})), foreign(83, &json!({"Id": null, "customer_id": 8, "total_amount": 2}))],
    });
    let done = migrate(&server, Quirky::start(account(wrong)).address, "a-key", &[]);
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    for expected in [
        "statement 72 of customer 7 (Customer 7) cannot be brought over: it is of customer 8",
        "statement 73 of customer 7 (Customer 7) cannot be brought over: currency.name is no currency",
        "2 statements of customer 8 (Customer 8) cannot be told apart, and stay there",
        "4 statements: 0 brought over, 0 brought up to date, 0 here already, 4 refused",
        "4 statements are not here as they are there",
    ] {
        assert!(said(&done).contains(expected), "{expected} is not in {}", said(&done));
    }
    // Another customer has the id: its users must not see what was not theirs.
    let other = Account {
        customers: vec![super::foreign(7, &json!({"generated_external_id": "another-one"}))],
        ..account(json!({"7": [foreign(90, &json!({}))]}))
    };
    let done = migrate(&server, Quirky::start(other).address, "a-key", &[]);
    assert!(
        said(&done).contains("1 statements are left out, because customer 7 (Customer 7) is not here"),
        "{}",
        said(&done)
    );
    assert_eq!(statements(&api, "client_api_id=7&per_page=100").len(), 1, "the one of the first source");
    let without = migrate(
        &server,
        Quirky::start(account(json!({"8": [foreign(91, &json!({}))]}))).address,
        "a-key",
        &["--without-statements"],
    );
    assert!(without.status.success() && !said(&without).contains("statements:"), "{}", said(&without));
}
