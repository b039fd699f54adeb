//! Streams, cut into blocks of whole records.

use super::{BLOCK, read_up_to};
use crate::foreign::{WANTED, by_first_bytes};
use crate::gzip::GzipError;
use crate::wording::{Message, Wording};
use std::io::{self, Read};

/// The longest record: beyond it a quote is not closed, or the file has no line items.
const LONGEST_RECORD: usize = 4 << 20;

/// A stream, and the digest of what was read of it.
pub(crate) struct Digested<'a> {
    stream: &'a mut (dyn Read + Send),
    hasher: twox_hash::xxhash3_128::Hasher,
}

impl<'a> Digested<'a> {
    pub(crate) fn of(stream: &'a mut (dyn Read + Send)) -> Self {
        Digested { stream, hasher: twox_hash::xxhash3_128::Hasher::new() }
    }

    pub(crate) fn digest(&self) -> u128 {
        self.hasher.finish_128()
    }
}

impl Read for Digested<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.hasher.write(&buffer[..read]);
        Ok(read)
    }
}

/// A block of whole records, and where in the unpacked file it begins.
#[derive(Default)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    pub(crate) offset: u64,
}

/// Where a stream cannot be read, in bytes of the unpacked file, and what is wrong there.
pub(crate) type Unreadable = (u64, Message);

/// Cuts a stream into blocks of whole records.
pub(crate) struct Blocks<'a> {
    reader: &'a mut (dyn Read + Send),
    /// The beginning of a record that the last block did not have whole.
    rest: Vec<u8>,
    offset: u64,
    at_end: bool,
    /// Whether a fault was told: there is nothing behind it.
    broken: bool,
    /// Whether line feeds within quotes end no record: CSV, and not JSON Lines.
    quoted: bool,
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(reader: &'a mut (dyn Read + Send)) -> Self {
        Blocks { reader, rest: Vec::new(), offset: 0, at_end: false, broken: false, quoted: true }
    }

    /// Takes the first record with its line feed, which says what the others are. A byte order mark before it is
    /// skipped. What begins with `{` is JSON Lines, and stays to be read.
    ///
    /// # Errors
    /// As [`Blocks::next`].
    pub(crate) fn first(&mut self) -> Result<First, Unreadable> {
        let mut block = Block::default();
        self.fill(&mut block.bytes, 4096)?;
        let mark = marks(&block.bytes);
        if block.bytes.starts_with(b"\xff\xfe") || block.bytes.starts_with(b"\xfe\xff") {
            return Err((0, Message::fixed("is UTF-16: save it as UTF-8", "report-utf-16")));
        }
        let Some(begin) = block.bytes[mark..].iter().position(|b| !b.is_ascii_whitespace()) else {
            return Ok(First::Nothing);
        };
        self.offset = (mark + begin) as u64;
        if let Some(what) = by_first_bytes(&block.bytes[mark + begin..]) {
            return Err((0, what.refused()));
        }
        // The first letters of a text in UTF-16, which has no need of a mark.
        if block.bytes[mark + begin..].iter().take(16).any(|byte| *byte == 0) {
            return Err((0, Message::fixed("is UTF-16, or no text: save it as UTF-8", "report-no-text")));
        }
        match &block.bytes[mark + begin..] {
            [b'[', ..] => {
                let why =
                    "is a JSON array, where each line item is an object on a line of its own (JSON Lines)";
                return Err((0, Message::fixed(format!("{why}. {WANTED}"), "report-json-array")));
            }
            [0x1f, 0x8b, ..] | [b'P', b'K', 3, 4, ..] => {
                let message = "is an archive within an archive: unpack the outer one";
                return Err((0, Message::fixed(message, "report-archive-within")));
            }
            _ => {}
        }
        self.quoted = block.bytes[mark + begin] != b'{';
        self.rest = block.bytes.split_off(mark + begin);
        if !self.quoted {
            return Ok(First::Json);
        }
        self.next(&mut block)?;
        let end = record_length(&block.bytes);
        // Back to where it came from, so that the rest is cut into blocks again.
        let mut rest = block.bytes.split_off(end);
        rest.append(&mut self.rest);
        // A second byte order mark: a header was put before a file that had one.
        let marks = marks(&rest);
        self.rest = rest.split_off(marks);
        self.offset = block.offset + (end + marks) as u64;
        Ok(First::Header(block.bytes))
    }

    /// The line that is to be read next, as far as it is in memory: what a JSON file begins with.
    pub(crate) fn peek_line(&mut self) -> Result<Vec<u8>, Unreadable> {
        let mut rest = std::mem::take(&mut self.rest);
        let mut wanted = BLOCK;
        while !self.at_end && !rest.contains(&b'\n') && rest.len() < LONGEST_RECORD {
            self.fill(&mut rest, wanted)?;
            wanted *= 2;
        }
        self.rest = rest;
        Ok(self.rest[..record_end(&self.rest)].to_vec())
    }

    /// Reads on, until there are so many bytes or no more.
    fn fill(&mut self, bytes: &mut Vec<u8>, wanted: usize) -> Result<(), Unreadable> {
        let had = bytes.len();
        bytes.resize(wanted.max(had), 0);
        let read = read_up_to(&mut self.reader, &mut bytes[had..]);
        let wanted = bytes.len() - had;
        bytes.truncate(had + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(read) => {
                self.at_end = read < wanted;
                Ok(())
            }
            Err(e) => {
                let why = match e.kind() {
                    io::ErrorKind::UnexpectedEof => {
                        Message::fixed("ends in the middle: the file was cut off", "report-cut-off")
                    }
                    io::ErrorKind::FileTooLarge => Message::fixed(e.to_string(), "report-too-large-unpacked"),
                    _ => {
                        let wording = Wording::new("report-unreadable-on", [("why", e.to_string().into())]);
                        let is_whole = e.get_ref().is_some_and(|e| e.is::<GzipError>());
                        let text = if is_whole { e.to_string() } else { format!("cannot be read on: {e}") };
                        Message::worded(text, wording)
                    }
                };
                Err((self.offset + bytes.len() as u64, why))
            }
        }
    }

    /// Fills the block with the next records; false at the end.
    ///
    /// # Errors
    /// What cannot be unpacked, or has a record without an end, and from which place in the file on.
    pub(crate) fn next(&mut self, block: &mut Block) -> Result<bool, Unreadable> {
        if self.broken {
            return Ok(false);
        }
        let result = self.cut(block);
        self.broken = result.is_err();
        result
    }

    fn cut(&mut self, block: &mut Block) -> Result<bool, Unreadable> {
        block.bytes.clear();
        block.bytes.append(&mut self.rest);
        block.offset = self.offset;
        let mut wanted = BLOCK.max(block.bytes.len() + 1);
        loop {
            if !self.at_end {
                self.fill(&mut block.bytes, wanted)?;
            }
            if self.at_end && block.bytes.last().is_some_and(|last| *last != b'\n') {
                block.bytes.push(b'\n');
            }
            if block.bytes.is_empty() {
                return Ok(false);
            }
            let whole = if self.quoted { whole_records(&block.bytes) } else { whole_lines(&block.bytes) };
            if whole > 0 && (!self.at_end || whole == block.bytes.len()) {
                self.rest.extend_from_slice(&block.bytes[whole..]);
                block.bytes.truncate(whole);
                self.offset += whole as u64;
                return Ok(true);
            }
            if self.at_end || block.bytes.len() - whole >= LONGEST_RECORD {
                let message = match self.at_end {
                    true => Message::fixed(
                        "a record that begins here has no end: is a quote not closed?",
                        "report-record-without-end",
                    ),
                    false => Message::fixed(
                        "a record that begins here is longer than 4 MiB, which no line item is: is a quote not closed?",
                        "report-record-too-long",
                    ),
                };
                return Err((self.offset + whole as u64, message));
            }
            wanted = block.bytes.len() * 2;
        }
    }
}

