//! The lines of a bill, read once: sums by service, subscription and day, and the lines that a filter leaves.

use crate::Error;
use crate::paging::{self, Paging, Query};
use domain::timeline::parse_day;
use jiff::civil::Date;
use rating::{Amount, BillColumns, BillLine};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;

/// The maximum number of lines that are read for a page.
const MAX_LINES: u64 = 200_000;

/// The lines of a bill that were asked for.
#[derive(Clone, Debug, Default)]
pub struct BillSearch {
    /// Which page of the lines.
    pub paging: Paging,
    /// The currency of the bill, by ISO 4217, where there are several.
    pub currency: Option<String>,
    service: Option<String>,
    subscription: Option<String>,
    day: Option<Date>,
    /// In lower case.
    text: Option<String>,
}

impl BillSearch {
    /// Reads a query string's parameters; blank ones count as not given.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every parameter that will not do, as `/name`.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let mut search = BillSearch::default();
        paging::read(query, &["currency", "service", "subscription", "day", "q"], |name, value| {
            match name {
                _ if search.paging.take(name, value)? => {}
                "currency" => {
                    search.currency = Some(paging::currency(value)?.to_string());
                }
                "service" => search.service = Some(value.to_owned()),
                "subscription" => search.subscription = Some(value.to_owned()),
                "day" => {
                    search.day = Some(parse_day(value)?);
                }
                "q" => search.text = Some(value.to_lowercase()),
                _ => {}
            }
            Ok(())
        })?;
        Ok(search)
    }

    fn matches(&self, line: &BillLine<'_>) -> bool {
        let has = |text: &str| {
            let cells = [line.service, line.item, line.resource, line.subscription, line.subscription_id];
            cells.iter().any(|cell| cell.to_lowercase().contains(text))
        };
        self.service.as_ref().is_none_or(|service| service == line.service)
            && self.subscription.as_ref().is_none_or(|id| id == line.subscription_id)
            && self.day.is_none_or(|day| line.day == Some(day))
            && self.text.as_deref().is_none_or(has)
    }
}

/// What a bill consists of.
#[derive(Clone, Debug, Default)]
pub struct BillLines {
    /// By service, the largest charge first.
    pub services: Vec<LineSum>,
    /// By subscription, likewise.
    pub subscriptions: Vec<LineSum>,
    /// By day, the first first. Lines without a day come last.
    pub days: Vec<LineSum>,
    /// The lines of the page that was asked for.
    pub lines: Vec<ShownLine>,
    /// The number of lines that match.
    pub matched: u64,
    /// Whether all lines were read. If not, the sums are empty, and only the first lines were looked through.
    pub is_whole: bool,
}

/// The sum of some lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineSum {
    /// The service, the id of the subscription, or the day as `YYYY-MM-DD`; empty where the lines have none.
    pub key: String,
    /// The name of the service or the subscription; may be empty.
    pub name: String,
    /// The number of lines.
    pub lines: u64,
    /// What they cost, by currency; empty for a customer.
    pub costs: BTreeMap<String, Amount>,
    /// What they are charged, to the last digit.
    pub charge: Amount,
    /// Whether these lines are not Microsoft's: rounding, and corrections of months before.
    pub is_adjustment: bool,
}

/// A line as a page shows it; the texts are those of [`BillLine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownLine {
    /// Its place in the bill, from 1.
    pub number: u64,
    /// The day of the usage, or the first of the charged period.
    pub day: Option<Date>,
    /// The Azure service, or the product.
    pub service: String,
    /// Id of the subscription.
    pub subscription_id: String,
    /// Display name of the subscription.
    pub subscription: String,
    /// The meter, or the SKU.
    pub item: String,
    /// The Azure resource.
    pub resource: String,
    /// The quantity, as digits.
    pub quantity: String,
    /// The unit of the quantity.
    pub unit: String,
    /// The price of a unit, as digits.
    pub unit_price: String,
    /// The Azure tenant.
    pub tenant: String,
    /// The charge, to the last digit.
    pub charge: Amount,
    /// Whether the line is not Microsoft's.
    pub is_adjustment: bool,
    /// Why it is charged that; `None` for a customer.
    pub price: Option<PriceReason>,
}

