//! `tenantry migrate cloudhealth`: brings the customers of a CloudHealth partner account into the database, with their ids.
//!
//! It works on the database and not over HTTP, because no caller of the API may choose an id.

mod statements;

use crate::partner::partner_named;
use crate::platform::Platform;
use crate::progress::RowBar;
use crate::remote::args::{base_url, client};
use crate::remote::cells::for_terminal;
use crate::remote::session::ask_for_key;
use anyhow::{Context, bail};
use app::migrate::{ForeignCustomer, Migrated, without_quirks};
use app::{App, Call, Clock};
use clap::{Args, Subcommand};
use client::{Client, Patience};
use futures_util::StreamExt;
use http::StatusCode;
use serde_json::Value;
use statements::keep_statements;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

const KEY: &str = "CLOUDHEALTH_API_KEY";
/// The largest page that CloudHealth gives.
const PER_PAGE: usize = 100;
/// Requests under way at a time: CloudHealth answers 429 to more.
const CONCURRENCY: usize = 4;
const PATIENCE: Duration = Duration::from_secs(300);
/// The most pages that a list is believed to have.
const MAX_PAGES: usize = 100_000;

/// Move from another platform.
#[derive(Subcommand)]
pub(crate) enum MigrateCommand {
    Cloudhealth(Box<CloudhealthArgs>),
}

/// Bring the customers of a CloudHealth partner account over by its own API, with their ids.
///
/// Customers that are here already are left as they are, so it may be repeated, and go on where it was interrupted. At the end
/// every customer is compared field by field. What our rules refuse, such as an address without a ZIP code, is kept as it is and
/// remarked on, here and in the audit trail. Statements come over as history: they are listed with those that are made here, and
/// no bill run changes them. A customer that was deleted here after it had come over stays deleted.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tenantry migrate cloudhealth --from https://chapi.cloudhealthtech.com --dry-run
  tenantry migrate cloudhealth --from https://chapi.cloudhealthtech.com --partner Contoso --statements statements.jsonl
  tenantry migrate cloudhealth --from https://chapi.cloudhealthtech.com --bring-back 3947

The key of the CloudHealth account is asked for, read from standard input, or taken from CLOUDHEALTH_API_KEY.")]
pub(crate) struct CloudhealthArgs {
    /// The URL of CloudHealth's API.
    #[arg(long, value_name = "URL")]
    from: String,
    /// The partner whose customers they become.
    #[arg(long, value_name = "NAME", default_value = "default")]
    partner: String,
    /// Show what would be brought over and what differs, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Keep CloudHealth's statements in this file too, as it answers them, one JSON object on each line.
    #[arg(long, value_name = "FILE")]
    statements: Option<PathBuf>,
    /// Leave the statements where they are.
    #[arg(long, conflicts_with = "statements")]
    without_statements: bool,
    /// Bring this customer over although it was deleted here since; repeat it for others.
    #[arg(long, value_name = "ID")]
    bring_back: Vec<i64>,
    /// Trust the certificate authorities in this PEM file too.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    platform: Platform,
}

pub(crate) async fn run(command: MigrateCommand) -> anyhow::Result<()> {
    let MigrateCommand::Cloudhealth(args) = command;
    let base = base_url(&args.from)?;
    let key = match std::env::var(KEY) {
        Ok(key) if !key.trim().is_empty() => key.trim().to_owned().into(),
        _ => ask_for_key(&base.to_string())?,
    };
    let patience = Patience { busy: PATIENCE, unreachable: PATIENCE };
    let source = client(base, &key, args.ca_file.clone(), patience)?;
    let app = args.platform.open(Clock::System).await?;
    let migrated = migrate(&source, &app, &args).await;
    app.close().await;
    migrated
}

async fn migrate(source: &Client, app: &App, args: &CloudhealthArgs) -> anyhow::Result<()> {
    let partner = partner_named(app, &args.partner).await?;
    let call = Call::of_operator(partner.id, "migrate cloudhealth");
    eprintln!("reading the customers of {}", source.base());
    let (customers, mut told) = read_customers(source).await?;
    if let Some(file) = &args.statements {
        let count = keep_statements(source, file).await?;
        eprintln!("{}: {count} statements", file.display());
    }
    let bar = RowBar::new(customers.len() as u64);
    let mut deleted = BTreeSet::new();
    for customer in &customers {
        let name = named(customer);
        for remark in &customer.remarks {
            bar.say(&for_terminal(&format!("{name} is kept as it is: {remark}")));
        }
        let is_wanted_again = args.bring_back.contains(&customer.id.0);
        let outcome = match args.dry_run {
            true => app.compare_customer(&call, customer.clone(), is_wanted_again).await,
            false => app.migrate_customer(&call, customer.clone(), is_wanted_again).await,
        };
        match outcome.with_context(|| name.clone())? {
            Migrated::Created => told.created += 1,
            Migrated::There(differences) if differences.is_empty() => told.there += 1,
            Migrated::There(differences) => {
                told.different += 1;
                for difference in differences {
                    bar.say(&for_terminal(&format!("{name} is here already and differs: {difference}")));
                }
            }
            Migrated::Deleted => {
                deleted.insert(customer.id);
                let id = customer.id;
                let why =
                    format!("was deleted here, and stays deleted; --bring-back {id} brings it over again");
                bar.say(&for_terminal(&format!("{name} {why}")));
            }
            Migrated::Refused(why) => told.refuse(&bar, &name, &why),
        }
        bar.step();
    }
    bar.end();
    let verb = if args.dry_run { "would be brought over" } else { "brought over" };
    let stay = if deleted.is_empty() { String::new() } else { format!(", {} deleted here", deleted.len()) };
    println!(
        "{} customers: {} {verb}, {} here already, {} here and different, {} refused{stay}",
        customers.len() + told.unreadable,
        told.created,
        told.there,
        told.different,
        told.refused + told.unreadable
    );
    let remaining: Vec<&ForeignCustomer> =
        customers.iter().filter(|customer| !deleted.contains(&customer.id)).collect();
    let refused = match args.without_statements {
        true => 0,
        false => statements::migrate(source, app, &call, &remaining, args.dry_run).await?,
    };
    if !args.dry_run {
        verify(app, &call, &remaining, told.different + told.refused).await?;
    }
    match (told.different + told.refused + told.unreadable, refused) {
        (0, 0) => Ok(()),
        (0, 1) => bail!("1 statement is not here as it is there"),
        (0, count) => bail!("{count} statements are not here as they are there"),
        (1, _) => bail!("1 customer is not here as it is there"),
        (count, _) => bail!("{count} customers are not here as they are there"),
    }
}