/// How many bytes of byte order marks these begin with.
fn marks(bytes: &[u8]) -> usize {
    bytes.chunks_exact(3).take_while(|mark| *mark == b"\xef\xbb\xbf").count() * 3
}

/// What a stream begins with.
pub(crate) enum First {
    /// Nothing at all.
    Nothing,
    /// A record, as CSV.
    Header(Vec<u8>),
    /// An object.
    Json,
}

/// How many bytes of it are whole records.
fn whole_records(bytes: &[u8]) -> usize {
    let mut within = memchr::memchr_iter(b'"', bytes).count() % 2 == 1;
    for at in memchr::memrchr2_iter(b'"', b'\n', bytes) {
        match bytes[at] {
            b'"' => within = !within,
            _ if !within => return at + 1,
            _ => {}
        }
    }
    0
}

/// Where the first line ends, its line feed not included.
fn record_end(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())
}

fn whole_lines(bytes: &[u8]) -> usize {
    memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1)
}

/// How many bytes the first record has, with its line feed.
fn record_length(bytes: &[u8]) -> usize {
    let mut within = false;
    for at in memchr::memchr2_iter(b'"', b'\n', bytes) {
        match bytes[at] {
            b'"' => within = !within,
            _ if !within => return at + 1,
            _ => {}
        }
    }
    bytes.len()
}

/// The lines, from 1, in which these rising places of a stream lie, as far as it can be read.
pub(crate) fn lines_at(stream: &mut dyn Read, offsets: &[u64]) -> Vec<u64> {
    let (mut at, mut line, mut lines) = (0_u64, 1_u64, Vec::new());
    let mut buffer = vec![0; BLOCK];
    while lines.len() < offsets.len() {
        let read = match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let mut from = 0;
        while let Some(offset) = offsets.get(lines.len()).filter(|offset| **offset < at + read as u64) {
            let to = offset.saturating_sub(at) as usize;
            line += memchr::memchr_iter(b'\n', &buffer[from..to.max(from)]).count() as u64;
            from = to.max(from);
            lines.push(line);
        }
        line += memchr::memchr_iter(b'\n', &buffer[from..read]).count() as u64;
        at += read as u64;
    }
    lines.resize(offsets.len(), line);
    lines
}
