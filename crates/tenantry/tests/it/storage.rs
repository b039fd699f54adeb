//! SQLite's files removed or replaced while the server has them open: nothing is acknowledged into a file that is gone.

use crate::support::{Answer, Api, Database, Engine, Server, customer, wait_until};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer than the server takes to look at its files, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn create(api: &Api, name: &str) -> Answer {
    api.post("/v2/customers", &customer(&json!({"name": name})))
}

/// Asked until this is the status, or for so long that it never will be.
fn becomes(api: &Api, path: &str, status: u16) {
    wait_until(PATIENCE, &format!("{path} is answered {status}"), || api.get(path).status == status);
}

fn files_of(database: &Database) -> (PathBuf, PathBuf) {
    let file = PathBuf::from(database.url.strip_prefix("sqlite:").unwrap());
    let log = file.with_extension("db-wal");
    (file, log)
}

fn customers_in(file: &Path) -> i64 {
    let conn = rusqlite::Connection::open(file).unwrap();
    conn.query_row("SELECT COUNT(*) FROM customers", [], |row| row.get(0)).unwrap()
}

#[test]
fn nothing_is_acknowledged_into_files_that_are_gone() {
    for (what, replaced) in [("was removed", false), ("was replaced by another file", true)] {
        let database = Database::new(Engine::Sqlite);
        let server = Server::start(&database, &[]);
        let api = server.admin();
        assert_eq!(create(&api, "Before").status, 201, "the control");
        let (file, _) = files_of(&database);
        let aside = file.with_extension("aside");
        if replaced {
            std::fs::copy(&file, file.with_extension("other")).unwrap();
        }
        std::fs::rename(&file, &aside).unwrap();
        if replaced {
            std::fs::rename(file.with_extension("other"), &file).unwrap();
        }
        // The very next change is refused, and reading within a second.
        let refused = create(&api, "Into nothing");
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert_eq!(api.get("/readyz").status, 503);
        becomes(&api, "/v2/customers", 503);
        assert_eq!(api.get("/healthz").status, 200);
        let log = server.log();
        assert!(log.contains(what) && log.contains("everything is answered 503"), "{log}");
        // Moved back, it is the file that was opened.
        std::fs::rename(&aside, &file).unwrap();
        becomes(&api, "/v2/customers", 200);
        assert_eq!(api.get("/readyz").status, 200);
        assert_eq!(create(&api, "Into nothing").status, 201);
        assert_eq!(api.get("/v2/customers").header("x-total"), "2");
        assert!(server.log().contains("files are back"));
    }
}

#[test]
fn a_log_that_was_removed_is_brought_into_the_database() {
    let database = Database::new(Engine::Sqlite);
    let mut server = Server::start(&database, &[]);
    let api = server.admin();
    for number in 0..20 {
        assert_eq!(create(&api, &format!("Customer {number}")).status, 201);
    }
    let (file, log) = files_of(&database);
    // The control: without its log, the database has none of them.
    let alone = database.folder().join("alone.db");
    std::fs::copy(&file, &alone).unwrap();
    let without_log = rusqlite::Connection::open(&alone).unwrap();
    let found = without_log.query_row("SELECT COUNT(*) FROM customers", [], |row| row.get::<_, i64>(0));
    assert!(found.is_err() || found.unwrap() < 20);

    std::fs::remove_file(&log).unwrap();
    assert_eq!(create(&api, "Into nothing").status, 503);
    assert_eq!(api.get("/readyz").status, 503);
    wait_until(PATIENCE, "the log is in the file", || {
        server.log().contains("was brought into the database file")
    });
    server.kill();
    assert_eq!(customers_in(&file), 20);
    let again = Server::start(&database, &[]);
    assert_eq!(again.admin().get("/v2/customers").header("x-total"), "20");
}

/// A folder that belongs to another user is said in one line, with what to do.
#[test]
fn a_folder_of_another_user_is_said_with_the_cure() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return; // who is not root cannot become another user
    }
    let database = Database::new(Engine::Sqlite);
    std::fs::set_permissions(database.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // The binary may lie where the other user cannot read it.
    let program = database.folder().join("tenantry");
    std::fs::copy(env!("CARGO_BIN_EXE_tenantry"), &program).unwrap();
    let command = |args: &[&str]| {
        let mut command = std::process::Command::new("/usr/bin/timeout");
        command.arg("30").arg(&program).args(args).args(["--database", &database.url]);
        command.current_dir("/").env_clear().uid(65_534).gid(65_534).output().unwrap()
    };
    let run = || command(&["serve", "--listen", "127.0.0.1:0"]);
    let output = run();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    let folder = database.folder().display();
    for part in [
        format!("{folder}/tenantry.db: Permission denied"),
        format!("{folder} belongs to user 0 and group 0 with mode 0755"),
        format!("this process runs as user 65534 and group 65534: chown 65534:65534 {folder}"),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    // The control: the file of another user in a folder of one's own.
    let mut server = Server::start(&database, &[]);
    server.signal("TERM");
    assert!(server.wait().0.success());
    std::os::unix::fs::chown(database.folder(), Some(65_534), Some(65_534)).unwrap();
    for file in std::fs::read_dir(database.folder()).unwrap().map(|file| file.unwrap().path()) {
        if !file.file_name().unwrap().to_string_lossy().starts_with("tenantry.db") {
            std::os::unix::fs::chown(file, Some(65_534), Some(65_534)).unwrap();
        }
    }
    let said = run();
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("cannot write the database") && said.contains("with mode 0600"), "{said}");
    // What is one's own has the wrong mode, not the wrong owner.
    let file = database.folder().join("tenantry.db");
    std::os::unix::fs::chown(&file, Some(65_534), Some(65_534)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
    let said = run();
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains(&format!("chmod u+rw {}", file.display())) && !said.contains("chown"), "{said}");
    // A log that another user has left.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let doctor = || {
        let output = command(&["admin", "doctor"]);
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let wal = database.folder().join("tenantry.db-wal");
    drop(std::fs::remove_file(&wal)); // the server that ended has left none of use
    drop(std::fs::remove_file(database.folder().join("tenantry.db-shm")));
    let why = format!("cannot write the database {}: Permission denied", wal.display());
    assert!(!doctor().contains(&why), "the control");
    std::fs::write(&wal, "").unwrap();
    let said = run();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains(&why) && said.contains(&format!("chown 65534:65534 {}", wal.display())), "{said}");
    assert!(doctor().contains(&why), "{}", doctor());
}
