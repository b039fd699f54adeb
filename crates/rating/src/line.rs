//! One line item: its cells, and what they say.

use crate::amount::{Amount, Decimal, power};
use crate::columns::{Kind, Role};
use crate::credit::{self, Credit};
use crate::currency::Currency;
use crate::layout::{CreditUnit, Layout};
use crate::scale::{CHARGE_PLACES, scaled};
use crate::scan::Scan;
use crate::wording::{Message, Wording};
use jiff::civil::Date;

/// A record of a scanned block.
pub(crate) struct Line<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) block: &'a [u8],
    pub(crate) scan: &'a Scan,
    /// Where it begins in the block.
    pub(crate) start: usize,
    /// Where its cells end in the block; a carriage return before the line feed belongs to none.
    pub(crate) ends: &'a [u32],
}

/// What is wrong with a line: the column by its place in the file, and why.
pub(crate) type Wrong = (Option<usize>, Message);

impl<'a> Line<'a> {
    /// Where a cell begins and ends in the block, quotes included.
    pub(crate) fn range(&self, place: usize) -> (usize, usize) {
        let from = if place == 0 { self.start } else { self.ends[place - 1] as usize + 1 };
        let mut to = self.ends[place] as usize;
        if place + 1 == self.ends.len() && to > from && self.block[to - 1] == b'\r' {
            to -= 1;
        }
        (from, to)
    }

