//! Events that go: pruned where they are old, erased where they tell of a person.

use super::{Cut, Event};
use crate::engine::value::{Row, args};
use crate::{Error, Tx};
use domain::PartnerId;

/// Where a partner's chains begin, of those that were pruned.
pub async fn cuts(tx: &mut Tx, partner: PartnerId) -> Result<Vec<Cut>, Error> {
    let sql = "SELECT shard, seq, last_mac, mac FROM audit_cuts WHERE partner_id = $1 ORDER BY shard";
    tx.all(sql, args![partner.0], cut_of).await
}

/// Where all partners' chains begin, of those that were pruned.
pub async fn all_cuts(tx: &mut Tx) -> Result<Vec<(PartnerId, Cut)>, Error> {
    let sql = "SELECT partner_id, shard, seq, last_mac, mac FROM audit_cuts ORDER BY partner_id, shard";
    tx.all(sql, &[], |row| Ok((PartnerId(row.next()?), cut_of(row)?))).await
}

/// The last place of a chain that only older events are at or before; never that of the chain's last event, which stays.
/// `None` where nothing is old enough.
pub async fn last_before(
    tx: &mut Tx,
    partner: PartnerId,
    shard: i64,
    second: i64,
) -> Result<Option<i64>, Error> {
    let sql = "SELECT MAX(seq) FROM audit_events WHERE partner_id = $1 AND shard = $2 AND seq < COALESCE(
                 (SELECT MIN(seq) FROM audit_events WHERE partner_id = $1 AND shard = $2 AND at >= $3),
                 (SELECT MAX(seq) FROM audit_events WHERE partner_id = $1 AND shard = $2))";
    let found = tx.first(sql, args![partner.0, shard, second], |row| row.next::<Option<i64>>()).await?;
    Ok(found.flatten())
}

/// Remove the events of a chain up to this place, and keep where it begins now. How many there were.
pub async fn prune(tx: &mut Tx, partner: PartnerId, cut: &Cut) -> Result<u64, Error> {
    let sql = "DELETE FROM audit_events WHERE partner_id = $1 AND shard = $2 AND seq <= $3";
    let pruned = tx.execute(sql, args![partner.0, cut.shard, cut.seq]).await?;
    let sql = "INSERT INTO audit_cuts (partner_id, shard, seq, last_mac, mac) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (partner_id, shard) DO UPDATE SET seq = $3, last_mac = $4, mac = $5";
    tx.execute(sql, args![partner.0, cut.shard, cut.seq, &cut.last_mac, &cut.mac]).await?;
    Ok(pruned)
}

/// Replace what an event says of `before` and `after`; its commitments to what was there stay, its salt goes. `false` if the
/// event is not there with this MAC.
pub async fn erase(tx: &mut Tx, partner: PartnerId, event: &Event) -> Result<bool, Error> {
    let sql = "UPDATE audit_events SET before = $5, after = $6, salt = NULL, before_commitment = $7, after_commitment = $8
               WHERE partner_id = $1 AND shard = $2 AND seq = $3 AND mac = $4";
    let kept = event.erased.as_ref().map_or([None, None], |erased| erased.each_ref().map(Option::as_deref));
    let row = args![
        partner.0,
        event.shard,
        event.seq,
        &event.mac,
        event.before.as_deref(),
        event.after.as_deref(),
        kept[0],
        kept[1],
    ];
    Ok(tx.execute(sql, row).await? == 1)
}

fn cut_of(row: &mut Row<'_>) -> Result<Cut, Error> {
    Ok(Cut { shard: row.next()?, seq: row.next()?, last_mac: row.next()?, mac: row.next()? })
}
