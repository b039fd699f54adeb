//! Backups that the server makes by itself: by schedule, proven by restoring them, and before an upgrade, with the way back.

use crate::metrics::sample;
use crate::support::{Database, Engine, Server, command, customer, on_both_engines, wait_until};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

on_both_engines!(scheduled_backups_are_proven_and_kept);

const PATIENCE: Duration = Duration::from_secs(60);
const PROVEN: &str = "tenantry_backups_total{outcome=\"proven\"}";
const FAILED: &str = "tenantry_backups_total{outcome=\"failed\"}";

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn until(what: &str, so: impl Fn() -> bool) {
    wait_until(PATIENCE, what, so);
}

fn scheduled_backups_are_proven_and_kept(engine: Engine) {
    let database = Database::new(engine);
    let folder = database.folder().join("backups");
    let to = folder.to_str().unwrap();
    let schedule = ["--backup-to", to, "--backup-every", "1s", "--backup-keep", "2"];
    let mut server = Server::start(&database, &schedule);
    let api = server.admin();
    api.create(&customer(&json!({"name": "In the backup"})));
    let before = sample(&api, PROVEN);
    until("two more backups are proven", || sample(&api, PROVEN) as u64 >= before as u64 + 2);
    until("one is removed", || server.log().contains("old scheduled backup removed"));
    let last = sample(&api, "tenantry_backup_last_proven_timestamp_seconds");
    assert!(last > 1_700_000_000.0, "{last}");
    assert_eq!(sample(&api, FAILED), 0.0);
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));

    let kept: Vec<PathBuf> = files(&folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "backup"))
        .collect();
    assert!((2..=3).contains(&kept.len()), "{kept:?}");
    for path in [&folder, &kept[0]] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
    // The newest has what the server had, on SQLite whatever it comes from.
    let newest = kept.last().unwrap().to_str().unwrap();
    let other = Database::new(Engine::Sqlite);
    let args = ["admin", "restore", newest, "--database", &other.url];
    let restored = command(database.folder(), &args).output().unwrap();
    assert!(restored.status.success(), "{}", told(&restored));
    assert_eq!(other.query("SELECT name FROM customers"), [["In the backup"]]);
}

#[test]
fn a_backup_that_cannot_be_made_is_counted_and_logged() {
    let database = Database::new(Engine::Sqlite);
    let folder = database.folder().join("backups");
    let to = folder.to_str().unwrap();
    let server = Server::start(&database, &["--backup-to", to, "--backup-every", "1s"]);
    let api = server.admin();
    until("the first is proven", || sample(&api, PROVEN) >= 1.0);
    // Away in one step: in a folder that is emptied file by file, the server may put another file.
    std::fs::rename(&folder, database.folder().join("moved-away")).unwrap();
    until("the next fails", || sample(&api, FAILED) >= 1.0);
    assert!(server.log().contains("scheduled backup failed"));
    let file = database.folder().join("file");
    std::fs::write(&file, "").unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--database", &database.url, "--backup-to"];
    let refused = command(database.folder(), &serve).arg(file.join("folder")).output().unwrap();
    assert!(
        !refused.status.success() && told(&refused).contains("cannot make the folder"),
        "{}",
        told(&refused)
    );
}

/// A database as the version before the newest migration has left it, with a partner whose id no sequence gives soon.
fn older(path: &Path) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut migrations = files(&folder);
    migrations.retain(|path| path.extension().is_some_and(|end| end == "sql"));
    migrations.pop();
    let database = rusqlite::Connection::open(path).unwrap();
    let ledger = "CREATE TABLE schema_migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT;";
    database.execute_batch(ledger).unwrap();
    for (version, path) in (1..).zip(&migrations) {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("--postgres "));
        let sql: String =
            lines.map(|line| line.strip_prefix("--sqlite ").unwrap_or(line).to_owned() + "\n").collect();
        let sql =
            sql.replace("BIGINT", "INTEGER").replace("BOOLEAN", "INTEGER").replace("\n);", "\n) STRICT;");
        database.execute_batch(&sql).unwrap();
        let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let row = (version, name, hash);
        database.execute("INSERT INTO schema_migrations VALUES (?1, ?2, ?3)", row).unwrap();
    }
    let partner =
        "INSERT INTO partners (id, name, name_key, suspended, created_at) VALUES (1000, 'Old', 'old', 0, 0)";
    database.execute_batch(partner).unwrap();
    migrations.len()
}

