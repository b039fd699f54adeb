//! One thread's part of the reading: lines priced and spooled, or summed up where no customer is billed for them.

use super::{Misread, Reader, Reading, stray_quote};
use crate::amount::Amount;
use crate::cells::Cells;
use crate::columns::Role;
use crate::coverage::Coverage;
use crate::credit::Credit;
use crate::currency::Currency;
use crate::detail::Details;
use crate::failure::Failure;
use crate::identity::{self, TENANT_FINGERPRINT, tenant_id};
use crate::jsonl;
use crate::line::{LastCurrency, Line, Wrong};
use crate::owners::{Owner, Span, owner_on};
use crate::price::{CreditUse, RuleUse};
use crate::render::text;
use crate::report::Reason;
use crate::row::{HEAD, Head, member_number, unpriced};
use crate::scan::Scan;
use crate::source::Block;
use crate::spool::Spool;
use crate::warning::Tally;
use crate::wording::{Message, Wording};
use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// What one thread has read.
pub(crate) struct Worker<'a> {
    shared: &'a Reading<'a>,
    pub(crate) spool: Spool,
    /// The number of a customer's bill in a currency, in this thread's spool.
    pub(crate) bills: HashMap<(usize, Currency), u32>,
    /// The number under which lines are that no customer is billed for, where they are to be compared.
    pub(crate) unbilled: Option<u32>,
    /// For each number, which kinds of lines it has: bit 0 for reconciliation, bit 1 for usage.
    pub(crate) kinds: Vec<u8>,
    /// Tenants by the cell that names them.
    ids: Cells<usize>,
    tenants: Vec<Tenant<'a>>,
    pub(crate) totals: BTreeMap<Currency, Read>,
    /// Of the file that is being read.
    coverage: Coverage,
    /// By the number of the member.
    pub(crate) coverages: BTreeMap<usize, Coverage>,
    pub(crate) formula_mismatches: u64,
    pub(crate) total_mismatches: u64,
    /// Lines by invoice: those that count if it is the run's, or if that has none.
    pub(crate) invoices: BTreeMap<Vec<u8>, u64>,
    pub(super) details: Details,
    /// Whether it reads adjustment lines: they belong to no group, and price rules do not apply to them.
    pub(super) adjusting: bool,
    /// By the number of a price rule.
    pub(crate) rule_uses: Vec<RuleUse>,
    /// Lines that an Azure credit covers, and how much it is.
    pub(crate) azure_credits: Tally,
    last_invoice: (Vec<u8>, u64),
    last_currency: LastCurrency,
    pub(super) faults: Vec<Misread>,
    scan: Scan,
    csv: Vec<u8>,
    /// The row of the line that is being priced.
    row: Vec<u8>,
    scratch: identity::Scratch,
}

/// The sums of the lines that were read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Read {
    pub(crate) lines: u64,
    pub(crate) cost: Amount,
    pub(crate) tax: Amount,
}

struct Tenant<'a> {
    id: String,
    fingerprint: [u8; TENANT_FINGERPRINT],
    /// Who has it when.
    spans: &'a [Span],
    name: Option<String>,
    unassigned: BTreeMap<(Reason, Currency), (u64, Amount)>,
    /// The bill of its last line: customer, currency, number.
    bill: Option<(usize, Currency, u32)>,
}

impl Tenant<'_> {
    /// Counts a line that no customer is billed for.
    fn leave(&mut self, reason: Reason, name: String, currency: Currency, cost: Amount) {
        if self.name.as_ref().is_none_or(|known| name < *known) && !name.is_empty() {
            self.name = Some(name);
        }
        let (lines, sum) = self.unassigned.entry((reason, currency)).or_default();
        *lines += 1;
        *sum += cost;
    }
}

const NOT_UTF8: &str = "is not UTF-8: save the file as UTF-8";
const NULL: &str = "has the character U+0000 in it, which no text has: the file is damaged, or is no text";
const HEADER_AGAIN: &str = "repeats the header among the lines: were files put one behind the other? Take the headers out, or give \
                            each file by itself";

/// The next number of what is in the spool.
fn next(kinds: &mut Vec<u8>) -> u32 {
    kinds.push(0);
    kinds.len() as u32 - 1
}

/// Lines that no customer is billed for, by tenant, reason and currency: name, count and cost.
pub(crate) type Left = BTreeMap<(String, Reason, Currency), (Option<String>, u64, Amount)>;

