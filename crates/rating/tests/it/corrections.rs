//! Months that were final already.

use crate::bench::{Bench, Line, RECONCILIATION, USAGE, csv_of, licence, usage, with};
use serde_json::json;
use tenantry_rating::report::CustomerBill;
use tenantry_rating::{Correction, FinalBill, Job, Rate, RunReport};

/// A run over these costs, its ledger kept as that of a final bill.
fn finalized(bench: &mut Bench, costs: &[&str]) {
    bench.job.inputs.clear();
    let lines: Vec<_> = costs.iter().map(|cost| usage(cost)).collect();
    bench.file("f", &csv_of(USAGE, &lines));
    finalize(bench);
}

/// The job's run, its ledger kept as that of a final bill.
fn finalize(bench: &mut Bench) {
    bench.run().unwrap();
    let ledger = bench.folder.path().join(format!("final-{}", bench.job.final_bills.len()));
    std::fs::copy(bench.job.out.join("ledgers/1.csv"), &ledger).unwrap();
    bench.job.final_bills.push(FinalBill { customer_id: 1, ledger });
}

/// The month once more, with these lines.
fn again(bench: &mut Bench, lines: &[Line]) -> RunReport {
    bench.job.inputs.clear();
    bench.file("again", &csv_of(USAGE, lines));
    bench.run().unwrap()
}

#[test]
fn only_new_lines_of_a_final_month_are_billed() {
    let mut bench = Bench::new();
    finalized(&mut bench, &["8", "8", "4"]);
    for (costs, billed_before, charges) in [
        (vec!["8", "8", "4"], 3, vec![]),
        (vec!["4", "8", "8", "8"], 3, vec!["10"]),
        (vec!["8", "8", "4", "-4.004"], 3, vec!["-5.005", "0.005"]),
        // A credit note, say: an invoice of its own, whose lines alone are given.
        (vec!["16 of G2"], 0, vec!["20"]),
    ] {
        let line = |cost: &&str| match cost.split_once(" of ") {
            Some((cost, invoice)) => with(usage(cost), &[("InvoiceNumber", invoice)]),
            None => usage(cost),
        };
        let report = again(&mut bench, &costs.iter().map(line).collect::<Vec<_>>());
        let bill = &report.customers[0];
        assert_eq!(bill.billed_before.lines, billed_before, "{costs:?}");
        assert_eq!(report.checks.final_lines_missing, 3 - billed_before, "{costs:?}");
        assert_eq!(bill.staged.is_some(), !charges.is_empty());
        assert!(bill.is_correction && report.checks.ties);
        if !charges.is_empty() {
            assert_eq!(bench.column("1/bill.csv", "Charge"), charges);
            let focus = bench.job.out.join("1/bill.focus.csv");
            assert!(!focus.exists(), "the statement that it is payable with has it in its FOCUS rows");
        }
    }
    // The next final version has only what was new: both together are what is billed.
    finalized(&mut bench, &["8", "8", "4", "16"]);
    assert_eq!(again(&mut bench, &["16", "8", "4", "8", "2"].map(usage)).customers[0].billed_before.lines, 4);
    assert_eq!(bench.column("1/bill.csv", "Charge"), ["2.5"]);
}

#[test]
fn corrections_are_carried_onto_the_bill() {
    let mut bench = Bench::new();
    bench.file("f", &csv_of(USAGE, &[with(usage("8.001"), &[("CustomerId", "b")])]));
    let correction = |currency: &str, amount: &str| Correction {
        period: "2026-09".parse().unwrap(),
        version: 2,
        currency: currency.parse().unwrap(),
        amount: amount.parse().unwrap(),
        statement_number: None,
    };
    bench.job.customers[0].corrections = vec![correction("EUR", "-1.5")];
    bench.job.customers[1].corrections = vec![correction("USD", "2.25")];
    let report = bench.run().unwrap();
    let bills: Vec<_> =
        report.customers.iter().map(|b| (b.customer_id, b.lines, b.charge.to_string())).collect();
    assert_eq!(bills, [(1, 0, "-1.5".into()), (2, 1, "10.25".into())]);
    assert_eq!(bench.column("2/bill.csv", "Charge"), ["8.001", "2.25", "-0.001"]);
    assert_eq!(bench.column("2/bill.csv", "ChargeType"), ["", "correction", "rounding"]);
    let rows = bench.table("2/bill.focus.csv");
    let of = |column: &str| rows.iter().map(|row| row[column].as_str()).collect::<Vec<_>>();
    assert_eq!(of("ChargeClass"), ["", "Correction", ""]);
    assert_eq!(
        of("ChargePeriodStart"),
        ["2026-10-05T00:00:00Z", "2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"]
    );
    assert_eq!(of("ChargeDescription")[1], "Correction of 2026-09, version 2");
    assert_eq!(bench.column("ledgers/2.csv", "PricedFrom"), ["cost", "correction", "rounding"]);
    let statement: serde_json::Value = serde_json::from_str(&bench.read("2/statement.json")).unwrap();
    assert_eq!(statement["corrections"][0]["amount"].to_string(), "2.25");
}

