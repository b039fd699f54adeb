//! Verifying a trail: that no event was altered, taken out, put in, swapped or cut off.

use super::erasure::{Voucher, Vouchers};
use super::live_users::LiveUsers;
use super::{BROKEN, ERASE, PRUNE, SHARD_BEGINS, Trail, mac};
use crate::{App, Error, SecretKey, keys, user_access};
use domain::{PartnerId, UserId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::Tx;
use store::api_keys::{self, Credential};
use store::audit::{self, Cut, Event, Head};
use store::sign_ins::{self, UserAccess};

/// How many events are read at a time.
const PAGE: i64 = 1000;
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
    verdict: Verdict,
}

impl<'s> Verifier<'s> {
    fn new(trail: &'s Trail, partner: PartnerId) -> Self {
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
            verdict: Verdict::default(),
        }
    }

    /// For the events of an export, which begin behind these cuts.
    pub(super) fn of_export(trail: &'s Trail, partner: PartnerId, cuts: &[Cut]) -> Self {
        let mut verifier = Verifier { creations: (0, None), ..Verifier::new(trail, partner) };
        verifier.begin_behind(cuts);
        verifier
    }

    /// Let chains begin where they were pruned to.
    fn begin_behind(&mut self, cuts: &[Cut]) {
        for cut in cuts {
            if cut.mac == mac::of_cut(&self.trail.secrets, self.partner, cut) {
                self.ends.insert(cut.shard, (cut.seq, cut.last_mac.clone()));
                self.cut.insert(cut.shard);
                self.creations.1 = None;
            } else {
                let what =
                    format!("shard {}: the mark where it begins is not what was written there", cut.shard);
                self.verdict.problems.push(what);
            }
        }
    }

    /// For the server's own chain, which tells of all partners.
    pub(super) fn of_system(trail: &'s Trail, partner: PartnerId) -> Self {
        Verifier { creations: (0, None), ..Verifier::new(trail, partner) }
    }

    pub(super) fn take(&mut self, event: &Event) {
        let (seq, mac) = self.ends.get(&event.shard).map_or((0, ""), |(seq, mac)| (*seq, mac.as_str()));
        let name = format!("shard {}, event {}", event.shard, event.seq);
        if event.seq != seq + 1 {
            self.verdict.problems.push(format!("{name}: what was written before it is missing"));
        } else if event.mac != mac::of_event(&self.trail.secrets, self.partner, event, mac) {
            self.verdict.problems.push(format!("{name}: is not what was written there"));
        } else if event.action == BROKEN {
            let why = event.reason.as_deref().unwrap_or_default();
            self.verdict.problems.push(format!("{name}: the server found the chain broken here: {why}"));
        }
        if event.shard == 0 && event.action == SHARD_BEGINS {
            let shard = event.object.strip_prefix("lanes/").and_then(|shard| shard.parse().ok());
            shard.into_iter().for_each(|shard| *self.begun.entry(shard).or_default() += 1);
        }
        self.take_marks(event);
        self.creations.0 += u64::from(event.action == PARTNER_CREATE);
        self.ends.insert(event.shard, (event.seq, event.mac.clone()));
        self.verdict.events += 1;
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
                let what = "what it says was replaced, and no event tells of that";
                self.verdict.problems.push(format!("shard {}, event {}: {what}", erased.shard, erased.seq));
            }
        }
        self.verdict.erased = self.erased.len() as u64;
    }

    /// For an export, which has no heads: its seal says where it ends. What was erased in it may be told of behind its end.
    pub(super) fn finish_export(mut self) -> Verdict {
        self.verdict.erased = self.erased.len() as u64;
        self.verdict
    }

    fn finish(mut self, heads: &[Head]) -> Verdict {
        self.check_erased();
        let mut problem =
            |shard: &i64, what: &str| self.verdict.problems.push(format!("shard {shard}: {what}"));
        for head in heads {
            if head.mac != mac::of_head(&self.trail.secrets, self.partner, head) {
                problem(&head.shard, "its head is not what was written there");
            }
            if self.ends.get(&head.shard) != Some(&(head.seq, head.last_mac.clone())) {
                problem(&head.shard, &format!("does not end at event {}, as its head says", head.seq));
            }
        }
        let headless = self.ends.keys().filter(|shard| !heads.iter().any(|head| head.shard == **shard));
        headless.for_each(|shard| problem(shard, "its head is missing"));
        for (shard, times) in &self.begun {
            if !self.ends.contains_key(shard) {
                problem(shard, "is missing altogether");
            }
            if *times > 1 {
                problem(shard, "has begun more than once: what it held before is missing");
            }
        }
        let gone = self.shards.iter().filter(|shard| !self.ends.contains_key(shard));
        gone.for_each(|shard| problem(shard, "is missing altogether"));
        let zero_cut = self.cut.contains(&0);
        let known = |shard: &&i64| **shard != 0 && !self.begun.contains_key(shard) && !zero_cut;
        self.ends.keys().filter(known).for_each(|shard| problem(shard, "no event tells of its beginning"));
        if let (found, Some(expected)) = self.creations
            && found != expected
        {
            let what = format!("{found} events tell of the partner's creation, not {expected}");
            self.verdict.problems.push(what);
        }
        self.verdict
    }
}

/// Verify all chains of a partner; `each` gets every event too.
pub(super) async fn verify_chains(
    tx: &mut Tx,
    mut verifier: Verifier<'_>,
    mut each: impl FnMut(&Event) + Send,
) -> Result<Verdict, Error> {
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

/// The users whose rows no server has written as they are now.
fn forged_users<'u>(
    secrets: &'u SecretKey,
    partner: PartnerId,
    users: &'u [UserAccess],
) -> impl Iterator<Item = String> + 'u {
    let forged = users.iter().filter(move |user| !user_access::is_sealed(secrets, partner, user));
    forged.map(|UserAccess { user, .. }| {
        format!(
            "user {user}: its e-mail address, its roles or its customer are not as they were written there"
        )
    })
}

/// The users whose keys no server has written as they are now.
fn forged_credentials<'c>(
    secrets: &'c SecretKey,
    credentials: &'c [Credential],
) -> impl Iterator<Item = String> + 'c {
    let forged = credentials.iter().filter(|credential| !keys::is_genuine(secrets, credential));
    forged.map(|Credential { user, .. }| {
        format!("user {user}: its key, its role or its expiry is not as it was written there")
    })
}

impl App {
    /// Verify a partner's audit trail: that no event was altered, taken out, put in, swapped or cut off; and that its
    /// users, with their roles and keys, are those that the trail tells of.
    ///
    /// # Errors
    /// [`Error`] of the store.
    pub async fn verify_audit(&self, partner: PartnerId) -> Result<Verdict, Error> {
        let input = (Arc::clone(&self.trail), partner);
        self.db
            .unchecked()
            .read(partner, input, |(trail, partner), tx| {
                Box::pin(async move {
                    let (verifier, mut told) = (Verifier::new(trail, *partner), LiveUsers::default());
                    let mut verdict = verify_chains(tx, verifier, |event| told.take(event)).await?;
                    let credentials = all_credentials(tx, *partner).await?;
                    let is_pruned = !audit::cuts(tx, *partner).await?.is_empty();
                    let users = all_users(tx, *partner).await?;
                    verdict.problems.extend(forged_credentials(&trail.secrets, &credentials));
                    verdict.problems.extend(forged_users(&trail.secrets, *partner, &users));
                    verdict.problems.extend(told.compare(&users, &credentials, is_pruned));
                    Ok(verdict)
                })
            })
            .await
    }
}
