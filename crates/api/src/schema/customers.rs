//! Customers.

use super::time;
use app::customers::CustomerView;
use app::dated;
use serde::Serialize;
use utoipa::ToSchema;

/// A customer to be created. Blank values (`null`, `""`, white space, `{}`) count as not given.
#[derive(ToSchema)]
pub(crate) struct NewCustomer {
    /// The unique display name of the customer's Azure account. Compared without regard to case, width and white space.
    #[schema(min_length = 1, max_length = 255, example = "Acme Corp")]
    name: String,
    /// The Azure tenant, where it has an address in the Azure Portal; otherwise give `address`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9-]+$", nullable)]
    azure_customer_id: Option<String>,
    /// The mailing address, where the tenant has none in the Azure Portal; otherwise give `azure_customer_id`.
    #[schema(nullable)]
    address: Option<Address>,
    /// By default `managed_without_access`.
    #[schema(nullable)]
    classification: Option<Classification>,
    /// ISO 8601, in the future. From this instant on the customer's users have no access.
    #[schema(example = "2027-09-22T00:00:00Z", nullable)]
    trial_expiration_date: Option<String>,
    /// Another name of `trial_expiration_date`; both at once only if equal.
    #[schema(nullable)]
    trial_expiration: Option<String>,
    /// The e-mail address of the customer's contact.
    #[schema(format = "email", nullable)]
    billing_contact: Option<String>,
    #[schema(nullable)]
    margin_percentage: Option<Margin>,
    #[schema(nullable)]
    partner_billing_configuration: Option<NewPartnerBilling>,
    #[schema(max_items = 20, nullable)]
    tags: Option<Vec<NewTag>>,
    /// The day from which margin and billing configuration hold; by default they always did. No day of a month that is final, or
    /// before one.
    #[schema(format = "date", example = "2026-11-01", nullable)]
    effective_from: Option<String>,
}

/// What to change of a customer: only what is named changes. An explicit `null` clears `trial_expiration_date`,
/// `billing_contact` and `address.street2`.
#[derive(ToSchema)]
pub(crate) struct CustomerChange {
    /// As on create.
    #[schema(min_length = 1, max_length = 255, nullable)]
    name: Option<String>,
    /// As on create.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9-]+$", nullable)]
    azure_customer_id: Option<String>,
    /// Replaced whole.
    #[schema(nullable)]
    address: Option<Address>,
    #[schema(nullable)]
    classification: Option<Classification>,
    /// As on create; `null` ends the trial for good.
    #[schema(nullable)]
    trial_expiration_date: Option<String>,
    /// Another name of `trial_expiration_date`.
    #[schema(nullable)]
    trial_expiration: Option<String>,
    /// As on create; `null` clears it.
    #[schema(format = "email", nullable)]
    billing_contact: Option<String>,
    #[schema(nullable)]
    margin_percentage: Option<Margin>,
    /// Its fields one by one: what is not named stays.
    #[schema(nullable)]
    partner_billing_configuration: Option<PartnerBillingChange>,
    /// Replaced whole; `[]` clears.
    #[schema(max_items = 20, nullable)]
    tags: Option<Vec<NewTag>>,
    /// The day from which the margin and the billing configuration that are given hold, until the next day with a change; by
    /// default today. It may be past or to come, but no day of a month that is final, or before one.
    #[schema(format = "date", example = "2026-11-01", nullable)]
    effective_from: Option<String>,
}

/// What a customer was billed at, and which Azure tenants it had, since when.
#[derive(ToSchema, Serialize)]
pub(crate) struct CustomerHistory {
    customer_id: i64,
    /// One after the other, from the beginning on.
    terms: Vec<TermsOfDays>,
    assignments: Vec<AssignmentOfDays>,
}

/// What held from a day until the day before another.
#[derive(ToSchema, Serialize)]
pub(crate) struct TermsOfDays {
    /// `null` for the beginning.
    #[schema(format = "date", required)]
    effective_from: Option<String>,
    /// The first day of what comes next; `null` if nothing does.
    #[schema(format = "date", required)]
    effective_until: Option<String>,
    /// Only for the roles that see costs.
    #[schema(minimum = 0, exclusive_maximum = 100, nullable = false, value_type = Option<f64>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    margin_percentage: Option<domain::Margin>,
    partner_billing_configuration: PartnerBilling,
}

/// An Azure tenant that a customer had or has.
#[derive(ToSchema, Serialize)]
pub(crate) struct AssignmentOfDays {
    azure_customer_id: String,
    /// `null` for the beginning.
    #[schema(format = "date", required)]
    effective_from: Option<String>,
    /// The first day without it; `null` if there is none.
    #[schema(format = "date", required)]
    effective_until: Option<String>,
}

