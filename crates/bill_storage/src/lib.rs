//! Where bills live, and the invoices they are made from: a folder, S3 and what speaks it, Azure Blob.
//!
//! ```text
//! {root}/{folder}/{billing_period}/{customer_id}/v{n}/     one bill: its files, and manifest.json, written last
//! {root}/_runs/…                                           the partner's alone: ledgers, whose names have their digests
//! ```
//!
//! Whatever happens in between, a bill is there as a whole or not at all, and once:
//!
//! - Every file is put only where nothing is, and then read back: its SHA-256 decides, not what the store answered, for
//!   stores answer "conflict" or nothing to what they have done.
//! - A folder without a manifest is no bill. One that died half-way is taken up if its bytes are ours, under the same
//!   number; with other bytes it is removed once the next number is complete.
//! - The same lines are the same version, and nothing is written, once what is there has been read and is what its manifest
//!   says. Other lines are the next version, and so is a final bill of the same lines. Nothing that has a manifest is ever
//!   changed or removed.
//!
//! Nothing here knows rules, prices or a database, nor reads a clock.

mod error;
mod exact;
mod http;
mod key;
mod local;
mod manifest;
mod publish;
mod put;
mod read;
mod settings;
mod spool;
mod stage;
mod store;
mod verify;

pub use error::Error;
pub use key::{BillPrefix, PRIVATE};
pub use manifest::{FileEntry, Manifest, ManifestHead, NAME as MANIFEST};
pub use publish::Published;
pub use read::OpenFile;
pub use settings::Settings;
pub use spool::{Allowed, Spooled, spool};
pub use verify::{Total, VerifiedBill, VerifiedLedgers, VerifyReport};

use std::path::Path;

/// An object store below a root. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bills(store::Store);

impl Bills {
    /// The root `file:PATH`, `s3://bucket/prefix` or `az://container/prefix`. Nothing is connected to yet; a folder is
    /// made with the first bill.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the root or a setting will not do.
    pub fn open(root: &str, settings: &Settings) -> Result<Self, Error> {
        store::Store::open(root, settings).map(Bills)
    }

    /// Publishes a staged folder, every file in it, as a version of this bill; see the crate's text for what that
    /// promises. Only one run at a time may publish a bill (it holds the lease): what a dead one left is removed. The
    /// staged files must not change afterwards: on the same disk they become the bill's by a link.
    ///
    /// # Errors
    /// [`Error::Contended`] if somebody else turns out to be writing this version; [`Error::Invalid`] if the staged
    /// folder is no bill; [`Error::Corrupt`] if the same bill is there, but is not what its manifest says; else what
    /// the store says.
    pub async fn publish(
        &self,
        bill: &BillPrefix,
        staged: &Path,
        head: &ManifestHead,
    ) -> Result<Published, Error> {
        self.0.publish(bill, staged, head).await
    }

    /// The newest complete version, if there is one.
    ///
    /// # Errors
    /// What the store says; [`Error::Corrupt`] if its manifest cannot be read.
    pub async fn latest(&self, bill: &BillPrefix) -> Result<Option<Manifest>, Error> {
        self.0.latest(bill).await
    }

    /// A version's manifest.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such complete version.
    pub async fn manifest(&self, bill: &BillPrefix, version: u32) -> Result<Manifest, Error> {
        self.0.manifest(bill, version).await
    }

    /// Reads a file of a bill that its manifest names (and `manifest.json` itself).
    ///
    /// # Errors
    /// [`Error::NotFound`] if the bill has no such file.
    pub async fn open_file(&self, bill: &BillPrefix, version: u32, name: &str) -> Result<OpenFile, Error> {
        self.0.open_file(bill, version, name).await
    }

    /// Copies all files of a bill, without its manifest, into a local folder.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such version; [`Error::Corrupt`] if it is not what its manifest says.
    pub async fn fetch(&self, bill: &BillPrefix, version: u32, to: &Path) -> Result<Manifest, Error> {
        self.0.fetch(bill, version, to).await
    }

    /// Keeps a file under the partner's own key, with its length and SHA-256 in it: `7/ledgers/3947.csv` becomes
    /// `7/ledgers/3947.1024-9f86….csv`, which is given back. So whoever knows the key knows what was kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that will not do; else what the store says.
    pub async fn put_private(&self, key: &str, file: &Path) -> Result<String, Error> {
        self.0.put_private(key, file).await
    }

    /// Copies what is kept under the partner's own key to a local file.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is nothing; [`Error::Corrupt`] if it is not what the key says, as far as it does.
    pub async fn fetch_private(&self, key: &str, to: &Path) -> Result<(), Error> {
        self.0.fetch_private(key, to).await
    }

    /// Reads what is kept under the partner's own key. In place of the last bytes comes an error, if they are not what the
    /// key says.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is nothing; [`Error::Corrupt`] if it has another length than the key says.
    pub async fn open_private(&self, key: &str) -> Result<OpenFile, Error> {
        self.0.open_private(key).await
    }

    /// Tries whether a customer's bills can be written, read and removed in its folder. Nothing is left behind.
    ///
    /// # Errors
    /// Why not, in words for the customer's `billing_configuration`.
    pub async fn writable(&self, folder: &str) -> Result<(), Error> {
        self.0.writable(folder).await
    }

    /// Checks every bill below a folder (empty: the root; a single bill's own folder too): that its files are those of
    /// its manifest, byte for byte, and that Σ `Charge` of `bill.csv` = the statement's total = Σ `BilledCost` of
    /// `bill.focus.csv`, exactly. Of the root, ledgers too: that each is what its name says.
    ///
    /// # Errors
    /// If the store cannot be read; what is wrong with bills is in the report.
    pub async fn verify(&self, folder: &str) -> Result<VerifyReport, Error> {
        self.0.verify(folder).await
    }

    /// Of these names of files below the root, those that lie below a folder (empty: all) and are not there.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn missing(&self, folder: &str, names: Vec<String>) -> Result<Vec<String>, Error> {
        self.0.missing(folder, names).await
    }
}
