//! One run, from the files to the staged bills.

use crate::amount::Amount;
use crate::checks;
use crate::coverage::{Coverage, judge};
use crate::currency::Currency;
use crate::detail::Verdicts;
use crate::failure::{Failure, Fault};
use crate::job::{BilledInvoice, Job, Progress};
use crate::ledger::FinalLedger;
use crate::owners::Owners;
use crate::period::BillingPeriod;
use crate::plural::{count_of, form_for};
use crate::price::{Lack, Prices, RuleUse};
use crate::reading::{Left, Read, Reading, Worker, each};
use crate::reissued::Reissued;
use crate::report::{
    Beside, BilledBefore, Checks, CostAndCharge, CustomerBill, Done, OtherInvoice, Reason, RunReport, Total,
    Unassigned,
};
use crate::source::{fault, members};
use crate::warning::{Counted, Money, Tally, Warning, WarningCode, arranged};
use crate::wording::{Message, Value, Wording};
use crate::writing::{Billed, Writing};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Reads the job's files, prices their lines, and stages the bills of all customers in `job.out`.
///
/// # Errors
/// What is wrong with the files or with the job, all of it at once; nothing is then left in `job.out`.
pub fn run(job: &Job, progress: &dyn Progress) -> Result<RunReport, Failure> {
    whole_or_nothing(job, progress, true)
}

/// Like [`run`], but writes `bill.csv` alone: what the benches compare with others that do no more.
///
/// # Errors
/// As [`run`].
#[doc(hidden)]
pub fn split(job: &Job, progress: &dyn Progress) -> Result<RunReport, Failure> {
    whole_or_nothing(job, progress, false)
}

fn whole_or_nothing(job: &Job, progress: &dyn Progress, whole: bool) -> Result<RunReport, Failure> {
    let result = staged(job, progress, whole);
    if result.is_err() {
        // Whatever is there was staged by this run: the folder was empty.
        clear(job);
    }
    result
}

fn clear(job: &Job) {
    let Ok(entries) = std::fs::read_dir(&job.out) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        // What a failed run leaves is never published, and its error is what the caller needs.
        let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    }
}

