//! Azure tenants as a partner sees them, and which customer each is assigned to (contract, section 7).

use crate::access::{Act, Call};
use crate::audit::Entry;
use crate::change::Done;
use crate::directory::{Lookup, sighting};
use crate::paging::{self, Paging, Query, truth};
use crate::{App, Error};
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::version::Nonce;
use domain::{
    AzureCustomerId, CustomerId, DisplayName, Handling, NewCustomer, PartnerId, Violation, Violations,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use store::azure_tenants::{self, AzureTenant, Filter, Sighting};
use store::{Tx, customers};

/// The most tenants that one request can assign.
const MAX_IDS: usize = 500;
/// How many of them are looked up at the same time.
const LOOKUPS_AT_ONCE: usize = 8;

/// A list of tenants that was asked for.
#[derive(Clone, Debug, Default)]
pub struct TenantSearch {
    /// Which page.
    pub paging: Paging,
    filter: Filter,
}

/// A tenant and the customer that holds it.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// The customer's name.
    pub customer_name: String,
    /// The tenant.
    pub tenant: AzureTenant,
}

/// What became of one tenant of a request.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is as it was asked for.
    Done(Box<Assigned>),
    /// It is as it was before; why.
    Refused {
        /// For people.
        error: String,
        /// Which.
        azure_customer_id: String,
    },
}

/// Whether tenants are given or taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They are the customer's from now on.
    Add,
    /// They are nobody's from now on.
    Remove,
}

/// What the audit trail keeps of it.
#[derive(Serialize)]
struct Changed<'a> {
    azure_customer_ids: Vec<&'a str>,
}

impl TenantSearch {
    /// Read a query string's parameters; blank ones count as not given.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every parameter that will not do, as `/name`.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let mut search = TenantSearch::default();
        paging::read(query, &["q", "assigned"], |name, value| match name {
            _ if search.paging.take(name, value)? => Ok(()),
            "q" => {
                let part = DisplayName::parse(value).map_err(|violation| violation.message)?;
                search.filter.name_part = Some(part.key());
                Ok(())
            }
            "assigned" => {
                search.filter.assigned = Some(truth(value)?);
                Ok(())
            }
            _ => Ok(()),
        })?;
        Ok(search)
    }

    /// Only tenants that are assigned: to this customer, or to any.
    #[must_use]
    pub fn of_customer(mut self, customer: Option<CustomerId>) -> Self {
        (self.filter.customer, self.filter.assigned) = (customer, Some(true));
        self
    }
}

impl App {
    /// A page of the partner's tenants, and how many there are.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error`] of the store.
    pub async fn azure_tenants(
        &self,
        call: &Call,
        search: TenantSearch,
    ) -> Result<(Vec<AzureTenant>, i64), Error> {
        self.allow(call, Act::ReadCustomers).await?;
        self.db
            .list(call.partner(), (call.partner(), search), |(partner, search), tx| {
                Box::pin(async move {
                    let (skip, limit) = (search.paging.skip(), search.paging.per_page);
                    Ok(azure_tenants::list(tx, *partner, &search.filter, skip, limit).await?)
                })
            })
            .await
    }

    /// One tenant, by our own number for it.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error`] of the store.
    pub async fn azure_tenant(&self, call: &Call, id: i64) -> Result<AzureTenant, Error> {
        self.allow(call, Act::ReadCustomers).await?;
        self.db
            .look_up(call.partner(), (call.partner(), id), |(partner, id), tx| {
                Box::pin(async move { azure_tenants::get(tx, *partner, *id).await?.ok_or(Error::NotFound) })
            })
            .await
    }

