//! Fields of a form: what was typed, and what is wrong with it.

use crate::i18n::Lang;
use app::Error;
use domain::Violations;
use http::StatusCode;
use std::collections::BTreeMap;

/// A field: its value as it was typed, and the messages about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    /// The name in the form. The id of the element is the same.
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) errors: Vec<String>,
}

impl Input {
    /// Whether it holds this choice.
    pub(crate) fn is(&self, choice: &str) -> bool {
        self.value == choice
    }

    /// Whether something is wrong with it.
    pub(crate) fn is_wrong(&self) -> bool {
        !self.errors.is_empty()
    }
}

/// The fields of a form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    inputs: BTreeMap<&'static str, Input>,
    /// For the summary: the id of the field, and what is wrong.
    pub(crate) summary: Vec<(String, String)>,
}

impl Inputs {
    /// Fields with these names and the values that `value` gives them.
    pub(crate) fn new(names: &[&'static str], value: impl Fn(&str) -> String) -> Self {
        let input = |name: &&'static str| (*name, Input { name, value: value(name), errors: Vec::new() });
        Inputs { inputs: names.iter().map(input).collect(), summary: Vec::new() }
    }

    /// The field with this name; an empty one if there is none.
    pub(crate) fn get(&self, name: &str) -> Input {
        self.inputs.get(name).cloned().unwrap_or_default()
    }

    /// What was typed, without white space around it.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.inputs.get(name).map_or("", |input| input.value.trim())
    }

    /// Puts a value in the place of what was typed.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        if let Some(input) = self.inputs.get_mut(name) {
            input.value = value;
        }
    }

    pub(crate) fn is_wrong(&self) -> bool {
        !self.summary.is_empty()
    }

    /// Adds a message about a field; about the whole form if there is no such field.
    pub(crate) fn refuse(&mut self, name: &str, message: String) {
        let id = match self.inputs.get_mut(name) {
            Some(input) => {
                input.errors.push(message.clone());
                name
            }
            None => "form",
        };
        self.summary.push((id.to_owned(), message));
    }

    /// Says why a use case has failed, at the fields that it is about, and returns the status of the page. `None` for an error that
    /// is a page of its own. `changed` is the id of what is said where the object has changed since the form was opened.
    pub(crate) fn refuse_error(
        &mut self,
        lang: Lang,
        error: &Error,
        changed: &str,
        field: impl Fn(&str) -> (&'static str, &'static str),
    ) -> Option<StatusCode> {
        let (status, message) = match error {
            Error::Invalid(violations) => {
                self.refuse_all(lang, violations, field);
                return Some(StatusCode::UNPROCESSABLE_ENTITY);
            }
            Error::LastAdmin | Error::LastOwner => (StatusCode::UNPROCESSABLE_ENTITY, lang.reason(error)),
            Error::Conflict(_) => (StatusCode::CONFLICT, lang.reason(error)),
            Error::PreconditionFailed if !changed.is_empty() => {
                (StatusCode::CONFLICT, lang.text(changed, None))
            }
            Error::DirectoryUnavailable { .. }
            | Error::BillsUnavailable(_)
            | Error::Unavailable(_)
            | Error::Busy(_)
            | Error::TimedOut(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, lang.text("error-unavailable-advice", None))
            }
            _ => return None,
        };
        self.refuse("", message);
        Some(status)
    }

    /// Adds the violations of a payload. `field` names the form's field of a pointer, and the id of its label.
    pub(crate) fn refuse_all(
        &mut self,
        lang: Lang,
        violations: &Violations,
        field: impl Fn(&str) -> (&'static str, &'static str),
    ) {
        for violation in violations {
            let (name, label) = field(&violation.pointer);
            let message = match label {
                "" => lang.sentence(violation),
                label => format!("{}: {}", lang.text(label, None), lang.violation(violation)),
            };
            self.refuse(name, message);
        }
    }
}
