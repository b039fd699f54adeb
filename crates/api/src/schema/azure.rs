//! Azure tenants and their assignments.

use super::{StoredAddress, time};
use app::assignments::{self, Outcome};
use serde::Serialize;
use utoipa::ToSchema;

/// An Azure tenant.
#[derive(ToSchema, Serialize)]
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
    /// Since when the directory no longer has it; null while it has. What is assigned stays assigned.
    #[schema(format = "date-time")]
    missing_since: Option<String>,
}

/// How the partner's directory is connected and how it fares.
#[derive(ToSchema, Serialize)]
pub(crate) struct DirectoryStatus {
    kind: DirectoryKind,
    /// The partner's own Microsoft tenant.
    tenant_id: Option<String>,
    /// The application that reads the partner's customers.
    client_id: Option<String>,
    /// Whether a walk through the list of tenants is under way.
    walking: bool,
    /// When a walk last came to its end.
    #[schema(format = "date-time")]
    synced_at: Option<String>,
    /// What stands in the way; null while the directory works.
    failure: Option<DirectoryFailure>,
    /// Why the last walk could not follow the list to its end.
    list_cut_off: Option<String>,
}

/// Where tenants are looked up.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DirectoryKind {
    /// Nowhere: tenants are taken as given.
    None,
    /// In a file on the server.
    File,
    /// In Microsoft Partner Center.
    PartnerCenter,
}

/// What stands in the way of a directory.
#[derive(ToSchema, Serialize)]
pub(crate) struct DirectoryFailure {
    /// `unreachable`, `throttled`, `refused`, `mfa_required`, `invalid`, `start_over` or `internal`.
    #[schema(example = "mfa_required")]
    code: String,
    /// What happened, and what to do.
    message: String,
    /// When the first of the failed steps in a row was.
    #[schema(format = "date-time")]
    since: String,
}

impl From<assignments::AzureTenant> for AzureTenant {
    fn from(tenant: assignments::AzureTenant) -> Self {
        AzureTenant {
            id: tenant.id,
            azure_customer_id: tenant.azure_customer_id.as_str().to_owned(),
            name: tenant.name,
            domain: tenant.domain,
            address: tenant.address.map(StoredAddress::from),
            customer_id: tenant.customer.map(|customer| customer.0),
            created_at: time(tenant.created_at),
            updated_at: time(tenant.updated_at),
            missing_since: tenant.missing_since.map(time),
        }
    }
}

impl AzureTenantList {
    pub(crate) fn of(tenants: Vec<assignments::AzureTenant>) -> Self {
        AzureTenantList { azure_partner_customers: tenants.into_iter().map(AzureTenant::from).collect() }
    }
}

impl From<assignments::Assigned> for Assigned {
    fn from(assigned: assignments::Assigned) -> Self {
        let assignments::Assigned { customer_name, tenant } = assigned;
        Assigned {
            customer_tenant_name: customer_name,
            azure_partner_customer_account: Account {
                name: tenant.name,
                domain: tenant.domain,
                azure_customer_id: tenant.azure_customer_id.as_str().to_owned(),
                created_at: time(tenant.created_at),
                updated_at: time(tenant.updated_at),
            },
        }
    }
}

impl AssignmentList {
    pub(crate) fn of(assigned: Vec<assignments::Assigned>) -> Self {
        AssignmentList { azure_partner_customer_accounts: assigned.into_iter().map(Assigned::from).collect() }
    }
}

impl From<Outcome> for AssignmentOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done(assigned) => AssignmentOutcome::Assigned((*assigned).into()),
            Outcome::Refused { error, azure_customer_id } => {
                AssignmentOutcome::NotAssigned(NotAssigned { http_status: 422, error, azure_customer_id })
            }
        }
    }
}

impl AssignmentOutcomes {
    pub(crate) fn of(outcomes: Vec<Outcome>) -> Self {
        AssignmentOutcomes {
            azure_partner_customer_accounts: outcomes.into_iter().map(AssignmentOutcome::from).collect(),
        }
    }
}

impl DirectoryStatus {
    pub(crate) fn of(status: Option<app::DirectoryStatus>) -> Self {
        let Some(status) = status else {
            return DirectoryStatus {
                kind: DirectoryKind::None,
                tenant_id: None,
                client_id: None,
                walking: false,
                synced_at: None,
                failure: None,
                list_cut_off: None,
            };
        };
        let (kind, tenant_id, client_id) = match status.setup.source {
            app::Source::File { .. } => (DirectoryKind::File, None, None),
            app::Source::PartnerCenter { tenant_id, client_id, .. } => {
                (DirectoryKind::PartnerCenter, Some(tenant_id), Some(client_id))
            }
        };
        DirectoryStatus {
            kind,
            tenant_id,
            client_id,
            walking: status.walking,
            synced_at: status.synced_at.map(time),
            failure: status.failure.map(|failure| DirectoryFailure {
                code: failure.code,
                message: failure.message,
                since: time(failure.since),
            }),
            list_cut_off: status.list_cut_off,
        }
    }
}

/// A page of Azure tenants.
#[derive(ToSchema, Serialize)]
pub(crate) struct AzureTenantList {
    azure_partner_customers: Vec<AzureTenant>,
}

/// Azure tenants to be assigned or taken.
#[derive(ToSchema)]
pub(crate) struct Assignment {
    #[schema(min_items = 1, max_items = 500)]
    azure_customer_ids: Vec<String>,
    /// The day from which the change holds, until the next change of the tenant's owner. It may be past or to come, but no day
    /// of a month that is final, or before one. By default today; a tenant that never had a customer has it from the beginning.
    #[schema(format = "date", example = "2026-11-03", nullable)]
    effective_from: Option<String>,
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
#[derive(ToSchema, Serialize)]
pub(crate) struct AssignmentOutcomes {
    azure_partner_customer_accounts: Vec<AssignmentOutcome>,
}

/// A page of assignments.
#[derive(ToSchema, Serialize)]
pub(crate) struct AssignmentList {
    azure_partner_customer_accounts: Vec<Assigned>,
}
