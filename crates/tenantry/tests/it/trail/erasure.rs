//! Events that are erased for a person, and old ones that are pruned.

use super::{SANDBOX, content, found, ok, restart};
use crate::support::{Database, Engine, Server, customer, on_both_engines};
use serde_json::json;

on_both_engines!(a_person_is_erased, old_events_are_pruned_behind_a_mark,);

fn a_person_is_erased(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &SANDBOX);
    let admin = server.admin();
    let jane = json!({"email": "Jane@Acme.example", "name": "Jane Doe", "role": "viewer"});
    let (id, _) = admin.user("/v2/users", &jane);
    admin.put(&format!("/v2/users/{id}"), &json!({"role": "operator"}));
    admin.create(&customer(&json!({"billing_contact": "jane@acme.example", "name": "Acme of J. Doe"})));
    admin.user("/v2/users", &json!({"email": "joe@acme.example", "name": "Joe", "role": "viewer"}));
    admin.delete(&format!("/v2/users/{id}"));
    let events = || json!(server_events(&database)).to_string().to_lowercase();
    assert!(events().contains("jane@acme.example") && events().contains("jane doe"), "the control");
    let before = content(&server, "before");
    let person = ["audit", "erase-person", "jane@acme.example"];
    assert_eq!(ok(&server, &[&person[..], &["--dry-run"]].concat()), "4 events would be changed\n");
    for (wrong, why) in [
        (&["audit", "erase-person", ""][..], "email "),
        (&["audit", "erase-person", "a"], "email "),
        (&["audit", "erase-person", "jane@acme.example", "--name", " "], "name must not be blank"),
    ] {
        let refused = server.run(wrong);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(why), "{wrong:?}: {said}");
    }
    assert_eq!(content(&server, "nothing is done yet"), before);
    // What users may do is no person's name.
    assert_eq!(
        ok(&server, &["audit", "erase-person", "nobody@acme.example", "--name", "viewer"]),
        "0 events changed\n"
    );
    let told = ok(&server, &person);
    assert_eq!(told, "4 events changed\n");
    assert!(!events().contains("jane"), "{}", events());
    assert!(events().contains("joe@acme.example"));
    let printed = content(&server, "erased");
    assert_eq!(printed["audit"][0]["erased"], 4, "{printed:#}");
    assert!(printed["audit"][0]["events"].as_i64() > before["audit"][0]["events"].as_i64());
    let trail = admin.trail("action=user.");
    assert_eq!(trail[1]["after"]["email"], "[erased]", "{}", trail[1]);
    assert_eq!(
        (&trail[1]["after"]["name"], &trail[1]["after"]["role"]),
        (&json!("[erased]"), &json!("viewer"))
    );
    assert_eq!(ok(&server, &["audit", "erase-person", "jane@acme.example"]), "0 events changed\n");
    // Another person in the same events.
    assert_eq!(
        ok(&server, &["audit", "erase-person", "x@y.example", "--name", "Acme of J. Doe"]),
        "1 events changed\n"
    );
    restart(&mut server, &database);
    content(&server, "after a restart");
    // What stands there now is covered too, and no other process erases.
    database.execute("CREATE TABLE kept AS SELECT * FROM audit_events");
    let undo = "DELETE FROM audit_events; INSERT INTO audit_events SELECT * FROM kept";
    for (what, sql) in [
        (
            "what was erased says something else",
            "UPDATE audit_events SET after = REPLACE(after, '[erased]', 'Jim') WHERE salt IS NULL AND after LIKE '%[erased]%'",
        ),
        (
            "an event is erased by hand",
            "UPDATE audit_events SET after = '{}' WHERE after LIKE '%joe@acme.example%'",
        ),
        (
            "... and its salt",
            "UPDATE audit_events SET after = '{}', salt = NULL WHERE after LIKE '%joe@acme.example%'",
        ),
        (
            "... with a commitment",
            "UPDATE audit_events SET after_commitment = 'ab', salt = NULL WHERE after LIKE '%joe@acme.example%'",
        ),
        (
            "what tells of it is gone",
            "UPDATE audit_events SET action = 'customer.update' WHERE action = 'audit.erase'",
        ),
    ] {
        database.execute(sql);
        found(&server, what, "shard");
        database.execute(undo);
        content(&server, &format!("{what}, undone"));
    }
}

