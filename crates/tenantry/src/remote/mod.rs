//! Commands that work over HTTP, with a server's URL and an API key: one file per resource.

pub(crate) mod args;
pub(crate) mod audit;
mod bill_lines;
pub(crate) mod bill_runs;
pub(crate) mod billing_automation;
pub(crate) mod branding;
pub(crate) mod cells;
pub(crate) mod customers;
mod download;
pub(crate) mod exit;
pub(crate) mod input;
pub(crate) mod invoices;
mod keys;
pub(crate) mod price_rules;
mod profile;
pub(crate) mod profit;
mod query;
pub(crate) mod session;
mod show;
pub(crate) mod sign_in_providers;
pub(crate) mod statements;
pub(crate) mod tags;
pub(crate) mod tenants;
pub(crate) mod users;
