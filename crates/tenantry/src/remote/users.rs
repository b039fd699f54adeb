//! `tenantry users …`

use super::args::{ListArgs, OutputArgs, ServerArgs};
use super::exit::{examples, wrong_input};
use super::keys::{self, KeysCommand};
use super::query::{PER_PAGE, Query};
use super::show::{self, View};
use super::{cells, input};
use clap::{Args, Subcommand};
use client::{Client, Request};
use http::Method;
use serde_json::{Value, json};

/// List, create, change and delete users, and give and take their keys.
#[derive(Subcommand)]
pub(crate) enum UsersCommand {
    List(Listed),
    Get(Got),
    Create(Created),
    Update(Updated),
    Delete(Deleted),
    RotateKey(Rotated),
    RevokeKey(Revoked),
    Unlink(Unlinked),
    #[command(subcommand)]
    Keys(KeysCommand),
}

/// Whose users.
#[derive(Args)]
pub(crate) struct Whose {
    /// The users of this customer, instead of the partner's own.
    #[arg(long, value_name = "ID")]
    customer: Option<i64>,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

/// List users, all pages of them.
#[derive(Args)]
#[command(after_help = examples!("tenantry users list", "tenantry users list --customer 3947 --json"))]
pub(crate) struct Listed {
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    whose: Whose,
}

/// Show a user.
#[derive(Args)]
#[command(after_help = examples!("tenantry users get 17"))]
pub(crate) struct Got {
    /// The user's id.
    id: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    whose: Whose,
}

/// Create a user. Its key is shown this once.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry users create jane@contoso.example --role operator,billing",
    "tenantry users create bot@contoso.example --role viewer --expires 2027-01-01 --format '{api_key}'",
    "tenantry users create joe@acme.example --customer 3947 --role owner",
))]
pub(crate) struct Created {
    /// The e-mail address, unique among these users.
    email: String,
    /// For people to read.
    #[arg(long)]
    name: Option<String>,
    /// admin, operator, billing, viewer or auditor, or several by commas; for a customer's user owner, or none.
    #[arg(long, value_delimiter = ',')]
    role: Vec<String>,
    /// When the key stops to work (ISO 8601); by default never.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    whose: Whose,
}

/// Change a user's name or roles.
#[derive(Args)]
#[command(after_help = examples!("tenantry users update 17 --role viewer --dry-run"))]
pub(crate) struct Updated {
    /// The user's id.
    id: String,
    /// For people to read.
    #[arg(long)]
    name: Option<String>,
    /// All its roles from now on, by commas.
    #[arg(long, value_delimiter = ',')]
    role: Vec<String>,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    whose: Whose,
}

/// Delete a user; its keys are dead at once.
#[derive(Args)]
#[command(after_help = examples!("tenantry users delete 17"))]
pub(crate) struct Deleted {
    #[command(flatten)]
    end: End,
}

/// Give a user a new default key, shown this once; the old one is dead at once, or after the overlap.
#[derive(Args)]
#[command(after_help = examples!("tenantry users rotate-key 17 --overlap 3600", "tenantry users rotate-key 17 --format '{api_key}' > key"))]
pub(crate) struct Rotated {
    /// The user's id.
    id: String,
    /// When the new key stops to work (ISO 8601); by default never.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// The seconds for which the old key goes on working: up to 604800 (7 days).
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    overlap: u32,
    /// Show whom this is about, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    whose: Whose,
}

/// Take all keys away from a user; the user stays.
#[derive(Args)]
#[command(after_help = examples!("tenantry users revoke-key 17"))]
pub(crate) struct Revoked {
    #[command(flatten)]
    end: End,
}

/// Unlink a user from the account that it signs in with, for an account that was made again.
#[derive(Args)]
#[command(after_help = examples!("tenantry users unlink 17"))]
pub(crate) struct Unlinked {
    #[command(flatten)]
    end: End,
}

#[derive(Args)]
pub(crate) struct End {
    /// The user's id.
    id: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Show whom this is about, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    whose: Whose,
}

static VIEW: View = View {
    noun: "users",
    table: &[
        ("ID", "id"),
        ("EMAIL", "email"),
        ("NAME", "name"),
        ("ROLES", "roles"),
        ("KEY", "has_api_key"),
        ("EXPIRES", "api_key_expires_at"),
        ("LAST USED", "last_used_at"),
    ],
    fields: &[
        "id",
        "email",
        "name",
        "role",
        "roles",
        "customer_id",
        "has_api_key",
        "api_key",
        "api_key_expires_at",
        "last_used_at",
        "created_at",
        "updated_at",
    ],
};

