//! Publishes a staged folder as a version of a bill.

use crate::key::{Area, check_folder, version_number};
use crate::layout::CLAIMS;
use crate::manifest::{Manifest, ManifestHead, NAME, is_published};
use crate::put::{Outcome, Source};
use crate::read::save;
use crate::store::{Store, checked, hex};
use crate::{BillPrefix, Error, FileEntry, local, stage};
use bytes::Bytes;
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The result of [`Bills::publish`](crate::Bills::publish).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The version that has these lines.
    pub version: u32,
    /// Its key in the customer's folder, where a draft is once it is shown: `p1/acme/2026-10/3947/v1/`.
    pub prefix: String,
    /// Whether this call wrote anything. If not, the same bill was there already.
    pub written: bool,
    /// Its manifest.
    pub manifest: Manifest,
}

/// The listed files of one version with their lengths, by name. What lies in folders below it is not among them.
type Listed = BTreeMap<String, u64>;

/// The versions of a bill that were begun with, in the customer's folder and among the drafts.
type Versions = BTreeMap<(u32, Area), Listed>;

impl Store {
    pub(crate) async fn publish(
        &self,
        area: Area,
        bill: &BillPrefix,
        staged: &Path,
        head: &ManifestHead,
    ) -> Result<Published, Error> {
        check_folder(bill.folder())?;
        self.prepare().await?;
        let folder = staged.to_owned();
        let files = tokio::task::spawn_blocking(move || stage::read(&folder)).await.expect("no panic")?;
        let versions = self.versions(bill).await?;
        // The corrected version may be in another folder, or lost: its number is not used again.
        if let Some(latest) = complete(&versions).filter(|latest| Some(*latest) > head.corrects) {
            let manifest = self.manifest(bill, latest).await?;
            if manifest.bills_the_same(&files) && manifest.is_final == head.is_final {
                self.check(bill, &manifest).await?;
                self.remove_unfinished(bill, &versions, latest).await?;
                let prefix = bill.of_version(latest);
                return Ok(Published { version: latest, prefix, written: false, manifest });
            }
        }
        let manifest = self.manifest_for(area, bill, &versions, head, files).await?;
        self.write(area, bill, staged, &manifest).await?;
        self.remove_unfinished(bill, &versions, manifest.version).await?;
        let (version, prefix) = (manifest.version, bill.of_version(manifest.version));
        Ok(Published { version, prefix, written: true, manifest })
    }

    /// Copies a draft to its customer's folder. Its number is not used for anything else there, so that a copy that was
    /// interrupted is completed by the next call.
    pub(crate) async fn show(&self, bill: &BillPrefix, version: u32, scratch: &Path) -> Result<(), Error> {
        let (area, manifest) = self.find(bill, version).await?;
        if area == Area::Shown {
            return Ok(());
        }
        let (shown, draft) = (bill.of_version(version), bill.of_draft(version));
        let differs =
            |place: &str| Error::Corrupt(format!("{}: is not what the draft has", self.name(place)));
        for file in &manifest.files {
            let (from, to) = (draft.clone() + &file.name, shown.clone() + &file.name);
            // On a disk it becomes one file with two names.
            let (source, _copy) = match self.path(&from)? {
                Some(path) => (path, None),
                None => {
                    let copy =
                        tempfile::NamedTempFile::new_in(scratch).map_err(|e| Error::file(scratch, &e))?;
                    let stream = self.read(&from, None).await?.stream;
                    let stream = checked(stream, self.name(&from), file.size, Some(file.sha256.clone()));
                    save(stream, copy.path(), |_| Ok(())).await?;
                    (copy.path().to_owned(), Some(copy))
                }
            };
            if self.put(&to, &Source::File(source), file).await? == Outcome::Theirs {
                return Err(differs(&to));
            }
        }
        if let Some(folder) = self.path(shown.trim_end_matches('/'))? {
            self.sync_folder(folder).await?;
        }
        let bytes = self.read(&(draft + NAME), None).await?.stream.try_collect::<Vec<_>>().await?.concat();
        let (bytes, expected) = described(bytes.into());
        let to = shown + NAME;
        match self.put(&to, &Source::Bytes(bytes), &expected).await? {
            Outcome::Ours => Ok(()),
            Outcome::Theirs => Err(differs(&to)),
        }
    }

