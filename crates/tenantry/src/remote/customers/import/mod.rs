//! `tenantry customers import`: checks a whole file, then sends its rows.

mod check;
mod columns;
mod existing;
mod result;
mod rows;
mod send;

use super::fields;
use crate::progress::RowBar;
use crate::remote::args::ServerArgs;
use crate::remote::cells::{for_terminal, text};
use crate::remote::exit::{examples, not_allowed, wrong_input};
use crate::remote::input;
use anyhow::{Context, bail};
use check::Rules;
use clap::{Args, ValueEnum};
use client::{Client, Patience};
use existing::Existing;
use futures_util::StreamExt;
use jiff::Timestamp;
use result::ResultFile;
use rows::{Form, Row, Rows};
use send::Outcome;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Roles of which none may change customers.
const READERS: [&str; 5] = ["viewer", "auditor", "billing", "owner", "customer"];

/// Create customers from a file, and change those that are there already if --update-by says how they are found.
///
/// The file is CSV with a header, in UTF-8, or has a JSON object on each line. It is checked as a whole first: as long as a row
/// is wrong, nothing is sent. Importing the same file again creates nothing twice, however the first time ended.
///
/// Columns are called as `tenantry customers export` calls them: name, azure_customer_id, street1, street2, city, state,
/// zipcode, country, classification, trial_expiration_date, billing_contact, margin_percentage, billing_enabled,
/// billing_folder, tags (key=value; key), and tag:KEY for the value of one tag. An empty cell says nothing.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry customers import customers.csv --dry-run",
    "tenantry customers import customers.csv --result done.csv",
    "tenantry customers import export.csv --delimiter ';' --map 'Firma=name' --ignore Notes",
    "tenantry customers import margins.csv --update-by name",
    "generate | tenantry customers import -",
))]
pub(crate) struct Import {
    /// The file; - is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check the file, show what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Change the customers that are there already; they are found by this. Rows that name none are created.
    #[arg(long, value_enum, value_name = "FIELD")]
    update_by: Option<UpdateBy>,
    /// Take the column with this title for this field; repeat it for others.
    #[arg(long, value_name = "TITLE=FIELD")]
    map: Vec<String>,
    /// Ignore the column with this title; repeat it for others.
    #[arg(long, value_name = "TITLE")]
    ignore: Vec<String>,
    /// What divides the columns: a character, or `tab` [default: ,].
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// Write every row with its id, and what became of it, into this file. It can be imported again: what is done is skipped.
    #[arg(long, value_name = "FILE")]
    result: Option<PathBuf>,
    /// How many requests are under way at a time.
    #[arg(long, value_name = "COUNT", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// How many seconds a server is waited for that is busy or does not answer.
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    retry_for: u64,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// What customers are found by that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum UpdateBy {
    Id,
    ExternalId,
    Name,
}

impl Row {
    /// Whether an import before has done this row.
    fn is_done(&self) -> bool {
        ["created", "updated", "unchanged"].iter().any(|word| self.result.as_deref() == Some(word))
    }
}

/// The file, and how it is read.
struct Opened {
    file: File,
    name: String,
    form: Form,
    start: u64,
    map: Vec<(String, String)>,
    ignored: Vec<String>,
}

impl Opened {
    /// From the first row on. Only one reader of a file is used at a time.
    fn rows(&self) -> anyhow::Result<Rows> {
        let rows = Rows::open(self.file.try_clone()?, self.form, self.start, &self.map, &self.ignored);
        rows.map_err(|wrong| {
            wrong_input(format!("{}: nothing was sent\n  {}", self.name, wrong.join("\n  ")))
        })
    }
}

