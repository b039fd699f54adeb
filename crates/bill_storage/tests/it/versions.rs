//! Which version a bill becomes, in a folder and in an S3 alike.

use crate::common::{LARGE, Made, OTHER, SMALL, Staged, files, head, kind, october, publish, tree, wrong};
use crate::s3::{Fate, Server};
use futures_util::TryStreamExt;
use std::path::PathBuf;
use tenantry_bill_storage::{Bills, ManifestHead, Settings};

/// A store, and where October's bills are on the disk.
async fn both() -> Vec<(Bills, PathBuf, Box<dyn std::any::Any>)> {
    let folder = tempfile::tempdir().unwrap();
    let local = Bills::open(&format!("file:{}", folder.path().display()), &Settings::default()).unwrap();
    let place = folder.path().join("p1/acme/2026-10/3947");
    let server = Server::start().await;
    vec![(local, place, Box::new(folder)), (server.bills(), server.october(), Box::new(server))]
}

#[tokio::test]
async fn the_same_lines_are_the_same_version_and_others_the_next() {
    for (bills, place, _kept) in both().await {
        assert_eq!(bills.latest(&october()).await.unwrap(), None);
        assert_eq!(publish(&bills, SMALL).await, (1, true));
        assert_eq!(wrong(&place, SMALL), [""; 0]);
        let first = tree(&place);
        assert_eq!(publish(&bills, SMALL).await, (1, false));
        assert_eq!(tree(&place), first);
        assert_eq!(publish(&bills, OTHER).await, (2, true));
        assert_eq!(publish(&bills, OTHER).await, (2, false));
        // Back to the first lines: a third version, for the newest counts.
        assert_eq!(publish(&bills, SMALL).await, (3, true));
        assert_eq!(bills.latest(&october()).await.unwrap().unwrap().version, 3);
        let now = tree(&place);
        assert!(first.iter().all(|(name, bytes)| now[name] == *bytes), "version 1 is as it was");
        assert_eq!(now.len(), 15);
    }
}

