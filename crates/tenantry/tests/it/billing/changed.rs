//! Drafts that are older than a change of what they were made by: they are not shown or made final unless that is accepted.

use super::{Scene, line, statements, total};
use crate::support::{Answer, Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    a_draft_that_is_older_than_a_change_is_not_shown_unasked,
    what_does_not_concern_the_bills_stands_in_nobodys_way,
    a_held_back_bills_older_estimate_counts_too,
    commands_accept_by_code_too,
    voiding_and_withdrawing_show_no_drafts_of_others,
);

fn put(scene: &Scene, customer: i64, body: &Value) {
    let answer = scene.api.put(&format!("/v2/customers/{customer}"), body);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn assigned(scene: &Scene, what: &str, customer: i64, tenant: &str, day: &str) {
    let path = format!("/v1/azure_partner_customer_accounts/{what}/{customer}");
    let answer = scene.api.put(&path, &json!({"azure_customer_ids": [tenant], "effective_from": day}));
    assert!(answer.status == 207 && !answer.text().contains("\"http_status\":422"), "{}", answer.text());
}

fn act(scene: &Scene, run: &Value, action: &str, accept: &[&str]) -> Answer {
    scene.api.post(&format!("/v1/bill_runs/{}/{action}", run["id"]), &json!({ "accept": accept }))
}

/// The codes of the warnings of a run as it is now, which are not accepted.
fn codes(scene: &Scene, run: &Value) -> Vec<String> {
    let run = scene.api.get(&format!("/v1/bill_runs/{}", run["id"])).json();
    let warnings = run["warnings"].as_array().unwrap().iter().filter(|warning| warning["accepted"] == false);
    warnings.map(|warning| format!("{} {}", warning["code"].as_str().unwrap(), warning["blocks"])).collect()
}

/// A change of one of two customers, of which the first has lines.
type Change = fn(&Scene, [i64; 2]);

fn change_margin(scene: &Scene, [acme, _]: [i64; 2]) {
    put(scene, acme, &json!({"margin_percentage": 50, "effective_from": "2026-10-05"}));
}

fn move_tenant(scene: &Scene, [acme, beta]: [i64; 2]) {
    assigned(scene, "remove", acme, "acme", "2026-10-03");
    assigned(scene, "add", beta, "acme", "2026-10-03");
}

fn take_tenant(scene: &Scene, [acme, _]: [i64; 2]) {
    assigned(scene, "remove", acme, "acme", "2026-10-31");
}

fn give_unassigned_tenant(scene: &Scene, [_, beta]: [i64; 2]) {
    assigned(scene, "add", beta, "stray", "2026-10-01");
}

fn switch_off(scene: &Scene, [acme, _]: [i64; 2]) {
    let billing = json!({"enabled": false, "folder": "bills/acme"});
    put(scene, acme, &json!({"partner_billing_configuration": billing, "effective_from": "2026-10-01"}));
}

fn change_folder(scene: &Scene, [acme, _]: [i64; 2]) {
    let billing = json!({"enabled": true, "folder": "elsewhere"});
    put(scene, acme, &json!({"partner_billing_configuration": billing, "effective_from": "2026-10-31"}));
}

fn a_draft_that_is_older_than_a_change_is_not_shown_unasked(engine: Engine) {
    let changes: [(&str, Change); 6] = [
        ("a margin", change_margin),
        ("the owner of a tenant", move_tenant),
        ("a tenant taken away", take_tenant),
        ("a tenant that was nobody's", give_unassigned_tenant),
        ("the billing switch", switch_off),
        ("a folder", change_folder),
    ];
    for (what, change) in changes {
        let scene = Scene::new(engine);
        let [acme, beta] = [scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0)];
        let (_, user) = scene.api.user_of(acme);
        let source = scene.invoice("october.csv", &[line("acme", "a", "10"), line("stray", "s", "1")]);
        let draft = scene.draft("2026-10", &[&source]);
        assert_eq!(codes(&scene, &draft), [""; 0], "the control");
        change(&scene, [acme, beta]);
        let expected = ["facts_changed \"publish\""];
        assert_eq!(codes(&scene, &draft), expected, "{what}");
        for (action, accept) in [
            ("publish", &[][..]),
            ("publish", &["below_cost"]),
            ("finalize", &[]),
            ("finalize", &["unassigned"]),
        ] {
            let refused = act(&scene, &draft, action, accept);
            let text = refused.text();
            assert!(
                refused.status == 409 && text.contains("accept facts_changed"),
                "{what}, {action}: {text}"
            );
        }
        assert_eq!(statements(&user, ""), [Value::Null; 0], "{what}: nothing was shown");

        // Accepted by its code, it is shown as it was made, and asked about again before it is final.
        let shown = act(&scene, &draft, "publish", &["facts_changed"]);
        assert_eq!(shown.status, 200, "{what}: {}", shown.text());
        assert_eq!(total(&statements(&user, "")[0]), "10.00", "{what}");
        assert_eq!(codes(&scene, &draft), expected, "{what}");
        assert_eq!(act(&scene, &draft, "finalize", &[]).status, 409, "{what}");
        // Billed again, nothing stands in its way.
        let again = scene.draft("2026-10", &[&source]);
        assert_eq!(
            (codes(&scene, &again), act(&scene, &again, "publish", &[]).status),
            (vec![], 200),
            "{what}"
        );
    }

    // Made final as it was made, if that is accepted.
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let draft = scene.draft("2026-10", &[&scene.invoice("october.csv", &[line("acme", "a", "10")])]);
    change_margin(&scene, [acme, 0]);
    let accepted = act(&scene, &draft, "finalize", &["facts_changed"]);
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let ended = scene.end_of(accepted.header("location"));
    assert_eq!((&ended["stage"], &ended["errors"]), (&json!("final"), &json!([])), "{ended}");
    assert_eq!(total(&scene.statements("status=Final")[0]), "10.00");
    // An unknown code, and one that cannot be accepted.
    for (code, said) in [("everything", "/accept/0 invalid"), ("uncoded", "/accept/0 invalid")] {
        assert_eq!(act(&scene, &draft, "publish", &[code]).details(), said);
    }
}

