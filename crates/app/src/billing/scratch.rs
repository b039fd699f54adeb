//! Folders for what is needed only for a while.

use crate::Error;
use std::path::{Path, PathBuf};
use store::bill_runs::BillRun;

/// A folder that is gone with this value.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new one of this name.
    pub(super) fn new(folder: &Path, name: &str) -> Result<Self, Error> {
        let make = || -> std::io::Result<PathBuf> {
            let path = std::path::absolute(folder)?.join(name);
            std::fs::create_dir_all(&path)?;
            Ok(path)
        };
        make().map(Scratch).map_err(|error| unusable(folder, &error))
    }

    /// One for a run, in the place of those that its attempts before have left here.
    pub(super) fn of_run(folder: &Path, run: &BillRun) -> Result<Self, Error> {
        let own = format!("run-{}-", run.id);
        let make = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder)?;
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(&own) {
                    remove(&entry.path());
                }
            }
            Ok(())
        };
        make().map_err(|error| unusable(folder, &error))?;
        let scratch = Scratch::new(folder, &format!("{own}{}", run.attempt))?;
        for part in ["out", "in", "final"] {
            std::fs::create_dir(scratch.0.join(part)).map_err(|error| unusable(folder, &error))?;
        }
        Ok(scratch)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// What cannot be removed is in the way of nobody: the next folder has another name.
fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "could not be removed");
    }
}

fn unusable(folder: &Path, error: &std::io::Error) -> Error {
    Error::Billing(format!("the work folder {} cannot be used: {error}", folder.display()))
}
