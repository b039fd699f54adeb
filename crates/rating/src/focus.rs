//! A bill's lines as rows of FOCUS 1.2 (FinOps Open Cost and Usage Specification, focus.finops.org).
//!
//! They are made from what the bill shows and its charge, so nothing else can be in them. The partner is who bills, so list,
//! contracted and effective prices are what it charges: a unit price is the charge divided by the quantity. A reservation is
//! a commitment that its purchase names; which usage it covers is not shown, because such a line costs the partner nothing.

use crate::amount::Amount;
use crate::cells::Cells;
use crate::columns::Kind;
use crate::focus_units::unit_format;
use crate::invoice_detail::Details;
use crate::render::{push_short, push_text, text};
use crate::row::{Row, Unit};
use crate::scan::Scan;
use crate::services::category;
use crate::tags::push_tags;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use memchr::memmem::Finder;
use std::ops::Range;
use std::rc::Rc;

/// The columns, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Column {
    BilledCost,
    BillingAccountId,
    BillingAccountName,
    BillingAccountType,
    BillingCurrency,
    BillingPeriodEnd,
    BillingPeriodStart,
    ChargeCategory,
    ChargeClass,
    ChargeDescription,
    ChargeFrequency,
    ChargePeriodEnd,
    ChargePeriodStart,
    CommitmentDiscountCategory,
    CommitmentDiscountId,
    CommitmentDiscountName,
    CommitmentDiscountQuantity,
    CommitmentDiscountStatus,
    CommitmentDiscountType,
    CommitmentDiscountUnit,
    ConsumedQuantity,
    ConsumedUnit,
    ContractedCost,
    ContractedUnitPrice,
    EffectiveCost,
    InvoiceId,
    InvoiceIssuerName,
    ListCost,
    ListUnitPrice,
    PricingCategory,
    PricingCurrency,
    PricingQuantity,
    PricingUnit,
    ProviderName,
    PublisherName,
    RegionId,
    RegionName,
    ResourceId,
    ResourceName,
    ResourceType,
    ServiceCategory,
    ServiceName,
    ServiceSubcategory,
    SkuId,
    SkuMeter,
    SkuPriceId,
    SubAccountId,
    SubAccountName,
    SubAccountType,
    Tags,
}

pub(crate) const COLUMNS: [&str; 50] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
];

/// What all rows of a bill have in common.
pub(crate) struct Bill<'a> {
    pub(crate) customer_id: i64,
    pub(crate) customer: &'a str,
    pub(crate) currency: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) first_day: Date,
    pub(crate) end: Date,
    /// Whether the month was final before, so that its lines correct what was invoiced.
    pub(crate) is_correction: bool,
    /// Whether the charges are added up for the Invoice Detail dataset.
    pub(crate) has_details: bool,
}

/// Makes the rows of one bill.
pub(crate) struct Writer {
    /// The columns that are the same in every row, as cells.
    constant: [Vec<u8>; COLUMNS.len()],
    /// The cells of [`RUNS`], each with a comma behind it.
    runs: [Vec<u8>; RUNS.len()],
    correction: &'static str,
    first_day: Date,
    end: Date,
    /// Where the bill's columns are, by kind.
    places: [Places; 2],
    categories: Cells<(&'static str, &'static str)>,
    /// Microsoft's units, as cells, and how they are written here.
    units: Cells<Rc<[u8]>>,
    /// What the Invoice Detail dataset says of the lines, where it is wanted.
    details: Option<Details>,
    /// First and last day of the line before, and how they are written: lines come in the order of their days.
    days: ((u32, u32), [Vec<u8>; 2]),
    scan: Scan,
    scratch: Vec<u8>,
    object: Vec<u8>,
    providers: Finder<'static>,
}

/// Where in a kind's shown columns those are that FOCUS asks for; past the end where it has none.
struct Places {
    service: usize,
    product_name: usize,
    product_id: usize,
    sku_id: usize,
    publisher: usize,
    unit: usize,
    meter: usize,
    location: usize,
    resource: usize,
    consumed_service: usize,
    account: usize,
    account_name: usize,
    plan: usize,
    plan_name: usize,
    charge_type: usize,
    frequency: usize,
    term: usize,
    reservation: usize,
    end: usize,
    tags: usize,
}

