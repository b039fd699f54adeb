//! One bill from a reconciliation and its daily usage. Microsoft's reconciliation has all of an invoice, usage as sums; the daily
//! rated usage is the detail of these (Microsoft Learn, Partner Center, "Use the reconciliation files"). No line is in both.
//!
//! Lines form groups of a tenant, invoice, product, SKU and currency. Where usage explains the reconciliation's sum of a group up to
//! rounding, the days take the place of the sums, and an adjustment line has what rounding leaves between them: so every
//! customer's cost is the invoice's, and its days are there. Microsoft cuts each line of a reconciliation to cents and rounds no
//! usage. A difference beyond that is not smoothed over: the group keeps its lines of the reconciliation, and the report names it.
//!
//! An invoice whose usage and reconciliation have no group in common was taken apart by hand: then both are billed as they are.

use crate::amount::Amount;
use crate::columns::{Kind, RECONCILIATION, Role};
use crate::currency::Currency;
use crate::line::{Line, Values};
use crate::period::BillingPeriod;
use crate::plural::count_of;
use crate::render::text;
use crate::report::{Difference, Reason, Reconciled, SideOfGroup};
use crate::source::Member;
use crate::warning::{Counted, Money, Warning, WarningCode};
use crate::wording::{Message, Wording};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Maximum number of differences that a report lists.
const MAX_DIFFERENCES: usize = 1000;
/// The charge type of adjustment lines.
const ADJUSTMENT: &str = "RoundingAdjustment";

/// A group of lines, as a digest; 0 for lines of none.
pub(crate) type Group = u64;

/// What one thread has seen of groups.
#[derive(Default)]
pub(crate) struct Details {
    groups: HashMap<Group, Seen>,
    text: Vec<u8>,
    last_text: Vec<u8>,
    lower: Vec<u8>,
    /// Lines of the group of the last line that are not added to it yet: those of a group often follow each other.
    last: (Group, Sides),
}

/// The lines of both kinds, and the days of usage: bit n for day n of a month.
#[derive(Clone, Copy, Default)]
struct Sides {
    reconciliation: Side,
    usage: Side,
    days: u32,
}

/// How many [`Reason`]s there are.
const REASONS: usize = 3;

fn add_left(sums: &mut [(u64, Amount); REASONS], others: &[(u64, Amount); REASONS]) {
    for (sum, other) in sums.iter_mut().zip(others) {
        sum.0 += other.0;
        sum.1 += other.1;
    }
}

/// Lines of one kind. Those that no customer is billed for are counted apart too, by [`Reason`].
#[derive(Clone, Copy, Default)]
struct Side {
    lines: u64,
    cost: Amount,
    left: [(u64, Amount); REASONS],
}

struct Seen {
    sides: Sides,
    /// Tenant, invoice, product, SKU and currency, each with a zero behind it.
    what: Box<[u8]>,
    /// Names of customer, product and publisher, of a group with lines of a reconciliation; the first of them in the alphabet.
    names: Option<[Box<[u8]>; 3]>,
}

impl Side {
    fn add(&mut self, other: &Side) {
        self.lines += other.lines;
        self.cost += other.cost;
        add_left(&mut self.left, &other.left);
    }

    fn shown(&self) -> SideOfGroup {
        SideOfGroup { lines: self.lines, cost: self.cost }
    }
}

impl Sides {
    fn add(&mut self, other: &Sides) {
        self.reconciliation.add(&other.reconciliation);
        self.usage.add(&other.usage);
        self.days |= other.days;
    }

    fn of(&mut self, kind: Kind) -> &mut Side {
        match kind {
            Kind::Reconciliation => &mut self.reconciliation,
            Kind::Usage => &mut self.usage,
        }
    }

    /// What rounding can leave between the two: less than a cent for each line of the reconciliation, and half of one for each day.
    fn rounding(&self) -> Amount {
        let cents = 2 * i128::from(self.reconciliation.lines) + i128::from(self.days.count_ones());
        Amount::of(5 * cents, 3)
    }
}

