//! Files of a SQLite database: on a file system with working locks, writable, and still the ones that the server opened. A
//! file that was removed or replaced still accepts commits, which are lost when the process ends.

use crate::{Error, describe_path_error};
use rustix::fs::Access;
use rustix::io::Errno;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Less free space than this counts as none: a commit of 64 jobs may need as much.
const MIN_FREE_BYTES: u64 = 1 << 20;
/// Duration after which a commit counts as hanging, in milliseconds.
const MAX_COMMIT_MS: u64 = 5_000;

/// File systems that other machines write too, by the magic number that statfs(2) tells: SQLite's locks do not hold there.
const NETWORK: [(u32, &str); 13] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x517b, "SMB"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0x786f_4256, "VirtualBox shared folders"),
];
const FUSE: u32 = 0x6573_5546;
/// File systems in user space that are on this machine, as /proc/self/mountinfo calls them.
const LOCAL_FUSE: [&str; 7] = [
    "fuseblk",
    "virtiofs",
    "fuse.bindfs",
    "fuse.encfs",
    "fuse.fuse-overlayfs",
    "fuse.gocryptfs",
    "fuse.ntfs-3g",
];

/// Files that a running server has open.
pub(in crate::engine) struct Files {
    database: Opened,
    /// `None` where SQLite could not have one, on a database that is known to be unsafe.
    log: Option<Opened>,
    /// Reason why the files are not the opened ones; empty while they are.
    wrong: Mutex<String>,
    is_wrong: AtomicBool,
    /// The last commit failed, so it takes another one to know whether commits succeed.
    commit_failed: AtomicBool,
    /// A caller is probing whether commits succeed.
    is_probed: AtomicBool,
    /// Start of the running commit in milliseconds after `opened_at`; 0 if no commit is running.
    committing_since: AtomicU64,
    opened_at: Instant,
}

/// One at a time finds out whether commits succeed.
pub(super) struct Probe<'f>(&'f Files);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.0.is_probed.store(false, Ordering::Release);
    }
}

struct Opened {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Opened {
    fn at(path: PathBuf) -> Result<Self, Error> {
        let about = std::fs::metadata(&path).map_err(|e| explain("cannot read", &path, &e))?;
        Ok(Opened { identity: (about.dev(), about.ino()), path })
    }

    /// Description of what happened to the file; `None` while it is the opened one.
    fn changed(&self) -> Option<String> {
        match std::fs::metadata(&self.path) {
            Ok(about) if (about.dev(), about.ino()) == self.identity => None,
            Ok(_) => Some(format!("{} was replaced by another file", self.path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Some(format!("{} was removed", self.path.display()))
            }
            Err(error) => Some(format!("{} cannot be checked: {error}", self.path.display())),
        }
    }
}

impl Files {
    /// Those of a database that was just opened and written to, so that it has a write-ahead log.
    pub(super) fn of(path: &str) -> Result<Self, Error> {
        let path = std::path::absolute(path).map_err(|e| Error::Unfit(format!("{path}: {e}")))?;
        let mut log = OsString::from(&path);
        log.push("-wal");
        Ok(Files {
            database: Opened::at(path)?,
            log: Opened::at(log.into()).ok(),
            wrong: Mutex::default(),
            is_wrong: AtomicBool::new(false),
            commit_failed: AtomicBool::new(false),
            is_probed: AtomicBool::new(false),
            committing_since: AtomicU64::new(0),
            opened_at: Instant::now(),
        })
    }

    /// Whether the files were the opened ones at the last check, at most a second ago.
    pub(super) fn were_there(&self) -> Result<(), Error> {
        if self.is_wrong.load(Ordering::Acquire) { Err(self.error()) } else { Ok(()) }
    }

