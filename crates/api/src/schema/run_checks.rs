//! What a run has checked: whether the bills tie to the invoice, what it warns of, and usage beside the reconciliation.

use super::all;
use app::billing;
use rating::{report, warning};
use serde::Serialize;
use utoipa::ToSchema;

/// What was checked.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunChecks {
    /// Σ customers + Σ unassigned = the files' own sum.
    ties: bool,
    /// Lines whose unit price × quantity × exchange rate is not their cost; that is billed.
    formula_mismatches: u64,
    /// Lines whose subtotal and tax are not their total; the subtotal is billed.
    total_mismatches: u64,
    /// Lines of the month's final bills that these files do not have.
    final_lines_missing: u64,
    /// Lines that are charged less than they cost.
    below_cost: OutOfProportion,
    /// Lines that are charged more than five times what they cost.
    far_above_cost: OutOfProportion,
    /// Lines neither of a day nor of a billing period in the month.
    other_months: CountedLines,
    /// Lines that are on no invoice of Microsoft's yet.
    without_invoice: CountedLines,
    /// Lines whose earned credit is unknown though the partner keeps it.
    earned_credit_unknown: CountedLines,
    /// Lines whose cost is not their list price less the earned credit that a price adjustment names.
    earned_credit_mismatches: CountedLines,
    /// Lines that an Azure credit covers, and how much of their price it covers: it is passed on.
    azure_credits: CountedLines,
    /// The totals that the run was told to expect, beside those of the files; empty if it was told none.
    expected_totals: Vec<RunExpectedTotal>,
}

impl From<report::Checks> for RunChecks {
    fn from(checks: report::Checks) -> Self {
        let report::Checks {
            ties,
            formula_mismatches,
            total_mismatches,
            final_lines_missing,
            below_cost,
            far_above_cost,
            other_months,
            without_invoice,
            earned_credit_unknown,
            earned_credit_mismatches,
            azure_credits,
            expected_totals,
        } = checks;
        RunChecks {
            ties,
            formula_mismatches,
            total_mismatches,
            final_lines_missing,
            below_cost: below_cost.into(),
            far_above_cost: far_above_cost.into(),
            other_months: other_months.into(),
            without_invoice: without_invoice.into(),
            earned_credit_unknown: earned_credit_unknown.into(),
            earned_credit_mismatches: earned_credit_mismatches.into(),
            azure_credits: azure_credits.into(),
            expected_totals: expected_totals.into_iter().map(RunExpectedTotal::from).collect(),
        }
    }
}

/// A currency's total beside the one that was expected.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunExpectedTotal {
    currency: String,
    /// `null` of a currency that was not expected.
    expected: Option<String>,
    /// What the files have, tax not included.
    cost: String,
    /// Whether both are the same to the last digit.
    matches: bool,
}

impl From<report::ExpectedTotal> for RunExpectedTotal {
    fn from(total: report::ExpectedTotal) -> Self {
        let report::ExpectedTotal { currency, expected, cost, matches } = total;
        RunExpectedTotal {
            currency: currency.to_string(),
            expected: expected.map(|expected| expected.to_string()),
            cost: cost.to_string(),
            matches,
        }
    }
}

/// How many lines, and what they cost.
#[derive(ToSchema, Serialize)]
pub(crate) struct CountedLines {
    lines: u64,
    amounts: Vec<Money>,
}

impl From<warning::Counted> for CountedLines {
    fn from(counted: warning::Counted) -> Self {
        let warning::Counted { lines, amounts } = counted;
        CountedLines { lines, amounts: amounts.into_iter().map(Money::from).collect() }
    }
}

/// Lines whose charge is out of proportion to their cost.
#[derive(ToSchema, Serialize)]
pub(crate) struct OutOfProportion {
    lines: u64,
    amounts: Vec<CostAndCharge>,
}

impl From<report::Beside> for OutOfProportion {
    fn from(beside: report::Beside) -> Self {
        let report::Beside { lines, amounts } = beside;
        let amount = |report::CostAndCharge { currency, cost, charge }| CostAndCharge {
            currency: currency.to_string(),
            cost: cost.to_string(),
            charge: charge.to_string(),
        };
        OutOfProportion { lines, amounts: amounts.into_iter().map(amount).collect() }
    }
}

/// What lines cost at the run's rates, and what is charged for them before their bills are rounded.
#[derive(ToSchema, Serialize)]
pub(crate) struct CostAndCharge {
    /// The currency of the bills.
    currency: String,
    cost: String,
    charge: String,
}

/// A sum in a currency.
#[derive(ToSchema, Serialize)]
pub(crate) struct Money {
    currency: String,
    amount: String,
}

