//! Invoices that are brought here.

use crate::common::{kind, tree};
use crate::s3::{Fate, Server, object};
use http::{Method, header};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenantry_bill_storage::{Allowed, Error, Settings, Spooled, spool};

fn allowed(folder: &Path) -> Allowed {
    Allowed { folder: Some(folder.to_owned()), max_bytes: 1 << 30, settings: Settings::default() }
}

/// No answer is held back here, so no limit is short: the server of the test needs its time on a busy machine, 12 MB at a time.
fn from(server: &Server) -> Allowed {
    Allowed { folder: None, max_bytes: 1 << 30, settings: server.settings("60s") }
}

async fn bring(source: &str, allowed: &Allowed, to: &Path) -> Result<Spooled, Error> {
    spool(source, allowed, to, &|_, _| true).await
}

#[tokio::test]
async fn files_are_read_in_place_and_only_below_the_folder() {
    let disk = tempfile::tempdir().unwrap();
    let disk = &disk.path().canonicalize().unwrap();
    let folder = disk.join("invoices");
    std::fs::create_dir_all(folder.join("export/deep")).unwrap();
    std::fs::create_dir_all(disk.join("private")).unwrap();
    for (name, bytes) in [
        ("invoices/october.csv", "12345"),
        ("invoices/export/manifest.json", "123"),
        ("invoices/export/deep/part-0.json.gz", "1234"),
        ("private/ledger.csv", "secret"),
    ] {
        std::fs::write(disk.join(name), bytes).unwrap();
    }
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, disk.join(name)).unwrap();
    link(&disk.join("private/ledger.csv"), "invoices/leads-out.csv");
    link(&disk.join("private"), "invoices/leads-out");
    link(&folder.join("october.csv"), "invoices/stays-in.csv");
    std::fs::create_dir(folder.join("trap")).unwrap();
    link(&disk.join("private/ledger.csv"), "invoices/trap/part.csv");
    std::fs::create_dir(folder.join("loop")).unwrap();
    link(&folder.join("loop"), "invoices/loop/again");
    let nothing = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
    assert!(nothing.success());
    link(&folder, "also-invoices");

    let absolute = |name: &str| format!("file:{}", disk.join(name).display());
    for (source, found) in [
        ("file:october.csv", Ok(("october.csv", 5))),
        ("file:./export/", Ok(("export", 7))),
        ("file:stays-in.csv", Ok(("october.csv", 5))),
        (&absolute("invoices/october.csv"), Ok(("october.csv", 5))),
        (&absolute("also-invoices/october.csv"), Ok(("october.csv", 5))),
        (&format!("file://{}", folder.join("october.csv").display()), Ok(("october.csv", 5))),
        (&absolute("private/ledger.csv"), Err("Invalid")),
        (&absolute("private/none"), Err("Invalid")),
        (&absolute("invoices/../private/ledger.csv"), Err("Invalid")),
        ("file:../private/ledger.csv", Err("Invalid")),
        ("file:export/../../private/ledger.csv", Err("Invalid")),
        ("file:leads-out.csv", Err("Invalid")),
        ("file:leads-out/ledger.csv", Err("Invalid")),
        ("file:leads-out", Err("Invalid")),
        ("file:trap", Err("Invalid")),
        ("file:loop", Err("Invalid")),
        ("file:pipe", Err("Invalid")),
        ("file:/etc/hostname", Err("Invalid")),
        ("file:none.csv", Err("NotFound")),
        ("october.csv", Err("Invalid")),
        ("https://example.com/october.csv", Err("Invalid")),
        ("", Err("Invalid")),
    ] {
        let allowed = allowed(&disk.join("also-invoices"));
        let brought = bring(source, &allowed, Path::new("/nowhere")).await;
        let brought =
            brought.as_ref().map(|s| (s.path.strip_prefix(&folder).unwrap().to_str().unwrap(), s.bytes));
        assert_eq!(brought.map_err(kind), found, "{source}");
    }
    let off = Allowed { folder: None, ..allowed(disk) };
    let error = bring("file:october.csv", &off, disk).await.unwrap_err();
    assert!(error.to_string().contains("switched off"), "{error}");
    let small = Allowed { max_bytes: 6, ..allowed(&folder) };
    assert_eq!(kind(&bring("file:export", &small, disk).await.unwrap_err()), "TooLarge");
    assert!(bring("file:october.csv", &small, disk).await.is_ok());
}

