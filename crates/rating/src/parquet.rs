//! FOCUS rows as Apache Parquet (github.com/apache/parquet-format, version 1): optional columns, plain values, gzip.
//!
//! The `parquet` crate writes it too, but takes half a minute of a release build for what is a page of code here. Its reader
//! checks this writer in the tests.

use crate::amount::Amount;
use crate::failure::Failure;
use crate::focus::COLUMNS;
use crate::render::text;
use crate::scan::Scan;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

/// What is in memory before it is written as a row group.
const GROUP: usize = 16 << 20;

/// Places of costs, and of quantities: what is finer is rounded half to even.
const PLACES: (u8, u8) = (10, 18);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Instant,
    Decimal(u8),
}

/// Rows of FOCUS as Parquet, from the records of a `bill.focus.csv` that are already known.
pub struct ParquetRows(Writer);

impl ParquetRows {
    /// Creates the file; there must be none.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(path: PathBuf) -> Result<Self, Failure> {
        Writer::create(path).map(ParquetRows)
    }

    /// Appends whole records, without a header.
    ///
    /// # Errors
    /// What the disk says.
    pub fn push(&mut self, records: &[u8]) -> Result<(), Failure> {
        self.0.push(records)
    }

    /// Writes the rest of the file.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish(self) -> Result<(), Failure> {
        self.0.finish()
    }
}

/// Parquet's numbers for things.
mod number {
    pub(super) const INT64: i64 = 2;
    pub(super) const BYTE_ARRAY: i64 = 6;
    pub(super) const FIXED: i64 = 7;
    pub(super) const UTF8: i64 = 0;
    pub(super) const DECIMAL: i64 = 5;
    pub(super) const MILLIS: i64 = 9;
    pub(super) const OPTIONAL: i64 = 1;
    pub(super) const PLAIN: i64 = 0;
    pub(super) const RLE: i64 = 3;
    pub(super) const GZIP: i64 = 2;
}

fn kind(name: &str) -> Kind {
    match name {
        _ if name.ends_with("Quantity") || name.ends_with("UnitPrice") => Kind::Decimal(PLACES.1),
        _ if name.ends_with("Cost") => Kind::Decimal(PLACES.0),
        _ if name.ends_with("PeriodStart") || name.ends_with("PeriodEnd") => Kind::Instant,
        _ => Kind::Text,
    }
}

impl Kind {
    fn physical(self) -> i64 {
        match self {
            Kind::Text => number::BYTE_ARRAY,
            Kind::Instant => number::INT64,
            Kind::Decimal(_) => number::FIXED,
        }
    }
}

/// The values of a column in the row group that is being filled.
#[derive(Default)]
struct Values {
    bytes: Vec<u8>,
    /// How many rows in a row have a value, or none: the definition levels.
    runs: Vec<(bool, u32)>,
}

/// Where a column of a row group is in the file.
struct Chunk {
    offset: u64,
    plain: usize,
    packed: usize,
}

pub(crate) struct Writer {
    path: PathBuf,
    file: File,
    written: u64,
    columns: Vec<(Kind, Values)>,
    rows: u32,
    groups: Vec<(u32, Vec<Chunk>)>,
    scan: Scan,
}

impl Writer {
    pub(crate) fn create(path: PathBuf) -> Result<Writer, Failure> {
        let mut file = File::create_new(&path).map_err(Failure::io("cannot create", &path))?;
        file.write_all(b"PAR1").map_err(Failure::io("cannot write", &path))?;
        let columns = COLUMNS.iter().map(|name| (kind(name), Values::default())).collect();
        Ok(Writer { path, file, written: 4, columns, rows: 0, groups: Vec::new(), scan: Scan::default() })
    }