impl Places {
    fn of(kind: Kind) -> Places {
        let place = |name| kind.shown_place(name).unwrap_or(usize::MAX);
        let usage = kind == Kind::Usage;
        Places {
            service: place(if usage { "MeterCategory" } else { "ProductName" }),
            product_name: place("ProductName"),
            product_id: place("ProductId"),
            sku_id: place("SkuId"),
            publisher: place("PublisherName"),
            unit: place(if usage { "Unit" } else { "UnitType" }),
            meter: place(if usage { "MeterName" } else { "MeterDescription" }),
            location: place("ResourceLocation"),
            resource: place("ResourceURI"),
            consumed_service: place("ConsumedService"),
            account: place("EntitlementId"),
            account_name: place("EntitlementDescription"),
            plan: place("SubscriptionId"),
            plan_name: place("SubscriptionDescription"),
            charge_type: place("ChargeType"),
            frequency: place("BillingFrequency"),
            term: place("TermAndBillingCycle"),
            reservation: place("ReservationOrderId"),
            end: place("ChargeEndDate"),
            tags: place("Tags"),
        }
    }
}

/// `2026-10-01T00:00:00Z`
pub(crate) fn instant(day: Date) -> Vec<u8> {
    format!("{day}T00:00:00Z").into_bytes()
}

/// Columns that have the same cells in all rows of a bill.
const RUNS: [Range<usize>; 2] = [
    Column::BillingAccountId as usize..Column::ChargeCategory as usize,
    Column::InvoiceId as usize..Column::ListCost as usize,
];

/// A cell of a row: one of the bill, or a piece of what was written beside it.
#[derive(Clone, Copy)]
enum Cell<'a> {
    Constant,
    Is(&'a [u8]),
    Written(usize, usize),
}

impl Writer {
    pub(crate) fn of(bill: &Bill<'_>) -> Writer {
        let mut constant: [Vec<u8>; COLUMNS.len()] = std::array::from_fn(|_| Vec::new());
        let mut set = |column: Column, text: &str| push_text(text, &mut constant[column as usize]);
        set(Column::BillingAccountId, &bill.customer_id.to_string());
        set(Column::BillingAccountName, bill.customer);
        set(Column::BillingAccountType, "Customer");
        set(Column::BillingCurrency, bill.currency);
        set(Column::PricingCurrency, bill.currency);
        set(Column::InvoiceIssuerName, bill.issuer);
        // The number of the statement, which an estimate has not got yet.
        set(Column::InvoiceId, "");
        set(Column::ProviderName, "Microsoft");
        constant[Column::BillingPeriodStart as usize] = instant(bill.first_day);
        constant[Column::BillingPeriodEnd as usize] = instant(bill.end);
        let joined =
            |run: Range<usize>| constant[run].iter().flat_map(|cell| [cell, &b","[..]].concat()).collect();
        let runs = RUNS.map(joined);
        Writer {
            constant,
            runs,
            correction: if bill.is_correction { "Correction" } else { "" },
            first_day: bill.first_day,
            end: bill.end,
            places: [Places::of(Kind::Reconciliation), Places::of(Kind::Usage)],
            categories: Cells::default(),
            units: Cells::default(),
            details: bill.has_details.then(Details::default),
            days: Default::default(),
            scan: Scan::default(),
            scratch: Vec::new(),
            object: Vec::new(),
            providers: Finder::new("/providers/"),
        }
    }

    /// The header, with its line feed.
    pub(crate) fn header(out: &mut Vec<u8>) {
        out.extend_from_slice(COLUMNS.join(",").as_bytes());
        out.push(b'\n');
    }