    /// A cell without its quotes; a quote within is still doubled.
    pub(crate) fn cell(&self, place: usize) -> &'a [u8] {
        let (from, to) = self.range(place);
        match &self.block[from..to] {
            [b'"', inner @ .., b'"'] => inner,
            plain => plain,
        }
    }

    /// The cell of a role, trimmed; empty where the file has no such column.
    pub(crate) fn get(&self, role: Role) -> &'a [u8] {
        let Some(place) = self.layout.role(role) else { return &[] };
        match self.cell(place) {
            // Nothing to trim, mostly.
            cell @ [b'!'..=u8::MAX, .., b'!'..=u8::MAX] => cell,
            cell => cell.trim_ascii(),
        }
    }

    /// Whether its cells are the names of the columns.
    pub(crate) fn repeats_the_header(&self) -> bool {
        let is_name = |place: usize| {
            let cell = self.cell(place);
            let cell = cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell).trim_ascii();
            let cell = cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell);
            cell.eq_ignore_ascii_case(self.layout.names[place].as_bytes())
        };
        [Role::CustomerId, Role::Cost, Role::Currency]
            .iter()
            .all(|role| self.layout.role(*role).is_some_and(is_name))
    }

    /// The number of a role; `None` where the cell is empty.
    fn number(&self, role: Role, wrong: &mut Vec<Wrong>) -> Option<Decimal> {
        let text = self.get(role);
        if text.is_empty() {
            return None;
        }
        match Decimal::parse(text) {
            // A trillion is more than any line item, and leaves room for sums.
            Ok(number) if number.places > 26 || number.mantissa.abs() < power(12 + number.places) => {
                Some(number)
            }
            Ok(_) => self.refuse(role, "is larger than any line item", "report-larger-than-any-item", wrong),
            Err(e) => self.refuse(role, &e.to_string(), e.wording(), wrong),
        }
    }

    /// Notes why a cell cannot be read: in English, and by the id of its text in other languages.
    fn refuse<T>(&self, role: Role, why: &str, id: &str, wrong: &mut Vec<Wrong>) -> Option<T> {
        wrong.push((self.layout.role(role), of_cell(&String::from_utf8_lossy(self.get(role)), why, id)));
        None
    }

    /// Reads what the engine needs, and notes everything that cannot be read.
    pub(crate) fn values(&self, last: &mut LastCurrency, wrong: &mut Vec<Wrong>) -> Option<Values> {
        let before = wrong.len();
        let cost = self.number(Role::Cost, wrong);
        let (mut tax, mut total_mismatch) = (Decimal::default(), false);
        if self.layout.kind == Kind::Reconciliation {
            tax = self.number(Role::Tax, wrong).unwrap_or_default();
            if let (Some(cost), Some(total)) = (cost, self.number(Role::Total, wrong)) {
                let added = Amount::from(cost) + Amount::from(tax);
                total_mismatch = (added - Amount::from(total)).abs() > Amount::of(1, 2);
            }
        }
        if cost.is_none() && wrong.len() == before {
            let message = Message::fixed("is empty, where the line's cost has to be", "report-no-cost");
            wrong.push((self.layout.role(Role::Cost), message));
        }
        let currency = self.get(Role::Currency);
        let currency = match last {
            Some((code, known)) if code == currency => Some(*known),
            _ => {
                let code = std::str::from_utf8(currency).unwrap_or_default();
                let found = code.parse().ok();
                *last = found.and_then(|found| Some((*currency.first_chunk()?, found)));
                found
            }
        };
        if currency.is_none() {
            let why = "is no currency code of ISO 4217 such as USD";
            self.refuse::<()>(Role::Currency, why, "report-no-currency", wrong);
        }
        let quantity = self.number(Role::Quantity, wrong);
        let billable = self.number(Role::BillableQuantity, wrong);
        let unit_price = self.number(Role::UnitPrice, wrong);
        let effective_price = self.number(Role::EffectiveUnitPrice, wrong);
        let exchange = self.number(Role::ExchangeRate, wrong).unwrap_or(ONE);
        let earned = self.share(Role::EarnedCredit, self.layout.credit_units[0], wrong);
        let azure_credit = self.share(Role::AzureCredit, self.layout.credit_units[1], wrong);
        let mut day = self.day(Role::UsageDate, wrong);
        if day == 0 {
            day = self.day(Role::ChargeStart, wrong);
        }
        let quantity = billable.or(quantity);
        let list = [unit_price, quantity].map(Option::unwrap_or_default);
        let list = (unit_price.is_some() && quantity.is_some()).then_some([list[0], list[1], exchange]);
        match (cost, currency) {
            (Some(cost), Some(currency)) if wrong.len() == before => {
                let formula_mismatch = match (effective_price, quantity) {
                    (Some(price), Some(quantity)) => !agrees([price, quantity, exchange], cost),
                    _ => false,
                };
                // Before any credit or promotion, a unit costs its price.
                let at_its_price =
                    unit_price.is_some() && unit_price.map(Amount::from) == effective_price.map(Amount::from);
                let credit = credit::of(self, earned, cost, list, at_its_price);
                Some(Values {
                    cost,
                    tax,
                    currency,
                    quantity,
                    unit_price,
                    effective_price,
                    exchange,
                    list,
                    credit,
                    azure_credit,
                    day,
                    formula_mismatch,
                    total_mismatch,
                })
            }
            _ => None,
        }
    }

    /// A share as a fraction, however the file writes it; `None` where the cell is empty.
    fn share(&self, role: Role, unit: CreditUnit, wrong: &mut Vec<Wrong>) -> Option<Decimal> {
        let given = self.number(role, wrong)?;
        let one = power(given.places);
        let is_percentage = match unit {
            CreditUnit::Rate => false,
            CreditUnit::Fraction => given.mantissa > one,
            CreditUnit::Percentage => given.mantissa >= one,
        };
        let share = if is_percentage { Decimal { places: given.places + 2, ..given } } else { given };
        if share.mantissa < 0 || share.mantissa > power(share.places) {
            let (why, id) = match unit {
                CreditUnit::Rate => {
                    ("is not between 0 and 1: a rate of 15 % is 0.15", "report-no-rate-of-credit")
                }
                _ => ("is not between 0 and 100 %", "report-no-percentage"),
            };
            return self.refuse(role, why, id, wrong);
        }
        Some(share)
    }

    /// A day as `yyyymmdd`; 0 where there is none.
    fn day(&self, role: Role, wrong: &mut Vec<Wrong>) -> u32 {
        let text = self.get(role);
        match day(text) {
            Some(day) => day,
            None => {
                let why = "is no date such as 2026-10-01, 2026-10-01T00:00:00Z or 10/1/2026 (month first)";
                self.refuse(role, why, "report-no-date", wrong).unwrap_or(0)
            }
        }
    }
}

