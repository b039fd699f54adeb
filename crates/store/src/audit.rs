//! The audit trail: rows that only grow, chained by the caller's MAC.

mod retention;

pub use retention::{all_cuts, cuts, erase, last_before, prune};

use crate::engine::value::{Arg, Row, args};
use crate::engine::{Deferred, IdSequence};
use crate::query::Query;
use crate::{Error, Tx};
use domain::PartnerId;
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which shard of the partner's trail it is in: each shard is a chain of its own.
    pub shard: i64,
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// Its place among the events of all chains: above that of every event that was answered before it was asked for.
    pub id: i64,
    /// When: seconds since 1970 UTC.
    pub at: i64,
    /// The user; `None` for the server's operator.
    pub user: Option<i64>,
    /// The id of the key that was shown.
    pub key_id: Option<String>,
    /// What was done or refused, such as `customer.create`.
    pub action: String,
    /// To what, such as `customers/3947`.
    pub object: String,
    /// What it was before, as JSON.
    pub before: Option<String>,
    /// What it is now, as JSON.
    pub after: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// From where.
    pub origin: String,
    /// The request.
    pub request_id: String,
    /// Covers all of it and the MAC before; lower-case hex.
    pub mac: String,
    /// Hides what `before` and `after` were once it is removed. None where they were erased, and in events of versions
    /// that had no salt.
    pub salt: Option<String>,
    /// Where `before` and `after` were erased: the commitments to what they were, which the MAC covers.
    pub erased: Option<[Option<String>; 2]>,
}

/// Where a chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which shard of the partner's trail.
    pub shard: i64,
    /// The place of its last event.
    pub seq: i64,
    /// The last event's MAC.
    pub last_mac: String,
    /// Covers the others.
    pub mac: String,
    /// The place of the newest event that says that the chain is broken; 0 if there is none.
    pub broken: i64,
}

/// Where a chain begins, after older events were pruned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which shard of the partner's trail.
    pub shard: i64,
    /// The place of the last event that was pruned.
    pub seq: i64,
    /// That event's MAC.
    pub last_mac: String,
    /// Covers the others.
    pub mac: String,
}

/// A chain's head, and the last event that the table has of that chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whose chain.
    pub partner: PartnerId,
    /// Where it is said to end.
    pub head: Head,
    /// Where it does end: the place and MAC of the last event.
    pub last: Option<(i64, String)>,
}

/// Gives an end's [`Head::mac`]. Asked once for all events of a transaction, at its end.
pub type Sign = Arc<dyn Fn(PartnerId, &Head) -> String + Send + Sync>;

/// Where the next event of a chain goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Where the chain ends now.
    pub head: Head,
    /// Whether this transaction has moved the end already; its MAC is then still that of the end before.
    pub moved: bool,
    /// The event's id.
    pub id: i64,
}

/// Head of a chain, as a transaction sees it.
#[derive(Clone)]
struct ChainHead {
    head: Head,
    /// Ids reserved for the next events, ascending.
    ids: VecDeque<i64>,
    /// Signer of the head, if events were appended since it was read or signed.
    moved: Option<Sign>,
}

/// The heads that a transaction has read, by partner and shard; they are signed and written at its end.
#[derive(Clone, Default)]
struct ChainHeads(BTreeMap<(PartnerId, i64), ChainHead>);

impl Deferred for ChainHeads {
    const NAME: &'static str = "audit heads";

    fn flush(tx: &mut Tx) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(move_heads(tx))
    }
}

/// What events of a list have in common; an empty filter lets all through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The action, or with a `.` at its end the start of it.
    pub action: Option<String>,
    /// The object.
    pub object: Option<String>,
    /// The user.
    pub user: Option<i64>,
    /// At this second or later.
    pub since: Option<i64>,
    /// Before this second.
    pub until: Option<i64>,
    /// Behind this event: its second, id, shard and place.
    pub after: Option<[i64; 4]>,
}

const COLUMNS: &str =
    "shard, seq, id, at, user_id, key_id, action, object, before, after, reason, origin, request_id, mac,
    salt, before_commitment, after_commitment";
/// No server has written an event beyond it; one that is there was put there, and no chain goes on behind it.
const LAST_PLACE: i64 = 1 << 62;

