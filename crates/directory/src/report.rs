//! What works of a directory, for the operator who connects it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What works of a directory, and what is missing, in the order in which it was tried. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What was tried.
    pub steps: Vec<Step>,
}

/// One thing that the platform needs of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was tried.
    pub what: Check,
    /// How it went.
    pub outcome: Outcome,
    /// The credential that was refused, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Credential>,
    /// The number of things that were seen, where the step is about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

/// The number of things that a step has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How many.
    pub count: usize,
    /// Of how many that were looked at; `None` for the entries of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<usize>,
}

impl Step {
    /// A step that no credential is to blame for, and that has counted nothing.
    pub(crate) fn new(what: Check, outcome: Outcome) -> Self {
        Step { what, outcome, refused: None, seen: None }
    }

    /// The same step, which has seen so many.
    pub(crate) fn having_seen(self, count: usize, of: Option<usize>) -> Self {
        Step { seen: Some(Seen { count, of }), ..self }
    }
}

/// What is tried of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Get a token for the application.
    SignIn,
    /// Whether the consenting user signed in with several factors.
    MultiFactor,
    /// Read the list of customers.
    ListCustomers,
    /// Read customers' billing profiles, one source of addresses.
    BillingProfiles,
    /// Read customers' organizations, the other source of addresses.
    Organizations,
    /// See an address, from either source.
    SeeAddresses,
    /// Read the list of Microsoft's invoices.
    ListInvoices,
    /// Have Microsoft Graph export billing data.
    ExportBillingData,
    /// Read the file.
    ReadFile,
}

impl Check {
    /// All checks.
    pub const ALL: [Check; 9] = [
        Check::SignIn,
        Check::MultiFactor,
        Check::ListCustomers,
        Check::BillingProfiles,
        Check::Organizations,
        Check::SeeAddresses,
        Check::ListInvoices,
        Check::ExportBillingData,
        Check::ReadFile,
    ];

    /// The name for programs, as it is stored: `sign-in`.
    pub fn code(self) -> &'static str {
        match self {
            Check::SignIn => "sign-in",
            Check::MultiFactor => "multi-factor",
            Check::ListCustomers => "list-customers",
            Check::BillingProfiles => "billing-profiles",
            Check::Organizations => "organizations",
            Check::SeeAddresses => "see-addresses",
            Check::ListInvoices => "list-invoices",
            Check::ExportBillingData => "export-billing-data",
            Check::ReadFile => "read-file",
        }
    }
}

/// The name in English: `sign in`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Check::SignIn => "sign in",
            Check::MultiFactor => "multi-factor sign-in",
            Check::ListCustomers => "list customers",
            Check::BillingProfiles => "billing profiles",
            Check::Organizations => "organizations",
            Check::SeeAddresses => "see addresses",
            Check::ListInvoices => "list invoices",
            Check::ExportBillingData => "export billing data",
            Check::ReadFile => "read the file",
        })
    }
}

/// A secret that an application signs in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// The application's own secret.
    ClientSecret,
    /// The refresh token of the user who consented.
    RefreshToken,
}

/// How trying one thing went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It works; what was seen.
    Works(String),
    /// It does not; what is missing, and who can do something about it.
    Fails(String),
    /// It does not, and tenants can be looked up without it; why.
    Lacks(String),
    /// It was not tested, so that nothing is known of it; why.
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
                Outcome::Skipped(text) => ("not tested", text),
            };
            writeln!(f, "{word:<10} {}: {text}", step.what)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_report_is_read_back() {
        let outcomes = ["a", "b", "c", "d"].map(str::to_owned);
        let [works, fails, lacks, skipped] = outcomes;
        let outcomes =
            [Outcome::Works(works), Outcome::Fails(fails), Outcome::Lacks(lacks), Outcome::Skipped(skipped)];
        let steps = Check::ALL.into_iter().zip(outcomes.into_iter().cycle());
        let mut report = Report { steps: steps.map(|(what, outcome)| Step::new(what, outcome)).collect() };
        report.steps[0].refused = Some(Credential::RefreshToken);
        report.steps[1].seen = Some(Seen { count: 2, of: Some(3) });
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        for check in Check::ALL {
            assert!(text.contains(&format!("\"what\":\"{}\"", check.code())), "{check}: {text}");
        }
    }
}
