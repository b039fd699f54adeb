//! What a customer pays for a line: the first rule that matches, or its margin.

use crate::amount::{Amount, Decimal, power};
use crate::columns::{Kind, Role};
use crate::credit::Credit;
use crate::currency::Currency;
use crate::failure::Failure;
use crate::job::{Job, Rate, wrong_rates};
use crate::line::{Line, ONE, Values, Wrong};
use crate::price_sheet::PriceSheet;
use crate::rule::{EarnedCredit, NewPriceRule, Percent, PriceRule, RuleKind, WHOLE};
use crate::scale::{CHARGE_PLACES, scaled, scaled_exactly};
use crate::source::fault;
use crate::warning::Tally;
use crate::wording::{Message, Wording};
use jiff::civil::Date;
use num_bigint::BigInt;
use std::collections::HashMap;

/// The rule of a line that no rule matched: the customer's own margin.
pub(crate) const NO_RULE: u16 = u16::MAX;

/// What a price was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Basis {
    Cost,
    CostBeforeCredit,
    ListPrice,
    FixedPrice,
}

impl Basis {
    pub(crate) const ALL: [Basis; 4] =
        [Basis::Cost, Basis::CostBeforeCredit, Basis::ListPrice, Basis::FixedPrice];

    /// As a ledger says it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Basis::Cost => "cost",
            Basis::CostBeforeCredit => "cost before earned credit",
            Basis::ListPrice => "list price",
            Basis::FixedPrice => "fixed price",
        }
    }
}

/// A line's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Priced {
    /// In units of 10^-10 of the bill's currency.
    pub(crate) charge: i128,
    /// Into [`Prices::rules`].
    pub(crate) rule: u16,
    pub(crate) basis: Basis,
    /// The earned credit, in the units of the charge.
    pub(crate) credit: i128,
    pub(crate) credit_use: CreditUse,
}

/// What becomes of the earned credit of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum CreditUse {
    /// There is none.
    None,
    /// The partner keeps it.
    Kept,
    /// The customer has it.
    PassedOn,
    /// It is unknown, and the charge does not depend on it.
    Unknown,
    /// It is unknown, and the charge would start from the price before it.
    Missing,
}

impl CreditUse {
    pub(crate) const ALL: [CreditUse; 5] =
        [CreditUse::None, CreditUse::Kept, CreditUse::PassedOn, CreditUse::Unknown, CreditUse::Missing];
}

/// Why a price rule that matches a line does not price it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// Its price is in a currency that no rate leads from.
    Rate,
    /// The line has no list price.
    ListPrice,
    /// The line has no quantity.
    Quantity,
}

/// How often a price rule matched, and the lines that it matched and did not price.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleUse {
    pub(crate) matched: u64,
    /// By [`Lack`].
    pub(crate) skipped: [Tally; 3],
}

impl RuleUse {
    pub(crate) fn merge(&mut self, other: &RuleUse) {
        self.matched += other.matched;
        self.skipped.iter_mut().zip(&other.skipped).for_each(|(sum, other)| sum.merge(other));
    }
}

/// All that prices lines.
pub(crate) struct Prices<'a> {
    /// In the order in which they are tried.
    pub(crate) rules: Vec<&'a PriceRule>,
    /// For each customer of the job, those that may match its lines.
    by_customer: Vec<Vec<u16>>,
    /// The day of lines that have none, as `yyyymmdd`.
    first_day: u32,
    earned_credit: EarnedCredit,
    /// The currency of all bills, and what one unit of another is in it; empty where there are bills per currency.
    rates: HashMap<Currency, (Currency, Decimal)>,
    pub(crate) single: Option<Currency>,
    pub(crate) sheet: PriceSheet,
}

