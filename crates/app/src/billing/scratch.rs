//! Folders for what is needed only for a while.

use crate::Error;
use domain::PartnerId;
use std::fs::File;
use std::path::{Path, PathBuf};
use store::bill_runs::BillRun;

/// A folder that is gone with this value, or at the next sweep, if its process is killed.
pub(super) struct Scratch {
    path: PathBuf,
    /// Locked as long as somebody uses the folder.
    _lock: File,
}

const LOCK: &str = "lock";

impl Scratch {
    /// One for a run, in the place of those that nobody uses any more.
    pub(super) fn of_run(folder: &Path, run: &BillRun) -> Result<Self, Error> {
        Scratch::of(folder, &format!("run-{}-{}-{}", run.partner, run.id, run.attempt))
    }

    fn of(folder: &Path, name: &str) -> Result<Self, Error> {
        Scratch::sweep(folder);
        let make = || {
            let path = std::path::absolute(folder)?.join(name);
            std::fs::create_dir_all(&path)?;
            let lock = File::create(path.join(LOCK))?;
            // Where a disk knows no locks, nothing is swept either.
            let _ = lock.try_lock();
            for part in ["out", "in", "final"] {
                std::fs::create_dir(path.join(part))?;
            }
            Ok(Scratch { path, _lock: lock })
        };
        make().map_err(|error: std::io::Error| {
            Error::Billing(format!("the work folder {} cannot be used: {error}", folder.display()))
        })
    }

    /// One for an import of a partner, told from others by a random number.
    pub(super) fn of_import(folder: &Path, partner: PartnerId, nonce: u32) -> Result<Self, Error> {
        Scratch::of(folder, &format!("run-import-{partner}-{nonce:x}"))
    }

    /// One for a trial of a price rule, told from others by a random number.
    pub(super) fn of_trial(folder: &Path, partner: PartnerId, nonce: u32) -> Result<Self, Error> {
        Scratch::of(folder, &format!("run-trial-{partner}-{nonce:x}"))
    }

    /// One for copies of a partner's bills, told from others by a random number.
    pub(super) fn of_copies(folder: &Path, partner: PartnerId, nonce: u32) -> Result<Self, Error> {
        Scratch::of(folder, &format!("run-copies-{partner}-{nonce:x}"))
    }

    /// Removes the folders whose processes have been killed: the system has let go of their locks.
    pub(super) fn sweep(folder: &Path) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for path in entries.filter(|e| e.file_name().to_string_lossy().starts_with("run-")).map(|e| e.path())
        {
            // Some disks lock only what can be written.
            let lock = File::options().write(true).open(path.join(LOCK));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                remove(&path);
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// What cannot be removed is in the way of nobody: the next folder has another name.
fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "failed to remove a work folder");
    }
}
