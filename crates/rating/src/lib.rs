//! The partner billing engine: from Microsoft's line items to every customer's bill, to the cent.
//!
//! [`run()`] reads the files of a [`Job`] and stages bills in a folder; nothing here knows a clock, a database, a network or
//! where bills are published. The same job gives the same bytes: in any order of lines, at any number of threads, in any split
//! into files.
//!
//! A run has two halves. *Reading*: every file is cut into blocks of whole records (`source`), scanned for its cells (`scan`),
//! and each line is read (`line`), given to its customer (`owners`), priced (`price`) and turned into a row (`row`): the cells that its customer may see, and beside
//! them what the ledger needs. Rows go to a spool (`spool`) in sorted runs. *Writing*: the runs of a customer are merged, and its
//! files written in one go (`writing`). Whatever is wrong with the input is found in the first half, before there is any bill.
//!
//! Staged, for each customer:
//!
//! - `{id}/bill.csv`, `{id}/bill.focus.csv`, `{id}/bill.focus.parquet` (by option), `{id}/statement.json`,
//!   `{id}/statement.html`: what is published. A customer with lines in several currencies has a bill in each, all in the same
//!   folder: `{id}/bill.EUR.csv`, `{id}/bill.focus.EUR.csv`, `{id}/statement.EUR.json` and so on, and then none without a code.
//! - `{id}/statement.invoice-detail.csv`, `{id}/statement.billing-period.csv`: by option, FOCUS's datasets about the statement. The
//!   second is of the month, so there is one whatever the currencies are.
//! - `ledgers/{id}.csv` (or `ledgers/{id}.EUR.csv`): for each line of `bill.csv`, in its order, what it cost and which rule priced
//!   it from what. The partner's alone. Given back as `final_bills`, its lines are not billed again.
//!
//! What a bill shows is a list of columns (`columns`); everything else is left out, unknown columns too. FOCUS rows
//! and statements are made from what the bill shows, so they cannot say more.

pub mod amount;
pub mod currency;
mod detail;
pub mod failure;
pub mod job;
pub mod period;
pub mod report;
pub mod rule;
pub mod warning;
pub mod wording;

mod bill_line;
mod cells;
mod checks;
mod columns;
mod coverage;
mod credit;
mod focus;
mod focus_schema;
mod focus_units;
mod foreign;
mod gzip;
mod identity;
mod invoice_detail;
mod items;
mod jsonl;
mod layout;
mod ledger;
mod line;
mod overlap;
mod owners;
mod parquet;
mod plural;
mod price;
mod price_sheet;
mod reading;
mod reissued;
mod render;
mod row;
mod rule_json;
mod run;
mod scale;
mod scan;
mod services;
mod source;
mod spool;
mod statement;
mod subtotals;
mod sums;
mod table;
mod tags;
mod text_serde;
mod writing;

pub use amount::Amount;
pub use bill_line::{BillColumns, BillLine};
pub use currency::Currency;
pub use failure::{Failure, Fault};
pub use focus_schema::{FocusDataset, focus_metadata};
pub use gzip::GzipMembers;
pub use invoice_detail::{restated_billing_period, restated_invoice_detail};
pub use job::{
    BilledCustomer, BilledInvoice, Bounds, Correction, FinalBill, FinalMonth, Input, Job, Progress, Rate,
    Tenancy, Terms, wrong_rates,
};
pub use parquet::ParquetRows;
pub use period::BillingPeriod;
pub use plural::{count_of, form_for};
pub use price_sheet::price_sheet_rows;
pub use render::push_text as push_csv_cell;
pub use report::RunReport;
pub use rule::{EarnedCredit, NewPriceRule, Percent, PriceRule, RuleKind};
pub use rule_json::PAYLOAD as RULE_PAYLOAD;
pub use run::{run, split};
pub use statement::{Heading, Issue, Restatement, StatementFiles, restated};
pub use warning::{Blocks, Money, Warning, WarningCode};
pub use wording::{Message, Wording};
