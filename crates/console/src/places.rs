//! Names of countries and of their states in the reader's language.

use crate::i18n::Lang;
use domain::Country;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Rows of alpha-2 code, what an address has of a state (nothing for the country itself), and German name. Made by
/// `scripts/address-tables`. States without a row are called in German what they are called in English.
const GERMAN: &str = include_str!("../locales/de.places.tsv");

static NAMES: LazyLock<HashMap<(&str, &str), &str>> = LazyLock::new(|| {
    let rows = GERMAN.lines().filter_map(|row| {
        let mut cells = row.split('\t');
        Some(((cells.next()?, cells.next()?), cells.next()?))
    });
    rows.collect()
});

/// The name of a country.
pub(crate) fn country(lang: Lang, country: Country) -> &'static str {
    match lang {
        Lang::En => country.name(),
        Lang::De => NAMES.get(&(country.alpha2(), "")).copied().unwrap_or_else(|| country.name()),
    }
}

/// All countries: code and name, in the order of their names.
pub(crate) fn countries(lang: Lang) -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> = Country::all().map(|place| (place.alpha2(), country(lang, place))).collect();
    all.sort_by_cached_key(|(_, name)| sort_key(name));
    all
}

/// The states to choose from in an address: what is written, and the name, in the order of the names.
pub(crate) fn states(lang: Lang, country: Country) -> Vec<(&'static str, String)> {
    let name = |(written, english): (&'static str, &'static str)| {
        let german = NAMES.get(&(country.alpha2(), written)).copied();
        (written, german.filter(|_| lang == Lang::De).unwrap_or(english).to_owned())
    };
    let mut all: Vec<_> = country.states().into_iter().map(name).collect();
    all.sort_by_cached_key(|(_, name)| sort_key(name));
    all
}

/// A name as it is sorted: letters with marks as those without (DIN 5007, variant 1).
fn sort_key(name: &str) -> String {
    let plain = |letter: char| match letter {
        'ä' | 'á' | 'à' | 'ã' | 'å' => 'a',
        'ç' => 'c',
        'é' | 'è' => 'e',
        'í' => 'i',
        'ö' | 'ó' | 'ô' | 'ō' => 'o',
        'ü' | 'ú' => 'u',
        other => other,
    };
    name.to_lowercase().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_and_states_have_german_names() {
        for place in Country::all() {
            assert!(NAMES.contains_key(&(place.alpha2(), "")), "{}", place.name());
        }
        // Every row is of a country, or of a state that an address there can have.
        for (code, written) in NAMES.keys() {
            let place = Country::with_code(code).unwrap();
            let is_there = written.is_empty() || place.states().iter().any(|(known, _)| known == written);
            assert!(is_there, "{code}: {written}");
        }
        let us = Country::with_code("US").unwrap();
        for (lang, name, state) in
            [(Lang::En, "United States", "California"), (Lang::De, "Vereinigte Staaten", "Kalifornien")]
        {
            assert_eq!(country(lang, us), name);
            assert!(states(lang, us).contains(&("CA", state.to_owned())), "{lang:?}");
            assert_eq!(states(lang, us).len(), us.states().len());
        }
    }

    #[test]
    fn names_are_sorted_as_their_language_does() {
        let german = countries(Lang::De);
        let place = |code: &str| german.iter().position(|(known, _)| *known == code).unwrap();
        // Österreich is not behind Zypern, and Ägypten is between Afghanistan and Albanien.
        assert!(place("AF") < place("EG") && place("EG") < place("AL"));
        assert!(place("AT") < place("TL") && place("AT") < place("CY"));
        assert_eq!(countries(Lang::En)[0].1, "Afghanistan");
    }
}
