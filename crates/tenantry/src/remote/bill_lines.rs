//! `tenantry bill-runs lines`

use super::args::ServerArgs;
use super::exit::examples;
use super::query::{PER_PAGE, Query};
use super::{cells, input, show};
use crate::output;
use clap::Args;
use serde_json::Value;

/// List the lines of a customer's bill in a run, as CSV, and with --explain how each was priced.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry bill-runs lines 12 3947 > lines.csv",
    "tenantry bill-runs lines 12 3947 --explain --json",
))]
pub(crate) struct Lines {
    /// The run's id.
    run: String,
    /// The customer's id.
    customer: String,
    /// Say of each line how it was priced. This shows costs.
    #[arg(long)]
    explain: bool,
    /// Of bills in several currencies, this one; by default the first.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Print JSON, a line on each line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn list(args: &Lines) -> anyhow::Result<()> {
    let path =
        format!("/v1/bill_runs/{}/customers/{}/lines", input::id(&args.run)?, input::id(&args.customer)?);
    let path = Query::new(path)
        .with("per_page", PER_PAGE)
        .maybe("explain", args.explain.then_some(true))
        .maybe("currency", args.currency.as_ref())
        .done();
    let mut pages = args.server.connect()?.pages(&path, "lines");
    let mut columns: Option<Vec<String>> = None;
    while let Some(page) = pages.next().await? {
        if output::reader_has_gone() {
            break;
        }
        for line in &page {
            if args.json {
                println!("{line}");
                continue;
            }
            // Every line of a bill has the same columns.
            let columns = columns.get_or_insert_with(|| {
                let columns = columns_of(line);
                show::print_row(columns.iter().cloned());
                columns
            });
            show::print_row(columns.iter().map(|column| cell(line, column)));
        }
    }
    if !args.json && columns.is_none() {
        eprintln!("There are no lines.");
    }
    Ok(())
}

const EXPLANATION: &str = "explanation";

/// The columns of a line, those of its explanation last.
fn columns_of(line: &Value) -> Vec<String> {
    let fields = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let explanation = fields(&line[EXPLANATION]).into_iter().map(|name| format!("{EXPLANATION}.{name}"));
    fields(line).into_iter().filter(|name| name != EXPLANATION).chain(explanation).collect()
}

fn cell(line: &Value, column: &str) -> String {
    // Names of columns may have dots of their own.
    match column.strip_prefix(EXPLANATION).and_then(|rest| rest.strip_prefix('.')) {
        Some(field) if line.get(column).is_none() => cells::text(&line[EXPLANATION][field]),
        _ => cells::text(&line[column]),
    }
}
