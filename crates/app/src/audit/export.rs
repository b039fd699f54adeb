//! An export of a trail: JSON lines. The first says whose it is and where its chains begin; then an event each; the last seals
//! all of them.

use super::Trail;
use super::verify::{Verdict, Verifier};
use crate::secrets::{Purpose, hex};
use crate::{Error, SecretKey};
use domain::PartnerId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use store::audit::{Cut, Event};
use store::partners::Partner;
use subtle::ConstantTimeEq;

/// The form of what is written.
const FORM: u32 = 1;

#[derive(Serialize, Deserialize)]
struct First {
    tenantry_audit_export: u32,
    database: String,
    partner: i64,
    partner_name: String,
    at: String,
    /// Where chains begin that were pruned before.
    cuts: Vec<Mark>,
}

#[derive(Serialize, Deserialize)]
struct Mark {
    shard: i64,
    seq: i64,
    last_mac: String,
    mac: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    shard: i64,
    seq: i64,
    id: i64,
    at: i64,
    user_id: Option<i64>,
    key_id: Option<String>,
    action: String,
    object: String,
    before: Option<String>,
    after: Option<String>,
    reason: Option<String>,
    origin: String,
    request_id: String,
    mac: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased: Option<[Option<String>; 2]>,
}

#[derive(Serialize, Deserialize)]
struct Last {
    events: u64,
    sha256: String,
    seal: String,
}

fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("the export cannot be written: {error}"))
}

pub(super) struct Writer<'w> {
    into: &'w mut (dyn Write + Send),
    digest: Sha256,
    events: u64,
    ends: BTreeMap<i64, Cut>,
}

impl<'w> Writer<'w> {
    pub(super) fn new(into: &'w mut (dyn Write + Send)) -> Self {
        Writer { into, digest: Sha256::new(), events: 0, ends: BTreeMap::new() }
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let mut text = serde_json::to_string(line).map_err(unwritable)?;
        text.push('\n');
        self.digest.update(text.as_bytes());
        self.into.write_all(text.as_bytes()).map_err(unwritable)
    }

    pub(super) fn begin(
        &mut self,
        database: &str,
        partner: &Partner,
        at: &str,
        cuts: &[Cut],
    ) -> Result<(), Error> {
        let mark = |cut: &Cut| Mark {
            shard: cut.shard,
            seq: cut.seq,
            last_mac: cut.last_mac.clone(),
            mac: cut.mac.clone(),
        };
        self.line(&First {
            tenantry_audit_export: FORM,
            database: database.to_owned(),
            partner: partner.id.0,
            partner_name: partner.name.clone(),
            at: at.to_owned(),
            cuts: cuts.iter().map(mark).collect(),
        })
    }

    pub(super) fn event(&mut self, event: &Event) -> Result<(), Error> {
        let (shard, seq, last_mac, mac) = (event.shard, event.seq, event.mac.clone(), String::new());
        self.ends.insert(shard, Cut { shard, seq, last_mac, mac });
        self.events += 1;
        self.line(&Line::of(event.clone()))
    }

    /// How many events, the digest of all lines before the last, and where the chains end in them.
    pub(super) fn finish(mut self, secrets: &SecretKey) -> Result<(u64, String, Vec<Cut>), Error> {
        let sha256 = hex(&self.digest.clone().finalize());
        let seal = seal(secrets, &sha256, self.events);
        self.line(&Last { events: self.events, sha256: sha256.clone(), seal })?;
        self.into.flush().map_err(unwritable)?;
        Ok((self.events, sha256, self.ends.into_values().collect()))
    }
}

fn seal(secrets: &SecretKey, sha256: &str, events: u64) -> String {
    hex(&secrets.mac(Purpose::Export, &[sha256.as_bytes(), &events.to_be_bytes()]))
}

impl Line {
    fn of(event: Event) -> Self {
        let Event { shard, seq, id, at, user, key_id, action, object, before, after, reason, .. } = event;
        let Event { origin, request_id, mac, salt, erased, .. } = event;
        #[rustfmt::skip]
        let line = Line {
            shard, seq, id, at, user_id: user, key_id, action, object, before, after, reason, origin, request_id, mac, salt, erased,
        };
        line
    }

    fn event(self) -> Event {
        let Line { shard, seq, id, at, user_id, key_id, action, object, before, after, reason, .. } = self;
        let Line { origin, request_id, mac, salt, erased, .. } = self;
        #[rustfmt::skip]
        let event = Event {
            shard, seq, id, at, user: user_id, key_id, action, object, before, after, reason, origin, request_id, mac, salt, erased,
        };
        event
    }
}

/// Verify an export by itself: its seal, and its chains from where they begin to where they end.
pub(super) fn verify(trail: &Trail, from: &mut dyn Read) -> Result<Verdict, Error> {
    let unreadable = |e: std::io::Error| Error::Internal(format!("the export cannot be read: {e}"));
    let wrong =
        |what: &str| Ok(Verdict { problems: vec![format!("the export {what}")], ..Verdict::default() });
    let (mut digest, mut verifier, mut last) = (Sha256::new(), None::<Verifier<'_>>, None);
    for line in BufReader::new(from).lines() {
        let line = line.map_err(unreadable)?;
        if last.is_some() {
            return wrong("goes on behind its seal");
        }
        let Some(verifier) = &mut verifier else {
            let Ok(first) = serde_json::from_str::<First>(&line) else {
                return wrong("was not written by Tenantry");
            };
            if first.tenantry_audit_export != FORM {
                return wrong("has a form that this program does not know");
            }
            let cuts: Vec<Cut> = first
                .cuts
                .into_iter()
                .map(|Mark { shard, seq, last_mac, mac }| Cut { shard, seq, last_mac, mac })
                .collect();
            verifier = Some(Verifier::of_export(trail, PartnerId(first.partner), &cuts));
            digest.update(format!("{line}\n"));
            continue;
        };
        if let Ok(found) = serde_json::from_str::<Last>(&line) {
            last = Some(found);
            continue;
        }
        let Ok(event) = serde_json::from_str::<Line>(&line) else {
            return wrong("has a line that is no event");
        };
        digest.update(format!("{line}\n"));
        verifier.take(&event.event());
    }
    let (Some(verifier), Some(last)) = (verifier, last) else { return wrong("has no seal: it is cut off") };
    let mut verdict = verifier.finish_export();
    let sha256 = hex(&digest.finalize());
    let own = seal(&trail.secrets, &sha256, verdict.events);
    if !bool::from(own.as_bytes().ct_eq(last.seal.as_bytes())) {
        verdict.problems.push("the export is not as it was sealed".to_owned());
    }
    Ok(verdict)
}
