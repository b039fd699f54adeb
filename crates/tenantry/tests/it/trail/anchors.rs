//! Older states of the database, which the anchor outside of it shows.

use super::{SANDBOX, content, found, ok, restart, stop};
use crate::metrics::sample;
use crate::support::{Api, Database, Engine, Server, customer, on_both_engines};
use serde_json::{Value, json};
use std::path::PathBuf;

on_both_engines!(
    an_older_state_is_found,
    a_restored_backup_is_told_of,
    an_anchor_is_kept_and_begun_again,
    an_anchor_is_kept_in_an_object_store,
);

fn anchor(database: &Database, engine: Engine) -> PathBuf {
    let folder = if engine == Engine::Sqlite { "" } else { "data" };
    database.folder().join(folder).join("secret.anchor")
}

fn an_older_state_is_found(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &SANDBOX);
    let (_, other) = server.named_partner();
    let change = |api: &Api, name: &str| {
        api.create(&customer(&json!({"name": name})));
    };
    change(&server.admin(), "A");
    change(&other, "A");
    stop(&mut server);
    let tables = ["audit_events", "audit_heads"];
    let keep = |name: &str| {
        for table in tables {
            database.execute(&format!("CREATE TABLE {name}_{table} AS SELECT * FROM {table}"));
        }
    };
    let back = |name: &str| {
        let each = tables
            .map(|table| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM {name}_{table};"));
        database.execute(&each.concat());
    };
    keep("older");
    server = Server::start(&database, &SANDBOX);
    change(&server.admin(), "B");
    change(&other.on(server.address), "B");
    stop(&mut server);
    let of_two: Vec<String> = ["customer_tags", "customers", "users", "audit_events", "audit_heads"]
        .iter()
        .map(|table| format!("DELETE FROM {table} WHERE partner_id = 2;"))
        .collect();
    type Tampering<'d> = Box<dyn Fn() + 'd>;
    let cases: [(&str, Tampering<'_>, &str); 4] = [
        ("tail and head of before", Box::new(|| back("older")), "are missing"),
        (
            "tail and head of one partner",
            Box::new(|| {
                database.execute(
            "DELETE FROM audit_heads WHERE partner_id = 2; DELETE FROM audit_events WHERE partner_id = 2;
             INSERT INTO audit_heads SELECT * FROM older_audit_heads WHERE partner_id = 2;
             INSERT INTO audit_events SELECT * FROM older_audit_events WHERE partner_id = 2"
        );
            }),
            "are missing",
        ),
        (
            "the server's own chain",
            Box::new(|| {
                database.execute(
                    "DELETE FROM audit_heads WHERE partner_id = 0; DELETE FROM audit_events WHERE partner_id = 0",
                );
            }),
            "the server's own chain, shard 0: all",
        ),
        (
            "a partner deleted",
            Box::new(|| {
                let blocks = "DELETE FROM customer_blocks WHERE partner_id = 2; DELETE FROM user_access WHERE partner_id = 2;";
                database.execute(&format!("{}{blocks}DELETE FROM partners WHERE id = 2", of_two.concat()));
            }),
            "partner 2",
        ),
    ];
    for (what, tamper, problem) in cases {
        server = Server::start(&database, &SANDBOX);
        change(&server.admin(), &format!("{what}: the control"));
        change(&other.on(server.address), &format!("{what}: the control"));
        content(&server, &format!("{what}: the control"));
        stop(&mut server);
        tamper();
        found(&server, what, problem);
        server = Server::start(&database, &SANDBOX);
        assert!(server.log().contains("the database is behind its audit anchor"), "{what}");
        change(&server.admin(), what);
        for round in ["after a change", "after a restart"] {
            found(&server, &format!("{what} {round}"), "the database is behind an anchor");
            let api = server.admin();
            assert_eq!(api.get("/readyz").json()["audit"]["rollbacks"], 1, "{what} {round}");
            let verified = api.get("/v2/audit_verification").json();
            let said = verified["problems"].to_string();
            assert!(
                verified["verified"] == false && said.contains("in an older state than its anchor knows"),
                "{what} {round}: {verified}"
            );
            assert_eq!(sample(&api, "tenantry_audit_rollbacks"), 1.0, "{what} {round}");
            restart(&mut server, &database);
        }
        if what == "a partner deleted" {
            // Accepted or not, the partner is missing.
            ok(&server, &["audit", "accept", "--reason", "a drill"]);
            found(&server, what, "partner 2 is missing");
            break;
        }
        ok(&server, &["audit", "accept", "--reason", "a drill"]);
        let printed = content(&server, &format!("{what}: accepted"));
        assert!(printed["system"]["notes"].to_string().contains("a drill"), "{printed:#}");
        assert_eq!(server.admin().get("/readyz").json()["audit"]["rollbacks"], 0, "{what}");
        assert_eq!(server.admin().get("/v2/audit_verification").json()["verified"], true, "{what}");
        stop(&mut server);
    }
}

fn a_restored_backup_is_told_of(engine: Engine) {
    let database = Database::new(engine);
    let secret = database.folder().join("kept.key").display().to_string();
    let with_key = [&SANDBOX[..], &["--secret-key-file", &secret]].concat();
    let mut server = Server::start(&database, &with_key);
    let made = server.admin().create(&customer(&json!({})));
    let path = format!("/v2/customers/{}", made["id"]);
    let backup = database.folder().join("a.backup").display().to_string();
    ok(&server, &["backup", &backup]);
    assert_eq!(server.admin().put(&path, &json!({"name": "Seen before the restore"})).status, 200);
    let tag = server.admin().get(&path).header("etag").to_owned();
    stop(&mut server);
    let new = Database::empty(engine);
    let restored = server.run_without_database(&[
        "restore",
        &backup,
        "--database",
        &new.url,
        "--secret-key-file",
        &secret,
    ]);
    let told = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(
        restored.status.success() && told.contains("this backup is without:") && told.contains("are missing"),
        "{told}"
    );
    // The anchor is left alone: a drill beside the old server changes nothing for it.
    server = Server::start(&database, &with_key);
    ok(&server, &["audit", "verify", "--secret-key-file", &secret]);
    stop(&mut server);
    let reason = "restored from the backup a.backup";
    let accept = ["admin", "audit", "accept", "--reason", reason, "--database", &new.url];
    let accepted = server.run_without_database(&[&accept[..], &["--secret-key-file", &secret]].concat());
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    server = Server::start(&new, &with_key);
    let verified = server.run(&["audit", "verify", "--json", "--secret-key-file", &secret]);
    let printed: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert!(verified.status.success(), "{printed:#}");
    assert!(
        printed["system"]["notes"].to_string().contains("restored from the backup a.backup (lost: "),
        "{printed:#}"
    );
    // The same number of changes as before, but not the same version.
    let admin = server.admin();
    assert_eq!(admin.put(&path, &json!({"name": "Seen before the restore"})).status, 200);
    let stale = admin.call("PUT", &path).header("If-Match", &tag).json(&json!({"name": "C"})).send();
    assert_eq!(stale.status, 412, "{tag} and {}", admin.get(&path).header("etag"));
    let fresh = admin.get(&path).header("etag").to_owned();
    assert_eq!(
        admin.call("PUT", &path).header("If-Match", &fresh).json(&json!({"name": "C"})).send().status,
        200
    );
}

fn an_anchor_is_kept_and_begun_again(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &SANDBOX);
    let file = anchor(&database, engine);
    server.admin().create(&customer(&json!({})));
    stop(&mut server);
    let text = std::fs::read_to_string(&file).unwrap();
    let elsewhere = database.folder().join("elsewhere");
    std::fs::write(&elsewhere, &text).unwrap();
    let named = elsewhere.display().to_string();
    ok(&server, &["audit", "verify", "--anchor", &named]);
    // Altered, that of another key, none.
    for (what, wrong) in
        [("altered", text.replace("\"events\":", "\"events\":1")), ("cut", text[..text.len() - 9].to_owned())]
    {
        std::fs::write(&file, wrong).unwrap();
        found(&server, what, "the anchor is not as a server with this secret key has written it");
    }
    std::fs::remove_file(&file).unwrap();
    found(&server, "gone", "there is no anchor here");
    server = Server::start(&database, &SANDBOX);
    let printed = content(&server, "begun again");
    let notes = printed["system"]["notes"].as_array().unwrap();
    assert_eq!(
        notes.iter().filter(|note| note.to_string().contains("an anchor was begun")).count(),
        2,
        "{printed:#}"
    );
    // A command that changes something brings it up to date by itself.
    let before = std::fs::read_to_string(&file).unwrap();
    ok(&server, &["partner", "create", "Another", "--admin", "a@example.com"]);
    assert_ne!(std::fs::read_to_string(&file).unwrap(), before);
    // An older one is fine.
    std::fs::write(&file, before).unwrap();
    content(&server, "an older anchor");
    stop(&mut server);
    // Several, and none.
    let two = format!("{},{}", file.display(), database.folder().join("second.anchor").display());
    server =
        Server::start(&database, &[&SANDBOX[..], &["--audit-anchor", &two, "--audit-anchor-log"]].concat());
    server.admin().create(&customer(&json!({"name": "B"})));
    stop(&mut server);
    let second = std::fs::read_to_string(database.folder().join("second.anchor")).unwrap();
    assert_eq!(second.lines().next(), std::fs::read_to_string(&file).unwrap().lines().next());
    assert!(server.log().contains("audit anchor"), "{}", server.log());
    std::fs::remove_file(&file).unwrap();
    let both = server.run(&["audit", "verify", "--audit-anchor", "none,elsewhere"]);
    let said = String::from_utf8_lossy(&both.stderr).into_owned();
    assert!(!both.status.success() && said.contains("either none or places"), "{said}");
    for reason in ["", " ", &*"x".repeat(1001)] {
        let refused = server.run(&["audit", "accept", "--reason", reason]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("must be a text of at most 1000"), "{said}");
    }
    server = Server::start(&database, &[&SANDBOX[..], &["--audit-anchor", "none"]].concat());
    server.admin().create(&customer(&json!({"name": "C"})));
    stop(&mut server);
    assert!(!file.exists());
}

