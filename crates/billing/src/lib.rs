//! The partner billing engine: from Microsoft's line items to every customer's bill, to the cent.

pub mod amount;
pub mod currency;
pub mod failure;
pub mod job;
pub mod period;
pub mod report;
pub mod rule;

mod columns;
mod focus;
mod jsonl;
mod layout;
mod ledger;
mod line;
mod price;
mod reading;
mod render;
mod row;
mod rule_json;
mod run;
mod scan;
mod services;
mod source;
mod spool;
mod statement;
mod writing;

pub use amount::Amount;
pub use currency::Currency;
pub use failure::{Failure, Fault};
pub use job::{BilledCustomer, Bounds, Correction, Input, Job, Progress, Rate};
pub use period::BillingPeriod;
pub use report::RunReport;
pub use rule::{EarnedCredit, NewPriceRule, Percent, PriceRule, RuleKind};
pub use run::run;
