//! `tenantry tags …`

use super::args::{OutputArgs, ServerArgs};
use super::customers::{path, read, tag};
use super::exit::{examples, wrong_input};
use super::input;
use super::query::{PER_PAGE, Query};
use super::show::{self, View};
use clap::{Args, Subcommand};
use client::{Client, Error, Request};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How often a change is tried again if somebody else changes the same customer.
const ATTEMPTS: u32 = 5;

/// List and change customers' tags, one by one.
#[derive(Subcommand)]
pub(crate) enum TagsCommand {
    List(Listed),
    Set(Set),
    Remove(Removed),
}

/// List a customer's tags; without a customer, all that are in use, and how many customers have each.
#[derive(Args)]
#[command(after_help = examples!("tenantry tags list 3947", "tenantry tags list --csv"))]
pub(crate) struct Listed {
    /// The customer's id.
    customer: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Give a customer tags, or give those that it has other values. Its other tags stay.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry tags set 3947 region=emea vip",
    "tenantry tags set 3947 region=emea --dry-run",
))]
pub(crate) struct Set {
    /// The customer's id.
    customer: String,
    /// The tags.
    #[arg(required = true, value_name = "KEY[=VALUE]")]
    tags: Vec<String>,
    #[command(flatten)]
    change: Change,
}

/// Take tags away from a customer. Its other tags stay.
#[derive(Args)]
#[command(after_help = examples!("tenantry tags remove 3947 region vip"))]
pub(crate) struct Removed {
    /// The customer's id.
    customer: String,
    /// The tags' keys.
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
pub(crate) struct Change {
    /// Show the tags as they would be, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

static OF_CUSTOMER: View =
    View { noun: "tags", table: &[("KEY", "key"), ("VALUE", "value")], fields: &["key", "value"] };

static IN_USE: View = View {
    noun: "tags",
    table: &[("KEY", "key"), ("VALUE", "value"), ("CUSTOMERS", "customers")],
    fields: &["key", "value", "customers"],
};

pub(crate) async fn run(command: TagsCommand) -> anyhow::Result<()> {
    match command {
        TagsCommand::List(args) => list(&args).await,
        TagsCommand::Set(args) => {
            let set = |tags: &mut Vec<Value>| {
                for given in args.tags.iter().map(|text| tag(text)) {
                    match tags.iter_mut().find(|tag| tag["key"] == given["key"]) {
                        Some(tag) => *tag = given,
                        None => tags.push(given),
                    }
                }
                Ok(())
            };
            change(&args.customer, &args.change, set).await
        }
        TagsCommand::Remove(args) => {
            let remove = |tags: &mut Vec<Value>| {
                for key in &args.keys {
                    let before = tags.len();
                    tags.retain(|tag| tag["key"] != key.as_str());
                    if tags.len() == before {
                        return Err(wrong_input(format!("customer {} has no tag {key:?}", args.customer)));
                    }
                }
                Ok(())
            };
            change(&args.customer, &args.change, remove).await
        }
    }
}

async fn list(args: &Listed) -> anyhow::Result<()> {
    let client = args.server.connect()?;
    let (tags, view) = match &args.customer {
        Some(customer) => (tags_of(&read(&client, input::id(customer)?).await?.0), &OF_CUSTOMER),
        None => (in_use(&client).await?, &IN_USE),
    };
    let mut printer = show::Printer::new(&args.output, view)?;
    printer.print(&tags);
    printer.end();
    Ok(())
}

fn tags_of(customer: &Value) -> Vec<Value> {
    customer["tags"].as_array().cloned().unwrap_or_default()
}

/// All tags of all customers, counted.
async fn in_use(client: &Client) -> anyhow::Result<Vec<Value>> {
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut pages = client.pages(&Query::new("/v2/customers").with("per_page", PER_PAGE).done(), "customers");
    while let Some(page) = pages.next().await? {
        for tag in page.iter().flat_map(tags_of) {
            let text = |field: &str| tag[field].as_str().unwrap_or_default().to_owned();
            *counts.entry((text("key"), text("value"))).or_default() += 1;
        }
    }
    let tags = counts.into_iter();
    Ok(tags
        .map(|((key, value), customers)| json!({"key": key, "value": value, "customers": customers}))
        .collect())
}

/// Changes a customer's tags. A change of somebody else in between is not overwritten: the change is made again.
async fn change(
    customer: &str,
    args: &Change,
    change: impl Fn(&mut Vec<Value>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let id = input::id(customer)?;
    let client = args.server.connect()?;
    let mut attempt = 0;
    let tags = loop {
        let (customer, version) = read(&client, id).await?;
        let mut tags = tags_of(&customer);
        change(&mut tags)?;
        if args.dry_run {
            break tags;
        }
        let request = Request::json(Method::PUT, path(id), &json!({ "tags": tags }));
        let request = request.header(header::IF_MATCH, version.as_deref().unwrap_or("*"));
        attempt += 1;
        match client.send(&request).await {
            Ok(changed) => break tags_of(&changed.json()?),
            Err(Error::Refused(problem))
                if problem.status == StatusCode::PRECONDITION_FAILED && attempt < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    };
    let mut printer = show::Printer::new(&args.output, &OF_CUSTOMER)?;
    printer.print(&tags);
    printer.end();
    Ok(())
}
