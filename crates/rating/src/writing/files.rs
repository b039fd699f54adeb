//! The files of a bill, while they are written.

use crate::failure::Failure;
use crate::focus;
use crate::parquet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes of a file that are written at once.
const OUTPUT: usize = 256 << 10;

/// The files of a bill that grow with its lines, as they are being written.
pub(super) struct Files {
    pub(super) bill: Output,
    pub(super) focus: Output,
    pub(super) ledger: Output,
    pub(super) focus_rows: focus::Writer,
    pub(super) parquet: Option<parquet::Writer>,
    /// Whether there is more than `bill.csv`.
    pub(super) whole: bool,
}

impl Files {
    /// The FOCUS rows from there on as Parquet too, where that is wanted.
    pub(super) fn parquet(&mut self, begin: usize) -> Result<(), Failure> {
        match &mut self.parquet {
            Some(parquet) => parquet.push(&self.focus.buffer[begin..]),
            None => Ok(()),
        }
    }

    /// Writes what is enough to be written at once.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        for output in [&mut self.bill, &mut self.focus, &mut self.ledger] {
            if output.buffer.len() >= OUTPUT {
                output.flush()?;
            }
        }
        Ok(())
    }

    /// Writes the rest, and gives the buffers back for the next bill.
    pub(super) fn finish(self, buffers: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
        for mut output in [self.bill, self.focus, self.ledger] {
            output.flush()?;
            buffers.push(output.buffer);
        }
        self.parquet.map_or(Ok(()), parquet::Writer::finish)
    }
}

/// A file, and what is not written of it yet.
pub(super) struct Output {
    path: PathBuf,
    /// `None` where it is not wanted.
    file: Option<File>,
    pub(super) buffer: Vec<u8>,
}

impl Output {
    /// `buffers`: of files that are written, to be used again.
    pub(super) fn create(path: PathBuf, wanted: bool, buffers: &mut Vec<Vec<u8>>) -> Result<Output, Failure> {
        let file = match wanted {
            true => Some(File::create_new(&path).map_err(Failure::io("cannot create", &path))?),
            false => None,
        };
        Ok(Output { path, file, buffer: buffers.pop().unwrap_or_default() })
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if let Some(file) = &mut self.file {
            file.write_all(&self.buffer).map_err(Failure::io("cannot write", &self.path))?;
        }
        self.buffer.clear();
        Ok(())
    }
}

/// Writes a file at once.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(Failure::io("cannot write", path))
}