/// A customer.
#[derive(ToSchema, Serialize)]
pub(crate) struct Customer {
    /// Rising, and never used twice. Also called the client API id.
    #[schema(example = 3947)]
    id: i64,
    name: String,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    azure_customer_id: Option<String>,
    classification: Classification,
    /// RFC 3339, UTC, to the second.
    #[schema(format = "date-time", nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_expiration_date: Option<String>,
    /// Equal to `trial_expiration_date`, for clients that read this name.
    #[schema(format = "date-time", nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_expiration: Option<String>,
    /// The e-mail address of the customer's contact; as it was there if the customer was migrated from another platform.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_contact: Option<String>,
    /// In percent, at most four decimal places. Only for the roles that see costs.
    #[schema(minimum = 0, exclusive_maximum = 100, nullable = false, value_type = Option<f64>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    margin_percentage: Option<domain::Margin>,
    /// RFC 3339, UTC, to the second.
    #[schema(format = "date-time")]
    created_at: String,
    /// RFC 3339, UTC, to the second.
    #[schema(format = "date-time")]
    updated_at: String,
    /// Made by the server.
    #[schema(pattern = "^[0-9a-f]{12}$")]
    generated_external_id: String,
    partner_billing_configuration: PartnerBilling,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<StoredAddress>,
    tags: Vec<Tag>,
    /// Once there are bills; a customer's own users do not see it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_configuration: Option<BillingConfiguration>,
    _links: Links,
}

/// A mailing address.
#[derive(ToSchema)]
pub(crate) struct Address {
    #[schema(min_length = 1, max_length = 255)]
    street1: String,
    /// May be blank.
    #[schema(max_length = 255, nullable)]
    street2: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    city: String,
    /// Required where the country's post uses it. In the US the USPS abbreviation (`MA`); elsewhere the full name of the
    /// ISO 3166-2 subdivision, the local or the common English one (`New South Wales`), answered in ASCII.
    #[schema(max_length = 255, nullable)]
    state: Option<String>,
    /// Required where the country's post uses it.
    zipcode: Option<Zipcode>,
    /// ISO 3166-1 alpha-2 or alpha-3 code, or a name in common use: English, or the country's own; answered as alpha-2.
    #[schema(example = "US")]
    country: String,
}

/// A mailing address.
#[derive(ToSchema, Serialize)]
pub(crate) struct StoredAddress {
    street1: String,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    street2: Option<String>,
    city: String,
    /// Not of an address that has none.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// Not of an address that has none.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    zipcode: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: String,
}

/// A string, or a number, which is given the zeros back that postal codes of its country start with.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(crate) enum Zipcode {
    Text(String),
    Number(i64),
}

/// In percent, 0 ≤ m < 100, at most four decimal places: price = cost / (1 − m). A number, or a string that holds one.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(crate) enum Margin {
    Number(f64),
    Text(String),
}

/// Whether the customer's own users get in.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Classification {
    ManagedWithoutAccess,
    ManagedWithAccess,
}

/// A boolean, or `"true"` or `"false"` in any case.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(crate) enum Truth {
    Boolean(bool),
    Text(String),
}

/// The configuration of the partner billing engine.
#[derive(ToSchema)]
pub(crate) struct NewPartnerBilling {
    enabled: Truth,
    /// The prefix of the S3 folder that holds processed customer bills.
    #[schema(max_length = 512, nullable)]
    folder: Option<String>,
}

/// What to change of the configuration of the partner billing engine.
#[derive(ToSchema)]
pub(crate) struct PartnerBillingChange {
    #[schema(nullable)]
    enabled: Option<Truth>,
    #[schema(max_length = 512, nullable)]
    folder: Option<String>,
}

/// The configuration of the partner billing engine.
#[derive(ToSchema, Serialize)]
pub(crate) struct PartnerBilling {
    enabled: bool,
    folder: String,
}

/// Whether bills can be produced for a customer.
#[derive(ToSchema, Serialize)]
pub(crate) enum BillingStatus {
    Healthy,
    #[serde(rename = "Not Healthy")]
    NotHealthy,
}

/// How the billing of a customer stands.
#[derive(ToSchema, Serialize)]
pub(crate) struct BillingConfiguration {
    status: BillingStatus,
    /// Why it is not; otherwise empty.
    reason: String,
}

/// A tag to be attached. No two of a customer have the same key.
#[derive(ToSchema)]
pub(crate) struct NewTag {
    #[schema(min_length = 1, max_length = 128)]
    key: String,
    value: TagValue,
}

/// Text, at most 256 characters; a number is kept as text.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(crate) enum TagValue {
    Text(String),
    Number(f64),
}

