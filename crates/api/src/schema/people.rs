//! Users, their keys, and the trail of what they did, as the OpenAPI document shows them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A partner's user to be made.
#[derive(ToSchema)]
pub(crate) struct NewUser {
    /// Unique in its tenant.
    #[schema(format = "email")]
    email: String,
    /// For people to read.
    #[schema(max_length = 255, nullable)]
    name: Option<String>,
    /// Where it has one role. It or `roles` is required.
    #[schema(nullable)]
    role: Option<PartnerRole>,
    /// Given beside `role`, it begins with that one.
    #[schema(nullable, min_items = 1, max_items = 20)]
    roles: Option<Vec<PartnerRole>>,
    /// When the key ends by itself (ISO 8601, in the future).
    #[schema(nullable)]
    api_key_expires_at: Option<String>,
}

/// A customer's user to be made. Its role is `customer`, unless it is said to be an owner.
#[derive(ToSchema)]
pub(crate) struct NewCustomerUser {
    /// Unique in its tenant.
    #[schema(format = "email", example = "jane@example.com")]
    email: String,
    /// For people to read.
    #[schema(max_length = 255, nullable)]
    name: Option<String>,
    #[schema(nullable)]
    role: Option<CustomerRole>,
    #[schema(nullable, min_items = 1, max_items = 20)]
    roles: Option<Vec<CustomerRole>>,
    /// When the key ends by itself (ISO 8601, in the future).
    #[schema(nullable)]
    api_key_expires_at: Option<String>,
}

/// The roles of customers' users. An `owner` also manages the users of its own customer.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CustomerRole {
    Owner,
    Customer,
}

/// The roles of a partner's users.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PartnerRole {
    Admin,
    Operator,
    Billing,
    Viewer,
    Auditor,
}

/// What to change of a user.
#[derive(ToSchema)]
pub(crate) struct UserChange {
    #[schema(max_length = 255, nullable)]
    name: Option<String>,
    /// This role and no other.
    #[schema(nullable)]
    role: Option<Role>,
    /// As on create; all roles that the user has from now on.
    #[schema(nullable, min_items = 1, max_items = 20)]
    roles: Option<Vec<Role>>,
}

/// What comes in the place of a user's default key.
#[derive(ToSchema)]
pub(crate) struct NewKey {
    /// When the new key ends by itself (ISO 8601, in the future).
    #[schema(nullable)]
    api_key_expires_at: Option<String>,
    /// How long the old key goes on working: at most seven days.
    #[schema(nullable, minimum = 0, maximum = 604_800, default = 0)]
    overlap_seconds: Option<i64>,
}

/// One more key of a user.
#[derive(ToSchema)]
pub(crate) struct NewApiKey {
    /// For people to read.
    #[schema(min_length = 1, max_length = 100, example = "Nightly import")]
    name: String,
    /// Where it is narrowed to one role.
    #[schema(nullable)]
    role: Option<Role>,
    /// The roles that the key is narrowed to, among those of the user; without them it has all.
    #[schema(nullable, min_items = 1, max_items = 20)]
    roles: Option<Vec<Role>>,
    /// Addresses and ranges (CIDR) that the key may be used from; without them from everywhere.
    #[schema(nullable, max_items = 50, example = json!(["203.0.113.0/24", "2001:db8::/32"]))]
    allowed_addresses: Option<Vec<String>>,
    /// When the key ends by itself (ISO 8601, in the future).
    #[schema(nullable)]
    expires_at: Option<String>,
}

/// How a key is rotated.
#[derive(ToSchema)]
pub(crate) struct ApiKeyRotation {
    /// When the new key ends by itself (ISO 8601, in the future); without it, when the old one would have.
    #[schema(nullable)]
    expires_at: Option<String>,
    /// How long the old key goes on working: at most seven days.
    #[schema(nullable, minimum = 0, maximum = 604_800, default = 0)]
    overlap_seconds: Option<i64>,
}

/// A key of a user.
#[derive(ToSchema)]
pub(crate) struct ApiKey {
    /// The log and the audit trail name the key by it. It is not secret.
    #[schema(example = "a1B2c3D4")]
    id: String,
    name: String,
    /// The roles that the key is narrowed to; absent where it has all of its user's.
    #[schema(nullable = false)]
    roles: Option<Vec<Role>>,
    /// Ranges of addresses that the key may be used from; absent where it may be used from everywhere.
    #[schema(nullable = false)]
    allowed_addresses: Option<Vec<String>>,
    /// The key that the user was created with, or one that came in its place: `POST …/api_key` rotates it.
    is_default: bool,
    /// The key that came in its place. This one works until it expires.
    #[schema(nullable = false)]
    replaced_by: Option<String>,
    #[schema(format = "date-time", nullable = false)]
    expires_at: Option<String>,
    /// Give or take a minute.
    #[schema(format = "date-time", nullable = false)]
    last_used_at: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
    /// Shown once, when it is made.
    #[schema(nullable = false)]
    api_key: Option<String>,
}

/// The keys of a user.
#[derive(ToSchema)]
pub(crate) struct ApiKeyList {
    api_keys: Vec<ApiKey>,
}

/// What a user may do.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Admin,
    Operator,
    Billing,
    Viewer,
    Auditor,
    Owner,
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
    /// The first of `roles`.
    role: Role,
    /// In the order of the table of roles.
    roles: Vec<Role>,
    has_api_key: bool,
    /// Of the default key.
    #[schema(format = "date-time", nullable = false)]
    api_key_expires_at: Option<String>,
    /// Of any of its keys, give or take a minute.
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
    /// The first of `roles`.
    role: Role,
    /// In the order of the table of roles.
    roles: Vec<Role>,
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
