//! Verifying a trail: that no event was altered, taken out, put in, swapped or cut off.

use super::check::id;
use super::erasure::{Voucher, Vouchers};
use super::live_users::LiveUsers;
use super::{BROKEN, ERASE, FORMER_SHARD_BEGINS, PRUNE, SHARD_BEGINS, Trail, mac};
use crate::boxed;
use crate::{App, Error, SecretKey, keys, user_access};
use domain::{PartnerId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use store::Tx;
use store::api_keys::{self, Credential};
use store::audit::{self, Cut, Event, Head};
use store::sign_ins::{self, UserAccess};

/// How many events are read at a time.
pub(super) const PAGE: i64 = 1000;
/// The first event of every trail, in whichever shard.
const PARTNER_CREATE: &str = "partner.create";

/// What verifying a partner's audit trail found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How many events were looked at.
    pub events: u64,
    /// How many of them tell less of a person than they did, as they were told to.
    pub erased: u64,
    /// What is wrong, each in a sentence; empty if nothing is.
    pub problems: Vec<String>,
}

/// Something that is wrong with a partner's trail, or with what it tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrailFault {
    /// What was written before this event is missing.
    Gap {
        /// The shard of the event.
        shard: i64,
        /// Its place there.
        seq: i64,
    },
    /// An event is not as it was written.
    Altered {
        /// The shard of the event.
        shard: i64,
        /// Its place there.
        seq: i64,
    },
    /// At this event the server found the chain broken, and said so in it.
    Broken {
        /// The shard of the event.
        shard: i64,
        /// Its place there.
        seq: i64,
        /// What the server found, in English.
        why: String,
    },
    /// What an event says was replaced, and no event tells of that.
    Replaced {
        /// The shard of the event.
        shard: i64,
        /// Its place there.
        seq: i64,
    },
    /// The mark where a pruned chain begins is not as it was written.
    Mark {
        /// The shard.
        shard: i64,
    },
    /// The head of a chain is not as it was written.
    Head {
        /// The shard.
        shard: i64,
    },
    /// A chain does not end where its head says.
    End {
        /// The shard.
        shard: i64,
        /// The place of its last event, as the head says it.
        seq: i64,
    },
    /// A chain has no head.
    Headless {
        /// The shard.
        shard: i64,
    },
    /// A chain is missing altogether.
    Missing {
        /// The shard.
        shard: i64,
    },
    /// A chain has begun more than once, so that what it held before is missing.
    Restarted {
        /// The shard.
        shard: i64,
    },
    /// No event tells of the beginning of a chain.
    Unannounced {
        /// The shard.
        shard: i64,
    },
    /// The partner's creation is told of by another number of events than there are to be.
    Creations {
        /// How many tell of it.
        found: u64,
        /// How many there are to be.
        expected: u64,
    },
    /// The server found the database in an older state than its anchor knows, and the operator has not said why.
    PutBack {
        /// When it found that.
        at: Timestamp,
    },
    /// A user, its roles or its keys are not what the trail tells of, or not as a server has written them.
    User {
        /// The user's id.
        user: i64,
        /// What is wrong, in English, to stand after the user's name.
        what: String,
    },
}

impl TrailFault {
    /// The id of the event at which it shows, such as `0-17`; `None` where it is about none.
    pub fn event_id(&self) -> Option<String> {
        match self {
            TrailFault::Gap { shard, seq }
            | TrailFault::Altered { shard, seq }
            | TrailFault::Broken { shard, seq, .. }
            | TrailFault::Replaced { shard, seq } => Some(id((*shard, *seq))),
            _ => None,
        }
    }
}

