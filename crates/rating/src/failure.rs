//! Why a run failed, in words for the partner.

use crate::wording::Wording;
use serde::Serialize;
use std::fmt;
use std::io;
use std::path::Path;

/// Why a run came to no end. Nothing is left in `Job::out` that could be taken for a bill.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something is wrong with the input: all that was found, in order, at most [`Failure::LIMIT`].
    #[error("{}", sentences(.0))]
    Faults(Vec<Fault>),
    /// [`Progress`](crate::Progress) said so.
    #[error("cancelled")]
    Cancelled,
    /// The local disk does not do what it should: what was tried, and what it said.
    #[error("{0}: {1}")]
    Io(String, #[source] io::Error),
}

impl Failure {
    /// How many faults are kept.
    pub const LIMIT: usize = 100;

    /// Names the file that could not be dealt with.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
        let path = path.display().to_string();
        move |error| Failure::Io(format!("{doing} {path}"), error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Faults(vec![fault])
    }
}

/// One thing that is wrong with the input, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// The file, as [`Input`](crate::Input) names it, and the member of an archive or of an export. Empty where the fault
    /// is in no single file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The line in the uncompressed file, from 1: the one on which the record begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column: its name as the file has it, or "character 12" where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
    /// What makes that sentence in other languages.
    #[serde(skip)]
    pub wording: Option<Box<Wording>>,
}

/// `october.csv, line 12, column Quantity: "1,5" is not a number such as -1234.56 or 1.5E-05`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = self.file.clone();
        let mut add = |part: String| {
            place.push_str(if place.is_empty() { "" } else { ", " });
            place.push_str(&part);
        };
        if let Some(line) = self.line {
            add(format!("line {line}"));
        }
        if let Some(column) = &self.column {
            add(format!("column {column}"));
        }
        write!(f, "{place}{}{}", if place.is_empty() { "" } else { ": " }, self.message)
    }
}

fn sentences(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}
