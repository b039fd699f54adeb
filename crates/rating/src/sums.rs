//! What the lines of a bill add up to.

use crate::amount::{Amount, Decimal};
use crate::currency::Currency;
use crate::line::ONE;
use crate::period::BillingPeriod;
use crate::price::{CreditUse, Prices, Relation, exchanged, relation};
use crate::reissued::Reissued;
use crate::row::Row;
use std::collections::BTreeMap;

/// What a bill adds up to.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) lines: u64,
    pub(crate) before: u64,
    pub(crate) charge: i128,
    /// By currency: of lines that were billed before, and of new ones.
    pub(crate) costs: BTreeMap<[u8; 3], (Amount, Amount)>,
    /// Lines charged below, and far above, their cost: how many, their cost at the run's rate, and their charge.
    pub(crate) below_cost: (u64, Amount, i128),
    pub(crate) far_above_cost: (u64, Amount, i128),
    /// Earned credit in units of the charge; lines of which it is unknown, and their cost.
    pub(crate) credit_kept: i128,
    pub(crate) credit_passed_on: i128,
    pub(crate) credit_unknown: (u64, Amount),
    /// Lines that equal final ones in all but the invoice number, and their cost by currency.
    pub(crate) reissued: BTreeMap<BillingPeriod, Reissued>,
}

impl Sums {
    /// Counts the earned credit of a line, and the line if its charge is out of proportion to its cost; that cost at the run's
    /// rate, and the known credit in units of the charge. `rates`: those looked up before, by currency.
    pub(crate) fn compare(
        &mut self,
        row: Row<'_>,
        rates: &mut Vec<([u8; 3], Decimal)>,
        prices: &Prices<'_>,
    ) -> (Amount, i128) {
        let code = row.currency();
        let rate = match rates.iter().find(|(known, _)| *known == code) {
            Some((_, rate)) => *rate,
            None => {
                let rate = currency_of(code).and_then(|currency| prices.bill_currency(currency));
                let rate = rate.map_or(ONE, |(_, rate)| rate);
                rates.push((code, rate));
                rate
            }
        };
        let (cost, charge) = (exchanged(row.cost(), rate), row.charge());
        let credit = match row.credit() {
            (_, CreditUse::None) => 0,
            (credit, CreditUse::Kept) => {
                self.credit_kept += credit;
                credit
            }
            (credit, CreditUse::PassedOn) => {
                self.credit_passed_on += credit;
                credit
            }
            (_, CreditUse::Unknown | CreditUse::Missing) => {
                self.credit_unknown.0 += 1;
                self.credit_unknown.1 += cost;
                0
            }
        };
        let (lines, costs, charges) = match relation(charge, cost) {
            Relation::Usual => return (cost, credit),
            Relation::BelowCost => &mut self.below_cost,
            Relation::FarAboveCost => &mut self.far_above_cost,
        };
        *lines += 1;
        *costs += cost;
        *charges += charge;
        (cost, credit)
    }
}

/// The currency of a code in a row.
pub(crate) fn currency_of(code: [u8; 3]) -> Option<Currency> {
    std::str::from_utf8(&code).ok()?.parse().ok()
}
