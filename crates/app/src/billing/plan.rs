//! What a run works with: customers and rules as they are when its work begins. Noted with the run, so that whoever
//! repeats it makes the same bytes, whatever has changed since.

mod facts;

pub(super) use facts::{Shown, changed_facts, refusal_of_changes};

use super::BillingSetup;
use super::price_sheets::{self, SheetFile};
use super::report::{RunReport, stored, text};
use super::request::{CurrencyRate, RunRequest};
use super::rules;
use super::settings::BillingSettings;
use crate::{App, Error};
use domain::{Address, CustomerId, Margin, PartnerId};
use jiff::civil::Date;
use rating::{
    BilledCustomer, BillingPeriod, Bounds, Correction, EarnedCredit, Heading, PriceRule, Rate, Tenancy, Terms,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use store::billing::Tenancy as StoredTenancy;
use store::corrections::CorrectionKey;
use store::price_rules::PriceRuleRow;
use store::{Tx, bill_runs, billing, corrections, partners, price_rules, statements};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    /// The partner's name on statements.
    pub(super) issuer: String,
    /// The lines of its address.
    #[serde(default)]
    pub(super) issuer_address: Vec<String>,
    pub(super) customers: Vec<Planned>,
    /// Corrections that can be put on no bill.
    #[serde(default)]
    pub(super) pending: Vec<Pending>,
    /// Id, position, and what else the rule says.
    rules: Vec<(i64, i64, String)>,
    /// The month's imported price sheet, where the run was given none.
    #[serde(default)]
    pub(super) price_sheet: Vec<SheetFile>,
    pub(super) options: Options,
}

/// What the operator has decided of bills.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Options {
    earned_credit: String,
    max_lines: Option<u64>,
    max_amount: Option<String>,
    max_change_percent: Option<u32>,
    #[serde(default)]
    max_new: Option<String>,
    #[serde(default)]
    max_unassigned: Option<String>,
    pub(super) parquet: bool,
    #[serde(default)]
    pub(super) focus_datasets: bool,
}

impl Options {
    pub(super) fn of(setup: &BillingSetup) -> Self {
        let Bounds { max_lines, max_amount, max_change_percent, max_new, max_unassigned } = setup.bounds;
        Options {
            earned_credit: setup.earned_credit.name().to_owned(),
            max_lines,
            max_amount: max_amount.map(|amount| amount.to_string()),
            max_change_percent,
            max_new: max_new.map(|amount| amount.to_string()),
            max_unassigned: Some(max_unassigned.to_string()),
            parquet: setup.parquet,
            focus_datasets: setup.focus_datasets,
        }
    }

    pub(super) fn earned_credit(&self) -> EarnedCredit {
        EarnedCredit::of(&self.earned_credit).unwrap_or_default()
    }

    pub(super) fn bounds(&self) -> Result<Bounds, Error> {
        let max_amount = self.max_amount.as_deref().map(parsed).transpose()?;
        let max_unassigned = self.max_unassigned.as_deref().map(parsed).transpose()?.unwrap_or_default();
        Ok(Bounds {
            max_lines: self.max_lines,
            max_amount,
            max_change_percent: self.max_change_percent,
            max_new: self.max_new.as_deref().map(parsed).transpose()?,
            max_unassigned,
        })
    }
}

/// A customer that lines can belong to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) id: i64,
    pub(super) name: String,
    /// The lines of its address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    address: Vec<String>,
    /// Those that it has on all days.
    tenants: Vec<String>,
    /// Those that it has on some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tenancies: Vec<PlannedTenancy>,
    /// Whether it is billed for a day of the month.
    pub(super) billed: bool,
    /// In ten-thousandths of a percent.
    margin: i64,
    /// The margin and the billing switch from the beginning on; if empty, these are the two above on all days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    terms: Vec<PlannedTerms>,
    pub(super) folder: String,
    /// What it was charged last month: currency and amount.
    previous: Vec<(String, String)>,
    pub(super) corrections: Vec<PlannedCorrection>,
    /// If the month is final for it: the month whose statement will have what comes in.
    #[serde(default)]
    payable_with: Option<String>,
}

/// A tenant that a customer has from a day on until another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlannedTenancy {
    tenant: String,
    from: Option<String>,
    until: Option<String>,
}

