//! The Tenantry binary: one file per subcommand.

// First, for its macro.
#[macro_use]
mod output;

mod audit;
mod backup;
mod bill;
mod bill_store;
mod billing;
mod bootstrap;
mod connections;
mod copy;
mod directory;
mod doctor;
mod limits;
mod network;
mod partner;
mod platform;
mod price_rule;
mod progress;
mod restore;
mod serve;
mod telemetry;
mod user;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The environment variables of every command, at the end of its help.
const ENVIRONMENT: &str = "\
Environment:
  TENANTRY_LOG         What is logged on standard error: off, error, warn, info, debug or trace, or directives
                       such as info,tenantry_store=debug [default: info]
  TENANTRY_LOG_FORMAT  text or json [default: text]";

/// The open, self-hosted platform for Microsoft CSP partners. Without a command it serves, with defaults.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = ENVIRONMENT)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API.
    #[command(after_help = ENVIRONMENT)]
    Serve(Box<serve::ServeArgs>),
    /// Make, list and suspend partners.
    #[command(subcommand)]
    Partner(partner::PartnerCommand),
    /// Make and list users, and give and take their keys.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Say where a partner's Azure tenants are looked up.
    #[command(subcommand)]
    Directory(directory::DirectoryCommand),
    /// Make bills from Microsoft's invoices, and verify them.
    #[command(subcommand)]
    Bill(bill::BillCommand),
    /// List, add and remove price rules.
    #[command(subcommand)]
    PriceRule(price_rule::PriceRuleCommand),
    /// Play what the platform talks to, for trying out.
    #[command(subcommand)]
    Sandbox(directory::SandboxCommand),
    /// Verify the audit trail.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Copy(copy::CopyArgs),
    Doctor(doctor::DoctorArgs),
}

fn main() -> std::process::ExitCode {
    match run(Cli::parse()).and_then(|()| output::check()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenantry: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let _logs = telemetry::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            None => serve::run(cli.serve).await,
            Some(Command::Serve(args)) => serve::run(*args).await,
            Some(Command::Partner(command)) => partner::run(command).await,
            Some(Command::User(command)) => user::run(command).await,
            Some(Command::Directory(command)) => directory::run(command).await,
            Some(Command::Bill(command)) => bill::run(command).await,
            Some(Command::PriceRule(command)) => price_rule::run(command).await,
            Some(Command::Sandbox(command)) => directory::play(command).await,
            Some(Command::Audit(command)) => audit::run(command).await,
            Some(Command::Backup(args)) => backup::run(args).await,
            Some(Command::Restore(args)) => restore::run(args).await,
            Some(Command::Copy(args)) => copy::run(args).await,
            Some(Command::Doctor(args)) => doctor::run(args).await,
        }
    })
}
