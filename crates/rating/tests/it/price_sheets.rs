//! List prices, which are those of Microsoft's price sheet, and rules that go by them.

use crate::bench::{Bench, RECONCILIATION, csv_of, licence, with};
use serde_json::json;
use std::io::{Cursor, Write};
use tenantry_rating::WarningCode;

const COLUMNS: &str = "ProductTitle,ProductId,SkuId,SkuTitle,Publisher,UnitOfMeasure,TermDuration,BillingPlan,Market,Currency,\
                       UnitPrice,PricingTierRangeMin,PricingTierRangeMax,EffectiveStartDate,EffectiveEndDate,Tags,ERP Price,Segment";

/// A sheet with a licence by the month and by the year, an academic one, a price of last month, and one in euros.
fn sheet() -> Vec<u8> {
    let row = |term: &str,
               plan: &str,
               currency: &str,
               price: &str,
               from: &str,
               to: &str,
               erp: &str,
               segment: &str| {
        format!(
            "E3,CFQ7,0001,E3,Microsoft,,{term},{plan},US,{currency},{price},,,{from},{to},,{erp},{segment}\n"
        )
    };
    let (from, to) = ("2026-10-01T00:00:00.0000000Z", "9999-12-31T23:59:59.9999999Z");
    let before = ("2026-09-01T00:00:00.0000000Z", "2026-09-30T23:59:59.9999999Z");
    let rows = [
        row("P1M", "Monthly", "USD", "10.08", from, to, "12.60", "Commercial"),
        row("P1Y", "Annual", "USD", "120.96", from, to, "151.20", "Commercial"),
        row("P1M", "Monthly", "USD", "4", from, to, "5", "Education"),
        row("P1M", "Monthly", "USD", "10.08", before.0, before.1, "99", "Commercial"),
        row("P1M", "Monthly", "EUR", "9", from, to, "11", "Commercial"),
    ];
    format!("\u{feff}{COLUMNS}\n{}", rows.concat()).into_bytes()
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("sheet.csv", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn discounts_start_from_the_price_sheet() {
    let by_month = [
        ("UnitPrice", "10.08"),
        ("EffectiveUnitPrice", "10.08"),
        ("BillableQuantity", "100"),
        ("TermAndBillingCycle", "One-Month commitment for monthly billing"),
    ];
    let a_day = [
        ("UnitPrice", "120.96"),
        ("EffectiveUnitPrice", "0.33"),
        ("BillableQuantity", "1"),
        ("TermAndBillingCycle", "One-Year commitment for yearly billing"),
    ];
    let discount = json!({"name": "d", "kind": "discount", "percentage": 5});
    let list = json!({"name": "l", "kind": "list_price"});
    let not = "margin of the customer";
    for (cost, cells, more, rule, charge, by) in [
        ("1008", &by_month, vec![], &discount, "1197", "d"),
        ("1008", &by_month, vec![], &list, "1260", "l"),
        ("-1008", &by_month, vec![("BillableQuantity", "-100")], &list, "-1260", "l"),
        // One day of a year: 151.20 × 0.33 / 120.96.
        ("0.33", &a_day, vec![], &list, "0.4125", "l"),
        ("0.33", &a_day, vec![], &discount, "0.391875", "d"),
        // What a promotion has taken off cannot be told from what a part of a year is.
        ("0.33", &a_day, vec![("PromotionId", "39NFJQT1X2Q6")], &discount, "0.4125", not),
        ("0.33", &a_day, vec![("PriceAdjustmentDescription", "[\"10% off\"]")], &discount, "0.4125", not),
        // The partner's own price tells which segment's it is.
        (
            "4",
            &by_month,
            vec![("UnitPrice", "4"), ("EffectiveUnitPrice", "4"), ("BillableQuantity", "1")],
            &list,
            "5",
            "l",
        ),
        // Two segments, and neither price is the line's.
        ("7", &by_month, vec![("UnitPrice", "7"), ("EffectiveUnitPrice", "7")], &list, "8.75", not),
        (
            "9",
            &by_month,
            vec![
                ("Currency", "EUR"),
                ("UnitPrice", "9"),
                ("EffectiveUnitPrice", "9"),
                ("BillableQuantity", "1"),
            ],
            &list,
            "11",
            "l",
        ),
        ("1008", &by_month, vec![("SkuId", "0002")], &list, "1260", not),
        (
            "1008",
            &by_month,
            vec![("TermAndBillingCycle", "3-Year commitment for triennial billing")],
            &list,
            "1260",
            not,
        ),
        ("1008", &by_month, vec![("BillableQuantity", ""), ("Quantity", "")], &list, "1260", not),
    ] {
        for bytes in [sheet(), zipped(&sheet())] {
            let mut bench = Bench::new();
            bench.price_sheet("sheet", &bytes);
            bench.file("f", &csv_of(RECONCILIATION, &[with(with(licence(cost), cells), &more)]));
            bench.rule(rule);
            let report = bench.run().unwrap();
            let shown = format!("{cells:?} {more:?} {rule}");
            assert_eq!(bench.column("1/bill.csv", "Charge")[0], charge, "{shown}");
            assert_eq!(bench.column("ledgers/1.csv", "Rule")[0], by, "{shown}");
            let codes: Vec<_> = report.warnings.iter().map(|warning| warning.code).collect();
            assert_eq!(codes.is_empty(), by != not, "{shown}: {codes:?}");
        }
    }
}

#[test]
fn without_a_price_sheet_there_is_no_list_price_of_licences() {
    let line = with(licence("1008"), &[("UnitPrice", "10.08"), ("BillableQuantity", "100")]);
    let mut bench = Bench::new();
    bench.file("f", &csv_of(RECONCILIATION, &[line]));
    bench.rule(&json!({"name": "d", "kind": "discount", "percentage": 5}));
    let report = bench.run().unwrap();
    assert_eq!(bench.column("1/bill.csv", "Charge"), ["1260"], "the margin, and not less than the cost");
    let [warning] = report.warnings.as_slice() else { panic!("{:?}", report.warnings) };
    assert_eq!((warning.code, warning.counted.lines), (WarningCode::PriceRuleWithoutListPrice, 1));
    assert_eq!(report.checks.below_cost.lines, 0);
}

#[test]
fn price_sheets_that_cannot_be_read_are_refused() {
    for (bytes, expected) in [
        ("ProductId,SkuId,Currency\n", "s: is no price sheet of new commerce: it has no column erpprice"),
        (
            "ProductId,SkuId,Currency,ERP Price\na,b,USD,1.2.3\n",
            "s, line 2, column erpprice: \"1.2.3\" is not a number",
        ),
        (
            "ProductId,SkuId,Currency,ERP Price\na,b,USD,1\na,b,Dollar,1\n",
            "s, line 3, column currency: \"Dollar\" must be",
        ),
    ] {
        let mut bench = Bench::new();
        bench.price_sheet("s", bytes.as_bytes());
        bench.file("f", &csv_of(RECONCILIATION, &[licence("1")]));
        let refused = bench.refused();
        assert!(refused.len() == 1 && refused[0].starts_with(expected), "{refused:?}");
    }
}
