//! The ledger of a bill: for each of its lines, what it cost, and why it is charged what it is. The partner's alone.

use crate::amount::Amount;
use crate::failure::Failure;
use crate::price::{NO_RULE, Prices};
use crate::render::push_text;
use crate::row::{KEY, Row};
use crate::source::fault;
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};

/// `Line` tells lines apart: the key of the line in hexadecimal digits, by which ledger and bill are ordered. It is empty for
/// lines that are not Microsoft's: rounding, and corrections of months before.
pub(crate) const HEADER: &str = "Line,Cost,CostCurrency,Charge,ChargeCurrency,RuleId,Rule,PricedFrom\n";

/// What prices lines that no rule matched.
const OWN_MARGIN: &str = "margin of the customer";

/// A line of Microsoft's, its charge given as it is written.
pub(crate) fn push(row: Row<'_>, charge: &[u8], currency: &str, prices: &Prices<'_>, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = [0; 2 * KEY];
    for (two, byte) in line.chunks_exact_mut(2).zip(row.key()) {
        two[0] = DIGITS[usize::from(byte >> 4)];
        two[1] = DIGITS[usize::from(byte & 15)];
    }
    out.extend_from_slice(&line);
    let code = row.currency();
    out.push(b',');
    row.cost().push(out);
    out.push(b',');
    out.extend_from_slice(&code);
    out.push(b',');
    out.extend_from_slice(charge);
    out.push(b',');
    out.extend_from_slice(currency.as_bytes());
    out.push(b',');
    match row.rule() {
        NO_RULE => {
            out.push(b',');
            out.extend_from_slice(OWN_MARGIN.as_bytes());
        }
        rule => {
            let rule = prices.rules[usize::from(rule)];
            // Writing to a vector does not fail.
            let _ = write!(out, "{},", rule.id);
            push_text(&rule.details.name, out);
        }
    }
    out.push(b',');
    out.extend_from_slice(row.basis().name().as_bytes());
    out.push(b'\n');
}

/// A line that is not Microsoft's.
pub(crate) fn push_own(what: &str, charge: Amount, currency: &str, out: &mut Vec<u8>) {
    let _ = writeln!(out, ",0,{currency},{charge},{currency},,,{what}");
}

/// The lines of a final bill, in their order.
struct Final {
    path: PathBuf,
    lines: BufReader<File>,
    currency: &'static str,
    next: Option<[u8; KEY]>,
}

/// The lines of all final bills of a customer and month, to be told from new ones.
pub(crate) struct Finals {
    ledgers: Vec<Final>,
    /// Lines that were passed over: they are not among those that were asked for.
    missing: u64,
}

impl Finals {
    /// Those in a currency.
    pub(crate) fn open(paths: &[PathBuf], currency: &'static str) -> Result<Finals, Failure> {
        let mut finals = Vec::new();
        for path in paths {
            let file = File::open(path).map_err(Failure::io("cannot open the ledger", path))?;
            let mut last = Final { path: path.clone(), lines: BufReader::new(file), currency, next: None };
            if last.line()? != HEADER.trim_end() {
                return Err(no_ledger(path));
            }
            last.advance()?;
            finals.push(last);
        }
        Ok(Finals { ledgers: finals, missing: 0 })
    }

    /// Whether a line is billed already; it then counts no more. To be asked in the lines' order.
    pub(crate) fn take(&mut self, key: &[u8; KEY]) -> Result<bool, Failure> {
        for last in &mut self.ledgers {
            while last.next.is_some_and(|next| next < *key) {
                last.advance()?;
                self.missing += 1;
            }
            if last.next == Some(*key) {
                last.advance()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many final lines were not asked for, when all have been.
    pub(crate) fn missing(&mut self) -> Result<u64, Failure> {
        for last in &mut self.ledgers {
            while last.next.is_some() {
                last.advance()?;
                self.missing += 1;
            }
        }
        Ok(self.missing)
    }
}

impl Final {
    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.lines.read_line(&mut line).map_err(Failure::io("cannot read the ledger", &self.path))?;
        Ok(line.trim_end().to_owned())
    }

    fn advance(&mut self) -> Result<(), Failure> {
        let line = loop {
            let line = self.line()?;
            // The last lines are not Microsoft's, and have no key.
            let of = line.split(',').nth(4);
            if of.is_none_or(|of| of == self.currency) || line.starts_with(',') {
                break line;
            }
        };
        let digits = line.split(',').next().unwrap_or_default();
        self.next = None;
        if !digits.is_empty() {
            let mut key = [0; KEY];
            if digits.len() != 2 * KEY || !digits.is_ascii() {
                return Err(no_ledger(&self.path));
            }
            for (byte, two) in key.iter_mut().zip(digits.as_bytes().chunks(2)) {
                let two = std::str::from_utf8(two).unwrap_or_default();
                *byte = u8::from_str_radix(two, 16).map_err(|_| no_ledger(&self.path))?;
            }
            self.next = Some(key);
        }
        Ok(())
    }
}

fn no_ledger(path: &Path) -> Failure {
    fault(&path.display().to_string(), "is no ledger of a final bill").into()
}
