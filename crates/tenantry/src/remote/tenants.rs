//! `tenantry tenants …`

use super::args::{ListArgs, OutputArgs, ServerArgs};
use super::exit::{examples, wrong_input};
use super::query::{PER_PAGE, Query};
use super::show::{self, View};
use super::{cells, input};
use clap::{Args, Subcommand};
use client::Request;
use http::Method;
use serde_json::{Value, json};

/// List the Azure tenants of the directory, and assign them to customers.
#[derive(Subcommand)]
pub(crate) enum TenantsCommand {
    List(Listed),
    Get(Got),
    Directory(Directory),
    Assignments(Assignments),
    Assign(Assigned),
    Unassign(Unassigned),
}

/// List the Azure tenants that the directory knows, all pages of them.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry tenants list --unassigned",
    "tenantry tenants list --q acme --format '{azure_customer_id}\\t{name}'",
))]
pub(crate) struct Listed {
    /// Part of the name.
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    /// Only those that are assigned to a customer.
    #[arg(long, conflicts_with = "unassigned")]
    assigned: bool,
    /// Only those that are assigned to no customer.
    #[arg(long)]
    unassigned: bool,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Show an Azure tenant of the directory.
#[derive(Args)]
#[command(after_help = examples!("tenantry tenants get 12"))]
pub(crate) struct Got {
    /// Its id here, as `tenantry tenants list` shows it.
    id: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Show where the tenants are looked up, and whether that works.
#[derive(Args)]
#[command(after_help = examples!("tenantry tenants directory", "tenantry tenants directory --format '{synced_at}'"))]
pub(crate) struct Directory {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// List which Azure tenants are assigned to which customers, or to one.
#[derive(Args)]
#[command(after_help = examples!("tenantry tenants assignments", "tenantry tenants assignments 3947"))]
pub(crate) struct Assignments {
    /// The customer's id.
    customer: Option<String>,
    /// As they were, or will be, on this day.
    #[arg(long, value_name = "DAY")]
    at: Option<String>,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Assign Azure tenants to a customer: all of them, or none if one cannot be.
#[derive(Args)]
#[command(after_help = examples!("tenantry tenants assign 3947 34fdg 35abc", "tenantry tenants assign 3947 34fdg --from 2026-11-01 --dry-run"))]
pub(crate) struct Assigned {
    #[command(flatten)]
    which: Which,
}

/// Take Azure tenants away from a customer.
#[derive(Args)]
#[command(after_help = examples!("tenantry tenants unassign 3947 34fdg"))]
pub(crate) struct Unassigned {
    #[command(flatten)]
    which: Which,
}

#[derive(Args)]
pub(crate) struct Which {
    /// The customer's id.
    customer: String,
    /// The Azure tenants.
    #[arg(required = true, value_name = "TENANT")]
    tenants: Vec<String>,
    /// The day from which this holds, such as 2026-11-01; by default today.
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

static TENANTS: View = View {
    noun: "Azure tenants",
    table: &[
        ("ID", "id"),
        ("TENANT", "azure_customer_id"),
        ("NAME", "name"),
        ("DOMAIN", "domain"),
        ("CUSTOMER", "customer_id"),
        ("MISSING SINCE", "missing_since"),
    ],
    fields: &[
        "id",
        "azure_customer_id",
        "name",
        "domain",
        "customer_id",
        "address.street1",
        "address.street2",
        "address.city",
        "address.state",
        "address.zipcode",
        "address.country",
        "missing_since",
        "created_at",
        "updated_at",
    ],
};

static ASSIGNMENTS: View = View {
    noun: "assignments",
    table: &[
        ("CUSTOMER", "customer_tenant_name"),
        ("TENANT", "azure_partner_customer_account.azure_customer_id"),
        ("NAME", "azure_partner_customer_account.name"),
        ("DOMAIN", "azure_partner_customer_account.domain"),
    ],
    fields: &[
        "customer_tenant_name",
        "azure_partner_customer_account.azure_customer_id",
        "azure_partner_customer_account.name",
        "azure_partner_customer_account.domain",
        "azure_partner_customer_account.created_at",
        "azure_partner_customer_account.updated_at",
    ],
};

static DIRECTORY: View = View {
    noun: "directories",
    table: &[],
    fields: &[
        "kind",
        "tenant_id",
        "client_id",
        "walking",
        "synced_at",
        "list_cut_off",
        "failure.code",
        "failure.message",
    ],
};

const ACCOUNTS: &str = "azure_partner_customer_accounts";

pub(crate) async fn run(command: TenantsCommand) -> anyhow::Result<()> {
    match command {
        TenantsCommand::List(args) => {
            let assigned = (args.assigned || args.unassigned).then_some(args.assigned);
            let path = Query::new("/v1/azure_partner_customers").with("per_page", PER_PAGE);
            let path = path.maybe("q", args.q).maybe("assigned", assigned).done();
            let client = args.server.connect()?;
            show::list(client.pages(&path, "azure_partner_customers"), &args.output, &args.list, &TENANTS)
                .await
        }
        TenantsCommand::Get(args) => {
            let path = format!("/v1/azure_partner_customers/{}", input::id(&args.id)?);
            show::one(&args.server.connect()?.get(&path).await?.json()?, &args.output, &TENANTS)
        }
        TenantsCommand::Directory(args) => {
            show::one(&args.server.connect()?.get("/v1/directory").await?.json()?, &args.output, &DIRECTORY)
        }
        TenantsCommand::Assignments(args) => {
            let below = args.customer.map(|id| anyhow::Ok(format!("/{}", input::id(&id)?))).transpose()?;
            let path = format!("/v1/{ACCOUNTS}/list{}", below.unwrap_or_default());
            let path = Query::new(path).with("per_page", PER_PAGE).maybe("at", args.at).done();
            let client = args.server.connect()?;
            show::list(client.pages(&path, ACCOUNTS), &args.output, &args.list, &ASSIGNMENTS).await
        }
        TenantsCommand::Assign(Assigned { which }) => which.change("add", "assign", "to").await,
        TenantsCommand::Unassign(Unassigned { which }) => which.change("remove", "take away", "from").await,
    }
}

impl Which {
    async fn change(self, operation: &str, verb: &str, side: &str) -> anyhow::Result<()> {
        let id = input::id(&self.customer)?;
        if self.dry_run {
            let from = self.from.map(|day| format!(" from {day} on")).unwrap_or_default();
            println!("would {verb} {} {side} customer {id}{from}", self.tenants.join(", "));
            return Ok(());
        }
        let mut body = json!({"azure_customer_ids": self.tenants});
        if let Some(day) = self.from {
            body["effective_from"] = day.into();
        }
        let request = Request::json(Method::PUT, format!("/v1/{ACCOUNTS}/{operation}/{id}"), &body);
        let outcome = self.server.connect()?.send(&request).await?.json()?;
        let (refused, done): (Vec<Value>, Vec<Value>) = outcome[ACCOUNTS]
            .as_array()
            .into_iter()
            .flatten()
            .cloned()
            .partition(|outcome| outcome["http_status"].as_i64().is_some_and(|status| status >= 400));
        if refused.is_empty() {
            let mut printer = show::Printer::new(&self.output, &ASSIGNMENTS)?;
            printer.print(&done);
            printer.end();
            return Ok(());
        }
        let why = refused.iter().map(|refused| {
            let text = |field: &str| cells::for_terminal(&cells::text(&refused[field])).into_owned();
            format!("{}: {}", text("azure_customer_id"), text("error"))
        });
        Err(wrong_input(format!("nothing was changed\n  {}", why.collect::<Vec<_>>().join("\n  "))))
    }
}