impl Details {
    /// Whether there can be files of both kinds: the parts of an export are of one.
    pub(crate) fn can_tell(members: &[Member]) -> bool {
        let [first, others @ ..] = members else { return false };
        others.iter().any(|other| !other.is_part || other.source != first.source)
    }

    /// Counts a line of a tenant; its group.
    pub(crate) fn see(&mut self, line: &Line<'_>, values: &Values, tenant: &str) -> Group {
        let [invoice, product, sku] =
            [Role::Invoice, Role::ProductId, Role::SkuId].map(|role| line.get(role));
        if product.is_empty() {
            return 0;
        }
        self.text.clear();
        let currency = values.currency.code().as_bytes();
        for part in [tenant.as_bytes(), invoice, product, sku, currency] {
            self.text.extend_from_slice(part);
            self.text.push(0);
        }
        if self.last.0 == 0 || self.text != self.last_text {
            self.find();
        }
        let group = self.last.0;
        let kind = line.layout.kind;
        let side = self.last.1.of(kind);
        side.lines += 1;
        side.cost += values.cost.into();
        match kind {
            Kind::Usage => self.last.1.days |= 1 << (values.day % 100).min(31),
            Kind::Reconciliation => {
                let roles = [Role::CustomerName, Role::ProductName, Role::Publisher];
                let names = roles.map(|role| line.get(role));
                if let Some(seen) = self.groups.get_mut(&group)
                    && seen
                        .names
                        .as_ref()
                        .is_none_or(|known| names.into_iter().lt(known.iter().map(|name| &**name)))
                {
                    seen.names = Some(names.map(Box::from));
                }
            }
        }
        group
    }

    /// Goes on with the group that the text names.
    fn find(&mut self) {
        self.lower.clear();
        self.lower.extend_from_slice(&self.text);
        self.lower.make_ascii_lowercase();
        let group = (twox_hash::XxHash3_128::oneshot(&self.lower) as Group).max(1);
        if group != self.last.0 {
            self.flush();
            self.last.0 = group;
        }
        let what = || self.text.as_slice().into();
        let seen = self.groups.entry(group).or_insert_with(|| Seen {
            sides: Sides::default(),
            what: what(),
            names: None,
        });
        // The smallest spelling, so that the order of the lines has no influence.
        if self.text.as_slice() < &*seen.what {
            seen.what = what();
        }
        std::mem::swap(&mut self.text, &mut self.last_text);
    }

    /// Notes that no customer is billed for the line that was seen last, and why.
    pub(crate) fn was_left(&mut self, kind: Kind, reason: Reason, cost: Amount) {
        let (lines, sum) = &mut self.last.1.of(kind).left[reason as usize];
        *lines += 1;
        *sum += cost;
    }

    fn flush(&mut self) {
        let (group, sides) = std::mem::take(&mut self.last);
        if let Some(seen) = self.groups.get_mut(&group) {
            seen.sides.add(&sides);
        }
    }

    /// Judges every group, when all threads have seen their lines.
    pub(crate) fn judge(threads: impl Iterator<Item = Details>, period: BillingPeriod) -> Verdicts {
        let mut all: HashMap<Group, Seen> = HashMap::new();
        for mut thread in threads {
            thread.flush();
            if all.is_empty() {
                all = thread.groups;
                continue;
            }
            for (group, seen) in thread.groups {
                match all.entry(group) {
                    std::collections::hash_map::Entry::Vacant(free) => drop(free.insert(seen)),
                    std::collections::hash_map::Entry::Occupied(mut known) => known.get_mut().merge(seen),
                }
            }
        }
        let both = |seen: &Seen| seen.sides.reconciliation.lines > 0 && seen.sides.usage.lines > 0;
        let invoices: HashSet<Vec<u8>> = all.values().filter(|seen| both(seen)).map(Seen::invoice).collect();
        let mut verdicts = Verdicts::default();
        if invoices.is_empty() {
            return verdicts;
        }
        let mut judged: Vec<(Group, Seen)> =
            all.into_iter().filter(|(_, seen)| invoices.contains(&seen.invoice())).collect();
        judged.sort_by(|(_, one), (_, other)| one.what.cmp(&other.what));
        for (group, seen) in judged {
            verdicts.judge(group, &seen, period);
        }
        verdicts
    }
}

