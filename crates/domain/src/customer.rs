//! Customers: their fields, and the payloads that create and change them.

use crate::address::Address;
use crate::azure::AzureCustomerId;
use crate::classification::Classification;
use crate::contact::Email;
use crate::fields::Fields;
use crate::ids::{CustomerId, ExternalId};
use crate::json::Json;
use crate::margin::Margin;
use crate::name::DisplayName;
use crate::partner_billing::{BillingConfiguration, PartnerBilling};
use crate::payload::{Member, Payload};
use crate::tags::Tag;
use crate::timeline::{EFFECTIVE_FROM, read_day};
use crate::utc_second::UtcSecond;
use crate::violation::{Violation, Violations, code};
use jiff::Timestamp;
use serde::Serialize;

/// The schema of a customer's payload, in the order of the contract.
pub static PAYLOAD: Payload = Payload {
    members: &[
        Member::alias("name", &["display_name", "customer_name"]),
        Member::alias("azure_customer_id", &["azure_tenant_id", "customer_tenant_id"]),
        Member::object("address", &ADDRESS),
        Member::alias("classification", &["class"]),
        Member::alias(TRIAL, &["trial_end", "trial_ends", "trial_end_date", "trial_ends_at", "trial_until"]),
        Member::plain(TRIAL_ALIAS),
        Member::alias("billing_contact", &["billing_email"]),
        Member::plain("margin_percentage"),
        Member::object("partner_billing_configuration", &PARTNER_BILLING),
        Member::array("tags", &TAG),
        Member::plain(EFFECTIVE_FROM),
    ],
    read_only: &[
        "id",
        "created_at",
        "updated_at",
        "generated_external_id",
        "billing_configuration",
        "_links",
    ],
};

/// The schema of an address in a payload.
pub static ADDRESS: Payload = Payload {
    members: &[
        Member::alias("street1", &["street", "line1", "address_line1"]),
        Member::alias("street2", &["line2", "address_line2"]),
        Member::alias("city", &["town"]),
        Member::alias("state", &["province", "region"]),
        Member::alias("zipcode", &["zip", "postcode", "postal_code", "postalcode"]),
        Member::alias("country", &["country_code"]),
    ],
    read_only: &[],
};

static PARTNER_BILLING: Payload = Payload {
    members: &[Member::plain("enabled"), Member::alias("folder", &["prefix", "path"])],
    read_only: &[],
};

static TAG: Payload = Payload { members: &[Member::plain("key"), Member::plain("value")], read_only: &[] };

const TRIAL: &str = "trial_expiration_date";
/// The alias of [`TRIAL`] in payloads.
const TRIAL_ALIAS: &str = "trial_expiration";

/// The fields of a customer that its partner sets. Serialized, they are the payload that creates an equal customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewCustomer {
    /// The display name, unique in the partner.
    pub name: DisplayName,
    /// The Azure tenant, unique in the partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_customer_id: Option<AzureCustomerId>,
    /// The mailing address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Whether the customer's users have access.
    pub classification: Classification,
    /// The end of the trial, if the customer is on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial_expiration_date: Option<UtcSecond>,
    /// The e-mail address for questions about bills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_contact: Option<Email>,
    /// The partner's margin on the customer's costs.
    pub margin_percentage: Margin,
    /// Whether and where bills are written.
    pub partner_billing_configuration: PartnerBilling,
    /// The tags, in the order given.
    pub tags: Vec<Tag>,
}

/// A stored customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The customer's id.
    pub id: CustomerId,
    /// The fields that the partner sets.
    pub details: NewCustomer,
    /// The random id for use outside the partner.
    pub generated_external_id: ExternalId,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The version ([`crate::version`]): increases with each change, is never reused, and is part of the `ETag`.
    pub version: i64,
    /// The billing status, if the partner has bill runs. Computed, not stored with the customer.
    pub billing_configuration: Option<BillingConfiguration>,
}