/// Why a line is charged what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceReason {
    /// What the line cost, to the last digit.
    pub cost: Amount,
    /// Currency of the cost.
    pub cost_currency: String,
    /// The rule that made the price; `None` where the customer's margin did.
    pub rule_id: Option<i64>,
    /// The name that the rule had, or the margin as the ledger has it.
    pub rule: String,
    /// What the price was made from, as the ledger has it: `cost`, `list price` and others.
    pub priced_from: String,
    /// The days on which the customer has the line's tenant; empty for all.
    pub tenant_days: String,
}

/// Sums by a key.
#[derive(Default)]
struct Sums {
    places: HashMap<String, usize>,
    sums: Vec<LineSum>,
    /// Lines come in their order, and most have the key of the line before.
    last: usize,
}

impl Sums {
    fn add(&mut self, key: &str, name: &str, line: &BillLine<'_>, price: Option<&PriceReason>) {
        if self.sums.get(self.last).is_none_or(|last| last.key != key) {
            self.last = match self.places.get(key) {
                Some(place) => *place,
                None => {
                    self.places.insert(key.to_owned(), self.sums.len());
                    let is_adjustment = line.is_adjustment();
                    self.sums.push(LineSum { key: key.to_owned(), is_adjustment, ..LineSum::default() });
                    self.sums.len() - 1
                }
            };
        }
        let sum = &mut self.sums[self.last];
        sum.lines += 1;
        sum.charge += line.charge;
        sum.is_adjustment &= line.is_adjustment();
        if sum.name.is_empty() {
            name.clone_into(&mut sum.name);
        }
        if let Some(price) = price.filter(|_| !line.is_adjustment()) {
            match sum.costs.get_mut(&price.cost_currency) {
                Some(cost) => *cost += price.cost,
                None => {
                    sum.costs.insert(price.cost_currency.clone(), price.cost);
                }
            }
        }
    }

    /// The largest charge first.
    fn by_charge(mut self) -> Vec<LineSum> {
        self.sums.sort_by(|a, b| b.charge.cmp(&a.charge).then_with(|| a.key.cmp(&b.key)));
        self.sums
    }

    /// In the order of the keys, the empty one last.
    fn by_key(mut self) -> Vec<LineSum> {
        self.sums.sort_by(|a, b| (a.key.is_empty(), &a.key).cmp(&(b.key.is_empty(), &b.key)));
        self.sums
    }
}

/// The rows of a ledger: one for each line of its bill, in their order.
struct Ledger<R> {
    reader: csv::Reader<R>,
    record: csv::StringRecord,
    /// Where the columns are of [`Ledger::COLUMNS`].
    places: [Option<usize>; 6],
}

impl<R: Read> Ledger<R> {
    const COLUMNS: [&str; 6] = ["Cost", "CostCurrency", "RuleId", "Rule", "PricedFrom", "Tenant"];

    fn new(input: R) -> Result<Self, Error> {
        let mut reader = csv::Reader::from_reader(input);
        let header = reader.headers().map_err(unreadable)?;
        let place = |column: &str| header.iter().position(|name| name == column);
        let places = Self::COLUMNS.map(place);
        Ok(Ledger { reader, record: csv::StringRecord::new(), places })
    }

