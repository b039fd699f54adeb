//! What a customer pays for a line: the first rule that matches, or its margin.

use crate::amount::{Amount, Decimal, power};
use crate::columns::Role;
use crate::currency::Currency;
use crate::failure::{Failure, Fault};
use crate::job::{Job, Rate, wrong_rates};
use crate::line::{Line, ONE, Values, Wrong};
use crate::rule::{EarnedCredit, NewPriceRule, Percent, PriceRule, RuleKind, WHOLE};
use jiff::civil::Date;
use num_bigint::BigInt;
use std::collections::HashMap;

/// Decimal places of a line's charge.
pub(crate) const CHARGE_PLACES: u8 = 10;

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
}

/// All that prices lines.
pub(crate) struct Prices<'a> {
    /// In the order in which they are tried.
    pub(crate) rules: Vec<&'a PriceRule>,
    /// For each customer of the job, those that may match its lines.
    by_customer: Vec<Vec<u16>>,
    margins: Vec<Percent>,
    /// The day of lines that have none, as `yyyymmdd`.
    first_day: u32,
    earned_credit: EarnedCredit,
    /// The currency of all bills, and what one unit of another is in it; empty where there are bills per currency.
    rates: HashMap<Currency, (Currency, Decimal)>,
    pub(crate) single: Option<Currency>,
}

impl<'a> Prices<'a> {
    /// # Errors
    /// Rates that lead to several currencies, that are given twice, or are none; too many rules.
    pub(crate) fn of(job: &'a Job) -> Result<Self, Failure> {
        let mut rules: Vec<&PriceRule> = job.rules.iter().collect();
        rules.sort_by_key(|rule| (rule.details.position, rule.id));
        let mut faults = Vec::new();
        let mut refuse = |message: String| {
            faults.push(Fault { file: String::new(), line: None, column: None, message });
        };
        if rules.len() >= usize::from(NO_RULE) {
            refuse(format!("there are {} price rules, at most {} are possible", rules.len(), NO_RULE - 1));
        }
        let single = job.currency_rates.first().map(|rate| rate.to);
        let mut rates = HashMap::new();
        for (i, field, why) in wrong_rates(&job.currency_rates) {
            let Rate { from, to, .. } = job.currency_rates[i];
            refuse(format!("the rate from {from} to {to}: {field} {why}"));
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
            margins: job.customers.iter().map(|customer| customer.margin.into()).collect(),
            earned_credit: job.earned_credit,
            first_day: number(job.period.first_day()),
            rules,
            rates,
            single,
        })
    }

    /// The currency in which a line of another is billed, and the rate to it; `None` where there is no rate.
    pub(crate) fn bill_currency(&self, line: Currency) -> Option<(Currency, Decimal)> {
        if self.single.is_none() { Some((line, ONE)) } else { self.rates.get(&line).copied() }
    }

    /// What one unit of a rule's currency is in that of a bill.
    fn rate_between(&self, rule: Currency, bill: Currency) -> Option<Decimal> {
        if rule == bill { Some(ONE) } else { self.rates.get(&rule).map(|(_, rate)| *rate) }
    }

    /// The price of a line for a customer, in the currency that `rate` leads to.
    ///
    /// # Errors
    /// A charge beyond all bounds; a fixed price in a currency that no rate leads from. Prices in several currencies may
    /// stand behind each other, each for the lines in its own.
    pub(crate) fn price(
        &self,
        customer: usize,
        line: &Line<'_>,
        values: &Values,
        (currency, rate): (Currency, Decimal),
    ) -> Result<Priced, Wrong> {
        let too_much = || (line.layout.role(Role::Cost), "makes a charge beyond 10^20".to_owned());
        let day = if values.day == 0 { self.first_day } else { values.day };
        let mut without_rate = None;
        for &rule in &self.by_customer[customer] {
            let details = &self.rules[usize::from(rule)].details;
            if !matches(details, line, day) {
                continue;
            }
            let rate = match details.kind {
                RuleKind::Fixed(_, of) => match self.rate_between(of, currency) {
                    Some(rate) => rate,
                    None if values.quantity.is_none() => continue,
                    None => {
                        without_rate.get_or_insert((&details.name, of));
                        continue;
                    }
                },
                _ if without_rate.is_some() => continue,
                _ => rate,
            };
            let credit = details.earned_credit.unwrap_or(self.earned_credit);
            if let Some((charge, basis)) = charge(details.kind, credit, values, rate) {
                return charge.map(|charge| Priced { charge, rule, basis }).ok_or_else(too_much);
            }
        }
        if let Some((name, of)) = without_rate {
            let message = format!(
                "the price rule {name:?} has a price in {of}, and the run was given no rate from {of} to {currency}"
            );
            return Err((line.layout.role(Role::Currency), message));
        }
        let margin = RuleKind::Margin(self.margins[customer]);
        let priced = charge(margin, self.earned_credit, values, rate);
        let priced =
            priced.and_then(|(charge, basis)| Some(Priced { charge: charge?, rule: NO_RULE, basis }));
        priced.ok_or_else(too_much)
    }
}