/// How unknown fields and parameters are handled: `Prefer: handling=…` (RFC 7240, section 4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handling {
    /// Unknown names are ignored, except near misses of a name that is absent.
    #[default]
    Lenient,
    /// Unknown names are violations.
    Strict,
}

/// The violations of a payload, and its valid unique values. The caller checks those for conflicts with other customers and
/// reports all violations in one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedPayload {
    /// The violations, sorted by field; never empty.
    pub violations: Violations,
    /// The display name, if it is valid.
    pub name: Option<DisplayName>,
    /// The Azure tenant, if it is valid.
    pub azure_customer_id: Option<AzureCustomerId>,
}

impl NewCustomer {
    /// Reads the payload that creates a customer. A trial must end after `now`.
    ///
    /// # Errors
    /// All violations of section 4 of the contract.
    pub fn parse(body: &Json, now: Timestamp, handling: Handling) -> Result<NewCustomer, RejectedPayload> {
        read(body, now, handling, None)
    }
}

impl Customer {
    /// The details after a `PUT`, which changes only the fields that it has. A blank field is absent; `null` clears the trial
    /// and the billing contact; address and tags are replaced; the partner billing configuration is merged. A value that
    /// equals the current one is always valid.
    ///
    /// # Errors
    /// All violations of section 4 of the contract.
    pub fn patched(
        &self,
        body: &Json,
        now: Timestamp,
        handling: Handling,
    ) -> Result<NewCustomer, RejectedPayload> {
        read(body, now, handling, Some(&self.details))
    }
}

/// Reads a payload that creates a customer, or that changes the `current` details.
fn read(
    body: &Json,
    now: Timestamp,
    handling: Handling,
    current: Option<&NewCustomer>,
) -> Result<NewCustomer, RejectedPayload> {
    const EXPECTED: &str = r#"a JSON object such as {"name": "Acme Corp", "azure_customer_id": "34fdg"}"#;
    let mut fields = Fields::of(body, EXPECTED).map_err(|violation| RejectedPayload {
        violations: violation.into(),
        name: None,
        azure_customer_id: None,
    })?;

    let name = match current {
        None => fields.required("name", DisplayName::read),
        Some(_) => fields.optional("name", DisplayName::read),
    };
    let azure_customer_id = fields.optional("azure_customer_id", AzureCustomerId::read);
    let address = fields
        .optional("address", |address| Address::read(address, current.and_then(|c| c.address.as_ref())));
    let address = address.or_else(|| without_street2(&fields, current?.address.as_ref()?));
    tenant_or_address(&mut fields, azure_customer_id.as_ref(), address.as_ref(), current);
    let classification = fields.optional("classification", Classification::read);
    let trial = read_trial(&mut fields, now, current);
    let contact = fields.optional("billing_contact", Email::read);
    let margin = fields.optional("margin_percentage", Margin::read);
    // Of a change, an object of blanks is read too: its folder must not be emptied in silence.
    let blanks = fields.raw("partner_billing_configuration").filter(|json| matches!(json, Json::Object(_)));
    if let (Some(json), Some(current)) = (blanks.filter(|json| json.is_blank()), current)
        && let Err(violations) = PartnerBilling::read(json, Some(&current.partner_billing_configuration))
    {
        fields.refuse("partner_billing_configuration", violations);
    }
    let billing = fields.optional("partner_billing_configuration", |billing| {
        PartnerBilling::read(billing, current.map(|c| &c.partner_billing_configuration))
    });
    let tags = fields.optional("tags", Tag::read_all);
    // Only looked at here, so that it is refused with the others: it says when, not what the customer is.
    fields.optional(EFFECTIVE_FROM, read_day);
    fields.violations.extend(PAYLOAD.unknown(body, handling));

    let clears_contact = fields.is_null("billing_contact");
    let mut violations = fields.violations;
    match name.clone().or_else(|| Some(current?.name.clone())) {
        Some(name) if violations.is_empty() => Ok(NewCustomer {
            name,
            azure_customer_id: azure_customer_id.or_else(|| current?.azure_customer_id.clone()),
            address: address.or_else(|| current?.address.clone()),
            classification: classification.or(current.map(|c| c.classification)).unwrap_or_default(),
            trial_expiration_date: trial,
            billing_contact: contact.or_else(|| current.filter(|_| !clears_contact)?.billing_contact.clone()),
            margin_percentage: margin.or(current.map(|c| c.margin_percentage)).unwrap_or_default(),
            partner_billing_configuration: billing
                .or_else(|| Some(current?.partner_billing_configuration.clone()))
                .unwrap_or_default(),
            tags: tags.or_else(|| Some(current?.tags.clone())).unwrap_or_default(),
        }),
        _ => {
            violations.sort_by_field();
            Err(RejectedPayload { violations, name, azure_customer_id })
        }
    }
}

