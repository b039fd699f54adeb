//! Options that all commands share that work over HTTP.

use super::exit::{not_signed_in, wrong_input};
use super::profile;
use clap::Args;
use client::{BaseUrl, Client, Options, Patience, Proxies};
use secrecy::SecretString;
use std::path::PathBuf;

const KEY: &str = "TENANTRY_API_KEY";

/// Which server.
#[derive(Args, Clone)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// The server's URL [default: the profile's, see `tenantry login`]. The key is never an option, for others on the machine
    /// could read it: it is in the profile, or in TENANTRY_API_KEY.
    #[arg(long, env = "TENANTRY_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The profile that `tenantry login` has written.
    #[arg(long, env = "TENANTRY_PROFILE", value_name = "NAME", default_value = "default")]
    pub(crate) profile: String,
    /// Trust the certificate authorities in this PEM file too.
    #[arg(long, env = "TENANTRY_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

impl ServerArgs {
    pub(crate) fn connect(&self) -> anyhow::Result<Client> {
        self.connect_with(Patience::default())
    }

    pub(crate) fn connect_with(&self, patience: Patience) -> anyhow::Result<Client> {
        let given = self.url.as_deref().map(base_url).transpose()?;
        let (base, key, ca_file) = match (given, key_of_environment()?) {
            (Some(base), Some(key)) => (base, key, None),
            (given, key) => {
                let how = "sign in with `tenantry login URL`, or set TENANTRY_URL and TENANTRY_API_KEY";
                let path = profile::path(&self.profile)?;
                let Some(profile) = profile::read(&path)? else {
                    return Err(not_signed_in(match self.profile.as_str() {
                        "default" => format!("not signed in to a server: {how}"),
                        name => format!("there is no profile {name:?}: {how}"),
                    }));
                };
                let base = base_url(&profile.url)?;
                // A key is sent to the server that it was given for, and to no other.
                if given.is_some_and(|given| given != base) {
                    return Err(not_signed_in(format!(
                        "the profile {:?} is for {base}: sign in to the other server under a profile of its own, or set \
                         TENANTRY_API_KEY",
                        self.profile
                    )));
                }
                (base, key.unwrap_or(profile.api_key), profile.ca_file)
            }
        };
        client(base, &key, self.ca_file.clone().or(ca_file), patience)
    }
}

/// A client of this server.
pub(crate) fn client(
    base: BaseUrl,
    key: &SecretString,
    authorities: Option<PathBuf>,
    patience: Patience,
) -> anyhow::Result<Client> {
    let user_agent = concat!("tenantry/", env!("CARGO_PKG_VERSION")).to_owned();
    let proxies = Proxies::of_environment();
    Ok(Client::new(base, key, &Options { patience, authorities, user_agent, proxies })?)
}

pub(crate) fn base_url(text: &str) -> anyhow::Result<BaseUrl> {
    text.parse().map_err(|wrong| wrong_input(format!("the server's URL {wrong}")))
}

/// The key in `TENANTRY_API_KEY`, if there is one.
pub(crate) fn key_of_environment() -> anyhow::Result<Option<SecretString>> {
    match std::env::var(KEY) {
        Ok(key) if key.trim().is_empty() => Ok(None),
        Ok(key) => Ok(Some(key.trim().to_owned().into())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(wrong_input(format!("{KEY} is not text"))),
    }
}

/// How the answer is printed.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print JSON: everything that the server tells.
    #[arg(long, conflicts_with_all = ["csv", "format"])]
    pub(crate) json: bool,
    /// Print CSV with a header (RFC 4180). A text that a spreadsheet would take for a formula gets a ' in front.
    #[arg(long, conflicts_with = "format")]
    pub(crate) csv: bool,
    /// Print each object like this, such as '{id}\t{name}' or '{address.city}'.
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) format: Option<String>,
}

/// How much of a list is read.
#[derive(Args, Clone, Default)]
pub(crate) struct ListArgs {
    /// Stop after so many.
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

/// Options of a command that changes something, and prints what it is then.
#[derive(Args, Clone)]
pub(crate) struct ChangeArgs {
    /// Show what would be done, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Options of a command that ends or removes something.
#[derive(Args, Clone)]
pub(crate) struct RemovalArgs {
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show what this is about, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}
