//! Purchases of a bill by product and unit price: what a customer compares with what it has ordered. Usage has a price for each
//! meter and tier, which the lines of the bill show.

use crate::amount::Amount;
use crate::cells::Cells;
use crate::columns::Kind;
use crate::render::text;
use crate::row::{Row, Unit};
use crate::scale::CHARGE_PLACES;

/// Maximum number of items. A bill with more lists none: its lines have them.
const MAX_ITEMS: usize = 500;
/// Quantities from here on are in no sum.
const MAX_QUANTITY: i128 = 1_000_000_000_000;

/// A product at one unit price.
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) quantity: Amount,
    pub(crate) unit_price: Amount,
    pub(crate) lines: u64,
    pub(crate) charge: Amount,
}

/// The purchases of a bill, line by line.
#[derive(Default)]
pub(crate) struct Items {
    /// By the cell of the name, with the digits of the price behind it.
    found: Cells<Sums>,
    /// Whether there are too many to list.
    overflows: bool,
    key: Vec<u8>,
}

struct Sums {
    name: Box<[u8]>,
    unit_price: Amount,
    quantity: Amount,
    lines: u64,
    charge: i128,
}

impl Items {
    /// Adds a line of a purchase. A line without a unit price is no item: its charge and quantity differ in their sign.
    pub(crate) fn add(&mut self, row: Row<'_>, unit: Unit) {
        let Unit { quantity: Some(quantity), price: Some(unit_price) } = unit else { return };
        let quantity = Amount::from(quantity);
        if row.kind() == Kind::Usage || quantity.abs() > Amount::of(MAX_QUANTITY, 0) {
            return;
        }
        self.key.clear();
        self.key.extend_from_slice(row.service());
        self.key.push(0);
        unit_price.push(&mut self.key);
        if self.found.len() == MAX_ITEMS && !self.found.contains_key(self.key.as_slice()) {
            self.overflows = true;
            return;
        }
        let sums = match self.found.get_mut(self.key.as_slice()) {
            Some(sums) => sums,
            None => {
                let new = Sums {
                    name: row.service().into(),
                    unit_price,
                    quantity: Amount::ZERO,
                    lines: 0,
                    charge: 0,
                };
                self.found.entry(self.key.as_slice().into()).or_insert(new)
            }
        };
        sums.quantity += quantity;
        sums.lines += 1;
        sums.charge += row.charge();
    }

    /// By name and unit price.
    pub(crate) fn listed(&self) -> Vec<Item> {
        let item = |sums: &Sums| Item {
            name: text(&sums.name),
            quantity: sums.quantity,
            unit_price: sums.unit_price,
            lines: sums.lines,
            charge: Amount::of(sums.charge, CHARGE_PLACES),
        };
        if self.overflows {
            return Vec::new();
        }
        let mut items: Vec<Item> = self.found.values().map(item).collect();
        items.sort_by(|a, b| (&a.name, a.unit_price).cmp(&(&b.name, b.unit_price)));
        items
    }
}
