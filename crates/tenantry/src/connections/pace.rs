//! The pace at which the server goes on with connections that it has refused something. Their number is their clients'
//! choice, the work for them is not: so many a second, in turns between those who caused it.

use app::Group;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::FairQueue;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// Time in which a connection's requests are not looked at behind a `429`: those that would be refused too cost nothing, however
/// many connections send them. Shorter than the `Retry-After: 1` that the answer says at least, so that who waits as long as that is not early.
pub(super) const PAUSE: Duration = Duration::from_millis(950);
/// Requests a second that are looked at although their clients did not wait: more of them cost a part of one processor, however
/// many connections they come on.
const MAX_RESUMED: u32 = 250;
/// Requests a second, and at once, of clients that have waited. Beyond it they wait with the others.
const MAX_WELCOME: NonZeroU32 = NonZeroU32::new(4000).unwrap();
/// MiB a second that are read from clients that go on sending what was refused, so that they can read why.
const MAX_DRAINED: u32 = 64;
/// Turns that may be given at once after the timer was late.
const MAX_LATE: Duration = Duration::from_millis(50);

/// The paces of a server's connections.
pub(super) struct Paces {
    welcome: DefaultDirectRateLimiter,
    resumed: Arc<Pace>,
    drained: Arc<Pace>,
}

impl Default for Paces {
    fn default() -> Self {
        Paces {
            welcome: RateLimiter::direct(Quota::per_second(MAX_WELCOME)),
            resumed: Pace::new(MAX_RESUMED),
            drained: Pace::new(MAX_DRAINED),
        }
    }
}

impl Paces {
    /// Whether the request of a client that has waited may be looked at now.
    pub(super) fn is_welcome(&self) -> bool {
        self.welcome.check().is_ok()
    }

    /// Until a connection has its turn that was refused something then.
    pub(super) fn resume(
        &self,
        group: Group,
        refused_at: Instant,
    ) -> impl Future<Output = ()> + Send + use<> {
        let resumed = Arc::clone(&self.resumed);
        async move {
            sleep_until(refused_at + PAUSE).await;
            resumed.turn(group).await;
        }
    }

    /// Until the next MiB of what was refused may be read.
    pub(super) fn drain(&self, group: Group) -> impl Future<Output = ()> + Send + use<> {
        Arc::clone(&self.drained).turn(group)
    }
}

/// Turns at a constant rate. Those of one group do not delay those of another.
struct Pace {
    interval: Duration,
    state: Mutex<State>,
}

struct State {
    waiting: FairQueue<Group, oneshot::Sender<()>>,
    /// When the next turn is due.
    next: Instant,
    /// A task gives turns to those that wait; it ends when none do.
    is_driven: bool,
}

impl Pace {
    fn new(per_second: u32) -> Arc<Self> {
        let state = State { waiting: FairQueue::default(), next: Instant::now(), is_driven: false };
        Arc::new(Pace { interval: Duration::from_secs(1) / per_second, state: Mutex::new(state) })
    }

    /// Waits for a turn.
    async fn turn(self: Arc<Self>, group: Group) {
        let turn = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if !state.is_driven && state.next <= now {
                state.next = now + self.interval;
                return;
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push(group, sender);
            if !std::mem::replace(&mut state.is_driven, true) {
                tokio::spawn(Arc::clone(&self).drive(state.next));
            }
            receiver
        };
        let _ = turn.await; // not given only at the end of the runtime
    }

    async fn drive(self: Arc<Self>, mut next: Instant) {
        loop {
            sleep_until(next).await;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            state.next = state.next.max(now - MAX_LATE);
            while state.next <= now {
                let Some(turn) = state.waiting.pop() else {
                    state.is_driven = false;
                    return;
                };
                // A connection that has ended takes no turn.
                if turn.send(()).is_ok() {
                    state.next += self.interval;
                }
            }
            next = state.next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::PartnerId;

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_a_rate_and_groups_alternate() {
        let pace = Pace::new(10);
        let began = Instant::now();
        let (many, few) = (Group::Partner(PartnerId(1)), Group::Partner(PartnerId(2)));
        let mut waiting = tokio::task::JoinSet::new();
        for (number, group) in [(0, many), (1, many), (2, many), (3, many), (4, few)] {
            let turn = Arc::clone(&pace).turn(group);
            waiting.spawn(async move {
                turn.await;
                (number, began.elapsed().as_millis() / 100)
            });
            tokio::task::yield_now().await;
        }
        let mut turns = Vec::new();
        while let Some(turn) = waiting.join_next().await {
            turns.push(turn.unwrap());
        }
        assert_eq!(turns, [(0, 0), (1, 1), (4, 2), (2, 3), (3, 4)]);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_ended_take_no_turn() {
        let pace = Pace::new(10);
        let group = Group::Partner(PartnerId(1));
        Arc::clone(&pace).turn(group).await;
        let ended: Vec<_> = (0..50).map(|_| tokio::spawn(Arc::clone(&pace).turn(group))).collect();
        tokio::task::yield_now().await;
        ended.iter().for_each(tokio::task::JoinHandle::abort);
        let began = Instant::now();
        Arc::clone(&pace).turn(group).await;
        assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
    }
}
