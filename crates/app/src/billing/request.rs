//! What a run is asked to do.

use super::report::stored;
use crate::Error;
use domain::fields::Fields;
use domain::json::Json;
use domain::payload::{Member, Payload};
use domain::text::{filled_line, invalid, string, wrong_type};
use domain::violation::code;
use domain::{Handling, Violation, Violations};
use rating::{Amount, BillingPeriod, Currency, Money, Rate, WarningCode, wrong_rates};
use serde::{Deserialize, Serialize};
use store::bill_runs::BillRun;

/// The most files of one run.
const MOST_SOURCES: usize = 1000;
/// The most currencies that one run turns into another.
const MOST_RATES: usize = 200;
const LONGEST_INVOICE_ID: usize = 64;
const LONGEST_SOURCE: usize = 2048;

/// What a run's payload consists of.
pub(super) static PAYLOAD: Payload = Payload {
    members: &[
        Member::plain("billing_period"),
        Member::plain("sources"),
        Member::plain("price_sheets"),
        Member::plain("invoice_id"),
        Member::array("currency_rates", &RATE),
        Member::plain("publish"),
        Member::plain("finalize"),
        Member::plain("accept"),
        Member::plain("accept_corrections"),
        Member::array("expected_totals", &MONEY),
    ],
    read_only: &[],
};

static MONEY: Payload =
    Payload { members: &[Member::plain("currency"), Member::plain("amount")], read_only: &[] };

static RATE: Payload =
    Payload { members: &[Member::plain("from"), Member::plain("to"), Member::plain("rate")], read_only: &[] };

/// What a run is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// The month, such as `2026-10`.
    pub billing_period: String,
    /// Where Microsoft's line items are.
    pub sources: Vec<String>,
    /// Where Microsoft's price sheet of the month is, from which list prices are.
    #[serde(default)]
    pub price_sheets: Vec<String>,
    /// Microsoft's invoice.
    pub invoice_id: Option<String>,
    /// At which rates currencies are turned into others.
    pub currency_rates: Vec<CurrencyRate>,
    /// Whether customers see the bills at once. Runs of versions without drafts always showed them.
    #[serde(default = "yes")]
    pub publish: bool,
    /// Whether the bills are final at once, and so published.
    pub finalize: bool,
    /// The warnings that are accepted.
    #[serde(default)]
    pub accept: Vec<WarningCode>,
    /// Whether lines that came in for a final month become corrections. Runs of versions that did not ask made them.
    #[serde(default = "yes")]
    pub accept_corrections: bool,
    /// What the files are expected to cost, tax not included.
    #[serde(default)]
    pub expected_totals: Vec<Money>,
    /// Of a run that has succeeded: since when (in Unix seconds) its statements are final, which is what is left to be
    /// done. Nobody asks for it in a payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalizing: Option<i64>,
    /// Of a run that has succeeded: which final statements of its month are to be reversed. Not part of a payload either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voiding: Option<Voiding>,
    /// The request before the run was repeated (finalized, voided or released). It is restored if the repetition changes no bill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<RunRequest>>,
}

/// Final statements that are to be reversed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voiding {
    /// When this was requested, in Unix seconds.
    pub since: i64,
    /// The ids of the statements.
    pub statements: Vec<i64>,
    /// The reason, which the customers see.
    pub reason: String,
}

fn yes() -> bool {
    true
}

/// One unit of a currency in another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurrencyRate {
    /// ISO 4217.
    pub from: String,
    /// ISO 4217.
    pub to: String,
    /// Exact decimal digits.
    pub rate: String,
}

impl CurrencyRate {
    /// The engine's; `None` if it is none, which no request keeps.
    pub(super) fn read(&self) -> Option<Rate> {
        let (from, to) = (self.from.parse().ok()?, self.to.parse().ok()?);
        Some(Rate { from, to, rate: self.rate.parse().ok()? })
    }
}

