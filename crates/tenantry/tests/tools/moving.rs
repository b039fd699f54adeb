//! A platform's life on the move: backed up while it serves, restored, copied, and served from again.

use crate::support::{Api, Database, Engine, Server, customer, on_both_engines};
use crate::{done, refused, run_with, sql, value};
use serde_json::json;

on_both_engines!(
    a_backup_while_the_server_runs_is_served_from_on_either_engine,
    a_copy_is_served_from_and_the_old_one_is_left_alone,
    what_would_lose_changes_is_not_served_from,
);

const KEY: &str = "a-key-that-an-operator-has-chosen-1234";

/// A server with this file of secrets, whose admin has [`KEY`].
fn serve(database: &Database, secret: &str) -> Server {
    Server::start_as(database, &["--secret-key-file", secret], |command| {
        command.env("TENANTRY_BOOTSTRAP_KEY", KEY);
    })
}

fn admin(server: &Server) -> Api {
    Api::new(server.address, KEY)
}

fn others() -> Vec<Engine> {
    [Engine::Sqlite, Engine::Postgres].into_iter().filter(|engine| engine.is_here()).collect()
}

fn a_backup_while_the_server_runs_is_served_from_on_either_engine(engine: Engine) {
    let database = Database::new(engine);
    let secret = database.folder().join("kept-elsewhere.key").display().to_string();
    let server = serve(&database, &secret);
    let api = admin(&server);
    let created =
        api.create(&customer(&json!({"name": "Ünïcode 株式会社", "tags": [{"key": "a", "value": ""}]})));
    let path = format!("/v2/customers/{}", created["id"]);
    let before = api.get(&path).json();
    let file = database.folder().join("tenantry.backup").display().to_string();
    let said = done(&["backup", &file, "--database", &database.url]);
    assert!(said.contains("verified") && said.contains("secret key file is not in it"), "{said}");
    // What comes later is not in it.
    api.create(&customer(&json!({"name": "Later"})));
    refused(&["backup", &file, "--database", &database.url], "is there already");
    refused(&["restore", &file, "--database", &database.url], "not empty");

    drop(server);
    for other in others() {
        let new = Database::empty(other);
        // Two servers that have gone different ways must not share an anchor, which lies beside the key.
        let kept = &secret;
        let secret = new.folder().join("kept-elsewhere.key").display().to_string();
        std::fs::copy(kept, &secret).unwrap();
        let said = done(&["restore", &file, "--database", &new.url, "--secret-key-file", &secret]);
        assert!(said.contains("Ids go on 1000000 behind the last in the backup"), "{said}");
        let restored = serve(&new, &secret);
        let again = admin(&restored);
        assert_eq!(again.get(&path).json(), before, "{engine:?} -> {other:?}");
        assert_eq!(again.get("/v2/customers").json()["customers"].as_array().unwrap().len(), 1);
        // Ids go on behind a gap; the audit trail is whole, and so are the keys.
        let next = again.create(&customer(&json!({"name": "Next"})));
        assert_eq!(next["id"].as_i64(), before["id"].as_i64().map(|id| id + 1_000_001));
        done(&["audit", "verify", "--secret-key-file", &secret, "--database", &new.url]);
    }
}

fn a_copy_is_served_from_and_the_old_one_is_left_alone(engine: Engine) {
    let database = Database::new(engine);
    let secret = database.folder().join("kept-elsewhere.key").display().to_string();
    let mut server = serve(&database, &secret);
    let created = admin(&server).create(&customer(&json!({})));
    let path = format!("/v2/customers/{}", created["id"]);
    // Not while others may change it, unless that is wanted.
    let unused = Database::new(Engine::Sqlite);
    let beside = ["copy", "--from", &database.url, "--to", &unused.url];
    refused(&beside, "the source is in use by");
    done(&[&beside[..], &["--while-in-use"]].concat());
    server.signal("TERM");
    server.wait();
    for other in others() {
        let new = Database::empty(other);
        let said = done(&["copy", "--from", &database.url, "--to", &new.url]);
        assert!(said.contains("the same in both databases"), "{said}");
        assert!(!said.contains("copying"), "a progress bar without a terminal: {said}");
        let copied = serve(&new, &secret);
        assert_eq!(admin(&copied).get(&path).json()["id"], created["id"]);
        // It lives on its own now, and is not copied over.
        admin(&copied).create(&customer(&json!({"name": "New"})));
        refused(&["copy", "--from", &database.url, "--to", &new.url], "left as it is");
        assert_eq!(value(&new.url, "SELECT COUNT(*) FROM customers"), "2");
    }
    assert_eq!(value(&database.url, "SELECT COUNT(*) FROM customers"), "1");
    let old = serve(&database, &secret);
    assert_eq!(admin(&old).get(&path).status, 200);
}

fn what_would_lose_changes_is_not_served_from(engine: Engine) {
    if engine == Engine::Sqlite {
        return; // what SQLite needs, the program sets itself
    }
    let database = Database::new(engine);
    let name = database.url.rsplit('/').next().unwrap();
    sql(&database.url, &format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    let serve = ["serve", "--listen", "127.0.0.1:0", "--database", &database.url];
    refused(&serve, "synchronous_commit=off");
    refused(&["doctor", "--database", &database.url], "synchronous_commit");
    // The ways out for throw-away clusters, and that they are loud.
    let allowed = Server::start(&database, &["--allow-unsafe-database"]);
    assert!(allowed.log().contains("unsafe databases are allowed"), "{}", allowed.log());
    drop(allowed);
    let by_environment = Server::start_as(&database, &[], |command| {
        command.env("TENANTRY_ALLOW_UNSAFE_DATABASE", "1");
    });
    assert!(by_environment.log().contains("unsafe databases are allowed"), "{}", by_environment.log());
    let key = format!("{}/data/secret.key", database.folder().display());
    refused(
        &["partner", "list", "--database", &database.url, "--secret-key-file", &key],
        "lose acknowledged",
    );
    // The control: said no, it is no.
    let output = run_with(&serve, &[("TENANTRY_ALLOW_UNSAFE_DATABASE", "0")]);
    assert!(!output.status.success());
}
