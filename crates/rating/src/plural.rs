//! Counts in messages: `1 line`, `2 lines`.

/// A count and its noun.
pub fn count_of(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The form of a word that goes with a count: `is` or `are`.
pub fn form_for<'a>(count: u64, singular: &'a str, plural: &'a str) -> &'a str {
    if count == 1 { singular } else { plural }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        for (count, expected) in [(0, "0 lines are"), (1, "1 line is"), (2, "2 lines are")] {
            assert_eq!(format!("{} {}", count_of(count, "line"), form_for(count, "is", "are")), expected);
        }
    }
}
