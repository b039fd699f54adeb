//! Price rules.

use super::{EarnedCredit, time};
use app::billing;
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

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
pub(crate) struct PriceRuleChange;

/// The fields of [`NewPriceRule`], none of them required.
impl PartialSchema for PriceRuleChange {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(mut object)) = NewPriceRule::schema() else {
            return NewPriceRule::schema();
        };
        object.description = Some(
            "What to change of a price rule: only what is named changes. `null` clears what is optional."
                .into(),
        );
        object.required.clear();
        RefOr::T(Schema::Object(object))
    }
}

impl ToSchema for PriceRuleChange {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        NewPriceRule::schemas(schemas);
    }
}

/// A price rule.
#[derive(ToSchema, Serialize)]
pub struct PriceRule {
    id: i64,
    name: String,
    position: i64,
    kind: RuleKind,
    /// Exact decimal digits.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    percentage: Option<String>,
    /// Exact decimal digits.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[schema(format = "date", nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_from: Option<String>,
    #[schema(format = "date", nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_until: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<i64>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    sku_id: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_type: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    meter_category: Option<String>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    earned_credit: Option<EarnedCredit>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A page of price rules, in the order in which they are tried.
#[derive(ToSchema, Serialize)]
pub struct PriceRuleList {
    price_rules: Vec<PriceRule>,
}

/// What a price rule would change of the last month that was billed.
#[derive(ToSchema, Serialize)]
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
#[derive(ToSchema, Serialize)]
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
#[derive(ToSchema, Serialize)]
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

impl From<rating::RuleKind> for RuleKind {
    fn from(kind: rating::RuleKind) -> Self {
        match kind {
            rating::RuleKind::Margin(_) => RuleKind::Margin,
            rating::RuleKind::Markup(_) => RuleKind::Markup,
            rating::RuleKind::Discount(_) => RuleKind::Discount,
            rating::RuleKind::ListPrice => RuleKind::ListPrice,
            rating::RuleKind::Fixed(..) => RuleKind::Fixed,
        }
    }
}

impl From<&billing::RuleView> for PriceRule {
    fn from(view: &billing::RuleView) -> Self {
        let rating::PriceRule { id, details } = view.rule().clone();
        let rating::NewPriceRule {
            name,
            position,
            kind,
            effective_from,
            effective_until,
            customer_id,
            publisher,
            product_id,
            sku_id,
            charge_type,
            meter_category,
            earned_credit,
        } = details;
        let (percentage, price) = match kind {
            rating::RuleKind::Margin(_) | rating::RuleKind::Markup(_) | rating::RuleKind::Discount(_) => {
                (Some(kind.value()), None)
            }
            rating::RuleKind::ListPrice => (None, None),
            rating::RuleKind::Fixed(..) => (None, Some(kind.value())),
        };
        let [created_at, updated_at] = view.times().map(time);
        PriceRule {
            id,
            name,
            position,
            kind: kind.into(),
            percentage,
            price,
            currency: kind.currency().map(|currency| currency.to_string()),
            effective_from: effective_from.map(|day| day.to_string()),
            effective_until: effective_until.map(|day| day.to_string()),
            customer_id,
            publisher,
            product_id,
            sku_id,
            charge_type,
            meter_category,
            earned_credit: earned_credit.map(EarnedCredit::from),
            created_at,
            updated_at,
        }
    }
}

impl From<billing::RuleView> for PriceRule {
    fn from(view: billing::RuleView) -> Self {
        PriceRule::from(&view)
    }
}

/// Price rules in the order in which they are tried.
impl From<Vec<billing::RuleView>> for PriceRuleList {
    fn from(rules: Vec<billing::RuleView>) -> Self {
        PriceRuleList { price_rules: rules.iter().map(PriceRule::from).collect() }
    }
}

impl From<billing::RuleTrial> for PriceRuleTrial {
    fn from(trial: billing::RuleTrial) -> Self {
        let billing::RuleTrial { run, billing_period, changes, unchanged, totals, is_unused, warnings } =
            trial;
        let change = |change: billing::BillChange| PriceRuleTrialChange {
            customer_id: change.customer_id,
            name: change.name,
            currency: change.currency.to_string(),
            charge: change.before.to_string(),
            charge_with_rule: change.after.to_string(),
            difference: change.difference.to_string(),
        };
        let total = |total: billing::TrialTotal| PriceRuleTrialTotal {
            currency: total.currency.to_string(),
            charge: total.before.to_string(),
            charge_with_rule: total.after.to_string(),
            difference: total.difference.to_string(),
        };
        PriceRuleTrial {
            run_id: run,
            billing_period,
            changes: changes.into_iter().map(change).collect(),
            unchanged,
            totals: totals.into_iter().map(total).collect(),
            unused: is_unused,
            warnings: warnings.into_iter().map(|warning| warning.text).collect(),
        }
    }
}
