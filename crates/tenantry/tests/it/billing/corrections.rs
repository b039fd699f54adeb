//! Final months: frozen, and what comes in later is a correction on the next statement.

use super::{Scene, Usage, line, tree};
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_final_month_is_corrected_on_the_next_statement,
    what_is_final_is_billed_to_nobody_else,
    a_correction_waits_for_somebody_to_bill,
    an_exchanged_folder_loses_no_correction,
    only_the_last_run_of_a_month_is_finalised
);

fn november(total: &'static str) -> Usage<'static> {
    Usage { day: "2026-11-03", ..line("acme", "November", total) }
}

fn shown(scene: &Scene, period: &str) -> Vec<String> {
    let shown = |s: &Value| format!("{} {}", s["status"].as_str().unwrap(), super::total(s));
    scene.statements(&format!("billing_period={period}")).iter().map(shown).collect()
}

fn a_final_month_is_corrected_on_the_next_statement(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    scene.billed("Beta", "beta", 0.0);
    let october = [line("acme", "a", "10"), line("acme", "a", "10"), line("beta", "a", "7")];
    let first = scene.invoice("october.csv", &october);
    let run = scene.run("2026-10", &[&first], &json!({}));
    assert_eq!(shown(&scene, "2026-10"), ["Estimated 20.00", "Estimated 7.00"]);
    scene.api.set_clock("2026-11-05T10:00:00Z");
    assert_eq!(scene.finalize(&run)["state"], "succeeded");
    assert_eq!(shown(&scene, "2026-10"), ["Final 20.00", "Final 7.00"]);
    assert_eq!(scene.statements("status=Final")[0]["statement_generation_time"], "2026-11-05 10:00:00");
    assert_eq!(scene.statements("status=Estimated"), Vec::<Value>::new());
    let frozen = (tree(&scene.bills()), scene.statements(""));
    assert_eq!(scene.finalize(&run)["state"], "succeeded");
    assert_eq!(frozen, (tree(&scene.bills()), scene.statements("")), "once more changes nothing");

    // The same lines again: nothing is new.
    scene.run("2026-10", &[&first], &json!({}));
    assert_eq!(frozen, (tree(&scene.bills()), scene.statements("")));

    // One more of a line that was there twice, and a credit.
    let late = [&october[..], &[line("acme", "a", "10"), line("acme", "credit", "-4")]].concat();
    let late = scene.invoice("october-late.csv", &late);
    let corrected = scene.run("2026-10", &[&late], &json!({}));
    let bill = &corrected["customers"][0];
    // Behind the estimate and what is final of it.
    assert!(bill["prefix"].as_str().unwrap().ends_with("/v3/"), "{corrected}");
    assert_eq!(
        (&bill["lines"], &bill["charge"], &bill["billed_before"]["lines"]),
        (&json!(2), &json!("6"), &json!(2))
    );
    assert_eq!(scene.statements(""), frozen.1, "final statements are frozen");
    let now = tree(&scene.bills());
    assert!(frozen.0.iter().all(|(name, bytes)| now.get(name) == Some(bytes)), "so are their files");

    // It is on the next statement, however often that is made.
    for total in ["100", "200", "200"] {
        let next = scene.invoice("november.csv", &[november(total)]);
        let run = scene.run("2026-11", &[&next], &json!({}));
        assert_eq!(run["customers"][0]["corrections"], "6", "{run}");
        assert_eq!(shown(&scene, "2026-11"), [format!("Estimated {}.00", total.parse::<i64>().unwrap() + 6)]);
    }
    // A final month that has one is not credited again by being run again, and neither is the month after it.
    let next = scene.invoice("november.csv", &[november("200")]);
    scene.run("2026-11", &[&next], &json!({"finalize": true}));
    assert_eq!(shown(&scene, "2026-11"), ["Final 206.00"]);
    let frozen = tree(&scene.bills());
    let again = scene.run("2026-11", &[&next], &json!({}));
    let bill = &again["customers"][0];
    assert_eq!(
        (&bill["lines"], &bill["charge"], &bill["corrections"]),
        (&json!(0), &json!("0"), &json!("0"))
    );
    assert_eq!(frozen, tree(&scene.bills()));
    // And it is on no other.
    let december = scene.invoice("december.csv", &[Usage { day: "2026-12-01", ..november("1") }]);
    let run = scene.run("2026-12", &[&december], &json!({"finalize": true}));
    assert_eq!(run["customers"][0]["corrections"], "0", "{run}");
    assert_eq!(shown(&scene, "2026-12"), ["Final 1.00"]);
    let again = scene.run("2026-10", &[&late], &json!({}));
    assert_eq!(again["customers"][0]["lines"], 0, "what was corrected is billed: {again}");
}

/// Of a run, what is on bills, what on none, and how many final lines were not seen.
fn outcome(run: &Value) -> String {
    let of = |list: &str, show: fn(&Value) -> String| {
        run[list].as_array().unwrap().iter().map(show).collect::<Vec<_>>().join(", ")
    };
    let billed = of("customers", |bill| {
        format!("{} {}", bill["name"].as_str().unwrap(), bill["charge"].as_str().unwrap())
    });
    let left = of("unassigned", |left| {
        format!("{} {}", left["cost"].as_str().unwrap(), left["reason"].as_str().unwrap())
    });
    format!("{billed}; {left}; {}", run["checks"]["final_lines_missing"])
}

fn what_is_final_is_billed_to_nobody_else(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    scene.billed("Beta", "beta", 0.0);
    let october = [line("acme", "a", "10"), line("acme", "b", "5"), line("beta", "a", "7")];
    let first = scene.invoice("october.csv", &october);
    let more = scene.invoice("more.csv", &[&october[..], &[line("acme", "c", "2")]].concat());
    scene.run("2026-10", &[&first], &json!({"finalize": true}));
    let frozen = (tree(&scene.bills()), scene.statements(""));
    let rates = json!({"currency_rates": [{"from": "USD", "to": "EUR", "rate": "0.5"}]});

    // In another spelling.
    let respelled =
        crate::billing::usage(&october).replace("Tenant acme", "Renamed").replace("2026-10-07", "10/7/2026");
    let respelled = respelled.replace(",10,", ",10.00,").replace(",acme,", ",org:ACME,");
    assert!(respelled.contains("10.00") && respelled.contains("org:ACME"));
    let respelled = scene.write("respelled.csv", respelled.as_bytes());
    for (source, more, expected) in [
        (&first, json!({}), "Acme 0, Beta 0; ; 0"),
        (&respelled, json!({}), "Acme 0, Beta 0; ; 0"),
        (&first, rates.clone(), "Acme 0, Beta 0; ; 0"),
    ] {
        assert_eq!(outcome(&scene.run("2026-10", &[source], &more)), expected, "{source} {more}");
        assert_eq!(frozen, (tree(&scene.bills()), scene.statements("")), "{source} {more}");
    }

    // Without billing, without a customer, with another one.
    let path = format!("/v2/customers/{acme}");
    scene.api.put(&path, &json!({"partner_billing_configuration": {"enabled": false}}));
    let run = scene.run("2026-10", &[&more], &json!({}));
    assert_eq!(outcome(&run), "Beta 0; 2 billing off, 15 billed before; 0", "{run}");
    assert_eq!(scene.api.call("DELETE", &path).send().status, 204);
    let run = scene.run("2026-10", &[&more], &json!({}));
    assert_eq!(outcome(&run), "Beta 0; 2 no customer, 15 billed before; 0", "{run}");
    assert_eq!(frozen, (tree(&scene.bills()), scene.statements("")));
    scene.billed("Acme again", "acme", 0.0);
    let run = scene.run("2026-10", &[&more], &json!({}));
    assert_eq!(outcome(&run), "Beta 0, Acme again 2; ; 0", "{run}");
    assert_eq!(shown(&scene, "2026-10"), ["Final 15.00", "Final 7.00", "Estimated 2.00"]);

    // What vanishes is told of, and what may be the same line changed waits.
    let changed = [line("acme", "a", "10"), line("beta", "a", "7.5"), line("beta", "b", "1")];
    let changed = scene.invoice("changed.csv", &changed);
    let run = scene.run("2026-10", &[&changed], &json!({}));
    assert_eq!(outcome(&run), "Beta 8.5, Acme again 0; ; 2", "{run}");
    let why = run["customers"][0]["held_back"][0].as_str().unwrap();
    assert!(
        why.starts_with("1 of the 1 lines that are final already are not among these, and 2 are new"),
        "{why}"
    );
}

fn a_correction_waits_for_somebody_to_bill(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta] = ["acme", "beta"].map(|name| scene.billed(name, name, 0.0));
    let october = [line("acme", "a", "10"), line("beta", "a", "10")];
    let first = scene.invoice("october.csv", &october);
    scene.run("2026-10", &[&first], &json!({"finalize": true}));
    let late = scene
        .invoice("late.csv", &[&october[..], &[line("acme", "b", "5"), line("beta", "b", "6")]].concat());
    scene.run("2026-10", &[&late], &json!({}));
    let november = scene.invoice("november.csv", &[Usage { day: "2026-11-03", ..line("beta", "a", "1") }]);
    let pending = |run: &Value| -> Vec<(Value, Value, Value)> {
        let of = |p: &Value| (p["customer_id"].clone(), p["amount"].clone(), p["reason"].clone());
        run["pending_corrections"].as_array().unwrap().iter().map(of).collect()
    };

    // Carried, then not, then carried again.
    let billing =
        |on: bool| json!({"partner_billing_configuration": {"enabled": on, "folder": "bills/acme"}});
    for (on, expected) in
        [(true, vec![]), (false, vec![(json!(acme), json!("5"), json!("billing off"))]), (true, vec![])]
    {
        let put = scene.api.put(&format!("/v2/customers/{acme}"), &billing(on));
        assert_eq!(put.status, 200, "{}", put.text());
        let run = scene.run("2026-11", &[&november], &json!({}));
        assert_eq!(pending(&run), expected, "{run}");
        let acmes: &[&str] = if on { &["Estimated 5.00"] } else { &[] };
        let mut now = shown(&scene, "2026-11");
        now.retain(|one| one != "Estimated 7.00");
        assert_eq!(now, acmes);
    }
    for id in [acme, beta] {
        assert_eq!(scene.api.call("DELETE", &format!("/v2/customers/{id}")).send().status, 204);
    }
    let run = scene.run("2026-11", &[&november], &json!({}));
    let gone = |id: i64, amount: &str| (json!(id), json!(amount), json!("no customer"));
    assert_eq!(pending(&run), [gone(acme, "5"), gone(beta, "6")], "{run}");
    assert!(scene.api.get("/v1/bill_runs").json()["bill_runs"][0]["pending_corrections"].is_null());
}

