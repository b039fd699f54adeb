//! SIGKILL at moments of a run: the server that goes on makes the same bytes, once. And ends of runs that the database refuses.

use super::{Files, NOW, Scene, end_of, line, tree};
use crate::support::{Engine, Server, on_both_engines};
use serde_json::{Value, json};
use std::path::Path;

on_both_engines!(
    a_run_that_was_killed_is_resumed_to_the_same_bytes,
    drafts_are_copied_by_the_server_after_the_one_that_was_killed_in_publishing,
    a_server_that_stops_gives_its_run_back,
    a_run_whose_end_cannot_be_stored_fails,
    a_finalization_whose_end_cannot_be_stored_changes_nothing,
);

const CUSTOMERS: usize = 12;
/// By then every lease of a server that died has ended.
const LATER: &str = "2026-11-02T08:05:00Z";

fn scene(engine: Engine) -> (Scene, String) {
    let scene = Scene::new(engine);
    for i in 0..CUSTOMERS {
        scene.billed(&format!("Customer {i}"), &format!("tenant-{i}"), 50.0);
    }
    let meters: Vec<_> = (0..40).map(|i| format!("meter {i}")).collect();
    let tenants: Vec<_> = (0..=CUSTOMERS).map(|i| format!("tenant-{i}")).collect();
    let lines: Vec<_> =
        tenants.iter().flat_map(|tenant| meters.iter().map(|meter| line(tenant, meter, "1.005"))).collect();
    let source = scene.invoice("october.csv", &lines);
    (scene, source)
}

fn asked_for(scene: &Scene, source: &str) -> String {
    let asked = scene.api.post("/v1/bill_runs", &json!({"billing_period": "2026-10", "sources": [source]}));
    assert_eq!(asked.status, 202, "{}", asked.text());
    asked.header("location").to_owned()
}

/// The bills of a run that nobody disturbed, and its statements.
fn undisturbed(engine: Engine) -> (Files, Vec<Value>) {
    let (scene, source) = scene(engine);
    let run = scene.end_of(&asked_for(&scene, &source));
    assert_eq!(run["state"], "succeeded", "{run}");
    (tree(&scene.bills()), scene.statements("per_page=100"))
}

fn a_run_that_was_killed_is_resumed_to_the_same_bytes(engine: Engine) {
    let (bills, statements) = undisturbed(engine);
    let files = bills.len();
    assert!(files >= CUSTOMERS * 6, "{:?}", bills.keys());
    // Before the first file, among them, at the last.
    let mut interrupted = 0;
    for enough in [0, 1, 2, 5, 11, 23, 37, 50, files - 3, files] {
        let (mut scene, source) = scene(engine);
        let place = asked_for(&scene, &source);
        while count(&scene.bills()) < enough {
            std::hint::spin_loop();
        }
        scene.server.kill();
        interrupted += usize::from(
            scene.database.value("SELECT state FROM bill_runs") != "succeeded"
                && count(&scene.bills()) < files,
        );
        // Prices have changed since: the run goes on with those of its beginning, once it has begun.
        let begun = scene.database.value("SELECT COUNT(*) FROM bill_runs WHERE plan IS NOT NULL") == "1";
        if begun {
            scene.database.execute("UPDATE customers SET margin_percentage = 0");
        }
        let again = Server::start(&scene.database, &["--sandbox", "--at", LATER]);
        let run = end_of(&scene.api.on(again.address), &place);
        assert_eq!(run["state"], "succeeded", "killed at {enough}: {run}");
        assert_eq!(run["created_at"], NOW);
        let mut now = tree(&scene.bills());
        // What was being written there has a name that nothing reads.
        now.retain(|name, _| !(name.starts_with("_runs/") && name.ends_with(".partial")));
        let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&now), names(&bills), "killed at {enough}");
        assert!(now == bills, "killed at {enough}: other bytes");
        let amounts = |statements: &[Value]| -> Vec<Value> {
            statements.iter().map(|s| json!([s["customer_id"], s["total_amount"], s["files"]])).collect()
        };
        assert_eq!(
            amounts(&super::statements(&scene.api.on(again.address), "per_page=100")),
            amounts(&statements)
        );
    }
    assert!(interrupted >= 3, "only {interrupted} runs were interrupted");
    // The control: the comparison sees a file that is cut, missing, or there twice.
    let changed = |change: &dyn Fn(&mut Files)| {
        let mut other = bills.clone();
        change(&mut other);
        other != bills
    };
    let first = bills.keys().find(|name| name.contains("/v1/")).unwrap();
    assert!(changed(&|files| files.get_mut(first).unwrap().clear()));
    assert!(changed(&|files| drop(files.remove(first))));
    assert!(changed(&|files| drop(files.insert(first.replace("v1", "v2"), files[first].clone()))));
}

