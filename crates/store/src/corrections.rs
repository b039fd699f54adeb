//! Corrections: what came in for months that were final. Each is on the statement of another month, or waits for one.

use crate::engine::value::{Row, args};
use crate::query::Query;
use crate::statements::{Bill, Edition, read_bill};
use crate::{Error, Tx};
use domain::{CustomerId, PartnerId};
use std::collections::BTreeSet;

/// Correction: amount that arrived for a final month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Customer, month, amount and location of the lines.
    pub bill: Bill,
    /// Billing period of the statement that contains it, if any.
    pub carried_by: Option<String>,
}

/// Key of a correction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorrectionKey<'a> {
    /// Customer.
    pub customer: CustomerId,
    /// Month that it corrects.
    pub billing_period: &'a str,
    /// Version of that month's bill.
    pub version: i64,
    /// ISO 4217.
    pub currency: &'a str,
}

const COLUMNS: &str = "customer_id, billing_period, currency, amount, run_id, folder, version, files, ledger";

/// Stores a correction for a final month.
pub async fn insert(tx: &mut Tx, partner: PartnerId, bill: &Bill) -> Result<(), Error> {
    let sql =
        "INSERT INTO corrections (partner_id, customer_id, billing_period, version, currency, amount, run_id,
            folder, ledger, files)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let row = args![
        partner.0,
        bill.customer.0,
        &bill.billing_period,
        bill.version,
        &bill.currency,
        &bill.total,
        bill.run,
        &bill.folder,
        &bill.ledger,
        &bill.files
    ];
    tx.execute(sql, row).await.map(drop)
}

/// Corrections of a month, or of all months, on statements or not.
pub async fn list(tx: &mut Tx, partner: PartnerId, period: Option<&str>) -> Result<Vec<Correction>, Error> {
    let sql = format!("SELECT {COLUMNS}, carried_by FROM corrections WHERE partner_id = $1");
    let mut query = Query::new(sql, partner);
    if let Some(period) = period {
        query.and("billing_period = ", period);
    }
    query.sql.push_str(" ORDER BY customer_id, billing_period, version, currency");
    tx.all(&query.sql, &query.args(), read).await
}

/// Deletes the corrections that a run made for a month and that are on no statement; `false`, and none deleted, if one is.
pub async fn delete(tx: &mut Tx, partner: PartnerId, period: &str, run: i64) -> Result<bool, Error> {
    let sql = "SELECT COUNT(*) FROM corrections
               WHERE partner_id = $1 AND billing_period = $2 AND run_id = $3 AND carried_by IS NOT NULL";
    if tx.first(sql, args![partner.0, period, run], |row| row.next::<i64>()).await? != Some(0) {
        return Ok(false);
    }
    let sql = "DELETE FROM corrections WHERE partner_id = $1 AND billing_period = $2 AND run_id = $3";
    tx.execute(sql, args![partner.0, period, run]).await?;
    Ok(true)
}

/// The corrections that statements of this edition have: of these customers, or of all.
pub async fn carried(
    tx: &mut Tx,
    partner: PartnerId,
    edition: Edition,
    customers: Option<&[CustomerId]>,
) -> Result<Vec<Correction>, Error> {
    if customers.is_some_and(<[CustomerId]>::is_empty) {
        return Ok(Vec::new());
    }
    let carrier = edition.carrier();
    let sql = format!(
        "SELECT {COLUMNS}, {carrier} FROM corrections WHERE partner_id = $1 AND {carrier} IS NOT NULL"
    );
    let mut query = Query::new(sql, partner);
    for (i, id) in customers.into_iter().flatten().enumerate() {
        query.push(if i == 0 { " AND customer_id IN (" } else { ", " }, id.0);
    }
    query.sql.push_str(if customers.is_some() { ")" } else { "" });
    query.sql.push_str(" ORDER BY customer_id, billing_period, version, currency");
    tx.all(&query.sql, &query.args(), read).await
}

/// Take a correction for the bills of a month, which a run has begun to make: `false` if another month's statement has it,
/// or another month's run that is under way, or if the customer's month is final.
pub async fn take(
    tx: &mut Tx,
    partner: PartnerId,
    correction: CorrectionKey<'_>,
    period: &str,
) -> Result<bool, Error> {
    let sql = "UPDATE corrections SET taken_by = $6
               WHERE partner_id = $1 AND customer_id = $2 AND billing_period = $3 AND version = $4 AND currency = $5
               AND (carried_by IS NULL OR carried_by = $6)
               AND (taken_by IS NULL OR taken_by = $6 OR NOT EXISTS (SELECT 1 FROM bill_runs r
                   WHERE r.partner_id = corrections.partner_id AND r.billing_period = corrections.taken_by
                   AND r.state IN ('queued', 'running')))
               AND NOT EXISTS (SELECT 1 FROM statements s
                   WHERE s.partner_id = corrections.partner_id AND s.customer_id = corrections.customer_id
                   AND s.billing_period = $6 AND s.status = 'Final')";
    let CorrectionKey { customer, billing_period, version, currency } = correction;
    let row = args![partner.0, customer.0, billing_period, version, currency, period];
    Ok(tx.execute(sql, row).await? == 1)
}

/// Marks a correction as contained in a month's statement.
pub async fn carry(
    tx: &mut Tx,
    partner: PartnerId,
    correction: CorrectionKey<'_>,
    period: &str,
) -> Result<(), Error> {
    let sql = "UPDATE corrections SET carried_by = $6
               WHERE partner_id = $1 AND customer_id = $2 AND billing_period = $3 AND version = $4 AND currency = $5";
    let CorrectionKey { customer, billing_period, version, currency } = correction;
    let row = args![partner.0, customer.0, billing_period, version, currency, period];
    tx.execute(sql, row).await.map(drop)
}

/// Releases the corrections of a month's withdrawn statements.
pub async fn let_go(tx: &mut Tx, partner: PartnerId, period: &str) -> Result<(), Error> {
    let sql = "UPDATE corrections SET carried_by = NULL
               WHERE partner_id = $1 AND carried_by = $2 AND NOT EXISTS (SELECT 1 FROM statements s
                   WHERE s.partner_id = corrections.partner_id AND s.customer_id = corrections.customer_id
                   AND s.billing_period = $2 AND s.status IN ('Estimated', 'Final'))";
    tx.execute(sql, args![partner.0, period]).await.map(drop)
}

fn read(row: &mut Row<'_>) -> Result<Correction, Error> {
    Ok(Correction { bill: read_bill(row)?, carried_by: row.next()? })
}

/// The months that corrections are of, and those whose statements carry them.
pub async fn months(tx: &mut Tx, partner: PartnerId) -> Result<BTreeSet<String>, Error> {
    let sql = "SELECT DISTINCT billing_period, carried_by FROM corrections WHERE partner_id = $1";
    let rows: Vec<(String, Option<String>)> =
        tx.all(sql, args![partner.0], |row| Ok((row.next()?, row.next()?))).await?;
    Ok(rows.into_iter().flat_map(|(of, by)| [Some(of), by]).flatten().collect())
}
