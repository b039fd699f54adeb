//! Money and quantities as exact decimals: never binary floating point.

use crate::text_serde;
use num_bigint::{BigInt, BigUint, Sign};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

/// 10^18: an amount is held as a count of 10^-18, and what is finer as a count of 10^-36.
const ATTO: i128 = 1_000_000_000_000_000_000;

/// Decimal places that a number can have.
pub(crate) const PLACES: u8 = 36;

/// An exact decimal with up to 36 places, of less than 10^20 in size: money, a price, a rate. Microsoft's files have
/// prices of 22 places and more, and an invoice must add up to their last digit.
///
/// # Panics
/// Adding panics beyond 1.7 × 10^20, a hundred thousand times what the world's money is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount {
    /// Rounded down, so that the rest is never negative and the order of the fields is the order of the values.
    attos: i128,
    /// Less than 10^18.
    rest: u64,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount { attos: 0, rest: 0 };

    /// So many units of 10^-`places`; `places` is at most 18.
    pub(crate) fn of(count: i128, places: u8) -> Amount {
        Amount { attos: count * power(18 - places), rest: 0 }
    }

    /// How many units of 10^-`places` it is, rounded half to even; `places` is at most 18.
    pub(crate) fn count(self, places: u8) -> i128 {
        let unit = power(18 - places);
        let (count, over) = (self.attos.div_euclid(unit), self.attos.rem_euclid(unit));
        let half = match unit {
            1 => (2 * i128::from(self.rest)).cmp(&ATTO),
            // Powers of ten are even: short of a half by one 10^-18 and a rest is still short of it.
            _ => (2 * over).cmp(&unit).then(self.rest.cmp(&0)),
        };
        count + i128::from(half.is_gt() || half.is_eq() && count % 2 != 0)
    }

    /// Its count of 10^-18, rounded down, and of 10^-36 beside that.
    pub(crate) fn parts(self) -> (i128, u64) {
        (self.attos, self.rest)
    }

    /// The amount of these parts.
    pub(crate) fn from_parts(attos: i128, rest: u64) -> Amount {
        Amount { attos, rest }
    }

    /// Rounded to so many places (at most 18), half to even.
    #[must_use]
    pub fn rounded(self, places: u8) -> Amount {
        Amount::of(self.count(places), places)
    }

    /// How much of `whole` it is, in percent to four places, half to even; `None` of nothing, and beyond all bounds.
    pub fn percent_of(self, whole: Amount) -> Option<Amount> {
        let exact = |amount: Amount| BigInt::from(amount.attos) * ATTO + amount.rest;
        let (part, whole): (BigInt, BigInt) = (exact(self) * 1_000_000, exact(whole));
        if whole.sign() == Sign::NoSign {
            return None;
        }
        let is_negative = part.sign() != Sign::NoSign && part.sign() != whole.sign();
        let (part, whole) = (part.magnitude(), whole.magnitude());
        let (below, over) = (part / whole, part % whole * 2_u8);
        let up = over > *whole || over == *whole && &below % 2_u8 != BigUint::ZERO;
        let count = i128::try_from(below + u8::from(up)).ok()?;
        let count = if is_negative { -count } else { count };
        (count.abs() < power(18)).then(|| Amount::of(count, 4))
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self == Amount::ZERO
    }

    /// Whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.attos < 0
    }

    /// Its size.
    #[must_use]
    pub fn abs(self) -> Amount {
        if self.is_negative() { -self } else { self }
    }
}

impl From<Decimal> for Amount {
    fn from(Decimal { mantissa, places }: Decimal) -> Self {
        if places <= 18 {
            return Amount::of(mantissa, places);
        }
        let unit = power(places - 18);
        // Less than 10^18, like every count of 10^-36 below 10^-18.
        let rest = (mantissa.rem_euclid(unit) * power(PLACES - places)) as u64;
        Amount { attos: mantissa.div_euclid(unit), rest }
    }
}

impl Add for Amount {
    type Output = Amount;

    fn add(self, other: Amount) -> Amount {
        let rest = self.rest + other.rest;
        let carry = rest >= ATTO as u64;
        let attos = self.attos.checked_add(other.attos).and_then(|sum| sum.checked_add(carry.into()));
        Amount {
            attos: attos.expect("a sum of less than 10^20"),
            rest: if carry { rest - ATTO as u64 } else { rest },
        }
    }
}

impl Neg for Amount {
    type Output = Amount;

    fn neg(self) -> Amount {
        match self.rest {
            0 => Amount { attos: -self.attos, rest: 0 },
            rest => Amount { attos: -self.attos - 1, rest: ATTO as u64 - rest },
        }
    }
}

impl Sub for Amount {
    type Output = Amount;