impl<'a> Prices<'a> {
    /// # Errors
    /// Rates that lead to several currencies, that are given twice, or are none; too many rules; a price sheet that cannot be
    /// read.
    pub(crate) fn of(job: &'a Job) -> Result<Self, Failure> {
        let mut rules: Vec<&PriceRule> = job.rules.iter().collect();
        rules.sort_by_key(|rule| (rule.details.position, rule.id));
        let mut faults = Vec::new();
        let mut refuse = |message: String, wording: Wording| {
            faults.push(fault("", Message::worded(message, wording)));
        };
        if rules.len() >= usize::from(NO_RULE) {
            let (count, most) = (rules.len(), usize::from(NO_RULE) - 1);
            let wording =
                Wording::new("report-too-many-rules", [("count", count.into()), ("max", most.into())]);
            refuse(format!("there are {count} price rules, at most {most} are possible"), wording);
        }
        let single = job.currency_rates.first().map(|rate| rate.to);
        let mut rates = HashMap::new();
        for (i, field, why) in wrong_rates(&job.currency_rates) {
            let Rate { from, to, .. } = job.currency_rates[i];
            let values = [
                ("currency", from.code().into()),
                ("other", to.code().into()),
                ("why", format!("{field} {why}").into()),
            ];
            let wording = Wording::new("report-wrong-rate", values);
            refuse(format!("the rate from {from} to {to}: {field} {why}"), wording);
        }
        for rate in &job.currency_rates {
            let exact = Decimal::parse(rate.rate.to_string().as_bytes()).unwrap_or_default();
            rates.insert(rate.from, (rate.to, exact));
        }
        if !faults.is_empty() {
            return Err(Failure::Faults(faults));
        }
        if let Some(single) = single {
            rates.insert(single, (single, ONE));
        }
        let applies = |id: i64| {
            let mine = |rule: &&PriceRule| rule.details.customer_id.is_none_or(|customer| customer == id);
            (0..rules.len() as u16).filter(|i| mine(&rules[usize::from(*i)])).collect()
        };
        Ok(Prices {
            by_customer: job.customers.iter().map(|customer| applies(customer.id)).collect(),
            earned_credit: job.earned_credit,
            first_day: number(job.period.first_day()),
            rules,
            rates,
            single,
            sheet: PriceSheet::read(&job.price_sheets)?,
        })
    }

    /// The currency in which a line of another is billed, and the rate to it; `None` where there is no rate.
    pub(crate) fn bill_currency(&self, line: Currency) -> Option<(Currency, Decimal)> {
        if self.single.is_none() { Some((line, ONE)) } else { self.rates.get(&line).copied() }
    }

    /// The day of a line that says `day`: the first of the month where it says none (0).
    pub(crate) fn day(&self, day: u32) -> u32 {
        if day == 0 { self.first_day } else { day }
    }

    /// What one unit of a rule's currency is in that of a bill.
    fn rate_between(&self, rule: Currency, bill: Currency) -> Option<Decimal> {
        if rule == bill { Some(ONE) } else { self.rates.get(&rule).map(|(_, rate)| *rate) }
    }

    /// The price of a line for a customer, in the currency that `rate` leads to: by the first rule that matches the line and
    /// can price it, or by `margin`, the customer's on the line's day.
    ///
    /// # Errors
    /// A charge beyond all bounds.
    pub(crate) fn price(
        &self,
        (customer, margin): (usize, Percent),
        line: &Line<'_>,
        values: &Values,
        (currency, rate): (Currency, Decimal),
        uses: &mut [RuleUse],
    ) -> Result<Priced, Wrong> {
        let too_much = || beyond_bounds(line);
        let day = self.day(values.day);
        for &rule in &self.by_customer[customer] {
            let details = &self.rules[usize::from(rule)].details;
            if !matches(details, line, day) {
                continue;
            }
            let use_ = &mut uses[usize::from(rule)];
            use_.matched += 1;
            let policy = details.earned_credit.unwrap_or(self.earned_credit);
            let charged = match details.kind {
                RuleKind::Margin(_) | RuleKind::Markup(_) => {
                    Ok(from_cost(values, policy, details.kind, rate))
                }
                RuleKind::Discount(percent) => self.by_list_price(line, values, day, percent, rate),
                RuleKind::ListPrice => self.by_list_price(line, values, day, Percent::default(), rate),
                RuleKind::Fixed(price, of) => match (values.quantity, self.rate_between(of, currency)) {
                    (None, _) => Err(Lack::Quantity),
                    (_, None) => Err(Lack::Rate),
                    (Some(quantity), Some(rate)) => {
                        let price = Decimal { mantissa: price.count(12), places: 12 };
                        let charge = scaled(&[price, quantity, rate], (1, 1));
                        Ok((as_the_cost(charge, values), Basis::FixedPrice))
                    }
                },
            };
            match charged {
                Ok((charge, basis)) => {
                    let policy = match details.kind {
                        RuleKind::Margin(_) | RuleKind::Markup(_) => Some(policy),
                        _ => None,
                    };
                    return priced(values, charge, rule, basis, policy, rate).ok_or_else(too_much);
                }
                Err(lack) => use_.skipped[lack as usize].add(values.currency, values.cost.into()),
            }
        }
        self.by_margin(margin, line, values, rate)
    }

