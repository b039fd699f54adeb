//! A file that several readers read at once, each at its own position.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of a shared file that are read at a time.
const SHARED_BLOCK: usize = 32 << 10;

/// A reader of a file that others read too, each at its own position.
#[derive(Debug)]
pub(super) struct SharedFile {
    file: Arc<File>,
    size: u64,
    position: u64,
    /// Bytes that were read from `begins` on.
    buffer: Vec<u8>,
    begins: u64,
}

impl SharedFile {
    pub(super) fn new(file: File, size: u64) -> Self {
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
