//! Azure tenants and their assignments, as the OpenAPI document shows them.

use super::StoredAddress;
use serde::Serialize;
use utoipa::ToSchema;

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
