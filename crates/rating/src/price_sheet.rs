//! Microsoft's price sheet of new commerce: what a licence costs a customer at most, by Microsoft's estimate (`ERP Price`). The
//! unit price of a line is the partner's, so this is the only list price of a licence. Source: learn.microsoft.com/partner-center,
//! "Get a price sheet"; a CSV file, plain, `.gz` or `.zip`.

use crate::amount::{Amount, Decimal};
use crate::columns::Role;
use crate::currency::{Currency, NotACurrency};
use crate::failure::{Failure, Fault};
use crate::foreign::folded;
use crate::job::Input;
use crate::line::{Line, Values, day, of_cell};
use crate::render::text;
use crate::report::FileRead;
use crate::scan::Scan;
use crate::source::{Member, fault, members, unreadable};
use crate::wording::{Message, Wording};
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

/// The largest price sheet, unpacked: Microsoft's have some tens of megabytes.
const MAX_BYTES: u64 = 1 << 30;

/// The prices of a month.
#[derive(Debug, Default)]
pub(crate) struct PriceSheet {
    /// By product and SKU in lower case.
    rows: HashMap<(String, String), Vec<Listed>>,
    /// The files that were read, for the report.
    pub(crate) files: Vec<FileRead>,
}

/// One row of a price sheet.
#[derive(Debug)]
struct Listed {
    /// As the sheet writes them, in lower case: `p1y`, `annual`. Empty where it does not say.
    term: String,
    plan: String,
    currency: Currency,
    /// What a unit costs the partner.
    unit_price: Option<Decimal>,
    list_price: Decimal,
    /// The first and the last day, as `yyyymmdd`.
    days: (u32, u32),
    /// The smallest and the largest quantity.
    tier: (Option<Decimal>, Option<Decimal>),
}

/// The columns of a price sheet that are read; the first four must be there.
const COLUMNS: [&str; 11] = [
    "productid",
    "skuid",
    "currency",
    "erpprice",
    "unitprice",
    "termduration",
    "billingplan",
    "effectivestartdate",
    "effectiveenddate",
    "pricingtierrangemin",
    "pricingtierrangemax",
];

/// Reads a file of a price sheet and returns the number of its rows that have a list price.
///
/// # Errors
/// Files that are no price sheet, have a price or day that cannot be read, or no list price at all.
pub fn price_sheet_rows(input: &Input) -> Result<u64, Failure> {
    let sheet = PriceSheet::read(std::slice::from_ref(input))?;
    match sheet.rows.values().map(|rows| rows.len() as u64).sum() {
        0 => Err(Failure::Faults(vec![fault(
            &input.name,
            Message::fixed("has no list prices (ERP Price)", "report-no-list-prices"),
        )])),
        rows => Ok(rows),
    }
}

impl PriceSheet {
    /// Reads the files of a price sheet.
    ///
    /// # Errors
    /// Files that are no price sheet, or have a price or day that cannot be read.
    pub(crate) fn read(inputs: &[Input]) -> Result<PriceSheet, Failure> {
        let mut sheet = PriceSheet::default();
        if inputs.is_empty() {
            return Ok(sheet);
        }
        let mut faults = Vec::new();
        for member in members(inputs, u64::MAX)? {
            let bytes = member.read(&Arc::default(), |stream| {
                let mut bytes = Vec::new();
                let read = stream.take(MAX_BYTES + 1).read_to_end(&mut bytes);
                read.map_err(|error| unreadable(&member.name, &error))?;
                Ok(bytes)
            });
            match bytes {
                Ok(bytes) if bytes.len() as u64 > MAX_BYTES => {
                    let message = "is larger than any price sheet: more than 1 GiB";
                    faults.push(fault(&member.name, Message::fixed(message, "report-sheet-too-large")));
                }
                Ok(bytes) => sheet.add(&member, bytes, &mut faults),
                Err(error) => faults.push(error),
            }
        }
        faults.truncate(Failure::LIMIT);
        if faults.is_empty() { Ok(sheet) } else { Err(Failure::Faults(faults)) }
    }

