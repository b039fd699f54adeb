//! Files, archives and exports, read as blocks of whole records.

use crate::failure::{Failure, Fault};
use crate::foreign::{WANTED, by_entries, by_first_bytes};
use crate::job::Input;
use crate::wording::{Message, Wording};
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are scanned at once: they stay in a core's cache.
const BLOCK: usize = 256 << 10;

/// The longest record: beyond it a quote is not closed, or the file is none of ours.
const LONGEST_RECORD: usize = 4 << 20;

/// One stream of records: a file, or one of those in an archive or an export.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// What messages call it.
    pub(crate) name: String,
    path: PathBuf,
    packing: Packing,
    /// Bytes on disk.
    pub(crate) size: u64,
    /// The number of the input that it is, or is in.
    pub(crate) source: usize,
    /// Whether it is a part of an export.
    pub(crate) is_part: bool,
    /// The parsed directory of the archive that it is in.
    archive: Option<Arc<Archive>>,
    /// The unpacked bytes of its source.
    unpacked: Arc<Unpacked>,
}

/// An archive whose directory is read once, however many entries it has.
type Archive = zip::ZipArchive<SharedFile>;

/// Unpacked bytes of a source, all its members together, against their maximum.
#[derive(Debug)]
struct Unpacked {
    bytes: AtomicU64,
    max_bytes: u64,
}

impl Unpacked {
    fn up_to(max_bytes: u64) -> Arc<Self> {
        Arc::new(Unpacked { bytes: AtomicU64::new(0), max_bytes })
    }
}

