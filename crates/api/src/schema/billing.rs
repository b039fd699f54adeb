//! What the OpenAPI document says of billing.
#![expect(dead_code, reason = "these types describe; the domain's types are what is read and written")]

use super::Error;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// How a rule makes a price. `margin`: price = cost / (1 − m). `markup`: cost × (1 + u). `discount`: list price × (1 − d).
/// `fixed`: quantity × price, at the run's rate where the bill is in another currency.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RuleKind {
    Margin,
    Markup,
    Discount,
    ListPrice,
    Fixed,
}

/// Who has the benefit of the partner earned credit.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EarnedCredit {
    Kept,
    PassedOn,
}

/// A decimal number, or a string that holds one to its last digit.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(crate) enum Decimal {
    Number(f64),
    Text(String),
}

/// A price rule to be made. The first that matches a line prices it; where none does, the customer's margin.
#[derive(ToSchema)]
pub(crate) struct NewPriceRule {
    #[schema(min_length = 1, max_length = 255, example = "Azure at list price less 5 %")]
    name: String,
    /// Rules are tried in this order, those of one position in the order of their ids. By default behind all others.
    #[schema(minimum = 0, nullable)]
    position: Option<i64>,
    kind: RuleKind,
    /// In percent, at most four decimal places; not of the kind `fixed`.
    #[schema(nullable)]
    percentage: Option<Decimal>,
    /// Per unit, of the kind `fixed`.
    #[schema(nullable)]
    price: Option<Decimal>,
    /// ISO 4217, of the kind `fixed`.
    #[schema(nullable, example = "USD")]
    currency: Option<String>,
    /// The first day it holds for.
    #[schema(format = "date", nullable)]
    effective_from: Option<String>,
    /// The first day it holds no more for.
    #[schema(format = "date", nullable)]
    effective_until: Option<String>,
    /// Only for this customer.
    #[schema(nullable)]
    customer_id: Option<i64>,
    /// Only for lines of this publisher, in any case. Likewise all that follow.
    #[schema(nullable)]
    publisher: Option<String>,
    #[schema(nullable)]
    product_id: Option<String>,
    #[schema(nullable)]
    sku_id: Option<String>,
    #[schema(nullable)]
    charge_type: Option<String>,
    #[schema(nullable)]
    meter_category: Option<String>,
    /// Whether the partner keeps the earned credit of these lines.
    #[schema(nullable)]
    earned_credit: Option<EarnedCredit>,
}

/// What to change of a price rule: only what is named changes. `null` clears what is optional.
#[derive(ToSchema)]
pub(crate) struct PriceRuleChange {
    /// As on create, and so are all others.
    #[schema(nullable)]
    name: Option<String>,
    #[schema(nullable)]
    position: Option<i64>,
    #[schema(nullable)]
    kind: Option<RuleKind>,
    #[schema(nullable)]
    percentage: Option<Decimal>,
    #[schema(nullable)]
    price: Option<Decimal>,
    #[schema(nullable)]
    currency: Option<String>,
    #[schema(format = "date", nullable)]
    effective_from: Option<String>,
    #[schema(format = "date", nullable)]
    effective_until: Option<String>,
    #[schema(nullable)]
    customer_id: Option<i64>,
    #[schema(nullable)]
    publisher: Option<String>,
    #[schema(nullable)]
    product_id: Option<String>,
    #[schema(nullable)]
    sku_id: Option<String>,
    #[schema(nullable)]
    charge_type: Option<String>,
    #[schema(nullable)]
    meter_category: Option<String>,
    #[schema(nullable)]
    earned_credit: Option<EarnedCredit>,
}

