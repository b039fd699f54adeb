//! What a run refuses, holds back or warns of, so that no line is billed twice, in a wrong month or at an odd price.

use crate::bench::{Bench, Line, RECONCILIATION, USAGE, csv_of, licence, texts, usage, with};
use serde_json::{Value, json};
use tenantry_rating::{BilledInvoice, FinalBill, FinalMonth, WarningCode};

/// The warnings of a run as JSON, without their sentences, and without those of bills that are held back.
fn warnings(bench: &mut Bench) -> Vec<Value> {
    let report = bench.run().unwrap();
    let mut warnings = serde_json::to_value(&report.warnings).unwrap();
    let list = warnings.as_array_mut().unwrap();
    list.retain(|warning| warning["code"] != "held_back");
    list.iter_mut().for_each(|warning| drop(warning.as_object_mut().unwrap().remove("message")));
    std::mem::take(list)
}

#[test]
fn a_run_takes_files_of_its_month() {
    let on = |day: &str| with(usage("1"), &[("UsageDate", day)]);
    let cycle = |day: &str, start: &str, end: &str| {
        with(on(day), &[("ChargeStartDate", start), ("ChargeEndDate", end)])
    };
    let seats =
        |start: &str, end: &str| with(licence("2"), &[("ChargeStartDate", start), ("ChargeEndDate", end)]);
    let refused = |lines: u64, months: &str| {
        let (which, they) = match lines {
            1 => ("its only line is of no".to_owned(), "it is"),
            _ => (format!("none of its {lines} lines is of a"), "they are"),
        };
        Some(format!(
            "f: {which} day or billing period in 2026-10: {they} of {months}. Run it as the month that it is of, or accept \
             lines_of_other_months"
        ))
    };
    // How many lines are of other months, and whether that is warned of.
    for (columns, lines, error, other, warned) in [
        (USAGE, vec![on("2026-10-31")], None, 0, false),
        (USAGE, vec![on("")], None, 0, false),
        (USAGE, vec![on("2026-11-01")], refused(1, "2026-11"), 1, true),
        (USAGE, vec![on("2025-10-01"), on("2026-11-01")], refused(2, "2025-10 to 2026-11"), 2, true),
        // Late usage, on the invoice of the month.
        (USAGE, vec![on("2026-10-01"), on("2026-09-30")], None, 1, false),
        (USAGE, vec![on("2026-10-01"), on("2026-09-30"), on("2026-09-29")], None, 2, true),
        (USAGE, vec![cycle("2026-09-30", "10/1/2026", "10/31/2026")], None, 0, false),
        (USAGE, vec![cycle("2026-09-30", "9/1/2026", "9/30/2026")], refused(1, "2026-09"), 1, true),
        (RECONCILIATION, vec![seats("10/31/2026", "11/30/2026")], None, 0, false),
        (RECONCILIATION, vec![seats("2/15/2026", "2/14/2027")], None, 0, false),
        (RECONCILIATION, vec![seats("", "")], None, 0, false),
        (RECONCILIATION, vec![seats("11/1/2026", "11/30/2026")], refused(1, "2026-11"), 1, true),
        (RECONCILIATION, vec![seats("9/1/2026", "9/30/2026")], refused(1, "2026-09"), 1, true),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(columns, &lines));
        if let Some(error) = error {
            assert_eq!(bench.refused(), [error]);
            bench.job.accept = vec![WarningCode::LinesOfOtherMonths];
        }
        let report = bench.run().unwrap();
        assert_eq!(report.checks.other_months.lines, other, "{lines:?}");
        let codes: Vec<_> = report.warnings.iter().map(|warning| warning.code).collect();
        assert_eq!(codes, vec![WarningCode::LinesOfOtherMonths; usize::from(warned)], "{lines:?}");
    }
    // Each file by itself, and only lines of the invoice that is billed.
    let mut bench = Bench::new();
    bench.file("october", &csv_of(USAGE, &[on("2026-10-01")]));
    bench.file("november", &csv_of(USAGE, &[with(on("2026-11-01"), &[("InvoiceNumber", "G2")])]));
    assert!(bench.refused()[0].starts_with("november: its only line is of no day"));
    bench.job.invoice_id = Some("G1".to_owned());
    assert_eq!(warnings(&mut bench), Vec::<Value>::new());
}

