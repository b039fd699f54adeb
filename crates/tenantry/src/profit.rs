//! `tenantry bill profit`

use crate::money::padded_in;
use crate::partner::partner_named;
use crate::platform::Platform;
use crate::remote::cells::for_terminal;
use app::billing::{Profit, ProfitBy, ProfitReport, ProfitSearch};
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

/// The widest that a name is; CSV and JSON have all of it.
const NAME_WIDTH: usize = 36;

fn print(report: &ProfitReport) {
    if report.rows.is_empty() && report.bills_without_sums == 0 {
        eprintln!("There are no lines.");
        return;
    }
    let by = report.by.to_uppercase();
    let heads = ["CURRENCY", &by, "LINES", "COST", "CREDIT", "CHARGE", "PROFIT", "MARGIN %", "BEFORE"];
    let mut table = vec![heads.map(str::to_owned)];
    for (rows, is_total) in [(&report.rows, false), (&report.totals, true)] {
        for row in rows {
            let shown = console::truncate_str(&for_terminal(&row.name), NAME_WIDTH, "…").into_owned();
            let name = match (is_total, &row.subscription_id, row.customer_id) {
                (true, ..) => "total".to_owned(),
                (_, Some(id), _) => format!("{shown} {id}"),
                (_, None, Some(id)) => format!("{shown} ({id})"),
                _ => shown,
            };
            let Profit { cost, earned_credit, charge, profit, margin_percentage } = row.profit.clone();
            let before = row.previous.as_ref().map_or_else(String::new, |previous| previous.profit.clone());
            let [cost, earned_credit, charge, profit, before] =
                [cost, earned_credit, charge, profit, before].map(|amount| padded_in(&amount, &row.currency));
            let margin = margin_percentage.unwrap_or_default();
            let lines = row.lines.to_string();
            table.push([
                row.currency.clone(),
                name,
                lines,
                cost,
                earned_credit,
                charge,
                profit,
                margin,
                before,
            ]);
        }
    }
    let width =
        |column: usize| table.iter().map(|row| console::measure_text_width(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    for row in &table {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| match i {
            0 | 1 => console::pad_str(cell, *width, console::Alignment::Left, None).into_owned(),
            _ => console::pad_str(cell, *width, console::Alignment::Right, None).into_owned(),
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    if report.bills_without_sums > 0 {
        println!(
            "not among these: {} of an earlier version; run the month again",
            count_of(report.bills_without_sums, "bill")
        );
    }
}
