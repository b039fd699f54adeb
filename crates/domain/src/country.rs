//! Countries: ISO 3166-1, and the names people send for them.

use crate::json::Json;
use crate::text::{any_of, closest, filled_line, invalid, skeleton, string};
use crate::violation::{Violation, shortened};
use rust_iso3166::{ALL, CountryCode};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// A country, territory or area of ISO 3166-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Country(&'static CountryCode);

impl Country {
    /// Reads an alpha-2 code, an alpha-3 code or an English name, in any case, with or without a leading "the":
    /// ISO's short name, its everyday form (`Iran`, `South Korea`) or its full order (`Republic of Korea`). The
    /// violation's pointer is `""`, and its message names the closest countries.
    pub fn parse(text: &str) -> Result<Country, Violation> {
        let text = filled_line(text, 255)?;
        // Most send a code or a plain name, which is its own skeleton.
        if let Some(country) = NAMES.get(&text.to_ascii_lowercase()) {
            return Ok(*country);
        }
        let wanted = without_the(skeleton(&text.replace('&', " and ")));
        if let Some(country) = NAMES.get(&wanted) {
            return Ok(*country);
        }
        let near = closest(&wanted, NAMES.iter().map(|(name, country)| (name.as_str(), country.name())), 3);
        Err(invalid(format!(
            "must be a country of ISO 3166-1, by code or English name, not {:?}; the closest are {}",
            shortened(text),
            any_of(&near)
        )))
    }

    pub(crate) fn read(json: &Json) -> Result<Country, Violation> {
        Self::parse(string(json)?)
    }

    /// The code of two capital letters: `US`.
    pub fn alpha2(self) -> &'static str {
        self.0.alpha2
    }

    /// ISO's English short name: `United States of America`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether it is the United States of America, whose territories are countries of their own.
    pub fn is_us(self) -> bool {
        self.alpha2() == "US"
    }
}

/// Common names that ISO's do not contain.
const ALIASES: [(&str, &str); 41] = [
    ("America", "US"),
    ("United States", "US"),
    ("U.S.", "US"),
    ("United Kingdom", "GB"),
    ("UK", "GB"),
    ("Great Britain", "GB"),
    ("Britain", "GB"),
    ("England", "GB"),
    ("Scotland", "GB"),
    ("Wales", "GB"),
    ("Northern Ireland", "GB"),
    ("Republic of Ireland", "IE"),
    ("Eire", "IE"),
    ("UAE", "AE"),
    ("Holland", "NL"),
    ("South Korea", "KR"),
    ("North Korea", "KP"),
    ("Russia", "RU"),
    ("Laos", "LA"),
    ("Syria", "SY"),
    ("Brunei", "BN"),
    ("Czech Republic", "CZ"),
    ("Turkey", "TR"),
    ("Ivory Coast", "CI"),
    ("Cape Verde", "CV"),
    ("Swaziland", "SZ"),
    ("Macedonia", "MK"),
    ("Burma", "MM"),
    ("East Timor", "TL"),
    ("Macau", "MO"),
    ("Hong Kong SAR", "HK"),
    ("Macao SAR", "MO"),
    ("Republic of China", "TW"),
    ("People's Republic of China", "CN"),
    ("DR Congo", "CD"),
    ("DRC", "CD"),
    ("Republic of the Congo", "CG"),
    ("Congo-Brazzaville", "CG"),
    ("Vatican", "VA"),
    ("Vatican City", "VA"),
    ("US Virgin Islands", "VI"),
];

