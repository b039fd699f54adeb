//! The ledger of a bill: for each of its lines, what it cost, and why it is charged what it is. The partner's alone.

use crate::amount::Amount;
use crate::failure::Failure;
use crate::identity::{
    InvoiceFingerprint, TENANT_FINGERPRINT, before_invoice, digest_of, invoice_fingerprint,
    invoice_fingerprint_of, tenant_fingerprint, tenant_fingerprint_of, tenant_id,
};
use crate::job::{FinalBill, Job};
use crate::price::{NO_RULE, Prices};
use crate::render::push_text;
use crate::row::{KEY, Row};
use crate::source::fault;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// `Line` tells lines apart, in whatever spelling: the key of the line in hexadecimal digits (`identity`), by which ledger and
/// bill are ordered. It is empty for lines that are not Microsoft's: rounding, and corrections of months before. `Content` is a
/// digest of what the line is known by but its invoice, in hexadecimal digits.
pub(crate) const HEADER: &str =
    "Line,Cost,CostCurrency,Charge,ChargeCurrency,RuleId,Rule,PricedFrom,Content\n";
/// The header of ledgers of earlier versions.
const HEADER_WITHOUT_CONTENT: &str = "Line,Cost,CostCurrency,Charge,ChargeCurrency,RuleId,Rule,PricedFrom\n";

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
    // Writing to a vector does not fail.
    let _ = writeln!(out, ",{:016x}", row.content());
}

/// A line that is not Microsoft's.
pub(crate) fn push_adjustment(what: &str, charge: Amount, currency: &str, out: &mut Vec<u8>) {
    let _ = writeln!(out, ",0,{currency},{charge},{currency},,,{what},");
}

/// Lines by their invoice.
pub(crate) type Counts = BTreeMap<InvoiceFingerprint, u64>;
/// Of lines that had none when they were billed.
pub(crate) const NO_INVOICE: InvoiceFingerprint = [0; 2];

/// The final bills of a month: their lines are billed already, even if their tenants belong to another customer now.
pub(crate) struct FinalLedger<'a> {
    bills: Vec<Final<'a>>,
    /// Lines of tenants that no customer is billed for any more, and how many of each were not found again.
    unbilled: HashMap<[u8; KEY], AtomicU64>,
    /// How many lines were found again.
    found: AtomicU64,
    /// Lines that are known to be missing, by their digest, and how many of each.
    acknowledged: HashMap<u64, u64>,
}

struct Final<'a> {
    bill: &'a FinalBill,
    /// Lines by tenant and invoice.
    lines: HashMap<([u8; TENANT_FINGERPRINT], InvoiceFingerprint), u64>,
}

