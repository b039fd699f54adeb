//! Query strings of lists: paging, filters, and unknown parameters.

use crate::{Error, clock};
use domain::near::near;
use domain::text::invalid;
use domain::{Handling, Violation, Violations, code};
use jiff::Timestamp;
use std::collections::HashSet;
use std::num::{IntErrorKind, ParseIntError};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// The maximum size of a page.
const MAX_PER_PAGE: i64 = 100;
/// The maximum number of filters of a list. Equal filters count once.
const MAX_FILTERS: usize = 20;
/// So many ignored parameters are named.
const MAX_IGNORED: usize = 50;
/// Parameters that do not count as filters.
const NOT_FILTERS: [&str; 4] = ["page", "per_page", "cursor", "api_key"];

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The number of the page, from 1.
    pub page: i64,
    /// The size of the page, 1 to 100.
    pub per_page: i64,
}

impl Default for Paging {
    fn default() -> Self {
        Paging { page: 1, per_page: 30 }
    }
}

/// A query string: the decoded parameters in order, and the handling of unknown ones.
#[derive(Debug, Default)]
pub struct Query {
    parameters: Vec<(String, String)>,
    handling: Handling,
    ignored: Arc<OnceLock<Vec<String>>>,
}

impl Query {
    /// A query string with these parameters.
    pub fn new(parameters: Vec<(String, String)>, handling: Handling) -> Self {
        Query { parameters, handling, ignored: Arc::default() }
    }

    /// The unknown parameters that were ignored; at most 50. Set when the parameters have been read.
    pub fn ignored(&self) -> Arc<OnceLock<Vec<String>>> {
        Arc::clone(&self.ignored)
    }

    /// Reads the parameters of a request that has none.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every parameter, as `/name`, under strict handling; otherwise all are ignored.
    pub fn expect_none(&self) -> Result<(), Error> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in self.iter().filter(|(name, _)| name != "api_key") {
            if names.len() < MAX_IGNORED && !names.contains(name) {
                names.push(name.clone());
            }
        }
        if self.handling == Handling::Lenient || names.is_empty() {
            self.ignored.get_or_init(|| names);
            return Ok(());
        }
        let mut violations = Violations::default();
        for name in names {
            let message = "is not a known parameter: there are none here";
            violations.push(Violation::new(format!("/{name}"), code::UNKNOWN, message));
        }
        Err(Error::Parameters(violations))
    }
}

impl Deref for Query {
    type Target = [(String, String)];

    fn deref(&self) -> &Self::Target {
        &self.parameters
    }
}

impl Paging {
    /// The parameters of every list that has pages.
    pub(crate) const PARAMETERS: [&str; 2] = ["page", "per_page"];

    /// Parses the query string of a list without filters: `page` (0 counts as 1) and `per_page` (capped at 100).
    ///
    /// # Errors
    /// [`Error::Parameters`] with every invalid parameter, as `/name`.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        let mut paging = Paging::default();
        read(query, &[], |name, value| paging.take(name, value).map(drop))?;
        Ok(paging)
    }

    /// Sets the page or its size from a parameter; `false` for any other parameter.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<bool, Violation> {
        match name {
            "page" => self.page = whole_number(value, 0)?.max(1),
            "per_page" => self.per_page = whole_number(value, 1)?.min(MAX_PER_PAGE),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The number of items before this page.
    pub(crate) fn skip(self) -> i64 {
        (self.page - 1) * self.per_page
    }
}

/// Parameters with free text as their value, which may be the word `null`.
const FREE_TEXT: [&str; 5] = ["q", "tag", "cursor", "action", "object"];

/// Whether a parameter counts as absent: its value is empty, or the text that Python or JavaScript writes for a missing
/// value.
fn is_blank(name: &str, value: &str) -> bool {
    value.is_empty() || !FREE_TEXT.contains(&name) && ["None", "null", "undefined"].contains(&value)
}