/// Place of the next event of a chain. It is locked until the transaction ends; jobs that share the transaction must hold
/// [`Tx::lock`].
pub async fn next_place(tx: &mut Tx, partner: PartnerId, shard: i64) -> Result<Next, Error> {
    if !tx.deferred().part::<ChainHeads>().0.contains_key(&(partner, shard)) {
        let mut place = take_place(tx, partner, shard).await?;
        if place.is_none() {
            let start =
                "INSERT INTO audit_heads (partner_id, shard, seq, last_mac, mac) VALUES ($1, $2, 0, '', '')
                 ON CONFLICT DO NOTHING";
            tx.execute(start, args![partner.0, shard]).await?;
            place = take_place(tx, partner, shard).await?;
        }
        let place = place.ok_or_else(|| Error::defect("an audit chain has no head"))?;
        tx.deferred().part::<ChainHeads>().0.insert((partner, shard), place);
    } else if let Some(place) = tx.deferred().part::<ChainHeads>().0.get_mut(&(partner, shard))
        && place.head.seq == 0
    {
        place.ids.clear(); // asked again, for an id behind that of the event that tells of this chain
    }
    let next = |place: &mut ChainHead| (place.head.clone(), place.moved.is_some(), place.ids.pop_front());
    let known = tx.deferred().part::<ChainHeads>().0.get_mut(&(partner, shard)).map(next);
    let (head, moved, id) = known.ok_or_else(|| Error::defect("an audit chain has no head"))?;
    let id = match id {
        Some(id) => id,
        None => tx.next_id(partner, IdSequence::AuditEvent).await?,
    };
    Ok(Next { head, moved, id })
}

async fn take_place(tx: &mut Tx, partner: PartnerId, shard: i64) -> Result<Option<ChainHead>, Error> {
    // Ids are drawn behind the lock, so that they rise along a chain; one for each that shares the transaction, all of
    // whom asked before.
    let (id, for_update, times) = (tx.next_id_in(IdSequence::AuditEvent), tx.for_update(), tx.times());
    let sql = format!(
        "SELECT {id}, seq, last_mac, mac, broken
         FROM (SELECT seq, last_mac, mac, broken FROM audit_heads WHERE partner_id = $1 AND shard = $2{for_update}) head, {times} times"
    );
    let args: [Arg<'_>; 3] = [partner.0.into(), shard.into(), (tx.jobs() as i64).into()];
    let rows = tx.all(&sql, &args, |row| {
        let id = row.next()?;
        Ok((head_of(shard, row)?, id))
    });
    let rows: Vec<(Head, Option<i64>)> = rows.await?;
    let Some((head, _)) = rows.first().cloned() else { return Ok(None) };
    let mut ids: Vec<i64> = rows.into_iter().filter_map(|(_, id)| id).collect();
    ids.sort_unstable();
    Ok(Some(ChainHead { head, ids: ids.into(), moved: None }))
}

/// Append an event at the place that [`next_place`] gave, and move the chain's end to it, which is signed at the end of the
/// transaction.
pub async fn append(tx: &mut Tx, partner: PartnerId, event: &Event, sign: Sign) -> Result<(), Error> {
    let sql =
        "INSERT INTO audit_events (partner_id, shard, seq, id, at, user_id, key_id, action, object, before, after,
                                         reason, origin, request_id, mac, salt)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let row: [Arg<'_>; 16] = [
        partner.0.into(),
        event.shard.into(),
        event.seq.into(),
        event.id.into(),
        event.at.into(),
        event.user.into(),
        event.key_id.as_deref().into(),
        (&event.action).into(),
        (&event.object).into(),
        event.before.as_deref().into(),
        event.after.as_deref().into(),
        event.reason.as_deref().into(),
        (&event.origin).into(),
        (&event.request_id).into(),
        (&event.mac).into(),
        event.salt.as_deref().into(),
    ];
    tx.enqueue(sql, &row).await?;
    let mut deferred = tx.deferred();
    let place = deferred.part::<ChainHeads>().0.get_mut(&(partner, event.shard));
    let place = place.ok_or_else(|| Error::defect("an event was appended without next_place"))?;
    (place.head.seq, place.moved) = (event.seq, Some(sign));
    place.head.last_mac.clone_from(&event.mac);
    Ok(())
}

