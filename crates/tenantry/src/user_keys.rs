//! `tenantry admin user keys …`

use crate::user::{Place, named, open};
use anyhow::Context;
use clap::Subcommand;
use domain::json::Json;
use domain::{Handling, UserKey};
use serde_json::{Value, json};

/// List, create, rotate and revoke the API keys of a user.
#[derive(Subcommand)]
pub(crate) enum UserKeysCommand {
    /// List a user's keys.
    List {
        /// The user's e-mail address.
        email: String,
        #[command(flatten)]
        place: Place,
    },
    /// Give a user one more key, printed this once.
    Create {
        /// The user's e-mail address.
        email: String,
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
        place: Place,
    },
    /// Put a new key in the place of one, printed this once.
    Rotate {
        /// The user's e-mail address.
        email: String,
        /// The key's id, as `list` shows it.
        key: String,
        /// The seconds for which the old key goes on working: up to 604800 (7 days).
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        overlap: u32,
        #[command(flatten)]
        place: Place,
    },
    /// Revoke a key; it is dead at once.
    Revoke {
        /// The user's e-mail address.
        email: String,
        /// The key's id, as `list` shows it.
        key: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) async fn run(command: UserKeysCommand) -> anyhow::Result<()> {
    match command {
        UserKeysCommand::List { email, place } => {
            let (app, call, tenant) = open(&place, "user keys list").await?;
            let user = named(&app, &call, tenant, &email).await?;
            let keys = app.api_keys(&call, tenant, user.id).await?;
            app.close().await;
            if place.json {
                let keys = keys.into_iter().map(api::ApiKey::from).collect::<Vec<_>>();
                println!("{:#}", json!({ "api_keys": keys }));
            } else {
                keys.iter().for_each(|key| println!("{}", line(key)));
            }
            Ok(())
        }
        UserKeysCommand::Create { email, name, role, from, expires, place } => {
            let (app, call, tenant) = open(&place, "user keys create").await?;
            let user = named(&app, &call, tenant, &email).await?;
            let mut body = json!({"name": name, "expires_at": expires});
            if !role.is_empty() {
                body["roles"] = json!(role);
            }
            if !from.is_empty() {
                body["allowed_addresses"] = json!(from);
            }
            let body = Json::from(&body);
            let (strict, write) = (Handling::Strict, api::body::<api::ApiKey, _>);
            let created = app.create_api_key(&call, tenant, user.id, &body, strict, write).await?;
            app.close().await;
            print_with_secret(&created.json, place.json)
        }
        UserKeysCommand::Rotate { email, key, overlap, place } => {
            let (app, call, tenant) = open(&place, "user keys rotate").await?;
            let user = named(&app, &call, tenant, &email).await?;
            let body = Json::from(&json!({ "overlap_seconds": overlap }));
            let (strict, write) = (Handling::Strict, api::body::<api::ApiKey, _>);
            let created = app.rotate_api_key(&call, tenant, user.id, &key, &body, strict, write).await;
            let created = created.with_context(|| format!("the key {key:?}"))?;
            app.close().await;
            print_with_secret(&created.json, place.json)
        }
        UserKeysCommand::Revoke { email, key, place } => {
            let (app, call, tenant) = open(&place, "user keys revoke").await?;
            let user = named(&app, &call, tenant, &email).await?;
            let revoked = app.revoke_api_key(&call, tenant, user.id, &key).await;
            revoked.with_context(|| format!("the key {key:?}"))?;
            app.close().await;
            if place.json {
                println!("{:#}", json!({"id": key, "revoked": true}));
            } else {
                println!("the key {key} of {} is revoked", user.email.as_str());
            }
            Ok(())
        }
    }
}

fn line(key: &UserKey) -> String {
    let mut line = format!("{:<8}  {}", key.id, key.name);
    if let Some(roles) = key.roles {
        line += &format!("  ({roles})");
    }
    if !key.addresses.is_empty() {
        line += &format!("  from {}", key.addresses.to_stored());
    }
    if let Some(end) = key.expires_at {
        line += &format!("  until {end}");
    }
    if let Some(by) = &key.replaced_by {
        line += &format!("  replaced by {by}");
    }
    line
}

fn print_with_secret(json: &str, as_json: bool) -> anyhow::Result<()> {
    let key: Value = serde_json::from_str(json)?;
    if as_json {
        println!("{key:#}");
    } else {
        let text = |field: &str| key[field].as_str().unwrap_or_default().to_owned();
        println!(
            "{}, key {}\n\nThe API key, shown only this once:\n\n    {}",
            text("name"),
            text("id"),
            text("api_key")
        );
    }
    Ok(())
}