#[test]
fn unbilled_lines_stay_apart_and_estimates() {
    let (numbered, unbilled) = (usage("1"), with(usage("2"), &[("InvoiceNumber", "")]));
    let mut bench = Bench::new();
    bench.file("billed", &csv_of(RECONCILIATION, &[licence("4")]));
    bench.file("unbilled", &csv_of(USAGE, &[unbilled.clone(), unbilled.clone()]));
    assert_eq!(
        bench.refused(),
        [
            "unbilled: has 2 lines without an invoice number, and 1 line of this run is on an invoice: what Microsoft has \
          not billed yet comes again with its invoice, so bill either kind in a run of its own"
        ]
    );
    let mut bench = Bench::new();
    bench.file("both", &csv_of(USAGE, &[numbered, unbilled.clone()]));
    assert!(bench.refused()[0].starts_with("both: has 1 line without an invoice number"));
    bench.job.invoice_id = Some("G1".to_owned());
    assert_eq!(warnings(&mut bench), Vec::<Value>::new(), "those of the invoice alone");

    let mut bench = Bench::new();
    bench.file("f", &csv_of(USAGE, &[unbilled.clone(), with(unbilled, &[("CustomerId", "nobody")])]));
    bench.job.accept = vec![WarningCode::LinesWithoutInvoice];
    let expected = json!({"code": "lines_without_invoice", "blocks": "finalize", "accepted": false, "lines": 2,
                          "amounts": [{"currency": "USD", "amount": "4"}]});
    assert_eq!(warnings(&mut bench), [expected], "it cannot be accepted");
    bench.job.finalize = true;
    assert!(
        bench.refused()[0]
            .starts_with("f: has 2 lines without an invoice number, which cannot be made final")
    );
}

#[test]
fn customers_whose_lines_are_in_two_files_are_held_back() {
    let other = |cost: &str| with(usage(cost), &[("CustomerId", "b")]);
    // Days 1 to 3 in one file, days 2 to 4 in the other.
    let days = |range: std::ops::RangeInclusive<u32>| -> Vec<Line> {
        range.map(|day| with(usage("10"), &[("UsageDate", &format!("2026-10-{day:02}"))])).collect()
    };
    let mut bench = Bench::new();
    bench.file("first", &csv_of(USAGE, &[&days(1..=3)[..], &[other("5")]].concat()));
    bench.file("second", &csv_of(USAGE, &[&days(2..=4)[..], &[other("6")]].concat()));
    for threads in [1, 3] {
        bench.job.threads = threads;
        let expected = json!({"code": "overlapping_files", "blocks": "finalize", "accepted": false, "file": "second",
                              "lines": 2, "amounts": []});
        assert_eq!(warnings(&mut bench), [expected]);
        let report = bench.run().unwrap();
        let held: Vec<_> = report.customers.iter().map(|bill| texts(&bill.held_back)).collect();
        assert_eq!(
            held,
            [vec!["2 of its lines are in two files, and would be billed twice".to_owned()], vec![]]
        );
        let total = &report.totals[0];
        assert_eq!(
            [total.charge, total.charged_cost, total.held_charge, total.held_cost].map(|sum| sum.to_string()),
            ["11", "11", "75", "60"]
        );
    }
    let held = |bench: &mut Bench| bench.run().unwrap().customers[0].is_held_back;
    bench.job.customers[0].released = true;
    assert!(!held(&mut bench), "released by name");
    bench.job.customers[0].released = false;
    bench.job.accept = vec![WarningCode::OverlappingFiles];
    assert!(!held(&mut bench), "accepted by its code");
}

