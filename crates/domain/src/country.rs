//! Countries of ISO 3166-1 and Kosovo: their codes, their names, and the address parts that their post needs.

use crate::json::Json;
use crate::state;
use crate::table::{Table, cell, entries};
use crate::text::{ascii, filled_line, invalid, name_key, only_near, string, wrong_type};
use crate::violation::{Violation, shortened};
use std::borrow::Cow;

/// Alpha-2, alpha-3 and numeric code, English name; [`Needed`] of the state and of the postal code; the most zeros a
/// code starts with; forms of its codes; an example; what a state, a postal code and a city are called.
static COUNTRIES: Table = Table(include_str!("../data/countries.tsv"));

/// The [`country_key`] of every name of a country, and its alpha-2 code.
static NAMES: Table = Table(include_str!("../data/country_names.tsv"));

/// Names that two countries share.
const AMBIGUOUS: [(&str, [&str; 2]); 2] = [("korea", ["KR", "KP"]), ("virginislands", ["VG", "VI"])];

/// A country, territory or area of ISO 3166-1, or Kosovo (`XK`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Country {
    /// The row in [`COUNTRIES`].
    row: &'static str,
}

/// Whether a country's post needs a part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// An address without it is incomplete.
    Required,
    /// An address may have it.
    Optional,
    /// The post does not use it.
    Unused,
}

impl Needed {
    fn of(cell: &str) -> Self {
        match cell {
            "required" => Needed::Required,
            "optional" => Needed::Optional,
            _ => Needed::Unused,
        }
    }
}

impl Country {
    /// Reads an alpha-2 code, an alpha-3 code or a name in any case: ISO's, CLDR's English ones, the country's own in
    /// its languages, and others in common use (`UK`, `Deutschland`, `Korea, South`). The violation's pointer is `""`;
    /// its message says what is meant where that is beyond doubt.
    pub fn parse(text: &str) -> Result<Country, Violation> {
        let text = filled_line(text, 255)?;
        if let Some(country) = Self::named(text) {
            return Ok(country);
        }
        let key = country_key(text);
        if let Some((_, [one, other])) = AMBIGUOUS.iter().find(|(name, _)| *name == key) {
            let shown = |code| Self::with_code(code).map_or("", Self::name);
            return Err(invalid(format!(
                "must say which of two: {one} ({}) or {other} ({})",
                shown(one),
                shown(other)
            )));
        }
        if let Some(country) = Self::numbered(text) {
            return Err(invalid(format!("must be a code of letters or a name: use {}", country.alpha2())));
        }
        let hint = match Self::near(&key) {
            Some(country) => format!("; did you mean {} ({})?", country.name(), country.alpha2()),
            None => String::new(),
        };
        Err(invalid(format!(
            "must be a country of ISO 3166-1, by its code of two or three letters or its name, not {:?}{hint}",
            shortened(text)
        )))
    }

    pub(crate) fn read(json: &Json) -> Result<Country, Violation> {
        if let Json::Number(number) = json
            && let Some(country) = Self::numbered(&number.to_string())
        {
            let mut violation = wrong_type("a string", json);
            violation.message += &format!(": use {}", country.alpha2());
            return Err(violation);
        }
        Self::parse(string(json)?)
    }

    /// The country that a text means: the one that [`Country::parse`] accepts, or suggests in its message. The other parts of
    /// an address are validated by it.
    pub(crate) fn meant(json: &Json) -> Option<Country> {
        let text = string(json).ok()?;
        Self::named(text).or_else(|| Self::numbered(text)).or_else(|| Self::near(&country_key(text)))
    }

    /// All of them, in the order of their codes.
    pub fn all() -> impl Iterator<Item = Country> {
        COUNTRIES.0.lines().map(|row| Country { row })
    }

