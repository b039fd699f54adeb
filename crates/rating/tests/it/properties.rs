//! The engine beside an oracle: fractions, line by line, from the texts of the cells.

use crate::bench::{Bench, Line, RECONCILIATION, USAGE, csv_of, with};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tenantry_rating::EarnedCredit;

fn fraction(text: &str) -> BigRational {
    let (decimal, exponent) = text.split_once('E').unwrap_or((text, "0"));
    let (whole, places) = decimal.split_once('.').unwrap_or((decimal, ""));
    let digits: BigInt = format!("{whole}{places}").parse().unwrap();
    let exponent = exponent.parse::<i32>().unwrap() - places.len() as i32;
    let ten = BigRational::from_integer(10.into());
    BigRational::from_integer(digits) * ten.pow(exponent)
}

/// Rounded half to even at so many places.
fn rounded(value: &BigRational, places: u32) -> BigRational {
    let unit = BigRational::from_integer(BigInt::from(10).pow(places));
    let scaled = value * &unit;
    let (below, half) = (scaled.floor(), BigRational::new(1.into(), 2.into()));
    let over = &scaled - &below;
    let odd = below.to_integer() % 2 != BigInt::from(0);
    let up = over > half || over == half && odd;
    (below + BigRational::from_integer(BigInt::from(i32::from(up)))) / unit
}

/// An exact decimal of our output.
fn shown(text: &str) -> BigRational {
    fraction(text)
}

fn decimal() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u64..5_000_000_000, 0_u32..18).prop_map(|(n, places)| {
            let digits = format!("{n:0width$}", width = places as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places as usize);
            if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
        }),
        1 => (1_u64..100_000_000_000_000_000, 0_i32..14).prop_map(|(n, e)| format!("{}.{:016}E-{e:02}", n / 10_000_000_000_000_000, n % 10_000_000_000_000_000)),
        1 => Just("0.1999968000511991808131".to_owned()),
        1 => Just("0.005".to_owned()),
    ]
}

fn signed() -> impl Strategy<Value = String> {
    (any::<bool>(), decimal()).prop_map(|(minus, text)| if minus { format!("-{text}") } else { text })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,12}", "[a\",\n\r=é@-]{0,9}", Just("=1+1".to_owned())]
}

const TENANTS: [&str; 6] = ["a", "b", "c", "nobody", "org:A", "B"];
const CURRENCIES: [&str; 4] = ["USD", "USD", "JPY", "BHD"];
const DAYS: [&str; 4] = ["2026-10-01", "10/1/2026", "2026-10-31T00:00:00Z", "0001-01-01"];

fn line() -> impl Strategy<Value = (bool, Line)> {
    let cells =
        (0..6_usize, 0..4_usize, 0..4_usize, signed(), 0..2_usize, text(), text(), any::<bool>(), 0..3_u8);
    cells.prop_map(|(tenant, currency, day, cost, credit, name, group, usage, subscription)| {
        let common = [("CustomerId", TENANTS[tenant]), ("ProductName", &name), ("Quantity", "1")];
        let line = with(Line::new(), &common);
        let line = match usage {
            true => with(
                line,
                &[
                    ("BillingPreTaxTotal", &cost),
                    ("BillingCurrency", CURRENCIES[currency]),
                    ("UsageDate", DAYS[day]),
                    ("PartnerEarnedCreditPercentage", ["0", "15"][credit]),
                    ("ResourceGroup", &group),
                    ("EntitlementId", &subscription.to_string()),
                    ("MeterCategory", &name),
                ],
            ),
            false => with(
                line,
                &[
                    ("Subtotal", &cost),
                    ("Currency", CURRENCIES[currency]),
                    ("ChargeStartDate", DAYS[day]),
                    ("SubscriptionId", &subscription.to_string()),
                    ("PublisherName", &group),
                ],
            ),
        };
        (usage, line)
    })
}

/// Puts lines into so many files of each kind.
fn add(bench: &mut Bench, lines: &[(bool, Line)], files: usize) {
    bench.job.inputs.clear();
    for (usage, columns) in [(true, USAGE), (false, RECONCILIATION)] {
        let of_kind: Vec<Line> =
            lines.iter().filter(|(kind, _)| *kind == usage).map(|(_, line)| line.clone()).collect();
        let size = of_kind.len().div_ceil(files).max(1);
        for (i, lines) in of_kind.chunks(size).enumerate() {
            bench.file(&format!("{usage}-{i}.csv"), &csv_of(columns, lines));
        }
    }
}

