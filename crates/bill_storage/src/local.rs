//! A folder on a disk: files come into it whole or not at all, and stay, whatever is pulled out of the wall.

use crate::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

/// What files are called while they are copied in, before they have their name. No key begins with a dot.
const PARTIAL: (&str, &str) = (".", ".partial");

/// The absolute path, links followed as far as they exist.
pub(crate) fn resolve(path: &str) -> Result<PathBuf, Error> {
    // file:///data/bills is the same as file:/data/bills.
    let path = Path::new(path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path));
    if path.as_os_str().is_empty() {
        return Err(Error::Invalid("file: must be followed by a path".into()));
    }
    let absolute = std::path::absolute(path).map_err(|e| Error::file(path, &e))?;
    for ancestor in absolute.ancestors() {
        let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), absolute.strip_prefix(ancestor)) else {
            continue;
        };
        if rest.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(real.join(rest));
        }
    }
    Err(Error::Invalid(format!("{}: a folder that is not there cannot be left with ..", path.display())))
}

/// Whether this is the name of a copy that was never finished.
pub(crate) fn is_partial(name: &str) -> bool {
    name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1)
}

/// How a file got to its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is the very same file, under a second name.
    Linked,
    /// Its bytes were copied.
    Copied,
    /// Something is there already.
    Occupied,
}

/// Puts a file where nothing is. Returns after it is on the disk, and the name too.
pub(crate) fn place(source: &Path, target: &Path) -> io::Result<Placed> {
    make_folders(parent(target))?;
    let mut bytes = File::open(source)?;
    bytes.sync_all()?;
    match fs::hard_link(source, target) {
        Ok(()) => sync_folder(parent(target)).map(|()| Placed::Linked),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(Placed::Occupied),
        // Another disk, or one that knows no links.
        Err(_) => copy_in(&mut bytes, target),
    }
}

/// Writes bytes where nothing is.
pub(crate) fn copy_in(bytes: &mut impl io::Read, target: &Path) -> io::Result<Placed> {
    let mut file = begin(target)?;
    io::copy(bytes, file.as_file_mut())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(target) {
        Ok(_) => sync_folder(parent(target)).map(|()| Placed::Copied),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(Placed::Occupied),
        Err(e) => Err(e.error),
    }
}

/// Copies a file to a place, over what is there.
pub(crate) fn replace(source: &Path, target: &Path) -> io::Result<()> {
    let mut file = begin(target)?;
    io::copy(&mut File::open(source)?, file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|e| e.error)?;
    sync_folder(parent(target))
}

fn begin(target: &Path) -> io::Result<tempfile::NamedTempFile> {
    make_folders(parent(target))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL.0).suffix(PARTIAL.1);
    // As other files are made, the umask deciding; tempfile's are for their owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(parent(target))
}

/// Removes the copies that somebody who died left in a folder.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_partial) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Tries whether files can be made in a folder, or where it would be made. Nothing is left behind.
pub(crate) fn try_write(folder: &Path) -> io::Result<()> {
    let there = folder.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok()).unwrap_or(folder);
    let mut file = begin(&there.join("any"))?;
    io::Write::write_all(&mut file, b"probe")?;
    file.as_file().sync_all()?;
    file.close()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Makes a folder and those above it, each one's name on the disk before the next.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    make_folders(parent(folder))?;
    match fs::create_dir(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => Err(e),
        _ => sync_folder(parent(folder)),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Puts the names of a folder and of all above it, up to the root's own, on the disk.
pub(crate) fn sync_up_to(folder: &Path, root: &Path) -> io::Result<()> {
    folder.ancestors().take_while(|above| above.starts_with(root)).try_for_each(sync_folder)?;
    sync_folder(parent(root))
}
