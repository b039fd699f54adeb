//! The partner's margin on a customer's costs.

use crate::json::Json;
use crate::text::{invalid, wrong_type};
use crate::violation::{Violation, shortened};
use serde::{Serialize, Serializer};
use std::fmt;

/// A margin m in percent, 0 ≤ m < 100 with at most four decimal places, where price = cost / (1 − m/100). Held
/// exactly, as a count of ten-thousandths of a percent. Never a markup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Margin(u32);

/// The ten-thousandths of a percent in 100 %, the exclusive maximum of a margin.
const HUNDRED_PERCENT: u32 = 1_000_000;

impl Margin {
    /// The margin of this number of ten-thousandths of a percent; `None` outside 0..1,000,000.
    pub fn from_ten_thousandths(count: i64) -> Option<Self> {
        u32::try_from(count).ok().filter(|count| *count < HUNDRED_PERCENT).map(Margin)
    }

    /// The margin in ten-thousandths of a percent: 125,000 for 12.5 %.
    pub fn ten_thousandths(self) -> i64 {
        i64::from(self.0)
    }

    /// Parses a decimal: digits with an optional sign, fraction and exponent, like a number of JSON (RFC 8259, section
    /// 6). The violation's pointer is `""`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let text = text.trim();
        let shown = || shortened(text);
        let not_a_number = || {
            invalid(format!("must be a decimal number such as 12.5, not {:?}", shown()))
                .because("decimal", &[("given", &shown())])
        };
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (decimal, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let exponent: i64 = exponent.parse::<i32>().map_err(|_| not_a_number())?.into();
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
        if !all_digits || whole.len() + fraction.len() == 0 {
            return Err(not_a_number());
        }

        // The number is `digits` × 10^-scale, without zeros at either end.
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        let scale = fraction.len() as i64 - zeros as i64 - exponent;
        if significant.is_empty() {
            return Ok(Margin(0));
        }
        if negative || significant.len() as i64 - scale > 2 {
            return Err(invalid(format!("must be at least 0 and less than 100, not {}", shown()))
                .because("percentage", &[("given", &shown())]));
        }
        if scale > 4 {
            return Err(invalid(format!("must have at most 4 decimal places, unlike {}", shown()))
                .because("decimal-places", &[("given", &shown())]));
        }
        // At most 2 digits before the point and 4 after it: six, so nothing overflows.
        let count = significant.bytes().fold(0, |count, b| count * 10 + u32::from(b - b'0'));
        Ok(Margin(count * 10_u32.pow((4 - scale) as u32)))
    }

    /// Reads a JSON number, or a string with a number, because clients send both.
    pub(crate) fn read(json: &Json) -> Result<Self, Violation> {
        match json {
            Json::Number(number) => Self::parse(&number.to_string()),
            Json::String(text) => Self::parse(text),
            _ => Err(wrong_type("a number such as 12.5", json)),
        }
    }
}

/// Decimal, with at least one place: `0.0`, `12.5`, `12.3456`.
impl fmt::Display for Margin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = format!("{:04}", self.0 % 10_000);
        let places = match places.trim_end_matches('0') {
            "" => "0",
            places => places,
        };
        write!(f, "{}.{places}", self.0 / 10_000)
    }
}

/// A JSON number with exactly the digits of `Display`.
impl Serialize for Margin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Six digits survive the way through a double and back, for the nearest one is written shortest.
        let nearest: f64 = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        serializer.serialize_f64(nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("-0", Some(0)),
            ("0e999999999", Some(0)),
            ("12.5", Some(125_000)),
            (" 12.5 ", Some(125_000)),
            ("012.50000000", Some(125_000)),
            ("12.3456", Some(123_456)),
            ("1e1", Some(100_000)),
            ("1E+1", Some(100_000)),
            ("1e-4", Some(1)),
            ("1250000e-5", Some(125_000)),
            ("0.0000005e4", Some(50)),
            (".5", Some(5_000)),
            ("5.", Some(50_000)),
            ("99.9999", Some(999_999)),
            ("99.99999", None),
            ("12.34567", None),
            ("1e-5", None),
            ("100", None),
            ("1e2", None),
            ("-0.0001", None),
            ("1e999999999", None),
            ("1e99999999999999999999", None),
            ("12,5", None),
            ("12.5%", None),
            ("1.2.3", None),
            ("--1", None),
            ("", None),
            (".", None),
            ("e1", None),
            ("0x10", None),
            ("NaN", None),
            ("１２", None),
        ] {
            assert_eq!(Margin::parse(text).ok().map(Margin::ten_thousandths), expected, "{text:?}");
        }
    }

    #[test]
    fn every_margin_is_written_exactly_and_read_back() {
        for count in (0..1_000_000).step_by(7).chain([999_999]) {
            let margin = Margin::from_ten_thousandths(count).unwrap();
            let json = serde_json::to_string(&margin).unwrap();
            assert_eq!(json, margin.to_string());
            assert_eq!(Margin::read(&Json::parse(json.as_bytes()).unwrap()), Ok(margin));
        }
    }

    #[test]
    fn margins_are_written_with_a_decimal_place() {
        for (count, json) in
            [(0, "0.0"), (125_000, "12.5"), (123_456, "12.3456"), (1, "0.0001"), (20_000, "2.0")]
        {
            assert_eq!(serde_json::to_string(&Margin(count)).unwrap(), json);
        }
    }

    #[test]
    fn counts_outside_the_range_are_rejected() {
        for (count, legal) in [(0, true), (999_999, true), (1_000_000, false), (-1, false), (i64::MAX, false)]
        {
            assert_eq!(Margin::from_ten_thousandths(count).is_some(), legal, "{count}");
        }
    }
}