/// Let a chain whose end cannot be trusted go on behind `last`, with an event that says so: it is `broken` from there on.
/// To be asked where [`next_place`] has given the end, and before anything was appended to it.
pub fn continue_behind(tx: &mut Tx, partner: PartnerId, shard: i64, last: Option<(i64, String)>) {
    if let Some(place) = tx.deferred().part::<ChainHeads>().0.get_mut(&(partner, shard)) {
        (place.head.seq, place.head.last_mac) = last.unwrap_or_default();
        place.head.broken = place.head.seq + 1;
    }
}

/// The place and MAC of the last event that the table has of a chain.
pub async fn last_event(tx: &mut Tx, partner: PartnerId, shard: i64) -> Result<Option<(i64, String)>, Error> {
    let sql = "SELECT seq, mac FROM audit_events WHERE partner_id = $1 AND shard = $2 AND seq < $3
               ORDER BY seq DESC LIMIT 1";
    tx.first(sql, args![partner.0, shard, LAST_PLACE], |row| Ok((row.next()?, row.next()?))).await
}

/// The MAC of one event.
pub async fn mac_at(tx: &mut Tx, partner: PartnerId, shard: i64, seq: i64) -> Result<Option<String>, Error> {
    let sql = "SELECT mac FROM audit_events WHERE partner_id = $1 AND shard = $2 AND seq = $3";
    tx.first(sql, args![partner.0, shard, seq], |row| row.next()).await
}

/// Signs where the chains end, and moves the heads there.
async fn move_heads(tx: &mut Tx) -> Result<(), Error> {
    let sql = "UPDATE audit_heads SET seq = $3, last_mac = $4, mac = $5, broken = $6
               WHERE partner_id = $1 AND shard = $2";
    let mut moved = Vec::new();
    for ((partner, _), place) in &mut tx.deferred().part::<ChainHeads>().0 {
        if let Some(sign) = place.moved.take() {
            place.head.mac = sign(*partner, &place.head);
            moved.push((*partner, place.head.clone()));
        }
    }
    for (partner, head) in moved {
        let row = args![partner.0, head.shard, head.seq, &head.last_mac, &head.mac, head.broken];
        tx.enqueue(sql, row).await?;
    }
    Ok(())
}

/// Events in the order of their time, and within a second in that of their writing.
pub async fn list(tx: &mut Tx, partner: PartnerId, filter: &Filter, limit: i64) -> Result<Vec<Event>, Error> {
    let query = listing(partner, filter, limit);
    tx.all(&query.sql, &query.args(), read).await
}

fn listing(partner: PartnerId, filter: &Filter, limit: i64) -> Query {
    let mut query = Query::new(format!("SELECT {COLUMNS} FROM audit_events WHERE partner_id = $1"), partner);
    match filter.action.as_deref() {
        // Not LIKE, which has wildcards, and on SQLite alone is blind to case.
        Some(start) if start.ends_with('.') => {
            query.and(&format!("SUBSTR(action, 1, {}) = ", start.chars().count()), start);
        }
        Some(action) => query.and("action = ", action),
        None => {}
    }
    if let Some(object) = &filter.object {
        query.and("object = ", object.as_str());
    }
    if let Some(user) = filter.user {
        query.and("user_id = ", user);
    }
    if let Some(since) = filter.since {
        query.and("at >= ", since);
    }
    if let Some(until) = filter.until {
        query.and("at < ", until);
    }
    if let Some([at, id, shard, seq]) = filter.after {
        query.and("(at, id, shard, seq) > (", at);
        query.push(", ", id);
        query.push(", ", shard);
        query.push(", ", seq);
        query.sql.push(')');
    }
    query.push(" ORDER BY at, id, shard, seq LIMIT ", limit);
    query
}

/// The next events of a partner in the order of their chains, behind a shard and place.
pub async fn chain(
    tx: &mut Tx,
    partner: PartnerId,
    after: (i64, i64),
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit_events WHERE partner_id = $1 AND (shard, seq) > ($2, $3)
         ORDER BY shard, seq LIMIT $4"
    );
    tx.all(&sql, args![partner.0, after.0, after.1, limit], read).await
}