/// What speaks S3 or Azure is behind the same interface, and tested with the bills.
fn an_anchor_is_kept_in_an_object_store(engine: Engine) {
    let database = Database::new(engine);
    let object = database.folder().join("store/tenantry.anchor");
    let url = format!("file:{}", object.display());
    let args = [&SANDBOX[..], &["--audit-anchor", &url]].concat();
    let mut server = Server::start(&database, &args);
    server.admin().create(&customer(&json!({})));
    stop(&mut server);
    server = Server::start(&database, &args); // it is written at the start
    stop(&mut server);
    let named = ["audit", "verify", "--anchor", &url];
    ok(&server, &named);
    assert!(!anchor(&database, engine).exists(), "only there");
    let lost = "DELETE FROM audit_events WHERE partner_id = 1; DELETE FROM audit_heads WHERE partner_id = 1";
    database.execute(lost);
    let verified = server.run(&named);
    let printed = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(!verified.status.success() && printed.contains("are missing"), "{printed}");
    // The server finds it at its start, too.
    server = Server::start(&database, &args);
    assert!(server.log().contains("the database is behind its audit anchor"), "{}", server.log());
    stop(&mut server);
    // A URL that names no object is refused at the start.
    let refused = server.run(&["audit", "verify", "--anchor", "s3://bucket"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("names no object"), "{said}");
}
