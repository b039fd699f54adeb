//! Objects as audit events hold them, before a change and after it.
//!
//! These types belong to the trail alone: what an event says is covered by its MAC and read for years, also by programs of the
//! partner. This is version 1. A field may be added; none is renamed, or given another meaning or form. A record that cannot
//! keep to that gets a field `version`. Events that say no more than what an action did are written where the action is.
//!
//! New customers are recorded as the API answers them, so that a stored response can name the event instead of holding the
//! same bytes (`change.rs`). If the two come to differ, responses are stored whole.

use domain::terms::{Terms, TermsSpan};
use domain::{
    Address, AddressRanges, AzureCustomerId, Classification, Customer, CustomerId, DisplayName, Email,
    ExternalId, Margin, PartnerBilling, Role, Roles, Tag, User, UserId, UserKey, UtcSecond,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use store::branding::{BrandingRow, LogoRow};
use store::sessions::Session;
use store::sign_ins::IdentityRow;

/// RFC 3339, UTC, to the second.
fn time(time: Timestamp) -> String {
    format!("{time:.0}")
}

fn day(day: Option<Date>) -> Option<String> {
    day.map(|day| day.to_string())
}

/// A customer.
#[derive(Serialize)]
pub(crate) struct CustomerRecord<'a> {
    id: CustomerId,
    name: &'a DisplayName,
    #[serde(skip_serializing_if = "Option::is_none")]
    azure_customer_id: Option<&'a AzureCustomerId>,
    classification: Classification,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_expiration_date: Option<UtcSecond>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_expiration: Option<UtcSecond>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_contact: Option<&'a Email>,
    margin_percentage: Margin,
    created_at: String,
    updated_at: String,
    generated_external_id: &'a ExternalId,
    partner_billing_configuration: &'a PartnerBilling,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a Address>,
    tags: &'a [Tag],
    _links: Links,
    /// The day from which a change of the terms holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_from: Option<Option<String>>,
    /// All terms, where the change is of some days.
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<Vec<TermsRecord>>,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    this: Link,
}

#[derive(Serialize)]
struct Link {
    href: String,
}

/// What held from a day until the day before another.
#[derive(Serialize)]
struct TermsRecord {
    effective_from: Option<String>,
    effective_until: Option<String>,
    margin_percentage: Margin,
    partner_billing_configuration: PartnerBilling,
}

impl<'a> From<&'a Customer> for CustomerRecord<'a> {
    fn from(customer: &'a Customer) -> Self {
        let details = &customer.details;
        CustomerRecord {
            id: customer.id,
            name: &details.name,
            azure_customer_id: details.azure_customer_id.as_ref(),
            classification: details.classification,
            trial_expiration_date: details.trial_expiration_date,
            trial_expiration: details.trial_expiration_date,
            billing_contact: details.billing_contact.as_ref(),
            margin_percentage: details.margin_percentage,
            created_at: time(customer.created_at),
            updated_at: time(customer.updated_at),
            generated_external_id: &customer.generated_external_id,
            partner_billing_configuration: &details.partner_billing_configuration,
            address: details.address.as_ref(),
            tags: &details.tags,
            _links: Links { this: Link { href: format!("/v1/customers/{}", customer.id) } },
            effective_from: None,
            terms: None,
        }
    }
}

impl CustomerRecord<'_> {
    /// With the terms of all days, of which some change from a day on; `None` for a change of no particular day.
    pub(crate) fn with_terms(self, from: Option<Date>, terms: Option<&Terms>) -> Self {
        let Some(terms) = terms else { return self };
        let spans = terms.spans().into_iter().map(|TermsSpan { from, until, margin, billing }| TermsRecord {
            effective_from: day(from),
            effective_until: day(until),
            margin_percentage: margin,
            partner_billing_configuration: billing,
        });
        CustomerRecord { effective_from: Some(day(from)), terms: Some(spans.collect()), ..self }
    }
}

/// A user.
#[derive(Serialize)]
pub(crate) struct UserRecord<'a> {
    id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<CustomerId>,
    email: &'a Email,
    name: &'a str,
    role: Role,
    roles: Roles,
    has_api_key: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_expires_at: Option<UtcSecond>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    created_at: String,
    updated_at: String,
    /// The id of a new default key, which is not secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_id: Option<String>,
    /// The id of an invitation that the user was created with.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<&'a str>,
}

