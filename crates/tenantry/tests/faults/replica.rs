//! Lists read from a standby: while it keeps up, when it falls behind, and when it dies.

use crate::block_on;
use crate::support::cluster::Cluster;
use crate::support::raw::{sql, value};
use crate::support::{Api, Database, Engine, Server, customer};
use crate::wait_until;
use serde_json::json;

fn database(primary: &Cluster) -> Database {
    let mut database = Database::new(Engine::Sqlite); // for its folder
    database.url = primary.url();
    database
}

/// A server that reads lists from this cluster, if it is given.
fn start(database: &Database, replica: Option<&Cluster>) -> Server {
    let url = replica.map(Cluster::url);
    let args: Vec<&str> = url.iter().flat_map(|url| ["--read-replica", url.as_str()]).collect();
    Server::start(database, &args)
}

fn names(api: &Api) -> Vec<String> {
    let listed = api.get("/v2/customers").json();
    let customers = listed["customers"].as_array().unwrap_or_else(|| panic!("{listed}"));
    customers.iter().map(|customer| customer["name"].as_str().unwrap().to_owned()).collect()
}

fn create(api: &Api, name: &str) {
    assert_eq!(api.post("/v2/customers", &customer(&json!({"name": name}))).status, 201, "{name}");
}

#[test]
fn lists_are_read_from_a_standby_that_keeps_up() {
    let Some(primary) = Cluster::start(&["dynamic_shared_memory_type=mmap"]) else { return };
    let database = database(&primary);
    // The standby begins with the schema of a server before.
    drop(start(&database, None));
    let standby = primary.standby();
    let server = start(&database, Some(&standby));
    let api = server.admin();
    let is_used = |server: &Server| {
        let metrics = server.admin().call("GET", "/metrics").authorization(None).send();
        metrics.text().lines().any(|line| line == "tenantry_read_replica_current 1")
    };
    create(&api, "One");
    wait_until("the use of the standby", || is_used(&server));
    wait_until("the first customer", || names(&api) == ["One"]);

    // What the standby has not replayed is not listed, which shows where lists are read. On a machine that is so slow that the
    // standby has fallen behind by then, it is tried with another customer.
    let mut expected = vec!["One".to_owned()];
    let paused = "SELECT pg_get_wal_replay_pause_state()";
    loop {
        block_on(sql(&standby.url(), "SELECT pg_wal_replay_pause()"));
        wait_until("the pause", || block_on(value(&standby.url(), paused)) == "paused");
        let new = format!("After {}", expected.len());
        create(&api, &new);
        let listed = names(&api);
        if is_used(&server) {
            assert_eq!(listed, expected);
            expected.push(new);
            break;
        }
        expected.push(new);
        block_on(sql(&standby.url(), "SELECT pg_wal_replay_resume()"));
        wait_until("the use of the standby", || is_used(&server));
    }

    // Once it is too far behind, the primary answers.
    wait_until("the end of the use of the standby", || !is_used(&server));
    assert_eq!(names(&api), expected);
    block_on(sql(&standby.url(), "SELECT pg_wal_replay_resume()"));
    wait_until("the use of the standby", || is_used(&server));
    assert_eq!(names(&api), expected);

    // No list fails when the standby dies.
    standby.signal("KILL");
    for _ in 0..20 {
        assert_eq!(names(&api), expected);
    }
    let log = server.log();
    for line in ["lists are read from the read replica", "the read replica is not used"] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

/// The control: without the option the same standby changes nothing.
#[test]
fn lists_are_read_from_the_primary_by_default() {
    let Some(primary) = Cluster::start(&["dynamic_shared_memory_type=mmap"]) else { return };
    let database = database(&primary);
    let server = start(&database, None);
    let standby = primary.standby();
    block_on(sql(&standby.url(), "SELECT pg_wal_replay_pause()"));
    create(&server.admin(), "One");
    assert_eq!(names(&server.admin()), ["One"]);
}

/// Another database's server, and one that follows no other, are not used.
#[test]
fn only_a_standby_of_the_same_database_is_used() {
    let Some(primary) = Cluster::start(&["dynamic_shared_memory_type=mmap"]) else { return };
    let database = database(&primary);
    let server = start(&database, Some(&primary));
    create(&server.admin(), "One");
    wait_until("the refusal", || server.log().contains("it is no standby"));
    assert_eq!(names(&server.admin()), ["One"]);
}
