//! What a partner says of its statements: how their numbers begin, when they are due, and who issues them.

use super::report::{stored, text};
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::Done;
use crate::permissions::Permission;
use crate::{App, Error};
use domain::customer::ADDRESS;
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::text::{filled_line, invalid, string, wrong_type};
use domain::{Address, Handling, PartnerId, Violation};
use serde::{Deserialize, Serialize};
use store::{Tx, billing_settings};

/// Maximum days that a customer may have to pay.
const MAX_DUE_DAYS: i64 = 365;
/// Maximum characters of a number's prefix.
const MAX_PREFIX: usize = 20;
/// Maximum characters of the display name.
const MAX_NAME: usize = 255;

/// The payload that sets them.
static PAYLOAD: Payload = Payload {
    members: &[
        Member::plain("statement_number_prefix"),
        Member::plain("due_days"),
        Member::plain("display_name"),
        Member::object("address", &ADDRESS),
    ],
    read_only: &[],
};

/// Billing settings of a partner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BillingSettings {
    /// What the numbers of statements begin with: `CON-` for `CON-2026-0001`.
    pub statement_number_prefix: String,
    /// Days after its issue by which a statement is to be paid; if `None`, statements do not say.
    pub due_days: Option<i64>,
    /// Name on statements; if `None`, that of the partner.
    pub display_name: Option<String>,
    /// Address on statements.
    pub address: Option<Address>,
}

impl BillingSettings {
    /// Reads a payload. What it leaves out is reset. Unknown fields are always violations.
    fn parse(body: &Json) -> Result<Self, Error> {
        const EXPECTED: &str = r#"a JSON object such as {"statement_number_prefix": "CON-", "due_days": 30}"#;
        let mut fields = Fields::of(body, EXPECTED).map_err(|wrong| Error::Invalid(wrong.into()))?;
        let prefix = fields.optional("statement_number_prefix", read_prefix);
        let due_days = fields.optional("due_days", |json| match json {
            Json::Number(number) => {
                let days = number.as_i64().filter(|days| (0..=MAX_DUE_DAYS).contains(days));
                days.ok_or_else(|| invalid(format!("must be a whole number from 0 to {MAX_DUE_DAYS}")))
            }
            other => Err(wrong_type("a number", other)),
        });
        let name =
            fields.optional("display_name", |json| filled_line(string(json)?, MAX_NAME).map(str::to_owned));
        let address = fields.optional("address", Address::parse);
        fields.violations.extend(PAYLOAD.unknown(body, Handling::Strict));
        if !fields.violations.is_empty() {
            return Err(Error::Invalid(fields.violations));
        }
        let statement_number_prefix = prefix.unwrap_or_default();
        Ok(BillingSettings { statement_number_prefix, due_days, display_name: name, address })
    }

    /// Those of a partner.
    pub(super) async fn load(tx: &mut Tx, partner: PartnerId) -> Result<Self, Error> {
        match billing_settings::get(tx, partner).await? {
            Some(settings) => stored("the billing settings", &settings),
            None => Ok(BillingSettings::default()),
        }
    }
}

/// The beginning of a number: letters, digits and some signs, a letter or digit first, so that no spreadsheet runs it.
fn read_prefix(json: &Json) -> Result<String, Violation> {
    let prefix = string(json)?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let starts = prefix.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts || prefix.len() > MAX_PREFIX || !prefix.chars().all(is_allowed) {
        return Err(invalid(format!(
            "must have at most {MAX_PREFIX} letters, digits and - _ . /, and begin with a letter or digit"
        )));
    }
    Ok(prefix.to_owned())
}

impl App {
    /// The partner's billing settings.
    #[boxed]
    pub async fn billing_settings(&self, call: &Call) -> Result<BillingSettings, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        grant
            .list(call.partner(), |partner, tx| {
                Box::pin(async move { BillingSettings::load(tx, *partner).await })
            })
            .await
    }

    /// Who issues statements: the name and the address that the partner has set for them. Its customers' users read them on
    /// every statement, so they need no permission.
    #[boxed]
    pub async fn issuer(&self, call: &Call) -> Result<(Option<String>, Option<Address>), Error> {
        let settings: BillingSettings = self
            .unchecked(call)
            .list(call.partner(), |partner, tx| {
                Box::pin(async move { BillingSettings::load(tx, *partner).await })
            })
            .await?;
        Ok((settings.display_name, settings.address))
    }

    /// Replaces the partner's billing settings. Statements that have a number keep it.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation.
    #[boxed]
    pub async fn set_billing_settings(&self, call: &Call, body: &Json) -> Result<BillingSettings, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let settings = BillingSettings::parse(body)?;
        grant
            .change((call.partner(), settings, self.clock.now()), |(partner, settings, now), tx| {
                Box::pin(async move {
                    let before = billing_settings::get(tx, *partner).await?;
                    billing_settings::set(tx, *partner, &text(settings)?, *now).await?;
                    let mut entry = Entry::new("billing_settings.update", "billing_settings".into());
                    entry.before = before;
                    Ok(Done { value: settings.clone(), entry: Some(entry.after(settings)) })
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_left_out_is_reset_and_what_is_wrong_is_named() {
        let parse = |body: &serde_json::Value| BillingSettings::parse(&Json::from(body));
        assert_eq!(parse(&json!({})).unwrap(), BillingSettings::default());
        let whole = json!({"statement_number_prefix": "CON/7-", "due_days": 0, "display_name": "Contoso",
            "address": {"street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01101", "country": "US"}});
        let read = parse(&whole).unwrap();
        assert_eq!((read.statement_number_prefix.as_str(), read.due_days), ("CON/7-", Some(0)));
        assert_eq!(serde_json::from_str::<BillingSettings>(&text(&read).unwrap()).unwrap(), read);
        for (body, wrong) in [
            (json!({"statement_number_prefix": "-1"}), "/statement_number_prefix"),
            (json!({"statement_number_prefix": "=1"}), "/statement_number_prefix"),
            (json!({"statement_number_prefix": "a b"}), "/statement_number_prefix"),
            (json!({"statement_number_prefix": "a".repeat(21)}), "/statement_number_prefix"),
            (json!({"due_days": 366}), "/due_days"),
            (json!({"due_days": -1}), "/due_days"),
            (json!({"due_days": "30"}), "/due_days"),
            (json!({"display_name": 1}), "/display_name"),
            (json!({"address": {"street1": "1"}}), "/address/city"),
            (json!({"address": {"planet": "Mars"}}), "/address/planet"),
            (json!({"prefix": "A"}), "/prefix"),
        ] {
            let Err(Error::Invalid(violations)) = parse(&body) else { panic!("{body} is accepted") };
            assert!(violations.into_iter().any(|violation| violation.pointer == wrong), "{body}");
        }
    }
}
