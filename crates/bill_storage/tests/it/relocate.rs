//! A store of the old layout is moved: whole, and killed at every system call and every request.

use crate::common::{OTHER, SMALL, Staged, head, tree};
use crate::folders::open;
use crate::kill::CALLS;
use crate::s3::{BUCKET, Fate, Server};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use tenantry_bill_storage::{BillPrefix, Bills, Layout, Owners, Relocated};

type Files = BTreeMap<String, Vec<u8>>;

/// Partner 1 has the customers 1 and 3, and partner 2 customer 5, whose bill an old version has let lie in another one's.
fn owners() -> Owners {
    let of = |pairs: &[(i64, i64)]| pairs.iter().map(|(id, partner)| (*id, [*partner].into())).collect();
    Owners { runs: of(&[(7, 1), (8, 2)]), customers: of(&[(1, 1), (3, 1), (5, 2)]) }
}

/// Publishes some bills, and gives their files as they should be after a move.
async fn moved(bills: &Bills, root: &Path, few: bool) -> Files {
    let staged = tempfile::tempdir().unwrap();
    let publish = async |partner, folder: &str, customer| {
        // No two files have the same bytes.
        std::fs::write(staged.path().join("bill.csv"), format!("{partner} {folder} {customer}")).unwrap();
        let bill = BillPrefix::new(partner, folder, "2026-10", customer).unwrap();
        bills.publish(&bill, staged.path(), &head()).await.unwrap();
        std::fs::remove_file(staged.path().join("bill.csv")).unwrap();
    };
    // The old path of the one is the new path of the other.
    publish(1, "p1", 1).await;
    publish(1, "", 1).await;
    publish(2, "acme", 5).await;
    let ledger = staged.path().join("ledger");
    std::fs::write(&ledger, "ledger").unwrap();
    bills.put_private("p1/7/ledgers/1-USD-v1.csv", &ledger).await.unwrap();
    if !few {
        for customer in [1, 3] {
            for made in [SMALL, OTHER] {
                let bill = BillPrefix::new(1, "Ünï/a b", "2026-11", customer).unwrap();
                bills.publish(&bill, Staged::new(made).path(), &head()).await.unwrap();
            }
        }
        bills.put_private("p2/8/ledgers/5-USD-v1.csv", &ledger).await.unwrap();
    }
    tree(root)
}

/// The same files where version 0.1 has put them.
fn old(root: &Path, moved: &Files) {
    std::fs::remove_dir_all(root).unwrap();
    let without_partner = |name: &str| name.split_once('/').map(|(_, rest)| rest.to_owned());
    for (name, bytes) in moved.iter().filter(|(name, _)| *name != "_runs/layout.json") {
        let before =
            ["_runs/claims/", "_runs/", ""].into_iter().find(|before| name.starts_with(before)).unwrap();
        let name = format!("{before}{}", without_partner(&name[before.len()..]).unwrap());
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(!path.exists(), "{}", path.display());
        std::fs::write(path, bytes).unwrap();
    }
}

#[tokio::test]
async fn a_store_is_moved_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let at_server = Bills::open(&format!("s3://{BUCKET}/bills"), &server.settings("10s")).unwrap();
    for (bills, root) in
        [(open(folder.path()), folder.path().to_owned()), (at_server, server.bucket().join("bills"))]
    {
        let expected = moved(&bills, &root, false).await;
        old(&root, &expected);
        // Of nobody, and of nothing.
        let mut others = Files::new();
        for name in ["acme/2026-10/99/v1/bill.csv", "readme.txt", "acme/notes/x.txt"] {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), name).unwrap();
            others.insert(name.to_owned(), name.into());
        }
        assert_eq!(bills.layout().await.unwrap(), Layout::Old);
        let told = std::sync::Mutex::new((0, 0));
        let progress = |done, total| *told.lock().unwrap() = (done, total);
        let outcome = bills.relocate(&owners(), &progress).await.unwrap();
        let count = expected.len() - 1;
        let unowned = vec!["acme/2026-10/99/v1/bill.csv".to_owned()];
        assert_eq!(outcome, Some(Relocated { moved: count, unowned }));
        assert_eq!(*told.lock().unwrap(), (count, count));
        let everything: Files = expected.into_iter().chain(others).collect();
        assert_eq!(tree(&root), everything);
        assert_eq!(bills.layout().await.unwrap(), Layout::Current);
        assert_eq!(bills.relocate(&owners(), &|_, _| {}).await.unwrap(), None);
        assert_eq!(tree(&root), everything);
        // A version goes on where it was.
        let bill = BillPrefix::new(1, "Ünï/a b", "2026-11", 1).unwrap();
        assert_eq!(bills.publish(&bill, Staged::new(SMALL).path(), &head()).await.unwrap().version, 3);
    }
    let empty: Vec<_> = empty_folders(folder.path());
    assert_eq!(empty, [""; 0]);
}

