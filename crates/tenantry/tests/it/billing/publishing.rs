//! Drafts, which the partner alone sees, and what publishing shows to customers.

use super::{Scene, Usage, line, statements, total, tree};
use crate::support::{Api, Engine, Server, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_draft_is_the_partners_alone,
    what_was_published_changes_only_by_publishing,
    an_estimate_without_lines_is_withdrawn_with_a_notice,
    finalizing_publishes,
    what_is_held_back_stays_as_customers_see_it,
    a_correction_is_seen_when_its_statement_is_published,
    only_the_last_run_of_a_month_is_published,
    publishing_is_all_or_nothing_when_the_server_is_killed,
    a_correction_that_is_on_no_statement_is_withdrawn_with_its_run,
);

/// What somebody sees of statements: status, total and version.
fn seen(api: &Api) -> Vec<String> {
    let shown = |s: &Value| format!("{} {} v{}", s["status"].as_str().unwrap(), total(s), s["version"]);
    statements(api, "per_page=100").iter().map(shown).collect()
}

/// The current version in a customer's index, if any.
fn indexed(scene: &Scene, folder: &str) -> Value {
    let path = scene.bills().join(format!("p1/bills/{folder}/index.json"));
    let bytes = std::fs::read(path).unwrap_or_else(|_| b"{\"bills\": []}".to_vec());
    serde_json::from_slice::<Value>(&bytes).unwrap()["bills"][0]["current"]["version"].clone()
}

fn a_draft_is_the_partners_alone(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let (_, user) = scene.api.user_of(acme);
    let run = scene.draft("2026-10", &[&scene.invoice("october.csv", &[line("acme", "a", "10")])]);
    let drafts = scene.statements("");
    assert_eq!(
        (seen(&scene.api), &drafts[0]["published"]),
        (vec!["Estimated 10.00 v1".to_owned()], &json!(false))
    );
    let of_statement =
        |api: &Api, rest: &str| api.get(&format!("/v1/customer_statements/{}{rest}", drafts[0]["id"])).status;
    let places = ["", "/files/bill.csv", "/files/statement.json", "/files/manifest.json"];
    for place in places {
        assert_eq!([of_statement(&scene.api, place), of_statement(&user, place)], [200, 404], "{place}");
    }
    assert_eq!((seen(&user), indexed(&scene, "acme")), (vec![], Value::Null));
    // Nor does anything lie in its folder.
    let folder = || tree(&scene.bills().join("p1/bills/acme"));
    let draft = tree(&scene.drafts().join("p1/bills/acme"));
    assert_eq!((folder().len(), draft.len()), (0, 5), "{:?}", draft.keys());

    let published = scene.publish(&run);
    assert_eq!(
        (published.status, &published.json()["stage"]),
        (200, &json!("published")),
        "{}",
        published.text()
    );
    assert_eq!(published.header("location"), format!("/v1/bill_runs/{}", run["id"]));
    // The control: the same questions.
    for place in places {
        assert_eq!([of_statement(&scene.api, place), of_statement(&user, place)], [200, 200], "{place}");
    }
    assert_eq!((seen(&user), indexed(&scene, "acme")), (vec!["Estimated 10.00 v1".to_owned()], json!(1)));
    assert!(folder() == draft, "{:?}", folder().keys());
    assert_eq!(scene.statements("")[0]["published"], true);
    assert!(statements(&user, "")[0].get("published").is_none(), "the partner's alone");
    assert_eq!(scene.publish(&run).status, 200, "once more changes nothing");
    let trail = scene.api.trail("action=bill_run.publish");
    let told: Vec<_> = trail.iter().map(|event| event["after"]["published"].clone()).collect();
    assert_eq!(told, [json!(1), json!(0)]);
    let answer =
        scene.api.post(&format!("/v1/bill_runs/{}/publish", run["id"]), &json!({"customer_ids": [acme]}));
    assert_eq!((answer.status, answer.details().as_str()), (422, "/customer_ids unknown"));
}

