//! When a request is sent again.

use http::{HeaderMap, header};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The wait after a first failure; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long a request is repeated before its failure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// With a server that answers that it is busy (`429`, `503`, and `409` while the first of two equal requests runs).
    pub busy: Duration,
    /// With a server that does not answer, or whose connection breaks.
    pub unreachable: Duration,
}

impl Default for Patience {
    /// What somebody in front of a terminal has.
    fn default() -> Self {
        Patience { busy: Duration::from_secs(30), unreachable: Duration::from_secs(2) }
    }
}

/// The wait before a request's next attempt: a doubling one, or what the server asks for if that is longer.
pub(crate) fn wait(attempt: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << attempt.min(10)).min(LONGEST_WAIT);
    doubled.max(asked.unwrap_or_default())
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3). A date is not read: its sender's clock may be another.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Holds all requests of a client back once the server has asked one of them to wait.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    pub(crate) fn hold(&self, until: Instant) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(held.map_or(until, |held| held.max(until)));
    }

    pub(crate) async fn pass(&self) {
        loop {
            let held = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match held {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_are_never_shorter_than_asked_for() {
        for (attempt, asked, expected) in
            [(0, None, 200), (1, None, 400), (9, None, 5_000), (60, None, 5_000), (0, Some(30), 30_000)]
        {
            let asked = asked.map(Duration::from_secs);
            assert_eq!(wait(attempt, asked), Duration::from_millis(expected), "{attempt} {asked:?}");
        }
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        for (text, seconds) in
            [("7", Some(7)), (" 0 ", Some(0)), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)]
        {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().expect("a value"))]);
            assert_eq!(asked(&headers), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(asked(&HeaderMap::new()), None);
    }
}