    fn error(&self) -> Error {
        Error::Unavailable(self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Checks that the files are the opened ones, and logs when that changes.
    pub(super) fn look(&self) -> Result<(), Error> {
        let changed = self.database.changed().or_else(|| self.log.as_ref()?.changed());
        let is_wrong = changed.is_some();
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        match changed {
            Some(what) if *wrong != what => {
                tracing::error!(
                    pid = std::process::id(),
                    "{what} while the server runs: everything is answered 503 from now on. What was acknowledged may be in \
                     files that exist only as long as this process runs (/proc/PID/fd). Put the file back by moving it, or \
                     copy it from there, then restart"
                );
                *wrong = what;
            }
            None if !wrong.is_empty() => {
                tracing::warn!("the database's files are back: requests are served again");
                wrong.clear();
            }
            _ => {}
        }
        drop(wrong);
        self.is_wrong.store(is_wrong, Ordering::Release);
        if is_wrong { Err(self.error()) } else { Ok(()) }
    }

    /// Whether the database is there and its log alone was removed: then all that the log holds can still be brought into
    /// the database.
    pub(super) fn only_log_is_missing(&self) -> bool {
        self.database.changed().is_none() && self.log.as_ref().is_some_and(|log| !log.path.exists())
    }

    /// To be told by the writer before each commit, and after it.
    pub(super) fn commit_begins(&self) {
        self.committing_since.store(self.now(), Ordering::Release);
    }

    pub(super) fn commit_ended(&self, succeeded: bool) {
        self.commit_failed.store(!succeeded, Ordering::Release);
        self.committing_since.store(0, Ordering::Release);
    }

    fn now(&self) -> u64 {
        self.opened_at.elapsed().as_millis() as u64 + 1
    }

    /// Whether it takes a commit to know whether commits succeed: the last one failed. An error where another caller tries
    /// that just now, or where one takes suspiciously long.
    pub(super) fn commits_need_probe(&self) -> Result<Option<Probe<'_>>, Error> {
        let since = self.committing_since.load(Ordering::Acquire);
        if since > 0 && self.now().saturating_sub(since) > MAX_COMMIT_MS {
            return Err(Error::Unavailable("a commit takes too long: the disk does not answer".into()));
        }
        if !self.commit_failed.load(Ordering::Acquire) {
            return Ok(None);
        }
        if self.is_probed.swap(true, Ordering::AcqRel) {
            return Err(Error::Unavailable("the last commit failed".into()));
        }
        Ok(Some(Probe(self)))
    }

    /// Checks that the disk has space for a commit.
    pub(super) fn has_space(&self) -> Result<(), Error> {
        let folder = self.database.path.parent().unwrap_or(Path::new("/"));
        let disk = rustix::fs::statvfs(folder).map_err(|e| Error::Unavailable(e.to_string()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < MIN_FREE_BYTES {
            let folder = folder.display();
            return Err(Error::Unavailable(format!("the disk of {folder} is full: {free} bytes are free")));
        }
        Ok(())
    }
}

/// Make the folder and the file of a database where they are missing, for their owner alone; the write-ahead log gets the same
/// rights.
pub(super) fn make_private(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| explain("cannot make the folder", folder, &e))?;
    let mut new = std::fs::OpenOptions::new();
    match new.write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(explain("cannot make the database", path, &error)),
    }
    check_writable(path)
}

/// Whether a database that is there can be written: its file, those of its write-ahead log, and its folder, for they come and go.
pub(crate) fn check_writable(path: &Path) -> Result<(), Error> {
    for ending in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        // Not by opening it: closing it would let go of the locks that this process has on it.
        match rustix::fs::access(&file, Access::READ_OK | Access::WRITE_OK) {
            Err(Errno::NOENT) if !ending.is_empty() => {}
            Err(error) => return Err(explain("cannot write the database", Path::new(&file), &error.into())),
            Ok(()) => {}
        }
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|e| explain("cannot write into the database's folder", folder, &e.into()))
}

/// Refuse a file system that other machines may write too.
pub(super) fn check_is_local(path: &Path) -> Result<(), Error> {
    let unfit = |e: &dyn std::fmt::Display| Error::Unfit(format!("{}: {e}", path.display()));
    let disk = rustix::fs::statfs(path).map_err(|e| unfit(&e))?;
    let about = std::fs::metadata(path).map_err(|e| unfit(&e))?;
    let device = format!("{}:{}", rustix::fs::major(about.dev()), rustix::fs::minor(about.dev()));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "magic numbers have 32 bits")]
    match network_file_system(disk.f_type as u32, &device, &mounts) {
        Some(kind) => Err(Error::Unfit(format!(
            "the database {} is on a network file system ({kind}), where locks do not keep two servers apart and commits \
             can be lost: put it on a local disk, use PostgreSQL, or, if this is a throw-away test, pass \
             --allow-unsafe-database",
            path.display()
        ))),
        None => Ok(()),
    }
}

