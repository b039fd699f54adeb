//! A staged folder becomes a version of a bill.

use crate::key::PRIVATE;
use crate::manifest::{Manifest, ManifestHead, NAME};
use crate::put::{Outcome, Source};
use crate::store::{Store, hex};
use crate::{BillPrefix, Error, FileEntry, local, stage};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What [`Bills::publish`](crate::Bills::publish) did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The version that has these lines.
    pub version: u32,
    /// Its place below the root: `acme/2026-10/3947/v1/`.
    pub prefix: String,
    /// Whether this call wrote anything; else the same bill was there already.
    pub written: bool,
    /// What it consists of.
    pub manifest: Manifest,
}

/// The files of one version as they are listed, by name, with their lengths.
type Listed = BTreeMap<String, u64>;

impl Store {
    pub(crate) async fn publish(
        &self,
        bill: &BillPrefix,
        staged: &Path,
        head: &ManifestHead,
    ) -> Result<Published, Error> {
        let folder = staged.to_owned();
        let files = tokio::task::spawn_blocking(move || stage::read(&folder)).await.expect("no panic")?;
        let versions = self.versions(bill).await?;
        // What is corrected may lie in another folder, or have been lost: its number stays its own.
        if let Some(latest) = complete(&versions).filter(|latest| Some(*latest) > head.corrects) {
            let manifest = self.manifest(bill, latest).await?;
            if manifest.bills_the_same(&files) && manifest.is_final == head.is_final {
                self.check(bill, &manifest).await?;
                self.remove_unfinished(bill, &versions, latest).await?;
                let prefix = bill.of_version(latest);
                return Ok(Published { version: latest, prefix, written: false, manifest });
            }
        }
        let manifest = self.manifest_for(bill, &versions, head, files).await?;
        self.write(bill, staged, &manifest).await?;
        self.remove_unfinished(bill, &versions, manifest.version).await?;
        let (version, prefix) = (manifest.version, bill.of_version(manifest.version));
        Ok(Published { version, prefix, written: true, manifest })
    }

    /// The newest complete version, if there is one.
    pub(crate) async fn latest(&self, bill: &BillPrefix) -> Result<Option<Manifest>, Error> {
        match complete(&self.versions(bill).await?) {
            Some(latest) => self.manifest(bill, latest).await.map(Some),
            None => Ok(None),
        }
    }

    /// What there is of a bill, complete or not.
    async fn versions(&self, bill: &BillPrefix) -> Result<BTreeMap<u32, Listed>, Error> {
        let below = bill.to_string();
        let mut versions = BTreeMap::<u32, Listed>::new();
        for (name, meta) in self.list(below.trim_end_matches('/')).await? {
            let parts = name.strip_prefix(&below).and_then(|name| name.split_once('/'));
            // Other folders may lie here: a customer's own folder can be named like another one's month.
            let Some((version, file)) = parts else { continue };
            let number = version.strip_prefix('v').and_then(|number| number.parse().ok());
            if let Some(number) = number.filter(|number| version == format!("v{number}")) {
                versions.entry(number).or_default().insert(file.to_owned(), meta.size);
            }
        }
        Ok(versions)
    }

    /// Whether all files of a bill are what its manifest says.
    async fn check(&self, bill: &BillPrefix, manifest: &Manifest) -> Result<(), Error> {
        let prefix = bill.of_version(manifest.version);
        for file in &manifest.files {
            let place = prefix.clone() + &file.name;
            if self.there(&place, file).await? != Some(Outcome::Ours) {
                return Err(Error::Corrupt(format!(
                    "{}: is not what its manifest says; put back the file that was published (tenantry bill verify)",
                    self.name(&place)
                )));
            }
        }
        Ok(())
    }

    /// Where a new bill goes: on with one that died half-way, if all that is there of it is ours; else to the next
    /// number that nobody has begun with. So nobody's file is ever replaced, not even a dead one's: it may yet turn
    /// out to be alive.
    async fn manifest_for(
        &self,
        bill: &BillPrefix,
        versions: &BTreeMap<u32, Listed>,
        head: &ManifestHead,
        files: Vec<FileEntry>,
    ) -> Result<Manifest, Error> {
        let mut manifest =
            Manifest::new(bill, complete(versions).max(head.corrects).unwrap_or(0) + 1, head, files)?;
        while !self.is_ours(bill, &manifest, versions.get(&manifest.version)).await? {
            manifest.version += 1;
        }
        Ok(manifest)
    }

