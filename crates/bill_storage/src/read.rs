//! Reads published bills, and reads and writes the partner's private files.

use crate::key::{Area, PRIVATE, check_folder, check_segments, folder_key};
use crate::manifest::{Manifest, NAME, is_name};
use crate::put::{Outcome, Source};
use crate::store::{Content, Store, checked, hex};
use crate::{BillPrefix, Error, FileEntry, local, stage};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::Path;
use tokio::io::AsyncWriteExt;

/// Maximum length in bytes of a manifest, which has a few lines for each of a handful of files.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// An open file of a bill.
pub struct OpenFile {
    /// The whole file's length in bytes.
    pub size: u64,
    /// The whole file's SHA-256 in hexadecimal digits; `None` for private files without one in their keys.
    pub sha256: Option<String>,
    /// Its bytes, or those of the range that was asked for. If the whole file's are not those of the manifest, an error comes
    /// in place of the last ones.
    pub stream: BoxStream<'static, Result<Bytes, Error>>,
}

/// Which bytes of a file are read, once its length and SHA-256 are known.
pub type RangeOf<'a> = &'a (dyn Fn(u64, Option<&str>) -> Option<Range<u64>> + Send + Sync);

impl Store {
    /// Where a version of a bill is, and its manifest. Where both areas have it, the bytes are the same.
    pub(crate) async fn find(&self, bill: &BillPrefix, version: u32) -> Result<(Area, Manifest), Error> {
        let place = bill.of_version(version) + NAME;
        let area = match self.head(&place).await? {
            Some(_) => Area::Shown,
            None if self.head(&Area::Drafts.key(&place)).await?.is_some() => Area::Drafts,
            // The customer's folder is named in the error.
            None => Area::Shown,
        };
        Ok((area, self.manifest_in(area, bill, version).await?))
    }

    pub(crate) async fn manifest(&self, bill: &BillPrefix, version: u32) -> Result<Manifest, Error> {
        Ok(self.find(bill, version).await?.1)
    }

    async fn manifest_in(&self, area: Area, bill: &BillPrefix, version: u32) -> Result<Manifest, Error> {
        let manifest = self.manifest_at(&area.key(&(bill.of_version(version) + NAME))).await?;
        let says = (&*manifest.billing_period, manifest.customer_id, manifest.version);
        if says != (bill.billing_period(), bill.customer_id(), version) {
            let place = self.name(&bill.of_version(version));
            return Err(Error::Corrupt(format!("{place}: the manifest is that of another bill")));
        }
        Ok(manifest)
    }

    pub(crate) async fn manifest_at(&self, place: &str) -> Result<Manifest, Error> {
        let content = self.read(place, None).await?;
        let unfit = |why: String| Error::Corrupt(format!("{}: {why}", self.name(place)));
        if content.size > MAX_MANIFEST_BYTES {
            return Err(unfit(format!("has {} bytes, too many for a manifest", content.size)));
        }
        let bytes = content.stream.try_fold(Vec::new(), |mut all, bytes| async move {
            all.extend_from_slice(&bytes);
            Ok(all)
        });
        let manifest: Manifest = serde_json::from_slice(&bytes.await?).map_err(|e| unfit(e.to_string()))?;
        // A path here would lead out of the bill's folder.
        match manifest.files.iter().find(|file| !is_name(&file.name)) {
            Some(file) => {
                Err(unfit(format!("names {:?}, which is not the name of a bill's file", file.name)))
            }
            None => Ok(manifest),
        }
    }

    pub(crate) async fn open_file(
        &self,
        bill: &BillPrefix,
        version: u32,
        name: &str,
        range: RangeOf<'_>,
    ) -> Result<OpenFile, Error> {
        let (area, manifest) = self.find(bill, version).await?;
        let place = area.key(&(bill.of_version(version) + name));
        if name == NAME {
            let content = self.read(&place, None).await?;
            if content.size > MAX_MANIFEST_BYTES {
                return Err(Error::Corrupt(format!("{}: too long for a manifest", self.name(&place))));
            }
            let bytes: Bytes = content.stream.try_collect::<Vec<_>>().await?.concat().into();
            let (size, sha256) = (bytes.len() as u64, hex(&Sha256::digest(&bytes)));
            let bytes = match range(size, Some(&sha256)) {
                Some(range) => bytes.slice(range.start as usize..range.end as usize),
                None => bytes,
            };
            let stream = futures_util::stream::iter([Ok(bytes)]).boxed();
            return Ok(OpenFile { size, sha256: Some(sha256), stream });
        }
        let Some(FileEntry { size, sha256, .. }) = manifest.file(name).cloned() else {
            return Err(Error::NotFound(format!("{}: the bill has no such file", self.name(&place))));
        };
        let range = range(size, Some(&sha256));
        let content = match &range {
            Some(range) => self.read_range(&place, range.clone()).await?,
            None => self.read(&place, None).await?,
        };
        if content.size != size {
            let place = self.name(&place);
            return Err(Error::Corrupt(format!(
                "{place}: has {} bytes, its manifest says {size}",
                content.size
            )));
        }
        if range.is_some() {
            return Ok(OpenFile { size, sha256: Some(sha256), stream: content.stream });
        }
        // A small file is a single piece, so that a wrong digest is an error before the response begins.
        let mut stream = checked(content.stream, self.name(&place), size, Some(sha256.clone()));
        let first = stream.try_next().await?;
        let stream = futures_util::stream::iter(first.map(Ok)).chain(stream).boxed();
        Ok(OpenFile { size, sha256: Some(sha256), stream })
    }