#[test]
fn charges_out_of_proportion_are_counted() {
    let priced = |cells: &[(&'static str, &str)], rule: Value| {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(RECONCILIATION, &[with(licence("1008"), cells), licence("3")]));
        bench.rule(&rule);
        bench
    };
    let fixed =
        |price: &str| json!({"name": "f", "kind": "fixed", "price": price, "currency": "USD", "sku_id": "B"});
    for (price, below, far) in [("1008", 0, 0), ("957.6", 1, 0), ("5040", 0, 0), ("5040.01", 0, 1)] {
        let mut bench = priced(&[("SkuId", "B")], fixed(price));
        let checks = bench.run().unwrap().checks;
        assert_eq!((checks.below_cost.lines, checks.far_above_cost.lines), (below, far), "{price}");
    }
    let mut bench = priced(&[("SkuId", "B")], fixed("957.6"));
    let amounts = json!([{"currency": "USD", "cost": "1008", "charge": "957.6"}]);
    let checks = serde_json::to_value(bench.run().unwrap().checks).unwrap();
    assert_eq!(checks["below_cost"], json!({"lines": 1, "amounts": amounts}));
    let warned = json!({"code": "below_cost", "blocks": "finalize", "accepted": false, "lines": 1,
                        "amounts": [{"currency": "USD", "amount": "1008"}]});
    assert_eq!(warnings(&mut bench), [warned]);
    // A margin of 90 % makes ten times the cost.
    bench.job.rules.clear();
    bench.job.customers[0].terms[0].margin = domain::Margin::parse("90").unwrap();
    assert_eq!(bench.run().unwrap().checks.far_above_cost.lines, 2);
}

#[test]
fn what_is_in_another_currency_is_told_apart() {
    let mut bench = Bench::new();
    let euros = with(usage("20"), &[("BillingCurrency", "EUR"), ("CustomerId", "b")]);
    bench.file("f", &csv_of(USAGE, &[with(usage("10"), &[("CustomerId", "b")]), euros]));
    let rate = |from: &str, to: &str, rate: &str| tenantry_rating::Rate {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        rate: rate.parse().unwrap(),
    };
    bench.job.currency_rates = vec![rate("EUR", "USD", "1.1")];
    let report = bench.run().unwrap();
    let shown: Vec<_> = report
        .totals
        .iter()
        .map(|t| {
            format!(
                "{} {} in {}: {} for {}",
                t.cost,
                t.currency,
                t.billed_in.unwrap(),
                t.charge,
                t.charged_cost
            )
        })
        .collect();
    assert_eq!(shown, ["20 EUR in USD: 0 for 0", "10 USD in USD: 32 for 32"]);
}

#[test]
fn the_aggregated_reconciliation_is_called_by_its_name() {
    for name in ["PriceBenefits", "partnerPrice"] {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(&format!("{RECONCILIATION},{name}"), &[licence("1")]));
        assert!(bench.refused()[0].starts_with("f, line 1: is Microsoft's usage-aggregated reconciliation"));
    }
}

#[test]
fn lines_that_are_final_in_another_month_are_held_back() {
    let of = |invoice: &str, day: &str, cost: &str| {
        with(usage(cost), &[("InvoiceNumber", invoice), ("UsageDate", day)])
    };
    let mut bench = Bench::new();
    let october = [of("G1", "2026-10-05", "8"), of("G1", "2026-10-06", "4")];
    bench.file("october", &csv_of(USAGE, &october));
    bench.run().unwrap();
    let ledger = bench.folder.path().join("final");
    std::fs::copy(bench.job.out.join("ledgers/1.csv"), &ledger).unwrap();
    let october = FinalMonth { period: bench.job.period, bills: vec![FinalBill { customer_id: 1, ledger }] };
    bench.job.billed_invoices = vec![BilledInvoice { number: "G1".into(), period: bench.job.period }];
    bench.job.period = "2026-11".parse().unwrap();
    let own = of("G2", "2026-11-02", "1");
    for (lines, alike, cost) in [
        (vec![own.clone(), of("G2", "2026-10-05", "8"), of("G2", "2026-10-06", "4")], 2, "12 USD"),
        (vec![own.clone(), of("G2", "2026-10-05", "8"), of("G2", "2026-10-05", "8")], 1, "8 USD"),
        (vec![own.clone(), of("G2", "2026-10-05", "9")], 0, ""),
        (vec![own.clone(), of("G2", "2026-11-05", "8")], 0, ""),
    ] {
        for months in [vec![october.clone()], Vec::new()] {
            bench.job.inputs.clear();
            bench.file("november", &csv_of(USAGE, &lines));
            let is_looked_for = !months.is_empty();
            bench.job.other_months = months;
            let report = bench.run().unwrap();
            let why = match alike {
                1 => format!(
                    "1 of its lines, which costs {cost}, is final in 2026-10 under another invoice number"
                ),
                _ => format!(
                    "{alike} of its lines, which cost {cost}, are final in 2026-10 under another invoice number"
                ),
            };
            let why = format!("{why} (G2 here, G1 there): was the invoice");
            let bill = &report.customers[0];
            let is_held = bill.held_back.iter().any(|held| held.text.starts_with(&why));
            assert_eq!(is_held, alike > 0 && is_looked_for, "{lines:?}: {:?}", bill.held_back);
        }
    }
}

