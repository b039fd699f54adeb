//! `tenantry admin bill …`

mod show;

use crate::bill_fetch::{self, FetchArgs};
use crate::bill_store;
use crate::billing::BillingArgs;
use crate::partner::partner_named;
use crate::platform::Platform;
use crate::profit::{self, ProfitArgs};
use crate::progress::RunBar;
use crate::remote::bill_runs::ended_as;
use crate::remote::input::{currency_rate, expected_total, insisted};
use anyhow::{Context, bail};
use app::billing::{RunAction, RunRequest, RunSearch, RunState, RunView, Watch};
use app::{App, Call, Clock, Query};
use clap::{Args, Subcommand};
use domain::json::Json;
use domain::{Handling, PartnerId};
use rating::WarningCode;
use serde_json::json;
use std::sync::Arc;

/// Make bills, and verify them.
#[derive(Subcommand)]
pub(crate) enum BillCommand {
    Fetch(Box<FetchArgs>),
    Run(Box<RunArgs>),
    /// List the bill runs: month, state, what has become of their bills, and what they charge.
    List(Box<ListArgs>),
    /// Show a bill run's report.
    Show(Box<ShowArgs>),
    Release(Box<ReleaseArgs>),
    Publish(Box<PublishArgs>),
    Finalize(Box<FinalizeArgs>),
    Void(Box<VoidArgs>),
    Profit(Box<ProfitArgs>),
    /// Cancel a run: one that waits, or has not published anything yet; or one that has failed, and no customer is "Not
    /// Healthy" for it any more.
    Cancel(Box<RunOfPartner>),
    /// Take back all statements of a month that is not final, because it was a mistake; of a final month, the corrections of its
    /// last run that are on no statement.
    Withdraw(Box<RunOfPartner>),
    /// Move the bills of a store that version 0.1 has written into folders of their partners. Stop all servers first. If it is
    /// interrupted, run it again.
    MoveStore {
        /// The root that bills are below.
        #[arg(long, env = "TENANTRY_BILLS", value_name = "URL", default_value = "file:data/bills")]
        bills: String,
        #[command(flatten)]
        platform: Box<Platform>,
    },
    /// Check every bill below a folder: manifests, digests and sums; of all bills their ledgers too. Exit status 1 if something is wrong.
    Verify {
        /// A folder below the root of bills, such as p1/acme; or a root itself, as a path or a URL [default: all bills]
        #[arg(value_name = "FOLDER", default_value = "")]
        folder: String,
        /// The root that bills are below.
        #[arg(long, env = "TENANTRY_BILLS", value_name = "URL", default_value = "file:data/bills")]
        bills: String,
        /// Look too for bills and ledgers that the database knows of, of any partner, and that are not there.
        #[arg(long)]
        complete: bool,
        /// Print the findings as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        platform: Box<Platform>,
    },
}

/// Make the bills of a month from the files of Microsoft's invoice, here and now, without a server: drafts, until they are
/// published. A later run of the same month replaces its bills as long as they are estimates.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// The month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: String,
    /// All files of the invoice: paths, `s3://bucket/key` or `az://container/key`; CSV, plain, .gz or .zip, or the
    /// folder of a Graph export.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// Microsoft's invoice: only its lines count.
    #[arg(long, value_name = "ID")]
    invoice_id: Option<String>,
    /// Microsoft's price sheet of the month, from which list prices of licences are; repeat it for others.
    #[arg(long, value_name = "FILE")]
    price_sheet: Vec<String>,
    /// Turn a currency into another, such as `EUR/USD=1.0821`; repeat it for others.
    #[arg(long, value_name = "FROM/TO=RATE")]
    rate: Vec<String>,
    /// Show the bills to customers at once.
    #[arg(long)]
    publish: bool,
    /// Make the bills final at once, and show them to customers.
    #[arg(long)]
    finalize: bool,
    /// Accept warnings of this code, such as `below_cost`; repeat it for others.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    /// What the files are expected to cost, tax not included, such as `USD=12345.67`; repeat it for other currencies.
    #[arg(long, value_name = "CURRENCY=AMOUNT")]
    expect: Vec<String>,
    /// Make lines and invoices that a final month has not had corrections of it.
    #[arg(long)]
    accept_corrections: bool,
    /// Do not ask before bills become final. Without a terminal they only do with this.
    #[arg(long, short)]
    yes: bool,
    /// Say what would come of it, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    billing: BillingArgs,
    #[command(flatten)]
    platform: Platform,
}

