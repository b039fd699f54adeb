//! A run as people read it: what it is, its bills, sums and warnings, and what is to be done next.

use crate::money::{padded, padded_in};
use crate::remote::cells::for_terminal;
use app::billing::{CustomerBill, RunState, RunView, Stage};
use rating::report::Total;
use rating::{Amount, Blocks, Currency, count_of, form_for};

/// `succeeded, draft`
fn standing(run: &RunView) -> String {
    let state = run.state.as_str();
    run.stage.map_or_else(|| state.to_owned(), |stage| format!("{state}, {}", stage.name()))
}

/// What the bills of a run charge: `12.50 USD and 3.00 EUR`; `None` if nothing.
fn charged(run: &RunView) -> Option<String> {
    let charged = run.totals.iter().filter(|total| !total.charge.is_zero());
    let charged: Vec<String> =
        charged.map(|total| format!("{} {}", money(total.charge, total.currency), total.currency)).collect();
    (!charged.is_empty()).then(|| charged.join(" and "))
}

/// `12.50 USD charged`
pub(super) fn sums(run: &RunView) -> String {
    charged(run).map_or_else(|| "nothing charged".to_owned(), |charged| format!("{charged} charged"))
}

/// The exact amount, with the decimal places of its currency at least.
fn money(amount: Amount, currency: Currency) -> String {
    padded(&amount.to_string(), currency)
}

/// The runs, one a line: of 80 characters at most, as long as amounts have up to 14.
pub(super) fn list(runs: &[RunView]) {
    if runs.is_empty() {
        eprintln!("There are no bill runs.");
        return;
    }
    println!("{:>6}  {:<7}  {:<20}  {:<10}  {:>9}  CHARGED", "RUN", "MONTH", "STATE", "CREATED", "LINES");
    for run in runs {
        // What was taken back charges nothing.
        let charged = charged(run).filter(|_| run.state == RunState::Succeeded);
        let (lines, charged) = (run.progress.lines, charged.unwrap_or_else(|| "-".to_owned()));
        let (standing, created) = (standing(run), run.created_at.strftime("%Y-%m-%d"));
        println!(
            "{:>6}  {:<7}  {standing:<20}  {created:<10}  {lines:>9}  {charged}",
            run.id, run.billing_period
        );
    }
}

/// The widest that a name is in a report: all columns fit into 80 characters then, as long as amounts have up to 12.
const NAME_WIDTH: usize = 30;

/// A row of a report: a customer, and what it costs and is charged. Its notes are below it, each on a line.
fn row(id: &str, name: &str, lines: &str, [cost, charge]: [&str; 2], currency: &str, notes: &[String]) {
    let name = for_terminal(name);
    let name = console::pad_str(&name, NAME_WIDTH, console::Alignment::Left, Some("…"));
    println!("{}", format!("{id:>6}  {name}  {lines:>7}  {cost:>12}  {charge:>12} {currency}").trim_end());
    notes.iter().for_each(|note| println!("        {}", for_terminal(note)));
}

/// A bill in a report. Drafts are not where their customers find them once they are published, so they are not said to be.
fn bill_row(bill: &CustomerBill, is_draft: bool) {
    let CustomerBill { customer_id, name, currency, lines, cost, charge, .. } = bill;
    let [cost, charge] = [*cost, *charge].map(|amount| money(amount, *currency));
    let newest = [&bill.reversal_prefix, &bill.final_prefix, &bill.prefix].into_iter().flatten().next();
    let mut notes = Vec::new();
    if !bill.corrections.is_zero() {
        notes.push(format!("{} of it corrects months before", money(bill.corrections, *currency)));
    }
    match bill.held_back.as_slice() {
        [] => notes.extend(newest.filter(|_| !is_draft).map(ToString::to_string)),
        why => {
            let why: Vec<&str> = why.iter().map(|why| why.text.as_str()).collect();
            notes.push(format!("held back: {}", why.join("; ")));
        }
    }
    let (id, lines, currency) = (customer_id.to_string(), lines.to_string(), currency.to_string());
    row(&id, name, &lines, [&cost, &charge], &currency, &notes);
}

/// Whether a bill has nothing but what a final bill of the month has already.
fn is_billed_before(bill: &CustomerBill) -> bool {
    bill.lines == 0 && bill.billed_before.lines != 0 && bill.charge.is_zero() && bill.held_back.is_empty()
}

/// Whether a bill has lines that came in for a month that is final.
fn is_correction(bill: &CustomerBill) -> bool {
    bill.lines != 0 && bill.billed_before.lines != 0
}

