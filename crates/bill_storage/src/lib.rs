//! Stores bills and ledgers, and fetches the invoices they are made from: in a folder, in S3 and compatible stores, in Azure
//! Blob.
//!
//! ```text
//! {root}/p{partner}/{folder}/{billing_period}/{customer_id}/v{n}/   one version of a bill: its files, and manifest.json last
//! {root}/p{partner}/{folder}/index.json                             the current version of each bill in the folder
//! {root}/_runs/drafts/p{partner}/…                                  drafts: versions that were not made for the customer's folder
//! {root}/_runs/p{partner}/…                                         ledgers, for the partner alone, with digests in their names
//! {root}/_runs/claims/p{partner}/…                                  which bill a version's number belongs to; not on a disk
//! {root}/_runs/layout.json                                          the layout's marker
//! ```
//!
//! A bill is in the store as a whole and once, or not at all:
//!
//! - Every file is put only where there is none, and then read back. Its SHA-256 decides, not the store's response: stores
//!   answer *conflict*, or nothing, to puts that they have executed.
//! - A folder without a manifest is not a bill. An interrupted publication is continued under the same number if its bytes are
//!   the same; otherwise its files are removed once the next version is complete.
//! - The same lines are the same version: nothing is written once the files there were read and match their manifest. Other
//!   lines are the next version, and so is a final bill of the same lines. A version with a manifest is never changed or removed.
//! - A version is a draft or in its customer's folder, under one numbering. A draft that is shown is copied there, its manifest
//!   last, under the same number; from then on the copy is read.
//!
//! The crate knows no rules, prices or database, and reads no clock.

mod document;
mod error;
mod exact;
mod exports;
mod http;
mod index;
mod key;
mod layout;
mod local;
mod manifest;
mod publish;
mod put;
mod read;
mod relocate;
mod replace;
mod settings;
mod spool;
mod stage;
mod store;
mod verify;

pub use document::Document;
pub use error::Error;
pub use exports::Exports;
pub use index::{IndexedBill, IndexedVersion, NAME as INDEX, index_bytes};
pub use key::{BillPrefix, PRIVATE, partner_segment};
pub use layout::Layout;
pub use manifest::{FileEntry, Manifest, ManifestHead, NAME as MANIFEST, Schema};
pub use publish::Published;
pub use read::{OpenFile, RangeOf};
pub use relocate::{Owners, Relocated};
pub use replace::ObjectVersion;
pub use settings::Settings;
pub use spool::{Allowed, Spooled, spool};
pub use verify::{Total, VerifiedBill, VerifiedLedgers, VerifyReport};

use crate::key::Area;
use std::path::{Path, PathBuf};

/// An object store below a root. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bills(store::Store);

/// Files of a store on a disk that other users of the machine can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// How many files and folders.
    pub count: usize,
    /// The first few of them.
    pub examples: Vec<PathBuf>,
}

impl Bills {
    /// Opens the root `file:PATH`, `s3://bucket/prefix` or `az://container/prefix`. Connects to nothing; a folder is made
    /// with the first bill.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the root or a setting cannot be used.
    pub fn open(root: &str, settings: &Settings) -> Result<Self, Error> {
        store::Store::open(root, settings).map(Bills)
    }

    /// Publishes every file of a staged folder as a version of a bill, as the crate's documentation says. Only the holder of
    /// the run's lease may call it: it removes what an interrupted publication left. The staged files must not change
    /// afterwards: on the same disk they become the bill's by a link.
    ///
    /// # Errors
    /// [`Error::Contended`] if another process writes this version; [`Error::Invalid`] if the staged folder is not a bill, or
    /// the store has the old layout or cannot put on condition; [`Error::Corrupt`] if the same bill is there, but not as its
    /// manifest says.
    pub async fn publish(
        &self,
        bill: &BillPrefix,
        staged: &Path,
        head: &ManifestHead,
    ) -> Result<Published, Error> {
        self.0.publish(Area::Shown, bill, staged, head).await
    }

    /// Publishes as [`Bills::publish`] does, but as a draft, which lies outside its customer's folder until [`Bills::show`].
    ///
    /// # Errors
    /// Those of [`Bills::publish`].
    pub async fn publish_draft(
        &self,
        bill: &BillPrefix,
        staged: &Path,
        head: &ManifestHead,
    ) -> Result<Published, Error> {
        self.0.publish(Area::Drafts, bill, staged, head).await
    }

    /// Copies a draft to its customer's folder. Changes nothing if that has the version already. Can be interrupted and
    /// repeated. `scratch`: an existing folder, needed unless the store is on a disk.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such version; [`Error::Corrupt`] if the draft is not as its manifest says, or the
    /// folder has another file in its place.
    pub async fn show(&self, bill: &BillPrefix, version: u32, scratch: &Path) -> Result<(), Error> {
        self.0.show(bill, version, scratch).await
    }

    /// Whether the store is on a disk of this machine.
    pub fn is_on_disk(&self) -> bool {
        self.0.folder().is_some()
    }

    /// The manifest of the newest complete version, if there is one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it cannot be read.
    pub async fn latest(&self, bill: &BillPrefix) -> Result<Option<Manifest>, Error> {
        self.0.latest(bill).await
    }

    /// The manifest of a version.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such complete version.
    pub async fn manifest(&self, bill: &BillPrefix, version: u32) -> Result<Manifest, Error> {
        self.0.manifest(bill, version).await
    }

