//! Profit: what a month's lines cost and are charged.

use super::{Scene, Usage, line, usage};
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    profit_is_what_the_ledgers_say,
    profit_stands_beside_the_month_before,
    profit_as_csv,
    profit_is_for_those_who_see_costs,
    the_command_shows_profit,
);

/// A row in short: currency, name, lines, cost, credit, charge, profit, margin.
fn short(row: &Value) -> String {
    let text = |field: &str| row[field].as_str().unwrap_or("-").to_owned();
    let numbers = ["cost", "earned_credit", "charge", "profit", "margin_percentage"].map(text).join(" ");
    format!("{} {} {}: {numbers}", text("currency"), text("name"), row["lines"])
}

fn rows(scene: &Scene, query: &str) -> Vec<String> {
    let answer = scene.api.get(&format!("/v1/profit?{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["rows"].as_array().unwrap().iter().map(short).collect()
}

fn profit_is_what_the_ledgers_say(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 20.0);
    scene.billed("Beta", "beta", 0.0);
    let lines = [
        line("acme", "Storage", "85"),
        line("acme", "Storage", "0.333"),
        Usage { currency: "EUR", ..line("acme", "Compute", "4") },
        line("beta", "Compute", "-7.5"),
    ];
    // The first line has 15 % of earned credit: 15 less than its price of 100, which the partner keeps.
    let text = usage(&lines).replacen(",85,1,2026-10-07,,,0,", ",85,1,2026-10-07,,,15,", 1);
    assert!(text.contains(",15,"), "{text}");
    let run = scene.run("2026-10", &[&scene.write("october.csv", text.as_bytes())], &json!({}));
    assert_eq!(run["state"], "succeeded", "{run}");
    // 100 / 0.8 + 0.333 / 0.8 = 125.41625, rounded to 125.42.
    assert_eq!(
        rows(&scene, "billing_period=2026-10"),
        [
            "EUR Acme 1: 4 0 5 1 20",
            "USD Acme 2: 85.333 15 125.42 40.087 31.9622",
            "USD Beta 1: -7.5 0 -7.5 0 0",
        ]
    );
    assert_eq!(
        rows(&scene, "billing_period=2026-10&by=product"),
        [
            "EUR Compute 1: 4 0 5 1 20",
            "USD Compute 1: -7.5 0 -7.5 0 0",
            "USD Rounding 0: 0 0 0.00375 0.00375 100",
            "USD Storage 2: 85.333 15 125.41625 40.08325 31.9602",
        ]
    );
    let publishers = rows(&scene, "billing_period=2026-10&by=publisher");
    assert_eq!(publishers.iter().filter(|row| row.contains("Microsoft")).count(), 2, "{publishers:?}");
    let answer = scene.api.get("/v1/profit?billing_period=2026-10&by=subscription").json();
    let of_acme = answer["rows"].as_array().unwrap().iter().find(|row| row["subscription_id"] == "sub-acme");
    assert_eq!(of_acme.unwrap()["customer_id"], acme);
    // Whatever it is by, it adds up to the same; and the cost to the run's.
    for by in ["customer", "product", "publisher", "subscription"] {
        let answer = scene.api.get(&format!("/v1/profit?billing_period=2026-10&by={by}")).json();
        let totals: Vec<String> = answer["totals"].as_array().unwrap().iter().map(short).collect();
        assert_eq!(totals, ["EUR  1: 4 0 5 1 20", "USD  3: 77.833 15 117.92 40.087 33.9951"], "{by}");
        assert_eq!(answer["bills_without_sums"], 0);
        for total in answer["totals"].as_array().unwrap() {
            let of_run =
                run["totals"].as_array().unwrap().iter().find(|t| t["currency"] == total["currency"]);
            assert_eq!(
                (&total["cost"], &total["charge"]),
                (&of_run.unwrap()["cost"], &of_run.unwrap()["charge"])
            );
        }
    }
    for (query, parameter) in [
        ("", "billing_period"),
        ("billing_period=october", "billing_period"),
        ("billing_period=2026-10&by=colour", "by"),
        ("billing_period=2026-10&format=xml", "format"),
    ] {
        let refused = scene.api.get(&format!("/v1/profit?{query}"));
        assert_eq!(
            (refused.status, &refused.json()["details"][0]["parameter"]),
            (422, &json!(parameter)),
            "{query}"
        );
    }
}

fn profit_stands_beside_the_month_before(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 20.0);
    scene.billed("Beta", "beta", 50.0);
    let october = scene.invoice("october.csv", &[line("acme", "a", "8"), line("beta", "a", "2")]);
    let run = scene.run("2026-10", &[&october], &json!({}));
    let on = |total| Usage { day: "2026-11-01", ..line("acme", "a", total) };
    scene.run("2026-11", &[&scene.invoice("november.csv", &[on("4")])], &json!({}));
    let both = || -> Vec<String> {
        let answer = scene.api.get("/v1/profit?billing_period=2026-11").json();
        let rows = answer["rows"].as_array().unwrap();
        let before = |row: &Value| match &row["previous"] {
            Value::Null => "nothing".to_owned(),
            before => before["profit"].as_str().unwrap().to_owned(),
        };
        rows.iter().map(|row| format!("{} {} after {}", row["name"], row["profit"], before(row))).collect()
    };
    assert_eq!(both(), ["\"Acme\" \"1\" after 2", "\"Beta\" \"0\" after 2"]);
    // A later run replaces it; a final month keeps it, and its corrections join it.
    scene.run("2026-11", &[&scene.invoice("november.csv", &[on("8")])], &json!({}));
    assert_eq!(both()[0], "\"Acme\" \"2\" after 2");
    assert_eq!(scene.finalize(&run)["state"], "succeeded");
    assert_eq!(both()[0], "\"Acme\" \"2\" after 2");
    let late = [line("acme", "a", "8"), line("acme", "b", "4"), line("beta", "a", "2")];
    scene.run("2026-10", &[&scene.invoice("late.csv", &late)], &json!({}));
    assert_eq!(both()[0], "\"Acme\" \"2\" after 3");
    assert_eq!(rows(&scene, "billing_period=2026-12"), ["USD Acme 0: 0 0 0 0 -"]);
}

