//! `tenantry admin price-rule …`

use crate::partner::PartnerArgs;
use app::billing::{RuleKind, RuleView};
use app::{IfMatch, Paging};
use clap::{Args, Subcommand};
use domain::json::Json;
use rating::PriceRule;
use serde_json::{Map, Value, json};

/// List, add, change and remove price rules. The first that matches a line prices it; where none does, the customer's margin.
#[derive(Subcommand)]
pub(crate) enum PriceRuleCommand {
    /// List the price rules in the order in which they are tried.
    List {
        #[command(flatten)]
        partner: PartnerArgs,
    },
    /// Add a price rule, behind all others unless it has a position; prints it as JSON.
    Add {
        #[command(flatten)]
        rule: Box<Rule>,
        #[command(flatten)]
        partner: PartnerArgs,
    },
    /// Change a price rule: only what is given changes. Prints it as JSON.
    Edit {
        /// Its number.
        id: i64,
        #[command(flatten)]
        change: Box<Change>,
        #[command(flatten)]
        partner: PartnerArgs,
    },
    /// Remove a price rule. Bills that it has priced stay as they are.
    Remove {
        /// Its number.
        id: i64,
        #[command(flatten)]
        partner: PartnerArgs,
    },
}

/// What a rule says.
#[derive(Args)]
pub(crate) struct Rule {
    /// What people call it.
    #[arg(long)]
    name: String,
    /// `margin` (cost / (1 − m)), `markup` (cost × (1 + u)), `discount` (list price × (1 − d)), `list_price` or `fixed` (per unit).
    #[arg(long)]
    kind: String,
    #[command(flatten)]
    details: Details,
}

/// What changes of a rule.
#[derive(Args)]
pub(crate) struct Change {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// `margin`, `markup`, `discount`, `list_price` or `fixed`.
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    details: Details,
    /// Take this away, such as `publisher` or `effective_until`; repeat it for others.
    #[arg(long, value_name = "FIELD")]
    clear: Vec<String>,
}

/// The rest of a rule.
#[derive(Args)]
pub(crate) struct Details {
    /// In percent; not of the kind fixed.
    #[arg(long, allow_hyphen_values = true)]
    percentage: Option<String>,
    /// Per unit, of the kind fixed.
    #[arg(long, allow_hyphen_values = true)]
    price: Option<String>,
    /// Of the price.
    #[arg(long)]
    currency: Option<String>,
    /// Its place among the others.
    #[arg(long)]
    position: Option<i64>,
    /// The first day it holds for.
    #[arg(long, value_name = "DAY")]
    effective_from: Option<String>,
    /// The first day it holds no more for.
    #[arg(long, value_name = "DAY")]
    effective_until: Option<String>,
    /// Only for this customer's lines.
    #[arg(long, value_name = "ID")]
    customer: Option<i64>,
    /// Only for this publisher's.
    #[arg(long)]
    publisher: Option<String>,
    /// Only for this product's.
    #[arg(long)]
    product_id: Option<String>,
    /// Only for this SKU's.
    #[arg(long)]
    sku_id: Option<String>,
    /// Only for lines of this charge type.
    #[arg(long)]
    charge_type: Option<String>,
    /// Only for lines of this meter category.
    #[arg(long)]
    meter_category: Option<String>,
    /// kept or passed_on: what becomes of the partner earned credit of these lines.
    #[arg(long)]
    earned_credit: Option<String>,
}

impl Details {
    /// What is given, by its names in the API: there is one set of rules for both.
    pub(crate) fn given(&self) -> Map<String, Value> {
        let all = json!({
            "percentage": self.percentage, "price": self.price, "currency": self.currency, "position": self.position,
            "effective_from": self.effective_from, "effective_until": self.effective_until,
            "customer_id": self.customer, "publisher": self.publisher, "product_id": self.product_id,
            "sku_id": self.sku_id, "charge_type": self.charge_type, "meter_category": self.meter_category,
            "earned_credit": self.earned_credit,
        });
        let Value::Object(mut given) = all else { return Map::new() };
        given.retain(|_, value| !value.is_null());
        given
    }
}

