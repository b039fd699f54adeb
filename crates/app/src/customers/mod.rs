//! Use cases of customers: create, read, list, change, delete.

mod search;
mod several;
mod view;

pub use search::{BillingProblem, Order, Page, Search, cursor};
pub use several::{ChangeOutcome, CommonChange, MAX_CUSTOMERS};
pub use view::CustomerView;
pub(crate) use view::Visibility;

use crate::access::Call;
use crate::audit::Entry;
use crate::audit::record::CustomerRecord;
use crate::billing::health;
use crate::boxed;
use crate::change::{Created, Done, WriteBody};
use crate::directory::{Lookup, no_address, not_found, sighting};
use crate::grant::Grant;
use crate::permissions::Permission;
use crate::{App, Error, IfMatch, Query, dated, paging};
use domain::json::Json;
use domain::terms::Terms;
use domain::timeline::day_of;
use domain::version::Nonce;
use domain::{
    AzureCustomerId, Customer, CustomerId, DisplayName, ExternalId, Handling, NewCustomer, PartnerId,
    RejectedPayload, Violation, Violations,
};
use jiff::Timestamp;
use jiff::civil::Date;
use store::azure_tenants::Sighting;
use store::customers::Taken;
use store::{Tx, azure_tenants, customers};

/// What the transaction of a create needs.
struct Creation {
    partner: PartnerId,
    details: NewCustomer,
    /// The tenant as the directory has it.
    seen: Option<Sighting>,
    /// The directory could not be asked.
    unverified: bool,
    external_id: ExternalId,
    /// The terms by day, where the payload says from when they hold.
    terms: Option<(Option<Date>, Terms)>,
    now: Timestamp,
    write: WriteBody<CustomerView>,
}

/// What the transaction of a change needs.
struct Update {
    partner: PartnerId,
    id: CustomerId,
    body: Json,
    lookup: Lookup,
    handling: Handling,
    if_match: IfMatch,
    /// Makes the new version unguessable.
    random: Nonce,
    now: Timestamp,
}

/// What the transaction of a deletion needs.
struct Deletion {
    partner: PartnerId,
    id: CustomerId,
    if_match: IfMatch,
    /// Deletes a customer with statements or corrections too.
    force: bool,
    now: Timestamp,
}

impl App {
    /// Creates a customer, or replays the stored response of a repeated request.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation of the payload, including taken values; [`Error::KeyReused`] and
    /// [`Error::StillRunning`] for an `Idempotency-Key`.
    #[boxed]
    pub async fn create_customer(
        &self,
        call: &Call,
        body: &Json,
        handling: Handling,
        write: WriteBody<CustomerView>,
    ) -> Result<Created, Error> {
        let grant = self.require(call, Permission::ChangeCustomers).await?;
        view::shown(self.created_customer(grant, body, handling, write).await?, call.visibility())
    }

