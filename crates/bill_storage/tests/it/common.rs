//! Staged bills, and looks at what became of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tenantry_bill_storage::{BillPrefix, Bills, Error, ManifestHead};

/// October's bills of customer 3947, in the folder `acme`.
pub(crate) fn october() -> BillPrefix {
    BillPrefix::new(1, "acme", "2026-10", 3947).unwrap()
}

pub(crate) fn head() -> ManifestHead {
    ManifestHead { generated_at: 1_793_000_000, ..ManifestHead::default() }
}

/// What a test publishes: a bill of so many lines, each of `amount` hundredths.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) lines: usize,
    pub(crate) amount: i64,
    /// How long a line's name is, to make a bill large.
    pub(crate) wide: usize,
}

pub(crate) const SMALL: Made = Made { lines: 3, amount: 1234, wide: 10 };
pub(crate) const OTHER: Made = Made { amount: 999, ..SMALL };
/// More than one part of an upload.
pub(crate) const LARGE: Made = Made { lines: 9_000, amount: 7, wide: 1_000 };

/// A staged folder.
pub(crate) struct Staged(pub(crate) TempDir);

impl Staged {
    pub(crate) fn new(made: Made) -> Self {
        Staged::within(made, &std::env::temp_dir())
    }

    pub(crate) fn within(made: Made, folder: &Path) -> Self {
        let staged = tempfile::tempdir_in(folder).unwrap();
        for (name, bytes) in files(made) {
            fs::write(staged.path().join(name), bytes).unwrap();
        }
        Staged(staged)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

pub(crate) fn files(Made { lines, amount, wide }: Made) -> BTreeMap<String, Vec<u8>> {
    let decimal = |hundredths: i64| format!("{}.{:02}", hundredths / 100, hundredths % 100);
    let name = "x".repeat(wide);
    let (mut csv, mut focus) = ("ProductName,Charge,ChargeCurrency\n".to_owned(), String::new());
    focus.push_str("BillingCurrency,ChargeDescription,BilledCost\n");
    for line in 0..lines {
        writeln!(csv, "\"{name}, {line}\",{},USD", decimal(amount)).unwrap();
        writeln!(focus, "USD,{line},{}", decimal(amount)).unwrap();
    }
    let total = decimal(amount * i64::try_from(lines).unwrap());
    let statement = format!(
        r#"{{"customer_id": 3947, "currency": {{"name": "US Dollar", "symbol": "$"}}, "total_amount": {total}}}"#
    );
    [
        ("bill.csv", csv),
        ("bill.focus.csv", focus),
        ("statement.json", statement),
        ("statement.html", "<p>".into()),
    ]
    .map(|(name, text)| (name.to_owned(), text.into_bytes()))
    .into()
}

/// Every file below a folder, by its name there.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What is wrong with a customer's folder that should have exactly this bill, once, as version 1.
pub(crate) fn wrong(customer: &Path, made: Made) -> Vec<String> {
    let mut wrong = wrong_in(&customer.join("v1"), made);
    let others = tree(customer).into_keys().filter(|name| !name.starts_with("v1/"));
    wrong.extend(others.map(|name| format!("{name} is there too")));
    wrong
}

/// What is wrong with the folder of a version that should be this bill.
pub(crate) fn wrong_in(folder: &Path, made: Made) -> Vec<String> {
    let (mut found, mut wrong) = (tree(folder), Vec::new());
    if found.remove("manifest.json").is_none() {
        wrong.push("no manifest".to_owned());
    }
    for (name, bytes) in files(made) {
        match found.remove(&name) {
            None => wrong.push(format!("{name} is missing")),
            Some(found) if found != bytes => wrong.push(format!("{name} has other bytes")),
            Some(_) => {}
        }
    }
    wrong.extend(found.into_keys().map(|name| format!("{name} is there too")));
    wrong
}

pub(crate) fn kind(error: &Error) -> &'static str {
    match error {
        Error::Invalid(_) => "Invalid",
        Error::NotFound(_) => "NotFound",
        Error::Denied(_) => "Denied",
        Error::Contended(_) => "Contended",
        Error::Corrupt(_) => "Corrupt",
        Error::TooLarge(_) => "TooLarge",
        Error::Cancelled => "Cancelled",
        Error::Unavailable(_) => "Unavailable",
    }
}

/// Publishes, and says which version it was and whether it was written.
pub(crate) async fn publish(bills: &Bills, made: Made) -> (u32, bool) {
    let staged = Staged::new(made);
    let published = bills.publish(&october(), staged.path(), &head()).await.unwrap();
    (published.version, published.written)
}
