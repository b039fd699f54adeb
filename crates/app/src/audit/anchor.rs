//! The anchor: where all chains ended a moment ago, in a file or an object outside of the database. A chain shows no tail that was cut
//! together with its head, and no older state that was put back as a whole; the anchor does.
//!
//! An anchor that is older than the database is as it should be, so several servers may each have one, or share one. One
//! that is newer says what the database has lost.

use super::system::{ACCEPTED, ANCHORED, ROLLED_BACK, append_system};
use super::{Entry, mac};
use crate::boxed;
use crate::secrets::{Purpose, hex};
use crate::{App, Error, SecretKey};
use bill_storage::{Document, ObjectVersion};
use domain::{PartnerId, Violation, code};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::Scope;
use store::audit::{self, Head};
use subtle::ConstantTimeEq;

/// The form of what is written.
const FORM: u32 = 1;
/// How often the log gets the anchor, where it does.
const LOGGED: Duration = Duration::from_secs(60);
/// How often an object is written that other servers write at the same time.
const MAX_REPLACEMENTS: usize = 3;
/// As many findings are told one by one.
const MAX_TOLD: usize = 20;
/// The most characters of the reason why a state is accepted.
const MAX_REASON: usize = 1000;

/// Where the anchor is kept.
#[derive(Clone, Debug, Default)]
pub struct AnchorPlaces {
    /// The files, each whole.
    pub files: Vec<PathBuf>,
    /// Objects in object stores, each whole, written once a minute and at the start.
    pub objects: Vec<Document>,
    /// Whether the log gets it too, once a minute and at the end.
    pub log: bool,
}

/// An anchor's keeper.
#[derive(Default)]
pub(crate) struct Keeper {
    places: AnchorPlaces,
    /// One at a time in this process; a file's lock is for others.
    turn: tokio::sync::Mutex<()>,
    /// What [`super::Trail::signed`] was when the anchor was last written.
    signed: AtomicU64,
    logged: Mutex<Option<Instant>>,
}

/// What an anchor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Anchor {
    form: u32,
    /// Of which database.
    database: String,
    /// When: RFC 3339.
    at: String,
    /// How many events all chains have had.
    events: i64,
    chains: Vec<Chain>,
}

/// Where a chain ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Chain {
    partner: i64,
    shard: i64,
    seq: i64,
    mac: String,
}

/// What comparing the database with an anchor found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnchorVerdict {
    /// The anchor's file, or the URL of its object.
    pub file: String,
    /// When it was written; empty if the file does not exist.
    pub at: String,
    /// What the database has lost, or has otherwise than it was; empty if nothing.
    pub problems: Vec<String>,
}

/// What an anchor says of one partner's chains. Where it is kept is the operator's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartnerAnchor {
    /// The database has all that there was when the anchor was written, at this time.
    Agrees(Timestamp),
    /// The database has lost something, or has it otherwise than it was.
    Differs {
        /// When the anchor was written; `None` if it cannot be trusted.
        at: Option<Timestamp>,
        /// What differs, each in a sentence in English.
        problems: Vec<String>,
    },
    /// It is not there, or cannot be read now.
    Unreadable,
}

impl Anchor {
    /// A line with what it says, and a line with the MAC of that.
    fn write(&self, secrets: &SecretKey) -> Result<String, Error> {
        let text = serde_json::to_string(self).map_err(|e| Error::Internal(e.to_string()))?;
        let mac = hex(&secrets.mac(Purpose::Anchor, &[text.as_bytes()]));
        Ok(format!("{text}\n{mac}\n"))
    }

    fn read(text: &str, secrets: &SecretKey) -> Result<Self, String> {
        let wrong = || {
            "the anchor is not as a server with this secret key has written it: it was changed, or is another key's".to_owned()
        };
        let (text, mac) = text.split_once('\n').ok_or_else(wrong)?;
        let own = hex(&secrets.mac(Purpose::Anchor, &[text.as_bytes()]));
        if !bool::from(own.as_bytes().ct_eq(mac.trim_end().as_bytes())) {
            return Err(wrong());
        }
        let anchor: Anchor = serde_json::from_str(text).map_err(|_| wrong())?;
        if anchor.form != FORM {
            return Err(format!("the anchor has the form {}, this program knows {FORM}", anchor.form));
        }
        Ok(anchor)
    }
}

