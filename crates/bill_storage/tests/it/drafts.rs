//! Drafts: outside the folders of their customers until they are shown.

use crate::common::{LARGE, Made, OTHER, SMALL, Staged, files, head, kind, october, publish, tree, wrong_in};
use crate::folders::open;
use crate::s3::{BUCKET, Fate, Server, object};
use std::path::{Path, PathBuf};
use tenantry_bill_storage::Bills;

const OF_CUSTOMER: &str = "p1/acme/2026-10/3947";

/// A store of each kind, and its root on the disk.
async fn both() -> Vec<(Bills, PathBuf, Box<dyn std::any::Any>)> {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let (local, root) = (open(folder.path()), folder.path().to_owned());
    let (remote, bucket) = (server.bills(), server.bucket().join("bills"));
    vec![(local, root, Box::new(folder)), (remote, bucket, Box::new(server))]
}

async fn draft(bills: &Bills, made: Made) -> (u32, bool) {
    let staged = Staged::new(made);
    let published = bills.publish_draft(&october(), staged.path(), &head()).await.unwrap();
    assert_eq!(published.prefix, october().of_version(published.version));
    (published.version, published.written)
}

async fn show(bills: &Bills, version: u32) -> Result<(), tenantry_bill_storage::Error> {
    let scratch = tempfile::tempdir().unwrap();
    let shown = bills.show(&october(), version, scratch.path()).await;
    assert!(tree(scratch.path()).is_empty(), "nothing is left of the copies");
    shown
}

/// The prefixes of the bills in the store, all of which are whole.
async fn verified(bills: &Bills, folder: &str) -> Vec<String> {
    let report = bills.verify(folder).await.unwrap();
    assert!(report.is_good() && report.unfinished.is_empty(), "{report:?}");
    report.bills.into_iter().map(|bill| bill.prefix).collect()
}

#[tokio::test]
async fn a_draft_is_copied_to_its_customers_folder_when_it_is_shown() {
    for (bills, root, _guard) in both().await {
        let (shown, drafts) = (root.join(OF_CUSTOMER), root.join("_runs/drafts").join(OF_CUSTOMER));
        assert_eq!(draft(&bills, SMALL).await, (1, true));
        assert!(!root.join("p1").exists(), "nothing of a draft is below the partner's folders");
        assert_eq!(wrong_in(&drafts.join("v1"), SMALL), [""; 0]);
        // It is read as others are.
        assert_eq!(bills.latest(&october()).await.unwrap().unwrap().version, 1);
        assert_eq!(bills.manifest(&october(), 1).await.unwrap().files.len(), files(SMALL).len());
        let folder = tempfile::tempdir().unwrap();
        bills.fetch(&october(), 1, folder.path()).await.unwrap();
        assert_eq!(tree(folder.path()), files(SMALL));
        assert!(bills.open_file(&october(), 1, "manifest.json").await.is_ok());
        let missing = async |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            bills.missing("p1/acme", names).await.unwrap()
        };
        let [as_shown, as_draft] =
            [october().of_version(1), october().of_draft(1)].map(|prefix| prefix + "manifest.json");
        assert_eq!(missing(&[&as_shown, &as_draft]).await, [&*as_shown]);
        for folder in ["", "p1/acme", "p1/acme/2026-10/3947/v1"] {
            assert_eq!(verified(&bills, folder).await, [october().of_draft(1)], "{folder}");
        }

        for time in ["once", "twice"] {
            show(&bills, 1).await.unwrap();
            assert_eq!(wrong_in(&shown.join("v1"), SMALL), [""; 0], "{time}");
            assert_eq!(wrong_in(&drafts.join("v1"), SMALL), [""; 0], "{time}");
            let manifest = |area: &Path| std::fs::read(area.join("v1/manifest.json")).unwrap();
            assert_eq!(manifest(&shown), manifest(&drafts), "{time}");
        }
        assert_eq!(missing(&[&as_shown, &as_draft]).await, [""; 0]);
        assert_eq!(verified(&bills, "").await, [october().of_version(1)], "once");

        // The numbers are those of one bill, wherever its versions are.
        assert_eq!([draft(&bills, SMALL).await, publish(&bills, SMALL).await], [(1, false); 2]);
        assert_eq!(draft(&bills, OTHER).await, (2, true));
        assert_eq!(publish(&bills, OTHER).await, (2, false), "it is there, and has only to be shown");
        assert_eq!(publish(&bills, SMALL).await, (3, true));
        assert_eq!(draft(&bills, OTHER).await, (4, true));
        let versions = |area: &Path| std::fs::read_dir(area).unwrap().count();
        assert_eq!([versions(&shown), versions(&drafts)], [2, 3]);
        // What was published at once, as version 0.2 did with drafts, is there already.
        show(&bills, 3).await.unwrap();
        assert_eq!(missing(&[&(october().of_draft(3) + "manifest.json")]).await, [""; 0]);
        assert_eq!(kind(&show(&bills, 9).await.unwrap_err()), "NotFound");
    }
}