impl<'a> Worker<'a> {
    pub(super) fn new(shared: &'a Reading<'a>, thread: usize) -> Result<Self, Failure> {
        Ok(Worker {
            shared,
            spool: Spool::create(&shared.job.out, thread)?,
            bills: HashMap::new(),
            unbilled: None,
            kinds: Vec::new(),
            ids: Cells::default(),
            tenants: Vec::new(),
            totals: BTreeMap::new(),
            coverage: Coverage::default(),
            coverages: BTreeMap::new(),
            formula_mismatches: 0,
            total_mismatches: 0,
            invoices: BTreeMap::new(),
            details: Details::default(),
            adjusting: false,
            rule_uses: vec![RuleUse::default(); shared.prices.rules.len()],
            azure_credits: Tally::default(),
            last_invoice: (Vec::new(), 0),
            last_currency: None,
            faults: Vec::new(),
            scan: Scan::default(),
            csv: Vec::new(),
            row: Vec::new(),
            scratch: identity::Scratch::default(),
        })
    }

    /// Takes blocks of a file until there are no more.
    pub(super) fn read(&mut self, reader: &Reader<'_>) -> Result<(), Failure> {
        let mut block = Block::default();
        let mut names = jsonl::Names::default();
        let mut offsets = Vec::new();
        while !self.shared.stop.load(Ordering::Relaxed) {
            match reader.blocks.lock().unwrap_or_else(PoisonError::into_inner).next(&mut block) {
                Ok(true) => {}
                Ok(false) => break,
                Err((offset, message)) => {
                    self.refuse(reader, offset, None, message);
                    break;
                }
            }
            if reader.json {
                let mut csv = std::mem::take(&mut self.csv);
                self.convert(reader, &block, &mut names, &mut csv, &mut offsets);
                self.take(reader, &csv, |record, _| offsets[record])?;
                self.csv = csv;
            } else {
                let offset = block.offset;
                self.take(reader, &block.bytes, |_, begin| offset + begin as u64)?;
            }
            self.shared.tell();
            if self.shared.progress.cancelled() {
                self.shared.stop.store(true, Ordering::Relaxed);
            }
        }
        let (last, count) = std::mem::take(&mut self.last_invoice);
        if count > 0 {
            *self.invoices.entry(last).or_default() += count;
        }
        let coverage = std::mem::take(&mut self.coverage);
        self.coverages.entry(reader.member).or_default().merge(&coverage);
        Ok(())
    }

    /// JSON Lines as CSV, and where in the file each record comes from.
    fn convert(
        &mut self,
        reader: &Reader<'_>,
        block: &Block,
        names: &mut jsonl::Names,
        csv: &mut Vec<u8>,
        offsets: &mut Vec<u64>,
    ) {
        csv.clear();
        offsets.clear();
        let mut offset = block.offset;
        for line in block.bytes.split_inclusive(|b| *b == b'\n') {
            let trimmed = line.trim_ascii();
            let length = csv.len();
            if !trimmed.is_empty() {
                match jsonl::to_csv(trimmed, reader.layout.kind, names, csv) {
                    Ok(()) => offsets.push(offset),
                    Err((character, message)) => {
                        csv.truncate(length);
                        let column = character.map(|character| format!("character {character}"));
                        self.refuse(reader, offset, column, message);
                    }
                }
            }
            offset += line.len() as u64;
        }
    }

