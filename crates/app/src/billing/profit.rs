//! Profit: what a month's lines cost and are charged, by customer, product, publisher or subscription.

use super::plan::parsed;
use super::report::{stored as read_stored, text};
use crate::access::Call;
use crate::boxed;
use crate::paging::{self, Query};
use crate::permissions::Permission;
use crate::{App, Error};
use domain::PartnerId;
use rating::report::LineSums;
use rating::{Amount, BillingPeriod, Currency, push_csv_cell};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::profits::{self, BillSums};

/// What profit is listed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProfitBy {
    /// The customer.
    #[default]
    Customer,
    /// The product of a licence, the meter category of Azure usage.
    Product,
    /// The publisher.
    Publisher,
    /// The subscription of a customer.
    Subscription,
}

impl ProfitBy {
    /// All of them, by name.
    pub const ALL: [(&'static str, ProfitBy); 4] = [
        ("customer", ProfitBy::Customer),
        ("product", ProfitBy::Product),
        ("publisher", ProfitBy::Publisher),
        ("subscription", ProfitBy::Subscription),
    ];

    /// As in a query string.
    pub fn name(self) -> &'static str {
        ProfitBy::ALL.iter().find(|(_, by)| *by == self).map_or("", |(name, _)| name)
    }
}

/// A list of profit that was asked for.
#[derive(Clone, Debug)]
pub struct ProfitSearch {
    /// The month of the lines.
    pub billing_period: BillingPeriod,
    /// What it is listed by.
    pub by: ProfitBy,
    /// Whether it is wanted as CSV.
    pub csv: bool,
}

impl ProfitSearch {
    /// Reads a query string's parameters; blank ones count as not given.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every parameter that will not do, as `/name`.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let (mut period, mut by, mut csv) = (None, ProfitBy::default(), false);
        paging::read(query, &["billing_period", "by", "format"], |name, value| {
            match name {
                "billing_period" => {
                    let wrong = |wrong: rating::period::NotAPeriod| {
                        domain::text::invalid(wrong.to_string()).because("month", &[])
                    };
                    period = Some(value.parse::<BillingPeriod>().map_err(wrong)?);
                }
                "by" => by = paging::one_of(value, &ProfitBy::ALL)?,
                "format" => csv = paging::one_of(value, &[("json", false), ("csv", true)])?,
                _ => {}
            }
            Ok(())
        })?;
        let missing = || domain::Violation::new("/billing_period", "required", "is required");
        let billing_period = period.ok_or_else(|| Error::Parameters(missing().into()))?;
        Ok(ProfitSearch { billing_period, by, csv })
    }
}

/// What lines cost and are charged. Exact decimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profit {
    /// What Microsoft charges the partner, after its credits, without tax; at the run's rate.
    pub cost: String,
    /// The partner earned credit, which the cost is less by, whether it is kept or passed on.
    pub earned_credit: String,
    /// What customers are charged.
    pub charge: String,
    /// The charge less the cost.
    pub profit: String,
    /// The profit in percent of the charge, to four places, half to even; `None` where nothing is charged.
    pub margin_percentage: Option<String>,
}

/// The profit of one customer, product, publisher or subscription in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfitRow {
    /// ISO 4217: that of the bills.
    pub currency: String,
    /// Of customers and subscriptions.
    pub customer_id: Option<i64>,
    /// Of a subscription.
    pub subscription_id: Option<String>,
    /// The display name. Empty where the lines have none.
    pub name: String,
    /// The lines that it is made of.
    pub lines: u64,
    /// That of the month.
    pub profit: Profit,
    /// That of the month before, if there were such lines.
    pub previous: Option<Profit>,
}

/// The profit of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfitReport {
    /// The month of the lines.
    pub billing_period: String,
    /// What the rows are by.
    pub by: &'static str,
    /// By currency and name.
    pub rows: Vec<ProfitRow>,
    /// One for each currency.
    pub totals: Vec<ProfitRow>,
    /// Bills of the month that are in none of this, because an earlier version made them: run the month again.
    pub bills_without_sums: u64,
}

/// The sums of some of a bill's lines, as they are stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSums {
    product: String,
    publisher: String,
    subscription_id: String,
    subscription_name: String,
    lines: u64,
    cost: String,
    earned_credit: String,
    charge: String,
}

/// The sums of a bill, as they are stored.
pub(super) fn stored(sums: &[LineSums]) -> Result<String, Error> {
    let stored: Vec<StoredSums> = sums
        .iter()
        .map(|sums| StoredSums {
            product: sums.product.clone(),
            publisher: sums.publisher.clone(),
            subscription_id: sums.subscription_id.clone(),
            subscription_name: sums.subscription_name.clone(),
            lines: sums.lines,
            cost: sums.cost.to_string(),
            earned_credit: sums.earned_credit.to_string(),
            charge: sums.charge.to_string(),
        })
        .collect();
    text(&stored)
}

/// What rows are told apart by: currency, name, customer, subscription.
type Key = (String, String, Option<i64>, Option<String>);

#[derive(Clone, Copy, Default)]
struct Sum {
    lines: u64,
    cost: Amount,
    earned_credit: Amount,
    charge: Amount,
}

