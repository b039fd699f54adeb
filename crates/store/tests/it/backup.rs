//! `backup` and `restore`: whole, private, verified, and never over anything.

use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tenantry_store::transfer::{Tally, backup, copy, restore};
use tenantry_store::{Db, Error, Options};
use test_support::raw::{Folder, postgres, postgres_is_here, seed, sql, value};

async fn make(url: &str) {
    Db::open(url).await.unwrap().close().await;
}

async fn backed_up(from: &str, file: &Path) -> Result<Tally, Error> {
    backup(from, file, &mut |_| {}).await
}

async fn restored(file: &Path, to: &str) -> Result<Tally, Error> {
    restore(file, to, Options::default(), Timestamp::UNIX_EPOCH, &mut |_| {}).await
}

async fn sources(folder: &Folder, rows: u32) -> Vec<String> {
    let mut sources = vec![folder.sqlite("from.db")];
    if postgres_is_here() {
        sources.push(postgres().await);
    }
    for source in &sources {
        make(source).await;
        seed(source, rows).await;
    }
    sources
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder.0.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_either_engine_is_restored_into_either() {
    let folder = Folder::new();
    for (i, from) in sources(&folder, 1_700).await.into_iter().enumerate() {
        let file = folder.file(&format!("{i}.backup"));
        let tally = backed_up(&from, &file).await.unwrap();
        assert_eq!(tally.rows(), 6_802);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let before = std::fs::read(&file).unwrap();

        let mut targets = vec![folder.sqlite(&format!("new/{i}.db"))];
        if postgres_is_here() {
            targets.push(postgres().await);
        }
        for to in targets {
            assert_eq!(restored(&file, &to).await.unwrap(), tally, "{from} -> {to}");
            make(&to).await; // a server would start on it
            // Source and target are the same, by a comparison of their own, but for the ids to come.
            let differ = copy(&from, &to, Options::default(), &mut |_| {}).await.unwrap_err().to_string();
            let differ = differ.replace("table statement_numbers (0 and 2 rows), ", ""); // theirs have a gap too
            for ids in [
                "ids of partners (0 and 1000000)",
                "ids of customers of partner 1 (3407 and 1003407)",
                "ids of customers of partner 2 (3408 and 1003408)",
                "ids of users of partner 2 (0 and 1000000)",
            ] {
                assert!(differ.contains(ids) && !differ.contains("table"), "{differ}");
            }
            let refused = restored(&file, &to).await.unwrap_err().to_string();
            assert!(refused.contains("not empty"), "{refused}");
        }
        assert_eq!(std::fs::read(&file).unwrap(), before, "restoring changed the backup");
    }
    // Nothing is left lying about.
    let expected: Vec<&str> =
        if postgres_is_here() { vec!["0.backup", "1.backup"] } else { vec!["0.backup"] };
    let left: Vec<String> = names(&folder).into_iter().filter(|n| *n != "new" && *n != "from.db").collect();
    assert_eq!(left, expected);
}

/// Every byte counts: in the header, in rows, in empty places, in the checksum itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_with_one_changed_byte_is_refused() {
    let folder = Folder::new();
    let from = sources(&folder, 40).await.remove(0);
    let file = folder.file("good.backup");
    backed_up(&from, &file).await.unwrap();
    let good = std::fs::read(&file).unwrap();
    let (bad, mut tried) = (folder.file("bad.backup"), 0);
    let places = (0..100).chain((100..good.len()).step_by(good.len() / 300)).chain([good.len() - 1]);
    for at in places {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&bad, bytes).unwrap();
        let refused = restored(&bad, &folder.sqlite("to.db")).await;
        let why = refused.expect_err(&format!("byte {at}")).to_string();
        assert!(why.contains("damaged") || why.contains("not a backup"), "byte {at}: {why}");
        tried += 1;
    }
    assert!(tried > 350);
    for (name, bytes) in [
        ("cut off", good[..good.len() - 1].to_vec()),
        ("cut off at a page", good[..good.len() - 4096].to_vec()),
        ("longer", [good.as_slice(), b"x"].concat()),
        ("empty", Vec::new()),
        ("something else", b"PGDMP and what follows".repeat(100)),
    ] {
        std::fs::write(&bad, bytes).unwrap();
        assert!(restored(&bad, &folder.sqlite("to.db")).await.is_err(), "{name}");
    }
    assert!(!folder.file("to.db").exists(), "a refused backup made a database");
    // The control: what refuses all those takes the good one.
    std::fs::write(&bad, good).unwrap();
    restored(&bad, &folder.sqlite("to.db")).await.unwrap();
}

