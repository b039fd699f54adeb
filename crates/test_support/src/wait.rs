//! Waiting for what happens in the background.

use std::fmt::Display;
use std::time::{Duration, Instant};

const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Looks until it finds something; after `limit` it fails with the last reason why there was nothing. It pauses between two
/// looks, an eighth of the time that has passed and as long as the look took: the server that it waits for, and other tests,
/// need the processor.
#[expect(clippy::disallowed_methods, reason = "nothing tells when work in the background has got somewhere")]
pub fn wait_for<T, E: Display>(limit: Duration, mut look: impl FnMut() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        let looked = Instant::now();
        match look() {
            Ok(found) => return found,
            Err(why) => assert!(began.elapsed() < limit, "not within {limit:?}: {why}"),
        }
        let pause = (began.elapsed() / 8).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        std::thread::sleep(pause.max(looked.elapsed()));
    }
}

/// Waits until this is so, which `what` names; it fails after `limit`.
pub fn wait_until(limit: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(limit, || if is_so() { Ok(()) } else { Err(what) });
}