/// A tag. No two of a customer have the same key.
#[derive(ToSchema, Serialize)]
pub(crate) struct Tag {
    #[schema(min_length = 1, max_length = 128)]
    key: String,
    #[schema(max_length = 256)]
    value: String,
}

/// Where the object is.
#[derive(ToSchema, Serialize)]
pub(crate) struct Links {
    #[schema(inline)]
    #[serde(rename = "self")]
    this: Link,
}

/// A reference.
#[derive(ToSchema, Serialize)]
pub(crate) struct Link {
    #[schema(example = "/v1/customers/3947")]
    href: String,
}

/// A page of customers.
#[derive(ToSchema, Serialize)]
pub(crate) struct CustomerList {
    customers: Vec<Customer>,
}

impl From<domain::Classification> for Classification {
    fn from(classification: domain::Classification) -> Self {
        match classification {
            domain::Classification::ManagedWithoutAccess => Classification::ManagedWithoutAccess,
            domain::Classification::ManagedWithAccess => Classification::ManagedWithAccess,
        }
    }
}

impl From<domain::Address> for StoredAddress {
    fn from(address: domain::Address) -> Self {
        let domain::Address { street1, street2, city, state, zipcode, country } = address;
        StoredAddress { street1, street2, city, state, zipcode, country }
    }
}

impl From<domain::PartnerBilling> for PartnerBilling {
    fn from(billing: domain::PartnerBilling) -> Self {
        let domain::PartnerBilling { enabled, folder } = billing;
        PartnerBilling { enabled, folder }
    }
}

impl From<&domain::BillingConfiguration> for BillingConfiguration {
    fn from(billing: &domain::BillingConfiguration) -> Self {
        let status = if billing.is_healthy() { BillingStatus::Healthy } else { BillingStatus::NotHealthy };
        BillingConfiguration { status, reason: billing.reason().map_or(String::new(), ToString::to_string) }
    }
}

impl From<domain::Tag> for Tag {
    fn from(tag: domain::Tag) -> Self {
        let domain::Tag { key, value } = tag;
        Tag { key, value }
    }
}

impl From<&CustomerView> for Customer {
    fn from(customer: &CustomerView) -> Self {
        let trial = customer.trial_expiration_date().map(|end| end.to_string());
        let [created_at, updated_at] = customer.times().map(time);
        Customer {
            id: customer.id().0,
            name: customer.name().to_owned(),
            azure_customer_id: customer.azure_customer_id().map(str::to_owned),
            classification: customer.classification().into(),
            trial_expiration_date: trial.clone(),
            trial_expiration: trial,
            billing_contact: customer.billing_contact().map(str::to_owned),
            margin_percentage: customer.margin(),
            created_at,
            updated_at,
            generated_external_id: customer.external_id().to_owned(),
            partner_billing_configuration: customer.partner_billing().clone().into(),
            address: customer.address().cloned().map(StoredAddress::from),
            tags: customer.tags().iter().cloned().map(Tag::from).collect(),
            billing_configuration: customer.billing_status().map(BillingConfiguration::from),
            _links: Links { this: Link { href: format!("/v1/customers/{}", customer.id()) } },
        }
    }
}

impl From<CustomerView> for Customer {
    fn from(customer: CustomerView) -> Self {
        Customer::from(&customer)
    }
}

impl CustomerList {
    pub(crate) fn of(customers: &[CustomerView]) -> Self {
        CustomerList { customers: customers.iter().map(Customer::from).collect() }
    }
}

impl From<dated::TermsOfDays> for TermsOfDays {
    fn from(terms: dated::TermsOfDays) -> Self {
        let dated::TermsOfDays {
            effective_from,
            effective_until,
            margin_percentage,
            partner_billing_configuration,
        } = terms;
        TermsOfDays {
            effective_from: effective_from.map(|day| day.to_string()),
            effective_until: effective_until.map(|day| day.to_string()),
            margin_percentage,
            partner_billing_configuration: partner_billing_configuration.into(),
        }
    }
}

impl From<dated::AssignmentOfDays> for AssignmentOfDays {
    fn from(assignment: dated::AssignmentOfDays) -> Self {
        let dated::AssignmentOfDays { azure_customer_id, effective_from, effective_until } = assignment;
        AssignmentOfDays {
            azure_customer_id,
            effective_from: effective_from.map(|day| day.to_string()),
            effective_until: effective_until.map(|day| day.to_string()),
        }
    }
}