/// Name of the network file system, if it is one.
fn network_file_system(magic: u32, device: &str, mounts: &str) -> Option<String> {
    if let Some((_, name)) = NETWORK.iter().find(|(known, _)| *known == magic) {
        return Some((*name).to_owned());
    }
    if magic != FUSE {
        return None;
    }
    // "36 35 98:0 /root /mnt options optional-fields - type source super-options"
    let of_device = mounts.lines().filter(|line| line.split(' ').nth(2) == Some(device));
    let kind = of_device.filter_map(|line| line.split_once(" - ")?.1.split(' ').next()).next_back();
    let kind = kind.unwrap_or("fuse");
    (!LOCAL_FUSE.contains(&kind)).then(|| kind.to_owned())
}

fn explain(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::Unfit(describe_path_error(what, path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_recognised() {
        let mounts = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                      40 22 0:51 / /mnt/ssh rw shared:1 - fuse.sshfs me@host: rw\n\
                      41 22 0:52 / /mnt/rclone rw - fuse.rclone remote: rw\n\
                      42 22 0:53 / /mnt/overlay rw - fuse.fuse-overlayfs fuse-overlayfs rw\n\
                      43 22 0:54 / /mnt/disk rw - fuseblk /dev/sdb1 rw\n";
        for (magic, device, expected) in [
            (0xef53, "254:0", None),     // ext4
            (0x0102_1994, "0:20", None), // tmpfs
            (0x9123_683e, "0:21", None), // btrfs
            (0x5846_5342, "8:1", None),  // XFS
            (0x794c_7630, "0:22", None), // overlayfs, of containers
            (0x2fc1_2fc1, "0:23", None), // ZFS
            (0x6969, "0:50", Some("NFS")),
            (0xfe53_4d42, "0:50", Some("SMB2")),
            (0xff53_4d42, "0:50", Some("CIFS")),
            (0x0102_1997, "0:50", Some("9P")),
            (FUSE, "0:51", Some("fuse.sshfs")),
            (FUSE, "0:52", Some("fuse.rclone")),
            (FUSE, "0:53", None),
            (FUSE, "0:54", None),
            (FUSE, "0:99", Some("fuse")), // not in the list of mounts
        ] {
            assert_eq!(network_file_system(magic, device, mounts).as_deref(), expected, "{magic:x} {device}");
        }
    }

    #[test]
    fn files_that_were_moved_away_are_missed_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = (folder.path().join("t.db"), folder.path().join("t.db-wal"));
        for file in [&path, &log] {
            std::fs::write(file, "").unwrap();
        }
        let files = Files::of(path.to_str().unwrap()).unwrap();
        assert!(files.look().is_ok() && files.were_there().is_ok());
        for (file, only_log) in [(&path, false), (&log, true)] {
            let aside = file.with_extension("aside");
            std::fs::rename(file, &aside).unwrap();
            assert!(files.were_there().is_ok(), "control: not checked yet");
            assert!(files.look().unwrap_err().to_string().contains("was removed"));
            assert_eq!(files.only_log_is_missing(), only_log);
            std::fs::write(file, "").unwrap();
            assert!(files.look().unwrap_err().to_string().contains("was replaced"));
            assert!(files.were_there().is_err() && !files.only_log_is_missing());
            std::fs::rename(&aside, file).unwrap();
            assert!(files.look().is_ok() && files.were_there().is_ok());
        }
    }
}
