//! A run as people read it: what it is, its bills, sums and warnings, and what is to be done next.

use app::billing::{CustomerBill, RunState, RunView, Stage};
use rating::report::Total;
use rating::{Blocks, count_of, form_for};

/// `succeeded, draft`
fn standing(run: &RunView) -> String {
    let state = run.state.as_str();
    run.stage.map_or_else(|| state.to_owned(), |stage| format!("{state}, {}", stage.name()))
}

/// What the bills of a run come to: `12.50 USD and 3 EUR`.
pub(super) fn sums(run: &RunView) -> String {
    let charged = run.totals.iter().filter(|total| !total.charge.is_zero());
    let charged: Vec<String> = charged.map(|total| format!("{} {}", total.charge, total.currency)).collect();
    if charged.is_empty() {
        "nothing charged".to_owned()
    } else {
        format!("{} charged", charged.join(" and "))
    }
}

/// The runs, one a line.
pub(super) fn list(runs: &[RunView]) {
    println!("{:>6}  {:<7}  {:<20}  {:<20}  {:>9}  CHARGED", "RUN", "MONTH", "STATE", "CREATED", "LINES");
    for run in runs {
        let lines = run.progress.lines;
        let (standing, charged, created) = (standing(run), sums(run), format!("{:.0}", run.created_at));
        println!(
            "{:>6}  {:<7}  {standing:<20}  {created:<20}  {lines:>9}  {charged}",
            run.id, run.billing_period
        );
    }
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
    if !bills.is_empty() || !unassigned.is_empty() || !pending.is_empty() {
        println!("\n{:>18}           {:>18}  {:>9}        CUSTOMER  FILES", "CHARGE", "COST", "LINES");
    }
    for bill in bills {
        let CustomerBill { name, currency, lines, cost, charge, held_back, .. } = bill;
        let (charge, cost) = (charge.to_string(), cost.to_string());
        let newest = [&bill.reversal_prefix, &bill.final_prefix, &bill.prefix].into_iter().flatten().next();
        let place = match (held_back.as_slice(), newest) {
            ([], Some(prefix)) => prefix.to_string(),
            ([], None) => String::new(),
            (why, _) => format!("held back: {}", why.join("; ")),
        };
        let noun = form_for(*lines, "line ", "lines");
        println!("{charge:>18} {currency}  cost {cost:>18}  {lines:>9} {noun}  {name}  {place}");
    }
    for left in unassigned {
        let (cost, reason) = (left.cost.to_string(), left.reason.name());
        println!(
            "{:>18} {}  cost {cost:>18}  {:>9} {}  {} {}: {reason}",
            "not billed",
            left.currency,
            left.lines,
            form_for(left.lines, "line ", "lines"),
            left.azure_customer_id,
            left.name
        );
    }
    for left in pending {
        println!(
            "{:>18} {}  {} of {} for customer {}: {}",
            "not billed", left.currency, left.amount, left.billing_period, left.customer_id, left.reason
        );
    }
    run.totals.iter().for_each(total);
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

fn total(total: &Total) {
    let Total { currency, lines, cost, billed_cost, unassigned_cost, charge, charged_cost, .. } = total;
    let lines = format!("{} {}", count_of(*lines, "line"), form_for(*lines, "costs", "cost"));
    println!("\n{currency}: {lines} {cost} = {billed_cost} billed + {unassigned_cost} not billed");
    match total.billed_in.filter(|other| other != currency) {
        None => {
            println!(
                "     charged {charge} for a cost of {charged_cost}; {} of it is rounding",
                total.rounding
            );
        }
        Some(other) => println!("     charged in {other}"),
    }
    if !total.held_charge.is_zero() || !total.held_cost.is_zero() {
        println!("     held back {} for a cost of {}", total.held_charge, total.held_cost);
    }
    if total.billed_before.lines != 0 {
        println!(
            "     billed before {} for a cost of {}",
            count_of(total.billed_before.lines, "line"),
            total.billed_before.cost
        );
    }
}

/// What can be done with a run, as commands.
fn next_steps(run: &RunView, partner: &str) -> Vec<String> {
    let (id, stage) = (run.id, run.stage);
    if id == 0 {
        return Vec::new();
    }
    let more = if partner == "default" { String::new() } else { format!(" --partner {partner}") };
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
            "look at what is held back; to let it go: tenantry bill release {id} --customer {held}{more}"
        ));
    }
    let blocking =
        run.warnings.iter().filter(|warning| warning.blocks != Blocks::Nothing && !warning.accepted);
    let mut codes: Vec<&str> = blocking.map(|warning| warning.code.name()).collect();
    codes.dedup();
    let accept: String = codes.iter().map(|code| format!(" --accept {code}")).collect();
    let finalize = format!("tenantry bill finalize {id}{accept}{more}");
    match stage {
        Some(Stage::Draft) => {
            steps.push(format!("to show the drafts to customers: tenantry bill publish {id}{more}"));
            steps.push(format!("to make them final: {finalize}"));
        }
        Some(Stage::Published) => steps.push(format!("when the month is complete: {finalize}")),
        Some(Stage::Final | Stage::Void) | None => {}
    }
    steps
}
