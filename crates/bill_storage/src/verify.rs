//! Verifies published bills and ledgers: digests, and sums to the last digit.

use crate::exact::Exact;
use crate::key::{Area, DRAFTS, PRIVATE, check_segments};
use crate::manifest::{Manifest, NAME, is_lines};
use crate::read::description;
use crate::store::{Store, hex};
use crate::{Error, FileEntry};
use futures_util::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read};
use tokio_util::io::{StreamReader, SyncIoBridge};

/// How many bills are read at a time.
const CONCURRENT_BILLS: usize = 4;

/// The findings of [`Bills::verify`](crate::Bills::verify).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Every bill, ordered by its key.
    pub bills: Vec<VerifiedBill>,
    /// Folders with lines of a bill and no manifest. A run is writing them, or was interrupted.
    pub unfinished: Vec<String>,
    /// The ledgers, by which final lines are recognised.
    pub ledgers: VerifiedLedgers,
}

/// The ledgers below the folder that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifiedLedgers {
    /// How many have the length and digest in their names.
    pub good: usize,
    /// Ledgers of earlier versions, without a digest in their names. They are used as they are.
    pub unknown: Vec<String>,
    /// Messages on the others.
    pub faults: Vec<String>,
}

/// One bill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifiedBill {
    /// Its key below the root, with a slash at the end.
    pub prefix: String,
    /// How many files its manifest names.
    pub files: usize,
    /// Their length in bytes.
    pub bytes: u64,
    /// The charge in each currency.
    pub totals: Vec<Total>,
    /// Messages on what is wrong; empty if the bill is good.
    pub faults: Vec<String>,
}

/// The charge of a bill in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// The ISO 4217 code.
    pub currency: String,
    /// The exact digits.
    pub charge: String,
}

impl VerifyReport {
    /// Whether all bills and ledgers are good.
    pub fn is_good(&self) -> bool {
        self.ledgers.faults.is_empty() && self.bills.iter().all(|bill| bill.faults.is_empty())
    }
}

/// Sums by currency.
type Sums = BTreeMap<String, Exact>;

/// The sums of the files of one currency: `bill.csv`, `bill.focus.csv` and `statement.json`, or `bill.EUR.csv` and so on.
#[derive(Default)]
struct FileSums {
    charges: Option<Sums>,
    billed: Option<Sums>,
    statement: Option<Exact>,
}

impl Store {
    pub(crate) async fn verify(&self, folder: &str) -> Result<VerifyReport, Error> {
        check_segments("folder", folder)?;
        let mut folders = BTreeMap::<String, BTreeSet<String>>::new();
        let mut ledgers = Vec::new();
        for (name, _) in self.list_with_drafts(folder).await? {
            let (folder, file) = name.rsplit_once('/').unwrap_or(("", &name));
            if name.split('/').next() != Some(PRIVATE) || name.starts_with(DRAFTS) {
                folders.entry(folder.to_owned()).or_default().insert(file.to_owned());
            } else if folder.ends_with("/ledgers") {
                ledgers.push(name);
            }
        }
        // Of a bill that is shown, the customer's copy is the one that counts.
        let shown: BTreeSet<String> = folders
            .iter()
            .filter(|(_, files)| files.contains(NAME))
            .map(|(folder, _)| folder.clone())
            .collect();
        folders.retain(|folder, _| folder.strip_prefix(DRAFTS).is_none_or(|folder| !shown.contains(folder)));
        let (bills, others): (Vec<_>, Vec<_>) =
            folders.into_iter().partition(|(_, files)| files.contains(NAME));
        let unfinished = others.into_iter().filter(|(_, files)| files.iter().any(|file| is_lines(file)));
        let bills = bills.into_iter().map(|(folder, files)| self.verify_bill(folder, files));
        Ok(VerifyReport {
            bills: futures_util::stream::iter(bills).buffered(CONCURRENT_BILLS).try_collect().await?,
            unfinished: unfinished.map(|(folder, _)| format!("{folder}/")).collect(),
            ledgers: self.verify_ledgers(ledgers).await?,
        })
    }

    /// All objects below a key, and the drafts of bills below it.
    async fn list_with_drafts(&self, folder: &str) -> Result<Vec<(String, ObjectMeta)>, Error> {
        let mut listed = self.list(folder).await?;
        if !folder.is_empty() && folder.split('/').next() != Some(PRIVATE) {
            listed.extend(self.list(&Area::Drafts.key(folder)).await?);
        }
        Ok(listed)
    }