    /// The alpha-2 code: `US`.
    pub fn alpha2(self) -> &'static str {
        cell(self.row, 0)
    }

    /// The English name of CLDR: `United States`.
    pub fn name(self) -> &'static str {
        cell(self.row, 3)
    }

    /// Whether this is the United States of America. Its territories are separate countries.
    pub fn is_us(self) -> bool {
        self.alpha2() == "US"
    }

    /// Whether an address there needs a state.
    pub fn state(self) -> Needed {
        Needed::of(cell(self.row, 4))
    }

    /// Whether an address there needs a postal code.
    pub fn postal_code(self) -> Needed {
        Needed::of(cell(self.row, 5))
    }

    /// The maximum number of zeros at the start of a numeric postal code.
    pub(crate) fn leading_zeros(self) -> usize {
        cell(self.row, 6).parse().unwrap_or(0)
    }

    /// The forms of postal codes: `#` is a digit, `@` a letter, `*` either; other characters stand for themselves.
    pub(crate) fn postal_code_forms(self) -> impl Iterator<Item = &'static str> {
        entries(self.row, 7)
    }

    /// An example of a postal code, or `12345 or 12345-6789`; empty where there is none.
    pub fn postal_code_example(self) -> &'static str {
        cell(self.row, 8)
    }

    /// What a state is called there, such as `prefecture`; `province` is what addresses call one elsewhere.
    pub fn state_kind(self) -> &'static str {
        kind(cell(self.row, 9), "province")
    }

    /// What a postal code is called there: `zip`, `pin`, `eircode`, or `postal`.
    pub fn postal_code_kind(self) -> &'static str {
        kind(cell(self.row, 10), "postal")
    }

    /// What a city is called there: `district`, `post_town`, `suburb`, or `city`.
    pub fn city_kind(self) -> &'static str {
        kind(cell(self.row, 11), "city")
    }

    /// The country with this alpha-2 code.
    pub fn with_code(alpha2: &str) -> Option<Country> {
        COUNTRIES.rows_of(alpha2).next().map(|row| Country { row })
    }

    fn with_key(key: &str) -> Option<Country> {
        NAMES.rows_of(key).next().and_then(|row| Self::with_code(cell(row, 1)))
    }

    /// The country with this numeric code of ISO 3166-1, with or without leading zeros.
    fn numbered(text: &str) -> Option<Country> {
        let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let code = format!("{text:0>3}");
        COUNTRIES.rows().find(|row| digits && cell(row, 2) == code).map(|row| Country { row })
    }

    /// The states to choose from in an address there, with what each is written as: `MA` and `Massachusetts`. In the order of
    /// their names. Empty where the post has no use for them, or the tables have not all of them.
    pub fn states(self) -> Vec<(&'static str, &'static str)> {
        state::choices(self)
    }

    /// A state as an address there has it: the name of a code, the abbreviation of a name in the US. What is unknown stays as it
    /// is; `None` if it stands for no state.
    pub fn state_meant(self, text: &str) -> Option<String> {
        state::from_directory(text, self)
    }

    fn named(text: &str) -> Option<Country> {
        // Codes are the most frequent form, so they are tried first.
        if text.len() == 2
            && let Some(country) = Self::with_code(&text.to_ascii_uppercase())
        {
            return Some(country);
        }
        if let Some(country) = Self::with_key(&country_key(text)) {
            return Some(country);
        }
        // "Korea, South" and "Korea (Republic of)" are inverted names; "Germany (Deutschland)" has two names.
        let (head, tail) = text.split_once(',').or_else(|| text.split_once('('))?;
        let tail = tail.trim_end().trim_end_matches(')');
        let [key, head, tail] = [&format!("{tail} {head}"), head, tail].map(country_key);
        let twice = || Self::with_key(&head).filter(|country| Self::with_key(&tail) == Some(*country));
        Self::with_key(&key).or_else(twice)
    }

    /// The country of a misspelt name; `None` if several countries are near.
    fn near(key: &str) -> Option<Country> {
        let candidates = NAMES.rows().map(|row| (Cow::from(cell(row, 0)), cell(row, 1)));
        only_near(key, candidates).and_then(Self::with_code)
    }
}

