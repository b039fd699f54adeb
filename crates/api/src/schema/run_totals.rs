//! What a run has billed: in all, for each customer, for no customer, and from which files.

use app::billing;
use rating::report;
use serde::Serialize;
use utoipa::ToSchema;

/// The sums of one currency, with the exact decimal digits.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunTotal {
    currency: String,
    lines: u64,
    /// The files' own sum; `billed_cost` + `unassigned_cost`.
    cost: String,
    billed_cost: String,
    unassigned_cost: String,
    /// The currency of the bills that these lines are on.
    billed_in: String,
    /// The sum of the bills in this currency that are not held back.
    charge: String,
    /// The part of `charge` that is rounding.
    rounding: String,
    /// The cost of the lines on these bills, at the run's rates.
    charged_cost: String,
    /// The sum of the bills in this currency that are held back.
    held_charge: String,
    /// The cost of the lines on those, at the run's rates.
    held_cost: String,
    /// Lines that are on final bills of this month already.
    billed_before: BilledBefore,
    /// On the cost, and in none of the others.
    tax: String,
}

impl From<report::Total> for RunTotal {
    fn from(total: report::Total) -> Self {
        let report::Total {
            currency,
            lines,
            cost,
            billed_cost,
            unassigned_cost,
            billed_in,
            charge,
            rounding,
            charged_cost,
            held_charge,
            held_cost,
            billed_before,
            tax,
        } = total;
        RunTotal {
            currency: currency.to_string(),
            lines,
            cost: cost.to_string(),
            billed_cost: billed_cost.to_string(),
            unassigned_cost: unassigned_cost.to_string(),
            billed_in: billed_in.unwrap_or(currency).to_string(),
            charge: charge.to_string(),
            rounding: rounding.to_string(),
            charged_cost: charged_cost.to_string(),
            held_charge: held_charge.to_string(),
            held_cost: held_cost.to_string(),
            billed_before: billed_before.into(),
            tax: tax.to_string(),
        }
    }
}

/// Lines that a final bill has already.
#[derive(ToSchema, Serialize)]
pub(crate) struct BilledBefore {
    lines: u64,
    cost: String,
}

impl From<report::BilledBefore> for BilledBefore {
    fn from(before: report::BilledBefore) -> Self {
        let report::BilledBefore { lines, cost } = before;
        BilledBefore { lines, cost: cost.to_string() }
    }
}

/// The partner earned credit of a bill's lines, in the bill's currency.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunEarnedCredit {
    kept: String,
    passed_on: String,
    /// Lines of which it is unknown.
    unknown_lines: u64,
    /// What they cost.
    unknown_cost: String,
}

impl From<report::EarnedCreditSums> for RunEarnedCredit {
    fn from(sums: report::EarnedCreditSums) -> Self {
        let report::EarnedCreditSums { kept, passed_on, unknown_lines, unknown_cost } = sums;
        RunEarnedCredit {
            kept: kept.to_string(),
            passed_on: passed_on.to_string(),
            unknown_lines,
            unknown_cost: unknown_cost.to_string(),
        }
    }
}

/// A customer's bill in a run's report.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunCustomer {
    customer_id: i64,
    name: String,
    currency: String,
    lines: u64,
    cost: String,
    charge: String,
    rounding: String,
    /// The part of the charge that corrects months before.
    corrections: String,
    billed_before: BilledBefore,
    earned_credit: RunEarnedCredit,
    /// Why it is held back; empty if it is not.
    held_back: Vec<String>,
    /// Where its files are below the root of the object store; `null` if there are none.
    prefix: Option<String>,
    /// The file that records how each line was priced; `null` if none was written. Only the partner sees it.
    ledger: Option<String>,
    /// Where they are as those of a final bill, where it was finalised later.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    final_prefix: Option<String>,
    /// Where the files of its reversal are, where it was voided.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reversal_prefix: Option<String>,
}

impl From<billing::CustomerBill> for RunCustomer {
    fn from(bill: billing::CustomerBill) -> Self {
        let billing::CustomerBill {
            customer_id,
            name,
            currency,
            lines,
            cost,
            charge,
            rounding,
            corrections,
            adjustments: _,
            billed_before,
            earned_credit,
            held_back,
            prefix,
            ledger,
            final_prefix,
            reversal_prefix,
        } = bill;
        let text = |place: billing::BillRef| place.to_string();
        RunCustomer {
            customer_id,
            name,
            currency: currency.to_string(),
            lines,
            cost: cost.to_string(),
            charge: charge.to_string(),
            rounding: rounding.to_string(),
            corrections: corrections.to_string(),
            billed_before: billed_before.into(),
            earned_credit: earned_credit.into(),
            held_back: held_back.into_iter().map(|why| why.text).collect(),
            prefix: prefix.map(text),
            ledger,
            final_prefix: final_prefix.map(text),
            reversal_prefix: reversal_prefix.map(text),
        }
    }
}

/// Lines that are on no customer's bill.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunUnassigned {
    azure_customer_id: String,
    name: String,
    currency: String,
    lines: u64,
    cost: String,
    /// `no customer`, `billing off`, or `billed before` by a final bill of the month.
    reason: String,
}

impl From<report::Unassigned> for RunUnassigned {
    fn from(unassigned: report::Unassigned) -> Self {
        let report::Unassigned { azure_customer_id, name, currency, lines, cost, reason } = unassigned;
        RunUnassigned {
            azure_customer_id,
            name,
            currency: currency.to_string(),
            lines,
            cost: cost.to_string(),
            reason: reason.name().to_owned(),
        }
    }
}

/// A file that was read, or one in an archive or an export.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunFile {
    file: String,
    lines: u64,
    /// Of what is in it, unpacked: XXH3, 128 bits, in hexadecimal digits.
    digest: String,
}

impl From<report::FileRead> for RunFile {
    fn from(file: report::FileRead) -> Self {
        let report::FileRead { file, lines, digest } = file;
        RunFile { file, lines, digest }
    }
}
