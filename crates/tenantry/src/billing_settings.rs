//! `tenantry admin billing-settings …`

use crate::partner::PartnerArgs;
use anyhow::bail;
use app::billing::BillingSettings;
use clap::{Args, Subcommand};
use domain::json::Json;
use serde_json::{Map, Value, json};

/// Show and set what statements say of the partner: how their numbers begin, when they are due, and who issues them.
#[derive(Subcommand)]
pub(crate) enum BillingSettingsCommand {
    /// Show the billing settings.
    Show {
        #[command(flatten)]
        partner: PartnerArgs,
    },
    /// Change the billing settings: only what is given changes.
    Set {
        #[command(flatten)]
        change: Box<Change>,
        #[command(flatten)]
        partner: PartnerArgs,
    },
}

/// What changes.
#[derive(Args)]
pub(crate) struct Change {
    /// What the numbers of statements begin with, such as `CON-` for CON-2026-0001.
    #[arg(long, value_name = "PREFIX")]
    statement_number_prefix: Option<String>,
    /// Days after its issue by which a statement is to be paid.
    #[arg(long, value_name = "DAYS", allow_hyphen_values = true)]
    due_days: Option<i64>,
    /// The partner's name on statements.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// The first line of the address. With any part of an address the whole one is replaced.
    #[arg(long)]
    street1: Option<String>,
    /// The second line.
    #[arg(long)]
    street2: Option<String>,
    #[arg(long)]
    city: Option<String>,
    /// State or province.
    #[arg(long)]
    state: Option<String>,
    #[arg(long)]
    zipcode: Option<String>,
    /// By its code, such as US.
    #[arg(long)]
    country: Option<String>,
    /// Reset this, such as `due_days` or `address`; repeat it for others.
    #[arg(long, value_name = "FIELD")]
    clear: Vec<String>,
}

impl Change {
    /// The settings with this change, by their names in the API: there is one set of rules for both.
    fn of(&self, settings: &BillingSettings) -> anyhow::Result<Json> {
        let settings = api::BillingSettings::from(settings.clone());
        let Value::Object(mut body) = serde_json::to_value(settings)? else { return Ok(Json::Null) };
        let given = |fields: Value| -> Map<String, Value> {
            let Value::Object(mut fields) = fields else { return Map::new() };
            fields.retain(|_, value| !value.is_null());
            fields
        };
        let address = given(json!({
            "street1": self.street1, "street2": self.street2, "city": self.city, "state": self.state,
            "zipcode": self.zipcode, "country": self.country,
        }));
        if !address.is_empty() {
            body.insert("address".to_owned(), Value::Object(address));
        }
        body.extend(given(json!({
            "statement_number_prefix": self.statement_number_prefix, "due_days": self.due_days,
            "display_name": self.display_name,
        })));
        for field in &self.clear {
            if body.insert(field.clone(), Value::Null).is_none() {
                bail!("--clear {field}: there is no such setting");
            }
        }
        Ok(Json::from(&Value::Object(body)))
    }
}

pub(crate) async fn run(command: BillingSettingsCommand) -> anyhow::Result<()> {
    let (settings, json) = match command {
        BillingSettingsCommand::Show { partner } => {
            let (app, call) = partner.open("billing-settings show").await?;
            let settings = app.billing_settings(&call).await?;
            app.close().await;
            (settings, partner.json)
        }
        BillingSettingsCommand::Set { change, partner } => {
            let (app, call) = partner.open("billing-settings set").await?;
            let before = app.billing_settings(&call).await?;
            let settings = app.set_billing_settings(&call, &change.of(&before)?).await?;
            app.close().await;
            (settings, partner.json)
        }
    };
    if json {
        println!("{:#}", serde_json::to_value(api::BillingSettings::from(settings))?);
    } else {
        print(&settings);
    }
    Ok(())
}

fn print(settings: &BillingSettings) {
    let BillingSettings { statement_number_prefix, due_days, display_name, address } = settings;
    let address = address.as_ref().map(|address| address.lines().join(", "));
    let or = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
    let prefix = Some(statement_number_prefix.clone()).filter(|prefix| !prefix.is_empty());
    for (name, value) in [
        ("statement number prefix", or(prefix, "none")),
        ("due days", or(due_days.map(|days| days.to_string()), "none: statements have no due date")),
        ("display name", or(display_name.clone(), "that of the partner")),
        ("address", or(address, "none")),
    ] {
        println!("{name:<24} {value}");
    }
}
