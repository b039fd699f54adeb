//! States, provinces, regions: USPS abbreviations in the US; elsewhere the names of ISO 3166-2, the common English and
//! the local ones, folded to ASCII.

mod usps;
mod words;

use crate::country::{Country, Needed};
use crate::table::{Table, cell, entries};
use crate::text::{ascii, filled_line, invalid, is_latin, name_key, only_near};
use crate::violation::{Violation, shortened};
use std::borrow::Cow;
use words::GENERIC;

/// The maximum length of a state in characters.
const MAX_LENGTH: usize = 255;

/// The divisions of all countries but the US. Alpha-2 code of the country; ISO's code of the division without it, `""`
/// where ISO has none; further abbreviations; names, ASCII first, then those in the country's own script. A name after
/// `~` is another way to write the one before it (`Thueringen`).
static DIVISIONS: Table = Table(include_str!("../data/divisions.tsv"));

/// Countries without division names in their own script in the tables; any text is accepted as a state there.
const INCOMPLETE: [&str; 4] = ["BY", "IQ", "KZ", "MN"];

/// The interpretation of a text as a state.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    /// A state, normalized.
    State(String),
    /// A filler for no state, in a country that does not require one.
    Blank,
    /// A code or a name that has to be written as this state.
    Instead(String),
    /// An abbreviation, in a country where any name is accepted.
    Abbreviation,
    /// An unknown state; with the state that was probably meant, if there is one only.
    Unknown(Option<String>),
}

/// Parses the state of an address in `country`; `None` for a filler (`-`) in a country that does not require a state. If the
/// country is not known, only the form of the text is validated. The violation's pointer is `""`.
pub(crate) fn parse(text: &str, country: Option<Country>) -> Result<Option<String>, Violation> {
    let text = filled_line(text, MAX_LENGTH)?;
    let Some(country) = country else { return folded(text).map(Some) };
    let violation = match read(text, country)? {
        Reading::State(state) => return Ok(Some(state)),
        Reading::Blank => return Ok(None),
        Reading::Instead(state) if country.is_us() => {
            invalid(format!("must be the abbreviation of two letters: use {state}"))
                .because("state-abbreviation", &[("state", &state)])
        }
        Reading::Instead(name) => invalid(format!("must be the full name: use {name}"))
            .because("state-full-name", &[("state", &name)]),
        Reading::Abbreviation => {
            let country = country.name();
            invalid(format!("must be the full name of a state or region of {country}, not {text:?}"))
                .because("state-unknown", &[("country", &country), ("given", &text)])
        }
        Reading::Unknown(meant) => {
            let shown = shortened(text);
            let hint = meant.as_ref().map_or(String::new(), |meant| format!("; did you mean {meant}?"));
            let meant = meant.as_deref().unwrap_or_default();
            if country.is_us() {
                let must = "must be the USPS abbreviation of a state or territory";
                let violation = invalid(format!("{must}, not {shown:?}{hint}"));
                match meant {
                    "" => violation.because("usps-unknown", &[("given", &shown)]),
                    _ => violation.because("usps-meant", &[("given", &shown), ("meant", &meant)]),
                }
            } else {
                let country = country.name();
                let must = format!("must be the full name of a state or region of {country}");
                let violation = invalid(format!("{must}, not {shown:?}{hint}"));
                match meant {
                    "" => violation.because("state-unknown", &[("country", &country), ("given", &shown)]),
                    _ => violation.because(
                        "state-meant",
                        &[("country", &country), ("given", &shown), ("meant", &meant)],
                    ),
                }
            }
        }
    };
    Err(violation)
}

/// The states to choose from in an address: what is written, and the name. In the order of the names.
pub(crate) fn choices(country: Country) -> Vec<(&'static str, &'static str)> {
    if country.state() == Needed::Unused || INCOMPLETE.contains(&country.alpha2()) {
        return Vec::new();
    }
    let mut choices: Vec<_> = if country.is_us() {
        usps::USPS.to_vec()
    } else {
        Divisions { country }.rows().map(|row| (main_name(row), main_name(row))).collect()
    };
    choices.sort_unstable_by_key(|(_, name)| *name);
    choices.dedup();
    choices
}