fn server_events(database: &Database) -> Vec<Vec<String>> {
    database.query("SELECT before, after, object, reason FROM audit_events")
}

fn old_events_are_pruned_behind_a_mark(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &SANDBOX);
    let admin = server.admin();
    let made = admin.create(&customer(&json!({})));
    let path = format!("/v2/customers/{}", made["id"]);
    for number in 0..20 {
        admin.put(&path, &json!({"name": format!("Number {number}")}));
    }
    let file = database.folder().join("old.jsonl").display().to_string();
    let count =
        || database.value("SELECT COUNT(*) FROM audit_events WHERE partner_id = 1").parse::<i64>().unwrap();
    let before = count();
    let refused = |args: &[&str], why: &str| {
        let output = server.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{args:?}: {said}");
    };
    refused(&["audit", "prune", "--older-than", "400", "--export", &file], "such as 400d");
    refused(&["audit", "prune", "--older-than", "1h", "--export", &file], "at least 48 hours");
    let all = format!("{file}.all");
    ok(&server, &["audit", "export", &all]);
    refused(&["audit", "export", &all], "cannot make");
    ok(&server, &["audit", "verify", "--export", &all]);
    // The sandbox's events are of 2016; what the command line made is of now.
    let told = ok(&server, &["audit", "prune", "--older-than", "400d", "--export", &file]);
    assert!(told.contains("events pruned") && count() < before - 5, "{told}: {before} {}", count());
    let ok_export = |file: &str| ok(&server, &["audit", "verify", "--export", file]);
    assert!(ok_export(&file).contains("as they were exported"));
    content(&server, "pruned");
    admin.put(&path, &json!({"name": "Behind the mark"}));
    restart(&mut server, &database);
    content(&server, "pruned, changed and restarted");
    // Again, with events that a mark precedes.
    let again = format!("{file}.again");
    ok(&server, &["audit", "prune", "--older-than", "400d", "--export", &again]);
    ok(&server, &["audit", "verify", "--export", &again]);
    content(&server, "pruned again");

    let text = std::fs::read_to_string(&file).unwrap();
    let altered = format!("{file}.altered");
    let lines: Vec<&str> = text.lines().collect();
    let without = |number: usize| {
        let mut lines = lines.clone();
        lines.remove(number);
        format!("{}\n", lines.join("\n"))
    };
    for (what, text) in [
        ("altered", text.replace("Number 3", "Number 4")),
        ("one is missing", without(3)),
        ("the end is missing", without(lines.len() - 1)),
        ("the last event is missing", without(lines.len() - 2)),
        ("the first line is missing", without(0)),
        ("empty", String::new()),
    ] {
        std::fs::write(&altered, text).unwrap();
        let output = server.run(&["audit", "verify", "--export", &altered]);
        assert!(!output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stdout));
    }
    database.execute(
        "CREATE TABLE kept_events AS SELECT * FROM audit_events; CREATE TABLE kept_cuts AS SELECT * FROM audit_cuts",
    );
    let undo = "DELETE FROM audit_events; INSERT INTO audit_events SELECT * FROM kept_events;
                DELETE FROM audit_cuts; INSERT INTO audit_cuts SELECT * FROM kept_cuts";
    let first =
        "(partner_id, shard, seq) = (SELECT e.partner_id, e.shard, e.seq FROM kept_events e JOIN kept_cuts c
                 ON c.partner_id = e.partner_id AND c.shard = e.shard AND c.seq + 1 = e.seq LIMIT 1)";
    for (what, sql) in [
        ("one more is gone", format!("DELETE FROM audit_events WHERE {first}")),
        ("... and the mark is moved", format!(
            "DELETE FROM audit_events WHERE {first}; UPDATE audit_cuts SET seq = seq + 1, last_mac =
             (SELECT e.mac FROM kept_events e WHERE e.partner_id = audit_cuts.partner_id AND e.shard = audit_cuts.shard AND e.seq = audit_cuts.seq + 1)"
        )),
        ("the mark is gone", "DELETE FROM audit_cuts".to_owned()),
        (
            "the mark is altered",
            "UPDATE audit_cuts SET mac = CASE SUBSTR(mac, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END || SUBSTR(mac, 2)"
                .to_owned(),
        ),
    ] {
        database.execute(&sql);
        found(&server, what, "shard");
        database.execute(undo);
        content(&server, &format!("{what}, undone"));
    }
}
