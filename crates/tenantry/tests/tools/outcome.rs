//! A change whose outcome nobody knows, as a client sees it: a 503 that says what to do, and what comes of doing it.

use crate::support::cluster::Cluster;
use crate::support::{Database, Engine, Server, customer};
use crate::{block_on, value};
use serde_json::json;

#[test]
fn a_create_that_waits_for_a_standby_is_repeated_with_its_key_and_made_once() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let mut database = Database::new(Engine::Sqlite); // for its folder
    database.url = cluster.url();
    let server = Server::start(&database, &[]);
    let api = server.admin();
    let create = || {
        let call = api.call("POST", "/v2/customers").header("Idempotency-Key", "the-same");
        call.json(&customer(&json!({}))).send()
    };
    block_on(cluster.demand_a_standby());
    let unknown = create();
    assert_eq!(unknown.status, 503, "{}", unknown.text());
    assert!(
        unknown.text().contains("repeat the request with the same Idempotency-Key"),
        "{}",
        unknown.text()
    );
    assert!(!unknown.header("Retry-After").is_empty());

    block_on(cluster.set("synchronous_standby_names = ''"));
    let mut again = create();
    for _ in 0..20 {
        if again.status == 201 {
            break;
        }
        again = create(); // the first may take a moment to be confirmed
    }
    assert_eq!(again.status, 201, "{}", again.text());
    assert_eq!(again.header("Idempotency-Replayed"), "true");
    assert_eq!(value(&database.url, "SELECT COUNT(*) FROM customers"), "1");
}