#[test]
fn an_upgrade_is_backed_up_and_rolled_back() {
    let database = Database::new(Engine::Sqlite);
    let path = database.folder().join("tenantry.db");
    let version = older(&path);
    let count =
        |what: &str| database.query(&format!("SELECT COUNT(*) FROM {what}"))[0][0].parse::<usize>().unwrap();

    let mut server = Server::start(&database, &[]);
    assert!(server.log().contains("the database's schema is upgraded"), "{}", server.log());
    assert_eq!(count("schema_migrations"), version + 1);
    let backups = files(&database.folder().join("backups"));
    assert_eq!(backups.len(), 1, "{backups:?}");
    assert!(backups[0].file_name().unwrap().to_string_lossy().starts_with("before-upgrade-"));
    let created = server.run(&["admin", "partner", "create", "Later", "--admin", "a@example.com"]);
    assert!(created.status.success(), "{}", told(&created));
    let rollback = |args: &[&str]| {
        command(database.folder(), &[&["admin", "rollback", "--database", &database.url], args].concat())
            .output()
            .unwrap()
    };
    // Not while it runs, and not without being told to.
    let in_use = rollback(&["--yes"]);
    assert!(!in_use.status.success() && told(&in_use).contains("stop the server first"), "{}", told(&in_use));
    server.signal("TERM");
    assert_eq!(server.wait().0.code(), Some(0));
    let asked = rollback(&[]);
    assert!(asked.status.success() && told(&asked).contains("Repeat with --yes"), "{}", told(&asked));
    assert_eq!((count("partners WHERE id > 0"), count("schema_migrations")), (2, version + 1));

    let done = rollback(&["--yes"]);
    assert!(done.status.success(), "{}", told(&done));
    assert_eq!(
        (count("partners WHERE id > 0"), count("schema_migrations")),
        (1, version),
        "the version before finds its schema"
    );
    let aside: Vec<PathBuf> = files(database.folder())
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("tenantry.db.rolled-back-"))
        .collect();
    let before = Database::at(&format!("sqlite:{}", aside[0].display()));
    assert_eq!(before.query("SELECT COUNT(*) FROM partners WHERE id > 0"), [["2"]]);

    // Up again, this time without.
    let server = Server::start(&database, &["--upgrade-backup-to", "none"]);
    assert!(server.log().contains("upgraded without a backup"), "{}", server.log());
    assert_eq!(files(&database.folder().join("backups")).len(), 1);
}

#[test]
fn nothing_is_upgraded_without_the_backup_that_was_asked_for() {
    let database = Database::new(Engine::Sqlite);
    let version = older(&database.folder().join("tenantry.db"));
    let file = database.folder().join("file");
    std::fs::write(&file, "").unwrap();
    let to = file.join("folder");
    for args in [&["serve", "--listen", "127.0.0.1:0"][..], &["admin", "partner", "list"]] {
        let mut refused = command(database.folder(), args);
        let refused =
            refused.args(["--database", &database.url, "--upgrade-backup-to"]).arg(&to).output().unwrap();
        assert!(
            !refused.status.success() && told(&refused).contains("cannot make the folder"),
            "{}",
            told(&refused)
        );
        assert_eq!(database.query("SELECT COUNT(*) FROM schema_migrations"), [[version.to_string()]]);
    }
}

#[test]
fn a_rollback_on_postgres_needs_another_database() {
    if !Engine::Postgres.is_here() {
        return;
    }
    let database = Database::new(Engine::Postgres);
    let server = Server::start(&database, &[]);
    let file = database.folder().join("a.backup");
    assert!(server.run(&["admin", "backup", file.to_str().unwrap()]).status.success());
    let refused = server.run(&["admin", "rollback", file.to_str().unwrap(), "--yes"]);
    assert!(!refused.status.success() && told(&refused).contains("--into"), "{}", told(&refused));
    let other = Database::empty(Engine::Postgres);
    let done = server.run(&["admin", "rollback", file.to_str().unwrap(), "--into", &other.url, "--yes"]);
    assert!(done.status.success(), "{}", told(&done));
    assert_eq!(other.query("SELECT COUNT(*)::text FROM partners WHERE id > 0"), [["1"]]);
}
