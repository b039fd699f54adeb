//! Azure tenants of a partner and their assignments to customers (contract, section 7).

use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::Done;
use crate::directory::{Lookup, sighting};
use crate::paging::{self, Paging, Query, truth};
use crate::permissions::Permission;
use crate::{App, Error, dated};
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::timeline::{EFFECTIVE_FROM, parse_day};
use domain::version::Nonce;
use domain::{
    AzureCustomerId, CustomerId, DisplayName, Handling, NewCustomer, PartnerId, Violation, Violations, code,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::civil::Date;
use serde::Serialize;
pub use store::azure_tenants::AzureTenant;
use store::azure_tenants::{self, Filter, Sighting};
use store::{Tx, customers};

/// The maximum number of tenants in one request.
const MAX_IDS: usize = 500;
/// The maximum number of concurrent directory look-ups of one request.
const MAX_CONCURRENT_LOOKUPS: usize = 8;

/// The paging and the filters of a list of tenants.
#[derive(Clone, Debug, Default)]
pub struct TenantSearch {
    /// The page.
    pub paging: Paging,
    filter: Filter,
}

/// A tenant and the customer that it is assigned to.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// The customer's display name.
    pub customer_name: String,
    /// The tenant.
    pub tenant: AzureTenant,
}

/// The result for one tenant of a request.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The change was made.
    Done(Box<Assigned>),
    /// The change was not made.
    Refused {
        /// The reason, for people.
        error: String,
        /// The tenant.
        azure_customer_id: String,
    },
}

/// The direction of a change of assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Assign the tenants to the customer.
    Add,
    /// Remove the assignments.
    Remove,
}

/// The content of the audit event.
#[derive(Serialize)]
struct Changed<'a> {
    azure_customer_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_from: Option<String>,
}

impl TenantSearch {
    /// Parses a query string. Blank parameters count as absent.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every invalid parameter, as `/name`.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let mut search = TenantSearch::default();
        paging::read(query, &["q", "assigned", "at"], |name, value| match name {
            _ if search.paging.take(name, value)? => Ok(()),
            "q" => {
                search.filter.name_part = Some(DisplayName::parse(value)?.key());
                Ok(())
            }
            "assigned" => {
                search.filter.assigned = Some(truth(value)?);
                Ok(())
            }
            "at" => {
                search.filter.at = Some(parse_day(value)?);
                Ok(())
            }
            _ => Ok(()),
        })?;
        Ok(search)
    }

    /// Restricts the list to tenants that are assigned to this customer, or to any customer for `None`.
    #[must_use]
    pub fn of_customer(mut self, customer: Option<CustomerId>) -> Self {
        (self.filter.customer, self.filter.assigned) = (customer, Some(true));
        self
    }
}

impl App {
    /// A page of the partner's tenants, and the total number.
    #[boxed]
    pub async fn azure_tenants(
        &self,
        call: &Call,
        search: TenantSearch,
    ) -> Result<(Vec<AzureTenant>, i64), Error> {
        let grant = self.require(call, Permission::ReadCustomers).await?;
        grant
            .list((call.partner(), search), |(partner, search), tx| {
                Box::pin(async move {
                    let (skip, limit) = (search.paging.skip(), search.paging.per_page);
                    Ok(azure_tenants::list(tx, *partner, &search.filter, skip, limit).await?)
                })
            })
            .await
    }

    /// The tenant with this internal id.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the partner does not have it.
    #[boxed]
    pub async fn azure_tenant(&self, call: &Call, id: i64) -> Result<AzureTenant, Error> {
        let grant = self.require(call, Permission::ReadCustomers).await?;
        grant
            .look_up((call.partner(), id), |(partner, id), tx| {
                Box::pin(async move { azure_tenants::get(tx, *partner, *id).await?.ok_or(Error::NotFound) })
            })
            .await
    }