    pub(crate) async fn missing(&self, folder: &str, mut names: Vec<String>) -> Result<Vec<String>, Error> {
        check_segments("folder", folder)?;
        let listed = self.list_with_drafts(folder).await?;
        let there: BTreeSet<String> = listed.into_iter().map(|(name, _)| name).collect();
        names.retain(|name| {
            let shown = name.strip_prefix(DRAFTS).unwrap_or(name);
            let is_below = |name: &str| {
                folder.is_empty() || name.strip_prefix(folder).is_some_and(|below| below.starts_with('/'))
            };
            // A draft may be shown by now, or be from before drafts had a place of their own.
            (is_below(name) || is_below(shown)) && !there.contains(name) && !there.contains(shown)
        });
        Ok(names)
    }

    async fn verify_ledgers(&self, names: Vec<String>) -> Result<VerifiedLedgers, Error> {
        let mut found = VerifiedLedgers::default();
        let read = names.into_iter().map(async |name| match description(&name) {
            None => Ok((name, None)),
            Some(described) => self.digest(&name).await.map(|digest| (name, Some(digest == Some(described)))),
        });
        let read: Vec<_> = futures_util::stream::iter(read).buffered(CONCURRENT_BILLS).try_collect().await?;
        for (name, is_good) in read {
            match is_good {
                None => found.unknown.push(name),
                Some(true) => found.good += 1,
                Some(false) => found.faults.push(format!("{name}: is not what its name says (SHA-256)")),
            }
        }
        Ok(found)
    }

    async fn verify_bill(&self, folder: String, listed: BTreeSet<String>) -> Result<VerifiedBill, Error> {
        let prefix = if folder.is_empty() { folder } else { folder + "/" };
        let mut bill = VerifiedBill { prefix: prefix.clone(), ..VerifiedBill::default() };
        let manifest = match self.manifest_at(&(prefix.clone() + NAME)).await {
            Err(Error::Corrupt(text)) => {
                bill.faults.push(text);
                return Ok(bill);
            }
            manifest => manifest?,
        };
        bill.faults.extend(misplaced(&prefix, &manifest));
        let named: BTreeSet<&str> = manifest.files.iter().map(|file| &*file.name).chain([NAME]).collect();
        let extra = listed.iter().filter(|name| !named.contains(&***name));
        bill.faults.extend(extra.map(|name| format!("{name} is not in the manifest")));
        let mut by_currency = BTreeMap::<String, FileSums>::new();
        for file in &manifest.files {
            bill.files += 1;
            bill.bytes += file.size;
            if !listed.contains(&file.name) {
                bill.faults.push(format!("{} is not there", file.name));
                continue;
            }
            if let Err(fault) = self.verify_file(&prefix, file, &mut by_currency).await? {
                bill.faults.push(format!("{}: {fault}", file.name));
            }
        }
        // Sums say nothing about a bill whose bytes are not those that were published.
        if bill.faults.is_empty() {
            for (currency, sums) in &by_currency {
                bill.faults.extend(sums.compare(currency, manifest.corrects.is_some()));
            }
        }
        let charges = by_currency.values().filter_map(|sums| sums.charges.as_ref()).flatten();
        bill.totals.extend(
            charges
                .map(|(currency, charge)| Total { currency: currency.clone(), charge: charge.to_string() }),
        );
        Ok(bill)
    }

    /// Reads a file once, for its digest and its sums.
    async fn verify_file(
        &self,
        prefix: &str,
        file: &FileEntry,
        by_currency: &mut BTreeMap<String, FileSums>,
    ) -> Result<Result<(), String>, Error> {
        let content = self.read(&(prefix.to_owned() + &file.name), None).await?;
        let stream = StreamReader::new(content.stream.map_err(io::Error::other));
        let mut bytes = Hashed { inner: SyncIoBridge::new(stream), sha256: Sha256::new(), size: 0 };
        let name = file.name.clone();
        let read = tokio::task::spawn_blocking(move || {
            let found = read_sums(&name, &mut bytes);
            io::copy(&mut bytes, &mut io::sink()).map(|_| (found, bytes.size, hex(&bytes.sha256.finalize())))
        });
        let (found, size, sha256) = match read.await.expect("no panic") {
            Ok(read) => read,
            Err(e) => {
                return e.downcast::<Error>().map_or_else(|e| Err(Error::Unavailable(e.to_string())), Err);
            }
        };
        if size != file.size {
            return Ok(Err(format!("has {size} bytes, the manifest says {}", file.size)));
        }
        if sha256 != file.sha256 {
            return Ok(Err("is not what the manifest says (SHA-256)".into()));
        }
        Ok(found.map(|found| match found {
            Some((currency, Found::Charges(sums))) => {
                by_currency.entry(currency).or_default().charges = Some(sums);
            }
            Some((currency, Found::Billed(sums))) => {
                by_currency.entry(currency).or_default().billed = Some(sums);
            }
            Some((currency, Found::Statement(total))) => {
                by_currency.entry(currency).or_default().statement = Some(total);
            }
            None => {}
        }))
    }
}

