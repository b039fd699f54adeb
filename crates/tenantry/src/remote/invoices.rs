//! `tenantry invoices …`: Microsoft's invoices, and fetching them.

use super::args::{ListArgs, OutputArgs, ServerArgs};
use super::exit::examples;
use super::query::{PER_PAGE, Query};
use super::show::{self, Printer, View};
use super::{cells, input};
use crate::progress::FetchBar;
use anyhow::bail;
use clap::{Args, Subcommand};
use client::{Client, Request};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// How long is waited between two looks at a fetch: at first, and at most.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// List Microsoft's invoices, and have the server fetch them.
#[derive(Subcommand)]
pub(crate) enum InvoicesCommand {
    List(Listed),
    Fetch(Fetched),
    Fetches(Fetches),
    Watch(Watched),
}

/// List Microsoft's invoices, the newest first: what is fetched of each, billed and final, and whether the bills tie to it.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry invoices list",
    "tenantry invoices list --period 2026-10 --format '{id} {total_charges} {currency} {ties}'",
))]
pub(crate) struct Listed {
    /// Only those that charge this month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Have the server fetch the invoices of a month from Microsoft into its sources. What is there in the same version is not
/// fetched again, and a fetch that was interrupted goes on where it stopped.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry invoices fetch --period 2026-10 --watch",
    "tenantry invoices fetch --period 2026-10 --invoice-id G012345678",
    "tenantry invoices fetch --period 2026-11 --unbilled --watch --format '{sources}'",
))]
pub(crate) struct Fetched {
    /// The month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: String,
    /// One invoice of the month; by default all of them.
    #[arg(long, value_name = "ID", conflicts_with = "unbilled")]
    invoice_id: Option<String>,
    /// What Microsoft has on no invoice yet, of the current month or the one before.
    #[arg(long)]
    unbilled: bool,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Stay until the fetch has ended, and fail if it does.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// List fetches of invoices, the oldest first; with an id, show one.
#[derive(Args)]
#[command(after_help = examples!("tenantry invoices fetches", "tenantry invoices fetches 12"))]
pub(crate) struct Fetches {
    /// The fetch's id.
    id: Option<String>,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Stay until a fetch has ended, and fail if it does.
#[derive(Args)]
#[command(after_help = examples!("tenantry invoices watch 12"))]
pub(crate) struct Watched {
    /// The fetch's id.
    id: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

static INVOICES: View = View {
    noun: "invoices",
    table: &[
        ("ID", "id"),
        ("MONTH", "billing_period"),
        ("DATE", "invoice_date"),
        ("TOTAL", "total_charges"),
        ("CURRENCY", "currency"),
        ("FETCHED", "fetched_kinds"),
        ("RUN", "bill_run_id"),
        ("BILLED", "billed_total"),
        ("TIES", "ties"),
        ("FINAL", "final"),
    ],
    fields: &[
        "id",
        "billing_period",
        "invoice_date",
        "period_start",
        "period_end",
        "document_type",
        "invoice_type",
        "total_charges",
        "currency",
        "fetched_kinds",
        "fetched",
        "bill_run_id",
        "billed_total",
        "ties",
        "final",
        "last_fetch.id",
        "last_fetch.state",
        "last_fetch.error.code",
        "last_fetch.error.message",
    ],
};

static FETCHES: View = View {
    noun: "fetches",
    table: &[
        ("ID", "id"),
        ("MONTH", "billing_period"),
        ("INVOICE", "invoice_id"),
        ("UNBILLED", "unbilled"),
        ("STATE", "state"),
        ("FILES", "progress.blobs_done"),
        ("STARTED", "created_at"),
        ("ERROR", "error.code"),
    ],
    fields: &[
        "id",
        "billing_period",
        "invoice_id",
        "unbilled",
        "state",
        "progress.exports_done",
        "progress.exports_total",
        "progress.blobs_done",
        "progress.blobs_total",
        "progress.bytes_read",
        "sources",
        "error.code",
        "error.message",
        "created_at",
        "updated_at",
    ],
};

fn path(id: &str) -> anyhow::Result<String> {
    Ok(format!("/v1/invoice_fetches/{}", input::id(id)?))
}

pub(crate) async fn run(command: InvoicesCommand) -> anyhow::Result<()> {
    match command {
        InvoicesCommand::List(args) => list(&args).await,
        InvoicesCommand::Fetch(args) => fetch(&args).await,
        InvoicesCommand::Fetches(Fetches { id: Some(id), output, server, .. }) => {
            show::one(&server.connect()?.get(&path(&id)?).await?.json()?, &output, &FETCHES)
        }
        InvoicesCommand::Fetches(args) => {
            let path = Query::new("/v1/invoice_fetches").with("per_page", PER_PAGE).done();
            let client = args.server.connect()?;
            show::list(client.pages(&path, "invoice_fetches"), &args.output, &args.list, &FETCHES).await
        }
        InvoicesCommand::Watch(args) => watch(&args.server.connect()?, &path(&args.id)?, &args.output).await,
    }
}

async fn list(args: &Listed) -> anyhow::Result<()> {
    let mut printer = Printer::new(&args.output, &INVOICES)?;
    let mut pages = args.server.connect()?.pages("/v1/invoices", "invoices");
    while let Some(mut page) = pages.next().await? {
        if let Some(period) = &args.period {
            page.retain(|invoice| invoice["billing_period"] == period.as_str());
        }
        if !args.output.json {
            page.iter_mut().for_each(|invoice| invoice["fetched_kinds"] = kinds(invoice));
        }
        printer.print(&page);
    }
    printer.end();
    Ok(())
}

/// What is fetched of an invoice, each kind once: `reconciliation, usage`.
fn kinds(invoice: &Value) -> Value {
    let fetched = invoice["fetched"].as_array().into_iter().flatten();
    let mut kinds: Vec<&str> = fetched.filter_map(|export| export["kind"].as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(", ").into()
}

async fn fetch(args: &Fetched) -> anyhow::Result<()> {
    let mut body = json!({"billing_period": args.period});
    if let Some(id) = &args.invoice_id {
        body["invoice_id"] = id.as_str().into();
    }
    if args.unbilled {
        body["unbilled"] = true.into();
    }
    if args.dry_run {
        println!("would ask for this fetch:\n{body:#}");
        return Ok(());
    }
    let client = args.server.connect()?;
    let key = app::Random::default().long_id()?;
    let request = Request::json(Method::POST, "/v1/invoice_fetches", &body).idempotent(&key);
    let fetch = client.send(&request).await?.json()?;
    match args.watch {
        true => watch(&client, &format!("/v1/invoice_fetches/{}", fetch["id"]), &args.output).await,
        false => show::one(&fetch, &args.output, &FETCHES),
    }
}

/// Looks at a fetch until it has ended. Interrupting this does not end the fetch.
async fn watch(client: &Client, path: &str, output: &OutputArgs) -> anyhow::Result<()> {
    let bar = FetchBar::new();
    let mut pause = FIRST_LOOK;
    let fetch = loop {
        let fetch = client.get(path).await?.json()?;
        if !["queued", "running"].contains(&fetch["state"].as_str().unwrap_or_default()) {
            break fetch;
        }
        let number = |name: &str| fetch["progress"][name].as_u64().unwrap_or_default();
        bar.show(["exports_done", "exports_total", "blobs_done", "blobs_total", "bytes_read"].map(number));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
    };
    bar.end();
    show::one(&fetch, output, &FETCHES)?;
    match fetch["error"]["message"].as_str() {
        None if fetch["state"] == "succeeded" => Ok(()),
        None => bail!("the fetch has failed"),
        Some(why) => bail!("{}", cells::for_terminal(why)),
    }
}
