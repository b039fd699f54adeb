//! What a price rule would change of the last month, in words.

use crate::format;
use crate::i18n::Lang;
use crate::pages::comparison::{money, signed};
use app::billing::{BillChange, RuleTrial};

/// The most bills that are listed; the largest differences come first.
const MAX_CHANGES: usize = 100;

/// A bill that the rule would change, in words: customer, total now, total with the rule, difference.
pub(crate) struct Change {
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) difference: String,
}

/// What came of a trial.
pub(crate) struct Trial {
    pub(crate) title: String,
    /// The run whose files were rated.
    pub(crate) href: String,
    /// The number of bills that change, and of those that do not.
    pub(crate) changed: i64,
    pub(crate) unchanged: i64,
    pub(crate) changes: Vec<Change>,
    /// The number of changed bills that are not listed.
    pub(crate) more: i64,
    /// For each currency: total now, total with the rule, difference.
    pub(crate) totals: Vec<[String; 3]>,
    pub(crate) is_unused: bool,
    pub(crate) warnings: Vec<String>,
}

/// A trial in words.
pub(crate) fn shown(lang: Lang, tried: &RuleTrial) -> Trial {
    let change = |change: &BillChange| Change {
        href: format!("/console/customers/{}", change.customer_id),
        name: change.name.clone(),
        before: money(lang, change.before, change.currency),
        after: money(lang, change.after, change.currency),
        difference: signed(lang, change.difference, change.currency),
    };
    let month = format::month(lang, &tried.billing_period);
    let totals = tried.totals.iter().map(|total| {
        [
            money(lang, total.before, total.currency),
            money(lang, total.after, total.currency),
            signed(lang, total.difference, total.currency),
        ]
    });
    Trial {
        title: lang.text_with("rule-tried", &[("month", &month)]),
        href: format!("/console/billing/runs/{}", tried.run),
        changed: tried.changes.len() as i64,
        unchanged: i64::try_from(tried.unchanged).unwrap_or(i64::MAX),
        changes: tried.changes.iter().take(MAX_CHANGES).map(change).collect(),
        more: tried.changes.len().saturating_sub(MAX_CHANGES) as i64,
        totals: totals.collect(),
        is_unused: tried.is_unused,
        warnings: lang.messages(&tried.warnings),
    }
}

#[cfg(test)]
pub(super) fn sample(is_unused: bool) -> Trial {
    let change = Change {
        href: "/console/customers/7".into(),
        name: "Acme <b>".into(),
        before: "1.00 USD".into(),
        after: "2.00 USD".into(),
        difference: "+1.00 USD".into(),
    };
    Trial {
        title: "Tried on October 2026".into(),
        href: "/console/billing/runs/1".into(),
        changed: i64::from(!is_unused),
        unchanged: 3,
        changes: if is_unused { vec![] } else { vec![change] },
        more: 2,
        totals: vec![["1.00 USD".into(), "2.00 USD".into(), "+1.00 USD".into()]],
        is_unused,
        warnings: vec!["no list price <b>".into()],
    }
}