fn staged(job: &Job, progress: &dyn Progress, whole: bool) -> Result<RunReport, Failure> {
    let prices = Prices::of(job)?;
    let members = members(&job.inputs, job.max_source_bytes)?;
    let owners = Owners::of(job)?;
    let finals = FinalLedger::of(job, &owners)?;
    let mut other_months = Vec::with_capacity(job.other_months.len());
    for month in &job.other_months {
        other_months.push((month.period, FinalLedger::of_other_month(&month.bills, &owners)?));
    }
    let reading = Reading::of(job, &prices, &finals, &owners, &members, progress);
    let (mut workers, verdicts) = reading.run(&members)?;
    let (invoice_ids, other_invoices) = invoices(job, &workers)?;
    of_this_month(job, &invoice_ids)?;
    let mut warnings = reading.warnings(&members);
    let invoice_id = match invoice_ids.as_slice() {
        [invoice] => Some(invoice.clone()),
        _ => None,
    };
    if invoice_ids.len() > 1 {
        let shown = invoice_ids.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if invoice_ids.len() > 5 { ", …" } else { "" };
        let message = format!(
            "the lines are of {} invoices ({shown}{more}): they are billed together, and no statement has an invoice_id",
            invoice_ids.len()
        );
        let values = [("count", invoice_ids.len().into()), ("invoices", format!("{shown}{more}").into())];
        let message = Message::worded(message, Wording::new("report-several-invoices", values));
        warnings.push(Warning::new(WarningCode::SeveralInvoices, message));
    }
    let mut coverages: BTreeMap<usize, Coverage> = BTreeMap::new();
    for (member, coverage) in workers.iter().flat_map(|worker| &worker.coverages) {
        coverages.entry(*member).or_default().merge(coverage);
    }
    let judged = judge(job, &members, &coverages)?;
    warnings.extend(judged.warnings);
    warnings.extend(verdicts.warning());
    warnings.extend(rule_warnings(job, &prices, &workers));
    let (bytes, lines) = (reading.bytes_total, reading.lines.load(Ordering::Relaxed));
    let bills = Writing {
        job,
        prices: &prices,
        workers: &workers,
        verdicts: &verdicts,
        finals: &finals,
        other_months: &other_months,
        members: &members,
        progress,
        bytes,
        lines,
        whole,
    }
    .run(&mut warnings)?;
    each(&mut workers, |worker| {
        worker.spool.discard();
        Ok(())
    })?;

    let mut left = Left::new();
    workers.iter().for_each(|worker| worker.add_unassigned(&mut left));
    remove(&verdicts, &mut left);
    let totals = totals(&workers, &verdicts, &bills, &left, &prices)?;
    let below_cost = beside(&bills, |billed| billed.below_cost);
    let far_above_cost = beside(&bills, |billed| billed.far_above_cost);
    warnings.extend(proportion_warning(WarningCode::BelowCost, &below_cost, &bills, |billed| {
        billed.below_cost.0
    }));
    warnings.extend(proportion_warning(WarningCode::FarAboveCost, &far_above_cost, &bills, |billed| {
        billed.far_above_cost.0
    }));
    warnings.extend(bills.iter().flat_map(|billed| reissued_warnings(job, &workers, billed)));
    let (expected_totals, unexpected) = checks::expected_totals(job, &totals);
    warnings.extend(unexpected);
    warnings.extend(checks::unassigned_warning(job, &left));
    let mut azure_credits = Tally::default();
    workers.iter().for_each(|worker| azure_credits.merge(&worker.azure_credits));
    let checks = Checks {
        ties: true,
        formula_mismatches: workers.iter().map(|worker| worker.formula_mismatches).sum(),
        total_mismatches: workers.iter().map(|worker| worker.total_mismatches).sum(),
        final_lines_missing: finals.missing(),
        below_cost,
        far_above_cost,
        other_months: judged.other_months,
        without_invoice: judged.without_invoice,
        earned_credit_unknown: judged.credit_unknown,
        earned_credit_mismatches: judged.credit_disputed,
        azure_credits: azure_credits.counted(),
        expected_totals,
    };
    let mut acknowledged: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    for billed in bills.iter().filter(|billed| !billed.acknowledged.is_empty()) {
        acknowledged.entry(billed.bill.customer_id).or_default().extend(&billed.acknowledged);
    }
    let mut customers: Vec<i64> = bills.iter().map(|billed| billed.bill.customer_id).collect();
    customers.dedup();
    let customers = customers.len() as u64;
    let bills: Vec<CustomerBill> = bills.into_iter().map(|billed| billed.bill).collect();
    warnings.extend(checks::held_back_warning(&bills));
    warnings.extend(checks::bill_gone_warnings(job, &bills));
    Ok(RunReport {
        billing_period: job.period,
        invoice_id,
        invoice_ids: if invoice_ids.len() > 1 { invoice_ids } else { Vec::new() },
        progress: Done { bytes_read: bytes, bytes_total: bytes, lines, customers },
        totals,
        customers: bills,
        unassigned: left
            .into_iter()
            .map(|((azure_customer_id, reason, currency), (name, lines, cost))| Unassigned {
                azure_customer_id,
                name: name.unwrap_or_default(),
                currency,
                lines,
                cost,
                reason,
            })
            .collect(),
        checks,
        reconciled: verdicts.report(),
        other_invoices,
        files: reading.files(&members).into_iter().chain(prices.sheet.files.iter().cloned()).collect(),
        warnings: arranged(warnings, &job.accept),
        acknowledged,
    })
}