impl Sum {
    fn add(&mut self, other: &Sum) {
        self.lines += other.lines;
        self.cost += other.cost;
        self.earned_credit += other.earned_credit;
        self.charge += other.charge;
    }

    fn shown(&self) -> Profit {
        let profit = self.charge - self.cost;
        Profit {
            cost: self.cost.to_string(),
            earned_credit: self.earned_credit.to_string(),
            charge: self.charge.to_string(),
            profit: profit.to_string(),
            margin_percentage: profit.percent_of(self.charge).map(|percent| percent.to_string()),
        }
    }
}

fn add_up(bills: &[BillSums], by: ProfitBy) -> Result<BTreeMap<Key, Sum>, Error> {
    let mut found: BTreeMap<Key, Sum> = BTreeMap::new();
    for bill in bills {
        let lines: Vec<StoredSums> = read_stored("the sums of a bill", &bill.sums)?;
        let currency = parsed::<Currency>(&bill.currency)?.to_string();
        for line in lines {
            let sum = Sum {
                lines: line.lines,
                cost: parsed(&line.cost)?,
                earned_credit: parsed(&line.earned_credit)?,
                charge: parsed(&line.charge)?,
            };
            let customer = Some(bill.customer.0);
            let key = match by {
                ProfitBy::Customer => (currency.clone(), bill.name.clone(), customer, None),
                ProfitBy::Product => (currency.clone(), line.product, None, None),
                ProfitBy::Publisher => (currency.clone(), line.publisher, None, None),
                ProfitBy::Subscription => {
                    (currency.clone(), line.subscription_name, customer, Some(line.subscription_id))
                }
            };
            found.entry(key).or_default().add(&sum);
        }
    }
    Ok(found)
}

/// Sums by currency alone.
fn totals(sums: &BTreeMap<Key, Sum>) -> BTreeMap<Key, Sum> {
    let mut totals: BTreeMap<Key, Sum> = BTreeMap::new();
    for ((currency, ..), sum) in sums {
        totals.entry((currency.clone(), String::new(), None, None)).or_default().add(sum);
    }
    totals
}

/// The rows of a month beside those of the month before; what only that had is a row of nothing.
fn rows(now: &BTreeMap<Key, Sum>, before: &BTreeMap<Key, Sum>) -> Vec<ProfitRow> {
    let keys: std::collections::BTreeSet<&Key> = now.keys().chain(before.keys()).collect();
    let row = |key: &Key| {
        let (currency, name, customer_id, subscription_id) = key.clone();
        let sum = now.get(key).copied().unwrap_or_default();
        let previous = before.get(key).map(Sum::shown);
        ProfitRow {
            currency,
            customer_id,
            subscription_id,
            name,
            lines: sum.lines,
            profit: sum.shown(),
            previous,
        }
    };
    keys.into_iter().map(row).collect()
}

impl ProfitReport {
    /// The rows as CSV, with a header.
    pub fn csv(&self) -> String {
        let mut out = b"BillingPeriod,Currency,CustomerId,SubscriptionId,Name,Lines,Cost,EarnedCredit,Charge,Profit,\
            MarginPercentage,PreviousCost,PreviousEarnedCredit,PreviousCharge,PreviousProfit,PreviousMarginPercentage\n"
            .to_vec();
        for row in &self.rows {
            let mut texts = vec![self.billing_period.clone(), row.currency.clone()];
            texts.push(row.customer_id.map_or_else(String::new, |id| id.to_string()));
            texts.push(row.subscription_id.clone().unwrap_or_default());
            texts.push(row.name.clone());
            for text in texts {
                push_csv_cell(&text, &mut out);
                out.push(b',');
            }
            // Numbers, which spreadsheets do not take for formulas.
            let numbers = |profit: &Profit| {
                let Profit { cost, earned_credit, charge, profit, margin_percentage } = profit;
                [cost, earned_credit, charge, profit, margin_percentage.as_ref().unwrap_or(&String::new())]
                    .map(String::as_str)
                    .join(",")
            };
            let previous = row.previous.as_ref().map_or_else(|| ",,,,".to_owned(), numbers);
            out.extend_from_slice(format!("{},{},{previous}\n", row.lines, numbers(&row.profit)).as_bytes());
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl App {
    /// The profit of a month beside the month before, of all statements, drafts too.
    #[boxed]
    pub async fn profit(&self, call: &Call, search: ProfitSearch) -> Result<ProfitReport, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        type Sums = (Vec<BillSums>, u64);
        let periods =
            [search.billing_period, search.billing_period.previous()].map(|period| period.to_string());
        let [now, before]: [Sums; 2] = grant
            .list((call.partner(), periods), |(partner, periods), tx| {
                Box::pin(async move {
                    let partner: PartnerId = *partner;
                    Ok::<_, Error>([
                        profits::of_period(tx, partner, &periods[0]).await?,
                        profits::of_period(tx, partner, &periods[1]).await?,
                    ])
                })
            })
            .await?;
        let (sums, previous) = (add_up(&now.0, search.by)?, add_up(&before.0, search.by)?);
        Ok(ProfitReport {
            billing_period: search.billing_period.to_string(),
            by: search.by.name(),
            rows: rows(&sums, &previous),
            totals: rows(&totals(&sums), &totals(&previous)),
            bills_without_sums: now.1,
        })
    }
}