pub(crate) async fn run(args: Import) -> anyhow::Result<()> {
    let opened = open(&args)?;
    // The header first: that needs no server.
    drop(opened.rows()?);
    let patience = Duration::from_secs(args.retry_for);
    let client = args.server.connect_with(Patience { busy: patience, unreachable: patience })?;
    let rules = Rules { now: server_time(&client).await?, update_by: args.update_by };
    let checked = rules.check(opened.rows()?);
    if !checked.wrong.is_empty() {
        let lines: Vec<&str> = checked.wrong.iter().map(String::as_str).collect();
        return Err(wrong_input(format!(
            "{}: {} wrong, and nothing was sent\n  {}",
            opened.name,
            counted(lines.len() as u64, "thing is", "things are"),
            for_terminal_lines(&lines)
        )));
    }
    let existing = match args.update_by {
        Some(by) => Existing::read(&client, by, &keys(opened.rows()?, by)).await?,
        None => Existing::default(),
    };
    if let Some(by) = args.update_by.filter(|by| *by != UpdateBy::Name) {
        let unknown = unknown(opened.rows()?, by, &existing);
        if !unknown.is_empty() {
            let lines: Vec<&str> = unknown.iter().map(String::as_str).collect();
            return Err(wrong_input(format!("{}: nothing was sent\n  {}", opened.name, lines.join("\n  "))));
        }
    }
    if args.dry_run {
        return rehearse(&client, &opened, args.update_by, &existing).await;
    }
    let mut result = match &args.result {
        Some(path) => Some(ResultFile::create(path, opened.rows()?.columns)?),
        None => None,
    };
    let told = send_all(&client, &args, &opened, &existing, checked.rows + checked.done, &mut result).await?;
    if let Some(result) = result {
        result.end()?;
    }
    told.end(&opened.name, args.json)
}

