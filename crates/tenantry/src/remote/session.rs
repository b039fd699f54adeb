//! `tenantry login`, `logout` and `whoami`.

use super::args::{OutputArgs, ServerArgs, base_url, client, key_of_environment};
use super::exit::{examples, not_found, wrong_input};
use super::profile::{self, Profile};
use super::show::{self, View};
use anyhow::Context;
use clap::Args;
use client::Patience;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

/// Longer than any key, in bytes.
const MAX_KEY: u64 = 4096;

/// Sign in to a server: check the key, and keep it with the server's URL in a profile.
///
/// The key is asked for on a terminal, and else read from standard input; TENANTRY_API_KEY comes before both. The profile is
/// a file in $XDG_CONFIG_HOME/tenantry (~/.config/tenantry) that only you can read.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry login https://tenantry.example.com",
    "tenantry login https://staging.example.com --profile staging < key.txt",
    "tenantry customers list --profile staging",
))]
pub(crate) struct LoginArgs {
    /// The server's URL.
    #[arg(value_name = "URL")]
    server: String,
    /// What the profile is called.
    #[arg(long, env = "TENANTRY_PROFILE", value_name = "NAME", default_value = "default")]
    profile: String,
    /// Trust the certificate authorities in this PEM file too, from now on.
    #[arg(long, env = "TENANTRY_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Forget a server and its key. The key itself stays valid; `tenantry users rotate-key` and `revoke-key` end it.
#[derive(Args)]
#[command(after_help = examples!("tenantry logout", "tenantry logout --profile staging"))]
pub(crate) struct LogoutArgs {
    /// The profile to remove.
    #[arg(long, env = "TENANTRY_PROFILE", value_name = "NAME", default_value = "default")]
    profile: String,
}

/// Show who the key belongs to, and what it may do.
#[derive(Args)]
#[command(after_help = examples!("tenantry whoami", "tenantry whoami --format '{email}'"))]
pub(crate) struct WhoamiArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

static ME: View = View {
    noun: "users",
    table: &[],
    fields: &[
        "id",
        "email",
        "name",
        "role",
        "roles",
        "partner.id",
        "partner.name",
        "customer.id",
        "customer.name",
        "access_until",
        "server",
    ],
};

pub(crate) async fn login(args: LoginArgs) -> anyhow::Result<()> {
    let base = base_url(&args.server)?;
    let path = profile::path(&args.profile)?;
    if base.is_in_clear() {
        eprintln!("warning: {base} is not encrypted; others on the network can read the key");
    }
    let key = match key_of_environment()? {
        Some(key) => key,
        None => ask_for_key(&base.to_string())?,
    };
    let ca_file = args.ca_file.map(std::path::absolute).transpose().context("--ca-file")?;
    let client = client(base, &key, ca_file.clone(), Patience::default())?;
    let me = client.get("/v2/me").await?.json()?;
    profile::write(&path, &Profile { url: client.base().to_string(), api_key: key, ca_file })?;
    println!("Signed in to {} as {}.", client.base(), described(&me));
    Ok(())
}

/// Asks for a key on a terminal, or reads it from standard input.
pub(crate) fn ask_for_key(server: &str) -> anyhow::Result<SecretString> {
    let mut key = String::new();
    if std::io::stdin().is_terminal() {
        eprint!("API key for {server} (it is not shown): ");
        key = console::Term::stderr().read_secure_line().context("cannot read the key")?;
    } else {
        let read = std::io::stdin().lock().take(MAX_KEY).read_to_string(&mut key);
        read.map_err(|_| wrong_input("standard input is not text; the API key was expected there"))?;
    }
    match key.trim() {
        "" => Err(wrong_input(
            "there is no API key: type it, or give it on standard input or in the environment",
        )),
        key => Ok(key.to_owned().into()),
    }
}

/// Who somebody is: `jane@example.com (admin) of the partner Contoso`.
fn described(me: &Value) -> String {
    let text = |path: &str| super::cells::text(super::cells::at(me, path));
    let customer = match me["customer"].is_object() {
        true => format!("the customer {} of ", text("customer.name")),
        false => String::new(),
    };
    let described =
        format!("{} ({}) of {customer}the partner {}", text("email"), text("roles"), text("partner.name"));
    super::cells::for_terminal(&described).into_owned()
}

pub(crate) fn logout(args: &LogoutArgs) -> anyhow::Result<()> {
    if profile::remove(&profile::path(&args.profile)?)? {
        println!("Signed out. The key itself stays valid until it is rotated, revoked or expires.");
        Ok(())
    } else {
        Err(not_found(format!("there is no profile {:?}", args.profile)))
    }
}

pub(crate) async fn whoami(args: WhoamiArgs) -> anyhow::Result<()> {
    let client = args.server.connect()?;
    let mut me = client.get("/v2/me").await?.json()?;
    if let Value::Object(fields) = &mut me {
        fields.insert("server".to_owned(), json!(client.base().to_string()));
    }
    show::one(&me, &args.output, &ME)
}
