//! Final statements that were a mistake: reversed by statements that say so, and billed again.

use super::{Scene, Usage, end_of, line, of_any_month, statements, total, tree};
use crate::console::Browser;
use crate::support::{Api, Engine, Server, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_final_month_is_reversed_and_billed_again,
    a_void_says_what_is_wrong_with_it,
    a_correction_on_a_later_statement_goes_first,
    a_void_statement_goes_on_naming_its_corrections,
    a_withdrawn_statement_goes_on_naming_its_corrections,
    a_void_that_was_killed_is_taken_up,
);

fn void(scene: &Scene, run: &Value, body: &Value) -> Value {
    let asked = scene.api.post(&format!("/v1/bill_runs/{}/void", run["id"]), body);
    assert_eq!(asked.status, 202, "{}", asked.text());
    let run = scene.end_of(asked.header("location"));
    assert_eq!(
        (&run["state"], &run["stage"], &run["errors"]),
        (&json!("succeeded"), &json!("void"), &json!([])),
        "{run}"
    );
    run
}

fn seen(api: &Api, query: &str) -> Vec<String> {
    let shown = |s: &Value| format!("{} {} v{}", s["status"].as_str().unwrap(), total(s), s["version"]);
    statements(api, query).iter().map(shown).collect()
}

fn a_final_month_is_reversed_and_billed_again(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta] = ["acme", "beta"].map(|name| scene.billed(name, name, 20.0));
    let (_, user) = scene.api.user_of(acme);
    // October's file, as November, and final at once.
    let lines = [
        line("acme", "a", "10"),
        Usage { currency: "EUR", ..line("acme", "b", "-0.333") },
        line("beta", "a", "5"),
    ];
    let source = scene.invoice("october.csv", &lines);
    let mut request = of_any_month();
    request["finalize"] = json!(true);
    let run = scene.run("2026-11", &[&source], &request);
    assert_eq!(run["state"], "succeeded", "{run}");
    let expected = ["Final -0.42 v1", "Final 12.50 v1"];
    let mut finals = seen(&user, "");
    finals.sort();
    assert_eq!(finals, expected);
    let before = tree(&scene.bills());
    let blocked = scene.run("2026-10", &[&source], &json!({}));
    assert!(
        blocked["errors"][0]["message"].as_str().unwrap().contains("is billed and final in 2026-11"),
        "{blocked}"
    );

    let ended = void(&scene, &run, &json!({"reason": "billed as November by mistake"}));
    let bill = &ended["customers"][0];
    assert!(bill["reversal_prefix"].as_str().unwrap().ends_with("/v2/"), "{bill}");
    let mut after = seen(&user, "");
    after.sort();
    assert_eq!(after, ["Reversal -12.50 v2", "Reversal 0.42 v2", "Void -0.42 v1", "Void 12.50 v1"]);
    let all = statements(&user, "per_page=100");
    for reversal in all.iter().filter(|s| s["status"] == "Reversal") {
        let original = all.iter().find(|s| s["id"] == reversal["reverses"]).unwrap();
        assert_eq!((&original["status"], &original["currency"]), (&json!("Void"), &reversal["currency"]));
        assert_eq!(reversal["notice"], "billed as November by mistake");
        let expected = format!("reversed by statement {}: billed as November by mistake", reversal["id"]);
        assert_eq!(original["notice"], expected);
        let file = |statement: &Value, name: &str| {
            user.get(&format!("/v1/customer_statements/{}/files/{name}", statement["id"])).text()
        };
        let code = reversal["currency"]["name"].as_str().unwrap();
        let json: Value = serde_json::from_str(&file(reversal, &format!("statement.{code}.json"))).unwrap();
        assert_eq!((&json["status"], &json["reverses_version"]), (&json!("Reversal"), &json!(1)));
        assert_eq!(json["total_amount"], reversal["total_amount"]);
        let page = file(reversal, &format!("statement.{code}.html"));
        assert!(page.contains("Reversal of the statement for 2026-11, version 1"), "{page}");
        let focus = file(reversal, &format!("bill.focus.{code}.csv"));
        assert!(focus.lines().skip(1).all(|row| row.contains("Correction")), "{focus}");
    }
    let now = tree(&scene.bills());
    assert!(before.iter().all(|(name, bytes)| now.get(name) == Some(bytes)), "what was published stays");
    let verified = scene.server.run(&["bill", "verify", "--complete"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));

    // Its lines are free, in their month and in this one.
    let october = scene.run("2026-10", &[&source], &json!({"finalize": true}));
    assert_eq!(october["state"], "succeeded", "{october}");
    let mut right = seen(&user, "billing_period=2026-10");
    right.sort();
    assert_eq!(right, expected);
    let november = [Usage { day: "2026-11-03", ..line("acme", "a", "8") }];
    let run = scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &json!({"finalize": true}));
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(seen(&user, "billing_period=2026-11&status=Final"), ["Final 10.00 v3"]);
    assert_eq!(scene.statements(&format!("client_api_id={beta}&status=Final")).len(), 1);
    let told: Vec<_> =
        scene.api.trail("action=bill_run.void").iter().map(|e| e["after"]["reason"].clone()).collect();
    assert_eq!(told, ["billed as November by mistake"]);

    // One customer's alone, and once more.
    void(&scene, &october, &json!({"customer_ids": [beta], "reason": "sold"}));
    assert_eq!(
        seen(&scene.api, &format!("client_api_id={beta}&billing_period=2026-10")),
        ["Void 6.25 v1", "Reversal -6.25 v2"]
    );
    assert_eq!(seen(&user, "billing_period=2026-10&status=Final").len(), 2, "the others stay");
}