impl Member {
    /// Whether it looks like a part of an export that was given without the export's manifest: by its name, or packed by
    /// itself as all parts are.
    pub(crate) fn is_single_part(&self, is_json: bool) -> bool {
        let name = self.name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
        let is_named_so = name.starts_with("part-") || name.starts_with("part_");
        is_json && !self.is_part && (is_named_so || self.packing == Packing::Gzip)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Packing {
    Plain,
    Gzip,
    /// The so-many-th entry of an archive.
    Zip(usize),
}

/// What is wrong with a member as a whole.
pub(crate) fn fault(name: &str, message: impl Into<Message>) -> Fault {
    let Message { text, wording } = message.into();
    let wording = wording.map(Box::new);
    Fault { file: name.to_owned(), line: None, column: None, message: text, wording }
}

/// A file that the disk or the archive does not give out.
fn unreadable(name: &str, why: &io::Error) -> Fault {
    let wording = Wording::new("report-file-unreadable", [("why", why.to_string().into())]);
    fault(name, Message::worded(format!("cannot be read: {why}"), wording))
}

/// All members of the inputs, in their order. An input may unpack to so many bytes.
///
/// # Errors
/// Inputs that are not there, are no archives though they look like it, or are exports with parts missing.
pub(crate) fn members(inputs: &[Input], max_source_bytes: u64) -> Result<Vec<Member>, Failure> {
    let (mut members, mut faults) = (Vec::new(), Vec::new());
    for (source, input) in inputs.iter().enumerate() {
        let is_part = input.path.is_dir();
        let found = if is_part { export(input) } else { file(&input.name, &input.path) };
        let unpacked = Unpacked::up_to(max_source_bytes);
        let of_source = |member| Member { source, is_part, unpacked: Arc::clone(&unpacked), ..member };
        match found {
            Ok(found) => members.extend(found.into_iter().map(of_source)),
            Err(found) => faults.push(found),
        }
    }
    // A file that is read twice is billed twice.
    let mut seen = HashSet::new();
    for member in &members {
        let path = member.path.canonicalize().unwrap_or_else(|_| member.path.clone());
        if !seen.insert((path, member.packing)) {
            faults.push(fault(
                &member.name,
                Message::worded("is given twice", Wording::new("report-file-twice", [])),
            ));
        }
    }
    if members.is_empty() && faults.is_empty() {
        let wording = Wording::new("report-no-file", []);
        faults.push(fault("", Message::worded("there is no file to read", wording)));
    }
    if faults.is_empty() { Ok(members) } else { Err(Failure::Faults(faults)) }
}

/// What a file is, by its first bytes: names lie.
fn file(name: &str, path: &Path) -> Result<Vec<Member>, Fault> {
    let unreadable = |e: io::Error| unreadable(name, &e);
    let mut file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut magic = [0; 16];
    let read = read_up_to(&mut file, &mut magic).map_err(unreadable)?;
    let member = |packing| Member {
        name: name.to_owned(),
        path: path.to_owned(),
        packing,
        size,
        source: 0,
        is_part: false,
        archive: None,
        unpacked: Unpacked::up_to(u64::MAX),
    };
    if let Some(what) = by_first_bytes(&magic[..read]) {
        return Err(fault(name, format!("{what}. {WANTED}")));
    }
    match &magic[..read] {
        [0x1f, 0x8b, ..] => Ok(vec![member(Packing::Gzip)]),
        [b'P', b'K', ..] => {
            let archive = Archive::new(SharedFile::new(file, size)).map_err(|e| {
                let wording = Wording::new("report-archive-incomplete", [("why", e.to_string().into())]);
                fault(name, Message::worded(format!("is no complete zip archive: {e}"), wording))
            })?;
            let entries: Vec<(usize, String)> = (0..archive.len())
                .filter_map(|i| Some((i, archive.name_for_index(i)?.ok()?.into_owned())))
                .filter(|(_, entry)| !entry.ends_with('/') && !entry.starts_with("__MACOSX/"))
                .collect();
            if entries.is_empty() {
                let wording = Wording::new("report-archive-empty", []);
                return Err(fault(name, Message::worded("is an archive without files", wording)));
            }
            if let Some(what) = by_entries(entries.iter().map(|(_, entry)| entry.as_str())) {
                return Err(fault(name, format!("{what}. {WANTED}")));
            }
            let share = size / entries.len() as u64;
            let archive = Arc::new(archive);
            let entry = |(i, entry)| Member {
                name: format!("{name}/{entry}"),
                size: share,
                archive: Some(Arc::clone(&archive)),
                ..member(Packing::Zip(i))
            };
            Ok(entries.into_iter().map(entry).collect())
        }
        _ => Ok(vec![member(Packing::Plain)]),
    }
}

fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// The manifest of an export from Microsoft Graph (`microsoft.graph.partners.billing.manifest`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    data_format: Option<String>,
    #[serde(default)]
    blob_count: Option<u64>,
    blobs: Vec<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    name: String,
}

/// The parts that an export's manifest lists: all of them, or the bill would be too low.
fn export(input: &Input) -> Result<Vec<Member>, Fault> {
    let name = &input.name;
    let unreadable = |e: io::Error| unreadable(name, &e);
    let mut manifests = Vec::new();
    for entry in std::fs::read_dir(&input.path).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        if is_json && path.metadata().map_err(unreadable)?.len() < 16 << 20 {
            let text = std::fs::read(&path).map_err(unreadable)?;
            manifests.extend(serde_json::from_slice::<Manifest>(&text));
        }
    }
    let [manifest] = manifests.as_slice() else {
        let count = manifests.len();
        return Err(fault(
            name,
            Message::worded(
                format!(
                    "must have one manifest of a Graph export, a JSON file with \"blobs\"; it has {count}"
                ),
                Wording::new("report-manifests", [("count", count.into())]),
            ),
        ));
    };
    if let Some(format) = &manifest.data_format
        && !["compressedJSON", "compressedJSONLines"].iter().any(|known| format.eq_ignore_ascii_case(known))
    {
        let known = "compressedJSON and compressedJSONLines are known";
        return Err(fault(name, format!("has the data format {format:?}, where {known}")));
    }
    let listed = manifest.blobs.len() as u64;
    if let Some(count) = manifest.blob_count.filter(|count| *count != listed) {
        let wording =
            Wording::new("report-manifest-count", [("listed", listed.into()), ("count", count.into())]);
        let message = format!("lists {listed} blobs in its manifest, which says {count}");
        return Err(fault(name, Message::worded(message, wording)));
    }
    if listed == 0 {
        let wording = Wording::new("report-manifest-empty", []);
        return Err(fault(name, Message::worded("lists no blobs in its manifest", wording)));
    }
    let mut members = Vec::new();
    for blob in &manifest.blobs {
        // Blob names may have folders; a download puts the files side by side.
        let relative = Path::new(&blob.name);
        let safe = relative.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let beside = relative.file_name().map(|file| input.path.join(file));
        let path = Some(input.path.join(relative)).filter(|path| safe && path.is_file()).or(beside);
        let shown = format!("{name}/{}", blob.name);
        match path.filter(|path| path.is_file()) {
            Some(path) => members.extend(file(&shown, &path)?),
            None => {
                let wording = Wording::new("report-part-missing", []);
                let message = "is listed in the manifest, but is not there";
                return Err(fault(&shown, Message::worded(message, wording)));
            }
        }
    }
    Ok(members)
}

