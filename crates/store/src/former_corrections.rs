//! Former corrections: those that a statement had until it was voided, or withdrawn after its customer had seen it. By then they can
//! be on other statements, or be gone with their month.

use crate::engine::value::args;
use crate::query::Query;
use crate::statements::{Bill, read_bill};
use crate::{Error, Tx};
use domain::PartnerId;

const COLUMNS: &str = "customer_id, billing_period, currency, amount, run_id, folder, version, files, ledger";

/// Keeps the corrections of a statement as its customer sees it, before it counts no more. What was kept of it before is replaced. A
/// statement that its customer sees as one that counts no more keeps what it has.
pub(crate) async fn keep(tx: &mut Tx, partner: PartnerId, statement: i64) -> Result<(), Error> {
    let sql = "DELETE FROM former_corrections WHERE partner_id = $1 AND statement_id = $2
               AND EXISTS (SELECT 1 FROM publications p
                   WHERE p.partner_id = $1 AND p.id = $2 AND p.status IN ('Estimated', 'Final'))";
    tx.execute(sql, args![partner.0, statement]).await?;
    let sql = "INSERT INTO former_corrections (partner_id, statement_id, customer_id, billing_period, currency, amount, run_id,
                   folder, version, files, ledger)
               SELECT c.partner_id, p.id, c.customer_id, c.billing_period, c.currency, c.amount, c.run_id, c.folder, c.version,
                   c.files, c.ledger
               FROM publications p JOIN corrections c ON c.partner_id = p.partner_id AND c.customer_id = p.customer_id
                   AND c.currency = p.currency AND c.published_by = p.billing_period
               WHERE p.partner_id = $1 AND p.id = $2 AND p.status IN ('Estimated', 'Final')";
    tx.execute(sql, args![partner.0, statement]).await.map(drop)
}

/// The former corrections of these statements, each with the statement's id.
pub async fn of_statements(
    tx: &mut Tx,
    partner: PartnerId,
    statements: &[i64],
) -> Result<Vec<(i64, Bill)>, Error> {
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT statement_id, {COLUMNS} FROM former_corrections WHERE partner_id = $1");
    let mut query = Query::new(sql, partner);
    query.and_in("statement_id", statements.iter().copied());
    query.sql.push_str(" ORDER BY statement_id, billing_period, version");
    tx.all(&query.sql, &query.args(), |row| Ok((row.next()?, read_bill(row)?))).await
}

/// All former corrections of the partner.
pub async fn list(tx: &mut Tx, partner: PartnerId) -> Result<Vec<Bill>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM former_corrections WHERE partner_id = $1 ORDER BY statement_id");
    tx.all(&sql, args![partner.0], read_bill).await
}