/// The database's side of a comparison.
struct State {
    database: String,
    heads: BTreeMap<(i64, i64), Head>,
    /// Up to where chains were pruned: nothing is known of what was before.
    pruned: BTreeMap<(i64, i64), i64>,
    /// The MACs of the events at which an anchor saw other ends.
    macs: BTreeMap<(i64, i64), Option<String>>,
}

/// What `state` has lost since `anchor` was written, or has otherwise.
fn compare(anchor: &Anchor, state: &State) -> Vec<String> {
    if anchor.database != state.database {
        return vec![format!(
            "the anchor is that of another database ({}, this one is {})",
            anchor.database, state.database
        )];
    }
    let mut problems = Vec::new();
    for Chain { partner, shard, seq, mac } in &anchor.chains {
        let place = (*partner, *shard);
        let name = if *partner == 0 {
            format!("the server's own chain, shard {shard}")
        } else {
            format!("partner {partner}, shard {shard}")
        };
        match state.heads.get(&place) {
            None => problems.push(format!("{name}: all {seq} events are missing")),
            Some(head) if head.seq < *seq => {
                problems.push(format!("{name}: events {} to {seq} are missing", head.seq + 1));
            }
            Some(head) if head.seq == *seq && head.last_mac == *mac => {}
            Some(_) if state.pruned.get(&place).is_some_and(|pruned| pruned >= seq) => {}
            Some(_) if state.macs.get(&place).and_then(Option::as_deref) == Some(mac) => {}
            Some(_) => problems.push(format!("{name}: event {seq} is another one than there was")),
        }
    }
    problems
}

/// A sentence of findings that may be many.
fn summary(problems: &[String]) -> String {
    let told = problems.iter().take(MAX_TOLD).map(String::as_str).collect::<Vec<_>>().join("; ");
    match problems.len().saturating_sub(MAX_TOLD) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}

/// Keeps other processes from writing the same anchor. No thread of the runtime waits for them.
async fn lock(path: &Path) -> std::io::Result<File> {
    let path = path.with_extension("anchor.lock");
    let locking = tokio::task::spawn_blocking(move || {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        file.lock()?;
        Ok(file)
    });
    locking.await.map_err(std::io::Error::other)?
}

/// Replace the file as a whole, durably.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension("anchor.draft");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn read(path: &Path) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn text_of(read: &ObjectVersion) -> Option<String> {
    read.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn of_object(object: &Document, error: &bill_storage::Error) -> Error {
    Error::Internal(format!("the anchor {}: {error}", object.url()))
}

impl App {
    /// The same, with an anchor at these places.
    #[must_use]
    pub fn with_anchor(mut self, places: AnchorPlaces) -> Self {
        self.anchor = Keeper { places, ..Keeper::default() };
        self
    }

    /// Compare with the anchor and write it again, if anything has happened since the last time, or if asked to in any case.
    /// What the database has lost is logged, and an event of the server's own chain says it.
    ///
    /// # Errors
    /// [`Error`] of the store; [`Error::Internal`] if a file cannot be read or written.
    #[boxed]
    pub async fn keep_anchor(&self, in_any_case: bool) -> Result<(), Error> {
        let signed = self.trail.signed.load(Ordering::Relaxed);
        if !in_any_case && signed == self.anchor.signed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let guard = self.anchor.turn.lock().await;
        for path in &self.anchor.places.files {
            let unusable = |e: std::io::Error| Error::Internal(format!("the anchor {}: {e}", path.display()));
            let _lock = lock(path).await.map_err(unusable)?;
            let before = read(path).map_err(unusable)?;
            let text = self.next_anchor(&path.display().to_string(), before.as_deref()).await?;
            if Some(&text) != before.as_ref() {
                replace(path, &text).map_err(unusable)?;
            }
            self.log_anchor(&text, in_any_case);
        }
        self.anchor.signed.store(signed, Ordering::Relaxed);
        drop(guard); // a slow object store is not to hold up the files
        if in_any_case {
            self.keep_anchor_objects().await;
        }
        Ok(())
    }