impl Rule {
    fn body(&self) -> Json {
        let mut body = self.details.given();
        body.insert("name".to_owned(), json!(self.name));
        body.insert("kind".to_owned(), json!(self.kind));
        Json::from(&Value::Object(body))
    }
}

impl Change {
    fn body(&self) -> Json {
        let mut body = self.details.given();
        let named = [("name", &self.name), ("kind", &self.kind)];
        body.extend(
            named.into_iter().filter_map(|(field, value)| Some((field.to_owned(), json!(value.as_ref()?)))),
        );
        body.extend(self.clear.iter().map(|field| (field.clone(), Value::Null)));
        Json::from(&Value::Object(body))
    }
}

pub(crate) async fn run(command: PriceRuleCommand) -> anyhow::Result<()> {
    match command {
        PriceRuleCommand::List { partner } => {
            let (app, call) = partner.open("price-rule list").await?;
            let mut rules: Vec<RuleView> = Vec::new();
            let mut paging = Paging { page: 1, per_page: 100 };
            loop {
                let (page, total) = app.price_rules(&call, paging).await?;
                let is_last = page.is_empty();
                rules.extend(page);
                if is_last || rules.len() as i64 >= total {
                    break;
                }
                paging.page += 1;
            }
            app.close().await;
            if partner.json {
                println!("{:#}", serde_json::to_value(api::PriceRuleList::from(rules))?);
            } else if rules.is_empty() {
                eprintln!("There are no price rules.");
            } else {
                println!("{:>8}  {:>6}  {:<24}  NAME", "POSITION", "RULE", "PRICE");
                rules.iter().for_each(print);
            }
        }
        PriceRuleCommand::Add { rule, partner } => {
            let (app, call) = partner.open("price-rule add").await?;
            let write = api::body::<api::PriceRule, _>;
            let created = app.create_price_rule(&call, &rule.body(), write).await?;
            app.close().await;
            println!("{:#}", serde_json::from_str::<Value>(&created.json)?);
        }
        PriceRuleCommand::Edit { id, change, partner } => {
            let (app, call) = partner.open("price-rule edit").await?;
            let changed = app.update_price_rule(&call, id, change.body(), IfMatch::Anything).await;
            app.close().await;
            let changed = changed.map_err(|error| of_rule(error, id))?;
            println!("{:#}", serde_json::to_value(api::PriceRule::from(changed))?);
        }
        PriceRuleCommand::Remove { id, partner } => {
            let (app, call) = partner.open("price-rule remove").await?;
            app.delete_price_rule(&call, id, IfMatch::Anything).await.map_err(|error| of_rule(error, id))?;
            app.close().await;
            if partner.json {
                println!("{:#}", json!({"id": id, "removed": true}));
            } else {
                println!("price rule {id} is removed");
            }
        }
    }
    Ok(())
}

fn of_rule(error: app::Error, id: i64) -> anyhow::Error {
    match error {
        app::Error::NotFound => anyhow::anyhow!("there is no price rule {id}"),
        other => other.into(),
    }
}

fn print(view: &RuleView) {
    let PriceRule { id, details: rule } = view.rule();
    let price = match rule.kind {
        RuleKind::Fixed(price, currency) => format!("fixed {price} {currency}"),
        RuleKind::ListPrice => "list_price".to_owned(),
        kind => format!("{} {} %", kind.name(), kind.value()),
    };
    let narrowings = [
        ("effective_from", rule.effective_from.map(|day| day.to_string())),
        ("effective_until", rule.effective_until.map(|day| day.to_string())),
        ("customer_id", rule.customer_id.map(|customer| customer.to_string())),
        ("publisher", rule.publisher.clone()),
        ("product_id", rule.product_id.clone()),
        ("sku_id", rule.sku_id.clone()),
        ("charge_type", rule.charge_type.clone()),
        ("meter_category", rule.meter_category.clone()),
        ("earned_credit", rule.earned_credit.map(|credit| credit.name().to_owned())),
    ];
    let narrowings: Vec<String> =
        narrowings.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
    let line = format!("{:>8}  {id:>6}  {price:<24}  {}  {}", rule.position, rule.name, narrowings.join(" "));
    println!("{}", line.trim_end());
}
