//! `tenantry bill-runs …`

use super::args::{ChangeArgs, ListArgs, OutputArgs, RemovalArgs, ServerArgs};
use super::exit::{examples, wrong_input};
use super::query::{PER_PAGE, Query};
use super::show::{self, View};
use super::{bill_lines, cells, input};
use crate::money::padded_in;
use crate::progress::ByteBar;
use anyhow::bail;
use clap::{Args, Subcommand};
use client::{Client, Request};
use http::Method;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// How long is waited between two looks at a run: at first, and at most.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// List bill runs, start them, and watch them.
#[derive(Subcommand)]
pub(crate) enum BillRunsCommand {
    List(Listed),
    Get(Got),
    Create(Box<Created>),
    Watch(Got),
    Lines(bill_lines::Lines),
    Publish(Published),
    Finalize(Finalized),
    Void(Voided),
    Release(Released),
    Cancel(Ended),
    Withdraw(Ended),
}

/// List bill runs, the oldest first.
#[derive(Args)]
#[command(after_help = examples!("tenantry bill-runs list", "tenantry bill-runs list --period 2026-10 --state failed"))]
pub(crate) struct Listed {
    /// Only of this month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: Option<String>,
    /// Only in this state: queued, running, succeeded, failed or cancelled.
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Show a bill run. `watch` stays until it has ended, and fails if the run does.
#[derive(Args)]
#[command(after_help = examples!("tenantry bill-runs get 12", "tenantry bill-runs watch 12"))]
pub(crate) struct Got {
    /// The run's id.
    id: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Start a bill run: make a month's bills from Microsoft's invoice. The server must be able to read the files.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry bill-runs create --period 2026-10 s3://invoices/2026-10/usage.csv.gz --watch",
    "tenantry bill-runs create --period 2026-10 file:october.csv --rate EUR/USD=1.0821 --dry-run",
    "tenantry bill-runs create --file run.json",
))]
pub(crate) struct Created {
    /// All files of the month's invoice: s3://bucket/key, az://container/key, or file:PATH below the server's folder.
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// The month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: Option<String>,
    /// Microsoft's invoice: only its lines count.
    #[arg(long, value_name = "ID")]
    invoice_id: Option<String>,
    /// Microsoft's price sheet of the month; repeat it for others.
    #[arg(long, value_name = "SOURCE")]
    price_sheet: Vec<String>,
    /// Turn a currency into another, such as EUR/USD=1.0821; repeat it for others.
    #[arg(long, value_name = "FROM/TO=RATE")]
    rate: Vec<String>,
    /// Show the bills to customers at once; else they are drafts.
    #[arg(long)]
    publish: bool,
    /// Make the bills final at once, and show them to customers.
    #[arg(long)]
    finalize: bool,
    /// Do not ask before bills become final. Without a terminal they only do with this.
    #[arg(long, short)]
    yes: bool,
    /// What the files are expected to cost, tax not included, such as USD=12345.67; repeat it for other currencies.
    #[arg(long, value_name = "CURRENCY=AMOUNT")]
    expect: Vec<String>,
    /// Make lines and invoices that a final month has not had corrections of it.
    #[arg(long)]
    accept_corrections: bool,
    /// Accept warnings of this code, such as below_cost; repeat it for others.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    /// Read the request from a JSON file; - is standard input. Options come before what it says.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Stay until the run has ended, and fail if it does.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Show the statements of a month's last run to its customers.
#[derive(Args)]
#[command(after_help = examples!("tenantry bill-runs publish 12", "tenantry bill-runs publish 12 --dry-run"))]
pub(crate) struct Published {
    /// The run's id.
    id: String,
    /// Accept warnings of this code, which would keep the statements from being published; repeat it for others.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Reverse final statements of a month, of which the last run is named. Their lines can be billed again.
#[derive(Args)]
#[command(after_help = examples!("tenantry bill-runs void 12 --reason \"billed for the wrong month\" --watch"))]
pub(crate) struct Voided {
    /// The run's id.
    id: String,
    /// Why. The customers read it.
    #[arg(long)]
    reason: String,
    /// Only the statements of these customers, by their ids.
    #[arg(long, num_args = 1.., value_name = "ID")]
    customer: Vec<i64>,
    /// Do not ask. Without a terminal this is needed.
    #[arg(long, short)]
    yes: bool,
    /// Stay until it has ended, and fail if it does.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Make the statements of a month's last run final.
#[derive(Args)]
#[command(after_help = examples!("tenantry bill-runs finalize 12 --watch", "tenantry bill-runs finalize 12 --yes --accept below_cost"))]
pub(crate) struct Finalized {
    /// The run's id.
    id: String,
    /// Accept warnings of this code, which would keep the statements from becoming final; repeat it for others.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    /// Do not ask. Without a terminal this is needed.
    #[arg(long, short)]
    yes: bool,
    /// Stay until it has ended, and fail if it does.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Publish bills that a run has held back.
#[derive(Args)]
#[command(after_help = examples!("tenantry bill-runs release 12 --customer 3947 3948 --watch"))]
pub(crate) struct Released {
    /// The run's id.
    id: String,
    /// Whose bills: customers' ids.
    #[arg(long, required = true, num_args = 1.., value_name = "ID")]
    customer: Vec<i64>,
    /// Accept warnings of this code, which would keep them from being published where the run is; repeat it for others.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    /// Stay until it has ended, and fail if it does.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// End a run: `cancel` stops it, `withdraw` takes back the statements that it has made.
#[derive(Args)]
#[command(after_help = examples!("tenantry bill-runs cancel 12", "tenantry bill-runs withdraw 12"))]
pub(crate) struct Ended {
    /// The run's id.
    id: String,
    #[command(flatten)]
    removal: RemovalArgs,
}

static VIEW: View = View {
    noun: "bill runs",
    table: &[
        ("ID", "id"),
        ("MONTH", "billing_period"),
        ("STATE", "state"),
        ("STAGE", "stage"),
        ("LINES", "progress.lines"),
        ("CUSTOMERS", "progress.customers"),
        ("STARTED", "created_at"),
        ("SOURCES", "sources"),
    ],
    fields: &[
        "id",
        "billing_period",
        "state",
        "stage",
        "invoice_id",
        "invoice_ids",
        "finalize",
        "progress.lines",
        "progress.customers",
        "progress.bytes_read",
        "progress.bytes_total",
        "sources",
        "totals",
        "checks",
        "errors",
        "warnings",
        "created_at",
        "updated_at",
    ],
};

static BILLS: View = View {
    noun: "bills",
    table: &[
        ("CUSTOMER", "customer_id"),
        ("NAME", "name"),
        ("CHARGE", "charge"),
        ("CURRENCY", "currency"),
        ("LINES", "lines"),
        ("HELD BACK", "held_back"),
    ],
    fields: &[],
};

fn path(id: &str) -> anyhow::Result<String> {
    Ok(format!("/v1/bill_runs/{}", input::id(id)?))
}

pub(crate) async fn run(command: BillRunsCommand) -> anyhow::Result<()> {
    match command {
        BillRunsCommand::List(args) => {
            let path = Query::new("/v1/bill_runs").with("per_page", PER_PAGE);
            let path = path.maybe("billing_period", args.period).maybe("state", args.state).done();
            let client = args.server.connect()?;
            show::list(client.pages(&path, "bill_runs"), &args.output, &args.list, &VIEW).await
        }
        BillRunsCommand::Get(args) => {
            let path = path(&args.id)?;
            print(&args.server.connect()?.get(&path).await?.json()?, &args.output)
        }
        BillRunsCommand::Watch(args) => {
            let path = path(&args.id)?;
            watch(&args.server.connect()?, &path, &args.output).await
        }
        BillRunsCommand::Create(args) => {
            let body = args.body()?;
            if args.change.dry_run {
                println!("would start this bill run:\n{body:#}");
                return Ok(());
            }
            if body["finalize"] == true {
                let month = cells::text(&body["billing_period"]);
                input::insisted(&format!("Make the bills of {month} final at once?"), args.yes)?;
            }
            start(&args.change.server, "/v1/bill_runs", &body, args.watch, &args.change.output).await
        }
        BillRunsCommand::Finalize(args) if args.change.dry_run => {
            would(&args.change.server, &args.id, "finalize").await
        }
        BillRunsCommand::Release(args) if args.change.dry_run => {
            let ids: Vec<String> = args.customer.iter().map(i64::to_string).collect();
            let what = format!("release the bills of {} in", ids.join(", "));
            would(&args.change.server, &args.id, &what).await
        }
        BillRunsCommand::Cancel(args) if args.removal.dry_run => {
            would(&args.removal.server, &args.id, "cancel").await
        }
        BillRunsCommand::Withdraw(args) if args.removal.dry_run => {
            would(&args.removal.server, &args.id, "withdraw the statements of").await
        }
        BillRunsCommand::Lines(args) => bill_lines::list(&args).await,
        BillRunsCommand::Publish(args) if args.change.dry_run => {
            would(&args.change.server, &args.id, "show its customers the statements of").await
        }
        BillRunsCommand::Void(args) if args.change.dry_run => args.rehearse().await,
        BillRunsCommand::Publish(args) => {
            let path = format!("{}/publish", path(&args.id)?);
            start(&args.change.server, &path, &json!({"accept": args.accept}), false, &args.change.output)
                .await
        }
        BillRunsCommand::Void(args) => {
            let path = format!("{}/void", path(&args.id)?);
            let mut body = json!({ "reason": args.reason });
            if !args.customer.is_empty() {
                body["customer_ids"] = json!(args.customer);
            }
            input::insisted(
                &format!("Reverse final statements of the month of bill run {}?", args.id),
                args.yes,
            )?;
            start(&args.change.server, &path, &body, args.watch, &args.change.output).await
        }
        BillRunsCommand::Finalize(args) => {
            let path = format!("{}/finalize", path(&args.id)?);
            input::insisted(&format!("Make the statements of bill run {} final?", args.id), args.yes)?;
            start(
                &args.change.server,
                &path,
                &json!({"accept": args.accept}),
                args.watch,
                &args.change.output,
            )
            .await
        }
        BillRunsCommand::Release(args) => {
            let path = format!("{}/release", path(&args.id)?);
            let body = json!({"customer_ids": args.customer, "accept": args.accept});
            start(&args.change.server, &path, &body, args.watch, &args.change.output).await
        }
        BillRunsCommand::Cancel(args) => args.end("", "Cancel", "is cancelled").await,
        BillRunsCommand::Withdraw(args) => {
            args.end("/statements", "Withdraw the statements of", "has its statements withdrawn").await
        }
    }
}

/// Reads a run, and says what would be done to it.
async fn would(server: &ServerArgs, id: &str, what: &str) -> anyhow::Result<()> {
    let run = server.connect()?.get(&path(id)?).await?.json()?;
    let [month, state] = ["billing_period", "state"].map(|field| cells::text(&run[field]));
    println!("would {what} bill run {id} of {month}, which is {state}");
    Ok(())
}

impl Created {
    fn body(&self) -> anyhow::Result<Value> {
        let mut body = match &self.file {
            Some(path) => input::object(path)?,
            None => json!({}),
        };
        let rates =
            self.rate.iter().map(|rate| input::currency_rate(rate)).collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(period) = &self.period {
            body["billing_period"] = period.as_str().into();
        }
        if let Some(invoice) = &self.invoice_id {
            body["invoice_id"] = invoice.as_str().into();
        }
        let expected = self
            .expect
            .iter()
            .map(|total| input::expected_total(total))
            .collect::<anyhow::Result<Vec<_>>>()?;
        if !expected.is_empty() {
            body["expected_totals"] = expected.into();
        }
        for (field, is_given) in [
            ("publish", self.publish),
            ("finalize", self.finalize),
            ("accept_corrections", self.accept_corrections),
        ] {
            if is_given {
                body[field] = true.into();
            }
        }
        for (field, given) in
            [("sources", &self.sources), ("price_sheets", &self.price_sheet), ("accept", &self.accept)]
        {
            if !given.is_empty() {
                body[field] = json!(given);
            }
        }
        if !rates.is_empty() {
            body["currency_rates"] = rates.into();
        }
        Ok(body)
    }
}

async fn start(
    server: &ServerArgs,
    path: &str,
    body: &Value,
    is_watched: bool,
    output: &OutputArgs,
) -> anyhow::Result<()> {
    let client = server.connect()?;
    let key = app::Random::default().long_id()?;
    let run = client.send(&Request::json(Method::POST, path, body).idempotent(&key)).await?.json()?;
    if !is_watched {
        return print(&run, output);
    }
    watch(&client, &format!("/v1/bill_runs/{}", run["id"]), output).await
}

/// Looks at a run until it has ended. Interrupting this does not end the run.
async fn watch(client: &Client, path: &str, output: &OutputArgs) -> anyhow::Result<()> {
    let bar = ByteBar::new();
    let mut pause = FIRST_LOOK;
    let run = loop {
        let run = client.get(path).await?.json()?;
        let number = |name: &str| run["progress"][name].as_u64().unwrap_or_default();
        if !["queued", "running"].contains(&run["state"].as_str().unwrap_or_default()) {
            break run;
        }
        let doing = format!("{} lines, {} customers", number("lines"), number("customers"));
        bar.show(number("bytes_read"), number("bytes_total"), doing);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
    };
    bar.end();
    print(&run, output)?;
    match run["state"].as_str() {
        Some("succeeded") if run["errors"].as_array().is_none_or(Vec::is_empty) => Ok(()),
        Some("succeeded") => bail!("the run has succeeded, but not every bill could be written"),
        state => bail!("the run {}; no bill was changed", ended_as(state.unwrap_or_default())),
    }
}

/// How a run without bills has ended, by its state.
pub(crate) fn ended_as(state: &str) -> &'static str {
    match state {
        "failed" => "has failed",
        "cancelled" => "was cancelled",
        _ => "has not ended",
    }
}

/// For people: how the run stands, then its bills, totals, warnings and errors.
fn print(run: &Value, output: &OutputArgs) -> anyhow::Result<()> {
    if output.json || output.csv || output.format.is_some() {
        return show::one(run, output, &VIEW);
    }
    let text = |value: &Value| cells::for_terminal(&cells::text(value)).into_owned();
    let stage = text(&run["stage"]);
    let stage = if stage.is_empty() { stage } else { format!(", {stage}") };
    println!(
        "bill run {} of {}: {}{stage}",
        text(&run["id"]),
        text(&run["billing_period"]),
        text(&run["state"])
    );
    let list = |name: &str| run[name].as_array().map_or(&[][..], Vec::as_slice);
    if !list("customers").is_empty() {
        let mut printer = show::Printer::new(output, &BILLS)?;
        printer.print(list("customers"));
        printer.end();
    }
    for total in list("totals") {
        let [currency, lines] = ["currency", "lines"].map(|name| text(&total[name]));
        let [charge, left] =
            ["charge", "unassigned_cost"].map(|name| padded_in(&text(&total[name]), &currency));
        let left = if left.is_empty() { left } else { format!("; not billed: a cost of {left}") };
        let noun = if lines == "1" { "line" } else { "lines" };
        println!("{currency}: {lines} {noun}, charged {charge}{left}");
    }
    for (kind, messages) in [("warning", list("warnings")), ("error", list("errors"))] {
        for message in messages {
            let code = text(&message["code"]);
            let code = if code.is_empty() { code } else { format!(" [{code}]") };
            eprintln!("{kind}: {}{code}", text(&message["message"]));
        }
    }
    Ok(())
}

impl Voided {
    /// Says which final statements would be reversed.
    async fn rehearse(&self) -> anyhow::Result<()> {
        let client = self.change.server.connect()?;
        let run = client.get(&path(&self.id)?).await?.json()?;
        let month = cells::text(&run["billing_period"]);
        let query = Query::new("/v1/customer_statements").with("per_page", PER_PAGE);
        let query = query.with("billing_period", &month).with("status", "Final").done();
        let (mut pages, mut count) = (client.pages(&query, "billing_artifacts"), 0);
        while let Some(page) = pages.next().await? {
            for statement in page.iter().filter(|statement| self.is_about(statement)) {
                let [id, customer, amount, currency] = ["id", "customer_id", "total_amount", "currency.name"]
                    .map(|field| cells::for_terminal(&cells::text(cells::at(statement, field))).into_owned());
                let amount = padded_in(&amount, &currency);
                println!("would reverse statement {id} of customer {customer}: {amount} {currency}");
                count += 1;
            }
        }
        match count {
            0 => Err(wrong_input(format!("{month} has no such final statements"))),
            _ => Ok(()),
        }
    }

    /// Statements of other platforms are history, which is not reversed.
    fn is_about(&self, statement: &Value) -> bool {
        let customer = statement["customer_id"].as_i64().unwrap_or_default();
        statement.get("imported").is_none() && (self.customer.is_empty() || self.customer.contains(&customer))
    }
}

impl Ended {
    async fn end(self, below: &str, question: &str, done: &str) -> anyhow::Result<()> {
        let path = path(&self.id)?;
        let client = self.removal.server.connect()?;
        let run = client.get(&path).await?.json()?;
        let month = cells::text(&run["billing_period"]);
        if input::confirmed(&format!("{question} bill run {} of {month}?", self.id), self.removal.yes)? {
            client.send(&Request::new(Method::DELETE, format!("{path}{below}"))).await?;
            println!("bill run {} of {month} {done}", self.id);
        }
        Ok(())
    }
}
