//! `tenantry price-rules …`

use super::args::{ListArgs, OutputArgs, ServerArgs};
use super::exit::{examples, wrong_input};
use super::query::{PER_PAGE, Query};
use super::show::{self, Printer, View};
use super::{cells, input};
use crate::money::padded_in;
use crate::price_rule::Details;
use clap::{Args, Subcommand};
use client::Request;
use http::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

/// List, create, try, change and delete price rules. The first that matches a line prices it; where none does, the customer's
/// margin.
#[derive(Subcommand)]
pub(crate) enum PriceRulesCommand {
    List(Listed),
    Get(Got),
    Create(Box<Created>),
    Update(Box<Updated>),
    Try(Box<Tried>),
    Delete(Deleted),
}

/// List price rules in the order in which they are tried.
#[derive(Args)]
#[command(after_help = examples!("tenantry price-rules list", "tenantry price-rules list --json"))]
pub(crate) struct Listed {
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Show a price rule.
#[derive(Args)]
#[command(after_help = examples!("tenantry price-rules get 12"))]
pub(crate) struct Got {
    /// The rule's id.
    id: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Create a price rule, behind all others unless it has a position.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry price-rules create --name 'Azure at 15 %' --kind margin --percentage 15",
    "tenantry price-rules create --name 'Seat' --kind fixed --price 12.50 --currency EUR --product-id CFQ7TTC0LH18",
    "tenantry price-rules create --file rule.json --dry-run",
))]
pub(crate) struct Created {
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Change a price rule: only what is named changes. Bills that it has priced stay as they are.
#[derive(Args)]
#[command(after_help = examples!("tenantry price-rules update 12 --percentage 17.5", "tenantry price-rules update 12 --clear customer_id"))]
pub(crate) struct Updated {
    /// The rule's id.
    id: String,
    /// Take this away, such as customer_id or effective_until; repeat it for others.
    #[arg(long, value_name = "FIELD")]
    clear: Vec<String>,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Try a rule, or a change of one, on the last month that was billed: whose bills would change, and by how much. Nothing is saved.
#[derive(Args)]
#[command(after_help = examples!(
    "tenantry price-rules try --name 'Azure at 15 %' --kind margin --percentage 15",
    "tenantry price-rules try 12 --percentage 17.5",
    "tenantry price-rules try --file rule.json --format '{name}: {difference} {currency}'",
))]
pub(crate) struct Tried {
    /// The id of the rule that would change; without it, the rule is a new one.
    id: Option<String>,
    /// Take this away, such as customer_id or effective_until; repeat it for others.
    #[arg(long, value_name = "FIELD", requires = "id")]
    clear: Vec<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// Delete a price rule. Bills that it has priced stay as they are.
#[derive(Args)]
#[command(after_help = examples!("tenantry price-rules delete 12"))]
pub(crate) struct Deleted {
    /// The rule's id.
    id: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Show what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// What a rule says.
#[derive(Args)]
#[command(next_help_heading = "Rule")]
pub(crate) struct Fields {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// margin, markup, discount, list_price or fixed: see docs/billing.md.
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    details: Details,
    /// Read the rule from a JSON file; - is standard input. Options come before what it says.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

static VIEW: View = View {
    noun: "price rules",
    table: &[
        ("POSITION", "position"),
        ("ID", "id"),
        ("NAME", "name"),
        ("KIND", "kind"),
        ("PERCENT", "percentage"),
        ("PRICE", "price"),
        ("CURRENCY", "currency"),
        ("CUSTOMER", "customer_id"),
        ("PRODUCT", "product_id"),
        ("FROM", "effective_from"),
        ("UNTIL", "effective_until"),
    ],
    fields: &[
        "id",
        "name",
        "position",
        "kind",
        "percentage",
        "price",
        "currency",
        "effective_from",
        "effective_until",
        "customer_id",
        "publisher",
        "product_id",
        "sku_id",
        "charge_type",
        "meter_category",
        "earned_credit",
        "created_at",
        "updated_at",
    ],
};

static CHANGES: View = View {
    noun: "bills that would change",
    table: &[
        ("CUSTOMER", "customer_id"),
        ("NAME", "name"),
        ("CHARGE", "charge"),
        ("WITH THE RULE", "charge_with_rule"),
        ("DIFFERENCE", "difference"),
        ("CURRENCY", "currency"),
    ],
    fields: &["customer_id", "name", "charge", "charge_with_rule", "difference", "currency"],
};

impl Fields {
    fn body(&self) -> anyhow::Result<Value> {
        let mut body = match &self.file {
            Some(path) => input::object(path)?,
            None => json!({}),
        };
        for (field, value) in [("name", &self.name), ("kind", &self.kind)] {
            if let Some(value) = value {
                body[field] = json!(value);
            }
        }
        for (field, value) in self.details.given() {
            body[field] = value;
        }
        Ok(body)
    }