fn kind(named: &'static str, other: &'static str) -> &'static str {
    if named.is_empty() { other } else { named }
}

impl std::fmt::Debug for Country {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.alpha2())
    }
}

/// The [`name_key`] without "the", "of" and "and", and with "st" for every form of "saint".
fn country_key(name: &str) -> String {
    let key = name_key(name);
    if !key.is_ascii() {
        return key;
    }
    let words = ascii(name).unwrap_or_default().to_ascii_lowercase();
    let telling: String = words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| match word {
            "the" | "of" | "and" => "",
            "saint" | "sainte" | "ste" => "st",
            other => other,
        })
        .collect();
    // "AND" alone is the code of Andorra.
    if telling.is_empty() { key } else { telling }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_is_found_by_its_codes_and_its_name() {
        assert_eq!(COUNTRIES.rows().count(), 250);
        for row in COUNTRIES.rows() {
            let country = Country { row };
            for name in [country.alpha2(), cell(row, 1), country.name()] {
                assert_eq!(Country::parse(name), Ok(country), "{name}");
                assert_eq!(Country::parse(&name.to_lowercase()), Ok(country), "{name}");
                assert_eq!(Country::parse(&name.to_uppercase()), Ok(country), "{name}");
            }
            let number = cell(row, 2);
            let message = Country::parse(number).map_err(|violation| violation.message);
            let expected = if number.is_empty() {
                "is required".to_owned()
            } else {
                format!("must be a code of letters or a name: use {}", country.alpha2())
            };
            assert_eq!(message, Err(expected), "{number}");
        }
    }

    /// Names from ISO, CLDR and a list for web forms, including official and local names.
    #[test]
    fn names_of_the_sources_are_accepted() {
        let (mut all, mut refused) = (0_usize, Vec::new());
        for row in Table(include_str!("../tests/data/country_names.tsv")).rows() {
            for name in entries(row, 1) {
                for name in
                    [name.to_owned(), name.to_lowercase(), name.to_uppercase(), name.replace('&', "and")]
                {
                    all += 1;
                    if Country::parse(&name).map(Country::alpha2).as_ref() != Ok(&cell(row, 0)) {
                        refused.push(name);
                    }
                }
            }
        }
        assert!(
            all > 3000 && refused.len() * 200 < all,
            "{} of {all} are refused: {refused:?}",
            refused.len()
        );
    }

    #[test]
    fn common_names_are_accepted() {
        for (name, alpha2) in [
            ("us", "US"),
            ("Usa", "US"),
            ("U.S.A.", "US"),
            ("The United States of America", "US"),
            ("  united   states ", "US"),
            ("UK", "GB"),
            ("U.K.", "GB"),
            ("England", "GB"),
            ("The Netherlands", "NL"),
            ("Netherlands", "NL"),
            ("Kingdom of the Netherlands", "NL"),
            ("Netherlands (Kingdom of the)", "NL"),
            ("Nederland", "NL"),
            ("Bolivia", "BO"),
            ("Bolivia (Plurinational State of)", "BO"),
            ("Venezuela, Bolivarian Republic of", "VE"),
            ("United Republic of Tanzania", "TZ"),
            ("Iran", "IR"),
            ("Iran (Islamic Republic of)", "IR"),
            ("Moldova", "MD"),
            ("Taiwan", "TW"),
            ("Taiwan (Province of China)", "TW"),
            ("Palestine", "PS"),
            ("Republic of Korea", "KR"),
            ("Korea (the Republic of)", "KR"),
            ("Korea, South", "KR"),
            ("South Korea", "KR"),
            ("대한민국", "KR"),
            ("Korea, Democratic People's Republic of", "KP"),
            ("Congo", "CG"),
            ("Congo - Kinshasa", "CD"),
            ("Congo (DRC)", "CD"),
            ("Congo (the Democratic Republic of the)", "CD"),
            ("Democratic Republic of the Congo", "CD"),
            ("Virgin Islands (British)", "VG"),
            ("U.S. Virgin Islands", "VI"),
            ("Virgin Islands, U.S.", "VI"),
            ("Falkland Islands", "FK"),
            ("Saint Helena", "SH"),
            ("St. Kitts & Nevis", "KN"),
            ("Saint Kitts and Nevis", "KN"),
            ("Côte d’Ivoire", "CI"),
            ("Ivory Coast", "CI"),
            ("Reunion", "RE"),
            ("Turkiye", "TR"),
            ("Turkey", "TR"),
            ("TÜRKİYE", "TR"),
            ("Curacao", "CW"),
            ("Bahamas, The", "BS"),
            ("The Gambia", "GM"),
            ("Bosnia & Herzegovina", "BA"),
            ("Hong Kong SAR China", "HK"),
            ("Hong Kong SAR", "HK"),
            ("Myanmar (Burma)", "MM"),
            ("Burma", "MM"),
            ("Czech Republic", "CZ"),
            ("Česká republika", "CZ"),
            ("Federal Republic of Germany", "DE"),
            ("Deutschland", "DE"),
            ("Germany (Deutschland)", "DE"),
            ("Kingdom of Spain", "ES"),
            ("España", "ES"),
            ("Espana", "ES"),
            ("Kosovo", "XK"),
            ("XK", "XK"),
            ("日本", "JP"),
            ("Россия", "RU"),
            ("Ελλάδα", "GR"),
            ("ישראל", "IL"),
            ("भारत", "IN"),
            ("中国", "CN"),
            ("台灣", "TW"),
            ("Korea", ""),
            ("Virgin Islands", ""),
            ("The", ""),
            ("Atlantis", ""),
            ("XX", ""),
            ("840", ""),
            ("東京", ""),
            ("", ""),
        ] {
            assert_eq!(Country::parse(name).map_or("", Country::alpha2), alpha2, "{name:?}");
        }
    }

    #[test]
    fn unknown_names_get_a_suggestion_or_none() {
        for (name, hint) in [
            ("Germny", Some("did you mean Germany (DE)?")),
            ("Untied States", Some("did you mean United States (US)?")),
            ("Korea", Some("KR (South Korea) or KP (North Korea)")),
            ("276", Some("use DE")),
            ("008", Some("use AL")),
            ("8", Some("use AL")),
            // Australia and Austria are as near.
            ("Austrlia", None),
            ("Atlantis", None),
            ("XX", None),
            ("Westeros", None),
            ("999", None),
        ] {
            let message = Country::parse(name).unwrap_err().message;
            match hint {
                Some(hint) => assert!(message.ends_with(hint), "{message}"),
                None => assert!(message.ends_with(&format!("not {name:?}")), "{message}"),
            }
        }
    }

    /// Of every name a neighbour, at one edit or at two.
    #[test]
    fn suggestions_for_misspelt_names_are_right() {
        let (mut all, mut helped) = (0_u32, 0_u32);
        for row in NAMES.rows().filter(|row| cell(row, 0).is_ascii()) {
            for wrong in crate::text::neighbours(cell(row, 0)).into_iter().skip(row.len() % 3).take(1) {
                if Country::with_key(&wrong).is_some() || !(4..=64).contains(&wrong.len()) {
                    continue;
                }
                all += 1;
                match Country::near(&wrong) {
                    None => {}
                    Some(country) if country.alpha2() == cell(row, 1) => helped += 1,
                    Some(country) => panic!("{wrong} is {}, not {}", cell(row, 0), country.alpha2()),
                }
            }
        }
        assert!(helped * 10 > all * 6, "{helped} of {all} are told what is meant");
    }
}
