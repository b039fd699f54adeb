//! `tenantry customers …`

mod export;
mod fields;
mod history;
mod import;

use super::args::{ListArgs, OutputArgs, ServerArgs};
use super::exit::{examples, wrong_input};
use super::query::{PER_PAGE, Query};
use super::show::{self, View};
use super::{cells, input};
use clap::{Args, Subcommand, ValueEnum};
use client::{Client, Request};
use fields::{Clear, Fields};
use http::{Method, header};
use serde_json::{Value, json};

/// List, read, create, change and delete customers, one by one or from a file.
#[derive(Subcommand)]
pub(crate) enum CustomersCommand {
    List(Box<Listed>),
    Get(Got),
    History(history::History),
    Create(Box<Created>),
    Update(Box<Updated>),
    Delete(Deleted),
    Import(Box<import::Import>),
    Export(Box<export::Export>),
}

/// List customers, all pages of them, in the order of their ids.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry customers list",
    "tenantry customers list --q acme --tag region=emea",
    "tenantry customers list --trial expired --format '{id} {name}'",
    "tenantry customers list --csv > customers.csv",
))]
pub(crate) struct Listed {
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which customers.
#[derive(Args, Clone)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filter {
    /// Part of the name.
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    /// Only with this classification.
    #[arg(long, value_name = "NAME")]
    classification: Option<String>,
    /// Only with this tag; repeat it for customers that have all of several.
    #[arg(long, value_name = "KEY[=VALUE]")]
    tag: Vec<String>,
    /// Only with such a trial.
    #[arg(long, value_enum)]
    trial: Option<Trial>,
    /// Only the one that has this Azure tenant.
    #[arg(long, value_name = "TENANT")]
    azure_customer_id: Option<String>,
    /// Only with, or without, bills.
    #[arg(long, value_name = "true|false")]
    partner_billing: Option<bool>,
    /// Only changed at this time (ISO 8601) or later.
    #[arg(long, value_name = "TIME")]
    updated_since: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Trial {
    Active,
    Expired,
    None,
}

impl Filter {
    pub(crate) fn path(&self) -> String {
        let mut query = Query::new("/v2/customers").with("per_page", PER_PAGE);
        for tag in &self.tag {
            // The API divides key and value by a colon; here they are written as everywhere on the command line.
            query = query.with("tag", tag.replacen('=', ":", 1));
        }
        let trial = self.trial.map(|trial| match trial {
            Trial::Active => "active",
            Trial::Expired => "expired",
            Trial::None => "none",
        });
        query
            .maybe("q", self.q.as_ref())
            .maybe("classification", self.classification.as_ref())
            .maybe("trial", trial)
            .maybe("azure_customer_id", self.azure_customer_id.as_ref())
            .maybe("partner_billing", self.partner_billing)
            .maybe("updated_since", self.updated_since.as_ref())
            .done()
    }
}

/// Show a customer.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry customers get 3947",
    "tenantry customers get 3947 --json",
    "tenantry customers get 3947 --at 2026-11-01 --format '{margin_percentage}'",
    "tenantry customers list --tag region=emea --format '{id}' | tenantry customers get - --csv",
))]
pub(crate) struct Got {
    /// The customers' ids; - reads them from standard input.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// With the margin and the billing configuration of this day, such as 2026-11-01.
    #[arg(long, value_name = "DAY")]
    at: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Create a customer, with either an address or an Azure tenant whose address the directory knows.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry customers create --name 'Acme Corp' --azure-customer-id 34fdg",
    "tenantry customers create --name 'Acme Corp' --street1 '1 Main St' --city Springfield \\",
    "    --state MA --zipcode 01234 --country US --tag region=us",
    "tenantry customers create --file customer.json --dry-run",
    "jq '{name, address}' old.json | tenantry customers create --file -",
))]
pub(crate) struct Created {
    /// Check what can be checked here, show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Change a customer: only what is named changes.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry customers update 3947 --classification managed_with_access",
    "tenantry customers update 3947 --city Boston --zipcode 02108 --dry-run",
    "tenantry customers update 3947 --margin-percentage 15 --effective-from 2026-12-01",
    "tenantry customers update 3947 --clear trial_expiration_date",
))]
pub(crate) struct Updated {
    /// The customer's id.
    id: String,
    /// Take a value away; repeat it for others.
    #[arg(long, value_enum, value_name = "FIELD")]
    clear: Vec<Clear>,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Delete customers and their users. Statements and bills stay; an id is never used again.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry customers delete 3947",
    "tenantry customers list --tag test --format '{id}' | tenantry customers delete - --dry-run",
))]
pub(crate) struct Deleted {
    /// The customers' ids; - reads them from standard input.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Delete also customers with statements, or with corrections that are on no statement yet.
    #[arg(long)]
    force: bool,
    /// Show what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) static VIEW: View = View {
    noun: "customers",
    table: &[
        ("ID", "id"),
        ("NAME", "name"),
        ("TENANT", "azure_customer_id"),
        ("CITY", "address.city"),
        ("COUNTRY", "address.country"),
        ("MANAGED", "classification"),
        ("TRIAL UNTIL", "trial_expiration_date"),
        ("TAGS", "tags"),
    ],
    fields: &[
        "id",
        "generated_external_id",
        "name",
        "azure_customer_id",
        "address.street1",
        "address.street2",
        "address.city",
        "address.state",
        "address.zipcode",
        "address.country",
        "classification",
        "trial_expiration_date",
        "billing_contact",
        "margin_percentage",
        "partner_billing_configuration.enabled",
        "partner_billing_configuration.folder",
        "tags",
        "created_at",
        "updated_at",
    ],
};

