//! What the tests of the real binary share: servers and databases that go away, a client that holds every answer against the
//! OpenAPI document, and the words that tables of cases are written in.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(missing_docs, reason = "a name and its test say what it does")]

pub mod browser;
mod client;
pub mod cluster;
mod conformance;
mod database;
pub mod disk;
mod provider;
pub mod raw;
mod s3;
mod server;
pub mod strace;
mod table;
mod usage;
mod wait;

pub use client::{Answer, Api};
pub use database::{Database, Engine};
pub use provider::{CLIENT, Grant, Provider, SECRET};
pub use s3::S3;
pub use server::{Guard, Server, command};
pub use table::{ABSENT, Failures, customer, patched};
pub use usage::{Usage, end_of, line, usage};
pub use wait::{wait_for, wait_until};

/// The documented test clock, the seed's.
pub const NOW: &str = "2016-09-15T18:17:04Z";

/// Make each function a test on SQLite and a test on PostgreSQL.
#[macro_export]
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $test() { super::$test($crate::Engine::Sqlite); })*
        }
        mod on_postgres {
            $(#[test] fn $test() {
                if $crate::Engine::Postgres.is_here() {
                    super::$test($crate::Engine::Postgres);
                }
            })*
        }
    };
}