fn what_was_published_changes_only_by_publishing(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let (_, user) = scene.api.user_of(acme);
    let month = |cost: &str| scene.invoice("october.csv", &[line("acme", "a", cost)]);
    scene.run("2026-10", &[&month("10")], &json!({}));
    let file = |api: &Api, id: &Value| {
        api.get(&format!("/v1/customer_statements/{id}/files/statement.json")).json()["total_amount"].clone()
    };
    let before = statements(&user, "");
    let id = before[0]["id"].clone();

    let run = scene.draft("2026-10", &[&month("12")]);
    assert_eq!(statements(&user, ""), before);
    assert_eq!([file(&scene.api, &id), file(&user, &id)], [json!(12.0), json!(10.0)]);
    assert_eq!(
        (seen(&scene.api), indexed(&scene, "acme")),
        (vec!["Estimated 12.00 v2".to_owned()], json!(1))
    );
    let user_asks = |query: &str| statements(&user, query).len();
    assert_eq!([user_asks("status=Estimated"), user_asks("status=Final")], [1, 0]);
    assert_eq!(scene.publish(&run).status, 200);
    assert_eq!((seen(&user), file(&user, &id)), (vec!["Estimated 12.00 v2".to_owned()], json!(12.0)));
    assert_eq!((statements(&user, "")[0]["id"].clone(), indexed(&scene, "acme")), (id.clone(), json!(2)));

    // Whoever says so at once publishes the same version.
    let run = scene.run("2026-10", &[&month("12")], &json!({}));
    assert_eq!((&run["stage"], seen(&user)), (&json!("published"), vec!["Estimated 12.00 v2".to_owned()]));

    // What is withdrawn is what the customer has seen, and not the draft of after that.
    let run = scene.draft("2026-10", &[&month("15")]);
    assert_eq!([file(&scene.api, &id), file(&user, &id)], [json!(15.0), json!(12.0)], "the control");
    let withdraw = scene.api.call("DELETE", &format!("/v1/bill_runs/{}/statements", run["id"])).send();
    assert_eq!((withdraw.status, seen(&user)), (204, vec!["Withdrawn 12.00 v2".to_owned()]));
    assert_eq!(file(&user, &id), json!(12.0));
}

fn an_estimate_without_lines_is_withdrawn_with_a_notice(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta] = ["acme", "beta"].map(|name| scene.billed(name, name, 0.0));
    let [acmes, betas] = [acme, beta].map(|id| scene.api.user_of(id).1);
    let both = scene.invoice("october.csv", &[line("acme", "a", "10"), line("beta", "a", "5")]);
    scene.run("2026-10", &[&both], &json!({}));
    let one = scene.invoice("one.csv", &[line("acme", "a", "10")]);
    let run = scene.draft("2026-10", &[&one]);
    let withdrawn = &scene.statements("status=Withdrawn")[0];
    assert_eq!((&withdrawn["customer_id"], &withdrawn["published"]), (&json!(beta), &json!(false)));
    assert_eq!((seen(&betas), indexed(&scene, "beta")), (vec!["Estimated 5.00 v1".to_owned()], json!(1)));
    scene.publish(&run);
    assert_eq!([seen(&acmes), seen(&betas)], [["Estimated 10.00 v1"], ["Withdrawn 5.00 v1"]]);
    let notice = statements(&betas, "")[0]["notice"].clone();
    assert!(notice.as_str().unwrap().contains("no lines of 2026-10 are billed"), "{notice}");
    assert_eq!(indexed(&scene, "beta"), Value::Null);

    // A draft that its customer never saw is gone without a word.
    let next = |lines: &[Usage<'_>]| scene.draft("2026-11", &[&scene.invoice("november.csv", lines)]);
    let november = |tenant: &'static str| Usage { day: "2026-11-02", ..line(tenant, "a", "7") };
    next(&[november("acme"), november("beta")]);
    next(&[november("acme")]);
    assert_eq!(scene.statements("billing_period=2026-11").len(), 1);

    // With lines again it is the same statement.
    let run = scene.run("2026-10", &[&both], &json!({}));
    assert_eq!(run["state"], "succeeded", "{run}");
    let again = &statements(&betas, "")[0];
    assert_eq!(
        (&again["status"], again.get("notice"), &again["id"]),
        (&json!("Estimated"), None, &withdrawn["id"])
    );

    // A month that was a mistake is withdrawn for those who saw it.
    let withdraw = scene.api.call("DELETE", &format!("/v1/bill_runs/{}/statements", run["id"])).send();
    assert_eq!(
        (withdraw.status, seen(&acmes), seen(&betas)),
        (204, vec!["Withdrawn 10.00 v1".to_owned()], vec!["Withdrawn 5.00 v1".to_owned()]),
        "{}",
        withdraw.text()
    );
}

