//! Fingerprint of the secret key, which is stored outside the database.

use crate::engine::value::args;
use crate::{Error, Tx};
use jiff::Timestamp;

/// The fingerprint of the key that this database belongs to, if it has one.
pub async fn known_fingerprint(tx: &mut Tx) -> Result<Option<String>, Error> {
    tx.first("SELECT fingerprint FROM secret_check WHERE id = 1", args![], |row| row.next()).await
}

/// The database's id; `new` from now on, if it has had none.
pub async fn ensure_database_id(tx: &mut Tx, new: &str) -> Result<(), Error> {
    let sql = "UPDATE secret_check SET database_id = $1 WHERE id = 1 AND database_id = ''";
    tx.execute(sql, args![new]).await.map(drop)
}

/// The database's id.
pub async fn database_id(tx: &mut Tx) -> Result<String, Error> {
    let sql = "SELECT database_id FROM secret_check WHERE id = 1";
    Ok(tx.first(sql, args![], |row| row.next()).await?.unwrap_or_default())
}

/// Whether the hashes of keys that were made before they were keyed are to be turned into keyed ones by this transaction,
/// the only one that ever does.
pub async fn begin_sealing(tx: &mut Tx, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE secret_check SET keys_sealed = $1 WHERE id = 1 AND keys_sealed = 0";
    Ok(tx.execute(sql, args![now.as_second()]).await? == 1)
}

/// The fingerprint of the key that this database belongs to; `fingerprint` from now on, if it has had none.
pub async fn fingerprint(tx: &mut Tx, fingerprint: &str) -> Result<String, Error> {
    let sql = "INSERT INTO secret_check (id, fingerprint) VALUES (1, $1) ON CONFLICT DO NOTHING";
    tx.execute(sql, args![fingerprint]).await?;
    known_fingerprint(tx).await?.ok_or_else(|| Error::defect("a row that was just written is not there"))
}
