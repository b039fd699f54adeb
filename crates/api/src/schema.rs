//! What the OpenAPI document says of bodies, parameters and answers. A test holds real answers against it.
#![expect(dead_code, reason = "these types describe; the domain's types are what is read and written")]

mod billing;

pub(crate) use billing::*;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, IntoResponses, ToSchema};

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
    #[schema(inline, default = "managed_without_access", nullable)]
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
    tags: Option<Vec<Tag>>,
}

/// What to change of a customer: only what is named changes. An explicit `null` clears `trial_expiration_date` and
/// `billing_contact`.
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
    #[schema(inline, nullable)]
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
    tags: Option<Vec<Tag>>,
}

/// A customer.
#[derive(ToSchema)]
pub(crate) struct Customer {
    /// Rising, and never used twice. Also called the client API id.
    #[schema(example = 3947)]
    id: i64,
    name: String,
    #[schema(nullable = false)]
    azure_customer_id: Option<String>,
    #[schema(inline)]
    classification: Classification,
    #[schema(format = "date-time", nullable = false)]
    trial_expiration_date: Option<String>,
    #[schema(format = "email", nullable = false)]
    billing_contact: Option<String>,
    /// In percent, at most four decimal places. A customer's own users do not see it.
    #[schema(minimum = 0, exclusive_maximum = 100, nullable = false)]
    margin_percentage: Option<f64>,
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
    address: Option<StoredAddress>,
    tags: Vec<Tag>,
    /// Once there are bills; a customer's own users do not see it.
    #[schema(nullable = false)]
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
    /// In the US the USPS abbreviation (`MA`); elsewhere the full ASCII name of the ISO 3166-2 subdivision
    /// (`New South Wales`).
    #[schema(min_length = 1, max_length = 255)]
    state: String,
    zipcode: Zipcode,
    /// ISO 3166-1 alpha-2, alpha-3 or English name; answered as alpha-2.
    #[schema(example = "US")]
    country: String,
}

/// A mailing address.
#[derive(ToSchema)]
pub(crate) struct StoredAddress {
    street1: String,
    #[schema(nullable = false)]
    street2: Option<String>,
    city: String,
    state: String,
    zipcode: String,
    /// ISO 3166-1 alpha-2.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: String,
}

/// A string, or a number, which in the US is padded to five digits.
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
#[derive(ToSchema)]
pub(crate) struct PartnerBilling {
    enabled: bool,
    folder: String,
}

/// How the billing of a customer stands.
#[derive(ToSchema)]
pub(crate) struct BillingConfiguration {
    /// `Healthy` or `Not Healthy`.
    #[schema(example = "Healthy")]
    status: String,
    /// Why it is not; otherwise empty.
    reason: String,
}

/// A tag. No two of a customer have the same key.
#[derive(ToSchema)]
pub(crate) struct Tag {
    #[schema(min_length = 1, max_length = 128)]
    key: String,
    #[schema(max_length = 256)]
    value: String,
}

/// Where the object is.
#[derive(ToSchema)]
pub(crate) struct Links {
    #[schema(rename = "self", inline)]
    this: Link,
}

/// A reference.
#[derive(ToSchema)]
pub(crate) struct Link {
    #[schema(example = "/v1/customers/3947")]
    href: String,
}

/// A page of customers.
#[derive(ToSchema)]
pub(crate) struct CustomerList {
    customers: Vec<Customer>,
}

/// An error.
#[derive(ToSchema)]
pub(crate) struct Error {
    /// All of `errors`, joined.
    #[schema(example = "name has already been taken; tags has 21 entries, at most 20 are allowed")]
    error: String,
    /// One sentence for each violation.
    #[schema(nullable = false)]
    errors: Option<Vec<String>>,
    #[schema(nullable = false)]
    details: Option<Vec<Detail>>,
    /// As in `X-Request-Id` and the server's log.
    request_id: String,
}

