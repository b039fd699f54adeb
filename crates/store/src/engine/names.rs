//! Migration of name keys after the folding rule has changed.

use super::Tx;
use super::value::args;
use crate::Error;
use domain::DisplayName;

/// Number of rows held in memory.
const BATCH: i64 = 10_000;

/// Recomputes name keys that differ from [`DisplayName::key`], which only names beyond ASCII can. A customer keeps its old
/// key if another customer of the partner has the new one, so that both keep their names.
pub(super) async fn refold(tx: &mut Tx) -> Result<(), Error> {
    for (table, unique) in [("customers", true), ("azure_tenants", false)] {
        let select = format!(
            "SELECT partner_id, id, name, name_key FROM {table}
             WHERE (partner_id > $1 OR (partner_id = $1 AND id > $2)) AND octet_length(name) <> length(name)
             ORDER BY partner_id, id LIMIT $3"
        );
        let free = format!(
            " AND NOT EXISTS (SELECT 1 FROM {table} other WHERE other.partner_id = $1 AND other.name_key = $3)"
        );
        let update = format!(
            "UPDATE {table} SET name_key = $3 WHERE partner_id = $1 AND id = $2{}",
            if unique { &free } else { "" }
        );
        let (mut partner, mut id) = (0_i64, 0_i64);
        loop {
            let rows: Vec<(i64, i64, String, String)> = tx
                .all(&select, args![partner, id, BATCH], |row| {
                    Ok((row.next()?, row.next()?, row.next()?, row.next()?))
                })
                .await?;
            for (partner, id, name, kept) in &rows {
                let key = DisplayName::from_stored(name.clone()).key();
                if key != *kept {
                    tx.execute(&update, args![*partner, *id, &key]).await?;
                }
            }
            let Some(last) = rows.last() else { break };
            (partner, id) = (last.0, last.1);
        }
    }
    Ok(())
}