    /// A page of the tenants that are assigned to a customer, or to any, and how many there are.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`] if there is no such customer; [`Error`] of the store.
    pub async fn assignments(
        &self,
        call: &Call,
        customer: Option<CustomerId>,
        search: TenantSearch,
    ) -> Result<(Vec<Assigned>, i64), Error> {
        self.allow(call, Act::ReadCustomers).await?;
        let input = (call.partner(), customer, search.of_customer(customer));
        self.db
            .list(call.partner(), input, |(partner, customer, search), tx| {
                Box::pin(async move {
                    if let Some(id) = customer {
                        customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    }
                    let (skip, limit) = (search.paging.skip(), search.paging.per_page);
                    let (tenants, total) =
                        azure_tenants::list(tx, *partner, &search.filter, skip, limit).await?;
                    let mut assigned = Vec::with_capacity(tenants.len());
                    for tenant in tenants {
                        let customer_name = match tenant.customer {
                            Some(id) => customers::get(tx, *partner, id).await?.map(|c| c.details.name),
                            None => None,
                        };
                        let customer_name =
                            customer_name.map_or(String::new(), |name| name.as_str().to_owned());
                        assigned.push(Assigned { customer_name, tenant });
                    }
                    Ok((assigned, total))
                })
            })
            .await
    }

    /// Give a customer tenants, or take them: all of them or none. What became of each, in their order.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`] if there is no such customer; [`Error::Invalid`] for a payload that is
    /// none; [`Error::DirectoryUnavailable`]; [`Error`] of the store.
    pub async fn change_assignments(
        &self,
        call: &Call,
        customer: CustomerId,
        change: Change,
        body: &Json,
        handling: Handling,
    ) -> Result<Vec<Outcome>, Error> {
        self.allow(call, Act::ChangeCustomers).await?;
        let partner = call.partner();
        self.customer(call, customer).await?;
        let named = read_ids(body, handling)?;
        let look_up = async |azure: AzureCustomerId| {
            let lookup = match change {
                Change::Add => self.look_up(partner, &azure).await?,
                Change::Remove => Lookup::TakenAsGiven,
            };
            let said = match lookup {
                Lookup::Missing => Err("azure_customer_id not found"),
                Lookup::Found(tenant) => Ok(Some(sighting(&tenant))),
                Lookup::TakenAsGiven | Lookup::Unverified => Ok(None),
            };
            Ok::<Named, Error>((azure, said))
        };
        let named: Vec<Named> =
            stream::iter(named).map(look_up).buffered(LOOKUPS_AT_ONCE).try_collect().await?;
        let input = (partner, customer, change, named, self.random.nonce()?, self.clock.now());
        let changed = self.change(call, input, |(partner, id, change, named, random, now), tx| {
            Box::pin(async move {
                let before = customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                let refusals = match change {
                    Change::Add => add(tx, *partner, *id, named, *now).await?,
                    Change::Remove => remove(tx, *partner, &before, named, *random, *now).await?,
                };
                if refusals.iter().any(Option::is_some) {
                    return Err(Error::Assignments(outcomes(named, &refusals)));
                }
                let mut done = Vec::with_capacity(named.len());
                for (azure, _) in named {
                    let tenant = azure_tenants::find(tx, *partner, azure).await?.ok_or(Error::NotFound)?;
                    let customer_name = before.details.name.as_str().to_owned();
                    done.push(Outcome::Done(Box::new(Assigned { customer_name, tenant })));
                }
                let action = match change {
                    Change::Add => "assignment.add",
                    Change::Remove => "assignment.remove",
                };
                let ids =
                    Changed { azure_customer_ids: named.iter().map(|(azure, _)| azure.as_str()).collect() };
                let entry = Entry::new(action, format!("customers/{id}")).after(&ids);
                Ok(Done { value: done, entry: Some(entry) })
            })
        });
        match changed.await {
            Err(Error::Assignments(outcomes)) => Ok(outcomes),
            other => other,
        }
    }
}

/// A tenant that was named, and what its directory says: seen, nothing, or what it has against it.
type Named = (AzureCustomerId, Result<Option<Sighting>, &'static str>);

/// Give each that can be given; `Some` says why one cannot.
async fn add(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    named: &[Named],
    now: jiff::Timestamp,
) -> Result<Vec<Option<&'static str>>, Error> {
    // In the same order in every request, so that no two wait for each other.
    let mut order: Vec<usize> = (0..named.len()).collect();
    order.sort_by_key(|at| named[*at].0.key());
    let mut refusals = vec![None; named.len()];
    for at in order {
        let (azure, lookup) = &named[at];
        refusals[at] = match lookup {
            Err(why) => Some(*why),
            Ok(seen) => {
                if let Some(seen) = seen {
                    azure_tenants::note(tx, partner, seen, now).await?;
                }
                let assigned = azure_tenants::assign(tx, partner, azure, customer, now).await?;
                (!assigned).then_some("azure_customer_id has already been taken")
            }
        };
    }
    Ok(refusals)
}