    async fn created_customer(
        &self,
        grant: Grant<'_>,
        body: &Json,
        handling: Handling,
        write: WriteBody<CustomerView>,
    ) -> Result<Created, Error> {
        let call = grant.call();
        let _in_flight = self.enter(call)?;
        let (partner, now) = (call.partner(), self.clock.now());
        let parsed = NewCustomer::parse(body, now, handling);
        let azure = match &parsed {
            Ok(details) => details.azure_customer_id.clone(),
            Err(refused) => refused.azure_customer_id.clone(),
        };
        // A repeated request is replayed without a directory look-up, even if its payload has become invalid since.
        if (parsed.is_err() || azure.is_some())
            && let Some(created) = grant.stored_response().await?
        {
            return Ok(created);
        }
        let lookup = match &azure {
            // Boxed, because the future of a look-up adds 16 KB to that of every request.
            Some(azure) => Box::pin(self.look_up(partner, azure)).await?,
            None => Lookup::TakenAsGiven,
        };
        let (mut details, violation) = match (parsed, violation_of(&lookup)) {
            (Ok(details), violation) => (details, violation),
            (Err(mut refused), violation) => {
                refused.violations.extend(violation);
                return Err(self.refusal(partner, refused).await);
            }
        };
        if let Some(violation) = violation {
            let (name, azure_customer_id) = (Some(details.name), details.azure_customer_id);
            let refused = RejectedPayload { violations: violation.into(), name, azure_customer_id };
            return Err(self.refusal(partner, refused).await);
        }
        let seen = match &lookup {
            Lookup::Found(tenant) => {
                details.address = tenant.address.usable().ok().cloned();
                Some(sighting(tenant))
            }
            _ => None,
        };
        let unverified = matches!(lookup, Lookup::Unverified);
        let from = domain::timeline::effective_from(body);
        let terms = dated::new_terms(&mut details, body, now)?.map(|terms| (from, terms));
        let external_id = self.random.external_id()?;
        let input = Creation { partner, details, seen, unverified, external_id, terms, now, write };
        grant
            .make_batched(input, |input, tx| {
                let Creation { partner, details, seen, unverified, external_id, terms, now, write } = input;
                Box::pin(async move {
                    if let Some((Some(from), _)) = terms {
                        dated::check_open(tx, *partner, *from, *now).await?;
                    }
                    if let Some(seen) = seen {
                        azure_tenants::note(tx, *partner, seen, *now).await?;
                    }
                    let inserted =
                        customers::insert(tx, *partner, details, external_id, seen.is_some(), *now).await?;
                    let mut customer = inserted.map_err(|taken| {
                        Error::Invalid(with_taken(Violations::default(), taken, Some(&details.name)))
                    })?;
                    if let (true, Some(azure)) = (*unverified, &details.azure_customer_id) {
                        azure_tenants::ask_again(tx, *partner, azure).await?;
                    }
                    if let Some((_, terms)) = terms {
                        store::dated::set_terms(tx, *partner, customer.id, terms, day_of(*now)).await?;
                    }
                    let record = CustomerRecord::from(&customer);
                    let record = match terms {
                        Some((from, terms)) => record.with_terms(*from, Some(terms)),
                        None => record,
                    };
                    let entry = Entry::new("customer.create", object(customer.id)).after(&record);
                    health::tell(tx, *partner, std::slice::from_mut(&mut customer)).await?;
                    let (href, version) = (format!("/v1/customers/{}", customer.id), version(&customer));
                    let created = Created::new(CustomerView::from(customer), *write, Some(href))?;
                    Ok(Done { value: created.with_version(version), entry: Some(entry) })
                })
            })
            .await
    }

    /// Reads a customer. A customer's users may read their own customer.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the customer does not exist, or is not the one of the customer's user.
    #[boxed]
    pub async fn customer(&self, call: &Call, id: CustomerId) -> Result<CustomerView, Error> {
        self.customer_at(call, id, None).await
    }

    /// Reads a customer with the margin and the billing configuration of a day; all else is as it is now.
    ///
    /// # Errors
    /// Those of [`App::customer`].
    #[boxed]
    pub async fn customer_at(
        &self,
        call: &Call,
        id: CustomerId,
        at: Option<Date>,
    ) -> Result<CustomerView, Error> {
        self.require_or_own(call, Permission::ReadCustomers, id)
            .await?
            .look_up((call.partner(), id, at), |(partner, id, at), tx| {
                Box::pin(async move {
                    let mut found = customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    if let Some(day) = at {
                        let terms = store::dated::terms(tx, *partner, *id, &found.details).await?;
                        terms.apply(*day, &mut found.details);
                    }
                    health::tell(tx, *partner, std::slice::from_mut(&mut found)).await?;
                    Ok(found)
                })
            })
            .await
            .map(|customer: Customer| CustomerView::new(customer, call.visibility()))
    }

