//! One export, from its request to the folder among the partner's sources.
//!
//! Files are downloaded side by side with the sources, below `.fetching`, each as `NAME.part` until its gzip stream is known to
//! end. The folder is renamed to its place when all files are there and are still those that the manifest named, so a folder
//! among the sources is always whole.

use super::failure::{FetchError, FetchErrorCode};
use super::files::{disk, gzip_ends, last_byte, lengths, publish, remove, write_whole};
use super::watch::FetchWatch;
use ::directory::PartnerCenter;
use ::directory::partner_center::billing::{Export, Manifest, Operation, PART_BYTES, Part};
use bill_storage::Exports;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use metrics::counter;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Files that are read at the same time.
pub(super) const FILES_AT_ONCE: usize = 4;
/// How often an export whose files turn out wrong is begun from the start.
const RESTARTS: u32 = 2;
/// How often a request that fails for a reason that passes is sent again, beside the client's own repetitions.
const REPETITIONS: u32 = 3;
/// The wait before that, where Microsoft does not say how long.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest wait before an operation is asked for again.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// How many new tokens in a row may open nothing.
const FRUITLESS_TOKENS: u32 = 3;
/// Folder of unfinished exports, below the sources.
const UNFINISHED: &str = ".fetching";
pub(super) const MANIFEST: &str = "manifest.json";

/// Why the work on an export stops.
enum Stop {
    Failed(FetchError),
    /// The files are not one version of the data: from the start.
    Restart(String),
    /// The fetch is to stop; what is there stays for the next worker.
    Cancelled,
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Stop::Failed(error)
    }
}

impl From<::directory::Error> for Stop {
    fn from(error: ::directory::Error) -> Self {
        Stop::Failed(error.into())
    }
}

/// A version of an export, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) etag: String,
    /// What a bill run calls it.
    pub(super) source: String,
    pub(super) blobs: u64,
    pub(super) bytes: u64,
}

/// Where an export belongs.
pub(super) struct Target<'a> {
    /// The partner's sources on this machine. Where `exports` has whole ones, only what is unfinished is here.
    pub(super) root: &'a Path,
    /// The object store that whole exports are kept in.
    pub(super) exports: Option<&'a Exports>,
    pub(super) period: &'a str,
    /// The invoice's number, or `unbilled-USD`.
    pub(super) invoice: &'a str,
    /// `reconciliation` or `usage`.
    pub(super) kind: &'a str,
}

impl Target<'_> {
    fn name(&self) -> String {
        format!("{}-{}-{}", self.period, self.invoice, self.kind)
    }

    fn place(&self, etag: &str) -> String {
        format!("{}/{}/{}/{}", self.period, self.invoice, folder_name(etag), self.kind)
    }
}

/// An `eTag` as the name of a folder. What was changed for that is told apart by a digest.
fn folder_name(etag: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let trimmed = etag.trim_matches('"');
    if !trimmed.is_empty() && trimmed.len() <= 80 && trimmed.chars().all(plain) && !trimmed.starts_with('.') {
        return trimmed.to_owned();
    }
    let shown: String = trimmed.chars().filter(|c| c.is_ascii_alphanumeric()).take(40).collect();
    let digest = Sha256::digest(etag.as_bytes());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{shown}-{digest}")
}

/// Fetches exports for one partner.
pub(super) struct Downloads<'a> {
    pub(super) client: &'a PartnerCenter,
    pub(super) watch: &'a FetchWatch,
    /// Longest time that an export may take.
    pub(super) export_wait: Duration,
}

/// The operation of an export, and the manifest that it gave last.
struct Opened<'a> {
    downloads: &'a Downloads<'a>,
    operation: String,
    folder: PathBuf,
    /// Parts that were read.
    parts: AtomicU64,
    token: Mutex<Token>,
}

struct Token {
    manifest: Manifest,
    /// One more with each new token.
    number: u64,
    /// Parts that had been read when the token was new.
    parts: u64,
    fruitless: u32,
}

