//! What a statement shows its customer.

use crate::bench::{Bench, RECONCILIATION, USAGE, csv_of, licence, usage, with};
use tenantry_rating::{Correction, Heading, Restatement, restated};

/// The rows of a page's tables, cell by cell, without their tags.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = |cell: &str| {
        let mut text = String::new();
        for part in cell.split('<') {
            text += part.split_once('>').map_or("", |(_, text)| text);
            text.push('|');
        }
        text.split('|').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").replace("&nbsp;", " ")
    };
    let cells = |row: &str| row.split("</td>").filter(|cell| cell.contains("<td")).map(text).collect();
    page.split("<tr").skip(1).map(|row| cells(row.split("</tr>").next().unwrap())).collect()
}

fn page(costs: &[&str], corrections: &[(&str, u32, &str)]) -> Vec<Vec<String>> {
    let mut bench = Bench::new();
    let line = |(i, cost): (usize, &&str)| {
        let meter = format!("service {i}");
        with(usage(cost), &[("CustomerId", "b"), ("MeterCategory", &meter), ("EntitlementId", "one")])
    };
    bench.file("f", &csv_of(USAGE, &costs.iter().enumerate().map(line).collect::<Vec<_>>()));
    bench.job.customers[1].corrections = corrections
        .iter()
        .map(|(period, version, amount)| Correction {
            period: period.parse().unwrap(),
            version: *version,
            currency: "USD".parse().unwrap(),
            amount: amount.parse().unwrap(),
        })
        .collect();
    bench.run().unwrap();
    rows(&bench.read("2/statement.html"))
}

#[test]
fn the_rows_shown_add_up() {
    for (costs, corrections, expected) in [
        (vec!["129.4129411765"], vec![], "Charges of this month 129.41 USD; Total 129.41 USD"),
        (
            vec!["10"],
            vec![("2026-01", 2, "-1.5"), ("2026-01", 3, "0.25")],
            "Charges of this month 10.00 USD; Correction of 2026-01, version 2 −1.50 USD; \
             Correction of 2026-01, version 3 0.25 USD; Total 8.75 USD",
        ),
        // Half to even of the sum is another cent than that of its part.
        (
            vec!["0.125"],
            vec![("2026-01", 2, "0.01")],
            "Charges of this month 0.12 USD; Correction of 2026-01, version 2 0.01 USD; Rounding 0.01 USD; Total 0.14 USD",
        ),
    ] {
        let rows = page(&costs, &corrections);
        let end = rows.iter().position(|row| row.first().is_some_and(|name| name == "Total")).unwrap();
        let shown: Vec<String> = rows[..=end].iter().map(|row| row.join(" ")).collect();
        assert_eq!(shown.join("; "), expected);
    }
    // The rows of a table, whose own cents go astray.
    let rows = page(&["0.004", "0.004", "0.004", "1"], &[]);
    let by_service: Vec<String> = rows[2..].iter().map(|row| row.join(" ")).skip(1).take(6).collect();
    assert_eq!(
        by_service,
        [
            "service 0 1 0.00 USD",
            "service 1 1 0.00 USD",
            "service 2 1 0.00 USD",
            "service 3 1 1.00 USD",
            "Rounding of these rows 0.01 USD",
            "Charges of this month 4 1.01 USD"
        ]
    );
}

#[test]
fn usage_without_an_entitlement_is_of_its_plan() {
    let plan =
        [("EntitlementId", ""), ("SubscriptionId", "plan-1"), ("SubscriptionDescription", "Azure plan")];
    let own =
        [("EntitlementId", "ent-1"), ("EntitlementDescription", "Production"), ("SubscriptionId", "plan-1")];
    let quoted = "\"plan, 2\"";
    for (columns, quote) in [(USAGE, ""), (USAGE, quoted)] {
        let mut bench = Bench::new();
        let lines = [with(usage("1"), &plan), with(usage("2"), &own)];
        let text = String::from_utf8(csv_of(columns, &lines)).unwrap();
        let text = if quote.is_empty() { text } else { text.replace("plan-1", quote) };
        bench.file("f", text.as_bytes());
        bench.file("g", &csv_of(RECONCILIATION, &[with(licence("3"), &[("SubscriptionId", "")])]));
        bench.run().unwrap();
        let statement: serde_json::Value = serde_json::from_str(&bench.read("1/statement.json")).unwrap();
        let listed = statement["subtotals"]["subscriptions"].as_array().unwrap().iter();
        let listed: Vec<String> = listed.map(|one| format!("{} {}", one["id"], one["name"])).collect();
        let id = if quote.is_empty() { "plan-1" } else { "plan, 2" };
        let plan = format!("\"{id}\" \"Azure plan\"");
        assert_eq!(listed, ["\"\" \"\"", "\"ent-1\" \"Production\"", &plan]);
    }
}