fn empty_folders(root: &Path) -> Vec<String> {
    let mut empty = Vec::new();
    for entry in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            empty.extend(empty_folders(&entry));
            if std::fs::read_dir(&entry).unwrap().next().is_none() {
                empty.push(entry.display().to_string());
            }
        }
    }
    empty
}

/// Another file where one is to go stops the move, and both stay.
#[tokio::test]
async fn no_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    for (bills, root) in
        [(open(folder.path()), folder.path().to_owned()), (server.bills(), server.bucket().join("bills"))]
    {
        let expected = moved(&bills, &root, true).await;
        old(&root, &expected);
        let other = root.join("p2/acme/2026-10/5/v1/bill.csv");
        std::fs::create_dir_all(other.parent().unwrap()).unwrap();
        std::fs::write(&other, "other").unwrap();
        // A move that was planned before that file came there.
        let journal = r#"{"groups": [[{"from": "acme/2026-10/5/v1/bill.csv", "to": "p2/acme/2026-10/5/v1/bill.csv"}]],
                          "unowned": [], "moved": 0}"#;
        std::fs::write(root.join("_runs/move.json"), journal).unwrap();
        let error = bills.relocate(&owners(), &|_, _| {}).await.unwrap_err().to_string();
        assert!(error.contains("acme/2026-10/5/v1/bill.csv"), "{error}");
        assert_eq!(std::fs::read(&other).unwrap(), b"other");
        assert!(root.join("acme/2026-10/5/v1/bill.csv").is_file());
        assert_eq!(bills.layout().await.unwrap(), Layout::Old);
        std::fs::remove_file(&other).unwrap();
        assert_eq!(bills.relocate(&owners(), &|_, _| {}).await.unwrap().unwrap().moved, 1);
        assert_eq!(std::fs::read(&other).unwrap(), expected["p2/acme/2026-10/5/v1/bill.csv"]);
    }
}

