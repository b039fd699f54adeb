//! The wire types. The structs of responses are shape, OpenAPI schema and documentation in one, and are made from the values of
//! use cases, whose patterns name every field: one that is added there has to be shown or left out here.
//!
//! The structs of request bodies and parameters only describe. Payloads are parsed by `domain`, `rating` and `app`, which find all
//! violations at once; a test compares the names of their fields with those of the schemas.
#![expect(dead_code, reason = "fields of request bodies and parameters are only described here")]

mod audit;
mod automation;
mod azure;
mod bill_runs;
mod branding;
mod customers;
mod invoices;
mod people;
mod price_rules;
mod profit;
mod run_checks;
mod run_totals;
mod settings;
mod sign_in;
mod statements;

pub(crate) use audit::*;
pub(crate) use automation::*;
pub(crate) use azure::*;
pub use bill_runs::*;
pub(crate) use branding::*;
pub(crate) use customers::*;
pub use invoices::*;
pub use people::*;
pub use price_rules::*;
pub use profit::*;
pub use settings::*;
pub(crate) use sign_in::*;
pub(crate) use statements::*;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// A new object as the body of a response: what use cases are given to write it with.
pub fn body<W: Serialize + From<T>, T>(object: T) -> serde_json::Result<String> {
    serde_json::to_string(&W::from(object))
}

/// RFC 3339, UTC, to the second.
fn time(time: Timestamp) -> String {
    format!("{time:.0}")
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

/// Which rule a violation breaks, for programs. Messages may change, these do not; there may come more of them.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorCode {
    Malformed,
    Duplicate,
    Unknown,
    Required,
    WrongType,
    Invalid,
    TooLong,
    TooMany,
    NotFuture,
    Conflict,
    Taken,
    NotFound,
    NoAddress,
    UnsupportedMediaType,
    Unusable,
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
    code: ErrorCode,
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
    pub(crate) audit: AuditHealth,
    pub(crate) invoice_fetches: InvoiceFetchHealth,
}

/// How fetches of Microsoft's invoices stand, over all partners.
#[derive(ToSchema, Serialize)]
pub(crate) struct InvoiceFetchHealth {
    /// Fetches that wait or run.
    #[schema(example = 0)]
    pub(crate) under_way: i64,
    /// Months whose last fetch failed.
    #[schema(example = 0)]
    pub(crate) failing: i64,
}

/// How the audit trail is.
#[derive(ToSchema, Serialize)]
pub(crate) struct AuditHealth {
    /// Chains of all partners that did not end where the server had left them. They stay counted:
    /// `tenantry admin audit verify` says what was found.
    #[schema(example = 0)]
    pub(crate) broken_chains: i64,
    /// How often the database was found behind its anchor, in an older state than it had, and the operator has not said
    /// why (`tenantry admin audit accept`).
    #[schema(example = 0)]
    pub(crate) rollbacks: i64,
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
pub(crate) struct UserKeyId {
    /// The user's id.
    user_id: i64,
    /// The key's id, as the list of keys shows it.
    key_id: String,
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
pub(crate) struct At {
    /// As it was, or will be, on this day.
    #[param(format = "date", example = "2026-10-31")]
    at: Option<String>,
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
pub(crate) struct Deletion {
    /// Delete it although it has statements, or corrections that are on none yet.
    #[param(default = false)]
    force: Option<bool>,
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
    classification: Option<Classification>,
    /// `KEY` or `KEY:VALUE`; repeat it for customers that have all of them.
    tag: Option<Vec<String>>,
    /// How the trial stands.
    trial: Option<TrialState>,
    /// The customer that holds this Azure tenant.
    azure_customer_id: Option<String>,
    /// Whether partner billing is enabled.
    partner_billing: Option<bool>,
    /// Changed at this time (ISO 8601) or later.
    updated_since: Option<String>,
}

/// How a customer's trial stands.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrialState {
    Active,
    Expired,
    None,
}

/// What even an operation without a key may answer.
#[derive(IntoResponses)]
pub(crate) enum UriRefusal {
    /// The URI is longer than 4,000 characters.
    #[response(status = 414)]
    UriTooLong(Error),
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
    /// Too many requests of this key or partner, or too many at a time: repeat it after `Retry-After`.
    #[response(status = 429)]
    TooMany(Error),
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
    /// The body has another `Content-Encoding` than gzip.
    #[response(status = 415)]
    UnknownEncoding(Error),
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
        "trial_expiration": "2016-09-22T00:00:00Z",
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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::payload::Payload;
    use std::collections::BTreeSet;
    use utoipa::PartialSchema;
    use utoipa::openapi::{RefOr, Schema};

    fn fields<T: PartialSchema>() -> BTreeSet<String> {
        match T::schema() {
            RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
            _ => BTreeSet::new(),
        }
    }

    /// A body has the fields that are read; those of a response may be sent back, and are not described.
    #[test]
    fn request_bodies_are_described_by_the_fields_that_are_read() {
        // A user's address may be sent back, and does not change.
        let unchanged = ["email"];
        let cases: [(&str, &Payload, BTreeSet<String>); 14] = [
            ("NewCustomer", &domain::customer::PAYLOAD, fields::<NewCustomer>()),
            ("CustomerChange", &domain::customer::PAYLOAD, fields::<CustomerChange>()),
            ("Address", &domain::customer::ADDRESS, fields::<Address>()),
            ("NewUser", &domain::user::PAYLOAD, fields::<NewUser>()),
            ("NewCustomerUser", &domain::user::PAYLOAD, fields::<NewCustomerUser>()),
            ("UserChange", &domain::user::CHANGE_PAYLOAD, fields::<UserChange>()),
            ("NewApiKey", &domain::user_key::PAYLOAD, fields::<NewApiKey>()),
            ("ApiKeyRotation", &domain::user_key::ROTATION_PAYLOAD, fields::<ApiKeyRotation>()),
            ("NewKey", &domain::user_key::DEFAULT_ROTATION_PAYLOAD, fields::<NewKey>()),
            ("NewBranding", &domain::branding::PAYLOAD, fields::<NewBranding>()),
            ("NewSignInProvider", &app::single_sign_on::PAYLOAD, fields::<NewSignInProvider>()),
            ("NewPriceRule", &rating::RULE_PAYLOAD, fields::<NewPriceRule>()),
            ("PriceRuleChange", &rating::RULE_PAYLOAD, fields::<PriceRuleChange>()),
            ("Assignment", &app::assignments::PAYLOAD, fields::<Assignment>()),
        ];
        for (name, payload, described) in cases {
            let read = payload.members.iter().map(|member| member.name.to_owned());
            let mut read: BTreeSet<String> = read.collect();
            if name == "UserChange" {
                read.retain(|field| !unchanged.contains(&field.as_str()));
            }
            assert_eq!(described, read, "{name}");
            assert!(described.len() > 1, "{name}");
        }
    }
}