impl RunRequest {
    /// Read a payload. Unknown fields are always violations: they would decide about money.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every violation of it.
    pub fn parse(body: &Json) -> Result<Self, Error> {
        const EXPECTED: &str = r#"a JSON object such as {"billing_period": "2026-10", "sources": ["s3://bucket/invoice.csv.gz"]}"#;
        let mut fields = Fields::of(body, EXPECTED).map_err(|wrong| Error::Invalid(wrong.into()))?;
        let billing_period = fields.required("billing_period", read_period);
        let sources = fields.required("sources", read_sources);
        let price_sheets = fields.optional("price_sheets", read_places).unwrap_or_default();
        let invoice_id = fields
            .optional("invoice_id", |id| filled_line(string(id)?, LONGEST_INVOICE_ID).map(str::to_owned));
        let currency_rates = fields.optional("currency_rates", read_rates).unwrap_or_default();
        let publish = fields.optional("publish", read_bool).unwrap_or(false);
        let finalize = fields.optional("finalize", read_bool).unwrap_or(false);
        let accept = fields.optional("accept", read_codes).unwrap_or_default();
        let accept_corrections = fields.optional("accept_corrections", read_bool).unwrap_or(false);
        let expected_totals = fields.optional("expected_totals", read_expected_totals).unwrap_or_default();
        fields.violations.extend(PAYLOAD.unknown(body, Handling::Strict));
        match (billing_period, sources) {
            (Some(billing_period), Some(sources)) if fields.violations.is_empty() => Ok(RunRequest {
                billing_period,
                sources,
                price_sheets,
                invoice_id,
                currency_rates,
                publish,
                finalize,
                accept,
                accept_corrections,
                expected_totals,
                finalizing: None,
                voiding: None,
                before: None,
            }),
            _ => Err(Error::Invalid(fields.violations)),
        }
    }

    /// The request that is stored with a run.
    pub(super) fn of_run(run: &BillRun) -> Result<Self, Error> {
        stored("the request of a bill run", &run.request)
    }
}

/// The codes of warnings, each once.
pub(super) fn read_codes(json: &Json) -> Result<Vec<WarningCode>, Violations> {
    let mut violations = Violations::default();
    let mut codes: Vec<WarningCode> = Vec::new();
    let acceptable: Vec<&str> =
        WarningCode::ALL.into_iter().filter(|code| code.is_acceptable()).map(WarningCode::name).collect();
    let given = elements(json, "an array of warning codes such as \"below_cost\"", acceptable.len())?;
    for (i, code) in given.iter().enumerate() {
        let read = string(code).and_then(|code| match WarningCode::of(code.trim()) {
            Some(known) if known.is_acceptable() => Ok(known),
            Some(known) => Err(invalid(format!("{} cannot be accepted", known.name()))),
            None => Err(invalid(format!("must be one of {}", acceptable.join(", ")))),
        });
        match read {
            Ok(code) if codes.contains(&code) => {}
            Ok(code) => codes.push(code),
            Err(wrong) => violations.push(Violation { pointer: format!("/{i}{}", wrong.pointer), ..wrong }),
        }
    }
    if violations.is_empty() { Ok(codes) } else { Err(violations) }
}

fn read_bool(json: &Json) -> Result<bool, Violation> {
    match json {
        Json::Bool(value) => Ok(*value),
        other => Err(wrong_type("true or false", other)),
    }
}

pub(super) fn read_period(json: &Json) -> Result<String, Violation> {
    match string(json)?.parse::<BillingPeriod>() {
        Ok(period) => Ok(period.to_string()),
        Err(_) => Err(invalid("must be a month such as \"2026-10\"").because("month", &[])),
    }
}

/// The elements of an array, and what is wrong with them.
fn elements<'j>(json: &'j Json, expected: &str, most: usize) -> Result<&'j [Json], Violation> {
    match json {
        Json::Array(elements) if elements.len() > most => {
            let said = format!("has {} entries, at most {most} are allowed", elements.len());
            Err(Violation::new("", code::TOO_MANY, said))
        }
        Json::Array(elements) => Ok(elements),
        other => Err(wrong_type(expected, other)),
    }
}

fn read_sources(json: &Json) -> Result<Vec<String>, Violations> {
    let sources = read_places(json)?;
    if sources.is_empty() {
        let violation =
            Violation::new("", code::REQUIRED, "is required: the files of Microsoft's line items");
        return Err(violation.because("sources-missing", &[]).into());
    }
    Ok(sources)
}

/// Places of files, each once.
pub(super) fn read_places(json: &Json) -> Result<Vec<String>, Violations> {
    let mut violations = Violations::default();
    let mut sources: Vec<String> = Vec::new();
    let given = elements(json, "an array of strings such as \"s3://bucket/invoice.csv.gz\"", MOST_SOURCES)?;
    for (i, source) in given.iter().enumerate() {
        let known =
            |source: &str| ["s3://", "az://", "file:"].iter().any(|scheme| source.starts_with(scheme));
        let read = string(source).and_then(|text| match filled_line(text, LONGEST_SOURCE)? {
            text if !known(text) => {
                Err(invalid("must start with s3://, az:// or file:").because("source-scheme", &[]))
            }
            text if sources.iter().any(|source| source == text) => {
                let said = "is given more than once: its lines would be billed twice";
                Err(Violation::new("", code::DUPLICATE, said).because("source-repeated", &[]))
            }
            text => Ok(text.to_owned()),
        });
        match read {
            Ok(source) => sources.push(source),
            Err(wrong) => violations.push(Violation { pointer: format!("/{i}{}", wrong.pointer), ..wrong }),
        }
    }
    if violations.is_empty() { Ok(sources) } else { Err(violations) }
}

