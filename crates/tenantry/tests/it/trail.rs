//! What a chain inside the database cannot show by itself: keys that were planted, states that were put back; and events that
//! go because they are to go.

use crate::metrics::sample;
use crate::support::{Api, Database, Engine, NOW, Server, customer, on_both_engines};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

on_both_engines!(
    what_is_planted_opens_nothing,
    hashes_of_keys_from_before_are_keyed_once,
    an_older_state_is_found,
    a_restored_backup_is_told_of,
    an_anchor_is_kept_and_begun_again,
    an_anchor_is_kept_in_an_object_store,
    an_older_row_of_a_user_is_found,
    a_person_is_erased,
    old_events_are_pruned_behind_a_mark,
);

const SANDBOX: [&str; 3] = ["--sandbox", "--at", NOW];
/// What an attacker makes for itself: a key, its id and its SHA-256.
const PLANTED: &str = "planted-key-planted-key-planted-key-1";
const PLANTED_ID: &str = "x5fedd19662960d76";
const PLANTED_HASH: &str = "8c1c69edddb2ec63b8664bfd3f4e9e5052c54a37a14c3168ae05a35b2fea0206";

/// `tenantry audit verify`: whether it was content, and what it printed.
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

fn anchor(database: &Database, engine: Engine) -> PathBuf {
    let folder = if engine == Engine::Sqlite { "" } else { "data" };
    database.folder().join(folder).join("secret.anchor")
}

fn works(api: &Api) -> bool {
    api.get("/v2/me").status == 200
}

const KEY_COLUMNS: &str =
    "partner_id, id, user_id, name, addresses, key_hash, key_mac, is_default, created_at";

/// One more key for a user.
fn insert_key(user: i64) -> String {
    format!(
        "INSERT INTO api_keys ({KEY_COLUMNS}) VALUES (1, '{PLANTED_ID}', {user}, '', '', '{PLANTED_HASH}', '', FALSE, 0)"
    )
}

