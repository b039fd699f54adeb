//! The first half of a run: every line read, priced and spooled, and everything summed up that nobody is billed for.

use crate::amount::Amount;
use crate::columns::{Kind, Role};
use crate::currency::Currency;
use crate::failure::{Failure, Fault};
use crate::identity::{self, TAG, tenant_id};
use crate::job::{Job, Progress};
use crate::jsonl;
use crate::layout::Layout;
use crate::ledger::Finals;
use crate::line::{LastCurrency, Line};
use crate::price::Prices;
use crate::render::{MARKS, Plan, text};
use crate::report::{FileRead, Reason};
use crate::row::{HEAD, Head};
use crate::scan::Scan;
use crate::source::{Block, Blocks, Digested, First, Member, fault};
use crate::spool::Spool;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What all threads share while they read.
pub(crate) struct Reading<'a> {
    pub(crate) job: &'a Job,
    pub(crate) prices: &'a Prices<'a>,
    finals: &'a Finals<'a>,
    /// The month that is billed, as `yyyymm`.
    month: u32,
    /// Each tenant's customer, by its id in lower case.
    tenants: HashMap<String, usize>,
    progress: &'a dyn Progress,
    pub(crate) bytes_read: Arc<AtomicU64>,
    pub(crate) bytes_total: u64,
    pub(crate) lines: AtomicU64,
    /// Of each member that was read to its end.
    seen: Mutex<BTreeMap<usize, Seen>>,
    stop: AtomicBool,
}

/// What tells a member from others.
struct Seen {
    lines: u64,
    /// Of its bytes, unpacked.
    digest: u128,
}

/// What one thread has read.
pub(crate) struct Worker<'a> {
    shared: &'a Reading<'a>,
    pub(crate) spool: Spool,
    /// The number of a customer's bill in a currency, in this thread's spool.
    pub(crate) bills: HashMap<(usize, Currency), u32>,
    /// For each, which kinds of lines it has: bit 0 for reconciliation, bit 1 for usage.
    pub(crate) kinds: Vec<u8>,
    /// Tenants by the cell that names them.
    ids: HashMap<Box<[u8]>, usize>,
    tenants: Vec<Tenant>,
    pub(crate) totals: BTreeMap<Currency, Read>,
    /// Lines of a day in the month that is billed.
    pub(crate) in_period: u64,
    pub(crate) formula_mismatches: u64,
    pub(crate) total_mismatches: u64,
    /// Lines by invoice: those that count if it is the run's, or if that has none.
    pub(crate) invoices: BTreeMap<Vec<u8>, u64>,
    last_invoice: (Vec<u8>, u64),
    last_currency: LastCurrency,
    faults: Vec<Misread>,
    scan: Scan,
    csv: Vec<u8>,
    scratch: identity::Scratch,
}

/// The sums of the lines that were read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Read {
    pub(crate) lines: u64,
    pub(crate) cost: Amount,
    pub(crate) tax: Amount,
}

struct Tenant {
    id: String,
    tag: [u8; TAG],
    customer: Option<usize>,
    reason: Option<Reason>,
    name: Option<String>,
    unassigned: BTreeMap<(Reason, Currency), (u64, Amount)>,
    /// The bill of its last line.
    bill: Option<(Currency, u32)>,
}

impl Tenant {
    /// Counts a line that nobody is billed for.
    fn leave(&mut self, reason: Reason, name: String, currency: Currency, cost: Amount) {
        if self.name.as_ref().is_none_or(|known| name < *known) && !name.is_empty() {
            self.name = Some(name);
        }
        let (lines, sum) = self.unassigned.entry((reason, currency)).or_default();
        *lines += 1;
        *sum += cost;
    }
}

/// Lines that nobody is billed for, by tenant, reason and currency: name, count and cost.
pub(crate) type Left = BTreeMap<(String, Reason, Currency), (Option<String>, u64, Amount)>;

