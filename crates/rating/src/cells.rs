//! Maps by cells of files, which are looked up for every line: hashed by XXH3, in a third of the time of the standard
//! library's hash. That one is for keys that an enemy chooses; these are Microsoft's.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type Cells<V> = HashMap<Box<[u8]>, V, BuildHasherDefault<Xxh3>>;

#[derive(Default)]
pub(crate) struct Xxh3(u64);

impl Hasher for Xxh3 {
    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= twox_hash::XxHash3_128::oneshot(bytes) as u64;
    }

    /// The length of a cell, which is in its hash already.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