    /// The newest complete version, if there is one.
    pub(crate) async fn latest(&self, bill: &BillPrefix) -> Result<Option<Manifest>, Error> {
        match complete(&self.versions(bill).await?) {
            Some(latest) => self.manifest(bill, latest).await.map(Some),
            None => Ok(None),
        }
    }

    /// All versions of a bill, complete or not.
    async fn versions(&self, bill: &BillPrefix) -> Result<Versions, Error> {
        let mut versions = Versions::new();
        for area in Area::ALL {
            let below = area.key(&bill.to_string());
            for (name, meta) in self.list(below.trim_end_matches('/')).await? {
                let parts = name.strip_prefix(&below).and_then(|name| name.split_once('/'));
                let Some((version, file)) = parts.filter(|(_, file)| !file.contains('/')) else { continue };
                if let Some(number) = version_number(version) {
                    versions.entry((number, area)).or_default().insert(file.to_owned(), meta.size);
                }
            }
        }
        Ok(versions)
    }

    /// Checks that the files of a bill are those of its manifest.
    async fn check(&self, bill: &BillPrefix, manifest: &Manifest) -> Result<(), Error> {
        let (area, _) = self.find(bill, manifest.version).await?;
        let prefix = area.key(&bill.of_version(manifest.version));
        for file in &manifest.files {
            let place = prefix.clone() + &file.name;
            if self.compare(&place, file).await? != Some(Outcome::Ours) {
                return Err(Error::Corrupt(format!(
                    "{}: is not what its manifest says; put back the file that was published (tenantry admin bill verify)",
                    self.name(&place)
                )));
            }
        }
        Ok(())
    }

    /// The manifest of a new version. Its number is that of an interrupted publication with the same bytes, or else the next
    /// one that was not begun with: no file is ever replaced, because an interrupted publisher may still be at work.
    async fn manifest_for(
        &self,
        area: Area,
        bill: &BillPrefix,
        versions: &Versions,
        head: &ManifestHead,
        files: Vec<FileEntry>,
    ) -> Result<Manifest, Error> {
        let mut manifest =
            Manifest::new(bill, complete(versions).max(head.corrects).unwrap_or(0) + 1, head, files)?;
        let is_begun_elsewhere = |version: u32| {
            Area::ALL.into_iter().any(|other| other != area && versions.contains_key(&(version, other)))
        };
        while is_begun_elsewhere(manifest.version)
            || !self.is_ours(area, bill, &manifest, versions.get(&(manifest.version, area))).await?
        {
            manifest.version += 1;
        }
        Ok(manifest)
    }

    /// Whether all that there is of this version has the bytes of this bill.
    async fn is_ours(
        &self,
        area: Area,
        bill: &BillPrefix,
        manifest: &Manifest,
        listed: Option<&Listed>,
    ) -> Result<bool, Error> {
        for (name, size) in listed.into_iter().flatten() {
            let Some(file) = manifest.file(name).filter(|file| file.size == *size) else { return Ok(false) };
            let place = area.key(&(bill.of_version(manifest.version) + name));
            if self.compare(&place, file).await? == Some(Outcome::Theirs) {
                return Ok(false);
            }
        }
        if self.folder().is_some() {
            return Ok(true);
        }
        let (_, expected) = described(manifest.to_bytes().into());
        Ok(self.compare(&claim(bill, manifest.version), &expected).await? != Some(Outcome::Theirs))
    }