/// The current address without its second line, if the payload's address is blank except for `"street2": null`.
fn without_street2(fields: &Fields<'_>, current: &Address) -> Option<Address> {
    let clears = fields.given("address").is_none()
        && fields.raw("address").is_some_and(|address| address.get("street2") == Some(&Json::Null));
    clears.then(|| Address { street2: None, ..current.clone() })
}

/// Validates that a new customer has either a tenant or an address, and that a change does not set both.
fn tenant_or_address(
    fields: &mut Fields<'_>,
    tenant: Option<&AzureCustomerId>,
    address: Option<&Address>,
    current: Option<&NewCustomer>,
) {
    const WHICH: &str = "azure_customer_id when the customer tenant has an address in the Azure Portal, \
                         address when it has none";
    let same_tenant = |known: &AzureCustomerId| tenant.is_some_and(|tenant| tenant.key() == known.key());
    let tenant_is_new = fields.given("azure_customer_id").is_some()
        && !current.and_then(|c| c.azure_customer_id.as_ref()).is_some_and(same_tenant);
    let address_is_new = fields.given("address").is_some()
        && !current.and_then(|c| c.address.as_ref()).is_some_and(|known| address == Some(known));

    if tenant_is_new && address_is_new {
        let message = format!("must not be given together with azure_customer_id: give {WHICH}");
        let violation = Violation::new("", code::CONFLICT, message);
        fields.refuse("address", violation.because("address-and-tenant", &[]));
    } else if current.is_none() && !tenant_is_new && !address_is_new {
        let message = format!("or address is required: give {WHICH}");
        let violation = Violation::new("", code::REQUIRED, message);
        fields.refuse("azure_customer_id", violation.because("address-or-tenant", &[]));
    }
}

/// The end of the trial after the payload, which may give it under [`TRIAL`] or [`TRIAL_ALIAS`].
fn read_trial(fields: &mut Fields<'_>, now: Timestamp, current: Option<&NewCustomer>) -> Option<UtcSecond> {
    let current_trial = current.and_then(|c| c.trial_expiration_date);
    let mut read = |key| {
        fields.optional(key, |json| match UtcSecond::read(json)? {
            trial if Some(trial) == current_trial => Ok(trial),
            trial => trial.in_future(now),
        })
    };
    let (one, other) = (read(TRIAL), read(TRIAL_ALIAS));
    let clears = |key| current.is_some() && fields.is_null(key);
    let cleared = [TRIAL, TRIAL_ALIAS].map(clears).contains(&true);
    // Clients send back both names of a response and change the one that they know, so an unchanged value does not
    // contradict a changed one.
    let changed = |trial: Option<UtcSecond>| trial.filter(|trial| Some(*trial) != current_trial);
    let contradiction = match (changed(one), changed(other)) {
        (Some(one), Some(other)) => one != other,
        (one, other) => cleared && one.or(other).is_some(),
    };
    if contradiction {
        let message = format!("must be equal to {TRIAL}, which it is another name of, or be left out");
        fields.refuse(TRIAL_ALIAS, Violation::new("", code::CONFLICT, message));
    }
    changed(one).or(changed(other)).or(current_trial.filter(|_| !cleared))
}

#[cfg(test)]
mod tests;
