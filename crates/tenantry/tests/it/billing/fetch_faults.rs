//! A fetch that is killed at each of its requests, one without room on the disk, and two servers that would fetch and bill the same.

use super::automation::{advance, automate, runs};
use super::fetch::{Scene, fetching, october};
use super::{statements, tree};
use crate::directory::{ALLOWED, NO_SYNC, told, until};
use crate::support::disk::Disk;
use crate::support::{Engine, S3, Server, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    killed_at_every_request_it_goes_on,
    a_full_disk_is_said_and_made_good,
    an_object_store_keeps_what_is_fetched,
);

/// Few files, each of several reads.
fn files() -> Value {
    json!({"lines_per_blob": 300, "max_range": 9000})
}

/// What hangs at a request after so many that go well: of the API, or of files.
fn hanging(is_file: bool, after: usize) -> Value {
    let mut faults = vec![json!({"fault": "none"}); after];
    faults.push(json!({"fault": "hang"}));
    let mut billing = files();
    if is_file {
        billing["next_blob"] = faults.into();
        return json!({ "billing": billing });
    }
    json!({"billing": billing, "next": faults})
}

fn killed_at_every_request_it_goes_on(engine: Engine) {
    let scene = Scene::new(engine);
    scene.behave(&files());
    let reference = fetching(&scene, &[]).output().unwrap();
    assert!(reference.status.success(), "{}", told(&reference));
    let (expected, exports) = (scene.files().0, scene.center.count("exports"));
    let mut kills = [0_u32; 2];
    for is_file in [false, true] {
        for after in 0.. {
            std::fs::remove_dir_all(scene.sources()).unwrap();
            let before = scene.center.count("exports");
            scene.center.behave(hanging(is_file, after));
            let mut child = fetching(&scene, &[]).spawn().unwrap();
            until("it hangs, or has ended", || {
                child.try_wait().unwrap().is_some() || scene.center.left(is_file) == 0
            });
            let has_ended = child.try_wait().unwrap().is_some();
            drop(child.kill());
            let output = child.wait_with_output().unwrap();
            if has_ended && told(&output).contains("is under way") {
                panic!("the lease of the fetch before is over: {}", told(&output));
            }
            scene.behave(&files());
            if has_ended {
                assert!(output.status.success(), "{}", told(&output));
                break;
            }
            kills[usize::from(is_file)] += 1;
            until("the lease of the one that was killed is over", || {
                let again = fetching(&scene, &[]).output().unwrap();
                assert!(again.status.success() || told(&again).contains("is under way"), "{}", told(&again));
                again.status.success()
            });
            let (files, unfinished) = scene.files();
            assert!(files == expected && unfinished.is_empty(), "killed at request {after}: {unfinished:?}");
            // One export may have been asked for whose answer nobody heard.
            let asked = scene.center.count("exports") - before;
            assert!((exports..=exports + 1).contains(&asked), "killed at request {after}: {asked} exports");
        }
    }
    assert!(kills[0] >= 4 && kills[1] >= 4, "{kills:?}");
}

fn a_full_disk_is_said_and_made_good(engine: Engine) {
    let folder = tempfile::Builder::new().prefix("tenantry-disk-").tempdir().unwrap();
    let Some(disk) = Disk::small(folder.path().join("sources"), "4m") else { return };
    let sources = disk.folder().display().to_string();
    let scene = Scene::with(engine, &["--bill-sources", &sources]);
    scene.behave(&json!({}));
    let whole = || tree(disk.folder()).into_keys().filter(|path| path.ends_with("manifest.json")).count();
    disk.fill();
    let fetch = scene.fetch(&october());
    assert_eq!((&fetch["state"], &fetch["error"]["code"]), (&json!("failed"), &json!("disk")), "{fetch}");
    let message = fetch["error"]["message"].as_str().unwrap();
    assert!(message.contains("make room and fetch again"), "{message}");
    assert_eq!(whole(), 0, "nothing that is not whole is a source");
    assert_eq!(scene.invoice("G000202610")["last_fetch"]["error"]["code"], "disk");
    assert_eq!(scene.api.get("/readyz").json()["invoice_fetches"]["failing"], 1);
    disk.free();
    let fetch = scene.fetch(&october());
    assert_eq!((&fetch["state"], whole()), (&json!("succeeded"), 2), "{fetch}");
    assert_eq!(scene.api.get("/readyz").json()["invoice_fetches"]["failing"], 0, "the control");
}

