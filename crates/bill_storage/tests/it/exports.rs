//! Whole exports in an object store.

use crate::s3::{BUCKET, Fate, Server, object};
use http::Method;
use tenantry_bill_storage::{Error, Exports};

const MANIFEST: &str = "manifest.json";
const FOLDER: &str = "2026-10/G1/v1/usage";

fn exports(server: &Server) -> Exports {
    Exports::open(&format!("s3://{BUCKET}/fetched"), &server.settings("400ms")).unwrap()
}

#[tokio::test]
async fn a_folder_is_whole_when_its_manifest_is_there() {
    let server = Server::start().await;
    let exports = exports(&server);
    let local = tempfile::tempdir().unwrap();
    for (name, bytes) in [(MANIFEST, "{}"), ("part-0.json.gz", "12345"), ("part-1.json.gz", "123")] {
        std::fs::write(local.path().join(name), bytes).unwrap();
    }
    // What an interrupted try has left of other bytes.
    object(&server, &format!("fetched/{FOLDER}/part-0.json.gz"), b"other");
    assert_eq!(exports.whole(FOLDER, MANIFEST).await.unwrap(), None);
    let (seen, told) = std::sync::mpsc::channel();
    server.rule(move |request| {
        if request.method == Method::PUT {
            seen.send(request.uri.path().rsplit('/').next().unwrap().to_owned()).unwrap();
        }
        Fate::Done
    });
    exports.put(local.path(), FOLDER, MANIFEST).await.unwrap();
    let puts: Vec<String> = told.try_iter().collect();
    assert_eq!(puts.last().map(String::as_str), Some(MANIFEST), "{puts:?}");
    assert_eq!(exports.whole(FOLDER, MANIFEST).await.unwrap(), Some(8));
    let bytes = std::fs::read(server.bucket().join(format!("fetched/{FOLDER}/part-0.json.gz"))).unwrap();
    assert_eq!(bytes, b"12345");
    assert_eq!(exports.source(FOLDER), format!("s3://{BUCKET}/fetched/{FOLDER}"));

    // What is whole stays as it is.
    std::fs::write(local.path().join("part-0.json.gz"), "another").unwrap();
    exports.put(local.path(), FOLDER, MANIFEST).await.unwrap();
    assert_eq!((told.try_iter().count(), exports.whole(FOLDER, MANIFEST).await.unwrap()), (0, Some(8)));
}

#[tokio::test]
async fn a_store_that_refuses_leaves_no_manifest() {
    let server = Server::start().await;
    let exports = exports(&server);
    let local = tempfile::tempdir().unwrap();
    std::fs::write(local.path().join(MANIFEST), "{}").unwrap();
    std::fs::write(local.path().join("part-0.json.gz"), "12345").unwrap();
    server.rule(|request| match request.method == Method::PUT {
        true => Fate::Refused(403),
        false => Fate::Done,
    });
    let refused = exports.put(local.path(), FOLDER, MANIFEST).await.unwrap_err();
    assert!(matches!(refused, Error::Denied(_)), "{refused:?}");
    server.rule(|_| Fate::Done);
    assert_eq!(exports.whole(FOLDER, MANIFEST).await.unwrap(), None);
    for root in ["file:data", "data", "ftp://x/y"] {
        assert!(Exports::open(root, &server.settings("400ms")).is_err(), "{root}");
    }
}
