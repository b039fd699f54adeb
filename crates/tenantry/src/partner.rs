//! `tenantry partner …`

use crate::Database;
use app::{App, Clock};
use clap::Subcommand;
use serde_json::json;

/// Make partners.
#[derive(Subcommand)]
pub(crate) enum PartnerCommand {
    /// Make a partner and its first admin; prints them, and the admin's key, as JSON.
    Create {
        /// The partner's name, unique on this server.
        name: String,
        /// The e-mail address of its first admin.
        #[arg(long, value_name = "EMAIL")]
        admin: String,
        #[command(flatten)]
        database: Database,
    },
}

pub(crate) async fn run(command: PartnerCommand) -> anyhow::Result<()> {
    match command {
        PartnerCommand::Create { name, admin, database } => {
            let app = App::new(store::Db::open(database.url()).await?, Clock::System);
            let founded = app.create_partner(&name, &admin).await?;
            app.close().await;
            let printed = json!({
                "partner": {"id": founded.partner.id, "name": founded.partner.name},
                "user": {"id": founded.user, "email": founded.email.as_str()},
                "api_key": founded.key.reveal(),
            });
            println!("{printed:#}");
            Ok(())
        }
    }
}