/// Passes every parameter that is not blank to `take`, equal ones once, and collects what is wrong with invalid ones. Values
/// with NUL characters, which databases do not store, and more than [`MAX_FILTERS`] filters are violations. The known
/// parameters are those of [`Paging`] and `known`. An unknown parameter is a violation under strict handling, and under
/// lenient handling if it is a near miss of an absent one; otherwise it is ignored.
pub(crate) fn read(
    query: &Query,
    known: &[&'static str],
    mut take: impl FnMut(&str, &str) -> Result<(), Violation>,
) -> Result<(), Error> {
    let known = || Paging::PARAMETERS.iter().chain(known).copied();
    let given =
        |name: &str| query.iter().any(|(other, value)| other == name && !is_blank(name, value.trim()));
    let (mut violations, mut ignored) = (Violations::default(), Vec::new());
    let (mut seen, mut filters) = (HashSet::new(), 0);
    for (name, value) in query.iter() {
        let value = value.trim();
        if !seen.insert((name, value)) {
            continue;
        }
        let pointer = format!("/{name}");
        if known().any(|known| known == name) {
            if is_blank(name, value) {
                continue;
            }
            filters += usize::from(!NOT_FILTERS.contains(&name.as_str()));
            if filters > MAX_FILTERS {
                let message = format!("is one filter too many: at most {MAX_FILTERS} are allowed");
                violations.push(Violation::new(pointer, code::TOO_MANY, message));
                break;
            }
            if value.contains('\0') {
                violations.push(Violation::new(pointer, code::INVALID, "must not have a NUL character"));
            } else if let Err(wrong) = take(name, value) {
                violations.push(Violation { pointer, code: code::INVALID, ..wrong });
            }
            continue;
        }
        let strict = query.handling == Handling::Strict;
        let meant = near(name, known().filter(|known| !given(known)));
        let message = match meant.or_else(|| near(name, known()).filter(|_| strict)) {
            Some(meant) if strict || !is_blank(name, value) => {
                Some(format!("is not a known parameter; did you mean {meant}?"))
            }
            None if strict => Some("is not a known parameter".to_owned()),
            _ => None,
        };
        match message {
            Some(message) => violations.push(Violation::new(pointer, code::UNKNOWN, message)),
            None if ignored.len() < MAX_IGNORED => ignored.push(name.clone()),
            None => {}
        }
    }
    query.ignored.get_or_init(|| ignored);
    if violations.is_empty() { Ok(()) } else { Err(Error::Parameters(violations)) }
}

/// What is wrong with a cursor that no answer has given.
pub(crate) fn wrong_cursor() -> Violation {
    invalid("is not a valid cursor; use the one from the Link header's rel=\"next\"").because("cursor", &[])
}

/// The choice with this name, or the names and the nearest one.
pub(crate) fn one_of<T: Copy>(value: &str, choices: &[(&'static str, T)]) -> Result<T, Violation> {
    let found = choices.iter().find(|(name, _)| *name == value);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let names = || choices.iter().map(|(name, _)| *name);
        let allowed = names().collect::<Vec<_>>().join(", ");
        match near(value, names()) {
            None => invalid(format!("must be one of {allowed}")).because("one-of", &[("allowed", &allowed)]),
            Some(meant) => invalid(format!("must be one of {allowed}; did you mean {meant}?"))
                .because("one-of-meant", &[("allowed", &allowed), ("meant", &meant)]),
        }
    })
}

/// Parses a currency's code, in any case.
pub(crate) fn currency(value: &str) -> Result<rating::Currency, Violation> {
    value
        .parse()
        .map_err(|wrong: rating::currency::NotACurrency| invalid(wrong.to_string()).because("currency", &[]))
}

/// Parses `true` or `false` in any case, because Python writes `True`.
pub(crate) fn truth(value: &str) -> Result<bool, Violation> {
    one_of(&value.to_ascii_lowercase(), &[("true", true), ("false", false)])
}

/// Parses a time. A space before an offset is read as `+`, because an unescaped `+` in a query string is a space.
pub(crate) fn time(value: &str) -> Result<Timestamp, Violation> {
    match value.rsplit_once(' ') {
        Some((time, offset)) if time.contains(':') && offset.starts_with(|c: char| c.is_ascii_digit()) => {
            clock::time(&format!("{time}+{offset}"))
        }
        _ => clock::time(value),
    }
}

/// Parses a whole number of at least `least`. Larger numbers are capped: every such page is past the end of the list.
pub(crate) fn whole_number(value: &str, least: i64) -> Result<i64, Violation> {
    const MAX_PAGE: i64 = i64::MAX / MAX_PER_PAGE;
    let number = value.parse().or_else(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => Ok(MAX_PAGE),
        _ => Err(error),
    });
    match number {
        Ok(number) if number >= least => Ok(number.min(MAX_PAGE)),
        _ => Err(invalid(format!("must be a whole number from {least}"))
            .because("whole-number-from", &[("least", &least)])),
    }
}
