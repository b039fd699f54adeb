//! The statement of a bill: its total, and what that is made of.

use crate::amount::Amount;
use crate::cells::Cells;
use crate::columns::Kind;
use crate::currency::Currency;
use crate::items::{Item, Items};
use crate::job::{Correction, Job};
use crate::period::BillingPeriod;
use crate::render::text;
use crate::report::LineSums;
use crate::row::{Row, Unit};
use crate::scale::CHARGE_PLACES;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const ESTIMATED: &str = "Estimated";
const FINAL: &str = "Final";
const REVERSAL: &str = "Reversal";

/// Sums by a cell of the lines.
#[derive(Default)]
struct Tally {
    places: Cells<usize>,
    sums: Vec<(Box<[u8]>, Sums)>,
    /// Lines come in their order: most are of what the line before was of.
    last: usize,
}

#[derive(Clone, Default)]
struct Sums {
    lines: u64,
    charge: i128,
    /// The name that goes with the cell; of several, the first in the alphabet.
    name: Option<Box<[u8]>>,
}

impl Tally {
    fn add(&mut self, cell: &[u8], charge: i128) {
        if self.sums.get(self.last).is_none_or(|(known, _)| **known != *cell) {
            self.last = match self.places.get(cell) {
                Some(known) => *known,
                None => {
                    self.places.insert(cell.into(), self.sums.len());
                    self.sums.push((cell.into(), Sums::default()));
                    self.sums.len() - 1
                }
            };
        }
        let sums = &mut self.sums[self.last].1;
        sums.lines += 1;
        sums.charge += charge;
    }

    /// By text.
    fn sorted(&self) -> Vec<(String, Sums)> {
        let mut sorted: Vec<_> = self.sums.iter().map(|(cell, sums)| (text(cell), sums.clone())).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        sorted
    }
}

/// Lines of one service, subscription and publisher.
struct Group {
    /// The cells.
    of: [Box<[u8]>; 3],
    sums: Sums,
    cost: Amount,
    credit: i128,
}

/// The sums of a bill, line by line.
#[derive(Default)]
pub(crate) struct Subtotals {
    /// By the three cells, each behind its length.
    places: Cells<usize>,
    groups: Vec<Group>,
    /// The group of the last line: lines come in their order, and most are of the same.
    last: usize,
    key: Vec<u8>,
    months: Tally,
    month: (u32, Vec<u8>),
    /// The last day of daily usage, as `yyyymmdd`; 0 if there is none.
    last_usage: u32,
    items: Items,
}

impl Subtotals {
    /// Adds a line, with its cost at the run's rate and its known earned credit.
    pub(crate) fn add(&mut self, row: Row<'_>, unit: Unit, period: &str, cost: Amount, credit: i128) {
        let charge = row.charge();
        self.items.add(row, unit);
        let cells = [row.service(), row.subscription(), row.publisher()];
        if self.groups.get(self.last).is_none_or(|group| group.of.each_ref().map(|cell| &**cell) != cells) {
            self.last = self.place(cells);
        }
        let group = &mut self.groups[self.last];
        group.sums.lines += 1;
        group.sums.charge += charge;
        group.cost += cost;
        group.credit += credit;
        let name = row.subscription_name();
        if group.sums.name.as_ref().is_none_or(|known| **known > *name) {
            group.sums.name = Some(name.into());
        }
        if row.kind() == Kind::Usage {
            self.last_usage = self.last_usage.max(row.day());
        }
        let month = row.day() / 100;
        if self.month.0 != month || self.month.1.is_empty() {
            let shown = match month {
                0 => period.to_owned(),
                month => format!("{:04}-{:02}", month / 100, month % 100),
            };
            self.month = (month, shown.into_bytes());
        }
        self.months.add(&self.month.1, charge);
    }

