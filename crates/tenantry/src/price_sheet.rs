//! `tenantry admin price-sheet …`

use crate::bill::source;
use crate::billing::BillingArgs;
use crate::partner::partner_named;
use crate::platform::Platform;
use app::billing::PriceSheetRequest;
use app::{Call, Clock};
use clap::{Args, Subcommand};
use domain::json::Json;
use rating::BillingPeriod;
use serde_json::{Value, json};

/// Import Microsoft's price sheets, and list them. List prices of licences are from the month's sheet.
#[derive(Subcommand)]
pub(crate) enum PriceSheetCommand {
    Import(Box<ImportArgs>),
    List(Box<ListArgs>),
}

/// Import the price sheet of a month, in the place of the one that the month had. Runs that begin from then on go by it.
#[derive(Args)]
pub(crate) struct ImportArgs {
    /// Its files: paths, `s3://bucket/key` or `az://container/key`; CSV, plain, .gz or .zip.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// The month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    month: BillingPeriod,
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    billing: BillingArgs,
    #[command(flatten)]
    platform: Platform,
}

/// List the price sheets, the newest month first.
#[derive(Args)]
pub(crate) struct ListArgs {
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

pub(crate) async fn run(command: PriceSheetCommand) -> anyhow::Result<()> {
    match command {
        PriceSheetCommand::Import(args) => import(*args).await,
        PriceSheetCommand::List(args) => list(*args).await,
    }
}

async fn import(args: ImportArgs) -> anyhow::Result<()> {
    let ImportArgs { files, month, partner, json, billing, platform } = args;
    let sources = files.iter().map(|file| source(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let body = json!({"billing_period": month.to_string(), "sources": sources});
    let request = PriceSheetRequest::parse(&Json::from(&body))?;
    let app = platform.open(Clock::System).await?.with_billing(billing.setup(1)?)?;
    let partner = partner_named(&app, &partner).await?;
    let write = api::body::<api::PriceSheet, _>;
    let imported = app.import_price_sheet_here(partner.id, request, write).await;
    app.close().await;
    let sheet: Value = serde_json::from_str(&imported?.json)?;
    if json {
        println!("{sheet:#}");
    } else {
        print(&sheet);
    }
    Ok(())
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let ListArgs { partner, json, platform } = args;
    let app = platform.open(Clock::System).await?;
    let call = Call::of_operator(partner_named(&app, &partner).await?.id, "price-sheet list");
    let sheets = app.price_sheets(&call).await;
    app.close().await;
    let sheets = serde_json::to_value(api::PriceSheetList::from(sheets?))?;
    if json {
        println!("{sheets:#}");
    } else {
        sheets["price_sheets"].as_array().into_iter().flatten().for_each(print);
    }
    Ok(())
}

fn print(sheet: &Value) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let month = text(&sheet["billing_period"]);
    for file in sheet["files"].as_array().into_iter().flatten() {
        let rows = match file["rows"].as_u64() {
            Some(1) => "1 price".to_owned(),
            rows => format!("{} prices", rows.unwrap_or_default()),
        };
        println!("{month}  {rows:>16}  imported {}  {}", text(&sheet["imported_at"]), text(&file["file"]));
    }
}
