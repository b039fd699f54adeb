//! Who signs in: a partner's user or a customer's, and what it may do.

use crate::contact::Email;
use crate::customer::Handling;
use crate::fields::Fields;
use crate::ids::{CustomerId, UserId};
use crate::json::Json;
use crate::payload::{Member, Payload};
use crate::role::{Role, Roles};
use crate::text::{invalid, line, required, string};
use crate::utc_second::UtcSecond;
use crate::violation::Violations;
use jiff::Timestamp;

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Unique in its tenant.
    pub email: Email,
    /// For people to read; may be empty. At most 255 characters.
    pub name: String,
    /// What it may do.
    pub roles: Roles,
    /// When its key ends by itself.
    pub key_expires_at: Option<UtcSecond>,
}

/// A user as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: UserId,
    /// The customer whose user it is; `None` for a partner's own.
    pub customer: Option<CustomerId>,
    /// Unique in its tenant.
    pub email: Email,
    /// For people to read; may be empty.
    pub name: String,
    /// What it may do.
    pub roles: Roles,
    /// Whether it has a key.
    pub has_key: bool,
    /// When its default key ends by itself.
    pub key_expires_at: Option<UtcSecond>,
    /// When one of its keys was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a user's payload consists of.
pub static PAYLOAD: Payload = Payload {
    members: &[
        Member::alias("email", &["mail", "email_address"]),
        Member::plain("name"),
        Member::plain("role"),
        Member::plain("roles"),
        EXPIRY,
    ],
    read_only: &["id", "customer_id", "api_key", "created_at", "updated_at", "last_used_at", "has_api_key"],
};

/// What the payload of a user's change consists of.
pub static CHANGE_PAYLOAD: Payload = Payload {
    members: &[Member::plain("email"), Member::plain("name"), Member::plain("role"), Member::plain("roles")],
    read_only: &[
        "id",
        "customer_id",
        "api_key",
        "api_key_expires_at",
        "created_at",
        "updated_at",
        "last_used_at",
        "has_api_key",
    ],
};

pub(crate) const EXPIRY: Member =
    Member::alias("api_key_expires_at", &["expires_at", "expires", "expiry", "key_expires_at", "expiration"]);

const MAX_NAME_LENGTH: usize = 255;

