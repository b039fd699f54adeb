//! The audit trail: every change, and every refusal to a live key, chained so that tampering shows.
//!
//! A partner's trail has several chains, its shards. A chain goes on only behind an end whose MAC verifies; where it does
//! not, an `audit.broken` event holds what was found, and the chain is marked for good. The anchor, outside of the database,
//! shows what no chain does: that its end was cut off, or that all of it is older than it was.

pub(crate) mod anchor;
mod check;
mod erasure;
mod export;
pub(crate) mod live_users;
mod mac;
pub(crate) mod record;
mod retention;
pub(crate) mod system;
#[cfg(test)]
mod tests;
mod verify;

pub use anchor::{AnchorPlaces, AnchorVerdict, PartnerAnchor};
pub use check::{TrailCheck, TrailPart};
pub use erasure::Erasure;
pub use retention::Exported;
pub use system::SystemVerdict;
pub use verify::{TrailFault, Verdict};

use crate::access::Call;
use crate::boxed;
use crate::{App, Error, Random, SecretKey};
use domain::PartnerId;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::audit::{self, End, Event, Next, Sign};
use store::{Scope, Tx};

/// Says that a shard begins; always in shard 0.
const SHARD_BEGINS: &str = "audit.shard";
/// What servers up to 0.2 wrote for it.
const FORMER_SHARD_BEGINS: &str = "audit.lane";
/// Says that a chain did not end where the server had left it.
const BROKEN: &str = "audit.broken";
/// Says which events were pruned, and into which export they went before.
const PRUNE: &str = "audit.prune";
/// Says which events were made to tell less of a person.
const ERASE: &str = "audit.erase";

/// What writing to the trail takes.
pub(crate) struct Trail {
    pub(crate) secrets: Arc<SecretKey>,
    pub(crate) random: Arc<Random>,
    /// How many ends of chains were signed: it rises with every transaction that writes to the trail, before its commit.
    signed: AtomicU64,
}

impl Trail {
    pub(crate) fn new(secrets: Arc<SecretKey>, random: Arc<Random>) -> Self {
        Trail { secrets, random, signed: AtomicU64::new(0) }
    }
}

/// What is written down of a change.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) action: &'static str,
    pub(crate) object: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Entry {
    pub(crate) fn new(action: &'static str, object: String) -> Self {
        Entry { action, object, before: None, after: None, reason: None }
    }

    pub(crate) fn before(mut self, before: &impl Serialize) -> Self {
        self.before = serde_json::to_string(before).ok();
        self
    }

    pub(crate) fn after(mut self, after: &impl Serialize) -> Self {
        self.after = serde_json::to_string(after).ok();
        self
    }
}

/// Write an event into the transaction of what it tells of; its shard and place.
pub(crate) async fn append(
    tx: &mut Tx,
    trail: &Arc<Trail>,
    call: &Call,
    entry: Entry,
    now: Timestamp,
) -> Result<(i64, i64), Error> {
    let (shard, _guard) = (tx.shard(), tx.lock().await);
    append_to(tx, trail, call, entry, now, shard).await
}

async fn append_to(
    tx: &mut Tx,
    trail: &Arc<Trail>,
    call: &Call,
    entry: Entry,
    now: Timestamp,
    shard: i64,
) -> Result<(i64, i64), Error> {
    let partner = call.partner();
    let mut next = next_place(tx, trail, partner, shard, now).await?;
    if next.head.seq == 0 && shard != 0 {
        // Shard 0 tells of every other one, so that none can vanish whole.
        let begins = Entry::new(SHARD_BEGINS, format!("shards/{shard}"));
        let zero = next_place(tx, trail, partner, 0, now).await?;
        write(tx, trail, call, begins, now, &zero).await?;
        next = audit::next_place(tx, partner, shard).await?; // with an id behind that one's
    }
    write(tx, trail, call, entry, now, &next).await
}

/// Where the next event of a chain goes: behind its end, or, where that is not as it was signed, behind an event that says
/// so.
async fn next_place(
    tx: &mut Tx,
    trail: &Arc<Trail>,
    partner: PartnerId,
    shard: i64,
    now: Timestamp,
) -> Result<Next, Error> {
    let next = audit::next_place(tx, partner, shard).await?;
    if next.moved {
        return Ok(next); // signed by this transaction, when it ends
    }
    let head = next.head.clone();
    if head.seq > 0 && head.mac == mac::of_head(&trail.secrets, partner, &head) {
        return Ok(next);
    }
    let last = audit::last_event(tx, partner, shard).await?;
    if head.seq == 0 && head.mac.is_empty() && last.is_none() {
        return Ok(next); // a new chain
    }
    let end = End { partner, head, last };
    let why =
        if end.head.seq == 0 { "it has events, but no head" } else { "its head is not as it was signed" };
    break_chain(tx, trail, end, why, now).await?;
    Ok(audit::next_place(tx, partner, shard).await?)
}

