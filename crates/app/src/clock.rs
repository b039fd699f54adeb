//! Time, passed in. The platform's times are whole seconds.

use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};

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

/// A time as callers write it: ISO 8601, as the domain reads it for trials.
///
/// # Errors
/// Says what would be right.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    let time = domain::TrialExpiration::parse(text).map_err(|violation| violation.message)?;
    Timestamp::from_second(time.as_second()).map_err(|_| "must be a time before the year 9999 ends".into())
}
