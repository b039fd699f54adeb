//! The first half of a run: every line read, priced and spooled, and everything summed up that no customer is billed for.

mod worker;

pub(crate) use worker::{Left, Read, Worker};

use crate::columns::{Kind, Role};
use crate::detail::{Details, Verdicts};
use crate::failure::{Failure, Fault};
use crate::foreign::WANTED;
use crate::job::{Job, Progress};
use crate::jsonl;
use crate::layout::Layout;
use crate::ledger::FinalLedger;
use crate::overlap::Overlap;
use crate::owners::Owners;
use crate::price::Prices;
use crate::render::{MARKS, Plan, text};
use crate::report::FileRead;
use crate::scan::Scan;
use crate::source::{Blocks, Digested, First, Member, Unreadable, fault};
use crate::warning::{Warning, WarningCode};
use crate::wording::{Message, Wording};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What all threads share while they read.
pub(crate) struct Reading<'a> {
    pub(crate) job: &'a Job,
    pub(crate) prices: &'a Prices<'a>,
    finals: &'a FinalLedger<'a>,
    /// Whether lines of several files are compared.
    compares: bool,
    /// Whether there can be sums and details of the same usage.
    details: bool,
    /// The month that is billed, as `yyyymm`.
    month: u32,
    owners: &'a Owners,
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
    /// Whether it is JSON Lines and no part of an export.
    is_loose: bool,
}

/// A fault whose line is not counted yet.
struct Misread {
    member: usize,
    /// Where its record begins.
    offset: u64,
    column: Option<String>,
    message: Message,
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

/// The member that adjustment lines are of.
const NO_MEMBER: usize = usize::MAX;
fn no_lines() -> Message {
    Message::fixed("has a header and no lines", "report-empty-file")
}
const SINGLE_PART: &str = "is a part of a Graph export without its manifest, which says how many parts belong together: give the \
                           folder of the export, or accept no_manifest";

impl<'a> Reading<'a> {
    pub(crate) fn of(
        job: &'a Job,
        prices: &'a Prices<'a>,
        finals: &'a FinalLedger<'a>,
        owners: &'a Owners,
        members: &[Member],
        progress: &'a dyn Progress,
    ) -> Self {
        Reading {
            job,
            prices,
            finals,
            compares: Overlap::can_tell(members),
            details: Details::can_tell(members),
            month: job.period.number(),
            owners,
            progress,
            bytes_read: Arc::default(),
            bytes_total: members.iter().map(|member| member.size).sum(),
            lines: AtomicU64::new(0),
            seen: Mutex::default(),
            stop: AtomicBool::new(false),
        }
    }

    /// Refuses members that are read twice under two names, and a run without a line.
    ///
    /// # Errors
    /// Those.
    fn check(&self, members: &[Member]) -> Result<(), Failure> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lines.load(Ordering::Relaxed) == 0 {
            return Err(Failure::Faults(
                members.iter().map(|member| fault(&member.name, no_lines())).collect(),
            ));
        }
        let (mut first, mut faults) = (HashMap::new(), Vec::new());
        for (i, Seen { digest, .. }) in seen.iter().filter(|(_, seen)| seen.lines > 0) {
            let same = *first.entry(*digest).or_insert(*i);
            if same != *i {
                let other = &members[same].name;
                let message = format!("has the same lines as {other}: leave one of the two out");
                let wording = Wording::new("report-same-lines", [("other", other.into())]);
                faults.push(fault(&members[*i].name, Message::worded(message, wording)));
            }
        }
        faults.truncate(Failure::LIMIT);
        if faults.is_empty() { Ok(()) } else { Err(Failure::Faults(faults)) }
    }

