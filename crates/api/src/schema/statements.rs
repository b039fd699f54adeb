//! Statements, and the lines of bills.

use app::billing;
use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// A currency.
#[derive(ToSchema, Serialize)]
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
#[derive(ToSchema, Serialize)]
pub(crate) struct Statement {
    id: i64,
    customer_id: i64,
    #[schema(example = "Azure")]
    cloud: String,
    #[schema(example = "2026-10")]
    billing_period: String,
    /// With the exact decimal digits.
    #[schema(example = 1234.56, value_type = f64)]
    total_amount: Number,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<bool>,
    /// The statement that this one reverses.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reverses: Option<i64>,
    /// Why it is withdrawn, void or a reversal.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    /// Where it came from, if another platform has made it. Such a statement is history: it has no files, and no bill run
    /// changes it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    imported: Option<ImportedFrom>,
    /// The names of its bill's files, for `/v1/customer_statements/{id}/files/{name}`.
    files: Vec<String>,
    /// What came in for months that were final, and is part of the total. A statement that is withdrawn or void goes on naming what
    /// was on it, which can be on another one by now; a reversal names it with the other sign.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    corrections: Option<Vec<Correction>>,
}

/// Where a statement came from that another platform has made.
#[derive(ToSchema, Serialize)]
pub(crate) struct ImportedFrom {
    /// The platform's URL.
    #[schema(example = "https://chapi.cloudhealthtech.com")]
    source: String,
    /// The statement's id there, if it has one.
    id: Option<String>,
}

/// What came in for a month that was final, on the statement that has it.
#[derive(ToSchema, Serialize)]
pub(crate) struct Correction {
    /// The month that was final.
    #[schema(example = "2026-09")]
    billing_period: String,
    /// The version of that month's bill that lists its lines.
    version: i64,
    /// With the exact decimal digits.
    #[schema(example = 12.34, value_type = f64)]
    amount: Number,
    /// The names of its files, for `/v1/customer_statements/{id}/corrections/{billing_period}/{version}/files/{name}`. Empty
    /// of those that earlier versions made; they have the same as a bill.
    files: Vec<String>,
}

/// A page of statements.
#[derive(ToSchema, Serialize)]
pub(crate) struct StatementList {
    billing_artifacts: Vec<Statement>,
}

/// A page of a bill's lines.
#[derive(ToSchema, Serialize)]
pub(crate) struct LineList {
    /// The columns of `bill.csv`; and in `explanation`, if that was asked for, `cost`, `cost_currency`, `charge`,
    /// `charge_currency`, `rule_id` (empty where no rule priced it), `rule`, `priced_from`, and, where the
    /// customer has the tenant only on some days, `tenant`, which says since or until when.
    #[schema(value_type = Vec<BTreeMap<String, Value>>)]
    lines: Vec<Line>,
}

/// A JSON number with all digits of its text, which a double would not keep.
struct Number(String);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// A line by the names of its columns.
struct Line(billing::BillLine);

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let billing::BillLine { cells, explanation } = &self.0;
        let mut map = serializer.serialize_map(None)?;
        for (column, cell) in cells {
            map.serialize_entry(column, cell)?;
        }
        if let Some(explanation) = explanation {
            map.serialize_entry("explanation", &Explanation(explanation))?;
        }
        map.end()
    }
}

struct Explanation<'a>(&'a [(&'static str, String)]);

impl Serialize for Explanation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl LineList {
    pub(crate) fn of(lines: Vec<billing::BillLine>) -> Self {
        LineList { lines: lines.into_iter().map(Line).collect() }
    }
}

impl From<billing::StatementStatus> for StatementStatus {
    fn from(status: billing::StatementStatus) -> Self {
        match status {
            billing::StatementStatus::Estimated => StatementStatus::Estimated,
            billing::StatementStatus::Final => StatementStatus::Final,
            billing::StatementStatus::Withdrawn => StatementStatus::Withdrawn,
            billing::StatementStatus::Void => StatementStatus::Void,
            billing::StatementStatus::Reversal => StatementStatus::Reversal,
        }
    }
}

/// `2026-11-03 10:11:12`, as CloudHealth writes the times of statements.
fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

impl From<&billing::StatementView> for Statement {
    fn from(statement: &billing::StatementView) -> Self {
        let [long_name, symbol] = statement.currency_names();
        let imported = statement
            .imported()
            .map(|(source, id)| ImportedFrom { source: source.to_owned(), id: id.map(str::to_owned) });
        let corrections: Vec<Correction> = statement.corrections().iter().map(Correction::from).collect();
        Statement {
            id: statement.id(),
            customer_id: statement.customer().0,
            cloud: statement.cloud().to_owned(),
            billing_period: statement.billing_period().to_owned(),
            total_amount: Number(statement.total_amount().to_owned()),
            status: statement.status().into(),
            detailed_billing_records_generation_time: time(statement.generated_at()),
            statement_generation_time: time(statement.stated_at()),
            statement_summary_generation_time: time(statement.stated_at()),
            currency: Currency { name: statement.currency().to_owned(), long_name, symbol },
            invoice_id: statement.invoice_id().map(str::to_owned),
            invoice_date: statement.invoice_date().to_owned(),
            statement_number: statement.statement_number().map(str::to_owned),
            issued_at: statement.issued_at().map(time),
            due_date: statement.due_date().map(str::to_owned),
            version: statement.version(),
            published: statement.is_published(),
            reverses: statement.reverses(),
            notice: statement.notice().map(str::to_owned),
            imported,
            files: statement.files().to_vec(),
            corrections: Some(corrections).filter(|corrections| !corrections.is_empty()),
        }
    }
}

impl From<&billing::CorrectionView> for Correction {
    fn from(correction: &billing::CorrectionView) -> Self {
        let billing::CorrectionView { billing_period, version, amount, files } = correction.clone();
        Correction { billing_period, version, amount: Number(amount), files }
    }
}

impl StatementList {
    pub(crate) fn of(statements: &[billing::StatementView]) -> Self {
        StatementList { billing_artifacts: statements.iter().map(Statement::from).collect() }
    }
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