/// A forged file checksum does not hide a change, because each table has its own checksum.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_detected_even_if_the_file_checksum_matches() {
    let folder = Folder::new();
    let from = sources(&folder, 40).await.remove(0);
    let file = folder.file("changed.backup");
    backed_up(&from, &file).await.unwrap();
    sql(&format!("sqlite:{}", file.display()), "UPDATE customers SET city = 'Elsewhere' WHERE id = 7").await;
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60..64].fill(0);
    let crc = crc32fast::hash(&bytes);
    bytes[60..64].copy_from_slice(&crc.to_be_bytes());
    std::fs::write(&file, bytes).unwrap();
    let refused = restored(&file, &folder.sqlite("to.db")).await.unwrap_err().to_string();
    assert!(refused.contains("does not hold what it says"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_and_restore_overwrite_nothing() {
    let folder = Folder::new();
    for (i, from) in sources(&folder, 40).await.into_iter().enumerate() {
        let file = folder.file(&format!("{i}.backup"));
        // A backup over a file, over the database itself, over a dangling link.
        std::fs::write(&file, "precious").unwrap();
        let link = folder.file(&format!("{i}.link"));
        std::os::unix::fs::symlink("/nowhere/at/all", &link).unwrap();
        for there in [&file, &folder.file("from.db"), &link] {
            let refused = backed_up(&from, there).await.unwrap_err().to_string();
            assert!(refused.contains("is there already"), "{refused}");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
        std::fs::remove_file(&file).unwrap();

        // A backup is not served from as it is: that would change it.
        backed_up(&from, &file).await.unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let refused = Db::open(&format!("sqlite:{}", file.display())).await.err().unwrap().to_string();
        assert!(refused.contains("tenantry admin restore"), "{refused}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
        std::fs::remove_file(&file).unwrap();

        // A restore into a database that is in use.
        backed_up(&from, &file).await.unwrap();
        let refused = restored(&file, &from).await.unwrap_err().to_string();
        assert!(refused.contains("not empty"), "{refused}");
        assert_eq!(value(&from, "SELECT COUNT(*) FROM customers").await, "80");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_backup_leaves_no_file() {
    let folder = Folder::new();
    let from = sources(&folder, 3).await.remove(0);
    let before = names(&folder);
    for (from, file, why) in [
        (folder.sqlite("none.db"), folder.file("b"), "cannot open the database"),
        (from.clone(), folder.file("no/such/folder/b"), "cannot write"),
        (from.clone(), Path::new("/").to_owned(), "is there already"),
        (from, folder.file("b").join(".."), "not a file's name"),
    ] {
        let refused = backed_up(&from, &file).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{}: {refused}", file.display());
        assert_eq!(names(&folder), before);
    }
}

/// One snapshot: of a change that touches two tables, both parts or none, while changes go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_a_consistent_snapshot_during_writes() {
    let folder = Folder::new();
    for (i, from) in sources(&folder, 2_000).await.into_iter().enumerate() {
        let db = Db::open(&from).await.unwrap();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let writer = tokio::spawn({
            let (stop, from) = (std::sync::Arc::clone(&stop), from.clone());
            async move {
                let mut changes = 0;
                while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                    changes += 1;
                    let both = format!(
                        "BEGIN; UPDATE partners SET created_at = {changes} WHERE id = 1;
                         UPDATE customer_tags SET value = '{changes}' WHERE customer_id = 2000; COMMIT"
                    );
                    sql(&from, &both).await;
                }
                changes
            }
        });
        while value(&from, "SELECT created_at FROM partners WHERE id = 1").await == "0" {
            tokio::task::yield_now().await;
        }
        let file = folder.file(&format!("live-{i}.backup"));
        backed_up(&from, &file).await.unwrap();
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        let changes: i64 = writer.await.unwrap();
        db.close().await;
        let copy = format!("sqlite:{}", file.display());
        let partner = value(&copy, "SELECT created_at FROM partners WHERE id = 1").await;
        let tag = value(&copy, "SELECT value FROM customer_tags WHERE customer_id = 2000").await;
        assert_eq!(partner, tag, "{from}");
        assert!(partner.parse::<i64>().unwrap() < changes, "the control: nothing changed meanwhile");
    }
}