/// The message on a manifest whose month, customer or version is not that of its key, as far as the key goes.
fn misplaced(prefix: &str, manifest: &Manifest) -> Option<String> {
    let says =
        [&*manifest.billing_period, &*manifest.customer_id.to_string(), &*format!("v{}", manifest.version)]
            .map(str::to_owned);
    let place = prefix.trim_end_matches('/').rsplit('/').filter(|part| !part.is_empty());
    let wrong = place.zip(says.iter().rev()).any(|(part, says)| part != says);
    wrong.then(|| format!("the manifest is that of {}/", says.join("/")))
}

impl FileSums {
    fn compare(&self, currency: &str, is_correction: bool) -> Option<String> {
        let of = if currency.is_empty() { String::new() } else { format!(" in {currency}") };
        // A correction is in the FOCUS rows of the statement that it is payable with.
        let billed = self.billed.as_ref().or(self.charges.as_ref().filter(|_| is_correction));
        let (Some(charges), Some(billed), Some(statement)) = (&self.charges, billed, &self.statement) else {
            return Some(format!("bill.csv, bill.focus.csv and statement.json{of} are not all there"));
        };
        let sum = |sums: &Sums| -> String {
            let sums: Vec<String> = sums.iter().map(|(currency, sum)| format!("{sum} {currency}")).collect();
            if sums.is_empty() { "nothing".into() } else { sums.join(" + ") }
        };
        if charges != billed {
            let (charges, billed) = (sum(charges), sum(billed));
            return Some(format!("bill.csv{of} adds up to {charges}, bill.focus.csv to {billed}"));
        }
        let total = charges.values().next().copied().unwrap_or_default();
        if charges.len() > 1 || total != *statement {
            return Some(format!("bill.csv{of} adds up to {}, the statement says {statement}", sum(charges)));
        }
        None
    }
}

/// The sums of a file.
enum Found {
    Charges(Sums),
    Billed(Sums),
    Statement(Exact),
}

/// The sums of a file, with the currency in its name, which is empty where there is none.
fn read_sums(name: &str, bytes: &mut impl Read) -> Result<Option<(String, Found)>, String> {
    let parts: Vec<&str> = name.split('.').collect();
    let known = |part: &&&str| !["bill", "focus", "statement", "csv", "json"].contains(*part);
    let currency = parts.iter().find(known).map_or(String::new(), |part| (*part).to_owned());
    let found = match (parts.first(), parts.last()) {
        (Some(&"bill"), Some(&"csv")) if parts.contains(&"focus") => {
            Found::Billed(sums(bytes, "BilledCost", "BillingCurrency")?)
        }
        (Some(&"bill"), Some(&"csv")) => Found::Charges(sums(bytes, "Charge", "ChargeCurrency")?),
        (Some(&"statement"), Some(&"json")) => Found::Statement(total(bytes)?),
        _ => return Ok(None),
    };
    Ok(Some((currency, found)))
}

fn sums(bytes: &mut impl Read, amounts: &str, currencies: &str) -> Result<Sums, String> {
    let mut csv = csv::Reader::from_reader(bytes);
    let headers = csv.headers().map_err(|e| e.to_string())?;
    let column = |name: &str| {
        let found = headers.iter().position(|header| header.trim_start_matches('\u{feff}') == name);
        found.ok_or_else(|| format!("has no column {name}"))
    };
    let (amount, currency) = (column(amounts)?, column(currencies)?);
    let (mut sums, mut record) = (Sums::new(), csv::StringRecord::new());
    while csv.read_record(&mut record).map_err(|e| e.to_string())? {
        let line = || record.position().map_or(0, csv::Position::line);
        let value: Exact = record[amount].parse().map_err(|e| format!("line {}: {amounts} {e}", line()))?;
        if !sums.contains_key(&record[currency]) {
            sums.insert(record[currency].to_owned(), Exact::default());
        }
        let sum = sums.get_mut(&record[currency]).expect("just put there");
        *sum = sum.checked_add(value).ok_or_else(|| format!("line {}: the sum is too large", line()))?;
    }
    Ok(sums)
}

fn total(bytes: &mut impl Read) -> Result<Exact, String> {
    #[derive(Deserialize)]
    struct Statement {
        /// The digits as they are written: a parsed number is not exact.
        total_amount: Box<RawValue>,
    }
    let statement: Statement = serde_json::from_reader(BufReader::new(bytes)).map_err(|e| e.to_string())?;
    statement.total_amount.get().trim_matches('"').parse().map_err(|e| format!("total_amount {e}"))
}

/// A reader that computes the digest of what is read.
struct Hashed<R> {
    inner: R,
    sha256: Sha256,
    size: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sha256.update(&buffer[..read]);
        self.size += read as u64;
        Ok(read)
    }
}
