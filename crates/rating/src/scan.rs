//! Where the cells of CSV records end: 64 bytes at a time, quotes by prefix xor, after Langdale and Lemire, "Parsing
//! Gigabytes of JSON per Second" (2019).

use wide::u8x64;

/// The ends of the cells of a block of whole records.
#[derive(Default)]
pub(crate) struct Scan {
    /// Where every comma and line feed outside of quotes is: the first `count`, and room for more.
    ends: Vec<u32>,
    count: usize,
    /// For every record, the place in `ends` of its line feed.
    pub(crate) records: Vec<u32>,
    /// For every 64 bytes, the bits of those that a cell can only have within quotes: quotes themselves, and commas and
    /// line feeds there. Bit 0 is the first byte.
    special: Vec<u64>,
    /// The first quote that stands where none may: in a cell that does not begin with one, or before more text.
    pub(crate) stray: Option<usize>,
}

impl Scan {
    /// Scans a block that begins with a record and ends with a line feed. A carriage return counts as part of a cell.
    pub(crate) fn read(&mut self, block: &[u8]) {
        self.count = 0;
        self.records.clear();
        self.special.clear();
        self.stray = None;
        // Carried from 64 bytes to the next: all ones within quotes; whether the last byte ended a cell, or was a
        // closing quote.
        let (mut within, mut after_end, mut after_closing) = (0_u64, 1_u64, 0_u64);
        let mut at = 0;
        while at < block.len() {
            let chunk: [u8; 64] = match block[at..].first_chunk() {
                Some(chunk) => *chunk,
                None => {
                    let mut chunk = [b' '; 64];
                    chunk[..block.len() - at].copy_from_slice(&block[at..]);
                    chunk
                }
            };
            let bytes = u8x64::from(chunk);
            let quotes = mask(bytes, b'"');
            let feeds = mask(bytes, b'\n');
            let separators = mask(bytes, b',') | feeds;
            let mut inside = within;
            // Most have none.
            if quotes | after_closing != 0 {
                let mut odd = quotes;
                for shift in [1, 2, 4, 8, 16, 32] {
                    odd ^= odd << shift;
                }
                inside ^= odd;
                within = ((inside as i64) >> 63) as u64;

                // An opening quote begins a cell, or doubles a closing one; what follows a closing quote is an end, or a
                // quote that doubles it. A carriage return may stand before a line feed, so it is looked at below.
                let ends = separators & !inside;
                let (opening, closing) = (quotes & inside, quotes & !inside);
                let begins = (ends << 1) | after_end | (closing << 1) | after_closing;
                let follows = (closing << 1) | after_closing;
                let wrong = (opening & !begins) | (follows & !(ends | quotes));
                if wrong != 0 && self.stray.is_none() {
                    self.stray = first_stray(block, at, wrong & follows, wrong & opening);
                }
                after_closing = closing >> 63;
            }
            let ends = separators & !inside;
            self.special.push(quotes | (separators & inside));
            after_end = ends >> 63;

            let mut record_ends = feeds & ends;
            while record_ends != 0 {
                let bit = record_ends & record_ends.wrapping_neg();
                let before = (ends & (bit - 1)).count_ones();
                self.records.push((self.count as u32) + before);
                record_ends ^= bit;
            }
            if self.ends.len() < self.count + 64 {
                self.ends.resize(2 * self.ends.len() + 64, 0);
            }
            if let Some(room) = self.ends[self.count..].first_chunk_mut::<64>() {
                let (mut left, mut count) = (ends, 0);
                while left != 0 {
                    room[count % 64] = at as u32 + left.trailing_zeros();
                    left &= left - 1;
                    count += 1;
                }
                self.count += count;
            }
            at += 64;
        }
    }

    /// Where every comma and line feed outside of quotes is.
    pub(crate) fn ends(&self) -> &[u32] {
        &self.ends[..self.count]
    }

    /// Scans a record that ends without a line feed: its last cell ends with it.
    pub(crate) fn read_record(&mut self, record: &[u8]) {
        self.read(record);
        self.ends.resize(self.ends.len().max(self.count + 1), 0);
        self.ends[self.count] = record.len() as u32;
        self.count += 1;
    }

    /// Whether what lies between these places of the block must be quoted as a CSV cell, by its commas, quotes and line
    /// feeds. They lie within quotes.
    pub(crate) fn must_quote(&self, from: usize, to: usize) -> bool {
        if from >= to {
            return false;
        }
        let (first, last) = (from / 64, (to - 1) / 64);
        let (head, tail) = (u64::MAX << (from % 64), u64::MAX >> (63 - (to - 1) % 64));
        if first == last {
            return self.special[first] & head & tail != 0;
        }
        self.special[first] & head != 0
            || self.special[last] & tail != 0
            || self.special[first + 1..last].iter().any(|bits| *bits != 0)
    }
}