    fn sub(self, other: Amount) -> Amount {
        self + -other
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Amount) {
        *self = *self + other;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Amount) {
        *self = *self - other;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Amount>>(amounts: I) -> Amount {
        amounts.fold(Amount::ZERO, Add::add)
    }
}

impl Amount {
    /// Writes it as `Display` does, in a tenth of the time.
    pub(crate) fn push(self, out: &mut Vec<u8>) {
        let size = self.abs();
        // Most are less than 18, and are divided in one instruction.
        let (whole, fraction) = match u64::try_from(size.attos) {
            Ok(attos) => (Ok(attos / ATTO as u64), i128::from(attos % ATTO as u64)),
            Err(_) => (u64::try_from(size.attos / ATTO), size.attos % ATTO),
        };
        let (Ok(whole), 0) = (whole, size.rest) else {
            out.extend_from_slice(self.to_string().as_bytes());
            return;
        };
        if self.is_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        if fraction > 0 {
            // A one before the digits keeps their zeros; all of it is less than 2 × 10^18.
            let mut buffer = itoa::Buffer::new();
            let digits = buffer.format((ATTO + fraction) as u64).trim_end_matches('0');
            out.push(b'.');
            out.extend_from_slice(&digits.as_bytes()[1..]);
        }
    }

    /// With exactly so many places, at most 18: `12.50`. What is finer is not shown.
    pub(crate) fn fixed(self, places: u8) -> String {
        let size = self.abs();
        let sign = if self.is_negative() { "-" } else { "" };
        let digits = format!("{:018}", size.attos % ATTO);
        let point = if places > 0 { "." } else { "" };
        format!("{sign}{}{point}{}", size.attos / ATTO, &digits[..places.into()])
    }
}

/// All its digits and no others: `-1234.5`, `0.00000002`, `0`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.abs();
        let sign = if self.is_negative() { "-" } else { "" };
        let places = format!("{:018}{:018}", size.attos % ATTO, size.rest);
        match places.trim_end_matches('0') {
            "" => write!(f, "{sign}{}", size.attos / ATTO),
            places => write!(f, "{sign}{}.{places}", size.attos / ATTO),
        }
    }
}

impl FromStr for Amount {
    type Err = NotDecimal;

    fn from_str(text: &str) -> Result<Self, NotDecimal> {
        Decimal::parse(text.as_bytes()).map(Amount::from)
    }
}

/// As a string of its exact digits.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_serde::parsed(deserializer)
    }
}

/// A number as a file gives it: `mantissa` × 10^-`places`, with at most 36 places and less than 10^20 in size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: i128,
    pub(crate) places: u8,
}

/// Why a text is no decimal that can be counted with. Reads after the name of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDecimal {
    /// Not a number at all.
    #[error("is not a number such as -1234.56 or 1.5E-05")]
    NotANumber,
    /// Digits beyond the 36th decimal place.
    #[error("has more than 36 decimal places")]
    TooFine,
    /// As large as 10^20, or with more digits than 38.
    #[error("is larger than any amount")]
    TooLarge,
}

impl NotDecimal {
    /// The id of its text in other languages.
    pub(crate) fn wording(self) -> &'static str {
        match self {
            NotDecimal::NotANumber => "report-no-number",
            NotDecimal::TooFine => "report-too-fine",
            NotDecimal::TooLarge => "report-too-large",
        }
    }
}

impl Decimal {
    /// Reads a number with a sign, a point and an exponent as JSON's numbers have them (RFC 8259, section 6);
    /// surrounding spaces, a plus sign and leading zeros are allowed.
    pub(crate) fn parse(text: &[u8]) -> Result<Decimal, NotDecimal> {
        let text = text.trim_ascii();
        let (negative, digits) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            _ => (false, text),
        };
        // Nineteen digits fit into 64 bits, and most numbers have fewer.
        if digits.len() > 19 {
            return Self::parse_long(negative, digits);
        }
        let (mut small, mut point) = (0_u64, None);
        for (at, &byte) in digits.iter().enumerate() {
            match byte {
                b'0'..=b'9' => small = small * 10 + u64::from(byte - b'0'),
                b'.' if point.is_none() => point = Some(at),
                _ => return Self::parse_long(negative, digits),
            }
        }
        if digits.len() == usize::from(point.is_some()) {
            return Err(NotDecimal::NotANumber);
        }
        let places = point.map_or(0, |point| digits.len() - point - 1) as u8;
        let mantissa = i128::from(small);
        Ok(Decimal { mantissa: if negative { -mantissa } else { mantissa }, places })
    }

    #[cold]
    fn parse_long(negative: bool, digits: &[u8]) -> Result<Decimal, NotDecimal> {
        let (decimal, exponent) = match digits.iter().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) => (&digits[..at], std::str::from_utf8(&digits[at + 1..]).unwrap_or("?")),
            None => (digits, "0"),
        };
        let exponent: i64 = exponent.parse::<i32>().map_err(|_| NotDecimal::NotANumber)?.into();
        let point = decimal.iter().position(|b| *b == b'.').unwrap_or(decimal.len());
        let (whole, fraction) = (&decimal[..point], decimal.get(point + 1..).unwrap_or_default());
        if whole.len() + fraction.len() == 0 || !whole.iter().chain(fraction).all(|b| b.is_ascii_digit()) {
            return Err(NotDecimal::NotANumber);
        }
        let mut digits = [whole, fraction].concat();
        let zeros = digits.iter().rev().take_while(|b| **b == b'0').count();
        digits.truncate(digits.len() - zeros);
        let significant = digits.iter().position(|b| *b != b'0').unwrap_or(digits.len());
        let digits = &digits[significant..];
        // The number is `digits` × 10^-scale, without zeros at either end.
        let scale = fraction.len() as i64 - zeros as i64 - exponent;
        if digits.is_empty() {
            return Ok(Decimal::default());
        }
        if digits.len() as i64 - scale > 20 {
            return Err(NotDecimal::TooLarge);
        }
        if scale > i64::from(PLACES) {
            return Err(NotDecimal::TooFine);
        }
        let places = scale.max(0) as u8;
        if digits.len() as i64 + i64::from(places) - scale > 38 {
            return Err(NotDecimal::TooLarge);
        }
        let mantissa = digits.iter().fold(0, |sum, b| sum * 10 + i128::from(b - b'0'));
        let mantissa = mantissa * power((i64::from(places) - scale) as u8);
        Ok(Decimal { mantissa: if negative { -mantissa } else { mantissa }, places })
    }
}