fn what_does_not_concern_the_bills_stands_in_nobodys_way(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta] = [scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0)];
    let source = scene.invoice("october.csv", &[line("acme", "a", "10")]);
    let draft = scene.draft("2026-10", &[&source]);
    // From a day on that no line is of; of a customer without lines; a tenant that is in no file; a name; a rule.
    put(&scene, acme, &json!({"margin_percentage": 50, "effective_from": "2026-11-01"}));
    put(&scene, beta, &json!({"margin_percentage": 50, "effective_from": "2026-10-01"}));
    assigned(&scene, "add", acme, "other", "2026-11-01");
    assigned(&scene, "remove", acme, "acme", "2026-11-02");
    scene.billed("Gamma", "gamma", 15.0);
    put(&scene, acme, &json!({"name": "Acme Corp"}));
    assert_eq!(codes(&scene, &draft), [""; 0]);
    assert_eq!(act(&scene, &draft, "publish", &[]).status, 200);
    // The control: the last day of the month does matter.
    let again = scene.draft("2026-10", &[&source]);
    put(&scene, acme, &json!({"margin_percentage": 30, "effective_from": "2026-10-31"}));
    assert_eq!(codes(&scene, &again), ["facts_changed \"publish\""]);
}

fn a_held_back_bills_older_estimate_counts_too(engine: Engine) {
    let scene = Scene::with(engine, &["--bill-max-amount", "100"]);
    let [acme, beta] = [scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0)];
    let month =
        |of_beta: &str| scene.invoice("october.csv", &[line("acme", "a", "10"), line("beta", "b", of_beta)]);
    scene.draft("2026-10", &[&month("5")]);
    put(&scene, beta, &json!({"margin_percentage": 50, "effective_from": "2026-10-05"}));
    // Beta's bill is held back now, so its estimate is still that of the first run.
    let draft = scene.draft("2026-10", &[&month("500")]);
    let refused = act(&scene, &draft, "publish", &[]);
    let text = refused.text();
    assert!(
        refused.status == 409 && text.contains(&format!("Beta ({beta})")) && !text.contains("Acme"),
        "{text}"
    );
    // The control: released, it has the margin of the second run.
    let path = format!("/v1/bill_runs/{}", draft["id"]);
    assert_eq!(scene.api.post(&format!("{path}/release"), &json!({"customer_ids": [beta]})).status, 202);
    assert_eq!(scene.end_of(&path)["errors"], json!([]));
    assert_eq!(act(&scene, &draft, "publish", &[]).status, 200);
    // A release that would show a bill at once is asked about as publishing is.
    let run = scene.run("2026-10", &[&month("600")], &json!({}));
    put(&scene, acme, &json!({"margin_percentage": 50, "effective_from": "2026-10-05"}));
    let path = format!("/v1/bill_runs/{}", run["id"]);
    let release = |accept: &[&str]| {
        scene.api.post(&format!("{path}/release"), &json!({"customer_ids": [beta], "accept": accept}))
    };
    let refused = release(&[]);
    assert!(refused.status == 409 && refused.text().contains("accept facts_changed"), "{}", refused.text());
    assert_eq!(release(&["facts_changed"]).status, 202);
    let ended = scene.end_of(&path);
    assert_eq!((&ended["stage"], &ended["errors"]), (&json!("published"), &json!([])), "{ended}");
}

