//! Invoices come here before they are read: from a store to a local file or folder; a local one is read in place.

use crate::read::save;
use crate::store::Store;
use crate::{Error, Settings};
use object_store::ObjectMeta;
use std::path::{Component, Path, PathBuf};

/// The most files that a folder may have.
const MOST_FILES: usize = 10_000;

/// What sources may be.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// `file:` sources lie below this folder; without one there are none.
    pub folder: Option<PathBuf>,
    /// The most bytes a source may have, all its files together.
    pub max_bytes: u64,
    /// Credentials for `s3://` and `az://`.
    pub settings: Settings,
}

/// A source that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spooled {
    /// What it is called in errors and reports: the source as it was given.
    pub name: String,
    /// The file, or the folder of a Graph export.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Brings a source (`s3://bucket/key`, `az://container/key`, `file:PATH`, each a file or, for a Graph export, a folder)
/// to where it can be read: below the folder `to`, which belongs to this source alone, or in place. `progress` is told
/// how many bytes are here and how many there will be; where it says `false`, the work ends with [`Error::Cancelled`].
/// A repetition begins anew.
///
/// # Errors
/// [`Error::Invalid`] for a source that is none or lies outside the folder, [`Error::TooLarge`], [`Error::Corrupt`] if
/// it is cut off or is exchanged while it is read; else what the store says.
pub async fn spool(
    source: &str,
    allowed: &Allowed,
    to: &Path,
    progress: &(dyn Fn(u64, u64) -> bool + Send + Sync),
) -> Result<Spooled, Error> {
    let (path, bytes) = if let Some(path) = source.strip_prefix("file:") {
        let (path, allowed) = (path.to_owned(), allowed.clone());
        let found = tokio::task::spawn_blocking(move || in_place(&path, &allowed));
        found.await.expect("no panic")?
    } else if source.starts_with("s3://") || source.starts_with("az://") {
        download(source, allowed, to, progress).await?
    } else {
        let known = "s3://bucket/key, az://container/key or file:PATH";
        let shown = source.split_once(':').map_or(source, |(scheme, _)| scheme);
        return Err(Error::Invalid(format!("{shown:?}… is no source: it must be {known}")));
    };
    if !progress(bytes, bytes) {
        return Err(Error::Cancelled);
    }
    Ok(Spooled { name: source.to_owned(), path, bytes })
}

/// A local source, links followed, if it then still lies below the folder.
fn in_place(given: &str, allowed: &Allowed) -> Result<(PathBuf, u64), Error> {
    let Some(folder) = &allowed.folder else {
        let text = "file: sources are switched off: no folder for them is configured";
        return Err(Error::Invalid(text.into()));
    };
    let folder = folder.canonicalize().map_err(|e| Error::file(folder, &e))?;
    let outside = || Error::Invalid(format!("file:{given} does not lie below the folder for sources"));
    let path = Path::new(given.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(given));
    let configured = std::path::absolute(allowed.folder.as_deref().unwrap_or(&folder)).unwrap_or_default();
    let path = folder.join(path.strip_prefix(configured).unwrap_or(path));
    // Looked at before the disk is asked: what lies outside is not even said to be there.
    let plain = path.strip_prefix(&folder).is_ok_and(|relative| {
        relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    });
    if !plain {
        return Err(outside());
    }
    let missing = |e: &std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound(format!("file:{given}: there is no such file")),
        _ => Error::Unavailable(format!("file:{given}: {e}")),
    };
    let (mut bytes, mut files, mut folders) = (0, 0, vec![path.clone()]);
    while let Some(entry) = folders.pop() {
        let real = entry.canonicalize().map_err(|e| missing(&e))?;
        if !real.starts_with(&folder) {
            return Err(outside());
        }
        let meta = real.metadata().map_err(|e| missing(&e))?;
        if meta.is_dir() {
            let links = entry != path && entry.is_symlink();
            if links {
                return Err(Error::Invalid(format!("file:{given}: a folder in it is a link")));
            }
            for entry in real.read_dir().map_err(|e| missing(&e))? {
                folders.push(entry.map_err(|e| missing(&e))?.path());
            }
        } else if meta.is_file() {
            bytes += meta.len();
            files += 1;
        } else {
            return Err(Error::Invalid(format!("file:{given} is neither a file nor a folder")));
        }
        bounded(given, bytes, files + folders.len(), allowed)?;
    }
    Ok((path.canonicalize().map_err(|e| missing(&e))?, bytes))
}

/// An object, or all that lie below it, to a file or folder of the same name.
async fn download(
    source: &str,
    allowed: &Allowed,
    to: &Path,
    progress: &(dyn Fn(u64, u64) -> bool + Send + Sync),
) -> Result<(PathBuf, u64), Error> {
    let (bucket, key) = source.split_at(5 + source[5..].find('/').unwrap_or(source.len() - 5));
    let folder = key.ends_with('/');
    let key = key.trim_start_matches('/').trim_end_matches('/');
    let Some(name) = key.rsplit('/').next().filter(|name| !name.is_empty()) else {
        return Err(Error::Invalid(format!("{source} names no file in its bucket")));
    };
    let store = Store::open(bucket, &allowed.settings)?;
    let one = if folder { None } else { store.head(key).await? };
    let objects: Vec<(PathBuf, String, ObjectMeta)> = match one {
        Some(meta) => vec![(PathBuf::from(name), key.to_owned(), meta)],
        None => {
            let below = format!("{key}/");
            let listed = store.list(key).await?.into_iter();
            listed
                .filter_map(|(at, meta)| Some((Path::new(name).join(at.strip_prefix(&below)?), at, meta)))
                .collect()
        }
    };
    if objects.is_empty() {
        return Err(Error::NotFound(format!("{source}: there is no such file, and no folder with files")));
    }
    let total = objects.iter().map(|(.., meta)| meta.size).sum();
    bounded(source, total, objects.len(), allowed)?;
    let failed = |path: &Path, e: &std::io::Error| Error::file(path, e);
    let target = to.join(name);
    // What an earlier try left of a folder must not be taken for a part of it.
    match tokio::fs::remove_dir_all(&target).await {
        Err(e) if target.is_dir() => return Err(failed(&target, &e)),
        _ => {}
    }
    let mut before = 0;
    for (path, at, meta) in objects {
        let path = to.join(path);
        let parent = path.parent().unwrap_or(to);
        tokio::fs::create_dir_all(parent).await.map_err(|e| failed(parent, &e))?;
        let content = store.read(&at, meta.e_tag).await?;
        if content.size != meta.size {
            let place = store.name(&at);
            return Err(Error::Corrupt(format!("{place}: exchanged for another since it was listed")));
        }
        let at = |here: u64| if progress(before + here, total) { Ok(()) } else { Err(Error::Cancelled) };
        save(content.stream, &path, at).await?;
        before += content.size;
    }
    Ok((target, total))
}

fn bounded(source: &str, bytes: u64, files: usize, allowed: &Allowed) -> Result<(), Error> {
    if bytes > allowed.max_bytes {
        let most = allowed.max_bytes;
        return Err(Error::TooLarge(format!("{source} has {bytes} bytes or more; {most} are allowed")));
    }
    if files > MOST_FILES {
        return Err(Error::TooLarge(format!("{source} has more than {MOST_FILES} files")));
    }
    Ok(())
}
