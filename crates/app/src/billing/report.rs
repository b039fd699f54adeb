//! The report of a run: stored as JSON with the run, and answered with it. A stored report that cannot be read is an error: an
//! empty list in its place would release, finalize or bill the wrong things.

use super::plan::{Pending, Plan};
use super::runs::internal;
use super::settle::Published;
use crate::{Error, Refusal};
use bill_storage::BillPrefix;
use rating::report::{
    BilledBefore, Checks, Done, EarnedCreditSums, FileRead, OtherInvoice, Reconciled, Total, Unassigned,
};
use rating::warning::Money;
use rating::{Amount, BillingPeriod, Blocks, Currency, Fault, Message, Warning, WarningCode, Wording};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use store::bill_runs::BillRun;

/// How far a run is.
pub type Progress = Done;

/// What a run found and did. Of a run that ended without bills it has only the errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunReport {
    /// The month that was billed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_period: Option<BillingPeriod>,
    /// Microsoft's invoice: the one that the run was given, or the only one in the files.
    pub invoice_id: Option<String>,
    /// All invoices, where there are several and the run was given none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invoice_ids: Vec<String>,
    /// How much was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The sums of each currency.
    pub totals: Vec<Total>,
    /// The bills. Not in a summary.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<CustomerBill>,
    /// Lines that no customer is billed for. Not in a summary.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unassigned: Vec<Unassigned>,
    /// What was checked; `None` where the run ended without bills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<Checks>,
    /// How reconciliation and daily usage of an invoice were made one. In a summary without the differences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconciled: Option<Reconciled>,
    /// Lines of other invoices than the one that the run was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_invoices: Vec<OtherInvoice>,
    /// The files that were read. Not in a summary.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRead>,
    /// What is to be looked at, though there are bills.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<RunWarning>,
    /// Corrections that are on no bill. Not in a summary.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending_corrections: Vec<PendingCorrection>,
    /// Why there are no bills, or which could not be written.
    pub errors: Vec<RunError>,
}

/// One bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerBill {
    /// Customer id.
    pub customer_id: i64,
    /// Display name.
    pub name: String,
    /// Currency of the bill.
    pub currency: Currency,
    /// Microsoft's lines on the bill.
    pub lines: u64,
    /// Their cost, at the run's rate where they are in another currency.
    pub cost: Amount,
    /// The bill's total.
    pub charge: Amount,
    /// The part of the total that is rounding.
    pub rounding: Amount,
    /// The part of the total that corrects months before.
    pub corrections: Amount,
    /// Lines of the bill behind Microsoft's: of corrections of months before, and of the rounding. `None` in reports of
    /// version 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjustments: Option<u64>,
    /// Lines that a final bill of the month has already.
    pub billed_before: BilledBefore,
    /// The partner earned credit of its lines.
    #[serde(default)]
    pub earned_credit: EarnedCreditSums,
    /// Why it is held back; empty if it is not.
    pub held_back: Vec<Message>,
    /// Where its files are; `None` if there are none.
    pub prefix: Option<BillRef>,
    /// The key of its ledger below the root of the object store; `None` if there is none, or in reports of version 0.1.
    #[serde(default)]
    pub ledger: Option<String>,
    /// Where its files are as those of a final bill, if it was finalized later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_prefix: Option<BillRef>,
    /// Where the files of its reversal are, if it was reversed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversal_prefix: Option<BillRef>,
}

/// One version of a bill in the object store. In JSON it is its key, such as `p1/acme/2026-10/3947/v2/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillRef {
    /// All versions of the bill.
    pub bill: BillPrefix,
    /// The version.
    pub version: u32,
}

/// Something to look at, though there are bills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunWarning {
    /// What it is about.
    #[serde(default = "uncoded")]
    pub code: WarningCode,
    /// What it blocks until it is accepted.
    #[serde(default = "nothing")]
    pub blocks: Blocks,
    /// Whether the run was told to accept it.
    #[serde(default)]
    pub accepted: bool,
    /// The file that it is about; a line and a column only in reports of version 0.1.
    #[serde(flatten)]
    pub place: Place,
    /// The customer that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// The price rule that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_rule_id: Option<i64>,
    /// The number of lines concerned.
    #[serde(default)]
    pub lines: u64,
    /// What they cost.
    #[serde(default)]
    pub amounts: Vec<Money>,
    /// What is to be looked at, in a sentence.
    pub message: String,
    /// What makes that sentence in other languages; `None` in reports of version 0.2 and earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<Wording>,
}

fn uncoded() -> WarningCode {
    WarningCode::Uncoded
}