/// What a rule makes of a line, at a rate that leads from the line's currency, or from the rule's where that has one;
/// `None` where the line has not what the rule needs.
fn charge(
    kind: RuleKind,
    credit: EarnedCredit,
    values: &Values,
    rate: Decimal,
) -> Option<(Option<i128>, Basis)> {
    let whole = u64::from(WHOLE);
    match kind {
        RuleKind::Margin(percent) => {
            let factor = (whole, whole - u64::from(percent.ten_thousandths()));
            Some(from_cost(values, credit, factor, rate))
        }
        RuleKind::Markup(percent) => {
            let factor = (whole + u64::from(percent.ten_thousandths()), whole);
            Some(from_cost(values, credit, factor, rate))
        }
        RuleKind::Discount(percent) => {
            let factor = (whole - u64::from(percent.ten_thousandths()), whole);
            let list = list_price(values)?;
            let charge = scaled(&[list[0], list[1], list[2], rate], factor);
            // A credit is one whichever sign its quantity has.
            let charge = if values.cost.mantissa < 0 { charge.map(|charge| -charge.abs()) } else { charge };
            Some((charge, Basis::ListPrice))
        }
        RuleKind::Fixed(price, _) => {
            let quantity = values.quantity?;
            let price = Decimal { mantissa: price.count(12), places: 12 };
            let charge = scaled(&[price, quantity, rate], (1, 1));
            let charge = if values.cost.mantissa < 0 { charge.map(|charge| -charge.abs()) } else { charge };
            Some((charge, Basis::FixedPrice))
        }
    }
}

/// Unit price × quantity × exchange rate, in the line's currency, where it has both.
fn list_price(values: &Values) -> Option<[Decimal; 3]> {
    Some([values.unit_price?, values.quantity?, values.exchange])
}

/// A charge that starts from the cost, or from what it was before the earned credit.
fn from_cost(
    values: &Values,
    credit: EarnedCredit,
    (numerator, denominator): (u64, u64),
    rate: Decimal,
) -> (Option<i128>, Basis) {
    if credit == EarnedCredit::PassedOn || values.credit.mantissa == 0 {
        return (scaled(&[values.cost, rate], (numerator, denominator)), Basis::Cost);
    }
    let one = power(values.credit.places);
    let kept = one - values.credit.mantissa;
    if kept <= 0 {
        // All of it was credited: only the list price tells what it was before.
        return match list_price(values) {
            Some(list) => {
                (scaled(&[list[0], list[1], list[2], rate], (numerator, denominator)), Basis::ListPrice)
            }
            None => (scaled(&[values.cost, rate], (numerator, denominator)), Basis::Cost),
        };
    }
    // Before the credit = cost / (1 − credit).
    let factor = (u64::try_from(one), u64::try_from(kept));
    let charge = match factor {
        (Ok(one), Ok(kept)) => match (numerator.checked_mul(one), denominator.checked_mul(kept)) {
            (Some(numerator), Some(denominator)) => scaled(&[values.cost, rate], (numerator, denominator)),
            _ => scaled_exactly(
                &[values.cost, rate],
                &(BigInt::from(numerator) * one),
                &(BigInt::from(denominator) * kept),
            ),
        },
        _ => scaled_exactly(
            &[values.cost, rate],
            &(BigInt::from(numerator) * one),
            &(BigInt::from(denominator) * kept),
        ),
    };
    (charge, Basis::CostBeforeCredit)
}

