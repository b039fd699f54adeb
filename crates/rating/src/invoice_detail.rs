//! The Invoice Detail and Billing Period datasets of FOCUS 1.4, beside the rows of Cost and Usage: what a statement charges, and
//! whether its month is still open.
//!
//! Each version of a bill has its own, which say how its statement stood then, and the next version takes their place: an
//! estimate's are `Open`, a final statement's `Issued` and `Closed`. A statement that is reversed stays as it was issued; its
//! reversal is an invoice of its own, which names it in `ReferenceInvoiceId` and has its amounts with the other sign.
//!
//! A record of Invoice Detail is what a statement charges for one service in one category; corrections of months before, and the
//! rounding, are records of their own, so that all of them come to the statement's total.

use crate::amount::Amount;
use crate::cells::Cells;
use crate::focus::{Bill, instant};
use crate::job::Correction;
use crate::render::{push_text, text};
use crate::scale::CHARGE_PLACES;
use crate::scan::Scan;
use crate::statement::{Issue, Restatement};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;
use std::collections::BTreeMap;

/// The columns of Invoice Detail, in the order of the file.
pub(crate) const DETAIL_COLUMNS: [&str; 20] = [
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "InvoiceDetailCreated",
    "InvoiceDetailDescription",
    "InvoiceDetailGrain",
    "InvoiceDetailId",
    "InvoiceDetailLastUpdated",
    "InvoiceId",
    "InvoiceIssueDate",
    "InvoiceIssueStatus",
    "InvoiceIssuerName",
    "PaymentCurrency",
    "PaymentDueDate",
    "PaymentTerms",
    "ReferenceInvoiceId",
    "x_Lines",
];

/// The columns of Billing Period, in the order of the file.
pub(crate) const PERIOD_COLUMNS: [&str; 6] = [
    "BillingPeriodCreated",
    "BillingPeriodEnd",
    "BillingPeriodLastUpdated",
    "BillingPeriodStart",
    "BillingPeriodStatus",
    "InvoiceIssuerName",
];

/// What `PaymentTerms` says where the statement has no day by which it is to be paid.
const NO_TERMS: &str = "Not stated";

/// Charges by category and service, line by line.
#[derive(Default)]
pub(crate) struct Details {
    /// By the category's name, a line feed and the service's cell.
    places: Cells<usize>,
    sums: Vec<Sums>,
    /// Lines come in their order, and most are of what the line before was of.
    last: usize,
    key: Vec<u8>,
}

struct Sums {
    category: &'static str,
    service: Box<[u8]>,
    lines: u64,
    /// In units of 10^-10.
    charge: i128,
}

impl Details {
    /// Adds a line, its service as a cell.
    pub(crate) fn add(&mut self, category: &'static str, service: &[u8], charge: i128) {
        let is_last = |sums: &Sums| sums.category == category && *sums.service == *service;
        if !self.sums.get(self.last).is_some_and(is_last) {
            self.last = self.place(category, service);
        }
        let sums = &mut self.sums[self.last];
        sums.lines += 1;
        sums.charge += charge;
    }

    fn place(&mut self, category: &'static str, service: &[u8]) -> usize {
        self.key.clear();
        self.key.extend_from_slice(category.as_bytes());
        self.key.push(b'\n');
        self.key.extend_from_slice(service);
        if let Some(known) = self.places.get(self.key.as_slice()) {
            return *known;
        }
        self.places.insert(self.key.as_slice().into(), self.sums.len());
        self.sums.push(Sums { category, service: service.into(), lines: 0, charge: 0 });
        self.sums.len() - 1
    }

