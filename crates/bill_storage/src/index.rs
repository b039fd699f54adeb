//! `index.json` in a customer's folder: the current version of each bill. It is derived from the database and replaced as a
//! whole.

use crate::key::folder_key;
use crate::store::Store;
use crate::{Error, local};
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::{PutMode, PutOptions, PutPayload, UpdateVersion};
use serde::Serialize;

/// One customer's bill of one month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexedBill {
    /// The month, `2026-10`.
    pub billing_period: String,
    /// The customer's id.
    pub customer_id: i64,
    /// `Estimated` or `Final`; none if this folder has only corrections of the month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    /// The version that the statement is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<IndexedVersion>,
    /// The versions that only have lines which came in after the month was final.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<IndexedVersion>,
}

/// A version of a bill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexedVersion {
    /// Its number.
    pub version: u32,
    /// Its folder, relative to the index, with a slash at the end: `2026-10/3947/v2/`.
    pub path: String,
}

/// The bytes of an index.
pub fn index_bytes(bills: &[IndexedBill]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Index<'a> {
        bills: &'a [IndexedBill],
    }
    let mut bytes = serde_json::to_vec_pretty(&Index { bills }).expect("strings and numbers");
    bytes.push(b'\n');
    bytes
}

/// Its name, beside the folders of the months.
pub const NAME: &str = "index.json";

/// An index as it was read, so that it is only replaced by its reader if nobody else has replaced it meanwhile.
#[derive(Clone, Debug, Default)]
pub struct IndexVersion {
    bytes: Option<Bytes>,
    e_tag: Option<String>,
}

impl IndexVersion {
    /// The bytes that were read; `None` if there was no index.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }
}

impl Store {
    pub(crate) async fn read_index(&self, partner: i64, folder: &str) -> Result<IndexVersion, Error> {
        let place = format!("{}/{NAME}", folder_key(partner, folder));
        let e_tag = match self.folder() {
            Some(_) => None,
            None => match self.head(&place).await? {
                None => return Ok(IndexVersion::default()),
                Some(meta) => meta.e_tag,
            },
        };
        // A version between both looks has another ETag, and the reader's put fails.
        match self.read(&place, e_tag.clone()).await {
            Err(Error::NotFound(_)) => Ok(IndexVersion::default()),
            Err(e) => Err(e),
            Ok(content) => {
                let bytes = content.stream.try_collect::<Vec<Bytes>>().await?.concat();
                Ok(IndexVersion { bytes: Some(bytes.into()), e_tag })
            }
        }
    }

    /// Replaces an index; `false` if it is not the one that was read any more.
    pub(crate) async fn replace_index(
        &self,
        partner: i64,
        folder: &str,
        read: &IndexVersion,
        bytes: Vec<u8>,
    ) -> Result<bool, Error> {
        self.prepare().await?;
        let place = format!("{}/{NAME}", folder_key(partner, folder));
        if let Some(target) = self.path(&place)? {
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
        let key = self.key(&place)?;
        let put = self.objects().put_opts(&key, PutPayload::from(bytes), PutOptions::from(mode)).await;
        match put {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(false)
            }
            Err(e) => Err(Error::store(&self.name(&place), &e)),
        }
    }
}
