//! What a run found and did: the partner's eyes only.

use crate::amount::Amount;
use crate::currency::Currency;
use crate::period::BillingPeriod;
use crate::warning::{Counted, Warning};
use crate::wording::Message;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A run's report. Lists are sorted, so that the same job gives the same report.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The month that was billed.
    pub billing_period: BillingPeriod,
    /// Microsoft's invoice: the one the run was told, or the only one that the files have.
    pub invoice_id: Option<String>,
    /// All of them, where there are several and the run was told none: then its statements have no `invoice_id`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invoice_ids: Vec<String>,
    /// How far it got: all.
    pub progress: Done,
    /// One entry per currency, of costs or of charges, by code.
    pub totals: Vec<Total>,
    /// One entry per bill, by customer and currency.
    pub customers: Vec<CustomerBill>,
    /// What no customer is billed for, by tenant and currency.
    pub unassigned: Vec<Unassigned>,
    /// Whether it all adds up.
    pub checks: Checks,
    /// How reconciliation and daily usage of an invoice were made one; `None` where no invoice has both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconciled: Option<Reconciled>,
    /// Lines of other invoices than the one the run was told: not in any total.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_invoices: Vec<OtherInvoice>,
    /// The files that were read: of line items, and then of price sheets.
    pub files: Vec<FileRead>,
    /// What is to be looked at, though there are bills; by code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// The final lines that were missing from staged bills of customers that are released, and not known to be: by
    /// customer, as [`Job::acknowledged`](crate::Job::acknowledged) wants to be told of them from now on.
    #[serde(skip)]
    pub acknowledged: BTreeMap<i64, Vec<u64>>,
}

/// What was worked on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Bytes of the files.
    pub bytes_read: u64,
    /// Total size in bytes of all input files on disk.
    pub bytes_total: u64,
    /// Lines of the files.
    pub lines: u64,
    /// Customers with lines or corrections.
    pub customers: u64,
}

/// A file that was read, or one in an archive or an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRead {
    /// What it is called.
    pub file: String,
    /// Its lines, those of other invoices too, and not its header.
    pub lines: u64,
    /// Tells what is in it, unpacked, from anything else: XXH3, 128 bits, in hexadecimal digits. No proof against
    /// tampering.
    pub digest: String,
}

/// The sums of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// The currency.
    pub currency: Currency,
    /// Lines with a cost in it.
    pub lines: u64,
    /// Their cost: the sum of the files' own money column, tax not included, to the last digit.
    pub cost: Amount,
    /// The part of it that is on customers' bills: this run's, or final ones of before.
    pub billed_cost: Amount,
    /// The part of it that is not.
    pub unassigned_cost: Amount,
    /// The currency of the bills that lines with a cost in this one are on. `None` only in reports of version 0.1.
    #[serde(default)]
    pub billed_in: Option<Currency>,
    /// The sum of the totals of bills in this currency that are not held back.
    pub charge: Amount,
    /// The part of it that is rounding to the currency's minor unit.
    pub rounding: Amount,
    /// The cost of the lines on these bills, at the run's rates.
    #[serde(default)]
    pub charged_cost: Amount,
    /// The sum of the totals of bills that are held back.
    #[serde(default)]
    pub held_charge: Amount,
    /// The cost of the lines on those, at the run's rates.
    #[serde(default)]
    pub held_cost: Amount,
    /// Lines that are on final bills of this month already, and their cost, at the run's rates.
    #[serde(default)]
    pub billed_before: BilledBefore,
    /// Tax on the cost, which is in none of the above.
    pub tax: Amount,
}

/// One bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CustomerBill {
    /// Whose it is.
    pub customer_id: i64,
    /// Its name.
    pub name: String,
    /// The bill's currency.
    pub currency: Currency,
    /// Lines of Microsoft's on the bill, so neither the rounding nor corrections.
    pub lines: u64,
    /// Their cost; at the run's rate where the lines are in another currency.
    pub cost: Amount,
    /// The bill's total.
    pub charge: Amount,
    /// The part of it that is rounding.
    pub rounding: Amount,
    /// The part of it that corrects months before.
    pub corrections: Amount,
    /// Lines of the bill behind Microsoft's: of corrections of months before, and of the rounding.
    #[serde(skip)]
    pub adjustments: u64,
    /// Lines that a final bill of this month has already, this customer's or another one's that had the tenant, so that they
    /// are not on this one; and their cost.
    pub billed_before: BilledBefore,
    /// The partner earned credit of its lines.
    pub earned_credit: EarnedCreditSums,
    /// Why it is held back by the bounds; empty if it is not. A customer of which one bill is held back has none staged.
    pub held_back: Vec<Message>,
    /// Whether it, or another bill of the customer, is held back.
    #[serde(skip)]
    pub is_held_back: bool,
    /// The folder with its files, and nothing else, in `Job::out`. `None` in a dry run, where the bill is held back, and
    /// where there is nothing new to bill.
    #[serde(skip)]
    pub staged: Option<PathBuf>,
    /// Its ledger, in the order of the lines of its `bill.csv`. Likewise.
    #[serde(skip)]
    pub ledger: Option<PathBuf>,
    /// What its lines cost and are charged, by product, publisher and subscription; the rounding is a product of its own. Empty in
    /// a dry run.
    #[serde(skip)]
    pub sums: Vec<LineSums>,
    /// Whether its lines belong to a month that is final already: the bill is a correction, to be carried onto the next.
    #[serde(skip)]
    pub is_correction: bool,
}

