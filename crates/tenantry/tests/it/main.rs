//! The real binary, spoken to over HTTP, on both engines. One test binary, for linking takes longer than most tests.
//!
//! `scripts/test` runs everything. `cargo test -p tenantry --test it` alone needs `TENANTRY_TEST_POSTGRES`, see
//! `support::database`; without it the tests on PostgreSQL say that they are skipped.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::needless_pass_by_value, reason = "a case's values are written on the spot")]

mod access;
mod assignments;
mod audit;
mod backups;
mod billing;
mod change;
mod cli;
mod conditions;
mod configuration;
mod connections;
mod console;
mod content;
mod create;
mod directory;
mod frame;
mod hostile;
mod http2;
mod idempotency;
mod ids;
mod keys;
mod limits;
mod listeners;
mod lists;
mod logs;
mod metrics;
mod migrate;
mod monitoring;
mod network;
mod openapi;
mod races;
mod rates;
mod released;
mod remote;
mod restarts;
mod sandbox;
mod search;
mod secrets;
mod seed;
mod slow;
mod stop;
mod storage;
mod tolerance;
mod trail;
mod walk;

use test_support as support;
