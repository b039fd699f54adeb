//! What a history's bills have to come to, in whole numbers: whose a line is on its day, at which margin, and what that charges.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Values that hold from a day on.
#[derive(Clone, Debug)]
pub(super) struct Dated<T>(BTreeMap<String, T>);

impl<T: Copy + PartialEq> Dated<T> {
    /// A value that holds from the beginning, before every day.
    pub(super) fn always(value: T) -> Self {
        Dated(BTreeMap::from([(String::new(), value)]))
    }

    /// Sets the value from a day on, until the next day on which it changes: a day that changes nothing is forgotten.
    pub(super) fn set(&mut self, day: String, value: T) {
        self.0.insert(day, value);
        let mut last = None;
        self.0.retain(|_, value| last.replace(*value) != Some(*value));
    }

    pub(super) fn on(&self, day: &str) -> T {
        let until = (Bound::Unbounded, Bound::Included(day));
        *self.0.range::<str, _>(until).next_back().unwrap().1
    }
}

/// What decides who pays what.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The customer that has a tenant, by its place in the list.
    pub(super) owners: BTreeMap<&'static str, Dated<Option<usize>>>,
    pub(super) margins: Vec<Dated<i128>>,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) month: &'static str,
    pub(super) day: String,
    pub(super) tenant: &'static str,
    /// In thousandths.
    pub(super) cost: i128,
}

/// The charge of a line in 10^-10: its cost by one less the margin, rounded half to even.
pub(super) fn charged(line: &Line, facts: &Facts) -> i128 {
    let owner = facts.owners[line.tenant].on(&line.day).unwrap();
    let rest = 1_000_000 - facts.margins[owner].on(&line.day);
    rounded(line.cost * 10_000_000 * 1_000_000, rest)
}

/// A quotient, rounded half to even.
pub(super) fn rounded(number: i128, by: i128) -> i128 {
    let (quotient, over) = (number.div_euclid(by), number.rem_euclid(by));
    quotient + i128::from(2 * over > by || 2 * over == by && quotient % 2 != 0)
}

/// A decimal in units of 10^-`places`.
pub(super) fn units(text: &str, places: usize) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= places || fraction[places..].bytes().all(|digit| digit == b'0'), "{text}");
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(places).collect();
    format!("{whole}{fraction}").parse().unwrap()
}

/// So many units of 10^-`places` as a decimal.
pub(super) fn decimal(units: i128, places: usize) -> String {
    let digits = format!("{:0width$}", units.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{}{whole}.{fraction}", if units < 0 { "-" } else { "" })
}

#[test]
fn the_oracle_rounds_half_to_even() {
    for (number, by, expected) in
        [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (10, 3, 3), (11, 3, 4), (-11, 3, -4)]
    {
        assert_eq!(rounded(number, by), expected, "{number} / {by}");
    }
    assert_eq!((units("-0.5", 2), units("12", 2), units("1.2340", 3)), (-50, 1200, 1234));
    assert_eq!((decimal(-5, 3), decimal(12_345, 3)), ("-0.005".to_owned(), "12.345".to_owned()));
}