/// Take each that the customer has; `Some` says why one cannot be taken.
async fn remove(
    tx: &mut Tx,
    partner: PartnerId,
    customer: &domain::Customer,
    named: &[Named],
    random: Nonce,
    now: jiff::Timestamp,
) -> Result<Vec<Option<&'static str>>, Error> {
    let mut refusals = Vec::with_capacity(named.len());
    let own = customer.details.azure_customer_id.as_ref().map(AzureCustomerId::key);
    let mut loses_its_own = false;
    for (azure, _) in named {
        let released = azure_tenants::release(tx, partner, azure, customer.id, now).await?;
        loses_its_own |= released && own.as_ref() == Some(&azure.key());
        refusals.push((!released).then_some("azure_customer_id not found"));
    }
    if loses_its_own {
        let from_directory = customers::directory_address(tx, partner, customer.id).await?;
        let details = NewCustomer { azure_customer_id: None, ..customer.details.clone() };
        customers::update(tx, partner, customer, details, from_directory, random, now).await?;
    }
    Ok(refusals)
}

fn outcomes(named: &[Named], refusals: &[Option<&'static str>]) -> Vec<Outcome> {
    let left = "not changed, because another azure_customer_id of this request cannot be";
    let outcome = |((azure, _), why): (&Named, &Option<&'static str>)| Outcome::Refused {
        error: why.unwrap_or(left).to_owned(),
        azure_customer_id: azure.as_str().to_owned(),
    };
    named.iter().zip(refusals).map(outcome).collect()
}

/// What the payload of an assignment consists of.
pub static PAYLOAD: Payload = Payload { members: &[Member::plain("azure_customer_ids")], read_only: &[] };

/// `{"azure_customer_ids": [...]}`, each once.
fn read_ids(body: &Json, handling: Handling) -> Result<Vec<AzureCustomerId>, Error> {
    const POINTER: &str = "/azure_customer_ids";
    let fields = Fields::of(body, r#"a JSON object such as {"azure_customer_ids": ["34fdg"]}"#);
    fields.map_err(|wrong| Error::Invalid(wrong.into()))?;
    let unknown = PAYLOAD.unknown(body, handling);
    if !unknown.is_empty() {
        return Err(Error::Invalid(unknown));
    }
    let refuse = |code, message: String| Err(Error::Invalid(Violation::new(POINTER, code, message).into()));
    let ids = match body.get("azure_customer_ids") {
        Some(Json::Array(ids)) if !ids.is_empty() => ids,
        Some(Json::Array(_) | Json::Null) | None => return refuse("required", "is required".into()),
        Some(_) => return refuse("wrong_type", "must be an array of strings".into()),
    };
    if ids.len() > MAX_IDS {
        return refuse("too_many", format!("has {} entries, at most {MAX_IDS} are allowed", ids.len()));
    }
    let mut violations = Violations::default();
    let mut read: Vec<AzureCustomerId> = Vec::with_capacity(ids.len());
    for (i, id) in ids.iter().enumerate() {
        let pointer = format!("{POINTER}/{i}");
        match id {
            Json::String(text) => match AzureCustomerId::parse(text) {
                Ok(id) if read.iter().any(|known| known.key() == id.key()) => {}
                Ok(id) => read.push(id),
                Err(violation) => violations.push(Violation::new(pointer, violation.code, violation.message)),
            },
            _ => violations.push(Violation::new(pointer, "wrong_type", "must be a string")),
        }
    }
    if violations.is_empty() { Ok(read) } else { Err(Error::Invalid(violations)) }
}