/// A price rule.
#[derive(ToSchema)]
pub(crate) struct PriceRule {
    id: i64,
    name: String,
    position: i64,
    kind: RuleKind,
    /// Exact decimal digits.
    #[schema(nullable = false)]
    percentage: Option<String>,
    /// Exact decimal digits.
    #[schema(nullable = false)]
    price: Option<String>,
    #[schema(nullable = false)]
    currency: Option<String>,
    #[schema(format = "date", nullable = false)]
    effective_from: Option<String>,
    #[schema(format = "date", nullable = false)]
    effective_until: Option<String>,
    #[schema(nullable = false)]
    customer_id: Option<i64>,
    #[schema(nullable = false)]
    publisher: Option<String>,
    #[schema(nullable = false)]
    product_id: Option<String>,
    #[schema(nullable = false)]
    sku_id: Option<String>,
    #[schema(nullable = false)]
    charge_type: Option<String>,
    #[schema(nullable = false)]
    meter_category: Option<String>,
    #[schema(nullable = false)]
    earned_credit: Option<EarnedCredit>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A page of price rules, in the order in which they are tried.
#[derive(ToSchema)]
pub(crate) struct PriceRuleList {
    price_rules: Vec<PriceRule>,
}

/// What a price rule would change of the last month that was billed.
#[derive(ToSchema)]
pub(crate) struct PriceRuleTrial {
    /// The run that the month was billed by: its files, its customers and their margins are tried.
    run_id: i64,
    #[schema(example = "2026-10")]
    billing_period: String,
    /// The bills that would change, the largest difference first.
    changes: Vec<PriceRuleTrialChange>,
    /// The number of bills that would stay as they are.
    unchanged: u64,
    /// The sums of all bills, by currency.
    totals: Vec<PriceRuleTrialTotal>,
    /// Whether no line of the month gets its price from the rule: none matches it, or a rule before it matches first.
    unused: bool,
    /// What is to be looked at, such as lines that the rule matches and cannot price.
    warnings: Vec<String>,
}

/// A bill that a price rule would change. Amounts are exact decimal digits.
#[derive(ToSchema)]
pub(crate) struct PriceRuleTrialChange {
    customer_id: i64,
    name: String,
    /// ISO 4217.
    currency: String,
    /// By the price rules that are stored.
    charge: String,
    charge_with_rule: String,
    difference: String,
}

/// The sum of all bills in a currency. Amounts are exact decimal digits.
#[derive(ToSchema)]
pub(crate) struct PriceRuleTrialTotal {
    /// ISO 4217.
    currency: String,
    /// By the price rules that are stored.
    charge: String,
    charge_with_rule: String,
    difference: String,
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
#[derive(ToSchema)]
pub(crate) struct Progress {
    bytes_read: u64,
    bytes_total: u64,
    lines: u64,
    customers: u64,
}

/// The sums of one currency, with the exact decimal digits.
#[derive(ToSchema)]
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
#[derive(ToSchema)]
pub(crate) struct BilledBefore {
    lines: u64,
    cost: String,
}

/// The partner earned credit of a bill's lines, in the bill's currency.
#[derive(ToSchema)]
pub(crate) struct RunEarnedCredit {
    kept: String,
    passed_on: String,
    /// Lines of which it is unknown.
    unknown_lines: u64,
    /// What they cost.
    unknown_cost: String,
}

/// A customer's bill in a run's report.
#[derive(ToSchema)]
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
    final_prefix: Option<String>,
    /// Where the files of its reversal are, where it was voided.
    #[schema(nullable = false)]
    reversal_prefix: Option<String>,
}

/// Lines that nobody is billed for.
#[derive(ToSchema)]
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
#[derive(ToSchema)]
pub(crate) struct RunFile {
    file: String,
    lines: u64,
    /// Of what is in it, unpacked: XXH3, 128 bits, in hexadecimal digits.
    digest: String,
}

/// What was checked.
#[derive(ToSchema)]
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
#[derive(ToSchema)]
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
#[derive(ToSchema)]
pub(crate) struct CountedLines {
    lines: u64,
    amounts: Vec<Money>,
}

/// Lines whose charge is out of proportion to their cost.
#[derive(ToSchema)]
pub(crate) struct OutOfProportion {
    lines: u64,
    amounts: Vec<CostAndCharge>,
}

/// What lines cost at the run's rates, and what is charged for them before their bills are rounded.
#[derive(ToSchema)]
pub(crate) struct CostAndCharge {
    /// The currency of the bills.
    currency: String,
    cost: String,
    charge: String,
}

/// A sum in a currency.
#[derive(ToSchema)]
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
#[derive(ToSchema)]
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
    file: Option<String>,
    #[schema(nullable = false)]
    customer_id: Option<i64>,
    #[schema(nullable = false)]
    price_rule_id: Option<i64>,
    /// The number of lines concerned.
    lines: u64,
    /// What they cost.
    amounts: Vec<Money>,
    message: String,
}

