//! Final months: frozen, and what comes in later is a correction on the next statement.

use super::{Scene, Usage, line, of_any_month, tree};
use crate::support::{Engine, Server, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_final_month_is_corrected_on_the_next_statement,
    what_is_final_is_billed_to_nobody_else,
    a_correction_waits_for_somebody_to_bill,
    an_exchanged_folder_is_for_the_months_to_come,
    only_the_last_run_of_a_month_is_finalised,
    an_invoice_belongs_to_one_month,
    what_was_released_once_is_not_asked_again,
    a_release_bills_no_correction_again,
    a_bill_that_is_held_back_keeps_its_correction,
    months_under_way_at_once_bill_a_correction_once,
    a_month_that_was_a_mistake_is_taken_back,
    a_correction_can_be_downloaded,
    a_ledger_that_was_cut_short_is_not_trusted,
);

fn november(total: &'static str) -> Usage<'static> {
    Usage { day: "2026-11-03", ..line("acme", "November", total) }
}

fn shown(scene: &Scene, period: &str) -> Vec<String> {
    let shown = |s: &Value| format!("{} {}", s["status"].as_str().unwrap(), super::total(s));
    let mut statements = scene.statements(&format!("billing_period={period}"));
    statements.retain(|statement| statement["status"] != "Withdrawn");
    statements.iter().map(shown).collect()
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

    // Without billing, without a customer, with another one: October stays whose it was.
    let path = format!("/v2/customers/{acme}");
    scene.api.put(&path, &json!({"partner_billing_configuration": {"enabled": false}}));
    let run = scene.run("2026-10", &[&first], &json!({}));
    assert_eq!(outcome(&run), "Acme 0, Beta 0; ; 0", "{run}");
    assert_eq!(scene.api.call("DELETE", &format!("{path}?force=true")).send().status, 204);
    let run = scene.run("2026-10", &[&first], &json!({}));
    assert_eq!(outcome(&run), "Acme 0, Beta 0; ; 0", "{run}");
    assert_eq!(frozen, (tree(&scene.bills()), scene.statements("")));
    scene.billed("Acme again", "acme", 0.0);
    let run = scene.run("2026-10", &[&more], &json!({}));
    assert_eq!(outcome(&run), "Acme 2, Beta 0; ; 0", "{run}");
    assert_eq!(shown(&scene, "2026-10"), ["Final 15.00", "Final 7.00"]);

    // What vanishes is told of, and what may be the same line changed waits.
    let changed = [line("acme", "a", "10"), line("beta", "a", "7.5"), line("beta", "b", "1")];
    let changed = scene.invoice("changed.csv", &changed);
    let run = scene.run("2026-10", &[&changed], &json!({}));
    assert_eq!(outcome(&run), "Acme 0, Beta 8.5; ; 3", "{run}");
    let why = run["customers"][1]["held_back"][0].as_str().unwrap();
    assert!(
        why.starts_with("1 of the 1 line that is final already is not among these, and 2 are new"),
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
    let billing = |on: bool| {
        let billing = json!({"enabled": on, "folder": "bills/acme"});
        json!({"partner_billing_configuration": billing, "effective_from": "2026-11-01"})
    };
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
    // Gone since before the month.
    scene.api.set_clock("2026-11-01T12:00:00Z");
    for id in [acme, beta] {
        assert_eq!(scene.api.call("DELETE", &format!("/v2/customers/{id}?force=true")).send().status, 204);
    }
    let run = scene.run("2026-11", &[&november], &json!({}));
    let gone = |id: i64, amount: &str| (json!(id), json!(amount), json!("no customer"));
    assert_eq!(pending(&run), [gone(acme, "5"), gone(beta, "6")], "{run}");
    assert!(scene.api.get("/v1/bill_runs").json()["bill_runs"][0]["pending_corrections"].is_null());
}

fn an_exchanged_folder_is_for_the_months_to_come(engine: Engine) {
    let scene = Scene::new(engine);
    let beta = scene.billed("Beta", "beta", 0.0);
    let mut lines = vec![line("beta", "a", "20")];
    let mut month = |more: Option<&'static str>, request: &Value| {
        lines.extend(more.map(|total| line("beta", "more", total)));
        let source = scene.invoice("october.csv", &lines);
        let run = scene.run("2026-10", &[&source], request);
        run["customers"][0]["prefix"].as_str().map(str::to_owned)
    };
    let place = |folder: &str, version: u32| Some(format!("p1/{folder}/2026-10/{beta}/v{version}/"));
    assert_eq!(month(None, &json!({"finalize": true})), place("bills/beta", 1));
    assert_eq!(month(Some("1"), &json!({})), place("bills/beta", 2));
    let billing = json!({"partner_billing_configuration": {"enabled": true, "folder": "moved"}});
    assert_eq!(scene.api.put(&format!("/v2/customers/{beta}"), &billing).status, 200);
    assert_eq!(month(Some("2"), &json!({})), place("bills/beta", 3));
    assert_eq!(month(None, &json!({})), None, "all is billed");
    let november = scene.invoice("november.csv", &[Usage { day: "2026-11-03", ..line("beta", "a", "100") }]);
    let run = scene.run("2026-11", &[&november], &json!({}));
    assert_eq!(run["customers"][0]["prefix"], format!("p1/moved/2026-11/{beta}/v1/"));
    assert_eq!(shown(&scene, "2026-11"), ["Estimated 103.00"]);
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

fn an_invoice_belongs_to_one_month(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let month = |day: &'static str| Usage { day, ..line("acme", "a", "10") };
    let (october, november) = (month("2026-10-07"), month("2026-11-07"));
    let source = |name: &str, lines: &[Usage<'_>]| scene.invoice(name, lines);
    let [first, other] = [("october.csv", october), ("november.csv", november)].map(|(n, l)| source(n, &[l]));
    let both = source("both.csv", &[october, november]);
    let said = |run: &Value| run["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
    let refused = "the invoice G012345678 is billed and final in 2026-10: run its files as that month";

    // As long as nothing is final, an estimate may be one of the wrong month.
    let draft = json!({"publish": false, "accept": ["lines_of_other_months"]});
    let mistaken = scene.run("2026-11", &[&first], &draft);
    let right = scene.run("2026-10", &[&first], &json!({}));
    assert_eq!((&mistaken["state"], &right["state"]), (&json!("succeeded"), &json!("succeeded")));
    // Customers see it in one month only.
    let (published, seen) =
        (scene.publish(&mistaken), "on published statements of 2026-10: withdraw or void those first");
    assert!(published.status == 409 && published.text().contains(seen), "{}", published.text());
    let mut at_once = draft.clone();
    at_once["publish"] = json!(true);
    assert!(said(&scene.run("2026-11", &[&first], &at_once)).contains(seen));
    // Nor do bills that are not shown lie in their folders.
    let more = source("more.csv", &[october, Usage { meter: "b", ..october }]);
    assert!(said(&scene.run("2026-11", &[&more], &at_once)).contains(seen));
    assert!(!scene.bills().join("p1/bills/acme/2026-11").exists());
    scene.finalize(&right);
    let frozen = (tree(&scene.bills()), scene.statements(""));
    let finalize = format!("/v1/bill_runs/{}/finalize", mistaken["id"]);
    let answer = scene.api.call("POST", &finalize).send();
    assert!(answer.status == 409 && answer.text().contains(refused), "{}", answer.text());

    for (period, source, invoice, expected) in [
        ("2026-11", &first, None, refused),
        ("2026-11", &both, None, refused),
        ("2026-11", &both, Some("g012345678"), refused),
        ("2026-12", &first, None, refused),
        ("2026-10", &first, None, ""),
    ] {
        let run = scene.run(period, &[source], &json!({ "invoice_id": invoice }));
        assert_eq!(said(&run), expected, "{period} {source} {invoice:?}: {run}");
        assert_eq!(frozen, (tree(&scene.bills()), scene.statements("")), "{period} {source} {invoice:?}");
    }
    // The other invoice of the same files may be billed, and its own month.
    let run = scene.run("2026-11", &[&both], &json!({"invoice_id": "G02026-11", "finalize": true}));
    assert_eq!(shown(&scene, "2026-11"), ["Final 10.00"], "{run}");
    assert_eq!(said(&scene.run("2026-11", &[&other], &json!({}))), "");
    let run = scene.run("2026-10", &[&both], &json!({}));
    assert_eq!(
        said(&run),
        "the invoice G02026-11 is billed and final in 2026-11: run its files as that month"
    );
    // What came in late belongs to the month whose correction it is.
    let note = super::usage(&[month("2026-10-08")]).replace("G012345678", "G0-note");
    let note = scene.write("note.csv", note.as_bytes());
    let run = scene.run("2026-10", &[&note], &json!({}));
    assert_eq!((&run["customers"][0]["lines"], said(&run)), (&json!(1), String::new()), "{run}");
    let refused = "the invoice G0-note is billed and final in 2026-10: run its files as that month";
    assert_eq!(said(&scene.run("2026-12", &[&note], &json!({}))), refused);
    // Without a number nobody can tell.
    let nameless = super::usage(&[october]).replace("G012345678", "");
    let nameless = scene.write("nameless.csv", nameless.as_bytes());
    let run = scene.run("2026-12", &[&nameless], &of_any_month());
    assert_eq!((&run["state"], said(&run)), (&json!("succeeded"), String::new()), "{run}");
}

fn what_was_released_once_is_not_asked_again(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let run = |costs: &[&str], more: &Value| {
        let lines: Vec<_> = costs.iter().map(|cost| line("acme", "a", cost)).collect();
        let source = scene.invoice("october.csv", &lines);
        scene.run("2026-10", &[&source], more)
    };
    let bill = |run: &Value| {
        let bill = &run["customers"][0];
        (bill["held_back"].as_array().unwrap().len(), bill["charge"].as_str().unwrap().to_owned())
    };
    let mut bills = vec![bill(&run(&["8", "4", "2"], &json!({"finalize": true})))];
    let held = run(&["8", "5", "2"], &json!({}));
    bills.push(bill(&held));
    let release = format!("/v1/bill_runs/{}/release", held["id"]);
    let released = scene.api.post(&release, &json!({"customer_ids": [acme]}));
    bills.push(bill(&scene.end_of(released.header("location"))));
    for costs in ["8 5 2 1", "8 5 1 3", "8 5 4 1 3", "8 4 2 7", "8 5 4 2 1 7"] {
        bills.push(bill(&run(&costs.split(' ').collect::<Vec<_>>(), &json!({}))));
    }
    let expected = [(0, "14"), (1, "5"), (0, "5"), (0, "1"), (1, "3"), (1, "3"), (1, "7"), (0, "7")];
    assert_eq!(bills, expected.map(|(held, charge)| (held, charge.to_owned())));
}

/// Acme's October is final with 100, and was corrected by 20.
fn corrected(engine: Engine) -> (Scene, i64) {
    let scene = Scene::with(engine, &["--bill-max-amount", "1000"]);
    let acme = scene.billed("Acme", "acme", 0.0);
    let october = [line("acme", "a", "100")];
    scene.run("2026-10", &[&scene.invoice("october.csv", &october)], &json!({"finalize": true}));
    let late = [&october[..], &[line("acme", "late", "20")]].concat();
    scene.run("2026-10", &[&scene.invoice("late.csv", &late)], &json!({}));
    (scene, acme)
}

fn release(scene: &Scene, run: &Value, customer: i64) -> Value {
    let path = format!("/v1/bill_runs/{}/release", run["id"]);
    let released = scene.api.post(&path, &json!({"customer_ids": [customer]}));
    assert_eq!(released.status, 202, "{}", released.text());
    scene.end_of(released.header("location"))
}

fn december(scene: &Scene, total: &'static str) -> Value {
    let lines = [Usage { day: "2026-12-01", ..november(total) }];
    scene.run("2026-12", &[&scene.invoice("december.csv", &lines)], &json!({"finalize": true}))
}

fn a_release_bills_no_correction_again(engine: Engine) {
    let (scene, acme) = corrected(engine);
    let beta = scene.billed("Beta", "beta", 0.0);
    let lines = [november("10"), Usage { tenant: "beta", ..november("2000") }];
    let run = scene.run("2026-11", &[&scene.invoice("november.csv", &lines)], &json!({}));
    assert_eq!(scene.finalize(&run)["state"], "succeeded");
    assert_eq!(shown(&scene, "2026-11"), ["Final 30.00"]);
    let of_acme = || scene.statements(&format!("client_api_id={acme}"));
    let (before, files) = (of_acme(), tree(&scene.bills().join("p1/bills/acme")));
    assert!(before.iter().any(|statement| statement["corrections"].is_array()), "{before:?}");
    let released = release(&scene, &run, beta);
    assert_eq!(released["pending_corrections"], json!([]), "it is on a statement");
    assert_eq!(shown(&scene, "2026-11"), ["Final 30.00", "Estimated 2000.00"]);
    assert_eq!((of_acme(), tree(&scene.bills().join("p1/bills/acme"))), (before, files));
    december(&scene, "7");
    assert_eq!(shown(&scene, "2026-12"), ["Final 7.00"]);
}

fn a_bill_that_is_held_back_keeps_its_correction(engine: Engine) {
    let (scene, acme) = corrected(engine);
    let mut lines = vec![november("10")];
    scene.run("2026-11", &[&scene.invoice("november.csv", &lines)], &json!({}));
    let estimate = scene.statements("billing_period=2026-11");
    lines.push(Usage { meter: "large", ..november("5000") });
    let held = scene.run("2026-11", &[&scene.invoice("november.csv", &lines)], &json!({}));
    assert_eq!(scene.statements("billing_period=2026-11"), estimate, "it stays, and says what it carries");
    december(&scene, "7");
    assert_eq!(shown(&scene, "2026-12"), ["Final 7.00"]);
    let released = release(&scene, &held, acme);
    assert_eq!(scene.finalize(&released)["state"], "succeeded");
    assert_eq!(shown(&scene, "2026-11"), ["Final 5030.00"]);
    let carriers = scene.statements("").into_iter().filter(|s| s["corrections"].is_array());
    assert_eq!(carriers.map(|s| s["billing_period"].clone()).collect::<Vec<_>>(), ["2026-11"]);
}

fn months_under_way_at_once_bill_a_correction_once(engine: Engine) {
    let (mut scene, _) = corrected(engine);
    let lines = vec![november("0.01"); 40_000];
    let asked = json!({"billing_period": "2026-11", "sources": [scene.invoice("november.csv", &lines)]});
    let asked = scene.api.post("/v1/bill_runs", &asked);
    let planned = "SELECT COUNT(*) FROM bill_runs WHERE billing_period = '2026-11' AND plan IS NOT NULL";
    while scene.database.value(planned) == "0" {}
    scene.server.kill();
    // Its lease still holds: November is under way, while another server makes December's bills.
    scene.server = Server::start(&scene.database, &["--sandbox", "--at", super::NOW]);
    scene.api = scene.api.on(scene.server.address);
    let other = december(&scene, "7");
    assert_eq!(shown(&scene, "2026-12"), ["Final 7.00"]);
    assert_eq!(shown(&scene, "2026-11"), [""; 0], "it was not under way");
    let pending = &other["pending_corrections"][0];
    assert_eq!([&pending["billing_period"], &pending["amount"]], ["2026-10", "20"], "{other}");
    scene.api.set_clock("2026-11-02T08:05:00Z");
    assert_eq!(scene.end_of(asked.header("location"))["state"], "succeeded");
    assert_eq!(shown(&scene, "2026-11"), ["Estimated 420.00"]);
}

fn a_month_that_was_a_mistake_is_taken_back(engine: Engine) {
    let (scene, acme) = corrected(engine);
    let lines = [november("7")];
    let source = scene.invoice("november.csv", &lines);
    let withdraw = |run: &Value| {
        let answer = scene.api.call("DELETE", &format!("/v1/bill_runs/{}/statements", run["id"])).send();
        (answer.status, answer.text())
    };
    let health =
        || scene.api.get(&format!("/v2/customers/{acme}")).json()["billing_configuration"]["reason"].clone();
    let failed = scene.run("2028-01", &[&scene.write("broken.csv", b"Name,Age\n")], &json!({}));
    assert_eq!(health(), format!("the last run of 2028-01 failed (run {})", failed["id"]));
    let first = scene.run("2028-01", &[&source], &of_any_month());
    let last = scene.run("2028-01", &[&source], &of_any_month());
    assert_eq!(shown(&scene, "2028-01"), ["Estimated 27.00"], "with the correction");
    let cancelled = scene.api.call("DELETE", &format!("/v1/bill_runs/{}", last["id"])).send();
    assert_eq!(
        cancelled.status,
        409,
        "a run that was to be stopped takes nothing back: {}",
        cancelled.text()
    );
    let (status, said) = withdraw(&first);
    assert!(status == 409 && said.contains("this run is not the last of 2028-01"), "{said}");
    let large = scene.invoice("large.csv", &[november("5000")]);
    let last = scene.run("2028-01", &[&large], &of_any_month());
    assert_eq!(health(), format!("its bill of 2028-01 was held back (run {})", last["id"]));
    assert_eq!(withdraw(&last).0, 204);
    assert_eq!((shown(&scene, "2028-01"), health()), (vec![], json!("")), "and nobody is Not Healthy for it");
    for run in [&failed, &first, &last] {
        assert_eq!(scene.end_of(&format!("/v1/bill_runs/{}", run["id"]))["state"], "cancelled");
        let (status, said) = withdraw(run);
        assert!(status == 409 && said.contains("it is cancelled"), "{said}");
    }

    // The correction waits for the right month, whose statement stays once it is final.
    let right = scene.run("2026-11", &[&source], &json!({}));
    assert_eq!(scene.finalize(&right)["state"], "succeeded");
    assert_eq!(shown(&scene, "2026-11"), ["Final 27.00"]);
    let (status, said) = withdraw(&right);
    assert!(status == 409 && said.contains("2026-11 is final: its statements stay"), "{said}");
    assert_eq!(shown(&scene, "2026-11"), ["Final 27.00"]);
    let told: Vec<_> =
        scene.api.trail("action=bill_run.withdraw").iter().map(|e| e["after"].clone()).collect();
    let expected =
        json!({"withdrawn": [{"customer_id": acme, "currency": "USD", "total": "27"}], "corrections": []});
    assert_eq!(told, [expected]);
}

fn a_correction_can_be_downloaded(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta] = ["acme", "beta"].map(|name| scene.billed(name, name, 30.0));
    let october = [line("acme", "a", "7"), line("beta", "a", "7")];
    let first = scene.invoice("october.csv", &october);
    scene.run("2026-10", &[&first], &json!({"finalize": true}));
    let late = scene.invoice("late.csv", &[&october[..], &[line("acme", "late", "1.4")]].concat());
    scene.run("2026-10", &[&late], &json!({}));
    let shown = |api: &crate::support::Api| super::statements(api, &format!("client_api_id={acme}"));
    assert!(shown(&scene.api).iter().all(|statement| statement["corrections"].is_null()), "on none yet");
    let next = scene.invoice("november.csv", &[november("70"), Usage { tenant: "beta", ..november("7") }]);
    scene.run("2026-11", &[&next], &json!({}));
    let [own, other] = [acme, beta].map(|id| scene.api.user_of(id).1);
    let statements = shown(&own);
    let carrier = statements.iter().find(|s| s["billing_period"] == "2026-11").unwrap();
    let names = ["bill.csv", "statement.html", "statement.json"];
    assert_eq!(
        carrier["corrections"],
        json!([{"billing_period": "2026-10", "version": 2, "amount": 2.00, "files": names}]),
        "{carrier}"
    );
    let place = |statement: &Value, period: &str, version: u32, name: &str| {
        format!("/v1/customer_statements/{}/corrections/{period}/{version}/files/{name}", statement["id"])
    };
    for name in names {
        let path = place(carrier, "2026-10", 2, name);
        let [partner, own, other] = [&scene.api, &own, &other].map(|api| api.get(&path));
        assert_eq!([partner.status, own.status, other.status], [200, 200, 404], "{name}");
        assert_eq!(partner.text(), own.text());
        assert!(!own.text().contains("1.4"), "{name} gives the cost away: {}", own.text());
        assert!(name != "bill.csv" || own.text().contains("late"), "{}", own.text());
    }
    let of_october = statements.iter().find(|s| s["billing_period"] == "2026-10").unwrap();
    for path in [
        place(carrier, "2026-10", 1, "bill.csv"),
        place(carrier, "2026-10", 3, "bill.csv"),
        place(carrier, "2026-11", 1, "bill.csv"),
        place(of_october, "2026-10", 2, "bill.csv"),
        place(carrier, "2026-10", 2, "ledger.csv"),
        place(carrier, "2026-10", 2, "..%2Fv1%2Fbill.csv"),
        place(carrier, "2026-10", 2, "..%2F..%2F..%2F..%2F_runs"),
        place(&json!({"id": 999}), "2026-10", 2, "bill.csv"),
    ] {
        for api in [&scene.api, &own] {
            assert_eq!(api.get(&path).status, 404, "{path}");
        }
    }
}

fn a_ledger_that_was_cut_short_is_not_trusted(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let october = [line("acme", "a", "10"), line("acme", "b", "5")];
    let first = scene.invoice("october.csv", &october);
    let run = scene.run("2026-10", &[&first], &json!({"finalize": true}));
    let ledger = run["customers"][0]["ledger"].as_str().unwrap().to_owned();
    let (place, published) = (scene.bills().join(&ledger), tree(&scene.bills()));
    let whole = std::fs::read(&place).unwrap();
    let verify = || {
        let ran = scene.server.run_without_database(&["bill", "verify"]);
        (ran.status.success(), String::from_utf8(ran.stdout).unwrap())
    };
    let explained = format!("/v1/bill_runs/{}/customers/{acme}/lines?explain=true", run["id"]);
    assert_eq!((verify().0, scene.api.get(&explained).status), (true, 200));
    let second = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    for bytes in [&whole[..second], &[&whole[..whole.len() - 2], &b"X\n"[..]].concat()] {
        std::fs::write(&place, bytes).unwrap();
        let (good, said) = verify();
        assert!(!good && said.contains(&format!("{ledger}: is not what its name says")), "{said}");
        let failed = scene.run("2026-10", &[&first], &json!({}));
        let why = failed["errors"][0]["message"].as_str().unwrap();
        assert!(failed["state"] == "failed" && why.contains(&ledger), "{failed}");
    }
    std::fs::remove_file(&place).unwrap();
    assert_eq!(scene.run("2026-10", &[&first], &json!({}))["state"], "failed");
    std::fs::write(&place, &whole).unwrap();
    assert_eq!(tree(&scene.bills()), published, "nothing has changed");
    assert_eq!(scene.run("2026-10", &[&first], &json!({}))["customers"][0]["lines"], 0);

    // One of an earlier version has no digest: it is told of, and used.
    let old = format!("p1/{}/ledgers/{acme}-USD-v1.csv", run["id"]);
    std::fs::rename(&place, scene.bills().join("_runs").join(&old)).unwrap();
    scene.database.execute(&format!("UPDATE statements SET ledger = '{old}'"));
    let (good, said) = verify();
    assert!(good && said.contains(&format!("_runs/{old}  is of an earlier version")), "{said}");
    assert_eq!(scene.run("2026-10", &[&first], &json!({}))["customers"][0]["lines"], 0);
}
