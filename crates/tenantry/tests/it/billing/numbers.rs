//! The numbers of statements, and what else a partner says of them.

use super::{Scene, Usage, end_of, line, of_any_month, statements};
use crate::support::{Api, Database, Engine, Server, on_both_engines};
use serde_json::{Value, json};
use std::collections::BTreeSet;

on_both_engines!(
    statements_are_numbered_without_gaps,
    what_could_not_be_written_gives_its_number_back,
    numbers_of_after_a_backup_are_not_given_again,
    months_that_are_finalised_at_the_same_time_share_no_number,
    a_year_begins_at_one,
    a_customer_sees_the_partners_number_and_not_microsofts,
    settings_are_replaced_as_a_whole,
    a_command_sets_what_it_is_given,
);

/// Number, status and due date of statements, by number.
fn numbered(api: &Api, query: &str) -> Vec<String> {
    let shown = |statement: &Value| {
        let text = |field: &str| statement[field].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", text("statement_number"), text("status"), text("due_date"))
    };
    let mut found: Vec<String> = statements(api, query).iter().map(shown).collect();
    found.sort();
    found
}

fn set(scene: &Scene, settings: &Value) {
    let answer = scene.api.put("/v1/billing_settings", settings);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn void(scene: &Scene, run: &Value) {
    let asked = scene.api.post(&format!("/v1/bill_runs/{}/void", run["id"]), &json!({"reason": "r"}));
    assert_eq!(asked.status, 202, "{}", asked.text());
    assert_eq!(scene.end_of(asked.header("location"))["errors"], json!([]));
}

fn statements_are_numbered_without_gaps(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    scene.billed("Beta", "beta", 0.0);
    set(&scene, &json!({"statement_number_prefix": "CON-", "due_days": 30}));
    let october = [
        line("acme", "a", "10"),
        Usage { currency: "EUR", ..line("acme", "b", "7") },
        line("beta", "a", "5"),
    ];
    let october = scene.invoice("october.csv", &october);
    let run = scene.run("2026-10", &[&october], &json!({}));
    assert_eq!(numbered(&scene.api, ""), ["- Estimated -"; 3], "an estimate has no number");
    scene.finalize(&run);
    let finals = [
        "CON-2026-0001 Final 2026-12-02",
        "CON-2026-0002 Final 2026-12-02",
        "CON-2026-0003 Final 2026-12-02",
    ];
    assert_eq!(numbered(&scene.api, ""), finals);
    assert_eq!(scene.statements("")[0]["issued_at"], "2026-11-02 08:00:00");

    // A run that is final at once numbers its statements too. Those that have a number keep it, whatever is set now.
    set(&scene, &json!({"statement_number_prefix": "NEW/", "due_days": 0}));
    let november = [Usage { day: "2026-11-03", ..line("acme", "a", "7") }];
    let november = scene.invoice("november.csv", &november);
    let next = scene.run("2026-11", &[&november], &json!({"finalize": true}));
    assert_eq!(next["state"], "succeeded", "{next}");
    assert_eq!(numbered(&scene.api, "billing_period=2026-11"), ["NEW/2026-0004 Final 2026-11-02"]);
    assert_eq!(numbered(&scene.api, "billing_period=2026-10"), finals);
    let statement = &scene.statements("billing_period=2026-11")[0];
    let file = |name: &str| {
        scene.api.get(&format!("/v1/customer_statements/{}/files/{name}", statement["id"])).text()
    };
    let own: Value = serde_json::from_str(&file("statement.json")).unwrap();
    assert_eq!((&own["statement_number"], &own["status"]), (&json!("NEW/2026-0004"), &json!("Final")));
    assert!(file("statement.html").contains("<dd>NEW/2026-0004</dd>"));
    assert!(file("bill.focus.csv").contains(",NEW/2026-0004,"));
    // So does a repetition that changes nothing.
    scene.finalize(&run);
    assert_eq!(numbered(&scene.api, "billing_period=2026-10"), finals);

    // A void statement keeps its number, its reversal has one of its own, and so has what is billed instead.
    void(&scene, &next);
    assert_eq!(
        numbered(&scene.api, "billing_period=2026-11"),
        ["NEW/2026-0004 Void 2026-11-02", "NEW/2026-0005 Reversal -"]
    );
    let reversal = &scene.statements("status=Reversal")[0];
    let path = format!("/v1/customer_statements/{}/files/statement.json", reversal["id"]);
    let own = scene.api.get(&path).json();
    assert_eq!(
        (&own["statement_number"], &own["reverses_number"]),
        (&json!("NEW/2026-0005"), &json!("NEW/2026-0004"))
    );
    let again = scene.run("2026-11", &[&november], &json!({"finalize": true}));
    assert_eq!(again["state"], "succeeded", "{again}");
    assert_eq!(
        numbered(&scene.api, "billing_period=2026-11&status=Final"),
        ["NEW/2026-0006 Final 2026-11-02"]
    );

    // The index in the customer's folder has the numbers of what is current.
    let index = scene.bills().join("p1/bills/acme/index.json");
    let index = || -> Value { serde_json::from_slice(&std::fs::read(&index).unwrap()).unwrap() };
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let shown = || -> Vec<Value> {
        index()["bills"].as_array().unwrap().iter().map(|bill| bill["statement_numbers"].clone()).collect()
    };
    let expected = [json!(["CON-2026-0001", "CON-2026-0002"]), json!(["NEW/2026-0006"])];
    while shown() != expected && std::time::Instant::now() < end {}
    assert_eq!(shown(), expected, "{}", index());
    assert_eq!(
        scene.database.value("SELECT COUNT(*) FROM statement_numbers WHERE statement_id IS NULL"),
        "0"
    );
}

fn what_could_not_be_written_gives_its_number_back(engine: Engine) {
    let scene = Scene::new(engine);
    let ids = ["acme", "beta", "gamma"].map(|name| scene.billed(name, name, 0.0));
    let lines = ["acme", "beta", "gamma"].map(|name| line(name, "a", "1"));
    let run = scene.run("2026-10", &[&scene.invoice("october.csv", &lines)], &json!({}));
    let path = scene.bills().join(format!("p1/bills/beta/2026-10/{}/v1/bill.csv", ids[1]));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(scene.finalize(&run)["errors"].as_array().unwrap().len(), 1);
    assert_eq!(numbered(&scene.api, ""), ["- Estimated -", "2026-0001 Final -", "2026-0003 Final -"]);
    // The next statement takes it, whichever that is.
    let november = [Usage { day: "2026-11-03", ..line("acme", "a", "7") }];
    scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &json!({"finalize": true}));
    assert_eq!(numbered(&scene.api, "billing_period=2026-11"), ["2026-0002 Final -"]);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(scene.finalize(&run)["errors"], json!([]));
    let all = ["2026-0001 Final -", "2026-0002 Final -", "2026-0003 Final -", "2026-0004 Final -"];
    assert_eq!(numbered(&scene.api, ""), all);
}