/// What came in for a final month, and can be put on no bill.
#[derive(ToSchema)]
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
#[derive(ToSchema)]
pub(crate) struct RunError {
    /// The source, and a file in it.
    #[schema(nullable = false)]
    file: Option<String>,
    #[schema(nullable = false)]
    line: Option<u64>,
    /// The name of the column.
    #[schema(nullable = false)]
    column: Option<String>,
    /// The customer whose bill could not be written.
    #[schema(nullable = false)]
    customer_id: Option<i64>,
    message: String,
}

/// Lines of another invoice than the one that the run was told.
#[derive(ToSchema)]
pub(crate) struct OtherInvoice {
    invoice_id: String,
    lines: u64,
}

/// A run and its report.
#[derive(ToSchema)]
pub(crate) struct BillRun {
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
    customers: Option<Vec<RunCustomer>>,
    /// Not in a list.
    #[schema(nullable = false)]
    unassigned: Option<Vec<RunUnassigned>>,
    /// Not in a list.
    #[schema(nullable = false)]
    pending_corrections: Option<Vec<PendingCorrection>>,
    /// Not in a list.
    #[schema(nullable = false)]
    files: Option<Vec<RunFile>>,
    /// `null` until there is a report.
    checks: Option<RunChecks>,
    errors: Vec<RunError>,
    /// What is to be looked at, though there are bills.
    warnings: Vec<RunWarning>,
    /// Lines of other invoices, which count in nothing above.
    other_invoices: Vec<OtherInvoice>,
    /// How reconciliation and daily usage of an invoice were made one; missing where no invoice of the run has both.
    #[schema(nullable = false)]
    reconciled: Option<Reconciled>,
    sources: Vec<String>,
    finalize: bool,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// How reconciliation and daily usage of an invoice were made one. A group is of a tenant, invoice, product, SKU and currency.
#[derive(ToSchema)]
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
#[derive(ToSchema)]
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
#[derive(ToSchema)]
pub(crate) struct SideOfGroup {
    lines: u64,
    cost: String,
}

/// A page of runs.
#[derive(ToSchema)]
pub(crate) struct BillRunList {
    bill_runs: Vec<BillRun>,
}

/// What is accepted when statements become final. The body may be left out.
#[derive(ToSchema)]
pub(crate) struct Finalization {
    /// Codes of warnings that would keep the statements from becoming final.
    #[schema(required = false, example = json!(["below_cost"]))]
    accept: Vec<String>,
}

/// Nothing has to be said. The body may be left out.
#[derive(ToSchema)]
pub(crate) struct Publication {}

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
}

/// A currency.
#[derive(ToSchema)]
pub(crate) struct Currency {
    /// ISO 4217.
    #[schema(example = "USD")]
    name: String,
    /// In English.
    #[schema(example = "United States dollar")]
    long_name: String,
    #[schema(example = "$")]
    symbol: String,
}

/// Whether a statement may still change (`Estimated`), is what is owed (`Final`), or counts no more: an estimate that was
/// `Withdrawn`, a final one that is `Void`, and the `Reversal` of that, with its amounts negated.
#[derive(ToSchema, Serialize)]
pub(crate) enum StatementStatus {
    Estimated,
    Final,
    Withdrawn,
    Void,
    Reversal,
}

