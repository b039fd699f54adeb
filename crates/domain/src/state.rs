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

/// The longest state, in characters.
const MAX_LENGTH: usize = 255;

/// The divisions of all countries but the US. Alpha-2 code of the country; ISO's code of the division without it, `""`
/// where ISO has none; further abbreviations; names, ASCII first, then those in the country's own script. A name after
/// `~` is another way to write the one before it (`Thueringen`).
static DIVISIONS: Table = Table(include_str!("../data/divisions.tsv"));

/// Countries whose divisions the tables do not have in their own script: any text is taken for one there.
const INCOMPLETE: [&str; 4] = ["BY", "IQ", "KZ", "MN"];

/// What a text says of a state.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    /// The state in the form that is kept.
    State(String),
    /// It says that there is no state, in a country where there need be none.
    Blank,
    /// A code or a name that stands for this state, which is to be written otherwise.
    Instead(String),
    /// Only an abbreviation, in a country where any name is taken.
    Abbreviation,
    /// No state of the country; what was meant, where that is beyond doubt.
    Unknown(Option<String>),
}

/// Reads the state of an address in `country`: `None` where the text stands for nothing (`-`) and the country needs no
/// state. While the country is not known, only the form of the text is judged. The violation's pointer is `""`.
pub(crate) fn parse(text: &str, country: Option<Country>) -> Result<Option<String>, Violation> {
    let text = filled_line(text, MAX_LENGTH)?;
    let Some(country) = country else { return folded(text).map(Some) };
    let message = match read(text, country)? {
        Reading::State(state) => return Ok(Some(state)),
        Reading::Blank => return Ok(None),
        Reading::Instead(state) if country.is_us() => {
            format!("must be the abbreviation of two letters: use {state}")
        }
        Reading::Instead(name) => format!("must be the full name: use {name}"),
        Reading::Abbreviation => {
            format!("must be the full name of a state or region of {}, not {text:?}", country.name())
        }
        Reading::Unknown(meant) => {
            let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
            let shown = shortened(text);
            if country.is_us() {
                format!("must be the USPS abbreviation of a state or territory, not {shown:?}{hint}")
            } else {
                let country = country.name();
                format!("must be the full name of a state or region of {country}, not {shown:?}{hint}")
            }
        }
    };
    Err(invalid(message))
}

/// The state as a directory writes it, in the form that is kept: like [`parse`], but a code becomes the name that it
/// stands for (`NSW`), in the US a name its abbreviation, and what is unknown stays as it is written.
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
    // CLDR's names have footnotes. From here on all is judged in the form that is kept.
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
    // A country stands for its divisions: "Singapore, Singapore"; "PR" is a state on every form of the US.
    let is_country = || (free || key.len() > 3) && Country::parse(text) == Ok(country);
    // Britons and Irishmen abbreviate counties as they like.
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

/// Whether the text is what forms are filled with that want something where there is nothing.
fn is_filler(text: &str) -> bool {
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    matches!(letters.as_str(), "" | "na" | "none" | "nil" | "null" | "notapplicable")
}

/// Any text that can be written in ASCII.
fn folded(text: &str) -> Result<String, Violation> {
    let Some(folded) = ascii(text) else {
        let message = format!("must be transliterated to ASCII, for {:?} cannot be", shortened(text));
        return Err(invalid(message));
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

    /// The division that is called so in its own script, by its main name.
    fn in_own_script(self, key: &str) -> Option<&'static str> {
        let own = |row| names(row).filter(|name| !name.is_ascii());
        let exact = self.rows().find(|row| own(row).any(|name| name_key(name) == key));
        let stem = script_stem(key);
        let by_stem = || self.rows().find(|row| own(row).any(|name| script_stem(&name_key(name)) == stem));
        exact.or_else(by_stem).map(main_name)
    }

    /// What a text in ASCII names: a division by one of its names, by its code, or by a name with or without words for
    /// what it is.
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

    /// The name that is meant by a misspelt one, where it is one alone.
    fn near(self, key: &str) -> Option<&'static str> {
        let candidates = self.rows().flat_map(|row| {
            let latin = names(row).filter(|name| name.is_ascii());
            latin.map(move |name| (key_of_ascii(name), Near { row, name: name.trim_start_matches('~') }))
        });
        only_near(key, candidates).map(|near| near.name)
    }
}

/// A name that a text is near to.
struct Near {
    row: &'static str,
    name: &'static str,
}

impl PartialEq for Near {
    /// Two names of one division mean the same, and so do two divisions of one name.
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

/// Whether a code is this key. Some have letters beyond ASCII (`BaWü`).
fn is_code(code: &str, key: &str) -> bool {
    if code.is_ascii() { same_name(code, key) } else { name_key(code) == key }
}

/// Whether the key of a name in ASCII is `key`.
fn same_name(name: &str, key: &str) -> bool {
    let mut letters = name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    key.bytes().all(|byte| letters.next() == Some(byte)) && letters.next().is_none()
}

/// The [`name_key`] of a name in ASCII.
fn key_of_ascii(name: &str) -> Cow<'_, str> {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect::<String>()
        .into()
}

/// The words of a name that say which division it is, not of what kind: those of `Masovian Voivodeship`, of
/// `Estado de Mexico`.
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

/// A name in its own script without the sign for what it is: `大阪府` is `大阪`.
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