impl From<warning::Money> for Money {
    fn from(money: warning::Money) -> Self {
        let warning::Money { currency, amount } = money;
        Money { currency: currency.to_string(), amount: amount.to_string() }
    }
}

/// What a warning blocks until it is accepted. Publishing includes finalizing.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Blocked {
    Publish,
    Finalize,
}

impl Blocked {
    fn of(blocks: rating::Blocks) -> Option<Self> {
        match blocks {
            rating::Blocks::Nothing => None,
            rating::Blocks::Finalizing => Some(Blocked::Finalize),
            rating::Blocks::Publishing => Some(Blocked::Publish),
        }
    }
}

/// What is to be looked at, though there are bills.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunWarning {
    /// By this it is accepted.
    #[schema(example = "below_cost")]
    code: String,
    /// `null` if it blocks nothing.
    #[schema(inline)]
    blocks: Option<Blocked>,
    /// Whether the run was told to accept it.
    accepted: bool,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The line in the file; only of runs of version 0.1.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// The column in the file; only of runs of version 0.1.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<i64>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    price_rule_id: Option<i64>,
    /// The number of lines concerned.
    lines: u64,
    /// What they cost.
    amounts: Vec<Money>,
    message: String,
}

impl From<billing::RunWarning> for RunWarning {
    fn from(warning: billing::RunWarning) -> Self {
        let billing::RunWarning {
            code,
            blocks,
            accepted,
            place,
            customer_id,
            price_rule_id,
            lines,
            amounts,
            message,
            wording: _,
        } = warning;
        let billing::Place { file, line, column } = place;
        RunWarning {
            code: code.name().to_owned(),
            blocks: Blocked::of(blocks),
            accepted,
            file,
            line,
            column,
            customer_id,
            price_rule_id,
            lines,
            amounts: amounts.into_iter().map(Money::from).collect(),
            message,
        }
    }
}

/// Lines of another invoice than the one that the run was told.
#[derive(ToSchema, Serialize)]
pub(crate) struct OtherInvoice {
    invoice_id: String,
    lines: u64,
}

impl From<report::OtherInvoice> for OtherInvoice {
    fn from(other: report::OtherInvoice) -> Self {
        let report::OtherInvoice { invoice_id, lines } = other;
        OtherInvoice { invoice_id, lines }
    }
}

/// How reconciliation and daily usage of an invoice were made one. A group is of a tenant, invoice, product, SKU and currency.
#[derive(ToSchema, Serialize)]
pub(crate) struct Reconciled {
    /// Groups whose lines of the reconciliation usage explains: they are replaced by their days.
    explained_groups: u64,
    /// Lines of the reconciliation in those groups.
    replaced_lines: u64,
    /// Adjustment lines: what rounding leaves between the two.
    adjustments: CountedLines,
    /// Groups that differ beyond rounding: they keep their lines of the reconciliation.
    differing_groups: u64,
    /// The first 1,000 of them; none in a list of runs.
    differences: Vec<UsageDifference>,
}

impl From<report::Reconciled> for Reconciled {
    fn from(reconciled: report::Reconciled) -> Self {
        let report::Reconciled {
            explained_groups,
            replaced_lines,
            adjustments,
            differing_groups,
            differences,
        } = reconciled;
        Reconciled {
            explained_groups,
            replaced_lines,
            adjustments: adjustments.into(),
            differing_groups,
            differences: all(differences),
        }
    }
}

/// A group whose usage is not what the reconciliation says.
#[derive(ToSchema, Serialize)]
pub(crate) struct UsageDifference {
    azure_customer_id: String,
    invoice_id: String,
    product_id: String,
    sku_id: String,
    /// What the reconciliation calls it; empty where it has no line.
    product_name: String,
    currency: String,
    reconciliation: SideOfGroup,
    usage: SideOfGroup,
    /// The reconciliation's cost less the usage's.
    difference: String,
}

impl From<report::Difference> for UsageDifference {
    fn from(found: report::Difference) -> Self {
        let report::Difference {
            azure_customer_id,
            invoice_id,
            product_id,
            sku_id,
            product_name,
            currency,
            reconciliation,
            usage,
            difference,
        } = found;
        UsageDifference {
            azure_customer_id,
            invoice_id,
            product_id,
            sku_id,
            product_name,
            currency: currency.to_string(),
            reconciliation: reconciliation.into(),
            usage: usage.into(),
            difference: difference.to_string(),
        }
    }
}

/// The lines of one kind in a group.
#[derive(ToSchema, Serialize)]
pub(crate) struct SideOfGroup {
    lines: u64,
    cost: String,
}

impl From<report::SideOfGroup> for SideOfGroup {
    fn from(side: report::SideOfGroup) -> Self {
        let report::SideOfGroup { lines, cost } = side;
        SideOfGroup { lines, cost: cost.to_string() }
    }
}
