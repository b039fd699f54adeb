//! A line of `bill.csv`, read back: what pages show of it. What a customer may not see is not in the file.

use crate::amount::{Amount, NotDecimal};
use crate::columns::{CHARGE, CHARGE_CURRENCY, CHARGE_UNIT_PRICE};
use crate::line::day;
use crate::render::begins_formula;
use jiff::civil::Date;

/// The columns that are read. Usage and purchases say the same in different ones.
const COLUMNS: [&str; 20] = [
    "UsageDate",
    "ChargeStartDate",
    "MeterCategory",
    "ProductName",
    "EntitlementId",
    "EntitlementDescription",
    "SubscriptionId",
    "SubscriptionDescription",
    "MeterName",
    "SkuName",
    "ResourceURI",
    "Quantity",
    "BillableQuantity",
    "Unit",
    "UnitType",
    "CustomerId",
    "ChargeType",
    CHARGE_UNIT_PRICE,
    CHARGE,
    CHARGE_CURRENCY,
];
const USAGE_DATE: usize = 0;
const CHARGE_START: usize = 1;
const METER_CATEGORY: usize = 2;
const PRODUCT: usize = 3;
const ENTITLEMENT: [usize; 2] = [4, 5];
const SUBSCRIPTION: [usize; 2] = [6, 7];
const METER: usize = 8;
const SKU: usize = 9;
const RESOURCE: usize = 10;
const QUANTITIES: [usize; 2] = [12, 11];
const UNITS: [usize; 2] = [13, 14];
const TENANT: usize = 15;
const CHARGE_TYPE: usize = 16;
const UNIT_PRICE: usize = 17;
const AMOUNT: usize = 18;

/// Where a `bill.csv` has the columns that are read.
#[derive(Clone, Debug)]
pub struct BillColumns([Option<usize>; COLUMNS.len()]);

/// A line of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillLine<'a> {
    /// The day of the usage, or the first of the charged period; `None` where the line has none.
    pub day: Option<Date>,
    /// The Azure service, or the product of a purchase.
    pub service: &'a str,
    /// Id of the subscription; empty where there is none.
    pub subscription_id: &'a str,
    /// Display name of the subscription; may be empty.
    pub subscription: &'a str,
    /// The meter, or the SKU of a purchase.
    pub item: &'a str,
    /// The Azure resource, by its path; may be empty.
    pub resource: &'a str,
    /// The quantity that is charged, as digits; may be empty.
    pub quantity: &'a str,
    /// The unit of the quantity; may be empty.
    pub unit: &'a str,
    /// The price of a unit, as digits; may be empty.
    pub unit_price: &'a str,
    /// The Azure tenant; empty of a line that is not Microsoft's.
    pub tenant: &'a str,
    /// Such as `new`; `rounding` or `correction` of a line that is not Microsoft's.
    pub charge_type: &'a str,
    /// The charge, to its last digit.
    pub charge: Amount,
}

impl BillColumns {
    /// The columns of a header.
    pub fn of<'h>(header: impl IntoIterator<Item = &'h str>) -> Self {
        let mut places = [None; COLUMNS.len()];
        for (place, name) in header.into_iter().enumerate() {
            if let Some(column) = COLUMNS.iter().position(|known| *known == name) {
                places[column] = Some(place);
            }
        }
        BillColumns(places)
    }

    /// The line with these cells, without their quotes.
    ///
    /// # Errors
    /// A charge that is no number.
    pub fn line<'a>(&self, cell: impl Fn(usize) -> Option<&'a str>) -> Result<BillLine<'a>, NotDecimal> {
        let get = |column: usize| self.0[column].and_then(&cell).map_or("", unprotected);
        let first = |columns: [usize; 2]| {
            let [first, second] = columns.map(get);
            if first.is_empty() { second } else { first }
        };
        let is_usage = !get(USAGE_DATE).is_empty() || !get(METER_CATEGORY).is_empty();
        // Azure subscriptions are entitlements of an Azure plan, which is the subscription by name.
        let [subscription_id, subscription] = match get(ENTITLEMENT[0]) {
            "" => SUBSCRIPTION.map(get),
            _ => ENTITLEMENT.map(get),
        };
        let day = day(first([USAGE_DATE, CHARGE_START]).as_bytes()).filter(|day| *day > 0);
        Ok(BillLine {
            day: day.and_then(date),
            service: get(if is_usage { METER_CATEGORY } else { PRODUCT }),
            subscription_id,
            subscription,
            item: first([METER, SKU]),
            resource: get(RESOURCE),
            quantity: first(QUANTITIES),
            unit: first(UNITS),
            unit_price: get(UNIT_PRICE),
            tenant: get(TENANT),
            charge_type: get(CHARGE_TYPE),
            charge: get(AMOUNT).parse()?,
        })
    }
}

