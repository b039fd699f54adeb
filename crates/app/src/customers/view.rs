//! A customer as a caller sees it. The margin is for roles that see costs; the billing health not for the customer's users.

use crate::billing::{Message, health};
use crate::{Created, Error, IfMatch};
use domain::{
    Address, AzureCustomerId, BillingConfiguration, Classification, Customer, Email, Margin, PartnerBilling,
    Tag, UtcSecond,
};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// How much of a customer a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// All of it.
    Full,
    /// All but the partner's margin.
    WithoutMargin,
    /// Neither the partner's margin nor how the partner's billing stands: what the customer's own users see.
    OwnUser,
}

/// A customer, which shows what the caller may see of it.
#[derive(Clone, Debug)]
pub struct CustomerView {
    customer: Customer,
    visibility: Visibility,
}

/// All of a customer.
impl From<Customer> for CustomerView {
    fn from(customer: Customer) -> Self {
        CustomerView { customer, visibility: Visibility::Full }
    }
}

impl CustomerView {
    pub(crate) fn new(customer: Customer, visibility: Visibility) -> Self {
        CustomerView { customer, visibility }
    }

    /// Its number.
    pub fn id(&self) -> domain::CustomerId {
        self.customer.id
    }

    /// What names its version, such as `3947-1`.
    pub fn version(&self) -> String {
        super::version(&self.customer)
    }

    /// The precondition that it is still this version.
    pub(super) fn if_match(&self) -> IfMatch {
        IfMatch::Versions(vec![(self.customer.id.0, self.customer.version)])
    }

    /// Its display name.
    pub fn name(&self) -> &str {
        self.customer.details.name.as_str()
    }

    /// The Azure tenant that it was created with.
    pub fn azure_customer_id(&self) -> Option<&str> {
        self.customer.details.azure_customer_id.as_ref().map(AzureCustomerId::as_str)
    }

    /// Its mailing address.
    pub fn address(&self) -> Option<&Address> {
        self.customer.details.address.as_ref()
    }

    /// Whether its users have access.
    pub fn classification(&self) -> Classification {
        self.customer.details.classification
    }

    /// The end of its trial.
    pub fn trial_expiration_date(&self) -> Option<UtcSecond> {
        self.customer.details.trial_expiration_date
    }

    /// The e-mail address for questions about its bills.
    pub fn billing_contact(&self) -> Option<&str> {
        self.customer.details.billing_contact.as_ref().map(Email::as_str)
    }

    /// The partner's margin; `None` for callers that may not see it.
    pub fn margin(&self) -> Option<Margin> {
        (self.visibility == Visibility::Full).then_some(self.customer.details.margin_percentage)
    }

    /// Whether and where its bills are written.
    pub fn partner_billing(&self) -> &PartnerBilling {
        &self.customer.details.partner_billing_configuration
    }

    /// Its tags.
    pub fn tags(&self) -> &[Tag] {
        &self.customer.details.tags
    }

    /// How its billing stands; `None` without bill runs, and for the customer's own users.
    pub fn billing_status(&self) -> Option<&BillingConfiguration> {
        self.customer.billing_configuration.as_ref().filter(|_| self.visibility != Visibility::OwnUser)
    }

    /// Why bills of it cannot be written; `None` where they can, and where [`CustomerView::billing_status`] says nothing.
    pub fn billing_problem(&self) -> Option<Message> {
        self.billing_status()?.reason().map(health::message)
    }

    /// The random id for use outside the partner.
    pub fn external_id(&self) -> &str {
        self.customer.generated_external_id.as_str()
    }

    /// The times of its creation and of its last change.
    pub fn times(&self) -> [Timestamp; 2] {
        [self.customer.created_at, self.customer.updated_at]
    }
}

/// The response to a create as the caller may see it. The stored one has all of the customer, because another user may repeat
/// the request: here alone a field is taken out of a body that is written already.
pub(super) fn shown(created: Created, visibility: Visibility) -> Result<Created, Error> {
    if visibility == Visibility::Full {
        return Ok(created);
    }
    let internal = |error: serde_json::Error| Error::Internal(error.to_string());
    let mut fields: Map<String, Value> = serde_json::from_str(&created.json).map_err(internal)?;
    fields.shift_remove("margin_percentage");
    Ok(Created { json: serde_json::to_string(&fields).map_err(internal)?, ..created })
}