/// A sentence in English.
impl fmt::Display for TrailFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, what) = match self {
            TrailFault::Gap { shard, seq } => {
                (format!("shard {shard}, event {seq}"), "what was written before it is missing".to_owned())
            }
            TrailFault::Altered { shard, seq } => {
                (format!("shard {shard}, event {seq}"), "is not what was written there".to_owned())
            }
            TrailFault::Broken { shard, seq, why } => (
                format!("shard {shard}, event {seq}"),
                format!("the server found the chain broken here: {why}"),
            ),
            TrailFault::Replaced { shard, seq } => (
                format!("shard {shard}, event {seq}"),
                "what it says was replaced, and no event tells of that".to_owned(),
            ),
            TrailFault::Mark { shard } => (
                format!("shard {shard}"),
                "the mark where it begins is not what was written there".to_owned(),
            ),
            TrailFault::Head { shard } => {
                (format!("shard {shard}"), "its head is not what was written there".to_owned())
            }
            TrailFault::End { shard, seq } => {
                (format!("shard {shard}"), format!("does not end at event {seq}, as its head says"))
            }
            TrailFault::Headless { shard } => (format!("shard {shard}"), "its head is missing".to_owned()),
            TrailFault::Missing { shard } => (format!("shard {shard}"), "is missing altogether".to_owned()),
            TrailFault::Restarted { shard } => (
                format!("shard {shard}"),
                "has begun more than once: what it held before is missing".to_owned(),
            ),
            TrailFault::Unannounced { shard } => {
                (format!("shard {shard}"), "no event tells of its beginning".to_owned())
            }
            TrailFault::Creations { found, expected } => {
                return write!(f, "{found} events tell of the partner's creation, not {expected}");
            }
            TrailFault::PutBack { at } => {
                let text = "the server found the database in an older state than its anchor knows: events may be missing";
                return write!(f, "{at}: {text}");
            }
            TrailFault::User { user, what } => (format!("user {user}"), what.clone()),
        };
        write!(f, "{place}: {what}")
    }
}

/// What holding a trail against itself found.
#[derive(Default)]
pub(super) struct Found {
    /// How many events were looked at.
    pub(super) events: u64,
    /// How many of them were erased in part.
    pub(super) erased: u64,
    pub(super) faults: Vec<TrailFault>,
}

impl From<Found> for Verdict {
    fn from(Found { events, erased, faults }: Found) -> Self {
        Verdict { events, erased, problems: faults.iter().map(TrailFault::to_string).collect() }
    }
}

/// Holds a trail against itself, event by event in the order of shards and places.
pub(super) struct Verifier<'s> {
    trail: &'s Trail,
    partner: PartnerId,
    /// The last place and MAC seen, by shard.
    ends: BTreeMap<i64, (i64, String)>,
    /// The shards that begin behind events that were pruned.
    cut: BTreeSet<i64>,
    /// The shards that there were when events were pruned.
    shards: BTreeSet<i64>,
    /// The events that were erased, and what they are to say: the last that was told of each, by the place of the event that
    /// tells it.
    erased: Vec<Voucher>,
    vouchers: BTreeMap<(i64, i64), (i64, Voucher)>,
    /// How often shard 0 tells of a shard's beginning.
    begun: BTreeMap<i64, u64>,
    /// How many events tell of the partner's creation, and how many there are to be, if that is known.
    creations: (u64, Option<u64>),
    found: Found,
}

impl<'s> Verifier<'s> {
    pub(super) fn new(trail: &'s Trail, partner: PartnerId) -> Self {
        Verifier {
            trail,
            partner,
            ends: BTreeMap::new(),
            cut: BTreeSet::new(),
            shards: BTreeSet::new(),
            erased: Vec::new(),
            vouchers: BTreeMap::new(),
            begun: BTreeMap::new(),
            creations: (0, Some(1)),
            found: Found::default(),
        }
    }

    /// For the events of an export, which begin behind these cuts.
    pub(super) fn of_export(trail: &'s Trail, partner: PartnerId, cuts: &[Cut]) -> Self {
        let mut verifier = Verifier { creations: (0, None), ..Verifier::new(trail, partner) };
        verifier.begin_behind(cuts);
        verifier
    }

    /// Let chains begin where they were pruned to.
    pub(super) fn begin_behind(&mut self, cuts: &[Cut]) {
        for cut in cuts {
            if cut.mac == mac::of_cut(&self.trail.secrets, self.partner, cut) {
                self.ends.insert(cut.shard, (cut.seq, cut.last_mac.clone()));
                self.cut.insert(cut.shard);
                self.creations.1 = None;
            } else {
                self.found.faults.push(TrailFault::Mark { shard: cut.shard });
            }
        }
    }

    /// For the server's own chain, which tells of all partners.
    pub(super) fn of_system(trail: &'s Trail, partner: PartnerId) -> Self {
        Verifier { creations: (0, None), ..Verifier::new(trail, partner) }
    }

    pub(super) fn take(&mut self, event: &Event) {
        let (seq, mac) = self.ends.get(&event.shard).map_or((0, ""), |(seq, mac)| (*seq, mac.as_str()));
        let (shard, place) = (event.shard, event.seq);
        if place != seq + 1 {
            self.found.faults.push(TrailFault::Gap { shard, seq: place });
        } else if event.mac != mac::of_event(&self.trail.secrets, self.partner, event, mac) {
            self.found.faults.push(TrailFault::Altered { shard, seq: place });
        } else if event.action == BROKEN {
            let why = event.reason.clone().unwrap_or_default();
            self.found.faults.push(TrailFault::Broken { shard, seq: place, why });
        }
        if event.shard == 0
            && let Some(shard) = begun_shard(&event.action, &event.object)
        {
            *self.begun.entry(shard).or_default() += 1;
        }
        self.take_marks(event);
        self.creations.0 += u64::from(event.action == PARTNER_CREATE);
        self.ends.insert(event.shard, (event.seq, event.mac.clone()));
        self.found.events += 1;
    }

