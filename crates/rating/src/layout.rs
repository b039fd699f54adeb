//! Which column of a file is what: read from its header, never from its position.

use crate::columns::{CREDIT_RATE, EARNED_CREDIT_RATE, Kind, ROLES, Role};
use crate::foreign::{by_columns, folded};
use crate::wording::{Message, Wording};

/// No such column in the file.
const NONE: u16 = u16::MAX;

/// The columns of one file.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) kind: Kind,
    /// The names as the file has them.
    pub(crate) names: Vec<String>,
    /// For each column of the kind, where the file has it.
    places: Vec<u16>,
    roles: [u16; ROLES],
    /// How the file writes earned credit, and Azure credit.
    pub(crate) credit_units: [CreditUnit; 2],
    /// Whether the file says what adjusts its prices.
    pub(crate) has_adjustments: bool,
}

/// How a share is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CreditUnit {
    /// As a percentage: 15. A value below 1 is a fraction all the same, for there are no such percentages.
    Percentage,
    /// As a fraction, under the name of the percentage, as JSON has it: 0.15. A value above 1 is a percentage all the same.
    Fraction,
    /// As a fraction under a name that says so: 0.15, and nothing above 1.
    Rate,
}

/// Where a kind has the column that a file calls so.
pub(crate) fn column_named(kind: Kind, name: &str) -> Option<usize> {
    let name = folded(name);
    let is = |known: &&str| folded(known) == name;
    let by_name = kind.columns().iter().position(|column| is(&column.name));
    by_name.or_else(|| kind.columns().iter().position(|column| column.aliases.iter().any(&is)))
}

impl Layout {
    /// Reads a header.
    ///
    /// # Errors
    /// A header of no known kind, one without a column that a bill cannot do without, or one with a column twice: what
    /// is wrong, in words.
    pub(crate) fn of(names: Vec<String>, is_json: bool) -> Result<Layout, Vec<Message>> {
        if names.iter().any(|name| name.contains('\r')) {
            let message = "ends its lines with a carriage return alone; save it with LF or CRLF";
            return Err(vec![Message::fixed(message, "report-carriage-returns")]);
        }
        let has = |name: &str| names.iter().any(|given| folded(given) == folded(name));
        if let Some(what) = by_columns(&names) {
            return Err(vec![what.refused()]);
        }
        let kind = if has("BillingPreTaxTotal") || has("UsageDate") {
            Kind::Usage
        } else if has("Subtotal") || has("TermAndBillingCycle") || has("TotalForCustomer") {
            Kind::Reconciliation
        } else {
            let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
            let shown: String = shown.join(", ").chars().take(200).collect();
            let message = format!(
                "is neither {} nor {}: it has none of their money columns, Subtotal and BillingPreTaxTotal; its first \
                 columns are {shown:?}",
                Kind::Reconciliation.describe(),
                Kind::Usage.describe(),
            );
            let wording = Wording::new("report-unknown-columns", [("columns", shown.into())]);
            return Err(vec![Message::worded(message, wording)]);
        };
        let mut places = vec![NONE; kind.columns().len()];
        let mut wrong = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let Some(column) = column_named(kind, name) else { continue };
            if std::mem::replace(&mut places[column], place as u16) != NONE {
                let name = kind.columns()[column].name;
                let wording = Wording::new("report-column-twice", [("column", name.into())]);
                wrong.push(Message::worded(format!("has the column {name} twice"), wording));
            }
        }
        let mut roles = [NONE; ROLES];
        for role in ALL {
            roles[role as usize] = kind.column(role).map_or(NONE, |column| places[column]);
        }
        let credit_units = [EARNED_CREDIT_RATE, CREDIT_RATE].map(|rate| match has(rate) {
            true => CreditUnit::Rate,
            false if is_json => CreditUnit::Fraction,
            false => CreditUnit::Percentage,
        });
        let has_adjustments = roles[Role::PriceAdjustment as usize] != NONE;
        let layout = Layout { kind, names, places, roles, credit_units, has_adjustments };
        for role in [Role::CustomerId, Role::Currency, Role::Cost] {
            if !layout.has(role) {
                let name = kind.column(role).map_or("", |column| kind.columns()[column].name);
                let message = format!("looks like {}, but has no column {name}", kind.describe());
                let id = match kind {
                    Kind::Reconciliation => "report-reconciliation-without-column",
                    Kind::Usage => "report-usage-without-column",
                };
                wrong.push(Message::worded(message, Wording::new(id, [("column", name.into())])));
            }
        }
        if wrong.is_empty() { Ok(layout) } else { Err(wrong) }
    }

    /// All columns of this one's kind, in the kind's own order: how JSON is read on, once its first line has said what it is.
    pub(crate) fn whole(self) -> Layout {
        let kind = self.kind;
        let names = kind.columns().iter().map(|column| column.name.to_owned()).collect();
        let places = (0..kind.columns().len() as u16).collect();
        let roles = ALL.map(|role| kind.column(role).map_or(NONE, |column| column as u16));
        Layout { names, places, roles, ..self }
    }

    /// Where the file has a column, by its name in Microsoft's CSV files.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        let column = self.kind.columns().iter().position(|column| column.name == name)?;
        Some(self.places[column]).filter(|place| *place != NONE).map(usize::from)
    }

    /// Where the file has the column of a role.
    pub(crate) fn role(&self, role: Role) -> Option<usize> {
        let place = self.roles[role as usize];
        (place != NONE).then_some(place.into())
    }

    pub(crate) fn has(&self, role: Role) -> bool {
        self.role(role).is_some()
    }

    /// For each column that is shown, where the file has it, and whether it holds numbers.
    pub(crate) fn places(&self) -> Vec<(Option<usize>, bool)> {
        let columns = self.kind.columns().iter().enumerate().filter(|(_, column)| column.shown);
        columns
            .map(|(i, _)| {
                let place = self.places[i];
                ((place != NONE).then_some(place.into()), self.kind.is_number(i))
            })
            .collect()
    }
}

/// In their order.
const ALL: [Role; ROLES] = [
    Role::CustomerId,
    Role::CustomerName,
    Role::Invoice,
    Role::Publisher,
    Role::ProductId,
    Role::SkuId,
    Role::ChargeType,
    Role::MeterCategory,
    Role::ProductName,
    Role::SubscriptionId,
    Role::SubscriptionName,
    Role::UsageDate,
    Role::ChargeStart,
    Role::ChargeEnd,
    Role::OrderId,
    Role::MeterId,
    Role::Resource,
    Role::Quantity,
    Role::BillableQuantity,
    Role::UnitPrice,
    Role::EffectiveUnitPrice,
    Role::ExchangeRate,
    Role::EarnedCredit,
    Role::AzureCredit,
    Role::PriceAdjustment,
    Role::MeterDescription,
    Role::Promotion,
    Role::PricingCurrency,
    Role::Term,
    Role::Cost,
    Role::Tax,
    Role::Total,
    Role::Currency,
];
