//! The permission table: which roles may do what. The only place that says so; the documents show it as it stands here.

use domain::{Role, Roles};

/// What a use case needs of a partner's user. A customer's user has none of these: its few use cases look at its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Read customers, their tenants and statements.
    ReadCustomers,
    /// Change customers, assignments and customers' users.
    ChangeCustomers,
    /// See costs, margins and reports of runs.
    SeeCosts,
    /// Change price rules, and run bills.
    ManageBilling,
    /// Manage the partner's users and their keys, its sign-in, branding and connection to the directory.
    ManagePartner,
    /// Read the audit trail.
    ReadAudit,
}

use Role::{Admin, Auditor, Billing, Operator};

/// Each permission, what it covers, and the roles that have it.
const TABLE: [(Permission, &str, &[Role]); 6] = [
    (
        Permission::ReadCustomers,
        "read customers, tags, tenants, assignments, directory status, statements and their files",
        &Role::OF_PARTNERS,
    ),
    (Permission::ChangeCustomers, "change customers, assignments and customers' users", &[Admin, Operator]),
    (
        Permission::SeeCosts,
        "see costs, margins, earned credit, profit, price rules, price sheets, billing settings and reports of runs",
        &[Admin, Billing, Auditor],
    ),
    (
        Permission::ManageBilling,
        "change price rules, price sheets, billing settings and the billing automation; fetch invoices; run, publish, release, finalize, void, cancel and withdraw bills",
        &[Admin, Billing],
    ),
    (
        Permission::ManagePartner,
        "manage the partner's users and their keys, sign-in, branding and the directory's connection",
        &[Admin],
    ),
    (Permission::ReadAudit, "read the audit trail", &[Admin, Auditor]),
];

impl Permission {
    fn row(self) -> (&'static str, &'static [Role]) {
        let row = TABLE.iter().find(|(permission, ..)| *permission == self);
        row.map_or(("", &[]), |(_, covers, roles)| (covers, roles))
    }

    pub(crate) fn is_given_to(self, roles: Roles) -> bool {
        self.row().1.iter().any(|role| roles.has(*role))
    }

    /// As the sentence "the role viewer may not …" ends.
    pub(crate) fn name(self) -> &'static str {
        self.row().0
    }
}

/// The permission table in Markdown.
pub fn permission_table() -> String {
    let mut table = String::from("| may |");
    for role in Role::OF_PARTNERS {
        table += &format!(" {} |", role.as_str());
    }
    table += "\n| --- |";
    table += &" --- |".repeat(Role::OF_PARTNERS.len());
    for (permission, covers, _) in TABLE {
        table += &format!("\n| {covers} |");
        for role in Role::OF_PARTNERS {
            table += if permission.is_given_to(role.into()) { " yes |" } else { " – |" };
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_table() {
        let table = permission_table();
        let document = include_str!("../../../docs/roles.md");
        assert!(document.contains(&table), "docs/roles.md has to contain:\n\n{table}");
    }

    #[test]
    fn a_customers_user_has_no_permission() {
        for (permission, covers, _) in TABLE {
            for role in Role::OF_CUSTOMERS {
                assert!(!permission.is_given_to(role.into()), "{covers}");
            }
            assert!(permission.is_given_to(Role::Admin.into()), "{covers}");
        }
    }
}
