//! The clock of the platform, in whole seconds, and the expiry clock that tolerates jumps.

use domain::Violation;
use domain::text::invalid;
use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The source of the current time.
#[derive(Debug)]
pub enum Clock {
    /// The clock of the operating system.
    System,
    /// The clock of a sandbox: seconds since 1970-01-01 UTC. It advances only when it is set.
    Sandbox(AtomicI64),
}

impl Clock {
    /// A sandbox clock at this instant, to the second.
    pub fn standing(at: Timestamp) -> Self {
        Clock::Sandbox(AtomicI64::new(at.as_second()))
    }

    /// The current time, to the second.
    pub fn now(&self) -> Timestamp {
        let second = match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
            Clock::System => Timestamp::now().as_second(),
            Clock::Sandbox(second) => second.load(Ordering::SeqCst),
        };
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }

    /// Sets a sandbox clock; `false` for the system's clock, which cannot be set.
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

/// The maximum drift in seconds of the system's clock from the monotonic one between two readings; more is a jump.
const MAX_DRIFT: i64 = 30;

/// The clock by which stored data expires. It is never ahead of the system's clock. After a jump of the system's clock it
/// catches up at twice the speed of the monotonic clock: a short jump of 40 days deletes no data, and a corrected clock is
/// reached after the same time that it was behind.
#[derive(Debug)]
pub(crate) struct ExpiryClock(Mutex<Reading>);

/// The reading of all three clocks at the last call.
#[derive(Debug)]
struct Reading {
    /// The expiry clock: seconds since 1970-01-01 UTC.
    second: i64,
    /// The system's clock: seconds since 1970-01-01 UTC.
    wall: i64,
    monotonic: Instant,
}

impl ExpiryClock {
    /// An expiry clock that starts at the time of the newest data that can expire, because the system's clock may have
    /// jumped before the server started.
    pub(crate) fn starting(wall: Timestamp, newest: Option<Timestamp>, monotonic: Instant) -> Self {
        let wall = wall.as_second();
        let second = newest.map_or(wall, |newest| newest.as_second().min(wall));
        ExpiryClock(Mutex::new(Reading { second, wall, monotonic }))
    }

    /// The current time by the expiry clock.
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
                    "the system's clock has jumped; trials, API keys and leases depend on it, so synchronize it with NTP"
                );
            }
            last.second = last.second.saturating_add(seconds.saturating_mul(2)).min(wall);
            last.wall = wall;
            last.monotonic += std::time::Duration::from_secs(passed);
        }
        Timestamp::from_second(last.second.min(wall)).unwrap_or(Timestamp::MIN)
    }
}

/// Parses an ISO 8601 time by the rules of [`domain::UtcSecond`].
///
/// # Errors
/// A message that says what would be right.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    time(text).map_err(|violation| violation.message)
}

/// The same, with what is wrong as a violation.
pub(crate) fn time(text: &str) -> Result<Timestamp, Violation> {
    let late = |_| invalid("must be a time before the year 9999 ends").because("time-late", &[]);
    Timestamp::from_second(domain::UtcSecond::parse(text)?.as_second()).map_err(late)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DAY: i64 = 86_400;
    const START: i64 = 1_800_000_000;

    #[test]
    fn the_expiry_clock_follows_jumps_slowly() {
        let time = |second| Timestamp::from_second(second).unwrap();
        // Passed seconds, seconds after START by the system's clock, and expected seconds by the expiry clock.
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
    fn a_jump_before_the_start_expires_nothing() {
        let time = |second| Timestamp::from_second(second).unwrap();
        let monotonic = Instant::now();
        let clock = ExpiryClock::starting(time(START + 40 * DAY), Some(time(START)), monotonic);
        let later = monotonic + Duration::from_secs(600);
        assert_eq!(clock.now(time(START + 40 * DAY + 600), later), time(START + 1_200));
        // Control: without data that can expire, the clock starts at the system's time.
        let clock = ExpiryClock::starting(time(START + 40 * DAY), None, monotonic);
        assert_eq!(clock.now(time(START + 40 * DAY + 600), later), time(START + 40 * DAY + 600));
    }
}