/// Write down that a chain's end is not what the server has written, and let the chain go on behind that.
async fn break_chain(
    tx: &mut Tx,
    trail: &Arc<Trail>,
    end: End,
    why: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let End { partner, head, last } = end;
    tracing::error!(
        partner = partner.0,
        shard = head.shard,
        head_seq = head.seq,
        last_seq = last.as_ref().map(|(seq, _)| *seq),
        "the audit trail was tampered with: {why}. Run `tenantry admin audit verify`, and compare with a backup"
    );
    let found = json!({
        "head": {"seq": head.seq, "last_mac": head.last_mac, "mac": head.mac, "broken": head.broken},
        "last_event": last.as_ref().map(|(seq, mac)| json!({"seq": seq, "mac": mac})),
    });
    audit::continue_behind(tx, partner, head.shard, last);
    let next = audit::next_place(tx, partner, head.shard).await?;
    let entry = Entry::new(BROKEN, format!("shards/{}", head.shard)).after(&found);
    let entry = Entry { reason: Some(why.to_owned()), ..entry };
    write(tx, trail, &Call::of_server(partner), entry, now, &next).await.map(drop)
}

async fn write(
    tx: &mut Tx,
    trail: &Arc<Trail>,
    call: &Call,
    entry: Entry,
    now: Timestamp,
    Next { head: before, id, .. }: &Next,
) -> Result<(i64, i64), Error> {
    let partner = call.partner();
    let has_texts = entry.before.is_some() || entry.after.is_some();
    let mut event = Event {
        shard: before.shard,
        seq: before.seq + 1,
        id: *id,
        at: now.as_second(),
        user: call.actor.as_ref().map(|actor| actor.user.0),
        key_id: call.actor.as_ref().map(|actor| actor.key_id.clone()),
        action: entry.action.to_owned(),
        object: entry.object,
        before: entry.before,
        after: entry.after,
        reason: entry.reason,
        origin: call.origin.clone(),
        request_id: call.request_id.clone(),
        mac: String::new(),
        salt: if has_texts { Some(mac::salt(&trail.random)?) } else { None },
        erased: None,
    };
    event.mac = mac::of_event(&trail.secrets, partner, &event, &before.last_mac);
    let trail = Arc::clone(trail);
    let sign: Sign = Arc::new(move |partner, head| {
        trail.signed.fetch_add(1, Ordering::Relaxed);
        mac::of_head(&trail.secrets, partner, head)
    });
    audit::append(tx, partner, &event, sign).await?;
    Ok((event.shard, event.seq))
}

impl App {
    /// Look whether every chain ends where its head says, and as it was signed; those that do not are marked as broken.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn check_audit_ends(&self) -> Result<(), Error> {
        let ends: Vec<End> = self
            .db
            .unchecked()
            .read(Scope::System, (), |(), tx| Box::pin(async move { Ok::<_, Error>(audit::ends(tx).await?) }))
            .await?;
        for End { partner, head, .. } in ends.into_iter().filter(|end| fault_of(&self.trail, end).is_some()) {
            let input = (Arc::clone(&self.trail), partner, head.shard, self.clock.now());
            let checked = self.db.unchecked().write(partner, input, |(trail, partner, shard, now), tx| {
                Box::pin(async move {
                    // Looked at again: the chain may have moved since, and now it does not.
                    let next = next_place(tx, trail, *partner, *shard, *now).await?;
                    let last = audit::last_event(tx, *partner, *shard).await?;
                    let end = End { partner: *partner, head: next.head, last };
                    match fault_of(trail, &end) {
                        Some(why) if !next.moved => break_chain(tx, trail, end, why, *now).await,
                        _ => Ok(()),
                    }
                })
            });
            checked.await?;
        }
        Ok(())
    }

    /// How many chains of all partners are broken.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn broken_audit_chains(&self) -> Result<i64, Error> {
        self.db
            .unchecked()
            .read(Scope::System, (), |(), tx| Box::pin(async move { Ok(audit::broken(tx).await?) }))
            .await
    }
}

/// What is wrong with the end of a chain.
fn fault_of(trail: &Trail, End { partner, head, last }: &End) -> Option<&'static str> {
    let ends_at = (head.seq, head.last_mac.as_str());
    if head.mac != mac::of_head(&trail.secrets, *partner, head) {
        Some("its head is not as it was signed")
    } else if last.as_ref().map(|(seq, mac)| (*seq, mac.as_str())) != Some(ends_at) {
        Some("it does not end at the event that its head says")
    } else {
        None
    }
}
