//! CloudHealth's statements: as history in the database, and as they are in a file.

use super::{CONCURRENCY, named, status, walk};
use crate::progress::RowBar;
use crate::remote::cells::for_terminal;
use anyhow::{Context, bail};
use app::migrate::{ForeignCustomer, ForeignStatement, MigratedStatements};
use app::{App, Call};
use client::Client;
use futures_util::StreamExt;
use http::StatusCode;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

const PATH: &str = "/v1/customer_statements";
const LIST: &str = "billing_artifacts";

/// Brings the statements of these customers over, and reads them back. Returns how many are not here.
///
/// They are asked for customer by customer, because CloudHealth's answers need not say whose a statement is.
pub(super) async fn migrate(
    source: &Client,
    app: &App,
    call: &Call,
    customers: &[&ForeignCustomer],
    is_dry_run: bool,
) -> anyhow::Result<usize> {
    let url = source.base().to_string();
    let bar = RowBar::new(customers.len() as u64);
    let mut read = futures_util::stream::iter(customers.iter().copied())
        .map(|customer| async move { (customer, of_customer(source, customer.id.0).await) })
        .buffered(CONCURRENCY);
    let (mut told, mut all, mut equal) = (MigratedStatements::default(), 0, 0);
    let mut owners: HashMap<String, i64> = HashMap::new();
    while let Some((customer, answers)) = read.next().await {
        let (name, answers) = (named(customer), answers?);
        all += answers.len();
        let mut statements = Vec::new();
        for answer in answers {
            let id = answer["id"].to_string();
            let owner = *owners.entry(id.clone()).or_insert(customer.id.0);
            if !answer["id"].is_null() && owner != customer.id.0 {
                bail!(
                    "{url} has statement {id} for customer {owner} and for customer {}: whose it is, is unknown. \
                     --without-statements leaves them out",
                    customer.id
                );
            }
            match ForeignStatement::read(&answer, customer.id, &url) {
                // One that moves to another page while the list is read is in it twice.
                Ok(statement) if statements.contains(&statement) => all -= 1,
                Ok(statement) => statements.push(statement),
                Err(why) => {
                    told.refused += 1;
                    bar.say(&for_terminal(&format!(
                        "statement {id} of {name} cannot be brought over: {why}"
                    )));
                }
            }
        }
        // Of two that cannot be told apart, neither would be the right one.
        let keys: HashMap<String, usize> = statements.iter().fold(HashMap::new(), |mut keys, statement| {
            *keys.entry(statement.key().to_owned()).or_default() += 1;
            keys
        });
        statements.retain(|statement| keys[statement.key()] == 1);
        for (key, count) in keys.into_iter().filter(|(_, count)| *count > 1) {
            told.refused += count;
            let why = format!("{count} statements of {name} cannot be told apart, and stay there: {key}");
            bar.say(&for_terminal(&why));
        }
        if !statements.is_empty() {
            let outcome = match is_dry_run {
                true => app.compare_statements(call, customer, statements.clone()).await,
                false => app.migrate_statements(call, customer, statements.clone()).await,
            };
            let outcome = outcome.with_context(|| format!("the statements of {name}"))?;
            if outcome.refused > 0 {
                bar.say(&for_terminal(&format!(
                    "{} statements are left out, because {name} is not here",
                    outcome.refused
                )));
            }
            told.created += outcome.created;
            told.updated += outcome.updated;
            told.unchanged += outcome.unchanged;
            told.refused += outcome.refused;
            if !is_dry_run {
                equal += app.compare_statements(call, customer, statements).await?.unchanged;
            }
        }
        bar.step();
    }
    bar.end();
    let (verb, update) = match is_dry_run {
        true => ("would be brought over", "would be brought up to date"),
        false => ("brought over", "brought up to date"),
    };
    let MigratedStatements { created, updated, unchanged, refused } = told;
    println!(
        "{all} statements: {created} {verb}, {updated} {update}, {unchanged} here already, {refused} refused"
    );
    if !is_dry_run {
        println!("verified: {equal} statements are equal in every field");
        if equal != created + updated + unchanged {
            bail!("statements are not as they were brought over: was something else changing them?");
        }
    }
    Ok(refused)
}

/// The statements of a customer. An account without bills does not know the path.
async fn of_customer(source: &Client, id: i64) -> anyhow::Result<Vec<Value>> {
    match walk(source, &format!("{PATH}?client_api_id={id}"), LIST).await {
        Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => Ok(Vec::new()),
        Err(error) if status(&error) == Some(StatusCode::FORBIDDEN) => {
            Err(error.context("the key may not read statements; --without-statements leaves them out"))
        }
        walked => walked,
    }
}

/// Writes all statements into a file: whole or not at all.
pub(super) async fn keep_statements(source: &Client, file: &Path) -> anyhow::Result<usize> {
    let statements = walk(source, PATH, LIST).await?;
    let unwritable = || format!("cannot write {}", file.display());
    let mut draft = file.as_os_str().to_owned();
    draft.push(".part");
    let mut writer = std::io::BufWriter::new(std::fs::File::create(&draft).with_context(unwritable)?);
    for statement in &statements {
        writeln!(writer, "{statement}").with_context(unwritable)?;
    }
    writer.flush().and_then(|()| writer.get_ref().sync_all()).with_context(unwritable)?;
    std::fs::rename(&draft, file).with_context(unwritable)?;
    Ok(statements.len())
}
