//! The page of a statement, `statement.html`.

use super::{Listing, Number, Statement};
use crate::amount::Amount;
use crate::currency::Currency;

const PAGE: &str = include_str!("../statement.html");
/// Decimal places of quantities and unit prices on the page; `bill.csv` has all of them.
const SHOWN_PLACES: u8 = 6;

/// What only the page shows, and `statement.json` does not say.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// The partner's name.
    pub issuer: &'a str,
    /// The lines of its address.
    pub issuer_address: &'a [String],
    /// The customer's name.
    pub customer: &'a str,
    /// The lines of its address.
    pub customer_address: &'a [String],
    /// The currency of all amounts.
    pub currency: Currency,
}

impl Statement {
    /// `statement.html`: a page that can be printed, read on a phone and in the dark, and needs nothing from anywhere.
    pub(crate) fn html(&self, heading: &Heading<'_>) -> Vec<u8> {
        let (code, places) = (heading.currency.code(), heading.currency.minor_unit());
        let rounded = |amount: Amount| amount.rounded(places);
        let money = |amount: Amount| format!("{}&nbsp;{code}", grouped(&rounded(amount).fixed(places)));
        let total = self.total_amount.amount;
        let charged: Amount = self.subtotals.months.iter().map(|month| month.charge.amount).sum();
        let mut rows = String::new();
        let mut section = |title: &str, what: &str, listings: &[Listing]| {
            rows.push_str(&format!(
                "<section><h2>{title}</h2><table><thead><tr><th scope=\"col\">{what}</th><th scope=\"col\" class=\"n\">Lines\
                 </th><th scope=\"col\" class=\"n\">Charge</th></tr></thead><tbody>\n"
            ));
            for listing in listings {
                let name = match (listing.name.as_str(), listing.id.as_deref()) {
                    ("", None | Some("")) => "Other".to_owned(),
                    ("", Some(id)) => escaped(id),
                    (name, None | Some("")) => escaped(name),
                    (name, Some(id)) => format!("{}<small>{}</small>", escaped(name), escaped(id)),
                };
                rows.push_str(&format!(
                    "<tr><td>{name}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                    grouped(&listing.lines.to_string()),
                    money(listing.charge.amount)
                ));
            }
            rows.push_str("</tbody><tfoot>");
            // What is rounded row by row may be some cents off.
            let off = rounded(charged) - listings.iter().map(|listing| rounded(listing.charge.amount)).sum();
            if !off.is_zero() {
                rows.push_str(&format!(
                    "<tr class=\"off\"><td colspan=\"2\">Rounding of these rows</td><td class=\"n\">{}</td></tr>",
                    money(off)
                ));
            }
            rows.push_str(&format!(
                "<tr><td>Charges of this month</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\
                 </tfoot></table></section>\n",
                grouped(&self.lines.to_string()),
                money(charged)
            ));
        };
        section("By service", "Service", &self.subtotals.services);
        section("By subscription", "Subscription", &self.subtotals.subscriptions);
        section("By month", "Month", &self.subtotals.months);
        rows.push_str(&self.item_rows(&money));
        let mut beside = String::new();
        for correction in &self.corrections {
            beside.push_str(&format!(
                "<tr><td>Correction of {}, version {}</td><td class=\"n\">{}</td></tr>\n",
                correction.billing_period,
                correction.version,
                money(correction.amount.amount)
            ));
        }
        let listed: Amount =
            self.corrections.iter().map(|correction| rounded(correction.amount.amount)).sum();
        let off = total - rounded(charged) - listed;
        if !off.is_zero() {
            beside.push_str(&format!("<tr><td>Rounding</td><td class=\"n\">{}</td></tr>\n", money(off)));
        }
        let currency = escaped(self.currency.long_name.as_ref().unwrap_or(&self.currency.name));
        let fact = |(name, value): (&str, Option<&str>)| {
            let value = value?;
            Some(format!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value)))
        };
        let issued = self.issued_at.as_deref().and_then(|at| at.split(' ').next());
        let facts: String = [
            ("Number", self.statement_number.as_deref()),
            ("Reverses", self.reverses_number.as_deref()),
            ("Issued", issued),
            ("Due", self.due_date.as_deref()),
        ]
        .into_iter()
        .filter_map(fact)
        .collect();
        let party = |name: &str, address: &[String]| {
            let lines: Vec<String> = address.iter().map(|line| escaped(line)).collect();
            format!("<p><strong>{}</strong><br>{}</p>", escaped(name), lines.join("<br>"))
        };
        // Without an address a name says no more than the heading.
        let parties = match (heading.issuer_address, heading.customer_address) {
            ([], []) => String::new(),
            (of_issuer, of_customer) => format!(
                "<div class=\"parties\">{}{}</div>\n",
                party(heading.issuer, of_issuer),
                party(heading.customer, of_customer)
            ),
        };
        let through = self.usage_through.as_deref().map(|day| {
            format!("An estimate: the last day with usage on it is {day}. What is reported of later days is not on it yet.")
        });
        let notice = self.notice.as_deref().or(through.as_deref());
        let notice = notice.map_or(String::new(), |notice| format!("<p>{}</p>\n", escaped(notice)));
        PAGE.replace("{title}", &escaped(&self.title()))
            .replace("{footer}", self.footer())
            .replace("{notice}", &notice)
            .replace("{issuer}", &escaped(heading.issuer))
            .replace("{customer}", &escaped(heading.customer))
            .replace("{id}", &self.customer_id.to_string())
            .replace("{period}", &self.billing_period)
            .replace("{status}", &self.status)
            .replace("{date}", &self.invoice_date)
            .replace("{facts}", &facts)
            .replace("{parties}", &parties)
            .replace("{currency}", &currency)
            .replace("{lines}", &grouped(&self.lines.to_string()))
            .replace("{total}", &money(total))
            .replace("{charged}", &money(charged))
            .replace("{beside}", &beside)
            .replace("{sections}", &rows)
            .into_bytes()
    }

    /// What the document is: `Statement for 2026-10`.
    fn title(&self) -> String {
        match (self.reverses_version, self.correction_of) {
            (Some(version), _) => {
                format!("Reversal of the statement for {}, version {version}", self.billing_period)
            }
            (None, Some(month)) => {
                let with = self
                    .payable_with
                    .map_or_else(|| "the next".to_owned(), |with| format!("{}\u{2019}s", with.name()));
                format!("Correction of {}, payable with {with} statement", month.name())
            }
            (None, None) => format!("Statement for {}", self.billing_period),
        }
    }

    /// Where the lines are.
    fn footer(&self) -> &'static str {
        match self.correction_of {
            Some(_) => {
                "Every line is in bill.csv. The total is one line of the statement that it is payable with, and of the FOCUS rows \
                 there: it is owed once."
            }
            None => "Every line is in bill.csv, and as FOCUS 1.2 rows in bill.focus.csv.",
        }
    }

    /// The section of purchases: quantity and unit price of each product.
    fn item_rows(&self, money: &impl Fn(Amount) -> String) -> String {
        let items = &self.subtotals.items;
        if items.is_empty() {
            return String::new();
        }
        let mut rows = "<section class=\"items\"><h2>Purchases by product and price</h2><table><thead><tr><th scope=\"col\">Product</th>\
                        <th scope=\"col\" class=\"n\">Quantity</th><th scope=\"col\" class=\"n\">Unit price</th>\
                        <th scope=\"col\" class=\"n\">Charge</th></tr></thead><tbody>\n"
            .to_owned();
        for item in items {
            let shown = |number: &Number| grouped(&number.amount.rounded(SHOWN_PLACES).to_string());
            rows.push_str(&format!(
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                escaped(if item.name.is_empty() { "Other" } else { &item.name }),
                shown(&item.quantity),
                shown(&item.unit_price),
                money(item.charge.amount)
            ));
        }
        rows.push_str("</tbody></table></section>\n");
        rows
    }
}

/// Groups of three digits, with commas between them.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("−", digits));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = sign.to_owned();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// Text as HTML. Braces too, so that no name fills in a place of the page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '{' => escaped.push_str("&#123;"),
            '}' => escaped.push_str("&#125;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