/// How many files there are just now.
fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

/// Below the folders of customers: files by their paths, and the versions that indexes name.
fn shown(scene: &Scene) -> (Files, Vec<String>) {
    let folder = scene.bills().join("p1/bills");
    let index = |tenant: usize| {
        let bytes = std::fs::read(folder.join(format!("tenant-{tenant}/index.json"))).ok()?;
        let index: Value = serde_json::from_slice(&bytes).unwrap();
        Some(format!("tenant-{tenant}/{}", index["bills"][0]["current"]["path"].as_str()?))
    };
    (tree(&folder), (0..CUSTOMERS).filter_map(index).collect())
}

/// SIGKILL while drafts are copied to the folders of their customers: no index names what is not there as a whole, and the next
/// server copies the rest.
fn drafts_are_copied_by_the_server_after_the_one_that_was_killed_in_publishing(engine: Engine) {
    let mut interrupted = 0;
    for enough in [0, 1, 9, 30, 60, CUSTOMERS * 5] {
        let (mut scene, source) = scene(engine);
        let run = scene.end_of(&asked_for(&scene, &source));
        assert_eq!(run["stage"], "draft", "{run}");
        let drafts = tree(&scene.drafts().join("p1/bills"));
        assert!(drafts.len() >= CUSTOMERS * 5 && !scene.bills().join("p1").exists());
        let request = format!(
            "POST /v1/bill_runs/{}/publish HTTP/1.1\r\nHost: t\r\nAuthorization: {}\r\nContent-Length: 0\r\n\r\n",
            run["id"], scene.api.key
        );
        let mut stream = std::net::TcpStream::connect(scene.server.address).unwrap();
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        while scene.database.value("SELECT COUNT(*) FROM publications") == "0"
            || count(&scene.bills().join("p1")) < enough
        {
            std::hint::spin_loop();
        }
        scene.server.kill();
        let (files, named) = shown(&scene);
        interrupted += usize::from(files.len() < drafts.len());
        for (name, bytes) in &drafts {
            let is_named = named.iter().any(|version| name.starts_with(version));
            assert!(!is_named || files.get(name) == Some(bytes), "killed at {enough}: {name}");
        }
        scene.server = Server::start(&scene.database, &["--sandbox", "--at", LATER]);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while shown(&scene).1.len() < CUSTOMERS {
            assert!(std::time::Instant::now() < end, "killed at {enough}: {:?}", shown(&scene).1);
            std::thread::yield_now();
        }
        assert!(shown(&scene).0 == drafts, "killed at {enough}: {:?}", shown(&scene).0.keys());
        // The control: without copies that would not be so.
        std::fs::remove_file(scene.bills().join("p1/bills").join(drafts.keys().next().unwrap())).unwrap();
        assert!(shown(&scene).0 != drafts);
    }
    assert!(interrupted >= 3, "only {interrupted} were interrupted");
}

/// A server that has lost its run to another one writes nothing of it any more.
#[test]
fn a_run_is_lost_to_a_server_that_believes_its_lease_has_ended() {
    if !Engine::Postgres.is_here() {
        return;
    }
    let (scene, _) = scene(Engine::Postgres);
    let lines: Vec<_> = (0..40_000).map(|i| line(["tenant-1", "tenant-2"][i % 2], "a", "1.005")).collect();
    let source = scene.invoice("october.csv", &lines);
    let place = asked_for(&scene, &source);
    while scene.api.get(&place).json()["state"] == "queued" {}
    let other = Server::start(&scene.database, &["--sandbox", "--at", LATER]);
    let run = end_of(&scene.api.on(other.address), &place);
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(scene.database.value("SELECT attempt FROM bill_runs"), "2", "both have worked on it");
    assert_eq!(scene.database.value("SELECT COUNT(*) FROM statements"), "2");
    assert!(tree(&scene.bills()).keys().all(|name| !name.contains("/v2/")), "one copy");
    // The first one has noticed, and takes the next.
    let lines = [super::Usage { day: "2026-11-03", ..line("tenant-1", "a", "1") }];
    let november = scene.invoice("november.csv", &lines);
    let next = scene.api.post("/v1/bill_runs", &json!({"billing_period": "2026-11", "sources": [november]}));
    assert_eq!(end_of(&scene.api, next.header("location"))["state"], "succeeded");
    let ends = scene.api.trail("action=bill_run.succeed");
    assert_eq!(ends.iter().filter(|event| event["object"] == place.trim_start_matches("/v1/")).count(), 1);
}