impl<'a> From<&'a User> for UserRecord<'a> {
    fn from(user: &'a User) -> Self {
        UserRecord {
            id: user.id,
            customer_id: user.customer,
            email: &user.email,
            name: &user.name,
            role: user.roles.first(),
            roles: user.roles,
            has_api_key: user.has_key,
            api_key_expires_at: user.key_expires_at,
            last_used_at: user.last_used_at.map(time),
            created_at: time(user.created_at),
            updated_at: time(user.updated_at),
            api_key_id: None,
            invitation: None,
        }
    }
}

impl<'a> UserRecord<'a> {
    pub(crate) fn with_key(self, id: String) -> Self {
        UserRecord { api_key_id: Some(id), ..self }
    }

    pub(crate) fn with_invitation(self, id: &'a str) -> Self {
        UserRecord { invitation: Some(id), ..self }
    }
}

/// An API key, without its secret.
#[derive(Serialize)]
pub(crate) struct KeyRecord<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Roles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_addresses: Option<&'a AddressRanges>,
    is_default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<UtcSecond>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    created_at: String,
}

impl<'a> From<&'a UserKey> for KeyRecord<'a> {
    fn from(key: &'a UserKey) -> Self {
        KeyRecord {
            id: &key.id,
            name: &key.name,
            roles: key.roles,
            allowed_addresses: Some(&key.addresses).filter(|addresses| !addresses.is_empty()),
            is_default: key.is_default,
            replaced_by: key.replaced_by.as_deref(),
            expires_at: key.expires_at,
            last_used_at: key.last_used_at.map(time),
            created_at: time(key.created_at),
        }
    }
}

/// A session that begins.
#[derive(Serialize)]
pub(crate) struct SessionRecord<'a> {
    session: &'a str,
    agent: &'a str,
    /// The account of a provider that it was opened with.
    #[serde(flatten)]
    account: Option<AccountRecord<'a>>,
    /// Whether this sign-in linked the user to the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_first: Option<bool>,
    /// The id of the invitation that it was opened with.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<&'a str>,
}

impl<'a> From<&'a Session> for SessionRecord<'a> {
    fn from(session: &'a Session) -> Self {
        SessionRecord {
            session: &session.id,
            agent: &session.agent,
            account: None,
            is_first: None,
            invitation: None,
        }
    }
}

impl<'a> SessionRecord<'a> {
    pub(crate) fn with_account(self, account: &'a IdentityRow, is_first: bool) -> Self {
        SessionRecord { account: Some(account.into()), is_first: Some(is_first), ..self }
    }

    pub(crate) fn with_invitation(self, id: &'a str) -> Self {
        SessionRecord { invitation: Some(id), ..self }
    }
}

/// An account of a provider.
#[derive(Serialize)]
pub(crate) struct AccountRecord<'a> {
    issuer: &'a str,
    subject: &'a str,
}

impl<'a> From<&'a IdentityRow> for AccountRecord<'a> {
    fn from(row: &'a IdentityRow) -> Self {
        AccountRecord { issuer: &row.issuer, subject: &row.subject }
    }
}

/// A partner's branding.
#[derive(Serialize)]
pub(crate) struct BrandingRecord<'a> {
    name: &'a str,
    colour: &'a str,
    portal_host: Option<&'a str>,
}

impl<'a> From<&'a BrandingRow> for BrandingRecord<'a> {
    fn from(row: &'a BrandingRow) -> Self {
        BrandingRecord { name: &row.name, colour: &row.colour, portal_host: row.portal_host.as_deref() }
    }
}

/// A partner's logo.
#[derive(Serialize)]
pub(crate) struct LogoRecord<'a> {
    digest: &'a str,
    width: i64,
    height: i64,
}

impl<'a> From<&'a LogoRow> for LogoRecord<'a> {
    fn from(row: &'a LogoRow) -> Self {
        LogoRecord { digest: &row.digest, width: row.width, height: row.height }
    }
}
