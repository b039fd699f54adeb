//! The only crate that contains SQL.
//!
//! One SQL text serves SQLite and PostgreSQL. Jobs that run in [`Db::read`], [`Db::list`], [`Db::look_up`], [`Db::write`]
//! and [`Db::write_batched`] receive a transaction ([`Tx`]); the functions of the resource modules take it first, and the
//! partner second.
//!
//! # Errors
//! Every function here that returns a `Result` fails with the store's [`Error`] when the database does. A section
//! `# Errors` at a function names only what it adds to that.
//!
//! # Words
//! A *shard of the audit chain* is one of a partner's hash chains: concurrent transactions append to different shards.

mod engine;
mod error;
mod path_error;
#[cfg(test)]
mod prepared;
mod query;

pub mod api_keys;
pub mod audit;
pub mod azure_tenants;
pub mod bill_runs;
pub mod billing;
pub mod billing_automations;
pub mod billing_settings;
pub mod branding;
pub mod corrections;
pub mod customers;
pub mod dated;
pub mod directories;
pub mod doctor;
pub mod former_corrections;
pub mod idempotency;
pub mod imported_statements;
pub mod invitations;
pub mod invoice_fetches;
pub mod leases;
pub mod microsoft_invoices;
pub mod migrated_customers;
pub mod partners;
pub mod price_rules;
pub mod price_sheets;
pub mod profits;
pub mod secrets;
pub mod sessions;
pub mod sign_ins;
pub mod statement_numbers;
pub mod statements;
pub mod transfer;
pub mod users;

pub use engine::{
    Db, FairQueue, ListLimits, Options, Scope, Turn, Tx, check_urls, exists, name_of, schema_version_of,
};
pub use error::Error;
pub use path_error::describe_path_error;

/// The newest schema version, which every database is brought to at the start.
pub const SCHEMA_VERSION: usize = engine::migrate::NEWEST;
