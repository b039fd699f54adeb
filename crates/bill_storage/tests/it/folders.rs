//! What is particular to a folder on a disk.

use crate::common::{LARGE, SMALL, Staged, head, kind, october, tree, wrong};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tenantry_bill_storage::{Bills, Settings};

pub(crate) fn open(folder: &Path) -> Bills {
    Bills::open(&format!("file:{}", folder.display()), &Settings::default()).unwrap()
}

#[tokio::test]
async fn staged_files_on_the_same_disk_become_the_bills() {
    let disk = tempfile::tempdir().unwrap();
    let staged = Staged::within(LARGE, disk.path());
    open(&disk.path().join("bills")).publish(&october(), staged.path(), &head()).await.unwrap();
    let v1 = disk.path().join("bills/acme/2026-10/3947/v1");
    for name in ["bill.csv", "bill.focus.csv", "statement.json", "statement.html"] {
        let inode = |path: &Path| path.metadata().unwrap().ino();
        assert_eq!(inode(&v1.join(name)), inode(&staged.file(name)), "{name}");
    }
}

#[tokio::test]
async fn staged_files_on_another_disk_are_copied() {
    let (disk, other) = (tempfile::tempdir().unwrap(), Path::new("/dev/shm"));
    assert_ne!(disk.path().metadata().unwrap().dev(), other.metadata().unwrap().dev(), "one disk only");
    for made in [SMALL, LARGE] {
        let staged = Staged::within(made, other);
        let bills = disk.path().join(made.wide.to_string());
        open(&bills).publish(&october(), staged.path(), &head()).await.unwrap();
        let customer = bills.join("acme/2026-10/3947");
        assert_eq!(wrong(&customer, made), [""; 0]);
        // Others may read it, if the umask lets them.
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&customer.join("v1/bill.csv")), mode(&staged.file("bill.csv")));
        assert_eq!(mode(&customer.join("v1/manifest.json")), mode(&staged.file("bill.csv")));
    }
}

#[tokio::test]
async fn relative_roots_and_links() {
    let disk = tempfile::tempdir().unwrap();
    let real = disk.path().join("real");
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, disk.path().join("link")).unwrap();
    for (root, is) in [("link/x", "real/x"), ("link/../y", "y"), ("real/./z/", "real/z"), ("/a//b", "a/b")] {
        let staged = Staged::new(SMALL);
        let bills = open(&disk.path().join(root.trim_start_matches('/')));
        bills.publish(&october(), staged.path(), &head()).await.unwrap();
        assert_eq!(wrong(&disk.path().join(is).join("acme/2026-10/3947"), SMALL), [""; 0], "{root}");
    }
    let root = format!("file:{}/none/../x", disk.path().display());
    assert_eq!(kind(&Bills::open(&root, &Settings::default()).unwrap_err()), "Invalid");
    assert_eq!(kind(&Bills::open("file:", &Settings::default()).unwrap_err()), "Invalid");
    let url = format!("file://{}/url", disk.path().display());
    Bills::open(&url, &Settings::default()).unwrap().writable("").await.unwrap();
}

#[tokio::test]
async fn looking_makes_nothing() {
    let disk = tempfile::tempdir().unwrap();
    let bills = open(&disk.path().join("not/there"));
    assert_eq!(bills.latest(&october()).await.unwrap(), None);
    assert!(bills.verify("").await.unwrap().bills.is_empty());
    bills.writable("acme").await.unwrap();
    assert_eq!(kind(&bills.manifest(&october(), 1).await.unwrap_err()), "NotFound");
    assert!(tree(disk.path()).is_empty() && !disk.path().join("not").exists());
}
