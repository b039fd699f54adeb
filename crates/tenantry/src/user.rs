//! `tenantry admin user …`

use crate::partner::partner_named;
use crate::platform::Platform;
use crate::user_keys::{self, UserKeysCommand};
use app::{App, Call, Clock, Paging, Tenant};
use clap::{Args, Subcommand};
use domain::json::Json;
use domain::{CustomerId, Handling, User};
use serde_json::{Value, json};

/// Make and list users, and give and take their keys.
#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user; its key is printed this once.
    Create {
        /// Its e-mail address, unique in its tenant.
        email: String,
        /// For people to read.
        #[arg(long, default_value = "")]
        name: String,
        /// `admin`, `operator`, `billing`, `viewer` or `auditor`, or several of them with commas between them; for a customer's
        /// user `owner`, or none.
        #[arg(long, value_delimiter = ',')]
        role: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// List a tenant's users.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Give a user a new default key, printed this once; the old one is dead at once.
    Rotate {
        /// Its e-mail address.
        email: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take all keys away from a user; the user stays.
    Revoke {
        /// Its e-mail address.
        email: String,
        #[command(flatten)]
        place: Place,
    },
    #[command(subcommand)]
    Keys(UserKeysCommand),
}

/// Whose users.
#[derive(Args)]
pub(crate) struct Place {
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// The id of the customer whose users are meant; without it the partner's own.
    #[arg(long, value_name = "ID")]
    customer: Option<i64>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    platform: Platform,
}

pub(crate) async fn run(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Keys(command) => user_keys::run(command).await,
        UserCommand::Create { email, name, role, place } => {
            let (app, call, tenant) = open(&place, "user create").await?;
            let mut body = json!({"email": email, "name": name});
            match &role[..] {
                [] => {}
                [one] => body["role"] = one.as_str().into(),
                several => body["roles"] = json!(several),
            }
            let body = Json::from(&body);
            let write = api::body::<api::User, _>;
            let created = app.create_user(&call, tenant, &body, Handling::Strict, write).await?;
            app.close().await;
            print_with_key(&created.json, place.json)
        }
        UserCommand::List { place } => {
            let (app, call, tenant) = open(&place, "user list").await?;
            let users = all(&app, &call, tenant).await?;
            app.close().await;
            if place.json {
                let users = users.into_iter().map(api::User::from).collect::<Vec<_>>();
                println!("{:#}", json!({ "users": users }));
            } else {
                for user in users {
                    let key = if user.has_key { "" } else { "  (no key)" };
                    println!("{:>6}  {:<8}  {}{key}", user.id, user.roles.to_string(), user.email.as_str());
                }
            }
            Ok(())
        }
        UserCommand::Rotate { email, place } => {
            let (app, call, tenant) = open(&place, "user rotate").await?;
            let user = named(&app, &call, tenant, &email).await?;
            let body = Json::Object(Vec::new());
            let write = api::body::<api::User, _>;
            let created = app.rotate_key(&call, tenant, user.id, &body, Handling::Strict, write).await?;
            app.close().await;
            print_with_key(&created.json, place.json)
        }
        UserCommand::Revoke { email, place } => {
            let (app, call, tenant) = open(&place, "user revoke").await?;
            let user = named(&app, &call, tenant, &email).await?;
            app.revoke_key(&call, tenant, user.id).await?;
            app.close().await;
            if place.json {
                println!("{:#}", json!({"id": user.id, "email": user.email, "has_api_key": false}));
            } else {
                println!("{} has no key any more", user.email.as_str());
            }
            Ok(())
        }
    }
}

pub(crate) async fn open(place: &Place, operation: &str) -> anyhow::Result<(App, Call, Tenant)> {
    let app = place.platform.open(Clock::System).await?;
    let partner = partner_named(&app, &place.partner).await?;
    let call = Call::of_operator(partner.id, operation);
    let customer = place.customer.map(CustomerId);
    if let Some(id) = customer {
        app.customer(&call, id).await.map_err(|error| match error {
            app::Error::NotFound => anyhow::anyhow!("there is no customer {} there", id.0),
            error => error.into(),
        })?;
    }
    Ok((app, call, customer))
}

async fn all(app: &App, call: &Call, tenant: Tenant) -> anyhow::Result<Vec<User>> {
    let mut users = Vec::new();
    let mut paging = Paging { page: 1, per_page: 100 };
    loop {
        let (page, total) = app.users(call, tenant, paging).await?;
        let done = page.is_empty();
        users.extend(page);
        if done || users.len() as i64 >= total {
            return Ok(users);
        }
        paging.page += 1;
    }
}

pub(crate) async fn named(app: &App, call: &Call, tenant: Tenant, email: &str) -> anyhow::Result<User> {
    let found = all(app, call, tenant)
        .await?
        .into_iter()
        .find(|user| user.email.as_str().eq_ignore_ascii_case(email));
    found.ok_or_else(|| anyhow::anyhow!("there is no user {email:?} there"))
}

fn print_with_key(json: &str, as_json: bool) -> anyhow::Result<()> {
    let user: Value = serde_json::from_str(json)?;
    if as_json {
        println!("{user:#}");
    } else {
        let text = |field: &str| user[field].as_str().unwrap_or_default().to_owned();
        let roles: Vec<&str> =
            user["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        println!(
            "{} ({})\n\nIts API key, shown only this once:\n\n    {}",
            text("email"),
            roles.join(", "),
            text("api_key")
        );
    }
    Ok(())
}