impl Member {
    /// Whether it is cheaper to read several at once than one on several threads.
    pub(crate) fn is_packed(&self) -> bool {
        self.packing != Packing::Plain
    }

    /// Opens it and has it read, the bytes on disk counted.
    pub(crate) fn read<T>(
        &self,
        bytes_read: &Arc<AtomicU64>,
        with: impl FnOnce(&mut (dyn Read + Send)) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let unreadable = |e: io::Error| unreadable(&self.name, &e);
        if let (Packing::Zip(entry), Some(archive)) = (self.packing, &self.archive) {
            let no_archive = |e: zip::result::ZipError| fault(&self.name, format!("cannot be unpacked: {e}"));
            let mut archive = Archive::clone(archive);
            let mut entry = archive.by_index(entry).map_err(no_archive)?;
            let packed = entry.compressed_size();
            let done = with(&mut self.limited(&mut entry));
            bytes_read.fetch_add(packed, Ordering::Relaxed);
            return done;
        }
        let file = File::open(&self.path).map_err(unreadable)?;
        let mut counted = Counted { file, read: Arc::clone(bytes_read) };
        match self.packing {
            Packing::Gzip => {
                let mut unpacked = MultiGzDecoder::new(BufReader::with_capacity(BLOCK, counted));
                with(&mut self.limited(&mut unpacked))
            }
            Packing::Plain | Packing::Zip(_) => with(&mut self.limited(&mut counted)),
        }
    }

    /// The same member, read a second time: its bytes do not count again.
    pub(crate) fn without_limit(&self) -> Self {
        Member { unpacked: Unpacked::up_to(u64::MAX), ..self.clone() }
    }

    fn limited<'a>(&'a self, inner: &'a mut (dyn Read + Send)) -> Limited<'a> {
        Limited { inner, unpacked: &self.unpacked }
    }
}

/// A stream that ends with an error where its source has more bytes than it may have: 3 MB can unpack to a disk full.
struct Limited<'a> {
    inner: &'a mut (dyn Read + Send),
    unpacked: &'a Unpacked,
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let before = self.unpacked.bytes.fetch_add(read as u64, Ordering::Relaxed);
        let max_bytes = self.unpacked.max_bytes;
        if before.saturating_add(read as u64) > max_bytes {
            let message = format!(
                "its source has more than {max_bytes} bytes unpacked, the maximum (--bill-max-source)"
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(read)
    }
}

/// Bytes of a shared file that are read at a time.
const SHARED_BLOCK: usize = 32 << 10;