    /// Changes the fields that `body` has. If all values are equal to the current ones, version and times are not changed.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`]; [`Error::Invalid`] with every violation of the payload.
    #[boxed]
    pub async fn update_customer(
        &self,
        call: &Call,
        id: CustomerId,
        body: Json,
        handling: Handling,
        if_match: IfMatch,
    ) -> Result<CustomerView, Error> {
        let grant = self.require(call, Permission::ChangeCustomers).await?;
        let lookup = self.look_up_change(call.partner(), id, &body).await?;
        let random = self.random.nonce()?;
        let (partner, now) = (call.partner(), self.clock.now());
        let input = Update { partner, id, body, lookup, handling, if_match, random, now };
        grant
            .change(input, |input, tx| {
                let Update { partner, id, body, lookup, handling, if_match, random, now } = input;
                Box::pin(async move {
                    let before = customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    if_match.allows(before.id.0, before.version)?;
                    // The directory does not replace an address that was set by hand.
                    let by_hand = before.details.address.is_some()
                        && !customers::directory_address(tx, *partner, *id).await?;
                    let violation = |by_hand: bool| match lookup {
                        Lookup::Found(_) if by_hand => None,
                        _ => violation_of(lookup),
                    };
                    let mut details = match before.patched(body, *now, *handling) {
                        Ok(details) => details,
                        Err(mut refused) => {
                            refused.violations.extend(violation(by_hand));
                            refused.name = refused.name.filter(|name| *name != before.details.name);
                            return Err(refusal(tx, *partner, refused, Some(*id)).await?);
                        }
                    };
                    let by_hand = by_hand || details.address != before.details.address;
                    if let Some(violation) = violation(by_hand) {
                        let name = Some(details.name).filter(|name| *name != before.details.name);
                        let azure_customer_id = details.azure_customer_id;
                        let refused =
                            RejectedPayload { violations: violation.into(), name, azure_customer_id };
                        return Err(refusal(tx, *partner, refused, Some(*id)).await?);
                    }
                    if let Lookup::Found(tenant) = lookup {
                        azure_tenants::note(tx, *partner, &sighting(tenant), *now).await?;
                        if !by_hand {
                            details.address = tenant.address.usable().ok().cloned();
                        }
                    }
                    let terms = dated::changed_terms(tx, *partner, &before, &mut details, body, *now).await?;
                    if details == before.details && terms.is_none() {
                        let mut value = before;
                        health::tell(tx, *partner, std::slice::from_mut(&mut value)).await?;
                        return Ok(Done { value, entry: None });
                    }
                    let renamed = (details.name != before.details.name).then_some(&details.name);
                    let azure = details.azure_customer_id.as_ref();
                    let taken = customers::taken(tx, *partner, renamed, azure, Some(*id)).await?;
                    if taken != Taken::default() {
                        return Err(Error::Invalid(with_taken(Violations::default(), taken, renamed)));
                    }
                    let mut after =
                        customers::update(tx, *partner, &before, details, !by_hand, *random, *now).await?;
                    if let (Lookup::Unverified, Some(azure)) = (lookup, &after.details.azure_customer_id) {
                        azure_tenants::ask_again(tx, *partner, azure).await?;
                    }
                    if let Some(terms) = &terms {
                        store::dated::set_terms(tx, *partner, *id, terms, day_of(*now)).await?;
                    }
                    let from = domain::timeline::effective_from(body);
                    let record = CustomerRecord::from(&after).with_terms(from, terms.as_ref());
                    let entry = Entry::new("customer.update", object(*id));
                    let entry = entry.before(&CustomerRecord::from(&before)).after(&record);
                    health::tell(tx, *partner, std::slice::from_mut(&mut after)).await?;
                    Ok(Done { value: after, entry: Some(entry) })
                })
            })
            .await
            .map(|customer: Customer| CustomerView::new(customer, call.visibility()))
    }