fn profit_as_csv(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("=Acme, \"A\"", "acme", 20.0);
    scene.run("2026-10", &[&scene.invoice("october.csv", &[line("acme", "a", "8")])], &json!({}));
    let expected = format!(
        "BillingPeriod,Currency,CustomerId,SubscriptionId,Name,Lines,Cost,EarnedCredit,Charge,Profit,MarginPercentage,\
         PreviousCost,PreviousEarnedCredit,PreviousCharge,PreviousProfit,PreviousMarginPercentage\n\
         2026-10,USD,{acme},,\"'=Acme, \"\"A\"\"\",1,8,0,10,2,20,,,,,\n"
    );
    let by_format = scene.api.get("/v1/profit?billing_period=2026-10&format=csv");
    let by_header =
        scene.api.call("GET", "/v1/profit?billing_period=2026-10").header("Accept", "text/csv").send();
    for answer in [by_format, by_header] {
        assert_eq!((answer.status, answer.text()), (200, expected.clone()));
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(
            answer.header("content-disposition"),
            "attachment; filename=\"profit-2026-10-by-customer.csv\""
        );
    }
}

fn profit_is_for_those_who_see_costs(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 20.0);
    scene.run("2026-10", &[&scene.invoice("october.csv", &[line("acme", "a", "8")])], &json!({}));
    let path = "/v1/profit?billing_period=2026-10";
    for (role, status) in [("billing", 200), ("auditor", 200), ("viewer", 403), ("operator", 403)] {
        assert_eq!(scene.api.colleague(role).1.get(path).status, status, "{role}");
    }
    assert_eq!(scene.api.user_of(acme).1.get(path).status, 403);
    let other = scene.server.partner().get(path);
    assert_eq!((other.status, &other.json()["rows"]), (200, &json!([])));
}

fn the_command_shows_profit(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 20.0);
    // 15 % of earned credit: 15 less than its price of 100, which the partner keeps.
    let text =
        usage(&[line("acme", "a", "85")]).replacen(",85,1,2026-10-07,,,0,", ",85,1,2026-10-07,,,15,", 1);
    scene.run("2026-10", &[&scene.write("october.csv", text.as_bytes())], &json!({}));
    let run = |more: &[&str]| {
        let ran = scene.server.run(&[&["bill", "profit", "--period", "2026-10"], more].concat());
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    let shown = run(&[]);
    let squeezed: Vec<String> =
        shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        squeezed[1..3],
        [format!("{acme} Acme 85.00 125.00 40.00 32 USD"), "1 line; earned credit 15.00".into()]
    );
    assert_eq!(squeezed[3..], ["total 85.00 125.00 40.00 32 USD", "1 line; earned credit 15.00"], "{shown}");
    let json: Value = serde_json::from_str(&run(&["--json"])).unwrap();
    assert_eq!(json, scene.api.get("/v1/profit?billing_period=2026-10").json());
    assert_eq!(run(&["--csv"]), scene.api.get("/v1/profit?billing_period=2026-10&format=csv").text());
}
