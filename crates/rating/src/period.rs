//! The month a bill is for.

use crate::text_serde;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A calendar month in UTC, written `2026-10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillingPeriod {
    year: i16,
    month: i8,
}

/// A text that names no month.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a month from 2000-01 to 2199-12, written as 2026-10")]
pub struct NotAPeriod;

impl BillingPeriod {
    /// The month that a day lies in.
    pub fn of(day: Date) -> Self {
        BillingPeriod { year: day.year(), month: day.month() }
    }

    /// Its first day.
    pub fn first_day(self) -> Date {
        date(self.year, self.month, 1)
    }

    /// As `yyyymm`.
    pub(crate) fn number(self) -> u32 {
        self.year.unsigned_abs() as u32 * 100 + u32::from(self.month.unsigned_abs())
    }

    /// `October 2026`
    pub(crate) fn name(self) -> String {
        self.first_day().strftime("%B %Y").to_string()
    }

    /// The day after its last: the first day of the next month.
    pub fn end(self) -> Date {
        self.next().first_day()
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self::of(self.first_day().saturating_add(1.month()))
    }

    /// The month before it.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::of(self.first_day().saturating_sub(1.month()))
    }
}

impl fmt::Display for BillingPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for BillingPeriod {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let (year, month) = text.split_once('-').ok_or(NotAPeriod)?;
        let all_digits = text.bytes().filter(u8::is_ascii_digit).count() == 6;
        if year.len() != 4 || month.len() != 2 || !all_digits {
            return Err(NotAPeriod);
        }
        let (year, month) = (year.parse().map_err(|_| NotAPeriod)?, month.parse().map_err(|_| NotAPeriod)?);
        let legal = (2000..2200).contains(&year) && (1..=12).contains(&month);
        legal.then_some(BillingPeriod { year, month }).ok_or(NotAPeriod)
    }
}

impl Serialize for BillingPeriod {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BillingPeriod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_serde::parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods() {
        for (text, first, end) in [
            ("2026-10", "2026-10-01", "2026-11-01"),
            ("2026-12", "2026-12-01", "2027-01-01"),
            ("2000-01", "2000-01-01", "2000-02-01"),
        ] {
            let period: BillingPeriod = text.parse().unwrap();
            assert_eq!(
                (period.to_string(), period.first_day().to_string(), period.end().to_string()),
                (text.to_owned(), first.to_owned(), end.to_owned())
            );
            assert_eq!(period.next().previous(), period);
        }
        for wrong in
            ["", "2026", "2026-1", "2026-13", "2026-00", "1999-12", "2026-10-01", "2026-+1", "+026-10"]
        {
            assert!(wrong.parse::<BillingPeriod>().is_err(), "{wrong}");
        }
    }
}