    /// Lines and charge of each category and service, by text.
    fn sorted(&self) -> BTreeMap<(&'static str, String), (u64, i128)> {
        let mut sorted = BTreeMap::<(&'static str, String), (u64, i128)>::new();
        for Sums { category, service, lines, charge } in &self.sums {
            let known = sorted.entry((category, text(service))).or_default();
            *known = (known.0 + lines, known.1 + charge);
        }
        sorted
    }
}

/// What a record says beside what all of a statement say.
struct Record {
    id: String,
    category: &'static str,
    description: String,
    grain: Option<serde_json::Value>,
    charge: Amount,
    lines: u64,
    /// The invoice that it corrects.
    reference: Option<String>,
}

/// The records of a statement that is an estimate, with their header. `made_at`: Unix seconds.
pub(crate) fn invoice_detail(
    bill: &Bill<'_>,
    made_at: i64,
    details: &Details,
    corrections: &[&Correction],
    rounding: Amount,
) -> Vec<u8> {
    let services = details.sorted().into_iter().map(|((category, service), (lines, charge))| Record {
        id: format!("{category}:{service}"),
        category,
        grain: Some(json!({ "ServiceName": service })),
        description: service,
        charge: Amount::of(charge, CHARGE_PLACES),
        lines,
        reference: None,
    });
    let corrections = corrections.iter().map(|correction| Record {
        id: format!("Correction:{}:{}", correction.period, correction.version),
        category: "Adjustment",
        description: format!("Correction of {}, version {}", correction.period, correction.version),
        grain: Some(
            json!({ "x_CorrectionOf": correction.period.to_string(), "x_Version": correction.version }),
        ),
        charge: correction.amount,
        lines: 0,
        reference: correction.statement_number.clone(),
    });
    let rounding = (!rounding.is_zero()).then(|| Record {
        id: "Rounding".to_owned(),
        category: "Adjustment",
        description: "Rounding".to_owned(),
        grain: None,
        charge: rounding,
        lines: 0,
        reference: None,
    });
    let invoice = provisional_id(bill);
    let made_at = seconds(made_at);
    let (start, end) = (day(bill.first_day), day(bill.end));
    let mut csv = header(&DETAIL_COLUMNS);
    for record in services.chain(corrections).chain(rounding) {
        let grain = record.grain.map(|grain| grain.to_string()).unwrap_or_default();
        push_record(
            &[
                &record.charge.to_string(),
                &bill.customer_id.to_string(),
                bill.currency,
                &end,
                &start,
                record.category,
                &made_at,
                &record.description,
                &grain,
                &record.id,
                &made_at,
                &invoice,
                "",
                "Open",
                bill.issuer,
                bill.currency,
                "",
                NO_TERMS,
                record.reference.as_deref().unwrap_or(&invoice),
                &record.lines.to_string(),
            ],
            &mut csv,
        );
    }
    csv
}

/// The record of an open month, with its header. `made_at`: Unix seconds.
pub(crate) fn billing_period(bill: &Bill<'_>, made_at: i64) -> Vec<u8> {
    let made_at = seconds(made_at);
    let mut csv = header(&PERIOD_COLUMNS);
    push_record(&[&made_at, &day(bill.end), &made_at, &day(bill.first_day), "Open", bill.issuer], &mut csv);
    csv
}

/// What an estimate is known by, which has no number yet.
fn provisional_id(bill: &Bill<'_>) -> String {
    let month = bill.first_day.strftime("%Y-%m");
    format!("estimate-{month}-{}-{}", bill.customer_id, bill.currency)
}

/// The records of Invoice Detail as those of what their statement becomes.
///
/// # Errors
/// What is wrong with a file that is not such records.
pub fn restated_invoice_detail(csv: &[u8], restatement: &Restatement<'_>) -> Result<Vec<u8>, String> {
    let (at, issue) = told(restatement);
    let terms = issue.due_date.map_or_else(|| Ok(NO_TERMS.to_owned()), |due| terms(at, due))?;
    let due = issue.due_date.map(|due| format!("{due}T00:00:00Z")).unwrap_or_default();
    let at = seconds(at);
    let place = |name: &str| DETAIL_COLUMNS.iter().position(|column| *column == name).unwrap_or_default();
    let mut restated = header(&DETAIL_COLUMNS);
    for read in records(csv, &DETAIL_COLUMNS)? {
        let mut record = read.clone();
        let mut set = |name: &str, text: &str| record[place(name)] = text.to_owned();
        let (invoice, reference) = (&read[place("InvoiceId")], &read[place("ReferenceInvoiceId")]);
        let reference = match restatement {
            Restatement::Reversal { .. } => invoice,
            Restatement::Final { .. } if reference == invoice => issue.number,
            Restatement::Final { .. } => reference,
        };
        set("ReferenceInvoiceId", reference);
        set("InvoiceId", issue.number);
        set("InvoiceIssueDate", &at);
        set("InvoiceIssueStatus", "Issued");
        set("InvoiceDetailLastUpdated", &at);
        set("PaymentDueDate", &due);
        set("PaymentTerms", &terms);
        if let Restatement::Reversal { .. } = restatement {
            let charge = &read[place("BilledCost")];
            let charge: Amount = charge.parse().map_err(|error| format!("the charge {charge} {error}"))?;
            set("BilledCost", &(-charge).to_string());
            set("InvoiceDetailCreated", &at);
        }
        push_record(&record, &mut restated);
    }
    Ok(restated)
}

/// The record of Billing Period as that of what its statement becomes. Doing it again changes nothing.
///
/// # Errors
/// What is wrong with a file that is not such a record.
pub fn restated_billing_period(csv: &[u8], restatement: &Restatement<'_>) -> Result<Vec<u8>, String> {
    let (at, _) = told(restatement);
    let at = seconds(at);
    let mut restated = header(&PERIOD_COLUMNS);
    for mut record in records(csv, &PERIOD_COLUMNS)? {
        record[2].clone_from(&at);
        record[4] = "Closed".to_owned();
        push_record(&record, &mut restated);
    }
    Ok(restated)
}

/// Since when a statement is what it becomes, in Unix seconds, and its number.
fn told<'a>(restatement: &Restatement<'a>) -> (i64, Issue<'a>) {
    match restatement {
        Restatement::Final { since, issue } => (*since, *issue),
        Restatement::Reversal { at, issue, .. } => (*at, *issue),
    }
}