/// The lines of all bills whose charge is out of proportion to their cost in one way.
fn beside(bills: &[Billed], of: impl Fn(&Billed) -> (u64, Amount, Amount)) -> Beside {
    let mut sums: BTreeMap<Currency, (Amount, Amount)> = BTreeMap::new();
    let mut all = 0;
    for billed in bills {
        let (lines, cost, charge) = of(billed);
        if lines > 0 {
            let sum = sums.entry(billed.bill.currency).or_default();
            all += lines;
            sum.0 += cost;
            sum.1 += charge;
        }
    }
    let amounts = sums.into_iter().map(|(currency, (cost, charge))| CostAndCharge { currency, cost, charge });
    Beside { lines: all, amounts: amounts.collect() }
}

/// Warns of lines whose charge is out of proportion to their cost, if there are any.
fn proportion_warning(
    code: WarningCode,
    beside: &Beside,
    bills: &[Billed],
    lines: impl Fn(&Billed) -> u64,
) -> Option<Warning> {
    let shown =
        |sum: &CostAndCharge| format!("{} {1} for a cost of {2} {1}", sum.charge, sum.currency, sum.cost);
    let shown: Vec<String> = beside.amounts.iter().map(shown).collect();
    let mut customers: Vec<i64> =
        bills.iter().filter(|billed| lines(billed) > 0).map(|billed| billed.bill.customer_id).collect();
    customers.dedup();
    let than = match code {
        WarningCode::BelowCost => "less than the cost",
        _ => "more than five times the cost",
    };
    let message = format!(
        "{} {} charged {than}: {}; {} {}. The ledger of a bill names the rule of each line",
        count_of(beside.lines, "line"),
        form_for(beside.lines, "is", "are"),
        shown.join(", "),
        form_for(customers.len() as u64, "customer", "customers"),
        listed(&customers)
    );
    let amounts = beside.amounts.iter().map(|sum| Money { currency: sum.currency, amount: sum.cost });
    let counted = Counted { lines: beside.lines, amounts: amounts.collect() };
    let charges = beside.amounts.iter().map(|sum| Money { currency: sum.currency, amount: sum.charge });
    let values = [
        ("lines", beside.lines.into()),
        ("charge", Value::Money(charges.collect())),
        ("cost", (&counted).into()),
        ("customers", customers.len().into()),
        ("ids", listed(&customers).into()),
    ];
    let wording = match code {
        WarningCode::BelowCost => Wording::new("report-below-cost", values),
        _ => Wording::new("report-far-above-cost", values),
    };
    let message = Message::worded(message, wording);
    (beside.lines > 0).then(|| Warning { counted, ..Warning::new(code, message) })
}

