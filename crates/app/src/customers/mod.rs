//! The customer's life: created, read, listed, changed, deleted.

mod search;

pub use search::{Page, Search, cursor};

use crate::{Actor, App, Error};
use domain::json::Json;
use domain::{Customer, CustomerId, Handling, NewCustomer, PartnerId, Refused, Violations};
use store::customers::Taken;
use store::{Tx, customers};

/// What the caller last saw of an object, for a change that must not undo somebody else's (RFC 9110, If-Match).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Change it whatever it is now.
    Anything,
    /// Change it only if it is one of these customers in one of these versions.
    Versions(Vec<(CustomerId, i64)>),
}

impl IfMatch {
    fn allows(&self, now: &Customer) -> Result<(), Error> {
        match self {
            IfMatch::Versions(seen) if !seen.contains(&(now.id, now.version)) => {
                Err(Error::PreconditionFailed)
            }
            _ => Ok(()),
        }
    }
}

impl App {
    /// Create a customer.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation of the payload, values that are taken among them; [`Error`] of the
    /// store.
    pub async fn create_customer(
        &self,
        actor: &Actor,
        body: &Json,
        handling: Handling,
    ) -> Result<Customer, Error> {
        let now = self.clock.now();
        let details = match NewCustomer::parse(body, now, handling) {
            Ok(details) => details,
            Err(refused) => return Err(self.refuse(actor.partner, refused, None).await),
        };
        let input = (actor.partner, details, self.random.external_id()?, now);
        self.db
            .write(actor.partner, input, |(partner, details, external_id, now), tx| {
                Box::pin(async move {
                    let inserted = customers::insert(tx, *partner, details, external_id, *now).await?;
                    inserted.map_err(|taken| Error::Invalid(with_taken(Violations::default(), taken)))
                })
            })
            .await
    }

    /// Read a customer.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error`] of the store.
    pub async fn customer(&self, actor: &Actor, id: CustomerId) -> Result<Customer, Error> {
        let found = self
            .db
            .read(actor.partner, (actor.partner, id), |(partner, id), tx| {
                Box::pin(customers::get(tx, *partner, *id))
            })
            .await
            .map_err(Error::from)?;
        found.ok_or(Error::NotFound)
    }

    /// Change what `body` names, and nothing else. A change that changes nothing leaves version and times as they are.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`]; [`Error::Invalid`] with every violation of the payload;
    /// [`Error`] of the store.
    pub async fn update_customer(
        &self,
        actor: &Actor,
        id: CustomerId,
        body: Json,
        handling: Handling,
        if_match: IfMatch,
    ) -> Result<Customer, Error> {
        let input = (actor.partner, id, body, handling, if_match, self.clock.now());
        self.db
            .write(actor.partner, input, |(partner, id, body, handling, if_match, now), tx| {
                Box::pin(async move {
                    let before = customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    if_match.allows(&before)?;
                    let details = match before.patched(body, *now, *handling) {
                        Ok(details) => details,
                        Err(refused) => return Err(refusal(tx, *partner, refused, Some(*id)).await?),
                    };
                    if details == before.details {
                        return Ok(before);
                    }
                    let (name, azure) = (Some(&details.name), details.azure_customer_id.as_ref());
                    let taken = customers::taken(tx, *partner, name, azure, Some(*id)).await?;
                    if taken != Taken::default() {
                        return Err(Error::Invalid(with_taken(Violations::default(), taken)));
                    }
                    Ok(customers::update(tx, *partner, &before, details, *now).await?)
                })
            })
            .await
    }

    /// Delete a customer. Its name and its Azure tenants are free again, its id is not.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`]; [`Error`] of the store.
    pub async fn delete_customer(
        &self,
        actor: &Actor,
        id: CustomerId,
        if_match: IfMatch,
    ) -> Result<(), Error> {
        self.db
            .write(actor.partner, (actor.partner, id, if_match), |(partner, id, if_match), tx| {
                Box::pin(async move {
                    let before = customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    if_match.allows(&before)?;
                    Ok(customers::delete(tx, *partner, *id, before.version).await?)
                })
            })
            .await
    }

    /// Say what is wrong with a payload, and which of its readable values are taken too.
    async fn refuse(&self, partner: PartnerId, refused: Refused, except: Option<CustomerId>) -> Error {
        let looked = self.db.read(partner, (partner, refused, except), |(partner, refused, except), tx| {
            Box::pin(refusal(tx, *partner, refused.clone(), *except))
        });
        looked.await.unwrap_or_else(|error| error)
    }
}

async fn refusal(
    tx: &mut Tx,
    partner: PartnerId,
    refused: Refused,
    except: Option<CustomerId>,
) -> Result<Error, Error> {
    let (name, azure) = (refused.name.as_ref(), refused.azure_customer_id.as_ref());
    let taken = customers::taken(tx, partner, name, azure, except).await?;
    Ok(Error::Invalid(with_taken(refused.violations, taken)))
}

fn with_taken(mut violations: Violations, taken: Taken) -> Violations {
    if taken.name {
        violations.push(Violations::taken("/name"));
    }
    if taken.azure_customer_id {
        violations.push(Violations::taken("/azure_customer_id"));
    }
    violations.sort_by_field();
    violations
}
