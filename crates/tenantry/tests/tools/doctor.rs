//! `tenantry admin doctor`: what is wrong, what to do, and an exit status for scripts.

use crate::support::cluster::Cluster;
use crate::support::{Database, Engine, Failures, Server};
use crate::{done, printed, run, run_with, sql};
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn made(engine: Engine) -> Database {
    let database = Database::new(engine);
    serve_once(&database);
    database
}

/// The first start makes the database; the end leaves it in its file.
fn serve_once(database: &Database) {
    let mut server = Server::start(database, &[]);
    server.signal("TERM");
    server.wait();
}

fn path(database: &Database) -> &str {
    database.url.strip_prefix("sqlite:").unwrap()
}

/// What a check of this name says, and the exit status.
fn asked(url: &str, check: &str) -> (Option<(String, String)>, Option<i32>) {
    let output = run(&["doctor", "--json", "--database", url]);
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", printed(&output)));
    assert_eq!(report["fine"], output.status.success());
    let checks = report["checks"].as_array().unwrap();
    for check in checks {
        let (verdict, advice) = (check["verdict"].as_str().unwrap(), check["advice"].as_str().unwrap());
        assert_eq!(verdict == "fine", advice.is_empty(), "{check}");
    }
    let found = checks.iter().find(|found| found["check"] == check);
    let text = |found: &Value, field: &str| found[field].as_str().unwrap().to_owned();
    (found.map(|found| (text(found, "verdict"), text(found, "found"))), output.status.code())
}

#[test]
fn each_fault_has_its_check_and_its_exit_status() {
    type Breaking = fn(&Database);
    let cases: [(&str, Engine, Breaking, &str, &str, &str); 16] = [
        ("nothing", Engine::Sqlite, |_| {}, "integrity", "fine", "whole"),
        ("nothing", Engine::Postgres, |_| {}, "row level security", "fine", "effective"),
        ("nothing", Engine::Postgres, |_| {}, "statistics", "fine", "collected"),
        (
            "no file",
            Engine::Sqlite,
            |d| std::fs::remove_file(path(d)).unwrap(),
            "access",
            "problem",
            "No such file",
        ),
        (
            "not a database",
            Engine::Sqlite,
            |d| std::fs::write(path(d), "hello".repeat(999)).unwrap(),
            "access",
            "problem",
            "is not an SQLite database: name another file with --database",
        ),
        ("damaged", Engine::Sqlite, damage, "integrity", "problem", "index"),
        (
            "dangling",
            Engine::Sqlite,
            |d| sql(&d.url, "PRAGMA foreign_keys = OFF; DELETE FROM partners"),
            "references",
            "problem",
            "users",
        ),
        (
            "open to others",
            Engine::Sqlite,
            |d| std::fs::set_permissions(path(d), PermissionsExt::from_mode(0o644)).unwrap(),
            "permissions",
            "warning",
            "644",
        ),
        (
            "another journal",
            Engine::Sqlite,
            |d| sql(&d.url, "PRAGMA journal_mode = DELETE"),
            "durability",
            "warning",
            "delete",
        ),
        (
            "a clock that went back",
            Engine::Sqlite,
            |d| {
                let tomorrow =
                    std::fs::metadata(path(d)).unwrap().modified().unwrap() + Duration::from_secs(86_400);
                File::options().write(true).open(path(d)).unwrap().set_modified(tomorrow).unwrap();
            },
            "clock",
            "problem",
            "before the last change",
        ),
        ("newer", Engine::Sqlite, newer, "schema", "problem", "start the newer tenantry"),
        ("newer", Engine::Postgres, newer, "schema", "problem", "start the newer tenantry"),
        (
            "empty",
            Engine::Postgres,
            |d| sql(&d.url, "DROP TABLE schema_migrations"),
            "schema",
            "problem",
            "no schema",
        ),
        (
            "a table without the wall",
            Engine::Postgres,
            |d| sql(&d.url, "ALTER TABLE customers NO FORCE ROW LEVEL SECURITY"),
            "row level security",
            "problem",
            "customers",
        ),
        (
            "a policy gone",
            Engine::Postgres,
            |d| sql(&d.url, "DROP POLICY own_partner ON users"),
            "row level security",
            "problem",
            "users",
        ),
        (
            "an index that was never finished",
            Engine::Postgres,
            |d| {
                sql(
                    &d.url,
                    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'customers_updated'::regclass",
                );
            },
            "integrity",
            "problem",
            "customers_updated",
        ),
    ];
    let mut failures = Failures::default();
    for (what, engine, break_it, check, verdict, found) in cases {
        if !engine.is_here() {
            return;
        }
        let database = made(engine);
        break_it(&database);
        let (said, status) = asked(&database.url, check);
        let right = said.as_ref().is_some_and(|(v, f)| v == verdict && f.contains(found))
            && status == Some(i32::from(verdict == "problem"));
        failures.case(
            &format!("{what} on {engine:?}"),
            right.then_some(()).ok_or(format!("{said:?}, exit {status:?}")),
        );
    }
    failures.done(16);
}

fn newer(database: &Database) {
    sql(&database.url, "INSERT INTO schema_migrations (version, name, sha256) VALUES (9999, 'later', '')");
}

/// An index that does not fit its table, as a failing disk leaves it.
fn damage(database: &Database) {
    sql(
        &database.url,
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX customers_updated ON customers
         (partner_id, updated_at, id) WHERE id > 0' WHERE name = 'customers_updated';
         INSERT INTO partners VALUES (2, 'b', 'b', 0, 0);",
    );
    sql(
        &database.url,
        "INSERT INTO customers (partner_id, id, name, name_key, classification, margin_percentage, billing_enabled,
            billing_folder, generated_external_id, created_at, updated_at, version)
         VALUES (1, -1, 'a', 'a', 'managed_without_access', 0, 0, '', 'a', 0, 0, 1);
         PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX customers_updated ON customers
         (partner_id, updated_at, id)' WHERE name = 'customers_updated'",
    );
}

/// A setting of the whole cluster, so in one of its own.
#[test]
fn a_cluster_that_collects_no_statistics_is_warned_of() {
    let Some(cluster) = Cluster::start(&["autovacuum=off"]) else { return };
    let url = cluster.url();
    serve_once(&Database::at(&url));
    let warned = Some(("warning".to_owned(), "autovacuum is off".to_owned()));
    assert_eq!(asked(&url, "statistics"), (warned, Some(0)));
}

#[test]
fn it_changes_nothing_and_reads_well() {
    let database = made(Engine::Sqlite);
    let before = std::fs::read(path(&database)).unwrap();
    let said = done(&["doctor", "--database", &database.url]);
    assert!(said.lines().any(|line| line.starts_with("fine     version              SQLite 3.")), "{said}");
    assert_eq!(std::fs::read(path(&database)).unwrap(), before);
}

#[test]
fn a_host_that_does_not_answer_is_a_problem_without_the_password() {
    let output =
        run_with(&["doctor"], &[("TENANTRY_DATABASE", "postgres://u:p4ss@127.0.0.1:1,127.0.0.1:2/d")]);
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("127.0.0.1:1: ") && said.contains("127.0.0.1:2: ") && !said.contains("p4ss"),
        "{said}"
    );
}