pub(crate) async fn run(command: CustomersCommand) -> anyhow::Result<()> {
    match command {
        CustomersCommand::List(args) => {
            let client = args.server.connect()?;
            show::list(client.pages(&args.filter.path(), "customers"), &args.output, &args.list, &VIEW).await
        }
        CustomersCommand::Get(args) => get(&args).await,
        CustomersCommand::History(args) => history::show(&args).await,
        CustomersCommand::Create(args) => create(&args).await,
        CustomersCommand::Update(args) => update(&args).await,
        CustomersCommand::Delete(args) => delete(&args).await,
        CustomersCommand::Import(args) => import::run(*args).await,
        CustomersCommand::Export(args) => export::run(*args).await,
    }
}

pub(crate) fn path(id: i64) -> String {
    format!("/v2/customers/{id}")
}

/// A customer, and its version for `If-Match`.
pub(crate) async fn read(client: &Client, id: i64) -> anyhow::Result<(Value, Option<String>)> {
    let response = client.get(&path(id)).await?;
    Ok((response.json()?, response.header(header::ETAG).map(str::to_owned)))
}

async fn get(args: &Got) -> anyhow::Result<()> {
    let ids = input::ids(&args.ids)?;
    let client = args.server.connect()?;
    let read = async |id: i64| -> anyhow::Result<Value> {
        let path = Query::new(path(id)).maybe("at", args.at.as_ref()).done();
        Ok(client.get(&path).await?.json()?)
    };
    if let [id] = ids[..] {
        return show::one(&read(id).await?, &args.output, &VIEW);
    }
    let mut printer = show::Printer::new(&args.output, &VIEW)?;
    for id in ids {
        printer.print(&[read(id).await?]);
    }
    printer.end();
    Ok(())
}

async fn create(args: &Created) -> anyhow::Result<()> {
    let body = args.fields.body()?;
    if args.dry_run {
        fields::check(&body)?;
        println!("would create this customer; the server may know more that is wrong with it:");
        println!("{body:#}");
        return Ok(());
    }
    let client = args.server.connect()?;
    let key = app::Random::default().long_id()?;
    let created = client.send(&Request::json(Method::POST, "/v2/customers", &body).idempotent(&key)).await?;
    show::one(&created.json()?, &args.output, &VIEW)
}

async fn update(args: &Updated) -> anyhow::Result<()> {
    let id = input::id(&args.id)?;
    let mut body = args.fields.body()?;
    fields::clear(&mut body, &args.clear);
    if body.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(wrong_input(
            "nothing is named that is to change: see `tenantry customers update --help`",
        ));
    }
    let client = args.server.connect()?;
    let is_merged = fields::is_part_of_an_address(&body);
    let mut request_version = None;
    if is_merged || args.dry_run {
        let (current, version) = read(&client, id).await?;
        if is_merged {
            // The API replaces addresses whole, so the parts that are not named are those of this version.
            fields::complete_address(&mut body, &current);
            request_version = version;
        }
        if args.dry_run {
            print_changes(id, &current, &body);
            return Ok(());
        }
    }
    let mut request = Request::json(Method::PUT, path(id), &body);
    if let Some(version) = &request_version {
        request = request.header(header::IF_MATCH, version);
    }
    show::one(&client.send(&request).await?.json()?, &args.output, &VIEW)
}

/// Shows what a change would change.
fn print_changes(id: i64, current: &Value, body: &Value) {
    let changes = fields::changes(current, body);
    if changes.is_empty() {
        println!("customer {id} has these values already");
    }
    for (field, before, after) in changes {
        let shown = |value: &Value| match cells::text(value) {
            text if text.is_empty() => "(none)".to_owned(),
            text => cells::for_terminal(&text).into_owned(),
        };
        println!("would change {field}: {} → {}", shown(&before), shown(&after));
    }
}

async fn delete(args: &Deleted) -> anyhow::Result<()> {
    let ids = input::ids(&args.ids)?;
    let client = args.server.connect()?;
    for id in ids {
        let (customer, version) = read(&client, id).await?;
        let name = cells::for_terminal(&cells::text(&customer["name"])).into_owned();
        if args.dry_run {
            println!("would delete customer {id} ({name})");
        } else if input::confirmed(&format!("Delete customer {id} ({name}) and its users?"), args.yes)? {
            let force = if args.force { "?force=true" } else { "" };
            let mut request = Request::new(Method::DELETE, format!("{}{force}", path(id)));
            if let Some(version) = &version {
                request = request.header(header::IF_MATCH, version);
            }
            client.send(&request).await?;
            println!("customer {id} ({name}) is deleted");
        }
    }
    Ok(())
}

/// Tags from `KEY=VALUE` and `KEY`.
pub(crate) fn tag(text: &str) -> Value {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    json!({"key": key.trim(), "value": value.trim()})
}
