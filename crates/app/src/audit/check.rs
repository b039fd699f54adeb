//! Verifying a trail for the partner's own users: within one list's limits, a part at a time, so that no request is of all of a
//! million events.

use super::anchor::PartnerAnchor;
use super::verify::{Found, TrailFault, Verifier, verify_whole};
use super::{Trail, verify};
use crate::access::Call;
use crate::boxed;
use crate::paging::{self, Query};
use crate::permissions::Permission;
use crate::{App, Error};
use domain::PartnerId;
use std::sync::Arc;
use store::Tx;
use store::audit::{self, Cut, Head};

/// Most events that one check looks at, so that it ends well within a list's time.
const MAX_EVENTS: i64 = 50_000;

/// Which part of a trail is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailPart {
    /// Behind the event at this place of this shard; `None` for the beginning.
    after: Option<(i64, i64)>,
    /// Most events that are looked at.
    pub max_events: i64,
}

/// What verifying a trail, or a part of it, found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailCheck {
    /// How many events come before those that were looked at.
    pub before: u64,
    /// How many were looked at.
    pub events: u64,
    /// How many there are.
    pub total: u64,
    /// How many of those that were looked at were erased in part.
    pub erased: u64,
    /// The last event of each chain that was looked at: `0-17`.
    pub last: Vec<String>,
    /// What is wrong; empty if nothing is.
    pub faults: Vec<TrailFault>,
    /// The part that follows, as [`TrailPart::parse`] reads it; `None` at the end.
    pub next: Option<String>,
    /// Whether the users, with their roles and keys, were held against the trail, which takes all of it.
    pub has_compared_users: bool,
    /// What the anchors say that this server keeps.
    pub anchors: Vec<PartnerAnchor>,
}

impl TrailPart {
    /// Parses a query string. Blank parameters count as absent.
    ///
    /// # Errors
    /// [`Error::Parameters`] if `after` is not an event's id.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let mut part = TrailPart { after: None, max_events: MAX_EVENTS };
        paging::read(query, &["after"], |name, value| {
            if name != "after" {
                return Err(domain::text::invalid(
                    "must be left out: each answer names the part that follows",
                ));
            }
            let wrong =
                || domain::text::invalid("must be the id of an event, such as 0-17").because("event-id", &[]);
            part.after = Some(parse_id(value).ok_or_else(wrong)?);
            Ok(())
        })?;
        Ok(part)
    }
}

impl TrailCheck {
    /// Whether nothing is wrong, as far as was looked. An anchor that cannot be read says nothing.
    pub fn is_sound(&self) -> bool {
        let differs = |anchor: &PartnerAnchor| matches!(anchor, PartnerAnchor::Differs { .. });
        self.faults.is_empty() && !self.anchors.iter().any(differs)
    }
}

/// The shard and place of `0-17`.
fn parse_id(id: &str) -> Option<(i64, i64)> {
    let (shard, seq) = id.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(shard) || !is_number(seq) {
        return None;
    }
    Some((shard.parse().ok()?, seq.parse().ok()?))
}

/// The id of an event: `0-17`.
pub(super) fn id((shard, seq): (i64, i64)) -> String {
    format!("{shard}-{seq}")
}

impl App {
    /// Verifies the partner's own trail, or a part of it: that no event was altered, taken out or put in, that chains end where
    /// they are said to, and that the anchors agree.
    ///
    /// # Errors
    /// [`Error::Forbidden`], and those of a list.
    #[boxed]
    pub async fn check_trail(&self, call: &Call, part: TrailPart) -> Result<TrailCheck, Error> {
        let grant = self.require(call, Permission::ReadAudit).await?;
        let partner = call.partner();
        let mut check = grant
            .list((Arc::clone(&self.trail), partner, part), |(trail, partner, part), tx| {
                Box::pin(check(tx, trail, *partner, *part))
            })
            .await?;
        check.anchors = self.anchors_of(partner).await?;
        // The anchor agrees again once a server has started, which has told of this in its own chain.
        if check.next.is_none()
            && let Some(at) = self.put_back_at().await?
        {
            check.faults.push(TrailFault::PutBack { at });
        }
        Ok(check)
    }
}

async fn check(tx: &mut Tx, trail: &Trail, partner: PartnerId, part: TrailPart) -> Result<TrailCheck, Error> {
    let (heads, cuts) = (audit::heads(tx, partner).await?, audit::cuts(tx, partner).await?);
    let total = length(&heads, &cuts);
    if part.after.is_none() && total <= part.max_events {
        let Found { events, erased, faults } = verify_whole(tx, trail, partner).await?;
        return Ok(TrailCheck {
            events,
            total: total.unsigned_abs(),
            erased,
            last: heads.iter().map(|head| id((head.shard, head.seq))).collect(),
            faults,
            has_compared_users: true,
            ..TrailCheck::default()
        });
    }
    let mut verifier = Verifier::new(trail, partner);
    verifier.begin_behind(&cuts);
    let mut before = 0;
    if let Some(after) = part.after {
        let earlier: Vec<Head> = heads.iter().filter(|head| head.shard < after.0).cloned().collect();
        before = length(&earlier, &cuts) + after.1 - begin(&cuts, after.0);
        if begin(&cuts, after.0) != after.1 {
            verifier.go_on_behind(after, audit::mac_at(tx, partner, after.0, after.1).await?);
        }
    }
    let (mut place, mut left) = (part.after.unwrap_or((i64::MIN, i64::MIN)), part.max_events);
    let mut last: Vec<(i64, i64)> = Vec::new();
    let is_at_end = loop {
        let wanted = left.clamp(1, verify::PAGE);
        let events = audit::chain(tx, partner, place, wanted).await?;
        if left == 0 {
            break events.is_empty();
        }
        for event in &events {
            verifier.take(event);
            place = (event.shard, event.seq);
            match last.last_mut().filter(|(shard, _)| *shard == event.shard) {
                Some(known) => *known = place,
                None => last.push(place),
            }
        }
        left -= events.len() as i64;
        if (events.len() as i64) < wanted {
            break true;
        }
    };
    let begins = part.after.map_or(i64::MIN, |(shard, _)| shard);
    let ends_within = |shard: i64| shard >= begins && (is_at_end || shard < place.0);
    let Found { events, erased, faults } = verifier.finish_part(&heads, ends_within);
    Ok(TrailCheck {
        before: before.try_into().unwrap_or_default(),
        events,
        total: total.unsigned_abs(),
        erased,
        last: last.into_iter().map(id).collect(),
        faults,
        next: (!is_at_end).then(|| id(place)),
        ..TrailCheck::default()
    })
}

/// How many events chains have, by their heads.
fn length(heads: &[Head], cuts: &[Cut]) -> i64 {
    heads.iter().map(|head| head.seq.saturating_sub(begin(cuts, head.shard))).fold(0, i64::saturating_add)
}

/// The place behind which a chain begins: 0, unless it was pruned.
fn begin(cuts: &[Cut], shard: i64) -> i64 {
    cuts.iter().find(|cut| cut.shard == shard).map_or(0, |cut| cut.seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ids_of_events() {
        for (given, expected) in [
            ("0-17", Some((0, 17))),
            ("12-1", Some((12, 1))),
            ("", None),
            ("17", None),
            ("-1-2", None),
            ("0-", None),
            ("0-+1", None),
            ("0-99999999999999999999", None),
        ] {
            assert_eq!(parse_id(given), expected, "{given}");
            if let Some(place) = expected {
                assert_eq!(id(place), given);
            }
        }
    }
}
