//! Numbers of a partner's statements: reserved by a run before it renders statements, issued when these become final.
//!
//! A number of no run ([`NO_RUN`]) is one up to which none is given: a database that was restored does not know which ones were issued
//! after its backup was made, and an invoice's number must not be given twice.

use crate::bill_runs::BillRun;
use crate::engine::value::args;
use crate::{Error, Tx};
use domain::{CustomerId, PartnerId};
use std::collections::{BTreeMap, BTreeSet};

/// Gap between the last number of a backup and the first after its restore: more than were issued in between.
pub const GAP_AFTER_RESTORE: i64 = 100_000;

const NO_RUN: i64 = 0;

/// What a number is for, in a run's month: the statement of a bill, or the reversal of that statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumberFor {
    /// The bill's customer.
    pub customer: CustomerId,
    /// The bill's currency, ISO 4217.
    pub currency: String,
    /// Whether it is for the reversal.
    pub is_reversal: bool,
}

/// Reserves a number of a year for each of these, in their order, and returns them. A run that repeats this gets the numbers that it
/// has reserved before. The smallest free numbers are taken, so one that was reserved and not issued leaves no gap for long.
///
/// The caller holds the lock of [`bill_runs::one_after_the_other`](crate::bill_runs::one_after_the_other).
pub async fn reserve(
    tx: &mut Tx,
    run: &BillRun,
    year: i64,
    wanted: &BTreeSet<NumberFor>,
) -> Result<BTreeMap<NumberFor, i64>, Error> {
    let partner = run.partner;
    let sql = "DELETE FROM statement_numbers WHERE partner_id = $1 AND statement_id IS NULL AND run_id NOT IN ($2, $3)
               AND NOT EXISTS (SELECT 1 FROM bill_runs r WHERE r.partner_id = statement_numbers.partner_id
                   AND r.id = statement_numbers.run_id AND r.state IN ('queued', 'running'))";
    tx.execute(sql, args![partner.0, run.id, NO_RUN]).await?;
    let sql = "SELECT year, number, customer_id, currency, is_reversal FROM statement_numbers
               WHERE partner_id = $1 AND run_id = $2 AND statement_id IS NULL ORDER BY year, number";
    let own: Vec<(i64, i64, NumberFor)> = tx
        .all(sql, args![partner.0, run.id], |row| {
            let (year, number) = (row.next()?, row.next()?);
            let customer = CustomerId(row.next()?);
            Ok((year, number, NumberFor { customer, currency: row.next()?, is_reversal: row.next()? }))
        })
        .await?;
    let mut reserved = BTreeMap::new();
    for (of_year, number, bill) in own {
        if of_year == year && wanted.contains(&bill) && !reserved.contains_key(&bill) {
            reserved.insert(bill, number);
        } else {
            let sql = "DELETE FROM statement_numbers WHERE partner_id = $1 AND year = $2 AND number = $3";
            tx.execute(sql, args![partner.0, of_year, number]).await?;
        }
    }
    let mut free = free_numbers(tx, partner, year).await?;
    for bill in wanted {
        if reserved.contains_key(bill) {
            continue;
        }
        let number = free.next();
        let sql = "INSERT INTO statement_numbers
                       (partner_id, year, number, billing_period, customer_id, currency, is_reversal, run_id, statement_id)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)";
        let NumberFor { customer, currency, is_reversal } = bill;
        let row =
            args![partner.0, year, number, &run.billing_period, customer.0, currency, *is_reversal, run.id];
        tx.execute(sql, row).await?;
        reserved.insert(bill.clone(), number);
    }
    Ok(reserved)
}

/// The numbers of a year that are free, in their order.
struct FreeNumbers {
    gaps: std::vec::IntoIter<i64>,
    next: i64,
}

impl FreeNumbers {
    fn next(&mut self) -> i64 {
        self.gaps.next().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

async fn free_numbers(tx: &mut Tx, partner: PartnerId, year: i64) -> Result<FreeNumbers, Error> {
    let sql = "SELECT COALESCE(MAX(number), 0) FROM statement_numbers WHERE partner_id = $1 AND year = $2 AND run_id = $3";
    let behind =
        tx.first(sql, args![partner.0, year, NO_RUN], |row| row.next::<i64>()).await?.unwrap_or_default();
    let sql = "SELECT COUNT(*), COALESCE(MAX(number), $3) FROM statement_numbers
               WHERE partner_id = $1 AND year = $2 AND number > $3";
    let found = tx.first(sql, args![partner.0, year, behind], |row| Ok((row.next()?, row.next()?))).await?;
    let (count, last): (i64, i64) = found.unwrap_or((0, behind));
    let mut gaps = Vec::new();
    if count < last - behind {
        let sql = "SELECT number FROM statement_numbers WHERE partner_id = $1 AND year = $2 AND number > $3";
        let taken: BTreeSet<i64> =
            tx.all(sql, args![partner.0, year, behind], |row| row.next()).await?.into_iter().collect();
        gaps = (behind + 1..last).filter(|number| !taken.contains(number)).collect();
    }
    Ok(FreeNumbers { gaps: gaps.into_iter(), next: last + 1 })
}

/// Lets the numbers of this year, and of the last that has any, go on [`GAP_AFTER_RESTORE`] behind their last, for all partners.
pub(crate) async fn skip_lost(tx: &mut Tx, year: i64) -> Result<(), Error> {
    let sql = "INSERT INTO statement_numbers
                   (partner_id, year, number, billing_period, customer_id, currency, is_reversal, run_id, statement_id)
               SELECT p.id, y.year, $2 + COALESCE((SELECT MAX(n.number) FROM statement_numbers n
                   WHERE n.partner_id = p.id AND n.year = y.year), 0), '', 0, '', FALSE, $3, NULL
               FROM partners p, (SELECT $1 AS year UNION SELECT MAX(year) FROM statement_numbers) y
               WHERE y.year IS NOT NULL";
    tx.execute(sql, args![year, GAP_AFTER_RESTORE, NO_RUN]).await.map(drop)
}

/// Issues the number that a run has reserved: it is this statement's for good. `false` if it has reserved none.
pub async fn issue(tx: &mut Tx, run: &BillRun, bill: &NumberFor, statement: i64) -> Result<bool, Error> {
    let sql = "UPDATE statement_numbers SET statement_id = $6
               WHERE partner_id = $1 AND run_id = $2 AND customer_id = $3 AND currency = $4 AND is_reversal = $5
               AND statement_id IS NULL";
    let NumberFor { customer, currency, is_reversal } = bill;
    let row = args![run.partner.0, run.id, customer.0, currency, *is_reversal, statement];
    Ok(tx.execute(sql, row).await? == 1)
}

/// Gives back the numbers that a run has reserved and not issued.
pub async fn give_back(tx: &mut Tx, partner: PartnerId, run: i64) -> Result<(), Error> {
    let sql = "DELETE FROM statement_numbers WHERE partner_id = $1 AND run_id = $2 AND statement_id IS NULL";
    tx.execute(sql, args![partner.0, run]).await.map(drop)
}
