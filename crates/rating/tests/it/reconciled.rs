//! A reconciliation and its daily usage, billed as one.

use crate::bench::{Bench, Line, RECONCILIATION, USAGE, csv_of, licence, usage, with};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tenantry_rating::{Amount, RunReport, WarningCode};

/// A sum of usage in a reconciliation.
fn sum(cost: &str) -> Line {
    with(
        licence(cost),
        &[("ProductId", "P"), ("SkuId", "S"), ("ProductName", "Azure plan"), ("SubscriptionId", "sub-1")],
    )
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

struct Case {
    name: &'static str,
    reconciliation: Vec<Line>,
    usage: Vec<Line>,
    /// Cost in all; lines of customer 1's bill and their cost; groups that are explained, and that differ.
    expected: (&'static str, u64, &'static str, u64, u64),
}

#[test]
fn sums_are_replaced_by_their_days() {
    let day = |cost: &str, day: &str| with(usage(cost), &[("UsageDate", day)]);
    let days = || vec![day("1.004", "2026-10-01"), day("2.003", "2026-10-02")];
    let case = |name, reconciliation, usage, expected| Case { name, reconciliation, usage, expected };
    for Case { name, reconciliation, usage, expected } in [
        case("rounding is an adjustment line", vec![licence("20"), sum("3")], days(), ("23", 4, "23", 1, 0)),
        case(
            "exactly, without one",
            vec![licence("20"), sum("3.007")],
            days(),
            ("23.007", 3, "23.007", 1, 0),
        ),
        // 0.01 for the line, 0.005 for each of two days.
        case("up to the bound", vec![sum("3.027")], days(), ("3.027", 3, "3.027", 1, 0)),
        case("beyond the bound", vec![sum("3.0270001")], days(), ("3.0270001", 1, "3.0270001", 0, 1)),
        case(
            "two days on one",
            vec![sum("3.0270001")],
            vec![day("1.004", "2026-10-01"), day("2.003", "2026-10-01")],
            ("3.0270001", 1, "3.0270001", 0, 1),
        ),
        case(
            "several subscriptions behind one",
            vec![sum("3")],
            vec![day("1.004", "2026-10-01"), with(day("2.003", "2026-10-01"), &[("EntitlementId", "sub-2")])],
            ("3", 3, "3", 1, 0),
        ),
        case("several lines, some negative", vec![sum("5"), sum("-2")], days(), ("3", 3, "3", 1, 0)),
        case(
            "other spellings",
            vec![with(sum("3"), &[("ProductId", "p"), ("InvoiceNumber", "g1"), ("CustomerId", "org:A")])],
            days(),
            ("3", 3, "3", 1, 0),
        ),
        case(
            "only what is in both",
            vec![sum("3"), with(sum("7"), &[("SkuId", "S2")])],
            days(),
            ("10", 4, "10", 1, 0),
        ),
        case(
            "usage that the invoice does not have",
            vec![sum("3")],
            [days(), vec![with(day("9", "2026-10-01"), &[("SkuId", "S2")])]].concat(),
            ("3", 3, "3", 1, 1),
        ),
        case(
            "usage that costs nothing",
            vec![sum("3")],
            [days(), vec![with(day("0", "2026-10-01"), &[("SkuId", "S2")])]].concat(),
            ("3", 4, "3", 2, 0),
        ),
        case(
            "a tenant that no customer is billed for",
            vec![sum("3"), with(sum("5"), &[("CustomerId", "c")])],
            [days(), vec![with(day("5.001", "2026-10-01"), &[("CustomerId", "c")])]].concat(),
            ("8", 3, "3", 2, 0),
        ),
        case(
            "a tenant of nobody that differs",
            vec![sum("3"), with(sum("5"), &[("CustomerId", "x")])],
            [days(), vec![with(day("6", "2026-10-01"), &[("CustomerId", "x")])]].concat(),
            ("8", 3, "3", 1, 1),
        ),
        // Taken apart by hand: both are billed as they are.
        case("no group in common", vec![licence("20")], days(), ("23.007", 3, "23.007", 0, 0)),
        case(
            "another invoice",
            vec![with(sum("3"), &[("InvoiceNumber", "G2")])],
            days(),
            ("6.007", 3, "6.007", 0, 0),
        ),
        case(
            "no product",
            vec![with(sum("3"), &[("ProductId", "")])],
            vec![with(day("3", "2026-10-01"), &[("ProductId", "")])],
            ("6", 2, "6", 0, 0),
        ),
    ] {
        let mut before = None;
        for (threads, order) in [(1, [0, 1]), (3, [1, 0])] {
            let mut bench = Bench::new();
            bench.job.threads = threads;
            let files =
                [("recon", csv_of(RECONCILIATION, &reconciliation)), ("usage", csv_of(USAGE, &usage))];
            for i in order {
                bench.file(files[i].0, &files[i].1);
            }
            let report = bench.run().unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
            let (cost, lines, billed, explained, differing) = expected;
            assert_eq!(report.totals[0].cost, amount(cost), "{name}");
            let bill = report.customers.iter().find(|bill| bill.customer_id == 1).unwrap();
            assert_eq!((bill.lines, bill.cost), (lines, amount(billed)), "{name}");
            let groups =
                report.reconciled.as_ref().map_or((0, 0), |r| (r.explained_groups, r.differing_groups));
            assert_eq!(groups, (explained, differing), "{name}");
            let warned = report.warnings.iter().any(|warning| warning.code == WarningCode::UsageDiffers);
            assert_eq!(warned, differing > 0, "{name}");
            // The order of the files and the number of threads have no influence.
            let files = bench.files();
            assert!(*before.get_or_insert_with(|| files.clone()) == files, "{name}");
        }
    }
}

#[test]
fn an_adjustment_line_says_what_it_is() {
    let mut bench = Bench::new();
    let named = with(sum("3"), &[("ProductName", "Azure \"plan\", all"), ("PublisherName", "Microsoft")]);
    bench.file("recon", &csv_of(RECONCILIATION, &[named]));
    bench.file("usage", &csv_of(USAGE, &[usage("3.004")]));
    // A rule that would need a quantity does not apply.
    let fixed = serde_json::json!({
        "name": "Fixed", "kind": "fixed", "price": 1, "currency": "USD", "charge_type": "RoundingAdjustment",
    });
    bench.rule(&fixed);
    let report = bench.run().unwrap();
    let codes: Vec<WarningCode> = report.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, [WarningCode::PriceRuleUnused]);
    let lines = bench.table("1/bill.csv");
    let line = lines.iter().find(|line| line["ChargeType"] == "RoundingAdjustment").unwrap();
    // -0.004 at a margin of 20 %.
    for (column, expected) in [
        ("Charge", "-0.005"),
        ("ProductName", "Azure \"plan\", all"),
        ("SkuId", "S"),
        ("ChargeUnitPrice", ""),
        ("PublisherName", "Microsoft"),
    ] {
        assert_eq!(line[column], expected, "{column}");
    }
    let focus = bench.table("1/bill.focus.csv");
    assert_eq!(
        focus.iter().filter(|row| row["ChargeCategory"] == "Adjustment").count(),
        1,
        "it, and nothing was rounded"
    );
}