/// Exports go where other servers read them too, and are not fetched again by one that has nothing on its disk.
fn an_object_store_keeps_what_is_fetched(engine: Engine) {
    let s3 = S3::start();
    let environment = s3.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let to = format!("s3://{}/fetched/{{partner}}", S3::BUCKET);
    let args = ["--bill-fetch-to", &to, "--bill-max-unassigned", "1000000"];
    let scene = Scene::within(engine, &args, &environment);
    scene.behave(&json!({}));
    let fetch = scene.fetch(&october());
    assert_eq!(fetch["state"], "succeeded", "{fetch}");
    let sources: Vec<&str> =
        fetch["sources"].as_array().unwrap().iter().map(|source| source.as_str().unwrap()).collect();
    let below = format!("s3://{}/fetched/1/2026-10/G000202610/", S3::BUCKET);
    assert!(sources.len() == 2 && sources.iter().all(|source| source.starts_with(&below)), "{sources:?}");
    let (kept, whole) = (tree(&s3.bucket()), scene.files().0);
    let manifests = kept.keys().filter(|path| path.ends_with("/manifest.json")).count();
    assert!(manifests == 2 && whole.is_empty(), "{:?} {:?}", kept.keys(), whole.keys());

    let body = json!({"billing_period": "2026-10", "sources": sources, "publish": false});
    let asked = scene.api.post("/v1/bill_runs", &body);
    assert_eq!(asked.status, 202, "{}", asked.text());
    let run = super::end_of(&scene.api, asked.header("location"));
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(scene.invoice("G000202610")["ties"], true);

    let bytes = scene.center.count("blob_bytes");
    std::fs::remove_dir_all(scene.sources()).unwrap();
    let again = scene.fetch(&october());
    assert_eq!((&again["sources"], scene.center.count("blob_bytes")), (&fetch["sources"], bytes), "{again}");
    assert_eq!(tree(&s3.bucket()), kept);

    // A store that refuses is told.
    std::fs::remove_dir_all(s3.bucket().join("fetched")).unwrap();
    s3.refuse(true);
    let refused = scene.fetch(&october());
    assert_eq!(
        (&refused["state"], &refused["error"]["code"]),
        (&json!("failed"), &json!("store")),
        "{refused}"
    );
    s3.refuse(false);
    assert_eq!(scene.fetch(&october())["state"], "succeeded");
    assert_eq!(tree(&s3.bucket()), kept);
}

/// On one PostgreSQL: each fetch, each run and each end of a month is the work of one of them.
#[test]
fn two_servers_fetch_and_bill_once() {
    if !Engine::Postgres.is_here() {
        return;
    }
    let scene = super::automation::scene(Engine::Postgres, 10, &[]);
    let serve =
        ["--sandbox", "--at", super::fetch::NOW, "--sync-interval", NO_SYNC, "--bill-interval", "100"];
    let second = Server::start(&scene.database, &[&serve[..], &ALLOWED].concat());
    let other = scene.api.on(second.address);
    automate(
        &scene,
        &json!({"estimates": "daily", "invoices": "fetch_and_bill", "finalize": "after_days", "days": 3, "max_unassigned": "1000000", "publish": true}),
    );
    let succeeded =
        |month: &str| runs(&scene, month).iter().filter(|run| run["state"] == "succeeded").count();
    until("October is billed and November estimated", || {
        succeeded("2026-10") == 1 && succeeded("2026-11") == 1
    });
    for (night, count) in [("2026-11-21", 2), ("2026-11-22", 3), ("2026-11-24", 4)] {
        other.set_clock(&format!("{night}T03:00:00Z"));
        advance(&scene, &format!("{night}T03:00:00Z"));
        until(night, || succeeded("2026-11") == count);
    }
    until("October is final", || {
        let october = statements(&scene.api, "billing_period=2026-10&per_page=100");
        !october.is_empty() && october.iter().all(|statement| statement["status"] == "Final")
    });
    assert_eq!((runs(&scene, "2026-10").len(), runs(&scene, "2026-11").len()), (1, 4));
    // Two exports for October, and two in each of four nights.
    assert_eq!(scene.center.count("exports"), 10);
    let trail = |action: &str| scene.api.trail(&format!("action={action}")).len();
    assert_eq!((trail("invoice_fetch.create"), trail("invoice_fetch.succeed")), (5, 5));
    assert_eq!((trail("bill_run.create"), trail("bill_run.finalize")), (5, 1));
    // Both were at work, or this would say nothing.
    let works = |api: &crate::support::Api| api.get("/readyz").status == 200;
    assert!(works(&scene.api) && works(&other));
}
