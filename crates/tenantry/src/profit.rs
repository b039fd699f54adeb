//! `tenantry bill profit`

use crate::partner::partner_named;
use crate::platform::Platform;
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
    #[arg(long, default_value = "default")]
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

fn print(report: &ProfitReport) {
    let heads = [
        "currency",
        report.by,
        "lines",
        "cost",
        "earned credit",
        "charge",
        "profit",
        "margin %",
        "profit before",
    ];
    let mut table = vec![heads.map(str::to_owned)];
    for (rows, is_total) in [(&report.rows, false), (&report.totals, true)] {
        for row in rows {
            let name = match (is_total, &row.subscription_id, row.customer_id) {
                (true, ..) => "total".to_owned(),
                (_, Some(id), _) => format!("{} {id}", row.name),
                (_, None, Some(id)) => format!("{} ({id})", row.name),
                _ => row.name.clone(),
            };
            let Profit { cost, earned_credit, charge, profit, margin_percentage } = row.profit.clone();
            let before = row.previous.as_ref().map_or_else(String::new, |previous| previous.profit.clone());
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
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    for row in &table {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| match i {
            0 | 1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
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