/// A run publishes its own bills, and of those that it holds back none that another run has made.
fn what_is_held_back_stays_as_customers_see_it(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "50"]);
    let [acme, eve, old] = ["acme", "eve", "old"].map(|name| scene.billed(name, name, 0.0));
    let users = [acme, eve, old].map(|customer| scene.api.user_of(customer).1);
    let seen = || users.each_ref().map(seen);
    let lines = |totals: [&'static str; 3]| {
        let [acme, eve, old] = totals;
        let lines = [line("acme", "a", acme), line("eve", "a", eve), line("old", "a", old)];
        scene.invoice(&format!("{acme}-{eve}.csv"), &lines)
    };
    let draft = json!({"publish": false});
    let run = scene.run("2026-10", &[&lines(["1", "1", "7"])], &draft);
    assert_eq!(scene.publish(&run).status, 200);
    let before =
        ["Estimated 1.00 v1", "Estimated 1.00 v1", "Estimated 7.00 v1"].map(|text| vec![text.to_owned()]);
    assert_eq!(seen(), before);
    // A draft that is not published, and then a run that holds the bills back.
    scene.run("2026-10", &[&lines(["2", "2", "8"])], &draft);
    let run = scene.run("2026-10", &[&lines(["3", "300", "800"])], &draft);
    assert_eq!(seen(), before);
    assert_eq!(scene.publish(&run).status, 200);
    let [_, of_eve, of_old] = before;
    let after = [vec!["Estimated 3.00 v3".to_owned()], of_eve.clone(), of_old.clone()];
    assert_eq!(seen(), after);
    let body = json!({"accept": ["held_back"]});
    let asked = scene.api.post(&format!("/v1/bill_runs/{}/finalize", run["id"]), &body);
    assert_eq!(asked.status, 202, "{}", asked.text());
    assert_eq!(scene.end_of(asked.header("location"))["stage"], "final");
    assert_eq!(seen(), [vec!["Final 3.00 v4".to_owned()], of_eve, of_old.clone()]);
    let release = json!({"customer_ids": [eve]});
    let asked = scene.api.post(&format!("/v1/bill_runs/{}/release", run["id"]), &release);
    assert_eq!(asked.status, 202, "{}", asked.text());
    scene.end_of(asked.header("location"));
    assert_eq!((&seen()[1], &seen()[2]), (&vec!["Estimated 300.00 v3".to_owned()], &of_old));
}

fn finalizing_publishes(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let (_, user) = scene.api.user_of(acme);
    let run = scene.draft("2026-10", &[&scene.invoice("october.csv", &[line("acme", "a", "10")])]);
    let run = scene.finalize(&run);
    assert_eq!((&run["stage"], seen(&user)), (&json!("final"), vec!["Final 10.00 v2".to_owned()]), "{run}");
    let november = [Usage { day: "2026-11-02", ..line("acme", "a", "7") }];
    let at_once = json!({"publish": false, "finalize": true});
    let run = scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &at_once);
    assert_eq!((&run["stage"], &seen(&user)[1]), (&json!("final"), &"Final 7.00 v1".to_owned()), "{run}");
}