#[tokio::test]
async fn copies_that_were_interrupted_are_completed_and_other_files_are_not_replaced() {
    for (bills, root, _guard) in both().await {
        let v1 = root.join(OF_CUSTOMER).join("v1");
        draft(&bills, SMALL).await;
        std::fs::create_dir_all(&v1).unwrap();
        std::fs::write(v1.join("bill.csv"), &files(SMALL)["bill.csv"]).unwrap();
        // The next version does not take it for what an interrupted run has left.
        assert_eq!(draft(&bills, OTHER).await, (2, true));
        assert_eq!(tree(&v1).len(), 1);
        show(&bills, 1).await.unwrap();
        assert_eq!(wrong_in(&v1, SMALL), [""; 0]);

        let v2 = root.join(OF_CUSTOMER).join("v2");
        std::fs::create_dir_all(&v2).unwrap();
        std::fs::write(v2.join("statement.json"), "another file").unwrap();
        let error = show(&bills, 2).await.unwrap_err();
        assert!(error.to_string().contains("v2/statement.json: is not what the draft has"), "{error}");
        assert_eq!(std::fs::read(v2.join("statement.json")).unwrap(), b"another file");
        assert!(!v2.join("manifest.json").exists());
        assert_eq!(bills.manifest(&october(), 2).await.unwrap().version, 2, "the draft is read");
    }
}

/// A version that was begun in the one place is not continued in the other.
#[tokio::test]
async fn what_was_begun_in_one_place_keeps_its_number() {
    for (bills, root, _guard) in both().await {
        for (place, begun_as_draft) in
            [(OF_CUSTOMER.to_owned(), false), (format!("_runs/drafts/{OF_CUSTOMER}"), true)]
        {
            let v1 = root.join(place).join("v1");
            std::fs::create_dir_all(&v1).unwrap();
            std::fs::write(v1.join("bill.csv"), &files(SMALL)["bill.csv"]).unwrap();
            let published = match begun_as_draft {
                true => publish(&bills, SMALL).await,
                false => draft(&bills, SMALL).await,
            };
            assert_eq!(published, (2, true));
            assert!(tree(&v1).is_empty(), "it is removed once the next version is there");
            for place in ["p1", "_runs"] {
                std::fs::remove_dir_all(root.join(place)).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_draft_that_was_damaged_is_not_shown() {
    let server = Server::start().await;
    let bills = server.bills();
    draft(&bills, SMALL).await;
    object(&server, &format!("bills/_runs/drafts/{OF_CUSTOMER}/v1/bill.csv"), b"other bytes");
    assert_eq!(kind(&show(&bills, 1).await.unwrap_err()), "Corrupt");
    assert!(!server.october().join("v1/manifest.json").exists());
}

/// The client dies when its K-th request has arrived, before or after it is executed, for every K: the folder has no bill or all of
/// it, and a repetition completes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn showing_that_dies_at_any_request_is_completed() {
    for (made, least) in [(SMALL, 15), (LARGE, 18)] {
        for fate in [Fate::Lost, Fate::Unanswered] {
            let server = Server::start().await;
            let bills = Bills::open(&format!("s3://{BUCKET}/bills"), &server.settings("60s")).unwrap();
            draft(&bills, made).await;
            let (scratch, v1) = (tempfile::tempdir().unwrap(), server.october().join("v1"));
            let (mut deaths, mut partly) = (0, 0);
            for last in 1.. {
                server.rule(|_| Fate::Done);
                let _ = std::fs::remove_dir_all(server.october());
                let arrived = server.meet(last, fate);
                let showing = tokio::spawn({
                    let (bills, scratch) = (bills.clone(), scratch.path().to_owned());
                    async move { bills.show(&october(), 1, &scratch).await }
                });
                let abort = showing.abort_handle();
                tokio::select! {
                    ended = showing => {
                        ended.unwrap().unwrap();
                        break;
                    }
                    () = arrived.notified() => abort.abort(),
                }
                deaths += 1;
                server.rule(|_| Fate::Done);
                let there = tree(&v1);
                partly += usize::from(!there.is_empty() && !there.contains_key("manifest.json"));
                assert!(
                    !there.contains_key("manifest.json") || wrong_in(&v1, made).is_empty(),
                    "{fate:?} {last}: {:?}",
                    there.keys()
                );
                bills.show(&october(), 1, scratch.path()).await.unwrap();
                assert_eq!(wrong_in(&v1, made), [""; 0], "{fate:?} {last}");
            }
            // The control: it died in the midst of it, too.
            assert!(
                deaths >= least && partly >= 4,
                "{fate:?}: {deaths} deaths, {partly} with a part of the files"
            );
        }
    }
}