#[tokio::test]
async fn objects_and_folders_of_objects_are_brought_here() {
    let server = Server::start().await;
    let big: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    object(&server, "in/october.csv.gz", &big);
    object(&server, "in/export/manifest.json", b"{}");
    object(&server, "in/export/part-0.json.gz", &big);
    object(&server, "in/exports/other", b"not of the folder");
    let disk = tempfile::tempdir().unwrap();
    let to = disk.path().join("made/when/needed");
    let seen = Mutex::new(Vec::new());
    for _ in 0..2 {
        let progress = |here, total| {
            seen.lock().unwrap().push((here, total));
            true
        };
        let spooled = spool("s3://invoices/in/october.csv.gz", &from(&server), &to, &progress).await.unwrap();
        assert_eq!((spooled.path.clone(), spooled.bytes), (to.join("october.csv.gz"), big.len() as u64));
        assert_eq!(spooled.name, "s3://invoices/in/october.csv.gz");
        assert!(std::fs::read(spooled.path).unwrap() == big);
    }
    let seen = seen.into_inner().unwrap();
    assert!(seen.len() > 4 && seen.iter().all(|(here, total)| here <= total && *total == big.len() as u64));

    // What an earlier try left is not part of it.
    std::fs::create_dir_all(to.join("export")).unwrap();
    std::fs::write(to.join("export/part-1.json.gz"), "old").unwrap();
    for source in ["s3://invoices/in/export", "s3://invoices/in/export/"] {
        let spooled = bring(source, &from(&server), &to).await.unwrap();
        assert_eq!((spooled.path.clone(), spooled.bytes), (to.join("export"), big.len() as u64 + 2));
        let names: Vec<_> = tree(&spooled.path).into_keys().collect();
        assert_eq!(names, ["manifest.json", "part-0.json.gz"]);
    }

    for (source, refused) in [
        ("s3://invoices/in/none.csv", "NotFound"),
        ("s3://nowhere/in/october.csv", "NotFound"),
        ("s3://invoices/in/../x", "Invalid"),
        ("s3://invoices", "Invalid"),
        ("s3://invoices/", "Invalid"),
        ("s3:///in", "Invalid"),
        ("s3://INVOICES/in", "Invalid"),
        ("s3://in@voices/in", "Invalid"),
    ] {
        assert_eq!(kind(&bring(source, &from(&server), &to).await.unwrap_err()), refused, "{source}");
    }
    let small = Allowed { max_bytes: big.len() as u64, ..from(&server) };
    assert!(bring("s3://invoices/in/october.csv.gz", &small, &to).await.is_ok());
    assert_eq!(kind(&bring("s3://invoices/in/export", &small, &to).await.unwrap_err()), "TooLarge");

    let stops = |here: u64, _| here < 1_000_000;
    let error = spool("s3://invoices/in/october.csv.gz", &from(&server), &to, &stops).await.unwrap_err();
    assert_eq!(kind(&error), "Cancelled");
}

/// A connection that ends half-way is taken up where it ended; one that always does is no whole file.
#[tokio::test]
async fn half_of_a_file_is_never_taken_for_a_whole() {
    let server = Server::start().await;
    let bytes: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    object(&server, "october.csv", &bytes);
    let disk = tempfile::tempdir().unwrap();
    let ranges = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = ranges.clone();
    let mut cuts = 3;
    server.rule(move |seen| {
        counted.fetch_add(usize::from(seen.headers.contains_key(header::RANGE)), Ordering::SeqCst);
        if seen.method == Method::GET && seen.uri.query().is_none() && cuts > 0 {
            cuts -= 1;
            return Fate::Cut;
        }
        Fate::Done
    });
    let spooled = bring("s3://invoices/october.csv", &from(&server), disk.path()).await.unwrap();
    assert!(std::fs::read(spooled.path).unwrap() == bytes);
    assert!(ranges.load(Ordering::SeqCst) >= 3, "it began anew");

    // Exchanged for another file of the same length while it is read.
    let path = server.bucket().join("october.csv");
    let other = vec![7; bytes.len()];
    let mut cut = true;
    server.rule(move |seen| {
        if seen.method == Method::GET && std::mem::take(&mut cut) {
            return Fate::Cut;
        }
        if seen.headers.contains_key(header::RANGE) {
            std::fs::write(&path, &other).unwrap();
        }
        Fate::Done
    });
    let error = bring("s3://invoices/october.csv", &from(&server), disk.path()).await.unwrap_err();
    assert!(["Corrupt", "Unavailable"].contains(&kind(&error)), "{error}");

    // And between the list and the reading.
    object(&server, "export/part", &bytes);
    let path = server.bucket().join("export/part");
    server.rule(move |seen| {
        if seen.method == Method::GET && seen.uri.path().ends_with("part") {
            std::fs::write(&path, "exchanged").unwrap();
        }
        Fate::Done
    });
    let error = bring("s3://invoices/export/", &from(&server), disk.path()).await.unwrap_err();
    assert_eq!(kind(&error), "Corrupt", "{error}");
}
