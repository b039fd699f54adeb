//! `tenantry admin bill profit`

use crate::money::padded_in;
use crate::partner::partner_named;
use crate::platform::Platform;
use crate::remote::cells::for_terminal;
use app::billing::{Profit, ProfitBy, ProfitReport, ProfitRow, ProfitSearch};
use app::{Call, Clock};
use clap::Args;
use clap::builder::PossibleValuesParser;
use rating::{BillingPeriod, count_of};

/// Show what a month's lines cost and are charged, beside the month before.
#[derive(Args)]
pub(crate) struct ProfitArgs {
    /// The month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: BillingPeriod,
    /// What it is listed by.
    #[arg(long, default_value = "customer", value_parser = PossibleValuesParser::new(ProfitBy::ALL.map(|(name, _)| name)))]
    by: String,
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// Print CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

pub(crate) async fn run(args: ProfitArgs) -> anyhow::Result<()> {
    let ProfitArgs { period, by, partner, csv, json, platform } = args;
    let by = ProfitBy::ALL.iter().find(|(name, _)| *name == by).map_or(ProfitBy::Customer, |(_, by)| *by);
    let app = platform.open(Clock::System).await?;
    let call = Call::of_operator(partner_named(&app, &partner).await?.id, "bill profit");
    let report = app.profit(&call, ProfitSearch { billing_period: period, by, csv }).await?;
    app.close().await;
    if csv {
        print!("{}", report.csv());
    } else if json {
        println!("{:#}", serde_json::to_value(api::ProfitReport::from(report))?);
    } else {
        print(&report);
    }
    Ok(())
}

/// The widest that an id and a name are together: all columns fit into 80 characters then, as long as amounts have up to 11.
/// CSV and JSON have all of a name.
const NAME_WIDTH: usize = 27;
/// The width of a customer's id, which stands before its name.
const ID_WIDTH: usize = 6;

fn print(report: &ProfitReport) {
    if report.rows.is_empty() && report.bills_without_sums == 0 {
        eprintln!("There are no lines.");
        return;
    }
    let has_ids = report.by == "customer";
    line(has_ids, "ID", &report.by.to_uppercase(), ["COST", "CHARGE", "PROFIT", "MARGIN %"], "");
    for row in &report.rows {
        let id = row.customer_id.map(|id| id.to_string()).unwrap_or_default();
        print_row(row, has_ids, &id, &row.name);
    }
    for row in &report.totals {
        print_row(row, has_ids, "", "total");
    }
    if report.bills_without_sums > 0 {
        println!(
            "not among these: {} of an earlier version; run the month again",
            count_of(report.bills_without_sums, "bill")
        );
    }
}

/// A line of the table, without white space at its end.
fn line(has_ids: bool, id: &str, name: &str, figures: [&str; 4], currency: &str) {
    let begin = if has_ids { format!("{id:>ID_WIDTH$}  ") } else { String::new() };
    let width = NAME_WIDTH.saturating_sub(begin.len());
    let name = console::pad_str(name, width, console::Alignment::Left, Some("…"));
    let [cost, charge, profit, margin] = figures;
    let line = format!("{begin}{name}  {cost:>11}  {charge:>11}  {profit:>11}  {margin:>8} {currency}");
    println!("{}", line.trim_end());
}

/// A row, and below it what else there is of it.
fn print_row(row: &ProfitRow, has_ids: bool, id: &str, name: &str) {
    let Profit { cost, earned_credit, charge, profit, margin_percentage } = &row.profit;
    let money = |amount: &str| padded_in(amount, &row.currency);
    let [cost, charge, profit] = [cost, charge, profit].map(|amount| money(amount));
    let margin = margin_percentage.as_deref().unwrap_or("-");
    line(has_ids, id, &for_terminal(name), [&cost, &charge, &profit, margin], &row.currency);
    let mut notes = vec![count_of(row.lines, "line")];
    if earned_credit != "0" {
        notes.push(format!("earned credit {}", money(earned_credit)));
    }
    if let Some(before) = &row.previous {
        notes.push(format!("profit {} the month before", money(&before.profit)));
    }
    if let Some(id) = &row.subscription_id {
        let customer = row.customer_id.map(|id| format!(" of customer {id}")).unwrap_or_default();
        println!("        subscription {}{customer}", for_terminal(id));
    }
    println!("        {}", notes.join("; "));
}
