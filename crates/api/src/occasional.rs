//! Log lines about what may happen thousands of times in a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two lines about the same.
const INTERVAL: Duration = Duration::from_secs(10);

/// Decides whether something is logged: the first time, and then at most every ten seconds.
#[derive(Default)]
pub struct Occasional(Mutex<State>);

#[derive(Default)]
struct State {
    logged: Option<Instant>,
    times: u64,
}

impl Occasional {
    /// It has happened. How often since the last line, if it is time for another.
    pub fn due(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.times += 1;
        if state.logged.is_some_and(|logged| logged.elapsed() < INTERVAL) {
            return None;
        }
        state.logged = Some(Instant::now());
        Some(std::mem::take(&mut state.times))
    }
}