fn what_is_planted_opens_nothing(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &SANDBOX);
    let admin = server.admin();
    let (viewer, as_viewer) = admin.colleague("viewer");
    let planted = admin.with_key(PLANTED);
    let made = admin.create(&customer(&json!({"classification": "managed_with_access"})));
    let (_, inside) = admin.user_of(made["id"].as_i64().unwrap());
    let narrowed = json!({"name": "narrow", "roles": ["viewer"], "allowed_addresses": ["127.0.0.0/8"]});
    let made = admin.post(&format!("/v2/users/{viewer}/api_keys"), &narrowed).json();
    let narrow = admin.with_key(made["api_key"].as_str().unwrap());
    assert!(works(&as_viewer) && works(&inside) && works(&narrow), "the control");
    assert_eq!(admin.post("/v2/users/0/api_key", &json!({})).status, 404);
    let keys = KEY_COLUMNS;
    let insert = |role: &str, mac: &str| {
        format!(
            "INSERT INTO users (partner_id, id, role, email, email_key, name, created_at, updated_at)
             VALUES (1, 999, '{role}', 'e@example.com', 'e@example.com', '', 0, 0);
             INSERT INTO api_keys ({keys})
             SELECT 1, '{PLANTED_ID}', 999, '', '', '{PLANTED_HASH}', {mac}, FALSE, 0
             FROM api_keys WHERE partner_id = 1 AND user_id = {viewer} AND is_default"
        )
    };
    let of_viewer = format!("partner_id = 1 AND id = {viewer}");
    let viewers_key = format!("partner_id = 1 AND user_id = {viewer} AND is_default");
    let plant =
        format!("UPDATE api_keys SET id = '{PLANTED_ID}', key_hash = '{PLANTED_HASH}' WHERE {viewers_key}");
    let keep = "role = k.role, customer_id = k.customer_id, email = k.email, email_key = k.email_key";
    database.execute("CREATE TABLE kept_users AS SELECT * FROM users");
    database.execute("CREATE TABLE kept_keys AS SELECT * FROM api_keys");
    let undo = format!(
        "DELETE FROM api_keys; DELETE FROM users WHERE id = 999;
         UPDATE users SET {keep} FROM kept_users k WHERE k.partner_id = users.partner_id AND k.id = users.id;
         INSERT INTO api_keys SELECT * FROM kept_keys"
    );
    let cases = [
        ("an admin", insert("admin", "''"), &planted),
        ("an admin with another's MAC", insert("admin", "key_mac"), &planted),
        ("a key of one's own", plant.clone(), &planted),
        ("one more key", insert_key(viewer), &planted),
        ("a promotion", format!("UPDATE users SET role = 'admin' WHERE {of_viewer}"), &as_viewer),
        (
            "... with the admin's MAC",
            format!(
                "UPDATE users SET role = 'admin' WHERE {of_viewer};
                 UPDATE api_keys SET key_mac = (SELECT a.key_mac FROM api_keys a JOIN users u
                     ON u.partner_id = a.partner_id AND u.id = a.user_id
                     WHERE u.partner_id = 1 AND u.role = 'admin' AND u.id <> {viewer}) WHERE {viewers_key}"
            ),
            &as_viewer,
        ),
        (
            "an expiry",
            format!("UPDATE api_keys SET expires_at = 99999999999 WHERE {viewers_key}"),
            &as_viewer,
        ),
        ("a wider key", "UPDATE api_keys SET role = NULL WHERE role IS NOT NULL".into(), &narrow),
        (
            "... that may be used elsewhere",
            "UPDATE api_keys SET addresses = '' WHERE addresses <> ''".into(),
            &narrow,
        ),
        (
            "out of its customer",
            "UPDATE users SET customer_id = NULL, email = 'x', email_key = 'x' WHERE customer_id IS NOT NULL"
                .to_owned(),
            &inside,
        ),
    ];
    for (what, sql, key) in cases {
        database.execute(&sql);
        for round in ["at once", "after a change and a restart"] {
            let key = key.on(server.address);
            assert_eq!(key.get("/v2/me").status, 401, "{what} {round}");
            found(&server, what, "is not as it was written there");
            if round == "at once" {
                server.admin().create(&customer(&json!({"name": what})));
                restart(&mut server, &database);
            }
        }
        database.execute(&undo);
        content(&server, &format!("{what}, undone"));
        assert!(works(&as_viewer.on(server.address)) && works(&inside.on(server.address)), "{what}, undone");
    }
    // Nor does a change of its role by the server make a planted one good.
    database.execute(&plant);
    let admin = server.admin();
    assert_eq!(admin.put(&format!("/v2/users/{viewer}"), &json!({"role": "operator"})).status, 200);
    assert_eq!(admin.with_key(PLANTED).get("/v2/me").status, 401);
    found(&server, "a planted key whose role is changed", "user");
    assert!(server.log().contains("its row was changed beside the server"));
    assert!(sample(&admin, "tenantry_forged_keys_total") > 0.0);
    // A new key mends it.
    let (_, rotated) = admin.user(&format!("/v2/users/{viewer}/api_key"), &json!({}));
    assert!(works(&rotated));
    content(&server, "rotated");
    // The server changes roles as before.
    assert_eq!(admin.put(&format!("/v2/users/{viewer}"), &json!({"role": "admin"})).status, 200);
    assert_eq!(rotated.get("/v2/users").status, 200);
}

