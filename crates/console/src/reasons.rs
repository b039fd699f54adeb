//! Why a use case has failed, in the reader's language.

use crate::format;
use crate::i18n::Lang;
use crate::layout::role_name;
use crate::places;
use app::billing::{Message, Money, Wording, WordingValue};
use app::customers::CustomerView;
use app::{Error, Refusal};
use domain::{Country, Role, Violation, Violations};
use fluent_bundle::FluentValue;
use jiff::Timestamp;

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilterError {
    /// The id of its field; empty where it is about none.
    pub(crate) field: &'static str,
    pub(crate) message: String,
}

impl Lang {
    /// Why something cannot be done now. What has no text in this language is said in English.
    pub(crate) fn refusal(self, refusal: &Refusal) -> String {
        let said = refusal.reasons().map(|(message, reason)| match reason {
            Some(reason) if self != Lang::En => {
                let id = format!("refusal-{}", reason.id);
                let values: Vec<(&str, String)> =
                    reason.values.iter().map(|(name, value)| (*name, self.value(name, value))).collect();
                let values: Vec<(&str, &str)> =
                    values.iter().map(|(name, value)| (*name, value.as_str())).collect();
                if self.has(&id) { self.text_with(&id, &values) } else { message.to_owned() }
            }
            _ => message.to_owned(),
        });
        said.collect::<Vec<_>>().join("; ")
    }

    /// What a report says. What has no text in this language is said in English.
    pub(crate) fn message(self, text: &str, wording: Option<&Wording>) -> String {
        let Some(Wording { id, values }) =
            wording.filter(|wording| self != Lang::En && self.has(&wording.id))
        else {
            return text.to_owned();
        };
        let args = values.iter().map(|(name, value)| {
            let value = match value {
                WordingValue::Number(count) => FluentValue::from(i64::try_from(*count).unwrap_or(i64::MAX)),
                WordingValue::Money(sums) => FluentValue::from(self.sums(sums)),
                WordingValue::Text(text) => FluentValue::from(self.value(name, text)),
            };
            (name.as_str(), value)
        });
        self.text(id, Some(&args.collect()))
    }

    /// Why something is so, each in this language.
    pub(crate) fn messages(self, messages: &[Message]) -> Vec<String> {
        messages.iter().map(|message| self.message(&message.text, message.wording.as_ref())).collect()
    }

    /// Why bills of a customer cannot be written; empty where they can.
    pub(crate) fn billing_problem(self, customer: &CustomerView) -> String {
        let problem = customer.billing_problem();
        problem.map_or(String::new(), |why| self.message(&why.text, why.wording.as_ref()))
    }

    /// Sums of money in several currencies.
    fn sums(self, sums: &[Money]) -> String {
        let shown = sums.iter().map(|Money { currency, amount }| {
            format::money(self, &amount.to_string(), currency.minor_unit().into(), currency.code())
        });
        let shown: Vec<String> = shown.collect();
        match shown.split_last() {
            None => self.text("sums-none", None),
            Some((last, [])) => last.clone(),
            Some((last, others)) => {
                self.text_with("sums-and", &[("sums", &others.join(", ")), ("last", last)])
            }
        }
    }

    /// What an error's page says of its reason; empty where its title and advice say all that is to be said.
    pub(crate) fn reason(self, error: &Error) -> String {
        match error {
            Error::Forbidden(refusal) | Error::Conflict(refusal) => self.refusal(refusal),
            Error::Invalid(violations) | Error::Parameters(violations) => {
                self.sentences(violations).join("; ")
            }
            Error::LastAdmin => self.text("users-last-admin", None),
            Error::LastOwner => self.text("users-last-owner", None),
            Error::StillRunning => self.text("error-still-running", None),
            Error::KeyReused => self.text("error-form-reused", None),
            Error::LimitExceeded(_) | Error::Assignments(_) if self != Lang::En => String::new(),
            other => other.to_string(),
        }
    }

    /// What is wrong, each with the name that the value has in the payload or the query.
    pub(crate) fn sentences(self, violations: &Violations) -> Vec<String> {
        violations.iter().map(|violation| self.sentence(violation)).collect()
    }

