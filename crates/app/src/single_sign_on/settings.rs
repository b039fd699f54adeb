//! The settings of a partner's providers. The secret is encrypted, and bound to the other settings.

use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::Done;
use crate::permissions::Permission;
use crate::secrets::Purpose;
use crate::sessions::SINGLE_SIGN_ON;
use crate::{App, Error};
use ::identity::{Issuer, Provider};
use domain::fields::Fields;
use domain::payload::{Member, Payload};
use domain::text::{string, wrong_type};
use domain::{Handling, Json, PartnerId, Violation, Violations, code};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::sign_ins::{self, ProviderRow};

/// The maximum length of a URL, an id or a secret, in bytes.
const MAX_LENGTH: usize = 1000;
/// The maximum number of allowed domains.
const MAX_DOMAINS: usize = 50;

/// Whose users a provider signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The partner's own users, with the partner's own provider.
    Partner,
    /// Customers' users, with their Microsoft Entra tenants.
    Customers,
}

impl Audience {
    /// Both.
    pub const ALL: [Audience; 2] = [Audience::Partner, Audience::Customers];

    /// The name in paths and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Audience::Partner => "partner",
            Audience::Customers => "customers",
        }
    }

    /// The audience with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Audience::ALL.into_iter().find(|audience| audience.as_str() == text)
    }
}

/// The settings of a provider, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// For the partner's own users, the issuer's URL; for customers' users, the URL in front of the tenant's id, such as
    /// `https://login.microsoftonline.com`.
    pub issuer: String,
    /// The application's id.
    pub client_id: String,
    /// The domains of e-mail addresses that may sign in, in lower case; empty for all.
    pub allowed_domains: Vec<String>,
}

fn missing(pointer: &str) -> Violation {
    Violation::new(pointer, code::REQUIRED, "is required").because("required", &[])
}

/// What the payload of a provider consists of.
pub static PAYLOAD: Payload = Payload {
    members: &[
        Member::plain("issuer"),
        Member::plain("client_id"),
        Member::alias("client_secret", &["secret"]),
        Member::alias("allowed_domains", &["domains"]),
    ],
    read_only: &[],
};