    /// What events tell of pruning and erasing.
    fn take_marks(&mut self, event: &Event) {
        let after = event.after.as_deref().unwrap_or_default();
        if event.erased.is_some() {
            self.erased.push(Voucher::of(event));
        }
        if event.action == ERASE {
            let vouchers = serde_json::from_str::<Vouchers>(after).map_or(Vec::new(), |told| told.events);
            for voucher in vouchers {
                let known = self.vouchers.entry((voucher.shard, voucher.seq));
                let newest = known.or_insert_with(|| (event.id, voucher.clone()));
                if event.id >= newest.0 {
                    *newest = (event.id, voucher);
                }
            }
        }
        if event.action == PRUNE {
            let told = serde_json::from_str::<serde_json::Value>(after).unwrap_or_default();
            let shards = told["shards"].as_array().into_iter().flatten();
            self.shards.extend(shards.filter_map(serde_json::Value::as_i64));
        }
    }

    /// Whether what stands in erased events is what they were told to say.
    fn check_erased(&mut self) {
        for erased in &self.erased {
            let place = (erased.shard, erased.seq);
            if self.vouchers.get(&place).is_none_or(|(_, voucher)| voucher != erased) {
                self.found.faults.push(TrailFault::Replaced { shard: erased.shard, seq: erased.seq });
            }
        }
        self.found.erased = self.erased.len() as u64;
    }

    /// For an export, which has no heads: its seal says where it ends. What was erased in it may be told of behind its end.
    pub(super) fn finish_export(mut self) -> Verdict {
        self.found.erased = self.erased.len() as u64;
        self.found.into()
    }

    /// Goes on behind this event, whose MAC is that of the database, as if all before it had been looked at.
    pub(super) fn go_on_behind(&mut self, (shard, seq): (i64, i64), mac: Option<String>) {
        match mac {
            Some(mac) => drop(self.ends.insert(shard, (seq, mac))),
            None => drop(self.ends.remove(&shard)),
        }
    }

    /// For a part of a trail: what can be said of the events alone, of all heads by themselves, and of where the chains of
    /// these shards end, which were looked at to their ends.
    pub(super) fn finish_part(mut self, heads: &[Head], is_at_end: impl Fn(i64) -> bool) -> Found {
        self.found.erased = self.erased.len() as u64;
        for head in heads {
            self.check_head(head, is_at_end(head.shard));
        }
        self.found
    }

    fn check_head(&mut self, head: &Head, is_at_end: bool) {
        let Head { shard, seq, .. } = *head;
        if head.mac != mac::of_head(&self.trail.secrets, self.partner, head) {
            self.found.faults.push(TrailFault::Head { shard });
        }
        if is_at_end && self.ends.get(&shard) != Some(&(seq, head.last_mac.clone())) {
            self.found.faults.push(TrailFault::End { shard, seq });
        }
    }

    pub(super) fn finish(mut self, heads: &[Head]) -> Found {
        self.check_erased();
        heads.iter().for_each(|head| self.check_head(head, true));
        let faults = &mut self.found.faults;
        let headless = self.ends.keys().filter(|shard| !heads.iter().any(|head| head.shard == **shard));
        faults.extend(headless.map(|shard| TrailFault::Headless { shard: *shard }));
        for (shard, times) in &self.begun {
            if !self.ends.contains_key(shard) {
                faults.push(TrailFault::Missing { shard: *shard });
            }
            if *times > 1 {
                faults.push(TrailFault::Restarted { shard: *shard });
            }
        }
        let gone = self.shards.iter().filter(|shard| !self.ends.contains_key(shard));
        faults.extend(gone.map(|shard| TrailFault::Missing { shard: *shard }));
        let zero_cut = self.cut.contains(&0);
        let known = |shard: &&i64| **shard != 0 && !self.begun.contains_key(shard) && !zero_cut;
        let unannounced = self.ends.keys().filter(known);
        faults.extend(unannounced.map(|shard| TrailFault::Unannounced { shard: *shard }));
        if let (found, Some(expected)) = self.creations
            && found != expected
        {
            faults.push(TrailFault::Creations { found, expected });
        }
        self.found
    }
}

