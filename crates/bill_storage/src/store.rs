//! An object store below a root: the operations that folders, S3 and Azure Blob share.

use crate::http::Connector;
use crate::key::MAX_KEY_BYTES;
use crate::{Error, Settings, local};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, GetResultPayload, ObjectMeta, ObjectStore,
    ObjectStoreExt, RetryConfig,
};
use sha2::{Digest, Sha256};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio_util::io::ReaderStream;

/// Maximum length in bytes of a root's prefix: what is left of a key has room for a folder of 512 bytes.
const MAX_PREFIX_BYTES: usize = 400;
/// Bytes of a local file that are read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// An object store below a root.
#[derive(Clone)]
pub(crate) struct Store {
    objects: Arc<dyn ObjectStore>,
    prefix: Key,
    /// The root as it was given, without a slash at the end.
    place: String,
    /// The root's folder, if it is on a disk.
    folder: Option<PathBuf>,
    /// Set once the store is known to be one that can be written to.
    prepared: Arc<OnceCell<()>>,
}

/// The bytes of an object or a file, and their length.
pub(crate) struct Content {
    pub(crate) size: u64,
    pub(crate) stream: BoxStream<'static, Result<Bytes, Error>>,
}

impl Store {
    /// Opens `file:PATH`, `s3://bucket/prefix` or `az://container/prefix`; connects to nothing yet.
    pub(crate) fn open(root: &str, settings: &Settings) -> Result<Self, Error> {
        let place = root.trim_end_matches('/').to_owned();
        if let Some(path) = root.strip_prefix("file:") {
            let folder = local::resolve(path)?;
            let prefix = Key::from_absolute_path(&folder)
                .map_err(|e| Error::Invalid(format!("{root:?} cannot be a root: {e}")))?;
            return Ok(Store {
                objects: Arc::new(LocalFileSystem::new()),
                prefix,
                place,
                folder: Some(folder),
                prepared: Arc::default(),
            });
        }
        let (objects, prefix) = if let Some((bucket, prefix)) = split(root, "s3://")? {
            (s3(bucket, settings)?, prefix)
        } else if let Some((container, prefix)) = split(root, "az://")? {
            (azure(container, settings)?, prefix)
        } else {
            let known = "file:PATH, s3://bucket/prefix or az://container/prefix";
            let shown = root.split_once(':').map_or(root, |(scheme, _)| scheme);
            return Err(Error::Invalid(format!("{shown:?}… cannot be a root for bills: it must be {known}")));
        };
        crate::key::check_segments("prefix", prefix)?;
        if prefix.len() > MAX_PREFIX_BYTES {
            return Err(Error::Invalid(format!(
                "the prefix of {place:?} has {} bytes: at most {MAX_PREFIX_BYTES} leave room for the keys of bills",
                prefix.len()
            )));
        }
        let prefix = Key::parse(prefix).map_err(|e| Error::Invalid(format!("{place}: {e}")))?;
        Ok(Store { objects, prefix, place, folder: None, prepared: Arc::default() })
    }

    /// The folder of the root, if it is on a disk.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// Whether the store was found to be one that can be written to.
    pub(crate) fn prepared(&self) -> &OnceCell<()> {
        &self.prepared
    }

    /// The name of a key below the root in messages.
    pub(crate) fn name(&self, relative: &str) -> String {
        format!("{}/{relative}", self.place).trim_end_matches('/').to_owned()
    }

