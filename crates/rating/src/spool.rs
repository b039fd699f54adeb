//! Where priced lines wait until all are read: a file per thread, in which each bill's lines lie in sorted runs.

use crate::failure::Failure;
use crate::row::{HEAD, KEY, Row};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Rows that are sorted and written at once. Two threads, and what they write with, stay well below 300 MiB.
const ARENA: usize = 48 << 20;

/// Before each run, where the bill's run before it is: 8 bytes offset, 4 bytes length; 0 for none. So memory grows with
/// bills, and not with lines.
const LINK: usize = 12;

/// A row, in memory and in a file: its head, then how many bytes of the cells are those of the bill's first row here (4
/// bytes), then the other cells. The lines of a customer have much in common, and what is not kept need not be sorted,
/// written and read.
const PREFIX: usize = HEAD + 4;

/// Of a bill's first row so many bytes are kept, at most.
const MOST_SHARED: usize = 512;

/// How many bytes both begin with.
fn common(a: &[u8], b: &[u8]) -> usize {
    let (a_blocks, b_blocks) = (a.as_chunks::<16>().0, b.as_chunks::<16>().0);
    let blocks = a_blocks.iter().zip(b_blocks).take_while(|(a, b)| a == b).count() * 16;
    blocks + a[blocks..].iter().zip(&b[blocks..]).take_while(|(a, b)| a == b).count()
}

/// The number that these bytes begin with.
fn number(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
}

/// A run in a spool file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// Of its rows; its link stands before it.
    offset: u64,
    length: u32,
}

/// One thread's rows, in memory until there are many.
pub(crate) struct Spool {
    file: File,
    path: String,
    written: u64,
    rows: Vec<u8>,
    bills: Vec<Bill>,
    out: Vec<u8>,
}

/// Where a row is.
struct Place {
    /// What its key begins with, so that rows are seldom looked at in sorting.
    order: u128,
    begin: u32,
    length: u32,
}

impl Place {
    fn row<'a>(&self, rows: &'a [u8]) -> &'a [u8] {
        &rows[self.begin as usize..][..self.length as usize]
    }
}

/// What a spool has of a bill.
struct Bill {
    /// What the cells of its first row begin with.
    first: Vec<u8>,
    /// Its rows in memory.
    places: Vec<Place>,
    last: Run,
    /// Of all its runs.
    bytes: u64,
}

impl Spool {
    /// A spool in a folder, without a name: it goes away with the process.
    pub(crate) fn create(folder: &Path, thread: usize) -> Result<Spool, Failure> {
        let path = folder.join(format!(".lines-{thread}"));
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(Failure::io("cannot create", &path))?;
        std::fs::remove_file(&path).map_err(Failure::io("cannot remove", &path))?;
        Ok(Spool {
            file,
            path: path.display().to_string(),
            written: 0,
            rows: Vec::with_capacity(ARENA + (1 << 20)),
            bills: Vec::new(),
            out: Vec::new(),
        })
    }

    /// Takes a row for a bill: one that it has rows of, or the next.
    pub(crate) fn push(&mut self, bill: u32, row: &[u8], key: &[u8; KEY]) -> Result<(), Failure> {
        let (head, cells) = row.split_at(HEAD);
        if self.bills.len() == bill as usize {
            let first = cells[..cells.len().min(MOST_SHARED)].to_owned();
            self.bills.push(Bill { first, places: Vec::new(), last: Run::default(), bytes: 0 });
        }
        let bill = &mut self.bills[bill as usize];
        let shared = common(&bill.first, cells);
        let order = key.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        let length = PREFIX + cells.len() - shared;
        bill.places.push(Place { order, begin: self.rows.len() as u32, length: length as u32 });
        self.rows.extend_from_slice(head);
        self.rows.extend_from_slice(&(shared as u32).to_le_bytes());
        self.rows.extend_from_slice(&cells[shared..]);
        if self.rows.len() >= ARENA { self.flush() } else { Ok(()) }
    }

    /// How many bytes of a bill are in the file.
    pub(crate) fn bytes(&self, bill: u32) -> u64 {
        self.bills.get(bill as usize).map_or(0, |bill| bill.bytes)
    }