    /// Whether what is there of this version, if anything, belongs to this very bill.
    async fn is_ours(
        &self,
        bill: &BillPrefix,
        manifest: &Manifest,
        listed: Option<&Listed>,
    ) -> Result<bool, Error> {
        for (name, size) in listed.into_iter().flatten() {
            let Some(file) = manifest.file(name).filter(|file| file.size == *size) else { return Ok(false) };
            let place = bill.of_version(manifest.version) + name;
            if self.there(&place, file).await? == Some(Outcome::Theirs) {
                return Ok(false);
            }
        }
        if self.folder().is_some() {
            return Ok(true);
        }
        let (_, expected) = described(manifest);
        Ok(self.there(&claim(bill, manifest.version), &expected).await? != Some(Outcome::Theirs))
    }

    async fn write(&self, bill: &BillPrefix, staged: &Path, manifest: &Manifest) -> Result<(), Error> {
        let prefix = bill.of_version(manifest.version);
        let contended = || {
            let text = format!("{}: somebody else is publishing this bill just now", self.name(&prefix));
            Error::Contended(text)
        };
        let (bytes, expected) = described(manifest);
        let bytes = Source::Bytes(bytes);
        // Not every store can complete an upload in parts on condition that nothing is there. Every one can put a small
        // object so: who has put this one has the number, for ever.
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
            self.settle(folder).await?;
        }
        let place = prefix.clone() + NAME;
        if self.put(&place, &bytes, &expected).await? == Outcome::Theirs {
            return Err(contended());
        }
        // Another run, if there is one against all leases, removes what it takes for a dead one's remains, or has
        // published a newer version meanwhile.
        let mut versions = self.versions(bill).await?;
        let newest = complete(&versions);
        let listed = versions.remove(&manifest.version).unwrap_or_default();
        let ours = manifest.files.iter().chain([&expected]).map(|file| (file.name.clone(), file.size));
        if listed != ours.collect::<Listed>() {
            self.remove(&place).await?;
            return Err(contended());
        }
        if newest == Some(manifest.version) { Ok(()) } else { Err(contended()) }
    }

    /// Before the manifest: no half copies, and the names of all folders above on the disk, whoever made them.
    async fn settle(&self, folder: PathBuf) -> Result<(), Error> {
        let root = self.folder().map(Path::to_owned).unwrap_or_default();
        let settled = tokio::task::spawn_blocking(move || {
            let done = local::sweep(&folder).and_then(|()| local::sync_up_to(&folder, &root));
            done.map_err(|e| Error::file(&folder, &e))
        });
        settled.await.expect("no panic")
    }

    /// Removes the versions without a manifest: what somebody left who died. Only the one who publishes does it.
    async fn remove_unfinished(
        &self,
        bill: &BillPrefix,
        versions: &BTreeMap<u32, Listed>,
        but: u32,
    ) -> Result<(), Error> {
        for (version, listed) in
            versions.iter().filter(|(version, listed)| **version != but && !is_complete(listed))
        {
            let prefix = bill.of_version(*version);
            // It may have come to life.
            if self.digest(&(prefix.clone() + NAME)).await?.is_some() {
                continue;
            }
            tracing::info!(place = self.name(&prefix), "removed: a bill without a manifest is none");
            // Should a manifest come while its files go, it goes too: better no bill than half of one.
            for name in listed.keys().map(String::as_str).chain([NAME]) {
                self.remove(&(prefix.clone() + name)).await?;
            }
            if let Some(folder) = self.path(prefix.trim_end_matches('/'))? {
                let removed = tokio::fs::remove_dir_all(&folder).await;
                removed.map_err(|e| Error::file(&folder, &e))?;
            }
        }
        Ok(())
    }
}

/// A manifest's bytes, and what they must be when they are read back.
fn described(manifest: &Manifest) -> (Bytes, FileEntry) {
    let bytes = Bytes::from(manifest.to_bytes());
    let (size, sha256) = (bytes.len() as u64, hex(&Sha256::digest(&bytes)));
    (bytes, FileEntry { name: NAME.to_owned(), size, sha256 })
}

/// Where is written, out of customers' sight, whose number a version is.
fn claim(bill: &BillPrefix, version: u32) -> String {
    format!("{PRIVATE}/claims/{}{NAME}", bill.of_version(version))
}

fn is_complete(listed: &Listed) -> bool {
    listed.contains_key(NAME)
}

fn complete(versions: &BTreeMap<u32, Listed>) -> Option<u32> {
    versions.iter().rev().find(|(_, listed)| is_complete(listed)).map(|(version, _)| *version)
}