fn nothing() -> Blocks {
    Blocks::Nothing
}

/// A correction that is on no bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingCorrection {
    /// Customer id.
    pub customer_id: i64,
    /// The month that was final.
    pub billing_period: String,
    /// The version of that month's bill that lists its lines.
    pub version: i64,
    /// Currency of the amount.
    pub currency: String,
    /// Exact decimal digits.
    pub amount: String,
    /// Why it is on no bill.
    pub reason: String,
}

/// The place in the input that an error or a warning is about; empty where it is about the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// The source, and a file in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The name of the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl Place {
    /// A whole file; nothing of an empty name.
    pub(super) fn of_file(file: String) -> Self {
        Place { file: Some(file).filter(|file| !file.is_empty()), ..Place::default() }
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunError {
    /// Where in the input.
    #[serde(flatten)]
    pub place: Place,
    /// The customer whose bill could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What makes that sentence in other languages; `None` in reports of version 0.2 and earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<Wording>,
}

impl RunError {
    /// An error of the whole run.
    pub(super) fn new(Message { text, wording }: Message) -> Self {
        RunError { message: text, wording, ..RunError::default() }
    }

    /// An error of a customer's bill.
    pub(super) fn of_customer(customer: i64, message: &Message) -> Self {
        RunError { customer_id: Some(customer), ..RunError::new(message.clone()) }
    }
}

impl From<Fault> for RunError {
    fn from(Fault { file, line, column, message, wording }: Fault) -> Self {
        let place = Place { line, column, ..Place::of_file(file) };
        RunError { place, customer_id: None, message, wording: wording.map(|wording| *wording) }
    }
}

impl From<&Refusal> for RunError {
    fn from(refusal: &Refusal) -> Self {
        RunError::new(message_of(refusal))
    }
}

/// A refusal as it is stored.
pub(super) fn message_of(refusal: &Refusal) -> Message {
    let mut reasons = refusal.reasons();
    let wording = match (reasons.next(), reasons.next()) {
        (Some((_, Some(reason))), None) => Some(Wording {
            id: format!("refusal-{}", reason.id),
            values: reason
                .values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
                .collect(),
        }),
        _ => None,
    };
    Message { text: refusal.to_string(), wording }
}

/// `october.csv, line 12, column Quantity: "1,5" is not a number`
impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sentence(f, &self.place, self.customer_id, &self.message)
    }
}

/// `october.csv: has a header and no lines`
impl fmt::Display for RunWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sentence(f, &self.place, self.customer_id, &self.message)
    }
}

fn sentence(
    f: &mut fmt::Formatter<'_>,
    Place { file, line, column }: &Place,
    customer: Option<i64>,
    message: &str,
) -> fmt::Result {
    let parts = [
        file.clone().filter(|file| !file.is_empty()),
        line.map(|line| format!("line {line}")),
        column.as_ref().map(|column| format!("column {column}")),
        customer.map(|customer| format!("customer {customer}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let colon = if parts.is_empty() { "" } else { ": " };
    write!(f, "{}{colon}{message}", parts.join(", "))
}

impl Serialize for BillRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BillRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        let parsed = BillPrefix::parse(&key).map(|(bill, version)| BillRef { bill, version });
        parsed.ok_or_else(|| D::Error::custom(format!("{key:?} is not a version of a bill")))
    }
}

/// `p1/acme/2026-10/3947/v2/`
impl fmt::Display for BillRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bill.of_version(self.version))
    }
}

impl From<Warning> for RunWarning {
    fn from(warning: Warning) -> Self {
        let Warning { code, blocks, accepted, file, customer_id, price_rule_id, counted, message, wording } =
            warning;
        RunWarning {
            code,
            blocks,
            accepted,
            place: Place::of_file(file),
            customer_id,
            price_rule_id,
            lines: counted.lines,
            amounts: counted.amounts,
            message,
            wording,
        }
    }
}

impl From<&Pending> for PendingCorrection {
    fn from(pending: &Pending) -> Self {
        let correction = &pending.correction;
        PendingCorrection {
            customer_id: pending.customer_id,
            billing_period: correction.billing_period.clone(),
            version: correction.version,
            currency: correction.currency.clone(),
            amount: correction.amount.clone(),
            reason: pending.reason.clone(),
        }
    }
}

/// What became of a run's bills: those that are published, the customers whose bills could not be written, and of those that
/// had none, the customers whose folders cannot be written; each with the reason.
#[derive(Clone, Copy, Default)]
pub(super) struct Written<'a> {
    pub(super) published: &'a [Published],
    pub(super) unwritten: &'a [(i64, Message)],
    pub(super) unwritable: &'a [(i64, Message)],
}