/// Verify all chains of a partner; `each` gets every event too.
pub(super) async fn verify_chains(
    tx: &mut Tx,
    mut verifier: Verifier<'_>,
    mut each: impl FnMut(&Event) + Send,
) -> Result<Found, Error> {
    let (partner, mut after) = (verifier.partner, (i64::MIN, i64::MIN));
    verifier.begin_behind(&audit::cuts(tx, partner).await?);
    loop {
        let events = audit::chain(tx, partner, after, PAGE).await?;
        let Some(last) = events.last() else { break };
        after = (last.shard, last.seq);
        for event in &events {
            verifier.take(event);
            each(event);
        }
    }
    Ok(verifier.finish(&audit::heads(tx, partner).await?))
}

/// The keys of a partner's users and its customers', with what they open.
async fn all_credentials(tx: &mut Tx, partner: PartnerId) -> Result<Vec<Credential>, Error> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = api_keys::credentials(tx, Some(partner), (partner, &after), PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after.clone_from(&last.key.id);
        all.extend(page);
    }
}

/// The users of a partner and of its customers.
async fn all_users(tx: &mut Tx, partner: PartnerId) -> Result<Vec<UserAccess>, Error> {
    let mut all: Vec<UserAccess> = Vec::new();
    loop {
        let after = all.last().map_or(UserId(i64::MIN), |last| last.user);
        let page = sign_ins::accesses(tx, partner, after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// The shard that an event tells of as new, if it does.
fn begun_shard(action: &str, object: &str) -> Option<i64> {
    let number = match action {
        SHARD_BEGINS => object.strip_prefix("shards/"),
        FORMER_SHARD_BEGINS => object.strip_prefix("lanes/"),
        _ => None,
    };
    number?.parse().ok()
}

/// The users whose rows no server has written as they are now.
fn forged_users<'u>(
    secrets: &'u SecretKey,
    partner: PartnerId,
    users: &'u [UserAccess],
) -> impl Iterator<Item = TrailFault> + 'u {
    let forged = users.iter().filter(move |user| !user_access::is_sealed(secrets, partner, user));
    forged.map(|UserAccess { user, .. }| {
        let what = "its e-mail address, its roles or its customer are not as they were written there";
        TrailFault::User { user: user.0, what: what.to_owned() }
    })
}

/// The users whose keys no server has written as they are now.
fn forged_credentials<'c>(
    secrets: &'c SecretKey,
    credentials: &'c [Credential],
) -> impl Iterator<Item = TrailFault> + 'c {
    let forged = credentials.iter().filter(|credential| !keys::is_genuine(secrets, credential));
    forged.map(|Credential { user, .. }| {
        let what = "its key, its role or its expiry is not as it was written there";
        TrailFault::User { user: user.0, what: what.to_owned() }
    })
}

/// Verify all of a partner's trail: its chains, and that its users, with their roles and keys, are those that it tells of.
pub(super) async fn verify_whole(tx: &mut Tx, trail: &Trail, partner: PartnerId) -> Result<Found, Error> {
    let (verifier, mut told) = (Verifier::new(trail, partner), LiveUsers::default());
    let mut found = verify_chains(tx, verifier, |event| told.take(event)).await?;
    let credentials = all_credentials(tx, partner).await?;
    let is_pruned = !audit::cuts(tx, partner).await?.is_empty();
    let users = all_users(tx, partner).await?;
    found.faults.extend(forged_credentials(&trail.secrets, &credentials));
    found.faults.extend(forged_users(&trail.secrets, partner, &users));
    found.faults.extend(told.compare(&users, &credentials, is_pruned));
    Ok(found)
}

impl App {
    /// Verify a partner's audit trail: that no event was altered, taken out, put in, swapped or cut off; and that its
    /// users, with their roles and keys, are those that the trail tells of.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn verify_audit(&self, partner: PartnerId) -> Result<Verdict, Error> {
        let input = (Arc::clone(&self.trail), partner);
        self.db
            .unchecked()
            .read(partner, input, |(trail, partner), tx| {
                Box::pin(async move { Ok(verify_whole(tx, trail, *partner).await?.into()) })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn shards_begin_by_either_name() {
        for (action, object, shard) in [
            ("audit.shard", "shards/7", Some(7)),
            ("audit.lane", "lanes/7", Some(7)),
            ("audit.lane", "shards/7", None),
            ("audit.shard", "shards/x", None),
            ("customer.create", "customers/7", None),
        ] {
            assert_eq!(super::begun_shard(action, object), shard, "{action} {object}");
        }
    }
}
