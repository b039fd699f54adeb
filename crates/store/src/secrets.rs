//! What recognises the secret key outside the database.

use crate::engine::value::args;
use crate::{Error, Tx};

/// The fingerprint of the key that this database belongs to; `fingerprint` from now on, if it has had none.
///
/// # Errors
/// [`Error`] of the store.
pub async fn fingerprint(tx: &mut Tx, fingerprint: &str) -> Result<String, Error> {
    let sql = "INSERT INTO secret_check (id, fingerprint) VALUES (1, $1) ON CONFLICT DO NOTHING";
    tx.execute(sql, args![fingerprint]).await?;
    let kept =
        tx.first("SELECT fingerprint FROM secret_check WHERE id = 1", args![], |row| row.next()).await?;
    kept.ok_or_else(|| Error::defect("a row that was just written is not there"))
}