    /// Appends the row of a line, its charge given as it is written.
    pub(crate) fn line(&mut self, row: Row<'_>, unit: Unit, charge: &[u8], out: &mut Vec<u8>) {
        let kind = row.kind();
        let bytes = row.cells();
        self.scan.read_record(bytes);
        let ends = self.scan.ends();
        let cell = |place: usize| -> &[u8] {
            let Some(end) = ends.get(place) else { return &[] };
            let begin = if place == 0 { 0 } else { ends[place - 1] as usize + 1 };
            &bytes[begin..*end as usize]
        };
        let at = &self.places[usize::from(kind == Kind::Usage)];

        let mut cells = [Cell::Constant; COLUMNS.len()];
        let mut set = |column: Column, cell| cells[column as usize] = cell;
        let scratch = &mut self.scratch;
        scratch.clear();
        let mut written = |write: &mut dyn FnMut(&mut Vec<u8>)| {
            let begin = scratch.len();
            write(scratch);
            Cell::Written(begin, scratch.len())
        };

        let cost = Cell::Is(charge);
        for column in [Column::BilledCost, Column::ContractedCost, Column::EffectiveCost, Column::ListCost] {
            set(column, cost);
        }

        let Unit { quantity: number, price: unit_price } = unit;
        let charge_type = cell(at.charge_type);
        let is_usage = match kind {
            Kind::Usage => true,
            Kind::Reconciliation => {
                !cell(at.meter).is_empty() || cell(at.plan_name).eq_ignore_ascii_case(b"Azure plan")
            }
        };
        let category = match (number, unit_price) {
            _ if !is_usage
                && memchr::memmem::find(&charge_type.to_ascii_lowercase(), b"credit").is_some() =>
            {
                "Credit"
            }
            (Some(number), Some(_)) if is_usage && number.mantissa > 0 => "Usage",
            (Some(_), Some(_)) if !is_usage => "Purchase",
            _ => "Adjustment",
        };
        set(Column::ChargeCategory, Cell::Is(category.as_bytes()));
        set(Column::ChargeClass, Cell::Is(self.correction.as_bytes()));
        let once = [cell(at.frequency), cell(at.term)].into_iter().any(is_once);
        let frequency = match category {
            "Usage" => "Usage-Based",
            "Purchase" if !once => "Recurring",
            _ => "One-Time",
        };
        set(Column::ChargeFrequency, Cell::Is(frequency.as_bytes()));

        let service = or(cell(at.service), or(cell(at.product_name), b"Azure"));
        set(Column::ChargeDescription, Cell::Is(or(cell(at.product_name), service)));
        set(Column::ServiceName, Cell::Is(service));
        let (group, subgroup) = match self.categories.get(service) {
            Some(known) => *known,
            None => {
                let known = category_of(service);
                self.categories.insert(service.into(), known);
                known
            }
        };
        set(Column::ServiceCategory, Cell::Is(group.as_bytes()));
        set(Column::ServiceSubcategory, Cell::Is(subgroup.as_bytes()));
        set(Column::PublisherName, Cell::Is(or(cell(at.publisher), b"Microsoft")));

        let end = match kind {
            Kind::Usage => 0,
            Kind::Reconciliation => crate::line::day(&text(cell(at.end)).into_bytes()).unwrap_or(0),
        };
        let (days, shown) = &mut self.days;
        if *days != (row.day(), end) || shown[0].is_empty() {
            let (from, to) = period(row.day(), end, kind, (self.first_day, self.end));
            (*days, *shown) = ((row.day(), end), [instant(from), instant(to)]);
        }
        let [start, until] = &self.days.1;
        set(Column::ChargePeriodStart, Cell::Is(start));
        set(Column::ChargePeriodEnd, Cell::Is(until));

        if let Some(details) = &mut self.details {
            details.add(category, service, row.charge());
        }

        let unit = cell(at.unit);
        let unit = match self.units.get(unit) {
            Some(known) => Rc::clone(known),
            None => {
                let mut written = Vec::new();
                push_text(&unit_format(&text(unit)), &mut written);
                Rc::clone(self.units.entry(unit.into()).or_insert(written.into()))
            }
        };
        if let (Some(number), Some(price), "Usage" | "Purchase") = (number, unit_price, category) {
            let quantity = written(&mut |out| Amount::from(number).push(out));
            let price = written(&mut |out| price.push(out));
            if category == "Usage" {
                set(Column::ConsumedQuantity, quantity);
                set(Column::ConsumedUnit, Cell::Is(&unit));
            }
            set(Column::PricingCategory, Cell::Is(b"Standard"));
            set(Column::PricingQuantity, quantity);
            set(Column::PricingUnit, Cell::Is(&unit));
            set(Column::ListUnitPrice, price);
            set(Column::ContractedUnitPrice, price);
            let reservation = cell(at.reservation);
            if category == "Purchase" && !reservation.is_empty() {
                // It covers usage that is still to come.
                set(Column::EffectiveCost, Cell::Is(b"0"));
                set(Column::CommitmentDiscountId, Cell::Is(reservation));
                set(Column::CommitmentDiscountName, Cell::Is(service));
                set(Column::CommitmentDiscountCategory, Cell::Is(b"Usage"));
                set(Column::CommitmentDiscountType, Cell::Is(b"Reservation"));
                // Only usage is covered by a commitment or not.
                set(Column::CommitmentDiscountStatus, Cell::Is(b""));
                set(Column::CommitmentDiscountQuantity, quantity);
                set(Column::CommitmentDiscountUnit, Cell::Is(&unit));
            }
        }
        let sku = match (cell(at.product_id), cell(at.sku_id)) {
            ([], []) => Cell::Is(service),
            ([], one) | (one, []) => Cell::Is(one),
            (product, sku) => written(&mut |out| joined(product, sku, out)),
        };
        set(Column::SkuId, sku);
        set(Column::SkuPriceId, sku);
        set(Column::SkuMeter, Cell::Is(or(cell(at.meter), service)));

        let location = cell(at.location);
        // Microsoft writes it as EUWest and as euwest.
        set(Column::RegionId, written(&mut |out| out.extend(location.iter().map(u8::to_ascii_lowercase))));
        set(Column::RegionName, Cell::Is(location));
        let resource = cell(at.resource);
        if !resource.is_empty() {
            set(Column::ResourceId, Cell::Is(resource));
            set(Column::ResourceName, written(&mut |out| resource_name(resource, out)));
            set(
                Column::ResourceType,
                written(&mut |out| resource_type(resource, &self.providers, cell(at.consumed_service), out)),
            );
        }
        let (account, name) = match cell(at.account) {
            [] => (cell(at.plan), cell(at.plan_name)),
            account => (account, cell(at.account_name)),
        };
        if !account.is_empty() {
            set(Column::SubAccountId, Cell::Is(account));
            set(Column::SubAccountName, Cell::Is(name));
            set(Column::SubAccountType, Cell::Is(b"Subscription"));
        }
        let tags = cell(at.tags);
        if !tags.is_empty() {
            set(Column::Tags, written(&mut |out| push_tags(tags, &mut self.object, out)));
        }

        let mut begin = 0;
        for (run, joined) in RUNS.iter().zip(&self.runs) {
            self.push_cells(&cells, begin..run.start, out);
            out.extend_from_slice(joined);
            begin = run.end;
        }
        self.push_cells(&cells, begin..cells.len(), out);
        if let Some(last) = out.last_mut() {
            *last = b'\n';
        }
    }