#[test]
fn a_final_line_is_known_in_any_spelling() {
    let of = |cells: &[(&'static str, &str)]| with(usage("8"), &[&FULL[..], cells].concat());
    for (cells, is_new) in [
        (vec![], false),
        (vec![("BillingPreTaxTotal", "8.00"), ("Quantity", "2.0"), ("UnitPrice", "3.20")], false),
        (vec![("BillingPreTaxTotal", "8E0"), ("Quantity", "0.2e1")], false),
        (vec![("UsageDate", "10/5/2026"), ("ChargeStartDate", "2026-10-01T00:00:00Z")], false),
        (vec![("ChargeEndDate", "10/31/2026 12:00:00 AM")], false),
        (vec![("CustomerId", "org:A"), ("ResourceURI", "/SUBSCRIPTIONS/1/VM"), ("MeterId", "AB-1")], false),
        (
            vec![
                ("CustomerName", "Renamed"),
                ("MeterCategory", "Archive"),
                ("EntitlementDescription", "2nd"),
            ],
            false,
        ),
        (
            vec![("Tags", "{\"a\": 1}"), ("AdditionalInfo", "x"), ("PartnerEarnedCreditPercentage", "15")],
            false,
        ),
        (vec![("BillingPreTaxTotal", "8.0000000001")], true),
        (vec![("BillingPreTaxTotal", "-8")], true),
        (vec![("BillingCurrency", "EUR")], true),
        (vec![("Quantity", "2.1")], true),
        (vec![("UnitPrice", "3.3")], true),
        (vec![("UsageDate", "2026-10-06")], true),
        (vec![("ChargeEndDate", "2026-10-30")], true),
        (vec![("EntitlementId", "sub-2")], true),
        (vec![("MeterId", "ab-2")], true),
        (vec![("ResourceURI", "/subscriptions/1/vm2")], true),
        (vec![("InvoiceNumber", "G2")], true),
        (vec![("ChargeType", "cancel")], true),
    ] {
        let mut bench = Bench::new();
        bench.job.customers[0].released = true;
        bench.file("f", &csv_of(USAGE, &[of(&[]), usage("4")]));
        finalize(&mut bench);
        let report = again(&mut bench, &[of(&cells), usage("4")]);
        let [new, before] = [|b: &CustomerBill| b.lines, |b: &CustomerBill| b.billed_before.lines]
            .map(|count| report.customers.iter().map(count).sum::<u64>());
        assert_eq!((new, before), (u64::from(is_new), 2 - u64::from(is_new)), "{cells:?}");
        assert_eq!(report.checks.final_lines_missing, u64::from(is_new), "{cells:?}");
    }
}

const FULL: [(&str, &str); 5] = [
    ("UnitPrice", "3.2"),
    ("ChargeStartDate", "10/1/2026"),
    ("ChargeEndDate", "2026-10-31"),
    ("MeterId", "ab-1"),
    ("ResourceURI", "/subscriptions/1/vm"),
];

#[test]
fn the_licences_of_a_final_month_are_known_from_a_graph_export() {
    let mut bench = Bench::new();
    bench.file("f", &csv_of(RECONCILIATION, &[licence("8.10"), licence("3")]));
    finalize(&mut bench);
    bench.job.inputs.clear();
    let line = |total: &str| {
        format!(
            r#"{{"customerId": "org:A", "invoiceNumber": "G1", "productName": "E3", "productId": "CFQ7", "skuId": "0001",
            "chargeType": "new", "quantity": 1.0, "subtotal": {total}, "taxTotal": 0, "total": {total}, "currency": "USD",
            "subscriptionId": "SUB-9", "chargeStartDate": "2026-10-01T00:00:00Z", "chargeEndDate": "2026-10-31T00:00:00Z"}}"#
        )
        .replace('\n', "")
            + "\n"
    };
    bench.file("part.json", [line("8.1"), line("3.00"), line("5")].concat().as_bytes());
    let report = bench.run().unwrap();
    assert_eq!((report.customers[0].billed_before.lines, report.customers[0].lines), (2, 1));
    assert_eq!(report.checks.final_lines_missing, 0);
}