    /// The whole key of one below the root. An error if it would lead out of the root.
    pub(crate) fn key(&self, relative: &str) -> Result<Key, Error> {
        crate::key::check_segments("key", relative)?;
        let whole = match (self.prefix.as_ref(), relative) {
            ("", relative) => relative.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, relative) => format!("{prefix}/{relative}"),
        };
        let key = Key::parse(&whole).map_err(|e| Error::Invalid(format!("{}: {e}", self.name(relative))))?;
        if whole.len() > MAX_KEY_BYTES && self.folder.is_none() {
            let long =
                format!("{}: a key of {} bytes; S3 lets it have {MAX_KEY_BYTES}", self.place, whole.len());
            return Err(Error::Invalid(long));
        }
        if key.as_ref() != whole || !key.prefix_matches(&self.prefix) {
            return Err(Error::Invalid(format!("{relative:?} would not lie below {}", self.place)));
        }
        Ok(key)
    }

    /// The path of a key, if the store is on a disk.
    pub(crate) fn path(&self, relative: &str) -> Result<Option<PathBuf>, Error> {
        self.key(relative)?;
        Ok(self.folder.as_ref().map(|folder| folder.join(relative)))
    }

    /// The name below the root of a listed key.
    pub(crate) fn relative(&self, location: &Key) -> Option<String> {
        let parts = location.prefix_match(&self.prefix)?;
        Some(parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
    }

    /// All objects below a key, with names relative to the root, ordered.
    pub(crate) async fn list(&self, below: &str) -> Result<Vec<(String, ObjectMeta)>, Error> {
        let key = self.key(below)?;
        let listed = self.objects.list(Some(&key)).try_collect::<Vec<_>>().await;
        let listed = match listed {
            Err(object_store::Error::NotFound { .. }) if self.folder.is_some() => Vec::new(),
            listed => listed.map_err(|e| Error::store(&self.name(below), &e))?,
        };
        let mut found = Vec::with_capacity(listed.len());
        for meta in listed {
            if self.folder.is_some() && meta.location.filename().is_some_and(local::is_partial) {
                continue;
            }
            let Some(name) = self.relative(&meta.location) else {
                return Err(Error::Unavailable(format!(
                    "{}: the store lists keys of other prefixes",
                    self.place
                )));
            };
            found.push((name, meta));
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    /// The metadata of an object, if there is one.
    pub(crate) async fn head(&self, relative: &str) -> Result<Option<ObjectMeta>, Error> {
        match self.objects.head(&self.key(relative)?).await {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => match Error::store(&self.name(relative), &e) {
                Error::Denied(_) if self.lacks(relative).await => Ok(None),
                e => Err(e),
            },
            Ok(meta) => Ok(Some(meta)),
        }
    }

    /// Whether a list says that there is no such object. Some stores answer 403 instead of 404 to a request for one.
    async fn lacks(&self, relative: &str) -> bool {
        let above = relative.rsplit_once('/').map_or("", |(above, _)| above);
        self.list(above).await.is_ok_and(|listed| listed.iter().all(|(name, _)| name != relative))
    }

    /// Reads an object; with an ETag, only if it still has that.
    pub(crate) async fn read(&self, relative: &str, etag: Option<String>) -> Result<Content, Error> {
        let place = self.name(relative);
        let options = GetOptions { if_match: etag, ..GetOptions::default() };
        let result = self.objects.get_opts(&self.key(relative)?, options).await.map_err(|e| match e {
            object_store::Error::Precondition { .. } => {
                Error::Corrupt(format!("{place}: replaced since it was listed"))
            }
            e => Error::store(&place, &e),
        })?;
        let size = result.meta.size;
        let stream = match result.payload {
            GetResultPayload::File(file, path) => {
                let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK_BYTES);
                stream.map_err(move |e| Error::file(&path, &e)).boxed()
            }
            GetResultPayload::Stream(stream) => {
                let place = place.clone();
                stream.map_err(move |e| Error::store(&place, &e)).boxed()
            }
        };
        Ok(Content { size, stream: checked(stream, place, size, None) })
    }

    /// Reads some bytes of an object. The content's size is that of the whole object.
    pub(crate) async fn read_range(&self, relative: &str, range: Range<u64>) -> Result<Content, Error> {
        let place = self.name(relative);
        let length = range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let result = self.objects.get_opts(&self.key(relative)?, options).await;
        let result = result.map_err(|e| Error::store(&place, &e))?;
        let size = result.meta.size;
        let stream = {
            let place = place.clone();
            result.into_stream().map_err(move |e| Error::store(&place, &e)).boxed()
        };
        Ok(Content { size, stream: checked(stream, place, length, None) })
    }

    /// The length and SHA-256 of an object, if there is one. Reads it whole.
    pub(crate) async fn digest(&self, relative: &str) -> Result<Option<(u64, String)>, Error> {
        let mut content = match self.read(relative, None).await {
            Err(Error::NotFound(_)) => return Ok(None),
            Err(Error::Denied(_)) if self.lacks(relative).await => return Ok(None),
            content => content?,
        };
        let mut sha256 = Sha256::new();
        while let Some(bytes) = content.stream.try_next().await? {
            sha256.update(&bytes);
        }
        Ok(Some((content.size, hex(&sha256.finalize()))))
    }

    /// Removes an object, if there is one.
    pub(crate) async fn remove(&self, relative: &str) -> Result<(), Error> {
        match self.objects.delete(&self.key(relative)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(Error::store(&self.name(relative), &e)),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.place).finish()
    }
}

/// Passes bytes on. If they are not as many as expected, or have another SHA-256, an error comes in place of the last ones: a
/// client that was told the length does not wait for anything behind them.
pub(crate) fn checked(
    stream: BoxStream<'static, Result<Bytes, Error>>,
    place: String,
    size: u64,
    expected: Option<String>,
) -> BoxStream<'static, Result<Bytes, Error>> {
    let sha256 = Sha256::new();
    let state = Checked { stream, sha256, seen: 0, place, size, expected };
    futures_util::stream::try_unfold(state, Checked::next).boxed()
}

/// A stream that is being checked.
struct Checked {
    stream: BoxStream<'static, Result<Bytes, Error>>,
    sha256: Sha256,
    /// Bytes so far.
    seen: u64,
    place: String,
    size: u64,
    expected: Option<String>,
}

