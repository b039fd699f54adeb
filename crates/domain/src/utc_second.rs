//! Instants in whole seconds, as payloads give them.

use crate::json::Json;
use crate::text::{invalid, string};
use crate::violation::{Violation, code, shortened};
use jiff::civil::{Date, DateTime, date};
use jiff::fmt::temporal::Pieces;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use std::fmt;
use std::ops::RangeInclusive;

/// A whole second of UTC in the years 0000–9999, such as the expiry of a trial or of an API key.
///
/// Not a [`jiff::Timestamp`], whose last one comes before `9999-12-31T23:59:59Z`, which clients send for "never".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcSecond(i64);

/// The Unix epoch, 1970-01-01T00:00:00.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

impl UtcSecond {
    /// The instant at this number of seconds since 1970-01-01T00:00:00Z; `None` outside the years 0000–9999.
    pub fn from_second(second: i64) -> Option<Self> {
        let time = EPOCH.checked_add(SignedDuration::from_secs(second)).ok()?;
        (time.year() >= 0).then_some(UtcSecond(second))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn as_second(self) -> i64 {
        self.0
    }

    /// Whether `now` is at or after this instant.
    pub fn reached(self, now: Timestamp) -> bool {
        self.0 <= now.as_second()
    }

    /// Reads an ISO 8601 date, or date and time, extended (`2016-09-22T00:00:00Z`) or basic (`20160922T000000Z`).
    /// Without an offset it is UTC, without a time it is midnight; fractions of a second are dropped. The
    /// instant may be in the past. The violation's pointer is `""`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let text = text.trim();
        Self::instant(text).ok_or_else(|| {
            let why = why(text).map_or(String::new(), |why| format!(": {why}"));
            let shown = shortened(text);
            let message =
                format!("must be an ISO 8601 date and time such as 2030-12-31T23:59:59Z, not {shown:?}{why}");
            invalid(message).because("time-form", &[("given", &shown)])
        })
    }

    fn instant(text: &str) -> Option<Self> {
        // A bracketed time zone is RFC 9557's, not ISO 8601's, and would need tables of zones.
        let pieces = Pieces::parse(text).ok().filter(|pieces| pieces.time_zone_annotation().is_none())?;
        let local = pieces.date().to_datetime(pieces.time().unwrap_or_default());
        let offset = pieces.to_numeric_offset().map_or(0, jiff::tz::Offset::seconds);
        if !OFFSETS.contains(&offset) {
            return None;
        }
        let instant = Self::from_second(local.duration_since(EPOCH).as_secs().checked_sub(offset.into())?)?;
        let second = Parts::of(text).and_then(|parts| parts.clock).and_then(|clock| clock[2]);
        (second != Some(60) || instant.may_be_leap_second()).then_some(instant)
    }

    /// Whether a leap second can follow this one (ITU-R TF.460): at the end of June or December, UTC.
    fn may_be_leap_second(self) -> bool {
        let time = EPOCH.saturating_add(SignedDuration::from_secs(self.0));
        let last = (time.hour(), time.minute(), time.second()) == (23, 59, 59);
        last && matches!((time.month(), time.day()), (6, 30) | (12, 31))
    }

    pub(crate) fn read(json: &Json) -> Result<Self, Violation> {
        Self::parse(string(json)?)
    }

    /// Returns the instant if it is after `now`.
    pub(crate) fn in_future(self, now: Timestamp) -> Result<Self, Violation> {
        if self.reached(now) {
            let message = format!("must be in the future, but {self} is not: it is {now:.0} now");
            let now = format!("{now:.0}");
            Err(Violation::new("", code::NOT_FUTURE, message)
                .because("not-future", &[("given", &self), ("now", &now)]))
        } else {
            Ok(self)
        }
    }
}

/// The range of offsets from UTC, in seconds.
const OFFSETS: RangeInclusive<i32> = -12 * 3600..=14 * 3600;

/// The numbers in a text with the form of a date: year, month and day; hour, minute and second; and the offset, as whether
/// it is behind UTC, hours and minutes.
struct Parts {
    date: [u16; 3],
    clock: Option<[Option<u16>; 3]>,
    offset: Option<(bool, u16, u16)>,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
        let date = digits(date, '-').filter(|date| date.len() == 8)?;
        let number = |digits: &str| digits.parse::<u16>().ok();
        let date = [number(&date[..4])?, number(&date[4..6])?, number(&date[6..])?];
        let time = time.trim_end_matches(['Z', 'z']);
        let (clock, offset) = match time.rfind(['+', '-']) {
            Some(at) => (&time[..at], Some((time[at..].starts_with('-'), &time[at + 1..]))),
            None => (time, None),
        };
        let clock = clock
            .split(['.', ','])
            .next()
            .and_then(|clock| digits(clock, ':'))
            .map(|clock| [0, 2, 4].map(|at| clock.get(at..at + 2).and_then(number)));
        let offset = offset.and_then(|(behind, offset)| {
            let offset = digits(offset, ':')?;
            Some((behind, number(offset.get(..2)?)?, offset.get(2..4).and_then(number).unwrap_or(0)))
        });
        Some(Parts { date, clock, offset })
    }
}

