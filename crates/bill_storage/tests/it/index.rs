//! `index.json`: replaced only by those who have read the current one.

use crate::folders::open;
use crate::s3::Server;

#[tokio::test]
async fn an_index_is_replaced_by_its_readers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    for (bills, root) in
        [(open(folder.path()), folder.path().to_owned()), (server.bills(), server.bucket().join("bills"))]
    {
        for (name, path) in [("acme", "p1/acme/index.json"), ("", "p1/index.json")] {
            let [first, late] =
                [bills.read_index(1, name).await.unwrap(), bills.read_index(1, name).await.unwrap()];
            assert_eq!(first.bytes(), None);
            let replace =
                async |read, bytes: &[u8]| bills.replace_index(1, name, read, bytes.to_vec()).await.unwrap();
            assert!(replace(&first, b"one").await);
            assert!(!replace(&late, b"late").await, "it was made meanwhile");
            let [first, late] =
                [bills.read_index(1, name).await.unwrap(), bills.read_index(1, name).await.unwrap()];
            assert_eq!(first.bytes(), Some(&b"one"[..]));
            assert!(replace(&first, b"two").await);
            assert!(!replace(&late, b"late").await, "it was replaced meanwhile");
            assert_eq!(std::fs::read(root.join(path)).unwrap(), b"two", "{path}");
        }
    }
}

/// Twenty writers who each add a line end with twenty lines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_of_an_index_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    for bills in [open(folder.path()), server.bills()] {
        let writers = (0..20u8).map(|line| {
            let bills = bills.clone();
            tokio::spawn(async move {
                loop {
                    let read = bills.read_index(1, "acme").await.unwrap();
                    let mut bytes = read.bytes().unwrap_or_default().to_vec();
                    bytes.push(line);
                    if bills.replace_index(1, "acme", &read, bytes).await.unwrap() {
                        return;
                    }
                }
            })
        });
        futures_util::future::join_all(writers).await.into_iter().for_each(Result::unwrap);
        let mut lines = bills.read_index(1, "acme").await.unwrap().bytes().unwrap().to_vec();
        lines.sort_unstable();
        assert_eq!(lines, (0..20).collect::<Vec<_>>());
    }
}
