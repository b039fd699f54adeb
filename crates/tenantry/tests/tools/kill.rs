//! The tools, killed in the middle, and on a disk that is full.

use crate::support::disk::Disk;
use crate::support::{Database, Engine, command, raw};
use crate::{block_on, done, printed, refused, run, value};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// As many customers of each of two partners; a copy of them takes some seconds.
const CUSTOMERS: u32 = 15_000;

fn filled(engine: Engine) -> Database {
    let database = Database::new(engine);
    // The schema and nothing else.
    block_on(async { store::Db::open(&database.url).await.unwrap().close().await });
    block_on(raw::seed(&database.url, CUSTOMERS));
    database
}

fn start(args: &[&str]) -> Child {
    command(Path::new("/"), args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn wait_until(what: &str, reached: impl FnMut() -> bool) {
    crate::support::wait_until(Duration::from_secs(60), what, reached);
}

fn rows(url: &str) -> u32 {
    let table = if url.starts_with("sqlite:") {
        "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'customers'"
    } else {
        "SELECT COUNT(*) FROM pg_tables WHERE tablename = 'customers'"
    };
    if url.strip_prefix("sqlite:").is_some_and(|path| !Path::new(path).exists()) || value(url, table) == "0" {
        return 0;
    }
    value(url, "SELECT COUNT(*) FROM customers").parse().unwrap()
}

#[test]
fn a_copy_that_is_killed_again_and_again_ends_right() {
    for (from, to) in [(Engine::Sqlite, Engine::Postgres), (Engine::Postgres, Engine::Sqlite)] {
        if !from.is_here() || !to.is_here() {
            continue;
        }
        let (old, new) = (filled(from), Database::empty(to));
        let args = ["copy", "--from", &old.url, "--to", &new.url];
        let mut before = 0;
        for kill in 1..=3 {
            let mut copying = start(&args);
            // A little further each time, so each run has gone on where the one before was killed.
            wait_until("the copy", || rows(&new.url) >= before + 4_000);
            copying.kill().unwrap();
            copying.wait().unwrap();
            before = rows(&new.url);
            assert!(before < 2 * CUSTOMERS, "the control: kill {kill} came too late");
            refused(&["serve", "--listen", "127.0.0.1:0", "--database", &new.url], "unfinished copy");
            refused(&["doctor", "--database", &new.url], "unfinished");
        }
        done(&args);
        assert_eq!(rows(&new.url), 2 * CUSTOMERS);
        done(&["doctor", "--database", &new.url]);
    }
}

/// A backup that stands still once it has written so many bytes. One that has ended before it was stopped is begun again.
fn stopped_in_its_midst(args: &[&str], partial: &Path, size: u64, file: &Path) -> Child {
    for _ in 0..100 {
        let mut backing_up = start(args);
        wait_until("the backup", || {
            file.exists() || std::fs::metadata(partial).is_ok_and(|about| about.len() >= size)
        });
        let stopped = Command::new("kill").args(["-STOP", &backing_up.id().to_string()]).status();
        assert!(stopped.unwrap().success());
        if partial.exists() {
            return backing_up;
        }
        backing_up.kill().unwrap();
        backing_up.wait().unwrap();
        std::fs::remove_file(file).unwrap();
    }
    panic!("the backup is always faster than its kill");
}

#[test]
fn a_backup_that_is_killed_leaves_no_file_of_its_name_and_does_not_stand_in_the_way() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if !engine.is_here() {
            continue;
        }
        let database = filled(engine);
        let file = database.folder().join("b.backup");
        let args = ["backup", file.to_str().unwrap(), "--database", &database.url];
        let partial = database.folder().join(".b.backup.partial");
        for size in [0, 1 << 20] {
            let mut backing_up = stopped_in_its_midst(&args, &partial, size, &file);
            // While it is there, another backup to the same file is refused.
            refused(&args, "is being written by another backup");
            backing_up.kill().unwrap();
            backing_up.wait().unwrap();
            assert!(!file.exists());
            assert!(partial.exists(), "the control: the kill came too late");
        }
        done(&args);
        let left = std::fs::read_dir(database.folder()).unwrap();
        let left: Vec<String> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!left.iter().any(|name| name.contains("partial")), "{left:?}");
        let new = Database::new(Engine::Sqlite);
        done(&["restore", file.to_str().unwrap(), "--database", &new.url]);
        assert_eq!(rows(&new.url), 2 * CUSTOMERS);
    }
}

#[test]
fn a_restore_that_is_killed_goes_on() {
    let database = filled(Engine::Sqlite);
    let file = database.folder().join("b.backup").display().to_string();
    done(&["backup", &file, "--database", &database.url]);
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if !engine.is_here() {
            continue;
        }
        let new = Database::empty(engine);
        let args = ["restore", &file, "--database", &new.url];
        let mut restoring = start(&args);
        wait_until("the restore", || rows(&new.url) >= 3_000);
        restoring.kill().unwrap();
        restoring.wait().unwrap();
        assert!(rows(&new.url) < 2 * CUSTOMERS, "the control: the kill came too late");
        refused(&["serve", "--listen", "127.0.0.1:0", "--database", &new.url], "unfinished copy");
        done(&args);
        assert_eq!(rows(&new.url), 2 * CUSTOMERS);
        refused(&args, "not empty");
    }
}

/// A file that may not grow beyond a size: writing fails, at the size that is given.
#[test]
fn a_backup_that_cannot_be_written_to_its_end_leaves_nothing() {
    let database = filled(Engine::Sqlite);
    let folder = database.folder().join("backups");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("b.backup").display().to_string();
    let binary = command(Path::new("/"), &[]).get_program().to_owned();
    for (blocks, fits) in [(64, false), (2_000, false), (6_000, false), (1_000_000, true)] {
        // Signal 25 (XFSZ) is left out, so that the write fails instead.
        let script = format!("trap '' 25; ulimit -f {blocks}; exec \"$@\"");
        let mut limited = Command::new("bash");
        limited.args(["-c", &script, "bash"]).arg(&binary);
        limited.args(["backup", &file, "--database", &database.url]);
        let output = limited.output().unwrap();
        assert_eq!(output.status.success(), fits, "{blocks}: {}", printed(&output));
        let left = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(left, usize::from(fits), "{blocks}: {}", printed(&output));
        if !fits {
            assert!(printed(&output).contains("no backup was made"), "{}", printed(&output));
        }
    }
    refused(&["doctor", "--database", &format!("sqlite:{file}.none")], "No such file");
}

#[test]
fn a_full_disk_during_a_backup_leaves_nothing() {
    let database = filled(Engine::Sqlite);
    let Some(disk) = Disk::small(database.folder().join("disk"), "2m") else { return };
    let file = disk.folder().join("b.backup");
    let output = run(&["backup", file.to_str().unwrap(), "--database", &database.url]);
    let left: Vec<_> =
        std::fs::read_dir(disk.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let said = printed(&output);
    assert!(!output.status.success() && left.is_empty(), "{left:?} {said}");
    let why = format!("{} cannot be written: the disk is full", file.display());
    assert!(said.contains(&why), "{said}");
}
