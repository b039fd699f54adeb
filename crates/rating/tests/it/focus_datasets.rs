//! The Invoice Detail and Billing Period datasets against the column rules of FOCUS 1.4 (focus.finops.org/focus-specification/v1-4).

use crate::bench::{Bench, RECONCILIATION, USAGE, csv_of, licence, records, usage, with};
use crate::focus::Type::{self, DateTime, Decimal, Json, String as Text};
use crate::focus::check_cell;
use std::collections::{BTreeMap, BTreeSet};
use tenantry_rating::{
    Amount, Correction, FocusDataset, Issue, Restatement, restated_billing_period, restated_invoice_detail,
};

type Row = BTreeMap<String, String>;

/// A column: its type, whether it may be null, and the values it allows, if not any.
struct Rule(&'static str, Type, bool, &'static [&'static str]);

const DETAIL: [Rule; 19] = [
    Rule("BilledCost", Decimal, false, &[]),
    Rule("BillingAccountId", Text, false, &["1"]),
    Rule("BillingCurrency", Text, false, &["USD", "EUR"]),
    Rule("BillingPeriodEnd", DateTime, false, &["2026-11-01T00:00:00Z"]),
    Rule("BillingPeriodStart", DateTime, false, &["2026-10-01T00:00:00Z"]),
    Rule("ChargeCategory", Text, false, &["Usage", "Purchase", "Tax", "Credit", "Adjustment"]),
    Rule("InvoiceDetailCreated", DateTime, false, &[]),
    Rule("InvoiceDetailDescription", Text, false, &[]),
    Rule("InvoiceDetailGrain", Json, true, &[]),
    Rule("InvoiceDetailId", Text, false, &[]),
    Rule("InvoiceDetailLastUpdated", DateTime, false, &[]),
    Rule("InvoiceId", Text, false, &[]),
    Rule("InvoiceIssueDate", DateTime, true, &[]),
    Rule("InvoiceIssueStatus", Text, false, &["Open", "Issued", "Voided"]),
    Rule("InvoiceIssuerName", Text, false, &["Tailspin Toys"]),
    Rule("PaymentCurrency", Text, false, &["USD", "EUR"]),
    Rule("PaymentDueDate", DateTime, true, &[]),
    Rule("PaymentTerms", Text, false, &[]),
    Rule("ReferenceInvoiceId", Text, false, &[]),
];

const PERIOD: [Rule; 6] = [
    Rule("BillingPeriodCreated", DateTime, false, &[]),
    Rule("BillingPeriodEnd", DateTime, false, &["2026-11-01T00:00:00Z"]),
    Rule("BillingPeriodLastUpdated", DateTime, false, &[]),
    Rule("BillingPeriodStart", DateTime, false, &["2026-10-01T00:00:00Z"]),
    Rule("BillingPeriodStatus", Text, false, &["Open", "Closed"]),
    Rule("InvoiceIssuerName", Text, false, &["Tailspin Toys"]),
];

fn check(rows: &[Row], rules: &[Rule]) {
    for row in rows {
        let known: BTreeSet<&str> = rules.iter().map(|rule| rule.0).collect();
        let custom = row.keys().filter(|column| !known.contains(column.as_str()));
        assert!(custom.into_iter().all(|column| column.starts_with("x_")), "{row:?}");
        for Rule(column, kind, is_nullable, allowed) in rules {
            let cell = &row[*column];
            if cell.is_empty() {
                assert!(is_nullable, "{column} MUST NOT be null: {row:?}");
                continue;
            }
            check_cell(column, *kind, allowed, cell);
        }
        let pairs = [
            ("InvoiceDetailCreated", "InvoiceDetailLastUpdated"),
            ("BillingPeriodCreated", "BillingPeriodLastUpdated"),
        ];
        for (created, updated) in pairs {
            assert!(row.get(created) <= row.get(updated), "{row:?}");
        }
    }
}

fn sum<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Amount {
    rows.into_iter().map(|row| row["BilledCost"].parse::<Amount>().unwrap()).sum()
}

/// A month with usage, licences, a credit, a service that a spreadsheet would run, a correction and rounding.
fn month() -> Bench {
    let mut bench = Bench::new();
    let usages = [
        usage("1"),
        with(usage("2.001"), &[("UsageDate", "2026-10-07")]),
        with(usage("3"), &[("MeterCategory", "Virtual Machines"), ("SkuId", "vm")]),
        with(usage("4"), &[("MeterCategory", "\"odd\", one"), ("SkuId", "odd")]),
        with(usage("5"), &[("MeterCategory", "=1+1"), ("SkuId", "formula")]),
        with(usage("-6"), &[("Quantity", "-1"), ("SkuId", "back")]),
    ];
    let licences = [
        licence("10"),
        with(licence("-3"), &[("ChargeType", "customerCredit"), ("SkuId", "credit")]),
        with(licence("7"), &[("Currency", "EUR"), ("SkuId", "euro")]),
    ];
    bench.file("u", &csv_of(USAGE, &usages));
    bench.file("l", &csv_of(RECONCILIATION, &licences));
    bench.job.customers[0].corrections = vec![Correction {
        period: "2026-08".parse().unwrap(),
        version: 3,
        currency: "USD".parse().unwrap(),
        amount: "-1.1".parse().unwrap(),
        statement_number: Some("CON-2026-0007".to_owned()),
    }];
    bench.job.focus_datasets = true;
    bench
}

#[test]
fn an_estimates_records_keep_the_rules_and_come_to_its_total() {
    let mut bench = month();
    let report = bench.run().unwrap();
    for (currency, expected) in [("USD", 8), ("EUR", 1)] {
        let detail = bench.table(&format!("1/statement.invoice-detail.{currency}.csv"));
        check(&detail, &DETAIL);
        let bill = report.customers.iter().find(|bill| bill.currency.code() == currency).unwrap();
        assert_eq!(sum(&detail), bill.charge, "{currency}");
        let ids: BTreeSet<&str> = detail.iter().map(|row| row["InvoiceDetailId"].as_str()).collect();
        assert_eq!(
            (ids.len(), detail.len()),
            (detail.len(), expected + usize::from(!bill.rounding.is_zero()))
        );
        // Beside the rows of Cost and Usage: by service and category it is the same.
        let rows = bench.table(&format!("1/bill.focus.{currency}.csv"));
        for record in &detail {
            let its = rows.iter().filter(|row| match record["InvoiceDetailId"].split_once(':') {
                Some(("Correction", _)) | None => {
                    row["ChargeDescription"] == record["InvoiceDetailDescription"]
                }
                Some((category, service)) => {
                    row["ChargeCategory"] == category
                        && row["ServiceName"].trim_start_matches('\'') == service.trim_start_matches('\'')
                }
            });
            assert_eq!(sum(its), record["BilledCost"].parse().unwrap(), "{record:?}");
        }
        for row in &detail {
            assert_eq!(row["InvoiceId"], format!("estimate-2026-10-1-{currency}"));
            assert_eq!((row["InvoiceIssueStatus"].as_str(), row["InvoiceIssueDate"].as_str()), ("Open", ""));
            let corrects = row["InvoiceDetailId"].starts_with("Correction");
            let reference = if corrects { "CON-2026-0007" } else { row["InvoiceId"].as_str() };
            assert_eq!(row["ReferenceInvoiceId"], reference);
        }
    }
    let period = bench.table("1/statement.billing-period.csv");
    check(&period, &PERIOD);
    assert_eq!((period.len(), period[0]["BillingPeriodStatus"].as_str()), (1, "Open"));

    let usd = bench.table("1/statement.invoice-detail.USD.csv");
    let storage = usd.iter().find(|row| row["InvoiceDetailId"] == "Usage:Storage").unwrap();
    let shown =
        ["ChargeCategory", "InvoiceDetailDescription", "InvoiceDetailGrain", "x_Lines", "PaymentTerms"]
            .map(|column| storage[column].as_str());
    assert_eq!(shown, ["Usage", "Storage", r#"{"ServiceName":"Storage"}"#, "2", "Not stated"]);

    // The control: without the option there are none.
    bench.job.focus_datasets = false;
    bench.run().unwrap();
    let names: Vec<String> = bench.files().into_keys().map(|path| path.display().to_string()).collect();
    assert!(
        names.iter().all(|name| !name.contains("invoice-detail") && !name.contains("billing-period")),
        "{names:?}"
    );
    assert!(names.contains(&"1/bill.focus.USD.csv".to_owned()), "{names:?}");
}

#[test]
fn final_statements_and_reversals_are_issued() {
    let mut bench = month();
    bench.run().unwrap();
    let [detail, period] = ["statement.invoice-detail.USD.csv", "statement.billing-period.csv"]
        .map(|name| bench.read(&format!("1/{name}")));
    let before = records(detail.as_bytes());
    // Issued on the 8th of November, to be paid by the 8th of December.
    let since = "2026-11-08T09:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
    let issue = Issue { number: "CON-2026-0012", due_date: Some("2026-12-08") };
    let last = Restatement::Final { since, issue };
    let detail = restated_invoice_detail(detail.as_bytes(), &last).unwrap();
    let issued = records(&detail);
    check(&issued, &DETAIL);
    assert_eq!(sum(&issued), sum(&before));
    for (row, before) in issued.iter().zip(&before) {
        for (column, cell) in [
            ("InvoiceId", "CON-2026-0012"),
            ("InvoiceIssueStatus", "Issued"),
            ("InvoiceIssueDate", "2026-11-08T09:00:00Z"),
            ("InvoiceDetailLastUpdated", "2026-11-08T09:00:00Z"),
            ("PaymentDueDate", "2026-12-08T00:00:00Z"),
            ("PaymentTerms", "Net 30"),
        ] {
            assert_eq!(row[column], cell, "{column}");
        }
        for column in
            ["InvoiceDetailId", "InvoiceDetailGrain", "InvoiceDetailDescription", "InvoiceDetailCreated"]
        {
            assert_eq!(row[column], before[column], "{column}");
        }
        let corrects = row["InvoiceDetailId"].starts_with("Correction");
        assert_eq!(row["ReferenceInvoiceId"], if corrects { "CON-2026-0007" } else { "CON-2026-0012" });
    }
    let closed = restated_billing_period(period.as_bytes(), &last).unwrap();
    check(&records(&closed), &PERIOD);
    assert_eq!(records(&closed)[0]["BillingPeriodStatus"], "Closed");
    assert_eq!(restated_billing_period(&closed, &last).unwrap(), closed, "again it is the same");

    let issue = Issue { number: "CON-2026-0013", due_date: None };
    let reversal = Restatement::Reversal { at: since + 60, version: 2, issue, reason: "a mistake" };
    let reversed = records(&restated_invoice_detail(&detail, &reversal).unwrap());
    check(&reversed, &DETAIL);
    assert_eq!(sum(reversed.iter().chain(&issued)), Amount::ZERO, "both come to nothing");
    for row in &reversed {
        let shown =
            ["InvoiceId", "ReferenceInvoiceId", "InvoiceIssueStatus", "PaymentDueDate", "PaymentTerms"]
                .map(|column| row[column].as_str());
        assert_eq!(shown, ["CON-2026-0013", "CON-2026-0012", "Issued", "", "Not stated"]);
    }

    for (wrong, why) in [
        ("", "its columns are not those of this version"),
        ("BilledCost\n1\n", "its columns are not those of this version"),
        (
            &format!("{}1,2\n", String::from_utf8_lossy(&detail).split_inclusive('\n').next().unwrap()),
            "too many cells, or too few",
        ),
    ] {
        let refused = restated_invoice_detail(wrong.as_bytes(), &last).unwrap_err();
        assert!(refused.contains(why), "{wrong:?}: {refused}");
    }
}

#[test]
fn each_dataset_is_named_like_its_files() {
    let mut bench = month();
    bench.run().unwrap();
    let names: Vec<String> = bench.files().into_keys().map(|path| path.display().to_string()).collect();
    for dataset in FocusDataset::ALL {
        let prefix = format!("1/{}", dataset.file());
        assert!(names.iter().any(|name| name.starts_with(&prefix)), "{dataset:?}: {names:?}");
    }
}

#[test]
fn the_documented_metadata_is_that_of_the_datasets() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/focus-metadata.json");
    let metadata = tenantry_rating::focus_metadata("The partner's name", &FocusDataset::ALL);
    let expected = format!("{metadata:#}\n");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/focus-metadata.json is not up to date: run the test with UPDATE_SNAPSHOTS=1"
    );
}
