//! The audit trail: every change, and every refusal to a live key, chained so that tampering shows.

use crate::access::Call;
use crate::secrets::{Purpose, hex};
use crate::{App, Error, SecretKey};
use domain::PartnerId;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Tx;
use store::audit::{self, Event, Head, Next, Sign};

#[cfg(test)]
mod tests;

/// Tells of a lane's beginning.
const LANE: &str = "audit.lane";
/// How many events are read at a time when a trail is verified.
const PAGE: i64 = 1000;

/// What is written down of a change.
#[derive(Debug)]
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

/// Write an event into the transaction of what it tells of; its lane and place.
pub(crate) async fn append(
    tx: &mut Tx,
    secrets: &Arc<SecretKey>,
    call: &Call,
    entry: Entry,
    now: Timestamp,
) -> Result<(i64, i64), Error> {
    let (lane, _turn) = (tx.lane(), tx.turn().await);
    append_to(tx, secrets, call, entry, now, lane).await
}

async fn append_to(
    tx: &mut Tx,
    secrets: &Arc<SecretKey>,
    call: &Call,
    entry: Entry,
    now: Timestamp,
    lane: i64,
) -> Result<(i64, i64), Error> {
    let partner = call.partner();
    let mut next = audit::next_place(tx, partner, lane).await?;
    let before = &next.head;
    if before.seq == 0 && lane != 0 {
        // Lane 0 knows of every other lane, so that none can vanish whole.
        let start = Entry::new(LANE, format!("lanes/{lane}"));
        let zero = audit::next_place(tx, partner, 0).await?;
        write(tx, secrets, call, start, now, &zero).await?;
        next = audit::next_place(tx, partner, lane).await?; // with an id behind that one's
    } else if before.seq > 0 && !next.moved && before.mac != head_mac(secrets, partner, before) {
        tracing::error!(partner = partner.0, lane, "the audit trail's head has been tampered with");
    }
    write(tx, secrets, call, entry, now, &next).await
}

async fn write(
    tx: &mut Tx,
    secrets: &Arc<SecretKey>,
    call: &Call,
    entry: Entry,
    now: Timestamp,
    Next { head: before, id, .. }: &Next,
) -> Result<(i64, i64), Error> {
    let partner = call.partner();
    let mut event = Event {
        lane: before.lane,
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
    };
    event.mac = event_mac(secrets, partner, &event, &before.last_mac);
    let secrets = Arc::clone(secrets);
    let sign: Sign = Arc::new(move |partner, head| head_mac(&secrets, partner, head));
    audit::append(tx, partner, &event, sign).await?;
    Ok((event.lane, event.seq))
}

fn event_mac(secrets: &SecretKey, partner: PartnerId, event: &Event, mac_before: &str) -> String {
    let numbers = [partner.0, event.lane, event.seq, event.at].map(i64::to_be_bytes);
    let user = event.user.map_or(String::new(), |user| user.to_string());
    let optional = |text: &Option<String>| text.as_ref().map_or(String::new(), |text| format!("={text}"));
    let (key_id, before) = (optional(&event.key_id), optional(&event.before));
    let (after, reason) = (optional(&event.after), optional(&event.reason));
    let texts: [&str; 10] = [
        mac_before,
        &user,
        &key_id,
        &event.action,
        &event.object,
        &before,
        &after,
        &reason,
        &event.origin,
        &event.request_id,
    ];
    // Events from before there were ids have none, in their MAC either.
    let id = event.id.to_be_bytes();
    let id = (event.id != 0).then_some(&id[..]);
    let parts: Vec<&[u8]> =
        numbers.iter().map(|n| &n[..]).chain(texts.iter().map(|text| text.as_bytes())).chain(id).collect();
    hex(&secrets.mac(Purpose::AuditEvent, &parts))
}

fn head_mac(secrets: &SecretKey, partner: PartnerId, head: &Head) -> String {
    let numbers = [partner.0, head.lane, head.seq].map(i64::to_be_bytes);
    let parts: Vec<&[u8]> = numbers.iter().map(|n| &n[..]).chain([head.last_mac.as_bytes()]).collect();
    hex(&secrets.mac(Purpose::AuditHead, &parts))
}

/// What verifying a partner's audit trail found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How many events were looked at.
    pub events: u64,
    /// What is wrong, each in a sentence; empty if nothing is.
    pub problems: Vec<String>,
}

/// Holds a trail against itself, event by event in the order of lanes and places.
struct Verifier<'s> {
    secrets: &'s SecretKey,
    partner: PartnerId,
    /// The last place and MAC seen, by lane.
    ends: BTreeMap<i64, (i64, String)>,
    /// The lanes that lane 0 tells of.
    told: Vec<i64>,
    verdict: Verdict,
}

impl Verifier<'_> {
    fn take(&mut self, event: &Event) {
        let (seq, mac) = self.ends.get(&event.lane).map_or((0, ""), |(seq, mac)| (*seq, mac.as_str()));
        let name = format!("lane {}, event {}", event.lane, event.seq);
        if event.seq != seq + 1 {
            self.verdict.problems.push(format!("{name}: what was written before it is missing"));
        } else if event.mac != event_mac(self.secrets, self.partner, event, mac) {
            self.verdict.problems.push(format!("{name}: is not what was written there"));
        }
        if event.lane == 0 && event.action == LANE {
            self.told.extend(event.object.strip_prefix("lanes/").and_then(|lane| lane.parse::<i64>().ok()));
        }
        self.ends.insert(event.lane, (event.seq, event.mac.clone()));
        self.verdict.events += 1;
    }

    fn finish(mut self, heads: &[Head]) -> Verdict {
        let mut problem = |lane: &i64, what: &str| self.verdict.problems.push(format!("lane {lane}: {what}"));
        for head in heads {
            if head.mac != head_mac(self.secrets, self.partner, head) {
                problem(&head.lane, "its head is not what was written there");
            }
            if self.ends.get(&head.lane) != Some(&(head.seq, head.last_mac.clone())) {
                problem(&head.lane, &format!("does not end at event {}, as its head says", head.seq));
            }
        }
        let headless = self.ends.keys().filter(|lane| !heads.iter().any(|head| head.lane == **lane));
        headless.for_each(|lane| problem(lane, "its head is missing"));
        let told = self.told.iter().chain([&0]); // a partner's own making is always in the trail
        told.filter(|lane| !self.ends.contains_key(lane))
            .for_each(|lane| problem(lane, "is missing altogether"));
        self.verdict
    }
}

impl App {
    /// Verify a partner's audit trail: that no event was altered, taken out, put in, swapped or cut off.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn verify_audit(&self, partner: PartnerId) -> Result<Verdict, Error> {
        let input = (Arc::clone(&self.secrets), partner);
        self.db
            .read(partner, input, |(secrets, partner), tx| {
                Box::pin(async move {
                    let (ends, told, verdict) = Default::default();
                    let mut verifier = Verifier { secrets, partner: *partner, ends, told, verdict };
                    let mut after = (i64::MIN, i64::MIN);
                    loop {
                        let events = audit::chain(tx, *partner, after, PAGE).await?;
                        let Some(last) = events.last() else { break };
                        after = (last.lane, last.seq);
                        events.iter().for_each(|event| verifier.take(event));
                    }
                    Ok(verifier.finish(&audit::heads(tx, *partner).await?))
                })
            })
            .await
    }
}