    /// The price of a line by the customer's margin, whatever rules there are.
    ///
    /// # Errors
    /// As [`Prices::price`].
    pub(crate) fn by_margin(
        &self,
        margin: Percent,
        line: &Line<'_>,
        values: &Values,
        rate: Decimal,
    ) -> Result<Priced, Wrong> {
        let margin = RuleKind::Margin(margin);
        let (charge, basis) = from_cost(values, self.earned_credit, margin, rate);
        let priced = priced(values, charge, NO_RULE, basis, Some(self.earned_credit), rate);
        priced.ok_or_else(|| beyond_bounds(line))
    }

    /// A charge that starts from the list price, less a discount: for usage of Azure, Microsoft's unit price, which is the
    /// retail price; for all else the price sheet's, pro rata as the line is.
    fn by_list_price(
        &self,
        line: &Line<'_>,
        values: &Values,
        day: u32,
        discount: Percent,
        rate: Decimal,
    ) -> Result<(Option<i128>, Basis), Lack> {
        let whole = u64::from(WHOLE);
        let factor = (whole - u64::from(discount.ten_thousandths()), whole);
        let is_retail = line.layout.kind == Kind::Usage || matches!(values.credit, Credit::OfList(_));
        let charge = if is_retail {
            let list = values.list.ok_or(Lack::ListPrice)?;
            scaled(&[list[0], list[1], list[2], rate], factor)
        } else {
            let quantity = values.quantity.ok_or(Lack::Quantity)?;
            let price = self.sheet.list_price(line, values, day).ok_or(Lack::ListPrice)?;
            let factors = [price, quantity, values.exchange, rate];
            match part_of_a_period(line, values).ok_or(Lack::ListPrice)? {
                None => scaled(&factors, factor),
                Some((effective, unit)) => scaled_exactly(
                    &factors,
                    &(BigInt::from(factor.0) * effective.mantissa * power(unit.places)),
                    &(BigInt::from(factor.1) * unit.mantissa * power(effective.places)),
                ),
            }
        };
        Ok((as_the_cost(charge, values), Basis::ListPrice))
    }
}

fn beyond_bounds(line: &Line<'_>) -> Wrong {
    (line.layout.role(Role::Cost), Message::fixed("makes a charge beyond 10^20", "report-charge-too-large"))
}

/// The unit price that a line was charged at and its unit's full price, where they differ only because the line is of a part
/// of a period; `Some(None)` where they are one, `None` where a promotion or credit may be behind the difference.
fn part_of_a_period(line: &Line<'_>, values: &Values) -> Option<Option<(Decimal, Decimal)>> {
    let (Some(effective), Some(unit)) = (values.effective_price, values.unit_price) else {
        return Some(None);
    };
    if Amount::from(effective) == Amount::from(unit) {
        return Some(None);
    }
    let adjusted =
        !matches!(line.get(Role::PriceAdjustment), b"" | b"[]") || !line.get(Role::Promotion).is_empty();
    (!adjusted && unit.mantissa > 0 && effective.mantissa >= 0).then_some(Some((effective, unit)))
}

/// A credit is one whichever sign its quantity has.
fn as_the_cost(charge: Option<i128>, values: &Values) -> Option<i128> {
    if values.cost.mantissa < 0 { charge.map(|charge| -charge.abs()) } else { charge }
}

/// A line's price, and what becomes of its earned credit. `policy`: `None` where the charge does not depend on it, so that the
/// partner keeps it.
fn priced(
    values: &Values,
    charge: Option<i128>,
    rule: u16,
    basis: Basis,
    policy: Option<EarnedCredit>,
    rate: Decimal,
) -> Option<Priced> {
    let (credit_use, credit) = match values.credit {
        Credit::Unknown if policy == Some(EarnedCredit::Kept) => (CreditUse::Missing, 0),
        Credit::Unknown => (CreditUse::Unknown, 0),
        credit if share(credit).mantissa == 0 => (CreditUse::None, 0),
        credit => {
            let (before, _) = before_credit(values, credit, (1, 1), rate);
            let credit = before? - scaled(&[values.cost, rate], (1, 1))?;
            match policy {
                Some(EarnedCredit::PassedOn) => (CreditUse::PassedOn, credit),
                _ => (CreditUse::Kept, credit),
            }
        }
    };
    Some(Priced { charge: charge?, rule, basis, credit, credit_use })
}

/// The known share of the price before the credit.
fn share(credit: Credit) -> Decimal {
    match credit {
        Credit::Known(share) | Credit::OfList(share) | Credit::Disputed(share) => share,
        Credit::Unknown => Decimal::default(),
    }
}

