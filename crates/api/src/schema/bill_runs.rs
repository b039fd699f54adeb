//! Bill runs and their reports.

use super::{Decimal, Error, time};
use app::billing;
use rating::{report, warning};
use serde::Serialize;
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// Who has the benefit of the partner earned credit.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EarnedCredit {
    Kept,
    PassedOn,
}

/// One unit of a currency in another.
#[derive(ToSchema)]
pub(crate) struct CurrencyRate {
    #[schema(example = "EUR")]
    from: String,
    #[schema(example = "USD")]
    to: String,
    rate: Decimal,
}

/// A run to be made.
#[derive(ToSchema)]
pub(crate) struct NewBillRun {
    /// The month.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-10")]
    billing_period: String,
    /// All files of the month's invoice: `s3://bucket/key`, `az://container/key`, or `file:PATH` below the folder that
    /// the server is told; CSV, plain, `.gz` or `.zip`, or the folder of a Graph export.
    #[schema(min_items = 1, max_items = 1000)]
    sources: Vec<String>,
    /// Microsoft's price sheet of the month, likewise: CSV, plain, `.gz` or `.zip`. List prices of licences are from it.
    #[schema(max_items = 1000, nullable)]
    price_sheets: Option<Vec<String>>,
    /// Microsoft's invoice. Given, only its lines count.
    #[schema(max_length = 64, nullable, example = "G012345678")]
    invoice_id: Option<String>,
    /// Given, the lines of all bills are in the currency that these lead to; corrections of final months stay in theirs.
    #[schema(max_items = 200, nullable)]
    currency_rates: Option<Vec<CurrencyRate>>,
    /// Whether customers see the bills at once; else they are drafts until the run is published.
    #[schema(nullable)]
    publish: Option<bool>,
    /// Whether the bills are final at once, and so published.
    #[schema(nullable)]
    finalize: Option<bool>,
    /// The codes of warnings that are accepted: they block nothing, and what they would refuse or hold back goes on.
    #[schema(nullable, example = json!(["below_cost"]))]
    accept: Option<Vec<String>>,
    /// Whether lines and invoices that a final month has not had become corrections of it; else they are refused.
    #[schema(nullable)]
    accept_corrections: Option<bool>,
    /// What the files are expected to cost, tax not included, once for each currency. A difference to the last digit is a
    /// warning that blocks finalizing.
    #[schema(max_items = 200, nullable)]
    expected_totals: Option<Vec<ExpectedMoney>>,
}

/// A sum in a currency, as it is expected.
#[derive(ToSchema)]
pub(crate) struct ExpectedMoney {
    #[schema(example = "USD")]
    currency: String,
    amount: Decimal,
}

/// How a run stands.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// What has become of a run's bills: drafts that the partner alone sees, published estimates, final; or final statements of its
/// month were voided.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunStage {
    Draft,
    Published,
    Final,
    Void,
}

/// How far a run is.
#[derive(ToSchema, Serialize)]
pub(crate) struct Progress {
    bytes_read: u64,
    bytes_total: u64,
    lines: u64,
    customers: u64,
}

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

/// Lines that a final bill has already.
#[derive(ToSchema, Serialize)]
pub(crate) struct BilledBefore {
    lines: u64,
    cost: String,
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
    /// Where the record is of how its lines were priced; `null` if there is none. It is the partner's alone.
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

/// Lines that nobody is billed for.
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

/// A file that was read, or one in an archive or an export.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunFile {
    file: String,
    lines: u64,
    /// Of what is in it, unpacked: XXH3, 128 bits, in hexadecimal digits.
    digest: String,
}

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

/// How many lines, and what they cost.
#[derive(ToSchema, Serialize)]
pub(crate) struct CountedLines {
    lines: u64,
    amounts: Vec<Money>,
}

