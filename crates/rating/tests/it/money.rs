//! What is charged.

use crate::bench::{Bench, RECONCILIATION, USAGE, csv_of, licence, texts, usage, with};
use serde_json::{Value, json};
use tenantry_rating::{Amount, Bounds, EarnedCredit, Rate};

#[test]
fn rules() {
    let line = with(
        usage("8.5"),
        &[
            ("UnitPrice", "5"),
            ("Quantity", "2"),
            ("PCToBCExchangeRate", "1"),
            ("PartnerEarnedCreditPercentage", "15"),
            ("PublisherName", "Contoso, \"Inc.\""),
            ("ChargeType", "new"),
            ("SkuId", "0001"),
        ],
    );
    let bare = with(line.clone(), &[("UnitPrice", ""), ("Quantity", "")]);
    let margin = |percentage: &str| json!({"name": "m", "kind": "margin", "percentage": percentage});
    let and = |mut rule: Value, more: Value| {
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    for (rules, line, charge, rule, from) in [
        // The customer's own margin is 20 %: 8.5 / 0.85 / 0.8.
        (vec![], &line, "12.5", "margin of the customer", "cost before earned credit"),
        (vec![margin("50")], &line, "20", "m", "cost before earned credit"),
        (vec![and(margin("50"), json!({"earned_credit": "passed_on"}))], &line, "17", "m", "cost"),
        (
            vec![json!({"name": "u", "kind": "markup", "percentage": 50})],
            &line,
            "15",
            "u",
            "cost before earned credit",
        ),
        (vec![json!({"name": "d", "kind": "discount", "percentage": 10})], &line, "9", "d", "list price"),
        (
            vec![json!({"name": "d", "kind": "discount", "percentage": 10}), margin("0")],
            &bare,
            "10",
            "m",
            "cost before earned credit",
        ),
        (
            vec![json!({"name": "f", "kind": "fixed", "price": "0.123456789012", "currency": "USD"})],
            &line,
            "0.246913578",
            "f",
            "fixed price",
        ),
        // Of two currencies that nothing leads between, each line has its own.
        (
            vec![
                json!({"name": "e", "kind": "fixed", "price": 1, "currency": "EUR"}),
                json!({"name": "f", "kind": "fixed", "price": 2, "currency": "USD"}),
            ],
            &line,
            "4",
            "f",
            "fixed price",
        ),
        (
            vec![json!({"name": "f", "kind": "fixed", "price": 1, "currency": "USD"}), margin("0")],
            &bare,
            "10",
            "m",
            "cost before earned credit",
        ),
        // The first that matches.
        (
            vec![
                and(margin("0"), json!({"position": 2})),
                and(margin("50"), json!({"name": "first", "position": 1})),
            ],
            &line,
            "20",
            "first",
            "cost before earned credit",
        ),
        (
            vec![and(margin("0"), json!({"customer_id": 2})), margin("50")],
            &line,
            "20",
            "m",
            "cost before earned credit",
        ),
        (vec![and(margin("0"), json!({"customer_id": 1}))], &line, "10", "m", "cost before earned credit"),
        (
            vec![and(margin("0"), json!({"publisher": "contoso, \"inc.\""}))],
            &line,
            "10",
            "m",
            "cost before earned credit",
        ),
        (
            vec![and(margin("0"), json!({"publisher": "Contoso"}))],
            &line,
            "12.5",
            "margin of the customer",
            "cost before earned credit",
        ),
        (
            vec![and(
                margin("0"),
                json!({"product_id": "P", "sku_id": "0001", "charge_type": "NEW", "meter_category": "storage"}),
            )],
            &line,
            "10",
            "m",
            "cost before earned credit",
        ),
        (
            vec![and(margin("0"), json!({"product_id": "P", "sku_id": "1"}))],
            &line,
            "12.5",
            "margin of the customer",
            "cost before earned credit",
        ),
        (
            vec![and(margin("0"), json!({"effective_from": "2026-10-05", "effective_until": "2026-10-06"}))],
            &line,
            "10",
            "m",
            "cost before earned credit",
        ),
        (
            vec![and(margin("0"), json!({"effective_until": "2026-10-05"}))],
            &line,
            "12.5",
            "margin of the customer",
            "cost before earned credit",
        ),
        (
            vec![and(margin("0"), json!({"effective_from": "2026-10-06"}))],
            &line,
            "12.5",
            "margin of the customer",
            "cost before earned credit",
        ),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(USAGE, std::slice::from_ref(line)));
        for rule in &rules {
            bench.rule(rule);
        }
        bench.run().unwrap();
        assert_eq!(bench.column("1/bill.csv", "Charge")[0], charge, "{rules:?}");
        let ledger = &bench.table("ledgers/1.csv")[0];
        assert_eq!((ledger["Rule"].as_str(), ledger["PricedFrom"].as_str()), (rule, from), "{rules:?}");
        assert_eq!((ledger["Charge"].as_str(), ledger["Cost"].as_str()), (charge, "8.5"));
    }
}