pub(crate) const ONE: Decimal = Decimal { mantissa: 1, places: 0 };

/// The currency of the line before, as it was written: mostly that of the next.
pub(crate) type LastCurrency = Option<([u8; 3], Currency)>;

/// The numbers of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values {
    /// Without tax.
    pub(crate) cost: Decimal,
    pub(crate) tax: Decimal,
    pub(crate) currency: Currency,
    /// What the unit price is multiplied with.
    pub(crate) quantity: Option<Decimal>,
    /// What the line's own unit is priced at: for usage the retail price, for licences the partner's.
    pub(crate) unit_price: Option<Decimal>,
    /// What a unit costs after credits and promotions, and pro rata.
    pub(crate) effective_price: Option<Decimal>,
    /// From the currency of the prices to that of the line.
    pub(crate) exchange: Decimal,
    /// Unit price, quantity, and the exchange rate to the currency of the line: their product is the price before any
    /// adjustment.
    pub(crate) list: Option<[Decimal; 3]>,
    /// The partner earned credit.
    pub(crate) credit: Credit,
    /// The share that an Azure credit covers.
    pub(crate) azure_credit: Option<Decimal>,
    /// Of the usage, or the first of the charged period, as `yyyymmdd`; 0 for none.
    pub(crate) day: u32,
    /// Whether Microsoft's own formula does not hold.
    pub(crate) formula_mismatch: bool,
    /// Whether cost and tax are not the total.
    pub(crate) total_mismatch: bool,
}

impl Values {
    /// How much of the line's price an Azure credit covers, to the 10th place; nothing where the price is unknown.
    pub(crate) fn azure_credited(&self) -> Amount {
        let (Some(share), Some(list)) = (self.azure_credit, self.list) else { return Amount::ZERO };
        let covered = scaled(&[list[0], list[1], list[2], share], (1, 1));
        covered.map_or(Amount::ZERO, |covered| Amount::of(covered, CHARGE_PLACES))
    }
}

/// What is wrong with a cell, which is shown as far as 60 characters.
pub(crate) fn of_cell(cell: &str, why: &str, id: &str) -> Message {
    let shown: String = cell.chars().take(60).collect();
    let quoted = format!("{shown:?}");
    let given = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    Message::worded(format!("{quoted} {why}"), Wording::new(id, [("given", given.into())]))
}

/// Whether the product is within 0.01 of what it should be.
fn agrees(factors: [Decimal; 3], cost: Decimal) -> bool {
    let short = |d: Decimal| u64::try_from(d.mantissa.unsigned_abs()).is_ok();
    let places = factors.iter().map(|factor| factor.places).sum::<u8>();
    if factors.iter().all(|factor| short(*factor)) && places <= 38 {
        let mantissa =
            factors.iter().try_fold(1_i128, |product, factor| product.checked_mul(factor.mantissa));
        if let Some(mantissa) = mantissa {
            // Both as counts of 10^-6, rounded down: near enough to know what is far from a cent.
            let millionths = |mantissa: i128, places: u8| match places {
                0..6 => mantissa.checked_mul(power(6 - places)),
                _ => Some(divided(mantissa, power(places - 6))),
            };
            if let (Some(product), Some(cost)) =
                (millionths(mantissa, places), millionths(cost.mantissa, cost.places))
            {
                let off = (product - cost).abs();
                if (off - 10_000).abs() > 2 {
                    return off < 10_000;
                }
            }
        }
    }
    agrees_exactly(factors, cost)
}