/// What a customer is billed at from a day on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlannedTerms {
    from: Option<String>,
    billed: bool,
    margin: i64,
}

/// An amount that came in for a final month, to be put on this bill.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PlannedCorrection {
    pub(super) billing_period: String,
    pub(super) version: i64,
    pub(super) currency: String,
    pub(super) amount: String,
    /// The partner's number of the statement that it corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) statement_number: Option<String>,
}

/// A correction that can be put on no bill; as the report shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) customer_id: i64,
    #[serde(flatten)]
    pub(super) correction: PlannedCorrection,
    pub(super) reason: String,
}

impl PlannedCorrection {
    pub(super) fn key(&self, customer: i64) -> CorrectionKey<'_> {
        let PlannedCorrection { billing_period, version, currency, .. } = self;
        CorrectionKey { customer: CustomerId(customer), billing_period, version: *version, currency }
    }
}

impl Pending {
    fn new(customer: CustomerId, correction: PlannedCorrection, reason: &str) -> Self {
        Pending { customer_id: customer.0, correction, reason: reason.to_owned() }
    }
}

impl Plan {
    /// As things are now.
    pub(super) async fn make(
        tx: &mut Tx,
        partner: PartnerId,
        request: &RunRequest,
        options: &Options,
    ) -> Result<Self, Error> {
        let period: BillingPeriod = parsed(&request.billing_period)?;
        let name = partners::get(tx, partner).await?.ok_or(Error::NotFound)?.name;
        let settings = BillingSettings::load(tx, partner).await?;
        let issuer = settings.display_name.unwrap_or(name);
        let issuer_address = settings.address.as_ref().map_or_else(Vec::new, Address::lines);
        let before = statements::Filter {
            billing_period: Some(period.previous().to_string()),
            ..statements::Filter::default()
        };
        let mut previous: BTreeMap<CustomerId, Vec<(String, String)>> = BTreeMap::new();
        for statement in statements::list(tx, partner, &before, 0, i64::MAX).await?.0 {
            if !matches!(statement.status, statements::Status::Estimated | statements::Status::Final) {
                continue;
            }
            let bill = statement.bill;
            previous.entry(bill.customer).or_default().push((bill.currency, bill.total));
        }
        for (customer, bills) in held_back(tx, partner, &period.previous().to_string()).await? {
            previous.insert(customer, bills);
        }
        let finals = statements::Filter {
            billing_period: Some(request.billing_period.clone()),
            status: Some(statements::Status::Final),
            ..statements::Filter::default()
        };
        let finals = statements::list(tx, partner, &finals, 0, i64::MAX).await?.0;
        let mut corrections: BTreeMap<CustomerId, Vec<PlannedCorrection>> = BTreeMap::new();
        let known = corrections::list(tx, partner, None).await?;
        let numbers = match options.focus_datasets {
            true => final_numbers(tx, partner, &known).await?,
            false => BTreeMap::new(),
        };
        for corrections::Correction { bill, carried_by } in known {
            // One that another month's statement has already stays there.
            let is_ours = carried_by.is_none_or(|carrier| carrier == request.billing_period);
            if is_ours && bill.billing_period < request.billing_period {
                let of = (bill.customer, bill.billing_period.clone(), bill.currency.clone());
                corrections.entry(bill.customer).or_default().push(PlannedCorrection {
                    statement_number: numbers.get(&of).cloned(),
                    billing_period: bill.billing_period,
                    version: bill.version,
                    currency: bill.currency,
                    amount: bill.total,
                });
            }
        }
        let mut open: BTreeMap<CustomerId, BillingPeriod> = BTreeMap::new();
        if !finals.is_empty() {
            // In the order of the months: the first gap is where a correction goes.
            for (customer, month) in statements::final_months(tx, partner, &request.billing_period).await? {
                let next = open.entry(customer).or_insert_with(|| period.next());
                if month == next.to_string() {
                    *next = next.next();
                }
            }
        }
        // What comes in for a final month is a correction itself: it carries no others, and is no month to compare.
        let finals_of: BTreeSet<CustomerId> =
            finals.iter().map(|statement| statement.bill.customer).collect();
        for statement in finals {
            previous.remove(&statement.bill.customer);
            corrections.remove(&statement.bill.customer);
        }
        let (mut customers, mut pending) = (Vec::new(), Vec::new());
        for customer in billing::billable(tx, partner).await? {
            let spans = customer.terms.spans();
            let billed = spans.iter().any(|span| {
                span.billing.enabled
                    && span.from.is_none_or(|from| from < period.end())
                    && span.until.is_none_or(|until| until > period.first_day())
            });
            let is_gone = customer.deleted_on.is_some_and(|day| day <= period.first_day());
            let mut corrections = corrections.remove(&customer.id).unwrap_or_default();
            let why_not = match (is_gone, billed) {
                (true, _) => Some("no customer"),
                (false, false) => Some("billing off"),
                (false, true) => None,
            };
            if let Some(why) = why_not {
                pending.extend(corrections.drain(..).map(|one| Pending::new(customer.id, one, why)));
            }
            let last_day = period.end().yesterday().unwrap_or(period.first_day());
            let folder = folder_of(&customer.terms, last_day);
            let margin = |margin: Margin| margin.ten_thousandths();
            let day = |day: Option<Date>| day.map(|day| day.to_string());
            let is_constant = spans.len() == 1 && spans[0].billing.enabled == (billed && !is_gone);
            let terms = spans.iter().map(|span| PlannedTerms {
                from: day(span.from),
                billed: span.billing.enabled,
                margin: margin(span.margin),
            });
            let tenancies = customer.tenancies.into_iter();
            customers.push(Planned {
                id: customer.id.0,
                name: customer.name,
                address: customer.address.as_ref().map_or_else(Vec::new, Address::lines),
                tenants: customer.tenants,
                tenancies: tenancies
                    .map(|StoredTenancy { tenant, from, until }| PlannedTenancy {
                        tenant,
                        from: day(from),
                        until: day(until),
                    })
                    .collect(),
                billed: billed && !is_gone,
                margin: spans.first().map_or(0, |span| margin(span.margin)),
                terms: if is_constant { Vec::new() } else { terms.collect() },
                folder,
                previous: previous.remove(&customer.id).unwrap_or_default(),
                corrections,
                payable_with: finals_of
                    .contains(&customer.id)
                    .then(|| open.get(&customer.id).copied().unwrap_or_else(|| period.next()).to_string()),
            });
        }
        for (customer, corrections) in corrections {
            pending.extend(corrections.into_iter().map(|one| Pending::new(customer, one, "no customer")));
        }
        let rules = price_rules::list(tx, partner, 0, i64::MAX).await?.0;
        let rules = rules.into_iter().map(|row| (row.id, row.position, row.rule)).collect();
        let price_sheet = match request.price_sheets.as_slice() {
            [] => price_sheets::of_month(tx, partner, &request.billing_period).await?,
            _ => Vec::new(),
        };
        let options = options.clone();
        Ok(Plan { issuer, issuer_address, customers, pending, rules, price_sheet, options })
    }