#[test]
fn lines_of_a_final_bill_are_not_billed_again() {
    let mut bench = Bench::new();
    bench.file("recon", &csv_of(RECONCILIATION, &[licence("20"), sum("3")]));
    bench.file("usage", &csv_of(USAGE, &[usage("3.004")]));
    let report = bench.run().unwrap();
    let ledger = report.customers[0].ledger.clone().unwrap();
    bench.job.final_bills = vec![tenantry_rating::FinalBill { customer_id: 1, ledger }];
    let again = bench.run().unwrap();
    let bill = &again.customers[0];
    assert_eq!((bill.lines, bill.billed_before.lines, again.checks.final_lines_missing), (0, 3, 0));
    assert_eq!(again.totals[0].cost, amount("23"));
}

const CENT: i64 = 10_000_000;

/// A number of 10^-9.
fn digits(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}.{:09}", number.abs() / 1_000_000_000, number.abs() % 1_000_000_000)
}

/// Usage of a tenant's SKU in a currency: subscription, day and cost in 10^-9.
type Truth = BTreeMap<(usize, usize, usize), Vec<(u8, u8, i64)>>;

const TENANTS: [&str; 4] = ["a", "b", "c", "nobody"];
const CURRENCIES: [&str; 2] = ["USD", "EUR"];