    pub(crate) async fn fetch(&self, bill: &BillPrefix, version: u32, to: &Path) -> Result<Manifest, Error> {
        let manifest = self.manifest(bill, version).await?;
        for file in &manifest.files {
            let opened = self.open_file(bill, version, &file.name, &|_, _| None).await?;
            save(opened.stream, &to.join(&file.name), |_| Ok(())).await?;
        }
        Ok(manifest)
    }

    pub(crate) async fn put_private(&self, key: &str, file: &Path) -> Result<String, Error> {
        private(key)?;
        self.prepare().await?;
        let (name, source) = (key.rsplit('/').next().unwrap_or_default().to_owned(), file.to_owned());
        let expected = tokio::task::spawn_blocking(move || stage::entry(name, &source));
        let expected = expected.await.expect("no panic")?;
        let key = described(key, &expected);
        let (place, source) = (private(&key)?, file.to_owned());
        if let Some(target) = self.path(&place)? {
            let done = tokio::task::spawn_blocking(move || local::replace(&source, &target));
            return done.await.expect("no panic").map(|()| key).map_err(|e| Error::file(file, &e));
        }
        let source = Source::File(source);
        if self.put(&place, &source, &expected).await? == Outcome::Theirs {
            // Its bytes do not match its name: it was damaged.
            self.remove(&place).await?;
            if self.put(&place, &source, &expected).await? == Outcome::Theirs {
                let text = format!("{}: another process is writing this file", self.name(&place));
                return Err(Error::Contended(text));
            }
        }
        Ok(key)
    }

    pub(crate) async fn open_private(&self, key: &str) -> Result<OpenFile, Error> {
        let place = private(key)?;
        let Content { size, stream } = self.read(&place, None).await?;
        let Some((length, sha256)) = description(key) else {
            return Ok(OpenFile { size, sha256: None, stream });
        };
        let place = self.name(&place);
        if size != length {
            return Err(Error::Corrupt(format!("{place}: has {size} bytes, {length} were written")));
        }
        let stream = checked(stream, place, size, Some(sha256.clone()));
        Ok(OpenFile { size, sha256: Some(sha256), stream })
    }

    pub(crate) async fn fetch_private(&self, key: &str, to: &Path) -> Result<(), Error> {
        save(self.open_private(key).await?.stream, to, |_| Ok(())).await
    }

    pub(crate) async fn writable(&self, partner: i64, folder: &str) -> Result<(), Error> {
        check_folder(folder)?;
        let folder = &*folder_key(partner, folder);
        if let Some(path) = self.path(folder)? {
            let tried = tokio::task::spawn_blocking(move || {
                local::try_write(&path).map_err(|e| Error::file(&path, &e))
            });
            return tried.await.expect("no panic");
        }
        let place = format!("{folder}/{PROBE}");
        let failed = |what: &str, e: &object_store::Error| match Error::store(&self.name(folder), e) {
            Error::Denied(text) => Error::Denied(format!("{text}: bills cannot be {what}")),
            Error::NotFound(text) => Error::NotFound(format!("{text}: is there such a bucket?")),
            e => e,
        };
        let key = self.key(&place)?;
        self.objects()
            .put(&key, PutPayload::from_static(b"probe"))
            .await
            .map_err(|e| failed("written", &e))?;
        match self.objects().head(&key).await {
            // Another process may probe too, and have removed it already.
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => return Err(failed("read", &e)),
        }
        match self.objects().delete(&key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(failed("removed, should a run die half-way", &e)),
        }
    }
}

/// Name of the object that is written and removed to test a folder.
const PROBE: &str = ".tenantry-probe";

/// A private key below the root.
fn private(key: &str) -> Result<String, Error> {
    check_segments("key", key)?;
    if key.is_empty() {
        return Err(Error::Invalid("a key must have a name".into()));
    }
    Ok(format!("{PRIVATE}/{key}"))
}

/// A key with the length and digest of its file: `p1/7/ledgers/3947.1024-9f86….csv`.
fn described(key: &str, FileEntry { size, sha256, .. }: &FileEntry) -> String {
    match key.rsplit_once('.').filter(|(_, extension)| !extension.contains('/')) {
        Some((stem, extension)) => format!("{stem}.{size}-{sha256}.{extension}"),
        None => format!("{key}.{size}-{sha256}"),
    }
}

/// The length and SHA-256 in a key; `None` for keys of earlier versions.
pub(crate) fn description(key: &str) -> Option<(u64, String)> {
    let name = key.rsplit('/').next()?;
    let (size, sha256) =
        name.split('.').find_map(|part| part.split_once('-').filter(|(_, s)| s.len() == 64))?;
    let legal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    sha256.bytes().all(legal).then_some((size.parse().ok()?, sha256.to_owned()))
}

/// Writes a stream to a file, and reports the length after each piece.
pub(crate) async fn save(
    mut stream: BoxStream<'static, Result<Bytes, Error>>,
    to: &Path,
    mut progress: impl FnMut(u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |e: std::io::Error| Error::file(to, &e);
    let mut file =
        tokio::io::BufWriter::with_capacity(1 << 18, tokio::fs::File::create(to).await.map_err(failed)?);
    let mut size = 0;
    while let Some(bytes) = stream.try_next().await? {
        file.write_all(&bytes).await.map_err(failed)?;
        size += bytes.len() as u64;
        progress(size)?;
    }
    file.flush().await.map_err(failed)
}
