//! Backups: one SQLite file that holds everything, whichever engine it comes from, and says itself whether it is whole.
//!
//! It is a database like any other, with a table `backup_manifest` of what it must contain. In its header,
//! `application_id` says that it is a backup, and `user_version` is the CRC-32 of the whole file, taken with that field
//! as zero: no byte of it changes unnoticed.

use super::plan::Plan;
use super::tally::{TableTally, Tally};
use super::{Filled, For, Progress, fill, pour};
use crate::engine::sqlite::{self, Access, BACKUP};
use crate::engine::value::args;
use crate::engine::{Conn, Purpose, Tx};
use crate::{Db, Error, Options};
use jiff::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;

/// Write all data of a database into a new file that only its owner may read: one snapshot of it, while it serves. What
/// was written is read again and compared, and the file has its name only after that.
///
/// # Errors
/// [`Error::Unfit`] if the file is there already, cannot be written, or the database holds no data of Tenantry;
/// [`Error::Defect`] if what was written is not what was read; [`Error`] of the store, a full disk among them. No file
/// is left behind.
pub async fn backup(
    from: &str,
    file: &Path,
    told: &mut (dyn FnMut(super::Advance<'_>) + Send),
) -> Result<Tally, Error> {
    let mut progress = Progress::new(told);
    let mut source = Tx::snapshot(from).await?;
    let plan = Plan::of(&mut source, "the database").await?;
    let partial = Partial::create(file)?;
    let url = format!("sqlite:{}", text(&partial.path)?);
    let target = Db::open_for(&url, Options::default(), Purpose::Build(plan.version)).await;
    let target = target.map_err(|error| of_full_disk(file, error))?;
    let poured = pour(&mut source, &plan, &url, &target, &mut progress).await;
    target.close().await;
    let poured = poured.map_err(|error| of_full_disk(file, error))?;
    seal(&partial.path, &poured).map_err(|error| of_full_disk(file, error))?;
    let (_, _, written) = open_backup(&partial.path, &mut progress).await?;
    if written != poured {
        let differences = poured.differences(&written);
        return Err(Error::Defect(format!("what was written is not what was read: {differences}")));
    }
    partial.finish()?;
    Ok(poured)
}

/// Put everything that a backup holds into a new, empty database of either engine. Ids go on [`super::GAP_AFTER_RESTORE`] behind
/// the last in the backup, because later ids may have been used, and so do the numbers of statements of the year, by
/// [`statement_numbers::GAP_AFTER_RESTORE`](crate::statement_numbers::GAP_AFTER_RESTORE). An interrupted restore resumes when it is run again;
/// until its end servers refuse the database.
///
/// # Errors
/// [`Error::Unfit`] if the file is no backup or a byte of it has changed, or if the database is not empty;
/// [`Error`] of the store.
pub async fn restore(
    file: &Path,
    to: &str,
    options: Options,
    now: Timestamp,
    told: &mut (dyn FnMut(super::Advance<'_>) + Send),
) -> Result<Tally, Error> {
    let mut progress = Progress::new(told);
    let (mut source, plan, manifest) = open_backup(file, &mut progress).await?;
    let origin = format!("the backup with checksum {:08x}", checksum(file)?);
    match fill(&mut source, &plan, &origin, to, options, For::Restore(now), &mut progress).await? {
        Filled::Now(tally) if tally == manifest => Ok(tally),
        Filled::Now(_) => Err(Error::Defect("the backup changed while it was read".into())),
        Filled::Before => Err(Error::Unfit(
            "the database is not empty, and is left as it is: name a new one, move the restored data there, and let \
             the server use that"
                .into(),
        )),
    }
}

/// A full disk is that of the file: the database is only read.
fn of_full_disk(file: &Path, error: Error) -> Error {
    match error {
        Error::Unavailable(why) if why.contains("full") || why.contains("No space left") => {
            Error::Unfit(format!("{} cannot be written: the disk is full", file.display()))
        }
        other => other,
    }
}

/// Make a filled database a backup.
fn seal(path: &Path, tally: &Tally) -> Result<(), Error> {
    let conn = sqlite::connect(text(path)?, Access::Build)?;
    conn.execute_batch(
        "CREATE TABLE backup_manifest (name TEXT NOT NULL PRIMARY KEY, row_count INTEGER NOT NULL, checksum TEXT NOT NULL) STRICT",
    )?;
    for table in &tally.tables {
        conn.execute(
            "INSERT INTO backup_manifest (name, row_count, checksum) VALUES (?1, ?2, ?3)",
            (&table.table, table.rows as i64, &table.checksum),
        )?;
    }
    conn.execute_batch(&format!("PRAGMA application_id = {BACKUP}"))?;
    conn.close().map_err(|(_, error)| error)?;
    let crc = checksum(path)?;
    let io = |e| Error::Unavailable(format!("{}: {e}", path.display()));
    let mut file = OpenOptions::new().write(true).open(path).map_err(io)?;
    file.seek(SeekFrom::Start(USER_VERSION_AT as u64)).map_err(io)?;
    file.write_all(&crc.to_be_bytes()).map_err(io)?;
    file.sync_all().map_err(io)
}

/// Open a backup, once every byte of it is known to be what it was.
async fn open_backup(path: &Path, progress: &mut Progress<'_>) -> Result<(Tx, Plan, Tally), Error> {
    let said = |what: &str| Error::Unfit(format!("{} {what}", path.display()));
    let header = header(path)?;
    let field = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if !header.starts_with(b"SQLite format 3\0") || field(APPLICATION_ID_AT) != BACKUP {
        return Err(said("is not a backup that `tenantry admin backup` made"));
    }
    if field(USER_VERSION_AT) != checksum(path)? {
        return Err(said("is damaged: its checksum does not fit. Use another backup"));
    }
    let mut tx = Tx::new(Conn::Sqlite(sqlite::connect(text(path)?, Access::Sealed)?));
    for (check, fine) in [("PRAGMA integrity_check", Some("ok")), ("PRAGMA foreign_key_check", None)] {
        let answer = tx.first(check, args![], |row| row.next::<String>()).await?;
        if answer.as_deref() != fine {
            return Err(said(&format!("is damaged: {}", answer.unwrap_or_default())));
        }
    }
    let plan = Plan::of(&mut tx, "the backup").await?;
    let found = Tally::of(&mut tx, &plan, progress).await?;
    let mut listed = tx
        .all("SELECT name, row_count, checksum FROM backup_manifest", args![], |row| {
            let (table, rows) = (row.next()?, row.next::<i64>()?.unsigned_abs());
            Ok(TableTally { table, rows, checksum: row.next()? })
        })
        .await?;
    let place = |table: &TableTally| plan.tables.iter().position(|known| known.name == table.table);
    listed.sort_by_key(place);
    if listed != found.tables {
        return Err(said("is damaged: it does not hold what it says that it holds. Use another backup"));
    }
    Ok((tx, plan, found))
}

fn header(path: &Path) -> Result<[u8; 100], Error> {
    let mut header = [0; 100];
    let mut file =
        File::open(path).map_err(|e| Error::Unfit(format!("cannot open {}: {e}", path.display())))?;
    match file.read_exact(&mut header) {
        Ok(()) => Ok(header),
        Err(_) => {
            Err(Error::Unfit(format!("{} is not a backup that `tenantry admin backup` made", path.display())))
        }
    }
}

/// CRC-32 of a file, with the field that holds it taken as zero.
fn checksum(path: &Path) -> Result<u32, Error> {
    let io = |e| Error::Unavailable(format!("{}: {e}", path.display()));
    let mut file = File::open(path).map_err(io)?;
    let (mut hasher, mut buffer, mut first) = (crc32fast::Hasher::new(), vec![0; 1 << 20], true);
    loop {
        // The header comes whole: a file gives less than was asked for only at its end.
        let read = file.read(&mut buffer).map_err(io)?;
        if read == 0 {
            return Ok(hasher.finalize());
        }
        if std::mem::take(&mut first) && read >= USER_VERSION_AT + 4 {
            buffer[USER_VERSION_AT..USER_VERSION_AT + 4].fill(0);
        }
        hasher.update(&buffer[..read]);
    }
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::Unfit(format!("{} is not UTF-8", path.display())))
}

/// A file that is being written under a name of its own, and goes away unless it is finished.
struct Partial {
    path: PathBuf,
    wanted: PathBuf,
    /// Keeps others from writing the same backup at the same time.
    _lock: File,
    finished: bool,
}

impl Partial {
    fn create(wanted: &Path) -> Result<Self, Error> {
        let unfit = |what: &str| Error::Unfit(format!("{} {what}", wanted.display()));
        if wanted.symlink_metadata().is_ok() {
            return Err(unfit("is there already, and is left as it is: name a new file"));
        }
        let name = wanted.file_name().ok_or_else(|| unfit("is not a file's name"))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".partial");
        // Absolute, because SQLite reads some relative names as something else.
        let wanted = std::path::absolute(wanted).map_err(|e| unfit(&e.to_string()))?;
        let path = wanted.with_file_name(hidden);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = lock.map_err(|e| Error::Unfit(format!("cannot write {}: {e}", path.display())))?;
        if lock.try_lock().is_err() {
            return Err(Error::Unfit(format!("{} is being written by another backup", path.display())));
        }
        let partial = Partial { path, wanted, _lock: lock, finished: false };
        // A backup that was killed may have left more than an empty file; SQLite's own files go first.
        partial.remove_beside();
        partial._lock.set_len(0).map_err(|e| Error::Unavailable(e.to_string()))?;
        Ok(partial)
    }

    fn remove_beside(&self) {
        for suffix in ["-wal", "-shm", "-journal"] {
            let mut beside = self.path.clone().into_os_string();
            beside.push(suffix);
            let _ = std::fs::remove_file(beside); // usually it does not exist
        }
    }

    fn finish(mut self) -> Result<(), Error> {
        let io = |e: std::io::Error| Error::Unavailable(format!("{}: {e}", self.wanted.display()));
        if self.wanted.symlink_metadata().is_ok() {
            return Err(Error::Unfit(format!(
                "{} is there by now, and is left as it is",
                self.wanted.display()
            )));
        }
        std::fs::rename(&self.path, &self.wanted).map_err(io)?;
        self.finished = true;
        let folder = self.wanted.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.remove_beside();
        if !self.finished {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