fn named(customer: &ForeignCustomer) -> String {
    format!("customer {} ({})", customer.id, customer.details.name.as_str())
}

/// How many customers there are of each kind.
#[derive(Default)]
struct Told {
    created: usize,
    there: usize,
    different: usize,
    refused: usize,
    unreadable: usize,
}

impl Told {
    fn refuse(&mut self, bar: &RowBar, name: &str, why: &str) {
        self.refused += 1;
        bar.say(&for_terminal(&format!("{name} cannot be brought over: {why}")));
    }
}

/// Compares every customer field by field with what is stored now. `known`: how many were told to differ.
async fn verify(app: &App, call: &Call, customers: &[&ForeignCustomer], known: usize) -> anyhow::Result<()> {
    let (mut same, mut wrong) = (0, 0);
    for customer in customers {
        match app.compare_customer(call, (*customer).clone(), false).await? {
            Migrated::There(differences) if differences.is_empty() => same += 1,
            _ => wrong += 1,
        }
    }
    println!("verified: {same} customers are equal in every field");
    if wrong > known {
        bail!(
            "{} customers are not as they were brought over: was something else changing them?",
            wrong - known
        );
    }
    Ok(())
}

/// All customers with their assigned tenants; those that cannot be read are told.
async fn read_customers(source: &Client) -> anyhow::Result<(Vec<ForeignCustomer>, Told)> {
    let (mut customers, mut told) = (Vec::new(), Told::default());
    // A customer that moves to another page while the list is read is in it twice, and counts once.
    let by_id: BTreeMap<i64, Value> = walk(source, "/v1/customers", "customers")
        .await?
        .into_iter()
        .map(|answer| (answer["id"].as_i64().unwrap_or_default(), answer))
        .collect();
    for (id, answer) in by_id {
        match ForeignCustomer::read(&answer) {
            Ok(customer) => customers.push(customer),
            Err(why) => {
                told.unreadable += 1;
                let name = format!("customer {id} ({})", answer["name"].as_str().unwrap_or_default());
                eprintln!("{}", for_terminal(&format!("{name} cannot be brought over: {}", why.join("; "))));
            }
        }
    }
    let assigned = futures_util::stream::iter(customers).map(|mut customer| async {
        for account in assignments(source, customer.id.0).await? {
            if let Err(why) = customer.assign(&account["azure_partner_customer_account"]) {
                customer.remarks.push(format!("an assigned tenant is left out: {why}"));
            }
        }
        anyhow::Ok(customer)
    });
    let assigned: Vec<anyhow::Result<ForeignCustomer>> = assigned.buffered(CONCURRENCY).collect().await;
    Ok((assigned.into_iter().collect::<anyhow::Result<_>>()?, told))
}

/// The tenants of a customer. An account that has nothing to do with Azure does not know the path.
async fn assignments(source: &Client, id: i64) -> anyhow::Result<Vec<Value>> {
    const ACCOUNTS: &str = "azure_partner_customer_accounts";
    match walk(source, &format!("/v1/{ACCOUNTS}/list/{id}"), ACCOUNTS).await {
        Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => Ok(Vec::new()),
        walked => walked,
    }
}

fn status(error: &anyhow::Error) -> Option<StatusCode> {
    error.downcast_ref::<client::Error>().and_then(client::Error::status)
}

/// A whole list. Pages may be cut short; a list without `Link` ends at its first empty page.
async fn walk(source: &Client, path: &str, list: &str) -> anyhow::Result<Vec<Value>> {
    let (mut entries, mut page) = (Vec::new(), 1);
    let joint = if path.contains('?') { '&' } else { '?' };
    let mut next = format!("{path}{joint}per_page={PER_PAGE}&page={page}");
    loop {
        let response = source.get(&next).await?;
        let mut body = without_quirks(response.json()?);
        let Some(Value::Array(found)) = body.get_mut(list).map(Value::take) else {
            bail!(
                "{} does not answer as CloudHealth does: there is no list {list:?} at {next}",
                source.base()
            );
        };
        let is_empty = found.is_empty();
        entries.extend(found);
        page += 1;
        next = match source.next_page(&response) {
            Some(linked) if linked == next => bail!("the page {next} leads to itself"),
            Some(linked) => linked,
            None if response.header("link").is_some() || is_empty => return Ok(entries),
            None => format!("{path}{joint}per_page={PER_PAGE}&page={page}"),
        };
        if page > MAX_PAGES {
            bail!("the list at {path} does not end");
        }
    }
}
