//! What a customer is billed at, and from when.

use crate::customer::NewCustomer;
use crate::margin::Margin;
use crate::partner_billing::PartnerBilling;
use crate::timeline::Timeline;
use jiff::civil::Date;

/// A customer's margin, billing switch and folder on all days. Each changes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The margin.
    pub margin: Timeline<Margin>,
    /// Whether bills are written.
    pub enabled: Timeline<bool>,
    /// Where they are published.
    pub folder: Timeline<String>,
}

/// What holds in a span of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsSpan {
    /// The first day; `None` for the beginning.
    pub from: Option<Date>,
    /// The first day of what comes next.
    pub until: Option<Date>,
    /// The margin.
    pub margin: Margin,
    /// The billing switch and the folder.
    pub billing: PartnerBilling,
}

impl Terms {
    /// What holds from the beginning.
    pub fn new(margin: Margin, billing: PartnerBilling) -> Self {
        let PartnerBilling { enabled, folder } = billing;
        Terms {
            margin: Timeline::new(margin),
            enabled: Timeline::new(enabled),
            folder: Timeline::new(folder),
        }
    }

    /// The margin and the billing configuration on a day.
    pub fn on(&self, day: Date) -> (Margin, PartnerBilling) {
        let billing = PartnerBilling { enabled: *self.enabled.on(day), folder: self.folder.on(day).clone() };
        (*self.margin.on(day), billing)
    }

    /// Gives a customer the values of a day.
    pub fn apply(&self, day: Date, details: &mut NewCustomer) {
        (details.margin_percentage, details.partner_billing_configuration) = self.on(day);
    }

    /// Whether none of it ever changes.
    pub fn is_constant(&self) -> bool {
        self.margin.is_constant() && self.enabled.is_constant() && self.folder.is_constant()
    }

    /// The spans between two changes, from the beginning on.
    pub fn spans(&self) -> Vec<TermsSpan> {
        let mut days: Vec<Date> = self.margin.entries().filter_map(|(from, _)| from).collect();
        days.extend(self.enabled.entries().filter_map(|(from, _)| from));
        days.extend(self.folder.entries().filter_map(|(from, _)| from));
        days.sort_unstable();
        days.dedup();
        let begins = [None].into_iter().chain(days.iter().copied().map(Some));
        let ends = days.iter().copied().map(Some).chain([None]);
        begins
            .zip(ends)
            .map(|(from, until)| {
                let (margin, billing) = self.on(from.unwrap_or(Date::MIN));
                TermsSpan { from, until, margin, billing }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn spans_of_facts_that_change_by_themselves() {
        let margin = |text| Margin::parse(text).unwrap();
        let billing = PartnerBilling { enabled: true, folder: "acme".into() };
        let mut terms = Terms::new(margin("15"), billing);
        assert!(terms.is_constant());
        terms.margin.set(Some(date(2026, 11, 3)), margin("50"));
        terms.enabled.set(Some(date(2026, 11, 10)), false);
        let shown: Vec<String> = terms
            .spans()
            .iter()
            .map(|span| {
                let day = |day: Option<Date>| day.map_or("-".to_owned(), |day| day.to_string());
                let margin = span.margin.ten_thousandths() / 10_000;
                format!("{} {} {margin} {}", day(span.from), day(span.until), span.billing.enabled)
            })
            .collect();
        assert_eq!(shown, ["- 2026-11-03 15 true", "2026-11-03 2026-11-10 50 true", "2026-11-10 - 50 false"]);
        assert_eq!(terms.on(date(2026, 11, 2)).0, margin("15"));
    }
}