    /// A page of the tenants that are assigned to a customer, or to any customer for `None`, and the total number.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the customer does not exist.
    #[boxed]
    pub async fn assignments(
        &self,
        call: &Call,
        customer: Option<CustomerId>,
        search: TenantSearch,
    ) -> Result<(Vec<Assigned>, i64), Error> {
        let grant = self.require(call, Permission::ReadCustomers).await?;
        let input = (call.partner(), customer, search.of_customer(customer));
        grant
            .list(input, |(partner, customer, search), tx| {
                Box::pin(async move {
                    if let Some(id) = customer {
                        customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    }
                    let (skip, limit) = (search.paging.skip(), search.paging.per_page);
                    let (tenants, total) =
                        azure_tenants::list(tx, *partner, &search.filter, skip, limit).await?;
                    let mut assigned = Vec::with_capacity(tenants.len());
                    for tenant in tenants {
                        let owner = match search.filter.at {
                            Some(day) => owner_on(tx, *partner, &tenant, day).await?,
                            None => tenant.customer,
                        };
                        let customer_name = match owner {
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

    /// Assigns tenants to a customer, or removes assignments; either all of the payload's or none, from today or the payload's
    /// day on. The outcomes are in the order of the payload.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the customer does not exist; [`Error::Invalid`] for an invalid payload;
    /// [`Error::DirectoryUnavailable`] if the directory cannot be reached.
    #[boxed]
    pub async fn change_assignments(
        &self,
        call: &Call,
        customer: CustomerId,
        change: Change,
        body: &Json,
        handling: Handling,
    ) -> Result<Vec<Outcome>, Error> {
        let grant = self.require(call, Permission::ChangeCustomers).await?;
        let partner = call.partner();
        self.customer(call, customer).await?;
        let (named, from) = read_ids(body, handling)?;
        let look_up = async |azure: AzureCustomerId| {
            let lookup = match change {
                Change::Add => self.look_up(partner, &azure).await?,
                Change::Remove => Lookup::TakenAsGiven,
            };
            let result = match lookup {
                Lookup::Missing => Err("azure_customer_id not found"),
                Lookup::Found(tenant) => Ok(Some(sighting(&tenant))),
                Lookup::TakenAsGiven | Lookup::Unverified => Ok(None),
            };
            Ok::<Named, Error>((azure, result))
        };
        let named: Vec<Named> =
            stream::iter(named).map(look_up).buffered(MAX_CONCURRENT_LOOKUPS).try_collect().await?;
        let (random, now) = (self.random.nonce()?, self.clock.now());
        let input = AssignmentChange { partner, id: customer, change, named, from, random, now };
        let changed = grant.change(input, |input, tx| {
            let AssignmentChange { partner, id, change, named, from, random, now } = input;
            Box::pin(async move {
                if let Some(from) = from {
                    dated::check_open(tx, *partner, *from, *now).await?;
                }
                let before = customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                let refusals = match change {
                    Change::Add => add(tx, *partner, *id, named, *from, *now).await?,
                    Change::Remove => remove(tx, *partner, &before, named, *from, *random, *now).await?,
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
                let ids = Changed {
                    azure_customer_ids: named.iter().map(|(azure, _)| azure.as_str()).collect(),
                    effective_from: from.map(|from| from.to_string()),
                };
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

/// A tenant of the payload and the directory's result: its data, `None` if it was not looked up, or the error message.
type Named = (AzureCustomerId, Result<Option<Sighting>, &'static str>);

/// What the transaction of a change needs.
struct AssignmentChange {
    partner: PartnerId,
    id: CustomerId,
    change: Change,
    named: Vec<Named>,
    /// The day from which the change holds; without one, from now on.
    from: Option<Date>,
    /// Makes the new version unguessable.
    random: Nonce,
    now: jiff::Timestamp,
}

/// Assigns tenants to a customer; `Some` is the error message of one that cannot be assigned.
async fn add(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    named: &[Named],
    from: Option<Date>,
    now: jiff::Timestamp,
) -> Result<Vec<Option<&'static str>>, Error> {
    // Every request locks tenants in the same order, which prevents deadlocks.
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
                let assigned = match from {
                    Some(from) => azure_tenants::assign_from(tx, partner, azure, customer, from, now).await?,
                    None => azure_tenants::assign(tx, partner, azure, customer, now).await?,
                };
                (!assigned).then_some("azure_customer_id has already been taken")
            }
        };
    }
    Ok(refusals)
}

/// Removes assignments of a customer; `Some` is the error message of one that does not exist.
async fn remove(
    tx: &mut Tx,
    partner: PartnerId,
    customer: &domain::Customer,
    named: &[Named],
    from: Option<Date>,
    random: Nonce,
    now: jiff::Timestamp,
) -> Result<Vec<Option<&'static str>>, Error> {
    let mut refusals = Vec::with_capacity(named.len());
    let own = customer.details.azure_customer_id.as_ref().map(AzureCustomerId::key);
    let mut loses_its_own = false;
    for (azure, _) in named {
        let released = match from {
            Some(from) => azure_tenants::release_from(tx, partner, azure, customer.id, from, now).await?,
            None => azure_tenants::release(tx, partner, azure, customer.id, now).await?,
        };
        if released && own.as_ref() == Some(&azure.key()) {
            // From a coming day on, it has the tenant still.
            let holder = azure_tenants::find(tx, partner, azure).await?.and_then(|tenant| tenant.customer);
            loses_its_own |= holder != Some(customer.id);
        }
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

/// The schema of the payload.
pub static PAYLOAD: Payload = Payload {
    members: &[Member::plain("azure_customer_ids"), Member::plain(EFFECTIVE_FROM)],
    read_only: &[],
};

/// The owner of a tenant on a day.
async fn owner_on(
    tx: &mut Tx,
    partner: PartnerId,
    tenant: &AzureTenant,
    day: Date,
) -> Result<Option<CustomerId>, Error> {
    let owners = store::dated::assignment(tx, partner, &tenant.azure_customer_id.key()).await?;
    Ok(owners.map_or(tenant.customer, |owners| *owners.on(day)))
}

/// Reads `{"azure_customer_ids": [...], "effective_from": "2026-11-03"}`; repeated ids count once.
fn read_ids(body: &Json, handling: Handling) -> Result<(Vec<AzureCustomerId>, Option<Date>), Error> {
    const POINTER: &str = "/azure_customer_ids";
    let from = read_from(body)?;
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
    if violations.is_empty() { Ok((read, from)) } else { Err(Error::Invalid(violations)) }
}

/// The day of `effective_from`, if the payload has one.
fn read_from(body: &Json) -> Result<Option<Date>, Error> {
    let pointer = || format!("/{EFFECTIVE_FROM}");
    match body.get(EFFECTIVE_FROM).filter(|json| !json.is_blank()) {
        None => Ok(None),
        Some(Json::String(text)) => {
            let day = parse_day(text.trim());
            day.map(Some).map_err(|wrong| Error::Invalid(Violation { pointer: pointer(), ..wrong }.into()))
        }
        Some(_) => {
            let wrong = Violation::new(pointer(), code::WRONG_TYPE, "must be a string");
            Err(Error::Invalid(wrong.into()))
        }
    }
}