/// Sums of some lines of a bill, in its currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineSums {
    /// The product's name; the meter category of Azure usage.
    pub product: String,
    /// The publisher's name.
    pub publisher: String,
    /// The subscription's id.
    pub subscription_id: String,
    /// The subscription's name.
    pub subscription_name: String,
    /// How many lines.
    pub lines: u64,
    /// Their cost, at the run's rate.
    pub cost: Amount,
    /// The known earned credit of these, kept or passed on.
    pub earned_credit: Amount,
    /// Their charge, before the bill's rounding.
    pub charge: Amount,
}

/// Lines that are on a final bill already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BilledBefore {
    /// How many.
    pub lines: u64,
    /// Their cost, as in the bill.
    pub cost: Amount,
}

/// Lines that no customer is billed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unassigned {
    /// Whose lines they are, as the files have it, in lower case and without `org:`.
    pub azure_customer_id: String,
    /// The tenant's name in the files; of several, the first in the alphabet.
    pub name: String,
    /// Of the cost.
    pub currency: Currency,
    /// How many.
    pub lines: u64,
    /// Their cost.
    pub cost: Amount,
    /// Why.
    pub reason: Reason,
}

/// Why lines are on no bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// The tenant belongs to no customer.
    #[serde(rename = "no customer")]
    NoCustomer,
    /// The customer it belongs to is not billed.
    #[serde(rename = "billing off")]
    BillingOff,
    /// A final bill has them already, and no customer is billed for the tenant now.
    #[serde(rename = "billed before")]
    BilledBefore,
}

impl Reason {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Reason::NoCustomer => "no customer",
            Reason::BillingOff => "billing off",
            Reason::BilledBefore => "billed before",
        }
    }
}

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checks {
    /// Whether in every currency Σ customers + Σ unassigned = the files' own sum, to the last digit. A run that does not
    /// tie fails; this is the proof that it was looked at.
    pub ties: bool,
    /// Lines whose unit price × quantity × exchange rate differs from their cost by more than 0.01.
    pub formula_mismatches: u64,
    /// Lines whose subtotal and tax differ from their total by more than 0.01.
    pub total_mismatches: u64,
    /// Lines of this month's final bills that these files do not have.
    pub final_lines_missing: u64,
    /// Lines that are charged less than they cost.
    pub below_cost: Beside,
    /// Lines that are charged more than five times what they cost.
    pub far_above_cost: Beside,
    /// Lines neither of a day nor of a billing period in the month.
    pub other_months: Counted,
    /// Lines that are on no invoice of Microsoft's yet.
    pub without_invoice: Counted,
    /// Lines whose earned credit is unknown though the partner keeps it.
    pub earned_credit_unknown: Counted,
    /// Lines whose cost is not their list price less the earned credit that a price adjustment names.
    pub earned_credit_mismatches: Counted,
    /// Lines that an Azure credit covers, and how much of their price it covers: it is passed on.
    pub azure_credits: Counted,
    /// The totals that the run was told to expect, beside those of the files. Empty if it was told none.
    pub expected_totals: Vec<ExpectedTotal>,
}

/// A currency's total beside the one that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedTotal {
    /// The currency.
    pub currency: Currency,
    /// What was expected; `None` of a currency that was not.
    pub expected: Option<Amount>,
    /// What the files have, tax not included.
    pub cost: Amount,
    /// Whether both are the same to the last digit.
    pub matches: bool,
}

/// The partner earned credit of a bill's lines, in the bill's currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarnedCreditSums {
    /// What the partner keeps: the charge does not contain it.
    pub kept: Amount,
    /// What the customer has.
    pub passed_on: Amount,
    /// Lines of which it is unknown.
    pub unknown_lines: u64,
    /// Their cost.
    pub unknown_cost: Amount,
}

/// Lines whose charge is out of proportion to their cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// The number of lines.
    pub lines: u64,
    /// By the currency of their bills, in the order of the codes.
    pub amounts: Vec<CostAndCharge>,
}

/// What lines cost, and what is charged for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostAndCharge {
    /// The currency of the bills.
    pub currency: Currency,
    /// The cost of the lines, at the run's rate.
    pub cost: Amount,
    /// Their charge, before the bill's rounding.
    pub charge: Amount,
}

/// Lines that belong to another invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherInvoice {
    /// Its number, as the files have it; may be empty.
    pub invoice_id: String,
    /// How many.
    pub lines: u64,
}

/// How reconciliation and daily usage of an invoice were made one. A group is of a tenant, invoice, product, SKU and currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciled {
    /// Groups whose lines of the reconciliation usage explains: they are replaced by their days.
    pub explained_groups: u64,
    /// Lines of the reconciliation in those groups.
    pub replaced_lines: u64,
    /// Adjustment lines: what rounding leaves between the two.
    pub adjustments: Counted,
    /// Groups that differ beyond rounding: they keep their lines of the reconciliation.
    pub differing_groups: u64,
    /// The first 1,000 of them.
    pub differences: Vec<Difference>,
}

/// A group whose usage is not what the reconciliation says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The tenant.
    pub azure_customer_id: String,
    /// Microsoft's invoice.
    pub invoice_id: String,
    /// The product.
    pub product_id: String,
    /// Its SKU.
    pub sku_id: String,
    /// What the reconciliation calls it; empty where it has no line.
    pub product_name: String,
    /// The currency.
    pub currency: Currency,
    /// What the reconciliation has.
    pub reconciliation: SideOfGroup,
    /// What the usage has.
    pub usage: SideOfGroup,
    /// The reconciliation's cost less the usage's.
    pub difference: Amount,
}

/// The lines of one kind in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideOfGroup {
    /// How many.
    pub lines: u64,
    /// Their cost.
    pub cost: Amount,
}