/// Every way to name a country, as a skeleton without "the". A way that means two countries is none.
static NAMES: LazyLock<BTreeMap<String, Country>> = LazyLock::new(|| {
    let mut names: BTreeMap<String, Country> = BTreeMap::new();
    for country in ALL {
        for name in [country.alpha2, country.alpha3, country.name] {
            names.insert(without_the(skeleton(name)), Country(country));
        }
    }
    for (name, alpha2) in ALIASES {
        if let Some(country) = ALL.iter().find(|country| country.alpha2 == alpha2) {
            names.insert(skeleton(name), Country(country));
        }
    }
    // "Korea (Republic of)" is also "Republic of Korea", but not "Korea", for there are two.
    let mut derived: HashMap<String, Option<Country>> = HashMap::new();
    for country in ALL {
        let (short, official) = match country.name.split_once(" (") {
            Some((short, rest)) => (short, format!("{} {short}", rest.trim_end_matches(')'))),
            None => (country.name.split_once(',').map_or(country.name, |(short, _)| short), String::new()),
        };
        for name in [short, &official].map(|name| without_the(skeleton(name))) {
            match derived.entry(name) {
                Entry::Vacant(vacant) => _ = vacant.insert(Some(Country(country))),
                Entry::Occupied(mut ambiguous) => _ = ambiguous.insert(None),
            }
        }
    }
    for (name, country) in derived {
        if let Some(country) = country {
            names.entry(name).or_insert(country);
        }
    }
    names
});

fn without_the(skeleton: String) -> String {
    match skeleton.strip_prefix("the") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => skeleton,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_by_its_codes_and_its_name() {
        assert_eq!(ALL.len(), 249);
        for country in ALL {
            for name in [country.alpha2, country.alpha3, country.name] {
                assert_eq!(Country::parse(name).unwrap().alpha2(), country.alpha2, "{name}");
                assert_eq!(Country::parse(&name.to_lowercase()).unwrap().alpha2(), country.alpha2, "{name}");
            }
        }
    }

    #[test]
    fn every_alias_means_a_country_it_did_not_mean_before() {
        for (name, alpha2) in ALIASES {
            assert_eq!(Country::parse(name).map(Country::alpha2), Ok(alpha2), "{name}");
            assert!(
                !ALL.iter().any(|country| skeleton(country.name) == skeleton(name)),
                "{name} is ISO's own"
            );
        }
    }

    #[test]
    fn names() {
        for (name, alpha2) in [
            ("us", "US"),
            ("Usa", "US"),
            ("U.S.A.", "US"),
            ("The United States of America", "US"),
            ("  united   states ", "US"),
            ("The Netherlands", "NL"),
            ("Netherlands", "NL"),
            ("Kingdom of the Netherlands", "NL"),
            ("Bolivia", "BO"),
            ("Plurinational State of Bolivia", "BO"),
            ("Venezuela", "VE"),
            ("Tanzania", "TZ"),
            ("United Republic of Tanzania", "TZ"),
            ("Iran", "IR"),
            ("Islamic Republic of Iran", "IR"),
            ("Moldova", "MD"),
            ("Taiwan", "TW"),
            ("Micronesia", "FM"),
            ("Palestine", "PS"),
            ("State of Palestine", "PS"),
            ("Republic of Korea", "KR"),
            ("Democratic People's Republic of Korea", "KP"),
            ("Congo", "CG"),
            ("Democratic Republic of the Congo", "CD"),
            ("British Virgin Islands", "VG"),
            ("U.S. Virgin Islands", "VI"),
            ("Falkland Islands", "FK"),
            ("Saint Helena", "SH"),
            ("Côte d’Ivoire", "CI"),
            ("Cote d'Ivoire", "CI"),
            ("Reunion", "RE"),
            ("Turkiye", "TR"),
            ("Türkiye", "TR"),
            ("Curacao", "CW"),
            ("Bahamas", "BS"),
            ("The Gambia", "GM"),
            ("Bosnia & Herzegovina", "BA"),
            ("Korea", ""),
            ("Virgin Islands", ""),
            ("The", ""),
            ("Atlantis", ""),
            ("840", ""),
            ("Deutschland", ""),
            ("東京", ""),
            ("", ""),
        ] {
            let parsed = Country::parse(name).map_or("", Country::alpha2);
            assert_eq!(parsed, alpha2, "{name:?}");
        }
    }

    #[test]
    fn the_closest_are_named() {
        for (name, closest) in
            [("Germny", "\"Germany\""), ("Austrlia", "\"Australia\""), ("Untied States", "United States")]
        {
            let message = Country::parse(name).unwrap_err().message;
            assert!(message.contains(closest), "{message}");
        }
    }
}