fn a_server_that_stops_gives_its_run_back(engine: Engine) {
    let (mut scene, source) = scene(engine);
    let place = asked_for(&scene, &source);
    scene.server.signal("TERM");
    scene.server.wait();
    // At the same time: no lease has to end.
    let again = Server::start(&scene.database, &["--sandbox", "--at", NOW]);
    let run = end_of(&scene.api.on(again.address), &place);
    assert_eq!(run["state"], "succeeded", "{run}");
}

/// What the database says to what it refuses.
const REFUSED: &str = "refused by a trigger";

/// Has the database refuse to store bill runs of which this is true.
fn refuse(scene: &Scene, engine: Engine, condition: &str) {
    scene.database.execute(&match engine {
        Engine::Sqlite => format!(
            "CREATE TRIGGER refusing BEFORE UPDATE ON bill_runs WHEN {condition}
             BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
        ),
        Engine::Postgres => format!(
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION '{REFUSED}'; END $$ LANGUAGE plpgsql;
             CREATE TRIGGER refusing BEFORE UPDATE ON bill_runs FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()"
        ),
    });
}

fn allow(scene: &Scene, engine: Engine) {
    scene.database.execute(match engine {
        Engine::Sqlite => "DROP TRIGGER refusing",
        Engine::Postgres => "DROP TRIGGER refusing ON bill_runs",
    });
}

/// The run says that there was an error; what the database said is in the log alone.
fn assert_internal(scene: &Scene, run: &Value) {
    let errors: Vec<&str> =
        run["errors"].as_array().unwrap().iter().map(|error| error["message"].as_str().unwrap()).collect();
    assert_eq!(errors, ["internal error; the server's log says more"], "{run}");
    assert!(!run.to_string().contains(REFUSED), "{run}");
    let log = scene.server.log();
    assert!(log.contains("bill run failed with an internal error") && log.contains(REFUSED), "{log}");
}

fn a_run_whose_end_cannot_be_stored_fails(engine: Engine) {
    let (scene, source) = scene(engine);
    refuse(&scene, engine, "NEW.billing_period = '2026-10' AND NEW.state = 'succeeded'");
    for _ in 0..2 {
        let run = scene.end_of(&asked_for(&scene, &source));
        assert_eq!(run["state"], "failed", "{run}");
        assert_internal(&scene, &run);
        assert_eq!(scene.statements(""), Vec::<Value>::new(), "nothing of it is stored");
    }
    // The worker goes on, and the month is not blocked.
    let lines = [super::Usage { day: "2026-11-01", ..line("tenant-1", "a", "1") }];
    let november = scene.run("2026-11", &[&scene.invoice("november.csv", &lines)], &json!({}));
    assert_eq!(november["state"], "succeeded", "{november}");
    // The control: without the trigger the same run succeeds.
    allow(&scene, engine);
    let run = scene.end_of(&asked_for(&scene, &source));
    assert_eq!((&run["state"], &run["errors"]), (&json!("succeeded"), &json!([])), "{run}");
    assert_eq!(scene.statements("billing_period=2026-10&per_page=100").len(), CUSTOMERS);
}

fn a_finalization_whose_end_cannot_be_stored_changes_nothing(engine: Engine) {
    let (scene, source) = scene(engine);
    let run = scene.end_of(&asked_for(&scene, &source));
    assert_eq!(run["state"], "succeeded", "{run}");
    let before = scene.statements("per_page=100");
    refuse(&scene, engine, "NEW.report LIKE '%\"final_prefix\":\"%'");
    let refused = scene.finalize(&run);
    // It has its bills still, and they are what they were.
    assert_eq!((&refused["state"], &refused["stage"]), (&json!("succeeded"), &run["stage"]), "{refused}");
    assert_internal(&scene, &refused);
    assert_eq!(scene.statements("per_page=100"), before);
    assert_eq!(scene.database.value("SELECT COUNT(*) FROM publications"), "0");
    // The control.
    allow(&scene, engine);
    let done = scene.finalize(&run);
    assert_eq!((&done["stage"], &done["errors"]), (&json!("final"), &json!([])), "{done}");
    assert_eq!(scene.statements("status=Final&per_page=100").len(), CUSTOMERS);
}
