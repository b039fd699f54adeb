//! One change to several customers, and the names of several.

use super::CustomerView;
use crate::access::Call;
use crate::boxed;
use crate::permissions::Permission;
use crate::{App, Error};
use domain::json::Json;
use domain::{Classification, CustomerId, Handling, Tag, Violation, code};
use std::collections::{BTreeMap, BTreeSet};
use store::customers;

/// The maximum number of customers of one request.
pub const MAX_CUSTOMERS: usize = 100;
/// How often a customer is read again that somebody else changes at the same time.
const ATTEMPTS: usize = 3;

/// A change that several customers can have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommonChange {
    /// Whether their users have access.
    Classification(Classification),
    /// Whether bills are written for them.
    PartnerBilling(bool),
    /// A tag that they get; it replaces one with the same key.
    SetTag(Tag),
    /// The key of a tag that they lose.
    RemoveTag(String),
}

/// The result for one customer.
#[derive(Debug)]
pub enum ChangeOutcome {
    /// The customer was changed.
    Changed,
    /// The customer is so already.
    Unchanged,
    /// The customer was not changed.
    Refused(Error),
}

impl CommonChange {
    /// The payload that changes this customer; `None` if it is so already.
    fn payload(&self, customer: &CustomerView) -> Option<Json> {
        let (field, value) = match self {
            CommonChange::Classification(classification) => {
                let is_so = customer.classification() == *classification;
                (!is_so).then(|| ("classification", Json::String(classification.as_str().to_owned())))
            }
            CommonChange::PartnerBilling(enabled) => {
                let is_so = customer.partner_billing().enabled == *enabled;
                let billing = || Json::Object(vec![("enabled".to_owned(), Json::Bool(*enabled))]);
                (!is_so).then(|| ("partner_billing_configuration", billing()))
            }
            CommonChange::SetTag(tag) => {
                let mut tags = customer.tags().to_vec();
                match tags.iter_mut().find(|own| own.key == tag.key) {
                    Some(own) => own.value.clone_from(&tag.value),
                    None => tags.push(tag.clone()),
                }
                (tags != customer.tags()).then(|| ("tags", tags_payload(&tags)))
            }
            CommonChange::RemoveTag(key) => {
                let mut tags = customer.tags().to_vec();
                tags.retain(|own| own.key != *key);
                (tags != customer.tags()).then(|| ("tags", tags_payload(&tags)))
            }
        }?;
        Some(Json::Object(vec![(field.to_owned(), value)]))
    }
}

fn tags_payload(tags: &[Tag]) -> Json {
    let tag = |tag: &Tag| {
        let member = |name: &str, text: &str| (name.to_owned(), Json::String(text.to_owned()));
        Json::Object(vec![member("key", &tag.key), member("value", &tag.value)])
    };
    Json::Array(tags.iter().map(tag).collect())
}

impl App {
    /// Makes one change to several customers, each in a transaction of its own, and says for each what came of it. Made again,
    /// it changes nothing more.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than [`MAX_CUSTOMERS`].
    #[boxed]
    pub async fn change_customers(
        &self,
        call: &Call,
        ids: &[CustomerId],
        change: &CommonChange,
    ) -> Result<Vec<(CustomerId, ChangeOutcome)>, Error> {
        self.require(call, Permission::ChangeCustomers).await?;
        if ids.len() > MAX_CUSTOMERS {
            let message = format!("has {} entries, at most {MAX_CUSTOMERS} are allowed", ids.len());
            return Err(Error::Invalid(Violation::new("/customers", code::TOO_MANY, message).into()));
        }
        let (mut outcomes, mut seen) = (Vec::new(), BTreeSet::new());
        for id in ids.iter().copied().filter(|id| seen.insert(*id)) {
            let outcome = self.change_in_common(call, id, change).await;
            outcomes.push((id, outcome.unwrap_or_else(ChangeOutcome::Refused)));
        }
        Ok(outcomes)
    }

    async fn change_in_common(
        &self,
        call: &Call,
        id: CustomerId,
        change: &CommonChange,
    ) -> Result<ChangeOutcome, Error> {
        let mut attempt = 1;
        loop {
            let before = self.customer(call, id).await?;
            let Some(payload) = change.payload(&before) else { return Ok(ChangeOutcome::Unchanged) };
            match self.update_customer(call, id, payload, Handling::Strict, before.if_match()).await {
                Err(Error::PreconditionFailed) if attempt < ATTEMPTS => attempt += 1,
                changed => return changed.map(|_| ChangeOutcome::Changed),
            }
        }
    }

    /// The names of these customers. Those that do not exist are left out.
    #[boxed]
    pub async fn customer_names(
        &self,
        call: &Call,
        ids: Vec<CustomerId>,
    ) -> Result<BTreeMap<CustomerId, String>, Error> {
        let grant = self.require(call, Permission::ReadCustomers).await?;
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        grant
            .list((call.partner(), ids), |(partner, ids), tx| {
                Box::pin(async move { Ok(customers::names(tx, *partner, ids).await?) })
            })
            .await
    }
}