/// A fault whose line is not counted yet.
struct Misread {
    member: usize,
    /// Where its record begins.
    offset: u64,
    column: Option<String>,
    message: String,
}

/// A file as it is being read.
struct Reader<'a> {
    member: usize,
    layout: Layout,
    shown: Plan,
    blocks: Mutex<Blocks<'a>>,
    json: bool,
    lines: AtomicU64,
}

const NO_LINES: &str = "has a header and no lines";

impl<'a> Reading<'a> {
    pub(crate) fn of(
        job: &'a Job,
        prices: &'a Prices<'a>,
        finals: &'a Finals<'a>,
        members: &[Member],
        progress: &'a dyn Progress,
    ) -> Result<Self, Failure> {
        let mut tenants = HashMap::new();
        for (i, customer) in job.customers.iter().enumerate() {
            for tenant in &customer.tenants {
                if let Some(other) = tenants.insert(tenant_id(tenant), i)
                    && other != i
                {
                    let message = format!("the tenant {tenant} belongs to two customers");
                    return Err(fault("", message).into());
                }
            }
        }
        Ok(Reading {
            job,
            prices,
            finals,
            month: job.period.number(),
            tenants,
            progress,
            bytes_read: Arc::default(),
            bytes_total: members.iter().map(|member| member.size).sum(),
            lines: AtomicU64::new(0),
            seen: Mutex::default(),
            stop: AtomicBool::new(false),
        })
    }

