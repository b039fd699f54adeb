//! Money in several currencies: never added up, unless a run is given a rate.

use super::{Scene, Usage, line};
use crate::support::{Engine, Failures, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(bills_are_in_one_currency_each);

fn bills_are_in_one_currency_each(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 50.0);
    let euros = Usage { currency: "EUR", ..line("acme", "b", "10.005") };
    let source = scene.invoice("october.csv", &[line("acme", "a", "1.5"), euros]);
    let rates = |rates: Value| json!({ "currency_rates": rates });
    let mut failures = Failures::default();
    for (period, more, expected) in [
        ("2026-07", json!({}), Ok(&["20.01 EUR bill.EUR.csv", "3.00 USD bill.USD.csv"][..])),
        (
            "2026-08",
            rates(json!([{"from": "EUR", "to": "USD", "rate": "2"}])),
            Ok(&["43.02 USD bill.csv"][..]),
        ),
        (
            "2026-09",
            rates(json!([{"from": "USD", "to": "EUR", "rate": 0.5}])),
            Ok(&["21.51 EUR bill.csv"][..]),
        ),
        ("2026-10", rates(json!([{"from": "GBP", "to": "USD", "rate": "2"}])), Err("EUR")),
    ] {
        let mut asked = super::of_any_month();
        // An invoice is published in one month alone.
        asked["publish"] = json!(false);
        crate::support::patched(&mut asked, &more);
        let run = scene.run(period, &[&source], &asked);
        let statements = scene.api.get(&format!("/v1/customer_statements?billing_period={period}"));
        let mut shown: Vec<String> = Vec::new();
        for statement in statements.json()["billing_artifacts"].as_array().unwrap() {
            let own = ["bill.csv", "bill.EUR.csv", "bill.USD.csv"]
                .map(|name| (name, &statement["currency"]["name"]));
            let names = statement["files"].as_array().unwrap();
            let its = |(name, currency): &(&str, &Value)| {
                names.contains(&json!(name))
                    && !(name.contains("USD") && *currency == "EUR")
                    && !(name.contains("EUR") && *currency == "USD")
            };
            let file = own.into_iter().find(its).unwrap().0;
            let currency = statement["currency"]["name"].as_str().unwrap();
            shown.push(format!("{} {currency} {file}", super::total(statement)));
        }
        shown.sort();
        let outcome = match expected {
            Ok(expected) if run["state"] == "succeeded" && shown == expected => Ok(()),
            Err(said)
                if run["state"] == "failed"
                    && shown.is_empty()
                    && run["errors"].to_string().contains(said) =>
            {
                Ok(())
            }
            _ => Err(format!("{shown:?} {run}")),
        };
        failures.case(period, outcome);
    }
    failures.done(4);
    // Each bill's lines are found by its currency.
    let runs = scene.api.get("/v1/bill_runs?billing_period=2026-07").json();
    let lines = |currency: &str| {
        let run = &runs["bill_runs"][0]["id"];
        let path = format!("/v1/bill_runs/{run}/customers/1/lines?explain=true&currency={currency}");
        scene.api.get(&path).json()["lines"][0]["explanation"]["charge"].clone()
    };
    assert_eq!([lines("EUR"), lines("USD")], [json!("20.01"), json!("3")]);
}