impl NewUser {
    /// Reads the payload that makes a user of a customer, or of the partner itself (`customer` is `None`). A customer's
    /// user has the role `customer` unless another one is given; a partner's has to say which it has, as `role` or as `roles`.
    ///
    /// # Errors
    /// Every rule that the payload breaks.
    pub fn parse(
        body: &Json,
        customer: Option<CustomerId>,
        now: Timestamp,
        handling: Handling,
    ) -> Result<Self, Violations> {
        let mut fields = Fields::of(body, r#"a JSON object such as {"email": "jane@example.com"}"#)?;
        let email = fields.required("email", Email::read);
        let name = fields.optional("name", |json| line(string(json)?, MAX_NAME_LENGTH).map(str::to_owned));
        if customer.is_none() && fields.given("role").is_none() && fields.given("roles").is_none() {
            fields.refuse("role", required());
        }
        let roles = read_roles(&mut fields, roles_of(customer)).or(customer.map(|_| Role::Customer.into()));
        let key_expires_at = read_expiry(&mut fields, now);
        fields.violations.extend(PAYLOAD.unknown(body, handling));
        match (email, roles) {
            (Some(email), Some(roles)) if fields.violations.is_empty() => {
                Ok(NewUser { email, name: name.unwrap_or_default(), roles, key_expires_at })
            }
            _ => Err(fields.violations),
        }
    }
}

impl User {
    /// Name and roles after a `PUT`, which changes only what it names.
    ///
    /// # Errors
    /// Every rule that the payload breaks.
    pub fn patched(&self, body: &Json, handling: Handling) -> Result<(String, Roles), Violations> {
        let mut fields = Fields::of(body, r#"a JSON object such as {"name": "Jane"}"#)?;
        let name = fields.optional("name", |json| line(string(json)?, MAX_NAME_LENGTH).map(str::to_owned));
        let roles = read_roles(&mut fields, roles_of(self.customer));
        let email = fields.optional("email", Email::read);
        if email.is_some_and(|email| email.key() != self.email.key()) {
            fields.refuse("email", invalid("cannot be changed; make another user instead"));
        }
        fields.violations.extend(CHANGE_PAYLOAD.unknown(body, handling));
        if !fields.violations.is_empty() {
            return Err(fields.violations);
        }
        Ok((name.unwrap_or_else(|| self.name.clone()), roles.unwrap_or(self.roles)))
    }
}

fn roles_of(customer: Option<CustomerId>) -> &'static [Role] {
    if customer.is_some() { &Role::OF_CUSTOMERS } else { &Role::OF_PARTNERS }
}

/// Reads `role` and `roles`. Given both, the first of `roles` has to be `role`, as in an answer that is sent back.
pub(crate) fn read_roles(fields: &mut Fields<'_>, allowed: &[Role]) -> Option<Roles> {
    let role = fields.optional("role", |json| Role::read(json, allowed));
    let roles = fields.optional("roles", |json| Roles::read(json, allowed));
    if let (Some(role), Some(roles)) = (role, roles)
        && roles.first() != role
    {
        let message = format!("must begin with {}, which role says, or role must be left out", role.as_str());
        fields.refuse("roles", invalid(message));
    }
    roles.or(role.map(Roles::from))
}

fn read_expiry(fields: &mut Fields<'_>, now: Timestamp) -> Option<UtcSecond> {
    fields.optional("api_key_expires_at", |json| UtcSecond::read(json)?.in_future(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn payloads() {
        let now = "2016-09-15T18:17:04Z".parse().unwrap();
        let (of_partner, of_customer) = (None, Some(CustomerId(1)));
        let good = json!({"email": "a@b.example", "name": "A", "role": "viewer"});
        let cases = [
            (good.clone(), of_partner, ""),
            (json!({"email": "a@b.example", "role": "admin"}), of_partner, ""),
            (json!({"email": "a@b.example"}), of_partner, "/role required"),
            (json!({"role": "admin"}), of_partner, "/email required"),
            (json!({"email": "abc", "role": "root"}), of_partner, "/email invalid, /role invalid"),
            (json!({"email": "a@b.example", "role": "customer"}), of_partner, "/role invalid"),
            (json!({"email": "a@b.example"}), of_customer, ""),
            (json!({"email": "a@b.example", "role": "customer"}), of_customer, ""),
            (json!({"email": "a@b.example", "role": "owner"}), of_customer, ""),
            (json!({"email": "a@b.example", "roles": ["owner", "customer"]}), of_customer, ""),
            (json!({"email": "a@b.example", "role": "owner"}), of_partner, "/role invalid"),
            (good, of_customer, "/role invalid"),
            (json!({"email": "a@b.example", "name": 7}), of_customer, "/name wrong_type"),
            (
                json!({"email": "a@b.example", "api_key_expires_at": "2016-01-01"}),
                of_customer,
                "/api_key_expires_at not_future",
            ),
            (json!({"email": "a@b.example", "mail": "x"}), of_customer, "/mail unknown"),
            (json!({"email": "a@b.example", "roles": ["viewer", "billing"]}), of_partner, ""),
            (
                json!({"email": "a@b.example", "role": "billing", "roles": ["viewer", "billing"]}),
                of_partner,
                "",
            ),
            (
                json!({"email": "a@b.example", "role": "viewer", "roles": ["viewer", "billing"]}),
                of_partner,
                "/roles invalid",
            ),
            (json!({"email": "a@b.example", "role": "viewer", "roles": null}), of_partner, ""),
            (json!({"email": "a@b.example", "roles": []}), of_partner, "/roles invalid"),
            (json!({"email": "a@b.example", "roles": "viewer"}), of_partner, "/roles wrong_type"),
            (
                json!({"email": "a@b.example", "roles": ["root", 7]}),
                of_partner,
                "/roles/0 invalid, /roles/1 wrong_type",
            ),
            (json!({"email": "a@b.example", "roles": vec!["viewer"; 21]}), of_partner, "/roles invalid"),
            (json!({"email": "a@b.example", "roles": ["customer"]}), of_customer, ""),
            (json!({"email": "a@b.example", "roles": ["admin"]}), of_customer, "/roles/0 invalid"),
            (json!([]), of_partner, " wrong_type"),
        ];
        for (body, customer, expected) in cases {
            let read = NewUser::parse(&Json::from(&body), customer, now, Handling::Strict);
            let found = read.err().map_or(String::new(), |violations| {
                violations.iter().map(|v| format!("{} {}", v.pointer, v.code)).collect::<Vec<_>>().join(", ")
            });
            assert_eq!(found, expected, "{body}");
        }
    }
}
