//! `tenantry users keys …`

use super::args::{ListArgs, OutputArgs};
use super::exit::{examples, wrong_input};
use super::show::{self, View};
use super::users::Whose;
use super::{cells, input};
use clap::{Args, Subcommand};
use client::{Client, Request};
use http::Method;
use serde_json::{Value, json};

/// List, create, rotate and revoke the API keys of a user.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    List(Listed),
    Create(Created),
    Rotate(Rotated),
    Revoke(Revoked),
}

/// List a user's keys.
#[derive(Args)]
#[command(after_help = examples!("tenantry users keys list 17", "tenantry users keys list 42 --customer 3947 --json"))]
pub(crate) struct Listed {
    /// The user's id.
    user: String,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    whose: Whose,
}

/// Give a user one more key, shown this once.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry users keys create 17 'Nightly import' --role operator --from 203.0.113.0/24",
    "tenantry users keys create 17 CI --expires 2027-01-01 --format '{api_key}' > key",
))]
pub(crate) struct Created {
    /// The user's id.
    user: String,
    /// What the key is called.
    name: String,
    /// The roles that it is narrowed to, among the user's; by default all.
    #[arg(long, value_delimiter = ',')]
    role: Vec<String>,
    /// The addresses and ranges (CIDR) that it may be used from; by default all.
    #[arg(long, value_name = "RANGE", value_delimiter = ',')]
    from: Vec<String>,
    /// When the key stops to work (ISO 8601); by default never.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    whose: Whose,
}

/// Put a new key in the place of one, shown this once.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry users keys rotate 17 a1B2c3D4",
    "tenantry users keys rotate 17 a1B2c3D4 --overlap 3600",
))]
pub(crate) struct Rotated {
    /// The user's id.
    user: String,
    /// The key's id, as `keys list` shows it.
    key: String,
    /// The seconds for which the old key goes on working: up to 604800 (7 days).
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    overlap: u32,
    /// When the new key stops to work (ISO 8601); by default when the old one would have.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    whose: Whose,
}

/// Revoke a user's key; it is dead at once.
#[derive(Args)]
#[command(after_help = examples!("tenantry users keys revoke 17 a1B2c3D4"))]
pub(crate) struct Revoked {
    /// The user's id.
    user: String,
    /// The key's id, as `keys list` shows it.
    key: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Show which key this is about, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    whose: Whose,
}

static VIEW: View = View {
    noun: "keys",
    table: &[
        ("ID", "id"),
        ("NAME", "name"),
        ("ROLES", "roles"),
        ("FROM", "allowed_addresses"),
        ("EXPIRES", "expires_at"),
        ("LAST USED", "last_used_at"),
        ("REPLACED BY", "replaced_by"),
    ],
    fields: &[
        "id",
        "name",
        "roles",
        "allowed_addresses",
        "is_default",
        "replaced_by",
        "api_key",
        "expires_at",
        "last_used_at",
        "created_at",
    ],
};

pub(super) async fn run(command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::List(args) => {
            let path = path(&args.whose, &args.user)?;
            let client = args.whose.server.connect()?;
            show::list(client.pages(&path, "api_keys"), &args.output, &args.list, &VIEW).await
        }
        KeysCommand::Create(args) => {
            let path = path(&args.whose, &args.user)?;
            let mut body = json!({"name": args.name, "expires_at": args.expires});
            if !args.role.is_empty() {
                body["roles"] = json!(args.role);
            }
            if !args.from.is_empty() {
                body["allowed_addresses"] = json!(args.from);
            }
            with_secret(&args.whose.server.connect()?, &path, &body, &args.output).await
        }
        KeysCommand::Rotate(args) => {
            let path = format!("{}/rotate", key_path(&args.whose, &args.user, &args.key)?);
            let body = json!({"expires_at": args.expires, "overlap_seconds": args.overlap});
            with_secret(&args.whose.server.connect()?, &path, &body, &args.output).await
        }
        KeysCommand::Revoke(args) => {
            let path = key_path(&args.whose, &args.user, &args.key)?;
            let client = args.whose.server.connect()?;
            let key = client.get(&path).await?.json()?;
            let name = cells::for_terminal(&cells::text(&key["name"])).into_owned();
            if args.dry_run {
                println!("would revoke the key {} ({name}) of user {}", args.key, args.user);
            } else if input::confirmed(
                &format!("Revoke the key {} ({name}) of user {}?", args.key, args.user),
                args.yes,
            )? {
                client.send(&Request::new(Method::DELETE, path)).await?;
                println!("the key {} ({name}) of user {} is revoked", args.key, args.user);
            }
            Ok(())
        }
    }
}

fn path(whose: &Whose, user: &str) -> anyhow::Result<String> {
    Ok(format!("{}/api_keys", whose.user(user)?))
}

fn key_path(whose: &Whose, user: &str, key: &str) -> anyhow::Result<String> {
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(wrong_input("the key's id must consist of letters and digits, as `keys list` shows it"));
    }
    Ok(format!("{}/{key}", path(whose, user)?))
}

/// Sends what is answered with a new key, and shows that.
async fn with_secret(client: &Client, path: &str, body: &Value, output: &OutputArgs) -> anyhow::Result<()> {
    let idempotency_key = app::Random::default().long_id()?;
    let key =
        client.send(&Request::json(Method::POST, path, body).idempotent(&idempotency_key)).await?.json()?;
    if output.json || output.csv || output.format.is_some() {
        return show::one(&key, output, &VIEW);
    }
    let text = |field: &str| cells::for_terminal(&cells::text(&key[field])).into_owned();
    println!(
        "{}, key {}\n\nThe API key, shown only this once:\n\n    {}",
        text("name"),
        text("id"),
        text("api_key")
    );
    Ok(())
}