    /// Writes all rows as runs.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let rows = &self.rows;
        for Bill { first, places, last, bytes } in
            self.bills.iter_mut().filter(|bill| !bill.places.is_empty())
        {
            places.sort_unstable_by(|a, b| {
                a.order.cmp(&b.order).then_with(|| compare(a.row(rows), b.row(rows), first))
            });
            self.out.extend_from_slice(&last.offset.to_le_bytes());
            self.out.extend_from_slice(&last.length.to_le_bytes());
            *last = Run { offset: self.written + self.out.len() as u64, length: 0 };
            // Not drained: where a file has the lines of a customer together, every bill would keep room for many.
            for place in std::mem::take(places) {
                self.out.extend_from_slice(place.row(rows));
                last.length += place.length;
                if self.out.len() >= 1 << 20 {
                    write(&self.file, &self.path, &mut self.out, &mut self.written)?;
                }
            }
            *bytes += u64::from(last.length);
        }
        write(&self.file, &self.path, &mut self.out, &mut self.written)?;
        self.rows.clear();
        Ok(())
    }

    /// Gives the memory back, when all is written.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        (self.rows, self.out) = (Vec::new(), Vec::new());
        Ok(())
    }

    /// Gives the file's space back, when all is read. That takes time for hundreds of megabytes, so each thread does it for its own.
    pub(crate) fn discard(&mut self) {
        // Where this fails, the space comes back when the file is closed.
        let _ = self.file.set_len(0);
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), Failure> {
        self.file
            .read_exact_at(bytes, offset)
            .map_err(|e| Failure::Io(format!("cannot read {}", self.path), e))
    }
}

/// Which of two spooled rows of a bill comes first, as [`Row::order`] has it.
fn compare(a: &[u8], b: &[u8], first: &[u8]) -> Ordering {
    let cells = |row: &[u8]| [&first[..number(&row[HEAD..])], &row[PREFIX..]].concat();
    Row::order_of_head(a).cmp(Row::order_of_head(b)).then_with(|| cells(a).cmp(&cells(b)))
}

fn write(file: &File, path: &str, out: &mut Vec<u8>, written: &mut u64) -> Result<(), Failure> {
    file.write_all_at(out, *written).map_err(|e| Failure::Io(format!("cannot write {path}"), e))?;
    *written += out.len() as u64;
    out.clear();
    Ok(())
}

/// The rows of a bill in their order, from all its runs in all spools.
pub(crate) struct Merge<'a> {
    runs: Vec<Reader<'a>>,
    /// The runs that have a row, the one with the first row on top. A row is read again from its run, so only its
    /// key is here.
    heap: BinaryHeap<Reverse<([u8; KEY], usize)>>,
}

struct Reader<'a> {
    spool: &'a Spool,
    /// What the bill's first row begins with.
    first: &'a [u8],
    /// What is still to be read from the file.
    left: Run,
    buffers: Pair,
    /// What is in the first buffer, which is larger, lies from `at` to `to`: so it is not cleared for every reading.
    at: usize,
    to: usize,
    step: usize,
}

/// What was read from a file, and the row that it makes.
#[derive(Default)]
pub(crate) struct Pair {
    read: Vec<u8>,
    row: Vec<u8>,
    /// How many bytes of the row's cells are the bill's first row's.
    shared: usize,
}

impl Reader<'_> {
    /// How long the next row is in the file, if that is known already.
    fn length(&self) -> Option<usize> {
        let head = self.buffers.read[self.at..self.to].first_chunk::<PREFIX>()?;
        Some(PREFIX + (number(head) - HEAD) - number(&head[HEAD..]))
    }

    /// Goes to the next row; false if there is none.
    fn advance(&mut self) -> Result<bool, Failure> {
        let length = loop {
            match self.length() {
                Some(length) if length <= self.to - self.at => break length,
                _ if self.left.length == 0 => return Ok(false),
                _ => self.fill()?,
            }
        };
        let Pair { read, row, shared: known } = &mut self.buffers;
        let (head, rest) = read[self.at..self.at + length].split_at(HEAD);
        let (shared, cells) = rest.split_at(PREFIX - HEAD);
        let shared = number(shared);
        // What this row and the one before it share with the first is there already.
        let known = std::mem::replace(known, shared).min(shared);
        row.resize(HEAD + known, 0);
        row[..HEAD].copy_from_slice(head);
        row.extend_from_slice(&self.first[known..shared]);
        row.extend_from_slice(cells);
        self.at += length;
        Ok(true)
    }

    fn fill(&mut self) -> Result<(), Failure> {
        let read = &mut self.buffers.read;
        read.copy_within(self.at..self.to, 0);
        (self.at, self.to) = (0, self.to - self.at);
        let more = self.step.max(self.to).min(self.left.length as usize);
        if read.len() < self.to + more {
            read.resize(self.to + more, 0);
        }
        self.spool.read(&mut read[self.to..self.to + more], self.left.offset)?;
        self.to += more;
        self.left = Run { offset: self.left.offset + more as u64, length: self.left.length - more as u32 };
        Ok(())
    }

    fn row(&self) -> Option<Row<'_>> {
        Row::first(&self.buffers.row)
    }
}