fn open(args: &Import) -> anyhow::Result<Opened> {
    let name = input::name(&args.file);
    let mut file = if args.file == Path::new("-") {
        // It is read more than once.
        let mut spool = tempfile::tempfile().context("cannot keep standard input in a temporary file")?;
        std::io::copy(&mut std::io::stdin().lock(), &mut spool).context("cannot read standard input")?;
        spool.seek(SeekFrom::Start(0))?;
        spool
    } else {
        File::open(&args.file).map_err(|e| wrong_input(format!("cannot read {name}: {e}")))?
    };
    let delimiter = match args.delimiter.as_deref() {
        None => None,
        Some("tab" | "\\t") => Some(b'\t'),
        Some(text) => match text.as_bytes() {
            [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b'"' => Some(*byte),
            _ => {
                return Err(wrong_input(format!(
                    "--delimiter must be one character such as ; or tab, not {text:?}"
                )));
            }
        },
    };
    let sniffed = rows::sniff(&mut file, &name, delimiter)
        .map_err(|e| wrong_input(format!("cannot read {name}: {e}")))?;
    let (form, start) =
        sniffed.map_err(|wrong| wrong_input(format!("{name} cannot be imported: {wrong}")))?;
    let pair = |text: &String| {
        let pair = text.rsplit_once('=').map(|(title, field)| (title.to_owned(), field.trim().to_owned()));
        pair.ok_or_else(|| {
            wrong_input(format!("--map must be TITLE=FIELD, such as 'Firma=name', not {text:?}"))
        })
    };
    let map = args.map.iter().map(pair).collect::<anyhow::Result<_>>()?;
    Ok(Opened { file, name, form, start, map, ignored: args.ignore.clone() })
}

/// The server's time, by which it judges trials; and whether this key may do this at all, before anything is checked.
async fn server_time(client: &Client) -> anyhow::Result<Timestamp> {
    let me = client.get("/v2/me").await?;
    let who = me.json()?;
    let roles: Vec<&str> = who["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !roles.is_empty() && roles.iter().all(|role| READERS.contains(role)) {
        return Err(not_allowed(format!(
            "this is not allowed: importing needs the role admin or operator, and this key has {}",
            roles.join(", ")
        )));
    }
    if me.headers.contains_key("x-tenantry-sandbox") {
        let clock = client.get("/sandbox/clock").await?.json()?;
        return Ok(clock["now"].as_str().and_then(|now| now.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH));
    }
    let date = me.header("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    // Without a date, whether a trial is over is left to the server.
    Ok(date.map_or(Timestamp::UNIX_EPOCH, |date| date.timestamp()))
}

fn keys(rows: Rows, by: UpdateBy) -> HashSet<String> {
    rows.filter_map(Result::ok)
        .filter(|row| !row.is_done())
        .filter_map(|row| existing::key(&row, by))
        .collect()
}

/// Rows that name a customer that is not there.
fn unknown(rows: Rows, by: UpdateBy, existing: &Existing) -> Vec<String> {
    let rows = rows.filter_map(Result::ok).filter(|row| !row.is_done());
    rows.filter_map(|row| {
        let key = existing::key(&row, by)?;
        existing.get(&key).is_none().then(|| format!("line {}: there is no customer {key}", row.line))
    })
    .collect()
}

/// Shows what would be done.
async fn rehearse(
    client: &Client,
    opened: &Opened,
    by: Option<UpdateBy>,
    existing: &Existing,
) -> anyhow::Result<()> {
    // Names that are taken are the one thing that only the server knows.
    let names = match by {
        None => Existing::read(client, UpdateBy::Name, &keys(opened.rows()?, UpdateBy::Name)).await?,
        Some(_) => Existing::default(),
    };
    let (mut creates, mut updates, mut unchanged, mut done) = (0, 0, 0, 0);
    let mut refused = Vec::new();
    for row in opened.rows()? {
        let row = row.map_err(wrong_input)?;
        if row.is_done() {
            done += 1;
            continue;
        }
        let found = by.and_then(|by| existing::key(&row, by)).and_then(|key| existing.get(&key));
        if let Some(current) = found {
            let mut payload = row.payload.clone();
            if fields::is_part_of_an_address(&payload) {
                fields::complete_address(&mut payload, current);
            }
            let changes = fields::changes(current, &payload);
            match changes.is_empty() {
                true => unchanged += 1,
                false => updates += 1,
            }
            for (field, before, after) in changes {
                let shown = format!("{} → {}", text(&before), text(&after));
                println!("line {}: customer {}: {field}: {}", row.line, current["id"], for_terminal(&shown));
            }
            continue;
        }
        let name = row.payload["name"].as_str().unwrap_or_default();
        match names.get(&existing::name_key(name)) {
            Some(taken) if fields::changes(taken, &row.payload).is_empty() => unchanged += 1,
            Some(taken) => refused.push(format!(
                "line {}: name has already been taken by customer {}; --update-by name changes it",
                row.line, taken["id"]
            )),
            None => creates += 1,
        }
    }
    let [creates, updates, unchanged, done] = [
        (creates, "create"),
        (updates, "change"),
        (unchanged, "leave as they are"),
        (done, "skip, done before,"),
    ]
    .map(|(count, verb)| (count > 0).then(|| format!("{verb} {}", counted(count, "customer", "customers"))));
    let parts: Vec<String> = [creates, updates, unchanged, done].into_iter().flatten().collect();
    println!("would {}", if parts.is_empty() { "do nothing".to_owned() } else { parts.join(", ") });
    if refused.is_empty() {
        return Ok(());
    }
    Err(wrong_input(format!("{}: the server would refuse\n  {}", opened.name, refused.join("\n  "))))
}

/// What an import has done.
#[derive(Default)]
struct Told {
    created: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
    not_sent: u64,
    before: u64,
    /// Why it has ended before its end.
    stopped: Option<anyhow::Error>,
}

/// Why no further row is sent.
#[derive(Default)]
struct Stopped {
    is: AtomicBool,
    why: Mutex<Option<client::Error>>,
}

impl Stopped {
    fn stop(&self, why: Option<client::Error>) {
        let mut first = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            *first = why;
        }
        self.is.store(true, Ordering::Relaxed);
    }
}

async fn send_all(
    client: &Client,
    args: &Import,
    opened: &Opened,
    existing: &Existing,
    total: u64,
    result: &mut Option<ResultFile>,
) -> anyhow::Result<Told> {
    let (bar, stopped) = (RowBar::new(total), Arc::new(Stopped::default()));
    // Interrupted, it ends in order: what is under way is waited for, the rest is told as not sent.
    let interrupted = tokio::spawn({
        let stopped = Arc::clone(&stopped);
        async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stopped.stop(None);
            }
        }
    });
    let mut told = Told::default();
    let sent = opened.rows()?.map(|row| async {
        let row = row.map_err(wrong_input)?;
        let outcome = one(client, args.update_by, existing, &row, &stopped).await;
        anyhow::Ok((row, outcome))
    });
    // In the order of the file, so that the result file is too.
    let mut sent = futures_util::stream::iter(sent).buffered(args.concurrency.into());
    while let Some(sent) = sent.next().await {
        let (row, outcome) = sent?;
        *match &outcome {
            Outcome::Created(_) => &mut told.created,
            Outcome::Updated(_) => &mut told.updated,
            Outcome::Unchanged(_) => &mut told.unchanged,
            Outcome::Refused(_) => &mut told.refused,
            Outcome::NotSent => &mut told.not_sent,
            Outcome::Before(..) => &mut told.before,
        } += 1;
        if let Outcome::Refused(why) = &outcome {
            bar.say(&format!("{}: {}", opened.name, for_terminal(&check::told(row.line, None, None, why))));
        }
        if let Some(result) = result {
            result.write(&row, &outcome).context("cannot write the result")?;
        }
        bar.step();
    }
    interrupted.abort();
    bar.end();
    if stopped.is.load(Ordering::Relaxed) {
        let why = stopped.why.lock().unwrap_or_else(PoisonError::into_inner).take();
        told.stopped = Some(why.map_or_else(|| anyhow::anyhow!("interrupted"), anyhow::Error::from));
    }
    Ok(told)
}