#[test]
fn earned_credit_and_credits() {
    for (cells, policy, charge) in [
        (vec![("PartnerEarnedCreditPercentage", "15")], EarnedCredit::Kept, "12.5"),
        (vec![("PartnerEarnedCreditPercentage", "0.15")], EarnedCredit::Kept, "12.5"),
        (vec![("PartnerEarnedCreditPercentage", "15")], EarnedCredit::PassedOn, "10.625"),
        (vec![("PartnerEarnedCreditPercentage", "0")], EarnedCredit::Kept, "10.625"),
        (vec![("PartnerEarnedCreditPercentage", "1")], EarnedCredit::Kept, "10.7323232323"),
        (
            vec![("BillingPreTaxTotal", "-8.5"), ("PartnerEarnedCreditPercentage", "15")],
            EarnedCredit::Kept,
            "-12.5",
        ),
        // All of it credited: the list price says what it was.
        (
            vec![("BillingPreTaxTotal", "0"), ("PartnerEarnedCreditPercentage", "100"), ("UnitPrice", "4")],
            EarnedCredit::Kept,
            "10",
        ),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(USAGE, &[with(usage("8.5"), &cells)]));
        bench.job.earned_credit = policy;
        bench.run().unwrap();
        assert_eq!(bench.column("1/bill.csv", "Charge")[0], charge, "{cells:?}");
    }
    // A cancellation is a credit, whatever sign its quantity has.
    for quantity in ["-1", "1"] {
        let mut bench = Bench::new();
        let line = with(licence("-8"), &[("UnitPrice", "10"), ("BillableQuantity", quantity)]);
        bench.file("f", &csv_of(RECONCILIATION, &[line]));
        bench.rule(&json!({"name": "f", "kind": "fixed", "price": "9.5", "currency": "USD"}));
        bench.run().unwrap();
        assert_eq!(bench.column("1/bill.csv", "Charge"), ["-9.5"]);
    }
}

#[test]
fn bills_are_rounded_once_at_their_total() {
    for (currency, costs, charges, total) in [
        ("USD", vec!["0.005"], vec!["0.005", "-0.005"], "0.00"),
        ("USD", vec!["0.015"], vec!["0.015", "0.005"], "0.02"),
        ("USD", vec!["0.0025", "0.0026"], vec!["0.0025", "0.0026", "0.0049"], "0.01"),
        ("USD", vec!["-0.015"], vec!["-0.015", "-0.005"], "-0.02"),
        ("USD", vec!["1.25"], vec!["1.25"], "1.25"),
        ("JPY", vec!["0.5"], vec!["0.5", "-0.5"], "0"),
        ("JPY", vec!["1.5"], vec!["1.5", "0.5"], "2"),
        ("BHD", vec!["0.0005"], vec!["0.0005", "-0.0005"], "0.000"),
        ("BHD", vec!["0.00150000000000000000000000000000001"], vec!["0.0015", "0.0005"], "0.002"),
    ] {
        let mut bench = Bench::new();
        let lines: Vec<_> = costs
            .iter()
            .map(|cost| with(usage(cost), &[("CustomerId", "b"), ("BillingCurrency", currency)]))
            .collect();
        bench.file("f", &csv_of(USAGE, &lines));
        bench.run().unwrap();
        let mut found = bench.column("2/bill.csv", "Charge");
        found[..costs.len()].sort();
        assert_eq!(found, charges, "{costs:?}");
        assert!(bench.read("2/statement.json").contains(&format!("\"total_amount\": {total},")), "{costs:?}");
    }
}

