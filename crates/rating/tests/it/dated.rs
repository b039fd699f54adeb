//! Tenants that move and margins that change, beside an oracle that looks at every change for every line.

use crate::bench::{Bench, Line, RECONCILIATION, USAGE, csv_of, customer, licence, usage, with};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tenantry_rating::report::Reason;
use tenantry_rating::{Amount, FinalBill, Tenancy, Terms};

const TENANTS: [&str; 4] = ["t-0", "t-1", "t-2", "t-3"];

/// A day from the 28th of September on.
fn day(n: u8) -> Date {
    date(2026, 9, 28).saturating_add(i64::from(n).days())
}

/// What holds from a day on: the last of these that is not later than the day.
fn at<T: Copy>(first: T, changes: &BTreeMap<u8, T>, on: u8) -> T {
    changes.iter().filter(|(from, _)| **from <= on).map(|(_, value)| *value).next_back().unwrap_or(first)
}

/// So many units of the last of so many places.
fn amount(units: i128, places: usize) -> Amount {
    let digits = format!("{units:0width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{whole}.{fraction}").parse().unwrap()
}

fn changes<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = BTreeMap<u8, T>> {
    prop::collection::btree_map(0..40_u8, value, 0..4)
}

/// Owners (3 is none) and their changes; margins in percent and the billing switch, and theirs.
type Facts = (Vec<(usize, BTreeMap<u8, usize>)>, Vec<((u8, bool), BTreeMap<u8, (u8, bool)>)>);

fn facts() -> impl Strategy<Value = Facts> {
    let terms = || (0..60_u8, prop::bool::weighted(0.8));
    (
        prop::collection::vec((0..4_usize, changes(0..4_usize)), TENANTS.len()),
        prop::collection::vec((terms(), changes(terms())), 3),
    )
}

/// The job's customers, of these facts.
fn tell(bench: &mut Bench, (owners, terms): &Facts) {
    bench.job.customers = (0..3).map(|i| customer(i + 1, "", "0")).collect();
    for (i, (first, changes)) in terms.iter().enumerate() {
        let term = |from, (margin, billing_enabled): (u8, bool)| Terms {
            from,
            billing_enabled,
            margin: domain::Margin::parse(&margin.to_string()).unwrap(),
        };
        let later = changes.iter().map(|(from, terms)| term(Some(day(*from)), *terms));
        bench.job.customers[i].terms = [term(None, *first)].into_iter().chain(later).collect();
        bench.job.customers[i].tenants.clear();
    }
    for (tenant, (first, changes)) in TENANTS.iter().zip(owners) {
        let mut steps: Vec<(Option<Date>, usize)> = vec![(None, *first)];
        steps.extend(changes.iter().map(|(from, owner)| (Some(day(*from)), *owner)));
        for (n, (from, owner)) in steps.iter().enumerate() {
            let until = steps.get(n + 1).and_then(|(next, _)| *next);
            let tenancy = Tenancy { tenant: tenant.to_uppercase(), from: *from, until };
            if let Some(customer) = bench.job.customers.get_mut(*owner) {
                customer.tenants.push(tenancy);
            }
        }
    }
}

