//! Staged folders: the files that a run's engine wrote, to be published.

use crate::manifest::{is_lines, is_name};
use crate::store::hex;
use crate::{Error, FileEntry};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Reads every file of a staged folder for its length and digest; ordered by name.
pub(crate) fn read(folder: &Path) -> Result<Vec<FileEntry>, Error> {
    let failed = |e: io::Error| Error::file(folder, &e);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let unfit = |why: &str| Error::Invalid(format!("{}: {why}", entry.path().display()));
        let name = entry.file_name().into_string().map_err(|_| unfit("not a name for a bill's file"))?;
        if !is_name(&name) {
            return Err(unfit("not a name for a bill's file"));
        }
        if !entry.file_type().map_err(failed)?.is_file() {
            return Err(unfit("a bill consists of files alone"));
        }
        files.push(self::entry(name, &entry.path())?);
    }
    if !files.iter().any(|file| is_lines(&file.name)) {
        return Err(Error::Invalid(format!("{}: there is no bill.csv in it", folder.display())));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Reads a file through for its length and digest.
pub(crate) fn entry(name: String, path: &Path) -> Result<FileEntry, Error> {
    let (size, sha256) = digest(path).map_err(|e| Error::file(path, &e))?;
    Ok(FileEntry { name, size, sha256 })
}

pub(crate) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut sha256, mut size) = (File::open(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((size, hex(&sha256.finalize()))),
            read => {
                sha256.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}
