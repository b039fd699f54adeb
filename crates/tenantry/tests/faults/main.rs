//! What is kept when something fails under load: the server killed, the power cut, the disk full or failing, the primary
//! gone or out of reach, the clock ahead. The usual number of rounds is small; `TENANTRY_TEST_ROUNDS=100` asks for more.
//!
//! `scripts/test` runs everything; alone this needs `TENANTRY_TEST_POSTGRES`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bills;
#[path = "../it/console/browser.rs"]
#[allow(dead_code, reason = "the console's tests use more of it")]
mod browser;
mod clock;
mod disk;
mod failing;
mod failover;
mod full;
mod kill;
mod load;
mod outage;
mod pages;
mod power;
#[path = "../tools/raw.rs"]
#[allow(dead_code, reason = "the store's tests use more of it")]
mod raw;
mod replica;
mod strace;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests over HTTP use more of it")]
mod support;

fn rounds(usual: usize) -> usize {
    std::env::var("TENANTRY_TEST_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn wait_until(what: &str, reached: impl FnMut() -> bool) {
    support::wait_until(std::time::Duration::from_secs(60), what, reached);
}