    /// Appends cells of a row, each with a comma behind it.
    fn push_cells(&self, cells: &[Cell<'_>; COLUMNS.len()], range: Range<usize>, out: &mut Vec<u8>) {
        for i in range {
            let cell = match cells[i] {
                Cell::Constant => &self.constant[i],
                Cell::Is(bytes) => bytes,
                Cell::Written(from, to) => &self.scratch[from..to],
            };
            push_short(cell, out);
            out.push(b',');
        }
    }

    /// What the Invoice Detail dataset says of the lines so far.
    pub(crate) fn details(&self) -> Option<&Details> {
        self.details.as_ref()
    }

    /// Appends a row that is no line of Microsoft's: the rounding, or a correction of a month before.
    pub(crate) fn adjustment_row(
        &mut self,
        description: &str,
        charge: Amount,
        corrects: Option<(Date, Date)>,
        out: &mut Vec<u8>,
    ) {
        let (from, to) = corrects.unwrap_or((self.first_day, self.end));
        for (i, name) in COLUMNS.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            match *name {
                "BilledCost" | "ContractedCost" | "EffectiveCost" | "ListCost" => charge.push(out),
                "ChargeCategory" => out.extend_from_slice(b"Adjustment"),
                "ChargeClass" if corrects.is_some() => out.extend_from_slice(b"Correction"),
                "ChargeClass" => out.extend_from_slice(self.correction.as_bytes()),
                "ChargeDescription" => push_text(description, out),
                "ChargeFrequency" => out.extend_from_slice(b"One-Time"),
                "ChargePeriodStart" => out.extend_from_slice(&instant(from)),
                "ChargePeriodEnd" => out.extend_from_slice(&instant(to)),
                "PublisherName" => out.extend_from_slice(&self.constant[Column::InvoiceIssuerName as usize]),
                "ServiceCategory" => out.extend_from_slice(b"Other"),
                "ServiceSubcategory" => out.extend_from_slice(b"Other (Other)"),
                "ServiceName" => out.extend_from_slice(b"Billing"),
                _ => out.extend_from_slice(&self.constant[i]),
            }
        }
        out.push(b'\n');
    }
}

