//! A PostgreSQL that stops answering, that ends the server's connections, or that has none left: requests are answered
//! `503` meanwhile, nothing acknowledged is lost, and what is repeated is made once. And pages of SQLite's file that a
//! failing disk has overwritten.

use crate::support::cluster::Cluster;
use crate::support::raw::value;
use crate::support::{Api, Database, Engine, Server, customer};
use crate::{block_on, wait_until};
use serde_json::json;
use std::os::unix::fs::FileExt;

/// A server on a cluster of its own.
fn start(settings: &[&str]) -> Option<(Cluster, Database, Server)> {
    let cluster = Cluster::start(settings)?;
    let database = Database::at(&cluster.url());
    let server = Server::start(&database, &[]);
    Some((cluster, database, server))
}

fn create(api: &Api, name: &str) -> u16 {
    let body = customer(&json!({"name": name}));
    api.call("POST", "/v2/customers").header("Idempotency-Key", name).json(&body).send().status
}

fn total(api: &Api) -> String {
    api.get("/v2/customers").header("x-total").to_owned()
}

#[test]
fn a_database_that_stops_is_out_of_reach_until_it_goes_on() {
    let Some((cluster, _database, server)) = start(&[]) else { return };
    let api = server.admin();
    assert_eq!(create(&api, "before"), 201);
    cluster.signal("STOP");
    let during = create(&api, "during");
    assert_eq!((during, api.get("/readyz").status), (503, 503));
    assert_eq!(api.call("GET", "/healthz").send().status, 200, "the server itself is alive");
    cluster.signal("CONT");
    wait_until("a create", || create(&api, "during") == 201);
    assert_eq!(total(&api), "2");
}

#[test]
fn connections_that_the_database_ends_lose_nothing() {
    let Some((cluster, _database, server)) = start(&[]) else { return };
    let (api, url) = (server.admin(), cluster.url());
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let api = &api;
                scope.spawn(move || {
                    for number in 0..10 {
                        let name = format!("{writer}-{number}");
                        wait_until("a create", || match create(api, &name) {
                            201 => true,
                            503 => false,
                            other => panic!("{other}"),
                        });
                    }
                })
            })
            .collect();
        let ended: usize = (0..15).map(|_| block_on(value(&url, end)).parse::<usize>().unwrap()).sum();
        assert!(ended > 0, "the server had connections");
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    assert_eq!(total(&api), "40", "each once");
}

#[test]
fn a_database_without_free_connections_is_out_of_reach_until_it_has_some() {
    let Some((cluster, _database, server)) = start(&["max_connections=30"]) else { return };
    let (api, url) = (server.admin(), cluster.url());
    assert_eq!(create(&api, "before"), 201);
    // Every place is taken in the moment in which the server's connections end.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let connect = || {
        let connected = runtime.block_on(tokio_postgres::connect(&url, tokio_postgres::NoTls)).ok()?;
        runtime.spawn(connected.1);
        Some(connected.0)
    };
    let mut taken = vec![connect().unwrap()];
    let ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE backend_type = 'client backend' AND application_name = 'tenantry' AND pid <> pg_backend_pid()";
    wait_until("a refusal", || {
        runtime.block_on(taken[0].batch_execute(ours)).unwrap();
        while let Some(client) = connect() {
            taken.push(client);
        }
        create(&api, "during") == 503
    });
    drop(taken);
    wait_until("a create", || create(&api, "during") == 201);
    assert_eq!(total(&api), "2");
}

#[test]
fn overwritten_pages_are_found() {
    let database = Database::new(Engine::Sqlite);
    let mut server = Server::start(&database, &[]);
    let api = server.admin();
    (0..200).for_each(|number| assert_eq!(create(&api, &format!("Customer {number}")), 201));
    server.signal("TERM");
    server.wait();
    let file = database.folder().join("tenantry.db");
    let whole = std::fs::read(&file).unwrap();
    let (mut refused, mut rounds) = (0, 0);
    for page in (1..whole.len() / 4096).step_by(7) {
        let damaged = std::fs::File::options().write(true).open(&file).unwrap();
        damaged.write_all_at(&[0xa5; 4096], page as u64 * 4096).unwrap();
        drop(damaged);
        let doctor = server.run(&["doctor"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        refused += usize::from(!doctor.status.success());
        rounds += 1;
        assert!(!said.contains("panicked"), "{page}: {said}");
        std::fs::write(&file, &whole).unwrap();
    }
    assert!(rounds > 10 && refused * 10 >= rounds * 8, "{refused} of {rounds}: a page may be free");
    let doctor = server.run(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("whole"), "the control: {said}");
}