/// The text without its separators, if all else is digits.
fn digits(text: &str, separator: char) -> Option<String> {
    let digits = text.replace(separator, "");
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// The reason why a text is not an ISO 8601 date and time; `None` if it is not known.
fn why(text: &str) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    if let Some(ticks) = text.strip_prefix("/Date(") {
        let count: String = ticks.chars().take_while(char::is_ascii_digit).collect();
        let meant = count.parse::<i64>().ok().and_then(|count| UtcSecond::from_second(count / 1000));
        let meant = meant.map_or(String::new(), |meant| format!("; write {meant}"));
        return Some(format!("that is how PowerShell 5.1 and .NET write it{meant}"));
    }
    if text.contains('[') {
        return Some("give an offset such as +02:00 instead of a time zone's name".into());
    }
    if (9..=13).contains(&text.len()) && digits(text, '-').is_some_and(|digits| digits == text) {
        let count = text.parse::<i64>().ok()?;
        let meant = UtcSecond::from_second(if text.len() < 12 { count } else { count / 1000 })?;
        return Some(format!("a count of seconds or milliseconds is not taken; write {meant}"));
    }
    let date = text.split(['T', 't', ' ']).next().unwrap_or_default();
    if date.get(4..).is_some_and(|rest| rest.trim_start_matches('-').starts_with(['W', 'w'])) {
        return Some("that is a week date; a calendar date is wanted".into());
    }
    if digits(date, '-').is_some_and(|digits| digits.len() == 7) && [7, 8].contains(&date.len()) {
        return Some("that is an ordinal date; a calendar date is wanted".into());
    }
    if date.contains(['/', '.']) {
        return Some("the year comes first, then month and day, with hyphens between them".into());
    }
    let Parts { date: [year, month, day], clock, offset } = Parts::of(text)?;
    let Some(name) = MONTHS.get(usize::from(month).wrapping_sub(1)) else {
        return Some(format!("there is no month {month:02}"));
    };
    let days = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()?.days_in_month();
    if !(1..=days.unsigned_abs().into()).contains(&day) {
        return Some(format!("there is no {day} {name} in {year}"));
    }
    if let Some([Some(hour), minute, second]) = clock {
        let (minute, second) = (minute.unwrap_or(0), second.unwrap_or(0));
        if (hour, minute, second) == (24, 0, 0) {
            return Some("write 00:00 of the day after".into());
        }
        if hour > 23 {
            return Some(format!("there is no hour {hour}, the last is 23"));
        }
        if minute > 59 {
            return Some(format!("there is no minute {minute}, the last is 59"));
        }
        if second > 60 {
            return Some(format!("there is no second {second}, the last is 59"));
        }
        if second == 60 {
            return Some("a leap second can only be at 23:59:60 UTC on 30 June or 31 December".into());
        }
    }
    let (behind, hours, minutes) = offset?;
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    let there_is = OFFSETS.contains(&if behind { -seconds } else { seconds });
    (!there_is).then(|| "offsets from UTC go from -12:00 to +14:00".into())
}

/// RFC 3339, UTC, to the second: `2016-09-22T00:00:00Z`.
impl fmt::Display for UtcSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = EPOCH.saturating_add(SignedDuration::from_secs(self.0));
        write!(f, "{time:.0}Z")
    }
}

impl Serialize for UtcSecond {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_8601_forms_are_read() {
        for (text, expected) in [
            ("2016-09-22T00:00:00Z", Some("2016-09-22T00:00:00Z")),
            (" 2016-09-22T00:00:00Z ", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22t00:00:00z", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22 00:00:00Z", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22T00:00:00", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22T00:00", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22T00:00Z", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22", Some("2016-09-22T00:00:00Z")),
            ("20160922", Some("2016-09-22T00:00:00Z")),
            ("20160922T000000Z", Some("2016-09-22T00:00:00Z")),
            ("20160922T020000+0200", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22T02:00:00+02:00", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22T02:00:00+02", Some("2016-09-22T00:00:00Z")),
            ("2016-09-21T18:30:00-05:30", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22T00:00:00-00:00", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22T00:00:00.999999999Z", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22T00:00:00,5Z", Some("2016-09-22T00:00:00Z")),
            ("+002016-09-22T00:00:00Z", Some("2016-09-22T00:00:00Z")),
            ("2016-02-29", Some("2016-02-29T00:00:00Z")),
            ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59Z")),
            ("9999-12-31T23:59:59.999Z", Some("9999-12-31T23:59:59Z")),
            ("0000-01-01", Some("0000-01-01T00:00:00Z")),
            ("9999-12-31T23:59:59-00:01", None),
            ("0000-01-01T00:00:00+00:01", None),
            ("-000001-12-31", None),
            ("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z")),
            ("2015-06-30T16:59:60-07:00", Some("2015-06-30T23:59:59Z")),
            ("2016-12-30T23:59:60Z", None),
            ("2016-12-31T12:59:60Z", None),
            ("2016-12-31T23:59:60+01:00", None),
            ("20161231T125960Z", None),
            ("2016-09-22T14:00:00+14:00", Some("2016-09-22T00:00:00Z")),
            ("2016-09-21T12:00:00-12:00", Some("2016-09-22T00:00:00Z")),
            ("2016-09-22T00:00:00+14:01", None),
            ("2016-09-22T00:00:00+15:00", None),
            ("2016-09-22T00:00:00-12:30", None),
            ("date", None),
            ("", None),
            ("2016", None),
            ("2016-09", None),
            ("2015-02-29", None),
            ("2016-13-01", None),
            ("2016-09-22T25:00:00Z", None),
            ("2016-09-22T00:00:00+25:00", None),
            ("2016-09-22T00:00:00Z[Europe/Paris]", None),
            ("2016-09-22T00:00:00+02:00[Europe/Paris]", None),
            ("2016-09-22T00:00:00Zzz", None),
            ("22.09.2016", None),
            ("09/22/2016", None),
            ("Thu, 22 Sep 2016 00:00:00 GMT", None),
            ("1474502400", None),
        ] {
            let read = UtcSecond::parse(text).ok();
            assert_eq!(read.map(|trial| trial.to_string()).as_deref(), expected, "{text:?}");
            if let Some(trial) = read {
                assert_eq!(UtcSecond::from_second(trial.as_second()), Some(trial));
                assert_eq!(UtcSecond::parse(&trial.to_string()), Ok(trial));
            }
        }
    }