impl ProviderSettings {
    /// Reads a payload: the settings, and the secret if it has one.
    ///
    /// # Errors
    /// Members of another type than they should be, and unknown ones. What the values have to be is checked when they are set.
    pub fn parse(body: &Json, handling: Handling) -> Result<(Self, Option<SecretString>), Violations> {
        let mut fields =
            Fields::of(body, r#"a JSON object such as {"issuer": "https://login.example.com"}"#)?;
        let text = |json: &Json| string(json).map(str::to_owned);
        let issuer = fields.optional("issuer", text).unwrap_or_default();
        let client_id = fields.optional("client_id", text).unwrap_or_default();
        let secret = fields.optional("client_secret", text).map(SecretString::from);
        let domains = fields.optional("allowed_domains", |json| {
            let Json::Array(elements) = json else {
                return Err(wrong_type(r#"an array such as ["example.com"]"#, json));
            };
            elements.iter().map(text).collect::<Result<Vec<_>, _>>()
        });
        fields.violations.extend(PAYLOAD.unknown(body, handling));
        if !fields.violations.is_empty() {
            return Err(fields.violations);
        }
        let allowed_domains = ProviderSettings::domains(&domains.unwrap_or_default().join(","));
        Ok((ProviderSettings { issuer, client_id, allowed_domains }, secret))
    }

    /// The allowed domains in a text, with commas or white space between them.
    pub fn domains(text: &str) -> Vec<String> {
        let domains =
            text.split([',', ' ', '\n', '\r', '\t', ';']).map(|domain| domain.trim_start_matches('@'));
        let mut domains: Vec<String> =
            domains.filter(|domain| !domain.is_empty()).map(str::to_lowercase).collect();
        domains.sort();
        domains.dedup();
        domains
    }

    fn check(&self, secret: Option<&SecretString>) -> Violations {
        let mut violations = Violations::default();
        for (pointer, text) in [("/issuer", self.issuer.as_str()), ("/client_id", self.client_id.as_str())] {
            if text.is_empty() {
                violations.push(missing(pointer));
            } else if text.len() > MAX_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                let message = "has characters that it cannot have, or is too long";
                violations
                    .push(Violation::new(pointer, code::INVALID, message).because("provider-text", &[]));
            }
        }
        if secret.is_some_and(|secret| secret.expose_secret().len() > MAX_LENGTH) {
            let violation = Violation::new("/client_secret", code::INVALID, "is too long");
            violations.push(violation.because("secret-long", &[]));
        }
        let is_domain = |domain: &String| {
            domain.contains('.')
                && domain.len() <= 253
                && domain
                    .split('.')
                    .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'))
        };
        if let Some(wrong) = self.allowed_domains.iter().find(|domain| !is_domain(domain)) {
            let wrong: String = wrong.chars().take(100).collect();
            let message = format!("{wrong:?} is no domain such as example.com");
            let violation = Violation::new("/allowed_domains", code::INVALID, message);
            violations.push(violation.because("domain", &[("given", &wrong)]));
        } else if self.allowed_domains.len() > MAX_DOMAINS {
            let message = format!("at most {MAX_DOMAINS} are allowed");
            let violation = Violation::new("/allowed_domains", code::TOO_MANY, message);
            violations.push(violation.because("domains-many", &[("max", &MAX_DOMAINS)]));
        }
        violations
    }
}

/// What the transaction that sets a provider needs.
struct NewProvider {
    partner: PartnerId,
    audience: Audience,
    row: ProviderRow,
    /// The issuer and the client are the same as before, so sessions go on.
    goes_on: bool,
    before: Option<ProviderSettings>,
}

impl App {
    /// The settings of the partner's provider for this audience, if it has one.
    #[boxed]
    pub async fn sign_in_provider(
        &self,
        call: &Call,
        audience: Audience,
    ) -> Result<Option<ProviderSettings>, Error> {
        self.require(call, Permission::ManagePartner).await?;
        let row = self.provider_row(call.partner(), audience).await?;
        row.map(|row| read(&row)).transpose()
    }

    /// Sets the partner's provider, once it was reached and is the issuer that it is said to be. Without a secret the one
    /// from before is kept. Sessions of another issuer, or of another application, end.
    ///
    /// # Errors
    /// [`Error::Invalid`], with pointers such as `/issuer`.
    #[boxed]
    pub async fn set_sign_in_provider(
        &self,
        call: &Call,
        audience: Audience,
        settings: ProviderSettings,
        secret: Option<SecretString>,
    ) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        let partner = call.partner();
        let mut violations = settings.check(secret.as_ref());
        let before = self.provider_row(partner, audience).await?;
        let before_settings = before.as_ref().map(read).transpose()?;
        let is_same = |before: &ProviderSettings| {
            before.issuer == settings.issuer && before.client_id == settings.client_id
        };
        let goes_on = before_settings.as_ref().is_some_and(is_same);
        let secret = match (secret, before) {
            (Some(secret), _) => Some(secret),
            // A secret is sent only to the issuer that it was given for.
            (None, Some(row)) if goes_on => Some(self.open_provider(partner, audience, &row)?.into()),
            (None, _) => None,
        };
        if secret.is_none() {
            violations.push(missing("/client_secret"));
        }
        let Some(secret) = secret.filter(|_| violations.is_empty()) else {
            return Err(Error::Invalid(violations));
        };
        let provider = provider(audience, &settings, secret.clone());
        if let Err(error) = self.identity.check(&provider).await {
            let violation = Violation::new("/issuer", "unusable", error.to_string());
            return Err(Error::Invalid(violation.because("provider-unusable", &[("why", &error)]).into()));
        }
        let json = serde_json::to_string(&settings).map_err(|e| Error::Internal(e.to_string()))?;
        let bound_to = bound_to(partner, audience, &json);
        let sealed = self.secrets.seal(Purpose::Provider, &bound_to, secret.expose_secret(), &self.random)?;
        let row = ProviderRow { settings: json, sealed, updated_at: self.clock.now() };
        let input = NewProvider { partner, audience, row, goes_on, before: before_settings };
        grant
            .change(input, |input, tx| {
                let NewProvider { partner, audience, row, goes_on, before } = input;
                Box::pin(async move {
                    sign_ins::set_provider(tx, *partner, audience.as_str(), row).await?;
                    if !*goes_on {
                        end_sessions(tx, *partner, *audience).await?;
                    }
                    let mut entry = Entry::new("sign_in_provider.set", object(*audience));
                    if let Some(before) = before {
                        entry = entry.before(before);
                    }
                    entry.after = Some(row.settings.clone());
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// Removes the partner's provider; the sessions that it has opened end.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    #[boxed]
    pub async fn remove_sign_in_provider(&self, call: &Call, audience: Audience) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManagePartner).await?;
        grant
            .change((call.partner(), audience), |(partner, audience), tx| {
                Box::pin(async move {
                    if !sign_ins::remove_provider(tx, *partner, audience.as_str()).await? {
                        return Err(Error::NotFound);
                    }
                    end_sessions(tx, *partner, *audience).await?;
                    let entry = Entry::new("sign_in_provider.remove", object(*audience));
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// A partner's provider with its secret, and its settings.
    pub(super) async fn provider(
        &self,
        partner: PartnerId,
        audience: Audience,
    ) -> Result<Option<(Provider, ProviderSettings)>, Error> {
        let Some(row) = self.provider_row(partner, audience).await? else { return Ok(None) };
        let settings = read(&row)?;
        let secret = self.open_provider(partner, audience, &row)?;
        Ok(Some((provider(audience, &settings, secret.into()), settings)))
    }

    async fn provider_row(
        &self,
        partner: PartnerId,
        audience: Audience,
    ) -> Result<Option<ProviderRow>, Error> {
        self.db
            .unchecked()
            .look_up(partner, (partner, audience), |(partner, audience), tx| {
                Box::pin(async move { Ok(sign_ins::provider(tx, *partner, audience.as_str()).await?) })
            })
            .await
    }

    fn open_provider(
        &self,
        partner: PartnerId,
        audience: Audience,
        row: &ProviderRow,
    ) -> Result<String, Error> {
        self.secrets.open(Purpose::Provider, &bound_to(partner, audience, &row.settings), &row.sealed)
    }
}

async fn end_sessions(tx: &mut store::Tx, partner: PartnerId, audience: Audience) -> Result<(), Error> {
    let are_customers = audience == Audience::Customers;
    store::sessions::delete_opened_by(tx, partner, SINGLE_SIGN_ON, are_customers).await?;
    Ok(())
}

fn read(row: &ProviderRow) -> Result<ProviderSettings, Error> {
    serde_json::from_str(&row.settings).map_err(|e| Error::Internal(format!("settings of a provider: {e}")))
}

fn provider(audience: Audience, settings: &ProviderSettings, client_secret: SecretString) -> Provider {
    let issuer = match audience {
        Audience::Partner => Issuer::Fixed(settings.issuer.clone()),
        Audience::Customers => Issuer::AnyTenant(settings.issuer.clone()),
    };
    Provider { issuer, client_id: settings.client_id.clone(), client_secret }
}

fn object(audience: Audience) -> String {
    format!("sign_in_providers/{}", audience.as_str())
}

/// The associated data of a sealed secret.
fn bound_to(partner: PartnerId, audience: Audience, settings: &str) -> String {
    format!("{partner} {} {settings}", audience.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_read_from_what_people_type() {
        for (text, expected) in [
            ("", vec![]),
            ("contoso.com", vec!["contoso.com"]),
            (" @Contoso.com, fabrikam.com\r\ncontoso.com;", vec!["contoso.com", "fabrikam.com"]),
        ] {
            assert_eq!(ProviderSettings::domains(text), expected, "{text:?}");
        }
    }

    #[test]
    fn settings_are_checked() {
        let settings = |issuer: &str, client: &str, domains: &[&str]| ProviderSettings {
            issuer: issuer.into(),
            client_id: client.into(),
            allowed_domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
        };
        for (settings, expected) in [
            (settings("https://a.example", "id", &["a.example"]), vec![]),
            (settings("", "", &[]), vec!["/issuer", "/client_id"]),
            (settings("https://a example", "i\nd", &[]), vec!["/issuer", "/client_id"]),
            (settings("https://a.example", "id", &["a.example", "localhost"]), vec!["/allowed_domains"]),
            (settings("https://a.example", "id", &["a..example"]), vec!["/allowed_domains"]),
            (settings("https://a.example", "id", &["*.example"]), vec!["/allowed_domains"]),
        ] {
            let violations = settings.check(None);
            let found: Vec<&str> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
            assert_eq!(found, expected, "{settings:?}");
        }
    }
}