#[test]
fn currencies_are_never_added() {
    let lines = [
        usage("8"),
        with(usage("80"), &[("BillingCurrency", "JPY")]),
        with(usage("4"), &[("CustomerId", "b")]),
    ];
    let mut bench = Bench::new();
    bench.file("f", &csv_of(USAGE, &lines));
    let report = bench.run().unwrap();
    let shown: Vec<_> = report
        .customers
        .iter()
        .map(|bill| (bill.customer_id, bill.currency.code(), bill.charge.to_string()))
        .collect();
    assert_eq!(shown, [(1, "JPY", "100".into()), (1, "USD", "10".into()), (2, "USD", "4".into())]);
    assert_eq!(bench.column("1/bill.JPY.csv", "ChargeCurrency"), ["JPY"]);
    assert_eq!(bench.column("1/bill.USD.csv", "ChargeCurrency"), ["USD"]);
    assert_eq!(bench.column("2/bill.csv", "ChargeCurrency"), ["USD"]);

    let rate = |from: &str, rate: &str| Rate {
        from: from.parse().unwrap(),
        to: "EUR".parse().unwrap(),
        rate: rate.parse().unwrap(),
    };
    bench.job.currency_rates = vec![rate("USD", "0.9")];
    assert_eq!(
        bench.refused(),
        ["f, line 3, column BillingCurrency: JPY: the run was given no rate from JPY to EUR"]
    );
    bench.job.currency_rates.push(rate("JPY", "0.006"));
    let report = bench.run().unwrap();
    let totals: Vec<_> =
        report.totals.iter().map(|t| (t.currency.code(), t.cost.to_string(), t.charge.to_string())).collect();
    assert_eq!(
        totals,
        [
            ("EUR", "0".into(), "13.2".into()),
            ("JPY", "80".into(), "0".into()),
            ("USD", "12".into(), "0".into())
        ]
    );
    assert_eq!(report.customers[0].cost.to_string(), "7.68");
    for (rates, why) in [
        (
            vec![rate("USD", "0")],
            "the rate from USD to EUR: rate must be more than 0 and less than 10^9 with at most 12 decimal places, not 0",
        ),
        (vec![rate("USD", "1"), rate("USD", "2")], "the rate from USD to EUR: from must be given once"),
        (
            vec![rate("USD", "1"), Rate { to: "CHF".parse().unwrap(), ..rate("JPY", "1") }],
            "the rate from JPY to CHF: to must be EUR, for all rates lead to one currency",
        ),
    ] {
        bench.job.currency_rates = rates;
        assert_eq!(bench.refused(), [why]);
    }
}

#[test]
fn fixed_prices_in_another_currency() {
    let rate = |from: &str, to: &str, rate: &str| Rate {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        rate: rate.parse().unwrap(),
    };
    let fixed =
        |currency: &str| json!({"name": "per seat", "kind": "fixed", "price": "1.5", "currency": currency});
    let line = with(usage("8.5"), &[("Quantity", "2"), ("UnitPrice", "5"), ("EffectiveUnitPrice", "")]);
    let without_quantity = with(line.clone(), &[("Quantity", "")]);
    // A rule without a rate gives way to the next that matches, of whatever kind, and says so.
    let without_rate = |rate: &Rate, line| (vec![*rate], line);
    let to_francs = rate("USD", "CHF", "0.8");
    for (rule, (rates, line), charge, said) in [
        // 2 × 1.5 EUR at 1.1.
        ("EUR", (vec![rate("EUR", "USD", "1.1")], &line), "3.3", vec![]),
        ("USD", (vec![rate("EUR", "USD", "1.1")], &line), "3", vec![]),
        ("EUR", (vec![rate("USD", "EUR", "0.9")], &line), "3", vec![]),
        ("EUR", (vec![to_francs, rate("EUR", "CHF", "0.95")], &line), "2.85", vec![]),
        ("EUR", without_rate(&to_francs, &line), "8.5", vec!["price_rule_without_rate"]),
        ("EUR", (vec![], &line), "10.625", vec!["price_rule_without_rate"]),
        // It does not hold for a line that has no quantity, in whatever currency.
        ("EUR", (vec![], &without_quantity), "10.625", vec!["price_rule_without_quantity"]),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(USAGE, std::slice::from_ref(line)));
        bench.job.currency_rates = rates;
        bench.rule(&fixed(rule));
        let report = bench.run().unwrap();
        let warned = report.warnings.iter().map(|warning| warning.code.name());
        let warned: Vec<_> = warned.filter(|code| code.starts_with("price_rule")).collect();
        assert_eq!(bench.column("1/bill.csv", "Charge")[0], charge, "{rule} {:?}", bench.job.currency_rates);
        assert_eq!(warned, said, "{rule} {:?}", bench.job.currency_rates);
    }
    let mut bench = Bench::new();
    bench.file("f", &csv_of(USAGE, std::slice::from_ref(&line)));
    bench.rule(&fixed("EUR")).rule(&json!({"name": "m", "kind": "margin", "percentage": 50}));
    bench.rule(&json!({"name": "never", "kind": "markup", "percentage": 1, "publisher": "Fabrikam"}));
    bench.rule(&json!({"name": "over", "kind": "markup", "percentage": 1, "effective_until": "2026-10-01"}));
    let report = bench.run().unwrap();
    assert_eq!(bench.column("ledgers/1.csv", "Rule")[0], "m", "and not the next fixed price alone");
    let shown: Vec<_> = report
        .warnings
        .iter()
        .map(|w| (w.code.name(), w.price_rule_id, w.counted.lines, w.blocks.name()))
        .collect();
    assert_eq!(
        shown,
        [("price_rule_unused", Some(3), 0, None), ("price_rule_without_rate", Some(1), 1, Some("finalize")),]
    );
}