/// Publish bills that a run has held back: its work is done once more, here and now, with the bounds lifted for these
/// customers. Its files must be what they were.
#[derive(Args)]
pub(crate) struct ReleaseArgs {
    /// Whose bills are released: customers' ids.
    #[arg(long, required = true, num_args = 1.., value_name = "ID")]
    customer: Vec<i64>,
    /// Accept the warnings of this code, which would keep them from being published where the run is. May be repeated.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    #[command(flatten)]
    again: AgainArgs,
}

/// Make the statements of a month's last run final, here and now: each is published as a further version.
#[derive(Args)]
pub(crate) struct FinalizeArgs {
    /// Accept the warnings of this code, which would keep the statements from becoming final. May be repeated.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    /// Do not ask. Without a terminal this is needed.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    again: AgainArgs,
}

/// Show the statements of a month's last run to its customers.
#[derive(Args)]
pub(crate) struct PublishArgs {
    /// Accept the warnings of this code, which would keep the statements from being published. May be repeated.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    #[command(flatten)]
    again: AgainArgs,
}

/// Reverse final statements of a month, of which the last run is named. Their lines can be billed again.
#[derive(Args)]
pub(crate) struct VoidArgs {
    /// Why. The customers read it.
    #[arg(long)]
    reason: String,
    /// Only the statements of these customers, by their ids.
    #[arg(long, num_args = 1.., value_name = "ID")]
    customer: Vec<i64>,
    /// Do not ask. Without a terminal this is needed.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    again: AgainArgs,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// Only runs of this month, such as 2026-10.
    #[arg(long, value_name = "MONTH")]
    period: Option<String>,
    /// Only runs in this state: queued, running, succeeded, failed or cancelled.
    #[arg(long)]
    state: Option<String>,
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// Print the runs as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The run's id.
    #[arg(value_name = "RUN")]
    run: i64,
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    platform: Platform,
}

/// A run that has succeeded, and where it is.
#[derive(Args)]
pub(crate) struct AgainArgs {
    /// The run's id.
    #[arg(value_name = "RUN")]
    run: i64,
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    billing: BillingArgs,
    #[command(flatten)]
    platform: Platform,
}

#[derive(Args)]
pub(crate) struct RunOfPartner {
    /// The run's id; of a month, the last one's.
    #[arg(value_name = "RUN")]
    run: i64,
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    #[command(flatten)]
    platform: Platform,
}

