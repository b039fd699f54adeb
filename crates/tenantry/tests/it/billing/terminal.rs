//! A clerk's month on a terminal of 80 columns.

use super::{Scene, Usage, line};
use crate::support::{Engine, on_both_engines};

on_both_engines!(a_month_is_read_in_eighty_columns, wrong_arguments_are_named_as_they_were_given);

const LONG: &str = "Beta Gemeinnützige Wohnungsbaugenossenschaft e. G.";

/// Runs `tenantry admin bill`; whether it succeeded, and what it said on standard output and standard error.
fn bill(scene: &Scene, args: &[&str]) -> (bool, String, String) {
    let ran = scene.server.run(&[&["bill"], args].concat());
    let [out, err] = [ran.stdout, ran.stderr].map(|text| String::from_utf8(text).unwrap());
    for line in out.lines() {
        assert!(line.chars().count() <= 80 && line.trim_end() == line, "{args:?}: {line:?}");
    }
    assert!(!err.contains(" INFO "), "{args:?}: {err}");
    (ran.status.success(), out, err)
}

fn row(id: &str, name: &str, lines: u64, cost: &str, charge: &str) -> String {
    format!("{id:>6}  {name:<30}  {lines:>7}  {cost:>12}  {charge:>12} USD\n")
}

fn a_month_is_read_in_eighty_columns(engine: Engine) {
    let scene = Scene::new(engine);
    let [acme, beta, gamma] = [("Acme", "acme", 50.0), (LONG, "beta", 0.0), ("Gamma", "gamma", 0.0)]
        .map(|(name, tenant, margin)| scene.billed(name, tenant, margin).to_string());
    let october = [
        line("acme", "a", "10.5"),
        line("beta", "a", "20350"),
        line("gamma", "credit", "-300"),
        line("unowned", "a", "2"),
    ];
    scene.invoice("october.csv", &october);
    let (done, out, err) = bill(&scene, &["run", "--period", "2026-10", "data/invoices/october.csv"]);
    let left = row("-", "Tenant unowned", 1, "2.00", "-") + "        not billed, no customer: unowned\n";
    for expected in [
        "    ID  CUSTOMER                          LINES          COST        CHARGE\n",
        &row(&acme, "Acme", 1, "10.50", "21.00"),
        &row(&beta, "Beta Gemeinnützige Wohnungsba…", 1, "20350.00", "20350.00"),
        &row(&gamma, "Gamma", 1, "-300.00", "-300.00"),
        &left,
        "USD: 4 lines cost 20062.50 = 20060.50 billed + 2.00 not billed\n",
        "     charged 20071.00 for a cost of 20060.50\n",
    ] {
        assert!(done && out.contains(expected), "{expected:?}: {out}{err}");
    }
    assert!(!out.contains("p1/"), "drafts are not in their customers' folders: {out}");
    let (done, out, err) = bill(&scene, &["finalize", "1", "--yes", "--accept", "unassigned"]);
    let files = format!("        p1/bills/acme/2026-10/{acme}/v2/\n");
    assert!(done && out.contains(&(row(&acme, "Acme", 1, "10.50", "21.00") + &files)), "{out}{err}");
    let (_, out, _) = bill(&scene, &["profit", "--period", "2026-10"]);
    let expected = format!(
        "    ID  CUSTOMER                    COST       CHARGE       PROFIT  MARGIN %\n\
         {acme:>6}  Acme                       10.50        21.00        10.50        50 USD\n        1 line\n\
         {beta:>6}  Beta Gemeinnützige…     20350.00     20350.00         0.00         0 USD\n        1 line\n\
         {gamma:>6}  Gamma                    -300.00      -300.00         0.00         0 USD\n        1 line\n        \
         total                   20060.50     20071.00        10.50    0.0523 USD\n        3 lines\n"
    );
    assert_eq!(out, expected);

    let (done, out, err) = bill(&scene, &["run", "--period", "2026-10", "data/invoices/october.csv"]);
    assert!(done && !out.contains("Acme") && !err.contains("next: "), "nothing is new: {out}{err}");

    // What comes late goes on the next statement, and the report says so.
    scene.invoice("late.csv", &[&october[..], &[line("acme", "late", "3")]].concat());
    let late = ["run", "--period", "2026-10", "data/invoices/late.csv"];
    let (done, _, err) = bill(&scene, &late);
    assert!(!done && err.contains("1 line is new in it: Acme (1): 6 USD"), "{err}");
    assert!(err.ends_with("tenantry: the run has failed; no bill was changed\n"), "{err}");
    let (done, out, err) = bill(&scene, &[&late[..], &["--accept-corrections"]].concat());
    assert!(done && out.contains(&row(&acme, "Acme", 1, "3.00", "6.00")), "{out}{err}");
    assert!(!out.contains("Gamma"), "bills without new lines: {out}");
    let next = "next: 2026-10 is final, and what is new in it goes on the customers' next statements";
    assert!(err.contains(next) && !err.contains("bill publish"), "{err}");
    scene.invoice("november.csv", &[Usage { day: "2026-11-02", ..line("acme", "a", "1") }]);
    let (done, out, err) = bill(&scene, &["run", "--period", "2026-11", "data/invoices/november.csv"]);
    let acmes = row(&acme, "Acme", 1, "1.00", "8.00") + "        6.00 of it corrects months before\n";
    assert!(done && out.contains(&acmes), "{out}{err}");
    assert!(
        out.contains("     charged 8.00 for a cost of 1.00\n     6.00 of it corrects months before\n"),
        "{out}"
    );

    let (_, out, _) = bill(&scene, &["list"]);
    assert_eq!(out.lines().count(), 6, "{out}");
    assert!(
        out.contains("  2026-10  failed ") && out.contains("  -\n") && out.contains("  20071.00 USD\n"),
        "{out}"
    );

    // Eight digits before the point, a long margin, and what there is of the month before.
    scene.invoice("december.csv", &[Usage { day: "2026-12-01", ..line("beta", "a", "12345678.9") }]);
    let (done, out, err) = bill(&scene, &["run", "--period", "2026-12", "data/invoices/december.csv"]);
    assert!(done, "{out}{err}");
    for by in ["customer", "product", "publisher", "subscription"] {
        for period in ["2026-11", "2026-12"] {
            let (done, out, err) = bill(&scene, &["profit", "--period", period, "--by", by]);
            assert!(done && out.contains("total") && out.contains(" the month before\n"), "{out}{err}");
            let others = ["customer", "publisher", "product"].contains(&by);
            assert!(others || out.contains("        subscription sub-beta of customer "), "{out}");
            assert!(period == "2026-11" || out.contains("  12345678.90  12345678.90 "), "{out}");
        }
    }
}

