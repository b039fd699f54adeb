//! The only room that knows SQL.
//!
//! One SQL text serves SQLite and PostgreSQL. Data is read with [`Db::read`] and changed with [`Db::write`], and in no
//! other way; the functions of the resource modules take the transaction that these hand out, and the partner first.

mod engine;
mod error;
#[cfg(test)]
mod prepared;
mod query;

pub mod audit;
pub mod azure_tenants;
pub mod bill_runs;
pub mod billing;
pub mod customers;
pub mod directories;
pub mod doctor;
pub mod idempotency;
pub mod partners;
pub mod price_rules;
pub mod secrets;
pub mod statements;
pub mod transfer;
pub mod users;

pub use engine::{Db, ListLimits, Options, Scope, Tx, exists, name_of};
pub use error::Error;

/// The newest schema version, which every database is brought to at the start.
pub const SCHEMA_VERSION: usize = engine::migrate::NEWEST;