    #[test]
    fn messages_say_what_is_wrong() {
        for (text, why) in [
            ("2030-02-29", ": there is no 29 February in 2030"),
            ("2030-04-31T00:00:00Z", ": there is no 31 April in 2030"),
            ("20300229", ": there is no 29 February in 2030"),
            ("2030-01-00", ": there is no 0 January in 2030"),
            ("2030-13-01", ": there is no month 13"),
            ("2030-00-01", ": there is no month 00"),
            ("2030-W39-7", ": that is a week date; a calendar date is wanted"),
            ("2030W397", ": that is a week date; a calendar date is wanted"),
            ("2030-123", ": that is an ordinal date; a calendar date is wanted"),
            ("2030-01-01T25:00", ": there is no hour 25, the last is 23"),
            ("2030-01-01T25:00:00Z", ": there is no hour 25, the last is 23"),
            ("2030-01-01T24:00:00Z", ": write 00:00 of the day after"),
            ("2030-01-01T12:60:00Z", ": there is no minute 60, the last is 59"),
            ("2030-01-01T12:59:61Z", ": there is no second 61, the last is 59"),
            ("2030-01-01T12:59:60Z", ": a leap second can only be at 23:59:60 UTC on 30 June or 31 December"),
            ("2030-01-01T12:00:00+15:00", ": offsets from UTC go from -12:00 to +14:00"),
            ("2030-01-01T12:00:00+25:00", ": offsets from UTC go from -12:00 to +14:00"),
            (
                "2030-01-01T12:00Z[Europe/Paris]",
                ": give an offset such as +02:00 instead of a time zone's name",
            ),
            ("22.09.2030", ": the year comes first, then month and day, with hyphens between them"),
            ("09/22/2030", ": the year comes first, then month and day, with hyphens between them"),
            (
                "/Date(1924905600000)/",
                ": that is how PowerShell 5.1 and .NET write it; write 2030-12-31T00:00:00Z",
            ),
            ("1924905600", ": a count of seconds or milliseconds is not taken; write 2030-12-31T00:00:00Z"),
            (
                "1924905600000",
                ": a count of seconds or milliseconds is not taken; write 2030-12-31T00:00:00Z",
            ),
            ("date", ""),
            ("2030-1-1", ""),
            ("", ""),
        ] {
            let expected =
                format!("must be an ISO 8601 date and time such as 2030-12-31T23:59:59Z, not {text:?}{why}");
            assert_eq!(UtcSecond::parse(text).unwrap_err().message, expected);
        }
    }

    #[test]
    fn an_instant_is_reached_at_the_instant_itself() {
        let trial = UtcSecond::parse("2016-09-22T00:00:00Z").unwrap();
        for (now, over) in [
            ("2016-09-21T23:59:59.999999999Z", false),
            ("2016-09-22T00:00:00Z", true),
            ("2016-09-22T00:00:00.5Z", true),
            ("1969-12-31T23:59:59.5Z", false),
        ] {
            let now: Timestamp = now.parse().unwrap();
            assert_eq!(trial.reached(now), over, "{now}");
            assert_eq!(trial.in_future(now).is_err(), over, "{now}");
        }
    }

    #[test]
    fn the_message_tells_the_time() {
        let now: Timestamp = "2016-09-15T18:17:04.5Z".parse().unwrap();
        let violation = UtcSecond::parse("2016-09-15").unwrap().in_future(now).unwrap_err();
        assert_eq!(
            violation.message,
            "must be in the future, but 2016-09-15T00:00:00Z is not: it is 2016-09-15T18:17:04Z now"
        );
    }
}
