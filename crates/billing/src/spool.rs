//! Where priced lines wait until all are read: a file per thread, in which each bill's lines lie in sorted runs.

use crate::failure::Failure;
use crate::row::{HEAD, KEY, Row};
use std::cmp::Reverse;
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

/// A row in a file: its head, then how many bytes of the cells are those of the row before it (4 bytes), then the other cells.
/// The lines of a customer have much in common, and what is not written need not be read.
const PREFIX: usize = HEAD + 4;

/// How many bytes both begin with.
fn common(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.chunks_exact(16).zip(b.chunks_exact(16)).take_while(|(a, b)| a == b).count() * 16;
    blocks + a[blocks..].iter().zip(&b[blocks..]).take_while(|(a, b)| a == b).count()
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
    pub(crate) rows: Vec<u8>,
    /// For each row the bill and most of its key, so that rows are seldom looked at in sorting; then where it begins.
    index: Vec<([u64; 3], u32)>,
    /// The last run of every bill, and the bytes of all its runs.
    pub(crate) last: Vec<(Run, u64)>,
    out: Vec<u8>,
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
            index: Vec::new(),
            last: Vec::new(),
            out: Vec::new(),
        })
    }

    /// Takes the row that begins here in `rows` and is complete, for a bill.
    pub(crate) fn push(&mut self, bill: u32, begin: usize, key: &[u8; KEY]) -> Result<(), Failure> {
        let part = |at: usize| key[at..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let day = part(0) >> 32;
        self.index.push(([u64::from(bill) << 32 | day, part(4), part(12)], begin as u32));
        if self.rows.len() >= ARENA { self.flush() } else { Ok(()) }
    }

    /// Writes all rows as runs.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let rows = &self.rows;
        let order = |begin: u32| Row::first(&rows[begin as usize..]).map(Row::order);
        self.index.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| order(a.1).cmp(&order(b.1))));
        for of_bill in self.index.chunk_by(|a, b| a.0[0] >> 32 == b.0[0] >> 32) {
            let bill = (of_bill[0].0[0] >> 32) as usize;
            if self.last.len() <= bill {
                self.last.resize(bill + 1, (Run::default(), 0));
            }
            let (last, bytes) = self.last[bill];
            self.out.extend_from_slice(&last.offset.to_le_bytes());
            self.out.extend_from_slice(&last.length.to_le_bytes());
            let offset = self.written + self.out.len() as u64;
            let (mut length, mut before): (usize, &[u8]) = (0, &[]);
            for (_, begin) in of_bill {
                let Some(row) = rows.get(*begin as usize..).and_then(Row::first) else { continue };
                let (head, cells) = row.bytes().split_at(HEAD);
                let shared = common(before, cells);
                self.out.extend_from_slice(head);
                self.out.extend_from_slice(&(shared as u32).to_le_bytes());
                self.out.extend_from_slice(&cells[shared..]);
                length += PREFIX + cells.len() - shared;
                before = cells;
                if self.out.len() >= 1 << 20 {
                    write(&self.file, &self.path, &mut self.out, &mut self.written)?;
                }
            }
            self.last[bill] = (Run { offset, length: length as u32 }, bytes + length as u64);
        }
        write(&self.file, &self.path, &mut self.out, &mut self.written)?;
        self.index.clear();
        self.rows.clear();
        Ok(())
    }

    /// Gives the memory back, when all is written.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        (self.rows, self.index, self.out) = (Vec::new(), Vec::new(), Vec::new());
        Ok(())
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), Failure> {
        self.file
            .read_exact_at(bytes, offset)
            .map_err(|e| Failure::Io(format!("cannot read {}", self.path), e))
    }
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
}

impl Reader<'_> {
    /// How long the next row is in the file, if that is known already.
    fn length(&self) -> Option<usize> {
        let head = self.buffers.read[self.at..self.to].first_chunk::<PREFIX>()?;
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        Some(PREFIX + (number(0) - HEAD) - number(HEAD))
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
        let Pair { read, row } = &mut self.buffers;
        let (head, rest) = read[self.at..self.at + length].split_at(HEAD);
        let (shared, cells) = rest.split_at(PREFIX - HEAD);
        let shared = shared.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
        // What is shared with the row before is there already.
        row.resize(HEAD + shared, 0);
        row[..HEAD].copy_from_slice(head);
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
    /// Of a bill, whose last run in each spool is given.
    pub(crate) fn of(
        last: impl Iterator<Item = (&'a Spool, Run)>,
        buffers: &mut Buffers,
    ) -> Result<Merge<'a>, Failure> {
        let mut found = Vec::new();
        for (spool, mut run) in last {
            while run.length > 0 {
                found.push((spool, run));
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
        for (spool, left) in found {
            let buffers = buffers.pop().unwrap_or_default();
            let mut reader = Reader { spool, left, buffers, at: 0, to: 0, step };
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
