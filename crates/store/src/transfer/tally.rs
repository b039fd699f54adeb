//! Tally of a database for comparisons: row count and checksum of each table, and the last ids.

use super::last_ids::LastIds;
use super::plan::Plan;
use super::{Progress, Step};
use crate::{Error, Tx};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Value, independent of the engine it was read from.
#[derive(Clone)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
}

/// Tally of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableTally {
    /// The table.
    pub table: String,
    /// Number of rows.
    pub rows: u64,
    /// Sum of the SHA-256 of each row, in two halves, as hex: the order of the rows does not matter, every byte does.
    pub checksum: String,
}

/// Tally of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Every table, by name.
    pub tables: Vec<TableTally>,
    /// Last used ids.
    pub last_ids: LastIds,
}

impl Tally {
    /// Number of rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Human-readable list of differences; empty if there are none.
    pub(super) fn differences(&self, other: &Tally) -> String {
        let tables = self.tables.iter().zip(&other.tables).filter(|(a, b)| a != b);
        let tables = tables.map(|(a, b)| format!("table {} ({} and {} rows)", a.table, a.rows, b.rows));
        let last_ids = |of| (self.last_ids.get(of).unwrap_or(&0), other.last_ids.get(of).unwrap_or(&0));
        let counted: BTreeSet<&(i64, String)> = self.last_ids.keys().chain(other.last_ids.keys()).collect();
        let ids = counted.into_iter().map(|of| (of, last_ids(of))).filter(|(_, (a, b))| a != b);
        let ids = ids.map(|((partner, kind), (a, b))| match partner {
            0 => format!("ids of {kind} ({a} and {b})"),
            _ => format!("ids of {kind} of partner {partner} ({a} and {b})"),
        });
        tables.chain(ids).collect::<Vec<_>>().join(", ")
    }

    /// Read all of a database.
    pub(super) async fn of(tx: &mut Tx, plan: &Plan, progress: &mut Progress<'_>) -> Result<Self, Error> {
        progress.start(Step::Verifying, plan.count(tx).await?);
        let mut tables = Vec::new();
        for table in &plan.tables {
            let (mut sum, mut last) = (Sum::default(), None);
            loop {
                let rows = table.page(tx, last.as_ref()).await?;
                rows.iter().for_each(|row| sum.add(row));
                progress.advance(&table.name, rows.len());
                match rows.into_iter().next_back() {
                    Some(row) => last = Some(row),
                    None => break,
                }
            }
            tables.push(sum.tally(&table.name));
        }
        Ok(Tally { tables, last_ids: plan.read_last_ids(tx).await? })
    }
}

#[derive(Default)]
pub(super) struct Sum {
    rows: u64,
    halves: [u128; 2],
}

impl Sum {
    pub(super) fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        for value in row {
            match value {
                Value::Null => hash.update([0]),
                Value::Int(number) => {
                    hash.update([1]);
                    hash.update(number.to_be_bytes());
                }
                Value::Text(text) => {
                    hash.update([2]);
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text.as_bytes());
                }
            }
        }
        let digest: [u8; 32] = hash.finalize().into();
        for (half, bytes) in self.halves.iter_mut().zip(digest.as_chunks::<16>().0) {
            *half = half.wrapping_add(u128::from_be_bytes(*bytes));
        }
        self.rows += 1;
    }

    pub(super) fn tally(&self, table: &str) -> TableTally {
        let checksum = format!("{:032x}{:032x}", self.halves[0], self.halves[1]);
        TableTally { table: table.to_owned(), rows: self.rows, checksum }
    }
}