/// Warns of lines that equal final ones in all but the invoice number; nothing to say where the customer is released.
fn reissued_warnings(job: &Job, workers: &[Worker<'_>], billed: &Billed) -> Vec<Warning> {
    let id = billed.bill.customer_id;
    if job.customers.iter().any(|customer| customer.id == id && customer.released) {
        return Vec::new();
    }
    let warning = |(month, reissued): (&BillingPeriod, &Reissued)| {
        let counted = reissued.lines.counted();
        let message = format!(
            "{} of customer {id}, which {} {}, {} of {month} in all but the invoice number{}",
            count_of(counted.lines, "line"),
            form_for(counted.lines, "costs", "cost"),
            counted.money(),
            form_for(counted.lines, "equals a final line", "equal final lines"),
            reissued.invoices(job, workers)
        );
        let wording = Wording::new(
            "report-reissued-invoice",
            [
                ("lines", counted.lines.into()),
                ("id", id.to_string().into()),
                ("cost", (&counted).into()),
                ("month", (*month).into()),
                ("invoices", reissued.numbers(job, workers).into()),
            ],
        );
        let message = Message::worded(message, wording);
        Warning { customer_id: Some(id), counted, ..Warning::new(WarningCode::ReissuedInvoice, message) }
    };
    billed.reissued.iter().map(warning).collect()
}

/// Warns of price rules that matched nothing, and of those that matched lines and could not price them.
fn rule_warnings(job: &Job, prices: &Prices<'_>, workers: &[Worker<'_>]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (i, rule) in prices.rules.iter().enumerate() {
        let mut used = RuleUse::default();
        workers.iter().for_each(|worker| used.merge(&worker.rule_uses[i]));
        let details = &rule.details;
        let mut warn = |code, counted: Counted, message: Message| {
            warnings.push(Warning { price_rule_id: Some(rule.id), counted, ..Warning::new(code, message) });
        };
        let is_in_effect = details.effective_from.is_none_or(|from| from < job.period.end())
            && details.effective_until.is_none_or(|until| until > job.period.first_day());
        if used.matched == 0 && is_in_effect {
            let message = Message::worded(
                format!("the price rule {:?} matched no line", details.name),
                Wording::new("report-price-rule-unused", [("rule", (&details.name).into())]),
            );
            warn(WarningCode::PriceRuleUnused, Counted::default(), message);
        }
        for (lack, code, why, wording) in [
            (
                Lack::Rate,
                WarningCode::PriceRuleWithoutRate,
                "its price is in a currency that the run was given no rate from",
                "report-price-rule-without-rate",
            ),
            (
                Lack::ListPrice,
                WarningCode::PriceRuleWithoutListPrice,
                match job.price_sheets.is_empty() {
                    true => {
                        "there is no price sheet of the month (tenantry admin price-sheet import, POST /v1/price_sheets)"
                    }
                    false => "the price sheet has no list price, or a promotion is in the price",
                },
                match job.price_sheets.is_empty() {
                    true => "report-price-rule-without-price-sheet",
                    false => "report-price-rule-without-list-price",
                },
            ),
            (
                Lack::Quantity,
                WarningCode::PriceRuleWithoutQuantity,
                "there is no quantity",
                "report-price-rule-without-quantity",
            ),
        ] {
            let counted = used.skipped[lack as usize].counted();
            if counted.lines > 0 {
                let message = format!(
                    "the price rule {:?} matched {} that {} {} and priced {}: {why}. The next rule that matches did, or the \
                     customer's margin",
                    details.name,
                    count_of(counted.lines, "line"),
                    form_for(counted.lines, "costs", "cost"),
                    counted.money(),
                    form_for(counted.lines, "it not", "none of them")
                );
                let values = [
                    ("rule", (&details.name).into()),
                    ("lines", counted.lines.into()),
                    ("cost", (&counted).into()),
                ];
                warn(code, counted, Message::worded(message, Wording::new(wording, values)));
            }
        }
    }
    warnings
}

