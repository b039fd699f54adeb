//! Refusals to live keys, as the audit trail has them: one event a minute for each user and reason, with a count. A client that
//! goes on asking would fill the disk otherwise.

use crate::access::Call;
use crate::limits::Permits;
use domain::{PartnerId, UserId};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long refusals are counted before the next event.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// How many refusals of one user for one reason are answered with that reason within the window. Beyond it the answer is
/// `429`.
pub(crate) const MAX_IN_WINDOW: u32 = 300;
/// How much of what was asked for goes into an event, in bytes.
const MAX_OPERATION: usize = 256;

/// The refusals of the last minute.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<(PartnerId, UserId, String), RefusalCount>>);

struct RefusalCount {
    since: Timestamp,
    in_window: u32,
    /// How many are in no event yet.
    unwritten: u32,
    last: Call,
}

/// What is to be done with a refusal.
pub(crate) enum Step {
    /// Write an event that stands for so many.
    Write(u32),
    /// Nothing: it is counted for the next event.
    Count,
    /// Answer that there are too many, for so long.
    Limit(Duration),
}

/// An event that is to be written.
pub(crate) struct Summary {
    pub(crate) call: Call,
    pub(crate) reason: String,
    pub(crate) count: u32,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, HashMap<(PartnerId, UserId, String), RefusalCount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Note a refusal of a user's request.
    pub(crate) fn note(&self, call: &Call, user: UserId, reason: &str, now: Timestamp) -> Step {
        let mut all = self.lock();
        let key = (call.partner(), user, reason.to_owned());
        // What the request holds while it is under way is not kept.
        let mut last = call.clone();
        last.permits = Permits::default();
        let Some(refused) = all.get_mut(&key) else {
            all.insert(key, RefusalCount { since: now, in_window: 1, unwritten: 0, last });
            return Step::Write(1);
        };
        let age = now.duration_since(refused.since);
        if age >= WINDOW || age.is_negative() {
            let count = refused.unwritten + 1;
            *refused = RefusalCount { since: now, in_window: 1, unwritten: 0, last };
            return Step::Write(count);
        }
        refused.in_window = refused.in_window.saturating_add(1);
        refused.unwritten = refused.unwritten.saturating_add(1);
        refused.last = last;
        if refused.in_window <= MAX_IN_WINDOW {
            return Step::Count;
        }
        Step::Limit(Duration::try_from(WINDOW - age).unwrap_or_default())
    }

    /// Have the next refusal written, because the event for this one could not be.
    pub(crate) fn forget(&self, partner: PartnerId, user: UserId, reason: &str) {
        self.lock().remove(&(partner, user, reason.to_owned()));
    }

    /// What is in no event yet, of windows that are over or of all. Users who were quiet for a window are forgotten.
    pub(crate) fn unwritten(&self, now: Timestamp, all: bool) -> Vec<Summary> {
        let mut due = Vec::new();
        self.lock().retain(|(_, _, reason), refused| {
            if !all && now.duration_since(refused.since) < WINDOW {
                return true;
            }
            let count = std::mem::take(&mut refused.unwritten);
            if count > 0 {
                due.push(Summary { call: refused.last.clone(), reason: reason.clone(), count });
            }
            (refused.since, refused.in_window) = (now, 0);
            count > 0
        });
        due
    }
}

/// What was asked for, not longer than an event may have it.
pub(crate) fn shortened(operation: &str) -> String {
    if operation.len() <= MAX_OPERATION {
        return operation.to_owned();
    }
    let end = operation.floor_char_boundary(MAX_OPERATION);
    format!("{}…", &operation[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(step: &Step) -> Option<u32> {
        if let Step::Write(count) = step { Some(*count) } else { None }
    }

    #[test]
    fn a_minute_of_refusals_is_one_event() {
        let refusals = Refusals::default();
        let call = Call::of_operator(PartnerId(1), "GET /v2/customers");
        let at = |second: i64| Timestamp::from_second(1_600_000_000 + second).unwrap();
        let note = |user, reason, second| refusals.note(&call, UserId(user), reason, at(second));
        assert_eq!(count(&note(1, "a", 0)), Some(1));
        assert_eq!(count(&note(1, "b", 0)), Some(1), "another reason");
        assert_eq!(count(&note(2, "a", 0)), Some(1), "another user");
        for second in 1..60 {
            assert!(matches!(note(1, "a", second), Step::Count));
        }
        assert_eq!(count(&note(1, "a", 60)), Some(60), "59 that were counted, and itself");
        assert!(matches!(note(1, "a", 61), Step::Count));
        assert!(refusals.unwritten(at(119), false).is_empty());
        let due = refusals.unwritten(at(120), false);
        assert_eq!(due.iter().map(|due| (due.reason.as_str(), due.count)).collect::<Vec<_>>(), [("a", 1)]);
        assert!(refusals.unwritten(at(180), false).is_empty());
        assert!(refusals.lock().is_empty(), "those that are quiet are forgotten");
        // What is not written when the server ends.
        assert_eq!(count(&note(1, "a", 200)), Some(1));
        assert!(matches!(note(1, "a", 201), Step::Count));
        assert_eq!(refusals.unwritten(at(201), true).len(), 1);
    }

    #[test]
    fn a_storm_is_answered_with_a_limit() {
        let refusals = Refusals::default();
        let call = Call::of_operator(PartnerId(1), "GET /v2/customers");
        let now = Timestamp::UNIX_EPOCH;
        let limited = |step: &Step| matches!(step, Step::Limit(wait) if *wait == Duration::from_secs(60));
        let steps: Vec<_> = (0..1000).map(|_| refusals.note(&call, UserId(1), "a", now)).collect();
        assert_eq!(steps.iter().filter(|step| limited(step)).count(), 1000 - MAX_IN_WINDOW as usize);
        let later = now + WINDOW;
        assert_eq!(count(&refusals.note(&call, UserId(1), "a", later)), Some(1000));
    }

    #[test]
    fn operations_are_shortened() {
        assert_eq!(shortened("GET /v2/me"), "GET /v2/me");
        assert_eq!(shortened(&"ü".repeat(128)), "ü".repeat(128));
        assert_eq!(shortened(&format!("x{}", "ü".repeat(4000))), format!("x{}…", "ü".repeat(127)));
    }
}