/// The process that is killed below; it does nothing else.
#[test]
#[ignore = "is started by the others"]
fn mover() {
    let root = std::env::var("BILLS_ROOT").expect("started by the others");
    let root = Path::new(&root);
    if std::env::var_os("BILLS_NAIVE").is_some() {
        return move_naively(root);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
    runtime.block_on(open(root).relocate(&owners(), &|_, _| {})).unwrap();
}

/// Without a plan: a file that does not begin with a partner is not moved yet, and one that is there is there.
fn move_naively(root: &Path) {
    for name in tree(root).into_keys().filter(|name| !name.starts_with("p1/") && !name.starts_with("p2/")) {
        let partner = if name.contains("/5/") { "p2" } else { "p1" };
        let (from, to) = (root.join(&name), root.join(partner).join(&name));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if !to.exists() {
            std::fs::copy(&from, &to).unwrap();
        }
        std::fs::remove_file(from).unwrap();
    }
}

/// Runs the mover under strace, or without. Whether it came to its end.
fn run(root: &Path, naive: bool, inject: Option<&str>) -> bool {
    let test = std::env::current_exe().unwrap();
    let mut command = match inject {
        Some(inject) => {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qqq", "-o", "/dev/null", "-e", inject]).arg(test);
            strace
        }
        None => Command::new(test),
    };
    command.args(["--exact", "relocate::mover", "--ignored", "--quiet"]).env("BILLS_ROOT", root);
    command.env_remove("RUST_BACKTRACE");
    if naive {
        command.env("BILLS_NAIVE", "1");
    }
    command.output().expect("strace must be installed").status.success()
}

/// Kills the mover at the K-th call of every kind, for every K until it comes to its end. At every death each file has to be
/// somewhere, and after a repetition where it should be. Gives the deaths, and what was wrong.
fn at_every_call(expected: &Files, naive: bool) -> (BTreeMap<&'static str, usize>, Vec<String>) {
    let disk = tempfile::tempdir().unwrap();
    let (mut deaths, mut wrong) = (BTreeMap::new(), Vec::new());
    for call in CALLS.into_iter().chain(["rmdir"]) {
        for k in 1.. {
            let inject = format!("inject={call}:signal=KILL:when={k}");
            let root = disk.path().join(format!("{call}{k}"));
            std::fs::create_dir(&root).unwrap();
            old(&root, expected);
            let ended = run(&root, naive, Some(&inject));
            let gone = || {
                let there: Vec<Vec<u8>> = tree(&root).into_values().collect();
                let published = expected.iter().filter(|(name, _)| *name != "_runs/layout.json");
                let gone = published.filter(|(_, bytes)| !there.contains(bytes));
                gone.map(|(name, _)| format!("{inject}: {name} is gone")).collect::<Vec<_>>()
            };
            wrong.extend(gone());
            if !ended {
                *deaths.entry(call).or_default() += 1;
                if !run(&root, naive, None) {
                    wrong.push(format!("{inject}: cannot be repeated"));
                }
                wrong.extend(gone());
            }
            // What was being written there has a name that nothing reads.
            let now: Files =
                tree(&root).into_iter().filter(|(name, _)| !name.ends_with(".partial")).collect();
            if now != *expected {
                wrong.push(format!("{inject}: is not moved: {:?}", now.keys()));
            }
            std::fs::remove_dir_all(&root).unwrap();
            if ended {
                break;
            }
        }
    }
    (deaths, wrong)
}

#[test]
fn killed_at_every_call_a_repeated_move_ends_with_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let expected = runtime.block_on(moved(&open(folder.path()), folder.path(), true));
    let (deaths, wrong) = at_every_call(&expected, false);
    assert_eq!(wrong, [""; 0]);
    // Seven files, the plan in three states, the marker.
    assert!(deaths["linkat"] == 7 && deaths["fsync"] > 40 && deaths["unlink"] >= 8, "{deaths:?}");
    // The control.
    let (_, wrong) = at_every_call(&expected, true);
    assert!(wrong.iter().any(|wrong| wrong.ends_with("is gone")), "{}", wrong.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_request_a_repeated_move_ends_with_the_same_files() {
    let server = Server::start().await;
    let bills = Bills::open(&format!("s3://{BUCKET}/bills"), &server.settings("60s")).unwrap();
    let root = server.bucket().join("bills");
    let expected = moved(&bills, &root, true).await;
    let mut deaths = 0;
    for fate in [Fate::Lost, Fate::Unanswered] {
        for last in 1.. {
            server.rule(|_| Fate::Done);
            old(&root, &expected);
            let arrived = server.meet(last, fate);
            let moving = tokio::spawn({
                let bills = bills.clone();
                async move { bills.relocate(&owners(), &|_, _| {}).await }
            });
            let abort = moving.abort_handle();
            tokio::select! {
                ended = moving => {
                    ended.unwrap().unwrap();
                    break;
                }
                () = arrived.notified() => abort.abort(),
            }
            deaths += 1;
            server.rule(|_| Fate::Done);
            let again = bills.relocate(&owners(), &|_, _| {}).await;
            again.unwrap_or_else(|e| panic!("{fate:?} at request {last}: {e}"));
            assert_eq!(tree(&root), expected, "{fate:?} at request {last}");
        }
    }
    assert!(deaths > 100, "{deaths}");
}