/// A whole report. Warnings, and what is to be done next, go to standard error.
pub(super) fn report(run: &RunView, partner: &str) {
    match run.id {
        0 => println!("dry run of {}: {}", run.billing_period, run.state.as_str()),
        id => println!("bill run {id} of {}: {}", run.billing_period, standing(run)),
    }
    let bills = run.customers.as_deref().unwrap_or_default();
    let unassigned = run.unassigned.as_deref().unwrap_or_default();
    let pending = run.pending_corrections.as_deref().unwrap_or_default();
    let bills: Vec<&CustomerBill> = bills.iter().filter(|bill| !is_billed_before(bill)).collect();
    if !bills.is_empty() || !unassigned.is_empty() {
        println!();
        row("ID", "CUSTOMER", "LINES", ["COST", "CHARGE"], "", &[]);
    }
    let is_draft = run.stage == Some(Stage::Draft);
    bills.iter().for_each(|bill| bill_row(bill, is_draft));
    for left in unassigned {
        let (cost, currency) = (money(left.cost, left.currency), left.currency.to_string());
        let note = format!("not billed, {}: {}", left.reason.name(), left.azure_customer_id);
        row("-", &left.name, &left.lines.to_string(), [&cost, "-"], &currency, &[note]);
    }
    for left in pending {
        println!(
            "not billed: a correction of {} {} of {} for customer {}: {}",
            padded_in(&left.amount, &left.currency),
            left.currency,
            left.billing_period,
            left.customer_id,
            for_terminal(&left.reason)
        );
    }
    let corrections = |total: &Total| -> Amount {
        let of_currency = bills.iter().filter(|bill| bill.currency == total.currency);
        of_currency.filter(|bill| bill.held_back.is_empty()).map(|bill| bill.corrections).sum()
    };
    run.totals.iter().for_each(|one| total(one, corrections(one)));
    for expected in run.checks.iter().flat_map(|checks| &checks.expected_totals) {
        let verdict = if expected.matches { "as expected" } else { "NOT as expected" };
        let wanted = expected.expected.map_or_else(|| "nothing".to_owned(), |amount| amount.to_string());
        println!("{}: cost {}, expected {wanted}: {verdict}", expected.currency, expected.cost);
    }
    for warning in &run.warnings {
        let accepted = if warning.accepted { ", accepted" } else { "" };
        eprintln!("warning: {warning} [{}{accepted}]", warning.code.name());
    }
    // Bills that could not be written are told at the end.
    if run.state != RunState::Succeeded {
        run.errors.iter().for_each(|error| eprintln!("{error}"));
    }
    next_steps(run, partner).iter().for_each(|step| eprintln!("next: {step}"));
}

/// `corrections`: the part of the charge that corrects months before, whose lines cost nothing in this one.
fn total(total: &Total, corrections: Amount) {
    let currency = total.currency;
    let [cost, billed, unassigned, charge, charged_cost, held_charge, held_cost, before] = [
        total.cost,
        total.billed_cost,
        total.unassigned_cost,
        total.charge,
        total.charged_cost,
        total.held_charge,
        total.held_cost,
        total.billed_before.cost,
    ]
    .map(|amount| money(amount, currency));
    let lines = format!("{} {}", count_of(total.lines, "line"), form_for(total.lines, "costs", "cost"));
    println!("\n{currency}: {lines} {cost} = {billed} billed + {unassigned} not billed");
    match total.billed_in.filter(|other| *other != currency) {
        None => {
            println!("     charged {charge} for a cost of {charged_cost}");
            if !corrections.is_zero() {
                println!("     {} of it corrects months before", money(corrections, currency));
            }
            if !total.rounding.is_zero() {
                println!("     {} of it is rounding", total.rounding);
            }
        }
        Some(other) => println!("     charged in {other}"),
    }
    if !total.held_charge.is_zero() || !total.held_cost.is_zero() {
        println!("     held back {held_charge} for a cost of {held_cost}");
    }
    if total.billed_before.lines != 0 {
        println!("     billed before {} for a cost of {before}", count_of(total.billed_before.lines, "line"));
    }
}

/// What can be done with a run, as commands.
fn next_steps(run: &RunView, partner: &str) -> Vec<String> {
    let (id, stage) = (run.id, run.stage);
    if id == 0 {
        return Vec::new();
    }
    // A partner's name has no NUL, which is all that cannot be quoted.
    let quoted = shlex::try_quote(partner).unwrap_or_default();
    let more = if partner == "default" { String::new() } else { format!(" --partner {quoted}") };
    let mut steps = Vec::new();
    let mut held: Vec<String> = run
        .customers
        .iter()
        .flatten()
        .filter(|bill| !bill.held_back.is_empty())
        .map(|bill| bill.customer_id.to_string())
        .collect();
    held.dedup();
    if !held.is_empty() {
        let held = held.join(" ");
        steps.push(format!(
            "look at what is held back; to let it go: tenantry admin bill release {id} --customer {held}{more}"
        ));
    }
    let blocking =
        run.warnings.iter().filter(|warning| warning.blocks != Blocks::Nothing && !warning.accepted);
    let mut codes: Vec<&str> = blocking.map(|warning| warning.code.name()).collect();
    codes.dedup();
    let accept: String = codes.iter().map(|code| format!(" --accept {code}")).collect();
    let finalize = format!("tenantry admin bill finalize {id}{accept}{more}");
    let bills = || run.customers.iter().flatten();
    if stage.is_some() && bills().any(is_correction) {
        steps.push(format!(
            "{} is final, and what is new in it goes on the customers' next statements: run the month that is open again",
            run.billing_period
        ));
    }
    let has_drafts = bills().any(|bill| bill.prefix.is_some() && !is_correction(bill));
    match stage {
        Some(Stage::Draft) if !has_drafts => {}
        Some(Stage::Draft) => {
            steps.push(format!("to show the drafts to customers: tenantry admin bill publish {id}{more}"));
            steps.push(format!("to make them final: {finalize}"));
        }
        Some(Stage::Published) => steps.push(format!("when the month is complete: {finalize}")),
        Some(Stage::Final | Stage::Void) | None => {}
    }
    steps
}