#[test]
fn a_reissued_invoice_is_held_back() {
    let of = |invoice: &str, cost: &str| with(usage(cost), &[("InvoiceNumber", invoice)]);
    let mut bench = Bench::new();
    bench.file("first", &csv_of(USAGE, &[of("G1", "8"), of("G1", "8"), of("G1", "4")]));
    bench.run().unwrap();
    let ledger = bench.folder.path().join("final");
    std::fs::copy(bench.job.out.join("ledgers/1.csv"), &ledger).unwrap();
    bench.job.final_bills.push(FinalBill { customer_id: 1, ledger: ledger.clone() });
    // The lines of the month's second invoice, and of how many of them the month has the like already.
    for (lines, alike, cost) in [
        (vec![of("G2", "8"), of("G2", "8"), of("G2", "4")], 3, "20 USD"),
        (vec![of("G2", "8"), of("G2", "8"), of("G2", "8")], 2, "16 USD"),
        (vec![of("G2", "4"), of("G2", "1")], 1, "4 USD"),
        (vec![of("G2", "16"), of("G2", "-8")], 0, ""),
        (vec![with(of("G2", "8"), &[("UsageDate", "2026-10-06")])], 0, ""),
        (vec![with(of("G2", "8"), &[("CustomerId", "b")])], 0, ""),
        (vec![of("G1", "8"), of("G1", "8"), of("G1", "4")], 0, ""),
    ] {
        bench.job.inputs.clear();
        bench.file("again", &csv_of(USAGE, &lines));
        let report = bench.run().unwrap();
        let bill = &report.customers[0];
        let (cost_of, are) = if alike == 1 { ("costs", "is") } else { ("cost", "are") };
        let why = format!(
            "{alike} of its lines, which {cost_of} {cost}, {are} final in 2026-10 under another invoice number (G2 here): was \
             the invoice issued again, and is its credit note missing?"
        );
        assert_eq!(texts(&bill.held_back).contains(&why), alike > 0, "{lines:?}: {:?}", bill.held_back);
        let warned = report.warnings.iter().find(|warning| warning.code == WarningCode::ReissuedInvoice);
        assert_eq!(warned.map_or(0, |warning| warning.counted.lines), alike, "{lines:?}");
    }
    // Released by name, or accepted by its code, it is billed.
    bench.job.inputs.clear();
    bench.file("again", &csv_of(USAGE, &[of("G2", "4")]));
    assert!(bench.run().unwrap().customers[0].is_held_back);
    bench.job.accept = vec![WarningCode::ReissuedInvoice];
    assert!(!bench.run().unwrap().customers[0].is_held_back);
    (bench.job.accept, bench.job.customers[0].released) = (Vec::new(), true);
    assert!(!bench.run().unwrap().customers[0].is_held_back);
    // A ledger of an earlier version knows its lines, and cannot tell what else they are like.
    let text = std::fs::read_to_string(&ledger).unwrap();
    // The last two columns came one after the other.
    let cells = |line: &str| -> Vec<String> { line.rsplitn(3, ',').map(str::to_owned).collect() };
    let with_content: String =
        text.lines().map(|line| format!("{},{}\n", cells(line)[2], cells(line)[0])).collect();
    std::fs::write(&ledger, with_content).unwrap();
    (bench.job.accept, bench.job.customers[0].released) = (Vec::new(), false);
    assert!(bench.run().unwrap().customers[0].is_held_back);
    let old: String = text.lines().map(|line| format!("{}\n", cells(line)[2])).collect();
    std::fs::write(&ledger, old).unwrap();
    bench.job.customers[0].released = false;
    assert!(!bench.run().unwrap().customers[0].is_held_back);
    bench.job.inputs.clear();
    bench.file("first", &csv_of(USAGE, &[of("G1", "8"), of("G1", "8"), of("G1", "4")]));
    assert_eq!(bench.run().unwrap().customers[0].billed_before.lines, 3);
}
