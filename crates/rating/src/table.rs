//! `bill.csv`: its columns, its lines, and what it has beside Microsoft's lines.

use crate::amount::Amount;
use crate::columns::{CHARGE, CHARGE_CURRENCY, CHARGE_UNIT_PRICE, Kind};
use crate::job::BilledCustomer;
use crate::render::push_text;
use crate::row::Row;
use crate::scan::Scan;

/// The columns of a bill: those of its lines' kind, or of both kinds where it has both.
pub(crate) struct Table {
    columns: Vec<&'static str>,
    /// Where both are: for each column its place in lines of either kind.
    places: Option<Vec<[Option<usize>; 2]>>,
}

impl Table {
    /// `kinds`: bit 0 for reconciliation, bit 1 for usage.
    pub(crate) fn of(kinds: u8) -> Table {
        match kinds {
            3 => {
                let mut columns: Vec<&str> = Kind::Reconciliation.shown().collect();
                for column in Kind::Usage.shown() {
                    // One column under two names.
                    let known = if column == "Tier2MpnId" { "ResellerMpnId" } else { column };
                    if !columns.contains(&known) {
                        columns.push(column);
                    }
                }
                let place = |kind: Kind, column: &str| match (kind, column) {
                    (Kind::Usage, "ResellerMpnId") => kind.shown_place("Tier2MpnId"),
                    _ => kind.shown_place(column),
                };
                let both = [Kind::Reconciliation, Kind::Usage];
                let places = columns.iter().map(|column| both.map(|kind| place(kind, column))).collect();
                Table { columns, places: Some(places) }
            }
            1 => Table { columns: Kind::Reconciliation.shown().collect(), places: None },
            _ => Table { columns: Kind::Usage.shown().collect(), places: None },
        }
    }

    pub(crate) fn header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.columns.join(",").as_bytes());
        out.extend_from_slice(format!(",{CHARGE_UNIT_PRICE},{CHARGE},{CHARGE_CURRENCY}\n").as_bytes());
    }

    /// The cells of a line, without its charge.
    pub(crate) fn line(&self, row: Row<'_>, scan: &mut Scan, out: &mut Vec<u8>) {
        let cells = row.cells();
        let Some(places) = &self.places else {
            out.extend_from_slice(cells);
            return;
        };
        scan.read_record(cells);
        let ends = scan.ends();
        for (i, places) in places.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            if let Some(place) = places[row.kind() as usize] {
                let begin = if place == 0 { 0 } else { ends[place - 1] as usize + 1 };
                out.extend_from_slice(&cells[begin..ends[place] as usize]);
            }
        }
    }

    /// A line that is not Microsoft's.
    pub(crate) fn adjustment_row(
        &self,
        product: &str,
        charge_type: &str,
        customer: &BilledCustomer,
        charge: Amount,
        currency: &str,
        out: &mut Vec<u8>,
    ) {
        for column in &self.columns {
            match *column {
                "CustomerName" => push_text(&customer.name, out),
                "ProductName" => push_text(product, out),
                "ChargeType" => push_text(charge_type, out),
                _ => {}
            }
            out.push(b',');
        }
        out.push(b',');
        charge.push(out);
        out.push(b',');
        out.extend_from_slice(currency.as_bytes());
        out.push(b'\n');
    }
}