fn hashes_of_keys_from_before_are_keyed_once(engine: Engine) {
    let database = Database::new(engine);
    let mut server = Server::start(&database, &SANDBOX);
    let admin = server.admin();
    let (viewer, _) = admin.colleague("viewer");
    assert_eq!(admin.delete(&format!("/v2/users/{viewer}/api_key")).status, 204);
    stop(&mut server);
    // As an earlier version has left it: SHA-256 alone, no MACs.
    let digest: String = Sha256::digest(&admin.key).iter().map(|byte| format!("{byte:02x}")).collect();
    database.execute(&format!(
        "UPDATE api_keys SET key_mac = ''; UPDATE secret_check SET keys_sealed = 0;
         UPDATE api_keys SET key_hash = '{digest}'"
    ));
    server = Server::start(&database, &SANDBOX);
    let key = server.admin().with_key(PLANTED);
    assert!(works(&server.admin()), "a key from before works on");
    let hash = format!("SELECT COUNT(*) FROM api_keys WHERE key_hash = '{digest}' OR key_mac = ''");
    assert_eq!(database.value(&hash), "0", "no hash is left that is not keyed");
    content(&server, "keyed");
    // Not again: what is put there later is not taken for one from before.
    database.execute(&insert_key(viewer));
    restart(&mut server, &database);
    assert!(!works(&key.on(server.address)));
    found(&server, "planted later", "is not as it was written there");
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
    let new = Database::new(engine);
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

/// Genuine by its own MAC, so that its key opens again what it opened then.
fn an_older_row_of_a_user_is_found(engine: Engine) {
    let database = Database::new(engine);
    let server = Server::start(&database, &SANDBOX);
    let admin = server.admin();
    let (id, before) = admin.colleague("billing");
    let path = format!("/v2/users/{id}");
    let keep = |name: &str| {
        database.execute(&format!(
            "CREATE TABLE {name} AS SELECT * FROM users WHERE partner_id = 1 AND id = {id};
             CREATE TABLE {name}_keys AS SELECT * FROM api_keys WHERE partner_id = 1 AND user_id = {id}"
        ));
    };
    keep("first");
    assert_eq!(admin.put(&path, &json!({"role": "viewer"})).status, 200);
    keep("second");
    let rotated = admin.post(&format!("{path}/api_key"), &json!({}));
    assert!(rotated.status < 300, "{}", rotated.text());
    keep("newest");
    content(&server, "the control");
    for (older, what) in [("first", "its key is not the last one"), ("second", "its key is not the last one")]
    {
        let put = |name: &str| {
            database.execute(&format!(
                "DELETE FROM api_keys WHERE partner_id = 1 AND user_id = {id};
                 DELETE FROM users WHERE partner_id = 1 AND id = {id};
                 INSERT INTO users SELECT * FROM {name}; INSERT INTO api_keys SELECT * FROM {name}_keys"
            ));
        };
        put(older);
        assert!(works(&before), "it opens again");
        found(&server, older, what);
        put("newest");
        assert!(!works(&before));
        content(&server, &format!("{older}, undone"));
    }
    assert_eq!(admin.delete(&path).status, 204);
    database
        .execute("INSERT INTO users SELECT * FROM newest; INSERT INTO api_keys SELECT * FROM newest_keys");
    found(&server, "a deleted user", "is there, although it was deleted");
}

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
    let told = ok(&server, &["audit", "erase-person", "jane@acme.example"]);
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
    // What stands there now is covered too, and nobody else erases.
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
        "(partner_id, lane, seq) = (SELECT e.partner_id, e.lane, e.seq FROM kept_events e JOIN kept_cuts c
                 ON c.partner_id = e.partner_id AND c.lane = e.lane AND c.seq + 1 = e.seq LIMIT 1)";
    for (what, sql) in [
        ("one more is gone", format!("DELETE FROM audit_events WHERE {first}")),
        ("... and the mark is moved", format!(
            "DELETE FROM audit_events WHERE {first}; UPDATE audit_cuts SET seq = seq + 1, last_mac =
             (SELECT e.mac FROM kept_events e WHERE e.partner_id = audit_cuts.partner_id AND e.lane = audit_cuts.lane AND e.seq = audit_cuts.seq + 1)"
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