impl Checked {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        let (place, size) = (&self.place, self.size);
        let bytes = self.stream.try_next().await?;
        self.seen += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if self.seen > size || (bytes.is_none() && self.seen < size) {
            return Err(Error::Corrupt(format!(
                "{place}: cut off or changed: {} of {size} bytes",
                self.seen
            )));
        }
        if let Some(expected) = &self.expected {
            bytes.iter().for_each(|bytes| self.sha256.update(bytes));
            if self.seen == size && hex(&self.sha256.clone().finalize()) != *expected {
                return Err(Error::Corrupt(format!("{place}: not what was published (SHA-256)")));
            }
        }
        Ok(bytes.map(|bytes| (bytes, self)))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `(bucket, prefix)` of `s3://bucket/prefix`. The bucket becomes part of a URL, so its characters are checked.
fn split<'a>(root: &'a str, scheme: &str) -> Result<Option<(&'a str, &'a str)>, Error> {
    let Some(rest) = root.strip_prefix(scheme) else { return Ok(None) };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(legal) || bucket.contains("..") {
        let rule = "3 to 63 lower-case letters, digits, hyphens and dots";
        return Err(Error::Invalid(format!("the bucket in {scheme}BUCKET/prefix must have {rule}")));
    }
    Ok(Some((bucket, prefix.trim_end_matches('/'))))
}

fn options() -> ClientOptions {
    ClientOptions::new().with_timeout(Duration::from_secs(60)).with_read_timeout(Duration::from_secs(30))
}

/// A store that answers 503 to three requests of four is slow, not down: 40 retries in a minute at most.
fn retries() -> RetryConfig {
    let (init_backoff, max_backoff) = (Duration::from_millis(50), Duration::from_secs(1));
    RetryConfig {
        backoff: BackoffConfig { init_backoff, max_backoff, ..Default::default() },
        max_retries: 40,
        retry_timeout: Duration::from_secs(60),
    }
}

fn s3(bucket: &str, settings: &Settings) -> Result<Arc<dyn ObjectStore>, Error> {
    for (one, other) in
        [("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")]
    {
        if settings.get(one).is_some() && settings.get(other).is_none() {
            return Err(Error::Invalid(format!("{one} is set, but {other} is not")));
        }
    }
    for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"] {
        let in_clear =
            settings.get("AWS_ALLOW_HTTP").is_some_and(|allowed| allowed.eq_ignore_ascii_case("true"));
        check_endpoint(name, settings.get(name), "AWS_ALLOW_HTTP=true", in_clear)?;
    }
    // Many stores cannot remove several objects in one request.
    let mut builder = AmazonS3Builder::new()
        .with_client_options(options())
        .with_retry(retries())
        .with_disable_bulk_delete(true)
        .with_http_connector(Connector::new(settings)?);
    for (name, value) in settings.of("AWS_") {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder.with_bucket_name(bucket).build();
    Ok(Arc::new(store.map_err(|e| Error::Invalid(format!("the settings AWS_… cannot be used: {e}")))?))
}

fn azure(container: &str, settings: &Settings) -> Result<Arc<dyn ObjectStore>, Error> {
    let in_clear =
        settings.get("AZURE_ALLOW_HTTP").is_some_and(|allowed| allowed.eq_ignore_ascii_case("true"));
    let endpoint = settings.get("AZURE_STORAGE_ENDPOINT").or_else(|| settings.get("AZURE_ENDPOINT"));
    check_endpoint("AZURE_STORAGE_ENDPOINT", endpoint, "AZURE_ALLOW_HTTP=true", in_clear)?;
    let mut builder = MicrosoftAzureBuilder::new()
        .with_client_options(options())
        .with_retry(retries())
        .with_http_connector(Connector::new(settings)?);
    for (name, value) in settings.of("AZURE_") {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder.with_container_name(container).build();
    Ok(Arc::new(store.map_err(|e| Error::Invalid(format!("the settings AZURE_… cannot be used: {e}")))?))
}

/// Checks that an endpoint is a URL with TLS, unless one without is allowed.
fn check_endpoint(name: &str, value: Option<&str>, allow: &str, in_clear: bool) -> Result<(), Error> {
    let Some(value) = value else { return Ok(()) };
    let url = value.parse::<http::Uri>().ok().filter(|url| url.host().is_some());
    match url.as_ref().and_then(http::Uri::scheme_str) {
        Some("https") => Ok(()),
        Some("http") if in_clear => Ok(()),
        Some("http") => Err(Error::Invalid(format!(
            "{name} is without TLS, so that bills could be read on the way: use https, or set {allow}"
        ))),
        _ => Err(Error::Invalid(format!("{name} must be a URL such as https://s3.example.com"))),
    }
}