/// What an event says that its object was after it, by the event's shard and place.
pub async fn after(tx: &mut Tx, partner: PartnerId, shard: i64, seq: i64) -> Result<Option<String>, Error> {
    let sql = "SELECT after FROM audit_events WHERE partner_id = $1 AND shard = $2 AND seq = $3";
    let found = tx.first(sql, args![partner.0, shard, seq], |row| row.next::<Option<String>>()).await?;
    Ok(found.flatten())
}

/// Where a partner's chains end, by shard.
pub async fn heads(tx: &mut Tx, partner: PartnerId) -> Result<Vec<Head>, Error> {
    tx.flush_deferred().await?;
    let sql =
        "SELECT shard, seq, last_mac, mac, broken FROM audit_heads WHERE partner_id = $1 ORDER BY shard";
    tx.all(sql, args![partner.0], |row| head_of(row.next()?, row)).await
}

/// Where all partners' chains end, by partner and shard. A chain without a partner was written beside the server, and cannot be
/// marked.
pub async fn ends(tx: &mut Tx) -> Result<Vec<End>, Error> {
    let sql = "SELECT h.partner_id, h.shard, h.seq, h.last_mac, h.mac, h.broken, e.seq, e.mac
               FROM audit_heads h LEFT JOIN audit_events e
                 ON e.partner_id = h.partner_id AND e.shard = h.shard AND e.seq =
                   (SELECT MAX(m.seq) FROM audit_events m
                    WHERE m.partner_id = h.partner_id AND m.shard = h.shard AND m.seq < $1)
               WHERE h.partner_id IN (SELECT id FROM partners) ORDER BY h.partner_id, h.shard";
    tx.all(sql, args![LAST_PLACE], |row| {
        let (partner, head) = (PartnerId(row.next()?), head_of(row.next()?, row)?);
        let last = (row.next::<Option<i64>>()?, row.next::<Option<String>>()?);
        Ok(End { partner, head, last: last.0.zip(last.1) })
    })
    .await
}

/// Where all partners' chains are said to end.
pub async fn all_heads(tx: &mut Tx) -> Result<Vec<(PartnerId, Head)>, Error> {
    let sql =
        "SELECT partner_id, shard, seq, last_mac, mac, broken FROM audit_heads ORDER BY partner_id, shard";
    tx.all(sql, &[], |row| Ok((PartnerId(row.next()?), head_of(row.next()?, row)?))).await
}

/// How many events of a partner's shard 0 have this action and are behind the last one that has the other, and the Unix second of the
/// first of them.
pub async fn count_behind(
    tx: &mut Tx,
    partner: PartnerId,
    action: &str,
    behind: &str,
) -> Result<(i64, Option<i64>), Error> {
    let sql = "SELECT COUNT(*), MIN(at) FROM audit_events WHERE partner_id = $1 AND shard = 0 AND action = $2 AND seq >
                 COALESCE((SELECT MAX(seq) FROM audit_events WHERE partner_id = $1 AND shard = 0 AND action = $3), 0)";
    let found = tx.first(sql, args![partner.0, action, behind], |row| Ok((row.next()?, row.next()?))).await?;
    Ok(found.unwrap_or_default())
}

/// How many chains of all partners are broken.
pub async fn broken(tx: &mut Tx) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM audit_heads WHERE broken > 0";
    Ok(tx.first(sql, &[], |row| row.next()).await?.unwrap_or(0))
}

fn head_of(shard: i64, row: &mut Row<'_>) -> Result<Head, Error> {
    let (seq, last_mac, mac, broken) = (row.next()?, row.next()?, row.next()?, row.next()?);
    Ok(Head { shard, seq, last_mac, mac, broken })
}

fn read(row: &mut Row<'_>) -> Result<Event, Error> {
    Ok(Event {
        shard: row.next()?,
        seq: row.next()?,
        id: row.next()?,
        at: row.next()?,
        user: row.next()?,
        key_id: row.next()?,
        action: row.next()?,
        object: row.next()?,
        before: row.next()?,
        after: row.next()?,
        reason: row.next()?,
        origin: row.next()?,
        request_id: row.next()?,
        mac: row.next()?,
        salt: row.next()?,
        erased: match (row.next()?, row.next()?) {
            (None, None) => None,
            (before, after) => Some([before, after]),
        },
    })
}

#[cfg(test)]
mod tests;