#[test]
fn a_final_line_is_billed_to_nobody_else() {
    /// What has happened since, what is billed then, and what is not and why.
    type Case<'a> = (&'a str, fn(&mut Job), &'a [&'a str], &'a [(&'a str, u64)]);
    let cases: [Case<'_>; 5] = [
        ("nothing", |_| {}, &["10"], &[]),
        (
            "the tenant moved",
            |job| {
                job.customers[0].tenants = vec!["z".into()];
                job.customers[1].tenants.push("A".into());
            },
            // The other one has no margin.
            &["8"],
            &[],
        ),
        (
            "the customer has no billing",
            |job| job.customers[0].terms[0].billing_enabled = false,
            &[],
            &[("billed before", 2), ("billing off", 1)],
        ),
        (
            "the customer is gone",
            |job| drop(job.customers.remove(0)),
            &[],
            &[("billed before", 2), ("no customer", 1)],
        ),
        ("the bill is in another currency", |job| job.currency_rates = vec![rate()], &["9"], &[]),
    ];
    for (what, change, charges, unassigned) in cases {
        let mut bench = Bench::new();
        finalized(&mut bench, &["8", "4"]);
        change(&mut bench.job);
        let report = again(&mut bench, &["8", "4", "8"].map(usage));
        let left = serde_json::to_value(&report.unassigned).unwrap();
        let left: Vec<_> =
            left.as_array().unwrap().iter().map(|u| (u["reason"].clone(), u["lines"].clone())).collect();
        let expected: Vec<_> = unassigned.iter().map(|(why, lines)| (json!(why), json!(lines))).collect();
        assert!(
            expected.iter().all(|one| left.contains(one)) && left.len() == expected.len(),
            "{what}: {left:?}"
        );
        assert_eq!(report.checks.final_lines_missing, 0, "{what}");
        let staged = report.customers.iter().filter(|bill| bill.staged.is_some());
        let billed: Vec<_> = staged.map(|bill| bill.charge.to_string()).collect();
        assert_eq!(billed, charges, "{what}");
    }
}

fn rate() -> Rate {
    Rate { from: "USD".parse().unwrap(), to: "EUR".parse().unwrap(), rate: "0.9".parse().unwrap() }
}

#[test]
fn a_final_month_whose_lines_have_changed_is_held_back() {
    let of = |cost: &str, invoice: &str| with(usage(cost), &[("InvoiceNumber", invoice)]);
    for (finals, lines, only, why) in [
        ("8 4", "8 4", None, ""),
        ("8 4", "4", None, ""),
        ("8 4", "8.0 4 1", None, ""),
        ("8 4", "7", None, "2 of the 2 lines that are final already are not among these, and 1 is new"),
        ("8 4", "7 3", None, "2 of the 2 lines that are final already are not among these, and 2 are new"),
        ("8 4", "8 3", None, "1 of the 2 lines that are final already is not among these, and 1 is new"),
        // Another invoice has lines of its own, alone or beside all those of the first one.
        ("8 4", "9:G2 5:G2", None, ""),
        ("8 4", "8 4 9:G2 -9:G2", None, ""),
        ("8 4", "8 4 9:G2", Some("G2"), ""),
        (
            "8 4 5:G2",
            "8 4 6:G2",
            None,
            "1 of the 1 line that is final already is not among these, and 1 is new",
        ),
        (
            "8 4 5:G2",
            "8 4 6:G2",
            Some("G2"),
            "1 of the 1 line that is final already is not among these, and 1 is new",
        ),
        // Before there is an invoice, lines have none.
        ("8: 4:", "8 4", None, "2 of the 2 lines that are final already are not among these, and 2 are new"),
        ("8 4", "8: 4:", None, "2 of the 2 lines that are final already are not among these, and 2 are new"),
    ] {
        let read = |texts: &str| -> Vec<Line> {
            let line = |text: &str| match text.split_once(':') {
                Some((cost, invoice)) => of(cost, invoice),
                None => of(text, "G1"),
            };
            texts.split(' ').map(line).collect()
        };
        let mut bench = Bench::new();
        bench.file("f", &csv_of(USAGE, &read(finals)));
        finalize(&mut bench);
        bench.job.invoice_id = only.map(str::to_owned);
        let report = again(&mut bench, &read(lines));
        let bill = &report.customers[0];
        assert!(bill.held_back.is_empty() == why.is_empty(), "{finals} {lines}: {:?}", bill.held_back);
        assert!(
            bill.held_back.first().is_none_or(|said| said.text.starts_with(why)),
            "{finals} {lines}: {:?}",
            bill.held_back
        );
        assert!(why.is_empty() || bill.staged.is_none());
        bench.job.customers[0].released = true;
        assert!(again(&mut bench, &read(lines)).customers[0].held_back.is_empty());
    }
}

