//! Bills that are not what was billed.

use crate::common::{LARGE, SMALL, Staged, files, head, october};
use crate::folders::open;
use crate::s3::Server;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tenantry_bill_storage::{BillPrefix, Bills, Total};

/// Publishes these files, and gives what is wrong with them.
async fn faults(files: BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let (staged, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, bytes) in files {
        fs::write(staged.path().join(name), bytes).unwrap();
    }
    let bills = open(folder.path());
    bills.publish(&october(), staged.path(), &head()).await.unwrap();
    let report = bills.verify("").await.unwrap();
    assert_eq!(report.bills.len(), 1);
    report.bills.into_iter().next().unwrap().faults
}

#[tokio::test]
async fn sums_are_compared_to_the_last_digit() {
    let change = |name: &str, from: &str, to: &str| {
        let mut files = files(SMALL);
        let text = String::from_utf8(files[name].clone()).unwrap();
        assert!(text.contains(from), "{text}");
        files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
        files
    };
    let without = |name: &str| {
        let mut files = files(SMALL);
        files.remove(name);
        files
    };
    for (changed, says) in [
        (files(SMALL), ""),
        (files(LARGE), ""),
        (change("bill.csv", "12.34", "12.340000000000000000"), ""),
        (
            change("bill.csv", "12.34", "12.340000000000000001"),
            "bill.csv adds up to 37.020000000000000001 USD, bill.focus.csv to 37.02 USD",
        ),
        (change("bill.csv", "12.34", "1.234e1"), "bill.csv: line 2: Charge \"1.234e1\" is no decimal"),
        (
            change("bill.csv", ",USD", ",EUR"),
            "bill.csv adds up to 12.34 EUR + 24.68 USD, bill.focus.csv to 37.02 USD",
        ),
        (change("bill.csv", "Charge,", "Price,"), "bill.csv: has no column Charge"),
        (change("bill.csv", "Product", "\u{feff}Product"), ""),
        (
            change("bill.focus.csv", "12.34", "12.33"),
            "bill.csv adds up to 37.02 USD, bill.focus.csv to 37.01 USD",
        ),
        (change("bill.focus.csv", "12.34", "12.34,0"), "bill.focus.csv: CSV error: record 1 (line: 2"),
        (change("statement.json", "37.02", "37.020"), ""),
        (
            change("statement.json", "37.02", "37.019999999999999999"),
            "the statement says 37.019999999999999999",
        ),
        (change("statement.json", "37.02", "null"), "statement.json: total_amount \"null\" is no decimal"),
        (change("statement.json", "total_amount", "total"), "statement.json: missing field `total_amount`"),
        (change("statement.json", "37.02}", "37.02"), "statement.json: EOF"),
        (without("statement.json"), "bill.csv, bill.focus.csv and statement.json are not all there"),
        (without("bill.focus.csv"), "bill.csv, bill.focus.csv and statement.json are not all there"),
        (without("bill.csv"), "bill.csv, bill.focus.csv and statement.json are not all there"),
        (without("statement.html"), ""),
    ] {
        let found = faults(changed).await;
        assert_eq!(found.is_empty(), says.is_empty(), "{says}: {found:?}");
        assert!(found.iter().all(|fault| fault.contains(says)), "{says}: {found:?}");
    }
}

#[tokio::test]
async fn a_currency_of_its_own_has_files_of_its_own() {
    let mut both: BTreeMap<_, _> = files(SMALL);
    for (name, bytes) in files(SMALL) {
        let text = String::from_utf8(bytes).unwrap().replace("USD", "EUR");
        let (first, rest) = name.split_once('.').unwrap();
        both.insert(format!("{first}.EUR.{rest}"), text.into_bytes());
    }
    assert_eq!(faults(both.clone()).await, [""; 0]);
    both.remove("statement.EUR.json");
    assert_eq!(faults(both).await, ["bill.csv, bill.focus.csv and statement.json in EUR are not all there"]);
}

