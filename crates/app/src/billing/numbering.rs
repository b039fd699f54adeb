//! Numbers of statements: the partner's own, by year and without gaps.
//!
//! A statement shows its number in files that never change, so the number is there before the statement is final. A run reserves
//! numbers before it renders statements, and the transaction that makes these final issues them; what is not issued then goes to
//! the next statements. A run that is resumed gets the same numbers.

use super::settings::BillingSettings;
use crate::{App, Error};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::collections::{BTreeMap, BTreeSet};
use store::bill_runs::{self, BillRun};
use store::statement_numbers::{self, NumberFor};
use store::statements::Issue;

/// The numbers that a run has reserved.
pub(super) type Numbers = BTreeMap<NumberFor, Issue>;

impl App {
    /// Reserves numbers for these statements of a run's month, which are issued at a time in Unix seconds.
    pub(super) async fn reserve_numbers(
        &self,
        run: &BillRun,
        at: i64,
        wanted: BTreeSet<NumberFor>,
    ) -> Result<Numbers, Error> {
        if wanted.is_empty() {
            return Ok(Numbers::new());
        }
        let issued_at = Timestamp::from_second(at).map_err(|error| Error::Internal(error.to_string()))?;
        self.db
            .unchecked()
            .write(run.partner, (run.clone(), issued_at, wanted), |(run, issued_at, wanted), tx| {
                Box::pin(async move {
                    bill_runs::one_after_the_other(tx, run.partner).await?;
                    let settings = BillingSettings::load(tx, run.partner).await?;
                    let year = issued_at.to_zoned(TimeZone::UTC).year();
                    let reserved = statement_numbers::reserve(tx, run, year.into(), wanted).await?;
                    let issue = |(bill, number): (NumberFor, i64)| {
                        let issue = issue(&settings, year, number, *issued_at, bill.is_reversal);
                        (bill, issue)
                    };
                    Ok::<_, Error>(reserved.into_iter().map(issue).collect())
                })
            })
            .await
    }
}

fn issue(
    settings: &BillingSettings,
    year: i16,
    number: i64,
    issued_at: Timestamp,
    is_reversal: bool,
) -> Issue {
    let day = issued_at.to_zoned(TimeZone::UTC).date();
    // A reversal takes something back: nothing is due for it.
    let due_days = settings.due_days.filter(|_| !is_reversal);
    Issue {
        number: format!("{}{year}-{number:04}", settings.statement_number_prefix),
        issued_at,
        due_date: due_days.map(|days| day.saturating_add(days.days()).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_the_year_and_due_dates_go_over_months() {
        let at: Timestamp = "2026-12-31T23:59:59Z".parse().unwrap();
        let settings = |due_days| BillingSettings {
            statement_number_prefix: "CON-".into(),
            due_days,
            ..BillingSettings::default()
        };
        for (due_days, number, is_reversal, expected) in [
            (None, 1, false, ("CON-2026-0001", None)),
            (Some(30), 12_345, false, ("CON-2026-12345", Some("2027-01-30"))),
            (Some(0), 1, false, ("CON-2026-0001", Some("2026-12-31"))),
            (Some(30), 2, true, ("CON-2026-0002", None)),
        ] {
            let issue = issue(&settings(due_days), 2026, number, at, is_reversal);
            assert_eq!((issue.number.as_str(), issue.due_date.as_deref()), expected);
        }
    }
}
