//! What is there is read again; and what is the partner's alone.

use crate::key::{PRIVATE, check_folder, check_segments};
use crate::manifest::{Manifest, NAME, is_name};
use crate::put::{Outcome, Source};
use crate::store::{Content, Store, checked};
use crate::{BillPrefix, Error, FileEntry, local, stage};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, PutPayload};
use std::path::Path;
use tokio::io::AsyncWriteExt;

/// A manifest has one line for each of a handful of files.
const LONGEST_MANIFEST: u64 = 1 << 20;

/// A file of a bill, to be read.
pub struct OpenFile {
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal digits, as the manifest has it; `None` for what no manifest names.
    pub sha256: Option<String>,
    /// Its bytes. In place of the last ones comes an error, if they are not those of the manifest.
    pub stream: BoxStream<'static, Result<Bytes, Error>>,
}

impl Store {
    pub(crate) async fn manifest(&self, bill: &BillPrefix, version: u32) -> Result<Manifest, Error> {
        let manifest = self.manifest_at(&(bill.of_version(version) + NAME)).await?;
        let says = (&*manifest.billing_period, manifest.customer_id, manifest.version);
        if says != (bill.billing_period(), bill.customer_id(), version) {
            let place = self.name(&bill.of_version(version));
            return Err(Error::Corrupt(format!("{place}: its manifest is another bill's")));
        }
        Ok(manifest)
    }

    pub(crate) async fn manifest_at(&self, place: &str) -> Result<Manifest, Error> {
        let content = self.read(place, None).await?;
        let unfit = |why: String| Error::Corrupt(format!("{}: {why}", self.name(place)));
        if content.size > LONGEST_MANIFEST {
            return Err(unfit(format!("{} bytes are no manifest", content.size)));
        }
        let bytes = content.stream.try_fold(Vec::new(), |mut all, bytes| async move {
            all.extend_from_slice(&bytes);
            Ok(all)
        });
        let manifest: Manifest = serde_json::from_slice(&bytes.await?).map_err(|e| unfit(e.to_string()))?;
        // Who follows a path here reads or writes what is none of the bill's.
        match manifest.files.iter().find(|file| !is_name(&file.name)) {
            Some(file) => Err(unfit(format!("names {:?}, which is no name of a bill's file", file.name))),
            None => Ok(manifest),
        }
    }

    pub(crate) async fn open_file(
        &self,
        bill: &BillPrefix,
        version: u32,
        name: &str,
    ) -> Result<OpenFile, Error> {
        let place = bill.of_version(version) + name;
        if name == NAME {
            let Content { size, stream } = self.read(&place, None).await?;
            return Ok(OpenFile { size, sha256: None, stream });
        }
        let manifest = self.manifest(bill, version).await?;
        let Some(FileEntry { size, sha256, .. }) = manifest.file(name).cloned() else {
            return Err(Error::NotFound(format!("{}: the bill has no such file", self.name(&place))));
        };
        let content = self.read(&place, None).await?;
        if content.size != size {
            let place = self.name(&place);
            return Err(Error::Corrupt(format!(
                "{place}: has {} bytes, its manifest says {size}",
                content.size
            )));
        }
        // A small file is a single piece: whether it will do is known before anything is answered.
        let mut stream = checked(content.stream, self.name(&place), size, Some(sha256.clone()));
        let first = stream.try_next().await?;
        let stream = futures_util::stream::iter(first.map(Ok)).chain(stream).boxed();
        Ok(OpenFile { size, sha256: Some(sha256), stream })
    }

    pub(crate) async fn fetch(&self, bill: &BillPrefix, version: u32, to: &Path) -> Result<Manifest, Error> {
        let manifest = self.manifest(bill, version).await?;
        for file in &manifest.files {
            let opened = self.open_file(bill, version, &file.name).await?;
            save(opened.stream, &to.join(&file.name), |_| Ok(())).await?;
        }
        Ok(manifest)
    }