/// What the oracle charges for a line: margins of 20 % and none, the earned credit kept or passed on.
fn charged(line: &Line, policy: EarnedCredit) -> BigRational {
    let cost = fraction(line.get("BillingPreTaxTotal").or(line.get("Subtotal")).unwrap());
    let percent = |text: &str| {
        BigRational::from_integer(1.into()) - fraction(text) / BigRational::from_integer(100.into())
    };
    let credit = line.get("PartnerEarnedCreditPercentage").map_or("0", String::as_str);
    let before = match policy {
        EarnedCredit::Kept => cost / percent(credit),
        EarnedCredit::PassedOn => cost,
    };
    let margin = if line["CustomerId"].to_lowercase().ends_with('a') { "20" } else { "0" };
    rounded(&(before / percent(margin)), 10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn everything_adds_up_to_the_invoice(
        lines in prop::collection::vec(line(), 1..60),
        order in any::<prop::sample::Index>(),
        files in 1..4_usize,
        threads in 1..4_usize,
        kept in any::<bool>(),
    ) {
        // Each line is one of a kind, so that no file repeats lines of another.
        let lines: Vec<(bool, Line)> = lines
            .into_iter()
            .enumerate()
            .map(|(i, (usage, line))| (usage, with(line, &[("SkuId", &i.to_string())])))
            .collect();
        let policy = if kept { EarnedCredit::Kept } else { EarnedCredit::PassedOn };
        let mut bench = Bench::new();
        bench.job.earned_credit = policy;
        add(&mut bench, &lines, 1);
        bench.job.threads = 1;
        let report = bench.run().unwrap();
        let written = bench.files();

        // Cost: Σ customers + Σ unassigned = the invoice.
        let of = |line: &Line| line.get("BillingCurrency").or(line.get("Currency")).unwrap().clone();
        let mut invoice: BTreeMap<String, BigRational> = BTreeMap::new();
        let mut bills: BTreeMap<(i64, String), (u64, BigRational)> = BTreeMap::new();
        for (_, line) in &lines {
            let cost = fraction(line.get("BillingPreTaxTotal").or(line.get("Subtotal")).unwrap());
            *invoice.entry(of(line)).or_insert_with(|| fraction("0")) += cost;
            let customer = match line["CustomerId"].to_lowercase().trim_start_matches("org:") { "a" => 1, "b" => 2, _ => continue };
            let bill = bills.entry((customer, of(line))).or_insert_with(|| (0, fraction("0")));
            bill.0 += 1;
            bill.1 += charged(line, policy);
        }
        prop_assert!(report.checks.ties);
        prop_assert_eq!(report.totals.len(), invoice.len());
        for total in &report.totals {
            prop_assert_eq!(&shown(&total.cost.to_string()), &invoice[total.currency.code()]);
            let mut sum = shown(&total.unassigned_cost.to_string());
            let mut left = fraction("0");
            for bill in report.customers.iter().filter(|bill| bill.currency == total.currency) {
                sum += shown(&bill.cost.to_string());
            }
            for unassigned in report.unassigned.iter().filter(|left| left.currency == total.currency) {
                left += shown(&unassigned.cost.to_string());
            }
            prop_assert_eq!(&sum, &invoice[total.currency.code()]);
            prop_assert_eq!(left, shown(&total.unassigned_cost.to_string()));
        }

        // Charge: Σ lines + rounding = the bill, which is rounded once.
        prop_assert_eq!(report.customers.len(), bills.len());
        for bill in &report.customers {
            let (count, exact) = &bills[&(bill.customer_id, bill.currency.code().to_owned())];
            prop_assert_eq!(bill.lines, *count);
            let total = rounded(exact, bill.currency.minor_unit().into());
            prop_assert_eq!(&shown(&bill.charge.to_string()), &total);
            prop_assert_eq!(shown(&bill.rounding.to_string()), &total - exact);
            let several = bills.keys().filter(|(customer, _)| *customer == bill.customer_id).count() > 1;
            let name = |name: &str| match several {
                true => format!("{}/{name}.{}.csv", bill.customer_id, bill.currency.code()),
                false => format!("{}/{name}.csv", bill.customer_id),
            };
            for (file, column) in [(name("bill"), "Charge"), (name("bill.focus"), "BilledCost")] {
                let sum = bench.column(&file, column).iter().map(|charge| shown(charge)).sum::<BigRational>();
                prop_assert_eq!(&sum, &total, "{}", file);
            }
            let days: Vec<String> = bench.column(&name("bill.focus"), "ChargePeriodStart");
            prop_assert!(days[..*count as usize].iter().filter(|day| **day != "2026-10-01T00:00:00Z").is_sorted());
        }

        // Any order, any number of threads, any split: the same bytes.
        let mut shuffled = lines.clone();
        let middle = order.index(shuffled.len());
        shuffled.rotate_left(middle);
        shuffled.reverse();
        let half = shuffled.len() / 2;
        shuffled[..half].sort_by(|a, b| a.1.cmp(&b.1));
        bench.job.threads = threads;
        add(&mut bench, &shuffled, files);
        bench.run().unwrap();
        prop_assert_eq!(bench.files(), written);
    }
}

/// Many lines, so that every thread has several blocks and spools several runs.
#[test]
fn blocks_and_threads_leave_no_trace() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let line =
        proptest::strategy::Strategy::new_tree(&prop::collection::vec(line(), 50..51), &mut runner).unwrap();
    let lines = proptest::strategy::ValueTree::current(&line);
    let many: Vec<(bool, Line)> = (0..20_000)
        .map(|i| {
            let (usage, line) = lines[i % lines.len()].clone();
            // No file has only lines of another.
            (usage, with(line, &[("SkuId", &(i / 7).to_string())]))
        })
        .collect();
    let mut expected = None;
    for (threads, files) in [(1, 1), (2, 1), (2, 3), (5, 2)] {
        let mut bench = Bench::new();
        bench.job.threads = threads;
        add(&mut bench, &many, files);
        bench.run().unwrap();
        let files = bench.files();
        assert!(*expected.get_or_insert_with(|| files.clone()) == files, "{threads} threads");
    }
}
