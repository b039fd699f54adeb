//! The sums of a bill's lines while they are written: by service, subscription, publisher and month.

use crate::amount::Amount;
use crate::cells::Cells;
use crate::columns::Kind;
use crate::items::{Item, Items};
use crate::render::text;
use crate::report::LineSums;
use crate::row::{Row, Unit};
use crate::scale::CHARGE_PLACES;
use std::collections::BTreeMap;

/// Sums by a cell of the lines.
#[derive(Default)]
struct Tally {
    places: Cells<usize>,
    sums: Vec<(Box<[u8]>, Sums)>,
    /// Lines come in their order: most are of what the line before was of.
    last: usize,
}

/// Sums of some lines.
#[derive(Clone, Default)]
pub(crate) struct Sums {
    pub(crate) lines: u64,
    /// With [`CHARGE_PLACES`] decimal places.
    pub(crate) charge: i128,
    /// The name that goes with the cell; of several, the first in the alphabet.
    pub(crate) name: Option<Box<[u8]>>,
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
    /// The last day of daily usage, as `yyyymmdd`; 0 without daily usage.
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
    pub(crate) fn usage_through(&self) -> Option<String> {
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

    /// The sums by month, in their order.
    pub(crate) fn by_month(&self) -> Vec<(String, Sums)> {
        self.months.sorted()
    }

    /// The purchases, by product and unit price.
    pub(crate) fn items(&self) -> Vec<Item> {
        self.items.listed()
    }

    /// The sums by the service (0) or the subscription (1), by text.
    pub(crate) fn sorted(&self, by: usize) -> Vec<(String, Sums)> {
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