    /// The members, as the report has them.
    pub(crate) fn files(&self, members: &[Member]) -> Vec<FileRead> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let file = |(i, Seen { lines, digest, .. }): (&usize, &Seen)| FileRead {
            file: members[*i].name.clone(),
            lines: *lines,
            digest: format!("{digest:032x}"),
        };
        seen.iter().map(file).collect()
    }

    /// Warnings about the members, which can be billed nevertheless.
    pub(crate) fn warnings(&self, members: &[Member]) -> Vec<Warning> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = seen.iter().filter(|(_, seen)| seen.lines == 0);
        let empty =
            empty.map(|(i, _)| Warning::of_file(WarningCode::EmptyFile, &members[*i].name, no_lines()));
        let loose = seen.iter().filter(|(_, seen)| seen.is_loose).map(|(i, seen)| {
            let message =
                "is JSON Lines without the manifest of an export: whether it is whole cannot be told";
            let message = Message::fixed(message, "report-no-manifest");
            let mut warning = Warning::of_file(WarningCode::NoManifest, &members[*i].name, message);
            warning.counted.lines = seen.lines;
            warning
        });
        empty.chain(loose).collect()
    }

    fn tell(&self) {
        let (read, lines) = (self.bytes_read.load(Ordering::Relaxed), self.lines.load(Ordering::Relaxed));
        self.progress.at(read.min(self.bytes_total), self.bytes_total, lines, 0);
    }

    /// Reads all members on as many threads as the job says.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn run(&'a self, members: &[Member]) -> Result<(Vec<Worker<'a>>, Verdicts), Failure> {
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
        let details = workers.iter_mut().map(|worker| std::mem::take(&mut worker.details));
        let verdicts = Details::judge(details.collect::<Vec<_>>().into_iter(), self.job.period);
        self.adjust(members, &verdicts, &mut workers[0])?;
        each(&mut workers, |worker| worker.spool.finish())?;
        Ok((workers, verdicts))
    }

    /// Has a worker read the adjustment lines between reconciliation and usage. They are lines of no file.
    fn adjust(
        &self,
        members: &[Member],
        verdicts: &Verdicts,
        worker: &mut Worker<'a>,
    ) -> Result<(), Failure> {
        if verdicts.adjustments.is_empty() {
            return Ok(());
        }
        let unreadable = |wrong: &str| {
            let (count, why) = (members.len(), wrong.to_owned());
            let message = format!("the adjustments of {count} files: {wrong}");
            let values = [("count", count.into()), ("why", why.into())];
            fault("", Message::worded(message, Wording::new("report-adjustments", values)))
        };
        let mut stream = verdicts.adjustments.as_slice();
        let mut blocks = Blocks::new(&mut stream);
        let (layout, json) = self.layout(&mut blocks).map_err(|wrong| {
            let wrong: Vec<String> = wrong.into_iter().map(|(_, message)| message.text).collect();
            unreadable(&wrong.join("; "))
        })?;
        let reader = Reader {
            member: NO_MEMBER,
            shown: Plan::of(&layout, marked(&layout)),
            layout,
            blocks: Mutex::new(blocks),
            json,
            lines: AtomicU64::new(0),
        };
        worker.adjusting = true;
        worker.read(&reader)?;
        worker.adjusting = false;
        worker.coverages.remove(&NO_MEMBER);
        self.lines.fetch_sub(reader.lines.into_inner(), Ordering::Relaxed);
        match worker.faults.pop() {
            Some(misread) => Err(unreadable(&misread.message.text).into()),
            None => Ok(()),
        }
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
                Ok((_, json))
                    if member.is_single_part(json) && !self.job.accepts(WarningCode::NoManifest) =>
                {
                    let message = Message::fixed(SINGLE_PART, "report-single-part");
                    workers[0].faults.push(misread((u64::MAX, message)));
                }
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
                    let seen = Seen { lines, digest: stream.digest(), is_loose: json && !member.is_part };
                    self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(i, seen);
                }
                Err(wrong) => workers[0].faults.extend(wrong.into_iter().map(misread)),
            }
            Ok(())
        });
        if let Err(Fault { message, wording, .. }) = opened {
            let message = Message { text: message, wording: wording.map(|wording| *wording) };
            workers[0].faults.push(misread((u64::MAX, message)));
        }
        result
    }

    fn layout(&self, blocks: &mut Blocks<'_>) -> Result<(Layout, bool), Vec<Unreadable>> {
        match blocks.first().map_err(|wrong| vec![wrong])? {
            First::Nothing => Err(vec![(u64::MAX, Message::fixed("is empty", "report-empty"))]),
            First::Header(header) => {
                let mut scan = Scan::default();
                scan.read(&header);
                if let Some(at) = scan.stray {
                    return Err(vec![(at as u64, stray_quote())]);
                }
                let mut begin = 0;
                let names = scan.ends().iter().map(|end| {
                    let cell = &header[std::mem::replace(&mut begin, *end as usize + 1)..*end as usize];
                    text(cell.trim_ascii()).trim().to_owned()
                });
                let layout = Layout::of(names.collect(), false);
                layout.map(|layout| (layout, false)).map_err(at_the_beginning)
            }
            First::Json => {
                let line = blocks.peek_line().map_err(|wrong| vec![wrong])?;
                if line.trim_ascii() == b"{" {
                    let why =
                        "is JSON over several lines, where each line item is an object on a line of its own";
                    return Err(vec![(
                        0,
                        Message::fixed(format!("{why}. {WANTED}"), "report-json-over-lines"),
                    )]);
                }
                let names = jsonl::names(&line).map_err(|(_, message)| vec![(0, message)])?;
                let found = Layout::of(names, true).map_err(at_the_beginning)?;
                Ok((found.whole(), true))
            }
        }
    }
}

fn at_the_beginning(messages: Vec<Message>) -> Vec<Unreadable> {
    messages.into_iter().map(|message| (0, message)).collect()
}

fn stray_quote() -> Message {
    let message =
        "a quote stands in the middle of a cell: cells with quotes are quoted whole, with \"\" for each";
    Message::fixed(message, "report-stray-quote")
}

/// Where the file has what the statement's sums are by: the service; the subscription and its name; what stands for that
/// where it is empty, of usage the plan; the publisher; and the quantities.
fn marked(layout: &Layout) -> [Option<usize>; MARKS] {
    let service = match layout.kind {
        Kind::Usage => layout.role(Role::MeterCategory),
        Kind::Reconciliation => layout.role(Role::ProductName),
    };
    let plan = ["SubscriptionId", "SubscriptionDescription"].map(|name| layout.place(name));
    let subscription = [Role::SubscriptionId, Role::SubscriptionName].map(|role| layout.role(role));
    let quantities = [Role::BillableQuantity, Role::Quantity].map(|role| layout.role(role));
    let publisher = layout.role(Role::Publisher);
    let [billable, quantity] = quantities;
    [service, subscription[0], subscription[1], plan[0], plan[1], publisher, billable, quantity]
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
        let counted = member.without_limit().read(&Arc::default(), |stream| {
            lines = crate::source::lines_at(stream, &offsets);
            Ok(())
        });
        drop(counted);
        for (n, Misread { column, message, .. }) in of_member.into_iter().enumerate() {
            let line = lines.get(n).copied();
            faults.push(Fault { line, column, ..fault(&member.name, message) });
        }
    }
    faults.truncate(Failure::LIMIT);
    faults
}