impl<'a> FinalLedger<'a> {
    /// Looks through the ledgers of a job. `billed`: the fingerprints of the tenants that a customer is billed for.
    pub(crate) fn of(
        job: &'a Job,
        billed: &HashSet<[u8; TENANT_FINGERPRINT]>,
    ) -> Result<FinalLedger<'a>, Failure> {
        let mut finals = FinalLedger {
            bills: Vec::new(),
            unbilled: HashMap::new(),
            found: AtomicU64::new(0),
            acknowledged: HashMap::new(),
        };
        for line in &job.acknowledged {
            *finals.acknowledged.entry(*line).or_default() += 1;
        }
        let wanted = job.invoice_id.as_ref().map(|number| invoice_fingerprint(number.as_bytes()));
        finals.read(&job.final_bills, wanted, Some(billed))?;
        Ok(finals)
    }

    /// Looks through the ledgers of another month's final bills.
    pub(crate) fn of_other_month(bills: &'a [FinalBill]) -> Result<FinalLedger<'a>, Failure> {
        let mut finals = FinalLedger {
            bills: Vec::new(),
            unbilled: HashMap::new(),
            found: AtomicU64::new(0),
            acknowledged: HashMap::new(),
        };
        finals.read(bills, None, None)?;
        Ok(finals)
    }

    /// Counts the lines of ledgers. Lines of tenants that are not billed are kept, where `billed` says which are.
    fn read(
        &mut self,
        bills: &'a [FinalBill],
        wanted: Option<InvoiceFingerprint>,
        billed: Option<&HashSet<[u8; TENANT_FINGERPRINT]>>,
    ) -> Result<(), Failure> {
        for bill in bills {
            let (mut ledger, mut lines) = (Ledger::open(&bill.ledger)?, HashMap::new());
            while let Some(key) = ledger.next {
                let of = invoice_fingerprint_of(&key);
                // Lines of other invoices are not in this run.
                if wanted.is_none_or(|wanted| of == wanted || of == NO_INVOICE) {
                    *lines.entry((tenant_fingerprint_of(&key), of)).or_default() += 1;
                }
                if billed.is_some_and(|billed| !billed.contains(&tenant_fingerprint_of(&key))) {
                    *self.unbilled.entry(key).or_default().get_mut() += 1;
                }
                ledger.advance()?;
            }
            self.bills.push(Final { bill, lines });
        }
        Ok(())
    }

    /// Whether the month is final for a customer.
    pub(crate) fn are_any(&self) -> bool {
        !self.bills.is_empty()
    }

    /// The lines of these tenants that are final, and how many of each invoice there are.
    pub(crate) fn of_tenants(&self, tenants: &[String]) -> Result<(FinalLines<'_>, Counts), Failure> {
        let fingerprints: HashSet<[u8; TENANT_FINGERPRINT]> =
            tenants.iter().map(|tenant| tenant_fingerprint(&tenant_id(tenant))).collect();
        let (mut ledgers, mut ahead, mut counts) = (Vec::new(), Vec::new(), Counts::new());
        for Final { bill, lines } in &self.bills {
            let mut has_some = false;
            for ((_, invoice), count) in lines.iter().filter(|((tenant, _), _)| fingerprints.contains(tenant))
            {
                *counts.entry(*invoice).or_default() += count;
                has_some = true;
            }
            if has_some {
                ledgers.push(Ledger::open(&bill.ledger)?);
                ahead.push(Ledger::open(&bill.ledger)?);
            }
        }
        Ok((
            FinalLines { ledgers, tenants: fingerprints, found: &self.found, ahead, alike: Alike::default() },
            counts,
        ))
    }

    /// Whether a line that no customer is billed for any more is billed already; it then counts no more.
    pub(crate) fn contains_unbilled_and_count(&self, key: &[u8; KEY]) -> bool {
        let Some(count) = self.unbilled.get(key) else { return false };
        let less = |count: u64| count.checked_sub(1);
        let taken = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        self.found.fetch_add(taken.into(), Ordering::Relaxed);
        taken
    }

    /// Of these missing lines, those that are not acknowledged, by their digest.
    pub(crate) fn unsearched(&self, missing: &[[u8; KEY]]) -> Vec<u64> {
        let mut known = self.acknowledged.clone();
        let mut unsearched: Vec<u64> = missing.iter().map(digest_of).collect();
        unsearched.retain(|line| match known.get_mut(line) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
        unsearched
    }

    /// How many final lines were not found again, when all lines have been asked for.
    pub(crate) fn missing(&self) -> u64 {
        let all: u64 = self.bills.iter().flat_map(|bill| bill.lines.values()).sum();
        all - self.found.load(Ordering::Relaxed)
    }
}

/// The final lines of a customer's tenants, to be told from new ones.
pub(crate) struct FinalLines<'a> {
    ledgers: Vec<Ledger<'a>>,
    tenants: HashSet<[u8; TENANT_FINGERPRINT]>,
    found: &'a AtomicU64,
    /// The ledgers once more, read up to the lines that may equal the current one in all but the invoice.
    ahead: Vec<Ledger<'a>>,
    alike: Alike,
}

/// Final lines whose keys are the same up to the invoice.
#[derive(Default)]
struct Alike {
    before_invoice: Vec<u8>,
    /// Invoice and content of each that has not been found again.
    lines: Vec<(InvoiceFingerprint, u64)>,
}