pub(crate) async fn run(command: BillCommand) -> anyhow::Result<()> {
    match command {
        BillCommand::Fetch(args) => bill_fetch::run(*args).await,
        BillCommand::Run(args) => make(*args).await,
        BillCommand::List(args) => list(*args).await,
        BillCommand::Show(args) => show_run(*args).await,
        BillCommand::Profit(args) => profit::run(*args).await,
        BillCommand::Finalize(args) => {
            let FinalizeArgs { accept, yes, again } = *args;
            let accept = warning_codes(&accept)?;
            confirm(&again, |run| format!("Make the statements of {run} final"), yes).await?;
            once_more(again, RunAction::Finalize { accept }, &[]).await
        }
        BillCommand::Publish(args) => {
            warning_codes(&args.accept)?;
            publish(args.again, &args.accept).await
        }
        BillCommand::Void(args) => {
            let VoidArgs { reason, customer, yes, again } = *args;
            let mut body = json!({ "reason": reason });
            if !customer.is_empty() {
                body["customer_ids"] = json!(customer);
            }
            confirm(&again, |run| format!("Reverse final statements of the month of {run}"), yes).await?;
            once_more(again, RunAction::Void(Json::from(&body)), &customer).await
        }
        BillCommand::Release(args) => {
            let ReleaseArgs { customer, accept, again } = *args;
            warning_codes(&accept)?;
            let body = Json::from(&json!({ "customer_ids": customer, "accept": accept }));
            once_more(again, RunAction::Release(body), &customer).await
        }
        BillCommand::Cancel(of) => {
            let work = async |app: &App, call: &Call, run| app.cancel_bill_run(call, run).await;
            let run = of.run;
            println!("bill run {run}: {}", end(*of, "bill cancel", work).await?);
            Ok(())
        }
        BillCommand::Withdraw(of) => {
            let work = async |app: &App, call: &Call, run| app.withdraw_bill_run(call, run).await;
            end(*of, "bill withdraw", work).await?;
            println!("the month's statements are withdrawn");
            Ok(())
        }
        BillCommand::MoveStore { bills, platform } => bill_store::move_store(&bills, &platform).await,
        BillCommand::Verify { folder, bills, complete, json, platform } => {
            bill_store::verify(&folder, &bills, complete.then_some(*platform), json).await
        }
    }
}

