//! Puts a file where nothing is, and makes sure that it is there.

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

/// A file of up to so many bytes goes in one request, a larger one in parts of so many: S3 wants 5 MiB at least. It
/// is also what is held in memory, [`AT_ONCE`] times.
const PART: u64 = 8 * 1024 * 1024;
/// How many parts are on their way.
const AT_ONCE: usize = 2;
/// S3 takes 10,000 parts, so those of a file beyond 80 GB are larger.
const MOST_PARTS: u64 = 9_999;
/// How often something is put that then is not there. Each request is repeated by object_store besides.
const TRIES: u32 = 6;
/// How long to wait before the second try; before each further one twice as long.
const PAUSE: Duration = Duration::from_millis(50);

/// What is put.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A local file, which does not change.
    File(PathBuf),
    /// Something small.
    Bytes(Bytes),
}

/// What is there afterwards, in both cases the bytes that were expected or others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The bytes that were to be put.
    Ours,
    /// Something else, which was left alone.
    Theirs,
}

impl Store {
    /// Puts what `expected` describes at a place, if nothing is there, and reads it back.
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
            return self.there(relative, expected).await?.ok_or_else(|| vanished(&self.name(relative)));
        }
        let key = self.key(relative)?;
        let mut pause = PAUSE;
        for attempt in 1.. {
            let answer = match source {
                Source::File(file) if expected.size > PART => self.in_parts(&key, file, expected.size).await,
                Source::File(file) => {
                    let bytes = tokio::fs::read(file).await.map_err(|e| Error::file(file, &e))?;
                    self.at_once(&key, bytes.into()).await
                }
                Source::Bytes(bytes) => self.at_once(&key, bytes.clone()).await,
            };
            // Whatever was answered: a success may have been reported as a conflict, or not at all.
            match (self.there(relative, expected).await, answer) {
                (Ok(Some(outcome)), _) => return Ok(outcome),
                (Ok(None), answer) if attempt < TRIES && !answer.as_ref().is_err_and(is_lasting) => {
                    tracing::info!(place = self.name(relative), ?answer, "put again: nothing is there");
                }
                (Err(e), _) => return Err(e),
                (Ok(None), Err(e)) => return Err(Error::store(&self.name(relative), &e)),
                (Ok(None), Ok(())) => return Err(vanished(&self.name(relative))),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last try returns")
    }

    /// Whether what is there, if anything, is what is expected.
    pub(crate) async fn there(&self, relative: &str, expected: &FileEntry) -> Result<Option<Outcome>, Error> {
        let found = self.digest(relative).await?;
        let same = |(size, sha256): (u64, String)| size == expected.size && sha256 == expected.sha256;
        Ok(found.map(|found| if same(found) { Outcome::Ours } else { Outcome::Theirs }))
    }

    async fn at_once(&self, key: &Key, bytes: Bytes) -> object_store::Result<()> {
        let options = PutOptions::from(PutMode::Create);
        self.objects().put_opts(key, PutPayload::from_bytes(bytes), options).await.map(drop)
    }

    async fn in_parts(&self, key: &Key, file: &Path, size: u64) -> object_store::Result<()> {
        let unreadable =
            |e: std::io::Error| object_store::Error::Generic { store: "staged file", source: Box::new(e) };
        let part = size.div_ceil(MOST_PARTS).max(PART);
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
                if parts.len() == AT_ONCE {
                    parts.try_next().await?;
                }
                parts.push(upload.put_part(bytes.into()));
            }
            while parts.try_next().await?.is_some() {}
            upload.complete().await
        };
        let done = done.await;
        // One that comes after the upload was aborted would stay.
        while parts.next().await.is_some() {}
        match done {
            Ok(_) => upload.0 = None,
            Err(_) => upload.abort().await,
        }
        done.map(drop)
    }
}

/// Whether trying again changes nothing. An upload that is not there may have been completed by a request that was
/// given up too early.
fn is_lasting(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    )
}

fn vanished(place: &str) -> Error {
    Error::Corrupt(format!("{place}: the store took it, but it is not there"))
}

/// An upload that is aborted if nobody finishes it, for parts are paid for until somebody does.
struct Upload(Option<Box<dyn MultipartUpload>>);

impl Upload {
    async fn abort(&mut self) {
        if let Some(mut upload) = self.0.take()
            && let Err(error) = upload.abort().await
        {
            tracing::info!(%error, "an upload in parts was not aborted: it may be complete");
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
