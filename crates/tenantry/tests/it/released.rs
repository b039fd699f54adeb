//! Databases that released versions have left: this version opens each, and answers what that one answered.
//!
//! `scripts/release` has [`keep_databases_of_this_version`] write those of a release into `tests/released/VERSION`.

use crate::billing::{Scene, line};
use crate::support::{Database, Engine, Failures, Server, customer, on_both_engines};
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

on_both_engines!(databases_of_released_versions_open);

const NOW: &str = crate::billing::NOW;
/// What is asked before a version is released, and after an update.
const PATHS: [&str; 11] = [
    "/v2/customers?per_page=100",
    "/v2/customers/1",
    "/v2/users",
    "/v2/customers/1/users",
    "/v1/price_rules",
    "/v1/bill_runs",
    "/v1/customer_statements?per_page=100",
    "/v1/billing_settings",
    "/v1/price_sheets",
    "/v1/billing_automation",
    "/v2/customers?tag=tier:gold",
];
/// Beside the database: keys, the anchor of the audit trail.
const FILES: &str = "files";
const ANSWERS: &str = "answers.json";

fn released() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released")
}

fn name_of(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    }
}

fn packed(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "tenantry.db.gz",
        Engine::Postgres => "tenantry.sql.gz",
    }
}

/// Everything that was there is there, and says the same. More fields and more rows there may be.
fn has_all(after: &Value, before: &Value) -> bool {
    match (after, before) {
        (Value::Object(after), Value::Object(before)) => {
            before.iter().all(|(name, value)| after.get(name).is_some_and(|found| has_all(found, value)))
        }
        (Value::Array(after), Value::Array(before)) => {
            after.len() == before.len()
                && after.iter().zip(before).all(|(after, before)| has_all(after, before))
        }
        (after, before) => after == before,
    }
}

fn databases_of_released_versions_open(engine: Engine) {
    let mut failures = Failures::default();
    for version in std::fs::read_dir(released()).unwrap().map(|entry| entry.unwrap().path()) {
        let kept = version.join(name_of(engine));
        let case = format!("{} {engine:?}", version.file_name().unwrap().to_string_lossy());
        let answers: Map<String, Value> =
            serde_json::from_slice(&std::fs::read(kept.join(ANSWERS)).unwrap()).unwrap();
        let database = unpacked(&kept, engine);
        // Once to bring it up to date, and once more.
        for start in ["first", "second"] {
            let server = Server::start(&database, &["--sandbox", "--at", NOW]);
            let api = server.admin();
            for (path, before) in &answers {
                let answer = api.get(path);
                let good = answer.status == 200 && has_all(&answer.json(), before);
                let said = || format!("{} instead of {before}", answer.text());
                failures.case(&format!("{case}, {start}: {path}"), good.then_some(()).ok_or_else(said));
            }
            let verified = server.run(&["admin", "audit", "verify"]);
            let said = || String::from_utf8_lossy(&verified.stdout).into_owned();
            failures.case(
                &format!("{case}, {start}: trail"),
                verified.status.success().then_some(()).ok_or_else(said),
            );
            let made =
                api.post("/v2/customers", &customer(&json!({"name": format!("After the {start} start")})));
            failures.case(
                &format!("{case}, {start}: create"),
                (made.status == 201).then_some(()).ok_or(made.text()),
            );
            // Next time there is one more.
            api.delete(&format!("/v2/customers/{}", made.json()["id"]));
        }
    }
    failures.done(2 * (PATHS.len() + 2));
}

/// A database as it was left, with what was beside it.
fn unpacked(kept: &Path, engine: Engine) -> Database {
    let database = Database::empty(engine);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(kept.join(packed(engine))).unwrap();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    match engine {
        Engine::Sqlite => std::fs::write(database.url.strip_prefix("sqlite:").unwrap(), bytes).unwrap(),
        Engine::Postgres => database.execute(&String::from_utf8(bytes).unwrap()),
    }
    copy_all(&kept.join(FILES), database.folder());
    database
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
            // Nobody else may read keys, which git does not remember.
            let only_ours = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&to, only_ours).unwrap();
        }
    }
}