fn wrong_arguments_are_named_as_they_were_given(engine: Engine) {
    let scene = Scene::new(engine);
    scene.billed("Acme", "acme", 0.0);
    scene.invoice("october.csv", &[line("acme", "a", "1")]);
    let file = "data/invoices/october.csv";
    for _ in 0..2 {
        assert!(bill(&scene, &["run", "--period", "2026-10", file]).0);
    }
    for (args, expected) in [
        (&["run", "--period", "2026-13", file][..], "--period must be a month such as \"2026-10\""),
        (
            &["run", "--period", "2026-10", "--accept", "nonsense", file],
            "--accept nonsense: there is no such warning; the codes are empty_file, ",
        ),
        (
            &["run", "--period", "2026-10", "--rate", "EUR", file],
            "--rate must be FROM/TO=RATE, such as EUR/USD=1.0821, and not \"EUR\"",
        ),
        (
            &["run", "--period", "2026-10", "--expect", "10", file],
            "--expect must be CURRENCY=AMOUNT, such as USD=12345.67, and not \"10\"",
        ),
        (&["publish", "1"], "this run is not the last of 2026-10: that is run 2"),
        (&["finalize", "1", "--yes"], "this run is not the last of 2026-10: that is run 2"),
        (&["finalize", "2"], "Make the statements of bill run 2 of 2026-10 final: 1.00 USD charged?"),
        (
            &["void", "2", "--reason", "r"],
            "Reverse final statements of the month of bill run 2 of 2026-10: 1.00 USD charged?",
        ),
    ] {
        let (done, _, err) = bill(&scene, args);
        assert!(!done && err.contains(expected), "{args:?}: {err}");
    }
}
