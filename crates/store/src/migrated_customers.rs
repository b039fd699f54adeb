//! Customers that came from another platform, deleted ones included.

use crate::engine::value::args;
use crate::{Error, Tx};
use domain::{CustomerId, PartnerId};

/// Notes that a customer came from another platform.
pub async fn note(tx: &mut Tx, partner: PartnerId, id: CustomerId) -> Result<(), Error> {
    let sql = "INSERT INTO migrated_customers (partner_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.execute(sql, args![partner.0, id.0]).await.map(drop)
}

/// Whether a customer came from another platform, even if it has been deleted since.
pub async fn has(tx: &mut Tx, partner: PartnerId, id: CustomerId) -> Result<bool, Error> {
    let sql = "SELECT COUNT(*) FROM migrated_customers WHERE partner_id = $1 AND id = $2";
    Ok(tx.first(sql, args![partner.0, id.0], |row| row.next::<i64>()).await? == Some(1))
}