/// `yyyymmdd`.
fn number(date: Date) -> u32 {
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

/// The product of the decimals × numerator / denominator in units of 10^-10, rounded half to even. `None` beyond 10^20.
fn scaled(decimals: &[Decimal], (numerator, denominator): (u64, u64)) -> Option<i128> {
    let quick = || {
        let places: u8 = decimals.iter().try_fold(0_u8, |sum, decimal| sum.checked_add(decimal.places))?;
        let mut product = i128::from(numerator);
        for decimal in decimals {
            product = product.checked_mul(decimal.mantissa)?;
        }
        let mut divisor = u128::from(denominator);
        if places <= CHARGE_PLACES {
            product = product.checked_mul(power(CHARGE_PLACES - places))?;
        } else if places - CHARGE_PLACES <= 38 {
            divisor = divisor.checked_mul(power(places - CHARGE_PLACES).unsigned_abs())?;
        } else {
            return None;
        }
        let size = product.unsigned_abs();
        let (quotient, rest) = match (u64::try_from(size), u64::try_from(divisor)) {
            (Ok(size), Ok(divisor)) => (u128::from(size / divisor), u128::from(size % divisor)),
            _ => {
                let quotient = size / divisor;
                (quotient, size - quotient * divisor)
            }
        };
        let up = match rest.cmp(&(divisor - rest)) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => quotient % 2,
            std::cmp::Ordering::Greater => 1,
        };
        let charge = i128::try_from(quotient + up).ok()?;
        Some(if product < 0 { -charge } else { charge })
    };
    let Some(charge) = quick() else {
        return scaled_exactly(decimals, &numerator.into(), &denominator.into());
    };
    (charge.abs() < power(30)).then_some(charge)
}

#[cold]
fn scaled_exactly(decimals: &[Decimal], numerator: &BigInt, denominator: &BigInt) -> Option<i128> {
    let ten = |exponent: u32| BigInt::from(10).pow(exponent);
    let places: u32 = decimals.iter().map(|decimal| u32::from(decimal.places)).sum();
    let product: BigInt = decimals.iter().map(|decimal| BigInt::from(decimal.mantissa)).product();
    let product = product * numerator * ten(CHARGE_PLACES.into());
    let divisor = denominator * ten(places);
    let zero = BigInt::default();
    let negative = product < zero;
    let size = if negative { -product } else { product };
    let (quotient, rest) = (&size / &divisor, &size % &divisor);
    let twice = rest * 2;
    let up = twice > divisor || twice == divisor && &quotient % 2 != zero;
    let charge = i128::try_from(quotient + i32::from(up)).ok()?;
    (charge < power(30)).then_some(if negative { -charge } else { charge })
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
    fn scaling_rounds_half_to_even_at_the_tenth_place() {
        for (decimals, factor, charge) in [
            (vec!["100"], (1_000_000, 850_000), "117.6470588235"),
            (vec!["-100"], (1_000_000, 850_000), "-117.6470588235"),
            (vec!["0.00000000005"], (1, 1), "0"),
            (vec!["0.00000000015"], (1, 1), "0.0000000002"),
            (vec!["0.00000000025"], (1, 1), "0.0000000002"),
            (vec!["-0.00000000035"], (1, 1), "-0.0000000004"),
            (vec!["0.0000000002500000000000000000001"], (1, 1), "0.0000000003"),
            (
                vec!["123456789012.123456789012345678901234", "1.2345"],
                (1_000_000, 999_999),
                "152407558443.0248504309",
            ),
        ] {
            let decimals: Vec<Decimal> = decimals.into_iter().map(decimal).collect();
            let expected = Some(Amount::count(charge.parse().unwrap(), 10));
            assert_eq!(scaled(&decimals, factor), expected, "{decimals:?}");
            assert_eq!(
                scaled_exactly(&decimals, &factor.0.into(), &factor.1.into()),
                expected,
                "{decimals:?}"
            );
        }
        assert_eq!(scaled(&[decimal("99999999999999999999"), decimal("100")], (1, 1)), None);
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
            ("99999999999", "999999999.5", "99999999948999999999.5"),
        ] {
            assert_eq!(
                exchanged(amount.parse().unwrap(), decimal(rate)).to_string(),
                expected,
                "{amount} at {rate}"
            );
        }
    }
}
