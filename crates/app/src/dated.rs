//! Facts that hold from a day on: what is entered for other days than today, what was so on a day, and what becomes so today.

use crate::access::Call;
use crate::audit::record::CustomerRecord;
use crate::audit::{self, Entry, Trail};
use crate::boxed;
use crate::customers::Visibility;
use crate::paging::{self, Query};
use crate::permissions::Permission;
use crate::{App, Error};
use domain::json::Json;
use domain::terms::{Terms, TermsSpan};
use domain::timeline::{EFFECTIVE_FROM, day_of, parse_day};
use domain::version::Nonce;
use domain::{Customer, CustomerId, Margin, NewCustomer, PartnerBilling, PartnerId, Violation};
use jiff::Timestamp;
use jiff::civil::Date;
use std::sync::Arc;
use store::dated::Due;
use store::{Tx, azure_tenants, customers, dated, statements};

/// What a customer was billed at, and which tenants it had, since when.
#[derive(Clone, Debug)]
pub struct CustomerHistory {
    /// The customer's number.
    pub customer_id: CustomerId,
    /// One after the other, from the beginning on.
    pub terms: Vec<TermsOfDays>,
    /// By tenant and day.
    pub assignments: Vec<AssignmentOfDays>,
}

/// What held from a day until the day before another.
#[derive(Clone, Debug)]
pub struct TermsOfDays {
    /// The first day; `None` for the beginning.
    pub effective_from: Option<Date>,
    /// The first day of what comes next; `None` where it goes on.
    pub effective_until: Option<Date>,
    /// `None` for callers that do not see costs.
    pub margin_percentage: Option<Margin>,
    /// Whether and where bills are written.
    pub partner_billing_configuration: PartnerBilling,
}

/// A tenant that a customer had or has.
#[derive(Clone, Debug)]
pub struct AssignmentOfDays {
    /// The tenant.
    pub azure_customer_id: String,
    /// The first day; `None` for the beginning.
    pub effective_from: Option<Date>,
    /// The first day of what comes next; `None` where it goes on.
    pub effective_until: Option<Date>,
}

/// Reads the parameter `at`, a day.
///
/// # Errors
/// [`Error::Parameters`] with every parameter that will not do, as `/name`.
pub fn at(query: &Query) -> Result<Option<Date>, Error> {
    let mut at = None;
    paging::read(query, &["at"], |name, value| {
        if name == "at" {
            at = Some(parse_day(value)?);
        }
        Ok(())
    })?;
    Ok(at)
}

/// Refuses a day in a month that is final, or before one: that would change what final statements were made of. Today is taken as
/// a change without a day is, which no client expects to be refused: what is final keeps its lines, and those that come in later are
/// billed by what holds on their day.
pub(crate) async fn check_open(
    tx: &mut Tx,
    partner: PartnerId,
    from: Date,
    now: Timestamp,
) -> Result<(), Error> {
    if from == day_of(now) {
        return Ok(());
    }
    let month = format!("{:04}-{:02}", from.year(), from.month());
    let finals = statements::final_periods(tx, partner).await?;
    let Some(last) = finals.into_iter().rfind(|period| *period >= month) else { return Ok(()) };
    let message = format!("must be a day after the month {last}, which is final, or today");
    Err(Error::Invalid(Violation::new(format!("/{EFFECTIVE_FROM}"), "invalid", message).into()))
}

/// The terms of a customer after a change of its details, which then are those of today. `None` if they are as before, or have
/// no days to remember: nothing was ever billed by them.
pub(crate) async fn changed_terms(
    tx: &mut Tx,
    partner: PartnerId,
    before: &Customer,
    details: &mut NewCustomer,
    body: &Json,
    now: Timestamp,
) -> Result<Option<Terms>, Error> {
    let (from, today) = (domain::timeline::effective_from(body), day_of(now));
    let old = &before.details;
    let is_as_before = details.margin_percentage == old.margin_percentage
        && details.partner_billing_configuration == old.partner_billing_configuration;
    if from.is_none() && is_as_before {
        return Ok(None);
    }
    let current = dated::terms(tx, partner, before.id, old).await?;
    let is_unused = !old.partner_billing_configuration.enabled
        && old.partner_billing_configuration.folder.is_empty()
        && current.is_constant();
    if from.is_none() && is_unused {
        return Ok(None);
    }
    let mut terms = current.clone();
    let PartnerBilling { enabled, folder } = details.partner_billing_configuration.clone();
    match from {
        None => {
            terms.margin.set(Some(today), details.margin_percentage);
            terms.enabled.set(Some(today), enabled);
            terms.folder.set(Some(today), folder);
        }
        Some(from) => {
            check_open(tx, partner, from, now).await?;
            let given = Given::of(body)?;
            if given.margin {
                terms.margin.set(Some(from), details.margin_percentage);
            }
            if given.enabled {
                terms.enabled.set(Some(from), enabled);
            }
            if given.folder {
                terms.folder.set(Some(from), folder);
            }
        }
    }
    terms.apply(today, details);
    Ok((terms != current).then_some(terms))
}

