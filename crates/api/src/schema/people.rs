//! Users, their keys, and the trail of what they did.

use super::time;
use app::events::EventView;
use domain::{AddressRanges, Roles};
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
#[derive(ToSchema, Serialize)]
pub struct ApiKey {
    /// The log and the audit trail name the key by it. It is not secret.
    #[schema(example = "a1B2c3D4")]
    id: String,
    name: String,
    /// The roles that the key is narrowed to; absent where it has all of its user's.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<Role>>,
    /// Ranges of addresses that the key may be used from; absent where it may be used from everywhere.
    #[schema(nullable = false, value_type = Option<Vec<String>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_addresses: Option<AddressRanges>,
    /// The key that the user was created with, or one that came in its place: `POST …/api_key` rotates it.
    is_default: bool,
    /// The key that came in its place. This one works until it expires.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    #[schema(format = "date-time", nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Give or take a minute.
    #[schema(format = "date-time", nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
    /// Shown once, when it is made.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
}

/// The keys of a user.
#[derive(ToSchema, Serialize)]
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
#[derive(ToSchema, Serialize)]
pub struct User {
    id: i64,
    /// Of a customer's user.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_expires_at: Option<String>,
    /// Of any of its keys, give or take a minute.
    #[schema(format = "date-time", nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
    /// Shown once, when it is made.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
}

/// A page of users.
#[derive(ToSchema, Serialize)]
pub(crate) struct UserList {
    users: Vec<User>,
}

/// Who asks.
#[derive(ToSchema, Serialize)]
pub(crate) struct Me {
    id: i64,
    email: String,
    name: String,
    /// The first of `roles`.
    role: Role,
    /// In the order of the table of roles.
    roles: Vec<Role>,
    partner: Named,
    /// When the trial or the key ends, whichever is first; `null` if neither does.
    #[schema(format = "date-time")]
    access_until: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Named>,
}

/// A number and a name.
#[derive(ToSchema, Serialize)]
pub(crate) struct Named {
    id: i64,
    name: String,
}

/// An event of the audit trail.
#[derive(ToSchema, Serialize)]
pub(crate) struct Event {
    /// Its shard and its place in it.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// The object as it is now.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
    /// Why it was refused.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The address it came from.
    origin: String,
    request_id: String,
}

/// A page of events.
#[derive(ToSchema, Serialize)]
pub(crate) struct EventList {
    audit_events: Vec<Event>,
}

impl From<domain::Role> for Role {
    fn from(role: domain::Role) -> Self {
        match role {
            domain::Role::Admin => Role::Admin,
            domain::Role::Operator => Role::Operator,
            domain::Role::Billing => Role::Billing,
            domain::Role::Viewer => Role::Viewer,
            domain::Role::Auditor => Role::Auditor,
            domain::Role::Owner => Role::Owner,
            domain::Role::Customer => Role::Customer,
        }
    }
}

fn roles(roles: Roles) -> Vec<Role> {
    roles.iter().map(Role::from).collect()
}

impl From<domain::User> for User {
    fn from(user: domain::User) -> Self {
        User {
            id: user.id.0,
            customer_id: user.customer.map(|customer| customer.0),
            email: user.email.as_str().to_owned(),
            name: user.name,
            role: user.roles.first().into(),
            roles: roles(user.roles),
            has_api_key: user.has_key,
            api_key_expires_at: user.key_expires_at.map(|end| end.to_string()),
            last_used_at: user.last_used_at.map(time),
            created_at: time(user.created_at),
            updated_at: time(user.updated_at),
            api_key: None,
        }
    }
}

impl From<app::UserWithKey> for User {
    fn from(issued: app::UserWithKey) -> Self {
        User { api_key: Some(issued.api_key.reveal().to_owned()), ..issued.user.into() }
    }
}

impl UserList {
    pub(crate) fn of(users: Vec<domain::User>) -> Self {
        UserList { users: users.into_iter().map(User::from).collect() }
    }
}

impl From<domain::UserKey> for ApiKey {
    fn from(key: domain::UserKey) -> Self {
        ApiKey {
            id: key.id,
            name: key.name,
            roles: key.roles.map(roles),
            allowed_addresses: Some(key.addresses).filter(|addresses| !addresses.is_empty()),
            is_default: key.is_default,
            replaced_by: key.replaced_by,
            expires_at: key.expires_at.map(|end| end.to_string()),
            last_used_at: key.last_used_at.map(time),
            created_at: time(key.created_at),
            api_key: None,
        }
    }
}

impl From<app::IssuedKey> for ApiKey {
    fn from(issued: app::IssuedKey) -> Self {
        ApiKey { api_key: Some(issued.secret.reveal().to_owned()), ..issued.key.into() }
    }
}

impl ApiKeyList {
    pub(crate) fn of(keys: Vec<domain::UserKey>) -> Self {
        ApiKeyList { api_keys: keys.into_iter().map(ApiKey::from).collect() }
    }
}

impl From<app::Me> for Me {
    fn from(me: app::Me) -> Self {
        let named = |app::Named { id, name }| Named { id, name };
        Me {
            id: me.id.0,
            email: me.email.as_str().to_owned(),
            name: me.name,
            role: me.roles.first().into(),
            roles: roles(me.roles),
            partner: named(me.partner),
            access_until: me.access_until.map(|end| end.to_string()),
            customer: me.customer.map(named),
        }
    }
}

impl From<EventView> for Event {
    fn from(event: EventView) -> Self {
        let EventView { id, at, user_id, key_id, action, object, before, after, reason, origin, request_id } =
            event;
        Event { id, at, user_id, key_id, action, object, before, after, reason, origin, request_id }
    }
}

impl EventList {
    pub(crate) fn of(events: Vec<EventView>) -> Self {
        EventList { audit_events: events.into_iter().map(Event::from).collect() }
    }
}
