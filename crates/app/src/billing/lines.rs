//! The lines of a bill, each with the rule that priced it.

use super::of_store;
use super::publish::ledger_key;
use super::report::{CustomerBill, RunReport};
use crate::access::Call;
use crate::boxed;
use crate::paging::{self, Paging, Query};
use crate::permissions::Permission;
use crate::{App, Error};
use bill_storage::{BillPrefix, OpenFile};
use domain::{CustomerId, PartnerId};
use futures_util::TryStreamExt;
use std::io::Read;
use store::bill_runs::{self, BillRun, State};
use store::{Tx, customers, dated};
use tokio_util::io::{StreamReader, SyncIoBridge};

/// Columns of the ledger, and what they are called in an explanation.
const EXPLAINED: [(&str, &str); 8] = [
    ("Cost", "cost"),
    ("CostCurrency", "cost_currency"),
    ("Charge", "charge"),
    ("ChargeCurrency", "charge_currency"),
    ("RuleId", "rule_id"),
    ("Rule", "rule"),
    ("PricedFrom", "priced_from"),
    ("Tenant", "tenant"),
];

/// A part of a bill's lines that was asked for.
#[derive(Clone, Debug, Default)]
pub struct LineSearch {
    /// Which page.
    pub paging: Paging,
    explain: bool,
    currency: Option<String>,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillLine {
    /// The cells of `bill.csv`, by the names of its columns.
    pub cells: Vec<(String, String)>,
    /// How it was priced: a name such as `priced_from`, and the value; `None` if that was not asked for.
    pub explanation: Option<Vec<(&'static str, String)>>,
}

impl LineSearch {
    /// Read a query string's parameters; blank ones count as not given.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every parameter that will not do, as `/name`.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let mut search = LineSearch::default();
        paging::read(query, &["explain", "currency"], |name, value| {
            match name {
                _ if search.paging.take(name, value)? => {}
                "explain" => search.explain = paging::truth(value)?,
                "currency" => {
                    search.currency = Some(paging::currency(value)?.to_string());
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(search)
    }
}

/// The location of a run's bill.
pub(super) struct BillLocation {
    prefix: BillPrefix,
    version: u32,
    currency: String,
    /// The key of its ledger.
    ledger: String,
    /// Number of the lines of its `bill.csv`, if the report knows it.
    lines: Option<u64>,
}

/// What a file in the object store consists of, for a thread that may block.
pub(super) type FileReader = Box<dyn Read + Send>;

/// Reads a file on a thread that may block. Only to be called on a thread of the runtime.
pub(super) fn reader(opened: OpenFile) -> FileReader {
    Box::new(SyncIoBridge::new(StreamReader::new(opened.stream.map_err(std::io::Error::other))))
}

impl BillLocation {
    /// Finds a customer's bill in a run's report.
    pub(super) fn find(run: &BillRun, customer: CustomerId, currency: Option<&str>) -> Result<Self, Error> {
        let is_its = |bill: &CustomerBill| {
            bill.customer_id == customer.0 && currency.is_none_or(|currency| bill.currency.code() == currency)
        };
        let mut bills = RunReport::of_run(run)?.unwrap_or_default().customers.into_iter();
        let with_place = |bill: CustomerBill| Some((bill.prefix.clone()?, bill));
        let (place, bill) = bills
            .find_map(|bill| with_place(bill).filter(|(_, bill)| is_its(bill)))
            .ok_or(Error::NotFound)?;
        let currency = bill.currency.to_string();
        // Reports of earlier versions do not say.
        let ledger = bill.ledger.as_deref();
        let ledger = ledger.and_then(|key| key.strip_prefix(bill_storage::PRIVATE)?.strip_prefix('/'));
        let ledger = ledger
            .map_or_else(|| ledger_key(run, customer.0, &currency, i64::from(place.version)), str::to_owned);
        let lines = bill.adjustments.map(|adjustments| bill.lines + adjustments);
        Ok(BillLocation { prefix: place.bill, version: place.version, currency, ledger, lines })
    }
}

/// Whether there is such a customer, or was before it was deleted.
async fn was_ever_a_customer(tx: &mut Tx, partner: PartnerId, id: CustomerId) -> Result<bool, Error> {
    if customers::get(tx, partner, id).await?.is_some() {
        return Ok(true);
    }
    Ok(dated::deleted(tx, partner).await?.iter().any(|customer| customer.id == id))
}

/// Whether a run that succeeded has no line of a customer. A bill that is held back has lines, which are nowhere yet.
fn has_no_lines(run: &BillRun, customer: CustomerId, currency: Option<&str>) -> Result<bool, Error> {
    if run.state != State::Succeeded {
        return Ok(false);
    }
    let bills = RunReport::of_run(run)?.unwrap_or_default().customers;
    let mut its = bills.iter().filter(|bill| {
        bill.customer_id == customer.0 && currency.is_none_or(|currency| bill.currency.code() == currency)
    });
    Ok(its.all(|bill| bill.lines == 0 && bill.prefix.is_none()))
}

impl App {
    /// A page of the lines of a customer's bill, and the number of all: Microsoft's, corrections and rounding. None of a customer that the run has no
    /// lines of.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::BillsUnavailable`]; [`Error`] of the store.
    #[boxed]
    pub async fn bill_lines(
        &self,
        call: &Call,
        id: i64,
        customer: CustomerId,
        search: LineSearch,
    ) -> Result<(Vec<BillLine>, i64), Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let (run, is_known): (Option<BillRun>, bool) = grant
            .list((call.partner(), id, customer), |(partner, id, customer), tx| {
                Box::pin(async move {
                    let run = bill_runs::get(tx, *partner, *id).await?;
                    Ok::<_, Error>((run, was_ever_a_customer(tx, *partner, *customer).await?))
                })
            })
            .await?;
        let run = run.ok_or(Error::NotFound)?;
        if is_known && has_no_lines(&run, customer, search.currency.as_deref())? {
            return Ok((Vec::new(), 0));
        }
        let place = BillLocation::find(&run, customer, search.currency.as_deref())?;
        let bill = self.open_bill(&place).await?;
        let ledger = if search.explain { Some(self.open_ledger(&place).await?) } else { None };
        let (skip, limit) = (search.paging.skip() as usize, search.paging.per_page as usize);
        let known = place.lines;
        let read = tokio::task::spawn_blocking(move || read(bill, ledger, skip, limit, known)).await;
        let (lines, total) = read
            .map_err(|e| Error::Internal(e.to_string()))?
            .map_err(|e| Error::BillsUnavailable(format!("the lines of a bill could not be read: {e}")))?;
        Ok((lines, i64::try_from(total).unwrap_or(i64::MAX)))
    }

    /// Opens the lines of a bill.
    pub(super) async fn open_bill(&self, place: &BillLocation) -> Result<FileReader, Error> {
        let billing = self.billing()?;
        let manifest =
            billing.bills.manifest(&place.prefix, place.version).await.map_err(|e| of_store(&e))?;
        // A bill has one file of lines for each currency, if there are several.
        let names = [format!("bill.{}.csv", place.currency), "bill.csv".to_owned()];
        let name = names.into_iter().find(|name| manifest.file(name).is_some()).ok_or(Error::NotFound)?;
        let opened = billing.bills.open_file(&place.prefix, place.version, &name).await;
        opened.map(reader).map_err(|error| of_store(&error))
    }

    /// Opens the ledger of a bill: for each of its lines, what it cost, and why it is charged what it is.
    pub(super) async fn open_ledger(&self, place: &BillLocation) -> Result<FileReader, Error> {
        let opened = self.billing()?.bills.open_private(&place.ledger).await;
        opened.map(reader).map_err(|error| of_store(&error))
    }
}

/// A page of lines, and the number of all; what is `known` is not counted.
fn read(
    bill: impl Read,
    ledger: Option<impl Read>,
    skip: usize,
    limit: usize,
    known: Option<u64>,
) -> Result<(Vec<BillLine>, u64), csv::Error> {
    // The ledger has a row for each line, in their order. Neither is read further than to the page's end, unless lines are counted.
    let (lines, total) = rows(bill, skip, limit, known)?;
    let ledger = ledger.map(|ledger| rows(ledger, skip, limit, Some(total))).transpose()?;
    let mut reasons = ledger.into_iter().flat_map(|(rows, _)| rows);
    let line = |cells| BillLine { cells, explanation: reasons.next().map(|row| explanation(&row)) };
    Ok((lines.into_iter().map(line).collect(), total))
}

/// The part of a ledger's row that is shown.
fn explanation(row: &[(String, String)]) -> Vec<(&'static str, String)> {
    // On which days the customer has the tenant is said only where these are not all.
    let is_shown = |column: &str, cell: &str| column != "Tenant" || !cell.is_empty();
    let part = |(column, name): &(&str, &'static str)| {
        let (_, cell) = row.iter().find(|(name, cell)| name == column && is_shown(column, cell))?;
        Some((*name, cell.clone()))
    };
    EXPLAINED.iter().filter_map(part).collect()
}

/// The cells of a row, by the names of its columns.
type Row = Vec<(String, String)>;

/// Some rows of a CSV, and the number of all.
fn rows(
    input: impl Read,
    skip: usize,
    limit: usize,
    known: Option<u64>,
) -> Result<(Vec<Row>, u64), csv::Error> {
    let mut reader = csv::Reader::from_reader(input);
    let names = reader.headers()?.clone();
    let row = |record: csv::StringRecord| -> Row {
        names.iter().zip(record.iter()).map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect()
    };
    let (mut rows, mut total) = (Vec::new(), 0);
    for record in reader.records() {
        if known.is_some() && rows.len() == limit {
            break;
        }
        let record = record?;
        if (skip..skip.saturating_add(limit)).contains(&(total as usize)) {
            rows.push(row(record));
        }
        total += 1;
    }
    Ok((rows, known.unwrap_or(total)))
}
