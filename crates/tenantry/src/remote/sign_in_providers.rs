//! `tenantry sign-in-providers …`

use super::args::{ChangeArgs, OutputArgs, RemovalArgs, ServerArgs};
use super::exit::examples;
use super::input;
use super::show::{self, View};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use client::Request;
use http::Method;
use serde_json::json;
use std::path::PathBuf;

/// Show, set and remove the providers that users sign in with (OpenID Connect).
#[derive(Subcommand)]
pub(crate) enum SignInProvidersCommand {
    Get(Got),
    Set(Set),
    Remove(Removed),
}

/// Whose users a provider signs in.
#[derive(Args)]
struct Audience {
    /// The partner's own users, or its customers'.
    #[arg(value_name = "AUDIENCE", value_parser = PossibleValuesParser::new(["partner", "customers"]))]
    audience: String,
}

impl Audience {
    fn path(&self) -> String {
        format!("/v2/sign_in_providers/{}", self.audience)
    }
}

/// Show a provider. Its secret is not shown.
#[derive(Args)]
#[command(after_help = examples!("tenantry sign-in-providers get partner", "tenantry sign-in-providers get customers --json"))]
pub(crate) struct Got {
    #[command(flatten)]
    audience: Audience,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Set a provider, once the server has reached it. All of it: what is not named is reset, but for the secret.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry sign-in-providers set partner --issuer https://login.example.com --client-id tenantry --client-secret-file secret",
    "tenantry sign-in-providers set customers --issuer https://login.microsoftonline.com --client-id 0f1e2d3c --client-secret-file -",
    "tenantry sign-in-providers set partner --issuer https://login.example.com --client-id tenantry --allowed-domain contoso.example",
))]
pub(crate) struct Set {
    #[command(flatten)]
    audience: Audience,
    /// The issuer; for customers' users the address in front of the tenant.
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// The application's id.
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// A file with the application's secret, or - for standard input; without it the one from before is kept.
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// A domain of e-mail addresses that may sign in; repeat it for others. Without it all may.
    #[arg(long, value_name = "DOMAIN")]
    allowed_domain: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Remove a provider; the sessions that it has opened end.
#[derive(Args)]
#[command(after_help = examples!("tenantry sign-in-providers remove partner"))]
pub(crate) struct Removed {
    #[command(flatten)]
    audience: Audience,
    #[command(flatten)]
    removal: RemovalArgs,
}

static VIEW: View =
    View { noun: "providers", table: &[], fields: &["issuer", "client_id", "allowed_domains"] };

pub(crate) async fn run(command: SignInProvidersCommand) -> anyhow::Result<()> {
    match command {
        SignInProvidersCommand::Get(args) => {
            let provider = args.server.connect()?.get(&args.audience.path()).await?.json()?;
            show::one(&provider, &args.output, &VIEW)
        }
        SignInProvidersCommand::Set(args) => set(&args).await,
        SignInProvidersCommand::Remove(args) => {
            let (path, audience) = (args.audience.path(), &args.audience.audience);
            let client = args.removal.server.connect()?;
            client.get(&path).await?;
            if args.removal.dry_run {
                println!("would remove the sign-in provider of {audience}");
            } else if input::confirmed(
                &format!("Remove the sign-in provider of {audience}?"),
                args.removal.yes,
            )? {
                client.send(&Request::new(Method::DELETE, path)).await?;
                println!("the sign-in provider of {audience} is removed");
            }
            Ok(())
        }
    }
}

async fn set(args: &Set) -> anyhow::Result<()> {
    let mut body = json!({
        "issuer": args.issuer, "client_id": args.client_id, "allowed_domains": args.allowed_domain,
    });
    if args.change.dry_run {
        println!("would set the sign-in provider of {} to this:\n{body:#}", args.audience.audience);
        return Ok(());
    }
    if let Some(file) = &args.client_secret_file {
        body["client_secret"] = input::secret(file)?.into();
    }
    let request = Request::json(Method::PUT, args.audience.path(), &body);
    show::one(&args.change.server.connect()?.send(&request).await?.json()?, &args.change.output, &VIEW)
}