    /// Refuses members that are read twice under two names, and a run without a line.
    ///
    /// # Errors
    /// Those.
    fn check(&self, members: &[Member]) -> Result<(), Failure> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lines.load(Ordering::Relaxed) == 0 {
            return Err(Failure::Faults(
                members.iter().map(|member| fault(&member.name, NO_LINES)).collect(),
            ));
        }
        let (mut first, mut faults) = (HashMap::new(), Vec::new());
        for (i, Seen { digest, .. }) in seen.iter().filter(|(_, seen)| seen.lines > 0) {
            let same = *first.entry(*digest).or_insert(*i);
            if same != *i {
                let message =
                    format!("has the same lines as {}: they would be billed twice", members[same].name);
                faults.push(fault(&members[*i].name, message));
            }
        }
        faults.truncate(Failure::LIMIT);
        if faults.is_empty() { Ok(()) } else { Err(Failure::Faults(faults)) }
    }

    /// The members, as the report has them.
    pub(crate) fn files(&self, members: &[Member]) -> Vec<FileRead> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let file = |(i, Seen { lines, digest }): (&usize, &Seen)| FileRead {
            file: members[*i].name.clone(),
            lines: *lines,
            digest: format!("{digest:032x}"),
        };
        seen.iter().map(file).collect()
    }

    /// What somebody should know of the members, though they can be billed.
    pub(crate) fn warnings(&self, members: &[Member]) -> Vec<Fault> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = seen.iter().filter(|(_, seen)| seen.lines == 0);
        empty.map(|(i, _)| fault(&members[*i].name, NO_LINES)).collect()
    }

    fn tell(&self) {
        let (read, lines) = (self.bytes_read.load(Ordering::Relaxed), self.lines.load(Ordering::Relaxed));
        self.progress.at(read.min(self.bytes_total), self.bytes_total, lines, 0);
    }

    /// Reads all members on as many threads as the job says.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn run(&'a self, members: &[Member]) -> Result<Vec<Worker<'a>>, Failure> {
        let threads = self.job.threads.max(1);
        let mut workers = (0..threads).map(|i| Worker::new(self, i)).collect::<Result<Vec<_>, Failure>>()?;
        let (packed, plain): (Vec<_>, Vec<_>) =
            members.iter().enumerate().partition(|(_, member)| member.is_packed() && members.len() > 1);
        // Unpacking takes most of the time of a packed file, and one thread: so several at once. Of others each is read
        // by all threads.
        let next = AtomicUsize::new(0);
        each(&mut workers, |worker| {
            while let Some((i, member)) = packed.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.open(*i, member, std::slice::from_mut(worker))?;
            }
            Ok(())
        })?;
        for (i, member) in plain {
            self.open(i, member, &mut workers)?;
        }
        if self.progress.cancelled() {
            return Err(Failure::Cancelled);
        }
        let misread: Vec<Misread> =
            workers.iter_mut().flat_map(|worker| std::mem::take(&mut worker.faults)).collect();
        if !misread.is_empty() {
            return Err(Failure::Faults(located(misread, members)));
        }
        self.check(members)?;
        each(&mut workers, |worker| worker.spool.finish())?;
        Ok(workers)
    }

    /// Reads one member, on as many threads as there are workers.
    fn open(&self, i: usize, member: &Member, workers: &mut [Worker<'a>]) -> Result<(), Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let misread = |(offset, message)| Misread { member: i, offset, column: None, message };
        let mut result = Ok(());
        let opened = member.read(&self.bytes_read, |stream| {
            let mut stream = Digested::of(stream);
            let mut blocks = Blocks::new(&mut stream);
            match self.layout(&mut blocks) {
                Ok((layout, json)) => {
                    let reader = Reader {
                        member: i,
                        shown: Plan::of(&layout, marked(&layout)),
                        layout,
                        blocks: Mutex::new(blocks),
                        json,
                        lines: AtomicU64::new(0),
                    };
                    result = each(workers, |worker| worker.read(&reader));
                    let lines = reader.lines.into_inner();
                    let seen = Seen { lines, digest: stream.digest() };
                    self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(i, seen);
                }
                Err(wrong) => workers[0].faults.extend(wrong.into_iter().map(misread)),
            }
            Ok(())
        });
        if let Err(Fault { message, .. }) = opened {
            workers[0].faults.push(misread((u64::MAX, message)));
        }
        result
    }

    fn layout(&self, blocks: &mut Blocks<'_>) -> Result<(Layout, bool), Vec<(u64, String)>> {
        match blocks.first().map_err(|wrong| vec![wrong])? {
            First::Nothing => Err(vec![(u64::MAX, "is empty".to_owned())]),
            First::Header(header) => {
                let mut scan = Scan::default();
                scan.read(&header);
                if let Some(at) = scan.stray {
                    return Err(vec![(at as u64, STRAY.to_owned())]);
                }
                let mut begin = 0;
                let names = scan.ends.iter().map(|end| {
                    let cell = &header[std::mem::replace(&mut begin, *end as usize + 1)..*end as usize];
                    text(cell.trim_ascii()).trim().to_owned()
                });
                let layout = Layout::of(names.collect(), false);
                layout.map(|layout| (layout, false)).map_err(at_the_beginning)
            }
            First::Json => {
                let line = blocks.peek_line().map_err(|wrong| vec![wrong])?;
                let names = jsonl::names(&line).map_err(|(_, message)| vec![(0, message)])?;
                let found = Layout::of(names, true).map_err(at_the_beginning)?;
                Ok((Layout::whole(found.kind), true))
            }
        }
    }
}

fn at_the_beginning(messages: Vec<String>) -> Vec<(u64, String)> {
    messages.into_iter().map(|message| (0, message)).collect()
}

const STRAY: &str =
    "a quote stands in the middle of a cell: cells with quotes are quoted whole, with \"\" for each";

/// Where the file has what the statement's sums are by: the service; the subscription and its name; and what stands for
/// that where it is empty, of usage the plan.
fn marked(layout: &Layout) -> [Option<usize>; MARKS] {
    let service = match layout.kind {
        Kind::Usage => layout.role(Role::MeterCategory),
        Kind::Reconciliation => layout.role(Role::ProductName),
    };
    let plan = ["SubscriptionId", "SubscriptionDescription"].map(|name| layout.place(name));
    [service, layout.role(Role::SubscriptionId), layout.role(Role::SubscriptionName), plan[0], plan[1]]
}

