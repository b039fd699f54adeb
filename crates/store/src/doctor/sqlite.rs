//! Checks of a SQLite database and its disk.

use super::{Report, Verdict, schema};
use crate::engine::sqlite::{Durability, check_writable, is_safe_version};
use crate::engine::value::args;
use crate::engine::{Conn, Tx};
use crate::{Error, engine::value::Row};
use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Minimum free space: the write-ahead log and the growth of a day, in bytes.
const MIN_FREE_BYTES: u64 = 256 << 20;
/// Seconds by which a clock may be behind the last change before it counts as set back.
const MAX_SECONDS_BEHIND: i64 = 60;

pub(super) async fn examine(
    path: &str,
    url: &str,
    now: &(dyn Fn() -> Timestamp + Sync),
    report: &mut Report,
) -> Result<(), Error> {
    let file = Path::new(path);
    let about = std::fs::metadata(file).map_err(|e| Error::Unfit(format!("{path}: {e}")))?;
    report.fine("database", format!("SQLite, {path}, {} bytes", about.len()));

    let version = format!("SQLite {}", rusqlite::version());
    if is_safe_version() {
        report.fine("version", version);
    } else {
        let advice = "versions before 3.51.3 can lose commits: use a build of tenantry with a newer one";
        report.add("version", Verdict::Problem, version, advice);
    }

    let mode = about.permissions().mode() & 0o777;
    if let Err(error) = check_writable(file) {
        let advice = "all files of the database have to be writable for the user that serves";
        report.add("permissions", Verdict::Problem, error.to_string(), advice);
    } else if mode & 0o077 == 0 {
        report.fine("permissions", format!("{mode:o}"));
    } else {
        let advice = "others on this machine may read it: chmod 600";
        report.add("permissions", Verdict::Warning, format!("{mode:o}"), advice);
    }
    disk_space(file, about.len(), report);
    clock(&about, now(), report);

    let mut tx = Tx::snapshot(url).await?;
    durability(&tx, report)?;
    schema(&mut tx, report).await;
    for (check, fine, what) in [
        ("PRAGMA integrity_check", Some("ok"), "integrity"),
        ("PRAGMA foreign_key_check", None, "references"),
    ] {
        let answers = tx.all(check, args![], |row: &mut Row<'_>| row.next::<String>()).await;
        match answers {
            Ok(answers) if answers.first().map(String::as_str) == fine => report.fine(what, "whole"),
            answers => {
                let found = answers.map_or_else(|e| e.to_string(), |lines| lines.join("; "));
                let advice = "stop the server, keep a copy of the file, and restore the last backup";
                report.add(what, Verdict::Problem, found, advice);
            }
        }
    }
    Ok(())
}

fn durability(tx: &Tx, report: &mut Report) -> Result<(), Error> {
    let Conn::Sqlite(conn) = &tx.conn else { return Err(Error::defect("not a SQLite database")) };
    let durability = Durability::of(conn)?;
    if durability.is_safe() {
        report.fine("durability", durability.to_string());
    } else {
        let advice = "the server sets wal and 2 at its start; if it cannot, it refuses, and says why";
        report.add("durability", Verdict::Warning, durability.to_string(), advice);
    }
    Ok(())
}

fn disk_space(file: &Path, size: u64, report: &mut Report) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let free = match rustix::fs::statvfs(folder) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => {
            report.add("disk space", Verdict::Warning, error.to_string(), "look with df");
            return;
        }
    };
    let found = format!("{} MiB free", free >> 20);
    if free < MIN_FREE_BYTES {
        let advice = "free disk space now: on a full disk every change is refused";
        report.add("disk space", Verdict::Problem, found, advice);
    } else if free < size.saturating_add(MIN_FREE_BYTES) {
        let advice = "the disk has no space for a backup: free some, or write backups to another disk";
        report.add("disk space", Verdict::Warning, found, advice);
    } else {
        report.fine("disk space", found);
    }
}

fn clock(about: &std::fs::Metadata, now: Timestamp, report: &mut Report) {
    let changed = about.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    match changed {
        Some(changed) if changed.as_second() > now.as_second() + MAX_SECONDS_BEHIND => {
            let advice = "set the clock, and keep it set with NTP: trials and idempotency depend on it";
            let found = format!("{now}, before the last change of the database at {changed}");
            report.add("clock", Verdict::Problem, found, advice);
        }
        _ => report.fine("clock", now.to_string()),
    }
}