/// The terms of a new customer, whose payload may say from when they hold; its details then are those of today.
pub(crate) fn new_terms(
    details: &mut NewCustomer,
    body: &Json,
    now: Timestamp,
) -> Result<Option<Terms>, Error> {
    let Some(from) = domain::timeline::effective_from(body) else { return Ok(None) };
    Given::of(body)?;
    let mut terms = Terms::new(Margin::default(), PartnerBilling::default());
    let PartnerBilling { enabled, folder } = details.partner_billing_configuration.clone();
    terms.margin.set(Some(from), details.margin_percentage);
    terms.enabled.set(Some(from), enabled);
    terms.folder.set(Some(from), folder);
    terms.apply(day_of(now), details);
    Ok((!terms.is_constant()).then_some(terms))
}

/// What a payload says that holds from a day on.
struct Given {
    margin: bool,
    enabled: bool,
    folder: bool,
}

impl Given {
    /// # Errors
    /// [`Error::Invalid`] if it says nothing of the kind, so that its day would have no effect.
    fn of(body: &Json) -> Result<Self, Error> {
        let is_given = |json: Option<&Json>| json.is_some_and(|json| !json.is_blank());
        let billing = body.get("partner_billing_configuration");
        let given = Given {
            margin: is_given(body.get("margin_percentage")),
            enabled: is_given(billing.and_then(|billing| billing.get("enabled"))),
            folder: is_given(billing.and_then(|billing| billing.get("folder"))),
        };
        if given.margin || given.enabled || given.folder {
            return Ok(given);
        }
        let message =
            "says from when margin_percentage and partner_billing_configuration hold: give one of them";
        Err(Error::Invalid(Violation::new(format!("/{EFFECTIVE_FROM}"), "invalid", message).into()))
    }
}

fn shown(span: TermsSpan, visibility: Visibility) -> TermsOfDays {
    let TermsSpan { from, until, margin, billing } = span;
    TermsOfDays {
        effective_from: from,
        effective_until: until,
        margin_percentage: (visibility == Visibility::Full).then_some(margin),
        partner_billing_configuration: billing,
    }
}

impl App {
    /// What a customer was billed at, and which tenants it had, since when.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the customer does not exist.
    #[boxed]
    pub async fn customer_history(&self, call: &Call, id: CustomerId) -> Result<CustomerHistory, Error> {
        let grant = self.require(call, Permission::ReadCustomers).await?;
        let input = (call.partner(), id, call.visibility());
        grant
            .list(input, |(partner, id, visibility), tx| {
                Box::pin(async move {
                    let customer = customers::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    let terms = dated::terms(tx, *partner, *id, &customer.details).await?;
                    let past = dated::assignments_of(tx, *partner, *id).await?;
                    let filter = azure_tenants::Filter {
                        customer: Some(*id),
                        assigned: Some(true),
                        ..azure_tenants::Filter::default()
                    };
                    let now = azure_tenants::list(tx, *partner, &filter, 0, i64::MAX).await?.0;
                    let always = now.into_iter().map(|tenant| tenant.azure_customer_id.as_str().to_owned());
                    let mut assignments: Vec<AssignmentOfDays> = always
                        .filter(|tenant| !past.contains_key(&tenant.to_ascii_lowercase()))
                        .map(|azure_customer_id| AssignmentOfDays {
                            azure_customer_id,
                            effective_from: None,
                            effective_until: None,
                        })
                        .collect();
                    for (key, owners) in past {
                        let spans = owners.spans().filter(|(_, _, owner)| **owner == Some(*id));
                        assignments.extend(spans.map(|(from, until, _)| AssignmentOfDays {
                            azure_customer_id: key.clone(),
                            effective_from: from,
                            effective_until: until,
                        }));
                    }
                    assignments.sort_by(|a, b| {
                        (&a.azure_customer_id, a.effective_from)
                            .cmp(&(&b.azure_customer_id, b.effective_from))
                    });
                    let terms = terms.spans().into_iter().map(|span| shown(span, *visibility)).collect();
                    Ok(CustomerHistory { customer_id: *id, terms, assignments })
                })
            })
            .await
    }

