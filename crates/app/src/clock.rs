//! Time, passed in. The platform's times are whole seconds.

use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Tells the time: the system's, or one that stands still until it is moved.
#[derive(Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// The sandbox's: seconds since 1970 UTC.
    Sandbox(AtomicI64),
}

impl Clock {
    /// A clock that stands still at this instant, to the second.
    pub fn standing(at: Timestamp) -> Self {
        Clock::Sandbox(AtomicI64::new(at.as_second()))
    }

    /// Now, to the second.
    pub fn now(&self) -> Timestamp {
        let second = match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
            Clock::System => Timestamp::now().as_second(),
            Clock::Sandbox(second) => second.load(Ordering::SeqCst),
        };
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }

    /// Move a sandbox's clock; `false` where the clock is the system's, which nobody moves.
    pub fn set(&self, now: Timestamp) -> bool {
        match self {
            Clock::System => false,
            Clock::Sandbox(second) => {
                second.store(now.as_second(), Ordering::SeqCst);
                true
            }
        }
    }
}

/// By how many seconds the system's clock may drift from the monotonic one between two readings before that is a jump.
const MAX_DRIFT: i64 = 30;

/// Tells what is old enough to be forgotten. It never goes ahead of the system's clock, and where that jumps ahead it follows
/// at twice the speed of the monotonic clock: a clock that is 40 days ahead for a moment has nothing forgotten, and one
/// that was put right is caught up with in time.
#[derive(Debug)]
pub(crate) struct ExpiryClock(Mutex<Reading>);

/// The last reading, at most a second old where somebody asks.
#[derive(Debug)]
struct Reading {
    /// What this clock showed: seconds since 1970 UTC.
    second: i64,
    /// What the system's clock showed.
    wall: i64,
    monotonic: Instant,
}

impl ExpiryClock {
    /// A clock that starts at the newest of what is to be forgotten one day: whether the system's clock had jumped already
    /// when the server started, nobody knows.
    pub(crate) fn starting(wall: Timestamp, newest: Option<Timestamp>, monotonic: Instant) -> Self {
        let wall = wall.as_second();
        let second = newest.map_or(wall, |newest| newest.as_second().min(wall));
        ExpiryClock(Mutex::new(Reading { second, wall, monotonic }))
    }

    /// Now, by this clock.
    pub(crate) fn now(&self, wall: Timestamp, monotonic: Instant) -> Timestamp {
        let wall = wall.as_second();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = monotonic.saturating_duration_since(last.monotonic).as_secs();
        if passed > 0 {
            let seconds = i64::try_from(passed).unwrap_or(i64::MAX);
            let jump = wall.saturating_sub(last.wall).saturating_sub(seconds);
            if jump.abs() > MAX_DRIFT {
                tracing::warn!(
                    seconds = jump,
                    "the system's clock has jumped: trials, keys and leases go by it, so keep it set with NTP"
                );
            }
            last.second = last.second.saturating_add(seconds.saturating_mul(2)).min(wall);
            last.wall = wall;
            last.monotonic += std::time::Duration::from_secs(passed);
        }
        Timestamp::from_second(last.second.min(wall)).unwrap_or(Timestamp::MIN)
    }
}

/// A time as callers write it: ISO 8601, as the domain reads it for trials.
///
/// # Errors
/// Says what would be right.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    let time = domain::UtcSecond::parse(text).map_err(|violation| violation.message)?;
    Timestamp::from_second(time.as_second()).map_err(|_| "must be a time before the year 9999 ends".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DAY: i64 = 86_400;
    const START: i64 = 1_800_000_000;

    #[test]
    fn what_is_old_goes_by_both_clocks() {
        let time = |second| Timestamp::from_second(second).unwrap();
        // Seconds that have passed, what the system's clock shows behind START, and what is expected.
        for (what, readings) in [
            ("both agree", vec![(10, 10, 10), (11, 11, 11), (5 * DAY, 5 * DAY, 5 * DAY)]),
            ("ahead for a moment", vec![(10, 10, 10), (20, 20 + 40 * DAY, 30), (30, 30, 30)]),
            (
                "ahead for good",
                vec![
                    (10, 10 + 40 * DAY, 20),
                    (10 + 20 * DAY, 10 + 60 * DAY, 20 + 40 * DAY),
                    (10 + 41 * DAY, 10 + 81 * DAY, 10 + 81 * DAY),
                ],
            ),
            (
                "back for a moment",
                vec![(10, 10 - DAY, 10 - DAY), (20, 20, 30 - DAY), (2 * DAY, 2 * DAY, 2 * DAY)],
            ),
            ("asked often", vec![(0, 0, 0), (0, DAY, 0), (1, 1 + DAY, 2), (1, 1 + DAY, 2)]),
        ] {
            let monotonic = Instant::now();
            let clock = ExpiryClock::starting(time(START), None, monotonic);
            for (passed, wall, expected) in readings {
                let now = clock.now(time(START + wall), monotonic + Duration::from_secs(passed as u64));
                assert_eq!(now.as_second() - START, expected, "{what}: {passed}");
            }
        }
    }

    #[test]
    fn a_clock_that_had_jumped_before_the_start_has_nothing_forgotten() {
        let time = |second| Timestamp::from_second(second).unwrap();
        let monotonic = Instant::now();
        let clock = ExpiryClock::starting(time(START + 40 * DAY), Some(time(START)), monotonic);
        let later = monotonic + Duration::from_secs(600);
        assert_eq!(clock.now(time(START + 40 * DAY + 600), later), time(START + 1_200));
        // The control: without anything to forget it starts at once.
        let clock = ExpiryClock::starting(time(START + 40 * DAY), None, monotonic);
        assert_eq!(clock.now(time(START + 40 * DAY + 600), later), time(START + 40 * DAY + 600));
    }
}
