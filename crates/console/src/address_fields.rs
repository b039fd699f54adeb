//! The fields of an address as its country has them: what they are called, which are required, and the states to choose from.

use crate::i18n::Lang;
use crate::places;
use domain::{Country, Needed};

/// A field of an address.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressField {
    pub(crate) label: String,
    pub(crate) hint: String,
    /// Whether addresses there have it.
    pub(crate) is_used: bool,
}

/// The fields that depend on the country.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressFields {
    pub(crate) city: AddressField,
    pub(crate) state: AddressField,
    /// What is written and its name; empty where a state is typed.
    pub(crate) states: Vec<(&'static str, String)>,
    pub(crate) zipcode: AddressField,
}

/// The id of the message that names a state, a postal code or a city.
pub(crate) fn label(name: &str, country: Option<Country>) -> &'static str {
    let Some(country) = country else {
        return match name {
            "state" => "field-state",
            "zipcode" => "field-zipcode",
            _ => "field-city",
        };
    };
    match name {
        "state" if country.state() == Needed::Unused => "field-state",
        "state" => match country.state_kind() {
            "area" => "address-state-area",
            "county" => "address-state-county",
            "department" => "address-state-department",
            "district" => "address-state-district",
            "do_si" => "address-state-do-si",
            "emirate" => "address-state-emirate",
            "island" => "address-state-island",
            "oblast" => "address-state-oblast",
            "parish" => "address-state-parish",
            "prefecture" => "address-state-prefecture",
            "state" => "address-state-state",
            _ => "address-state-province",
        },
        "zipcode" => match country.postal_code_kind() {
            "zip" => "address-code-zip",
            "pin" => "address-code-pin",
            "eircode" => "address-code-eircode",
            _ => "field-zipcode",
        },
        _ => match country.city_kind() {
            "district" => "address-city-district",
            "suburb" => "address-city-suburb",
            "post_town" => "address-city-post-town",
            _ => "field-city",
        },
    }
}

impl AddressFields {
    /// The fields for this country, or before one is chosen.
    pub(crate) fn of(lang: Lang, country: Option<Country>) -> Self {
        let called = |name, needed| {
            let label = lang.text(label(name, country), None);
            let label = match needed {
                Needed::Required => label,
                _ => lang.text_with("address-optional", &[("label", &label)]),
            };
            AddressField { label, hint: String::new(), is_used: true }
        };
        let city = called("city", Needed::Required);
        let Some(country) = country else {
            let hint = lang.text("field-state-hint", None);
            let state = AddressField { hint, ..called("state", Needed::Required) };
            return AddressFields {
                city,
                state,
                states: Vec::new(),
                zipcode: called("zipcode", Needed::Required),
            };
        };
        let states = places::states(lang, country);
        let mut state = called("state", country.state());
        if states.is_empty() && country.state() != Needed::Unused {
            state.hint = lang.text("address-state-hint", None);
        }
        let mut zipcode = called("zipcode", country.postal_code());
        zipcode.is_used = country.postal_code() != Needed::Unused;
        // Of several forms the first is enough as an example.
        let example = country.postal_code_example().split(" or ").next().unwrap_or_default();
        if zipcode.is_used && !example.is_empty() {
            zipcode.hint = lang.text_with("address-code-hint", &[("example", example)]);
        }
        AddressFields { city, state, states, zipcode }
    }

    /// Whether the states to choose from lack this text, which is shown beside them.
    pub(crate) fn lacks(&self, state: &str) -> bool {
        !state.is_empty() && self.states.iter().all(|(value, _)| *value != state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_the_country() {
        for (country, city, state, states, zipcode, hint) in [
            (None, "Town or city", "State, province or region", 0, Some("Postal code"), ""),
            (Some("US"), "Town or city", "State", 62, Some("ZIP code"), "Such as 12345."),
            (Some("JP"), "Town or city", "Prefecture", 47, Some("Postal code"), "Such as 100-0001."),
            (Some("AE"), "Town or city", "Emirate (optional)", 7, None, ""),
            (
                Some("DE"),
                "Town or city",
                "State, province or region (optional)",
                0,
                Some("Postal code"),
                "Such as 26133.",
            ),
            (
                Some("IE"),
                "Town or city",
                "State, province or region (optional)",
                0,
                Some("Eircode (optional)"),
                "Such as D02 X285.",
            ),
            (
                Some("GB"),
                "Post town",
                "State, province or region (optional)",
                0,
                Some("Postal code"),
                "Such as SW1A 1AA.",
            ),
            (Some("HK"), "District", "State, province or region (optional)", 0, None, ""),
        ] {
            let fields = AddressFields::of(Lang::En, country.and_then(Country::with_code));
            assert_eq!((&*fields.city.label, &*fields.state.label), (city, state), "{country:?}");
            assert_eq!(fields.states.len(), states, "{country:?}");
            let shown = fields.zipcode.is_used.then_some(&*fields.zipcode.label);
            assert_eq!((shown, &*fields.zipcode.hint), (zipcode, hint), "{country:?}");
        }
        let us = AddressFields::of(Lang::En, Country::with_code("US"));
        assert!(us.lacks("Bayern") && !us.lacks("MA") && !us.lacks(""));
    }

    #[test]
    fn every_country_has_its_words_in_every_language() {
        for lang in Lang::ALL {
            for country in Country::all() {
                let fields = AddressFields::of(lang, Some(country));
                for label in [fields.city.label, fields.state.label, fields.zipcode.label] {
                    assert!(!label.contains('['), "{label}");
                }
            }
        }
    }
}
