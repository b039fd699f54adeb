//! Refusals of requests with a valid API key: one audit event a minute for each user and reason, with a count, so that a
//! client in a retry loop does not fill the disk.

use crate::access::Call;
use crate::limits::Permits;
use domain::{PartnerId, UserId};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The period for which refusals are counted in one event.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// The maximum number of refusals of one user for one reason within the window; further requests get `429`.
pub(crate) const MAX_IN_WINDOW: u32 = 300;
/// The maximum length in bytes of the operation in an event.
const MAX_OPERATION: usize = 256;

/// The refusals of the last minute.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<(PartnerId, UserId, String), RefusalCount>>);

struct RefusalCount {
    since: Timestamp,
    in_window: u32,
    /// The number of refusals that no event includes yet.
    unwritten: u32,
    last: Call,
}

/// The action that a refusal requires.
pub(crate) enum Step {
    /// Write an event for this number of refusals.
    Write(u32),
    /// No action: the next event includes the refusal.
    Count,
    /// Answer `429` with this time to wait.
    Limit(Duration),
}

/// A pending event.
pub(crate) struct Summary {
    pub(crate) call: Call,
    pub(crate) reason: String,
    pub(crate) count: u32,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, HashMap<(PartnerId, UserId, String), RefusalCount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a refusal of a user's request.
    pub(crate) fn note(&self, call: &Call, user: UserId, reason: &str, now: Timestamp) -> Step {
        let mut all = self.lock();
        let key = (call.partner(), user, reason.to_owned());
        // A stored context must not hold the request's permits.
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

    /// Removes the count of a refusal whose event could not be written, so that the next refusal writes one.
    pub(crate) fn forget(&self, partner: PartnerId, user: UserId, reason: &str) {
        self.lock().remove(&(partner, user, reason.to_owned()));
    }

    /// The pending events of windows that have ended, or of all windows. Users without refusals in a window are removed.
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

/// The operation, cut to [`MAX_OPERATION`] bytes.
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
        // At shutdown, counts of open windows are pending.
        assert_eq!(count(&note(1, "a", 200)), Some(1));
        assert!(matches!(note(1, "a", 201), Step::Count));
        assert_eq!(refusals.unwritten(at(201), true).len(), 1);
    }

    #[test]
    fn too_many_refusals_are_limited() {
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