fn read_rates(json: &Json) -> Result<Vec<CurrencyRate>, Violations> {
    const WHAT: &str = "an object such as {\"from\": \"EUR\", \"to\": \"USD\", \"rate\": \"1.0821\"}";
    let given = elements(json, &format!("an array with {WHAT}"), MOST_RATES)?;
    let read: Vec<Result<CurrencyRate, Violations>> =
        given.iter().map(|rate| read_rate(rate, WHAT)).collect();
    // Those that can be read are looked at together.
    let (places, rates): (Vec<usize>, Vec<Rate>) =
        read.iter().enumerate().filter_map(|(i, rate)| Some((i, rate.as_ref().ok()?.read()?))).unzip();
    let wrong = wrong_rates(&rates);
    let (mut good, mut violations) = (Vec::new(), Violations::default());
    for (i, read) in read.into_iter().enumerate() {
        match read {
            Ok(rate) => good.push(rate),
            Err(wrong) => violations
                .extend(wrong.into_iter().map(|v| Violation { pointer: format!("/{i}{}", v.pointer), ..v })),
        }
        for (_, field, why) in wrong.iter().filter(|(place, ..)| places[*place] == i) {
            let code = if *field == "rate" { code::INVALID } else { code::CONFLICT };
            violations.push(Violation::new(format!("/{i}/{field}"), code, why.as_str()));
        }
    }
    if violations.is_empty() { Ok(good) } else { Err(violations) }
}

fn read_rate(json: &Json, what: &str) -> Result<CurrencyRate, Violations> {
    let mut fields = Fields::of(json, what)?;
    let from = fields.required("from", read_currency);
    let to = fields.required("to", read_currency);
    let rate = fields.required("rate", read_decimal);
    match (from, to, rate) {
        (Some(from), Some(to), Some(rate)) => Ok(CurrencyRate { from, to, rate }),
        _ => Err(fields.violations),
    }
}

/// Totals of currencies, each once.
fn read_expected_totals(json: &Json) -> Result<Vec<Money>, Violations> {
    const WHAT: &str = "an object such as {\"currency\": \"USD\", \"amount\": \"12345.67\"}";
    let mut violations = Violations::default();
    let mut totals: Vec<Money> = Vec::new();
    for (i, total) in elements(json, &format!("an array with {WHAT}"), MOST_RATES)?.iter().enumerate() {
        match read_expected_total(total, WHAT, &totals) {
            Ok(total) => totals.push(total),
            Err(wrong) => violations
                .extend(wrong.into_iter().map(|v| Violation { pointer: format!("/{i}{}", v.pointer), ..v })),
        }
    }
    if violations.is_empty() { Ok(totals) } else { Err(violations) }
}

fn read_expected_total(json: &Json, what: &str, before: &[Money]) -> Result<Money, Violations> {
    let mut fields = Fields::of(json, what)?;
    let currency = fields.required("currency", read_currency);
    let amount = fields.required("amount", read_amount);
    let currency = currency.and_then(|currency| currency.parse::<Currency>().ok());
    let Some((currency, amount)) = currency.zip(amount) else { return Err(fields.violations) };
    if before.iter().any(|total| total.currency == currency) {
        let said = format!("{currency} is given more than once");
        return Err(Violation::new("/currency", code::DUPLICATE, said).into());
    }
    Ok(Money { currency, amount })
}

/// A string, or a number: with more digits than a double has it must be a string.
fn read_amount(json: &Json) -> Result<Amount, Violation> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        other => string(other)?.to_owned(),
    };
    text.parse().map_err(|_| invalid("must be a decimal number such as \"12345.67\""))
}

fn read_currency(json: &Json) -> Result<String, Violation> {
    match string(json)?.parse::<Currency>() {
        Ok(currency) => Ok(currency.to_string()),
        Err(_) => Err(invalid("must be an ISO 4217 code such as \"USD\"")),
    }
}

/// A string, or a number: with more digits than a double has it must be a string.
fn read_decimal(json: &Json) -> Result<String, Violation> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        other => string(other)?.to_owned(),
    };
    match text.parse::<Amount>() {
        Ok(_) => Ok(text),
        Err(_) => Err(invalid("must be a decimal number greater than 0 such as \"1.0821\"")),
    }
}