impl BillLine<'_> {
    /// Whether the line is not Microsoft's: rounding, or a correction of a month before.
    pub fn is_adjustment(&self) -> bool {
        self.tenant.is_empty() && matches!(self.charge_type, "rounding" | "correction")
    }
}

/// A day of `yyyymmdd`.
fn date(day: u32) -> Option<Date> {
    let (year, month, day) = (day / 10_000, day / 100 % 100, day % 100);
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A cell without what protects it from being run by a spreadsheet.
fn unprotected(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|formula| begins_formula(formula.as_bytes())).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str, line: &'static str) -> BillLine<'static> {
        let cells: Vec<&'static str> = line.split(',').collect();
        BillColumns::of(header.split(',')).line(|place| cells.get(place).copied()).unwrap()
    }

    #[test]
    fn usage_and_purchases_say_the_same() {
        let usage = read(
            "CustomerId,ProductName,SubscriptionDescription,SubscriptionId,ChargeStartDate,UsageDate,MeterCategory,MeterName,\
             ResourceURI,Quantity,Unit,EntitlementId,EntitlementDescription,ChargeUnitPrice,Charge,ChargeCurrency",
            "t1,Azure plan,Azure plan,plan,10/1/2026,10/7/2026,Storage,'=Hot,/r,2,1 GB,sub-1,Production,0.5,1.0000000001,USD",
        );
        assert_eq!(usage.day, Some(Date::constant(2026, 10, 7)));
        assert_eq!((usage.service, usage.item, usage.resource), ("Storage", "=Hot", "/r"));
        assert_eq!((usage.subscription_id, usage.subscription), ("sub-1", "Production"));
        assert_eq!((usage.quantity, usage.unit, usage.unit_price), ("2", "1 GB", "0.5"));
        assert_eq!(usage.charge, "1.0000000001".parse().unwrap());
        let purchase = read(
            "CustomerId,SkuName,ProductName,ChargeType,Quantity,SubscriptionDescription,SubscriptionId,ChargeStartDate,UnitType,\
             BillableQuantity,ChargeUnitPrice,Charge,ChargeCurrency",
            "t1,E3,Microsoft 365 E3,new,10,Seats,sub-2,2026-10-01T00:00:00Z,Licenses,5,20,100,USD",
        );
        assert_eq!(purchase.day, Some(Date::constant(2026, 10, 1)));
        assert_eq!((purchase.service, purchase.item, purchase.quantity), ("Microsoft 365 E3", "E3", "5"));
        assert_eq!((purchase.subscription_id, purchase.unit), ("sub-2", "Licenses"));
        assert!(!purchase.is_adjustment());
    }

    #[test]
    fn adjustments_are_told_from_lines() {
        let header = "CustomerId,CustomerName,ProductName,ChargeType,ChargeUnitPrice,Charge,ChargeCurrency";
        let rounding = read(header, ",Acme,Rounding,rounding,,-0.004,USD");
        assert!(rounding.is_adjustment());
        assert_eq!(
            (rounding.service, rounding.day, rounding.charge),
            ("Rounding", None, "-0.004".parse().unwrap())
        );
        // What Microsoft calls so has a tenant.
        assert!(!read(header, "t1,Acme,Rounding,rounding,,1,USD").is_adjustment());
        let columns = BillColumns::of(header.split(','));
        assert!(columns.line(|_| Some("x")).is_err());
        assert!(columns.line(|_| None).is_err());
    }
}
