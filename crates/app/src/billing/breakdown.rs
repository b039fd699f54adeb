//! What a statement's total is made of, as its bill says: by service and by subscription.

use super::{StatementView, of_store};
use crate::access::Call;
use crate::boxed;
use crate::{App, Error};
use bill_storage::OpenFile;
use futures_util::TryStreamExt;
use rating::Amount;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The largest `statement.json` that is read for a page, in bytes. It grows with the customer's subscriptions.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// What a statement's total is made of. Rounding and corrections come on top.
#[derive(Clone, Debug, Default)]
pub struct Breakdown {
    /// By service, the largest charge first.
    pub services: Vec<Subtotal>,
    /// By subscription, the largest charge first.
    pub subscriptions: Vec<Subtotal>,
}

/// A part of a total.
#[derive(Clone, Debug)]
pub struct Subtotal {
    /// The name of the service or subscription; may be empty.
    pub name: String,
    /// The id of the subscription.
    pub id: Option<String>,
    /// The number of its lines.
    pub lines: u64,
    /// What they are charged with, unrounded.
    pub charge: Amount,
}

/// What is read of `statement.json`.
#[derive(Deserialize)]
struct Stored {
    subtotals: StoredSubtotals,
}

#[derive(Deserialize)]
struct StoredSubtotals {
    services: Vec<StoredSubtotal>,
    subscriptions: Vec<StoredSubtotal>,
}

#[derive(Deserialize)]
struct StoredSubtotal {
    #[serde(default)]
    id: Option<String>,
    name: String,
    lines: u64,
    /// Its digits, which a double would not keep.
    charge: Box<RawValue>,
}

impl App {
    /// What this statement's total is made of; `None` where its bill has no file that says so, or one that is too large for
    /// a page.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller may not see it; [`Error::BillsUnavailable`]; [`Error::BillDamaged`]; [`Error`] of
    /// the store.
    #[boxed]
    pub async fn statement_breakdown(
        &self,
        call: &Call,
        statement: &StatementView,
    ) -> Result<Option<Breakdown>, Error> {
        // A customer with lines in several currencies has a statement in each.
        let names = [format!("statement.{}.json", statement.currency()), "statement.json".to_owned()];
        let Some(name) = names.iter().find(|name| statement.files().contains(name)) else { return Ok(None) };
        let opened = self.statement_file(call, statement.id(), None, name, &|_, _| None).await?;
        read_file(opened.file).await
    }
}

/// What the total is made of, by an open `statement.json`; `None` if it is too large for a page.
pub(super) async fn read_file(opened: OpenFile) -> Result<Option<Breakdown>, Error> {
    if opened.size > MAX_BYTES {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let mut stream = opened.stream;
    while let Some(part) = stream.try_next().await.map_err(|error| of_store(&error))? {
        bytes.extend_from_slice(&part);
    }
    read(&bytes).map(Some)
}

fn read(bytes: &[u8]) -> Result<Breakdown, Error> {
    let damaged = |error: String| Error::BillDamaged(format!("statement.json: {error}"));
    let stored: Stored = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    let subtotals = |stored: Vec<StoredSubtotal>| {
        let read = |subtotal: StoredSubtotal| {
            let digits = subtotal.charge.get();
            let charge = digits.parse().map_err(|error| damaged(format!("the amount {digits} {error}")))?;
            Ok(Subtotal { name: subtotal.name, id: subtotal.id, lines: subtotal.lines, charge })
        };
        let mut read = stored.into_iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        read.sort_by_key(|subtotal| std::cmp::Reverse(subtotal.charge));
        Ok::<_, Error>(read)
    };
    let StoredSubtotals { services, subscriptions } = stored.subtotals;
    Ok(Breakdown { services: subtotals(services)?, subscriptions: subtotals(subscriptions)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtotals_are_read_exactly_and_sorted() {
        let json = br#"{"total_amount": 3.00, "subtotals": {"months": [],
            "services": [{"name": "A", "lines": 1, "charge": 0.1000000001}, {"name": "", "lines": 2, "charge": 2.9}],
            "subscriptions": [{"id": "s", "name": "Production", "lines": 3, "charge": 3.0000000001}]}}"#;
        let read = read(json).unwrap();
        let shown = |subtotals: &[Subtotal]| {
            let shown = subtotals.iter().map(|s| format!("{} {} {} {:?}", s.name, s.lines, s.charge, s.id));
            shown.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(shown(&read.services), " 2 2.9 None; A 1 0.1000000001 None");
        assert_eq!(shown(&read.subscriptions), "Production 3 3.0000000001 Some(\"s\")");
    }

    #[test]
    fn damaged_statements_are_refused() {
        for json in [
            "",
            "{}",
            r#"{"subtotals": {"services": [{"name": "A", "lines": 1, "charge": "x"}], "subscriptions": []}}"#,
            r#"{"subtotals": {"services": [{"name": "A", "lines": -1, "charge": 1}], "subscriptions": []}}"#,
        ] {
            assert!(matches!(read(json.as_bytes()), Err(Error::BillDamaged(_))), "{json}");
        }
    }
}