    /// Take the corrections for this month's bills, and give back those that it cannot have (any more).
    async fn take_corrections(
        &mut self,
        tx: &mut Tx,
        partner: PartnerId,
        period: &str,
    ) -> Result<Vec<Pending>, Error> {
        let mut refused = Vec::new();
        for Planned { id, corrections, .. } in &mut self.customers {
            for correction in std::mem::take(corrections) {
                if corrections::take(tx, partner, correction.key(*id), period).await? {
                    corrections.push(correction);
                } else {
                    let reason = "another run or a final statement has it";
                    refused.push(Pending::new(CustomerId(*id), correction, reason));
                }
            }
        }
        Ok(refused)
    }

    /// The engine's customers.
    pub(super) fn billed_customers(&self, released: &BTreeSet<i64>) -> Result<Vec<BilledCustomer>, Error> {
        let customers = self.customers.iter().map(|planned| {
            let previous =
                planned.previous.iter().map(|(currency, amount)| Ok((parsed(currency)?, parsed(amount)?)));
            let corrections = planned.corrections.iter().map(|correction| {
                Ok(Correction {
                    period: parsed(&correction.billing_period)?,
                    version: correction.version as u32,
                    currency: parsed(&correction.currency)?,
                    amount: parsed(&correction.amount)?,
                    statement_number: correction.statement_number.clone(),
                })
            });
            let margin = |margin| {
                let no_margin = || Error::Internal("a plan has an impossible margin".into());
                Margin::from_ten_thousandths(margin).ok_or_else(no_margin)
            };
            let always = planned.tenants.iter().map(|tenant| Tenancy::from(tenant.as_str()));
            let day = |day: &Option<String>| day.as_deref().map(parsed::<Date>).transpose();
            let dated = planned.tenancies.iter().map(|PlannedTenancy { tenant, from, until }| {
                Ok(Tenancy { tenant: tenant.clone(), from: day(from)?, until: day(until)? })
            });
            let whole = PlannedTerms { from: None, billed: planned.billed, margin: planned.margin };
            let terms = match planned.terms.as_slice() {
                [] => std::slice::from_ref(&whole),
                terms => terms,
            };
            let terms = terms.iter().map(|terms| {
                Ok(Terms {
                    from: day(&terms.from)?,
                    billing_enabled: terms.billed,
                    margin: margin(terms.margin)?,
                })
            });
            Ok(BilledCustomer {
                id: planned.id,
                name: planned.name.clone(),
                address: planned.address.clone(),
                tenants: always.map(Ok).chain(dated).collect::<Result<_, Error>>()?,
                terms: terms.collect::<Result<_, Error>>()?,
                folder: planned.folder.clone(),
                previous_charge: previous.collect::<Result<_, Error>>()?,
                corrections: corrections.collect::<Result<_, Error>>()?,
                payable_with: planned.payable_with.as_deref().map(parsed).transpose()?,
                released: released.contains(&planned.id),
            })
        });
        customers.collect()
    }

