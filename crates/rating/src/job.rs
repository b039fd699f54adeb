//! What a run is told: all of it, so that the same job gives the same bytes.

use crate::amount::{Amount, Decimal};
use crate::currency::Currency;
use crate::period::BillingPeriod;
use crate::rule::{EarnedCredit, PriceRule};
use crate::warning::{Money, WarningCode};
use crate::wording::{Message, Wording};
use domain::Margin;
use jiff::civil::Date;
use std::path::PathBuf;

impl Job {
    /// Whether warnings of this code are accepted.
    pub(crate) fn accepts(&self, code: WarningCode) -> bool {
        code.is_acceptable() && self.accept.contains(&code)
    }
}

/// One processing of an invoice.
#[derive(Clone, Debug)]
pub struct Job {
    /// The month that is billed.
    pub period: BillingPeriod,
    /// Microsoft's invoice. Given, only its lines count, and there must be some; the others are counted in the report.
    pub invoice_id: Option<String>,
    /// The name of the partner, who issues the bills.
    pub issuer: String,
    /// The lines of its address, for the statement's page.
    pub issuer_address: Vec<String>,
    /// When the run was made, in Unix seconds: every time in the output.
    pub generated_at: i64,
    /// Whether the bills are to be final at once: what keeps them from that ends the run. Staged statements are estimates all the
    /// same, until they have a number ([`crate::restated`]).
    pub finalize: bool,
    /// The files, in any order.
    pub inputs: Vec<Input>,
    /// Maximum length in bytes of one of `inputs`, all its files together, unpacked.
    pub max_source_bytes: u64,
    /// All customers of the partner, each once, those too that are there no more and had tenants. On a day a tenant belongs to
    /// at most one. A line goes to the customer that has its tenant on its day: of the usage, or the first of the charge.
    pub customers: Vec<BilledCustomer>,
    /// The bills of this month that are final, of any customer, those that are there no more too. Their lines are billed
    /// already, even if their tenants belong to another customer now; what is left for a customer that has such a bill is a correction.
    pub final_bills: Vec<FinalBill>,
    /// The final bills of other months that lines of other months may be the like of. Bills with lines that equal theirs in all
    /// but the invoice number are held back.
    pub other_months: Vec<FinalMonth>,
    /// Line keys listed as `acknowledged` in the reports of previous runs: final lines of this month known to be missing.
    pub acknowledged: Vec<u64>,
    /// The invoices that final bills of other months are made of. A line of one of them ends the run.
    pub billed_invoices: Vec<BilledInvoice>,
    /// The price rules, in any order.
    pub rules: Vec<PriceRule>,
    /// Microsoft's price sheet of the month, from which list prices of licences are: CSV files, plain, `.gz` or `.zip`. None
    /// if there is none, and then rules that need one do not apply.
    pub price_sheets: Vec<Input>,
    /// None: a bill for each currency of a customer's lines. Some, all to the same currency: bills are in that one, and
    /// a line in another currency without a rate ends the run.
    pub currency_rates: Vec<Rate>,
    /// What becomes of the partner earned credit where no rule says otherwise.
    pub earned_credit: EarnedCredit,
    /// What the files are expected to cost, tax not included, once for each currency. Empty: nothing is known.
    pub expected_totals: Vec<Money>,
    /// Beyond these a bill is held back.
    pub bounds: Bounds,
    /// The warnings that are accepted: they block nothing, and what they would refuse or hold back goes on.
    pub accept: Vec<WarningCode>,
    /// Whether the FOCUS rows are written as Parquet too.
    pub parquet: bool,
    /// Whether the Invoice Detail and Billing Period datasets of FOCUS are written beside them.
    pub focus_datasets: bool,
    /// How many threads work; 0 counts as 1. Has no influence on the output.
    pub threads: usize,
    /// An existing, empty folder: the bills are staged in it. Needs room for about twice the uncompressed input.
    pub out: PathBuf,
    /// Computes all, keeps nothing in `out`.
    pub dry_run: bool,
}

/// A file of line items: CSV, plain, `.gz` or `.zip` (whatever its name says), or the folder of a Graph export.
#[derive(Clone, Debug)]
pub struct Input {
    /// What messages and reports call it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// A customer whose lines may be in the invoice.
#[derive(Clone, Debug)]
pub struct BilledCustomer {
    /// Its number.
    pub id: i64,
    /// Its name, as its bill shows it.
    pub name: String,
    /// The lines of its address, for the statement's page.
    pub address: Vec<String>,
    /// The Azure tenants that it has or had, and when.
    pub tenants: Vec<Tenancy>,
    /// Whether it is billed, and its margin, since when: at least one, in the order of their days. The first holds from the
    /// beginning, whatever it says.
    pub terms: Vec<Terms>,
    /// Where its bills are kept; comes back in the report.
    pub folder: String,
    /// What the month before cost it, on a bill that was published or held back, for the bounds on change and on new bills.
    pub previous_charge: Vec<(Currency, Amount)>,
    /// Corrections of months before, that are carried onto this bill.
    pub corrections: Vec<Correction>,
    /// If the month is final for it: the month whose statement will have the correction, as far as is known.
    pub payable_with: Option<BillingPeriod>,
    /// Whether the bounds do not hold for it: released by name.
    pub released: bool,
}

/// A tenant that a customer has on some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenancy {
    /// The Azure tenant's id, in any case.
    pub tenant: String,
    /// The first day; `None` for always.
    pub from: Option<Date>,
    /// The first day on which it is over; `None` for never.
    pub until: Option<Date>,
}

