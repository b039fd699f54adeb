//! Made-up line items of a month: usage by the day, and the reconciliation that belongs to it, with Microsoft's rounding.
//!
//! Every amount is a whole number of 10^-10 of the currency, so nothing is lost on the way. A reconciliation has the sum of usage
//! cut to cents (ROUNDDOWN) in each line; usage is not rounded.

use super::super::customers::{MadeUp, mixed};
use jiff::ToSpan;
use jiff::civil::Date;
use std::fmt::Write;

/// 10^-10 in a cent.
const CENT: i128 = 100_000_000;
const PARTNER: &str = "5a4d0000-0000-4000-8000-00000000cafe";
/// What Azure is made of: SKU, meter's category and name, price in 10^-4.
const METERS: [(&str, &str, &str, u64); 3] = [
    ("0001", "Virtual Machines", "D4s v5", 1920),
    ("0001", "Storage", "LRS Data Stored", 208),
    ("0002", "Bandwidth", "Standard Data Transfer Out", 870),
];
const AZURE: &str = "DZH318Z0BPS6";

/// A month that is exported.
#[derive(Clone, Copy)]
pub(super) struct Month<'a> {
    pub(super) seed: u64,
    pub(super) customers: &'a [MadeUp],
    /// Its first day.
    pub(super) first: Date,
    /// The last day that has usage.
    pub(super) through: Date,
    /// Microsoft's invoice; empty if there is none yet.
    pub(super) invoice: &'a str,
    pub(super) currency: &'a str,
    pub(super) version: u32,
    pub(super) planted_cents: i64,
    /// Resources of each meter in a subscription.
    pub(super) resources: u32,
}

/// Where lines of JSON go, one by one: a large month's are never all in memory.
pub(super) struct Lines<'a> {
    each: &'a mut dyn FnMut(&str),
    count: usize,
    /// Their sum with tax, in 10^-10.
    total: i128,
}

impl Lines<'_> {
    fn push(&mut self, line: &str, amount: i128) {
        (self.each)(line);
        self.count += 1;
        self.total += amount;
    }
}

