//! A month of seats: changes pro rata at rounded prices, lines that are alike, a conversion on one day.

use crate::bench::{Bench, Line, RECONCILIATION, csv_of, licence, with};
use tenantry_rating::FinalBill;

/// So many seats at an effective price that Microsoft cuts to the cent, from a day on.
fn seats(cost: &str, effective: &str, quantity: &str, day: u32) -> Line {
    let day = format!("10/{day}/2026");
    let cells = [
        ("EffectiveUnitPrice", effective),
        ("BillableQuantity", quantity),
        ("ChargeStartDate", &day),
        ("PCToBCExchangeRate", "1"),
        ("ChargeType", "addQuantity"),
    ];
    with(licence(cost), &cells)
}

#[test]
fn seat_changes_add_up_to_the_cent() {
    // 1.239 is charged as 1.23: eight lines that Microsoft's own formula does not explain.
    let changes = [
        seats("12.30", "1.239", "10", 2),
        seats("24.60", "1.239", "20", 3),
        seats("36.90", "1.239", "30", 4),
        seats("18.45", "1.239", "15", 5),
        seats("6.15", "1.239", "5", 6),
        seats("49.20", "1.239", "40", 7),
        seats("30.75", "1.239", "25", 8),
        seats("14.76", "1.239", "12", 9),
        seats("40.00", "4.00", "10", 10),
        seats("42.10", "8.42", "5", 11),
        seats("0.02", "0.02", "1", 12),
    ];
    let e5 = with(licence("22.50"), &[("ProductName", "Microsoft 365 E5"), ("ProductId", "CFQ8")]);
    let converted = [("-12.00", "convertFrom"), ("12.00", "convertTo")].map(|(cost, kind)| {
        with(
            licence(cost),
            &[("ChargeType", kind), ("ChargeStartDate", "10/20/2026"), ("ChargeEndDate", "10/20/2026")],
        )
    });
    let lines = [&changes[..], &[e5.clone(), e5], &converted[..]].concat();

    let cost = |lines: &[Line]| {
        let mut bench = Bench::new();
        bench.file("f", &csv_of(RECONCILIATION, lines));
        bench.run().unwrap().totals[0].cost.to_string()
    };
    assert_eq!((cost(&changes), cost(&lines)), ("275.23".to_owned(), "320.23".to_owned()));

    let mut bench = Bench::new();
    bench.file("f", &csv_of(RECONCILIATION, &lines));
    let report = bench.run().unwrap();
    assert!(report.checks.ties);
    assert_eq!((report.checks.formula_mismatches, report.warnings.len()), (8, 0));
    let bill = &report.customers[0];
    // At a margin of 20 %, rounded once.
    assert_eq!((bill.lines, bill.charge.to_string()), (15, "400.29".to_owned()));
    assert_eq!(bench.column("1/bill.csv", "Charge").iter().filter(|charge| *charge == "28.125").count(), 2);

    // Once final, all fifteen are known again, the two that are alike too.
    let ledger = bench.folder.path().join("final");
    std::fs::copy(bench.job.out.join("ledgers/1.csv"), &ledger).unwrap();
    bench.job.final_bills.push(FinalBill { customer_id: 1, ledger });
    let again = bench.run().unwrap();
    assert_eq!((again.customers[0].billed_before.lines, again.customers[0].lines), (15, 0));
    assert_eq!(again.totals[0].billed_before.cost.to_string(), "320.23");
}