    /// The body of a change that also takes these fields away.
    fn change(&self, clear: &[String]) -> anyhow::Result<Value> {
        let mut body = self.body()?;
        for field in clear {
            if !VIEW.fields.contains(&field.as_str()) {
                let near = domain::near::near(field, VIEW.fields.iter().copied());
                let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
                return Err(wrong_input(format!("--clear {field}: a price rule has no such field{near}")));
            }
            body[field] = Value::Null;
        }
        if body == json!({}) {
            return Err(wrong_input(
                "nothing is named that is to change: see `tenantry price-rules update --help`",
            ));
        }
        Ok(body)
    }
}

fn path(id: &str) -> anyhow::Result<String> {
    Ok(format!("/v1/price_rules/{}", input::id(id)?))
}

pub(crate) async fn run(command: PriceRulesCommand) -> anyhow::Result<()> {
    match command {
        PriceRulesCommand::List(args) => {
            let path = Query::new("/v1/price_rules").with("per_page", PER_PAGE).done();
            let client = args.server.connect()?;
            show::list(client.pages(&path, "price_rules"), &args.output, &args.list, &VIEW).await
        }
        PriceRulesCommand::Get(args) => {
            let path = path(&args.id)?;
            show::one(&args.server.connect()?.get(&path).await?.json()?, &args.output, &VIEW)
        }
        PriceRulesCommand::Create(args) => {
            let body = args.fields.body()?;
            if args.dry_run {
                println!("would create this price rule:\n{body:#}");
                return Ok(());
            }
            let key = app::Random::default().long_id()?;
            let request = Request::json(Method::POST, "/v1/price_rules", &body).idempotent(&key);
            show::one(&args.server.connect()?.send(&request).await?.json()?, &args.output, &VIEW)
        }
        PriceRulesCommand::Update(args) => {
            let path = path(&args.id)?;
            let body = args.fields.change(&args.clear)?;
            if args.dry_run {
                println!("would change price rule {} like this:\n{body:#}", args.id);
                return Ok(());
            }
            let request = Request::json(Method::PUT, path, &body);
            show::one(&args.server.connect()?.send(&request).await?.json()?, &args.output, &VIEW)
        }
        PriceRulesCommand::Try(args) => {
            let (path, body) = match &args.id {
                Some(id) => (format!("{}/try", path(id)?), args.fields.change(&args.clear)?),
                None => ("/v1/price_rules/try".to_owned(), args.fields.body()?),
            };
            let tried = args.server.connect()?.send(&Request::json(Method::POST, path, &body)).await?;
            print_trial(&tried.json()?, &args.output)
        }
        PriceRulesCommand::Delete(args) => {
            let path = path(&args.id)?;
            let client = args.server.connect()?;
            let rule = client.get(&path).await?.json()?;
            let name = cells::for_terminal(&cells::text(&rule["name"])).into_owned();
            if args.dry_run {
                println!("would delete price rule {} ({name})", args.id);
            } else if input::confirmed(&format!("Delete price rule {} ({name})?", args.id), args.yes)? {
                client.send(&Request::new(Method::DELETE, path)).await?;
                println!("price rule {} ({name}) is deleted", args.id);
            }
            Ok(())
        }
    }
}

/// For people: the bills that would change, then the sums. CSV and templates have the bills alone.
fn print_trial(trial: &Value, output: &OutputArgs) -> anyhow::Result<()> {
    if output.json {
        println!("{trial:#}");
        return Ok(());
    }
    let list = |field: &str| trial[field].as_array().cloned().unwrap_or_default();
    let mut printer = Printer::new(output, &CHANGES)?;
    printer.print(&list("changes"));
    printer.end();
    if output.csv || output.format.is_some() {
        return Ok(());
    }
    let text = |value: &Value| cells::for_terminal(&cells::text(value)).into_owned();
    let (month, run, unchanged) = (text(&trial["billing_period"]), &trial["run_id"], &trial["unchanged"]);
    println!("\ntried on {month} by the files of bill run {run}; nothing is saved");
    println!("{} would change, {unchanged} would stay as they are", list("changes").len());
    for total in list("totals") {
        let [before, after, difference, currency] =
            ["charge", "charge_with_rule", "difference", "currency"].map(|field| text(&total[field]));
        let [before, after, difference] =
            [before, after, difference].map(|amount| padded_in(&amount, &currency));
        println!("all bills: {before} → {after} {currency} ({difference})");
    }
    if trial["unused"] == true {
        println!("no line of that month gets its price from this rule");
    }
    list("warnings").iter().for_each(|warning| println!("{}", text(warning)));
    Ok(())
}
