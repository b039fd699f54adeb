//! The store on real databases: what the operator's tools do, and what happens when a database does what it should not.
//!
//! `scripts/test` runs everything; alone this needs `TENANTRY_TEST_POSTGRES`, see `test_support::raw`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod backup;
mod copy;
mod failures;
mod pooler;
