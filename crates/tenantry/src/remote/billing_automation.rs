//! `tenantry billing-automation …`

use super::args::{ChangeArgs, OutputArgs, ServerArgs};
use super::cells;
use super::exit::examples;
use super::show::{self, View};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use client::Request;
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/billing_automation";

/// Show and set what the server does for the billing by itself.
#[derive(Subcommand)]
pub(crate) enum BillingAutomationCommand {
    Get(Got),
    Set(Set),
}

/// Show what the server does by itself, what it did last, and what it waits for.
#[derive(Args)]
#[command(after_help = examples!("tenantry billing-automation get", "tenantry billing-automation get --format '{state.next_night}'"))]
pub(crate) struct Got {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Set what the server does by itself: only what is named changes.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry billing-automation set --estimates daily --invoices fetch_and_bill",
    "tenantry billing-automation set --finalize after_days --days 5 --dry-run",
    "tenantry billing-automation set --estimates off --invoices off --finalize by_hand",
))]
pub(crate) struct Set {
    /// Estimates each night of what is on no invoice yet.
    #[arg(long, value_parser = PossibleValuesParser::new(["daily", "off"]))]
    estimates: Option<String>,
    /// What is done with Microsoft's invoices when they appear.
    #[arg(long, value_parser = PossibleValuesParser::new(["fetch", "fetch_and_bill", "off"]))]
    invoices: Option<String>,
    /// Whether statements become final by themselves, if nothing speaks against it.
    #[arg(long, value_parser = PossibleValuesParser::new(["by_hand", "after_days"]))]
    finalize: Option<String>,
    /// After how many days they become final.
    #[arg(long, value_name = "COUNT")]
    days: Option<i64>,
    /// The most money, in each currency, that may belong to no customer when they do.
    #[arg(long, value_name = "AMOUNT")]
    max_unassigned: Option<String>,
    /// Whether customers see the bills before they are final.
    #[arg(long, value_name = "true|false")]
    publish: Option<bool>,
    #[command(flatten)]
    change: ChangeArgs,
}

static VIEW: View = View {
    noun: "automations",
    table: &[],
    fields: &[
        "estimates",
        "invoices",
        "finalize",
        "days",
        "max_unassigned",
        "publish",
        "state.since",
        "state.next_night",
        "state.invoices_listed_on",
        "state.waits",
        "state.error.code",
        "state.error.message",
        "state.actions",
    ],
};

pub(crate) async fn run(command: BillingAutomationCommand) -> anyhow::Result<()> {
    match command {
        BillingAutomationCommand::Get(args) => {
            print(&args.server.connect()?.get(PATH).await?.json()?, &args.output)
        }
        BillingAutomationCommand::Set(args) => set(&args).await,
    }
}

async fn set(args: &Set) -> anyhow::Result<()> {
    let client = args.change.server.connect()?;
    let current = client.get(PATH).await?.json()?;
    // The API replaces the settings whole, so what is not named is as it was.
    let mut body = json!({});
    for field in ["estimates", "invoices", "finalize", "days", "max_unassigned", "publish"] {
        body[field] = current[field].clone();
    }
    let given = json!({
        "estimates": args.estimates, "invoices": args.invoices, "finalize": args.finalize, "days": args.days,
        "max_unassigned": args.max_unassigned, "publish": args.publish,
    });
    for (field, value) in given.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        body[field] = value.clone();
    }
    if args.change.dry_run {
        println!("would set the billing automation to this:\n{body:#}");
        return Ok(());
    }
    print(&client.send(&Request::json(Method::PUT, PATH, &body)).await?.json()?, &args.change.output)
}

/// For people: the settings, then what was done last and what is waited for.
fn print(automation: &Value, output: &OutputArgs) -> anyhow::Result<()> {
    if output.json || output.csv || output.format.is_some() {
        return show::one(automation, output, &VIEW);
    }
    let state = &automation["state"];
    let list = |field: &str| state[field].as_array().cloned().unwrap_or_default();
    let mut short = automation.clone();
    for field in ["actions", "waits"] {
        short["state"].as_object_mut().map(|state| state.remove(field));
    }
    show::one(&short, output, &VIEW)?;
    for (title, lines) in [
        ("waits for", list("waits").iter().map(cells::text).collect::<Vec<_>>()),
        (
            "has done",
            list("actions")
                .iter()
                .map(|done| ["at", "action", "object"].map(|field| cells::text(&done[field])).join("  "))
                .collect(),
        ),
    ] {
        if !lines.is_empty() {
            println!("\n{title}:");
        }
        lines.iter().for_each(|line| println!("  {}", cells::for_terminal(line)));
    }
    Ok(())
}
