//! A small object of its own that is replaced as a whole, such as the anchor of the audit trail.

use crate::store::Store;
use crate::{Error, ObjectVersion, Settings};
use std::time::Duration;
use tokio::time::timeout;

/// Time that one operation may take, repetitions included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An object, named by its URL.
#[derive(Clone, Debug)]
pub struct Document {
    store: Store,
    name: String,
    url: String,
}

impl Document {
    /// Whether this names an object, and not a file.
    pub fn is_url(text: &str) -> bool {
        ["s3://", "az://", "file:"].iter().any(|scheme| text.starts_with(scheme))
    }

    /// Opens `s3://bucket/path/name`, `az://container/path/name` or `file:PATH`; connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the URL or the settings cannot be used.
    pub fn open(url: &str, settings: &Settings) -> Result<Self, Error> {
        let parts = url.rsplit_once('/').filter(|_| Document::is_url(url));
        let Some((root, name)) = parts.filter(|(root, name)| !root.ends_with('/') && !name.is_empty()) else {
            return Err(Error::Invalid(format!(
                "{url:?} names no object: it must be s3://bucket/name or az://container/name"
            )));
        };
        let store = Store::open(root, settings)?;
        store.key(name)?;
        Ok(Document { store, name: name.to_owned(), url: url.to_owned() })
    }

    /// The URL that it was opened with.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The object as it is now, to be replaced.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn read(&self) -> Result<ObjectVersion, Error> {
        timeout(TIMEOUT, self.store.read_version(&self.name)).await.map_err(|_| self.too_slow())?
    }

    /// Replaces the object; `false` if it is not the one that was read any more.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn replace(&self, read: &ObjectVersion, bytes: Vec<u8>) -> Result<bool, Error> {
        let replaced = timeout(TIMEOUT, self.store.replace_version(&self.name, read, bytes)).await;
        replaced.map_err(|_| self.too_slow())?
    }

    fn too_slow(&self) -> Error {
        Error::Unavailable(format!("{}: no answer within {} seconds", self.url, TIMEOUT.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_named_by_a_url() {
        let settings: Settings =
            [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "eu-central-1")]
                .into_iter()
                .collect();
        for (url, is_good) in [
            ("s3://bucket/anchor", true),
            ("s3://bucket/a/b/secret.anchor", true),
            ("s3://bucket", false),
            ("s3://bucket/", false),
            ("s3://bucket/../anchor", false),
            ("file:/a/b", true),
            ("file:/a/", false),
            ("secret.anchor", false),
            ("https://bucket/anchor", false),
        ] {
            let opened = Document::open(url, &settings);
            assert_eq!(opened.is_ok(), is_good, "{url}: {opened:?}");
        }
    }
}