    /// What is wrong with filters, each with its field's label. `fields` are the fields' names, which are their ids too, and the
    /// ids of their labels.
    pub(crate) fn filter_errors(
        self,
        violations: &Violations,
        fields: &[(&'static str, &str)],
    ) -> Vec<FilterError> {
        let error = |violation: &Violation| {
            let name = violation.pointer.trim_start_matches('/');
            match fields.iter().find(|(field, _)| *field == name) {
                Some((field, label)) => {
                    let message = format!("{}: {}", self.text(label, None), self.violation(violation));
                    FilterError { field, message }
                }
                None => FilterError { field: "", message: self.sentence(violation) },
            }
        };
        violations.iter().map(error).collect()
    }

    /// What is wrong, with the name that the value has in the payload or the query.
    pub(crate) fn sentence(self, violation: &Violation) -> String {
        let subject = violation.pointer.trim_start_matches('/').replace('/', ".");
        match (self, subject.as_str()) {
            (Lang::En, _) => violation.sentence(),
            (_, "") => self.violation(violation),
            (_, subject) => format!("{subject}: {}", self.violation(violation)),
        }
    }

    /// A value in a text, as the reader's language writes it, by its name.
    pub(crate) fn value(self, name: &str, value: &str) -> String {
        match name {
            "country" => Country::parse(value)
                .map_or_else(|_| value.to_owned(), |country| places::country(self, country).to_owned()),
            "month" => format::month(self, value),
            "months" => {
                value.split(", ").map(|month| format::month(self, month)).collect::<Vec<_>>().join(", ")
            }
            "end" => {
                value.parse::<Timestamp>().map_or_else(|_| value.to_owned(), |at| format::time(self, at).text)
            }
            "from" | "until" => format::month(self, value),
            "warning" => self.text(&format!("warning-title-{value}"), None),
            "state" if self.has(&format!("run-{value}")) => self.text(&format!("run-{value}"), None),
            "roles" => {
                let has = |role: &&Role| value.split([',', ' ']).any(|name| name == role.as_str());
                let roles = Role::OF_PARTNERS.iter().chain(&Role::OF_CUSTOMERS).filter(has);
                roles.map(|role| role_name(self, *role)).collect::<Vec<_>>().join(", ")
            }
            _ => value.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_said_in_the_readers_language() {
        let money = |amount: &str, currency: &str| Money {
            currency: currency.parse().unwrap(),
            amount: amount.parse().unwrap(),
        };
        let unnumbered = |lines: u64, sums: Vec<Money>| {
            let values = [("lines", lines.into()), ("cost", WordingValue::Money(sums))];
            Wording::new("report-lines-without-invoice", values)
        };
        let facts = |others: u64| {
            let values =
                [("customer", "Acme (7)".into()), ("others", others.into()), ("month", "2026-10".into())];
            Wording::new("report-facts-changed", values)
        };
        let one = vec![money("1234.5", "EUR")];
        let several = vec![money("1234567", "EUR"), money("3", "JPY"), money("-0.25", "USD")];
        for (wording, part) in [
            (unnumbered(1, one), "Ein Posten, der 1.234,50\u{a0}EUR kostet, hat keine Rechnungsnummer"),
            (
                unnumbered(12_345, several),
                "12.345 Posten, die 1.234.567,00\u{a0}EUR, 3\u{a0}JPY und \u{2212}0,25\u{a0}USD kosten, haben keine",
            ),
            (unnumbered(2, vec![]), "2 Posten, die nichts kosten"),
            (facts(0), "von Acme (7) haben sich für "),
            (facts(1), "von Acme (7) und einem anderen Kunden haben sich"),
            (facts(2_000), "von Acme (7) und 2.000 anderen Kunden haben sich"),
        ] {
            let said = Lang::De.message("in English", Some(&wording));
            assert!(said.contains(part), "{said}");
            assert_eq!(Lang::En.message("in English", Some(&wording)), "in English");
        }
        let unknown = Wording::new("report-of-a-newer-version", []);
        assert_eq!(Lang::De.message("in English", Some(&unknown)), "in English");
        assert_eq!(Lang::De.message("in English", None), "in English");
    }

    #[test]
    fn refusals_are_said_in_the_readers_language() {
        let state = Refusal::new("this run is under way: it is queued")
            .named("run-under-way", &[("state", &"queued")]);
        let month =
            Refusal::new("a run of 2026-10 is under way").named("month-under-way", &[("month", &"2026-10")]);
        for (refusal, german) in [
            (state.clone(), "Dieser Lauf ist noch unterwegs (Wartet)"),
            (month.clone(), "Ein Lauf für Oktober 2026 ist unterwegs"),
            ("no text".into(), "no text"),
            (
                [state, month].into_iter().collect(),
                "Dieser Lauf ist noch unterwegs (Wartet); Ein Lauf für Oktober 2026 ist unterwegs",
            ),
        ] {
            assert_eq!(Lang::De.refusal(&refusal), german);
            assert_eq!(Lang::En.refusal(&refusal), refusal.to_string());
        }
        let roles =
            Refusal::new("the role viewer may not …").named("may-not-see-costs", &[("roles", &"viewer")]);
        let said = Lang::De.reason(&Error::Forbidden(roles));
        assert_eq!(said, "Mit Ihren Rollen (Lesen) sind Kosten, Margen und Preise nicht zu sehen");
    }
}
