//! Whole exports of invoices in an object store: a folder for each, whose manifest comes last.

use crate::error::Error;
use crate::put::{Outcome, Source};
use crate::settings::Settings;
use crate::stage::entry;
use crate::store::Store;
use std::path::{Path, PathBuf};

/// An object store of exports, below a root. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Exports(Store);

impl Exports {
    /// Opens `s3://bucket/prefix` or `az://container/prefix`; connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other root, or if a setting cannot be used.
    pub fn open(root: &str, settings: &Settings) -> Result<Self, Error> {
        if root.starts_with("file:") {
            return Err(Error::Invalid(
                "exports are kept in s3://bucket/prefix or az://container/prefix".into(),
            ));
        }
        Store::open(root, settings).map(Exports)
    }

    /// What a bill run calls the folder: a source.
    pub fn source(&self, folder: &str) -> String {
        self.0.name(folder)
    }

    /// The length in bytes of a folder's files besides its manifest; `None` while it is not whole.
    ///
    /// # Errors
    /// What the store says.
    pub async fn whole(&self, folder: &str, manifest: &str) -> Result<Option<u64>, Error> {
        let last = format!("{folder}/{manifest}");
        let listed = self.0.list(folder).await?;
        let is_whole = listed.iter().any(|(name, _)| *name == last);
        let files = listed.iter().filter(|(name, _)| *name != last);
        Ok(is_whole.then(|| files.map(|(_, meta)| meta.size).sum()))
    }

    /// Puts the files of a local folder, which do not change, and then its manifest. A folder that is whole is left as it is.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if another process writes the same folder; else what the disk or the store says.
    pub async fn put(&self, from: &Path, folder: &str, manifest: &str) -> Result<(), Error> {
        if self.whole(folder, manifest).await?.is_some() {
            return Ok(());
        }
        let (root, last) = (from.to_owned(), manifest.to_owned());
        let listed = tokio::task::spawn_blocking(move || files(&root, &last));
        for name in listed.await.expect("no panic")? {
            let (path, shown) = (from.join(&name), name.clone());
            let described = tokio::task::spawn_blocking(move || entry(shown, &path));
            let expected = described.await.expect("no panic")?;
            let (relative, source) = (format!("{folder}/{name}"), Source::File(from.join(&name)));
            if self.0.put(&relative, &source, &expected).await? == Outcome::Theirs {
                // Without a manifest it is what an interrupted try has left, of other bytes of the same data.
                self.0.remove(&relative).await?;
                if self.0.put(&relative, &source, &expected).await? == Outcome::Theirs {
                    let place = self.0.name(&relative);
                    return Err(Error::Corrupt(format!("{place}: another process writes it")));
                }
            }
        }
        Ok(())
    }
}

/// The names of all files below a folder, the manifest last.
fn files(root: &Path, manifest: &str) -> Result<Vec<String>, Error> {
    let (mut names, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = folders.pop() {
        let folder = root.join(&below);
        let failed = |e: std::io::Error| Error::file(&folder, &e);
        for found in folder.read_dir().map_err(failed)? {
            let found = found.map_err(failed)?;
            let path = below.join(found.file_name());
            match found.file_type().map_err(failed)?.is_dir() {
                true => folders.push(path),
                false => names.push(path.display().to_string()),
            }
        }
    }
    names.sort();
    names.sort_by_key(|name| name == manifest);
    Ok(names)
}
