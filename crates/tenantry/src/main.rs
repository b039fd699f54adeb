//! The Tenantry binary: one file per subcommand.

// First, for its macro.
#[macro_use]
mod output;

mod audit;
mod background;
mod backup;
mod backups;
mod bill;
mod bill_fetch;
mod bill_store;
mod billing;
mod billing_settings;
mod bootstrap;
mod config;
mod connections;
mod copy;
mod directory;
mod doctor;
mod healthcheck;
mod limits;
mod listen;
mod manual;
mod migrate;
mod money;
mod network;
mod notify;
mod operator;
mod pages;
mod partner;
mod platform;
mod price_rule;
mod price_sheet;
mod profit;
mod progress;
mod reload;
mod remote;
mod restore;
mod rollback;
mod serve;
mod telemetry;
mod tls;
mod user;
mod user_keys;

use clap::{CommandFactory, Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What stands at the end of the help of the whole: a way in, for somebody who has a key and nothing else.
const FIRST_STEPS: &str = "\
First steps with a server that is somewhere else:
  tenantry login https://tenantry.example.com
  tenantry customers list
  tenantry customers create --help

On the server's own machine, `tenantry admin` has the commands that work on its database.";

/// The open, self-hosted platform for Microsoft CSP partners. Without a command it serves, with defaults.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: config::ConfigArgs,
    #[command(flatten)]
    log: telemetry::LogArgs,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Subcommand)]
enum Command {
    Login(remote::session::LoginArgs),
    Logout(remote::session::LogoutArgs),
    Whoami(remote::session::WhoamiArgs),
    #[command(subcommand)]
    Customers(remote::customers::CustomersCommand),
    #[command(subcommand)]
    Tags(remote::tags::TagsCommand),
    #[command(subcommand)]
    Users(remote::users::UsersCommand),
    #[command(subcommand)]
    SignInProviders(remote::sign_in_providers::SignInProvidersCommand),
    #[command(subcommand)]
    Branding(remote::branding::BrandingCommand),
    #[command(subcommand)]
    Tenants(remote::tenants::TenantsCommand),
    #[command(subcommand)]
    Statements(remote::statements::StatementsCommand),
    #[command(subcommand)]
    Invoices(remote::invoices::InvoicesCommand),
    #[command(subcommand)]
    BillRuns(remote::bill_runs::BillRunsCommand),
    #[command(subcommand)]
    BillingAutomation(remote::billing_automation::BillingAutomationCommand),
    Profit(remote::profit::ProfitArgs),
    #[command(subcommand)]
    PriceRules(remote::price_rules::PriceRulesCommand),
    /// Read the audit trail.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Serve the API.
    Serve(Box<serve::ServeArgs>),
    /// Check and show the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Healthcheck(Box<healthcheck::HealthcheckArgs>),
    /// Work on a server's database, on its own machine.
    #[command(subcommand)]
    Admin(AdminCommand),
    #[command(subcommand)]
    Migrate(migrate::MigrateCommand),
    /// Play what the platform talks to, for trying out.
    #[command(subcommand)]
    Sandbox(directory::SandboxCommand),
    /// Make completions for shells, and manual pages.
    #[command(subcommand, hide = true)]
    Manual(manual::ManualCommand),
    /// Under their old names.
    #[command(flatten)]
    Database(DatabaseCommand),
}

impl Command {
    /// Whether it is `tenantry admin bill`, which reports on the terminal.
    fn makes_bills(&self) -> bool {
        matches!(
            self,
            Command::Database(DatabaseCommand::Bill(_))
                | Command::Admin(AdminCommand::Database(DatabaseCommand::Bill(_)))
        )
    }
}

/// `list` is for everybody with a key. The others work on the database and are under `tenantry admin audit`; here they have
/// their old names.
#[derive(Subcommand)]
enum AuditCommand {
    List(remote::audit::Listed),
    #[command(flatten)]
    Database(audit::AuditCommand),
}

