//! What can go wrong with a sandbox's billing data.

use super::super::behaviour::Fault;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Where an operation that has succeeded puts its manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManifestPlace {
    /// In `resourceLocation`.
    #[default]
    Inline,
    /// Behind the URL that `resourceLocation` is.
    Location,
    /// Behind the URL that `resourceLocation@odata.navigationLink` is.
    Link,
}

/// What goes wrong with billing data, until it is told otherwise. By default nothing does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingFaults {
    /// The application lacks `PartnerBilling.Read.All`.
    pub no_permission: bool,
    /// Invoices cannot be listed: no role for it.
    pub no_invoice_role: bool,
    /// Exports end with `5000`, "No data available".
    pub no_data: bool,
    /// Exports end with an error of this code.
    pub failed: Option<String>,
    /// So many times an operation says that it is running.
    pub running_polls: u32,
    /// Operations never end.
    pub never_ends: bool,
    /// `Retry-After` of running operations, as it stands here: `2.128`.
    pub retry_after: Option<String>,
    /// Where manifests are.
    pub manifest: ManifestPlace,
    /// After so many reads a SAS token has ended.
    pub sas_reads: Option<u32>,
    /// The file of this number is served with half its bytes.
    pub cut_blob: Option<usize>,
    /// After so many reads of files, other files have taken their place under the same names.
    pub changed_after: Option<u64>,
    /// The manifest counts one file more than it lists.
    pub wrong_count: bool,
    /// Ranges are ignored: every read has the whole file.
    pub no_ranges: bool,
    /// Most bytes of an answer with a part of a file.
    pub max_range: Option<u64>,
    /// How long each read of a file takes.
    pub read_ms: u64,
    /// Months (`2026-10`) whose invoice was issued a second time, with the same lines under another number.
    pub reissued: Vec<String>,
    /// Version of the data. Each version after the first has one more credit for the first customer.
    pub data_version: u32,
    /// Cents that the first Azure line of each reconciliation has beyond its usage.
    pub planted_cents: i64,
    /// Lines of a file.
    pub lines_per_blob: usize,
    /// Resources of each meter in a subscription, which have a line of usage a day each.
    pub resources: u32,
    /// Of the next requests for files, one each.
    pub next_blob: VecDeque<Fault>,
}

impl Default for BillingFaults {
    fn default() -> Self {
        BillingFaults {
            no_permission: false,
            no_invoice_role: false,
            no_data: false,
            failed: None,
            running_polls: 0,
            never_ends: false,
            retry_after: None,
            manifest: ManifestPlace::Inline,
            sas_reads: None,
            cut_blob: None,
            changed_after: None,
            wrong_count: false,
            no_ranges: false,
            max_range: None,
            read_ms: 0,
            reissued: Vec::new(),
            data_version: 1,
            planted_cents: 0,
            lines_per_blob: 20_000,
            resources: 1,
            next_blob: VecDeque::new(),
        }
    }
}
