//! What customers are charged for a month, whichever runs have made their bills.

use super::plan::parsed;
use crate::access::Call;
use crate::boxed;
use crate::permissions::Permission;
use crate::{App, Error};
use domain::CustomerId;
use rating::{Amount, Currency};
use std::collections::BTreeSet;
use store::{corrections, statements};

/// What a customer is charged for a month in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthCharge {
    /// The customer's id.
    pub customer_id: i64,
    /// Its display name; of a deleted one the last.
    pub name: String,
    /// The bill's currency.
    pub currency: Currency,
    /// The bill's total.
    pub charge: Amount,
    /// The run that made it.
    pub run: i64,
}

impl App {
    /// The months that corrections are of, and those whose bills carry corrections.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error`] of the store.
    #[boxed]
    pub async fn months_with_corrections(&self, call: &Call) -> Result<BTreeSet<String>, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let months = grant.list(call.partner(), |partner, tx| {
            Box::pin(async move { Ok::<_, Error>(corrections::months(tx, *partner).await?) })
        });
        months.await
    }

    /// The bills of a month, such as `2026-10`, that stand, final or not: none that was reversed. By customer and currency.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error`] of the store.
    #[boxed]
    pub async fn charges_of_month(&self, call: &Call, period: &str) -> Result<Vec<MonthCharge>, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let rows: Vec<_> = grant
            .list((call.partner(), period.to_owned()), |(partner, period), tx| {
                Box::pin(async move { Ok::<_, Error>(statements::charges(tx, *partner, period).await?) })
            })
            .await?;
        let charge = |(customer, name, currency, total, run): (CustomerId, String, String, String, i64)| {
            Ok(MonthCharge {
                customer_id: customer.0,
                name,
                currency: parsed(&currency)?,
                charge: parsed(&total)?,
                run,
            })
        };
        rows.into_iter().map(charge).collect()
    }
}
