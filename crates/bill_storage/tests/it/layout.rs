//! The layout's marker, stores that cannot put on condition, and other quirks of stores that are not quite S3.

use crate::common::{LARGE, SMALL, Staged, files, head, kind, october, publish, tree, wrong};
use crate::folders::open;
use crate::s3::{BUCKET, Fate, Server, object};
use http::Method;
use tenantry_bill_storage::{BillPrefix, Bills, Layout};

#[tokio::test]
async fn a_store_of_the_old_layout_says_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    for (bills, root) in
        [(open(folder.path()), folder.path().to_owned()), (server.bills(), server.bucket().join("bills"))]
    {
        assert_eq!(bills.layout().await.unwrap(), Layout::Empty);
        for old in [
            "_runs/7/ledgers/1-USD-v1.csv",
            "_runs/claims/acme/2026-10/1/v1/manifest.json",
            "_runs/move.json",
        ] {
            std::fs::create_dir_all(root.join(old).parent().unwrap()).unwrap();
            std::fs::write(root.join(old), "{}").unwrap();
            assert_eq!(bills.layout().await.unwrap(), Layout::Old, "{old}");
            let error = bills.publish(&october(), Staged::new(SMALL).path(), &head()).await.unwrap_err();
            assert!(
                kind(&error) == "Invalid"
                    && error.to_string().contains("run `tenantry admin bill move-store`"),
                "{error}"
            );
            assert!(bills.check_layout().await.is_err());
            assert_eq!(tree(&root).len(), 1, "nothing was written");
            std::fs::remove_file(root.join(old)).unwrap();
        }
        assert_eq!(publish(&bills, SMALL).await, (1, true));
        assert_eq!(bills.layout().await.unwrap(), Layout::Current);
        // Without the marker the ledgers tell.
        bills.put_private("p1/7/ledgers/1.csv", &Staged::new(SMALL).file("bill.csv")).await.unwrap();
        std::fs::remove_file(root.join("_runs/layout.json")).unwrap();
        assert_eq!(bills.layout().await.unwrap(), Layout::Current);
        std::fs::write(root.join("_runs/layout.json"), "{\"layout\": 3}\n").unwrap();
        let error = bills.layout().await.unwrap_err();
        assert!(error.to_string().contains("a newer version of tenantry has written it"), "{error}");
    }
}

