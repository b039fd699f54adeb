//! What works of a directory, for the operator who connects it.

use std::fmt;

/// What works of a directory, and what is missing, in the order in which it was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was tried.
    pub steps: Vec<Step>,
}

/// One thing that the platform needs of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was tried: "sign in".
    pub what: &'static str,
    /// How it went.
    pub outcome: Outcome,
}

/// How trying one thing went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It works; what was seen.
    Works(String),
    /// It does not; what is missing, and who can do something about it.
    Fails(String),
    /// It does not, and tenants can be looked up without it: billing from Microsoft's interfaces needs it.
    Lacks(String),
    /// It was not tried; why.
    Skipped(String),
}

impl Report {
    /// Whether nothing failed.
    pub fn works(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step.outcome, Outcome::Fails(_)))
    }
}

/// A line for each step.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            let (word, text) = match &step.outcome {
                Outcome::Works(text) => ("works", text),
                Outcome::Fails(text) => ("FAILS", text),
                Outcome::Lacks(text) => ("lacks", text),
                Outcome::Skipped(text) => ("-", text),
            };
            writeln!(f, "{word:<6} {}: {text}", step.what)?;
        }
        Ok(())
    }
}
