//! Fields of a form: what was typed, and what is wrong with it.

use crate::i18n::Lang;
use domain::Violations;
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
                "" if lang == Lang::En => violation.sentence(),
                "" => lang.violation(violation),
                label => format!("{}: {}", lang.text(label, None), lang.violation(violation)),
            };
            self.refuse(name, message);
        }
    }
}