    /// The last day of daily usage: `2026-11-19`.
    fn usage_through(&self) -> Option<String> {
        let day = self.last_usage;
        (day > 0).then(|| format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100))
    }

    fn place(&mut self, cells: [&[u8]; 3]) -> usize {
        self.key.clear();
        for cell in cells {
            self.key.extend_from_slice(&(cell.len() as u32).to_le_bytes());
            self.key.extend_from_slice(cell);
        }
        if let Some(known) = self.places.get(self.key.as_slice()) {
            return *known;
        }
        let of = cells.map(Box::from);
        self.places.insert(self.key.as_slice().into(), self.groups.len());
        self.groups.push(Group { of, sums: Sums::default(), cost: Amount::ZERO, credit: 0 });
        self.groups.len() - 1
    }

    /// The sums by the service (0) or the subscription (1), by text.
    fn sorted(&self, by: usize) -> Vec<(String, Sums)> {
        let mut found: BTreeMap<&[u8], Sums> = BTreeMap::new();
        for group in &self.groups {
            let sums = found.entry(&*group.of[by]).or_default();
            sums.lines += group.sums.lines;
            sums.charge += group.sums.charge;
            let name = group.sums.name.as_ref();
            if sums.name.as_ref().is_none_or(|known| name.is_some_and(|name| name < known)) {
                sums.name = name.cloned();
            }
        }
        let mut sorted: Vec<(String, Sums)> =
            found.into_iter().map(|(cell, sums)| (text(cell), sums)).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        sorted
    }

    /// What the lines cost and are charged, by product, publisher and subscription, and the bill's rounding.
    pub(crate) fn line_sums(&self, rounding: Amount) -> Vec<LineSums> {
        let mut found: Vec<LineSums> = Vec::with_capacity(self.groups.len() + 1);
        for Group { of: [product, subscription, publisher], sums, cost, credit } in &self.groups {
            found.push(LineSums {
                product: text(product),
                publisher: text(publisher),
                subscription_id: text(subscription),
                subscription_name: sums.name.as_ref().map(|name| text(name)).unwrap_or_default(),
                lines: sums.lines,
                cost: *cost,
                earned_credit: Amount::of(*credit, CHARGE_PLACES),
                charge: Amount::of(sums.charge, CHARGE_PLACES),
            });
        }
        found.sort_by(|a, b| {
            let key =
                |sums: &LineSums| [&sums.product, &sums.publisher, &sums.subscription_id].map(String::clone);
            key(a).cmp(&key(b))
        });
        if !rounding.is_zero() {
            found.push(LineSums {
                product: "Rounding".to_owned(),
                publisher: String::new(),
                subscription_id: String::new(),
                subscription_name: String::new(),
                lines: 0,
                cost: Amount::ZERO,
                earned_credit: Amount::ZERO,
                charge: rounding,
            });
        }
        found
    }
}

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

