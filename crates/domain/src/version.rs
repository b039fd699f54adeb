//! Versions of objects, which `ETag` and `If-Match` name.

/// The random part of versions.
pub type Nonce = u32;

/// The version that follows `before` (0 for an object that is made now): the count of changes, and 32 random bits behind it.
/// It rises, and is not given again to what is made of an older state that was restored: a client that has seen it there
/// does not overwrite what it has not seen.
pub fn next(before: i64, random: Nonce) -> i64 {
    // Versions from before there was a random part are counts alone.
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
        assert_eq!(next(41, 5) >> 32, 42, "one from before goes on");
        assert_ne!(next(41, 5), next(41, 6));
    }
}
