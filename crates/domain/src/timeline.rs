//! Facts that hold from a day on: which customer has a tenant, a margin, the billing switch.

use crate::json::Json;
use crate::text::{invalid, string};
use crate::violation::Violation;
use jiff::Timestamp;
use jiff::civil::{Date, date};

/// The values of a fact on all days. Neighbours differ, so that equal facts are equal timelines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline<T> {
    first: T,
    /// In the order of the days.
    changes: Vec<(Date, T)>,
}

impl<T: PartialEq> Timeline<T> {
    /// A value that has held from the beginning.
    pub fn new(first: T) -> Self {
        Timeline { first, changes: Vec::new() }
    }

    /// The value on a day.
    pub fn on(&self, day: Date) -> &T {
        let after = self.changes.partition_point(|(from, _)| *from <= day);
        after.checked_sub(1).map_or(&self.first, |last| &self.changes[last].1)
    }

    /// Sets the value from a day on, or from the beginning, until the next day that has a change already.
    pub fn set(&mut self, from: Option<Date>, value: T) {
        match from {
            None => self.first = value,
            Some(day) => {
                let at = self.changes.partition_point(|(from, _)| *from < day);
                match self.changes.get_mut(at) {
                    Some((same, held)) if *same == day => *held = value,
                    _ => self.changes.insert(at, (day, value)),
                }
            }
        }
        let mut last = &self.first;
        let mut keep = Vec::with_capacity(self.changes.len());
        for (_, value) in &self.changes {
            keep.push(value != last);
            last = value;
        }
        let mut keep = keep.into_iter();
        self.changes.retain(|_| keep.next().unwrap_or(true));
    }

    /// The values in the order of their days, each with the first of these; `None` for the beginning.
    pub fn entries(&self) -> impl Iterator<Item = (Option<Date>, &T)> {
        let later = self.changes.iter().map(|(from, value)| (Some(*from), value));
        [(None, &self.first)].into_iter().chain(later)
    }

    /// The values, each with its first day and the first day of the next.
    pub fn spans(&self) -> impl Iterator<Item = (Option<Date>, Option<Date>, &T)> {
        self.entries()
            .enumerate()
            .map(|(i, (from, value))| (from, self.changes.get(i).map(|(until, _)| *until), value))
    }

    /// Whether it ever changes.
    pub fn is_constant(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Parses a day such as `2026-11-03`, from 2000 to 2199.
///
/// # Errors
/// Another text.
pub fn parse_day(text: &str) -> Result<Date, Violation> {
    let shown = crate::violation::shortened(text);
    let expected = || {
        invalid(format!("must be a day such as 2026-11-03, not {shown:?}"))
            .because("day", &[("given", &shown)])
    };
    let day: Date = text.parse().map_err(|_| expected())?;
    // The parser takes other ways to write a date, and times behind it.
    if day.to_string() != text {
        return Err(expected());
    }
    if !(date(2000, 1, 1)..date(2200, 1, 1)).contains(&day) {
        return Err(invalid("must be a day from 2000-01-01 to 2199-12-31").because("day-range", &[]));
    }
    Ok(day)
}

/// Reads the day from which a change holds.
pub(crate) fn read_day(json: &Json) -> Result<Date, Violation> {
    parse_day(string(json)?)
}

/// The valid `effective_from` of a payload, if it has one.
pub fn effective_from(body: &Json) -> Option<Date> {
    body.get(EFFECTIVE_FROM).and_then(|json| read_day(json).ok())
}

/// The day of an instant, in UTC.
pub fn day_of(instant: Timestamp) -> Date {
    instant.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The field that says from which day on a change holds.
pub const EFFECTIVE_FROM: &str = "effective_from";

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i8) -> Date {
        date(2026, 11, n)
    }

    #[test]
    fn a_value_holds_until_the_next_change() {
        let mut line = Timeline::new(1);
        // What is set from which day, and what the timeline is then.
        for (from, value, expected) in [
            (Some(10), 2, vec![(0, 1), (10, 2)]),
            (Some(5), 3, vec![(0, 1), (5, 3), (10, 2)]),
            (Some(5), 1, vec![(0, 1), (10, 2)]),
            (Some(20), 2, vec![(0, 1), (10, 2)]),
            (Some(20), 4, vec![(0, 1), (10, 2), (20, 4)]),
            (Some(10), 4, vec![(0, 1), (10, 4)]),
            (None, 4, vec![(0, 4)]),
            (None, 7, vec![(0, 7)]),
        ] {
            line.set(from.map(day), value);
            let entries: Vec<(i8, i32)> =
                line.entries().map(|(from, value)| (from.map_or(0, Date::day), *value)).collect();
            assert_eq!(entries, expected, "{value} from {from:?}");
            for on in 1..30 {
                let naive = expected.iter().rfind(|(from, _)| *from <= on).map(|(_, value)| value);
                assert_eq!(Some(line.on(day(on))), naive, "on {on}");
            }
        }
        assert!(line.is_constant());
    }

    #[test]
    fn spans_end_where_the_next_begins() {
        let mut line = Timeline::new('a');
        line.set(Some(day(3)), 'b');
        let spans: Vec<_> = line.spans().collect();
        assert_eq!(spans, [(None, Some(day(3)), &'a'), (Some(day(3)), None, &'b')]);
    }

    #[test]
    fn days() {
        for (text, legal) in [
            ("2026-11-03", true),
            ("2000-01-01", true),
            ("2199-12-31", true),
            ("1999-12-31", false),
            ("2200-01-01", false),
            ("2026-02-29", false),
            ("20261103", false),
            ("2026-11-03T00:00:00Z", false),
            ("2026-11", false),
            ("11/3/2026", false),
            ("", false),
        ] {
            assert_eq!(parse_day(text).is_ok(), legal, "{text}");
        }
    }
}