/// What a customer owes for a month.
#[derive(ToSchema)]
pub(crate) struct Statement {
    id: i64,
    customer_id: i64,
    #[schema(example = "Azure")]
    cloud: String,
    #[schema(example = "2026-10")]
    billing_period: String,
    /// With the exact decimal digits.
    #[schema(example = 1234.56)]
    total_amount: f64,
    status: StatementStatus,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    detailed_billing_records_generation_time: String,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    statement_generation_time: String,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    statement_summary_generation_time: String,
    currency: Currency,
    /// Microsoft's invoice. For the partner alone; `null` for others.
    invoice_id: Option<String>,
    #[schema(format = "date")]
    invoice_date: String,
    /// The partner's own number, running by year without gaps: prefix, year, number. `null` of an estimate, and of what earlier
    /// versions made final.
    #[schema(example = "CON-2026-0001")]
    statement_number: Option<String>,
    /// When it became final, or reversed another: `YYYY-MM-DD HH:MM:SS`, UTC.
    issued_at: Option<String>,
    /// The day by which it is to be paid, if the partner's billing settings say so.
    #[schema(format = "date")]
    due_date: Option<String>,
    /// The version of the month's bill.
    version: i64,
    /// Whether the customer sees this version in this status. For the partner alone.
    #[schema(nullable = false)]
    published: Option<bool>,
    /// The statement that this one reverses.
    #[schema(nullable = false)]
    reverses: Option<i64>,
    /// Why it is withdrawn, void or a reversal.
    #[schema(nullable = false)]
    notice: Option<String>,
    /// Where it came from, if another platform has made it. Such a statement is history: it has no files, and no bill run
    /// changes it.
    #[schema(nullable = false)]
    imported: Option<ImportedFrom>,
    /// The names of its bill's files, for `/v1/customer_statements/{id}/files/{name}`.
    files: Vec<String>,
    /// What came in for months that were final, and is part of the total.
    #[schema(nullable = false)]
    corrections: Option<Vec<Correction>>,
}

/// Where a statement came from that another platform has made.
#[derive(ToSchema)]
pub(crate) struct ImportedFrom {
    /// The platform's URL.
    #[schema(example = "https://chapi.cloudhealthtech.com")]
    source: String,
    /// The statement's id there, if it has one.
    id: Option<String>,
}

/// What came in for a month that was final, on the statement that has it.
#[derive(ToSchema)]
pub(crate) struct Correction {
    /// The month that was final.
    #[schema(example = "2026-09")]
    billing_period: String,
    /// The version of that month's bill that lists its lines.
    version: i64,
    /// With the exact decimal digits.
    #[schema(example = 12.34)]
    amount: f64,
    /// The names of its files, for `/v1/customer_statements/{id}/corrections/{billing_period}/{version}/files/{name}`. Empty
    /// of those that earlier versions made; they have the same as a bill.
    files: Vec<String>,
}

/// A page of statements.
#[derive(ToSchema)]
pub(crate) struct StatementList {
    billing_artifacts: Vec<Statement>,
}

/// A page of a bill's lines.
#[derive(ToSchema)]
pub(crate) struct LineList {
    /// The columns of `bill.csv`; and in `explanation`, if that was asked for, `cost`, `cost_currency`, `charge`,
    /// `charge_currency`, `rule_id` (empty where no rule priced it), `rule`, `priced_from`, and, where the
    /// customer has the tenant only on some days, `tenant`, which says since or until when.
    lines: Vec<BTreeMap<String, Value>>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct PriceRuleId {
    /// The price rule's id.
    id: i64,
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
#[into_params(parameter_in = Path)]
pub(crate) struct CorrectionFile {
    /// The id of the statement that has the correction.
    id: i64,
    /// The month that was final.
    billing_period: String,
    /// The version of that month's bill.
    version: i64,
    /// The file's name, such as `bill.csv`.
    name: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct StatementId {
    /// The statement's id.
    id: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct Download {
    /// `bytes=0-1023`, `bytes=1024-` or `bytes=-1024`; several ranges are answered with the whole file.
    #[param(rename = "Range", nullable = false)]
    range: Option<String>,
    /// An `ETag`: `Range` counts only if the file is still that one.
    #[param(rename = "If-Range", nullable = false)]
    if_range: Option<String>,
    /// An `ETag`: `304` if the file is still that one.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct StatementFile {
    /// The statement's id.
    id: i64,
    /// The file's name, such as `bill.csv`.
    name: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunParameters {
    /// The month.
    billing_period: Option<String>,
    /// How it stands.
    state: Option<RunState>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatementParameters {
    /// The customer.
    client_api_id: Option<i64>,
    /// Whether it may still change.
    status: Option<StatementStatus>,
    /// The month.
    billing_period: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LineParameters {
    /// Say of each line how it was priced.
    explain: Option<bool>,
    /// Of bills in several currencies, this one; by default the first.
    currency: Option<String>,
}

/// What operations on runs may answer beside.
#[derive(IntoResponses)]
pub(crate) enum RunRefusals {
    /// A run of the month is under way, or this one is not as it has to be for that; or the first request with this
    /// `Idempotency-Key` is still under way.
    #[response(status = 409)]
    Conflict(Error),
}