/// Each line on its customer's bill, and what it is charged; by the line's SKU.
fn billed(bench: &Bench, report: &tenantry_rating::RunReport) -> BTreeMap<String, (i64, String)> {
    let mut found = BTreeMap::new();
    for bill in &report.customers {
        for row in bench.table(&format!("{}/bill.csv", bill.customer_id)) {
            if !row["SkuId"].is_empty() {
                let before = found.insert(row["SkuId"].clone(), (bill.customer_id, row["Charge"].clone()));
                assert_eq!(before, None, "a line on two bills");
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_line_is_its_days_owners_at_its_days_margin(
        facts in facts(),
        lines in prop::collection::vec((0..TENANTS.len(), 0..42_u8, 1..100_000_u32), 1..60),
        threads in 1..4_usize,
    ) {
        let mut bench = Bench::new();
        bench.job.threads = threads;
        bench.job.accept = vec![tenantry_rating::WarningCode::LinesOfOtherMonths];
        tell(&mut bench, &facts);
        let written: Vec<Line> = lines
            .iter()
            .enumerate()
            .map(|(i, (tenant, on, cents))| {
                // The day of a line without one is the first of the month.
                let on = if *on == 41 { String::new() } else { day(*on).to_string() };
                let cost = amount((*cents).into(), 2).to_string();
                with(usage(&cost), &[("CustomerId", TENANTS[*tenant]), ("UsageDate", &on), ("SkuId", &format!("s{i}"))])
            })
            .collect();
        bench.file("usage.csv", &csv_of(USAGE, &written));
        let report = bench.run().unwrap();
        prop_assert!(report.checks.ties);

        let (mut expected, mut left) = (BTreeMap::new(), BTreeMap::<(String, Reason), (u64, Amount)>::new());
        for (i, (tenant, on, cents)) in lines.iter().enumerate() {
            let on = if *on == 41 { 3 } else { *on };
            let (first, moves) = &facts.0[*tenant];
            let owner = at(*first, moves, on);
            let terms = facts.1.get(owner).map(|(first, changes)| at(*first, changes, on));
            let reason = match terms {
                None => Reason::NoCustomer,
                Some((_, false)) => Reason::BillingOff,
                Some((margin, true)) => {
                    // In units of 10^-10, rounded half to even.
                    let (numerator, denominator) = (i128::from(*cents) * 10_i128.pow(10), i128::from(100 - margin));
                    let (whole, rest) = (numerator / denominator, numerator % denominator * 2);
                    let up = rest > denominator || rest == denominator && whole % 2 == 1;
                    let charge = amount(whole + i128::from(up), 10).to_string();
                    expected.insert(format!("s{i}"), (owner as i64 + 1, charge));
                    continue;
                }
            };
            let (count, sum) = left.entry((TENANTS[*tenant].to_owned(), reason)).or_default();
            *count += 1;
            *sum += amount((*cents).into(), 2);
        }
        prop_assert_eq!(billed(&bench, &report), expected);
        let found = report.unassigned.iter().map(|u| ((u.azure_customer_id.clone(), u.reason), (u.lines, u.cost)));
        prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), left.clone());

        // Made final, the same lines are known again, whoever has their tenants since.
        let finals = report.customers.iter().map(|bill| FinalBill {
            customer_id: bill.customer_id,
            ledger: bill.ledger.clone().unwrap(),
        });
        bench.job.final_bills = finals.collect();
        let again = bench.run().unwrap();
        prop_assert_eq!(again.checks.final_lines_missing, 0);
        prop_assert!(again.customers.iter().all(|bill| bill.lines == 0), "{:?}", again.customers);
        let mut moved = facts;
        moved.0.rotate_left(1);
        moved.1.reverse();
        tell(&mut bench, &moved);
        let again = bench.run().unwrap();
        prop_assert_eq!(again.checks.final_lines_missing, 0);
        let new = left.values().map(|(lines, _)| lines).sum::<u64>();
        let now = again.customers.iter().map(|bill| bill.lines).sum::<u64>();
        prop_assert!(now <= new, "{now} new lines, where {new} were left");
    }
}

#[test]
fn a_ledger_says_since_when() {
    let mut bench = Bench::new();
    let moved = Some(date(2026, 10, 10));
    bench.job.customers[0].tenants[0].until = moved;
    bench.job.customers[1].tenants = vec![Tenancy { tenant: "A".to_owned(), from: moved, until: None }];
    let raised = Terms { from: Some(date(2026, 10, 5)), ..bench.job.customers[0].terms[0] };
    let raised = Terms { margin: domain::Margin::parse("50").unwrap(), ..raised };
    bench.job.customers[0].terms.push(raised);
    let lines: Vec<Line> = ["2026-10-04", "2026-10-05", "2026-10-09", "2026-10-10"]
        .iter()
        .map(|day| with(usage("4"), &[("UsageDate", day), ("CustomerId", "a")]))
        .collect();
    bench.file("usage.csv", &csv_of(USAGE, &lines));
    bench.run().unwrap();
    let shown = |customer: i64, column: &str| bench.column(&format!("ledgers/{customer}.csv"), column);
    let raised = "margin of the customer: 50 % since 2026-10-05";
    assert_eq!(shown(1, "Rule"), ["margin of the customer: 20 % at first", raised, raised]);
    assert_eq!(shown(1, "Charge"), ["5", "8", "8"]);
    assert_eq!(shown(1, "Tenant"), ["until 2026-10-10"; 3]);
    assert_eq!(shown(2, "Rule"), ["margin of the customer"]);
    assert_eq!(shown(2, "Tenant"), ["since 2026-10-10"]);
}

#[test]
fn a_tenant_has_one_customer_on_a_day() {
    let mut bench = Bench::new();
    bench.job.customers[0].tenants[0].until = Some(date(2026, 10, 11));
    bench.job.customers[1].tenants =
        vec![Tenancy { tenant: "a".to_owned(), from: Some(date(2026, 10, 10)), until: None }];
    bench.file("usage.csv", &csv_of(USAGE, &[with(usage("4"), &[("CustomerId", "a")])]));
    assert_eq!(bench.refused(), ["the tenant a belongs to two customers"]);
}

#[test]
fn a_tenant_that_moves_has_its_usage_once() {
    // The sum of the invoice is of the first day, its usage of days of two owners: A at first, then nobody.
    let mut bench = Bench::new();
    bench.job.customers[0].tenants[0].until = Some(date(2026, 10, 10));
    let of_azure = [("ProductId", "P"), ("SkuId", "S"), ("InvoiceNumber", "G1"), ("CustomerId", "a")];
    let sum = with(with(licence("10"), &of_azure), &[("ChargeStartDate", "2026-10-01")]);
    let days = [("4", "2026-10-05"), ("6", "2026-10-15")];
    let days = days.map(|(cost, day)| with(with(usage(cost), &of_azure), &[("UsageDate", day)]));
    bench.file("sum.csv", &csv_of(RECONCILIATION, &[sum]));
    bench.file("days.csv", &csv_of(USAGE, &days));
    let report = bench.run().unwrap();
    assert!(report.checks.ties);
    let billed: Vec<_> =
        report.customers.iter().map(|bill| (bill.customer_id, bill.cost.to_string())).collect();
    let left: Vec<_> = report.unassigned.iter().map(|left| (left.lines, left.cost.to_string())).collect();
    assert_eq!((billed, left), (vec![(1, "4".to_owned())], vec![(1, "6".to_owned())]));
}