    /// Makes customers and tenants show what holds from today on and was entered before.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn apply_due_changes(&self) -> Result<(), Error> {
        let today = day_of(self.clock.now());
        let due: Vec<(PartnerId, Due)> = self
            .db
            .unchecked()
            .read(store::Scope::System, today, |today, tx| {
                Box::pin(async move { Ok::<_, Error>(dated::due(tx, *today).await?) })
            })
            .await?;
        for (partner, due) in due {
            let change = DueChange {
                trail: Arc::clone(&self.trail),
                partner,
                random: self.random.nonce()?,
                now: self.clock.now(),
            };
            self.db
                .unchecked()
                .write(partner, (change, due), |(change, due), tx| {
                    Box::pin(async move {
                        match due {
                            Due::Assignment(key) => apply_assignment(tx, change, key).await,
                            Due::Terms(id) => apply_terms(tx, change, *id).await,
                        }
                    })
                })
                .await?;
        }
        Ok(())
    }
}

/// What the transaction of a change that is due needs.
struct DueChange {
    trail: Arc<Trail>,
    partner: PartnerId,
    /// Makes the new version unguessable.
    random: Nonce,
    now: Timestamp,
}

/// Makes a tenant show the owner that it has from today on.
async fn apply_assignment(tx: &mut Tx, change: &DueChange, key: &str) -> Result<(), Error> {
    let DueChange { trail, partner, random, now } = change;
    let (partner, random, now) = (*partner, *random, *now);
    let Some((from, to)) = azure_tenants::bring_up_to_date(tx, partner, key, now).await? else {
        return Ok(());
    };
    for (owner, action) in [(from, "assignment.remove"), (to, "assignment.add")] {
        let Some(owner) = owner else { continue };
        let ids = serde_json::json!({"azure_customer_ids": [key]});
        let entry = Entry::new(action, format!("customers/{owner}")).after(&ids);
        audit::append(tx, trail, &Call::of_server(partner), entry, now).await?;
    }
    let Some(from) = from else { return Ok(()) };
    let Some(before) = customers::get(tx, partner, from).await? else { return Ok(()) };
    if before.details.azure_customer_id.as_ref().is_some_and(|own| own.key() == key) {
        let by_directory = customers::directory_address(tx, partner, from).await?;
        let details = NewCustomer { azure_customer_id: None, ..before.details.clone() };
        customers::update(tx, partner, &before, details, by_directory, random, now).await?;
    }
    Ok(())
}

/// Makes a customer show the terms that it has from today on.
async fn apply_terms(tx: &mut Tx, change: &DueChange, id: CustomerId) -> Result<(), Error> {
    let DueChange { trail, partner, random, now } = change;
    let (partner, random, now) = (*partner, *random, *now);
    let Some(before) = customers::get(tx, partner, id).await? else { return Ok(()) };
    let (terms, today) = (dated::terms(tx, partner, id, &before.details).await?, day_of(now));
    dated::set_terms(tx, partner, id, &terms, today).await?;
    let mut details = before.details.clone();
    terms.apply(today, &mut details);
    if details == before.details {
        return Ok(());
    }
    let by_directory = customers::directory_address(tx, partner, id).await?;
    let after = customers::update(tx, partner, &before, details, by_directory, random, now).await?;
    let [before, after] = [&before, &after].map(CustomerRecord::from);
    let entry = Entry::new("customer.update", format!("customers/{id}")).before(&before).after(&after);
    audit::append(tx, trail, &Call::of_server(partner), entry, now).await.map(drop)
}