/// A charge by margin or markup: it starts from the cost, or from what that was before the earned credit.
fn from_cost(values: &Values, policy: EarnedCredit, kind: RuleKind, rate: Decimal) -> (Option<i128>, Basis) {
    let whole = u64::from(WHOLE);
    let factor = match kind {
        RuleKind::Margin(percent) => (whole, whole - u64::from(percent.ten_thousandths())),
        RuleKind::Markup(percent) => (whole + u64::from(percent.ten_thousandths()), whole),
        RuleKind::Discount(_) | RuleKind::ListPrice | RuleKind::Fixed(..) => (1, 1),
    };
    if policy == EarnedCredit::PassedOn || share(values.credit).mantissa == 0 {
        return (scaled(&[values.cost, rate], factor), Basis::Cost);
    }
    before_credit(values, values.credit, factor, rate)
}

/// The price before an earned credit that is not 0, times a factor.
fn before_credit(
    values: &Values,
    credit: Credit,
    (numerator, denominator): (u64, u64),
    rate: Decimal,
) -> (Option<i128>, Basis) {
    let share = share(credit);
    let one = power(share.places);
    let left = one - share.mantissa;
    // All of it credited: only the list price tells what it was.
    if let Some(list) = values.list
        && (left <= 0 || matches!(credit, Credit::OfList(_)))
    {
        let charge =
            as_the_cost(scaled(&[list[0], list[1], list[2], rate], (numerator, denominator)), values);
        let basis = if left <= 0 { Basis::ListPrice } else { Basis::CostBeforeCredit };
        return (charge, basis);
    }
    if left <= 0 {
        return (scaled(&[values.cost, rate], (numerator, denominator)), Basis::Cost);
    }
    // Before the credit = cost / (1 − credit).
    let short = || {
        Some((numerator.checked_mul(one.try_into().ok()?)?, denominator.checked_mul(left.try_into().ok()?)?))
    };
    let charge = match short() {
        Some(factor) => scaled(&[values.cost, rate], factor),
        None => scaled_exactly(
            &[values.cost, rate],
            &(BigInt::from(numerator) * one),
            &(BigInt::from(denominator) * left),
        ),
    };
    (charge, Basis::CostBeforeCredit)
}

/// `yyyymmdd`.
pub(crate) fn number(date: Date) -> u32 {
    u32::from(date.year().unsigned_abs()) * 10_000
        + u32::from(date.month().unsigned_abs()) * 100
        + u32::from(date.day().unsigned_abs())
}

fn matches(rule: &NewPriceRule, line: &Line<'_>, day: u32) -> bool {
    rule.effective_from.is_none_or(|from| day >= number(from))
        && rule.effective_until.is_none_or(|until| day < number(until))
        && [
            (&rule.publisher, Role::Publisher),
            (&rule.product_id, Role::ProductId),
            (&rule.sku_id, Role::SkuId),
            (&rule.charge_type, Role::ChargeType),
            (&rule.meter_category, Role::MeterCategory),
        ]
        .into_iter()
        .all(|(wanted, role)| wanted.as_ref().is_none_or(|wanted| is(line.get(role), wanted)))
}

/// Whether a cell says this, in any case of ASCII's letters.
fn is(cell: &[u8], wanted: &str) -> bool {
    if wanted.contains('"') {
        return cell.eq_ignore_ascii_case(wanted.replace('"', "\"\"").as_bytes());
    }
    cell.eq_ignore_ascii_case(wanted.as_bytes())
}

/// An amount at a rate, to the 18th place.
pub(crate) fn exchanged(amount: Amount, rate: Decimal) -> Amount {
    if rate == ONE {
        return amount;
    }
    if let (attos, 0) = amount.parts()
        && let Some(product) = attos.checked_mul(rate.mantissa)
    {
        return Amount::of(product / power(rate.places), 18);
    }
    let text = amount.to_string();
    let Ok(amount) = Decimal::parse(text.as_bytes()) else { return amount };
    let ten = |exponent: u8| BigInt::from(10).pow(exponent.into());
    let product = BigInt::from(amount.mantissa) * rate.mantissa;
    let places = amount.places + rate.places;
    let attos = if places <= 18 { product * ten(18 - places) } else { product / ten(places - 18) };
    Amount::of(i128::try_from(attos).unwrap_or_default(), 18)
}

