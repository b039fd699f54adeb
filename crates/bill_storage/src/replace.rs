//! Replaces an object on condition that it is the one that was read.

use crate::store::Store;
use crate::{Error, local};
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::{PutMode, PutOptions, PutPayload, UpdateVersion};

/// An object as it was read, replaced only if it is still the same.
#[derive(Clone, Debug, Default)]
pub struct ObjectVersion {
    bytes: Option<Bytes>,
    e_tag: Option<String>,
}

impl ObjectVersion {
    /// The bytes that were read; `None` if there was no object.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }
}

impl Store {
    pub(crate) async fn read_version(&self, place: &str) -> Result<ObjectVersion, Error> {
        let e_tag = match self.folder() {
            Some(_) => None,
            None => match self.head(place).await? {
                None => return Ok(ObjectVersion::default()),
                Some(meta) => meta.e_tag,
            },
        };
        // A version between both looks has another ETag, and the reader's put fails.
        match self.read(place, e_tag.clone()).await {
            Err(Error::NotFound(_)) => Ok(ObjectVersion::default()),
            Err(e) => Err(e),
            Ok(content) => {
                let bytes = content.stream.try_collect::<Vec<Bytes>>().await?.concat();
                Ok(ObjectVersion { bytes: Some(bytes.into()), e_tag })
            }
        }
    }

    /// Replaces an object; `false` if it is not the one that was read any more.
    pub(crate) async fn replace_version(
        &self,
        place: &str,
        read: &ObjectVersion,
        bytes: Vec<u8>,
    ) -> Result<bool, Error> {
        if let Some(target) = self.path(place)? {
            let before = read.bytes.clone();
            let replaced = tokio::task::spawn_blocking(move || {
                local::replace_if(&target, before.as_deref(), &bytes).map_err(|e| Error::file(&target, &e))
            });
            return replaced.await.expect("no panic");
        }
        let mode = match &read.bytes {
            None => PutMode::Create,
            Some(_) => PutMode::Update(UpdateVersion { e_tag: read.e_tag.clone(), version: None }),
        };
        let key = self.key(place)?;
        let put = self.objects().put_opts(&key, PutPayload::from(bytes), PutOptions::from(mode)).await;
        match put {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(false)
            }
            Err(e) => Err(Error::store(&self.name(place), &e)),
        }
    }
}
