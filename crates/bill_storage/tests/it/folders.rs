//! Folders on a disk: links, copies, permissions.

use crate::common::{LARGE, SMALL, Staged, head, kind, october, tree, wrong};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tenantry_bill_storage::{Bills, Exposed, Settings};

pub(crate) fn open(folder: &Path) -> Bills {
    Bills::open(&format!("file:{}", folder.display()), &Settings::default()).unwrap()
}

#[tokio::test]
async fn staged_files_on_the_same_disk_become_the_bills() {
    let disk = tempfile::tempdir().unwrap();
    let staged = Staged::within(LARGE, disk.path());
    open(&disk.path().join("bills")).publish(&october(), staged.path(), &head()).await.unwrap();
    let v1 = disk.path().join("bills/p1/acme/2026-10/3947/v1");
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
        let customer = bills.join("p1/acme/2026-10/3947");
        assert_eq!(wrong(&customer, made), [""; 0]);
    }
}

/// Bills and ledgers are for the server's user alone, whatever the umask and the staged files are.
#[tokio::test]
async fn only_the_owner_can_read_bills_and_ledgers() {
    let disk = tempfile::tempdir().unwrap();
    let root = disk.path().join("bills");
    let bills = open(&root);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for folder in [disk.path(), Path::new("/dev/shm")] {
        let staged = Staged::within(SMALL, folder);
        for name in tree(staged.path()).into_keys() {
            std::fs::set_permissions(staged.file(&name), Permissions::from_mode(0o644)).unwrap();
        }
        bills.put_private("p1/7/ledgers/1.csv", &staged.file("bill.csv")).await.unwrap();
        bills.publish(&october(), staged.path(), &head()).await.unwrap();
        let index = bills.read_index(1, "acme").await.unwrap();
        assert!(bills.replace_index(1, "acme", &index, b"{}".into()).await.unwrap());
        for name in tree(&root).into_keys() {
            assert_eq!(mode(&root.join(&name)), 0o600, "{name}");
            for above in Path::new(&name).ancestors().skip(1) {
                assert_eq!(mode(&root.join(above)), 0o700, "{}", above.display());
            }
        }
        assert_eq!(bills.exposed().unwrap(), Exposed::default());
    }
    // The control: what an earlier version has written is found.
    let bill = root.join("p1/acme/2026-10/3947/v1/bill.csv");
    std::fs::set_permissions(&bill, Permissions::from_mode(0o640)).unwrap();
    std::fs::set_permissions(root.join("_runs"), Permissions::from_mode(0o755)).unwrap();
    let exposed = bills.exposed().unwrap();
    assert!(exposed.count == 2 && exposed.examples.contains(&bill), "{exposed:?}");
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
        assert_eq!(wrong(&disk.path().join(is).join("p1/acme/2026-10/3947"), SMALL), [""; 0], "{root}");
    }
    let root = format!("file:{}/none/../x", disk.path().display());
    assert_eq!(kind(&Bills::open(&root, &Settings::default()).unwrap_err()), "Invalid");
    assert_eq!(kind(&Bills::open("file:", &Settings::default()).unwrap_err()), "Invalid");
    let url = format!("file://{}/url", disk.path().display());
    Bills::open(&url, &Settings::default()).unwrap().writable(1, "").await.unwrap();
}

#[tokio::test]
async fn looking_makes_nothing() {
    let disk = tempfile::tempdir().unwrap();
    let bills = open(&disk.path().join("not/there"));
    assert_eq!(bills.latest(&october()).await.unwrap(), None);
    assert!(bills.verify("").await.unwrap().bills.is_empty());
    bills.writable(1, "acme").await.unwrap();
    assert_eq!(kind(&bills.manifest(&october(), 1).await.unwrap_err()), "NotFound");
    assert!(tree(disk.path()).is_empty() && !disk.path().join("not").exists());
}
