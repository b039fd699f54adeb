//! A partner's month without a hand on it: estimates each night, invoices when they appear, final statements after some days.

use super::fetch::Scene;
use crate::directory::until;
use crate::support::{ABSENT, Engine, Failures, customer, on_both_engines};
use directory::partner_center::sandbox::made_up_id;
use serde_json::{Value, json};

on_both_engines!(months_pass_without_a_hand, what_speaks_against_final_statements, settings_are_checked,);

/// Tenants of the sandbox that have an address to be registered with.
const TENANTS: [usize; 4] = [0, 1, 2, 4];

/// A scene whose customers have this margin, with further arguments of `serve`.
pub(super) fn scene(engine: Engine, margin: u32, args: &[&str]) -> Scene {
    let scene = Scene::with(engine, &[&["--bill-interval", "100"], args].concat());
    for number in TENANTS {
        let change = json!({
            "name": format!("Customer {number}"), "azure_customer_id": made_up_id(1, number), "address": ABSENT,
            "margin_percentage": margin, "classification": "managed_with_access",
            "partner_billing_configuration": {"enabled": true, "folder": format!("c{number}")},
        });
        scene.api.create(&customer(&change));
    }
    scene
}

pub(super) fn automate(scene: &Scene, settings: &Value) -> Value {
    let answer = scene.api.put("/v1/billing_automation", settings);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Both clocks at this instant.
pub(super) fn advance(scene: &Scene, now: &str) {
    scene.center.set_clock(now);
    scene.api.set_clock(now);
}

pub(super) fn runs(scene: &Scene, month: &str) -> Vec<Value> {
    let runs = scene.api.get(&format!("/v1/bill_runs?billing_period={month}&per_page=100")).json();
    runs["bill_runs"].as_array().unwrap().clone()
}

fn statuses(scene: &Scene, month: &str) -> Vec<String> {
    let statements = super::statements(&scene.api, &format!("billing_period={month}&per_page=100"));
    statements.iter().map(|statement| statement["status"].as_str().unwrap().to_owned()).collect()
}

/// The days up to which statements of a month say that they go, each once.
fn through(scene: &Scene, month: &str) -> Vec<String> {
    let mut days = Vec::new();
    for statement in super::statements(&scene.api, &format!("billing_period={month}&per_page=100")) {
        let path = |name: &str| format!("/v1/customer_statements/{}/files/{name}", statement["id"]);
        let json = scene.api.get(&path("statement.json")).json();
        let page = scene.api.get(&path("statement.html")).text();
        let day = json["usage_through"].as_str();
        let says = page.contains("the last day with usage on it is");
        assert_eq!(says, day.is_some(), "{json}");
        days.extend(day.map(str::to_owned));
    }
    days.sort();
    days.dedup();
    days
}

fn has_ended(run: &Value) -> bool {
    run["state"] == "succeeded"
}

fn months_pass_without_a_hand(engine: Engine) {
    let scene = scene(engine, 10, &[]);
    let before = scene.api.get("/v1/billing_automation").json();
    assert_eq!(
        (&before["estimates"], &before["state"]["next_night"]),
        (&json!("off"), &Value::Null),
        "{before}"
    );
    automate(
        &scene,
        &json!({"estimates": "daily", "invoices": "fetch_and_bill", "finalize": "after_days", "days": 3, "max_unassigned": "1000000", "publish": true}),
    );
    // The 20th of November: October's invoice is there, November is open.
    until("October is billed and November estimated", || {
        ["2026-10", "2026-11"].iter().all(|month| runs(&scene, month).iter().any(has_ended))
    });
    let october = runs(&scene, "2026-10").remove(0);
    assert_eq!(october["invoice_id"], "G000202610", "{october}");
    let invoice = scene.invoice("G000202610");
    assert_eq!((&invoice["ties"], &invoice["final"]), (&json!(true), &json!(false)), "{invoice}");
    assert_eq!(invoice["bill_run_id"], october["id"]);
    let estimate = runs(&scene, "2026-11").remove(0);
    assert_eq!(estimate["invoice_id"], Value::Null, "{estimate}");

    // Nights that were missed are made up for once.
    advance(&scene, "2026-11-22T03:00:00Z");
    until("a second estimate", || runs(&scene, "2026-11").iter().filter(|run| has_ended(run)).count() == 2);
    let cost = |run: &Value| run["totals"][0]["cost"].as_str().unwrap().parse::<f64>().unwrap();
    let estimates = runs(&scene, "2026-11");
    assert!(cost(&estimates[1]) > cost(&estimates[0]), "the month grows");
    assert!(statuses(&scene, "2026-10").iter().all(|status| status == "Estimated"));
    // An estimate says up to which day it goes, and a final statement has no need to.
    assert_eq!(through(&scene, "2026-11"), ["2026-11-21"]);

    // Three days after its bills were made.
    advance(&scene, "2026-11-23T09:00:00Z");
    until("October is final", || statuses(&scene, "2026-10").iter().all(|status| status == "Final"));
    assert_eq!(through(&scene, "2026-10"), Vec::<String>::new());
    until("a third estimate", || runs(&scene, "2026-11").iter().filter(|run| has_ended(run)).count() == 3);

    // The open month is estimated until its invoice comes.
    advance(&scene, "2026-12-05T03:00:00Z");
    until("the last estimate of November, the first of December", || {
        runs(&scene, "2026-11").iter().filter(|run| has_ended(run)).count() == 4
            && runs(&scene, "2026-12").iter().any(has_ended)
    });
    advance(&scene, "2026-12-09T03:00:00Z");
    until("November is billed from its invoice", || {
        runs(&scene, "2026-11").iter().any(|run| has_ended(run) && run["invoice_id"] == "G000202611")
    });
    advance(&scene, "2026-12-12T09:00:00Z");
    until("November is final", || statuses(&scene, "2026-11").iter().all(|status| status == "Final"));
    until("December goes on", || runs(&scene, "2026-12").iter().filter(|run| has_ended(run)).count() == 3);

    // Nothing was done twice, and everything is the sum that Microsoft charges.
    assert_eq!((runs(&scene, "2026-10").len(), runs(&scene, "2026-11").len()), (1, 5));
    for id in ["G000202610", "G000202611"] {
        let invoice = scene.invoice(id);
        assert_eq!((&invoice["ties"], &invoice["final"]), (&json!(true), &json!(true)), "{invoice}");
    }
    assert_eq!(
        scene.invoice("G000202609")["bill_run_id"],
        Value::Null,
        "the month before it was switched on"
    );
    let state = scene.api.get("/v1/billing_automation").json()["state"].clone();
    let actions = state["actions"].as_array().unwrap();
    let finals = actions.iter().filter(|action| action["action"] == "finalize").count();
    assert_eq!((finals, &state["error"]), (2, &Value::Null), "{state}");
    assert_eq!((&state["since"], &state["next_night"]), (&json!("2026-10"), &json!("2026-12-13T00:00:00Z")));

    // What was taken back by hand is not made final again, and not asked for again and again.
    let void =
        scene.api.post(&format!("/v1/bill_runs/{}/void", october["id"]), &json!({"reason": "a mistake"}));
    assert_eq!(void.status, 202, "{}", void.text());
    until("October is void", || {
        let statuses = statuses(&scene, "2026-10");
        statuses.iter().all(|status| status == "Void" || status == "Reversal")
    });
    advance(&scene, "2026-12-13T03:00:00Z");
    until("December goes on", || runs(&scene, "2026-12").iter().filter(|run| has_ended(run)).count() == 4);
    let finals = scene.api.get("/v2/audit_events?action=bill_run.finalize").json();
    assert_eq!(finals["audit_events"].as_array().unwrap().len(), 2, "{finals}");
    assert_eq!(runs(&scene, "2026-10").len(), 1);
}

fn what_speaks_against_final_statements(engine: Engine) {
    let scene = scene(engine, 10, &[]);
    let settings = |unassigned: &str| json!({"estimates": "off", "invoices": "fetch_and_bill", "finalize": "after_days", "days": 0, "max_unassigned": unassigned, "publish": true});
    let waits_for = |said: &str| {
        until(said, || {
            let state = scene.api.get("/v1/billing_automation").json()["state"].clone();
            state["waits"].as_array().unwrap().iter().any(|wait| wait.as_str().unwrap().contains(said))
        });
        assert!(statuses(&scene, "2026-10").iter().all(|status| status == "Estimated"), "{said}");
    };
    // Usage that differs from the reconciliation by more than rounding.
    scene.behave(&json!({"planted_cents": 500}));
    automate(&scene, &settings("1000000"));
    waits_for("the usage of 1 group of lines is not what the reconciliation says");
    // A tenant that belongs to no customer.
    automate(&scene, &settings("0"));
    waits_for("belong to no customer");
    // An invoice that is issued again is not billed beside the first.
    scene.behave(&json!({"reissued": ["2026-10"]}));
    advance(&scene, "2026-11-21T03:00:00Z");
    waits_for("several invoices in USD");
    assert_eq!(runs(&scene, "2026-10").len(), 1);

    // What is wrong with the connection is said.
    let gauges = || {
        let metrics = scene.api.get("/metrics").text();
        ["", "_waiting", "_failing"].map(|end| {
            let name = format!("tenantry_billing_automations{end} ");
            metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or("none").to_owned()
        })
    };
    assert_eq!(gauges(), ["1", "1", "0"]);
    scene.behave(&json!({"no_invoice_role": true}));
    advance(&scene, "2026-11-22T03:00:00Z");
    until("the role is missing", || {
        scene.api.get("/v1/billing_automation").json()["state"]["error"]["code"] == "refused"
    });
    assert_eq!(gauges()[2], "1");
}

fn settings_are_checked(engine: Engine) {
    let scene = Scene::new(engine);
    let good = json!({"estimates": "off", "invoices": "off", "finalize": "by_hand", "days": 3});
    let mut failures = Failures::default();
    for (name, change, pointer) in [
        ("estimates", json!({"estimates": "hourly"}), "/estimates"),
        ("invoices", json!({"invoices": true}), "/invoices"),
        ("finalize", json!({"finalize": null}), "/finalize"),
        ("days", json!({"days": 32}), "/days"),
        ("a part of a day", json!({"days": 1.5}), "/days"),
        ("less than nothing", json!({"max_unassigned": "-1"}), "/max_unassigned"),
        ("perhaps", json!({"publish": "yes"}), "/publish"),
        ("final estimates", json!({"finalize": "after_days", "invoices": "fetch"}), "/finalize"),
        ("a field that there is not", json!({"nights": 1}), "/nights"),
    ] {
        let mut body = good.clone();
        crate::support::patched(&mut body, &change);
        let answer = scene.api.put("/v1/billing_automation", &body);
        let met = answer.status == 422 && answer.text().contains(pointer);
        failures.case(name, if met { Ok(()) } else { Err(answer.text()) });
    }
    failures.done(9);
    let set = automate(&scene, &good);
    assert_eq!((&set["days"], &set["max_unassigned"]), (&json!(3), &json!("0")), "{set}");
    let events = scene.api.get("/v2/audit_events?per_page=100").json().to_string();
    assert_eq!(events.matches("billing_automation.update").count(), 1, "{events}");
}
