//! A folder on a disk. Files get into it whole or not at all, and are synced with their names, so that they survive a power
//! cut. Only the user that runs the server can read them.

use crate::Error;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// Prefix and suffix of a file's name while it is copied in. No key begins with a dot.
const PARTIAL: (&str, &str) = (".", ".partial");
/// Permissions of files: bills show what customers pay, ledgers what the partner pays.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

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

/// Whether a name is that of an unfinished copy.
pub(crate) fn is_partial(name: &str) -> bool {
    name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1)
}

/// How a file was placed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// By a hard link: the target is the source file.
    Linked,
    /// By copying its bytes.
    Copied,
    /// Not at all: the target exists.
    Occupied,
}

/// Links or copies a file to a path that does not exist yet. Returns once both its bytes and its name are on the disk.
pub(crate) fn place(source: &Path, target: &Path) -> io::Result<Placed> {
    make_folders(parent(target))?;
    let mut bytes = File::open(source)?;
    bytes.set_permissions(Permissions::from_mode(FILE_MODE))?;
    bytes.sync_all()?;
    match fs::hard_link(source, target) {
        Ok(()) => sync_folder(parent(target)).map(|()| Placed::Linked),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(Placed::Occupied),
        // Another disk, or a file system without links.
        Err(_) => copy_in(&mut bytes, target),
    }
}

/// Writes bytes to a path that does not exist yet.
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

/// Copies a file to a path, in place of what is there.
pub(crate) fn replace(source: &Path, target: &Path) -> io::Result<()> {
    replace_with(&mut File::open(source)?, target)
}

/// Writes bytes to a path, in place of what is there.
pub(crate) fn replace_with(bytes: &mut impl io::Read, target: &Path) -> io::Result<()> {
    let mut file = begin(target)?;
    io::copy(bytes, file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|e| e.error)?;
    sync_folder(parent(target))
}

fn begin(target: &Path) -> io::Result<tempfile::NamedTempFile> {
    make_folders(parent(target))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL.0).suffix(PARTIAL.1).permissions(Permissions::from_mode(FILE_MODE));
    builder.tempfile_in(parent(target))
}

/// Replaces a small file if it has these bytes, or does not exist where they are `None`. Those who use this function are kept
/// apart by a lock on the folder.
pub(crate) fn replace_if(target: &Path, before: Option<&[u8]>, bytes: &[u8]) -> io::Result<bool> {
    make_folders(parent(target))?;
    let folder = File::open(parent(target))?;
    folder.lock()?;
    // Those of a process that was killed: with the lock there is no other.
    sweep(parent(target))?;
    let current = match fs::read(target) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        read => Some(read?),
    };
    if current.as_deref() != before {
        return Ok(false);
    }
    replace_with(&mut &*bytes, target).map(|()| true)
}

/// Removes the unfinished copies that a killed process left in a folder.
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

/// Moves a file to a path that does not exist yet, so that at every moment one of both names has its bytes. Repeatable: where
/// the source is gone, the target must be there.
pub(crate) fn relocate(source: &Path, target: &Path) -> io::Result<()> {
    let is_there = |path: &Path| path.symlink_metadata().is_ok_and(|meta| meta.is_file());
    if !is_there(source) {
        let gone =
            || io::Error::new(io::ErrorKind::NotFound, format!("neither here nor at {}", target.display()));
        return if is_there(target) { Ok(()) } else { Err(gone()) };
    }
    if place(source, target)? == Placed::Occupied && !same_bytes(source, target)? {
        return Err(io::Error::other(format!("another file is at {} already", target.display())));
    }
    sync_folder(parent(target))?;
    fs::remove_file(source)?;
    sync_folder(parent(source))
}

/// Removes a folder if it exists and is empty.
pub(crate) fn remove_if_empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir(folder) {
        Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => Ok(()),
        removed => removed,
    }
}

/// Removes a folder if it is empty, then those above it, up to the root, as long as they are.
pub(crate) fn prune(folder: &Path, root: &Path) -> io::Result<()> {
    for folder in folder.ancestors().take_while(|above| above.starts_with(root) && *above != root) {
        match fs::remove_dir(folder) {
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => return Ok(()),
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// The files and folders below a root that other users of the machine can read or enter, and how many there are; names of
/// the first few.
pub(crate) fn exposed(root: &Path) -> io::Result<(usize, Vec<PathBuf>)> {
    let (mut count, mut first, mut folders) = (0, Vec::new(), vec![root.to_owned()]);
    while let Some(path) = folders.pop() {
        let meta = match path.symlink_metadata() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            meta => meta?,
        };
        if !meta.is_symlink() && meta.permissions().mode() & 0o077 != 0 {
            count += 1;
            if first.len() < 3 {
                first.push(path.clone());
            }
        }
        if meta.is_dir() {
            for entry in fs::read_dir(&path)? {
                folders.push(entry?.path());
            }
        }
    }
    Ok((count, first))
}

fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    if fs::metadata(one)?.len() != fs::metadata(other)?.len() {
        return Ok(false);
    }
    Ok(crate::stage::digest(one)? == crate::stage::digest(other)?)
}

/// Checks that files can be made in a folder, or in the nearest one above it that exists. Leaves nothing behind.
pub(crate) fn try_write(folder: &Path) -> io::Result<()> {
    let nearest = folder.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok()).unwrap_or(folder);
    let mut file = begin(&nearest.join("any"))?;
    io::Write::write_all(&mut file, b"probe")?;
    file.as_file().sync_all()?;
    file.close()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Makes a folder and those above it. The name of each is on the disk before the next is made.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    make_folders(parent(folder))?;
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => Err(e),
        _ => sync_folder(parent(folder)),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Syncs the names of a folder and of all above it, the root's included.
pub(crate) fn sync_up_to(folder: &Path, root: &Path) -> io::Result<()> {
    folder.ancestors().take_while(|above| above.starts_with(root)).try_for_each(sync_folder)?;
    sync_folder(parent(root))
}