async fn one(
    client: &Client,
    by: Option<UpdateBy>,
    existing: &Existing,
    row: &Row,
    stopped: &Stopped,
) -> Outcome {
    if row.is_done() {
        return Outcome::Before(row.result.clone().unwrap_or_default(), row.id);
    }
    if stopped.is.load(Ordering::Relaxed) {
        return Outcome::NotSent;
    }
    let current = by.and_then(|by| existing::key(row, by)).and_then(|key| existing.get(&key));
    let outcome = match current {
        Some(current) => send::update(client, current, &row.payload).await,
        None => send::create(client, &row.payload).await,
    };
    outcome.unwrap_or_else(|why| {
        stopped.stop(Some(why));
        Outcome::NotSent
    })
}

impl Told {
    fn end(self, name: &str, as_json: bool) -> anyhow::Result<()> {
        let counts = [
            ("created", self.created),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("refused", self.refused),
            ("not sent", self.not_sent),
            ("done before", self.before),
        ];
        if as_json {
            let counts: serde_json::Map<String, Value> =
                counts.iter().map(|(word, count)| (word.replace(' ', "_"), json!(count))).collect();
            println!("{:#}", Value::Object(counts));
        } else {
            let told =
                counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{count} {word}"));
            let told: Vec<String> = told.collect();
            println!("{name}: {}", if told.is_empty() { "no rows".to_owned() } else { told.join(", ") });
        }
        if let Some(why) = self.stopped {
            eprintln!(
                "{} not sent; importing the file again creates nothing twice",
                counted(self.not_sent, "row was", "rows were")
            );
            return Err(why);
        }
        if self.refused > 0 {
            bail!("{} refused", counted(self.refused, "row was", "rows were"));
        }
        Ok(())
    }
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

fn for_terminal_lines(lines: &[&str]) -> String {
    lines.iter().map(|line| for_terminal(line).into_owned()).collect::<Vec<_>>().join("\n  ")
}
