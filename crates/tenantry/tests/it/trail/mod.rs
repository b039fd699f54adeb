//! What a chain inside the database cannot show by itself: keys that were planted, states that were put back; and events that
//! go because they are to go.

mod anchors;
mod erasure;
mod planted;

use crate::support::{Api, Database, NOW, Server};
use serde_json::Value;

const SANDBOX: [&str; 3] = ["--sandbox", "--at", NOW];

/// `tenantry admin audit verify`: whether it was content, and what it printed.
fn verify(server: &Server) -> (bool, Value) {
    let output = server.run(&["audit", "verify", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    (output.status.success(), printed)
}

fn content(server: &Server, when: &str) -> Value {
    let (good, printed) = verify(server);
    assert!(good, "{when}: {printed:#}");
    printed
}

fn found(server: &Server, when: &str, what: &str) {
    let (good, printed) = verify(server);
    assert!(!good && printed.to_string().contains(what), "{when}: {printed:#}");
}

fn ok(server: &Server, args: &[&str]) -> String {
    let output = server.run(args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same database, served again.
fn restart(server: &mut Server, database: &Database) {
    stop(server);
    *server = Server::start(database, &SANDBOX);
}

fn stop(server: &mut Server) {
    server.signal("TERM");
    server.wait();
}

fn works(api: &Api) -> bool {
    api.get("/v2/me").status == 200
}
