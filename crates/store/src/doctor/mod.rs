//! Checks of a database, with advice. They change nothing.

mod postgres;
mod sqlite;

use crate::engine::migrate::{self, NEWEST, UNFINISHED};
use crate::engine::{Target, Tx};
use jiff::Timestamp;

/// Result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Name of the check, the same in every report.
    pub name: &'static str,
    /// Verdict.
    pub verdict: Verdict,
    /// Finding.
    pub found: String,
    /// Advice; empty if nothing needs to be done.
    pub advice: String,
}

/// Verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No action needed.
    Fine,
    /// Works, but the operator should look at it.
    Warning,
    /// Data may be lost or seen by others, or the server will not start.
    Problem,
}

impl Verdict {
    /// `fine`, `warning` or `problem`.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
        }
    }
}

/// Results so far.
#[derive(Default)]
struct Report(Vec<Check>);

impl Report {
    fn fine(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Verdict::Fine, found, "");
    }

    fn add(&mut self, name: &'static str, verdict: Verdict, found: impl Into<String>, advice: &str) {
        self.0.push(Check { name, verdict, found: found.into(), advice: advice.to_owned() });
    }
}

/// Checks the database of this URL; `now` is the clock. Never fails: a database that cannot be reached or read is a problem
/// in the report.
pub async fn examine(url: &str, now: &(dyn Fn() -> Timestamp + Sync)) -> Vec<Check> {
    let mut report = Report::default();
    let looked = match Target::of(url) {
        Ok(Target::Sqlite(path)) => sqlite::examine(path, url, now, &mut report).await,
        Ok(Target::Postgres(_)) => postgres::examine(url, now, &mut report).await,
        Err(error) => Err(error),
    };
    if let Err(error) = looked {
        let advice =
            "see that the database is there, that --database names it, and that this user may read it";
        report.add("access", Verdict::Problem, error.to_string(), advice);
    }
    report.0
}

/// Whether the server could start on this schema; the version, where it is one that this program knows.
async fn schema(tx: &mut Tx, report: &mut Report) -> Option<usize> {
    let version = match migrate::version(tx).await {
        Ok(Some(version)) => version,
        Ok(None) => {
            let advice = "start the server once to make it, or name another database";
            report.add("schema", Verdict::Problem, "no schema of Tenantry", advice);
            return None;
        }
        Err(error) => {
            report.add(
                "schema",
                Verdict::Problem,
                error.to_string(),
                "use the version of tenantry that made it",
            );
            return None;
        }
    };
    let found = format!("version {version} of {NEWEST}");
    if version < NEWEST {
        let advice = "the next start of the server brings it up to date; make a backup before";
        report.add("schema", Verdict::Warning, found, advice);
    } else {
        report.fine("schema", found);
    }
    if tx.has_table(UNFINISHED).await.unwrap_or(false) {
        let advice = "run that command again to its end";
        report.add("unfinished", Verdict::Problem, "an unfinished copy or restore", advice);
    }
    Some(version)
}