    /// Takes rows as they are in `bill.focus.csv`.
    pub(crate) fn push(&mut self, csv: &[u8]) -> Result<(), Failure> {
        self.scan.read(csv);
        let mut begin = 0;
        for (i, end) in self.scan.ends().iter().enumerate() {
            let cell = &csv[std::mem::replace(&mut begin, *end as usize + 1)..*end as usize];
            let (kind, values) = &mut self.columns[i % COLUMNS.len()];
            values.push(*kind, cell);
        }
        self.rows += self.scan.records.len() as u32;
        let size: usize = self.columns.iter().map(|(_, values)| values.bytes.len()).sum();
        if size >= GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.rows == 0 {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let mut chunks = Vec::new();
        for (_, values) in &mut self.columns {
            let values = std::mem::take(values);
            let page = values.page().map_err(Failure::io("cannot pack", &self.path))?;
            let header = page.header(rows);
            let offset = self.written;
            for bytes in [&header, &page.packed] {
                self.file.write_all(bytes).map_err(Failure::io("cannot write", &self.path))?;
                self.written += bytes.len() as u64;
            }
            let plain = header.len() + page.plain;
            chunks.push(Chunk { offset, plain, packed: header.len() + page.packed.len() });
        }
        self.groups.push((rows, chunks));
        Ok(())
    }

    /// Writes what is left, and the footer.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        let footer = self.footer();
        let length = (footer.len() as u32).to_le_bytes();
        let end = [footer.as_slice(), &length, b"PAR1"].concat();
        self.file.write_all(&end).map_err(Failure::io("cannot write", &self.path))
    }

    fn footer(&self) -> Vec<u8> {
        let mut thrift = Thrift::default();
        thrift.structure(|file| {
            file.int(1, 1);
            file.list(2, COLUMNS.len() + 1, Thrift::STRUCT, |schema| {
                schema.structure(|root| {
                    root.text(4, "focus");
                    root.int(5, COLUMNS.len() as i64);
                });
                for (name, (kind, _)) in COLUMNS.iter().zip(&self.columns) {
                    schema.structure(|column| {
                        column.int(1, kind.physical());
                        if *kind == Kind::Decimal(PLACES.0) || *kind == Kind::Decimal(PLACES.1) {
                            column.int(2, 16);
                        }
                        column.int(3, number::OPTIONAL);
                        column.text(4, name);
                        match kind {
                            Kind::Text => column.int(6, number::UTF8),
                            Kind::Instant => column.int(6, number::MILLIS),
                            Kind::Decimal(places) => {
                                column.int(6, number::DECIMAL);
                                column.int(7, i64::from(*places));
                                column.int(8, 38);
                            }
                        }
                    });
                }
            });
            file.long(3, self.groups.iter().map(|(rows, _)| i64::from(*rows)).sum());
            file.list(4, self.groups.len(), Thrift::STRUCT, |groups| {
                for (rows, chunks) in &self.groups {
                    groups.structure(|group| {
                        group.list(1, chunks.len(), Thrift::STRUCT, |columns| {
                            for (i, chunk) in chunks.iter().enumerate() {
                                columns.structure(|column| {
                                    column.long(2, chunk.offset as i64);
                                    column.field(3, Thrift::STRUCT);
                                    column.structure(|meta| {
                                        meta.int(1, self.columns[i].0.physical());
                                        meta.list(2, 2, Thrift::I32, |encodings| {
                                            encodings.varint(number::PLAIN);
                                            encodings.varint(number::RLE);
                                        });
                                        meta.list(3, 1, Thrift::BINARY, |path| {
                                            path.bytes(COLUMNS[i].as_bytes());
                                        });
                                        meta.int(4, number::GZIP);
                                        meta.long(5, i64::from(*rows));
                                        meta.long(6, chunk.plain as i64);
                                        meta.long(7, chunk.packed as i64);
                                        meta.long(9, chunk.offset as i64);
                                    });
                                });
                            }
                        });
                        group.long(2, chunks.iter().map(|chunk| chunk.plain as i64).sum());
                        group.long(3, i64::from(*rows));
                    });
                }
            });
            file.text(6, "tenantry");
        });
        thrift.out
    }
}

