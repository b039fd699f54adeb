//! A disk that is full under load: reading goes on, and so does writing as soon as there is space.

use crate::block_on;
use crate::load::Load;
use crate::support::cluster::Cluster;
use crate::support::disk::Disk;
use crate::support::raw::sql;
use crate::support::{Database, Engine, Server};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn on_sqlite() {
    with_small_disk(Engine::Sqlite, full);
}

/// Of PostgreSQL's files the data. Where its WAL finds no space it stops, and starts again when somebody starts it.
#[test]
fn on_postgres() {
    with_small_disk(Engine::Postgres, full);
}

/// Runs a test with a database on a small disk, unless this machine cannot mount one.
pub(crate) fn with_small_disk(engine: Engine, test: fn(&Database, &Disk)) {
    let mut database = Database::new(Engine::Sqlite); // for its folder
    match engine {
        Engine::Sqlite => {
            let Some(disk) = Disk::small(database.folder().join("disk"), "16m") else { return };
            database.url = format!("sqlite:{}", disk.folder().join("tenantry.db").display());
            test(&database, &disk);
        }
        Engine::Postgres => {
            let Some(cluster) = Cluster::start(&[]) else { return };
            let place = Path::new(&cluster.data()).with_file_name("disk");
            let Some(disk) = Disk::small(place, "32m") else { return };
            let place = disk.folder().display().to_string();
            Command::new("chown").args(["postgres", &place]).status().unwrap();
            block_on(sql(&cluster.url(), &format!("CREATE TABLESPACE small LOCATION '{place}'")));
            block_on(sql(&cluster.url(), "CREATE DATABASE tenantry TABLESPACE small"));
            database.url = format!("{}/tenantry", cluster.url().rsplit_once('/').unwrap().0);
            test(&database, &disk);
        }
    }
}

fn full(database: &Database, disk: &Disk) {
    let mut server = Server::start(database, &[]);
    let api = server.admin();
    let mut load = Load::default();
    load.run(std::slice::from_ref(&api), |heard| {
        heard.acknowledged(100);
        assert_eq!(heard.refusals, 0, "the control: with space nothing is refused");
        disk.fill();
        heard.refused(64);
        assert!(heard.refusal.contains("nothing was written"), "{}", heard.refusal);
        let known = *heard.load.answered.keys().next().unwrap();
        for path in ["/v2/customers?per_page=100", &format!("/v2/customers/{known}"), "/v2/me"] {
            assert_eq!(api.get(path).status, 200, "{path}");
        }
        disk.free();
        let freed = Instant::now();
        let first = heard.first_since(freed);
        println!("the first write after {first:?}");
        assert!(first < Duration::from_secs(1), "{first:?}");
        heard.acknowledged(100);
    });
    load.settle(&api);
    load.check(&server, database);
    // What refused to write has left nothing that comes back.
    server.kill();
    load.check(&Server::start(database, &[]), database);
    println!("{}", load.figures());
}