impl Whose {
    fn path(&self) -> String {
        match self.customer {
            Some(id) => format!("/v2/customers/{id}/users"),
            None => "/v2/users".to_owned(),
        }
    }

    pub(super) fn user(&self, id: &str) -> anyhow::Result<String> {
        Ok(format!("{}/{}", self.path(), input::id(id)?))
    }
}

pub(crate) async fn run(command: UsersCommand) -> anyhow::Result<()> {
    match command {
        UsersCommand::List(args) => {
            let path = Query::new(args.whose.path()).with("per_page", PER_PAGE).done();
            let client = args.whose.server.connect()?;
            show::list(client.pages(&path, "users"), &args.output, &args.list, &VIEW).await
        }
        UsersCommand::Get(args) => {
            let path = args.whose.user(&args.id)?;
            let client = args.whose.server.connect()?;
            show::one(&client.get(&path).await?.json()?, &args.output, &VIEW)
        }
        UsersCommand::Create(args) => {
            let mut body = roles(&args.role);
            body["email"] = args.email.into();
            body["name"] = args.name.into();
            body["api_key_expires_at"] = args.expires.into();
            if args.dry_run {
                println!("would create this user:\n{body:#}");
                return Ok(());
            }
            with_key(&args.whose.server.connect()?, &args.whose.path(), &body, &args.output).await
        }
        UsersCommand::Update(args) => {
            let path = args.whose.user(&args.id)?;
            let mut body = roles(&args.role);
            if let Some(name) = args.name {
                body["name"] = name.into();
            }
            if body == json!({}) {
                return Err(wrong_input("nothing is named that is to change: give --name or --role"));
            }
            if args.dry_run {
                println!("would change user {} like this:\n{body:#}", args.id);
                return Ok(());
            }
            let client = args.whose.server.connect()?;
            let changed = client.send(&Request::json(Method::PUT, path, &body)).await?;
            show::one(&changed.json()?, &args.output, &VIEW)
        }
        UsersCommand::Delete(Deleted { end }) => end.run("Delete", "delete", "is deleted", "").await,
        UsersCommand::RevokeKey(Revoked { end }) => {
            end.run("Take all keys away from", "take all keys away from", "has no key any more", "/api_key")
                .await
        }
        UsersCommand::Unlink(Unlinked { end }) => {
            end.run("Unlink", "unlink", "is linked to no account any more", "/accounts").await
        }
        UsersCommand::RotateKey(args) => {
            let user = args.whose.user(&args.id)?;
            if args.dry_run {
                let user = args.whose.server.connect()?.get(&user).await?.json()?;
                let email = cells::for_terminal(&cells::text(&user["email"])).into_owned();
                println!("would give user {} ({email}) a new key, and end the old one", args.id);
                return Ok(());
            }
            let path = format!("{user}/api_key");
            let body = json!({"api_key_expires_at": args.expires, "overlap_seconds": args.overlap});
            with_key(&args.whose.server.connect()?, &path, &body, &args.output).await
        }
        UsersCommand::Keys(command) => keys::run(command).await,
    }
}

fn roles(roles: &[String]) -> Value {
    match roles {
        [] => json!({}),
        several => json!({ "roles": several }),
    }
}

/// Sends what is answered with a new key, and shows that.
async fn with_key(client: &Client, path: &str, body: &Value, output: &OutputArgs) -> anyhow::Result<()> {
    let key = app::Random::default().long_id()?;
    let user = client.send(&Request::json(Method::POST, path, body).idempotent(&key)).await?.json()?;
    if output.json || output.csv || output.format.is_some() {
        return show::one(&user, output, &VIEW);
    }
    let text = |field: &str| cells::for_terminal(&cells::text(&user[field])).into_owned();
    println!(
        "{} ({}), user {}\n\nIts API key, shown only this once:\n\n    {}",
        text("email"),
        text("roles"),
        text("id"),
        text("api_key")
    );
    Ok(())
}

impl End {
    async fn run(self, question: &str, would: &str, done: &str, below: &str) -> anyhow::Result<()> {
        let path = self.whose.user(&self.id)?;
        let client = self.whose.server.connect()?;
        let user = client.get(&path).await?.json()?;
        let email = cells::for_terminal(&cells::text(&user["email"])).into_owned();
        if self.dry_run {
            println!("would {would} user {} ({email})", self.id);
        } else if input::confirmed(&format!("{question} user {} ({email})?", self.id), self.yes)? {
            client.send(&Request::new(Method::DELETE, format!("{path}{below}"))).await?;
            println!("user {} ({email}) {done}", self.id);
        }
        Ok(())
    }
}
