//! Rows that were written, changed or put back beside the server.

use super::{SANDBOX, content, found, restart, stop, works};
use crate::metrics::sample;
use crate::support::{Database, Engine, Server, customer, on_both_engines};
use serde_json::json;
use sha2::{Digest, Sha256};

on_both_engines!(
    what_is_planted_opens_nothing,
    hashes_of_keys_from_before_are_keyed_once,
    an_older_row_of_a_user_is_found,
);

/// What an attacker makes for itself: a key, its id and its SHA-256.
const PLANTED: &str = "planted-key-planted-key-planted-key-1";
const PLANTED_ID: &str = "x5fedd19662960d76";
const PLANTED_HASH: &str = "8c1c69edddb2ec63b8664bfd3f4e9e5052c54a37a14c3168ae05a35b2fea0206";
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
