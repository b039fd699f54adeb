//! Files of an export on the disk.

use super::download::{FILES_AT_ONCE, MANIFEST};
use super::failure::{FetchError, FetchErrorCode};
use std::io::{self, Read, Write};
use std::path::Path;

pub(super) fn disk(path: &Path, error: &io::Error) -> FetchError {
    let hint = if error.kind() == io::ErrorKind::StorageFull { "; make room and fetch again" } else { "" };
    FetchError::new(FetchErrorCode::Disk, format!("{}: {error}{hint}", path.display()))
}

/// Removes a file or a folder, if it is there. Work on files of the folder that was given up may still create one each.
pub(super) fn remove(path: &Path) -> Result<(), FetchError> {
    let mut late_files = FILES_AT_ONCE;
    loop {
        let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && late_files > 0 => {
                late_files -= 1;
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(disk(path, &error)),
            _ => return Ok(()),
        }
    }
}

/// Writes a small file whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

pub(super) fn last_byte(path: &Path) -> io::Result<u8> {
    use std::io::Seek;
    let mut file = std::fs::File::open(path)?;
    file.seek(io::SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last[0])
}

/// Reads a gzip stream to its end.
pub(super) fn gzip_ends(path: &Path) -> io::Result<()> {
    let mut unpacked = rating::GzipMembers::new(std::fs::File::open(path)?);
    match io::copy(&mut unpacked, &mut io::sink())? {
        0 => Err(io::Error::other("it has no line")),
        _ => Ok(()),
    }
}

pub(super) fn lengths(folder: &Path, names: &[String]) -> io::Result<u64> {
    names.iter().map(|name| Ok(folder.join(name).metadata()?.len())).sum()
}

/// Moves a folder to its place among the sources, unless a whole export is there already.
pub(super) fn publish(folder: &Path, place: &Path) -> io::Result<()> {
    let parent = place.parent().unwrap_or(place);
    std::fs::create_dir_all(parent)?;
    match std::fs::rename(folder, place) {
        Err(_) if place.join(MANIFEST).is_file() => std::fs::remove_dir_all(folder)?,
        renamed => renamed?,
    }
    std::fs::File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_streams_that_do_not_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gz");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"{\"a\": 1}\n").unwrap();
        let packed = packed.finish().unwrap();
        for (bytes, whole) in [
            (packed.clone(), true),
            ([packed.clone(), packed.clone()].concat(), true),
            (packed[..packed.len() - 1].to_vec(), false),
            (packed[..packed.len() / 2].to_vec(), false),
            ([packed.clone(), b"x".to_vec()].concat(), false),
            (Vec::new(), false),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(gzip_ends(&path).is_ok(), whole, "{} bytes", bytes.len());
        }
    }
}
