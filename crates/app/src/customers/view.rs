//! A customer as a caller sees it. The margin is for roles that see costs; the billing health not for the customer's users.

use crate::{Created, Error};
use domain::Customer;
use domain::customer::Visibility;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A customer, which shows what the caller may see of it.
#[derive(Clone, Debug)]
pub struct CustomerView {
    customer: Customer,
    visibility: Visibility,
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
}

impl Serialize for CustomerView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.customer.serialize_with(serializer, self.visibility)
    }
}

/// The answer to a create as the caller may see it; a stored answer may be that to another user.
pub(super) fn shown(created: Created, visibility: Visibility) -> Result<Created, Error> {
    if visibility == Visibility::Full {
        return Ok(created);
    }
    let internal = |error: serde_json::Error| Error::Internal(error.to_string());
    let mut fields: Map<String, Value> = serde_json::from_str(&created.json).map_err(internal)?;
    fields.shift_remove("margin_percentage");
    Ok(Created { json: serde_json::to_string(&fields).map_err(internal)?, ..created })
}