#[tokio::test]
async fn when_it_was_generated_does_not_count() {
    for (bills, place, _kept) in both().await {
        publish(&bills, SMALL).await;
        let first = tree(&place);
        let staged = Staged::new(SMALL);
        std::fs::write(staged.file("statement.json"), r#"{"total_amount": 37.02, "later": true}"#).unwrap();
        let later = ManifestHead { generated_at: head().generated_at + 60, ..head() };
        let published = bills.publish(&october(), staged.path(), &later).await.unwrap();
        assert_eq!((published.version, published.written), (1, false));
        assert_eq!(tree(&place), first);
    }
}

#[tokio::test]
async fn what_died_half_way_is_taken_up_or_removed() {
    for (bills, place, _kept) in both().await {
        let v1 = place.join("v1");
        std::fs::create_dir_all(&v1).unwrap();
        std::fs::write(v1.join("bill.csv"), &files(SMALL)["bill.csv"]).unwrap();
        assert_eq!(publish(&bills, SMALL).await, (1, true));
        assert_eq!(wrong(&place, SMALL), [""; 0]);

        // With other bytes, and with a file that the new bill has not.
        for (dead, file, bytes) in [(2, "bill.csv", &b"other"[..]), (4, "statement.parquet", b"<p>")] {
            let remains = place.join(format!("v{dead}"));
            std::fs::create_dir_all(&remains).unwrap();
            std::fs::write(remains.join(file), bytes).unwrap();
            let made = Made { amount: dead, ..SMALL };
            assert_eq!(publish(&bills, made).await, (u32::try_from(dead).unwrap() + 1, true), "{file}");
            assert!(tree(&remains).is_empty());
        }

        // Also where there is nothing new to write.
        std::fs::create_dir_all(place.join("v7")).unwrap();
        std::fs::write(place.join("v7/bill.csv"), "half").unwrap();
        assert_eq!(publish(&bills, Made { amount: 4, ..SMALL }).await, (5, false));
        assert!(tree(&place.join("v7")).is_empty());
        assert_eq!(tree(&place).len(), 15);
    }
}

#[tokio::test]
async fn the_manifest_is_the_same_at_every_repetition() {
    for (bills, place, _kept) in both().await {
        let staged = Staged::new(Made { lines: 1, amount: 5, wide: 1 });
        std::fs::write(staged.file("statement.html"), "").unwrap();
        let correction = ManifestHead { corrects: Some(1), ..head() };
        bills.publish(&october(), staged.path(), &correction).await.unwrap();
        let text = String::from_utf8(tree(&place).remove("v2/manifest.json").unwrap()).unwrap();
        let expected = r#"{
  "billing_period": "2026-10",
  "customer_id": 3947,
  "version": 2,
  "corrects": 1,
  "generated_at": "2026-10-26 07:33:20",
  "files": [
    {
      "name": "bill.csv",
      "size": 50,
      "sha256": "fa07a28906eda7737d7b00c3a90b463cc017c801a6f228e5a2faf69450ded928"
    },
    {
      "name": "bill.focus.csv",
      "size": 56,
      "sha256": ""#;
        assert!(text.starts_with(expected), "{text}");
        let empty = r#""size": 0,
      "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#;
        assert!(text.contains(empty) && text.ends_with("]\n}\n"), "{text}");
    }
}

#[tokio::test]
async fn files_are_read_as_they_were_published() {
    for (bills, place, _kept) in both().await {
        publish(&bills, LARGE).await;
        for (name, bytes) in files(LARGE) {
            let file = bills.open_file(&october(), 1, &name).await.unwrap();
            let read: Vec<u8> = file.stream.try_collect::<Vec<_>>().await.unwrap().concat();
            assert_eq!(file.size, bytes.len() as u64, "{name}");
            assert!(read == bytes, "{name}");
        }
        let manifest = bills.open_file(&october(), 1, "manifest.json").await.unwrap();
        assert_eq!(manifest.sha256.as_ref().map(String::len), Some(64));
        assert_eq!(
            manifest.stream.try_collect::<Vec<_>>().await.unwrap().concat(),
            tree(&place)["v1/manifest.json"]
        );

        std::fs::write(place.join("v1/notes.txt"), "not in the manifest").unwrap();
        for (version, name) in [
            (1, "notes.txt"),
            (2, "bill.csv"),
            (1, "../v1/bill.csv"),
            (1, "../../../../_runs/1/ledger.csv"),
            (1, ""),
        ] {
            let refused = bills.open_file(&october(), version, name).await.err().unwrap();
            assert!(["NotFound", "Invalid"].contains(&kind(&refused)), "{name}: {refused}");
        }
        // What is no longer what the manifest says never looks like the whole file.
        let mut bytes = files(LARGE)["bill.csv"].clone();
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        std::fs::write(place.join("v1/bill.csv"), &bytes).unwrap();
        let mut file = bills.open_file(&october(), 1, "bill.csv").await.unwrap();
        let mut seen = 0;
        let error = loop {
            match file.stream.try_next().await {
                Ok(bytes) => seen += bytes.expect("an error in place of the end").len() as u64,
                Err(error) => break error,
            }
        };
        assert_eq!(kind(&error), "Corrupt", "{error}");
        assert!(
            0 < seen && seen < file.size,
            "{seen}: whoever waits for so many bytes would not see the error"
        );
        // Of a small one nothing is shown, and of one that was cut off neither.
        let mut small = files(LARGE)["statement.json"].clone();
        small[3] ^= 1;
        std::fs::write(place.join("v1/statement.json"), &small).unwrap();
        std::fs::write(place.join("v1/bill.csv"), &bytes[..last]).unwrap();
        for name in ["statement.json", "bill.csv"] {
            let error = bills.open_file(&october(), 1, name).await.err().unwrap();
            assert_eq!(kind(&error), "Corrupt", "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn what_somebody_has_changed_is_not_taken_for_the_same() {
    for (bills, place, _kept) in both().await {
        publish(&bills, SMALL).await;
        let staged = Staged::new(SMALL);
        let again = async || bills.publish(&october(), staged.path(), &head()).await;
        for (name, change) in
            [("bill.csv", Some("9")), ("statement.html", Some("<P>")), ("statement.json", None)]
        {
            let path = place.join("v1").join(name);
            let before = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            if let Some(bytes) = change {
                std::fs::write(&path, bytes).unwrap();
            }
            let error = again().await.unwrap_err();
            assert_eq!(kind(&error), "Corrupt", "{name}: {error}");
            assert!(
                error.to_string().contains(&format!("v1/{name}: is not what its manifest says")),
                "{error}"
            );
            std::fs::write(&path, before).unwrap();
        }
        assert!(!again().await.unwrap().written, "the control: put back, it is the same bill");
    }
}

#[tokio::test]
async fn a_final_bill_is_a_version_of_its_own() {
    for (bills, place, _kept) in both().await {
        publish(&bills, SMALL).await;
        let first = tree(&place);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(bills.fetch(&october(), 1, folder.path()).await.unwrap().version, 1);
        assert_eq!(tree(folder.path()), files(SMALL));
        std::fs::remove_file(folder.path().join("statement.html")).unwrap();
        std::fs::write(folder.path().join("statement.html"), "<p>Final").unwrap();
        let last = ManifestHead { is_final: true, ..head() };
        for written in [true, false] {
            let published = bills.publish(&october(), folder.path(), &last).await.unwrap();
            assert_eq!((published.version, published.written), (2, written));
        }
        let now = tree(&place);
        assert!(first.iter().all(|(name, bytes)| now[name] == *bytes), "version 1 is as it was");
        assert_eq!(now["v2/statement.html"], b"<p>Final");
        assert_eq!(now["v2/bill.csv"], now["v1/bill.csv"]);
        assert!(String::from_utf8_lossy(&now["v2/manifest.json"]).contains("\"final\": true"));
        assert!(bills.verify("").await.unwrap().is_good());
        // What is estimated again after that is no final one.
        assert_eq!(publish(&bills, SMALL).await, (3, true));
    }
}

#[tokio::test]
async fn what_is_no_bill_is_not_published() {
    for (bills, place, _kept) in both().await {
        for name in ["manifest.json", ".hidden", "a b.csv", "bill#1", "ledgers/"] {
            let staged = Staged::new(SMALL);
            match name.strip_suffix('/') {
                Some(folder) => std::fs::create_dir(staged.file(folder)).unwrap(),
                None => std::fs::write(staged.file(name), "").unwrap(),
            }
            let error = bills.publish(&october(), staged.path(), &head()).await.unwrap_err();
            assert_eq!(kind(&error), "Invalid", "{name}: {error}");
        }
        let empty = tempfile::tempdir().unwrap();
        let error = bills.publish(&october(), empty.path(), &head()).await.unwrap_err();
        assert!(error.to_string().ends_with("there is no bill.csv in it"), "{error}");
        #[cfg(unix)]
        {
            let staged = Staged::new(SMALL);
            std::os::unix::fs::symlink("/etc/hostname", staged.file("statement.txt")).unwrap();
            let error = bills.publish(&october(), staged.path(), &head()).await.unwrap_err();
            assert_eq!(kind(&error), "Invalid");
        }
        assert!(tree(&place).is_empty());
    }
}

#[tokio::test]
async fn what_is_the_partners_alone_lies_beside_the_bills() {
    for (bills, place, _kept) in both().await {
        let root = place.ancestors().nth(4).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let mut keys = Vec::new();
        for bytes in [vec![1; 100], vec![2; 9 << 20], vec![3; 50]] {
            std::fs::write(&from, &bytes).unwrap();
            let key = bills.put_private("7/ledgers/3947.csv", &from).await.unwrap();
            let kept = root.join("_runs").join(&key);
            // Once more, and over what is not what it should be.
            for damaged in [None, Some(vec![9; bytes.len()]), Some(bytes[1..].to_vec())] {
                if let Some(damaged) = damaged {
                    std::fs::remove_file(&kept).unwrap();
                    std::fs::write(&kept, damaged).unwrap();
                    let error = bills.fetch_private(&key, &to).await.unwrap_err();
                    assert!(kind(&error) == "Corrupt" && error.to_string().contains(&key), "{error}");
                    let faults = bills.verify("").await.unwrap().ledgers.faults;
                    assert_eq!(faults, [format!("_runs/{key}: is not what its name says (SHA-256)")]);
                }
                assert_eq!(bills.put_private("7/ledgers/3947.csv", &from).await.unwrap(), key);
                bills.fetch_private(&key, &to).await.unwrap();
                assert!(std::fs::read(&to).unwrap() == bytes);
            }
            keys.push(format!("_runs/{key}"));
        }
        keys.sort();
        assert!(
            keys.iter().all(|key| key.starts_with("_runs/7/ledgers/3947.") && key.ends_with(".csv")),
            "{keys:?}"
        );
        keys.push("_runs/layout.json".to_owned());
        assert_eq!(tree(root).into_keys().collect::<Vec<_>>(), keys);
        // One of an earlier version.
        std::fs::write(root.join("_runs/7/ledgers/3947-USD-v1.csv"), "old").unwrap();
        bills.fetch_private("7/ledgers/3947-USD-v1.csv", &to).await.unwrap();
        let report = bills.verify("").await.unwrap();
        assert_eq!((report.ledgers.good, report.is_good()), (3, true));
        assert_eq!(report.ledgers.unknown, ["_runs/7/ledgers/3947-USD-v1.csv"]);
        for key in ["../acme/x", "", "/x", "a//b", "a/./b"] {
            assert_eq!(kind(&bills.put_private(key, &from).await.unwrap_err()), "Invalid", "{key:?}");
            assert_eq!(kind(&bills.fetch_private(key, &to).await.unwrap_err()), "Invalid", "{key:?}");
        }
        assert_eq!(kind(&bills.fetch_private("7/none", &to).await.unwrap_err()), "NotFound");
        assert!(bills.verify("").await.unwrap().bills.is_empty());
    }
}

#[tokio::test]
async fn whether_a_folder_can_be_written() {
    for (bills, place, _kept) in both().await {
        let root = place.ancestors().nth(4).unwrap();
        for folder in ["", "acme", "Ünï/☃ and 100%/a#1?"] {
            bills.writable(1, folder).await.unwrap();
        }
        assert!(tree(root).is_empty());
        // s3s-fs keeps the folders of keys that are gone.
        assert!(!root.join("p1").exists() || root.ends_with("invoices/bills"));
        for folder in [
            "../x",
            "/x",
            "_runs",
            "acme/_runs",
            "a\\b",
            "bills/2026-10",
            "x/v1",
            "manifest.json",
            "index.json",
        ] {
            assert_eq!(kind(&bills.writable(1, folder).await.unwrap_err()), "Invalid", "{folder}");
        }
    }
}

/// In a folder a file stands where the folder should be (nothing keeps root from writing); in an S3 each of the three
/// things that are needed is refused.
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p1"), "a file").unwrap();
    let bills = Bills::open(&format!("file:{}", folder.path().display()), &Settings::default()).unwrap();
    assert!(bills.writable(1, "acme").await.is_err());
    assert!(bills.writable(1, "acme/more").await.is_err());

    let server = Server::start().await;
    for (method, why) in [("PUT", "written"), ("HEAD", ""), ("DELETE", "removed, should a run die half-way")]
    {
        server.rule(move |seen| if seen.method == method { Fate::Refused(403) } else { Fate::Done });
        let error = server.bills().writable(1, "acme").await.unwrap_err();
        assert_eq!(kind(&error), "Denied", "{method}: {error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[tokio::test]
async fn names_that_stores_might_stumble_over() {
    for (bills, place, _kept) in both().await {
        let root = place.ancestors().nth(4).unwrap();
        for folder in ["", "Ünï/☃", "100%/%41/a#1?", "a b/+&=", "2026", "~x{}[]^`|\"<>*"] {
            let bill = tenantry_bill_storage::BillPrefix::new(1, folder, "2026-10", 1).unwrap();
            let staged = Staged::new(SMALL);
            let published = bills.publish(&bill, staged.path(), &head()).await.unwrap();
            assert_eq!(published.prefix, format!("{bill}v1/"));
            assert!(root.join(&published.prefix).join("manifest.json").is_file(), "{folder}");
            assert!(!bills.publish(&bill, staged.path(), &head()).await.unwrap().written, "{folder}");
            let report = bills.verify(format!("p1/{folder}").trim_end_matches('/')).await.unwrap();
            assert!(report.is_good() && !report.bills.is_empty(), "{folder}: {report:?}");
        }
        assert_eq!(bills.verify("").await.unwrap().bills.len(), 6);
    }
}