fn a_void_says_what_is_wrong_with_it(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta] = ["acme", "beta"].map(|name| scene.billed(name, name, 0.0));
    let run = scene.run("2026-10", &[&scene.invoice("october.csv", &[line("acme", "a", "10")])], &json!({}));
    let place = format!("/v1/bill_runs/{}/void", run["id"]);
    let estimate = scene.api.post(&place, &json!({"reason": "r"}));
    assert!(
        estimate.status == 409 && estimate.text().contains("2026-10 has no final statements"),
        "{}",
        estimate.text()
    );
    scene.finalize(&run);
    for (body, expected) in [
        (json!({}), "/reason required"),
        (json!({"reason": ""}), "/reason required"),
        (json!({"reason": 5}), "/reason wrong_type"),
        (json!({"reason": "r", "customer_ids": []}), "/customer_ids required"),
        (json!({"reason": "r", "customer_ids": acme}), "/customer_ids wrong_type"),
        (
            json!({"reason": "r", "customer_ids": [acme, beta, "x"]}),
            "/customer_ids/1 invalid, /customer_ids/2 wrong_type",
        ),
        (json!({"reason": "r", "all": true}), "/all unknown"),
    ] {
        let answer = scene.api.post(&place, &body);
        assert!(answer.status == 422 && answer.details().contains(expected), "{body}: {}", answer.text());
    }
    assert_eq!(seen(&scene.api, ""), ["Final 10.00 v2"], "nothing was changed");
    void(&scene, &run, &json!({"reason": "r"}));
    assert_eq!(scene.api.post(&place, &json!({"reason": "r"})).status, 409, "it is void already");
}

fn a_correction_on_a_later_statement_goes_first(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let october = [line("acme", "a", "100")];
    scene.run("2026-10", &[&scene.invoice("october.csv", &october)], &json!({"finalize": true}));
    let late = [&october[..], &[line("acme", "late", "20")]].concat();
    let late = scene.invoice("late.csv", &late);
    let correcting = scene.run("2026-10", &[&late], &json!({}));
    let november = [Usage { day: "2026-11-03", ..line("acme", "a", "7") }];
    let next = scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &json!({"finalize": true}));
    assert_eq!(seen(&scene.api, "billing_period=2026-11"), ["Final 27.00 v1"]);
    let refused =
        scene.api.post(&format!("/v1/bill_runs/{}/void", correcting["id"]), &json!({"reason": "r"}));
    let expected = "the correction of 2026-10 (version 2) of customer 1 is on the statement of 2026-11: withdraw or void that one first";
    assert!(refused.status == 409 && refused.text().contains(expected), "{}", refused.text());
    void(&scene, &next, &json!({"reason": "r"}));
    void(&scene, &correcting, &json!({"reason": "r"}));
    // All of it can be billed again: what was late is no correction any more.
    let again = scene.run("2026-10", &[&late], &json!({"finalize": true}));
    assert_eq!(again["customers"][0]["charge"], "120", "{again}");
    assert_eq!(seen(&scene.api, "billing_period=2026-10&status=Final"), ["Final 120.00 v4"]);
    let run = scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &json!({}));
    assert_eq!(run["customers"][0]["charge"], "7", "{run}");
}