#[derive(Subcommand)]
enum AdminCommand {
    #[command(flatten)]
    Database(DatabaseCommand),
    /// Verify, export and prune the audit trail.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

#[derive(Subcommand)]
enum DatabaseCommand {
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
    /// Show and set what statements say of the partner: numbers, due dates, name and address.
    #[command(subcommand)]
    BillingSettings(billing_settings::BillingSettingsCommand),
    /// List, add and remove price rules.
    #[command(subcommand)]
    PriceRule(price_rule::PriceRuleCommand),
    /// Import Microsoft's price sheets, from which list prices are, and list them.
    #[command(subcommand)]
    PriceSheet(price_sheet::PriceSheetCommand),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Rollback(rollback::RollbackArgs),
    Copy(copy::CopyArgs),
    Doctor(doctor::DoctorArgs),
}

/// The command line, with the old names of what is under `admin` hidden.
fn command_line() -> clap::Command {
    let mut cli = Cli::command();
    let hide = |command: clap::Command, names: &[String]| {
        names.iter().fold(command, |command, name| command.mut_subcommand(name, |old| old.hide(true)))
    };
    let names_in = |command: clap::Command| -> Vec<String> {
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect()
    };
    let database = names_in(DatabaseCommand::augment_subcommands(clap::Command::new("")));
    let audit = names_in(audit::AuditCommand::augment_subcommands(clap::Command::new("")));
    cli = hide(cli, &database);
    cli.mut_subcommand("audit", |command| hide(command, &audit)).after_help(FIRST_STEPS)
}

fn main() -> std::process::ExitCode {
    listen::take_handed_over();
    match run(config::load_or_exit()).and_then(|()| output::check()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenantry: {}", remote::exit::explain(&error));
            remote::exit::code(&error)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Dropped before the runtime, on which the last traces are sent.
    let _logs = {
        let _within = runtime.enter();
        match &cli.command {
            Some(command) if command.makes_bills() => telemetry::start(&cli.log.clone().of_command())?,
            _ => telemetry::start(&cli.log)?,
        }
    };
    runtime.block_on(async {
        match cli.command {
            None => serve::run(cli.serve).await,
            Some(Command::Serve(args)) => serve::run(*args).await,
            Some(Command::Login(args)) => remote::session::login(args).await,
            Some(Command::Logout(args)) => remote::session::logout(&args),
            Some(Command::Whoami(args)) => remote::session::whoami(args).await,
            Some(Command::Customers(command)) => remote::customers::run(command).await,
            Some(Command::Tags(command)) => remote::tags::run(command).await,
            Some(Command::Users(command)) => remote::users::run(command).await,
            Some(Command::SignInProviders(command)) => remote::sign_in_providers::run(command).await,
            Some(Command::Branding(command)) => remote::branding::run(command).await,
            Some(Command::Tenants(command)) => remote::tenants::run(command).await,
            Some(Command::Statements(command)) => remote::statements::run(command).await,
            Some(Command::Invoices(command)) => remote::invoices::run(command).await,
            Some(Command::BillingAutomation(command)) => remote::billing_automation::run(command).await,
            Some(Command::Profit(args)) => remote::profit::run(args).await,
            Some(Command::BillRuns(command)) => remote::bill_runs::run(command).await,
            Some(Command::PriceRules(command)) => remote::price_rules::run(command).await,
            Some(Command::Audit(AuditCommand::List(args))) => remote::audit::list(args).await,
            Some(
                Command::Audit(AuditCommand::Database(command))
                | Command::Admin(AdminCommand::Audit(command)),
            ) => audit::run(command).await,
            Some(Command::Sandbox(command)) => directory::play(command).await,
            Some(Command::Migrate(command)) => migrate::run(command).await,
            Some(Command::Config(command)) => config::run(command),
            Some(Command::Healthcheck(args)) => healthcheck::run(*args).await,
            Some(Command::Manual(command)) => manual::run(&command, command_line()),
            Some(Command::Database(command) | Command::Admin(AdminCommand::Database(command))) => {
                work_on_database(command).await
            }
        }
    })
}

async fn work_on_database(command: DatabaseCommand) -> anyhow::Result<()> {
    match command {
        DatabaseCommand::Partner(command) => partner::run(command).await,
        DatabaseCommand::User(command) => user::run(command).await,
        DatabaseCommand::Directory(command) => directory::run(command).await,
        DatabaseCommand::Bill(command) => bill::run(command).await,
        DatabaseCommand::PriceRule(command) => price_rule::run(command).await,
        DatabaseCommand::PriceSheet(command) => price_sheet::run(command).await,
        DatabaseCommand::BillingSettings(command) => billing_settings::run(command).await,
        DatabaseCommand::Backup(args) => backup::run(args).await,
        DatabaseCommand::Restore(args) => restore::run(args).await,
        DatabaseCommand::Rollback(args) => rollback::run(args).await,
        DatabaseCommand::Copy(args) => copy::run(args).await,
        DatabaseCommand::Doctor(args) => doctor::run(args).await,
    }
}
