//! What the OpenAPI document says of the billing settings.
#![expect(dead_code, reason = "these types describe; the domain's types are what is read and written")]

use super::{Address, StoredAddress};
use utoipa::ToSchema;

/// What a partner's statements are to say.
#[derive(ToSchema)]
pub(crate) struct NewBillingSettings {
    /// What the numbers of statements begin with, before year and number: `CON-` for `CON-2026-0001`. At most 20 letters, digits and
    /// `-_./`, a letter or digit first. Nothing if it is left out.
    #[schema(nullable, example = "CON-")]
    statement_number_prefix: Option<String>,
    /// Days after its issue by which a statement is to be paid. Statements have no due date if it is left out.
    #[schema(nullable, minimum = 0, maximum = 365)]
    due_days: Option<i64>,
    /// The partner's name on statements; its own if it is left out.
    #[schema(nullable, example = "Contoso Ltd")]
    display_name: Option<String>,
    /// The partner's address on statements.
    #[schema(nullable)]
    address: Option<Address>,
}

/// What a partner's statements say.
#[derive(ToSchema)]
pub(crate) struct BillingSettings {
    #[schema(example = "CON-")]
    statement_number_prefix: String,
    due_days: Option<i64>,
    #[schema(example = "Contoso Ltd")]
    display_name: Option<String>,
    address: Option<StoredAddress>,
}
