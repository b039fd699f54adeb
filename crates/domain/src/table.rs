//! Tables of text, made by `scripts/address-tables`: rows are lines sorted by their first cell, cells are divided by
//! tabs, and entries of a cell by `|`. They are searched as text, so that they cost neither time nor memory at
//! the start.

use std::cmp::Ordering;

/// A table, as the text of its file.
#[derive(Clone, Copy)]
pub(crate) struct Table(pub(crate) &'static str);

impl Table {
    /// All rows.
    pub(crate) fn rows(self) -> impl Iterator<Item = &'static str> {
        self.0.lines()
    }

    /// The rows whose first cell is `key`, found by binary search.
    pub(crate) fn rows_of(self, key: &str) -> impl Iterator<Item = &'static str> {
        let bytes = self.0.as_bytes();
        let (mut low, mut high) = (0, bytes.len());
        while low < high {
            let middle = low.midpoint(high);
            let start = bytes[..middle].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let row = self.0[start..].lines().next().unwrap_or_default();
            match cell(row, 0).cmp(key) {
                Ordering::Less => low = start + row.len() + 1,
                Ordering::Equal | Ordering::Greater => high = start,
            }
        }
        let key = key.to_owned();
        self.0[low.min(bytes.len())..].lines().take_while(move |row| cell(row, 0) == key)
    }
}

/// A cell of a row, from 0; `""` beyond the last.
pub(crate) fn cell(row: &str, index: usize) -> &str {
    row.split('\t').nth(index).unwrap_or_default()
}

/// The entries of a cell.
pub(crate) fn entries(row: &str, index: usize) -> impl Iterator<Item = &str> {
    cell(row, index).split('|').filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_their_first_cell() {
        let table = Table("a\t1\nb\t2|3\nb\t4\nc\t\né\t5\n");
        let found = |key| table.rows_of(key).map(|row| cell(row, 1)).collect::<Vec<_>>();
        for (key, rows) in [
            ("a", &["1"][..]),
            ("b", &["2|3", "4"]),
            ("c", &[""]),
            ("é", &["5"]),
            ("", &[]),
            ("aa", &[]),
            ("d", &[]),
            ("z", &[]),
        ] {
            assert_eq!(found(key), rows, "{key}");
        }
        assert!(Table("").rows_of("a").next().is_none());
        assert_eq!(entries("b\t2|3", 1).collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(entries("b\t", 1).count() + entries("b", 7).count(), 0);
    }
}
