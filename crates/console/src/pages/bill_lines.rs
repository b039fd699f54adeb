//! The lines of a bill with their filter: on the partner's page of a bill with the reason of each price, on the customer's
//! without.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format;
use crate::i18n::Lang;
use crate::list::Pager;
use crate::reasons::FilterError;
use app::billing::{Amount, BillLines, BillSearch, Currency, LineSum, PriceReason, ShownLine};
use app::{Error, Permission, Query};
use domain::Handling;

const PER_PAGE: i64 = 25;
/// The filters with the ids of their labels.
const FIELDS: [(&str, &str); 4] = [
    ("q", "bill-filter-text"),
    ("service", "column-service"),
    ("subscription", "column-subscription"),
    ("day", "column-day"),
];
/// The most services or subscriptions that a filter offers.
const MAX_CHOICES: usize = 100;
/// The parameters of the query string that the search reads.
const PARAMETERS: [&str; 6] = ["currency", "service", "subscription", "day", "q", "page"];

/// A service or a subscription to choose.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) is_chosen: bool,
}

/// Why a line is charged what it is, in words.
pub(crate) struct Why {
    pub(crate) cost: String,
    /// What made the price: the rule, with its page for those who may change it, or the margin.
    pub(crate) rule: (Option<String>, String),
    /// What the price was made from.
    pub(crate) from: String,
    /// The share of the charge that the partner keeps.
    pub(crate) margin: Option<String>,
    /// The tenant, and the days on which the customer has it, where these are not all.
    pub(crate) tenant: String,
    pub(crate) tenant_days: String,
}

/// A line.
pub(crate) struct Line {
    pub(crate) number: String,
    pub(crate) day: String,
    pub(crate) service: String,
    pub(crate) item: String,
    pub(crate) resource: String,
    pub(crate) subscription: String,
    pub(crate) quantity: String,
    pub(crate) unit_price: String,
    pub(crate) charge: String,
    pub(crate) why: Option<Why>,
}