struct Page {
    plain: usize,
    packed: Vec<u8>,
}

impl Values {
    fn push(&mut self, kind: Kind, cell: &[u8]) {
        let some = self.value(kind, cell).is_some();
        match self.runs.last_mut() {
            Some((known, count)) if *known == some => *count += 1,
            _ => self.runs.push((some, 1)),
        }
    }

    /// Appends the value of a cell, if it has one.
    fn value(&mut self, kind: Kind, cell: &[u8]) -> Option<()> {
        if cell.is_empty() {
            return None;
        }
        match kind {
            Kind::Text => {
                let text = text(cell);
                self.bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
                self.bytes.extend_from_slice(text.as_bytes());
            }
            Kind::Instant => {
                let instant: Timestamp = std::str::from_utf8(cell).ok()?.parse().ok()?;
                self.bytes.extend_from_slice(&instant.as_millisecond().to_le_bytes());
            }
            Kind::Decimal(places) => {
                let amount: Amount = text(cell).parse().ok()?;
                self.bytes.extend_from_slice(&amount.count(places).to_be_bytes());
            }
        }
        Some(())
    }

    /// Definition levels as runs, then the values; packed.
    fn page(self) -> io::Result<Page> {
        let mut levels = Thrift::default();
        for (some, count) in &self.runs {
            levels.unsigned(u64::from(*count) << 1);
            levels.out.push(u8::from(*some));
        }
        let length = (levels.out.len() as u32).to_le_bytes();
        let plain = length.len() + levels.out.len() + self.bytes.len();
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&length)?;
        packer.write_all(&levels.out)?;
        packer.write_all(&self.bytes)?;
        Ok(Page { plain, packed: packer.finish()? })
    }
}

impl Page {
    fn header(&self, rows: u32) -> Vec<u8> {
        let mut thrift = Thrift::default();
        thrift.structure(|page| {
            page.int(1, 0);
            page.int(2, self.plain as i64);
            page.int(3, self.packed.len() as i64);
            page.field(5, Thrift::STRUCT);
            page.structure(|data| {
                data.int(1, i64::from(rows));
                data.int(2, number::PLAIN);
                data.int(3, number::RLE);
                data.int(4, number::RLE);
            });
        });
        thrift.out
    }
}

/// Thrift's compact protocol, as much of it as Parquet's metadata need.
#[derive(Default)]
struct Thrift {
    out: Vec<u8>,
    /// The last field of the structure that is being written.
    last: u8,
}

impl Thrift {
    const I32: u8 = 5;
    const I64: u8 = 6;
    const BINARY: u8 = 8;
    const LIST: u8 = 9;
    const STRUCT: u8 = 12;

    fn structure(&mut self, fields: impl FnOnce(&mut Thrift)) {
        let outer = std::mem::take(&mut self.last);
        fields(self);
        self.out.push(0);
        self.last = outer;
    }

    fn field(&mut self, id: u8, kind: u8) {
        self.out.push((id - self.last) << 4 | kind);
        self.last = id;
    }

    fn int(&mut self, id: u8, value: i64) {
        self.field(id, Thrift::I32);
        self.varint(value);
    }

    fn long(&mut self, id: u8, value: i64) {
        self.field(id, Thrift::I64);
        self.varint(value);
    }

    fn text(&mut self, id: u8, text: &str) {
        self.field(id, Thrift::BINARY);
        self.bytes(text.as_bytes());
    }

    fn list(&mut self, id: u8, length: usize, of: u8, elements: impl FnOnce(&mut Thrift)) {
        self.field(id, Thrift::LIST);
        if length < 15 {
            self.out.push((length as u8) << 4 | of);
        } else {
            self.out.push(0xf0 | of);
            self.unsigned(length as u64);
        }
        elements(self);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.unsigned(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// Zigzag: small numbers of either sign are short.
    fn varint(&mut self, value: i64) {
        self.unsigned((value << 1 ^ value >> 63) as u64);
    }

    fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}
