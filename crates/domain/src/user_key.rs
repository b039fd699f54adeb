//! The API keys of a user: what makes one, what rotates one, and what is shown of it. The secret itself is not here.

use crate::address_ranges::AddressRanges;
use crate::customer::Handling;
use crate::fields::Fields;
use crate::json::Json;
use crate::payload::{Member, Payload};
use crate::role::{Role, Roles};
use crate::text::{filled_line, invalid, string, wrong_type};
use crate::user::read_roles;
use crate::utc_second::UtcSecond;
use crate::violation::{Violation, Violations};
use jiff::Timestamp;

/// A key to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// For people to read: 1 to 100 characters.
    pub name: String,
    /// The roles that the key is narrowed to; `None` for all that its user has.
    pub roles: Option<Roles>,
    /// The addresses that the key may be used from.
    pub addresses: AddressRanges,
    /// The instant at which the key ends by itself.
    pub expires_at: Option<UtcSecond>,
}

/// What a rotation says of the new key and the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyRotation {
    /// The instant at which the new key ends by itself.
    pub expires_at: Option<UtcSecond>,
    /// The seconds for which the old key goes on working: 0 to 604,800.
    pub overlap_seconds: i64,
}

/// A key as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserKey {
    /// Finds the key; not secret. The log and the audit trail name the key by it.
    pub id: String,
    /// For people to read.
    pub name: String,
    /// The roles that the key is narrowed to; `None` for all that its user has.
    pub roles: Option<Roles>,
    /// The addresses that the key may be used from.
    pub addresses: AddressRanges,
    /// Whether it is the key that its user was created with, or one that came in its place.
    pub is_default: bool,
    /// The key that came in its place. This one works until its expiry.
    pub replaced_by: Option<String>,
    /// The instant at which the key ends by itself.
    pub expires_at: Option<UtcSecond>,
    /// The time of its last use, give or take a minute.
    pub last_used_at: Option<Timestamp>,
    /// The time at which it was created.
    pub created_at: Timestamp,
}

/// The members of the payload that creates a key.
pub static PAYLOAD: Payload = Payload {
    members: &[
        Member::plain("name"),
        Member::plain("role"),
        Member::plain("roles"),
        Member::alias(
            "allowed_addresses",
            &["addresses", "allowed_ips", "ip_allowlist", "ip_whitelist", "cidr", "cidrs"],
        ),
        EXPIRY,
    ],
    read_only: &["id", "api_key", "is_default", "replaced_by", "last_used_at", "created_at"],
};

/// The members of the payload that rotates a key.
pub static ROTATION_PAYLOAD: Payload = Payload { members: &[EXPIRY, OVERLAP], read_only: &[] };

/// The members of the payload that rotates a user's default key.
pub static DEFAULT_ROTATION_PAYLOAD: Payload =
    Payload { members: &[crate::user::EXPIRY, OVERLAP], read_only: &[] };

const EXPIRY: Member =
    Member::alias("expires_at", &["api_key_expires_at", "expires", "expiry", "key_expires_at", "expiration"]);
const OVERLAP: Member = Member::alias("overlap_seconds", &["overlap", "grace_period", "grace"]);

const MAX_NAME_LENGTH: usize = 100;
/// The longest overlap of a rotation: seven days.
pub const MAX_OVERLAP_SECONDS: i64 = 7 * 24 * 60 * 60;

impl NewKey {
    /// The key that a user is created with.
    pub fn default_key(expires_at: Option<UtcSecond>) -> Self {
        NewKey { name: "default".to_owned(), roles: None, addresses: AddressRanges::default(), expires_at }
    }

    /// Reads the payload that creates a key of a customer's user, or of a partner's.
    ///
    /// # Errors
    /// Every rule that the payload breaks.
    pub fn parse(
        body: &Json,
        of_customer: bool,
        now: Timestamp,
        handling: Handling,
    ) -> Result<Self, Violations> {
        let mut fields = Fields::of(body, r#"a JSON object such as {"name": "Nightly import"}"#)?;
        let name =
            fields.required("name", |json| filled_line(string(json)?, MAX_NAME_LENGTH).map(str::to_owned));
        let allowed: &[Role] = if of_customer { &Role::OF_CUSTOMERS } else { &Role::OF_PARTNERS };
        let roles = read_roles(&mut fields, allowed);
        let addresses = fields.optional("allowed_addresses", AddressRanges::read).unwrap_or_default();
        let expires_at = fields.optional("expires_at", |json| UtcSecond::read(json)?.in_future(now));
        fields.violations.extend(PAYLOAD.unknown(body, handling));
        match name {
            Some(name) if fields.violations.is_empty() => Ok(NewKey { name, roles, addresses, expires_at }),
            _ => Err(fields.violations),
        }
    }

    /// What is wrong with roles that the key is narrowed to, where its user has `roles`.
    pub fn check_roles(&self, roles: Roles) -> Result<(), Violation> {
        match self.roles.and_then(|narrowed| narrowed.without(roles)) {
            Some(missing) => Err(Violation {
                pointer: "/roles".into(),
                ..invalid(format!("must be among the user's roles ({roles}), which {missing} is not"))
            }),
            None => Ok(()),
        }
    }
}

impl KeyRotation {
    /// Reads the payload that rotates a key.
    ///
    /// # Errors
    /// Every rule that the payload breaks.
    pub fn parse(body: &Json, now: Timestamp, handling: Handling) -> Result<Self, Violations> {
        Self::read(body, now, "expires_at", &ROTATION_PAYLOAD, handling)
    }