/// On all days.
impl From<&str> for Tenancy {
    fn from(tenant: &str) -> Self {
        Tenancy { tenant: tenant.to_owned(), from: None, until: None }
    }
}

impl Tenancy {
    /// The days as a ledger says them: `since 2026-11-03`; empty for all.
    pub(crate) fn days(&self) -> String {
        match (self.from, self.until) {
            (None, None) => String::new(),
            (Some(from), None) => format!("since {from}"),
            (None, Some(until)) => format!("until {until}"),
            (Some(from), Some(until)) => format!("since {from} until {until}"),
        }
    }
}

/// What a customer is billed at from a day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The first day; `None` for the beginning.
    pub from: Option<Date>,
    /// Whether it is billed; if not, its lines go to the report.
    pub billing_enabled: bool,
    /// Its margin, where no rule says otherwise.
    pub margin: Margin,
}

/// A version of a bill that is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalBill {
    /// The number of the customer that it was made for.
    pub customer_id: i64,
    /// Its ledger.
    pub ledger: PathBuf,
}

/// The final bills of another month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalMonth {
    /// The month.
    pub period: BillingPeriod,
    /// Its final bills, of any customer.
    pub bills: Vec<FinalBill>,
}

/// An invoice that is billed, and final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BilledInvoice {
    /// Its number, in any case.
    pub number: String,
    /// The month that it belongs to.
    pub period: BillingPeriod,
}

impl BilledInvoice {
    /// Why no other month can bill it, in words.
    pub fn refusal(&self) -> String {
        let Self { number, period } = self;
        format!("the invoice {number} is billed and final in {period}: run its files as that month")
    }

    /// The same with what makes it in other languages.
    pub(crate) fn message(&self) -> Message {
        let values = [("invoice", (&self.number).into()), ("month", self.period.into())];
        Message::worded(self.refusal(), Wording::new("report-invoice-is-final", values))
    }
}

/// New lines of a month that was final already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The month they belong to.
    pub period: BillingPeriod,
    /// The version of that month's bill that lists them.
    pub version: u32,
    /// Of the amount.
    pub currency: Currency,
    /// Their sum.
    pub amount: Amount,
    /// The partner's number of the statement that they correct, if it has one.
    pub statement_number: Option<String>,
}

/// A rate of exchange: one `from` is `rate` × `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The currency of lines.
    pub from: Currency,
    /// The currency of bills.
    pub to: Currency,
    /// More than 0 and less than 10^9, with at most 12 decimal places.
    pub rate: Amount,
}

/// What is wrong with rates: with which, with which of its fields, and why.
pub fn wrong_rates(rates: &[Rate]) -> Vec<(usize, &'static str, String)> {
    let mut wrong = Vec::new();
    for (i, Rate { from, to, rate }) in rates.iter().enumerate() {
        let places = Decimal::parse(rate.to_string().as_bytes()).map_or(u8::MAX, |exact| exact.places);
        if *rate <= Amount::ZERO || *rate >= Amount::of(1_000_000_000, 0) || places > 12 {
            let bounds = "must be more than 0 and less than 10^9 with at most 12 decimal places";
            wrong.push((i, "rate", format!("{bounds}, not {rate}")));
        }
        if from == to {
            wrong.push((i, "from", "must be another currency than to".to_owned()));
        }
        if rates[..i].iter().any(|known| known.from == *from) {
            wrong.push((i, "from", "must be given once".to_owned()));
        }
        if *to != rates[0].to {
            wrong.push((i, "to", format!("must be {}, for all rates lead to one currency", rates[0].to)));
        }
    }
    wrong
}

/// What a bill may be without anybody looking at it; `None` is no bound. A bill beyond one of them is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Most lines.
    pub max_lines: Option<u64>,
    /// Greatest amount, in the bill's currency, whatever its sign.
    pub max_amount: Option<Amount>,
    /// Greatest change against last month's bill in the same currency, up or down, in percent of that; with it, a customer that had a
    /// bill and has none any more is a warning.
    pub max_change_percent: Option<u32>,
    /// Greatest amount of a customer's bill that had none last month, in any currency.
    pub max_new: Option<Amount>,
    /// Greatest cost of lines that nobody is billed for, in each currency, without a warning.
    pub max_unassigned: Amount,
}

/// Is told how far a run is, and asked whether to go on. From any thread, many times a second.
pub trait Progress: Sync {
    /// How many bytes of the files have been read (of their size on disk), and how many lines and customers are done.
    fn at(&self, bytes_read: u64, bytes_total: u64, lines: u64, customers: u64);

    /// Whether to stop.
    fn cancelled(&self) -> bool;
}

/// A progress sink that does nothing.
impl Progress for () {
    fn at(&self, _: u64, _: u64, _: u64, _: u64) {}

    fn cancelled(&self) -> bool {
        false
    }
}
