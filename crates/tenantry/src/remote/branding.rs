//! `tenantry branding …`

use super::args::{ChangeArgs, OutputArgs, RemovalArgs, ServerArgs};
use super::exit::{examples, not_found, wrong_input};
use super::input;
use super::show::{self, View};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use client::Request;
use http::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

const PATH: &str = "/v2/branding";
const LOGO: &str = "/v2/branding/logo";
/// What can be set, and reset.
const FIELDS: [&str; 3] = ["name", "colour", "portal_host"];

/// Show and set how the partner appears to its customers.
#[derive(Subcommand)]
pub(crate) enum BrandingCommand {
    Get(Got),
    Set(Set),
    SetLogo(SetLogo),
    RemoveLogo(RemovedLogo),
}

/// Show name, colour, logo and host that customers see.
#[derive(Args)]
#[command(after_help = examples!("tenantry branding get", "tenantry branding get --format '{name} {colour}'"))]
pub(crate) struct Got {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Set name, colour and host: only what is named changes. The logo stays.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry branding set --name 'Contoso Cloud' --colour '#1f5fbf'",
    "tenantry branding set --portal-host portal.example.com --dry-run",
    "tenantry branding set --clear colour",
))]
pub(crate) struct Set {
    /// The name in the header, in place of the partner's own.
    #[arg(long)]
    name: Option<String>,
    /// The header's background, such as '#1f5fbf'; the text on it is black or white, by contrast.
    #[arg(long)]
    colour: Option<String>,
    /// The host of the customers' portal.
    #[arg(long, value_name = "HOST")]
    portal_host: Option<String>,
    /// Reset this; repeat it for others.
    #[arg(long, value_name = "FIELD", value_parser = PossibleValuesParser::new(FIELDS))]
    clear: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Set the logo: a PNG or WebP picture of at most 200 KB and 2048 × 2048 pixels. The server writes it again, of 480 × 96 pixels at
/// most.
#[derive(Args)]
#[command(after_help = examples!("tenantry branding set-logo logo.png", "tenantry branding set-logo - <logo.webp"))]
pub(crate) struct SetLogo {
    /// The file, or - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Remove the logo; pages show the name instead.
#[derive(Args)]
#[command(after_help = examples!("tenantry branding remove-logo"))]
pub(crate) struct RemovedLogo {
    #[command(flatten)]
    removal: RemovalArgs,
}

static VIEW: View = View {
    noun: "brandings",
    table: &[],
    fields: &["name", "colour", "portal_host", "logo.path", "logo.width", "logo.height"],
};

pub(crate) async fn run(command: BrandingCommand) -> anyhow::Result<()> {
    match command {
        BrandingCommand::Get(args) => {
            show::one(&args.server.connect()?.get(PATH).await?.json()?, &args.output, &VIEW)
        }
        BrandingCommand::Set(args) => set(&args).await,
        BrandingCommand::SetLogo(args) => {
            let picture = input::bytes(&args.file)?;
            if args.change.dry_run {
                println!("would send {} as the logo: {} bytes", input::name(&args.file), picture.len());
                return Ok(());
            }
            let request = Request::bytes(Method::PUT, LOGO, picture);
            show::one(
                &args.change.server.connect()?.send(&request).await?.json()?,
                &args.change.output,
                &VIEW,
            )
        }
        BrandingCommand::RemoveLogo(RemovedLogo { removal }) => {
            let client = removal.server.connect()?;
            if client.get(PATH).await?.json()?["logo"].is_null() {
                return Err(not_found("there is no logo"));
            }
            if removal.dry_run {
                println!("would remove the logo");
            } else if input::confirmed("Remove the logo?", removal.yes)? {
                client.send(&Request::new(Method::DELETE, LOGO)).await?;
                println!("the logo is removed");
            }
            Ok(())
        }
    }
}

async fn set(args: &Set) -> anyhow::Result<()> {
    let client = args.change.server.connect()?;
    let current = client.get(PATH).await?.json()?;
    let given = json!({"name": args.name, "colour": args.colour, "portal_host": args.portal_host});
    // The API replaces all three, so what is not named is as it was; what is left out is reset.
    let mut body = json!({});
    for field in FIELDS {
        let value = if given[field].is_null() { &current[field] } else { &given[field] };
        if !value.is_null() && *value != json!("") && !args.clear.iter().any(|cleared| cleared == field) {
            body[field] = value.clone();
        }
    }
    if FIELDS.iter().all(|field| given[field].is_null()) && args.clear.is_empty() {
        return Err(wrong_input("nothing is named that is to change: see `tenantry branding set --help`"));
    }
    if args.change.dry_run {
        println!("would set the branding to this:\n{body:#}");
        return Ok(());
    }
    let set: Value = client.send(&Request::json(Method::PUT, PATH, &body)).await?.json()?;
    show::one(&set, &args.change.output, &VIEW)
}