    /// Reads the payload that rotates a user's default key.
    ///
    /// # Errors
    /// Every rule that the payload breaks.
    pub fn parse_default(body: &Json, now: Timestamp, handling: Handling) -> Result<Self, Violations> {
        Self::read(body, now, "api_key_expires_at", &DEFAULT_ROTATION_PAYLOAD, handling)
    }

    fn read(
        body: &Json,
        now: Timestamp,
        expiry: &str,
        payload: &Payload,
        handling: Handling,
    ) -> Result<Self, Violations> {
        let example = format!(r#"a JSON object such as {{"{expiry}": "2030-12-31"}}"#);
        let mut fields = Fields::of(body, &example)?;
        let expires_at = fields.optional(expiry, |json| UtcSecond::read(json)?.in_future(now));
        let overlap_seconds = fields.optional("overlap_seconds", read_overlap).unwrap_or(0);
        fields.violations.extend(payload.unknown(body, handling));
        if !fields.violations.is_empty() {
            return Err(fields.violations);
        }
        Ok(KeyRotation { expires_at, overlap_seconds })
    }
}

fn read_overlap(json: &Json) -> Result<i64, Violation> {
    let Json::Number(number) = json else { return Err(wrong_type("a number of seconds", json)) };
    let seconds = number.as_i64().filter(|seconds| (0..=MAX_OVERLAP_SECONDS).contains(seconds));
    seconds.ok_or_else(|| invalid(format!("must be a whole number of 0 to {MAX_OVERLAP_SECONDS} (7 days)")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn found(violations: &Violations) -> String {
        violations.iter().map(|v| format!("{} {}", v.pointer, v.code)).collect::<Vec<_>>().join(", ")
    }

    fn now() -> Timestamp {
        "2016-09-15T18:17:04Z".parse().unwrap()
    }

    #[test]
    fn payloads_of_new_keys() {
        let cases: [(Value, bool, &str); 14] = [
            (json!({"name": "CI"}), false, ""),
            (json!({"name": "CI", "roles": ["viewer", "auditor"]}), false, ""),
            (json!({"name": "CI", "role": "viewer"}), false, ""),
            (json!({"name": "CI", "roles": ["customer"]}), true, ""),
            (json!({"name": "CI", "roles": ["viewer"]}), true, "/roles/0 invalid"),
            (json!({"name": "CI", "expires_at": null, "allowed_addresses": null}), false, ""),
            (json!({}), false, "/name required"),
            (json!({"name": " "}), false, "/name required"),
            (json!({"name": "n".repeat(101)}), false, "/name too_long"),
            (json!({"name": "CI", "roles": ["root"]}), false, "/roles/0 invalid"),
            (json!({"name": "CI", "allowed_addresses": ["x"]}), false, "/allowed_addresses/0 invalid"),
            (json!({"name": "CI", "expires_at": "2016-01-01"}), false, "/expires_at not_future"),
            (json!({"name": "CI", "api_key_expires_at": "2030-01-01"}), false, "/api_key_expires_at unknown"),
            (json!({"name": "CI", "ips": []}), false, "/ips unknown"),
        ];
        for (body, of_customer, expected) in cases {
            let read = NewKey::parse(&Json::from(&body), of_customer, now(), Handling::Strict);
            assert_eq!(read.err().map_or(String::new(), |v| found(&v)), expected, "{body}");
        }
    }

    #[test]
    fn payloads_of_rotations() {
        let cases: [(Value, Result<i64, &str>); 9] = [
            (json!({}), Ok(0)),
            (json!({"overlap_seconds": 604_800}), Ok(604_800)),
            (json!({"overlap_seconds": null}), Ok(0)),
            (json!({"overlap_seconds": 604_801}), Err("/overlap_seconds invalid")),
            (json!({"overlap_seconds": -1}), Err("/overlap_seconds invalid")),
            (json!({"overlap_seconds": 1.5}), Err("/overlap_seconds invalid")),
            (json!({"overlap_seconds": "7 days"}), Err("/overlap_seconds wrong_type")),
            (json!({"overlap": 60}), Err("/overlap unknown")),
            (json!({"expires_at": "2016-01-01"}), Err("/expires_at not_future")),
        ];
        for (body, expected) in cases {
            let read = KeyRotation::parse(&Json::from(&body), now(), Handling::Strict);
            let read = read.map(|rotation| rotation.overlap_seconds).map_err(|v| found(&v));
            assert_eq!(read, expected.map_err(str::to_owned), "{body}");
        }
        let old = Json::from(&json!({"api_key_expires_at": "2030-01-01", "overlap_seconds": 60}));
        let read = KeyRotation::parse_default(&old, now(), Handling::Strict).unwrap();
        assert_eq!((read.expires_at.is_some(), read.overlap_seconds), (true, 60));
    }

    #[test]
    fn a_key_is_narrowed_to_roles_of_its_user() {
        let narrowed = |roles| NewKey { roles, ..NewKey::default_key(None) };
        let user = Role::Operator | Role::Auditor;
        for (roles, expected) in [
            (None, true),
            (Some(Role::Auditor.into()), true),
            (Some(user), true),
            (Some(Role::Admin.into()), false),
            (Some(Role::Operator | Role::Billing), false),
        ] {
            assert_eq!(narrowed(roles).check_roles(user).is_ok(), expected, "{roles:?}");
        }
    }
}
