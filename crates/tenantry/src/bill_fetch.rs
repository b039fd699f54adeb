//! `tenantry admin bill fetch`

use crate::billing::BillingArgs;
use crate::partner::partner_named;
use crate::platform::Platform;
use crate::progress::FetchBar;
use anyhow::bail;
use app::Clock;
use app::billing::{FetchRequest, FetchWatch};
use clap::Args;
use domain::json::Json;
use serde_json::json;
use std::sync::Arc;

/// Fetch Microsoft's invoices of a month into the partner's sources, here and now, from the Partner Center that the partner is
/// connected to (`tenantry admin directory connect`). What is there in the same version is not fetched again. If it is interrupted, run
/// it again: it goes on where it stopped.
#[derive(Args)]
pub(crate) struct FetchArgs {
    /// The month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: String,
    /// One invoice of the month; by default all of them.
    #[arg(long, value_name = "ID", conflicts_with = "unbilled")]
    invoice_id: Option<String>,
    /// What Microsoft has on no invoice yet, of the current month or the one before, instead of invoices.
    #[arg(long)]
    unbilled: bool,
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// Print the fetch as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    billing: BillingArgs,
    #[command(flatten)]
    platform: Platform,
}

pub(crate) async fn run(args: FetchArgs) -> anyhow::Result<()> {
    let FetchArgs { period, invoice_id, unbilled, partner, json, billing, platform } = args;
    let mut body = json!({"billing_period": period, "unbilled": unbilled});
    if let Some(id) = invoice_id {
        body["invoice_id"] = id.into();
    }
    let request = FetchRequest::parse(&Json::from(&body))?;
    let app = Arc::new(platform.open(Clock::System).await?.with_billing(billing.setup(1)?)?);
    let partner = partner_named(&app, &partner).await?.id;
    let watch = Arc::new(FetchWatch::default());
    let bar = FetchBar::start(&watch);
    let interrupted = tokio::spawn({
        let watch = Arc::clone(&watch);
        async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                watch.cancel();
            }
        }
    });
    let fetched = app.fetch_invoices(partner, request, &watch).await;
    interrupted.abort();
    bar.end();
    app.close().await;
    let fetch = fetched?;
    let error = fetch.error.clone();
    if json {
        println!("{:#}", serde_json::to_value(api::InvoiceFetch::from(fetch))?);
    } else {
        fetch.sources.iter().for_each(|source| println!("{source}"));
    }
    match error {
        None => Ok(()),
        Some(error) => bail!("{}", error.message),
    }
}
