//! Invoices come here before they are read: from a store to a local file or folder; a local one is read in place.

use crate::{Error, Settings};
use std::path::{Path, PathBuf};

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
    unimplemented!("{source} {allowed:?} {to:?} {}", progress(0, 0))
}
