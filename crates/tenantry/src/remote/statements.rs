//! `tenantry statements …`

use super::args::{ListArgs, OutputArgs, ServerArgs};
use super::exit::{examples, not_found, wrong_input};
use super::query::{PER_PAGE, Query, segment};
use super::show::{self, View};
use super::{cells, download, input};
use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// List customers' statements, and download their files.
#[derive(Subcommand)]
pub(crate) enum StatementsCommand {
    List(Listed),
    Get(Got),
    Download(Downloaded),
}

/// List statements, all pages of them.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry statements list --period 2026-10",
    "tenantry statements list --customer 3947 --csv",
))]
pub(crate) struct Listed {
    /// Only this customer's.
    #[arg(long, value_name = "ID")]
    customer: Option<i64>,
    /// Only of this month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: Option<String>,
    /// Only those that may still change (Estimated), or not (Final).
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Show a statement, and which files it has.
#[derive(Args)]
#[command(after_help = examples!("tenantry statements get 12", "tenantry statements get 12 --format '{files}'"))]
pub(crate) struct Got {
    /// The statement's id.
    id: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Download a statement's files: all, or those that are named.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry statements download 12 --folder october",
    "tenantry statements download 12 --file bill.csv --folder - | head",
    "tenantry statements download 12 --correction 2026-09/3 --folder corrections",
))]
pub(crate) struct Downloaded {
    /// The statement's id.
    id: String,
    /// Only this file; repeat it for others.
    #[arg(long, value_name = "NAME")]
    file: Vec<String>,
    /// The files of a correction that is on it instead: the month that was final, and the version of its bill.
    #[arg(long, value_name = "MONTH/VERSION")]
    correction: Option<String>,
    /// Where to put them; made if it is not there. - writes a single file to standard output.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

static VIEW: View = View {
    noun: "statements",
    table: &[
        ("ID", "id"),
        ("MONTH", "billing_period"),
        ("CUSTOMER", "customer_id"),
        ("AMOUNT", "total_amount"),
        ("CURRENCY", "currency.name"),
        ("STATUS", "status"),
        ("PUBLISHED", "published"),
        ("NUMBER", "statement_number"),
        ("INVOICE", "invoice_id"),
    ],
    fields: &[
        "id",
        "customer_id",
        "cloud",
        "billing_period",
        "total_amount",
        "currency.name",
        "currency.symbol",
        "status",
        "published",
        "version",
        "reverses",
        "notice",
        "statement_number",
        "issued_at",
        "due_date",
        "invoice_id",
        "invoice_date",
        "imported.source",
        "imported.id",
        "detailed_billing_records_generation_time",
        "statement_generation_time",
        "statement_summary_generation_time",
        "files",
        "corrections",
    ],
};

pub(crate) async fn run(command: StatementsCommand) -> anyhow::Result<()> {
    match command {
        StatementsCommand::List(args) => {
            let path = Query::new("/v1/customer_statements")
                .with("per_page", PER_PAGE)
                .maybe("client_api_id", args.customer)
                .maybe("billing_period", args.period)
                .maybe("status", args.status)
                .done();
            let client = args.server.connect()?;
            show::list(client.pages(&path, "billing_artifacts"), &args.output, &args.list, &VIEW).await
        }
        StatementsCommand::Get(args) => {
            let path = format!("/v1/customer_statements/{}", input::id(&args.id)?);
            show::one(&args.server.connect()?.get(&path).await?.json()?, &args.output, &VIEW)
        }
        StatementsCommand::Download(args) => fetch(&args).await,
    }
}

async fn fetch(args: &Downloaded) -> anyhow::Result<()> {
    let path = format!("/v1/customer_statements/{}", input::id(&args.id)?);
    let client = args.server.connect()?;
    let statement = client.get(&path).await?.json()?;
    let (holder, path) = match &args.correction {
        None => (&statement, path),
        Some(text) => {
            let correction = correction(&statement, text).ok_or_else(|| {
                not_found(format!(
                    "statement {} has no correction {text:?}; it has {}",
                    args.id,
                    corrections(&statement)
                ))
            })?;
            (correction, format!("{path}/corrections/{text}"))
        }
    };
    let files: Vec<&str> =
        holder["files"].as_array().into_iter().flatten().filter_map(|file| file.as_str()).collect();
    if let Some(missing) = args.file.iter().find(|name| !files.contains(&name.as_str())) {
        return Err(not_found(format!(
            "statement {} has no file {missing:?}; it has {}",
            args.id,
            files.join(", ")
        )));
    }
    let wanted: Vec<&str> = files
        .into_iter()
        .filter(|name| args.file.is_empty() || args.file.iter().any(|f| f == name))
        .collect();
    let url = |name: &str| format!("{path}/files/{}", segment(name));
    if args.folder == Path::new("-") {
        let [name] = wanted[..] else {
            return Err(wrong_input(format!(
                "--folder - writes one file: name it with --file; there are {}",
                wanted.join(", ")
            )));
        };
        return download::to_stdout(&client, &url(name)).await;
    }
    std::fs::create_dir_all(&args.folder)
        .with_context(|| format!("cannot make {}", args.folder.display()))?;
    for name in wanted {
        // A name is one of the server's, and is not trusted to stay in the folder.
        if Path::new(name).file_name().is_none_or(|last| last != name) {
            return Err(wrong_input(format!("the file name {name:?} would leave the folder")));
        }
        let file = args.folder.join(name);
        let bytes = download::to_file(&client, &url(name), &file).await?;
        println!("{}  {bytes} bytes", file.display());
    }
    Ok(())
}

/// The correction `2026-09/3` of a statement.
fn correction<'a>(statement: &'a Value, text: &str) -> Option<&'a Value> {
    let mut corrections = statement["corrections"].as_array().into_iter().flatten();
    corrections.find(|correction| named(correction) == text)
}

fn named(correction: &Value) -> String {
    format!("{}/{}", cells::text(&correction["billing_period"]), correction["version"])
}

fn corrections(statement: &Value) -> String {
    let names: Vec<String> = statement["corrections"].as_array().into_iter().flatten().map(named).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