#[test]
fn a_final_statement_says_so_and_nothing_else_changes() {
    let mut bench = Bench::new();
    bench.job.customers[0].name = "\"status\": \"Estimated\", <span class=\"status\">Estimated</span>".into();
    bench.file("f", &csv_of(USAGE, &[usage("1")]));
    bench.run().unwrap();
    let files =
        |bench: &Bench| ["statement.json", "statement.html"].map(|name| bench.read(&format!("1/{name}")));
    let estimated = files(&bench);
    bench.job.finalize = true;
    bench.run().unwrap();
    let [json, html] = files(&bench);
    let (issuer, customer) = (bench.job.issuer.clone(), bench.job.customers[0].name.clone());
    let heading = Heading { issuer: &issuer, customer: &customer, currency: "USD".parse().unwrap() };
    let made = |text: &str, at| {
        let made = restated(text.as_bytes(), &heading, &Restatement::Final { since: at })?;
        Ok::<_, String>([made.json, made.html].map(|bytes| String::from_utf8(bytes).unwrap()))
    };
    assert_eq!(made(&estimated[0], bench.job.generated_at).unwrap(), [json.clone(), html]);
    let [later, _] = made(&estimated[0], 1_793_577_600).unwrap();
    let [before, after]: [serde_json::Value; 2] =
        [&estimated[0], &later].map(|text| serde_json::from_str(text).unwrap());
    assert_eq!(after["status"], "Final");
    assert_eq!(after["statement_generation_time"], "2026-11-02 00:00:00");
    assert_eq!(after["statement_summary_generation_time"], "2026-11-02 00:00:00");
    for same in
        ["detailed_billing_records_generation_time", "total_amount", "subtotals", "lines", "invoice_date"]
    {
        assert_eq!(before[same], after[same], "{same}");
    }
    let unknown = estimated[0].replacen("{", "{\"more\": 1,", 1);
    for (text, expected) in [
        (&json, "its status is Final, not Estimated"),
        (&unknown, "unknown field `more`"),
        (&estimated[1], "expected value"),
    ] {
        assert!(made(text, 0).is_err_and(|error| error.contains(expected)), "{expected}");
    }
}

#[test]
fn a_reversal_has_the_amounts_of_the_final_statement_with_the_other_sign() {
    let mut bench = Bench::new();
    bench.job.finalize = true;
    bench.file("f", &csv_of(USAGE, &[usage("1.005"), usage("-0.5"), usage("0")]));
    bench.run().unwrap();
    let json = bench.read("1/statement.json");
    let (issuer, customer) = (bench.job.issuer.clone(), bench.job.customers[0].name.clone());
    let heading = Heading { issuer: &issuer, customer: &customer, currency: "USD".parse().unwrap() };
    let reversal = Restatement::Reversal { at: 1_793_577_600, version: 2, reason: "a <wrong> month" };
    let made = restated(json.as_bytes(), &heading, &reversal).unwrap();
    let [before, after]: [serde_json::Value; 2] =
        [json.as_bytes(), &made.json].map(|text| serde_json::from_slice(text).unwrap());
    let number = |of: &serde_json::Value| of.as_f64().unwrap();
    for path in ["/total_amount", "/rounding", "/subtotals/services/0/charge", "/subtotals/months/0/charge"] {
        let [before, after] = [&before, &after].map(|json| number(json.pointer(path).unwrap()));
        assert!((before + after).abs() < f64::EPSILON, "{path}: {before} {after}");
    }
    assert!(number(&before["total_amount"]) > 0.0, "the control: {before}");
    assert_eq!((&after["status"], &after["reverses_version"]), (&"Reversal".into(), &2.into()));
    assert_eq!(before["lines"], after["lines"]);
    let html = String::from_utf8(made.html).unwrap();
    for shown in ["Reversal of the statement for", ", version 2", "<p>a &lt;wrong&gt; month</p>", "\u{2212}"]
    {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    let again = restated(&made.json, &heading, &reversal);
    assert!(again.is_err_and(|error| error.contains("its status is Reversal, not Final")));
}