impl From<dated::CustomerHistory> for CustomerHistory {
    fn from(history: dated::CustomerHistory) -> Self {
        let dated::CustomerHistory { customer_id, terms, assignments } = history;
        CustomerHistory {
            customer_id: customer_id.0,
            terms: terms.into_iter().map(TermsOfDays::from).collect(),
            assignments: assignments.into_iter().map(AssignmentOfDays::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{CustomerId, ExternalId, Handling, Json, NewCustomer};
    use jiff::Timestamp;
    use serde_json::{Value, json};

    fn now() -> Timestamp {
        "2016-09-15T18:17:04Z".parse().unwrap()
    }

    fn customer(body: &Value) -> domain::Customer {
        domain::Customer {
            id: CustomerId(3947),
            details: NewCustomer::parse(&Json::from(body), now(), Handling::Lenient).unwrap(),
            generated_external_id: ExternalId::parse("1a2b3c4d5e6f").unwrap(),
            created_at: now(),
            updated_at: now(),
            version: 1,
            billing_configuration: None,
        }
    }

    fn answer(customer: domain::Customer) -> String {
        serde_json::to_string(&Customer::from(CustomerView::from(customer))).unwrap()
    }

    fn minimal() -> Value {
        json!({"name": "Acme", "azure_customer_id": "34fdg"})
    }

    /// The seed's request sample with an address, and its response.
    const REQUEST: &str = r#"{
  "name": "Acme Corp",
  "classification": "managed_without_access",
  "billing_contact": "john.doe@acmecorp.com",
  "trial_expiration_date": "2016-09-22T00:00:00Z",
  "partner_billing_configuration": {
    "enabled": "true",
    "folder": ""
  },
  "address": {
    "street1": "1 Main St",
    "city": "Springfield",
    "state": "MA",
    "zipcode": "01234",
    "country": "US"
  },
  "tags": [{
    "key": "customer_id", "value": "973532"
  },
  {
    "key": "service_package", "value": "basic_managed"
  }]
}"#;
    const RESPONSE: &str = r#"{
  "id": 3947,
  "name": "Acme Corp",
  "classification": "managed_without_access",
  "billing_contact": "john.doe@acmecorp.com",
  "margin_percentage": 0.0,
  "created_at": "2016-09-15T18:17:04Z",
  "updated_at": "2016-09-15T18:17:04Z",
  "generated_external_id": "1a2b3c4d5e6f",
  "partner_billing_configuration": {
    "enabled": true,
    "folder": ""
  },
  "address": {
    "street1": "1 Main St",
    "city": "Springfield",
    "state": "MA",
    "zipcode": "01234",
    "country": "US"
  },
  "tags": [{
    "key": "customer_id", "value": "973532"
    },
    {
    "key": "service_package", "value": "basic_managed"
    }
  ],
"_links": {
  "self": {
  "href": "/v1/customers/3947"
  }
  }
}"#;

    #[test]
    fn the_documented_request_gets_the_documented_response() {
        let answer = answer(customer(&serde_json::from_str(REQUEST).unwrap()));
        let trial =
            r#""trial_expiration_date":"2016-09-22T00:00:00Z","trial_expiration":"2016-09-22T00:00:00Z","#;
        let expected: Value = serde_json::from_str(RESPONSE).unwrap();
        let found: Value = serde_json::from_str(&answer.replacen(trial, "", 1)).unwrap();
        assert_eq!(found.to_string(), expected.to_string());
        assert!(
            answer
                .contains(&format!(r#""classification":"managed_without_access",{trial}"billing_contact""#))
        );
        assert!(answer.contains(r#""margin_percentage":0.0,"#));
    }

    #[test]
    fn a_minimal_customer_has_the_fields_of_the_contract_in_their_order() {
        let mut customer = customer(&minimal());
        customer.updated_at = "2016-09-15T18:17:05.999Z".parse().unwrap();
        assert_eq!(
            answer(customer),
            r#"{"id":3947,"name":"Acme","azure_customer_id":"34fdg","classification":"managed_without_access","#
                .to_owned()
                + r#""margin_percentage":0.0,"created_at":"2016-09-15T18:17:04Z","updated_at":"2016-09-15T18:17:05Z","#
                + r#""generated_external_id":"1a2b3c4d5e6f","partner_billing_configuration":{"enabled":false,"folder":""},"#
                + r#""tags":[],"_links":{"self":{"href":"/v1/customers/3947"}}}"#
        );
    }

    #[test]
    fn responses_may_be_sent_back() {
        let later = "2030-01-01T00:00:00Z".parse().unwrap();
        for body in [minimal(), serde_json::from_str(REQUEST).unwrap()] {
            let before = customer(&body);
            let answer = Json::parse(answer(before.clone()).as_bytes()).unwrap();
            assert_eq!(before.patched(&answer, later, Handling::Strict), Ok(before.details));
        }
    }
}
