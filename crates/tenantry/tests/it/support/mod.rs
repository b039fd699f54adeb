//! The harness: servers and databases that go away, a client that holds every answer against the OpenAPI document, and
//! the words the tables of cases are written in.

mod client;
mod conformance;
mod database;
mod provider;
mod s3;
mod server;
mod table;
mod usage;
mod wait;

pub(crate) use client::{Answer, Api};
pub(crate) use database::{Database, Engine};
pub(crate) use provider::{CLIENT, Grant, Provider, SECRET};
pub(crate) use s3::S3;
pub(crate) use server::{Guard, Server, command};
pub(crate) use table::{ABSENT, Failures, customer, patched};
pub(crate) use usage::{Usage, end_of, line, usage};
pub(crate) use wait::{wait_for, wait_until};

/// The documented test clock, the seed's.
pub(crate) const NOW: &str = "2016-09-15T18:17:04Z";

/// Make each function a test on SQLite and a test on PostgreSQL.
macro_rules! on_both_engines {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $test() { super::$test($crate::support::Engine::Sqlite); })*
        }
        mod on_postgres {
            $(#[test] fn $test() {
                if $crate::support::Engine::Postgres.is_here() {
                    super::$test($crate::support::Engine::Postgres);
                }
            })*
        }
    };
}
pub(crate) use on_both_engines;