/// Division that is quick where both are short.
fn divided(a: i128, b: i128) -> i128 {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => (a / b).into(),
        _ => a / b,
    }
}

#[cold]
fn agrees_exactly(factors: [Decimal; 3], cost: Decimal) -> bool {
    use num_bigint::{BigInt, Sign};
    let places = factors.iter().map(|factor| u32::from(factor.places)).sum::<u32>();
    let product: BigInt = factors.iter().map(|factor| BigInt::from(factor.mantissa)).product();
    // Both as counts of 10^-(places of both), so that nothing is rounded.
    let ten = |exponent: u32| BigInt::from(10).pow(exponent);
    let off = product * ten(cost.places.into()) - BigInt::from(cost.mantissa) * ten(places);
    let off = if off.sign() == Sign::Minus { -off } else { off };
    off * 100 <= ten(places + u32::from(cost.places))
}

/// A date of Microsoft's files as `yyyymmdd`, 0 where it says none; `None` where it is no date. A time of day after it is
/// not looked at.
pub(crate) fn day(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return Some(0);
    }
    let date = text.split(|b| matches!(b, b'T' | b't' | b' ')).next().unwrap_or(text);
    let (separator, iso) = if date.contains(&b'/') { (b'/', false) } else { (b'-', true) };
    let mut parts = date.split(|b| *b == separator).map(|part| {
        let digits = !part.is_empty() && part.len() <= 4 && part.iter().all(u8::is_ascii_digit);
        digits.then(|| part.iter().fold(0, |number, b| number * 10 + u32::from(b - b'0')))
    });
    let (Some(first), Some(second), Some(third), None) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next())
    else {
        return None;
    };
    let (year, month, day) = if iso { (first, second, third) } else { (third, first, second) };
    if year == 1 {
        return Some(0);
    }
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    date.is_ok_and(|date| date.year() >= 1900).then_some(year * 10_000 + month * 100 + day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (text, expected) in [
            ("2026-10-01", Some(20_261_001)),
            ("2026-10-01T00:00:00Z", Some(20_261_001)),
            ("2026-10-01T00:00:00.0000000Z", Some(20_261_001)),
            ("10/1/2026", Some(20_261_001)),
            ("10/01/2026 12:00:00 AM", Some(20_261_001)),
            ("", Some(0)),
            ("0001-01-01", Some(0)),
            ("0001-01-01T00:00:00Z", Some(0)),
            ("1/1/0001", Some(0)),
            ("1/1/0001 12:00:00 AM", Some(0)),
            ("13/1/2026", None),
            ("2026-13-01", None),
            ("2026-10", None),
            ("2026-10-01-01", None),
            ("20261001", None),
            ("1.10.2026", None),
            ("2026-02-29", None),
            ("45931", None),
            ("-1-1-2026", None),
        ] {
            assert_eq!(day(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn formulas() {
        let decimal = |text: &str| Decimal::parse(text.as_bytes()).unwrap();
        for (factors, cost, agree) in [
            (["2", "3", "1"], "6", true),
            (["2", "3", "1"], "6.01", true),
            (["2", "3", "1"], "6.0100000001", false),
            (["2", "3", "1"], "5.99", true),
            (["2", "3", "1"], "5.9899999999", false),
            (["2", "-3", "1.5"], "-9", true),
            (["2", "-3", "1.5"], "9", false),
            (["0.1999968000511991808131", "12.0000000001", "1.08123456789"], "2.5949", true),
            (["0.1999968000511991808131", "12.0000000001", "1.08123456789"], "2.6949", false),
            (["999999999999.999999999999999999999999", "999999999999", "9999"], "1", false),
        ] {
            assert_eq!(agrees(factors.map(decimal), decimal(cost)), agree, "{factors:?} {cost}");
            assert_eq!(agrees_exactly(factors.map(decimal), decimal(cost)), agree, "{factors:?} {cost}");
        }
    }
}