/// 10^`exponent`, which is at most 38.
pub(crate) const fn power(exponent: u8) -> i128 {
    POWERS[exponent as usize]
}

const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_written() {
        for (text, shown) in [
            ("0", "0"),
            ("-0.000", "0"),
            ("0E999", "0"),
            ("1", "1"),
            ("+1", "1"),
            (" 1.50 ", "1.5"),
            ("-1234.56", "-1234.56"),
            (".5", "0.5"),
            ("5.", "5"),
            ("007", "7"),
            ("1.5E-05", "0.000015"),
            ("1.5e+3", "1500"),
            ("-1E-36", "-0.000000000000000000000000000000000001"),
            ("0.1999968000511991808131", "0.1999968000511991808131"),
            ("-0.1999968000511991808131", "-0.1999968000511991808131"),
            ("7.0161290322580649E-05", "0.000070161290322580649"),
            ("123456789012345678.901234567890123456", "123456789012345678.901234567890123456"),
            ("0.10000000000000000000000000000000000000000", "0.1"),
            ("99999999999999999999", "99999999999999999999"),
            ("1000000000000000000000e-10", "100000000000"),
        ] {
            assert_eq!(text.parse::<Amount>().map(|a| a.to_string()), Ok(shown.to_owned()), "{text}");
            let mut pushed = Vec::new();
            text.parse::<Amount>().unwrap().push(&mut pushed);
            assert_eq!(String::from_utf8(pushed).unwrap(), shown);
        }
    }

    #[test]
    fn refused() {
        use NotDecimal::{NotANumber, TooFine, TooLarge};
        for (text, why) in [
            ("", NotANumber),
            (".", NotANumber),
            ("-", NotANumber),
            ("1,5", NotANumber),
            ("1.2.3", NotANumber),
            ("--1", NotANumber),
            ("1e", NotANumber),
            ("e5", NotANumber),
            ("1e99999999999", NotANumber),
            ("NaN", NotANumber),
            ("$1", NotANumber),
            ("1 000", NotANumber),
            ("１", NotANumber),
            ("1e-37", TooFine),
            ("1e-2000000000", TooFine),
            ("1e20", TooLarge),
            ("100000000000000000000", TooLarge),
            ("1234567890.12345678901234567890123456789", TooLarge),
        ] {
            assert_eq!(text.parse::<Amount>(), Err(why), "{text}");
        }
    }

    #[test]
    fn rounded_half_to_even() {
        for (text, places, rounded) in [
            ("0.125", 2, "0.12"),
            ("0.135", 2, "0.14"),
            ("-0.125", 2, "-0.12"),
            ("-0.135", 2, "-0.14"),
            ("0.125000000000000000000000000000000001", 2, "0.13"),
            ("-0.125000000000000000000000000000000001", 2, "-0.13"),
            ("0.124999999999999999999999999999999999", 2, "0.12"),
            ("2.5", 0, "2"),
            ("3.5", 0, "4"),
            ("-2.5", 0, "-2"),
            ("-0.4", 0, "0"),
            ("1.0005", 3, "1"),
            ("0.0000000000000000005", 18, "0"),
            ("0.0000000000000000015", 18, "0.000000000000000002"),
            ("0.000000000000000000500000000000000001", 18, "0.000000000000000001"),
        ] {
            assert_eq!(text.parse::<Amount>().unwrap().rounded(places).to_string(), rounded, "{text}");
        }
    }

    #[test]
    fn order_and_sums_go_to_the_last_place() {
        let amounts =
            ["-1", "-1e-36", "0", "1e-36", "1e-18", "0.5", "1"].map(|a| a.parse::<Amount>().unwrap());
        assert!(amounts.is_sorted());
        assert_eq!(amounts.into_iter().sum::<Amount>().to_string(), "0.500000000000000001");
        for a in amounts {
            for b in amounts {
                assert_eq!(a - b, -(b - a));
                assert_eq!(a + b - b, a);
            }
        }
    }
}
