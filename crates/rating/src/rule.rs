//! Price rules: what a customer pays for a line, where that is not simply its margin.

use crate::amount::{Amount, Decimal, NotDecimal};
use crate::currency::Currency;
use domain::Margin;
use jiff::civil::Date;
use std::fmt;

/// A share in percent with at most four decimal places, held exactly as a count of ten-thousandths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

/// Ten-thousandths of a percent in the whole.
pub(crate) const WHOLE: u32 = 1_000_000;

impl Percent {
    /// So many ten-thousandths of a percent; `None` from 100,000 % on.
    pub fn from_ten_thousandths(count: i64) -> Option<Self> {
        u32::try_from(count).ok().filter(|count| *count < 1000 * WHOLE).map(Percent)
    }

    /// How many ten-thousandths of a percent it is: 125,000 for 12.5 %.
    pub fn ten_thousandths(self) -> u32 {
        self.0
    }

    /// Reads a decimal such as `12.5`. The message reads after the field's name.
    ///
    /// # Errors
    /// No number, less than 0, 100,000 or more, or more than four decimal places.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Decimal { mantissa, places } = Decimal::parse(text.as_bytes()).map_err(|e| e.to_string())?;
        let amount = Amount::from(Decimal { mantissa, places });
        if amount != amount.rounded(4) {
            return Err(format!("must have at most 4 decimal places, unlike {text}"));
        }
        let count = i64::try_from(amount.count(4)).ok().and_then(Percent::from_ten_thousandths);
        count.ok_or_else(|| format!("must be at least 0 and less than 100000, not {text}"))
    }
}

/// `12.5`, `12`, `0.0001`.
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Amount::of(self.0.into(), 4).fmt(f)
    }
}

impl From<Margin> for Percent {
    fn from(margin: Margin) -> Self {
        Percent(margin.ten_thousandths() as u32)
    }
}

/// How a rule makes a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// price = cost / (1 − m), m less than 100 %.
    Margin(Percent),
    /// price = cost × (1 + u).
    Markup(Percent),
    /// price = list price × (1 − d), d at most 100 %. Holds only for lines that have a list price and a quantity.
    Discount(Percent),
    /// price = list price. Likewise.
    ListPrice,
    /// price = quantity × this. Holds only for lines with a quantity, billed in this currency.
    Fixed(Amount, Currency),
}

impl RuleKind {
    /// `margin`, `markup`, `discount`, `list_price` or `fixed`.
    pub fn name(self) -> &'static str {
        match self {
            RuleKind::Margin(_) => "margin",
            RuleKind::Markup(_) => "markup",
            RuleKind::Discount(_) => "discount",
            RuleKind::ListPrice => "list_price",
            RuleKind::Fixed(..) => "fixed",
        }
    }

    /// The kind of this name with its value: a percentage, a price per unit that needs its currency, or nothing for a list
    /// price. The message reads after "percentage" or, for a fixed price, "price".
    ///
    /// # Errors
    /// An unknown name, a value that is no number or out of its range, a price without a currency.
    pub fn of(name: &str, value: &str, currency: Option<Currency>) -> Result<Self, String> {
        let percent = || Percent::parse(value);
        let below = |most: u32, percent: Percent| {
            let legal = percent.0 <= most;
            legal.then_some(percent).ok_or_else(|| match most {
                WHOLE => format!("must be at most 100 for a discount, not {percent}"),
                _ => format!("must be less than 100 for a margin, not {percent}"),
            })
        };
        match name {
            "margin" => Ok(RuleKind::Margin(below(WHOLE - 1, percent()?)?)),
            "markup" => Ok(RuleKind::Markup(percent()?)),
            "discount" => Ok(RuleKind::Discount(below(WHOLE, percent()?)?)),
            "list_price" => Ok(RuleKind::ListPrice),
            "fixed" => {
                let price: Amount = value.parse().map_err(|e: NotDecimal| e.to_string())?;
                if price.is_negative() || price != price.rounded(12) || price >= Amount::of(1_000_000_000, 0)
                {
                    let message =
                        "must be at least 0 and less than 1000000000, with at most 12 decimal places";
                    return Err(format!("{message}, unlike {price}"));
                }
                Ok(RuleKind::Fixed(price, currency.ok_or("needs a currency")?))
            }
            _ => Err("must be \"margin\", \"markup\", \"discount\", \"list_price\" or \"fixed\"".to_owned()),
        }
    }

    /// The percentage or the price per unit, as [`RuleKind::of`] reads it.
    pub fn value(self) -> String {
        match self {
            RuleKind::Margin(p) | RuleKind::Markup(p) | RuleKind::Discount(p) => p.to_string(),
            RuleKind::ListPrice => String::new(),
            RuleKind::Fixed(price, _) => price.to_string(),
        }
    }

    /// The currency of a fixed price.
    pub fn currency(self) -> Option<Currency> {
        match self {
            RuleKind::Fixed(_, currency) => Some(currency),
            _ => None,
        }
    }
}

/// Who has the benefit of the partner earned credit that Microsoft grants on a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarnedCredit {
    /// The partner: the charge starts from the price before the credit.
    #[default]
    Kept,
    /// The customer: the charge starts from the cost.
    PassedOn,
}

impl EarnedCredit {
    /// `kept` or `passed_on`.
    pub fn name(self) -> &'static str {
        match self {
            EarnedCredit::Kept => "kept",
            EarnedCredit::PassedOn => "passed_on",
        }
    }

    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        [EarnedCredit::Kept, EarnedCredit::PassedOn].into_iter().find(|known| known.name() == name)
    }
}

/// What a price rule is told to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPriceRule {
    /// What people call it, 1–255 characters.
    pub name: String,
    /// Rules are tried in this order, those of one position in the order of their ids. The first that matches wins.
    pub position: i64,
    /// How it makes a price.
    pub kind: RuleKind,
    /// The first day it holds for: of a line's usage, or of the period it charges.
    pub effective_from: Option<Date>,
    /// The first day it holds no more for; after `effective_from`.
    pub effective_until: Option<Date>,
    /// Only for this customer.
    pub customer_id: Option<i64>,
    /// Only for lines with this `PublisherName`, in any case. Like all that follow.
    pub publisher: Option<String>,
    /// Only for this `ProductId`.
    pub product_id: Option<String>,
    /// Only for this `SkuId`.
    pub sku_id: Option<String>,
    /// Only for this `ChargeType`.
    pub charge_type: Option<String>,
    /// Only for this `MeterCategory`.
    pub meter_category: Option<String>,
    /// What becomes of the earned credit of its lines, where that differs from the rest of the run.
    pub earned_credit: Option<EarnedCredit>,
}

/// A price rule as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceRule {
    /// Its number.
    pub id: i64,
    /// What it was told to be.
    pub details: NewPriceRule,
}