/// The lines of a bill, and what narrows them.
pub(crate) struct LinesView {
    /// What a filter keeps of the query string: name and value.
    pub(crate) kept: Vec<(&'static str, String)>,
    pub(crate) q: String,
    pub(crate) day: String,
    pub(crate) services: Vec<Choice>,
    pub(crate) subscriptions: Vec<Choice>,
    pub(crate) is_filtered: bool,
    /// The page without filters.
    pub(crate) unfiltered: String,
    /// What is wrong with the filters.
    pub(crate) errors: Vec<FilterError>,
    pub(crate) total: i64,
    pub(crate) lines: Vec<Line>,
    pub(crate) pager: Pager,
    /// Whether all lines were looked through.
    pub(crate) is_whole: bool,
}

/// The search of the query string, and what is wrong with it; then it is one for all lines.
pub(crate) fn search(cx: &Cx) -> Result<(BillSearch, Vec<FilterError>), Failure> {
    let own = cx.query.iter().filter(|(name, _)| PARAMETERS.contains(name));
    let parameters = own.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let (mut search, errors) = match BillSearch::parse(&Query::new(parameters, Handling::Lenient)) {
        Ok(search) => (search, Vec::new()),
        Err(Error::Parameters(violations)) => {
            (BillSearch::default(), cx.lang.filter_errors(&violations, &FIELDS))
        }
        Err(error) => return Err(error.into()),
    };
    search.paging.per_page = PER_PAGE;
    Ok((search, errors))
}

/// The name of a service or a subscription; rounding and corrections have none of Microsoft's.
pub(crate) fn name(lang: Lang, sum: &LineSum) -> String {
    match sum.is_adjustment {
        true => adjustment(lang, &sum.name),
        false => sum.name.clone(),
    }
}

/// The name of a line that is not Microsoft's; without one, of several.
fn adjustment(lang: Lang, name: &str) -> String {
    let corrected = name.strip_prefix("Correction of ").and_then(|rest| rest.split_once(", version "));
    match (name, corrected) {
        ("", _) => lang.text("part-adjustments", None),
        ("Rounding", _) => lang.text("part-rounding", None),
        (_, Some((period, _))) => {
            lang.text_with("part-correction", &[("month", &format::month(lang, period))])
        }
        (name, None) => name.to_owned(),
    }
}

/// An amount to its last digit, with at least as many places as the currency's smallest coin has.
fn exact(lang: Lang, amount: &str, currency: &str) -> String {
    let places = currency.parse::<Currency>().map_or(2, |currency| currency.minor_unit());
    format::money(lang, amount, places.into(), currency)
}

/// The lines of a page.
pub(crate) fn view(
    cx: &Cx,
    path: &str,
    made: &BillLines,
    currency: &str,
    page: i64,
    errors: Vec<FilterError>,
) -> LinesView {
    let lang = cx.lang;
    let chosen = |name: &str| cx.query.get(name).to_owned();
    let choices = |sums: &[LineSum], chosen: &str| {
        let named = sums.iter().filter(|sum| !sum.key.is_empty() && !sum.is_adjustment).take(MAX_CHOICES);
        let choice = |sum: &LineSum| Choice {
            value: sum.key.clone(),
            label: match sum.name.as_str() {
                "" => sum.key.clone(),
                name if name == sum.key => name.to_owned(),
                name => format!("{name} ({})", sum.key),
            },
            is_chosen: sum.key == chosen,
        };
        named.map(choice).collect()
    };
    let is_filtered =
        ["service", "subscription", "day", "q"].iter().any(|name| !cx.query.get(name).is_empty());
    let kept = ["by", "currency"].map(|name| (name, chosen(name)));
    let kept: Vec<(&'static str, String)> = kept.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let links = kept.iter().map(|(name, value)| (*name, value.as_str()));
    let total = i64::try_from(made.matched).unwrap_or(i64::MAX);
    let may_change_rules = cx.may(Permission::ManageBilling);
    let line = |line: &ShownLine| shown(lang, line, currency, may_change_rules);
    let shown_lines = made.lines.len() as i64;
    let mut pager = Pager::new(lang, path, &cx.query, page, PER_PAGE, shown_lines, total);
    for link in [&mut pager.previous, &mut pager.next].into_iter().flatten() {
        link.push_str("#lines");
    }
    LinesView {
        unfiltered: format!("{path}{}#lines", crate::form::query_string(links)),
        kept,
        q: chosen("q"),
        day: chosen("day"),
        services: choices(&made.services, cx.query.get("service")),
        subscriptions: choices(&made.subscriptions, cx.query.get("subscription")),
        is_filtered,
        errors,
        total,
        lines: made.lines.iter().map(line).collect(),
        pager,
        is_whole: made.is_whole,
    }
}

fn shown(lang: Lang, line: &ShownLine, currency: &str, may_change_rules: bool) -> Line {
    let quantity = format::decimal(lang, &line.quantity);
    let unit = if line.unit.is_empty() { String::new() } else { format!(" × {}", line.unit) };
    let item = if line.item == line.service { "" } else { line.item.as_str() };
    Line {
        number: line.number.to_string(),
        day: line.day.map_or(String::new(), |day| format::date(lang, day)),
        service: match line.is_adjustment {
            true => adjustment(lang, &line.service),
            false => line.service.clone(),
        },
        item: item.to_owned(),
        resource: line.resource.clone(),
        subscription: match line.subscription.as_str() {
            "" => line.subscription_id.clone(),
            name => name.to_owned(),
        },
        quantity: if line.quantity.is_empty() { String::new() } else { format!("{quantity}{unit}") },
        unit_price: match line.unit_price.as_str() {
            "" => String::new(),
            price => exact(lang, price, currency),
        },
        charge: exact(lang, &line.charge.to_string(), currency),
        why: line.price.as_ref().map(|price| why(lang, line, price, currency, may_change_rules)),
    }
}

fn why(lang: Lang, line: &ShownLine, price: &PriceReason, currency: &str, may_change_rules: bool) -> Why {
    let rule = match price.rule_id {
        Some(id) => {
            let href = may_change_rules.then(|| format!("/console/price-rules/{id}/edit"));
            (href, lang.text_with("why-rule", &[("name", &price.rule)]))
        }
        None => (None, margin_of_customer(lang, &price.rule)),
    };
    let from = match price.priced_from.as_str() {
        "cost" => lang.text("why-from-cost", None),
        "cost before earned credit" => lang.text("why-from-before-credit", None),
        "list price" => lang.text("why-from-list", None),
        "fixed price" => lang.text("why-from-fixed", None),
        other => other.to_owned(),
    };
    let share = (line.charge - price.cost).percent_of(line.charge);
    let share = share.filter(|_| price.cost_currency == currency && line.charge > Amount::ZERO);
    Why {
        cost: exact(lang, &price.cost.to_string(), &price.cost_currency),
        rule,
        from,
        margin: share.map(|share| format!("{}\u{a0}%", format::decimal(lang, &share.to_string()))),
        tenant: line.tenant.clone(),
        tenant_days: tenant_days(lang, &price.tenant_days),
    }
}

/// The margin, as a ledger has it: `margin of the customer: 20 % since 2026-10-01`, or without what follows the colon.
fn margin_of_customer(lang: Lang, rule: &str) -> String {
    let detail = rule.split_once(": ").map_or("", |(_, detail)| detail);
    let percent = |percent: &str| format::decimal(lang, percent);
    match (detail.split_once(" % since "), detail.strip_suffix(" % at first")) {
        (Some((margin, day)), _) => {
            lang.text_with("why-margin-since", &[("percent", &percent(margin)), ("day", &written(lang, day))])
        }
        (None, Some(margin)) => lang.text_with("why-margin-first", &[("percent", &percent(margin))]),
        (None, None) => lang.text("why-margin", None),
    }
}

/// The days of a tenancy, as a ledger has them: `since 2026-11-03`, `until 2026-11-03`, or both.
fn tenant_days(lang: Lang, days: &str) -> String {
    let words: Vec<&str> = days.split(' ').collect();
    match words.as_slice() {
        ["since", from] => lang.text_with("rule-from", &[("from", &written(lang, from))]),
        ["until", until] => lang.text_with("rule-until", &[("until", &written(lang, until))]),
        ["since", from, "until", until] => {
            let days = [("from", written(lang, from)), ("until", written(lang, until))];
            lang.text_with("rule-from-until", &days.each_ref().map(|(name, day)| (*name, day.as_str())))
        }
        _ => days.to_owned(),
    }
}

/// A day such as `2026-10-01` in the reader's language.
pub(crate) fn written(lang: Lang, day: &str) -> String {
    day.parse().map_or_else(|_| day.to_owned(), |day| format::date(lang, day))
}

#[cfg(test)]
pub(super) fn sample(has_reasons: bool) -> LinesView {
    let choice = |is_chosen| Choice { value: "a\"b".into(), label: "Storage <b>".into(), is_chosen };
    let line = |rule: (Option<String>, String), margin: Option<String>| Line {
        number: "1".into(),
        day: "7 Oct 2026".into(),
        service: "Storage <b>".into(),
        item: "Hot <b>".into(),
        resource: "/subscriptions/<i>".into(),
        subscription: "Production <b>".into(),
        quantity: "2 × 1 GB".into(),
        unit_price: "0.50 USD".into(),
        charge: "1.00 USD".into(),
        why: has_reasons.then(|| Why {
            cost: "0.80 USD".into(),
            rule,
            from: "Cost <b>".into(),
            margin,
            tenant: "tenant <b>".into(),
            tenant_days: "From 1 Oct 2026".into(),
        }),
    };
    LinesView {
        kept: vec![("by", "day".into())],
        q: "\"><b>".into(),
        day: "2026-10-07".into(),
        services: vec![choice(true), choice(false)],
        subscriptions: vec![choice(false)],
        is_filtered: true,
        unfiltered: "/console/bills/1#lines".into(),
        errors: vec![FilterError { field: "day", message: "must be <b>".into() }],
        total: 2,
        lines: vec![
            line((Some("/console/price-rules/1/edit".into()), "Rule <b>".into()), Some("20 %".into())),
            line((None, "Margin".into()), None),
        ],
        pager: Pager::default(),
        is_whole: !has_reasons,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_ledger_says_is_told_in_the_readers_language() {
        for (rule, english, german) in [
            ("margin of the customer", "The customer’s margin", "Die Marge des Kunden"),
            (
                "margin of the customer: 12.5 % since 2026-10-01",
                "The customer’s margin, 12.5 % since 1 Oct 2026",
                "Die Marge des Kunden, 12,5 % seit 01.10.2026",
            ),
            (
                "margin of the customer: 20 % at first",
                "The customer’s margin, 20 % at first",
                "Die Marge des Kunden, anfangs 20 %",
            ),
        ] {
            let shown = [Lang::En, Lang::De].map(|lang| margin_of_customer(lang, rule));
            assert_eq!(shown, [english, german], "{rule}");
        }
        for (name, german) in [
            ("Rounding", "Rundung"),
            ("Correction of 2026-09, version 2", "Korrektur: September 2026"),
            ("", "Rundung und Korrekturen"),
        ] {
            assert_eq!(adjustment(Lang::De, name), german);
        }
        for (days, english) in [
            ("", ""),
            ("since 2026-11-03", "From 3 Nov 2026"),
            ("until 2026-11-03", "Before 3 Nov 2026"),
            ("since 2026-11-03 until 2026-11-20", "From 3 Nov 2026, before 20 Nov 2026"),
        ] {
            assert_eq!(tenant_days(Lang::En, days), english);
        }
    }
}