/// What only the page shows, and `statement.json` does not say.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// The partner's name.
    pub issuer: &'a str,
    /// The lines of its address.
    pub issuer_address: &'a [String],
    /// The customer's name.
    pub customer: &'a str,
    /// The lines of its address.
    pub customer_address: &'a [String],
    /// The currency of all amounts.
    pub currency: Currency,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CurrencyNames {
    name: String,
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
            currency: CurrencyNames { name: made.currency.name(), symbol: made.currency.symbol() },
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
                months: list(made.subtotals.months.sorted(), false),
                items: made.subtotals.items.listed().into_iter().map(ListedItem::from).collect(),
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

    /// What the document is: `Statement for 2026-10`.
    fn title(&self) -> String {
        match (self.reverses_version, self.correction_of) {
            (Some(version), _) => {
                format!("Reversal of the statement for {}, version {version}", self.billing_period)
            }
            (None, Some(month)) => {
                let with = self
                    .payable_with
                    .map_or_else(|| "the next".to_owned(), |with| format!("{}\u{2019}s", with.name()));
                format!("Correction of {}, payable with {with} statement", month.name())
            }
            (None, None) => format!("Statement for {}", self.billing_period),
        }
    }

    /// Where the lines are.
    fn footer(&self) -> &'static str {
        match self.correction_of {
            Some(_) => {
                "Every line is in bill.csv. The total is one line of the statement that it is payable with, and of the FOCUS rows \
                 there: it is owed once."
            }
            None => "Every line is in bill.csv, and as FOCUS 1.2 rows in bill.focus.csv.",
        }
    }

    /// `statement.json`
    pub(crate) fn json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// `statement.html`: a page that can be printed, read on a phone and in the dark, and needs nothing from anywhere.
    pub(crate) fn html(&self, heading: &Heading<'_>) -> Vec<u8> {
        let (code, places) = (heading.currency.code(), heading.currency.minor_unit());
        let rounded = |amount: Amount| amount.rounded(places);
        let money = |amount: Amount| format!("{}&nbsp;{code}", grouped(&rounded(amount).fixed(places)));
        let total = self.total_amount.amount;
        let charged: Amount = self.subtotals.months.iter().map(|month| month.charge.amount).sum();
        let mut rows = String::new();
        let mut section = |title: &str, what: &str, listings: &[Listing]| {
            rows.push_str(&format!(
                "<section><h2>{title}</h2><table><thead><tr><th scope=\"col\">{what}</th><th scope=\"col\" class=\"n\">Lines\
                 </th><th scope=\"col\" class=\"n\">Charge</th></tr></thead><tbody>\n"
            ));
            for listing in listings {
                let name = match (listing.name.as_str(), listing.id.as_deref()) {
                    ("", None | Some("")) => "Other".to_owned(),
                    ("", Some(id)) => escaped(id),
                    (name, None | Some("")) => escaped(name),
                    (name, Some(id)) => format!("{}<small>{}</small>", escaped(name), escaped(id)),
                };
                rows.push_str(&format!(
                    "<tr><td>{name}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                    grouped(&listing.lines.to_string()),
                    money(listing.charge.amount)
                ));
            }
            rows.push_str("</tbody><tfoot>");
            // What is rounded row by row may be some cents off.
            let off = rounded(charged) - listings.iter().map(|listing| rounded(listing.charge.amount)).sum();
            if !off.is_zero() {
                rows.push_str(&format!(
                    "<tr class=\"off\"><td colspan=\"2\">Rounding of these rows</td><td class=\"n\">{}</td></tr>",
                    money(off)
                ));
            }
            rows.push_str(&format!(
                "<tr><td>Charges of this month</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\
                 </tfoot></table></section>\n",
                grouped(&self.lines.to_string()),
                money(charged)
            ));
        };
        section("By service", "Service", &self.subtotals.services);
        section("By subscription", "Subscription", &self.subtotals.subscriptions);
        section("By month", "Month", &self.subtotals.months);
        rows.push_str(&self.item_rows(&money));
        let mut beside = String::new();
        for correction in &self.corrections {
            beside.push_str(&format!(
                "<tr><td>Correction of {}, version {}</td><td class=\"n\">{}</td></tr>\n",
                correction.billing_period,
                correction.version,
                money(correction.amount.amount)
            ));
        }
        let listed: Amount =
            self.corrections.iter().map(|correction| rounded(correction.amount.amount)).sum();
        let off = total - rounded(charged) - listed;
        if !off.is_zero() {
            beside.push_str(&format!("<tr><td>Rounding</td><td class=\"n\">{}</td></tr>\n", money(off)));
        }
        let currency = escaped(&self.currency.name);
        let fact = |(name, value): (&str, Option<&str>)| {
            let value = value?;
            Some(format!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value)))
        };
        let issued = self.issued_at.as_deref().and_then(|at| at.split(' ').next());
        let facts: String = [
            ("Number", self.statement_number.as_deref()),
            ("Reverses", self.reverses_number.as_deref()),
            ("Issued", issued),
            ("Due", self.due_date.as_deref()),
        ]
        .into_iter()
        .filter_map(fact)
        .collect();
        let party = |name: &str, address: &[String]| {
            let lines: Vec<String> = address.iter().map(|line| escaped(line)).collect();
            format!("<p><strong>{}</strong><br>{}</p>", escaped(name), lines.join("<br>"))
        };
        // Without an address a name says no more than the heading.
        let parties = match (heading.issuer_address, heading.customer_address) {
            ([], []) => String::new(),
            (of_issuer, of_customer) => format!(
                "<div class=\"parties\">{}{}</div>\n",
                party(heading.issuer, of_issuer),
                party(heading.customer, of_customer)
            ),
        };
        let through = self.usage_through.as_deref().map(|day| {
            format!("An estimate: the last day with usage on it is {day}. What is reported of later days is not on it yet.")
        });
        let notice = self.notice.as_deref().or(through.as_deref());
        let notice = notice.map_or(String::new(), |notice| format!("<p>{}</p>\n", escaped(notice)));
        PAGE.replace("{title}", &escaped(&self.title()))
            .replace("{footer}", self.footer())
            .replace("{notice}", &notice)
            .replace("{issuer}", &escaped(heading.issuer))
            .replace("{customer}", &escaped(heading.customer))
            .replace("{id}", &self.customer_id.to_string())
            .replace("{period}", &self.billing_period)
            .replace("{status}", &self.status)
            .replace("{date}", &self.invoice_date)
            .replace("{facts}", &facts)
            .replace("{parties}", &parties)
            .replace("{currency}", &currency)
            .replace("{lines}", &grouped(&self.lines.to_string()))
            .replace("{total}", &money(total))
            .replace("{charged}", &money(charged))
            .replace("{beside}", &beside)
            .replace("{sections}", &rows)
            .into_bytes()
    }
}

impl Statement {
    /// The section of purchases: quantity and unit price of each product.
    fn item_rows(&self, money: &impl Fn(Amount) -> String) -> String {
        let items = &self.subtotals.items;
        if items.is_empty() {
            return String::new();
        }
        let mut rows = "<section class=\"items\"><h2>Purchases by product and price</h2><table><thead><tr><th scope=\"col\">Product</th>\
                        <th scope=\"col\" class=\"n\">Quantity</th><th scope=\"col\" class=\"n\">Unit price</th>\
                        <th scope=\"col\" class=\"n\">Charge</th></tr></thead><tbody>\n"
            .to_owned();
        for item in items {
            let shown = |number: &Number| grouped(&number.amount.rounded(SHOWN_PLACES).to_string());
            rows.push_str(&format!(
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                escaped(if item.name.is_empty() { "Other" } else { &item.name }),
                shown(&item.quantity),
                shown(&item.unit_price),
                money(item.charge.amount)
            ));
        }
        rows.push_str("</tbody></table></section>\n");
        rows
    }
}

/// Decimal places of quantities and unit prices on the page; `bill.csv` has all of them.
const SHOWN_PLACES: u8 = 6;

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

/// Groups of three digits, with commas between them.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("−", digits));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = sign.to_owned();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// Text as HTML. Braces too, so that no name fills in a place of the page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '{' => escaped.push_str("&#123;"),
            '}' => escaped.push_str("&#125;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

const PAGE: &str = include_str!("statement.html");