impl Seen {
    fn merge(&mut self, other: Seen) {
        self.sides.add(&other.sides);
        if other.what < self.what {
            self.what = other.what;
        }
        self.names = match (self.names.take(), other.names) {
            (Some(one), Some(two)) => Some(if two < one { two } else { one }),
            (one, two) => one.or(two),
        };
    }

    /// Tenant, invoice, product, SKU and currency.
    fn parts(&self) -> [&[u8]; 5] {
        let mut parts = self.what.split(|byte| *byte == 0);
        std::array::from_fn(|_| parts.next().unwrap_or_default())
    }

    fn invoice(&self) -> Vec<u8> {
        self.parts()[1].to_ascii_lowercase()
    }
}

/// What becomes of the groups of invoices that both kinds of files have.
#[derive(Default)]
pub(crate) struct Verdicts {
    /// The kind of lines that is left out of a group.
    left_out: HashMap<Group, Kind>,
    /// Lines that are left out, and their cost, by currency.
    pub(crate) removed: BTreeMap<Currency, (u64, Amount)>,
    /// By tenant those of them that no customer is billed for, by [`Reason`].
    pub(crate) removed_of_tenants: BTreeMap<(String, Currency), [(u64, Amount); REASONS]>,
    /// Adjustment lines, as a CSV file of a reconciliation; empty if there are none.
    pub(crate) adjustments: Vec<u8>,
    adjusted: BTreeMap<Currency, (u64, Amount)>,
    explained: u64,
    replaced: u64,
    differences: Vec<Difference>,
    differing: u64,
}

impl Verdicts {
    /// Whether a row is left out.
    pub(crate) fn leaves_out(&self, group: Group, kind: Kind) -> bool {
        group != 0 && self.left_out.get(&group) == Some(&kind)
    }

    fn judge(&mut self, group: Group, seen: &Seen, period: BillingPeriod) {
        let Sides { reconciliation, usage, .. } = seen.sides;
        if usage.lines == 0 {
            return;
        }
        let [tenant, invoice, ..] = seen.parts();
        // What is not billed yet may be known by the day before it is known in sums.
        if reconciliation.lines == 0 && invoice.is_empty() {
            return;
        }
        let difference = reconciliation.cost - usage.cost;
        let explains = difference.abs() <= seen.sides.rounding();
        let (left_out, side) = match explains {
            true => (Kind::Reconciliation, reconciliation),
            false => (Kind::Usage, usage),
        };
        let Some(currency) = self.currency(seen) else { return };
        self.left_out.insert(group, left_out);
        let removed = self.removed.entry(currency).or_default();
        removed.0 += side.lines;
        removed.1 += side.cost;
        let of_tenant = (String::from_utf8_lossy(tenant).into_owned(), currency);
        add_left(self.removed_of_tenants.entry(of_tenant).or_default(), &side.left);
        if explains {
            self.explained += 1;
            self.replaced += reconciliation.lines;
            self.adjust(seen, currency, difference, period);
        } else {
            self.differ(seen, currency, difference);
        }
    }

    fn currency(&self, seen: &Seen) -> Option<Currency> {
        std::str::from_utf8(seen.parts()[4]).ok()?.parse().ok()
    }

