//! The layout of a store: a marker says that its keys begin with partners, and that the store can put on condition.
//!
//! Version 0.1 had no partners in its keys: `{folder}/{billing_period}/{customer_id}/v{n}/` and `_runs/{run}/ledgers/…`. Such a
//! store is not written to until [`relocate`](crate::Bills::relocate) has moved it.

use crate::key::{DRAFTS, PRIVATE, is_partner_segment};
use crate::put::{Outcome, Source, is_lasting};
use crate::store::{Store, hex};
use crate::{Error, FileEntry};
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::{PutMode, PutOptions, PutPayload};
use sha2::{Digest, Sha256};

/// The marker's key.
const MARKER: &str = "_runs/layout.json";
const MARKER_BYTES: &[u8] = b"{\"layout\": 2}\n";
/// Where claims are, below which bills' keys are repeated.
pub(crate) const CLAIMS: &str = "_runs/claims/";

/// How often the probe of conditions is repeated if its object is not there.
const PROBES: usize = 6;

/// How the keys of a store are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// No bill was ever published in it.
    Empty,
    /// As this version writes it.
    Current,
    /// As version 0.1 left it, or half-way between both.
    Old,
}

/// The error of everything that would write to a store of the old layout.
pub(crate) fn is_old(place: &str) -> Error {
    Error::Invalid(format!(
        "the bills in {place} are laid out as version 0.1 left them, without the partner in their paths: stop all servers, \
         run `tenantry admin bill move-store`, and start again; it can be interrupted and repeated"
    ))
}

fn cannot_put_on_condition(place: &str, how: &str) -> Error {
    Error::Invalid(format!(
        "{place}: this store {how} (If-None-Match: *), without which two runs could overwrite each other's bills: use AWS S3, \
         MinIO, Cloudflare R2, Azure Blob or a folder"
    ))
}

impl Store {
    /// The layout, from the marker; without one, from what lies in the private area, for every published bill has a ledger.
    pub(crate) async fn layout(&self) -> Result<Layout, Error> {
        match self.digest(MARKER).await? {
            Some((_, sha256)) if sha256 == hex(&Sha256::digest(MARKER_BYTES)) => return Ok(Layout::Current),
            Some(_) => {
                return Err(Error::Invalid(format!(
                    "{} is not this version's: a newer version of tenantry has written it",
                    self.name(MARKER)
                )));
            }
            None => {}
        }
        let mut listed = self.objects().list(Some(&self.key(PRIVATE)?));
        let mut layout = Layout::Empty;
        loop {
            let meta = match listed.try_next().await {
                Err(object_store::Error::NotFound { .. }) => None,
                meta => meta.map_err(|e| Error::store(&self.name(PRIVATE), &e))?,
            };
            let Some(meta) = meta else { return Ok(layout) };
            let Some(name) = self.relative(&meta.location) else { continue };
            let below = name.strip_prefix(CLAIMS).or(name.strip_prefix(DRAFTS));
            let below = below.or(name.strip_prefix("_runs/")).unwrap_or_default();
            let first = below.split('/').next().unwrap_or_default();
            if is_partner_segment(first) {
                layout = Layout::Current;
            } else if below.contains('/') || below == crate::relocate::JOURNAL_NAME {
                return Ok(Layout::Old);
            }
        }
    }

    /// Makes sure, once in a process and before anything is written, that the store has the current layout and can put on
    /// condition; marks an empty store.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        let prepared = self.prepared().get_or_try_init(|| async {
            match self.layout().await? {
                Layout::Old => Err(is_old(&self.name(""))),
                Layout::Current if self.digest(MARKER).await?.is_some() => Ok(()),
                Layout::Current | Layout::Empty => {
                    self.check_conditions().await?;
                    self.mark().await
                }
            }
        });
        prepared.await.copied()
    }

    /// Puts the marker.
    pub(crate) async fn mark(&self) -> Result<(), Error> {
        let bytes = Bytes::from_static(MARKER_BYTES);
        let (size, sha256) = (bytes.len() as u64, hex(&Sha256::digest(&bytes)));
        let expected = FileEntry { name: MARKER.to_owned(), size, sha256 };
        match self.put(MARKER, &Source::Bytes(bytes), &expected).await? {
            Outcome::Ours => Ok(()),
            Outcome::Theirs => Err(Error::Invalid(format!("{} is not this version's", self.name(MARKER)))),
        }
    }

    /// Checks that the store refuses to put an object where one is. Folders always do. Leaves nothing behind.
    pub(crate) async fn check_conditions(&self) -> Result<(), Error> {
        if self.folder().is_some() {
            return Ok(());
        }
        // Of this process alone, so that no other removes it in between.
        let probe = format!("{PRIVATE}/.tenantry-condition-{}", std::process::id());
        let checked = self.probe_conditions(&probe).await;
        self.remove(&probe).await?;
        checked
    }

    /// Puts two objects to one key. As with bills, the bytes that are there decide, not the responses.
    async fn probe_conditions(&self, probe: &str) -> Result<(), Error> {
        let place = self.name("");
        let mut last = None;
        for _ in 0..PROBES {
            let mut there = None;
            for bytes in [&b"first"[..], b"second"] {
                let options = PutOptions::from(PutMode::Create);
                let payload = PutPayload::from_static(bytes);
                last = self.objects().put_opts(&self.key(probe)?, payload, options).await.err();
                if let Some(e) = last.as_ref().filter(|e| Error::is_unsupported(e)) {
                    tracing::info!(error = %e, "conditional put refused");
                    return Err(cannot_put_on_condition(&place, "does not know puts on condition"));
                }
                if last.as_ref().is_some_and(is_lasting) {
                    break;
                }
                let found = self.digest(probe).await?.map(|(_, sha256)| sha256);
                match (&there, found) {
                    (None, found) => there = found,
                    (Some(before), Some(found)) if *before == found => return Ok(()),
                    (Some(_), Some(_)) => {
                        return Err(cannot_put_on_condition(&place, "ignores the condition of a put"));
                    }
                    (Some(_), None) => {}
                }
                if there.is_none() {
                    break;
                }
            }
        }
        Err(last.map_or_else(
            || Error::Unavailable(format!("{place}: the store accepts objects, but does not have them")),
            |e| Error::store(&place, &e),
        ))
    }
}