/// Month, status and corrections of each statement, with the number of lines of each correction.
fn with_corrections(api: &Api, query: &str) -> Vec<String> {
    let shown = |statement: &Value| {
        let corrections = statement["corrections"].as_array().cloned().unwrap_or_default();
        let named: Vec<String> = corrections
            .iter()
            .map(|of| {
                let place = format!("{}/{}", of["billing_period"].as_str().unwrap(), of["version"]);
                let path =
                    format!("/v1/customer_statements/{}/corrections/{place}/files/bill.csv", statement["id"]);
                assert!(of["files"].as_array().unwrap().contains(&json!("bill.csv")), "{statement}");
                let lines = api.get(&path);
                assert_eq!(lines.status, 200, "{}", lines.text());
                format!(
                    "{place}: {:.2}, {} lines",
                    of["amount"].as_f64().unwrap(),
                    lines.text().lines().count() - 1
                )
            })
            .collect();
        let [period, status] = ["billing_period", "status"].map(|field| statement[field].as_str().unwrap());
        format!("{period} {status} [{}]", named.join("; "))
    };
    let mut found: Vec<String> = statements(api, query).iter().map(shown).collect();
    found.sort();
    found
}

/// October final, what came late for it, and November, which is as the request says and has that.
fn november_with_a_correction(engine: Engine, request: &Value) -> (Scene, Api, [Value; 2], String) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let (_, user) = scene.api.user_of(acme);
    let october = [line("acme", "a", "100")];
    scene.run("2026-10", &[&scene.invoice("october.csv", &october)], &json!({"finalize": true}));
    let late = [&october[..], &[line("acme", "late", "20"), line("acme", "later", "3")]].concat();
    let correcting = scene.run("2026-10", &[&scene.invoice("late.csv", &late)], &json!({}));
    let november = [Usage { day: "2026-11-03", ..line("acme", "a", "7") }];
    let source = scene.invoice("november.csv", &november);
    let run = scene.run("2026-11", &[&source], request);
    assert_eq!(run["state"], "succeeded", "{run}");
    (scene, user, [correcting, run], source)
}