    /// An adjustment line of a group, unless nothing is left.
    fn adjust(&mut self, seen: &Seen, currency: Currency, difference: Amount, period: BillingPeriod) {
        if difference.is_zero() {
            return;
        }
        if self.adjustments.is_empty() {
            let names: Vec<&str> = RECONCILIATION.iter().map(|column| column.name).collect();
            self.adjustments.extend_from_slice(names.join(",").as_bytes());
            self.adjustments.push(b'\n');
        }
        let [tenant, invoice, product, sku, _] = seen.parts();
        let no_names = Default::default();
        let [customer, name, publisher] = seen.names.as_ref().unwrap_or(&no_names);
        let (amount, day) = (difference.to_string(), period.first_day().to_string());
        for (i, column) in RECONCILIATION.iter().enumerate() {
            if i > 0 {
                self.adjustments.push(b',');
            }
            let cell: &[u8] = match column.name {
                "CustomerId" => tenant,
                "CustomerName" => customer,
                "InvoiceNumber" => invoice,
                "ProductId" => product,
                "SkuId" => sku,
                "ProductName" => name,
                "PublisherName" => publisher,
                "ChargeType" => ADJUSTMENT.as_bytes(),
                "Subtotal" | "Total" => amount.as_bytes(),
                "TaxTotal" => b"0",
                "Currency" => currency.code().as_bytes(),
                "ChargeStartDate" | "ChargeEndDate" => day.as_bytes(),
                _ => b"",
            };
            // Cells come from files as they were there, with quotes within doubled.
            self.adjustments.push(b'"');
            self.adjustments.extend_from_slice(cell);
            self.adjustments.push(b'"');
        }
        self.adjustments.push(b'\n');
        let adjusted = self.adjusted.entry(currency).or_default();
        adjusted.0 += 1;
        adjusted.1 += difference;
    }

    fn differ(&mut self, seen: &Seen, currency: Currency, difference: Amount) {
        self.differing += 1;
        if self.differences.len() == MAX_DIFFERENCES {
            return;
        }
        let [tenant, invoice, product, sku, _] = seen.parts().map(text);
        let name = seen.names.as_ref().map(|[_, name, _]| text(name));
        self.differences.push(Difference {
            azure_customer_id: tenant,
            invoice_id: invoice,
            product_id: product,
            sku_id: sku,
            product_name: name.unwrap_or_default(),
            currency,
            reconciliation: seen.sides.reconciliation.shown(),
            usage: seen.sides.usage.shown(),
            difference,
        });
    }

    /// What the report says; `None` where no invoice has both.
    pub(crate) fn report(&self) -> Option<Reconciled> {
        let of = |(currency, (lines, amount)): (&Currency, &(u64, Amount))| Counted {
            lines: *lines,
            amounts: vec![Money { currency: *currency, amount: *amount }],
        };
        let adjustments: Vec<Counted> = self.adjusted.iter().map(of).collect();
        (self.explained + self.differing > 0).then(|| Reconciled {
            explained_groups: self.explained,
            replaced_lines: self.replaced,
            adjustments: Counted {
                lines: adjustments.iter().map(|counted| counted.lines).sum(),
                amounts: adjustments.into_iter().flat_map(|counted| counted.amounts).collect(),
            },
            differing_groups: self.differing,
            differences: self.differences.clone(),
        })
    }

    /// A warning of groups whose usage is not what the reconciliation says.
    pub(crate) fn warning(&self) -> Option<Warning> {
        let first = self.differences.first()?;
        let message = format!(
            "the usage of {} of lines is not what the reconciliation says, beyond rounding: these lines are billed from the \
             reconciliation, without their days. The first is product {} (SKU {}) of tenant {} on invoice {}: {} {} in the \
             reconciliation, {} in the usage",
            count_of(self.differing, "group"),
            first.product_id,
            first.sku_id,
            first.azure_customer_id,
            first.invoice_id,
            first.reconciliation.cost,
            first.currency,
            first.usage.cost
        );
        let wording = Wording::new(
            "report-usage-differs",
            [
                ("groups", self.differing.into()),
                ("product", (&first.product_id).into()),
                ("sku", (&first.sku_id).into()),
                ("tenant", (&first.azure_customer_id).into()),
                ("invoice", (&first.invoice_id).into()),
                ("reconciliation", (first.reconciliation.cost, first.currency).into()),
                ("usage", (first.usage.cost, first.currency).into()),
            ],
        );
        let mut warning = Warning::new(WarningCode::UsageDiffers, Message::worded(message, wording));
        warning.counted.lines = self.differences.iter().map(|difference| difference.usage.lines).sum();
        Some(warning)
    }
}
