//! Profit.

use app::billing::{Profit as Sums, ProfitReport as Report, ProfitRow as Row};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// The profit of a month.
#[derive(ToSchema, Serialize)]
pub struct ProfitReport {
    #[schema(example = "2026-10")]
    billing_period: String,
    /// `customer`, `product`, `publisher` or `subscription`.
    by: &'static str,
    /// By currency and name; what only the month before had has zeros.
    rows: Vec<ProfitRow>,
    /// One for each currency.
    totals: Vec<ProfitRow>,
    /// Bills of the month that an earlier version made, and that are in none of this: run the month again.
    bills_without_sums: u64,
}

/// The profit of a customer, product, publisher or subscription in a currency. Money has its exact decimal digits.
#[derive(ToSchema, Serialize)]
pub(crate) struct ProfitRow {
    /// ISO 4217: that of the bills.
    #[schema(example = "USD")]
    currency: String,
    /// Of customers and subscriptions.
    #[schema(required)]
    customer_id: Option<i64>,
    /// Of subscriptions.
    #[schema(required)]
    subscription_id: Option<String>,
    /// What it is called; empty where the lines do not say, and in totals.
    name: String,
    lines: u64,
    /// What Microsoft charges the partner after its credits, without tax; at the run's rate.
    #[schema(example = "100")]
    cost: String,
    /// The partner earned credit that the cost is less by, kept or passed on.
    #[schema(example = "15")]
    earned_credit: String,
    /// What customers are charged, the rounding of bills included.
    #[schema(example = "125")]
    charge: String,
    /// The charge less the cost.
    #[schema(example = "25")]
    profit: String,
    /// The profit in percent of the charge, to four places; `null` where nothing is charged.
    #[schema(example = "20", required)]
    margin_percentage: Option<String>,
    /// That of the month before; `null` if it had no such lines.
    #[schema(required)]
    previous: Option<Profit>,
}

/// What lines cost and are charged, as in a row.
#[derive(ToSchema, Serialize)]
pub(crate) struct Profit {
    cost: String,
    earned_credit: String,
    charge: String,
    profit: String,
    #[schema(required)]
    margin_percentage: Option<String>,
}

impl From<Sums> for Profit {
    fn from(sums: Sums) -> Self {
        let Sums { cost, earned_credit, charge, profit, margin_percentage } = sums;
        Profit { cost, earned_credit, charge, profit, margin_percentage }
    }
}

impl From<Row> for ProfitRow {
    fn from(row: Row) -> Self {
        let Profit { cost, earned_credit, charge, profit, margin_percentage } = row.profit.into();
        ProfitRow {
            currency: row.currency,
            customer_id: row.customer_id,
            subscription_id: row.subscription_id,
            name: row.name,
            lines: row.lines,
            cost,
            earned_credit,
            charge,
            profit,
            margin_percentage,
            previous: row.previous.map(Profit::from),
        }
    }
}

impl From<Report> for ProfitReport {
    fn from(report: Report) -> Self {
        ProfitReport {
            billing_period: report.billing_period,
            by: report.by,
            rows: report.rows.into_iter().map(ProfitRow::from).collect(),
            totals: report.totals.into_iter().map(ProfitRow::from).collect(),
            bills_without_sums: report.bills_without_sums,
        }
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProfitParameters {
    /// The month of the lines.
    #[param(example = "2026-10")]
    billing_period: String,
    /// `customer` (the default), `product`, `publisher` or `subscription`.
    by: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}
