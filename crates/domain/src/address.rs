//! A customer's mailing address.

use crate::country::Country;
use crate::customer::Handling;
use crate::fields::Fields;
use crate::json::Json;
use crate::text::{filled_line, string};
use crate::violation::{Violation, Violations};
use crate::{state, zipcode};
use serde::Serialize;

/// A mailing address, its parts checked and in the form they are kept in. One that a directory gave may have parts
/// that no payload could; they may be sent back as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The first line: 1–255 characters.
    pub street1: String,
    /// The second line, if there is one: 1–255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street2: Option<String>,
    /// The city: 1–255 characters.
    pub city: String,
    /// In the US the USPS abbreviation (`MA`), elsewhere the ISO 3166-2 name in ASCII (`New South Wales`), or any
    /// text in ASCII where the post does not use ISO's divisions.
    pub state: String,
    /// In the US `12345` or `12345-6789`, elsewhere 1–16 letters, digits, spaces and hyphens.
    pub zipcode: String,
    /// ISO 3166-1 alpha-2: `US`.
    pub country: String,
}

impl Address {
    /// The longest street line or city, in characters.
    pub const MOST: usize = 255;

    const FIELDS: [&str; 6] = ["street1", "street2", "city", "state", "zipcode", "country"];

    /// Reads the object. Where fields are unknown they are ignored, or refused.
    ///
    /// # Errors
    /// Every rule that the object breaks, with pointers from it.
    pub fn parse(json: &Json, handling: Handling) -> Result<Self, Violations> {
        Self::read(json, None, handling)
    }

    /// Reads the object. What is equal to the part of `current` is no violation.
    pub(crate) fn read(json: &Json, current: Option<&Self>, handling: Handling) -> Result<Self, Violations> {
        let mut fields = Fields::of(json, "an object with street1, city, state, zipcode and country")?;
        // What is sent back as it was given is taken as it is.
        let same_country = current.filter(|current| same(fields.raw("country"), &current.country));
        let country = fields.given("country").and_then(|country| Country::read(country).ok());

        let street1 = unchanged(&fields, "street1", current.map(|a| &a.street1))
            .or_else(|| fields.required("street1", line));
        let street2 = unchanged(&fields, "street2", current.and_then(|a| a.street2.as_ref()))
            .or_else(|| fields.optional("street2", line));
        let city =
            unchanged(&fields, "city", current.map(|a| &a.city)).or_else(|| fields.required("city", line));
        let state = unchanged(&fields, "state", same_country.map(|a| &a.state))
            .or_else(|| fields.required("state", |json| state::parse(string(json)?, country)));
        let zipcode = unchanged(&fields, "zipcode", same_country.map(|a| &a.zipcode))
            .or_else(|| fields.required("zipcode", |json| zipcode::read(json, country)));
        let country = unchanged(&fields, "country", same_country.map(|a| &a.country)).or_else(|| {
            fields.required("country", |json| Ok::<_, Violation>(Country::read(json)?.alpha2().to_owned()))
        });
        if handling == Handling::Strict {
            fields.refuse_unknown(&Self::FIELDS, &[]);
        }

        match (street1, city, state, zipcode, country) {
            (Some(street1), Some(city), Some(state), Some(zipcode), Some(country))
                if fields.violations.is_empty() =>
            {
                Ok(Address { street1, street2, city, state, zipcode, country })
            }
            _ => Err(fields.violations),
        }
    }
}

fn line(json: &Json) -> Result<String, Violation> {
    filled_line(string(json)?, Address::MOST).map(str::to_owned)
}

/// The current part, if it is sent back just so: then it is not read again.
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
        Address::read(&Json::parse(json.as_bytes()).unwrap(), current, Handling::Strict)
            .map_err(|violations| violations.to_string())
    }

    fn address(street2: Option<&str>, state: &str, zipcode: &str, country: &str) -> Address {
        Address {
            street1: "1 Main St".to_owned(),
            street2: street2.map(str::to_owned),
            city: "Springfield".to_owned(),
            state: state.to_owned(),
            zipcode: zipcode.to_owned(),
            country: country.to_owned(),
        }
    }

    #[test]
    fn legal() {
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
        ] {
            let json = format!(r#"{{"street1": " 1 Main St", "city": "Springfield ", {rest}}}"#);
            let read_once = read(&json, None).unwrap();
            assert_eq!(read_once, expected, "{json}");
            assert_eq!(read(&serde_json::to_string(&read_once).unwrap(), None), Ok(expected));
        }
    }

    #[test]
    fn all_that_is_wrong_at_once() {
        for (json, message) in [
            ("7", "the body must be an object with street1, city, state, zipcode and country, not a number"),
            (
                r#"{"street2": "x"}"#,
                "street1 is required; city is required; state is required; zipcode is required; country is required",
            ),
            (
                r#"{"street1": "", "city": 7, "state": "Massachusetts", "zipcode": "1234", "country": "US", "zip": 1}"#,
                "street1 is required; city must be a string, not a number; \
                 state must be the abbreviation of two letters: use MA; \
                 zipcode must be a US ZIP code, 12345 or 12345-6789, not \"1234\"; \
                 zip is unknown; did you mean zipcode?",
            ),
            // Without a country there is no telling what a state is.
            (
                r#"{"street1": "a", "city": "b", "state": "Massachusetts", "zipcode": 1, "country": null}"#,
                "country is required",
            ),
        ] {
            assert_eq!(read(json, None), Err(message.to_owned()));
        }
    }

    #[test]
    fn what_a_directory_gave_may_be_sent_back() {
        let odd = address(Some("a\tb"), "Somewhere", "?", "AU");
        let json = serde_json::to_string(&odd).unwrap();
        assert_eq!(read(&json, Some(&odd)), Ok(odd.clone()));
        assert!(read(&json, None).is_err());
        // Another country is another meaning.
        assert!(read(&json.replace("\"AU\"", "\"DE\""), Some(&odd)).is_err());
        assert!(
            read(&json.replace("Somewhere", "Elsewhere"), Some(&odd)).unwrap_err().starts_with("state must")
        );
    }
}