    /// The same for the anchors in object stores. One that cannot be reached is logged: the next minute tries again.
    async fn keep_anchor_objects(&self) {
        for object in &self.anchor.places.objects {
            let mut kept = Ok(false);
            for _ in 0..MAX_REPLACEMENTS {
                kept = self.keep_anchor_object(object).await;
                if !matches!(kept, Ok(false)) {
                    break;
                }
            }
            match kept {
                Ok(true) => {}
                // Another server has written a newer one each time.
                Ok(false) => tracing::debug!(anchor = object.url(), "the audit anchor is kept by others"),
                Err(error) => {
                    tracing::error!(anchor = object.url(), %error, "failed to write the audit anchor into the object store");
                }
            }
        }
    }

    /// Whether the object is as it is to be; `false` if another server has replaced it meanwhile.
    async fn keep_anchor_object(&self, object: &Document) -> Result<bool, Error> {
        let read = object.read().await.map_err(|error| of_object(object, &error))?;
        let before = text_of(&read);
        let text = self.next_anchor(object.url(), before.as_deref()).await?;
        if Some(&text) == before.as_ref() {
            return Ok(true);
        }
        object.replace(&read, text.into_bytes()).await.map_err(|error| of_object(object, &error))
    }

    /// Whether there is an anchor already.
    pub(super) async fn has_anchor(&self) -> bool {
        if self.anchor.places.files.iter().any(|path| path.exists()) {
            return true;
        }
        for object in &self.anchor.places.objects {
            if object.read().await.is_ok_and(|read| read.bytes().is_some()) {
                return true;
            }
        }
        false
    }

    fn log_anchor(&self, text: &str, in_any_case: bool) {
        let mut logged = self.anchor.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = in_any_case || logged.is_none_or(|at| at.elapsed() >= LOGGED);
        if self.anchor.places.log && is_due {
            let (anchor, mac) = text.split_once('\n').unwrap_or((text, ""));
            tracing::info!(anchor, mac = mac.trim_end(), "audit anchor");
            *logged = Some(Instant::now());
        }
    }

    /// What the anchor is to say from now on, after telling what the database has lost since `before`.
    async fn next_anchor(&self, place: &str, before: Option<&str>) -> Result<String, Error> {
        let known = before.map(|text| Anchor::read(text, &self.secrets));
        let mut state = self.state(known.as_ref().and_then(|known| known.as_ref().ok())).await?;
        let told = match &known {
            None => Some((ANCHORED, format!("there was none at {place}"))),
            Some(Err(wrong)) => Some((ROLLED_BACK, wrong.clone())),
            Some(Ok(anchor)) => {
                let problems = compare(anchor, &state);
                let lost = || format!("since {}: {}", anchor.at, summary(&problems));
                (!problems.is_empty()).then(|| (ROLLED_BACK, lost()))
            }
        };
        if let Some((action, why)) = told {
            if action == ROLLED_BACK {
                tracing::error!(anchor = place, "the database is behind its audit anchor: {why}");
            } else {
                tracing::info!(anchor = place, "audit anchor created");
            }
            self.tell_system("server".to_owned(), action, why).await?;
            self.check_audit_ends().await?;
            state = self.state(None).await?;
        }
        let next = self.anchor_of(state);
        if let Some(Ok(known)) = &known
            && (&known.database, &known.chains) == (&next.database, &next.chains)
        {
            return known.write(&self.secrets); // as it was, time and all
        }
        next.write(&self.secrets)
    }