fn truth() -> impl Strategy<Value = Truth> {
    let line = (0..3_u8, 1..32_u8, prop_oneof![9 => 0..90_000_000_000_i64, 1 => -5_000_000_000..0_i64]);
    let group = (0..TENANTS.len(), 0..3_usize, 0..CURRENCIES.len());
    prop::collection::btree_map(group, prop::collection::vec(line, 1..20), 1..12)
}

/// The lines of both kinds. A SKU with an odd number has a line of the reconciliation for each subscription.
fn lines(truth: &Truth) -> (Vec<Line>, Vec<Line>) {
    let (mut reconciliation, mut by_day) = (Vec::new(), Vec::new());
    let mut number = 0;
    for ((tenant, sku, currency), used) in truth {
        let sku_id = sku.to_string();
        let common = [("CustomerId", TENANTS[*tenant]), ("SkuId", &sku_id)];
        let mut sums: BTreeMap<u8, i64> = BTreeMap::new();
        for (subscription, day, cost) in used {
            *sums.entry(if sku % 2 == 1 { *subscription } else { 0 }).or_default() += cost;
            number += 1;
            let cells = [
                ("UsageDate", format!("2026-10-{day:02}")),
                ("EntitlementId", subscription.to_string()),
                ("ResourceURI", number.to_string()),
                ("BillingCurrency", CURRENCIES[*currency].to_owned()),
            ];
            let line = with(
                with(usage(&digits(*cost)), &common),
                &cells.each_ref().map(|(column, cell)| (*column, cell.as_str())),
            );
            by_day.push(line);
        }
        for (subscription, exact) in sums {
            // ROUNDDOWN: towards zero.
            let cost = digits(exact / CENT * CENT);
            let subscription = subscription.to_string();
            let cells = [("Currency", CURRENCIES[*currency]), ("SubscriptionId", &subscription)];
            reconciliation.push(with(with(sum(&cost), &common), &cells));
        }
    }
    (reconciliation, by_day)
}

fn cents(line: &Line) -> i64 {
    let text = &line["Subtotal"];
    let (whole, rest) = text.trim_start_matches('-').split_once('.').unwrap_or((text.as_str(), "0"));
    let value = whole.parse::<i64>().unwrap() * 1_000_000_000 + format!("{rest:0<9}").parse::<i64>().unwrap();
    if text.starts_with('-') { -value } else { value }
}

/// What the invoice says of each tenant and currency, in 10^-9.
fn invoice(reconciliation: &[Line]) -> BTreeMap<(String, String), i64> {
    let mut sums = BTreeMap::new();
    for line in reconciliation {
        *sums.entry((line["CustomerId"].clone(), line["Currency"].clone())).or_default() += cents(line);
    }
    sums
}

fn ran(reconciliation: &[Line], by_day: &[Line], threads: usize, files: usize) -> (Bench, RunReport) {
    let mut bench = Bench::new();
    bench.job.threads = threads;
    bench.file("recon", &csv_of(RECONCILIATION, reconciliation));
    for (i, lines) in by_day.chunks(by_day.len().div_ceil(files)).enumerate() {
        bench.file(&format!("usage-{i}"), &csv_of(USAGE, lines));
    }
    let report = bench.run().unwrap();
    (bench, report)
}

