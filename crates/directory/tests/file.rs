//! A directory in a file that changes while it is used.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

use domain::AzureCustomerId;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tenantry_directory::{Cursor, Error, FileDirectory, Outcome, PAGE_SIZE};

/// Puts a file in the place of another at once, as careful programs do.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, path).unwrap();
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenants.csv");
    (folder, path)
}

async fn name(directory: &FileDirectory, id: &str) -> Result<Option<String>, Error> {
    let found = directory.find(&AzureCustomerId::parse(id).unwrap()).await?;
    Ok(found.map(|tenant| tenant.name))
}

fn named(name: &str) -> Result<Option<String>, Error> {
    Ok(Some(name.to_owned()))
}

#[tokio::test]
async fn read_again_when_it_changes() {
    let (_folder, path) = place();
    let directory = FileDirectory::new(&path);
    assert!(matches!(name(&directory, "1").await, Err(Error::Unreachable { .. })));

    replace(&path, "Microsoft ID,Company name\nA-1,Contoso\n");
    assert_eq!(name(&directory, "a-1").await, named("Contoso"));
    assert_eq!(name(&directory, "2").await, Ok(None));
    // Of the same length.
    replace(&path, "Microsoft ID,Company name\nA-1,Litware\n");
    assert_eq!(name(&directory, "A-1").await, named("Litware"));
    // In place.
    fs::write(&path, r#"[{"id": "2", "name": "Fabrikam"}]"#).unwrap();
    assert_eq!(name(&directory, "2").await, named("Fabrikam"));
    assert_eq!(name(&directory, "a-1").await, Ok(None));
    assert_eq!(directory.problem().await, None);
}

#[tokio::test]
async fn while_the_new_one_is_broken_the_old_one_is_used() {
    let (_folder, path) = place();
    let directory = FileDirectory::new(&path);
    replace(&path, "id,name\n1,Contoso\n");
    assert_eq!(name(&directory, "1").await, named("Contoso"));

    for (broken, said) in [
        ("id,name\n1,Con, toso\n", "tenants.csv, line 2, column 3: the line has 3 fields"),
        ("[{\"id\": \"1\"", "tenants.csv, line 1, column 11: EOF"),
        ("", "line 1, column 1: the file is empty"),
    ] {
        replace(&path, broken);
        assert_eq!(name(&directory, "1").await, named("Contoso"), "{broken}");
        let problem = directory.problem().await.unwrap();
        assert!(matches!(&problem, Error::Invalid(why) if why.contains(said)), "{problem}");
        let report = directory.check().await;
        assert!(
            !report.works() && report.to_string().contains("the 1 tenants of before are still used"),
            "{report}"
        );
        // The control: who never had another one has nothing.
        assert_eq!(FileDirectory::new(&path).page(None).await, Err(problem));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(name(&directory, "1").await, named("Contoso"));
    assert!(matches!(directory.problem().await, Some(Error::Unreachable { .. })));

    replace(&path, "id,name\n1,Litware\n");
    assert_eq!(name(&directory, "1").await, named("Litware"));
    assert_eq!(directory.problem().await, None);
}

#[tokio::test]
async fn pages_go_on_where_they_ended_whatever_happens_to_the_file() {
    let (_folder, path) = place();
    let directory = FileDirectory::new(&path);
    let list = |numbers: std::ops::Range<usize>| {
        numbers.fold("id\n".to_owned(), |list, number| list + &format!("t{number:04}\n"))
    };
    replace(&path, &list(0..1200));
    let first = directory.page(None).await.unwrap();
    let cursor = Cursor::from_stored(first.next.unwrap().as_str().to_owned());
    assert_eq!(first.tenants.len(), PAGE_SIZE);

    // The tenant the cursor names is gone.
    replace(&path, &list(600..1100));
    let second = directory.page(Some(&cursor)).await.unwrap();
    assert_eq!((second.tenants.len(), second.next), (PAGE_SIZE, None));
    assert_eq!(second.tenants[0].azure_customer_id.as_str(), "t0600");

    let foreign = Cursor::from_stored("2:500,/+=".to_owned());
    assert!(matches!(directory.page(Some(&foreign)).await, Err(Error::StartOver { .. })));
    assert!(matches!(FileDirectory::new("/").page(None).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn many_tenants() {
    let (_folder, path) = place();
    let list: Vec<String> = (0..20_000)
        .map(|number| {
            format!(
                r#"{{"azure_customer_id": "t{number}", "name": "Contoso {number}", "address": {{"street1": "1 Main St",
                "city": "Sydney", "state": "NSW", "zipcode": "2000", "country": "AU"}}}}"#
            )
        })
        .collect();
    replace(&path, &format!("[{}]", list.join(",")));
    let directory = FileDirectory::new(&path);
    assert_eq!(name(&directory, "t19999").await, named("Contoso 19999"));
    let report = directory.check().await;
    assert_eq!(
        report.steps[1].outcome,
        Outcome::Works("20000 of 20000 tenants have one that can be used".to_owned())
    );
}
