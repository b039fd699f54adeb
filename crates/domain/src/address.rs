//! A customer's mailing address.

use crate::country::{Country, Needed};
use crate::fields::Fields;
use crate::json::Json;
use crate::text::{filled_line, required, string};
use crate::violation::{Violation, Violations};
use crate::{state, zipcode};
use serde::{Deserialize, Serialize};

/// A mailing address with validated and normalized parts. An address from a directory may lack parts that a payload must
/// have, and may have values that a payload cannot introduce; a payload may send those back unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The first line: 1–255 characters.
    pub street1: String,
    /// The second line, if there is one: 1–255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street2: Option<String>,
    /// The city: 1–255 characters.
    pub city: String,
    /// In the US the USPS abbreviation (`MA`), elsewhere the name of a division in ASCII (`New South Wales`), or any
    /// text in ASCII where the post does not use divisions. `None` only where the post needs none, or the directory
    /// that gave the address has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// In the US `12345` or `12345-6789`, elsewhere 1–16 characters in the form of the country. `None` as for the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zipcode: Option<String>,
    /// ISO 3166-1 alpha-2: `US`.
    pub country: String,
}

impl Address {
    /// The longest street line or city, in characters.
    pub const MAX_LENGTH: usize = 255;

    /// Reads an address that a directory gave. Street, city and country are required; state and postal code are normalized
    /// where their meaning is certain, and kept as written otherwise.
    pub fn from_directory(json: &Json) -> Result<Self, Violations> {
        Self::read_from(json, Source::Directory)
    }

    /// Reads the object of a payload.
    ///
    /// # Errors
    /// Every violation of it.
    pub fn parse(json: &Json) -> Result<Self, Violations> {
        Self::read(json, None)
    }

    /// The lines of the address as it is printed, the country by its name.
    pub fn lines(&self) -> Vec<String> {
        let Address { street1, street2, city, state, zipcode, country } = self;
        let country =
            Country::parse(country).map_or_else(|_| country.clone(), |country| country.name().to_owned());
        let region = [state.as_deref(), zipcode.as_deref()].into_iter().flatten();
        let region: Vec<&str> = region.filter(|part| !part.is_empty()).collect();
        let city = if region.is_empty() { city.clone() } else { format!("{city}, {}", region.join(" ")) };
        let lines = [street1.clone(), street2.clone().unwrap_or_default(), city, country];
        lines.into_iter().filter(|line| !line.is_empty()).collect()
    }

    /// Reads the object of a payload. Parts that are equal to those of `current` are not validated again.
    pub(crate) fn read(json: &Json, current: Option<&Self>) -> Result<Self, Violations> {
        Self::read_from(json, Source::Payload(current))
    }

    fn read_from(json: &Json, source: Source<'_>) -> Result<Self, Violations> {
        let mut fields = Fields::of(json, "an object with street1, city, state, zipcode and country")?;
        let current = match source {
            Source::Payload(current) => current,
            Source::Directory => None,
        };
        // A part that equals the current one is accepted unchanged: it may come from a directory and break a rule.
        let same_country = current.filter(|current| same(fields.raw("country"), &current.country));
        let country = fields.given("country").and_then(Country::meant);

        let street1 = unchanged(&fields, "street1", current.map(|a| &a.street1))
            .or_else(|| fields.required("street1", line));
        let street2 = unchanged(&fields, "street2", current.and_then(|a| a.street2.as_ref()))
            .or_else(|| fields.optional("street2", line));
        let city =
            unchanged(&fields, "city", current.map(|a| &a.city)).or_else(|| fields.required("city", line));
        let (state, zipcode) = match (source, country) {
            (Source::Directory, Some(country)) => {
                let part = |key, read: fn(&str, Country) -> Option<String>| {
                    let written = fields.given(key).map(string);
                    written.and_then(Result::ok).and_then(|written| read(written, country))
                };
                (part("state", state::from_directory), part("zipcode", zipcode::from_directory))
            }
            (Source::Directory, None) => (None, None),
            (Source::Payload(_), _) => {
                let of_current = same_country.map(|a| a.state.as_ref());
                let needed = country.map_or(Needed::Required, Country::state);
                let state = part(&mut fields, "state", of_current, needed, |json| {
                    state::parse(string(json)?, country)
                });
                let of_current = same_country.map(|a| a.zipcode.as_ref());
                let needed = country.map_or(Needed::Required, Country::postal_code);
                let zipcode =
                    part(&mut fields, "zipcode", of_current, needed, |json| zipcode::read(json, country));
                (state, zipcode)
            }
        };
        let country = unchanged(&fields, "country", same_country.map(|a| &a.country)).or_else(|| {
            fields.required("country", |json| Ok::<_, Violation>(Country::read(json)?.alpha2().to_owned()))
        });

        match (street1, city, country) {
            (Some(street1), Some(city), Some(country)) if fields.violations.is_empty() => {
                Ok(Address { street1, street2, city, state, zipcode, country })
            }
            _ => Err(fields.violations),
        }
    }
}