    fn add(&mut self, member: &Member, mut bytes: Vec<u8>, faults: &mut Vec<Fault>) {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        let mut scan = Scan::default();
        scan.read(&bytes);
        let mut begin = 0;
        let cells: Vec<&[u8]> = scan
            .ends()
            .iter()
            .map(|end| bytes[std::mem::replace(&mut begin, *end as usize + 1)..*end as usize].trim_ascii())
            .collect();
        let mut ends = scan.records.iter().map(|last| *last as usize + 1);
        let names: Vec<String> =
            cells[..ends.next().unwrap_or_default()].iter().map(|name| folded(&text(name))).collect();
        let places = COLUMNS.map(|column| names.iter().position(|name| name == column));
        let missing: Vec<&str> = (0..4).filter(|i| places[*i].is_none()).map(|i| COLUMNS[i]).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let message = format!("is no price sheet of new commerce: it has no column {missing}");
            let wording = Wording::new("report-no-price-sheet", [("columns", missing.into())]);
            faults.push(fault(&member.name, Message::worded(message, wording)));
            return;
        }
        let digest = format!("{:032x}", twox_hash::XxHash3_128::oneshot(&bytes));
        let lines = scan.records.len() as u64 - 1;
        self.files.push(FileRead { file: member.name.clone(), lines, digest });
        let mut first = names.len();
        for (record, end) in ends.enumerate() {
            let row = &cells[first..end];
            first = end;
            if row.len() == 1 && row[0].is_empty() {
                continue;
            }
            let cell = |i: usize| {
                places[i].and_then(|place| row.get(place)).map_or(String::new(), |cell| text(cell))
            };
            match listed(&cell) {
                Ok(Some(listed)) => {
                    let key = [cell(0), cell(1)].map(|id| id.trim().to_ascii_lowercase());
                    self.rows.entry(key.into()).or_default().push(listed);
                }
                Ok(None) => {}
                Err((column, message)) if faults.len() < Failure::LIMIT => faults.push(Fault {
                    line: Some(record as u64 + 2),
                    column: Some(COLUMNS[column].to_owned()),
                    ..fault(&member.name, message)
                }),
                Err(_) => {}
            }
        }
    }

    /// What a unit of a line costs by the sheet, in the currency of the line's prices. `None` where the sheet has no price for
    /// it, or several that differ.
    pub(crate) fn list_price(&self, line: &Line<'_>, values: &Values, day: u32) -> Option<Decimal> {
        let key = [Role::ProductId, Role::SkuId].map(|role| text(line.get(role)).to_ascii_lowercase());
        let rows = self.rows.get(&key.into())?;
        let currency = match line.get(Role::PricingCurrency) {
            b"" => values.currency,
            code => std::str::from_utf8(code).ok()?.parse().ok()?,
        };
        let term = text(line.get(Role::Term)).to_ascii_lowercase();
        let (term, plan) = (term_of(&term), plan_of(&term));
        let quantity = values.quantity.map(|quantity| Amount::from(quantity).abs());
        let fits = |listed: &&Listed| {
            listed.currency == currency
                && (listed.days.0..=listed.days.1).contains(&day)
                && term.is_none_or(|term| listed.term.is_empty() || listed.term == term)
                && plan.is_none_or(|plan| listed.plan.is_empty() || listed.plan == plan)
                && quantity.is_none_or(|quantity| {
                    listed.tier.0.is_none_or(|least| quantity >= least.into())
                        && listed.tier.1.is_none_or(|most| quantity <= most.into())
                })
        };
        let fitting: Vec<&Listed> = rows.iter().filter(fits).collect();
        // Segments differ in the partner's price, which the line has.
        let own = values.unit_price.map(Amount::from);
        let same = |listed: &&&Listed| own.is_some() && listed.unit_price.map(Amount::from) == own;
        let exact: Vec<&Listed> = fitting.iter().filter(same).copied().collect();
        let candidates = if exact.is_empty() { fitting } else { exact };
        let (first, others) = candidates.split_first()?;
        let price = Amount::from(first.list_price);
        others.iter().all(|other| Amount::from(other.list_price) == price).then_some(first.list_price)
    }
}

/// A row that has a list price; what cannot be read, with its column.
fn listed(cell: &impl Fn(usize) -> String) -> Result<Option<Listed>, (usize, Message)> {
    let number = |i: usize| {
        let given = cell(i);
        let given = given.trim();
        let read = (!given.is_empty()).then(|| Decimal::parse(given.as_bytes()));
        read.transpose().map_err(|error| (i, of_cell(given, &error.to_string(), error.wording())))
    };
    let date = |i: usize| {
        let why = "is no date such as 2026-10-01, 2026-10-01T00:00:00Z or 10/1/2026 (month first)";
        day(cell(i).trim().as_bytes()).ok_or_else(|| (i, of_cell(&cell(i), why, "report-no-date")))
    };
    let Some(list_price) = number(3)? else { return Ok(None) };
    let wrong = |error: NotACurrency| (2, of_cell(&cell(2), &error.to_string(), "report-no-currency"));
    let currency = cell(2).trim().parse().map_err(wrong)?;
    let until = date(8)?;
    Ok(Some(Listed {
        term: cell(5).trim().to_ascii_lowercase(),
        plan: cell(6).trim().to_ascii_lowercase(),
        currency,
        unit_price: number(4)?,
        list_price,
        days: (date(7)?, if until == 0 { u32::MAX } else { until }),
        tier: (number(9)?, number(10)?),
    }))
}

/// The sheet's word for the term of a reconciliation, such as `One-Year commitment for monthly/yearly billing`.
fn term_of(text: &str) -> Option<&'static str> {
    let (term, _) = text.split_once("commitment")?;
    let starts = |words: &[&str]| words.iter().any(|word| term.trim_start().starts_with(word));
    match term {
        _ if term.contains("month") => Some("p1m"),
        _ if !term.contains("year") => None,
        _ if starts(&["one", "1"]) => Some("p1y"),
        _ if starts(&["three", "3"]) => Some("p3y"),
        _ => None,
    }
}

/// Likewise its billing plan; `None` where the text names several.
fn plan_of(text: &str) -> Option<&'static str> {
    let (_, billing) = text.split_once("commitment")?;
    let plans = [("month", "monthly"), ("year", "annual"), ("annual", "annual"), ("trienn", "triennial")];
    let mut named = plans.into_iter().filter(|(word, _)| billing.contains(word)).map(|(_, plan)| plan);
    let plan = named.next()?;
    named.all(|other| other == plan).then_some(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_and_plans_of_reconciliations() {
        for (text, term, plan) in [
            ("one-year commitment for monthly billing", Some("p1y"), Some("monthly")),
            ("one-year commitment for monthly/yearly billing", Some("p1y"), None),
            ("1 year commitment for yearly billing", Some("p1y"), Some("annual")),
            ("one-month commitment for monthly billing", Some("p1m"), Some("monthly")),
            ("3-year commitment for triennial billing", Some("p3y"), Some("triennial")),
            ("two-year commitment for annual billing", None, Some("annual")),
            ("one-time, perpetual", None, None),
            ("", None, None),
        ] {
            assert_eq!((term_of(text), plan_of(text)), (term, plan), "{text}");
        }
    }
}