/// `Net 30`, of the day of issue and that by which is to be paid.
fn terms(issued_at: i64, due: &str) -> Result<String, String> {
    let issued = Timestamp::from_second(issued_at).map_err(|error| error.to_string())?;
    let issued = issued.to_zoned(TimeZone::UTC).date();
    let due: Date = due.parse().map_err(|error: jiff::Error| error.to_string())?;
    let days = issued.until(due).map_err(|error| error.to_string())?.get_days();
    Ok(format!("Net {days}"))
}

/// `2026-10-01T00:00:00Z`
fn day(day: Date) -> String {
    String::from_utf8_lossy(&instant(day)).into_owned()
}

/// `2026-11-08T09:00:00Z`
fn seconds(at: i64) -> String {
    format!("{:.0}", Timestamp::from_second(at).unwrap_or_default())
}

fn header(columns: &[&str]) -> Vec<u8> {
    let mut header = columns.join(",").into_bytes();
    header.push(b'\n');
    header
}

fn push_record(cells: &[impl AsRef<str>], csv: &mut Vec<u8>) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            csv.push(b',');
        }
        match cell.as_ref() {
            // What protects texts from spreadsheets would make a text of a negative number.
            number if number.parse::<Amount>().is_ok() => csv.extend_from_slice(number.as_bytes()),
            text => push_text(text, csv),
        }
    }
    csv.push(b'\n');
}

/// The records of a file with this header.
fn records(csv: &[u8], columns: &[&str]) -> Result<Vec<Vec<String>>, String> {
    let rest =
        csv.strip_prefix(header(columns).as_slice()).ok_or("its columns are not those of this version")?;
    let mut scan = Scan::default();
    scan.read(rest);
    let mut begin = 0;
    let cells = scan.ends().iter().map(|end| {
        let cell = &rest[std::mem::replace(&mut begin, *end as usize + 1)..*end as usize];
        text(cell)
    });
    let cells: Vec<String> = cells.collect();
    match cells.len() == columns.len() * scan.records.len() {
        true => Ok(cells.chunks(columns.len()).map(<[String]>::to_vec).collect()),
        false => Err("a record has too many cells, or too few".to_owned()),
    }
}
