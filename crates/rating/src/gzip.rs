//! Files of gzip members, one behind the other (RFC 1952, section 2.2). Zeros behind the last one are padding, as they are to
//! gzip(1). Anything else there is an error: it may be lines, or a member that is damaged, where gzip(1) warns and leaves it out.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// Packed bytes that are read at a time.
const PACKED: usize = 256 << 10;

/// What a member begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Unpacks a file of gzip members. Reading fails with [`io::ErrorKind::UnexpectedEof`] where the file ends within a member, and with
/// a message that names the member where one is damaged, or where something else follows it.
pub struct GzipMembers<R: Read> {
    /// `None` once all members are read.
    decoder: Option<GzDecoder<Packed<R>>>,
    /// The number of the member that is being read, from 1.
    member: u64,
    /// How many bytes of the file stand before it.
    before: u64,
}

/// What is wrong with a file of gzip members.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct GzipError(String);

impl<R: Read> GzipMembers<R> {
    /// Unpacks what is read of a file, which needs no buffer.
    pub fn new(file: R) -> Self {
        let packed = Packed { file, buffer: vec![0; PACKED], at: 0, to: 0, position: 0 };
        GzipMembers { decoder: Some(GzDecoder::new(packed)), member: 1, before: 0 }
    }

    /// Goes on behind a member.
    fn next_member(&mut self, mut packed: Packed<R>) -> io::Result<()> {
        let end = packed.position;
        let is_at_end = packed.skip_zeros()?;
        if is_at_end {
            return Ok(());
        }
        let zeros = packed.position - end;
        let begin = packed.ahead(MAGIC.len())?;
        if zeros == 0 && begin.len() < MAGIC.len() && MAGIC.starts_with(begin) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if zeros > 0 || !begin.starts_with(&MAGIC) {
            let padding = if zeros > 0 { format!(" and {zeros} zeros") } else { String::new() };
            return Err(wrong(format!(
                "has something else behind its gzip member {}, which ends after {end} bytes{padding}: was something appended to the \
                 file, or is its next member damaged?",
                self.member
            )));
        }
        (self.decoder, self.member, self.before) = (Some(GzDecoder::new(packed)), self.member + 1, end);
        Ok(())
    }
}

fn wrong(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, GzipError(message))
}

impl<R: Read> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let (Some(decoder), false) = (&mut self.decoder, buffer.is_empty()) {
            match decoder.read(buffer) {
                Ok(0) => {
                    let ended = self.decoder.take().map(GzDecoder::into_inner);
                    ended.map_or(Ok(()), |packed| self.next_member(packed))?;
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                    let (member, before) = (self.member, self.before);
                    return Err(wrong(format!(
                        "cannot be unpacked: its gzip member {member}, which begins after {before} bytes, is damaged: {e}"
                    )));
                }
                read => return read,
            }
        }
        Ok(0)
    }
}

/// The packed bytes of a file, which can be looked at before they are taken.
struct Packed<R> {
    file: R,
    /// What was read and not taken lies from `at` to `to`.
    buffer: Vec<u8>,
    at: usize,
    to: usize,
    /// How many bytes were taken.
    position: u64,
}

impl<R: Read> Packed<R> {
    /// The next bytes: as many as are wanted, fewer at the end of the file alone.
    fn ahead(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.to - self.at < wanted {
            self.buffer.copy_within(self.at..self.to, 0);
            (self.at, self.to) = (0, self.to - self.at);
            match self.file.read(&mut self.buffer[self.to..])? {
                0 => break,
                read => self.to += read,
            }
        }
        Ok(&self.buffer[self.at..self.to])
    }

    /// Takes all zeros that come next; whether the file ends with them.
    fn skip_zeros(&mut self) -> io::Result<bool> {
        loop {
            let ahead = self.ahead(1)?;
            let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
            let is_all = zeros == ahead.len();
            if zeros == 0 {
                return Ok(is_all);
            }
            self.consume(zeros);
            if !is_all {
                return Ok(false);
            }
        }
    }
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = self.fill_buf()?;
        let read = ahead.len().min(buffer.len());
        buffer[..read].copy_from_slice(&ahead[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Packed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.ahead(1)
    }

    fn consume(&mut self, taken: usize) {
        self.at += taken;
        self.position += taken as u64;
    }
}