fn an_exchanged_folder_loses_no_correction(engine: Engine) {
    let scene = Scene::new(engine);
    let beta = scene.billed("Beta", "beta", 0.0);
    let mut lines = vec![line("beta", "a", "20")];
    let mut month = |more: Option<&'static str>, request: &Value| {
        lines.extend(more.map(|total| line("beta", "more", total)));
        let source = scene.invoice("october.csv", &lines);
        let run = scene.run("2026-10", &[&source], request);
        run["customers"][0]["prefix"].as_str().map(str::to_owned)
    };
    let move_to = |folder: &str| {
        let billing = json!({"partner_billing_configuration": {"enabled": true, "folder": folder}});
        assert_eq!(scene.api.put(&format!("/v2/customers/{beta}"), &billing).status, 200);
    };
    let place = |folder: &str, version: u32| Some(format!("{folder}/2026-10/{beta}/v{version}/"));
    assert_eq!(month(None, &json!({"finalize": true})), place("bills/beta", 1));
    assert_eq!(month(Some("1"), &json!({})), place("bills/beta", 2));
    move_to("moved");
    assert_eq!(month(Some("2"), &json!({})), place("moved", 3));
    assert_eq!(month(Some("4"), &json!({})), place("moved", 4));
    move_to("bills/beta");
    assert_eq!(month(Some("8"), &json!({})), place("bills/beta", 5));
    assert_eq!(month(None, &json!({})), None, "all is billed");
    let november = scene.invoice("november.csv", &[Usage { day: "2026-11-03", ..line("beta", "a", "100") }]);
    scene.run("2026-11", &[&november], &json!({}));
    assert_eq!(shown(&scene, "2026-11"), ["Estimated 115.00"]);
}

fn only_the_last_run_of_a_month_is_finalised(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let source = scene.invoice("october.csv", &[line("acme", "a", "10")]);
    let (first, last) =
        (scene.run("2026-10", &[&source], &json!({})), scene.run("2026-10", &[&source], &json!({})));
    let finalize =
        |run: &Value| scene.api.call("POST", &format!("/v1/bill_runs/{}/finalize", run["id"])).send();
    let refused = finalize(&first);
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains(&format!("that is /v1/bill_runs/{}", last["id"])), "{}", refused.text());
    assert_eq!(finalize(&json!({"id": 999})).status, 404);
    assert_eq!(scene.finalize(&last)["state"], "succeeded");
    assert_eq!(shown(&scene, "2026-10"), ["Final 10.00"]);
}