/// What stands in the columns of a reconciliation's line that differ.
struct Item<'a> {
    customer: &'a MadeUp,
    product: [&'a str; 4],
    charge: &'a str,
    subscription: [&'a str; 2],
    term: [&'a str; 2],
    adjustment: &'a str,
    /// Price and effective price of a unit, and units.
    prices: [i128; 2],
    quantity: i128,
    subtotal: i128,
    tax: i128,
    meter: &'a str,
}

/// A number of 10^-10 in decimal digits.
pub(super) fn digits(number: i128) -> String {
    let (sign, number) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
    let text = format!("{sign}{}.{:010}", number / 10_000_000_000, number % 10_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Month<'_> {
    fn drawn(&self, parts: &[u64]) -> u64 {
        let month = self.first.year() as u64 * 12 + self.first.month() as u64;
        parts.iter().fold(mixed(self.seed ^ month), |seed, part| mixed(seed ^ part))
    }

    fn last(&self) -> Date {
        self.first.last_of_month()
    }

    /// Whether the customer has Azure, and how many subscriptions.
    fn subscriptions(number: usize) -> u64 {
        if number % 4 == 3 { 0 } else { 1 + number as u64 % 2 }
    }

    /// The share of a price that is earned, in percent.
    fn earned(number: usize) -> i128 {
        if number % 5 == 4 { 0 } else { 15 }
    }

    /// Usage of a meter by a resource on a day: quantity in 10^-4, list price and cost in 10^-10.
    fn usage_of(&self, customer: usize, subscription: u64, of: [usize; 2], day: Date) -> (u64, i128, i128) {
        let [meter, resource] = of;
        let resource = resource as u64 * METERS.len() as u64;
        let quantity =
            1 + self.drawn(&[customer as u64, subscription, resource + meter as u64, day.day() as u64])
                % 2_000_000;
        let list = i128::from(quantity) * i128::from(METERS[meter].3) * 100;
        (quantity, list, list * (100 - Self::earned(customer)) / 100)
    }

    fn resources(&self) -> std::ops::Range<usize> {
        0..self.resources.max(1) as usize
    }

    fn days(&self) -> impl Iterator<Item = Date> + use<> {
        let through = self.through;
        self.first.series(1.day()).take_while(move |day| *day <= through)
    }

    /// Every resource, of each meter, on each day.
    fn used(&self) -> impl Iterator<Item = (usize, usize, Date)> {
        self.resources().flat_map(move |resource| {
            (0..METERS.len()).flat_map(move |meter| self.days().map(move |day| (resource, meter, day)))
        })
    }

    /// Azure usage by the day, line by line. The sum in 10^-10.
    pub(super) fn usage(&self, each: &mut dyn FnMut(&str)) -> i128 {
        let mut all = Lines { each, count: 0, total: 0 };
        let mut line = String::with_capacity(1400);
        for (number, customer) in self.customers.iter().enumerate() {
            for subscription in 0..Self::subscriptions(number) {
                for (resource, meter, day) in self.used() {
                    let (sku, category, name, price) = &METERS[meter];
                    let (quantity, _, cost) = self.usage_of(number, subscription, [meter, resource], day);
                    let earned = Self::earned(number);
                    let unit = i128::from(*price) * 1_000_000;
                    let quantity = i128::from(quantity) * 1_000_000;
                    let (id, domain, customer) = (&customer.id, &customer.domain, &customer.name);
                    let (invoice, currency, last) = (self.invoice, self.currency, self.last());
                    line.clear();
                    let _ = write!(
                        line,
                        r#"{{"partnerId":"{PARTNER}","partnerName":"Sandbox Partner","customerId":"{id}","customerName":"{customer}","customerDomainName":"{domain}","customerCountry":"US","mpnId":"1234567","resellerMpnId":0,"invoiceNumber":"{invoice}","productId":"{AZURE}","skuId":"{sku}","availabilityId":"DZH318Z08B8X","skuName":"Azure plan","productName":"Azure plan","publisherName":"Microsoft","publisherId":"","subscriptionDescription":"Azure plan","subscriptionId":"{}","chargeStartDate":"{}T00:00:00Z","chargeEndDate":"{last}T00:00:00Z","usageDate":"{day}T00:00:00Z","meterType":"1 Unit - {category}","meterCategory":"{category}","meterId":"{}","meterSubCategory":"","meterName":"{name}","meterRegion":"EU West","unitOfMeasure":"1 Unit","resourceLocation":"EUWEST","consumedService":"Microsoft.Compute","resourceGroup":"rg{subscription}","resourceURI":"/subscriptions/{}/resourceGroups/rg{subscription}/r{}","chargeType":"Consumption","unitPrice":{},"quantity":{},"unitType":"1 Unit","billingPreTaxTotal":{},"billingCurrency":"{currency}","pricingPreTaxTotal":{},"pricingCurrency":"{currency}","serviceInfo1":"","serviceInfo2":"","tags":"","additionalInfo":"","effectiveUnitPrice":{},"pCToBCExchangeRate":1,"pCToBCExchangeRateDate":"{}T00:00:00Z","entitlementId":"{}","entitlementDescription":"Subscription {subscription}","rateOfPartnerEarnedCredit":{},"rateOfCredit":0,"creditType":"","benefitOrderId":"","benefitId":"","benefitType":""}}"#,
                        plan_id(number),
                        self.first,
                        meter_id(meter),
                        entitlement_id(number, subscription),
                        resource * METERS.len() + meter,
                        digits(unit),
                        digits(quantity),
                        digits(cost),
                        digits(cost),
                        digits(unit * (100 - earned) / 100),
                        self.first,
                        entitlement_id(number, subscription),
                        digits(earned * 100_000_000),
                    );
                    all.push(&line, cost);
                }
            }
        }
        all.total
    }

    /// All lines of the month's invoice, usage in sums, line by line. The sum with tax in 10^-10.
    pub(super) fn reconciliation(&self, each: &mut dyn FnMut(&str)) -> i128 {
        let mut all = Lines { each, count: 0, total: 0 };
        let mut planted = i128::from(self.planted_cents) * CENT;
        for (number, customer) in self.customers.iter().enumerate() {
            self.azure(number, customer, &mut planted, &mut all);
            let seats = 1 + (number as i128 % 40);
            let price = 1_260 * CENT;
            let tax = if number % 3 == 0 { seats * price * 8 / 100 / CENT * CENT } else { 0 };
            let item = |product, charge, prices, quantity: i128, subtotal| Item {
                customer,
                product,
                charge,
                subscription: ["", ""],
                term: ["One-Year commitment for monthly billing", "Monthly"],
                adjustment: "",
                prices,
                quantity,
                subtotal,
                tax: 0,
                meter: "",
            };
            let seat_id = made_up(number as u64, 77);
            self.push(
                &Item {
                    subscription: [&seat_id, "Microsoft 365 Business Premium"],
                    tax,
                    ..item(
                        ["CFQ7TTC0LCHC", "0002", "Microsoft 365 Business Premium", "Microsoft"],
                        "cycleFee",
                        [price, price],
                        seats,
                        seats * price,
                    )
                },
                &mut all,
            );
            if number % 6 == 0 {
                let fee = 61_320 * CENT / 12 / CENT * CENT;
                let product = ["DZH318Z0BQ4L", "00F5", "Reserved VM Instance, D4s v5, 1 Year", "Microsoft"];
                self.push(&item(product, "cycleFee", [fee, fee], 1, fee), &mut all);
            }
            if number % 7 == 0 {
                let product = ["DZH318Z0CT5H", "0003", "Backup for everything", "Proseware"];
                self.push(&item(product, "new", [4_900 * CENT, 4_900 * CENT], 1, 4_900 * CENT), &mut all);
            }
            if number % 9 == 0 {
                let product = ["CFQ7TTC0LCHC", "0002", "Microsoft 365 Business Premium", "Microsoft"];
                self.push(&item(product, "customerCredit", [price, price], -1, -price), &mut all);
            }
        }
        if let Some(customer) = self.customers.first() {
            for version in 1..self.version.max(1) {
                let name = format!("Late credit {version}");
                let item = Item {
                    customer,
                    product: ["CFQ7TTC0LCHC", "0002", &name, "Microsoft"],
                    charge: "customerCredit",
                    subscription: ["", ""],
                    term: ["", ""],
                    adjustment: "",
                    prices: [100 * CENT; 2],
                    quantity: -1,
                    subtotal: -100 * CENT,
                    tax: 0,
                    meter: "",
                };
                self.push(&item, &mut all);
            }
        }
        all.total
    }

    /// Azure's lines: one for all subscriptions of the first SKU, one for each subscription of the second.
    fn azure(&self, number: usize, customer: &MadeUp, planted: &mut i128, all: &mut Lines<'_>) {
        let subscriptions: Vec<u64> = (0..Self::subscriptions(number)).collect();
        let first: &[u64] = &subscriptions;
        let groups = std::iter::once((first, [0, 1].as_slice()))
            .chain(subscriptions.chunks(1).map(|one| (one, [2].as_slice())));
        let plan = plan_id(number);
        for (subscriptions, meters) in groups {
            let (mut list, mut cost, mut any) = (0, 0, false);
            for (subscription, meter) in
                subscriptions.iter().flat_map(|s| meters.iter().map(move |m| (*s, *m)))
            {
                for resource in self.resources() {
                    for day in self.days() {
                        let used = self.usage_of(number, subscription, [meter, resource], day);
                        list += used.1;
                        cost += used.2;
                        any = true;
                    }
                }
            }
            if !any {
                continue;
            }
            let (sku, meter, _, _) = METERS[meters[0]];
            let earned = Self::earned(number) > 0;
            let item = Item {
                customer,
                product: [AZURE, sku, "Azure plan", "Microsoft"],
                charge: "new",
                subscription: [&plan, "Azure plan"],
                term: ["", "Monthly"],
                adjustment: if earned {
                    "[\\\"15.0% Partner earned credit for services managed\\\"]"
                } else {
                    ""
                },
                prices: [list, cost],
                quantity: 1,
                // Microsoft cuts to cents.
                subtotal: cost / CENT * CENT + std::mem::take(planted),
                tax: 0,
                meter,
            };
            self.push(&item, all);
        }
    }

    fn push(&self, item: &Item<'_>, all: &mut Lines<'_>) {
        let Item { customer, product: [product, sku, name, publisher], subscription, term, .. } = item;
        let (invoice, currency, first, last) = (self.invoice, self.currency, self.first, self.last());
        let (id, domain, customer) = (&customer.id, &customer.domain, &customer.name);
        let quantity = item.quantity * 10_000_000_000;
        let number = all.count;
        let mut line = String::with_capacity(1400);
        let _ = write!(
            line,
            r#"{{"partnerId":"{PARTNER}","customerId":"{id}","customerName":"{customer}","customerDomainName":"{domain}","customerCountry":"US","invoiceNumber":"{invoice}","mpnId":"1234567","tier2MpnId":0,"orderId":"O{number:08}","orderDate":"{first}T00:00:00Z","productId":"{product}","skuId":"{sku}","availabilityId":"CFQ7TTC0K5PM","skuName":"{name}","productName":"{name}","chargeType":"{}","unitPrice":{},"quantity":{},"subtotal":{},"taxTotal":{},"total":{},"currency":"{currency}","priceAdjustmentDescription":"{}","publisherName":"{publisher}","publisherId":"","subscriptionDescription":"{}","subscriptionId":"{}","chargeStartDate":"{first}T00:00:00Z","chargeEndDate":"{last}T00:00:00Z","termAndBillingCycle":"{}","effectiveUnitPrice":{},"unitType":"","alternateId":"","billableQuantity":{},"billingFrequency":"{}","pricingCurrency":"{currency}","pCToBCExchangeRate":1,"pCToBCExchangeRateDate":"{first}T00:00:00Z","meterDescription":"{}","reservationOrderId":"","creditReasonCode":"","subscriptionStartDate":"{first}T00:00:00Z","subscriptionEndDate":"0001-01-01T00:00:00Z","referenceId":"R{number:08}","productQualifiers":"","promotionId":""}}"#,
            item.charge,
            digits(item.prices[0]),
            digits(quantity),
            digits(item.subtotal),
            digits(item.tax),
            digits(item.subtotal + item.tax),
            item.adjustment,
            subscription[1],
            subscription[0],
            term[0],
            digits(item.prices[1]),
            digits(quantity),
            term[1],
            item.meter,
        );
        all.push(&line, item.subtotal + item.tax);
    }
}

fn made_up(number: u64, salt: u64) -> String {
    super::super::made_up_id(mixed(salt), number as usize)
}

fn plan_id(customer: usize) -> String {
    made_up(customer as u64, 11)
}

fn meter_id(meter: usize) -> String {
    made_up(meter as u64, 12)
}

fn entitlement_id(customer: usize, subscription: u64) -> String {
    made_up(customer as u64 * 8 + subscription, 13)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_digits() {
        for (number, expected) in [
            (0, "0"),
            (10_000_000_000, "1"),
            (-1, "-0.0000000001"),
            (123_456_789_012, "12.3456789012"),
            (-10_100_000_000, "-1.01"),
        ] {
            assert_eq!(digits(number), expected);
        }
    }

    #[test]
    fn a_reconciliation_is_its_usage_cut_to_cents() {
        let customers: Vec<MadeUp> = (0..9).map(|number| MadeUp::new(7, number)).collect();
        let first = jiff::civil::date(2026, 10, 1);
        let month = Month {
            seed: 7,
            customers: &customers,
            first,
            through: first.last_of_month(),
            invoice: "G1",
            currency: "USD",
            version: 1,
            planted_cents: 0,
            resources: 2,
        };
        let mut used = Vec::<serde_json::Value>::new();
        let usage = month.usage(&mut |line| used.push(serde_json::from_str(line).unwrap()));
        assert_eq!(used.len(), 2 * 31 * METERS.len() * 9);
        let mut lines = Vec::<serde_json::Value>::new();
        month.reconciliation(&mut |line| lines.push(serde_json::from_str(line).unwrap()));
        let azure: Vec<f64> = lines
            .iter()
            .filter(|line| line["productId"] == AZURE)
            .map(|line| line["subtotal"].as_f64().unwrap())
            .collect();
        let (sum, exact) = (azure.iter().sum::<f64>(), usage as f64 / 1e10);
        assert!(exact - sum >= 0.0 && exact - sum < 0.01 * azure.len() as f64, "{exact} {sum}");
    }
}