    /// Prices all records of a block.
    fn take(
        &mut self,
        reader: &Reader<'_>,
        block: &[u8],
        offset: impl Fn(usize, usize) -> u64,
    ) -> Result<(), Failure> {
        let mut scan = std::mem::take(&mut self.scan);
        scan.read(block);
        let careful = memchr::memchr(b'\r', block).is_some();
        let not_utf8 =
            if block.is_ascii() { None } else { std::str::from_utf8(block).err().map(|e| e.valid_up_to()) };
        // No text of PostgreSQL's can have one.
        let null = memchr::memchr(0, block);
        let no_text = [(not_utf8, NOT_UTF8, "report-not-utf-8"), (null, NULL, "report-null")]
            .into_iter()
            .filter_map(|(at, message, id)| Some((at?, message, id)))
            .min();
        let (mut begin, mut first, mut lines) = (0, 0, 0);
        let mut wrong = Vec::new();
        for (record, &last) in scan.records.iter().enumerate() {
            let line = Line {
                layout: &reader.layout,
                block,
                scan: &scan,
                start: begin,
                ends: &scan.ends()[first..=last as usize],
            };
            let end = scan.ends()[last as usize] as usize;
            if scan.stray.is_some_and(|stray| stray <= end) {
                self.refuse(reader, offset(record, begin), None, stray_quote());
                self.shared.stop.store(true, Ordering::Relaxed);
                break;
            }
            let wanted = reader.layout.names.len();
            if let Some((bad, message, id)) = no_text.filter(|(bad, ..)| (begin..end).contains(bad)) {
                let place = line.ends.iter().take_while(|end| (**end as usize) < bad).count();
                let column = reader.layout.names.get(place).cloned();
                self.refuse(reader, offset(record, begin), column, Message::fixed(message, id));
            } else if line.ends.len() == wanted {
                lines += 1;
                self.line(reader, &line, careful, &mut wrong)?;
                if !wrong.is_empty() && line.repeats_the_header() {
                    wrong = vec![(None, Message::fixed(HEADER_AGAIN, "report-header-again"))];
                }
                for (place, message) in wrong.drain(..) {
                    let column = place.map(|place| reader.layout.names[place].clone());
                    self.refuse(reader, offset(record, begin), column, message);
                }
            } else if !block[begin..end].trim_ascii().is_empty() {
                let cells = line.ends.len();
                let message = format!("has {cells} cells, where the header has {wanted}");
                let values = [("cells", cells.into()), ("wanted", wanted.into())];
                let message = Message::worded(message, Wording::new("report-cells", values));
                self.refuse(reader, offset(record, begin), None, message);
            }
            if self.faults.len() >= Failure::LIMIT {
                self.shared.stop.store(true, Ordering::Relaxed);
                break;
            }
            (begin, first) = (end + 1, last as usize + 1);
        }
        self.shared.lines.fetch_add(lines, Ordering::Relaxed);
        reader.lines.fetch_add(lines, Ordering::Relaxed);
        self.scan = scan;
        Ok(())
    }

    fn refuse(&mut self, reader: &Reader<'_>, offset: u64, column: Option<String>, message: Message) {
        self.faults.push(Misread { member: reader.member, offset, column, message });
    }

