//! What becomes of old events: they are exported, sealed, and then pruned behind a mark that verifies.

use super::export::Writer;
use super::{Entry, PRUNE, append_to, mac};
use crate::access::Call;
use crate::boxed;
use crate::{App, Error};
use domain::PartnerId;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use std::io::{Read, Write};
use std::sync::Arc;
use store::audit::{self, Cut};
use store::partners::Partner;

/// Events that are younger stay: first answers may be kept in them for a day.
const YOUNGEST: SignedDuration = SignedDuration::from_hours(48);
/// How many events are read at a time.
const PAGE: i64 = 1000;

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// How many events.
    pub events: u64,
    /// SHA-256 of all lines but the last, lower-case hex.
    pub sha256: String,
    /// How many events were pruned.
    pub pruned: u64,
    /// Where the chains end in the export.
    #[serde(skip)]
    ends: Vec<Cut>,
}

impl App {
    /// Write a partner's events into a file: all of them, or those whose whole chain is older than `before`. The last line seals
    /// it under the secret key.
    ///
    /// # Errors
    /// [`Error`] of the store; [`Error::Internal`] if it cannot be written.
    #[boxed]
    pub async fn export_audit(
        &self,
        partner: &Partner,
        before: Option<Timestamp>,
        into: &mut (dyn Write + Send),
    ) -> Result<Exported, Error> {
        let second = before.map_or(i64::MAX, Timestamp::as_second);
        let (database, cuts, ends): (String, Vec<Cut>, Vec<(i64, i64)>) = self
            .db
            .unchecked()
            .read(partner.id, (partner.id, second), |(partner, second), tx| {
                Box::pin(async move {
                    let mut ends = Vec::new();
                    for head in audit::heads(tx, *partner).await? {
                        let end = if *second == i64::MAX {
                            Some(head.seq)
                        } else {
                            audit::last_before(tx, *partner, head.shard, *second).await?
                        };
                        ends.extend(end.map(|seq| (head.shard, seq)));
                    }
                    let database = store::secrets::database_id(tx).await?;
                    Ok::<_, Error>((database, audit::cuts(tx, *partner).await?, ends))
                })
            })
            .await?;
        let mut writer = Writer::new(into);
        let at = self.clock.now().to_string();
        writer.begin(&database, partner, &at, &cuts)?;
        for (shard, end) in ends {
            let mut after = (shard, i64::MIN);
            while after.1 < end {
                let events = self
                    .db
                    .unchecked()
                    .read(partner.id, (partner.id, after), |(partner, after), tx| {
                        Box::pin(
                            async move { Ok::<_, Error>(audit::chain(tx, *partner, *after, PAGE).await?) },
                        )
                    })
                    .await?;
                let mut page =
                    events.into_iter().filter(|event| event.shard == shard && event.seq <= end).peekable();
                if page.peek().is_none() {
                    break;
                }
                for event in page {
                    after = (shard, event.seq);
                    writer.event(&event)?;
                }
            }
        }
        let (events, sha256, ends) = writer.finish(&self.secrets)?;
        Ok(Exported { events, sha256, pruned: 0, ends })
    }

    /// Verify what [`App::export_audit`] has written.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be read.
    pub fn verify_export(&self, from: &mut dyn Read) -> Result<super::Verdict, Error> {
        super::export::verify(&self.trail, from)
    }

    /// Prune what was just exported: the events go, and a mark that the secret key signs says where each chain begins. An
    /// event tells of it.
    ///
    /// # Errors
    /// [`Error`] of the store.
    #[boxed]
    pub async fn prune_audit(&self, partner: PartnerId, exported: &Exported) -> Result<u64, Error> {
        let input = (Arc::clone(&self.trail), partner, exported.clone(), self.clock.now());
        self.db
            .unchecked()
            .write(partner, input, |(trail, partner, exported, now), tx| {
                Box::pin(async move {
                    let _guard = tx.lock().await;
                    let (mut pruned, mut shards) = (0, Vec::new());
                    let heads = audit::heads(tx, *partner).await?;
                    for end in &exported.ends {
                        let head = heads.iter().find(|head| head.shard == end.shard);
                        // The last event stays, and what is not what was exported too.
                        let there = audit::mac_at(tx, *partner, end.shard, end.seq).await?;
                        if head.is_none_or(|head| head.seq <= end.seq)
                            || there.as_ref() != Some(&end.last_mac)
                        {
                            continue;
                        }
                        let cut = Cut { mac: mac::of_cut(&trail.secrets, *partner, end), ..end.clone() };
                        pruned += audit::prune(tx, *partner, &cut).await?;
                        shards.push(json!({"shard": cut.shard, "to": cut.seq, "mac": cut.last_mac}));
                    }
                    let all: Vec<i64> = heads.iter().map(|head| head.shard).collect();
                    let what = json!({
                        "events": pruned, "export_sha256": exported.sha256, "pruned": shards, "shards": all,
                    });
                    let call = Call::of_operator(*partner, "audit prune");
                    let entry = Entry::new(PRUNE, "events".to_owned()).after(&what);
                    append_to(tx, trail, &call, entry, *now, 0).await?;
                    Ok(pruned)
                })
            })
            .await
    }

    /// The time before which events may be pruned.
    ///
    /// # Errors
    /// Says what would be right, for a time that is too near.
    pub fn prunable_before(&self, age: SignedDuration) -> Result<Timestamp, String> {
        if age < YOUNGEST {
            return Err(format!("must be at least {} hours", YOUNGEST.as_hours()));
        }
        self.clock.now().checked_sub(age).map_err(|_| "is too long ago".to_owned())
    }
}