/// Whether a billing frequency or term is of a purchase that is charged once: `OneTime`, `One-Time, perpetual`, `1 Year
/// commitment, all upfront`; and not `One-Year commitment for monthly billing`.
fn is_once(text: &[u8]) -> bool {
    let starts = [&b"onetime"[..], b"one-time", b"one time"];
    starts.iter().any(|once| text.get(..once.len()).is_some_and(|start| start.eq_ignore_ascii_case(once)))
        || memchr::memmem::find(&text.to_ascii_lowercase(), b"upfront").is_some()
}

fn or<'a>(cell: &'a [u8], otherwise: &'a [u8]) -> &'a [u8] {
    if cell.is_empty() { otherwise } else { cell }
}

fn category_of(service: &[u8]) -> (&'static str, &'static str) {
    category(&text(service))
}

/// The first day of a charge, and the day after its last: usage is of one day, a purchase for all days up to and with its
/// last. What has no dates is for the whole month.
fn period(day: u32, end: u32, kind: Kind, month: (Date, Date)) -> (Date, Date) {
    // Days were dates when they were read.
    let of = |day: u32| date((day / 10_000) as i16, (day / 100 % 100) as i8, (day % 100) as i8);
    let after = |day: Date| day.saturating_add(1.day());
    match kind {
        _ if day == 0 => month,
        Kind::Usage => (of(day), after(of(day))),
        Kind::Reconciliation if end >= day => (of(day), after(of(end))),
        Kind::Reconciliation => (of(day), month.1.max(after(of(day)))),
    }
}

/// Both ids with a colon between them, as a CSV cell.
fn joined(product: &[u8], sku: &[u8], out: &mut Vec<u8>) {
    if product[0] == b'"' || sku[0] == b'"' || sku[0] == b'\'' {
        push_text(&format!("{}:{}", text(product), text(sku)), out);
    } else {
        out.extend_from_slice(product);
        out.push(b':');
        out.extend_from_slice(sku);
    }
}

/// The last part of a resource's path.
fn resource_name(resource: &[u8], out: &mut Vec<u8>) {
    if matches!(resource[0], b'"' | b'\'') {
        let path = text(resource);
        push_text(path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&path), out);
        return;
    }
    let name = resource.rsplit(|b| *b == b'/').find(|part| !part.is_empty()).unwrap_or(resource);
    match name[0] {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.extend_from_slice(name),
        _ => push_text(&String::from_utf8_lossy(name), out),
    }
}

/// `Microsoft.Compute/virtualMachines`, from what stands after `/providers/` in a resource's path.
fn resource_type(resource: &[u8], providers: &Finder<'_>, service: &[u8], out: &mut Vec<u8>) {
    let plain = !matches!(resource[0], b'"' | b'\'');
    let kind = providers.find(resource).map(|at| &resource[at + 11..]).filter(|_| plain);
    if let Some(kind) = kind {
        let mut parts = kind.splitn(3, |b| *b == b'/');
        if let (Some(provider), Some(name)) = (parts.next(), parts.next())
            && provider.first().is_some_and(u8::is_ascii_alphabetic)
        {
            out.extend_from_slice(provider);
            out.push(b'/');
            out.extend_from_slice(name);
            return;
        }
    }
    out.extend_from_slice(or(service, b"Resource"));
}
