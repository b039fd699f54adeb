//! Statements that another platform has made, kept as history. They have ids of the same sequence as [`statements`] and are
//! listed with them; everything else here knows only `statements`, so no run, publication or reversal touches them.

use crate::engine::IdSequence;
use crate::engine::value::{Row, args};
use crate::query::Query;
use crate::statements::{self, Filter, Statement, Status};
use crate::{Error, Tx};
use domain::{CustomerId, PartnerId};
use jiff::Timestamp;

/// Statement of another platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedStatement {
    /// Its customer here.
    pub customer: CustomerId,
    /// What tells it from the customer's others at its source.
    pub source_key: String,
    /// URL that it came from.
    pub source: String,
    /// Id there, if it has one.
    pub source_id: Option<String>,
    /// Cloud that it is about, such as `AWS`.
    pub cloud: String,
    /// The month.
    pub billing_period: String,
    /// ISO 4217.
    pub currency: String,
    /// Exact decimal digits.
    pub total: String,
    /// Status there when it was read.
    pub status: Status,
    /// Time when its records were made.
    pub generated_at: Timestamp,
    /// Time when the statement was made.
    pub stated_at: Timestamp,
    /// Invoice of the cloud.
    pub invoice_id: Option<String>,
    /// Day of that invoice, such as `2025-12-03`.
    pub invoice_date: String,
}

/// What became of a statement that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was not there.
    Inserted,
    /// It was there and differed.
    Replaced,
    /// It was there, equal in every field.
    Unchanged,
}

const COLUMNS: &str =
    "customer_id, source_key, source, source_id, cloud, billing_period, currency, total, status,
    generated_at, stated_at, invoice_id, invoice_date";
/// In the order of the columns of statements.
const AS_STATEMENT: &str =
    "customer_id, billing_period, currency, total, CAST(0 AS BIGINT), '', CAST(1 AS BIGINT), '[]', '', id, status,
    generated_at, stated_at, invoice_id, CAST(NULL AS BIGINT), NULL, NULL, CAST(NULL AS BIGINT), NULL, CAST(1 AS BIGINT), status, '', cloud, source, source_id, invoice_date";

/// Inserts a statement, or replaces the one with its key.
pub async fn put(tx: &mut Tx, partner: PartnerId, new: &ImportedStatement) -> Result<Put, Error> {
    match find(tx, partner, new.customer, &new.source_key).await? {
        Some(found) if found == *new => return Ok(Put::Unchanged),
        Some(_) => {
            let sql = "UPDATE imported_statements SET source = $4, source_id = $5, cloud = $6, billing_period = $7, currency = $8,
                           total = $9, status = $10, generated_at = $11, stated_at = $12, invoice_id = $13, invoice_date = $14
                       WHERE partner_id = $1 AND customer_id = $2 AND source_key = $3";
            tx.execute(sql, &row(partner, new)).await?;
            return Ok(Put::Replaced);
        }
        None => {}
    }
    let id = tx.next_id(partner, IdSequence::Statement).await?;
    let sql = format!(
        "INSERT INTO imported_statements (partner_id, {COLUMNS}, id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    let mut values = row(partner, new);
    values.push(id.into());
    tx.execute(&sql, &values).await?;
    Ok(Put::Inserted)
}

fn row(partner: PartnerId, new: &ImportedStatement) -> Vec<crate::engine::value::Arg<'_>> {
    args![
        partner.0,
        new.customer.0,
        &new.source_key,
        &new.source,
        new.source_id.as_deref(),
        &new.cloud,
        &new.billing_period,
        &new.currency,
        &new.total,
        new.status.as_str(),
        new.generated_at.as_second(),
        new.stated_at.as_second(),
        new.invoice_id.as_deref(),
        &new.invoice_date,
    ]
    .to_vec()
}

/// The statement of a customer with this key.
pub async fn find(
    tx: &mut Tx,
    partner: PartnerId,
    customer: CustomerId,
    source_key: &str,
) -> Result<Option<ImportedStatement>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM imported_statements WHERE partner_id = $1 AND customer_id = $2 AND source_key = $3"
    );
    tx.first(&sql, args![partner.0, customer.0, source_key], read).await
}

fn read(row: &mut Row<'_>) -> Result<ImportedStatement, Error> {
    Ok(ImportedStatement {
        customer: CustomerId(row.next()?),
        source_key: row.next()?,
        source: row.next()?,
        source_id: row.next()?,
        cloud: row.next()?,
        billing_period: row.next()?,
        currency: row.next()?,
        total: row.next()?,
        status: statements::status_of(&row.next::<String>()?)?,
        generated_at: row.time()?,
        stated_at: row.time()?,
        invoice_id: row.next()?,
        invoice_date: row.next()?,
    })
}

/// One statement of another platform, in the form of those that are made here.
pub async fn get(tx: &mut Tx, partner: PartnerId, id: i64) -> Result<Option<Statement>, Error> {
    let sql = format!("SELECT {AS_STATEMENT} FROM imported_statements WHERE partner_id = $1 AND id = $2");
    tx.first(&sql, args![partner.0, id], statements::read).await
}

/// Statements that were made here and on other platforms, ordered by id, and the total number.
pub async fn list_with_own(
    tx: &mut Tx,
    partner: PartnerId,
    filter: &Filter,
    skip: i64,
    limit: i64,
) -> Result<(Vec<Statement>, i64), Error> {
    let sql = "SELECT COUNT(*) FROM imported_statements WHERE partner_id = $1";
    let mut count = Query::new(sql.to_owned(), partner);
    statements::narrow(&mut count, filter);
    let imported = tx.first(&count.sql, &count.args(), |row| row.next::<i64>()).await?.unwrap_or(0);
    if imported == 0 {
        return statements::list(tx, partner, filter, skip, limit).await;
    }
    let own = statements::count(tx, partner, filter).await?;
    let mut query = Query::new(statements::select(filter.edition), partner);
    statements::narrow(&mut query, filter);
    let sql = format!("SELECT {AS_STATEMENT} FROM imported_statements WHERE partner_id = $1");
    query.sql.push_str(" UNION ALL ");
    query.sql.push_str(&sql);
    statements::narrow(&mut query, filter);
    query.sql.push_str(statements::order(filter));
    query.push(" LIMIT ", limit);
    query.push(" OFFSET ", skip);
    Ok((tx.all(&query.sql, &query.args(), statements::read).await?, own + imported))
}
