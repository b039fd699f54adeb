//! A priced line between reading and writing: the cells that its customer may see, and beside them, for the ledger and
//! the sums, what only the partner may.

use crate::amount::{Amount, Decimal};
use crate::columns::Kind;
use crate::currency::Currency;
use crate::detail::Group;
use crate::price::{Basis, CreditUse, Priced, unit_price};

/// Orders the lines of a bill, whatever order they came in, and tells whether two are the same (`identity`). Compared as
/// bytes.
pub(crate) const KEY: usize = 36;

/// How lines are written to the spool: little-endian, the cells last.
///
/// | bytes | what |
/// | --- | --- |
/// | 0–4 | length of it all |
/// | 4–40 | key |
/// | 40–64 | cost: 10^-18, and the rest in 10^-36 |
/// | 64–80 | charge in 10^-10 |
/// | 80–82 | rule |
/// | 82, 83 | basis, kind |
/// | 84–88 | day |
/// | 88–120 | where in the cells the service, the subscription's id and name, and the publisher begin, and their lengths |
/// | 120–123 | the currency of the cost |
/// | 123–125 | which file it is from; has no influence on the output |
/// | 125–141 | earned credit in 10^-10 |
/// | 141 | what becomes of it |
/// | 142–150 | digest of what it is known by but its invoice (`identity`) |
/// | 150–158 | group of reconciliation and usage (`detail`); has no influence on the output |
/// | 158–166 | where in the cells the quantity begins, and its length |
pub(crate) const HEAD: usize = QUANTITY_AT + 8;
const CURRENCY_AT: usize = 120;
const MEMBER_AT: usize = CURRENCY_AT + 3;
const CREDIT_AT: usize = MEMBER_AT + 2;
const CREDIT_USE_AT: usize = CREDIT_AT + 16;
const CONTENT_AT: usize = CREDIT_USE_AT + 1;
const GROUP_AT: usize = CONTENT_AT + 8;
const QUANTITY_AT: usize = GROUP_AT + 8;

/// A row as it was spooled.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a>(&'a [u8]);

/// What stands before the cells.
pub(crate) struct Head {
    pub(crate) key: [u8; KEY],
    pub(crate) cost: Amount,
    pub(crate) currency: Currency,
    pub(crate) priced: Priced,
    pub(crate) kind: Kind,
    pub(crate) day: u32,
    /// Service, subscription's id, subscription's name, publisher, quantity: begin and length in the cells.
    pub(crate) names: [(u32, u32); 5],
    /// The [`member_number`] of its file.
    pub(crate) member: u16,
    /// A digest of what it is known by but its invoice.
    pub(crate) content: u64,
    /// The group of reconciliation and usage; 0 for none.
    pub(crate) group: Group,
}

impl Head {
    /// Writes it over the first bytes of a row that is otherwise complete.
    pub(crate) fn write(&self, row: &mut [u8]) {
        let length = row.len() as u32;
        let (attos, rest) = self.cost.parts();
        row[0..4].copy_from_slice(&length.to_le_bytes());
        row[4..40].copy_from_slice(&self.key);
        row[40..56].copy_from_slice(&attos.to_le_bytes());
        row[56..64].copy_from_slice(&rest.to_le_bytes());
        row[64..80].copy_from_slice(&self.priced.charge.to_le_bytes());
        row[80..82].copy_from_slice(&self.priced.rule.to_le_bytes());
        row[82] = self.priced.basis as u8;
        row[83] = u8::from(self.kind == Kind::Usage);
        row[84..88].copy_from_slice(&self.day.to_le_bytes());
        row[CURRENCY_AT..MEMBER_AT].copy_from_slice(self.currency.code().as_bytes());
        row[MEMBER_AT..CREDIT_AT].copy_from_slice(&self.member.to_le_bytes());
        row[CREDIT_AT..CREDIT_USE_AT].copy_from_slice(&self.priced.credit.to_le_bytes());
        row[CREDIT_USE_AT] = self.priced.credit_use as u8;
        row[CONTENT_AT..GROUP_AT].copy_from_slice(&self.content.to_le_bytes());
        row[GROUP_AT..QUANTITY_AT].copy_from_slice(&self.group.to_le_bytes());
        for (i, (begin, length)) in self.names.iter().enumerate() {
            let at = name_at(i);
            row[at..at + 4].copy_from_slice(&begin.to_le_bytes());
            row[at + 4..at + 8].copy_from_slice(&length.to_le_bytes());
        }
    }
}

/// The quantity of a line, and what the customer is charged for one of it, where there is such a price.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) quantity: Option<Decimal>,
    pub(crate) price: Option<Amount>,
}

fn name_at(which: usize) -> usize {
    if which == 4 { QUANTITY_AT } else { 88 + 8 * which }
}