fn a_correction_is_seen_when_its_statement_is_published(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let (_, user) = scene.api.user_of(acme);
    let october = [line("acme", "a", "10")];
    scene.run("2026-10", &[&scene.invoice("october.csv", &october)], &json!({"finalize": true}));
    let november = [Usage { day: "2026-11-02", ..line("acme", "a", "7") }];
    let november = scene.invoice("november.csv", &november);
    scene.run("2026-11", &[&november], &json!({}));
    let late = [&october[..], &[line("acme", "late", "3")]].concat();
    scene.run("2026-10", &[&scene.invoice("late.csv", &late)], &json!({}));
    let run = scene.draft("2026-11", &[&november]);
    let of_november = |api: &Api| statements(api, "billing_period=2026-11")[0].clone();
    let file = |api: &Api| {
        let id = of_november(api)["id"].clone();
        api.get(&format!("/v1/customer_statements/{id}/corrections/2026-10/2/files/bill.csv")).status
    };
    let [partners, users] = [&scene.api, &user].map(of_november);
    assert_eq!((total(&partners), total(&users)), ("10.00".to_owned(), "7.00".to_owned()));
    assert_eq!((partners["corrections"][0]["amount"].clone(), users.get("corrections")), (json!(3.0), None));
    assert_eq!([file(&scene.api), file(&user)], [200, 404]);
    let index = || std::fs::read_to_string(scene.bills().join("p1/bills/acme/index.json")).unwrap();
    assert!(!index().contains("corrections"), "{}", index());
    let correction = scene.bills().join(format!("p1/bills/acme/2026-10/{acme}/v2/manifest.json"));
    assert!(!correction.exists());
    scene.publish(&run);
    assert!(correction.exists());
    assert_eq!((&of_november(&user)["corrections"], file(&user)), (&partners["corrections"], 200));
    assert!(index().contains("corrections"), "the control: {}", index());
}

fn only_the_last_run_of_a_month_is_published(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let (_, user) = scene.api.user_of(acme);
    let source = scene.invoice("october.csv", &[line("acme", "a", "10")]);
    let [first, last] = [(), ()].map(|()| scene.draft("2026-10", &[&source]));
    let broken = scene.run("2026-12", &[&scene.write("broken.csv", b"Name\n")], &json!({}));
    for (run, status, says) in [
        (&first, 409, "this run is not the last of 2026-10"),
        (&broken, 409, "this run has no bills: it is failed"),
        (&json!({"id": 999}), 404, "not found"),
    ] {
        let answer = scene.publish(run);
        assert!(answer.status == status && answer.text().to_lowercase().contains(says), "{}", answer.text());
    }
    assert_eq!(seen(&user), Vec::<String>::new());
    assert_eq!(scene.publish(&last).status, 200);
    // With a key it is done once.
    let path = format!("/v1/bill_runs/{}/publish", last["id"]);
    let call = || scene.api.call("POST", &path).header("Idempotency-Key", "once").send();
    let [first, second] = [call(), call()];
    assert_eq!((first.text(), second.header("idempotency-replayed")), (second.text(), "true"));
}