#[test]
fn what_was_looked_at_once_is_not_asked_again() {
    let mut bench = Bench::new();
    bench.job.customers[0].tenants.push("a2".into());
    let lines = |texts: &str| -> Vec<Line> {
        let line = |text: &str| match text.split_once(':') {
            Some((cost, "EUR")) => with(usage(cost), &[("BillingCurrency", "EUR")]),
            Some((cost, tenant)) => with(usage(cost), &[("CustomerId", tenant)]),
            None => usage(text),
        };
        texts.split_whitespace().map(line).collect()
    };
    bench.file("f", &csv_of(USAGE, &lines("8 8 4 2:a2 1:EUR")));
    bench.run().unwrap();
    for (i, currency) in ["EUR", "USD"].into_iter().enumerate() {
        let ledger = bench.folder.path().join(format!("final-{i}"));
        std::fs::copy(bench.job.out.join(format!("ledgers/1.{currency}.csv")), &ledger).unwrap();
        bench.job.final_bills.push(FinalBill { customer_id: 1, ledger });
    }
    // What comes in, whether somebody releases it, and what is held back or released for the missing lines.
    for (given, released, held, acknowledged) in [
        ("8 8 5 2:a2 1:EUR", false, Some("1 of the 5"), 0),
        ("8 8 5 2:a2 1:EUR", true, None, 1),
        ("8 8 5 2:a2 1:EUR 3", false, None, 0),
        ("8 8 5 2:a2 1:EUR 3", true, None, 0),
        // Another one is gone, beside the first and in its place; and one of two that are alike.
        ("8 8 5 3:a2 1:EUR", false, Some("1 of the 5"), 0),
        ("8 8 4 3:a2 1:EUR", false, Some("1 of the 5"), 0),
        ("8 7 5 2:a2 1:EUR", false, Some("1 of the 5"), 0),
        ("8 8 5 2:a2 2:EUR", false, Some("1 of the 5"), 0),
        ("7 7 5 3:a2 2:EUR", false, Some("4 of the 5"), 0),
        ("8 7 5 2:a2 1:EUR", true, None, 1),
        ("8 7 7 5 2:a2 1:EUR", false, None, 0),
        ("7 7 7 5 2:a2 1:EUR", false, Some("1 of the 5"), 0),
        // What has come back may go again.
        ("8 8 4 2:a2 1:EUR 9", false, None, 0),
        ("8 7 2:a2 1:EUR 9", false, None, 0),
        ("9", false, Some("3 of the 5"), 0),
    ] {
        bench.job.customers[0].released = released;
        let report = again(&mut bench, &lines(given));
        let why = report.customers.iter().flat_map(|bill| bill.held_back.first());
        let why: Vec<&String> = why.map(|why| &why.text).collect();
        assert_eq!(why.is_empty(), held.is_none(), "{given}: {why:?}");
        assert!(why.iter().all(|why| why.starts_with(held.unwrap())), "{given}: {why:?}");
        let seen = report.acknowledged.get(&1).cloned().unwrap_or_default();
        assert_eq!(seen.len(), acknowledged, "{given}");
        bench.job.acknowledged.extend(seen);
    }
}

#[test]
fn what_is_no_ledger_is_refused() {
    for text in ["", "a,b\n", "Line,Cost,CostCurrency,Charge,ChargeCurrency,RuleId,Rule,PricedFrom\nxyz,1\n"]
    {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(USAGE, &[usage("1")]));
        let ledger = bench.folder.path().join("ledger");
        std::fs::write(&ledger, text).unwrap();
        bench.job.final_bills = vec![FinalBill { customer_id: 1, ledger }];
        assert!(bench.refused()[0].ends_with("is no ledger of a final bill"));
    }
}
