//! A publication into a folder that is killed, or refused by the disk, at every single system call that changes
//! anything. strace does the killing, so that nothing in the program knows of it.

use crate::common::{LARGE, Made, Staged, files, head, october, tree, wrong};
use crate::folders::open;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Every way in which files change, in libc's and rustix's words.
pub(crate) const CALLS: [&str; 16] = [
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "fsync",
    "fdatasync",
    "write",
    "copy_file_range",
    "sendfile",
    "openat",
    "ftruncate",
];

const BILL: Made = Made { lines: 400, ..LARGE };

/// What the tests below kill; it does nothing else.
#[test]
#[ignore = "is started by the others"]
fn publisher() {
    let from_env = |name| std::env::var(name).expect("started by the others");
    let (staged, root) = (from_env("BILLS_STAGED"), from_env("BILLS_ROOT"));
    let (staged, root) = (Path::new(&staged), Path::new(&root));
    if std::env::var_os("BILLS_NAIVE").is_some() {
        return publish_naively(staged, &root.join("p1/acme/2026-10/3947/v1"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(open(root).publish(&october(), staged, &head())).unwrap();
}

/// As anybody would: what is there is there, and the manifest comes last.
fn publish_naively(staged: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for name in tree(staged).into_keys().filter(|name| !folder.join(name).exists()) {
        std::fs::copy(staged.join(&name), folder.join(&name)).unwrap();
    }
    std::fs::write(folder.join("manifest.json"), "{}").unwrap();
}

/// Runs the publisher under strace, or without. Whether it came to its end.
fn run(staged: &Path, root: &Path, naive: bool, inject: Option<&str>) -> bool {
    let test = std::env::current_exe().unwrap();
    let mut command = match inject {
        Some(inject) => {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qqq", "-o", "/dev/null", "-e", inject]).arg(test);
            strace
        }
        None => Command::new(test),
    };
    command
        .args(["--exact", "kill::publisher", "--ignored"])
        .env("BILLS_STAGED", staged)
        .env("BILLS_ROOT", root);
    // What the test runner writes counts too, the less the better.
    command.arg("--quiet").env_remove("RUST_BACKTRACE").env("TMPDIR", root.parent().unwrap());
    if naive {
        command.env("BILLS_NAIVE", "1");
    }
    command.output().expect("strace must be installed").status.success()
}

/// Does so to the K-th call of every kind, for every K until it no longer matters. Gives how often it mattered, and
/// what was wrong, at the time or after a repetition.
fn at_every_call(naive: bool, staging: &Path, what: &str) -> (BTreeMap<&'static str, usize>, Vec<String>) {
    let disk = tempfile::tempdir().unwrap();
    let (mut deaths, mut found) = (BTreeMap::new(), Vec::new());
    for call in CALLS {
        for k in 1.. {
            let inject = format!("inject={call}:{what}:when={k}");
            let root = disk.path().join(format!("{call}{k}"));
            let staged = Staged::within(BILL, staging);
            let customer = root.join("p1/acme/2026-10/3947");
            let ended = run(staged.path(), &root, naive, Some(&inject));
            let half = wrong(&customer, BILL);
            if customer.join("v1/manifest.json").exists() || ended {
                found.extend(half.iter().map(|half| format!("{inject}: {half}")));
            }
            if !ended {
                *deaths.entry(call).or_default() += 1;
                assert!(run(staged.path(), &root, naive, None), "{inject}: never again");
                let wrong = wrong(&customer, BILL);
                found.extend(wrong.iter().map(|wrong| format!("{inject}, repeated: {wrong}")));
            }
            // An error may be overcome: where a link cannot be made, the file is copied.
            if ended && (what == "signal=KILL" || k > 5) {
                break;
            }
        }
    }
    (deaths, found)
}

#[test]
fn killed_at_every_call_a_repetition_ends_with_the_same_bytes_once() {
    // On the disk of the bills, where files are linked, and on another one, from which they are copied. Synced are the names
    // of seven new folders, the marker and its name, four files (copied ones twice, their sources too), the manifest, the
    // names of these five, and before the manifest the names of all seven folders above.
    let linked = (std::env::temp_dir(), "linkat", 4, 7 + 2 + 4 + 1 + 5 + 7);
    let copied = ("/dev/shm".into(), "renameat2", 6, 7 + 2 + 8 + 1 + 5 + 7);
    for (staging, place, places, syncs) in [linked, copied] {
        let (deaths, found) = at_every_call(false, &staging, "signal=KILL");
        assert_eq!(found, [""; 0], "{}", staging.display());
        assert_eq!((deaths[place], deaths["fsync"], deaths["mkdir"]), (places, syncs, 7), "{deaths:?}");
    }
}

#[test]
fn refused_by_the_disk_at_every_call_nothing_is_half_done() {
    let (failures, found) = at_every_call(false, Path::new("/dev/shm"), "error=EIO");
    assert_eq!(found, [""; 0]);
    assert!(failures["renameat2"] >= 4 && failures["fsync"] >= 10 && failures["mkdir"] >= 4, "{failures:?}");
}

/// The control.
#[test]
fn a_naive_publisher_is_found_out() {
    let (_, found) = at_every_call(true, &std::env::temp_dir(), "signal=KILL");
    let half = |name: &String| {
        found.iter().any(|found| found.ends_with(&format!("repeated: {name} has other bytes")))
    };
    assert!(files(BILL).keys().any(half), "{found:?}");
}