/// SIGKILL while runs are published: customers see all of a month, or what they saw before.
fn publishing_is_all_or_nothing_when_the_server_is_killed(engine: Engine) {
    const CUSTOMERS: usize = 12;
    let (mut outcomes, mut scene) = ([0, 0], Scene::new(engine));
    let tenants: Vec<_> = (0..CUSTOMERS).map(|i| format!("t-{i}")).collect();
    let users: Vec<Api> =
        tenants.iter().map(|name| scene.api.user_of(scene.billed(name, name, 0.0)).1).collect();
    let mut before = 0;
    for round in 1..=8_usize {
        let cost = round.to_string();
        let lines: Vec<_> = tenants.iter().map(|tenant| line(tenant, "a", &cost)).collect();
        let run = scene.draft("2026-10", &[&scene.invoice("october.csv", &lines)]);
        let request = format!(
            "POST /v1/bill_runs/{}/publish HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Length: 0\r\n\r\n",
            run["id"], scene.api.key
        );
        let mut stream = std::net::TcpStream::connect(scene.server.address).unwrap();
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        // From at once to some time behind it.
        let until = std::time::Instant::now() + std::time::Duration::from_micros(400 * (round as u64 - 1));
        while std::time::Instant::now() < until {
            std::hint::spin_loop();
        }
        scene.server.kill();
        scene.server = Server::start(&scene.database, &["--sandbox", "--at", super::NOW]);
        scene.api = scene.api.on(scene.server.address);
        let totals: std::collections::BTreeSet<String> = users
            .iter()
            .flat_map(|user| {
                statements(&user.on(scene.server.address), "").iter().map(total).collect::<Vec<_>>()
            })
            .collect();
        let count = scene.database.value("SELECT COUNT(*) FROM publications");
        assert!(
            totals.len() <= 1 && ["0", "12"].contains(&count.as_str()),
            "round {round}: {totals:?} {count}"
        );
        let is_published = totals.contains(&format!("{cost}.00"));
        assert!(
            is_published || totals.iter().all(|seen| *seen == format!("{before}.00")),
            "{round}: {totals:?}"
        );
        let stage = scene.api.get(&format!("/v1/bill_runs/{}", run["id"])).json()["stage"].clone();
        assert_eq!(stage, if is_published { "published" } else { "draft" }, "round {round}");
        outcomes[usize::from(is_published)] += 1;
        if is_published {
            before = round;
        }
    }
    // The control: it does publish, where nobody kills it.
    let run = scene.api.get("/v1/bill_runs?per_page=100").json()["bill_runs"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(scene.publish(&run).status, 200);
    let user = users[0].on(scene.server.address);
    assert_eq!(seen(&user).len(), 1, "{outcomes:?}");
    assert!(total(&statements(&user, "")[0]) == "8.00");
}

fn a_correction_that_is_on_no_statement_is_withdrawn_with_its_run(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    let october = [line("acme", "a", "10")];
    scene.run("2026-10", &[&scene.invoice("october.csv", &october)], &json!({"finalize": true}));
    let before = tree(&scene.bills());
    let late = [&october[..], &[line("acme", "late", "3")]].concat();
    let late = scene.invoice("late.csv", &late);
    let run = scene.run("2026-10", &[&late], &json!({}));
    let withdraw = |run: &Value| {
        let answer = scene.api.call("DELETE", &format!("/v1/bill_runs/{}/statements", run["id"])).send();
        (answer.status, answer.text())
    };
    let corrections = || scene.database.value("SELECT COUNT(*) FROM corrections");
    assert_eq!((corrections(), withdraw(&run).0, corrections()), ("1".to_owned(), 204, "0".to_owned()));
    assert_eq!(scene.end_of(&format!("/v1/bill_runs/{}", run["id"]))["state"], "cancelled");
    assert_eq!(seen(&scene.api), ["Final 10.00 v1"], "what is final stays");
    assert!(before.iter().all(|(name, bytes)| tree(&scene.bills()).get(name) == Some(bytes)));

    // One that is on a statement stays as long as that.
    let run = scene.run("2026-10", &[&late], &json!({}));
    let november = [Usage { day: "2026-11-02", ..line("acme", "a", "7") }];
    let next = scene.run("2026-11", &[&scene.invoice("november.csv", &november)], &json!({}));
    let (status, said) = withdraw(&run);
    assert!(status == 409 && said.contains("is on a statement of 2026-11"), "{said}");
    assert_eq!((withdraw(&next).0, withdraw(&run).0), (204, 204));
}
