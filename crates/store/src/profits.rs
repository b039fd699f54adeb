//! What the lines of bills cost and are charged, in sums: recorded with each bill, so that profit is read without its ledgers.

use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::{CustomerId, PartnerId};

/// Sums of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillSums {
    /// Customer.
    pub customer: CustomerId,
    /// Its display name, or the one that it had when it was deleted; empty if that is not known.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// The sums, as JSON.
    pub sums: String,
}

/// Bill whose sums are recorded.
#[derive(Clone, Copy, Debug)]
pub struct BillKey<'a> {
    /// Customer.
    pub customer: CustomerId,
    /// The month of its lines.
    pub billing_period: &'a str,
    /// ISO 4217.
    pub currency: &'a str,
    /// The version of the month's bill for a correction; 0 for the statement of the month.
    pub correction: i64,
}

/// Inserts or replaces the sums of a bill.
pub async fn put(tx: &mut Tx, partner: PartnerId, bill: BillKey<'_>, sums: &str) -> Result<(), Error> {
    let sql = "INSERT INTO bill_sums (partner_id, billing_period, customer_id, currency, correction, sums)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (partner_id, billing_period, customer_id, currency, correction)
               DO UPDATE SET sums = excluded.sums";
    let BillKey { customer, billing_period, currency, correction } = bill;
    tx.enqueue(sql, args![partner.0, billing_period, customer.0, currency, correction, sums]).await
}

/// The sums of the bills of a month, and of its corrections, whose statements are still there; and how many of these have none,
/// because an earlier version made them.
pub async fn of_period(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<(Vec<BillSums>, u64), Error> {
    tx.rule_out_nested_loops().await?;
    let sql = "SELECT s.customer_id, COALESCE(c.name, d.name, ''), s.currency, b.sums FROM statements s
               LEFT JOIN bill_sums b ON b.partner_id = s.partner_id AND b.billing_period = s.billing_period
                   AND b.customer_id = s.customer_id AND b.currency = s.currency AND b.correction = 0
               LEFT JOIN customers c ON c.partner_id = s.partner_id AND c.id = s.customer_id
               LEFT JOIN deleted_customers d ON d.partner_id = s.partner_id AND d.id = s.customer_id
               WHERE s.partner_id = $1 AND s.billing_period = $2 AND s.status IN ('Estimated', 'Final')
               ORDER BY s.customer_id, s.currency";
    let mut found = tx.all(sql, args![partner.0, period], read).await?;
    let sql = "SELECT s.customer_id, COALESCE(c.name, d.name, ''), s.currency, b.sums FROM corrections s
               LEFT JOIN bill_sums b ON b.partner_id = s.partner_id AND b.billing_period = s.billing_period
                   AND b.customer_id = s.customer_id AND b.currency = s.currency AND b.correction = s.version
               LEFT JOIN customers c ON c.partner_id = s.partner_id AND c.id = s.customer_id
               LEFT JOIN deleted_customers d ON d.partner_id = s.partner_id AND d.id = s.customer_id
               WHERE s.partner_id = $1 AND s.billing_period = $2 ORDER BY s.customer_id, s.currency, s.version";
    found.extend(tx.all(sql, args![partner.0, period], read).await?);
    let all = found.len();
    let known: Vec<BillSums> = found.into_iter().flatten().collect();
    let without = all - known.len();
    Ok((known, without as u64))
}

fn read(row: &mut Row<'_>) -> Result<Option<BillSums>, Error> {
    let (customer, name, currency) = (CustomerId(row.next()?), row.next()?, row.next()?);
    let sums: Option<String> = row.next()?;
    Ok(sums.map(|sums| BillSums { customer, name, currency, sums }))
}
