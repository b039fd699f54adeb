//! Versions of objects, for `ETag` and `If-Match`.

/// The random part of versions.
pub type Nonce = u32;

/// The version that follows `before` (0 for a new object): the number of changes in the upper 32 bits and a random number
/// in the lower 32. Versions increase. The random part keeps versions unique after a restored backup, so that a client that
/// read a lost version cannot overwrite a later one.
pub fn next(before: i64, random: Nonce) -> i64 {
    // Old versions consist of the count only.
    let count = if before < 1 << 32 { before } else { before >> 32 };
    ((count + 1) << 32) | i64::from(random)
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn versions_rise_and_differ() {
        let mut version = 0;
        for (changes, random) in (1..).zip([7, 0, u32::MAX, 3]) {
            let before = version;
            version = next(before, random);
            assert!(version > before && version >> 32 == changes, "{before} {version}");
        }
        assert_eq!(next(41, 5) >> 32, 42, "an old version continues");
        assert_ne!(next(41, 5), next(41, 6));
    }
}
