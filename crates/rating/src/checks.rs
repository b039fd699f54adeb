//! What stands in the way of making a month final, beside what single lines say: totals that were expected, lines that nobody
//! is billed for, and bills that are held back.

use crate::amount::Amount;
use crate::currency::Currency;
use crate::job::Job;
use crate::plural::{count_of, form_for};
use crate::reading::Left;
use crate::report::{CustomerBill, ExpectedTotal, Reason, Total};
use crate::warning::{Money, Tally, Warning, WarningCode};
use crate::wording::{Message, Value, Wording};
use std::collections::{BTreeMap, BTreeSet};

/// The totals that the job expects beside those of the files, exactly; and a warning if they are not the same. If any is
/// expected, a currency that is not is a difference too.
pub(crate) fn expected_totals(job: &Job, totals: &[Total]) -> (Vec<ExpectedTotal>, Option<Warning>) {
    if job.expected_totals.is_empty() {
        return (Vec::new(), None);
    }
    let mut compared: BTreeMap<Currency, ExpectedTotal> = BTreeMap::new();
    for total in totals.iter().filter(|total| total.lines > 0) {
        let of_files =
            ExpectedTotal { currency: total.currency, expected: None, cost: total.cost, matches: false };
        compared.insert(total.currency, of_files);
    }
    for expected in &job.expected_totals {
        let missing =
            ExpectedTotal { currency: expected.currency, expected: None, cost: Amount::ZERO, matches: false };
        let total = compared.entry(expected.currency).or_insert(missing);
        total.expected = Some(expected.amount);
        total.matches = total.cost == expected.amount;
    }
    let different = compared.values().filter(|total| !total.matches).map(|total| match total.expected {
        Some(expected) => format!("{} {} where {expected} was expected", total.cost, total.currency),
        None => format!("{} {} where nothing was expected", total.cost, total.currency),
    });
    let different: Vec<String> = different.collect();
    let message = format!(
        "the files come to {}, tax not included: is a file missing, or given twice?",
        different.join(" and ")
    );
    let warning = (!different.is_empty()).then(|| {
        let differing = || compared.values().filter(|total| !total.matches);
        let cost = differing().map(|total| Money { currency: total.currency, amount: total.cost });
        let expected =
            differing().filter_map(|total| Some(Money { currency: total.currency, amount: total.expected? }));
        let values = [("cost", Value::Money(cost.collect())), ("expected", Value::Money(expected.collect()))];
        let wording = Wording::new("report-expected-total-mismatch", values);
        Warning::new(WarningCode::ExpectedTotalMismatch, Message::worded(message, wording))
    });
    (compared.into_values().collect(), warning)
}

/// Warns of lines that no customer is billed for, if they cost more than the bound in some currency, credits counted as costs.
pub(crate) fn unassigned_warning(job: &Job, left: &Left) -> Option<Warning> {
    let mut all = Tally::default();
    let mut sizes: BTreeMap<Currency, Amount> = BTreeMap::new();
    let mut tenants: BTreeMap<Reason, BTreeSet<&str>> = BTreeMap::new();
    for ((tenant, reason, currency), (_, lines, cost)) in left {
        if *reason != Reason::BilledBefore {
            all.add_lines(*lines, *currency, *cost);
            *sizes.entry(*currency).or_default() += cost.abs();
            tenants.entry(*reason).or_default().insert(tenant);
        }
    }
    if sizes.values().all(|size| *size <= job.bounds.max_unassigned) {
        return None;
    }
    let reasons = tenants
        .iter()
        .map(|(reason, tenants)| format!("{}: {}", reason.name(), count_of(tenants.len() as u64, "tenant")));
    let counted = all.counted();
    let message = format!(
        "{} that {} {} {} on no bill ({})",
        count_of(counted.lines, "line"),
        form_for(counted.lines, "costs", "cost"),
        counted.money(),
        form_for(counted.lines, "is", "are"),
        reasons.collect::<Vec<_>>().join(", ")
    );
    let count_for = |reason| Value::from(tenants.get(&reason).map_or(0, BTreeSet::len));
    let wording = Wording::new(
        "report-unassigned",
        [
            ("lines", counted.lines.into()),
            ("cost", (&counted).into()),
            ("without", count_for(Reason::NoCustomer)),
            ("off", count_for(Reason::BillingOff)),
        ],
    );
    let message = Message::worded(message, wording);
    Some(Warning { counted, ..Warning::new(WarningCode::Unassigned, message) })
}

/// Warns of customers that had a bill the month before and have none in its currency, where there is a bound on changes.
pub(crate) fn bill_gone_warnings(job: &Job, bills: &[CustomerBill]) -> Vec<Warning> {
    if job.bounds.max_change_percent.is_none() {
        return Vec::new();
    }
    let billed: BTreeSet<(i64, Currency)> =
        bills.iter().map(|bill| (bill.customer_id, bill.currency)).collect();
    let mut warnings = Vec::new();
    for customer in &job.customers {
        let gone = customer.previous_charge.iter();
        let gone = gone
            .filter(|(currency, charge)| !charge.is_zero() && !billed.contains(&(customer.id, *currency)));
        for (currency, charge) in gone {
            let message = format!(
                "{} ({}) was charged {charge} {currency} the month before, and has no bill",
                customer.name, customer.id
            );
            let wording = Wording::new(
                "report-bill-gone",
                [
                    ("customer", (&customer.name).into()),
                    ("id", customer.id.to_string().into()),
                    ("charge", (*charge, *currency).into()),
                ],
            );
            let warning = Warning::new(WarningCode::BillGone, Message::worded(message, wording));
            warnings.push(Warning { customer_id: Some(customer.id), ..warning });
        }
    }
    warnings
}

/// Warns of bills that are held back, and names their customers.
pub(crate) fn held_back_warning(bills: &[CustomerBill]) -> Option<Warning> {
    let mut all = Tally::default();
    let mut customers: BTreeMap<i64, &str> = BTreeMap::new();
    for bill in bills.iter().filter(|bill| bill.is_held_back) {
        all.add_lines(bill.lines, bill.currency, bill.cost);
        customers.insert(bill.customer_id, &bill.name);
    }
    let names: Vec<String> = customers.iter().map(|(id, name)| format!("{name} ({id})")).collect();
    let message = match names.len() {
        0 => return None,
        1 => format!("the bill of {} is held back", names[0]),
        _ => format!("the bills of {} are held back", names.join(", ")),
    };
    let values = [("count", names.len().into()), ("customers", names.join(", ").into())];
    let message = Message::worded(message, Wording::new("report-held-back", values));
    Some(Warning { counted: all.counted(), ..Warning::new(WarningCode::HeldBack, message) })
}