impl Downloads<'_> {
    /// Brings an export to its place; `None` if Microsoft has no data. What is there already is not read again.
    pub(super) async fn fetch(
        &self,
        export: &Export,
        target: &Target<'_>,
    ) -> Result<Option<Fetched>, Option<FetchError>> {
        let mut restarts = 0;
        loop {
            match self.attempt(export, target).await {
                Ok(fetched) => return Ok(fetched),
                Err(Stop::Failed(error)) => return Err(Some(error)),
                Err(Stop::Cancelled) => return Err(None),
                Err(Stop::Restart(why)) if restarts < RESTARTS => {
                    restarts += 1;
                    counter!("tenantry_invoice_fetch_restarts_total").increment(1);
                    let (invoice, kind) = (target.invoice, target.kind);
                    tracing::warn!(invoice, kind, why, "restarted the fetch of an export");
                }
                Err(Stop::Restart(why)) => {
                    return Err(Some(FetchError::new(
                        FetchErrorCode::Damaged,
                        format!(
                            "the {} of {} cannot be fetched as a whole: {why}. Fetch it again later; if it stays like this, \
                             open a support request at Microsoft",
                            target.kind, target.invoice
                        ),
                    )));
                }
            }
        }
    }

    async fn attempt(&self, export: &Export, target: &Target<'_>) -> Result<Option<Fetched>, Stop> {
        let unfinished = target.root.join(UNFINISHED);
        let note = unfinished.join(format!("{}.operation", target.name()));
        tokio::fs::create_dir_all(&unfinished).await.map_err(|e| disk(&unfinished, &e))?;
        let (operation, manifest) = match self.begun(&note).await? {
            Some(begun) => begun,
            None => {
                let operation = self.repeated(|| self.client.start_export(export)).await?;
                write_whole(&note, operation.as_bytes()).map_err(|e| disk(&note, &e))?;
                let manifest = self.ended(&operation, target).await?;
                (operation, manifest)
            }
        };
        let Some(manifest) = manifest else {
            remove(&note)?;
            return Ok(None);
        };
        let listed = manifest.blobs.len() as u64;
        if manifest.blob_count.is_some_and(|count| count != listed) || listed == 0 {
            remove(&note)?;
            let counted = manifest.blob_count.unwrap_or(0);
            return Err(Stop::Restart(format!("its manifest lists {listed} files and counts {counted}")));
        }
        let place = target.place(&manifest.etag);
        let final_folder = target.root.join(&place);
        self.watch.blobs_total.fetch_add(listed, Ordering::Relaxed);
        let etag = manifest.etag.clone();
        let fetched = |source, bytes| Ok(Some(Fetched { etag, source, blobs: listed, bytes }));
        if let Some(exports) = target.exports
            && let Some(bytes) = exports.whole(&place, MANIFEST).await.map_err(|e| store(&e))?
        {
            remove(&note)?;
            self.watch.blobs_done.fetch_add(listed, Ordering::Relaxed);
            return fetched(exports.source(&place), bytes);
        }
        if final_folder.join(MANIFEST).is_file() {
            self.watch.blobs_done.fetch_add(listed, Ordering::Relaxed);
            let bytes = lengths(&final_folder, &manifest.blobs).map_err(|e| disk(&final_folder, &e))?;
            let source = keep(target, &final_folder, place).await?;
            remove(&note)?;
            return fetched(source, bytes);
        }
        let folder = unfinished.join(format!("{}-{}", target.name(), folder_name(&manifest.etag)));
        let token = Token { manifest: manifest.clone(), number: 0, parts: 0, fruitless: 0 };
        let (parts, token) = (AtomicU64::new(0), Mutex::new(token));
        let opened = Opened { downloads: self, operation, folder: folder.clone(), parts, token };
        let done = opened.all(&manifest).await;
        if let Err(Stop::Restart(_)) = done {
            self.watch.blobs_total.fetch_sub(listed, Ordering::Relaxed);
            remove(&note)?;
            remove(&folder)?;
        }
        let bytes = done?;
        write_whole(&folder.join(MANIFEST), manifest.json.as_bytes()).map_err(|e| disk(&folder, &e))?;
        if self.watch.stops() {
            return Err(Stop::Cancelled);
        }
        publish(&folder, &final_folder).map_err(|e| disk(&final_folder, &e))?;
        let source = keep(target, &final_folder, place).await?;
        remove(&note)?;
        fetched(source, bytes)
    }

    /// The operation that an earlier worker has begun, and its manifest, if it can be gone on with.
    async fn begun(&self, note: &Path) -> Result<Option<(String, Option<Manifest>)>, Stop> {
        let Ok(operation) = std::fs::read_to_string(note) else { return Ok(None) };
        match self.repeated(|| self.client.operation(&operation)).await {
            Ok(Operation::Succeeded(manifest)) => Ok(Some((operation, Some(manifest)))),
            Ok(Operation::Running(_)) => {
                let manifest = self.until_ended(&operation).await?;
                Ok(Some((operation, manifest)))
            }
            // Of another day: it may be otherwise now.
            Ok(Operation::NoData | Operation::Failed(_)) => {
                remove(note)?;
                Ok(None)
            }
            Err(Stop::Failed(error)) if error.code == FetchErrorCode::Invalid => {
                remove(note)?;
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    async fn ended(&self, operation: &str, target: &Target<'_>) -> Result<Option<Manifest>, Stop> {
        self.until_ended(operation).await.map_err(|stop| match stop {
            Stop::Failed(error) => {
                let message = format!("{} of {}: {}", target.kind, target.invoice, error.message);
                Stop::Failed(FetchError { message, ..error })
            }
            other => other,
        })
    }

    /// Waits until an operation has ended; `None` if there is no data.
    async fn until_ended(&self, operation: &str) -> Result<Option<Manifest>, Stop> {
        let end = Instant::now() + self.export_wait;
        loop {
            match self.repeated(|| self.client.operation(operation)).await? {
                Operation::Succeeded(manifest) => return Ok(Some(manifest)),
                Operation::NoData => return Ok(None),
                Operation::Failed(why) => {
                    return Err(FetchError::new(
                        FetchErrorCode::ExportFailed,
                        format!("Microsoft's export failed: {why}"),
                    )
                    .into());
                }
                Operation::Running(wait) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        let minutes = self.export_wait.as_secs() / 60;
                        let message = format!(
                            "Microsoft's export has not ended within {minutes} minutes; the next fetch goes on with it"
                        );
                        return Err(FetchError::new(FetchErrorCode::ExportTimedOut, message).into());
                    }
                    if !self.watch.wait(wait.min(MAX_WAIT).min(left)).await {
                        return Err(Stop::Cancelled);
                    }
                }
            }
        }
    }

    /// Sends a request again that fails for a reason that passes.
    async fn repeated<T, F: Future<Output = Result<T, ::directory::Error>>>(
        &self,
        request: impl Fn() -> F,
    ) -> Result<T, Stop> {
        let mut repetitions = 0;
        loop {
            if self.watch.stops() {
                return Err(Stop::Cancelled);
            }
            match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let passes = matches!(
                        error,
                        ::directory::Error::Unreachable { .. } | ::directory::Error::Throttled { .. }
                    );
                    if !passes || repetitions == REPETITIONS {
                        return Err(error.into());
                    }
                    repetitions += 1;
                    let wait = error.retry_after().unwrap_or(PAUSE).min(MAX_WAIT);
                    tracing::debug!(%error, wait_ms = wait.as_millis(), "a request for billing data is repeated");
                    if !self.watch.wait(wait).await {
                        return Err(Stop::Cancelled);
                    }
                }
            }
        }
    }
}