/// The number of a file in rows; of those beyond, the last that there can be.
pub(crate) fn member_number(member: usize) -> u16 {
    u16::try_from(member).unwrap_or(u16::MAX)
}

/// The row of a line that no customer is billed for: only which it is, and where from.
pub(crate) fn unpriced(key: &[u8; KEY], member: u16) -> [u8; HEAD] {
    let mut row = [0; HEAD];
    row[0..4].copy_from_slice(&(HEAD as u32).to_le_bytes());
    row[4..40].copy_from_slice(key);
    row[MEMBER_AT..CREDIT_AT].copy_from_slice(&member.to_le_bytes());
    row
}

impl<'a> Row<'a> {
    /// The row that these bytes begin with; `None` if they have not all of it.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<Row<'a>> {
        let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        bytes.get(..length).map(Row)
    }

    fn take<const N: usize>(self, at: usize) -> [u8; N] {
        let mut taken = [0; N];
        taken.copy_from_slice(&self.0[at..at + N]);
        taken
    }

    /// What it is ordered by: the key, and where two are alike, the rest. Rows that are alike in that too make the same
    /// bytes.
    pub(crate) fn order(self) -> (&'a [u8], &'a [u8]) {
        (Row::order_of_head(self.0), self.cells())
    }

    /// The first part of that, of bytes that begin with a head.
    pub(crate) fn order_of_head(bytes: &[u8]) -> &[u8] {
        &bytes[4..MEMBER_AT]
    }

    pub(crate) fn member(self) -> u16 {
        u16::from_le_bytes(self.take(MEMBER_AT))
    }

    /// The earned credit in units of 10^-10 of the bill's currency, and what becomes of it.
    pub(crate) fn credit(self) -> (i128, CreditUse) {
        let credit = i128::from_le_bytes(self.take(CREDIT_AT));
        (credit, CreditUse::ALL[usize::from(self.0[CREDIT_USE_AT])])
    }

    /// The digest of what it is known by but its invoice.
    pub(crate) fn content(self) -> u64 {
        u64::from_le_bytes(self.take(CONTENT_AT))
    }

    /// The group of reconciliation and usage; 0 for none.
    pub(crate) fn group(self) -> Group {
        u64::from_le_bytes(self.take(GROUP_AT))
    }

    pub(crate) fn key(self) -> [u8; KEY] {
        self.take(4)
    }

    pub(crate) fn cost(self) -> Amount {
        Amount::from_parts(i128::from_le_bytes(self.take(40)), u64::from_le_bytes(self.take(56)))
    }

    /// The code of the cost's currency.
    pub(crate) fn currency(self) -> [u8; 3] {
        self.take(CURRENCY_AT)
    }

    /// In units of 10^-10.
    pub(crate) fn charge(self) -> i128 {
        i128::from_le_bytes(self.take(64))
    }

    pub(crate) fn rule(self) -> u16 {
        u16::from_le_bytes(self.take(80))
    }

    pub(crate) fn basis(self) -> Basis {
        Basis::ALL[usize::from(self.0[82])]
    }

    pub(crate) fn kind(self) -> Kind {
        if self.0[83] == 1 { Kind::Usage } else { Kind::Reconciliation }
    }

    /// `yyyymmdd`, 0 for none.
    pub(crate) fn day(self) -> u32 {
        u32::from_le_bytes(self.take(84))
    }

    fn name(self, which: usize) -> &'a [u8] {
        let at = name_at(which);
        let begin = u32::from_le_bytes(self.take(at)) as usize;
        let length = u32::from_le_bytes(self.take(at + 4)) as usize;
        self.cells().get(begin..begin + length).unwrap_or_default()
    }

    /// A meter category, or a product's name; as a cell of CSV.
    pub(crate) fn service(self) -> &'a [u8] {
        self.name(0)
    }

    /// As a cell of CSV.
    pub(crate) fn subscription(self) -> &'a [u8] {
        self.name(1)
    }

    /// As a cell of CSV.
    pub(crate) fn subscription_name(self) -> &'a [u8] {
        self.name(2)
    }

    /// As a cell of CSV.
    pub(crate) fn publisher(self) -> &'a [u8] {
        self.name(3)
    }

    /// What has been charged, and at which price.
    pub(crate) fn unit(self) -> Unit {
        let quantity = Decimal::parse(self.name(4)).ok().filter(|_| !self.name(4).is_empty());
        Unit { quantity, price: quantity.and_then(|quantity| unit_price(self.charge(), quantity)) }
    }

    /// What its customer sees: the shown columns of its kind as CSV, without a line feed.
    pub(crate) fn cells(self) -> &'a [u8] {
        &self.0[HEAD..]
    }
}
