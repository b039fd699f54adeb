//! Roles: what a user may do. A partner's user has one or more of five, a customer's user is a `customer` or an `owner`.

use crate::json::Json;
use crate::text::{invalid, string, wrong_type};
use crate::violation::{Violation, Violations, shortened};
use serde::{Serialize, Serializer};
use std::fmt;
use std::ops::BitOr;

/// A role. What it allows stands in the permission table of the crate `app`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything in the partner.
    Admin,
    /// Customers, their tenants and their users.
    Operator,
    /// Prices, costs and bill runs.
    Billing,
    /// Reads customers.
    Viewer,
    /// Reads everything, the audit trail too.
    Auditor,
    /// A customer's user, who reads its own customer, statements and bills.
    Customer,
    /// A customer's user who also manages the users of its own customer.
    Owner,
}

impl Role {
    /// The roles of a partner's users, in the order of the permission table.
    pub const OF_PARTNERS: [Role; 5] =
        [Role::Admin, Role::Operator, Role::Billing, Role::Viewer, Role::Auditor];

    /// The roles of customers' users.
    pub const OF_CUSTOMERS: [Role; 2] = [Role::Owner, Role::Customer];

    const ALL: [Role; 7] = [
        Role::Admin,
        Role::Operator,
        Role::Billing,
        Role::Viewer,
        Role::Auditor,
        Role::Owner,
        Role::Customer,
    ];

    /// The role's name in payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Operator => "operator",
            Role::Billing => "billing",
            Role::Viewer => "viewer",
            Role::Auditor => "auditor",
            Role::Customer => "customer",
            Role::Owner => "owner",
        }
    }

    /// The role's name in the database. `operator` is taken there, see [`OPERATOR_AND_BILLING`].
    fn as_stored(self) -> &'static str {
        if self == Role::Operator { "customer_operator" } else { self.as_str() }
    }

    /// Reads one of the `allowed` roles.
    pub(crate) fn read(json: &Json, allowed: &[Role]) -> Result<Self, Violation> {
        let text = string(json)?;
        allowed.iter().copied().find(|role| role.as_str() == text).ok_or_else(|| {
            let (names, shown) = (names(allowed), shortened(text));
            invalid(format!("must be one of {names}, not {shown:?}"))
                .because("role", &[("allowed", &names), ("given", &shown)])
        })
    }
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

/// The text in the database for `operator` and `billing` together. Up to version 0.1 one role allowed what these two allow
/// now, and the MAC of a key covers the text: so the text keeps its meaning, and the key its validity.
const OPERATOR_AND_BILLING: &str = "operator";

/// The roles of a user: at least one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Roles(1 << role as u8)
    }
}

impl BitOr for Role {
    type Output = Roles;

    fn bitor(self, other: Role) -> Roles {
        Roles(Roles::from(self).0 | Roles::from(other).0)
    }
}

impl Roles {
    /// Whether the role is one of these.
    pub fn has(self, role: Role) -> bool {
        self.0 & Roles::from(role).0 != 0
    }

    /// The roles that both sets have; `None` where there is none.
    pub fn intersection(self, other: Roles) -> Option<Roles> {
        let both = self.0 & other.0;
        (both != 0).then_some(Roles(both))
    }

    /// The roles of this set that the other does not have; `None` where it has all of them.
    pub fn without(self, other: Roles) -> Option<Roles> {
        self.intersection(Roles(!other.0))
    }

    /// The roles in the order of the permission table.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// The first role in the order of the permission table, for callers that know of one role only.
    pub fn first(self) -> Role {
        self.iter().next().unwrap_or(Role::Viewer)
    }

    /// The roles' text in the database: their names with commas between them. Equal roles have equal texts.
    pub fn to_stored(self) -> String {
        if self == (Role::Operator | Role::Billing) {
            return OPERATOR_AND_BILLING.to_owned();
        }
        self.iter().map(Role::as_stored).collect::<Vec<_>>().join(",")
    }

    /// The roles that a text in the database means; `None` for a text that [`Roles::to_stored`] does not write.
    pub fn from_stored(text: &str) -> Option<Self> {
        if text == OPERATOR_AND_BILLING {
            return Some(Role::Operator | Role::Billing);
        }
        let mut roles = Roles(0);
        for name in text.split(',') {
            roles.0 |= Roles::from(Role::ALL.into_iter().find(|role| role.as_stored() == name)?).0;
        }
        (roles.to_stored() == text).then_some(roles)
    }

    /// Reads an array of at least one of the `allowed` roles. A role that is named twice counts once.
    pub(crate) fn read(json: &Json, allowed: &[Role]) -> Result<Self, Violations> {
        let Json::Array(elements) = json else {
            return Err(wrong_type(r#"an array such as ["operator"]"#, json).into());
        };
        let (mut roles, mut violations) = (Roles(0), Violations::default());
        for (i, element) in elements.iter().take(MAX_NAMED).enumerate() {
            match Role::read(element, allowed) {
                Ok(role) => roles.0 |= Roles::from(role).0,
                Err(violation) => violations.extend(Violations::from(violation).under(&format!("/{i}"))),
            }
        }
        if elements.len() > MAX_NAMED {
            violations.push(invalid(format!("must name at most {MAX_NAMED} roles, not {}", elements.len())));
        }
        if elements.is_empty() {
            let names = names(allowed);
            let violation = invalid(format!("must name at least one of {names}"));
            violations.push(violation.because("roles-none", &[("allowed", &names)]));
        }
        if violations.is_empty() { Ok(roles) } else { Err(violations) }
    }
}

/// How many roles an array may name.
const MAX_NAMED: usize = 20;

/// `operator, billing`
impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names(&self.iter().collect::<Vec<_>>()))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roles({self})")
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_roles_is_read_as_it_was_stored() {
        for bits in 1..1 << Role::ALL.len() {
            let roles = Roles(bits);
            assert_eq!(Roles::from_stored(&roles.to_stored()), Some(roles), "{roles}");
        }
    }

    #[test]
    fn sets_are_compared() {
        let both = Role::Operator | Role::Auditor;
        assert_eq!(both.intersection(Role::Auditor.into()), Some(Role::Auditor.into()));
        assert_eq!(both.intersection(Role::Viewer.into()), None);
        assert_eq!(both.without(Role::Auditor.into()), Some(Role::Operator.into()));
        assert_eq!(both.without(both), None);
    }

    #[test]
    fn stored_texts() {
        for (text, expected) in [
            ("admin", Some("admin")),
            ("operator", Some("operator, billing")),
            ("customer_operator", Some("operator")),
            ("customer_operator,billing", None),
            ("customer_operator,billing,auditor", Some("operator, billing, auditor")),
            ("auditor,billing", None),
            ("viewer", Some("viewer")),
            ("customer", Some("customer")),
            ("owner", Some("owner")),
            ("owner,customer", Some("owner, customer")),
            ("operator,auditor", None),
            ("root", None),
            ("", None),
            ("admin,", None),
        ] {
            let found = Roles::from_stored(text).map(|roles| roles.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }
}