    pub(crate) async fn put_private(&self, key: &str, file: &Path) -> Result<String, Error> {
        private(key)?;
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
            // It is not what its name says.
            self.remove(&place).await?;
            if self.put(&place, &source, &expected).await? == Outcome::Theirs {
                let text = format!("{}: somebody else is writing this just now", self.name(&place));
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
            return Err(Error::Corrupt(format!("{place}: has {size} bytes, where {length} were kept")));
        }
        let stream = checked(stream, place, size, Some(sha256.clone()));
        Ok(OpenFile { size, sha256: Some(sha256), stream })
    }

    pub(crate) async fn fetch_private(&self, key: &str, to: &Path) -> Result<(), Error> {
        save(self.open_private(key).await?.stream, to, |_| Ok(())).await
    }

    pub(crate) async fn writable(&self, folder: &str) -> Result<(), Error> {
        check_folder(folder)?;
        if let Some(path) = self.path(folder)? {
            let tried = tokio::task::spawn_blocking(move || {
                local::try_write(&path).map_err(|e| Error::file(&path, &e))
            });
            return tried.await.expect("no panic");
        }
        let place = if folder.is_empty() { PROBE.to_owned() } else { format!("{folder}/{PROBE}") };
        let wrong = |what: &str, e: &object_store::Error| match Error::store(&self.name(folder), e) {
            Error::Denied(text) => Error::Denied(format!("{text}: bills cannot be {what}")),
            Error::NotFound(text) => Error::NotFound(format!("{text}: is there such a bucket?")),
            e => e,
        };
        let key = self.key(&place)?;
        self.objects()
            .put(&key, PutPayload::from_static(b"probe"))
            .await
            .map_err(|e| wrong("written", &e))?;
        match self.objects().head(&key).await {
            // Somebody else may be probing, and have removed it already.
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(e) => return Err(wrong("read", &e)),
        }
        match self.objects().delete(&key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(wrong("removed, should a run die half-way", &e)),
        }
    }
}

/// What is written, and removed, to see whether it can be.
const PROBE: &str = ".tenantry-probe";

/// The partner's own key below the root.
fn private(key: &str) -> Result<String, Error> {
    check_segments("key", key)?;
    if key.is_empty() {
        return Err(Error::Invalid("a key must have a name".into()));
    }
    Ok(format!("{PRIVATE}/{key}"))
}

/// A key with what is kept under it: `7/ledgers/3947.1024-9f86….csv`.
fn described(key: &str, FileEntry { size, sha256, .. }: &FileEntry) -> String {
    match key.rsplit_once('.').filter(|(_, extension)| !extension.contains('/')) {
        Some((stem, extension)) => format!("{stem}.{size}-{sha256}.{extension}"),
        None => format!("{key}.{size}-{sha256}"),
    }
}

/// The length and SHA-256 that a key has; `None` for those of earlier versions.
pub(crate) fn description(key: &str) -> Option<(u64, String)> {
    let name = key.rsplit('/').next()?;
    let (size, sha256) =
        name.split('.').find_map(|part| part.split_once('-').filter(|(_, s)| s.len() == 64))?;
    let legal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    sha256.bytes().all(legal).then_some((size.parse().ok()?, sha256.to_owned()))
}

/// Writes a stream to a file, and tells after each piece how long it is.
pub(crate) async fn save(
    mut stream: BoxStream<'static, Result<Bytes, Error>>,
    to: &Path,
    mut at: impl FnMut(u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |e: std::io::Error| Error::file(to, &e);
    let mut file =
        tokio::io::BufWriter::with_capacity(1 << 18, tokio::fs::File::create(to).await.map_err(failed)?);
    let mut size = 0;
    while let Some(bytes) = stream.try_next().await? {
        file.write_all(&bytes).await.map_err(failed)?;
        size += bytes.len() as u64;
        at(size)?;
    }
    file.flush().await.map_err(failed)
}