    fn read_row(&mut self) -> Result<PriceReason, Error> {
        if !self.reader.read_record(&mut self.record).map_err(unreadable)? {
            return Err(Error::BillDamaged("a ledger has fewer rows than its bill has lines".into()));
        }
        let [cost, currency, rule_id, rule, from, tenant] = self.places.map(|place| {
            let cell = place.and_then(|place| self.record.get(place)).unwrap_or_default();
            cell.to_owned()
        });
        let cost = cost.parse().map_err(|e| Error::BillDamaged(format!("a ledger: the cost {cost} {e}")))?;
        Ok(PriceReason {
            cost,
            cost_currency: currency,
            rule_id: rule_id.parse().ok(),
            rule,
            priced_from: from,
            tenant_days: tenant,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn unreadable(error: csv::Error) -> Error {
    Error::BillsUnavailable(format!("the lines of a bill could not be read: {error}"))
}

/// Reads a `bill.csv`, with its ledger for the partner.
pub(super) fn scan(
    bill: impl Read,
    ledger: Option<impl Read>,
    search: &BillSearch,
) -> Result<BillLines, Error> {
    scan_up_to(MAX_LINES, bill, ledger, search)
}

fn scan_up_to(
    max_lines: u64,
    bill: impl Read,
    ledger: Option<impl Read>,
    search: &BillSearch,
) -> Result<BillLines, Error> {
    let mut bill = csv::Reader::from_reader(bill);
    let mut ledger = ledger.map(Ledger::new).transpose()?;
    let columns = BillColumns::of(bill.headers().map_err(unreadable)?);
    let (skip, limit) = (search.paging.skip().max(0) as u64, search.paging.per_page as usize);
    let (mut services, mut subscriptions, mut days) = (Sums::default(), Sums::default(), Sums::default());
    let mut found = BillLines { is_whole: true, ..BillLines::default() };
    let (mut record, mut number) = (csv::StringRecord::new(), 0);
    while bill.read_record(&mut record).map_err(unreadable)? {
        if number == max_lines {
            let BillLines { lines, matched, .. } = found;
            return Ok(BillLines { lines, matched, ..BillLines::default() });
        }
        number += 1;
        let line = columns.line(|place| record.get(place));
        let line =
            line.map_err(|e| Error::BillDamaged(format!("bill.csv, line {number}: the charge {e}")))?;
        let price = ledger.as_mut().map(Ledger::read_row).transpose()?;
        services.add(line.service, line.service, &line, price.as_ref());
        subscriptions.add(line.subscription_id, line.subscription, &line, price.as_ref());
        let day = line.day.map_or(String::new(), |day| day.to_string());
        days.add(&day, "", &line, price.as_ref());
        if search.matches(&line) {
            found.matched += 1;
            if found.matched > skip && found.lines.len() < limit {
                found.lines.push(shown(number, &line, price));
            }
        }
    }
    let (services, subscriptions) = (services.by_charge(), subscriptions.by_charge());
    Ok(BillLines { services, subscriptions, days: days.by_key(), ..found })
}

fn shown(number: u64, line: &BillLine<'_>, price: Option<PriceReason>) -> ShownLine {
    let is_adjustment = line.is_adjustment();
    ShownLine {
        number,
        day: line.day,
        service: line.service.to_owned(),
        subscription_id: line.subscription_id.to_owned(),
        subscription: line.subscription.to_owned(),
        item: line.item.to_owned(),
        resource: line.resource.to_owned(),
        quantity: line.quantity.to_owned(),
        unit: line.unit.to_owned(),
        unit_price: line.unit_price.to_owned(),
        tenant: line.tenant.to_owned(),
        charge: line.charge,
        is_adjustment,
        price: price.filter(|_| !is_adjustment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Handling;

    const BILL: &str =
        "CustomerId,ProductName,SubscriptionId,UsageDate,MeterCategory,ChargeType,EntitlementId,\
        EntitlementDescription,ChargeUnitPrice,Charge,ChargeCurrency
t,Azure plan,plan,2026-10-02,Storage,new,s1,Production,1,10.5,USD
t,Azure plan,plan,2026-10-01,Storage,new,s2,Test,1,0.0000000001,USD
t,Azure plan,plan,2026-10-02,Bandwidth,new,s1,Production,1,30,USD
,Rounding,,,,rounding,,,,-0.0000000001,USD
";
    const LEDGER: &str = "Line,Cost,CostCurrency,Charge,ChargeCurrency,RuleId,Rule,PricedFrom,Tenant,Content
a,8.4,USD,10.5,USD,,margin of the customer: 20 % at first,cost,since 2026-10-01,x
b,0.00000000008,USD,0.0000000001,USD,,margin of the customer,cost,,x
c,20,EUR,30,USD,7,\"Net, bandwidth\",list price,,x
,0,USD,-0.0000000001,USD,,,rounding,,
";

    fn search(query: &[(&str, &str)]) -> BillSearch {
        let parameters = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        BillSearch::parse(&Query::new(parameters.collect(), Handling::Strict)).unwrap()
    }

    fn sums(sums: &[LineSum]) -> String {
        let shown = sums.iter().map(|sum| {
            let costs: Vec<String> = sum.costs.iter().map(|(code, cost)| format!("{cost} {code}")).collect();
            let adjustment = if sum.is_adjustment { " *" } else { "" };
            format!(
                "{}/{} {} {} [{}]{adjustment}",
                sum.key,
                sum.name,
                sum.lines,
                sum.charge,
                costs.join(", ")
            )
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn sums_add_up_to_the_bill_in_each_way() {
        let made = scan(BILL.as_bytes(), Some(LEDGER.as_bytes()), &search(&[])).unwrap();
        assert!(made.is_whole);
        assert_eq!(
            sums(&made.services),
            "Bandwidth/Bandwidth 1 30 [20 EUR]; Storage/Storage 2 10.5000000001 [8.40000000008 USD]; \
             Rounding/Rounding 1 -0.0000000001 [] *"
        );
        assert_eq!(
            sums(&made.subscriptions),
            "s1/Production 2 40.5 [20 EUR, 8.4 USD]; s2/Test 1 0.0000000001 [0.00000000008 USD]; \
             / 1 -0.0000000001 [] *"
        );
        assert_eq!(
            sums(&made.days),
            "2026-10-01/ 1 0.0000000001 [0.00000000008 USD]; 2026-10-02/ 2 40.5 [20 EUR, 8.4 USD]; \
             / 1 -0.0000000001 [] *"
        );
        for of in [&made.services, &made.subscriptions, &made.days] {
            let total = of.iter().map(|sum| sum.charge).sum::<Amount>();
            assert_eq!(total.to_string(), "40.5");
        }
    }

    #[test]
    fn filters_leave_lines_with_the_reason_of_each() {
        let found = |query: &[(&str, &str)]| {
            let made = scan(BILL.as_bytes(), Some(LEDGER.as_bytes()), &search(query)).unwrap();
            let numbers: Vec<String> = made.lines.iter().map(|line| line.number.to_string()).collect();
            format!("{} of {}", numbers.join(" "), made.matched)
        };
        for (query, expected) in [
            (vec![], "1 2 3 4 of 4"),
            (vec![("service", "Storage")], "1 2 of 2"),
            (vec![("service", "storage")], " of 0"),
            (vec![("subscription", "s1")], "1 3 of 2"),
            (vec![("day", "2026-10-02"), ("service", "Storage")], "1 of 1"),
            (vec![("q", "PRODUCT")], "1 3 of 2"),
            (vec![("q", "band")], "3 of 1"),
            (vec![("per_page", "2"), ("page", "2")], "3 4 of 4"),
            (vec![("per_page", "2"), ("page", "9")], " of 4"),
        ] {
            assert_eq!(found(&query), expected, "{query:?}");
        }
        let made = scan(BILL.as_bytes(), Some(LEDGER.as_bytes()), &search(&[])).unwrap();
        let price = made.lines[2].price.as_ref().unwrap();
        assert_eq!(
            (price.rule_id, price.rule.as_str(), price.priced_from.as_str()),
            (Some(7), "Net, bandwidth", "list price")
        );
        let price = made.lines[0].price.as_ref().unwrap();
        assert_eq!((price.rule_id, price.tenant_days.as_str()), (None, "since 2026-10-01"));
        assert_eq!(made.lines[3].price, None);
        // Without a ledger there is nothing of costs.
        let made = scan(BILL.as_bytes(), None::<&[u8]>, &search(&[])).unwrap();
        assert!(made.lines.iter().all(|line| line.price.is_none()));
        assert!(made.services.iter().all(|sum| sum.costs.is_empty()));
    }

    #[test]
    fn a_bill_that_is_too_long_has_no_sums() {
        let made = scan_up_to(3, BILL.as_bytes(), None::<&[u8]>, &search(&[])).unwrap();
        assert!(!made.is_whole && made.services.is_empty() && made.days.is_empty());
        assert_eq!((made.lines.len(), made.matched), (3, 3));
        assert!(scan_up_to(4, BILL.as_bytes(), None::<&[u8]>, &search(&[])).unwrap().is_whole);
    }

    #[test]
    fn damage_and_wrong_parameters_are_refused() {
        let short = LEDGER.rsplit_once("\n,0").unwrap().0;
        let damaged = BILL.replace("10.5", "x");
        for (bill, ledger) in [(BILL, short), (damaged.as_str(), LEDGER)] {
            let made = scan(bill.as_bytes(), Some(ledger.as_bytes()), &search(&[]));
            assert!(matches!(made, Err(Error::BillDamaged(_))), "{made:?}");
        }
        for query in [("day", "yesterday"), ("currency", "XXX"), ("page", "x")] {
            let parameters = vec![(query.0.to_owned(), query.1.to_owned())];
            let refused = BillSearch::parse(&Query::new(parameters, Handling::Strict));
            assert!(matches!(refused, Err(Error::Parameters(_))), "{query:?}");
        }
    }
}
