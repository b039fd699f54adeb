//! The statement of a bill: its total, and what that is made of. `statement.json` is this document, `page` renders it.

mod page;

pub use page::Heading;

use crate::amount::Amount;
use crate::currency::Currency;
use crate::items::Item;
use crate::job::{Correction, Job};
use crate::period::BillingPeriod;
use crate::render::text;
use crate::scale::CHARGE_PLACES;
use crate::subtotals::{Subtotals, Sums};
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

const ESTIMATED: &str = "Estimated";
const FINAL: &str = "Final";
const REVERSAL: &str = "Reversal";

/// A statement, in the order of its fields in `GET /v1/customer_statements`, and what it is made of. `statement.json` is
/// read back when the statement becomes final.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    customer_id: i64,
    cloud: String,
    billing_period: String,
    total_amount: Number,
    status: String,
    detailed_billing_records_generation_time: String,
    statement_generation_time: String,
    statement_summary_generation_time: String,
    currency: CurrencyNames,
    /// The statement's number, once it has one. Statements of earlier versions have Microsoft's invoice here.
    invoice_id: Option<String>,
    invoice_date: String,
    /// The partner's own number of a statement that is final or a reversal, since when it is that, and when it is to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statement_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_date: Option<String>,
    /// Of a correction: the final month that its lines came in for, and the month whose statement it is payable with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correction_of: Option<BillingPeriod>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payable_with: Option<BillingPeriod>,
    /// Of a reversal: the version of the month's bill that it reverses, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reverses_version: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reverses_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    /// Of an estimate: the last day whose usage is on it. What Microsoft reports of later days is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage_through: Option<String>,
    /// Microsoft's lines on the bill.
    lines: u64,
    /// What the total has beside its lines.
    rounding: Number,
    corrections: Vec<Corrected>,
    subtotals: Listed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CurrencyNames {
    /// ISO 4217. Statements of before November 2026 have the long name here.
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    long_name: Option<String>,
    symbol: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Corrected {
    billing_period: String,
    version: u32,
    amount: Number,
}

/// Charges to ten places: they add up to the total less rounding and corrections.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    services: Vec<Listing>,
    subscriptions: Vec<Listing>,
    months: Vec<Listing>,
    /// Purchases by product and unit price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    items: Vec<ListedItem>,
}

/// A product at one unit price.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedItem {
    name: String,
    quantity: Number,
    unit_price: Number,
    lines: u64,
    charge: Number,
}

impl From<Item> for ListedItem {
    fn from(item: Item) -> Self {
        let Item { name, quantity, unit_price, lines, charge } = item;
        ListedItem {
            name,
            quantity: quantity.into(),
            unit_price: unit_price.into(),
            lines,
            charge: charge.into(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    lines: u64,
    charge: Number,
}

/// A JSON number with all its digits, which a double would not keep: `20.00`.
struct Number {
    digits: String,
    amount: Amount,
}

impl From<Amount> for Number {
    fn from(amount: Amount) -> Self {
        Number { digits: amount.to_string(), amount }
    }
}

impl Number {
    fn negate(&mut self) {
        if !self.amount.is_zero() {
            self.amount = -self.amount;
            self.digits = match self.digits.strip_prefix('-') {
                Some(positive) => positive.to_owned(),
                None => format!("-{}", self.digits),
            };
        }
    }

    /// With so many decimal places.
    fn fixed(amount: Amount, places: u8) -> Self {
        Number { digits: amount.fixed(places), amount }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.digits.clone()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = Box::<RawValue>::deserialize(deserializer)?.get().to_owned();
        let amount =
            digits.parse().map_err(|error| D::Error::custom(format!("the amount {digits} {error}")))?;
        Ok(Number { digits, amount })
    }
}

/// What a statement is made from, beside the job.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    pub(crate) customer_id: i64,
    pub(crate) currency: Currency,
    pub(crate) total: Amount,
    pub(crate) rounding: Amount,
    pub(crate) lines: u64,
    pub(crate) corrections: &'a [&'a Correction],
    /// Whether it adds to a final one, and so is final itself.
    pub(crate) is_correction: bool,
    pub(crate) payable_with: Option<BillingPeriod>,
    pub(crate) subtotals: &'a Subtotals,
}

impl Statement {
    pub(crate) fn of(job: &Job, made: Made<'_>) -> Statement {
        let made_at = Timestamp::from_second(job.generated_at).unwrap_or_default();
        let time = time(made_at);
        let list = |sorted: Vec<(String, Sums)>, with_id: bool| {
            sorted
                .into_iter()
                .map(|(cell, sums)| {
                    let exact = Amount::of(sums.charge, CHARGE_PLACES);
                    let name = sums.name.as_ref().map(|name| text(name)).unwrap_or_default();
                    Listing {
                        id: with_id.then(|| cell.clone()),
                        name: if with_id { name } else { cell },
                        lines: sums.lines,
                        charge: exact.into(),
                    }
                })
                .collect()
        };
        Statement {
            customer_id: made.customer_id,
            cloud: "Azure".to_owned(),
            billing_period: job.period.to_string(),
            total_amount: Number::fixed(made.total, made.currency.minor_unit()),
            status: if made.is_correction { FINAL } else { ESTIMATED }.to_owned(),
            detailed_billing_records_generation_time: time.clone(),
            statement_generation_time: time.clone(),
            statement_summary_generation_time: time,
            currency: CurrencyNames {
                name: made.currency.code().to_owned(),
                long_name: Some(made.currency.name()),
                symbol: made.currency.symbol(),
            },
            invoice_id: None,
            invoice_date: made_at.strftime("%Y-%m-%d").to_string(),
            statement_number: None,
            issued_at: None,
            due_date: None,
            correction_of: made.is_correction.then_some(job.period),
            payable_with: made.payable_with.filter(|_| made.is_correction),
            reverses_version: None,
            reverses_number: None,
            notice: None,
            usage_through: made.subtotals.usage_through().filter(|_| !job.finalize && !made.is_correction),
            lines: made.lines,
            rounding: made.rounding.into(),
            corrections: made
                .corrections
                .iter()
                .map(|correction| Corrected {
                    billing_period: correction.period.to_string(),
                    version: correction.version,
                    amount: correction.amount.into(),
                })
                .collect(),
            subtotals: Listed {
                services: list(made.subtotals.sorted(0), false),
                subscriptions: list(made.subtotals.sorted(1), true),
                months: list(made.subtotals.by_month(), false),
                items: made.subtotals.items().into_iter().map(ListedItem::from).collect(),
            },
        }
    }