#[test]
#[ignore = "writes tests/released; scripts/release runs it"]
fn keep_databases_of_this_version() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        assert!(engine.is_here());
        let kept = released().join(env!("CARGO_PKG_VERSION")).join(name_of(engine));
        std::fs::create_dir_all(&kept).unwrap();
        let mut scene = used(engine);
        let answers: Map<String, Value> = PATHS
            .iter()
            .map(|path| {
                let answer = scene.api.get(path);
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                ((*path).to_owned(), answer.json())
            })
            .collect();
        scene.server.signal("TERM");
        assert!(scene.server.wait().0.success());
        let text = serde_json::to_string_pretty(&answers).unwrap();
        std::fs::write(kept.join(ANSWERS), text + "\n").unwrap();
        let mut to = GzEncoder::new(
            std::fs::File::create(kept.join(packed(engine))).unwrap(),
            flate2::Compression::best(),
        );
        to.write_all(&dumped(&scene.database, engine)).unwrap();
        to.finish().unwrap();
        let beside = match engine {
            Engine::Sqlite => ["secret.key", "secret.anchor"],
            Engine::Postgres => ["data/secret.key", "data/secret.anchor"],
        };
        for file in beside {
            let to = kept.join(FILES).join(file);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(scene.database.folder().join(file), to).unwrap();
        }
    }
}

/// SQLite's file; the SQL that makes PostgreSQL's database again.
fn dumped(database: &Database, engine: Engine) -> Vec<u8> {
    if engine == Engine::Sqlite {
        database.execute("PRAGMA wal_checkpoint(TRUNCATE); VACUUM");
        return std::fs::read(database.url.strip_prefix("sqlite:").unwrap()).unwrap();
    }
    let programs = Command::new("sh")
        .args(["-c", "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1"])
        .output()
        .unwrap();
    let program = Path::new(String::from_utf8(programs.stdout).unwrap().trim()).join("pg_dump");
    let options = ["--inserts", "--no-owner", "--no-privileges", "--dbname", &database.url];
    let dump = Command::new(program).args(options).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    // Commands of psql, which the database does not know.
    let sql = String::from_utf8(dump.stdout).unwrap();
    sql.lines()
        .filter(|line| !line.starts_with('\\'))
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .into_bytes()
}

/// Something of everything.
fn used(engine: Engine) -> Scene {
    let scene = Scene::new(engine);
    let api = &scene.api;
    let id = scene.billed("Fabrikam", "tenant-a", 12.5);
    scene.billed("Woodgrove", "tenant-b", 0.0);
    let tagged = customer(&json!({"name": "Größe & Söhne", "tags": [{"key": "tier", "value": "gold"}]}));
    let deleted = api.create(&tagged)["id"].clone();
    api.create(&customer(&json!({"name": "Adatum", "tags": [{"key": "tier", "value": "gold"}]})));
    assert_eq!(api.delete(&format!("/v2/customers/{deleted}")).status, 204);
    let (user, _) = api.colleague("viewer");
    assert_eq!(api.post(&format!("/v2/users/{user}/api_keys"), &json!({"name": "night"})).status, 201);
    api.user_of(id);
    let rule = json!({"name": "Storage", "kind": "margin", "percentage": "20"});
    let made = api.post("/v1/price_rules", &rule);
    assert_eq!(made.status, 201, "{}", made.text());
    let settings = json!({"statement_number_prefix": "T-", "due_days": 14});
    assert_eq!(api.put("/v1/billing_settings", &settings).status, 200);
    let changed = api.put(
        &format!("/v2/customers/{id}"),
        &json!({"margin_percentage": 20, "effective_from": "2026-11-01"}),
    );
    assert_eq!(changed.status, 200, "{}", changed.text());
    let october = [
        line("tenant-a", "Compute", "100.10"),
        line("tenant-b", "Storage", "7.005"),
        line("none", "Storage", "1"),
    ];
    let source = scene.invoice("october.csv", &october);
    let run = scene.draft("2026-10", &[&source]);
    assert_eq!(scene.publish(&run).status, 200);
    let run = scene.finalize(&run);
    assert_eq!(run["state"], "succeeded", "{run}");
    scene
}