/// One violation.
#[derive(ToSchema)]
pub(crate) struct Detail {
    /// Where in the body (RFC 6901); `""` is the whole of it.
    #[schema(example = "/address/state", nullable = false)]
    pointer: Option<String>,
    /// Which parameter of the query string.
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// For programs.
    #[schema(example = "taken")]
    code: String,
    /// For people.
    #[schema(example = "has already been taken")]
    message: String,
    /// Of malformed JSON, from 1.
    #[schema(nullable = false)]
    line: Option<u32>,
    /// In characters, from 1.
    #[schema(nullable = false)]
    column: Option<u32>,
}

/// A user to be made.
#[derive(ToSchema)]
pub(crate) struct NewUser {
    /// Unique in its tenant.
    #[schema(format = "email")]
    email: String,
    /// For people to read.
    #[schema(max_length = 255, nullable)]
    name: Option<String>,
    /// Of a partner's user `admin`, `operator` or `viewer`, and required; of a customer's user `customer`.
    #[schema(example = "operator", nullable)]
    role: Option<String>,
    /// When the key ends by itself (ISO 8601, in the future).
    #[schema(nullable)]
    api_key_expires_at: Option<String>,
}

/// What to change of a user.
#[derive(ToSchema)]
pub(crate) struct UserChange {
    #[schema(max_length = 255, nullable)]
    name: Option<String>,
    /// As on create.
    #[schema(nullable)]
    role: Option<String>,
}

/// A key to be made.
#[derive(ToSchema)]
pub(crate) struct NewKey {
    /// When the key ends by itself (ISO 8601, in the future).
    #[schema(nullable)]
    api_key_expires_at: Option<String>,
}

/// Who signs in.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Admin,
    Operator,
    Viewer,
    Customer,
}

/// A user.
#[derive(ToSchema)]
pub(crate) struct User {
    id: i64,
    /// Of a customer's user.
    #[schema(nullable = false)]
    customer_id: Option<i64>,
    #[schema(format = "email")]
    email: String,
    name: String,
    #[schema(inline)]
    role: Role,
    has_api_key: bool,
    #[schema(format = "date-time", nullable = false)]
    api_key_expires_at: Option<String>,
    /// Give or take a minute.
    #[schema(format = "date-time", nullable = false)]
    last_used_at: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
    /// Shown once, when it is made.
    #[schema(nullable = false)]
    api_key: Option<String>,
}

/// A page of users.
#[derive(ToSchema)]
pub(crate) struct UserList {
    users: Vec<User>,
}

/// Who asks.
#[derive(ToSchema)]
pub(crate) struct Me {
    id: i64,
    email: String,
    name: String,
    #[schema(inline)]
    role: Role,
    partner: Named,
    #[schema(nullable = false)]
    customer: Option<Named>,
    /// When the trial or the key ends, whichever is first; `null` if neither does.
    #[schema(format = "date-time")]
    access_until: Option<String>,
}

/// A number and a name.
#[derive(ToSchema)]
pub(crate) struct Named {
    id: i64,
    name: String,
}

/// An event of the audit trail.
#[derive(ToSchema)]
pub(crate) struct Event {
    /// Its lane and its place in it.
    #[schema(example = "0-17")]
    id: String,
    #[schema(format = "date-time")]
    at: String,
    /// `null` for the server's operator.
    user_id: Option<i64>,
    key_id: Option<String>,
    #[schema(example = "customer.create")]
    action: String,
    #[schema(example = "customers/3947")]
    object: String,
    /// The object as it was.
    #[schema(nullable = false)]
    before: Option<Value>,
    /// The object as it is now.
    #[schema(nullable = false)]
    after: Option<Value>,
    /// Why it was refused.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// The address it came from.
    origin: String,
    request_id: String,
}

/// A page of events.
#[derive(ToSchema)]
pub(crate) struct EventList {
    audit_events: Vec<Event>,
}