    /// Deletes a customer and its users. Its name and its Azure tenants become available; its id is never reused. Days on which
    /// it was billed can still be billed.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`]; [`Error::Conflict`] for a customer with statements or corrections, unless `force`d.
    #[boxed]
    pub async fn delete_customer(
        &self,
        call: &Call,
        id: CustomerId,
        if_match: IfMatch,
        force: bool,
    ) -> Result<(), Error> {
        let grant = self.require(call, Permission::ChangeCustomers).await?;
        let now = self.clock.now();
        grant
            .change(Deletion { partner: call.partner(), id, if_match, force, now }, |input, tx| {
                let Deletion { partner, id, if_match, force, now } = input;
                Box::pin(async move {
                    let before = customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    if_match.allows(before.id.0, before.version)?;
                    if !force {
                        refuse_billed(tx, *partner, *id).await?;
                    }
                    let billing = &before.details.partner_billing_configuration;
                    let keep = billing.enabled || !billing.folder.is_empty() || {
                        !store::dated::terms(tx, *partner, *id, &before.details).await?.is_constant()
                    };
                    customers::delete(tx, *partner, &before, keep, *now).await?;
                    let record = CustomerRecord::from(&before);
                    let entry = Entry::new("customer.delete", object(*id)).before(&record);
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }

    /// Looks up the tenant of a change in the directory, if it differs from the customer's current tenant.
    async fn look_up_change(&self, partner: PartnerId, id: CustomerId, body: &Json) -> Result<Lookup, Error> {
        let Some(Json::String(named)) = body.get("azure_customer_id") else {
            return Ok(Lookup::TakenAsGiven);
        };
        let Ok(named) = AzureCustomerId::parse(named) else { return Ok(Lookup::TakenAsGiven) };
        let before: Option<Customer> = self
            .db
            .unchecked()
            .look_up(partner, (partner, id), |(partner, id), tx| {
                Box::pin(async move { Ok::<_, Error>(customers::get(tx, *partner, *id).await?) })
            })
            .await?;
        let held = before.and_then(|before| before.details.azure_customer_id).map(|held| held.key());
        if held == Some(named.key()) { Ok(Lookup::TakenAsGiven) } else { self.look_up(partner, &named).await }
    }

    /// The error of a new customer's rejected payload, with violations for valid values that are taken.
    async fn refusal(&self, partner: PartnerId, refused: RejectedPayload) -> Error {
        let looked = self.db.unchecked().look_up(partner, (partner, refused), |(partner, refused), tx| {
            Box::pin(refusal(tx, *partner, refused.clone(), None))
        });
        looked.await.unwrap_or_else(|error| error)
    }
}

/// A customer's version for `ETag` and `If-Match`, such as `3947-1`. It contains the id, so that versions of different
/// customers differ.
pub fn version(customer: &Customer) -> String {
    format!("{}-{}", customer.id, customer.version)
}

/// The violation that follows from a directory look-up, if any.
fn violation_of(lookup: &Lookup) -> Option<Violation> {
    match lookup {
        Lookup::TakenAsGiven | Lookup::Unverified => None,
        Lookup::Missing => Some(not_found()),
        Lookup::Found(tenant) => no_address(tenant),
    }
}

fn object(id: CustomerId) -> String {
    format!("customers/{id}")
}

async fn refusal(
    tx: &mut Tx,
    partner: PartnerId,
    refused: RejectedPayload,
    except: Option<CustomerId>,
) -> Result<Error, Error> {
    let (name, azure) = (refused.name.as_ref(), refused.azure_customer_id.as_ref());
    let taken = customers::taken(tx, partner, name, azure, except).await?;
    Ok(Error::Invalid(with_taken(refused.violations, taken, name)))
}

fn with_taken(mut violations: Violations, taken: Taken, name: Option<&DisplayName>) -> Violations {
    if taken.name {
        let mut violation = Violation::taken("/name");
        if name.is_some_and(DisplayName::has_lost_its_letters) {
            violation.message.push_str(
                "; has it lost its letters in an encoding, so that different names look alike? Send UTF-8",
            );
        }
        violations.push(violation);
    }
    if taken.azure_customer_id {
        violations.push(Violation::taken("/azure_customer_id"));
    }
    violations.sort_by_field();
    violations
}

/// Whether a query string says to delete a customer although it was billed: `force=true`.
///
/// # Errors
/// [`Error::Parameters`] with every parameter that will not do, as `/name`.
pub fn forced(query: &Query) -> Result<bool, Error> {
    let mut force = false;
    paging::read(query, &["force"], |name, value| {
        if name == "force" {
            force = paging::truth(value)?;
        }
        Ok(())
    })?;
    Ok(force)
}

/// Refuses to delete a customer that was billed.
async fn refuse_billed(tx: &mut Tx, partner: PartnerId, id: CustomerId) -> Result<(), Error> {
    let (last, pending) = store::statements::standing(tx, partner, id).await?;
    let statements = last.map(|period| format!("has statements, the last of {period}"));
    let corrections = match pending {
        0 => None,
        1 => Some("has a correction that is on no statement yet".to_owned()),
        several => Some(format!("has {several} corrections that are on no statement yet")),
    };
    let reasons: Vec<String> = statements.into_iter().chain(corrections).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    let why = format!(
        "this customer {}. Its bills stay when it is deleted, and its days until then can still be billed, but it cannot be \
         brought back: to delete it all the same, send ?force=true (`tenantry customers delete --force`)",
        reasons.join(", and ")
    );
    Err(Error::Conflict(why.into()))
}
