//! Sets of customers within one block of ids, and their text in `customer_name_grams`.

use super::super::list::BLOCK;

/// Number of 64-bit words that hold a bit for each id of a block.
const WORDS: usize = BLOCK as usize / 64;
/// Number of ids from which on a bit for each id of the block is shorter than two characters for each id.
const DENSE: usize = 683;
/// Length of the text with a bit for each id: six to a character.
const DENSE_LENGTH: usize = (BLOCK as usize).div_ceil(6);
/// First character and number of characters of the digits of an id; two digits hold 8,281 ids.
const FIRST_DIGIT: u8 = b'#';
const DIGITS: u16 = 91;
/// First character of those that hold six bits.
const FIRST_BITS: u8 = b'0';

/// Set of ids, relative to the first of their block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ids([u64; WORDS]);

impl Ids {
    pub(super) fn none() -> Self {
        Ids([0; WORDS])
    }

    pub(super) fn insert(&mut self, id: u16) {
        self.0[usize::from(id) / 64] |= 1 << (id % 64);
    }

    pub(super) fn retain(&mut self, others: &Ids) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word &= other;
        }
    }

    pub(super) fn len(&self) -> i64 {
        self.0.iter().map(|word| i64::from(word.count_ones())).sum()
    }

    /// The ids, ascending.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = u16> {
        (0..BLOCK as u16).filter(|id| (self.0[usize::from(*id) / 64] >> (id % 64)) & 1 == 1)
    }

    /// Reads the text of a set; `None` if it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (mut ids, bytes) = (Ids::none(), text.as_bytes());
        if bytes.len() == DENSE_LENGTH {
            for (position, byte) in bytes.iter().enumerate() {
                let bits = byte.checked_sub(FIRST_BITS).filter(|bits| *bits < 64)?;
                for bit in (0..6).filter(|bit| (bits >> bit) & 1 == 1) {
                    let id = position * 6 + bit;
                    *ids.0.get_mut(id / 64)? |= 1 << (id % 64);
                }
            }
            return Some(ids);
        }
        let (pairs, rest) = bytes.as_chunks::<2>();
        let digit = |byte: u8| byte.checked_sub(FIRST_DIGIT).map(u16::from).filter(|digit| *digit < DIGITS);
        for [high, low] in pairs {
            let id = digit(*high)? * DIGITS + digit(*low)?;
            *ids.0.get_mut(usize::from(id) / 64)? |= 1 << (id % 64);
        }
        rest.is_empty().then_some(ids)
    }
}

/// The text of the set of these ids, which are ascending and differ.
pub(super) fn text_of(ids: &[u16]) -> String {
    if ids.len() < DENSE {
        let digits = ids.iter().flat_map(|id| [id / DIGITS, id % DIGITS]);
        return digits.map(|digit| char::from(FIRST_DIGIT + digit as u8)).collect();
    }
    let mut bits = [0; DENSE_LENGTH];
    for id in ids {
        bits[usize::from(*id) / 6] |= 1 << (id % 6);
    }
    bits.iter().map(|bits| char::from(FIRST_BITS + bits)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_as_they_were_written() {
        let last = BLOCK as u16 - 1;
        let dense: Vec<u16> = (0..=last).filter(|id| id % 3 != 1).collect();
        for (ids, length) in [
            (vec![], 0),
            (vec![0], 2),
            (vec![0, 1, 90, 91, 92, last], 12),
            ((0..682).map(|id| id * 12).collect(), 1364),
            ((0..683).map(|id| id * 11).collect(), 1366),
            (dense, 1366),
            ((0..=last).collect(), 1366),
        ] {
            let text = text_of(&ids);
            assert_eq!(text.len(), length, "{ids:?}");
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
            let read = Ids::read(&text).unwrap();
            assert_eq!(read.iter().collect::<Vec<_>>(), ids);
            assert_eq!(read.len(), ids.len() as i64);
        }
        for damaged in ["#", "# ", "}}", "##ü", "\u{7f}#"] {
            assert_eq!(Ids::read(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn sets_keep_what_both_have() {
        let set = |ids: &[u16]| Ids::read(&text_of(ids)).unwrap();
        let mut one = set(&[0, 64, 5000, 8191]);
        one.retain(&set(&[1, 64, 8191]));
        assert_eq!(one, set(&[64, 8191]));
        one.insert(63);
        assert_eq!(one.iter().rev().collect::<Vec<_>>(), [8191, 64, 63]);
    }
}
