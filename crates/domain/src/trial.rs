//! When a customer's trial ends.

use crate::json::Json;
use crate::text::{invalid, string};
use crate::violation::{Violation, code, shortened};
use jiff::civil::{DateTime, date};
use jiff::fmt::temporal::Pieces;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use std::fmt;

/// The instant from which on the customer's users are locked out: a whole second of UTC, in the years 0000–9999.
///
/// Not a [`jiff::Timestamp`], whose last one comes before `9999-12-31T23:59:59Z`, which clients send for "never".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialExpiration(i64);

/// 1970-01-01T00:00:00, from which seconds are counted.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

impl TrialExpiration {
    /// The instant so many seconds after 1970-01-01T00:00:00Z; `None` outside the years 0000–9999.
    pub fn from_second(second: i64) -> Option<Self> {
        let time = EPOCH.checked_add(SignedDuration::from_secs(second)).ok()?;
        (time.year() >= 0).then_some(TrialExpiration(second))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn as_second(self) -> i64 {
        self.0
    }

    /// Whether the trial is over at `now`: at the instant itself it is.
    pub fn reached(self, now: Timestamp) -> bool {
        self.0 <= now.as_second()
    }

    /// Reads an ISO 8601 date, or date and time, extended (`2016-09-22T00:00:00Z`) or basic (`20160922T000000Z`).
    /// Without an offset it is UTC, without a time it is midnight; fractions of a second are dropped. Whether it
    /// is in the future is not asked. The violation's pointer is `""`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let text = text.trim();
        Self::instant(text).ok_or_else(|| {
            invalid(format!(
                "must be an ISO 8601 date and time such as 2030-12-31T23:59:59Z, not {:?}",
                shortened(text)
            ))
        })
    }

    fn instant(text: &str) -> Option<Self> {
        // A bracketed time zone is RFC 9557's, not ISO 8601's, and would need tables of zones.
        let pieces = Pieces::parse(text).ok().filter(|pieces| pieces.time_zone_annotation().is_none())?;
        let local = pieces.date().to_datetime(pieces.time().unwrap_or_default());
        let offset = pieces.to_numeric_offset().map_or(0, jiff::tz::Offset::seconds);
        if offset.abs() >= 24 * 60 * 60 {
            return None;
        }
        Self::from_second(local.duration_since(EPOCH).as_secs().checked_sub(offset.into())?)
    }

    pub(crate) fn read(json: &Json) -> Result<Self, Violation> {
        Self::parse(string(json)?)
    }

    /// The same, provided that it is in the future.
    pub(crate) fn in_future(self, now: Timestamp) -> Result<Self, Violation> {
        if self.reached(now) {
            let message = format!("must be in the future, but {self} is not: it is {now:.0} now");
            Err(Violation::new("", code::NOT_FUTURE, message))
        } else {
            Ok(self)
        }
    }
}

/// RFC 3339, UTC, to the second: `2016-09-22T00:00:00Z`.
impl fmt::Display for TrialExpiration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = EPOCH.saturating_add(SignedDuration::from_secs(self.0));
        write!(f, "{time:.0}Z")
    }
}

impl Serialize for TrialExpiration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
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
            let read = TrialExpiration::parse(text).ok();
            assert_eq!(read.map(|trial| trial.to_string()).as_deref(), expected, "{text:?}");
            if let Some(trial) = read {
                assert_eq!(TrialExpiration::from_second(trial.as_second()), Some(trial));
                assert_eq!(TrialExpiration::parse(&trial.to_string()), Ok(trial));
            }
        }
    }

    #[test]
    fn over_at_the_instant_itself() {
        let trial = TrialExpiration::parse("2016-09-22T00:00:00Z").unwrap();
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
        let violation = TrialExpiration::parse("2016-09-15").unwrap().in_future(now).unwrap_err();
        assert_eq!(
            violation.message,
            "must be in the future, but 2016-09-15T00:00:00Z is not: it is 2016-09-15T18:17:04Z now"
        );
    }
}