/// Not by the database that takes the place of the one that gave them.
fn numbers_of_after_a_backup_are_not_given_again(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let bill = |scene: &Scene, month: &str| {
        let day = format!("{month}-03");
        let source = scene.invoice("usage.csv", &[Usage { day: &day, ..line("acme", "a", "7") }]);
        let run = scene.run(month, &[&source], &json!({"finalize": true}));
        assert_eq!(run["state"], "succeeded", "{run}");
        numbered(&scene.api, &format!("billing_period={month}"))
    };
    assert_eq!(bill(&scene, "2026-09"), ["2026-0001 Final -"]);
    let folder = scene.database.folder();
    let backup = folder.join("numbers.backup");
    let made = scene.server.run(&["admin", "backup", backup.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(bill(&scene, "2026-10"), ["2026-0002 Final -"], "lost with the database");

    let database = Database::new(engine);
    let args = ["admin", "restore", backup.to_str().unwrap(), "--database", &database.url];
    let restored = scene.server.run_without_database(&args);
    let said = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(restored.status.success() && said.contains("statements, by 100000"), "{said}");
    let copied =
        std::process::Command::new("cp").arg("-a").arg(folder.join("data")).arg(database.folder()).status();
    assert!(copied.unwrap().success());
    let secret = folder.join(if engine == Engine::Sqlite { "secret.key" } else { "data/secret.key" });
    let args = ["--sandbox", "--at", super::NOW, "--secret-key-file", secret.to_str().unwrap()];
    let server = Server::start(&database, &args);
    let scene = Scene { api: scene.api.on(server.address), server, database };
    assert_eq!(bill(&scene, "2026-10"), ["2026-100002 Final -"]);
    assert_eq!(bill(&scene, "2026-11"), ["2026-100003 Final -"], "and goes on from there");
    assert_eq!(numbered(&scene.api, "billing_period=2026-09"), ["2026-0001 Final -"]);
}

fn months_that_are_finalised_at_the_same_time_share_no_number(engine: Engine) {
    const MONTHS: usize = 4;
    let scene = Scene::new(engine);
    let names: Vec<String> = (0..5).map(|i| format!("t-{i}")).collect();
    for name in &names {
        scene.billed(name, name, 0.0);
    }
    let days: Vec<String> = (1..=MONTHS).map(|month| format!("2026-{month:02}-03")).collect();
    let runs: Vec<Value> = days
        .iter()
        .map(|day| {
            let lines: Vec<_> = names.iter().map(|name| Usage { day, ..line(name, "a", "1") }).collect();
            let mut more = of_any_month();
            more["invoice_id"] = Value::Null;
            scene.run(&day[..7], &[&scene.invoice(&format!("{day}.csv"), &lines)], &more)
        })
        .collect();
    // A second server works on some of them.
    let other = Server::start(&scene.database, &["--sandbox", "--at", super::NOW]);
    let places: Vec<String> = runs
        .iter()
        .map(|run| {
            assert_eq!(run["state"], "succeeded", "{run}");
            let place = format!("/v1/bill_runs/{}", run["id"]);
            assert_eq!(scene.api.call("POST", &format!("{place}/finalize")).send().status, 202);
            place
        })
        .collect();
    for place in places {
        assert_eq!(end_of(&scene.api.on(other.address), &place)["errors"], json!([]));
    }
    let found = numbered(&scene.api, "per_page=100");
    let expected: Vec<String> = (1..=MONTHS * names.len()).map(|i| format!("2026-{i:04} Final -")).collect();
    assert_eq!(found, expected);
}

fn a_year_begins_at_one(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let bill = |month: &str, now: &str| {
        scene.api.set_clock(now);
        let day = format!("{month}-03");
        let source = scene.invoice(&format!("{month}.csv"), &[Usage { day: &day, ..line("acme", "a", "7") }]);
        let run = scene.run(month, &[&source], &json!({"finalize": true}));
        assert_eq!(run["state"], "succeeded", "{run}");
        numbered(&scene.api, &format!("billing_period={month}"))
    };
    for (month, now, number) in [
        ("2026-10", "2026-12-31T23:59:00Z", "2026-0001"),
        ("2026-11", "2027-01-01T00:00:00Z", "2027-0001"),
        ("2026-12", "2027-01-05T00:00:00Z", "2027-0002"),
    ] {
        assert_eq!(bill(month, now), [format!("{number} Final -")]);
    }
}

/// Every file of a customer's bill, estimated, final and reversed.
fn a_customer_sees_the_partners_number_and_not_microsofts(engine: Engine) {
    const MICROSOFTS: &str = "G012345678";
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 15.0);
    let settings = json!({"statement_number_prefix": "CON-", "display_name": "Contoso & Sons Ltd",
        "address": {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01101", "country": "US"}});
    set(&scene, &settings);
    let (_, user) = scene.api.user_of(acme);
    let source = scene.invoice("october.csv", &[line("acme", "a", "10")]);
    let run = scene.run("2026-10", &[&source], &json!({}));
    let mut names = BTreeSet::new();
    let mut look = |status: &str| {
        let found = statements(&user, &format!("status={status}"));
        assert_eq!((found.len(), &found[0]["invoice_id"]), (1, &Value::Null), "{found:?}");
        let files =
            found[0]["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        for name in files.chain(["manifest.json".to_owned()]) {
            let path = format!("/v1/customer_statements/{}/files/{name}", found[0]["id"]);
            let file = user.get(&path);
            assert!(
                file.status == 200 && !file.text().contains(MICROSOFTS),
                "{name} of {status}: {}",
                file.text()
            );
            names.insert(name);
        }
        let page = format!("/v1/customer_statements/{}/files/statement.html", found[0]["id"]);
        let page = user.get(&page).text();
        for shown in ["Contoso &amp; Sons Ltd", "1 Main St<br>Springfield, MA 01101<br>United States"] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        found[0]["statement_number"].clone()
    };
    assert_eq!(look("Estimated"), Value::Null);
    scene.finalize(&run);
    assert_eq!(look("Final"), "CON-2026-0001");
    void(&scene, &run);
    assert_eq!((look("Void"), look("Reversal")), (json!("CON-2026-0001"), json!("CON-2026-0002")));
    assert_eq!(names.len(), 5);
    // The control: the partner's reports have it.
    assert!(scene.statements("").iter().all(|statement| statement["invoice_id"] == MICROSOFTS));
    assert_eq!(scene.api.get(&format!("/v1/bill_runs/{}", run["id"])).json()["invoice_id"], MICROSOFTS);
}

fn settings_are_replaced_as_a_whole(engine: Engine) {
    let scene = Scene::new(engine);
    let nothing =
        json!({"statement_number_prefix": "", "due_days": null, "display_name": null, "address": null});
    assert_eq!(scene.api.get("/v1/billing_settings").json(), nothing);
    set(&scene, &json!({"statement_number_prefix": "CON-", "due_days": 14, "display_name": "Contoso"}));
    set(&scene, &json!({"due_days": 30}));
    let mut changed = nothing.clone();
    changed["due_days"] = json!(30);
    assert_eq!(scene.api.get("/v1/billing_settings").json(), changed);
    for (body, wrong) in [
        (json!({"prefix": "A"}), "/prefix unknown"),
        (json!({"statement_number_prefix": "=A"}), "/statement_number_prefix invalid"),
        (json!({"due_days": 400}), "/due_days invalid"),
        (json!({"address": {"city": "Springfield"}}), "/address/street1 required"),
        (json!([]), " wrong_type"),
    ] {
        let answer = scene.api.put("/v1/billing_settings", &body);
        assert!(answer.status == 422 && answer.details().contains(wrong), "{body}: {}", answer.text());
    }
    assert_eq!(scene.api.get("/v1/billing_settings").json(), changed, "nothing was changed");
    let told = scene.api.trail("action=billing_settings.update");
    assert_eq!(told.len(), 2);
    assert_eq!((&told[1]["before"]["due_days"], &told[1]["after"]["due_days"]), (&json!(14), &json!(30)));
}

fn a_command_sets_what_it_is_given(engine: Engine) {
    let scene = Scene::new(engine);
    let command = |args: &[&str]| {
        let ran = scene.server.run(&[&["billing-settings"], args].concat());
        let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (ran.status.success(), said)
    };
    let address = [
        "--street1",
        "1 Main St",
        "--city",
        "Springfield",
        "--state",
        "MA",
        "--zipcode",
        "01101",
        "--country",
        "US",
    ];
    let (fine, said) =
        command(&[&["set", "--statement-number-prefix", "CON-", "--due-days", "30"], &address[..]].concat());
    assert!(fine && said.contains("1 Main St, Springfield, MA 01101, United States"), "{said}");
    let (fine, said) = command(&["set", "--display-name", "Contoso", "--clear", "due_days", "--json"]);
    let shown: Value = serde_json::from_str(&said).unwrap();
    assert!(fine && shown == scene.api.get("/v1/billing_settings").json(), "{said}");
    assert_eq!((&shown["statement_number_prefix"], &shown["due_days"]), (&json!("CON-"), &Value::Null));
    assert_eq!((&shown["display_name"], &shown["address"]["zipcode"]), (&json!("Contoso"), &json!("01101")));
    for (args, expected) in [
        (&["set", "--due-days", "-1"][..], "due_days"),
        (&["set", "--clear", "planet"][..], "there is no such setting"),
        (&["set", "--street1", "2 Main St"][..], "city"),
    ] {
        let (fine, said) = command(args);
        assert!(!fine && said.contains(expected), "{args:?}: {said}");
    }
    let (fine, said) = command(&["show"]);
    assert!(fine && said.contains("statement number prefix  CON-"), "{said}");
}