#[test]
fn bounds_hold_back() {
    let usd = || "USD".parse().unwrap();
    let amount = |text: &str| text.parse::<Amount>().unwrap();
    for (bounds, previous, held) in [
        (Bounds { max_lines: Some(2), ..Bounds::default() }, None, None),
        (Bounds { max_lines: Some(1), ..Bounds::default() }, None, Some("2 lines, where at most 1 pass")),
        (Bounds { max_amount: Some(amount("25")), ..Bounds::default() }, None, None),
        (
            Bounds { max_amount: Some(amount("24.99")), ..Bounds::default() },
            None,
            Some("a total of 25 USD, where at most 24.99 pass"),
        ),
        (Bounds { max_change_percent: Some(25), ..Bounds::default() }, Some("20"), None),
        (
            Bounds { max_change_percent: Some(24), ..Bounds::default() },
            Some("20"),
            Some("a total of 25 USD after 20 the month before, where a change of at most 24 % passes"),
        ),
        (
            Bounds { max_change_percent: Some(24), ..Bounds::default() },
            Some("50"),
            Some("a total of 25 USD after 50 the month before, where a change of at most 24 % passes"),
        ),
        (
            Bounds { max_change_percent: Some(1000), ..Bounds::default() },
            Some("0"),
            Some("a total of 25 USD after 0 the month before, where a change of at most 1000 % passes"),
        ),
        (Bounds { max_change_percent: Some(0), ..Bounds::default() }, None, None),
        (Bounds { max_new: Some(amount("25")), ..Bounds::default() }, None, None),
        (
            Bounds { max_new: Some(amount("24.99")), ..Bounds::default() },
            None,
            Some("a total of 25 USD after no bill the month before, where at most 24.99 pass"),
        ),
        (Bounds { max_new: Some(amount("24.99")), ..Bounds::default() }, Some("0"), None),
    ] {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(USAGE, &[usage("15"), usage("5")]));
        bench.job.bounds = bounds;
        bench.job.customers[0].previous_charge = previous.into_iter().map(|p| (usd(), amount(p))).collect();
        let report = bench.run().unwrap();
        let bill = &report.customers[0];
        assert_eq!(texts(&bill.held_back), held.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(bill.staged.is_some(), held.is_none());
        assert_eq!(bench.job.out.join("1").exists(), held.is_none());
        assert_eq!(bench.job.out.join("ledgers/1.csv").exists(), held.is_none());
        bench.job.customers[0].released = true;
        assert!(bench.run().unwrap().customers[0].staged.is_some(), "released by name");
    }
}