    /// Whether a customer has a tenant on a day of the month in this plan that it does not have then in a later one.
    pub(super) fn has_lost_a_tenant(&self, customer: i64, later: &Plan, month: BillingPeriod) -> bool {
        let kept = later.held(customer, month);
        let keeps = |(tenant, from, until): &(String, String, String)| {
            from >= until || kept.iter().any(|kept| kept.0 == *tenant && kept.1 <= *from && kept.2 >= *until)
        };
        !self.held(customer, month).iter().all(keeps)
    }

    /// The tenants that a customer has in a month, each from a day on until another; days as `YYYY-MM-DD`.
    fn held(&self, customer: i64, month: BillingPeriod) -> Vec<(String, String, String)> {
        let (first, end) = (month.first_day().to_string(), month.end().to_string());
        let its = || self.customers.iter().filter(|planned| planned.id == customer);
        let always = its().flat_map(|planned| &planned.tenants);
        let always = always.map(|tenant| (tenant.to_ascii_lowercase(), first.clone(), end.clone()));
        let dated =
            its().flat_map(|planned| &planned.tenancies).map(|PlannedTenancy { tenant, from, until }| {
                let from = from.clone().unwrap_or_default().max(first.clone());
                let until = until.clone().unwrap_or_else(|| end.clone()).min(end.clone());
                (tenant.to_ascii_lowercase(), from, until)
            });
        always.chain(dated).collect()
    }

    /// The heading of a customer's statement.
    pub(super) fn heading(&self, customer: i64, currency: &str) -> Result<Heading<'_>, Error> {
        let planned = self.customers.iter().find(|planned| planned.id == customer);
        let planned =
            planned.ok_or_else(|| Error::Internal(format!("a run's plan lacks customer {customer}")))?;
        Ok(Heading {
            issuer: &self.issuer,
            issuer_address: &self.issuer_address,
            customer: &planned.name,
            customer_address: &planned.address,
            currency: parsed(currency)?,
        })
    }

    pub(super) fn price_rules(&self) -> Result<Vec<PriceRule>, Error> {
        let row = |(id, position, rule): &(i64, i64, String)| PriceRuleRow {
            id: *id,
            position: *position,
            rule: rule.clone(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            updated_at: jiff::Timestamp::UNIX_EPOCH,
            version: 1,
        };
        self.rules.iter().map(|rule| rules::read(&row(rule))).collect()
    }
}

