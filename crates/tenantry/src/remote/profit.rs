//! `tenantry profit`

use super::args::{OutputArgs, ServerArgs};
use super::exit::examples;
use super::query::Query;
use super::show::{Printer, View};
use super::{cells, download};
use crate::money::padded_in;
use clap::Args;
use clap::builder::PossibleValuesParser;

/// Show what a month's lines cost and are charged, and the profit, beside the month before.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry profit --period 2026-10",
    "tenantry profit --period 2026-10 --by product --csv > profit.csv",
))]
pub(crate) struct ProfitArgs {
    /// The month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: String,
    /// What it is listed by.
    #[arg(long, default_value = "customer", value_parser = PossibleValuesParser::new(["customer", "product", "publisher", "subscription"]))]
    by: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

static VIEW: View = View {
    noun: "lines",
    table: &[
        ("NAME", "name"),
        ("CUSTOMER", "customer_id"),
        ("SUBSCRIPTION", "subscription_id"),
        ("CURRENCY", "currency"),
        ("LINES", "lines"),
        ("COST", "cost"),
        ("CREDIT", "earned_credit"),
        ("CHARGE", "charge"),
        ("PROFIT", "profit"),
        ("MARGIN", "margin_percentage"),
        ("BEFORE", "previous.profit"),
    ],
    fields: &[
        "currency",
        "customer_id",
        "subscription_id",
        "name",
        "lines",
        "cost",
        "earned_credit",
        "charge",
        "profit",
        "margin_percentage",
        "previous.profit",
    ],
};

pub(crate) async fn run(args: ProfitArgs) -> anyhow::Result<()> {
    let query = Query::new("/v1/profit").with("billing_period", &args.period).with("by", &args.by);
    let client = args.server.connect()?;
    // The server's own CSV has every column.
    if args.output.csv {
        return download::to_stdout(&client, &query.with("format", "csv").done()).await;
    }
    let report = client.get(&query.done()).await?.json()?;
    if args.output.json {
        println!("{report:#}");
        return Ok(());
    }
    let list = |field: &str| report[field].as_array().cloned().unwrap_or_default();
    let mut printer = Printer::new(&args.output, &VIEW)?;
    printer.print(&list("rows"));
    printer.end();
    if args.output.format.is_none() {
        for total in list("totals") {
            let text = |field: &str| cells::for_terminal(&cells::text(&total[field])).into_owned();
            let [currency, margin] = ["currency", "margin_percentage"].map(text);
            let [cost, charge, profit] =
                ["cost", "charge", "profit"].map(|field| padded_in(&text(field), &currency));
            println!("{currency}: cost {cost}, charged {charge}, profit {profit} ({margin} %)");
        }
    }
    if let Some(missing @ 1..) = report["bills_without_sums"].as_u64() {
        eprintln!("{missing} bills of an earlier version are not among these: run the month again");
    }
    Ok(())
}