fn commands_accept_by_code_too(engine: Engine) {
    let scene = Scene::new(engine);
    let acme = scene.billed("Acme", "acme", 0.0);
    let draft = scene.draft("2026-10", &[&scene.invoice("october.csv", &[line("acme", "a", "10")])]);
    change_margin(&scene, [acme, 0]);
    let id = draft["id"].to_string();
    let run = |args: &[&str]| {
        let ran = scene.server.run(&[&["bill"], args].concat());
        let text = [ran.stdout, ran.stderr].concat();
        (ran.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    for (args, succeeds, expected) in [
        (&["show", &id][..], true, "facts_changed"),
        (&["publish", &id], false, "accept facts_changed"),
        (&["publish", &id, "--accept", "everything"], false, "there is no such warning"),
        (&["finalize", &id, "--yes"], false, "accept facts_changed"),
        (&["publish", &id, "--accept", "facts_changed"], true, ""),
        (&["finalize", &id, "--yes", "--accept", "facts_changed"], true, "Final"),
    ] {
        let (succeeded, text) = run(args);
        let found = text.to_lowercase().contains(&expected.to_lowercase());
        assert!(succeeded == succeeds && found, "{args:?}: {text}");
    }
}

fn voiding_and_withdrawing_show_no_drafts_of_others(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta] = [scene.billed("Acme", "acme", 0.0), scene.billed("Beta", "beta", 0.0)];
    let [acmes, betas] = [acme, beta].map(|id| scene.api.user_of(id).1);
    let seen = |api| {
        let shown = |s: &Value| format!("{} {}", s["status"].as_str().unwrap(), total(s));
        let mut seen: Vec<String> = statements(api, "per_page=100").iter().map(shown).collect();
        seen.sort();
        seen
    };
    let source = scene.invoice("october.csv", &[line("acme", "a", "10"), line("beta", "b", "5")]);
    let run = scene.run("2026-10", &[&source], &json!({"finalize": true}));
    let void = |run: &Value, customer: i64| {
        let body = json!({"reason": "a mistake", "customer_ids": [customer]});
        let asked = scene.api.post(&format!("/v1/bill_runs/{}/void", run["id"]), &body);
        assert_eq!(asked.status, 202, "{}", asked.text());
        assert_eq!(scene.end_of(asked.header("location"))["errors"], json!([]));
    };
    void(&run, acme);
    let before = ["Reversal -10.00", "Void 10.00"];
    assert_eq!(seen(&acmes), before);
    // Acme is billed again, as a draft, and Beta's statement turns out to be wrong too.
    let draft = scene.draft("2026-10", &[&source]);
    void(&draft, beta);
    assert_eq!((seen(&acmes), seen(&betas).len()), (before.map(str::to_owned).to_vec(), 2));
    // The control: published, it is seen.
    let again = scene.draft("2026-10", &[&source]);
    assert_eq!(act(&scene, &again, "publish", &[]).status, 200);
    assert_eq!((seen(&acmes).len(), seen(&betas).len()), (3, 3));
}