/// A manifest names files, and leads nowhere else: not in verifying, and not in fetching, which writes what it reads.
#[tokio::test]
async fn a_manifest_leads_out_of_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let bills = open(folder.path());
    bills.publish(&october(), Staged::new(SMALL).path(), &head()).await.unwrap();
    let manifest = folder.path().join("p1/acme/2026-10/3947/v1/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(folder.path().join("p1/acme/2026-10/3947/statement.html"), "x").unwrap();
    for name in [
        "../statement.html",
        "/etc/hostname",
        "a/../statement.html",
        "..",
        "",
        "a\\b",
        ".hidden",
        "manifest.json",
    ] {
        let changed = text.replace("\"statement.html\"", &serde_json::to_string(name).unwrap());
        assert_ne!(changed, text);
        fs::write(&manifest, changed).unwrap();
        let report = bills.verify("").await.unwrap();
        let says = format!("names {name:?}, which is not the name of a bill's file");
        assert!(report.bills[0].faults[0].contains(&says), "{report:?}");
        let to = tempfile::tempdir().unwrap();
        let error = bills.fetch(&october(), 1, &to.path().join("in")).await.unwrap_err();
        assert!(error.to_string().contains(&says), "{error}");
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    }
    fs::write(&manifest, text).unwrap();
    assert!(bills.verify("").await.unwrap().is_good());
}

/// Published in a folder and in an S3, then changed behind everybody's back.
#[tokio::test]
async fn what_was_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    for (bills, root) in
        [(open(folder.path()), folder.path().to_owned()), (server.bills(), server.bucket().join("bills"))]
    {
        for customer in 1..=9 {
            let bill = BillPrefix::new(1, "acme", "2026-10", customer).unwrap();
            bills.publish(&bill, Staged::new(SMALL).path(), &head()).await.unwrap();
        }
        let good = bills.verify("").await.unwrap();
        assert!(good.is_good() && good.bills.len() == 9 && good.unfinished.is_empty(), "{good:?}");
        let total = Total { currency: "USD".into(), charge: "37.02".into() };
        assert_eq!(good.bills[0].totals, [total]);
        assert_eq!((good.bills[0].files, &*good.bills[0].prefix), (4, "p1/acme/2026-10/1/v1/"));

        let at = |customer: u32, name: &str| root.join(format!("p1/acme/2026-10/{customer}/v1/{name}"));
        let flip = |path: &Path| {
            let mut bytes = fs::read(path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            fs::write(path, bytes).unwrap();
        };
        flip(&at(1, "statement.html"));
        fs::write(at(2, "bill.csv"), "Charge\n").unwrap();
        fs::remove_file(at(3, "bill.focus.csv")).unwrap();
        fs::write(at(4, "bill.extra.csv"), "").unwrap();
        fs::remove_file(at(5, "manifest.json")).unwrap();
        fs::write(at(6, "manifest.json"), "{").unwrap();
        fs::copy(at(8, "manifest.json"), at(7, "manifest.json")).unwrap();
        let report = bills.verify("p1/acme").await.unwrap();
        let found: Vec<(&str, &str)> = report
            .bills
            .iter()
            .map(|bill| (&*bill.prefix, bill.faults.first().map_or("", |fault| &**fault)))
            .collect();
        for (customer, says) in [
            (1, "statement.html: is not what the manifest says (SHA-256)"),
            (2, "bill.csv: has 7 bytes, the manifest says 112"),
            (3, "bill.focus.csv is not there"),
            (4, "bill.extra.csv is not in the manifest"),
            (6, "manifest.json: EOF while parsing"),
            (7, "the manifest is that of 2026-10/8/v1/"),
            (8, ""),
            (9, ""),
        ] {
            let prefix = format!("p1/acme/2026-10/{customer}/v1/");
            let fault = found.iter().find(|(at, _)| *at == prefix).unwrap().1;
            assert!(fault.contains(says) && says.is_empty() == fault.is_empty(), "{customer}: {fault}");
        }
        assert_eq!(report.unfinished, ["p1/acme/2026-10/5/v1/"]);
        assert!(!report.is_good());
    }
    // A single bill's own folder, as root.
    let root = format!("file:{}/p1/acme/2026-10/9/v1", folder.path().display());
    let report = Bills::open(&root, &Default::default()).unwrap().verify("").await.unwrap();
    assert!(report.is_good() && report.bills.len() == 1 && report.bills[0].prefix.is_empty());
    let serialised = serde_json::to_value(&report).unwrap();
    assert_eq!(serialised["bills"][0]["totals"][0]["charge"], "37.02");
}
