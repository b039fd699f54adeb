//! Sums without rounding.

use std::fmt;
use std::str::FromStr;

/// How many places are counted.
const PLACES: u32 = 18;
const ONE: i128 = 10i128.pow(PLACES);

/// A decimal with at most 18 places, below 10^20.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exact(i128);

impl Exact {
    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Exact)
    }
}

impl FromStr for Exact {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let places_kept = places.trim_end_matches('0');
        if !plain(whole) || !plain(places) || places_kept.len() > PLACES as usize {
            return Err(format!("{text:?} is no decimal with at most {PLACES} places"));
        }
        let value = || {
            let whole = whole.parse::<i128>().ok()?.checked_mul(ONE)?;
            let scale = 10i128.pow(PLACES - u32::try_from(places_kept.len()).ok()?);
            whole.checked_add(format!("0{places_kept}").parse::<i128>().ok()? * scale)
        };
        let value = value().ok_or_else(|| format!("{text:?} is too large"))?;
        Ok(Exact(if digits.len() < text.len() { -value } else { value }))
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, places) =
            (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        let places = format!("{places:018}");
        match places.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            places => write!(f, "{sign}{whole}.{places}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_or_not_at_all() {
        for (text, read) in [
            ("0", Some("0")),
            ("-0.00", Some("0")),
            ("12.3400000000", Some("12.34")),
            ("-0.000000000000000001", Some("-0.000000000000000001")),
            ("0.10000000000000000000000", Some("0.1")),
            ("00012", Some("12")),
            ("99999999999999999999.999999999999999999", Some("99999999999999999999.999999999999999999")),
            ("0.0000000000000000001", None),
            ("1000000000000000000000", None),
            ("1e3", None),
            ("1.", None),
            (".5", None),
            ("+1", None),
            ("--1", None),
            ("", None),
            ("1,5", None),
        ] {
            assert_eq!(
                text.parse::<Exact>().ok().map(|exact| exact.to_string()).as_deref(),
                read,
                "{text:?}"
            );
        }
        let (a, b): (Exact, Exact) = ("0.1".parse().unwrap(), "0.2".parse().unwrap());
        assert_eq!(a.checked_add(b).unwrap().to_string(), "0.3");
        assert_eq!(Exact(i128::MAX).checked_add(a), None);
    }
}
