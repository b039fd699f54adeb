//! The ledger of a bill: for each of its lines, what it cost, and why it is charged what it is. The partner's alone.

use crate::amount::Amount;
use crate::failure::Failure;
use crate::identity::{
    InvoiceFingerprint, TENANT_FINGERPRINT, before_invoice, day_of, digest_of, invoice_fingerprint,
    invoice_fingerprint_of, tenant_fingerprint, tenant_fingerprint_of, tenant_id,
};
use crate::job::{BilledCustomer, FinalBill, Job, Tenancy, Terms};
use crate::owners::Owners;
use crate::price::{NO_RULE, Prices, number};
use crate::render::push_text;
use crate::row::{KEY, Row};
use crate::rule::Percent;
use crate::source::fault;
use crate::wording::Message;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// `Line` tells lines apart, in whatever spelling: the key of the line in hexadecimal digits (`identity`), by which ledger and
/// bill are ordered. It is empty for lines that are not Microsoft's: rounding, and corrections of months before. `Content` is a
/// digest of what the line is known by but its invoice, in hexadecimal digits. `Tenant` says on which days the customer has the
/// line's tenant (`since 2026-11-03`); it is empty for all.
pub(crate) const HEADER: &str =
    "Line,Cost,CostCurrency,Charge,ChargeCurrency,RuleId,Rule,PricedFrom,Tenant,Content\n";
/// The headers of ledgers of earlier versions.
const HEADERS_BEFORE: [&str; 2] = [
    "Line,Cost,CostCurrency,Charge,ChargeCurrency,RuleId,Rule,PricedFrom,Content\n",
    "Line,Cost,CostCurrency,Charge,ChargeCurrency,RuleId,Rule,PricedFrom\n",
];

/// What prices lines that no rule matched.
const OWN_MARGIN: &str = "margin of the customer";

/// Why a customer's lines are its, and priced as they are.
pub(crate) struct Reasons<'a> {
    prices: &'a Prices<'a>,
    customer: &'a BilledCustomer,
    /// The customer's tenancies that are not of all days.
    dated: HashMap<[u8; TENANT_FINGERPRINT], Vec<&'a Tenancy>>,
}

impl<'a> Reasons<'a> {
    pub(crate) fn of(customer: &'a BilledCustomer, prices: &'a Prices<'a>) -> Self {
        let mut dated: HashMap<_, Vec<&Tenancy>> = HashMap::new();
        for tenancy in customer.tenants.iter().filter(|tenancy| tenancy.from.or(tenancy.until).is_some()) {
            let fingerprint = tenant_fingerprint(&tenant_id(&tenancy.tenant));
            dated.entry(fingerprint).or_default().push(tenancy);
        }
        Reasons { prices, customer, dated }
    }

    /// The margin of the customer that a line has, and since when, if there was another one.
    fn push_margin(&self, row: Row<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(OWN_MARGIN.as_bytes());
        if let [_, _, ..] = self.customer.terms[..] {
            let day = self.day(row);
            let after = self
                .customer
                .terms
                .partition_point(|terms| terms.from.is_none_or(|from| number(from) <= day));
            if let Some(Terms { from, margin, .. }) = self.customer.terms.get(after.saturating_sub(1)) {
                let percent = Percent::from(*margin);
                // Writing to a vector does not fail.
                let _ = match from {
                    Some(from) => write!(out, ": {percent} % since {from}"),
                    None => write!(out, ": {percent} % at first"),
                };
            }
        }
    }

    /// On which days the customer has the tenant of a line, where these are not all.
    fn push_tenancy(&self, row: Row<'_>, out: &mut Vec<u8>) {
        if self.dated.is_empty() {
            return;
        }
        let day = self.day(row);
        let of_day = |tenancy: &&&Tenancy| {
            tenancy.from.is_none_or(|from| number(from) <= day)
                && tenancy.until.is_none_or(|until| number(until) > day)
        };
        let tenancies = self.dated.get(&tenant_fingerprint_of(&row.key()));
        if let Some(tenancy) = tenancies.into_iter().flatten().find(of_day) {
            out.extend_from_slice(tenancy.days().as_bytes());
        }
    }

    fn day(&self, row: Row<'_>) -> u32 {
        self.prices.day(row.day())
    }
}

/// A line of Microsoft's, its charge given as it is written.
pub(crate) fn push(row: Row<'_>, charge: &[u8], currency: &str, reasons: &Reasons<'_>, out: &mut Vec<u8>) {
    push_hex(&row.key(), out);
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
            reasons.push_margin(row, out);
        }
        rule => {
            let rule = reasons.prices.rules[usize::from(rule)];
            // Writing to a vector does not fail.
            let _ = write!(out, "{},", rule.id);
            push_text(&rule.details.name, out);
        }
    }
    out.push(b',');
    out.extend_from_slice(row.basis().name().as_bytes());
    out.push(b',');
    reasons.push_tenancy(row, out);
    out.push(b',');
    push_hex(&row.content().to_be_bytes(), out);
    out.push(b'\n');
}

/// Bytes as hexadecimal digits.
fn push_hex<const N: usize>(bytes: &[u8; N], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    out.extend_from_slice(digits.as_flattened());
}