/// An Azure tenant.
#[derive(ToSchema)]
pub(crate) struct AzureTenant {
    /// Our own number for it.
    id: i64,
    azure_customer_id: String,
    name: String,
    domain: String,
    /// Its address in the directory.
    address: Option<StoredAddress>,
    /// The customer that it is assigned to.
    customer_id: Option<i64>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A page of Azure tenants.
#[derive(ToSchema)]
pub(crate) struct AzureTenantList {
    azure_partner_customers: Vec<AzureTenant>,
}

/// Azure tenants to be assigned or taken.
#[derive(ToSchema)]
pub(crate) struct Assignment {
    #[schema(min_items = 1, max_items = 500)]
    azure_customer_ids: Vec<String>,
}

/// An assigned Azure tenant, and the customer that holds it.
#[derive(ToSchema, Serialize)]
pub(crate) struct Assigned {
    /// The customer's name.
    customer_tenant_name: String,
    azure_partner_customer_account: Account,
}

/// An assigned Azure tenant.
#[derive(ToSchema, Serialize)]
pub(crate) struct Account {
    name: String,
    domain: String,
    azure_customer_id: String,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// Why an Azure tenant was not assigned or taken.
#[derive(ToSchema, Serialize)]
pub(crate) struct NotAssigned {
    #[schema(example = 422)]
    http_status: u16,
    #[schema(example = "azure_customer_id not found")]
    error: String,
    azure_customer_id: String,
}

/// What became of one Azure tenant.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(crate) enum AssignmentOutcome {
    Assigned(Assigned),
    NotAssigned(NotAssigned),
}

/// What became of each Azure tenant.
#[derive(ToSchema)]
pub(crate) struct AssignmentOutcomes {
    azure_partner_customer_accounts: Vec<AssignmentOutcome>,
}

/// A page of assignments.
#[derive(ToSchema)]
pub(crate) struct AssignmentList {
    azure_partner_customer_accounts: Vec<Assigned>,
}

/// How the walks through the partners' directories stand.
#[derive(ToSchema, Serialize)]
pub(crate) struct DirectoryHealth {
    /// How many partners have a directory.
    pub(crate) connected: usize,
    /// How many of them have been walked to the end.
    pub(crate) synced: usize,
    /// How many of them failed at the last step.
    pub(crate) failing: usize,
}

/// Whether the server is ready.
#[derive(ToSchema, Serialize)]
pub(crate) struct Readiness {
    #[schema(example = "ok")]
    pub(crate) status: &'static str,
    pub(crate) directories: DirectoryHealth,
}

/// How the server is.
#[derive(ToSchema, Serialize)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    pub(crate) status: &'static str,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct CustomerId {
    /// The customer's id.
    id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct StrictHandling {
    /// `handling=strict` turns unknown fields and parameters into violations (RFC 7240).
    #[param(rename = "Prefer", nullable = false)]
    prefer: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IdempotencyKey {
    /// Names this request. A repetition under the same name within 24 hours is answered as the first was, and makes
    /// nothing twice.
    #[param(rename = "Idempotency-Key", max_length = 255)]
    idempotency_key: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfMatch {
    /// Change it only if its `ETag` is one of these (RFC 9110).
    #[param(rename = "If-Match", nullable = false)]
    if_match: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IfNoneMatch {
    /// Answer `304` if its `ETag` is one of these (RFC 9110).
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct UserId {
    /// The user's id.
    user_id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct AzureTenantId {
    /// Our own number for the tenant.
    id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ClientApiId {
    /// The customer's id.
    client_api_id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantParameters {
    /// Part of the name.
    q: Option<String>,
    /// Whether it is assigned to a customer.
    assigned: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// From 1; 0 counts as 1.
    #[param(minimum = 0, default = 1)]
    page: Option<i64>,
    /// Over 100 is capped.
    #[param(minimum = 1, default = 30)]
    per_page: Option<i64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParameters {
    /// Over 100 is capped.
    #[param(minimum = 1, default = 30)]
    per_page: Option<i64>,
    /// Go on where the page before ended. Take it from `Link: rel="next"`.
    cursor: Option<String>,
    /// An action such as `customer.create`, or with a `.` at its end the start of one.
    action: Option<String>,
    /// An object such as `customers/3947`.
    object: Option<String>,
    /// What this user did.
    user_id: Option<i64>,
    /// At this time (ISO 8601) or later.
    since: Option<String>,
    /// Before this time (ISO 8601).
    until: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParameters {
    /// From 1; 0 counts as 1.
    #[param(minimum = 0, default = 1)]
    page: Option<i64>,
    /// Over 100 is capped.
    #[param(minimum = 1, default = 30)]
    per_page: Option<i64>,
    /// Go on where the page before ended. Take it from `Link: rel="next"`.
    cursor: Option<String>,
    /// Part of the name.
    q: Option<String>,
    /// The level of access.
    #[param(inline)]
    classification: Option<Classification>,
    /// `KEY` or `KEY:VALUE`; repeat it for customers that have all of them.
    tag: Option<Vec<String>>,
    /// `active`, `expired` or `none`.
    trial: Option<String>,
    /// The customer that holds this Azure tenant.
    azure_customer_id: Option<String>,
    /// Whether partner billing is enabled.
    partner_billing: Option<bool>,
    /// Changed at this time (ISO 8601) or later.
    updated_since: Option<String>,
}

/// What every operation may answer.
#[derive(IntoResponses)]
pub(crate) enum Refusals {
    /// No key, or one that is unknown, rotated or revoked.
    #[response(status = 401)]
    Unauthorized(Error),
    /// A live key that may not do this.
    #[response(status = 403)]
    Forbidden(Error),
    /// The URI is longer than 4,000 characters.
    #[response(status = 414)]
    UriTooLong(Error),
    /// Internal service error.
    #[response(status = 500)]
    Internal(Error),
    /// The database or the directory is out of reach. Nothing was written; repeat the request after `Retry-After`.
    #[response(status = 503)]
    Unavailable(Error),
}

/// What every operation with a body may answer beside.
#[derive(IntoResponses)]
pub(crate) enum BodyRefusals {
    /// The body broke off before its end.
    #[response(status = 400)]
    BrokenOff(Error),
    /// The body did not arrive in time.
    #[response(status = 408)]
    TooSlow(Error),
    /// The body is larger than 1 MiB.
    #[response(status = 413)]
    TooLarge(Error),
    /// Malformed JSON, or violations: all of them.
    #[response(status = 422)]
    Invalid(Error),
}

/// What every repeatable operation may answer beside.
#[derive(IntoResponses)]
pub(crate) enum Repetition {
    /// The first request with this `Idempotency-Key` is still under way.
    #[response(status = 409)]
    StillRunning(Error),
}

/// The seed's address sample.
pub(crate) fn by_address() -> Value {
    json!({
        "name": "Acme Corp",
        "classification": "managed_without_access",
        "billing_contact": "john.doe@acmecorp.com",
        "trial_expiration_date": "2027-09-22T00:00:00Z",
        "partner_billing_configuration": {"enabled": "true", "folder": ""},
        "address": {
            "street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"
        },
        "tags": [{"key": "customer_id", "value": "973532"}, {"key": "service_package", "value": "basic_managed"}]
    })
}

/// The seed's sample with a tenant, mended.
pub(crate) fn by_tenant() -> Value {
    json!({
        "name": "abc company",
        "azure_customer_id": "34fdg",
        "classification": "managed_with_access",
        "billing_contact": "abc@example.com",
        "partner_billing_configuration": {"enabled": true, "folder": ""},
        "tags": [{"key": "customer_id", "value": "973532"}, {"key": "service_package", "value": "basic_managed"}]
    })
}

/// The seed's answer, which leaves the trial out.
pub(crate) fn answer() -> Value {
    json!({
        "id": 3947,
        "name": "Acme Corp",
        "classification": "managed_without_access",
        "trial_expiration_date": "2016-09-22T00:00:00Z",
        "billing_contact": "john.doe@acmecorp.com",
        "margin_percentage": 0.0,
        "created_at": "2016-09-15T18:17:04Z",
        "updated_at": "2016-09-15T18:17:04Z",
        "generated_external_id": "1a2b3c4d5e6f",
        "partner_billing_configuration": {"enabled": true, "folder": ""},
        "address": {
            "street1": "1 Main St", "city": "Springfield", "state": "MA", "zipcode": "01234", "country": "US"
        },
        "tags": [{"key": "customer_id", "value": "973532"}, {"key": "service_package", "value": "basic_managed"}],
        "_links": {"self": {"href": "/v1/customers/3947"}}
    })
}
