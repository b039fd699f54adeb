//! What is kept when something fails under load: the server killed, the power cut, the disk full or failing, the primary
//! gone or out of reach, the clock ahead. The usual number of rounds is small; `TENANTRY_TEST_ROUNDS=100` asks for more.
//!
//! `scripts/test` runs everything; alone this needs `TENANTRY_TEST_POSTGRES`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bills;
mod clock;
mod failing;
mod failover;
mod full;
mod kill;
mod load;
mod outage;
mod pages;
mod power;
mod replica;

use test_support as support;

fn rounds(usual: usize) -> usize {
    std::env::var("TENANTRY_TEST_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn wait_until(what: &str, reached: impl FnMut() -> bool) {
    support::wait_until(std::time::Duration::from_secs(60), what, reached);
}