impl Opened<'_> {
    /// All files, whole and of one version; their length.
    async fn all(&self, manifest: &Manifest) -> Result<u64, Stop> {
        let files = manifest.blobs.iter().map(|name| self.file(name).boxed());
        let files: Vec<_> = files.collect();
        let lengths: Vec<u64> = stream::iter(files).buffer_unordered(FILES_AT_ONCE).try_collect().await?;
        // A file that was exchanged after others had been read is no part of the same data.
        let checks = manifest.blobs.iter().map(|name| self.is_unchanged(name).boxed());
        let checks: Vec<_> = checks.collect();
        stream::iter(checks).buffer_unordered(FILES_AT_ONCE).try_collect::<Vec<()>>().await?;
        for name in &manifest.blobs {
            remove(&self.version_file(name))?;
        }
        Ok(lengths.iter().sum())
    }

    fn version_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.version"))
    }

    /// One file; its length.
    async fn file(&self, name: &str) -> Result<u64, Stop> {
        let whole = self.folder.join(name);
        let part = self.folder.join(format!("{name}.part"));
        if let Ok(meta) = whole.metadata() {
            self.count_file();
            return Ok(meta.len());
        }
        let parent = whole.parent().unwrap_or(&self.folder);
        tokio::fs::create_dir_all(parent).await.map_err(|e| disk(parent, &e))?;
        let mut version = std::fs::read_to_string(self.version_file(name)).unwrap_or_default();
        let mut have = part.metadata().map_or(0, |meta| meta.len());
        if version.is_empty() {
            have = 0;
        }
        let mut file = tokio::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .read(true)
            .open(&part)
            .await
            .map_err(|e| disk(&part, &e))?;
        file.set_len(have).await.map_err(|e| disk(&part, &e))?;
        // The last byte is read again: a range behind the end would be an error.
        let mut last = match have {
            0 => None,
            _ => Some(last_byte(&part).map_err(|e| disk(&part, &e))?),
        };
        tokio::io::AsyncSeekExt::seek(&mut file, io::SeekFrom::End(0)).await.map_err(|e| disk(&part, &e))?;
        loop {
            let from = have - u64::from(last.is_some());
            let (bytes, total) = match self.part(name, from, PART_BYTES, &version).await? {
                Some((bytes, total, etag)) => {
                    if version.is_empty() {
                        version = etag;
                        let path = self.version_file(name);
                        write_whole(&path, version.as_bytes()).map_err(|e| disk(&path, &e))?;
                    }
                    (bytes, total)
                }
                None => continue,
            };
            let again = usize::from(last.is_some());
            if last.take().is_some_and(|last| bytes.first() != Some(&last)) {
                return Err(Stop::Restart(format!("the file {name} is another one than before")));
            }
            let fresh = &bytes[again.min(bytes.len())..];
            file.write_all(fresh).await.map_err(|e| disk(&part, &e))?;
            have += fresh.len() as u64;
            self.downloads.watch.bytes_read.fetch_add(fresh.len() as u64, Ordering::Relaxed);
            counter!("tenantry_invoice_fetch_bytes_total").increment(fresh.len() as u64);
            if have >= total {
                break;
            }
        }
        file.sync_all().await.map_err(|e| disk(&part, &e))?;
        drop(file);
        let checked = part.clone();
        let ends = tokio::task::spawn_blocking(move || gzip_ends(&checked)).await;
        let ends = ends.map_err(|e| FetchError::new(FetchErrorCode::Internal, e.to_string()))?;
        if let Err(error) = ends {
            return Err(Stop::Restart(format!("the file {name} is cut short or damaged: {error}")));
        }
        std::fs::rename(&part, &whole).map_err(|e| disk(&whole, &e))?;
        self.count_file();
        Ok(have)
    }

    fn count_file(&self) {
        self.downloads.watch.blobs_done.fetch_add(1, Ordering::Relaxed);
    }

    async fn is_unchanged(&self, name: &str) -> Result<(), Stop> {
        let version = std::fs::read_to_string(self.version_file(name)).unwrap_or_default();
        while self.part(name, 0, 1, &version).await?.is_none() {}
        Ok(())
    }

    /// A part of a file; `None` after a new token was got, to be asked for again.
    async fn part(
        &self,
        name: &str,
        from: u64,
        length: u64,
        version: &str,
    ) -> Result<Option<(bytes::Bytes, u64, String)>, Stop> {
        let (manifest, number) = {
            let token = self.token.lock().await;
            (token.manifest.clone(), token.number)
        };
        let downloads = self.downloads;
        let read = downloads.repeated(|| downloads.client.read_blob(&manifest, name, from, length, version));
        match read.await? {
            Part::Bytes { bytes, total, etag } => {
                self.parts.fetch_add(1, Ordering::Relaxed);
                Ok(Some((bytes, total, etag)))
            }
            Part::Changed(why) => Err(Stop::Restart(format!("the file {name}: {why}"))),
            Part::Expired => {
                self.renew(number).await?;
                Ok(None)
            }
        }
    }

    /// Gets a new token, unless another file's download just did.
    async fn renew(&self, number: u64) -> Result<(), Stop> {
        let mut token = self.token.lock().await;
        if token.number != number {
            return Ok(());
        }
        let parts = self.parts.load(Ordering::Relaxed);
        token.fruitless = if parts == token.parts && token.number > 0 { token.fruitless + 1 } else { 0 };
        if token.fruitless >= FRUITLESS_TOKENS {
            let message = "the store of the exported files refuses every new token (SAS): does a firewall or proxy change \
                           requests?";
            return Err(FetchError::new(FetchErrorCode::Refused, message).into());
        }
        match self.downloads.until_ended(&self.operation).await? {
            Some(manifest) if manifest.etag == token.manifest.etag => {
                counter!("tenantry_invoice_fetch_tokens_renewed_total").increment(1);
                token.manifest = manifest;
                token.number += 1;
                token.parts = parts;
                Ok(())
            }
            Some(_) => Err(Stop::Restart("there is a newer version of the data".to_owned())),
            None => Err(Stop::Restart("its operation has no data any more".to_owned())),
        }
    }
}

/// Moves a whole export to the object store, if there is one for it; what a bill run calls it.
async fn keep(target: &Target<'_>, folder: &Path, place: String) -> Result<String, Stop> {
    let Some(exports) = target.exports else { return Ok(format!("file:{place}")) };
    exports.put(folder, &place, MANIFEST).await.map_err(|e| store(&e))?;
    remove(folder)?;
    Ok(exports.source(&place))
}

/// What an object store says, which knows no secret.
fn store(error: &bill_storage::Error) -> Stop {
    Stop::Failed(FetchError::new(FetchErrorCode::Store, format!("{error}; fetch again")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_names_of_folders() {
        assert_eq!(folder_name("\"0x8D\""), "0x8D");
        assert_eq!(folder_name("usage-v1.2"), "usage-v1.2");
        for odd in ["..", "a/b", "", "ü", "W/\"x\"", &"x".repeat(81)] {
            let name = folder_name(odd);
            assert!(!name.contains('/') && !name.starts_with('.') && name.len() < 80, "{odd}: {name}");
        }
        assert_ne!(folder_name("a/b"), folder_name("a:b"));
    }
}