    /// Gives all amounts the other sign.
    fn negate(&mut self) {
        self.total_amount.negate();
        self.rounding.negate();
        self.corrections.iter_mut().for_each(|correction| correction.amount.negate());
        let Listed { services, subscriptions, months, items } = &mut self.subtotals;
        for item in items {
            item.quantity.negate();
            item.charge.negate();
        }
        for listing in services.iter_mut().chain(subscriptions).chain(months) {
            listing.charge.negate();
        }
    }

    /// `statement.json`
    pub(crate) fn json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

/// A statement's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementFiles {
    /// `statement.json`
    pub json: Vec<u8>,
    /// `statement.html`
    pub html: Vec<u8>,
}

/// What a statement becomes when it is rendered again. Times are in Unix seconds.
#[derive(Clone, Copy, Debug)]
pub enum Restatement<'a> {
    /// An estimate becomes final. All amounts stay.
    Final {
        /// Since when.
        since: i64,
        /// Its number.
        issue: Issue<'a>,
    },
    /// A final statement is reversed: the reversal has its amounts with the other sign.
    Reversal {
        /// Since when.
        at: i64,
        /// The version that is reversed.
        version: u32,
        /// The reversal's own number.
        issue: Issue<'a>,
        /// The reason, for the customer.
        reason: &'a str,
    },
}

/// What a statement gets when it becomes final, or reverses another.
#[derive(Clone, Copy, Debug)]
pub struct Issue<'a> {
    /// Number of the partner's own.
    pub number: &'a str,
    /// The day by which it is to be paid, `YYYY-MM-DD`.
    pub due_date: Option<&'a str>,
}

/// Renders a `statement.json` again, and its page, as what the statement becomes.
///
/// # Errors
/// What is wrong with a file that is not a statement that can become this.
pub fn restated(
    json: &[u8],
    heading: &Heading<'_>,
    restatement: &Restatement<'_>,
) -> Result<StatementFiles, String> {
    let read = serde_json::from_slice(json).map_err(|error| error.to_string());
    let mut statement: Statement = read?;
    let (expected, status, at, issue) = match restatement {
        Restatement::Final { since, issue } => (ESTIMATED, FINAL, *since, issue),
        Restatement::Reversal { at, issue, .. } => (FINAL, REVERSAL, *at, issue),
    };
    if statement.status != expected {
        return Err(format!("its status is {}, not {expected}", statement.status));
    }
    statement.status = status.to_owned();
    statement.usage_through = None;
    if let Restatement::Reversal { version, reason, .. } = restatement {
        statement.reverses_version = Some(*version);
        statement.reverses_number = statement.statement_number.take();
        statement.notice = Some((*reason).to_owned());
        statement.negate();
    }
    let at = time(Timestamp::from_second(at).unwrap_or_default());
    statement.statement_generation_time.clone_from(&at);
    statement.statement_summary_generation_time.clone_from(&at);
    statement.issued_at = Some(at);
    statement.statement_number = Some(issue.number.to_owned());
    statement.invoice_id = Some(issue.number.to_owned());
    statement.due_date = issue.due_date.map(str::to_owned);
    Ok(StatementFiles { json: statement.json(), html: statement.html(heading) })
}

/// `YYYY-MM-DD HH:MM:SS`, UTC.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