    /// Where the chains end now. What no server has signed is not anchored.
    fn anchor_of(&self, state: State) -> Anchor {
        let State { database, heads, .. } = state;
        let genuine = heads.into_iter().filter(|((partner, _), head)| {
            head.mac == mac::of_head(&self.secrets, PartnerId(*partner), head)
        });
        let chains: Vec<Chain> = genuine
            .map(|((partner, shard), head)| Chain { partner, shard, seq: head.seq, mac: head.last_mac })
            .collect();
        let (events, at) = (chains.iter().map(|chain| chain.seq).sum(), self.clock.now().to_string());
        Anchor { form: FORM, database, at, events, chains }
    }

    async fn tell_system(&self, origin: String, action: &'static str, why: String) -> Result<(), Error> {
        let entry = Entry { reason: Some(why), ..Entry::new(action, "database".to_owned()) };
        let input = (Arc::clone(&self.trail), origin, entry, self.clock.now());
        self.db
            .unchecked()
            .write(Scope::System, input, |(trail, origin, entry, now), tx| {
                Box::pin(append_system(tx, trail, origin, entry.clone(), *now))
            })
            .await
    }

    /// What there is to compare with `anchor`.
    async fn state(&self, anchor: Option<&Anchor>) -> Result<State, Error> {
        let anchored: Vec<(i64, i64, i64)> = anchor
            .map(|anchor| anchor.chains.iter().map(|c| (c.partner, c.shard, c.seq)).collect())
            .unwrap_or_default();
        self.db
            .unchecked()
            .read(Scope::System, (Arc::clone(&self.trail), anchored), |(trail, anchored), tx| {
                Box::pin(async move {
                    let database = store::secrets::database_id(tx).await?;
                    let heads = audit::all_heads(tx).await?;
                    let heads: BTreeMap<_, _> =
                        heads.into_iter().map(|(partner, head)| ((partner.0, head.shard), head)).collect();
                    let mut macs = BTreeMap::new();
                    for (partner, shard, seq) in anchored {
                        if heads.get(&(*partner, *shard)).is_some_and(|head| head.seq > *seq) {
                            let mac = audit::mac_at(tx, PartnerId(*partner), *shard, *seq).await?;
                            macs.insert((*partner, *shard), mac);
                        }
                    }
                    let cuts = audit::all_cuts(tx).await?.into_iter();
                    let genuine =
                        cuts.filter(|(partner, cut)| cut.mac == mac::of_cut(&trail.secrets, *partner, cut));
                    let pruned = genuine.map(|(partner, cut)| ((partner.0, cut.shard), cut.seq)).collect();
                    Ok(State { database, heads, pruned, macs })
                })
            })
            .await
    }

    /// Compare the database with its anchors, or with those at these places, and change nothing.
    ///
    /// # Errors
    /// [`Error`] of the store; [`Error::Internal`] if a file or an object cannot be read.
    #[boxed]
    pub async fn verify_anchors(&self, places: Option<&AnchorPlaces>) -> Result<Vec<AnchorVerdict>, Error> {
        let AnchorPlaces { files, objects, .. } = places.unwrap_or(&self.anchor.places);
        let mut verdicts = Vec::new();
        for path in files {
            let file = path.display().to_string();
            let text = read(path).map_err(|e| Error::Internal(format!("the anchor {file}: {e}")))?;
            verdicts.push(self.verify_anchor(file, text).await?);
        }
        for object in objects {
            let read = object.read().await.map_err(|error| of_object(object, &error))?;
            verdicts.push(self.verify_anchor(object.url().to_owned(), text_of(&read)).await?);
        }
        Ok(verdicts)
    }

    async fn verify_anchor(&self, file: String, text: Option<String>) -> Result<AnchorVerdict, Error> {
        Ok(match text.map(|text| Anchor::read(&text, &self.secrets)) {
            None => {
                let problems = vec!["there is no anchor here".to_owned()];
                AnchorVerdict { file, at: String::new(), problems }
            }
            Some(Err(wrong)) => AnchorVerdict { file, at: String::new(), problems: vec![wrong] },
            Some(Ok(anchor)) => {
                let problems = compare(&anchor, &self.state(Some(&anchor)).await?);
                AnchorVerdict { file, at: anchor.at, problems }
            }
        })
    }