async fn make(args: RunArgs) -> anyhow::Result<()> {
    let RunArgs {
        period,
        files,
        partner,
        invoice_id,
        price_sheet,
        rate,
        publish,
        finalize,
        accept,
        expect,
        accept_corrections,
        yes,
        dry_run,
        json,
        billing,
        platform,
    } = args;
    let sources = files.iter().map(|file| source(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let price_sheets = price_sheet.iter().map(|file| source(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let rates = rate.iter().map(|rate| currency_rate(rate)).collect::<anyhow::Result<Vec<_>>>()?;
    let expected = expect.iter().map(|total| expected_total(total)).collect::<anyhow::Result<Vec<_>>>()?;
    if finalize && !dry_run {
        insisted(&format!("Make the bills of {period} final at once?"), yes)?;
    }
    let body = json!({
        "billing_period": period, "sources": sources, "invoice_id": invoice_id, "currency_rates": rates,
        "publish": publish, "finalize": finalize, "accept": accept, "accept_corrections": accept_corrections,
        "expected_totals": expected, "price_sheets": price_sheets,
    });
    warning_codes(&accept)?;
    let request = RunRequest::parse(&Json::from(&body)).map_err(|error| match error {
        app::Error::Invalid(violations) => in_own_words(violations, "/sources/", "", &files),
        other => other.into(),
    })?;
    let report = worked(&platform, billing, &partner, json, async |app, partner, watch| match dry_run {
        true => app.dry_run_bills(partner, request, watch).await,
        false => app.run_bills(partner, request, watch).await,
    })
    .await?;
    match (report.state, unwritten(&report, |_| true)) {
        (RunState::Succeeded, unwritten) => all_written(&unwritten),
        _ if dry_run => bail!("this would fail"),
        (state, _) => bail!("the run {}; no bill was changed", ended_as(state.as_str())),
    }
}

/// The codes of warnings of `--accept`.
fn warning_codes(given: &[String]) -> anyhow::Result<Vec<WarningCode>> {
    let unknown = |code: &str| {
        let codes = WarningCode::ALL.into_iter().filter(|code| code.is_acceptable()).map(WarningCode::name);
        let codes = codes.collect::<Vec<_>>().join(", ");
        anyhow::anyhow!("--accept {code}: there is no such warning; the codes are {codes}")
    };
    given.iter().map(|code| WarningCode::of(code).ok_or_else(|| unknown(code))).collect()
}

async fn publish(args: AgainArgs, accept: &[String]) -> anyhow::Result<()> {
    let AgainArgs { run, partner, json, billing, platform } = args;
    let report = worked(&platform, billing, &partner, json, async |app, partner, _| {
        let call = Call::of_operator(partner, "bill publish");
        let write = api::body::<api::BillRun, _>;
        app.publish_bill_run(&call, run, &Json::from(&json!({ "accept": accept })), write).await?;
        app.bill_run(&call, run).await
    })
    .await
    .map_err(|error| of_run(error, run, &partner, &[]))?;
    all_written(&unwritten(&report, |_| false))
}

/// `released`: the customers for whose bills this is done.
async fn once_more(args: AgainArgs, action: RunAction, released: &[i64]) -> anyhow::Result<()> {
    let AgainArgs { run, partner, json, billing, platform } = args;
    let report = worked(&platform, billing, &partner, json, async |app, partner, watch| {
        app.run_bills_again(partner, run, action, watch).await
    })
    .await
    .map_err(|error| of_run(error, run, &partner, released))?;
    // What others have been held back for is no news.
    all_written(&unwritten(&report, |customer| released.contains(&customer)))
}

/// Asks before something is done to a run that cannot be undone.
async fn confirm(args: &AgainArgs, question: impl Fn(&str) -> String, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    let app = args.platform.open(Clock::System).await?;
    let call = Call::of_operator(partner_named(&app, &args.partner).await?.id, "bill show");
    let run = app.bill_run(&call, args.run).await;
    app.close().await;
    let run = run.map_err(|error| of_run(error.into(), args.run, &args.partner, &[]))?;
    let question = question(&format!("bill run {} of {}", run.id, run.billing_period));
    insisted(&format!("{question}: {}?", show::sums(&run)), yes)
}

async fn list(args: ListArgs) -> anyhow::Result<()> {
    let ListArgs { period, state, partner, json, platform } = args;
    let app = platform.open(Clock::System).await?;
    let call = Call::of_operator(partner_named(&app, &partner).await?.id, "bill list");
    let mut runs: Vec<RunView> = Vec::new();
    for page in 1.. {
        let paging = [("page", Some(page.to_string())), ("per_page", Some("100".to_owned()))];
        let filters = [("billing_period", period.clone()), ("state", state.clone())];
        let given = paging.into_iter().chain(filters);
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let search = RunSearch::parse(&Query::new(given.collect(), Handling::Strict))?;
        let (mut found, total) = app.bill_runs(&call, search).await?;
        let is_last = found.is_empty() || runs.len() as i64 + found.len() as i64 >= total;
        runs.append(&mut found);
        if is_last {
            break;
        }
    }
    app.close().await;
    if json {
        println!("{}", serde_json::to_string_pretty(&api::BillRunList::from(runs))?);
    } else {
        show::list(&runs);
    }
    Ok(())
}

async fn show_run(args: ShowArgs) -> anyhow::Result<()> {
    let ShowArgs { run, partner, json, platform } = args;
    let app = platform.open(Clock::System).await?;
    let call = Call::of_operator(partner_named(&app, &partner).await?.id, "bill show");
    let report = app.bill_run(&call, run).await;
    app.close().await;
    let report = report.map_err(|error| of_run(error.into(), run, &partner, &[]))?;
    if json {
        println!("{}", serde_json::to_string_pretty(&api::BillRun::from(report))?);
    } else {
        show::report(&report, &partner);
    }
    Ok(())
}

/// Has work done on a run, with a progress bar, until somebody interrupts it; prints the report.
async fn worked(
    platform: &Platform,
    billing: BillingArgs,
    partner: &str,
    json: bool,
    work: impl AsyncFnOnce(&Arc<App>, PartnerId, &Arc<Watch>) -> Result<RunView, app::Error>,
) -> anyhow::Result<RunView> {
    let app = Arc::new(platform.open(Clock::System).await?.with_billing(billing.setup(1)?)?);
    let (name, partner) = (partner, partner_named(&app, partner).await?.id);
    let watch = Arc::new(Watch::default());
    let bar = RunBar::start(&watch);
    let interrupted = tokio::spawn({
        let watch = Arc::clone(&watch);
        async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                watch.cancel();
            }
        }
    });
    let ran = work(&app, partner, &watch).await;
    interrupted.abort();
    bar.end();
    app.close().await;
    let report = ran?;
    if json {
        println!("{}", serde_json::to_string_pretty(&api::BillRun::from(report.clone()))?);
    } else {
        show::report(&report, name);
    }
    Ok(report)
}

/// Ends a run, and says how it is then.
async fn end(
    of: RunOfPartner,
    operation: &str,
    work: impl AsyncFnOnce(&App, &Call, i64) -> Result<(), app::Error>,
) -> anyhow::Result<&'static str> {
    let RunOfPartner { run, partner, platform } = of;
    let app = platform.open(Clock::System).await?;
    let call = Call::of_operator(partner_named(&app, &partner).await?.id, operation);
    work(&app, &call, run).await.map_err(|error| of_run(error.into(), run, &partner, &[]))?;
    let state = app.bill_run(&call, run).await?.state;
    app.close().await;
    Ok(match state {
        RunState::Cancelled => "it is cancelled",
        RunState::Succeeded => "its repetition is cancelled; what it had published stays",
        _ => {
            "it stops as soon as whoever works on it hears of it, unless its bills are being published by then"
        }
    })
}

/// What is wrong with what was asked of a run, in a command's words.
fn of_run(error: anyhow::Error, run: i64, partner: &str, released: &[i64]) -> anyhow::Error {
    match error.downcast::<app::Error>() {
        Ok(app::Error::NotFound) => anyhow::anyhow!("the partner {partner} has no bill run {run}"),
        Ok(app::Error::Invalid(violations)) => {
            in_own_words(violations, "/customer_ids/", "--customer ", released)
        }
        // A command names runs by their numbers.
        Ok(error @ app::Error::Conflict(_)) => {
            anyhow::anyhow!(error.to_string().replace("/v1/bill_runs/", "run "))
        }
        Ok(other) => other.into(),
        Err(other) => other,
    }
}

/// Violations, with the parts of this list called as they were given to the command.
fn in_own_words<T: std::fmt::Display>(
    violations: domain::Violations,
    list: &str,
    before: &str,
    given: &[T],
) -> anyhow::Error {
    let said = violations.into_iter().map(|violation| {
        let place = violation.pointer.strip_prefix(list).and_then(|place| place.parse::<usize>().ok());
        match place.and_then(|place| given.get(place)) {
            Some(given) => format!("{before}{given} {}", violation.message),
            // Options are named as the command has them.
            None => match violation.pointer.as_str() {
                "/billing_period" => format!("--period {}", violation.message),
                "/invoice_id" => format!("--invoice-id {}", violation.message),
                _ => violation.sentence(),
            },
        }
    });
    anyhow::anyhow!(said.collect::<Vec<_>>().join("; "))
}

/// What is wrong with a run, and which bills it has held back of customers that count.
fn unwritten(report: &RunView, counts: impl Fn(i64) -> bool) -> Vec<String> {
    let held = report.customers.iter().flatten().filter(|bill| !bill.held_back.is_empty());
    let held = held.filter(|bill| counts(bill.customer_id));
    let held = held.map(|bill| format!("the bill of customer {} is held back", bill.customer_id));
    report.errors.iter().map(ToString::to_string).chain(held).collect()
}

fn all_written(unwritten: &[String]) -> anyhow::Result<()> {
    if unwritten.is_empty() {
        Ok(())
    } else {
        bail!("not every bill could be written: {}", unwritten.join("; "))
    }
}

/// A file as a source: what is on this machine by its whole path.
pub(crate) fn source(file: &str) -> anyhow::Result<String> {
    if ["s3://", "az://", "file:"].iter().any(|scheme| file.starts_with(scheme)) {
        return Ok(file.to_owned());
    }
    let path = std::fs::canonicalize(file).with_context(|| format!("cannot read {file}"))?;
    Ok(format!("file:{}", path.to_str().with_context(|| format!("the path of {file} is not UTF-8"))?))
}
