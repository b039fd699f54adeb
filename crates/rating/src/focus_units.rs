//! Microsoft's units as FOCUS writes them (Unit Format, the same from 1.0 to 1.4): plural units, the unit quantity as a whole
//! number before them, `-` between the units of a product and `/` before the time of a rate.
//!
//! What a unit means stays: `1 Hour` is `Hours`, `10K` is `10000 Units`, `100 GB/Month` stays as it is. Names that the format does
//! not list, such as `Seats`, are counts, and need no more than a capital letter. A text that is no unit is left as it is.

use std::fmt::Write;

/// Abbreviations of data sizes, which have no plural.
const DATA_SIZES: [&str; 26] = [
    "b", "Kb", "Mb", "Gb", "Tb", "Pb", "Eb", "Kib", "Mib", "Gib", "Tib", "Pib", "Eib", "B", "KB", "MB", "GB",
    "TB", "PB", "EB", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB",
];

/// Units of time, each in the singular, with what Microsoft writes for it.
const TIMES: [(&str, &[&str]); 6] = [
    ("Year", &["year", "years"]),
    ("Month", &["month", "months"]),
    ("Day", &["day", "days"]),
    ("Hour", &["hour", "hours", "hr", "hrs"]),
    ("Minute", &["minute", "minutes", "min"]),
    ("Second", &["second", "seconds", "sec", "s"]),
];

/// Names of counts that Microsoft writes in the singular too. Of others it is not known whether they are plural.
const COUNTS: [&str; 11] = [
    "Count",
    "Unit",
    "Request",
    "Token",
    "Connection",
    "Certificate",
    "Domain",
    "Core",
    "License",
    "Seat",
    "User",
];

/// A unit as FOCUS writes it; of nothing, `Units`.
pub(crate) fn unit_format(given: &str) -> String {
    let given = given.trim();
    if given.is_empty() {
        return "Units".to_owned();
    }
    read(given).unwrap_or_else(|| capitalised(given))
}

/// `None` where the text has no form that is known.
fn read(given: &str) -> Option<String> {
    let (quantity, rest) = quantity(given)?;
    let (units, time) = match rest.split_once('/') {
        Some((units, time)) => (units, Some(denominator(time)?)),
        None => (rest, None),
    };
    let mut unit = String::new();
    if quantity != 1 {
        write!(unit, "{quantity} ").ok()?;
    }
    let words: Vec<&str> = units.split_whitespace().flat_map(|word| word.split('-')).collect();
    match words.as_slice() {
        [] => unit.push_str("Units"),
        [one] => unit.push_str(&plural(one)),
        [first, second] => {
            unit.push_str(time_of(first).unwrap_or(&capitalised(first)));
            write!(unit, "-{}s", time_of(second)?).ok()?;
        }
        _ => return None,
    }
    if let Some(time) = time {
        write!(unit, "/{time}").ok()?;
    }
    Some(unit)
}

/// The whole number before a unit (`10,000`, `10K`, `1M`; 1 if none is given), and what follows it.
fn quantity(given: &str) -> Option<(u64, &str)> {
    let end = given.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(given.len());
    let (digits, rest) = given.split_at(end);
    if digits.is_empty() {
        return Some((1, given));
    }
    let number: u64 = digits.replace(',', "").parse().ok()?;
    let (factor, rest) = match rest.as_bytes() {
        [b'K', after @ ..] if ends_word(after) => (1_000, &rest[1..]),
        [b'M', after @ ..] if ends_word(after) => (1_000_000, &rest[1..]),
        [b'B', after @ ..] if ends_word(after) => (1_000_000_000, &rest[1..]),
        // Half a unit, or a name that begins with a number.
        [first, ..] if !matches!(first, b' ' | b'/') => return None,
        _ => (1, rest),
    };
    (number > 0).then_some((number.checked_mul(factor)?, rest.trim()))
}

fn ends_word(after: &[u8]) -> bool {
    matches!(after, [] | [b' ' | b'/', ..])
}

/// The time that a rate is per: `Month`, `3 Months`.
fn denominator(given: &str) -> Option<String> {
    let (quantity, rest) = quantity(given.trim())?;
    let time = time_of(rest)?;
    Some(if quantity == 1 { time.to_owned() } else { format!("{quantity} {time}s") })
}

fn time_of(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    TIMES.iter().find(|(_, names)| names.contains(&word.as_str())).map(|(time, _)| *time)
}

/// The plural of one unit: a data size as it is, a time, or the name of what is counted.
fn plural(word: &str) -> String {
    if DATA_SIZES.contains(&word) {
        return word.to_owned();
    }
    if let Some(time) = time_of(word) {
        return format!("{time}s");
    }
    let noun = capitalised(word);
    if COUNTS.contains(&noun.as_str()) { noun + "s" } else { noun }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_written_as_focus_wants_them() {
        for (given, expected) in [
            // Microsoft's units of Azure meters.
            ("1 Hour", "Hours"),
            ("100 Hours", "100 Hours"),
            ("1 GB", "GB"),
            ("10 GB", "10 GB"),
            ("1 GB/Month", "GB/Month"),
            ("100 GB/Month", "100 GB/Month"),
            ("1 GiB Hour", "GiB-Hours"),
            ("50000 GB Seconds", "50000 GB-Seconds"),
            ("1/Month", "Units/Month"),
            ("10/Day", "10 Units/Day"),
            ("1/3 Months", "Units/3 Months"),
            ("10K", "10000 Units"),
            ("1M", "1000000 Units"),
            ("1K/Month", "1000 Units/Month"),
            ("10,000", "10000 Units"),
            ("1", "Units"),
            ("100", "100 Units"),
            ("1 MB/s", "MB/Second"),
            ("1 Minute", "Minutes"),
            ("1 vCore Hour", "VCore-Hours"),
            ("1 DTU/Day", "DTU/Day"),
            // Licences are counted.
            ("Licenses", "Licenses"),
            ("license", "Licenses"),
            ("Seats", "Seats"),
            ("1 User", "Users"),
            ("each", "Each"),
            ("", "Units"),
            (" ", "Units"),
            ("Units", "Units"),
            // What has been written so already.
            ("Hours", "Hours"),
            ("GB-Hours", "GB-Hours"),
            ("1000 Requests", "1000 Requests"),
            // What is no unit stays.
            ("0.5 GB", "0.5 GB"),
            ("2 for 1", "2 for 1"),
            ("per user per month", "Per user per month"),
            ("1 GB/Tenant", "1 GB/Tenant"),
            ("0 Hours", "0 Hours"),
            ("99999999999999999999 GB", "99999999999999999999 GB"),
            ("=1+1", "=1+1"),
        ] {
            assert_eq!(unit_format(given), expected, "{given:?}");
            assert_eq!(unit_format(expected), expected, "{given:?} twice");
        }
    }
}