/// Up to five, and how many more: `1, 2, 3, 4, 5 and 7 more`.
fn listed(ids: &[i64]) -> String {
    let shown: Vec<String> = ids.iter().take(5).map(ToString::to_string).collect();
    match ids.len().saturating_sub(5) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Refuses invoices that are final in another month: an invoice belongs to one.
fn of_this_month(job: &Job, invoice_ids: &[String]) -> Result<(), Failure> {
    let is_ours =
        |billed: &&BilledInvoice| invoice_ids.iter().any(|id| id.eq_ignore_ascii_case(&billed.number));
    let billed = job.billed_invoices.iter().filter(is_ours).take(Failure::LIMIT);
    let faults: Vec<Fault> = billed.map(|billed| fault("", billed.message())).collect();
    if faults.is_empty() { Ok(()) } else { Err(Failure::Faults(faults)) }
}

/// The run's invoices, and the lines of others.
fn invoices(job: &Job, workers: &[Worker<'_>]) -> Result<(Vec<String>, Vec<OtherInvoice>), Failure> {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for (invoice, lines) in workers.iter().flat_map(|worker| &worker.invoices) {
        *found.entry(String::from_utf8_lossy(invoice).into_owned()).or_default() += lines;
    }
    let Some(wanted) = &job.invoice_id else {
        found.remove("");
        return Ok((found.into_keys().collect(), Vec::new()));
    };
    let known: Vec<&str> = found.keys().map(String::as_str).take(5).collect();
    if !found.keys().any(|invoice| invoice.eq_ignore_ascii_case(wanted)) {
        let message = format!("no line is of the invoice {wanted}; the files have {:?}", known.join(", "));
        let values = [("invoice", wanted.into()), ("known", known.join(", ").into())];
        let wording = Wording::new("report-invoice-missing", values);
        return Err(fault("", Message::worded(message, wording)).into());
    }
    found.retain(|invoice, _| !invoice.eq_ignore_ascii_case(wanted));
    let others = found.into_iter().map(|(invoice_id, lines)| OtherInvoice { invoice_id, lines });
    Ok((vec![wanted.clone()], others.collect()))
}

/// Takes lines that are left out of what no customer is billed for.
fn remove(verdicts: &Verdicts, left: &mut Left) {
    for ((tenant, currency), removed) in &verdicts.removed_of_tenants {
        for reason in [Reason::NoCustomer, Reason::BillingOff, Reason::BilledBefore] {
            let (lines, cost) = &removed[reason as usize];
            let key = (tenant.clone(), reason, *currency);
            if let Some((_, all, sum)) = left.get_mut(&key) {
                *all -= lines;
                *sum -= *cost;
                if *all == 0 {
                    left.remove(&key);
                }
            }
        }
    }
}

/// The sums of every currency. What was read is added up as it was read, what is billed as it was written: they must
/// be equal, or the run must not be believed.
fn totals(
    workers: &[Worker<'_>],
    verdicts: &Verdicts,
    bills: &[Billed],
    left: &Left,
    prices: &Prices<'_>,
) -> Result<Vec<Total>, Failure> {
    let mut totals: BTreeMap<Currency, Total> = BTreeMap::new();
    let nothing = |currency| Total {
        currency,
        lines: 0,
        cost: Amount::ZERO,
        billed_cost: Amount::ZERO,
        unassigned_cost: Amount::ZERO,
        billed_in: Some(prices.single.unwrap_or(currency)),
        charge: Amount::ZERO,
        rounding: Amount::ZERO,
        charged_cost: Amount::ZERO,
        held_charge: Amount::ZERO,
        held_cost: Amount::ZERO,
        billed_before: BilledBefore::default(),
        tax: Amount::ZERO,
    };
    for (currency, Read { lines, cost, tax }) in workers.iter().flat_map(|worker| &worker.totals) {
        let total = totals.entry(*currency).or_insert_with(|| nothing(*currency));
        total.lines += lines;
        total.cost += *cost;
        total.tax += *tax;
    }
    for (currency, (lines, cost)) in &verdicts.removed {
        let total = totals.entry(*currency).or_insert_with(|| nothing(*currency));
        total.lines -= lines;
        total.cost -= *cost;
    }
    for Billed { bill, costs, .. } in bills {
        for (currency, cost) in costs {
            totals.entry(*currency).or_insert_with(|| nothing(*currency)).billed_cost += *cost;
        }
        let total = totals.entry(bill.currency).or_insert_with(|| nothing(bill.currency));
        if bill.is_held_back {
            total.held_charge += bill.charge;
            total.held_cost += bill.cost;
        } else {
            total.charge += bill.charge;
            total.rounding += bill.rounding;
            total.charged_cost += bill.cost;
        }
        total.billed_before.lines += bill.billed_before.lines;
        total.billed_before.cost += bill.billed_before.cost;
    }
    for ((_, _, currency), (_, _, cost)) in left {
        totals.entry(*currency).or_insert_with(|| nothing(*currency)).unassigned_cost += *cost;
    }
    for total in totals.values() {
        if total.cost != total.billed_cost + total.unassigned_cost {
            let (cost, billed, left) = (total.cost, total.billed_cost, total.unassigned_cost);
            let currency = total.currency;
            let message =
                format!("the files add up to {cost} {currency}, but {billed} is billed and {left} is left");
            return Err(fault("", Message::fixed(message, "report-sums-differ")).into());
        }
    }
    Ok(totals.into_values().collect())
}