    /// Opens a file of a bill that its manifest names, or `manifest.json` itself.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the bill has no such file.
    pub async fn open_file(&self, bill: &BillPrefix, version: u32, name: &str) -> Result<OpenFile, Error> {
        self.0.open_file(bill, version, name, &|_, _| None).await
    }

    /// Opens a file of a bill as [`Bills::open_file`] does, to read some of its bytes: `range` is told its length and SHA-256,
    /// and gives a range within the length, or `None` for all. Bytes of a range are not compared with the manifest.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the bill has no such file.
    pub async fn open_range(
        &self,
        bill: &BillPrefix,
        version: u32,
        name: &str,
        range: RangeOf<'_>,
    ) -> Result<OpenFile, Error> {
        self.0.open_file(bill, version, name, range).await
    }

    /// Copies all files of a bill, except its manifest, into a local folder.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such version; [`Error::Corrupt`] if it is not as its manifest says.
    pub async fn fetch(&self, bill: &BillPrefix, version: u32, to: &Path) -> Result<Manifest, Error> {
        self.0.fetch(bill, version, to).await
    }

    /// Puts a file under a private key, and returns the key with its length and SHA-256: `p1/7/ledgers/3947.csv` becomes
    /// `p1/7/ledgers/3947.1024-9f86….csv`. So the key tells whether the file was changed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that cannot be used.
    pub async fn put_private(&self, key: &str, file: &Path) -> Result<String, Error> {
        self.0.put_private(key, file).await
    }

    /// Copies a private file to a local one.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; [`Error::Corrupt`] if it does not match its key.
    pub async fn fetch_private(&self, key: &str, to: &Path) -> Result<(), Error> {
        self.0.fetch_private(key, to).await
    }

    /// Opens a private file. If its bytes do not match its key, an error comes in place of the last ones.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; [`Error::Corrupt`] if its length does not match its key.
    pub async fn open_private(&self, key: &str) -> Result<OpenFile, Error> {
        self.0.open_private(key).await
    }

    /// Checks that bills can be written, read and removed in a folder of a partner. Leaves nothing behind.
    ///
    /// # Errors
    /// Why not, in words for the customer's `billing_configuration`.
    pub async fn writable(&self, partner: i64, folder: &str) -> Result<(), Error> {
        self.0.writable(partner, folder).await
    }

    /// Verifies every bill below a key (empty: the root; a single bill's own too): that its files are those of its manifest,
    /// byte for byte, and that Σ `Charge` of `bill.csv` = the statement's total = Σ `BilledCost` of `bill.focus.csv`, exactly.
    /// Of the root, ledgers too.
    ///
    /// # Errors
    /// If the store cannot be read. What is wrong with bills is in the report.
    pub async fn verify(&self, folder: &str) -> Result<VerifyReport, Error> {
        self.0.verify(folder).await
    }

    /// Of these keys, those that lie below another one (empty: all) and have no object.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn missing(&self, folder: &str, names: Vec<String>) -> Result<Vec<String>, Error> {
        self.0.missing(folder, names).await
    }

    /// The index of a partner's folder, to be replaced.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn read_index(&self, partner: i64, folder: &str) -> Result<ObjectVersion, Error> {
        self.0.read_index(partner, folder).await
    }

    /// Replaces the index of a partner's folder, if it still is the one that was read; `false` if it is not.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn replace_index(
        &self,
        partner: i64,
        folder: &str,
        read: &ObjectVersion,
        bytes: Vec<u8>,
    ) -> Result<bool, Error> {
        self.0.replace_index(partner, folder, read, bytes).await
    }

    /// The layout of the store.
    ///
    /// # Errors
    /// If the store cannot be read, or a newer version has written it.
    pub async fn layout(&self) -> Result<Layout, Error> {
        self.0.layout().await
    }

    /// An error that says what to do, if the store has the layout of version 0.1.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what to run; if the store cannot be read.
    pub async fn check_layout(&self) -> Result<(), Error> {
        match self.layout().await? {
            Layout::Old => Err(layout::is_old(&self.0.name(""))),
            Layout::Empty | Layout::Current => Ok(()),
        }
    }

    /// Moves a store of the old layout to the current one; `None` if it has that already. Can be killed at any moment and
    /// repeated. Nothing else may write to the store meanwhile. `progress` is told how many files have moved, and of how many.
    ///
    /// # Errors
    /// If the store cannot be read or written, or has another file where one is to go.
    pub async fn relocate(
        &self,
        owners: &Owners,
        progress: &(dyn Fn(usize, usize) + Send + Sync),
    ) -> Result<Option<Relocated>, Error> {
        self.0.relocate(owners, progress).await
    }

    /// Checks that the store can put an object on condition that there is none. Leaves nothing behind.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the stores that can; if the store cannot be written.
    pub async fn check_conditions(&self) -> Result<(), Error> {
        self.0.check_conditions().await
    }

    /// The files and folders that other users of this machine can read, if the store is on a disk.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn exposed(&self) -> Result<Exposed, Error> {
        let Some(folder) = self.0.folder() else { return Ok(Exposed::default()) };
        let found = local::exposed(folder).map_err(|e| Error::file(folder, &e))?;
        Ok(Exposed { count: found.0, examples: found.1 })
    }
}