/// Buffers of readers, kept for the next bill.
pub(crate) type Buffers = Vec<Pair>;

/// Memory for reading one bill's runs, and the least and most for one of them.
const READING: usize = 24 << 20;
const STEPS: (usize, usize) = (16 << 10, 128 << 10);

impl<'a> Merge<'a> {
    /// Of a bill, whose number in each spool is given.
    pub(crate) fn of(
        bill: impl Iterator<Item = (&'a Spool, u32)>,
        buffers: &mut Buffers,
    ) -> Result<Merge<'a>, Failure> {
        let mut found = Vec::new();
        for (spool, bill) in bill {
            let Some(Bill { first, last, .. }) = spool.bills.get(bill as usize) else { continue };
            let mut run = *last;
            while run.length > 0 {
                found.push((spool, first, run));
                let mut link = [0; LINK];
                spool.read(&mut link, run.offset - LINK as u64)?;
                let (offset, length) = link.split_at(8);
                run = Run {
                    offset: u64::from_le_bytes(offset.try_into().unwrap_or_default()),
                    length: u32::from_le_bytes(length.try_into().unwrap_or_default()),
                };
            }
        }
        let step = (READING / found.len().max(1)).clamp(STEPS.0, STEPS.1);
        let mut merge = Merge { runs: Vec::with_capacity(found.len()), heap: BinaryHeap::new() };
        for (spool, first, left) in found {
            let buffers = Pair { shared: 0, ..buffers.pop().unwrap_or_default() };
            let mut reader = Reader { spool, first, left, buffers, at: 0, to: 0, step };
            if reader.advance()?
                && let Some(row) = reader.row()
            {
                merge.heap.push(Reverse((row.key(), merge.runs.len())));
            }
            merge.runs.push(reader);
        }
        Ok(merge)
    }

    /// Hands out the rows one after the other.
    pub(crate) fn each(
        &mut self,
        mut take: impl FnMut(Row<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut current = self.heap.pop();
        while let Some(Reverse((key, mut run))) = current {
            if self.heap.peek().is_some_and(|next| next.0.0 == key) {
                run = self.first_twin(key, run);
            }
            let reader = &mut self.runs[run];
            if let Some(row) = reader.row() {
                take(row)?;
            }
            let next =
                if reader.advance()? { reader.row().map(|row| Reverse((row.key(), run))) } else { None };
            current = match (next, self.heap.peek_mut()) {
                (Some(next), Some(mut top)) if *top > next => Some(std::mem::replace(&mut *top, next)),
                (Some(next), _) => Some(next),
                (None, top) => top.map(PeekMut::pop),
            };
        }
        Ok(())
    }

    /// Keys that are alike belong to lines that say the same of what costs how much: then their bytes decide. The run
    /// with the first of them; the others are back in the heap.
    #[cold]
    fn first_twin(&mut self, key: [u8; KEY], run: usize) -> usize {
        let mut twins = vec![run];
        while self.heap.peek().is_some_and(|next| next.0.0 == key) {
            twins.extend(self.heap.pop().map(|twin| twin.0.1));
        }
        let order = |run: usize| self.runs[run].row().map(Row::order);
        twins.sort_by(|a, b| order(*a).cmp(&order(*b)));
        self.heap.extend(twins[1..].iter().map(|twin| Reverse((key, *twin))));
        twins[0]
    }

    /// Keeps the buffers for the next.
    pub(crate) fn finish(self, buffers: &mut Buffers) {
        buffers.extend(self.runs.into_iter().map(|run| run.buffers));
    }
}
