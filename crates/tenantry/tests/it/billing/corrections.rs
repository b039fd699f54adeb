//! Final months: frozen, and what comes in later is a correction on the next statement.

use super::{Scene, Usage, line, tree};
use crate::support::{Engine, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(a_final_month_is_corrected_on_the_next_statement, only_the_last_run_of_a_month_is_finalised);

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
    let finalize = format!("/v1/bill_runs/{}/finalize", run["id"]);
    scene.api.set_clock("2026-11-05T10:00:00Z");
    let finalized = scene.api.call("POST", &finalize).send();
    assert_eq!((finalized.status, &finalized.json()["id"]), (200, &run["id"]), "{}", finalized.text());
    assert_eq!(shown(&scene, "2026-10"), ["Final 20.00", "Final 7.00"]);
    assert_eq!(scene.statements("status=Final")[0]["statement_generation_time"], "2026-11-05 10:00:00");
    assert_eq!(scene.statements("status=Estimated"), Vec::<Value>::new());
    let frozen = (tree(&scene.bills()), scene.statements(""));
    assert_eq!(scene.api.call("POST", &finalize).send().status, 200, "once more changes nothing");

    // The same lines again: nothing is new.
    scene.run("2026-10", &[&first], &json!({}));
    assert_eq!(frozen, (tree(&scene.bills()), scene.statements("")));

    // One more of a line that was there twice, and a credit.
    let late = [&october[..], &[line("acme", "a", "10"), line("acme", "credit", "-4")]].concat();
    let late = scene.invoice("october-late.csv", &late);
    let corrected = scene.run("2026-10", &[&late], &json!({}));
    let bill = &corrected["customers"][0];
    assert!(bill["prefix"].as_str().unwrap().ends_with("/v2/"), "{corrected}");
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
    assert_eq!(finalize(&last).status, 200);
    assert_eq!(shown(&scene, "2026-10"), ["Final 10.00"]);
}
