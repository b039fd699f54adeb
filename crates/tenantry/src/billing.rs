//! Where bills and invoices are, and what a bill may be: what everything that runs bills is told.

use crate::config::secrets;
use app::billing::BillingSetup;
use clap::{Args, ValueEnum};
use rating::{Amount, Bounds, EarnedCredit};
use std::path::PathBuf;

/// Where bills and invoices are, and what a bill may be.
#[derive(Args, Clone)]
#[command(next_help_heading = "Bills")]
pub(crate) struct BillingArgs {
    /// The root that bills are below: `file:PATH`, `s3://bucket/prefix` or `az://container/prefix`. Credentials come from
    /// the usual environment (`AWS_…`, `AZURE_…`).
    #[arg(long, env = "TENANTRY_BILLS", value_name = "URL", default_value = "file:data/bills")]
    pub(crate) bills: String,
    /// `file:` sources of bill runs that are asked for over the API lie below this folder. `{partner}` in it stands for
    /// the id of the partner that asks: a server with several partners needs it.
    #[arg(long, env = "TENANTRY_BILL_SOURCES", value_name = "FOLDER", default_value = "data/invoices")]
    bill_sources: String,
    /// `s3://` and `az://` sources lie below one of these, likewise with `{partner}`; by default wherever the
    /// credentials reach.
    #[arg(long, env = "TENANTRY_BILL_REMOTE_SOURCES", value_name = "URLS", value_delimiter = ',')]
    bill_remote_sources: Vec<String>,
    /// Microsoft's invoices are fetched into this object store, `s3://bucket/prefix` or `az://container/prefix`, likewise with
    /// `{partner}`; by default into the folder for sources.
    #[arg(long, env = "TENANTRY_BILL_FETCH_TO", value_name = "URL")]
    bill_fetch_to: Option<String>,
    /// Where a bill run puts what it needs while it works: about twice the uncompressed input.
    #[arg(long, env = "TENANTRY_BILL_WORK", value_name = "FOLDER", default_value = "data/work")]
    bill_work: PathBuf,
    /// Maximum length of a source in bytes, unpacked.
    #[arg(long, env = "TENANTRY_BILL_MAX_SOURCE", value_name = "BYTES", default_value = "200000000000")]
    bill_max_source: u64,
    /// Hold back bills with more lines.
    #[arg(long, env = "TENANTRY_BILL_MAX_LINES", value_name = "LINES")]
    bill_max_lines: Option<u64>,
    /// Hold back bills of more than this, in whatever currency they are.
    #[arg(long, env = "TENANTRY_BILL_MAX_AMOUNT", value_name = "AMOUNT")]
    bill_max_amount: Option<Amount>,
    /// Hold back bills that differ more from the month before, up or down, and warn of customers that had a bill and have none.
    #[arg(long, env = "TENANTRY_BILL_MAX_CHANGE", value_name = "PERCENT")]
    bill_max_change: Option<u32>,
    /// Hold back bills of more than this of customers that had none the month before.
    #[arg(long, env = "TENANTRY_BILL_MAX_NEW", value_name = "AMOUNT")]
    bill_max_new: Option<Amount>,
    /// Warn of lines that nobody is billed for if they cost more than this in some currency. Such a warning keeps a month from
    /// becoming final until it is accepted.
    #[arg(long, env = "TENANTRY_BILL_MAX_UNASSIGNED", value_name = "AMOUNT", default_value = "0")]
    bill_max_unassigned: Amount,
    /// Who has the benefit of the partner earned credit, where no price rule says otherwise.
    #[arg(long, env = "TENANTRY_EARNED_CREDIT", value_enum, default_value = "kept")]
    earned_credit: Credit,
    /// Write the FOCUS rows as Parquet too.
    #[arg(long, env = "TENANTRY_BILL_PARQUET", value_parser = clap::builder::BoolishValueParser::new())]
    bill_parquet: bool,
    /// Write the Invoice Detail and Billing Period datasets of FOCUS 1.4 too.
    #[arg(long, env = "TENANTRY_BILL_FOCUS_DATASETS", value_parser = clap::builder::BoolishValueParser::new())]
    bill_focus_datasets: bool,
    /// How many threads a bill run has [default: a server's half of the processors, a command's all]
    #[arg(long, env = "TENANTRY_BILL_THREADS", value_name = "COUNT")]
    bill_threads: Option<usize>,
    /// How many seconds a bill run waits for a server that has died.
    #[arg(long, env = "TENANTRY_BILL_LEASE", value_name = "SECONDS", default_value = "30", hide = true,
          value_parser = clap::value_parser!(i64).range(1..=3600))]
    bill_lease: i64,
    /// How many seconds an export of Microsoft may take before a fetch fails.
    #[arg(long, env = "TENANTRY_BILL_EXPORT_WAIT", value_name = "SECONDS", default_value = "21600", hide = true,
          value_parser = clap::value_parser!(u64).range(1..=604_800))]
    bill_export_wait: u64,
}

/// Who has the benefit of the partner earned credit.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Credit {
    /// The partner.
    Kept,
    /// The customer.
    PassedOn,
}

impl BillingArgs {
    /// The setup, with one of so many processors for each thread unless it is told otherwise.
    pub(crate) fn setup(&self, share: usize) -> anyhow::Result<BillingSetup> {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(BillingSetup {
            bills: self.bills.clone(),
            sources: self.bill_sources.clone(),
            remote_sources: self.bill_remote_sources.clone(),
            fetch_to: self.bill_fetch_to.clone(),
            work: self.bill_work.clone(),
            max_source_bytes: self.bill_max_source,
            settings: secrets::of_object_store()?,
            bounds: Bounds {
                max_lines: self.bill_max_lines,
                max_amount: self.bill_max_amount,
                max_change_percent: self.bill_max_change,
                max_new: self.bill_max_new,
                max_unassigned: self.bill_max_unassigned,
            },
            earned_credit: match self.earned_credit {
                Credit::Kept => EarnedCredit::Kept,
                Credit::PassedOn => EarnedCredit::PassedOn,
            },
            parquet: self.bill_parquet,
            focus_datasets: self.bill_focus_datasets,
            threads: self.bill_threads.unwrap_or((processors / share).max(1)),
            lease: jiff::SignedDuration::from_secs(self.bill_lease),
            export_wait: std::time::Duration::from_secs(self.bill_export_wait),
        })
    }
}
