//! The engine from files to files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bench;
mod corrections;
mod files;
mod focus;
mod guards;
mod money;
mod office;
mod privacy;
mod properties;
mod statements;
