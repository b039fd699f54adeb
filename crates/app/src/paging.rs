//! Which page of a list, as a query string asks for it.

use crate::Error;
use domain::{Violation, Violations};
use std::collections::HashSet;
use std::num::{IntErrorKind, ParseIntError};

const MOST_PER_PAGE: i64 = 100;
/// How many filters a list may have. Equal ones count once.
const MAX_FILTERS: usize = 20;
/// Parameters that are no filters.
const NO_FILTERS: [&str; 4] = ["page", "per_page", "cursor", "api_key"];

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// From 1.
    pub page: i64,
    /// 1 to 100.
    pub per_page: i64,
}

impl Default for Paging {
    fn default() -> Self {
        Paging { page: 1, per_page: 30 }
    }
}

impl Paging {
    /// Read `page` (0 counts as 1) and `per_page` (over 100 is capped); all else is left alone.
    ///
    /// # Errors
    /// [`Error::Parameters`] with each that will not do, as `/name`.
    pub fn parse(parameters: &[(String, String)]) -> Result<Self, Error> {
        let mut paging = Paging::default();
        read(parameters, |name, value| paging.take(name, value).map(drop))?;
        Ok(paging)
    }

    /// Take one parameter; whether it was one of these two.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "page" => self.page = whole_number(value, 0)?.max(1),
            "per_page" => self.per_page = whole_number(value, 1)?.min(MOST_PER_PAGE),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// How many come before this page.
    pub(crate) fn skip(self) -> i64 {
        (self.page - 1) * self.per_page
    }
}

/// Hand every parameter that is not blank to `take`, equal ones once, and collect what it says against them. What it gets
/// has no NUL, which no database stores, and is at most [`MAX_FILTERS`] filters.
pub(crate) fn read(
    parameters: &[(String, String)],
    mut take: impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), Error> {
    let mut violations = Violations::default();
    let (mut seen, mut filters) = (HashSet::new(), 0);
    for (name, value) in parameters {
        let value = value.trim();
        if value.is_empty() || !seen.insert((name, value)) {
            continue;
        }
        filters += usize::from(!NO_FILTERS.contains(&name.as_str()));
        let pointer = format!("/{name}");
        if filters > MAX_FILTERS {
            let message = format!("is one filter too many: at most {MAX_FILTERS} are allowed");
            violations.push(Violation::new(pointer, "too_many", message));
            break;
        }
        if value.contains('\0') {
            violations.push(Violation::new(pointer, "invalid", "must not have a NUL character"));
        } else if let Err(message) = take(name, value) {
            violations.push(Violation::new(pointer, "invalid", message));
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::Parameters(violations)) }
}

/// A number beyond all use counts as the greatest of use: such a page is past the end, as any great one is.
pub(crate) fn whole_number(value: &str, least: i64) -> Result<i64, String> {
    const MOST: i64 = i64::MAX / MOST_PER_PAGE;
    let number = value.parse().or_else(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => Ok(MOST),
        _ => Err(error),
    });
    match number {
        Ok(number) if number >= least => Ok(number.min(MOST)),
        _ => Err(format!("must be a whole number from {least}")),
    }
}
