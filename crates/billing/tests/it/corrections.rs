//! Months that were final already.

use crate::bench::{Bench, USAGE, csv_of, usage, with};
use tenantry_billing::Correction;

/// A run over these costs, its ledger kept as that of a final bill.
fn finalized(bench: &mut Bench, costs: &[&str]) {
    bench.job.inputs.clear();
    let lines: Vec<_> = costs.iter().map(|cost| usage(cost)).collect();
    bench.file("f", &csv_of(USAGE, &lines));
    bench.run().unwrap();
    let kept = bench.folder.path().join(format!("final-{}", bench.job.customers[0].final_ledgers.len()));
    std::fs::copy(bench.job.out.join("ledgers/1.csv"), &kept).unwrap();
    bench.job.customers[0].final_ledgers.push(kept);
}

#[test]
fn only_new_lines_of_a_final_month_are_billed() {
    let mut bench = Bench::new();
    finalized(&mut bench, &["8", "8", "4"]);
    for (costs, billed_before, charges) in [
        (vec!["8", "8", "4"], 3, vec![]),
        (vec!["4", "8", "8", "8"], 3, vec!["10"]),
        (vec!["8", "4", "16"], 2, vec!["20"]),
        (vec!["8", "8", "4", "-4.004"], 3, vec!["-5.005", "0.005"]),
    ] {
        bench.job.inputs.clear();
        let lines: Vec<_> = costs.iter().map(|cost| usage(cost)).collect();
        bench.file("g", &csv_of(USAGE, &lines));
        let report = bench.run().unwrap();
        let bill = &report.customers[0];
        assert_eq!(bill.billed_before.lines, billed_before, "{costs:?}");
        assert_eq!(bill.staged.is_some(), !charges.is_empty());
        assert!(bill.is_correction && report.checks.ties);
        if !charges.is_empty() {
            assert_eq!(bench.column("1/bill.csv", "Charge"), charges);
            assert!(
                bench.column("1/bill.focus.csv", "ChargeClass").iter().all(|class| class == "Correction")
            );
        }
    }
    // The next final version has only what was new: both together are what is billed.
    finalized(&mut bench, &["8", "8", "4", "16"]);
    bench.job.inputs.clear();
    bench.file("h", &csv_of(USAGE, &["16", "8", "4", "8", "2"].map(usage)));
    assert_eq!(bench.run().unwrap().customers[0].billed_before.lines, 4);
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
fn a_final_month_in_files_of_another_kind_is_held_back() {
    let mut bench = Bench::new();
    finalized(&mut bench, &["8", "4"]);
    for (costs, held) in [(vec!["8.0", "4.0"], true), (vec!["8.0"], false), (vec!["8", "4.0", "1"], false)] {
        bench.job.inputs.clear();
        let lines: Vec<_> = costs.iter().map(|cost| usage(cost)).collect();
        bench.file("g", &csv_of(USAGE, &lines));
        let report = bench.run().unwrap();
        assert_eq!(!report.customers[0].held_back.is_empty(), held, "{costs:?}");
        assert_eq!(report.customers[0].staged.is_none(), held);
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
        bench.job.customers[0].final_ledgers = vec![ledger];
        assert!(bench.refused()[0].ends_with("is no ledger of a final bill"));
    }
}