/// The bills, currency and amount, of customers whose bills the last run of a month has held back.
async fn held_back(
    tx: &mut Tx,
    partner: PartnerId,
    month: &str,
) -> Result<BTreeMap<CustomerId, Vec<(String, String)>>, Error> {
    let Some(last) = bill_runs::newest(tx, partner, month).await? else { return Ok(BTreeMap::new()) };
    let run = bill_runs::get(tx, partner, last).await?;
    let report = run.as_ref().map(RunReport::of_run).transpose()?.flatten().unwrap_or_default();
    let mut held: BTreeMap<CustomerId, Vec<(String, String)>> = BTreeMap::new();
    let waiting = report.customers.iter().filter(|bill| !bill.held_back.is_empty());
    let waiting: BTreeSet<i64> = waiting.map(|bill| bill.customer_id).collect();
    for bill in report.customers.iter().filter(|bill| waiting.contains(&bill.customer_id)) {
        let of_customer = held.entry(CustomerId(bill.customer_id)).or_default();
        of_customer.push((bill.currency.to_string(), bill.charge.to_string()));
    }
    Ok(held)
}

/// The numbers of the final statements that corrections are of, by customer, month and currency.
async fn final_numbers(
    tx: &mut Tx,
    partner: PartnerId,
    corrections: &[corrections::Correction],
) -> Result<BTreeMap<(CustomerId, String, String), String>, Error> {
    let months: BTreeSet<&str> = corrections.iter().map(|one| one.bill.billing_period.as_str()).collect();
    let mut numbers = BTreeMap::new();
    for month in months {
        let finals = statements::Filter {
            billing_period: Some(month.to_owned()),
            status: Some(statements::Status::Final),
            ..statements::Filter::default()
        };
        for statements::Statement { bill, issue, .. } in
            statements::list(tx, partner, &finals, 0, i64::MAX).await?.0
        {
            let of = (bill.customer, bill.billing_period, bill.currency);
            numbers.extend(issue.map(|issue| (of, issue.number)));
        }
    }
    Ok(numbers)
}

/// The folder of the bills of a month: that of its last day, or the first after it where there was none yet.
fn folder_of(terms: &domain::terms::Terms, last_day: Date) -> String {
    let then = terms.folder.on(last_day);
    let later = || terms.folder.entries().map(|(_, folder)| folder).find(|folder| !folder.is_empty());
    let folder = if then.is_empty() { later().unwrap_or(then) } else { then };
    folder.trim_end_matches('/').to_owned()
}

impl App {
    /// The plan that was stored when the work of a run began.
    pub(super) async fn stored_plan(&self, partner: PartnerId, id: i64) -> Result<Plan, Error> {
        let plan: Option<String> = self
            .db
            .unchecked()
            .read(partner, (partner, id), |(partner, id), tx| {
                Box::pin(async move { Ok::<_, Error>(bill_runs::plan(tx, *partner, *id).await?) })
            })
            .await?;
        let plan = plan.ok_or_else(|| Error::Internal(format!("the bill run {id} has no plan")))?;
        stored("the plan of a bill run", &plan)
    }

    /// What a run works with, noted before if it was begun before.
    pub(super) async fn plan_of(
        &self,
        partner: PartnerId,
        id: i64,
        request: &RunRequest,
    ) -> Result<Plan, Error> {
        let input = (partner, id, request.clone(), Options::of(&self.billing()?.setup));
        self.db
            .unchecked()
            .write(partner, input, |(partner, id, request, options), tx| {
                Box::pin(async move {
                    let noted = bill_runs::plan(tx, *partner, *id).await?;
                    let mut plan: Plan = match &noted {
                        Some(noted) => stored("the plan of a bill run", noted)?,
                        None => Plan::make(tx, *partner, request, options).await?,
                    };
                    let refused = plan.take_corrections(tx, *partner, &request.billing_period).await?;
                    // In a repetition these are on its own final statements, as a rule: pending they are not.
                    if noted.is_none() {
                        plan.pending.extend(refused);
                        bill_runs::set_plan(tx, *partner, *id, &text(&plan)?).await?;
                    }
                    Ok(plan)
                })
            })
            .await
    }
}

/// The engine's rates.
pub(super) fn rates(request: &RunRequest) -> Result<Vec<Rate>, Error> {
    let rates: Option<_> = request.currency_rates.iter().map(CurrencyRate::read).collect();
    rates.ok_or_else(|| Error::Internal("a run has impossible rates".into()))
}

/// What was checked before it was kept.
pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|e| Error::Internal(format!("{text:?} in the database: {e}")))
}