/// Every customer's cost, and that of tenants that nobody is billed for, is the invoice's.
fn assert_ties(report: &RunReport, reconciliation: &[Line]) {
    let mut expected = invoice(reconciliation);
    for bill in &report.customers {
        let tenant = ["a", "b"][bill.customer_id as usize - 1].to_owned();
        let invoiced = expected.remove(&(tenant, bill.currency.code().to_owned())).unwrap();
        assert_eq!(bill.cost, amount(&digits(invoiced)), "{bill:?}");
    }
    for left in &report.unassigned {
        let key = (left.azure_customer_id.clone(), left.currency.code().to_owned());
        assert_eq!(left.cost, amount(&digits(expected.remove(&key).unwrap())), "{left:?}");
    }
    assert!(expected.values().all(|cost| *cost == 0), "{expected:?}");
}

/// The usage lines of customers' bills, by their resource.
fn days_of(bench: &Bench, report: &RunReport) -> BTreeSet<String> {
    let mut days = BTreeSet::new();
    for bill in &report.customers {
        let several =
            report.customers.iter().filter(|other| other.customer_id == bill.customer_id).count() > 1;
        let name = if several { format!("bill.{}.csv", bill.currency.code()) } else { "bill.csv".to_owned() };
        for line in bench.table(&format!("{}/{name}", bill.customer_id)) {
            days.extend(line.get("ResourceURI").filter(|number| !number.is_empty()).cloned());
        }
    }
    days
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn one_truth_makes_one_bill(truth in truth(), threads in 1..4_usize, files in 1..3_usize) {
        let (reconciliation, by_day) = lines(&truth);
        let (bench, report) = ran(&reconciliation, &by_day, threads, files);
        assert_ties(&report, &reconciliation);
        let reconciled = report.reconciled.as_ref().unwrap();
        prop_assert_eq!((reconciled.explained_groups, reconciled.differing_groups), (truth.len() as u64, 0));
        // Every day of customers that are billed is there.
        let expected: BTreeSet<String> = by_day
            .iter()
            .filter(|line| ["a", "b"].contains(&line["CustomerId"].as_str()))
            .map(|line| line["ResourceURI"].clone())
            .collect();
        prop_assert_eq!(days_of(&bench, &report), expected);
    }

    #[test]
    fn a_planted_difference_is_found_and_named(
        truth in truth(),
        which in any::<prop::sample::Index>(),
        cents in 50..100_000_i64,
        less in any::<bool>(),
        threads in 1..4_usize,
    ) {
        let (mut reconciliation, by_day) = lines(&truth);
        // More than 3 lines and 31 days of rounding can be.
        let planted = if less { -cents } else { cents } * CENT;
        let line = which.get(&reconciliation).clone();
        let at = reconciliation.iter().position(|other| *other == line).unwrap();
        let cost = digits(self::cents(&line) + planted);
        reconciliation[at] = with(line.clone(), &[("Subtotal", &cost), ("Total", &cost)]);
        let (bench, report) = ran(&reconciliation, &by_day, threads, 1);
        assert_ties(&report, &reconciliation);
        let reconciled = report.reconciled.as_ref().unwrap();
        prop_assert_eq!((reconciled.explained_groups, reconciled.differing_groups), (truth.len() as u64 - 1, 1));
        let found = &reconciled.differences[0];
        let named = (found.azure_customer_id.as_str(), found.sku_id.as_str(), found.currency.code());
        prop_assert_eq!(named, (line["CustomerId"].as_str(), line["SkuId"].as_str(), line["Currency"].as_str()));
        let off = found.difference - amount(&digits(planted));
        prop_assert!(off.abs() < amount("0.04"), "{}", found.difference);
        // Its days are on no bill; all others are.
        let of_group = |line: &Line| (line["CustomerId"].clone(), line["SkuId"].clone());
        let expected: BTreeSet<String> = by_day
            .iter()
            .filter(|day| ["a", "b"].contains(&day["CustomerId"].as_str()))
            .filter(|day| of_group(day) != of_group(&line) || day["BillingCurrency"] != line["Currency"])
            .map(|day| day["ResourceURI"].clone())
            .collect();
        prop_assert_eq!(days_of(&bench, &report), expected);
    }
}