/// A reader of a file that others read too, each at its own position.
#[derive(Debug)]
struct SharedFile {
    file: Arc<File>,
    size: u64,
    position: u64,
    /// Bytes that were read from `begins` on.
    buffer: Vec<u8>,
    begins: u64,
}

impl SharedFile {
    fn new(file: File, size: u64) -> Self {
        SharedFile { file: Arc::new(file), size, position: 0, buffer: Vec::new(), begins: 0 }
    }
}

impl Clone for SharedFile {
    fn clone(&self) -> Self {
        let (file, size, position) = (Arc::clone(&self.file), self.size, self.position);
        SharedFile { file, size, position, buffer: Vec::new(), begins: 0 }
    }
}

impl Read for SharedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let within = self.position.checked_sub(self.begins).and_then(|at| usize::try_from(at).ok());
        let mut rest = within.and_then(|at| self.buffer.get(at..)).unwrap_or_default();
        if rest.is_empty() {
            self.buffer.resize(SHARED_BLOCK, 0);
            let read = self.file.read_at(&mut self.buffer, self.position)?;
            self.buffer.truncate(read);
            self.begins = self.position;
            rest = &self.buffer;
        }
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for SharedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

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
    pub(crate) fn first(&mut self) -> Result<First, (u64, String)> {
        let mut block = Block::default();
        self.fill(&mut block.bytes, 4096)?;
        let mark = marks(&block.bytes);
        if block.bytes.starts_with(b"\xff\xfe") || block.bytes.starts_with(b"\xfe\xff") {
            return Err((0, "is UTF-16: save it as UTF-8".to_owned()));
        }
        let Some(begin) = block.bytes[mark..].iter().position(|b| !b.is_ascii_whitespace()) else {
            return Ok(First::Nothing);
        };
        self.offset = (mark + begin) as u64;
        if let Some(what) = by_first_bytes(&block.bytes[mark + begin..]) {
            return Err((0, format!("{what}. {WANTED}")));
        }
        // The first letters of a text in UTF-16, which has no need of a mark.
        if block.bytes[mark + begin..].iter().take(16).any(|byte| *byte == 0) {
            return Err((0, "is UTF-16, or no text: save it as UTF-8".to_owned()));
        }
        match &block.bytes[mark + begin..] {
            [b'[', ..] => {
                let why =
                    "is a JSON array, where each line item is an object on a line of its own (JSON Lines)";
                return Err((0, format!("{why}. {WANTED}")));
            }
            [0x1f, 0x8b, ..] | [b'P', b'K', 3, 4, ..] => {
                return Err((0, "is an archive within an archive: unpack the outer one".to_owned()));
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
    pub(crate) fn peek_line(&mut self) -> Result<Vec<u8>, (u64, String)> {
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
    fn fill(&mut self, bytes: &mut Vec<u8>, wanted: usize) -> Result<(), (u64, String)> {
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
                    io::ErrorKind::UnexpectedEof => "ends in the middle: the file was cut off".to_owned(),
                    io::ErrorKind::FileTooLarge => e.to_string(),
                    _ => format!("cannot be read on: {e}"),
                };
                Err((self.offset + bytes.len() as u64, why))
            }
        }
    }

    /// Fills the block with the next records; false at the end.
    ///
    /// # Errors
    /// What cannot be unpacked, or has a record without an end, and from which place in the file on.
    pub(crate) fn next(&mut self, block: &mut Block) -> Result<bool, (u64, String)> {
        if self.broken {
            return Ok(false);
        }
        let result = self.cut(block);
        self.broken = result.is_err();
        result
    }

    fn cut(&mut self, block: &mut Block) -> Result<bool, (u64, String)> {
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
                    true => "a record that begins here has no end: is a quote not closed?",
                    false => {
                        "a record that begins here is longer than 4 MiB, which no line item is: is a quote not closed?"
                    }
                };
                return Err((self.offset + whole as u64, message.to_owned()));
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