/// Normalizes a state from a directory: like [`parse`], but codes become names (`NSW`), names in the US become
/// abbreviations, and unknown states are kept as written.
pub(crate) fn from_directory(text: &str, country: Country) -> Option<String> {
    let text = filled_line(text, MAX_LENGTH).ok()?;
    match read(text, country) {
        Ok(Reading::State(state) | Reading::Instead(state)) => Some(state),
        Ok(Reading::Blank) => None,
        Ok(Reading::Abbreviation | Reading::Unknown(_)) | Err(_) => {
            Some(folded(text).unwrap_or(text.to_owned()))
        }
    }
}

fn read(text: &str, country: Country) -> Result<Reading, Violation> {
    if country.is_us() {
        return Ok(usps::read(text));
    }
    let divisions = Divisions { country };
    if !is_latin(text)
        && let Some(name) = divisions.in_own_script(&name_key(text))
    {
        return Ok(Reading::State(name.to_owned()));
    }
    // CLDR's names have footnote marks. All further checks use the normalized text.
    let text = &folded(&text.replace(['¹', '²', '³', '†', '‡'], ""))?;
    let key = name_key(text);
    if let Some(reading) = divisions.named(text, &key) {
        return Ok(reading);
    }
    if country.state() != Needed::Required && is_filler(text) {
        return Ok(Reading::Blank);
    }
    let known = divisions.exist() && !INCOMPLETE.contains(&country.alpha2());
    let free = country.state() == Needed::Unused || !known;
    // A country's name is accepted as its state ("Singapore, Singapore"), and US forms list "PR" as a state.
    let is_country = || (free || key.len() > 3) && Country::parse(text) == Ok(country);
    // Abbreviations of British and Irish counties are not standardized.
    let any_text = matches!(country.alpha2(), "GB" | "IE") || !known;
    if is_country() {
        Ok(Reading::State(text.to_owned()))
    } else if free
        && !any_text
        && (2..=3).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase())
    {
        Ok(Reading::Abbreviation)
    } else if free {
        Ok(Reading::State(text.to_owned()))
    } else {
        Ok(Reading::Unknown(divisions.near(&key).map(str::to_owned)))
    }
}

/// Whether the text is a filler for a missing state, such as `-` or `N/A`.
fn is_filler(text: &str) -> bool {
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    matches!(letters.as_str(), "" | "na" | "none" | "nil" | "null" | "notapplicable")
}

/// The text transliterated to ASCII, validated as a line.
fn folded(text: &str) -> Result<String, Violation> {
    let Some(folded) = ascii(text) else {
        let shown = shortened(text);
        let message = format!("must be transliterated to ASCII, for {shown:?} cannot be");
        return Err(invalid(message).because("ascii", &[("given", &shown)]));
    };
    filled_line(&folded, MAX_LENGTH).map(str::to_owned)
}

/// The divisions of a country.
#[derive(Clone, Copy)]
struct Divisions {
    country: Country,
}