/// What a unit is charged at, to the 18th place; `None` where there is no such price because charge and quantity differ in their
/// sign, or the quantity is nothing and the charge something.
pub(crate) fn unit_price(charge: i128, quantity: Decimal) -> Option<Amount> {
    const PLACES: u8 = 18;
    if charge == 0 {
        return Some(Amount::ZERO);
    }
    if quantity.mantissa == 0 || (charge < 0) != (quantity.mantissa < 0) {
        return None;
    }
    let exponent = u32::from(PLACES - CHARGE_PLACES + quantity.places);
    let (charge, divisor) = (charge.unsigned_abs(), quantity.mantissa.unsigned_abs());
    let attos = match 10_u128.checked_pow(exponent).and_then(|ten| charge.checked_mul(ten)) {
        Some(product) => product / divisor + u128::from(product % divisor > divisor / 2),
        None => {
            let product = BigInt::from(charge) * BigInt::from(10).pow(exponent);
            u128::try_from(product / BigInt::from(divisor)).ok()?
        }
    };
    Some(Amount::of(i128::try_from(attos).ok()?, PLACES))
}

/// How a line's charge relates to its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Usual,
    /// A charge of less than a positive cost.
    BelowCost,
    /// More than five times the cost, or anything where it costs nothing.
    FarAboveCost,
}

/// Compares a charge in units of 10^-10 with the cost in the same currency; what rounding to the 10th place makes is usual.
pub(crate) fn relation(charge: i128, cost: Amount) -> Relation {
    const UNIT: i128 = power(18 - CHARGE_PLACES);
    let (cost, charge) = (cost.parts().0, charge.saturating_mul(UNIT));
    if cost > 0 && cost.saturating_sub(charge) > UNIT {
        Relation::BelowCost
    } else if charge.saturating_abs() > cost.saturating_abs().saturating_mul(5).saturating_add(UNIT) {
        Relation::FarAboveCost
    } else {
        Relation::Usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn unit_prices_make_the_charge_again() {
        for (charge, quantity, price) in [
            ("10", "4", Some("2.5")),
            ("10", "3", Some("3.333333333333333333")),
            ("20", "3", Some("6.666666666666666667")),
            ("-10", "-4", Some("2.5")),
            ("-10", "4", None),
            ("10", "-4", None),
            ("0", "4", Some("0")),
            ("0", "0", Some("0")),
            ("1", "0", None),
            ("0.0000000001", "1000000", Some("0.0000000000000001")),
            ("123456789012345678", "0.0000000001", None),
            ("1", "0.000000000000000000000001", None),
        ] {
            let units = charge.parse::<Amount>().unwrap().count(10);
            let found = unit_price(units, decimal(quantity)).map(|price| price.to_string());
            // What is beyond all amounts has no price.
            assert!(
                found.as_deref() == price || price.is_none() && found.is_some_and(|f| f.len() > 20),
                "{charge} {quantity}"
            );
        }
    }

    #[test]
    fn charges_beside_costs() {
        use Relation::{BelowCost, FarAboveCost, Usual};
        for (charge, cost, expected) in [
            ("1008", "1008", Usual),
            ("1007.9999999999", "1008", Usual),
            ("1007.9999999998", "1008", BelowCost),
            ("957.6", "1008", BelowCost),
            ("-1", "1008", BelowCost),
            ("5", "1", Usual),
            ("5.0000000002", "1", FarAboveCost),
            ("114.91", "0.33", FarAboveCost),
            ("0", "0", Usual),
            ("0.01", "0", FarAboveCost),
            ("0", "0.00000000004", Usual),
            // A credit: what the customer gets back may be less or more, within the same bounds.
            ("-8", "-10", Usual),
            ("-12.5", "-10", Usual),
            ("-50.01", "-10", FarAboveCost),
            ("99999999999999999999", "99999999999999999999", Usual),
        ] {
            let charge_units = charge.parse::<Amount>().unwrap().count(10);
            assert_eq!(relation(charge_units, cost.parse().unwrap()), expected, "{charge} for {cost}");
        }
    }

    #[test]
    fn amounts_at_rates() {
        for (amount, rate, expected) in [
            ("10", "1.1", "11"),
            ("-0.000000000000000003", "0.5", "-0.000000000000000001"),
            ("0.1234567890123456789", "2", "0.246913578024691357"),
            ("99999999999", "999999999.5", "99999999949000000000.5"),
        ] {
            assert_eq!(
                exchanged(amount.parse().unwrap(), decimal(rate)).to_string(),
                expected,
                "{amount} at {rate}"
            );
        }
    }
}