    /// Compare a partner's chains with the anchors that this server keeps.
    pub(super) async fn anchors_of(&self, partner: PartnerId) -> Result<Vec<PartnerAnchor>, Error> {
        let AnchorPlaces { files, objects, .. } = &self.anchor.places;
        let mut texts = Vec::new();
        for path in files {
            texts.push((path.display().to_string(), read(path).map_err(|error| error.to_string())));
        }
        for object in objects {
            let read = object.read().await.map(|read| text_of(&read));
            texts.push((object.url().to_owned(), read.map_err(|error| error.to_string())));
        }
        let mut found = Vec::with_capacity(texts.len());
        for (anchor, text) in texts {
            found.push(match text {
                Ok(Some(text)) => self.anchor_of_partner(partner, &text).await?,
                Ok(None) => PartnerAnchor::Unreadable,
                Err(error) => {
                    tracing::warn!(anchor, %error, "failed to read the audit anchor");
                    PartnerAnchor::Unreadable
                }
            });
        }
        Ok(found)
    }

    async fn anchor_of_partner(&self, partner: PartnerId, text: &str) -> Result<PartnerAnchor, Error> {
        let mut anchor = match Anchor::read(text, &self.secrets) {
            Ok(anchor) => anchor,
            Err(wrong) => return Ok(PartnerAnchor::Differs { at: None, problems: vec![wrong] }),
        };
        anchor.chains.retain(|chain| chain.partner == partner.0);
        let anchored: Vec<(i64, i64)> = anchor.chains.iter().map(|chain| (chain.shard, chain.seq)).collect();
        let input = (Arc::clone(&self.trail), partner, anchored);
        let state = self.db.unchecked().list(partner, input, |(trail, partner, anchored), tx| {
            Box::pin(async move {
                let database = store::secrets::database_id(tx).await?;
                let heads = audit::heads(tx, *partner).await?;
                let heads: BTreeMap<_, _> =
                    heads.into_iter().map(|head| ((partner.0, head.shard), head)).collect();
                let mut macs = BTreeMap::new();
                for (shard, seq) in anchored {
                    if heads.get(&(partner.0, *shard)).is_some_and(|head| head.seq > *seq) {
                        let mac = audit::mac_at(tx, *partner, *shard, *seq).await?;
                        macs.insert((partner.0, *shard), mac);
                    }
                }
                let cuts = audit::cuts(tx, *partner).await?.into_iter();
                let genuine = cuts.filter(|cut| cut.mac == mac::of_cut(&trail.secrets, *partner, cut));
                let pruned = genuine.map(|cut| ((partner.0, cut.shard), cut.seq)).collect();
                Ok::<_, Error>(State { database, heads, pruned, macs })
            })
        });
        let problems = compare(&anchor, &state.await?);
        let at = anchor.at.parse().ok();
        Ok(match (problems.is_empty(), at) {
            (true, Some(at)) => PartnerAnchor::Agrees(at),
            _ => PartnerAnchor::Differs { at, problems },
        })
    }