impl Divisions {
    fn rows(self) -> impl Iterator<Item = &'static str> {
        DIVISIONS.rows_of(self.country.alpha2())
    }

    fn exist(self) -> bool {
        self.rows().next().is_some()
    }

    /// The main name of the division with this name in its own script.
    fn in_own_script(self, key: &str) -> Option<&'static str> {
        let own = |row| names(row).filter(|name| !name.is_ascii());
        let exact = self.rows().find(|row| own(row).any(|name| name_key(name) == key));
        let stem = script_stem(key);
        let by_stem = || self.rows().find(|row| own(row).any(|name| script_stem(&name_key(name)) == stem));
        exact.or_else(by_stem).map(main_name)
    }

    /// The division that an ASCII text names: by a name, by a code, or by a name with or without its generic words.
    fn named(self, text: &str, key: &str) -> Option<Reading> {
        if key.is_empty() {
            return None;
        }
        for row in self.rows() {
            let mut kept = main_name(row);
            for name in names(row).filter(|name| name.is_ascii()) {
                if !name.starts_with('~') {
                    kept = name;
                }
                if same_name(name, key) {
                    return Some(Reading::State(kept.to_owned()));
                }
            }
        }
        let local = key.strip_prefix(&self.country.alpha2().to_ascii_lowercase());
        for row in self.rows() {
            let mut codes = [cell(row, 1)].into_iter().chain(entries(row, 2)).filter(|code| !code.is_empty());
            if codes.any(|code| is_code(code, key) || local.is_some_and(|local| is_code(code, local))) {
                return Some(Reading::Instead(main_name(row).to_owned()));
            }
        }
        let core: String = core(text).collect::<String>().to_ascii_lowercase();
        let known = |name: &str| name.is_ascii() && has_core(name, &core);
        let known = core.len() > 1 && self.rows().flat_map(names).any(known);
        known.then(|| Reading::State(text.to_owned()))
    }

    /// The name that a misspelt one stands for; `None` if several are near.
    fn near(self, key: &str) -> Option<&'static str> {
        let candidates = self.rows().flat_map(|row| {
            let latin = names(row).filter(|name| name.is_ascii());
            latin.map(move |name| (key_of_ascii(name), Near { row, name: name.trim_start_matches('~') }))
        });
        only_near(key, candidates).map(|near| near.name)
    }
}

/// A candidate for a misspelt name.
struct Near {
    row: &'static str,
    name: &'static str,
}

impl PartialEq for Near {
    /// Names of the same division are equal, and so are divisions with the same name.
    fn eq(&self, other: &Self) -> bool {
        self.row == other.row || self.name == other.name
    }
}

fn names(row: &'static str) -> impl Iterator<Item = &'static str> {
    entries(row, 3)
}

fn main_name(row: &'static str) -> &'static str {
    names(row).next().unwrap_or_default()
}

/// Whether a code has this key. Some codes have letters beyond ASCII (`BaWü`).
fn is_code(code: &str, key: &str) -> bool {
    if code.is_ascii() { same_name(code, key) } else { name_key(code) == key }
}

/// Whether an ASCII name has the key `key`.
fn same_name(name: &str, key: &str) -> bool {
    let mut letters = name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    key.bytes().all(|byte| letters.next() == Some(byte)) && letters.next().is_none()
}

/// The [`name_key`] of an ASCII name.
fn key_of_ascii(name: &str) -> Cow<'_, str> {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect::<String>()
        .into()
}

/// The words of a name without the generic ones: `Masovian` of `Masovian Voivodeship`, `Mexico` of `Estado de Mexico`.
fn core(name: &str) -> impl Iterator<Item = &str> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.filter(|word| {
        !word.bytes().all(|byte| byte.is_ascii_alphabetic())
            || GENERIC.binary_search(&word.to_ascii_lowercase().as_str()).is_err()
    })
}

fn has_core(name: &str, wanted: &str) -> bool {
    let mut rest = wanted;
    for word in core(name) {
        match rest.get(..word.len()) {
            Some(start) if start.eq_ignore_ascii_case(word) => rest = &rest[word.len()..],
            _ => return false,
        }
    }
    rest.is_empty()
}

/// A name in its own script without the suffix for the kind of division: `大阪府` is `大阪`.
fn script_stem(key: &str) -> &str {
    let kinds = [
        "特别行政区",
        "自治区",
        "特別市",
        "특별자치도",
        "특별자치시",
        "특별시",
        "광역시",
        "省",
        "市",
        "県",
        "縣",
        "府",
        "都",
        "道",
        "區",
        "区",
        "도",
        "시",
        "область",
        "обл",
        "край",
    ];
    let stem = kinds.iter().find_map(|kind| key.strip_suffix(kind)).unwrap_or(key);
    if stem.chars().count() > 1 { stem } else { key }
}

#[cfg(test)]
mod tests;