/// The origin of an address object.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// The payload of a request, which may send back parts of this current address.
    Payload(Option<&'a Address>),
    /// A directory, whose values are normalized rather than rejected.
    Directory,
}

/// The state or the postal code, which some countries do not need; `of_current` is the current part, if the current address
/// is in the same country.
fn part(
    fields: &mut Fields<'_>,
    key: &str,
    of_current: Option<Option<&String>>,
    needed: Needed,
    read: impl FnOnce(&Json) -> Result<Option<String>, Violation>,
) -> Option<String> {
    if fields.given(key).is_none() {
        if needed == Needed::Required && of_current != Some(None) {
            fields.refuse(key, required());
        }
        return None;
    }
    unchanged(fields, key, of_current.flatten()).or_else(|| fields.optional(key, read).flatten())
}

fn line(json: &Json) -> Result<String, Violation> {
    filled_line(string(json)?, Address::MAX_LENGTH).map(str::to_owned)
}

/// The current part, if the payload sends it back unchanged.
fn unchanged(fields: &Fields<'_>, key: &str, current: Option<&String>) -> Option<String> {
    current.filter(|current| same(fields.raw(key), current)).cloned()
}

fn same(given: Option<&Json>, current: &str) -> bool {
    matches!(given, Some(Json::String(text)) if text == current)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, current: Option<&Address>) -> Result<Address, String> {
        Address::read(&Json::parse(json.as_bytes()).unwrap(), current)
            .map_err(|violations| violations.to_string())
    }

    fn address(street2: Option<&str>, state: &str, zipcode: &str, country: &str) -> Address {
        Address {
            street1: "1 Main St".to_owned(),
            street2: street2.map(str::to_owned),
            city: "Springfield".to_owned(),
            state: (!state.is_empty()).then(|| state.to_owned()),
            zipcode: (!zipcode.is_empty()).then(|| zipcode.to_owned()),
            country: country.to_owned(),
        }
    }

    #[test]
    fn valid_addresses_are_normalized() {
        for (rest, expected) in [
            (r#""state": "MA", "zipcode": "01234", "country": "US""#, address(None, "MA", "01234", "US")),
            (r#""state": "ma", "zipcode": 1234, "country": "usa""#, address(None, "MA", "01234", "US")),
            (
                r#""street2": " ", "state": "new south wales", "zipcode": 2000, "country": "Australia""#,
                address(None, "New South Wales", "2000", "AU"),
            ),
            (
                r#""street2": " Flat 2 ", "state": "Kent", "zipcode": "ME1 1AA", "country": "UK""#,
                address(Some("Flat 2"), "Kent", "ME1 1AA", "GB"),
            ),
            (r#""country": "Hong Kong SAR""#, address(None, "", "", "HK")),
            (r#""country": "AE", "state": "Dubai", "zipcode": "N/A""#, address(None, "Dubai", "", "AE")),
            (
                r#""country": "Portugal", "state": "", "zipcode": "1000-001""#,
                address(None, "", "1000-001", "PT"),
            ),
            (r#""country": "Deutschland", "zipcode": 1067"#, address(None, "", "01067", "DE")),
            (r#""country": "SG", "state": "-", "zipcode": 18956"#, address(None, "", "018956", "SG")),
        ] {
            let json = format!(r#"{{"street1": " 1 Main St", "city": "Springfield ", {rest}}}"#);
            let read_once = read(&json, None).unwrap();
            assert_eq!(read_once, expected, "{json}");
            assert_eq!(read(&serde_json::to_string(&read_once).unwrap(), None), Ok(expected));
        }
    }

    #[test]
    fn invalid_addresses_report_every_violation() {
        for (json, message) in [
            ("7", "the body must be an object with street1, city, state, zipcode and country, not a number"),
            (
                r#"{"street2": "x"}"#,
                "street1 is required; city is required; state is required; zipcode is required; country is required",
            ),
            (
                r#"{"street1": "", "city": 7, "state": "Massachusetts", "zipcode": "1234", "country": "US"}"#,
                "street1 is required; city must be a string, not a number; \
                 state must be the abbreviation of two letters: use MA; \
                 zipcode must be a US ZIP code, 12345 or 12345-6789, not \"1234\"; did you mean 01234?",
            ),
            // A state cannot be validated without a country.
            (
                r#"{"street1": "a", "city": "b", "state": "Massachusetts", "zipcode": 1, "country": null}"#,
                "country is required",
            ),
            // A misspelt country whose meaning is certain is used to validate state and postal code.
            (
                r#"{"street1": "a", "city": "b", "state": "Massachusetts", "zipcode": "1234", "country": "Untied States"}"#,
                "state must be the abbreviation of two letters: use MA; \
                 zipcode must be a US ZIP code, 12345 or 12345-6789, not \"1234\"; did you mean 01234?; \
                 country must be a country of ISO 3166-1, by its code of two or three letters or its name, \
                 not \"Untied States\"; did you mean United States (US)?",
            ),
            (
                r#"{"street1": "a", "city": "b", "zipcode": "1067", "country": "276"}"#,
                "zipcode must be a postal code of Germany such as 26133, not \"1067\"; did you mean 01067?; \
                 country must be a code of letters or a name: use DE",
            ),
            (
                r#"{"street1": "a", "city": "b", "state": "c", "zipcode": "d", "country": 276}"#,
                "country must be a string, not a number: use DE",
            ),
            (
                r#"{"street1": "a", "city": "b", "country": "Atlantis", "zipcode": -1}"#,
                "state is required; zipcode must be a whole number or a string, not -1; \
                 country must be a country of ISO 3166-1, by its code of two or three letters or its name, not \"Atlantis\"",
            ),
        ] {
            assert_eq!(read(json, None), Err(message.to_owned()));
        }
    }

    #[test]
    fn values_from_a_directory_may_be_sent_back() {
        let odd = address(Some("a\tb"), "Somewhere", "?", "AU");
        let json = serde_json::to_string(&odd).unwrap();
        assert_eq!(read(&json, Some(&odd)), Ok(odd.clone()));
        assert!(read(&json, None).is_err());
        // In another country the same text has another meaning, so it is validated.
        assert!(read(&json.replace("\"AU\"", "\"DE\""), Some(&odd)).is_err());
        assert!(
            read(&json.replace("Somewhere", "Elsewhere"), Some(&odd)).unwrap_err().starts_with("state must")
        );
        // A part that the directory's address lacks may be absent from the payload.
        let bare = address(None, "", "", "AU");
        let json = serde_json::to_string(&bare).unwrap();
        assert_eq!(read(&json, Some(&bare)), Ok(bare));
        assert_eq!(read(&json, Some(&odd)), Err("state is required; zipcode is required".to_owned()));
    }
}