fn a_void_statement_goes_on_naming_its_corrections(engine: Engine) {
    let (scene, user, [correcting, november], source) =
        november_with_a_correction(engine, &json!({"finalize": true}));
    let shown = |query: &str| {
        let [seen, own] = [&user, &scene.api].map(|api| with_corrections(api, query));
        assert_eq!(seen, own, "the customer sees what the partner sees");
        own
    };
    let of_november = "billing_period=2026-11";
    assert_eq!(shown(of_november), ["2026-11 Final [2026-10/2: 23.00, 2 lines]"]);
    void(&scene, &november, &json!({"reason": "r"}));
    let void_and_reversal =
        ["2026-11 Reversal [2026-10/2: -23.00, 2 lines]", "2026-11 Void [2026-10/2: 23.00, 2 lines]"];
    assert_eq!(shown(of_november), void_and_reversal);
    // On another statement, and no longer on that one either.
    let again = scene.run("2026-11", &[&source], &json!({"finalize": true}));
    assert_eq!(
        shown(of_november),
        [&["2026-11 Final [2026-10/2: 23.00, 2 lines]"], &void_and_reversal[..]].concat()
    );
    void(&scene, &again, &json!({"reason": "r"}));
    // The correction goes with its month.
    void(&scene, &correcting, &json!({"reason": "r"}));
    assert_eq!(scene.database.value("SELECT COUNT(*) FROM corrections"), "0");
    let [reversal, void] = void_and_reversal;
    assert_eq!(shown(of_november), [reversal, reversal, void, void]);
    assert_eq!(shown("billing_period=2026-10"), ["2026-10 Reversal []", "2026-10 Void []"]);
    let page = |of: &Api, status: &str| {
        let found = statements(&scene.api, &format!("{of_november}&status={status}"));
        Browser::signed_in(of).get(&format!("/console/bills/{}", found[0]["id"])).text()
    };
    for api in [&user, &scene.api] {
        assert!(page(api, "Void").contains("23.00\u{a0}USD"), "{}", page(api, "Void"));
        assert!(page(api, "Reversal").contains("\u{2212}23.00\u{a0}USD"), "{}", page(api, "Reversal"));
    }
    let verified = scene.server.run(&["bill", "verify", "--complete"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    // The control: its files are among those that there must be.
    std::fs::remove_dir_all(scene.drafts().join("p1/bills/acme/2026-10")).unwrap();
    std::fs::remove_dir_all(scene.bills().join("p1/bills/acme/2026-10/1/v2")).unwrap();
    let verified = scene.server.run(&["bill", "verify", "--complete"]);
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(
        !verified.status.success() && said.contains("/2026-10/1/v2/manifest.json  is not there"),
        "{said}"
    );
}

fn a_withdrawn_statement_goes_on_naming_its_corrections(engine: Engine) {
    let (scene, user, [_, november], source) = november_with_a_correction(engine, &json!({}));
    let withdraw = |run: &Value| {
        let answer = scene.api.call("DELETE", &format!("/v1/bill_runs/{}/statements", run["id"])).send();
        assert_eq!(answer.status, 204, "{}", answer.text());
    };
    let both = || [&scene.api, &user].map(|api| with_corrections(api, "billing_period=2026-11"));
    let (estimated, withdrawn) =
        ("2026-11 Estimated [2026-10/2: 23.00, 2 lines]", "2026-11 Withdrawn [2026-10/2: 23.00, 2 lines]");
    assert_eq!(both(), [[estimated], [estimated]]);
    withdraw(&november);
    assert_eq!(both(), [[withdrawn], [withdrawn]]);
    let december = [Usage { day: "2026-12-03", ..line("acme", "a", "1") }];
    scene.run("2026-12", &[&scene.invoice("december.csv", &december)], &json!({"finalize": true}));
    assert_eq!(
        with_corrections(&user, "billing_period=2026-12"),
        ["2026-12 Final [2026-10/2: 23.00, 2 lines]"]
    );
    // A new draft has none; taken back, it is again what the customer has seen.
    let draft = scene.draft("2026-11", &[&source]);
    assert_eq!(both(), [["2026-11 Estimated []"], [withdrawn]]);
    withdraw(&draft);
    assert_eq!(both(), [[withdrawn], [withdrawn]]);
}

/// SIGKILL while statements are reversed: another server goes on, and each is reversed once.
fn a_void_that_was_killed_is_taken_up(engine: Engine) {
    const CUSTOMERS: usize = 8;
    let mut interrupted = 0;
    for enough in [0, 1, 2, 4, 6, CUSTOMERS] {
        let mut scene = Scene::new(engine);
        let names: Vec<_> = (0..CUSTOMERS).map(|i| format!("t-{i}")).collect();
        for name in &names {
            scene.billed(name, name, 0.0);
        }
        let lines: Vec<_> = names.iter().map(|name| line(name, "a", "1.5")).collect();
        let run = scene.run("2026-10", &[&scene.invoice("october.csv", &lines)], &json!({"finalize": true}));
        let place = format!("/v1/bill_runs/{}", run["id"]);
        assert_eq!(scene.api.post(&format!("{place}/void"), &json!({"reason": "r"})).status, 202);
        let reversals = |scene: &Scene| {
            tree(&scene.bills()).keys().filter(|name| name.contains("/v2/manifest.json")).count()
        };
        while reversals(&scene) < enough {
            std::hint::spin_loop();
        }
        scene.server.kill();
        let void = scene.database.value("SELECT COUNT(*) FROM statements WHERE status = 'Void'");
        assert!(["0", "8"].contains(&void.as_str()), "killed at {enough}: {void}");
        interrupted += usize::from(void == "0");
        let again = Server::start(&scene.database, &["--sandbox", "--at", "2026-11-05T10:00:00Z"]);
        let api = scene.api.on(again.address);
        let ended = end_of(&api, &place);
        assert_eq!((&ended["state"], &ended["errors"]), (&json!("succeeded"), &json!([])), "{ended}");
        let mut now = seen(&api, "per_page=100");
        now.sort();
        now.dedup();
        assert_eq!(now, ["Reversal -1.50 v2", "Void 1.50 v1"], "killed at {enough}");
        assert_eq!(statements(&api, "per_page=100").len(), 2 * CUSTOMERS, "killed at {enough}");
        assert!(tree(&scene.bills()).keys().all(|name| !name.contains("/v3/")), "one copy");
        assert_eq!(scene.database.value("SELECT COUNT(*) FROM publications WHERE status = 'Void'"), "8");
    }
    assert!(interrupted >= 2, "only {interrupted} were interrupted");
}