impl RunReport {
    /// The report of a run that ended with bills.
    pub(super) fn of_bills(report: &rating::RunReport, plan: &Plan, written: Written<'_>) -> Self {
        let Written { published, unwritten, unwritable } = written;
        let bill = |bill: &rating::report::CustomerBill| {
            let is_its = |published: &&Published| {
                published.customer.0 == bill.customer_id && published.currency == bill.currency.code()
            };
            let place = published.iter().find(is_its).filter(|_| bill.staged.is_some());
            CustomerBill {
                customer_id: bill.customer_id,
                name: bill.name.clone(),
                currency: bill.currency,
                lines: bill.lines,
                cost: bill.cost,
                charge: bill.charge,
                rounding: bill.rounding,
                corrections: bill.corrections,
                adjustments: Some(bill.adjustments),
                billed_before: bill.billed_before,
                earned_credit: bill.earned_credit,
                held_back: bill.held_back.clone(),
                prefix: place.map(|published| published.place.clone()),
                ledger: place.map(|published| format!("{}/{}", bill_storage::PRIVATE, published.ledger)),
                final_prefix: None,
                reversal_prefix: None,
            }
        };
        let unwritable = unwritable.iter().map(|(customer, why)| RunWarning {
            code: WarningCode::FolderUnwritable,
            blocks: WarningCode::FolderUnwritable.blocks(),
            accepted: false,
            place: Place::default(),
            customer_id: Some(*customer),
            price_rule_id: None,
            lines: 0,
            amounts: Vec::new(),
            message: why.text.clone(),
            wording: why.wording.clone(),
        });
        RunReport {
            billing_period: Some(report.billing_period),
            invoice_id: report.invoice_id.clone(),
            invoice_ids: report.invoice_ids.clone(),
            progress: Some(report.progress),
            totals: report.totals.clone(),
            customers: report.customers.iter().map(bill).collect(),
            unassigned: report.unassigned.clone(),
            checks: Some(report.checks.clone()),
            reconciled: report.reconciled.clone(),
            other_invoices: report.other_invoices.clone(),
            files: report.files.clone(),
            warnings: report.warnings.iter().cloned().map(RunWarning::from).chain(unwritable).collect(),
            pending_corrections: plan.pending.iter().map(PendingCorrection::from).collect(),
            errors: unwritten.iter().map(|(customer, why)| RunError::of_customer(*customer, why)).collect(),
        }
    }

    /// The report of a run that ended without bills.
    pub(super) fn of_errors(errors: Vec<RunError>) -> Self {
        RunReport { errors, ..RunReport::default() }
    }

    /// The report that is stored with a run; `None` until the run has ended. In a list it is the summary.
    pub(super) fn of_run(run: &BillRun) -> Result<Option<Self>, Error> {
        run.report.as_deref().map(Self::read).transpose()
    }

    /// A stored report or summary.
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        const WHAT: &str = "the report of a bill run";
        // An empty array would be a report in which every field has its default.
        if !text.starts_with('{') {
            return Err(Error::Internal(format!("{WHAT} cannot be read: it is not a JSON object")));
        }
        let mut report: Self = stored(WHAT, text)?;
        for total in &mut report.totals {
            total.billed_in.get_or_insert(total.currency);
        }
        Ok(report)
    }

    /// The report as lists have it: there are thousands of customers.
    pub(super) fn summary(&self) -> Self {
        RunReport {
            customers: Vec::new(),
            unassigned: Vec::new(),
            files: Vec::new(),
            pending_corrections: Vec::new(),
            reconciled: self
                .reconciled
                .clone()
                .map(|reconciled| Reconciled { differences: Vec::new(), ..reconciled }),
            ..self.clone()
        }
    }

    /// Microsoft's invoices that the bills are made of.
    pub(super) fn invoices(&self) -> impl Iterator<Item = &str> {
        self.invoice_ids.iter().chain(&self.invoice_id).map(String::as_str)
    }

    /// The warnings that block finalizing and are accepted neither by the run nor by these codes.
    pub(super) fn blocking<'a>(&'a self, accept: &'a [WarningCode]) -> impl Iterator<Item = &'a RunWarning> {
        let blocks = |warning: &&RunWarning| {
            let is_accepted = warning.code.is_acceptable() && accept.contains(&warning.code);
            warning.blocks != Blocks::Nothing && !warning.accepted && !is_accepted
        };
        self.warnings.iter().filter(blocks)
    }
}