/// Lets every worker do the same, each on a thread of its own.
pub(crate) fn each<W: Send>(
    workers: &mut [W],
    work: impl Fn(&mut W) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    if let [worker] = workers {
        return work(worker);
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = workers.iter_mut().map(|worker| scope.spawn(|| work(worker))).collect();
        let results = threads.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.collect::<Result<Vec<()>, Failure>>().map(drop)
    })
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Reading<'a>, thread: usize) -> Result<Self, Failure> {
        Ok(Worker {
            shared,
            spool: Spool::create(&shared.job.out, thread)?,
            bills: HashMap::new(),
            kinds: Vec::new(),
            ids: HashMap::new(),
            tenants: Vec::new(),
            totals: BTreeMap::new(),
            in_period: 0,
            formula_mismatches: 0,
            total_mismatches: 0,
            invoices: BTreeMap::new(),
            last_invoice: (Vec::new(), 0),
            last_currency: None,
            faults: Vec::new(),
            scan: Scan::default(),
            csv: Vec::new(),
            scratch: identity::Scratch::default(),
        })
    }

    /// Takes blocks of a file until there are no more.
    fn read(&mut self, reader: &Reader<'_>) -> Result<(), Failure> {
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
        let not_utf8 = std::str::from_utf8(block).err().map(|e| e.valid_up_to());
        let (mut begin, mut first, mut lines) = (0, 0, 0);
        let mut wrong = Vec::new();
        for (record, &last) in scan.records.iter().enumerate() {
            let line = Line {
                layout: &reader.layout,
                block,
                scan: &scan,
                start: begin,
                ends: &scan.ends[first..=last as usize],
            };
            let end = scan.ends[last as usize] as usize;
            if scan.stray.is_some_and(|stray| stray <= end) {
                self.refuse(reader, offset(record, begin), None, STRAY.to_owned());
                self.shared.stop.store(true, Ordering::Relaxed);
                break;
            }
            let wanted = reader.layout.names.len();
            if let Some(bad) = not_utf8.filter(|bad| (begin..end).contains(bad)) {
                let place = line.ends.iter().take_while(|end| (**end as usize) < bad).count();
                let column = reader.layout.names.get(place).cloned();
                self.refuse(
                    reader,
                    offset(record, begin),
                    column,
                    "is not UTF-8: save the file as UTF-8".to_owned(),
                );
            } else if line.ends.len() == wanted {
                lines += 1;
                self.line(reader, &line, careful, &mut wrong)?;
                for (place, message) in wrong.drain(..) {
                    let column = place.map(|place| reader.layout.names[place].clone());
                    self.refuse(reader, offset(record, begin), column, message);
                }
            } else if !block[begin..end].trim_ascii().is_empty() {
                let message = format!("has {} cells, where the header has {wanted}", line.ends.len());
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

    fn refuse(&mut self, reader: &Reader<'_>, offset: u64, column: Option<String>, message: String) {
        self.faults.push(Misread { member: reader.member, offset, column, message });
    }

    /// Prices one line.
    fn line(
        &mut self,
        reader: &Reader<'_>,
        line: &Line<'_>,
        careful: bool,
        wrong: &mut Vec<(Option<usize>, String)>,
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
        self.in_period += u64::from(values.day / 100 == self.shared.month);
        self.formula_mismatches += u64::from(values.formula_mismatch);
        self.total_mismatches += u64::from(values.total_mismatch);

        let tenant = self.tenant(line.get(Role::CustomerId));
        let (customer, of) = match &mut self.tenants[tenant] {
            Tenant { customer: Some(customer), reason: None, id, tag, .. } => {
                (*customer, (id.as_str(), *tag))
            }
            left => {
                let mut why = left.reason.unwrap_or(Reason::NoCustomer);
                if self.shared.finals.are_any() {
                    let key = identity::key(line, &values, (&left.id, left.tag), &mut self.scratch);
                    if self.shared.finals.take_unbilled(&key) {
                        why = Reason::BilledBefore;
                    }
                }
                left.leave(why, text(line.get(Role::CustomerName)), values.currency, cost);
                return Ok(());
            }
        };
        let key = identity::key(line, &values, of, &mut self.scratch);
        let Some(bill_currency) = self.shared.prices.bill_currency(values.currency) else {
            let to = self.shared.prices.single.map_or("", Currency::code);
            let message = format!("{0}: the run was given no rate from {0} to {to}", values.currency);
            wrong.push((line.layout.role(Role::Currency), message));
            return Ok(());
        };
        let priced = match self.shared.prices.price(customer, line, &values, bill_currency) {
            Ok(priced) => priced,
            Err(why) => {
                wrong.push(why);
                return Ok(());
            }
        };
        let bill = match self.tenants[tenant].bill {
            Some((currency, bill)) if currency == bill_currency.0 => bill,
            _ => {
                let next = self.bills.len() as u32;
                let bill = *self.bills.entry((customer, bill_currency.0)).or_insert(next);
                self.tenants[tenant].bill = Some((bill_currency.0, bill));
                self.kinds.resize(self.bills.len(), 0);
                bill
            }
        };
        self.kinds[bill as usize] |= 1 << line.layout.kind as u8;

        let rows = &mut self.spool.rows;
        let begin = rows.len();
        rows.resize(begin + HEAD, 0);
        let [service, subscription, name, plan, plan_name] = reader.shown.write(line, careful, rows);
        let names = match subscription {
            (_, 0) => [service, plan, plan_name],
            _ => [service, subscription, name],
        };
        let kind = line.layout.kind;
        let member = u16::try_from(reader.member).unwrap_or(u16::MAX);
        let head =
            Head { key, cost, currency: values.currency, priced, kind, day: values.day, names, member };
        head.write(&mut rows[begin..]);
        self.spool.push(bill, begin, &key)
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
        let customer = self.shared.tenants.get(&id).copied();
        let reason = match customer {
            None => Some(Reason::NoCustomer),
            Some(customer) if !self.shared.job.customers[customer].billing_enabled => {
                Some(Reason::BillingOff)
            }
            Some(_) => None,
        };
        let tenant = self.tenants.iter().position(|known| known.id == id).unwrap_or_else(|| {
            let unassigned = BTreeMap::new();
            let tag = identity::tag(&id);
            self.tenants.push(Tenant { id, tag, customer, reason, name: None, unassigned, bill: None });
            self.tenants.len() - 1
        });
        self.ids.insert(cell.into(), tenant);
        tenant
    }

    /// Adds what nobody is billed for to what other threads have found.
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

/// Counts the lines up to each fault, reading its file once more.
fn located(misread: Vec<Misread>, members: &[Member]) -> Vec<Fault> {
    let mut of_members: BTreeMap<usize, Vec<Misread>> = BTreeMap::new();
    for fault in misread {
        of_members.entry(fault.member).or_default().push(fault);
    }
    let mut faults = Vec::new();
    for (i, mut of_member) in of_members {
        let member = &members[i];
        of_member.sort_by_key(|fault| fault.offset);
        let mut offsets: Vec<u64> = of_member.iter().map(|fault| fault.offset).collect();
        offsets.retain(|offset| *offset != u64::MAX);
        let mut lines = Vec::new();
        let counted = member.read(&Arc::default(), |stream| {
            lines = crate::source::lines_at(stream, &offsets);
            Ok(())
        });
        drop(counted);
        for (n, Misread { column, message, .. }) in of_member.into_iter().enumerate() {
            faults.push(Fault { file: member.name.clone(), line: lines.get(n).copied(), column, message });
        }
    }
    faults.truncate(Failure::LIMIT);
    faults
}
