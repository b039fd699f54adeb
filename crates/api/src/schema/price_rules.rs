//! What the OpenAPI document says of price rules.
#![expect(dead_code, reason = "these types describe; the domain's types are what is read and written")]

use super::EarnedCredit;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// How a rule makes a price. `margin`: price = cost / (1 − m). `markup`: cost × (1 + u). `discount`: list price × (1 − d).
/// `fixed`: quantity × price, at the run's rate where the bill is in another currency.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RuleKind {
    Margin,
    Markup,
    Discount,
    ListPrice,
    Fixed,
}

/// A decimal number, or a string that holds one to its last digit.
#[derive(ToSchema, Serialize)]
#[serde(untagged)]
pub(crate) enum Decimal {
    Number(f64),
    Text(String),
}

/// A price rule to be made. The first that matches a line prices it; where none does, the customer's margin.
#[derive(ToSchema)]
pub(crate) struct NewPriceRule {
    #[schema(min_length = 1, max_length = 255, example = "Azure at list price less 5 %")]
    name: String,
    /// Rules are tried in this order, those of one position in the order of their ids. By default behind all others.
    #[schema(minimum = 0, nullable)]
    position: Option<i64>,
    kind: RuleKind,
    /// In percent, at most four decimal places; not of the kind `fixed`.
    #[schema(nullable)]
    percentage: Option<Decimal>,
    /// Per unit, of the kind `fixed`.
    #[schema(nullable)]
    price: Option<Decimal>,
    /// ISO 4217, of the kind `fixed`.
    #[schema(nullable, example = "USD")]
    currency: Option<String>,
    /// The first day it holds for.
    #[schema(format = "date", nullable)]
    effective_from: Option<String>,
    /// The first day it holds no more for.
    #[schema(format = "date", nullable)]
    effective_until: Option<String>,
    /// Only for this customer.
    #[schema(nullable)]
    customer_id: Option<i64>,
    /// Only for lines of this publisher, in any case. Likewise all that follow.
    #[schema(nullable)]
    publisher: Option<String>,
    #[schema(nullable)]
    product_id: Option<String>,
    #[schema(nullable)]
    sku_id: Option<String>,
    #[schema(nullable)]
    charge_type: Option<String>,
    #[schema(nullable)]
    meter_category: Option<String>,
    /// Whether the partner keeps the earned credit of these lines.
    #[schema(nullable)]
    earned_credit: Option<EarnedCredit>,
}

/// What to change of a price rule: only what is named changes. `null` clears what is optional.
#[derive(ToSchema)]
pub(crate) struct PriceRuleChange {
    /// As on create, and so are all others.
    #[schema(nullable)]
    name: Option<String>,
    #[schema(nullable)]
    position: Option<i64>,
    #[schema(nullable)]
    kind: Option<RuleKind>,
    #[schema(nullable)]
    percentage: Option<Decimal>,
    #[schema(nullable)]
    price: Option<Decimal>,
    #[schema(nullable)]
    currency: Option<String>,
    #[schema(format = "date", nullable)]
    effective_from: Option<String>,
    #[schema(format = "date", nullable)]
    effective_until: Option<String>,
    #[schema(nullable)]
    customer_id: Option<i64>,
    #[schema(nullable)]
    publisher: Option<String>,
    #[schema(nullable)]
    product_id: Option<String>,
    #[schema(nullable)]
    sku_id: Option<String>,
    #[schema(nullable)]
    charge_type: Option<String>,
    #[schema(nullable)]
    meter_category: Option<String>,
    #[schema(nullable)]
    earned_credit: Option<EarnedCredit>,
}

/// A price rule.
#[derive(ToSchema)]
pub(crate) struct PriceRule {
    id: i64,
    name: String,
    position: i64,
    kind: RuleKind,
    /// Exact decimal digits.
    #[schema(nullable = false)]
    percentage: Option<String>,
    /// Exact decimal digits.
    #[schema(nullable = false)]
    price: Option<String>,
    #[schema(nullable = false)]
    currency: Option<String>,
    #[schema(format = "date", nullable = false)]
    effective_from: Option<String>,
    #[schema(format = "date", nullable = false)]
    effective_until: Option<String>,
    #[schema(nullable = false)]
    customer_id: Option<i64>,
    #[schema(nullable = false)]
    publisher: Option<String>,
    #[schema(nullable = false)]
    product_id: Option<String>,
    #[schema(nullable = false)]
    sku_id: Option<String>,
    #[schema(nullable = false)]
    charge_type: Option<String>,
    #[schema(nullable = false)]
    meter_category: Option<String>,
    #[schema(nullable = false)]
    earned_credit: Option<EarnedCredit>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A page of price rules, in the order in which they are tried.
#[derive(ToSchema)]
pub(crate) struct PriceRuleList {
    price_rules: Vec<PriceRule>,
}

/// What a price rule would change of the last month that was billed.
#[derive(ToSchema)]
pub(crate) struct PriceRuleTrial {
    /// The run that the month was billed by: its files, its customers and their margins are tried.
    run_id: i64,
    #[schema(example = "2026-10")]
    billing_period: String,
    /// The bills that would change, the largest difference first.
    changes: Vec<PriceRuleTrialChange>,
    /// The number of bills that would stay as they are.
    unchanged: u64,
    /// The sums of all bills, by currency.
    totals: Vec<PriceRuleTrialTotal>,
    /// Whether no line of the month gets its price from the rule: none matches it, or a rule before it matches first.
    unused: bool,
    /// What is to be looked at, such as lines that the rule matches and cannot price.
    warnings: Vec<String>,
}

/// A bill that a price rule would change. Amounts are exact decimal digits.
#[derive(ToSchema)]
pub(crate) struct PriceRuleTrialChange {
    customer_id: i64,
    name: String,
    /// ISO 4217.
    currency: String,
    /// By the price rules that are stored.
    charge: String,
    charge_with_rule: String,
    difference: String,
}

/// The sum of all bills in a currency. Amounts are exact decimal digits.
#[derive(ToSchema)]
pub(crate) struct PriceRuleTrialTotal {
    /// ISO 4217.
    currency: String,
    /// By the price rules that are stored.
    charge: String,
    charge_with_rule: String,
    difference: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct PriceRuleId {
    /// The price rule's id.
    id: i64,
}
