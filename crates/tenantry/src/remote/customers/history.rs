//! `tenantry customers history`

use crate::remote::args::ServerArgs;
use crate::remote::exit::examples;
use crate::remote::input;
use crate::remote::show::{Printer, View};
use crate::remote::{args::OutputArgs, customers::path};
use clap::Args;

/// Show a customer's margin, billing configuration and tenants by day.
#[derive(Args)]
#[command(after_help = examples!("tenantry customers history 3947", "tenantry customers history 3947 --json"))]
pub(crate) struct History {
    /// The customer's id.
    id: String,
    /// Print JSON: everything that the server tells.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

static TERMS: View = View {
    noun: "terms",
    table: &[
        ("FROM", "effective_from"),
        ("UNTIL", "effective_until"),
        ("MARGIN", "margin_percentage"),
        ("BILLED", "partner_billing_configuration.enabled"),
        ("FOLDER", "partner_billing_configuration.folder"),
    ],
    fields: &[],
};

static TENANTS: View = View {
    noun: "tenants",
    table: &[("TENANT", "azure_customer_id"), ("FROM", "effective_from"), ("UNTIL", "effective_until")],
    fields: &[],
};

pub(crate) async fn show(args: &History) -> anyhow::Result<()> {
    let path = format!("{}/history", path(input::id(&args.id)?));
    let history = args.server.connect()?.get(&path).await?.json()?;
    if args.json {
        println!("{history:#}");
        return Ok(());
    }
    for (i, (field, view)) in [("terms", &TERMS), ("assignments", &TENANTS)].into_iter().enumerate() {
        let list = history[field].as_array().cloned().unwrap_or_default();
        if i > 0 && !list.is_empty() {
            println!();
        }
        let mut printer = Printer::new(&OutputArgs::default(), view)?;
        printer.print(&list);
        printer.end();
    }
    Ok(())
}