    async fn write(
        &self,
        area: Area,
        bill: &BillPrefix,
        staged: &Path,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        let prefix = area.key(&bill.of_version(manifest.version));
        let contended = || {
            let text = format!("{}: another process is publishing this bill", self.name(&prefix));
            Error::Contended(text)
        };
        let (bytes, expected) = described(manifest.to_bytes().into());
        let bytes = Source::Bytes(bytes);
        // Not every store can complete a multipart upload on condition, but each can put a small object so. The number of a
        // version belongs to the bill whose claim was put first, for ever.
        if self.folder().is_none()
            && self.put(&claim(bill, manifest.version), &bytes, &expected).await? == Outcome::Theirs
        {
            return Err(contended());
        }
        for file in &manifest.files {
            let source = Source::File(staged.join(&file.name));
            if self.put(&(prefix.clone() + &file.name), &source, file).await? == Outcome::Theirs {
                return Err(contended());
            }
        }
        if let Some(folder) = self.path(prefix.trim_end_matches('/'))? {
            self.sync_folder(folder).await?;
        }
        let place = prefix.clone() + NAME;
        if self.put(&place, &bytes, &expected).await? == Outcome::Theirs {
            return Err(contended());
        }
        // A run that has lost its lease may still be at work: it may have removed these files as those of an interrupted
        // publication, or have published a newer version, or this one in the other area.
        let mut versions = self.versions(bill).await?;
        let newest = complete(&versions);
        let listed = versions.remove(&(manifest.version, area)).unwrap_or_default();
        let is_elsewhere = versions.keys().any(|(version, _)| *version == manifest.version);
        let ours = manifest.files.iter().chain([&expected]).map(|file| (file.name.clone(), file.size));
        if is_elsewhere || listed != ours.collect::<Listed>() {
            self.remove(&place).await?;
            return Err(contended());
        }
        if newest == Some(manifest.version) { Ok(()) } else { Err(contended()) }
    }

    /// Prepares a folder for its manifest: removes unfinished copies, and syncs the names of all folders above.
    async fn sync_folder(&self, folder: PathBuf) -> Result<(), Error> {
        let root = self.folder().map(Path::to_owned).unwrap_or_default();
        let synced = tokio::task::spawn_blocking(move || {
            let done = local::sweep(&folder).and_then(|()| local::sync_up_to(&folder, &root));
            done.map_err(|e| Error::file(&folder, &e))
        });
        synced.await.expect("no panic")
    }

    /// Removes the files of versions without a manifest, which interrupted publications left. Only files that are named like
    /// those of bills go, and none that lies below a folder with a manifest.
    async fn remove_unfinished(&self, bill: &BillPrefix, versions: &Versions, but: u32) -> Result<(), Error> {
        for ((version, area), listed) in versions {
            // What is being copied to the customer's folder is complete among the drafts.
            let is_draft = || versions.get(&(*version, Area::Drafts)).is_some_and(is_complete);
            if *version == but || is_complete(listed) || is_draft() {
                continue;
            }
            let prefix = area.key(&bill.of_version(*version));
            // The publisher may have gone on meanwhile.
            if self.lies_in_a_bill(&prefix).await? {
                continue;
            }
            tracing::info!(place = self.name(&prefix), "removing the files of an interrupted publication");
            for name in listed.keys().filter(|name| is_published(name)) {
                self.remove(&(prefix.clone() + name)).await?;
            }
            // A manifest that arrived while its files went is that of no bill.
            self.remove(&(prefix.clone() + NAME)).await?;
            if let Some(folder) = self.path(prefix.trim_end_matches('/'))? {
                let removed = tokio::task::spawn_blocking(move || {
                    let removed = local::sweep(&folder).and_then(|()| local::remove_if_empty(&folder));
                    removed.map_err(|e| Error::file(&folder, &e))
                });
                removed.await.expect("no panic")?;
            }
        }
        Ok(())
    }

    /// Whether a folder, or one above it, has a manifest.
    async fn lies_in_a_bill(&self, prefix: &str) -> Result<bool, Error> {
        for (end, _) in prefix.match_indices('/') {
            if self.digest(&format!("{}/{NAME}", &prefix[..end])).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A manifest's bytes, and their description.
fn described(bytes: Bytes) -> (Bytes, FileEntry) {
    let (size, sha256) = (bytes.len() as u64, hex(&Sha256::digest(&bytes)));
    (bytes, FileEntry { name: NAME.to_owned(), size, sha256 })
}

/// The key of a version's claim, which customers cannot read.
fn claim(bill: &BillPrefix, version: u32) -> String {
    format!("{CLAIMS}{}{NAME}", bill.of_version(version))
}

fn is_complete(listed: &Listed) -> bool {
    listed.contains_key(NAME)
}

fn complete(versions: &Versions) -> Option<u32> {
    versions.iter().rev().find(|(_, listed)| is_complete(listed)).map(|((version, _), _)| *version)
}