    /// Say why the database is in an older state than its anchors, and let them start again from it. What was lost.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the reason is blank or longer than [`MAX_REASON`]; [`Error`] of the store; [`Error::Internal`] if a
    /// file cannot be read or written.
    #[boxed]
    pub async fn accept_state(&self, reason: &str) -> Result<Vec<String>, Error> {
        let reason = reason.trim();
        if !(1..=MAX_REASON).contains(&reason.chars().count()) {
            let why = format!("must be a text of at most {MAX_REASON} characters");
            return Err(Error::Invalid(Violation::new("/reason", code::INVALID, why).into()));
        }
        let verdicts = self.verify_anchors(None).await?;
        let lost: Vec<String> = verdicts.iter().flat_map(|verdict| verdict.problems.clone()).collect();
        let found = if lost.is_empty() { String::new() } else { format!(" (lost: {})", summary(&lost)) };
        self.tell_system(crate::operator::origin(), ACCEPTED, format!("{reason}{found}")).await?;
        self.record_partners().await?;
        let _guard = self.anchor.turn.lock().await;
        for path in &self.anchor.places.files {
            let unusable = |e: std::io::Error| Error::Internal(format!("the anchor {}: {e}", path.display()));
            let _lock = lock(path).await.map_err(unusable)?;
            let anchor = self.anchor_of(self.state(None).await?);
            replace(path, &anchor.write(&self.secrets)?).map_err(unusable)?;
        }
        for object in &self.anchor.places.objects {
            let read = object.read().await.map_err(|error| of_object(object, &error))?;
            let anchor = self.anchor_of(self.state(None).await?).write(&self.secrets)?;
            let replaced = object.replace(&read, anchor.into_bytes()).await;
            if !replaced.map_err(|error| of_object(object, &error))? {
                let what = "another server writes it; stop that one first";
                return Err(Error::Internal(format!("the anchor {}: {what}", object.url())));
            }
        }
        Ok(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(seq: i64, mac: &str) -> Head {
        Head { shard: 0, seq, last_mac: mac.into(), mac: String::new(), broken: 0 }
    }

    #[test]
    fn an_older_anchor_is_fine_and_a_newer_one_is_not() {
        let chain = |partner, seq, mac: &str| Chain { partner, shard: 0, seq, mac: mac.into() };
        let chains = vec![chain(0, 2, "b"), chain(1, 5, "e")];
        let anchor = Anchor { form: FORM, database: "d".into(), at: String::new(), events: 7, chains };
        let state = |database: &str, heads: &[(i64, Head)], macs: &[(i64, Option<&str>)]| State {
            database: database.into(),
            heads: heads.iter().map(|(partner, head)| ((*partner, 0), head.clone())).collect(),
            pruned: BTreeMap::new(),
            macs: macs.iter().map(|(partner, mac)| ((*partner, 0), mac.map(str::to_owned))).collect(),
        };
        let (system, one) = ((0, head(2, "b")), (1, head(5, "e")));
        let cases = [
            ("as it was", state("d", &[system.clone(), one.clone()], &[]), vec![]),
            ("it went on", state("d", &[system.clone(), (1, head(9, "i"))], &[(1, Some("e"))]), vec![]),
            ("a new partner", state("d", &[system.clone(), one.clone(), (2, head(1, "x"))], &[]), vec![]),
            ("cut", state("d", &[system.clone(), (1, head(3, "c"))], &[]), vec!["events 4 to 5 are missing"]),
            ("replaced", state("d", &[system.clone(), (1, head(5, "x"))], &[]), vec!["another one"]),
            (
                "cut, and gone on behind",
                state("d", &[system.clone(), (1, head(9, "i"))], &[(1, Some("x"))]),
                vec!["another one"],
            ),
            ("deleted", state("d", std::slice::from_ref(&system), &[]), vec!["all 5 events are missing"]),
            ("the server's own", state("d", std::slice::from_ref(&one), &[]), vec!["the server's own chain"]),
            ("all", state("d", &[], &[]), vec!["own chain", "partner 1"]),
            ("another database", state("e", &[system, one], &[]), vec!["that of another database"]),
        ];
        for (what, state, expected) in cases {
            let found = compare(&anchor, &state);
            assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
            assert!(
                found.iter().zip(&expected).all(|(found, part)| found.contains(part)),
                "{what}: {found:?}"
            );
        }
    }

    #[test]
    fn only_what_the_secret_key_has_signed_is_read() {
        let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let anchor = Anchor { form: FORM, database: "d".into(), at: "now".into(), events: 0, chains: vec![] };
        let text = anchor.write(&key).unwrap();
        assert_eq!(Anchor::read(&text, &key), Ok(anchor));
        assert!(Anchor::read(&text, &other).is_err());
        for wrong in ["", "\n", &text.replace("now", "not"), &text[..text.len() - 2], &text[1..]] {
            assert!(Anchor::read(wrong, &key).is_err(), "{wrong}");
        }
    }
}
