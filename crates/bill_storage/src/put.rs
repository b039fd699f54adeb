//! Puts a file at a key that has no object yet, and reads it back.

use crate::store::Store;
use crate::{Error, FileEntry, local};
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Length in bytes of the parts of an upload; a smaller file goes in one request. S3 wants 5 MiB at least. This much is held
/// in memory for each of [`CONCURRENT_PARTS`].
const PART_BYTES: u64 = 8 * 1024 * 1024;
const CONCURRENT_PARTS: usize = 2;
/// S3 takes 10,000 parts, so those of a file beyond 80 GB are larger.
const MAX_PARTS: u64 = 9_999;
/// How often an object is put that then is not there. object_store repeats each request besides.
const ATTEMPTS: u32 = 6;
/// Pause before the second attempt; it doubles before each further one.
const PAUSE: Duration = Duration::from_millis(50);

/// Bytes to be put.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A local file, which does not change.
    File(PathBuf),
    /// A small object.
    Bytes(Bytes),
}

/// The object at a key after a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has the bytes that were to be put, whoever put them.
    Ours,
    /// It has other bytes, and was left alone.
    Theirs,
}

impl Store {
    /// Puts the bytes that `expected` describes at a key, if it has no object, and compares what is there then.
    pub(crate) async fn put(
        &self,
        relative: &str,
        source: &Source,
        expected: &FileEntry,
    ) -> Result<Outcome, Error> {
        if let Some(target) = self.path(relative)? {
            let (source, path) = (source.clone(), target.clone());
            let placed = tokio::task::spawn_blocking(move || match source {
                Source::File(file) => local::place(&file, &path),
                Source::Bytes(bytes) => local::copy_in(&mut bytes.as_ref(), &path),
            });
            let placed = placed.await.expect("no panic").map_err(|e| Error::file(&target, &e))?;
            // A link is the staged file itself, whose digest is known.
            if placed == local::Placed::Linked {
                return Ok(Outcome::Ours);
            }
            return self.compare(relative, expected).await?.ok_or_else(|| vanished(&self.name(relative)));
        }
        let key = self.key(relative)?;
        let mut pause = PAUSE;
        for attempt in 1.. {
            let answer = match source {
                Source::File(file) if expected.size > PART_BYTES => {
                    self.put_multipart(&key, file, expected.size).await
                }
                Source::File(file) => {
                    let bytes = tokio::fs::read(file).await.map_err(|e| Error::file(file, &e))?;
                    self.put_single(&key, bytes.into()).await
                }
                Source::Bytes(bytes) => self.put_single(&key, bytes.clone()).await,
            };
            // A store may report a success as a conflict, or not at all: only what is there counts.
            match (self.compare(relative, expected).await, answer) {
                (Ok(Some(outcome)), _) => return Ok(outcome),
                (Ok(None), answer) if attempt < ATTEMPTS && !answer.as_ref().is_err_and(is_lasting) => {
                    tracing::info!(
                        place = self.name(relative),
                        ?answer,
                        "object missing after a put, retrying"
                    );
                }
                (Err(e), _) => return Err(e),
                (Ok(None), Err(e)) => return Err(Error::store(&self.name(relative), &e)),
                (Ok(None), Ok(())) => return Err(vanished(&self.name(relative))),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }

    /// Compares the object at a key, if there is one, with what is expected.
    pub(crate) async fn compare(
        &self,
        relative: &str,
        expected: &FileEntry,
    ) -> Result<Option<Outcome>, Error> {
        let found = self.digest(relative).await?;
        let same = |(size, sha256): (u64, String)| size == expected.size && sha256 == expected.sha256;
        Ok(found.map(|found| if same(found) { Outcome::Ours } else { Outcome::Theirs }))
    }

    async fn put_single(&self, key: &Key, bytes: Bytes) -> object_store::Result<()> {
        let options = PutOptions::from(PutMode::Create);
        self.objects().put_opts(key, PutPayload::from_bytes(bytes), options).await.map(drop)
    }

    async fn put_multipart(&self, key: &Key, file: &Path, size: u64) -> object_store::Result<()> {
        let unreadable =
            |e: std::io::Error| object_store::Error::Generic { store: "staged file", source: Box::new(e) };
        let part = size.div_ceil(MAX_PARTS).max(PART_BYTES);
        let mut file = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let mut upload = Upload(Some(self.objects().put_multipart(key).await?));
        let mut parts = FuturesUnordered::new();
        let done = async {
            let upload = upload.0.as_mut().expect("not ended");
            loop {
                let mut bytes = Vec::with_capacity(usize::try_from(part.min(size)).unwrap_or_default());
                if (&mut file).take(part).read_to_end(&mut bytes).await.map_err(unreadable)? == 0 {
                    break;
                }
                if parts.len() == CONCURRENT_PARTS {
                    parts.try_next().await?;
                }
                parts.push(upload.put_part(bytes.into()));
            }
            while parts.try_next().await?.is_some() {}
            upload.complete().await
        };
        let done = done.await;
        // A part that arrives after the upload was aborted would stay.
        while parts.next().await.is_some() {}
        match done {
            Ok(_) => upload.0 = None,
            Err(_) => upload.abort().await,
        }
        done.map(drop)
    }
}

/// Whether retrying is pointless. A missing upload is not: a request that timed out here may have completed it.
pub(crate) fn is_lasting(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    ) || Error::is_unsupported(error)
}

fn vanished(place: &str) -> Error {
    Error::Corrupt(format!("{place}: the store accepted it, but does not have it"))
}

/// An upload that is aborted when it is dropped, because stores charge for parts until then.
struct Upload(Option<Box<dyn MultipartUpload>>);

impl Upload {
    async fn abort(&mut self) {
        if let Some(mut upload) = self.0.take()
            && let Err(error) = upload.abort().await
        {
            tracing::info!(%error, "multipart upload not aborted: it may be complete");
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some((upload, runtime)) = self.0.take().zip(tokio::runtime::Handle::try_current().ok()) {
            runtime.spawn(async move { Upload(Some(upload)).abort().await });
        }
    }
}