impl FinalLines<'_> {
    /// Whether a line equals a final one in all but the invoice number; that one then counts no more. To be asked in the lines'
    /// order.
    pub(crate) fn has_under_another_invoice(
        &mut self,
        key: &[u8; KEY],
        content: u64,
    ) -> Result<bool, Failure> {
        let wanted = before_invoice(key);
        if self.alike.before_invoice != wanted {
            wanted.clone_into(&mut self.alike.before_invoice);
            self.alike.lines.clear();
            for ledger in &mut self.ahead {
                while let Some(next) = ledger.next.filter(|next| before_invoice(next) <= wanted) {
                    if before_invoice(&next) == wanted
                        && let Some(content) = ledger.content()
                    {
                        self.alike.lines.push((invoice_fingerprint_of(&next), content));
                    }
                    ledger.advance()?;
                }
            }
        }
        let invoice = invoice_fingerprint_of(key);
        let lines = &mut self.alike.lines;
        let found = lines.iter().position(|line| line.0 != invoice && line.1 == content);
        Ok(found.map(|at| lines.swap_remove(at)).is_some())
    }

    /// Whether a line is billed already; it then counts no more. To be asked in the lines' order.
    pub(crate) fn contains_and_count(&mut self, key: &[u8; KEY]) -> Result<bool, Failure> {
        let found = self.find(key, |_| ())?;
        self.found.fetch_add(found.into(), Ordering::Relaxed);
        Ok(found)
    }

    /// Like [`FinalLines::contains_and_count`], but collects the skipped keys in `missing` and does not count the match.
    pub(crate) fn contains_collecting_missing(
        &mut self,
        key: &[u8; KEY],
        missing: &mut Vec<[u8; KEY]>,
    ) -> Result<(), Failure> {
        let tenants = std::mem::take(&mut self.tenants);
        let missed =
            |key| missing.extend(Some(key).filter(|key| tenants.contains(&tenant_fingerprint_of(key))));
        let found = self.find(key, missed);
        self.tenants = tenants;
        found.map(drop)
    }

    fn find(&mut self, key: &[u8; KEY], mut missed: impl FnMut([u8; KEY])) -> Result<bool, Failure> {
        for ledger in &mut self.ledgers {
            while let Some(next) = ledger.next.filter(|next| next < key) {
                missed(next);
                ledger.advance()?;
            }
            if ledger.next == Some(*key) {
                ledger.advance()?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The lines of a final bill, in their order.
struct Ledger<'a> {
    path: &'a Path,
    lines: BufReader<File>,
    line: Vec<u8>,
    next: Option<[u8; KEY]>,
}

impl<'a> Ledger<'a> {
    fn open(path: &'a Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(Failure::io("cannot open the ledger", path))?;
        let lines = BufReader::with_capacity(64 << 10, file);
        let mut ledger = Ledger { path, lines, line: Vec::new(), next: None };
        ledger.read()?;
        if ![HEADER, HEADER_WITHOUT_CONTENT].iter().any(|header| ledger.line == header.as_bytes()) {
            return Err(ledger.is_none());
        }
        ledger.advance()?;
        Ok(ledger)
    }

    fn read(&mut self) -> Result<(), Failure> {
        self.line.clear();
        let read = self.lines.read_until(b'\n', &mut self.line);
        read.map_err(Failure::io("cannot read the ledger", self.path)).map(drop)
    }

    fn advance(&mut self) -> Result<(), Failure> {
        self.read()?;
        // The last lines are not Microsoft's, and have no key.
        self.next = match self.line.first() {
            None | Some(b',') => None,
            _ => Some(self.key().ok_or_else(|| self.is_none())?),
        };
        Ok(())
    }

    fn key(&self) -> Option<[u8; KEY]> {
        let mut key = [0; KEY];
        if self.line.get(2 * KEY) != Some(&b',') {
            return None;
        }
        for (byte, two) in key.iter_mut().zip(self.line.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?;
        }
        Some(key)
    }

    /// The digest of what the current line is known by but its invoice; `None` in ledgers of earlier versions.
    fn content(&self) -> Option<u64> {
        let line = self.line.strip_suffix(b"\n")?;
        let (_, content) = line.split_last_chunk::<17>()?;
        let digits = content.strip_prefix(b",")?;
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }

    fn is_none(&self) -> Failure {
        fault(&self.path.display().to_string(), "is no ledger of a final bill").into()
    }
}
