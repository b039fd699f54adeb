//! Files, archives and exports, read as blocks of whole records.

mod blocks;
mod shared_file;

pub(crate) use blocks::{Block, Blocks, Digested, First, Unreadable, lines_at};

use crate::failure::{Failure, Fault};
use crate::foreign::{by_entries, by_first_bytes};
use crate::gzip::GzipMembers;
use crate::job::Input;
use crate::wording::{Message, Wording};
use serde::Deserialize;
use shared_file::SharedFile;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are scanned at once: they stay in a core's cache.
const BLOCK: usize = 256 << 10;

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
pub(crate) fn fault(name: &str, Message { text, wording }: Message) -> Fault {
    let wording = wording.map(Box::new);
    Fault { file: name.to_owned(), line: None, column: None, message: text, wording }
}

/// A file that the disk or the archive does not give out.
pub(crate) fn unreadable(name: &str, why: &io::Error) -> Fault {
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
            faults.push(fault(&member.name, Message::fixed("is given twice", "report-file-twice")));
        }
    }
    if members.is_empty() && faults.is_empty() {
        faults.push(fault("", Message::fixed("there is no file to read", "report-no-file")));
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
        return Err(fault(name, what.refused()));
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
                let message = Message::fixed("is an archive without files", "report-archive-empty");
                return Err(fault(name, message));
            }
            if let Some(what) = by_entries(entries.iter().map(|(_, entry)| entry.as_str())) {
                return Err(fault(name, what.refused()));
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
        let message = format!("has the data format {format:?}, where {known}");
        let wording = Wording::new("report-manifest-format", [("format", format.into())]);
        return Err(fault(name, Message::worded(message, wording)));
    }
    let listed = manifest.blobs.len() as u64;
    if let Some(count) = manifest.blob_count.filter(|count| *count != listed) {
        let wording =
            Wording::new("report-manifest-count", [("listed", listed.into()), ("count", count.into())]);
        let message = format!("lists {listed} blobs in its manifest, which says {count}");
        return Err(fault(name, Message::worded(message, wording)));
    }
    if listed == 0 {
        let message = Message::fixed("lists no blobs in its manifest", "report-manifest-empty");
        return Err(fault(name, message));
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
                let message = "is listed in the manifest, but is not there";
                return Err(fault(&shown, Message::fixed(message, "report-part-missing")));
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
            let no_archive = |e: zip::result::ZipError| {
                let wording = Wording::new("report-not-unpacked", [("why", e.to_string().into())]);
                fault(&self.name, Message::worded(format!("cannot be unpacked: {e}"), wording))
            };
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
                let mut unpacked = GzipMembers::new(counted);
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
