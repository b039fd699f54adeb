//! `tenantry admin partner …`

use crate::platform::Platform;
use app::{App, Call, Clock, Error};
use clap::{Args, Subcommand};
use serde_json::json;
use store::partners::Partner;

/// Make, list and suspend partners.
#[derive(Subcommand)]
pub(crate) enum PartnerCommand {
    /// Make a partner and its first admin; the admin's key is printed this once.
    Create {
        /// The partner's name, unique on this server.
        name: String,
        /// The e-mail address of its first admin.
        #[arg(long, value_name = "EMAIL")]
        admin: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        platform: Platform,
    },
    /// List the partners.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        platform: Platform,
    },
    /// Suspend a partner: its keys, and its customers', are refused from now on.
    Suspend {
        /// The partner's name.
        name: String,
        /// Let it in again.
        #[arg(long)]
        resume: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        platform: Platform,
    },
}

pub(crate) async fn run(command: PartnerCommand) -> anyhow::Result<()> {
    match command {
        PartnerCommand::Create { name, admin, platform, json } => {
            let app = platform.open(Clock::System).await?;
            let founded = app.create_partner(&name, &admin).await?;
            app.close().await;
            let (partner, email, key) = (&founded.partner, founded.email.as_str(), founded.key.reveal());
            if json {
                let printed = json!({
                    "partner": {"id": partner.id, "name": partner.name},
                    "user": {"id": founded.user, "email": email},
                    "api_key": key,
                });
                println!("{printed:#}");
            } else {
                println!(
                    "{}, with the admin {email}\n\nThe admin's API key, shown only this once:\n\n    {key}",
                    partner.name
                );
            }
        }
        PartnerCommand::List { json, platform } => {
            let app = platform.open(Clock::System).await?;
            let partners = app.partners().await?;
            app.close().await;
            if json {
                let partners: Vec<_> = partners
                    .iter()
                    .map(|p| json!({"id": p.id, "name": p.name, "suspended": p.suspended}))
                    .collect();
                println!("{:#}", json!({ "partners": partners }));
            } else {
                for partner in partners {
                    let suspended = if partner.suspended { "  (suspended)" } else { "" };
                    println!("{:>6}  {}{suspended}", partner.id, partner.name);
                }
            }
        }
        PartnerCommand::Suspend { name, resume, json, platform } => {
            let app = platform.open(Clock::System).await?;
            let partner = partner_named(&app, &name).await?;
            app.suspend_partner(&partner, !resume).await?;
            app.close().await;
            if json {
                println!("{:#}", json!({"id": partner.id, "name": partner.name, "suspended": !resume}));
            } else {
                println!("{} is {}", partner.name, if resume { "let in again" } else { "suspended" });
            }
        }
    }
    Ok(())
}

/// The partner that a command is about, and how it prints.
#[derive(Args)]
pub(crate) struct PartnerArgs {
    /// The partner's name.
    #[arg(long, env = "TENANTRY_PARTNER", default_value = "default")]
    partner: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    platform: Platform,
}

impl PartnerArgs {
    pub(crate) async fn open(&self, operation: &str) -> anyhow::Result<(App, Call)> {
        let app = self.platform.open(Clock::System).await?;
        let partner = partner_named(&app, &self.partner).await?;
        Ok((app, Call::of_operator(partner.id, operation)))
    }
}

/// The partner of this name, or a sentence that says that there is none.
pub(crate) async fn partner_named(app: &App, name: &str) -> anyhow::Result<Partner> {
    app.partner_named(name).await.map_err(|error| match error {
        Error::NotFound => anyhow::anyhow!("there is no partner named {name:?}"),
        other => other.into(),
    })
}
