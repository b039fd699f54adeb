//! The Tenantry binary: one file per subcommand.

mod connections;
mod partner;
mod serve;
mod telemetry;

use clap::{Args, Parser, Subcommand};

/// The open, self-hosted platform for Microsoft CSP partners. Without a command it serves, with defaults.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API.
    Serve(serve::ServeArgs),
    /// Make partners.
    #[command(subcommand)]
    Partner(partner::PartnerCommand),
}

/// Where the data is.
#[derive(Args, Clone)]
struct Database {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST[,HOST…]/NAME` [default: sqlite:data/tenantry.db]
    #[arg(long = "database", env = "TENANTRY_DATABASE", value_name = "URL", hide_env_values = true)]
    url: Option<String>,
}

impl Database {
    fn url(&self) -> &str {
        self.url.as_deref().unwrap_or("sqlite:data/tenantry.db")
    }
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    telemetry::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            None => serve::run(cli.serve).await,
            Some(Command::Serve(args)) => serve::run(args).await,
            Some(Command::Partner(command)) => partner::run(command).await,
        }
    })
}
