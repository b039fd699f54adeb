//! The engine from files to files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bench;
mod corrections;
mod credit;
mod dated;
mod files;
mod focus;
mod focus_datasets;
mod foreign;
mod guards;
mod gzip;
mod money;
mod office;
mod price_sheets;
mod privacy;
mod properties;
mod reconciled;
mod seats;
mod statements;