#[test]
fn a_bill_that_is_gone_is_a_warning_where_changes_have_a_bound() {
    let charge = |currency: &str, amount: &str| (currency.parse().unwrap(), amount.parse().unwrap());
    let mut bench = Bench::new();
    bench.file("f", &csv_of(USAGE, &[usage("15")]));
    // The first has a bill in one of its currencies; the second had nothing to pay, the third has gone.
    bench.job.customers[0].previous_charge = vec![charge("USD", "20"), charge("EUR", "7.5")];
    bench.job.customers[1].previous_charge = vec![charge("USD", "0")];
    bench.job.customers[2].previous_charge = vec![charge("USD", "100")];
    for (bound, expected) in [
        (None, &[][..]),
        (
            Some(50),
            &[
                "Customer a (1) was charged 7.5 EUR the month before, and has no bill",
                "Customer c (3) was charged 100 USD the month before, and has no bill",
            ],
        ),
    ] {
        bench.job.bounds.max_change_percent = bound;
        let warnings = bench.run().unwrap().warnings;
        let gone = warnings.iter().filter(|warning| warning.code.name() == "bill_gone");
        let gone: Vec<&str> = gone.map(|warning| warning.message.as_str()).collect();
        assert_eq!(gone, expected, "{bound:?}");
    }
}

#[test]
fn formulas_are_checked_and_never_used() {
    let formula = |cost: &str| {
        with(usage(cost), &[("EffectiveUnitPrice", "2"), ("Quantity", "3"), ("PCToBCExchangeRate", "1.5")])
    };
    let mut bench = Bench::new();
    let total = with(licence("1"), &[("TaxTotal", "0.2"), ("Total", "1.3")]);
    bench.file("f", &csv_of(USAGE, &[formula("9"), formula("9.01"), formula("9.02"), usage("5")]));
    bench.file("g", &csv_of(RECONCILIATION, &[total, licence("4")]));
    let report = bench.run().unwrap();
    assert_eq!((report.checks.formula_mismatches, report.checks.total_mismatches), (1, 1));
    assert_eq!(report.totals[0].cost.to_string(), "37.03");
}

#[test]
fn a_dry_run_computes_the_same_and_keeps_nothing() {
    let mut bench = Bench::new();
    bench.file("f", &csv_of(USAGE, &[usage("15"), with(usage("5"), &[("CustomerId", "x")])]));
    let shown = |report: &tenantry_rating::RunReport| serde_json::to_string(report).unwrap();
    let wet = shown(&bench.run().unwrap());
    bench.job.dry_run = true;
    assert_eq!(shown(&bench.run().unwrap()), wet);
}

#[test]
fn a_report_as_the_design_has_it() {
    let mut bench = Bench::new();
    bench.file(
        "f",
        &csv_of(USAGE, &[usage("15.001"), with(usage("5"), &[("CustomerId", "x"), ("CustomerName", "X")])]),
    );
    let size = std::fs::metadata(&bench.job.inputs[0].path).unwrap().len();
    let report = serde_json::to_value(bench.run().unwrap()).unwrap();
    let expected = json!({
        "billing_period": "2026-10", "invoice_id": "G1",
        "progress": {"bytes_read": size, "bytes_total": size, "lines": 2, "customers": 1},
        "totals": [{"currency": "USD", "lines": 2, "cost": "20.001", "billed_cost": "15.001", "unassigned_cost": "5",
                    "billed_in": "USD", "charge": "18.75", "rounding": "-0.00125", "charged_cost": "15.001",
                    "held_charge": "0", "held_cost": "0", "billed_before": {"lines": 0, "cost": "0"}, "tax": "0"}],
        "customers": [{"customer_id": 1, "name": "Customer a", "currency": "USD", "lines": 1, "cost": "15.001",
                       "charge": "18.75", "rounding": "-0.00125", "corrections": "0",
                       "billed_before": {"lines": 0, "cost": "0"},
                       "earned_credit": {"kept": "0", "passed_on": "0", "unknown_lines": 0, "unknown_cost": "0"},
                       "held_back": []}],
        "unassigned": [{"azure_customer_id": "x", "name": "X", "currency": "USD", "lines": 1, "cost": "5",
                        "reason": "no customer"}],
        "checks": {"ties": true, "formula_mismatches": 0, "total_mismatches": 0, "final_lines_missing": 0,
                   "below_cost": {"lines": 0, "amounts": []}, "far_above_cost": {"lines": 0, "amounts": []},
                   "other_months": {"lines": 0, "amounts": []}, "without_invoice": {"lines": 0, "amounts": []},
                   "earned_credit_unknown": {"lines": 0, "amounts": []},
                   "earned_credit_mismatches": {"lines": 0, "amounts": []},
                   "azure_credits": {"lines": 0, "amounts": []}, "expected_totals": []},
        "files": [{"file": "f", "lines": 2, "digest": "786bd8b61bea622567480eb227d8e6f1"}],
    });
    assert_eq!(report, expected);
}