    /// Prices one line.
    fn line(
        &mut self,
        reader: &Reader<'_>,
        line: &Line<'_>,
        careful: bool,
        wrong: &mut Vec<Wrong>,
    ) -> Result<(), Failure> {
        let invoice = line.get(Role::Invoice);
        self.count_invoice(invoice);
        if self
            .shared
            .job
            .invoice_id
            .as_ref()
            .is_some_and(|wanted| !invoice.eq_ignore_ascii_case(wanted.as_bytes()))
        {
            return Ok(());
        }
        let Some(values) = line.values(&mut self.last_currency, wrong) else { return Ok(()) };
        let cost = Amount::from(values.cost);
        let total = self.totals.entry(values.currency).or_default();
        total.lines += 1;
        total.cost += cost;
        if values.tax.mantissa != 0 {
            total.tax += values.tax.into();
        }
        self.coverage.see(line, &values, cost, self.shared.month, invoice);
        self.formula_mismatches += u64::from(values.formula_mismatch);
        self.total_mismatches += u64::from(values.total_mismatch);

        let tenant = self.tenant(line.get(Role::CustomerId));
        let group = match self.shared.details && !self.adjusting {
            true => self.details.see(line, &values, &self.tenants[tenant].id),
            false => 0,
        };
        let known = &mut self.tenants[tenant];
        let (customer, margin) = match owner_on(known.spans, self.shared.owners.day(values.day)) {
            Owner::Billed { customer, margin } => (customer, margin),
            owner => {
                let left = known;
                let mut why = if owner == Owner::NotBilled { Reason::BillingOff } else { Reason::NoCustomer };
                let key = (self.shared.compares || self.shared.finals.are_any())
                    .then(|| identity::key(line, &values, (&left.id, left.fingerprint), &mut self.scratch).0);
                if key.is_some_and(|key| self.shared.finals.contains_unbilled_and_count(&key)) {
                    why = Reason::BilledBefore;
                }
                if group != 0 {
                    self.details.was_left(line.layout.kind, why, cost);
                }
                left.leave(why, text(line.get(Role::CustomerName)), values.currency, cost);
                let Some(key) = key.filter(|_| self.shared.compares) else { return Ok(()) };
                let kinds = &mut self.kinds;
                let unbilled = *self.unbilled.get_or_insert_with(|| next(kinds));
                return self.spool.push(unbilled, &unpriced(&key, member_number(reader.member)), &key);
            }
        };
        let (key, content) = identity::key(line, &values, (&known.id, known.fingerprint), &mut self.scratch);
        let Some(bill_currency) = self.shared.prices.bill_currency(values.currency) else {
            let (from, to) = (values.currency.code(), self.shared.prices.single.map_or("", Currency::code));
            let message = format!("{from}: the run was given no rate from {from} to {to}");
            let wording = Wording::new("report-no-rate", [("currency", from.into()), ("other", to.into())]);
            wrong.push((line.layout.role(Role::Currency), Message::worded(message, wording)));
            return Ok(());
        };
        let prices = self.shared.prices;
        let priced = match self.adjusting {
            true => prices.by_margin(margin, line, &values, bill_currency.1),
            false => prices.price((customer, margin), line, &values, bill_currency, &mut self.rule_uses),
        };
        let priced = match priced {
            Ok(priced) => priced,
            Err(why) => {
                wrong.push(why);
                return Ok(());
            }
        };
        if priced.credit_use == CreditUse::Missing {
            self.coverage.credit_unknown.add(values.currency, cost);
        }
        if matches!(values.credit, Credit::Disputed(_)) {
            self.coverage.credit_disputed.add(values.currency, cost);
        }
        if values.azure_credit.is_some_and(|share| share.mantissa != 0) {
            self.azure_credits.add(values.currency, values.azure_credited());
        }
        let bill = match self.tenants[tenant].bill {
            Some((owner, currency, bill)) if (owner, currency) == (customer, bill_currency.0) => bill,
            _ => {
                let kinds = &mut self.kinds;
                let bill = *self.bills.entry((customer, bill_currency.0)).or_insert_with(|| next(kinds));
                self.tenants[tenant].bill = Some((customer, bill_currency.0, bill));
                bill
            }
        };
        self.kinds[bill as usize] |= 1 << line.layout.kind as u8;

        let row = &mut self.row;
        row.resize(HEAD, 0);
        let [service, subscription, name, plan, plan_name, publisher, billable, quantity] =
            reader.shown.write(line, careful, row);
        let quantity = if billable.1 == 0 { quantity } else { billable };
        let names = match subscription {
            (_, 0) => [service, plan, plan_name, publisher, quantity],
            _ => [service, subscription, name, publisher, quantity],
        };
        let kind = line.layout.kind;
        let member = member_number(reader.member);
        let head = Head {
            key,
            cost,
            currency: values.currency,
            priced,
            kind,
            day: values.day,
            names,
            member,
            content,
            group,
        };
        head.write(row);
        self.spool.push(bill, row, &key)
    }

    /// Invoices come in long rows, so only the change from one to another costs something.
    fn count_invoice(&mut self, invoice: &[u8]) {
        if self.last_invoice.0 != invoice || self.last_invoice.1 == 0 {
            let (last, count) = std::mem::replace(&mut self.last_invoice, (invoice.to_owned(), 0));
            if count > 0 {
                *self.invoices.entry(last).or_default() += count;
            }
        }
        self.last_invoice.1 += 1;
    }

    /// The tenant that a cell names, with or without `org:`.
    fn tenant(&mut self, cell: &[u8]) -> usize {
        if let Some(known) = self.ids.get(cell) {
            return *known;
        }
        let id = tenant_id(&text(cell));
        let tenant = self.tenants.iter().position(|known| known.id == id).unwrap_or_else(|| {
            let unassigned = BTreeMap::new();
            let fingerprint = identity::tenant_fingerprint(&id);
            let spans = self.shared.owners.of_tenant(&id);
            self.tenants.push(Tenant { id, fingerprint, spans, name: None, unassigned, bill: None });
            self.tenants.len() - 1
        });
        self.ids.insert(cell.into(), tenant);
        tenant
    }

    /// Adds what no customer is billed for to what other threads have found.
    pub(crate) fn add_unassigned(&self, left: &mut Left) {
        for tenant in &self.tenants {
            for ((reason, currency), (lines, cost)) in &tenant.unassigned {
                let (name, all_lines, sum) = left.entry((tenant.id.clone(), *reason, *currency)).or_default();
                if let Some(here) = &tenant.name
                    && name.as_ref().is_none_or(|known| here < known)
                {
                    *name = Some(here.clone());
                }
                *all_lines += lines;
                *sum += *cost;
            }
        }
    }
}