/// Lines whose charge is out of proportion to their cost.
#[derive(ToSchema, Serialize)]
pub(crate) struct OutOfProportion {
    lines: u64,
    amounts: Vec<CostAndCharge>,
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

/// What a warning blocks until it is accepted. Publishing includes finalizing.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Blocked {
    Publish,
    Finalize,
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

/// What came in for a final month, and can be put on no bill.
#[derive(ToSchema, Serialize)]
pub(crate) struct PendingCorrection {
    customer_id: i64,
    /// The month that was final.
    billing_period: String,
    /// The version of that month's bill that lists its lines.
    version: i64,
    currency: String,
    amount: String,
    /// `no customer`, `billing off`, or `another run or a final statement has it`.
    reason: String,
}

/// What is wrong, and where.
#[derive(ToSchema, Serialize)]
pub(crate) struct RunError {
    /// The source, and a file in it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// The name of the column.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    /// The customer whose bill could not be written.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<i64>,
    message: String,
}

/// Lines of another invoice than the one that the run was told.
#[derive(ToSchema, Serialize)]
pub(crate) struct OtherInvoice {
    invoice_id: String,
    lines: u64,
}

/// A run and its report.
#[derive(ToSchema, Serialize)]
pub struct BillRun {
    id: i64,
    billing_period: String,
    /// `null` where the lines are of several, and on their statements too.
    invoice_id: Option<String>,
    /// All of them, where there are several.
    invoice_ids: Vec<String>,
    state: RunState,
    /// `null` of a run that has not succeeded.
    #[schema(inline)]
    stage: Option<RunStage>,
    progress: Progress,
    totals: Vec<RunTotal>,
    /// Not in a list.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    customers: Option<Vec<RunCustomer>>,
    /// Not in a list.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    unassigned: Option<Vec<RunUnassigned>>,
    /// Not in a list.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_corrections: Option<Vec<PendingCorrection>>,
    /// `null` until there is a report.
    checks: Option<RunChecks>,
    errors: Vec<RunError>,
    /// Not in a list.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<RunFile>>,
    /// What is to be looked at, though there are bills.
    warnings: Vec<RunWarning>,
    /// How reconciliation and daily usage of an invoice were made one; missing where no invoice of the run has both.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reconciled: Option<Reconciled>,
    /// Lines of other invoices, which count in nothing above.
    other_invoices: Vec<OtherInvoice>,
    sources: Vec<String>,
    finalize: bool,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
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

/// The lines of one kind in a group.
#[derive(ToSchema, Serialize)]
pub(crate) struct SideOfGroup {
    lines: u64,
    cost: String,
}

/// A page of runs.
#[derive(ToSchema, Serialize)]
pub struct BillRunList {
    bill_runs: Vec<BillRun>,
}

impl From<rating::EarnedCredit> for EarnedCredit {
    fn from(credit: rating::EarnedCredit) -> Self {
        match credit {
            rating::EarnedCredit::Kept => EarnedCredit::Kept,
            rating::EarnedCredit::PassedOn => EarnedCredit::PassedOn,
        }
    }
}

impl From<billing::RunState> for RunState {
    fn from(state: billing::RunState) -> Self {
        match state {
            billing::RunState::Queued => RunState::Queued,
            billing::RunState::Running => RunState::Running,
            billing::RunState::Succeeded => RunState::Succeeded,
            billing::RunState::Failed => RunState::Failed,
            billing::RunState::Cancelled => RunState::Cancelled,
        }
    }
}

impl From<billing::Stage> for RunStage {
    fn from(stage: billing::Stage) -> Self {
        match stage {
            billing::Stage::Draft => RunStage::Draft,
            billing::Stage::Published => RunStage::Published,
            billing::Stage::Final => RunStage::Final,
            billing::Stage::Void => RunStage::Void,
        }
    }
}

impl From<report::Done> for Progress {
    fn from(done: report::Done) -> Self {
        let report::Done { bytes_read, bytes_total, lines, customers } = done;
        Progress { bytes_read, bytes_total, lines, customers }
    }
}

impl From<report::BilledBefore> for BilledBefore {
    fn from(before: report::BilledBefore) -> Self {
        let report::BilledBefore { lines, cost } = before;
        BilledBefore { lines, cost: cost.to_string() }
    }
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
            held_back,
            prefix: prefix.map(text),
            ledger,
            final_prefix: final_prefix.map(text),
            reversal_prefix: reversal_prefix.map(text),
        }
    }
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

impl From<report::FileRead> for RunFile {
    fn from(file: report::FileRead) -> Self {
        let report::FileRead { file, lines, digest } = file;
        RunFile { file, lines, digest }
    }
}

impl From<warning::Money> for Money {
    fn from(money: warning::Money) -> Self {
        let warning::Money { currency, amount } = money;
        Money { currency: currency.to_string(), amount: amount.to_string() }
    }
}

impl From<warning::Counted> for CountedLines {
    fn from(counted: warning::Counted) -> Self {
        let warning::Counted { lines, amounts } = counted;
        CountedLines { lines, amounts: amounts.into_iter().map(Money::from).collect() }
    }
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

impl Blocked {
    fn of(blocks: rating::Blocks) -> Option<Self> {
        match blocks {
            rating::Blocks::Nothing => None,
            rating::Blocks::Finalizing => Some(Blocked::Finalize),
            rating::Blocks::Publishing => Some(Blocked::Publish),
        }
    }
}

impl From<billing::RunWarning> for RunWarning {
    fn from(warning: billing::RunWarning) -> Self {
        let billing::RunWarning {
            code,
            blocks,
            accepted,
            file,
            line,
            column,
            customer_id,
            price_rule_id,
            lines,
            amounts,
            message,
        } = warning;
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

impl From<billing::PendingCorrection> for PendingCorrection {
    fn from(pending: billing::PendingCorrection) -> Self {
        let billing::PendingCorrection { customer_id, billing_period, version, currency, amount, reason } =
            pending;
        PendingCorrection { customer_id, billing_period, version, currency, amount, reason }
    }
}

impl From<billing::RunError> for RunError {
    fn from(error: billing::RunError) -> Self {
        let billing::RunError { file, line, column, customer_id, message } = error;
        RunError { file, line, column, customer_id, message }
    }
}

impl From<report::OtherInvoice> for OtherInvoice {
    fn from(other: report::OtherInvoice) -> Self {
        let report::OtherInvoice { invoice_id, lines } = other;
        OtherInvoice { invoice_id, lines }
    }
}

impl From<report::SideOfGroup> for SideOfGroup {
    fn from(side: report::SideOfGroup) -> Self {
        let report::SideOfGroup { lines, cost } = side;
        SideOfGroup { lines, cost: cost.to_string() }
    }
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

fn all<T, W: From<T>>(values: Vec<T>) -> Vec<W> {
    values.into_iter().map(W::from).collect()
}

impl From<billing::RunView> for BillRun {
    fn from(run: billing::RunView) -> Self {
        let billing::RunView {
            id,
            billing_period,
            invoice_id,
            invoice_ids,
            state,
            stage,
            progress,
            totals,
            customers,
            unassigned,
            pending_corrections,
            checks,
            errors,
            files,
            warnings,
            reconciled,
            other_invoices,
            sources,
            finalize,
            created_at,
            updated_at,
        } = run;
        BillRun {
            id,
            billing_period,
            invoice_id,
            invoice_ids,
            state: state.into(),
            stage: stage.map(RunStage::from),
            progress: progress.into(),
            totals: all(totals),
            customers: customers.map(all),
            unassigned: unassigned.map(all),
            pending_corrections: pending_corrections.map(all),
            checks: checks.map(RunChecks::from),
            errors: all(errors),
            files: files.map(all),
            warnings: all(warnings),
            reconciled: reconciled.map(Reconciled::from),
            other_invoices: all(other_invoices),
            sources,
            finalize,
            created_at: time(created_at),
            updated_at: time(updated_at),
        }
    }
}

impl From<Vec<billing::RunView>> for BillRunList {
    fn from(runs: Vec<billing::RunView>) -> Self {
        BillRunList { bill_runs: all(runs) }
    }
}

/// What is accepted when statements become final. The body may be left out.
#[derive(ToSchema)]
pub(crate) struct Finalization {
    /// Codes of warnings that would keep the statements from becoming final.
    #[schema(required = false, example = json!(["below_cost"]))]
    accept: Vec<String>,
}

/// What is accepted when statements are published. The body may be left out.
#[derive(ToSchema)]
pub(crate) struct Publication {
    /// Codes of warnings that would keep the statements from being published.
    #[schema(required = false, example = json!(["facts_changed"]))]
    accept: Vec<String>,
}

/// Final statements that are reversed.
#[derive(ToSchema)]
pub(crate) struct VoidRequest {
    /// Of these customers; by default of all that have one.
    #[schema(min_items = 1, nullable)]
    customer_ids: Option<Vec<i64>>,
    /// Why. The customers read it.
    #[schema(min_length = 1, max_length = 255, example = "billed for the wrong month")]
    reason: String,
}

/// Customers whose bills are released.
#[derive(ToSchema)]
pub(crate) struct Release {
    #[schema(min_items = 1)]
    customer_ids: Vec<i64>,
    /// Codes of warnings that would keep them from being published, where the run is.
    #[schema(required = false, example = json!(["facts_changed"]))]
    accept: Vec<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct BillRunId {
    /// The run's id.
    id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RunCustomerId {
    /// The customer's id.
    customer_id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunParameters {
    /// The month.
    billing_period: Option<String>,
    /// How it stands.
    state: Option<RunState>,
}

/// What operations on runs may answer beside.
#[derive(IntoResponses)]
pub(crate) enum RunRefusals {
    /// A run of the month is under way, or this one is not as it has to be for that; or the first request with this
    /// `Idempotency-Key` is still under way.
    #[response(status = 409)]
    Conflict(Error),
}