#[tokio::test]
async fn stores_that_cannot_put_on_condition_are_refused_before_the_first_bill() {
    let knows_no_conditions = |status| {
        move |seen: &crate::s3::Seen| {
            let is_conditional = seen.headers.contains_key(http::header::IF_NONE_MATCH);
            if is_conditional { Fate::Refused(status) } else { Fate::Done }
        }
    };
    let ignoring = Server::with(false, false).await;
    let refusing = Server::start().await;
    refusing.rule(knows_no_conditions(501));
    for (server, says) in
        [(&refusing, "does not know puts on condition"), (&ignoring, "ignores the condition of a put")]
    {
        let bills = server.bills();
        let staged = Staged::new(SMALL);
        for error in [
            bills.check_conditions().await.unwrap_err(),
            bills.publish(&october(), staged.path(), &head()).await.unwrap_err(),
            bills.put_private("p1/7/ledgers/1.csv", &staged.file("bill.csv")).await.unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(
                kind(&error) == "Invalid" && text.contains(says) && text.contains("use AWS S3, MinIO"),
                "{text}"
            );
        }
        assert!(tree(&server.bucket()).is_empty(), "{says}: {:?}", tree(&server.bucket()).keys());
    }
    // A bucket that was copied to such a store has the marker already.
    refusing.rule(|_| Fate::Done);
    publish(&refusing.bills(), SMALL).await;
    refusing.rule(knows_no_conditions(501));
    let bill = BillPrefix::new(1, "acme", "2026-11", 3947).unwrap();
    let error = refusing.bills().publish(&bill, Staged::new(SMALL).path(), &head()).await.unwrap_err();
    assert!(error.to_string().contains("AWS S3, MinIO, Cloudflare R2"), "{error}");
    // The control.
    refusing.rule(|_| Fate::Done);
    refusing.bills().check_conditions().await.unwrap();
    assert_eq!(refusing.bills().publish(&bill, Staged::new(SMALL).path(), &head()).await.unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quirks_that_stores_have() {
    // Checksums are refused; 403 is the answer to requests for a key that does not exist; three requests of four are
    // answered 503.
    let refuses_checksums = Server::start().await;
    refuses_checksums.rule(|seen| {
        let is_checksum =
            |name: &str| name.starts_with("x-amz-checksum") || name.starts_with("x-amz-sdk-checksum");
        let has_one = seen.headers.keys().any(|name| is_checksum(name.as_str()) || name == "content-md5");
        if has_one { Fate::Refused(400) } else { Fate::Done }
    });
    let hides = Server::start().await;
    let bucket = hides.bucket().parent().unwrap().to_owned();
    hides.rule(move |seen| {
        let is_read = seen.method == Method::HEAD || seen.method == Method::GET && seen.uri.query().is_none();
        let path = bucket.join(seen.uri.path().trim_start_matches('/'));
        if is_read && !path.is_file() { Fate::Refused(403) } else { Fate::Done }
    });
    let slow = Server::start().await;
    let mut count = 0;
    slow.rule(move |_| {
        count += 1;
        if count % 4 == 0 { Fate::Done } else { Fate::Refused(503) }
    });
    for server in [refuses_checksums, hides, slow] {
        let bills = Bills::open(&format!("s3://{BUCKET}/bills"), &server.settings("10s")).unwrap();
        bills.check_conditions().await.unwrap();
        bills.writable(1, "acme").await.unwrap();
        assert_eq!(publish(&bills, LARGE).await, (1, true));
        assert_eq!(publish(&bills, LARGE).await, (1, false));
        // What an interrupted publication left is removed.
        object(&server, "bills/p1/acme/2026-10/3947/v2/bill.csv", b"half");
        assert_eq!(publish(&bills, LARGE).await, (1, false));
        assert_eq!(wrong(&server.october(), LARGE), [""; 0]);
        let key =
            bills.put_private("p1/7/ledgers/1.csv", &Staged::new(SMALL).file("bill.csv")).await.unwrap();
        let to = tempfile::NamedTempFile::new().unwrap();
        bills.fetch_private(&key, to.path()).await.unwrap();
        assert_eq!(std::fs::read(to.path()).unwrap(), files(SMALL)["bill.csv"]);
        assert_eq!(bills.read_index(1, "acme").await.unwrap().bytes(), None);
    }
}

/// A folder with a bill in it that is not ours to remove: of a customer whose folder was set before months were refused in
/// folders.
#[tokio::test]
async fn nothing_is_removed_but_files_of_bills_and_none_inside_a_bill() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    for (bills, root) in
        [(open(folder.path()), folder.path().to_owned()), (server.bills(), server.bucket().join("bills"))]
    {
        publish(&bills, SMALL).await;
        let v1 = root.join("p1/acme/2026-10/3947/v1");
        let copy = |to: &std::path::Path| {
            for (name, bytes) in tree(&v1) {
                std::fs::create_dir_all(to).unwrap();
                std::fs::write(to.join(name), bytes).unwrap();
            }
        };
        // A whole bill below a version that has no manifest, a bill that lies in another one, and files that no run writes.
        let october = root.join("p1/acme/2026-10/3947");
        copy(&october.join("v5/2026-10/9/v1"));
        for (name, bytes) in [("v3/notes.txt", "mine"), ("v3/bill.csv", "half"), ("v4/bill.csv", "half")] {
            std::fs::create_dir_all(october.join(name).parent().unwrap()).unwrap();
            std::fs::write(october.join(name), bytes).unwrap();
        }
        let nested = BillPrefix::new(1, "acme/2026-10/3947/v1", "2026-10", 9).unwrap();
        let begun = root.join(nested.of_version(1));
        std::fs::create_dir_all(&begun).unwrap();
        std::fs::write(begun.join("bill.csv"), "half").unwrap();
        let before = tree(&root);
        let error = bills.publish(&nested, Staged::new(SMALL).path(), &head()).await.unwrap_err();
        assert_eq!(kind(&error), "Invalid", "{error}");
        assert_eq!(tree(&root), before);

        assert_eq!(publish(&bills, SMALL).await, (1, false));
        let now = tree(&root);
        let gone: Vec<_> = before.keys().filter(|name| !now.contains_key(*name)).collect();
        assert_eq!(gone, ["p1/acme/2026-10/3947/v3/bill.csv", "p1/acme/2026-10/3947/v4/bill.csv"]);
    }
}