impl RunWarning {
    /// Why the statements cannot be made final, and what to do about it.
    pub(super) fn refusal(&self) -> Refusal {
        let (message, code) = (&self.message, self.code.name());
        match self.code.is_acceptable() {
            true => Refusal::new(format!("{message} (accept {code}, if that is meant)"))
                .named("warning-to-accept", &[("warning", &code), ("code", &code)]),
            false => Refusal::new(format!("{message} ({code})"))
                .named("warning-blocks", &[("warning", &code), ("code", &code)]),
        }
    }
}

/// A JSON text of the database.
///
/// # Errors
/// [`Error::Internal`] that says what cannot be read, and why.
pub(super) fn stored<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Internal(format!("{what} cannot be read: {error}")))
}

/// A value as it is stored.
pub(super) fn text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    type Change<'a> = &'a dyn Fn(&mut Value);

    /// A report as version 0.1 has stored it.
    const OF_0_1: &str = r#"{"billing_period":"2026-10","invoice_id":"G1","progress":{"bytes_read":9,"bytes_total":9,"lines":2,
        "customers":1},"totals":[{"currency":"USD","lines":2,"cost":"3","billed_cost":"2","unassigned_cost":"1","charge":"2",
        "rounding":"0","tax":"0"}],"customers":[{"customer_id":1,"name":"Acme","currency":"USD","lines":1,"cost":"2",
        "charge":"2","rounding":"0","corrections":"0","billed_before":{"lines":0,"cost":"0"},"held_back":[],
        "prefix":"p1/acme/2026-10/1/v1/"}],"unassigned":[{"azure_customer_id":"x","name":"","currency":"USD","lines":1,
        "cost":"1","reason":"no customer"}],"checks":{"ties":true,"formula_mismatches":0,"total_mismatches":0,
        "final_lines_missing":0},"files":[{"file":"f","lines":2,"digest":"00"}],"warnings":[{"file":"f","line":3,
        "message":"odd"},{"customer_id":1,"message":"its folder cannot be written"}],"pending_corrections":[],"errors":[]}"#;

    #[test]
    fn reports_of_earlier_versions_are_read() {
        let report = RunReport::read(OF_0_1).unwrap();
        assert_eq!(report.totals[0].billed_in.map(Currency::code), Some("USD"));
        assert_eq!(report.warnings[0].to_string(), "f, line 3: odd");
        assert_eq!((report.warnings[1].code, report.blocking(&[]).count()), (WarningCode::Uncoded, 0));
        assert_eq!(report.customers[0].prefix.as_ref().unwrap().version, 1);
        let again = RunReport::read(&text(&report).unwrap()).unwrap();
        assert_eq!(again, report);
        for only_errors in [r#"{"errors":[]}"#, r#"{"errors":[{"message":"m"}]}"#] {
            assert!(RunReport::read(only_errors).unwrap().checks.is_none());
        }
    }

    #[test]
    fn a_report_that_cannot_be_read_is_an_error() {
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut report: Value = serde_json::from_str(OF_0_1).unwrap();
            change(&mut report);
            RunReport::read(&report.to_string()).map_err(|error| error.to_string())
        };
        assert!(changed(&|_| {}).is_ok(), "the control");
        let cases: [(&str, Change<'_>); 10] = [
            ("unknown field `more`", &|report| report["more"] = json!(1)),
            ("unknown field `more`", &|report| report["customers"][0]["more"] = json!(1)),
            ("unknown field `more`", &|report| report["checks"]["more"] = json!(1)),
            ("unknown field `more`", &|report| report["warnings"][0]["more"] = json!(1)),
            ("unknown field `more`", &|report| {
                report["errors"] = json!([{"message": "m", "line": 1, "more": 1}]);
            }),
            ("invalid type: null", &|report| report["customers"] = Value::Null),
            ("missing field `charge`", &|report| {
                drop(report["customers"][0].as_object_mut().unwrap().remove("charge"));
            }),
            ("is not a version of a bill", &|report| report["customers"][0]["prefix"] = json!("acme")),
            ("is not a number", &|report| report["totals"][0]["cost"] = json!("many")),
            ("is not the code of a warning", &|report| report["warnings"][0]["code"] = json!("odd")),
        ];
        for (expected, change) in cases {
            let error = changed(change).unwrap_err();
            assert!(
                error.contains("the report of a bill run cannot be read") && error.contains(expected),
                "{error}"
            );
        }
        assert!(RunReport::read("").is_err() && RunReport::read("[]").is_err());
    }
}
