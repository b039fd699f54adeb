//! Files of gzip members, what is behind them, and what is missing of them.

use crate::files::gzip as member;
use std::io::{self, Read};
use tenantry_rating::GzipMembers;

/// More bytes than are read at a time.
const MANY: usize = 300_000;

/// A file that gives out so many bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(buffer.len());
        self.0.read(&mut buffer[..most])
    }
}

fn unpacked(file: &[u8], step: usize) -> Result<Vec<u8>, (io::ErrorKind, String)> {
    let mut bytes = Vec::new();
    let read = GzipMembers::new(Slow(file, step)).read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| (error.kind(), error.to_string()))
}

#[test]
fn members_are_read_one_after_the_other() {
    let long: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
    let parts: [&[u8]; 4] = [b"a,b\n", b"", &long, b"c"];
    let whole = parts.concat();
    let packed: Vec<u8> = parts.iter().flat_map(|part| member(part)).collect();
    for step in [1, 7, MANY] {
        assert!(unpacked(&packed, step) == Ok(whole.clone()), "{step}");
        // gzip(1) takes zeros behind the last member for padding; tapes and some tools end files with them.
        for zeros in [1, 2, 511, MANY] {
            assert!(
                unpacked(&[&packed[..], &vec![0; zeros]].concat(), step) == Ok(whole.clone()),
                "{step}, {zeros}"
            );
        }
    }
}

#[test]
fn what_is_behind_the_members_is_told() {
    let (first, second) = (member(b"first"), member(b"second"));
    let (one, two) = (first.len(), first.len() + second.len());
    let both = [&first[..], &second].concat();
    for (file, expected) in [
        ([&first[..], b"x"].concat(), format!("gzip member 1, which ends after {one} bytes: ")),
        (
            [&first[..], b"\x1f\x8a", &second].concat(),
            format!("gzip member 1, which ends after {one} bytes: "),
        ),
        ([&both[..], b"a,b,c\n"].concat(), format!("gzip member 2, which ends after {two} bytes: ")),
        (
            [&both[..], &[0; 5], b"x"].concat(),
            format!("gzip member 2, which ends after {two} bytes and 5 zeros: "),
        ),
        // Padding is at the end of a file.
        (
            [&first[..], &[0; MANY], &second].concat(),
            format!("gzip member 1, which ends after {one} bytes and {MANY} zeros: "),
        ),
    ] {
        for step in [1, MANY] {
            let (kind, error) = unpacked(&file, step).unwrap_err();
            assert_eq!(kind, io::ErrorKind::InvalidData);
            assert!(
                error.starts_with("has something else behind its ") && error.contains(&expected),
                "{error}"
            );
        }
    }
}

#[test]
fn files_that_are_cut_or_damaged_are_told_apart() {
    let (first, second) = (member(b"first"), member(b"second, and longer"));
    let both = [&first[..], &second].concat();
    for length in (0..both.len()).filter(|length| *length != first.len()) {
        let (kind, error) = unpacked(&both[..length], MANY).unwrap_err();
        assert_eq!(kind, io::ErrorKind::UnexpectedEof, "{length}: {error}");
    }
    let mut damaged = both.clone();
    let sum = damaged.len() - 8;
    damaged[sum] ^= 1;
    let (_, error) = unpacked(&damaged, MANY).unwrap_err();
    let expected = format!("its gzip member 2, which begins after {} bytes, is damaged: ", first.len());
    assert!(error.starts_with("cannot be unpacked: ") && error.contains(&expected), "{error}");
}
