//! The columns of the list of customers, from which readers choose in the URL.

use super::{PATH, tag_label};
use crate::cx::Cx;
use crate::form::query_string;
use crate::format::{self, Time};
use app::Permission;
use app::customers::CustomerView;
use domain::Classification;
use jiff::Timestamp;

/// The parameter of the URL, once for each column.
pub(crate) const PARAMETER: &str = "columns";

/// A column beside the name, which is always shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Id,
    Access,
    Trial,
    Billing,
    Margin,
    Tags,
    Tenant,
    Contact,
    Country,
    Created,
    Changed,
}

/// The columns in their order: the name in the URL, the message of the title, and whether it is shown unless others are chosen.
const ALL: [(Column, &str, &str, bool); 11] = [
    (Column::Id, "id", "column-id", false),
    (Column::Access, "access", "column-access", true),
    (Column::Trial, "trial", "column-trial", true),
    (Column::Billing, "billing", "column-billing", true),
    (Column::Margin, "margin", "customer-margin", false),
    (Column::Tags, "tags", "column-tags", true),
    (Column::Tenant, "tenant", "column-tenant-id", false),
    (Column::Contact, "contact", "customer-contact", false),
    (Column::Country, "country", "column-country", false),
    (Column::Created, "created", "customer-created", false),
    (Column::Changed, "changed", "column-changed", true),
];

/// A column to choose.
pub(crate) struct Offer {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) is_chosen: bool,
}

/// The state of a trial.
pub(crate) struct Trial {
    pub(crate) has_ended: bool,
    pub(crate) end: Time,
}

/// A cell of a row.
pub(crate) enum Cell {
    Text(String),
    Code(String),
    Access(bool),
    Trial(Option<Trial>),
    /// Why bills cannot be written, which is empty if they can; and whether they are.
    Billing(String, bool),
    /// Tags as `key: value`, with the link to their filter.
    Tags(Vec<(String, String)>),
    Day(Time),
}

/// The columns that were asked for, as far as the user may see them; the usual ones if none was.
pub(crate) fn chosen(cx: &Cx) -> Vec<Column> {
    let asked: Vec<&str> = cx.query.all(PARAMETER).collect();
    let all = || ALL.iter().filter(|(column, ..)| may_see(cx, *column));
    let is_any = all().any(|(_, name, ..)| asked.contains(name));
    let shown = all().filter(|(_, name, _, is_usual)| if is_any { asked.contains(name) } else { *is_usual });
    shown.map(|(column, ..)| *column).collect()
}

fn may_see(cx: &Cx, column: Column) -> bool {
    column != Column::Margin || cx.may(Permission::SeeCosts)
}

/// The columns from which the user may choose.
pub(crate) fn offers(cx: &Cx, chosen: &[Column]) -> Vec<Offer> {
    let all = ALL.iter().filter(|(column, ..)| may_see(cx, *column));
    all.map(|(column, name, label, _)| Offer {
        name,
        label: cx.lang.text(label, None),
        is_chosen: chosen.contains(column),
    })
    .collect()
}

/// The titles of columns.
pub(crate) fn titles(cx: &Cx, columns: &[Column]) -> Vec<String> {
    let title = |column: &Column| ALL.iter().find(|(this, ..)| this == column).map_or("", |(.., id, _)| *id);
    columns.iter().map(|column| cx.lang.text(title(column), None)).collect()
}

/// What a customer has in a column.
pub(crate) fn cell(cx: &Cx, customer: &CustomerView, column: Column, now: Timestamp) -> Cell {
    let text = |text: Option<&str>| Cell::Text(text.unwrap_or_default().to_owned());
    let [created, changed] = customer.times();
    match column {
        Column::Id => Cell::Text(customer.id().to_string()),
        Column::Access => Cell::Access(customer.classification() == Classification::ManagedWithAccess),
        Column::Trial => {
            let trial = customer.trial_expiration_date().and_then(|end| {
                let at = Timestamp::from_second(end.as_second()).ok()?;
                Some(Trial { has_ended: end.reached(now), end: format::day(cx.lang, at) })
            });
            Cell::Trial(trial)
        }
        Column::Billing => {
            Cell::Billing(cx.lang.billing_problem(customer), customer.partner_billing().enabled)
        }
        Column::Margin => {
            let margin = customer.margin().map(|margin| format::decimal(cx.lang, &margin.to_string()));
            Cell::Text(margin.map_or_else(String::new, |margin| format!("{margin}\u{a0}%")))
        }
        Column::Tags => {
            Cell::Tags(customer.tags().iter().map(|tag| (tag_label(tag), tag_link(cx, tag))).collect())
        }
        Column::Tenant => Cell::Code(customer.azure_customer_id().unwrap_or_default().to_owned()),
        Column::Contact => text(customer.billing_contact()),
        Column::Country => text(customer.address().map(|address| address.country.as_str())),
        Column::Created => Cell::Day(format::day(cx.lang, created)),
        Column::Changed => Cell::Day(format::day(cx.lang, changed)),
    }
}

/// The list of the customers with a tag, with the columns that are shown.
fn tag_link(cx: &Cx, tag: &domain::Tag) -> String {
    let filter = if tag.value.is_empty() { tag.key.clone() } else { format!("{}:{}", tag.key, tag.value) };
    let columns = cx.query.all(PARAMETER).map(|column| (PARAMETER, column));
    format!("{PATH}{}", query_string(columns.chain([("tag", filter.as_str())])))
}

impl Cell {
    /// The cell as the text of a CSV file. Days are as machines read them.
    pub(crate) fn plain(&self, cx: &Cx) -> String {
        let label = |id: &str| cx.lang.text(id, None);
        match self {
            Cell::Text(text) | Cell::Code(text) => text.clone(),
            Cell::Access(has_access) => label(if *has_access { "access-with" } else { "access-without" }),
            Cell::Trial(trial) => trial.as_ref().map_or_else(String::new, |trial| trial.end.iso.clone()),
            Cell::Billing(problem, is_billed) if problem.is_empty() => {
                label(if *is_billed { "billing-on" } else { "billing-off" })
            }
            Cell::Billing(problem, _) => format!("{}: {problem}", label("billing-problem")),
            Cell::Tags(tags) => tags.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>().join("; "),
            Cell::Day(day) => day.iso.clone(),
        }
    }
}