/// A line that is not Microsoft's.
pub(crate) fn push_adjustment(what: &str, charge: Amount, currency: &str, out: &mut Vec<u8>) {
    let _ = writeln!(out, ",0,{currency},{charge},{currency},,,{what},,");
}

/// Lines by their invoice.
pub(crate) type Counts = BTreeMap<InvoiceFingerprint, u64>;
/// Of lines that had none when they were billed.
pub(crate) const NO_INVOICE: InvoiceFingerprint = [0; 2];

/// The final bills of a month: their lines are billed already, even if their tenants belong to another customer now.
pub(crate) struct FinalLedger<'a> {
    owners: &'a Owners,
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
    /// Lines by tenant, the days between two changes of owners, and invoice.
    lines: HashMap<([u8; TENANT_FINGERPRINT], u32, InvoiceFingerprint), u64>,
}

impl<'a> FinalLedger<'a> {
    /// Looks through the ledgers of a job.
    pub(crate) fn of(job: &'a Job, owners: &'a Owners) -> Result<FinalLedger<'a>, Failure> {
        let mut finals = FinalLedger {
            owners,
            bills: Vec::new(),
            unbilled: HashMap::new(),
            found: AtomicU64::new(0),
            acknowledged: HashMap::new(),
        };
        for line in &job.acknowledged {
            *finals.acknowledged.entry(*line).or_default() += 1;
        }
        let wanted = job.invoice_id.as_ref().map(|number| invoice_fingerprint(number.as_bytes()));
        finals.read(&job.final_bills, wanted, true)?;
        Ok(finals)
    }

    /// Looks through the ledgers of another month's final bills.
    pub(crate) fn of_other_month(
        bills: &'a [FinalBill],
        owners: &'a Owners,
    ) -> Result<FinalLedger<'a>, Failure> {
        let mut finals = FinalLedger {
            owners,
            bills: Vec::new(),
            unbilled: HashMap::new(),
            found: AtomicU64::new(0),
            acknowledged: HashMap::new(),
        };
        finals.read(bills, None, false)?;
        Ok(finals)
    }

    /// Counts the lines of ledgers. `keeps_unbilled`: whether lines of tenants that no customer is billed for are kept.
    fn read(
        &mut self,
        bills: &'a [FinalBill],
        wanted: Option<InvoiceFingerprint>,
        keeps_unbilled: bool,
    ) -> Result<(), Failure> {
        let owners = self.owners;
        for bill in bills {
            let (mut ledger, mut lines) = (Ledger::open(&bill.ledger)?, HashMap::new());
            while let Some(key) = ledger.next {
                let (of, tenant) = (invoice_fingerprint_of(&key), tenant_fingerprint_of(&key));
                let epoch = owners.epoch(day_of(&key));
                // Lines of other invoices are not in this run.
                if wanted.is_none_or(|wanted| of == wanted || of == NO_INVOICE) {
                    *lines.entry((tenant, epoch, of)).or_default() += 1;
                }
                if keeps_unbilled && !owners.is_billed(tenant, epoch) {
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

    /// The final lines of a customer's tenants, of the days on which it is billed for them, and how many of each invoice there
    /// are.
    pub(crate) fn of_customer(&self, customer: usize) -> Result<(FinalLines<'_>, Counts), Failure> {
        let owners = self.owners;
        let (mut ledgers, mut ahead, mut counts) = (Vec::new(), Vec::new(), Counts::new());
        for Final { bill, lines } in &self.bills {
            let mut has_some = false;
            for ((tenant, epoch, invoice), count) in lines {
                if owners.is_billed_to(*tenant, *epoch, customer) {
                    *counts.entry(*invoice).or_default() += count;
                    has_some = true;
                }
            }
            if has_some {
                ledgers.push(Ledger::open(&bill.ledger)?);
                ahead.push(Ledger::open(&bill.ledger)?);
            }
        }
        Ok((
            FinalLines { ledgers, owners, customer, found: &self.found, ahead, alike: Alike::default() },
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
    owners: &'a Owners,
    /// By its index in the job.
    customer: usize,
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
    /// The invoice of a final line that equals a line in all but the invoice number; that one then counts no more. To be asked in
    /// the lines' order.
    pub(crate) fn under_another_invoice(
        &mut self,
        key: &[u8; KEY],
        content: u64,
    ) -> Result<Option<InvoiceFingerprint>, Failure> {
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
        Ok(found.map(|at| lines.swap_remove(at).0))
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
        let (owners, customer) = (self.owners, self.customer);
        let is_its = |key: &[u8; KEY]| {
            owners.is_billed_to(tenant_fingerprint_of(key), owners.day(day_of(key)), customer)
        };
        self.find(key, |key| missing.extend(Some(key).filter(is_its))).map(drop)
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
        if ledger.line != HEADER.as_bytes()
            && !HEADERS_BEFORE.iter().any(|header| ledger.line == header.as_bytes())
        {
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
        let message = Message::fixed("is no ledger of a final bill", "report-no-ledger");
        fault(&self.path.display().to_string(), message).into()
    }
}