fn mask(bytes: u8x64, byte: u8) -> u64 {
    bytes.simd_eq(u8x64::splat(byte)).to_bitmask()
}

/// The first bit that is a fault indeed: after a closing quote, the carriage return of a line end is none.
#[cold]
fn first_stray(block: &[u8], at: usize, mut after_closing: u64, openings: u64) -> Option<usize> {
    let opening = (openings != 0).then(|| at + openings.trailing_zeros() as usize);
    while after_closing != 0 {
        let place = at + after_closing.trailing_zeros() as usize;
        if block.get(place..place + 2).is_some_and(|end| end != b"\r\n") {
            return Some(opening.map_or(place, |opening| opening.min(place)));
        }
        after_closing &= after_closing - 1;
    }
    opening
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(block: &[u8]) -> Vec<Vec<&[u8]>> {
        let mut scan = Scan::default();
        scan.read(block);
        assert_eq!(scan.stray, None);
        let (mut records, mut start, mut next) = (Vec::new(), 0, 0);
        for last in &scan.records {
            let ends = &scan.ends()[next..=*last as usize];
            next = *last as usize + 1;
            records.push(
                ends.iter()
                    .map(|end| &block[std::mem::replace(&mut start, *end as usize + 1)..*end as usize])
                    .collect(),
            );
        }
        records
    }

    #[test]
    fn cells_end_outside_of_quotes() {
        let long = format!("\"{}\",b\n", "x,\n\"\"".repeat(100));
        for (block, expected) in [
            ("a,b\nc,\n", vec![vec!["a", "b"], vec!["c", ""]]),
            ("\"a,\"\"\n\",b\n", vec![vec!["\"a,\"\"\n\"", "b"]]),
            ("\n\"\"\n", vec![vec![""], vec!["\"\""]]),
            ("\"a\"\r\n", vec![vec!["\"a\"\r"]]),
            (&long, vec![vec![&long[..long.len() - 3], "b"]]),
        ] {
            let expected: Vec<Vec<&[u8]>> =
                expected.into_iter().map(|record| record.into_iter().map(str::as_bytes).collect()).collect();
            assert_eq!(cells(block.as_bytes()), expected, "{block}");
        }
    }

    #[test]
    fn stray_quotes() {
        let pad = "x".repeat(62);
        for (block, stray) in [
            ("a\"b\n".to_owned(), Some(1)),
            ("a,\"b\"c\n".to_owned(), Some(5)),
            ("\"a\" ,b\n".to_owned(), Some(3)),
            ("\"a\"\rb\n".to_owned(), Some(3)),
            ("\"a\"\r\n\"b\"\r\n".to_owned(), None),
            ("\"a\"\"\"\n".to_owned(), None),
            (format!("{pad}\"\"\n"), Some(62)),
            (format!("\"{pad}\"x\n"), Some(64)),
            (format!("\"{pad}\"\n"), None),
            (format!("{pad}x,\"a\"\n"), None),
        ] {
            let mut scan = Scan::default();
            scan.read(block.as_bytes());
            assert_eq!(scan.stray, stray, "{block}");
        }
    }

    proptest! {
        /// Beside a reader of another make, over records that are written as CSV.
        #[test]
        fn agrees_with_the_csv_crate(records in prop::collection::vec(prop::collection::vec("[a,\"\n é]{0,70}", 2..5), 1..9)) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for record in &records {
                writer.write_record(record).unwrap();
            }
            let block = writer.into_inner().unwrap();
            let read: Vec<Vec<String>> = cells(&block).into_iter().map(|record| record.into_iter().map(|cell| {
                let cell = std::str::from_utf8(cell).unwrap();
                match cell.strip_prefix('"') {
                    Some(rest) => rest[..rest.len() - 1].replace("\"\"", "\""),
                    None => cell.to_owned(),
                }
            }).collect()).collect();
            prop_assert_eq!(read, records);
        }

        #[test]
        fn knows_what_must_be_quoted(inner in "[a\",\n]{0,200}", from in 0_usize..200, length in 0_usize..200) {
            let cell = format!("x,\"{}\"\n", inner.replace('"', "\"\""));
            let mut scan = Scan::default();
            scan.read(cell.as_bytes());
            let from = 3 + from.min(cell.len() - 5);
            let to = (from + length).min(cell.len() - 2);
            let expected = cell[from..to].contains(['"', ',', '\n']);
            prop_assert_eq!(scan.must_quote(from, to), expected);
        }
    }
}
